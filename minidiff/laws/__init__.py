"""The laws of the theory, to be tried on any denoiser; people call them through `minidiff.testing`."""

from . import averages, best, structure
from .law import LAWS, Finding, Result, run_law

__all__ = ["LAWS", "Finding", "Result", "averages", "best", "run_law", "structure"]
