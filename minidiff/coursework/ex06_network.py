"""Exercise 06: a convolution, its gradients, and the derivative that checks them. Its gaps, questions and common mistakes."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..types import Array
from .denoisers import draw, slope_agrees
from .marking import Exercise, Law, gap
from .slips import slips

# Two inner products are equal if they differ by at most this share. Rounding errors are about 1e-15 of them; the error of a wrong
# gradient is about as large as the gradient.
CLOSE = 1e-9


def shifted(x: Array, i: int, j: int, k: int, mode: Any = "constant") -> Array:
    """x, shifted so that the weight at (i, j) multiplies it; `mode` is np.pad's."""
    d, (height, width) = k // 2, x.shape[1:3]
    return np.pad(x, ((0, 0), (d, d), (d, d), (0, 0)), mode=mode)[:, i : i + height, j : j + width]


def conv(x: Array, weight: Array) -> Array:
    """The convolution, with zeros beyond the border."""
    k = len(weight)
    return sum(shifted(x, i, j, k) @ weight[i, j] for i in range(k) for j in range(k))


# An image of 3 x 3 pixels that is 1 in the middle and 0 elsewhere: its convolution shows the kernel.
DOT = np.pad(np.ones((1, 1, 1, 1)), ((0, 0), (1, 1), (1, 1), (0, 0)))
KERNEL = np.arange(1.0, 10.0).reshape(3, 3, 1, 1)
CONV = gap(
    conv,
    (DOT, KERNEL),
    (np.ones((1, 3, 3, 1)), KERNEL),
    (draw(0, 2, 4, 5, 2), draw(1, 3, 3, 2, 3)),
    (draw(2, 1, 5, 6, 1), draw(3, 5, 5, 1, 2)),
    slips=slips("""
        weight[i, j] -> weight[-1 - i, -1 - j]
            # The kernel is turned by 180 degrees: weight[i, j] multiplies the pixel p + (i, j) - (d, d), not p - (i, j) + (d, d).
        shifted(x, i, j, k) -> shifted(x, i, j, k, "wrap")  # Your image wraps around. Beyond the border it must have zeros.
        weight[i, j] -> weight[j, i]  # i and j are swapped: i counts rows, j counts columns.
        shifted(x, i, j, k) -> np.pad(x, ((0, 0), (0, k), (0, k), (0, 0)))[:, i : i + x.shape[1], j : j + x.shape[2]]
            # The window begins at the pixel, but the pixel must be in its middle: the shifts go from -d to d.
        return sum -> return 1 / k**2 * sum  # You divide the sum by the number of terms. A convolution is a sum, not a mean.
        return x @ weight[len(weight) // 2, len(weight) // 2]  # You use only the middle of the kernel. Sum over all (i, j).
        return shifted(x, len(weight) - 1, len(weight) - 1, len(weight)) @ weight[-1, -1]
            # Only the last term is left: add the terms by +=, because = forgets those before.
        k = len(weight) -> k = 3  # The kernel is always 3 x 3 in your function. Its side is len(weight).
        shifted(x, i, j, k) -> shifted(x, i, j, k, "edge")  # You repeat the last pixel beyond the border. There must be zeros.
        for i in range(k) for j in range(k) -> for i in range(k - 1) for j in range(k - 1)
            # The last row and column of the kernel are missing: a range that ends at k does not contain k.
        weight[i, j] -> weight[i, j].T
            # weight[i, j] must not be transposed in the forward pass: it is C x O, and x has C channels.
        @ weight[i, j] -> * weight[i, j]
            # You multiply number by number. The channels of a pixel are multiplied by the matrix weight[i, j]: use @.
        raise IndexError  # The loops go beyond the border. Pad with zeros first, or use `shifted`.
    """),
)


# --- the gradients -----------------------------------------------------------------------------------------------------


def conv_backward_input(dout: Array, weight: Array) -> Array:
    """The gradient with respect to the input."""
    return conv(dout, weight[::-1, ::-1].transpose(0, 1, 3, 2))


def conv_backward_weight(dout: Array, x: Array, k: int) -> Array:
    """The gradient with respect to the weights."""
    dweight = np.empty((k, k, x.shape[3], dout.shape[3]))
    for i, j in np.ndindex(k, k):
        dweight[i, j] = np.einsum("bhwc,bhwo->co", shifted(x, i, j, k), dout)
    return dweight


