"""More candidates out of the same training set: its mirror images, and its images at other grey levels."""

from collections.abc import Sequence

import numpy as np

from .. import arguments
from ..types import Array
from .equivariant import MIRRORS


def enlarged(images: Array, *, reflections: str | None = None, greys: Sequence[float] = (0.0,)) -> Array:
    """A training set with the mirror images of its images, each at several grey levels: the source of any machine.

    In FPMC's rule this is the source distribution: which candidates there are. What is compared and answered stays the machine's.
    So all machines take it, at the speed that they have, and the best of a class now commute with the reflection. The views of
    image n are the images n V, ..., n V + V - 1, so `provenance(...).image // V` is n, and labels are np.repeat(labels, V).

    Parameters
    ----------
    images : (N, H, W, C) float32 or float64
    reflections : None, "horizontal", "vertical" or "both"
        As for `EquivariantScore`: left-right, up-down, or both with the rotation by 180 degrees that they make.
    greys : G floats
        What is added to all pixels; 0 is the image itself. Values may leave [-1, 1]: nothing is clipped, since that would change
        differences, and a machine compares differences.

    Returns
    -------
    enlarged : (N V, H, W, C), of images' dtype, V = G times 1, 2 or 4.

    Raises ValueError or TypeError on bad arguments.

    Examples
    --------
    >>> enlarged(np.array([0.0, 1.0]).reshape(1, 1, 2, 1), reflections="horizontal", greys=(0, -1))[:, 0, :, 0]
    array([[ 0.,  1.],
           [-1.,  0.],
           [ 1.,  0.],
           [ 0., -1.]])
    """
    images = arguments.image_set(images)
    mirrors = MIRRORS[arguments.choice("reflections", reflections, tuple(MIRRORS))]
    levels = [arguments.number("greys", grey) for grey in greys]
    if not levels:
        raise ValueError("greys: expected at least one number, got none; hint: 0 is the image itself")
    views = [np.flip(images, axes) + images.dtype.type(grey) for axes in mirrors for grey in levels]
    return np.stack(views, axis=1).reshape(-1, *images.shape[1:])
