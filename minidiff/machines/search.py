"""Skipping at low noise: candidates sorted by what their windows look like, so that each pixel only meets its like.

At low noise a pixel's posterior lives on the few candidates within a radius R of its window, where R^2 is the smallest distance
plus the reach. Any orthonormal directions e bound a distance from below: d >= sum of (e . X - a e . Y)^2. Three are taken, in
which windows of images differ most: the mean, the slope across and the slope down. They make a grid of cells;
`sort_windows` copies every candidate's window into its cell, and `search_kernel` lets each pixel walk outwards from its own
cell until the bound alone exceeds R^2. What it never meets would have weighed exactly 0, so the answer is that of
boxsum.py but for the order of the sums; distances have the same bits. A pixel reads only its own window, so locality is exact.

Lanes are candidates here, 16 sorted windows to a block. The bounds leave room for every rounding on the way, of distances, of
projections and of the cells' edges. Backgrounds need a word: in real digits 6 % of all windows are black throughout, so those
are kept once, with their number, and as many again are nearly black, true neighbours of every black pixel.

Only k = 3 and one channel: 9 numbers. At k = 5, or with three channels, a window is met in the time that box sums take for
20 candidates, and the detour did not pay. On digits at 16 x 16 and t = 0.05 a pixel meets 18 % of the candidates, 14 % lie within
its R, and the whole takes a third (circular) to a quarter (zeros) of the time of box sums.
"""

import math
from collections import namedtuple

import numba
import numpy as np

from ..jit import inline_vector_kernel, vector_kernel
from .boxsum import State, flush, from_pixel, lanes_of, new_minima, wrapped
from .simd import address, after, aligned, any_at_most, any_below, exp2, keep_where, lanes, load, min_lanes, muladd, splat, store

# Where the sorted windows lie, their candidates' numbers and how many each stands for, and where each cell's begin and end.
Cloud = namedtuple("Cloud", "windows values index copies first last")
# The grid: in each direction its lowest edge, the cells' width, 1 over that, and their number. Room for rounding: `margin` is
# the error of projections for values up to 1, `bound` the largest value, and `ease` a factor that no distance is off by.
Grid = namedtuple("Grid", "lowest step inverse bins margin ease bound")
# A lane without a candidate holds this: so far from everything that it weighs 0, and its square is still a number.
NOWHERE = 1e18


@inline_vector_kernel
def _inner(side, circular):
    """The pixels first..last of one axis that may all explain each other at k = 3; the rule is in windows.py."""
    return (0, side) if circular else (1, side - 1)


@inline_vector_kernel
def _source(packed, group, row, column, shape):
    """Where a pixel of 16 images lies among the packed ones; row and column at most one side off."""
    return ((group * shape[0] + wrapped(row, shape[0])) * shape[1] + wrapped(column, shape[1])) * lanes(packed)


@vector_kernel
def project(packed, groups, shape, circular, directions, shade, projected):
    """projected[axis, candidate] = directions[axis] . its window, candidates in the order (group, row, column, lane).

    projected[3] is 0 exactly for windows that are `shade`, the smallest or the largest value of all pixels, throughout.
    """
    y, out, size = address(packed), address(projected), lanes(address(packed))
    (top, bottom), (left, right) = _inner(shape[0], circular), _inner(shape[1], circular)
    many, at = groups * (bottom - top) * (right - left) * size, 0
    for group in range(groups):
        for row in range(top, bottom):
            for column in range(left, right):
                one, two, three, four = splat(y, 0.0), splat(y, 0.0), splat(y, 0.0), splat(y, 0.0)
                entry = 0
                for i in range(row - 1, row + 2):
                    for j in range(column - 1, column + 2):
                        value = load(y, _source(y, group, i, j, shape))
                        one = muladd(value, splat(y, directions[entry]), one)
                        two = muladd(value, splat(y, directions[9 + entry]), two)
                        three = muladd(value, splat(y, directions[18 + entry]), three)
                        four = four + (value - splat(y, shade))
                        entry += 1
                store(out, at, one)
                store(out, many + at, two)
                store(out, 2 * many + at, three)
                store(out, 3 * many + at, four)
                at += size


@inline_vector_kernel
def _beyond(place, cell, axis, grid):
    """How far a projection lies outside a cell, less the margin for rounding."""
    low = grid.lowest[axis] + cell * grid.step[axis]
    return max(max(low - place, place - low - grid.step[axis]) - grid.margin, 0.0)


@inline_vector_kernel
def _home(place, axis, grid):
    """The cell nearest to a projection; also for infinite ones, which no integer holds."""
    return int(min(max((place - grid.lowest[axis]) * grid.inverse[axis], 0.0), grid.bins - 1.0))


