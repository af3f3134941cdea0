"""How samples are measured: metrics of any samples, and judges that know a data set's rule."""

from . import judges, metrics

__all__ = ["judges", "metrics"]
