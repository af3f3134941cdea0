"""Exercise 02: the ideal denoiser, and the four ways to say what a denoiser knows.

Read tutorial 02 first, and 01 for the conversions. Fill the five gaps marked YOUR CODE, in any order, then ask

    minidiff check 02_the_ideal_denoiser_recites.py

as often as you like (or run this file). Each gap is judged by itself, with right answers in place of the others. Plain NumPy is
enough, loops are fine, speed does not matter. Keep the names and the arguments.

Everywhere x = a x0 + s eps: a is the signal level and s the noise level of one time t, two plain numbers, s > 0. The papers'
short names (KG, AMB, DDPM) are the README's.
"""

import numpy as np

EXERCISE = "02"


def views(x, x0_hat, a, s):
    """The other three views of an estimate x0_hat of a noisy image x: the noise, the score, the velocity.

    x, x0_hat: (H, W, C); a, s: floats. Returns a tuple (eps_hat, score, v), (H, W, C) each.

    eps_hat is the noise that x would hold if x0_hat were the clean image: solve x = a x0_hat + s eps_hat (DDPM eq. 4, written
    in a and s). The score is the gradient in x of log p(x), where x is normal around a x0_hat with variance s^2 in each pixel.
    The velocity v is a sum of image and noise as x is, with the factors -s and a in place of a and s.

    Hint: the score is eps_hat up to a factor. Which?
    """
    raise NotImplementedError  # YOUR CODE


def x0_from_score(x, score, a, s):
    """Tweedie's formula: the estimate of the clean image, x0_hat = E[x0 | x], that a score stands for.

    The score is grad log p(x) = E[(a x0 - x) / s^2 | x]. This is linear in x0: solve it for E[x0 | x].

    x, score: (H, W, C); a, s: floats, a > 0. Returns x0_hat (H, W, C).

    Hint: x0_from_score(x, views(x, x0_hat, a, s)[1], a, s) has to give x0_hat again.
    """
    raise NotImplementedError  # YOUR CODE


def x0_from_v(x, v, a, s):
    """The estimate of the clean image that a velocity v = a eps - s x0 stands for, for any a and s.

    x, v: (H, W, C); a, s: floats. Returns x0_hat (H, W, C).

    Hint: x = a x0 + s eps and v = a eps - s x0 are two equations for x0 and eps. Which multiples of them have a difference
    without eps? Do not assume a^2 + s^2 = 1: it holds for the cosine schedule, and not for the flow schedule, a = 1 - t and
    s = t.
    """
    raise NotImplementedError  # YOUR CODE


def log_sum_exp(logits):
    """log(sum(exp(logits))) over the last axis, whatever the size of the logits.

    logits: (..., N), finite, between -1e6 and 1e6 perhaps. Returns an array (...), one number for each row.

    At low noise the exponents -|x - a y|^2 / (2 s^2) are in the thousands, and exp(-1000) is 0 in floating point, so the plain
    formula gives log(0).

    Hint: log(sum(exp(l))) = m + log(sum(exp(l - m))) for every number m. Which m makes the largest exponent 0? Each row has one
    of its own.
    """
    raise NotImplementedError  # YOUR CODE


def softmax(logits):
    """exp(logits), normalised over the last axis. Nothing to do here: it stands on your log_sum_exp."""
    w = np.exp(logits - log_sum_exp(logits)[..., None])
    return w / w.sum(axis=-1, keepdims=True)  # a logit of -100,000 is rounded at its eleventh decimal, and so was the sum


def ideal(x, images, a, s):
    """The ideal denoiser (KG, ideal score; AMB): the posterior mean over the training set.

    x0_hat = sum_n w_n y_n with w = softmax over n of -|x - a y_n|^2 / (2 s^2).

    x: one noisy image (H, W, C); images: the training set (N, H, W, C), y_n = images[n]; a, s: floats. Returns x0_hat (H, W, C).

    Hint: |.|^2 is the sum over all pixels and channels: there are N distances. Use `softmax`, and np.tensordot(w, images, axes=1)
    for the weighted sum. Beware: take the differences first, and then square them. The expanded square
    |x|^2 - 2 a x y + a^2 |y|^2 is right in float64 for the small questions here. But for images that hardly differ its digits
    cancel in float32, so it fails in the last check.
    """
    raise NotImplementedError  # YOUR CODE


def denoiser(images, schedule):
    """Your denoiser as the package calls one. Try it when all gaps are done: it recites.

    >>> import minidiff as md
    >>> images, schedule = md.datasets.digits(size=8)[0][:50], md.schedules.cosine()
    >>> for step in md.process.ddim(denoiser(images, schedule), schedule, shape=(4, 8, 8, 1), rng=0):
    ...     pass
    >>> float(md.metrics.memorisation(step.x, images).distance.max().round(1))
    0.0
    """

    def denoise(x, t):
        a, s = float(schedule.signal(t)), float(schedule.noise(t))
        return np.stack([ideal(one, images, a, s) for one in x]).astype(x.dtype)

    return denoise


if __name__ == "__main__":
    from minidiff import coursework

    print(coursework.check(__file__))
