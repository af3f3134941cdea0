"""Does attention make the pieces of a mosaic agree? Networks with and without attention, and machines, on `colour_patterns`.

FKTB claim this for networks, and compare softmax attention with attention to oneself ("identity") and to one other pixel
("top-1"), as we do. The data set, the machines `SummaryScore` and `AttentionScore` and all measurements here are ours.

How the settings below were chosen. They stand in one place, and were chosen by their outcome: on training seeds 10 to 12 and on
noises of the seeds 510 and 77, from about 15 combinations of size, palette, width, rate and length. Then seeds 0 to 4
were trained, once, and sampled from the noises of `SEED`, which no choice has seen. What `judged` counts, and its limits (a shape
is whole if each of its pixels is right; a sample is legal if it is nearer to an allowed image than half of what two allowed
images differ by; blank and one colour as in `judges`), was fixed before that run, and so was what we expected of the machines:

- a softmax network agrees with `SummaryScore` at a median r of at least .80 (.84 on training seed 10), and more than with ELS:
  it came out so (.81 against .64);
- a CNN agrees with ELS more than with `SummaryScore`: it does (.79 against .63);
- attention that is cut to a pixel's own quarter gives the colours of a CNN (it does); cut to the black pixels ("a notice board")
  it still gives one colour in most samples (wrong: two of five networks then draw black pictures); cut to a random half of all
  pixels likewise (right).

The machines with block means were added after that run; 3 x 3 blocks were best on training seeds 10 and 11 too, by .003.

This module computes and measures, and attention_figures.py draws. `experiments.attention` calls both: it is the command
`minidiff compare --experiment attention`. `chapters.attention` is the chapter of the tour.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from .. import datasets, engine, nets, process, schedules, theory
from ..machines import AttentionScore, EquivariantLocalScore, IdealScore, Machine, SummaryScore, Wiener, WindowMachine
from ..machines.attention import AttentionLike
from ..measures import judges, metrics, patterns
from ..types import Array
from . import calibration
from .agreement import last
from .kept import at_once

KINDS = {"CNN": None, "identity": "identity", "top-1": "top1", "softmax": "softmax"}
SCHEDULE, BOUNDARY = schedules.cosine(), "zeros"
# Depth 3 has a receptive field of 9 pixels: from each pixel of a shape it holds the whole shape, and no pixel of another.
DEPTH, WIDTH, LENGTH, BATCH, RATE, PREDICTION = 3, 32, 9000, 32, 2e-3, "x0"
DATA: dict[str, Any] = {"data": "colour_patterns", "size": 12, "count": 300, "colour": False, "data_seed": 0, "quick": False}
SIDE = 2 * (DEPTH + 1) + 1
SEED = 2026
STRENGTHS = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 10.0, 100.0)
TRIED = (0.0, 0.1, 0.3, 1.0, 3.0)
# Low, middle and high noise; at high noise the colours are decided.
LEVELS = (0.1, 0.5, 0.8, 0.85, 0.9)
# A machine alone with candidates anywhere: the windows of the networks at high noise, and smaller ones for the details.
TABLE = (*[3] * 4, *[5] * 2, *[SIDE] * 14)
PATCH = 5
# How many training images the pooled machine alone has: its time grows with them, and it samples once for each strength.
FEW = 100
# The machines that do not depend on the network: nothing in them is fitted.
ALONE = ("SummaryScore", "means of 2 x 2 blocks", "means of 3 x 3 blocks", "means of 4 x 4 blocks", "ELS", "IS", "Wiener")
FITTED = ("its own map, g fitted", "uniform, g fitted")
MAPPED = ("softmax", "top1")
CONTROLS = ("the map of another sample", "one mean map for all pixels")


def training_set() -> Array:
    """The training set of the experiment, (300, 12, 12, 3): a shape in each corner, all four of one colour of three."""
    return datasets.load(DATA["data"], DATA["size"], DATA["count"], rng=DATA["data_seed"])[0]


def name_of(kind: str, seed: int = 0, depth: int = DEPTH, part: str = "") -> str:
    """The name of the weights of a network, such as "colour_patterns-softmax"; the name shows other seeds and depths too."""
    name = f"colour_patterns-{KINDS[kind] or 'none'}{part and '-' + part}"
    return name + (f"-depth{depth}" if depth != DEPTH else "") + (f"-seed{seed}" if seed else "")


def trained(
    images: Array,
    kind: str,
    seed: int,
    folder: Path,
    depth: int = DEPTH,
    length: int = LENGTH,
    bar: Any = None,
    part: str = "",
) -> nets.Network:
    """The network of that kind; see `nets.trained`. `part` names the part of the training set that `images` are, if they are one.

    Shipped weights are used unless the length of the training is another.
    """
    settings = {"channels": 3, "width": WIDTH, "depth": depth, "padding": BOUNDARY, "prediction": PREDICTION}
    options = {"notes": {"data": DATA}, "shipped": length == LENGTH and not part, "bar": bar}
    settings["attention"] = KINDS[kind]
    return nets.trained(name_of(kind, seed, depth, part), settings, images, folder, seed, length, BATCH, RATE, **options)


# --- samples ---------------------------------------------------------------------------------------------------------


def judged(samples: Array, images: Array) -> dict[str, Any]:
    """What a reader wants to know of samples: how many have one colour, are blank, have whole shapes, are legal, and are new.

    "one colour", "blank": see `judges.one_colour`. "three whole", "four whole": samples with at least so many whole shapes; see
    `patterns.whole_shapes`. "legal": samples nearer to an allowed image, at its place, than half of what two allowed images
    differ by. "new": those of them whose allowed image is not in the training set; "expected new" is the share of the allowed
    images that are not. "by chance": see `by_chance`. "distance": from the nearest allowed image at any translation. "patch
    distance": of the samples' patches from the training patches. Shares have Wilson's 95 % intervals, distances quartiles.
    """
    colour, whole = judges.one_colour(samples), patterns.whole_shapes(samples).sum(axis=1)
    found, known = patterns.nearest_legal(samples), patterns.nearest_legal(images)
    legal = (found.distance < patterns.least_difference(images.shape[1]) / 2) & (found.shift == 0).all(axis=1)
    seen = {(one, *motif) for one, motif in zip(known.colour.tolist(), known.motif.tolist(), strict=True)}
    drawn = [(one, *motif) for one, motif in zip(found.colour[legal].tolist(), found.motif[legal].tolist(), strict=True)]
    patches = EquivariantLocalScore(images, SCHEDULE, window=PATCH, boundary=BOUNDARY)
    shares = {
        "one colour": colour.consistent,
        "blank": colour.blank,
        "three whole": whole >= 3,
        "four whole": whole == 4,
        "legal": legal,
        "new": np.array([one not in seen for one in drawn], bool),
    }
    return {
        **{name: judges.wilson(int(held.sum()), len(held))._asdict() for name, held in shares.items()},
        "expected new": 1 - len(seen) / (3 * 8**4),
        "by chance": by_chance(samples),
        "whole shapes": float(whole.mean()),
        "distance": metrics.quartiles(found.distance),
        "patch distance": metrics.quartiles(metrics.patch_distance(patches, samples)),
    }


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


# --- machines that predict a network ---------------------------------------------------------------------------------


def block_means(blocks: int, image: Array, k: int, boundary: str) -> Array:
    """As `summary.means_outside`, for each of blocks x blocks parts of the image by itself: (H W, blocks^2 C).

    A machine with these statistics is exact where a candidate's parts lose as many pixels to its window as the pixel's do, as
    with one block. With zeros and the windows of this study that is so in the shapes, whose padding tells their place. In the
    middle of the image it is not so, and there it is an approximation.
    """
    height, width, _ = image.shape
    found = []
    for i, j in np.ndindex(blocks, blocks):
        part = np.zeros((height, width, 1))
        part[i * height // blocks : (i + 1) * height // blocks, j * width // blocks : (j + 1) * width // blocks] = 1
        seen = theory.windows(np.dstack([image * part, part]), k, boundary).reshape(height * width, -1, image.shape[2] + 1)
        inside, count = np.split(seen.sum(axis=1), [image.shape[2]], axis=1)
        outside = part.sum() - count
        sums = (image * part).sum(axis=(0, 1)) - inside
        found.append(np.where(outside > 0, sums / np.sqrt(np.maximum(outside, 1)), 0.0))
    return np.concatenate(found, axis=1)


def told_block_means(blocks: int) -> type[WindowMachine]:
    """The machine whose pixels see their window, and the mean of each of blocks x blocks parts of the image outside it."""

    class BlockMeans(WindowMachine):
        rule = engine.Beside(partial(block_means, blocks))

    return BlockMeans


def alone(images: Array, side: int = SIDE) -> dict[str, Machine]:
    """The machines that do not ask a network: with the window of its receptive field, and without any fitted number."""
    options: dict[str, Any] = {"window": side, "boundary": BOUNDARY}
    return {
        "SummaryScore": SummaryScore(images, SCHEDULE, **options),
        **{f"means of {n} x {n} blocks": told_block_means(n)(images, SCHEDULE, **options) for n in (2, 3, 4)},
        "ELS": EquivariantLocalScore(images, SCHEDULE, **options),
        "IS": IdealScore(images, SCHEDULE),
        "Wiener": Wiener(images, SCHEDULE),
    }


def by_own_map(network: nets.Network, images: Array, side: int = SIDE) -> AttentionScore:
    """Each pixel hears those that the network's pixel attends to, with raw g = 1 as the theorem of `AttentionScore` says.

    Nothing is fitted.
    """
    options: dict[str, Any] = {"window": side, "boundary": BOUNDARY, "attention": network.attention_map}
    return AttentionScore(images, network.schedule, strength=1.0, raw=True, **options)


def hearing(
    network: nets.Network, images: Array, side: int = SIDE, samples: int = 4, steps: int = 20, rng: int = 1
) -> tuple[dict[str, Machine], dict[str, list[float]]]:
    """AttentionScore with that window, in the place of a network's attention: ({name: machine}, {name: fitted g by t}).

    "its own map": see `by_own_map`. "..., g fitted": g(t) is calibrated against the network, from other noises. The controls are
    as "its own map", with the map of another sample of the batch, or with the mean of all rows of the batch for every pixel. With
    g = 0 each of them is ELS with that window: what one of them explains beyond ELS, it explains by hearing.
    """

    def machine(attention: AttentionLike, strength: Any, raw: bool = False) -> Machine:
        settings = {"window": side, "boundary": BOUNDARY, "attention": attention, "strength": strength, "raw": raw}
        return AttentionScore(images, network.schedule, **settings)

    def fitted(attention: AttentionLike) -> list[float]:
        found = calibration.with_attention(
            network, images, network.schedule, (side,), TRIED, BOUNDARY, attention, samples, steps, rng
        )
        return found.strengths

    strengths = {"uniform, g fitted": fitted("uniform")}
    machines = {"uniform, g fitted": machine("uniform", strengths["uniform, g fitted"])}
    if network.attention in MAPPED:
        own = network.attention_map
        strengths["its own map, g fitted"] = fitted(own)
        machines["its own map, g fitted"] = machine(own, strengths["its own map, g fitted"])
        machines["its own map"] = by_own_map(network, images, side)
        machines[CONTROLS[0]] = machine(lambda x, t: np.roll(own(x, t), 1, axis=0), 1.0, raw=True)
        machines[CONTROLS[1]] = machine(lambda x, t: _mean_map(own(x, t)), 1.0, raw=True)
    return machines, strengths


def _mean_map(maps):
    """One row for all pixels: the mean of all rows of all maps (B, P, P)."""
    return np.broadcast_to(maps.mean(axis=(0, 1), dtype=np.float64), maps.shape[1:])


def at_levels(
    network: nets.Network | Machine,
    machines: Mapping[str, Machine],
    noise: Array,
    steps: int = 20,
    levels: Sequence[float] = LEVELS,
) -> dict[str, dict[str, Any]]:
    """How well machines agree with a network's x0_hat at the network's own x: {machine: {"t = 0.1": quartiles of R^2, ...}}.

    Machines other than ELS also have "over ELS, t = 0.1": how much larger their R^2 is than that of ELS, noise by noise.
    """
    x, t, seen = float(network.schedule.noise(1.0)) * noise, 1.0, {}
    for step in process.ddim(network, network.schedule, noise=noise, steps=steps):
        for level in levels:
            if abs(t - level) <= 0.5 / steps and level not in seen:
                seen[level] = t, x, step.x0_hat
        t, x = step.t, step.x
    told: dict[str, dict[str, Any]] = {name: {} for name in machines}
    for level, (time, noisy, theirs) in seen.items():
        found = {name: metrics.agreement(one(noisy, time), theirs).determination for name, one in machines.items()}
        for name, value in found.items():
            told[name][f"t = {level:g}"] = metrics.quartiles(value)
            if name != "ELS" and "ELS" in found:
                told[name][f"over ELS, t = {level:g}"] = metrics.quartiles(value - found["ELS"])
    return told


def median_r(pairs: Sequence[tuple[Array, Array]], rng: int = 0, draws: int = 1000) -> dict[str, float]:
    """The median r of pairs of samples ((B, H, W, C), (B, H, W, C)) from the same B noises, with a 95 % interval.

    The interval is the percentile bootstrap over noises: noises are drawn again, and with each noise come all pairs.

    Examples
    --------
    >>> x = np.random.default_rng(0).standard_normal((5, 2, 2, 1))
    >>> median_r([(x, 2 * x), (x, x + 1)])
    {'median': 1.0, 'low': 1.0, 'high': 1.0}
    """
    r = np.array([metrics.agreement(one, other).r for one, other in pairs])
    drawn = np.random.default_rng(rng).integers(r.shape[1], size=(draws, r.shape[1]))
    low, high = np.nanpercentile(np.nanmedian(r[:, drawn], axis=(0, 2)), (2.5, 97.5))
    # 15 digits: a correlation of a sample with itself is 1 but for rounding.
    return {"median": round(float(np.nanmedian(r)), 15), "low": round(float(low), 15), "high": round(float(high), 15)}


def agreements(
    samples: Mapping[str, Sequence[Array]],
    predicted: Mapping[str, Array],
    heard: Mapping[str, Sequence[Array]],
    halves: Sequence[Array],
) -> dict[str, dict[str, dict]]:
    """How well whole samples are predicted, for each kind of network: {kind: {name: median r and interval}}.

    samples: {kind: the samples of each training seed}; predicted: {machine: its samples}; heard: {kind: for each training seed
    the samples of the machine that has the network's own map}; all from the same noises. Beside the machines stand two ceilings:
    "another training seed", the r of two networks that differ in nothing but the seed of their training, and for softmax "half of
    the set each", the r of two networks that learned from disjoint halves of the set.
    """
    told: dict[str, dict[str, dict]] = {}
    for kind, made in samples.items():
        told[kind] = {name: median_r([(x, one) for one in made]) for name, x in predicted.items()}
        if heard[kind]:
            told[kind]["its own map"] = median_r(list(zip(made, heard[kind], strict=True)))
        if len(made) > 1:
            told[kind]["another training seed"] = median_r(list(combinations(made, 2)))
    told["softmax"]["half of the set each"] = median_r([(halves[0], halves[1])])
    return told


# --- the pooled machine alone, and the receptive field ----------------------------------------------------------------


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
    depths: Sequence[int] = (0, 1, 3, 5),
    steps: int = 20,
    length: int = LENGTH,
    bar: Any = None,
    kept: Callable = at_once,
) -> tuple[dict[int, dict], dict[int, dict]]:
    """How many samples have one colour, by the side of what is seen: for CNNs without attention, and for ELS with that window.

    Returns ({side: share of samples with one colour} of the networks, the same of ELS).
    """
    shares: tuple[dict[int, dict], dict[int, dict]] = {}, {}
    for depth in depths:
        network = trained(images, "CNN", 0, folder, depth, length, bar)
        side = network.receptive_field
        machine = EquivariantLocalScore(images, SCHEDULE, window=side, boundary=BOUNDARY)
        models: dict[str, nets.Network | Machine] = {"a CNN": network, "ELS": machine}
        for found, (name, denoiser) in zip(shares, models.items(), strict=True):
            samples = kept(f"samples of {name} that sees {side} pixels", partial(last, denoiser, noise, steps))
            found[side] = judged(samples, images)["one colour"]
    return shares
