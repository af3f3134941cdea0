"""The command line. `main` begins and ends each command; `parser.py` reads the arguments, and `commands.py` runs the commands.

This file imports nothing that takes long. While the rest is imported, an interrupt can come, and Numba refuses some environments:
both must end as every command ends, with one line and an exit code.
"""

import _thread
import os
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
# The last interrupt. Its traceback holds the arrays of the command, in which kernels of other threads may still read and write:
# if they were freed here, before the process has ended, it could crash.
INTERRUPT: list[KeyboardInterrupt] = []


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
    with streams.safe(), _warned(), _heard() as lost:
        try:
            return _run(argv, lost)
        except KeyboardInterrupt as stop:
            INTERRUPT[:] = [stop]
            return _end(130, f"minidiff: interrupted; {stop if stop.args else 'every file that was finished is kept'}")
        except Exception as error:
            return _end(2, f"minidiff: {_line(error).rstrip('.')}{_environment()}")


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


def _run(argv, lost):
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
        if lost:  # what fails after an interrupt that was dropped fails because of it
            raise KeyboardInterrupt from None
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
    """Within this block, an interrupt that comes where Python can only print and drop it comes again a moment later.

    The list has an entry for each one that was dropped.

    LLVM's objects are closed in `__del__`, which cannot raise: one Ctrl-C in ten was lost there while kernels were compiled.
    """
    before, lost, over = sys.unraisablehook, [], threading.Event()

    def again(dropped):
        if dropped.exc_type is not KeyboardInterrupt:
            before(dropped)
            return
        lost.append(True)
        left = threading.Event()  # what is raised in this function is dropped too, and to start a thread may take long

        def interrupt():
            left.wait()
            if not over.wait(0.01):
                _thread.interrupt_main()

        threading.Thread(target=interrupt, daemon=True).start()
        left.set()

    sys.unraisablehook = again
    try:
        yield lost
    finally:
        sys.unraisablehook = before
        over.set()


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
