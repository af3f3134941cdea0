"""More questions for an exercise: a teacher's own, and questions drawn at random, so that answers cannot be learnt by heart."""

import zlib
from pathlib import Path
from typing import Any

import numpy as np

from .. import arguments
from ..types import Array, PathLike
from .marking import Exercise, Gap
from .reading import MARKER, MODULES, call, exercise

# A drawn array is the given one plus so much normal noise: x, images, logits and so on keep their size.
SPREAD = 0.5


def extended(number: str, path: Path, hidden: PathLike | None = None, draw: int | None = None) -> Exercise:
    """The exercise of a number, with a teacher's questions and drawn ones; `path`, the student's file, belongs to the seed.

    Raises ValueError if `hidden` has no file for this exercise, or if something is wrong in it.
    """
    found = exercise(number)
    if draw is not None:
        rng = generator(draw, path)
        found = found.asking({gap.name: drawn(gap, rng) for gap in found.gaps})
    if hidden is None:
        return found
    files = teachers(hidden)
    if number not in files:
        raise ValueError(f'--hidden: expected a .py file with the line EXERCISE = "{number}" in {hidden}, got none')
    return found.asking(files[number])


# --- a teacher's own --------------------------------------------------------------------------------------------------


def teachers(folder: PathLike) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """The questions of a teacher's folder, by the number of the exercise and the name of the gap.

    A file of the folder has a line EXERCISE = "04" and defines QUESTIONS, a dict of lists: QUESTIONS["els"] holds the questions
    for the gap `els`, each a dict of its arguments by name. The right answers are the package's own. The files are run.

    Raises ValueError if there is no such file, or if the package's own function cannot answer a question.
    """
    folder = Path(folder)
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.py"))} if folder.is_dir() else {}
    found = {match[1]: path for path, text in texts.items() if (match := MARKER.search(text)) and match[1] in MODULES}
    if not found:
        raise ValueError(f'--hidden: expected a folder of .py files with a line EXERCISE = "04" and QUESTIONS, got {folder}')
    return {number: _questions(path, number, texts[path]) for number, path in found.items()}


def _questions(path, number, text):
    names = {"__name__": "hidden", "__file__": str(path)}
    try:
        exec(compile(text, str(path), "exec"), names)
        given = {name: list(questions) for name, questions in names["QUESTIONS"].items()}
    except Exception as error:
        raise ValueError(f"--hidden: expected QUESTIONS = {{gap: [arguments by name, ...]}} in {path}, got {error!r}") from error
    gaps = {gap.name: gap for gap in exercise(number).gaps if gap.questions}
    for name in given:
        if name not in gaps:
            raise ValueError(f"--hidden: expected gaps of {', '.join(gaps)} in {path}, got {name!r}")
        given[name] = [_ordered(gaps[name], question, path) for question in given[name]]
    return given


def _ordered(gap, question, path):
    """The arguments of a question in the order of the gap's function, if that function can answer it."""
    names = list(gap.questions[0])
    if not isinstance(question, dict) or set(question) != set(names):
        got = ", ".join(map(str, question)) if isinstance(question, dict) else repr(question)
        raise ValueError(f"--hidden: expected the arguments {', '.join(names)} for {gap.name} in {path}, got {got}")
    ordered = {name: question[name] for name in names}
    error = call(gap.model, ordered).error
    if error is not None:
        raise ValueError(f"--hidden: expected questions for {gap.name} in {path} that have an answer, got {error!r}")
    return ordered


# --- drawn at random --------------------------------------------------------------------------------------------------


def generator(seed: int, path: PathLike) -> np.random.Generator:
    """The random numbers of one student: they follow from the seed and from the names of the student's file and its folder.

    So a student gets the same questions again, alone or among others, and two students get different ones.
    """
    own = "/".join(Path(path).resolve().parts[-2:])
    return np.random.default_rng([arguments.whole_number("draw", seed, 0), zlib.crc32(own.encode(errors="replace"))])


def drawn(gap: Gap, rng: np.random.Generator) -> list[dict[str, Any]]:
    """A gap's questions, each with other numbers of the same shapes; those that hold no number to change are left out."""
    found = [{name: _other(name, value, question, rng) for name, value in question.items()} for question in gap.questions]
    return [gap.fitted(new) for new, old in zip(found, gap.questions, strict=True) if any(new[n] is not old[n] for n in old)]


def _other(name, value, question, rng):
    """Another argument of the same kind, or the same object where nothing can be drawn (a function, the side of a window)."""
    if isinstance(value, np.ndarray):
        return _other_array(value, rng)
    if isinstance(value, float):
        # a is at most 1; s, h and g keep their size, because some questions are about very small ones.
        return value * rng.uniform(0.7, 1.0) if name == "a" else value * rng.uniform(0.8, 1.2)
    if name in ("row", "column"):
        image = question.get("image", question.get("x"))
        return int(rng.integers(image.shape[0 if name == "row" else 1]))
    if name == "index":
        return int(rng.integers(question["side"]))
    if name in ("p", "u"):
        return tuple(int(rng.integers(side)) for side in question["shape"])
    return value


def _other_array(value: Array, rng: np.random.Generator) -> Array:
    if value.dtype.kind != "f":
        return rng.choice(value.ravel(), value.shape)
    new = value + SPREAD * rng.standard_normal(value.shape)
    # Distances stay at least 0, logarithms of probabilities at most 0, and rows of weights sum to 1.
    if (value >= 0).all():
        weights = value.ndim == 2 and np.allclose(value.sum(axis=-1), 1)
        return np.abs(new) / np.abs(new).sum(axis=-1, keepdims=True) if weights else np.abs(new)
    return -np.abs(new) if (value <= 0).all() else new
