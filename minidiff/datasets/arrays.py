"""Readers for NumPy's own formats, .npy and .npz; files with pickled objects are refused."""

import numpy as np

from .. import arguments, files
from ..types import Array, PathLike
from .images import decoding, doubt, existing_file, finished

# The names of (images, labels) in .npz files: those of this package, of MedMNIST and of Keras.
NPZ_NAMES = (("images", "labels"), ("train_images", "train_labels"), ("x_train", "y_train"))


def npy(path: PathLike) -> tuple[Array, None]:
    """Images from a .npy file: uint8, which are scaled from [0, 255] to [-1, 1], or floats in [-1, 1], which keep their values.

    Floats in [0, 1] are accepted too, with a warning, because they show as grey to white: use 2 x - 1 for such images first. The
    same holds for bytes of 0 and 1 only, which are almost black, and for an array (3, H, W), which may be one colour image with
    its channels first.

    Parameters
    ----------
    path : str or path
        A file that holds an array (N, H, W) or (N, H, W, C).

    Returns
    -------
    images : (N, H, W, C) float32 in [-1, 1]
    labels : None

    Raises FileNotFoundError if there is no such file, and ValueError on another format, shape or dtype, on NaN, on values outside
    [-1, 1], and on pickled objects. An array (H, W, 3) is one colour image, and not H grey ones that are three pixels wide: it is
    refused, and so is one with the channels first. The message says how to write them.

    Examples
    --------
    >>> npy("no-such.npy")
    Traceback (most recent call last):
    FileNotFoundError: no-such.npy: expected a .npy file, got no such file
    """
    return finished(path, read_npy(path), None)[0], None


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
    A single array may have any name. Warns as `npy` does, and if an array of another name seems to hold the labels.

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
    return finished(path, *read_npz(path))


def read_npz(path: PathLike) -> tuple[Array, Array | None]:
    """The images of a .npz file as (N, H, W, C), of bytes or of floats, and its labels or None."""
    path = existing_file(path, "a .npz file")
    with decoding(path, "a .npz file without pickled objects"):
        with open(path, "rb") as file, np.lib.npyio.NpzFile(file, allow_pickle=False) as arrays:
            held = arrays.files
            names = next((pair for pair in NPZ_NAMES if pair[0] in held), (held[0], None) if len(held) == 1 else None)
            files.check_packed(path, arrays, [name for name in names or () if name])
            values, labels = (arrays[name] if name in held else None for name in names or (None, None))
    if names is None:
        wanted = " or ".join(pair[0] for pair in NPZ_NAMES)
        got = f"{', '.join(held[:5]) or 'none'}{', ...' if len(held) > 5 else ''}"
        raise ValueError(f"{path}: expected an array named {wanted}, or one array alone, got {got}")
    values = _image_array(f"{path}: {names[0]}", values)
    others = [name for name in held if name != names[0] and (name[:1].lower() == "y" or "label" in name.lower())]
    if labels is None and others:
        doubt(f"{path}: expected labels named {names[1]} beside {names[0]}, got {others[0]}, which is not read")
    return values, None if labels is None else _label_array(f"{path}: {names[1]}", labels, len(values))


def _image_array(where, array):
    """An array as (N, H, W, C); ValueError unless its shape, dtype and values are those of images."""
    if array.ndim not in (3, 4) or array.size == 0:
        hint = "; hint: array[None] for one grey image" if array.ndim == 2 else ""
        raise ValueError(f"{where}: expected shape (N, H, W) or (N, H, W, C), none of them 0, got {array.shape}{hint}")
    _check_axes(where, array.shape)
    if array.dtype != np.uint8:
        _check_floats(where, array)
    return array if array.ndim == 4 else array[..., None]


def _check_axes(where, shape):
    """ValueError if the shape is that of one colour image, or of channels that are not last."""
    if len(shape) == 3:
        if arguments.is_one_image(shape):
            raise ValueError(
                f"{where}: expected shape (N, H, W) or (N, H, W, C), got {shape}, which is one image; hint: array[None] "
                f"(or array[..., None] for grey images {shape[2]} pixels wide)"
            )
        if shape[0] == 3 and min(shape[1:]) >= 16:
            hint = "hint: array.transpose(1, 2, 0)[None] for one image"
            doubt(f"{where}: expected many images, got {shape}, read as 3 grey ones; {hint}")
    elif shape[3] > 4:
        moved = "0, 2, 3, 1" if shape[1] in (1, 3) or (shape[1] in (2, 4) and shape[2] == shape[3]) else None
        # The images of SVHN are (32, 32, 3, N).
        moved = "3, 0, 1, 2" if shape[2] in (1, 3) and shape[0] == shape[1] else moved
        if moved:
            raise ValueError(f"{where}: expected the channels last, (N, H, W, C), got {shape}; hint: array.transpose({moved})")


def _check_floats(where, array):
    if array.dtype.kind != "f":
        hint = _hint_for_bytes(array) if array.dtype.kind in "biu" else ""
        raise ValueError(f"{where}: expected uint8 in 0 ... 255 or floats in [-1, 1], got {array.dtype}{hint}")
    low, high = array.min(), array.max()
    if not np.isfinite(low) or not np.isfinite(high):
        raise ValueError(f"{where}: expected finite numbers, got {np.count_nonzero(~np.isfinite(array))} NaN or inf")
    if low < -1 or high > 1:
        hint = "; hint: array / 127.5 - 1" if low >= 0 and 1.5 < high <= 255 else ""
        raise ValueError(f"{where}: expected floats in [-1, 1], got {arguments.value_range(array)}{hint}")
    if low >= 0 and high > 0:
        got = f"{arguments.value_range(array)}, which show as grey to white"
        doubt(f"{where}: expected floats from black (-1) to white (1), got {got}; hint: 2 * array - 1")


def _hint_for_bytes(array):
    """How whole numbers or bools become bytes or floats without wrapping round; "" if that is not known."""
    for low, high, hint in ((0, 255, "array.astype(np.uint8)"), (-1, 1, "array.astype(np.float32)")):
        if array.dtype.kind != "b" and low <= array.min() and array.max() <= high:
            return f"; hint: {hint}"
    hints = {"b": "255 * array.astype(np.uint8)", "u": "array / 32767.5 - 1 for 16 bits"}
    return f"; hint: {hints[array.dtype.kind]}" if array.dtype.kind in hints else ""


def _label_array(where, labels, count):
    if labels.dtype.kind not in "iu" or labels.shape not in ((count,), (count, 1)):
        raise ValueError(f"{where}: expected {count} whole numbers, one per image, got {labels.dtype} of shape {labels.shape}")
    return arguments.labels(where, labels.reshape(-1))  # astype(np.int64) would wrap 2^64 - 1 to -1
