"""People's editors know every public name: each public function and method of the package is annotated."""

import ast
from pathlib import Path

import pytest

import minidiff

FOLDER = Path(minidiff.__file__).parent
FILES = sorted(FOLDER.rglob("*.py"))
JITTED = ("kernel", "vector_helper", "njit", "intrinsic", "overload", "infer_global", "lower_builtin", "register_model")


def public_functions(tree):
    """The functions and methods of a module that no name with an underscore hides, but for those that Numba compiles."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from (one for one in node.body if isinstance(one, ast.FunctionDef))
        if isinstance(node, ast.FunctionDef):
            yield node


def numba_s_own(tree):
    """The names of stubs that an overload of the same file is for: their types are Numba's."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "overload"]
    return {ast.unparse(call.args[0]) for call in calls}


def unannotated(path):
    """The public functions of a file that lack an annotation, by name."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in public_functions(tree):
        if node.name in numba_s_own(tree):
            continue
        jitted = any(word in ast.unparse(decorator) for decorator in node.decorator_list for word in JITTED)
        if jitted or (node.name.startswith("_") and node.name not in ("__init__", "__call__")):
            continue
        given = node.args
        every = [*given.posonlyargs, *given.args, *given.kwonlyargs, *filter(None, (given.vararg, given.kwarg))]
        bare = [one.arg for one in every if one.annotation is None and one.arg not in ("self", "cls")]
        if bare or (node.returns is None and node.name != "__init__"):
            yield f"{node.name} ({', '.join(bare) or 'what it returns'})"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_public_names_are_annotated(path):
    """No public function or method lacks an annotation, of an argument or of what it returns."""
    assert list(unannotated(path)) == []
