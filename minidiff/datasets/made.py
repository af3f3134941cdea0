"""Sets for which you need no files: handwritten digits, drawn characters, two tones, and crops of a photograph."""

from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import numpy as np

from .. import arguments
from ..types import Array, Rng
from .images import MOST_SIDE, check_room, from_bytes, image_side, resize

CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
# The fonts of matplotlib that have letters and digits at their usual codes (cmsy10 has other signs there).
FONTS = tuple(
    "DejaVuSans DejaVuSans-Bold DejaVuSans-Oblique DejaVuSans-BoldOblique DejaVuSansMono DejaVuSansMono-Bold "
    "DejaVuSerif DejaVuSerif-Bold DejaVuSerif-Italic DejaVuSerif-BoldItalic "
    "STIXGeneral STIXGeneralBol STIXGeneralItalic STIXGeneralBolIta cmb10 cmr10 cmss10 cmtt10".split()
)
# Characters are drawn larger by this factor and then averaged, so that edges are smooth and shifts can be parts of a pixel.
OVERSAMPLING = 4
MOST_COUNT = 1_000_000
PHOTO_COUNT = 500


def digits(size: int = 8) -> tuple[Array, Array]:
    """The 1,797 handwritten digits of the UCI optical recognition set (Alpaydin and Kaynak, CC BY 4.0), white on black.

    13 people wrote them. The images have 8 x 8 pixels of 17 grey levels, and come with the package; data/README.md names the
    source. Other sizes are made by `resize`: 16 x 16 pixels show no more detail than 8 x 8.

    Parameters
    ----------
    size : int from 1 to 4096

    Returns
    -------
    images : (1797, size, size, 1) float32 in [-1, 1]
    labels : (1797,) int64 from 0 to 9, about 180 of each

    Raises ValueError or TypeError on a bad size. About 2 ms at size 8, 30 ms at 16.

    Examples
    --------
    >>> images, labels = digits(size=16)
    >>> images.shape, labels[:5].tolist()
    ((1797, 16, 16, 1), [0, 1, 2, 3, 4])
    """
    side = image_side(size)
    with resources.files("minidiff").joinpath("datasets", "data", "digits.npz").open("rb") as file:
        with np.load(file, allow_pickle=False) as arrays:
            images, labels = arrays["images"], arrays["labels"]
    images = images[..., None].astype(np.float32) / 8 - 1
    return resize(images, side), labels.astype(np.int64)


def two_tone(size: int = 16) -> tuple[Array, Array]:
    """Two images, a black one (-1) and a white one (+1): the smallest set of which mosaics can be made (a toy example of KG).

    Parameters
    ----------
    size : int from 1 to 4096

    Returns
    -------
    images : (2, size, size, 1) float32
    labels : (2,) int64, [0, 1]

    Examples
    --------
    >>> two_tone(size=3)[0].mean(axis=(1, 2, 3)).tolist()
    [-1.0, 1.0]
    """
    side = image_side(size)
    images = np.ones((2, side, side, 1), dtype=np.float32)
    images[0] = -1
    return images, np.arange(2, dtype=np.int64)


def glyphs(
    count: int = 1000,
    size: int = 16,
    characters: str = CHARACTERS,
    rotation: float = 8.0,
    scale: tuple[float, float] = (0.8, 1.0),
    shift: float = 0.6,
    fonts: Sequence[str] = FONTS,
    rng: Rng = 0,
) -> tuple[Array, Array]:
    """Characters in matplotlib's fonts, white on black with grey edges; they are rotated, scaled and shifted, and never cut off.

    Image i shows the character number i modulo the number of characters, so the sizes of two classes differ by at most one. With
    the same seed, a smaller set is the beginning of a larger one. The same versions of the libraries give the same images.

    Parameters
    ----------
    count : int from 1 to 1,000,000
        N, the number of images.
    size : int from 4 to 4096
        The side of the images in pixels.
    characters : str
        The classes; label i is the i-th character. No character may occur twice.
    rotation : float in [0, 180]
        The greatest angle in degrees; angles are uniform in [-rotation, rotation].
    scale : pair of floats, 0 < low <= high <= 1
        The longer side of the rotated character, as a share of the image's side, is uniform in [low, high].
    shift : float in [0, 1]
        The share of the free space that the position may use: at 0 the character is centred, at 1 it may touch the border.
    fonts : list or tuple of str
        Names of matplotlib's TrueType fonts, without ".ttf". Each image uses one of them, chosen at random.
    rng : None, int or numpy Generator

    Returns
    -------
    images : (N, size, size, 1) float32 in [-1, 1]
    labels : (N,) int64

    Raises ValueError or TypeError on bad arguments, and ValueError if a font does not have a character. It takes about 0.2 ms per
    image at 16 x 16, and the time grows with size^2.

    Examples
    --------
    >>> images, labels = glyphs(count=4, characters="AB")
    >>> images.shape, labels.tolist()
    ((4, 16, 16, 1), [0, 1, 0, 1])
    """
    count = arguments.whole_number("count", count, 1, MOST_COUNT)
    side = image_side(size, least=4)
    rotation = arguments.number("rotation", rotation, 0, 180)
    low, high = _scale_range(scale)
    shift = arguments.number("shift", shift, 0, 1)
    rng = arguments.generator(rng)
    check_room((count, side, side, 1))
    drawn = _open_fonts(_characters(characters), fonts, side * OVERSAMPLING)
    images = np.empty((count, side, side, 1), dtype=np.uint8)
    # One row of random numbers per image: the first images of a seed do not depend on how many follow.
    for i, (font, angle, stretch, across, down) in enumerate(rng.random((count, 5))):
        character = _draw(drawn[int(font * len(drawn))], characters[i % len(characters)], rotation * (2 * angle - 1))
        offset = (shift * (2 * across - 1), shift * (2 * down - 1))
        images[i, ..., 0] = _place(character, side, low + (high - low) * stretch, offset)
    return from_bytes(images), np.arange(count, dtype=np.int64) % len(characters)


