"""The locality scale k(t): a machine's own table is found again, in the order that window= needs, as a naive search has it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import SEEDS, training_set

import minidiff as md
from minidiff import process
from minidiff.studies import calibration

COSINE = md.schedules.cosine()
WINDOWS = (3, 5, 7)
IMAGES = training_set(0, (8, 7, 7, 1))
# Of so little contrast that noise blurs every choice: else two windows may both be sure of one image, and answer the same.
FAINT = IMAGES / 4
KINDS = {"ELS": md.EquivariantLocalScore, "LS": md.LocalScore}
law = settings(deadline=None, max_examples=15)


def cosine_of(a, b):
    """The cosine of the angle between two images."""
    return float(np.vdot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b)))


def walk(denoiser, noise, steps):
    """[(t, x)] at which DDIM calls the denoiser, most noise first."""
    start = [(1.0, float(COSINE.noise(1.0)) * noise)]
    return (start + [(step.t, step.x) for step in process.ddim(denoiser, COSINE, noise=noise, steps=steps)])[:-1]


# --- against a network -----------------------------------------------------------------------------------------------


@law
@given(st.lists(st.sampled_from(WINDOWS), min_size=1, max_size=5), st.sampled_from(("circular", "zeros")), SEEDS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_table_of_a_machine_is_found_again(kind, table, boundary, seed):
    """Calibrated against a machine with a window table, any table, the same table comes out: none is a step off, none reversed.

    At each step one of the windows is the teacher's own, and its cosine is 1; the others' are less, as the images are faint.
    """
    teacher = KINDS[kind](FAINT, COSINE, window=table, boundary=boundary)
    found = calibration.against(
        teacher, FAINT, COSINE, WINDOWS, boundary, samples=3, steps=len(table), rng=seed, machine=KINDS[kind]
    )
    own = [found.scores[step, WINDOWS.index(k)] for step, k in enumerate(table)]
    np.testing.assert_allclose(own, 1, rtol=0, atol=1e-12)
    assert found.table == table


def test_the_table_is_what_a_window_needs():
    """Entry i serves the i-th time, times ascending to 1: the calibrated machine uses each entry once on its way back."""
    table = [3, 5, 3, 7]
    teacher = md.EquivariantLocalScore(IMAGES, COSINE, window=table, boundary="zeros")
    found = calibration.against(teacher, IMAGES, COSINE, WINDOWS, samples=2, steps=4)
    np.testing.assert_allclose(found.times, [0.25, 0.5, 0.75, 1.0], rtol=1e-15)
    student = md.EquivariantLocalScore(IMAGES, COSINE, window=found.table, boundary="zeros")
    assert [student.window(t) for t in found.times] == table
    noise = process.unit_noise((2, 7, 7, 1), 9)
    theirs, ours = (walk(machine, noise, 4) for machine in (teacher, student))
    assert [t for t, _ in ours] == found.times[::-1].tolist()
    for (_, x), (_, y) in zip(theirs, ours, strict=True):
        np.testing.assert_array_equal(x, y)


def naive(denoiser, windows, boundary, samples, steps, seed, view):
    """(table, scores) by a loop over steps, windows and samples; view(x, x0_hat, t) is what is compared."""
    noise = process.unit_noise((samples, *IMAGES.shape[1:]), seed, IMAGES.dtype)
    table, scores = [], []
    for t, x in walk(denoiser, noise, steps):
        theirs = view(x, denoiser(x, t), t)
        cosines = np.empty((len(windows), samples))
        for row, k in zip(cosines, windows, strict=True):
            ours = view(x, md.EquivariantLocalScore(IMAGES, COSINE, window=k, boundary=boundary)(x, t), t)
            row[:] = [cosine_of(a, b) for a, b in zip(ours, theirs, strict=True)]
        best = sorted(windows[place] for place in cosines.argmax(axis=0))
        table.insert(0, best[(samples - 1) // 2])
        scores.insert(0, np.median(cosines, axis=1))
    return table, np.array(scores)


@pytest.mark.parametrize(("boundary", "seed", "samples"), [("zeros", 3, 4), ("circular", 5, 3)])
def test_what_is_compared_is_the_noise_estimate(boundary, seed, samples):
    """Against a denoiser that is no ELS: cosines of eps_hat = (x - a x0_hat) / s, as a naive loop has them, and not of x0_hat."""
    denoiser = md.Wiener(IMAGES, COSINE)

    def eps(x, x0_hat, t):
        return (x - float(COSINE.signal(t)) * x0_hat) / float(COSINE.noise(t))

    arguments = (denoiser, WINDOWS, boundary, samples, 6, seed)
    table, scores = naive(*arguments, eps)
    found = calibration.against(denoiser, IMAGES, COSINE, WINDOWS, boundary, samples, steps=6, rng=seed)
    assert (found.table, found.windows) == (table, WINDOWS)
    np.testing.assert_allclose(found.scores, scores, rtol=0, atol=1e-12)
    assert table != naive(*arguments, lambda x, x0_hat, t: x0_hat)[0]


@pytest.mark.parametrize(("split", "k"), [([3, 3, 7, 7], 3), ([3, 7], 3), ([3, 7, 7], 7), ([7, 3, 5], 5), ([7, 3, 7, 3], 3)])
def test_the_median_over_samples_is_a_window(split, k):
    """Samples that call for 3, 3, 7 and 7 get 3, the lower of the two in the middle, and not 5, which none called for."""
    machines = [md.EquivariantLocalScore(IMAGES, COSINE, window=side, boundary="zeros") for side in split]

    def patchwork(x, t):
        return np.stack([machine(one, t) for machine, one in zip(machines, x, strict=True)])

    found = calibration.against(patchwork, IMAGES, COSINE, WINDOWS, samples=len(split), steps=3)
    assert found.table == [k] * 3


def test_windows_may_come_in_any_order():
    """The table is the same, and the scores stand in the order asked for."""
    teacher = md.EquivariantLocalScore(IMAGES, COSINE, window=[3, 5, 7], boundary="zeros")
    up, down = (calibration.against(teacher, IMAGES, COSINE, w, samples=2, steps=3, rng=1) for w in (WINDOWS, WINDOWS[::-1]))
    assert up.table == down.table == [3, 5, 7]
    assert down.windows == (7, 5, 3)
    np.testing.assert_allclose(down.scores, up.scores[:, ::-1], rtol=0, atol=1e-12)


def test_a_seed_gives_a_calibration():
    """The same seed, the same scores to the bit, from an int or a Generator; another seed, others. float32 stays float32."""
    images = IMAGES.astype(np.float32)
    teacher = md.Wiener(images, COSINE)
    rngs = (4, np.random.default_rng(4), 5)
    scores = [calibration.against(teacher, images, COSINE, WINDOWS, samples=2, steps=3, rng=rng).scores for rng in rngs]
    np.testing.assert_array_equal(scores[0], scores[1])
    assert (scores[0] != scores[2]).any()
    held = [calibration.held_out(images[:6], images[6:], COSINE, WINDOWS, steps=3, rng=rng).scores for rng in (4, 4, 5)]
    np.testing.assert_array_equal(held[0], held[1])
    assert (held[0] != held[2]).any()
    asked = []
    *_, _ = [calibration.against(lambda x, t: asked.append(x.dtype) or x, images, COSINE, [3], samples=1, steps=2)]
    assert asked == [np.float32] * 2


@law
@given(SEEDS, st.floats(0.1, 10), st.floats(-10, -0.1))
def test_cosine_similarity(seed, up, down):
    """1 for the same direction, -1 for the opposite, and the cosine in between, image by image and in float64."""
    a, b = training_set(seed, (3, 3, 2, 3)), training_set(seed + 1, (3, 3, 2, 3))
    np.testing.assert_allclose(calibration.cosine_similarity(a, up * a), 1, rtol=1e-14)
    np.testing.assert_allclose(calibration.cosine_similarity(a, down * a), -1, rtol=1e-14)
    expected = [cosine_of(one, other) for one, other in zip(a, b, strict=True)]
    np.testing.assert_allclose(calibration.cosine_similarity(a, b), expected, rtol=0, atol=1e-14)
    single = calibration.cosine_similarity(a.astype(np.float32), b.astype(np.float32))
    assert single.dtype == np.float64
    # Each pixel is off by half a unit of 2^-23 of itself, twice over, and the cosine has slope at most 1.
    np.testing.assert_allclose(single, expected, rtol=0, atol=2 * np.finfo(np.float32).eps)


# --- against held-out images -----------------------------------------------------------------------------------------


@pytest.mark.compiled
@settings(deadline=None, max_examples=8)
@given(SEEDS, st.sampled_from(("circular", "zeros")), st.sampled_from(tuple(KINDS)), st.permutations(WINDOWS))
def test_held_out_takes_the_window_that_denoises_best(seed, boundary, kind, windows):
    """The mean squared error of machines with one window each; the smallest wins among the windows not below the last one's."""
    others = training_set(seed, (3, 7, 7, 1))
    found = calibration.held_out(IMAGES, others, COSINE, windows, boundary, steps=4, rng=seed, machine=KINDS[kind])
    machines = [KINDS[kind](IMAGES, COSINE, window=k, boundary=boundary) for k in WINDOWS]
    rng, least = np.random.default_rng(seed), 0
    np.testing.assert_allclose(found.times, [0.25, 0.5, 0.75, 1.0], rtol=1e-15)
    assert found.windows == WINDOWS
    for step, t in enumerate(found.times):
        x = process.add_noise(others, t, COSINE, rng=rng)
        errors = [np.mean((machine(x, t) - others) ** 2) for machine in machines]
        np.testing.assert_allclose(found.scores[step], errors, rtol=1e-10)
        least = max(least, min((error, k) for error, k in zip(errors, WINDOWS, strict=True) if k >= least)[1])
        assert found.table[step] == least


