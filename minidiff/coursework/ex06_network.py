"""Exercise 06: a convolution, its backward pass, and the derivative that checks it."""

import numpy as np

from .denoisers import draw
from .marking import Exercise, Gap, Slip, raises

# Of a product of random arrays: rounding is some 1e-15 of it, and a wrong gradient is off by its own size.
CLOSE = 1e-9


def shifted(x, i, j, k, mode="constant", start=0):
    """x as the weight at (i, j) meets it; beyond the border as `mode` says, and windows that begin `start` too late."""
    (height, width), row, column = x.shape[1:3], i + k - k // 2 + start, j + k - k // 2 + start
    return np.pad(x, ((0, 0), (k, k), (k, k), (0, 0)), mode=mode)[:, row : row + height, column : column + width]


def conv(x, weight):
    """The convolution, zeros beyond the border."""
    return _conv(x, weight)


def _conv(x, weight, mode="constant", start=0):
    k = len(weight)
    return sum(shifted(x, i, j, k, mode, start) @ weight[i, j] for i in range(k) for j in range(k))


def _turned(weight):
    return weight[::-1, ::-1]


def _transposed(weight):
    return weight.transpose(0, 1, 3, 2)


def _dot(x):
    """A picture of one bright pixel, so that what comes out is the kernel."""
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
            "The kernel is turned round: weight[i, j] meets the pixel at p + (i, j) - (d, d), not at p - (i, j) + (d, d).",
            lambda x, weight: _conv(x, _turned(weight)),
        ),
        Slip("The image wraps around, in yours: beyond the border there are zeros.", lambda x, weight: _conv(x, weight, "wrap")),
        Slip("i and j have changed places: i counts rows, j columns.", lambda x, weight: _conv(x, weight.transpose(1, 0, 2, 3))),
        Slip(
            "The window begins at the pixel, and ought to have it in its middle: shifts from -d to d.",
            lambda x, weight: _conv(x, weight, start=len(weight) // 2),
        ),
        Slip("The sum is divided by the number of terms: it is a sum, not a mean.", lambda x, w: _conv(x, w) / len(w) ** 2),
        Slip(
            "Only the middle of the kernel is used: sum over all (i, j).",
            lambda x, weight: x @ weight[len(weight) // 2, len(weight) // 2],
        ),
        Slip("Beyond the border the last pixel is repeated, in yours: there are zeros.", lambda x, w: _conv(x, w, "edge")),
        Slip("The loops run into the border: pad with zeros first, or use `shifted`.", raises(IndexError)),
    ),
)


# --- the way back ------------------------------------------------------------------------------------------------------


def conv_backward_input(dout, weight):
    """The gradient to the input."""
    return _conv(dout, _transposed(_turned(weight)))


def _not_adjoint(backward):
    """What the adjoint's law says of a wrong conv_backward_input, in numbers."""
    x, weight, dout = draw(10, 1, 4, 3, 2), draw(11, 3, 3, 2, 2), draw(12, 1, 4, 3, 2)
    return _products("dx, x", np.vdot(dout, conv(x, weight)), backward(dout, weight), x)


def _not_adjoint_in_weights(backward):
    x, weight, dout = draw(10, 2, 4, 3, 2), draw(11, 3, 3, 2, 2), draw(12, 2, 4, 3, 2)
    return _products("dweight, weight", np.vdot(dout, conv(x, weight)), backward(dout, x, 3), weight)


def _products(names, right, found, other):
    if np.shape(found) != other.shape:
        return ""
    product = np.vdot(found, other)
    if abs(product - right) <= CLOSE * abs(right):
        return ""
    return f"the adjoint's law is broken: <dout, conv(x, weight)> = {right:.4f}, but <{names}> = {product:.4f} (random arrays)"


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
            "The kernel is not turned round: input q was read by output q - (i, j) + (d, d), so the shifts are reversed, "
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
            "All axes of the kernel are swapped: turn it round in i and j ([::-1, ::-1]), and swap only C and O.",
            lambda dout, weight: _conv(dout, weight.transpose(1, 0, 3, 2)),
        ),
        Slip(
            "The kernel is turned round in one direction only: [::-1, ::-1], in i and in j.",
            lambda dout, weight: _conv(dout, _transposed(weight[::-1])),
        ),
        Slip(
            "The kernel is turned round in one direction only: [::-1, ::-1], in i and in j.",
            lambda dout, weight: _conv(dout, _transposed(weight[:, ::-1])),
        ),
        Slip(
            "Beyond the border there are zeros, also on the way back: yours wraps around.",
            lambda dout, weight: _conv(dout, _transposed(_turned(weight)), "wrap"),
        ),
    ),
    law=_law(_not_adjoint),
)


