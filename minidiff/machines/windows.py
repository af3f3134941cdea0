"""Windows and boundary rules: who may explain which pixel, as data that every machine reads.

A local machine compares the k x k window at a pixel p with the window at a candidate pixel u = p + shift of a training
image. On a torus ("circular") every shift is allowed to every pixel. With zero padding ("zeros", boundary-broken, KG) the
padding tells a pixel where it is, since an exact zero has probability zero under noise. With d = k // 2, in each axis by
itself: a pixel nearer than d to a border may only be explained by candidates with its own index on that axis, any other pixel
by every candidate at least d from both borders. Said by shift: shift 0 is allowed to every pixel, any other shift to those
pixels p for which p and p + shift are both at least d from both borders. So the whole rule is a range of p for each shift.
"""

import math

import numpy as np

from .. import checks

BOUNDARIES = ("circular", "zeros")


def check_window(k, height, width, boundary, name="window"):
    """k itself: odd, 1 <= k <= min(H, W) on a torus, <= 2 max(H, W) - 1 with zeros; else a ValueError."""
    k = checks.whole_number(name, k, 1)
    most = min(height, width) if boundary == "circular" else 2 * max(height, width) - 1
    if k % 2 == 0 or k > most:
        raise ValueError(
            f"{name}: expected an odd number from 1 to {most} for {height} x {width} images and boundary {boundary!r}, got {k}"
        )
    return k


class Window:
    """The window's side k as a function of t: from a number, a list from least to most noise, or a callable of t.

    A list of L windows is spread evenly over t in (0, 1]: index ceil(t L - 1e-9) - 1, so that a sampler with T = L steps from
    t = 1 uses each entry once; t = 0 takes the first. (The 1e-9 keeps t = 3/20, a little above .15, from the next entry.)
    """

    def __init__(self, window, height, width, boundary):
        self._shape = (height, width, checks.choice("boundary", boundary, BOUNDARIES))
        self._callable = window if callable(window) else None
        if self._callable is None:
            listed = window if isinstance(window, list | tuple | np.ndarray) else [window]
            if len(listed) == 0:
                raise ValueError("window: expected at least one window, got an empty list")
            self.table = tuple(check_window(k, *self._shape) for k in listed)

    def __call__(self, t):
        if self._callable is not None:
            return check_window(self._callable(float(t)), *self._shape, name=f"window(t = {t:g})")
        return self.table[table_index(t, len(self.table))]


def table_index(t, length):
    """Which of `length` entries, least noise first, serves time t."""
    return max(math.ceil(t * length - 1e-9) - 1, 0)


def shift_table(side, k, boundary, anywhere=True):
    """The allowed shifts of one axis, as rows (shift, first p, one past the last p) of an int64 array (S, 3).

    `anywhere=False` leaves shift 0 only: a pixel is explained by its own place in each image (the local score machine).

    Examples
    --------
    >>> shift_table(4, 3, "zeros").tolist()     # pixels 1 and 2 may trade places; 0 and 3 only know themselves
    [[-1, 2, 3], [0, 0, 4], [1, 1, 2]]
    """
    if not anywhere:
        return np.array([[0, 0, side]])
    if boundary == "circular":
        return np.array([[shift, 0, side] for shift in range(side)])
    d = k // 2
    reach = max(side - 1 - 2 * d, 0)
    rows = [[shift, max(d, d - shift), min(side - d, side - d - shift)] for shift in range(-reach, reach + 1)]
    rows[reach] = [0, 0, side]
    return np.array(rows)


def count_pairs(height, width, k, boundary, anywhere=True):
    """How many pairs of (pixel of a query, pixel of one training image) the rule allows: what a machine's time grows with.

    Examples
    --------
    >>> count_pairs(4, 4, 3, "circular"), count_pairs(4, 4, 3, "zeros")
    (256, 36)
    """
    tables = (shift_table(side, k, boundary, anywhere) for side in (height, width))
    rows, columns = (int((table[:, 2] - table[:, 1]).clip(0).sum()) for table in tables)
    return rows * columns


# The locality scale k(t) of each named set at 16 x 16, least noise first: how far a small convolutional network trained on it
# looks, step by step. Nothing predicts k(t) a priori: these are `minidiff compare`'s calibrations of the shipped weights with
# zero padding (KG's procedure, 10 noises of seed 1).
TABLES = {
    "digits": (*[3] * 4, *[5] * 5, *[7] * 2, *[9] * 5, *[11] * 4),
    "glyphs": (*[3] * 6, *[5] * 4, *[7] * 5, *[9] * 5),
    "photo": (*[3] * 9, *[5] * 4, *[7] * 3, *[9] * 3, 7),
}
OTHERWISE = (3, 3, 5, 5, 7, 9, 9, 11)


def default_table(name, height, width, boundary):
    """The window table to start from for a data set of that name, each window as large as the images allow.

    Examples
    --------
    >>> default_table("my/folder", 8, 8, "circular")
    [3, 3, 5, 5, 7, 7, 7, 7]
    """
    most = min(height, width) if boundary == "circular" else 2 * max(height, width) - 1
    largest_odd = most - (most % 2 == 0)
    return [min(k, largest_odd) for k in TABLES.get(name, OTHERWISE)]
