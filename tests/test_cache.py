"""Compiled kernels kept on disk, never wrong and never in the way: in processes of their own, on a copy of the package."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import minidiff

pytestmark = [pytest.mark.compiled, pytest.mark.slow]  # each compiles a copy of the package
PACKAGE = Path(minidiff.__file__).parent
SCRIPT = """
import numpy as np, time
import minidiff as md
machine = md.IdealScore(np.linspace(-1, 1, 8).reshape(2, 2, 2, 1), md.schedules.cosine())
begun = time.perf_counter()
print(repr(float(machine(np.full((2, 2, 1), 0.3), 0.9).sum())), time.perf_counter() - begun)
"""


DAMAGES = ("truncated", "empty", "garbled", "foreign")


@pytest.fixture
def copy(tmp_path):
    """A copy of the package that may be edited: its folder."""
    ignored = shutil.ignore_patterns("__pycache__", "weights", "coursework", "*.kernel")
    shutil.copytree(PACKAGE, tmp_path / "minidiff", ignore=ignored)
    (tmp_path / "minidiff" / "nets" / "weights").mkdir()
    return tmp_path / "minidiff"


def run(copy, script=SCRIPT, check=True, **environment):
    """Run a script with the copy: (lines on stdout, lines on stderr)."""
    kept = {name: value for name, value in os.environ.items() if name not in ("NUMBA_CACHE_DIR", "MINIDIFF_CACHE")}
    environment = {**kept, "PYTHONPATH": str(copy.parent), "PYTHONDONTWRITEBYTECODE": "1", **environment}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=copy.parent, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0 or not check, done.stderr
    return done.stdout.splitlines(), done.stderr.splitlines()


def answer(lines):
    return float(lines[0].split()[0])


def kernels(folder):
    return sorted(folder.rglob("*.kernel"))


def test_a_changed_helper_in_another_file_changes_the_answer(copy):
    """exp2 is a helper in simd.py that kernels of other files call: with another coefficient there they give another answer."""
    first = answer(run(copy)[0])
    assert kernels(copy)
    path = copy / "simd.py"
    text = path.read_text()
    assert text.count("0.6931471805599453") == 1
    path.write_text(text.replace("0.6931471805599453", "0.5931471805599453"))
    changed = answer(run(copy)[0])
    assert abs(changed - first) > 1e-4
    path.write_text(text)
    assert answer(run(copy)[0]) == first


def test_another_version_of_the_package_compiles_anew(copy):
    """The version is part of what a kernel depends on."""
    run(copy)
    before = {path: path.read_bytes() for path in kernels(copy)}
    path = copy / "__init__.py"
    path.write_text(path.read_text().replace('__version__ = "', '__version__ = "9.'))
    run(copy)
    assert all(path.read_bytes() != content for path, content in before.items())


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_files_are_compiled_anew(copy, damage):
    """Half a file, an empty one, one byte changed, or another kernel's file: the same answer, at most one line, and mended."""
    first = answer(run(copy)[0])
    files = kernels(copy)
    contents = [path.read_bytes() for path in files]
    for path, content, other in zip(files, contents, contents[1:] + contents[:1], strict=True):
        middle = len(content) // 2
        flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        path.write_bytes({"truncated": content[:middle], "empty": b"", "garbled": flipped, "foreign": other}[damage])
    out, said = run(copy)
    assert answer(out) == first
    assert len(said) == (damage != "foreign") and all(line.startswith("minidiff: ") for line in said)
    out, said = run(copy)
    assert (answer(out), said) == (first, [])


def test_a_kept_kernel_is_loaded_and_not_compiled(copy):
    """The second process takes less than half of the first one's time."""
    times = [float(run(copy)[0][0].split()[1]) for _ in range(2)]
    assert times[1] < times[0] / 2


def test_two_processes_that_compile_at_once_do_no_harm(copy):
    """Four processes begin on an empty cache: all give the same answer, and what they leave is whole."""
    environment = {**os.environ, "PYTHONPATH": str(copy.parent)}
    begun = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    ended = [process.communicate(timeout=200) for process in begun]
    assert all(said == "" for _, said in ended)
    assert len({answer(out.splitlines()) for out, _ in ended}) == 1
    out, said = run(copy)
    assert (answer(out), said) == (answer(ended[0][0].splitlines()), [])


@pytest.mark.skipif(os.name == "nt", reason="folders are made unwritable by permissions")
def test_a_folder_that_cannot_be_written_is_no_error(copy, tmp_path):
    """Where the cache cannot be written kernels are compiled in each process, with one line at most."""
    full = tmp_path / "a file, not a folder"
    full.write_text("")
    out, said = run(copy, NUMBA_CACHE_DIR=str(full / "cache"), HOME=str(full))
    assert answer(out) == answer(run(copy, MINIDIFF_CACHE="0")[0])
    assert len(said) <= 1


def test_the_cache_can_be_named_and_cleared(copy, tmp_path):
    """`minidiff info` names the folders, and --clear-cache empties them, Numba's own files among them."""
    run(copy)
    old = copy / "engine" / "__pycache__" / f"{kernels(copy)[0].name.rsplit('-', 1)[0]}.nbi"
    old.write_bytes(b"old")
    shown, _ = run(copy, "from minidiff.command.parser import main; main(['info'])")
    assert any(str(copy / "engine" / "__pycache__") in line for line in shown)
    told, _ = run(copy, "from minidiff.command.parser import main; main(['info', '--clear-cache'])")
    assert "deleted" in told[0] and not kernels(copy) and not old.exists()
