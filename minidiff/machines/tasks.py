"""The vector kernels from Python: the training set laid out for them, and one task of an evaluation."""

import math

import numpy as np

from . import simd
from .boxsum import Plan, local_kernel
from .whole import ideal_kernel


def pack(images):
    """A training set (N, H, W, C) as groups of 16 images (8 in float64) side by side: (groups, H, C, W, lanes).

    The last group is filled up with copies of the last image, which the kernels give no weight. Memory: that of the
    images. Aligned to 64 bytes: a vector that straddles two cache lines costs two loads (1.4 times the whole kernel's time).
    """
    count, height, width, channels = images.shape
    side = simd.BYTES // images.itemsize
    groups = -(-count // side)
    shape = (groups, height, channels, width, side)
    packed = _aligned(math.prod(shape), images.dtype).reshape(shape)
    whole = count // side
    source = images[: whole * side].reshape(whole, side, height, width, channels)
    packed[:whole] = source.transpose(0, 2, 4, 3, 1)
    if whole < groups:
        rest = images[np.minimum(np.arange(whole * side, groups * side), count - 1)]
        packed[whole] = rest.transpose(1, 3, 2, 0)
    return packed


def _aligned(numbers, dtype):
    """Room for so many numbers from an address that is a multiple of 64 on."""
    space = np.empty(numbers * dtype.itemsize + simd.BYTES, np.uint8)
    start = -space.ctypes.data % simd.BYTES
    return space[start : start + numbers * dtype.itemsize].view(dtype)


def local_task(x, packed, begin, end, signal, rate, k, circular, colocated, cutoff, cost, mass, total, winner=None):
    """Write the state of every pixel of one query, seen through its window, over the training images begin..end.

    Parameters
    ----------
    x : (H, W, C) float32 or float64
    packed : `pack(images)` of the same dtype
    begin, end : int
    signal, rate : float
        a and 1 / (2 s^2), which may be inf.
    k : odd int
    circular : bool
        Whether windows wrap; otherwise they see zeros, and pixels near a border only explain their like (windows.py).
    colocated : bool
        Whether only the pixel's own place in each image may explain it.
    cutoff : float
        A candidate that weighs below exp(-cutoff) of its pixel's best counts 0; at most 80 in float32.
    cost, mass, total : (H, W), (H, W) and (H, W, C) float64
        The posterior's state, written.
    winner : (H, W) int64, optional
        The nearest candidate's index (image, row, column) as one number, written; the lowest where several are as near.

    Serial and without the GIL. Memory: (2 + k + (1 + C) H) W vectors of 64 bytes, about 200 KB at 32 x 32 x 1.
    """
    width = x.shape[1]
    plan = _plan(x, *x.shape, k, circular, colocated, signal, rate, cutoff, winner)
    room = [_room(x, vectors) for vectors in (width + k, k * width, 3 * width)]
    state = _state(x, cost, mass, total, winner)
    local_kernel(x.reshape(-1), packed.reshape(-1), begin, end, plan, *room, *state)
    cost[...] = state[0].reshape(cost.shape)


def ideal_task(x, packed, begin, end, signal, rate, cutoff, cost, mass, total, winner=None):
    """Write the state of one query (D,) seen whole over the training images begin..end: cost (1,), mass (1,), total (D,).

    `packed` is pack(images.reshape(N, 1, 1, D)); the rest as for `local_task`.
    """
    plan = _plan(x, 1, 1, x.size, 1, True, True, signal, rate, cutoff, winner)
    _, *state = _state(x, cost, mass, total, winner)
    # The smallest distance as a sum of two numbers, and a 0 that gaps are counted from.
    nearest = np.array([np.inf, 0, 0], x.dtype)
    ideal_kernel(x, packed.reshape(-1), begin, end, plan, _room(x, 3), nearest, *state)
    cost[...] = float(nearest[0]) + float(nearest[1])


def _plan(x, height, width, channels, k, circular, colocated, signal, rate, cutoff, winner):
    number = x.dtype.type
    # A finite speed, because 0 * inf is nan: at s = 0 only candidates at distance 0 from the best are kept, at weight 2^0.
    speed = min(float(rate) / math.log(2), float(np.finfo(x.dtype).max) / 4)
    reach = cutoff / float(rate)
    settings = (height, width, channels, k, k // 2, bool(circular), bool(colocated))
    return Plan(*settings, number(signal), float(rate), number(speed), number(reach), winner is not None)


def _room(x, vectors):
    """Zeros for so many vectors, and one more for alignment."""
    return np.zeros((vectors + 1) * (simd.BYTES // x.itemsize), x.dtype)


def _state(x, cost, mass, total, winner):
    """A kernel's arrays for the state, before the first candidate: the first is the cost, to be copied out."""
    mass[...] = 0
    total[...] = 0
    winner = np.empty(0, np.int64) if winner is None else winner.reshape(-1)
    winner[...] = np.iinfo(np.int64).max
    nearest = np.full(cost.size, np.inf, x.dtype)
    return nearest, mass.reshape(-1), total.reshape(-1), winner, _room(x, mass.size), _room(x, total.size)
