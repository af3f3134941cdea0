"""The plain-loop kernels of the machine that pools evidence: a posterior state for every pair of pixel and training image.

The other machines fold all training images into one state a pixel; here each image keeps its own, so that its evidence at one
pixel can count at another. Everything is float64: strength times H W / k^2 multiplies every rounding error of a distance. All
long loops run over flat arrays from index 0, which is what lets the compiler use vectors: about 7 ns a pair of pixel, candidate
at 16 x 16 x 3, where the same sums by two indices and an offset took 20.
"""

import math

import numpy as np

from ..jit import inline_kernel, kernel

_LOG2E = 1 / math.log(2)
_TERMS = tuple(math.log(2) ** n / math.factorial(n) for n in range(14))


@inline_kernel
def _add(a, b, out):
    for i in range(out.shape[0]):
        out[i] = a[i] + b[i]


@inline_kernel
def _sum_of_three(values, step, out):
    """out[i] = values[i] + values[i + step] + values[i + 2 step]."""
    a, b, c = values, values[step:], values[2 * step :]
    for i in range(out.shape[0]):
        out[i] = a[i] + b[i] + c[i]


@inline_kernel
def _run_sums(values, other, step, k, out):
    """out[i] = values[i] + values[i + step] + ... (k terms, k odd), as far as out and they go; `other` is scratch.

    Three terms a pass: k = 9 is three threes. Short passes cost by their number, and doubling (1, 2, 4 ... terms) takes three for
    k = 3 and five for k = 9, 2.8 ns a pair instead of 1.1. Nothing is subtracted, so small distances keep their digits.
    """
    if k % 3 == 0 and k > 3:
        length = values.shape[0] - 2 * step
        _sum_of_three(values, step, other[:length])
        values, step, k = other[:length], 3 * step, k // 3
    complete = min(out.shape[0], values.shape[0] - (k - 1) * step)
    out = out[:complete]
    if k == 1:
        out[:] = values[:complete]
        return
    _sum_of_three(values, step, out)
    for taken in range(3, k, 2):
        a, b = values[taken * step :], values[(taken + 1) * step :]
        for i in range(complete):
            out[i] += a[i] + b[i]


@inline_kernel
def _squared_differences(query, values, signal, plane):
    """plane[p] = sum over channels of (query[c, p] - signal values[c, p])^2."""
    for c in range(query.shape[0]):
        x, y = query[c], values[c]
        if c == 0:
            for p in range(plane.shape[0]):
                difference = x[p] - signal * y[p]
                plane[p] = difference * difference
        else:
            for p in range(plane.shape[0]):
                difference = x[p] - signal * y[p]
                plane[p] += difference * difference


@inline_kernel
def _window_sums(plane, k, circular, rows, columns, tall, spare, distance):
    """distance[i, j] = sum of plane (H, W + 2d) over the k x k window around pixel (i, j), which is plane's (i, j + d).

    Plus rows[i] + columns[j], which are 0 or inf: inf for the pixels that may not take this shift.

    Above and below lies the torus, or zeros; plane is used up, and tall and spare (H + 2d, W + 2d) are scratch.
    """
    height, d = plane.shape[0], k // 2
    flat = plane.reshape(-1)
    _run_sums(flat, spare[: flat.shape[0]], 1, k, tall[d : d + height].reshape(-1))
    if circular:
        tall[:d] = tall[height : height + d]
        tall[d + height :] = tall[d : 2 * d]
    else:
        tall[:d] = 0
        tall[d + height :] = 0
    _run_sums(tall.reshape(-1), spare, plane.shape[1], k, flat)
    for i in range(height):
        row, target, more = plane[i], distance[i], rows[i]
        for j in range(target.shape[0]):
            target[j] = row[j] + columns[j] + more


@inline_kernel
def _lower(distances, lowest, old, speed, mass, total):
    """Lower each pixel's smallest distance to the least of distances (S, P), and scale down what was weighed before."""
    old[:] = lowest
    for s in range(distances.shape[0]):
        row = distances[s]
        for p in range(lowest.shape[0]):
            lowest[p] = min(lowest[p], row[p])
    for p in range(lowest.shape[0]):
        if lowest[p] < old[p] < np.inf:
            factor = math.exp((lowest[p] - old[p]) * speed)
            mass[p] *= factor
            for c in range(total.shape[0]):
                total[c, p] *= factor


@inline_kernel
def _weigh(distance, lowest, reach, speed, bits, powers, weight):
    """weight[p] = exp(-(distance[p] - lowest[p]) speed), or 0 where the gap is above reach; whether any is above 0.

    2^-z = 2^f 2^-m with m the whole number nearest to z, 2^f by a Taylor series, and m written into the exponent bits of a float:
    several at a time, where math.exp is a call for every number.
    """
    near = 0
    for p in range(distance.shape[0]):
        near += distance[p] - lowest[p] <= reach
    if near == 0:
        return False
    for p in range(distance.shape[0]):
        gap = distance[p] - lowest[p]
        z = min(gap, reach) * speed * _LOG2E
        m = np.int64(z + 0.5)
        f = m - z
        bits[p] = (1023 - m) << 52
        tail = _TERMS[9] + f * (_TERMS[10] + f * (_TERMS[11] + f * (_TERMS[12] + f * _TERMS[13])))
        tail = _TERMS[5] + f * (_TERMS[6] + f * (_TERMS[7] + f * (_TERMS[8] + f * tail)))
        tail = _TERMS[1] + f * (_TERMS[2] + f * (_TERMS[3] + f * (_TERMS[4] + f * tail)))
        weight[p] = _TERMS[0] + f * tail if gap <= reach else 0.0
    for p in range(distance.shape[0]):
        weight[p] *= powers[p]
    return True


