"""The fast kernels of the local machines: box sums over planes of squared differences, 16 training images at a time.

Compare a query x with a training image y at one shift: the squared differences (x[q] - a y[q + shift])^2 of all pixels q
are one plane, and the distance between x's window at p and y's window at p + shift is the sum of that plane over the
window. Two neighbouring windows share nearly all their terms, so no window is ever summed term by term:

1. `_square_row` writes one row of the plane;
2. `_sum_along_row` sums it over k neighbours in the row, and `_sum_down` those sums over k rows: distances;
3. `weigh_row` turns a row of distances into weights exp(-(d - dmin) / (2 s^2)) and adds them to each pixel's posterior.

Every number above is a vector of 16 training images (8 in float64): image n is lane n % 16 of group n // 16, and `pack` lays
the training set out so. All lanes do the same work at any H, W, C and k, so nothing is padded but the last group, no
value ever moves between lanes, and one compiled kernel serves all sizes.

Measured in nanoseconds per pair of pixel and candidate on one core at 2.6 GHz with AVX-512, 32 x 32 x 1: 0.16 (k = 3) to 0.33
(k = 17) where hardly any candidate is near, and 0.25 more where all are.
"""

import math
from collections import namedtuple

import numpy as np
from numba import types
from numba.extending import overload

from ..jit import inline_vector_kernel, vector_kernel
from ..simd import (
    Vector,
    address,
    after,
    aligned,
    any_at_most,
    any_below,
    exp2,
    keep_where,
    lanes,
    load,
    min_lanes,
    muladd,
    smaller,
    splat,
    spread,
    store,
    sum_lanes,
)

OPTIONS = {"error_model": "numpy", "nogil": True}

# What stays the same for a whole task: `half` is k // 2, `base2_rate` the rate in powers of two, and `reach` how far above its
# pixel's smallest distance a candidate still counts; `track` is how many winners a pixel has: none, one, or one for each lane.
Plan = namedtuple("Plan", "height width channels k half circular signal rate base2_rate reach track")
# Room for the rows of one shift: `squares` of the plane, sums along it in `blocks` of k rows and their `prefix`, a `row` of
# distances and then weights, and a row of zeros.
Scratch = namedtuple("Scratch", "squares blocks prefix row zeros")
# Every pixel's posterior: cost, mass, total and winner so far; `mass_by_lane` and `total_by_lane` are what this group adds.
State = namedtuple("State", "cost mass total winner mass_by_lane total_by_lane")


@inline_vector_kernel
def _square_row(squares, x, y, row, dy, dx, plan, bias):
    """One row of the plane: squares[c] = sum over channels of (x[row, c] - a y[row + dy, c + dx])^2, where both exist.

    On a torus they all do, and `half` more at either end. `bias` is 0, or inf in lanes that hold no image of this shard.
    """
    size, width = lanes(y), plan.width
    signal = splat(y, plan.signal)
    inside = wrapped(row, plan.height)
    first, last = max(0, -dx), min(width, width - dx)
    for channel in range(plan.channels):
        xs = after(x, inside * width * plan.channels + channel)
        ys = after(y, ((wrapped(inside + dy, plan.height) * plan.channels + channel) * width + dx) * size)
        for begin, end in ((first, last), (last, width if plan.circular else last)):
            for c in range(begin, end):
                difference = splat(y, xs[c * plan.channels]) - signal * load(ys, c * size)
                before = bias if channel == 0 else load(squares, c * size)
                store(squares, c * size, muladd(difference, difference, before))
            ys = after(ys, -width * size)
    if plan.circular:
        for c in range(plan.half):
            store(squares, (width + c) * size, load(squares, c * size))
            store(squares, -(c + 1) * size, load(squares, (width - c - 1) * size))


@inline_vector_kernel
def wrapped(index, side):
    """index modulo side, for an index at most one side off."""
    return index + (side if index < 0 else 0) - (side if index >= side else 0)