@law
@given(st.lists(st.permutations([1.0, 2.0, 3.0, 4.0]), min_size=1, max_size=6))
def test_held_out_never_falls(errors):
    """Whatever the errors, more noise has no smaller window: the best is sought among those not below the last one's."""
    windows, asked = (1, 3, 5, 7), []

    class Stub:
        """A machine whose k-th window misses every pixel by the k-th number."""

        def __init__(self, images, *_, **__):
            self.images = images

        def estimates(self, x, t, windows):
            asked.append(t)
            return np.sqrt(errors[len(asked) - 1]).reshape(-1, 1, 1, 1, 1) * np.ones((1, *x.shape))

    found = calibration.held_out(IMAGES, np.zeros((2, 7, 7, 1)), COSINE, windows, steps=len(errors), machine=Stub)
    expected, least = [], 0
    for row in errors:
        least = max(range(least, 4), key=lambda place: -row[place])
        expected.append(windows[least])
    assert found.table == expected == sorted(found.table)
    np.testing.assert_allclose(found.scores, errors, rtol=1e-14)
    assert asked == sorted(asked) == found.times.tolist()


def test_a_training_image_held_out_calls_for_everything():
    """Where the held-out images are training images, the whole image tells most, at every noise but the greatest."""
    found = calibration.held_out(IMAGES, IMAGES[:4], COSINE, (3, 13), steps=5)
    assert found.table == [13] * 5


