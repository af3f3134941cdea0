"""The measures of creativity against naive loops, and against what they must say of copies, mosaics and ties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import candidates, majority_images, mosaic, nearest_copies, window
from strategies import SEEDS, small_shapes, training_set, windowed_sets

import minidiff as md
from minidiff.measures.metrics import (
    Memorisation,
    agreement,
    local_consistency,
    median,
    memorisation,
    patch_distance,
    quartiles,
    rolled,
    typical_distance,
)

COSINE = md.schedules.cosine()
law = settings(deadline=None, max_examples=40)
# FFT and loops may choose different shifts where two are equally near to rounding. Squared distances are means of numbers up to 4
# whose correlations carry a few units of 1e-16 each: they agree to well under 1e-13 whatever the choice.
SQUARED = 1e-13


def shifted(images, shift):
    """A batch moved (down, right) on the torus."""
    return np.roll(images, shift, (1, 2))


def ternary(seed, shape):
    """Images of -1, 0 and 1: their distances are whole numbers, so ties are exact and common."""
    return np.random.default_rng(seed).integers(-1, 2, shape).astype(float)


def local_machine(images, k, boundary, anywhere):
    kind = md.EquivariantLocalScore if anywhere else md.LocalScore
    return kind(images, COSINE, window=k, boundary=boundary)


# --- memorisation ----------------------------------------------------------------------------------------------------


@law
@given(small_shapes(), SEEDS, st.booleans())
def test_memorisation_is_its_definition(shape, seed, translations):
    """Distance, ratio, nearest image and shift are those of a loop over all images and all shifts on the torus."""
    images, samples = training_set(seed, shape), training_set(seed + 1, (2, *shape[1:]))
    found = memorisation(samples, images, translations=translations)
    for b, sample in enumerate(samples):
        squared = np.sort(nearest_copies(sample, images, translations))
        assert found.distance[b] ** 2 == pytest.approx(squared[0], rel=0, abs=SQUARED)
        moved = np.roll(images[found.nearest[b]], found.shift[b], (0, 1))
        assert found.distance[b] ** 2 == pytest.approx(((sample - moved) ** 2).mean(), rel=0, abs=SQUARED)
        if len(images) == 1:
            assert np.isnan(found.ratio[b])
        else:
            assert found.ratio[b] ** 2 * squared[1] == pytest.approx(squared[0], rel=0, abs=2 * SQUARED)
    if not translations:
        assert not found.shift.any()


@pytest.mark.parametrize("most", [1, 20, 50])
def test_memorisation_in_parts_is_memorisation(monkeypatch, most):
    """A training set read one, two or five images at a time gives the same bits; of equally near ones the first counts."""
    images, samples = training_set(0, (7, 3, 3, 1)), training_set(1, (4, 3, 3, 1))
    images[5], samples[0] = images[2], images[2]
    whole = memorisation(samples, images)
    monkeypatch.setattr(md.metrics, "MOST_NUMBERS", most)
    for one, other in zip(whole, memorisation(samples, images), strict=True):
        np.testing.assert_array_equal(one, other)
    assert whole.nearest[0] == 2


@law
@given(small_shapes(), SEEDS, st.tuples(st.integers(0, 4), st.integers(0, 4)))
def test_shifting_the_samples_changes_no_distance(shape, seed, shift):
    """Nearness over all translations is a property of the sample up to translation."""
    images, samples = training_set(seed, shape), training_set(seed + 1, (2, *shape[1:]))
    here, there = memorisation(samples, images), memorisation(shifted(samples, shift), images)
    np.testing.assert_allclose(there.distance**2, here.distance**2, rtol=0, atol=SQUARED)
    np.testing.assert_allclose(there.ratio**2, here.ratio**2, rtol=0, atol=1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_translated_copy_is_no_novelty(dtype):
    """A training image moved on the torus is at distance exactly 0, its shift is named, and only in-place comparison errs."""
    images = training_set(0, (5, 6, 7, 3), dtype)
    copies = np.stack([np.roll(images[3], (2, 5), (0, 1)), images[1], np.roll(images[4], -1, 1)])
    found = memorisation(copies, images)
    np.testing.assert_array_equal(found.distance, 0)
    np.testing.assert_array_equal(found.ratio, 0)
    assert found.nearest.tolist() == [3, 1, 4]
    assert found.shift.tolist() == [[2, 5], [0, 0], [0, 6]]
    np.testing.assert_array_equal(rolled(images[found.nearest], found.shift), copies)
    in_place = memorisation(copies, images, translations=False)
    assert in_place.distance[1] == 0
    assert (in_place.distance[[0, 2]] > 0.3).all()


def test_ratio_is_nearest_over_second_nearest():
    """Grey 0 lies 0.2 from one training image and 0.8 from the next: ratio 1/4; nan where there is no second, or both are 0."""
    greys = np.array([-0.8, 0.2, 0.9]).reshape(3, 1, 1, 1) * np.ones((3, 2, 3, 1))
    found = memorisation(np.zeros((1, 2, 3, 1)), greys)
    assert isinstance(found, Memorisation)
    assert (found.distance[0], found.nearest[0]) == (pytest.approx(0.2, rel=1e-15), 1)
    assert found.ratio[0] == pytest.approx(0.25, rel=1e-15)
    assert np.isnan(memorisation(greys[:1], greys[1:2]).ratio[0])
    assert np.isnan(memorisation(greys[:1], greys[[0, 0, 1]]).ratio[0])


@pytest.mark.parametrize("translations", [True, False])
def test_typical_distance_is_the_median_over_pairs(translations):
    """The median distance over all pairs of different training images, of the first `most`, measured as for samples."""
    images = training_set(0, (9, 3, 4, 3))
    for count in (2, 5, 9):
        pairs = [nearest_copies(images[n], images[n + 1 : count], translations) for n in range(count - 1)]
        expected = np.median(np.sqrt(np.concatenate(pairs)))
        assert typical_distance(images, translations=translations, most=count) == pytest.approx(expected, rel=1e-12)
    turned = typical_distance(images[::-1], translations=translations)
    assert turned == pytest.approx(typical_distance(images, translations=translations), rel=1e-12)


def test_typical_distance_takes_shifted_copies_for_copies():
    """A set of one image and its shifts is a set of one image, unless compared in place."""
    image = training_set(0, (1, 4, 5, 1))[0]
    copies = np.stack([np.roll(image, shift, (0, 1)) for shift in ((0, 0), (1, 0), (2, 3))])
    assert typical_distance(copies) == 0
    assert typical_distance(copies, translations=False) > 0.3


# --- mosaic ----------------------------------------------------------------------------------------------------------


@law
@given(windowed_sets(), SEEDS, st.booleans(), st.booleans())
def test_mosaic_is_a_flood_fill(case, seed, anywhere, ties):
    """Regions, their number and sizes, the images used and the ties left out are those of a flood fill, wrapping or not."""
    images, k, boundary = case
    x = training_set(seed, (2, *images.shape[1:]))
    if ties:
        images, x = ternary(seed, images.shape), ternary(seed + 1, x.shape)
    pieces = md.metrics.mosaic(local_machine(images, k, boundary, anywhere), x)
    for b in range(2):
        region, image = mosaic(x[b], images, k, boundary, anywhere)
        np.testing.assert_array_equal(pieces.region[b], region)
        np.testing.assert_array_equal(pieces.unique[b], region >= 0)
        assert pieces.regions[b] == region.max() + 1
        assert pieces.images_used[b] == len(np.unique(image[image >= 0]))
        sizes = np.bincount(region[region >= 0])
        assert pieces.largest[b] == pytest.approx(sizes.max() / sizes.sum() if sizes.size else np.nan, nan_ok=True)


@pytest.mark.parametrize("boundary", ["circular", "zeros"])
@pytest.mark.parametrize("anywhere", [True, False])
def test_a_training_image_is_one_region_from_itself(boundary, anywhere):
    """The control: where no patch occurs twice, a training image is one piece of one image, at shift 0."""
    images = training_set(0, (4, 6, 5, 1))
    pieces = md.metrics.mosaic(local_machine(images, 3, boundary, anywhere), images)
    assert pieces.images_used.tolist() == pieces.regions.tolist() == [1] * 4
    assert pieces.largest.tolist() == [1.0] * 4
    assert pieces.unique.all()
    assert not pieces.region.any()


@pytest.mark.parametrize("anywhere", [True, False])
def test_pieces_do_not_depend_on_the_schedule(anywhere):
    """What is closest is a fact about the images: a schedule with noise at 0 cuts, counts ties and finds consistency alike."""
    images, x = ternary(0, (4, 6, 5, 1)), ternary(1, (2, 6, 5, 1))
    noisy, clean = local_machine(images, 3, "zeros", anywhere), local_machine(images, 3, "zeros", anywhere)
    noisy.schedule = md.schedules.ve(sigma_min=0.2)
    for samples in (images, x):
        for one, other in zip(md.metrics.mosaic(noisy, samples), md.metrics.mosaic(clean, samples), strict=True):
            np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(local_consistency(noisy, samples), local_consistency(clean, samples))
    digits = md.datasets.digits(size=8)[0][:60]
    pieces = md.metrics.mosaic(md.LocalScore(digits, md.schedules.ve(sigma_min=0.2), window=5), digits[:2])
    assert (pieces.regions == 1).all() and pieces.unique.mean() > 0.9
    assert noisy.schedule.name == "ve"


@pytest.mark.parametrize("t", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_copies_of_an_image_tie_at_every_time(t, dtype):
    """Copies are at the same distance to the last digit, so the winner is the first of them, at every noise."""
    images = training_set(0, (4, 6, 5, 3), dtype)
    twice, x = np.concatenate([images, images]), training_set(1, (2, 6, 5, 3), dtype)
    machines = [local_machine(twice, 3, boundary, anywhere) for boundary in ("circular", "zeros") for anywhere in (True, False)]
    for machine in (*machines, md.IdealScore(twice, COSINE), md.EquivariantScore(twice, COSINE)):
        assert (machine.provenance(x, t).image < 4).all()


def test_shifted_copies_are_one_region_on_the_torus_only():
    """On the torus a shifted training image is still one piece; zero padding sees the seam."""
    images = training_set(0, (3, 6, 6, 1))
    for shift in ((2, 1), (0, 5), (3, 3)):
        x = shifted(images, shift)
        torus = md.metrics.mosaic(local_machine(images, 3, "circular", True), x)
        assert torus.regions.tolist() == [1] * 3
        padded = md.metrics.mosaic(local_machine(images, 3, "zeros", True), x)
        assert (padded.regions > 1).all()


def test_regions_wrap_on_the_torus_only():
    """Left and right columns of one image, with another's in between: two regions on the torus, three with zero padding."""
    ramp = np.linspace(-1, 1, 20).reshape(2, 2, 5, 1)
    x = ramp[:1].copy()
    x[:, :, 2] = ramp[1, :, 2]
    for boundary, regions in (("circular", [0, 0, 1, 0, 0]), ("zeros", [0, 0, 1, 2, 2])):
        pieces = md.metrics.mosaic(local_machine(ramp, 1, boundary, False), x)
        assert pieces.region[0].tolist() == [regions] * 2
        assert pieces.images_used.tolist() == [2]


