"""A trained network compared with the machines that predict it, pixel by pixel, from the same noises by the same steps (KG).

An r needs a baseline and a ceiling. The baseline is the best *linear* denoiser: mean and covariance of the training set (LUK).
The ceiling is another network. One of another training seed shows how far the training set decides; one of the other half of the
training set shows how far it matters which images there are.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from tqdm import tqdm

from .. import nets, plots, process
from ..machines import (
    EquivariantLocalScore,
    EquivariantScore,
    IdealScore,
    LocalScore,
    LocalWiener,
    Machine,
    StationaryWiener,
    Wiener,
    WindowMachine,
)
from ..machines.windows import WindowLike
from ..measures import metrics
from ..nets import archive
from ..nets.train import denoising_loss, stratified_times
from ..types import Array
from . import calibration
from .drawing import blank
from .kept import at_once
from .page import words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WINDOWS = (3, 5, 7, 9, 11, 13, 15)
TITLES = {"network": "network", "ELS": "ELS, the theory", "LS": "own place only", "IS": "ideal denoiser", "Wiener": "best linear"}
TITLES |= {
    "ES": "all translations",
    "StationaryWiener": "best linear,\nstationary",
    "LocalWiener": "best linear,\nin ELS's window",
}


class Comparison(NamedTuple):
    """What `compare` found.

    Attributes
    ----------
    samples : dict of (B, H, W, C)
        The samples of "network", of the machines ("ELS", "LS", "IS", "Wiener", "LocalWiener"; on a torus "ES" and
        "StationaryWiener" too, and no "Wiener"), and of other networks by their names, all from the same noises.
    agreement : dict of metrics.Agreement
        The agreement of each machine, and of each other network, with the network.
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
    kinds: Sequence[str] = ("ELS", "LS"),
) -> dict[str, list[int]]:
    """{"ELS": table, "LS": table}, each calibrated against the network from other noises; see `calibration.against`.

    Windows that are too large for the images are left out. `kept` may be a `Kept`, for tables of an earlier run.
    """
    most = min(images.shape[1:3]) if boundary == "circular" else 2 * max(images.shape[1:3]) - 1
    fitting = tuple(k for k in windows if k <= most) or (1,)
    machines: dict[str, type[WindowMachine]] = {"ELS": EquivariantLocalScore, "LS": LocalScore}

    def table(kind):
        return calibration.against(network, images, network.schedule, fitting, boundary, samples, steps, rng, machine=kind).table

    return {name: kept(f"table of {name}", partial(table, machines[name])) for name in kinds}


