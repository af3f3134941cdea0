"""Exercise 02: the conversions, log-sum-exp, and the ideal denoiser. Its gaps, their questions and the common mistakes."""

import numpy as np

from ..types import Array
from .denoisers import best, broken_law, draw, laws
from .marking import Exercise, Gap, Slip, exponents


def _pixel(value):
    return np.full((1, 1, 1), value)


# --- the views of one denoiser ---------------------------------------------------------------------------------------


def views(x: Array, x0_hat: Array, a: float, s: float) -> tuple[Array, Array, Array]:
    """(eps_hat, score, v) of an estimate x0_hat."""
    eps_hat = (x - a * x0_hat) / s
    return eps_hat, (a * x0_hat - x) / s**2, a * eps_hat - s * x0_hat


def _with(part, gives):
    """`views` with a mistake: gives(x, x0_hat, a, s) replaces one part of the answer."""

    def mistaken(x, x0_hat, a, s):
        found = list(views(x, x0_hat, a, s))
        found[part] = gives(x, x0_hat, a, s)
        return tuple(found)

    return mistaken


VIEWS = Gap(
    "views",
    views,
    questions=(
        {"x": _pixel(1.0), "x0_hat": _pixel(0.5), "a": 0.8, "s": 0.6},
        {"x": draw(0, 2, 2, 1), "x0_hat": draw(1, 2, 2, 1), "a": 0.7, "s": 0.3},
    ),
    parts=("eps_hat", "score", "v"),
    slips=(
        Slip(
            "You subtract x0_hat from x, and forgot the factor a: x is a x0 + s eps, so eps_hat is (x - a x0_hat) / s.",
            _with(0, lambda x, y, a, s: (x - y) / s),
        ),
        Slip("The division by s is missing: x - a x0_hat is s eps_hat.", _with(0, lambda x, y, a, s: x - a * y)),
        Slip("The sign is wrong: subtract a x0_hat from x, not x from a x0_hat.", _with(0, lambda x, y, a, s: (a * y - x) / s)),
        Slip(
            "You divide by s once, but the score needs s^2: it is -eps_hat / s, and eps_hat was divided by s already.",
            _with(1, lambda x, y, a, s: (a * y - x) / s),
        ),
        Slip(
            "The sign is wrong: the score points from x to the clean image, so it is (a x0_hat - x) / s^2.",
            _with(1, lambda x, y, a, s: (x - a * y) / s**2),
        ),
        Slip(
            "It looks as if you forgot the factor a in the score: (a x0_hat - x) / s^2.",
            _with(1, lambda x, y, a, s: (y - x) / s**2),
        ),
        Slip(
            "The sign between the two terms is wrong: v = a eps_hat - s x0_hat.",
            _with(2, lambda x, y, a, s: a * (x - a * y) / s + s * y),
        ),
        Slip(
            "a and s are swapped: v = a eps_hat - s x0_hat.",
            _with(2, lambda x, y, a, s: x - a * y - a * y),
        ),
        Slip("You used x instead of eps_hat: v = a eps_hat - s x0_hat.", _with(2, lambda x, y, a, s: a * x - s * y)),
    ),
)


def x0_from_score(x: Array, score: Array, a: float, s: float) -> Array:
    """Tweedie's formula."""
    return (x + s**2 * score) / a


SCORE = Gap(
    "x0_from_score",
    x0_from_score,
    questions=(
        {"x": _pixel(1.0), "score": _pixel(-2.0), "a": 0.8, "s": 0.6},
        {"x": draw(2, 2, 2, 1), "score": draw(3, 2, 2, 1), "a": 0.7, "s": 0.3},
    ),
    slips=(
        Slip("The division by a is missing: x + s^2 score is a x0_hat.", lambda x, score, a, s: x + s**2 * score),
        Slip("The score is multiplied by s, but it must be multiplied by s^2.", lambda x, score, a, s: (x + s * score) / a),
        Slip("The sign is wrong: the score points to clean images, so it is added.", lambda x, c, a, s: (x - s**2 * c) / a),
        Slip(
            "Only the term with the score is divided by a. Divide both: (x + s^2 score) / a.", lambda x, c, a, s: x + s**2 * c / a
        ),
        Slip(
            "This is the formula for a noise estimate, (x - s eps_hat) / a, not for a score.", lambda x, c, a, s: (x - s * c) / a
        ),
    ),
)


