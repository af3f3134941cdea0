"""Exercise 04: the equivariant local score machine (ELS). Its gaps, their questions and the common mistakes."""

from collections.abc import Callable

import numpy as np

from ..types import Array
from .denoisers import broken_law, draw, laws, softmax
from .ex03_windows import ROW, window_at
from .marking import Exercise, gap
from .slips import EXPONENTS, MACHINE, SCALED, VARIANCE, WEIGHTS, slips


def dictionary(images: Array, k: int) -> tuple[Array, Array]:
    """All windows on the torus, flattened (M, P), and the pixels in their middle (M, C)."""
    height, width, channels = images.shape[1:]
    patches = [window_at(y, row, column, k).ravel() for y in images for row in range(height) for column in range(width)]
    return np.array(patches), images.reshape(-1, channels)


DICTIONARY = gap(
    dictionary,
    (np.arange(3.0).reshape(1, 1, 3, 1), 1),
    (np.arange(9.0).reshape(1, 3, 3, 1), 3),
    (draw(0, 2, 4, 3, 2), 3),
    parts=("patches", "centres"),
    slips=slips("""
        window_at(y, row, column, k) -> theory.windows(y, k, "zeros")[row * width + column]
            # Beyond the border, your windows have zeros. On a torus they have the other side.
        for row in range(height) for column in range(width) -> for column in range(width) for row in range(height)
            # The order of the candidates is n, column, row. Make the loop over rows the outer one, over columns the inner one.
        for y in images for row -> for row; range(width)] -> range(width) for y in images]
            # The order of the candidates is row, column, n. Make the loop over training images the outermost one.
        images = images[:1]  # It has only the windows of the first training image. It needs those of all.
        row, column, k -> row + k // 2, column + k // 2, k  # The windows begin at their pixel. It must be in the middle.
        row, column, k -> column, row, k  # Row and column are swapped: the window of candidate u is window_at(y, row, column, k).
        row, column, k -> row, column, 3  # The windows are always 3 x 3. Their side is k.
        window_at(y, row, column, k).ravel() -> window_at(y, row, column, k)
            # The windows are not flattened: patches has a row of P = k k C numbers for each candidate.
        range(height) for column in range(width) -> range(k // 2, height - k // 2) for column in range(k // 2, width - k // 2)
            # The windows of the pixels near the border are missing. On a torus these pixels have whole windows, too.
        images.reshape(-1, channels) -> images.ravel()
            # The centres are one long row of numbers. They must be (M, C): a row for each candidate, also if C = 1.
        .ravel() -> .transpose(2, 0, 1).ravel()
            # The windows are flattened channel by channel. The .ravel() of (k, k, C) keeps a pixel's channels together.
        images.reshape(-1, channels) -> np.array(patches)[:, :channels]
            # These centres are the first pixels of the windows, their corners. y_n[u] is the pixel in the middle.
    """),
)


def posterior(window: Array, patches: Array, a: float, s: float) -> Array:
    """The weights of the patches: the softmax over -|window - a patch|^2 / (2 s^2)."""
    distances = ((window - a * patches) ** 2).sum(axis=1)
    w = np.exp(-(distances - distances.min()) / (2 * s**2))
    return w / w.sum()


POSTERIOR = gap(
    posterior,
    (np.array([0.5]), np.array([[1.0], [-1.0]]), 0.8, 0.6),
    (draw(1, 9), draw(2, 5, 9), 0.5, 0.9),
    (20 + draw(3, 9), draw(4, 5, 9), 0.99, 0.2),
    slips=VARIANCE
    + SCALED
    + EXPONENTS
    + WEIGHTS
    + slips("""
        .sum(axis=1) -> .mean(axis=1)
            # You took the mean of the squared differences. Take their sum: a mean makes the exponents smaller by the factor P.
        .sum(axis=1) -> .sum(axis=0)  # You sum over the candidates. Sum over the numbers of each window, axis=1.
        .sum(axis=1) -> .sum(axis=1) ** 0.5
            # The exponent has the distance, the root of the sum of squares. It needs the squared distance: leave out the root.
        window - a * patches -> a * window - patches
            # The factor a is in the wrong place: multiply the patches by it, not the noisy window.
    """),
)


def els(x: Array, images: Array, k: int, a: float, s: float) -> Array:
    """x0_hat of the equivariant local score machine."""
    patches, values = dictionary(images, k)
    x0_hat = np.empty(x.shape)
    for row, column in np.ndindex(x.shape[:2]):
        window = window_at(x, row, column, k).ravel()
        w = softmax(-((window - a * patches) ** 2).sum(axis=1) / (2 * s**2))
        x0_hat[row, column] = w @ values
    return x0_hat


