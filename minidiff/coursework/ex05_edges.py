"""Exercise 05: the boundary rule, and the boundary-broken machine. Its gaps, their questions and the common mistakes."""

from collections.abc import Callable

import numpy as np

from ..theory import padding_pattern, places, windows
from ..types import Array
from .denoisers import SIDE, best, broken_law, draw, laws
from .ex03_windows import plain_indices, window_at, windows_padded
from .marking import Exercise, Gap, Slip, exponents


def known_index(index: int, side: int, k: int) -> int:
    """The index, if the window there has padding in it, and else -1."""
    return int(padding_pattern(side, k, "zeros")[index])


def _from_border(index, side, k):
    distance = min(index, side - 1 - index)
    return distance if known_index(index, side, k) >= 0 else -1


TOO_MANY = "One pixel too many knows its place: a window has padding only if its pixel is *nearer* than d to a border."


def _too_many() -> dict[str, Callable[..., int]]:
    """{where: the slip that takes a pixel at distance d for one that is nearer than d}, at one end or at both."""
    return {
        "(At both ends.)": lambda i, side, k: i if min(i, side - 1 - i) <= k // 2 else -1,
        "(At index d.)": lambda i, side, k: i if i <= k // 2 or side - 1 - i < k // 2 else -1,
        "(At index side - 1 - d.)": lambda i, side, k: i if i < k // 2 or side - 1 - i <= k // 2 else -1,
    }


