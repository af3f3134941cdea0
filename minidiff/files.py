"""Files are written whole or not at all: first under a temporary name beside the target, then renamed to the target.

A process that is killed leaves its temporary file. Its name says who wrote it, and the next process that writes in the folder
deletes it.
"""

import json
import os
import platform
import re
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import numpy as np

from .types import PathLike


@contextmanager
def whole(path: PathLike) -> Iterator[Path]:
    """A temporary path beside `path`, with the same suffix: renamed to `path` if the block raises nothing, else deleted."""
    path = Path(path)
    _sweep(path.parent.resolve())
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f"{_here()}{os.getpid()}-", suffix=path.suffix)
    os.close(handle)
    try:
        yield Path(temporary)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)


@cache
def _here():
    """How temporary files of this computer begin. In a container process numbers are its own, and other ones run elsewhere."""
    try:
        numbering = os.readlink("/proc/self/ns/pid")
    except OSError:
        numbering = ""
    return f".minidiff-{zlib.crc32(f'{platform.node()} {numbering}'.encode()):08x}-"


@cache
def _sweep(folder):
    """Delete the temporary files that processes of this computer left in a folder when they were killed; once in a process."""
    with suppress(OSError):
        for path in folder.glob(f"{_here()}*"):
            writer = re.match(r"\d{1,9}(?=-)", path.name.removeprefix(_here()))
            if writer and _is_gone(int(writer[0])):
                path.unlink(missing_ok=True)


def _is_gone(process):
    if os.name != "posix":
        return False  # there, asking would end the process
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # another user's process
        pass
    return False


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
        with tempfile.NamedTemporaryFile(dir=path, prefix=f"{_here()}{os.getpid()}-"):
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
    write_text(path, as_json(numbers, indent=1) + "\n")


def as_json(numbers: dict, indent: int | None = None) -> str:
    """The text that `write_numbers` writes; without `indent` on one line."""
    return json.dumps(_for_json(numbers), indent=indent, allow_nan=False)


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
