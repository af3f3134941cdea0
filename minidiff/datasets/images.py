"""What all sets share: functions that scale bytes to [-1, 1], resize images, make grey images colour, and read an image file."""

import math
import os
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import arguments
from ..types import Array, PathLike

MOST_SIDE = 4096
# A picture of more pixels is refused before it is decoded: a small file may claim any size.
MOST_PIXELS = 400_000_000
# A JPEG of more pixels may be opened at a reduced size. Smaller ones never are, so their values stay.
DRAFT_PIXELS = 4_000_000
WANTED = "an image that Pillow opens"
# These are opened whatever the name of the file says, because downloaded files often have a wrong suffix. All other formats need
# theirs: some have no mark at the beginning of the file, and would take damaged data for an image.
COMMON = ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP")
# Pillow starts another program for the first two, and cannot decode the others.
NOT_OPENED = ("EPS", "WMF", "MPEG", "GRIB", "HDF5", "BUFR")
ORIENTATION = 0x0112
# Image.open compares with Pillow's own limit, which is global. It must not change while another thread opens an image.
_opening = threading.Lock()


@contextmanager
def decoding(path: PathLike, expected: str) -> Iterator[None]:
    """Turn any error that a decoder raises on a damaged file into a ValueError of one line that names the file.

    Every Exception is caught, because decoders raise errors of many kinds: Pillow raises SyntaxError on a broken PNG file, zlib
    has an error of its own, and NumPy's reader of .npy headers raises tokenize.TokenError.
    """
    try:
        yield
    except Exception as error:
        raise ValueError(f"{path}: expected {expected}, got damaged or other data ({arguments.words_of(error)})") from error


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
    needed, held = 4 * math.prod(shape), _memory()
    if needed > held / 2:
        raise ValueError(
            f"images: expected a set that fits into half of this computer's {held / 2**30:.3g} GiB, got shape {tuple(shape)}, "
            f"which takes {needed / 2**30:.3g} GiB; hint: a smaller size= (--size) or count= (--count)"
        )


