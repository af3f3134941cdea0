"""The JIT options: where compiled code is kept, and what happens where it cannot be."""

import os
import subprocess
import sys

import pytest

from minidiff import cache, jit
from minidiff.engine import boxsum


def add_one(number):
    """A function to compile."""
    return number + 1


@pytest.mark.parametrize("value", ["0", "off", "no", "false", "FALSE"])
def test_the_cache_can_be_switched_off(value, monkeypatch):
    """MINIDIFF_CACHE=0 (or off, no, false) compiles anew in each process: kernels get no cache."""
    monkeypatch.setenv("MINIDIFF_CACHE", value)
    monkeypatch.setattr(cache, "KernelCache", lambda function: pytest.fail("cached"))
    assert jit.kernel(add_one)(1) == 2
    assert jit.cache_folder() == "off"


def test_kernels_work_where_no_folder_can_be_written(monkeypatch):
    """Numba finds no folder to write in; the kernel is then compiled without a cache."""

    def without_a_folder(function):
        raise RuntimeError("cannot cache function 'add_one': no locator available for file '/nowhere'")

    monkeypatch.setattr(cache, "KernelCache", without_a_folder)
    assert jit.kernel(add_one)(1) == 2


@pytest.mark.compiled
def test_other_errors_are_not_swallowed(monkeypatch):
    """Only the missing folder is worked around."""

    def broken(function):
        raise RuntimeError("something else")

    monkeypatch.setattr(cache, "KernelCache", broken)
    with pytest.raises(RuntimeError, match="something else"):
        jit.kernel(add_one)


@pytest.mark.compiled
def test_a_helper_of_kernels_cannot_be_called_from_python():
    """It has no wrapper for that: without an error the process would end."""
    with pytest.raises(TypeError, match="wrapped: expected a call from a kernel"):
        boxsum.wrapped(1, 2)


@pytest.mark.slow
def test_machines_run_without_jit():
    """With NUMBA_DISABLE_JIT=1 theory.py serves: the same answer to rounding, in a process of its own."""
    code = (
        "import numpy as np, minidiff as md\n"
        "images = np.random.default_rng(0).random((3, 4, 4, 1))\n"
        "machine = md.EquivariantLocalScore(images, md.schedules.cosine(), window=3, boundary='zeros')\n"
        "print(repr(float(machine(images[:1], 0.4).sum())))\n"
    )
    answers = []
    for disabled in ("0", "1"):
        environment = {**os.environ, "NUMBA_DISABLE_JIT": disabled}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        answers.append(float(done.stdout))
    assert abs(answers[0] - answers[1]) < 1e-12
