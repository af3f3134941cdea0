"""Splitting one evaluation into tasks, and running them on threads, or on anyone's executor.

A task is (a block of queries, a shard of the training set): a serial jitted kernel that returns a Posterior. The shards depend on
the training set alone, and are merged in their order, so the bits of a result depend neither on the number of threads nor
on which other queries were asked for at the same time.
"""

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import numba
from tqdm import tqdm

from .. import arguments

# Nanoseconds in a task, about: so short that Ctrl-C is answered at once, and far above the 0.1 ms that handing it out costs.
TASK_COST = 5e7
# Even a small training set is cut in this many, so that one query can use as many threads; but not below this cost.
FEWEST_SHARDS = 8
SMALLEST_COST = 5e5

_threads = None


def set_threads(count=None):
    """How many threads machines and networks may use; None takes NUMBA_NUM_THREADS, or every core this process may run on."""
    global _threads
    _threads = None if count is None else arguments.whole_number("threads", count, 1, 1024)
    # The networks' kernels run on Numba's own threads, of which there are never more than it started with.
    numba.set_num_threads(min(threads(), numba.config.NUMBA_NUM_THREADS))


def threads():
    """The number of threads that evaluations use."""
    return _threads or numba.config.NUMBA_NUM_THREADS


def bounds(images, cost_per_image, granule=1):
    """Where to cut `images` training images: a list 0 = b_0 < b_1 < ... < b_S = N, a function of these numbers only.

    All inner cuts are multiples of `granule`, the number of images that a kernel takes at a time.
    """
    size = min(-(-images // FEWEST_SHARDS), int(TASK_COST / cost_per_image))
    size = max(size, min(images, int(SMALLEST_COST / cost_per_image)), 1)
    return [*range(0, images, -(-size // granule) * granule), images]


def run(function, tasks, executor=None, progress=False):
    """Yield function(*task) for each of a list of tasks, in their order, from threads or from `executor`.

    At most four tasks a worker are under way, so memory stays bounded; on an interrupt those not yet begun are dropped.
    """
    bar = tqdm(total=len(tasks), unit="task", leave=False, delay=1.0, disable=not progress)
    with bar:
        if executor is None and (threads() == 1 or len(tasks) == 1):
            for task in tasks:
                yield function(*task)
                bar.update()
            return
        pool = executor or ThreadPoolExecutor(threads())
        ahead = 4 * (os.cpu_count() or 1 if executor else threads())
        waiting = deque()
        try:
            for task in tasks:
                waiting.append(pool.submit(function, *task))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
                    bar.update()
            while waiting:
                yield waiting.popleft().result()
                bar.update()
        finally:
            for future in waiting:
                future.cancel()
            if executor is None:
                pool.shutdown(cancel_futures=True)
