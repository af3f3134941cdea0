"""A machine as a Python object: it owns its training set, prints in one line, and can be copied and sent to other processes."""

import copy
from typing import Any

import numpy as np

from .. import arguments
from ..types import Array


def own(array: Array) -> Array:
    """A copy that nobody can write into: an answer must not change because the caller's array does."""
    array = array.copy()
    array.flags.writeable = False
    return array


class Copied:
    """Printing, copying and pickling; a part of `Machine`.

    A copy has neither the layouts that calls keep for the next one, which would make it several times as large, nor an executor,
    which belongs to one process.
    """

    images: Array
    labels: Any

    def __repr__(self) -> str:
        count, height, width, channels = self.images.shape
        told = [f"{count} images of {height} x {width} x {channels}"]
        given = {name: value for name, value in vars(self).items() if name[0] != "_" and name not in ("images", "labels")}
        told += [f"{name}={_short(value)}" for name, value in given.items() if value is not None and value is not False]
        told += [] if self.labels is None else [f"labels of {len(set(self.labels.tolist()))} classes"]
        return f"{type(self).__name__}({', '.join(told)})"

    def _lean(self):
        return {**vars(self), "_selected": {}, "executor": None}

    def __getstate__(self) -> dict[str, Any]:
        state = self._lean()
        for name, value in state.items():
            if callable(value):
                arguments.can_pickle(name, value)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        for array in (self.images, self.labels):
            if array is not None:
                array.flags.writeable = False

    def __copy__(self) -> Any:
        twin = object.__new__(type(self))
        vars(twin).update(vars(self))
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        # Without __getstate__, since a lambda can be copied although it cannot be pickled.
        twin = memo[id(self)] = object.__new__(type(self))
        twin.__setstate__(copy.deepcopy(self._lean(), memo))
        return twin


def _short(value):
    """A value in one line; an array by its shape."""
    return f"array of shape {value.shape}" if isinstance(value, np.ndarray) else " ".join(repr(value).split())
