"""The laws themselves; `minidiff.testing` is the way in."""

from . import structure  # noqa: I001  (imported in the order in which reports give their laws)
from . import averages, best
from .law import LAWS, Finding, Result, run_law

__all__ = ["LAWS", "Finding", "Result", "averages", "best", "run_law", "structure"]
