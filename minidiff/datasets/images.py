"""What all sets share: functions that scale bytes to [-1, 1], resize images, make grey images colour, and read an image file."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import arguments
from ..types import Array, PathLike

MOST_SIDE = 4096


@contextmanager
def decoding(path: PathLike, expected: str) -> Iterator[None]:
    """Turn any error that a decoder raises on a damaged file into a ValueError of one line that names the file.

    Every Exception is caught, because decoders raise errors of many kinds: Pillow raises SyntaxError on a broken PNG file, zlib
    has an error of its own, and NumPy's reader of .npy headers raises tokenize.TokenError.
    """
    try:
        yield
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{path}: expected {expected}, got damaged or other data ({reason})") from error


def as_path(value: Any, name: str = "path") -> Path:
    """`value` as a Path; TypeError if it is neither a str nor a path, ValueError if it is empty."""
    if not isinstance(value, str | os.PathLike):
        raise TypeError(f"{name}: expected a path, got {value!r}")
    if not os.fspath(value):
        raise ValueError(f"{name}: expected a path, got ''")  # Path("") is the current folder
    return Path(value)


def existing_file(path: PathLike, expected: str) -> Path:
    """`path` as a Path; FileNotFoundError if nothing is there, ValueError if it is not a regular file."""
    path = as_path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: expected {expected}, got no such file")
    if not path.is_file():
        raise ValueError(f"{path}: expected {expected}, got {'a folder' if path.is_dir() else 'no regular file'}")
    return path


def image_side(size: int, least: int = 1) -> int:
    """`size` as an int, the side of a square image in pixels; TypeError or ValueError unless it lies in [least, 4096]."""
    return arguments.whole_number("size", size, least, MOST_SIDE)


def from_bytes(values: npt.ArrayLike) -> Array:
    """Bytes of any shape, scaled from [0, 255] to float32 in [-1, 1]; 0 becomes exactly -1, and 255 exactly 1."""
    images = np.array(values, dtype=np.float32, order="C")
    images /= np.float32(127.5)
    images -= np.float32(1)
    return images


def to_float(array: Array) -> Array:
    """An array as float32: bytes are scaled by `from_bytes`, floats keep their values."""
    return from_bytes(array) if array.dtype == np.uint8 else np.array(array, dtype=np.float32, order="C")


def to_colour(images: Array, name: str = "images") -> Array:
    """Images (..., 1) or (..., 3) as (..., 3): a grey channel is repeated three times; ValueError on other channels."""
    if images.shape[-1] not in (1, 3):
        raise ValueError(f"{name}: expected 1 or 3 channels for colour, got {images.shape[-1]}")
    return images if images.shape[-1] == 3 else np.repeat(images, 3, axis=-1)


def resize(images: Array, size: int) -> Array:
    """Resize images to size x size pixels, with Pillow's BOX filter if this halves both sides exactly, and else with BICUBIC.

    Images that are not square are cropped to the square in their middle first, so nothing is stretched. (If an odd number of rows
    or columns must go, the end loses one more than the beginning.)

    Bicubic interpolation overshoots at edges, so the result is clipped to [-1, 1]. When the digits grow from 8 to 16 pixels, this
    changes 28 % of their pixels, mostly background beside a stroke, by 0.05 on average and 0.33 at most. Rescaling the result
    would be another way, but it would change black and white pixels; clipping does not.

    Parameters
    ----------
    images : (N, H, W, C) or (H, W, C) float32 or float64 in [-1, 1]
    size : int from 1 to 4096

    Returns
    -------
    images : (N, size, size, C) or (size, size, C) float32 in [-1, 1]
        Always a copy.

    Raises ValueError or TypeError on another shape, dtype or range. It costs one call of Pillow per image and channel, about 15
    microseconds at 16 x 16. Its memory is that of the result.

    Examples
    --------
    >>> resize(np.ones((3, 32, 32, 1)), 16).shape
    (3, 16, 16, 1)
    """
    side = image_side(size)
    images = arguments.float_array("images", images, "(N, H, W, C) or (H, W, C)", (3, 4))
    if abs(images).max() > 1:
        raise ValueError(f"images: expected values in [-1, 1], got {images.min():g} to {images.max():g}")
    batch = _middle(np.asarray(images, dtype=np.float32)[(None,) * (4 - images.ndim)])
    batch = batch.copy() if batch.shape[1] == side else _resample(batch, side)
    return np.ascontiguousarray(batch.reshape(images.shape[:-3] + batch.shape[1:]))


def _middle(batch):
    """The largest square in the middle of (N, H, W, C) images."""
    height, width = batch.shape[1:3]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return batch[:, top : top + side, left : left + side]


def _resample(batch, side):
    from PIL import Image

    method = Image.Resampling.BOX if batch.shape[1] == 2 * side else Image.Resampling.BICUBIC
    result = np.empty((len(batch), side, side, batch.shape[3]), dtype=np.float32)
    for image, target in zip(batch, result, strict=True):
        for channel in range(batch.shape[3]):
            plane = Image.fromarray(np.ascontiguousarray(image[..., channel]))
            target[..., channel] = plane.resize((side, side), method)
    return np.clip(result, -1, 1, out=result)


def read_image(path: PathLike) -> Array:
    """One PNG or JPEG file as (H, W, 1) or (H, W, 3) float32 in [-1, 1].

    A transparent image is laid on black, and the EXIF orientation is applied. Files in a grey mode (1, 8 or 16 bits) give one
    channel. All others give three, also those with a palette. Raises OSError if the file cannot be opened, and ValueError if it
    is not an image.
    """
    from PIL import Image, ImageOps

    with open(path, "rb") as file:
        with decoding(path, "a PNG or JPEG image"):
            with Image.open(file, formats=("PNG", "JPEG")) as image:
                return _pixels(ImageOps.exif_transpose(image))


def _pixels(image):
    if image.mode.startswith("I"):
        # 16-bit grey: convert("L") would turn every value above 255 into white
        return from_bytes(np.asarray(image, dtype=np.float32)[..., None] / np.float32(257))
    base = "L" if image.mode in ("1", "L", "LA") else "RGB"
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        values = np.asarray(image.convert("RGBA"), dtype=np.float32)
        values = values[..., : 1 if base == "L" else 3] * values[..., 3:] / np.float32(255)
    else:
        values = np.asarray(image.convert(base), dtype=np.float32)
    return from_bytes(values.reshape(image.height, image.width, -1))
