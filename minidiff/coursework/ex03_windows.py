"""Exercise 03: windows on the torus, and the local score machine. Its gaps, their questions and the common mistakes."""

import numpy as np

from ..types import Array
from .denoisers import broken_law, draw, laws, softmax
from .marking import Exercise, gap
from .slips import FORGOT_A, MACHINE, PLACES, TEMPERATURES, WEIGHTS, slips


def window_at(image: Array, row: int, column: int, k: int) -> Array:
    """The window of a pixel on the torus, (k, k, C)."""
    around = np.arange(k) - k // 2
    return image.take(row + around, axis=0, mode="wrap").take(column + around, axis=1, mode="wrap")


NUMBERED = np.arange(9.0).reshape(3, 3, 1)
WINDOW = gap(
    window_at,
    (NUMBERED, 1, 1, 3),
    (NUMBERED, 0, 0, 3),
    (NUMBERED, 2, 2, 3),
    (draw(0, 7, 6, 2), 5, 1, 5),
    slips=PLACES
    + slips("""
        .take(column + around, axis=1, mode="wrap") -> .take(column + around, axis=1, mode="wrap").transpose(1, 0, 2)
            # Rows and columns of the window are swapped: the first index i counts rows, and the second index j counts columns.
        np.arange(k) - k // 2 -> np.arange(k)
            # The window begins at the pixel, but the pixel must be in its middle: subtract d = k // 2 from row and column.
        around = np.arange(k) - k // 2 -> around = k // 2 - np.arange(k)
            # The window is turned by 180 degrees: window[i, j] is the pixel at row + i - d, not at row - i + d.
        i = np.arange(k) - k // 2; return image[(row + i) % len(image), (column + i) % image.shape[1]]
            # You get only the diagonal of the window: two index arrays of one shape are paired. Let the rows have an axis of
            # their own, [:, None].
        i = np.arange(k) - k // 2; return image[(row + i)[:, None] % image.shape[1], (column + i) % len(image)]
            # H and W are swapped in the modulo: rows are modulo H, image.shape[0], and columns modulo W, image.shape[1].
        np.arange(k) -> np.arange(k - 1)  # The window is one row and one column short: a range that ends at d does not contain d.
        return image.take(row + np.arange(k) - k // 2, axis=0).take(column + np.arange(k) - k // 2, axis=1)
            # It is right inside the image. Beyond the border the torus continues on the other side: take indices modulo H and W.
        d = k // 2; return np.pad(image, ((d, d), (d, d), (0, 0)))[row : row + k, column : column + k]
            # Beyond the border, your window has zeros. On a torus it has the other side: take indices modulo H and W.
        d = k // 2; return np.pad(image, ((d, d), (d, d), (0, 0)), mode="edge")[row : row + k, column : column + k]
            # Beyond the border, your window repeats the last pixel. A torus has the other side: take indices modulo H and W.
        d = k // 2; return np.pad(image, ((d, d), (d, d), (0, 0)), mode="reflect")[row : row + k, column : column + k]
            # Beyond the border, your window is a mirror image. On a torus it has the other side: take indices modulo H and W.
    """),
)


def distances(x: Array, images: Array, row: int, column: int, k: int, a: float) -> Array:
    """The squared distances (N,) between the window of x at a pixel and a times the windows of the images there."""
    seen = window_at(x, row, column, k)
    return np.array([((seen - a * window_at(y, row, column, k)) ** 2).sum() for y in images])


