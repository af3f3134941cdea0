"""Did a model copy? The nearest training image against loops and closed forms, and what chance allows against enumeration."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import nearest_matches
from strategies import SEEDS, training_set

import minidiff as md
from minidiff import engine
from minidiff.measures import search
from minidiff.measures.copies import Nearest, beside_fresh, groups, matched, nearer_to_which, nearest

law = settings(deadline=None, max_examples=12)
SHIFTS = st.sampled_from([0, 1, 2, "all"])
# Loops and differences round means of squares up to 4 differently, by a few units of 1e-16; the root of 0 turns that into 3e-8.
SQUARED = 1e-14


def images_of(seed, count=6, height=5, width=4, channels=1):
    return training_set(seed, (count, height, width, channels))


def sixteenths(seed, shape):
    """Images of whole multiples of 1/16, so that sums and differences are exact."""
    return np.random.default_rng(seed).integers(-12, 13, shape) / 16


# --- the nearest training image --------------------------------------------------------------------------------------


@law
@given(SEEDS, SHIFTS, st.booleans(), st.booleans(), st.sampled_from([1, 3]))
def test_the_nearest_is_its_definition(seed, shifts, mirror, grey, channels):
    """Distances, ratios and neighbours are those of a loop over images, shifts and mirror images, each with its best grey."""
    images, samples = images_of(seed, channels=channels), images_of(seed + 1, 2, channels=channels)
    found = nearest(samples, images, shifts, mirror, grey)
    for b, sample in enumerate(samples):
        distance = nearest_matches(sample, images, 4 if shifts == "all" else shifts, mirror, grey)
        least = np.sort(distance)
        assert found.distance[b] ** 2 == pytest.approx(least[0] ** 2, rel=0, abs=SQUARED)
        assert distance[found.nearest[b]] == pytest.approx(least[0], rel=0, abs=1e-7)
        assert found.ratio[b] == pytest.approx(least[0] / least[1], rel=1e-6)
        assert found.relative[b] == pytest.approx(least[0] / least.mean(), rel=1e-6)
        np.testing.assert_allclose(distance[found.neighbours[b]], least, atol=1e-7)
    assert found.certain.all()
    off = ((samples - matched(images, found)) ** 2).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(off, found.distance**2, atol=SQUARED)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("added", [0.0, 0.125])
@pytest.mark.parametrize("shift", [(0, 0), (2, -1), (-2, 2)])
def test_a_copy_is_at_distance_0(dtype, turned, added, shift):
    """A training image that is rolled, mirrored and made brighter is found, at distance 0 exactly, with what was done to it."""
    images = sixteenths(0, (9, 6, 5, 3)).astype(dtype)
    copy = np.roll(images[4, :, ::-1] if turned else images[4], shift, (0, 1)) + dtype(added)
    found = nearest(copy[None], images, shifts=2, mirror=turned, grey=bool(added))
    assert (found.distance[0], found.nearest[0], found.ratio[0], found.relative[0]) == (0, 4, 0, 0)
    assert (found.shift[0].tolist(), found.mirrored[0], found.grey[0]) == (list(shift), turned, added)
    np.testing.assert_array_equal(matched(images, found)[0], copy)


def test_what_is_not_allowed_is_not_found():
    """A copy that is moved by 3, mirrored or brighter is at distance 0 only where that is allowed."""
    images = sixteenths(1, (5, 8, 8, 1))
    moved, turned, brighter = np.roll(images[0], 3, 0), images[1, :, ::-1], images[2] + 0.25
    samples = np.stack([moved, turned, brighter])
    assert (nearest(samples, images).distance > 0).all()
    assert (nearest(samples, images, shifts=2).distance > 0).all()
    assert (nearest(samples, images, shifts=3).distance == 0).tolist() == [True, False, False]
    assert (nearest(samples, images, mirror=True).distance == 0).tolist() == [False, True, False]
    assert (nearest(samples, images, grey=True).distance == 0).tolist() == [False, False, True]


def test_an_image_that_is_there_twice_hides_in_the_ratio():
    """A copy of an image that the set has twice is at distance 0 with ratio 1 (0 / 0), and shows beside its neighbours."""
    images = sixteenths(2, (8, 4, 4, 1))
    images[5] = images[3]
    found = nearest(images[3:4], images, shifts="all", grey=True)
    assert (found.distance[0], found.nearest[0], found.ratio[0], found.relative[0]) == (0, 3, 1, 0)
    alone = nearest(images[3:4], images[:1])
    assert np.isnan(alone.ratio[0]) and np.isnan(alone.relative[0])


def test_a_blank_image_moves_nowhere():
    """Where all shifts are equally good the shift is 0, and a blank sample is equally far from images of equal contrast."""
    images = np.stack([np.eye(4), np.eye(4)[::-1]])[..., None]
    found = nearest(np.full((1, 4, 4, 1), 0.5), images, shifts="all", mirror=True, grey=True)
    assert (found.shift[0].tolist(), found.mirrored[0], found.ratio[0]) == ([0, 0], False, 1)
    assert found.distance[0] == pytest.approx(images[0].std())


@law
@given(SEEDS, SHIFTS, st.booleans(), st.booleans(), st.sampled_from([np.float32, np.float64]))
def test_what_is_certain_is_true(seed, shifts, mirror, grey, dtype):
    """With two candidates of 12 most is uncertain; where none outside is said to be nearer, none is, but for rounding."""
    images, samples = images_of(seed, 12).astype(dtype), images_of(seed + 1, 3).astype(dtype)
    found = nearest(samples, images, shifts, mirror, grey, candidates=2)
    for b in np.flatnonzero(found.certain):
        least = nearest_matches(samples[b].astype(float), images, 4 if shifts == "all" else shifts, mirror, grey).min()
        assert found.distance[b] <= least + (2e-5 if dtype == np.float32 else 1e-7)
    if shifts == 0:
        assert found.certain.all()


@law
@given(SEEDS, SHIFTS, st.booleans())
def test_the_order_of_the_images_changes_their_numbers_only(seed, shifts, grey):
    """With two candidates of 12, the images in another order give the same distances, of the same images."""
    images, samples = images_of(seed, 12), images_of(seed + 1, 3)
    order = np.random.default_rng(seed).permutation(12)
    one, other = (nearest(samples, some, shifts, grey=grey, candidates=2) for some in (images, images[order]))
    np.testing.assert_array_equal(one.distance, other.distance)
    np.testing.assert_array_equal(one.nearest, order[other.nearest])


@law
@given(SEEDS, st.integers(0, 11), st.tuples(st.integers(0, 6), st.integers(0, 5)), st.booleans())
def test_no_copy_is_missed(seed, n, shift, turned):
    """However far a copy is moved, it is among two candidates of 12, and known to be the nearest."""
    images = images_of(seed, 12, 7, 6)
    copy = np.roll(images[n, :, ::-1] if turned else images[n], shift, (0, 1))
    found = nearest(copy[None], images, "all", mirror=True, grey=True, candidates=2)
    assert (found.nearest[0], found.certain[0]) == (n, True)
    assert found.distance[0] < 1e-7


@law
@given(SEEDS, st.integers(1, 6), st.integers(1, 6), st.sampled_from([1, 3]))
def test_magnitudes_keep_lengths_and_bound_distances(seed, height, width, channels):
    """By Parseval they are as long as the image, no shift changes them, and no shift brings images nearer than they are."""
    x, y = images_of(seed, 2, height, width, channels)
    far = search._magnitudes(np.stack([x, y, np.roll(y, (1, 2), (0, 1))]))
    np.testing.assert_allclose((far**2).sum(axis=(1, 2, 3)), [(x**2).sum(), (y**2).sum(), (y**2).sum()])
    np.testing.assert_allclose(far[1], far[2], atol=1e-12)
    least = min(((x - np.roll(y, shift, (0, 1))) ** 2).sum() for shift in np.ndindex(height, width))
    assert ((far[0] - far[1]) ** 2).sum() <= least + 1e-12


def test_of_more_equal_images_than_candidates_the_first_count():
    """Where five images are the same, two candidates are the first two of them."""
    images = sixteenths(4, (9, 4, 4, 1))
    images[[4, 5, 7, 8]] = images[2]
    found = nearest(images[2:3], images, shifts=1, candidates=2)
    assert (found.neighbours[0].tolist(), found.distance[0], bool(found.certain[0])) == ([2, 4], 0, True)


@pytest.mark.parametrize("threads", [1, 2])
def test_parts_and_threads_change_no_bit(monkeypatch, threads):
    """Samples in groups of 2, training images 3 at a time, on one thread or two: the same bits, and of equal ones the first."""
    images, samples = images_of(3, 11), images_of(4, 5)
    images[7] = images[2]
    samples[0] = images[2]
    options = {"shifts": 1, "mirror": True, "grey": True, "candidates": 3}
    whole = nearest(samples, images, **options)
    monkeypatch.setattr(search, "GROUP", 2)
    monkeypatch.setattr(search, "MOST_IMAGES", 3)
    md.set_threads(threads)
    try:
        parts = list(groups(samples, images, **options))
    finally:
        md.set_threads()
    assert [len(part.distance) for part in parts] == [2, 2, 1]
    for one, other in zip(whole, Nearest.joined(parts), strict=True):
        np.testing.assert_array_equal(one, other)
    assert whole.nearest[0] == 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_distances_of_whole_images_are_differences(dtype):
    """The kernel's squared distances are those of NumPy, 0 for equal images, and the same for a query alone."""
    x, y = images_of(5, 70).astype(dtype), images_of(6, 301).astype(dtype)
    y[7] = x[3]
    found = engine.distances(x, y)
    expected = ((x[:, None].astype(float) - y) ** 2).sum(axis=(2, 3, 4))
    np.testing.assert_allclose(found, expected, rtol=32 * np.finfo(dtype).eps)
    assert found[3, 7] == 0
    np.testing.assert_array_equal(engine.distances(x[3:4], y[:9]), found[3:4, :9])


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"shifts": -1}, ValueError, "shifts"),
        ({"shifts": 1.5}, TypeError, "shifts"),
        ({"shifts": "none"}, ValueError, "'all'"),
        ({"candidates": 1}, ValueError, "candidates"),
        ({"images": np.zeros((2, 3, 4, 1))}, ValueError, "samples: expected images of shape"),
        ({"images": np.zeros((2, 5, 4, 1), int)}, TypeError, "images"),
        ({"samples": np.full((2, 5, 4, 1), np.nan)}, ValueError, "samples"),
    ],
)
def test_bad_arguments_are_told(options, error, words):
    """Before any work, also where groups are asked for one by one."""
    given = {"samples": images_of(0), "images": images_of(1), **options}
    with pytest.raises(error, match=words):
        groups(**given)


