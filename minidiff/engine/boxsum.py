"""The fast kernels of the local machines: box sums over planes of squared differences, 16 training images at a time.

Compare a query x with a training image y at one shift: the squared differences (x[q] - a y[q + shift])^2 of all pixels q
are one plane, and the distance between x's window at p and y's window at p + shift is the sum of that plane over the
window. Two neighbouring windows share nearly all their terms:

1. `four_squares` computes the plane, four neighbours at a time;
2. `_small_windows` (k = 1 and 3) sums it in registers, in strips of four columns from top to bottom; `_large_windows` sums
   rows over k neighbours, and those sums over k rows, and no window is ever summed term by term: distances;
3. `weigh` turns distances into weights exp(-(d - dmin) / (2 s^2)) and adds them to each pixel's posterior.

Every number above is a vector of 16 training images (8 in float64): image n is lane n % 16 of group n // 16, and `pack` lays
the training set out so. All lanes do the same work at any H, W and k, so nothing is padded but the last group, no value
ever moves between lanes, and one compiled kernel serves all sizes of one number of channels. One image takes as long as
16: queries as lanes would help there, but would need all loops a second time, for calls that are the shortest anyway.
"""

from collections import namedtuple

from ..jit import inline_vector_kernel, vector_helper, vector_kernel
from ..simd import (
    address,
    after,
    aligned,
    any_at_most,
    any_below,
    exp2,
    keep_where,
    lanes,
    load,
    load_four,
    muladd,
    smaller,
    splat,
    spread,
    store,
    store_four,
)
from .nearest import ONE, ZERO, bias_of, flush, new_minima, new_winners

# What stays the same for a whole task: `channels` is a tuple of as many entries, so that a kernel is compiled for each number of
# them, `beside` the same for what a pixel sees beside its window (beside.py): further channels, of which the window's middle
# counts alone; `across` is the width of a frame, `half` is k // 2, `base2_rate` the rate in powers of two, `reach` how far above
# its pixel's smallest distance a candidate still counts, and `track` how many winners a pixel has: none, one, one for each lane.
Plan = namedtuple("Plan", "height width channels beside k half across circular signal rate base2_rate reach track")
# Room to work in: the query `x` and a group of images `y`, both framed; `squares` of a row of the plane, sums along it in
# `blocks` of k rows and their `prefix`, and a row of zeros; `distances`, four by four, and which fours they are: `near`.
Scratch = namedtuple("Scratch", "x y squares blocks prefix distances zeros near")
# Every pixel's posterior: cost, mass, total and winner so far; `mass_by_lane` and `total_by_lane` are what this group adds.
State = namedtuple("State", "cost mass total winner mass_by_lane total_by_lane")


@inline_vector_kernel
def framed(row, column, plan):
    """Where a pixel of a frame lies, counted in pixels. On a torus a shift may lead below the frame, and comes in again above."""
    beyond = plan.height if row >= plan.height + plan.k - 1 else 0
    return (row - beyond) * depth(plan) * plan.across + column


@inline_vector_kernel
def depth(plan):
    """How many channels images have here, with those beside the windows."""
    return len(plan.channels) + len(plan.beside)


@inline_vector_kernel
def frame_image(out, image, size, plan):
    """Copy an image with `half` more on every side: zeros, which are there already, or on a torus the image again.

    Both are (row, channel, column), with `size` numbers a pixel. Then each window is inside the frame, at any allowed shift.
    """
    half, length, channels = plan.half, plan.width * size, depth(plan)
    around = half if plan.circular else 0
    for row in range(-around, plan.height + around):
        for channel in range(channels):
            source = after(image, (wrapped(row, plan.height) * channels + channel) * length)
            target = after(out, (framed(row + half, half, plan) + channel * plan.across) * size)
            for at in range(length):
                target[at] = source[at]
            if plan.circular:
                for at in range(length, (plan.across - half) * size):
                    target[at] = target[at - length]
                for at in range(-half * size, 0):
                    target[at] = target[at + length]


@inline_vector_kernel
def wrapped(index, side):
    """index modulo side, for an index at most one side off."""
    return index + (side if index < 0 else 0) - (side if index >= side else 0)