def adjoint(name: str, given: tuple, other: Array, right: float) -> Law:
    """The law of the adjoint: <dout, conv(x, weight)>, which is `right`, equals <a gradient's answer to `given`, other>."""

    def law(gradient: Callable[..., Array], brief: bool) -> str:
        found = gradient(*given)
        if np.shape(found) != other.shape or abs(np.vdot(found, other) - right) <= CLOSE * abs(right):
            return ""
        both = f"<dout, conv(x, weight)> = {right:.4f}, but <d{name}, {name}> = {np.vdot(found, other):.4f}"
        return f"the law of the adjoint is broken: {both} (random arrays)"

    return law


X, RANDOM, DOUT = draw(10, 2, 4, 3, 2), draw(11, 3, 3, 2, 2), draw(12, 2, 4, 3, 2)
PRODUCT = float(np.vdot(DOUT, conv(X, RANDOM)))
INPUT = gap(
    conv_backward_input,
    (DOT, KERNEL),
    (draw(4, 2, 4, 5, 3), draw(5, 3, 3, 2, 3)),
    (draw(6, 1, 4, 5, 2), draw(7, 3, 3, 2, 2)),
    slips=slips("""
        weight[::-1, ::-1] -> weight
            # The kernel is not turned by 180 degrees. Output q - (i, j) + (d, d) read input q, so the shifts are reversed: use
            # weight[::-1, ::-1].
        .transpose(0, 1, 3, 2) -> .copy()
        weight[::-1, ::-1].transpose(0, 1, 3, 2) -> weight
            # The matrices weight[i, j] are not transposed: dout has O channels, and dx has C.
        weight[::-1, ::-1].transpose(0, 1, 3, 2) -> weight.transpose(1, 0, 3, 2)
            # You swapped i and j too. Reverse both ([::-1, ::-1]), and swap only C and O.
        weight[::-1, ::-1].transpose(0, 1, 3, 2) -> weight.T
        weight[::-1, ::-1].transpose(0, 1, 3, 2) -> weight[::-1, ::-1].T
            # .T reverses all four axes. Swap only the last two, C and O: .transpose(0, 1, 3, 2).
        weight[::-1, ::-1] -> weight[::-1]
        weight[::-1, ::-1] -> weight[:, ::-1]  # The kernel is reversed in one direction. Reverse it in both: [::-1, ::-1].
        return sum(shifted(dout, i, j, len(weight), "wrap") @ weight[-1 - i, -1 - j].T for i, j in np.ndindex(weight.shape[:2]))
            # Your dout wraps around. Beyond the border there are zeros, in the backward pass too.
    """),
    law=adjoint("x", (DOUT, RANDOM), X, PRODUCT),
)
WEIGHT = gap(
    conv_backward_weight,
    (DOT, np.arange(1.0, 10.0).reshape(1, 3, 3, 1), 3),
    (draw(8, 2, 4, 5, 3), draw(9, 2, 4, 5, 2), 3),
    (draw(8, 2, 4, 5, 1), draw(9, 2, 4, 5, 2), 1),
    slips=slips("""
        dweight[i, j] -> dweight[-1 - i, -1 - j]
            # The shifts are reversed. Here nothing is turned: weight[i, j] multiplied shifted(x, i, j, k).
        return dweight -> return dweight / len(x)
            # It is averaged over the images of the batch. But the loss is one number, and every image adds to it: sum over b.
        dout, x = dout[:1], x[:1]  # You use only the first image of the batch. Sum over b.
        dout, x = dout[-1:], x[-1:]  # Only the last image of the batch is left: add images by +=, because = forgets those before.
        k = 3
        np.ndindex(k, k) -> np.ndindex(3, 3)  # The kernel is always 3 x 3 in your function. Its side is k.
        dweight[i, j] -> dweight[j, i]  # i and j are swapped: i counts rows, j counts columns.
        return dweight -> return dweight.transpose(0, 1, 3, 2)
            # The last two axes are swapped: they are (C, O), and C are the channels of the input.
        shifted(x, i, j, k) -> x  # x is not shifted. Each weight[i, j] multiplied another shift of x.
        shifted(x, i, j, k) -> shifted(x, i, j, k, "wrap")  # Your x wraps around. Beyond the border there were zeros.
        return dweight -> return dweight / x[..., 0].size  # It is averaged over all pixels and images. Sum over them.
    """),
    law=adjoint("weight", (DOUT, X, 3), RANDOM, PRODUCT),
)


