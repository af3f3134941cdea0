"""How to measure creativity: whether a sample is a copy or a mosaic, and whether it is locally consistent (KG)."""

import copy
import itertools
import math
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from .. import arguments, schedules
from ..machines import Machine, WindowMachine
from ..types import Array, Denoiser

Asked = TypeVar("Asked")
# How many numbers of a training set `memorisation` compares at a time; each takes some 60 bytes.
MOST_NUMBERS = 2**22


def _without_noise(machine: Asked) -> Asked:
    """The machine with a schedule that has no noise at t = 0, where its nearest candidates answer alone.

    A schedule may have noise at 0: with ve(sigma_min=0.2) a training image is a mean of many patches there, and the winner's
    weight is far from 1 although nothing ties. The copy has the machine's training set; the machine itself is not changed.
    """
    if not isinstance(machine, Machine):
        return machine
    clean = copy.copy(machine)
    clean.schedule = schedules.flow()
    return clean


class Memorisation(NamedTuple):
    """How near each sample is to the training set; see `memorisation`."""

    distance: Array
    nearest: Array
    shift: Array
    ratio: Array


def memorisation(samples: Array, images: Array, translations: bool = True) -> Memorisation:
    """The distance of each sample to the nearest training image, where images may also be translated on the torus.

    d(x, n) = min over shifts of sqrt(mean over pixels and channels of (x - y_n shifted)^2). A shifted copy of a training image is
    not new, but it can be far from all of them if they are compared in place only.

    Parameters
    ----------
    samples : (B, H, W, C) float32 or float64
    images : (N, H, W, C) float32 or float64
    translations : bool
        With False images are compared in place only.

    Returns
    -------
    Memorisation
        distance (B,) float64, in pixel values, whose range is 2; nearest (B,) int64, the training image; shift (B, 2) int64,
        by how many pixels the training image is rolled down and right to match the sample; ratio (B,) float64, the distance
        divided by the distance to the second nearest training image. The ratio is near 0 for a copy and near 1 for a sample that
        is equally far from several images; it is nan if N = 1, or if two training images are both at distance 0.

    Raises ValueError or TypeError on bad arrays. FFTs in float64 find the best translation of each image, and its distance is
    computed again from differences: O(B N H W C log(H W)) time. A large training set is read in parts, in some 0.3 GB of memory.

    Examples
    --------
    >>> images = np.eye(3)[None, :, :, None]
    >>> found = memorisation(np.roll(images, 1, axis=2), images)
    >>> float(found.distance[0]), found.shift[0].tolist()
    (0.0, [0, 1])
    """
    images = arguments.image_set(images)
    samples = arguments.image_set(samples, "samples").astype(np.float64)
    if samples.shape[1:] != images.shape[1:]:
        raise ValueError(f"samples: expected images of shape {images.shape[1:]}, got {samples.shape[1:]}")
    # For each sample (distances, numbers, shifts) of the two nearest images so far.
    nearest = [(np.empty(0), np.empty(0, np.int64), np.empty((0, 2), np.int64))] * len(samples)
    size = max(1, MOST_NUMBERS // images[0].size)
    for start in range(0, len(images), size):
        part = images[start : start + size].astype(np.float64)
        spectra, numbers = _spectra(part, translations), start + np.arange(len(part))
        for b, sample in enumerate(samples):
            distance, shifts = _distances(sample, part, spectra)
            found = [np.concatenate(pair) for pair in zip(nearest[b], (distance, numbers, shifts), strict=True)]
            order = np.argsort(found[0], kind="stable")[:2]
            nearest[b] = found[0][order], found[1][order], found[2][order]
    rows = []
    for distance, numbers, shifts in nearest:
        second = distance[1] if len(distance) > 1 else np.nan
        rows.append((distance[0], numbers[0], shifts[0], distance[0] / second if second > 0 else np.nan))
    return Memorisation(*(np.array(column) for column in zip(*rows, strict=True)))


def _spectra(images, translations):
    return np.conj(np.fft.rfft2(images, axes=(1, 2))) if translations else None


def _distances(sample, images, spectra):
    """Root-mean-square distances (N,) to each training image at its best shift, and those shifts (down, right), (N, 2).

    The best shift has the highest correlation; an FFT gives the correlations of all shifts at once. The distance at that shift is
    computed from differences, so that the distance of a copy is exactly 0.
    """
    shifts = np.zeros((len(images), 2), np.int64)
    if spectra is not None:
        height, width = sample.shape[:2]
        products = np.fft.rfft2(sample, axes=(0, 1)) * spectra
        correlation = np.fft.irfft2(products, s=(height, width), axes=(1, 2)).sum(axis=3)
        shifts = np.stack(np.divmod(correlation.reshape(len(images), -1).argmax(axis=1), width), axis=1)
    return np.sqrt(((sample - rolled(images, shifts)) ** 2).mean(axis=(1, 2, 3))), shifts


def rolled(images: Array, shifts: Array) -> Array:
    """Each of the images (N, H, W, C) rolled on the torus by its own shift (down, right) of shifts (N, 2)."""
    height, width = images.shape[1:3]
    rows = (np.arange(height) - shifts[:, :1]) % height
    columns = (np.arange(width) - shifts[:, 1:]) % width
    return images[np.arange(len(images))[:, None, None], rows[:, :, None], columns[:, None, :]]


def typical_distance(images: Array, translations: bool = True, most: int = 200) -> float:
    """The median distance between two training images, of the first `most`, measured as `memorisation` measures it.

    Examples
    --------
    >>> typical_distance(np.array([-1.0, 1.0, 1.0]).reshape(3, 1, 1, 1))
    2.0
    """
    images = arguments.image_set(images)[: arguments.whole_number("most", most, 2)].astype(np.float64)
    if len(images) < 2:
        raise ValueError("images: expected at least two, got 1")
    spectra = _spectra(images, translations)
    later = [None if spectra is None else spectra[n + 1 :] for n in range(len(images))]
    pairs = [_distances(images[n], images[n + 1 :], later[n])[0] for n in range(len(images) - 1)]
    return float(np.median(np.concatenate(pairs)))


class Mosaic(NamedTuple):
    """The pieces that samples are made of; see `mosaic`."""

    images_used: Array
    regions: Array
    largest: Array
    region: Array
    unique: Array


def mosaic(machine: Machine, x: Array) -> Mosaic:
    """Cut samples into their pieces: connected regions of pixels that come from one training image at one shift.

    Each pixel comes from the training patch that is closest to its window in L2 (KG's locally consistent points). This is the
    machine's provenance at t = 0 with a = 1 and s = 0, also if its schedule has noise at 0. If several patches are equally close
    (in float64, to the last digit), the origin of the pixel is unknown, and the pixel is left out: for example in an empty corner
    that every training image has.

    Parameters
    ----------
    machine : a posterior machine
        Its candidates are the training patches.
    x : (B, H, W, C) float32 or float64
        The samples.

    Returns
    -------
    Mosaic
        images_used (B,) int64, the number of training images with at least one region; regions (B,) int64, the number of regions;
        largest (B,) float64, the share of the counted pixels that are in the largest region; region (B, H, W) int64, the region
        of each pixel, from 0, or -1 if it is left out; unique (B, H, W) bool, whether one patch alone is closest. A sample that
        has only ties uses 0 images and has 0 regions and largest = nan.

    Raises TypeError for a machine without provenance. Costs one call of `provenance`. A piece that is reflected
    (`EquivariantScore` with reflections) counts as many regions, since its pixels have many shifts. Pixels are connected along
    edges, and also across the border if the machine's boundary is circular.

    Examples
    --------
    >>> import minidiff as md
    >>> images = np.array([[-1.0, -0.5, 0.0, 0.5], [1.0, 0.9, 0.8, 0.7]]).reshape(2, 1, 4, 1)
    >>> machine = md.LocalScore(images, md.schedules.cosine(), window=1)
    >>> pieces = mosaic(machine, np.array([-1.0, -0.5, 0.8, 0.7]).reshape(1, 1, 4, 1))
    >>> pieces.images_used.tolist(), pieces.region[0, 0].tolist()
    ([2], [0, 0, 1, 1])
    """
    x = arguments.image_set(x, "x")
    if not hasattr(machine, "provenance"):
        raise TypeError(f"machine: expected a posterior machine, which has a provenance, got {type(machine).__name__}")
    source = _without_noise(machine).provenance(x, 0.0)
    wraps = getattr(machine, "boundary", "circular") == "circular"
    unique = source.weight == 1
    height, width = x.shape[1:3]
    down, right = source.row - np.arange(height)[:, None], source.column - np.arange(width)
    if wraps:
        down, right = down % height, right % width
    piece = np.stack([source.image, down, right])
    region = np.stack([_components(piece[:, b], unique[b], wraps) for b in range(len(x))])
    used, largest = [], []
    for b in range(len(x)):
        sizes = np.bincount(region[b][unique[b]])
        used.append(len(np.unique(source.image[b][unique[b]])))
        largest.append(sizes.max() / sizes.sum() if sizes.size else np.nan)
    return Mosaic(np.array(used), region.max(axis=(1, 2)) + 1, np.array(largest), region, unique)


def _components(piece, counted, wraps):
    """The number of each pixel's region, (H, W): connected pixels with equal piece (D, H, W); -1 where nothing is counted.

    Each pixel begins with a number of its own and takes the lowest number of its neighbours, again and again.
    """
    number = np.where(counted, np.arange(counted.size).reshape(counted.shape), -1)
    # Whether each pixel and the next one, below it or to its right, are in one region.
    joined = [counted & np.roll(counted, -1, axis) & (piece == np.roll(piece, -1, axis + 1)).all(axis=0) for axis in (0, 1)]
    if not wraps:
        joined[0][-1] = joined[1][:, -1] = False
    before = None
    while not np.array_equal(number, before):
        before = number
        for axis, both in enumerate(joined):
            number = np.where(both, np.minimum(number, np.roll(number, -1, axis)), number)
            number = np.where(np.roll(both, 1, axis), np.minimum(number, np.roll(number, 1, axis)), number)
    _, dense = np.unique(number, return_inverse=True)
    return dense.reshape(counted.shape) - (not counted.all())


def local_consistency(machine: Denoiser, x: Array, tolerance: float = 0.02) -> Array:
    """The share of pixels that equal the centre of the training patch closest to their window (L2; KG: locally consistent).

    Parameters
    ----------
    machine : a machine
        Its answer without noise is that centre; exact ties are averaged. It is asked at t = 0 with a = 1 and s = 0, also if its
        schedule has noise at 0. A denoiser that is no machine of this package is asked as it is, denoiser(x, 0).
    x : (B, H, W, C) float32 or float64
        The samples.
    tolerance : float >= 0
        The largest difference that counts as equal, in pixel values, whose range is 2.

    Returns
    -------
    share : (B,) float64 in [0, 1].

    Examples
    --------
    >>> import minidiff as md
    >>> machine = md.EquivariantLocalScore(md.datasets.two_tone(size=4)[0], md.schedules.cosine(), window=3)
    >>> speck = -np.ones((1, 4, 4, 1))
    >>> speck[0, 1, 1] = 1
    >>> local_consistency(machine, speck).tolist()        # one pixel disagrees with its neighbours
    [0.9375]
    """
    tolerance = arguments.number("tolerance", tolerance, 0)
    if not callable(machine):
        raise TypeError(f"machine: expected a machine or another denoiser(x, t), got {arguments.brief(machine)}")
    x = arguments.image_set(x, "x")
    return (np.abs(_without_noise(machine)(x, 0.0) - x).max(axis=3) <= tolerance).mean(axis=(1, 2))


def patch_distance(machine: WindowMachine, x: Array) -> Array:
    """The distance from each patch of a sample to the nearest training patch, averaged over the image: small if shapes are whole.

    The mean over p of min over (n, u) of |window of x at p - window of y_n at u| / sqrt(k^2 C). It is 0 for a training image, and
    for a mosaic if each window on a seam is also in a training image.

    Parameters
    ----------
    machine : LocalScore or EquivariantLocalScore
        Its window at t = 0 is the patch.
    x : (B, H, W, C) float32 or float64
        The samples.

    Returns
    -------
    distance : (B,) float64, in pixel values, whose range is 2.

    Raises TypeError for a machine without windows. Costs one call of the machine.

    Examples
    --------
    >>> import minidiff as md
    >>> images, _ = md.datasets.colour_patterns(count=10)
    >>> machine = md.EquivariantLocalScore(images, md.schedules.cosine(), window=3)
    >>> patch_distance(machine, images[:2]).tolist()
    [0.0, 0.0]
    """
    if not hasattr(machine, "distance"):
        raise TypeError(f"machine: expected a machine that sees windows, such as LocalScore, got {type(machine).__name__}")
    return machine.distance(arguments.image_set(x, "x")).mean(axis=(1, 2))


class Agreement(NamedTuple):
    """How well predictions match references, sample by sample; see `agreement`."""

    r: Array
    r_squared: Array
    determination: Array


def agreement(predicted: Array, reference: Array) -> Agreement:
    """Pearson's r, its square r^2, and the coefficient of determination R^2 = 1 - SS_res / SS_tot, for each sample.

    These are three different numbers. r says whether the prediction is bright where the reference is bright. r^2 is the share of
    the variance that the prediction explains after the best change of brightness and contrast. R^2 is the share that it explains
    as it is. A prediction with twice the contrast has r = r^2 = 1 and R^2 = 0. (KG's script prints r and calls it r^2.)

    Parameters
    ----------
    predicted, reference : (B, H, W, C) float32 or float64
        All pixels and channels of a sample are compared.

    Returns
    -------
    Agreement
        r, r_squared and determination (R^2), (B,) float64; nan where an image is constant, so that no variance can be explained.
        Report how many are nan.

    Raises ValueError or TypeError on bad arrays, and where the shapes differ.

    Examples
    --------
    >>> x = np.array([-1.0, 0.0, 1.0]).reshape(1, 1, 3, 1)
    >>> [float(value[0]) for value in agreement(2 * x, x)]
    [1.0, 1.0, 0.0]
    """
    predicted, reference = arguments.image_set(predicted, "predicted"), arguments.image_set(reference, "reference")
    if predicted.shape != reference.shape:
        raise ValueError(f"predicted: expected the reference's shape {reference.shape}, got {predicted.shape}")
    p, q = (x.reshape(len(x), -1).astype(np.float64) for x in (predicted, reference))
    residual = ((p - q) ** 2).sum(axis=1)
    p, q = p - p.mean(axis=1, keepdims=True), q - q.mean(axis=1, keepdims=True)
    spread_p, spread_q = (p * p).sum(axis=1), (q * q).sum(axis=1)
    # Not spread == 0: for a constant float32 image the spread is the rounding of its mean.
    constant = np.minimum(np.ptp(predicted.reshape(len(p), -1), axis=1), np.ptp(reference.reshape(len(q), -1), axis=1)) == 0
    with np.errstate(divide="ignore", invalid="ignore"):
        r = np.where(constant, np.nan, (p * q).sum(axis=1) / np.sqrt(spread_p * spread_q))
        determination = np.where(np.ptp(q, axis=1) == 0, np.nan, 1 - residual / spread_q)
    return Agreement(r, r * r, determination)


def quartiles(values: npt.ArrayLike) -> dict[str, Any]:
    """{"median", "lower", "upper", "undefined"}: the quartiles of the finite values, and how many values are not finite.

    Examples
    --------
    >>> quartiles(np.array([1.0, 2.0, 3.0, np.nan]))
    {'median': 2.0, 'lower': 1.5, 'upper': 2.5, 'undefined': 1}
    """
    values = np.asarray(values, dtype=np.float64)
    finite = values[np.isfinite(values)]
    lower, median, upper = np.percentile(finite, (25, 50, 75)).tolist() if finite.size else (float("nan"),) * 3
    return {"median": median, "lower": lower, "upper": upper, "undefined": int(values.size - finite.size)}


def median(values: npt.ArrayLike, confidence: float = 0.95) -> dict[str, Any]:
    """{"median", "low", "high", "undefined"}: the median of the finite values, and an interval that covers the true median.

    The interval is from the j-th smallest to the j-th largest of n values. It misses the median of a continuous distribution with
    probability 2 P(X < j), X binomial (n, 1/2), whatever the distribution is; j is the largest for which this is at most
    1 - confidence. (`judges.wilson` is the same for shares: both say how much other noises would change a number.)

    Parameters
    ----------
    values : (N,) floats
    confidence : float in (0, 1)

    Returns
    -------
    dict
        "low" and "high" are nan for fewer than 6 finite values (at 95 %): their whole range is too narrow. "undefined" is the
        number of values that are not finite.

    Examples
    --------
    >>> median(np.arange(1.0, 101.0))
    {'median': 50.5, 'low': 40.0, 'high': 61.0, 'undefined': 0}
    """
    confidence = arguments.number("confidence", confidence, 1e-9, 1 - 1e-9)
    values = np.asarray(values, dtype=np.float64)
    finite = np.sort(values[np.isfinite(values)])
    low = middle = high = float("nan")
    if finite.size:
        middle = float(np.median(finite))
        # Whole numbers until they are divided, because 2^-n is below the smallest float at n = 1100.
        misses = itertools.accumulate(2 * math.comb(finite.size, fewer) for fewer in range(finite.size // 2))
        j = sum(missed / 2**finite.size <= 1 - confidence for missed in misses)
        if j:
            low, high = float(finite[j - 1]), float(finite[-j])
    return {"median": middle, "low": low, "high": high, "undefined": int(values.size - finite.size)}
