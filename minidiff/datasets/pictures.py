"""Reading one image file with Pillow: which formats, how large, and how its pixels become grey or colour in [-1, 1]."""

import math
import threading
from pathlib import Path

import numpy as np

from .. import arguments
from ..types import Array, PathLike
from .images import decoding, from_bytes, middle, resample

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
            rows, columns = middle(*plane.shape)
            plane = plane[rows, columns]
        plane = from_bytes(plane) if size is None else resample(from_bytes(plane), size)
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
