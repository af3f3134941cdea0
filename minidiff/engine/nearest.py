"""What the loops of boxsum.py do rarely: once a group, and when a candidate is nearer to a pixel than all before it, or as near.

evidence_kernel.py gives the same two functions for posteriors of each training image by itself.
"""

import math

import numpy as np
from numba import types
from numba.extending import overload

from ..jit import inline_vector_kernel
from ..simd import Vector, any_at_most, any_below, lanes, load, min_lanes, splat, store, sum_lanes

OPTIONS = {"error_model": "numpy", "nogil": True}
# As arguments of helpers: plain 0 and 1 are constants to Numba, and a helper is compiled for each of them (0.6 s of 6).
ZERO, ONE = np.int64(0), np.int64(1)


@inline_vector_kernel
def flush(lane_sums, sums, count):
    """Add the lanes to the float64 sums and clear them: float32 only ever adds up the terms of one group."""
    size = lanes(lane_sums)
    for i in range(count):
        sums[i] += sum_lanes(load(lane_sums, i * size))
        store(lane_sums, i * size, splat(lane_sums, 0.0))


@inline_vector_kernel
def bias_of(row, group, begin, end):
    """A vector of 0 in the lanes whose image is one of begin..end, and inf in the others; `row` is room for it."""
    size = lanes(row)
    for lane in range(size):
        row[lane] = 0.0 if begin <= group * size + lane < end else np.inf
    return load(row, 0)


def apart(state: types.NamedTuple) -> bool:
    """Whether each training image has a posterior of its own (evidence_kernel.py): its costs are vectors, one number an image."""
    return isinstance(state.types[0].dtype, Vector)


def new_minima(distances, state, first, last, plan):
    """Lower the cost where a distance of this row is below it, and scale down what was weighed against the old one."""


@overload(new_minima, jit_options=OPTIONS)
def _choose_minima(distances, state, first, last, plan):
    return None if apart(state) else _minima


def _minima(distances, state, first, last, plan):
    size = lanes(distances)
    for p in range(first, last):
        distance, old = load(distances, p * size), state.cost[p]
        if any_below(distance, old):
            state.cost[p] = min_lanes(distance)
            # Before the first candidate nothing was weighed, and (d - inf) * rate is NaN at rate = 0.
            factor = math.exp((state.cost[p] - old) * plan.rate) if old < np.inf else 0.0
            factors = splat(distances, factor)
            state.mass[p] *= factor
            store(state.mass_by_lane, p * size, load(state.mass_by_lane, p * size) * factors)
            for at in range(p * len(plan.channels), (p + 1) * len(plan.channels)):
                state.total[at] *= factor
                store(state.total_by_lane, at * size, load(state.total_by_lane, at * size) * factors)


def new_winners(distances, state, first, last, index, pixels, wrap, width):
    """Name the winner where a distance of this row is at most the cost, which is still that of the rows before.

    The candidate of pixel p and lane l is index + p + l * pixels, and a torus' width less from pixel `wrap` on.
    """


@overload(new_winners, jit_options=OPTIONS)
def _choose_winners(distances, state, first, last, index, pixels, wrap, width):
    return None if apart(state) else _winners


def _winners(distances, state, first, last, index, pixels, wrap, width):
    size = lanes(distances)
    for p in range(first, last):
        distance, old = load(distances, p * size), state.cost[p]
        if any_at_most(distance, old):
            low, lane = min_lanes(distance), 0
            while distances[p * size + lane] > low:
                lane += 1
            candidate = index + p + lane * pixels - (width if p >= wrap else 0)
            if low < old or candidate < state.winner[p]:
                state.winner[p] = candidate
