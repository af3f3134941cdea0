"""The samplers that walk back, and from conversions.py the forward process and the conversions.

A *denoiser* is anything called as `denoiser(x, t) -> x0_hat`. The samplers are generators: they yield after every step, so a
caller can watch, stop or plot, and the last step's `x` is the sample.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from . import arguments
from .conversions import (
    add_noise,
    eps_from_v,
    eps_from_x0,
    score_from_x0,
    unit_noise,
    v_from_x0,
    x0_from_eps,
    x0_from_score,
    x0_from_v,
)

__all__ = [
    "SAMPLERS",
    "Step",
    "add_noise",
    "ddim",
    "eps_from_v",
    "eps_from_x0",
    "ode",
    "score_from_x0",
    "sde",
    "unit_noise",
    "v_from_x0",
    "x0_from_eps",
    "x0_from_score",
    "x0_from_v",
]


class Step(NamedTuple):
    """One step of the way back: the time after it, the images there, and the estimate x0_hat that led there."""

    t: float
    x: np.ndarray
    x0_hat: np.ndarray


# --- the way back ----------------------------------------------------------------------------------------------------


def _start(denoiser, schedule, shape, steps, rng, label, noise, times, dtype):
    """Check a sampler's arguments before any work: (x at the first time, the time grid, the Generator, the denoiser)."""
    own = getattr(denoiser, "schedule", None)
    if own is not None and own != schedule:
        raise ValueError(f"schedule: expected the denoiser's own, {own}, got {schedule}; hint: pass denoiser.schedule")
    if not callable(denoiser):
        raise TypeError(f"denoiser: expected a callable denoiser(x, t), got {type(denoiser).__name__}")
    if times is None:
        times = np.linspace(1.0, 0.0, arguments.whole_number("steps", steps, 1) + 1)
    times = arguments.times("times", times)
    if times.ndim != 1 or len(times) < 2 or not (np.diff(times) < 0).all():
        raise ValueError(f"times: expected at least two strictly decreasing times, got shape {times.shape}: {times}")
    if schedule.noise(times[0]) == 0:
        raise ValueError(f"times: expected a start with noise (s > 0), got {times[0]:g} where s = 0")
    rng = arguments.generator(rng)
    if noise is None:
        if shape is None:
            raise ValueError("shape: expected (B, H, W, C), got None; hint: give shape= or noise=")
        if len(shape) not in (3, 4) or any(arguments.whole_number("shape", side, 1) < 1 for side in shape):
            raise ValueError(f"shape: expected (H, W, C) or (B, H, W, C), got {shape}")
        noise = unit_noise(tuple(shape), rng, dtype)
    else:
        noise = arguments.float_array("noise", noise, "(H, W, C) or (B, H, W, C)", (3, 4))
        if shape is not None and tuple(shape) != noise.shape:
            raise ValueError(f"shape: expected noise's own, {noise.shape}, got {tuple(shape)}; hint: leave shape= out")
    # A student's own denoiser(x, t) knows no labels, so none is passed unless one was asked for.
    call = denoiser if label is None else lambda x, t: denoiser(x, t, label=label)
    return float(schedule.noise(times[0])) * noise, times, rng, call


def _plain(value):
    """Levels at one time as Python floats, which leave an array's dtype alone."""
    return float(value)


