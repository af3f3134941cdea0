"""Training images: one set that is shipped, others that are made from a seed, and readers for people's own.

Every function returns a pair (images, labels): images (N, H, W, C) float32 in [-1, 1], -1 black and 1 white, and labels
(N,) int64, or None for a set without classes. Nothing is downloaded and nothing is unpickled. matplotlib and Pillow are
imported by the functions that need them, not by this package's import.
"""

from .arrays import npy, npz
from .images import resize
from .loading import NAMES, load
from .made import digits, glyphs, photo, two_tone
from .readers import cifar10, folder, idx
from .ruled import colour_patterns, creatures, palette

__all__ = [
    "NAMES",
    "cifar10",
    "colour_patterns",
    "creatures",
    "digits",
    "folder",
    "glyphs",
    "idx",
    "load",
    "npy",
    "npz",
    "palette",
    "photo",
    "resize",
    "two_tone",
]
