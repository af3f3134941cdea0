"""The right denoisers, by their definition, and the laws that a student's is held against."""

import numpy as np

from .. import schedules, testing
from ..laws.rules import estimate, rule_of

# A training set small enough for loops in Python: three images of sides that differ, and a window that does not see all of one.
IMAGES, SIDE = testing.practice_images(count=3, height=5, width=4), 3
SCHEDULE = schedules.cosine()


def best(x, images, a, s, k=None, boundary="circular", shared=False):
    """The best denoiser of a class at one image x (H, W, C), in loops: (H, W, C). See `laws.rules.rule_of`."""
    return estimate(rule_of(images, k, boundary, shared), x, a, s)[0].reshape(x.shape)


def denoiser_of(estimate, images=IMAGES, schedule=SCHEDULE):
    """denoiser(x, t) of a student's estimate(x, images, a, s) of one image."""

    def denoiser(x, t):
        a, s = float(schedule.signal(t)), float(schedule.noise(t))
        return np.stack([estimate(one, images, a, s) for one in x])

    return denoiser


# The laws that say most to someone whose answers are wrong; the formula last.
TELLING = ("answer", "repeatable", "window", "shifts", "padding pattern", "value range", "training images stay", "formula")


def laws(estimate, claims, boundary="circular", chosen=None, brief=False):
    """(whether a student's estimate(x, images, a, s) obeys every law of its class, in words which were tried or broken)."""
    window = None if claims in ("IS", "ES") else SIDE
    settings = {"claims": claims, "window": window, "boundary": boundary, "samples": 100}
    settings["make"] = lambda images: denoiser_of(estimate, images)
    held = 0
    for name in chosen or testing.LAWS:
        # One at a time: a broken law ends it, and nobody waits for the others.
        report = testing.check_denoiser(denoiser_of(estimate), IMAGES, SCHEDULE, laws=name, **settings)
        if not report.held:
            return False, _told(report.broken[0], brief)
        held += report.results[0].held is True
    return True, f"{held} laws of the best denoiser of its class hold ({report.about})"


def broken_law(estimate, claims, boundary="circular", brief=False):
    """A law that a wrong denoiser breaks, in words; "" if none was found."""
    # The formula is broken by every wrong denoiser, which is no news where the mistake is known.
    holds, words = laws(estimate, claims, boundary, TELLING[:-1] if brief else TELLING, brief)
    return "" if holds else words


def _told(broken, brief):
    """A broken law in words: which, and if not `brief` also where, and what it usually means."""
    found = f"The law '{broken.law}' is broken: {broken.says.replace(' Needs make=.', '')}"
    more = (broken.where, broken.hint, f"usually: {broken.usually}")
    return found if brief else " ".join([found, *(f"{words[0].upper()}{words[1:]}." for words in more if words)])


def draw(seed, *shape):
    """Normal numbers of a shape."""
    return np.random.default_rng(seed).standard_normal(shape)
