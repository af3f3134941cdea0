"""minidiff: why diffusion models create.

Noise an image, then walk back. The walk needs a denoiser; the best one for a training set is a softmax over it and can only
recite. Show that softmax a window instead of the image, let it look anywhere, and it makes patch mosaics: creativity.

Begin with `minidiff/theory.py`: all of it in one file of plain NumPy.
"""

import importlib.util
import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import datasets, nets, process, schedules
    from .machines import (
        AttentionScore,
        CovarianceScore,
        EquivariantLocalScore,
        EquivariantScore,
        GuidedScore,
        IdealScore,
        LocalScore,
        LocalWiener,
        PatchScore,
        SmoothedScore,
        SoftWindowScore,
        StationaryWiener,
        SummaryScore,
        Wiener,
    )
    from .measures import copies, judges, metrics
    from .parallel import set_threads, threads

__version__ = "0.1.0"
__all__ = [
    "AttentionScore",
    "CovarianceScore",
    "EquivariantLocalScore",
    "EquivariantScore",
    "GuidedScore",
    "IdealScore",
    "LocalScore",
    "LocalWiener",
    "PatchScore",
    "SmoothedScore",
    "SoftWindowScore",
    "StationaryWiener",
    "SummaryScore",
    "Wiener",
    "copies",
    "datasets",
    "judges",
    "metrics",
    "nets",
    "plots",
    "process",
    "schedules",
    "set_threads",
    "testing",
    "threads",
]

# Everything is loaded on first use (PEP 562). So the command line runs before Numba is imported, and can say in one line what
# Numba refuses; and who only draws loads no laws, and who only samples no matplotlib.
_HOMES = {name: "machines" for name in __all__ if name[0].isupper()} | {"set_threads": "parallel", "threads": "parallel"}
# Exercises that students hold say `from minidiff import exercises`, and notebooks of version 0.1 `import minidiff.metrics`.
_OTHER_NAMES = {
    "copies": "measures.copies",
    "metrics": "measures.metrics",
    "judges": "measures.judges",
    "exercises": "coursework",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        value = getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    elif name in _OTHER_NAMES:
        value = sys.modules[f"{__name__}.{name}"] = importlib.import_module(f".{_OTHER_NAMES[name]}", __name__)
    elif not name.startswith("_") and importlib.util.find_spec(f"{__name__}.{name}"):
        return importlib.import_module(f".{name}", __name__)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Later(ModuleType):
    """What `import minidiff.metrics` finds as long as nobody has asked for a name in it."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):  # Python itself asks for these, of every module
            raise AttributeError(name)
        return getattr(sys.modules[__package__].__getattr__(self.__name__.rpartition(".")[2]), name)


for _name in ("metrics", "judges"):
    sys.modules[f"{__name__}.{_name}"] = _Later(f"{__name__}.{_name}")