ELS = gap(
    els,
    (ROW, np.array([[-1.0, -1.0, 1.0], [1.0, 1.0, 0.5]]).reshape(2, 1, 3, 1), 1, 0.8, 0.6),
    (draw(10, 5, 4, 1), draw(11, 3, 5, 4, 1), 3, 0.7, 0.8),
    (draw(12, 3, 4, 2), draw(13, 3, 3, 4, 2), 3, 0.5, 0.9),
    slips=MACHINE
    + slips("""
        return theory.denoise(theory.local(images, k, "circular"), x, a, s)
            # You let only the windows at p explain pixel p: that is LS. Here all pixels share one dictionary, every window.
        window_at(x, row, column, k) -> window_at(x, 0, 0, k)
            # All pixels get the answer of pixel (0, 0). Take the window of x at each pixel.
        window_at(x, row, column, k) -> window_at(x, column, row, k)
            # The answer at (row, column) comes from the window of x at (column, row).
        dictionary(images, k) -> dictionary(x[None], k)
            # The dictionary is made of x itself. It must hold the windows of the training images.
        x0_hat[row, column] = -> x0_hat[...] =
            # Each answer is written into the whole image, so the last one is left everywhere. Write it at [row, column].
        return x0_hat -> return x0_hat.transpose(1, 0, 2).reshape(x.shape)
            # Rows and columns of the answer are mixed up: go through the windows row by row.
        window_at(x, row, column, k) -> theory.windows(x, k, "zeros")[row * x.shape[1] + column]
            # Beyond the border, your window of x has zeros. It must wrap around, as the windows of the dictionary do.
        return theory.denoise(theory.through_windows(images, k, "zeros", np.zeros(x[..., 0].size)), x, a, s)
            # Beyond the border, all of your windows have zeros. On a torus they have the other side.
    """),
    law=broken_law("ELS"),
)


# --- the law, as a number ---------------------------------------------------------------------------------------------


def equivariance_gap(f: Callable[[Array], Array], x: Array, down: int, right: int) -> float:
    """max |f(shift x) - shift f(x)|."""
    shifted_first = f(np.roll(x, (down, right), axis=(0, 1)))
    shifted_last = np.roll(f(x), (down, right), axis=(0, 1))
    return np.abs(shifted_first - shifted_last).max()


def neighbours(x: Array) -> Array:
    """each pixel plus the one to its right; it commutes with every shift"""
    return x + np.roll(x, -1, axis=1)


def by_place(x: Array) -> Array:
    """each pixel times the number of its row, minus three times the number of its column"""
    rows, columns = np.indices(x.shape[:2])[..., None]
    return x * rows - 3.0 * columns


SIX = np.arange(6.0).reshape(2, 3, 1)
GAP = gap(
    equivariance_gap,
    (neighbours, SIX, 1, 0),
    (by_place, SIX, 0, 1),
    (by_place, draw(5, 4, 5, 1), 2, 1),
    (by_place, draw(6, 5, 4, 2), 1, 3),
    slips=slips("""
        np.roll(f(x), (down, right), axis=(0, 1)) -> f(x)
            # Only what goes in is shifted. The other term must be f(x), shifted too; compare the two.
        f(np.roll(x, (down, right), axis=(0, 1))) -> f(x)  # Only what comes out is shifted. The other term must be f(shifted x).
        down, right = right, down  # down and right are swapped.
        down, right = -down, -right  # You shift up and left. For np.roll, positive numbers shift down and right.
        np.roll(f(x), (down, right), axis=(0, 1)) -> np.roll(f(x), (-down, -right), axis=(0, 1))
            # One of the two is shifted in the other direction. Shift both by (down, right).
        .max() -> .sum()  # This is the sum of the differences. Return the largest one.
        np.abs(shifted_first - shifted_last) -> ((shifted_first - shifted_last) ** 2)
            # The difference is squared. Return the largest absolute difference.
        .max() -> .mean()  # This is the mean difference. Return the largest one.
        np.abs(shifted_first - shifted_last) -> (shifted_first - shifted_last)
            # Differences may be negative: take np.abs before the maximum.
        return np.abs(f(np.roll(x, (down, right))) - np.roll(f(x), (down, right))).max()
            # np.roll without axis= shifts the flattened image: use axis=(0, 1).
        return np.abs(f(np.roll(x, (down, right), (1, 2))) - np.roll(f(x), (down, right), (1, 2))).max()
            # The image has axes (H, W, C), so rows are axis 0 and columns axis 1, not 1 and 2.
    """),
)

EXERCISE = Exercise("04", "anywhere", (DICTIONARY, POSTERIOR, ELS, GAP), lambda names: laws(names["els"], "ELS"))
