"""A machine of one's own, as tutorial 04b writes it: 40 lines, and it has all that the package's machines have."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from oracles import candidates, softmax_mean, window
from strategies import SEEDS, TIMES, noised, windowed_sets

import minidiff as md
from minidiff.machines import NAMES, named
from minidiff.studies import bench, calibration

SCRIPT = Path(__file__).parents[1] / "tutorials" / "04b_your_own_machine.py"
COSINE = md.schedules.cosine()


def file_of_the_machine():
    """The cell of the tutorial that is a whole file."""
    cells = re.split(r"^# %%.*\n", SCRIPT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (cell,) = [cell for cell in cells if "@register" in cell]
    return cell.strip() + "\n"


@pytest.fixture
def soft(tmp_path, monkeypatch):
    """The tutorial's machine, from a file of its own."""
    monkeypatch.setattr("minidiff.machines.registry.NAMES", NAMES.copy())
    path = tmp_path / "soft.py"
    path.write_text(file_of_the_machine())
    return path


def test_it_takes_at_most_forty_lines_and_no_internals():
    """The file has at most 40 lines, and asks for names that the machines' room shows."""
    text = file_of_the_machine()
    assert len(text.splitlines()) <= 40
    assert re.findall(r"^from (minidiff\S*) import (.+)$", text, re.M) == [
        ("minidiff", "theory"),
        ("minidiff.machines", "WindowMachine, register"),
    ]
    assert not re.search(r"[. ]_[a-z]", text.replace("_replace", ""))


@settings(deadline=None, max_examples=20)
@given(windowed_sets(), TIMES, SEEDS)
def test_it_is_its_formula(case, t, seed):
    """Softmax over (n, u) of -sum_q w_q (x_q - a y_q)^2 / (2 s^2), w_q = exp(-r_q^2 / (2 sigma^2)), by loops over pixels."""
    images, k, boundary = case
    space = {}
    kept = NAMES.copy()
    exec(compile(file_of_the_machine(), "soft.py", "exec"), space)
    NAMES.clear(), NAMES.update(kept)
    x, sigma = noised(images, t, COSINE, seed, queries=1)[0], 0.8
    machine = space["SoftWindowScore"](images, COSINE, window=k, boundary=boundary, sigma=sigma)
    a, s = float(COSINE.signal(t)), float(COSINE.noise(t))
    around = range(-(k // 2), k // 2 + 1)
    weight = np.array([np.exp(-(i * i + j * j) / (2 * sigma**2)) for i in around for j in around for _ in range(x.shape[2])])
    expected = np.empty(x.shape)
    for i, j in np.ndindex(x.shape[:2]):
        places = list(candidates(i, j, images, k, boundary, True))
        seen = window(x, i, j, k, boundary)
        distances = [(weight * (seen - a * window(images[n], u, v, k, boundary)) ** 2).sum() for n, u, v in places]
        expected[i, j] = softmax_mean(distances, [images[place] for place in places], s)
    np.testing.assert_allclose(machine(x, t), expected, rtol=0, atol=1e-11)


def test_it_has_what_machines_have(soft):
    """Labels, batches with times of their own, provenance, executors' splits, and the calibration that finds its window."""
    kind = named(str(soft))
    images, labels = md.testing.practice_images(count=6, height=6, width=5), np.array([0, 1] * 3)
    machine = kind(images, COSINE, window=[3, 5], labels=labels)
    x = noised(images, 0.4, COSINE, 1, queries=2)
    both = machine(x, np.array([0.3, 0.9]), label=1)
    alone = kind(images[1::2], COSINE, window=5)
    np.testing.assert_array_equal(both[1], alone(x[1], 0.9))
    source = machine.provenance(images, 0.0)
    np.testing.assert_array_equal(source.image, np.broadcast_to(np.arange(6)[:, None, None], source.image.shape))
    found = calibration.against(machine, images, COSINE, [3, 5], "circular", samples=3, steps=4, machine=kind)
    assert found.table == [3, 3, 5, 5]


def test_the_command_line_and_the_bench_take_it(soft, tmp_path, run):
    """`minidiff sample --machine soft.py` gives the samples that Python gives; `minidiff bench --machine soft.py` times it."""
    asked = ("--data", "two_tone", "--size", 4, "--window", 3, "-n", 2, "--steps", 3)
    code, _, said = run("sample", "--machine", soft, *asked, "--out", tmp_path / "out")
    assert (code, said) == (0, [])
    images, _ = md.datasets.two_tone(size=4)
    machine = named(str(soft))(images, COSINE, window=3, boundary="zeros")
    *_, last = md.process.ddim(machine, COSINE, shape=(2, 4, 4, 1), steps=3, rng=0)
    np.testing.assert_array_equal(np.load(tmp_path / "out" / "samples.npz")["x"], last.x)
    (case, *others) = bench.cases(machine=str(soft))
    assert len(others) == 3 and case.row["k"] == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [(None, "expected a Python file"), ("x = 1\n", "got 0"), (2 * "{}", "got 2")],
)
def test_a_file_without_a_machine_is_one_line(tmp_path, run, monkeypatch, text, words):
    """No such file, and a file that registers no machine or two: exit code 2, one line that says so."""
    monkeypatch.setattr("minidiff.machines.registry.NAMES", NAMES.copy())
    path = tmp_path / "mine.py"
    if text is not None:
        twice = file_of_the_machine() + file_of_the_machine().replace('register("soft")', 'register("softer")')
        path.write_text(twice if "{}" in text else text)
    code, printed, said = run("sample", "--machine", path, "--out", tmp_path / "out")
    assert (code, printed, len(said)) == (2, [], 1)
    assert words in said[0]
