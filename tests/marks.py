"""Marks that several files of tests use."""

import signal

import pytest

# A process that a script starts with & ignores Ctrl-C, and so does all that it starts.
INTERRUPTS = pytest.mark.skipif(signal.getsignal(signal.SIGINT) == signal.SIG_IGN, reason="started where Ctrl-C is ignored")


def also_slow(*values):
    """One more case of a test, which takes a second or more, or compiles for several."""
    return pytest.param(*values, marks=pytest.mark.slow)
