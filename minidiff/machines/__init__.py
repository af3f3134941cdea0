"""The denoisers as people call them: one softmax over the training set, shown more or less. One short file each.

A machine of your own is one file too: a rule (theory.py), a class, a name; tutorial 04b writes one.
"""

from .attention import AttentionScore
from .base import Machine, PosteriorMachine
from .equivariant import EquivariantScore
from .equivariant_local import EquivariantLocalScore
from .ideal import IdealScore
from .local import LocalScore
from .provenance import Provenance
from .registry import NAMES, named, options_of, register
from .soft import SoftWindowScore
from .stationary import StationaryWiener
from .summary import SummaryScore
from .wiener import Wiener
from .window_machine import WindowMachine

__all__ = [
    "NAMES",
    "AttentionScore",
    "EquivariantLocalScore",
    "EquivariantScore",
    "IdealScore",
    "LocalScore",
    "Machine",
    "PosteriorMachine",
    "Provenance",
    "SoftWindowScore",
    "StationaryWiener",
    "SummaryScore",
    "Wiener",
    "WindowMachine",
    "named",
    "options_of",
    "register",
]


def __getattr__(name: str) -> object:
    """Notebooks of before version 0.2 say `from minidiff.machines import calibrate`."""
    if name == "calibrate":
        import importlib

        return importlib.import_module("minidiff.studies.calibration")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
