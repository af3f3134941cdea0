"""The equivariant local score: the same softmax through a window that may come from anywhere; it makes patch mosaics."""

from .. import theory
from .registry import register
from .window_machine import WindowMachine


@register("els")
class EquivariantLocalScore(WindowMachine):
    """The equivariant local score (ELS): every pixel may be explained by any pixel of any image with a like window (KG).

    x0_hat[p] = sum over (n, u) of w y_n[u] with w = softmax of -|window of x at p - a window of y_n at u|^2 / (2 s^2). With
    boundary "zeros" (boundary-broken ELS) only candidates with the same padding pattern as p count; see windows.py.

    Parameters
    ----------
    images, schedule, window, boundary, labels, executor, progress
        As for `LocalScore`.

    Raises ValueError or TypeError on bad arguments. A call costs O(B N (H W)^2 (C + k)) time, k being cheap, and
    O(B H W C) memory beyond the training set.

    Examples
    --------
    >>> import numpy as np
    >>> from minidiff import schedules
    >>> images = np.array([-1.0, -1.0, 1.0, 1.0]).reshape(1, 1, 4, 1)
    >>> machine = EquivariantLocalScore(images, schedules.flow(), window=1)
    >>> machine(np.array([0.2, -0.3, 0.9, -0.1]).reshape(1, 4, 1), 0.0)[0, :, 0]
    array([ 1., -1.,  1., -1.])
    """

    rule = staticmethod(theory.equivariant_local)
