"""Exercise 03: windows on the torus, and the local score machine."""

import numpy as np

from ..theory import windows
from .denoisers import SIDE, best, broken_law, draw, laws
from .marking import Exercise, Gap, Slip, exponents, forgot_a, temperatures


def window_at(image, row, column, k):
    """The window on the torus, (k, k, C)."""
    return windows(image, k, "circular")[row * image.shape[1] + column].reshape(k, k, -1)


def windows_padded(image, row, column, k, **pad):
    """The window of an image padded as np.pad says."""
    d = k // 2
    return np.pad(image, ((d, d), (d, d), (0, 0)), **pad)[row : row + k, column : column + k]


def _transposed(image, row, column, k):
    return window_at(image.transpose(1, 0, 2), column % image.shape[1], row % image.shape[0], k)


def _other_pixel(image, row, column, k):
    return window_at(image, column % image.shape[0], row % image.shape[1], k)


def plain_indices(image, row, column, k):
    """Right above and to the left of the image, by Python's image[-1]; an IndexError below and to the right."""
    around = np.arange(k) - k // 2
    return image[(row + around)[:, None], column + around]


NUMBERED = np.arange(9.0).reshape(3, 3, 1)
WINDOW_SLIPS = (
    Slip("Rows and columns of the window are swapped: row first, i down and j across.", _transposed),
    Slip("Row and column of the pixel are swapped: image[row, column], row first.", _other_pixel),
    Slip(
        "The window begins at the pixel, and ought to have it in its middle: take d = k // 2 off row and column.",
        lambda image, row, column, k: window_at(image, (row + k // 2) % image.shape[0], (column + k // 2) % image.shape[1], k),
    ),
    Slip(
        "The window is one row and one column short: a range that ends at d stops before d.",
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
            "Inside the image all is well, but beyond its border the torus goes on: take indices modulo H and W.",
            plain_indices,
        ),
        Slip(
            "Beyond the border there are zeros in your window, and on a torus there is the other side: indices modulo H and W.",
            lambda *given: windows_padded(*given),
        ),
        Slip(
            "Beyond the border your window repeats the last pixel; on a torus there is the other side: indices modulo H and W.",
            lambda *given: windows_padded(*given, mode="edge"),
        ),
        Slip(
            "Beyond the border your window is a mirror image, and on a torus there is the other side: indices modulo H and W.",
            lambda *given: windows_padded(*given, mode="reflect"),
        ),
    ),
)


def distances(x, images, row, column, k, a):
    """The squared distances of one pixel's windows, (N,)."""
    return np.array([((window_at(x, row, column, k) - a * window_at(y, row, column, k)) ** 2).sum() for y in images])


def _gaps(x, images, row, column, k, a):
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
            "a is on the wrong side: it shrinks the training images, not x.",
            lambda x, images, row, column, k, a: distances(a * x, images, row, column, k, 1.0),
        ),
        Slip("a shrinks x too: x is noisy already, leave it as it is.", _both_shrunk),
        Slip("You took the mean of the squares, and their sum is asked for.", lambda *given: (_gaps(*given) ** 2).mean(axis=1)),
        Slip("You took a root: the squared distance is asked for.", lambda *given: np.sqrt(distances(*given))),
        Slip("The differences are not squared.", lambda *given: np.abs(_gaps(*given)).sum(axis=1)),
        Slip("The sum is squared: square each difference first, then sum.", lambda *given: _gaps(*given).sum(axis=1) ** 2),
        Slip(
            "The whole image is compared, not the window at (row, column).",
            lambda x, images, row, column, k, a: ((x - a * images) ** 2).sum(axis=(1, 2, 3)),
        ),
        Slip(
            "Row and column are swapped.",
            lambda x, images, row, column, k, a: distances(x, images, column, row, k, a),
        ),
        Slip(
            "Only the first channel is compared: sum over all of them.",
            lambda x, images, row, column, k, a: distances(x[..., :1], images[..., :1], row, column, k, a),
        ),
    ),
)


# --- weights and the machine -------------------------------------------------------------------------------------------


def weights(distances, s):
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
            "It is right for small distances, but exp(-3000) is 0 in floating point, and 0 / 0 is NaN: take the smallest "
            "distance off all of them first.",
            lambda distances, s: np.exp(-distances / (2 * s**2)) / np.exp(-distances / (2 * s**2)).sum(),
        ),
        Slip(
            "The weights do not sum to 1: divide by their sum.",
            lambda distances, s: np.exp(-(distances - distances.min()) / (2 * s**2)),
        ),
        Slip("The weights do not sum to 1: divide by their sum.", lambda distances, s: np.exp(-distances / (2 * s**2))),
        Slip("The farthest weighs most: the exponent is minus the distance.", lambda distances, s: weights(-distances, s)),
        Slip("Only the nearest counts: a softmax gives the others their share.", _nearest),
    ),
)


def local(x, images, k, a, s):
    """The local score machine."""
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
        "The answer is a x0_hat: the pixels that are averaged are clean, y_n[p] and not a y_n[p].",
        lambda x, images, k, a, s: a * local(x, images, k, a, s),
    ),
    Slip("The pixel in the window's corner answers, not the one in its middle.", _corner),
    Slip("The window's mean answers, not the pixel in its middle.", _window_mean),
    Slip("All pixels use the weights of pixel (0, 0): compute them anew for each pixel.", _one_for_all),
    Slip(
        "The pixels of the training images are averaged without the weights.",
        lambda x, images, k, a, s: images.mean(axis=0),
    ),
    Slip(
        "Only the nearest training image answers: take the weighted mean of all.",
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
            "Any window explains any pixel in yours: that is ELS, the next exercise. Here pixel p is explained by pixel p only.",
            lambda x, images, k, a, s: best(x, images, a, s, k=k, shared=True),
        ),
    ),
    law=lambda f, brief: broken_law(lambda x, images, a, s: f(x, images, SIDE, a, s), "LS", brief=brief),
)


def _together(names):
    return laws(lambda x, images, a, s: names["local"](x, images, SIDE, a, s), "LS")


EXERCISE = Exercise("03", "windows", (WINDOW, DISTANCES, WEIGHTS, LOCAL), _together)