def test_exact_ties_are_left_out():
    """Pixels that two training images share tell nothing; an image of nothing else has no piece, and largest is nan."""
    images = np.array([[-1.0, 0.0, 0.5], [-1.0, 0.2, 0.7]]).reshape(2, 1, 3, 1)
    x = np.array([[-1.0, 0.0, 0.7], [-1.0, 0.1, 0.6]]).reshape(2, 1, 3, 1)
    # 0.1 lies halfway between 0 and 0.2 in doubles too; 0.6 - 0.5 and 0.7 - 0.6 differ in the last digit.
    x[1, 0, 2, 0] = -1.0
    images[:, 0, 2, 0] = [0.5, 0.75]
    x[0, 0, 2, 0] = 0.75
    pieces = md.metrics.mosaic(local_machine(images, 1, "zeros", False), x)
    assert pieces.region[:, 0].tolist() == [[-1, 0, 1], [-1, -1, 0]]
    assert pieces.images_used.tolist() == [2, 1]
    assert pieces.largest.tolist() == [0.5, 1.0]
    nothing = md.metrics.mosaic(local_machine(images[[0, 0]], 1, "zeros", False), x)
    assert (nothing.images_used.tolist(), nothing.regions.tolist()) == ([0, 0], [0, 0])
    assert np.isnan(nothing.largest).all()


