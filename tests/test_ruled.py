"""The sets with a rule keep it, and their judges tell clean, broken, blurred and blank images apart."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import SEEDS

from minidiff import datasets
from minidiff.datasets.ruled import limb_thickness, motifs
from minidiff.measures import judges

law = settings(deadline=None, max_examples=25)
PLACES = st.sampled_from(["fixed", "free"])


def blurred(images):
    """Each axis convolved with (1, 2, 1) / 4 on the torus."""
    for axis in (1, 2):
        images = (np.roll(images, 1, axis) + 2 * images + np.roll(images, -1, axis)) / 4
    return images


# --- the sets --------------------------------------------------------------------------------------------------------


@law
@given(SEEDS, PLACES, st.integers(1, 4), st.integers(1, 5), st.integers(0, 4), st.integers(16, 20))
def test_patterns_keep_their_rule(seed, places, shapes, colours, spacing, size):
    """Every pixel is black or of the image's one colour, and shapes are at least `spacing` apart.

    Free shapes are so across the border too; fixed ones are not, as they lie in the corners.
    """
    images, labels = datasets.colour_patterns(
        6, size=size, colours=colours, shapes=shapes, shape_size=4, spacing=spacing, places=places, rng=seed
    )
    assert images.shape == (6, size, size, 3) and images.dtype == np.float32 and labels.dtype == np.int64
    palette = datasets.palette(colours)
    for image, label in zip(images, labels, strict=True):
        black = (image == -1).all(axis=2)
        assert (black | (image == palette[label]).all(axis=2)).all()
        assert not black.all()
        # Within a window of spacing + 1, pixels of one shape only: all of them fit in a 4 x 4 square of the torus.
        rows, columns = np.nonzero(~black)
        for i, j in zip(rows, columns, strict=True):
            down, across = rows - i, columns - j
            if places == "free":
                down, across = ((axis + size // 2) % size - size // 2 for axis in (down, across))
            near = np.maximum(abs(down), abs(across)) <= spacing
            assert np.ptp(down[near]) < 4 + (spacing == 0) * size and np.ptp(across[near]) < 4 + (spacing == 0) * size


@pytest.mark.parametrize(("size", "window", "shape"), [(12, 9, 4), (16, 13, 5)])
def test_a_window_on_a_shape_holds_that_shape_and_no_other(size, window, shape):
    """By default, a window of 9 (13 at size 16) on any pixel of a shape holds all of its square, and no other shape."""
    images, _ = datasets.colour_patterns(20, size=size)
    reach = window // 2
    for image in images:
        ink = (image > -1).any(axis=2)
        for i, j in zip(*np.nonzero(ink), strict=True):
            square = tuple(slice(0, shape) if at < shape else slice(size - shape, size) for at in (i, j))
            near = tuple(slice(max(0, at - reach), at + reach + 1) for at in (i, j))
            assert ink[near].sum() == ink[square].sum()


def test_shapes_and_colours_are_drawn_independently():
    """Of 3,000 images: each colour, and each motif at each place, as often as any other, within five standard deviations."""
    images, labels = datasets.colour_patterns(3000)
    assert (abs(np.bincount(labels) - 1000) < 5 * np.sqrt(3000 * 2 / 9)).all()
    drawn = motifs(5)
    assert len({motif.tobytes() for motif in drawn}) == len(drawn) == 8
    ink = (images > -1).any(axis=3)
    kinds = np.empty((3000, 4), int)
    for place, (top, left) in enumerate([(0, 0), (0, 11), (11, 0), (11, 11)]):
        cell = ink[:, top : top + 5, left : left + 5]
        kinds[:, place] = (cell[:, None] == drawn).all(axis=(2, 3)).argmax(axis=1)
        assert (abs(np.bincount(kinds[:, place]) - 375) < 5 * np.sqrt(3000 * 7 / 64)).all()
        pairs = np.bincount(3 * kinds[:, place] + labels, minlength=24)
        assert (abs(pairs - 125) < 5 * np.sqrt(3000 * 23 / 576)).all()
    pairs = np.bincount(8 * kinds[:, 0] + kinds[:, 3], minlength=64)
    assert (abs(pairs - 3000 / 64) < 5 * np.sqrt(3000 / 64)).all()


@law
@given(SEEDS, st.integers(1, 6), st.integers(12, 24), st.sampled_from(judges.BOUNDARIES))
def test_creatures_have_the_number_of_limbs_they_are_labelled_with(seed, limbs, size, boundary):
    """One body, and as many limbs as said, counted on the plain image and on the torus; no figure leaves the image."""
    images, labels = datasets.creatures(10, size=size, limbs=[limbs, 4], rng=seed)
    assert set(np.unique(images)) <= {-1, 1} and set(labels) <= {limbs, 4}
    verdict = judges.limb_count(images, limbs=[limbs, 4], boundary=boundary)
    assert verdict.consistent.all() and (verdict.limbs == labels).all() and (verdict.bodies == 1).all()
    white = images[..., 0] > 0
    assert not (white[:, 0] & white[:, -1]).any() and not (white[:, :, 0] & white[:, :, -1]).any()


@pytest.mark.parametrize("make", [datasets.colour_patterns, datasets.creatures])
def test_a_seed_gives_the_same_images_and_a_larger_set_begins_with_a_smaller(make):
    """The same seed gives the same bits; the first images of a larger set are the smaller set; another seed gives others."""
    for options in ({}, {"places": "free"} if make is datasets.colour_patterns else {"limbs": [2, 5]}):
        few, many, other = make(5, rng=3, **options), make(9, rng=np.random.default_rng(3), **options), make(5, rng=4, **options)
        np.testing.assert_array_equal(few[0], many[0][:5])
        np.testing.assert_array_equal(few[1], many[1][:5])
        assert (few[0] != other[0]).any()


# --- judges ----------------------------------------------------------------------------------------------------------


@law
@given(SEEDS, PLACES, st.integers(1, 5))
def test_one_colour_on_images_of_known_class(seed, places, colours):
    """Clean, dimmed, blurred, noisy and translated images of one colour are consistent, and the colour is named."""
    images, labels = datasets.colour_patterns(12, colours=colours, places=places, rng=seed)
    rng = np.random.default_rng(seed)
    noisy = images + 0.1 * rng.standard_normal(images.shape).astype(np.float32)
    for kind in (images, 0.7 * (images + 1) - 1, blurred(images), noisy, np.roll(images, (3, 5), (1, 2))):
        verdict = judges.one_colour(kind, colours)
        assert verdict.consistent.all() and (verdict.colour == labels).all() and not verdict.blank.any()


@law
@given(SEEDS)
def test_two_colours_are_never_one(seed):
    """An image whose right half comes from one of another colour is broken, blurred or not, wherever it is moved."""
    images, labels = datasets.colour_patterns(40, rng=seed)
    left, right = images[:-1], images[1:]
    broken = np.concatenate([left[:, :, :8], right[:, :, 8:]], axis=2)[labels[:-1] != labels[1:]]
    for kind in (broken, blurred(broken), np.roll(broken, (3, 5), (1, 2))):
        verdict = judges.one_colour(kind)
        assert not verdict.consistent.any() and not verdict.blank.any() and (verdict.share < 0.95).all()


def test_the_share_of_one_colour_is_exact():
    """19 of 20 coloured pixels are 95 %: consistent; 18 of 20 are not."""
    images = np.full((2, 16, 16, 3), -1, np.float32)
    images[:, 0, :16] = images[:, 1, :4] = datasets.palette()[2]
    images[0, 0, 0] = images[1, 0, :2] = datasets.palette()[0]
    verdict = judges.one_colour(images)
    np.testing.assert_allclose(verdict.share, [0.95, 0.9])
    assert verdict.consistent.tolist() == [True, False] and verdict.colour.tolist() == [2, 2]


def test_blank_images_obey_no_rule():
    """Black, nearly black and colourless noise images are blank, never consistent; grey and white ones are no better off."""
    rng = np.random.default_rng(0)
    speck = np.full((16, 16, 3), -1.0)
    speck[0, :5] = datasets.palette()[0]
    black = np.full((16, 16, 3), -1.0)
    verdict = judges.one_colour(np.stack([black, speck, black + 0.1 * rng.standard_normal(black.shape)]))
    assert verdict.blank.all() and not verdict.consistent.any()
    assert np.isnan(verdict.share).all() and (verdict.colour == -1).all()
    limbs = judges.limb_count(np.stack([black, 0.1 * rng.standard_normal(black.shape) - 1])[..., :1])
    assert limbs.blank.all() and not limbs.consistent.any() and (limbs.limbs == 0).all()
    full = judges.limb_count(np.ones((1, 16, 16, 1)))
    assert not full.consistent.any() and full.limbs.tolist() == [0] and full.bodies.tolist() == [1]


@law
@given(SEEDS, st.integers(1, 5))
def test_limbs_are_counted_on_images_of_known_class(seed, limbs):
    """Noisy, dimmed, blurred and moved figures keep their number; one more limb, or one cut off, changes it by one."""
    images, labels = datasets.creatures(8, limbs=limbs, rng=seed)
    rng = np.random.default_rng(seed)
    noisy = images + 0.2 * rng.standard_normal(images.shape).astype(np.float32)
    for kind in (0.5 * images, blurred(images), noisy):
        assert (judges.limb_count(kind, limbs).limbs == labels).all()
    moved = judges.limb_count(np.roll(images, (5, 7), (1, 2)), limbs, boundary="circular")
    assert moved.consistent.all()
    for image in images:
        body = judges._opened(image[..., 0] > 0, limb_thickness(16) + 1, False)
        rest = (image[..., 0] > 0) & ~body
        i, j = np.argwhere(rest)[0]
        part = judges._pieces(rest, False)
        cut = np.where((part == part[i, j])[..., None], -1, image)
        assert judges.limb_count(cut[None], limbs).limbs[0] == limbs - 1
        assert not judges.limb_count(cut[None], limbs).consistent[0]


def test_crumbs_and_loose_pieces_are_no_limbs():
    """A single pixel at a body's edge, and a bar that touches no body, count for nothing; a second body is not consistent."""
    image = np.full((1, 16, 16, 1), -1.0)
    image[0, 6:10, 2:14] = 1
    image[0, 2:6, 4:6] = image[0, 10:13, 11:13] = 1
    assert judges.limb_count(image, 2).consistent[0]
    crumbs = image.copy()
    crumbs[0, 5, 9] = crumbs[0, 14:16, 2:4] = 1
    assert judges.limb_count(crumbs, 2).limbs[0] == 2
    two = image.copy()
    two[0, 0:4, 9:14] = 1
    verdict = judges.limb_count(two, 2)
    assert verdict.bodies[0] == 2 and not verdict.consistent[0]


