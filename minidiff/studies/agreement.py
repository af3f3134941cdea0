"""A trained network beside the machines that predict it: the same noises, the same steps, pixel by pixel (KG)."""

from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from .. import nets, process
from ..machines import EquivariantLocalScore, IdealScore, LocalScore
from ..measures import metrics
from . import calibration

WINDOWS = (3, 5, 7, 9, 11, 13, 15)


class Comparison(NamedTuple):
    """What `compare` found.

    Attributes
    ----------
    samples : dict of (B, H, W, C)
        By "network", "ELS", "LS" and "IS", all from the same noises.
    agreement : dict of metrics.Agreement
        Of each machine with the network.
    tables : dict of lists
        The windows of ELS and LS, least noise first.
    """

    samples: dict
    agreement: dict
    tables: dict


def calibrated_tables(network, images, boundary, steps=20, samples=10, rng=1, windows=WINDOWS):
    """{"ELS": table, "LS": table}, each calibrated against the network on noises of their own (`calibration.against`)."""
    most = min(images.shape[1:3]) if boundary == "circular" else 2 * max(images.shape[1:3]) - 1
    fitting = tuple(k for k in windows if k <= most) or (1,)
    kinds = {"ELS": EquivariantLocalScore, "LS": LocalScore}
    return {
        name: calibration.against(network, images, network.schedule, fitting, boundary, samples, steps, rng, machine=kind).table
        for name, kind in kinds.items()
    }


def compare(network, images, noise, tables, boundary, steps=20, progress=False):
    """Sample from the network and from ELS, LS and IS by DDIM from the same noises, and measure how they agree.

    Parameters
    ----------
    network : callable with a `schedule`
        The trained denoiser.
    images : (N, H, W, C)
        What it was trained on.
    noise : (B, H, W, C)
        Unit normal; not the noises of the calibration.
    tables : {"ELS": window, "LS": window}
    boundary : "circular" or "zeros"
        As the network pads.
    steps : int
    progress : bool

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
    samples = {}
    with tqdm(total=steps * len(denoisers), unit="step", desc="compare", disable=not progress) as bar:
        for name, denoiser in denoisers.items():
            for step in process.ddim(denoiser, schedule, noise=noise, steps=steps):
                samples[name] = step.x
                bar.update()
    agreement = {name: metrics.agreement(x, samples["network"]) for name, x in samples.items() if name != "network"}
    return Comparison(samples, agreement, tables)


def numbers(found):
    """The comparison in numbers: quartiles of r, r^2 and R^2 for each machine, and for how many samples ELS is above IS."""
    result = {
        name: {
            "r": metrics.quartiles(one.r),
            "r^2": metrics.quartiles(one.r_squared),
            "R^2": metrics.quartiles(one.determination),
        }
        for name, one in found.agreement.items()
    }
    above = found.agreement["ELS"].r > found.agreement["IS"].r
    return {**result, "ELS above IS in r": int(above.sum()), "samples": len(above), "windows": found.tables}


def table(found):
    """The comparison as text: medians with quartiles."""
    lines = [f"{'':4}{'r':>28}{'r^2':>28}{'R^2':>28}"]
    for name, one in numbers(found).items():
        if name in found.agreement:
            cells = (f"{q['median']:.3f} [{q['lower']:.3f}, {q['upper']:.3f}]" for q in one.values())
            lines.append(f"{name:4}" + "".join(f"{cell:>28}" for cell in cells))
    return "\n".join(lines)


def figures(found, shown=8):
    """[(file name, Figure, caption)]: samples side by side, and the agreement of each sample."""
    from matplotlib.figure import Figure

    from .. import plots

    side = Figure(figsize=(0.9 * shown + 1, 4), layout="constrained")
    stacks = {name: x[:shown] for name, x in found.samples.items()}
    heads = [f"r = {r:.2f}" for r in found.agreement["ELS"].r[:shown]]
    names = ["network", "ELS, the theory", "own place only", "ideal denoiser"]
    plots.rows(list(stacks.values()), names, ax=side.subplots(), heads=heads)
    spread = Figure(figsize=(8, 3.2), layout="constrained")
    left, right = spread.subplots(1, 2)
    for (name, one), colour in zip(found.agreement.items(), plots.PALETTE[4:], strict=False):
        left.plot(np.sort(one.r), np.arange(1, len(one.r) + 1) / len(one.r), color=colour, label=name)
    left.set(xlabel="r with the network, sample by sample", ylabel="share of samples below", xlim=(-0.2, 1.02))
    left.legend(frameon=False)
    right.scatter(found.agreement["IS"].r, found.agreement["ELS"].r, s=14, color=plots.PALETTE[4])
    right.plot([-0.2, 1], [-0.2, 1], color="0.6", linewidth=1)
    right.set(xlabel="r of the ideal denoiser", ylabel="r of ELS", xlim=(-0.2, 1.02), ylim=(-0.2, 1.02), aspect="equal")
    return [
        (
            "side-by-side.png",
            side,
            "The same noises: what the network makes, and what the theory said it would; r is that of ELS.",
        ),
        (
            "agreement.png",
            spread,
            "Left: agreement with the network over the samples. Right: each sample, ELS against the ideal denoiser.",
        ),
    ]


def over_training(images, noise, window, length=12000, rng=0, steps=20, progress=False):
    """Train a network and measure, at lengths that double, how its samples agree with zero-boundary ELS from the same noises.

    Returns a list of {"step", "loss", "r", "R^2"}, the last two as quartiles over the noises. The window stays as it is: the
    question is what changes in the network.
    """
    network = nets.Network(channels=images.shape[3], rng=rng)
    machine = EquivariantLocalScore(images, network.schedule, window=window, boundary="zeros")
    *_, theory = process.ddim(machine, network.schedule, noise=noise, steps=steps)
    stops = {length >> halvings for halvings in range(7)}
    rows, losses = [], []
    for done in tqdm(nets.train(network, images, steps=length, rng=rng), total=length, unit="step", disable=not progress):
        losses.append(done.loss)
        if done.step in stops:
            *_, made = process.ddim(network, network.schedule, noise=noise, steps=steps)
            found = metrics.agreement(theory.x, made.x)
            quartiles = {"r": metrics.quartiles(found.r), "R^2": metrics.quartiles(found.determination)}
            rows.append({"step": done.step, "loss": float(np.mean(losses[-100:])), **quartiles})
    return rows


def training_figure(rows):
    """Agreement and loss against training steps, as a Figure."""
    from matplotlib.figure import Figure

    from ..plots import PALETTE

    figure = Figure(figsize=(6, 3.4), layout="constrained")
    ax = figure.subplots()
    step = [row["step"] for row in rows]
    ax.plot(step, [row["r"]["median"] for row in rows], "o-", color=PALETTE[4], label="median r with ELS")
    ax.fill_between(step, [row["r"]["lower"] for row in rows], [row["r"]["upper"] for row in rows], color=PALETTE[4], alpha=0.2)
    ax.set(xscale="log", xlabel="training steps", ylabel="r with ELS (quartiles shaded)")
    twin = ax.twinx()
    twin.plot(step, [row["loss"] for row in rows], "s--", color=PALETTE[5])
    twin.set_ylabel("training loss", color=PALETTE[5])
    return figure