@law
@given(windowed_sets(), SEEDS, st.booleans(), st.booleans())
def test_regions_do_not_depend_on_the_order_of_the_training_set(case, seed, anywhere, ties):
    """Numbering the training images otherwise cuts a sample into the same regions, ties or not."""
    images, k, boundary = case
    x = training_set(seed, (2, *images.shape[1:]))
    if ties:
        images, x = ternary(seed, images.shape), ternary(seed + 1, x.shape)
    order = np.random.default_rng(seed).permutation(len(images))
    cuts = [md.metrics.mosaic(local_machine(some, k, boundary, anywhere), x) for some in (images, images[order])]
    for one, other in zip(*cuts, strict=True):
        np.testing.assert_array_equal(one, other)


@law
@given(SEEDS, st.integers(0, 4), st.integers(0, 3))
def test_pieces_move_with_the_sample_on_a_torus(seed, down, across):
    """Shifting a sample shifts its pieces: the same numbers, and the same pixels are ties."""
    images, x = training_set(seed, (3, 5, 4, 1)), ternary(seed, (2, 5, 4, 1))
    machine = local_machine(images, 3, "circular", True)
    here, there = md.metrics.mosaic(machine, x), md.metrics.mosaic(machine, shifted(x, (down, across)))
    np.testing.assert_array_equal(there.unique, shifted(here.unique, (down, across)))
    for name in ("images_used", "regions", "largest"):
        np.testing.assert_array_equal(getattr(there, name), getattr(here, name))


