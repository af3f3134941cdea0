"""Training sets: what is shipped and made is what it says, readers return what was written, bad files give one line."""

import gzip
import os
import struct
import subprocess
import sys
import zipfile
import zlib
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from minidiff import arguments, datasets, files
from minidiff.datasets import readers
from minidiff.datasets.images import decoding
from minidiff.datasets.pictures import formats

EPS = float(np.finfo(np.float32).eps)
SETS = {
    "digits": lambda rng: datasets.digits(),
    "two_tone": lambda rng: datasets.two_tone(),
    "glyphs": lambda rng: datasets.glyphs(count=40, rng=rng),
    "photo": lambda rng: datasets.photo(count=20, rng=rng),
}


def some_bytes(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def scaled(values):
    """The oracle of scaling, in float64: byte 0 is -1, byte 255 is 1, straight in between."""
    return np.asarray(values, dtype=np.float64) / 127.5 - 1


def same(images, values, steps=2):
    """Equal up to so many roundings in float32 of numbers up to 2: by default those of a division and a subtraction."""
    assert images.dtype == np.float32
    np.testing.assert_allclose(images, values, rtol=0, atol=steps * EPS)


def one_line(error, *words):
    """The message of a caught error is one line that holds the words."""
    message = str(error.value)
    assert "\n" not in message and len(message) > 10
    for word in words:
        assert str(word) in message, message


def write_idx(path, array, magic=None, shape=None):
    shape = array.shape if shape is None else shape
    magic = 0x800 + len(shape) if magic is None else magic
    raw = struct.pack(f">I{len(shape)}I", magic, *shape) + array.tobytes()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return path


def write_cifar(path, images, labels):
    records = [bytes([label]) + image.transpose(2, 0, 1).tobytes() for image, label in zip(images, labels, strict=True)]
    path.write_bytes(b"".join(records))
    return path


def save(path, array, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)
    return path


# --- shipped and made ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SETS)
def test_every_set_is_float32_in_range_and_a_seed_repeats_it(name):
    """Images are (N, H, W, C) float32 in [-1, 1], labels (N,) int64 or None; the same seed gives the same bits."""
    images, labels = SETS[name](3)
    assert images.ndim == 4 and images.dtype == np.float32 and images.flags.c_contiguous
    assert images.min() >= -1 and images.max() <= 1
    assert labels is None or (labels.shape == (len(images),) and labels.dtype == np.int64)
    again = SETS[name](np.random.default_rng(3))
    assert np.array_equal(images, again[0]) and np.array_equal(labels, again[1])


@pytest.mark.parametrize("name", ["glyphs", "photo"])
def test_seeds_differ_and_smaller_sets_begin_larger_ones(name):
    """Another seed gives other images; a seed's first images do not depend on how many follow."""
    make = getattr(datasets, name)
    first = make(count=30, rng=1)[0]
    assert np.array_equal(first[:11], make(count=11, rng=1)[0])
    assert not np.array_equal(first, make(count=30, rng=2)[0])


def test_digits_are_the_published_ones():
    """The 1,797 digits have the published class counts, 17 grey levels, and the data file's well-known first row."""
    images, labels = datasets.digits()
    assert images.shape == (1797, 8, 8, 1)
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    levels = (images + 1) * 8
    assert np.array_equal(np.unique(levels), np.arange(17))
    assert levels[0, :2, :, 0].tolist() == [[0, 0, 5, 13, 9, 1, 0, 0], [0, 0, 13, 15, 10, 15, 5, 0]]
    assert labels[0] == 0


def test_digits_file_is_small_free_of_pickles_and_attributed():
    """The file is under 100 KB, loads without pickles, and its licence, authors and source stand beside it."""
    data = resources.files("minidiff").joinpath("datasets", "data")
    with data.joinpath("digits.npz").open("rb") as file:
        assert len(file.read()) < 100_000
        file.seek(0)
        with np.load(file, allow_pickle=False) as arrays:
            assert {name: arrays[name].dtype for name in arrays.files} == {"images": np.uint8, "labels": np.uint8}
    text = data.joinpath("README.md").read_text()
    for word in ("CC BY 4.0", "10.24432/C50P49", "Alpaydin", "Kaynak", "changed"):
        assert word in text


def test_digits_resampled():
    """16 x 16 is the bicubic resampling, cut to [-1, 1]; 4 x 4 is the mean of each 2 x 2 block."""
    small, labels = datasets.digits()
    large, same_labels = datasets.digits(size=16)
    assert large.shape == (1797, 16, 16, 1) and np.array_equal(labels, same_labels)
    weights = bicubic(8, 16)
    same(large[:50, ..., 0], np.clip(weights @ small[:50, ..., 0].astype(np.float64) @ weights.T, -1, 1))
    same(datasets.digits(size=4)[0], small.reshape(-1, 4, 2, 4, 2, 1).mean(axis=(2, 4)))


def test_two_tone_is_black_and_white():
    """One image is -1 everywhere, the other +1 everywhere."""
    images, labels = datasets.two_tone(size=5)
    assert images.shape == (2, 5, 5, 1) and labels.tolist() == [0, 1]
    assert np.array_equal(images, np.stack([-np.ones((5, 5, 1)), np.ones((5, 5, 1))]))


def test_glyphs_are_balanced_and_labelled_in_turn():
    """Image i shows character i modulo the number of characters."""
    images, labels = datasets.glyphs(count=8, size=12, characters="xyz")
    assert images.shape == (8, 12, 12, 1)
    assert labels.tolist() == [0, 1, 2, 0, 1, 2, 0, 1]


@settings(deadline=None, max_examples=15)
@given(st.integers(8, 40), st.floats(0.5, 1), st.floats(0, 1), st.floats(0, 180), st.integers(0, 99))
def test_glyphs_fill_the_frame_as_asked_and_are_never_cut(size, scale, shift, rotation, seed):
    """The ink's longer side is the asked share of the image, give or take the two pixels that edges straddle."""
    images, _ = datasets.glyphs(6, size, "AgW1", scale=(scale, scale), shift=shift, rotation=rotation, rng=seed)
    for image in images[..., 0]:
        rows, columns = (np.flatnonzero((image > -1).any(axis=axis)) for axis in (1, 0))
        longer = max(np.ptp(rows), np.ptp(columns)) + 1
        assert abs(longer - scale * size) <= 2


def test_glyphs_without_randomness_are_centred_copies():
    """With no rotation, one scale, no shift and one font, equal characters give equal images, the ink in the middle."""
    images, labels = datasets.glyphs(12, 24, "HO", 0.0, (0.7, 0.7), 0.0, ["DejaVuSans"])
    for label in (0, 1):
        ink = images[labels == label]
        assert (ink == ink[0]).all()
        inside = np.argwhere(ink[0, ..., 0] > -1)
        assert np.allclose((inside.min(axis=0) + inside.max(axis=0)) / 2, 11.5, atol=0.5)
    assert images.max() > 0.9, "the strokes are white"
    assert ((images > -0.9) & (images < 0.9)).any(), "and their edges grey"


def test_glyphs_turn_both_ways_as_far_as_asked():
    """The axis of a bar, from its second moments, leans to both sides by most of the asked 20 degrees, and no more."""
    images, _ = datasets.glyphs(60, 32, "I", rotation=20, fonts=["DejaVuSans"])
    light = (images[..., 0] + 1) / 2
    light /= light.sum(axis=(1, 2), keepdims=True)
    y, x = np.mgrid[:32, :32]
    centred = [axis - (light * axis).sum(axis=(1, 2), keepdims=True) for axis in (y, x)]
    yy, xx, xy = ((light * p * q).sum(axis=(1, 2)) for p, q in (centred[:1] * 2, centred[1:] * 2, centred))
    lean = np.degrees(np.arctan2(2 * xy, yy - xx) / 2)
    # A pixel over the 26 rows or more of the bar is 2 degrees.
    assert abs(lean).max() < 22 and lean.max() > 15 and lean.min() < -15


def test_glyphs_are_legible():
    """The nearest of 600 other glyphs names the digit of 9 glyphs in 10: across fonts, a class looks like itself."""
    known, names = datasets.glyphs(600, characters="0123456789", rng=0)
    asked, truth = datasets.glyphs(100, characters="0123456789", rng=1)
    distances = ((asked[:, None] - known[None]) ** 2).sum(axis=(2, 3, 4))
    assert (names[distances.argmin(axis=1)] == truth).mean() > 0.9


def test_photo_crops_are_different_places_of_the_photograph():
    """Every crop occurs in the photograph resampled to four crops of width, and no two come from one place."""
    from matplotlib.cbook import get_sample_data

    images, labels = datasets.photo(count=60, size=16, rng=5)
    assert images.shape == (60, 16, 16, 3) and labels is None
    with Image.open(get_sample_data("grace_hopper.jpg", asfileobj=False)) as image:
        whole = scaled(np.asarray(image.resize((64, 75), Image.Resampling.BICUBIC)))
    windows = np.lib.stride_tricks.sliding_window_view(whole, (16, 16), axis=(0, 1)).transpose(0, 1, 3, 4, 2)
    found = set()
    for crop in images:
        places = np.argwhere(abs(windows - crop).max(axis=(2, 3, 4)) <= 2 * EPS)
        assert len(places) >= 1
        found.update(map(tuple, places))
    assert len(found) >= 60


def test_photo_can_give_every_place_once():
    """There are (64 - 15)(75 - 15) = 2,940 places at the default size, and asking for one more is refused."""
    images, _ = datasets.photo(count=2940)
    assert len(np.unique(images.reshape(2940, -1), axis=0)) > 2900
    with pytest.raises(ValueError) as error:
        datasets.photo(count=2941)
    one_line(error, "count", "2940", "2941", "across")


def test_importing_the_package_loads_neither_matplotlib_nor_pillow():
    """Only the functions that draw or decode pay for the libraries that do it."""
    code = "import sys, minidiff.datasets; sys.exit(bool({'matplotlib', 'PIL'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- resizing --------------------------------------------------------------------------------------------------------


def bicubic(source, target):
    """The oracle: (target, source) weights of Keys' cubic, a = -1/2, stretched to shrink, normalised at borders."""
    stretch = max(1.0, source / target)
    centres = (np.arange(target) + 0.5) * source / target
    z = abs((np.arange(source) + 0.5)[None] - centres[:, None]) / stretch
    a = -0.5
    weights = np.where(z < 1, ((a + 2) * z - (a + 3)) * z * z + 1, np.where(z < 2, (((z - 5) * z + 8) * z - 4) * a, 0))
    return weights / weights.sum(axis=1, keepdims=True)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 3), st.integers(0, 99))
