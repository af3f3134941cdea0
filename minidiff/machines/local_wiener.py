"""The local Wiener filter: the best linear denoiser that sees a window, the baseline of small convolutional networks."""

from typing import Any, NamedTuple

import numpy as np

from .. import schedules, theory
from ..types import Array, Schedule
from .base import Machine
from .registry import register
from .wiener import principal
from .windows import Window, WindowLike


@register("local_wiener")
class LocalWiener(Machine):
    """The best denoiser that is linear in a window: Wiener's filter of the training set's windows, read out at their centre.

    x0_hat[p] = m_p + a S_pW (a^2 S_WW + s^2 I)^-1 (x_W - a m_W). W is the k x k window around p; m and S are the mean and the
    covariance of what training images show there. It is to `Wiener` as LS is to IS, and with `anywhere` it is to
    `StationaryWiener` as ELS is to ES.

    Parameters
    ----------
    images, schedule, labels
        As for `IdealScore`.
    window, boundary
        As for `LocalScore`. Padding never varies, so nothing is learnt from it.
    anywhere : bool
        One filter for all pixels of a torus, and with zeros for all that see the same padding, m and S being means over these:
        the best linear network with this receptive field. Otherwise each pixel has its own.

    Raises ValueError or TypeError on bad arguments. With n = k^2 C and R = min(N, H W C) the first call for each k costs
    O(H W (R + n) n^2), and keeps n^2 numbers for each filter: 60 MB for k = 13 on 16 x 16 x 1, at most 14 with `anywhere`. Every
    call costs O(B H W n^2). Computes in float64 whatever x's dtype.

    Examples
    --------
    >>> from minidiff import schedules
    >>> images = np.array([[-1.0, -1.0, 0.0], [1.0, 1.0, 0.0]]).reshape(2, 1, 3, 1)        # two pixels that are always alike
    >>> x = np.array([1.0, 0.0, 3.0]).reshape(1, 3, 1)
    >>> for k in (1, 3):                                                   # each by itself, and both together
    ...     print(LocalWiener(images, schedules.flow(), window=k, boundary="zeros")(x, 0.5)[0, :, 0].round(3))
    [1. 0. 0.]
    [0.667 0.667 0.   ]
    """

    def __init__(
        self,
        images: Array,
        schedule: Schedule,
        *,
        window: WindowLike,
        boundary: str = "circular",
        anywhere: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(images, schedule, **options)
        height, width = self.images.shape[1:3]
        self.window = Window(window, height, width, boundary)
        self.boundary, self.anywhere = boundary, bool(anywhere)

    def settings(self, t: float) -> tuple:
        """(k, boundary, anywhere) at time t."""
        return self.window(t), self.boundary, self.anywhere

    def _estimate(self, x, t, label, settings):
        a, s = (level[:, None, None] for level in schedules.levels(self.schedule, t))
        flat = x.reshape(len(x), -1).astype(np.float64)
        answer = np.empty_like(flat)
        for own, seen, centre, mean, scale, directions in self._training_set(label, np.float64)[0].layout(Filters(*settings)):
            gain = a * scale**2 / (a * a * scale**2 + s * s)
            answer[:, own] = mean[centre] + (gain * ((flat[:, seen] - a * mean) @ directions.T)) @ directions[:, centre]
        return (answer.reshape(x.shape).astype(x.dtype),)


class Filters(NamedTuple):
    """Settings, and with images: for each group of G pixels that share a filter, in a list,

    (own (G, C), seen (G, n), centre (n,), mean (n,), scale (K,), directions (K, n)): the numbers of these pixels and of their
    windows, counted in an image; which of a window are its pixel's own; mean and standard deviations of what windows show.
    """

    k: int
    boundary: str
    anywhere: bool

    def __call__(self, images: Array) -> list[tuple]:
        count, height, width, channels = images.shape
        flat, numbers = images.reshape(count, -1), np.arange(images[0].size)
        mean = flat.mean(axis=0)
        factor = _triangular(flat - mean)  # The covariance is factor^T factor / N.
        index = theory.windows(1 + numbers.reshape(images.shape[1:]), self.k, self.boundary)  # 0 is padding.
        place = theory.places(height, width, self.k, self.boundary) if self.anywhere else np.arange(height * width)
        # Below this it is the rounding of zero; a number is in k^2 windows.
        zero = max(flat.shape) * np.finfo(np.float64).eps * self.k * np.linalg.norm(flat)
        filters = []
        for group in (place == one for one in np.unique(place)):
            own, seen = numbers.reshape(-1, channels)[group], index[group]
            seen = seen[:, seen[0] > 0] - 1
            middle = mean[seen].mean(axis=0)
            rows = (mean[seen] - middle) * count**0.5  # The mean image varies over the places, too.
            for some in np.array_split(seen, -(-len(seen) // 16)):
                rows = np.concatenate([_triangular(rows), factor[:, some].reshape(-1, seen.shape[1])])
            scale, directions = principal(rows, zero)
            filters.append((own, seen, np.isin(seen[0], own[0]), middle, scale / (count * len(seen)) ** 0.5, directions))
        return filters


def _triangular(rows):
    """R with R^T R = rows^T rows, of no more rows than columns: a product would square what is small."""
    return np.linalg.qr(rows, mode="r")
