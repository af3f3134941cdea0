"""Standard output and standard error on which a command can write, whatever became of them."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any


class Stream:
    """A text stream; where writing fails, os.devnull takes its place, and the error is raised unless it is one of `dropped`."""

    def __init__(self, stream: Any, dropped: type[OSError]) -> None:
        self.stream, self.dropped = stream, dropped
        if getattr(stream, "errors", None) == "strict" and hasattr(stream, "reconfigure"):
            # The name of a folder may have letters that the terminal has not: it is told with escapes, as on standard error.
            stream.reconfigure(errors="backslashreplace")

    def write(self, text: str) -> int:
        """Write a text."""
        return self._try(self.stream.write, text)

    def flush(self) -> None:
        """Hand on what is kept back."""
        self._try(self.stream.flush)

    def _try(self, act: Callable, *given: Any) -> Any:
        try:
            return act(*given)
        except OSError as error:
            # What is kept back is written again when Python ends: it must have somewhere to go, or the exit code becomes 120.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.stream.fileno())
            os.close(nowhere)
            if not isinstance(error, self.dropped):
                raise type(error)(f"stdout: expected a place to write to, got {error.strerror}") from None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextlib.contextmanager
def safe() -> Iterator[None]:
    """Within this block, writing to standard output fails only where a file cannot take it, and to standard error never.

    A reader who has gone, such as `head`, has read enough. A stream that the caller has closed (`>&-`) is replaced by os.devnull.
    """
    _claim()
    with contextlib.ExitStack() as stack:
        for name, dropped in (("stdout", BrokenPipeError), ("stderr", OSError)):
            stream = before = getattr(sys, name)
            if stream is None:
                stream = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
            setattr(sys, name, Stream(stream, dropped))
            stack.callback(setattr, sys, name, before)
        yield


def _claim():
    """Open os.devnull as each of the files 0, 1 and 2 that the caller has closed.

    Else the next file that is opened has that number, and what a library writes on standard error goes into the file.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)