def test_resize_is_bicubic_or_the_mean_of_blocks(source, target, channels, seed):
    """Halving averages 2 x 2 blocks; anything else is the bicubic kernel, channel by channel, cut to [-1, 1]."""
    x = np.random.default_rng(seed).uniform(-1, 1, (2, source, source, channels))
    if source == 2 * target:
        expected = x.reshape(2, target, 2, target, 2, channels).mean(axis=(2, 4))
    else:
        w = bicubic(source, target)
        expected = x if source == target else np.clip(np.einsum("ai,bj,nijc->nabc", w, w, x), -1, 1)
    y = datasets.resize(x, target)
    assert y.dtype == np.float32
    # Three roundings: of the input, of the rows' result and of the columns'; sums of |w| below 1.3 can weigh them up.
    same(y, expected, steps=4)


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 24), st.integers(1, 24), st.sampled_from([-1.0, 1.0]))
def test_resize_keeps_plain_black_and_plain_white(source, target, tone):
    """Black stays exactly -1 and white exactly +1 at any size."""
    assert (datasets.resize(np.full((1, source, source, 1), tone), target) == tone).all()


def test_resize_takes_the_middle_square_and_leaves_its_argument_alone():
    """A 4 x 7 image loses one column before and two after the middle; nothing is stretched, and a copy comes back."""
    x = np.random.default_rng(0).uniform(-1, 1, (4, 7, 3)).astype(np.float32)
    y = datasets.resize(x, 4)
    assert np.array_equal(y, x[:, 1:5]) and not np.shares_memory(x, y)
    assert np.array_equal(datasets.resize(x.transpose(1, 0, 2), 4), x[:, 1:5].transpose(1, 0, 2))
    square = x[:, :4].copy()
    assert np.array_equal(datasets.resize(square, 4), square)
    assert not np.shares_memory(datasets.resize(square, 4), square)


@pytest.mark.parametrize(
    ("images", "size", "words"),
    [
        (np.zeros((2, 4, 4)) + 1.5, 2, ["images", "[-1, 1]"]),
        (np.zeros((4, 4)), 2, ["images", "(N, H, W, C)"]),
        (np.full((4, 4, 1), np.nan), 2, ["images", "NaN"]),
        (np.zeros((4, 4, 1), dtype=np.uint8), 2, ["images", "uint8"]),
        (np.zeros((4, 4, 1)), 0, ["size", "0"]),
        (np.zeros((4, 4, 1)), 2.0, ["size", "2.0"]),
    ],
)
def test_resize_refuses(images, size, words):
    """Values beyond [-1, 1], other shapes and other sizes are refused, not clipped or guessed."""
    with pytest.raises((ValueError, TypeError)) as error:
        datasets.resize(images, size)
    one_line(error, *words)


# --- a folder of images ----------------------------------------------------------------------------------------------


def test_folder_of_grey_png_in_the_order_of_names(tmp_path):
    """Grey files come back byte for byte as one channel, sorted by name; other and hidden files are passed over."""
    values = some_bytes((3, 6, 5))
    for name, image in zip(("b.png", "c.PNG", "a.png"), values, strict=True):
        save(tmp_path / name, image, format="PNG")
    (tmp_path / "notes.txt").write_text("not an image")
    (tmp_path / "._a.png").write_bytes(b"what macOS leaves behind")
    (tmp_path / ".git").mkdir()
    images, labels = datasets.folder(tmp_path)
    same(images, scaled(values[[2, 0, 1], ..., None]))
    assert images.shape == (3, 6, 5, 1) and labels is None


def test_folder_of_colour_and_class_subfolders(tmp_path):
    """Subfolders give labels: places in the alphabet, or their names if these are numbers; empty ones are no class."""
    values = some_bytes((5, 4, 4, 3))
    for i, (words, number) in enumerate(zip(("cat", "cat", "dog", "emu", "emu"), (7, 7, 10, 3, 3), strict=True)):
        save(tmp_path / "words" / words / f"{i}.png", values[i])
        save(tmp_path / "numbers" / str(number) / f"{i}.png", values[i])
    (tmp_path / "words" / "bat").mkdir()
    images, labels = datasets.folder(str(tmp_path / "words"))
    same(images, scaled(values))
    assert labels.tolist() == [0, 0, 1, 2, 2] and labels.dtype == np.int64
    images, labels = datasets.folder(tmp_path / "numbers")
    assert labels.tolist() == [10, 3, 3, 7, 7]
    same(images, scaled(values[[2, 3, 4, 0, 1]]))


def test_folder_jpeg_is_what_pillow_decodes(tmp_path):
    """JPEG is lossy, so the oracle is its own decoder; smooth content comes back close to what was saved."""
    ramp = np.broadcast_to(np.arange(0, 256, 16, dtype=np.uint8), (16, 16))
    save(tmp_path / "a.jpg", np.ascontiguousarray(ramp), quality=95)
    images, _ = datasets.folder(tmp_path)
    with Image.open(tmp_path / "a.jpg") as image:
        same(images[0, ..., 0], scaled(np.asarray(image)))
    assert abs(images[0, ..., 0] - scaled(ramp)).max() < 0.1


def test_folder_lays_alpha_on_black(tmp_path):
    """A pixel's light is its value times its opacity: transparent is black whatever its colour."""
    values = some_bytes((4, 4, 4))
    values[0, :, 3], values[1, :, 3] = 0, 255
    save(tmp_path / "colour" / "a.png", values)
    images, _ = datasets.folder(tmp_path / "colour")
    expected = values[..., :3].astype(float) * values[..., 3:] / 255
    same(images[0], scaled(expected))
    assert (images[0, 0] == -1).all()
    save(tmp_path / "grey" / "a.png", values[..., 2:])
    images, _ = datasets.folder(tmp_path / "grey")
    same(images[0], scaled(values[..., 2:3].astype(float) * values[..., 3:] / 255))


