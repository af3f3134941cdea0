"""One test per claim of the theory: what the ideal denoiser recites, what a window makes of it, and what it can never make.

Six mistakes of published implementations, and the tests that would catch each:

1. posterior means averaged per mini-batch: test_machines, splitting the training set, order and repetition, a label is a
   smaller training set;
2. one maximum for a whole batch of queries: test_machines, batches are single images bit for bit;
3. |x|^2 - 2xy + |y|^2 in float32: here, images that hardly differ; test_machines, digits at low noise;
4. scale tables off by one, or a loop that starts a step late: here, the largest window comes first; test_machines, window
   tables;
5. circular queries against training windows that are not wrapped: here, shifting the training set; test_machines, naive loops;
6. a translated copy that passes as new: test_metrics, a translated copy is no novelty.
"""

import numpy as np
import pytest
from marks import also_slow
from oracles import ideal, local, majority_images, majority_numbers
from strategies import noised, training_set

import minidiff as md
from minidiff.measures.metrics import local_consistency, memorisation, mosaic, typical_distance

COSINE = md.schedules.cosine()
RANGE = 2
# From 9 pixels at high noise to 3 at low noise, each for a quarter of the steps.
FALLING = (3, 3, 5, 5, 7, 7, 9, 9)
# Steps that shrink with the noise, down to s = 0.0016. A uniform grid of 20 steps asks its last question at s = 0.078 and then
# jumps: at side 4 about 5 samples of 1,000 end in an image in which some pixel disagrees with its window.
FINE_LATE = np.append(np.geomspace(1, 1e-3, 40), 0)


def walk_back(machine, count, **options):
    """The last images of a walk from `count` noises of seed 0."""
    *_, last = md.process.ddim(machine, COSINE, shape=(count, *machine.images.shape[1:]), rng=0, **options)
    return last.x


# --- the ideal denoiser recites --------------------------------------------------------------------------------------


@pytest.mark.compiled
@pytest.mark.parametrize("size", [8, pytest.param(16, marks=pytest.mark.slow)])
def test_the_ideal_score_recites_the_training_set(size):
    """Each of 100 samples of 20 DDIM steps is one of the 1,797 digits, to a hundredth of the range in its worst pixel (KG)."""
    images, _ = md.datasets.digits(size=size)
    x = walk_back(md.IdealScore(images, COSINE), 100)
    found = memorisation(x, images, translations=False)
    assert np.abs(x - images[found.nearest]).max() < 1e-2 * RANGE
    # Not always the same one: the noise decides which.
    assert len(np.unique(found.nearest)) > 50


def test_what_is_recited_is_drawn_fairly():
    """Of two images that mirror each other, each is recited from exactly those noises whose mirror images recite the other."""
    black = np.full((1, 4, 4, 1), -1.0)
    machine = md.IdealScore(np.concatenate([black, -black]), COSINE)
    noise = md.process.unit_noise((50, 4, 4, 1), 0, np.float64)
    ends = [[*md.process.ddim(machine, COSINE, noise=sign * noise)][-1].x for sign in (1, -1)]
    np.testing.assert_array_equal(np.abs(ends[0]), 1)
    np.testing.assert_array_equal(ends[0], -ends[1])
    # 25 white ones of 50 are expected, with a standard deviation of 3.5.
    assert 10 <= (ends[0][:, 0, 0, 0] > 0).sum() <= 40


@pytest.mark.compiled
def test_the_equivariant_score_recites_up_to_a_shift():
    """Each sample of ES is a training image moved on the torus (KG): distance 0 over translations, not in place."""
    images = md.datasets.digits()[0][:30]
    x = walk_back(md.EquivariantScore(images, COSINE), 10)
    assert memorisation(x, images).distance.max() < 1e-2 * RANGE
    assert memorisation(x, images, translations=False).distance.max() > 0.2


# --- a window makes mosaics ------------------------------------------------------------------------------------------


