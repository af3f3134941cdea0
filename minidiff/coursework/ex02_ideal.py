"""Exercise 02: the conversions, log-sum-exp, and the ideal denoiser. Its gaps, their questions and the common mistakes."""

import numpy as np

from ..types import Array
from .denoisers import broken_law, draw, laws, softmax
from .marking import Exercise, gap
from .slips import EXPONENTS, VARIANCE, slips

PIXEL = np.ones((1, 1, 1))

# --- the views of one denoiser ---------------------------------------------------------------------------------------


def views(x: Array, x0_hat: Array, a: float, s: float) -> tuple[Array, Array, Array]:
    """(eps_hat, score, v) of an estimate x0_hat."""
    eps_hat = (x - a * x0_hat) / s
    return eps_hat, -eps_hat / s, a * eps_hat - s * x0_hat


VIEWS = gap(
    views,
    (PIXEL, 0.5 * PIXEL, 0.8, 0.6),
    (draw(0, 2, 2, 1), draw(1, 2, 2, 1), 0.7, 0.3),
    parts=("eps_hat", "score", "v"),
    slips=VARIANCE
    + slips("""
        (x - a * x0_hat) / s -> (x - x0_hat) / s
            # You subtract x0_hat from x, and forgot the factor a: x is a x0 + s eps, so eps_hat is (x - a x0_hat) / s.
        (x - a * x0_hat) / s -> x - a * x0_hat  # The division by s is missing: x - a x0_hat is s eps_hat.
        (x - a * x0_hat) / s -> (a * x0_hat - x) / s  # The sign is wrong: subtract a x0_hat from x, not x from a x0_hat.
        (x - a * x0_hat) / s -> x / s - a * x0_hat  # Only x is divided by s. Divide the difference: (x - a x0_hat) / s.
        (x - a * x0_hat) / s -> x - a * x0_hat / s  # Only x0_hat is divided by s. Divide the difference: (x - a x0_hat) / s.
        (x - a * x0_hat) / s -> (x - a * x0_hat) / s**2
            # You divide by s^2, as in the score. The noise in x is s eps, so eps_hat is divided by s only once.
        (x - a * x0_hat) / s -> x / a - x0_hat  # You divide by a, not by s: x / a - x0_hat is (s / a) eps.
        -eps_hat / s, -> -eps_hat,
            # You divide by s once, but the score needs s^2: it is -eps_hat / s, and eps_hat was divided by s already.
        -eps_hat / s, -> -eps_hat / s**2,
            # You divide by s three times: eps_hat was divided by s already, so the score is -eps_hat / s.
        -eps_hat / s, -> eps_hat / s,  # The sign is wrong: the score points to the clean image, so it is (a x0_hat - x) / s^2.
        -eps_hat / s, -> (x0_hat - x) / s**2,  # It looks as if you forgot the factor a in the score: (a x0_hat - x) / s^2.
        a * eps_hat - s * x0_hat -> a * eps_hat + s * x0_hat  # The sign between the two terms is wrong: v = a eps_hat - s x0_hat.
        a * eps_hat - s * x0_hat -> s * eps_hat - a * x0_hat  # a and s are swapped: v = a eps_hat - s x0_hat.
        a * eps_hat - s * x0_hat -> a * x0_hat - s * eps_hat
            # The two terms are swapped: the noise has the factor a, and the image has the factor s.
        a * eps_hat - s * x0_hat -> (a * eps_hat - s * x0_hat) / (a**2 + s**2)
            # v is not divided by anything. (To find x0 from v one divides by a^2 + s^2.)
        a * eps_hat - s * x0_hat -> eps_hat - x0_hat
            # This is eps - x0, the velocity of the flow schedule. Here v = a eps_hat - s x0_hat.
        a * eps_hat - s * x0_hat -> a * x - s * x0_hat  # You used x instead of eps_hat: v = a eps_hat - s x0_hat.
    """),
)


def x0_from_score(x: Array, score: Array, a: float, s: float) -> Array:
    """Tweedie's formula."""
    return (x + s**2 * score) / a