def test_folder_palette_transparency_two_tone_and_16_bits(tmp_path):
    """Palettes are colour, with their transparent entry black; 1-bit and 16-bit files are grey, black to white."""
    indices = np.array([[0, 1], [2, 1]], dtype=np.uint8)
    palette = Image.frombytes("P", (2, 2), indices.tobytes())
    palette.putpalette([10, 20, 30, 255, 0, 0, 200, 200, 200])
    (tmp_path / "p").mkdir()
    palette.save(tmp_path / "p" / "a.png", transparency=2)
    same(datasets.folder(tmp_path / "p")[0][0], scaled([[[10, 20, 30], [255, 0, 0]], [[0, 0, 0], [255, 0, 0]]]))
    save(tmp_path / "bits" / "a.png", np.array([[True, False], [False, False]]))
    assert datasets.folder(tmp_path / "bits")[0].tolist() == [[[[1], [-1]], [[-1], [-1]]]]
    deep = np.array([[0, 65535], [257, 32768]], dtype=np.uint16)
    save(tmp_path / "deep" / "a.png", deep)
    same(datasets.folder(tmp_path / "deep")[0][0, ..., 0], scaled(deep / 257))


@pytest.mark.parametrize(
    ("tag", "upright"),
    [
        (1, lambda x: x),
        (2, lambda x: x[:, ::-1]),
        (3, lambda x: x[::-1, ::-1]),
        (4, lambda x: x[::-1]),
        (5, lambda x: x.T),
        (6, lambda x: x[::-1].T),
        (7, lambda x: x[::-1, ::-1].T),
        (8, lambda x: x[:, ::-1].T),
    ],
)
def test_folder_applies_exif_orientation(tmp_path, tag, upright):
    """Each of the eight EXIF orientations is undone by its own turn or reflection."""
    values = some_bytes((3, 5))
    exif = Image.Exif()
    exif[0x0112] = tag
    save(tmp_path / "a.png", values, exif=exif)
    same(datasets.folder(tmp_path)[0][0, ..., 0], scaled(upright(values)))


def test_folder_resizes_and_colours_on_request(tmp_path):
    """size= makes unlike sizes alike, colour= makes grey and colour alike; each is `resize` of the file by itself."""
    grey, colour = some_bytes((8, 12)), some_bytes((5, 5, 3))
    save(tmp_path / "a.png", grey)
    save(tmp_path / "b.png", colour)
    images, _ = datasets.folder(tmp_path, size=4, colour=True)
    assert images.shape == (2, 4, 4, 3)
    halved = scaled(grey[:, 2:10]).reshape(4, 2, 4, 2).mean(axis=(1, 3))
    same(images[0], np.repeat(halved[..., None], 3, axis=-1))
    same(images[1], datasets.resize(scaled(colour), 4), steps=4)


# --- bad folders -----------------------------------------------------------------------------------------------------


def make_bad(name, path):
    """A folder that must be refused, and the words of its error."""
    save(path / "a.png", some_bytes((4, 4)))
    bad = path / "b.png"
    if name == "empty":
        (path / "a.png").unlink()
        (path / "c.txt").write_text("hello")
        return [path, "a folder of images", "none"]
    if name == "mixed sizes":
        save(bad, some_bytes((4, 5)))
        return [bad, "4 x 4", "5 x 4", "size="]
    if name == "mixed channels":
        save(bad, some_bytes((4, 4, 3)))
        return [bad, "grey", "colour", "colour=True"]
    if name == "no image":
        bad.write_text("hello")
        return [bad, "an image that Pillow opens"]
    if name == "nothing inside":
        bad.write_bytes(b"")
        return [bad, "an image that Pillow opens"]
    if name == "broken chunk":
        data = bytearray((path / "a.png").read_bytes())
        data[-20] ^= 255
        bad.write_bytes(data)
        return [bad, "an image that Pillow opens"]
    if name == "forged size":
        header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
        chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
        bad.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT")
        return [bad, "at most 400 megapixels", "60000 x 60000", "3600"]
    save(path / "sub" / "b.png", some_bytes((4, 4)))
    return [path, "class subfolders", "a.png", "sub"]


BAD_FOLDERS = [
    "empty",
    "mixed sizes",
    "mixed channels",
    "no image",
    "nothing inside",
    "broken chunk",
    "forged size",
    "images beside classes",
]


@pytest.mark.parametrize("name", BAD_FOLDERS)
def test_bad_folders_give_one_line_that_names_the_file(tmp_path, name):
    """What cannot be a set of like images is refused by a ValueError naming the culprit, in folder and in load."""
    words = make_bad(name, tmp_path)
    for read in (datasets.folder, datasets.load):
        with pytest.raises(ValueError) as error:
            read(tmp_path)
        one_line(error, *words)


def test_a_decoder_s_long_message_becomes_one_line():
    """Line breaks in what a library says are folded, and an error without words gives its name."""
    for raised, word in ((RuntimeError("two\n   lines"), "(two lines)"), (EOFError(), "(EOFError)")):
        with pytest.raises(ValueError) as error, decoding("a.png", "an image"):
            raise raised
        one_line(error, "a.png: expected an image", word)
        assert error.value.__cause__ is raised


