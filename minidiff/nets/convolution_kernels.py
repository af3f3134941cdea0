"""The Numba kernels of a convolution with its activation: the forward pass (`conv_forward`) and its gradients (`conv_backward`).

The file also holds what attention_kernels.py shares with them: inner products (`_dots`), exp (`_exp`) and transposition.

*Inner products.* The forward pass and both gradients consist of inner products, and one function, `_dots`, computes them all, in
blocks of 4 x 4 with scalar variables. A loop for a single inner product would load two numbers for every multiplication, and
would spend its time on these loads; a block loads 8 numbers for 16 multiplications. Times for 16 x 16 pixels, 32 channels in and
out and a 3 x 3 kernel, on one core with AVX-512: 44 us for the inner products, and 52 us for a whole layer with activation, bias
and residual. Without activation, bias and residual, other methods take 59 us (im2col and one BLAS product), 64 us (nine BLAS
products of the shifted image) and 1,640 us (the loops of a textbook).

*Windows.* im2col copies each window, so it makes k^2 copies of the image. Here k copies are enough. In the array `tall`, a row of
pixels holds at each column the k pixels that are stacked there, k C numbers side by side. The window around a pixel then consists
of k neighbouring columns, which are k k C numbers in a row, and the windows of neighbouring pixels overlap in memory.

*Threads.* A batch is split into a fixed number of shards. Each shard has its own sums, and these are added in a fixed order
afterwards, so the result has the same bits for any number of threads.

Shapes: B images, H rows, W columns, C channels in, O channels out, k the side of a window.
"""

import math

import numpy as np

from ..jit import inline_kernel, kernel
from ..parallel import take

NONE, RELU, SILU = 0, 1, 2  # the function that is applied to the pixels before a convolution

_LOG2E = np.float32(math.log2(math.e))
_LN2 = np.float32(math.log(2))
_LEAST = np.float32(-87)  # exp(-87.3) is the smallest normal float32
_TAYLOR = np.array([1 / math.factorial(n) for n in range(8)], dtype=np.float32)


# --- inner products --------------------------------------------------------------------------------------------------


@inline_kernel
def _dots(runs, starts, rows, out):
    """out[p, o] = sum_i runs[starts[p] + i] rows[o, i]; out (P, O), rows (O, n), P and O multiples of 4."""
    zero = out.dtype.type(0)  # a literal 0 is an int64, and the sums would become float64
    n = rows.shape[1]
    for o in range(0, out.shape[1], 4):
        e = rows[o]
        f = rows[o + 1]
        g = rows[o + 2]
        h = rows[o + 3]
        for p in range(0, out.shape[0], 4):
            a = runs[starts[p] : starts[p] + n]
            b = runs[starts[p + 1] : starts[p + 1] + n]
            c = runs[starts[p + 2] : starts[p + 2] + n]
            d = runs[starts[p + 3] : starts[p + 3] + n]
            ae = af = ag = ah = zero
            be = bf = bg = bh = zero
            ce = cf = cg = ch = zero
            de = df = dg = dh = zero
            for i in range(n):
                ae += a[i] * e[i]
                af += a[i] * f[i]
                ag += a[i] * g[i]
                ah += a[i] * h[i]
                be += b[i] * e[i]
                bf += b[i] * f[i]
                bg += b[i] * g[i]
                bh += b[i] * h[i]
                ce += c[i] * e[i]
                cf += c[i] * f[i]
                cg += c[i] * g[i]
                ch += c[i] * h[i]
                de += d[i] * e[i]
                df += d[i] * f[i]
                dg += d[i] * g[i]
                dh += d[i] * h[i]
            out[p, o], out[p, o + 1], out[p, o + 2], out[p, o + 3] = ae, af, ag, ah
            out[p + 1, o], out[p + 1, o + 1], out[p + 1, o + 2], out[p + 1, o + 3] = be, bf, bg, bh
            out[p + 2, o], out[p + 2, o + 1], out[p + 2, o + 2], out[p + 2, o + 3] = ce, cf, cg, ch
            out[p + 3, o], out[p + 3, o + 1], out[p + 3, o + 2], out[p + 3, o + 3] = de, df, dg, dh


@inline_kernel
def _up_to_4(n):
    """n, rounded up to a multiple of 4."""
    return (n + 3) // 4 * 4


# --- exp and the activations -----------------------------------------------------------------------------------------


@inline_kernel
def _exp(x, bits):
    """x[i] <- exp(x[i]) in place, for x <= 0; `bits` is an int32 work array of the same length.

    In float32, exp(x) = 2^m exp(r) with |r| <= ln(2)/2. A Taylor polynomial of degree 7 gives exp(r), and 2^m is written into the
    exponent bits of a float. The compiler makes vector instructions of this (0.3 ns per number). With math.exp, every number
    would need a function call (3.5 ns).
    """
    if x.itemsize == 8:
        for i in range(len(x)):
            x[i] = math.exp(x[i])
        return
    powers = bits.view(np.float32)
    for i in range(len(x)):
        z = max(x[i], _LEAST)
        m = np.rint(z * _LOG2E)
        r = z - m * _LN2
        bits[i] = (np.int32(m) + np.int32(127)) << np.int32(23)
        tail = _TAYLOR[4] + r * (_TAYLOR[5] + r * (_TAYLOR[6] + r * _TAYLOR[7]))
        x[i] = _TAYLOR[0] + r * (_TAYLOR[1] + r * (_TAYLOR[2] + r * (_TAYLOR[3] + r * tail)))
    for i in range(len(x)):
        x[i] *= powers[i]


