"""Prove or refute: claims about denoisers. A counter-example is a set of numbers, and the check tries the claim on them.

Each gap is a function without arguments. It returns a counter-example, or the text "holds" if the claim is true. What a claim
says is computed by theory.py. That a true claim has been proved is for a teacher to read; the check says why it is true.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import theory
from .marking import DONE, WRONG, Exercise, Gap, Mark

HOLDS = "holds"
# A counter-example must break the claim by more than this, so that it is not rounding.
CLEARLY = 1e-3


class Unfit(Exception):
    """What a student returns is no example for this claim: why, in one sentence."""


def _numbers(name, value, axes, least=1):
    array = np.asarray(value, np.float64)
    if array.ndim != len(axes) or array.size < least or not np.isfinite(array).all() or np.abs(array).max() > 100:
        raise Unfit(f"{name} must be finite numbers from -100 to 100 of shape ({', '.join(axes)}), got shape {array.shape}.")
    return array


def _level(a, s):
    a, s = float(a), float(s)
    if not (0 < a <= 1 and 1e-3 <= s <= 1e3):
        raise Unfit(f"a must be above 0 and at most 1, and s from 0.001 to 1000, got a = {a:g} and s = {s:g}.")
    return a, s


def _ideal(images, x, a, s):
    """(the answer of the ideal denoiser of single pixels, its weights)."""
    w = theory.weigh((x - a * images) ** 2, s)
    return w @ images / w.sum(), w / w.sum()


# --- the claims: each function raises Unfit, or says whether the example breaks the claim, and what is seen --------------


def heaviest(images: Any, x: Any, a: Any, s: Any) -> tuple[bool, str]:
    """The ideal denoiser's answer is nearest to the training image with the largest weight."""
    images, (a, s) = _numbers("images", images, "N"), _level(a, s)
    x0_hat, w = _ideal(images, float(x), a, s)
    far = np.abs(images - x0_hat)
    first, nearest = int(w.argmax()), int(far.argmin())
    words = f"x0_hat is {x0_hat:.4g}; the largest weight, {w[first]:.3f}, is that of {images[first]:.4g}"
    breaks = far[first] > far[nearest] + CLEARLY and w[first] > w[nearest]
    return bool(breaks), f"{words}, and the nearest image is {images[nearest]:.4g}"


def repeated(images: Any, n: Any, x: Any, a: Any, s: Any) -> tuple[bool, str]:
    """If one training image is there twice, the ideal denoiser's answers stay the same."""
    images, (a, s) = _numbers("images", images, "N"), _level(a, s)
    once, twice = (_ideal(given, float(x), a, s)[0] for given in (images, np.append(images, images[int(n)])))
    return bool(abs(once - twice) > CLEARLY), f"x0_hat is {once:.4g}, and with image {int(n)} twice it is {twice:.4g}"


def inside(images: Any, x: Any, k: Any, a: Any, s: Any) -> tuple[bool, str]:
    """Every pixel of ELS's answer lies between the smallest and the largest training pixel."""
    images, x, (a, s) = _numbers("images", images, "NHWC"), _numbers("x", x, "HWC"), _level(a, s)
    found = theory.denoise(theory.equivariant_local(images, _side(k), "circular"), x, a, s)
    low, high = images.min(), images.max()
    words = f"the answers go from {found.min():.4g} to {found.max():.4g}, and the training pixels from {low:.4g} to {high:.4g}"
    return bool(found.min() < low - CLEARLY or found.max() > high + CLEARLY), words


def closed(images: Any, x: Any, k: Any, a: Any, s: Any) -> tuple[bool, str]:
    """If the training set holds all shifts of each of its images, LS and ELS on the torus give the same answers."""
    images, x, (a, s) = _numbers("images", images, "NHWC"), _numbers("x", x, "HWC"), _level(a, s)
    every = np.concatenate([theory.translations(y) for y in images])
    rules = (theory.local(every, _side(k), "circular"), theory.equivariant_local(every, _side(k), "circular"))
    apart = float(np.abs(np.subtract(*(theory.denoise(rule, x, a, s) for rule in rules))).max())
    return apart > CLEARLY, f"with all shifts of your images in the set, the two differ by at most {apart:.2g}"


