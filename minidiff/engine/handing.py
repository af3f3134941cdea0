"""What the kernels are handed: one task's plan, and room to work in."""

import math

import numpy as np

from ..types import Array
from .boxsum import Plan
from .packing import lanes_of
from .posterior import Posterior, rate_of

# A term below exp(-CUTOFF) of its own pixel's largest may be left out. M candidates then make an error of at most
# M exp(-CUTOFF) of the range: for M = 5e5 (512 images of 32 x 32) 5e-8 in float32 and 1e-17 in float64, its rounding unit.
CUTOFF = {np.dtype(np.float32): 30.0, np.dtype(np.float64): 52.0}


def plan_of(dtype: np.dtype, shape: tuple[int, ...], k: int, circular: bool, signal: float, noise: Array, track: int) -> Plan:
    number, rate = dtype.type, float(rate_of(noise))
    # A finite rate, because 0 * inf is nan: at s = 0 only candidates at distance 0 from the best are kept, at weight 2^0.
    base2_rate = min(rate / math.log(2), float(np.finfo(dtype).max) / 4)
    reach = number(CUTOFF[dtype] / rate)
    return Plan(*shape, k, k // 2, circular, number(signal), rate, number(base2_rate), reach, track)  # type: ignore[call-arg]


def room(dtype: np.dtype, vectors: int) -> Array:
    """Zeros for so many vectors, and one more for alignment."""
    return np.zeros((vectors + 1) * lanes_of(dtype), dtype)


def room_for_state(state: Posterior, b: int, dtype: np.dtype) -> tuple[Array, ...]:
    """A query's arrays for a kernel: the cost in the kernel's dtype, to be copied out, then the state's own."""
    mass, total = state.mass[b], state.total[b].reshape(-1)
    winner = np.empty(0, np.int64) if state.winner is None else state.winner[b]
    return np.full(mass.size, np.inf, dtype), mass, total, winner, room(dtype, mass.size), room(dtype, total.size)
