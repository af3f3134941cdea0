"""minidiff: why diffusion models create."""

from . import process, schedules

__version__ = "0.1.0"
__all__ = ["process", "schedules"]
