"""Attention makes the mosaic agree with itself: networks with and without it, and the machines, on the set with one colour.

FKTB claim it for networks; this data set, the machine `AttentionScore` and all measurements here are ours.
"""

import numpy as np

from .. import datasets, nets, process, schedules
from ..machines import AttentionScore, EquivariantLocalScore, IdealScore
from ..measures import judges, metrics
from . import calibration

KINDS = {"CNN": None, "identity": "identity", "top-1": "top1", "softmax": "softmax"}
MACHINES = ("AttentionScore", "its own map", "ELS", "IS")
STRENGTHS = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 10.0, 100.0)
TRIED = (0.0, 0.03, 0.1, 0.3, 1.0, 3.0)
SCHEDULE, BOUNDARY = schedules.cosine(), "zeros"
# A receptive field of 7, which from a pixel of one shape does not reach the next. Twice as long a training made more samples
# black (9, 32 and 13 of 100 instead of 1, 23 and 4, on shapes of 4 pixels).
DEPTH, LENGTH, BATCH, RATE, PREDICTION = 2, 3000, 32, 4e-3, "x0"
DATA = {"data": "colour_patterns", "size": 16, "count": 300, "colour": False, "data_seed": 0, "quick": False}
WINDOWS = (3, 5, 7)
# Low, middle and high noise, where colours are decided.
LEVELS = (0.1, 0.5, 0.8, 0.85, 0.9)
# The machine by itself, without a network to calibrate it: windows that grow to the networks' receptive field.
TABLE = (*[3] * 8, *[5] * 7, *[7] * 5)
PATCH = 5
# Training images of the machine by itself: its time grows with them, and it walks once for each strength.
FEW = 100


def patterns():
    """The training set of the experiment, (300, 16, 16, 3): four shapes at fixed places, all of one colour of three."""
    return datasets.load(DATA["data"], DATA["size"], DATA["count"], rng=DATA["data_seed"])[0]


def name_of(kind, seed=0, depth=DEPTH):
    """The name of a network's weights, such as "colour_patterns-softmax"; other seeds and depths have names of their own."""
    name = f"colour_patterns-{KINDS[kind] or 'none'}"
    return name + (f"-depth{depth}" if depth != DEPTH else "") + (f"-seed{seed}" if seed else "")


def trained(images, kind, seed, folder, depth=DEPTH, length=LENGTH, bar=None):
    """The network of that kind; see `nets.trained`. Shipped weights will do unless another training length is asked for."""
    settings = {"channels": images.shape[3], "depth": depth, "padding": BOUNDARY, "prediction": PREDICTION}
    settings["attention"] = KINDS[kind]
    name, notes, shipped = name_of(kind, seed, depth), {"data": DATA}, length == LENGTH
    return nets.trained(name, settings, images, folder, seed, length, BATCH, RATE, notes, shipped, bar)


def last(denoiser, noise, steps=20):
    """The samples that a denoiser makes of these noises, by DDIM."""
    *_, step = process.ddim(denoiser, denoiser.schedule, noise=noise, steps=steps)
    return step.x


def judged(samples, images):
    """How many samples obey the rule and how many of those are new, with intervals, and how shape-like all of them are.

    "by chance": how many would obey it if each of a sample's shapes chose its colour by itself; see `by_chance`.
    """
    told = judges.report(judges.one_colour(samples), samples, images)
    patches = EquivariantLocalScore(images, SCHEDULE, window=PATCH, boundary=BOUNDARY)
    shape = metrics.quartiles(metrics.patch_distance(patches, samples))
    shares = {name: share._asdict() for name, share in told._asdict().items()}
    return {**shares, "by chance": by_chance(samples), "patch distance": shape}


def by_chance(samples):
    """The number of samples that would have one colour if their shapes chose theirs independently: the sum of K^-(m - 1).

    m of the four quarters, one for each shape, hold at least three coloured pixels; a sample with m = 0 counts as none. Samples
    that lack shapes agree more easily: 1 in 27 with all four, 1 in 3 with two.
    """
    found = judges.coloured(samples) >= 0
    half = (found.shape[1] + 1) // 2
    quarters = [found[:, i : i + half, j : j + half].sum(axis=(1, 2)) for i in (0, half) for j in (0, half)]
    shapes = np.sum([held >= 3 for held in quarters], axis=0)
    return float((3.0 ** (1 - shapes))[shapes > 0].sum())


