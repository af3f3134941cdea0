"""Windows that fade out: the rule of ELS with a Gaussian weight on each squared difference, and its states in NumPy."""

import numpy as np

from .. import theory
from ..types import Array
from .posterior import Posterior, rate_of

# Numbers that a block of pairs may hold.
MOST_NUMBERS = 2**20


def fading(k: int, sigma: float) -> Array:
    """exp(-i^2 / (2 sigma^2)) for the k rows of a window, (k,); the weight of a place is its row's times its column's."""
    return np.exp(-((np.arange(k) - k // 2) ** 2) / (2 * sigma**2))


def soft_windows(images: Array, k: int, boundary: str, sigma: float) -> theory.Rule:
    """The rule of ELS where a squared difference at distance r from the pixel weighs exp(-r^2 / (2 sigma^2)).

    A weight on a square is its root on what is squared, in what is seen and in what candidates show.
    """
    hard = theory.equivariant_local(images, k, boundary)
    root = np.repeat(np.sqrt(np.outer(fading(k, sigma), fading(k, sigma))).ravel(), images.shape[3])
    return hard._replace(see=lambda x: root * hard.see(x), keys=root * hard.keys)


def band(side: int, k: int, boundary: str, sigma: float) -> Array:
    """(side, side): the weight with which the pixel of each row of an axis sees each other."""
    found = np.zeros((side, side))
    for offset, weight in zip(range(-(k // 2), k // 2 + 1), fading(k, sigma), strict=True):
        for index in range(side):
            if boundary == "circular" or 0 <= index + offset < side:
                found[index, (index + offset) % side] += weight
    return found


def soft_states(
    x: Array, images: Array, signal: Array, noise: Array, winners: bool, k: int, boundary: str, sigma: float
) -> Posterior:
    """The state of queries (B, H, W, C) over images (N, H, W, C) of one dtype, by the rule of `soft_windows`.

    All pixels are compared with those at one shift at a time: the plane of squared differences, weighted along columns and rows.
    Where padding is in sight pixel and candidate are at one place, so both see zeros there, and what lies beyond the border adds
    nothing.
    """
    height, width, channels = x.shape[1:]
    weights = [band(side, k, boundary, sigma).astype(x.dtype) for side in (height, width)]
    pixels = np.arange(height * width).reshape(height, width)
    there = np.stack([np.roll(pixels, (-i, -j), (0, 1)) for i, j in np.ndindex(height, width)])  # (S, H, W)
    place = theory.places(height, width, k, boundary)
    may = place[there] == place[pixels]
    there, may = (one[may.any(axis=(1, 2))] for one in (there, may))
    barred = np.where(may, 0, np.inf).astype(x.dtype).swapaxes(0, 1)
    state, rate = Posterior.empty(len(x), height * width, channels, winners), rate_of(noise)
    step = max(1, MOST_NUMBERS // (there.size * channels))
    for first in range(0, len(images), step):
        # (H, n S, W, C): rows first, so that weighting them is one matrix product.
        some = images[first : first + step].reshape(-1, height * width, channels)[:, there]
        some = np.ascontiguousarray(some.transpose(2, 0, 1, 3, 4)).reshape(height, -1, width, channels)
        candidates = np.add.outer(np.arange(first, len(images))[:step] * height * width, there) if winners else None
        blocks = []
        for query, a, one in zip(x, signal, rate, strict=True):
            blocks.append(_block(query, some, (float(a), one), weights, barred, candidates))
        cost, mass, total, winner = zip(*blocks, strict=True)
        named = np.array(winner) if winners else None
        state = state.merge(Posterior(np.array(cost), np.array(mass), np.array(total), named), rate)
    return state


def _block(query, some, levels, weights, barred, candidates):
    """Of one query (H, W, C) and what candidates (H, M, W, C) show at its pixels: cost, mass, total, and the winner."""
    (height, width, channels), (signal, rate), (down, across) = query.shape, levels, weights
    apart = sum((query[:, None, :, c] - query.dtype.type(signal) * some[..., c]) ** 2 for c in range(channels))
    distance = ((down @ apart.reshape(height, -1)).reshape(-1, width) @ across).reshape(height, -1, len(barred[0]), width)
    distance += barred[:, None]
    distance = distance.reshape(height, -1, width)
    cost = distance.min(axis=1)
    gap = distance - cost[:, None]
    weight, winner = _decayed(gap, rate), None
    total = [np.einsum("hmw,hmw->hw", weight, some[..., c], dtype=np.float64).ravel() for c in range(channels)]
    if candidates is not None:
        index = candidates.reshape(-1, height, width).swapaxes(0, 1)
        winner = np.where(gap == 0, index, np.iinfo(np.int64).max).min(axis=1).ravel()
    return cost.astype(np.float64).ravel(), weight.sum(axis=1, dtype=np.float64).ravel(), np.stack(total, axis=1), winner


def _decayed(gap, rate):
    """exp(-gap rate), in gap's dtype; 1 at a gap of 0 for an infinite rate too."""
    with np.errstate(over="ignore"):
        rate = gap.dtype.type(rate)
        return np.exp(-gap * rate) if np.isfinite(rate) else (gap == 0).astype(gap.dtype)
