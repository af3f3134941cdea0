"""A student's copy of the course: the tutorials and exercises of a checkout, without solutions and without answers."""

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..types import PathLike

# The tutorials are no part of an installed package: they lie beside it in a checkout.
TUTORIALS = Path(__file__).parents[2] / "tutorials"
KINDS = {".py", ".ipynb", ".md", ".png", ".svg"}
# What is for teachers only. The pages in Markdown mark their parts for teachers by comments.
TEACHERS = {"teaching.md", "exercises/make_stubs.py", "slides.py"}
OF_TEACHERS = re.compile(r"<!-- for teachers -->.*?<!-- end of for teachers -->\n*", re.DOTALL)
# A folded answer, in the text of a cell and in the comments of a script.
ANSWER = re.compile(r"<details>\s*<summary>\s*Answer.*?</details>\n*", re.DOTALL | re.IGNORECASE)
IN_SCRIPT = re.compile(r"^# <details>\s*<summary>\s*Answer.*?^# </details>\n(?:#\n)*", re.DOTALL | re.IGNORECASE | re.MULTILINE)
EMPTY_CELL = re.compile(r"^# %% \[markdown\]\n(?:#?\n)*(?=# %%|\Z)", re.MULTILINE)


def checkout(folder: PathLike | None = None) -> Path:
    """The folder of tutorials in a checkout; ValueError where the package was installed without one."""
    found = TUTORIALS if folder is None else Path(folder)
    if not (found / "exercises" / "solutions").is_dir():
        raise ValueError(
            f"course: expected a checkout of minidiff with its tutorials, got none at {found}; "
            "hint: clone the repository, and install it there with pip install -e ."
        )
    return found


def students(out: PathLike, answers: bool = False, tutorials: PathLike | None = None) -> list[Path]:
    """Write a student's copy of the course: tutorials, exercises and their pages, without anything that gives answers away.

    Parameters
    ----------
    out : str or Path
        A new or empty folder. It is written whole or not at all.
    answers : bool
        Whether the folded answers of the tutorials (`<details><summary>Answer`) stay.
    tutorials : str or Path, optional
        The folder of tutorials; by default, that of the checkout from which this package is imported.

    Returns
    -------
    paths : list of Path
        The files that were written, relative to `out`.

    Left out are the solutions, the guide for teachers and its tools. The package itself holds right answers, for
    `minidiff check`, and a student can read them there. Raises ValueError if there is no checkout, or if the folder holds
    something.

    Examples
    --------
    >>> students("course", tutorials="nowhere")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    ValueError: course: expected a checkout of minidiff with its tutorials, got none at nowhere; hint: ...
    """
    source, out = checkout(tutorials), Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"--students: expected a new or empty folder, got {out}, which holds something")
    out.parent.mkdir(parents=True, exist_ok=True)
    written = []
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as made:
        copy = Path(made) / "copy"
        for path in _for_students(source):
            to = copy / path
            to.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix in (".png", ".svg"):
                shutil.copyfile(source / path, to)
            else:
                text = (source / path).read_text(encoding="utf-8")
                to.write_text(text if answers and path.suffix != ".md" else without_answers(text, path.suffix), encoding="utf-8")
            written.append(path)
        if out.exists():
            out.rmdir()
        copy.rename(out)
    return written


def _for_students(source: Path) -> Iterator[Path]:
    """The files of the tutorials that a student gets, relative to their folder."""
    for path in sorted(source.rglob("*")):
        here = path.relative_to(source)
        hidden = any(part.startswith((".", "__")) for part in here.parts)
        if path.is_file() and path.suffix in KINDS and not hidden:
            if "solutions" not in here.parts and here.as_posix() not in TEACHERS:
                yield here


def without_answers(text: str, suffix: str) -> str:
    """The text of a notebook, a script or a page without folded answers, and of a page without its parts for teachers."""
    if suffix == ".md":
        return ANSWER.sub("", OF_TEACHERS.sub("", text))
    if suffix == ".py":
        return EMPTY_CELL.sub("", IN_SCRIPT.sub("", text))
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = ANSWER.sub("", "".join(cell["source"])).rstrip("\n").splitlines(keepends=True)
    notebook["cells"] = [cell for cell in notebook["cells"] if cell["source"]]
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
