"""The fast kernel of the ideal score: many queries against whole images.

An image is a row of numbers, and a vector holds 16 neighbours of one row (8 in float64). The training set passes by in blocks
that stay in the cache, and every block goes through three stages:

1. the squared distances to all queries, 4 queries and 4 images at a time: 16 sums in registers, so that 8 vectors are read
   for 16 terms, and not 32. They are sums of squared differences, or for queries far from all images (`by_products` in
   whole.py) |x|^2 - 2 a x.y + a^2 |y|^2;
2. for each query, the smallest distance so far, and the weights exp(-(d - dmin) / (2 s^2));
3. the weighted sums, 4 queries and 4 vectors of their pixels at a time.

Who shares a tile changes no addition: a query by itself, whose tiles are one query high, has the same bits.

Measured on one core at 3.7 GHz with AVX-512, 64 queries, per query and number of an image: 0.028 ns for the distances by
differences, 0.024 by products, and 0.023 for the weighted sum where all images count. 57 multiply-adds per ns are the limit of
that core, 0.0175 ns for each of these; one product by NumPy's BLAS takes 0.03.
"""

import math
from collections import namedtuple

import numpy as np

from ..jit import inline_vector_kernel, vector_kernel
from ..simd import (
    MANY_REGISTERS,
    add_wide,
    address,
    after,
    exp2,
    halved,
    keep_where,
    lanes,
    load,
    min_lanes,
    muladd,
    registers,
    smaller,
    splat,
    store,
    sum_lanes,
)

# How many queries and images, or queries and vectors, a tile has: its sums and what they are made of must fit in the registers.
TILE = (4, 4) if MANY_REGISTERS else (2, 2)
# A query alone reads one image after the other: memory gives one stream of numbers twice as fast as four beside each other.
# Its weighted sums are taken 4 vectors at a time, so that a row has at least so many.
VECTORS = 4
# How many squares a lane adds up in float32, and half as many as products. Beyond them float64 adds: in one float32 a distance of
# 900 would be off by 3e-5.
RUN = 16

# Of each query: a, r = 1 / (2 s^2), r in powers of two, how far above the smallest distance a candidate still counts, |x|^2, and
# whether its distances may be found by products.
Levels = namedtuple("Levels", "signal rate base2_rate reach length far")
# Room for one block: a times its pixels, distances and weights (query, image), and the images that weigh anything.
Scratch = namedtuple("Scratch", "scaled distances weights chosen")
State = namedtuple("State", "cost mass total winner")


