"""The padding rule of theory.py as the kernels take it: by shift instead of by pixel.

A kernel compares a query with a training image at one shift of the two at a time. A pixel p may be explained by the pixel
p + shift where padding tells both the same of their place. For each shift these pixels p are a range, on each axis by itself.
"""

from functools import lru_cache

import numpy as np

from ..theory import padding_pattern
from ..types import Array


@lru_cache(256)
def shift_table(side: int, k: int, boundary: str, anywhere: bool = True) -> Array:
    """The allowed shifts of one axis, as rows (shift, first p, one past the last p) of an int64 array (S, 3).

    On a torus p + shift goes round. `anywhere=False` leaves shift 0: a pixel is explained by its own place (the local score).
    Tables are kept for the next task, which would spend longer on making one than on a small set of images: write into none.

    Examples
    --------
    >>> shift_table(4, 3, "zeros").tolist()     # pixels 1 and 2 may trade places; 0 and 3 only know themselves
    [[-1, 2, 3], [0, 0, 4], [1, 1, 2]]
    """
    if not anywhere:
        return np.array([[0, 0, side]])
    pattern = padding_pattern(side, k, boundary)
    if boundary == "circular":
        return np.array([[shift, 0, side] for shift in range(side)])
    rows = []
    for shift in range(1 - side, side):
        first, last = max(0, -shift), min(side, side - shift)
        alike = first + np.flatnonzero(pattern[first:last] == pattern[first + shift : last + shift])
        if len(alike):
            rows.append([shift, alike[0], alike[-1] + 1])
    return np.array(rows)