@inline_vector_kernel
def four_squares(x, y, bias, plan):
    """Four neighbours of a row of the plane: each `bias` plus the sum over channels of (x - a y)^2."""
    signal = splat(y, plan.signal)
    a = b = c = d = bias
    for channel in range(len(plan.channels)):
        xs, ys = after(x, channel * plan.across), after(y, channel * plan.across * lanes(y))
        a, b = _add_square(a, xs, ys, 0, signal), _add_square(b, xs, ys, 1, signal)
        c, d = _add_square(c, xs, ys, 2, signal), _add_square(d, xs, ys, 3, signal)
    return a, b, c, d


@inline_vector_kernel
def _add_square(before, x, y, column, signal):
    difference = splat(y, x[column]) - signal * load(y, column * lanes(y))
    return muladd(difference, difference, before)


@inline_vector_kernel
def _add_beside(d0, d1, d2, d3, p, column, dy, dx, plan, scratch):
    """Add (x - a y)^2 of what pixel (p, column) and the next three see beside their windows."""
    x = after(scratch.x, framed(p + plan.half, column + plan.half, plan))
    y = after(scratch.y, framed(p + plan.half + dy, column + plan.half + dx, plan) * lanes(scratch.y))
    signal = splat(scratch.y, plan.signal)
    for channel in range(len(plan.channels), depth(plan)):
        xs, ys = after(x, channel * plan.across), after(y, channel * plan.across * lanes(y))
        d0, d1 = _add_square(d0, xs, ys, 0, signal), _add_square(d1, xs, ys, 1, signal)
        d2, d3 = _add_square(d2, xs, ys, 2, signal), _add_square(d3, xs, ys, 3, signal)
    return d0, d1, d2, d3


@inline_vector_kernel
def note(d0, d1, d2, d3, cost, count, place, plan, scratch):
    """Write four distances as the fours number `count`, found at `place`; is any of them within reach of its pixel's cost?

    They are written before that is asked, and the next four overwrite those that are not near: a branch that is taken half of
    the time costs more. An odd number means: one is below the cost, or with winners, at most the cost.
    """
    gap = smaller(d0 - spread(scratch.y, cost, 0), d1 - spread(scratch.y, cost, 1))
    gap = smaller(smaller(d2 - spread(scratch.y, cost, 2), d3 - spread(scratch.y, cost, 3)), gap)
    store_four(scratch.distances, 4 * count, d0, d1, d2, d3)
    scratch.near[count] = 2 * place + (any_at_most(gap, 0.0) if plan.track > 0 else any_below(gap, 0.0))
    return any_at_most(gap, plan.reach)


@vector_helper
def _small_windows(dy, top, bottom, dx, left, right, image, bias, plan, scratch, state):
    """One shift for k = 1 or 3. It may explain the pixels from row `top` to `bottom` and from column `left` to `right`.

    Strip by strip, first all distances and then the weights of those that are near: in one loop with the distances, the
    weights take their registers (twice the time). `bias` is 0, or inf in lanes that hold no image of this shard.
    """
    for column in range(left, right, 4):
        if plan.k == 3:
            count = _strip(3, dy, top, bottom, dx, column, bias, plan, scratch, state)
        else:
            count = _strip(1, dy, top, bottom, dx, column, bias, plan, scratch, state)
        take_in(count, ONE, ZERO, column, column, min(column + 4, right), dy, dx, image, plan, scratch, state)


@inline_vector_kernel
def _strip(k, dy, top, bottom, dx, column, bias, plan, scratch, state):
    """Note the distances of four columns, from top to bottom; returns how many rows are near. Sums stay in registers."""
    size, count, length, first = lanes(scratch.y), 0, depth(plan) * plan.across, top + k - 1
    x, y = after(scratch.x, framed(top, column, plan)), after(scratch.y, framed(top + dy, column + dx, plan) * size)
    cost = after(state.cost, top * plan.width + column)
    a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = splat(scratch.y, 0.0)
    for q in range(top, bottom + k - 1):
        c0, c1, c2, c3 = four_squares(x, y, bias, plan)
        if k == 3:
            c4, c5, _, _ = four_squares(after(x, 4), after(y, 4 * size), bias, plan)
            c0, c1, c2, c3 = c0 + c1 + c2, c1 + c2 + c3, c2 + c3 + c4, c3 + c4 + c5
        p, sums = q - k + 1, (a0 + c0, a1 + c1, a2 + c2, a3 + c3)
        near = note(*_add_beside(*sums, max(p, top), column, dy, dx, plan, scratch), cost, count, p, plan, scratch)
        if k == 3:
            a0, a1, a2, a3 = b0 + c0, b1 + c1, b2 + c2, b3 + c3
            b0, b1, b2, b3 = c0, c1, c2, c3
        count += q >= first and near
        cost, x = after(cost, plan.width if q >= first else 0), after(x, length)
        y = after(y, (length - (plan.height * length if q + dy == plan.height + k - 2 else 0)) * size)
    return count


