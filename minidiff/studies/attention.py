"""Does attention make the pieces of a mosaic agree? Networks with and without attention, and machines, on `colour_patterns`.

FKTB claim this for networks; the data set, the machine `AttentionScore` and all measurements here are ours.

This module computes and measures, and attention_figures.py draws. `experiments.attention` calls both: it is the command
`minidiff compare --experiment attention`. `chapters.attention` is the chapter of the tour.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .. import datasets, nets, process, schedules
from ..machines import AttentionScore, EquivariantLocalScore, IdealScore, Machine
from ..machines.attention import AttentionLike
from ..measures import judges, metrics
from ..types import Array
from . import calibration
from .agreement import last
from .kept import at_once

KINDS = {"CNN": None, "identity": "identity", "top-1": "top1", "softmax": "softmax"}
MACHINES = ("AttentionScore", "its own map", "ELS", "IS")
STRENGTHS = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 10.0, 100.0)
TRIED = (0.0, 0.03, 0.1, 0.3, 1.0, 3.0)
SCHEDULE, BOUNDARY = schedules.cosine(), "zeros"
# Depth 2 has a receptive field of 7 pixels, which does not reach from one shape to the next. Training twice as long made more
# samples black: 9, 32 and 13 of 100 instead of 1, 23 and 4, with shapes of 4 pixels.
DEPTH, LENGTH, BATCH, RATE, PREDICTION = 2, 3000, 32, 4e-3, "x0"
DATA: dict[str, Any] = {"data": "colour_patterns", "size": 16, "count": 300, "colour": False, "data_seed": 0, "quick": False}
WINDOWS = (3, 5, 7)
# Low, middle and high noise; at high noise the colours are decided.
LEVELS = (0.1, 0.5, 0.8, 0.85, 0.9)
# Windows for the machine alone, which has no network to be calibrated against: they grow to the receptive field of the networks.
TABLE = (*[3] * 8, *[5] * 7, *[7] * 5)
PATCH = 5
# How many training images the machine alone has: its time grows with them, and it samples once for each strength.
FEW = 100


def patterns() -> Array:
    """The training set of the experiment, (300, 16, 16, 3): four shapes at fixed places, all of one colour of three."""
    return datasets.load(DATA["data"], DATA["size"], DATA["count"], rng=DATA["data_seed"])[0]


def name_of(kind: str, seed: int = 0, depth: int = DEPTH) -> str:
    """The name of the weights of a network, such as "colour_patterns-softmax"; the name shows other seeds and depths too."""
    name = f"colour_patterns-{KINDS[kind] or 'none'}"
    return name + (f"-depth{depth}" if depth != DEPTH else "") + (f"-seed{seed}" if seed else "")


def trained(
    images: Array, kind: str, seed: int, folder: Path, depth: int = DEPTH, length: int = LENGTH, bar: Any = None
) -> nets.Network:
    """The network of that kind; see `nets.trained`. Shipped weights are used unless the length of the training is another."""
    settings = {"channels": 3, "depth": depth, "padding": BOUNDARY, "prediction": PREDICTION, "attention": KINDS[kind]}
    options = {"notes": {"data": DATA}, "shipped": length == LENGTH, "bar": bar}
    return nets.trained(name_of(kind, seed, depth), settings, images, folder, seed, length, BATCH, RATE, **options)


def judged(samples: Array, images: Array) -> dict[str, Any]:
    """How many samples obey the rule, how many of those are new, with intervals, and how far their patches are from real ones.

    "by chance" is how many would obey the rule if each shape of a sample had an independent colour; see `by_chance`.
    """
    told = judges.report(judges.one_colour(samples), samples, images)
    patches = EquivariantLocalScore(images, SCHEDULE, window=PATCH, boundary=BOUNDARY)
    distance = metrics.quartiles(metrics.patch_distance(patches, samples))
    shares = {name: share._asdict() for name, share in told._asdict().items()}
    return {**shares, "by chance": by_chance(samples), "patch distance": distance}


def by_chance(samples: Array) -> float:
    """How many samples would have one colour if the colours of their shapes were independent: the sum of 3^-(m - 1).

    m is the number of shapes of a sample: of the four quarters, those with at least three coloured pixels. A sample with m = 0
    counts as 0. With fewer shapes one colour is more likely: 1 in 27 with four shapes, 1 in 3 with two.
    """
    found = judges.coloured(samples) >= 0
    half = (found.shape[1] + 1) // 2
    quarters = [found[:, i : i + half, j : j + half].sum(axis=(1, 2)) for i in (0, half) for j in (0, half)]
    shapes = np.sum([held >= 3 for held in quarters], axis=0)
    return float((3.0 ** (1 - shapes))[shapes > 0].sum())


def calibrated(
    network: nets.Network,
    images: Array,
    samples: int = 4,
    steps: int = 20,
    rng: int = 1,
    windows: Sequence[int] = WINDOWS,
    strengths: Sequence[float] = TRIED,
) -> dict[str, list]:
    """The windows and strengths with which the answers of the machines are most like a network's, from other noises.

    Returns {"AttentionScore": (k(t), g(t)), "ELS": k(t)}. One calibration gives both, since ELS is AttentionScore with g = 0. For
    a network whose pixels attend to other places there is also "its own map": AttentionScore with the attention map that the
    network has at each x and t.
    """
    tables: dict[str, list] = {}
    kinds: dict[str, AttentionLike] = {"AttentionScore": "uniform"}
    if network.attention in ("softmax", "top1"):
        kinds["its own map"] = network.attention_map
    for name, attention in kinds.items():
        found = calibration.with_attention(
            network, images, network.schedule, windows, strengths, network.padding, attention, samples, steps, rng
        )
        tables[name] = [found.table, found.strengths]
        tables["ELS"] = [found.windows[k] for k in found.scores[:, :, 0].argmax(axis=1)]
    return tables


def rivals(network: nets.Network, images: Array, tables: Mapping[str, list]) -> dict[str, Machine]:
    """The machines that try to predict a network, with the tables that `calibrated` returned."""
    schedule, boundary = network.schedule, network.padding
    machines: dict[str, Machine] = {}
    kinds: dict[str, Any] = {"AttentionScore": "uniform", "its own map": getattr(network, "attention_map", None)}
    for name, attention in kinds.items():
        if name in tables:
            settings = dict(zip(("window", "strength"), tables[name], strict=True))
            machines[name] = AttentionScore(images, schedule, attention=attention, boundary=boundary, **settings)
    machines["ELS"] = EquivariantLocalScore(images, schedule, window=tables["ELS"], boundary=boundary)
    return {**machines, "IS": IdealScore(images, schedule)}


def agreements(
    network: nets.Network | Machine,
    machines: Mapping[str, Machine],
    noise: Array,
    steps: int = 20,
    levels: Sequence[float] = LEVELS,
    whole: int = 10,
) -> dict[str, dict[str, Any]]:
    """How well machines agree with a network from the same noises, as quartiles over the noises.

    Returns {machine: {"whole": ..., "t = 0.1": ..., ...}}. "whole" has r and R^2 of the samples from the first `whole` noises.
    "t = 0.1" has R^2 of x0_hat where the network and the machine see the network's x at that t. Machines other than ELS also have
    "over ELS, t = 0.1": how much larger their R^2 is than that of ELS from the same noise.
    """
    x, t, seen = float(network.schedule.noise(1.0)) * noise, 1.0, {}
    for step in process.ddim(network, network.schedule, noise=noise, steps=steps):
        for level in levels:
            if abs(t - level) <= 0.5 / steps and level not in seen:
                seen[level] = t, x, step.x0_hat
        t, x = step.t, step.x
    told: dict[str, dict[str, Any]] = {}
    for name, machine in machines.items():
        found = metrics.agreement(last(machine, noise[:whole], steps), x[:whole])
        told[name] = {"whole": {"r": metrics.quartiles(found.r), "R^2": metrics.quartiles(found.determination)}}
    for level, (time, noisy, theirs) in seen.items():
        at = f"t = {level:g}"
        determination = {name: metrics.agreement(one(noisy, time), theirs).determination for name, one in machines.items()}
        for name, value in determination.items():
            told[name][at] = metrics.quartiles(value)
            if name != "ELS":
                told[name][f"over ELS, {at}"] = metrics.quartiles(value - determination["ELS"])
    return told


def over_strength(
    images: Array,
    noise: Array,
    strengths: Sequence[float] = STRENGTHS,
    candidates: str = "anywhere",
    steps: int = 20,
    window: Sequence[int] = TABLE,
    done: Callable[[float, dict], None] = lambda g, found: None,
    kept: Callable = at_once,
) -> dict[float, tuple[Array, dict[str, Any]]]:
    """The samples of AttentionScore alone, which needs no training, at each strength: {g: (samples, numbers)}.

    The numbers are those of `judged`, and "images used": from how many training images the pixels of a sample come.
    done(g, found) is called after each strength. `kept` may be a `Kept`, for samples of an earlier run.
    """
    found: dict[float, tuple[Array, dict[str, Any]]] = {}
    for g in strengths:
        machine = AttentionScore(images, SCHEDULE, window=list(window), strength=g, boundary=BOUNDARY, candidates=candidates)
        samples = kept(f"samples of {candidates}, g = {g:g}", partial(last, machine, noise, steps))
        used = [len(np.unique(image)) for image in machine.provenance(samples, 0.0).image]
        found[g] = samples, {**judged(samples, images), "images used": metrics.quartiles(np.array(used, float))}
        done(g, found)
    return found


def over_reach(
    images: Array,
    noise: Array,
    folder: Path,
    depths: Sequence[int] = (0, 1, 2, 5),
    steps: int = 20,
    length: int = LENGTH,
    bar: Any = None,
    kept: Callable = at_once,
) -> tuple[dict[int, dict], dict[int, dict]]:
    """How many samples have one colour, by the side of what is seen: for CNNs without attention, and for ELS with that window.

    Returns ({side: share of consistent samples} of the networks, the same of ELS).
    """
    shares: tuple[dict[int, dict], dict[int, dict]] = {}, {}
    for depth in depths:
        network = trained(images, "CNN", 0, folder, depth, length, bar)
        side = network.receptive_field
        machine = EquivariantLocalScore(images, SCHEDULE, window=side, boundary=BOUNDARY)
        models: dict[str, nets.Network | Machine] = {"a CNN": network, "ELS": machine}
        for found, (name, denoiser) in zip(shares, models.items(), strict=True):
            samples = kept(f"samples of {name} that sees {side} pixels", partial(last, denoiser, noise, steps))
            found[side] = judged(samples, images)["consistent"]
    return shares


def table(numbers: Mapping[str, Any]) -> str:
    """The experiment as text: shares with intervals, and how well the machines agree with each kind of network."""
    lines = [f"{'':24}{'one colour':>20}{'by chance':>11}{'blank':>7}{'of those, new':>22}{'patches':>9}"]
    lines += [f"{row['kind'] + ', seed ' + str(row['seed']):24}{_shares(row)}" for row in numbers["networks"]]
    lines += [f"{name:24}{_shares(numbers[name])}" for name in MACHINES]
    for candidates, found in numbers["g"].items():
        for g, row in found.items():
            lines.append(f"{candidates + ', g = ' + g:24}{_shares(row)}   from {row['images used']['median']:g} images")
    return "\n".join([*lines, "", *_agreement_table(numbers["networks"])])


def _shares(row):
    told = [
        f"{row[name]['count']} / {row[name]['of']} [{row[name]['low']:.2f}, {row[name]['high']:.2f}]"
        for name in ("consistent", "new")
    ]
    blank = row["blank"]["count"]
    return f"{told[0]:>20}{row['by chance']:11.1f}{blank:7}{told[1]:>22}{row['patch distance']['median']:9.3f}"


def _agreement_table(rows):
    """A line for each kind of network and each machine: R^2 of x0_hat at each level, and of samples, for each training seed."""
    levels = [name for name in rows[0]["agreement"]["ELS"] if name != "whole"]
    lines = [f"{'median R^2 of x0_hat':26}" + "".join(f"{head:>18}" for head in (*sorted(levels), "whole samples", "their r"))]
    for kind, machine in ((kind, machine) for kind in KINDS for machine in MACHINES):
        found = [row["agreement"][machine] for row in rows if row["kind"] == kind and machine in row["agreement"]]
        if found:
            columns = [[one[level] for one in found] for level in sorted(levels)]
            columns += [[one["whole"][name] for one in found] for name in ("R^2", "r")]
            cells = ("/".join(f"{value['median']:.2f}" for value in column) for column in columns)
            lines.append(f"{kind + ', ' + machine:26}" + "".join(f"{cell:>18}" for cell in cells))
    return lines
