"""The machines against naive loops, and against the laws that hold for any softmax posterior."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import ideal, local, orbit
from strategies import SEEDS, TIMES, answered_by, float32_tolerance, noised, small_shapes, training_set, windowed_sets

import minidiff as md
from minidiff.engine import shards
from minidiff.engine.translations import ALLOWED, Room, Spectra, distances_by_fft
from minidiff.machines.equivariant import MIRRORS
from minidiff.machines.windows import table_index

COSINE = md.schedules.cosine()
law = settings(deadline=None, max_examples=40)


def every_machine(images, schedule=COSINE, k=3, **options):
    """One of each machine that averages training pixels."""
    return [
        md.IdealScore(images, schedule, **options),
        md.EquivariantScore(images, schedule, **options),
        md.EquivariantScore(images, schedule, reflections="both", **options),
        *(
            machine(images, schedule, window=k, boundary=boundary, **options)
            for machine in (md.LocalScore, md.EquivariantLocalScore)
            for boundary in ("circular", "zeros")
        ),
    ]


def levels(t, schedule=COSINE):
    return float(schedule.signal(t)), float(schedule.noise(t))


# --- against naive loops ---------------------------------------------------------------------------------------------


@law
@given(windowed_sets(), TIMES, SEEDS, st.booleans(), st.booleans())
def test_local_machines_are_their_definition(case, t, seed, anywhere, fast):
    """LS and ELS, both boundaries, any window: x0_hat is the softmax mean over the candidates that the rule allows (KG).

    So say the kernels, and so says theory.py, which serves without JIT.
    """
    images, k, boundary = case
    x = noised(images, t, COSINE, seed, queries=1)[0]
    machine = (md.EquivariantLocalScore if anywhere else md.LocalScore)(images, COSINE, window=k, boundary=boundary)
    expected, nearest, winner = local(x, images, *levels(t), k, boundary, anywhere)
    with answered_by(fast):
        np.testing.assert_allclose(machine(x, t), expected, rtol=0, atol=1e-10 * 2)
        np.testing.assert_array_equal(np.stack(machine.provenance(x, t)[:3], axis=-1), winner)
        single = machine(x.astype(np.float32), t)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, expected, rtol=0, atol=float32_tolerance(nearest, levels(t)[1]))


@law
@given(small_shapes(), TIMES, SEEDS, st.sampled_from(tuple(MIRRORS)), st.booleans())
def test_whole_image_machines_are_their_definition(shape, t, seed, mirrors, fast):
    """IS is the softmax mean over the training set, ES over its orbit under translations and reflections (KG)."""
    images = training_set(seed, shape)
    x = noised(images, t, COSINE, seed, queries=1)[0]
    # The oracle's mirror axes count without the batch axis.
    axes = [tuple(axis - 1 for axis in group) for group in MIRRORS[mirrors]]
    cases = [
        (md.IdealScore(images, COSINE), images),
        (md.EquivariantScore(images, COSINE, reflections=mirrors), orbit(images, axes)),
    ]
    for machine, dictionary in cases:
        expected, nearest = ideal(x, dictionary, *levels(t))
        with answered_by(fast):
            np.testing.assert_allclose(machine(x, t), expected, rtol=0, atol=1e-10 * 2)
            single = machine(x.astype(np.float32), t)
        np.testing.assert_allclose(single, expected, rtol=0, atol=float32_tolerance(nearest, levels(t)[1]))


@pytest.mark.parametrize("s", [1e-3, 1e-2, 0.5])
@pytest.mark.parametrize("boundary", ["circular", "zeros"])
@pytest.mark.parametrize("fast", [True, False])
def test_machines_keep_their_digits_at_every_noise(s, boundary, fast):
    """Down to s = 1e-3, where s^2 = 1e-6 multiplies every error of a distance by 5e5, the definition holds."""
    images = training_set(3, (4, 5, 6, 1))
    schedule = md.schedules.flow()
    x = noised(images, s, schedule, 4, queries=1)[0]
    machine = md.EquivariantLocalScore(images, schedule, window=3, boundary=boundary)
    expected, nearest, _ = local(x, images, 1 - s, s, 3, boundary, True)
    with answered_by(fast):
        np.testing.assert_allclose(machine(x, s), expected, rtol=0, atol=1e-10 * 2)
        single = machine(x.astype(np.float32), s)
    np.testing.assert_allclose(single, expected, rtol=0, atol=float32_tolerance(nearest, s))


@pytest.mark.slow
@pytest.mark.parametrize("channels", [2, 3, 5])
def test_any_number_of_channels_will_do(channels):
    """Kernels are compiled for each number of channels, and everyday tests have one or three: the definition holds for others."""
    images = training_set(0, (40, 5, 6, channels))
    x = noised(images, 0.4, COSINE, 1)
    attention = md.AttentionScore(images, COSINE, window=3, attention="uniform", strength=1.0)
    for machine in (*every_machine(images), attention):
        with answered_by(False):
            expected = machine(x, 0.4)
        np.testing.assert_allclose(machine(x, 0.4), expected, rtol=0, atol=1e-12)


@given(SEEDS, TIMES)
@law
def test_wiener_is_the_best_linear_denoiser(seed, t):
    """Wiener's gain is a S (a^2 S + s^2 I)^-1, solved here directly from the covariance (LUK)."""
    images = training_set(seed, (6, 2, 3, 1))
    a, s = levels(t)
    flat = images.reshape(6, -1)
    mean, covariance = flat.mean(axis=0), np.cov(flat.T, ddof=0)
    x = noised(images, t, COSINE, seed)
    gain = a * covariance @ np.linalg.inv(a * a * covariance + s * s * np.eye(6))
    expected = (mean + (x.reshape(2, -1) - a * mean) @ gain.T).reshape(x.shape)
    np.testing.assert_allclose(md.Wiener(images, COSINE)(x, t), expected, rtol=0, atol=1e-9)


