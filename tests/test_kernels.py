"""The vector kernels against the plain ones, and what they skip against what they do not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import SEEDS, noised, training_set, windowed_sets

import minidiff as md
from minidiff.machines import shards, tasks
from minidiff.machines.kernels import local_shard
from minidiff.machines.machine import CUTOFF
from minidiff.machines.windows import shift_table

COSINE = md.schedules.cosine()
law = settings(deadline=None, max_examples=30)
# Vectors cannot run in Python.
pytestmark = pytest.mark.compiled


def empty_state(shape):
    """cost, mass, total and winner for one query of `shape` (H, W, C)."""
    return [np.empty(shape[:2]), np.empty(shape[:2]), np.empty(shape), np.empty(shape[:2], np.int64)]


def levels(t, dtype):
    """(signal, rate) as the machines hand them to a kernel."""
    a, s = dtype(COSINE.signal(t)), float(COSINE.noise(t))
    return a, 0.5 / s / s if s > 0 else np.inf


def backgrounds(seed, shape, dtype):
    """Images that are mostly exactly black, some of them twice: windows tie exactly, within and across images."""
    images = training_set(seed, shape, dtype)
    images = np.where(images < 0.9, -1, np.round(64 * images) / 64).astype(dtype)
    images[-1] = images[0]
    return images


# --- winners ---------------------------------------------------------------------------------------------------------


@law
@given(windowed_sets(), st.floats(0, 0.95), SEEDS)
def test_vector_kernels_name_the_same_winners(case, t, seed):
    """Cost, mass, total and winner of the vector kernel are the plain kernel's: the lowest index where several are as near."""
    images, k, boundary = case
    images = np.concatenate([images, images])  # every candidate has its like
    x = noised(images, t, COSINE, seed, queries=1)[0]
    plain, vector = empty_state(x.shape), empty_state(x.shape)
    a, rate = levels(t, np.float64)
    plain[0][...], plain[1][...], plain[2][...], plain[3][...] = np.inf, 0, 0, np.iinfo(np.int64).max
    tables = [shift_table(side, k, boundary) for side in x.shape[:2]]
    flat = plain[0].reshape(-1), plain[1].reshape(-1), plain[2].reshape(-1, x.shape[2]), plain[3].reshape(-1)
    local_shard(x, images, a, rate, k, boundary == "circular", *tables, 52.0, *flat)
    tasks.local_task(x, tasks.pack(images), 0, len(images), a, rate, k, boundary == "circular", False, 52.0, *vector)
    np.testing.assert_array_equal(vector[3], plain[3])
    for ours, theirs in zip(vector[:3], plain[:3], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_winners_count_from_the_whole_set(dtype):
    """At s = 0 the winner is the first image that is the query, at the pixel's own place, also in a later shard."""
    images = training_set(0, (40, 6, 5, 1), dtype)
    images[21] = images[37]
    for machine in (md.IdealScore(images, COSINE), md.EquivariantLocalScore(images, COSINE, window=5)):
        source = machine.provenance(images[37], 0.0)
        np.testing.assert_array_equal(source.image, 21)
        np.testing.assert_array_equal(np.stack([source.row, source.column]), np.indices((6, 5)))
        np.testing.assert_array_equal(source.weight, 0.5)


# --- whole images ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("t", [0.5, 0.9])
def test_whole_image_distances_keep_their_digits(t):
    """IS in float32 at 32 x 32 is within 5e-6 of float64: a distance of 900 in one float32 would be off by 3e-5."""
    images = np.random.default_rng(0).uniform(-1, 1, (512, 32, 32, 1)).astype(np.float32)
    x = noised(images, t, COSINE, 1, queries=6)
    exact = md.IdealScore(images.astype(np.float64), COSINE)(x.astype(np.float64), t)
    assert np.abs(md.IdealScore(images, COSINE)(x, t) - exact).max() < 5e-6


# --- skipping --------------------------------------------------------------------------------------------------------


@law
@given(
    st.tuples(st.integers(1, 35), st.integers(3, 9), st.integers(3, 9)),
    SEEDS,
    st.sampled_from([0.0, 1e-3, 0.02, 0.05, 0.2, 0.6]),
    st.booleans(),
    st.sampled_from([np.float32, np.float64]),
)
def test_skipping_changes_only_the_order_of_sums(shape, seed, t, circular, dtype):
    """Sorted windows find the same smallest distances, bit for bit, the same winners, and the same sums to their rounding."""
    images = backgrounds(seed, (*shape, 1), dtype)
    if seed % 2:
        images = training_set(seed, (*shape, 1), dtype)
    x = noised(images, t, COSINE, seed, queries=1)[0]
    a, rate = levels(t, dtype)
    packed, cutoff = tasks.pack(images), CUTOFF[np.dtype(dtype)]
    whole, part = empty_state(x.shape), empty_state(x.shape)
    tasks.local_task(x, packed, 0, len(images), a, rate, 3, circular, False, cutoff, *whole)
    tasks.SortedShard(packed, len(images), circular).task(x, a, rate, cutoff, *part)
    np.testing.assert_array_equal(part[0], whole[0])
    np.testing.assert_array_equal(part[3], whole[3])
    # Sums of n positive terms are off by n eps at most; here by random parts of it. exp(-cutoff) of what met a larger cost.
    rounding = 60 * np.finfo(dtype).eps + 2 * whole[1].max() * np.exp(-cutoff)
    np.testing.assert_allclose(part[1], whole[1], rtol=rounding, atol=0)
    np.testing.assert_allclose(part[2] / part[1][..., None], whole[2] / whole[1][..., None], rtol=0, atol=2 * rounding)


@pytest.fixture
def always_sorted(monkeypatch):
    monkeypatch.setattr(tasks, "SORTED_FROM", 0)
    monkeypatch.setattr(shards, "SMALLEST_COST", 1e3)


@pytest.mark.parametrize("boundary", ["circular", "zeros"])
def test_skipping_is_exactly_local_and_needs_no_company(always_sorted, boundary):
    """With skipping too: bits depend on a pixel's window only, not on other queries of a batch, nor on threads."""
    images = training_set(3, (70, 8, 9, 1), np.float32)
    machine = md.EquivariantLocalScore(images, COSINE, window=3, boundary=boundary)
    x = noised(images, 0.05, COSINE, 4, queries=3)
    together = machine(x, 0.05)
    for query, estimate in zip(x, together, strict=True):
        np.testing.assert_array_equal(machine(query, 0.05), estimate)
    other = x[0].copy()
    other[:4] = 3.0
    np.testing.assert_array_equal(machine(other, 0.05)[5:7], together[0, 5:7])
    assert (machine(other, 0.05)[4] != together[0, 4]).any()
    try:
        md.set_threads(3)
        np.testing.assert_array_equal(machine(x, 0.05), together)
    finally:
        md.set_threads(None)


def test_skipping_is_taken_where_it_pays(always_sorted, monkeypatch):
    """At low noise and k = 3 sorted windows are used; switched off, or at high noise, they are not."""
    images = training_set(3, (70, 8, 9, 1), np.float32)

    def refuse(*_):
        raise KeyError("sorted")

    monkeypatch.setattr(tasks.SortedShard, "__init__", refuse)
    machine = md.EquivariantLocalScore(images, COSINE, window=3)
    machine(images[0], 0.8)
    with pytest.raises(KeyError, match="sorted"):
        machine(images[0], 0.05)
    monkeypatch.setattr(tasks, "SKIPPING", False)
    machine(images[0], 0.05)
