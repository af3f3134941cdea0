"""The machines by their names: those of the package, and those of a file of one's own."""

import importlib.util
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .. import arguments
from .objects import Copied

# Every machine by its name, as `minidiff sample --machine` takes it.
NAMES: dict[str, type] = {}


def register(name: str) -> Callable[[type], type]:
    """A class decorator that gives a machine its name on the command line, in the bench, and for `NAMES`."""

    def enter(kind: type) -> type:
        NAMES[name] = kind
        return kind

    return enter


def named(name: str) -> type:
    """The machine of that name, or the one that a file of your own registers; ValueError lists the names.

    Parameters
    ----------
    name : str
        One of NAMES, or the path of a Python file, with its ending .py, that has one class with `register`.
    """
    if not name.endswith(".py"):
        return NAMES[arguments.choice("machine", name, (*NAMES, "a path such as mine.py"))]
    path, before = Path(name), dict(NAMES)
    if not path.is_file():
        raise ValueError(f"machine: expected a Python file, got {name}, which is none")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"machine: expected a Python file, got {name}, which Python cannot load")
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    found = [kind for one, kind in NAMES.items() if before.get(one) is not kind]
    if len(found) != 1:
        raise ValueError(f"machine: expected one class with @register in {name}, got {len(found)}")
    return found[0]


def kind(machine: Any) -> Any:
    """`machine` itself, which another machine is to make; TypeError if it can make none, or is already made."""
    if isinstance(machine, Copied) or not callable(machine):
        raise TypeError(f"machine: expected a class such as IdealScore, got {arguments.brief(machine)}")
    return machine


def options_of(kind: type) -> set[str]:
    """The names of what a machine's constructor takes beside images and schedule, through **options of its bases too."""
    names: set[str] = set()
    for base in inspect.getmro(kind):
        if "__init__" in vars(base):
            given = inspect.signature(base).parameters
            names |= {name for name, one in given.items() if one.kind is not inspect.Parameter.VAR_KEYWORD}
            if len(given) == len(names & set(given)):
                break
    return names - {"images", "schedule"}
