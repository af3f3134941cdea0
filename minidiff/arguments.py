"""Checks of arguments. An error is one line: the argument's name, what was expected, what was given, and a hint."""

import pickle
from collections.abc import Collection, Mapping, Set
from typing import Any, TypeVar

import numpy as np

from .types import Array, Rng, Times

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
# The largest number that an array of floats may hold. The machines add up squares of differences, at most (2 m)^2 each, and these
# must not overflow: with m = 1e15 a float32 has room for 8e7 of them, and with m = 1e150 a float64 for 4e7.
MOST = {FLOATS[0]: 1e15, FLOATS[1]: 1e150}
# Of what machines, networks and samplers are asked.
QUERIES = "(H, W, C) or (B, H, W, C)"
T = TypeVar("T")


def exact(value: Any) -> str:
    """A number in as few digits as tell it from its neighbours: "1" for 1.0, but "1.0000001" for the next float32.

    Examples
    --------
    >>> exact(0.5), exact(np.nextafter(np.float32(1), np.float32(2)))
    ('0.5', '1.0000001')
    """
    short = f"{value:g}"
    return short if float(short) == value else str(value)


def value_range(array: Array) -> str:
    """The smallest and the largest number of an array, such as "0 to 255"."""
    return f"{exact(array.min())} to {exact(array.max())}"


def brief(value: Any) -> str:
    """repr(value) on one line, of at most 80 characters; of an array that holds no single number, its dtype and its shape."""
    if isinstance(value, np.ndarray) and value.size != 1:
        return f"an array of {value.dtype} of shape {value.shape}"
    words = " ".join(repr(value).split())
    return words if len(words) <= 80 else f"{words[:77]}..."


def words_of(error: BaseException) -> str:
    """The text of an error in one line that can be printed, at most 300 characters of it; the error's name if it has none."""
    try:
        words = " ".join(str(error).split())
    except Exception:
        return "its text cannot be shown"
    return words.encode("utf-8", "backslashreplace").decode()[:300] or type(error).__name__


def plain(name: str, value: Any) -> Array:
    """`value` as a NumPy array; ValueError where numbers of it are masked, since np.asarray would show what lies under the mask.

    A list whose parts differ in length is a ValueError too.
    """
    if np.ma.is_masked(value):
        got = f"{np.ma.count_masked(value)} masked ones"
        raise ValueError(f"{name}: expected an array with all its numbers, got {got}; hint: {name}.filled(0), or leave them out")
    try:
        return np.asarray(value)
    except ValueError:
        raise ValueError(f"{name}: expected parts of equal length, got {brief(value)}") from None


def float_array(name: str, value: Any, shape_hint: str, ndim: int | tuple[int, ...]) -> Array:
    """`value` as a C-contiguous array of float32 or float64, with one of the given numbers of axes and finite numbers only.

    `shape_hint` is the expected shape in words, such as "(N, H, W, C)"; `ndim` is an int or a tuple of ints.
    Raises TypeError on another dtype, ValueError on another shape, on NaN and inf, on masked numbers and on those beyond MOST.
    """
    array = plain(name, value)
    if array.dtype not in FLOATS:
        if array.ndim == 0 and array.dtype.kind not in "biufc":  # None, a name, a path
            raise TypeError(f"{name}: expected an array of float32 or float64 of shape {shape_hint}, got {brief(value)}")
        raise TypeError(
            f"{name}: expected float32 or float64, got {array.dtype}; hint: {name}.astype(np.float32), scaled to [-1, 1]"
        )
    allowed = (ndim,) if isinstance(ndim, int) else ndim
    if array.ndim not in allowed or array.size == 0:
        raise ValueError(f"{name}: expected a non-empty array of shape {shape_hint}, got {array.shape}")
    if not -MOST[array.dtype] <= array.min() <= array.max() <= MOST[array.dtype]:  # NaN is in no range
        if wrong := np.count_nonzero(~np.isfinite(array)):
            raise ValueError(f"{name}: expected finite numbers, got {wrong} NaN or inf")
        most = f"{array.dtype} numbers up to {MOST[array.dtype]:g}"
        raise ValueError(f"{name}: expected {most}, got {value_range(array)}; hint: images lie in [-1, 1]")
    return np.ascontiguousarray(array)


def queries(name: str, value: Any) -> Array:
    """One image (H, W, C), or a batch of them (B, H, W, C), as `float_array` gives it."""
    return float_array(name, value, QUERIES, (3, 4))


def image_set(images: Any, name: str = "images") -> Array:
    """A training set as a C-contiguous array (N, H, W, C) of float32 or float64, N >= 1."""
    array = plain(name, images)
    if array.ndim == 3:
        raise ValueError(f"{name}: expected shape (N, H, W, C), got {array.shape}; hint: {missing_axis(name, array.shape)}")
    if array.ndim == 4 and array.shape[1] in (1, 3) and min(array.shape[2:]) > 4:
        hint = f"{name}.transpose(0, 2, 3, 1)"
        raise ValueError(f"{name}: expected the channels last, (N, H, W, C), got {array.shape}; hint: {hint}")
    return float_array(name, array, "(N, H, W, C)", 4)


def float_dtype(name: str, value: Any) -> np.dtype:
    """`value` as the dtype float32 or float64; TypeError on any other, and on None, which NumPy reads as float64."""
    try:
        found = None if value is None else np.dtype(value)
    except TypeError:
        found = None
    if found is None or found not in FLOATS:  # np.dtype(float) == None is True
        raise TypeError(f"{name}: expected float32 or float64, got {brief(value)}")
    return found