# --- intervals and novelty -------------------------------------------------------------------------------------------


@given(st.integers(0, 60), st.integers(1, 60), st.floats(0.5, 0.999))
@law
def test_wilson_bounds_solve_their_equation(count, more, confidence):
    """The bounds are the shares p at which |count/of - p| is z standard deviations sqrt(p (1 - p) / of) (Wilson)."""
    from statistics import NormalDist

    of = count + more
    found = judges.wilson(count, of, confidence)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    assert 0 <= found.low <= found.share <= found.high <= 1
    for p in (found.low, found.high):
        np.testing.assert_allclose((found.share - p) ** 2, z * z * p * (1 - p) / of, rtol=0, atol=1e-12)
    mirrored = judges.wilson(more, of, confidence)
    np.testing.assert_allclose([mirrored.low, mirrored.high], [1 - found.high, 1 - found.low], rtol=0, atol=1e-12)


def test_the_report_counts_each_kind():
    """Copies, also translated ones, are not new; broken ones are not consistent; blanks are counted; new ones are."""
    images, labels = datasets.colour_patterns(30)
    known, new = images[:10], images[10:14]
    other = np.flatnonzero(labels != labels[0])[0]
    broken = np.concatenate([images[:1, :, :8], images[other : other + 1, :, 8:]], axis=2)
    blank = np.full((2, 16, 16, 3), -1, np.float32)
    samples = np.concatenate([known[:3], np.roll(known[3:5], (4, 1), (1, 2)), new, broken, blank])
    report = judges.report(judges.one_colour(samples), samples, known)
    assert report.consistent[:2] == (9, 12) and report.blank[:2] == (2, 12) and report.new[:2] == (4, 9)
    nothing = judges.report(judges.one_colour(blank), blank, known)
    assert nothing.new[:2] == (0, 0) and np.isnan(nothing.new.share)