# --- what chance allows ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "most", "level"), [(3, 4, 0.2), (2, 5, 0.5), (4, 3, 0.5)])
def test_the_tail_is_that_of_all_orders(count, most, level):
    """Of all orders of B samples and M fresh images the given share flags so many or more, for each number of them."""
    rank = int(level * (most + 1) + 1e-9)
    sets = list(combinations(range(count + most), count))
    below = [sum(place - i < rank for i, place in enumerate(chosen)) for chosen in sets]
    for least in range(count + 1):
        expected = np.mean([number >= least for number in below])
        # A sample set with exactly `least` samples below the rank-th fresh value.
        distance = np.r_[np.zeros(least), np.full(count - least, 9.0)]
        found = beside_fresh(distance, np.arange(1.0, most + 1), level)
        assert (found.flagged.count, found.tail) == (least, pytest.approx(expected))


def test_ties_are_no_evidence():
    """A sample that is as near as all fresh images has p = 1; one nearer than all has 1 / (M + 1)."""
    assert beside_fresh(np.array([0.0]), np.zeros(9), 0.1).p.tolist() == [1.0]
    assert beside_fresh(np.array([-1.0]), np.zeros(9), 0.1).p.tolist() == [0.1]
    for level in (0.0, 0.09, 1.0):
        with pytest.raises(ValueError, match="level"):
            beside_fresh(np.array([0.0]), np.zeros(9), level)


