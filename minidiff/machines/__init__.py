"""The denoisers as people call them: one softmax over the training set, shown more or less. One short file each.

A machine of your own is one file too: a rule (theory.py), a class, a name; tutorial 04b writes one.
"""

from .attention import AttentionScore
from .base import NAMES, Machine, PosteriorMachine, Provenance, WindowMachine, register
from .equivariant import EquivariantScore
from .equivariant_local import EquivariantLocalScore
from .ideal import IdealScore
from .local import LocalScore
from .wiener import Wiener

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
    "Wiener",
    "WindowMachine",
    "register",
]


def __getattr__(name):
    """Notebooks of before version 0.2 say `from minidiff.machines import calibrate`."""
    if name == "calibrate":
        import importlib

        return importlib.import_module("minidiff.studies.calibration")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