@inline_kernel
def _sigmoid(x, out, bits):
    """out[i] = 1 / (1 + exp(-x[i])), computed from exp(-|x[i]|), which cannot overflow."""
    one = x.dtype.type(1)
    for i in range(len(x)):
        out[i] = -abs(x[i])
    _exp(out, bits)
    for i in range(len(x)):
        top = one if x[i] >= 0 else out[i]
        out[i] = top / (one + out[i])


@inline_kernel
def _activate(x, activation, out, bits):
    """out = act(x), all 1-d."""
    zero = x.dtype.type(0)
    if activation == SILU:
        _sigmoid(x, out, bits)
        for i in range(len(x)):
            out[i] *= x[i]
    elif activation == RELU:
        for i in range(len(x)):
            out[i] = max(x[i], zero)
    else:
        for i in range(len(x)):
            out[i] = x[i]


@inline_kernel
def _slopes(x, activation, out, bits):
    """out = act'(x), all 1-d; the slope of ReLU at 0 is 0."""
    zero, one = x.dtype.type(0), x.dtype.type(1)
    if activation == SILU:
        _sigmoid(x, out, bits)
        for i in range(len(x)):
            out[i] *= one + x[i] * (one - out[i])
    elif activation == RELU:
        for i in range(len(x)):
            out[i] = one if x[i] > zero else zero
    else:
        for i in range(len(x)):
            out[i] = one


# --- convolution -----------------------------------------------------------------------------------------------------


@inline_kernel
def _pad(x, margin, circular, activation, padded, bits):
    """padded (H + 2 margin, W + 2 margin, C) <- act(x) (H, W, C) with a border, which wraps around or is zero."""
    height, width, channels = x.shape
    zero = x.dtype.type(0)
    for y in range(-margin, height + margin):
        row = padded[y + margin]
        if not circular and (y < 0 or y >= height):
            row[:] = zero
            continue
        _activate(x[y % height].reshape(-1), activation, row[margin : margin + width].reshape(-1), bits)
        for j in range(margin):
            # A margin may be wider than the image: the border then wraps around more than once, hence the % width.
            left, right = row[margin + (j - margin) % width], row[margin + j % width]
            for c in range(channels):
                row[j, c] = left[c] if circular else zero
                row[margin + width + j, c] = right[c] if circular else zero


@inline_kernel
def _stack(padded, first, tall):
    """tall[y, x, j] = padded[first + y + j, x]: the k pixels that are stacked at a column; tall (rows, W + k - 1, k, C)."""
    rows, columns, k, channels = tall.shape
    for y in range(rows):
        for x in range(columns):
            for j in range(k):
                source = padded[first + y + j, x]
                target = tall[y, x, j]
                for c in range(channels):
                    target[c] = source[c]


@inline_kernel
def _starts(rows, width, k, channels):
    """Where the window of each pixel of a tile begins in `tall`; zeros make the length a multiple of 4."""
    starts = np.zeros(_up_to_4(rows * width), np.int64)
    for y in range(rows):
        for x in range(width):
            starts[y * width + x] = (y * (width + k - 1) + x) * k * channels
    return starts


