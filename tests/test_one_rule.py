"""Further rows of the one rule, and what is combined of machines: each is its formula, and keeps the laws that it claims."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import covariance, ideal, patches, soft
from strategies import SEEDS, TIMES, answered_by, float32_tolerance, noised, small_shapes, training_set, windowed_sets

import minidiff as md
from minidiff import engine
from minidiff.machines import enlarged
from minidiff.testing import check_denoiser, practice_images

COSINE = md.schedules.cosine()
IMAGES = practice_images(count=4, height=4, width=5)
few = settings(deadline=None, max_examples=12)


def levels(t):
    return float(COSINE.signal(t)), float(COSINE.noise(t))


def is_its_rule(make, images, claims, **options):
    """check_denoiser with the rule that the machine itself names."""
    rule = {"rule": lambda some, t: make(images).rule(some, *make(images).settings(t))}
    return check_denoiser(make(images), images, COSINE, claims, make=make, samples=100, **rule, **options)


# --- soft windows ----------------------------------------------------------------------------------------------------


@few
@given(windowed_sets(), TIMES, SEEDS, st.sampled_from([0.5, 2.0]), st.booleans())
def test_a_soft_window_is_its_formula(case, t, seed, sigma, fast):
    """Softmax over (n, u) of -sum_o exp(-|o|^2 / (2 sigma^2)) (x_o - a y_o)^2 / (2 s^2), by loops; the winner is the nearest."""
    images, k, boundary = case
    x = noised(images, t, COSINE, seed, queries=1)[0]
    machine = md.SoftWindowScore(images, COSINE, window=k, boundary=boundary, sigma=sigma)
    expected, nearest, winner = soft(x, images, *levels(t), k, boundary, sigma)
    with answered_by(fast):
        np.testing.assert_allclose(machine(x, t), expected, rtol=0, atol=1e-10)
        single = machine(x.astype(np.float32), t)
        source = machine.provenance(x, t)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, expected, rtol=0, atol=float32_tolerance(nearest, levels(t)[1]))
    np.testing.assert_array_equal(np.stack(source[:3], axis=-1), winner)


def test_a_soft_window_s_sigma_follows_the_time():
    """A list of sigmas is read as a list of windows is; as sigma grows the machine becomes ELS."""
    x = noised(IMAGES, 0.4, COSINE, 1)
    both = md.SoftWindowScore(IMAGES, COSINE, window=3, sigma=[0.5, 1e6])
    np.testing.assert_array_equal(both(x, 0.4), md.SoftWindowScore(IMAGES, COSINE, window=3, sigma=0.5)(x, 0.4))
    np.testing.assert_allclose(both(x, 0.9), md.EquivariantLocalScore(IMAGES, COSINE, window=3)(x, 0.9), rtol=0, atol=1e-9)
    with pytest.raises(ValueError, match=r"sigma: .* got 0"):
        md.SoftWindowScore(IMAGES, COSINE, window=3, sigma=0)


@pytest.mark.parametrize("fast", [pytest.param(True, marks=pytest.mark.compiled), False])
def test_what_weighs_nothing_changes_nothing(fast):
    """exp(-36 / 0.02) is 0: there it is ELS with k = 1, although 5 of 8 lanes hold no image and are infinitely far away."""
    images = training_set(3, (3, 13, 13, 1))
    x = noised(images, 0.3, COSINE, 1)
    with answered_by(fast):
        soft = md.SoftWindowScore(images, COSINE, window=13, sigma=0.1)(x, 0.3)
    np.testing.assert_allclose(soft, md.EquivariantLocalScore(images, COSINE, window=1)(x, 0.3), rtol=0, atol=1e-12)


def test_single_images_together_explain_what_all_of_them_do():
    """Where no pixel hears another, the posteriors over each image by itself merge into that of the set; of soft windows too."""
    x = noised(IMAGES, 0.4, COSINE, 2, queries=2)
    given = x, engine.TrainingSet(IMAGES), *md.schedules.levels(COSINE, np.full(2, 0.4)), engine.soft_windows, (3, "zeros", 0.8)
    alone = [one.posterior("uniform", 0.0).mean() for one in engine.evidence(*given)]
    np.testing.assert_allclose(np.concatenate(alone), engine.posterior(*given).mean(), rtol=0, atol=1e-12)


@pytest.mark.compiled
@pytest.mark.parametrize("boundary", ["circular", "zeros"])
def test_a_soft_window_keeps_the_laws_of_its_rule(boundary):
    """It is the softmax of its rule, a pixel sees its window only, and batches, shards and copies change nothing."""
    claims = ("rule", "local", *(("equivariant",) if boundary == "circular" else ()))
    report = is_its_rule(
        lambda some: md.SoftWindowScore(some, COSINE, window=3, boundary=boundary), IMAGES, claims, window=3, boundary=boundary
    ).require()
    assert {"formula", "window", "no signal", "local consistency"} <= {one.law for one in report.results if one.held}


# --- patches ---------------------------------------------------------------------------------------------------------


@few
@given(windowed_sets(channels=1), TIMES, SEEDS, st.integers(1, 3), st.booleans())
def test_patches_are_laid_down_and_averaged(case, t, seed, sizes, fast):
    """Each patch's posterior mean over the same patch of every image, the mean over all patches that hold a pixel, by loops."""
    images, k, boundary = case
    x = noised(images, t, COSINE, seed, queries=1)[0]
    machine = md.PatchScore(images, COSINE, window=k, sizes=sizes, boundary=boundary)
    expected, nearest = patches(x, images, *levels(t), [side for side in range(k, 0, -2)][:sizes], boundary)
    with answered_by(fast):
        np.testing.assert_allclose(machine(x, t), expected, rtol=0, atol=1e-10)
        single = machine(x.astype(np.float32), t)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, expected, rtol=0, atol=float32_tolerance(nearest, levels(t)[1]))


