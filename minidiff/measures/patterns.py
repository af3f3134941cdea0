"""The judge of `colour_patterns`: whether a sample's shapes are whole, and how far it is from every image that the rule allows.

`judges.one_colour` asks about the colour alone, so a picture of blobs of one colour passes it. This judge asks for the shapes: it
knows the eight motifs, the colours and the places, and nothing of the training set.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from .. import arguments
from ..datasets.ruled import fixed_corners, motifs, palette
from ..types import Array


class Legal(NamedTuple):
    """The allowed image that is nearest to each sample; see `nearest_legal`."""

    distance: Array
    colour: Array
    motif: Array
    shift: Array


def _squared_distances(samples, colours):
    """The squared distance of each pixel to black and to each colour, (B, K + 1, H, W) float64; black is the first."""
    samples = arguments.image_set(samples, "samples")
    if samples.shape[3] != 3 or samples.shape[1] != samples.shape[2]:
        raise ValueError(f"samples: expected square images of 3 channels, got shape {samples.shape}")
    known = np.vstack([np.full((1, 3), -1.0), palette(colours)])
    return np.stack([((samples.astype(np.float64) - one) ** 2).sum(axis=3) for one in known], axis=1)


def whole_shapes(samples: Array, colours: int = 3, shapes: int = 4, shape_size: int | None = None) -> Array:
    """Which of the places of a sample hold a whole shape: exactly the pixels of one motif, in one colour.

    Each pixel is black or has one of the colours, whichever is nearest. A place is its square of shape_size pixels and what is
    around it, up to the middle between two shapes. It is whole if the pixels there are those of a motif, all of one colour, on
    black: one pixel too many or too few, or of another colour, and it is not.

    Parameters
    ----------
    samples : (B, H, H, 3) float32 or float64
    colours, shapes, shape_size : int
        As the training set was made; see `datasets.colour_patterns`. The shapes have fixed places.

    Returns
    -------
    whole : (B, shapes) bool

    Raises ValueError or TypeError on bad arguments. It costs O(B H^2) time for each motif and colour.

    Examples
    --------
    >>> from minidiff import datasets
    >>> images, _ = datasets.colour_patterns(count=2, size=12)
    >>> images[0, 0, 3] = images[0, 1, 1] = (0.2, 0.2, -0.9)
    >>> whole_shapes(images).tolist()
    [[False, True, True, True], [True, True, True, True]]
    """
    nearest = _squared_distances(samples, colours).argmin(axis=1)
    side = nearest.shape[1]
    shape_size = max(1, side // 3) if shape_size is None else arguments.whole_number("shape_size", shape_size, 1, side)
    corners = fixed_corners(side, arguments.whole_number("shapes", shapes, 1), shape_size)
    tops = sorted({top for top, _ in corners})
    reach = min((b - a - shape_size) // 2 for a, b in pairwise(tops)) if len(tops) > 1 else side
    found = []
    for top, left in corners:
        rows, columns = (slice(max(0, at - reach), min(side, at + shape_size + reach)) for at in (top, left))
        allowed = np.zeros((len(motifs(shape_size)), side, side), bool)
        allowed[:, top : top + shape_size, left : left + shape_size] = motifs(shape_size)
        here = nearest[:, None, None, rows, columns]
        wanted = np.arange(1, colours + 1)[:, None, None] * allowed[:, None, rows, columns]
        found.append((here == wanted).all(axis=(3, 4)).any(axis=(1, 2)))
    return np.stack(found, axis=1)


def nearest_legal(samples: Array, colours: int = 3, shapes: int = 4, shape_size: int | None = None) -> Legal:
    """The nearest of all images that the rule of `colour_patterns` allows, at all translations on the torus.

    There are K 8^shapes of them (12,288 by default), but the squared distance is a sum over the places. So the best motif of each
    place is found by itself, for each colour and each translation.

    Parameters
    ----------
    samples, colours, shapes, shape_size
        As for `whole_shapes`.

    Returns
    -------
    Legal
        distance (B,) float64, the root-mean-square difference in pixel values, whose range is 2; colour (B,) int64; motif
        (B, shapes) int64, from 0 to 7; shift (B, 2) int64, how far the allowed image is moved down and right. Of equally near
        images it is the first.

    Raises ValueError or TypeError on bad arguments. It costs O(B H^4 (K + 8)) time.

    Examples
    --------
    >>> from minidiff import datasets
    >>> images, labels = datasets.colour_patterns(count=5, size=12)
    >>> found = nearest_legal(np.roll(images, (2, 3), axis=(1, 2)))
    >>> found.distance.max() == 0, (found.colour == labels).all(), found.shift[0]
    (np.True_, np.True_, array([2, 3]))
    """
    distances = _squared_distances(samples, colours)
    batch, _, side, _ = distances.shape
    shape_size = max(1, side // 3) if shape_size is None else arguments.whole_number("shape_size", shape_size, 1, side)
    corners = fixed_corners(side, arguments.whole_number("shapes", shapes, 1), shape_size)
    ink = motifs(shape_size).reshape(-1, shape_size**2).astype(float)
    outside = np.ones((side, side), bool)
    for top, left in corners:
        outside[top : top + shape_size, left : left + shape_size] = False
    best = Legal(np.full(batch, np.inf), np.zeros(batch, int), np.zeros((batch, len(corners)), int), np.zeros((batch, 2), int))
    for shift in np.ndindex(side, side):
        moved = np.roll(distances, (-shift[0], -shift[1]), axis=(2, 3))
        total = np.repeat(moved[:, :1, outside].sum(axis=2), colours, axis=1)
        kinds = []
        for top, left in corners:
            square = moved[:, :, top : top + shape_size, left : left + shape_size].reshape(batch, colours + 1, -1)
            costs = square[:, 1:] @ ink.T + square[:, :1] @ (1 - ink).T
            total = total + costs.min(axis=2)
            kinds.append(costs.argmin(axis=2))
        colour = total.argmin(axis=1)
        least = total[np.arange(batch), colour]
        better = np.flatnonzero(least < best.distance)
        best.distance[better], best.colour[better], best.shift[better] = least[better], colour[better], shift
        best.motif[better] = np.stack(kinds, axis=2)[better, colour[better]]
    return best._replace(distance=np.sqrt(best.distance / (side * side * 3)))


def least_difference(size: int = 12, colours: int = 3, shape_size: int | None = None) -> float:
    """The smallest root-mean-square difference of two allowed images of that size at their places: of one motif in one shape.

    Where the nearest allowed image is nearer than half of this, it is the only one so near.

    Examples
    --------
    >>> round(least_difference(12), 3)
    0.147
    """
    shape_size = max(1, size // 3) if shape_size is None else shape_size
    drawn = motifs(shape_size).reshape(-1, shape_size**2)
    pixels = min((one != other).sum() for i, one in enumerate(drawn) for other in drawn[:i])
    darkest = ((palette(colours).astype(float) + 1) ** 2).sum(axis=1).min()
    return float(np.sqrt(pixels * darkest / (size * size * 3)))
