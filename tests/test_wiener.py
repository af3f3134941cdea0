"""The linear denoisers: exact at every noise, for any training set, however they are computed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import candidates, window
from planted_machines import best_linear_denoiser
from strategies import SEEDS, TIMES, noised, small_shapes, training_set, windowed_sets

import minidiff as md

COSINE, FLOW = md.schedules.cosine(), md.schedules.flow()
EPS = np.finfo(np.float64).eps
law = settings(deadline=None, max_examples=40)


def by_singular_values(x, images, a, s):
    """The best linear denoiser of x (B, H, W, C) from a singular value decomposition of the centred images."""
    flat = images.reshape(len(images), -1).astype(np.float64)
    mean = flat.mean(axis=0)
    _, scale, directions = np.linalg.svd(flat - mean, full_matrices=False)
    kept = scale > 1e-13 * np.linalg.norm(flat)
    power, directions = scale[kept] ** 2 / len(flat), directions[kept]
    gain = a * power / (a * a * power + s * s)
    return (mean + (gain * ((x.reshape(len(x), -1) - a * mean) @ directions.T)) @ directions).reshape(x.shape)


def hadamard(size):
    """Orthogonal rows of 1 and -1, the first all 1; size is a power of 2."""
    found = np.ones((1, 1))
    while len(found) < size:
        found = np.block([[found, found], [found, -found]])
    return found


# --- Wiener ----------------------------------------------------------------------------------------------------------


@law
@given(small_shapes(most=6), SEEDS, st.sampled_from([0.0, 1e-9, 1e-3, 0.5]), st.integers(0, 3))
def test_wiener_is_that_of_the_singular_values(shape, seed, s, copies):
    """With more images than numbers or fewer, with copies among them: the filter of the data's principal directions (LUK)."""
    images = training_set(seed, shape)
    images = np.concatenate([images, images[:copies]])
    x = noised(images, 0.5, FLOW, seed)
    np.testing.assert_allclose(md.Wiener(images, FLOW)(x, s), by_singular_values(x, images, 1 - s, s), rtol=0, atol=1e-10)


@pytest.mark.parametrize("count", [16, 64])
@pytest.mark.parametrize("last", [3, 13, 20, 30])
def test_wiener_hears_a_faint_direction_at_no_noise(count, last):
    """Directions of every size have the gain 1/a at s = 0: also those whose variance is 1e-18 of the largest.

    The images Z_nj = sum over k of G_nk 2^-e_k H_kj, with G and H of 1 and -1 and orthogonal, are exact in float64, so their
    principal directions and standard deviations 2^-e_k sqrt(32) are known. An eigenvalue of Z^T Z by itself is rounded by eps
    of the largest, and the last ones drown. Any method that rounds Z once may turn the last direction by eps 2^last.
    """
    sizes = 2.0 ** -np.array([0, 1, 2, 3, last])
    directions = hadamard(32)[3:8]
    images = ((hadamard(count)[:, 1:6] * sizes) @ directions + 0.5).reshape(count, 4, 8, 1)
    x = np.random.default_rng(0).standard_normal((3, 32))
    for a, s in ((1.0, 0.0), (1 - 1e-6, 1e-6), (0.5, 0.5)):
        power = 32 * sizes**2
        gain = a * power / (a * a * power + s * s)
        expected = 0.5 + (gain * ((x - a * 0.5) @ directions.T)) @ directions / 32
        found = md.Wiener(images, FLOW)(x.reshape(3, 4, 8, 1), s).reshape(3, 32)
        np.testing.assert_allclose(found, expected, rtol=0, atol=100 * EPS * max(2.0**last, 1e6))


