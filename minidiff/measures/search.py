"""The search for the nearest training images of samples: a screen over all of them, then differences at every shift.

The screen compares a sample with every training image: in place, and by the absolute values of their Fourier transforms. Those do
not change where an image is rolled, so that by the triangle inequality
    sum over i of (|X[i]| - |Y[i]|)^2 / (H W)  <=  min over shifts of |x - y shifted|^2,
and a copy, for which the right side is 0, is missed only if many other images have its magnitudes. The candidates that come out
of the screen are compared at every shift, by differences. The least value that the screen leaves out says whether a nearer image
can have been missed. The bound is weak where images are not copies: then mostly it cannot say.
"""

import math
from collections.abc import Iterator

import numpy as np

from .. import engine, parallel
from ..types import Array
from .metrics import rolled

GROUP = 512  # samples that are compared together
# Training images that are compared together: so many numbers of them, and so many of them.
MOST_NUMBERS, MOST_IMAGES = 2**21, 2048
# How many units of rounding a root mean square of the screen can be off, of the largest in it: 2 for centring and rounding pixels
# or absolute values, 10 for runs of 16 float32 squares and the rest, and 20 for a float64 transform of up to 2^20 numbers.
ROUNDINGS = 32


# --- the screen ------------------------------------------------------------------------------------------------------