def x0_from_v(x: Array, v: Array, a: float, s: float) -> Array:
    """The estimate x0_hat that belongs to a velocity."""
    return (a * x - s * v) / (a**2 + s**2)


VELOCITY = Gap(
    "x0_from_v",
    x0_from_v,
    questions=(
        {"x": _pixel(1.0), "v": _pixel(0.5), "a": 0.8, "s": 0.6},
        {"x": draw(4, 2, 2, 1), "v": draw(5, 2, 2, 1), "a": 0.7, "s": 0.3},
    ),
    slips=(
        Slip(
            "It is right only if a^2 + s^2 = 1. For other schedules, such as flow, you must divide by a^2 + s^2.",
            lambda x, v, a, s: a * x - s * v,
        ),
        Slip("The sign is wrong: in a x - s v, the terms with eps cancel.", lambda x, v, a, s: (a * x + s * v) / (a**2 + s**2)),
        Slip("This is eps, s x + a v: you solved the two equations for the other unknown.", lambda x, v, a, s: s * x + a * v),
        Slip(
            "This is eps, (s x + a v) / (a^2 + s^2): you solved the two equations for the other unknown.",
            lambda x, v, a, s: (s * x + a * v) / (a**2 + s**2),
        ),
        Slip(
            "You divide by the root of a^2 + s^2. Divide by a^2 + s^2 itself.",
            lambda x, v, a, s: (a * x - s * v) / np.sqrt(a**2 + s**2),
        ),
        Slip("a and s are swapped.", lambda x, v, a, s: (s * x - a * v) / (a**2 + s**2)),
    ),
)


# --- log-sum-exp ------------------------------------------------------------------------------------------------------


def log_sum_exp(logits: Array) -> Array:
    """log(sum(exp(logits))) over the last axis."""
    largest = logits.max(axis=-1, keepdims=True)
    return largest[..., 0] + np.log(np.exp(logits - largest).sum(axis=-1))


def _shared_maximum(logits):
    return logits.max() + np.log(np.exp(logits - logits.max()).sum(axis=-1))


LOG_SUM_EXP = Gap(
    "log_sum_exp",
    log_sum_exp,
    questions=(
        {"logits": np.array([0.0, 1.0])},
        {"logits": np.array([[0.0, 1.0, 0.5], [2.0, 0.0, -1.0]])},
        {"logits": np.array([-1000.0, -1001.0])},
        {"logits": np.array([[0.0, -1.0], [-2000.0, -2001.0]])},
        {"logits": np.array([800.0, 799.0, -5.0])},
    ),
    slips=(
        Slip(
            "It is right for small numbers. But exp(-1000) is 0 and exp(800) is inf in floating point, and their log is not a "
            "finite number. Subtract the largest logit first, and add it again at the end.",
            lambda logits: np.log(np.exp(logits).sum(axis=-1)),
        ),
        Slip(
            "All rows share one maximum. If all numbers of a row are far below it, their exp's are 0, and log(0) is -inf. Each "
            "row needs its own maximum, logits.max(axis=-1, keepdims=True).",
            _shared_maximum,
        ),
        Slip(
            "You subtracted the maximum. Add it again, after the log.",
            lambda logits: log_sum_exp(logits) - logits.max(axis=-1),
        ),
        Slip(
            "The sum is over all numbers, but each row needs its own sum: axis=-1.",
            lambda logits: log_sum_exp(logits.ravel()),
        ),
        Slip(
            "This is only the largest logit. The other logits make the result a little larger.",
            lambda logits: logits.max(axis=-1),
        ),
        Slip(
            "This is the log of the mean of the exp's. Take the log of their sum.",
            lambda logits: log_sum_exp(logits) - np.log(logits.shape[-1]),
        ),
        Slip("The log is missing: this is the sum of the exp's.", lambda logits: np.exp(log_sum_exp(logits))),
        Slip(
            "You subtract the smallest logit, so exp of the others can still overflow. Subtract the largest.",
            lambda logits: logits.min(axis=-1) + np.log(np.exp(logits - logits.min(axis=-1, keepdims=True)).sum(axis=-1)),
        ),
    ),
)