def relu_backward(dout: Array, x: Array) -> Array:
    """dout where x > 0, and 0 elsewhere."""
    return dout * (x > 0)


RELU = gap(
    relu_backward,
    (np.array([1.0, 1.0, -2.0]), np.array([3.0, -4.0, 0.5])),
    (draw(20, 2, 3, 3, 2), draw(21, 2, 3, 3, 2)),
    slips=slips("""
        (x > 0) -> np.maximum(x, 0)  # You multiply by the ReLU's value. Multiply by its slope: 1 where x > 0, else 0.
        return np.maximum(dout, 0)  # You test the sign of dout. The slope depends on the sign of x, the input.
        return (x > 0) * 1.0  # This is the slope itself. Multiply it by dout (the chain rule).
        (x > 0) -> (x <= 0)  # It is the reverse: the slope is 1 where x > 0.
        return dout * 1.0  # Your slope is 1 everywhere. Where x < 0, the ReLU is constant, and its slope is 0.
        return np.maximum(x, 0)  # This is the ReLU of x itself. Return its slope times dout.
        return dout * np.sign(x)  # Your slope is -1 where x < 0. There the ReLU is constant, and its slope is 0.
        return dout * x  # You multiply by x. But the slope is 1 or 0, however large x is.
    """),
)


def directional_derivative(f: Callable[[Any], float], x: Any, direction: Any, h: float) -> float:
    """The central difference."""
    return (f(x + h * direction) - f(x - h * direction)) / (2 * h)


def sum_of_cubes(x: Array) -> float:
    """the sum of all entries to the third power"""
    return float((x**3).sum())


DERIVATIVE = gap(
    directional_derivative,
    (sum_of_cubes, np.array([1.0]), np.array([1.0]), 0.5),
    (sum_of_cubes, draw(22, 2, 3), draw(23, 2, 3), 0.1),
    slips=slips("""
        return (f(x + h * direction) - f(x)) / h
        return (f(x) - f(x - h * direction)) / h
            # This is a one-sided difference, whose error grows with h. The error of a difference that goes as far to both sides
            # of x grows with h^2.
        return f(x + h * direction) - f(x - h * direction) / (2 * h)
            # The division is of only the last term. Write brackets around the difference.
        direction = direction / np.linalg.norm(direction)
            # You scale the direction to length 1. The slope along a direction grows with its length: use it as it is.
        (2 * h) -> h  # It is twice too large: the distance from x - h d to x + h d is 2 h, not h.
        (2 * h) -> 1  # The division by 2 h is missing.
        (2 * h) -> 2 * h  # You multiply by h / 2. Divide by 2 h, in brackets: / (2 * h).
        h = -h; (2 * h) -> (-2 * h)  # The sign is wrong: it is f(x + h d) minus f(x - h d).
        return (f(x + direction) - f(x - direction)) / (2 * h)  # You do not multiply the direction by h.
        x - h * direction -> x - h  # You go back by h, and not along the direction.
        direction = 1.0  # You go along (1, 1, ...), not along the direction.
    """),
)


# --- all of it ---------------------------------------------------------------------------------------------------------


def _together(names):
    """Check a chain of layers, loss = |conv(relu(conv(x, w1)), w2)|^2 / 2: its gradient against differences of the loss."""
    x, first, second = draw(30, 2, 5, 4, 2), draw(31, 3, 3, 2, 3), draw(32, 3, 3, 3, 1)
    along = draw(33, *first.shape), draw(34, *x.shape)

    def loss(h):
        y = names["conv"](x + h * along[1], first + h * along[0])
        return float((names["conv"](np.maximum(y, 0), second) ** 2).sum() / 2)

    y = names["conv"](x, first)
    dy = names["relu_backward"](names["conv_backward_input"](names["conv"](np.maximum(y, 0), second), second), y)
    slopes = names["conv_backward_weight"](dy, x, 3), names["conv_backward_input"](dy, first)
    shown = names["directional_derivative"](loss, 0.0, 1.0, 1e-5)
    return slope_agrees("the gradient of two convolutions and a ReLU", slopes, along, shown)


EXERCISE = Exercise("06", "a network by hand", (CONV, INPUT, WEIGHT, RELU, DERIVATIVE), _together)
