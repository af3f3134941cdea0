"""The laws catch every planted bug, and nothing where none is planted."""

import ast
import inspect
from pathlib import Path

import numpy as np
import planted
import planted_layers
import planted_machines
import planted_walks
import pytest
from marks import also_slow
from planted import BUGS, WHERE, broken_laws
from planted_machines import COLOUR, COSINE, IMAGES, OTHERS, SMALL, TABLE, TILED, TINY
from strategies import noised

import minidiff as md
from minidiff import process, testing
from minidiff.machines import enlarged
from minidiff.nets import layers

TABLE_OF_BUGS = Path(__file__).with_name("README.md")


@pytest.fixture(autouse=True)
def counter_examples_as_found(monkeypatch):
    """Which law breaks is asked here; making its counter-example smaller would take half of the time."""
    monkeypatch.setattr("minidiff.laws.law.MOST_SHRINKS", 0)


# --- right and wrong -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: f"{bug.where}: {bug.words} -> {bug.law}")
def test_every_bug_is_caught(bug):
    """A planted bug breaks the law that the table names."""
    assert bug.law in broken_laws(bug.where, bug.words, only=bug.law)


@pytest.mark.slow
def test_a_bug_that_won():
    """Windows that are cut where only `every time` asks: the answers are far off, and no other law breaks.

    This bug won the exercise of breaking the laws before that law was there.
    """
    assert broken_laws("ELS, list of windows", "windows wider than 3 are cut to 3, to save time") == ["every time"]


@pytest.mark.parametrize("where", [also_slow(where) if where == "ES" else where for where in WHERE])
def test_without_a_bug_no_law_breaks(where):
    """The control: the same lines with no bug planted keep every law."""
    assert broken_laws(where, None, 0) == []


@pytest.mark.slow
@pytest.mark.parametrize("where", WHERE)
def test_without_a_bug_no_law_breaks_over_many_seeds(where):
    """The control over 12 more seeds."""
    assert [(seed, broken) for seed in range(1, 13) if (broken := broken_laws(where, None, seed))] == []


@pytest.mark.slow
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: f"{bug.where}: {bug.words} -> {bug.law}")
def test_every_bug_is_caught_with_other_seeds(bug):
    """A bug is not caught by luck: with two other seeds too, some law breaks when all are tried."""
    assert all(broken_laws(bug.where, bug.words, seed) for seed in (1, 2))


# --- what the bugs are planted in is right ---------------------------------------------------------------------------


def md_tiled(images):
    attention = planted_machines.other_tiles(*images.shape[1:3], 3, None)
    return md.AttentionScore(images, COSINE, window=3, attention=attention, strength=0.5, candidates="colocated")


def md_guided(images):
    labels = [0] * len(images) + [1] * len(OTHERS)
    machine = md.GuidedScore(np.concatenate([images, OTHERS]), COSINE, labels=labels, weight=1.0)
    return lambda x, t: machine(x, t, label=0)


SAME = {
    "IS": (COLOUR, lambda images: md.IdealScore(images, COSINE)),
    "IS, batch by batch": (IMAGES, lambda images: md.IdealScore(images, COSINE)),
    "ES": (SMALL, lambda images: md.EquivariantScore(images, COSINE)),
    "LS": (COLOUR, lambda images: md.LocalScore(images, COSINE, window=3)),
    "ELS": (IMAGES, lambda images: md.EquivariantLocalScore(images, COSINE, window=3)),
    "ELS, list of windows": (IMAGES, lambda images: md.EquivariantLocalScore(images, COSINE, window=TABLE)),
    "ELS, zeros": (IMAGES, lambda images: md.EquivariantLocalScore(images, COSINE, window=3, boundary="zeros")),
    "AttentionScore": (TILED, md_tiled),
    "SoftWindowScore": (TINY, lambda images: md.SoftWindowScore(images, COSINE, window=3, sigma=0.8)),
    "PatchScore": (TINY, lambda images: md.PatchScore(images, COSINE, window=3, boundary="zeros")),
    "CovarianceScore": (TINY, lambda images: md.CovarianceScore(images, COSINE, threshold=0.3)),
    "SmoothedScore": (TINY, lambda images: md.SmoothedScore(images, COSINE, sigma=0.05, draws=4)),
    "GuidedScore, w = 1": (TINY, md_guided),
    "ELS, mirror images too": (
        TINY,
        lambda images: md.EquivariantLocalScore(enlarged(images, reflections="horizontal"), COSINE, window=3),
    ),
    "Wiener": (SMALL, lambda images: md.Wiener(images, COSINE)),
    "LocalWiener": (SMALL, lambda images: md.LocalWiener(images, COSINE, window=3, anywhere=True)),
}


