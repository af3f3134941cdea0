"""Exercise 03: windows on the torus, and the local score machine. Its gaps, their questions and the common mistakes."""

from typing import Any

import numpy as np

from ..theory import windows
from ..types import Array
from .denoisers import SIDE, best, broken_law, draw, laws
from .marking import Exercise, Gap, Slip, exponents, forgot_a, temperatures


def window_at(image: Array, row: int, column: int, k: int) -> Array:
    """The window of a pixel on the torus, (k, k, C)."""
    return windows(image, k, "circular")[row * image.shape[1] + column].reshape(k, k, -1)


def windows_padded(image: Array, row: int, column: int, k: int, **pad: Any) -> Array:
    """The window of a pixel, (k, k, C), of an image that np.pad pads with the arguments `pad`."""
    d = k // 2
    return np.pad(image, ((d, d), (d, d), (0, 0)), **pad)[row : row + k, column : column + k]


def _transposed(image, row, column, k):
    return window_at(image.transpose(1, 0, 2), column % image.shape[1], row % image.shape[0], k)


def _other_pixel(image, row, column, k):
    return window_at(image, column % image.shape[0], row % image.shape[1], k)


def plain_indices(image: Array, row: int, column: int, k: int) -> Array:
    """A window without "modulo": a negative index wraps around in Python, and an index that is too large raises IndexError."""
    around = np.arange(k) - k // 2
    return image[(row + around)[:, None], column + around]