def ddim(
    denoiser,
    schedule,
    shape=None,
    steps=20,
    rng=None,
    label=None,
    noise=None,
    times=None,
    eta=0.0,
    dtype=np.float32,
):
    """Walk back by DDIM (eta = 0, no randomness after the start) up to DDPM's ancestral step (eta = 1).

    From t to t' < t, with (a, s) there and (a', s') here, r = (a s') / (a' s) and sigma = eta s' sqrt(1 - r^2)::

        x' = a' x0_hat + sqrt(s'^2 - sigma^2) eps_hat + sigma z,    z ~ N(0, I)

    (DDIM eq. 12 and 16, for any (a, s)). sigma^2 is never negative, since s/a grows with t and so 0 <= r <= 1, and never
    above s'^2; nothing is clamped.

    Parameters
    ----------
    denoiser : callable
        denoiser(x, t) -> x0_hat. If it has a `schedule`, it must be this one.
    schedule : Schedule
    shape : (B, H, W, C) or (H, W, C)
        Of the samples; not needed with noise=.
    steps : int >= 1
        T: the grid is linspace(1, 0, T + 1), so that the denoiser is called T times, the last time at t = 1/T.
    rng : None, int or numpy Generator
    label : int, or (B,) ints, optional
        Passed on to the denoiser.
    noise : array, optional
        Unit normal start, scaled by s(times[0]) here.
    times : decreasing floats in [0, 1], optional
        A grid of your own, instead of steps.
    eta : float in [0, 1]
    dtype : float32 or float64
        Of the start drawn from rng.

    Yields
    ------
    Step
        (t after the step, x there, the x0_hat that led there); arrays of the start's shape and dtype.

    Raises ValueError or TypeError on bad arguments, before any step. Costs one denoiser call a step.

    Examples
    --------
    >>> from minidiff import schedules
    >>> blank = lambda x, t: np.zeros_like(x)
    >>> [round(step.t, 2) for step in ddim(blank, schedules.cosine(), shape=(4, 4, 1), steps=2, rng=0)]
    [0.5, 0.0]
    """
    eta = arguments.number("eta", eta, 0, 1)
    start = _start(denoiser, schedule, shape, steps, rng, label, noise, times, dtype)
    return _ddim(*start, schedule, eta)


def _ddim(x, times, rng, denoise, schedule, eta):
    for t, t_next in pairwise(times):
        x0_hat = denoise(x, _plain(t))
        eps_hat = eps_from_x0(x, x0_hat, t, schedule)
        kept, fresh = _ddim_split(schedule, t, t_next, eta)
        x = _plain(schedule.signal(t_next)) * x0_hat + kept * eps_hat
        if fresh > 0:
            x = x + fresh * unit_noise(x.shape, rng, x.dtype)
        yield Step(_plain(t_next), x, x0_hat)


def _ddim_split(schedule, t, t_next, eta):
    """How much of s' stays the old noise and how much is drawn anew: (sqrt(s'^2 - sigma^2), sigma)."""
    a, s = schedule.signal(t), schedule.noise(t)
    a_next, s_next = schedule.signal(t_next), schedule.noise(t_next)
    r = (a * s_next) / (a_next * s)
    if r > 1:
        raise ValueError(f"schedule: expected s/a to grow with t, but it falls from t = {t_next:g} to {t:g}")
    fresh_share = eta * eta * (1 - r) * (1 + r)
    return _plain(s_next * np.sqrt(1 - fresh_share)), _plain(s_next * np.sqrt(fresh_share))


def _velocity(x, x0_hat, t, schedule):
    """dx/dt of the probability-flow ODE (SDE eq. 13), written with the two estimates: a' x0_hat + s' eps_hat."""
    noise_slope = schedule.variance_slope(t) / (2 * schedule.noise(t))
    return _plain(schedule.signal_slope(t)) * x0_hat + _plain(noise_slope) * eps_from_x0(x, x0_hat, t, schedule)