def conv_backward_weight(dout, x, k):
    """The gradient to the weights."""
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
            "The shifts are reversed: here the kernel is not turned round, weight[i, j] multiplied shifted(x, i, j, k).",
            lambda dout, x, k: _turned(_gathered(dout, x, k)),
        ),
        Slip(
            "It is averaged over the images of the batch: the loss is one number, and every image adds its part. Sum over b.",
            lambda dout, x, k: _gathered(dout, x, k) / len(x),
        ),
        Slip("Only the first image of the batch counts: sum over b.", lambda dout, x, k: _gathered(dout[:1], x[:1], k)),
        Slip("i and j have changed places: i counts rows, j columns.", lambda *given: _gathered(*given).transpose(1, 0, 2, 3)),
        Slip("Its last two axes have changed places: (C, O), inputs first.", _transposed_result),
        Slip(
            "x is not shifted: each weight[i, j] met another shift of x.",
            lambda dout, x, k: _gathered(dout, x, k, lambda x, *_: x),
        ),
        Slip(
            "x wraps around, in yours: beyond the border there were zeros.",
            lambda dout, x, k: _gathered(dout, x, k, lambda *given: shifted(*given, mode="wrap")),
        ),
        Slip(
            "It is averaged over all pixels and images: sum over them.",
            lambda dout, x, k: _gathered(dout, x, k) / x[..., 0].size,
        ),
    ),
    law=_law(_not_adjoint_in_weights),
)


def relu_backward(dout, x):
    """dout where x > 0."""
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
            "You multiply by the ReLU's value, and its slope belongs there: 1 where x > 0, else 0.",
            lambda dout, x: dout * np.maximum(x, 0),
        ),
        Slip(
            "You ask for the sign of dout. Whether the slope passes is decided by x, by what went in.",
            lambda dout, x: np.maximum(dout, 0),
        ),
        Slip("You give the slope itself: it has to be multiplied by dout (the chain rule).", lambda dout, x: (x > 0) * 1.0),
        Slip("It is the other way round: the slope passes where x > 0.", lambda dout, x: dout * (x <= 0)),
        Slip("The slope passes everywhere, in yours: where x < 0 the ReLU is flat.", lambda dout, x: dout),
        Slip("This is the ReLU of x itself, not its slope times dout.", lambda dout, x: np.maximum(x, 0)),
        Slip("You multiply by x: the slope is 1 or 0, whatever the size of x.", lambda dout, x: dout * x),
    ),
)


def directional_derivative(f, x, direction, h):
    """The central difference."""
    return (f(x + h * direction) - f(x - h * direction)) / (2 * h)


def sum_of_cubes(x):
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
            "This is the one-sided difference, whose error is h and not h^2: f(x + h d) - f(x - h d), over 2 h.",
            lambda f, x, d, h: (f(x + h * d) - f(x)) / h,
        ),
        Slip(
            "From x - h d to x + h d it is 2 h, not h: yours is twice too large.",
            lambda f, x, d, h: (f(x + h * d) - f(x - h * d)) / h,
        ),
        Slip("The division by 2 h is missing.", lambda f, x, d, h: f(x + h * d) - f(x - h * d)),
        Slip("You multiply by h / 2: divide by 2 h, in brackets.", lambda f, x, d, h: (f(x + h * d) - f(x - h * d)) / 2 * h),
        Slip("The sign is wrong: ahead less behind.", lambda f, x, d, h: (f(x - h * d) - f(x + h * d)) / (2 * h)),
        Slip("h does not multiply the direction.", lambda f, x, d, h: (f(x + d) - f(x - d)) / (2 * h)),
        Slip("You step along (1, 1, ...), not along the direction.", lambda f, x, d, h: (f(x + h) - f(x - h)) / (2 * h)),
    ),
)


# --- all of it ---------------------------------------------------------------------------------------------------------


def _together(names):
    """A whole chain, loss = |conv(relu(conv(x, w1)), w2)|^2 / 2: its gradient by the student's backwards, held against itself."""
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
    words = f"two convolutions and a ReLU: your gradient says {claim:.5f} along a random direction, the loss itself {shown:.5f}"
    # The error of a central difference is h^2 = 1e-10 of a third derivative, and rounding 1e-16 / h = 1e-11.
    return bool(abs(claim / shown - 1) < 1e-6), words


EXERCISE = Exercise("06", "a network by hand", (CONV, INPUT, WEIGHT, RELU, DERIVATIVE), _together)
