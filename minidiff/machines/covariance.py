"""Locality from the data's covariance: which pixels a pixel sees is read off the Wiener filter's rows."""

from typing import Any

import numpy as np

from .. import arguments, engine, schedules, theory
from ..types import Array, Schedule
from .base import PosteriorMachine
from .registry import register
from .wiener import masks, spectrum


def masked(images: Array, a: float, s: float, threshold: float) -> theory.Rule:
    """The rule: p sees all of x, times its row of the mask, and is explained by its own place in every image."""
    mask = np.repeat(masks(images.shape[1:], spectrum(images), a, s, threshold), images.shape[3], axis=1)
    local = theory.local(images, 1, "circular")
    return local._replace(see=lambda x: mask * x.ravel(), keys=np.concatenate([mask * y.ravel() for y in images]))


@register("covariance")
class CovarianceScore(PosteriorMachine):
    """LS whose windows are the data's own: pixel p sees those pixels that the Wiener filter would use for it (LUK).

    x0_hat[p] = sum_n w_n y_n[p], w = softmax over n of -sum_q M[p, q] |x[q] - a y_n[q]|^2 / (2 s^2), M[p, q] being 1 where the
    filter's pixel p hears at least `threshold` as much from pixel q as from p itself (`wiener.masks`), else 0. Claims: "rule".

    Parameters
    ----------
    images, schedule, labels
        As for `IdealScore`.
    threshold : float in [0, 1]
        The published one is 0.02; at 0 it is IS, pixel by pixel.

    Raises ValueError or TypeError on bad arguments. With D = H W C a new t costs O(D^2 min(N, D)) for the mask, and a call
    O(B N (H W)^2) in NumPy, in float64: 20 ms for 1,797 images of 16 x 16.

    Examples
    --------
    >>> from minidiff import schedules
    >>> images = np.array([[1.0, 1, 0], [-1, -1, 0], [0, 0, 1]]).reshape(3, 1, 3, 1)      # the last pixel goes its own way
    >>> CovarianceScore(images, schedules.flow(), threshold=0.5)(np.array([0.9, 0.2, 0.8]).reshape(1, 3, 1), 0.01)[0, :, 0]
    array([1., 1., 1.])
    """

    rule = staticmethod(masked)

    def __init__(self, images: Array, schedule: Schedule, *, threshold: float = 0.02, **options: Any) -> None:
        super().__init__(images, schedule, **options)
        self.threshold = arguments.number("threshold", threshold, 0, 1)

    def settings(self, t: float) -> tuple:
        """(a, s, threshold) at time t."""
        return (*map(float, schedules.levels(self.schedule, t)), self.threshold)

    def _posterior(self, x, t, label, settings, winners=False):
        training, (a, s, _) = self._training_set(label, np.float64)[0], settings
        mask = masks(x.shape[1:], training.layout(spectrum), *settings)
        distances = (((query - a * training.images) ** 2).sum(axis=3).reshape(-1, len(mask)) @ mask.T for query in x)
        return engine.join([engine.in_place(distance, training.images, s) for distance in distances])
