"""Where each pixel of an answer comes from."""

from typing import Any, NamedTuple

import numpy as np

from ..types import Array, Label, Times


class Provenance(NamedTuple):
    """Where each pixel comes from: the winning candidate (image, row, column) and its posterior weight, (B,) H, W each."""

    image: Array
    row: Array
    column: Array
    weight: Array

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Provenance) and all(map(np.array_equal, self, other))

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __repr__(self) -> str:
        low, high = self.weight.min(), self.weight.max()
        images = len(np.unique(self.image))
        return f"Provenance(shape {self.image.shape}, from {images} images, weights from {low:.3g} to {high:.3g})"


class Sources:
    """What a posterior machine says of its winners; a part of `PosteriorMachine`."""

    images: Array
    _evaluate: Any
    _posterior: Any
    _training_set: Any

    def provenance(self, x: Array, t: Times, label: Label = None) -> Provenance:
        """The winning candidate of every pixel: which training image and which of its pixels, and with what weight.

        Ties go to the lowest (image, row, column). A tie is one of the squared distances as they are computed. Copies of an image
        tie at every t. Two different candidates that are equally near in exact arithmetic may differ in the last digit, because a
        times a candidate is rounded, or shared evidence is: then either may win.

        Returns Provenance(image, row, column, weight): int64, int64, int64 and float64 arrays of shape (H, W) or (B, H, W);
        images are counted in the whole training set, with a label too.
        """
        return Provenance(*self._evaluate(x, t, label, self._provenance))

    def _provenance(self, x, t, label, settings):
        state = self._posterior(x, t, label, settings, winners=True)
        image, row, column = self._place(state.winner)
        index = self._training_set(label, x.dtype)[1]
        if index is not None:
            image = index[image]
        # The winner's own term is 1, so its weight is 1 / (number of ties) where there is no noise.
        weight = np.broadcast_to(1 / state.mass, image.shape)
        return tuple(np.broadcast_to(field, image.shape).reshape(x.shape[:3]).copy() for field in (image, row, column, weight))

    def _place(self, winner):
        """(image, row, column) of each pixel's source, (B, H W) each, from the winners' indices (B, G).

        A pixel with a posterior of its own comes from a pixel (n, u); where the whole image has one, from its own place in n.
        """
        height, width = self.images.shape[1:3]
        if winner.shape[1] == height * width:
            return winner // (height * width), winner // width % height, winner % width
        rows, columns = np.indices((height, width)).reshape(2, 1, -1)
        return np.broadcast_to(winner, (len(winner), rows.shape[1])), rows, columns