@pytest.mark.compiled
@law
@given(small_shapes(most=9), SEEDS, st.floats(0, 1))
def test_distances_by_fft_are_as_near_as_their_bound(shape, seed, signal):
    """The distances by FFT are those by differences to within the bound, with a margin: so none that matters is missed."""
    images, x = training_set(seed, shape), 2 * training_set(seed + 1, shape)[0]
    spectra = Spectra.of(images)
    room = Room.of(spectra)
    error = distances_by_fft(x, spectra, signal, room)
    distances = room.distances.transpose(0, 2, 1).reshape(-1, shape[1] * shape[2])
    shifts = [(i, j) for i in range(shape[1]) for j in range(shape[2])]
    direct = [[((x - signal * np.roll(y, (-i, -j), (0, 1))) ** 2).sum() for i, j in shifts] for y in images]
    assert np.abs(distances[: len(images)] - direct).max() < error / 2
    assert np.isinf(distances[len(images) :]).all()


@pytest.mark.parametrize("fast", [True, False])
def test_the_equivariant_score_by_fft_and_by_differences_agree(fast, monkeypatch):
    """Where the bound allows it ES is computed by FFT both ways, elsewhere by differences: the same to rounding, winners too."""
    images = training_set(0, (5, 8, 7, 3))
    images[3] = images[1]  # a tie, exact in real arithmetic
    machine = md.EquivariantScore(images, COSINE)
    monkeypatch.setitem(ALLOWED, np.dtype(np.float64), np.inf if fast else 0.0)
    for t in (0.3, 0.9):
        x = noised(images[[1]], t, COSINE, 1, queries=3)
        for query, estimate, image in zip(x, machine(x, t), machine.provenance(x, t).image, strict=True):
            expected, _ = ideal(query, orbit(images), *levels(t))
            np.testing.assert_allclose(estimate, expected, rtol=0, atol=1e-12)
            assert (image != 3).all()


def test_the_equivariant_score_tells_near_copies_apart_far_from_zero():
    """Two images of length 1e5 that differ by 1e-3 both count where that is the noise: an FFT is off by more than their gap."""
    images = 1e4 + training_set(0, (3, 8, 7, 3))
    images[2] = images[0]
    images[2, 0, 0, 0] += 1e-3
    machine, t = md.EquivariantScore(images, COSINE), 1e-3
    x = levels(t)[0] * np.roll(images[2], (3, 2), (0, 1))
    expected, _ = ideal(x, orbit(images), *levels(t))
    np.testing.assert_allclose(machine(x, t) - 1e4, expected - 1e4, rtol=0, atol=1e-9)