def ode(
    denoiser,
    schedule,
    shape=None,
    steps=20,
    rng=None,
    label=None,
    noise=None,
    times=None,
    method="heun",
    dtype=np.float32,
):
    """Walk back along the probability-flow ODE, dx/dt = a'(t) x0_hat + s'(t) eps_hat (SDE eq. 13), by Euler or Heun.

    Heun's step averages the velocities at both ends (EDM, algorithm 1) and so calls the denoiser twice; a step that lands
    where s = 0 is an Euler step, since there is no noise estimate there. The error falls as 1/T (Euler) and 1/T^2 (Heun).

    Parameters
    ----------
    denoiser, schedule, shape, steps, rng, label, noise, times, dtype
        As for `ddim`.
    method : "euler" or "heun"

    Yields
    ------
    Step
        (t, x, x0_hat), x0_hat being the estimate at the step's start.

    Raises ValueError or TypeError on bad arguments, before any step.

    Examples
    --------
    >>> from minidiff import schedules
    >>> blank = lambda x, t: np.zeros_like(x)
    >>> *_, last = ode(blank, schedules.flow(), shape=(4, 4, 1), steps=4, rng=0)
    >>> float(abs(last.x).max())
    0.0
    """
    arguments.choice("method", method, ("euler", "heun"))
    x, times, _, denoise = _start(denoiser, schedule, shape, steps, rng, label, noise, times, dtype)
    return _ode(x, times, denoise, schedule, method)


def _ode(x, times, denoise, schedule, method):
    for t, t_next in pairwise(times):
        x0_hat = denoise(x, _plain(t))
        slope = _velocity(x, x0_hat, t, schedule)
        dt = _plain(t_next - t)
        ahead = x + dt * slope
        if method == "heun" and schedule.noise(t_next) > 0:
            slope_ahead = _velocity(ahead, denoise(ahead, _plain(t_next)), t_next, schedule)
            ahead = x + dt / 2 * (slope + slope_ahead)
        x = ahead
        yield Step(_plain(t_next), x, x0_hat)


def sde(
    denoiser,
    schedule,
    shape=None,
    steps=20,
    rng=None,
    label=None,
    noise=None,
    times=None,
    g=None,
    dtype=np.float32,
):
    """Walk back along the reverse SDE by Euler-Maruyama: dx = (velocity - g^2/2 score) dt + g dw, dt < 0.

    `velocity` is that of the probability-flow ODE; every g(t) gives the same marginals in the limit of small steps (SDE
    eq. 6 and 13 are the cases of the forward process's own g, and of g = 0). The forward process's g is infinite where a = 0,
    so the default here is g^2 = d(s^2)/dt, which stays finite for every schedule and is the forward g for `ve`.

    Parameters
    ----------
    denoiser, schedule, shape, steps, rng, label, noise, times, dtype
        As for `ddim`.
    g : None, float >= 0, or a callable of t
        How much noise is put back; 0 gives the ODE by Euler.

    Yields
    ------
    Step
        (t, x, x0_hat).

    Raises ValueError or TypeError on bad arguments, before any step. The last step adds noise as all others do: its
    standard deviation is g sqrt(1/T), small for many steps.

    Examples
    --------
    >>> from minidiff import schedules
    >>> blank = lambda x, t: np.zeros_like(x)
    >>> *_, last = sde(blank, schedules.cosine(), shape=(4, 4, 1), steps=50, rng=0)
    >>> bool(abs(last.x).max() < 0.5)
    True
    """
    start = _start(denoiser, schedule, shape, steps, rng, label, noise, times, dtype)
    if not (g is None or callable(g)):
        arguments.number("g", g, 0)
    return _sde(*start, schedule, g)


def _sde(x, times, rng, denoise, schedule, g):
    for t, t_next in pairwise(times):
        x0_hat = denoise(x, _plain(t))
        strength = _noise_strength(g, schedule, t)
        drift = _velocity(x, x0_hat, t, schedule)
        drift = drift - strength**2 / 2 * score_from_x0(x, x0_hat, t, schedule)
        dt = _plain(t_next - t)
        x = x + dt * drift
        if strength > 0:
            x = x + strength * abs(dt) ** 0.5 * unit_noise(x.shape, rng, x.dtype)
        yield Step(_plain(t_next), x, x0_hat)


def _noise_strength(g, schedule, t):
    if g is None:
        return _plain(np.sqrt(schedule.variance_slope(t)))
    return arguments.number("g", g(_plain(t)) if callable(g) else g, 0)


SAMPLERS = {"ddim": ddim, "ode": ode, "sde": sde}