@pytest.mark.parametrize("count", [1, 3, 20])
@pytest.mark.parametrize("value", [0.0, 0.1, -0.7, 1e6])
def test_wiener_of_equal_images_is_their_mean(count, value):
    """Where nothing varies the mean is all there is, at s = 0 too, though the mean of N equal images may miss them a little."""
    images = np.full((count, 2, 3, 1), value) * np.linspace(0.3, 1, 6).reshape(2, 3, 1)
    x = np.random.default_rng(1).standard_normal((2, 2, 3, 1))
    for t in (0.0, 0.5):
        found = md.Wiener(images, FLOW)(x, t)
        np.testing.assert_allclose(found, np.broadcast_to(images[:1], x.shape), rtol=1e-14, atol=0)


@law
@given(SEEDS, st.booleans())
def test_wiener_without_noise_projects_on_the_span(seed, many):
    """At s = 0 a training image is its own estimate, and what is at right angles to all of them leaves no trace."""
    rng = np.random.default_rng(seed)
    images = rng.standard_normal((12 if many else 3, 2)) @ rng.standard_normal((2, 8)) + 0.3
    outside = rng.standard_normal(8)
    span = np.linalg.qr((images - images.mean(axis=0)).T)[0][:, :2]
    outside -= span @ (span.T @ outside)
    x = np.stack([images[0], images[0] + outside]).reshape(2, 2, 4, 1)
    found = md.Wiener(images.reshape(-1, 2, 4, 1), FLOW)(x, 0.0)
    np.testing.assert_allclose(found.reshape(2, 8), images[[0, 0]], rtol=0, atol=1e-10)


def test_wiener_answers_in_the_dtype_of_its_question():
    """float32 in, float32 out, computed in float64: the answer of float64, rounded once."""
    images = training_set(0, (5, 3, 4, 2)).astype(np.float32)
    x = noised(images, 0.4, COSINE, 1).astype(np.float32)
    found = md.Wiener(images, COSINE)(x, 0.4)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(
        found, md.Wiener(images.astype(np.float64), COSINE)(x.astype(np.float64), 0.4).astype(np.float32)
    )


# --- the stationary one ----------------------------------------------------------------------------------------------


def orbit(images):
    """Every translation of every image on the torus."""
    return np.concatenate([np.roll(images, shift, (1, 2)) for shift in np.ndindex(images.shape[1:3])])


@law
@given(small_shapes(most=5), SEEDS, st.sampled_from([0.0, 1e-6, 0.1, 0.5, 1.0]), st.booleans())
def test_stationary_wiener_is_wiener_of_all_translations(shape, seed, s, grey):
    """It is the linear denoiser of the training set's orbit, as ES is the ideal one; also where all channels are one grey."""
    images = training_set(seed, shape)
    if grey:
        images = images[..., :1] * np.linspace(0.5, 1, shape[3])
    x = 2 * training_set(seed + 1, (2, *shape[1:]))
    found = md.StationaryWiener(images, FLOW)(x, s)
    np.testing.assert_allclose(found, by_singular_values(x, orbit(images), 1 - s, s), rtol=0, atol=1e-10)


@law
@given(small_shapes(most=5), SEEDS, TIMES)
def test_what_stationary_wiener_misses_is_not_linear_in_any_shift(shape, seed, t):
    """The mean of (x0 - x0_hat)[p] x[p + shift], over images, noise and p, is that of its two means, for every shift and channel.

    Else x0_hat and some of that pixel would be a better linear denoiser of the kind. The machine is affine, and
    x0_hat = m + K (x - a m), so the mean over noise is exact: a S - K (a^2 S + s^2 I), S being the covariance of the training set
    about its mean colour.
    """
    images = training_set(seed, shape)
    a, s = float(COSINE.signal(t)), float(COSINE.noise(t))
    machine, size = md.StationaryWiener(images, COSINE), images[0].size
    mean = images.mean(axis=(0, 1, 2))
    kernel = (machine(a * mean + np.eye(size).reshape(size, *shape[1:]), t) - mean).reshape(size, size).T
    centred = (images - mean).reshape(len(images), size)
    covariance = centred.T @ centred / len(images)
    missed = (a * covariance - kernel @ (a * a * covariance + s * s * np.eye(size))).reshape(*shape[1:], *shape[1:])
    for shift in np.ndindex(shape[1:3]):
        there = np.add.outer(np.arange(shape[1]), shift[0]) % shape[1], np.add.outer(np.arange(shape[2]), shift[1]) % shape[2]
        pairs = [missed[i, j, :, there[0][i], there[1][j], :] for i, j in np.ndindex(shape[1:3])]
        np.testing.assert_allclose(np.mean(pairs, axis=0), 0, rtol=0, atol=1e-12)


