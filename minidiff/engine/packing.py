"""The training set as the kernels read it: images side by side, as many as a vector has lanes."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .. import simd
from ..types import Array


def lanes_of(dtype: npt.DTypeLike) -> int:
    """How many numbers of a dtype a vector holds: 16 in float32, 8 in float64."""
    return simd.BYTES // np.dtype(dtype).itemsize


def aligned_empty(shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
    """An empty array whose address is a multiple of 64: a vector across two cache lines costs two loads (1.4 times the time)."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    space = np.empty(size + simd.BYTES, np.uint8)
    start = -space.ctypes.data % simd.BYTES
    return space[start : start + size].view(dtype).reshape(shape)


@dataclass(frozen=True)
class Packed:
    """Images as groups of 16 (8 in float64) side by side, (groups, H, C, W, lanes), and how many of them count."""

    groups: Array
    count: int

    @classmethod
    def of(cls, images: Array) -> "Packed":
        """Pack images (N, H, W, C). The last group is filled up with copies of the last image. Memory: that of the images."""
        count, height, width, channels = images.shape
        side = lanes_of(images.dtype)
        groups = -(-count // side)
        packed = aligned_empty((groups, height, channels, width, side), images.dtype)
        whole = count // side
        source = images[: whole * side].reshape(whole, side, height, width, channels)
        packed[:whole] = source.transpose(0, 2, 4, 3, 1)
        if whole < groups:
            rest = images[np.minimum(np.arange(whole * side, groups * side), count - 1)]
            packed[whole] = rest.transpose(1, 3, 2, 0)
        return cls(packed, count)

    def shard(self, start: int, stop: int) -> "Packed":
        """The images start..stop; start is a multiple of the lanes."""
        lanes = self.groups.shape[-1]
        return Packed(self.groups[start // lanes : -(-stop // lanes)], stop - start)
