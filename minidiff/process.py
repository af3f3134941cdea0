"""The samplers, which walk back from noise to images; also the forward process and the conversions, from conversions.py.

A denoiser is anything called as `denoiser(x, t) -> x0_hat`. The samplers are generators: they yield after every step, so a
caller can watch, stop or plot. The `x` of the last step is the sample. Each answer of a denoiser is checked: an array of x's
shape and dtype, of finite numbers, and x left as it was. Anything else ends the walk with an error that names the step and t.

In the steps, levels at one time are Python floats: NumPy's own float64 numbers would turn float32 images into float64.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from . import arguments, schedules, theory
from .conversions import add_noise as add_noise
from .conversions import eps_from_v as eps_from_v
from .conversions import eps_from_x0 as eps_from_x0
from .conversions import score_from_x0 as score_from_x0
from .conversions import unit_noise as unit_noise
from .conversions import v_from_x0 as v_from_x0
from .conversions import x0_from_eps as x0_from_eps
from .conversions import x0_from_score as x0_from_score
from .conversions import x0_from_v as x0_from_v
from .types import Array, Denoiser, Label, Rng, Schedule

SLOPES = ("signal", "noise", "signal_slope", "variance_slope")  # what `ode` and `sde` ask of a schedule


class Step(NamedTuple):
    """One step of the way back: the time after the step, the images then, and the estimate x0_hat that the step used."""

    t: float
    x: Array
    x0_hat: Array

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Step) or self.t != other.t:
            return False
        return np.array_equal(self.x, other.x) and np.array_equal(self.x0_hat, other.x0_hat)

    def __ne__(self, other: object) -> bool:
        return not self == other


# --- the way back ----------------------------------------------------------------------------------------------------


class _Way(NamedTuple):
    """What a sampler begins with: x at the first time, the times, the Generator, and the denoiser as denoise(x, t, step)."""

    x: Array
    times: Array
    rng: np.random.Generator
    denoise: Callable[[Array, float, int], Array]

    def walk(self, ahead):
        """Yield every Step, numbered from 1; ahead(x, x0_hat, t, t_next, step) is x at the next time."""
        x = self.x
        for step, (t, t_next) in enumerate(pairwise(self.times), 1):
            x0_hat = self.denoise(x, t, step)
            x = ahead(x, x0_hat, t, t_next, step)
            yield Step(float(t_next), x, x0_hat)


def _start(denoiser, schedule, shape, steps, rng, label, noise, times, dtype, levels=("signal", "noise")):
    """Check a sampler's arguments before the first step."""
    own = getattr(denoiser, "schedule", None)
    if own is not None and own != schedule:
        raise ValueError(f"schedule: expected the denoiser's own, {own}, got {schedule}; hint: pass denoiser.schedule")
    if not callable(denoiser) or isinstance(denoiser, type):
        got = f"the class {denoiser.__name__}" if isinstance(denoiser, type) else type(denoiser).__name__
        raise TypeError(f"denoiser: expected a callable denoiser(x, t), got {got}")
    schedules.check(schedule, *levels)
    dtype = arguments.float_dtype("dtype", dtype)
    if shape is not None:
        shape = arguments.shape("shape", shape, arguments.QUERIES)
    if times is None:
        times = np.linspace(1.0, 0.0, arguments.whole_number("steps", steps, 1) + 1)
    times = arguments.times("times", times)
    if times.ndim != 1 or len(times) < 2 or not (np.diff(times) < 0).all():
        raise ValueError(f"times: expected at least two strictly decreasing times, got shape {times.shape}: {times}")
    checked = [schedules.levels(schedule, t) for t in times]  # all of them, before any work
    s = float(checked[0][1])
    if s == 0:
        raise ValueError(f"times: expected a start with noise (s > 0), got {times[0]:g} where s = 0")
    rng = arguments.generator(rng)
    if noise is None:
        if shape is None:
            raise ValueError("shape: expected (B, H, W, C), got None; hint: give shape= or noise=")
        if len(shape) not in (3, 4):
            raise ValueError(f"shape: expected {arguments.QUERIES}, got {shape}")
        noise = unit_noise(shape, rng, dtype)
    else:
        noise = arguments.queries("noise", noise)
        if shape is not None and shape != noise.shape:
            raise ValueError(f"shape: expected noise's own, {noise.shape}, got {shape}; hint: leave shape= out")
    # A student's own denoiser(x, t) may take no label, so label= is passed only if the caller gave one.
    call = denoiser if label is None else lambda x, t: denoiser(x, t, label=label)
    if s > (most := arguments.MOST[noise.dtype]):
        raise ValueError(f"schedule: expected noise up to {most:g} for {noise.dtype} images, got s = {s:g} at t = {times[0]:g}")
    return _Way(s * noise, times, rng, _checked(call))


