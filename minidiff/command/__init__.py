"""The command line. `main` begins and ends each command; `parser.py` reads the arguments, and `commands.py` runs the commands.

This file imports nothing that takes long. While the rest is imported, an interrupt can come, and Numba refuses some environments:
both must end as every command ends, with one line and an exit code.
"""

import _thread
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from . import streams

# Errors whose message says all, as it names the argument. Of any other error the place is told too.
PLAIN = (ValueError, TypeError, OSError, FloatingPointError, Warning)
# What the last interrupt raised. Its traceback holds the arrays of the command, in which kernels of other threads may still read
# and write: if they were freed here, before the process has ended, it could crash.
INTERRUPT: list[BaseException] = []


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    It is 0 if the command did what was asked, 1 where `check` finds something wrong or not yet done, 2 on anything that kept the
    command from its end (one line on stderr says what), and 130 when interrupted. If nobody reads stdout or stderr, what is
    written there is lost, and the command goes on.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; by default those that the process was started with.
    """
    with streams.safe(), _warned(), _heard() as interrupts:
        try:
            return _run(argv, interrupts)
        except KeyboardInterrupt as stop:
            return _interrupted(stop)
        except Exception as error:
            return _interrupted(error) if interrupts else _end(2, f"minidiff: {_line(error).rstrip('.')}{_environment()}")


def program() -> NoReturn:
    """Run the command that the process was started with, and end the process with its exit code.

    After an interrupt other threads may still compile, or be in a kernel. Python must not be taken down under them: it crashed
    once in some dozen tries, after all was said and written. So the process ends at once.
    """
    code = main()
    if code == 130:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    sys.exit(code)


def _run(argv, interrupts):
    with warnings.catch_warnings():
        # Numba warns, with a traceback, of a variable that is no number, and goes on without it.
        warnings.filterwarnings("error", "Environment variable", RuntimeWarning)
        from . import parser  # it imports Numba, and with it all the rest

    try:
        options = parser.parser().parse_args(argv)
    except SystemExit as end:  # --help, or a wrong option, which argparse has told
        sys.stdout.flush()
        return end.code
    try:
        with parser.compiling.announced():
            code = parser.run(options)
        sys.stdout.flush()
        return code
    except SystemExit as end:
        # A machine or a question of one's own: with its exit(0) the command would seem to have done its work.
        return _end(2, f"minidiff {options.command}: expected code that returns, got SystemExit({end.code})")
    except Exception as error:
        if interrupts:
            raise
        return _end(2, f"minidiff {options.command}: {_line(error)}")


@contextmanager
def _warned() -> Iterator[None]:
    """Within this block, a warning is one line on standard error, above a progress bar if there is one."""

    def show(message, *_):
        line = f"minidiff: warning: {' '.join(str(message).split())}"
        bars = sys.modules.get("tqdm")
        bars.tqdm.write(line, file=sys.stderr) if bars else print(line, file=sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


@contextmanager
def _heard() -> Iterator[list[bool]]:
    """Within this block, the list gets an entry for each interrupt, and one that Python can only print and drop comes again soon.

    What fails after an interrupt fails because of it: Matplotlib, interrupted while it reads an array, says "Invalid affine
    transformation matrix" instead. And LLVM's objects are closed in `__del__`, which cannot raise: one Ctrl-C in ten was lost
    there while kernels were compiled.
    """
    interrupts, over = [], threading.Event()
    handler, hook = signal.getsignal(signal.SIGINT), sys.unraisablehook

    def noted(*given):
        interrupts.append(True)
        handler(*given)

    def again(dropped):
        if dropped.exc_type is not KeyboardInterrupt:
            hook(dropped)
            return
        left = threading.Event()  # what is raised in this function is dropped too, and to start a thread may take long

        def interrupt():
            left.wait()
            if not over.wait(0.01):
                _thread.interrupt_main()

        threading.Thread(target=interrupt, daemon=True).start()
        left.set()

    # Only the main thread hears interrupts, and a process that a script starts with & may have been told to ignore them.
    hears = callable(handler) and threading.current_thread() is threading.main_thread()
    if hears:
        signal.signal(signal.SIGINT, noted)
    sys.unraisablehook = again
    try:
        yield interrupts
    finally:
        sys.unraisablehook = hook
        over.set()
        if hears:
            signal.signal(signal.SIGINT, handler)


def _interrupted(stop):
    INTERRUPT[:] = [stop]
    said = str(stop) if isinstance(stop, KeyboardInterrupt) else ""
    return _end(130, f"minidiff: interrupted; {said or 'every file that was finished is kept'}")


def _end(code, line):
    print(" ".join(line.split()), file=sys.stderr)
    return code


def _line(error):
    """One line for an error."""
    if isinstance(error, MemoryError):
        hint = "hint: smaller images, or a smaller -n, --steps, --batch or --count"
        return f"not enough memory ({str(error) or 'no more is told'}); {hint}"
    if isinstance(error, PLAIN) and str(error):
        return str(error).split("\nThe parse failed")[0]  # what follows in a warning of Numba's is a traceback
    if isinstance(error, SyntaxError):  # it says itself where it is, in a file of one's own
        return f"{type(error).__name__}: {error}"
    at = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error}, at {Path(at.filename).name}, line {at.lineno}"


def _environment():
    """What may be why a library could not be imported: variables that it reads, and files that Python takes for modules of it."""
    found = sorted(os.environ.items())
    named = ", ".join(f"{name}={value}" for name, value in found if name.startswith(("NUMBA_", "TQDM_")))
    hint = f"; hint: the environment has {named}" if named else ""
    if taken := _taken():
        hint += f"; hint: rename {', '.join(taken)} here, which Python takes for the module of that name"
    return hint


def _taken():
    """The files in the folder of `python -m` that stand in the place of modules which minidiff needs.

    A student who calls a file random.py has no other random in that folder.
    """
    needed, here = {*sys.stdlib_module_names, "numpy", "numba", "llvmlite", "matplotlib", "PIL", "tqdm"}, sys.path[0]
    return sorted(f"{name}.py" for name in needed if here and os.path.isfile(os.path.join(here, f"{name}.py")))
