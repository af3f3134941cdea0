"""The engine's kernels against theory.py."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import SEEDS, noised, training_set, windowed_sets

import minidiff as md
from minidiff import theory
from minidiff.engine import backends
from minidiff.engine.shifts import shift_table
from minidiff.machines.windows import count_pairs

COSINE = md.schedules.cosine()
law = settings(deadline=None, max_examples=30)
# Vectors cannot run in Python.
pytestmark = pytest.mark.compiled


def same_states(ours, theirs, rtol=1e-11):
    """Two Posteriors agree: the same winners, and the same numbers to rounding."""
    np.testing.assert_array_equal(ours.winner, theirs.winner)
    for field in ("cost", "mass", "total"):
        np.testing.assert_allclose(getattr(ours, field), getattr(theirs, field), rtol=rtol, atol=rtol)


# --- against theory.py -----------------------------------------------------------------------------------------------


@law
@given(windowed_sets(), st.floats(0, 0.95), SEEDS, st.booleans())
def test_box_sums_give_the_states_of_theory(case, t, seed, anywhere):
    """Cost, mass, total and winner are theory.py's, winners of ties too; over all images together, and over each by itself."""
    images, k, boundary = case
    images = np.concatenate([images, images])  # every candidate has its like
    x = noised(images, t, COSINE, seed)
    levels = COSINE.signal(np.full(2, t)), COSINE.noise(np.full(2, t))
    kernels = backends.Windows(anywhere, k, boundary)
    lines = backends.Theory(theory.equivariant_local if anywhere else theory.local, (k, boundary))
    packed, plain = kernels.layout(images), lines.layout(images)
    same_states(kernels.states(x, packed, *levels, True), lines.states(x, plain, *levels, True))
    same_states(kernels.evidence(x, packed, *levels, True), lines.evidence(x, plain, *levels, True))


@law
@given(windowed_sets(("zeros",)), SEEDS)
def test_shift_tables_are_the_padding_rule(case, seed):
    """p may be explained by p + shift where theory.places gives both the same number: by shift, or by pixel, the same pairs."""
    images, k, boundary = case
    height, width = images.shape[1:3]
    place = theory.places(height, width, k, boundary).reshape(height, width)
    by_place = {(p, u) for p in np.ndindex(height, width) for u in np.ndindex(height, width) if place[p] == place[u]}
    rows, columns = (shift_table(side, k, boundary) for side in (height, width))
    by_shift = {
        ((i, j), (i + down, j + across))
        for down, top, bottom in rows.tolist()
        for across, left, right in columns.tolist()
        for i in range(top, bottom)
        for j in range(left, right)
    }
    assert by_shift == by_place
    assert count_pairs(height, width, k, boundary) == len(by_place)


# --- winners ---------------------------------------------------------------------------------------------------------


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
