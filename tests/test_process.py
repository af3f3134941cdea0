"""Schedules, conversions and samplers against closed forms: Gaussian data, where the way back is known exactly."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import SCHEDULES, SEEDS, TIMES, training_set

import minidiff as md
from minidiff import process
from minidiff.schedules import Schedule

ALL = [make() for make in md.schedules.NAMES.values()]
law = settings(deadline=None, max_examples=40)


def gaussian_denoiser(schedule, mean=0.3, variance=0.25):
    """The exact denoiser of N(mean, variance I): E[x0 | x] = m + a v (x - a m) / (a^2 v + s^2)."""

    def denoiser(x, t):
        a, s = float(schedule.signal(t)), float(schedule.noise(t))
        return mean + a * variance / (a * a * variance + s * s) * (x - a * mean)

    return denoiser


def spread(schedule, t, variance=0.25):
    return float(np.sqrt(schedule.signal(t) ** 2 * variance + schedule.noise(t) ** 2))


# --- schedules -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", ALL, ids=lambda schedule: schedule.name)
def test_slopes_are_the_derivatives_of_the_levels(schedule):
    """signal_slope = da/dt and variance_slope = d(s^2)/dt, by central differences."""
    t, h = np.linspace(0.01, 0.99, 50), 1e-6
    signal = (schedule.signal(t + h) - schedule.signal(t - h)) / (2 * h)
    variance = (schedule.noise(t + h) ** 2 - schedule.noise(t - h) ** 2) / (2 * h)
    np.testing.assert_allclose(schedule.signal_slope(t), signal, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(schedule.variance_slope(t), variance, rtol=1e-6, atol=1e-8)
    assert np.isfinite(schedule.variance_slope([0.0, 1.0])).all()


@pytest.mark.parametrize("schedule", ALL, ids=lambda schedule: schedule.name)
def test_noise_grows_and_the_ends_are_as_said(schedule):
    """s/a grows with t (so DDIM's variance is never negative); s(0) = 0 and a(0) = 1, except VE's s(0) = sigma_min."""
    t = np.linspace(0, 1, 1001)
    a, s = schedule.signal(t), schedule.noise(t)
    assert (s[1:] * a[:-1] > s[:-1] * a[1:]).all()
    assert a[0] == 1
    assert s[0] == (0.01 if schedule.name == "ve" else 0)
    if schedule.name in ("cosine", "linear", "exponential"):
        np.testing.assert_allclose(a * a + s * s, 1, rtol=1e-14)


def test_known_levels():
    """Numbers from the sources: KG's cosine form, the linear and exponential closed forms, VE's ends, flow's middle."""
    cosine = md.schedules.cosine()
    assert f"{float(cosine.signal(1)) ** 2:.3g}" == "0.000155"
    assert f"{1 - float(cosine.signal(0.05)) ** 2:.4f}" == "0.0061"
    np.testing.assert_allclose(md.schedules.linear().signal(0.5) ** 2, np.exp(-(0.05 + 9.95 / 4)), rtol=1e-14)
    np.testing.assert_allclose(md.schedules.exponential(3).signal(0.5) ** 2, np.exp(-3), rtol=1e-14)
    assert float(md.schedules.ve().noise(0.5)) == pytest.approx(np.sqrt(0.5), rel=1e-14)


def test_schedules_are_equal_by_name_and_settings():
    """Two cosines are one schedule; other strengths are not."""
    assert md.schedules.cosine() == md.schedules.cosine()
    assert md.schedules.exponential(5) != md.schedules.exponential(4)


# --- conversions -----------------------------------------------------------------------------------------------------


@law
@given(SCHEDULES, TIMES, SEEDS)
def test_views_of_a_denoiser_undo_each_other(schedule, t, seed):
    """x0_hat, eps_hat, score and v are one thing: there and back is the identity, also at the truth."""
    x0, eps = training_set(seed, (2, 3, 4, 1)), np.random.default_rng(seed).standard_normal((2, 3, 4, 1))
    x = process.add_noise(x0, t, schedule, eps=eps)
    ways = [
        process.x0_from_eps(x, process.eps_from_x0(x, x0, t, schedule), t, schedule),
        process.x0_from_score(x, process.score_from_x0(x, x0, t, schedule), t, schedule),
        process.x0_from_v(x, process.v_from_x0(x0, eps, t, schedule), t, schedule),
    ]
    worst = 1 / float(schedule.signal(t))
    for back in ways:
        np.testing.assert_allclose(back, x0, rtol=0, atol=1e-13 * worst)
    v = process.v_from_x0(x0, eps, t, schedule)
    np.testing.assert_allclose(process.eps_from_v(x, v, t, schedule), eps, rtol=0, atol=1e-12)
    np.testing.assert_allclose(process.eps_from_x0(x, x0, t, schedule), eps, rtol=0, atol=1e-12)


def test_conversions_say_where_they_do_not_exist():
    """No noise: no eps and no score. No signal: no x0 from either."""
    x, flow = np.zeros((2, 2, 1)), md.schedules.flow()
    for function in (process.eps_from_x0, process.score_from_x0):
        with pytest.raises(ValueError, match="does not exist where there is no noise"):
            function(x, x, 0.0, flow)
    for function in (process.x0_from_eps, process.x0_from_score):
        with pytest.raises(ValueError, match="no x0_hat where there is no signal"):
            function(x, x, 1.0, flow)
    assert process.x0_from_v(x, x + 1, 1.0, flow)[0, 0, 0] == -1


def test_a_schedule_of_one_s_own_may_return_plain_floats():
    """signal(t) and noise(t) need not be arrays: with math.cos and math.sin the conversions are those of the cosine schedule."""

    class Circle:
        def signal(self, t):
            return math.cos(math.pi / 2 / 1.008 * t)

        def noise(self, t):
            return math.sin(math.pi / 2 / 1.008 * t)

    x, other = training_set(0, (2, 3, 3, 1)), training_set(1, (2, 3, 3, 1))
    for convert in (process.eps_from_x0, process.score_from_x0, process.x0_from_eps, process.x0_from_score):
        np.testing.assert_allclose(convert(x, other, 0.4, Circle()), convert(x, other, 0.4, md.schedules.cosine()), rtol=1e-13)
    with pytest.raises(ValueError, match="does not exist where there is no noise"):
        process.eps_from_x0(x, other, 0.0, Circle())


def test_noising_has_the_stated_mean_and_variance():
    """x_t - a x_0 has mean 0 and variance s^2: within 5 standard errors over 40,000 numbers, one time per query."""
    schedule, t = md.schedules.cosine(), np.array([0.2, 0.7])
    x0 = np.full((2, 100, 200, 1), 0.5)
    left = process.add_noise(x0, t, schedule, rng=0) - schedule.signal(t).reshape(2, 1, 1, 1) * 0.5
    scaled = left / schedule.noise(t).reshape(2, 1, 1, 1)
    assert (np.abs(scaled.mean(axis=(1, 2, 3))) < 5 / 20000**0.5).all()
    assert (np.abs(scaled.var(axis=(1, 2, 3)) - 1) < 5 * (2 / 20000) ** 0.5).all()


# --- samplers --------------------------------------------------------------------------------------------------------


@law
@given(st.sampled_from(ALL), st.floats(0, 1), st.floats(0.02, 1), st.floats(0.01, 0.99))
def test_ddim_keeps_the_noise_level(schedule, eta, t, share):
    """Old and fresh noise together have variance s'^2, neither is negative, and eta = 1 is DDPM's posterior variance."""
    t_next = t * share
    kept, fresh = process._ddim_split(schedule, t, t_next, eta)
    a, s = float(schedule.signal(t)), float(schedule.noise(t))
    a_next, s_next = float(schedule.signal(t_next)), float(schedule.noise(t_next))
    np.testing.assert_allclose(kept**2 + fresh**2, s_next**2, rtol=1e-12)
    # q(x' | x, x0) of the forward chain from t' to t, whose step has variance s^2 - (a/a')^2 s'^2 (DDPM).
    ancestral = s_next**2 * (s**2 - (a / a_next) ** 2 * s_next**2) / s**2
    np.testing.assert_allclose(fresh**2, eta**2 * ancestral, rtol=1e-6, atol=1e-12 * s_next**2)


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_ddim_of_a_single_image_has_exact_marginals(eta):
    """Data = one image: x_t is N(a y, s^2) at every step for every eta; 5 standard errors over 20,000 numbers."""
    schedule = md.schedules.cosine()
    for step in process.ddim(
        lambda x, t: np.full_like(x, 0.4), schedule, shape=(20000, 1, 1, 1), steps=5, rng=1, eta=eta, dtype=np.float64
    ):
        a, s = float(schedule.signal(step.t)), float(schedule.noise(step.t))
        # The start is s(1) eps, without a(1) y: a shift of a(1) y, carried along at most as it is.
        assert abs(step.x.mean() - 0.4 * a) <= 5 * s / 20000**0.5 + 0.4 * float(schedule.signal(1.0))
        assert abs(step.x.var() - s * s) <= 5 * s * s * (2 / 20000) ** 0.5 + 1e-12


@pytest.mark.parametrize("name", ["cosine", "linear", "exponential", "ve", "flow"])
@pytest.mark.parametrize("sampler", ["ddim", "euler", "heun"])
def test_deterministic_samplers_follow_the_closed_form(name, sampler):
    """Gaussian data: the ODE carries x - a m in proportion to sqrt(a^2 v + s^2) (SDE eq. 13, solved).

    A first-order step's relative error is at most (change of the angle atan(s / a))^2 / v: 2 % for the last of 2,000 steps of
    the exponential schedule, where the angle falls from .07 to 0, and less elsewhere. Heun's is a tenth of that.
    """
    schedule = md.schedules.by_name(name)
    noise = np.random.default_rng(0).standard_normal((1, 4, 4, 1))
    arguments = {"noise": noise, "steps": 2000}
    if sampler == "ddim":
        *_, last = process.ddim(gaussian_denoiser(schedule), schedule, **arguments)
    else:
        *_, last = process.ode(gaussian_denoiser(schedule), schedule, method=sampler, **arguments)
    start = float(schedule.noise(1.0)) * noise - float(schedule.signal(1.0)) * 0.3
    exact = float(schedule.signal(0.0)) * 0.3 + start * spread(schedule, 0.0) / spread(schedule, 1.0)
    share = 0.002 if sampler == "heun" else 0.02
    assert np.abs(last.x - exact).max() < share * np.abs(start).max() * spread(schedule, 0.0) / spread(schedule, 1.0)


@pytest.mark.parametrize("schedule", [md.schedules.exponential(5), md.schedules.cosine()], ids=["exponential", "cosine"])
@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("heun", 2)])
def test_the_error_falls_with_the_order_of_the_method(schedule, method, order):
    """Euler's error falls as 1/T and Heun's as 1/T^2: slope of log error over T = 160 ... 1,280, within 0.1."""
    noise = np.random.default_rng(0).standard_normal((1, 3, 3, 1))
    start = float(schedule.noise(1.0)) * noise - float(schedule.signal(1.0)) * 0.3
    exact = 0.3 + start * spread(schedule, 0.0) / spread(schedule, 1.0)
    steps = np.array([160, 320, 640, 1280])
    errors = []
    for count in steps:
        *_, last = process.ode(gaussian_denoiser(schedule), schedule, noise=noise, steps=int(count), method=method)
        errors.append(np.abs(last.x - exact).max())
    slope = -np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert abs(slope - order) < 0.1, (slope, errors)


