"""The laws that anyone can run: they hold for every machine, each is broken by something wrong, and nothing wrong is an error."""

import inspect
import sys
import time

import numpy as np
import pytest
from marks import also_slow
from oracles import ideal, local, orbit
from strategies import training_set

import minidiff as md
from minidiff import testing, theory
from minidiff.laws.rules import clear_of, estimate, rule_of
from minidiff.machines.summary import windows_and_means
from minidiff.testing import LAWS, check_denoiser, practice_images

COSINE = md.schedules.cosine()
IMAGES = practice_images(count=6, height=6, width=5)
ALWAYS = {"answer", "repeatable", "query by query", "one time per query", "single precision"}
MEANS = {"value range", "training images stay", "order and repetition", "weights sum to one"}
BEST = MEANS | {"no signal", "data symmetry", "near copies", "formula", "every time", "orthogonality"}
WHOLE = BEST | {"recitation", "gradient", "second-order Tweedie"}
LOCAL = BEST | {"window", "local consistency"}
RULED = MEANS | {"no signal", "formula", "every time", "local consistency"}

# The laws themselves use no Numba; thousands of questions to the local machines' plain loops do, and would take minutes.
needs_jit = pytest.mark.compiled


def els(images, k=3, boundary="circular", schedule=COSINE):
    return md.EquivariantLocalScore(images, schedule, window=k, boundary=boundary)


def ls(images, k=3, boundary="circular", schedule=COSINE):
    return md.LocalScore(images, schedule, window=k, boundary=boundary)


def ideal_machine(images, schedule=COSINE):
    return md.IdealScore(images, schedule)


class Soft(md.machines.WindowMachine):
    """ELS whose windows fade out: their corners count a quarter, their sides a half (k = 3)."""

    @staticmethod
    def rule(images, k, boundary):
        hard = theory.equivariant_local(images, k, boundary)
        root = np.repeat(np.sqrt([1 / 4, 1 / 2, 1 / 4, 1 / 2, 1, 1 / 2, 1 / 4, 1 / 2, 1 / 4]), images.shape[3])
        return hard._replace(see=lambda x: root * hard.see(x), keys=root * hard.keys)


def soft(images):
    return Soft(images, COSINE, window=3)


def summary(images, boundary="circular"):
    return md.SummaryScore(images, COSINE, window=3, boundary=boundary)


def others(height, width, boundary, seed=0):
    """A map that sends each pixel to one other, whose window of 3 shares no pixel with its own."""
    rng = np.random.default_rng(seed)
    return np.eye(height * width)[[rng.choice(np.flatnonzero(row)) for row in clear_of(height, width, 3, boundary)]]


def hearing(images, attention, boundary="circular", **options):
    options = {"strength": 1, "raw": True} | options
    return md.AttentionScore(images, COSINE, window=3, attention=attention, boundary=boundary, **options)


def states(report, held):
    return {result.law for result in report.results if result.held is held}


# --- what is right holds ---------------------------------------------------------------------------------------------

ZEROS = {"boundary": "zeros"}
RIGHT = {
    "IS": (ideal_machine, "IS", {}, WHOLE | {"one training image"}),
    "ES": (lambda images: md.EquivariantScore(images, COSINE), "ES", {}, WHOLE | {"shifts"}),
    "LS": (ls, "LS", {"window": 3}, LOCAL | {"one training image"}),
    "LS zeros": (lambda images: ls(images, 3, "zeros"), "LS", {"window": 3, **ZEROS}, LOCAL | {"one training image"}),
    "ELS": (els, "ELS", {"window": 3}, LOCAL | {"shifts"}),
    "ELS zeros": (lambda images: els(images, 3, "zeros"), "ELS", {"window": 3, **ZEROS}, LOCAL | {"padding pattern"}),
    "ELS table": (lambda images: els(images, [1, 3, 5]), "ELS", {"window": [1, 3, 5]}, LOCAL | {"shifts"}),
    "AttentionScore without strength": (
        lambda images: md.AttentionScore(images, COSINE, window=3, attention="uniform", strength=0.0),
        "ELS",
        {"window": 3},
        LOCAL | {"shifts"},
    ),
    "AttentionScore": (
        lambda images: md.AttentionScore(images, COSINE, window=3, attention="uniform", strength=1.0),
        ("posterior mean", "equivariant"),
        {},
        MEANS | {"shifts"},
    ),
    "SummaryScore": (
        summary,
        ("ideal", "rule", "equivariant"),
        {"rule": lambda images, t: windows_and_means(images, 3, "circular"), "samples": 100},
        RULED | {"shifts", "orthogonality"},
    ),
    "SummaryScore zeros": (
        lambda images: summary(images, "zeros"),
        ("ideal", "rule"),
        {"rule": lambda images, t: windows_and_means(images, 3, "zeros"), "samples": 100},
        RULED | {"orthogonality"},
    ),
    "soft windows": (
        soft,
        ("rule", "local", "equivariant"),
        {"rule": lambda images, t: Soft.rule(images, 3, "circular"), "window": 3},
        RULED | {"window", "shifts"},
    ),
    "IS as a rule": (
        ideal_machine,
        "rule",
        {"rule": lambda images, t: theory.ideal(images)},
        MEANS | {"no signal", "formula", "every time", "recitation"},
    ),
}
# What compiles for several seconds, or takes as long as all others together; planted bugs are held against these machines too.
COSTLY = {"ES", "AttentionScore without strength", "SummaryScore", "SummaryScore zeros", "soft windows"}


@needs_jit
@pytest.mark.parametrize("name", [also_slow(name) if name in COSTLY else name for name in RIGHT])
def test_every_machine_holds_all_that_is_claimed_of_it(name):
    """Each machine holds every law of its class, and each of those laws applies: none is passed over in silence."""
    make, claims, options, applies = RIGHT[name]
    report = check_denoiser(make(IMAGES), IMAGES, COSINE, claims, make=make, **options).require()
    assert states(report, True) == ALWAYS | applies


@needs_jit
@pytest.mark.parametrize(
    "schedule", [md.schedules.flow(), md.schedules.ve(), also_slow(md.schedules.linear())], ids=lambda one: one.name
)
def test_the_laws_know_no_schedule(schedule):
    """Any (a, s) will do: without signal at the end (flow), with noise at the start (VE), and with float32 colour images."""
    images = practice_images(count=5, height=4, width=5, channels=3, rng=1).astype(np.float32)
    for make, claims, options in (
        (lambda some: ideal_machine(some, schedule), "IS", {}),
        (lambda some: els(some, 3, "zeros", schedule), "ELS", {"window": 3, **ZEROS}),
    ):
        report = check_denoiser(make(images), images, schedule, claims, make=make, **options).require()
        assert report["formula"].held and report["orthogonality"].held