def groups(
    samples: Array, images: Array, allowed: Array, mirror: bool, grey: bool, candidates: int
) -> Iterator[tuple[Array, ...]]:
    """The fields of `copies.Nearest`, for one group of samples after the other. allowed (H, W): whether a shift may be taken."""
    prepared = _centred if grey else _as_they_are
    size = max(1, min(MOST_IMAGES, MOST_NUMBERS // images[0].size))
    starts = range(0, len(images), size)
    moves = allowed.sum() > 1
    spectra = [_magnitudes(prepared(images[i : i + size])) for i in starts] if moves else []
    for first in range(0, len(samples), GROUP):
        some = samples[first : first + GROUP]
        views = [prepared(view) for view in ([some, some[:, :, ::-1]] if mirror else [some])]
        found = [_screen(views, (prepared(images[i : i + size]) for i in starts), candidates)]
        if moves:
            found.append(_screen([_magnitudes(view) for view in views], spectra, candidates))
        chosen, bound = [index for index, _ in found], found[-1][1] / math.sqrt(some[0].size)
        tasks = [(sample, images, np.unique(index), allowed, mirror, grey) for sample, *index in zip(some, *chosen, strict=True)]
        compared = parallel.run(_compared, tasks)
        rows = [_row(one, limit, candidates) for one, limit in zip(compared, bound, strict=True)]
        yield tuple(np.array(column) for column in zip(*rows, strict=True))


def _as_they_are(images):
    return images


def _centred(images):
    """Images less their own mean over pixels and channels: then the best shift of the grey level is 0."""
    return (images - images.mean(axis=(1, 2, 3), keepdims=True, dtype=np.float64)).astype(images.dtype)


def _magnitudes(images):
    """|Y[k]| of each channel, (n, H, W // 2 + 1, C), weighted so that squared distances are those of pixels (Parseval)."""
    height, width = images.shape[1:3]
    twice = np.where((np.arange(width // 2 + 1) * 2) % width == 0, 1.0, 2.0)  # the other half of the plane is the conjugate
    return (np.abs(np.fft.rfft2(images.astype(np.float64), axes=(1, 2))) * np.sqrt(twice / (height * width))[:, None]).astype(
        images.dtype
    )


def _screen(views, parts, count):
    """The `count` training images that are nearest to any view of a sample, and how near all others are at best.

    The views and the training images, which come in parts, are images or what `_magnitudes` makes of them. Returns the numbers of
    the nearest (B, count), in ascending order, and (B,), the least distance of the others, as far above as rounding can have
    brought it down. Of equally near ones the first are taken.
    """
    queries, samples = np.concatenate(views), len(views[0])
    kept, start = (np.empty((samples, 0)), np.empty((samples, 0), np.int64)), 0
    left_out, largest = np.full(samples, np.inf), _largest(queries)
    for part in parts:
        distance = engine.distances(queries, part).reshape(len(views), samples, -1).min(axis=0)
        index = np.broadcast_to(np.arange(start, start + len(part)), distance.shape)
        *kept, rest = _least(np.hstack([kept[0], distance]), np.hstack([kept[1], index]), count)
        left_out, largest, start = np.minimum(left_out, rest), max(largest, _largest(part)), start + len(part)
    return kept[1], np.sqrt(left_out) + ROUNDINGS * np.finfo(queries.dtype).eps * largest


def _largest(images):
    """The length of the longest of these images."""
    return math.sqrt(np.square(images, dtype=np.float64).sum(axis=(1, 2, 3)).max())


def _least(values, index, count):
    """The `count` least of each row, of equal ones the first, with their numbers, and the least of the rest."""
    if values.shape[1] <= count:
        return values, index, np.inf
    order = np.partition(values, (count - 1, count), axis=1)
    last = order[:, count - 1 : count]
    keep = values < last
    tied = values == last
    tied &= np.cumsum(tied, axis=1) <= count - keep.sum(axis=1, keepdims=True)
    keep |= tied
    return values[keep].reshape(-1, count), index[keep].reshape(-1, count), order[:, count]


# --- by differences --------------------------------------------------------------------------------------------------


def _compared(sample, images, index, allowed, mirror, grey):
    """For the candidates `index` (M,) of a sample, the nearest first: numbers, distances, shifts, mirrored, and added grey."""
    sample, some = sample.astype(np.float64), images[index].astype(np.float64)
    views = np.stack([sample, sample[:, ::-1]] if mirror else [sample])
    view, number, *shift = _close(views, some, allowed, grey)
    shift = np.stack([(part + side // 2) % side - side // 2 for part, side in zip(shift, allowed.shape, strict=True)], axis=1)
    distance, added = np.empty(len(number)), np.zeros(len(number))
    size = max(1, MOST_NUMBERS // sample.size)
    for start in range(0, len(number), size):
        part = slice(start, start + size)
        difference = views[view[part]] - rolled(some[number[part]], shift[part])
        if grey:
            # From the first pixel's, so that an image that differs by one number everywhere is at distance 0 exactly.
            first = difference[:, :1, :1, :1].copy()
            difference -= first
            mean = difference.mean(axis=(1, 2, 3), keepdims=True)
            difference -= mean
            added[part] = (first + mean)[:, 0, 0, 0]
        distance[part] = np.sqrt((difference**2).mean(axis=(1, 2, 3)))
    order = np.lexsort((np.abs(shift).sum(axis=1), view, distance, number))
    order = order[np.unique(number[order], return_index=True)[1]]  # the best of each candidate
    order = order[np.argsort(distance[order], kind="stable")]
    # Where the mirrored sample matches an image rolled to the right, the sample matches the mirrored image rolled to the left.
    across = np.where(view == 1, -shift[:, 1], shift[:, 1])
    return index[number[order]], distance[order], np.stack([shift[:, 0], across], axis=1)[order], view[order] == 1, added[order]


def _close(views, images, allowed, grey):
    """Every (view, image, down, right) whose distance is the least of its image, as far as an FFT can tell: four arrays."""
    height, width = allowed.shape
    if allowed.sum() == 1:
        view, number = np.divmod(np.arange(len(views) * len(images)), len(images))
        return view, number, np.zeros_like(view), np.zeros_like(view)
    flat = (np.ptp(images, axis=(1, 2, 3)) == 0) | (np.ptp(views[0]) == 0)
    if grey:
        views, images = (some - some.mean(axis=(1, 2, 3), keepdims=True) for some in (views, images))
    spectra = np.conj(np.fft.rfft2(images, axes=(1, 2)))
    product = np.einsum("vhwc,nhwc->vnhw", np.fft.rfft2(views, axes=(1, 2)), spectra)
    correlation = np.where(allowed, np.fft.irfft2(product, s=(height, width), axes=(2, 3)), -np.inf)
    # What a transform can be off by, as in engine/translations.py.
    error = (
        4 * np.finfo(np.float64).eps * (4 + np.log2(height * width)) * ((views[0] ** 2).sum() + (images**2).sum(axis=(1, 2, 3)))
    )
    near = correlation >= (correlation.max(axis=(0, 2, 3)) - error)[:, None, None]
    # An image of one colour is as near at every shift.
    near[:, flat] = False
    near[0, flat, 0, 0] = True
    return np.nonzero(near)


def _row(found, bound, count):
    """One sample's fields of Nearest."""
    index, distance, shift, mirrored, grey = found
    crowd = distance[:count].mean()
    ratio = relative = np.nan
    if len(distance) > 1:
        ratio = distance[0] / distance[1] if distance[1] > 0 else 1.0
        relative = distance[0] / crowd if crowd > 0 else 1.0
    return (
        distance[0],
        index[0],
        shift[0],
        mirrored[0],
        grey[0],
        ratio,
        relative,
        distance[0] <= bound,
        index[:count],
        distance[:count],
    )