def test_fresh_images_are_not_flagged_more_often_than_the_level_says():
    """60 times: a fresh image, 9 held-out ones and 10 training images of one law. At level 0.1 each trial flags with probability
    0.1 at most, so that their number is at most a binomial of 60 and 0.1: 19 or more have probability 4e-6. Copies are flagged.
    """
    flagged = copied = 0
    for trial in range(60):
        images = images_of(trial, 21, 4, 4)
        distance = nearest(images[10:], images[:10], grey=True).distance
        flagged += beside_fresh(distance[:1], distance[1:10], 0.1).flagged.count
        copied += beside_fresh(np.zeros(1), distance[1:10], 0.1).flagged.count
    assert flagged < 19
    assert copied == 60


def found_at(neighbours, distances):
    """A Nearest with these neighbours (B, K) at these distances; nothing else of it is used."""
    distances = np.array(distances, float)
    return Nearest(distances[:, 0], *[np.zeros(len(distances))] * 7, np.array(neighbours), distances)


def test_the_split_is_one_of_all_splits():
    """p is the share of all splits of 6 images into 2 and 4 that give the training side as many nearest images.

    10,000 splits are drawn, so a share is off by at most 0.005 in the mean, and by 0.03 with probability below 1e-8.
    """
    # Samples 0 and 1 have image 0 of the training set as their nearest, 2 has image 1, and 3 and 4 held-out ones.
    found = found_at([[0, 1], [0, 3], [1, 2], [3, 0], [5, 1]], [[1, 2]] * 5)
    weight = np.array([2, 1, 0, 1, 0, 1])
    shares = np.array([weight[list(chosen)].sum() for chosen in combinations(range(6), 2)])
    found = nearer_to_which(found, (2, 4))
    assert (found.share, found.chance) == (0.6, pytest.approx(1 / 3))
    assert found.p == pytest.approx(np.mean(shares >= 3), abs=0.03)
    tied = nearer_to_which(found_at([[0, 4, 5, 1]], [[1, 1, 1, 2]]), (3, 3))
    assert tied.share == pytest.approx(1 / 3)


def test_smooth_samples_mislead_one_test_and_not_the_other():
    """Means of many fresh images are nearer to the training set than fresh images are, but not nearer than to held-out images."""
    every = np.random.default_rng(7).uniform(-1, 1, (140, 6, 6, 1))
    images, held_out = every[:40], every[40:80]
    smooth = every[80:].reshape(12, 5, 6, 6, 1).mean(axis=1)
    near, fresh = nearest(smooth, images), nearest(held_out, images)
    assert beside_fresh(near.distance, fresh.distance, 0.1).tail < 0.01
    assert nearer_to_which(nearest(smooth, np.concatenate([images, held_out])), (40, 40)).p > 0.05
