"""The checks of tutorials/exercises: `minidiff check FILE` in a terminal, or `check(path)` and `grade(path)` in Python.

A student's file is run as a module. A gap is a function that the student fills in. Each gap is judged by itself: right answers
take the place of the other gaps. It is called with small arguments, the simplest first, and its answers are compared with the
right ones. If they differ, they are also compared with the answers that common mistakes give. A denoiser must also obey the laws
of `minidiff.testing`.
"""

from ..types import PathLike
from . import questions
from .grading import grade
from .marking import Mark, Report
from .reading import read

__all__ = ["Mark", "Report", "check", "grade"]


def check(path: PathLike, hidden: PathLike | None = None, draw: int | None = None) -> Report:
    """Check one exercise: which gaps are done, which are not filled in yet, and what is wrong with the others.

    The file is run in this process, so that you can ask its functions again, in a notebook or a debugger. An endless loop in it
    does not end, and os._exit in it ends Python. `grade`, and the command `minidiff check`, run it in a process of its own.

    Parameters
    ----------
    path : str or Path
        A student's copy of a file of tutorials/exercises, or a notebook (.ipynb) with its functions. A line at its top says
        which exercise it is: EXERCISE = "04".
    hidden : str or Path, optional
        A folder of a teacher's own questions: see `minidiff.coursework.questions.teachers`.
    draw : int, optional
        A seed, >= 0: more questions are drawn at random. They also follow from the names of the file and its folder.

    Returns
    -------
    report : Report
        `print(report)` shows it. `report.passed` is True or False, `report["els"]` is the Mark of a gap, and `report.numbers()`
        is a dict for a .json file.

    Raises ValueError, in one line, if there is no such file, if it has no line EXERCISE, or if Python cannot run it (with the
    number of the line). The file is run, so check only files that you would run yourself. A check takes about a second, and
    longer if the functions are slow: in its last part, a denoiser is called for about 750 images of 5 x 4 pixels.

    Examples
    --------
    >>> check("my_exercise.py")
    Traceback (most recent call last):
        ...
    ValueError: file: expected an exercise, got my_exercise.py, which is no file; hint: copy one from tutorials/exercises
    """
    work = read(path)
    return questions.extended(work.number, work.path, hidden, draw).report(work)
