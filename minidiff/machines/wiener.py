"""The Wiener filter: the best linear denoiser, a baseline that is hard to beat in R^2 (LUK)."""

import numpy as np

from ..types import Array, Labels, Schedule
from .base import Machine
from .registry import register


@register("wiener")
class Wiener(Machine):
    """The best linear denoiser, from the training set's mean m and covariance S (with 1/N, as for the other machines).

    x0_hat = m + a S (a^2 S + s^2 I)^-1 (x - a m), which is exact for Gaussian data (LUK).

    Parameters
    ----------
    images, schedule, labels
        As for `IdealScore`.

    Raises ValueError or TypeError on bad arguments. The first call costs a singular value decomposition of the
    (N, H W C) data matrix, O(min(N, H W C) N H W C); every call O(B H W C min(N, H W C)).

    Examples
    --------
    >>> from minidiff import schedules
    >>> images = np.array([-1.0, 1.0]).reshape(2, 1, 1, 1)        # mean 0, variance 1
    >>> Wiener(images, schedules.flow())(np.full((1, 1, 1), 0.5), 0.5)[0, 0, 0]
    np.float64(0.5)
    """

    def __init__(self, images: Array, schedule: Schedule, *, labels: Labels = None) -> None:
        super().__init__(images, schedule, labels=labels)

    def _estimate(self, x, t, label, settings):
        mean, scale, directions = self._training_set(label, np.float64)[0].layout(_spectrum)
        a, s = (level[:, None] for level in (self.schedule.signal(t), self.schedule.noise(t)))
        # The covariance is directions^T diag(scale^2) directions. Only directions in which the data vary are kept, so that
        # at s = 0 the gain is 1 / a, not 0 / 0: the projection onto the span of the data.
        gain = a * scale**2 / (a * a * scale**2 + s * s)
        flat = x.reshape(len(x), -1).astype(np.float64)
        estimate = mean + (gain * ((flat - a * mean) @ directions.T)) @ directions
        return (estimate.reshape(x.shape).astype(x.dtype),)


def _spectrum(images):
    """(mean (L,), standard deviations (K,), directions (K, L)) of images (N, H, W, C), float64, L = H W C."""
    flat = images.reshape(len(images), -1)
    mean = flat.mean(axis=0)
    _, scale, directions = np.linalg.svd(flat - mean, full_matrices=False)
    # Below this a singular value is the rounding of zero (the usual threshold of a numerical rank).
    kept = scale > scale.max(initial=0) * max(flat.shape) * np.finfo(np.float64).eps
    return mean, scale[kept] / len(flat) ** 0.5, directions[kept]
