"""Sets with a rule about the whole image, which no small window can see: one colour per image, or an exact number of limbs.

These sets are ours. Every training image obeys the rule, and `minidiff.measures.judges` says whether another image does.
"""

import math

import numpy as np

from .. import arguments
from ..types import Array, Rng
from .images import check_room, image_side
from .made import MOST_COUNT

# Blue, yellow, rose, lavender and green, for shapes on black, chosen for three reasons.
#
# Readers who are colour-blind must tell them apart. Red and green become two shades of yellow; of the first three colours here,
# two are at least 62 apart in CIELAB for common sight, and also as protanopes and deuteranopes see them (as Machado, Oliveira and
# Fernandes 2009 compute it).
#
# A shape must differ from black in all channels: with pure red, green and blue, a network with attention made 20 of 100 samples
# black (an earlier form of the set).
#
# The judge must tell blurred colours apart. Seen from black, the directions of the first three are far apart (cosines below
# 0.69), and so is each from the mixture of the other two (0.71); all other cosines are below 0.86.
PALETTE = np.array([(-0.8, -0.2, 1), (0.6, 0.9, -0.8), (1, -0.8, 0), (0.6, 0.6, 0.8), (-0.8, 1, 0)], dtype=np.float32)


def palette(colours: int = 3) -> Array:
    """The first `colours` colours of `colour_patterns`, (K, 3) float32 in [-1, 1], with K = colours from 1 to 5.

    Examples
    --------
    >>> palette(2).shape
    (2, 3)
    """
    return PALETTE[: arguments.whole_number("colours", colours, 1, len(PALETTE))].copy()


def motifs(side: int) -> Array:
    """The shapes that `colour_patterns` draws, (8, side, side) bool; if the side is at least 3, no two of them are equal.

    Examples
    --------
    >>> motifs(4)[1].astype(int).tolist()
    [[1, 1, 1, 1], [1, 0, 0, 1], [1, 0, 0, 1], [1, 1, 1, 1]]
    """
    last = arguments.whole_number("side", side, 1) - 1
    row, column = np.indices((side, side))
    middle = np.abs(np.stack([row, column]) - last / 2) < max(side, 2) / 4
    border = (row == 0) | (row == last) | (column == 0) | (column == last)
    drawn = [
        np.ones((side, side), bool),
        border,
        middle[0] | middle[1],
        (row == column) | (row + column == last),
        row >= column,
        (column == 0) | (row == last),
        (row == 0) | middle[1],
        (column == 0) | (column == last) | (row == last),
    ]
    return np.stack(drawn)


