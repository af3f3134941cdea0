"""minidiff: why diffusion models create.

Noise an image, then walk back. The walk needs a denoiser; the best one for a training set is a softmax over it and can only
recite. Show that softmax a window instead of the image, let it look anywhere, and it makes patch mosaics: creativity.

Begin with `minidiff/theory.py`: all of it in one file of plain NumPy.
"""

import sys

from . import datasets, nets, process, schedules
from .machines import AttentionScore, EquivariantLocalScore, EquivariantScore, IdealScore, LocalScore, Wiener
from .measures import judges, metrics
from .parallel import set_threads, threads

__version__ = "0.1.0"
__all__ = [
    "AttentionScore",
    "EquivariantLocalScore",
    "EquivariantScore",
    "IdealScore",
    "LocalScore",
    "Wiener",
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

# The names under which notebooks of version 0.1 import them.
sys.modules[f"{__name__}.metrics"], sys.modules[f"{__name__}.judges"] = metrics, judges

# Loaded on first use (PEP 562), so that importing minidiff loads no matplotlib and no laws. Exercises that students hold say
# `from minidiff import exercises`.
_ON_FIRST_USE = {"plots": "plots", "testing": "testing", "exercises": "coursework"}


def __getattr__(name: str) -> object:
    if name in _ON_FIRST_USE:
        import importlib

        return importlib.import_module(f".{_ON_FIRST_USE[name]}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
