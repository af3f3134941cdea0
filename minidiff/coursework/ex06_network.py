"""Exercise 06: a convolution, its gradients, and the derivative that checks them. Its gaps, questions and common mistakes."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..types import Array
from .denoisers import draw
from .marking import Exercise, Gap, Slip, raises

# Two inner products are equal if they differ by at most this share. Rounding errors are about 1e-15 of them; the error of a wrong
# gradient is about as large as the gradient.
CLOSE = 1e-9


def shifted(x: Array, i: int, j: int, k: int, *, mode: Any = "constant", start: int = 0) -> Array:
    """x, shifted so that the weight at (i, j) multiplies it; `mode` is np.pad's, and windows begin `start` pixels too late."""
    (height, width), row, column = x.shape[1:3], i + k - k // 2 + start, j + k - k // 2 + start
    return np.pad(x, ((0, 0), (k, k), (k, k), (0, 0)), mode=mode)[:, row : row + height, column : column + width]


def conv(x: Array, weight: Array) -> Array:
    """The convolution, with zeros beyond the border."""
    return _conv(x, weight)


def _conv(x, weight, mode="constant", start=0):
    k = len(weight)
    return sum(shifted(x, i, j, k, mode=mode, start=start) @ weight[i, j] for i in range(k) for j in range(k))


def _turned(weight):
    return weight[::-1, ::-1]


def _transposed(weight):
    return weight.transpose(0, 1, 3, 2)


def _dot(x):
    """An image of 3 x 3 pixels that is x in the middle and 0 elsewhere: its convolution shows the kernel."""
    image = np.zeros((1, 3, 3, 1))
    image[0, 1, 1] = x
    return image


