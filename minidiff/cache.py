"""Where compiled kernels are kept from one process to the next, so that what is loaded is never wrong and never in the way.

Numba's own cache knows a kernel's file only. A kernel that calls a helper of another file then goes on with the old helper
when that file changes. Here a kernel belongs to all sources that kernels are made of, and to the versions of minidiff and
Numba. Numba also trusts what it finds: half a file is a traceback for ever, and two processes that compile at once may swap
their results. Here every file names what it holds, with a checksum, and whatever does not fit is compiled anew.
"""

import hashlib
import pickle
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import llvmlite
import numba
from numba.core.caching import FunctionCache
from numba.core.serialize import dumps

from .files import whole

HERE = Path(__file__).parent
# The sources that kernels are made of.
SOURCES = ("cache.py", "jit.py", "simd.py", "parallel.py", "engine/*.py", "nets/*kernels.py")
SUFFIX = ".kernel"

_caches: list["KernelCache"] = []
_told: set[str] = set()


@lru_cache(1)
def fingerprint() -> str:
    """What compiled code depends on, beside the function, its arguments' types and the processor."""
    found = hashlib.sha256(f"{numba.__version__} {llvmlite.__version__} {version()}".encode())
    for path in sorted(path for pattern in SOURCES for path in HERE.glob(pattern)):
        found.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()


def version() -> str:
    """The version that the package gives itself; its metadata are those of an installation, if there is one."""
    line = next(
        line for line in (HERE / "__init__.py").read_text(encoding="utf-8").splitlines() if line.startswith("__version__")
    )
    return line.split('"')[1]


class KernelCache(FunctionCache):
    """The compiled forms of one kernel: a file each, named by the types that it was compiled for."""

    def __init__(self, function: Callable) -> None:
        super().__init__(function)
        _caches.append(self)

    @property
    def folder(self) -> Path:
        """Where the files lie."""
        return Path(self.cache_path)

    def files(self) -> list[Path]:
        """All files of this kernel, also those that Numba's own cache left, and those of earlier versions."""
        stem = self._impl.filename_base
        return [path for ending in (SUFFIX, ".nbi", ".nbc") for path in self.folder.glob(f"{stem}*{ending}")]

    def _path(self, key):
        return self.folder / f"{self._impl.filename_base}-{hashlib.sha256(repr(key).encode()).hexdigest()[:16]}{SUFFIX}"

    def _load_overload(self, sig, target_context):
        if not self._enabled:
            return None
        key = self._index_key(sig, target_context.codegen())
        path = self._path(key)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            return _tell(f"{path} cannot be read ({error.strerror}), so kernels are compiled anew")
        checksum, held = content[:32], content[32:]
        if hashlib.sha256(held).digest() != checksum:
            return _tell(f"{path} is damaged, so its kernel is compiled anew")
        stamp, about, reduced = pickle.loads(held)
        if (stamp, about) != (fingerprint(), repr(key)):
            return None
        return self._impl.rebuild(target_context, pickle.loads(reduced))

    def _save_overload(self, sig, data):
        if not self._enabled or not self._impl.check_cachable(data):
            return
        key = self._index_key(sig, data.codegen)
        held = pickle.dumps((fingerprint(), repr(key), dumps(self._impl.reduce(data))))
        try:
            self._impl.locator.ensure_cache_path()
            with whole(self._path(key)) as temporary:
                temporary.write_bytes(hashlib.sha256(held).digest() + held)
        except OSError as error:
            _tell(f"compiled kernels cannot be kept in {self.folder} ({error.strerror}), so each process compiles them")


def _tell(words: str) -> Any:
    """Say something once in a process; None."""
    if not _told:
        print(f"minidiff: {words}", file=sys.stderr)
    _told.add(words)


def folders() -> list[Path]:
    """Where compiled kernels are kept."""
    return sorted({cache.folder for cache in _caches})


def clear() -> int:
    """Delete all compiled kernels of this package; returns how many files there were."""
    found = {path for cache in _caches for path in cache.files()}
    for path in found:
        path.unlink(missing_ok=True)
    return len(found)
