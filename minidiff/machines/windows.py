"""The window that a local machine sees: its side k, checked, and k as a function of time.

Who may explain which pixel through it is the padding rule of theory.py.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import arguments
from ..theory import places
from ..types import Array

BOUNDARIES = ("circular", "zeros")
# A side, a list of them from least to most noise, or a callable of t.
WindowLike = int | Sequence[int] | Array | Callable[[float], int]


def check_window(k: int, height: int, width: int, boundary: str, name: str = "window") -> int:
    """k itself: odd, 1 <= k <= min(H, W) on a torus, <= 2 max(H, W) - 1 with zeros; else a ValueError."""
    k = arguments.whole_number(name, k, 1)
    most = _most(height, width, boundary)
    if k % 2 == 0 or k > most:
        raise ValueError(
            f"{name}: expected an odd number from 1 to {most} for {height} x {width} images and boundary {boundary!r}, got {k}"
        )
    return k


def _most(height, width, boundary):
    """The largest side of a window: on a torus it sees no pixel twice, and with zeros a larger one sees nothing more."""
    return min(height, width) if boundary == "circular" else 2 * max(height, width) - 1


class Window:
    """The window's side k as a function of t: from a number, a list from least to most noise, or a callable of t.

    A list of L windows is spread evenly over t in (0, 1]: index ceil(t L - 1e-9) - 1, so that a sampler with T = L steps from
    t = 1 uses each entry once; t = 0 takes the first. (The 1e-9 keeps t = 3/20, a little above .15, from the next entry.)
    """

    def __init__(self, window: WindowLike, height: int, width: int, boundary: str) -> None:
        self._shape = (height, width, arguments.choice("boundary", boundary, BOUNDARIES))
        self._callable = window if callable(window) else None
        if self._callable is None:
            listed: Any = window
            listed = listed if isinstance(listed, list | tuple) or np.ndim(listed) else [listed]
            if len(listed) == 0:
                raise ValueError("window: expected at least one window, got an empty list")
            self.table = tuple(check_window(k, *self._shape) for k in listed)

    def __repr__(self) -> str:
        return repr(self._callable or self.table)

    def __call__(self, t: float) -> int:
        if self._callable is not None:
            return check_window(self._callable(float(t)), *self._shape, name=f"window(t = {t:g})")
        return self.table[table_index(t, len(self.table))]


def table_index(t: float, length: int) -> int:
    """Which of `length` entries, least noise first, serves time t."""
    return max(math.ceil(t * length - 1e-9) - 1, 0)


def count_pairs(height: int, width: int, k: int, boundary: str, anywhere: bool = True) -> int:
    """How many pairs of (pixel of a query, pixel of one training image) the rule allows: what a machine's time grows with.

    Examples
    --------
    >>> count_pairs(4, 4, 3, "circular"), count_pairs(4, 4, 3, "zeros")
    (256, 36)
    """
    if not anywhere:
        return height * width
    _, alike = np.unique(places(height, width, k, boundary), return_counts=True)
    return int((alike**2).sum())


# The locality scale k(t) of each named set at 16 x 16, least noise first: how far a small convolutional network trained on it
# looks, step by step. Nothing predicts k(t) a priori: these are `minidiff compare`'s calibrations of the shipped weights with
# zero padding (KG's procedure, 10 noises of seed 1).
TABLES = {
    "digits": (*[3] * 4, *[5] * 5, *[7] * 2, *[9] * 5, *[11] * 4),
    "glyphs": (*[3] * 6, *[5] * 4, *[7] * 5, *[9] * 5),
    "photo": (*[3] * 9, *[5] * 4, *[7] * 3, *[9] * 3, 7),
}
OTHERWISE = (3, 3, 5, 5, 7, 9, 9, 11)


def default_table(name: str, height: int, width: int, boundary: str) -> list[int]:
    """The window table to start from for a data set of that name, each window as large as the images allow.

    Examples
    --------
    >>> default_table("my/folder", 8, 8, "circular")
    [3, 3, 5, 5, 7, 7, 7, 7]
    """
    most = _most(height, width, boundary)
    largest_odd = most - (most % 2 == 0)
    return [min(k, largest_odd) for k in TABLES.get(name, OTHERWISE)]
