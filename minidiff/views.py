"""The forward process, and the conversions between the views of one denoiser: x0_hat, eps_hat, score and v."""

import numpy as np

from . import checks

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
    x0 = checks.float_array("x0", x0, "(H, W, C) or (B, H, W, C)", (3, 4))
    if eps is None:
        eps = unit_noise(x0.shape, rng, x0.dtype)
    else:
        eps = _like("eps", eps, x0)
    a, s = (_per_query(level, x0) for level in (schedule.signal(t), schedule.noise(t)))
    return a * x0 + s * eps


def unit_noise(shape, rng=None, dtype=np.float32):
    """Unit normal noise; drawn in float64 and then rounded, so that a seed gives the same noise in either dtype."""
    return checks.generator(rng).standard_normal(shape).astype(dtype)


def _like(name, value, x):
    array = checks.float_array(name, value, str(x.shape), x.ndim)
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


# --- the views of one denoiser ---------------------------------------------------------------------------------------


def _levels(x, t, schedule, what):
    s = schedule.noise(t)
    if (s == 0).any():
        raise ValueError(f"t: {what} does not exist where there is no noise (s(t) = 0); hint: use t > 0")
    return _per_query(schedule.signal(t), x), _per_query(s, x)


def eps_from_x0(x, x0_hat, t, schedule):
    """The noise estimate eps_hat = (x - a x0_hat) / s; ValueError where s(t) = 0. Shapes (H, W, C) or (B, H, W, C)."""
    a, s = _levels(x, t, schedule, "eps")
    return (x - a * x0_hat) / s


def score_from_x0(x, x0_hat, t, schedule):
    """The score grad_x log p_t(x) = (a x0_hat - x) / s^2 (Tweedie); ValueError where s(t) = 0."""
    a, s = _levels(x, t, schedule, "the score")
    # Twice by s: in float32 s * s is already 0 at s = 1e-23, and s^2 by itself loses digits below 1e-19.
    return (a * x0_hat - x) / s / s


def x0_from_score(x, score, t, schedule):
    """Tweedie's formula, E[x_0 | x] = (x + s^2 score) / a; ValueError where a(t) = 0."""
    a = _signal_only(x, t, schedule, "a score")
    s = _per_query(schedule.noise(t), x)
    return (x + s * (s * score)) / a


def x0_from_eps(x, eps_hat, t, schedule):
    """x0_hat = (x - s eps_hat) / a; ValueError where a(t) = 0: pure noise says nothing of x_0."""
    a = _signal_only(x, t, schedule, "a noise estimate")
    return (x - _per_query(schedule.noise(t), x) * eps_hat) / a


def _signal_only(x, t, schedule, what):
    a = schedule.signal(t)
    if (a == 0).any():
        raise ValueError(f"t: {what} gives no x0_hat where there is no signal (a(t) = 0); hint: predict v or x0 instead")
    return _per_query(a, x)


def v_from_x0(x0, eps, t, schedule):
    """The velocity target v = a eps - s x_0 (for a^2 + s^2 = 1 the slope of x along the circle)."""
    return _per_query(schedule.signal(t), x0) * eps - _per_query(schedule.noise(t), x0) * x0


def x0_from_v(x, v, t, schedule):
    """x_0 = (a x - s v) / (a^2 + s^2), which undoes `v_from_x0` for any (a, s) and at every t."""
    a, s = (_per_query(level, x) for level in (schedule.signal(t), schedule.noise(t)))
    return (a * x - s * v) / (a * a + s * s)


def eps_from_v(x, v, t, schedule):
    """eps = (s x + a v) / (a^2 + s^2)."""
    a, s = (_per_query(level, x) for level in (schedule.signal(t), schedule.noise(t)))
    return (s * x + a * v) / (a * a + s * s)