@vector_kernel
def choose_cells(projected, many, inner, count, size, grid, cell, first, last):
    """Each candidate's cell, -1 for those to leave out, and each cell's first place and one past the last.

    Cells that differ in the last direction only follow each other without a gap, and the next row of cells begins a new
    block, so that no block is met twice.
    """
    last[:] = 0
    bins = grid.bins
    shaded = False
    for at in range(0, many, size):
        for lane in range(size):
            cell[at + lane] = -1
            if at // inner * size + lane < count and not (shaded and projected[3 * many + at + lane] == 0):
                shaded = shaded or projected[3 * many + at + lane] == 0
                place = 0
                for axis in range(3):
                    place = place * bins + _home(float(projected[axis * many + at + lane]), axis, grid)
                cell[at + lane] = place
                last[place] += 1
    start = 0
    for one in range(bins**3):
        if one % bins == 0:
            start = (start + size - 1) // size * size
        first[one] = start
        start += last[one]
        last[one] = start


@vector_kernel
def sort_windows(packed, groups, count, shape, circular, shades, cell, first, windows, values, index, copies):
    """Copy every candidate's window to its cell's next place, which `first` counts on; windows is (blocks, 3, 3, lanes).

    values and index say which candidates they were, and copies how many: all windows of the shade stand where the first does.
    """
    size, at, shaded = lanes(address(packed)), 0, -1
    (top, bottom), (left, right) = _inner(shape[0], circular), _inner(shape[1], circular)
    places = np.empty(size, np.int64)
    for group in range(groups):
        held = min(size, count - group * size)
        for row in range(top, bottom):
            for column in range(left, right):
                centre = _source(address(packed), group, row, column, shape)
                for lane in range(held):
                    number, place = ((group * size + lane) * shape[0] + row) * shape[1] + column, -1
                    if cell[at + lane] >= 0:
                        place = first[cell[at + lane]]
                        first[cell[at + lane]] += 1
                        values[place], index[place] = packed[centre + lane], number
                        if shades[at + lane] == 0:
                            shaded = place
                    copies[shaded if place < 0 else place] += 1
                    if place < 0:
                        index[shaded] = min(index[shaded], number)
                    places[lane] = -1 if place < 0 else place // size * 9 * size + place % size
                for i in range(row - 1, row + 2):
                    for j in range(column - 1, column + 2):
                        source = _source(address(packed), group, i, j, shape)
                        for lane in range(held):
                            if places[lane] >= 0:
                                windows[places[lane]] = packed[source + lane]
                                places[lane] += size
                at += size


@inline_vector_kernel
def _three(pointer, x):
    return splat(pointer, x[0]), splat(pointer, x[1]), splat(pointer, x[2])


@inline_vector_kernel
def _squares(windows, x):
    """One row of three of 16 windows against three numbers; plain additions, as boxsum.py sums along rows."""
    size = lanes(windows)
    a, b, c = x[0] - load(windows, 0), x[1] - load(windows, size), x[2] - load(windows, 2 * size)
    return a * a + b * b + c * c


@inline_vector_kernel
def _meet(distance, room, values, numbers, copies, state, plan):
    """Let 16 candidates with their pixels, indices and copies into one pixel's posterior."""
    gap = distance - splat(room, state.cost[0])
    if any_at_most(gap, plan.reach):
        if any_at_most(gap, 0.0):
            store(room, 0, distance)
            if plan.track:
                _name_winner(room, numbers, state)
            if any_below(gap, 0.0):
                new_minima(room, state, 0, 1, plan)
        below = splat(room, state.cost[0]) - distance
        weight = keep_where(exp2(below, plan.speed), below, -plan.reach) * copies
        store(state.mass_by_lane, 0, load(state.mass_by_lane, 0) + weight)
        store(state.total_by_lane, 0, muladd(weight, values, load(state.total_by_lane, 0)))


@numba.njit(error_model="numpy", nogil=True)
def _name_winner(distances, numbers, state):
    """The number of the nearest, or the lowest of those as near; the cost is still the one before."""
    low = min_lanes(load(distances, 0))
    if low < state.cost[0]:
        state.winner[0] = np.iinfo(np.int64).max
    for lane in range(lanes(distances)):
        if distances[lane] == low:
            state.winner[0] = min(state.winner[0], numbers[lane])


@inline_vector_kernel
def _look(row, column, x, directions, seen, places, plan):
    """Write the window of x at a pixel to `seen` and its projections to `places`; returns its largest absolute value."""
    entry, largest = 0, 0.0
    places[0], places[1], places[2] = 0.0, 0.0, 0.0
    for i in range(row - 1, row + 2):
        for j in range(column - 1, column + 2):
            value = x[wrapped(i, plan.height) * plan.width + wrapped(j, plan.width)]
            seen[entry] = value
            largest = max(largest, abs(float(value)))
            places[0] += float(value) * directions[entry]
            places[1] += float(value) * directions[9 + entry]
            places[2] += float(value) * directions[18 + entry]
            entry += 1
    return largest


@inline_vector_kernel
def _rest(taken, grid, state, plan):
    """What remains of a pixel's R^2 when bounds have taken some of it; negative where nothing can be near enough."""
    return (float(state.cost[0]) + float(plan.reach)) * grid.ease - taken