SCORE = gap(
    x0_from_score,
    (PIXEL, -2.0 * PIXEL, 0.8, 0.6),
    (draw(2, 2, 2, 1), draw(3, 2, 2, 1), 0.7, 0.3),
    slips=VARIANCE
    + slips("""
        (x + s**2 * score) / a -> x + s**2 * score  # The division by a is missing: x + s^2 score is a x0_hat.
        s**2 -> s  # The score is multiplied by s, but it must be multiplied by s^2.
        x + s**2 -> x - s**2  # The sign is wrong: the score points to clean images, so it is added.
        (x + s**2 * score) / a -> x + s**2 * score / a  # Only the score's term is divided by a. Divide both: (x + s^2 score) / a.
        (x + s**2 * score) / a -> x / a + s**2 * score  # Only x is divided by a. Divide both: (x + s^2 score) / a.
        x + s**2 -> x - s  # This is the formula for a noise estimate, (x - s eps_hat) / a, not for a score.
    """),
)


def x0_from_v(x: Array, v: Array, a: float, s: float) -> Array:
    """The estimate x0_hat that belongs to a velocity."""
    return (a * x - s * v) / (a**2 + s**2)


VELOCITY = gap(
    x0_from_v,
    (PIXEL, 0.5 * PIXEL, 0.8, 0.6),
    (draw(4, 2, 2, 1), draw(5, 2, 2, 1), 0.7, 0.3),
    slips=slips("""
        return a * x - s * v  # It is right only if a^2 + s^2 = 1. For other schedules, such as flow, divide by a^2 + s^2.
        a * x - s * v -> a * x + s * v  # The sign is wrong: in a x - s v, the terms with eps cancel.
        return s * x + a * v  # This is eps, s x + a v: you solved the two equations for the other unknown.
        a * x - s * v -> s * x + a * v  # This is eps, (s x + a v) / (a^2 + s^2): you solved for the other unknown.
        return (x - s * v) / a
            # This is the formula for a noise estimate, (x - s eps_hat) / a. But v = a eps - s x0 is not the noise.
        return (a * x - s * v) / a**2 + s**2
            # Only a^2 divides here, and s^2 is added to the quotient. Write brackets: / (a**2 + s**2).
        (a**2 + s**2) -> (a + s) ** 2  # You divide by the square of the sum, (a + s)^2. Divide by the sum of the squares.
        a * x - s * v -> x - s * v  # The factor a is missing: in a x - s v, the terms with eps cancel.
        (a**2 + s**2) -> a**2  # You divide by a^2. But a x - s v is (a^2 + s^2) x0: v holds the term -s x0.
        (a**2 + s**2) -> np.sqrt(a**2 + s**2)  # You divide by the root of a^2 + s^2. Divide by a^2 + s^2 itself.
        a * x - s * v -> s * x - a * v  # a and s are swapped.
    """),
)


# --- log-sum-exp ------------------------------------------------------------------------------------------------------


def log_sum_exp(logits: Array) -> Array:
    """log(sum(exp(logits))) over the last axis."""
    largest = logits.max(axis=-1, keepdims=True)
    return largest[..., 0] + np.log(np.exp(logits - largest).sum(axis=-1))