@pytest.mark.parametrize("t", [0.0, 0.3, 0.9])
def test_stationary_wiener_of_one_wave_keeps_that_wave(t):
    """Waves of one frequency and amplitude A, at any phases: x keeps its part at that frequency, times a P / (a^2 P + s^2)."""
    height, width, amplitude = 6, 8, 0.7
    angle = 2 * np.pi * np.add.outer(2 * np.arange(height) / height, np.arange(width) / width)
    images = np.stack([amplitude * np.cos(angle + phase) + 0.2 for phase in (0.1, 1.0, 4.0)])[..., None]
    power = amplitude**2 * height * width / 4
    a, s = 1 - t, t
    x = np.random.default_rng(0).standard_normal((height, width, 1))
    waves = np.stack([np.cos(angle), np.sin(angle)]).reshape(2, -1) * np.sqrt(2 / (height * width))
    kept = waves.T @ (waves @ (x - a * 0.2).ravel())
    expected = 0.2 + a * power / (a * a * power + s * s) * kept
    np.testing.assert_allclose(md.StationaryWiener(images, FLOW)(x, t).ravel(), expected, rtol=0, atol=1e-12)


def test_stationary_wiener_moves_with_its_question_and_keeps_classes_apart():
    """The law of shifts holds; a class has its own spectrum; a batch is its images, bit for bit, float32 the rounded answer."""
    images = training_set(3, (6, 5, 4, 2))
    machine = md.StationaryWiener(images, COSINE, labels=[0, 1] * 3)
    md.testing.check_denoiser(machine, images, COSINE, claims=("equivariant",), laws=("answer", "repeatable", "shifts")).require()
    x, t = noised(images, 0.4, COSINE, 1, queries=3), np.array([0.1, 0.4, 0.9])
    found = machine(x, t, label=1)
    np.testing.assert_array_equal(found, [machine(one, time, label=1) for one, time in zip(x, t, strict=True)])
    np.testing.assert_array_equal(found, md.StationaryWiener(images[1::2], COSINE)(x, t))
    single = md.StationaryWiener(images.astype(np.float32), COSINE)(x.astype(np.float32), 0.4)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, machine(x, 0.4), rtol=0, atol=1e-6)


def test_stationary_wiener_takes_in_its_images_some_at_a_time(monkeypatch):
    """How many images are transformed at once changes nothing but rounding."""
    images = training_set(4, (7, 4, 5, 3))
    x = noised(images, 0.5, COSINE, 2)
    whole = md.StationaryWiener(images, COSINE)(x, 0.2)
    monkeypatch.setattr("minidiff.machines.stationary.MOST_NUMBERS", 2 * images[0].size)
    np.testing.assert_allclose(md.StationaryWiener(images, COSINE)(x, 0.2), whole, rtol=0, atol=1e-12)


# --- the local one ---------------------------------------------------------------------------------------------------