@inline_kernel
def _forward_images(x, matrix, bias, k, circular, activation, residual, tile, out):
    """`conv_forward` for the images of one shard."""
    _, height, width, channels = x.shape
    outputs = out.shape[3]
    padded = np.empty((height + k - 1, width + k - 1, channels), x.dtype)
    tall = np.empty((tile, width + k - 1, k, channels), x.dtype)
    starts = _starts(tile, width, k, channels)
    sums = np.empty((len(starts), matrix.shape[0]), x.dtype)
    bits = np.empty(width * channels, np.int32)
    for b in range(len(x)):
        _pad(x[b], k // 2, circular, activation, padded, bits)
        source = x[b].reshape(height * width, channels)
        target = out[b].reshape(height * width, outputs)
        for first in range(0, height, tile):
            _stack(padded, first, tall)
            _dots(tall.reshape(-1), starts, matrix, sums)
            for p in range(tile * width):
                q = first * width + p
                result, total, offset, kept = target[q], sums[p], bias[b], source[q]
                if residual:
                    for c in range(channels):
                        result[c] = total[c] + offset[c] + kept[c]
                else:
                    for c in range(outputs):
                        result[c] = total[c] + offset[c]


@kernel
def conv_forward(counters, x, matrix, bias, k, circular, activation, residual, tile, shards, out):
    """out = conv(act(x)) + bias (+ x if residual), for the images of the shards that it takes.

    x (B, H, W, C); matrix (O rounded up to a multiple of 4, k k C), each row in the order (column, row, channel); bias (B, O);
    out (B, H, W, O). `tile`, a divisor of H, is the number of rows that are computed at a time.
    """
    shard = take(counters)
    while shard < shards:
        first, last = shard * len(x) // shards, (shard + 1) * len(x) // shards
        _forward_images(x[first:last], matrix, bias[first:last], k, circular, activation, residual, tile, out[first:last])
        shard = take(counters)


@inline_kernel
def _transpose(x, out):
    """out (C, n) <- the transpose of x (n, C), four rows at a time: this is twice as fast as one row at a time."""
    n, channels = x.shape
    for p in range(0, n - 3, 4):
        e, f, g, h = x[p], x[p + 1], x[p + 2], x[p + 3]
        for c in range(channels):
            out[c, p], out[c, p + 1], out[c, p + 2], out[c, p + 3] = e[c], f[c], g[c], h[c]
    for p in range(n // 4 * 4, n):
        for c in range(channels):
            out[c, p] = x[p, c]


@inline_kernel
def _planes(padded, planes):
    """planes[c, j, y, x] = padded[y, x + j, c]: a plane for each channel and each column of the window."""
    _, k, height, width = planes.shape
    for y in range(height):
        for j in range(k):
            _transpose(padded[y, j : j + width], planes[:, j, y, :])


@inline_kernel
def _plane_starts(channels, k, height, width):
    """Where channel c, shifted by j columns and i rows, begins in `planes`, in the order (c, j, i).

    Zeros make the length a multiple of 4.
    """
    starts = np.zeros(_up_to_4(channels * k * k), np.int64)
    for p in range(channels * k * k):
        starts[p] = p // k * (height + k - 1) * width + p % k * width
    return starts


@inline_kernel
def _backward_images(dout, x, matrix, k, circular, activation, residual, tile, dx, dmatrix, dbias):
    """`conv_backward` for the images of one shard; dmatrix (C k k, O) and dbias (B, O) are added to."""
    _, height, width, channels = x.shape
    outputs = dout.shape[3]
    padded = np.empty((height + k - 1, width + k - 1, channels), x.dtype)
    planes = np.empty((channels, k, height + k - 1, width), x.dtype)
    plane_starts = _plane_starts(channels, k, height, width)
    given = np.zeros((_up_to_4(outputs), height * width), x.dtype)
    products = np.empty((len(plane_starts), len(given)), x.dtype)
    dpadded = np.empty((height + k - 1, width + k - 1, outputs), x.dtype)
    tall = np.empty((tile, width + k - 1, k, outputs), x.dtype)
    starts = _starts(tile, width, k, outputs)
    sums = np.empty((len(starts), matrix.shape[0]), x.dtype)
    bits = np.empty(height * width * max(channels, outputs), np.int32)
    for b in range(len(x)):
        dflat = dout[b].reshape(height * width, outputs)
        _transpose(dflat, given)
        for p in range(height * width):
            for c in range(outputs):
                dbias[b, c] += dflat[p, c]
        _pad(x[b], k // 2, circular, activation, padded, bits)
        _planes(padded, planes)
        _dots(planes.reshape(-1), plane_starts, given, products)
        for p in range(channels * k * k):
            for c in range(outputs):
                dmatrix[p, c] += products[p, c]
        if len(dx) == 0:
            continue
        _pad(dout[b], k // 2, circular, NONE, dpadded, bits)
        _slopes(x[b].reshape(-1), activation, dx[b].reshape(-1), bits)
        target = dx[b].reshape(height * width, channels)
        for first in range(0, height, tile):
            _stack(dpadded, first, tall)
            _dots(tall.reshape(-1), starts, matrix, sums)
            for p in range(tile * width):
                q = first * width + p
                slope, total, passed = target[q], sums[p], dflat[q]
                if residual:
                    for c in range(channels):
                        slope[c] = slope[c] * total[c] + passed[c]
                else:
                    for c in range(channels):
                        slope[c] *= total[c]


@kernel
def conv_backward(counters, dout, x, matrix, k, circular, activation, residual, tile, dx, dmatrix, dbias):
    """The gradients of `conv_forward`, written into dx, dmatrix and dbias, for the images of the shards that it takes.

    dx is a convolution of dout. dmatrix is made of inner products over all pixels of an image, for which each channel is copied
    into a plane of its own.

    dout (B, H, W, O); x (B, H, W, C); matrix (C rounded up to a multiple of 4, k k O), the kernel flipped and transposed; dx
    (B, H, W, C), or (0, H, W, C) if it is not needed; dmatrix (shards, C k k, O) and dbias (B, O), which hold zeros at first.
    """
    shards = len(dmatrix)
    shard = take(counters)
    while shard < shards:
        first, last = shard * len(x) // shards, (shard + 1) * len(x) // shards
        _backward_images(
            dout[first:last],
            x[first:last],
            matrix,
            k,
            circular,
            activation,
            residual,
            tile,
            dx[first:last],
            dmatrix[shard],
            dbias[first:last],
        )
        shard = take(counters)
