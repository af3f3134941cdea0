"""One entrance to all sets, by name or by path: what the command line's --data means."""

import os

import numpy as np

from .. import arguments
from . import arrays, made, readers, ruled
from .images import as_path, existing_file, image_side, resize, to_colour, to_float

NAMES = {
    "digits": made.digits,
    "glyphs": made.glyphs,
    "photo": made.photo,
    "two_tone": made.two_tone,
    "colour_patterns": ruled.colour_patterns,
    "creatures": ruled.creatures,
}
# The sets that are drawn at random, as many images as one asks for.
DRAWN = ("glyphs", "photo", "colour_patterns", "creatures")
KINDS = "a folder of PNG or JPEG images, or an IDX, CIFAR-10 .bin, .npz or .npy file"


def load(name_or_path, size=None, count=None, colour=False, rng=0):
    """Training images by name - one of NAMES, such as digits - or from a path, recognised by what lies there.

    A folder is read by `cifar10` if it holds data_batch_*.bin, else by `folder`; a .bin file by `cifar10`; other files
    by their first bytes, by `idx` (with the labels beside it, if the name follows MNIST's: ...images-idx3... and
    ...labels-idx1...), `npz` or `npy`. A name comes before a path: write ./digits for a folder of that name.

    Parameters
    ----------
    name_or_path : str or path
    size : int from 1 to 4096, optional
        Side of the images; by default the set's own (16 for the sets that are made, 8 for digits).
    count : int >= 1, optional
        How many: drawn so many for the sets that are drawn at random (by default 1,000 glyphs, 500 crops of the photograph, 300
        colour_patterns or creatures), chosen at random, in order, from the others.
    colour : bool
        Repeat a grey channel three times. Colour images are in colour anyway.
    rng : None, int or numpy Generator
        For the drawn sets, and for which images `count` chooses.

    Returns
    -------
    images : (N, H, W, C) float32 in [-1, 1]
    labels : (N,) int64, or None

    Raises ValueError, TypeError or FileNotFoundError, in one line, as the set's own function does. Only the images
    chosen by `count` are turned into float32.

    Examples
    --------
    >>> images, labels = load("digits", size=16, count=100, colour=True)
    >>> images.shape, labels.shape
    ((100, 16, 16, 3), (100,))
    """
    rng = arguments.generator(rng)
    if size is not None:
        image_side(size)
    if isinstance(name_or_path, str) and name_or_path in NAMES:
        return _named(name_or_path, size, count, colour, rng)
    path = as_path(name_or_path, "data")
    if not path.exists():
        raise ValueError(f"data: expected one of {', '.join(NAMES)}, or a path, got {os.fspath(name_or_path)!r}")
    if path.is_dir() and not readers.cifar10_batches(path):
        files, labels = readers.list_folder(path)
        chosen = _pick(count, len(files), rng, path)
        files = files[chosen] if isinstance(chosen, slice) else [files[i] for i in chosen]
        return readers.read_files(files, size, colour), None if labels is None else labels[chosen]
    return _chosen(*_contents(path), size, count, colour, rng, path)


def _named(name, size, count, colour, rng):
    options = {} if size is None else {"size": size}
    if name in DRAWN:
        options |= {"rng": rng} if count is None else {"rng": rng, "count": count}
        count = None
    return _chosen(*NAMES[name](**options), None, count, colour, rng, name)


def _chosen(values, labels, size, count, colour, rng, where):
    chosen = _pick(count, len(values), rng, where)
    images = to_float(values[chosen])
    images = images if size is None else resize(images, size)
    return to_colour(images) if colour else images, None if labels is None else labels[chosen]


def _contents(path):
    """(bytes or floats (N, H, W, C), labels or None) of a file, or of a folder of CIFAR-10 batches."""
    if path.is_dir() or path.suffix.lower() == ".bin":
        return readers.read_cifar10(path)
    kind = _kind(path)
    if kind == "idx":
        return readers.read_idx(path, _labels_beside(path))
    if kind == "npz":
        return arrays.read_npz(path)
    if kind == "npy":
        return arrays.read_npy(path), None
    raise ValueError(f"{path}: expected {KINDS}, got {kind}")


def _kind(path):
    """What a file is by its first bytes, else by its name: "idx", "npz", "npy", or words for anything else."""
    path = existing_file(path, KINDS)
    with open(path, "rb") as file:
        head = file.read(6)
    if head[:2] in (readers.GZIP_MAGIC, b"\0\0"):
        return "idx"
    if head[:4] == b"PK\x03\x04":
        return "npz"
    if head == b"\x93NUMPY":
        return "npy"
    if path.suffix.lower() in (".npz", ".npy"):
        return path.suffix.lower()[1:]
    if path.suffix.lower() in readers.SUFFIXES:
        return "one image; hint: give the folder that holds it"
    return "idx" if path.suffix == ".gz" or "ubyte" in path.name else "another kind of file"


def _labels_beside(path):
    """The file of labels that belongs to MNIST's file of images, if the name says so and the file is there."""
    beside = path.with_name(path.name.replace("images", "labels").replace("idx3", "idx1"))
    return beside if beside != path and beside.is_file() else None


def _pick(count, available, rng, where):
    """Positions of `count` of `available` images, drawn without repetition and in order; all of them for None."""
    if count is None:
        return slice(None)
    count = arguments.whole_number("count", count, 1)
    if count > available:
        raise ValueError(f"count: expected at most {available}, the images in {where}, got {count}")
    return np.sort(arguments.generator(rng).permutation(available)[:count])
