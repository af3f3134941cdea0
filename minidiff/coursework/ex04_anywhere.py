"""Exercise 04: the equivariant local score machine (ELS). Its gaps, their questions and the common mistakes."""

from collections.abc import Callable

import numpy as np

from ..theory import windows
from ..types import Array
from .denoisers import SIDE, best, broken_law, draw, laws
from .marking import Exercise, Gap, Slip, exponents


def dictionary(images: Array, k: int) -> tuple[Array, Array]:
    """All windows on the torus, flattened (M, P), and the pixels in their middle (M, C)."""
    return np.concatenate([windows(y, k, "circular") for y in images]), images.reshape(-1, images.shape[3])


def _padded(images, k):
    return np.concatenate([windows(y, k, "zeros") for y in images]), dictionary(images, k)[1]


def _first_numbers(images, k):
    patches, _ = dictionary(images, k)
    return patches, patches[:, : images.shape[3]]


def _begins_at_pixel(images, k):
    return dictionary(np.roll(images, (-(k // 2), -(k // 2)), axis=(1, 2)), k)[0], dictionary(images, k)[1]


def _columns_first(images, k):
    """Candidates in the order n, column, row."""
    count, height, width = images.shape[:3]
    order = np.arange(count * height * width).reshape(count, height, width).transpose(0, 2, 1).ravel()
    return tuple(part[order] for part in dictionary(images, k))


def _images_last(images, k):
    """Candidates in the order row, column, n."""
    order = np.arange(images[..., 0].size).reshape(len(images), -1).T.ravel()
    return tuple(part[order] for part in dictionary(images, k))


def _channels_first(images, k):
    """Windows that are flattened channel by channel."""
    patches, centres = dictionary(images, k)
    return patches.reshape(len(patches), k * k, -1).transpose(0, 2, 1).reshape(len(patches), -1), centres


def _first_image(images, k):
    return dictionary(images[:1], k)


DICTIONARY = Gap(
    "dictionary",
    dictionary,
    questions=(
        {"images": np.arange(3.0).reshape(1, 1, 3, 1), "k": 1},
        {"images": np.arange(9.0).reshape(1, 3, 3, 1), "k": 3},
        {"images": draw(0, 2, 4, 3, 2), "k": 3},
    ),
    parts=("patches", "centres"),
    slips=(
        Slip(
            "Beyond the border, your windows have zeros. On a torus they have the other side.",
            _padded,
        ),
        Slip(
            "The order of the candidates is n, column, row. Make the loop over rows the outer one, and that over columns the "
            "inner one.",
            _columns_first,
        ),
        Slip(
            "The order of the candidates is row, column, n. Make the loop over training images the outermost one.", _images_last
        ),
        Slip("It has only the windows of the first training image. It needs those of all.", _first_image),
        Slip("The windows begin at their pixel, but the pixel must be in the middle.", _begins_at_pixel),
        Slip(
            "The windows are flattened channel by channel. Use .ravel() of (k, k, C), which keeps the channels of a pixel "
            "together.",
            _channels_first,
        ),
        Slip(
            "These centres are the first pixels of the windows, their corners. y_n[u] is the pixel in the middle.", _first_numbers
        ),
    ),
)


def posterior(window: Array, patches: Array, a: float, s: float) -> Array:
    """The weights of the patches: the softmax over -|window - a patch|^2 / (2 s^2)."""
    return _softmax(-((window - a * patches) ** 2).sum(axis=1) / (2 * s**2))


def _softmax(logits):
    w = np.exp(logits - logits.max())
    return w / w.sum()


def _without_subtraction(window, patches, a, s):
    w = np.exp(-((window - a * patches) ** 2).sum(axis=1) / (2 * s**2))
    return w / w.sum()


def _not_normalised(window, patches, a, s):
    found = posterior(window, patches, a, s)
    return found / found.max()


POSTERIOR = Gap(
    "posterior",
    posterior,
    questions=(
        {"window": np.array([0.5]), "patches": np.array([[1.0], [-1.0]]), "a": 0.8, "s": 0.6},
        {"window": draw(1, 9), "patches": draw(2, 5, 9), "a": 0.5, "s": 0.9},
        {"window": 20 + draw(3, 9), "patches": draw(4, 5, 9), "a": 0.99, "s": 0.2},
    ),
    slips=(
        *exponents(posterior),
        Slip(
            "You took the mean of the squared differences. Take their sum: a mean makes the exponents smaller by the factor P.",
            lambda window, patches, a, s: posterior(window, patches, a, s * np.sqrt(window.size)),
        ),
        Slip(
            "It is right for near patches, but exp(-1000) is 0 in floating point, and 0 / 0 is NaN. Subtract the smallest "
            "distance from all of them first.",
            _without_subtraction,
        ),
        Slip("The weights do not sum to 1: divide by their sum.", _not_normalised),
        Slip(
            "The weights do not sum to 1: divide by their sum.",
            lambda window, patches, a, s: np.exp(-((window - a * patches) ** 2).sum(axis=1) / (2 * s**2)),
        ),
        Slip(
            "The farthest patch has the largest weight: the exponent needs a minus sign.",
            lambda window, patches, a, s: _softmax(((window - a * patches) ** 2).sum(axis=1) / (2 * s**2)),
        ),
        Slip(
            "The exponent has the distance, the root of the sum of squares. It needs the squared distance: leave out the root.",
            lambda window, patches, a, s: _softmax(-np.sqrt(((window - a * patches) ** 2).sum(axis=1)) / (2 * s**2)),
        ),
        Slip(
            "Only the nearest patch has a weight. A softmax gives the others a weight too.",
            lambda window, patches, a, s: (posterior(window, patches, a, 0.01) > 0.5).astype(float),
        ),
        Slip(
            "The factor a is in the wrong place: multiply the patches by it, not the noisy window.",
            lambda window, patches, a, s: posterior(a * window, patches, 1.0, s),
        ),
    ),
)


def els(x: Array, images: Array, k: int, a: float, s: float) -> Array:
    """x0_hat of the equivariant local score machine."""
    return best(x, images, a, s, k=k, shared=True)


def _winner(x, images, k, a, s):
    patches, centres = dictionary(images, k)
    found = [centres[posterior(window, patches, a, s).argmax()] for window in windows(x, k, "circular")]
    return np.reshape(found, x.shape)


def _means(x, images, k, a, s):
    """The weighted mean of the patches' means."""
    patches, _ = dictionary(images, k)
    answers = patches.reshape(len(patches), k * k, -1).mean(axis=1)
    return np.reshape([posterior(window, patches, a, s) @ answers for window in windows(x, k, "circular")], x.shape)


def _corners(x, images, k, a, s):
    patches, _ = dictionary(images, k)
    answers = patches[:, : images.shape[3]]
    return np.reshape([posterior(window, patches, a, s) @ answers for window in windows(x, k, "circular")], x.shape)


def _one_for_all(x, images, k, a, s):
    patches, centres = dictionary(images, k)
    return np.broadcast_to(posterior(windows(x, k, "circular")[0], patches, a, s) @ centres, x.shape).copy()


def _by_columns(x, images, k, a, s):
    """Windows of x in the order of columns, and answers in the order of rows."""
    turned = els(x, images, k, a, s).transpose(1, 0, 2)
    return turned.reshape(x.shape)


ELS = Gap(
    "els",
    els,
    questions=(
        {
            "x": np.array([0.2, 0.1, -0.3]).reshape(1, 3, 1),
            "images": np.array([[-1.0, -1.0, 1.0], [1.0, 1.0, 0.5]]).reshape(2, 1, 3, 1),
            "k": 1,
            "a": 0.8,
            "s": 0.6,
        },
        {"x": draw(10, 5, 4, 1), "images": draw(11, 3, 5, 4, 1), "k": 3, "a": 0.7, "s": 0.8},
        {"x": draw(12, 3, 4, 2), "images": draw(13, 3, 3, 4, 2), "k": 3, "a": 0.5, "s": 0.9},
    ),
    slips=(
        Slip(
            "You let only the windows at p explain pixel p: that is LS, of exercise 03. Here all pixels share one dictionary, "
            "every window of every image.",
            lambda x, images, k, a, s: best(x, images, a, s, k=k),
        ),
        *exponents(els),
        Slip("The answer is a x0_hat. Average the clean pixels, y_n[u] and not a y_n[u].", lambda *q: q[3] * els(*q)),
        Slip("You use only the most probable candidate. Take the weighted mean of all centres.", _winner),
        Slip("You average the means of the windows. Average the pixels in their middle.", _means),
        Slip("You average the pixels in the corners of the windows. Average the pixels in their middle.", _corners),
        Slip("All pixels get the answer of pixel (0, 0). Take the window of x at each pixel.", _one_for_all),
        Slip("Rows and columns of the answer are mixed up: go through the windows row by row.", _by_columns),
        Slip(
            "Beyond the border, your window of x has zeros. It must wrap around, as the windows of the dictionary do.",
            lambda x, images, k, a, s: _zero_seen(x, images, k, a, s),
        ),
        Slip(
            "Beyond the border, all of your windows have zeros. On a torus they have the other side.",
            lambda x, images, k, a, s: best(x, images, a, s, k=k, boundary="zeros", shared="anywhere"),
        ),
    ),
    law=lambda f, brief: broken_law(lambda x, images, a, s: f(x, images, SIDE, a, s), "ELS", brief=brief),
)


def _zero_seen(x, images, k, a, s):
    patches, centres = dictionary(images, k)
    return np.reshape([posterior(window, patches, a, s) @ centres for window in windows(x, k, "zeros")], x.shape)


# --- the law, as a number ---------------------------------------------------------------------------------------------


def equivariance_gap(f: Callable[[Array], Array], x: Array, down: int, right: int) -> float:
    """max |f(shift x) - shift f(x)|."""
    by = (down, right)
    return np.abs(f(np.roll(x, by, (0, 1))) - np.roll(f(x), by, (0, 1))).max()


def neighbours(x: Array) -> Array:
    """each pixel plus the one to its right; it commutes with every shift"""
    return x + np.roll(x, -1, axis=1)


def by_place(x: Array) -> Array:
    """each pixel times the number of its row, minus three times the number of its column"""
    rows, columns = np.indices(x.shape[:2])[..., None]
    return x * rows - 3.0 * columns


GAP = Gap(
    "equivariance_gap",
    equivariance_gap,
    questions=(
        {"f": neighbours, "x": np.arange(6.0).reshape(2, 3, 1), "down": 1, "right": 0},
        {"f": by_place, "x": np.arange(6.0).reshape(2, 3, 1), "down": 0, "right": 1},
        {"f": by_place, "x": draw(5, 4, 5, 1), "down": 2, "right": 1},
        {"f": by_place, "x": draw(6, 5, 4, 2), "down": 1, "right": 3},
    ),
    slips=(
        Slip(
            "Only what goes in is shifted. The other term must be f(x), shifted too; compare the two.",
            lambda f, x, down, right: np.abs(f(np.roll(x, (down, right), (0, 1))) - f(x)).max(),
        ),
        Slip(
            "Only what comes out is shifted. The other term must be f of the shifted x.",
            lambda f, x, down, right: np.abs(f(x) - np.roll(f(x), (down, right), (0, 1))).max(),
        ),
        Slip("down and right are swapped.", lambda f, x, down, right: equivariance_gap(f, x, right, down)),
        Slip(
            "You shift up and left. For np.roll, positive numbers shift down and right.",
            lambda f, x, d, r: equivariance_gap(f, x, -d, -r),
        ),
        Slip("This is the mean difference. Return the largest one.", lambda f, x, d, r: np.abs(_gap(f, x, d, r)).mean()),
        Slip("Differences may be negative: take np.abs before the maximum.", lambda f, x, d, r: _gap(f, x, d, r).max()),
        Slip(
            "np.roll without axis= shifts the flattened image: use axis=(0, 1).",
            lambda f, x, down, right: np.abs(f(np.roll(x, (down, right))) - np.roll(f(x), (down, right))).max(),
        ),
        Slip(
            "The image has axes (H, W, C), so rows are axis 0 and columns axis 1, not 1 and 2.",
            lambda f, x, down, right: np.abs(f(np.roll(x, (down, right), (1, 2))) - np.roll(f(x), (down, right), (1, 2))).max(),
        ),
    ),
)


def _gap(f, x, down, right):
    return f(np.roll(x, (down, right), (0, 1))) - np.roll(f(x), (down, right), (0, 1))


def _together(names):
    holds, words = laws(lambda x, images, a, s: names["els"](x, images, SIDE, a, s), "ELS")
    return holds, words


EXERCISE = Exercise("04", "anywhere", (DICTIONARY, POSTERIOR, ELS, GAP), _together)
