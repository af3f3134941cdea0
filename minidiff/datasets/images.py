"""What every set shares: bytes to [-1, 1], resizing, colour, and one image file into one array."""

import os
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from .. import arguments

MOST_SIDE = 4096


@contextmanager
def decoding(path, expected):
    """Turn whatever a decoder raises on a damaged file into one line that names the file.

    Any Exception, because no list is complete: besides what one expects, Pillow raises SyntaxError on a broken PNG,
    zlib its own error, and NumPy's reader of .npy headers tokenize.TokenError.
    """
    try:
        yield
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{path}: expected {expected}, got damaged or other data ({reason})") from error


def as_path(value, name="path"):
    """`value` as a Path; TypeError or ValueError if it is neither text nor a path."""
    if not isinstance(value, str | os.PathLike):
        raise TypeError(f"{name}: expected a path, got {value!r}")
    if not os.fspath(value):
        raise ValueError(f"{name}: expected a path, got ''")  # Path("") would be the current folder.
    return Path(value)


def existing_file(path, expected):
    """`path` as a Path of a regular file, else FileNotFoundError or ValueError."""
    path = as_path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: expected {expected}, got no such file")
    if not path.is_file():
        raise ValueError(f"{path}: expected {expected}, got {'a folder' if path.is_dir() else 'no regular file'}")
    return path


def image_side(size, least=1):
    """`size` as an int: the side of a square image in pixels."""
    return arguments.whole_number("size", size, least, MOST_SIDE)


def from_bytes(values):
    """Bytes 0 ... 255 as float32 -1 ... 1, both ends exact; any shape."""
    images = np.array(values, dtype=np.float32, order="C")
    images /= np.float32(127.5)
    images -= np.float32(1)
    return images


def to_float(array):
    """Bytes by `from_bytes`, floats in [-1, 1] as they are, as float32."""
    return from_bytes(array) if array.dtype == np.uint8 else np.array(array, dtype=np.float32, order="C")


def to_colour(images, name="images"):
    """(..., 1) or (..., 3) images as (..., 3): grey is repeated."""
    if images.shape[-1] not in (1, 3):
        raise ValueError(f"{name}: expected 1 or 3 channels for colour, got {images.shape[-1]}")
    return images if images.shape[-1] == 3 else np.repeat(images, 3, axis=-1)


def resize(images, size):
    """Resize images to size x size pixels: Pillow's BOX filter where that halves both sides exactly, else BICUBIC.

    Images that are not square lose both ends of their longer side first, equally (a pixel more at the end if odd), so
    that nothing is stretched. Bicubic overshoots at edges, so the result is clipped to [-1, 1]: nothing is blacker than
    black. From 8 to 16 pixels that concerns 28 % of the digits' pixels, mostly background beside a stroke, by 0.05 in
    the mean and 0.33 at most. Clipping, unlike rescaling, leaves plain black and plain white as they were.

    Parameters
    ----------
    images : (N, H, W, C) or (H, W, C) float32 or float64 in [-1, 1]
    size : int from 1 to 4096

    Returns
    -------
    images : (N, size, size, C) or (size, size, C) float32 in [-1, 1]
        A copy where the size is the same already.

    Raises ValueError or TypeError on another shape, dtype or range. One Pillow call per image and channel, about 15
    microseconds at 16 x 16; the memory is the result's.

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


def read_image(path):
    """One PNG or JPEG file as (H, W, 1 or 3) float32 in [-1, 1].

    Alpha is laid on black and the EXIF orientation applied. Files in a grey mode (1, 8 or 16 bits) give one channel,
    all others, palettes among them, three. OSError if it cannot be opened, ValueError if it is no image.
    """
    from PIL import Image, ImageOps

    with open(path, "rb") as file:
        with decoding(path, "a PNG or JPEG image"):
            with Image.open(file, formats=("PNG", "JPEG")) as image:
                return _pixels(ImageOps.exif_transpose(image))


def _pixels(image):
    if image.mode.startswith("I"):
        # 16-bit grey; convert("L") would cut every value above 255 to white.
        return from_bytes(np.asarray(image, dtype=np.float32)[..., None] / np.float32(257))
    base = "L" if image.mode in ("1", "L", "LA") else "RGB"
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        values = np.asarray(image.convert("RGBA"), dtype=np.float32)
        values = values[..., : 1 if base == "L" else 3] * values[..., 3:] / np.float32(255)
    else:
        values = np.asarray(image.convert(base), dtype=np.float32)
    return from_bytes(values.reshape(image.height, image.width, -1))