LOG_SUM_EXP = gap(
    log_sum_exp,
    (np.array([0.0, 1.0]),),
    (np.array([[0.0, 1.0, 0.5], [2.0, 0.0, -1.0]]),),
    (np.array([-1000.0, -1001.0]),),
    (np.array([[0.0, -1.0], [-2000.0, -2001.0]]),),
    (np.array([800.0, 799.0, -5.0]),),
    (np.array([0.0, -3000.0, -3001.0]),),
    slips=slips("""
        return np.log(np.exp(logits).sum(axis=-1))
            # It is right for small numbers. But exp(-1000) is 0 and exp(800) is inf in floating point, and their log is not a
            # finite number. Subtract the largest logit first, and add it again at the end.
        axis=-1, keepdims=True -> keepdims=True
            # All rows share one maximum. If all numbers of a row are far below it, their exp's are 0, and log(0) is -inf. Each
            # row needs its own maximum, logits.max(axis=-1, keepdims=True).
        return largest[..., 0] + -> return  # You subtracted the maximum. Add it again, after the log.
        return log_sum_exp(logits.ravel())  # The sum is over all numbers, but each row needs its own sum: axis=-1.
        return logits.max(axis=-1)  # This is only the largest logit. The other logits make the result a little larger.
        .sum(axis=-1) -> .mean(axis=-1)  # This is the log of the mean of the exp's. Take the log of their sum.
        return np.log(np.exp(logits).sum(axis=-1) + 1e-300)
            # A tiny number keeps log(0) away, but then the answer is log(1e-300) for all small logits. Subtract the largest logit
            # first, and add it again at the end.
        logits - largest -> logits  # You add the largest logit, but you do not subtract it before the exp.
        return log_sum_exp(logits.T)  # The sum is over the first axis. Sum over the last one: axis=-1.
        return np.exp(log_sum_exp(logits))  # The log is missing: this is the sum of the exp's.
        logits.max -> logits.mean
            # You subtract the mean of the logits, so exp of the largest can still overflow. Subtract the largest.
        logits.max -> logits.min  # You subtract the smallest logit, so exp of others can still overflow. Subtract the largest.
        axis=-1, keepdims=True -> axis=-1; largest[..., 0] -> largest
            # The maxima of the rows are subtracted along the wrong axis. Keep the last one: logits.max(axis=-1, keepdims=True).
    """),
)


# --- the ideal denoiser ------------------------------------------------------------------------------------------------


def ideal(x: Array, images: Array, a: float, s: float) -> Array:
    """The posterior mean over the training set, x0_hat."""
    distances = ((x - a * images) ** 2).sum(axis=(1, 2, 3))
    return np.tensordot(softmax(-distances / (2 * s**2)), images, axes=1)


IDEAL = gap(
    ideal,
    (np.array([0.2, 0.1]).reshape(1, 2, 1), np.array([[-1.0, -1.0], [1.0, 1.0]]).reshape(2, 1, 2, 1), 0.8, 0.6),
    (draw(6, 2, 3, 1), draw(7, 4, 2, 3, 1), 0.5, 0.9),
    (draw(8, 2, 2, 2), draw(9, 3, 2, 2, 2), 0.99, 0.02),
    slips=VARIANCE
    + EXPONENTS
    + slips("""
        .sum(axis=(1, 2, 3)) -> .mean(axis=(1, 2, 3))
            # The squared differences are averaged, but |.|^2 is their sum. A mean makes the exponents smaller by H W C times.
        softmax(-distances / (2 * s**2)) -> (distances == distances.min())
            # You return the nearest training image. Take the mean of all training images, with the weights of the softmax.
        return images.mean(axis=0)  # All training images have equal weights: the weights of the softmax are not used.
        return a * ideal(x, images, a, s)  # The answer is a x0_hat. Average the clean images, y_n and not a y_n.
        return (softmax(-((x - a * images) ** 2).sum(axis=3, keepdims=True).T / (2 * s**2)).T * images).sum(axis=0)
            # You use different weights for each pixel. The distance is between whole images, a sum over all pixels and channels.
        ((x - a * images) ** 2) -> abs(x - a * images)  # The differences are not squared: |.|^2 is a sum of squares.
        .sum(axis=(1, 2, 3)) -> .sum(axis=(1, 2, 3)) ** 0.5
            # The exponent has the distance, the root of the sum of squares. It needs the squared distance: leave out the root.
        x - a * images -> x / a - images
            # You compare x / a with the images. But the noise in x / a is (s / a) eps, and not s eps: compare x with a times the
            # images.
        (2 * s**2) -> (2 * (s / a) ** 2)
            # You divide by 2 (s / a)^2. This belongs to x / a, and you compare x with a y_n: divide by 2 s^2.
        -distances -> distances  # The farthest images have the largest weights: the exponent needs a minus sign.
    """),
    law=broken_law("IS"),
)

GAPS = (VIEWS, SCORE, VELOCITY, LOG_SUM_EXP, IDEAL)
EXERCISE = Exercise("02", "the ideal denoiser recites", GAPS, lambda names: laws(names["ideal"], "IS"))
