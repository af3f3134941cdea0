"""Matrix products for the kernels of the layers: one function, `add_product`, is the inner loop of all of them.

A convolution, its gradients and attention are sums of products. `add_product` reads the left factor with strides, so the
windows of an image, or a transposed matrix, are read where they lie, and nothing is copied. One call takes a whole image. The
right factor and the result have rows of whole vectors (simd.py), filled up with zeros.

*Speed.* The loop of a textbook loads two numbers for each multiplication. Here a tile of the result, 8 rows of two vectors,
stays in registers: 2 vectors and 8 numbers are loaded for 16 vector multiply-adds. This is as fast as a processor can
multiply: 56 of 58 multiply-adds per nanosecond on one core with AVX-512, for 16 x 16 pixels and 32 or 64 channels.

*Bits.* Each number of the result is one sum, from the first product to the last, in every tile: its place changes no bit.
"""

import numba
import numpy as np

from .. import simd
from ..jit import ordered_kernel
from ..simd import address, after, lanes
from ..types import Array

# Bytes of b that one tile after the other is made with: half of the fastest cache of a processor core.
CACHED = 2**14

_large, _middle = simd.product_tile(8, 2), simd.product_tile(4, 2)
_narrow, _single = simd.product_tile(4, 1), simd.product_tile(1, 1)


def whole_vectors(count: int, dtype: np.dtype) -> int:
    """The count, rounded up to whole vectors."""
    size = simd.BYTES // np.dtype(dtype).itemsize
    return -(-count // size) * size


@ordered_kernel
def add_product(out, rows, a, down, across, along, b, terms):
    """out[g R + r, v] += sum_(i, j) a[(g + i) down + r across + j along] b[i m + j, v], with R = `rows` and m = `terms`.

    out (G R, V), a flat, b (n m, V); V fills whole vectors. With G = n = 1 it is a matrix product. In a convolution each row of
    pixels is a group, and n = k, the rows of a window; the windows lie upon each other in a.
    """
    wide, count = out.shape[1], len(b) // terms
    to, left, right = address(out), address(a), address(b)
    size, block = lanes(to), max(1, CACHED // (terms * wide * out.itemsize))
    for begin in range(0, count, block):
        some = min(block, count - begin)
        for row in range(0, len(out), rows):
            for v in range(0, wide, 2 * size):
                above, below = after(left, (row // rows + begin) * down), after(right, begin * terms * wide + v)
                r = 0
                while r < rows:
                    target, source = after(to, (row + r) * wide + v), after(above, r * across)
                    pair, left_over = v + size < wide, rows - r
                    if pair and left_over >= 8:
                        _large(target, wide, source, down, across, along, below, some, terms)
                        r += 8
                    elif pair and left_over >= 4:
                        _middle(target, wide, source, down, across, along, below, some, terms)
                        r += 4
                    elif left_over >= 4:
                        _narrow(target, wide, source, down, across, along, below, some, terms)
                        r += 4
                    else:
                        for u in range(0, min(2 * size, wide - v), size):
                            _single(after(target, u), wide, source, down, across, along, after(below, u), some, terms)
                        r += 1


@ordered_kernel
def copy_rows(x, scale, out):
    """out[r, i] = scale x[r, i], for as many rows as out has, and where both have a column i.

    It is a loop, because for `out[:, :n] = x[:, :n]` Numba would compile the text of an error message for two seconds.
    """
    for row in range(len(out)):
        for i in range(min(x.shape[1], out.shape[1])):
            out[row, i] = scale * x[row, i]


if numba.config.DISABLE_JIT:

    def add_product(out: Array, rows: int, a: Array, down: int, across: int, along: int, b: Array, terms: int) -> None:
        """The same in NumPy, in the same order, as vectors cannot run in Python."""
        shape = len(b) // terms, terms, len(out) // rows, rows
        factors = np.lib.stride_tricks.as_strided(a, shape, [step * a.itemsize for step in (down, along, down, across)])
        for column, row in zip(factors.reshape(len(b), -1), b, strict=True):
            out += column[:, None] * row
