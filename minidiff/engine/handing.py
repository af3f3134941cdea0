"""What the kernels are handed: one task's plan, and room to work in."""

import math

import numpy as np

from ..types import Array
from .boxsum import Plan
from .packing import lanes_of
from .posterior import Posterior, rate_of

# A term below exp(-CUTOFF) of its own pixel's largest may be left out. M candidates then make an error of at most
# M exp(-CUTOFF) of the range of values, which float32 rounds at 6e-8 and float64 at 1.1e-16: for M = 5e7 (all 60,000 images of
# 28 x 28) 3e-8 and 6.5e-17. (30 would do for 5e5 candidates in float32 and 52 for 2e6 in float64.)
CUTOFF = {np.dtype(np.float32): 35.0, np.dtype(np.float64): 55.0}
# Costs that a kernel may read beyond the last pixel's: it looks at four pixels at a time.
SPARE = 3

# Where no winners are asked for.
NONE = np.empty(0, np.int64)


def levels_of(dtype: np.dtype, noise: Array, cutoff: float) -> tuple[Array, Array, Array]:
    """The rate 1 / (2 s^2), float64, the same in powers of two, and how far above its best a candidate still counts, of dtype."""
    rate = rate_of(noise)
    # A finite rate, because 0 * inf is nan: at s = 0 only candidates at distance 0 from the best are kept, at weight 2^0.
    base2_rate = np.minimum(rate / math.log(2), float(np.finfo(dtype).max) / 4)
    with np.errstate(divide="ignore"):
        return rate, base2_rate.astype(dtype), (cutoff / rate).astype(dtype)


def plan_of(dtype: np.dtype, shape: tuple, k: int, across: int, circular: bool, signal: float, noise: Array, track: int) -> Plan:
    rate, base2_rate, reach = levels_of(dtype, noise, CUTOFF[dtype])
    levels = dtype.type(signal), float(rate), dtype.type(base2_rate), dtype.type(reach)
    return Plan(*shape, k, k // 2, across, circular, *levels, track)  # type: ignore[call-arg]


def room(dtype: np.dtype, vectors: int) -> Array:
    """Zeros for so many vectors, and one more for alignment."""
    return np.zeros((vectors + 1) * lanes_of(dtype), dtype)


def rooms_for(plan: Plan, dtype: np.dtype) -> tuple[Array, ...]:
    """The three arrays that `scratch_of` cuts up: vectors, the framed query, and the places of near fours."""
    height, width, channels, beside, k, _, across, *_ = plan
    frame = (height + k - 1) * (len(channels) + len(beside)) * across
    vectors = (k + 2) * (width + 4) + across + 1 + 4 * (height + width) + frame
    return room(dtype, vectors), np.zeros(frame, dtype), np.zeros(height + width, np.int64)


def room_for_state(state: Posterior, dtype: np.dtype) -> tuple[Array, ...]:
    """The costs in the kernels' dtype, to be copied out, and what queries share one after the other: mass and total by lane."""
    _, groups, depth = state.total.shape
    return np.full((len(state.cost), groups + SPARE), np.inf, dtype), room(dtype, groups), room(dtype, groups * depth)
