"""The Numba kernels of a convolution with its activation: the forward pass (`conv_forward`) and its gradients (`conv_backward`).

*Windows.* A textbook copies each window of k x k pixels ("im2col"), k^2 copies of the image. But the k pixels of a row of a
window lie side by side in memory, k C numbers in a row, and windows of neighbouring pixels overlap there. So a row of the
output is a sum of k matrix products, one for each row of the windows, and each reads the windows where they lie in the padded
image. One call of `add_product` adds them all, for all rows of the output.

*Gradients.* The gradient of the image is a convolution of dout with the flipped kernel. That of the kernel is a product again: of
the same windows, transposed, with dout.

*Threads.* An image is a part of the work. For the gradient of the kernel, a sum over all images, the batch is split into a fixed
number of shards. Each shard has its own sums, and these are added in a fixed order afterwards: the bits are the same for
any number of threads.

*Speed.* For 16 x 16 pixels, 32 channels in and out and a 3 x 3 kernel, on one core with AVX-512, the products take 41 us and
the whole forward pass 44 us. At the processor's peak the products would take 41 us.

Shapes: B images, P pixels, C channels in, O channels out, k the side of a window; C' and O' are these, rounded up to whole
vectors.
"""

import math

import numpy as np

from ..jit import inline_kernel, kernel, ordered_kernel
from ..parallel import take
from .product_kernels import add_product, copy_rows

# Plain 1 is a constant to Numba, and a helper is compiled for each constant.
ONE = np.int64(1)
NONE, RELU, SILU = 0, 1, 2  # the function that is applied to the pixels before a convolution

# ln(2) = _HIGH + _LOW. _HIGH has 15 bits only, so its product with a whole number below 2^9 has no more than 24, and is exact.
_LOG2E = np.float32(math.log2(math.e))
_HIGH = np.float32(math.floor(math.log(2) * 2**15) / 2**15)
_LOW = np.float32(math.log(2) - float(_HIGH))
_LEAST = np.float32(-87)  # exp(-87.3) is the smallest normal float32
_TAYLOR = np.array([1 / math.factorial(n) for n in range(8)], dtype=np.float32)


# --- exp and the activations -----------------------------------------------------------------------------------------


@ordered_kernel
def _exp(x, bits):
    """x[i] <- exp(x[i]) in place, for x <= 0; `bits` is an int32 work array of the same length.

    In float32, exp(x) = 2^m exp(r) with r = x - m ln(2), |r| <= ln(2)/2. A Taylor polynomial of degree 7 gives exp(r), and 2^m is
    written into the exponent bits of a float. The compiler makes vector instructions of this (0.3 ns per number). With math.exp,
    every number would need a function call (3.5 ns).

    m ln(2) must not be rounded before it is taken off x: near -87 its last place is 8e-6, and the result would be off by half
    of that. So ln(2) is taken in two parts (Cody and Waite 1980). m _HIGH is exact, and so is x - m _HIGH: where m is not 0,
    both are multiples of 2^-25, and their difference is less than 2^-1. What is rounded, with u = 2^-24: r (u / 4); the sum 1 +
    r p, p = 1 + r / 2 + ... (2 u, measured against exp(r) >= 0.7); the series ends at r^8 / 8! (u / 8). Together at most 2.5 u.
    """
    if x.itemsize == 8:
        for i in range(len(x)):
            x[i] = math.exp(x[i])
        return
    powers = bits.view(np.float32)
    for i in range(len(x)):
        z = max(x[i], _LEAST)
        m = np.rint(z * _LOG2E)
        r = (z - m * _HIGH) - m * _LOW
        bits[i] = (np.int32(m) + np.int32(127)) << np.int32(23)
        tail = _TAYLOR[4] + r * (_TAYLOR[5] + r * (_TAYLOR[6] + r * _TAYLOR[7]))
        x[i] = _TAYLOR[0] + r * (_TAYLOR[1] + r * (_TAYLOR[2] + r * (_TAYLOR[3] + r * tail)))
    for i in range(len(x)):
        x[i] *= powers[i]


@inline_kernel
def _sigmoid(x, out, bits):
    """out[i] = 1 / (1 + exp(-x[i])), computed from exp(-|x[i]|), which cannot overflow."""
    one = x.dtype.type(1)  # a literal 1 is an int64, and the quotient would become float64
    for i in range(len(x)):
        out[i] = -abs(x[i])
    _exp(out, bits)
    for i in range(len(x)):
        top = one if x[i] >= 0 else out[i]
        out[i] = top / (one + out[i])


