"""The JIT options: where compiled code is kept, and what happens where it cannot be."""

import os
import subprocess
import sys

import numba
import pytest

from minidiff import jit


def add_one(number):
    """A function to compile."""
    return number + 1


@pytest.mark.parametrize("value", ["0", "off", "no", "false", "FALSE"])
def test_the_cache_can_be_switched_off(value, monkeypatch):
    """MINIDIFF_CACHE=0 (or off, no, false) compiles anew in each process: kernels are not asked to be cached."""
    monkeypatch.setenv("MINIDIFF_CACHE", value)
    asked = []
    monkeypatch.setattr(numba, "njit", lambda **options: asked.append(options) or (lambda function: function))
    jit.kernel(add_one)
    assert "cache" not in asked[-1]
    assert jit.cache_folder() == "off"


def test_kernels_work_where_no_folder_can_be_written(monkeypatch):
    """Numba refuses to cache where it finds no folder to write in; the kernel is then compiled without."""
    plain = numba.njit

    def without_a_folder(*functions, **options):
        if options.pop("cache", False):
            raise RuntimeError("cannot cache function 'add_one': no locator available for file '/nowhere'")
        return plain(*functions, **options)

    monkeypatch.setattr(numba, "njit", without_a_folder)
    assert jit.kernel(add_one)(1) == 2


def test_other_errors_of_the_compiler_are_not_swallowed(monkeypatch):
    """Only the missing folder is worked around."""

    def broken(**options):
        raise RuntimeError("something else")

    monkeypatch.setattr(numba, "njit", broken)
    with pytest.raises(RuntimeError, match="something else"):
        jit.kernel(add_one)


def test_machines_run_without_jit():
    """With NUMBA_DISABLE_JIT=1 the plain loops serve: the same answer to rounding, in a process of its own."""
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
