"""Reading and running a student's file: which exercise it is, its functions, and its errors, each described in one line."""

import ast
import copy
import importlib
import json
import pkgutil
import re
import sys
import tokenize
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
SUFFIXES = (".py", ".ipynb")
HINT = "hint: copy one from tutorials/exercises"
# Lines of a notebook that are for Jupyter and not for Python, such as %matplotlib, !pip, np.roll? and files = !ls
MAGIC = re.compile(r"^(\s*)(?:%{1,2}\w|[!?]|[\w.]+\s*\?+\s*$|[\w, ]+=\s*(?:%\w|!)).*$", re.MULTILINE)
# After these words, the rest of a cell is Python. After the others (%%bash, %%html, ...) it is not.
PYTHON_CELLS = re.compile(r"\s*%%(?:time|timeit|capture|prun)\b")
# The files that are being run in this process.
RUNNING: set[Path] = set()
# What names the package or the folder of solutions: in an import, or as the text in import_module("minidiff.theory").
OWN = re.compile(r"(minidiff|solutions)(\.\w+)*|(.*/)?solutions/.*")
ANSWERS = "it has the answers: read whether the gaps are the student's own work."
# An error's own words are cut after so many letters.
LONGEST = 300
# The module of this folder that belongs to each exercise.
MODULES = {
    name[2:].split("_")[0]: name for _, name, _ in pkgutil.iter_modules([str(Path(__file__).parent)]) if name.startswith("ex")
}


class Outcome(NamedTuple):
    """The result of a call: a value or an error, and the names of the arguments that the call changed in place."""

    value: Any = None
    error: BaseException | None = None
    changed: tuple[str, ...] = ()


class Source(NamedTuple):
    """A student's file, not yet run: its path, the number of its exercise, and its code, each piece with a name.

    A Python file is one piece without a name. Each code cell of a notebook is a piece: "cell 1", "cell 2" and so on.
    """

    path: Path
    number: str
    pieces: dict[str, str]


class Work:
    """A student's file, which is run when the Work is made.

    Attributes
    ----------
    path : Path
    number : str
        The number of the exercise, such as "04".
    names : dict
        The functions of the file, and everything else that it defines, by name.
    notes : list of str
        What a teacher should know: which lines import this package, and which cells of a notebook ended in an error.

    Raises ValueError, in one line, if Python cannot run the file. A notebook is run as far as its cells can be run: people try
    things out in cells, and a cell that fails says nothing about the functions in the others.
    """

    def __init__(self, source: Source) -> None:
        self.path, self.number, pieces = source
        # Python's own lines: str.splitlines() would also end a line at a form feed.
        self._lines = {self._file(piece): text.split("\n") for piece, text in pieces.items()}
        self._module = types.ModuleType(f"exercise_{self.number}")
        self._module.__file__ = str(self.path)
        self.names: dict[str, Any] = self._module.__dict__
        self.notes: list[str] = []
        self._empty: set[str] = set()
        # A file that checks itself when it is run would go on for ever. It may also change the folder: resolve its path once.
        resolved = self.path.resolve()
        if resolved in RUNNING:
            raise ValueError(f"{self.path} is being checked: call check() below `if __name__ == '__main__':`, or in another file")
        RUNNING.add(resolved)
        try:
            with quiet(), self._beside():
                for piece, text in pieces.items():
                    self._run(piece, text)
        finally:
            RUNNING.discard(resolved)

    def _file(self, piece):
        """The name of a file that Python's tracebacks show for a piece of the source."""
        return f"{self.path}, {piece}" if piece else str(self.path)

    def _run(self, piece, text):
        try:
            tree = ast.parse(text)
            functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
            # Of two functions with one name Python keeps the last: some students write theirs below the given one.
            for node in functions:
                (self._empty.add if _is_empty(node) else self._empty.discard)(node.name)
            self.notes += [f"{_place(piece, line)} uses {name}, and {ANSWERS}" for line, name in _own(tree)]
            exec(compile(text, self._file(piece), "exec"), self.names)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            found = self.said(error)
            if isinstance(error, SyntaxError) and error.lineno is not None:
                found = f"{_place(piece, error.lineno)}: {type(error).__name__}: {error.msg}{_quoted(error.text)}"
            if not piece:
                raise ValueError(f"{self.path}, {found}") from error
            self.notes.append(f"The code of {found}. The rest of this cell was not run.")

    @contextmanager
    def _beside(self):
        """For a while, imports find the files in the same folder, and dataclasses find the module."""
        folder, name = str(self.path.resolve().parent), self._module.__name__
        before, modules = list(sys.path), sys.modules.get(name)
        sys.path.append(folder)
        sys.modules[name] = self._module
        try:
            yield
        finally:
            sys.path[:] = before
            sys.modules.pop(name, None)
            if modules is not None:
                sys.modules[name] = modules

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
        frames = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
        own = [(file, line) for file, line in frames if file in self._lines]
        if isinstance(error, SystemExit):
            kind = "it stops Python (exit or sys.exit)"
        else:
            words = _words(error)
            kind = type(error).__name__ + (f": {words}" if words else "")
        if not own:
            return kind
        file, line = own[-1]
        return f"{_place(file[len(str(self.path)) + 2 :], line)}: {kind}{_quoted(self._lines[file][line - 1])}"