@inline_kernel
def _activate(x, activation, slopes, bits):
    """x <- act(x) in place, and slopes <- act'(x), all 1-d; `bits` is a work array. The slope of ReLU at 0 is 0."""
    zero, one = x.dtype.type(0), x.dtype.type(1)
    if activation == SILU:
        _sigmoid(x, slopes, bits)
        for i in range(len(x)):
            share = slopes[i]
            slopes[i] = share * (one + x[i] * (one - share))
            x[i] *= share
    elif activation == RELU:
        for i in range(len(x)):
            slopes[i] = one if x[i] > zero else zero
            x[i] = max(x[i], zero)
    else:
        for i in range(len(x)):
            slopes[i] = one


# --- convolution -----------------------------------------------------------------------------------------------------


@inline_kernel
def _pad(x, channels, width, margin, circular, padded):
    """padded <- the image x, C numbers a pixel, with a border, which wraps around or is left as it is; both are flat."""
    length, before = width * channels, margin * channels
    height, across = len(x) // length, length + 2 * before
    around = margin if circular else 0
    for y in range(-around, height + around):
        row, source = padded[(y + margin) * across :], x[y % height * length :]
        inside = row[before:]
        for i in range(length):
            inside[i] = source[i]
        if circular:
            # A margin may be wider than the image: the border then wraps around more than once.
            for i in range(before + length, across):
                row[i] = row[i - length]
            for i in range(before - 1, -1, -1):
                row[i] = row[i + length]


@kernel
def conv_forward(counters, x, width, matrix, k, bias, circular, activation, residual, out):
    """out = conv(act(x)) + bias (+ x if residual), for the images that it takes.

    x (B, P, C), P pixels in rows of `width`; matrix (k k C, O'); bias (B, O); out (B, P, O).
    """
    batch, pixels, channels = x.shape
    outputs, wide = out.shape[2], matrix.shape[1]
    across = (width + k - 1) * channels
    padded = np.zeros((pixels // width + k - 1) * across, x.dtype)
    slopes, bits = np.empty(padded.size, x.dtype), np.empty(padded.size, np.int32)
    scratch = np.zeros((pixels, wide), x.dtype)
    b = take(counters)
    while b < batch:
        _pad(x[b].reshape(-1), channels, width, k // 2, circular, padded)
        _activate(padded, activation, slopes, bits)  # act(0) = 0, so zeros around stay zeros
        source, sums = x[b], out[b] if outputs == wide else scratch
        for p in range(pixels):
            for c in range(outputs):
                sums[p, c] = bias[b, c] + source[p, c] if residual else bias[b, c]
        add_product(sums, width, padded, across, channels, ONE, matrix, k * channels)
        if outputs < wide:
            copy_rows(scratch, x.dtype.type(1), out[b])
        b = take(counters)


@kernel
def conv_backward(counters, dout, x, width, matrix, k, circular, activation, residual, dx, dmatrix, dbias):
    """The gradients of `conv_forward`, written into dx, dmatrix and dbias.

    Its parts are the shards, for dmatrix and dbias, and then single images, for dx. The small parts come last, so that threads
    end at about the same time.

    dout (B, P, O); x (B, P, C); matrix (k k O', C'), the kernel flipped and transposed; dx (B, P, C), or (0, P, C) if it is not
    needed; dmatrix (shards, k k C, O') and dbias (B, O), which hold zeros at first.
    """
    batch, pixels, channels = x.shape
    (shards, _, wide), outputs, margin, height = dmatrix.shape, dout.shape[2], k // 2, pixels // width
    across, dacross = (width + k - 1) * channels, (width + k - 1) * wide
    padded, dpadded = np.zeros((height + k - 1) * across, x.dtype), np.zeros((height + k - 1) * dacross, x.dtype)
    slopes, bits = np.empty(padded.size, x.dtype), np.empty(padded.size, np.int32)
    filled, sums = np.zeros((pixels, wide), x.dtype), np.zeros((pixels, matrix.shape[1]), x.dtype)
    part = take(counters)
    while part < shards + len(dx):
        whole = part < shards
        first = part * batch // shards if whole else part - shards
        last = (part + 1) * batch // shards if whole else first + 1
        for b in range(first, last):
            given = dout[b] if outputs == wide else filled
            if outputs < wide:
                copy_rows(dout[b], x.dtype.type(1), filled)
            _pad(x[b].reshape(-1), channels, width, margin, circular, padded)
            _activate(padded, activation, slopes, bits)
            if whole:
                for p in range(pixels):
                    for c in range(outputs):
                        dbias[b, c] += given[p, c]
                add_product(dmatrix[part], k * channels, padded, across, ONE, channels, given, width)
            else:
                _pad(given.reshape(-1), wide, width, margin, circular, dpadded)
                sums[:] = 0
                add_product(sums, width, dpadded, dacross, wide, ONE, matrix, k * wide)
                for p in range(pixels):
                    slope = slopes[(p // width + margin) * across + (p % width + margin) * channels :]
                    for c in range(channels):
                        dx[b, p, c] = slope[c] * sums[p, c] + (given[p, c] if residual else x.dtype.type(0))
        part = take(counters)
