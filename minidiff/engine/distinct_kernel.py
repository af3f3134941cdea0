"""The loops of distinct.py: equal windows are found, and a query is compared with one of each kind, 64 kinds at a time.

A window is the numbers images[start + offsets] of flat framed images.
"""

import numpy as np

from ..jit import inline_vector_kernel, kernel, vector_helper, vector_kernel
from ..simd import (
    address,
    after,
    aligned,
    any_at_most,
    exp2,
    keep_where,
    lanes,
    load,
    load_four,
    min_lanes,
    muladd,
    smaller,
    splat,
    store,
    store_four,
)
from .boxsum import State, from_pixel
from .nearest import flush, new_minima

# Float32 adds up the terms of so many kinds: a multiple of 64.
FLUSHED = 1024


@kernel
def find_kinds(images, bits, starts, offsets, count):
    """Move the first window of each kind to the front, with how many are equal to it; returns the number of kinds.

    Where in a table, half full at most, a kind is looked for depends on its `bits`; what is there is compared number by number.
    """
    size, kinds = 2, 0
    while size < 2 * len(starts):
        size *= 2
    table = np.full(size, -1, np.int64)
    for start in starts:
        mixed = np.uint64(0)
        for offset in offsets:
            mixed = (mixed ^ np.uint64(bits[start + offset])) * np.uint64(0x9E3779B97F4A7C15)
            mixed ^= mixed >> np.uint64(29)
        place = np.int64(mixed & np.uint64(size - 1))
        while table[place] >= 0 and _differ(images, starts[table[place]], start, offsets):
            place = (place + 1) % size
        if table[place] < 0:
            table[place], starts[kinds] = kinds, start
            kinds += 1
        count[table[place]] += 1
    return kinds


@kernel
def _differ(images, one, other, offsets):
    for offset in offsets:
        if images[one + offset] != images[other + offset]:
            return True
    return False


@vector_kernel
def kinds_kernel(x, images, offsets, starts, count, ranges, seen, plan, room, cost, mass, total, winner, mass_by_lane,
                 total_by_lane):  # fmt: skip
    """Every pixel's posterior over a shard's kinds of windows.

    ranges (R, 4): of each place the kinds (first and end in starts and count) and the pixels (first and end in seen);
    seen (H W, 2): a pixel, and where its window starts in x.
    """
    numbers, xs, offset, block = len(offsets), address(x), address(offsets), aligned(room)
    size, channels = lanes(block), len(plan.channels)
    by_lane = aligned(mass_by_lane), aligned(total_by_lane)
    state = State(address(cost), address(mass), address(total), address(winner), *by_lane)
    for r in range(len(ranges)):
        first, last, begin, end = ranges[r]
        for at in range(first, last, 4 * size):
            at_starts = after(address(starts), at)
            _gather(block, address(images), offset, numbers, at_starts, after(address(count), at), plan)
            for s in range(begin, end):
                here = from_pixel(state, seen[s, 0], plan, size)
                _take_in(after(xs, seen[s, 1]), block, offset, numbers, at_starts, here, plan)
            if (at - first) % FLUSHED == FLUSHED - 4 * size or at == last - 4 * size:
                for s in range(begin, end):
                    here = from_pixel(state, seen[s, 0], plan, size)
                    flush(here.mass_by_lane, here.mass, 1)
                    flush(here.total_by_lane, here.total, channels)


@vector_helper
def _gather(block, images, offsets, numbers, starts, count, plan):
    """64 kinds, number by number and times the signal; then how many windows each stands for, and what they answer."""
    size, channels = 4 * lanes(block), len(plan.channels)
    for i in range(size):
        window = after(images, starts[i])
        for j in range(numbers):
            block[j * size + i] = plan.signal * window[offsets[j]]
        block[numbers * size + i] = count[i]
        for channel in range(channels):
            block[(numbers + 1 + channel) * size + i] = window[plan.half * (plan.across + 1) * channels + channel]


@vector_helper
def _take_in(x, block, offsets, numbers, starts, state, plan):
    """Take 64 kinds into the posterior of one pixel."""
    size, channels = lanes(block), len(plan.channels)
    a = b = c = d = splat(block, 0.0)
    for j in range(numbers):
        value = splat(block, x[offsets[j]])
        y0, y1, y2, y3 = load_four(block, 4 * j)
        y0, y1, y2, y3 = value - y0, value - y1, value - y2, value - y3
        a, b, c, d = muladd(y0, y0, a), muladd(y1, y1, b), muladd(y2, y2, c), muladd(y3, y3, d)
    smallest, counts = smaller(smaller(a, b), smaller(c, d)), after(block, numbers * 4 * size)
    if not any_at_most(smallest - splat(block, state.cost[0]), plan.reach):
        return
    if any_at_most(smallest, state.cost[0]):
        row = after(counts, (1 + channels) * 4 * size)
        if plan.track > 0:
            store_four(row, 0, a, b, c, d)
            _new_winner(row, min_lanes(smallest), starts, state)
        store(row, 0, smallest)
        new_minima(row, state, 0, 1, plan)
    best = splat(block, state.cost[0])
    w0, w1, w2, w3 = load_four(counts, 0)
    w0, w1 = w0 * _weight(best - a, plan), w1 * _weight(best - b, plan)
    w2, w3 = w2 * _weight(best - c, plan), w3 * _weight(best - d, plan)
    store(state.mass_by_lane, 0, load(state.mass_by_lane, 0) + ((w0 + w1) + (w2 + w3)))
    for channel in range(channels):
        v0, v1, v2, v3 = load_four(counts, 4 + 4 * channel)
        sums = load(state.total_by_lane, channel * size) + ((w0 * v0 + w1 * v1) + (w2 * v2 + w3 * v3))
        store(state.total_by_lane, channel * size, sums)


@inline_vector_kernel
def _weight(below, plan):
    return keep_where(exp2(below, plan.base2_rate), below, -plan.reach)


@inline_vector_kernel
def _new_winner(row, nearest, starts, state):
    """Name the winner: of the windows at the smallest distance the one that starts first."""
    if nearest < state.cost[0]:
        state.winner[0] = np.iinfo(np.int64).max
    for i in range(4 * lanes(row)):
        if row[i] == nearest and nearest <= state.cost[0] and starts[i] < state.winner[0]:
            state.winner[0] = starts[i]
