"""The forward process, and the conversions of one denoiser into another: x0_hat, eps_hat, score and v.

The formulas stand in theory.py; here they get a schedule's levels, one for each query, and a word where they do not exist.
"""

import numpy as np

from . import arguments, theory

# --- forward ---------------------------------------------------------------------------------------------------------


def add_noise(x0, t, schedule, rng=None, eps=None):
    """Noise clean images: x_t = a(t) x_0 + s(t) eps, eps ~ N(0, I) (DDPM eq. 4, written in (a, s)).

    Parameters
    ----------
    x0 : (H, W, C) or (B, H, W, C) float32 or float64
    t : float or (B,) floats in [0, 1]
    schedule : Schedule
    rng : None, int or numpy Generator
        Where eps comes from, if it is not given.
    eps : array of x0's shape, optional

    Returns
    -------
    x : array of x0's shape and dtype.

    Raises ValueError on a wrong shape, on NaN or inf, or on t outside [0, 1]. O(B H W C) time and memory.

    Examples
    --------
    >>> from minidiff import schedules
    >>> add_noise(np.ones((2, 2, 1)), 0.0, schedules.cosine(), rng=0)[0, 0, 0]
    np.float64(1.0)
    """
    x0 = arguments.float_array("x0", x0, "(H, W, C) or (B, H, W, C)", (3, 4))
    if eps is None:
        eps = unit_noise(x0.shape, rng, x0.dtype)
    else:
        eps = _like("eps", eps, x0)
    return theory.add_noise(x0, eps, *_both(x0, t, schedule))


def unit_noise(shape, rng=None, dtype=np.float32):
    """Unit normal noise; drawn in float64 and then rounded, so that a seed gives the same noise in either dtype."""
    return arguments.generator(rng).standard_normal(shape).astype(dtype)


def _like(name, value, x):
    array = arguments.float_array(name, value, str(x.shape), x.ndim)
    if array.shape != x.shape:
        raise ValueError(f"{name}: expected shape {x.shape}, the same as the images', got {array.shape}")
    return array.astype(x.dtype, copy=False)


def _per_query(level, x):
    """A level for each query, shaped to broadcast over x, in x's dtype: a float64 factor would turn float32 into float64."""
    level = np.asarray(level)
    if level.ndim == 1 and x.ndim == 4 and len(level) in (1, len(x)):
        level = level.reshape(-1, 1, 1, 1)
    elif level.ndim != 0:
        raise ValueError(f"t: expected a number, or one per query of x with shape {x.shape}, got shape {level.shape}")
    return level.astype(x.dtype)


# --- one denoiser in other words -------------------------------------------------------------------------------------


def _levels(x, t, schedule, what):
    s = schedule.noise(t)
    if (s == 0).any():
        raise ValueError(f"t: {what} does not exist where there is no noise (s(t) = 0); hint: use t > 0")
    return _both(x, t, schedule)


def eps_from_x0(x, x0_hat, t, schedule):
    """The noise estimate eps_hat = (x - a x0_hat) / s; ValueError where s(t) = 0. Shapes (H, W, C) or (B, H, W, C)."""
    return theory.eps_from_x0(x, x0_hat, *_levels(x, t, schedule, "eps"))


def score_from_x0(x, x0_hat, t, schedule):
    """The score grad_x log p_t(x) = (a x0_hat - x) / s^2 (Tweedie); ValueError where s(t) = 0."""
    return theory.score_from_x0(x, x0_hat, *_levels(x, t, schedule, "the score"))


def x0_from_score(x, score, t, schedule):
    """Tweedie's formula, E[x_0 | x] = (x + s^2 score) / a; ValueError where a(t) = 0."""
    return theory.x0_from_score(x, score, *_with_signal(x, t, schedule, "a score"))


def x0_from_eps(x, eps_hat, t, schedule):
    """x0_hat = (x - s eps_hat) / a; ValueError where a(t) = 0: pure noise says nothing of x_0."""
    return theory.x0_from_eps(x, eps_hat, *_with_signal(x, t, schedule, "a noise estimate"))


def _with_signal(x, t, schedule, what):
    a = schedule.signal(t)
    if (a == 0).any():
        raise ValueError(f"t: {what} gives no x0_hat where there is no signal (a(t) = 0); hint: predict v or x0 instead")
    return _both(x, t, schedule)


def v_from_x0(x0, eps, t, schedule):
    """The velocity target v = a eps - s x_0 (for a^2 + s^2 = 1 the slope of x along the circle)."""
    return theory.v_from_x0(x0, eps, *_both(x0, t, schedule))


def x0_from_v(x, v, t, schedule):
    """x_0 = (a x - s v) / (a^2 + s^2), which undoes `v_from_x0` for any (a, s) and at every t."""
    return theory.x0_from_v(x, v, *_both(x, t, schedule))


def eps_from_v(x, v, t, schedule):
    """eps = (s x + a v) / (a^2 + s^2)."""
    return theory.eps_from_v(x, v, *_both(x, t, schedule))


def _both(x, t, schedule):
    return _per_query(schedule.signal(t), x), _per_query(schedule.noise(t), x)