# --- input -----------------------------------------------------------------------------------------------------------

TEACHER = md.LocalScore(IMAGES, COSINE, window=3)


def against(**changes):
    given = {"denoiser": TEACHER, "images": IMAGES, "schedule": COSINE, "windows": WINDOWS, "samples": 1, "steps": 2}
    return calibration.against(**given | changes)


def held_out(**changes):
    given = {"images": IMAGES, "others": IMAGES[:1], "schedule": COSINE, "windows": WINDOWS, "steps": 2}
    return calibration.held_out(**given | changes)


@pytest.mark.parametrize(
    ("call", "changes", "error", "words"),
    [
        (against, {"samples": 0}, ValueError, "samples: expected at least 1, got 0"),
        (against, {"samples": 2.0}, TypeError, "samples: expected a whole number"),
        (against, {"steps": 0}, ValueError, "steps: expected at least 1, got 0"),
        (against, {"rng": "one"}, TypeError, "rng: expected"),
        (against, {"denoiser": 3}, TypeError, "denoiser: expected a callable"),
        (against, {"schedule": md.schedules.flow()}, ValueError, "schedule: expected the denoiser's own"),
        (held_out, {"steps": 0}, ValueError, "steps: expected at least 1, got 0"),
        (held_out, {"others": IMAGES[0]}, ValueError, "others: expected shape (N, H, W, C)"),
        (held_out, {"others": IMAGES * np.nan}, ValueError, "others: expected finite"),
        (held_out, {"others": IMAGES[:, :5]}, ValueError, "expected images of shape (7, 7, 1)"),
        (held_out, {"rng": -1}, TypeError, "rng: expected"),
        *(
            (call, changes, ValueError, words)
            for call in (against, held_out)
            for changes, words in (
                ({"windows": []}, "windows: expected at least one"),
                ({"windows": [3, 4]}, "windows: expected an odd number"),
                ({"windows": [9], "boundary": "circular"}, "windows: expected an odd number from 1 to 7"),
                ({"windows": [15]}, "windows: expected an odd number from 1 to 13"),
                ({"boundary": "mirror"}, "boundary: expected one of circular, zeros"),
                ({"images": IMAGES[0]}, "images: expected shape (N, H, W, C)"),
            )
        ),
    ],
)
def test_bad_input_is_named(call, changes, error, words):
    """Bad input raises with the argument, what was expected and what came, in one line."""
    with pytest.raises(error) as caught:
        call(**changes)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


