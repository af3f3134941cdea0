"""The peak of this processor: how many vector multiply-adds one core can do. `minidiff bench` compares the kernels with it."""

import time

import numba
import numpy as np

from ..simd import BYTES, address, load, muladd, store


@numba.njit(nogil=True)
def _chains(numbers, rounds):
    """Ten chains of multiply-adds: while one chain waits some cycles for its last result, the others go on."""
    at = address(numbers)
    factor, term = load(at, 0), load(at, 16)
    a, b, c, d, e = term, factor, term, factor, term
    f, g, h, i, j = factor, term, factor, term, factor
    for _ in range(rounds):
        a, b, c = muladd(a, factor, term), muladd(b, factor, term), muladd(c, factor, term)
        d, e, f = muladd(d, factor, term), muladd(e, factor, term), muladd(f, factor, term)
        g, h, i, j = muladd(g, factor, term), muladd(h, factor, term), muladd(i, factor, term), muladd(j, factor, term)
    store(at, 0, a + b + c + d + e + f + g + h + i + j)


def multiply_adds(rounds: int = 3_000_000, repeats: int = 5) -> float:
    """Vector multiply-adds (of 64 bytes each) per nanosecond on one core: the best of a few runs; nan without JIT."""
    if numba.config.DISABLE_JIT:
        return float("nan")
    best = np.inf
    for attempt in range(repeats + 1):
        numbers = np.full(2 * BYTES // 4, 0.5, np.float32)
        started = time.perf_counter()
        _chains(numbers, rounds)
        if attempt > 0:  # the first compiles
            best = min(best, time.perf_counter() - started)
    return 10 * rounds / best / 1e9
