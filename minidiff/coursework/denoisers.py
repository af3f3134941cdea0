"""What several exercises share: random arrays, the softmax, and the laws that a student's denoiser must obey."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from .. import schedules, testing
from ..types import Array, Denoiser
from .marking import Law

# A training set that is small enough for loops in Python. Height and width differ, and a window does not see a whole image.
IMAGES, SIDE = testing.practice_images(count=3, height=5, width=4), 3
SCHEDULE = schedules.cosine()


def draw(seed: int, *shape: int) -> Array:
    """Normal random numbers in an array of that shape."""
    return np.random.default_rng(seed).standard_normal(shape)


def softmax(logits: Array) -> Array:
    """The softmax over the last axis."""
    w = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return w / w.sum(axis=-1, keepdims=True)


# The laws that tell most to a student whose answers are wrong. The formula comes last: every wrong denoiser breaks it.
TELLING = ("answer", "repeatable", "window", "shifts", "padding pattern", "value range", "training images stay", "formula")


def laws(
    machine: Callable[..., Array],
    claims: str,
    boundary: str = "circular",
    chosen: Sequence[str] = tuple(testing.LAWS),
    brief: bool = False,
) -> tuple[bool, str]:
    """Whether a student's machine obeys the laws of its class, and a text about them.

    It is a function (x, images, a, s) of one image, or (x, images, k, a, s) with a window. `claims` is the class, such as "ELS",
    and `chosen` are the names of laws. The text says how many laws hold, or which one is broken; with `brief` it does not say
    more about it.
    """
    window = () if claims == "IS" else (SIDE,)

    def make(images: Array) -> Denoiser:
        def denoiser(x: Array, t: Any) -> Array:
            a, s = float(SCHEDULE.signal(t)), float(SCHEDULE.noise(t))
            return np.stack([machine(one, images, *window, a, s) for one in x])

        return denoiser

    claimed: dict[str, Any] = {"claims": claims, "window": SIDE if window else None, "boundary": boundary, "make": make}
    held = 0
    for name in chosen:
        # The laws are tried one by one, so that the first broken one ends the check.
        report = testing.check_denoiser(make(IMAGES), IMAGES, SCHEDULE, laws=name, samples=100, **claimed)
        if not report.held:
            return False, _told(report.broken[0], brief)
        held += report.results[0].held is True
    return True, f"{held} laws of the best denoiser of its class hold ({report.about})"


def broken_law(claims: str, boundary: str = "circular") -> Law:
    """The `law` of a gap whose function is a machine of that class."""

    def law(machine: Callable[..., Array], brief: bool) -> str:
        # If the mistake is known, the formula is not tried: every wrong denoiser breaks it, so that would say nothing new.
        holds, words = laws(machine, claims, boundary, TELLING[:-1] if brief else TELLING, brief)
        return "" if holds else words

    return law


def _told(broken, brief):
    """A text about a broken law: its name, and if not `brief` also where it is broken and what this usually means."""
    found = f"The law '{broken.law}' is broken: {broken.says.replace(' Needs make=.', '')}"
    more = (broken.where, broken.hint, broken.usually and f"usually: {broken.usually}")
    return found if brief else " ".join([found, *(f"{words[0].upper()}{words[1:]}." for words in more if words)])


def slope_agrees(gradient: str, slopes: Iterable[Array], along: Iterable[Array], shown: float) -> tuple[bool, str]:
    """Whether a gradient's slope along a direction is the one that a central difference with h = 1e-5 shows, and a text."""
    claim = sum(float(np.vdot(slope, d)) for slope, d in zip(slopes, along, strict=True))
    words = f"{gradient} gives the slope {claim:.5f} along a random direction, and differences of the loss give {shown:.5f}"
    # The error of a central difference is about h^2 = 1e-10 (times a third derivative); rounding adds about 1e-16 / h = 1e-11.
    return bool(abs(claim / shown - 1) < 1e-6), words