@inline_kernel
def _accumulate(weight, values, mass, total):
    """mass += weight and total[c] += weight values[c]."""
    _add(mass, weight, mass)
    for c in range(total.shape[0]):
        row, value = total[c], values[c]
        for p in range(row.shape[0]):
            row[p] += weight[p] * value[p]


@inline_kernel
def _unroll(image, shifts, d, circular, unrolled):
    """unrolled[s, c] = channel c of image moved left by shift s on the torus, twice, one below the other: (2 H, W + 2d) flat.

    A shift down is then a slice. The d columns on either side hold the torus, or zeros: where zero padding lets u explain p, the
    padding of both windows coincides and nothing differs there.
    """
    height, width, channels = image.shape
    stride = width + 2 * d
    around = np.zeros((channels, height, 2 * width))
    for i in range(height):
        for j in range(width):
            for c in range(channels):
                around[c, i, j] = around[c, i, width + j] = image[i, j, c]
    for s in range(unrolled.shape[0]):
        for c in range(channels):
            for i in range(height):
                row = unrolled[s, c, i * stride : (i + 1) * stride]
                row[d : d + width] = around[c, i, shifts[s] : shifts[s] + width]
                for j in range(d):
                    row[j] = row[j + width] if circular else 0.0
                    row[d + width + j] = row[d + j] if circular else 0.0
            unrolled[s, c, height * stride :] = unrolled[s, c, : height * stride]


@kernel
def evidence_shard(x, images, signal, rate, k, circular, rows, row_bar, columns, column_bar, cutoff, cost, mass, total):
    """The state of every pixel of one query x (H, W, C) over each of images (N, H, W, C) by itself, through its k x k window.

    x and images are float64. rows and columns are the shifts round the torus, 0 first, which every pixel may take, so that no
    smallest distance is inf once something is weighed; row_bar (shifts, H) and column_bar (shifts, W) are 0 for who else may take
    them and inf for the others. Written: cost and mass (N, P), total (N, C, P).
    """
    height, width, channels = x.shape
    pixels, padded, d = height * width, height * (width + 2 * (k // 2)), k // 2
    shifts = columns.shape[0]
    query = np.empty((1, channels, 2 * padded))
    _unroll(x, np.zeros(1, np.int64), d, circular, query)
    # What is compared, and what is averaged.
    seen, values = np.empty((shifts, channels, 2 * padded)), np.empty((shifts, channels, 2 * pixels))
    plane, tall = np.empty((height, width + 2 * d)), np.empty((height + 2 * d, width + 2 * d))
    spare, old, weight, bits = np.empty(tall.size), np.empty(pixels), np.empty(pixels), np.empty(pixels, np.int64)
    powers = bits.view(np.float64)
    distances = np.empty((shifts, pixels))
    # A finite speed, because 0 * inf is nan: at s = 0 only candidates as near as the best are kept, at weight 1.
    speed, reach = min(rate, 1e300), cutoff / rate
    cost[:] = np.inf
    mass[:] = 0
    total[:] = 0
    for n in range(images.shape[0]):
        _unroll(images[n], columns, d, circular, seen)
        _unroll(images[n], columns, 0, circular, values)
        for r in range(rows.shape[0]):
            row = rows[r]
            for s in range(shifts):
                start = row * (width + 2 * d)
                _squared_differences(query[0, :, :padded], seen[s, :, start : start + padded], signal, plane.reshape(-1))
                distance = distances[s].reshape(height, width)
                _window_sums(plane, k, circular, row_bar[r], column_bar[s], tall, spare, distance)
            _lower(distances, cost[n], old, speed, mass[n], total[n])
            for s in range(shifts):
                if _weigh(distances[s], cost[n], reach, speed, bits, powers, weight):
                    _accumulate(weight, values[s, :, row * width : row * width + pixels], mass[n], total[n])


@kernel
def pool(evidence, attention, pooled):
    """pooled[n, p] = sum over q of attention[p, q] evidence[n, q], for evidence (N, P) and attention (P, P) given transposed.

    16 rows of attention at a time, which stay in cache while all images pass.
    """
    pooled[:] = 0
    for first in range(0, attention.shape[0], 16):
        for n in range(evidence.shape[0]):
            for q in range(first, min(first + 16, attention.shape[0])):
                here = evidence[n, q]
                for p in range(attention.shape[1]):
                    pooled[n, p] += here * attention[q, p]


@kernel
def nearest_places(x, images, signal, chosen, k, circular, row_shifts, column_shifts, place):
    """place[i, j] = the lowest index of those pixels of images[chosen[i, j]] whose windows are nearest to x's at (i, j)."""
    height, width, channels = x.shape
    d = k // 2
    for i in range(height):
        for j in range(width):
            image = images[chosen[i, j]]
            lowest = np.inf
            for down, top, bottom in row_shifts:
                for across, left, right in column_shifts:
                    if not (top <= i < bottom and left <= j < right):
                        continue
                    distance = 0.0
                    for y in range(-d, d + 1):
                        for z in range(-d, d + 1):
                            row, column = i + y, j + z
                            inside = circular or (0 <= row < height and 0 <= column < width)
                            # Where the query's window sees padding, so does that of every pixel that may explain it.
                            if inside:
                                u, v = (row + down) % height, (column + across) % width
                                for c in range(channels):
                                    difference = x[row % height, column % width, c] - signal * image[u, v, c]
                                    distance += difference * difference
                    index = (i + down) % height * width + (j + across) % width
                    if distance < lowest or (distance == lowest and index < place[i, j]):
                        lowest, place[i, j] = distance, index