@pytest.mark.parametrize("name", ["cosine", "linear", "ve", "flow"])
@pytest.mark.parametrize("g", [None, 0.5])
def test_sde_follows_the_exact_recursion_of_its_own_steps(name, g):
    """Gaussian data make each Euler-Maruyama step linear, so mean and variance follow a recursion; 5 standard errors."""
    schedule, count = md.schedules.by_name(name), 40000
    denoiser = gaussian_denoiser(schedule)
    grid = np.linspace(1, 0, 21)
    mean, variance = 0.0, float(schedule.noise(1.0)) ** 2
    steps = process.sde(denoiser, schedule, shape=(count, 1, 1, 1), times=grid, rng=2, g=g, dtype=np.float64)
    for t, t_next, step in zip(grid[:-1], grid[1:], steps, strict=True):
        strength2 = float(schedule.variance_slope(t)) if g is None else g * g

        def drift(x, t=t, strength2=strength2):
            x0_hat = denoiser(x, t)
            eps_hat = (x - schedule.signal(t) * x0_hat) / schedule.noise(t)
            noise_slope = schedule.variance_slope(t) / (2 * schedule.noise(t))
            velocity = schedule.signal_slope(t) * x0_hat + noise_slope * eps_hat
            return velocity + strength2 / 2 * eps_hat / schedule.noise(t)

        offset = float(drift(0.0))
        slope = float(drift(1.0)) - offset
        dt = t_next - t
        mean = mean + dt * (offset + slope * mean)
        variance = (1 + dt * slope) ** 2 * variance + strength2 * abs(dt)
        assert abs(step.x.mean() - mean) < 5 * (variance / count) ** 0.5 + 1e-12
        assert abs(step.x.var() - variance) < 5 * variance * (2 / count) ** 0.5


