"""Training images: one set that comes with the package, others that are made from a seed, and readers for your own images.

Each of these functions returns a pair (images, labels). images is (N, H, W, C) float32 in [-1, 1], where -1 is black and 1 is
white. labels is (N,) int64, or None for a set without classes. Nothing is downloaded, and no pickle is loaded. matplotlib and
Pillow are imported by the functions that need them, and not by `import minidiff`.
"""

from .arrays import npy, npz
from .images import resize
from .loading import NAMES, load
from .made import digits, glyphs, photo, two_tone
from .readers import cifar10, class_names, folder, idx
from .ruled import colour_patterns, creatures, palette

__all__ = ["NAMES", "cifar10", "class_names", "colour_patterns", "creatures", "digits", "folder", "glyphs", "idx"]
__all__ += ["load", "npy", "npz", "palette", "photo", "resize", "two_tone"]
