"""The vector kernels from Python: the training set laid out for them, and one task of an evaluation."""

import math

import numpy as np

from . import search, simd
from .boxsum import Plan, local_kernel
from .whole import ideal_kernel


def pack(images):
    """A training set (N, H, W, C) as groups of 16 images (8 in float64) side by side: (groups, H, C, W, lanes).

    The last group is filled up with copies of the last image, which the kernels give no weight. Memory: that of the
    images. Aligned to 64 bytes: a vector that straddles two cache lines costs two loads (1.4 times the whole kernel's time).
    """
    count, height, width, channels = images.shape
    side = simd.BYTES // images.itemsize
    groups = -(-count // side)
    shape = (groups, height, channels, width, side)
    packed = _aligned(math.prod(shape), images.dtype).reshape(shape)
    whole = count // side
    source = images[: whole * side].reshape(whole, side, height, width, channels)
    packed[:whole] = source.transpose(0, 2, 4, 3, 1)
    if whole < groups:
        rest = images[np.minimum(np.arange(whole * side, groups * side), count - 1)]
        packed[whole] = rest.transpose(1, 3, 2, 0)
    return packed


def _aligned(numbers, dtype):
    """Room for so many numbers from an address that is a multiple of 64 on."""
    space = np.empty(numbers * dtype.itemsize + simd.BYTES, np.uint8)
    start = -space.ctypes.data % simd.BYTES
    return space[start : start + numbers * dtype.itemsize].view(dtype)


def local_task(x, packed, begin, end, signal, rate, k, circular, colocated, cutoff, cost, mass, total, winner=None):
    """Write the state of every pixel of one query, seen through its window, over the training images begin..end.

    Parameters
    ----------
    x : (H, W, C) float32 or float64
    packed : `pack(images)` of the same dtype
    begin, end : int
    signal, rate : float
        a and 1 / (2 s^2), which may be inf.
    k : odd int
    circular : bool
        Whether windows wrap; otherwise they see zeros, and pixels near a border only explain their like (windows.py).
    colocated : bool
        Whether only the pixel's own place in each image may explain it.
    cutoff : float
        A candidate that weighs below exp(-cutoff) of its pixel's best counts 0; at most 80 in float32.
    cost, mass, total : (H, W), (H, W) and (H, W, C) float64
        The posterior's state, written.
    winner : (H, W) int64, optional
        The nearest candidate's index (image, row, column) as one number, written; the lowest where several are as near.

    Serial and without the GIL. Memory: (2 + k + (1 + C) H) W vectors of 64 bytes, about 200 KB at 32 x 32 x 1.
    """
    width = x.shape[1]
    plan = _plan(x, *x.shape, k, circular, colocated, signal, rate, cutoff, winner)
    room = [_room(x, vectors) for vectors in (width + k, k * width, 3 * width)]
    state = _state(x, cost, mass, total, winner)
    local_kernel(x.reshape(-1), packed.reshape(-1), begin, end, plan, *room, *state)
    cost[...] = state[0].reshape(cost.shape)


# Whether low noise may take the short cut of search.py; off for tests and timing.
SKIPPING = True
# It pays where R is below this part of the windows' spread, and with many candidates in a shard; it takes that many times the
# memory of the packed images.
SORTED_RADIUS, SORTED_FROM, SORTED_COPIES = 0.5, 4096, 24


def sorting_pays(shard, k, circular, signal, rate, cutoff):
    """Whether a query at that noise is answered sooner from sorted windows; it does not depend on the query itself."""
    _, height, channels, width, _ = shard.groups.shape
    inner = math.prod(side if circular else max(side - 2, 0) for side in (height, width))
    if not SKIPPING or (k, channels) != (3, 1) or shard.count * inner < SORTED_FROM:
        return False
    return math.sqrt((4.5 + cutoff) / float(rate)) < SORTED_RADIUS * float(signal) * 3 * shard.spread


class SortedShard:
    """A shard's candidates sorted by their 3 x 3 windows of one channel, for any query at any noise (search.py).

    Memory: 13 numbers a candidate, and 9 more for their products with the last signal that was asked for.
    """

    def __init__(self, packed, count, circular):
        groups, height, _, width, lanes = packed.shape
        self.packed, self.count, self.circular, self.scaled = packed.reshape(-1), count, circular, (None, None)
        self.directions = _directions().astype(packed.dtype).reshape(-1)
        inner, rules = lanes * math.prod(side if circular else side - 2 for side in (height, width)), ((height, width), circular)
        many, lowest, highest = groups * inner, packed.min(), packed.max()
        # Backgrounds: where one end of the scale is common its windows are, and they are all the same one.
        shade = lowest if (packed == lowest).sum() >= (packed == highest).sum() else highest
        projected, cell = _aligned(4 * many, packed.dtype), np.empty(many, np.int64)
        search.project(self.packed, groups, *rules, self.directions, shade, projected)
        self.grid = _grid(projected.reshape(4, many)[:3], lanes, float(max(abs(lowest), abs(highest))))
        self.first, self.last = np.empty((2, self.grid.bins**3), np.int64)
        search.choose_cells(projected, many, inner, count, lanes, self.grid, cell, self.first, self.last)
        places = -(-self.last[-1] // lanes) * lanes
        self.windows, self.values, self.copies = (_aligned(places * each, packed.dtype) for each in (9, 1, 1))
        self.windows[...], self.values[...], self.copies[...], self.index = search.NOWHERE, 0, 0, np.zeros(places, np.int64)
        tables = cell, self.first.copy(), self.windows, self.values, self.index, self.copies
        search.sort_windows(self.packed, groups, count, *rules, projected[3 * many :], *tables)

    def task(self, x, signal, rate, cutoff, cost, mass, total, winner=None):
        """Write the state of every pixel of one query, as `local_task` does for the same shard."""
        plan = _plan(x, *x.shape, 3, self.circular, False, signal, rate, cutoff, winner)
        # Queries of a batch mostly share their time; a tuple, since another thread may be at another time.
        scaled_by, windows = self.scaled
        if scaled_by != plan.signal:
            windows = np.multiply(self.windows, plan.signal, out=_aligned(self.windows.size, x.dtype))
            self.scaled = plan.signal, windows
        state, room, seen = _state(x, cost, mass, total, winner), _room(x, 1), np.zeros(9, x.dtype)
        a, (lowest, step, inverse, *_) = float(plan.signal), self.grid
        grid = self.grid._replace(lowest=a * lowest, step=a * step, inverse=inverse / a, bound=a * self.grid.bound)
        tables = (
            self.directions,
            windows,
            self.values,
            self.index,
            self.copies,
            self.first,
            self.last,
            grid,
            _order(x, self.circular),
        )
        search.search_kernel(x.reshape(-1), *tables, room, seen, plan, *state)
        if not self.circular:
            numbers = np.zeros(simd.BYTES // x.itemsize, np.int64)
            search.border_kernel(x.reshape(-1), self.packed, self.count, room, numbers, plan, *state)
        cost[...] = state[0].reshape(cost.shape)


def _order(x, circular):
    """The inner pixels of a query by their windows' mean: neighbours in that order meet the same candidates, still in cache."""
    rows, columns = (np.arange(-1, side + 1) % side for side in x.shape[:2])
    wide = x[rows[:, None], columns, 0]
    down = wide[:-2] + wide[1:-1] + wide[2:]
    mean = down[:, :-2] + down[:, 1:-1] + down[:, 2:]
    pixels = np.arange(mean.size).reshape(mean.shape)
    pixels = (pixels if circular else pixels[1:-1, 1:-1]).reshape(-1)
    return pixels[np.argsort(mean.reshape(-1)[pixels], kind="stable")]


def _directions():
    """Three orthonormal directions (3, 9) in which windows of images differ most: the mean, the slopes across and down."""
    down, across = np.mgrid[-1.0:2, -1.0:2]
    return np.stack([np.ones((3, 3)) / 3, across / math.sqrt(6), down / math.sqrt(6)]).reshape(3, 9)


def _grid(projected, lanes, bound):
    """A grid over the projections (3, M), of about 16 candidates a cell."""
    bins = max(1, min(24, round((projected.shape[1] / lanes) ** (1 / 3))))
    lowest = projected.min(axis=1).astype(np.float64)
    step = (projected.max(axis=1) - lowest) / bins
    step[step <= 0] = 1
    # A sum of 9 products is off by less than 9 eps of sqrt(9) times the largest value; the rest is for edges and differences.
    eps = float(np.finfo(projected.dtype).eps)
    return search.Grid(lowest, step, 1 / step, bins, 100 * eps, 1 + 100 * eps, bound)


def ideal_task(x, packed, begin, end, signal, rate, cutoff, cost, mass, total, winner=None):
    """Write the state of one query (D,) seen whole over the training images begin..end: cost (1,), mass (1,), total (D,).

    `packed` is pack(images.reshape(N, 1, 1, D)); the rest as for `local_task`.
    """
    plan = _plan(x, 1, 1, x.size, 1, True, True, signal, rate, cutoff, winner)
    _, *state = _state(x, cost, mass, total, winner)
    # The smallest distance as a sum of two numbers, and a 0 that gaps are counted from.
    nearest = np.array([np.inf, 0, 0], x.dtype)
    ideal_kernel(x, packed.reshape(-1), begin, end, plan, _room(x, 3), nearest, *state)
    cost[...] = float(nearest[0]) + float(nearest[1])


def _plan(x, height, width, channels, k, circular, colocated, signal, rate, cutoff, winner):
    number = x.dtype.type
    # A finite speed, because 0 * inf is nan: at s = 0 only candidates at distance 0 from the best are kept, at weight 2^0.
    speed = min(float(rate) / math.log(2), float(np.finfo(x.dtype).max) / 4)
    reach = cutoff / float(rate)
    settings = (height, width, channels, k, k // 2, bool(circular), bool(colocated))
    return Plan(*settings, number(signal), float(rate), number(speed), number(reach), winner is not None)


def _room(x, vectors):
    """Zeros for so many vectors, and one more for alignment."""
    return np.zeros((vectors + 1) * (simd.BYTES // x.itemsize), x.dtype)


def _state(x, cost, mass, total, winner):
    """A kernel's arrays for the state, before the first candidate: the first is the cost, to be copied out."""
    mass[...] = 0
    total[...] = 0
    winner = np.empty(0, np.int64) if winner is None else winner.reshape(-1)
    winner[...] = np.iinfo(np.int64).max
    nearest = np.full(cost.size, np.inf, x.dtype)
    return nearest, mass.reshape(-1), total.reshape(-1), winner, _room(x, mass.size), _room(x, total.size)