def shape(name: str, value: Any, axes: str) -> tuple[int, ...]:
    """`value` as a tuple of whole numbers, 1 or more; `axes` says in words which are expected, such as "(B, H, W, C)"."""
    try:
        sides = tuple(value)
    except TypeError:
        sides = ()
    if not sides or isinstance(value, str | bytes | Set | Mapping):  # a set has lost the order of its sides
        raise TypeError(f"{name}: expected {axes}, got {brief(value)}")
    return tuple(whole_number(name, side, 1) for side in sides)


def labels(name: str, value: Any) -> Array:
    """Labels as an array of the same shape: whole numbers, or names (strings).

    Whole numbers become int64, or Python ints where one does not fit. TypeError on anything else: True, 0.5, None, or both kinds.
    """
    array = plain(name, value) if isinstance(value, np.ndarray | np.generic) else np.array(value, dtype=object)
    if array.dtype.kind == "U" or (array.dtype.kind != "b" and np.can_cast(array.dtype, np.int64)):
        return np.asarray(array) if array.dtype.kind == "U" else np.asarray(array, dtype=np.int64)
    # One by one: NumPy alone would wrap uint64, make floats of [-1, 2**63], and strings of [1, "one"].
    found = np.asarray(array, dtype=object)
    if found.size and all(isinstance(one, str) for one in found.flat):
        return found.astype(np.str_)
    for one in found.flat:
        if isinstance(one, bool | np.bool_) or not isinstance(one, int | np.integer):
            raise TypeError(f"{name}: expected a whole number or a name, or one for each image, got {brief(one)}")
    try:
        return found.astype(np.int64)
    except OverflowError:
        return found


def can_pickle(name: str, value: Any) -> None:
    """TypeError unless pickle can send `value`, a function for example, to another process."""
    try:
        pickle.dumps(value)
    except Exception as error:
        raise TypeError(
            f"{name}: expected a function that pickle can find by its name, got {brief(value)}; hint: define it with def at the "
            f"top of a file, not as a lambda or inside another function ({type(error).__name__})"
        ) from None


def missing_axis(name: str, shape: tuple[int, ...]) -> str:
    """How three axes become four: (480, 640, 3) is one image in colour, (60000, 28, 28) are many grey ones."""
    return f"add the axis of images, {name}[None]" if is_one_image(shape) else f"add the channel axis, {name}[..., None]"


def is_one_image(shape: tuple[int, ...]) -> bool:
    """Whether three axes are probably those of one image, (H, W, C), and not of many grey ones, (N, H, W)."""
    return shape[2] in (1, 3, 4) and shape[1] >= 8


def choice(name: str, value: T, allowed: Collection[T]) -> T:
    """`value` itself if it is one of `allowed`, else a ValueError that lists them."""
    if isinstance(value, np.ndarray) or value not in allowed:
        raise ValueError(f"{name}: expected one of {', '.join(map(str, allowed))}, got {brief(value)}")
    return value


def listed(name: str, value: Any) -> list:
    """`value` as a list; TypeError if it is no sequence."""
    if isinstance(value, str | bytes | Set | Mapping) or np.ndim(value) == 0:
        raise TypeError(f"{name}: expected a list, got {brief(value)}")
    return list(value)


def whole_number(name: str, value: Any, least: int, most: int | None = None) -> int:
    """`value` as an int in [least, most]; True, 2.5 and "3" are refused."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name}: expected a whole number, got {brief(value)}")
    if value < least or (most is not None and value > most):
        bound = f"at least {least}" if most is None else f"from {least} to {most}"
        raise ValueError(f"{name}: expected {bound}, got {brief(int(value))}")
    return int(value)


def number(name: str, value: Any, least: float = -np.inf, most: float = np.inf) -> float:
    """`value` as a finite float in [least, most]."""
    try:
        result = float(value)
    except (TypeError, ValueError, OverflowError):
        raise TypeError(f"{name}: expected a number, got {brief(value)}") from None
    if not np.isfinite(result) or result < least or result > most:
        raise ValueError(f"{name}: expected a finite number in [{exact(least)}, {exact(most)}], got {brief(value)}")
    return result


def times(name: str, value: Times) -> Array:
    """`value` as a float64 array of times in [0, 1], of the same shape; a single number becomes an array without axes."""
    whole = plain(name, value) if np.ma.isMaskedArray(value) else value
    try:
        array = np.asarray(whole, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise TypeError(f"{name}: expected times in [0, 1] (0 is clean), got {brief(value)}") from None
    if array.size == 0 or not ((array >= 0) & (array <= 1)).all():
        got = f"{value_range(array)} in shape {array.shape}" if array.size > 1 else brief(value)
        raise ValueError(f"{name}: expected times in [0, 1] (0 is clean), got {got}")
    return array


def generator(rng: Rng) -> np.random.Generator:
    """A NumPy Generator from None, a seed or a Generator; NumPy's global random state is never used."""
    if isinstance(rng, bool | np.random.RandomState):
        raise TypeError(f"rng: expected None, an int or a numpy Generator, got {brief(rng)}")
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError):
        raise TypeError(f"rng: expected None, an int >= 0 or a numpy Generator, got {brief(rng)}") from None
