"""The machine whose pixels see their window and a summary of the rest of the image: its mean (ours)."""

import numpy as np

from .. import engine, theory
from ..types import Array
from .registry import register
from .window_machine import WindowMachine


def means_outside(image: Array, k: int, boundary: str) -> Array:
    """sqrt(M) times the mean colour of the M pixels outside each pixel's window, (H W, C); 0 where the window sees them all.

    A sum of M noises of variance s^2 has variance M s^2. So the mean of M noisy pixels has variance s^2 / M, and sqrt(M) times
    the mean has the variance s^2 of one pixel: beside the window's pixels it is one more of them.

    Examples
    --------
    >>> means_outside(np.array([1.0, 2.0, 3.0, 6.0]).reshape(1, 4, 1), 1, "circular").ravel() / np.sqrt(3)
    array([3.66666667, 3.33333333, 3.        , 2.        ])
    """
    height, width, channels = image.shape
    seen = theory.windows(np.dstack([image, np.ones((height, width))]), k, boundary).reshape(height * width, -1, channels + 1)
    inside, count = np.split(seen.sum(axis=1), [channels], axis=1)
    outside = height * width - count
    # Where nothing is outside, rounding leaves a sum of 1e-17 or so.
    return np.where(outside > 0, (image.sum(axis=(0, 1)) - inside) / np.sqrt(np.maximum(outside, 1)), 0.0)


windows_and_means = engine.Beside(means_outside)


@register("summary")
class SummaryScore(WindowMachine):
    """The equivariant local score of pixels that also see the mean colour of the image outside their window (ours).

    With mu(x, p) the mean over the P pixels outside the window at p, x0_hat[p] = sum over (n, u) of w y_n[u], where

        w = softmax of -|window of x at p - a window of y_n at u|^2 / (2 s^2) - P |mu(x, p) - a mu(y_n, u)|^2 / (2 s^2)

    The noise outside the window is independent of the noise inside, and its mean has variance s^2 / P. So this is the posterior
    mean of a pixel given its window and mu: no denoiser that sees only these is better (KG's argument for ELS). It lies between
    ELS, which does not see mu, and ES, which sees all. Nothing is fitted. Like attention it tells a pixel what the others look
    like; unlike attention it tells one thing only. (It is not ELS even where all training images have one mean: the mean outside
    then tells the sum inside. With k = 1 it is ELS with s^2 / (1 + 1 / P) for s^2.)

    `testing.check_denoiser` holds it against its laws, with claims=("ideal", "rule") and
    rule=lambda images, t: windows_and_means(images, 3, "circular"); add "equivariant" on a torus.

    Parameters
    ----------
    images, schedule, window, boundary, labels, executor, progress
        As for `LocalScore`. With zeros the mean is over the image's own pixels, without padding.

    Raises ValueError or TypeError on bad arguments. A call costs O(B N (H W)^2 (C + k)) time, as one of ELS and a little more.

    Examples
    --------
    >>> from minidiff import schedules
    >>> images = np.array([[-1.0, -1.0, -1.0], [-1.0, 1.0, 1.0]]).reshape(2, 1, 3, 1)
    >>> machine = SummaryScore(images, schedules.flow(), window=1)
    >>> machine(np.array([-0.2, 0.4, 0.9]).reshape(1, 3, 1), 0.0)[0, :, 0]
    array([-1.,  1.,  1.])
    """

    rule = windows_and_means
