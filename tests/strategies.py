"""Bounded hypothesis strategies: small shapes, times away from the ends, and seeds for bulk numbers."""

from contextlib import nullcontext
from unittest.mock import patch

import numpy as np
from hypothesis import strategies as st

from minidiff import process, schedules
from minidiff.engine import backends

TIMES = st.floats(0.05, 0.95)
SEEDS = st.integers(0, 2**32 - 1)
SCHEDULES = st.sampled_from([schedules.cosine(), schedules.linear(), schedules.exponential(), schedules.flow()])


def training_set(seed, shape, dtype=np.float64):
    """Images in [-1, 1] of `shape` (N, H, W, C), each a smooth random pattern plus its own noise."""
    rng = np.random.default_rng(seed)
    return np.tanh(rng.standard_normal(shape) + rng.standard_normal((shape[0], 1, 1, 1))).astype(dtype)


def noised(images, t, schedule, seed, queries=2):
    """A batch of noised training images, in the images' dtype."""
    rng = np.random.default_rng(seed)
    return process.add_noise(images[rng.integers(len(images), size=queries)], t, schedule, rng=rng)


@st.composite
def small_shapes(draw, least=1, most=5, channels=3, count=4):
    """(N, H, W, C), square or not, with 1 channel or `channels`: some kernels are compiled for each number of channels."""
    sides = st.integers(least, most)
    return draw(st.integers(1, count)), draw(sides), draw(sides), draw(st.sampled_from(sorted({1, channels})))


@st.composite
def windowed_sets(draw, boundaries=("circular", "zeros"), channels=3):
    """A training set with a window and a boundary that fit it: (images, k, boundary)."""
    shape = draw(small_shapes(least=2, channels=channels))
    boundary = draw(st.sampled_from(boundaries))
    most = min(shape[1:3]) if boundary == "circular" else 2 * max(shape[1:3]) - 1
    k = 2 * draw(st.integers(0, (most - 1) // 2)) + 1
    return training_set(draw(SEEDS), shape), k, boundary


def float32_tolerance(nearest, s, span=2.0, c=10):
    """The rounding error of a softmax mean in float32: c eps32 of the range, times the size of the exponent that is rounded.

    The exponent d / (2 s^2) carries a relative error of a few eps32, so weights carry that much of it absolutely.
    """
    return c * np.finfo(np.float32).eps * span * (1 + float(np.max(nearest)) / (2 * s * s))


def answered_by(fast):
    """Within this block machines are answered by the engine's kernels, or all of them by theory.py as without JIT."""
    return nullcontext() if fast else patch.dict(backends.FAST, clear=True)
