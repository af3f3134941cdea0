"""The Wiener filter: the best linear denoiser, a baseline that is hard to beat in R^2 (LUK)."""

import numpy as np

from .. import schedules
from ..types import Array, Labels, Schedule
from .base import Machine
from .registry import register


@register("wiener")
class Wiener(Machine):
    """The best linear denoiser, from the training set's mean m and covariance S (with 1/N, as for the other machines).

    x0_hat = m + a S (a^2 S + s^2 I)^-1 (x - a m), which is exact for Gaussian data (LUK).

    Parameters
    ----------
    images, schedule, labels
        As for `IdealScore`.

    Raises ValueError or TypeError on bad arguments. With D = H W C the first call costs a product of the (N, D) data matrix
    with itself and the eigenvectors of the smaller side, O(min(N, D) N D), and memory for three float64 copies of the images;
    every call O(B D min(N, D)). Computes in float64 whatever x's dtype.

    Examples
    --------
    >>> from minidiff import schedules
    >>> images = np.array([-1.0, 1.0]).reshape(2, 1, 1, 1)        # mean 0, variance 1
    >>> Wiener(images, schedules.flow())(np.full((1, 1, 1), 0.5), 0.5)[0, 0, 0]
    np.float64(0.5)
    """

    def __init__(self, images: Array, schedule: Schedule, *, labels: Labels = None) -> None:
        super().__init__(images, schedule, labels=labels)

    def _estimate(self, x, t, label, settings):
        mean, scale, directions = self._training_set(label, self.images.dtype)[0].layout(spectrum)
        a, s = (level[:, None] for level in schedules.levels(self.schedule, t))
        # The covariance is directions^T diag(scale^2) directions. Only directions in which the data vary are kept, so that
        # at s = 0 the gain is 1 / a, not 0 / 0: the projection onto the span of the data.
        gain = a * scale**2 / (a * a * scale**2 + s * s)
        flat = x.reshape(len(x), -1).astype(np.float64)
        estimate = mean + (gain * ((flat - a * mean) @ directions.T)) @ directions
        return (estimate.reshape(x.shape).astype(x.dtype),)


# An eigenvalue is taken from a product only where it is at least this part of the largest; see `spectrum`.
SHARP = 1e-6


def spectrum(images: Array) -> tuple[Array, Array, Array]:
    """(mean (D,), standard deviations (K,), directions (K, D)) of images (N, H, W, C), float64, D = H W C."""
    flat = images.reshape(len(images), -1).astype(np.float64)
    mean = flat.mean(axis=0)
    # Below this a singular value is the rounding of zero: of the products, and of the mean, which N equal images may miss.
    zero = max(flat.shape) * np.finfo(np.float64).eps * np.linalg.norm(flat)
    flat -= mean
    scales, directions = principal(flat, zero)
    return mean, scales / len(flat) ** 0.5, directions


def row_energies(shape: tuple, found: tuple, a: float, s: float) -> Array:
    """How much pixel p of Wiener's answer hears from pixel q of x, (H W, H W): |F[p, q]|^2, over all pairs of their channels.

    F is S (a^2 S + s^2 I)^-1, the filter but for its factor a, which may be 0. The images' shape (H, W, C), and their `spectrum`.
    """
    (_, scale, directions), (height, width, channels) = found, shape
    filters = (directions.T * (scale**2 / (a * a * scale**2 + s * s))) @ directions
    return (filters.reshape(height * width, channels, height * width, channels) ** 2).sum(axis=(1, 3))


def masks(shape: tuple, found: tuple, a: float, s: float, threshold: float) -> Array:
    """M (H W, H W): 1 where |F[p, q]| >= threshold |F[p, p]|, else 0; the other arguments are those of `row_energies`.

    Signs are dropped, as a negative weight would reward a difference, and the scale too (LUK). The authors' code,
    analytic-diffusion-studio, does so for each channel, divides by the diagonal of q, and compares with the largest entry of
    all; then one faint pixel sets the threshold for all.
    """
    size = np.sqrt(row_energies(shape, found, a, s))
    return (size >= threshold * size.diagonal()[:, None]).astype(np.float64)


def principal(rows: Array, zero: float) -> tuple[Array, Array]:
    """The singular values above `zero` (K,) of Z = rows (N, D), and their directions (K, D).

    A singular value decomposition would do; the eigenvectors of Z Z^T or Z^T Z, whichever is smaller, cost a third. But a product
    rounds each eigenvalue by some eps of the largest. A direction in which the data vary by less than 1e-8 of the largest
    standard deviation drowns, and at s = 0 it must have the same gain 1 / a as all others. So only the eigenvalues above SHARP of
    the largest are taken. What is left of Z, without their directions, has a smaller largest one, and is asked again.

    Each round misses the product by E with |E| <= c eps |Z|^2. Where one of two directions has an eigenvalue l >= SHARP |Z|^2,
    the filter then is off by at most a |E| / (a^2 l + s^2) <= c eps / (a SHARP), c a few units, for every s.
    """
    axes: Array | None = None
    few = rows.shape[0] < rows.shape[1]
    scales, directions = [np.empty(0)], [np.empty((0, rows.shape[1]))]
    rows = rows if few else rows.T
    while len(rows):
        squares, vectors = np.linalg.eigh(rows @ rows.T)  # The squares rise.
        first = np.searchsorted(squares, max(SHARP * squares[-1], zero**2), side="right")
        if first == len(squares):
            break
        rest, sharp = vectors.T[:first], vectors.T[first:]
        scales.append(squares[first:] ** 0.5)
        if few:  # the vectors combine images
            directions.append(sharp @ rows / scales[-1][:, None])
            rows = rest @ rows
            rows -= rows @ directions[-1].T @ directions[-1]
        else:  # they combine numbers of an image, at first along its own axes
            directions.append(sharp if axes is None else sharp @ axes)
            rows, axes = rest @ rows, rest if axes is None else rest @ axes
    if len(directions) == 2:  # After one round nothing needs to be put together, and so copied.
        return scales[1], directions[1]
    return np.concatenate(scales), np.concatenate(directions)