@inline_vector_kernel
def _sum_along_row(sums, squares, first, last, k):
    """sums[p] = squares[p] + ... + squares[p + k - 1] for p in first..last.

    Cut the row into blocks of k. A window is a suffix of one block and a prefix of the next, so with running sums from
    both ends of each block it costs three additions for any k. (A running sum over the whole row that adds what enters and
    takes off what leaves costs two, but in float32 1e8 + 1 - 1e8 is 0.) The blocks start at fixed places of the query's
    row, so that equal windows give equal bits at every shift.
    """
    size = lanes(squares)
    if k == 3:  # plainly: 0.16 ns a pair for the whole kernel instead of 0.2
        for p in range(first, last):
            store(sums, p * size, load(squares, p * size) + load(squares, (p + 1) * size) + load(squares, (p + 2) * size))
        return
    for block in range(first - first % k, last, k):
        begin, end = max(block, first), min(block + k, last)
        suffix = splat(squares, 0.0)
        for p in range(block + k - 1, end - 1, -1):
            suffix = suffix + load(squares, p * size)
        for p in range(end - 1, begin - 1, -1):
            suffix = suffix + load(squares, p * size)
            store(sums, p * size, suffix)
        prefix = splat(squares, 0.0)
        for q in range(block + k, begin + k - 1):
            prefix = prefix + load(squares, q * size)
        for p in range(max(block + 1, begin), end):
            prefix = prefix + load(squares, (p + k - 1) * size)
            store(sums, p * size, load(sums, p * size) + prefix)


@inline_vector_kernel
def _sum_down(out, partial, a, b, c, first, last, cost):
    """partial = a + b and out = a + b + c, row by row; returns, lane by lane, the row's smallest out - cost."""
    size = lanes(out)
    gap = splat(out, np.inf)
    for p in range(first, last):
        at = p * size
        two = load(a, at) + load(b, at)
        distance = two + load(c, at)
        store(partial, at, two)
        store(out, at, distance)
        gap = smaller(distance - spread(out, cost, p), gap)
    return gap


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
            for at in range(p * plan.channels, (p + 1) * plan.channels):
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


@inline_vector_kernel
def weigh_row(row, y, dx, first, last, state, plan):
    """Turn a row of distances into weights, and add them and their values to the posterior of each pixel.

    The difference is taken before it is scaled: at s^2 = 1e-6 the rate is 5e5, and a rounded d * rate would be off by whole
    units. More than `reach` above its own pixel's best a candidate weighs exactly 0, whether or not its row is weighed.
    """
    size, channels, wrap = lanes(row), plan.channels, min(last, plan.width - dx)
    values = after(y, dx * size)
    for begin, end in ((first, wrap), (wrap, last)):
        for p in range(begin, end):
            below = spread(row, state.cost, p) - load(row, p * size)
            weight = keep_where(exp2(below, plan.base2_rate), below, -plan.reach)
            store(state.mass_by_lane, p * size, load(state.mass_by_lane, p * size) + weight)
            for channel in range(channels):
                at = (p * channels + channel) * size
                value = load(values, (channel * plan.width + p) * size)
                store(state.total_by_lane, at, muladd(weight, value, load(state.total_by_lane, at)))
        values = after(values, -plan.width * size)


@inline_vector_kernel
def _plane_row(q, dy, top, dx, left, right, x, y, image, bias, plan, scratch, state):
    """Take in row q - half of the plane of one shift; weigh the row of pixels p = q - k + 1, whose windows it completes.

    The shift (dy, dx) may explain the pixels from row `top` on, and in them those from column `left` to `right`.

    Down the rows as along them: blocks of k, a window being a suffix of one block and a prefix of the next. `blocks` holds
    the last k sums along rows; when a block is whole they become sums of all its rows from there on.
    """
    size, k, stride = lanes(y), plan.k, plan.width * lanes(y)
    j, p, row = q % k, q - k + 1, q - plan.half
    new = after(scratch.blocks, j * stride)
    if plan.circular or 0 <= row < plan.height:
        _square_row(scratch.squares, x, y, row, dy, dx, plan, bias)
        _sum_along_row(new, after(scratch.squares, -plan.half * size), left, right, k)
    else:
        for c in range(left, right):
            store(new, c * size, splat(y, 0.0))
    if k == 3:
        a, b, c = after(scratch.blocks, (j + 1) % 3 * stride), after(scratch.blocks, (j + 2) % 3 * stride), new
    else:
        a, b = (new, scratch.zeros) if j == 0 else (scratch.prefix, new)
        c = scratch.zeros if j == k - 1 else after(new, stride)
    here = from_pixel(state, max(p, top) * plan.width, plan, size)
    gap = _sum_down(scratch.row, scratch.prefix, a, b, c, left, right, here.cost)
    if p >= top and any_at_most(gap, plan.reach):
        if plan.track > 0 and any_at_most(gap, 0.0):
            index = (image * plan.height + wrapped(p + dy, plan.height)) * plan.width + dx
            pixels = plan.height * plan.width
            new_winners(scratch.row, here, left, right, index, pixels, plan.width - dx, plan.width)
        if any_below(gap, 0.0):
            new_minima(scratch.row, here, left, right, plan)
        ys = after(y, wrapped(p + dy, plan.height) * plan.channels * stride)
        weigh_row(scratch.row, ys, dx, left, right, here, plan)
    if j == k - 1 and k > 3:
        for _ in range(min(k - 2, q - top)):
            below, new = new, after(new, -stride)
            for at in range(left * size, right * size, size):
                store(new, at, load(new, at) + load(below, at))