# --- window and strength together ------------------------------------------------------------------------------------


@pytest.mark.compiled
@settings(deadline=None, max_examples=8)
@given(st.lists(st.tuples(st.sampled_from((3, 5)), st.sampled_from((0.0, 0.1, 0.5))), min_size=1, max_size=3), SEEDS)
def test_the_tables_of_an_attention_machine_are_found_again(pairs, seed):
    """Calibrated against AttentionScore with any tables k(t) and g(t), the same tables come out (section 5's machine)."""
    windows, strengths = (list(column) for column in zip(*pairs, strict=True))
    teacher = md.AttentionScore(FAINT, COSINE, window=windows, strength=strengths, boundary="zeros")
    found = calibration.with_attention(
        teacher, FAINT, COSINE, (3, 5), (0.5, 0.0, 0.1), "zeros", samples=2, steps=2 * len(pairs), rng=seed
    )
    steps = 2 * len(pairs)
    assert found.table == [windows[i // 2] for i in range(steps)]
    assert found.strengths == [strengths[i // 2] for i in range(steps)]
    assert found.scores.shape == (steps, 2, 3) and found.tried == (0.0, 0.1, 0.5)


def test_a_machine_without_attention_has_no_strength():
    """Against ELS, whose places hear nothing of each other, g = 0 comes out at every noise; the scores of g = 0 are ELS's."""
    teacher = md.EquivariantLocalScore(FAINT, COSINE, window=[3, 5], boundary="zeros")
    found = calibration.with_attention(teacher, FAINT, COSINE, (3, 5), (0, 0.3, 3), "zeros", samples=3, steps=4, rng=1)
    assert found.strengths == [0.0] * 4 and found.table == [3, 3, 5, 5]
    alone = calibration.against(teacher, FAINT, COSINE, (3, 5), "zeros", samples=3, steps=4, rng=1)
    # The pooled machine computes in float64: a cosine of float32 answers is off by their rounding.
    np.testing.assert_allclose(found.scores[:, :, 0], alone.scores, atol=1e-5)