@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_truncated_images_never_leak_another_error(tmp_path, kind):
    """However short an image file is cut, the reader returns an image or raises ValueError naming the file."""
    whole = save(tmp_path / f"a.{kind}", some_bytes((9, 9, 3)), exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0").read_bytes()
    refused = 0
    for length in range(0, len(whole), max(1, len(whole) // 60)):
        (tmp_path / f"a.{kind}").write_bytes(whole[:length])
        try:
            datasets.folder(tmp_path)
        except ValueError as error:
            refused += 1
            assert f"a.{kind}" in str(error) and "\n" not in str(error)
    assert refused > 50


# --- own images as people have them ----------------------------------------------------------------------------------


def warned(call, *words):
    """What a call returns that warns once, in one line with these words."""
    with pytest.warns(UserWarning) as caught:
        result = call()
    assert len(caught) == 1 and caught[0].filename == __file__, "the line of the caller"
    message = str(caught[0].message)
    assert "\n" not in message
    for word in words:
        assert str(word) in message, message
    return result


@pytest.mark.parametrize("suffix", ["webp", "bmp", "tif", "TIFF", "gif", "ppm", "tga", "jp2", "qoi", "ico"])
def test_folder_reads_every_format_that_pillow_opens(tmp_path, suffix):
    """Files without loss come back byte for byte, whatever their format."""
    if f".{suffix.lower()}" not in formats():
        pytest.skip("this Pillow was built without it")
    values = np.full((16, 16, 3), 200, np.uint8)
    values[4:9] = 80
    options = {"webp": {"lossless": True}, "jp2": {"irreversible": False}, "ico": {"sizes": [(16, 16)]}}.get(suffix, {})
    save(tmp_path / f"a.{suffix}", values, **options)
    images, _ = datasets.folder(tmp_path)
    same(images[0], np.broadcast_to(scaled(values[..., : images.shape[3]]), images.shape[1:]))


def test_folder_reads_an_animation_s_first_image_and_a_wrong_suffix(tmp_path):
    """A GIF's first frame counts; a file whose content is of another common format than its name is read by its content."""
    frames = [Image.fromarray(np.full((4, 4), tone, np.uint8)) for tone in (40, 200)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    save(tmp_path / "b.png", np.full((4, 4), 80, np.uint8), format="BMP")
    images, _ = datasets.folder(tmp_path, colour=True)
    same(images, np.broadcast_to(scaled([40, 80])[:, None, None, None], (2, 4, 4, 3)))


def test_folder_never_starts_another_program(tmp_path):
    """Pillow gives EPS files to Ghostscript. They are not read, whatever their name is, and a folder of them says so."""
    save(tmp_path / "a.eps", some_bytes((4, 4)))
    with pytest.raises(ValueError) as error:
        datasets.folder(tmp_path)
    one_line(error, "none", "1 like a.eps", ".png or .jpg")
    (tmp_path / "a.eps").rename(tmp_path / "a.png")
    with pytest.raises(ValueError) as error:
        datasets.folder(tmp_path)
    one_line(error, tmp_path / "a.png", "an image that Pillow opens")


def png(depth, kind, row, clear=None):
    """A PNG file of one row, written byte by byte: Pillow writes neither 16 bits with alpha nor 2 bits."""
    width = len(row) * 8 // (depth * {0: 1, 2: 3, 4: 2}[kind])
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", width, 1, depth, kind, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"\0" + row)),
        (b"IEND", b""),
    ]
    if clear is not None:
        parts.insert(1, (b"tRNS", struct.pack(f">{len(clear)}H", *clear)))
    chunks = (struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize(
    ("file", "light"),
    [
        (png(16, 4, struct.pack(">4H", 65535, 65535, 65535, 0)), [255, 0]),
        (png(16, 0, struct.pack(">2H", 257, 40000), [40000]), [1, 0]),
        (png(8, 0, bytes([7, 200]), [200]), [7, 0]),
        (png(4, 0, bytes([0x5F]), [5]), [0, 255]),
        (png(2, 0, bytes([0b01_11_00_10]), [1]), [0, 255, 0, 170]),
        (png(1, 0, bytes([0b10000000]), [0]), [255, *[0] * 7]),
        (png(16, 2, struct.pack(">6H", 257, 514, 771, 60000, 60000, 60000), [60000] * 3), [[1, 2, 3], [0, 0, 0]]),
    ],
    ids=["16 grey with alpha", "16 grey", "8 grey", "4 grey", "2 grey", "1 grey", "16 colour"],
)
def test_folder_lays_the_transparent_colour_of_any_depth_on_black(tmp_path, file, light):
    """Grey stays grey with alpha and with 16 bits, and a transparent colour is black at any number of bits."""
    (tmp_path / "a.png").write_bytes(file)
    image = datasets.folder(tmp_path)[0][0, 0] if max(np.ravel(light)) > 19 else read_dark(tmp_path)
    same(image, scaled(light).reshape(len(light), -1))


def read_dark(path):
    return warned(lambda: datasets.folder(path), "none lighter than")[0][0, 0]


def test_folder_refuses_pixels_without_a_scale(tmp_path):
    """Floats and 32-bit numbers in a TIFF file have no white; they are refused by name, and 16 bits in 32 are not."""
    for values, word in ((np.full((3, 3), 0.5, np.float32), "mode F"), (np.full((3, 3), 70_000, np.int32), "70000 to 70000")):
        save(tmp_path / "a.tif", values)
        with pytest.raises(ValueError) as error:
            datasets.folder(tmp_path)
        one_line(error, tmp_path / "a.tif", "8 or 16 bits", word)
    save(tmp_path / "a.tif", np.full((3, 3), 65535, np.int32))
    assert (datasets.folder(tmp_path)[0] == 1).all()


def tree(path, *names):
    """One image at each of these places, each with its own grey; the images by their names."""
    values = {name: np.full((3, 3), 250 - 10 * i, np.uint8) for i, name in enumerate(names)}
    for name, image in values.items():
        save(path / name, image)
    return lambda *wanted: np.stack([scaled(values[name])[..., None] for name in wanted])


def test_images_at_every_depth_are_read_on_request(tmp_path):
    """Of "photos/**" every image is read, in the classes of its first subfolders; deeper ones are named in a hint without it."""
    wanted = tree(tmp_path, "cat/2023/a.png", "cat/2024/may/b.png", "dog/c.png")
    every = os.path.join(tmp_path, "**")
    for read in (datasets.folder, datasets.load):
        images, labels = warned(lambda read=read: read(tmp_path), "left out", tmp_path / "cat" / "2023", "**")
        same(images, wanted("dog/c.png"))
        images, labels = read(every)
        same(images, wanted("cat/2023/a.png", "cat/2024/may/b.png", "dog/c.png"))
        assert labels.tolist() == [0, 0, 1]
    (tmp_path / "dog" / "c.png").unlink()
    with pytest.raises(ValueError) as error:
        datasets.folder(tmp_path)
    one_line(error, "none", tmp_path / "cat", every)
    same(datasets.folder(Path(every))[0], wanted("cat/2023/a.png", "cat/2024/may/b.png"))
    with pytest.raises(FileNotFoundError):
        datasets.load(tmp_path / "nowhere" / "**")


def test_images_beside_subfolders_have_no_classes(tmp_path):
    """Images both in a folder and below it are read on request too, without labels; the error says how."""
    wanted = tree(tmp_path, "b.png", "a/c.png")
    (tmp_path / "a" / "d.heic").write_bytes(b"photograph")
    with pytest.raises(ValueError) as error:
        datasets.folder(tmp_path)
    one_line(error, "class subfolders", os.path.join(tmp_path, "**"), "without labels")
    images, labels = warned(lambda: datasets.folder(tmp_path / "**"), "left out", "1 like d.heic")
    same(images, wanted("b.png", "a/c.png"))
    assert labels is None


def test_of_training_and_test_images_the_training_images_are_read(tmp_path):
    """train/class/ beside test/class/ gives the classes of train; beside classes of other names, train is a class as they are."""
    wanted = tree(tmp_path, "images/train/cat/a.png", "images/train/dog/b.png", "images/test/cat/c.png")
    images, labels = warned(lambda: datasets.load(tmp_path / "images"), "only train is read", "test, train")
    same(images, wanted("images/train/cat/a.png", "images/train/dog/b.png"))
    assert labels.tolist() == [0, 1]
    with pytest.raises(ValueError) as error:
        datasets.folder(tmp_path)
    one_line(error, "none", f"give {tmp_path / 'images'}")
    tree(tmp_path, "alone/train/cat/a.png", "cars/train/a.png", "cars/van/b.png")
    assert datasets.folder(tmp_path / "alone")[1].tolist() == [0]
    assert datasets.folder(tmp_path / "cars")[1].tolist() == [0, 1]


def test_images_that_pillow_cannot_open_do_not_vanish(tmp_path):
    """A telephone's .heic files beside .jpg files are named once; a folder of nothing else is not called empty."""
    (tmp_path / "a.heic").write_bytes(b"photograph")
    with pytest.raises(ValueError) as error:
        datasets.folder(tmp_path)
    one_line(error, "none", "1 like a.heic")
    tree(tmp_path, "b.png")
    assert len(warned(lambda: datasets.folder(tmp_path), "left out", "1 like a.heic")[0]) == 1


def test_a_picture_of_more_than_400_megapixels_is_refused_and_others_are_not(tmp_path, monkeypatch):
    """Only our own limit counts, in any format, before anything is decoded; Pillow's limit is lower, and stays as it was."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5)
    save(tmp_path / "a.png", some_bytes((6, 6)))
    assert datasets.folder(tmp_path)[0].shape == (1, 6, 6, 1) and Image.MAX_IMAGE_PIXELS == 5
    (tmp_path / "a.bmp").write_bytes(b"BM" + struct.pack("<IIIIiiHHIIIIII", 0, 0, 54, 40, 30000, 20000, 1, 24, 0, 0, 0, 0, 0, 0))
    (tmp_path / "a.png").unlink()
    for size in (None, 16):
        with pytest.raises(ValueError) as error:
            datasets.folder(tmp_path, size=size)
        one_line(error, tmp_path / "a.bmp", "400 megapixels", "30000 x 20000", "600")
    assert Image.MAX_IMAGE_PIXELS == 5


def test_a_large_jpeg_is_decoded_at_a_reduced_size_that_is_twice_as_large(tmp_path):
    """Of 2200 x 2000 pixels, size 250 needs a half and size 16 an eighth; above 500 pixels nothing is reduced."""
    y, x = np.mgrid[:2000, :2200] / 300
    values = np.uint8(127 + 120 * np.sin(x + y * y))
    path = save(tmp_path / "a.jpg", values, quality=95)
    for size, divisor in ((16, 8), (250, 4), (500, 2), (501, 1)):
        with Image.open(path) as image:
            image.draft("L", (2200 // divisor, 2000 // divisor))
            assert image.size == (2200 // divisor, 2000 // divisor)
            expected = datasets.resize(scaled(np.asarray(image))[..., None], size)
        same(datasets.folder(tmp_path, size)[0][0], expected, steps=4)
        whole = datasets.resize(scaled(np.asarray(Image.open(path)))[..., None], size)
        assert np.sqrt(np.mean((whole - expected) ** 2)) < 0.01


def test_a_jpeg_of_four_megapixels_keeps_its_values(tmp_path):
    """Smaller JPEG files are never opened at a reduced size, so their values are those of `resize`."""
    path = save(tmp_path / "a.jpg", np.tile(some_bytes((10, 10)), (200, 200)), quality=95)
    with Image.open(path) as image:
        whole = datasets.resize(scaled(np.asarray(image))[..., None], 16)
    same(datasets.folder(tmp_path, 16)[0][0], whole, steps=4)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process is read from /proc")
def test_a_photograph_of_48_megapixels_takes_little_memory(tmp_path):
    """At 64 x 64 a JPEG of 8000 x 6000 pixels takes less than 100 MB; as floats it would have 576 MB."""
    Image.new("RGB", (8000, 6000), (20, 120, 220)).save(tmp_path / "a.jpg")
    code = (
        "import sys; from minidiff import datasets; import PIL.Image; PIL.Image.init()\n"
        "peak = lambda: next(int(w.split()[1]) for w in open('/proc/self/status') if w.startswith('VmHWM'))\n"
        "before = peak(); datasets.folder(sys.argv[1], size=64); print(peak() - before)"
    )
    run = subprocess.run([sys.executable, "-c", code, tmp_path], check=True, capture_output=True, text=True)
    assert int(run.stdout) < 100_000


def test_count_opens_only_the_chosen_images(tmp_path, monkeypatch):
    """Of a large folder, count=2 opens two files; of a named set, only the chosen images are resized."""
    for i in range(20):
        save(tmp_path / f"{i:02}.png", np.full((3, 3), 250 - i, np.uint8))
    opened, read = [], readers.read_image
    monkeypatch.setattr(readers, "read_image", lambda path, *rest: opened.append(path) or read(path, *rest))
    assert datasets.load(tmp_path, count=2, size=4)[0].shape == (2, 4, 4, 1) and len(opened) == 2
    monkeypatch.setattr(files, "memory", lambda: 2**29)
    images, labels = datasets.load("digits", size=2000, count=3, rng=1)
    small, again = datasets.load("digits", count=3, rng=1)
    assert images.shape == (3, 2000, 2000, 1) and np.array_equal(labels, again)
    assert np.array_equal(images[0], datasets.resize(small[0], 2000))


TOO_LARGE = [
    lambda at: datasets.load("digits", size=4096),
    lambda at: datasets.digits(size=4096),
    lambda at: datasets.resize(np.zeros((1797, 2, 2, 1)), 4096),
    lambda at: datasets.glyphs(1797, 4096),
    lambda at: datasets.photo(1797, 4096 // 2, 2.0),
    lambda at: datasets.colour_patterns(1797, 4096),
    lambda at: datasets.creatures(1797, 4096),
    lambda at: datasets.folder(at / "folder", size=4096),
    lambda at: datasets.load(at / "folder", size=4096),
    lambda at: datasets.load(at / "a.npy", size=4096),
]


@pytest.mark.parametrize("call", TOO_LARGE)
def test_images_that_do_not_fit_into_memory_are_refused_before_they_are_made(tmp_path, monkeypatch, call):
    """A set that takes more than half of the memory is one line with both numbers, wherever the images come from."""
    monkeypatch.setattr(files, "memory", lambda: 2**29)
    for i in range(5):
        save(tmp_path / "folder" / f"{i}.png", np.full((3, 3), 255, np.uint8))
    np.save(tmp_path / "a.npy", np.full((5, 3, 3), 255, np.uint8))
    with pytest.raises(ValueError) as error:
        call(tmp_path)
    one_line(error, "images: expected", "half of this computer's 0.5 GiB", "which takes", "GiB; hint: a smaller size=")
    if call in TOO_LARGE[:3]:
        one_line(error, "(1797, 4096, 4096, 1)", "112 GiB")


@pytest.mark.parametrize("name", ["images", "anything"])
def test_a_small_file_that_unpacks_to_more_than_the_memory_is_refused(tmp_path, monkeypatch, name):
    """Zeros are packed to a thousandth: the system would end the process without a word. What is not read does not count."""
    monkeypatch.setattr(files, "memory", lambda: 2**20)
    np.savez_compressed(tmp_path / "a.npz", **{name: np.zeros((600, 30, 30, 1), np.uint8)})
    for read in (datasets.npz, lambda path: datasets.load(path, count=1)):
        with pytest.raises(ValueError) as error:
            read(tmp_path / "a.npz")
        one_line(error, "a.npz: expected a file that fits into half of this computer's", "GiB in it, packed")
    packed = gzip.compress(struct.pack(">4I", 0x803, 600, 30, 30) + bytes(540_000))
    (tmp_path / "a-idx3-ubyte.gz").write_bytes(packed)
    with pytest.raises(ValueError) as error:
        datasets.idx(tmp_path / "a-idx3-ubyte.gz")
    one_line(error, "a-idx3-ubyte.gz: expected a file that fits into half of this computer's", "GiB in it, packed")
    more = {"images": np.zeros((2, 4, 4, 1), np.uint8), "others": np.zeros(2**20, np.uint8)}
    np.savez_compressed(tmp_path / "b.npz", **more)
    assert datasets.npz(tmp_path / "b.npz")[0].shape == (2, 4, 4, 1)


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
@pytest.mark.parametrize("path", ["", "**"])
def test_a_link_to_no_image_does_not_vanish(tmp_path, path):
    """A data set that is moved breaks links into it: the file is named, and the set is not silently smaller."""
    save(tmp_path / "0.png", np.zeros((3, 3), np.uint8))
    (tmp_path / "1.png").symlink_to("moved.png")
    with pytest.raises(ValueError) as error:
        datasets.load(tmp_path / path)
    one_line(error, "1.png: expected an image, got a link to moved.png, where there is no file")


# --- readings that are probably not meant ----------------------------------------------------------------------------


def saved(path, array, kind):
    """The array as a .npy or a .npz file, and its two readers."""
    np.save(path / "a.npy", array) if kind == "npy" else np.savez(path / "a.npz", images=array)
    return path / f"a.{kind}", (getattr(datasets, kind), datasets.load)


@pytest.mark.parametrize("kind", ["npy", "npz"])
@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((48, 64, 3), ["is one image", "array[None]", "array[..., None]", "3 pixels wide"]),
        ((48, 64, 4), ["is one image"]),
        ((48, 64, 1), ["is one image"]),
        ((48, 64), ["(N, H, W)", "array[None]"]),
        ((5, 1, 28, 28), ["channels last", "transpose(0, 2, 3, 1)"]),
        ((5, 4, 28, 28), ["channels last", "transpose(0, 2, 3, 1)"]),
        ((32, 32, 3, 50), ["channels last", "transpose(3, 0, 1, 2)"]),
    ],
)
def test_arrays_whose_axes_are_not_meant_so_are_refused(tmp_path, kind, shape, words):
    """One photograph is not many grey images that are three pixels wide, and channels come last; the hint gives the axes."""
    path, reads = saved(tmp_path, some_bytes(shape), kind)
    for read in reads:
        with pytest.raises(ValueError) as error:
            read(path)
        one_line(error, path, "expected", *words)


DOUBTS = [
    (np.eye(9, dtype=np.uint8)[None], ["none lighter than -0.99", "255 * array"]),
    (np.full((2, 4, 4), 9, np.uint8), ["none lighter than"]),
    (np.eye(9, dtype=np.float32)[None], ["0 to 1", "grey to white", "2 * array - 1"]),
    (np.full((3, 32, 32), 200, np.uint8), ["3 grey ones", "transpose(1, 2, 0)[None]"]),
]


@pytest.mark.parametrize("kind", ["npy", "npz"])
@pytest.mark.parametrize(("array", "words"), DOUBTS, ids=["mask", "dark", "floats", "channels first"])
def test_readings_that_are_probably_not_meant_are_said_once(tmp_path, kind, array, words):
    """Masks of 0 and 1 are almost black, floats in [0, 1] are grey: the images are read, and one warning says so."""
    path, reads = saved(tmp_path, array, kind)
    for read in reads:
        images, _ = warned(lambda read=read: read(path), path, *words)
        assert images.shape == (*array.shape, 1)


@pytest.mark.parametrize("tone", [0, 255])
def test_plain_images_raise_no_doubt(tmp_path, tone):
    """Images that are black all over, or white, are meant so."""
    np.save(tmp_path / "a.npy", np.full((2, 4, 4), tone, np.uint8))
    assert (datasets.load(tmp_path / "a.npy")[0] == (1 if tone else -1)).all()


def test_masks_in_image_and_idx_files_are_said_too(tmp_path):
    """The same reading is doubtful in every kind of file."""
    mask = np.eye(8, dtype=np.uint8)
    save(tmp_path / "folder" / "a.png", mask)
    path = write_idx(tmp_path / "a-idx3-ubyte", mask[None])
    for call in (datasets.folder, datasets.load):
        warned(lambda call=call: call(tmp_path / "folder"), tmp_path / "folder", "none lighter than")
    for call in (datasets.idx, datasets.load):
        warned(lambda call=call: call(path), path, "none lighter than")


def test_labels_that_are_not_read_are_said(tmp_path):
    """Labels beside the images under a name that does not pair them are named once, in a folder, for .npy, .npz and IDX."""
    values, classes = np.full((3, 4, 4), 255, np.uint8), np.arange(3, dtype=np.uint8)
    for images, labels in (("train_images.npy", "train_labels.npy"), ("x_train.npy", "y_train.npy"), ("a.npy", "a_labels.npy")):
        np.save(tmp_path / images, values)
        np.save(tmp_path / labels, classes)
        assert warned(lambda name=images: datasets.load(tmp_path / name), labels, "not read", ".npz")[1] is None
    np.savez(tmp_path / "a.npz", images=values, y=classes)
    for read in (datasets.npz, datasets.load):
        assert warned(lambda read=read: read(tmp_path / "a.npz"), "named labels", "got y", "not read")[1] is None
    write_idx(tmp_path / "faces.idx", values)
    write_idx(tmp_path / "faces_labels.idx", classes)
    (tmp_path / "faces.idx").rename(tmp_path / "faces-ubyte")
    (tmp_path / "faces_labels.idx").rename(tmp_path / "faces-ubyte_labels")
    assert warned(lambda: datasets.load(tmp_path / "faces-ubyte"), "faces-ubyte_labels", "not read")[1] is None
    save(tmp_path / "folder" / "a.png", values[0])
    (tmp_path / "folder" / "labels.csv").write_text("a.png,1")
    assert warned(lambda: datasets.folder(tmp_path / "folder"), "labels.csv", "not read")[1] is None


def test_one_array_alone_is_the_images_whatever_its_name(tmp_path):
    """A single array called y is read as images, and is not said to be labels beside them."""
    np.savez(tmp_path / "a.npz", y=np.full((3, 4, 4), 255, np.uint8))
    for read in (datasets.npz, datasets.load):
        assert read(tmp_path / "a.npz")[1] is None


def test_idx_labels_pair_with_gzipped_images(tmp_path):
    """MNIST's names pair, whichever of the two files was unpacked."""
    for first, second in (("", ".gz"), (".gz", "")):
        where = tmp_path / (first or "plain")
        where.mkdir()
        path = write_idx(where / f"train-images-idx3-ubyte{first}", np.full((3, 4, 4), 255, np.uint8))
        write_idx(where / f"train-labels-idx1-ubyte{second}", np.arange(3, dtype=np.uint8))
        assert datasets.load(path)[1].tolist() == [0, 1, 2]


def test_numbers_in_errors_have_enough_digits(tmp_path):
    """A value beside its bound shows the difference: 1.0000001 is not in [-1, 1], and 1 is."""
    above = np.nextafter(np.float32(1), np.float32(2))
    np.save(tmp_path / "a.npy", np.full((2, 4, 4), above))
    for call in (
        lambda: datasets.load(tmp_path / "a.npy"),
        lambda: datasets.resize(np.full((2, 4, 4, 1), above), 2),
        lambda: arguments.times("t", np.array([0.5, 1 + 2**-52])),
        lambda: arguments.number("across", 240.9412, 1, 4096 / 17),
    ):
        with pytest.raises(ValueError) as error:
            call()
        one_line(error)
        numbers = str(error.value).split("got ")[1]
        assert "1.0000001" in numbers or "0.5 to 1.0000000000000002" in numbers or "240.94117647058823]" in str(error.value)


def test_a_large_value_in_an_error_stays_on_one_line():
    """Whatever a caller gives for a number, a choice or a time, the message is one line of a readable length."""
    huge = np.zeros((40, 40))
    for call in (
        lambda: arguments.whole_number("size", huge, 1),
        lambda: arguments.number("across", huge),
        lambda: arguments.generator(huge),
        lambda: arguments.times("t", huge + 2),
        lambda: arguments.times("t", "half"),
        lambda: arguments.times("t", [[0.1], [0.2, 0.3]]),
        lambda: arguments.times("t", 10**400),
        lambda: arguments.number("across", 10**400),
        lambda: arguments.choice("places", list(range(99)), ("fixed", "free")),
    ):
        with pytest.raises((TypeError, ValueError)) as error:
            call()
        one_line(error, "expected", "got")
        assert len(str(error.value)) < 200


def test_a_training_set_has_its_channels_last():
    """Images with their channels first would be read as images three pixels high; a set of points (N, 1, 1, D) is left alone."""
    for name, shape in (("images", (9, 3, 28, 28)), ("images", (9, 1, 20, 30))):
        with pytest.raises(ValueError) as error:
            arguments.image_set(np.zeros(shape), name)
        one_line(error, "channels last", shape, "images.transpose(0, 2, 3, 1)")
    assert arguments.image_set(np.zeros((9, 1, 1, 50))).shape == (9, 1, 1, 50)


def test_an_archive_of_pictures_is_refused_in_a_short_line(tmp_path):
    """A .zip of many pictures looks like an .npz file; the error names a few of its members."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for i in range(1000):
            archive.writestr(f"{i}.png", b"")
    with pytest.raises(ValueError) as error:
        datasets.load(tmp_path / "a.zip")
    one_line(error, "an array named images", "0.png, 1.png", "...")
    assert len(str(error.value)) < 300


def test_the_hint_for_three_axes_is_the_axis_that_is_missing():
    """Many grey images lack their channels; one image lacks the axis of images."""
    for shape, hint in (((9, 28, 28), "images[..., None]"), ((28, 28, 3), "images[None]")):
        with pytest.raises(ValueError) as error:
            arguments.image_set(np.zeros(shape))
        one_line(error, str(shape), hint)


# --- IDX -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["ubyte", "ubyte.gz"])
def test_idx_round_trip(tmp_path, suffix):
    """Bytes written by struct come back scaled, gzipped or not, with labels; load finds these by MNIST's names."""
    values, classes = some_bytes((5, 4, 3)), some_bytes((5,), 1)
    images_path = write_idx(tmp_path / f"train-images-idx3-{suffix}", values)
    images, labels = datasets.idx(images_path)
    same(images, scaled(values)[..., None])
    assert labels is None and datasets.load(images_path)[1] is None
    labels_path = write_idx(tmp_path / f"train-labels-idx1-{suffix}", classes)
    for images, labels in (datasets.idx(str(images_path), labels_path), datasets.load(str(images_path))):
        same(images, scaled(values)[..., None])
        assert labels.tolist() == classes.tolist() and labels.dtype == np.int64


@pytest.mark.parametrize("suffix", [".idx", ".gz"])
@pytest.mark.parametrize(
    ("magic", "shape", "words"),
    [
        (0x801, None, ["0x00000803", "0x00000801", "3 for images and 1 for labels"]),
        (0xD03, None, ["0x00000803", "0x00000d03"]),
        (0x12345678, None, ["0x00000803", "0x12345678"]),
        (None, (3, 4, 4), ["48 bytes"]),
        (None, (1, 4, 4), ["16 bytes", "more"]),
        (None, (2**32 - 1, 2**32 - 1, 2**32 - 1), [str((2**32 - 1) ** 3), "at most"]),
        (None, (0, 4, 4), ["(0, 4, 4)"]),
    ],
)
def test_bad_idx_headers(tmp_path, suffix, magic, shape, words):
    """A wrong magic number, or a header that asks for more or fewer bytes than there are, is one line, at once."""
    path = write_idx(tmp_path / f"images{suffix}", some_bytes((2, 4, 4)), magic, shape)
    with pytest.raises(ValueError) as error:
        datasets.idx(path)
    one_line(error, path, "expected", *words)


@pytest.mark.parametrize("length", [0, 3, 4, 10, 15, 16, 17, 47])
def test_truncated_idx(tmp_path, length):
    """A file cut anywhere, in its header or its body, is refused by name."""
    path = write_idx(tmp_path / "images-ubyte", some_bytes((2, 4, 4)))
    path.write_bytes(path.read_bytes()[:length])
    word = "magic number" if length < 4 else "IDX header" if length < 16 else f"at most {length - 16}"
    for read in (datasets.idx, datasets.load):
        with pytest.raises(ValueError) as error:
            read(path)
        one_line(error, path, "expected", word)


def test_empty_idx(tmp_path):
    """A well-formed file of no images holds nothing to learn from, and is refused."""
    path = write_idx(tmp_path / "images-ubyte", some_bytes((0, 4, 4)))
    with pytest.raises(ValueError) as error:
        datasets.idx(path)
    one_line(error, path, "at least one", "(0, 4, 4)")


def test_damaged_gzip_is_refused(tmp_path):
    """Cut anywhere, with a wrong checksum, or with no gzip data in it at all: one line, never zlib's own error."""
    path = write_idx(tmp_path / "images-ubyte.gz", some_bytes((20, 8, 8)))
    whole = path.read_bytes()
    damaged = [whole[:length] for length in range(0, len(whole), 97)]
    damaged += [whole[:-1], whole[:-6] + bytes([whole[-6] ^ 1]) + whole[-5:], whole + b"more", b"not gzip at all"]
    damaged += [whole[:30] + bytes(40) + whole[70:]]
    for data in damaged:
        path.write_bytes(data)
        for read in (datasets.idx, datasets.load):
            with pytest.raises(ValueError) as error:
                read(path)
            one_line(error, path, "expected")


def test_forged_idx_header_allocates_nothing(tmp_path):
    """A small gzip file whose header asks for what deflate might hold is read by what arrives, not by what it asks."""
    import tracemalloc

    path = write_idx(tmp_path / "images.gz", some_bytes((1, 200, 200)), shape=(300, 300, 300))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError) as error:
            datasets.idx(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    one_line(error, path, "27000000", "40000")
    assert peak < 5_000_000


def test_idx_labels_must_match(tmp_path):
    """One label per image, from a file of labels; images in their place are told by the magic number."""
    images_path = write_idx(tmp_path / "images", some_bytes((5, 4, 4)))
    for other, words in ((some_bytes((4,)), ["5 labels", "got 4"]), (some_bytes((5, 1, 1)), ["0x00000801"])):
        labels_path = write_idx(tmp_path / "labels", other)
        with pytest.raises(ValueError) as error:
            datasets.idx(images_path, labels_path)
        one_line(error, labels_path, *words)


# --- CIFAR-10 --------------------------------------------------------------------------------------------------------


def test_cifar10_round_trip(tmp_path):
    """One file, or the data_batch files of a folder in order without the test batch; planes become the last axis."""
    values, classes = some_bytes((6, 32, 32, 3)), [3, 9, 0, 1, 2, 5]
    write_cifar(tmp_path / "data_batch_2.bin", values[4:], classes[4:])
    one = write_cifar(tmp_path / "data_batch_1.bin", values[:4], classes[:4])
    write_cifar(tmp_path / "test_batch.bin", values[:1], [7])
    for read in (datasets.cifar10, datasets.load):
        images, labels = read(one)
        same(images, scaled(values[:4]))
        assert labels.tolist() == classes[:4] and images.flags.c_contiguous
        images, labels = read(str(tmp_path))
        same(images, scaled(values))
        assert labels.tolist() == classes and labels.dtype == np.int64


def test_bad_cifar10(tmp_path):
    """Ragged or empty files, labels above 9, and a folder without batches are refused by name."""
    path = tmp_path / "x.bin"
    for data, word in ((b"", "0 bytes"), (bytes(3072), "3072 bytes"), (b"\x0a" + bytes(3072), "labels")):
        path.write_bytes(data)
        for read in (datasets.cifar10, datasets.load):
            with pytest.raises(ValueError) as error:
                read(path)
            one_line(error, path, "CIFAR-10", word)
    with pytest.raises(ValueError) as error:
        datasets.cifar10(tmp_path)
    one_line(error, tmp_path, "data_batch_", "cifar-10-binary.tar.gz")


# --- npy and npz -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32, np.float64, ">f4"])
@pytest.mark.parametrize("shape", [(3, 5, 4), (3, 5, 4, 1), (3, 5, 4, 3)])
def test_npy_and_npz_round_trip(tmp_path, dtype, shape):
    """Bytes are scaled, floats in [-1, 1] kept; (N, H, W) gains a channel axis; Fortran order makes no difference."""
    values = some_bytes(shape)
    if dtype is not np.uint8:
        values = (np.random.default_rng(0).integers(-64, 65, shape) / 64).astype(dtype)
    expected = scaled(values) if dtype is np.uint8 else values.astype(np.float64)
    expected = expected.reshape(3, 5, 4, -1)
    np.save(tmp_path / "a.npy", np.asfortranarray(values))
    np.savez_compressed(tmp_path / "a.npz", values)
    for read, name in (
        (datasets.npy, "a.npy"),
        (datasets.load, "a.npy"),
        (datasets.npz, "a.npz"),
        (datasets.load, "a.npz"),
    ):
        images, labels = read(tmp_path / name)
        same(images, expected)
        assert images.flags.c_contiguous and type(images) is np.ndarray and labels is None


@pytest.mark.parametrize("names", [("images", "labels"), ("train_images", "train_labels"), ("x_train", "y_train")])
def test_npz_finds_images_and_labels_by_name(tmp_path, names):
    """The usual names are known, beside other arrays; labels may be a column."""
    values, classes = some_bytes((3, 4, 4)), np.array([[2], [0], [1]], dtype=np.uint8)
    np.savez(tmp_path / "a.npz", **{names[0]: values, names[1]: classes, "other": np.zeros(3)})
    for read in (datasets.npz, datasets.load):
        images, labels = read(tmp_path / "a.npz")
        same(images, scaled(values)[..., None])
        assert labels.tolist() == [2, 0, 1] and labels.dtype == np.int64


@pytest.mark.parametrize(
    ("values", "hint"),
    [
        ([0, 255], "array.astype(np.uint8)"),
        ([-1, 1], "array.astype(np.float32)"),
        ([-300, 300], None),
        ([False, True], "255 * array.astype(np.uint8)"),
        (np.array([0, 65535], np.uint16), "array / 32767.5 - 1"),
    ],
)
def test_a_hint_for_whole_numbers_keeps_their_values(tmp_path, values, hint):
    """What the hint says to write does not wrap round: 300 is no byte, and -1 would be 255."""
    np.save(tmp_path / "a.npy", np.resize(values, (2, 4, 4)))
    with pytest.raises(ValueError) as error:
        datasets.load(tmp_path / "a.npy")
    one_line(error, "expected uint8", hint or "got int64")
    assert ("; hint: " in str(error.value)) == (hint is not None)


BAD_ARRAYS = [
    (np.full((2, 4, 4), np.nan), ["finite", "32 NaN"]),
    (np.full((2, 4, 4), np.inf, dtype=np.float32), ["finite"]),
    (np.full((2, 4, 4), 1.5), ["[-1, 1]", "1.5"]),
    (np.full((2, 4, 4), -255.0), ["[-1, 1]", "-255"]),
    (np.zeros((2, 4, 4), dtype=np.int64), ["uint8", "int64"]),
    (np.zeros((2, 4, 4), dtype=np.complex64), ["uint8", "complex64"]),
    (np.zeros((4, 4)), ["(N, H, W)", "(4, 4)"]),
    (np.zeros((0, 4, 4)), ["(N, H, W)"]),
    (np.zeros((2, 3, 32, 32)), ["channels last", "transpose"]),
    (np.array([[{}]], dtype=object), ["pickled"]),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("array", "words"), BAD_ARRAYS)
def test_bad_arrays_are_refused_in_npy_and_npz(tmp_path, array, words):
    """NaN, values beyond [-1, 1], other dtypes and shapes, channels first, objects: one line that names the file."""
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "a.npz", images=array)
    for read, name in (
        (datasets.npy, "a.npy"),
        (datasets.npz, "a.npz"),
        (datasets.load, "a.npy"),
        (datasets.load, "a.npz"),
    ):
        with pytest.raises(ValueError) as error:
            read(tmp_path / name)
        one_line(error, tmp_path / name, "expected", *words)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"a": np.zeros((2, 4, 4)), "b": np.zeros(3)}, ["images or train_images or x_train", "a, b"]),
        ({}, ["images", "none"]),
        ({"images": np.zeros((2, 4, 4)), "labels": np.zeros(3, dtype=int)}, ["labels", "2 whole numbers", "(3,)"]),
        ({"images": np.zeros((2, 4, 4)), "labels": np.zeros(2)}, ["labels", "2 whole numbers", "float64"]),
    ],
)
def test_bad_npz(tmp_path, arrays, words):
    """Unknown names are listed; labels are one whole number per image."""
    np.savez(tmp_path / "a.npz", **arrays)
    for read in (datasets.npz, datasets.load):
        with pytest.raises(ValueError) as error:
            read(tmp_path / "a.npz")
        one_line(error, tmp_path / "a.npz", *words)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_damaged_npy_and_npz_never_leak_another_error(tmp_path, name):
    """Cut anywhere, with bytes changed, or something else altogether: images or a ValueError naming the file."""
    path, rng = tmp_path / name, np.random.default_rng(0)
    (np.save if name == "a.npy" else np.savez_compressed)(path, some_bytes((2, 4, 4)))
    whole = path.read_bytes()
    damaged = [whole[:length] for length in range(0, len(whole), max(1, len(whole) // 40))]
    damaged += [b"hello", b"(((", whole.replace(b"'|u1'", b"_|u1'"), whole.replace(b"(2, 4, 4)", b"(9, 9, 9)")]
    for _ in range(60):
        changed = bytearray(whole)
        changed[rng.integers(len(whole))] = rng.integers(256)
        damaged.append(bytes(changed))
    refused = 0
    for data in damaged:
        path.write_bytes(data)
        for read in (getattr(datasets, name[2:]), datasets.load):
            try:
                read(path)
            except ValueError as error:
                refused += 1
                assert name in str(error) and "\n" not in str(error)
    assert refused > 80


# --- load ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", datasets.NAMES)
def test_load_by_name_is_the_set_itself(name):
    """A name gives what its function gives, at the asked size; colour repeats a grey channel three times."""
    images, labels = datasets.load(name, size=6)
    expected, classes = datasets.NAMES[name](size=6)
    assert np.array_equal(images, expected) and np.array_equal(labels, classes)
    coloured, _ = datasets.load(name, size=6, colour=True)
    assert coloured.shape[-1] == 3 and np.array_equal(coloured, np.broadcast_to(expected, coloured.shape))


def test_load_count_draws_or_chooses():
    """Drawn sets are drawn at that number; from the others, count chooses at random, in order, without repetition."""
    assert np.array_equal(datasets.load("glyphs", count=7, rng=3)[0], datasets.glyphs(7, rng=3)[0])
    assert np.array_equal(datasets.load("photo", count=7, rng=3)[0], datasets.photo(7, rng=3)[0])
    whole, classes = datasets.digits()
    some, labels = datasets.load("digits", count=50, rng=3)
    again, _ = datasets.load("digits", count=50, rng=np.random.default_rng(3))
    other, _ = datasets.load("digits", count=50, rng=4)
    assert np.array_equal(some, again) and not np.array_equal(some, other)
    places = [int(np.flatnonzero((whole == image).all(axis=(1, 2, 3)))[0]) for image in some]
    assert places == sorted(set(places)) and len(places) == 50
    assert labels.tolist() == classes[places].tolist()


def test_load_options_apply_to_every_kind_of_file(tmp_path):
    """size, count and colour mean the same for a folder, IDX, CIFAR-10, .npy and .npz: all agree on the same bytes."""
    values, classes = some_bytes((6, 32, 32)), np.arange(6, dtype=np.uint8)
    colour = np.repeat(values[..., None], 3, axis=-1)
    for i, image in enumerate(values):
        save(tmp_path / "folder" / str(i) / "a.png", image)
    np.save(tmp_path / "a.npy", values)
    np.savez(tmp_path / "a.npz", images=values, labels=classes)
    write_cifar(tmp_path / "a.bin", colour, classes)
    write_idx(tmp_path / "t-images-idx3-ubyte", values)
    write_idx(tmp_path / "t-labels-idx1-ubyte", classes)
    paths = [tmp_path / name for name in ("folder", "a.npz", "a.bin", "t-images-idx3-ubyte", "a.npy")]
    first, labels = datasets.load(paths[0], size=10, count=3, colour=True, rng=1)
    assert first.shape == (3, 10, 10, 3)
    same(first, datasets.resize(scaled(colour[labels]), 10), steps=4)
    for path in paths[1:]:
        images, found = datasets.load(path, size=10, count=3, colour=True, rng=1)
        assert np.array_equal(images, first)
        assert found is None or np.array_equal(found, labels)


def test_load_name_comes_before_a_folder_of_that_name(tmp_path, monkeypatch):
    """`two_tone` is the set even where a folder is called so; ./two_tone is the folder."""
    save(tmp_path / "two_tone" / "a.png", some_bytes((3, 3)))
    monkeypatch.chdir(tmp_path)
    assert datasets.load("two_tone")[0].shape == (2, 16, 16, 1)
    assert datasets.load(os.path.join(".", "two_tone"))[0].shape == (1, 3, 3, 1)
    assert datasets.load(Path("two_tone"))[0].shape == (1, 3, 3, 1)


def test_load_refuses_what_it_does_not_know(tmp_path):
    """Unknown names list the names; a file of another kind, or a single image, says what is taken."""
    with pytest.raises(ValueError) as error:
        datasets.load("digit")
    one_line(error, "data", "digits, glyphs, photo, two_tone", "'digit'")
    (tmp_path / "a.txt").write_text("hello")
    save(tmp_path / "a.png", some_bytes((3, 3)))
    for name, word in (("a.txt", "another kind"), ("a.png", "folder that holds it")):
        with pytest.raises(ValueError) as error:
            datasets.load(tmp_path / name)
        one_line(error, tmp_path / name, "expected", word)
    np.save(tmp_path / "b.npy", np.zeros((2, 4, 4, 2)))
    with pytest.raises(ValueError) as error:
        datasets.load(tmp_path / "b.npy", colour=True)
    one_line(error, "1 or 3 channels", "got 2")


# --- bad arguments ---------------------------------------------------------------------------------------------------

BAD_CALLS = [
    (lambda: datasets.digits(size=0), "size"),
    (lambda: datasets.digits(size=5000), "size"),
    (lambda: datasets.digits(size="16"), "size"),
    (lambda: datasets.two_tone(size=-1), "size"),
    (lambda: datasets.glyphs(count=0), "count"),
    (lambda: datasets.glyphs(count=10**9), "count"),
    (lambda: datasets.glyphs(size=3), "size"),
    (lambda: datasets.glyphs(characters=""), "characters"),
    (lambda: datasets.glyphs(characters="ABA"), "characters"),
    (lambda: datasets.glyphs(characters=["A"]), "characters"),
    (lambda: datasets.glyphs(characters="A\n"), "characters"),
    (lambda: datasets.glyphs(characters="A "), "characters"),
    (lambda: datasets.glyphs(characters="\u4e2d"), "characters"),
    (lambda: datasets.glyphs(rotation=-1), "rotation"),
    (lambda: datasets.glyphs(scale=0.5), "scale"),
    (lambda: datasets.glyphs(scale=(0.9, 0.5)), "scale"),
    (lambda: datasets.glyphs(scale=(0.5, 1.5)), "scale"),
    (lambda: datasets.glyphs(shift=2), "shift"),
    (lambda: datasets.glyphs(fonts="DejaVuSans"), "fonts"),
    (lambda: datasets.glyphs(fonts=[]), "fonts"),
    (lambda: datasets.glyphs(fonts=["Comic"]), "fonts"),
    (lambda: datasets.glyphs(rng="seed"), "rng"),
    (lambda: datasets.photo(count=1.5), "count"),
    (lambda: datasets.photo(size=0), "size"),
    (lambda: datasets.photo(across=0.5), "across"),
    (lambda: datasets.photo(across=1000), "across"),
    (lambda: datasets.photo(rng=-1), "rng"),
    (lambda: datasets.load("digits", count=1798), "count"),
    (lambda: datasets.load("digits", count=0), "count"),
    (lambda: datasets.load("two_tone", count=3), "count"),
    (lambda: datasets.load("digits", size=0), "size"),
    (lambda: datasets.load("digits", rng=2.5), "rng"),
    (lambda: datasets.load(""), "data"),
    (lambda: datasets.load(None), "data"),
    (lambda: datasets.folder(3), "path"),
]


@pytest.mark.parametrize(("call", "argument"), BAD_CALLS)
def test_bad_arguments_are_named(call, argument):
    """A bad argument is refused before any work, in one line that begins with its name."""
    with pytest.raises((ValueError, TypeError)) as error:
        call()
    one_line(error, "expected", "got")
    assert str(error.value).startswith(f"{argument}: ")


@pytest.mark.parametrize("reader", ["folder", "idx", "cifar10", "npz", "npy"])
def test_missing_paths_and_wrong_kinds_of_path(tmp_path, reader):
    """A path that is not there is a FileNotFoundError; a folder for a file, or a file for a folder, a ValueError."""
    read = getattr(datasets, reader)
    with pytest.raises(FileNotFoundError) as error:
        read(tmp_path / "nowhere")
    one_line(error, tmp_path / "nowhere", "expected")
    (tmp_path / "file").write_text("hello")
    wrong = tmp_path / "file" if reader == "folder" else tmp_path
    with pytest.raises(ValueError) as error:
        read(wrong)
    one_line(error, wrong, "expected")
