"""Readers for your own images: a folder of PNG or JPEG files, IDX files (MNIST, FashionMNIST), and CIFAR-10's binary files.

Each reader has a first part, such as read_idx, that returns the bytes of the images. So `load` can choose some of them before
they are converted to float32. The size that a header claims is compared with the size of the file before anything is allocated.
"""

import gzip
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..types import Array, PathLike
from .images import as_path, decoding, existing_file, from_bytes, read_image, resize, to_colour

SUFFIXES = (".png", ".jpg", ".jpeg")
GZIP_MAGIC = b"\x1f\x8b"
# Deflate data can grow by at most this factor: two bits give at most 258 bytes (RFC 1951).
MOST_INFLATION = 1032
CIFAR_RECORD = 1 + 3 * 32 * 32


# --- a folder --------------------------------------------------------------------------------------------------------


def folder(path: PathLike, size: int | None = None, colour: bool = False) -> tuple[Array, Array | None]:
    """The PNG and JPEG files of a folder, or of its subfolders, in the order of their names.

    If the images lie in subfolders, each subfolder is a class. The labels are the names of the subfolders if these are all whole
    numbers, and else their positions in alphabetical order, from 0. Other files and hidden files are ignored. Transparent images
    are laid on black, and EXIF orientation is applied. Grey files give one channel, and all others three.

    Parameters
    ----------
    path : str or path
    size : int from 1 to 4096, optional
        The side of the images after `resize`, which crops them to the square in their middle. Without it, all files must have
        the same size.
    colour : bool
        Whether grey files give three channels too. A folder with grey and colour files needs it.

    Returns
    -------
    images : (N, H, W, C) float32 in [-1, 1], C = 1 or 3
    labels : (N,) int64, or None if there are no subfolders

    Raises FileNotFoundError if there is no such folder. Raises ValueError if it holds no images, or images both in it and in
    subfolders, or a file that is not an image, or images of different sizes or channels; the message names the file. With `size`,
    only one image at a time is in memory at its own size.

    Examples
    --------
    >>> folder("no such folder")
    Traceback (most recent call last):
    FileNotFoundError: no such folder: expected a folder of PNG or JPEG images, got no such folder
    """
    files, labels = list_folder(path)
    return read_files(files, size, colour), labels


def list_folder(path: PathLike) -> tuple[list[Path], Array | None]:
    """The image files of a folder, and their labels or None; see `folder`."""
    path = as_path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: expected a folder of PNG or JPEG images, got no such folder")
    if not path.is_dir():
        raise ValueError(f"{path}: expected a folder of PNG or JPEG images, got a file")
    files = _images_in(path)
    classes = {sub.name: _images_in(sub) for sub in sorted(path.iterdir()) if sub.is_dir() and sub.name[0] != "."}
    classes = {name: found for name, found in classes.items() if found}
    if files and classes:
        both = f"{files[0].name} beside {next(iter(classes))}/"
        raise ValueError(f"{path}: expected images either in it or in class subfolders, got {both}")
    if not files and not classes:
        raise ValueError(f"{path}: expected a folder of PNG or JPEG images, got none in it nor in its subfolders")
    if files:
        return files, None
    numbers = _class_numbers(list(classes))
    labels = np.repeat(np.array(numbers, dtype=np.int64), [len(found) for found in classes.values()])
    return [file for found in classes.values() for file in found], labels


def _images_in(path):
    return sorted(f for f in path.iterdir() if f.suffix.lower() in SUFFIXES and f.name[0] != "." and f.is_file())


def _class_numbers(names):
    if all(name.isdecimal() and len(name) < 10 for name in names) and len({int(name) for name in names}) == len(names):
        return [int(name) for name in names]
    return range(len(names))


def read_files(files: Sequence[Path], size: int | None, colour: bool) -> Array:
    """Image files as one (N, H, W, C) float32 array; ValueError if a file differs from the first one in size or channels."""
    images: list[Array] = []
    for file in files:
        image = read_image(file)
        image = to_colour(image) if colour else image
        image = image if size is None else resize(image, size)
        if images:
            _check_alike(file, image, files[0], images[0])
        images.append(image)
    return np.stack(images)


def _check_alike(file, image, first, model):
    if image.shape[:2] != model.shape[:2]:
        (height, width), (rows, columns) = image.shape[:2], model.shape[:2]
        raise ValueError(
            f"{file}: expected {columns} x {rows} pixels like {first.name}, got {width} x {height}; "
            "hint: size= (--size) makes all images alike"
        )
    if image.shape[2] != model.shape[2]:
        raise ValueError(
            f"{file}: expected {_channels(model)} like {first.name}, got {_channels(image)}; "
            "hint: colour=True (--colour) gives all images three channels"
        )


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
    values, labels = read_idx(images_path, labels_path)
    return from_bytes(values), labels


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
    held = path.stat().st_size
    with open(path, "rb") as raw:
        packed = raw.read(2) == GZIP_MAGIC
        raw.seek(0)
        stream = gzip.GzipFile(fileobj=raw) if packed else raw
        with decoding(path, "whole gzip data"):
            header = stream.read(4 + 4 * axes)
        shape = _idx_shape(path, header, axes, what)
        size = math.prod(shape)
        most = held * MOST_INFLATION if packed else held - len(header)
        wanted = f"{path}: expected {size} bytes of {what} after a header of shape {shape}"
        if size > most:
            raise ValueError(f"{wanted}, got a file that holds at most {most}")
        with decoding(path, "whole gzip data"):
            body = _read_up_to(stream, size + 1)
    if len(body) != size:
        raise ValueError(f"{wanted}, got {'more' if len(body) > size else len(body)}")
    return np.frombuffer(body, dtype=np.uint8).reshape(shape)


def _idx_shape(path, header, axes, what):
    magic = bytes((0, 0, 8, axes))
    if header[:4] != magic:
        got = f"0x{header[:4].hex()}" if len(header) >= 4 else f"a file of {len(header)} bytes"
        raise ValueError(f"{path}: expected the magic number 0x{magic.hex()} of an IDX file of {what}, got {got}")
    if len(header) < 4 + 4 * axes:
        raise ValueError(f"{path}: expected an IDX header of {4 + 4 * axes} bytes, got {len(header)}")
    shape = tuple(int.from_bytes(header[i : i + 4], "big") for i in range(4, len(header), 4))
    if 0 in shape:
        raise ValueError(f"{path}: expected at least one of {what} and one pixel, got a header of shape {shape}")
    return shape


def _read_up_to(stream, size):
    """At most `size` bytes, read in parts of a megabyte: a single read(size) would allocate whatever a false header asks for."""
    body = bytearray()
    while len(body) < size and (part := stream.read(min(1 << 20, size - len(body)))):
        body += part
    return body


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
    files = [path]
    if path.is_dir():
        files = cifar10_batches(path)
        if not files:
            raise ValueError(f"{path}: expected data_batch_*.bin of CIFAR-10's binary version, got none in this folder")
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
        raise ValueError(f"{path}: expected CIFAR-10 records of {CIFAR_RECORD} bytes, got {held} bytes")
    records = np.fromfile(path, dtype=np.uint8).reshape(-1, CIFAR_RECORD)
    if records[:, 0].max() > 9:
        raise ValueError(f"{path}: expected CIFAR-10 labels from 0 to 9, got {records[:, 0].max()}")
    return records