@needs_jit
@pytest.mark.parametrize("padding", ["circular", "zeros"])
def test_a_network_is_local_and_as_equivariant_as_its_padding(padding):
    """A convolutional network sees its receptive field, and commutes with shifts or knows its padding pattern; it is no mean.

    With another claim (a window two smaller) it breaks the law of the window, so the law is not empty.
    """
    network = md.nets.Network(width=6, depth=1, padding=padding, rng=0)
    rng = np.random.default_rng(1)
    for value in network.params.values():
        value += (0.3 * rng.standard_normal(value.shape)).astype(value.dtype)
    images = practice_images(count=4, height=8, width=7)
    claims = ("local", "equivariant" if padding == "circular" else "boundary")
    report = check_denoiser(network, images, COSINE, claims, window=network.receptive_field, boundary=padding).require()
    assert states(report, True) == ALWAYS | {"window", "shifts" if padding == "circular" else "padding pattern"}
    assert not testing.window(network, images, COSINE, window=network.receptive_field - 2, boundary=padding).held
    assert not testing.value_range(network, images, COSINE).held


@needs_jit
def test_a_float32_denoiser_is_held_against_float32_rounding():
    """The same machine asked through float32 keeps every law: tolerances follow what it computes in, not what it returns."""
    machine = els(IMAGES.astype(np.float32))
    for back in (np.float32, np.float64):

        def denoiser(x, t, back=back):
            return machine(x.astype(np.float32), t).astype(back)

        check_denoiser(denoiser, IMAGES, COSINE, "ELS", window=3).require()


@pytest.mark.parametrize("boundary", ["circular", "zeros"])
def test_two_definitions_agree(boundary):
    """The laws' own loops and the tests' own loops, written apart, give the same LS, ELS, IS and ES."""
    images, x, a, s = training_set(0, (3, 4, 5, 3)), training_set(1, (1, 4, 5, 3))[0], 0.8, 0.5
    for shared in (False, True):
        ours = estimate(rule_of(images, 3, boundary, shared), x, a, s)[0].reshape(x.shape)
        np.testing.assert_allclose(ours, local(x, images, a, s, 3, boundary, shared)[0], rtol=0, atol=1e-13)
    for shared, dictionary in ((False, images), (True, orbit(images))):
        ours = estimate(rule_of(images, shared=shared), x, a, s)[0].reshape(x.shape)
        np.testing.assert_allclose(ours, ideal(x, dictionary, a, s)[0], rtol=0, atol=1e-13)


# --- what is wrong breaks --------------------------------------------------------------------------------------------


def student(images, candidate=lambda a, s: a, rate=lambda a, s: 1 / (2 * s * s), shared_maximum=False, expanded=False):
    """A student's ideal denoiser: the formula in four lines, with the places where it goes wrong as arguments."""
    keys = images.reshape(len(images), -1)

    def denoiser(x, t):
        a, s = float(COSINE.signal(t)), float(COSINE.noise(t))
        flat, seen = x.reshape(len(x), -1), (candidate(a, s) * keys).astype(x.dtype)
        if expanded:
            distances = (flat**2).sum(1)[:, None] - 2 * flat @ seen.T + (seen**2).sum(1)
        else:
            distances = ((flat[:, None] - seen) ** 2).sum(axis=2)
        nearest = distances.min() if shared_maximum else distances.min(axis=1, keepdims=True)
        weights = np.exp((nearest - distances) * rate(a, s))
        with np.errstate(invalid="ignore"):
            weights = weights / weights.sum(axis=1, keepdims=True)
        return (weights @ keys).reshape(x.shape).astype(x.dtype)

    return denoiser


def writes_into_x(x, t):
    x *= 0.9
    return ideal_machine(IMAGES)(x, t)


def mean_of_batch_means(images):
    machines = [ideal_machine(images[start : start + 4]) for start in range(0, len(images), 4)]
    return lambda x, t: np.mean([machine(x, t) for machine in machines], axis=0)


# Images of one brightness each, so that to know the image tells much, and who hears whom there.
HEARD = np.tanh(1.5 * np.random.default_rng(5).standard_normal((6, 1, 1, 1)) + 0.5 * practice_images(6, 3, 7))
MAP = np.roll(np.eye(21).reshape(21, 3, 7), 3, axis=2).reshape(21, 21)
IS, RAMP = ideal_machine(IMAGES), np.linspace(0, 0.3, 5)[:, None]
HOTTER = student(IMAGES, rate=lambda a, s: 1 / (4 * s * s))
# For each law something that is wrong in the way that the law is about: (denoiser, claims, options).
WRONG = {
    "answer": (lambda x, t: IS(x, t)[..., 0], (), {}),
    "repeatable": (writes_into_x, (), {}),
    "query by query": (student(IMAGES, shared_maximum=True), (), {}),
    "one time per query": (lambda x, t: IS(x, np.flip(t)), (), {}),
    "window": (els(IMAGES, 5), ("local",), {"window": 3}),
    "shifts": (ls(IMAGES), ("equivariant",), {}),
    "padding pattern": (ls(IMAGES, 3, "zeros"), ("local", "boundary"), {"window": 3, **ZEROS}),
    "single precision": (lambda x, t: IS(x.astype(np.float16).astype(x.dtype) if x.dtype == np.float32 else x, t), (), {}),
    "value range": (lambda x, t: 1.1 * IS(x, t), "posterior mean", {}),
    "training images stay": (lambda x, t: np.roll(IS(x, t), 1, axis=2), "posterior mean", {}),
    "no signal": (ideal_machine(np.concatenate([IMAGES, IMAGES[:1]])), "IS", {}),
    "order and repetition": (IS, "posterior mean", {"make": mean_of_batch_means}),
    "weights sum to one": (IS, "posterior mean", {"make": lambda images: lambda x, t: 0.9 * ideal_machine(images)(x, t)}),
    "one training image": (IS, "IS", {"make": lambda images: lambda x, t: ideal_machine(images)(x, t) * (len(images) - 1)}),
    "data symmetry": (IS, "IS", {"make": lambda images: lambda x, t: ideal_machine(images)(x + RAMP + RAMP[:1].T, t)}),
    "near copies": (IS, "IS", {"make": lambda images: student(images, expanded=True)}),
    "who is heard": (hearing(HEARD, MAP.T), "hears", {"attention": MAP, "window": 3}),
    "formula": (HOTTER, "IS", {}),
    "every time": (lambda x, t: IS(x, np.where((0.5 < t) & (t < 0.6), 0.5, t)), "IS", {}),
    "recitation": (lambda x, t: 0.95 * IS(x, t) + 0.05 * IMAGES.mean(axis=0), "IS", {}),
    "local consistency": (lambda x, t: 0.95 * els(IMAGES)(x, t) + 0.05 * IMAGES.mean(), "ELS", {"window": 3}),
    "orthogonality": (HOTTER, "IS", {}),
    "gradient": (els(IMAGES), "IS", {}),
    "second-order Tweedie": (HOTTER, "IS", {}),
}