def _checked(call):
    """The denoiser as denoise(x, t, step), held to its contract at every call."""

    def denoise(x, t, step):
        before = x.tobytes()
        x0_hat = call(x, float(t))
        wrong = _broken(x0_hat, x, before)
        if wrong is not None:
            error, text = wrong
            raise error(f"denoiser: expected {text}, at step {step}, t = {t:g}")
        return np.array(x0_hat)  # a denoiser may write each answer into the same array

    return denoise


def _broken(x0_hat, x, before):
    """The kind of error and its text where an answer is none; `before` is x as bytes before the call."""
    if not isinstance(x0_hat, np.ndarray):
        return TypeError, f"an array of {x.dtype} of shape {x.shape}, as x, got {arguments.brief(x0_hat)}"
    if x0_hat.shape != x.shape:
        return ValueError, f"x0_hat of shape {x.shape}, as x, got {x0_hat.shape}"
    if x0_hat.dtype != x.dtype:
        return TypeError, f"x0_hat of {x.dtype}, as x, got {x0_hat.dtype} (hint: x0_hat.astype(x.dtype))"
    if np.ma.is_masked(x0_hat):
        return ValueError, f"an array with all its numbers, got {np.ma.count_masked(x0_hat)} masked ones of {x0_hat.size}"
    if not np.isfinite(x0_hat).all():
        return ValueError, f"finite numbers, got {np.count_nonzero(~np.isfinite(x0_hat))} NaN or inf of {x0_hat.size}"
    if x.tobytes() != before:
        return ValueError, "x to be left as it was, got a denoiser that writes into it (hint: x = x.copy() in its first line)"
    return None


