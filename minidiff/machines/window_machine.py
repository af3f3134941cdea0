"""What the machines share whose pixels see a window."""

from typing import Any

from ..types import Array, Schedule
from .base import PosteriorMachine
from .probes import Probes
from .windows import Window, WindowLike


class WindowMachine(Probes, PosteriorMachine):
    """A machine whose pixels see a window, of a side k that may depend on t; its rule's settings are (k, boundary)."""

    def __init__(
        self, images: Array, schedule: Schedule, *, window: WindowLike, boundary: str = "circular", **options: Any
    ) -> None:
        super().__init__(images, schedule, **options)
        height, width = self.images.shape[1:3]
        self.window = Window(window, height, width, boundary)
        self.boundary = boundary

    def settings(self, t: float) -> tuple:
        """(k, boundary) at time t."""
        return self.window(t), self.boundary
