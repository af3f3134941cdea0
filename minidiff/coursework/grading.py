"""Checks for people who grade: a student's file runs in a process of its own, with a time limit, and its result is a record."""

import contextlib
import json
import os
import queue
import secrets
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from .. import arguments
from ..types import PathLike
from .marking import DONE, TOGETHER, WRONG, Mark, record
from .questions import teachers
from .reading import SUFFIXES, source

# How long the package may take to start, in seconds: this is not the student's time.
START = 300.0
# A turn of waiting, in seconds: after each, we look whether the process still lives.
TURN = 0.1


class _Ended(Exception):
    """The student's process ended, or was ended, without the answer that was due; str() of it says how."""


def grade(
    path: PathLike, timeout: float = 60.0, hidden: PathLike | None = None, draw: int | None = None, prints: bool = True
) -> dict[str, Any]:
    """Check one exercise in a process of its own, so that no code of a student's can pass, stall or spoil the result.

    Parameters
    ----------
    path : str or Path
        A student's copy of a file of tutorials/exercises, or a notebook (.ipynb) with its functions.
    timeout : float
        Seconds, > 0: how long running the file may take, and then each gap, and at last all gaps together.
    hidden : str or Path, optional
        A folder of a teacher's own questions: see `minidiff.coursework.questions.teachers`.
    draw : int, optional
        A seed, >= 0: more questions are drawn at random. They also follow from the names of the file and its folder.
    prints : bool
        Whether what the student's code prints goes to the standard error; else it is lost.

    Returns
    -------
    record : dict
        `Report.record()`: "passed" (bool), "points" and "of" (ints, equal if and only if it passed), "gaps" (states by name),
        "marks" (dicts with gap, state, hint, asked, where and law, all texts), "notes", "exercise", "title" and "file".

    A gap whose function never ends, ends Python (os._exit) or crashes it is "wrong", with words about that; the other gaps are
    judged all the same, in a new process. The process has a new session, so that all that it starts ends with it; on Linux, its
    memory is bounded. This guards against mistakes. It is no sandbox: the file may do whatever you may do, so grade only files
    that you would run. Nor can it find out where an answer comes from: `notes` name the lines that use the package's answers.

    Raises ValueError, in one line, if the file is no exercise, or if Python cannot run it, or not in time. It takes about two
    seconds, and one more for each new process.

    Examples
    --------
    >>> grade("my_exercise.py")
    Traceback (most recent call last):
        ...
    ValueError: file: expected an exercise, got my_exercise.py, which is no file; hint: copy one from tutorials/exercises
    """
    valid(timeout, hidden, draw)
    source(path)  # raises, at once, where there is nothing to run
    asked = {"path": os.fspath(path), "timeout": timeout, "hidden": hidden and os.fspath(hidden), "draw": draw}
    about: dict[str, Any] = {}
    marks: list[dict[str, str]] = []
    while True:
        with _Student({**asked, "left_out": [mark["gap"] for mark in marks]}, prints) as student:
            try:
                student.answer("ready", START)
                about = student.answer("read", timeout)
            except _Ended as error:
                raise ValueError(f"{path}, run as a whole: {error}") from None
            try:
                while (mark := student.answer("mark", timeout)) is not None:
                    marks.append(mark)
            except _Ended as error:
                states = {mark["gap"]: mark["state"] for mark in marks}
                due = [gap for gap in about["gaps"] if gap not in states] or [TOGETHER] * (set(states.values()) == {DONE})
                if due and due[0] not in states:
                    marks.append(Mark(due[0], WRONG, str(error)).record())
        if {mark["gap"] for mark in marks} >= set(about["gaps"]):
            break
    order = {gap: place for place, gap in enumerate([*about["gaps"], TOGETHER])}
    marks.sort(key=lambda mark: order[mark["gap"]])
    return record(Path(path), about["number"], about["title"], marks, about["notes"])


