"""Readers for NumPy's own formats, .npy and .npz; files with pickled objects are refused."""

import numpy as np

from ..types import Array, PathLike
from .images import decoding, existing_file, to_float

# The names of (images, labels) in .npz files: those of this package, of MedMNIST and of Keras.
NPZ_NAMES = (("images", "labels"), ("train_images", "train_labels"), ("x_train", "y_train"))


def npy(path: PathLike) -> tuple[Array, None]:
    """Images from a .npy file: uint8, which are scaled from [0, 255] to [-1, 1], or floats in [-1, 1], which keep their values.

    Floats in [0, 1] are accepted too, and would show as grey to white: use 2 x - 1 for such images first.

    Parameters
    ----------
    path : str or path
        A file that holds an array (N, H, W) or (N, H, W, C).

    Returns
    -------
    images : (N, H, W, C) float32 in [-1, 1]
    labels : None

    Raises FileNotFoundError if there is no such file, and ValueError on another format, shape or dtype, on NaN, on values outside
    [-1, 1], and on pickled objects.

    Examples
    --------
    >>> npy("no-such.npy")
    Traceback (most recent call last):
    FileNotFoundError: no-such.npy: expected a .npy file, got no such file
    """
    return to_float(read_npy(path)), None


def read_npy(path: PathLike) -> Array:
    """The array of a .npy file as (N, H, W, C), of bytes or of floats."""
    path = existing_file(path, "a .npy file")
    with decoding(path, "a .npy file without pickled objects"):
        # A memory map, because it is refused if the header asks for more bytes than the file has.
        array = np.lib.format.open_memmap(path, mode="r")
    return _image_array(path, array)


def npz(path: PathLike) -> tuple[Array, Array | None]:
    """Images from a .npz file, and labels if it has any. The images are checked and scaled as `npy` does it.

    The arrays are found by their names: `images` and `labels`, or `train_images` and `train_labels`, or `x_train` and `y_train`.
    A single array may have any name.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    images : (N, H, W, C) float32 in [-1, 1]
    labels : (N,) int64, or None

    Raises as `npy` does, and ValueError on other names, and on labels that are not one whole number per image.

    Examples
    --------
    >>> npz("no-such.npz")
    Traceback (most recent call last):
    FileNotFoundError: no-such.npz: expected a .npz file, got no such file
    """
    values, labels = read_npz(path)
    return to_float(values), labels


def read_npz(path: PathLike) -> tuple[Array, Array | None]:
    """The images of a .npz file as (N, H, W, C), of bytes or of floats, and its labels or None."""
    path = existing_file(path, "a .npz file")
    with decoding(path, "a .npz file without pickled objects"):
        with open(path, "rb") as file, np.lib.npyio.NpzFile(file, allow_pickle=False) as arrays:
            names, key = _npz_names(arrays.files)
            values = arrays[names[0]] if key else None
            labels = arrays[names[1]] if key and names[1] in arrays.files else None
    if not key:
        wanted = " or ".join(pair[0] for pair in NPZ_NAMES)
        raise ValueError(f"{path}: expected an array named {wanted}, or one array alone, got {', '.join(names) or 'none'}")
    values = _image_array(f"{path}: {names[0]}", values)
    return values, None if labels is None else _label_array(f"{path}: {names[1]}", labels, len(values))


def _npz_names(files):
    """((name of the images, name of the labels or None), True), or (all names, False) if the images cannot be found."""
    for pair in NPZ_NAMES:
        if pair[0] in files:
            return pair, True
    return ((files[0], None), True) if len(files) == 1 else (files, False)


def _image_array(where, array):
    """An array as (N, H, W, C); ValueError unless its shape, dtype and values are those of images."""
    if array.ndim not in (3, 4) or array.size == 0:
        raise ValueError(f"{where}: expected shape (N, H, W) or (N, H, W, C), none of them 0, got {array.shape}")
    if array.ndim == 4 and array.shape[1] in (1, 3) and array.shape[3] > 4:
        raise ValueError(
            f"{where}: expected the channels last, (N, H, W, C), got {array.shape}; hint: array.transpose(0, 2, 3, 1)"
        )
    if array.dtype != np.uint8:
        _check_floats(where, array)
    return array if array.ndim == 4 else array[..., None]


def _check_floats(where, array):
    if array.dtype.kind != "f":
        raise ValueError(f"{where}: expected uint8 in 0 ... 255 or floats in [-1, 1], got {array.dtype}")
    if not np.isfinite(array).all():
        raise ValueError(f"{where}: expected finite numbers, got {np.count_nonzero(~np.isfinite(array))} NaN or inf")
    if array.min() < -1 or array.max() > 1:
        raise ValueError(f"{where}: expected floats in [-1, 1], got {array.min():g} to {array.max():g}")


def _label_array(where, labels, count):
    if labels.dtype.kind not in "iu" or labels.shape not in ((count,), (count, 1)):
        raise ValueError(f"{where}: expected {count} whole numbers, one per image, got {labels.dtype} of shape {labels.shape}")
    return labels.reshape(-1).astype(np.int64)