@inline_vector_kernel
def from_pixel(state, pixel, plan, size):
    """The posterior of the pixels from this one on."""
    return State(
        after(state.cost, pixel),
        after(state.mass, pixel),
        after(state.total, pixel * plan.channels),
        after(state.winner, pixel * plan.track),
        after(state.mass_by_lane, pixel * size),
        after(state.total_by_lane, pixel * plan.channels * size),
    )


@inline_vector_kernel
def flush(lane_sums, sums, count):
    """Add the lanes to the float64 sums and clear them: float32 only ever adds up the terms of one group."""
    size = lanes(lane_sums)
    for i in range(count):
        sums[i] += sum_lanes(load(lane_sums, i * size))
        store(lane_sums, i * size, splat(lane_sums, 0.0))


@inline_vector_kernel
def lanes_of(row, group, begin, end):
    """A vector of 0 in the lanes whose image is one of begin..end, and inf in the others; `row` is room for it."""
    size = lanes(row)
    for lane in range(size):
        row[lane] = 0.0 if begin <= group * size + lane < end else np.inf
    return load(row, 0)


@vector_kernel
def local_kernel(x, packed, begin, end, rows, columns, plan, squares, blocks, lines, cost, mass, total, winner, mass_by_lane,
                 total_by_lane):  # fmt: skip
    """Every pixel's posterior over all groups of training images that hold any of begin..end, at all shifts.

    rows and columns are the shift tables of both axes (shifts.py); every other array is flat.
    """
    y, size = address(packed), lanes(address(packed))
    pixels = plan.height * plan.width
    scratch = scratch_of(squares, blocks, lines, plan)
    by_lane = aligned(mass_by_lane), aligned(total_by_lane)
    state = State(address(cost), address(mass), address(total), address(winner), *by_lane)
    for group in range(begin // size, (end + size - 1) // size):
        bias = lanes_of(scratch.row, group, begin, end)
        ys = after(y, group * pixels * plan.channels * size)
        all_shifts(rows, columns, address(x), ys, group * size, bias, plan, scratch, state)
        flush(state.mass_by_lane, state.mass, pixels)
        flush(state.total_by_lane, state.total, pixels * plan.channels)


@inline_vector_kernel
def scratch_of(squares, blocks, lines, plan):
    """The rows of one shift in three flat arrays."""
    lines, stride = aligned(lines), plan.width * lanes(address(lines))
    squares = after(aligned(squares), plan.half * lanes(address(squares)))
    return Scratch(squares, aligned(blocks), after(lines, stride), after(lines, 2 * stride), lines)


@inline_vector_kernel
def all_shifts(rows, columns, x, y, image, bias, plan, scratch, state):
    """Compare x with 16 training images at all shifts."""
    for i in range(len(rows)):
        dy, top, bottom = rows[i, 0], rows[i, 1], rows[i, 2]
        for j in range(len(columns)):
            dx, left, right = columns[j, 0], columns[j, 1], columns[j, 2]
            for q in range(top, bottom + plan.k - 1):
                _plane_row(q, dy, top, dx, left, right, x, y, image, bias, plan, scratch, state)
