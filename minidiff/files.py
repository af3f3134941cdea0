"""Files are written whole or not at all: first under a temporary name beside the target, then renamed to the target."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from .types import PathLike


@contextmanager
def whole(path: PathLike) -> Iterator[Path]:
    """A temporary path beside `path`, with the same suffix: renamed to `path` if the block raises nothing, else deleted."""
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


def folder(path: PathLike) -> Path:
    """The output folder as a Path; it is made if it does not exist. ValueError if it cannot be made or written to."""
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


def write_text(path: PathLike, text: str) -> None:
    """Write a text file, whole or not at all."""
    with whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_numbers(path: PathLike, numbers: dict) -> None:
    """Write a dict of numbers, texts, lists and arrays as .json; nan and inf become null, since JSON has neither."""
    write_text(path, json.dumps(_for_json(numbers), indent=1, allow_nan=False) + "\n")


def _for_json(value):
    """`value` with lists for arrays and tuples, texts for keys, and floats rounded to six digits."""
    if isinstance(value, dict):
        return {str(key): _for_json(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_for_json(entry) for entry in value]
    if isinstance(value, np.ndarray | np.generic):
        return _for_json(value.tolist())
    if isinstance(value, float):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return value