def test_whole_image_machines_make_no_mosaics():
    """Seen whole, any sample comes from one training image: IS and ES cut it into one piece."""
    images, x = training_set(0, (4, 5, 6, 1)), training_set(1, (3, 5, 6, 1))
    for machine in (md.IdealScore(images, COSINE), md.EquivariantScore(images, COSINE)):
        pieces = md.metrics.mosaic(machine, x)
        assert pieces.images_used.tolist() == pieces.regions.tolist() == [1] * 3


# --- local consistency -----------------------------------------------------------------------------------------------


def test_local_consistency_of_two_tones_is_the_majority_rule():
    """On the 3 x 3 torus every window is the whole image: the share is that of the commoner colour, in all 512 images."""
    machine = md.EquivariantLocalScore(md.datasets.two_tone(size=3)[0], COSINE, window=3)
    images = (np.arange(512)[:, None] >> np.arange(9) & 1).reshape(-1, 3, 3, 1) * 2.0 - 1
    white = (images == 1).mean(axis=(1, 2, 3))
    share = local_consistency(machine, images)
    np.testing.assert_allclose(share, np.maximum(white, 1 - white), rtol=1e-15)
    assert (share == 1).sum() == len(majority_images(3)) == 2


def test_training_images_are_locally_consistent():
    """The nearest patch to a training image's own is itself, or one with the same centre: share 1, for every machine."""
    for images in (training_set(0, (4, 5, 5, 3)), ternary(0, (4, 5, 5, 3))):
        machines = [local_machine(images, 3, boundary, anywhere) for boundary in ("circular", "zeros") for anywhere in (0, 1)]
        for machine in (*machines, md.IdealScore(images, COSINE), md.EquivariantScore(images, COSINE)):
            assert local_consistency(machine, images, tolerance=0).tolist() == [1.0] * 4