@needs_jit
@pytest.mark.parametrize("name", LAWS)
def test_each_law_is_broken_by_something_wrong(name):
    """Every law names its own kind of mistake, and says what it usually means."""
    denoiser, claims, options = WRONG[name]
    images = HEARD if "attention" in options else IMAGES
    report = check_denoiser(denoiser, images, COSINE, claims, laws=name, **options)
    assert [result.law for result in report.broken] == [name]
    assert not report.held
    assert report.broken[0].usually in str(report).replace("\n          ", " ")


CONFUSED = {
    "LS as ELS": (ls, "ELS", {"window": 3}, "shifts"),
    "ELS as LS": (els, "LS", {"window": 3}, "orthogonality"),
    "ELS as IS": (els, "IS", {}, "gradient"),
    "IS as ES": (ideal_machine, "ES", {}, "shifts"),
    "ES as IS": (lambda images: md.EquivariantScore(images, COSINE), "IS", {}, "orthogonality"),
    "IS as LS": (ideal_machine, "LS", {"window": 3}, "window"),
    "torus as zeros": (els, "ELS", {"window": 3, **ZEROS}, "window"),
    "zeros as torus": (lambda images: els(images, 3, "zeros"), "ELS", {"window": 3}, "shifts"),
    "1 as 3": (lambda images: els(images, 1), "ELS", {"window": 3}, "orthogonality"),
    "Wiener as IS": (lambda images: md.Wiener(images, COSINE), "IS", {}, "second-order Tweedie"),
}


@needs_jit
@pytest.mark.parametrize("name", CONFUSED)
def test_no_machine_passes_for_another(name):
    """What is best in one class is not best in another, or not in it: the formula breaks, and the law named here."""
    make, claims, options, law = CONFUSED[name]
    report = check_denoiser(make(IMAGES), IMAGES, COSINE, claims, laws=(law, "formula"), **options)
    assert [result.held for result in report.results] == [False, False]


# --- a rule of one's own, and pixels that hear others ----------------------------------------------------------------


@pytest.mark.slow
@needs_jit
def test_a_softmax_is_the_best_denoiser_only_where_the_noise_is_that_of_pixels():
    """Soft windows obey their formula, and their error is not orthogonal to what they see: the report says which noise is wrong.

    The same holds for a rule that gives the mean outside another weight than SummaryScore does.
    """

    def louder(images, t):
        rule = windows_and_means(images, 3, "circular")
        return rule._replace(see=lambda x: rule.see(x) * ([1] * 9 + [5]), keys=rule.keys * ([1] * 9 + [5]))

    fading = {"rule": lambda images, t: Soft.rule(images, 3, "circular"), "claims": ("ideal", "rule")}
    report = check_denoiser(soft(HEARD), HEARD, COSINE, laws="orthogonality", **fading)
    assert not report.held
    assert report["orthogonality"].hint.startswith("number 0 of view 0 has noise of variance 0.25 s^2")

    def denoiser(x, t):
        one = [theory.denoise(louder(HEARD, t), y, float(COSINE.signal(t)), float(COSINE.noise(t))) for y in x]
        return np.stack(one)

    found = testing.orthogonality(denoiser, HEARD, COSINE, rule=louder, samples=200)
    assert found.held is False and "number 9 of view 0 has noise of variance 25 s^2" in found.hint
    found = testing.orthogonality(denoiser, HEARD, COSINE, rule=twice_seen, samples=200)
    assert "noises of numbers 0 and 9 of view 0 have covariance 1 s^2" in found.hint


def twice_seen(images, t):
    """The rule of ELS with everything seen twice."""
    once = theory.equivariant_local(images, 3, "circular")
    return once._replace(see=lambda x: np.tile(once.see(x), 2), keys=np.tile(once.keys, 2))


@needs_jit
def test_a_rule_may_be_known_where_x0_is_not():
    """The ES rule's candidates are no pixels of the training images in place: its formula is tried, and orthogonality is not."""
    machine = md.EquivariantScore(HEARD, COSINE)
    report = check_denoiser(machine, HEARD, COSINE, ("ideal", "rule"), rule=lambda images, t: theory.equivariant(images))
    assert report.held and report["formula"].held and "how x0 is drawn" in report["orthogonality"].where


def test_a_rule_that_does_not_show_the_pixel_itself_may_answer_otherwise():
    """Where a pixel sees its neighbours only, a training image need not be its own answer: that law then does not apply."""

    def blind(images, t):
        rule, blank = theory.equivariant_local(images, 3, "circular"), np.arange(9) != 4
        return rule._replace(see=lambda x: rule.see(x)[:, blank], keys=rule.keys[:, blank])

    images = np.sign(IMAGES)

    def denoiser(x, t):
        return np.stack([theory.denoise(blind(images, t), y, float(COSINE.signal(t)), float(COSINE.noise(t))) for y in x])

    report = check_denoiser(denoiser, images, COSINE, "rule", rule=blind, laws=("training images stay", "formula"))
    assert report["formula"].held and "itself is not seen" in report["training images stay"].where


ONE_HEARD = MEANS - {"no signal"} | {"who is heard", "formula", "every time", "orthogonality"}