def valid(timeout: float = 60.0, hidden: PathLike | None = None, draw: int | None = None) -> None:
    """Raise ValueError if `grade` cannot take these settings, or if something is wrong in the teacher's questions."""
    if not 0 < timeout < float("inf"):
        raise ValueError(f"--timeout: expected seconds > 0, got {timeout}")
    if draw is not None:
        arguments.whole_number("--draw", draw, 0)
    if hidden is not None:
        teachers(hidden)


class _Student:
    """A process of runner.py, which judges a student's file; after the `with` block it is ended, and so is all it has started."""

    def __init__(self, asked, prints):
        self._token = secrets.token_hex(16)
        # -P and this path: no file beside the student's can take the place of one of Python's or of ours.
        code = f"import sys; sys.path[:] = {sys.path!r}; from minidiff.coursework.runner import main; main()"
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if prints and _open(2) else subprocess.DEVNULL,
            start_new_session=True,
        )
        with contextlib.suppress(BrokenPipeError), self._process.stdin as way_in:
            way_in.write(json.dumps({**asked, "token": self._token}).encode() + b"\n")
        self._lines = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        with self._process.stdout as lines:
            for line in lines:
                if line.startswith(self._token.encode()):
                    self._lines.put(line[len(self._token) :])

    def answer(self, name, limit):
        """The value that is sent under a name; None if the work is done. _Ended if `limit` seconds are over, or nothing comes."""
        sent = json.loads(self._next(limit))
        if "refused" in sent:
            raise ValueError(sent["refused"])
        if "ended" in sent:
            raise _Ended(f"It raises {sent['ended']}, which ends the check.")
        return sent.get(name)

    def _next(self, limit):
        end = time.monotonic() + limit
        while True:
            lives = self._process.poll() is None
            try:
                # What a process has sent before it ended still counts, so the lines are waited for once more.
                return self._lines.get(timeout=max(0.0, min(TURN, end - time.monotonic())) if lives else 10 * TURN)
            except queue.Empty:
                if not lives:
                    raise _Ended(_how(self._process.returncode)) from None
                if time.monotonic() >= end:
                    raise _Ended(f"It did not end within {limit:g} s. Is there a loop that never ends?") from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        self._reader.join(timeout=10 * TURN)


def _how(code):
    if code < 0:
        names = {one.value: one.name for one in signal.Signals}
        return f"It crashed Python, which ended with {names.get(-code, f'signal {-code}')}."
    return f"It ended Python, with exit code {code}, before there was an answer. Is there an os._exit?"


def _open(descriptor):
    with contextlib.suppress(OSError):
        os.fstat(descriptor)
        return True
    return False


# --- a folder of them -------------------------------------------------------------------------------------------------


def submissions(folder: PathLike) -> list[Path]:
    """The .py files and notebooks in a folder and in the folders in it, in order, without names that begin with . or __.

    Raises ValueError if there is none.
    """
    folder = Path(folder)
    found = sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES and path.is_file())
    found = [path for path in found if not any(part.startswith((".", "__")) for part in path.relative_to(folder).parts)]
    if not found:
        raise ValueError(f"file: expected an exercise, or a folder of them, got {folder}, where no file is a .py or .ipynb")
    return found


def graded(path: PathLike, **settings: Any) -> dict[str, Any]:
    """As `grade`, but where that raises ValueError or OSError, the record has its words under "error", and no marks."""
    try:
        return {**grade(path, **settings), "error": None}
    except (ValueError, OSError) as error:
        words = " ".join(str(error).split())
        return {"file": os.fspath(path), "passed": False, "points": 0, "gaps": {}, "marks": [], "notes": [], "error": words}


def in_a_line(found: dict[str, Any]) -> str:
    """A record in one line: points, gaps that are not done, and how many notes there are."""
    if found["error"] is not None:
        return f"not checked: {found['error']}"
    words = [f"exercise {found['exercise']}, {found['points']} of {found['of']} points"]
    words += ["passed"] if found["passed"] else []
    words += [f"{state}: {gap}" for gap, state in found["gaps"].items() if state != DONE]
    words += [f"note: {note}" for note in found["notes"]]
    return "; ".join(words)
