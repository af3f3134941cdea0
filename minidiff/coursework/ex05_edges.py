"""Exercise 05: the boundary rule, and the boundary-broken machine. Its gaps, their questions and the common mistakes."""

import numpy as np

from ..theory import places, windows
from ..types import Array
from .denoisers import broken_law, draw, laws, softmax
from .marking import Exercise, gap
from .slips import MACHINE, PLACES, slips


def known_index(index: int, side: int, k: int) -> int:
    """The index, if the window there has padding in it, and else -1."""
    d = k // 2
    return index if index - d < 0 or index + d > side - 1 else -1


SIDES = ((5, 3), (6, 5), (4, 1), (4, 7), (9, 3))
INDEX = gap(
    known_index,
    *((index, side, k) for side, k in SIDES for index in (*range(side // 2, side), *range(side // 2))),
    slips=slips("""
        return index if -> return min(index, side - 1 - index) if
            # You return the distance to the border, which is the same for the first and the last index. But padding before the
            # first index differs from padding after the last one. Return the index itself.
        index - d < 0 or index + d > side - 1 -> index - d <= 0 or index + d >= side - 1
            # One pixel too many knows its place: padding is in sight only *nearer* than d to a border. (At both ends.)
        index - d < 0 -> index - d <= 0
            # One pixel too many knows its place: padding is in sight only *nearer* than d to a border. (At index d.)
        > side - 1 -> >= side - 1
            # One pixel too many knows its place: padding is in sight only *nearer* than d to a border. (At index side - 1 - d.)
        k // 2 -> k // 2 - 1  # One pixel too few knows its place: windows have padding up to the distance d - 1 from the border.
        k // 2 -> k  # A window reaches d = k // 2 to each side, not k.
        k // 2 -> 1  # d is always 1 in your function. It is k // 2.
        index - d < 0 or -> index - d < 0 and
            # Padding on both sides is needed in your function. Padding on one side is enough: write `or`.
        index - d < 0 or index + d > side - 1 -> index - d < 0
            # You count only the padding before the first index. There is padding after the last index, side - 1, too.
        > side - 1 -> > side  # The last index is side - 1, not side: at that end, one pixel too few knows its place.
        return index  # A pixel that sees no padding does not know its place: return -1 there.
        return index if -> return True if  # You return whether padding is in sight. Return the index itself where it is.
        side - 1 else -1 -> side - 1 else 0  # A pixel that sees no padding is not at index 0: return -1 there.
        return -1 if known_index(index, side, k) >= 0 else index
            # It is the reverse: return the index if the window has padding, and -1 if it has none.
    """),
)


def may_explain(p: tuple[int, int], u: tuple[int, int], shape: tuple[int, int], k: int) -> bool:
    """Whether p and u have the same padding pattern."""
    return all(known_index(p[axis], shape[axis], k) == known_index(u[axis], shape[axis], k) for axis in (0, 1))


PIXELS = ((1, 1), (0, 2), (0, 0), (2, 4), (3, 3))
OTHERS = ((1, 1), (2, 3), (0, 2), (0, 1), (3, 2), (0, 0), (3, 4), (1, 4), (1, 0))
MAY_EXPLAIN = gap(
    may_explain,
    *((p, u, (4, 5), 3) for p in PIXELS for u in OTHERS),
    ((1, 2), (2, 2), (4, 5), 5),
    slips=slips("""
        known_index = lambda index, side, k: min(index, side - 1 - index, k // 2)
            # You compare distances to the border, which are the same at opposite borders. Compare the known indices.
        return all -> return any  # One axis is enough for your function. The rows must agree *and* the columns.
        (0, 1) -> (0,)  # You compare only the rows. The columns must agree too.
        (0, 1) -> (1,)  # You compare only the columns. The rows must agree too.
        return p == u or max(known_index(place[axis], shape[axis], k) for place in (p, u) for axis in (0, 1)) < 0
            # You let a pixel at an edge be explained only by itself. But the padding does not tell it where it is along the edge:
            # every pixel of the same edge at the same distance may explain it. Compare each axis by itself.
        return len({max(known_index(place[axis], shape[axis], k) for axis in (0, 1)) < 0 for place in (p, u)}) == 1
            # You keep inner pixels apart, but treat all pixels that see padding alike. They differ in where they see it.
        u[axis], shape -> u[1 - axis], shape
            # You compare crosswise, the row of p with the column of u. Compare rows with rows, and columns with columns.
        shape = (shape[0], shape[0])  # The height serves both axes. The columns have the side shape[1].
        return p == u  # You let only its own place explain a pixel: that is LS.
        return True  # You let every place explain every pixel: that is ELS on a torus.
        return not may_explain(p, u, shape, k)  # It is the reverse: return True if the padding tells both the same.
        shape = shape[::-1]  # Height and width are swapped: shape is (H, W).
        k = 3  # The side of your window is always 3. It is k.
    """),
)


def window_at(image: Array, row: int, column: int, k: int) -> Array:
    """The window of a pixel with zeros beyond the border, (k, k, C)."""
    d = k // 2
    padded = np.pad(image, ((d, d), (d, d), (0, 0)))
    return padded[row : row + k, column : column + k]


NUMBERED = np.arange(1.0, 10.0).reshape(3, 3, 1)
WINDOW = gap(
    window_at,
    (NUMBERED, 1, 1, 3),
    (NUMBERED, 0, 0, 3),
    (NUMBERED, 2, 2, 3),
    (draw(0, 5, 6, 2), 4, 1, 5),
    (draw(1, 3, 3, 1), 0, 1, 5),
    slips=PLACES
    + slips("""
        (0, 0))) -> (0, 0)), mode="wrap")  # Your window wraps around. Beyond the border it must have zeros: this is no torus.
        image = np.pad(image, ((k // 2, 0), (k // 2, 0), (0, 0)), mode="wrap"); ((d, d), (d, d), -> ((0, d), (0, d),
            # Above and to the left of the image, your window has the other side of the image, because image[-1] is the last row
            # in Python. It must have zeros there: use np.pad.
        return image.take(row + np.arange(k) - k // 2, axis=0).take(column + np.arange(k) - k // 2, axis=1)
            # It is right inside the image, but beyond the border the window must have zeros: use np.pad.
        return image[row - k // 2 : row + k // 2 + 1, column - k // 2 : column + k // 2 + 1]
            # Near the border, your slice is too small or empty (Python counts a negative start from the other end). Pad the image
            # with zeros first, by np.pad, and take the slice of the padded image.
        return image[max(row - k // 2, 0) : row + k // 2 + 1, max(column - k // 2, 0) : column + k // 2 + 1]
            # Your window is cut off at the border. It must be k x k everywhere, with zeros outside the image.
        (0, 0))) -> (0, 0)), mode="edge")  # Beyond the border, your window repeats the last pixel. It must have zeros there.
        (0, 0))) -> (0, 0)), mode="reflect")  # Beyond the border, your window is a mirror image. It must have zeros there.
        padded[row : row + k, column : column + k] -> padded[row - d : row + d + 1, column - d : column + d + 1]
            # d is counted twice: in the padded image, pixel (row, column) lies at (row + d, column + d), so its window begins at
            # (row, column).
        ((d, d), (d, d), -> ((k, k), (k, k),
            # You pad with k zeros on each side, so all windows lie d + 1 too far up and to the left. Pad with d, or begin later.
        ((d, d), (d, d), -> ((0, k), (0, k),
            # The window begins at the pixel, but the pixel must be in its middle. In the padded image, pixel (row, column) lies
            # at (row + d, column + d), so its window begins at (row, column).
        row : row + k, column : column + k -> row : row + k - 1, column : column + k - 1
            # The window is one row and one column short: a range that ends at d does not contain d.
        column : column + k] -> column : column + k].transpose(1, 0, 2)
            # Rows and columns of the window are swapped: the first index counts rows, and the second one counts columns.
    """),
)


# --- the machine -------------------------------------------------------------------------------------------------------


def els_zeros(x: Array, images: Array, k: int, a: float, s: float) -> Array:
    """x0_hat of the boundary-broken machine."""
    boundary, x0_hat, (height, width, channels) = "zeros", np.empty(x.shape), x.shape
    place = places(height, width, k, "zeros")
    keys, pixels = np.array([windows(y, k, boundary) for y in images]), images.reshape(len(images), -1, channels)
    for p, window in enumerate(windows(x, k, boundary)):
        allowed = place == place[p]
        patches, values = np.concatenate(keys[:, allowed]), np.concatenate(pixels[:, allowed])
        w = softmax(-((window - a * patches) ** 2).sum(axis=1) / (2 * s**2))
        x0_hat[divmod(p, width)] = w @ values
    return x0_hat


def swapped_places(height: int, width: int, k: int) -> Array:
    """What `theory.places` would be if may_explain took the width for the height: (H W,)."""
    return np.array([99 * known_index(i, width, k) + known_index(j, height, k) for i, j in np.ndindex(height, width)])


MACHINE_ROW = np.array([0.2, 0.1, -0.3, 0.4]).reshape(1, 4, 1)
ELS_ZEROS = gap(
    els_zeros,
    (MACHINE_ROW, np.array([[-1.0, -1.0, 1.0, 0.5], [1.0, 1.0, 0.5, -0.5]]).reshape(2, 1, 4, 1), 3, 0.8, 0.6),
    (draw(10, 5, 4, 1), draw(11, 3, 5, 4, 1), 3, 0.7, 0.8),
    (draw(12, 3, 4, 2), draw(13, 3, 3, 4, 2), 3, 0.5, 0.9),
    (draw(14, 3, 4, 1), draw(15, 2, 3, 4, 1), 1, 0.6, 0.8),
    slips=slips("""
        place == place[p] -> place == place
            # Every place may explain every pixel in your function. But the padding tells a pixel where it is, so use only the
            # places u with may_explain(p, u, ...). The distance to the zeros of the padding does not replace this rule, because a
            # noisy pixel can be near 0 too.
        place == place[p] -> place != place[p]
            # It is the reverse: you use the places that may not explain p.
        place == place[p] -> np.arange(len(place)) == p
            # You let only its own place explain a pixel: that is LS. Every inner place may explain every inner pixel.
        = "zeros", -> = "circular",  # Your windows wrap around. Here they have zeros beyond the border, in x and in the images.
        place = places(height, width, k, "zeros") -> place = swapped_places(height, width, k)
            # Height and width are swapped in may_explain: its shape is (H, W), x.shape[:2].
        place == place[p] -> place == place; w @ values -> (w * np.tile(place == place[p], len(images))) @ values
            # You take places out after the softmax, so the weights that are left do not sum to 1. Take them out before it.
    """)
    + MACHINE,
    law=broken_law("ELS", "zeros"),
)

GAPS = (INDEX, MAY_EXPLAIN, WINDOW, ELS_ZEROS)
EXERCISE = Exercise("05", "edges", GAPS, lambda names: laws(names["els_zeros"], "ELS", "zeros"))