@pytest.mark.slow
@needs_jit
@pytest.mark.parametrize("boundary", ["circular", "zeros"])
def test_who_hears_one_clear_other_is_the_best_denoiser_of_two_windows(boundary):
    """A one-hot map to a window that shares no pixel: every law holds, orthogonality too; any map may claim "hears"."""
    attention = others(3, 7, boundary)
    options = {"window": 3, "boundary": boundary}

    def make(images):
        return hearing(images, attention, boundary)

    report = check_denoiser(make(HEARD), HEARD, COSINE, ("ideal", "hears"), attention=attention, make=make, **options).require()
    assert states(report, True) == ALWAYS | ONE_HEARD
    anyone = np.random.default_rng(0).dirichlet(np.ones(21), size=21)
    found = check_denoiser(hearing(HEARD, anyone, boundary), HEARD, COSINE, "hears", attention=anyone, **options).require()
    assert found["formula"].held and found["orthogonality"].held is None
    uniform = np.full((21, 21), 1 / 21)
    again = check_denoiser(
        hearing(HEARD, uniform), HEARD, COSINE, ("hears", "equivariant"), attention=uniform, window=3, laws=("shifts", "formula")
    )
    assert states(again, True) == {"shifts", "formula"}


@needs_jit
@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        also_slow(lambda heard: {"attention": np.eye(21)}, "when each pixel hears itself, not others"),
        (lambda heard: {"attention": heard.T}, "with the map transposed"),
        also_slow(lambda heard: {"attention": heard, "raw": False}, "with g in units of H W / k^2"),
    ],
)
def test_evidence_that_is_counted_wrongly_is_found_without_the_formula(wrong, hint):
    """A pixel that hears itself, a transposed map, g in a wrong unit: the windows show each error, and each slip is named."""
    right = {"attention": MAP, "window": 3}
    denoiser = hearing(HEARD, **wrong(MAP))
    assert not testing.orthogonality(denoiser, HEARD, COSINE, samples=2000, **right).held
    found = testing.formula(denoiser, HEARD, COSINE, **right)
    assert found.held is False and hint in found.hint


@needs_jit
@pytest.mark.parametrize("make", [ls, els])
def test_a_local_score_is_the_gradient_of_no_density(make):
    """A witness: at some x the Jacobian of LS and of ELS is not symmetric, by much more than the error of the differences."""
    found = testing.gradient(make(IMAGES), IMAGES, COSINE)
    assert found.held is False and "z . J z' is not z' . J z" in found.where
    assert found.off > 100 * found.allowed
    assert testing.gradient(IS, IMAGES, COSINE).held


def test_a_small_error_is_found():
    """A millionth of x too much in the answer breaks the formula, and a ten-thousandth its derivative."""
    assert not testing.formula(lambda x, t: IS(x, t) + 1e-6 * x, IMAGES, COSINE).held
    assert not testing.second_order_tweedie(lambda x, t: IS(x, t) + 1e-4 * x, IMAGES, COSINE).held


@pytest.mark.parametrize(
    ("slip", "words"),
    [
        (student(IMAGES, candidate=lambda a, s: 1.0), "without the factor a"),
        (student(IMAGES, rate=lambda a, s: 1 / s**2), "with s^2 where 2 s^2 belongs"),
        (HOTTER, "with 4 s^2 where 2 s^2 belongs"),
        (student(IMAGES, rate=lambda a, s: 1 / (2 * s)), "with 2 s where 2 s^2 belongs"),
        (student(IMAGES, rate=lambda a, s: 1e9), "nearest candidate answers alone"),
        (lambda x, t: IS.eps(x, t), "as eps_hat, not x0_hat"),
        (lambda x, t: IS.score(x, t), "as the score, not x0_hat"),
        (md.EquivariantScore(IMAGES, COSINE), "every translation may explain x (ES)"),
        (lambda x, t: IS(x, t) + 0.1, ""),
    ],
)
def test_a_common_slip_is_recognised(slip, words):
    """`formula` compares the answers with what each common slip gives, and says which it is; and nothing if it is none."""
    found = testing.formula(slip, IMAGES, COSINE)
    assert found.held is False
    assert words in found.hint and bool(found.hint) == bool(words)
    assert found.hint in str(found).replace("\n          ", " ")


@needs_jit
def test_a_window_list_read_one_off_is_found():
    """A list of L windows read at floor(t L), not ceil(t L) - 1, differs at t = i / L only: just where a walk of L steps asks."""
    table = [1, 3, 5, 3]
    machines = {k: els(IMAGES, k) for k in table}
    for index, held in ((lambda t: int(np.ceil(t * 4 - 1e-9)) - 1, True), (lambda t: min(int(t * 4), 3), False)):

        def denoiser(x, t, index=index):
            return machines[table[index(t)]](x, t)

        assert testing.formula(denoiser, IMAGES, COSINE, claims="ELS", window=table).held is held


@needs_jit
@pytest.mark.parametrize(
    ("make", "claims", "boundary", "words"),
    [
        (ls, "ELS", "circular", "only its own place"),
        (els, "LS", "circular", "every place may explain every pixel (ELS)"),
        (lambda images: els(images, 5), "ELS", "circular", "a window of 5, not 3"),
        (lambda images: els(images, 3, "zeros"), "ELS", "circular", ""),
        (lambda images: ls(images, 3), "LS", "zeros", "boundary='circular'"),
    ],
)
def test_a_slip_in_the_window_is_recognised(make, claims, boundary, words):
    """The same for windows and candidates: too large a window, another boundary, another set of candidates."""
    hint = check_denoiser(make(IMAGES), IMAGES, COSINE, claims, window=3, boundary=boundary, laws="formula")["formula"].hint
    assert words in hint and bool(hint) == bool(words)


# --- what a student hands in -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("denoiser", "words"),
    [
        (lambda x, t: 1 / 0, "raised ZeroDivisionError: division by zero"),
        (lambda x, t: None, "is there a return?"),
        (lambda x, t: x[0], "it answers with shape"),
        (lambda x, t: x * np.nan, "NaN or inf"),
        (lambda x, t: "x0_hat", "not floats"),
        (lambda x, t: [[1.0], [1.0, 2.0]], "it answers with no array"),
        (lambda x: x, "raised TypeError"),
    ],
)
def test_whatever_a_denoiser_does_is_in_the_report(denoiser, words):
    """A function that raises, returns nothing, another shape, nan or words breaks 'answer', and no other law is tried on it."""
    report = check_denoiser(denoiser, IMAGES, COSINE, "IS")
    assert [result.law for result in report.broken] == ["answer"]
    assert words in report["answer"].where
    assert report["formula"].where == "'answer' is broken"