# --- the ideal denoiser ------------------------------------------------------------------------------------------------


def ideal(x: Array, images: Array, a: float, s: float) -> Array:
    """The posterior mean over the training set, x0_hat."""
    return best(x, images, a, s)


def _nearest(x, images, a, s):
    return images[((x - a * images) ** 2).sum(axis=(1, 2, 3)).argmin()].copy()


def _pixel_by_pixel(x, images, a, s):
    return best(x, images, a, s, k=1)


TWO = np.array([[-1.0, -1.0], [1.0, 1.0]]).reshape(2, 1, 2, 1)
IDEAL = Gap(
    "ideal",
    ideal,
    questions=(
        {"x": np.array([0.2, 0.1]).reshape(1, 2, 1), "images": TWO, "a": 0.8, "s": 0.6},
        {"x": draw(6, 2, 3, 1), "images": draw(7, 4, 2, 3, 1), "a": 0.5, "s": 0.9},
        {"x": draw(8, 2, 2, 2), "images": draw(9, 3, 2, 2, 2), "a": 0.99, "s": 0.02},
    ),
    slips=(
        *exponents(ideal),
        Slip(
            "The squared differences are averaged, but |.|^2 is their sum. A mean makes the exponents smaller by the factor H W "
            "C.",
            lambda x, images, a, s: best(x, images, a, s * np.sqrt(x.size)),
        ),
        Slip(
            "You return the nearest training image. Take the mean of all training images, with the weights of the softmax.",
            _nearest,
        ),
        Slip(
            "All training images have equal weights: the weights of the softmax are not used.",
            lambda x, images, a, s: images.mean(axis=0),
        ),
        Slip("The answer is a x0_hat. Average the clean images, y_n and not a y_n.", lambda *q: q[2] * ideal(*q)),
        Slip(
            "You use different weights for each pixel. The distance is between whole images, a sum over all pixels and channels.",
            _pixel_by_pixel,
        ),
        Slip(
            "The differences are not squared: |.|^2 is a sum of squares.",
            lambda x, images, a, s: _weighted(np.abs(x - a * images).sum(axis=(1, 2, 3)), images, s),
        ),
        Slip(
            "The exponent has the distance, the root of the sum of squares. It needs the squared distance: leave out the root.",
            lambda x, images, a, s: _weighted(np.sqrt(((x - a * images) ** 2).sum(axis=(1, 2, 3))), images, s),
        ),
        Slip(
            "The farthest images have the largest weights: the exponent needs a minus sign.",
            lambda x, images, a, s: _weighted(-((x - a * images) ** 2).sum(axis=(1, 2, 3)), images, s),
        ),
    ),
    law=lambda function, brief: broken_law(function, "IS", brief=brief),
)


def _weighted(distances, images, s):
    logits = -distances / (2 * s**2)
    return np.tensordot(np.exp(logits - log_sum_exp(logits)), images, axes=1)


EXERCISE = Exercise(
    "02",
    "the ideal denoiser recites",
    (VIEWS, SCORE, VELOCITY, LOG_SUM_EXP, IDEAL),
    lambda names: laws(names["ideal"], "IS"),
)