SAMPLES = datasets.colour_patterns(2)[0]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: datasets.colour_patterns(0), ValueError, "count"),
        (lambda: datasets.colour_patterns(colours=6), ValueError, "colours"),
        (lambda: datasets.colour_patterns(shapes=5), ValueError, "shapes: expected at most 4"),
        (lambda: datasets.colour_patterns(shapes=2, spacing=13), ValueError, "shapes: expected at most 0"),
        (lambda: datasets.colour_patterns(shape_size=17), ValueError, "shape_size"),
        (lambda: datasets.colour_patterns(spacing=-1), ValueError, "spacing"),
        (lambda: datasets.colour_patterns(places="grid"), ValueError, "places"),
        (lambda: datasets.creatures(size=5), ValueError, "size"),
        (lambda: datasets.creatures(limbs=7), ValueError, "limbs"),
        (lambda: datasets.creatures(limbs=[]), ValueError, "limbs: expected at least one"),
        (lambda: datasets.creatures(limbs=2.0), TypeError, "limbs"),
        (lambda: judges.one_colour(SAMPLES[..., :1]), ValueError, "samples: expected 3 channels"),
        (lambda: judges.one_colour(SAMPLES, agreement=0.2), ValueError, "agreement"),
        (lambda: judges.one_colour(SAMPLES, np.full((2, 3), -1.0)), ValueError, "none of them black"),
        (lambda: judges.limb_count(SAMPLES), ValueError, "samples: expected 1 channel"),
        (lambda: judges.limb_count(SAMPLES[..., :1], boundary="mirror"), ValueError, "boundary"),
        (lambda: judges.wilson(3, 2), ValueError, "count"),
        (
            lambda: judges.report(judges.one_colour(SAMPLES), SAMPLES[:1], SAMPLES),
            ValueError,
            "verdict: expected one on 1 samples",
        ),
    ],
)
def test_bad_input_is_named(call, error, words):
    """Bad input raises before any work, in one line that names the argument."""
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value) and "\n" not in str(caught.value)
