"""Files of arrays and settings: written whole or not at all, and read with suspicion.

A file is an .npz: named arrays, and the settings as JSON text in one more array. No pickle, so that a file from a stranger can
do no harm.
"""

import json
import zipfile
import zlib
from pathlib import Path

import numpy as np

from .. import files

SETTINGS = "settings"


def write(path, kind, settings, arrays):
    """Write an .npz file: beside its place first, so that an interruption leaves the old file or the new one, never half of one.

    kind : str, what the file holds, checked by `read`; settings : a dict that JSON can hold; arrays : dict of arrays.
    Raises OSError where the folder cannot be written.
    """
    text = json.dumps({"kind": kind, **settings})
    with files.whole(path) as beside, open(beside, "wb") as file:
        np.savez_compressed(file, **{SETTINGS: np.array(text)}, **arrays)


def read(path, kind):
    """(settings, arrays) of a file that `write` wrote with this kind.

    Raises FileNotFoundError, or a ValueError of one line where the file is truncated, foreign or of another kind.
    """
    path = Path(path)
    try:
        # Opened here: on a truncated file np.load raises and leaves its own handle open.
        with open(path, "rb") as handle, np.load(handle, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        settings = json.loads(str(arrays.pop(SETTINGS)))
        found = settings.pop("kind")
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, AttributeError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ValueError(f"{path}: expected a minidiff {kind} file, got one that cannot be read ({reason})") from None
    if found != kind:
        raise ValueError(f"{path}: expected a minidiff {kind} file, got a {found} file")
    return settings, arrays


def check_arrays(path, arrays, shapes, dtype):
    """ValueError unless `arrays` has exactly these names, shapes and this dtype, and is finite."""
    missing, extra = sorted(set(shapes) - set(arrays)), sorted(set(arrays) - set(shapes))
    if missing or extra:
        raise ValueError(f"{path}: expected the network's arrays, got missing {missing[:3]}, unknown {extra[:3]}")
    for name, shape in shapes.items():
        found = arrays[name]
        if found.shape != shape or found.dtype != dtype:
            raise ValueError(f"{path}: {name}: expected {shape} {dtype}, got {found.shape} {found.dtype}")
        if not np.isfinite(found).all():
            raise ValueError(f"{path}: {name}: expected finite numbers, got NaN or inf")
