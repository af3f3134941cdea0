"""How samples are measured: metrics and the search for copies, and judges for samples of data sets that follow a rule."""

from . import copies, judges, metrics

__all__ = ["copies", "judges", "metrics"]
