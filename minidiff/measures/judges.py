"""Judges for the data sets with a rule: whether a sample obeys the rule, whether it is new, and how certain the shares are.

A judge looks at one image at a time and does not know how it was made. A blank image obeys no rule, and the share of blank images
is reported too.
"""

from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from .. import arguments
from ..datasets.ruled import limb_thickness, palette
from ..machines.windows import BOUNDARIES
from ..types import Array
from .metrics import _components, memorisation


class Share(NamedTuple):
    """`count` out of `of`, as a share with its interval; see `wilson`."""

    count: int  # type: ignore[assignment]  # the field hides the method tuple.count
    of: int
    share: float
    low: float
    high: float


def wilson(count: int, of: int, confidence: float = 0.95) -> Share:
    """A share of successes with Wilson's binomial interval, which lies inside [0, 1] and has a width for 0 of 12 too.

    Parameters
    ----------
    count : int from 0 to `of`
    of : int >= 0
        With 0 trials the share is nan and the interval [0, 1].
    confidence : float in (0, 1)

    Returns
    -------
    Share
        (count, of, share, low, high).

    Raises ValueError or TypeError on bad arguments.

    Examples
    --------
    >>> print("{2:.2f} from {3:.2f} to {4:.2f}".format(*wilson(0, 12)))
    0.00 from 0.00 to 0.24
    """
    of = arguments.whole_number("of", of, 0)
    count = arguments.whole_number("count", count, 0, of)
    confidence = arguments.number("confidence", confidence, 1e-9, 1 - 1e-9)
    if of == 0:
        return Share(0, 0, float("nan"), 0.0, 1.0)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share, unit = count / of, z * z / of
    middle = (share + unit / 2) / (1 + unit)
    half = (unit * share * (1 - share) + unit * unit / 4) ** 0.5 / (1 + unit)
    # The formula would round: the lower bound is exactly 0 if nothing succeeds, the upper one exactly 1 if everything does.
    return Share(count, of, share, 0.0 if count == 0 else middle - half, 1.0 if count == of else middle + half)


class Colours(NamedTuple):
    """The verdict of `one_colour`."""

    consistent: Array
    blank: Array
    colour: Array
    share: Array


def coloured(samples: Array, colours: int | Array = 3) -> Array:
    """Which colour of the palette each pixel has, if any.

    It is the colour whose direction from black is nearest to the pixel's direction, if the pixel reaches a third of that colour's
    length. (Directions are compared, because the edge of a blurred yellow shape is dark yellow, whose nearest colour is red.)

    Parameters
    ----------
    samples : (B, H, W, 3) float32 or float64
    colours : int, or (K, 3) array
        How many colours of `datasets.palette`, or colours of your own; the background is black.

    Returns
    -------
    (B, H, W) int64
        From 0 to K - 1, and -1 for black.

    Raises ValueError or TypeError on bad arguments.

    Examples
    --------
    >>> from minidiff import datasets
    >>> images, labels = datasets.colour_patterns(count=10)
    >>> bool((coloured(images).max(axis=(1, 2)) == labels).all())
    True
    """
    samples = arguments.image_set(samples, "samples")
    if samples.shape[3] != 3:
        raise ValueError(f"samples: expected 3 channels, got shape {samples.shape}")
    directions, lengths = _from_black(colours)
    along = (samples.astype(np.float64) + 1) @ (directions / lengths[:, None]).T
    nearest = along.argmax(axis=3)
    return np.where(along.max(axis=3) >= lengths[nearest] / 3, nearest, -1)


def _from_black(colours):
    """The directions (K, 3) and lengths (K,) of colours from black, for `colours` as `coloured` takes them."""
    colours = palette(colours) if np.ndim(colours) == 0 else arguments.float_array("colours", colours, "(K, 3)", 2)
    directions = colours.astype(np.float64) + 1
    lengths = np.sqrt((directions**2).sum(axis=1))
    if directions.shape[1] != 3 or (lengths == 0).any():
        raise ValueError(f"colours: expected (K, 3) colours, none of them black, got {colours.tolist()}")
    return directions, lengths


