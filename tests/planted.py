"""Bugs of the kind that people write, planted in every machine, layer, sampler and conversion, and the law that catches each.

`planted_machines.py`, `planted_layers.py` and `planted_walks.py` hold the formulas once more, in plain NumPy, and beside a right
line the wrong one that a bug's name switches on. `test_planted.py` sees to it that the laws catch every one and nothing else.

    python tests/planted.py                                     # the table of tests/README.md

prints the bugs by the law that catches them and by the place where they are planted. Most break several laws; the table names
the one that tells the most.
"""

from typing import NamedTuple

import planted_layers
import planted_machines
import planted_walks

from minidiff.testing import LAWS


class Bug(NamedTuple):
    """What is wrong, in plain words; where it is planted; and a law that catches it."""

    words: str
    where: str
    law: str


PARTS = (
    (planted_machines.BUGS, planted_machines.broken_by_machine),
    (planted_layers.BUGS, planted_layers.broken_by_layer),
    (planted_walks.BUGS, planted_walks.broken_by_walk),
)
WHERE = {where: broken for bugs, broken in PARTS for where in bugs}
# Where the kit is asked, whose laws take a third of a second together.
KIT = {*planted_machines.BUGS, "network"}
BUGS = [Bug(words, where, law) for bugs, _ in PARTS for where in bugs for words, law in bugs[where].items()]


def broken_laws(where, words=None, seed=0, only=None):
    """The names of the laws that break where a bug (or none) is planted; of the kit's laws `only` this one is tried, if given."""
    asked = {"laws": only} if only in LAWS and where in KIT else {}
    return WHERE[where](where, words, seed, **asked)


def table():
    """The bugs as Markdown, a row for each law: the kit's in the order of its reports, then those of the tests' own."""
    rows = {law: {} for law in LAWS}
    for bug in BUGS:
        rows.setdefault(bug.law, {}).setdefault(bug.where, []).append(bug.words)
    lines = ["| the law that catches it | where: what was planted there |", "|---|---|"]
    lines += [f"| {law} | {' '.join(_listed(*pair) for pair in found.items())} |" for law, found in rows.items()]
    return "\n".join(lines)


def _listed(where, words):
    return f"**{where}:** {'; '.join(words)}."


if __name__ == "__main__":
    print(table())
