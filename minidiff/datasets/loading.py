"""Loading any set by its name or its path; the option --data of the command line takes the same names and paths."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from .. import arguments
from ..files import as_path
from ..types import Array, PathLike, Rng
from . import arrays, made, readers, ruled
from .images import doubt, doubt_dark, existing_file, image_side, resized, to_colour, to_float
from .pictures import formats

NAMES: dict[str, Callable[..., tuple[Array, Array | None]]] = {
    "digits": made.digits,
    "glyphs": made.glyphs,
    "photo": made.photo,
    "two_tone": made.two_tone,
    "colour_patterns": ruled.colour_patterns,
    "creatures": ruled.creatures,
}
# The sets whose images are drawn at random, in any number.
DRAWN = ("glyphs", "photo", "colour_patterns", "creatures")
# The first bytes of files.
MARKS = {readers.GZIP_MAGIC: "idx", b"\0\0": "idx", b"PK\x03\x04": "npz", b"\x93NUMPY": "npy"}
KINDS = "a folder of images, or an IDX, CIFAR-10 .bin, .npz or .npy file"


def load(
    name_or_path: PathLike, size: int | None = None, count: int | None = None, colour: bool = False, rng: Rng = 0
) -> tuple[Array, Array | None]:
    """Training images by name, which is one of NAMES, such as digits, or from a file or folder of your own.

    A folder is read by `cifar10` if it holds data_batch_*.bin, by `idx` if it holds a file named as MNIST's images are (the one
    for training, if there are others), and else by `folder`. A .bin file is read by `cifar10`. The first bytes of any other file
    say whether it is read by `idx`, `npz` or `npy`. `idx` also reads the labels, if their file lies beside the images and both
    are named as MNIST's are: ...images-idx3... and ...labels-idx1..., gzipped or not. If a folder has the name of a set, such as
    digits, write ./digits for the folder. A path that ends in /**, such as "photos/**", means the images at every depth of the
    folder `photos`; see `folder`.

    Parameters
    ----------
    name_or_path : str or path
    size : int from 1 to 4096, optional
        The side of the images in pixels. By default it is 8 for digits, 16 for the other named sets, and a file's own for files.
    count : int >= 1, optional
        The number of images. Glyphs, photo, colour_patterns and creatures draw so many (by default 1,000, 500, 300 and 300). From
        all other sets so many are chosen at random, and stay in their order (by default, all of them).
    colour : bool
        Whether a grey channel is repeated three times. Colour images stay as they are.
    rng : None, int or numpy Generator
        The source of all random choices.

    Returns
    -------
    images : (N, H, W, C) float32 in [-1, 1]
    labels : (N,) int64, or None

    Raises ValueError, TypeError or FileNotFoundError, in one line, as the set's own function does, and ValueError if the images
    would take more than half of this computer's memory. Warns where a file was probably not meant as it is read, as its reader
    does, and if a file of labels lies beside the images that does not belong to them by its name. Only the images that `count`
    chooses are opened (in a folder), resized and converted to float32.

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
    path = training_file(as_path(name_or_path, "data"))
    if not path.exists() and path.name != "**":
        raise ValueError(f"data: expected one of {', '.join(NAMES)}, or a path, got {os.fspath(name_or_path)!r}")
    if path.name == "**" or (path.is_dir() and not readers.cifar10_batches(path)):
        files, labels, _ = readers.list_folder(path)
        chosen = _pick(count, len(files), rng, path)
        files = files[chosen] if isinstance(chosen, slice) else [files[i] for i in chosen]
        images, labels = readers.read_files(files, size, colour), None if labels is None else labels[chosen]
    else:
        values, labels = _contents(path)
        images, labels = _chosen(values, labels, size, count, colour, rng, path)
    doubt_dark(path, images)
    return images, labels


def training_file(path: Path) -> Path:
    """The IDX file of images in a folder such as MNIST's, the one for training if there are others; any other path as it is."""
    found = sorted(path.glob("*idx3-ubyte*")) if path.is_dir() else []
    return next((file for file in found if "train" in file.name), found[0] if found else path)


def _named(name, size, count, colour, rng):
    options = {"rng": rng} if name in DRAWN else {}
    if name in DRAWN:
        # They are drawn at their size and in their number. Of the other sets, only the chosen images are resized.
        options |= {key: value for key, value in (("size", size), ("count", count)) if value is not None}
        size = count = None
    return _chosen(*NAMES[name](**options), size, count, colour, rng, name)


def _chosen(values, labels, size, count, colour, rng, where):
    chosen = _pick(count, len(values), rng, where)
    images = to_float(values[chosen]) if size is None else resized(values[chosen], size)
    return to_colour(images) if colour else images, None if labels is None else labels[chosen]


def _contents(path):
    """(images (N, H, W, C) of bytes or of floats, labels or None), of a file or of a folder of CIFAR-10 batches."""
    if path.is_dir() or path.suffix.lower() == ".bin":
        return readers.read_cifar10(path)
    kind = _kind(path)
    if kind == "idx":
        labels = _labels_beside(path)
        if labels is None:
            _doubt_labels(path)
        return readers.read_idx(path, labels)
    if kind == "npz":
        return arrays.read_npz(path)
    if kind == "npy":
        _doubt_labels(path)
        return arrays.read_npy(path), None
    raise ValueError(f"{path}: expected {KINDS}, got {kind}")


def _kind(path):
    """The kind of a file, by its first bytes or else by its name: "idx", "npz", "npy", or a description of another kind."""
    path = existing_file(path, KINDS)
    with open(path, "rb") as file:
        head = file.read(6)
    suffix = path.suffix.lower()
    for mark, kind in MARKS.items():
        if head.startswith(mark):
            return kind
    if suffix in (".npz", ".npy"):
        return suffix[1:]
    if suffix in formats():
        return "one image; hint: give the folder that holds it"
    return "idx" if suffix == ".gz" or "ubyte" in path.name else "another kind of file"


def _labels_beside(path):
    """The file of labels that belongs to a file of images by MNIST's names, gzipped or not; None if there is no such file."""
    beside = path.with_name(path.name.replace("images", "labels").replace("idx3", "idx1"))
    other = beside.with_suffix("") if beside.suffix == ".gz" else beside.with_name(f"{beside.name}.gz")
    return next((file for file in (beside, other) if beside != path and file.is_file()), None)


def _doubt_labels(path):
    """Say so if a file beside `path` has a name like that of labels for it; such a file is not read."""
    for old, new in (("images", "labels"), ("image", "label"), ("idx3", "idx1"), ("x_", "y_"), ("X", "y")):
        for beside in (path.with_name(path.name.replace(old, new)), path.with_name(f"{path.stem}_labels{path.suffix}")):
            if beside != path and beside.is_file():
                return doubt(
                    f"{path}: expected images without labels, got {beside.name} beside it, which is not read; "
                    "hint: a .npz file holds arrays `images` and `labels`"
                )


def _pick(count, available, rng, where):
    """The positions of `count` of `available` images, drawn without repetition and sorted; a slice of all of them for None."""
    if count is None:
        return slice(None)
    count = arguments.whole_number("count", count, 1)
    if count > available:
        raise ValueError(f"count: expected at most {available}, the images in {where}, got {count}")
    return np.sort(arguments.generator(rng).permutation(available)[:count])