@pytest.mark.compiled
@pytest.mark.parametrize(("samples", "count"), [(4, 100), pytest.param(20, 600, marks=pytest.mark.slow)], ids=["few", "full"])
def test_local_samples_are_mosaics_and_no_copies(samples, count):
    """ELS on digits: no sample is near a training image, over all translations; each is pieced together from several.

    Near means half of the median distance between two training images, taken over all translations too. Pieces are read at the
    last step, exact ties left out. The control: training images themselves come from one image each.
    """
    images = md.datasets.digits(size=16)[0][:count]
    machine = md.EquivariantLocalScore(images, COSINE, window=FALLING, boundary="zeros")
    x = walk_back(machine, samples)
    assert (memorisation(x, images).distance > typical_distance(images, most=count) / 2).all()
    pieces, control = mosaic(machine, x), mosaic(machine, images[:samples])
    assert (pieces.images_used >= 2).all()
    assert (pieces.unique.mean(axis=(1, 2)) > 0.5).all()
    assert (control.images_used == 1).all()
    assert (pieces.regions > control.regions).all()


def test_padding_tells_a_pixel_where_it_is():
    """Without signal, zero-padded ELS answers with the mean over all that has the same padding pattern, and over no more.

    An inner pixel's answer is the mean of all inner pixels, a border pixel's that of its side, a corner's that of its corner.
    """
    images = training_set(0, (4, 5, 6, 2))
    machine = md.EquivariantLocalScore(images, md.schedules.flow(), window=3, boundary="zeros")
    answer = machine(training_set(1, (1, 5, 6, 2)), 1.0)[0]
    expected = images.mean(axis=0)
    expected[1:-1, 1:-1] = images[:, 1:-1, 1:-1].mean(axis=(0, 1, 2))
    for row in (0, -1):
        expected[row, 1:-1] = images[:, row, 1:-1].mean(axis=(0, 1))
    for column in (0, -1):
        expected[1:-1, column] = images[:, 1:-1, column].mean(axis=(0, 1))
    np.testing.assert_allclose(answer, expected, rtol=0, atol=1e-13)


# --- two tones: every image that a 3 x 3 window can make -------------------------------------------------------------


def two_tone_machine(side):
    return md.EquivariantLocalScore(md.datasets.two_tone(size=side)[0].astype(float), COSINE, window=3)


def pictures(numbers, side):
    """Images of -1 and 1 from numbers, bit 0 being the first pixel."""
    bits = np.asarray(numbers)[:, None] >> np.arange(side * side) & 1
    return bits.reshape(-1, side, side, 1) * 2.0 - 1


def as_bytes(images):
    return {image.astype(np.int8).tobytes() for image in images}


def is_consistent(machine, images):
    return local_consistency(machine, images, tolerance=0) == 1


@pytest.mark.parametrize(("side", "count"), [(3, 2), also_slow(4, 188)])
def test_locally_consistent_two_tone_images_are_counted(side, count):
    """Of all 2^9 and 2^16 images 2 and 188 are locally consistent (KG), and those are the ones that the majority rule allows."""
    every = pictures(np.arange(2 ** (side * side)), side)
    consistent = every[is_consistent(two_tone_machine(side), every)]
    assert len(consistent) == count
    assert as_bytes(consistent) == as_bytes(pictures(majority_numbers(side), side))


def test_counting_with_bits_is_counting():
    """The oracle for large sides agrees with a loop over images and neighbours."""
    assert as_bytes(pictures(majority_numbers(3), 3)) == majority_images(3)


@pytest.mark.slow
def test_locally_consistent_two_tone_images_of_side_five():
    """Of all 2^25 images 2,142 obey the majority rule; the machine says so of each of them, and of 4,000 others."""
    numbers, machine = majority_numbers(5), two_tone_machine(5)
    assert len(numbers) == 2142
    assert is_consistent(machine, pictures(numbers, 5)).all()
    rng = np.random.default_rng(0)
    random = rng.integers(2**25, size=2000)
    # One pixel turned: close to consistent, and now and then consistent again.
    beside = rng.choice(numbers, 2000) ^ 1 << rng.integers(25, size=2000)
    others = np.concatenate([random, beside])
    np.testing.assert_array_equal(is_consistent(machine, pictures(others, 5)), np.isin(others, numbers))


@pytest.mark.parametrize(
    ("side", "samples"),
    [(3, 100), pytest.param(4, 200, marks=pytest.mark.compiled), pytest.param(5, 400, marks=pytest.mark.slow)],
)
def test_every_local_sample_of_two_tones_is_locally_consistent(side, samples):
    """With enough fine late steps every ELS sample is one of the counted images, and on the larger tori most are new."""
    machine = two_tone_machine(side)
    x = walk_back(machine, samples, times=FINE_LATE, dtype=np.float64)
    allowed = pictures(majority_numbers(side), side)
    assert as_bytes(x) <= as_bytes(allowed)
    np.testing.assert_array_equal(np.abs(x), 1)
    new = np.abs(x.mean(axis=(1, 2, 3))) < 1
    assert new.any() == (side > 3)


