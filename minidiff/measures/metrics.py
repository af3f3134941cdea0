"""How to measure creativity: what is a copy, what is a mosaic, and what is locally consistent (THEORY of KG, section 4)."""

from typing import NamedTuple

import numpy as np

from .. import arguments


class Memorisation(NamedTuple):
    """How near each sample is to the training set; see `memorisation`."""

    distance: np.ndarray
    nearest: np.ndarray
    shift: np.ndarray
    ratio: np.ndarray


def memorisation(samples, images, translations=True):
    """The distance of each sample to its nearest training image, over all its translations on the torus too.

    d(x, n) = min over shifts of sqrt(mean over pixels and channels of (x - y_n shifted)^2). A shifted copy is no novelty, but
    a plain nearest-neighbour distance passes it as new.

    Parameters
    ----------
    samples : (B, H, W, C) float32 or float64
    images : (N, H, W, C) float32 or float64
    translations : bool
        False compares in place only.

    Returns
    -------
    Memorisation
        distance (B,) float64 in units of a pixel value (the range is 2); nearest (B,) int64, the training image; shift (B, 2)
        int64, by how much it is rolled down and right to lie on the sample; ratio (B,) float64, distance over the distance to
        the second nearest training image: near 0 for a copy, near 1 for a sample that is close to no image in particular
        (nan if N = 1, or if two training images are both at distance 0).

    Raises ValueError or TypeError on bad arrays. Translations are screened by FFT in float64, and the best of each image is
    computed again by differences: O(B N H W C log(H W)) time, O(N H W C) memory.

    Examples
    --------
    >>> images = np.eye(3)[None, :, :, None]
    >>> found = memorisation(np.roll(images, 1, axis=2), images)
    >>> float(found.distance[0]), found.shift[0].tolist()
    (0.0, [0, 1])
    """
    images = arguments.image_set(images).astype(np.float64)
    samples = arguments.image_set(samples, "samples").astype(np.float64)
    if samples.shape[1:] != images.shape[1:]:
        raise ValueError(f"samples: expected images of shape {images.shape[1:]}, got {samples.shape[1:]}")
    spectra = _spectra(images, translations)
    rows = []
    for sample in samples:
        distance, shifts = _distances(sample, images, spectra)
        first, *others = np.argsort(distance, kind="stable")[:2]
        second = distance[others[0]] if others else np.nan
        rows.append((distance[first], first, shifts[first], distance[first] / second if second > 0 else np.nan))
    return Memorisation(*(np.array(column) for column in zip(*rows, strict=True)))


def _spectra(images, translations):
    return np.conj(np.fft.rfft2(images, axes=(1, 2))) if translations else None


def _distances(sample, images, spectra):
    """Root-mean-square distances (N,) to each training image at its best (down, right), and those shifts (N, 2).

    The best shift is the one of the highest correlation, for all shifts at once by FFT; the distance there is computed by
    differences, so that a copy is at distance exactly 0.
    """
    shifts = np.zeros((len(images), 2), np.int64)
    if spectra is not None:
        height, width = sample.shape[:2]
        products = np.fft.rfft2(sample, axes=(0, 1)) * spectra
        correlation = np.fft.irfft2(products, s=(height, width), axes=(1, 2)).sum(axis=3)
        shifts = np.stack(np.divmod(correlation.reshape(len(images), -1).argmax(axis=1), width), axis=1)
    return np.sqrt(((sample - rolled(images, shifts)) ** 2).mean(axis=(1, 2, 3))), shifts


def rolled(images, shifts):
    """Each of images (N, H, W, C) rolled by its own (down, right) of shifts (N, 2) on the torus."""
    height, width = images.shape[1:3]
    rows = (np.arange(height) - shifts[:, :1]) % height
    columns = (np.arange(width) - shifts[:, 1:]) % width
    return images[np.arange(len(images))[:, None, None], rows[:, :, None], columns[:, None, :]]


def typical_distance(images, translations=True, most=200):
    """The median distance between two different training images (of the first `most`), measured as `memorisation` does.

    Examples
    --------
    >>> typical_distance(np.array([-1.0, 1.0, 1.0]).reshape(3, 1, 1, 1))
    2.0
    """
    images = arguments.image_set(images)[:most].astype(np.float64)
    if len(images) < 2:
        raise ValueError("images: expected at least two, got 1")
    spectra = _spectra(images, translations)
    later = [None if spectra is None else spectra[n + 1 :] for n in range(len(images))]
    pairs = [_distances(images[n], images[n + 1 :], later[n])[0] for n in range(len(images) - 1)]
    return float(np.median(np.concatenate(pairs)))


class Mosaic(NamedTuple):
    """The pieces that samples are made of; see `mosaic`."""

    images_used: np.ndarray
    regions: np.ndarray
    largest: np.ndarray
    region: np.ndarray
    unique: np.ndarray


