"""The rooms of the package: which one may import which, and that a room is entered by its door."""

import ast
import re
from pathlib import Path

import pytest

import minidiff

FOLDER = Path(minidiff.__file__).parent
GROUND = {"arguments", "cache", "files", "jit", "simd", "types", "parallel"}
THEORY = {"theory", "schedules", "conversions"}
# What each room may import, beside itself; from the noise to the command line.
MAY = {
    "theory": set(),
    **{name: GROUND | THEORY for name in (*GROUND, "schedules", "conversions")},
    "datasets": GROUND,
    "process": GROUND | THEORY,
    "engine": GROUND | {"theory"},
    "machines": GROUND | THEORY | {"engine"},
    "nets": GROUND | THEORY,
}
MAY["measures"] = GROUND | THEORY | {"process", "engine", "machines", "datasets"}
MAY["plots"] = (MAY["measures"] | {"measures"}) - {"engine"}
MAY["laws"] = MAY["testing"] = GROUND | THEORY | {"process", "machines", "laws"}
BELOW = GROUND | THEORY | {"process", "engine", "machines", "nets", "datasets", "measures", "plots"}
MAY["studies"] = BELOW
MAY["explore"] = BELOW - {"engine"}
MAY["coursework"] = (BELOW | {"laws", "testing"}) - {"engine"}
MAY["command"] = (BELOW | {"studies", "explore", "coursework"}) - {"engine"}
MAY["__init__"] = MAY["__main__"] = BELOW | {"command"}


def room_of(path):
    """The folder of a file of the package, or the file's own name at the top."""
    parts = path.relative_to(FOLDER).parts
    return parts[0].removesuffix(".py")


def imports(path):
    """The modules of minidiff that a file imports anywhere in it, each as a tuple of names below minidiff."""
    here = ("minidiff", *path.relative_to(FOLDER).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level + 1] if node.level else ()
            named = (*base, *(node.module.split(".") if node.module else ()))
            if named[0] == "minidiff":
                yield from ([named[1:]] if len(named) > 1 else [(alias.name,) for alias in node.names])


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda path: str(path.relative_to(FOLDER)))
def test_arrows_point_one_way(path):
    """A room imports rooms below it only: machines and nets never meet, and nobody below imports laws, studies or commands."""
    room = room_of(path)
    assert {one[0] for one in imports(path)} - {room} <= MAY[room]


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda path: str(path.relative_to(FOLDER)))
def test_the_engine_is_entered_by_its_door(path):
    """Nobody outside the engine imports what stands behind minidiff.engine."""
    if room_of(path) != "engine":
        assert not [one for one in imports(path) if one[0] == "engine" and len(one) > 1]


def test_every_file_has_a_room():
    """No module stands outside the house."""
    assert {room_of(path) for path in FOLDER.rglob("*.py")} == set(MAY)


def test_a_reader_s_path_is_short():
    """The engine's docstring names the files from a call of ELS to its loops, and says how many lines they have: at most 900."""
    words = minidiff.engine.__doc__.split("**Where to read.**")[1].split("The vectors of simd.py")[0]
    named = re.findall(r"(?:machines|engine)/\w+\.py", words)
    lines = sum(len((FOLDER / name).read_text(encoding="utf-8").splitlines()) for name in named)
    assert len(named) == 10
    assert f"{lines} lines" in " ".join(words.split()) and lines <= 900