KERNEL = np.arange(1.0, 10.0).reshape(3, 3, 1, 1)
CONV = Gap(
    "conv",
    conv,
    questions=(
        {"x": _dot(1.0), "weight": KERNEL},
        {"x": np.ones((1, 3, 3, 1)), "weight": KERNEL},
        {"x": draw(0, 2, 4, 5, 2), "weight": draw(1, 3, 3, 2, 3)},
        {"x": draw(2, 1, 5, 6, 1), "weight": draw(3, 5, 5, 1, 2)},
    ),
    slips=(
        Slip(
            "The kernel is turned by 180 degrees: weight[i, j] multiplies the pixel at p + (i, j) - (d, d), not at p - (i, j) + "
            "(d, d).",
            lambda x, weight: _conv(x, _turned(weight)),
        ),
        Slip("Your image wraps around. Beyond the border it must have zeros.", lambda x, weight: _conv(x, weight, "wrap")),
        Slip("i and j are swapped: i counts rows, j counts columns.", lambda x, weight: _conv(x, weight.transpose(1, 0, 2, 3))),
        Slip(
            "The window begins at the pixel, but the pixel must be in its middle: the shifts go from -d to d.",
            lambda x, weight: _conv(x, weight, start=len(weight) // 2),
        ),
        Slip(
            "You divide the sum by the number of terms. A convolution is a sum, not a mean.",
            lambda x, w: _conv(x, w) / len(w) ** 2,
        ),
        Slip(
            "You use only the middle of the kernel. Sum over all (i, j).",
            lambda x, weight: x @ weight[len(weight) // 2, len(weight) // 2],
        ),
        Slip("You repeat the last pixel beyond the border. There must be zeros.", lambda x, w: _conv(x, w, "edge")),
        Slip("The loops go beyond the border. Pad with zeros first, or use `shifted`.", raises(IndexError)),
    ),
)


# --- the gradients -----------------------------------------------------------------------------------------------------


def conv_backward_input(dout: Array, weight: Array) -> Array:
    """The gradient with respect to the input."""
    return _conv(dout, _transposed(_turned(weight)))


def _not_adjoint(backward):
    """A text about a wrong conv_backward_input: the law of the adjoint, in numbers."""
    x, weight, dout = draw(10, 1, 4, 3, 2), draw(11, 3, 3, 2, 2), draw(12, 1, 4, 3, 2)
    return _products("dx, x", np.vdot(dout, conv(x, weight)), backward(dout, weight), x)


def _not_adjoint_in_weights(backward):
    """The same for a wrong conv_backward_weight."""
    x, weight, dout = draw(10, 2, 4, 3, 2), draw(11, 3, 3, 2, 2), draw(12, 2, 4, 3, 2)
    return _products("dweight, weight", np.vdot(dout, conv(x, weight)), backward(dout, x, 3), weight)


def _products(names, right, found, other):
    if np.shape(found) != other.shape:
        return ""
    product = np.vdot(found, other)
    if abs(product - right) <= CLOSE * abs(right):
        return ""
    return (
        f"the law of the adjoint is broken: <dout, conv(x, weight)> = {right:.4f}, but <{names}> = {product:.4f} (random arrays)"
    )


def _law(check):
    def law(function, brief):
        try:
            return check(function)
        except Exception:
            return ""

    return law


INPUT = Gap(
    "conv_backward_input",
    conv_backward_input,
    questions=(
        {"dout": _dot(1.0), "weight": KERNEL},
        {"dout": draw(4, 2, 4, 5, 3), "weight": draw(5, 3, 3, 2, 3)},
        {"dout": draw(6, 1, 4, 5, 2), "weight": draw(7, 3, 3, 2, 2)},
    ),
    slips=(
        Slip(
            "The kernel is not turned by 180 degrees. Output q - (i, j) + (d, d) read input q, so the shifts are reversed: use "
            "weight[::-1, ::-1].",
            lambda dout, weight: _conv(dout, _transposed(weight)),
        ),
        Slip(
            "The matrices weight[i, j] are not transposed: dout has O channels, and dx has C.",
            lambda dout, weight: _conv(dout, _turned(weight)),
        ),
        Slip(
            "The matrices weight[i, j] are not transposed: dout has O channels, and dx has C.",
            lambda dout, weight: _conv(dout, weight),
        ),
        Slip(
            "You swapped i and j too. Reverse both ([::-1, ::-1]), and swap only C and O.",
            lambda dout, weight: _conv(dout, weight.transpose(1, 0, 3, 2)),
        ),
        Slip(
            "The kernel is reversed in one direction only. Reverse it in i and in j: [::-1, ::-1].",
            lambda dout, weight: _conv(dout, _transposed(weight[::-1])),
        ),
        Slip(
            "The kernel is reversed in one direction only. Reverse it in i and in j: [::-1, ::-1].",
            lambda dout, weight: _conv(dout, _transposed(weight[:, ::-1])),
        ),
        Slip(
            "Your dout wraps around. Beyond the border there are zeros, in the backward pass too.",
            lambda dout, weight: _conv(dout, _transposed(_turned(weight)), "wrap"),
        ),
    ),
    law=_law(_not_adjoint),
)


def conv_backward_weight(dout: Array, x: Array, k: int) -> Array:
    """The gradient with respect to the weights."""
    return _gathered(dout, x, k)


def _gathered(dout, x, k, term=shifted):
    found = np.empty((k, k, x.shape[3], dout.shape[3]))
    for i, j in np.ndindex(k, k):
        found[i, j] = np.einsum("bhwc,bhwo->co", term(x, i, j, k), dout)
    return found


def _transposed_result(dout, x, k):
    return _gathered(dout, x, k).transpose(0, 1, 3, 2)


WEIGHT = Gap(
    "conv_backward_weight",
    conv_backward_weight,
    questions=(
        {"dout": _dot(1.0), "x": np.arange(1.0, 10.0).reshape(1, 3, 3, 1), "k": 3},
        {"dout": draw(8, 2, 4, 5, 3), "x": draw(9, 2, 4, 5, 2), "k": 3},
    ),
    slips=(
        Slip(
            "The shifts are reversed. Here nothing is turned: weight[i, j] multiplied shifted(x, i, j, k).",
            lambda dout, x, k: _turned(_gathered(dout, x, k)),
        ),
        Slip(
            "It is averaged over the images of the batch. But the loss is one number, and every image adds to it: sum over b.",
            lambda dout, x, k: _gathered(dout, x, k) / len(x),
        ),
        Slip("You use only the first image of the batch. Sum over b.", lambda dout, x, k: _gathered(dout[:1], x[:1], k)),
        Slip("i and j are swapped: i counts rows, j counts columns.", lambda *given: _gathered(*given).transpose(1, 0, 2, 3)),
        Slip("The last two axes are swapped: they are (C, O), and C are the channels of the input.", _transposed_result),
        Slip(
            "x is not shifted. Each weight[i, j] multiplied another shift of x.",
            lambda dout, x, k: _gathered(dout, x, k, lambda x, *_: x),
        ),
        Slip(
            "Your x wraps around. Beyond the border there were zeros.",
            lambda dout, x, k: _gathered(dout, x, k, lambda *given: shifted(*given, mode="wrap")),
        ),
        Slip(
            "It is averaged over all pixels and images. Sum over them.",
            lambda dout, x, k: _gathered(dout, x, k) / x[..., 0].size,
        ),
    ),
    law=_law(_not_adjoint_in_weights),
)


def relu_backward(dout: Array, x: Array) -> Array:
    """dout where x > 0, and 0 elsewhere."""
    return dout * (x > 0)


RELU = Gap(
    "relu_backward",
    relu_backward,
    questions=(
        {"dout": np.array([1.0, 1.0, -2.0]), "x": np.array([3.0, -4.0, 0.5])},
        {"dout": draw(20, 2, 3, 3, 2), "x": draw(21, 2, 3, 3, 2)},
    ),
    slips=(
        Slip(
            "You multiply by the ReLU's value. Multiply by its slope: 1 where x > 0, else 0.",
            lambda dout, x: dout * np.maximum(x, 0),
        ),
        Slip(
            "You test the sign of dout. The slope depends on the sign of x, the input.",
            lambda dout, x: np.maximum(dout, 0),
        ),
        Slip("This is the slope itself. Multiply it by dout (the chain rule).", lambda dout, x: (x > 0) * 1.0),
        Slip("It is the reverse: the slope is 1 where x > 0.", lambda dout, x: dout * (x <= 0)),
        Slip("Your slope is 1 everywhere. Where x < 0, the ReLU is constant, and its slope is 0.", lambda dout, x: dout),
        Slip("This is the ReLU of x itself. Return its slope times dout.", lambda dout, x: np.maximum(x, 0)),
        Slip("You multiply by x. But the slope is 1 or 0, however large x is.", lambda dout, x: dout * x),
    ),
)


def directional_derivative(f: Callable[[Any], float], x: Any, direction: Any, h: float) -> float:
    """The central difference."""
    return (f(x + h * direction) - f(x - h * direction)) / (2 * h)


def sum_of_cubes(x: Array) -> float:
    """the sum of all entries to the third power"""
    return float((x**3).sum())


DERIVATIVE = Gap(
    "directional_derivative",
    directional_derivative,
    questions=(
        {"f": sum_of_cubes, "x": np.array([1.0]), "direction": np.array([1.0]), "h": 0.5},
        {"f": sum_of_cubes, "x": draw(22, 2, 3), "direction": draw(23, 2, 3), "h": 0.1},
    ),
    slips=(
        Slip(
            "This is the one-sided difference, whose error grows with h. Use (f(x + h d) - f(x - h d)) / (2 h): its error grows "
            "with h^2.",
            lambda f, x, d, h: (f(x + h * d) - f(x)) / h,
        ),
        Slip(
            "It is twice too large: the distance from x - h d to x + h d is 2 h, not h.",
            lambda f, x, d, h: (f(x + h * d) - f(x - h * d)) / h,
        ),
        Slip("The division by 2 h is missing.", lambda f, x, d, h: f(x + h * d) - f(x - h * d)),
        Slip(
            "You multiply by h / 2. Divide by 2 h, in brackets: / (2 * h).",
            lambda f, x, d, h: (f(x + h * d) - f(x - h * d)) / 2 * h,
        ),
        Slip("The sign is wrong: it is f(x + h d) minus f(x - h d).", lambda f, x, d, h: (f(x - h * d) - f(x + h * d)) / (2 * h)),
        Slip("You do not multiply the direction by h.", lambda f, x, d, h: (f(x + d) - f(x - d)) / (2 * h)),
        Slip("You go along (1, 1, ...), not along the direction.", lambda f, x, d, h: (f(x + h) - f(x - h)) / (2 * h)),
    ),
)


# --- all of it ---------------------------------------------------------------------------------------------------------


def _together(names):
    """Check a chain of layers, loss = |conv(relu(conv(x, w1)), w2)|^2 / 2: its gradient against differences of the loss."""
    x, first, second = draw(30, 2, 5, 4, 2), draw(31, 3, 3, 2, 3), draw(32, 3, 3, 3, 1)
    along = draw(33, *first.shape), draw(34, *x.shape)

    def loss(weight, image):
        return float((names["conv"](np.maximum(names["conv"](image, weight), 0), second) ** 2).sum() / 2)

    try:
        y = names["conv"](x, first)
        dy = names["relu_backward"](names["conv_backward_input"](names["conv"](np.maximum(y, 0), second), second), y)
        slopes = names["conv_backward_weight"](dy, x, 3), names["conv_backward_input"](dy, first)
        claim = np.vdot(slopes[0], along[0]) + np.vdot(slopes[1], along[1])
        shown = names["directional_derivative"](lambda h: loss(first + h * along[0], x + h * along[1]), 0.0, 1.0, 1e-5)
    except Exception as error:
        return False, f"two convolutions and a ReLU together raise {type(error).__name__}: {error}"
    words = (
        f"two convolutions and a ReLU: along a random direction, your gradient gives the slope {claim:.5f}, "
        f"and differences of the loss give {shown:.5f}"
    )
    # The error of a central difference is about h^2 = 1e-10 (times a third derivative); rounding adds about 1e-16 / h = 1e-11.
    return bool(abs(claim / shown - 1) < 1e-6), words


EXERCISE = Exercise("06", "a network by hand", (CONV, INPUT, WEIGHT, RELU, DERIVATIVE), _together)