# --- laws of every posterior mean ------------------------------------------------------------------------------------


@law
@given(SEEDS, TIMES)
def test_weights_sum_to_one(seed, t):
    """A channel that is 1 in every training image is 1 in every estimate, whatever the weights."""
    images = training_set(seed, (3, 4, 5, 3))
    images[..., 1] = 1
    x = noised(images, t, COSINE, seed)
    for machine in every_machine(images):
        np.testing.assert_allclose(machine(x, t)[..., 1], 1, rtol=0, atol=1e-14)


@law
@given(SEEDS, TIMES)
def test_one_training_image_is_all_that_the_ideal_score_knows(seed, t):
    """With one training image IS and LS return it exactly, whatever they are shown."""
    images = training_set(seed, (1, 4, 5, 3))
    x = 3 * training_set(seed + 1, (2, 4, 5, 3))
    for machine in (md.IdealScore(images, COSINE), md.LocalScore(images, COSINE, window=3)):
        np.testing.assert_array_equal(machine(x, t), np.broadcast_to(images, x.shape))


@law
@given(SEEDS, TIMES)
def test_order_and_repetition_of_the_training_set_do_not_matter(seed, t):
    """Permuting the training set, or holding every image twice, changes no estimate (weights are relative)."""
    images = training_set(seed, (4, 4, 5, 1))
    order = np.random.default_rng(seed).permutation(4)
    x = noised(images, t, COSINE, seed)
    others = zip(every_machine(images[order]), every_machine(np.concatenate([images, images])), strict=True)
    for machine, (permuted, doubled) in zip(every_machine(images), others, strict=True):
        np.testing.assert_allclose(permuted(x, t), machine(x, t), rtol=0, atol=1e-12)
        np.testing.assert_allclose(doubled(x, t), machine(x, t), rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_batches_are_single_images_bit_for_bit(dtype):
    """A query's estimate and provenance do not depend on which other queries came along, nor on their times."""
    images = training_set(0, (5, 5, 4, 3), dtype)
    x = noised(images, 0.4, COSINE, 1, queries=4)
    t = np.array([0.1, 0.4, 0.4, 0.9])
    for machine in every_machine(images):
        batch, source = machine(x, t), machine.provenance(x, t)
        for b in range(4):
            np.testing.assert_array_equal(batch[b], machine(x[b], t[b]))
            for whole, single in zip(source, machine.provenance(x[b], t[b]), strict=True):
                np.testing.assert_array_equal(whole[b], single)


def test_splitting_the_training_set_changes_only_rounding(monkeypatch):
    """Shards of 1, 2 or 3 times a kernel's lanes merge into the same posterior; provenance is the same to the last tie."""
    images = training_set(0, (45, 4, 4, 1))
    images[35] = images[1]  # a tie for the win across shards
    x = noised(images[[1]], 0.1, COSINE, 1)
    for machine in every_machine(images):
        expected, source = machine(x, 0.1), machine.provenance(x, 0.1)
        assert 1 in source.image and 35 not in source.image
        for size in (1, 2, 3):
            monkeypatch.setattr(shards, "bounds", lambda count, cost, lanes, size=size: [*range(0, count, size * lanes), count])
            np.testing.assert_allclose(machine(x, 0.1), expected, rtol=0, atol=1e-13)
            for split, whole in zip(machine.provenance(x, 0.1)[:3], source[:3], strict=True):
                np.testing.assert_array_equal(split, whole)
            monkeypatch.undo()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_thread_counts_change_no_bit(dtype, monkeypatch):
    """One thread or three: the same bits."""
    monkeypatch.setattr(shards, "TASK_COST", 1e3)
    monkeypatch.setattr(shards, "SMALLEST_COST", 1e2)
    images = training_set(0, (9, 5, 5, 1), dtype)
    x = noised(images, 0.3, COSINE, 1, queries=3)
    try:
        for machine in every_machine(images):
            md.set_threads(1)
            serial = machine(x, 0.3)
            md.set_threads(3)
            np.testing.assert_array_equal(machine(x, 0.3), serial)
    finally:
        md.set_threads(None)


# --- limits ----------------------------------------------------------------------------------------------------------


def test_without_noise_the_nearest_candidate_answers():
    """At s = 0 x0_hat is the nearest candidate's value; for a training image that is the image, for every machine."""
    images = training_set(0, (4, 5, 5, 3))
    for machine in every_machine(images):
        np.testing.assert_array_equal(machine(images, 0.0), images)


def test_exact_ties_are_averaged_and_the_lowest_wins():
    """At s = 0 two equally near candidates share the answer, and provenance names the lower one with weight 1/2."""
    images = np.array([3.0, -1.0, 1.0, 1.0, -1.0]).reshape(5, 1, 1, 1)
    x = np.zeros((1, 1, 1))
    machine = md.IdealScore(images, COSINE)
    assert machine(x, 0.0)[0, 0, 0] == 0
    source = machine.provenance(x, 0.0)
    assert (source.image[0, 0], source.weight[0, 0]) == (1, 0.25)


def test_without_signal_the_mean_answers():
    """Flow at t = 1 has a = 0: every candidate is as likely, and x0_hat is their mean."""
    images = training_set(0, (4, 5, 5, 3))
    x = training_set(1, (2, 5, 5, 3))
    ideal_machine, equivariant, _, _, colocated, anywhere, _ = every_machine(images, md.schedules.flow())
    for machine in (ideal_machine, colocated):
        np.testing.assert_allclose(machine(x, 1.0), np.broadcast_to(images.mean(axis=0), x.shape), atol=1e-13)
    for machine in (equivariant, anywhere):
        np.testing.assert_allclose(machine(x, 1.0), np.broadcast_to(images.mean(axis=(0, 1, 2)), x.shape), atol=1e-13)


@law
@given(SEEDS)
def test_much_noise_leaves_the_mean(seed):
    """As s grows the weights become equal: at s = 1e4 the estimate is within |d| / (2 s^2) of the mean of the candidates."""
    images = training_set(seed, (4, 4, 4, 1))
    schedule = md.schedules.ve(sigma_max=1e4)
    x = training_set(seed + 1, (1, 4, 4, 1))
    spread = ((np.abs(x).max() + 1) ** 2 * 16) / (2 * 1e8) * 4
    mean = np.broadcast_to(images.mean(axis=0), x.shape)
    assert np.abs(md.IdealScore(images, schedule)(x, 1.0) - mean).max() < spread


# --- how the machines relate -----------------------------------------------------------------------------------------


@law
@given(SEEDS, TIMES, st.integers(2, 4), st.integers(2, 5))
def test_a_window_that_sees_everything_is_the_ideal_score(seed, t, height, width):
    """LS with zeros and k >= 2 side - 1 sees the whole image from every pixel: it is IS (KG)."""
    images = training_set(seed, (4, height, width, 3))
    x = noised(images, t, COSINE, seed)
    machine = md.LocalScore(images, COSINE, window=2 * max(height, width) - 1, boundary="zeros")
    np.testing.assert_allclose(machine(x, t), md.IdealScore(images, COSINE)(x, t), rtol=0, atol=1e-11)


@law
@given(SEEDS, TIMES, st.sampled_from([3, 5]))
def test_a_window_as_large_as_the_torus_is_the_equivariant_score(seed, t, side):
    """Circular ELS with k = side (odd) sees the whole torus, and every shift of it: it is ES (KG)."""
    images = training_set(seed, (3, side, side, 1))
    x = noised(images, t, COSINE, seed)
    machine = md.EquivariantLocalScore(images, COSINE, window=side)
    np.testing.assert_allclose(machine(x, t), md.EquivariantScore(images, COSINE)(x, t), rtol=0, atol=1e-11)


@law
@given(SEEDS, TIMES, st.integers(0, 4), st.integers(0, 4))
def test_equivariant_machines_commute_with_every_shift(seed, t, down, across):
    """ES and circular ELS: shifting the query shifts the estimate (KG)."""
    images = training_set(seed, (3, 5, 4, 3))
    x = noised(images, t, COSINE, seed)
    for machine in (md.EquivariantScore(images, COSINE), md.EquivariantLocalScore(images, COSINE, window=3)):
        shifted = machine(np.roll(x, (down, across), (1, 2)), t)
        np.testing.assert_allclose(shifted, np.roll(machine(x, t), (down, across), (1, 2)), rtol=0, atol=1e-12)


def test_other_machines_know_where_they_are():
    """LS and zero-boundary ELS do not commute with shifts: a witness, 0.1 apart."""
    images = training_set(0, (3, 5, 5, 1))
    x = noised(images, 0.3, COSINE, 1)
    for machine in (
        md.LocalScore(images, COSINE, window=3),
        md.EquivariantLocalScore(images, COSINE, window=3, boundary="zeros"),
    ):
        shifted = machine(np.roll(x, 1, 1), 0.3)
        assert np.abs(shifted - np.roll(machine(x, 0.3), 1, 1)).max() > 0.1


@law
@given(windowed_sets(), TIMES, SEEDS, st.booleans(), st.sampled_from([np.float32, np.float64]))
def test_what_a_window_does_not_see_changes_no_bit(case, t, seed, anywhere, dtype):
    """Changing the query anywhere outside a pixel's window changes that pixel's estimate by nothing, bit for bit."""
    images, k, boundary = case
    images = images.astype(dtype)
    rng = np.random.default_rng(seed)
    x = noised(images, t, COSINE, seed, queries=1)[0]
    i, j = rng.integers(x.shape[0]), rng.integers(x.shape[1])
    rows, columns = (np.arange(c - k // 2, c + k // 2 + 1) for c in (i, j))
    if boundary == "circular":
        rows, columns = rows % x.shape[0], columns % x.shape[1]
    seen = np.isin(np.arange(x.shape[0]), rows)[:, None] & np.isin(np.arange(x.shape[1]), columns)
    other = np.where(seen[..., None], x, 10 * rng.standard_normal(x.shape)).astype(dtype)
    machine = (md.EquivariantLocalScore if anywhere else md.LocalScore)(images, COSINE, window=k, boundary=boundary)
    np.testing.assert_array_equal(machine(x, t)[i, j], machine(other, t)[i, j])


@law
@given(SEEDS, st.floats(0.1, 0.9))
def test_the_score_is_the_gradient_of_the_log_density(seed, t):
    """IS: score = grad_x log p_t(x), by central differences in float64 (error h^2 times a third derivative)."""
    images = training_set(seed, (4, 2, 3, 1))
    machine = md.IdealScore(images, COSINE)
    x = noised(images, t, COSINE, seed, queries=1)[0]
    step = 1e-4 * levels(t)[1]
    numeric = np.empty(x.size)
    for i in range(x.size):
        nudge = np.zeros(x.size)
        nudge[i] = step
        nudge = nudge.reshape(x.shape)
        numeric[i] = (machine.log_density(x + nudge, t) - machine.log_density(x - nudge, t)) / (2 * step)
    score = machine.score(x, t).ravel()
    np.testing.assert_allclose(numeric, score, rtol=0, atol=1e-5 * max(1, np.abs(score).max()))


def test_log_density_of_one_image_is_a_gaussian():
    """With one training image p_t is N(a y, s^2 I), normalisation included."""
    images = training_set(0, (1, 2, 3, 1))
    x = training_set(1, (1, 2, 3, 1))[0]
    a, s = levels(0.4)
    expected = -((x - a * images[0]) ** 2).sum() / (2 * s * s) - 3 * np.log(2 * np.pi * s * s)
    np.testing.assert_allclose(md.IdealScore(images, COSINE).log_density(x, 0.4), expected, rtol=1e-13)


def test_log_density_is_a_mixture():
    """With N training images p_t is the mean of N such Gaussians, each of weight 1 / N."""
    images = training_set(0, (3, 2, 3, 1))
    x = training_set(1, (1, 2, 3, 1))[0]
    alone = [md.IdealScore(images[[n]], COSINE).log_density(x, 0.6) for n in range(3)]
    np.testing.assert_allclose(md.IdealScore(images, COSINE).log_density(x, 0.6), np.log(np.exp(alone).mean()), rtol=1e-13)


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("boundary", ["circular", "zeros"])
def test_among_equal_patches_the_lowest_wins(boundary, fast):
    """Two-tone images have each patch many times: provenance names the lowest (n, row, column), as the naive loops do."""
    images = np.sign(training_set(3, (3, 5, 4, 1)))
    machine = md.EquivariantLocalScore(images, COSINE, window=3, boundary=boundary)
    for t in (0.0, 0.4):
        with answered_by(fast):
            source = machine.provenance(images[1], t)
        winner = local(images[1], images, *levels(t), 3, boundary, True)[2]
        np.testing.assert_array_equal(np.stack(source[:3], axis=-1), winner)


# --- labels, provenance, input ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [[2, 0], [-5, 20240131], [2**63, -1], ["ant", "bee"], np.array([255, 254], np.uint8)])
def test_labels_are_any_whole_numbers_or_names(names):
    """Whatever two classes are called, the answers are the same; what cannot be a label is named in one line."""
    images, labels = training_set(1, (6, 3, 3, 1)), [names[i % 2] for i in range(6)]
    x = noised(images, 0.4, COSINE, 2, queries=2)
    plain = md.IdealScore(images, COSINE, labels=np.arange(6) % 2)
    machine = md.IdealScore(images, COSINE, labels=labels)
    for number, name in enumerate(names):
        np.testing.assert_array_equal(machine(x, 0.4, label=name), plain(x, 0.4, label=number))
    np.testing.assert_array_equal(machine(x, 0.4, label=[names[1], names[0]]), plain(x, 0.4, label=[1, 0]))
    for wrong in (True, np.True_, 0.5, 2.0, [1, None], [0.5, 0.5], "dog", 77, 2**80):
        with pytest.raises((TypeError, ValueError), match=r"^label: expected") as caught:
            machine(x, 0.4, label=wrong)
        assert "\n" not in str(caught.value)
    for wrong in ([True, False] * 3, [0.5] * 6, [None] * 6, [1, "ant"] * 3):
        with pytest.raises(TypeError, match=r"^labels: expected"):
            md.IdealScore(images, COSINE, labels=wrong)


def test_a_label_is_a_smaller_training_set():
    """label= gives what a machine made from that class alone gives, and counts provenance in the whole set."""
    images = training_set(0, (6, 4, 4, 1))
    labels = np.array([2, 0, 2, 0, 2, 0])
    x = noised(images, 0.4, COSINE, 1)
    pairs = zip(every_machine(images, labels=labels), every_machine(images[labels == 2]), strict=True)
    for machine, alone in pairs:
        np.testing.assert_array_equal(machine(x, 0.4, label=2), alone(x, 0.4))
        mixed = machine(x, 0.4, label=np.array([0, 2]))
        np.testing.assert_array_equal(mixed[1], alone(x, 0.4)[1])
        source = machine.provenance(x, 0.4, label=2)
        np.testing.assert_array_equal(source.image, np.array([0, 2, 4])[alone.provenance(x, 0.4).image])


def test_provenance_names_the_pixel_that_was_copied():
    """Without noise the estimate is the named pixel of the named training image, at each pixel, for each machine."""
    images = training_set(0, (4, 5, 6, 3))
    x = training_set(1, (2, 5, 6, 3))
    for machine in every_machine(images):
        source = machine.provenance(x, 0.0)
        np.testing.assert_array_equal(images[source.image, source.row, source.column], machine(x, 0.0))
        np.testing.assert_array_equal(source.weight, 1)


def test_window_tables_give_each_step_its_own():
    """A list of L windows over T = L steps from t = 1 uses each once, most noise last; t = 0 takes the first."""
    images = training_set(0, (1, 9, 9, 1))
    table = [1, 3, 5, 7]
    machine = md.EquivariantLocalScore(images, COSINE, window=table)
    assert [machine.window(t) for t in np.linspace(1, 0, 5)] == [7, 5, 3, 1, 1]
    assert [table_index(t, 20) for t in np.linspace(1, 0, 21)[:-1]] == list(range(19, -1, -1))
    called = md.EquivariantLocalScore(images, COSINE, window=lambda t: 3 if t < 0.5 else 9)
    x = noised(images, 0.5, COSINE, 0)
    np.testing.assert_array_equal(called(x, 0.5), md.EquivariantLocalScore(images, COSINE, window=9)(x, 0.5))


GOOD = training_set(0, (3, 4, 4, 1))


@pytest.mark.parametrize(
    ("build", "error", "words"),
    [
        (lambda: md.IdealScore(GOOD[..., 0], COSINE), ValueError, "images: expected shape (N, H, W, C)"),
        (lambda: md.IdealScore(GOOD[:0], COSINE), ValueError, "images: expected a non-empty array"),
        (lambda: md.IdealScore((GOOD * 9).astype(int), COSINE), TypeError, "images: expected float32 or float64"),
        (lambda: md.IdealScore(np.where(GOOD == GOOD[0, 0, 0, 0], np.nan, GOOD), COSINE), ValueError, "1 NaN or inf"),
        (lambda: md.IdealScore(GOOD, "cosine"), TypeError, "schedule: expected a Schedule"),
        (lambda: md.IdealScore(GOOD, COSINE, labels=[1, 2]), ValueError, "labels: expected 3 whole numbers"),
        (lambda: md.LocalScore(GOOD, COSINE, window=2), ValueError, "window: expected an odd number from 1 to 4"),
        (lambda: md.LocalScore(GOOD, COSINE, window=5), ValueError, "window: expected an odd number from 1 to 4"),
        (lambda: md.LocalScore(GOOD, COSINE, window=9, boundary="zeros"), ValueError, "from 1 to 7"),
        (lambda: md.LocalScore(GOOD, COSINE, window=[]), ValueError, "window: expected at least one"),
        (lambda: md.LocalScore(GOOD, COSINE, window=3.0), TypeError, "window: expected a whole number"),
        (lambda: md.LocalScore(GOOD, COSINE, window=3, boundary="mirror"), ValueError, "boundary: expected one of"),
        (lambda: md.LocalScore(GOOD, COSINE, window=lambda t: 4)(GOOD, 0.5), ValueError, "window(t = 0.5)"),
        (lambda: md.EquivariantScore(GOOD, COSINE, reflections="all"), ValueError, "reflections: expected one of"),
        (lambda: md.IdealScore(GOOD, COSINE)(GOOD[:, :3], 0.5), ValueError, "x: expected images of shape (4, 4, 1)"),
        (lambda: md.IdealScore(GOOD, COSINE)(GOOD * np.inf, 0.5), ValueError, "x: expected finite numbers"),
        (lambda: md.IdealScore(GOOD, COSINE)(GOOD, 1.5), ValueError, "t: expected times in [0, 1]"),
        (lambda: md.IdealScore(GOOD, COSINE)(GOOD, [0.1, 0.2]), ValueError, "t: expected a number or one per query, 3"),
        (lambda: md.IdealScore(GOOD, COSINE)(GOOD, 0.5, label=1), ValueError, "label: expected a machine made with"),
        (lambda: md.IdealScore(GOOD, COSINE, labels=[1, 1, 2])(GOOD, 0.5, label=3), ValueError, "one of 1, 2, got 3"),
        (lambda: md.IdealScore(GOOD, COSINE).score(GOOD, 0.0), ValueError, "t: the score does not exist"),
        (lambda: md.IdealScore(GOOD, COSINE).eps(GOOD, 0.0), ValueError, "t: eps does not exist"),
        (lambda: md.IdealScore(GOOD, COSINE).log_density(GOOD, 0.0), ValueError, "t: the density does not exist"),
        (lambda: md.set_threads(0), ValueError, "threads: expected from 1"),
    ],
)
def test_bad_input_is_named(build, error, words):
    """Bad input raises before any work, with the argument, what was expected and what came, in one line."""
    with pytest.raises(error) as caught:
        build()
    assert words in str(caught.value).replace("\n", "|")
    assert "\n" not in str(caught.value)
