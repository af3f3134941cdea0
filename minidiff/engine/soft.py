"""Windows that fade out: the rule of ELS with a Gaussian weight on each squared difference, and its backend."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .. import theory
from ..types import Array
from .soft_kernel import soft_kernel
from .windows import Windows


def fading(k: int, sigma: float) -> Array:
    """exp(-i^2 / (2 sigma^2)) for the k rows of a window, (k,); the weight of a place is its row's times its column's."""
    return np.exp(-((np.arange(k) - k // 2) ** 2) / (2 * sigma**2))


def soft_windows(images: Array, k: int, boundary: str, sigma: float) -> theory.Rule:
    """The rule of ELS where a squared difference at distance r from the pixel weighs exp(-r^2 / (2 sigma^2)).

    A weight on a square is its root on what is squared, in what is seen and in what candidates show.
    """
    hard = theory.equivariant_local(images, k, boundary)
    root = np.repeat(np.sqrt(np.outer(fading(k, sigma), fading(k, sigma))).ravel(), images.shape[3])
    return hard._replace(see=lambda x: root * hard.see(x), keys=root * hard.keys)


@dataclass(frozen=True)
class SoftWindows(Windows):
    """Soft windows by weighted sums instead of box sums."""

    sigma: float
    evidence: ClassVar[Any] = None  # The kernel of single images sums plain windows.

    def kernel(self, *given: Any) -> None:
        """What a task calls; the weights are of the query's dtype."""
        soft_kernel(fading(self.k, self.sigma).astype(given[0].dtype), *given)

    def cost(self, shape: tuple[int, ...]) -> float:
        return super().cost(shape) * (1 + self.k / 10)  # measured for k from 3 to 13
