"""minidiff: why diffusion models create.

Noise an image, then walk back. The walk needs a denoiser; the best one for a training set is a softmax over it and can only
recite. Show that softmax a window instead of the image, let it look anywhere, and it makes patch mosaics: creativity.
"""

from . import datasets, judges, metrics, nets, process, schedules
from .machines import AttentionScore, EquivariantLocalScore, EquivariantScore, IdealScore, LocalScore, Wiener
from .machines.shards import set_threads, threads

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


def __getattr__(name):
    """`minidiff.plots` and `minidiff.testing` on first use (PEP 562): importing minidiff loads no matplotlib and no laws."""
    if name in ("plots", "testing"):
        import importlib

        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
