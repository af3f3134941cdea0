"""Machines that are made of the answers of another machine."""

from typing import Any

from ..types import Array, Schedule
from .base import Machine
from .ideal import IdealScore
from .registry import kind


class Combined(Machine):
    """A machine with another one inside, `of`: of the class `machine`, which takes all further keywords."""

    def __init__(self, images: Array, schedule: Schedule, *, machine: type[Machine] = IdealScore, **options: Any) -> None:
        self.of = kind(machine)(images, schedule, **options)
        super().__init__(images, schedule, labels=options.get("labels"))
