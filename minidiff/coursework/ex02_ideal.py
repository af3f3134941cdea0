"""Exercise 02: the conversions, log-sum-exp, and the ideal denoiser."""

import numpy as np

from .denoisers import best, broken_law, draw, laws
from .marking import Exercise, Gap, Slip, exponents


def _pixel(value):
    return np.full((1, 1, 1), value)


# --- the views of one denoiser ---------------------------------------------------------------------------------------


def views(x, x0_hat, a, s):
    """(eps_hat, score, v) of an estimate."""
    eps_hat = (x - a * x0_hat) / s
    return eps_hat, (a * x0_hat - x) / s**2, a * eps_hat - s * x0_hat


def _with(part, gives):
    """`views` with a mistake in one part: gives(x, x0_hat, a, s)."""

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
            "You took x0_hat off x without shrinking it: x holds a x0, so (x - a x0_hat) / s.",
            _with(0, lambda x, y, a, s: (x - y) / s),
        ),
        Slip("The division by s is missing: x - a x0_hat is s eps_hat.", _with(0, lambda x, y, a, s: x - a * y)),
        Slip("The sign is turned round: noise is what x has more than a x0_hat.", _with(0, lambda x, y, a, s: (a * y - x) / s)),
        Slip(
            "You divide by s, and the score needs s^2: it is -eps_hat / s, and eps_hat has one division by s already.",
            _with(1, lambda x, y, a, s: (a * y - x) / s),
        ),
        Slip(
            "The sign is turned round: the score leads from x to the clean image, so it is a x0_hat - x that is divided.",
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
            "a and s have changed places: v = a eps_hat - s x0_hat.",
            _with(2, lambda x, y, a, s: x - a * y - a * y),
        ),
        Slip("You used x in place of eps_hat: v = a eps_hat - s x0_hat.", _with(2, lambda x, y, a, s: a * x - s * y)),
    ),
)


def x0_from_score(x, score, a, s):
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
        Slip("The score is multiplied by s, and s^2 belongs there.", lambda x, score, a, s: (x + s * score) / a),
        Slip("The sign is wrong: the score leads towards clean images, so it is added.", lambda x, c, a, s: (x - s**2 * c) / a),
        Slip("Only the score's term is divided by a: both are to be, (x + s^2 score) / a.", lambda x, c, a, s: x + s**2 * c / a),
        Slip("This is x0_hat for a noise estimate, (x - s eps_hat) / a, not for a score.", lambda x, c, a, s: (x - s * c) / a),
    ),
)


def x0_from_v(x, v, a, s):
    """The estimate of a velocity."""
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
            "It is right where a^2 + s^2 = 1, and only there: for the flow schedule the division by a^2 + s^2 is missing.",
            lambda x, v, a, s: a * x - s * v,
        ),
        Slip("The sign is wrong: a x - s v is what eps drops out of.", lambda x, v, a, s: (a * x + s * v) / (a**2 + s**2)),
        Slip("This is eps, s x + a v: you solved the two equations for the other unknown.", lambda x, v, a, s: s * x + a * v),
        Slip(
            "This is eps, (s x + a v) / (a^2 + s^2): you solved the two equations for the other unknown.",
            lambda x, v, a, s: (s * x + a * v) / (a**2 + s**2),
        ),
        Slip(
            "You divide by the root of a^2 + s^2, and a^2 + s^2 itself belongs there.",
            lambda x, v, a, s: (a * x - s * v) / np.sqrt(a**2 + s**2),
        ),
        Slip("a and s have changed places.", lambda x, v, a, s: (s * x - a * v) / (a**2 + s**2)),
    ),
)


# --- log-sum-exp ------------------------------------------------------------------------------------------------------


def log_sum_exp(logits):
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
            "It is right for small numbers, but exp(-1000) is 0 and exp(800) is inf in floating point, so log gives no number. "
            "Take the largest logit off first, and add it again at the end.",
            lambda logits: np.log(np.exp(logits).sum(axis=-1)),
        ),
        Slip(
            "All rows share one maximum, so a row far below it underflows, to log(0): each row needs its own, "
            "logits.max(axis=-1, keepdims=True).",
            _shared_maximum,
        ),
        Slip(
            "The maximum that you took off has to be added again, after the log.",
            lambda logits: log_sum_exp(logits) - logits.max(axis=-1),
        ),
        Slip(
            "It is summed over everything, and each row needs a sum of its own: axis=-1.",
            lambda logits: log_sum_exp(logits.ravel()),
        ),
        Slip("This is only the largest logit: the others count too, a little.", lambda logits: logits.max(axis=-1)),
        Slip(
            "It is log of the mean of the exp's, not of their sum.",
            lambda logits: log_sum_exp(logits) - np.log(logits.shape[-1]),
        ),
        Slip("This is the sum's exp, without the log.", lambda logits: np.exp(log_sum_exp(logits))),
        Slip(
            "The smallest logit is taken off, and exp of the others still overflows: take the largest.",
            lambda logits: logits.min(axis=-1) + np.log(np.exp(logits - logits.min(axis=-1, keepdims=True)).sum(axis=-1)),
        ),
    ),
)


# --- the ideal denoiser ------------------------------------------------------------------------------------------------


def ideal(x, images, a, s):
    """The posterior mean over the training set."""
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
            "The squared differences are averaged, and |.|^2 is their sum: a mean makes the exponents smaller by H W C.",
            lambda x, images, a, s: best(x, images, a, s * np.sqrt(x.size)),
        ),
        Slip("The nearest training image answers alone: weigh all of them by the softmax.", _nearest),
        Slip("All training images count the same: the weights are not used.", lambda x, images, a, s: images.mean(axis=0)),
        Slip("The answer is a x0_hat: the images that are averaged are clean, y_n and not a y_n.", lambda *q: q[2] * ideal(*q)),
        Slip(
            "Each pixel has weights of its own: the distance is of whole images, summed over all pixels and channels.",
            _pixel_by_pixel,
        ),
        Slip(
            "The differences are not squared: |.|^2 is a sum of squares.",
            lambda x, images, a, s: _weighted(np.abs(x - a * images).sum(axis=(1, 2, 3)), images, s),
        ),
        Slip(
            "The distance is the root of the sum of squares, and its square belongs into the exponent.",
            lambda x, images, a, s: _weighted(np.sqrt(((x - a * images) ** 2).sum(axis=(1, 2, 3))), images, s),
        ),
        Slip(
            "The far images weigh most: the exponent is minus the distance.",
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
