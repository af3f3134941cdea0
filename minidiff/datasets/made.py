"""The sets that need no files of one's own: handwritten digits, drawn characters, two tones, crops of a photograph."""

from importlib import resources
from pathlib import Path

import numpy as np

from .. import arguments
from .images import MOST_SIDE, from_bytes, image_side, resize

CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
# Those of matplotlib's fonts that hold letters and digits at their usual codes (cmsy10 has other signs there).
FONTS = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSans-Oblique",
    "DejaVuSans-BoldOblique",
    "DejaVuSansMono",
    "DejaVuSansMono-Bold",
    "DejaVuSerif",
    "DejaVuSerif-Bold",
    "DejaVuSerif-Italic",
    "DejaVuSerif-BoldItalic",
    "STIXGeneral",
    "STIXGeneralBol",
    "STIXGeneralItalic",
    "STIXGeneralBolIta",
    "cmb10",
    "cmr10",
    "cmss10",
    "cmtt10",
)
# Characters are drawn this many times larger and then averaged, so that edges are smooth and shifts finer than a pixel.
OVERSAMPLING = 4
MOST_COUNT = 1_000_000
PHOTO_COUNT = 500


def digits(size=8):
    """The 1,797 handwritten digits of the UCI optical recognition set (Alpaydin and Kaynak, CC BY 4.0), shipped here.

    Real handwriting of 13 people, 8 x 8 pixels of 17 grey levels, white on black here; data/README.md has the source.
    Other sizes are resampled by `resize`, whose clipping applies: 16 x 16 holds no more detail than 8 x 8 does.

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


def two_tone(size=16):
    """Two images, one all black (-1) and one all white (+1): the smallest set with a mosaic theory (KG's toy check).

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
    count=1000,
    size=16,
    characters=CHARACTERS,
    rotation=8.0,
    scale=(0.8, 1.0),
    shift=0.6,
    fonts=FONTS,
    rng=0,
):
    """Characters in matplotlib's fonts, white on black with grey edges, turned, scaled, shifted, and never cut off.

    Image i shows character i modulo their number, so every class is as frequent as any other, give or take one, and the
    first images of a larger set from the same seed are the smaller set. The same library versions give the same images.

    Parameters
    ----------
    count : int from 1 to 1,000,000
        N.
    size : int from 4 to 4096
    characters : str
        The classes, each once; label i is the i-th.
    rotation : float in [0, 180]
        Degrees; angles are uniform in [-rotation, rotation].
    scale : pair of floats, 0 < low <= high <= 1
        The longer side of the turned character, as a share of the image's, uniform in between.
    shift : float in [0, 1]
        Share of the free room that the position may use: 0 is centred, 1 reaches the border.
    fonts : list or tuple of str
        Names of matplotlib's TrueType fonts, without ".ttf"; each image takes one of them.
    rng : None, int or numpy Generator

    Returns
    -------
    images : (N, size, size, 1) float32 in [-1, 1]
    labels : (N,) int64

    Raises ValueError or TypeError on bad arguments, also where a font does not hold a character. About 0.2 ms an image
    at 16 x 16, growing with size^2.

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
    drawn = _open_fonts(_characters(characters), fonts, side * OVERSAMPLING)
    images = np.empty((count, side, side, 1), dtype=np.uint8)
    # One row of draws per image: a seed's first images do not depend on how many follow.
    for i, (font, angle, stretch, across, down) in enumerate(rng.random((count, 5))):
        character = _draw(drawn[int(font * len(drawn))], characters[i % len(characters)], rotation * (2 * angle - 1))
        offset = (shift * (2 * across - 1), shift * (2 * down - 1))
        images[i, ..., 0] = _place(character, side, low + (high - low) * stretch, offset)
    return from_bytes(images), np.arange(count, dtype=np.int64) % len(characters)


def _scale_range(scale):
    try:
        low, high = scale
    except (TypeError, ValueError):
        raise ValueError(f"scale: expected a pair (low, high), got {scale!r}") from None
    high = arguments.number("scale", high, 1e-3, 1)
    return arguments.number("scale", low, 1e-3, high), high


def _characters(characters):
    if not isinstance(characters, str) or not characters or len(set(characters)) < len(characters):
        raise ValueError(f"characters: expected a non-empty str with no character twice, got {characters!r}")
    return characters


def _open_fonts(characters, fonts, pixels):
    """The fonts as Pillow fonts of that many pixels; ValueError for one that is not there or lacks a character."""
    import matplotlib
    from matplotlib.ft2font import FT2Font
    from PIL import ImageFont

    home = Path(matplotlib.get_data_path(), "fonts", "ttf")
    if not isinstance(fonts, list | tuple) or not fonts:
        raise ValueError(f"fonts: expected a non-empty list of names such as 'DejaVuSans', got {fonts!r}")
    opened = []
    for name in fonts:
        path = home / f"{name}.ttf"
        if not path.is_file():
            raise ValueError(f"fonts: expected one of matplotlib's fonts in {home}, got {name!r}")
        codes = FT2Font(str(path)).get_charmap()
        missing = [c for c in characters if ord(c) not in codes]
        if missing:
            raise ValueError(f"characters: expected characters that font {name} can draw, got {missing[0]!r}")
        # Raqm, the other layout engine, is not in every build of Pillow and would place characters differently.
        opened.append(ImageFont.truetype(str(path), pixels, layout_engine=ImageFont.Layout.BASIC))
    return opened


def _draw(font, character, angle):
    """The character's ink, turned and cropped, as a Pillow image."""
    from PIL import Image, ImageDraw

    left, top, right, bottom = font.getbbox(character)
    sheet = Image.new("L", (right - left + 2, bottom - top + 2))
    ImageDraw.Draw(sheet).text((1 - left, 1 - top), character, fill=255, font=font)
    sheet = sheet.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    if sheet.getbbox() is None:
        raise ValueError(f"characters: expected characters that leave ink, got {character!r}")
    return sheet.crop(sheet.getbbox())


