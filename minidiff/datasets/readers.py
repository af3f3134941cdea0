"""Readers for your own images: a folder of image files, IDX files (MNIST, FashionMNIST), and CIFAR-10's binary files.

Each reader has a first part, such as read_idx, that returns the bytes of the images. So `load` can choose some of them before
they are converted to float32. The size that a header claims is compared with the size of the file before anything is allocated.
"""

import gzip
import math
import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..files import as_path, check_unpacked
from ..types import Array, PathLike
from .images import check_room, decoding, doubt, doubt_dark, existing_file, finished, from_bytes, image_side
from .pictures import formats, read_image

# Images that Pillow does not open, or only with a plug-in. A folder of them must not look empty.
OTHER_IMAGES = (".avif", ".heic", ".heif", ".jxl", ".svg", ".eps", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raw")
TRAINING = ("train", "training")
PARTS = (*TRAINING, "test", "testing", "val", "valid", "validation", "dev")
# images/train/class/ is the deepest usual place.
MOST_DEPTH = 3
GZIP_MAGIC = b"\x1f\x8b"
CIFAR_RECORD = 1 + 3 * 32 * 32
NOT_PYTHON = "; hint: the files of cifar-10-binary.tar.gz, not those for Python or Matlab, nor CIFAR-100"


# --- a folder --------------------------------------------------------------------------------------------------------


def folder(path: PathLike, size: int | None = None, colour: bool = False) -> tuple[Array, Array | None]:
    """The image files of a folder, or of its subfolders, in the order of their names: all formats that Pillow opens (`formats`).

    If the images lie in subfolders, each subfolder is a class. The labels are the names of the subfolders if these are all whole
    numbers, and else their positions in alphabetical order, from 0. Images that lie deeper are left out, with a warning. If the
    path ends in /**, as in "photos/**", images at every depth are read: each belongs to the class of the subfolder of `photos`
    that holds it, or to none if other images lie in `photos` itself. (Links to folders are not followed then.)

    If all subfolders with images are called train, test, val or similar, only train is read: its images, or its subfolders.

    Other files and hidden files are ignored. Of an animation, the first image is read. Transparent images are laid on black, and
    EXIF orientation is applied. Grey files give one channel, and all others three.

    Parameters
    ----------
    path : str or path
    size : int from 1 to 4096, optional
        The side of the images after `resize`, which crops them to the square in their middle. Without it, all files must have
        the same size. With it, a JPEG of more than 4 megapixels whose sides are at least 4 times `size` is decoded at a reduced
        size, of at least twice `size`. That saves time and memory. The values differ a little from those of `resize` on the whole
        image: on a photograph by 0.002 (root mean square), and by 0.03 at most.
    colour : bool
        Whether grey files give three channels too. A folder with grey and colour files needs it.

    Returns
    -------
    images : (N, H, W, C) float32 in [-1, 1], C = 1 or 3
    labels : (N,) int64, or None if there are no subfolders

    Raises FileNotFoundError if there is no such folder. Raises ValueError if it holds no images, or images both in it and in
    subfolders, or a file that is not an image or has more than 400 megapixels, or images of different sizes or channels; the
    message names the file. Raises ValueError if the images would take more than half of this computer's memory. Warns if the
    images are probably not meant like that: if some are left out, a file of labels is ignored, or all of them are almost black.
    With `size`, only one image at a time is in memory at its own size.

    Examples
    --------
    >>> folder("no such folder")
    Traceback (most recent call last):
    FileNotFoundError: no such folder: expected a folder of images, got no such folder
    """
    files, labels, _ = list_folder(path)
    images = read_files(files, size, colour)
    doubt_dark(path, images)
    return images, labels


def list_folder(path: PathLike) -> tuple[list[Path], Array | None, list[str] | None]:
    """The image files of a folder, their labels or None, and the names of the classes 0, 1, ... if words name them."""
    path = as_path(path)
    every = path.name == "**"
    root = path.parent if every else path
    if not root.exists():
        raise FileNotFoundError(f"{root}: expected a folder of images, got no such folder")
    if not root.is_dir():
        raise ValueError(f"{root}: expected a folder of images, got a file")
    found, left_out = _images_below(root, every)
    part = None if every else _training_part(root, found)
    if part:
        return list_folder(root / part)
    deeper = [] if every else [place for place in found if len(place) > 1]
    kept = [(place[0] if place else "", file) for place, files in found.items() if place not in deeper for file in files]
    names, files = list(dict.fromkeys(name for name, _ in kept)), [file for _, file in kept]
    elsewhere = _elsewhere(root, deeper, left_out)
    if not names:
        raise ValueError(f"{root}: expected a folder of images, got none in it nor in its subfolders{elsewhere}")
    if len(names) > 1 and names[0] == "" and not every:
        hint = f"'{root / '**'}' reads images at every depth, without labels"
        both = f"{files[0].name} beside {names[1]}/"
        raise ValueError(f"{root}: expected images either in it or in class subfolders, got {both}; hint: {hint}")
    if elsewhere:
        doubt(f"{root}: expected to read all images, got some that are left out{elsewhere}")
    if names[0] == "":
        _doubt_labels(root)
        return files, None, None
    # Else they are whole numbers, all different, that int64 holds: 7, -1, or a date such as 20240131.
    words = not all(re.fullmatch(r"-?\d{1,18}", name) for name in names) or len({int(name) for name in names}) < len(names)
    numbers = dict(zip(names, range(len(names)) if words else map(int, names), strict=True))
    return files, np.array([numbers[name] for name, _ in kept], dtype=np.int64), names if words else None


def _images_below(root, every):
    """{folder below root, as a tuple of names: its image files}, in the order of names, and images of other formats.

    At most MOST_DEPTH folders deep, or `every` image at any depth; then links to folders are not followed, as they may go round.
    """
    known, found, left_out = formats(), {}, []
    for at, below, names in os.walk(root, onerror=_raise, followlinks=not every):
        place = Path(at).relative_to(root).parts
        below[:] = sorted(name for name in below if name[0] != ".") if every or len(place) < MOST_DEPTH else []
        here = [Path(at, name) for name in sorted(names) if name[0] != "."]
        images = [file for file in here if file.suffix.lower() in known and _is_there(file)]
        left_out += [file for file in here if file.suffix.lower() in OTHER_IMAGES and file.suffix.lower() not in known]
        if images:
            found[place] = images
    return found, left_out


def _is_there(file):
    """Whether it is a file; ValueError for a link to nothing, since an image that is missing must not vanish from a set."""
    if file.is_symlink() and not file.exists():
        raise ValueError(f"{file}: expected an image, got a link to {os.readlink(file)}, where there is no file")
    return file.is_file()


def _raise(error):
    raise error


def _training_part(root, found):
    """The subfolder with the training images, where all images lie in subfolders with such names; else None."""
    parts = {place[0] if place else "" for place in found}
    if not all(part.lower() in PARTS for part in parts):
        return None
    part = next((part for part in parts if part.lower() in TRAINING), None)
    if part and len(parts) > 1:
        doubt(
            f"{root}: expected one set of images, got {', '.join(sorted(parts))}; only {part} is read; hint: give {root / part}"
        )
    return part


def _elsewhere(root, deeper, left_out):
    """Where other images are, and how they can be read; "" if there are none."""
    if deeper:
        place = root.joinpath(*deeper[0])
        return f", but some in {place}; hint: give {place.parent}, or '{root / '**'}' for images at every depth"
    if left_out:
        return f", but {len(left_out)} like {left_out[0].name}, which Pillow does not open here; hint: save them as .png or .jpg"
    return ""


def _doubt_labels(root):
    """Say so if labels lie beside images in a file that is not read."""
    for file in sorted(root.iterdir()):
        if "label" in file.stem.lower() and file.suffix.lower() in (".csv", ".tsv", ".txt", ".json", ".npy"):
            return doubt(f"{file}: expected labels as the names of subfolders, got a file, which is not read")


def class_names(path: PathLike) -> list[str] | None:
    """The names of the classes 0, 1, ... of a folder with subfolders that words name; None where labels have no other names.

    Parameters
    ----------
    path : str or path
        As for `folder`. For anything else that `load` takes, such as a file or "digits", the result is None.

    Examples
    --------
    >>> class_names("digits") is None
    True
    """
    path = as_path(path)
    if path.name != "**" and (not path.is_dir() or cifar10_batches(path)):
        return None
    return list_folder(path)[2]


def read_files(files: Sequence[Path], size: int | None, colour: bool) -> Array:
    """Image files as one (N, H, W, C) float32 array; ValueError if a file differs from the first one in size or channels."""
    if size is not None:
        image_side(size)
    first = read_image(files[0], size, colour)
    check_room((len(files), *first.shape))
    images = np.empty((len(files), *first.shape), dtype=np.float32)
    images[0] = first
    for i, file in enumerate(files[1:], 1):
        image = read_image(file, size, colour)
        _check_alike(file, image, files[0], first)
        images[i] = image
    return images


def _check_alike(file, image, first, model):
    for told, hint in (
        (_sides, "size= (--size) makes all images alike"),
        (_channels, "colour=True (--colour) gives all images three channels"),
    ):
        if told(image) != told(model):
            raise ValueError(f"{file}: expected {told(model)} like {first.name}, got {told(image)}; hint: {hint}")


def _sides(image):
    return f"{image.shape[1]} x {image.shape[0]} pixels"


def _channels(image):
    return "grey" if image.shape[2] == 1 else "colour"


# --- IDX -------------------------------------------------------------------------------------------------------------


def idx(images_path: PathLike, labels_path: PathLike | None = None) -> tuple[Array, Array | None]:
    """IDX files of bytes, the format of MNIST and FashionMNIST; they may be gzipped.

    Parameters
    ----------
    images_path : str or path
        A file with the magic number 0x00000803: bytes with three axes.
    labels_path : str or path, optional
        A file with the magic number 0x00000801: bytes with one axis.

    Returns
    -------
    images : (N, H, W, 1) float32 in [-1, 1]
    labels : (N,) int64, or None if there is no labels_path

    Raises FileNotFoundError if there is no such file. Raises ValueError on another magic number, on a header that asks for more
    or fewer bytes than the file has (before so many are allocated), on damaged gzip data, and if there are not as many labels as
    images. MNIST's 60,000 images take 188 MB as float32.

    Examples
    --------
    >>> idx("no-such-file-idx3-ubyte")
    Traceback (most recent call last):
    FileNotFoundError: no-such-file-idx3-ubyte: expected an IDX file of images, got no such file
    """
    return finished(images_path, *read_idx(images_path, labels_path))


def read_idx(images_path: PathLike, labels_path: PathLike | None = None) -> tuple[Array, Array | None]:
    """The images of an IDX file as (N, H, W, 1) bytes, and their labels or None."""
    values = _idx_array(images_path, 3, "images")[..., None]
    if labels_path is None:
        return values, None
    labels = _idx_array(labels_path, 1, "labels").astype(np.int64)
    if len(labels) != len(values):
        raise ValueError(f"{labels_path}: expected {len(values)} labels, one per image, got {len(labels)}")
    return values, labels


def _idx_array(path, axes, what):
    path = existing_file(path, f"an IDX file of {what}")
    with open(path, "rb") as raw:
        packed = raw.read(2) == GZIP_MAGIC
        raw.seek(0)
        stream = gzip.GzipFile(fileobj=raw) if packed else raw
        with decoding(path, "whole gzip data"):
            header = stream.read(4 + 4 * axes)
        shape = _idx_shape(path, header, axes, what)
        size, body = math.prod(shape), bytearray()
        with decoding(path, "whole gzip data"):
            # In parts of a megabyte, since read(size) would allocate whatever a false header asks for.
            while len(body) <= size and (part := stream.read(min(1 << 20, size + 1 - len(body)))):
                body += part
                check_unpacked(path, len(body))
    if len(body) != size:
        got = "more" if len(body) > size else f"a file that holds at most {len(body)}"
        raise ValueError(f"{path}: expected {size} bytes of {what} after a header of shape {shape}, got {got}")
    return np.frombuffer(body, dtype=np.uint8).reshape(shape)


def _idx_shape(path, header, axes, what):
    magic = bytes((0, 0, 8, axes))
    if header[:4] != magic:
        got = f"0x{header[:4].hex()}" if len(header) >= 4 else f"a file of {len(header)} bytes"
        hint = "; hint: its last digit is 3 for images and 1 for labels" if header[:3] == magic[:3] else ""
        raise ValueError(f"{path}: expected the magic number 0x{magic.hex()} of an IDX file of {what}, got {got}{hint}")
    if len(header) < 4 + 4 * axes:
        raise ValueError(f"{path}: expected an IDX header of {4 + 4 * axes} bytes, got {len(header)}")
    shape = tuple(np.frombuffer(header, ">u4")[1:].tolist())
    if 0 in shape:
        raise ValueError(f"{path}: expected at least one of {what} and one pixel, got a header of shape {shape}")
    return shape


# --- CIFAR-10 --------------------------------------------------------------------------------------------------------


def cifar10(path: PathLike) -> tuple[Array, Array]:
    """The binary version of CIFAR-10: a single file, or the folder with the training images, which are in data_batch_*.bin.

    Each record of a file is a label (one byte) and an image (3 x 32 x 32 bytes, first all of the red channel).

    Parameters
    ----------
    path : str or path

    Returns
    -------
    images : (N, 32, 32, 3) float32 in [-1, 1]
    labels : (N,) int64 from 0 to 9

    Raises FileNotFoundError if there is no such file or folder. Raises ValueError if the size of a file is not a multiple of
    3,073 bytes, if a label is greater than 9, or if a folder holds no batches. The 50,000 training images take 614 MB as float32.

    Examples
    --------
    >>> cifar10("no-such.bin")
    Traceback (most recent call last):
    FileNotFoundError: no-such.bin: expected CIFAR-10's binary version, got no such file
    """
    values, labels = read_cifar10(path)
    return from_bytes(values), labels


def read_cifar10(path: PathLike) -> tuple[Array, Array]:
    """CIFAR-10's images as (N, 32, 32, 3) bytes (a view of the records), and their labels."""
    path = as_path(path)
    files = cifar10_batches(path) if path.is_dir() else [path]
    if not files:
        raise ValueError(f"{path}: expected data_batch_*.bin of CIFAR-10's binary version, got none in this folder{NOT_PYTHON}")
    records = np.concatenate([_cifar_records(file) for file in files])
    values = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return values, records[:, 0].astype(np.int64)


def cifar10_batches(path: Path) -> list[Path]:
    """The files of training images in a folder, in the order of their names."""
    return sorted(path.glob("data_batch_*.bin"))


def _cifar_records(path):
    path = existing_file(path, "CIFAR-10's binary version")
    held = path.stat().st_size
    if held == 0 or held % CIFAR_RECORD:
        raise ValueError(f"{path}: expected CIFAR-10 records of {CIFAR_RECORD} bytes, got {held} bytes{NOT_PYTHON}")
    records = np.fromfile(path, dtype=np.uint8).reshape(-1, CIFAR_RECORD)
    if records[:, 0].max() > 9:
        raise ValueError(f"{path}: expected CIFAR-10 labels from 0 to 9, got {records[:, 0].max()}")
    return records
