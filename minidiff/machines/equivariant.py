"""The equivariant score: the ideal score of all translations, which recites up to a shift."""

from concurrent.futures import Executor

import numpy as np

from .. import arguments, theory
from ..types import Array, Labels, Schedule
from .base import PosteriorMachine
from .registry import register

MIRRORS = {None: ((),), "horizontal": ((), (2,)), "vertical": ((), (1,)), "both": ((), (2,), (1,), (1, 2))}


@register("es")
class EquivariantScore(PosteriorMachine):
    """The equivariant score (ES): the ideal score of the training set's orbit under translations (KG).

    x0_hat[p] = sum over (n, shift) of w y_n[p + shift], w = softmax of -|x - a y_n[. + shift]|^2 / (2 s^2), shifts on the torus.

    Parameters
    ----------
    images, schedule, labels, executor, progress
        As for `IdealScore`.
    reflections : None, "horizontal", "vertical" or "both"
        Reflect the training images too: left-right, up-down, or both with the rotation by 180 degrees that they make.

    Raises ValueError or TypeError on bad arguments. All translations are compared by FFT, in O(B N H W (C + p)) time, where p is
    the sum of the prime factors of H and W (times 2 or 4 with reflections). Those within reach of the nearest are computed anew
    by differences where the FFT's rounding would show, in O(H W C) each. A training set costs eight bytes a number more. Among
    equally near candidates the winner is the one of lowest (image, shift).

    Examples
    --------
    >>> from minidiff import schedules
    >>> images = np.zeros((1, 2, 2, 1))
    >>> images[0, 0, 0] = 1
    >>> machine = EquivariantScore(images, schedules.cosine())
    >>> x = np.array([[0.1, 0.0], [0.9, 0.2]])[..., None]
    >>> machine(x, 0.0)[..., 0]                                   # without noise: the nearest translation
    array([[0., 0.],
           [1., 0.]])
    """

    rule = staticmethod(theory.equivariant)

    def __init__(
        self,
        images: Array,
        schedule: Schedule,
        *,
        reflections: str | None = None,
        labels: Labels = None,
        executor: Executor | None = None,
        progress: bool = False,
    ) -> None:
        super().__init__(images, schedule, labels=labels, executor=executor, progress=progress)
        self.reflections = arguments.choice("reflections", reflections, tuple(MIRRORS))

    def _source(self, images):
        mirrored = [np.flip(images, axes) for axes in MIRRORS[self.reflections]]
        return np.stack(mirrored, axis=1).reshape(-1, *images.shape[1:])

    def _place(self, winner):
        height, width = self.images.shape[1:3]
        mirrors = MIRRORS[self.reflections]
        image, shift = np.divmod(winner, len(mirrors) * height * width)
        mirror, shift = np.divmod(shift, height * width)
        rows, columns = np.indices((height, width)).reshape(2, 1, -1)
        rows, columns = (rows + shift // width) % height, (columns + shift % width) % width
        for number, axes in enumerate(mirrors):
            rows = np.where((mirror == number) & (1 in axes), height - 1 - rows, rows)
            columns = np.where((mirror == number) & (2 in axes), width - 1 - columns, columns)
        return np.broadcast_to(image, rows.shape), rows, columns
