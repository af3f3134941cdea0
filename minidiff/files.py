"""Writing files whole or not at all: beside the target first, then renamed onto it."""

import json
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np


@contextmanager
def whole(path):
    """A temporary path beside `path`, with its suffix, which becomes `path` when the block ends well and vanishes when not."""
    path = Path(path)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    try:
        yield Path(temporary)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def folder(path):
    """The output folder as a Path, made if need be; ValueError if it cannot be made or written to, before any work."""
    if not str(path):
        raise ValueError("--out: expected a folder, got an empty name; hint: . is the current one")
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path):
            pass
    except OSError as error:
        raise ValueError(f"--out: expected a folder that can be written, got {path} ({error.strerror})") from None
    return path


def write_text(path, text):
    """Write a text file, whole or not at all."""
    with whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_numbers(path, numbers):
    """Write a dict of numbers, texts, lists and arrays as .json; nan is written as null, which JSON has."""
    write_text(path, json.dumps(_plain(numbers), indent=1, allow_nan=False) + "\n")


def _plain(value):
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, float):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return value