def _scale_range(scale):
    try:
        low, high = scale
    except (TypeError, ValueError):
        raise ValueError(f"scale: expected a pair (low, high), got {arguments.brief(scale)}") from None
    high = arguments.number("scale", high, 1e-3, 1)
    return arguments.number("scale", low, 1e-3, high), high


def _characters(characters):
    if not isinstance(characters, str) or not characters or len(set(characters)) < len(characters):
        raise ValueError(f"characters: expected a non-empty str with no character twice, got {arguments.brief(characters)}")
    return characters


def _open_fonts(characters, fonts, pixels):
    """The fonts as Pillow fonts of that size in pixels; ValueError if a font is missing, or does not have a character."""
    import matplotlib
    from matplotlib.ft2font import FT2Font
    from PIL import ImageFont

    home = Path(matplotlib.get_data_path(), "fonts", "ttf")
    if not isinstance(fonts, list | tuple) or not fonts:
        raise ValueError(f"fonts: expected a non-empty list of names such as 'DejaVuSans', got {arguments.brief(fonts)}")
    opened = []
    for name in fonts:
        path = home / f"{name}.ttf"
        if not path.is_file():
            raise ValueError(f"fonts: expected one of matplotlib's fonts in {home}, without .ttf, got {name!r}")
        codes = FT2Font(str(path)).get_charmap()
        missing = [c for c in characters if ord(c) not in codes]
        if missing:
            raise ValueError(f"characters: expected characters that font {name} can draw, got {missing[0]!r}")
        # Raqm, the other layout engine, is not part of every build of Pillow, and would place characters differently.
        opened.append(ImageFont.truetype(str(path), pixels, layout_engine=ImageFont.Layout.BASIC))
    return opened


def _draw(font, character, angle):
    """The character as a Pillow image, rotated by that angle and cropped to its ink."""
    from PIL import Image, ImageDraw

    left, top, right, bottom = font.getbbox(character)
    sheet = Image.new("L", (right - left + 2, bottom - top + 2))
    ImageDraw.Draw(sheet).text((1 - left, 1 - top), character, fill=255, font=font)
    sheet = sheet.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    if sheet.getbbox() is None:
        raise ValueError(f"characters: expected characters that leave ink, got {character!r}")
    return sheet.crop(sheet.getbbox())


def _place(character, side, share, offset):
    """The character on black, (side, side) bytes: its longer side is `share` of `side`, and offset (x, y) lies in [-1, 1]."""
    from PIL import Image

    room = side * OVERSAMPLING
    factor = share * room / max(character.size)
    width, height = (max(1, round(factor * length)) for length in character.size)
    sheet = Image.new("L", (room, room))
    corner = (round((room - width) / 2 * (1 + offset[0])), round((room - height) / 2 * (1 + offset[1])))
    sheet.paste(character.resize((width, height), Image.Resampling.BICUBIC), corner)
    return np.asarray(sheet.resize((side, side), Image.Resampling.BOX))


def photo(count: int | None = None, size: int = 16, across: float = 4.0, rng: Rng = 0) -> tuple[Array, None]:
    """Colour crops of the photograph of Grace Hopper that matplotlib contains, which is in the public domain.

    The photograph is first resampled to a width of `across` times `size` pixels. By default, a crop shows for example an eye and
    the nose, the badge of the cap, or the ribbons. No two crops have the same place. With the same seed, a smaller set is the
    beginning of a larger one.

    Parameters
    ----------
    count : int from 1 to the number of places for a crop, optional
        N, the number of crops: by default 500, or the number of places if it is smaller (it is 2,940 at the default size).
    size : int from 1 to 4096
        The side of the crops in pixels.
    across : float from 1 to 4096 / size
        How many crops fit side by side into the photograph. A larger number gives smaller parts of it.
    rng : None, int or numpy Generator

    Returns
    -------
    images : (N, size, size, 3) float32 in [-1, 1]
    labels : None

    Raises ValueError or TypeError on bad arguments. It takes about 20 ms.

    Examples
    --------
    >>> images, labels = photo(count=10)
    >>> images.shape, labels is None
    ((10, 16, 16, 3), True)
    """
    count = None if count is None else arguments.whole_number("count", count, 1)
    side = image_side(size)
    across = arguments.number("across", across, 1, max(1, MOST_SIDE / side))
    rng = arguments.generator(rng)
    picture = _photograph(round(side * across))
    rows, columns = (length - side + 1 for length in picture.shape[:2])
    count = min(PHOTO_COUNT, rows * columns) if count is None else count
    if count > rows * columns:
        most = f"{rows * columns}, the places for a crop of {side} x {side}"
        raise ValueError(f"count: expected at most {most}, got {count}; hint: a larger across=")
    check_room((count, side, side, 3))
    places = rng.permutation(rows * columns)[:count]
    windows = np.lib.stride_tricks.sliding_window_view(picture, (side, side), axis=(0, 1))
    crops = windows[places // columns, places % columns]
    return from_bytes(np.moveaxis(crops, 1, -1)), None


def _photograph(width):
    """The photograph as (H, width, 3) uint8."""
    from matplotlib.cbook import get_sample_data
    from PIL import Image

    with Image.open(get_sample_data("grace_hopper.jpg", asfileobj=False)) as image:
        height = round(image.height * width / image.width)
        return np.asarray(image.convert("RGB").resize((width, height), Image.Resampling.BICUBIC))
