"""ELS for pixels that also see a statistic of the image beside their window: the rule, and its backend on the box sums.

To the kernels of boxsum.py a statistic is further channels of the images, which windows leave out but for their middle.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .. import theory
from ..types import Array
from .packing import Packed
from .posterior import Posterior
from .windows import Windows

# (image (H, W, C), k, boundary) -> what each pixel sees beside its window, (H W, F), each number with noise of variance s^2.
Statistic = Callable[[Array, int, str], Array]


@dataclass(frozen=True)
class Beside:
    """The rule of ELS with a statistic beside the window: as a function, it is made like the rules of theory.py.

    Parameters
    ----------
    statistic : function (image (H, W, C), k, boundary) -> (H W, F)
        Linear in the image, and such that noise of variance s^2 in the image is noise of variance s^2 in each of the F numbers,
        independent of each other and of the window's: then the rule is that of the best denoiser that sees both.
    """

    statistic: Statistic

    def __call__(self, images: Array, k: int, boundary: str) -> theory.Rule:
        """The rule over images (N, H, W, C)."""
        alone = theory.equivariant_local(images, k, boundary)
        shown = np.concatenate([self.statistic(y, k, boundary) for y in images])
        return alone._replace(
            see=lambda x: np.hstack([alone.see(x), self.statistic(x, k, boundary)]), keys=np.hstack([alone.keys, shown])
        )


@dataclass(frozen=True)
class Extended:
    """A layout: images (N, H, W, C) with the statistic as F channels more, packed. Equal ones are one layout."""

    statistic: Statistic
    k: int
    boundary: str

    def __call__(self, images: Array) -> Packed:
        """Pack them. Memory: (1 + F / C) times that of the images, for each k."""
        return Packed.of(self.extended(images))

    def extended(self, images: Array) -> Array:
        """(N, H, W, C + F); the statistic is computed in float64, and rounded once."""
        found = [self.statistic(y.astype(np.float64), self.k, self.boundary).reshape(*y.shape[:2], -1) for y in images]
        return np.concatenate([images, np.array(found, images.dtype)], axis=3)


@dataclass(frozen=True)
class WindowsBeside(Windows):
    """The backend of `Beside`: that of ELS, with the statistic as further channels."""

    statistic: Statistic

    @property
    def layout(self) -> Extended:  # type: ignore[override]  # one for each k
        return Extended(self.statistic, self.k, self.boundary)

    def states(self, x: Array, shard: Packed, signal: Array, noise: Array, winners: bool, beside: int = 0) -> Posterior:
        more = self.layout.extended(x)
        return super().states(more, shard, signal, noise, winners, more.shape[3] - x.shape[3])

    def evidence(self, x: Array, shard: Packed, signal: Array, noise: Array, winners: bool, beside: int = 0) -> Posterior:
        more = self.layout.extended(x)
        return super().evidence(more, shard, signal, noise, winners, more.shape[3] - x.shape[3])