@pytest.mark.parametrize("where", SAME)
def test_the_lines_without_a_bug_are_the_machine(where):
    """With no bug planted the few lines of NumPy answer what the package's machine answers."""
    images, machine = SAME[where]
    machine, lines = machine(images), planted_machines.PLACES[where][0](images, None)
    for t in (0.2, 0.5, 0.9):
        x = noised(images, t, COSINE, 0)
        np.testing.assert_allclose(lines(x, t), machine(x, t), rtol=0, atol=1e-10)


def test_the_layers_without_a_bug_are_the_layers():
    """The same for the residual block, the convolution and attention, forward and backward."""
    rng = np.random.default_rng(0)
    x, y, weight, bias = (rng.standard_normal(shape) for shape in ((2, 4, 5, 3), (2, 4, 5, 3), (3, 3, 3, 3), (3,)))
    options = {"padding": "zeros", "activation": "silu", "residual": True}
    dx, dweight, dbias = layers.conv2d_backward(y, x, weight, **options)
    pairs = [
        (planted_layers.block(x, weight, bias), layers.conv2d(x, weight, bias, **options)),
        *zip(planted_layers.block_backward(y, x, weight, bias), (dx, dweight, dbias.sum(axis=0)), strict=True),
        (planted_layers.conv(x, weight, "circular"), layers.conv2d(x, weight, 0 * bias, "circular")),
        *zip(
            planted_layers.conv_backward(y, x, weight, "circular"),
            layers.conv2d_backward(y, x, weight, "circular")[:2],
            strict=True,
        ),
    ]
    q, k, v, dout = rng.standard_normal((4, 2, 2, 3, 4))
    flat = [array.reshape(2, 6, 4) for array in (dout, q, k, v)]
    pairs.append((planted_layers.attention(*flat[1:]).reshape(q.shape), layers.attention(q, k, v)))
    for ours, theirs in zip(planted_layers.attention_backward(*flat), layers.attention_backward(dout, q, k, v), strict=True):
        pairs.append((ours.reshape(q.shape), theirs))
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("schedule", [md.schedules.cosine(), md.schedules.flow()], ids=lambda schedule: schedule.name)
def test_the_samplers_without_a_bug_are_the_samplers(schedule):
    """The same for DDIM and for Heun's method."""
    noise, denoiser = np.random.default_rng(0).standard_normal((1, 3, 3, 1)), planted_walks.gaussian(schedule)
    *_, (_, x, _) = planted_walks.ddim(denoiser, schedule, noise, np.linspace(1, 0, 6))
    *_, last = process.ddim(denoiser, schedule, noise=noise, steps=5)
    np.testing.assert_allclose(x, last.x, rtol=1e-12)
    *_, last = process.ode(denoiser, schedule, noise=noise, steps=5)
    np.testing.assert_allclose(planted_walks.heun(denoiser, schedule, noise, 5), last.x, rtol=1e-12)


@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0])
def test_the_slope_of_relu_at_zero_is_a_convention(slope):
    """ReLU has no derivative at 0: no law asks for it, whatever a layer takes there."""

    def backward(dout, x):
        return [dout * np.where(x == 0, slope, x > 0)]

    forward, _, shapes = planted_layers.LAYERS["ReLU"]
    for law in planted_layers.LAWS.values():
        for seed in range(3):
            rng = np.random.default_rng(seed)
            assert law("ReLU", forward, backward, [rng.standard_normal(shape) for shape in shapes], rng)


# --- the table -------------------------------------------------------------------------------------------------------


def test_every_law_of_the_kit_catches_something():
    """No law of `minidiff.testing` is idle: each is named in the table by a bug in a machine or in the network."""
    asked = {bug.law for bug in BUGS if bug.where in (*planted_machines.BUGS, "network")}
    assert set(testing.LAWS) <= asked


def test_every_switch_is_in_the_table():
    """Each bug that the lines know is a row of the table, and no other: none is planted and forgotten."""
    known = set()
    for module in (planted_machines, planted_layers, planted_walks):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.Compare) and ast.unparse(node.left) in ("bug", "self.bug"):
                known |= {one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)}
    words = [bug.words for bug in BUGS]
    assert known == set(words)
    assert len(set(words)) == len(words) > 100


def test_their_number_is_said_right():
    """The README of the package and that of the tests say how many bugs there are."""
    for path in (TABLE_OF_BUGS, TABLE_OF_BUGS.parents[1] / "README.md"):
        assert f"{len(BUGS)} planted bugs" in path.read_text(encoding="utf-8")


def test_the_table_in_tests_readme_is_this_one():
    """tests/README.md shows what `python tests/planted.py` prints."""
    text = TABLE_OF_BUGS.read_text(encoding="utf-8")
    shown = text.split("<!-- planted bugs -->")[1].split("<!-- end of planted bugs -->")[0]
    assert shown.strip() == planted.table()