def test_an_error_names_the_students_line():
    """Where a denoiser raises, the report names the file and the line of it."""

    def denoiser(x, t):
        return x.no_such_thing

    line = inspect.getsourcelines(denoiser)[1] + 1
    assert f"test_testing.py, line {line}" in check_denoiser(denoiser, IMAGES, COSINE)["answer"].where


def test_an_error_without_words_is_told_by_its_name():
    """A bare `raise NotImplementedError` in a student's file is named, without a colon before nothing."""

    def denoiser(x, t):
        raise NotImplementedError

    assert "denoiser raised NotImplementedError (" in check_denoiser(denoiser, IMAGES, COSINE)["answer"].where


def test_a_denoiser_may_take_float64_and_one_time_only():
    """What it refuses, by an error, is not asked of it; the report says so."""

    def denoiser(x, t):
        if x.dtype != np.float64:
            raise TypeError("float64 only")
        return student(IMAGES)(x, float(t))

    report = check_denoiser(denoiser, IMAGES, COSINE, "IS", make=lambda images: student(images)).require()
    assert report["single precision"].held is None and "float64 only" in report["single precision"].where
    assert report["one time per query"].held is None and "one time for all" in report["one time per query"].where


def test_make_is_checked_too():
    """A make that raises, or gives no denoiser, breaks the laws that need it, with its words."""
    for make, words in ((lambda images: 1 / 0, "make raised ZeroDivisionError"), (lambda images: images, "cannot be called")):
        report = check_denoiser(IS, IMAGES, COSINE, "posterior mean", make=make)
        assert {result.law for result in report.broken} == {"order and repetition", "weights sum to one"}
        assert all(words in result.where for result in report.broken)


@needs_jit
def test_images_that_are_all_the_same_break_nothing():
    """Constant training images leave nothing to tell apart: the laws hold or say that they do not apply."""
    for images in (np.ones((3, 4, 4, 1)), np.zeros((1, 3, 3, 1))):
        for make, claims, options in ((ideal_machine, "IS", {}), (els, "ELS", {"window": 3})):
            check_denoiser(make(images), images, COSINE, claims, make=make, **options).require()


def test_data_closed_under_a_mirror_needs_no_make():
    """Images that hold each one's mirror image show data symmetry by themselves; others say what is missing."""
    closed = np.concatenate([IMAGES, np.flip(IMAGES, 2)])
    assert testing.data_symmetry(ideal_machine(closed), closed, COSINE).held
    assert not testing.data_symmetry(lambda x, t: ideal_machine(closed)(x + RAMP, t), closed, COSINE).held
    assert "mirror image" in testing.data_symmetry(IS, IMAGES, COSINE).where


@pytest.mark.parametrize("error", [SystemExit(0), GeneratorExit(), RecursionError("too deep"), MemoryError()], ids=repr)
def test_whatever_is_raised_is_a_broken_law(error):
    """Not only an Exception can come out of a student's code: exit() in a denoiser or in make breaks a law, and ends nothing."""

    def raises(*_):
        raise error

    def fails_later(x, t):
        return raises() if np.ndim(t) == 0 and x.dtype == np.float32 else IS(x, t)

    assert type(error).__name__ in check_denoiser(raises, IMAGES, COSINE, "IS")["answer"].where
    report = check_denoiser(IS, IMAGES, COSINE, "posterior mean", make=raises)
    assert {result.law for result in report.broken} == {"order and repetition", "weights sum to one"}
    for result in check_denoiser(fails_later, IMAGES, COSINE, "IS", make=lambda _: fails_later, laws=SINGLE).results:
        assert result.held is False or isinstance(error, RuntimeError), result
    assert "raised" in str(report)


SINGLE = ("single precision", "near copies")


def test_ctrl_c_is_the_users():
    """A KeyboardInterrupt ends the check, wherever it comes."""

    def interrupted(*_):
        raise KeyboardInterrupt

    for options in ({"denoiser": interrupted}, {"denoiser": IS, "make": interrupted}):
        with pytest.raises(KeyboardInterrupt):
            check_denoiser(images=IMAGES, schedule=COSINE, claims="IS", **options)


class Unprintable(Exception):
    def __str__(self):
        raise ValueError


class Tensor:
    def __array__(self, *_, **__):
        raise RuntimeError("cannot be shown as an array")


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Unprintable(), "Unprintable: its text cannot be shown"),
        (ValueError("\udc80" + 1000 * "x"), "xxx ("),
        (Tensor(), "it answers with no array: cannot be shown as an array"),
        (1e300, "numbers as large as 1e+300"),
    ],
)
def test_any_report_can_be_printed(answer, words):
    """An error without a text, text that no terminal takes, an object of another package, and huge numbers are told."""

    def denoiser(x, t):
        if isinstance(answer, Exception):
            raise answer
        return x * 0 + answer if isinstance(answer, float) else answer

    report = check_denoiser(denoiser, IMAGES, COSINE, "IS")
    assert words in report["answer"].where
    assert len(str(report).encode("utf-8")) < 5000


def test_a_time_dependent_broadcast_prints():
    """x / a, where t of shape (B,) broadcasts into another shape: the report says so, and what that usually means."""
    report = check_denoiser(lambda x, t: x / COSINE.signal(t), IMAGES, COSINE)
    assert [result.law for result in report.broken] == ["one time per query", "value range"]
    assert "reshape it to (B, 1, 1, 1)" in str(report)


@pytest.mark.parametrize("make", [None, "same"])
def test_a_random_denoiser_breaks_one_law(make):
    """A denoiser that draws its answers at random is not repeatable; the other laws then do not apply, with that reason."""
    rng = np.random.default_rng()

    def denoiser(x, t):
        return IS(x + 1e-3 * rng.standard_normal(x.shape), t)

    report = check_denoiser(denoiser, IMAGES, COSINE, "IS", make=make and (lambda images: denoiser))
    assert [result.law for result in report.broken] == ["repeatable"]
    assert "'repeatable' is broken" in report["formula"].where

    def last_digits(x, t):
        return IS(x, t) * (1 + 2e-16 * rng.integers(2))

    report = check_denoiser(last_digits, IMAGES, COSINE, "IS")
    assert report["formula"].held, "sums in a changing order hide no other law"


def test_a_denoiser_that_writes_into_x_is_tried_on():
    """Writing into x is repeatable's mistake too, but the other laws give fresh copies of x, and are still tried."""
    report = check_denoiser(writes_into_x, IMAGES, COSINE, "IS")
    assert {"repeatable", "formula"} <= states(report, False)