DISTANCES = gap(
    distances,
    (draw(1, 3, 3, 1).round(1), draw(2, 2, 3, 3, 1).round(1), 1, 1, 1, 0.5),
    (draw(3, 4, 5, 2), draw(4, 3, 4, 5, 2), 0, 3, 3, 0.8),
    (draw(5, 5, 6, 1), draw(6, 3, 5, 6, 1), 4, 1, 3, 0.3),
    slips=FORGOT_A
    + PLACES
    + slips("""
        seen - a * -> a * seen -  # The factor a is in the wrong place: multiply the training images by it, not x.
        seen - a * -> a * seen - a *  # You multiply x by a too. Multiply only the images by a: x contains this factor already.
        seen - a * -> seen / a -
            # You divide x by a. But the noise in x / a is (s / a) eps, and not s eps: multiply the images by a instead.
        return np.array(distances(x, images, row, column, k, a).sum())
            # It is one number for all training images, but each of them has a distance of its own: sum over the window only.
        .sum() -> .sum() / k**2  # You divide by the number of pixels. Take the sum of the squares.
        seen - a * -> seen - a**2 *  # You multiply the images by a twice.
        k = 1  # You compare only the pixel in the middle. Compare the whole windows.
        window_at(y, row, column, k) -> window_at(y, column, row, k)
            # Row and column are swapped in the training images' windows: it is window_at(y, row, column, k).
        .sum() -> .mean()  # You took the mean of the squares. Take their sum.
        .sum() -> .sum() ** 0.5  # You took a root. Return the squared distance.
        ((seen - a * window_at(y, row, column, k)) ** 2) -> abs(seen - a * window_at(y, row, column, k))
            # The differences are not squared.
        ** 2).sum() -> ).sum() ** 2  # You square the sum. Square each difference first, and then sum.
        return ((x - a * images) ** 2).sum(axis=(1, 2, 3))  # You compare whole images. Compare the windows at (row, column).
        x, images = x[..., :1], images[..., :1]  # You compare only the first channel. Sum over all channels.
    """),
)


# --- weights and the machine -------------------------------------------------------------------------------------------


def weights(distances: Array, s: float) -> Array:
    """softmax(-distances / (2 s^2))."""
    w = np.exp(-(distances - distances.min()) / (2 * s**2))
    return w / w.sum()


SOFTMAX = gap(
    weights,
    (np.array([0.0, 1.0]), 0.6),
    (np.array([2.5, 1.0, 4.0, 1.1]), 0.8),
    (np.array([4000.0, 4001.0, 5000.0]), 0.8),
    (np.array([4000.0, 4001.0, 9000.0]), 0.8),
    slips=TEMPERATURES + WEIGHTS,
)


def local(x: Array, images: Array, k: int, a: float, s: float) -> Array:
    """x0_hat of the local score machine."""
    x0_hat = np.empty(x.shape)
    for row, column in np.ndindex(x.shape[:2]):
        window = window_at(x, row, column, k).ravel()
        patches = np.array([window_at(y, row, column, k).ravel() for y in images])
        values = images[:, row, column]
        w = softmax(-((window - a * patches) ** 2).sum(axis=1) / (2 * s**2))
        x0_hat[row, column] = w @ values
    return x0_hat


ROW = np.array([0.2, 0.1, -0.3]).reshape(1, 3, 1)
LOCAL = gap(
    local,
    (ROW, np.array([[-1.0, -1.0, 1.0], [1.0, 1.0, 1.0]]).reshape(2, 1, 3, 1), 1, 0.8, 0.6),
    (draw(10, 5, 4, 1), draw(11, 3, 5, 4, 1), 3, 0.7, 0.8),
    (draw(12, 3, 4, 2), draw(13, 3, 3, 4, 2), 3, 0.5, 0.9),
    slips=MACHINE
    + slips("""
        images[:, row, column] -> images[:, column, row]
            # You average the values of another pixel. Those of the pixel in the window's middle are images[:, row, column].
        return theory.denoise(theory.ideal(images), x, a, s)
            # You compare whole images: that is the ideal denoiser. Compare what the pixel sees, its window.
        window_at(x, row, column, k) -> window_at(x, 0, 0, k); window_at(y, row, column, k) -> window_at(y, 0, 0, k)
            # All pixels use the weights of pixel (0, 0). Compute the weights again for each pixel.
        return theory.denoise(theory.equivariant_local(images, k, "circular"), x, a, s)
            # You let any window explain any pixel: that is ELS, the next exercise. Here, only the windows at p explain pixel p.
    """),
    law=broken_law("LS"),
)

EXERCISE = Exercise("03", "windows", (WINDOW, DISTANCES, SOFTMAX, LOCAL), lambda names: laws(names["local"], "LS"))