@vector_helper
def _large_windows(dy, top, bottom, dx, left, right, image, bias, plan, scratch, state):
    """The same for any k > 3, row by row of the plane.

    Cut the rows into blocks of k. A window is a suffix of one block and a prefix of the next, so with running sums from both
    ends of each block it costs three additions for any k. (A running sum over all rows that adds what enters and takes off
    what leaves costs two, but in float32 1e8 + 1 - 1e8 is 0.) Blocks, and fours, start at fixed places of the query, so that
    equal windows give equal bits at every shift.
    """
    size, k, stride = lanes(scratch.y), plan.k, (plan.width + 4) * lanes(scratch.y)
    for q in range(top, bottom + k - 1):
        j, p = q % k, q - k + 1
        x, y = after(scratch.x, framed(q, ZERO, plan)), after(scratch.y, framed(q + dy, dx, plan) * size)
        for column in range(left, right + k - 1, 4):
            a, b, c, d = four_squares(after(x, column), after(y, column * size), bias, plan)
            store_four(scratch.squares, column, a, b, c, d)
        new = after(scratch.blocks, j * stride)
        before, suffix = (scratch.zeros if j == 0 else scratch.prefix), (scratch.zeros if j == k - 1 else after(new, stride))
        cost, count = after(state.cost, p * plan.width), ZERO
        for column in range(left - left % 4, right, 4):
            c0, c1, c2, c3 = _sums_along_row(after(scratch.squares, column * size), k)
            a0, a1, a2, a3 = load_four(before, column)
            a0, a1, a2, a3 = a0 + c0, a1 + c1, a2 + c2, a3 + c3
            b0, b1, b2, b3 = load_four(suffix, column)
            store_four(new, column, c0, c1, c2, c3)
            store_four(scratch.prefix, column, a0, a1, a2, a3)
            if p >= top:
                sums = _add_beside(a0 + b0, a1 + b1, a2 + b2, a3 + b3, p, column, dy, dx, plan, scratch)
                count += note(*sums, after(cost, column), count, column, plan, scratch)
        take_in(count, ZERO, p, ZERO, left, right, dy, dx, image, plan, scratch, state)
        for _ in range(min(k - 2, q - top) if j == k - 1 else 0):  # the block is whole: sums of all its rows from each one on
            below, new = new, after(new, -stride)
            for at in range(left * size, right * size, size):
                store(new, at, load(new, at) + load(below, at))


@inline_vector_kernel
def _sums_along_row(squares, k):
    """The sums over k squares from each of four neighbours on: what all four share, and what some have at either end."""
    size = lanes(squares)
    shared = load(squares, 3 * size)
    for at in range(4 * size, k * size, size):
        shared = shared + load(squares, at)
    a, b, c, _ = load_four(squares, 0)
    d, e, f, _ = load_four(squares, k)
    return a + (b + c) + shared, (b + c) + shared + d, c + shared + (d + e), shared + (d + e + f)


@vector_helper
def take_in(count, down, p, column, left, right, dy, dx, image, plan, scratch, state):
    """Take noted distances into the posteriors. Places are rows of one column if they go `down`, else columns of row p."""
    size, height, width = lanes(scratch.y), plan.height, plan.width
    for i in range(count):
        place = scratch.near[i] // 2
        p, column = (place, column) if down else (p, place)
        first, last = max(column, left), min(column + 4, right)
        row = after(scratch.distances, (4 * i + first - column) * size)
        here = from_pixel(state, p * width + first, plan, size)
        if scratch.near[i] % 2:
            if plan.track > 0:
                index = (image * height + wrapped(p + dy, height)) * width + first + dx
                new_winners(row, here, 0, last - first, index, height * width, width - dx - first, width)
            new_minima(row, here, 0, last - first, plan)
        values = after(scratch.y, framed(p + plan.half + dy, first + plan.half + dx, plan) * size)
        weigh(row, values, last - first, here, plan)


