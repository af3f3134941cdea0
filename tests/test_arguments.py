"""What public functions say of arguments that they cannot take: one line with the name, what was expected and what came."""

import numpy as np
import pytest

import minidiff as md
from minidiff import arguments, process
from minidiff.measures import copies, judges, metrics

SCHEDULE = md.schedules.cosine()
IMAGES = np.random.default_rng(0).uniform(-1, 1, (5, 4, 4, 1))
IS = md.IdealScore(IMAGES, SCHEDULE)


def local(**options):
    """An ELS of some settings."""
    return md.EquivariantLocalScore(IMAGES, SCHEDULE, **{"window": 3, **options})


def last(denoiser=IS, schedule=SCHEDULE, **options):
    """The last step of a walk of two steps."""
    *_, step = process.ddim(denoiser, schedule, **{"shape": (2, 4, 4, 1), "steps": 2, "rng": 0, **options})
    return step


class Levels:
    """A schedule of one's own that returns the same two things at any time."""

    def __init__(self, a, s):
        self.a, self.s = a, s

    def signal(self, t):
        return self.a

    def noise(self, t):
        return self.s


class Unspoken(float):
    """A number that cannot be described."""

    def __repr__(self):
        raise AssertionError("an error message was written for a good answer")


def test_a_good_answer_of_a_schedule_is_not_described():
    """A message is written only where something is wrong: writing it took half of a small machine's call."""
    a, s = md.schedules.levels(Levels(Unspoken(0.75), Unspoken(0.5)), np.array([0.1, 0.2]))
    assert (a == 0.75).all() and (s == 0.5).all()


MASKED = np.ma.masked_greater(IMAGES, 0)


@pytest.mark.parametrize(
    "call, name",
    [
        (lambda: md.IdealScore(MASKED, SCHEDULE), "images"),
        (lambda: IS(MASKED, 0.5), "x"),
        (lambda: IS(IMAGES[:2], np.ma.array([0.5, 0.5], mask=[0, 1])), "t"),
        (lambda: md.IdealScore(IMAGES, SCHEDULE, labels=np.ma.array([0, 1, 0, 1, 0], mask=[1, 0, 0, 0, 0])), "labels"),
        (lambda: last(noise=MASKED, shape=None), "noise"),
        (lambda: last(times=np.ma.array([1, 0.5, 0], mask=[0, 1, 0])), "times"),
        (lambda: md.metrics.memorisation(MASKED, IMAGES), "samples"),
        (lambda: last(lambda x, t: np.ma.masked_greater(x, 0)), "denoiser"),
    ],
)
def test_masked_numbers_are_refused(call, name):
    """np.asarray would show what lies under a mask, and every answer would be silently wrong."""
    with pytest.raises(ValueError, match=rf"^{name}: expected an array with all its numbers, got \d+ masked ones"):
        call()


def test_an_array_without_a_mask_is_an_array():
    """A masked array in which nothing is masked gives the bits of the plain one."""
    assert np.array_equal(IS(np.ma.array(IMAGES), 0.5), IS(IMAGES, 0.5))


@pytest.mark.parametrize("scale, dtype", [(1e20, np.float32), (1e160, np.float64)])
@pytest.mark.parametrize("machine", [md.IdealScore, md.EquivariantScore])
def test_numbers_whose_squares_overflow_are_refused(machine, scale, dtype):
    """Distances would be inf, and an answer NaN or an error from inside the Fourier path; up to MOST answers are finite."""
    with pytest.raises(
        ValueError, match=rf"^images: expected {np.dtype(dtype)} numbers up to 1e\+?\d+, got -\d.* hint: images lie"
    ):
        machine((IMAGES * scale).astype(dtype), SCHEDULE)
    with pytest.raises(ValueError, match=r"^x: expected .* numbers up to"):
        IS((IMAGES * scale).astype(dtype), 0.5)
    most = np.full((1, 4, 4, 1), arguments.MOST[np.dtype(np.float64)])
    assert np.isfinite(md.IdealScore(np.concatenate([most, -most]), SCHEDULE)(most, 0.5)).all()


