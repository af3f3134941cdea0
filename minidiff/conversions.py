"""The forward process, and the conversions between x0_hat, eps_hat, score and v.

The formulas are in theory.py. Here a schedule gives a and s, for all queries or one for each; where a formula divides by zero,
an error says so.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from . import arguments, schedules, theory
from .types import Array, Rng, Schedule, Times

# --- forward ---------------------------------------------------------------------------------------------------------


def add_noise(x0: Array, t: Times, schedule: Schedule, rng: Rng = None, eps: Array | None = None) -> Array:
    """Add noise to clean images: x = a(t) x0 + s(t) eps, eps ~ N(0, I) (DDPM eq. 4, with a and s).

    Parameters
    ----------
    x0 : (H, W, C) or (B, H, W, C) float32 or float64
    t : float or (B,) floats in [0, 1]
    schedule : Schedule
    rng : None, int or numpy Generator
        Draws eps, unless eps is given.
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
    x0 = arguments.queries("x0", x0)
    if eps is None:
        eps = unit_noise(x0.shape, rng, x0.dtype)
    else:
        eps = _like("eps", eps, x0)
    return theory.add_noise(x0, eps, *_levels(x0, t, schedule))


def unit_noise(shape: Sequence[int], rng: Rng = None, dtype: npt.DTypeLike = np.float32) -> Array:
    """Unit normal noise of a shape; drawn in float64 and then rounded, so one seed gives the same noise in both dtypes.

    shape is a tuple of whole numbers, 1 or more; dtype is float32 or float64. Raises ValueError or TypeError on any other.
    """
    shape, dtype = arguments.shape("shape", shape, arguments.QUERIES), arguments.float_dtype("dtype", dtype)
    return arguments.generator(rng).standard_normal(shape).astype(dtype)


def _like(name, value, x):
    array = arguments.float_array(name, value, str(x.shape), x.ndim)
    if array.shape != x.shape:
        raise ValueError(f"{name}: expected shape {x.shape}, the same as the images', got {array.shape}")
    return array.astype(x.dtype, copy=False)


def _per_query(level, x):
    """A level a or s shaped to broadcast over x, and in x's dtype: a float64 factor would turn float32 images into float64."""
    level = np.asarray(level)
    if level.ndim == 1 and x.ndim == 4 and len(level) in (1, len(x)):
        level = level.reshape(-1, 1, 1, 1)
    elif level.ndim != 0:
        raise ValueError(f"t: expected a number, or one per query of x with shape {x.shape}, got shape {level.shape}")
    return level.astype(x.dtype)


# --- conversions -----------------------------------------------------------------------------------------------------


WITHOUT = (
    "gives no x0_hat where there is no signal (a(t) = 0); hint: predict v or x0 instead",
    "does not exist where there is no noise (s(t) = 0); hint: use t > 0",
)
SIGNAL, NOISE = range(2)


def _levels(x, t, schedule, divisor=None, what=""):
    """a(t) and s(t) for x; ValueError that names `what` where the divisor, SIGNAL or NOISE, is 0 in x's dtype.

    In float32 an s of 1e-50 is 0, and a division by it would give NaN.
    """
    levels = [_per_query(level, x) for level in schedules.levels(schedule, t)]
    if divisor is not None and (levels[divisor] == 0).any():
        raise ValueError(f"t: {what} {WITHOUT[divisor]}")
    return levels


def _converted(formula, x, estimate, t, schedule, divisor=None, what=""):
    """formula(x, estimate, a, s), of two named arrays, once they are known to be images of one shape."""
    images = arguments.queries(*x)
    return formula(images, _like(*estimate, images), *_levels(images, t, schedule, divisor, what))


def eps_from_x0(x: Array, x0_hat: Array, t: Times, schedule: Schedule) -> Array:
    """The noise estimate eps_hat = (x - a x0_hat) / s; ValueError where s(t) = 0.

    For this and all conversions: x and the estimate are (H, W, C) or (B, H, W, C), t is a float or (B,) floats in [0, 1], and
    the result has the shape and dtype of x.
    """
    return _converted(theory.eps_from_x0, ("x", x), ("x0_hat", x0_hat), t, schedule, NOISE, "eps")


def score_from_x0(x: Array, x0_hat: Array, t: Times, schedule: Schedule) -> Array:
    """The score, grad_x log p(x) = (a x0_hat - x) / s^2 (Tweedie); ValueError where s(t) = 0."""
    return _converted(theory.score_from_x0, ("x", x), ("x0_hat", x0_hat), t, schedule, NOISE, "the score")


def x0_from_score(x: Array, score: Array, t: Times, schedule: Schedule) -> Array:
    """Tweedie's formula, x0_hat = E[x0 | x] = (x + s^2 score) / a; ValueError where a(t) = 0."""
    return _converted(theory.x0_from_score, ("x", x), ("score", score), t, schedule, SIGNAL, "a score")


def x0_from_eps(x: Array, eps_hat: Array, t: Times, schedule: Schedule) -> Array:
    """x0_hat = (x - s eps_hat) / a; ValueError where a(t) = 0, since pure noise holds no information about x0."""
    return _converted(theory.x0_from_eps, ("x", x), ("eps_hat", eps_hat), t, schedule, SIGNAL, "a noise estimate")


def v_from_x0(x0: Array, eps: Array, t: Times, schedule: Schedule) -> Array:
    """The velocity v = a eps - s x0; with a = cos(angle) and s = sin(angle) it is dx / d angle."""
    return _converted(theory.v_from_x0, ("x0", x0), ("eps", eps), t, schedule)


def x0_from_v(x: Array, v: Array, t: Times, schedule: Schedule) -> Array:
    """x0 = (a x - s v) / (a^2 + s^2), the inverse of `v_from_x0`; it exists at every t of every schedule."""
    return _converted(theory.x0_from_v, ("x", x), ("v", v), t, schedule)


def eps_from_v(x: Array, v: Array, t: Times, schedule: Schedule) -> Array:
    """eps = (s x + a v) / (a^2 + s^2); it exists at every t of every schedule."""
    return _converted(theory.eps_from_v, ("x", x), ("v", v), t, schedule)