def test_every_locally_consistent_image_is_where_the_walk_ends():
    """All 188 stay what they are: with a little noise on top of one (s = 0.016), ELS answers with exactly that one.

    The wrong colour is further by at least 4 (1 - 12 s), over 2 s^2, an exponent above 6,000: nothing in float64.
    """
    machine = two_tone_machine(4)
    allowed = pictures(majority_numbers(4), 4)
    x = md.process.add_noise(allowed, 0.01, COSINE, rng=0)
    np.testing.assert_array_equal(machine(x, 0.01), allowed)


# --- mistakes that others made ---------------------------------------------------------------------------------------


def test_images_that_hardly_differ_are_told_apart():
    """At s = 1e-3 two images, 1e-3 apart in all, weigh about 1 : exp(-1/2), also in float32 (mistake 3).

    By differences each pixel's gap of 1e-4 is known to 3e-8, so the answer to well under a hundredth of it. Expanded into
    |x|^2 - 2xy + |y|^2 the distances are rounding errors of numbers between 1 and 30: over 1e-6, divided by 2 s^2 = 2e-6.
    """
    s, gap = 1e-3, 1e-3 / np.sqrt(108)
    a = float(np.float32(1 - s))
    one = training_set(0, (1, 6, 6, 3))
    images = np.concatenate([one, one + gap * np.sign(training_set(1, one.shape))]).astype(np.float32)
    x = np.float32(a) * images[0]
    flow = md.schedules.flow()
    answers = {md.IdealScore(images, flow): ideal(x, images, a, s)[0]}
    for boundary in ("circular", "zeros"):
        machine = md.LocalScore(images, flow, window=3, boundary=boundary)
        answers[machine] = local(x, images, a, s, 3, boundary, anywhere=False)[0]
    for machine, expected in answers.items():
        assert np.abs(expected - images[0]).min() > 0.3 * gap
        np.testing.assert_allclose(machine(x, s), expected, rtol=0, atol=0.01 * gap)


def test_the_largest_window_comes_first_and_the_smallest_last():
    """A walk of L steps through a table of L windows uses each once, from the last entry at t = 1 to the first (mistake 4)."""
    images = training_set(0, (3, 9, 9, 1))
    table = [1, 3, 5, 7, 9]
    machine = md.EquivariantLocalScore(images, COSINE, window=table)
    noise = md.process.unit_noise((1, 9, 9, 1), 0, np.float64)
    steps = list(md.process.ddim(machine, COSINE, noise=noise, steps=5))
    x, t = float(COSINE.noise(1.0)) * noise, 1.0
    for step, k in zip(steps, reversed(table), strict=True):
        held = md.EquivariantLocalScore(images, COSINE, window=k)
        np.testing.assert_array_equal(step.x0_hat, held(x, t))
        x, t = step.x, step.t
    assert t == 0


def test_shifting_the_training_set_changes_nothing_on_a_torus():
    """ES and circular ELS hold every patch of every image, those over the seam too, so a torus has no origin (mistake 5).

    With zero padding, and for machines tied to their place, it has one: a witness each.
    """
    images = training_set(0, (4, 5, 6, 1))
    x = noised(images, 0.3, COSINE, 1)
    moved = np.stack([np.roll(image, (n, 2 * n + 1), (0, 1)) for n, image in enumerate(images)])
    for make, alike in (
        (lambda some: md.EquivariantScore(some, COSINE), True),
        (lambda some: md.EquivariantLocalScore(some, COSINE, window=3), True),
        (lambda some: md.EquivariantLocalScore(some, COSINE, window=3, boundary="zeros"), False),
        (lambda some: md.LocalScore(some, COSINE, window=3), False),
        (lambda some: md.IdealScore(some, COSINE), False),
    ):
        gap = np.abs(make(moved)(x, 0.3) - make(images)(x, 0.3)).max()
        assert gap < 1e-12 if alike else gap > 0.1
