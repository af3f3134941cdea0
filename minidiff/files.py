"""Files are written whole or not at all: first under a temporary name beside the target, then renamed to the target.

A process that is killed leaves its temporary file. Its name says who wrote it, and the next process that writes in the folder
deletes it.
"""

import json
import math
import os
import platform
import re
import tempfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from . import arguments
from .types import PathLike


@contextmanager
def whole(path: PathLike) -> Iterator[Path]:
    """A temporary path beside `path`, with the same suffix: renamed to `path` if the block raises nothing, else deleted."""
    path = as_path(path)
    _check_target(path)
    _sweep(path.parent.resolve())
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f"{_here()}{os.getpid()}-", suffix=path.suffix)
    os.close(handle)
    try:
        yield Path(temporary)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def as_path(value: Any, name: str = "path") -> Path:
    """`value` as a Path; TypeError if it is neither a str nor a path, ValueError if it is empty."""
    if not isinstance(value, str | os.PathLike):
        raise TypeError(f"{name}: expected a path, got {arguments.brief(value)}")
    if not os.fspath(value):
        raise ValueError(f"{name}: expected a path, got ''")  # Path("") is the current folder
    return Path(value)


def _check_target(path):
    """OSError unless a file can stand at `path`: else the error would name the temporary file, and not say what is wrong."""
    if path.is_dir():
        raise IsADirectoryError(f"{path}: expected the name of a file to write, got a folder")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: expected a folder that exists to write into, got {path.parent}")


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


def memory() -> float:
    """The bytes of this computer's memory; infinity where the system does not say it (Windows)."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return math.inf


class TooLarge(ValueError):
    """What a file holds does not fit into the memory."""


def check_packed(path: PathLike, arrays: Any, names: Collection[str] | None = None) -> None:
    """TooLarge if what an .npz holds (arrays of these names, or all) takes more than half of this computer's memory.

    Zeros are packed to a thousandth, so a small file can fill the memory, and the system then ends the process without a word.
    """
    packed = arrays.zip.infolist()  # the file of an array `x` in it is x.npy
    check_unpacked(path, sum(one.file_size for one in packed if names is None or one.filename.removesuffix(".npy") in names))


def check_unpacked(path: PathLike, needed: int) -> None:
    """TooLarge if so many bytes, unpacked from a file, take more than half of this computer's memory."""
    if needed > memory() / 2:
        expected = f"a file that fits into half of this computer's {memory() / 2**30:.3g} GiB"
        raise TooLarge(f"{path}: expected {expected}, got {needed / 2**30:.3g} GiB in it, packed")


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