def float32_only(make, error):
    """make, for a denoiser that refuses float64: images and questions."""

    def remade(images):
        if images.dtype != np.float32:
            raise error("float32 images")
        machine = make(images)

        def denoiser(x, t):
            if x.dtype != np.float32:
                raise error("float32 only")
            return machine(x, t)

        return denoiser

    return remade


@needs_jit
@pytest.mark.parametrize("error", [TypeError, ValueError, AssertionError, RuntimeError])
def test_a_float32_only_denoiser_is_asked_in_float32(error):
    """A denoiser that raises for float64 is asked in float32 throughout, and held against float32's rounding; so is make."""
    cases = ((ideal_machine, "IS", {}, WHOLE), (els, "ELS", {"window": 3}, LOCAL))
    for make, claims, options, law in cases if error is TypeError else cases[:1]:
        only = float32_only(make, error)
        denoiser = only(IMAGES.astype(np.float32))
        report = check_denoiser(denoiser, IMAGES, COSINE, claims, make=only, **options).require()
        assert law - {"gradient"} <= states(report, True), "rounding hides differences of differences"
        assert report["single precision"].where.startswith("it takes float32 only")
        assert not testing.formula(lambda x, t, f=denoiser: f(x, t) + x / 100, IMAGES, COSINE, claims=claims, **options).held


@pytest.mark.parametrize("error", [TypeError, ValueError, AssertionError, RuntimeError])
def test_a_refusal_of_float32_is_no_mistake(error):
    """A denoiser that takes float64 only may say so in any of the usual ways; an IndexError in float32 is a mistake."""

    def only(raised):
        def denoiser(x, t):
            if x.dtype != np.float64:
                raise raised("float64 only")
            return IS(x, t)

        return denoiser

    assert check_denoiser(only(error), IMAGES, COSINE, "IS")["single precision"].held is None
    assert check_denoiser(only(IndexError), IMAGES, COSINE, "IS")["single precision"].held is False


COLOURED = practice_images(count=5, height=4, width=5, channels=3)
OF_COLOUR = ideal_machine(COLOURED)


def first(x, t):
    if x.shape[1] != 3:
        raise IndexError(f"channels: {x.shape[1]}")
    return np.moveaxis(OF_COLOUR(np.moveaxis(x, 1, 3), t), 3, 1)


def first_in_float32(x, t):
    assert x.dtype == np.float32
    return first(x, t)


@pytest.mark.parametrize(
    ("denoiser", "words"),
    [
        (lambda x, t: np.moveaxis(OF_COLOUR(x, t), 3, 1), "channels first, (B, C, H, W), where (B, H, W, C) is expected"),
        (first, "it answers channels first, (B, C, H, W)"),
        (first_in_float32, "it answers channels first, (B, C, H, W)"),
        (lambda x, t: OF_COLOUR(x.reshape(4, 5, 3), t) if x.ndim == 3 else 1 / 0, "it answers one image, (H, W, C)"),
    ],
)
def test_another_shape_is_named(denoiser, words):
    """Channels first, in the answer or expected in x, and one image where a batch is given, are told in words."""
    found = check_denoiser(denoiser, COLOURED, COSINE, "IS")["answer"]
    assert found.held is False and words in found.where + found.hint


@pytest.mark.parametrize("denoiser", [lambda x, t: x * np.nan, lambda x, t: x[0] * 1j, lambda x, t: 1 / 0])
def test_no_other_shape_is_named_where_it_is_not_the_reason(denoiser):
    """A denoiser that fails for every shape, or answers nan, gets no hint about shapes."""
    assert check_denoiser(denoiser, COLOURED, COSINE, "IS")["answer"].hint == ""


def test_a_slow_denoiser_shows_progress(capsys, monkeypatch):
    """Where patience ends the laws that are done are counted on stderr; a fast denoiser shows nothing, and stdout stays clean."""

    def slow(x, t):
        time.sleep(0.02)
        return IS(x, t)

    monkeypatch.setattr(testing, "PATIENCE", 0.3)
    laws = ("answer", "query by query", "shifts")
    check_denoiser(slow, IMAGES, COSINE, "IS", laws=laws)
    told = capsys.readouterr()
    assert "law" in told.err and told.out == ""
    check_denoiser(IS, IMAGES, COSINE, "IS", laws=laws)
    assert capsys.readouterr() == ("", "")


def test_a_slow_law_shows_how_many_questions_it_asked(capsys, monkeypatch):
    """One law may take minutes: a terminal shows its name and its questions while it runs; a file shows nothing of them."""

    def slow(x, t):
        time.sleep(0.01)
        return IS(x, t)

    monkeypatch.setattr("minidiff.laws.law.PATIENCE", 0.15)
    testing.recitation(slow, IMAGES, COSINE)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    testing.recitation(slow, IMAGES, COSINE)
    testing.order_and_repetition(slow, IMAGES, COSINE, make=lambda images: slow)
    out, err = capsys.readouterr()
    assert out == "" and "recitation: " in err and "order and repetition: " in err and " questions" in err


@pytest.mark.slow
def test_a_slow_wrong_denoiser_is_not_asked_on_and_on():
    """Waiting is time too, for a GPU or asleep: to look for a smaller counter-example takes seconds, not minutes."""
    asked = []

    def slow(x, t):
        asked.append(t)
        time.sleep(0.03)
        # Wrong for full images only, so that no question can be made smaller.
        return IS(x, t) + 0.1 * (np.count_nonzero(x) > 25)

    assert check_denoiser(slow, IMAGES, COSINE, "IS", laws="formula")["formula"].held is False
    assert len(asked) < 100


def without_copies(images):
    return ideal_machine(np.unique(images, axis=0))


@needs_jit
def test_an_image_that_is_there_twice_counts_twice():
    """A denoiser that leaves copies out passes where all images are repeated, and is found where one of them is."""
    for denoiser, make, claims, options in (
        (IS, without_copies, "IS", {}),
        (ls(IMAGES), lambda images: ls(np.unique(images, axis=0)), "LS", {"window": 3}),
    ):
        report = check_denoiser(denoiser, IMAGES, COSINE, claims, make=make, **options)
        assert [result.law for result in report.broken] == ["order and repetition"]
        assert "given twice" in report["order and repetition"].where
        assert "counts once" in report["order and repetition"].usually
    # What is wrong in another way is not told to leave copies out.
    report = check_denoiser(HOTTER, IMAGES, COSINE, "IS", make=lambda images: student(images, rate=lambda a, s: 1 / (4 * s * s)))
    assert report["order and repetition"].held


