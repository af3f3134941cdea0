"""Every Numba option of the package, and why.

- No explicit signatures: a kernel compiles at its first call, so that `import minidiff` compiles nothing.
- Compiled code is kept beside the source, or in the user's cache folder (cache.py); NUMBA_CACHE_DIR moves it and
  MINIDIFF_CACHE=0 turns it off. Where no folder can be written, kernels compile anew in each process.
- `error_model="numpy"`: a division by zero gives inf, as the noise limits need, and costs no branch.
- `fastmath` names its flags. The full set would let LLVM assume that no inf occurs, but s = 0 is an infinite rate, and
  exp(-inf) = 0 is what makes the nearest candidate win there.
- `nogil=True`: a progress bar, or another thread's work, goes on while a kernel runs.
- `no_cfunc_wrapper=True`: no C program calls a kernel, and the wrapper for it is a second copy to compile.
"""

import os
from collections.abc import Callable
from typing import Any

import numba
from numba.core.registry import CPUDispatcher

from . import cache

FASTMATH = {"nsz", "arcp", "contract", "afn", "reassoc"}


def _wants_cache():
    return os.environ.get("MINIDIFF_CACHE", "1").lower() not in ("0", "off", "no", "false")


def _decorate(function, **options):
    options = {"error_model": "numpy", "fastmath": FASTMATH, "nogil": True, "no_cfunc_wrapper": True} | options
    compiled = numba.njit(**options)(function)
    if _wants_cache() and not numba.config.DISABLE_JIT:
        try:
            compiled._cache = cache.KernelCache(function)
        except RuntimeError as error:
            # Numba raises "cannot cache function ...: no locator available" where neither the source's folder nor
            # the user's cache folder can be written (a read-only install in a container without a home).
            if "locator" not in str(error):
                raise
    return compiled


def kernel(function: Callable) -> Callable:
    """Compile a serial kernel: safe in any thread or process."""
    return _decorate(function)


def vector_kernel(function: Callable) -> Callable:
    """Compile a serial kernel over vectors (simd.py), whose operations must stay as written: no fast-math."""
    return _decorate(function, fastmath=False)


class _Helper(CPUDispatcher):
    """A function that only kernels call. Without a wrapper a call from Python would jump to address 0."""

    def __call__(self, *_: Any) -> None:
        raise TypeError(f"{self.py_func.__name__}: expected a call from a kernel, got one from Python")


def _helper(function, **options):
    """Compile without the wrappers for calls from Python and C, each of which holds the whole function once more.

    Without them a first call takes a sixth less time.
    """
    options = {"error_model": "numpy", "nogil": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True} | options
    compiled = numba.njit(**options)(function)
    if not numba.config.DISABLE_JIT:
        compiled.__class__ = _Helper
    return compiled


def inline_kernel(function: Callable) -> Callable:
    """Compile a helper that kernels call."""
    return _helper(function, fastmath=FASTMATH)


def ordered_kernel(function: Callable) -> Callable:
    """Compile a kernel whose operations stay in their order: a product and a sum may be fused, nothing else may change."""
    return _decorate(function, fastmath={"contract"})


def inline_vector_kernel(function: Callable) -> Callable:
    """Compile a helper over vectors into each of its callers: its vectors then stay in registers."""
    return _helper(function, forceinline=True)


def vector_helper(function: Callable) -> Callable:
    """Compile a helper over vectors as a function of its own: it then has all registers to itself."""
    return _helper(function)


def cache_folder() -> str:
    """Where compiled kernels are kept, as text, or "off"."""
    if not _wants_cache():
        return "off"
    return ", ".join(map(str, cache.folders())) or "none: no folder can be written"