CONVERSIONS = [
    process.eps_from_x0,
    process.score_from_x0,
    process.x0_from_score,
    process.x0_from_eps,
    process.v_from_x0,
    process.x0_from_v,
    process.eps_from_v,
]


@pytest.mark.parametrize("convert", CONVERSIONS, ids=lambda convert: convert.__name__)
def test_conversions_refuse_what_they_would_misread(convert):
    """Whole numbers round a and s to 0, and one image beside a batch is broadcast: infinite or silently wrong answers."""
    x = IMAGES.astype(np.float32)
    for wrong, words in (
        ((x.astype(int), x), "expected float32 or float64, got int64"),
        ((x, x.astype(int)), "expected float32 or float64, got int64"),
        ((x, x[:1]), r"expected shape \(5, 4, 4, 1\), the same as the images', got \(1, 4, 4, 1\)"),
        ((x[0], x), r"expected a non-empty array of shape \(4, 4, 1\), got \(5, 4, 4, 1\)"),
        ((x, x * np.nan), "expected finite numbers, got 80 NaN"),
    ):
        with pytest.raises((TypeError, ValueError), match=words):
            convert(*wrong, 0.5, SCHEDULE)
    for schedule in (None, "cosine", md.schedules.cosine):
        with pytest.raises(TypeError, match=r"^schedule: expected a Schedule, got "):
            convert(x, x, 0.5, schedule)
    assert convert(x, x.astype(np.float64), 0.5, SCHEDULE).dtype == np.float32  # the result has the dtype of x
    assert np.array_equal(
        convert(x.tolist(), x.tolist(), 0.5, SCHEDULE), convert(x.astype(float), x.astype(float), 0.5, SCHEDULE)
    )


def test_noise_that_is_zero_in_float32_is_no_noise():
    """s(1e-60) is above 0 and rounds to 0: the walk would divide 0 by 0 on its way, and end in NaN."""
    with pytest.raises(ValueError, match=r"^t: eps does not exist where there is no noise"):
        last(times=[1, 1e-60, 0])
    assert np.isfinite(last(times=[1, 1e-60, 0], dtype=np.float64).x).all()
    with pytest.raises(ValueError, match=r"^schedule: expected noise up to 1e\+?15 for float32 images, got s = 1e\+300 at t = 1"):
        last(lambda x, t: 0 * x, md.schedules.ve(0.01, 1e300))


@pytest.mark.parametrize(
    "levels, words",
    [
        ((None, 0.5), r"expected signal\(t\) of finite numbers in t's shape, \(\d?,?\), got None"),
        (("a", 0.5), "expected signal.* got 'a'"),
        ((0.5, np.nan), "expected noise.* got nan"),
        ((0.5, [0.1, 0.2, 0.3]), r"expected noise.* got \[0.1, 0.2, 0.3\]"),
        ((0.5, -0.5), r"expected noise\(t\) >= 0, got -0.5"),
    ],
)
def test_a_schedule_of_one_s_own_is_held_to_its_contract(levels, words):
    """The error names the schedule, for a machine, a walk and a conversion; a negative s would pass in silence."""
    schedule = Levels(*levels)
    for call in (
        lambda: md.IdealScore(IMAGES, schedule)(IMAGES[:2], 0.5),
        lambda: last(lambda x, t: 0 * x, schedule),
        lambda: process.eps_from_x0(IMAGES[:2], IMAGES[:2], 0.5, schedule),
    ):
        with pytest.raises((TypeError, ValueError), match=f"^schedule: {words}"):
            call()


