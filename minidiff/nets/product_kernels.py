"""Matrix products for the kernels of the layers: one function, `add_product`, is the inner loop of all of them.

A convolution, its gradients and attention are sums of products. `add_product` reads the left factor with two strides, so the
windows of an image, or a transposed matrix, are read where they lie, and nothing is copied. The right factor and the result
have rows of whole vectors (simd.py), filled up with zeros.

*Speed.* The loop of a textbook loads two numbers for each multiplication. Here a tile of the result, 4 rows of two vectors,
stays in registers: 2 vectors and 4 numbers are loaded for 8 vector multiply-adds. This is as fast as a processor can multiply:
55 to 57 of 58 multiply-adds per nanosecond on one core with AVX-512, for 16 x 16 pixels and 32 channels.

*Bits.* Each number of the result is one sum, from the first product to the last, in every tile: its place changes no bit.
"""

import numba
import numpy as np

from .. import simd
from ..jit import ordered_kernel
from ..simd import address, after, lanes
from ..types import Array

_large, _narrow, _single = simd.product_tile(4, 2), simd.product_tile(4, 1), simd.product_tile(1, 1)


def whole_vectors(count: int, dtype: np.dtype) -> int:
    """The count, rounded up to whole vectors."""
    size = simd.BYTES // np.dtype(dtype).itemsize
    return -(-count // size) * size


@ordered_kernel
def add_product(out, a, across, along, b):
    """out[r, v] += sum_i a[r across + i along] b[i, v]; out (R, V), b (n, V), and V fills whole vectors."""
    rows, wide = out.shape
    to, left, right = address(out.reshape(-1)), address(a), address(b.reshape(-1))
    size = lanes(to)
    for v in range(0, wide, 2 * size):
        for r in range(0, rows - 3, 4):
            if v + size < wide:
                _large(after(to, r * wide + v), wide, after(left, r * across), across, along, after(right, v), len(b))
            else:
                _narrow(after(to, r * wide + v), wide, after(left, r * across), across, along, after(right, v), len(b))
        for r in range(rows // 4 * 4, rows):
            for u in range(v, min(v + 2 * size, wide), size):
                _single(after(to, r * wide + u), wide, after(left, r * across), across, along, after(right, u), len(b))


@ordered_kernel
def copy_rows(x, scale, out):
    """out[r, i] = scale x[r, i], for as many rows as out has, and where both have a column i.

    It is a loop, because for `out[:, :n] = x[:, :n]` Numba would compile the text of an error message for two seconds.
    """
    for row in range(len(out)):
        for i in range(min(x.shape[1], out.shape[1])):
            out[row, i] = scale * x[row, i]


if numba.config.DISABLE_JIT:

    def add_product(out: Array, a: Array, across: int, along: int, b: Array) -> None:
        """The same in NumPy, in the same order, as vectors cannot run in Python."""
        columns = np.lib.stride_tricks.as_strided(a, (len(b), len(out)), (along * a.itemsize, across * a.itemsize))
        for column, row in zip(columns, b, strict=True):
            out += column[:, None] * row
