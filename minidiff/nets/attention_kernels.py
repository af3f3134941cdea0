"""The Numba kernels of self-attention: the forward pass (`attention_forward`) and its gradients (`attention_backward`).

Scores are weighted sums of rows (`_combine`), each row of them goes through a softmax (`_softmax`) or a choice of the best
(`_best`), and the output consists of inner products (`_dots`, of convolution_kernels.py).

The attention matrix is computed in tiles of a few rows, and each tile is overwritten by the next one, because whole matrices take
17 MB for a batch of 64 images of 16 x 16 pixels, and 270 MB for images of 32 x 32. The backward pass computes each tile again.

Numba's cache of this file does not notice a change in convolution_kernels.py. After such a change, remove __pycache__ or run with
MINIDIFF_CACHE=0.
"""

import numpy as np

from ..jit import inline_kernel, kernel
from ..parallel import take
from .convolution_kernels import _dots, _exp, _transpose, _up_to_4

TILE = 16  # rows of the attention matrix at a time: 16 x 256 float32 (16 kB) fit into the fastest cache of a processor core


@inline_kernel
def _combine(weights, runs, starts, out):
    """out[o, i] += sum_p weights[p, o] runs[starts[p] + i]; weights (P, O), out (O, n), P and O multiples of 4."""
    n = out.shape[1]
    for o in range(0, out.shape[0], 4):
        e = out[o]
        f = out[o + 1]
        g = out[o + 2]
        h = out[o + 3]
        for p in range(0, weights.shape[0], 4):
            a = runs[starts[p] : starts[p] + n]
            b = runs[starts[p + 1] : starts[p + 1] + n]
            c = runs[starts[p + 2] : starts[p + 2] + n]
            d = runs[starts[p + 3] : starts[p + 3] + n]
            ae, af, ag, ah = weights[p, o], weights[p, o + 1], weights[p, o + 2], weights[p, o + 3]
            be, bf, bg, bh = weights[p + 1, o], weights[p + 1, o + 1], weights[p + 1, o + 2], weights[p + 1, o + 3]
            ce, cf, cg, ch = weights[p + 2, o], weights[p + 2, o + 1], weights[p + 2, o + 2], weights[p + 2, o + 3]
            de, df, dg, dh = weights[p + 3, o], weights[p + 3, o + 1], weights[p + 3, o + 2], weights[p + 3, o + 3]
            for i in range(n):
                e[i] += ae * a[i] + be * b[i] + ce * c[i] + de * d[i]
                f[i] += af * a[i] + bf * b[i] + cf * c[i] + df * d[i]
                g[i] += ag * a[i] + bg * b[i] + cg * c[i] + dg * d[i]
                h[i] += ah * a[i] + bh * b[i] + ch * c[i] + dh * d[i]


@inline_kernel
def _softmax(x, half, bits):
    """x <- softmax(x) in place; `half` and `bits` are work arrays.

    The maximum is found in rounds: each one compares the first half of the numbers with the second half, and keeps the larger
    ones. In a simple loop every comparison would have to wait for the one before it.
    """
    n = (len(x) + 1) // 2
    for i in range(n):
        half[i] = max(x[i], x[len(x) - n + i])
    while n > 1:
        kept = (n + 1) // 2
        for i in range(n - kept):
            half[i] = max(half[i], half[kept + i])
        n = kept
    for i in range(len(x)):
        x[i] -= half[0]
    _exp(x, bits)
    total = x.dtype.type(0)
    for i in range(len(x)):
        total += x[i]
    for i in range(len(x)):
        x[i] /= total


@inline_kernel
def _best(x):
    """The index of the maximum; of several equal ones, the first."""
    best = 0
    for i in range(1, len(x)):
        if x[i] > x[best]:
            best = i
    return best


@inline_kernel
def _load(x, first, scale, rows, columns):
    """rows[p] = columns[:, p] = scale x[first + p], or zeros if there is no such pixel."""
    for p in range(len(rows)):
        inside = first + p < len(x)
        for d in range(x.shape[1]):
            rows[p, d] = scale * x[first + p, d] if inside else x.dtype.type(0)
            columns[d, p] = rows[p, d]


@inline_kernel
def _row_starts(rows, length):
    """Where each row of an array (rows, length) begins in memory."""
    return np.arange(rows) * length