@pytest.mark.compiled
def test_patches_keep_the_laws_of_a_mean_that_sees_2k_minus_1():
    """Averages of posterior means are such means; a pixel sees the patches that hold it, so 2 k - 1 pixels across, no more."""
    images = practice_images(count=6, height=6, width=5)

    def make(some):
        return md.PatchScore(some, COSINE, window=3, boundary="zeros")

    claims = ("posterior mean", "local")
    check_denoiser(make(images), images, COSINE, claims, window=5, boundary="zeros", make=make).require()
    assert not md.testing.window(make(images), images, COSINE, window=3, boundary="zeros").held


def test_patches_say_which_image_counts_most():
    """Without noise a training image's pixels come from it alone; batches, their times and labels are those of single images."""
    machine = md.PatchScore(IMAGES, COSINE, window=[3, 1], labels=[0, 1] * 2)
    source = machine.provenance(IMAGES, 0.0)
    np.testing.assert_array_equal(source.image, np.broadcast_to(np.arange(4)[:, None, None], source.image.shape))
    np.testing.assert_array_equal((source.row[0], source.column[0]), np.indices((4, 5)))
    np.testing.assert_allclose(source.weight, 1, rtol=0, atol=1e-12)
    x, t = noised(IMAGES, 0.5, COSINE, 2), np.array([0.2, 0.8])
    alone = [md.PatchScore(IMAGES[1::2], COSINE, window=k)(one, time) for one, time, k in zip(x, t, (3, 1), strict=True)]
    np.testing.assert_array_equal(machine(x, t, label=1), alone)


# --- locality from the covariance ------------------------------------------------------------------------------------


@few
@given(small_shapes(least=2, most=4, count=5), TIMES, SEEDS, st.sampled_from([0.0, 0.1, 0.5, 1.0]))
def test_the_data_s_covariance_says_who_sees_whom(shape, t, seed, threshold):
    """Softmax over n of -sum_q M[p, q] (x_q - a y_nq)^2 / (2 s^2), M from the thresholded rows of Wiener's filter, by loops."""
    images = training_set(seed, (shape[0] + 1, *shape[1:]))
    x = noised(images, t, COSINE, seed, queries=1)[0]
    machine = md.CovarianceScore(images, COSINE, threshold=threshold)
    np.testing.assert_allclose(machine(x, t), covariance(x, images, *levels(t), threshold), rtol=0, atol=1e-9)
    assert machine(x.astype(np.float32), t).dtype == np.float32


