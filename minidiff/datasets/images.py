"""What all sets share: functions that scale bytes to [-1, 1], resize images and make grey images colour; and checks of files."""

import math
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import arguments, files
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
    except files.TooLarge:
        raise
    except Exception as error:
        raise ValueError(f"{path}: expected {expected}, got damaged or other data ({arguments.words_of(error)})") from error


def existing_file(path: PathLike, expected: str) -> Path:
    """`path` as a Path; FileNotFoundError if nothing is there, ValueError if it is not a regular file."""
    path = files.as_path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: expected {expected}, got no such file")
    if not path.is_file():
        raise ValueError(f"{path}: expected {expected}, got {'a folder' if path.is_dir() else 'no regular file'}")
    return path


def image_side(size: int, least: int = 1) -> int:
    """`size` as an int, the side of a square image in pixels; TypeError or ValueError unless it lies in [least, 4096]."""
    return arguments.whole_number("size", size, least, MOST_SIDE)


def doubt(message: str) -> None:
    """Warn once that files can be read in a way that is probably not meant; the warning names the caller's line, not ours."""
    frame, level = sys._getframe(1), 2
    while frame.f_back and frame.f_globals.get("__name__", "").startswith("minidiff."):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, UserWarning, stacklevel=level)


def doubt_dark(where: Any, images: Array) -> None:
    """Say so if the lightest pixel of all images is almost black: so are masks of 0 and 1, and 12 bits in files of 16.

    The limit, -0.85, is byte 19 of 255. Images that are entirely black are plain black on purpose.
    """
    if -1 < (lightest := images.max()) < -0.85:
        doubt(
            f"{where}: expected images from black (-1) to white (1), got none lighter than {arguments.exact(lightest)}; "
            "hint: masks of 0 and 1 need 255 * array"
        )


def check_room(shape: Sequence[int]) -> None:
    """ValueError if float32 images of this shape take more than half of this computer's memory; a machine copies them."""
    needed, held = 4 * math.prod(shape), files.memory()
    if needed > held / 2:
        raise ValueError(
            f"images: expected a set that fits into half of this computer's {held / 2**30:.3g} GiB, got shape {tuple(shape)}, "
            f"which takes {needed / 2**30:.3g} GiB; hint: a smaller size= (--size) or count= (--count)"
        )


def from_bytes(values: npt.ArrayLike) -> Array:
    """Bytes of any shape, scaled from [0, 255] to float32 in [-1, 1]; 0 becomes exactly -1, and 255 exactly 1."""
    check_room(np.shape(values))
    images = np.array(values, dtype=np.float32, order="C")
    images /= np.float32(127.5)
    images -= np.float32(1)
    return images


def to_float(array: Array) -> Array:
    """An array as float32: bytes are scaled by `from_bytes`, floats keep their values."""
    if array.dtype == np.uint8:
        return from_bytes(array)
    check_room(array.shape)
    return np.array(array, dtype=np.float32, order="C")


def finished(where: PathLike, values: Array, labels: Array | None) -> tuple[Array, Array | None]:
    """(images, labels) as readers return them: values as float32, with a warning if all images are almost black."""
    images = to_float(values)
    doubt_dark(where, images)
    return images, labels


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
    if images.min() < -1 or images.max() > 1:
        raise ValueError(f"images: expected values in [-1, 1], got {arguments.value_range(images)}")
    batch = np.asarray(images, dtype=np.float32)[(None,) * (4 - images.ndim)]
    result = resized(batch, side)
    return result.reshape(images.shape[:-3] + result.shape[1:])


def resized(batch: Array, side: int) -> Array:
    """Images (N, H, W, C), of bytes or of floats in [-1, 1], as float32 of this side; they are scaled in small parts."""
    shape = (len(batch), side, side, batch.shape[3])
    check_room(shape)
    rows, columns = middle(*batch.shape[1:3])
    if min(batch.shape[1:3]) == side:
        return to_float(batch[:, rows, columns])
    result = np.empty(shape, dtype=np.float32)
    # In parts of about a million numbers: all images at their own size may not fit into memory.
    step = max(1, 2**20 // math.prod(batch.shape[1:]))
    for start in range(0, len(batch), step):
        part = to_float(batch[start : start + step, rows, columns])
        for image, target in zip(part, result[start : start + step], strict=True):
            for channel in range(shape[3]):
                target[..., channel] = resample(np.ascontiguousarray(image[..., channel]), side)
    return np.clip(result, -1, 1, out=result)


def middle(height: int, width: int) -> tuple[slice, slice]:
    """The rows and the columns of the largest square in the middle."""
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return slice(top, top + side), slice(left, left + side)


def resample(plane: Array, side: int) -> Array:
    """One channel of a square image, (H, H) float32, at this side; a cubic overshoots, so the result is not clipped yet."""
    from PIL import Image

    if len(plane) == side:  # as it is, not through a filter
        return plane
    method = Image.Resampling.BOX if len(plane) == 2 * side else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(plane).resize((side, side), method))
