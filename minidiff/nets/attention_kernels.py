"""The Numba kernels of self-attention: the forward pass (`attention_forward`) and its gradients (`attention_backward`).

All sums are matrix products (`add_product`). Between them, each row of the scores goes through a softmax (`_softmax`) or a
choice of the best (`_best`).

The attention matrix is computed in tiles of a few rows, and each tile is overwritten by the next one, because whole matrices take
17 MB for a batch of 64 images of 16 x 16 pixels, and 270 MB for images of 32 x 32. The backward pass computes each tile again.

Shapes: B images, P pixels, D the attention width; P' and D' are these, rounded up to whole vectors, and filled up with zeros.
"""

import numpy as np

from ..jit import inline_kernel, kernel
from ..parallel import take
from .convolution_kernels import ONE, _exp
from .product_kernels import add_product, copy_rows

TILE = 16  # rows of the attention matrix at a time: 16 x 256 float32 (16 kB) fit into the fastest cache of a processor core


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


@kernel
def attention_forward(counters, q, k, v, wide, long, scale, hard, out, table):
    """out[p] = sum_j softmax_j(scale q_p . k_j) v_j; if `hard`, out[p] is the v_j of the best j; for the images that it takes.

    q, k, v, out (B, P, D); wide and long are D' and P'. The weights are written into table (B, P, P), unless it is (0, P, P).
    """
    batch, pixels, width = q.shape
    one = q.dtype.type(1)
    key_columns, values = np.zeros((width, long), q.dtype), np.zeros((pixels, wide), q.dtype)
    weights, sums = np.empty((TILE, long), q.dtype), np.empty((TILE, wide), q.dtype)
    half, bits = np.empty(pixels, q.dtype), np.empty(pixels, np.int32)
    b = take(counters)
    while b < batch:
        copy_rows(k[b].T, scale, key_columns)
        copy_rows(v[b], one, values)
        for first in range(0, pixels, TILE):
            rows = min(TILE, pixels - first)
            weights[:] = sums[:] = 0
            add_product(weights[:rows], rows, q[b, first:].reshape(-1), ONE, width, ONE, key_columns, width)
            for p in range(rows):
                if hard:
                    best = _best(weights[p, :pixels])
                    weights[p] = 0
                    weights[p, best] = 1
                else:
                    _softmax(weights[p, :pixels], half, bits)
            add_product(sums[:rows], rows, weights.reshape(-1), ONE, long, ONE, values, pixels)
            copy_rows(sums, one, out[b, first : first + rows])
            if len(table) > 0:
                copy_rows(weights, one, table[b, first : first + rows])
        b = take(counters)


@kernel
def attention_backward(counters, dout, q, k, v, wide, long, scale, hard, dq, dk, dv):
    """The gradients of `attention_forward`, written into dq, dk and dv, for the images that it takes; all arrays (B, P, D).

    With dA = dout v^T: dS = A (dA - sum_j A dA), and dq = scale dS k, dk = scale dS^T q, dv = A^T dout. If `hard`, they are
    straight-through gradients: dv uses the hard choice, and dS uses the softmax of the same scores.
    """
    batch, pixels, width = q.shape
    one = q.dtype.type(1)
    queries, keys, douts = np.zeros((pixels, wide), q.dtype), np.zeros((pixels, wide), q.dtype), np.zeros((pixels, wide), q.dtype)
    key_columns, value_columns = np.zeros((width, long), q.dtype), np.zeros((width, long), q.dtype)
    dkeys, dvalues = np.empty((pixels, wide), q.dtype), np.empty((pixels, wide), q.dtype)
    weights, dweights = np.zeros((TILE, long), q.dtype), np.zeros((TILE, long), q.dtype)
    sums, half, bits = np.empty((TILE, wide), q.dtype), np.empty(pixels, q.dtype), np.empty(pixels, np.int32)
    b = take(counters)
    while b < batch:
        copy_rows(q[b], scale, queries)
        copy_rows(k[b], scale, keys)
        copy_rows(dout[b], one, douts)
        copy_rows(k[b].T, scale, key_columns)
        copy_rows(v[b].T, one, value_columns)
        dkeys[:] = dvalues[:] = 0
        for first in range(0, pixels, TILE):
            rows, last = min(TILE, pixels - first), min(first + TILE, pixels)
            weights[:] = dweights[:] = sums[:] = 0
            add_product(weights[:rows], rows, q[b, first:].reshape(-1), ONE, width, ONE, key_columns, width)
            add_product(dweights[:rows], rows, dout[b, first:].reshape(-1), ONE, width, ONE, value_columns, width)
            for p in range(rows):
                if hard:
                    best = _best(weights[p, :pixels])
                    for d in range(width):
                        dvalues[best, d] += douts[first + p, d]
                _softmax(weights[p, :pixels], half, bits)
            if not hard:
                add_product(dvalues, pixels, weights.reshape(-1), ONE, ONE, long, douts[first:last], rows)
            for p in range(rows):
                mean = q.dtype.type(0)
                for j in range(pixels):
                    mean += weights[p, j] * dweights[p, j]
                for j in range(pixels):
                    dweights[p, j] = weights[p, j] * (dweights[p, j] - mean)
            add_product(dkeys, pixels, dweights.reshape(-1), ONE, ONE, long, queries[first:last], rows)
            add_product(sums[:rows], rows, dweights.reshape(-1), ONE, long, ONE, keys, pixels)
            copy_rows(sums, one, dq[b, first : first + rows])
        copy_rows(dkeys, one, dk[b])
        copy_rows(dvalues, one, dv[b])
        b = take(counters)
