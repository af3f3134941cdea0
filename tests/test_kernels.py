"""The vector kernels against the plain ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import SEEDS, noised, training_set, windowed_sets

import minidiff as md
from minidiff.machines import tasks
from minidiff.machines.kernels import local_shard
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
