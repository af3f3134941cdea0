"""The stationary Wiener filter: the best denoiser that is linear and commutes with every shift, the baseline of convolutions."""

import numpy as np

from .. import schedules
from ..types import Array, Labels, Schedule
from .base import Machine
from .registry import register

# Numbers transformed at a time.
MOST_NUMBERS = 2**22


@register("stationary")
class StationaryWiener(Machine):
    """The best denoiser that is linear and translation-equivariant on the torus: Wiener's filter, frequency by frequency.

    x0_hat = m + F^-1[ a P (a^2 P + s^2 I)^-1 F(x - a m) ]. F is the Fourier transform over rows and columns, m (C,) the mean
    colour of the training set, and P(f) (C, C) its power spectrum: the mean of F(y - m) F(y - m)^H / (H W) over all images and,
    as a shift leaves it alone, over all their translations. So it is `Wiener` for the training set with all its translations, as
    ES is IS for that set.

    It has no boundary: rows and columns go round, as on a torus. Of a set with borders, or a network with zero padding, it knows
    only what all places have in common.

    Parameters
    ----------
    images, schedule, labels
        As for `IdealScore`.

    Raises ValueError or TypeError on bad arguments. The first call costs the transforms of the images and, at each frequency, an
    orthogonal decomposition (N, C), together O(N H W C (log H W + C)); every call O(B H W C (log H W + C)). Computes in float64
    whatever x's dtype.

    Examples
    --------
    >>> from minidiff import schedules
    >>> images = np.array([-1.0, 1.0]).reshape(2, 1, 1, 1) * np.ones((1, 1, 4, 1))    # grey levels without any texture
    >>> x = np.array([1.0, 0.0, 0.0, 1.0]).reshape(1, 4, 1)
    >>> print(StationaryWiener(images, schedules.flow())(x, 0.5)[0, :, 0])            # so only the mean of x counts: P = 4, there
    [0.8 0.8 0.8 0.8]
    """

    def __init__(self, images: Array, schedule: Schedule, *, labels: Labels = None) -> None:
        super().__init__(images, schedule, labels=labels)

    def _estimate(self, x, t, label, settings):
        mean, scale, directions = self._training_set(label, np.float64)[0].layout(_spectrum)
        a, s = (level[:, None, None, None] for level in schedules.levels(self.schedule, t))
        # A direction in which nothing varies has the gain 0, at s = 0 too, where it would be 0 / 0, and all others have 1 / a.
        gain = a * scale**2 / (a * a * scale**2 + s * s + (scale == 0))
        heard = np.einsum("fgkc,bfgc->bfgk", directions.conj(), np.fft.rfft2(x - a * mean, axes=(1, 2)))
        answer = np.einsum("fgkc,bfgk->bfgc", directions, gain * heard)
        return ((mean + np.fft.irfft2(answer, s=x.shape[1:3], axes=(1, 2))).astype(x.dtype),)


def _spectrum(images):
    """(mean (C,), standard deviations (H, W // 2 + 1, K), directions (H, W // 2 + 1, K, C)) of P at each frequency, K <= C.

    P is never formed, as it would square what is small: the triangular factor of all transforms at a frequency has its square
    root. The images are taken in some at a time.
    """
    count, height, width, channels = images.shape
    mean = images.mean(axis=(0, 1, 2))
    corner = np.zeros((height, width // 2 + 1, 0, channels), complex)
    size = max(1, MOST_NUMBERS // images[0].size)
    for low in range(0, count, size):
        transforms = np.fft.rfft2(images[low : low + size] - mean, axes=(1, 2)).transpose(1, 2, 0, 3)
        corner = np.linalg.qr(np.concatenate([corner, transforms], axis=2), mode="r")
    _, scale, directions = np.linalg.svd(corner, full_matrices=False)
    # Below this it is the rounding of zero: of the mean, and of a transform, which adds H W numbers.
    zero = max(count, images[0].size) * np.finfo(np.float64).eps * np.linalg.norm(images)
    return mean, np.where(scale > zero, scale, 0.0) / (count * height * width) ** 0.5, directions
