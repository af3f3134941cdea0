"""ES: every translation of every training image at once, by FFT, and by differences where the FFT's rounding would show."""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..types import Array
from .posterior import Posterior, decay, rate_of

# How large the bound on an error of an exponent may be, which is that of a weight too. In 6,000 trials errors were at most a
# fifth of the bound.
ALLOWED = {np.dtype(np.float32): 1e-7, np.dtype(np.float64): 5e-11}
# A translation that weighs less than exp(-CUTOFF) of the nearest is left out: all of a million together weigh below 1e-16.
CUTOFF = 52.0
# Numbers of translated images held at a time.
MOST_NUMBERS = 2**22


class Spectra(NamedTuple):
    """Training images (N, H, W, C) with their Fourier transforms and squared lengths (N,)."""

    images: Array
    spectra: Array
    power: Array

    @classmethod
    def of(cls, images: Array) -> "Spectra":
        """The layout of these images. Memory: eight bytes a pixel, beside the images."""
        wide = images.astype(np.float64)
        return cls(images, np.fft.rfft2(wide, axes=(1, 2)), (wide**2).sum(axis=(1, 2, 3)))

    def shard(self, start: int, stop: int) -> "Spectra":
        """The images start..stop."""
        return Spectra(*(field[start:stop] for field in self))


def distances_by_fft(x: Array, shard: Spectra, signal: float) -> tuple[Array, float]:
    """All squared distances |x - a y_n[. + shift]|^2 by FFT, (N, H, W) float64, and a bound on their error.

    |x|^2 - 2 a x.y + a^2 |y|^2 loses digits: a transform of P numbers is off by a few eps log2(P) of its length, the sums and the
    three terms by a few eps more, and the sum of the squares bounds twice the product of two lengths.
    """
    height, width, _ = x.shape
    x = x.astype(np.float64)
    products = shard.spectra * np.conj(np.fft.rfft2(x, axes=(0, 1)))
    correlation = np.fft.irfft2(products, s=(height, width), axes=(1, 2)).sum(axis=3)
    norm = float((x**2).sum())
    distances = norm - 2 * signal * correlation + (signal * signal * shard.power)[:, None, None]
    largest = norm + signal * signal * float(shard.power.max())
    return distances, 4 * np.finfo(np.float64).eps * (4 + np.log2(height * width)) * largest


def translated(images: Array, index: Array) -> Array:
    """The translations with these numbers (n, row, column) as one, (M,): images y_n[. + shift], (M, H, W, C)."""
    height, width = images.shape[1:3]
    n, down, across = np.unravel_index(index, images.shape[:3])
    rows = (np.arange(height) + down[:, None]) % height
    columns = (np.arange(width) + across[:, None]) % width
    return images[n[:, None, None], rows[:, :, None], columns[:, None, :]]


def translation_states(x: Array, shard: Spectra, signal: Array, noise: Array, winners: bool) -> Posterior:
    """The Posterior (B, 1) of whole images x (B, H, W, C) over every translation of the shard's images."""
    state, rate = Posterior.empty(len(x), 1, x[0].size), rate_of(noise)
    for b, query in enumerate(x):
        a = x.dtype.type(signal[b])
        distances, error = distances_by_fft(query, shard, float(a))
        # The nearest is known by differences: a training image is at distance 0 from itself, and exact ties are ties. Without
        # signal all translations tie, and the first of them wins.
        close = np.flatnonzero(distances <= distances.min() + 2 * error) if a else np.zeros(1, int)
        exact = np.concatenate([distance for distance, _ in _by_differences(query, shard.images, close, a)])
        state.cost[b], state.winner[b] = exact.min(), close[exact.argmin()]
        if error * rate[b] <= ALLOWED[x.dtype]:
            weight = np.exp((state.cost[b] - distances) * rate[b])
            spectrum = (np.conj(np.fft.rfft2(weight, axes=(1, 2)))[..., None] * shard.spectra).sum(axis=0)
            state.mass[b], state.total[b] = weight.sum(), np.fft.irfft2(spectrum, s=weight.shape[1:], axes=(0, 1)).reshape(1, -1)
            continue
        near = np.flatnonzero(distances <= distances.min() + 2 * error + CUTOFF / rate[b])
        for distance, images in _by_differences(query, shard.images, near, a):
            weight = decay(distance, state.cost[b], rate[b])
            state.mass[b] += weight.sum()
            state.total[b] += weight @ images.reshape(len(images), -1)
    return state


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
        return 1

    def candidates(self, shape: tuple[int, ...]) -> int:
        return shape[0] * shape[1]

    def cost(self, shape: tuple[int, ...]) -> float:
        return math.prod(shape) * 50.0
