"""The equivariant local score through a window that fades out."""

from typing import Any

from .. import engine
from ..types import Array, Schedule
from .attention import Strength, StrengthLike
from .registry import register
from .window_machine import WindowMachine
from .windows import WindowLike


@register("soft_window")
class SoftWindowScore(WindowMachine):
    """ELS through a Gaussian window: a squared difference at an offset o from the pixel weighs exp(-|o|^2 / (2 sigma^2)).

    x0_hat[p] = sum over (n, u) of w y_n[u], w = softmax of -sum over o of exp(-|o|^2 / (2 sigma^2)) |x[p + o] - a y_n[u + o]|^2 /
    (2 s^2), o in the k x k window. A row of FPMC's rule (Niedoba, Zwartsenberg and Wood 2026, arXiv 2605.24192): the query
    precision is exp(-|o|^2 / (2 sigma^2)) / s^2. As sigma grows it becomes ELS through k x k. Tutorial 04b writes it by hand.

    It is the softmax of its rule, but not the best denoiser of what it sees, as it takes far pixels to be noisier than they are:
    claims ("rule", "local"), with rule=lambda images, t: machine.rule(images, *machine.settings(t)); "equivariant" on a torus.

    Parameters
    ----------
    images, schedule, boundary, labels, executor, progress
        As for `LocalScore`.
    window : odd int, list of odd ints from least to most noise, or a callable of t
        The side k at which the window is cut off; with zeros it says who sees padding, as for ELS.
    sigma : float >= 0.1, list of floats from least to most noise, or a callable of t
        In pixels.

    Raises ValueError or TypeError on bad arguments. A call costs O(B N (H W)^2 (C + k)) time: for 300 grey images of 16 x 16, on
    one thread, 0.8 nanoseconds a pair of pixels for k = 3, and 1.5 for k = 13 (ELS: 0.5 and 0.9).

    Examples
    --------
    >>> import numpy as np
    >>> from minidiff import schedules
    >>> images = np.array([-1.0, -1.0, 1.0, 1.0]).reshape(1, 1, 4, 1)
    >>> machine = SoftWindowScore(images, schedules.flow(), window=1)
    >>> machine(np.array([0.2, -0.3, 0.9, -0.1]).reshape(1, 4, 1), 0.0)[0, :, 0]
    array([ 1., -1.,  1., -1.])
    """

    rule = staticmethod(engine.soft_windows)

    def __init__(
        self, images: Array, schedule: Schedule, *, window: WindowLike, sigma: StrengthLike = 1.5, **options: Any
    ) -> None:
        super().__init__(images, schedule, window=window, **options)
        self.sigma = Strength(sigma, "sigma", 0.1)

    def settings(self, t: float) -> tuple:
        """(k, boundary, sigma) at time t."""
        return (*super().settings(t), self.sigma(t))
