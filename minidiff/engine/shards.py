"""Where a training set is cut into shards, and a batch of queries into blocks.

A task is (a block of queries, a shard of the training set). The shards depend on the training set and the rule alone, and are
merged in their order, so the bits of a result depend neither on the number of threads nor on which other queries were asked for
at the same time. The blocks may depend on both.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

from ..types import Array

# Nanoseconds in a task, about: so short that Ctrl-C is answered at once, and far above the 0.1 ms that handing it out costs.
TASK_COST = 5e7
# Even a small training set is cut in this many, so that one query can use as many threads; but not below this cost.
FEWEST_SHARDS = 8
SMALLEST_COST = 5e5
# How many bytes of a shard are compared with one query after the other: half of a cache of 1 MB.
CACHED = 600_000


@dataclass(frozen=True)
class Plain:
    """Images (N, H, W, C) as they are."""

    images: Array

    def shard(self, start: int, stop: int) -> "Plain":
        """The images start..stop."""
        return Plain(self.images[start:stop])


def bounds(images: int, cost_per_image: float, granule: int = 1) -> list[int]:
    """Where to cut `images` training images: a list 0 = b_0 < b_1 < ... < b_S = N, a function of these numbers only.

    All inner cuts are multiples of `granule`, the number of images that a kernel takes at a time.
    """
    size = min(-(-images // FEWEST_SHARDS), int(TASK_COST / cost_per_image))
    size = max(size, min(images, int(SMALLEST_COST / cost_per_image)), 1)
    # Equal parts: two threads would wait for the second of 9 and 1.
    size = -(-images // -(-images // size))
    return [*range(0, images, -(-size // granule) * granule), images]


def blocks(queries: int, parts: int, cost: float, threads: int) -> list[slice]:
    """Equal blocks of queries, as few as keep `threads` threads busy, for `parts` shards that cost a query `cost` each.

    A batch against one shard is thus spread over the threads, and 7 shards for two threads are asked for half of it twice.
    """
    fewest, most = math.ceil(queries * cost / TASK_COST), max(1, min(queries, int(queries * cost / SMALLEST_COST)))
    count = min(fewest, queries)
    while count < most and not _busy(count * parts, threads):
        count += 1
    return [slice(begin, end) for begin, end in pairwise(queries * i // count for i in range(count + 1))]


def _busy(tasks, threads):
    """Whether so many equal tasks leave the threads idle for at most a twentieth of the time."""
    return tasks >= 0.95 * threads * math.ceil(tasks / threads)


def images_at_a_time(image: Array, lanes: int) -> int:
    """How many images a task compares with one query after the other, a multiple of `lanes`: the cache keeps them meanwhile."""
    return max(1, CACHED // image.nbytes // lanes) * lanes
