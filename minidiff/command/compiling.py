"""One line where compiling takes long: the first call of a kernel compiles it, and nothing moves for ten seconds or more."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numba.core import event
from tqdm import tqdm

PATIENCE = 1.0  # seconds
LINE = "minidiff: compiling for this computer; it can take half a minute, and is kept for the next run"


class _Listener(event.Listener):
    """Counts the seconds of compiling, and speaks once, when they are more than PATIENCE."""

    def __init__(self) -> None:
        self.depth, self.left, self.said = 0, PATIENCE, False
        self.timer: threading.Timer | None = None

    def on_start(self, event: Any) -> None:
        """Numba begins to compile a kernel, perhaps within another."""
        self.depth += 1
        if self.depth == 1 and not self.said:
            self.since = time.perf_counter()
            self.timer = threading.Timer(max(self.left, 0), self.say)
            self.timer.daemon = True
            self.timer.start()

    def on_end(self, event: Any) -> None:
        """The kernel is compiled."""
        self.depth -= 1
        if self.depth == 0 and self.timer is not None:
            self.timer.cancel()
            self.left -= time.perf_counter() - self.since

    def say(self) -> None:
        """The line, above the progress bar if there is one."""
        self.said = True
        tqdm.write(LINE, file=sys.stderr)


@contextmanager
def announced() -> Iterator[None]:
    """Within this block, compiling that takes long is told on standard error, once. Nothing is told of kernels from the cache."""
    with event.install_listener("numba:compile", _Listener()):
        yield
