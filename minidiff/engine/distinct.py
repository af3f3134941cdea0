"""ELS where many windows are equal, as the dark ones around digits are: one window of each kind, with how many are equal to it.

Of the windows of 370 digits of 28 x 28 a quarter differ where k = 3, and half where k = 5. One window after the other costs more
time the larger k is, and box sums do not, so `cheaper` decides.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from .. import parallel
from ..theory import places
from ..types import Array
from . import shards
from .distinct_kernel import find_kinds, kinds_kernel
from .handing import NONE, plan_of, room
from .packing import lanes_of
from .posterior import Posterior
from .windows import Windows

# Nanoseconds that box sums must spend on a query before kinds are looked for.
LEAST_COST = 1e9
# How many images, evenly spread, tell how many windows are equal.
SAMPLE = 64


@lru_cache(64)
def _where(shape: tuple[int, ...], k: int, boundary: str) -> tuple[Array, Array, list[Array]]:
    """In a framed image: a window's numbers, counted from its first, the first of each pixel's, and the pixels of each place.

    A place is what padding tells a pixel (theory.py).
    """
    height, width, channels = shape
    number = np.arange((height + k - 1) * (width + k - 1) * channels).reshape(height + k - 1, width + k - 1, channels)
    place = places(height, width, k, boundary)
    pixels = [np.flatnonzero(place == one) for one in np.unique(place)]
    return number[:k, :k].reshape(-1), number[:height, :width, 0].reshape(-1), pixels


def _framed(images: Array, k: int, boundary: str) -> Array:
    """Images with k // 2 more on every side: zeros, or on a torus the image again."""
    around = [(0, 0), (k // 2, k // 2), (k // 2, k // 2), (0, 0)]
    return np.pad(images, around, mode="wrap" if boundary == "circular" else "constant")


def _kinds(frames: Array, offsets: Array, firsts: Array) -> tuple[Array, Array]:
    """The kinds of the windows that start at these numbers of each frame: where the first of each does, and how many they are."""
    flat = frames.reshape(-1)
    starts = (np.arange(len(frames))[:, None] * frames[0].size + firsts).reshape(-1)
    count = np.zeros(len(starts), np.int64)
    found = find_kinds(flat, flat.view(f"i{flat.itemsize}"), starts, offsets, count)
    return starts[:found], count[:found]


@dataclass(frozen=True)
class Share:
    """A layout: of all pairs of a pixel and a window that may explain it, the share that is left if equal windows count once."""

    k: int
    boundary: str

    def __call__(self, images: Array) -> float:
        """About, from some of the images."""
        some = images[np.linspace(0, len(images) - 1, min(SAMPLE, len(images))).astype(int)]
        offsets, firsts, at_places = _where(images.shape[1:], self.k, self.boundary)
        frames = _framed(some, self.k, self.boundary)
        left = sum(len(_kinds(frames, offsets, firsts[pixels])[0]) * len(pixels) for pixels in at_places)
        return left / sum(len(frames) * len(pixels) ** 2 for pixels in at_places)


@dataclass(frozen=True)
class Part:
    """A shard's images, and its kinds of windows as the kernel takes them: starts, count (M,), ranges (R, 4), seen (H W, 2)."""

    images: Array
    tables: tuple[Array, ...]

    @classmethod
    def of(cls, images: Array, k: int, boundary: str) -> "Part":
        """Find the kinds of each place."""
        offsets, firsts, at_places = _where(images.shape[1:], k, boundary)
        frames, block = _framed(images, k, boundary), 4 * lanes_of(images.dtype)
        found, ends = [], [(0, 0)]
        for pixels in at_places:
            starts, count = _kinds(frames, offsets, firsts[pixels])
            # The last block is filled up with the last kind again, no times.
            more = -len(starts) % block
            found.append((np.pad(starts, (0, more), mode="edge"), np.pad(count, (0, more))))
            ends.append((ends[-1][0] + len(starts) + more, ends[-1][1] + len(pixels)))
        starts, count = (np.concatenate(one) for one in zip(*found, strict=True))
        ranges = np.array([(*begin, *end) for begin, end in pairwise(ends)])[:, [0, 2, 1, 3]].copy()
        order = np.concatenate(at_places)
        seen = np.stack([order, firsts[order]], axis=1)
        return cls(images, (starts.astype(np.int32), count.astype(images.dtype), ranges, seen))


@dataclass(frozen=True)
class Parts:
    """The Part of each shard, by its first image. Memory: 8 bytes a kind, 12 in float64."""

    by_start: dict[int, Part]

    def shard(self, start: int, stop: int) -> Part:
        """The part of the images start..stop."""
        return self.by_start[start]


@dataclass(frozen=True)
class DistinctWindows(Windows):
    """The backend of ELS by kinds of windows: of the pairs of pixels and windows a `share` is left."""

    share: float

    @property
    def layout(self) -> "DistinctWindows":  # type: ignore[override]  # one for each k: equal backends share a layout
        return self

    def __call__(self, images: Array) -> Parts:
        """The layout of these images, made on all threads."""
        cuts = shards.bounds(len(images), self.cost(images.shape[1:]), lanes_of(images.dtype))
        work = [(images[start:stop], self.k, self.boundary) for start, stop in pairwise(cuts)]
        return Parts(dict(zip(cuts, parallel.run(Part.of, work), strict=False)))

    def cost(self, shape: tuple[int, ...]) -> float:
        pairs = sum(len(pixels) ** 2 for pixels in _where(shape, self.k, self.boundary)[2])
        return pairs * self.share * (0.3 + 0.022 * self.k**2 * shape[2])

    def states(self, x: Array, shard: Any, signal: Array, noise: Array, winners: bool, beside: int = 0) -> Posterior:
        (height, width, channels), circular = x.shape[1:], self.boundary == "circular"
        state = Posterior.empty(len(x), height * width, channels, winners)
        frames, queries = _framed(shard.images, self.k, self.boundary), _framed(x, self.k, self.boundary)
        offsets, across = _where(x.shape[1:], self.k, self.boundary)[0], frames.shape[2]
        space = room(x.dtype, 4 * (len(offsets) + channels + 2))
        by_lane = room(x.dtype, height * width), room(x.dtype, x[0].size)
        nearest = np.full(state.cost.shape, np.inf, x.dtype)
        for b, query in enumerate(queries):
            shape = height, width, (0,) * channels, ()
            plan = plan_of(x.dtype, shape, self.k, across, circular, signal[b], noise[b], int(winners))
            fields = nearest[b], state.mass[b], state.total[b].reshape(-1), state.winner[b] if winners else NONE
            kinds_kernel(query.reshape(-1), frames.reshape(-1), offsets, *shard.tables, plan, space, *fields, *by_lane)
        state.cost[:] = nearest
        if winners:  # the kernel names the start of a window in the frames
            n, row, column, _ = np.unravel_index(state.winner, frames.shape)
            state.winner[:] = np.ravel_multi_index((n, row, column), shard.images.shape[:3])
        return state


def cheaper(windows: Windows, training: Any) -> Windows:
    """The backend of ELS for a TrainingSet: box sums, or kinds where these cost clearly less and the set is large.

    Their answers agree to rounding. Which it is depends on the training set, k and the boundary alone, so not on how queries are
    split.
    """
    shape = training.images.shape[1:]
    if len(training.images) * windows.cost(shape) < LEAST_COST:
        return windows
    kinds = DistinctWindows(True, windows.k, windows.boundary, training.layout(Share(windows.k, windows.boundary)))
    return kinds if kinds.cost(shape) < 0.8 * windows.cost(shape) else windows
