"""The denoisers as people call them: one softmax over the training set, shown more or less. One short file each.

**One rule for all.** A machine says what of x pixel p compares with candidate m, each number q with a precision R[p, q]; what is
answered, with which weights; and which candidates there are. FPMC (Niedoba, Zwartsenberg and Wood 2026, arXiv 2605.24192)
say so of the field: query precision, response weights, source distribution. With theory.py's keys and values, and a schedule for
a and s:

    x0_hat[p] = sum over m of w[m] value[m],    w = softmax over m of -sum over q of R[p, q] (x_q - a key[m]_q)^2 / (2 s^2)

    machine                     what p compares: R[p, q]                       what answers      which candidates
    IS                          all of x: 1                                    the whole image   every training image
    ES                          all of x: 1                                    the whole image   and all their translations
    LS                          its window: 1, beyond it 0                     its pixel p       one in each image, at p
    ELS, torus                  its window: 1, beyond it 0                     its pixel u       every pixel u of every image
    ELS, zeros (KG's broken)    the same                                       its pixel u       those that see the same padding
    SummaryScore (pooled)       the same, and the mean outside: its P pixels   its pixel u       as for ELS
    AttentionScore (pooled)     as for ELS, and who hears it votes for n       its pixel u       as for ELS
    SoftWindowScore             its window: exp(-|o|^2 / (2 sigma^2)), o = q - p  its pixel u       as for ELS
    CovarianceScore             1 where Wiener's filter would look, else 0     its pixel p       as for LS
    enlarged(images)            as the machine that is given them              as that machine   mirror images, grey levels too

Combinators are no rows. They average several posteriors: `PatchScore` those of LS's whole patches where these overlap,
`SmoothedScore` those of a machine at x + sigma z, and `GuidedScore` those of all images and of a class, with weights 1 - w and w.
`Wiener`, `StationaryWiener` and `LocalWiener` are linear, without a softmax.

A machine of your own is one file too: a rule (theory.py), a class, a name; tutorial 04b writes one.
"""

from .attention import AttentionScore
from .base import Machine, PosteriorMachine
from .covariance import CovarianceScore
from .equivariant import EquivariantScore
from .equivariant_local import EquivariantLocalScore
from .guided import GuidedScore
from .ideal import IdealScore
from .local import LocalScore
from .local_wiener import LocalWiener
from .patches import PatchScore
from .provenance import Provenance
from .registry import NAMES, named, options_of, register
from .smoothed import SmoothedScore
from .soft import SoftWindowScore
from .sources import enlarged
from .stationary import StationaryWiener
from .summary import SummaryScore
from .wiener import Wiener
from .window_machine import WindowMachine

__all__ = [
    "NAMES",
    "AttentionScore",
    "CovarianceScore",
    "EquivariantLocalScore",
    "EquivariantScore",
    "GuidedScore",
    "IdealScore",
    "LocalScore",
    "LocalWiener",
    "Machine",
    "PatchScore",
    "PosteriorMachine",
    "Provenance",
    "SmoothedScore",
    "SoftWindowScore",
    "StationaryWiener",
    "SummaryScore",
    "Wiener",
    "WindowMachine",
    "enlarged",
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
