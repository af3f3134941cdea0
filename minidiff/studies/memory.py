"""Where memory ends, exactly: how many candidates count in a machine's posterior, and how much noise makes one of them win alone.

Noise one of N training images. Its own term in the softmax is exp(-|eps|^2 / 2). The other N - 1 terms add up to about N times
their mean, N E exp(-|x - a y|^2 / (2 s^2)), as long as many of them count. The two are equal where

    log N = -|eps|^2 / 2 - log E exp(-|x - a y|^2 / (2 s^2)),

and the mean of the right side is I(t), the information that x holds about its clean image, in nats: log N names an image, and x
says I(t). Where I(t) > log N, x tells which image it was, and the best denoiser recites it; this is the collapse of Biroli,
Bonnaire, de Bortoli and Mezard 2024 (arXiv 2402.18491), the condensation of a random-energy model. A window is the same with
k^2 C numbers for the image and N H W candidates for N; that step is ours.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import datasets, engine, process, schedules
from ..machines import EquivariantLocalScore, IdealScore, LocalScore
from ..machines.base import PosteriorMachine
from ..measures import metrics
from ..types import Array
from .agreement import last

SIDE, BOUNDARY, SCHEDULE = 8, "circular", schedules.cosine()
# By how much the posterior is heated and cooled: the entropy is right to HEAT^2 times a cumulant of its exponents.
HEAT = 1e-4


class Plan(NamedTuple):
    """How much is computed: training images, images of the population, queries, times, windows, noises and training steps."""

    counts: tuple[int, ...] = (10, 30, 100, 300, 1000, 3000, 10000)
    population: int = 10000
    queries: tuple[int, int] = (200, 8)  # of whole images, and of images each of whose pixels is one
    times: tuple[float, ...] = tuple(np.linspace(0.05, 0.95, 19).round(2).tolist())
    windows: tuple[int, ...] = (1, 3, 5, 7)
    noises: int = 100
    networks: tuple[int, ...] = (10, 30, 100, 300, 1000, 3000)
    width: int = 32
    length: int = 9600


FULL = Plan()
QUICK = Plan((10, 30, 100), 200, (20, 1), (0.1, 0.3, 0.5, 0.7, 0.9), (1, 3), 4, (10, 30), 4, 64)
# The place of a half's first image. A multiple of the 36 characters, so that two halves begin with the same ones.
HALF = 3024


def glyphs(start: int, count: int) -> Array:
    """Images number start to start + count of the glyphs of seed 0 at 8 x 8, (count, 8, 8, 1); one seed is one long list."""
    return datasets.glyphs(start + count, SIDE)[0][start:]


# --- a posterior's entropy -------------------------------------------------------------------------------------------


def _state(machine, x, t, rate=1.0):
    """The posteriors of queries x (B, H, W, C) in float64, with the exponents times `rate`."""
    if type(machine)._posterior is not PosteriorMachine._posterior:
        raise TypeError(f"machine: expected one softmax over squared distances, such as IdealScore, got {type(machine).__name__}")
    times, training = np.full(len(x), t), machine._training_set(None, np.float64)[0]
    levels = machine.schedule.signal(times), machine.schedule.noise(times) / rate**0.5
    return engine.posterior(x.astype(np.float64), training, *levels, type(machine).rule, machine.settings(t))


def entropy(machine: PosteriorMachine, x: Array, t: float) -> Array:
    """The entropy of the posterior's weights in nats, -sum_m w_m log w_m; its exponential is how many candidates count.

    With Z(rate) = sum over m of exp(-rate distance_m / (2 s^2)), it is log Z(1) minus the slope of log Z at rate 1. The
    slope is a central difference, so no weight has to be kept.

    Parameters
    ----------
    machine : PosteriorMachine
        One whose weights are one softmax of squared distances: any but AttentionScore, which is a TypeError.
    x : (B, H, W, C) float32 or float64
    t : float in [0, 1]

    Returns
    -------
    entropy : (B, G) float64
        G = H W for machines of windows, pixels in reading order, and 1 for those of whole images.

    Costs two float64 calls. The error is below 1e-8 (V + K / 3), V and K being the variance and the third cumulant of the
    exponents under the weights: below 1e-5 for a million candidates.

    Examples
    --------
    >>> machine = IdealScore(np.array([-1.0, 1.0]).reshape(2, 1, 1, 1), SCHEDULE)
    >>> x = np.array([0.0, 5.0]).reshape(2, 1, 1, 1)            # half way between the two images, and near one of them
    >>> np.exp(entropy(machine, x, 0.3)).round(3).ravel().tolist()
    [2.0, 1.0]
    """
    cold, hot = (np.log(_state(machine, x, t, rate).mass) for rate in (1 + HEAT, 1 - HEAT))
    return (cold + hot) / 2 - (cold - hot) / (2 * HEAT)


def log_own(machine: PosteriorMachine, x0: Array, eps: Array, t: float) -> Array:
    """log of x0's own term, exp(-|eps in view|^2 / 2), over the sum of the machine's terms, for x = a x0 + s eps.

    For a training image this is the log of its own weight. For a fresh image, with log M added for M candidates, its mean is the
    information I(t) about the image that a view of x holds, in nats (module docstring).

    Parameters
    ----------
    machine : PosteriorMachine, as for `entropy`
    x0, eps : (B, H, W, C)
        Clean images, and unit normal noise.
    t : float in (0, 1]

    Returns
    -------
    log_own : (B, G) float64
    """
    eps = eps.astype(np.float64)
    state = _state(machine, process.add_noise(x0.astype(np.float64), t, machine.schedule, eps=eps), t)
    see = type(machine).rule(machine.images[:1], *machine.settings(t)).see
    noise = np.array([(see(one) ** 2).sum(axis=1) / 2 for one in eps])
    return state.cost * float(engine.rate_of(machine.schedule.noise(t))) - np.log(state.mass) - noise


def gaussian_information(images: Array, t: float) -> float:
    """The information in nats that x holds about Gaussian data of the images' covariance, 1/2 sum log(1 + a^2 lambda / s^2).

    Of all data with this covariance the Gaussian gives x the most information.

    Examples
    --------
    >>> images = np.array([-1.0, 1.0]).reshape(2, 1, 1, 1)      # variance 1, and here a = s
    >>> round(gaussian_information(images, 0.504), 6), round(float(np.log(2)) / 2, 6)
    (0.346574, 0.346574)
    """
    flat = images.reshape(len(images), -1).astype(np.float64)
    scale = np.linalg.svd(flat - flat.mean(axis=0), compute_uv=False) / len(flat) ** 0.5
    return float(np.log1p((SCHEDULE.signal(t) / SCHEDULE.noise(t) * scale) ** 2).sum() / 2)


def crossing(times: Sequence[float], values: Sequence[float], level: float) -> float | None:
    """The first time at which values that rise with time reach a level, on the straight lines between them; None if they do not.

    Examples
    --------
    >>> crossing([0.1, 0.2, 0.3], [0.0, 1.0, 3.0], 2.0), crossing([0.1, 0.2], [0.0, 1.0], 2.0)
    (0.25, None)
    """
    above = np.flatnonzero(np.asarray(values) >= level)
    if len(above) == 0 or above[0] == 0:
        return None
    after = int(above[0])
    return float(np.interp(level, values[after - 1 : after + 1], times[after - 1 : after + 1]))


# --- the parts of the study ------------------------------------------------------------------------------------------


def machine_of(kind: str, images: Array, k: int) -> PosteriorMachine:
    """IS, LS or ELS over these images, on the torus."""
    if kind == "IS":
        return IdealScore(images, SCHEDULE)
    windowed = {"LS": LocalScore, "ELS": EquivariantLocalScore}[kind]
    return windowed(images, SCHEDULE, window=k, boundary=BOUNDARY)


def exact(kind: str, k: int, plan: Plan) -> dict[str, Any]:
    """When a machine's candidates stop to count, by the number N of training images and the time, and when theory says so.

    "entropy" is the mean entropy of noised training images, and "own" the share of views where their own term has more than half
    of the weight, N x T each. The rest is predicted from fresh images and a population that holds no training image:
    "information" I(t), and "predicted", the share of views that hold more information than log M for M candidates, N x T.
    """
    images, fresh = glyphs(0, plan.counts[-1]), glyphs(plan.counts[-1], plan.population + plan.queries[0])
    queries = plan.queries[0] if kind == "IS" else plan.queries[1]
    eps = process.unit_noise((queries, SIDE, SIDE, 1), 1)
    places = SIDE * SIDE if kind == "ELS" else 1
    population = machine_of(kind, fresh[: plan.population], k)
    told = [log_own(population, fresh[-queries:], eps, t) + np.log(plan.population * places) for t in plan.times]
    found: dict[str, Any] = {"machine": kind, "window": k, "counts": plan.counts, "times": plan.times}
    found |= {"candidates": [count * places for count in plan.counts], "information": [float(one.mean()) for one in told]}
    found |= {"Gaussian information": [gaussian_information(fresh, t) for t in plan.times]} if kind == "IS" else {}
    found |= {"entropy": [], "own": [], "predicted": []}
    for count in plan.counts:
        machine, clean = machine_of(kind, images[:count], k), images[np.arange(queries) % count]
        noisy = [(process.add_noise(clean, t, SCHEDULE, eps=eps), t) for t in plan.times]
        found["entropy"].append([float(entropy(machine, x, t).mean()) for x, t in noisy])
        found["own"].append([float((log_own(machine, clean, eps, t) > np.log(0.5)).mean()) for t in plan.times])
        found["predicted"].append([float((one > np.log(count * places)).mean()) for one in told])
    return found


def walks(plan: Plan) -> dict[str, Any]:
    """The share of a sample's pixels in its largest piece, by window and by N: 1 where a walk recites, near 0 where it creates.

    A piece is a region of pixels of one training image at one shift (`metrics.mosaic`); ELS keeps its window all the way.
    """
    images = glyphs(0, plan.counts[-1])
    noise = process.unit_noise((plan.queries[1], SIDE, SIDE, 1), 2)
    share: list[list[float]] = []
    for k in plan.windows:
        share.append([])
        for count in plan.counts:
            machine = machine_of("ELS", images[:count], k)
            pieces = metrics.mosaic(machine, last(machine, noise))
            # Of all pixels, since where most are tied, as for k = 1, the largest of a few pieces says nothing.
            share[-1].append(float(np.nan_to_num(pieces.largest * pieces.unique.mean(axis=(1, 2))).mean()))
    return {"counts": plan.counts, "windows": plan.windows, "largest piece": share}


def half_time(times: Sequence[float], share: Sequence[float]) -> float | None:
    """The time at which a share that falls with time reaches one half; None if it does not."""
    return crossing(times, [-one for one in share], -0.5)


def collapse(found: dict[str, Any]) -> list[dict[str, Any]]:
    """For each N of `exact`: the time that is predicted for its collapse, and two that are measured.

    "predicted" is where I(t) = log M for M candidates: log N for IS and LS, log(N H W) for ELS.
    "half" is where half of the views have more than half of the weight on their own term, which is what the prediction is about;
    "two" is where exp(entropy) falls to 2.
    """
    rows = []
    for count, candidates, entropies, own in zip(
        *(found[name] for name in ("counts", "candidates", "entropy", "own")), strict=True
    ):
        predicted = crossing(found["times"], [-one for one in found["information"]], -np.log(candidates))
        half = half_time(found["times"], own)
        rows.append({"N": count, "predicted": predicted, "half": half, "two": crossing(found["times"], entropies, np.log(2))})
    return rows


def shipped() -> dict[str, Any]:
    """The numbers of the study that come with the package, as the command writes them; "plan" says how much was computed."""
    return json.loads(Path(__file__).with_name("memory.json").read_text(encoding="utf-8"))


def table(found: dict[str, Any]) -> str:
    """The collapse times of each part of `exact`, as text."""
    lines = [f"{'machine':>8}{'k':>4}{'N':>8}{'predicted':>12}{'own 1/2':>10}{'exp(H) = 2':>12}"]
    for one in found.values():
        for row in collapse(one):
            times = [f"{row[name]:.3f}" if row[name] is not None else "none" for name in ("predicted", "half", "two")]
            lines.append(f"{one['machine']:>8}{one['window']:>4}{row['N']:>8}{times[0]:>12}{times[1]:>10}{times[2]:>12}")
    return "\n".join(lines)
