"""Common mistakes: a slip is the right answer with one part replaced, and the hint that a student gets about it.

The slips of a function are written as a table of changes, each with its hint as a comment:

    (x - a * x0_hat) / s -> x - a * x0_hat  # The division by s is missing.
    a = 1.0  # You forgot the factor a: x is a x0 + s eps, so a candidate y is shrunk to a y before it is compared.

A change with an arrow replaces a part of the right function's text, which must be there exactly once. Any other change is a
statement that is run first; it may be `return ...`. Changes that are made together are separated by "; ". Several lines above one
hint are several ways of making one mistake.
"""

import ast
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .. import theory


@dataclass(frozen=True)
class Slip:
    """A common mistake: `words` are the hint for a student, and `changes` make the mistake out of the right function."""

    words: str
    changes: tuple[str, ...]

    def made_in(self, model: Callable[..., Any]) -> Callable[..., Any]:
        """The function that is `model` with this mistake. What it calls stays right; it may also name `theory`."""
        text, first = inspect.getsource(model), []
        for change in self.changes:
            old, arrow, new = change.partition(" -> ")
            if not arrow:
                first.append(change)
            elif text.count(old) == 1:
                text = text.replace(old, new)
            else:
                raise ValueError(f"{model.__name__}: expected {old!r} once in its text, got it {text.count(old)} times")
        module = ast.parse(text)
        function = next(node for node in module.body if isinstance(node, ast.FunctionDef))
        function.body[:0] = ast.parse("\n".join(first)).body
        names = {"theory": theory, **model.__globals__}
        exec(compile(module, f"<{model.__name__}, with a slip>", "exec"), names)
        wrong = names[model.__name__]
        names[model.__name__] = model
        return wrong


def slips(table: str) -> tuple[Slip, ...]:
    """The slips of a table."""
    found: list[tuple[list[str], list[str]]] = []
    for line in table.strip().splitlines():
        change, _, words = line.strip().partition("# ")
        if not found or (change and found[-1][1]):
            found.append(([], []))  # ways of making a mistake, and the words of the hint about it
        for text, kept in zip((change.strip(), words), found[-1], strict=True):
            kept += [text] if text else []
    return tuple(Slip(" ".join(hint), tuple(way.split("; "))) for ways, hint in found for way in ways)


def both(first: Slip, second: Slip) -> Slip:
    """Two mistakes at once."""
    return Slip(f"Two things are wrong. {first.words} {second.words}", first.changes + second.changes)


# --- slips of several exercises ---------------------------------------------------------------------------------------

FORGOT_A = slips("""
    a = 1.0  # It looks as if you forgot the factor a: x is a x0 + s eps, so a candidate y is shrunk to a y before it is compared.
""")
# For a function with the arguments a and s.
VARIANCE = slips("""
    s = np.sqrt(1 - a**2)
        # You assume a^2 + s^2 = 1. For other schedules, such as flow, s is not sqrt(1 - a^2): use the argument s.
""")
# In the exponents -d / (2 s^2), for a function with the text / (2 * s**2).
TEMPERATURES = slips("""
    / (2 * s**2) -> / s**2  # The exponents are twice too large: they are -d / s^2, and should be -d / (2 s^2).
    / (2 * s**2) -> / (2 * s)  # It looks as if s were not squared: the exponents are -d / (2 s), and should be -d / (2 s^2).
    / (2 * s**2) -> / (2 * s) ** 2  # The exponents are half of what they should be: (2 s)^2 is 4 s^2, but it should be 2 s^2.
    / (2 * s**2) -> / (2 * s**4)  # s is squared twice: the exponents are -d / (2 s^4), and should be -d / (2 s^2).
    / (2 * s**2) -> / 2  # The noise level is missing: the exponents are -d / 2, and should be -d / (2 s^2).
    / (2 * s**2) -> / 2 * s**2  # You multiply by s^2: in Python, d / 2 * s**2 is (d / 2) s^2. Write brackets: d / (2 * s**2).
""")
EXPONENTS = FORGOT_A + TEMPERATURES + tuple(both(FORGOT_A[0], other) for other in TEMPERATURES)
# In weights that are made of w = np.exp(-(distances - distances.min()) / (2 * s**2)).
WEIGHTS = slips("""
    -(distances - distances.min()) -> -distances
        # It is right for small distances, but exp(-3000) is 0 in floating point, and 0 / 0 is NaN. Subtract the smallest distance
        # from all of them first.
    / (2 * s**2)) -> / (2 * s**2)) + 1e-300; -(distances - distances.min()) -> -distances
        # A tiny number keeps 0 / 0 away, but far from all candidates it makes all weights equal. Subtract the smallest distance.
    w / w.sum() -> w
    -(distances - distances.min()) -> -distances; w / w.sum() -> w  # The weights do not sum to 1: divide by their sum.
    -(distances - distances.min()) -> (distances - distances.max())
        # The farthest candidate has the largest weight: the exponent needs a minus sign.
    distances.min() -> distances.max()
        # You subtract the largest distance, so the exponents are positive, and exp(1000) is inf. Subtract the smallest.
    distances.min() -> distances.mean()
        # You subtract the mean distance, so exponents far below it are large and positive, and exp(1000) is inf. Subtract the
        # smallest.
    w / w.sum() -> w / np.sqrt((w**2).sum())  # You divide by the root of the sum of squares. Divide by the sum.
    w / w.sum() -> w / len(w)  # The weights are divided by their number. Divide by their sum.
    w / w.sum() -> (w == 1) * 1.0  # Only the nearest candidate has a weight. A softmax gives the others a weight too.
""")
# For a function with the text window - a * patches.
SCALED = slips("""
    window - a * patches -> window / a - patches
        # You compare x / a with the images. But the noise in x / a is (s / a) eps, and not s eps: compare x with a times the
        # images.
""")
# In a machine whose answer at a pixel is w @ values, for candidates with windows `patches` (M, P) and `values` (M, C).
MACHINE = (
    VARIANCE
    + SCALED
    + EXPONENTS
    + slips("""
    k = 3  # The side of your window is always 3. It is k.
    w @ values -> a * w @ values  # The answer is a x0_hat. Average the clean pixels, y and not a y.
    w @ values -> values[w.argmax()]  # You use only the most probable candidate. Take the weighted mean of all.
    w @ values -> values.mean(axis=0)  # You average the candidates without the weights.
    w @ values -> w @ patches[:, : x.shape[2]]
        # You average the pixels in the corners of the windows. Average the pixels in their middle.
    w @ values -> w @ patches.reshape(len(patches), k * k, -1).mean(axis=1)
        # You average the means of the windows. Average the pixels in their middle.
""")
)
# In a function of an image, a pixel (row, column) and a window's side k.
PLACES = slips("""
    row, column = column, row  # Row and column of the pixel are swapped: it is image[row, column].
    k = 3  # The window is always 3 x 3. Its side is k.
""")