def ddim(
    denoiser: Denoiser,
    schedule: Schedule,
    shape: Sequence[int] | None = None,
    steps: int = 20,
    rng: Rng = None,
    label: Label = None,
    noise: Array | None = None,
    times: Sequence[float] | Array | None = None,
    eta: float = 0.0,
    dtype: npt.DTypeLike = np.float32,
) -> Iterator[Step]:
    """Walk back by DDIM (eta = 0: no randomness after the start), by DDPM's ancestral step (eta = 1), or between them.

    A step goes from t, with levels (a, s), to t' < t, with levels (a', s'). With z ~ N(0, I) and
    sigma = eta s' sqrt(1 - (a s' / (a' s))^2) it is::

        x' = a' x0_hat + sqrt(s'^2 - sigma^2) eps_hat + sigma z

    (DDIM eq. 12 and 16, for any a and s). s/a grows with t, so a s' / (a' s) <= 1 and sigma <= s', and no root is of a negative
    number.

    Parameters
    ----------
    denoiser : callable
        denoiser(x, t) -> x0_hat. If it has a `schedule`, it must be this one.
    schedule : Schedule
        Anything with signal(t) and noise(t); for `ode` and `sde` with slopes too.
    shape : (B, H, W, C) or (H, W, C)
        The shape of the samples; not needed with noise=.
    steps : int >= 1
        T. The times are linspace(1, 0, T + 1): the denoiser is called T times, the last time at t = 1/T.
    rng : None, int or numpy Generator
    label : int or name, or (B,) of them, optional
        Passed to the denoiser.
    noise : array, optional
        The start, of unit variance; it is multiplied by s(times[0]) here.
    times : decreasing floats in [0, 1], optional
        Times of your own, in place of steps.
    eta : float in [0, 1]
    dtype : float32 or float64
        The dtype of the start, where rng draws it.

    Yields
    ------
    Step
        (t after the step, x at that time, the x0_hat that the step used); arrays of the start's shape and dtype.

    Raises ValueError or TypeError on bad arguments, before the first step, and at any step where the denoiser's answer is none;
    the error names the step, from 1, and t. Costs one call of the denoiser for each step.

    Examples
    --------
    >>> from minidiff import schedules
    >>> blank = lambda x, t: np.zeros_like(x)
    >>> [round(step.t, 2) for step in ddim(blank, schedules.cosine(), shape=(4, 4, 1), steps=2, rng=0)]
    [0.5, 0.0]
    """
    eta = arguments.number("eta", eta, 0, 1)
    way = _start(denoiser, schedule, shape, steps, rng, label, noise, times, dtype)

    def ahead(x, x0_hat, t, t_next, step):
        kept, fresh = _ddim_split(schedule, t, t_next, eta)
        x = float(schedule.signal(t_next)) * x0_hat + kept * _eps_hat(x, x0_hat, t, schedule)
        return x + fresh * unit_noise(x.shape, way.rng, x.dtype) if fresh > 0 else x

    return way.walk(ahead)


def _eps_hat(x, x0_hat, t, schedule):
    """`eps_from_x0` at a time of the walk, without its checks: the walk has made them."""
    a, s = (x.dtype.type(level(t)) for level in (schedule.signal, schedule.noise))
    if s == 0:  # in x's dtype
        raise ValueError(f"t: eps does not exist where there is no noise, got s = 0 for {x.dtype} images at t = {t:g}")
    return theory.eps_from_x0(x, x0_hat, a, s)


def _ddim_split(schedule, t, t_next, eta):
    """How much noise of the next level is the old noise, and how much is new: (sqrt(s'^2 - sigma^2), sigma)."""
    a, s = schedule.signal(t), schedule.noise(t)
    a_next, s_next = schedule.signal(t_next), schedule.noise(t_next)
    ratio = (a * s_next) / (a_next * s)
    if ratio > 1:
        raise ValueError(f"schedule: expected s/a to grow with t, but it falls from t = {t_next:g} to {t:g}")
    fresh_share = eta * eta * (1 - ratio) * (1 + ratio)
    return float(s_next * np.sqrt(1 - fresh_share)), float(s_next * np.sqrt(fresh_share))


def _velocity(x, x0_hat, t, schedule):
    """dx/dt of the probability-flow ODE (SDE eq. 13) from the two estimates: da/dt x0_hat + ds/dt eps_hat."""
    noise_slope = schedule.variance_slope(t) / (2 * schedule.noise(t))
    return float(schedule.signal_slope(t)) * x0_hat + float(noise_slope) * _eps_hat(x, x0_hat, t, schedule)


