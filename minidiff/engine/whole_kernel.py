"""The fast kernel of the ideal score: whole images, 16 at a time as in boxsum.py, distances kept beyond one float's digits."""

import math

import numba
import numpy as np

from ..jit import inline_vector_kernel, vector_kernel
from ..simd import address, after, aligned, any_at_most, lanes, load, muladd, splat, store
from .boxsum import State, flush, lanes_of, weigh_row


@inline_vector_kernel
def _whole_distance(x, y, signal, depth):
    """The squared distances between x and 16 images, each as the float it rounds to and what that leaves out.

    Runs of 32 squares are summed plainly, in two sums, for one addition has to wait four cycles for the one before; to these
    the runs are added with the error of each addition, which is a float again (a + b - s is exact in that order).
    """
    size = lanes(y)
    high, low = splat(y, 0.0), splat(y, 0.0)
    for start in range(0, depth, 32):
        one, two, end = splat(y, 0.0), splat(y, 0.0), min(start + 32, depth)
        for i in range(start, end - 1, 2):
            a = splat(y, x[i]) - signal * load(y, i * size)
            b = splat(y, x[i + 1]) - signal * load(y, (i + 1) * size)
            one, two = muladd(a, a, one), muladd(b, b, two)
        if (end - start) % 2:
            a = splat(y, x[end - 1]) - signal * load(y, (end - 1) * size)
            one = muladd(a, a, one)
        run = one + two
        whole = high + run
        taken = whole - high
        low = low + ((high - (whole - taken)) + (run - taken))
        high = whole
    whole = high + low
    return whole, low - (whole - high)


@inline_vector_kernel
def _from_cost(high, low, cost):
    """How far distances are above the cost: exactly 0 at the cost, and -inf before there is one."""
    costs = address(cost)
    return (high - splat(costs, costs[0])) + (low - splat(costs, costs[1]))


@numba.njit(error_model="numpy", nogil=True)
def _nearest(distances, image, cost, state, depth, plan):
    """Lower the cost to the smallest of these distances, scale down what was weighed before, and name the winner."""
    size = lanes(distances)
    for lane in range(size):
        high, low = distances[lane], distances[size + lane]
        if high < cost[0] or (high == cost[0] and low < cost[1]):
            factor = 0.0
            if cost[0] < np.inf:
                factor = math.exp(((high - cost[0]) + (low - cost[1])) * plan.rate)
            state.mass[0] *= factor
            for i in range(depth):
                state.total[i] *= factor
                store(state.total_by_lane, i * size, load(state.total_by_lane, i * size) * splat(distances, factor))
            cost[0], cost[1] = high, low
            if plan.track:
                state.winner[0] = image + lane
        elif plan.track and high == cost[0] and low == cost[1]:
            state.winner[0] = min(state.winner[0], image + lane)


@vector_kernel
def ideal_kernel(x, packed, begin, end, plan, room, cost, mass, total, winner, mass_by_lane, total_by_lane):
    """The same for queries seen whole: one pixel of D channels, and no windows.

    A distance is the sum of two numbers, high + low, and so is the cost; cost[2] is 0. In float32 a distance of 900 alone
    would be off by 3e-5, and at high noise the weights by as much.
    """
    xs, row = address(x), aligned(room)
    size, depth, signal = lanes(xs), plan.channels, splat(xs, plan.signal)
    by_lane = aligned(mass_by_lane), aligned(total_by_lane)
    state = State(after(address(cost), 2), address(mass), address(total), address(winner), *by_lane)
    for group in range(begin // size, (end + size - 1) // size):
        y = after(address(packed), group * depth * size)
        bias = lanes_of(row, group, begin, end)
        high, low = _whole_distance(xs, y, signal, depth)
        high = high + bias
        gap = _from_cost(high, low, cost)
        if any_at_most(gap, plan.reach):
            if any_at_most(gap, 0.0):
                store(row, size, high)
                store(row, 2 * size, low)
                _nearest(after(row, size), group * size, cost, state, depth, plan)
            store(row, 0, _from_cost(high, low, cost))
            weigh_row(row, y, 0, 0, 1, state, plan)
        flush(state.mass_by_lane, state.mass, 1)
    flush(state.total_by_lane, state.total, depth)
