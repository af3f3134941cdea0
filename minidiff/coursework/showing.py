"""Comparing and showing answers: where two answers differ, and what the difference looks like."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..types import Array
from .reading import Outcome

# Two answers agree if they differ by at most this, times the largest number of the right answer, or times 1 if all its numbers
# are smaller. It is far above the rounding errors in float64, for exponents up to some thousands.
TOLERANCE = 1e-6
# One factor makes right answers of a student's if what is left is at most this share of the largest: sums of a few hundred terms
# in float64 are rounded by less.
ROUNDING = 1e-12
# So many different sizes of numbers must be in some answer before a factor, or a wrong order, can be the reason.
SEVERAL = 4
# An array with more numbers than this is shown by its shape.
FEW = 9
NOT_FINITE = "NaN or inf: a division by zero, or exp or log of a number out of range. In a softmax, subtract the maximum first."


class NoAnswer:
    """An answer that is not an array of numbers; `words` say what is wrong with it."""

    def __init__(self, words: str) -> None:
        self.words = words


def outcome_parts(outcome: Outcome, names: Sequence[str]) -> list[Any]:
    """The parts of an outcome, one for each name, or a single one: an array of floats or bools, the error, or a NoAnswer."""
    count = max(1, len(names))
    if outcome.error is not None:
        return [outcome.error] * count
    if not names:
        return [_array(outcome.value)]
    if not isinstance(outcome.value, tuple | list) or len(outcome.value) != count:
        given = "None; is there a return?" if outcome.value is None else _kind(outcome.value)
        return [NoAnswer(f"It must return a tuple ({', '.join(names)}), but it returns {given}.")] * count
    return [_array(value) for value in outcome.value]


def _kind(value):
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    return f"{len(value)} values" if isinstance(value, tuple | list) else f"a {type(value).__name__}"


def _array(value):
    if value is None:
        return NoAnswer("It returns None. Is there a return?")
    if isinstance(value, list | tuple):
        return NoAnswer(f"It returns a {type(value).__name__}, but it must return an array: np.array(...) makes one.")
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        return NoAnswer(f"It must return numbers, but it returns {_kind(value)}.")
    return array if array.dtype.kind == "b" else array.astype(np.float64)


def agree(one: Any, other: Any) -> bool:
    """Whether two parts of answers are the same: arrays may differ by TOLERANCE, and errors must be of one class."""
    if not isinstance(one, np.ndarray) or not isinstance(other, np.ndarray):
        # The words of these errors say which shapes do not fit, or which index is too large, on which axis.
        same = type(one) is type(other) and isinstance(one, BaseException)
        return same and (not isinstance(one, ValueError | IndexError) or str(one) == str(other))
    if one.shape != other.shape:
        return False
    one, other = one.astype(np.float64), other.astype(np.float64)
    finite = np.abs(other[np.isfinite(other)])
    return np.allclose(one, other, rtol=0, atol=TOLERANCE * max(1.0, finite.max(initial=0.0)), equal_nan=True)


def difference(yours: Any, right: Any, said: Callable[[BaseException], str]) -> tuple[str, str]:
    """Two texts about a wrong part: what is wrong with it in general ("" if this is not clear), and how it differs.

    `said(error)` describes an error in one line.
    """
    if isinstance(yours, BaseException):
        return "It ends in an error.", f"yours:    {said(yours)}\nexpected: {shown(right)}"
    if isinstance(yours, NoAnswer):
        return yours.words, f"expected: {shown(right)}"
    if yours.shape != right.shape:
        words = f"It returns an array of shape {yours.shape}, but the shape must be {right.shape}."
        return words, _beside(yours, right)
    words = "" if np.isfinite(yours).all() else NOT_FINITE
    return words, _beside(yours, right)


def _beside(yours, right):
    if yours.shape != right.shape or right.size <= FEW:
        return f"yours:    {shown(yours)}\nexpected: {shown(right)}"
    gap = np.where(yours == right, 0.0, np.abs(np.subtract(yours, right, dtype=np.float64)))  # bools have no difference
    gap[np.isnan(gap)] = np.inf
    off = int((gap > TOLERANCE * max(1.0, np.abs(right).max())).sum())
    place = np.unravel_index(int(gap.argmax()), gap.shape)
    at = ", ".join(map(str, place))
    return f"at [{at}]: yours {shown(yours[place])}, expected {shown(right[place])}; {off} of {right.size} numbers differ"


def likeness(answers: Sequence[Any], rights: Sequence[Array]) -> str:
    """What all answers to a gap's questions have in common with the right ones, in words; "" if nothing is certain.

    One question does not tell: with the training images y and -y any wrong weights give y times a number, so its answer is right
    except for a factor, whatever the mistake. And a factor or an order says nothing about hardly any numbers.
    """
    if not all(isinstance(one, np.ndarray) for one in answers):
        return ""
    pairs = [(one.astype(np.float64), right.astype(np.float64)) for one, right in zip(answers, rights, strict=True)]
    if any(one.shape != right.shape or not np.isfinite(one).all() for one, right in pairs):
        return ""
    if all(agree(one, -right) for one, right in pairs):
        return "The numbers are right, except for their sign."
    for axes in ((1, 0), (1, 0, 2)):
        if all(right.ndim == len(axes) and agree(one, right.transpose(axes)) for one, right in pairs):
            return "Rows and columns are swapped."
    if max(len(np.unique(np.abs(right))) for _, right in pairs) < SEVERAL:
        return ""
    if all(agree(np.sort(one, axis=None), np.sort(right, axis=None)) for one, right in pairs):
        return "The numbers are right, but their order is wrong."
    factor = sum(np.vdot(right, one) for one, right in pairs) / sum(np.vdot(right, right) for _, right in pairs)
    if factor and all(np.abs(one - factor * right).max() <= ROUNDING * np.abs(one).max() for one, right in pairs):
        return f"The numbers are right, except for a factor: all of them are {factor:.4g} times what they should be."
    return ""


def shown(value: Any) -> str:
    """A value as a short text: a small array with its numbers, a large one by its shape, a function by its name."""
    if callable(value):
        doc = (value.__doc__ or "").split("\n")[0]
        return f"{getattr(value, '__name__', 'a function')} ({doc})" if doc else getattr(value, "__name__", "a function")
    if isinstance(value, list | tuple) and all(isinstance(one, int) for one in value):
        return str(value)
    array = np.asarray(value)
    if array.dtype.kind not in "biuf" or not 0 < array.size <= FEW:
        return f"array of shape {array.shape}"
    short = array.squeeze() if array.size > 1 else array.reshape((1,) * min(array.ndim, 1))
    return _nested(short) + (f" of shape {array.shape}" if short.shape != array.shape else "")


def _nested(array):
    if array.ndim == 0:
        return str(array) if array.dtype.kind == "b" else f"{array + 0.0:.4g}"  # + 0.0 turns -0 into 0
    return f"[{', '.join(_nested(np.asarray(one)) for one in array)}]"
