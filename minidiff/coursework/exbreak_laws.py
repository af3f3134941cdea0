"""The exercise of breaking the laws: a machine that is wrong, and that `minidiff.testing.check_denoiser` takes for right.

The student writes make(images) -> denoiser for the class ELS with a list of windows. It wins if its answers differ from those of
theory.py where people would meet them, and all laws hold. Of our own bugs one won: a machine that cut windows wider than 3 to 3.
No law asked at the times of the wide windows. Since then there is the law 'every time', which finds it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import testing, theory
from ..machines.windows import Window
from ..types import Array, Denoiser
from .denoisers import SCHEDULE
from .marking import DONE, WRONG, Exercise, Gap, Mark

WINDOWS = [1, 3, 1, 3, 3, 5, 5, 3, 3, 3]
IMAGES = testing.practice_images(count=6, height=6, width=5)
# So many batches of so many noised training images are asked, each at a time of its own.
BATCHES, SIZE = 10, 40
# An answer is wrong if it is further from theory.py's than this, with pixels from -1 to 1: rounding is about 1e-13.
WRONG_BY = 1e-6
# A machine must be wrong on this share of the questions: what hardly anybody meets is no win.
SHARE = 0.05
Make = Callable[[Array], Denoiser]


def make(images: Array) -> Denoiser:
    """A machine that is right: ELS of theory.py."""
    sides = Window(WINDOWS, IMAGES.shape[1], IMAGES.shape[2], "circular")

    def denoiser(x: Array, t: Any) -> Array:
        return np.stack([_right(images, one, float(time), sides) for one, time in zip(x, _times(x, t), strict=True)])

    return denoiser


def _right(images, x, t, sides):
    a, s = float(SCHEDULE.signal(t)), float(SCHEDULE.noise(t))
    return theory.denoise(theory.equivariant_local(images, sides(t), "circular"), x, a, s)


def _times(x, t):
    return np.broadcast_to(np.asarray(t, float), len(x))


def wrongness(machine: Denoiser, seed: int) -> tuple[float, float]:
    """(the share of natural questions that a machine answers wrongly, its largest error)."""
    rng, right, errors = np.random.default_rng(seed), make(IMAGES), []
    for t in (np.arange(BATCHES) + rng.random(BATCHES)) / BATCHES:
        clean = IMAGES[rng.integers(len(IMAGES), size=SIZE)]
        x = float(SCHEDULE.signal(t)) * clean + float(SCHEDULE.noise(t)) * rng.standard_normal(clean.shape)
        gap = np.abs(np.asarray(machine(x.copy(), float(t)), float) - right(x, t))
        # An answer that is no number is wrong, too.
        errors.append(np.where(np.isfinite(gap), gap, np.inf).max(axis=(1, 2, 3)))
    found = np.concatenate(errors)
    return float((found > WRONG_BY).mean()), float(found.max())


def verdict(student: Make, seed: int = 0) -> tuple[bool, str]:
    """Whether a machine wins, and a text that says why, or why not."""
    share, largest = wrongness(student(IMAGES), seed)
    if share == 0:
        return False, "Your machine is right: it answers as theory.py does. Plant a bug in it."
    shown = f"{100 * share:.0f} % of {BATCHES * SIZE} noised training images are answered wrongly, by up to {largest:.2g}"
    if share < SHARE:
        return False, f"It is hardly ever wrong: {shown}. At least {100 * SHARE:.0f} % are needed."
    report = testing.check_denoiser(
        student(IMAGES), IMAGES, SCHEDULE, "ELS", window=WINDOWS, make=student, rng=1000 * seed, samples=200
    )
    if report.held:
        return True, f"It wins: {shown}, and all laws hold. Which law would find it? Laws are written in minidiff/laws."
    broken = report.broken[0]
    return False, f"The kit finds it: {shown}, and the law '{broken.law}' is broken: {broken.says} {broken.where}"


def _judge(student: Make) -> Mark:
    won, words = verdict(student)
    return Mark("make", DONE if won else WRONG, words)


GAP = Gap(make, (), (), judge=_judge)
EXERCISE = Exercise("break", "break the laws", (GAP,), lambda names: verdict(names["make"], seed=1))
