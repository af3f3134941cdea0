"""Answers held against each other, and shown: what differs, where, and what that looks like in general."""

import numpy as np

# Of the largest number in the right answer, at least 1: far above rounding in float64 of exponents up to some thousands.
TOLERANCE = 1e-6
# Arrays of more numbers than this are shown by their shape.
FEW = 9


class NoAnswer:
    """An answer that is no array of numbers, in words."""

    def __init__(self, words):
        self.words = words


def outcome_parts(outcome, names):
    """The parts of an outcome: each an array of floats or truth values, the error raised, or a NoAnswer."""
    count = max(1, len(names))
    if outcome.error is not None:
        return [outcome.error] * count
    if not names:
        return [_array(outcome.value)]
    if not isinstance(outcome.value, tuple | list) or len(outcome.value) != count:
        given = "None; is there a return?" if outcome.value is None else _kind(outcome.value)
        return [NoAnswer(f"It has to return a tuple ({', '.join(names)}), and it returns {given}.")] * count
    return [_array(value) for value in outcome.value]


def _kind(value):
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    return f"{len(value)} things" if isinstance(value, tuple | list) else f"a {type(value).__name__}"


def _array(value):
    if value is None:
        return NoAnswer("It returns None. Is there a return?")
    if isinstance(value, list | tuple):
        return NoAnswer(f"It returns a {type(value).__name__}, and an array is asked for: np.array(...) makes one.")
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        return NoAnswer(f"It has to return numbers, and it returns {_kind(value)}.")
    return array if array.dtype.kind == "b" else array.astype(np.float64)


def agree(one, other):
    """Whether two parts of answers are the same: arrays up to rounding, errors by their kind."""
    if not isinstance(one, np.ndarray) or not isinstance(other, np.ndarray):
        return type(one) is type(other) and isinstance(one, BaseException)
    if one.shape != other.shape:
        return False
    one, other = one.astype(np.float64), other.astype(np.float64)
    finite = np.abs(other[np.isfinite(other)])
    return np.allclose(one, other, rtol=0, atol=TOLERANCE * max(1.0, finite.max(initial=0.0)), equal_nan=True)


def difference(yours, right, said):
    """(what is wrong in general, "" if that is not plain; how the answer differs, in words) of a part."""
    if isinstance(yours, BaseException):
        return "It ends in an error.", f"yours:    {said(yours)}\nexpected: {shown(right)}"
    if isinstance(yours, NoAnswer):
        return yours.words, f"expected: {shown(right)}"
    if yours.shape != right.shape:
        words = f"It returns an array of shape {yours.shape}, and {right.shape} is asked for."
        return words, _beside(yours, right)
    return _likeness(yours.astype(np.float64), right.astype(np.float64)), _beside(yours, right)


def _beside(yours, right):
    if yours.shape != right.shape or right.size <= FEW:
        return f"yours:    {shown(yours)}\nexpected: {shown(right)}"
    gap = np.where(yours == right, 0.0, np.abs(yours - right))
    gap[np.isnan(gap)] = np.inf
    off = int((gap > TOLERANCE * max(1.0, np.abs(right).max())).sum())
    place = np.unravel_index(int(gap.argmax()), gap.shape)
    at = ", ".join(map(str, place))
    return f"at [{at}]: yours {yours[place]:.4g}, expected {right[place]:.4g}; {off} of {right.size} numbers differ"


def _likeness(yours, right):
    """What an answer of the right shape looks like beside the right one."""
    if not np.isfinite(yours).all():
        return "NaN or inf: a division by zero, or exp of a number far from 0. Take the largest exponent off all of them first."
    if np.any(yours) and agree(yours, -right):
        return "The numbers are right, but for their sign."
    scale = np.vdot(right, right)
    factor = np.vdot(right, yours) / scale if scale else 0.0
    if abs(factor) > 1e-3 and right.size > 1 and agree(yours, factor * right):
        return f"The numbers are right, but for a factor: all of them are {factor:.4g} times what they should be."
    for axes in ((1, 0), (1, 0, 2)):
        if right.ndim == len(axes) and agree(yours, right.transpose(axes)):
            return "Rows and columns are swapped."
    if right.size > 1 and yours.shape == right.shape and agree(np.sort(yours, axis=None), np.sort(right, axis=None)):
        return "The numbers are right, but not their order."
    return ""


def shown(value):
    """A value in a few words or numbers."""
    if callable(value):
        doc = (value.__doc__ or "").split("\n")[0]
        return f"{getattr(value, '__name__', 'a function')} ({doc})" if doc else getattr(value, "__name__", "a function")
    if isinstance(value, list | tuple) and all(isinstance(one, int) for one in value):
        return str(value)
    array = np.asarray(value)
    if array.dtype.kind not in "biuf" or not 0 < array.size <= FEW:
        return f"array of shape {array.shape}"
    plain = array.squeeze() if array.size > 1 else array.reshape((1,) * min(array.ndim, 1))
    return _nested(plain) + (f" of shape {array.shape}" if plain.shape != array.shape else "")


def _nested(array):
    if array.ndim == 0:
        return str(array) if array.dtype.kind == "b" else f"{array + 0.0:.4g}"  # + 0.0 makes 0 of -0
    return f"[{', '.join(_nested(np.asarray(one)) for one in array)}]"