def test_the_covariance_of_independent_halves_separates_them():
    """Two halves that vary by themselves do not see each other: any left half meets any right half, and the answer is their pair.

    All four pairs of two left and two right halves are the training set, so the two are independent. Half and half is then LS of
    each half. IS, at threshold 0, must choose a whole image.
    """
    halves = practice_images(count=4, height=4, width=3)
    images = np.concatenate([np.concatenate([one, other], axis=1)[None] for one in halves[:2] for other in halves[2:]])
    left, right = (md.IdealScore(some, COSINE) for some in (halves[:2], halves[2:]))
    x = noised(images, 0.5, COSINE, 3)
    expected = np.concatenate([left(x[:, :, :3], 0.5), right(x[:, :, 3:], 0.5)], axis=2)
    np.testing.assert_allclose(md.CovarianceScore(images, COSINE, threshold=1e-9)(x, 0.5), expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(
        md.CovarianceScore(images, COSINE, threshold=0)(x, 0.5), md.IdealScore(images, COSINE)(x, 0.5), rtol=0, atol=1e-12
    )


def test_locality_from_the_covariance_keeps_the_laws_of_its_rule():
    """It is the softmax of its rule, without signal too, and its walks end where the rule says; batches change no bit."""
    report = is_its_rule(lambda some: md.CovarianceScore(some, COSINE, threshold=0.3), IMAGES, "rule").require()
    assert {"formula", "no signal", "local consistency"} <= {one.law for one in report.results if one.held}
    images = training_set(0, (6, 4, 4, 3))
    machine, x = md.CovarianceScore(images, COSINE, labels=[0, 1] * 3), noised(images, 0.4, COSINE, 1)
    source = machine.provenance(images[1::2], 0.0, label=1)
    np.testing.assert_array_equal(source.image, np.broadcast_to(np.array([1, 3, 5])[:, None, None], (3, 4, 4)))
    t = np.array([0.3, 0.7])
    np.testing.assert_array_equal(machine(x, t), [machine(one, time) for one, time in zip(x, t, strict=True)])


# --- smoothed over x -------------------------------------------------------------------------------------------------


@few
@given(small_shapes(most=4), TIMES, SEEDS, st.sampled_from([0.0, 0.3]))
def test_the_smoothed_form_is_the_mean_over_its_draws(shape, t, seed, sigma):
    """x0_hat averaged over x + sigma z_m, z_m being the generator's first M images of noise, by loops over IS's definition."""
    images = training_set(seed, shape)
    x = noised(images, t, COSINE, seed, queries=1)[0]
    machine = md.SmoothedScore(images, COSINE, sigma=sigma, draws=3, rng=7)
    rng = np.random.default_rng(7)
    expected = np.mean([ideal(x + sigma * rng.standard_normal(x.shape), images, *levels(t))[0] for _ in range(3)], axis=0)
    np.testing.assert_allclose(machine(x, t), expected, rtol=0, atol=1e-10)


def test_the_smoothed_form_of_any_machine_keeps_the_laws_of_a_mean():
    """Means of posterior means are such means: here of LS, whose pixels still see 3 x 3 only. Float32 in, float32 out."""

    def make(some):
        return md.SmoothedScore(some, COSINE, machine=md.LocalScore, window=3, sigma=0.3, draws=2)

    laws = ("repeatable", "query by query", "window", "value range", "training images stay", "weights sum to one")
    check_denoiser(make(IMAGES), IMAGES, COSINE, ("posterior mean", "local"), window=3, make=make, laws=laws).require()
    assert make(IMAGES)(IMAGES.astype(np.float32), 0.5).dtype == np.float32


def test_the_smoothed_form_makes_means_of_near_images_where_the_ideal_score_recites():
    """Two images at distance 2 and x at one of them, almost no noise: IS answers with it, smoothing with a share of the other.

    Along the line between them x + sigma z passes the middle with probability P(z > 1 / sigma).
    """
    images = np.array([-1.0, 1.0]).reshape(2, 1, 1, 1)
    machine = md.SmoothedScore(images, COSINE, sigma=1.0, draws=400)
    share = (1 - machine(images[1], 1e-4)[0, 0, 0]) / 2
    assert abs(share - 0.15866) < 4 * np.sqrt(0.16 * 0.84 / 400)
    assert md.IdealScore(images, COSINE)(images[1], 1e-4) == 1


# --- guidance --------------------------------------------------------------------------------------------------------


@few
@given(small_shapes(most=4, count=3), TIMES, SEEDS, st.sampled_from([0.0, 0.5, 1.0, 3.0]))
def test_guidance_is_its_formula(shape, t, seed, weight):
    """x0_hat + w (x0_hat_c - x0_hat), x0_hat_c from the class's images alone, by loops; without a label it is x0_hat."""
    images = training_set(seed, (2 * shape[0], *shape[1:]))
    labels = ["cat", "dog"] * shape[0]
    x = noised(images, t, COSINE, seed, queries=1)[0]
    machine = md.GuidedScore(images, COSINE, labels=labels, weight=weight)
    of_all, of_class = (ideal(x, some, *levels(t))[0] for some in (images, images[1::2]))
    np.testing.assert_allclose(machine(x, t, label="dog"), of_all + weight * (of_class - of_all), rtol=0, atol=1e-9)
    np.testing.assert_allclose(machine(x, t), of_all, rtol=0, atol=1e-10)


def test_guidance_is_no_posterior_mean(monkeypatch):
    """With w > 1 the law 'value range' breaks: an answer leaves the range of all training pixels. With w <= 1 it holds.

    A channel that is 1 stays 1, so the weights sum to one: what breaks is that some are negative. The smallest case is one pixel,
    -1 in one class and 1 in the other.
    """
    monkeypatch.setattr("minidiff.laws.law.MOST_SHRINKS", 0)

    def towards(weight):
        def make(images):
            machine = md.GuidedScore(images, COSINE, labels=np.arange(len(images)) % 2, weight=weight)
            return lambda x, t: machine(x, t, label=0)

        laws = ("value range", "weights sum to one", "query by query")
        return check_denoiser(make(IMAGES), IMAGES, COSINE, "posterior mean", make=make, laws=laws)

    assert [one.law for one in towards(2.0).broken] == ["value range"]
    towards(0.7).require()
    images = np.array([-1.0, 1.0]).reshape(2, 1, 1, 1)
    assert md.GuidedScore(images, COSINE, labels=[0, 1], weight=2.0)(np.zeros((1, 1, 1)), 0.5, label=1) == 2


def test_any_machine_can_be_guided():
    """ELS with a window and labels: each query by its own label and time, as the two machines answer; float32 stays float32."""
    labels, x, t = [0, 1] * 2, noised(IMAGES, 0.5, COSINE, 4).astype(np.float32), np.array([0.3, 0.6])
    machine = md.GuidedScore(IMAGES, COSINE, machine=md.EquivariantLocalScore, window=3, labels=labels, weight=1.5)
    found, els = machine(x, t, label=[1, 0]), md.EquivariantLocalScore(IMAGES, COSINE, window=3, labels=labels)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, els(x, t) * -0.5 + els(x, t, label=[1, 0]) * 1.5, rtol=0, atol=1e-6)


