"""The locality scale k(t), and the strength g(t) of attention: found from a network, or k(t) from held-out images.

Nothing predicts k(t) a priori. KG calibrate it: along a trained network's own way back, take at each step the window whose
machine answers most like the network, and the median over samples. Without a network, take the window that denoises held-out
images best.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .. import arguments, process
from ..machines import AttentionScore, EquivariantLocalScore, WindowMachine
from ..machines.attention import AttentionLike
from ..types import Array, Denoiser, Rng, Schedule


class Calibration(NamedTuple):
    """A window table for a machine's `window=`, least noise first, and the scores it was chosen by.

    Attributes
    ----------
    table : list of T odd ints
    times : (T,) float64, ascending
    windows : tuple of K odd ints
    scores : (T, K) float64
        Median cosine similarity (higher is better), or mean squared error (lower is better).
    """

    table: list
    times: Array
    windows: tuple
    scores: Array


def against(
    denoiser: Denoiser,
    images: Array,
    schedule: Schedule,
    windows: Sequence[int],
    boundary: str = "zeros",
    samples: int = 10,
    steps: int = 20,
    rng: Rng = 0,
    machine: type[WindowMachine] = EquivariantLocalScore,
) -> Calibration:
    """Calibrate k(t) against a trained network, as KG do.

    Along the network's own DDIM trajectories, at each step: the k whose machine's eps_hat has the highest cosine similarity with
    the network's, then the median over samples (the lower of two middle ones, which is a window too).

    Parameters
    ----------
    denoiser : callable
        The network, denoiser(x, t) -> x0_hat.
    images : (N, H, W, C) float32 or float64
        What it was trained on.
    schedule : Schedule
    windows : K odd ints
    boundary : "circular" or "zeros"
        As the network pads.
    samples : int
        B; use noises (another rng) on which the agreement is not measured afterwards.
    steps : int
        T.
    rng : None, int or numpy Generator
    machine : a class of machines that see a window, such as LocalScore or EquivariantLocalScore

    Returns
    -------
    Calibration

    Costs T evaluations of K windows on B queries. Where there is no signal (flow at t = 1) every window's eps_hat is x itself:
    that step takes its neighbour's window.

    Examples
    --------
    >>> from minidiff import datasets, schedules
    >>> images, cosine = datasets.digits(size=8)[0][:50], schedules.cosine()
    >>> teacher = EquivariantLocalScore(images, cosine, window=[3, 5], boundary="zeros")
    >>> against(teacher, images, cosine, [3, 5, 7], samples=3, steps=4).table      # a machine is found out
    [3, 3, 5, 5]
    """

    def best(similarity):
        k = np.sort(np.asarray(windows)[similarity.argmax(axis=0)])
        return int(k[(len(k) - 1) // 2]), np.median(similarity, axis=1)

    student = machine(images, schedule, window=1, boundary=boundary)
    times, table, scores = _along(denoiser, student, best, samples, steps, rng, windows)
    return Calibration(table, times, tuple(windows), scores)


class AttentionCalibration(NamedTuple):
    """Tables for the `window=` and `strength=` of AttentionScore, least noise first, and the scores they were chosen by.

    Attributes
    ----------
    table : list of T odd ints
    strengths : list of T floats
    times : (T,) float64, ascending
    windows : tuple of K odd ints
    tried : tuple of S floats
    scores : (T, K, S) float64
        Median cosine similarity; higher is better.
    """

    table: list
    strengths: list
    times: Array
    windows: tuple
    tried: tuple
    scores: Array


def with_attention(
    denoiser: Denoiser,
    images: Array,
    schedule: Schedule,
    windows: Sequence[int],
    strengths: Sequence[float],
    boundary: str = "zeros",
    attention: AttentionLike = "uniform",
    samples: int = 10,
    steps: int = 20,
    rng: Rng = 0,
) -> AttentionCalibration:
    """Calibrate the window k(t) and the strength g(t) of `AttentionScore` together against a trained network (ours, after KG).

    Along the network's own DDIM trajectories, at each step: the pair (k, g) whose eps_hat has the highest median, over
    samples, of the cosine similarity with the network's; of equal pairs the one with the smallest g, then the smallest k. (Pairs
    have no median of their own, as KG's windows have.)

    Parameters
    ----------
    denoiser, images, schedule, windows, boundary, samples, steps, rng
        As for `against`.
    strengths : S floats >= 0
        In units of H W / k^2, as `AttentionScore` takes them.
    attention
        As for `AttentionScore`.

    Returns
    -------
    AttentionCalibration

    Costs T evaluations of K windows of AttentionScore on B queries; more strengths are cheap.

    Examples
    --------
    >>> from minidiff import datasets, schedules
    >>> images, cosine = datasets.digits(size=8)[0][:20], schedules.cosine()
    >>> teacher = AttentionScore(images, cosine, window=3, strength=[0.0, 1.0], boundary="zeros")
    >>> found = with_attention(teacher, images, cosine, [3, 5], [0, 0.3, 1], samples=3, steps=4)
    >>> found.table, found.strengths                                               # a machine is found out
    ([3, 3, 3, 3], [0.0, 0.0, 1.0, 1.0])
    """
    student = AttentionScore(images, schedule, window=1, boundary=boundary, attention=attention)
    windows, strengths = tuple(sorted(windows)), tuple(sorted(float(g) for g in strengths))

    def best(similarity):
        score = np.median(similarity, axis=2)
        g, k = np.unravel_index(score.T.argmax(), score.T.shape)
        return (windows[k], strengths[g]), score

    times, pairs, scores = _along(denoiser, student, best, samples, steps, rng, windows, strengths)
    table, strength = (list(column) for column in zip(*pairs, strict=True))
    return AttentionCalibration(table, strength, times, windows, strengths, scores)


def _along(denoiser, student, best, samples, steps, rng, *choices):
    """(times, choices, scores), least noise first, at the steps of the denoiser's own way back by DDIM.

    best(similarity) is one step's (choice, score), where similarity (..., B) is the cosine similarity of the denoiser's eps_hat
    with those of student.estimates(x, t, *choices), (..., B, H, W, C).
    """
    schedule, found = student.schedule, []
    samples = arguments.whole_number("samples", samples, 1)
    noise = process.unit_noise((samples, *student.images.shape[1:]), rng, student.images.dtype)
    t, x = 1.0, float(schedule.noise(1.0)) * noise
    for step in process.ddim(denoiser, schedule, noise=noise, steps=steps):
        theirs = process.eps_from_x0(x, step.x0_hat, t, schedule)
        estimates = student.estimates(x, t, *choices)
        flat = estimates.reshape(-1, *x.shape)
        similarity = np.array([cosine_similarity(process.eps_from_x0(x, one, t, schedule), theirs) for one in flat])
        found.append((t, *best(similarity.reshape(*estimates.shape[:-4], samples))))
        t, x = step.t, step.x
    times, chosen, scores = ([*column] for column in zip(*found[::-1], strict=True))
    if schedule.signal(1.0) == 0 and len(chosen) > 1:
        chosen[-1] = chosen[-2]
    return np.array(times), chosen, np.array(scores)


def cosine_similarity(a: Array, b: Array) -> Array:
    """The cosine of the angle between images (B, H, W, C) taken as vectors, (B,) float64."""
    a, b = (x.reshape(len(x), -1).astype(np.float64) for x in (a, b))
    return (a * b).sum(axis=1) / np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))


def held_out(
    images: Array,
    others: Array,
    schedule: Schedule,
    windows: Sequence[int],
    boundary: str = "zeros",
    steps: int = 20,
    rng: Rng = 0,
    machine: type[WindowMachine] = EquivariantLocalScore,
) -> Calibration:
    """Calibrate k(t) without a network: the window that denoises images from outside the training set best.

    At each time the k of the smallest mean squared error of x0_hat on noised held-out images, greedily from little noise to much
    and never falling (more noise never calls for a smaller window; ours, not KG's).

    Parameters
    ----------
    images : (N, H, W, C), the training set
    others : (B, H, W, C), held-out images
    schedule, windows, boundary, steps, rng, machine
        As for `against`.

    Returns
    -------
    Calibration

    Examples
    --------
    >>> from minidiff import datasets, schedules
    >>> digits = datasets.digits(size=8)[0]
    >>> held_out(digits[:200], digits[200:210], schedules.cosine(), [1, 3, 5, 15], steps=4).table
    [3, 15, 15, 15]
    """
    student = machine(images, schedule, window=1, boundary=boundary)
    others = arguments.image_set(others, "others").astype(student.images.dtype, copy=False)
    if others.shape[1:] != student.images.shape[1:]:
        raise ValueError(f"others: expected images of shape {student.images.shape[1:]}, got {others.shape[1:]}")
    rng = arguments.generator(rng)
    times = np.linspace(0, 1, arguments.whole_number("steps", steps, 1) + 1)[1:]
    windows = tuple(sorted(windows))
    table: list[int] = []
    scores = []
    for t in times:
        x = process.add_noise(others, t, schedule, rng=rng)
        errors = ((student.estimates(x, t, windows).astype(np.float64) - others) ** 2).mean(axis=(1, 2, 3, 4))
        allowed = [error if not table or k >= table[-1] else np.inf for k, error in zip(windows, errors, strict=True)]
        table.append(windows[int(np.argmin(allowed))])
        scores.append(errors)
    return Calibration(table, times, windows, np.array(scores))