INDEX = Gap(
    "known_index",
    known_index,
    questions=tuple(
        {"index": index, "side": side, "k": k}
        for side, k in ((5, 3), (6, 5), (4, 1), (4, 7))
        for index in (*range(side // 2, side), *range(side // 2))
    ),
    slips=(
        Slip(
            "You return the distance to the border, which is the same for the first and the last index. But padding before the "
            "first index differs from padding after the last one. Return the index itself.",
            _from_border,
        ),
        *(Slip(f"{TOO_MANY} {where}", gives) for where, gives in _too_many().items()),
        Slip(
            "One pixel too few knows its place: windows have padding up to the distance d - 1 from the border.",
            lambda index, side, k: index if min(index, side - 1 - index) < k // 2 - 1 else -1,
        ),
        Slip(
            "A window reaches d = k // 2 to each side, not k.",
            lambda index, side, k: index if min(index, side - 1 - index) < k else -1,
        ),
        Slip(
            "You count only the padding before the first index. There is padding after the last index, side - 1, too.",
            lambda index, side, k: index if index < k // 2 else -1,
        ),
        Slip(
            "The last index is side - 1, not side: at that end, one pixel too few knows its place.",
            lambda index, side, k: index if index < k // 2 or index + k // 2 > side else -1,
        ),
        Slip("A pixel that sees no padding does not know its place: return -1 there.", lambda index, side, k: index),
        Slip(
            "It is the reverse: return the index if the window has padding, and -1 if it has none.",
            lambda index, side, k: -1 if known_index(index, side, k) >= 0 else index,
        ),
    ),
)


def may_explain(p: tuple[int, int], u: tuple[int, int], shape: tuple[int, int], k: int) -> bool:
    """Whether p and u have the same padding pattern."""
    return _patterns(p, shape, k) == _patterns(u, shape, k)


def _patterns(p, shape, k):
    return tuple(known_index(p[axis], shape[axis], k) for axis in (0, 1))


def _mirrored(p, shape, k):
    return tuple(_from_border(p[axis], shape[axis], k) for axis in (0, 1))


def _inner_or_itself(p, u, shape, k):
    inner = [max(_patterns(place, shape, k)) < 0 for place in (p, u)]
    return all(inner) or p == u


MAY_EXPLAIN = Gap(
    "may_explain",
    may_explain,
    questions=tuple(
        {"p": p, "u": u, "shape": (4, 5), "k": 3}
        for p in ((1, 1), (0, 2), (0, 0), (2, 4), (3, 3))
        for u in ((1, 1), (2, 3), (0, 2), (0, 1), (3, 2), (0, 0), (3, 4), (1, 4), (1, 0))
    ),
    slips=(
        Slip(
            "You compare distances to the border, which are the same at the top and the bottom, and at the left and the right. "
            "Compare the known indices.",
            lambda p, u, shape, k: _mirrored(p, shape, k) == _mirrored(u, shape, k),
        ),
        Slip(
            "One axis is enough for your function. The rows must agree *and* the columns.",
            lambda p, u, shape, k: any(a == b for a, b in zip(_patterns(p, shape, k), _patterns(u, shape, k), strict=True)),
        ),
        Slip(
            "You compare only the rows. The columns must agree too.",
            lambda p, u, *q: _patterns(p, *q)[0] == _patterns(u, *q)[0],
        ),
        Slip(
            "You compare only the columns. The rows must agree too.",
            lambda p, u, *q: _patterns(p, *q)[1] == _patterns(u, *q)[1],
        ),
        Slip(
            "You let a pixel at an edge be explained only by itself. But the padding does not tell it where it is along the "
            "edge: every pixel of the same edge at the same distance may explain it. Compare each axis by itself.",
            _inner_or_itself,
        ),
        Slip(
            "You keep inner pixels apart from the others, but treat all pixels that see padding alike. They differ in where they "
            "see it.",
            lambda p, u, shape, k: (max(_patterns(p, shape, k)) < 0) == (max(_patterns(u, shape, k)) < 0),
        ),
        Slip("You let only its own place explain a pixel: that is LS.", lambda p, u, shape, k: p == u),
        Slip("You let every place explain every pixel: that is ELS on a torus.", lambda p, u, shape, k: True),
        Slip("It is the reverse: return True if the padding tells both the same.", lambda *given: not may_explain(*given)),
        Slip(
            "Height and width are swapped: shape is (H, W).",
            lambda p, u, shape, k: _patterns(p, shape[::-1], k) == _patterns(u, shape[::-1], k),
        ),
    ),
)


def zero_window(image: Array, row: int, column: int, k: int) -> Array:
    """The window of a pixel with zeros beyond the border, (k, k, C)."""
    return windows_padded(image, row, column, k)


def _zeros_after_only(image, row, column, k):
    """Zeros below and to the right of the image, but its other side above it and to the left."""
    found, around = window_at(image, row, column, k).copy(), np.arange(k) - k // 2
    found[row + around >= image.shape[0]] = 0
    found[:, column + around >= image.shape[1]] = 0
    return found


def _sliced(image, row, column, k):
    """The slice image[row - d : row + d + 1], without padding: Python counts a negative start from the other end."""
    d = k // 2
    return image[row - d : row + d + 1, column - d : column + d + 1]


def _cut_off(image, row, column, k):
    d = k // 2
    return image[max(row - d, 0) : row + d + 1, max(column - d, 0) : column + d + 1]


def _begins_at_pixel(image, row, column, k):
    return np.pad(image, ((k, k), (k, k), (0, 0)))[row + k : row + 2 * k, column + k : column + 2 * k]


def _other_pixel(image, row, column, k):
    d = k // 2
    return np.pad(image, ((d, d), (d, d), (0, 0)))[column : column + k, row : row + k]


NUMBERED = np.arange(1.0, 10.0).reshape(3, 3, 1)
WINDOW = Gap(
    "window_at",
    zero_window,
    questions=(
        {"image": NUMBERED, "row": 1, "column": 1, "k": 3},
        {"image": NUMBERED, "row": 0, "column": 0, "k": 3},
        {"image": NUMBERED, "row": 2, "column": 2, "k": 3},
        {"image": draw(0, 5, 6, 2), "row": 4, "column": 1, "k": 5},
        {"image": draw(1, 3, 3, 1), "row": 0, "column": 1, "k": 5},
    ),
    slips=(
        Slip("Beyond the border, your window wraps around. It must have zeros there: this is no torus.", window_at),
        Slip(
            "Above and to the left of the image, your window has the other side of the image, because image[-1] is the last row "
            "in Python. It must have zeros there: use np.pad.",
            _zeros_after_only,
        ),
        Slip("It is right inside the image, but beyond the border the window must have zeros: use np.pad.", plain_indices),
        Slip(
            "Near the border, your slice is too small or empty (Python counts a negative start from the other end). Pad the "
            "image with zeros first, by np.pad, and take the slice of the padded image.",
            _sliced,
        ),
        Slip("Your window is cut off at the border. It must be k x k everywhere, with zeros outside the image.", _cut_off),
        Slip(
            "Beyond the border, your window repeats the last pixel. It must have zeros there.",
            lambda *given: windows_padded(*given, mode="edge"),
        ),
        Slip(
            "The window begins at the pixel, but the pixel must be in its middle. In the padded image, pixel (row, column) lies "
            "at (row + d, column + d), so its window begins at (row, column).",
            _begins_at_pixel,
        ),
        Slip(
            "The window is one row and one column short: a range that ends at d does not contain d.",
            lambda image, row, column, k: zero_window(image, row, column, k)[:-1, :-1],
        ),
        Slip(
            "Rows and columns of the window are swapped: the first index counts rows, and the second one counts columns.",
            lambda *given: zero_window(*given).transpose(1, 0, 2),
        ),
        Slip("Row and column of the pixel are swapped: it is image[row, column].", _other_pixel),
    ),
)


# --- the machine -------------------------------------------------------------------------------------------------------


def els_zeros(x: Array, images: Array, k: int, a: float, s: float) -> Array:
    """x0_hat of the boundary-broken machine."""
    return best(x, images, a, s, k=k, boundary="zeros", shared=True)


def _by_posterior(x, images, k, a, s, *, boundary="zeros", answer=None):
    """The machine in full: windows with that boundary, candidates by the padding pattern, and answer(weights, values)."""
    classes = places(*x.shape[:2], k, "zeros")
    keys = np.concatenate([windows(y, k, boundary) for y in images])
    sources, values = np.tile(classes, len(images)), images.reshape(-1, x.shape[2])
    found = np.empty((len(classes), x.shape[2]))
    for p, seen in enumerate(windows(x, k, boundary)):
        mine = sources == classes[p]
        distances = ((seen - a * keys[mine]) ** 2).sum(axis=1)
        w = np.exp(-(distances - distances.min()) / (2 * s**2))
        found[p] = w @ values[mine] / w.sum() if answer is None else answer(w / w.sum(), values[mine])
    return found.reshape(x.shape)


MACHINE = Gap(
    "els_zeros",
    els_zeros,
    questions=(
        {
            "x": np.array([0.2, 0.1, -0.3, 0.4]).reshape(1, 4, 1),
            "images": np.array([[-1.0, -1.0, 1.0, 0.5], [1.0, 1.0, 0.5, -0.5]]).reshape(2, 1, 4, 1),
            "k": 3,
            "a": 0.8,
            "s": 0.6,
        },
        {"x": draw(10, 5, 4, 1), "images": draw(11, 3, 5, 4, 1), "k": 3, "a": 0.7, "s": 0.8},
        {"x": draw(12, 3, 4, 2), "images": draw(13, 3, 3, 4, 2), "k": 3, "a": 0.5, "s": 0.9},
    ),
    slips=(
        Slip(
            "Every place may explain every pixel in your function. But the padding tells a pixel where it is, so use only the "
            "places u with may_explain(p, u, ...). The distance to the zeros of the padding does not replace this rule, because "
            "a noisy pixel can be near 0 too.",
            lambda x, images, k, a, s: best(x, images, a, s, k=k, boundary="zeros", shared="anywhere"),
        ),
        Slip(
            "You let only its own place explain a pixel: that is LS. Every inner place may explain every inner pixel.",
            lambda x, images, k, a, s: best(x, images, a, s, k=k, boundary="zeros"),
        ),
        Slip(
            "Your windows wrap around. Here they have zeros beyond the border, in x and in the training images.",
            lambda *given: _by_posterior(*given, boundary="circular"),
        ),
        *exponents(els_zeros),
        Slip(
            "The answer is a x0_hat. Average the clean pixels, y_n[u] and not a y_n[u].",
            lambda *q: q[3] * els_zeros(*q),
        ),
        Slip(
            "You use only the most probable candidate. Take the weighted mean of all that are allowed.",
            lambda *given: _by_posterior(*given, answer=lambda w, values: values[w.argmax()]),
        ),
        Slip(
            "You average the allowed candidates without the weights.",
            lambda *given: _by_posterior(*given, answer=lambda w, values: values.mean(axis=0)),
        ),
    ),
    law=lambda f, brief: broken_law(lambda x, images, a, s: f(x, images, SIDE, a, s), "ELS", "zeros", brief),
)


def _together(names):
    return laws(lambda x, images, a, s: names["els_zeros"](x, images, SIDE, a, s), "ELS", "zeros")


EXERCISE = Exercise("05", "edges", (INDEX, MAY_EXPLAIN, WINDOW, MACHINE), _together)