def one_colour(samples: Array, colours: int | Array = 3, agreement: float = 0.95, least: float = 0.02) -> Colours:
    """Whether all coloured pixels of a sample have the same colour: the rule of `datasets.colour_patterns`.

    Parameters
    ----------
    samples, colours
        As for `coloured`.
    agreement : float in [0.5, 1]
        The share of the coloured pixels that must have the same colour.
    least : float in [0, 1]
        If at most this share of all pixels is coloured, the sample is blank.

    Returns
    -------
    Colours
        consistent (B,) bool; blank (B,) bool, and then not consistent; colour (B,) int64, the most frequent colour, -1 if blank;
        share (B,) float64, the share of the coloured pixels that have this colour, nan if blank.

    Raises ValueError or TypeError on bad arguments.

    Examples
    --------
    >>> from minidiff import datasets
    >>> images, labels = datasets.colour_patterns(count=10)
    >>> verdict = one_colour(images)
    >>> bool(verdict.consistent.all()), bool((verdict.colour == labels).all())
    (True, True)
    """
    agreement = arguments.number("agreement", agreement, 0.5, 1)
    least = arguments.number("least", least, 0, 1)
    found = coloured(samples, colours)
    counts = np.stack([(found == k).sum(axis=(1, 2)) for k in range(max(found.max() + 1, 1))], axis=1)
    total = counts.sum(axis=1)
    blank = total <= least * found[0].size
    share = np.where(blank, np.nan, counts.max(axis=1) / np.maximum(total, 1))
    return Colours(~blank & (share >= agreement), blank, np.where(blank, -1, counts.argmax(axis=1)), share)


class Limbs(NamedTuple):
    """The verdict of `limb_count`."""

    consistent: Array
    blank: Array
    limbs: Array
    bodies: Array


def limb_count(samples: Array, limbs: int | Sequence[int] = 4, thickness: int | None = None, boundary: str = "zeros") -> Limbs:
    """Count the bodies and limbs of a sample; it is consistent if it has one body with an allowed number of limbs.

    This is the rule of `datasets.creatures`. Pixels above 0 are white. A white square of side thickness + 1 is part of a body.
    The other white pixels form connected pieces (along edges). A piece is a limb if it touches a body and is at least half as
    large as a square of side `thickness`; smaller pieces are the uneven edge of a body.

    Parameters
    ----------
    samples : (B, H, W, 1) float32 or float64
    limbs : int, or list or tuple of ints
        The allowed numbers.
    thickness : int >= 1, optional
        How wide limbs are, in pixels; by default as wide as `datasets.creatures` draws them at that size.
    boundary : "zeros" or "circular"
        With "circular" pieces that meet across the border are one piece.

    Returns
    -------
    Limbs
        consistent (B,) bool, one body with an allowed number of limbs; blank (B,) bool, no body; limbs (B,) int64; bodies (B,)
        int64.

    Raises ValueError or TypeError on bad arguments.

    Examples
    --------
    >>> from minidiff import datasets
    >>> images, labels = datasets.creatures(count=10, limbs=[3, 4, 5])
    >>> verdict = limb_count(images, limbs=[3, 4, 5])
    >>> bool(verdict.consistent.all()), bool((verdict.limbs == labels).all())
    (True, True)
    """
    samples = arguments.image_set(samples, "samples")
    if samples.shape[3] != 1:
        raise ValueError(f"samples: expected 1 channel, got shape {samples.shape}")
    allowed = [arguments.whole_number("limbs", n, 0) for n in (limbs if isinstance(limbs, list | tuple) else [limbs])]
    if not allowed:
        raise ValueError("limbs: expected at least one number, got none")
    height, width = samples.shape[1:3]
    thickness = limb_thickness(min(height, width)) if thickness is None else arguments.whole_number("thickness", thickness, 1)
    wraps = arguments.choice("boundary", boundary, BOUNDARIES) == "circular"
    counted = np.array([_count(sample > 0, thickness, wraps) for sample in samples[..., 0]], np.int64).reshape(-1, 2)
    found, bodies = counted.T
    return Limbs((bodies == 1) & np.isin(found, allowed), bodies == 0, found, bodies)


