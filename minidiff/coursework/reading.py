"""Reading a student's file: which exercise it is, its functions, and whatever goes wrong in it said in one line."""

import ast
import copy
import importlib
import re
import sys
import traceback
import types
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

MARKER = re.compile(r"""^EXERCISE\s*=\s*["'](\w+)["']""", re.MULTILINE)
# The module of this package that knows each exercise.
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
    """What came of a call: a value, or the error it raised; and the arguments that it changed in place."""

    value: object = None
    error: BaseException | None = None
    changed: tuple = ()


class Work:
    """A student's file, run.

    Attributes
    ----------
    path : Path
    number : str
        Of the exercise: "02" to "08".
    names : dict
        Its functions and whatever else it defines, by name.
    """

    def __init__(self, path, source, number):
        self.path, self.number, self._lines = path, number, source.splitlines()
        self._module = types.ModuleType(f"exercise_{number}")
        self._module.__file__ = str(path)
        self.names = self._module.__dict__
        self._empty = set()
        self._run(source)

    def _run(self, source):
        try:
            with _quiet(), self._beside():
                functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
                # The last of a name counts, as for Python: some leave the given one and write their own below.
                self._empty = {name for name, node in {node.name: node for node in functions}.items() if _is_empty(node)}
                exec(compile(source, str(self.path), "exec"), self.names)
        except SyntaxError as error:
            found = f"line {error.lineno}: {type(error).__name__}: {error.msg}"
            raise ValueError(f"{self.path}, {found}{_quoted(error.text)}") from error
        except (Exception, SystemExit) as error:
            raise ValueError(f"{self.path}, {self.said(error)}") from error

    @contextmanager
    def _beside(self):
        """Imports find what lies beside the file, and dataclasses find the module."""
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

    def exercise(self):
        """The Exercise that this is the work on."""
        return importlib.import_module(f".{MODULES[self.number]}", __package__).EXERCISE

    def is_empty(self, name):
        """Whether a function is still as it was given out: nothing in it, or only an error that says so."""
        return name in self._empty

    @contextmanager
    def standing_in(self, functions):
        """Put right answers (a dict of functions by name) in place of the student's own for a while."""
        own = {name: self.names[name] for name in functions if name in self.names}
        self.names.update(functions)
        try:
            yield
        finally:
            for name in functions:
                del self.names[name]
            self.names.update(own)

    def said(self, error):
        """An error in one line, with the last line of the student's own that led to it."""
        lines = [line for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == str(self.path)]
        words = " ".join(str(error).split())
        if isinstance(error, SystemExit):
            kind = "it stops Python (exit or sys.exit)"
        else:
            kind = type(error).__name__ + (f": {words}" if words else "")
        if not lines:
            return kind
        return f"line {lines[-1]}: {kind}{_quoted(self._lines[lines[-1] - 1])}"


def read(path):
    """A student's file as a Work; ValueError in one line if it is none, or does not run."""
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


def call(function, arguments):
    """Call a function with copies of some arguments (a dict, in order), without warnings; the Outcome."""
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
    """No warnings, of Python's or of NumPy's: a nan in an answer is told by what is wrong with it."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def _is_empty(node):
    """Whether a function has nothing in it: a docstring, `...`, pass or NotImplementedError."""
    return all(
        isinstance(line, ast.Pass)
        or (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
        or (isinstance(line, ast.Raise) and "NotImplementedError" in ast.unparse(line))
        for line in node.body
    )


def _quoted(line):
    return f" in `{line.strip()}`" if line and line.strip() else ""