@settings(deadline=None, max_examples=15)
@given(windowed_sets(), SEEDS, st.booleans())
def test_patch_distance_is_the_nearest_candidate_s(case, seed, anywhere):
    """d[p]^2 = min over the candidates of p of |window of x at p - window of y_n at u|^2 / (k^2 C); 0 for a training image."""
    images, k, boundary = case
    machine = local_machine(images, k, boundary, anywhere)
    x = np.random.default_rng(seed).uniform(-1, 1, images.shape[1:])
    expected = np.empty(x.shape[:2])
    for i, j in np.ndindex(*expected.shape):
        mine = window(x, i, j, k, boundary)
        squares = [
            ((mine - window(images[n], u, v, k, boundary)) ** 2).sum()
            for n, u, v in candidates(i, j, images, k, boundary, anywhere)
        ]
        expected[i, j] = np.sqrt(min(squares) / (k * k * x.shape[2]))
    # A sum of P squares in float64, and its root.
    np.testing.assert_allclose(machine.distance(x), expected, rtol=1e-12)
    np.testing.assert_allclose(patch_distance(machine, x[None]), expected.mean(), rtol=1e-12)
    assert (patch_distance(machine, images) == 0).all()


def test_tolerance_is_a_bound_on_every_channel():
    """A pixel counts if all its channels are within the tolerance, the bound included."""
    images = np.zeros((1, 1, 4, 3))
    x = np.zeros((1, 1, 4, 3))
    x[0, 0, 1:, 0] = [0.25, 0.5, 0.0]
    x[0, 0, 3, 1] = -0.5
    machine = md.LocalScore(images, COSINE, window=1)
    shares = [local_consistency(machine, x, tolerance=bound).tolist() for bound in (0, 0.25, 0.5)]
    assert shares == [[0.25], [0.5], [1.0]]


# --- agreement -------------------------------------------------------------------------------------------------------


@law
@given(small_shapes(), SEEDS, st.floats(0.1, 3), st.floats(-1, 1))
def test_agreement_is_its_definition(shape, seed, contrast, brightness):
    """r is Pearson's over all pixels and channels of one sample, also after any change of contrast; R^2 is not r^2."""
    reference, other = training_set(seed, (2, *shape[1:])), training_set(seed + 1, (2, *shape[1:]))
    predicted = contrast * (reference + other) + brightness
    found = agreement(predicted, reference)
    for b in range(2):
        p, q = predicted[b].ravel(), reference[b].ravel()
        if p.size == 1:
            assert np.isnan([found.r[b], found.r_squared[b], found.determination[b]]).all()
            continue
        r = np.corrcoef(p, q)[0, 1]
        # Rounding is relative to the spread; two nearly equal pixels have little of it.
        slack = 1e-13 * (1 + 9 / min(p.std(), q.std()) ** 2)
        assert found.r[b] == pytest.approx(r, rel=0, abs=slack)
        assert found.r_squared[b] == pytest.approx(r * r, rel=0, abs=2 * slack)
        left = ((p - q) ** 2).sum() / ((q - q.mean()) ** 2).sum()
        assert found.determination[b] == pytest.approx(1 - left, rel=slack, abs=slack)


def test_agreement_of_constant_images_is_undefined():
    """Without variance there is no correlation, and without variance of the reference nothing to explain: nan, and no warning."""
    varied, grey = training_set(0, (1, 3, 4, 1)), np.full((1, 3, 4, 1), 0.1)
    assert [float(value[0]) for value in agreement(varied, varied)] == pytest.approx([1, 1, 1], rel=1e-14)
    found = agreement(grey, varied)
    assert np.isnan(found.r[0]) and np.isnan(found.r_squared[0]) and found.determination[0] <= 0
    for dtype in (np.float32, np.float64):
        assert np.isnan([value[0] for value in agreement(varied.astype(dtype), grey.astype(dtype))]).all()


def test_quartiles_count_what_is_undefined():
    """Median and quartiles of the defined values, with the number of the others beside them."""
    values = [4.0, np.nan, 0.0, 2.0, 3.0, 1.0, np.nan]
    assert quartiles(values) == {"median": 2.0, "lower": 1.0, "upper": 3.0, "undefined": 2}
    nothing = quartiles([np.nan])
    assert nothing["undefined"] == 1 and np.isnan([nothing[name] for name in ("median", "lower", "upper")]).all()


