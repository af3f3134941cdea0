"""ES: every translation of every training image at once, by FFT, and by differences where the FFT's rounding would show."""

import math
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..types import Array
from .packing import aligned_empty, lanes_of
from .posterior import Posterior, decay, rate_of
from .translations_kernel import Grid, distances_kernel, factors_of, sums_kernel, table_of

# How large the bound on an error of an exponent may be, which is that of a weight too. In 2,000 trials errors were at most a
# sixteenth of the bound.
ALLOWED = {np.dtype(np.float32): 1e-7, np.dtype(np.float64): 5e-11}
# A translation that weighs less than exp(-CUTOFF) of the nearest is left out: all of a million together weigh below 1e-16.
CUTOFF = 52.0
# Images that are transformed at once: two for each lane.
GROUP = 2 * lanes_of(np.float64)
# Numbers of translated images held at a time.
MOST_NUMBERS = 2**22


class Spectra(NamedTuple):
    """Training images (N, H, W, C), their Fourier transforms, two images to a complex one, and squared lengths (N,).

    spectra (groups of 16 images, C, H, W, 2, 8): lane l of a group holds the transform of y_l + i y_(8 + l), real and imaginary.
    """

    images: Array
    spectra: Array
    power: Array

    @classmethod
    def of(cls, images: Array) -> "Spectra":
        """The layout of these images, the last group filled up with zeros. Memory: eight bytes a pixel, beside the images."""
        count, height, width, channels = images.shape
        groups = -(-count // GROUP)
        spectra, power = aligned_empty((groups, channels, height, width, 2, GROUP // 2), np.float64), np.empty(count)
        for group, packed in enumerate(spectra):
            some = slice(group * GROUP, min(group * GROUP + GROUP, count))
            wide = np.zeros((GROUP, height, width, channels))
            wide[: some.stop - some.start] = images[some]
            power[some] = (wide**2).sum(axis=(1, 2, 3))[: some.stop - some.start]
            pairs = np.fft.fft2(wide[: GROUP // 2] + 1j * wide[GROUP // 2 :], axes=(1, 2)).transpose(3, 1, 2, 0)
            packed[..., 0, :], packed[..., 1, :] = pairs.real, pairs.imag
        return cls(images, spectra, power)

    def shard(self, start: int, stop: int) -> "Spectra":
        """The images start..stop; start is a multiple of 16."""
        return Spectra(self.images[start:stop], self.spectra[start // GROUP : -(-stop // GROUP)], self.power[start:stop])


class Room(NamedTuple):
    """What the kernels need for one shard, and use again for each query."""

    grid: Grid
    transforms: Array
    distances: Array

    @classmethod
    def of(cls, shard: Spectra) -> "Room":
        groups, _, height, width, *_ = shard.spectra.shape
        grid, area = Grid(height, width, *_steps(height), *_steps(width)), height * width
        return cls(grid, aligned_empty((2 * area * GROUP,), np.float64), aligned_empty((groups, area, GROUP), np.float64))


def distances_by_fft(x: Array, shard: Spectra, signal: float, room: Room) -> float:
    """All squared distances |x - a y_n[. + shift]|^2 by FFT into room.distances (groups, H W, 16), and a bound on their error.

    |x|^2 - 2 a x.y + a^2 |y|^2 loses digits. A = |x|^2 + a^2 max |y|^2 bounds 2 a |x| |y|. The transforms of x and y are off by
    at most 2 eps log2(P) of their lengths. On the way back every number is a sum of some of the products times factors of size 1,
    so that a step of p terms is off by at most (p + 5) eps of the sum of all their sizes, |x| |y|: (p + 1) / sqrt(2) by rounding
    the sums, 4.5 by the factors. Two images as one complex image are sqrt(2) as long. 12 eps are for the products and the sums.
    """
    x = x.astype(np.float64)
    transform = np.fft.fft2(x, axes=(0, 1)).transpose(2, 0, 1)
    query = np.stack([transform.real, transform.imag], axis=-1).ravel()
    norm, lengths = float((x**2).sum()), np.full(room.distances.shape[0] * GROUP, np.inf)
    lengths[: len(shard.power)] = norm + signal * signal * shard.power
    numbers = shard.spectra.reshape(-1), query, room.grid, x.shape[2], lengths, -2 * signal, room.transforms
    distances_kernel(*numbers, room.distances.reshape(-1))
    height, width, _ = x.shape
    back = sum(p + 5 for p in (*factors_of(height), *factors_of(width)))
    largest = norm + signal * signal * float(shard.power.max())
    return 1.5 * np.finfo(np.float64).eps * (12 + 4 * np.log2(height * width) + back) * largest


@cache
def _steps(n):
    """The factors and the coefficients of a transform of length n."""
    return np.array(factors_of(n), np.int64), table_of(n)


def numbers_of(where: Array) -> Array:
    """The translations (n, row, column), as one number each, in order, that are True in `where` (groups, H W, 16)."""
    group, shift, lane = np.unravel_index(np.flatnonzero(where), where.shape)
    return np.sort((group * GROUP + lane) * where.shape[1] + shift)


def translated(images: Array, index: Array) -> Array:
    """The translations with these numbers (n, row, column) as one, (M,): images y_n[. + shift], (M, H, W, C)."""
    height, width = images.shape[1:3]
    n, down, across = np.unravel_index(index, images.shape[:3])
    rows = (np.arange(height) + down[:, None]) % height
    columns = (np.arange(width) + across[:, None]) % width
    return images[n[:, None, None], rows[:, :, None], columns[:, None, :]]


def translation_states(x: Array, shard: Spectra, signal: Array, noise: Array, winners: bool) -> Posterior:
    """The Posterior (B, 1) of whole images x (B, H, W, C) over every translation of the shard's images."""
    state, rate, room = Posterior.empty(len(x), 1, x[0].size), rate_of(noise), Room.of(shard)
    distances = room.distances
    for b, query in enumerate(x):
        a = x.dtype.type(signal[b])
        error = distances_by_fft(query, shard, float(a), room)
        # The nearest is known by differences: a training image is at distance 0 from itself, and exact ties are ties. Without
        # signal all translations tie, and the first of them wins.
        lowest = distances.min() + 2 * error
        close = numbers_of(distances <= lowest) if a else np.zeros(1, int)
        exact = np.concatenate([distance for distance, _ in _by_differences(query, shard.images, close, a)])
        state.cost[b], state.winner[b] = exact.min(), close[exact.argmin()]
        if error * rate[b] <= ALLOWED[x.dtype]:
            state.mass[b], state.total[b] = _sums_by_fft(shard, room, state.cost[b, 0], rate[b])
            continue
        near = numbers_of(distances <= lowest + CUTOFF / rate[b])
        for distance, images in _by_differences(query, shard.images, near, a):
            weight = decay(distance, state.cost[b], rate[b])
            state.mass[b] += weight.sum()
            state.total[b] += weight @ images.reshape(len(images), -1)
    return state


def _sums_by_fft(shard, room, cost, rate):
    """The sum of the weights, and that of the weighted translations, flat."""
    _, channels, height, width, *_ = shard.spectra.shape
    sums, out = aligned_empty((shard.spectra[0].size,), np.float64), np.empty((channels, height, width, 2))
    sums[:] = 0
    numbers = shard.spectra.reshape(-1), room.distances.reshape(-1), room.grid, channels
    mass = sums_kernel(*numbers, cost, rate / math.log(2), CUTOFF / rate, room.transforms, sums, out.reshape(-1))
    return mass, np.fft.ifft2(out[..., 0] + 1j * out[..., 1], axes=(1, 2)).real.transpose(1, 2, 0).ravel()


def _by_differences(x, images, index, a):
    """Yield the squared distances (M,) of x to these translations, float64, and the translations, some of them at a time."""
    size = max(1, MOST_NUMBERS // x.size)
    for low in range(0, len(index), size):
        part = translated(images, index[low : low + size])
        yield ((x - a * part).astype(np.float64) ** 2).sum(axis=(1, 2, 3)), part


class Translations:
    """ES by FFT."""

    layout = staticmethod(Spectra.of)
    states = staticmethod(translation_states)

    def lanes(self, dtype: npt.DTypeLike) -> int:
        return GROUP

    def candidates(self, shape: tuple[int, ...]) -> int:
        return shape[0] * shape[1]

    def cost(self, shape: tuple[int, ...]) -> float:
        return math.prod(shape) * 10.0
