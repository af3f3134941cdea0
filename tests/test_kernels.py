"""The engine's kernels against theory.py."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import SEEDS, noised, training_set, windowed_sets

import minidiff as md
from minidiff import theory
from minidiff.engine import backends, shards
from minidiff.engine.handing import CUTOFF
from minidiff.engine.shifts import shift_table
from minidiff.engine.whole import by_products, cutoff_of, lengths_of
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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_left_out_is_below_rounding(dtype):
    """5e7 candidates, all 60,000 images of 28 x 28, each just below the cutoff, weigh less than rounding beside the nearest."""
    assert 5e7 * np.exp(-CUTOFF[np.dtype(dtype)]) < np.finfo(dtype).eps / 2
    for count in (1, 50_000):  # of IS
        assert count * np.exp(-cutoff_of(np.dtype(dtype), count)) == pytest.approx(np.finfo(dtype).eps / 2)


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


@law
@given(st.integers(1, 70), st.integers(1, 11), st.integers(1, 12), st.floats(0, 0.95), SEEDS, st.booleans(), st.booleans())
def test_whole_images_give_the_states_of_theory(count, queries, side, t, seed, single, alike):
    """Cost, mass, total and winner of IS are theory.py's for any number of images, queries and pixels, at one time or several.

    A query's own state has the same bits whoever comes along: in a tile of queries at one time, or alone in its own.
    """
    images = training_set(seed, (count, side, 3, 1), np.float32 if single else np.float64)
    images[count // 2] = images[0]
    times = np.full(queries, t) if alike else np.linspace(0, t, queries)
    x = np.concatenate([noised(images, one, COSINE, seed + b, queries=1) for b, one in enumerate(times)])
    levels = COSINE.signal(times), COSINE.noise(times)
    kernels, lines = backends.Whole(), backends.Theory(theory.ideal, ())
    laid_out = kernels.layout(images)
    together = kernels.states(x, laid_out, *levels, True)
    if not single:
        same_states(together, lines.states(x, lines.layout(images), *levels, True))
    for b in range(queries):
        alone = kernels.states(x[b : b + 1], laid_out, levels[0][b : b + 1], levels[1][b : b + 1], True)
        for field in ("cost", "mass", "total", "winner"):
            np.testing.assert_array_equal(getattr(alone, field)[0], getattr(together, field)[b])


def test_a_training_image_is_at_distance_0_and_a_near_copy_is_not():
    """At t = 0 an image is at distance exactly 0 from itself, and one that differs in the last digit of one pixel is farther."""
    images = training_set(0, (40, 28, 28, 1), np.float32)
    images[20] = images[7]
    images[20, 5, 5] = np.nextafter(images[7, 5, 5], np.float32(2))
    kernels = backends.Whole()
    state = kernels.states(images[[7, 20] * 3], kernels.layout(images), np.ones(6), np.zeros(6), True)
    np.testing.assert_array_equal(state.cost, 0)
    np.testing.assert_array_equal(state.mass, 1)
    np.testing.assert_array_equal(state.winner[:, 0], [7, 20] * 3)


@law
@given(st.sampled_from([1, 8, 12, 40]), SEEDS, st.floats(0, 1), st.floats(-3, 3), st.booleans())
def test_distances_of_whole_images_are_as_near_as_differences_are(side, seed, signal, power, near):
    """The smallest distance, by products or not, is off by at most what differences are, also for near copies far from zero.

    With u = eps / 2: 16 squares in a row and 4 more roundings make 20 u d, and rounding a y moves it by u a |y|.
    """
    rng = np.random.default_rng(seed)
    images = (10**power + rng.standard_normal((9, side, 3, 1))).astype(np.float32)
    x = (np.float32(signal) * images[:5] + (1e-3 if near else 3 * 10**power) * rng.standard_normal((5, side, 3, 1))).astype(
        np.float32
    )
    kernels, a = backends.Whole(), np.full(5, float(np.float32(signal)))
    cost = kernels.states(x, kernels.layout(images), a, np.ones(5), False).cost[:, 0]
    distances = ((x[:, None].astype(np.float64) - a[0] * images) ** 2).sum(axis=(2, 3, 4))
    u, largest = np.finfo(np.float32).eps / 2, np.sqrt(lengths_of(images.reshape(9, -1)).max())
    moved = u * a * largest
    exact = distances.min(axis=1)
    assert (np.abs(cost - exact) <= 1.01 * (20 * u * exact + 2 * moved * np.sqrt(exact) + moved**2)).all()


def test_products_are_for_queries_far_from_all_images():
    """Distances by products at high noise, by differences near an image; without signal, and from an image of zeros, too."""
    lengths, signal = np.array([100.0, 100.0, 100.0, 0.0]), np.array([0.17, 0.18, 0.0, 0.5])
    np.testing.assert_array_equal(by_products(lengths, signal, 100.0), [True, False, True, False])


def test_equal_images_in_two_shards_tie_exactly():
    """A long image in one shard does not change how the others of that shard are compared: the first of a tie wins."""
    images = training_set(0, (3, 28, 28, 1), np.float32)
    images[1], images[2] = 3 * images[1], images[0]
    x = 5 * np.random.default_rng(1).standard_normal((6, 28, 28, 1)).astype(np.float32)
    kernels, rows = backends.Whole(), backends.Whole().layout(images)
    for signal in np.linspace(0.1, 0.9, 9):
        levels = np.full(6, signal), np.ones(6)
        pair, alone = (kernels.states(x, rows.shard(*part), *levels, True) for part in ((0, 2), (2, 3)))
        np.testing.assert_array_equal(np.where(pair.winner == 0, pair.cost, alone.cost), alone.cost)


@law
@given(windowed_sets(), SEEDS, st.booleans())
def test_windows_take_the_images_in_blocks_without_a_trace(case, seed, anywhere):
    """Queries that are compared with one block of images after the other have the bits of one query against all of them."""
    images, k, boundary = case
    images = np.resize(images, (37, *images.shape[1:]))
    x = noised(images, 0.3, COSINE, seed, queries=3)
    levels = COSINE.signal(np.full(3, 0.3)), COSINE.noise(np.full(3, 0.3))
    kernels = backends.Windows(anywhere, k, boundary)
    packed = kernels.layout(images)
    whole = kernels.states(x, packed, *levels, True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "CACHED", 1)
        blocks = kernels.states(x, packed, *levels, True)
    for field in ("cost", "mass", "total", "winner"):
        np.testing.assert_array_equal(getattr(blocks, field), getattr(whole, field))


@pytest.mark.parametrize("t", [0.5, 0.9])
def test_whole_image_distances_keep_their_digits(t):
    """IS in float32 at 32 x 32 is within 5e-6 of float64: a distance of 900 in one float32 would be off by 3e-5."""
    images = np.random.default_rng(0).uniform(-1, 1, (512, 32, 32, 1)).astype(np.float32)
    x = noised(images, t, COSINE, 1, queries=6)
    exact = md.IdealScore(images.astype(np.float64), COSINE)(x.astype(np.float64), t)
    assert np.abs(md.IdealScore(images, COSINE)(x, t) - exact).max() < 5e-6