def mosaic(machine, x):
    """Cut samples into their pieces: connected regions of pixels that come from one training image at one shift.

    Provenance is read without noise (t = 0): the L2-closest patch of each pixel's window, as in KG theorem 4.1. Pixels whose
    closest patch is not unique - exact ties, such as an empty corner that every training image has - tell nothing and
    are left out.

    Parameters
    ----------
    machine : a posterior machine
        Whose dictionary of patches is meant.
    x : (B, H, W, C) float32 or float64

    Returns
    -------
    Mosaic
        images_used (B,) int64, training images that own at least one region; regions (B,) int64, their number; largest (B,)
        float64, the share of the counted pixels in the largest region; region (B, H, W) int64, each pixel's region
        from 0, or -1 where left out; unique (B, H, W) bool, where the closest patch is the only one. A sample of ties only has
        0 images, 0 regions and largest = nan.

    Raises TypeError for a machine without provenance. Costs one provenance. A piece that is reflected (`EquivariantScore` with
    reflections) counts as many, for its pixels lie at many shifts. Regions meet along edges, and across the border where the
    machine lives on a torus.

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
    source = machine.provenance(x, 0.0)
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
    """Number the connected regions of pixels (H, W) with equal piece (3, H, W): every pixel takes the lowest number around."""
    height, width = counted.shape
    number = np.where(counted, np.arange(height * width).reshape(height, width), -1)
    while True:
        lowest = number.copy()
        for axis in (0, 1):
            for step in (1, -1):
                neighbour, other = np.roll(number, step, axis), np.roll(piece, step, axis + 1)
                alike = counted & (neighbour >= 0) & (piece == other).all(axis=0)
                if not wraps:
                    border = [slice(None), slice(None)]
                    border[axis] = 0 if step == 1 else -1
                    alike[tuple(border)] = False
                lowest = np.where(alike, np.minimum(lowest, neighbour), lowest)
        if (lowest == number).all():
            break
        number = lowest
    _, dense = np.unique(number, return_inverse=True)
    return dense.reshape(height, width) - (not counted.all())


def local_consistency(machine, x, tolerance=0.02):
    """The share of pixels that equal the centre of the L2-closest patch to their own window, to `tolerance` (KG theorem 4.1).

    Parameters
    ----------
    machine : a machine
        Its answer without noise, machine(x, 0), is that centre; exact ties are averaged.
    x : (B, H, W, C) float32 or float64
    tolerance : float >= 0
        In pixel values, whose range is 2.

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
    x = arguments.image_set(x, "x")
    return (np.abs(machine(x, 0.0) - x).max(axis=3) <= tolerance).mean(axis=(1, 2))


def patch_distance(machine, x):
    """How shape-like samples are: the distance of their patches to the nearest training patch, averaged over the image.

    The mean over p of min over (n, u) of |window of x at p - window of y_n at u| / sqrt(k^2 C); 0 for a training image, and for a
    mosaic whose pieces meet without a seam.

    Parameters
    ----------
    machine : LocalScore or EquivariantLocalScore
        Its window at t = 0 is the patch.
    x : (B, H, W, C) float32 or float64

    Returns
    -------
    distance : (B,) float64, in pixel values, whose range is 2. Costs one call of the machine.

    Examples
    --------
    >>> import minidiff as md
    >>> images, _ = md.datasets.colour_patterns(count=10)
    >>> machine = md.EquivariantLocalScore(images, md.schedules.cosine(), window=3)
    >>> patch_distance(machine, images[:2]).tolist()
    [0.0, 0.0]
    """
    return machine.distance(arguments.image_set(x, "x")).mean(axis=(1, 2))


class Agreement(NamedTuple):
    """How well predictions match references, sample by sample; see `agreement`."""

    r: np.ndarray
    r_squared: np.ndarray
    determination: np.ndarray


def agreement(predicted, reference):
    """Pearson's r, its square, and the coefficient of determination R^2 = 1 - SS_res / SS_tot, of each sample by itself.

    Three numbers with three names: r says whether bright is where the reference is bright, r^2 the share of variance that the
    best *rescaled* prediction explains, R^2 the share that this prediction explains. KG's script prints r and calls it r^2; a
    prediction with twice the contrast has r = r^2 = 1 and R^2 = 0.

    Parameters
    ----------
    predicted, reference : (B, H, W, C) float32 or float64
        All pixels and channels of a sample are compared.

    Returns
    -------
    Agreement
        r, r_squared and determination (R^2), (B,) float64; nan where an image is constant (no variance to explain), to be
        counted and not dropped silently.

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
    # A constant float32 image leaves a spread at the rounding of its mean, not 0.
    constant = np.minimum(np.ptp(predicted.reshape(len(p), -1), axis=1), np.ptp(reference.reshape(len(q), -1), axis=1)) == 0
    with np.errstate(divide="ignore", invalid="ignore"):
        r = np.where(constant, np.nan, (p * q).sum(axis=1) / np.sqrt(spread_p * spread_q))
        determination = np.where(np.ptp(q, axis=1) == 0, np.nan, 1 - residual / spread_q)
    return Agreement(r, r * r, determination)


def quartiles(values):
    """{"median", "lower", "upper", "undefined"}: quartiles of the finite values, and how many others there are.

    Examples
    --------
    >>> quartiles(np.array([1.0, 2.0, 3.0, np.nan]))
    {'median': 2.0, 'lower': 1.5, 'upper': 2.5, 'undefined': 1}
    """
    values = np.asarray(values, dtype=np.float64)
    finite = values[np.isfinite(values)]
    lower, median, upper = np.percentile(finite, (25, 50, 75)).tolist() if finite.size else (float("nan"),) * 3
    return {"median": median, "lower": lower, "upper": upper, "undefined": int(values.size - finite.size)}
