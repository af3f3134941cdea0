"""The words of the package's type annotations, once. Shapes and dtypes stand in the docstrings."""

import os
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

# Numbers in an array; images are float32 or float64 of shape (H, W, C) or (B, H, W, C).
Array = npt.NDArray[Any]
# A time, or one for each query: floats in [0, 1].
Times = float | Sequence[float] | Array
# Where random numbers come from: fresh ones, a seed, or a generator (SPEC 7).
Rng = int | np.random.Generator | None
# A class label, or one for each query.
Label = int | str | Sequence[int] | Sequence[str] | Array | None
# The labels of a training set, whole numbers or names.
Labels = Sequence[int] | Sequence[str] | Array | None
# The name of a file or folder.
PathLike = str | os.PathLike[str]


class Denoiser(Protocol):
    """Anything called as denoiser(x, t) -> x0_hat: a machine, a network, a function."""

    def __call__(self, x: Array, t: Any, /) -> Array: ...


class Schedule(Protocol):
    """Anything that says how much signal a(t) and noise s(t) an image holds; `schedules.Schedule` has slopes too."""

    def signal(self, t: Times) -> Array: ...

    def noise(self, t: Times) -> Array: ...
