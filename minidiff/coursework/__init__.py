"""What checks the exercises of tutorials/exercises: `minidiff check FILE`, or `check(path)` here.

A student's file is run as a module, and each of its gaps (a function to be filled in) is judged by itself, with right answers in
place of the other gaps: it is asked small questions, the plainest first, and what it answers is held against the right answer
and, where it differs, against what common mistakes would answer. A denoiser is held against the laws of `minidiff.testing` too.
"""

from .marking import Mark, Report
from .reading import read

__all__ = ["Mark", "Report", "check"]


def check(path):
    """Check one exercise: which gaps are done, which not yet, and what is wrong with the others, in words.

    Parameters
    ----------
    path : str or Path
        A student's copy of a file of tutorials/exercises, which says at its top which exercise it is: EXERCISE = "04".

    Returns
    -------
    Report
        `print` it; `.passed`, `["els"]` for a gap's Mark, `.numbers()` for a .json.

    Raises ValueError where there is no exercise to check: no such file, no EXERCISE line in it, or Python cannot run it (said in
    one line, with its number). The file is run, so check what you would run yourself. A second, and more for slow functions: the
    last stage asks a denoiser about 750 images of 5 x 4 pixels.

    Examples
    --------
    >>> check("my_exercise.py")
    Traceback (most recent call last):
        ...
    ValueError: file: expected an exercise, got my_exercise.py, which is no file; hint: copy one from tutorials/exercises
    """
    work = read(path)
    exercise = work.exercise()
    return exercise.report(work)
