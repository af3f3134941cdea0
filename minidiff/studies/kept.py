"""Finished parts of a long study, kept in its folder: after an interrupt, the same command goes on with the rest."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from .. import cache
from ..nets import archive
from ..types import Array


class Kept:
    """The parts of a study by name, in a file that is written after each of them, whole or not at all.

    kept(name, make) is make(), or what it gave in an earlier run with equal settings. A part is an array, or what JSON can hold:
    lists stand for tuples, and texts for other keys of a dict.

    Parameters
    ----------
    path : Path
        The file. One that is damaged, or of other settings, is not read, and is replaced.
    settings : dict that JSON can hold
        All that the parts depend on, but for the code, which is added here.
    """

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        self.path = path
        self.settings: dict[str, Any] = _plain({**settings, "code": cache.fingerprint()})
        self.parts: dict[str, Any] = {}
        self.arrays: dict[str, Array] = {}
        with suppress(FileNotFoundError, ValueError):
            told, arrays = archive.read(path, "study")
            if told["settings"] == self.settings:
                self.parts, self.arrays = told["parts"], arrays

    def __call__(self, name: str, make: Callable[[], Any]) -> Any:
        """The part of that name."""
        if name not in self.parts and name not in self.arrays:
            made = make()
            if isinstance(made, np.ndarray):
                self.arrays[name] = made
            else:
                self.parts[name] = _plain(made)
            archive.write(self.path, "study", {"settings": self.settings, "parts": self.parts}, self.arrays)
        return self.arrays[name] if name in self.arrays else self.parts[name]

    def forget(self) -> None:
        """Delete the file: the study is finished."""
        self.path.unlink(missing_ok=True)


def at_once(name: str, make: Callable[[], Any]) -> Any:
    """make(), where nothing is kept."""
    return make()


def _plain(value):
    """The value as JSON gives it back, so that a part that was kept is the same as one that was just made."""
    return json.loads(json.dumps(value, default=lambda one: one.tolist()))