def test_a_schedule_of_one_s_own_may_be_constant():
    """One Python float for all times is what it says."""
    x, same = IMAGES[:2], Levels(np.full(2, 0.5), np.full(2, 0.5))
    assert np.array_equal(md.IdealScore(IMAGES, Levels(0.5, 0.5))(x, [0.2, 0.4]), md.IdealScore(IMAGES, same)(x, [0.2, 0.4]))


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: local(window=np.array(3)), r"window: expected a whole number, got array\(3\)"),
        (lambda: local(boundary=np.array(["zeros", "circular"])), "boundary: expected one of circular, zeros, got an array of"),
        (lambda: local(boundary=np.array(["zeros"])), r"boundary: expected one of circular, zeros, got array"),
        (lambda: local(executor="pool"), "executor: expected a concurrent.futures.Executor or None, got 'pool'; hint:"),
        (lambda: local().estimates(IMAGES, 0.5, 5), "windows: expected a list, got 5"),
        (lambda: md.AttentionScore(IMAGES, SCHEDULE, window=3, strength=np.array("a")), "strength: expected a number, got array"),
        (lambda: md.GuidedScore(IMAGES, SCHEDULE, labels=range(5), machine=IS), "machine: expected a class such as IdealScore"),
        (lambda: md.SmoothedScore(IMAGES, SCHEDULE, machine="is"), "machine: expected a class such as IdealScore, got 'is'"),
        (
            lambda: md.IdealScore(IMAGES, SCHEDULE, labels=range(5))(IMAGES, 0.5, label="1"),
            "label: expected one of 0, .*, got '1'",
        ),
        (lambda: IS([[1.0, 2.0], [3.0]], 0.5), r"x: expected parts of equal length, got \[\[1.0, 2.0\], \[3.0\]\]"),
        (lambda: IS(None, 0.5), r"x: expected an array of float32 or float64 of shape \(H, W, C\) .*, got None"),
        (lambda: last(shape={2, 4, 1}), r"shape: expected \(H, W, C\) or \(B, H, W, C\), got \{"),
        (lambda: last(shape=b"abc"), r"shape: expected \(H, W, C\) or \(B, H, W, C\), got b'abc'"),
        (lambda: last(md.IdealScore), r"denoiser: expected a callable denoiser\(x, t\), got the class IdealScore"),
        (lambda: md.datasets.load(IMAGES), r"data: expected a path, got an array of float64 of shape \(5, 4, 4, 1\)"),
    ],
)
def test_an_argument_of_another_kind_is_named(call, words):
    """One line, before any work, whatever came: no error from inside NumPy, and no array spread over many lines."""
    with pytest.raises((TypeError, ValueError), match=f"^{words}") as raised:
        call()
    assert "\n" not in str(raised.value)


FOUND = copies.nearest(IMAGES[:2], IMAGES)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: metrics.typical_distance(IMAGES, most=-1), "most: expected at least 2, got -1"),
        (lambda: metrics.typical_distance(IMAGES, most=2.0), "most: expected a whole number, got 2.0"),
        (lambda: metrics.local_consistency("els", IMAGES), r"machine: expected a machine or another denoiser\(x, t\), got 'els'"),
        (lambda: copies.matched(IMAGES[:1], FOUND), "images: expected the training set that was searched, got 1 images"),
        (lambda: copies.matched(IMAGES.astype(int), FOUND), "images: expected float32 or float64, got int64"),
        (lambda: copies.matched(IMAGES, IMAGES), "found: expected what copies.nearest returns, got an array"),
        (lambda: copies.beside_fresh([0.1, np.nan], np.linspace(0.1, 1, 40)), "distance: expected a list of finite numbers"),
        (lambda: copies.beside_fresh(0.1, np.linspace(0.1, 1, 40)), "distance: expected a list of finite numbers, got 0.1"),
        (lambda: copies.beside_fresh([0.1], "many"), "fresh: expected floats, got 'many'"),
        (lambda: copies.nearer_to_which(None, (3, 2)), "found: expected what copies.nearest returns, got None"),
        (lambda: copies.nearer_to_which(FOUND, (1, 1)), r"sizes: expected two sizes \(N, M\), \d images together or more"),
        (lambda: copies.nearer_to_which(FOUND, 5), "sizes: expected a list, got 5"),
        (lambda: copies.nearer_to_which(FOUND, (3, 2), draws=0), "draws: expected from 1 to 100000000, got 0"),
        (lambda: judges.report(None, IMAGES, IMAGES), "verdict: expected what one_colour or limb_count returns, got None"),
        (lambda: judges.limb_count(IMAGES, limbs=[]), "limbs: expected at least one number, got none"),
    ],
)
def test_measures_refuse_what_they_cannot_measure(call, words):
    """most=-1 left an image out, NaN was a large distance, and the rest were errors from inside NumPy."""
    with pytest.raises((TypeError, ValueError), match=f"^{words}"):
        call()