@settings(law, max_examples=15)
@given(windowed_sets(), SEEDS, st.sampled_from([0.0, 1e-6, 0.1, 0.5, 1.0]), st.booleans())
def test_local_wiener_is_wiener_of_all_windows_that_may_explain_a_pixel(case, seed, s, anywhere):
    """Pixel by pixel: the linear denoiser of a set of windows, at the centre; of its own place or of all with its padding."""
    images, k, boundary = case
    x = 2 * training_set(seed + 1, (1, *images.shape[1:]))
    expected = np.empty(x.shape)
    for i, j in np.ndindex(x.shape[1:3]):
        shown = [window(images[n], u, v, k, boundary) for n, u, v in candidates(i, j, images, k, boundary, anywhere)]
        seen = window(x[0], i, j, k, boundary).reshape(1, k, k, -1)
        expected[0, i, j] = by_singular_values(seen, np.reshape(shown, (-1, *seen.shape[1:])), 1 - s, s)[0, k // 2, k // 2]
    machine = md.LocalWiener(images, FLOW, window=k, boundary=boundary, anywhere=anywhere)
    np.testing.assert_allclose(machine(x, s), expected, rtol=0, atol=1e-10)


@settings(law, max_examples=15)
@given(windowed_sets(), st.booleans())
def test_what_local_wiener_misses_is_not_linear_in_a_window(case, anywhere):
    """E[(x0 - x0_hat)[p] x[p + o]] = 0 for every place o in p's window, exactly; summed over the pixels that share a filter."""
    images, k, boundary = case
    machine = md.LocalWiener(images, COSINE, window=k, boundary=boundary, anywhere=anywhere)
    assert best_linear_denoiser(machine, images, windows=(k, boundary, anywhere))


@pytest.mark.parametrize("t", [0.0, 0.4, 0.9])
def test_local_wiener_that_sees_all_is_wiener_or_the_stationary_one(t):
    """A window as large as the image: by place Wiener, on the torus and with zeros; anywhere on the torus StationaryWiener."""
    images = training_set(5, (7, 5, 5, 2))
    x = noised(images, 0.5, COSINE, 2)
    for k, boundary, anywhere in ((5, "circular", False), (9, "zeros", False), (9, "zeros", True)):
        found = md.LocalWiener(images, COSINE, window=k, boundary=boundary, anywhere=anywhere)(x, t)
        np.testing.assert_allclose(found, md.Wiener(images, COSINE)(x, t), rtol=0, atol=1e-10)
    found = md.LocalWiener(images, COSINE, window=5, anywhere=True)(x, t)
    np.testing.assert_allclose(found, md.StationaryWiener(images, COSINE)(x, t), rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("boundary", "anywhere", "claims"),
    [("circular", True, ("local", "equivariant")), ("zeros", True, ("local", "boundary"))],
)
def test_local_wiener_keeps_the_laws_of_a_window(boundary, anywhere, claims):
    """A pixel sees its window only, at each time its own; anywhere it moves with its question, as far as padding lets it."""
    images, sides = training_set(3, (6, 5, 6, 2)), [1, 3, 5]
    machine = md.LocalWiener(images, COSINE, window=sides, boundary=boundary, anywhere=anywhere, labels=[0, 1] * 3)
    laws = ("answer", "repeatable", "query by query", "one time per query", "single precision", "window")
    laws += ("shifts",) * ("equivariant" in claims) + ("padding pattern",) * ("boundary" in claims)
    options = {"window": sides, "boundary": boundary, "laws": laws}
    report = md.testing.check_denoiser(machine, images, COSINE, claims, **options).require()
    assert {one.law for one in report.results if one.held} == set(laws)
    x, t = noised(images, 0.4, COSINE, 1, queries=3), np.array([0.1, 0.4, 0.9])
    alone = [
        md.LocalWiener(images[1::2], COSINE, window=k, boundary=boundary, anywhere=anywhere)(one, time)
        for one, time, k in zip(x, t, sides, strict=True)
    ]
    np.testing.assert_array_equal(machine(x, t, label=1), alone)
    assert machine(x.astype(np.float32), 0.4).dtype == np.float32
    with pytest.raises(ValueError, match=r"window: expected an odd number .* got 4"):
        md.LocalWiener(images, COSINE, window=4)
