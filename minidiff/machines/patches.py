"""Patches that are denoised whole, and averaged where they overlap."""

from typing import Any

import numpy as np

from .. import arguments, engine, schedules, theory
from ..types import Array, Schedule
from .attention import band
from .registry import register
from .window_machine import WindowMachine
from .windows import WindowLike


@register("patches")
class PatchScore(WindowMachine):
    """Patch set posterior composite (PSPC): whole patches are denoised in place, and averaged where they overlap.

    The patch at p is x's k x k window there. Its posterior mean is sum_n w_n[p] (the window of y_n at p), w being LS's softmax of
    -|window of x at p - a window of y_n at p|^2 / (2 s^2). x0_hat[q] is the mean of what all patches that hold q say (Niedoba,
    Zwartsenberg, Murphy and Wood 2025, arXiv 2411.19339), and with more sizes the mean over these. It is a combinator:
    x0_hat[q] = sum_n w'_n[q] y_n[q], w' the mean of their weights. Claims: "posterior mean", and "local" with window 2 k - 1.

    Parameters
    ----------
    images, schedule, boundary, labels, executor, progress
        As for `LocalScore`.
    window : odd int, list of odd ints from least to most noise, or a callable of t
        k, the side of the largest patches. Beyond a border of zeros they are cut off.
    sizes : int >= 1
        How many sizes: k, k - 2, ..., as far as they are positive.

    Raises ValueError or TypeError on bad arguments. A call costs O(B N H W (C + k)) time by LS's kernels, for each size, and a
    product of (H W, H W) with (H W, N) weights; those take 16 N H W bytes. `provenance` names the image of the largest w'.

    Examples
    --------
    >>> from minidiff import schedules
    >>> images = np.array([[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]]).reshape(2, 1, 3, 1)   # three patches hold the middle pixel
    >>> PatchScore(images, schedules.flow(), window=3, boundary="zeros")(np.array([-0.2, 0.1, 0.9])[None, :, None], 0.0)[0, :, 0]
    array([0.        , 0.33333333, 1.        ])
    """

    rule = staticmethod(theory.local)  # of one patch

    def __init__(self, images: Array, schedule: Schedule, *, window: WindowLike, sizes: int = 1, **options: Any) -> None:
        super().__init__(images, schedule, window=window, **options)
        self.sizes = arguments.whole_number("sizes", sizes, 1)

    def _posterior(self, x, t, label, settings, winners=False):
        training, (k, boundary), levels = self._training_set(label, x.dtype)[0], settings, schedules.levels(self.schedule, t)
        sides, seen, mixed = range(k, 0, -2)[: self.sizes], {"executor": self.executor, "progress": self.progress}, 0.0
        for side in sides:
            found = engine.evidence(x, training, *levels, theory.local, (side, boundary), **seen)
            over = band(*x.shape[1:3], side // 2, boundary)
            mixed = mixed + np.stack([over @ one.weights().T for one in found]) / len(sides)
        best, mass = mixed.argmax(axis=2), 1 / mixed.max(axis=2)
        total = np.einsum("bpn,npc->bpc", mixed, training.images.reshape(len(training.images), best.shape[1], -1))
        winner = best * best.shape[1] + np.arange(best.shape[1])
        return engine.Posterior(np.zeros(best.shape), mass, total * mass[..., None], winner)