def _memory():
    """The bytes of this computer's memory; infinity where the system does not say it (Windows)."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return math.inf


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
    rows, columns = _middle(*batch.shape[1:3])
    if min(batch.shape[1:3]) == side:
        return to_float(batch[:, rows, columns])
    result = np.empty(shape, dtype=np.float32)
    # In parts of about a million numbers: all images at their own size may not fit into memory.
    step = max(1, 2**20 // math.prod(batch.shape[1:]))
    for start in range(0, len(batch), step):
        part = to_float(batch[start : start + step, rows, columns])
        for image, target in zip(part, result[start : start + step], strict=True):
            for channel in range(shape[3]):
                target[..., channel] = _resample(np.ascontiguousarray(image[..., channel]), side)
    return np.clip(result, -1, 1, out=result)


def _middle(height, width):
    """The rows and the columns of the largest square in the middle."""
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return slice(top, top + side), slice(left, left + side)


def _resample(plane, side):
    """One channel of a square image, (H, H) float32, at this side; a cubic overshoots, so the result is not clipped yet."""
    from PIL import Image

    if len(plane) == side:  # as it is, not through a filter
        return plane
    method = Image.Resampling.BOX if len(plane) == 2 * side else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(plane).resize((side, side), method))


def formats() -> dict[str, str]:
    """The suffixes of the files that are read, in small letters, with the names of their formats: all that Pillow opens.

    EPS, PostScript and Windows metafiles are left out, because Pillow starts another program for them.

    Examples
    --------
    >>> [formats().get(suffix) for suffix in (".png", ".jpg", ".webp", ".eps", ".txt")]
    ['PNG', 'JPEG', 'WEBP', None, None]
    """
    from PIL import Image

    # MPO, the format of many telephones, is a JPEG with more images behind the first one; Pillow opens it as a JPEG.
    registered = {suffix: "JPEG" if name == "MPO" else name for suffix, name in Image.registered_extensions().items()}
    return {suffix: name for suffix, name in registered.items() if name in Image.OPEN and name not in NOT_OPENED}


def read_image(path: PathLike, size: int | None = None, colour: bool = False) -> Array:
    """One image file as (H, W, 1) or (H, W, 3) float32 in [-1, 1], or with `size` as `resize` gives it.

    Of an animation or a file of several pages, the first image is read. A transparent image is laid on black, and the EXIF
    orientation is applied. Files in a grey mode (1, 8 or 16 bits) give one channel, or three equal ones with `colour`. All others
    give three, also those with a palette. 16 bits of grey are kept; of 16 bits of a colour, Pillow keeps the upper 8.

    A JPEG of more than 4 megapixels whose sides are at least 4 times `size` is decoded at a half, a quarter or an eighth of its
    size, but not below twice `size`. So one of 48 megapixels takes 15 MB at `size` 16 and 170 MB at 1024, and other files of that
    size 500 MB. The values differ a little from those of the whole image: on a photograph by 0.002 (root mean square), and by
    0.03 at most.

    Raises OSError if the file cannot be opened. Raises ValueError if it is not an image, if it has more than 400 megapixels
    (before it is decoded), or if its pixels have no fixed scale (floats, or integers of more than 16 bits).
    """
    from PIL import ImageOps

    with open(path, "rb") as file:
        with decoding(path, WANTED):
            image = _open(file, Path(path).suffix.lower())
        with image:
            _check_pixels(path, *image.size)
            if size is not None and math.prod(image.size) > DRAFT_PIXELS:
                image.draft(None, (2 * size, 2 * size))
            packing = _mend_transparency(image)
            with decoding(path, WANTED):
                image.load()
                upright = ImageOps.exif_transpose(image) if image.getexif().get(ORIENTATION, 1) != 1 else image
            grey = upright.mode in ("1", "L", "LA") or upright.mode[0] == "I" or packing == "LA;16B"
            return _assembled(_planes(path, upright, grey), grey, 1 if grey and not colour else 3, size)


def _open(file, suffix):
    from PIL import Image

    known = COMMON if suffix in (".png", ".jpg", ".jpeg") else {*COMMON, formats().get(suffix, "PNG")}
    with _opening:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(file, formats=[name for name in known if name in Image.OPEN])
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _check_pixels(path, width, height):
    if width * height > MOST_PIXELS:
        raise ValueError(
            f"{path}: expected at most {MOST_PIXELS // 10**6} megapixels, got {width} x {height}, "
            f"which are {width * height / 1e6:.4g}; hint: make the picture smaller first"
        )


def _mend_transparency(image):
    """The packing of a PNG file's pixels, such as "L;4", or None; its transparent colour is put on the scale of Pillow's pixels.

    Pillow stretches 2 and 4 bits to 8 and drops the lower 8 of 16, but leaves the transparent colour as the file has it.
    """
    packing = image.tile[0][3] if image.format == "PNG" and image.tile else None
    clear = image.info.get("transparency")
    if packing in ("L;2", "L;4") and clear is not None:
        image.info["transparency"] = clear * (85 if packing == "L;2" else 17)
    if packing == "RGB;16B" and clear is not None:
        image.info["transparency"] = tuple(value >> 8 for value in clear)
    return packing


def _assembled(planes, grey, channels, size):
    """The planes one after the other, scaled to [-1, 1] and resized, as one image; a grey plane fills all channels."""
    result = None
    for channel, plane in enumerate(planes):
        if size is not None:
            rows, columns = _middle(*plane.shape)
            plane = plane[rows, columns]
        plane = from_bytes(plane) if size is None else _resample(from_bytes(plane), size)
        if result is None:
            result = np.empty((*plane.shape, channels), dtype=np.float32)
        result[..., channel : channels if grey else channel + 1] = plane[..., None]
    return np.clip(result, -1, 1, out=result)


def _planes(path, image, grey):
    """The channels of an image, one after the other, each (H, W): bytes, or float32 in [0, 255]."""
    if image.mode.startswith("I"):
        yield _sixteen_bits(path, image)
    elif image.mode in ("F", "LAB"):
        raise ValueError(f"{path}: expected 8 or 16 bits a channel, grey or colour, got Pillow's mode {image.mode}")
    elif image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        image = image.convert("RGBA")
        opacity = np.asarray(image.getchannel("A"))
        for channel in "R" if grey else "RGB":
            yield np.asarray(image.getchannel(channel), dtype=np.float32) * opacity / np.float32(255)
    else:
        mode = "L" if grey else "RGB"
        image = image if image.mode == mode else image.convert(mode)
        yield from (np.asarray(image.getchannel(channel)) for channel in mode)


def _sixteen_bits(path, image):
    """Grey in 16 bits as float32 in [0, 255]; convert("L") would turn every value above 255 into white."""
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 65535:
        raise ValueError(f"{path}: expected 8 or 16 bits a channel, got whole numbers of {arguments.value_range(values)}")
    light = values.astype(np.float32) / np.float32(257)
    light[values == image.info.get("transparency")] = 0
    return light