@inline_vector_kernel
def _meet_row(cells, rest, seen, places, cloud, grid, room, state, plan):
    """Meet the candidates of one row of cells whose last projection is within sqrt(rest) of the pixel's."""
    size, radius = lanes(room), math.sqrt(rest) + grid.margin
    begin = cloud.first[cells * grid.bins + _home(places[2] - radius, 2, grid)]
    end = cloud.last[cells * grid.bins + _home(places[2] + radius, 2, grid)]
    above, here, below = _three(room, seen), _three(room, after(seen, 3)), _three(room, after(seen, 6))
    for block in range(begin // size, (end + size - 1) // size if end > begin else 0):
        windows, at = after(cloud.windows, block * 9 * size), block * size
        distance = _squares(windows, above) + _squares(after(windows, 3 * size), here)
        distance = distance + _squares(after(windows, 6 * size), below)
        _meet(distance, room, load(cloud.values, at), after(cloud.index, at), load(cloud.copies, at), state, plan)


@vector_kernel
def search_kernel(x, directions, windows, values, index, copies, first, last, grid, order, room, seen, plan,
                  cost, mass, total, winner, mass_by_lane, total_by_lane):  # fmt: skip
    """The posterior of every inner pixel over a shard's sorted windows, which are already times the signal.

    Along each direction the cells are visited upwards from the pixel's own, then downwards, until the bound is above what
    counts, which falls early on, since like cells come first.
    """
    by_lane = aligned(mass_by_lane), aligned(total_by_lane)
    posterior = State(address(cost), address(mass), address(total), address(winner), *by_lane)
    tables = address(windows), address(values), address(index), address(copies), address(first), address(last)
    cloud, places, size = Cloud(*tables), np.empty(3), lanes(address(x))
    for pixel in order:
        state = from_pixel(posterior, pixel, 1, size)
        largest = _look(pixel // plan.width, pixel % plan.width, address(x), address(directions), address(seen), places, plan)
        margin = grid.margin * (largest + grid.bound)
        cells = Grid(grid.lowest, grid.step, grid.inverse, grid.bins, margin, grid.ease, grid.bound)
        for one_step in (1, -1):
            one = _home(places[0], 0, cells) - (one_step < 0)
            while 0 <= one < grid.bins:
                taken = _beyond(places[0], one, 0, cells) ** 2
                if _rest(taken, cells, state, plan) < 0:
                    break
                for two_step in (1, -1):
                    two = _home(places[1], 1, cells) - (two_step < 0)
                    while 0 <= two < grid.bins:
                        rest = _rest(taken + _beyond(places[1], two, 1, cells) ** 2, cells, state, plan)
                        if rest < 0:
                            break
                        run = one * grid.bins + two
                        _meet_row(run, rest, address(seen), places, cloud, cells, aligned(room), state, plan)
                        two += two_step
                one += one_step
                flush(state.mass_by_lane, state.mass, 1)
                flush(state.total_by_lane, state.total, 1)


@vector_kernel
def border_kernel(x, packed, count, room, numbers, plan, cost, mass, total, winner, mass_by_lane, total_by_lane):
    """The posterior of every pixel whose window leaves the image, over its few candidates, window by window."""
    xs, y, size, row_room = address(x), address(packed), lanes(address(x)), aligned(room)
    by_lane = aligned(mass_by_lane), aligned(total_by_lane)
    posterior = State(address(cost), address(mass), address(total), address(winner), *by_lane)
    height, width, signal, once = plan.height, plan.width, splat(xs, plan.signal), splat(xs, 1.0)
    for group in range((count + size - 1) // size):
        bias = lanes_of(row_room, group, 0, count)
        for pixel in range(height * width):
            row, column = pixel // width, pixel % width
            inner_row, inner_column = 0 < row < height - 1, 0 < column < width - 1
            if inner_row and inner_column:
                continue
            state = from_pixel(posterior, pixel, 1, size)
            for u in range(1 if inner_row else row, height - 1 if inner_row else row + 1):
                for v in range(1 if inner_column else column, width - 1 if inner_column else column + 1):
                    distance = bias
                    for i in range(max(row - 1, 0), min(row + 2, height)):
                        along = splat(xs, 0.0)
                        for j in range(max(column - 1, 0), min(column + 2, width)):
                            value = load(y, _source(y, group, u + i - row, v + j - column, (height, width)))
                            difference = splat(xs, xs[i * width + j]) - signal * value
                            along = along + difference * difference
                        distance = distance + along
                    for lane in range(size):
                        numbers[lane] = ((group * size + lane) * height + u) * width + v
                    value = load(y, _source(y, group, u, v, (height, width)))
                    _meet(distance, row_room, value, address(numbers), once, state, plan)
            flush(state.mass_by_lane, state.mass, 1)
            flush(state.total_by_lane, state.total, 1)