# --- larger sources --------------------------------------------------------------------------------------------------


@few
@given(small_shapes(most=4), SEEDS, st.sampled_from([None, "horizontal", "vertical", "both"]), st.booleans())
def test_a_larger_source_holds_each_mirror_image_at_each_grey_level(shape, seed, reflections, shifted):
    """The views of image n are the images n V to n V + V - 1: mirror image by mirror image, grey level by grey level."""
    images, greys = training_set(seed, shape), (0.0, -0.25) if shifted else (0.0,)
    found = enlarged(images, reflections=reflections, greys=greys)
    mirrors = {None: [[]], "horizontal": [[], [1]], "vertical": [[], [0]], "both": [[], [0], [1], [0, 1]]}[reflections]
    views = [[np.flip(image, axes) + grey for axes in mirrors for grey in greys] for image in images]
    if reflections == "both":
        order = [sorted(one.tobytes() for one in some) for some in (found, np.concatenate(views))]
        assert order[0] == order[1]
    else:
        np.testing.assert_array_equal(found, np.concatenate(views))
    np.testing.assert_array_equal(found.reshape(len(images), -1, *shape[1:])[:, 0], images)


def test_machines_of_a_larger_source_commute_with_its_mirror():
    """The law of data symmetry holds of ELS over it, and the source's views are those of ES with the same reflections."""
    larger = enlarged(IMAGES, reflections="horizontal")
    machine = md.EquivariantLocalScore(larger, COSINE, window=3)
    result = md.testing.data_symmetry(machine, larger, COSINE, claims="ELS", window=3)
    assert result.held
    x = noised(IMAGES, 0.5, COSINE, 5)
    by_option = md.EquivariantScore(IMAGES, COSINE, reflections="horizontal")(x, 0.5)
    np.testing.assert_allclose(md.EquivariantScore(larger, COSINE)(x, 0.5), by_option, rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match="greys: expected at least one"):
        enlarged(IMAGES, greys=())