NUMBERED = np.arange(9.0).reshape(3, 3, 1)
WINDOW_SLIPS = (
    Slip(
        "Rows and columns of the window are swapped: the first index i counts rows, and the second index j counts columns.",
        _transposed,
    ),
    Slip("Row and column of the pixel are swapped: it is image[row, column].", _other_pixel),
    Slip(
        "The window begins at the pixel, but the pixel must be in its middle: subtract d = k // 2 from row and column.",
        lambda image, row, column, k: window_at(image, (row + k // 2) % image.shape[0], (column + k // 2) % image.shape[1], k),
    ),
    Slip(
        "The window is one row and one column short: a range that ends at d does not contain d.",
        lambda image, row, column, k: window_at(image, row, column, k)[:-1, :-1],
    ),
)
WINDOW = Gap(
    "window_at",
    window_at,
    questions=(
        {"image": NUMBERED, "row": 1, "column": 1, "k": 3},
        {"image": NUMBERED, "row": 0, "column": 0, "k": 3},
        {"image": NUMBERED, "row": 2, "column": 2, "k": 3},
        {"image": draw(0, 5, 6, 2), "row": 4, "column": 1, "k": 5},
    ),
    slips=(
        *WINDOW_SLIPS,
        Slip(
            "It is right inside the image. Beyond the border the torus continues on the other side: take indices modulo H and W.",
            plain_indices,
        ),
        Slip(
            "Beyond the border, your window has zeros. On a torus it has the other side: take indices modulo H and W.",
            lambda *given: windows_padded(*given),
        ),
        Slip(
            "Beyond the border, your window repeats the last pixel. On a torus it has the other side: take indices modulo H and "
            "W.",
            lambda *given: windows_padded(*given, mode="edge"),
        ),
        Slip(
            "Beyond the border, your window is a mirror image. On a torus it has the other side: take indices modulo H and W.",
            lambda *given: windows_padded(*given, mode="reflect"),
        ),
    ),
)


def distances(x: Array, images: Array, row: int, column: int, k: int, a: float) -> Array:
    """The squared distances (N,) between the window of x at a pixel and a times the windows of the images there."""
    return np.array([((window_at(x, row, column, k) - a * window_at(y, row, column, k)) ** 2).sum() for y in images])


def _differences(x, images, row, column, k, a):
    return np.array([window_at(x, row, column, k) - a * window_at(y, row, column, k) for y in images]).reshape(len(images), -1)


def _both_shrunk(x, images, row, column, k, a):
    return distances(a * x, images, row, column, k, a)


DISTANCES = Gap(
    "distances",
    distances,
    questions=(
        {"x": draw(1, 3, 3, 1).round(1), "images": draw(2, 2, 3, 3, 1).round(1), "row": 1, "column": 1, "k": 1, "a": 0.5},
        {"x": draw(3, 4, 5, 2), "images": draw(4, 3, 4, 5, 2), "row": 0, "column": 3, "k": 3, "a": 0.8},
        {"x": draw(5, 5, 6, 1), "images": draw(6, 3, 5, 6, 1), "row": 4, "column": 1, "k": 3, "a": 0.3},
    ),
    slips=(
        forgot_a(distances),
        Slip(
            "The factor a is in the wrong place: multiply the training images by it, not x.",
            lambda x, images, row, column, k, a: distances(a * x, images, row, column, k, 1.0),
        ),
        Slip("You multiply x by a too. Multiply only the training images by a: x contains this factor already.", _both_shrunk),
        Slip("You took the mean of the squares. Take their sum.", lambda *given: (_differences(*given) ** 2).mean(axis=1)),
        Slip("You took a root. Return the squared distance.", lambda *given: np.sqrt(distances(*given))),
        Slip("The differences are not squared.", lambda *given: np.abs(_differences(*given)).sum(axis=1)),
        Slip(
            "You square the sum. Square each difference first, and then sum.",
            lambda *given: _differences(*given).sum(axis=1) ** 2,
        ),
        Slip(
            "You compare whole images. Compare the windows at (row, column).",
            lambda x, images, row, column, k, a: ((x - a * images) ** 2).sum(axis=(1, 2, 3)),
        ),
        Slip(
            "Row and column are swapped.",
            lambda x, images, row, column, k, a: distances(x, images, column, row, k, a),
        ),
        Slip(
            "You compare only the first channel. Sum over all channels.",
            lambda x, images, row, column, k, a: distances(x[..., :1], images[..., :1], row, column, k, a),
        ),
    ),
)


# --- weights and the machine -------------------------------------------------------------------------------------------


def weights(distances: Array, s: float) -> Array:
    """softmax(-distances / (2 s^2))."""
    w = np.exp(-(distances - distances.min()) / (2 * s**2))
    return w / w.sum()


def _nearest(distances, s):
    return (distances == distances.min()).astype(float)


WEIGHTS = Gap(
    "weights",
    weights,
    questions=(
        {"distances": np.array([0.0, 1.0]), "s": 0.6},
        {"distances": np.array([2.5, 1.0, 4.0, 1.1]), "s": 0.8},
        {"distances": np.array([4000.0, 4001.0, 5000.0]), "s": 0.8},
    ),
    slips=(
        *temperatures(weights),
        Slip(
            "It is right for small distances, but exp(-3000) is 0 in floating point, and 0 / 0 is NaN. Subtract the smallest "
            "distance from all of them first.",
            lambda distances, s: np.exp(-distances / (2 * s**2)) / np.exp(-distances / (2 * s**2)).sum(),
        ),
        Slip(
            "The weights do not sum to 1: divide by their sum.",
            lambda distances, s: np.exp(-(distances - distances.min()) / (2 * s**2)),
        ),
        Slip("The weights do not sum to 1: divide by their sum.", lambda distances, s: np.exp(-distances / (2 * s**2))),
        Slip(
            "The farthest candidate has the largest weight: the exponent needs a minus sign.",
            lambda distances, s: weights(-distances, s),
        ),
        Slip("Only the nearest candidate has a weight. A softmax gives the others a weight too.", _nearest),
    ),
)


def local(x: Array, images: Array, k: int, a: float, s: float) -> Array:
    """x0_hat of the local score machine."""
    return best(x, images, a, s, k=k)


def _pixels(x, images, k, a, s, answer):
    """An image whose pixel (row, column) is answer(weights there, row, column)."""
    found = np.empty(x.shape)
    for row, column in np.ndindex(x.shape[:2]):
        found[row, column] = answer(weights(distances(x, images, row, column, k, a), s), row, column)
    return found


def _corner(x, images, k, a, s):
    corners = np.array([np.roll(y, (k // 2, k // 2), axis=(0, 1)) for y in images])
    return _pixels(x, images, k, a, s, lambda w, row, column: w @ corners[:, row, column])


def _one_for_all(x, images, k, a, s):
    return np.tensordot(weights(distances(x, images, 0, 0, k, a), s), images, axes=1)


def _window_mean(x, images, k, a, s):
    means = np.array([windows(y, k, "circular").reshape(*y.shape[:2], k * k, -1).mean(axis=2) for y in images])
    return _pixels(x, images, k, a, s, lambda w, row, column: w @ means[:, row, column])


MACHINE_SLIPS = (
    Slip(
        "The answer is a x0_hat. Average the clean pixels, y_n[p] and not a y_n[p].",
        lambda x, images, k, a, s: a * local(x, images, k, a, s),
    ),
    Slip("You average the pixels in the corners of the windows. Average the pixels in their middle.", _corner),
    Slip("You average the means of the windows. Average the pixels in their middle.", _window_mean),
    Slip("All pixels use the weights of pixel (0, 0). Compute the weights again for each pixel.", _one_for_all),
    Slip(
        "You average the pixels of the training images without the weights.",
        lambda x, images, k, a, s: images.mean(axis=0),
    ),
    Slip(
        "You use only the nearest training image. Take the weighted mean of all.",
        lambda x, images, k, a, s: _pixels(x, images, k, a, s, lambda w, *p: images[(w.argmax(), *p)]),
    ),
)
LOCAL = Gap(
    "local",
    local,
    questions=(
        {
            "x": np.array([0.2, 0.1, -0.3]).reshape(1, 3, 1),
            "images": np.array([[-1.0, -1.0, 1.0], [1.0, 1.0, 1.0]]).reshape(2, 1, 3, 1),
            "k": 1,
            "a": 0.8,
            "s": 0.6,
        },
        {"x": draw(10, 5, 4, 1), "images": draw(11, 3, 5, 4, 1), "k": 3, "a": 0.7, "s": 0.8},
        {"x": draw(12, 3, 4, 2), "images": draw(13, 3, 3, 4, 2), "k": 3, "a": 0.5, "s": 0.9},
    ),
    slips=(
        *MACHINE_SLIPS,
        *exponents(local),
        Slip(
            "You let any window explain any pixel: that is ELS, the next exercise. Here, only the windows at p explain pixel p.",
            lambda x, images, k, a, s: best(x, images, a, s, k=k, shared=True),
        ),
    ),
    law=lambda f, brief: broken_law(lambda x, images, a, s: f(x, images, SIDE, a, s), "LS", brief=brief),
)


def _together(names):
    return laws(lambda x, images, a, s: names["local"](x, images, SIDE, a, s), "LS")


EXERCISE = Exercise("03", "windows", (WINDOW, DISTANCES, WEIGHTS, LOCAL), _together)
