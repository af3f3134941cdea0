"""Did a model copy? The nearest training image of each sample, also moved, mirrored or of another grey, and what chance allows.

How the nearest image is searched, and what the search can miss, is said in search.py.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from .. import arguments
from ..types import Array, Rng
from . import search
from .judges import Share, wilson
from .metrics import rolled

CANDIDATES = 50  # of each screen, as many as the neighbours that CAR compare with (Carlini et al. 2023, arXiv 2301.13188)


class Nearest(NamedTuple):
    """The nearest training image of each sample; see `nearest`."""

    distance: Array
    nearest: Array
    shift: Array
    mirrored: Array
    grey: Array
    ratio: Array
    relative: Array
    certain: Array
    neighbours: Array
    distances: Array

    @classmethod
    def joined(cls, parts: "list[Nearest]") -> "Nearest":
        """The samples of several parts, one after the other."""
        return cls(*(np.concatenate(field) for field in zip(*parts, strict=True)))

    def of(self, index: Array) -> "Nearest":
        """Some of the samples, by their numbers."""
        return Nearest(*(field[index] for field in self))

    def suspicion(self) -> Array:
        """The numbers of the samples, the most suspicious first: by `relative`, and of equal ones the nearest first."""
        return np.lexsort((self.distance, self.relative))


def nearest(
    samples: Array,
    images: Array,
    shifts: int | str = 0,
    mirror: bool = False,
    grey: bool = False,
    candidates: int = CANDIDATES,
) -> Nearest:
    """The nearest training image of each sample, over shifts on the torus, mirror images and shifts of the grey level.

    d(x, n)^2 = min over g and c of the mean over pixels and channels of (x - g y_n - c)^2. g is a shift of at most `shifts`
    pixels down and across, after a mirror image or not. c is one number for all pixels and channels, so that the best c is the
    mean of x - g y_n. Contrast is not adjusted: with a free factor a sample without contrast would match every image.

    Parameters
    ----------
    samples : (B, H, W, C) float32 or float64
    images : (N, H, W, C) float32 or float64
    shifts : int >= 0, or "all"
        How far a training image may be rolled. What leaves on one side comes in on the other.
    mirror : bool
        Whether a training image may be mirrored, left to right.
    grey : bool
        Whether a training image may be made brighter or darker, by the same number everywhere.
    candidates : int >= 2
        How many training images each screen lets through: the nearest in place, and with shifts also those with the nearest
        absolute Fourier values.

    Returns
    -------
    Nearest
        distance (B,) float64, the root mean square at the best g and c, in pixel values, whose range is 2; exactly 0 for a copy.
        nearest (B,) int64, the training image. shift (B, 2) int64, by how many pixels it is rolled down and right, after mirrored
        (B,) bool, to match the sample; of equally good ones the least. grey (B,) float64, what is then added.
        ratio (B,) float64, the distance over that to the second nearest training image: near 0 for a copy, 1 for a copy of an
        image that is in the training set twice, nan if N = 1. relative (B,) float64, the distance over the mean distance to the
        `candidates` nearest (Carlini et al. 2023 take 50, and half of that mean). 0 / 0 is 1 in both.
        certain (B,) bool, whether it is proved that no training image outside the candidates is nearer, by more than rounding
        (1e-5 of the largest image in float32). The second nearest may be outside them, and then ratio and relative are too small.
        neighbours (B, min(N, candidates)) int64, the nearest training images, in order, and distances, those to them.

    Raises ValueError or TypeError on bad arrays and arguments. Costs O(B N H W C) time, half as much again with shifts and twice
    with mirror images, and some 0.3 GB of memory beside the images.

    Examples
    --------
    >>> images = np.random.default_rng(0).uniform(-1, 1, (20, 8, 8, 1))
    >>> sample = np.roll(images[7, :, ::-1], (2, -1), (0, 1)) + 0.25
    >>> found = nearest(sample[None], images, shifts=3, mirror=True, grey=True)
    >>> int(found.nearest[0]), found.shift[0].tolist(), bool(found.mirrored[0]), f"{found.grey[0]:.2f} {found.distance[0]:.2f}"
    (7, [2, -1], True, '0.25 0.00')
    """
    return Nearest.joined(list(groups(samples, images, shifts, mirror, grey, candidates)))


def groups(
    samples: Array,
    images: Array,
    shifts: int | str = 0,
    mirror: bool = False,
    grey: bool = False,
    candidates: int = CANDIDATES,
) -> Iterator[Nearest]:
    """What `nearest` gives, for one group of samples after the other; the arguments are checked at once."""
    images, samples = arguments.image_set(images), arguments.image_set(samples, "samples")
    if samples.shape[1:] != images.shape[1:]:
        raise ValueError(f"samples: expected images of shape {images.shape[1:]}, got {samples.shape[1:]}")
    allowed = _allowed(shifts, *images.shape[1:3])
    candidates = arguments.whole_number("candidates", candidates, 2)
    dtype = np.result_type(samples, images)
    samples, images = samples.astype(dtype, copy=False), images.astype(dtype, copy=False)
    return (Nearest(*fields) for fields in search.groups(samples, images, allowed, mirror, grey, candidates))


def matched(images: Array, found: Nearest) -> Array:
    """The nearest training images as they match their samples: mirrored, rolled, and of the same mean grey, (B, H, W, C).

    Examples
    --------
    >>> images = np.eye(3)[None, :, :, None]
    >>> sample = np.roll(images, 1, axis=1)
    >>> bool((matched(images, nearest(sample, images, shifts="all")) == sample).all())
    True
    """
    images = arguments.image_set(images)
    if (numbers := _found(found).nearest.max()) >= len(images):
        raise ValueError(
            f"images: expected the training set that was searched, got {len(images)} images, none of number {numbers}"
        )
    chosen = images[found.nearest]
    turned = np.where(found.mirrored[:, None, None, None], chosen[:, :, ::-1], chosen)
    return rolled(turned, found.shift) + found.grey[:, None, None, None].astype(turned.dtype)


def _found(found):
    """`found` itself; TypeError unless `nearest` made it."""
    if not isinstance(found, Nearest):
        raise TypeError(f"found: expected what copies.nearest returns, got {arguments.brief(found)}")
    return found


def _allowed(shifts, height, width):
    """Which shifts (down, right) on the torus are allowed, (H, W) bool."""
    if shifts == "all":
        return np.ones((height, width), bool)
    if isinstance(shifts, str):
        raise ValueError(f"shifts: expected a whole number or 'all', got {arguments.brief(shifts)}")
    most = arguments.whole_number("shifts", shifts, 0)
    return np.logical_and.outer(*(np.minimum(np.arange(side), side - np.arange(side)) <= most for side in (height, width)))


# --- what chance allows ----------------------------------------------------------------------------------------------


class Fresh(NamedTuple):
    """Whether samples are nearer to the training set than fresh images are; see `beside_fresh`."""

    p: Array
    flagged: Share
    level: float
    tail: float


def beside_fresh(distance: Array, fresh: Array, level: float = 0.05) -> Fresh:
    """A rank test: are samples nearer to the training set than held-out images, which no model has seen, are to it?

    p[b] = (1 + number of held-out images that are at most as near as sample b) / (M + 1). If a sample is one more fresh image of
    the same law, all M + 1 ranks are equally likely, so that P(p <= level) <= level. A sample is flagged if p <= level.

    Parameters
    ----------
    distance : (B,) floats
        Of the samples to the training set.
    fresh : (M,) floats
        Of held-out images to the training set, measured in the same way.
    level : float in [1 / (M + 1), 1)

    Returns
    -------
    Fresh
        p (B,) float64; flagged, how many samples are, with the binomial interval of the share (`judges.wilson`); level, that of
        the test, floor(level (M + 1)) / (M + 1); tail, the probability that of B fresh images so many or more would be flagged.
        All share one set of held-out images, so this is no binomial tail: with k = floor(level (M + 1)) the number of B that are
        below the k-th of M is f with probability C(f + k - 1, f) C(B - f + M - k, B - f) / C(B + M, B).

    Raises ValueError if M is too small for the level. Not every small p is a copy: a picture without contrast is near to every
    image, so that smooth samples are flagged too.

    Examples
    --------
    >>> found = beside_fresh(np.array([0.0, 0.5]), np.linspace(0.1, 1, 19))
    >>> found.p.tolist(), found.flagged.count, round(found.tail, 3)
    ([0.05, 0.5], 1, 0.095)
    """
    distance, fresh = _floats("distance", distance), _floats("fresh", fresh)
    count, most = len(distance), len(fresh)
    level = arguments.number("level", level, 0, 1)
    rank = math.floor(level * (most + 1) + 1e-9)
    if not 1 <= rank <= most:
        raise ValueError(f"level: expected at least 1 / {most + 1} and below 1 with {most} held-out images, got {level:g}")
    ranks = 1 + np.searchsorted(np.sort(fresh), distance, side="right")
    flagged = int((ranks <= rank).sum())
    return Fresh(ranks / (most + 1), wilson(flagged, count), rank / (most + 1), _tail(flagged, count, rank, most))


def _floats(name, value):
    """Distances (B,) as float64; an empty list is one."""
    try:
        array = arguments.plain(name, value).astype(np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: expected floats, got {arguments.brief(value)}") from None
    if array.ndim != 1 or not np.isfinite(array).all():
        raise ValueError(f"{name}: expected a list of finite numbers, got {arguments.brief(value)}")
    return array


def _tail(flagged, count, rank, most):
    """P(F >= flagged), F the number of `count` fresh values below the rank-th of `most`."""

    def log_choose(n, k):
        return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)

    whole = log_choose(count + most, count)
    terms = (log_choose(f + rank - 1, f) + log_choose(count - f + most - rank, count - f) for f in range(flagged, count + 1))
    return min(1.0, math.fsum(math.exp(term - whole) for term in terms))


class Sides(NamedTuple):
    """Whether samples are nearer to the training set than to held-out images; see `nearer_to_which`."""

    share: float
    chance: float
    low: float
    high: float
    p: float


def nearer_to_which(found: Nearest, sizes: tuple[int, int], rng: Rng = 0, draws: int = 9999) -> Sides:
    """A permutation test: is the nearest of all images a training image more often than a random split would make it?

    If the samples do not depend on which of the N + M images were trained on, every split of them is equally likely, and the
    share is N / (N + M) in the mean. Smooth samples are near to both sets alike, and do not mislead it. Samples that have one
    nearest image share its luck; the permutations keep that, as they move images and not samples.

    The two sets must be searched as one. If each is searched by itself with shifts, the candidates are a larger part of the
    smaller set, which is then searched better: tutorial 12 shows fresh images that seem to be copies.

    Parameters
    ----------
    found : Nearest
        What `nearest` says of the samples and the N training images followed by the M held-out ones, as one array.
    sizes : (N, M)
    rng : None, int or numpy Generator
    draws : int
        How many splits are drawn.

    Returns
    -------
    Sides
        share, the samples that are nearer to the training set (equally near images share a sample); chance, N / (N + M); low and
        high, where 95 % of the drawn shares lie; p, the share of splits, with this one, that give as large a share.

    The test is exact, whatever the screen misses: it misses the same images in every split.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> images, fresh = rng.uniform(-1, 1, (2, 30, 4, 4, 1))
    >>> nearer_to_which(nearest(images[:20], np.concatenate([images, fresh])), (30, 30)).p
    0.0001
    """
    tied = _found(found).distances == found.distance[:, None]
    both = [arguments.whole_number("sizes", size, 1) for size in arguments.listed("sizes", sizes)]
    draws = arguments.whole_number("draws", draws, 1, 10**8)
    if len(both) != 2 or sum(both) <= found.neighbours.max():
        expected = f"two sizes (N, M), {found.neighbours.max() + 1} images together or more"
        raise ValueError(f"sizes: expected {expected}, got {sizes}")
    weight = np.zeros(sum(both))
    np.add.at(weight, found.neighbours[tied], (tied / tied.sum(axis=1, keepdims=True))[tied])
    values, counts = np.unique(weight, return_counts=True)
    drawn = arguments.generator(rng).multivariate_hypergeometric(counts, sizes[0], size=draws, method="marginals") @ values
    nearer, samples = weight[: sizes[0]].sum(), len(tied)
    low, high = np.quantile(drawn, (0.025, 0.975)) / samples
    p = (1 + (drawn >= nearer - 1e-9).sum()) / (draws + 1)
    return Sides(float(nearer / samples), sizes[0] / sum(sizes), float(low), float(high), float(p))
