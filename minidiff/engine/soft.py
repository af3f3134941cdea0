"""Windows that fade out: the rule of ELS with a Gaussian weight on each squared difference, and its states in NumPy."""

import numpy as np

from .. import theory
from ..types import Array
from .posterior import Posterior, rate_of

# Numbers that a block of pairs may hold.
MOST_NUMBERS = 2**18


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
    pixels = np.arange(height * width).reshape(height, width, 1)
    there = np.stack([np.roll(pixels[..., 0], (-i, -j), (0, 1)) for i, j in np.ndindex(height, width)], axis=2)  # (H, W, S)
    place = theory.places(height, width, k, boundary)
    may = place[there] == place[pixels]
    there, may = (one[..., may.any(axis=(0, 1))] for one in (there, may))
    barred = None if may.all() else np.where(may, 0, np.inf).astype(x.dtype)[..., None]
    state, rate = Posterior.empty(len(x), height * width, channels, winners), rate_of(noise)
    step = max(1, MOST_NUMBERS // (there.size * channels))
    by_pixel = np.ascontiguousarray(images.reshape(len(images), -1, channels).transpose(2, 1, 0))  # (C, H W, N)
    for first in range(0, len(images), step):
        some = by_pixel[:, :, first : first + step][:, there]  # (C, H, W, S, n)
        index = np.arange(first, first + some.shape[4]) * height * width + there[..., None] if winners else None
        blocks = []
        for query, a, one in zip(x, signal, rate, strict=True):
            blocks.append(_block(query, some, (x.dtype.type(a), one), weights, barred, index))
        cost, mass, total, winner = zip(*blocks, strict=True)
        named = np.array(winner) if winners else None
        state = state.merge(Posterior(np.array(cost), np.array(mass), np.array(total), named), rate)
    return state


def _block(query, some, levels, weights, barred, index):
    """Of one query (H, W, C) and what candidates show at its pixels, (C, H, W, S, n): cost, mass, total, and the winner."""
    (height, width, channels), (signal, rate), (down, across) = query.shape, levels, weights
    # In place: at this size every new array is fetched from the system, which takes longer than to compute it.
    apart, room = np.zeros(some.shape[1:], query.dtype), np.empty(some.shape[1:], query.dtype)
    for c in range(channels):
        np.multiply(some[c], -signal, out=room)
        room += query[:, :, c, None, None]
        room *= room
        apart += room
    np.matmul(down, apart.reshape(height, -1), out=room.reshape(height, -1))
    gap = np.matmul(across, room.reshape(height, width, -1), out=apart.reshape(height, width, -1))
    if barred is not None:
        apart += barred
    cost, winner = gap.min(axis=2), None
    gap -= cost[..., None]
    if index is not None:
        winner = np.where(gap == 0, index.reshape(gap.shape), np.iinfo(np.int64).max).min(axis=2).ravel()
    weight, total = _decayed(gap, rate), []
    for c in range(channels):
        total.append(np.multiply(weight, some[c].reshape(weight.shape), out=room.reshape(weight.shape)).sum(axis=2).ravel())
    return cost.astype(np.float64).ravel(), weight.sum(axis=2).ravel(), np.stack(total, axis=1), winner


def _decayed(gap, rate):
    """exp(-gap rate), written over gap; 1 at a gap of 0 for an infinite rate too."""
    with np.errstate(over="ignore"):
        rate = gap.dtype.type(rate)
        return np.exp(np.multiply(gap, -rate, out=gap), out=gap) if np.isfinite(rate) else (gap == 0).astype(gap.dtype)