# --- hints are true --------------------------------------------------------------------------------------------------


def weighed(images, weigh, least=0.0):
    """The ideal denoiser with weigh(exponents) for its weights, and s not below `least`."""

    def denoiser(x, t):
        a, s = float(COSINE.signal(t)), max(float(COSINE.noise(t)), least)
        exponents = -((x[:, None] - (a * images).astype(x.dtype)) ** 2).sum(axis=(2, 3, 4)) / (2 * s * s)
        with np.errstate(invalid="ignore", under="ignore"):
            weights = weigh(exponents)
            weights = weights / weights.sum(axis=1, keepdims=True)
        return (weights @ images.reshape(len(images), -1)).reshape(x.shape).astype(x.dtype)

    return denoiser


def softmax(exponents):
    return np.exp(exponents - exponents.max(axis=1, keepdims=True))


@pytest.mark.parametrize("seed", [0, 100, 200, 300])
@pytest.mark.parametrize("images", [IMAGES, practice_images(count=5, height=2, width=2)], ids=["6 x 5", "2 x 2"])
def test_exponents_clipped_before_the_largest_is_taken_off_are_found(images, seed):
    """For every seed and size one question is so far away that all exponents are clipped; the hint names the clipping."""
    clipped = weighed(images, lambda exponents: softmax(np.clip(exponents, -700, 700)))
    found = check_denoiser(clipped, images, COSINE, "IS", rng=seed)["formula"]
    assert found.held is False and "clipped at -700" in found.hint
    for wrong in (IS if images is IMAGES else ideal_machine(images), clipped):
        assert "clipped" not in testing.formula(lambda x, t, f=wrong: f(x, t) + 0.01, images, COSINE, rng=seed).hint


@pytest.mark.parametrize("law", ["answer", "query by query", "value range", "formula"])
def test_a_missing_maximum_is_not_said_to_be_one_of_the_whole_batch(law):
    """Where exp underflows to 0 / 0 every law that meets the nan says so, and not what that law is usually broken by."""
    found = check_denoiser(weighed(IMAGES, np.exp), IMAGES, COSINE, "IS", laws=law)[law]
    assert found.held is False and "NaN" in found.where
    assert "subtract the largest exponent first" in found.usually and "batch" not in found.usually
    shared = check_denoiser(student(IMAGES, shared_maximum=True), IMAGES, COSINE, "IS", laws="query by query")
    assert shared["query by query"].held is False


@pytest.mark.parametrize("least", [0.05, 0.01, 0.003])
def test_a_floor_under_s_is_not_said_to_be_rounding(least):
    """Near copies are mixed where s cannot fall; expanded squares mix them in float32 only; in float32 both are named."""

    def floored(images):
        return weighed(images, softmax, least)

    def expanded(images):
        return student(images, expanded=True)

    def near_copies(make, through=lambda f: f):
        again = {"make": lambda images: through(make(images)), "laws": "near copies"}
        return check_denoiser(through(make(IMAGES)), IMAGES, COSINE, "IS", **again)["near copies"]

    assert near_copies(floored).held is False
    assert "floor" in near_copies(floored).usually and "expanded" not in near_copies(floored).usually
    assert near_copies(expanded).held is False
    assert "expanded" in near_copies(expanded).usually and "floor" not in near_copies(expanded).usually
    both = near_copies(floored, lambda f: lambda x, t: f(x.astype(np.float32), t))
    assert "expanded" in both.usually and "floor" in both.usually


# --- counter-examples and reports ------------------------------------------------------------------------------------


def test_a_counter_example_is_small_and_real():
    """The array in the report breaks the law when asked again, and is nearly empty."""

    def denoiser(x, t):
        # Wrong only where two neighbours are both bright.
        return IS(x, t) + 0.01 * (np.minimum(x, np.roll(x, 1, 2)) > 0.5)

    found = testing.formula(denoiser, IMAGES, COSINE)
    assert found.held is False
    assert np.count_nonzero(found.x) == 2
    assert np.abs(denoiser(found.x, found.t) - IS(found.x, found.t)).max() > found.allowed


@pytest.mark.parametrize("seed", range(3))
def test_another_question_is_found_where_emptying_does_not_help(seed):
    """Where pixels cannot be emptied one by one, a question of one to three numbers is found that breaks the law too."""

    def denoiser(x, t):
        # Wrong for many dark pixels, and for one that is 2, which noise never is.
        return IS(x, t) + 0.01 * ((x < -0.1).sum() > 7 or (x == 2).any())

    found = testing.formula(denoiser, IMAGES, COSINE, rng=seed)
    assert found.held is False and 1 <= np.count_nonzero(found.x) <= 3
    assert np.abs(denoiser(found.x, found.t) - IS(found.x, found.t)).max() > found.allowed


def test_the_same_seed_gives_the_same_report():
    """A report depends on its arguments alone; another seed asks other questions."""
    first, again, other = (str(check_denoiser(HOTTER, IMAGES, COSINE, "IS", rng=seed)) for seed in (3, 3, 4))
    assert first == again != other
    generators = [str(check_denoiser(IS, IMAGES, COSINE, "IS", rng=np.random.default_rng(5))) for _ in range(2)]
    assert generators[0] == generators[1]


@needs_jit
def test_a_report_reads_well():
    """Printed, a report says what was claimed, gives broken laws first, and fits a notebook; `require` is for pytest."""
    report = check_denoiser(ls(IMAGES), IMAGES, COSINE, "ELS", window=3)
    lines = str(report).splitlines()
    assert lines[0].endswith("'ideal', 'posterior mean', 'local', 'equivariant'; window 3, boundary 'circular'")
    assert lines[1].startswith("BROKEN  shifts")
    assert max(map(len, lines)) <= 140
    assert repr(report) == str(report)
    with pytest.raises(AssertionError, match="shifts"):
        report.require()
    with pytest.raises(KeyError, match="expected one of answer"):
        report["shift"]


def test_every_law_is_a_function_with_its_theorem():
    """Each law is public, has its theorem in one line and more as its docstring, and a signature that help() shows."""
    public = {getattr(testing, name).law for name in testing.__all__ if hasattr(getattr(testing, name), "law")}
    assert public == set(LAWS)
    for name, which in LAWS.items():
        assert which.says == inspect.getdoc(which).splitlines()[0] and which.says.endswith((".", "=."))
        assert which.usually and f"Usually: {which.usually}" in " ".join(inspect.getdoc(which).split())
        assert next(iter(inspect.signature(which).parameters)) == "denoiser"
        assert set(WRONG) == set(LAWS), name


