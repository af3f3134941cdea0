"""What every test may use, and how the tests run where kernels are not compiled, or check their indices."""

import os
import re

if os.environ.get("NUMBA_BOUNDSCHECK", "0") != "0":
    # What a helper thread raises is printed and lost; on one thread an index out of bounds ends the test.
    os.environ["NUMBA_NUM_THREADS"] = "1"
    # Else unchecked code would be loaded from the cache, and checked code left there for everybody.
    os.environ["MINIDIFF_CACHE"] = "0"

import numba
import pytest

import minidiff as md
from minidiff.command import compiling, parser

# Doctests carry no marks.
COMPILED_DOCTESTS = ("minidiff/studies/calibration.py::",)
LEFT_OUT = pytest.StashKey[int]()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """With NUMBA_DISABLE_JIT=1 kernels are Python loops, a hundred times slower: leave out what they cannot do in time."""
    if not numba.config.DISABLE_JIT:
        return
    kept, left_out = [], []
    for item in items:
        marked = item.get_closest_marker("compiled") or item.get_closest_marker("slow")
        (left_out if marked or item.nodeid.startswith(COMPILED_DOCTESTS) else kept).append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=left_out)
    config.stash[LEFT_OUT] = len(left_out)


def pytest_report_collectionfinish(config, items):
    """Say so in a line."""
    if not numba.config.DISABLE_JIT:
        return None
    return (
        f"NUMBA_DISABLE_JIT=1: the reduced profile, {len(items)} tests on plain Python loops; "
        f"{config.stash[LEFT_OUT]} that need compiled code are left out"
    )


@pytest.fixture
def run(capsys):
    """Run a command in this process: (exit code, lines on stdout, lines on stderr without the progress bar)."""

    def call(*arguments):
        try:
            code = parser.main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = end.code
        captured = capsys.readouterr()
        lines = re.split(r"[\r\n]+", captured.err)
        # On an empty cache a command also says that it compiles.
        lines = [line for line in lines if line.strip() != compiling.LINE]
        said = [line for line in lines if line.strip() and not re.search(r"\d+/\d+ \[|\dstep \[", line)]
        return code, captured.out.splitlines(), said

    yield call
    # --threads is a setting of the process: put it back.
    md.set_threads()