@kernel
def attention_forward(counters, q, k, v, scale, hard, shards, out, table):
    """out[p] = sum_j softmax_j(scale q_p . k_j) v_j; if `hard`, out[p] is the v_j of the best j; for the shards that it takes.

    q, k, v, out (B, pixels, D). The weights are written into table (B, pixels, pixels), unless it is (0, pixels, pixels).
    """
    batch, pixels, width = q.shape
    wide = _up_to_4(width)
    shard = take(counters)
    while shard < shards:
        keys, values = np.zeros((wide, pixels), q.dtype), np.zeros((wide, pixels), q.dtype)
        rows, columns = np.zeros((TILE, wide), q.dtype), np.zeros((wide, TILE), q.dtype)
        weights, sums = np.empty((TILE, pixels), q.dtype), np.empty((TILE, wide), q.dtype)
        half, bits = np.empty(pixels, q.dtype), np.empty(pixels, np.int32)
        key_starts, tile_starts = _row_starts(wide, pixels), _row_starts(TILE, pixels)
        for b in range(shard * batch // shards, (shard + 1) * batch // shards):
            _transpose(k[b], keys)
            _transpose(v[b], values)
            for first in range(0, pixels, TILE):
                _load(q[b], first, scale, rows, columns)
                weights[:] = 0
                _combine(columns, keys.reshape(-1), key_starts, weights)
                for p in range(TILE):
                    if hard:
                        best = _best(weights[p])
                        weights[p] = 0
                        weights[p, best] = 1
                    else:
                        _softmax(weights[p], half, bits)
                _dots(weights.reshape(-1), tile_starts, values, sums)
                for p in range(min(TILE, pixels - first)):
                    out[b, first + p] = sums[p, :width]
                    if len(table) > 0:
                        table[b, first + p] = weights[p]
        shard = take(counters)


@kernel
def attention_backward(counters, dout, q, k, v, scale, hard, shards, dq, dk, dv):
    """The gradients of `attention_forward`, written into dq, dk and dv, for the shards that it takes; all arrays (B, pixels, D).

    With dA = dout . v: dS = scale A (dA - sum_j A dA), and dq = dS k, dk = dS^T q, dv = A^T dout. If `hard`, they are
    straight-through gradients: dv uses the hard choice, and dS uses the softmax of the same scores.
    """
    batch, pixels, width = q.shape
    wide = _up_to_4(width)
    shard = take(counters)
    while shard < shards:
        keys, values = np.zeros((wide, pixels), q.dtype), np.zeros((wide, pixels), q.dtype)
        dkeys, dvalues = np.empty((wide, pixels), q.dtype), np.empty((wide, pixels), q.dtype)
        rows, columns = np.zeros((TILE, wide), q.dtype), np.zeros((wide, TILE), q.dtype)
        drows, dcolumns = np.zeros((TILE, wide), q.dtype), np.zeros((wide, TILE), q.dtype)
        weights, dweights = np.empty((TILE, pixels), q.dtype), np.empty((TILE, pixels), q.dtype)
        sums, half, bits = np.empty((TILE, wide), q.dtype), np.empty(pixels, q.dtype), np.empty(pixels, np.int32)
        key_starts, tile_starts = _row_starts(wide, pixels), _row_starts(TILE, pixels)
        for b in range(shard * batch // shards, (shard + 1) * batch // shards):
            _transpose(k[b], keys)
            _transpose(v[b], values)
            dkeys[:] = 0
            dvalues[:] = 0
            for first in range(0, pixels, TILE):
                _load(q[b], first, scale, rows, columns)
                _load(dout[b], first, q.dtype.type(1), drows, dcolumns)
                weights[:] = 0
                dweights[:] = 0
                _combine(columns, keys.reshape(-1), key_starts, weights)
                _combine(dcolumns, values.reshape(-1), key_starts, dweights)
                for p in range(TILE):
                    if hard:
                        best = _best(weights[p])
                        for d in range(width):
                            dvalues[d, best] += drows[p, d]
                    _softmax(weights[p], half, bits)
                if not hard:
                    _combine(drows, weights.reshape(-1), tile_starts, dvalues)
                for p in range(TILE):
                    mean = q.dtype.type(0)
                    for j in range(pixels):
                        mean += weights[p, j] * dweights[p, j]
                    for j in range(pixels):
                        dweights[p, j] = weights[p, j] * (dweights[p, j] - mean)
                _combine(rows, dweights.reshape(-1), tile_starts, dkeys)
                _dots(dweights.reshape(-1), tile_starts, keys, sums)
                for p in range(min(TILE, pixels - first)):
                    for d in range(width):
                        dq[b, first + p, d] = scale * sums[p, d]
            _transpose(dkeys[:width], dk[b])
            _transpose(dvalues[:width], dv[b])
        shard = take(counters)