SHORT = theory.ideal(IMAGES)._replace(values=IMAGES[:, 0, 0])


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        (("els",), {}, TypeError, "denoiser: expected a callable"),
        ((IS, IMAGES[..., 0]), {}, ValueError, "images: expected shape (N, H, W, C)"),
        ((IS, IMAGES, "cosine"), {}, TypeError, "schedule: expected a Schedule"),
        ((IS, IMAGES, COSINE, "best"), {}, ValueError, "claims: expected one of ideal,"),
        ((IS, IMAGES, COSINE, ("ideal", "best")), {}, ValueError, "claims: expected one of ideal,"),
        ((IS, IMAGES, COSINE, 3), {}, TypeError, "claims: expected names"),
        ((IS, IMAGES, COSINE, "LS"), {}, ValueError, "window: expected the side k"),
        ((IS, IMAGES, COSINE, "LS"), {"window": 4}, ValueError, "window: expected an odd number"),
        ((IS, IMAGES, COSINE, "IS"), {"window": 3}, ValueError, "claims: expected 'local' among them"),
        ((IS, IMAGES, COSINE, "ES"), {"boundary": "zeros"}, ValueError, "claims: expected 'boundary' with boundary='zeros'"),
        ((IS, IMAGES, COSINE, ("boundary",)), {}, ValueError, "claims: expected 'boundary' together with 'local'"),
        ((IS, IMAGES, COSINE, "rule"), {}, ValueError, "rule: expected with the claim 'rule'"),
        ((IS, IMAGES, COSINE, "IS"), {"attention": np.eye(30)}, ValueError, "attention: expected with the claim 'hears'"),
        ((IS, IMAGES, COSINE, "rule"), {"rule": 3}, TypeError, "rule: expected a function (images, t)"),
        ((IS, IMAGES, COSINE, "rule"), {"rule": lambda images, t: images}, TypeError, "one that returns ndarray"),
        ((IS, IMAGES, COSINE, "rule"), {"rule": lambda y, t: theory.ideal(y[:, 1:])}, ValueError, "rule: expected views"),
        ((IS, IMAGES, COSINE, "rule"), {"rule": lambda y, t: SHORT}, ValueError, "rule: expected answers of 30 numbers"),
        ((IS, IMAGES, COSINE, "hears"), {"attention": np.eye(30)}, ValueError, "window: expected the side k that 'hears'"),
        ((IS, IMAGES, COSINE, "hears"), {"attention": np.eye(9), "window": 3}, ValueError, "expected (30, 30) weights"),
        ((IS, IMAGES, COSINE, ("ideal", "hears")), {"attention": np.eye(30), "window": 3}, ValueError, "shares no pixel"),
        ((IS, IMAGES, COSINE, ("hears", "local")), {}, ValueError, "'hears' without 'local' and 'rule'"),
        ((IS, IMAGES, COSINE), {"boundary": "mirror"}, ValueError, "boundary: expected one of"),
        ((IS, IMAGES, COSINE), {"make": 3}, TypeError, "make: expected a function"),
        ((IS, IMAGES, COSINE), {"rng": True}, TypeError, "rng: expected"),
        ((IS, IMAGES, COSINE), {"rng": -1}, TypeError, "rng: expected"),
        ((IS, IMAGES, COSINE), {"samples": 10}, ValueError, "samples: expected at least 100"),
        ((IS, IMAGES, COSINE), {"laws": "shift"}, ValueError, "laws: expected one of answer,"),
        ((IS, IMAGES, COSINE), {"laws": 3}, TypeError, "laws: expected names such as"),
        ((IS, IMAGES, COSINE), {"laws": ()}, TypeError, "laws: expected names such as"),
    ],
)
def test_bad_arguments_are_named(arguments, options, error, words):
    """Bad arguments raise before the denoiser is asked anything, with the argument, what was expected and what came."""
    with pytest.raises(error) as caught:
        check_denoiser(*arguments, *(IS, IMAGES, COSINE)[len(arguments) :], **options)
    assert words in str(caught.value)


@pytest.mark.parametrize("wrong", [{"count": 0}, {"height": -1}, {"width": 2.5}, {"channels": "3"}])
def test_a_practice_set_has_whole_numbers_of_images_and_pixels(wrong):
    """A set of no images, or of half a pixel, is refused by its names."""
    with pytest.raises((ValueError, TypeError), match="count, height, width, channels: expected"):
        practice_images(**wrong)


def test_a_law_that_breaks_for_several_times_is_told_in_words():
    """A denoiser that is wrong only where each query has a time of its own: the report can be printed, and names the law."""
    machine = IS

    def mixed_up(x, t):
        return machine(x, t) * np.nan if np.ndim(t) else machine(x, t)

    report = check_denoiser(mixed_up, IMAGES, COSINE, "IS")
    assert [one.law for one in report.broken] == ["one time per query"]
    assert "BROKEN one time per query" in " ".join(str(report).split())


# --- false alarms ----------------------------------------------------------------------------------------------------


@needs_jit
@pytest.mark.slow
@pytest.mark.parametrize("name", RIGHT)
def test_no_false_alarms(name):
    """12 seeds and training sets for each machine, 156 runs: no law of a right machine breaks."""
    make, claims, options, _ = RIGHT[name]
    for seed in range(12):
        images = practice_images(2 + seed % 5, 5, 5 + seed % 3, rng=seed)
        check_denoiser(make(images), images, COSINE, claims, make=make, rng=seed, **options).require()


@needs_jit
@pytest.mark.slow
@pytest.mark.parametrize("boundary", ["circular", "zeros"])
def test_no_false_alarms_where_others_are_heard(boundary):
    """The same for the machine that hears one other window, and for maps of any kind, 48 runs in all."""
    for seed in range(12):
        images = practice_images(2 + seed % 5, 3 + seed % 2, 6 + seed % 3, rng=seed)
        one = others(*images.shape[1:3], boundary, seed)
        for attention, claims in ((one, ("ideal", "hears")), ((one + np.roll(one, 1, axis=0)) / 2, "hears")):

            def make(some, attention=attention):
                return hearing(some, attention, boundary)

            options = {"attention": attention, "window": 3, "boundary": boundary, "make": make, "rng": seed}
            check_denoiser(make(images), images, COSINE, claims, **options).require()
