"""The plain-loop kernels: the readable definition of every machine's posterior state.

Each kernel streams a shard of training images past one query and leaves the state of posterior.py behind it: cost, mass,
total and winner. They are serial and free of the GIL, so that threads or processes can each take a shard.
"""

import math

import numpy as np

from ..jit import inline_kernel, kernel


@inline_kernel
def _absorb(distance, value, index, rate, cutoff, g, cost, mass, total, winner):
    """Let one candidate, with its distance, value (D,) and index, enter the posterior of group g.

    A term is left out only where it is below exp(-cutoff) of this group's own running maximum, so that what one pixel
    sees never decides what another one counts.
    """
    gap = distance - cost[g]
    if gap < 0:
        # At rate = inf, and for the first candidate (cost = inf), this is exp(-inf) = 0: all before is forgotten.
        keep = math.exp(gap * rate)
        mass[g] = mass[g] * keep + 1
        for c in range(value.shape[0]):
            total[g, c] = total[g, c] * keep + value[c]
        cost[g] = distance
        winner[g] = index
    elif gap == 0:
        mass[g] += 1
        for c in range(value.shape[0]):
            total[g, c] += value[c]
        winner[g] = min(winner[g], index)
    elif gap * rate <= cutoff:
        weight = math.exp(-gap * rate)
        mass[g] += weight
        for c in range(value.shape[0]):
            total[g, c] += weight * value[c]


@inline_kernel
def _pad(image, scale, before, circular, out):
    """Write scale * image (H, W, C) into out (C, H', W') from (before, before) on; around it the torus, or zeros."""
    height, width, channels = image.shape
    for c in range(channels):
        for i in range(out.shape[1]):
            row = i - before
            if circular:
                row %= height
            for j in range(out.shape[2]):
                column = j - before
                if circular:
                    column %= width
                inside = 0 <= row < height and 0 <= column < width
                out[c, i, j] = scale * image[row, column, c] if inside else 0.0


@inline_kernel
def _squared_differences(query, other, shift, rows, columns, plane):
    """plane[i, j] = sum over channels of (query[i, j] - other[i + shift])^2, on the given ranges of rows and columns."""
    for i in range(rows[0], rows[1]):
        for c in range(query.shape[0]):
            for j in range(columns[0], columns[1]):
                difference = query[c, i, j] - other[c, i + shift[0], j + shift[1]]
                squared = difference * difference
                plane[i, j] = squared if c == 0 else plane[i, j] + squared


@inline_kernel
def _window_sums(plane, i, k, left, right, column, distance):
    """distance[j] = sum of plane over the k x k window whose corner is (i, j): down each column, then along the row.

    Only additions: taking the last value off a running sum would be k times cheaper and would lose, in float32, exactly
    the small differences between good candidates.
    """
    for j in range(left, right + k - 1):
        column[j] = plane[i, j]
    for o in range(1, k):
        for j in range(left, right + k - 1):
            column[j] += plane[i + o, j]
    for j in range(left, right):
        distance[j] = column[j]
    for o in range(1, k):
        for j in range(left, right):
            distance[j] += column[j + o]


@kernel
def local_shard(x, images, signal, rate, k, circular, row_shifts, column_shifts, cutoff, cost, mass, total, winner):
    """The state of every pixel of one query x (H, W, C) over images (N, H, W, C), each pixel seen through its k x k window.

    For one shift between query and training image the squared differences of all pixels are one plane, and every window's
    distance is a box sum over that plane (fast non-local means; NLM): 2 k additions a pixel instead of k^2.
    row_shifts and column_shifts are windows.shift_table; cost, mass (H W,), total (H W, C), winner (H W,) are written.
    """
    height, width, channels = x.shape
    d = k // 2
    query = np.empty((channels, height + 2 * d, width + 2 * d), x.dtype)
    # A torus is unrolled as far as the largest shift, so that no inner loop has to wrap.
    unrolled = (height - 1, width - 1) if circular else (0, 0)
    other = np.empty((channels, height + 2 * d + unrolled[0], width + 2 * d + unrolled[1]), x.dtype)
    plane = np.empty(query.shape[1:], x.dtype)
    column = np.empty(query.shape[2], x.dtype)
    distance = np.empty(width, x.dtype)
    _pad(x, x.dtype.type(1), d, circular, query)
    for n in range(images.shape[0]):
        _pad(images[n], signal, d, circular, other)
        for down, top, bottom in row_shifts:
            for across, left, right in column_shifts:
                _squared_differences(query, other, (down, across), (top, bottom + 2 * d), (left, right + 2 * d), plane)
                for i in range(top, bottom):
                    _window_sums(plane, i, k, left, right, column, distance)
                    row = i + down
                    if row >= height:
                        row -= height
                    for j in range(left, right):
                        u = j + across
                        if u >= width:
                            u -= width
                        index = (n * height + row) * width + u
                        _absorb(distance[j], images[n, row, u], index, rate, cutoff, i * width + j, cost, mass, total, winner)


@kernel
def ideal_shard(x, images, signal, rate, cutoff, cost, mass, total, winner):
    """The state of one query x (L,), seen whole, over images (N, L); cost, mass, winner (1,), total (1, L)."""
    for n in range(images.shape[0]):
        distance = x.dtype.type(0)
        for i in range(x.shape[0]):
            difference = x[i] - signal * images[n, i]
            distance += difference * difference
        _absorb(distance, images[n], n, rate, cutoff, 0, cost, mass, total, winner)


@inline_kernel
def _roll(image, down, across, out):
    """out[p] = image[p + (down, across)] on the torus."""
    height, width, channels = image.shape
    for i in range(height):
        for j in range(width):
            for c in range(channels):
                out[i, j, c] = image[(i + down) % height, (j + across) % width, c]


@kernel
def equivariant_shard(x, images, screened, bound, signal, rate, cutoff, cost, mass, total, winner):
    """The state of one query x (H, W, C), seen whole, over the translations on the torus of images (N, H, W, C).

    Only those translations count whose distance by FFT, screened (N, H, W) float64, is at most `bound`; their distances are
    computed anew, by differences.
    """
    height, width, channels = x.shape
    query = np.empty((channels, height, width), x.dtype)
    other = np.empty((channels, 2 * height - 1, 2 * width - 1), x.dtype)
    plane = np.empty((height, width), x.dtype)
    shifted = np.empty((height, width, channels), x.dtype)
    _pad(x, x.dtype.type(1), 0, True, query)
    for n in range(images.shape[0]):
        _pad(images[n], signal, 0, True, other)
        for down in range(height):
            for across in range(width):
                if screened[n, down, across] > bound:
                    continue
                _squared_differences(query, other, (down, across), (0, height), (0, width), plane)
                distance = plane.sum()
                # Most shifts weigh nothing, and rolling the image is the dear part.
                if distance <= cost[0] or (distance - cost[0]) * rate <= cutoff:
                    _roll(images[n], down, across, shifted)
                    index = (n * height + down) * width + across
                    _absorb(distance, shifted.ravel(), index, rate, cutoff, 0, cost, mass, total, winner)