def patches(images: Any, z: Any, k: Any) -> tuple[bool, str]:
    """Where each pixel of z is the centre of the training window nearest to its own, z has only windows of the training set."""
    images, z, k = _numbers("images", images, "NHWC"), _numbers("z", z, "HWC"), _side(k)
    if images.shape[1:] != z.shape:
        raise Unfit(f"z must have the shape of a training image, {images.shape[1:]}, got {z.shape}.")
    rule, new = theory.equivariant_local(images, k, "circular"), 0.0
    for seen, pixel in zip(rule.see(z), z.reshape(-1, z.shape[2]), strict=True):
        distances = ((seen - rule.keys) ** 2).sum(axis=1)
        if np.abs(rule.values[distances <= distances.min() + CLEARLY] - pixel).max() > CLEARLY:
            return False, "a pixel of z is not the centre of the training window nearest to its own, so nothing is claimed"
        new = max(new, float(distances.min()))
    return new > CLEARLY, f"the strangest window of z has the squared distance {new:.4g} to the nearest training window"


def _side(k):
    if k not in (1, 3, 5, 7):
        raise Unfit(f"k must be 1, 3, 5 or 7, got {k}.")
    return int(k)


# --- the gaps ---------------------------------------------------------------------------------------------------------


def claim(name: str, broken: Callable[..., tuple[bool, str]], truth: Any, why: str) -> Gap:
    """The Gap of a claim: `truth` is HOLDS or a counter-example, and `why` is told to those who are right."""

    def model() -> Any:
        return truth

    def judge(student: Callable[[], Any]) -> Mark:
        given = student()
        if isinstance(given, str):
            if given != HOLDS:
                return Mark(name, WRONG, f'It must return a counter-example, or "{HOLDS}", but it returns {given!r}.')
            right = truth == HOLDS
            return Mark(name, DONE if right else WRONG, why if right else "The claim does not hold: there is a counter-example.")
        try:
            breaks, words = broken(*given)
        except (Unfit, TypeError, ValueError, IndexError) as error:
            return Mark(name, WRONG, f"This is no example for the claim: {error}")
        if breaks:
            return Mark(name, DONE, f"A counter-example: {words}. {why}")
        return Mark(name, WRONG, f"For your example the claim holds: {words}.")

    model.__name__ = name
    return Gap(model, (), (), judge=judge)


GAPS = (
    claim(
        "claim_1",
        heaviest,
        ([0.0, 1.0, 1.1, 1.2, 1.3], 0.45, 1.0, 1.0),
        "One image has the largest weight, but many others together pull the mean to their side.",
    ),
    claim(
        "claim_2", repeated, ([-1.0, 1.0], 1, 0.0, 1.0, 1.0), "A copy is one more candidate, so the image weighs twice as much."
    ),
    claim(
        "claim_3",
        inside,
        HOLDS,
        "It holds: the answer is a mean of training pixels whose weights are not negative and sum to 1.",
    ),
    claim(
        "claim_4",
        closed,
        HOLDS,
        "It holds: the windows of all shifts at one place are those of the images at all places, each as often as any other.",
    ),
    claim(
        "claim_5",
        patches,
        (np.array([-1.0, -1.0, -1.0, 1.0]).reshape(1, 1, 4, 1), np.array([-1.0, 1.0, -1.0, 1.0]).reshape(1, 4, 1), 3),
        "Pixels agree with the nearest window each, and not with each other: that is how a mosaic is new.",
    ),
)
EXERCISE = Exercise("refute", "prove or refute", GAPS, lambda names: (True, "all claims are decided; write down the two proofs"))