@pytest.mark.parametrize("name", ["cosine", "exponential", "ve", "flow"])
def test_sde_ends_at_the_data(name):
    """With many steps the reverse SDE ends at N(m, v + s(0)^2), to 2 % of the range."""
    schedule = md.schedules.by_name(name)
    *_, last = process.sde(gaussian_denoiser(schedule), schedule, shape=(20000, 1, 1, 1), steps=500, rng=3)
    assert abs(last.x.mean() - 0.3) < 0.02
    assert abs(last.x.std() - spread(schedule, 0.0)) < 0.02


def test_sde_without_noise_is_the_ode():
    """g = 0 takes Euler's steps."""
    schedule = md.schedules.cosine()
    noise = np.random.default_rng(0).standard_normal((2, 3, 3, 1))
    pairs = zip(
        process.sde(gaussian_denoiser(schedule), schedule, noise=noise, g=0),
        process.ode(gaussian_denoiser(schedule), schedule, noise=noise, method="euler"),
        strict=True,
    )
    for one, other in pairs:
        np.testing.assert_array_equal(one.x, other.x)


def test_the_default_grid_calls_the_denoiser_at_each_time_but_zero():
    """T steps: T calls, the first at t = 1, the last at t = 1/T, landing on t = 0 (THEORY's slip: starting late)."""
    called = []

    def denoiser(x, t):
        called.append(t)
        return x * 0

    yielded = [step.t for step in process.ddim(denoiser, md.schedules.cosine(), shape=(2, 2, 1), steps=4, rng=0)]
    assert called == [1.0, 0.75, 0.5, 0.25]
    assert yielded == [0.75, 0.5, 0.25, 0.0]


