"""Files of arrays and settings. They are written whole or not at all, and everything in them is checked when they are read.

A file is an .npz. It holds named arrays, and one array more with the settings as JSON text. It holds no pickle, because loading a
pickle can run any code; a file from an unknown person can do no harm.
"""

import hashlib
import json
import zipfile
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import files
from ..types import Array, PathLike

SETTINGS = "settings"


def write(path: PathLike, kind: str, settings: dict[str, Any], arrays: dict[str, Array]) -> None:
    """Write an .npz file. It is written beside `path` first: an interruption leaves the old file or the new one, never a part.

    `kind` says what the file holds, and `read` checks it; `settings` is a dict that JSON can hold. Raises OSError if the folder
    cannot be written.
    """
    text = json.dumps({"kind": kind, **settings})
    named: dict[str, Any] = {SETTINGS: np.array(text), **arrays}
    with files.whole(path) as beside, open(beside, "wb") as file:
        np.savez_compressed(file, **named)


def read(path: PathLike, kind: str) -> tuple[dict[str, Any], dict[str, Array]]:
    """(settings, arrays) of a file that `write` wrote with this kind.

    Raises FileNotFoundError, or ValueError (in one line) if the file is truncated, is not of this package, or has another kind.
    """
    path = files.as_path(path)
    try:
        # The file is opened here, because np.load(path) leaves its own handle open when it raises on a truncated file.
        with open(path, "rb") as handle, np.load(handle, allow_pickle=False) as file:
            files.check_packed(path, file)
            arrays = {name: file[name] for name in file.files}
        settings = json.loads(str(arrays.pop(SETTINGS)))
        found = settings.pop("kind")
    except (FileNotFoundError, files.TooLarge):
        raise
    except (OSError, ValueError, KeyError, AttributeError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ValueError(f"{path}: expected a minidiff {kind} file, got one that cannot be read ({reason})") from None
    if found != kind:
        raise ValueError(f"{path}: expected a minidiff {kind} file, got a {found} file")
    return settings, arrays


def check_arrays(path: PathLike, arrays: dict[str, Array], shapes: dict[str, tuple[int, ...]], dtype: npt.DTypeLike) -> None:
    """ValueError unless `arrays` has exactly these names and shapes and this dtype, and all of its numbers are finite."""
    missing, extra = sorted(set(shapes) - set(arrays)), sorted(set(arrays) - set(shapes))
    if missing or extra:
        raise ValueError(f"{path}: expected the network's arrays, got missing {missing[:3]}, unknown {extra[:3]}")
    for name, shape in shapes.items():
        found = arrays[name]
        if found.shape != shape or found.dtype != dtype:
            raise ValueError(f"{path}: {name}: expected {shape} {dtype}, got {found.shape} {found.dtype}")
        if not np.isfinite(found).all():
            raise ValueError(f"{path}: {name}: expected finite numbers, got NaN or inf")


def fingerprint(array: Array) -> str:
    """A text that differs if the arrays differ: a run must not continue with other images."""
    return f"{array.dtype} {array.shape} {hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()[:16]}"