def compare(
    network: nets.Network | Machine,
    images: Array,
    noise: Array,
    tables: Mapping[str, WindowLike],
    boundary: str,
    steps: int = 20,
    progress: bool = False,
    kept: Callable = at_once,
    others: Mapping[str, nets.Network] | None = None,
) -> Comparison:
    """Sample from the network and from the machines by DDIM, from the same noises, and measure how well they agree.

    A network on a torus does not know where a pixel is. ES and `StationaryWiener` do not know it either; LS, IS and `Wiener` do.
    `LocalWiener` is given what ELS is given: the same windows, anywhere. What ELS has more than it is not linear.

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
    others : dict of Network, optional
        Other networks by name, such as one of another training seed: the ceiling for every machine.

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
    if boundary == "circular":
        denoisers |= {"ES": EquivariantScore(images, schedule), "StationaryWiener": StationaryWiener(images, schedule)}
    else:
        denoisers |= {"Wiener": Wiener(images, schedule)}
    denoisers["LocalWiener"] = LocalWiener(images, schedule, window=tables["ELS"], boundary=boundary, anywhere=True)
    denoisers |= others or {}
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
    """The comparison in numbers: r, r^2 and R^2 of each row as `metrics.median`, and in how many samples ELS has the larger r."""
    measured = ("r", "r^2", "R^2")
    medians = {
        name: {key: metrics.median(values) for key, values in zip(measured, one, strict=True)}
        for name, one in found.agreement.items()
    }
    els = found.agreement["ELS"].r
    above = {name: int((els > one.r).sum()) for name, one in found.agreement.items() if name != "ELS"}
    return {**medians, "ELS above in r": above, "samples": len(els), "windows": found.tables}


def table(found: Comparison) -> str:
    """The comparison as text: medians over the noises with 95 % intervals, and in how many samples ELS has the larger r."""
    told, width = numbers(found), max(len(name) for name in found.agreement)
    lines = [f"{'':{width}}" + "".join(f"{key:>28}" for key in ("r", "r^2", "R^2")) + f"{'ELS above in r':>18}"]
    for name in found.agreement:
        cells = (f"{q['median']:.3f} [{q['low']:.3f}, {q['high']:.3f}]" for q in told[name].values())
        above = f"{told['ELS above in r'][name]} of {told['samples']}" if name != "ELS" else ""
        lines.append(f"{name:{width}}" + "".join(f"{cell:>28}" for cell in cells) + f"{above:>18}")
    return "\n".join([*lines, "Medians over the noises; in brackets their 95 % intervals."])


def side_by_side(found: Comparison, ax: "Axes", shown: int) -> None:
    """Draw the samples of the network, the machines and other networks, a row each, with the r of ELS above."""
    names = [TITLES.get(name, name) for name in found.samples]
    heads = [f"r = {r:.2f}" for r in found.agreement["ELS"].r[:shown]]
    plots.rows([x[:shown] for x in found.samples.values()], names, ax=ax, heads=heads)


def figures(found: Comparison, shown: int = 8) -> "list[tuple[str, Figure, str]]":
    """[(file name, Figure, caption)]: the samples above each other, and the agreement of each sample."""
    side, spread = blank(0.9 * shown + 1, len(found.samples)), blank(8, 3.2)
    side_by_side(found, side.subplots(), shown)
    left, right = spread.subplots(1, 2)
    colours = itertools.cycle(plots.PALETTE[4:] + plots.PALETTE[:4])
    for (name, one), colour in zip(found.agreement.items(), colours, strict=False):
        left.plot(np.sort(one.r), np.arange(1, len(one.r) + 1) / len(one.r), color=colour, label=name)
    left.set(xlabel="r with the network, sample by sample", ylabel="share of samples below", xlim=(-0.2, 1.02))
    left.legend(frameon=False)
    right.scatter(found.agreement["IS"].r, found.agreement["ELS"].r, s=14, color=plots.PALETTE[4])
    right.plot([-0.2, 1], [-0.2, 1], color="0.6", linewidth=1)
    right.set(xlabel="r of the ideal denoiser", ylabel="r of ELS", xlim=(-0.2, 1.02), ylim=(-0.2, 1.02), aspect="equal")
    _, _, captions = words("agreement")
    return [(name, figure, captions[name]) for name, figure in (("side-by-side.png", side), ("agreement.png", spread))]


def snapshots(images: Array, folder: Path, length: int = 12000, rng: int = 0, progress: bool = False) -> dict[int, nets.Network]:
    """{step: network} of one training, after every doubling of the steps up to `length`.

    The networks are kept in `folder`. If a run is interrupted, the next call continues from its checkpoint.
    """
    name = f"{archive.fingerprint(images).split()[-1]}-seed{rng}-of{length}"
    paths = {step: folder / f"{name}-step{step}.npz" for step in sorted({length >> halvings for halvings in range(7)} - {0})}
    checkpoint = folder / f"{name}-checkpoint.npz"
    for known in (True, False):
        # A checkpoint may be of a step whose network was not yet kept when the process was killed: then all is done anew.
        if all(path.exists() for path in paths.values()):
            break
        network = nets.Network(channels=images.shape[3], rng=rng)
        resume = checkpoint if known and checkpoint.exists() else None
        run = nets.train(network, images, steps=length, rng=rng, checkpoint=checkpoint, resume=resume)
        with tqdm(total=length, unit="step", desc="train", disable=not progress) as bar:
            for done in run:
                bar.update(done.step - bar.n)
                if done.step in paths:
                    network.save(paths[done.step])
    checkpoint.unlink(missing_ok=True)
    return {step: nets.load(path) for step, path in paths.items()}


def training_loss(network: nets.Network, images: Array, rng: int = 0, batch: int = 64) -> float:
    """The network's loss on one noised copy of each training image; the same copies for the same `rng`."""
    generator, losses = np.random.default_rng(rng), []
    for low in range(0, len(images), batch):
        x0 = images[low : low + batch].astype(network.dtype, copy=False)
        times, eps = stratified_times(len(x0), generator), process.unit_noise(x0.shape, generator, x0.dtype)
        losses.append((denoising_loss(network, x0, times, eps)[0], len(x0)))
    values, counts = zip(*losses, strict=True)
    return float(np.average(values, weights=counts))


