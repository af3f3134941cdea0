"""Reading what commands wrote, and how they must refuse."""

import json
import os

import numpy as np
import pytest


def strictly(path):
    """A JSON file without NaN or Infinity."""
    return json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def arrays(path):
    """The arrays of an .npz file by name, without pickle."""
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


def same(one, other):
    """Whether two dicts of arrays are equal."""
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


def refused(run, arguments, words, out):
    """The command ends with 2 and one line with these words, and leaves no file in `out`."""
    code, printed, said = run(*arguments)
    assert (code, printed) == (2, [])
    assert len(said) == 1, said
    assert said[0].startswith("minidiff")
    for word in words:
        assert word in said[0], said[0]
    assert "Traceback" not in said[0]
    assert not out.exists() or os.listdir(out) == []


def interrupt(*_, **__):
    """Ctrl-C, as Python sees it."""
    raise KeyboardInterrupt
