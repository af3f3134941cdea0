"""Checks of arguments. An error is one line: the argument's name, what was expected, what was given, and a hint."""

from collections.abc import Collection
from typing import Any, TypeVar

import numpy as np

from .types import Array, Rng, Times

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
T = TypeVar("T")


def float_array(name: str, value: Any, shape_hint: str, ndim: int | tuple[int, ...]) -> Array:
    """`value` as a C-contiguous array of float32 or float64, with one of the given numbers of axes and finite numbers only.

    `shape_hint` is the expected shape in words, such as "(N, H, W, C)"; `ndim` is an int or a tuple of ints.
    Raises TypeError on another dtype, ValueError on another shape or on NaN and inf.
    """
    array = np.asarray(value)
    if array.dtype not in FLOATS:
        raise TypeError(
            f"{name}: expected float32 or float64, got {array.dtype}; hint: {name}.astype(np.float32), scaled to [-1, 1]"
        )
    allowed = (ndim,) if isinstance(ndim, int) else ndim
    if array.ndim not in allowed or array.size == 0:
        raise ValueError(f"{name}: expected a non-empty array of shape {shape_hint}, got {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: expected finite numbers, got {np.count_nonzero(~np.isfinite(array))} NaN or inf")
    return np.ascontiguousarray(array)


def image_set(images: Any, name: str = "images") -> Array:
    """A training set as a C-contiguous array (N, H, W, C) of float32 or float64, N >= 1."""
    array = np.asarray(images)
    if array.ndim == 3:
        raise ValueError(f"{name}: expected shape (N, H, W, C), got {array.shape}; hint: add the channel axis, {name}[..., None]")
    return float_array(name, images, "(N, H, W, C)", 4)


def choice(name: str, value: T, allowed: Collection[T]) -> T:
    """`value` itself if it is one of `allowed`, else a ValueError that lists them."""
    if value not in allowed:
        raise ValueError(f"{name}: expected one of {', '.join(map(str, allowed))}, got {value!r}")
    return value


def whole_number(name: str, value: Any, least: int, most: int | None = None) -> int:
    """`value` as an int in [least, most]; True, 2.5 and "3" are refused."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name}: expected a whole number, got {value!r}")
    if value < least or (most is not None and value > most):
        bound = f"at least {least}" if most is None else f"from {least} to {most}"
        raise ValueError(f"{name}: expected {bound}, got {value}")
    return int(value)


def number(name: str, value: Any, least: float = -np.inf, most: float = np.inf) -> float:
    """`value` as a finite float in [least, most]."""
    try:
        result = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: expected a number, got {value!r}") from None
    if not np.isfinite(result) or result < least or result > most:
        raise ValueError(f"{name}: expected a finite number in [{least:g}, {most:g}], got {value!r}")
    return result


def times(name: str, value: Times) -> Array:
    """`value` as a float64 array of times in [0, 1], of the same shape; a single number becomes an array without axes."""
    array = np.asarray(value, dtype=np.float64)
    if array.size == 0 or not ((array >= 0) & (array <= 1)).all():
        raise ValueError(f"{name}: expected times in [0, 1] (0 is clean), got {value!r}")
    return array


def generator(rng: Rng) -> np.random.Generator:
    """A NumPy Generator from None, a seed or a Generator; NumPy's global random state is never used."""
    if isinstance(rng, bool | np.random.RandomState):
        raise TypeError(f"rng: expected None, an int or a numpy Generator, got {rng!r}")
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError):
        raise TypeError(f"rng: expected None, an int >= 0 or a numpy Generator, got {rng!r}") from None