def calibrated(network, images, samples=4, steps=20, rng=1, windows=WINDOWS, strengths=TRIED):
    """The windows and strengths with which the machines answer most like a network, on noises of their own.

    Returns {"AttentionScore": (k(t), g(t)), "ELS": k(t)}: one calibration serves both, as ELS is the column of g = 0. For a
    network that attends to other places "its own map" is AttentionScore with the network's own attention map at each x and t.
    """
    tables = {}
    kinds = {"AttentionScore": "uniform"}
    if network.attention in ("softmax", "top1"):
        kinds["its own map"] = network.attention_map
    for name, attention in kinds.items():
        found = calibration.with_attention(
            network, images, network.schedule, windows, strengths, network.padding, attention, samples, steps, rng
        )
        tables[name] = [found.table, found.strengths]
        tables["ELS"] = [found.windows[k] for k in found.scores[:, :, 0].argmax(axis=1)]
    return tables


def rivals(network, images, tables):
    """The machines that try to predict a network, as `calibrated` has found their tables."""
    schedule, boundary = network.schedule, network.padding
    machines = {}
    for name, attention in (("AttentionScore", "uniform"), ("its own map", getattr(network, "attention_map", None))):
        if name in tables:
            settings = dict(zip(("window", "strength"), tables[name], strict=True))
            machines[name] = AttentionScore(images, schedule, attention=attention, boundary=boundary, **settings)
    machines["ELS"] = EquivariantLocalScore(images, schedule, window=tables["ELS"], boundary=boundary)
    return {**machines, "IS": IdealScore(images, schedule)}


def agreements(network, machines, noise, steps=20, levels=LEVELS, whole=10):
    """How machines agree with a network from the same noises, as quartiles over them.

    Returns {machine: {"whole": {"r", "R^2"} of the first so many samples, "t = 0.1": R^2 of x0_hat, ...}}: at each level both see
    the network's own x there. For machines other than ELS also "over ELS, t = 0.1": how much larger R^2 is than that of ELS,
    noise by noise.
    """
    x, t, seen = float(network.schedule.noise(1.0)) * noise, 1.0, {}
    for step in process.ddim(network, network.schedule, noise=noise, steps=steps):
        for level in levels:
            if abs(t - level) <= 0.5 / steps and level not in seen:
                seen[level] = t, x, step.x0_hat
        t, x = step.t, step.x
    told = {}
    for name, machine in machines.items():
        found = metrics.agreement(last(machine, noise[:whole], steps), x[:whole])
        told[name] = {"whole": {"r": metrics.quartiles(found.r), "R^2": metrics.quartiles(found.determination)}}
    for level, (time, noisy, theirs) in seen.items():
        at = f"t = {level:g}"
        found = {name: metrics.agreement(machine(noisy, time), theirs).determination for name, machine in machines.items()}
        for name, value in found.items():
            told[name][at] = metrics.quartiles(value)
            if name != "ELS":
                told[name][f"over ELS, {at}"] = metrics.quartiles(value - found["ELS"])
    return told


def over_strength(images, noise, strengths=STRENGTHS, candidates="anywhere", steps=20, window=TABLE, done=None):
    """What AttentionScore makes by itself, without any training, at each strength: {g: (samples, numbers)}.

    The numbers are those of `judged`, and "images used": how many training images give the pixels of a sample.
    """
    found = {}
    for g in strengths:
        machine = AttentionScore(images, SCHEDULE, window=list(window), strength=g, boundary=BOUNDARY, candidates=candidates)
        samples = last(machine, noise, steps)
        used = [len(np.unique(image)) for image in machine.provenance(samples, 0.0).image]
        found[g] = samples, {**judged(samples, images), "images used": metrics.quartiles(np.array(used, float))}
        if done is not None:
            done(g, found)
    return found


def over_reach(images, noise, folder, depths=(0, 1, 2, 5), steps=20, length=LENGTH, bar=None):
    """What the CNN without attention makes for several receptive fields, and ELS through windows of that size.

    Returns ({side: Share consistent} of the networks, the same of ELS).
    """
    networks, machines = {}, {}
    for depth in depths:
        network = trained(images, "CNN", 0, folder, depth, length, bar)
        side = network.receptive_field
        machine = EquivariantLocalScore(images, SCHEDULE, window=side, boundary=BOUNDARY)
        for found, denoiser in ((networks, network), (machines, machine)):
            found[side] = judged(last(denoiser, noise, steps), images)["consistent"]
    return networks, machines


def table(numbers):
    """The experiment as text: shares with their intervals, and how the machines agree with each kind of network."""
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
    """A line for each kind of network and machine: R^2 of x0_hat at each level, and of samples; training seeds side by side."""
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
