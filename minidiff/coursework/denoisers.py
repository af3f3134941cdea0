"""The right denoisers, by their definition, and the laws that a student's denoiser must obey."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import schedules, testing
from ..laws.rules import estimate, rule_of
from ..types import Array, Denoiser, Schedule

# A training set that is small enough for loops in Python. Height and width differ, and a window does not see a whole image.
IMAGES, SIDE = testing.practice_images(count=3, height=5, width=4), 3
SCHEDULE = schedules.cosine()


def best(
    x: Array,
    images: Array,
    a: float,
    s: float,
    k: int | None = None,
    boundary: str = "circular",
    shared: bool | str = False,
) -> Array:
    """x0_hat (H, W, C) of the best denoiser of a class, for one image x (H, W, C); `laws.rules.rule_of` describes the classes."""
    return estimate(rule_of(images, k, boundary, shared), x, a, s)[0].reshape(x.shape)


def denoiser_of(estimate: Callable[..., Array], images: Array = IMAGES, schedule: Schedule = SCHEDULE) -> Denoiser:
    """denoiser(x, t) for x (B, H, W, C), made of a student's function estimate(x, images, a, s) for x (H, W, C)."""

    def denoiser(x: Array, t: Any) -> Array:
        a, s = float(schedule.signal(t)), float(schedule.noise(t))
        return np.stack([estimate(one, images, a, s) for one in x])

    return denoiser


# The laws that tell most to a student whose answers are wrong. The formula comes last: every wrong denoiser breaks it.
TELLING = ("answer", "repeatable", "window", "shifts", "padding pattern", "value range", "training images stay", "formula")


def laws(
    estimate: Callable[..., Array],
    claims: str,
    boundary: str = "circular",
    chosen: Sequence[str] | None = None,
    brief: bool = False,
) -> tuple[bool, str]:
    """Whether a student's estimate(x, images, a, s) obeys the laws of its class, and a text about them.

    `claims` is the class, such as "ELS", and `chosen` are the names of laws (by default, all). The text says how many laws hold,
    or which one is broken; with `brief` it does not say more about it.
    """
    window = None if claims in ("IS", "ES") else SIDE
    settings: dict[str, Any] = {"claims": claims, "window": window, "boundary": boundary, "samples": 100}
    settings["make"] = lambda images: denoiser_of(estimate, images)
    held = 0
    for name in chosen or testing.LAWS:
        # The laws are tried one by one, so that the first broken one ends the check.
        report = testing.check_denoiser(denoiser_of(estimate), IMAGES, SCHEDULE, laws=name, **settings)
        if not report.held:
            return False, _told(report.broken[0], brief)
        held += report.results[0].held is True
    return True, f"{held} laws of the best denoiser of its class hold ({report.about})"


def broken_law(estimate: Callable[..., Array], claims: str, boundary: str = "circular", brief: bool = False) -> str:
    """A text about a law that a wrong denoiser breaks, or "" if none was found; the arguments are those of `laws`."""
    # If the mistake is known, the formula is not tried: every wrong denoiser breaks it, so that would say nothing new.
    holds, words = laws(estimate, claims, boundary, TELLING[:-1] if brief else TELLING, brief)
    return "" if holds else words


def _told(broken, brief):
    """A text about a broken law: its name, and if not `brief` also where it is broken and what this usually means."""
    found = f"The law '{broken.law}' is broken: {broken.says.replace(' Needs make=.', '')}"
    more = (broken.where, broken.hint, f"usually: {broken.usually}")
    return found if brief else " ".join([found, *(f"{words[0].upper()}{words[1:]}." for words in more if words)])


def draw(seed: int, *shape: int) -> Array:
    """Normal random numbers in an array of that shape."""
    return np.random.default_rng(seed).standard_normal(shape)
