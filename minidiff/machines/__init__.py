"""The analytic denoisers: one softmax over the training set, shown more or less."""

from .attention import AttentionScore
from .ideal import EquivariantScore, IdealScore
from .local import EquivariantLocalScore, LocalScore
from .wiener import Wiener

__all__ = ["AttentionScore", "EquivariantLocalScore", "EquivariantScore", "IdealScore", "LocalScore", "Wiener"]
