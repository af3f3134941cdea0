"""The box sums of boxsum.py over every training image by itself: what `AttentionScore` pools.

A pixel's smallest distance is then a vector, one number a lane, and so are its mass and total. The planes and sums are the same;
only what is done with a new minimum or a new winner differs, and is given here.
"""

import numpy as np
from numba.extending import overload

from ..jit import vector_kernel
from ..simd import address, after, aligned, any_below, exp2, keep_where, lanes, load, numbers, smaller, spread, store, vectors
from ..types import Array
from .boxsum import State, all_shifts, depth, scratch_of
from .handing import NONE, SPARE, room, rooms_for
from .nearest import OPTIONS, apart, bias_of, new_minima, new_winners
from .packing import lanes_of
from .posterior import Posterior


@overload(new_minima, jit_options=OPTIONS)
def _choose_minima(distances, state, first, last, plan):
    return _minima if apart(state) else None


def _minima(distances, state, first, last, plan):
    size = lanes(distances)
    for p in range(first, last):
        old = spread(distances, state.cost, p)
        new = smaller(load(distances, p * size), old)
        fall = new - old
        if any_below(fall, 0.0):
            store(numbers(state.cost), p * size, new)
            factors = keep_where(exp2(fall, plan.base2_rate), fall, -plan.reach)
            store(state.mass_by_lane, p * size, load(state.mass_by_lane, p * size) * factors)
            for at in range(p * len(plan.channels), (p + 1) * len(plan.channels)):
                store(state.total_by_lane, at * size, load(state.total_by_lane, at * size) * factors)


@overload(new_winners, jit_options=OPTIONS)
def _choose_winners(distances, state, first, last, index, pixels, wrap, width):
    return _winners if apart(state) else None


def _winners(distances, state, first, last, index, pixels, wrap, width):
    size = lanes(distances)
    cost = numbers(state.cost)
    for at in range(first * size, last * size):
        candidate = index + at // size - (width if at // size >= wrap else 0)
        if distances[at] < cost[at] or (distances[at] == cost[at] and candidate < state.winner[at]):
            state.winner[at] = candidate


@vector_kernel
def evidence_kernel(x, packed, begin, end, rows, columns, plan, room, frame, near, cost, mass, total, winner, cost_by_lane,
                    mass_by_lane, total_by_lane, winner_by_lane):  # fmt: skip
    """Every pixel's posterior over each of the training images begin..end by itself.

    Written: cost and mass (end - begin, P), total (end - begin, P, C), and winner (end - begin, P) where plan.track is not 0.
    """
    y, size = address(packed), lanes(address(packed))
    pixels, channels = plan.height * plan.width, len(plan.channels)
    scratch = scratch_of(x, room, frame, near, plan)
    costs, masses, totals, winners = aligned(cost_by_lane), aligned(mass_by_lane), aligned(total_by_lane), address(winner_by_lane)
    state = State(vectors(costs), masses, totals, winners, masses, totals)
    for group in range(begin // size, (end + size - 1) // size):
        for at in range(pixels * size):
            costs[at], masses[at] = np.inf, 0.0
        for at in range(pixels * channels * size):
            totals[at] = 0.0
        bias = bias_of(scratch.distances, group, begin, end)
        all_shifts(rows, columns, after(y, group * pixels * depth(plan) * size), 0, bias, plan, scratch, state)
        for n in range(max(group * size, begin), min((group + 1) * size, end)):
            lane, image = n - group * size, n - begin
            for p in range(pixels):
                cost[image, p], mass[image, p] = costs[p * size + lane], masses[p * size + lane]
                for c in range(channels):
                    total[image, p, c] = totals[(p * channels + c) * size + lane]
                if plan.track > 0:
                    winner[image, p] = winners[p * size + lane]


def fill(images: tuple[Array, Array], count: int, rule: tuple, state: Posterior, b: int) -> None:
    """Answer one query: its row b of a state whose views are (image, pixel)."""
    plan, dtype = rule[-1], images[0].dtype
    pixels, channels, size = plan.height * plan.width, len(plan.channels), lanes_of(dtype)
    winner = NONE if state.winner is None else state.winner[b]
    fields = [field.reshape(count, -1) for field in (state.cost[b], state.mass[b])]
    fields += [state.total[b].reshape(count, pixels, channels), winner.reshape(count, -1)]
    rooms = [room(dtype, vectors) for vectors in (pixels + SPARE, pixels, pixels * channels)]
    by_lane = np.empty(pixels * size if plan.track else 0, np.int64)
    evidence_kernel(*images, 0, count, *rule, *rooms_for(plan, dtype), *fields, *rooms, by_lane)
