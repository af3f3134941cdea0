"""The laws themselves; `minidiff.testing` is the way in."""

from . import averages, best, structure
from .law import LAWS, Finding, Result, run_law

__all__ = ["LAWS", "Finding", "Result", "averages", "best", "run_law", "structure"]
