"""Make the exercises from their model solutions: `python tutorials/exercises/make_stubs.py` writes them anew.

A gap is a function whose body, after the docstring, begins with the comment YOUR CODE; its exercise has an error there instead.
Change the solution, not the exercise: the tests ask for the two to be in step.
"""

import re
from pathlib import Path

HERE = Path(__file__).parent
GAP = re.compile(r"^    # YOUR CODE\n(?:    .*\n|\n(?=    ))*", re.MULTILINE)
EMPTY = "    raise NotImplementedError  # YOUR CODE\n"


def stub(solution):
    """The exercise of a solution: the text without its first line and its gaps' bodies."""
    return GAP.sub(EMPTY, solution.split("\n", 1)[1])


if __name__ == "__main__":
    for path in sorted((HERE / "solutions").glob("*.py")):
        (HERE / path.name).write_text(stub(path.read_text(encoding="utf-8")), encoding="utf-8")
