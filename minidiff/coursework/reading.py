"""Reading and running a student's file: which exercise it is, its functions, and its errors, each described in one line."""

import ast
import copy
import importlib
import re
import sys
import traceback
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..types import PathLike

if TYPE_CHECKING:
    from .marking import Exercise

MARKER = re.compile(r"""^EXERCISE\s*=\s*["'](\w+)["']""", re.MULTILINE)
# The module of this folder that belongs to each exercise.
MODULES = {
    "02": "ex02_ideal",
    "03": "ex03_windows",
    "04": "ex04_anywhere",
    "05": "ex05_edges",
    "06": "ex06_network",
    "07": "ex07_prediction",
    "08": "ex08_attention",
}


class Outcome(NamedTuple):
    """The result of a call: a value or an error, and the names of the arguments that the call changed in place."""

    value: Any = None
    error: BaseException | None = None
    changed: tuple[str, ...] = ()


class Work:
    """A student's file, which is run when the Work is made.

    Attributes
    ----------
    path : Path
    number : str
        The number of the exercise, "02" to "08".
    names : dict
        The functions of the file, and everything else that it defines, by name.

    Raises ValueError, in one line, if Python cannot run the file.
    """

    def __init__(self, path: Path, source: str, number: str) -> None:
        self.path, self.number, self._lines = path, number, source.splitlines()
        self._module = types.ModuleType(f"exercise_{number}")
        self._module.__file__ = str(path)
        self.names: dict[str, Any] = self._module.__dict__
        self._empty: set[str] = set()
        self._run(source)

    def _run(self, source):
        try:
            with _quiet(), self._beside():
                functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
                # Of two functions with one name Python keeps the last: some students write theirs below the given one.
                self._empty = {name for name, node in {node.name: node for node in functions}.items() if _is_empty(node)}
                exec(compile(source, str(self.path), "exec"), self.names)
        except SyntaxError as error:
            found = f"line {error.lineno}: {type(error).__name__}: {error.msg}"
            raise ValueError(f"{self.path}, {found}{_quoted(error.text)}") from error
        except (Exception, SystemExit) as error:
            raise ValueError(f"{self.path}, {self.said(error)}") from error

    @contextmanager
    def _beside(self):
        """For a while, imports find the files in the same folder, and dataclasses find the module."""
        folder, name = str(self.path.resolve().parent), self._module.__name__
        before = sys.modules.get(name)
        sys.path.append(folder)
        sys.modules[name] = self._module
        try:
            yield
        finally:
            sys.path.remove(folder)
            del sys.modules[name]
            if before is not None:
                sys.modules[name] = before

    def exercise(self) -> "Exercise":
        """The Exercise to which this file belongs."""
        return importlib.import_module(f".{MODULES[self.number]}", __package__).EXERCISE

    def is_empty(self, name: str) -> bool:
        """Whether a function is not filled in yet: it has no body, or only raises NotImplementedError."""
        return name in self._empty

    @contextmanager
    def standing_in(self, functions: dict[str, Callable[..., Any]]) -> Iterator[None]:
        """Replace functions of the student by right ones for a while; `functions` holds these by name."""
        own = {name: self.names[name] for name in functions if name in self.names}
        self.names.update(functions)
        try:
            yield
        finally:
            for name in functions:
                del self.names[name]
            self.names.update(own)

    def said(self, error: BaseException) -> str:
        """An error as a text of one line, with the last line of the student's file that led to it."""
        lines = [line for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == str(self.path)]
        words = " ".join(str(error).split())
        if isinstance(error, SystemExit):
            kind = "it stops Python (exit or sys.exit)"
        else:
            kind = type(error).__name__ + (f": {words}" if words else "")
        if not lines:
            return kind
        return f"line {lines[-1]}: {kind}{_quoted(self._lines[lines[-1] - 1])}"


def read(path: PathLike) -> Work:
    """A student's file as a Work; ValueError (in one line) if it is not an exercise, or if Python cannot run it."""
    path = Path(path)
    hint = "hint: copy one from tutorials/exercises"
    if path.suffix == ".ipynb":
        raise ValueError(f"file: expected a Python file, got the notebook {path}; hint: put its functions into a .py file")
    if not path.is_file():
        raise ValueError(f"file: expected an exercise, got {path}, which is no file; {hint}")
    try:
        source = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"file: expected a Python file, got {path}, which is no text (UTF-8); {hint}") from None
    found = MARKER.search(source)
    numbers = f'EXERCISE = "{min(MODULES)}" to "{max(MODULES)}"'
    if found is None:
        raise ValueError(f"file: expected an exercise, with a line {numbers} at its top, got {path} without one; {hint}")
    if found[1] not in MODULES:
        raise ValueError(f"file: expected {numbers}, got {found[0]} in {path}; {hint}")
    return Work(path, source, found[1])


def call(function: Callable[..., Any], arguments: dict[str, Any]) -> Outcome:
    """The Outcome of a function that is called with copies of the arguments, in their order; warnings are not shown."""
    copies = copy.deepcopy(arguments)
    try:
        with _quiet():
            value = function(*copies.values())
    except (Exception, SystemExit) as error:
        return Outcome(error=error)
    changed = tuple(
        name
        for name, given in arguments.items()
        if isinstance(given, np.ndarray) and not np.array_equal(given, copies[name], equal_nan=True)
    )
    return Outcome(value, None, changed)


@contextmanager
def _quiet():
    """Show no warnings, neither Python's nor NumPy's: the hint about a wrong answer says enough about a nan in it."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def _is_empty(node):
    """Whether a function has nothing in it except a docstring, `...`, pass or NotImplementedError."""
    return all(
        isinstance(line, ast.Pass)
        or (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
        or (isinstance(line, ast.Raise) and "NotImplementedError" in ast.unparse(line))
        for line in node.body
    )


def _quoted(line):
    return f" in `{line.strip()}`" if line and line.strip() else ""