def ode(
    denoiser: Denoiser,
    schedule: schedules.Schedule,
    shape: Sequence[int] | None = None,
    steps: int = 20,
    rng: Rng = None,
    label: Label = None,
    noise: Array | None = None,
    times: Sequence[float] | Array | None = None,
    method: str = "heun",
    dtype: npt.DTypeLike = np.float32,
) -> Iterator[Step]:
    """Walk back along the probability-flow ODE, dx/dt = da/dt x0_hat + ds/dt eps_hat (SDE eq. 13), by Euler or Heun.

    Heun's step averages the velocities at both of its ends (EDM, algorithm 1), so it calls the denoiser twice. A step to a time
    with s = 0 is an Euler step, since eps_hat does not exist there. The error falls as 1/T (Euler) and 1/T^2 (Heun).

    Parameters
    ----------
    denoiser, schedule, shape, steps, rng, label, noise, times, dtype
        As for `ddim`.
    method : "euler" or "heun"

    Yields
    ------
    Step
        (t, x, x0_hat); x0_hat is the estimate at the start of the step.

    Raises ValueError or TypeError on bad arguments, before the first step.

    Examples
    --------
    >>> from minidiff import schedules
    >>> blank = lambda x, t: np.zeros_like(x)
    >>> *_, last = ode(blank, schedules.flow(), shape=(4, 4, 1), steps=4, rng=0)
    >>> float(abs(last.x).max())
    0.0
    """
    arguments.choice("method", method, ("euler", "heun"))
    way = _start(denoiser, schedule, shape, steps, rng, label, noise, times, dtype, SLOPES)

    def ahead(x, x0_hat, t, t_next, step):
        slope, dt = _velocity(x, x0_hat, t, schedule), float(t_next - t)
        x_next = x + dt * slope
        if method == "euler" or schedule.noise(t_next) == 0:
            return x_next
        return x + dt / 2 * (slope + _velocity(x_next, way.denoise(x_next, t_next, step), t_next, schedule))

    return way.walk(ahead)


def sde(
    denoiser: Denoiser,
    schedule: schedules.Schedule,
    shape: Sequence[int] | None = None,
    steps: int = 20,
    rng: Rng = None,
    label: Label = None,
    noise: Array | None = None,
    times: Sequence[float] | Array | None = None,
    g: float | Callable[[float], float] | None = None,
    dtype: npt.DTypeLike = np.float32,
) -> Iterator[Step]:
    """Walk back along the reverse SDE by Euler-Maruyama: dx = (velocity - gamma^2/2 score) dt + gamma sqrt(-dt) z.

    `velocity` is dx/dt of the probability-flow ODE, dt < 0 and z ~ N(0, I). In the limit of small steps every gamma(t) gives the
    same distribution at each t: SDE eq. 6 has the gamma of the forward process, SDE eq. 13 has gamma = 0. The gamma of the
    forward process is infinite where a = 0, so the default here is gamma^2 = d(s^2)/dt. It is finite for every schedule, and for
    `ve` it is the gamma of the forward process.

    Parameters
    ----------
    denoiser, schedule, shape, steps, rng, label, noise, times, dtype
        As for `ddim`.
    g : None, float >= 0, or a callable of t
        gamma: how much noise each step adds; with 0 this is `ode` by Euler.

    Yields
    ------
    Step
        (t, x, x0_hat).

    Raises ValueError or TypeError on bad arguments, before the first step. The last step adds noise as all others do; its
    standard deviation is gamma sqrt(1/T), small for many steps.

    Examples
    --------
    >>> from minidiff import schedules
    >>> blank = lambda x, t: np.zeros_like(x)
    >>> *_, last = sde(blank, schedules.cosine(), shape=(4, 4, 1), steps=50, rng=0)
    >>> bool(abs(last.x).max() < 0.5)
    True
    """
    way = _start(denoiser, schedule, shape, steps, rng, label, noise, times, dtype, SLOPES)
    if not (g is None or callable(g)):
        arguments.number("g", g, 0)

    def ahead(x, x0_hat, t, t_next, step):
        strength, dt = _noise_strength(g, schedule, t), float(t_next - t)
        drift = _velocity(x, x0_hat, t, schedule) - strength**2 / 2 * score_from_x0(x, x0_hat, t, schedule)
        x = x + dt * drift
        return x + strength * abs(dt) ** 0.5 * unit_noise(x.shape, way.rng, x.dtype) if strength > 0 else x

    return way.walk(ahead)


def _noise_strength(g, schedule, t):
    if g is None:
        return float(np.sqrt(schedule.variance_slope(t)))
    return arguments.number("g", g(float(t)) if callable(g) else g, 0)


SAMPLERS = {"ddim": ddim, "ode": ode, "sde": sde}
