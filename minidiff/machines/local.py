"""The local score: every pixel by itself, seen through its window, at its own place."""

from .. import theory
from .registry import register
from .window_machine import WindowMachine


@register("ls")
class LocalScore(WindowMachine):
    """The local score (LS): every pixel by itself, seen through its window, explained by its own place in each image (KG).

    x0_hat[p] = sum_n w_n y_n[p] with w = softmax over n of -|window of x at p - a window of y_n at p|^2 / (2 s^2).

    Parameters
    ----------
    images : (N, H, W, C) float32 or float64
    schedule : Schedule
    window : odd int, list of odd ints from least to most noise, or a callable of t
        The side k; at most min(H, W) on a torus and 2 max(H, W) - 1 with zeros.
    boundary : "circular" or "zeros"
        What a window that leaves the image sees.
    labels, executor, progress
        As for `IdealScore`.

    Raises ValueError or TypeError on bad arguments. A call costs O(B N H W (C + k)) time.

    Examples
    --------
    >>> import numpy as np
    >>> from minidiff import schedules
    >>> images = np.array([[-1.0, -1.0], [1.0, 1.0]]).reshape(2, 1, 2, 1)
    >>> machine = LocalScore(images, schedules.flow(), window=1)
    >>> machine(np.array([0.2, -0.3]).reshape(1, 2, 1), 0.0)[0, :, 0]      # each pixel alone: a mosaic of two images
    array([ 1., -1.])
    """

    rule = staticmethod(theory.local)