def _distance_tile(queries, images, form):
    """A function for so many queries and images: distances[q, n] = the sum of (x_q[i] - a y_n[i])^2.

    form "differences"; "scaled", where y is a y already; or "products", |x|^2 - 2 a x.y + a^2 |y|^2 with float64 squares. Not
    fused, x - a * y is exactly 0 where x is a y.
    """
    sums, most = queries * images, 2 * RUN if form == "products" else RUN

    @inline_vector_kernel
    def tile(x, y, width, signal, lengths, length, distances, block):
        size, a = lanes(y), splat(y, signal)
        runs = (width + most * size - 1) // (most * size)
        run = (width // size + runs - 1) // runs * size
        total, part = registers(distances, sums), registers(y, sums)
        for i in range(sums):
            total[i] = splat(distances, 0.0)
        for begin in range(0, width, run):
            for i in range(sums):
                part[i] = splat(y, 0.0)
            for at in range(begin, min(begin + run, width), size):
                for q in range(queries):
                    seen = load(x, q * width + at)
                    for n in range(images):
                        pixels, i = load(y, n * width + at), q * images + n
                        if form == "products":
                            part[i] = muladd(seen, pixels, part[i])
                        else:
                            difference = seen - (pixels if form == "scaled" else a * pixels)
                            part[i] = muladd(difference, difference, part[i])
            for i in range(sums):
                total[i] = total[i] + halved(part[i])
        for q in range(queries):
            for n in range(images):
                found = sum_lanes(total[q * images + n])
                if form == "products":
                    found = length[q] + signal * (signal * lengths[n] - 2 * found)
                distances[q * block + n] = found

    return tile


_many_scaled, _one_difference = _distance_tile(*TILE, "scaled"), _distance_tile(1, 1, "differences")
_many_products, _one_product = _distance_tile(*TILE, "products"), _distance_tile(1, 1, "products")


@inline_vector_kernel
def _distances(x, y, lengths, queries, images, width, levels, scratch, block):
    """Stage 1: scratch.distances[q, n], and inf for n from `images` on."""
    size = lanes(y)
    q, scale = 0, np.nan
    while q < queries:
        signal, far, length, xs = levels.signal[q], levels.far[q], after(levels.length, q), after(x, q * width)
        distances, alike = after(scratch.distances, q * block), q + TILE[0] <= queries
        for other in range(q + 1, min(q + TILE[0], queries)):
            alike = alike and levels.signal[other] == signal and levels.far[other] == far
        if alike and not far and signal != scale:
            scale, a = signal, splat(y, signal)
            for at in range(0, images * width, size):
                store(scratch.scaled, at, a * load(y, at))
        tall, done = (TILE[0] if alike else 1), 0
        if alike and far:
            while done + TILE[1] <= images:
                ys, to = after(y, done * width), after(distances, done)
                _many_products(xs, ys, width, signal, after(lengths, done), length, to, block)
                done += TILE[1]
        elif alike:
            # The last tile reads beyond the images, where there is room.
            while done < images:
                ys, to = after(scratch.scaled, done * width), after(distances, done)
                _many_scaled(xs, ys, width, signal, lengths, length, to, block)
                done += TILE[1]
        for other in range(tall):
            seen, to, own = after(xs, other * width), after(distances, other * block), after(length, other)
            if far:
                for n in range(done, images):
                    _one_product(seen, after(y, n * width), width, signal, after(lengths, n), own, after(to, n), block)
            else:
                for n in range(done, images):
                    _one_difference(seen, after(y, n * width), width, signal, lengths, own, after(to, n), block)
        q += tall
    for q in range(queries):
        for n in range(images, block):
            scratch.distances[q * block + n] = np.inf


@inline_vector_kernel
def _weigh(q, images, first, width, levels, scratch, block, state):
    """Stage 2 for one query: lower the cost to the smallest distance, scale down what was weighed before, and weigh."""
    distances, weights = after(scratch.distances, q * block), after(scratch.weights, q * block)
    size = lanes(weights)
    lowest = load(distances, 0)
    for n in range(0, block, lanes(distances)):
        lowest = smaller(load(distances, n), lowest)
    low, old = min_lanes(lowest), state.cost[q]
    if low < old:
        # Before the first candidate nothing was weighed, and (d - inf) * rate is NaN at rate = 0.
        factor = math.exp((low - old) * levels.rate[q]) if old < np.inf else 0.0
        state.cost[q] = low
        state.mass[q] *= factor
        for i in range(q * width, (q + 1) * width):
            state.total[i] *= factor
        n = 0
        while distances[n] > low:
            n += 1
        state.winner[q] = first + n
    cost = state.cost[q]
    for n in range(block):
        weights[n] = cost - distances[n]
    mass = splat(weights, 0.0)
    for n in range(0, block, size):
        below = load(weights, n)
        weight = keep_where(exp2(below, levels.base2_rate[q]), below, -levels.reach[q])
        store(weights, n, weight)
        mass = mass + weight
    state.mass[q] += sum_lanes(mass)


def _sum_tile(queries, vectors):
    """A function for so many queries and vectors of pixels: stage 3, total[q, i] += the sum over n of weights[q, n] y_n[i].

    Only images that weigh anything for any of these queries are read, which are few at low noise.
    """
    sums = queries * vectors

    @inline_vector_kernel
    def tiles(weights, block, y, images, width, chosen, total):
        size, count = lanes(y), 0
        for n in range(images):
            largest = weights[n]
            for q in range(1, queries):
                largest = max(largest, weights[q * block + n])
            if largest > 0:
                chosen[count] = n
                count += 1
        part = registers(y, sums)
        for begin in range(0, width if count > 0 else 0, vectors * size):
            # The last tile reaches back, and adds only what is new.
            first = min(begin, width - vectors * size)
            for i in range(sums):
                part[i] = splat(y, 0.0)
            for at in range(count):
                n = chosen[at]
                for v in range(vectors):
                    pixels = load(y, n * width + first + v * size)
                    for q in range(queries):
                        part[q * vectors + v] = muladd(splat(y, weights[q * block + n]), pixels, part[q * vectors + v])
            for q in range(queries):
                for v in range(vectors):
                    if first + v * size >= begin:
                        add_wide(total, q * width + first + v * size, part[q * vectors + v])

    return tiles


_many_sums, _one_sums = _sum_tile(*TILE), _sum_tile(1, VECTORS)


@vector_kernel
def ideal_kernel(x, images, lengths, count, width, block, signal, rate, base2_rate, reach, length, far, scaled, distances,
                 weights, chosen, cost, mass, total, winner):  # fmt: skip
    """The posterior of queries that are rows of x over the first `count` rows of `images`; all arrays are flat.

    Written: cost, mass and winner (B,), total (B, width).
    """
    xs, ys, ns, queries = address(x), address(images), address(lengths), len(signal)
    levels = Levels(address(signal), address(rate), address(base2_rate), address(reach), address(length), address(far))
    scratch = Scratch(address(scaled), address(distances), address(weights), address(chosen))
    state = State(address(cost), address(mass), address(total), address(winner))
    for first in range(0, count, block):
        y, here = after(ys, first * width), min(block, count - first)
        _distances(xs, y, after(ns, first), queries, here, width, levels, scratch, block)
        for q in range(queries):
            _weigh(q, here, first, width, levels, scratch, block, state)
        q = 0
        while q < queries:
            weights, total = after(scratch.weights, q * block), after(state.total, q * width)
            if q + TILE[0] <= queries:
                _many_sums(weights, block, y, here, width, scratch.chosen, total)
                q += TILE[0]
            else:
                _one_sums(weights, block, y, here, width, scratch.chosen, total)
                q += 1


@vector_kernel
def distances_kernel(x, images, queries, count, width, block, ones, far, scaled, room, chosen, out):
    """Stage 1 alone: out[q, n] (queries, count) float64, the squared distance of row q of x to row n of `images`; all flat."""
    xs, ys, to = address(x), address(images), address(out)
    one, part = address(ones), address(room)
    levels, scratch = Levels(one, one, one, one, part, address(far)), Scratch(address(scaled), part, one, address(chosen))
    for first in range(0, count, block):
        here = min(block, count - first)
        _distances(xs, after(ys, first * width), part, queries, here, width, levels, scratch, block)
        for q in range(queries):
            for n in range(here):
                to[q * count + first + n] = part[q * block + n]