def colour_patterns(
    count: int = 300,
    size: int = 16,
    colours: int = 3,
    shapes: int = 4,
    shape_size: int | None = None,
    spacing: int | None = None,
    places: str = "fixed",
    rng: Rng = 0,
) -> tuple[Array, Array]:
    """Small shapes on black: all shapes of an image have the same one of K colours. The set was made to study attention.

    The rule is one colour per image. A window that is centred on a pixel of a shape, and reaches at most `spacing` pixels to each
    side, sees no other shape. So a model with such windows can match the colours only by chance, with a probability of about
    K^-(shapes - 1). By default the shapes lie in the corners, where a border of zeros tells a network their places, and at least
    as far apart as they are wide: so a window can see a whole shape from each of its pixels, and no other. The set is ours; the
    coloured patterns of FKTB gave the idea, but not the data.

    Parameters
    ----------
    count : int from 1 to 1,000,000
        N, the number of images.
    size : int from 1 to 4096
        The side of the images in pixels.
    colours : int from 1 to 5
        K, the number of colours; see `palette`. Each image has one of them, and all are equally likely.
    shapes : int >= 1
        The number of shapes in each image. Each is one of the eight `motifs`, drawn independently.
    shape_size : int, optional
        The side of a shape in pixels; by default a third of the image's side, rounded down.
    spacing : int >= 0, optional
        The smallest number of pixels between two shapes. The default is half of shape_size, rounded up; the four default shapes
        have more, 4 pixels at size 12 and 6 at size 16.
    places : "fixed" or "free"
        "fixed" shapes have the same places in every image, in rows and columns that reach from border to border: four lie in the
        corners. "free" shapes lie anywhere, in bands, on a torus: the spacing holds across the border too.
    rng : None, int or numpy Generator

    Returns
    -------
    images : (N, size, size, 3) float32 in [-1, 1]
    labels : (N,) int64, the number of the colour

    Raises ValueError or TypeError on bad arguments, and ValueError if the shapes do not fit. With the same seed, a smaller set is
    the beginning of a larger one. It takes about 0.05 ms per image.

    Examples
    --------
    >>> images, labels = colour_patterns(count=5)
    >>> images.shape, bool((images[0].max(axis=(0, 1)) == palette()[labels[0]]).all())
    ((5, 16, 16, 3), True)
    """
    count = arguments.whole_number("count", count, 1, MOST_COUNT)
    side = image_side(size)
    colour = palette(colours)
    shapes = arguments.whole_number("shapes", shapes, 1)
    shape_size = max(1, side // 3) if shape_size is None else arguments.whole_number("shape_size", shape_size, 1, side)
    spacing = (shape_size + 1) // 2 if spacing is None else arguments.whole_number("spacing", spacing, 0)
    arguments.choice("places", places, ("fixed", "free"))
    rng = arguments.generator(rng)
    rows = _bands(side, shapes, shape_size + spacing)
    check_room((count, side, side, 3))
    drawn, cell = motifs(shape_size), np.arange(shape_size)
    images = np.full((count, side, side, 3), -1, np.float32)
    labels = np.empty(count, np.int64)
    for n in range(count):
        labels[n] = rng.integers(len(colour))
        kinds = rng.integers(len(drawn), size=shapes)
        corners = (
            fixed_corners(side, shapes, shape_size) if places == "fixed" else _free(side, shapes, rows, shape_size + spacing, rng)
        )
        for (top, left), kind in zip(corners, kinds, strict=True):
            square = np.ix_((top + cell) % side, (left + cell) % side)
            images[n][square] = np.where(drawn[kind][..., None], colour[labels[n]], images[n][square])
    return images, labels


def _bands(side, shapes, pitch):
    """The number of rows of shapes, of which the last may be shorter; ValueError if the shapes do not fit."""
    rows = math.isqrt(shapes - 1) + 1
    if rows * pitch > side:
        most = (side // pitch) ** 2
        raise ValueError(
            f"shapes: expected at most {most} of that size and spacing in {side} x {side} pixels, got {shapes}; "
            "hint: a smaller shape_size= or spacing=, or a larger size="
        )
    return rows


def fixed_corners(side: int, shapes: int, shape_size: int) -> list[tuple[int, int]]:
    """The (top, left) of each of the "fixed" shapes of `colour_patterns`.

    Examples
    --------
    >>> fixed_corners(12, 4, 4)
    [(0, 0), (0, 8), (8, 0), (8, 8)]
    """
    rows, room = math.isqrt(shapes - 1) + 1, side - shape_size
    at = [room // 2] if rows == 1 else [i * room // (rows - 1) for i in range(rows)]
    return [(at[i // rows], at[i % rows]) for i in range(shapes)]


def _free(side, shapes, rows, pitch, rng):
    """The corners (top, left) of shapes in bands, which are rows or columns; free pixels are divided at random between the bands,
    and in each band between its shapes.
    """
    bands = _scattered(side, rows, pitch, rng)
    held = rng.permutation([(shapes - i + rows - 1) // rows for i in range(rows)])
    corners = [(top, left) for top, inside in zip(bands, held, strict=True) for left in _scattered(side, inside, pitch, rng)]
    return [corner[::-1] for corner in corners] if rng.random() < 0.5 else corners


def _scattered(side, items, pitch, rng):
    """Random places of so many items on a ring of `side` pixels, at least `pitch` pixels apart."""
    slack = np.sort(rng.integers(side - items * pitch + 1, size=items))
    return (slack + np.arange(items) * pitch + rng.integers(side)) % side


def creatures(
    count: int = 300, size: int = 16, limbs: int | list[int] | tuple[int, ...] = 4, rng: Rng = 0
) -> tuple[Array, Array]:
    """Figures with an exact number of limbs. The body is a bar, and the limbs lie anywhere along its upper and its lower side.

    The rule is the number of limbs. The length of the body, the lengths and places of the limbs, and how many of them are above
    the body are all random, so one must count to tell four limbs from five. A model whose window is smaller than the body makes
    too many limbs, or too few. The set is ours; it is a model of the excess limbs of KG.

    Parameters
    ----------
    count : int from 1 to 1,000,000
        N, the number of images.
    size : int from 6 to 4096
        The side of the images in pixels. A limb is an eighth of it wide, rounded down but at least 1 pixel, and so is the
        smallest gap between two limbs.
    limbs : int from 1 to 6, or a list or tuple of such ints
        The allowed numbers of limbs; each image has one of them, chosen at random.
    rng : None, int or numpy Generator

    Returns
    -------
    images : (N, size, size, 1) float32, white (1) on black (-1)
        No figure touches itself across the border.
    labels : (N,) int64, the number of limbs

    Raises ValueError or TypeError on bad arguments. With the same seed, a smaller set is the beginning of a larger one. It takes
    about 0.05 ms per image.

    Examples
    --------
    >>> images, labels = creatures(count=3, limbs=[4, 5])
    >>> images.shape, set(labels.tolist()) <= {4, 5}
    ((3, 16, 16, 1), True)
    """
    count = arguments.whole_number("count", count, 1, MOST_COUNT)
    side = image_side(size, least=6)
    rng = arguments.generator(rng)
    allowed = [arguments.whole_number("limbs", n, 1, 6) for n in (limbs if isinstance(limbs, list | tuple) else [limbs])]
    if not allowed:
        raise ValueError("limbs: expected at least one number, got an empty list")
    check_room((count, side, side, 1))
    images = np.full((count, side, side, 1), -1, np.float32)
    labels = np.empty(count, np.int64)
    for n in range(count):
        labels[n] = allowed[rng.integers(len(allowed))]
        _draw_creature(images[n, ..., 0], int(labels[n]), rng)
    return images, labels


def limb_thickness(side: int) -> int:
    """The width in pixels of a limb of `creatures`, and of the smallest gap between two limbs; a body is twice as thick."""
    return max(1, side // 8)


def _draw_creature(image, limbs, rng):
    """Draw a figure with so many limbs into image (side, side), in place."""
    side = len(image)
    thick = limb_thickness(side)
    pitch = 2 * thick
    shortest = max(3, -(-limbs // 2)) * pitch - thick
    length = int(rng.integers(shortest, max(shortest, side - thick) + 1))
    most = (length + thick) // pitch
    above = int(rng.integers(max(0, limbs - most), min(limbs, most) + 1))
    reach = rng.integers(max(1, 3 * side // 16), max(1, side // 4) + 1, size=limbs)
    # One row and one column stay free, so that the figure does not touch itself across the border.
    room = side - 2 * thick - 2 * int(reach.max())
    top = int(reach.max()) + int(rng.integers(max(room, 1)))
    left = int(rng.integers(max(side - length, 1)))
    image[top : top + 2 * thick, left : left + length] = 1
    for first, items in ((0, above), (above, limbs - above)):
        slack = length + thick - items * pitch
        places = left + np.sort(rng.integers(slack + 1, size=items)) + pitch * np.arange(items)
        for place, long in zip(places, reach[first : first + items], strict=True):
            rows = slice(top - long, top) if first == 0 and above else slice(top + 2 * thick, top + 2 * thick + long)
            image[rows, place : place + thick] = 1