def test_the_interval_of_a_median_is_that_of_the_binomial_table():
    """The classical ranks at 95 % (n = 6: 1st and 6th; 10: 2nd and 9th; 30: 10th and 21st; 100: 40th and 61st), and none below 6.

    In any order; what is not finite is counted, not ranked; a thousand and more values have one too.
    """
    rng = np.random.default_rng(0)
    for count, low in {6: 1, 10: 2, 30: 10, 100: 40}.items():
        values = np.append(rng.permutation(np.arange(1.0, count + 1)), [np.nan, np.inf])
        expected = {"median": (count + 1) / 2, "low": low, "high": count + 1 - low, "undefined": 2}
        assert median(values) == expected
    for few in range(6):
        assert np.isnan([median(np.ones(few))[end] for end in ("low", "high")]).all()
    assert median([3.0])["median"] == 3.0
    # 1,500 values: 750 less two standard deviations of sqrt(1,500) / 2, to a rank.
    assert abs(median(np.arange(1.0, 1501.0))["low"] - (750.5 - 1.96 * 1500**0.5 / 2)) < 1


def test_the_interval_covers_the_median_as_often_as_it_says():
    """Of 2,000 sets of 20 values the interval misses the true median in 4.1 % (ranks 6 and 15), whatever the distribution."""
    values = np.random.default_rng(1).exponential(size=(2000, 20))
    told = [median(row) for row in values]
    missed = np.mean([not row["low"] <= np.log(2) <= row["high"] for row in told])
    assert abs(missed - 0.0414) < 4 * (0.0414 * 0.9586 / 2000) ** 0.5


# --- input -----------------------------------------------------------------------------------------------------------

GOOD = training_set(0, (3, 4, 4, 1))
MACHINE = md.LocalScore(GOOD, COSINE, window=3)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: memorisation(GOOD[0], GOOD), ValueError, "samples: expected shape (N, H, W, C)"),
        (lambda: memorisation(GOOD, GOOD[0]), ValueError, "images: expected shape (N, H, W, C)"),
        (lambda: memorisation(GOOD[:, :3], GOOD), ValueError, "samples: expected images of shape (4, 4, 1)"),
        (lambda: memorisation(GOOD * np.nan, GOOD), ValueError, "samples: expected finite numbers"),
        (lambda: memorisation(GOOD, GOOD / 0), ValueError, "images: expected finite numbers"),
        (lambda: memorisation(GOOD.astype(int), GOOD), TypeError, "samples: expected float32 or float64"),
        (lambda: memorisation(GOOD[:0], GOOD), ValueError, "samples: expected a non-empty array"),
        (lambda: typical_distance(GOOD[:1]), ValueError, "images: expected at least two"),
        (lambda: typical_distance(GOOD[0]), ValueError, "images: expected shape (N, H, W, C)"),
        (lambda: md.metrics.mosaic(MACHINE, GOOD[0]), ValueError, "x: expected shape"),
        (lambda: md.metrics.mosaic(MACHINE, GOOD[:, :3]), ValueError, "x: expected images of shape (4, 4, 1)"),
        (lambda: md.metrics.mosaic(MACHINE, GOOD * np.inf), ValueError, "x: expected finite numbers"),
        (lambda: agreement(GOOD, GOOD[:2]), ValueError, "predicted: expected the reference's shape (2, 4, 4, 1)"),
        (lambda: agreement(GOOD, GOOD * np.nan), ValueError, "reference: expected finite numbers"),
        (lambda: local_consistency(MACHINE, GOOD[0]), ValueError, "x: expected shape"),
        (lambda: local_consistency(MACHINE, GOOD, tolerance=-1), ValueError, "tolerance: expected a finite number"),
        (lambda: local_consistency(MACHINE, GOOD, tolerance="a"), TypeError, "tolerance: expected a number"),
        (
            lambda: patch_distance(md.IdealScore(GOOD, md.schedules.flow()), GOOD),
            TypeError,
            "machine: expected a machine that sees",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:(divide by zero|invalid value):RuntimeWarning")
def test_bad_input_is_named(call, error, words):
    """Bad input raises with the argument, what was expected and what came, in one line."""
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