def read(path: PathLike) -> Work:
    """A student's file as a Work; ValueError (in one line) if it is not an exercise, or if Python cannot run it."""
    return Work(source(path))


def exercise(number: str) -> "Exercise":
    """The Exercise of a number, such as "04"."""
    return importlib.import_module(f".{MODULES[number]}", __package__).EXERCISE


def source(path: PathLike) -> Source:
    """A student's file as a Source, without running it; ValueError (in one line) if it is not an exercise.

    Every file that Python reads is read: with a byte-order mark, or in the encoding that its first lines name (PEP 263). Of a
    notebook (.ipynb), the code cells are read without the lines for Jupyter, such as %matplotlib and !pip.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"file: expected an exercise, got {path}, which is no file; {HINT}")
    pieces = _cells(path) if path.suffix == ".ipynb" else {"": _text(path)}
    found = MARKER.search("\n".join(pieces.values()))
    numbers = f"EXERCISE = one of {', '.join(map(repr, sorted(MODULES)))}"
    if found is None:
        raise ValueError(f"file: expected an exercise, with a line {numbers} at its top, got {path} without one; {HINT}")
    if found[1] not in MODULES:
        raise ValueError(f"file: expected {numbers}, got {found[0]} in {path}; {HINT}")
    return Source(path, found[1], pieces)


def _text(path):
    try:
        with tokenize.open(path) as file:
            return file.read()
    except (SyntaxError, UnicodeDecodeError) as error:
        why = error.msg if isinstance(error, SyntaxError) else str(error)
        raise ValueError(f"file: expected a Python file, got {path}, which is no text ({why}); {HINT}") from None


def _cells(path):
    """The code cells of a notebook, as Python, by "cell 1", "cell 2", ...: counted as Jupyter shows them, text cells too."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8-sig"))["cells"]
        return {f"cell {n}": _python("".join(cell["source"])) for n, cell in enumerate(cells, 1) if cell["cell_type"] == "code"}
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError(f"file: expected a notebook of version 4, got {path}, which has no cells; hint: save it again") from None


def _python(cell):
    """A cell without the lines for Jupyter, which become `pass`, so that the other lines keep their numbers."""
    try:
        ast.parse(cell)
    except (SyntaxError, ValueError):
        if cell.lstrip().startswith("%%") and not PYTHON_CELLS.match(cell):
            return ""
        return MAGIC.sub(r"\1pass", cell)
    return cell


def call(function: Callable[..., Any], arguments: dict[str, Any]) -> Outcome:
    """The Outcome of a function that is called with copies of the arguments, in their order; warnings are not shown."""
    copies = copy.deepcopy(arguments)
    try:
        with quiet():
            value = function(*copies.values())
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return Outcome(error=error)
    changed = tuple(
        name
        for name, given in arguments.items()
        if isinstance(given, np.ndarray) and not np.array_equal(given, copies[name], equal_nan=True)
    )
    return Outcome(value, None, changed)


@contextmanager
def quiet() -> Iterator[None]:
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


def _own(tree):
    """Where code names this package or the folder of solutions, outside of `if __name__ == ...`: (line, name) of each place."""
    for outer in tree.body:
        if isinstance(outer, ast.If) and "__name__" in ast.unparse(outer.test):
            continue
        for node in ast.walk(outer):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Call):
                names = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            else:
                continue
            yield from ((node.lineno, name) for name in names if OWN.fullmatch(name))


def _place(piece, line):
    return f"{piece}, line {line}" if piece else f"line {line}"


def _words(error):
    """The words of an error in one line, not too long; none if it cannot be turned into text."""
    try:
        words = " ".join(str(error).split())
    except Exception:
        return ""
    return words if len(words) <= LONGEST else f"{words[:LONGEST]} ..."


def _quoted(line):
    line = line.strip() if isinstance(line, str) else ""
    return f" in `{line[:LONGEST]}`" if line else ""