@pytest.mark.parametrize("sampler", process.SAMPLERS.values(), ids=process.SAMPLERS)
def test_seeds_repeat_and_dtypes_stay(sampler):
    """The same seed gives the same bits; float32 stays float32; a Generator is used, not copied; labels are passed on."""
    schedule = md.schedules.cosine()
    denoiser = gaussian_denoiser(schedule)
    first, second = (list(sampler(denoiser, schedule, shape=(2, 3, 3, 1), steps=3, rng=5))[-1] for _ in range(2))
    np.testing.assert_array_equal(first.x, second.x)
    assert first.x.dtype == first.x0_hat.dtype == np.float32
    labelled = []
    list(sampler(lambda x, t, label: labelled.append(label) or x, schedule, shape=(1, 2, 2, 1), steps=1, rng=0, label=7))
    assert set(labelled) == {7}


COSINE = md.schedules.cosine()


def sample(**options):
    return process.ddim(options.pop("denoiser", lambda x, t: x), COSINE, **{"shape": (2, 2, 1), **options})


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: sample(steps=0), ValueError, "steps: expected at least 1, got 0"),
        (lambda: sample(steps=2.5), TypeError, "steps: expected a whole number"),
        (lambda: sample(shape=(2, 2)), ValueError, r"shape: expected \(H, W, C\)"),
        (lambda: sample(shape=None), ValueError, "shape: expected"),
        (lambda: sample(eta=1.5), ValueError, r"eta: expected a finite number in \[0, 1\]"),
        (lambda: sample(rng="seed"), TypeError, "rng: expected None"),
        (lambda: sample(times=[0.0, 1.0]), ValueError, "times: expected at least two strictly decreasing"),
        (lambda: sample(times=[1.5, 0.0]), ValueError, "times: expected times in"),
        (lambda: sample(noise=np.full((2, 2, 1), np.nan)), ValueError, "noise: expected finite"),
        (lambda: sample(noise=np.zeros((3, 2, 1))), ValueError, "shape: expected noise's own"),
        (lambda: sample(denoiser=3), TypeError, "denoiser: expected a callable"),
        (lambda: process.ode(lambda x, t: x, COSINE, shape=(2, 2, 1), method="rk4"), ValueError, "method: expected"),
        (lambda: process.sde(lambda x, t: x, COSINE, shape=(2, 2, 1), g=-1), ValueError, "g: expected"),
        (lambda: md.schedules.by_name("cosin"), ValueError, "schedule: expected one of cosine"),
        (lambda: md.schedules.exponential(-1), ValueError, "strength: expected"),
        (lambda: md.schedules.ve(1, 0.5), ValueError, "sigma_max: expected"),
        (lambda: COSINE.noise(2), ValueError, "t: expected times in"),
        (lambda: process.add_noise(np.zeros((2, 2, 1)), [0.1, 0.2], COSINE), ValueError, "t: expected a number, or one"),
    ],
)
def test_bad_input_is_named(call, error, words):
    """Bad arguments raise before the first denoiser call, in one line."""
    with pytest.raises(error, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: sample(dtype=int), TypeError, "dtype: expected float32 or float64"),
        (lambda: sample(dtype="float16"), TypeError, "dtype: expected float32 or float64, got 'float16'"),
        (lambda: sample(dtype=None), TypeError, "dtype: expected float32 or float64, got None"),
        (lambda: sample(dtype="words"), TypeError, "dtype: expected float32 or float64, got 'words'"),
        (lambda: sample(shape=5), TypeError, "shape: expected .*, got 5"),
        (lambda: sample(shape="abc"), TypeError, "shape: expected .*, got 'abc'"),
        (lambda: sample(shape=()), TypeError, "shape: expected"),
        (lambda: sample(shape=(2, 2.0, 1)), TypeError, "shape: expected a whole number, got 2.0"),
        (lambda: sample(shape=(0, 2, 2, 1)), ValueError, "shape: expected at least 1, got 0"),
        (lambda: sample(shape=(2, 2), noise=np.zeros((2, 2, 1))), ValueError, "shape: expected noise's own"),
        (lambda: process.unit_noise((2, -2, 1)), ValueError, "shape: expected at least 1, got -2"),
        (lambda: process.unit_noise(3.5), TypeError, "shape: expected"),
        (lambda: process.unit_noise((2, 2, 1), dtype=np.int8), TypeError, "dtype: expected"),
        (lambda: md.nets.Network(dtype=None), TypeError, "dtype: expected float32 or float64, got None"),
        (
            lambda: process.ddim(lambda x, t: x, "cosine", shape=(2, 2, 1)),
            TypeError,
            "schedule: expected a Schedule, got 'cosine'",
        ),
        (lambda: process.ode(lambda x, t: x, Levels(), shape=(2, 2, 1)), TypeError, "schedule: expected a Schedule"),
    ],
)
def test_a_shape_or_a_dtype_or_a_schedule_that_is_none_is_named(call, error, words):
    """It is an error before the first step, in one line: not noise of zeros (an integer dtype), nor an error of NumPy's."""
    with pytest.raises(error, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


class Levels:
    """A schedule without slopes, which is enough for `ddim`."""

    signal, noise = COSINE.signal, COSINE.noise


def test_ddim_needs_no_slopes():
    """The levels are enough for it."""
    assert len(list(process.ddim(lambda x, t: x, Levels(), shape=(2, 2, 1), steps=2))) == 2


# --- the contract of a denoiser --------------------------------------------------------------------------------------


def written_into(x):
    x *= 0.5
    return x.copy()


def written_at_one_place(x):
    x[-1, -1, -1] = np.nextafter(x[-1, -1, -1], x.dtype.type(9))
    return np.zeros_like(x)


WRONG = {
    "a wrong shape": (
        lambda x: np.zeros((1, *x.shape), x.dtype),
        ValueError,
        r"x0_hat of shape \(3, 2, 1\), as x, got \(1, 3, 2, 1\)",
    ),
    "a shape that would broadcast": (lambda x: x[:1], ValueError, r"shape \(3, 2, 1\), as x, got \(1, 2, 1\)"),
    "a number": (lambda x: 0.0, TypeError, "an array of float32 of shape"),
    "nothing": (lambda x: None, TypeError, "got None"),
    "a list": (lambda x: x.tolist(), TypeError, "an array of float32"),
    "another dtype": (lambda x: x.astype(np.float64), TypeError, r"x0_hat of float32, as x, got float64 .*astype\(x.dtype\)"),
    "whole numbers": (lambda x: np.zeros(x.shape, int), TypeError, "got int64"),
    "NaN": (lambda x: x * np.nan, ValueError, "finite numbers, got 6 NaN or inf of 6"),
    "one inf": (lambda x: np.where(x == x.max(), np.float32(np.inf), x), ValueError, "finite numbers, got 1 NaN or inf of 6"),
    "a denoiser in place": (written_into, ValueError, "x to be left as it was"),
    "a denoiser that writes one number": (written_at_one_place, ValueError, "x to be left as it was"),
}


@pytest.mark.parametrize("calls", [1, 2, 3])
@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("sampler", process.SAMPLERS.values(), ids=process.SAMPLERS)
def test_a_sampler_holds_the_denoiser_to_its_contract(sampler, wrong, calls):
    """At the first answer and at every later one: shape, dtype, finite numbers, and x as it was; the error names step and t."""
    answer, error, words = wrong
    asked = []

    def denoiser(x, t):
        asked.append(t)
        return answer(x) if len(asked) == calls else np.zeros_like(x)

    with pytest.raises(error, match=f"^denoiser: expected .*{words}") as caught:
        list(sampler(denoiser, COSINE, shape=(3, 2, 1), steps=5, rng=0))
    step = (calls + 1) // 2 if sampler is process.ode else calls  # Heun asks twice in a step
    assert str(caught.value).endswith(f", at step {step}, t = {asked[-1]:g}") and "\n" not in str(caught.value)
    assert len(asked) == calls


def test_a_denoiser_may_answer_in_the_same_array_each_time():
    """A yielded x0_hat stays what it was when the denoiser writes its next answer into the array of the last."""
    answer = np.zeros((2, 2, 1), np.float32)

    def denoiser(x, t):
        answer[:] = t
        return answer

    for sampler in process.SAMPLERS.values():
        steps = list(sampler(denoiser, COSINE, shape=(2, 2, 1), steps=4, rng=0))
        assert [float(step.x0_hat[0, 0, 0]) for step in steps] == [1.0, 0.75, 0.5, 0.25]


def test_a_sampler_refuses_another_schedule():
    """A machine made for one schedule is not walked back along another."""
    machine = md.IdealScore(training_set(0, (2, 2, 2, 1)), COSINE)
    with pytest.raises(ValueError, match="schedule: expected the denoiser's own"):
        process.ddim(machine, md.schedules.flow(), shape=(2, 2, 1))


def test_a_schedule_whose_noise_falls_is_refused():
    """DDIM's variance would be negative there; it is an error, not a clamp."""
    falling = Schedule("falling", (), lambda t: 1.0 + 0 * t, lambda t: 1.5 - t, lambda t: 0 * t, lambda t: 0 * t)
    with pytest.raises(ValueError, match="schedule: expected s/a to grow"):
        list(process.ddim(lambda x, t: x, falling, shape=(2, 2, 1), steps=2, eta=1.0))
