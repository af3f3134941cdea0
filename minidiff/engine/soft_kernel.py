"""The fast kernel of windows that fade out: weighted sums over planes of squared differences, as in boxsum.py.

The weight of a place is that of its row times that of its column. So a distance is a weighted sum along a row, and then over k of
these sums: 2 k multiply-adds for each pair. (Sums that all windows of a row share, as in boxsum.py, need equal weights.)
"""

from ..jit import inline_vector_kernel, vector_helper, vector_kernel
from ..simd import address, after, aligned, lanes, load_four, muladd, splat, store_four
from .boxsum import State, depth, four_squares, frame_image, framed, note, scratch_of, take_in
from .nearest import ZERO, bias_of, flush


@inline_vector_kernel
def _add_faded(sums, row, column, weight):
    """Four sums, and four neighbours times their weight."""
    (a, b, c, d), (e, f, g, h), factor = sums, load_four(row, column), splat(row, weight)
    return muladd(factor, e, a), muladd(factor, f, b), muladd(factor, g, c), muladd(factor, h, d)


@vector_helper
def _one_shift(dy, top, bottom, dx, left, right, image, bias, fading, plan, scratch, state):
    """One shift: rows of the plane are summed along, and the sums of the last k rows are kept, row q at place q % k.

    `bias` is added last: it may be inf, and the weight of a far place may be 0.
    """
    size, k, stride, zero = lanes(scratch.y), plan.k, (plan.width + 4) * lanes(scratch.y), splat(scratch.y, 0.0)
    for q in range(top, bottom + k - 1):
        x, y = after(scratch.x, framed(q, ZERO, plan)), after(scratch.y, framed(q + dy, dx, plan) * size)
        for column in range(left, right + k - 1, 4):
            a, b, c, d = four_squares(after(x, column), after(y, column * size), zero, plan)
            store_four(scratch.squares, column, a, b, c, d)
        p, new, count = q - k + 1, after(scratch.blocks, q % k * stride), ZERO
        for column in range(left - left % 4, right, 4):
            sums = (zero, zero, zero, zero)
            for i in range(k):
                sums = _add_faded(sums, scratch.squares, column + i, fading[i])
            store_four(new, column, *sums)
            if p >= top:
                sums = (bias, bias, bias, bias)
                for i in range(k):
                    sums = _add_faded(sums, after(scratch.blocks, (p + i) % k * stride), column, fading[i])
                count += note(*sums, after(state.cost, p * plan.width + column), count, column, plan, scratch)
        take_in(count, ZERO, p, ZERO, left, right, dy, dx, image, plan, scratch, state)


@vector_kernel
def soft_kernel(fading, x, packed, begin, end, rows, columns, plan, room, frame, near, cost, mass, total, winner, mass_by_lane,
                total_by_lane):  # fmt: skip
    """What `local_kernel` computes, for windows whose rows and columns weigh fading (k,)."""
    scratch, y, faded = scratch_of(x, room, frame, near, plan), address(packed), address(fading)
    by_lane, size, pixels = (aligned(mass_by_lane), aligned(total_by_lane)), lanes(scratch.y), plan.height * plan.width
    state = State(address(cost), address(mass), address(total), address(winner), *by_lane)
    for group in range(begin // size, (end + size - 1) // size):
        bias = bias_of(scratch.distances, group, begin, end)
        frame_image(scratch.y, after(y, group * pixels * depth(plan) * size), size, plan)
        for i in range(len(rows)):
            dy, top, bottom = rows[i, 0], rows[i, 1], rows[i, 2]
            for j in range(len(columns)):
                dx, left, right = columns[j, 0], columns[j, 1], columns[j, 2]
                _one_shift(dy, top, bottom, dx, left, right, group * size, bias, faded, plan, scratch, state)
        flush(state.mass_by_lane, state.mass, pixels)
        flush(state.total_by_lane, state.total, pixels * len(plan.channels))