def _count(white, thickness, wraps):
    """(limbs, bodies) of one image (H, W) of bools."""
    body = _opened(white, thickness + 1, wraps)
    bodies = _pieces(body, wraps)
    parts = _pieces(white & ~body, wraps)
    touching = np.unique(parts[_grown(body, wraps) & (parts >= 0)])
    large = 2 * np.bincount(parts[parts >= 0]) >= thickness**2
    return np.count_nonzero(large[touching]), int(bodies.max() + 1)


def _pieces(mask, wraps):
    """The number of each pixel's connected piece of mask (H, W), from 0; -1 outside mask."""
    return _components(np.zeros((1, *mask.shape), np.int64), mask, wraps)


def _padded(mask, edge, wraps):
    """mask (H, W) with `edge` more pixels on each side, from the torus if it wraps, else black ones."""
    return np.pad(mask, edge, mode="wrap" if wraps else "constant")


def _opened(mask, side, wraps):
    """The pixels of all side x side squares that lie inside mask (a morphological opening)."""
    squares = np.lib.stride_tricks.sliding_window_view(_padded(mask, side - 1, wraps), (side, side))
    inside = squares.all(axis=(2, 3))
    return np.lib.stride_tricks.sliding_window_view(inside, (side, side)).any(axis=(2, 3))


def _grown(mask, wraps):
    """mask and all pixels that share an edge with it."""
    p = _padded(mask, 1, wraps)
    return mask | p[:-2, 1:-1] | p[2:, 1:-1] | p[1:-1, :-2] | p[1:-1, 2:]


class Report(NamedTuple):
    """Shares with their intervals; see `report`."""

    consistent: Share
    blank: Share
    new: Share


def report(verdict: Colours | Limbs, samples: Array, images: Array, tolerance: float = 0.1, confidence: float = 0.95) -> Report:
    """How many samples obey the rule, how many are blank, and how many of the consistent samples are new.

    A sample is new if it is further than `tolerance` from every training image at every translation on the torus; see
    `metrics.memorisation`.

    Parameters
    ----------
    verdict : Colours or Limbs
        What a judge found for these samples.
    samples : (B, H, W, C) float32 or float64
    images : (N, H, W, C) float32 or float64
        The training set.
    tolerance : float >= 0
        Root-mean-square difference in pixel values, whose range is 2. At 16 x 16, two images of `colour_patterns` that differ in
        one motif are at least 0.12 apart, and a limb of `creatures` that is one pixel longer makes 0.18.
    confidence : float in (0, 1)

    Returns
    -------
    Report
        consistent, blank: Shares of all samples; new: Share of the consistent samples.

    Raises ValueError or TypeError on bad arguments. Costs one `memorisation` of the consistent samples.

    Examples
    --------
    >>> from minidiff import datasets
    >>> images, _ = datasets.colour_patterns(count=10)
    >>> [part.count for part in report(one_colour(images), images, images[:4])]
    [10, 0, 6]
    """
    samples = arguments.image_set(samples, "samples")
    if not isinstance(verdict, Colours | Limbs):
        raise TypeError(f"verdict: expected what one_colour or limb_count returns, got {arguments.brief(verdict)}")
    consistent = np.asarray(verdict.consistent)
    if consistent.shape != (len(samples),):
        raise ValueError(f"verdict: expected one on {len(samples)} samples, got one on shape {consistent.shape}")
    tolerance = arguments.number("tolerance", tolerance, 0)
    new = 0
    if consistent.any():
        new = int((memorisation(samples[consistent], images).distance > tolerance).sum())
    right = int(consistent.sum())
    return Report(
        wilson(right, len(samples), confidence),
        wilson(int(np.asarray(verdict.blank).sum()), len(samples), confidence),
        wilson(new, right, confidence),
    )
