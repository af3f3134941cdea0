"""A trained network compared with the machines that predict it, pixel by pixel, from the same noises by the same steps (KG)."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from tqdm import tqdm

from .. import nets, plots, process
from ..machines import EquivariantLocalScore, IdealScore, LocalScore, Machine, WindowMachine
from ..machines.windows import WindowLike
from ..measures import metrics
from ..types import Array
from . import calibration
from .drawing import blank
from .kept import at_once
from .page import words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WINDOWS = (3, 5, 7, 9, 11, 13, 15)


class Comparison(NamedTuple):
    """What `compare` found.

    Attributes
    ----------
    samples : dict of (B, H, W, C)
        The samples of "network", "ELS", "LS" and "IS", all from the same noises.
    agreement : dict of metrics.Agreement
        The agreement of each machine with the network.
    tables : dict of lists
        The windows of ELS and LS, least noise first.
    """

    samples: dict[str, Array]
    agreement: dict[str, metrics.Agreement]
    tables: Mapping[str, WindowLike]


def last(denoiser: nets.Network | Machine, noise: Array, steps: int = 20) -> Array:
    """The samples of a denoiser from these noises, by DDIM."""
    *_, step = process.ddim(denoiser, denoiser.schedule, noise=noise, steps=steps)
    return step.x


def calibrated_tables(
    network: nets.Network | Machine,
    images: Array,
    boundary: str,
    steps: int = 20,
    samples: int = 10,
    rng: int = 1,
    windows: Sequence[int] = WINDOWS,
    kept: Callable = at_once,
) -> dict[str, list[int]]:
    """{"ELS": table, "LS": table}, each calibrated against the network from other noises; see `calibration.against`.

    Windows that are too large for the images are left out. `kept` may be a `Kept`, for tables of an earlier run.
    """
    most = min(images.shape[1:3]) if boundary == "circular" else 2 * max(images.shape[1:3]) - 1
    fitting = tuple(k for k in windows if k <= most) or (1,)
    kinds: dict[str, type[WindowMachine]] = {"ELS": EquivariantLocalScore, "LS": LocalScore}

    def table(kind):
        return calibration.against(network, images, network.schedule, fitting, boundary, samples, steps, rng, machine=kind).table

    return {name: kept(f"table of {name}", partial(table, kind)) for name, kind in kinds.items()}


def compare(
    network: nets.Network | Machine,
    images: Array,
    noise: Array,
    tables: Mapping[str, WindowLike],
    boundary: str,
    steps: int = 20,
    progress: bool = False,
    kept: Callable = at_once,
) -> Comparison:
    """Sample from the network and from ELS, LS and IS by DDIM, from the same noises, and measure how well they agree.

    Parameters
    ----------
    network : callable with a `schedule`
        The trained denoiser.
    images : (N, H, W, C)
        The images that it was trained on.
    noise : (B, H, W, C)
        Unit normal noise, other than that of the calibration.
    tables : {"ELS": window, "LS": window}
    boundary : "circular" or "zeros"
        The padding of the network.
    steps : int
    progress : bool
        Whether to show a progress bar.
    kept : Kept, optional
        Keeps the samples of each denoiser, and gives those of an earlier run.

    Returns
    -------
    Comparison

    Examples
    --------
    >>> from minidiff import datasets, schedules
    >>> images, cosine = datasets.digits(size=8)[0][:40], schedules.cosine()
    >>> teacher = EquivariantLocalScore(images, cosine, window=5, boundary="zeros")
    >>> noise = process.unit_noise((3, 8, 8, 1), 0)
    >>> found = compare(teacher, images, noise, {"ELS": 5, "LS": 5}, "zeros", steps=5)
    >>> found.agreement["ELS"].determination.tolist()
    [1.0, 1.0, 1.0]
    """
    schedule = network.schedule
    denoisers = {
        "network": network,
        "ELS": EquivariantLocalScore(images, schedule, window=tables["ELS"], boundary=boundary),
        "LS": LocalScore(images, schedule, window=tables["LS"], boundary=boundary),
        "IS": IdealScore(images, schedule),
    }
    with tqdm(total=steps * len(denoisers), unit="step", desc="compare", disable=not progress) as bar:

        def walked(denoiser):
            for step in process.ddim(denoiser, schedule, noise=noise, steps=steps):
                bar.update()
                x = step.x
            return x

        samples = {name: kept(f"samples of {name}", partial(walked, denoiser)) for name, denoiser in denoisers.items()}
    agreement = {name: metrics.agreement(x, samples["network"]) for name, x in samples.items() if name != "network"}
    return Comparison(samples, agreement, tables)


def numbers(found: Comparison) -> dict[str, Any]:
    """The comparison in numbers: quartiles of r, r^2 and R^2 of each machine, and how often ELS has a larger r than IS."""
    measured = ("r", "r^2", "R^2")
    quartiles = {
        name: {key: metrics.quartiles(values) for key, values in zip(measured, one, strict=True)}
        for name, one in found.agreement.items()
    }
    above = found.agreement["ELS"].r > found.agreement["IS"].r
    return {**quartiles, "ELS above IS in r": int(above.sum()), "samples": len(above), "windows": found.tables}


def table(found: Comparison) -> str:
    """The comparison as text: medians and quartiles."""
    lines = [f"{'':4}{'r':>28}{'r^2':>28}{'R^2':>28}"]
    for name, one in numbers(found).items():
        if name in found.agreement:
            cells = (f"{q['median']:.3f} [{q['lower']:.3f}, {q['upper']:.3f}]" for q in one.values())
            lines.append(f"{name:4}" + "".join(f"{cell:>28}" for cell in cells))
    return "\n".join(lines)


def side_by_side(found: Comparison, ax: "Axes", shown: int) -> None:
    """Draw the samples of the network and the machines, a row each, with the r of ELS above."""
    names = ["network", "ELS, the theory", "own place only", "ideal denoiser"]
    heads = [f"r = {r:.2f}" for r in found.agreement["ELS"].r[:shown]]
    plots.rows([x[:shown] for x in found.samples.values()], names, ax=ax, heads=heads)


def figures(found: Comparison, shown: int = 8) -> "list[tuple[str, Figure, str]]":
    """[(file name, Figure, caption)]: the samples above each other, and the agreement of each sample."""
    side, spread = blank(0.9 * shown + 1, 4), blank(8, 3.2)
    side_by_side(found, side.subplots(), shown)
    left, right = spread.subplots(1, 2)
    for (name, one), colour in zip(found.agreement.items(), plots.PALETTE[4:], strict=False):
        left.plot(np.sort(one.r), np.arange(1, len(one.r) + 1) / len(one.r), color=colour, label=name)
    left.set(xlabel="r with the network, sample by sample", ylabel="share of samples below", xlim=(-0.2, 1.02))
    left.legend(frameon=False)
    right.scatter(found.agreement["IS"].r, found.agreement["ELS"].r, s=14, color=plots.PALETTE[4])
    right.plot([-0.2, 1], [-0.2, 1], color="0.6", linewidth=1)
    right.set(xlabel="r of the ideal denoiser", ylabel="r of ELS", xlim=(-0.2, 1.02), ylim=(-0.2, 1.02), aspect="equal")
    _, _, captions = words("agreement")
    return [(name, figure, captions[name]) for name, figure in (("side-by-side.png", side), ("agreement.png", spread))]


def over_training(
    images: Array,
    noise: Array,
    window: WindowLike,
    length: int = 12000,
    rng: int = 0,
    steps: int = 20,
    progress: bool = False,
    finished: Callable[[list], None] = lambda rows: None,
) -> list[dict[str, Any]]:
    """Train a network, and measure after every doubling of the steps how well its samples agree with those of ELS (zeros).

    Returns a list of {"step", "loss", "r", "R^2"}; r and R^2 are quartiles over the noises. The window of ELS stays the same, so
    all changes are changes of the network. finished(rows) is called after each of them, with the rows so far.
    """
    network = nets.Network(channels=images.shape[3], rng=rng)
    machine = EquivariantLocalScore(images, network.schedule, window=window, boundary="zeros")
    theory = last(machine, noise, steps)
    stops = {length >> halvings for halvings in range(7)}
    rows, losses = [], []
    for done in tqdm(nets.train(network, images, steps=length, rng=rng), total=length, unit="step", disable=not progress):
        losses.append(done.loss)
        if done.step in stops:
            found = metrics.agreement(theory, last(network, noise, steps))
            quartiles = {"r": metrics.quartiles(found.r), "R^2": metrics.quartiles(found.determination)}
            rows.append({"step": done.step, "loss": float(np.mean(losses[-100:])), **quartiles})
            finished(rows)
    return rows


def training_figure(rows: Sequence[Mapping[str, Any]]) -> "Figure":
    """A Figure of agreement and loss against training steps."""
    figure = blank(6, 3.4)
    ax = figure.subplots()
    step = [row["step"] for row in rows]
    ax.plot(step, [row["r"]["median"] for row in rows], "o-", color=plots.PALETTE[4], label="median r with ELS")
    ax.fill_between(
        step, [row["r"]["lower"] for row in rows], [row["r"]["upper"] for row in rows], color=plots.PALETTE[4], alpha=0.2
    )
    ax.set(xscale="log", xlabel="training steps", ylabel="r with ELS (quartiles shaded)")
    twin = ax.twinx()
    twin.plot(step, [row["loss"] for row in rows], "s--", color=plots.PALETTE[5])
    twin.set_ylabel("training loss", color=plots.PALETTE[5])
    return figure
