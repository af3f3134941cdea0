"""Guidance towards a class: what a machine says of the class, and further in the direction away from what it says of all."""

from typing import Any

from .. import arguments
from ..types import Array, Schedule
from .combined import Combined
from .registry import register


@register("guided")
class GuidedScore(Combined):
    """Class-conditional guidance of any machine: x0_hat + w (x0_hat_c - x0_hat) (HS: Ho and Salimans 2022).

    (HS is arXiv 2207.12598.) x0_hat is the machine's answer from all training images, x0_hat_c that from the images of class c.
    A combinator of two posteriors, no row of the rule. For 0 <= w <= 1 it is a mean of training pixels: w = 0 is the machine,
    w = 1 that of the class alone. For w > 1 it is no posterior mean: it may leave the range of the training pixels, and breaks
    the law "value range" of `testing.check_denoiser`. One pixel, -1 in one class and 1 in the other, x = 0: x0_hat = 0,
    x0_hat_c = 1, and w = 2 says 2. (The weights still sum to one, but some are negative. It is the score of p^(1 - w) p_c^w,
    which no noise made.)

    Parameters
    ----------
    images, schedule
        As for `IdealScore`.
    labels : (N,) ints or strings, optional
        Needed for `label=` in calls; without it a call is the machine's own.
    machine : class of machines
        Further keywords are its own, such as window=5.
    weight : float >= 0
        w.

    Raises ValueError or TypeError on bad arguments. A call costs one of the machine, and one over the class alone.

    Examples
    --------
    >>> import numpy as np
    >>> from minidiff import schedules
    >>> images = np.array([-1.0, 1.0]).reshape(2, 1, 1, 1)
    >>> GuidedScore(images, schedules.flow(), labels=[0, 1], weight=2.0)(np.zeros((1, 1, 1)), 0.5, label=1)[0, 0, 0]
    np.float64(2.0)
    """

    def __init__(self, images: Array, schedule: Schedule, *, weight: float = 2.0, **options: Any) -> None:
        super().__init__(images, schedule, **options)
        self.weight = arguments.number("weight", weight, 0)

    def _estimate(self, x, t, label, settings):
        if label is None:
            return (self.of(x, t),)
        w = x.dtype.type(self.weight)
        return ((1 - w) * self.of(x, t) + w * self.of(x, t, label),)
