"""The process that a student's file runs in: it judges the gaps one by one, and sends each mark as soon as it has it.

`minidiff.coursework.grading` starts it. What the student's code prints, closes or ends cannot be taken for a mark: marks go
through a copy of the standard output that is made before the student's code runs, each in a line that begins with a token, and
the token came in through the standard input.
"""

import contextlib
import json
import math
import os
import signal
import sys
from pathlib import Path

from . import questions, reading

# What a student's code may take beyond what the package takes, in bytes: without a limit, a list that grows for ever makes the
# whole computer slow. Linux only.
MEMORY = 4 << 30
# The process ends itself this much after its time, in seconds, for the case that nobody is left to end it.
GRACE = 10.0


class _Line:
    """The way back: send(name, value) writes one line."""

    def __init__(self, token):
        self._token, self._process = token, os.getpid()
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        # From now on, the standard output is the standard error, and the standard input is empty.
        os.dup2(2, 1)
        with open(os.devnull, encoding="utf-8") as nothing:
            os.dup2(nothing.fileno(), 0)

    def send(self, name, value):
        # A student's os.fork() makes a second process that would go on with the check.
        if os.getpid() == self._process:
            print(self._token + json.dumps({name: value}), file=self._out, flush=True)


def main() -> None:
    """Read what to do from the standard input, judge, and end the process, whatever threads the student's code has started."""
    asked = json.loads(sys.stdin.buffer.readline())
    line = _Line(asked["token"])
    try:
        _judge(line, asked)
    except BaseException as error:  # a student's own KeyboardInterrupt, too: real ones go to the process that waits
        line.send("ended", type(error).__name__)
    os._exit(0)


def _judge(line, asked):
    path = Path(asked["path"])
    try:
        source = reading.source(path)
        exercise = questions.extended(source.number, path, asked["hidden"], asked["draw"])
        line.send("ready", None)
        _bounded()
        # What a student imports later, inside of a function, lies beside the file as well.
        sys.path.append(str(path.resolve().parent))
        _alarm(asked["timeout"])
        work = reading.Work(source)
    except (ValueError, OSError) as error:
        line.send("refused", str(error))
        return
    gaps = [gap.name for gap in exercise.gaps]
    line.send("read", {"number": exercise.number, "title": exercise.title, "gaps": gaps, "notes": work.notes})
    _alarm(asked["timeout"])
    for mark in exercise.marks(work, asked["left_out"]):
        line.send("mark", mark.record())
        _alarm(asked["timeout"])
    line.send("done", None)


def _alarm(seconds):
    if hasattr(signal, "alarm"):
        signal.alarm(math.ceil(min(seconds + GRACE, 1e8)))


def _bounded():
    """Bound the memory of this process, where the system lets us know how much it has already."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        used = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0]) * resource.getpagesize()
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, hard))
