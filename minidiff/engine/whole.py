"""IS: the backend of the rule that sees the whole image."""

import math
from dataclasses import dataclass

import numba
import numpy as np

from .. import parallel
from ..types import Array
from .handing import levels_of
from .packing import aligned_empty, lanes_of
from .posterior import Posterior
from .shards import images_at_a_time
from .whole_kernel import TILE, VECTORS, distances_kernel, ideal_kernel

# How many queries the kernel is handed at a time.
QUERIES = 64
# A block has at most so many images, because float32 adds up their weighted sum.
MOST_IMAGES = 256


@dataclass(frozen=True)
class Rows:
    """Images as rows of numbers, each filled up with zeros to whole vectors, at least four.

    lengths (N,) float64: their squared lengths. count, largest: how many images there are in all, and the largest of their
    squared lengths, also where this is a part of them: equal images in two parts are to be compared alike.
    """

    rows: Array
    lengths: Array
    count: int
    largest: float

    @classmethod
    def of(cls, images: Array) -> "Rows":
        """Lay out images (N, H, W, C). Memory: that of the images."""
        count, side = len(images), lanes_of(images.dtype)
        flat = images.reshape(count, -1)
        depth = flat.shape[1]
        rows = aligned_empty((count, max(VECTORS, -(-depth // side)) * side), images.dtype)
        rows[:, :depth] = flat
        rows[:, depth:] = 0
        lengths = lengths_of(flat)
        return cls(rows, lengths, count, float(lengths.max()))

    def shard(self, start: int, stop: int) -> "Rows":
        """The images start..stop."""
        return Rows(self.rows[start:stop], self.lengths[start:stop], self.count, self.largest)


def lengths_of(flat: Array) -> Array:
    """The squared lengths (B,) of rows (B, D), float64. Each row is summed by itself: its bits depend on no other."""
    parts = [flat[first : first + MOST_IMAGES] for first in range(0, len(flat), MOST_IMAGES)]
    return np.concatenate([np.square(part, dtype=np.float64).sum(axis=1) for part in parts])


def by_products(lengths: Array, signal: Array, largest: float) -> Array:
    """Where |x|^2 - 2 a x.y + a^2 |y|^2 is as exact as differences, for squared lengths (B,) and the largest |y|^2: (B,) bools.

    A sum of m products in a row is off by at most m eps / 2 of the sum of their sizes, to first order: for the differences that
    is d, for 2 a x.y it is at most 2 a |x| |y|. Twice as many products in a row are allowed for as m differences where
    2 (2 a |x| |y|) <= d, and d >= (|x| - a |y|)^2. So it is far from all images, at high noise: at a |y| < 0.172 |x|.
    """
    x, y = np.sqrt(lengths), signal * math.sqrt(largest)
    return (y < x) & (4 * x * y <= (x - y) ** 2)


class Whole:
    """IS: whole images, and distances beyond one float's digits."""

    layout = staticmethod(Rows.of)
    lanes = staticmethod(lanes_of)

    def candidates(self, shape: tuple[int, ...]) -> int:
        return 1

    def cost(self, shape: tuple[int, ...]) -> float:
        return math.prod(shape) * 0.05

    def states(self, x: Array, shard: Rows, signal: Array, noise: Array, winners: bool) -> Posterior:
        state = Posterior.empty(len(x), 1, x[0].size)
        for first in range(0, len(x), QUERIES):
            part = slice(first, first + QUERIES)
            fields = state.cost[part, 0], state.mass[part, 0], state.total[part, 0], state.winner[part, 0]
            _fill(x[part], shard, signal[part], noise[part], *fields)
        if not winners:
            state.winner = None
        return state


def _fill(x, shard, signal, noise, cost, mass, total, winner):
    """Answer some queries at once. Room: a block of images, and a row of a block's distances and weights for each query."""
    queries, width, side = Rows.of(x), shard.rows.shape[1], lanes_of(x.dtype)
    far = by_products(queries.lengths, signal, shard.largest)
    block = min(images_at_a_time(queries.rows[0], side), MOST_IMAGES, -(-len(shard.rows) // side) * side)
    room = [aligned_empty((size,), x.dtype) for size in (block * width, len(x) * block)]
    sums = np.zeros((len(x), width))
    ideal_kernel(
        queries.rows.reshape(-1),
        shard.rows.reshape(-1),
        shard.lengths,
        len(shard.rows),
        width,
        block,
        signal.astype(x.dtype),
        *levels_of(x.dtype, noise, cutoff_of(x.dtype, shard.count)),
        queries.lengths,
        far.astype(np.uint8),
        room[0],
        np.empty(len(x) * block),
        room[1],
        np.empty(block, np.int64),
        cost,
        mass,
        sums.reshape(-1),
        winner,
    )
    total[:] = sums[:, : total.shape[1]]


def cutoff_of(dtype: np.dtype, count: int) -> float:
    """How far below the largest a term of a softmax over so many may be left out.

    The terms below exp(-T) of it are together at most N exp(-T) of the sum, and with T = log(2 N / eps) that is half of eps, what
    rounding the answer does to it: 27 for 50,000 images in float32.
    """
    return math.log(2 * count / np.finfo(dtype).eps)


def distances(x: Array, images: Array) -> Array:
    """The squared distances of whole images x (B, H, W, C) to images (N, H, W, C) of the same dtype, (B, N) float64.

    By differences, as IS has them: 0 for equal images. The number of threads, and which others are asked for, change no bit.
    """
    out = np.empty((len(x), len(images)))
    if numba.config.DISABLE_JIT:
        for row, query in zip(out, x.astype(np.float64), strict=True):
            row[:] = ((query - images) ** 2).sum(axis=(1, 2, 3))
        return out
    queries, rows = Rows.of(x).rows, Rows.of(images).rows
    parts = [slice(first, first + QUERIES) for first in range(0, len(x), QUERIES)]
    for _ in parallel.run(_fill_distances, [(queries[part], rows, out[part]) for part in parts]):
        pass
    return out


def _fill_distances(queries, rows, out):
    width, dtype = rows.shape[1], rows.dtype
    block = min(images_at_a_time(rows[0], lanes_of(dtype)), MOST_IMAGES, -(-len(rows) // TILE[1]) * TILE[1])
    scaled, ones = aligned_empty((block * width,), dtype), np.ones(len(queries), dtype)
    sizes, far = (len(queries), len(rows), width, block), np.zeros(len(queries), np.uint8)
    room, chosen = np.empty(len(queries) * block), np.empty(1, np.int64)
    distances_kernel(queries.reshape(-1), rows.reshape(-1), *sizes, ones, far, scaled, room, chosen, out.reshape(-1))
