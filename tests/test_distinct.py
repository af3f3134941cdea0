"""ELS by kinds of equal windows: the same posterior as window by window."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import SEEDS, noised, training_set, windowed_sets
from test_kernels import COSINE, same_states

import minidiff as md
from minidiff import parallel, theory
from minidiff.engine import TrainingSet, backends, distinct, distinct_kernel

law = settings(deadline=None, max_examples=15)
pytestmark = pytest.mark.compiled


def few_values(images):
    """The same with pixels -1, 0 and 1 only, so that many windows are equal."""
    return np.round(images)


def digits(count, dtype=np.float32):
    """Digits of 10 x 10 with two dark pixels on every side."""
    images = md.datasets.digits(size=10)[0][:count].astype(dtype)
    images[:, [0, 1, -2, -1]] = images[:, :, [0, 1, -2, -1]] = -1
    return images


@pytest.mark.slow
@law
@given(windowed_sets(), st.floats(0, 0.95), SEEDS, st.booleans(), st.booleans(), st.integers(1, 30))
def test_kinds_give_the_states_of_theory(case, t, seed, alike, silent, count):
    """Cost, mass, total and winner are theory.py's, with many equal windows and with few.

    Without signal all windows are equally near, and the first of them wins.
    """
    images, k, boundary = case
    images = np.resize(few_values(images) if alike else images, (count, *images.shape[1:]))
    x = noised(images, t, COSINE, seed)
    levels = COSINE.signal(np.full(2, t)) * (not silent), COSINE.noise(np.full(2, t))
    kinds, lines = distinct.DistinctWindows(True, k, boundary, 1.0), backends.Theory(theory.equivariant_local, (k, boundary))
    part = distinct.Part.of(images, k, boundary)
    same_states(kinds.states(x, part, *levels, True), lines.states(x, lines.layout(images), *levels, True))


@law
@given(windowed_sets(), SEEDS)
def test_equal_windows_are_one_kind_and_others_are_not(case, seed):
    """At each place there are as many kinds as distinct windows, and their counts are how often each occurs.

    Also where the table of kinds starts its search at the same place for all windows.
    """
    images, k, boundary = case
    images = few_values(np.concatenate([images, images]))
    offsets, firsts, at_places = distinct._where(images.shape[1:], k, boundary)
    frames = distinct._framed(images, k, boundary)
    seen = np.array([theory.windows(image, k, boundary) for image in images]) + 0.0  # -0 is 0
    for pixels in at_places:
        expected, count = np.unique(seen[:, pixels].reshape(-1, seen.shape[2]), axis=0, return_counts=True)
        starts, found = distinct._kinds(frames + 0.0, offsets, firsts[pixels])
        shown = (frames.reshape(-1) + 0.0)[starts[:, None] + offsets]
        order = np.lexsort(shown.T[::-1])
        np.testing.assert_array_equal(shown[order], expected)
        np.testing.assert_array_equal(found[order], count)
    # Bits that say nothing: all kinds are looked for from one place of the table on.
    flat, some = (frames + 0.0).reshape(-1), firsts[at_places[0]].copy()
    starts, count = some.copy(), np.zeros(len(some), np.int64)
    blind = distinct_kernel.find_kinds(flat, np.zeros(flat.shape, np.int64), starts, offsets, count)
    assert blind == len(np.unique(flat[some[:, None] + offsets], axis=0)) and count.sum() == len(some)


@pytest.mark.parametrize("boundary", ["zeros", "circular"])
def test_many_kinds_in_float32(boundary):
    """More kinds than float32 adds up at once, no whole number of blocks: winners and means are those of float64."""
    images = training_set(3, (301, 8, 8, 1), np.float32)
    x = noised(images, 0.9, COSINE, 0)
    levels = COSINE.signal(np.full(2, 0.9)), COSINE.noise(np.full(2, 0.9))
    kinds = distinct.DistinctWindows(True, 3, boundary, 1.0)
    single = kinds.states(x, distinct.Part.of(images, 3, boundary), *levels, True)
    double = kinds.states(x.astype(float), distinct.Part.of(images.astype(float), 3, boundary), *levels, True)
    np.testing.assert_array_equal(single.winner, double.winner)
    np.testing.assert_allclose(single.mean(), double.mean(), atol=1e-6)
    np.testing.assert_allclose(single.mass, double.mass, rtol=1e-5)


@pytest.mark.slow
def test_machines_answer_alike_by_kinds(monkeypatch):
    """ELS of a set with dark borders has the answers and the provenance of box sums; its bits depend neither on the number of
    threads nor on which queries are asked for together, nor on the process."""
    images, t = digits(300), np.array([0.05, 0.3, 0.9, 0.0])
    x = np.concatenate([noised(images, one, COSINE, 1, queries=1) for one in t])
    box_sums = md.EquivariantLocalScore(images, COSINE, window=3, boundary="zeros")
    expected, source = box_sums(x, t), box_sums.provenance(x, t)
    monkeypatch.setattr(distinct, "LEAST_COST", 0.0)
    machine = md.EquivariantLocalScore(images, COSINE, window=3, boundary="zeros")
    backend = backends.backend(theory.equivariant_local, (3, "zeros"), machine._training_set(None, np.float32)[0])
    assert isinstance(backend, distinct.DistinctWindows)
    found = machine(x, t)
    np.testing.assert_allclose(found, expected, atol=2e-6)
    by_kinds = machine.provenance(x, t)
    for field in ("image", "row", "column"):
        np.testing.assert_array_equal(getattr(by_kinds, field), getattr(source, field))
    np.testing.assert_array_equal(np.concatenate([machine(x[b : b + 1], t[b]) for b in range(4)]), found)
    monkeypatch.setattr(parallel, "_threads", 3)
    np.testing.assert_array_equal(machine(x, t), found)
    part = distinct.Part.of(images, 3, "zeros")
    asked = x, part, COSINE.signal(t), COSINE.noise(t), True
    states, given = pickle.loads(pickle.dumps((backend.states, asked)))
    same_states(states(*given), backend.states(*asked), rtol=0)


def test_kinds_are_taken_where_they_are_few(monkeypatch):
    """Kinds serve a large set with many equal windows; box sums a small one, one without equal windows, and large windows."""

    def chosen(images, k):
        return type(backends.backend(theory.equivariant_local, (k, "zeros"), TrainingSet(images))).__name__

    dark, textured = digits(300), training_set(0, (300, 10, 10, 1), np.float32)
    assert chosen(dark, 3) == "Windows"
    monkeypatch.setattr(distinct, "LEAST_COST", 0.0)
    assert (chosen(dark, 3), chosen(textured, 3), chosen(dark, 9)) == ("DistinctWindows", "Windows", "Windows")


def test_the_evidence_of_each_image_is_not_taken_by_kinds(monkeypatch):
    """Equal windows of two images are evidence for both: `AttentionScore` has the same bits where ELS goes by kinds."""
    images = digits(20)
    x = noised(images, 0.5, COSINE, 1, queries=1)
    expected = md.AttentionScore(images, COSINE, window=3, boundary="zeros")(x, 0.5)
    monkeypatch.setattr(distinct, "LEAST_COST", 0.0)
    machine = md.AttentionScore(images, COSINE, window=3, boundary="zeros")
    np.testing.assert_array_equal(machine(x, 0.5), expected)