def _place(character, side, share, offset):
    """The character as (side, side) bytes, its longer side `share` of theirs, at offset -1 ... 1 of the free room."""
    from PIL import Image

    room = side * OVERSAMPLING
    factor = share * room / max(character.size)
    width, height = (max(1, round(factor * length)) for length in character.size)
    sheet = Image.new("L", (room, room))
    corner = (round((room - width) / 2 * (1 + offset[0])), round((room - height) / 2 * (1 + offset[1])))
    sheet.paste(character.resize((width, height), Image.Resampling.BICUBIC), corner)
    return np.asarray(sheet.resize((side, side), Image.Resampling.BOX))


def photo(count=None, size=16, across=4.0, rng=0):
    """Colour crops, all different, of the public-domain photograph of Grace Hopper that matplotlib ships.

    The photograph is first resampled to `across` crops of width; at the default, a crop holds an eye and the nose, the
    badge of the cap, or the ribbons. The first crops of a larger set from the same seed are the smaller set.

    Parameters
    ----------
    count : int from 1 to the number of places for a crop, optional
        N; by default 500, or all the places if they are fewer (there are 2,940 at the default size).
    size : int from 1 to 4096
    across : float from 1 to 4096 / size
        More gives smaller pieces of the photograph.
    rng : None, int or numpy Generator

    Returns
    -------
    images : (N, size, size, 3) float32 in [-1, 1]
    labels : None

    Raises ValueError or TypeError on bad arguments. About 20 ms.

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
    places = rng.permutation(rows * columns)[:count]
    windows = np.lib.stride_tricks.sliding_window_view(picture, (side, side), axis=(0, 1))
    crops = windows[places // columns, places % columns]
    return from_bytes(np.moveaxis(crops, 1, -1)), None


def _photograph(width):
    """The photograph, (H, W, 3) uint8 of that width in pixels."""
    from matplotlib.cbook import get_sample_data
    from PIL import Image

    with Image.open(get_sample_data("grace_hopper.jpg", asfileobj=False)) as image:
        height = round(image.height * width / image.width)
        return np.asarray(image.convert("RGB").resize((width, height), Image.Resampling.BICUBIC))
