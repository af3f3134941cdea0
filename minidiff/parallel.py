"""How many threads work, and two ways of using them: tasks whose results come in order, and one kernel that threads share.

Kernels are serial functions without the GIL, and threads are Python's own. Numba's parallel threads are never started: after them
a process cannot be forked (OpenMP), or two threads cannot call one network (workqueue).
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

import numba
import numpy as np
from numba import types
from numba.extending import intrinsic
from tqdm import tqdm

from . import arguments
from .jit import kernel
from .types import Array

_threads: int | None = None


def set_threads(count: int | None = None) -> None:
    """How many threads machines and networks may use; None takes NUMBA_NUM_THREADS, or every core this process may run on."""
    global _threads
    _threads = None if count is None else arguments.whole_number("threads", count, 1, 1024)


def threads() -> int:
    """The number of threads that evaluations use."""
    return _threads or numba.config.NUMBA_NUM_THREADS


def sendable(executor: Any) -> Executor | None:
    """`executor` itself, or None; TypeError if it takes no tasks."""
    if executor is not None and not callable(getattr(executor, "submit", None)):
        expected = "executor: expected a concurrent.futures.Executor or None"
        raise TypeError(f"{expected}, got {arguments.brief(executor)}; hint: minidiff.set_threads for threads")
    return executor


def run(function: Callable, tasks: Sequence[tuple], executor: Executor | None = None, progress: bool = False) -> Iterator[Any]:
    """function(*task) for each of a list of tasks, in their order, from threads or from `executor`.

    At most four tasks a worker are under way, so memory stays bounded; on an interrupt those not yet begun are dropped.
    """
    results = _results(function, tasks, executor)
    return iter(tqdm(results, total=len(tasks), unit="task", leave=False, delay=1.0)) if progress else results


def _results(function, tasks, executor):
    if executor is None and (threads() == 1 or len(tasks) == 1):
        for task in tasks:
            yield function(*task)
        return
    pool = executor or ThreadPoolExecutor(threads())
    ahead = 4 * (os.cpu_count() or 1 if executor else threads())
    waiting: deque = deque()
    try:
        for task in tasks:
            waiting.append(pool.submit(function, *task))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
        if executor is None:
            pool.shutdown(cancel_futures=True)


class _Helper(threading.Thread):
    """A thread that waits for a kernel to share. A lock wakes it sooner than an executor's queue, by 0.01 of 0.05 ms."""

    def __init__(self):
        super().__init__(name="minidiff", daemon=True)
        self._go, self._job = threading.Lock(), ()
        self._go.acquire()
        self.start()

    def help(self, *job):
        self._job = job
        self._go.release()

    def run(self):
        while True:
            self._go.acquire()
            function, counters, *given = self._job
            self._job = ()
            # One that begins when all parts are taken finds none, and so writes nothing any more.
            _raise(counters, 1)
            try:
                function(counters, *given)
            finally:
                _raise(counters, 2)
            del function, counters, given
            _idle.append(self)


_idle: list[_Helper] = []
if hasattr(os, "register_at_fork"):
    # A forked child has this list, but not the threads in it.
    os.register_at_fork(after_in_child=_idle.clear)


def _helper():
    """One that waits, or a new one: two threads may ask at once, so looking before taking would not do."""
    try:
        return _idle.pop()
    except IndexError:
        return _Helper()


def share(function: Callable, parts: int, *given: Any) -> None:
    """Call the kernel function(counters, *given) on all threads at once, this one among them; on fewer where parts are fewer.

    It takes one part of its work after the other by `take(counters)`, until all are taken, and writes each part where no other
    writes: the number of threads changes no bit. A thread that wakes late takes less, and nobody waits for one that has not yet
    begun. (With equal halves every call waited for the other thread to wake up: 0.05 ms, a tenth of a small convolution.)
    """
    counters, count = np.zeros(3, np.int64), 1 if numba.config.DISABLE_JIT else min(threads(), parts)
    for _ in range(count - 1):
        _helper().help(function, counters, *given)
    function(counters, *given)
    if count > 1:
        _wait(counters)


@intrinsic
def _add(typing, counters, index, amount):
    """The number in counters[index] (int64), to which the amount is added; no two threads see the same state."""

    def code(context, builder, sig, args):
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        return builder.atomic_rmw("add", builder.gep(data, [args[1]]), args[2], "seq_cst")

    return types.int64(counters, types.int64, types.int64), code


@kernel
def take(counters):
    """The number of a part that no other thread has taken; from the number of parts on, there are none left."""
    return _add(counters, 0, 1)


@kernel
def _raise(counters, index):
    _add(counters, index, 1)


@kernel
def _wait(counters):
    """Wait until as many helpers have ended as have begun. To sleep would take longer than the part that they are at."""
    while _add(counters, 1, 0) != _add(counters, 2, 0):
        pass


if numba.config.DISABLE_JIT:

    def take(counters: Array) -> int:
        """The same in Python, where one thread does all."""
        counters[0] += 1
        return int(counters[0]) - 1