def over_training(
    images: Array,
    noise: Array,
    window: WindowLike,
    folder: Path,
    length: int = 12000,
    rng: int = 0,
    steps: int = 20,
    samples: int = 10,
    progress: bool = False,
    kept: Callable = at_once,
    finished: Callable[[list], None] = lambda rows: None,
) -> list[dict[str, Any]]:
    """Train a network (zeros), and measure after every doubling of the steps how well its samples agree with those of ELS.

    ELS has three kinds of windows: `window`, the same all along, so that only the network changes; the windows that are
    calibrated against the network of that step, from `samples` other noises; and the whole receptive field, the limit of a
    network of that field if training, width and data were perfect. If the network learns to see more, the calibrated windows
    grow, and the agreement with the third rises.

    Returns a list of {"step", "loss", "r", "R^2", "windows", "r, calibrated", "r, whole field"}; r and R^2 as `metrics.median`
    gives them. finished(rows) is called after each of them, with the rows so far. `folder` and `kept` hold what an interrupt
    must not lose.
    """
    networks = snapshots(images, folder, length, rng, progress)
    network = networks[length]
    field = min(network.receptive_field, 2 * max(images.shape[1:3]) - 1)
    theory = {}
    for name, given in {"": window, ", whole field": field}.items():
        machine = EquivariantLocalScore(images, network.schedule, window=given, boundary="zeros")
        theory[name] = kept(f"samples of ELS{name}", partial(last, machine, noise, steps))

    def measured(step):
        network = networks[step]
        windows = calibrated_tables(network, images, "zeros", steps, samples, rng + 1, kinds=("ELS",))["ELS"]
        machine = EquivariantLocalScore(images, network.schedule, window=windows, boundary="zeros")
        made = last(network, noise, steps)
        found = {name: metrics.agreement(x, made) for name, x in {**theory, ", calibrated": last(machine, noise, steps)}.items()}
        medians = {f"r{name}": metrics.median(one.r) for name, one in found.items()}
        loss, determination = training_loss(network, images), metrics.median(found[""].determination)
        return {"step": step, "loss": loss, **medians, "R^2": determination, "windows": windows}

    rows: list[dict[str, Any]] = []
    for step in tqdm(networks, unit="network", desc="measure", disable=not progress):
        rows.append(kept(f"after {step} steps", partial(measured, step)))
        finished(rows)
    return rows


def training_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows of `over_training` as text."""
    heads = ("steps", "loss", "r", "r, windows calibrated", "their mean", "r, whole field", "R^2")
    lines = ["  ".join(heads)]
    for row in rows:
        medians = (row[key]["median"] for key in ("r", "r, calibrated", "r, whole field", "R^2"))
        r, calibrated, whole, determination = (f"{value:.3f}" for value in medians)
        cells = (row["step"], f"{row['loss']:.4f}", r, calibrated, f"{np.mean(row['windows']):.1f}", whole, determination)
        lines.append("  ".join(f"{cell:>{len(head)}}" for cell, head in zip(cells, heads, strict=True)))
    return "\n".join(lines)


def training_figure(rows: Sequence[Mapping[str, Any]]) -> "Figure":
    """A Figure of agreement, with three kinds of windows of ELS, and of the loss against training steps."""
    figure = blank(6, 3.6)
    ax = figure.subplots()
    step = [row["step"] for row in rows]
    kinds = {"r": "always the same", "r, calibrated": "calibrated at each step", "r, whole field": "the receptive field"}
    for (name, label), colour, marker in zip(kinds.items(), (4, 2, 6), "o^D", strict=True):
        middle, low, high = ([row[name][part] for row in rows] for part in ("median", "low", "high"))
        ax.plot(step, middle, f"{marker}-", color=plots.PALETTE[colour], label=label)
        ax.fill_between(step, low, high, color=plots.PALETTE[colour], alpha=0.2)
    ax.set(xscale="log", xlabel="training steps", ylabel="median r with ELS (95 % shaded)")
    figure.legend(loc="outside upper center", ncols=3, frameon=False, title="windows of ELS")
    twin = ax.twinx()
    twin.plot(step, [row["loss"] for row in rows], "s--", color=plots.PALETTE[5])
    twin.set_ylabel("training loss", color=plots.PALETTE[5])
    return figure
