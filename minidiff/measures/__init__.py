"""How samples are measured: metrics for all samples, and judges for samples of data sets that follow a rule."""

from . import judges, metrics

__all__ = ["judges", "metrics"]
