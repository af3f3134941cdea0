"""Where a training set is cut into shards.

A task is (a block of queries, a shard of the training set). The shards depend on the training set and the rule alone, and are
merged in their order, so the bits of a result depend neither on the number of threads nor on which other queries were asked for
at the same time.
"""

# Nanoseconds in a task, about: so short that Ctrl-C is answered at once, and far above the 0.1 ms that handing it out costs.
TASK_COST = 5e7
# Even a small training set is cut in this many, so that one query can use as many threads; but not below this cost.
FEWEST_SHARDS = 8
SMALLEST_COST = 5e5


def bounds(images: int, cost_per_image: float, granule: int = 1) -> list[int]:
    """Where to cut `images` training images: a list 0 = b_0 < b_1 < ... < b_S = N, a function of these numbers only.

    All inner cuts are multiples of `granule`, the number of images that a kernel takes at a time.
    """
    size = min(-(-images // FEWEST_SHARDS), int(TASK_COST / cost_per_image))
    size = max(size, min(images, int(SMALLEST_COST / cost_per_image)), 1)
    return [*range(0, images, -(-size // granule) * granule), images]