@inline_vector_kernel
def weigh(row, values, count, state, plan):
    """Turn a row of distances into weights, and add them and their values to the posterior of each pixel.

    The difference is taken before it is scaled: at s^2 = 1e-6 the rate is 5e5, and a rounded d * rate would be off by whole
    units. More than `reach` above its own pixel's best a candidate weighs exactly 0, whether or not its row is weighed.
    """
    size, channels = lanes(row), len(plan.channels)
    for p in range(count):
        below = spread(row, state.cost, p) - load(row, p * size)
        weight = keep_where(exp2(below, plan.base2_rate), below, -plan.reach)
        store(state.mass_by_lane, p * size, load(state.mass_by_lane, p * size) + weight)
        for channel in range(channels):
            at = (p * channels + channel) * size
            value = load(values, (channel * plan.across + p) * size)
            store(state.total_by_lane, at, muladd(weight, value, load(state.total_by_lane, at)))


@inline_vector_kernel
def from_pixel(state, pixel, plan, size):
    """The posterior of the pixels from this one on."""
    return State(
        after(state.cost, pixel),
        after(state.mass, pixel),
        after(state.total, pixel * len(plan.channels)),
        after(state.winner, pixel * plan.track),
        after(state.mass_by_lane, pixel * size),
        after(state.total_by_lane, pixel * len(plan.channels) * size),
    )


@vector_kernel
def local_kernel(x, packed, begin, end, rows, columns, plan, room, frame, near, cost, mass, total, winner, mass_by_lane,
                 total_by_lane):  # fmt: skip
    """Every pixel's posterior over all groups of training images that hold any of begin..end, at all shifts.

    rows and columns are the shift tables of both axes (shifts.py); every other array is flat.
    """
    y, size = address(packed), lanes(address(packed))
    pixels = plan.height * plan.width
    scratch = scratch_of(x, room, frame, near, plan)
    by_lane = aligned(mass_by_lane), aligned(total_by_lane)
    state = State(address(cost), address(mass), address(total), address(winner), *by_lane)
    for group in range(begin // size, (end + size - 1) // size):
        bias = bias_of(scratch.distances, group, begin, end)
        ys = after(y, group * pixels * depth(plan) * size)
        all_shifts(rows, columns, ys, group * size, bias, plan, scratch, state)
        flush(state.mass_by_lane, state.mass, pixels)
        flush(state.total_by_lane, state.total, pixels * len(plan.channels))


@inline_vector_kernel
def scratch_of(x, room, frame, near, plan):
    """The query framed, and the other parts of the scratch in one flat array (handing.py: rooms_for)."""
    frame_image(address(frame), address(x), ONE, plan)
    zeros, size, stride = aligned(room), lanes(address(room)), (plan.width + 4) * lanes(address(room))
    prefix, blocks, squares = after(zeros, stride), after(zeros, 2 * stride), after(zeros, (plan.k + 2) * stride)
    distances = after(squares, (plan.across + 1) * size)
    y = after(distances, 4 * (plan.height + plan.width) * size)
    return Scratch(address(frame), y, squares, blocks, prefix, distances, zeros, address(near))


@inline_vector_kernel
def all_shifts(rows, columns, y, image, bias, plan, scratch, state):
    """Compare the query with 16 training images at all shifts."""
    frame_image(scratch.y, y, lanes(y), plan)
    for i in range(len(rows)):
        dy, top, bottom = rows[i, 0], rows[i, 1], rows[i, 2]
        for j in range(len(columns)):
            dx, left, right = columns[j, 0], columns[j, 1], columns[j, 2]
            if plan.k <= 3:
                _small_windows(dy, top, bottom, dx, left, right, image, bias, plan, scratch, state)
            else:
                _large_windows(dy, top, bottom, dx, left, right, image, bias, plan, scratch, state)
