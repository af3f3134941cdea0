"""How many threads work, and tasks run on them, or on anyone's executor, with results in order."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

import numba
from tqdm import tqdm

from . import arguments

_threads: int | None = None


def set_threads(count: int | None = None) -> None:
    """How many threads machines and networks may use; None takes NUMBA_NUM_THREADS, or every core this process may run on."""
    global _threads
    _threads = None if count is None else arguments.whole_number("threads", count, 1, 1024)
    # The networks' kernels run on Numba's own threads, of which there are never more than it started with.
    numba.set_num_threads(min(threads(), numba.config.NUMBA_NUM_THREADS))


def threads() -> int:
    """The number of threads that evaluations use."""
    return _threads or numba.config.NUMBA_NUM_THREADS


def run(function: Callable, tasks: Sequence[tuple], executor: Executor | None = None, progress: bool = False) -> Iterator[Any]:
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
        waiting: deque = deque()
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
