"""How a gap is judged: asked small questions, held against the right answer, and where it differs, against common mistakes.

A mistake is kept as what it would answer (`Slip`), so a hint is given only where the student's own answers are the mistake's, on
every question. That makes hints rare to be wrong: a test sees to it that no two mistakes of a gap answer alike.
"""

import functools
import textwrap
from dataclasses import dataclass

import numpy as np

from .reading import call
from .showing import agree, difference, outcome_parts, shown

DONE, NOT_YET, WRONG = "done", "not yet", "wrong"
WIDTH, INDENT = 112, 10
UNKNOWN = "This is not what the docstring asks for, and no common mistake by itself gives these numbers."


@dataclass(frozen=True, eq=False)
class Slip:
    """A common mistake: `words` that say it to who made it, and `gives`, a function of the gap's arguments that makes it."""

    words: str
    gives: callable


@dataclass(frozen=True, eq=False)
class Gap:
    """A function that a student has to fill in.

    Attributes
    ----------
    name : str
    model : callable
        The right answer, by the package's own means.
    questions : tuple of dict
        Arguments by name, in order; the plainest question first.
    slips : tuple of Slip
    parts : tuple of str
        Names of what is returned, where that is a tuple.
    law : callable, optional
        law(function, brief) -> words for a law that a wrong function breaks, "" if none is known; `brief` where the mistake is
        known already.
    """

    name: str
    model: callable
    questions: tuple
    slips: tuple = ()
    parts: tuple = ()
    law: callable = None


@dataclass(frozen=True, eq=False)
class Mark:
    """What became of one gap.

    Attributes
    ----------
    gap : str
    state : "done", "not yet" or "wrong"
    hint : str
        What seems to be wrong, in a student's words.
    question : dict or None
        The plainest question that was answered wrongly: arguments by name.
    yours, expected : what was answered to it, and what is right; of the part that is wrong.
    where : str
        The difference in words.
    law : str
        A law that is broken, if one is known.
    """

    gap: str
    state: str
    hint: str = ""
    question: dict | None = None
    yours: object = None
    expected: object = None
    where: str = ""
    law: str = ""

    def __str__(self):
        head = f"{self.state:<{INDENT}}{self.gap}"
        asked = "" if self.question is None else "asked: " + ", ".join(f"{n} = {shown(v)}" for n, v in self.question.items())
        lines = [self.hint, asked, *self.where.split("\n"), self.law]
        indent = " " * INDENT
        filled = [textwrap.fill(line, WIDTH, initial_indent=indent, subsequent_indent=indent + "  ") for line in lines if line]
        return "\n".join([head, *filled])

    __repr__ = __str__


@dataclass(frozen=True, eq=False)
class Report:
    """What became of an exercise; `print(report)` says it in words.

    Attributes
    ----------
    number, title : str
    path : Path
    marks : tuple of Mark
        One a gap, in the file's order; where all gaps are done, one more for all of it together.
    """

    number: str
    title: str
    path: object
    marks: tuple

    @property
    def passed(self):
        """Whether every gap is done, and all of it together holds."""
        return all(mark.state == DONE for mark in self.marks)

    def __getitem__(self, gap):
        """The Mark of a gap by its name; KeyError lists the names."""
        found = {mark.gap: mark for mark in self.marks}
        if gap not in found:
            raise KeyError(f"gap: expected one of {', '.join(found)}, got {gap!r}")
        return found[gap]

    def numbers(self):
        """The outcome as plain values, for a .json."""
        return {"exercise": self.number, "passed": self.passed, "gaps": {mark.gap: mark.state for mark in self.marks}}

    def __str__(self):
        gaps = [mark for mark in self.marks if mark.gap != TOGETHER]
        done = sum(mark.state == DONE for mark in gaps)
        head = f"exercise {self.number}, {self.title}: {done} of {len(gaps)} gaps done"
        return "\n".join([head + (", passed" if self.passed else ""), *map(str, self.marks)])

    __repr__ = __str__


TOGETHER = "all together"


@dataclass(frozen=True, eq=False)
class Exercise:
    """An exercise: its gaps, and a last look at all of it, once they are done.

    `together(names)` takes what the student's file defines, and returns (whether it holds, in words what was tried or broken).
    """

    number: str
    title: str
    gaps: tuple
    together: callable

    def report(self, work):
        """The Report of a Work."""
        marks = [self._mark(work, gap) for gap in self.gaps]
        if all(mark.state == DONE for mark in marks):
            holds, words = self.together(work.names)
            marks.append(Mark(TOGETHER, DONE if holds else WRONG, words))
        return Report(self.number, self.title, work.path, tuple(marks))

    def _mark(self, work, gap):
        if gap.name not in work.names:
            return Mark(gap.name, WRONG, f"There is no `{gap.name}` in the file any more: leave the names as they were.")
        if work.is_empty(gap.name):
            return Mark(gap.name, NOT_YET)
        function = work.names[gap.name]
        with work.standing_in({other.name: other.model for other in self.gaps if other is not gap}):
            return judged(gap, function, work.said)


def judged(gap, function, said):
    """The Mark of a function that is to fill a gap; `said(error)` puts an error of it in words."""
    outcomes = [call(function, question) for question in gap.questions]
    for outcome in outcomes:
        if isinstance(outcome.error, NotImplementedError):
            return Mark(gap.name, NOT_YET, f"It still ends in an error that says so: {said(outcome.error)}")
        if outcome.changed:
            name = outcome.changed[0]
            words = f"It changes its argument `{name}` in place (by `{name} -= ...`, say): make a new array instead."
            return Mark(gap.name, WRONG, words)
    answers = [outcome_parts(outcome, gap.parts) for outcome in outcomes]
    rights = [outcome_parts(call(gap.model, question), gap.parts) for question in gap.questions]
    for part in range(len(rights[0])):
        for number, question in enumerate(gap.questions):
            answer, right = answers[number][part], rights[number][part]
            if not agree(answer, right):
                general, where = difference(answer, right, said)
                known = _slip(gap, part, answers, rights) or general
                named = f"`{gap.parts[part]}`: " if gap.parts else ""
                law = gap.law(function, bool(known)) if gap.law is not None else ""
                return Mark(gap.name, WRONG, named + (known or UNKNOWN), question, answer, right, where, law)
    return Mark(gap.name, DONE)


def _slip(gap, part, answers, rights):
    """The words of the slip that gives a student's answers, "" if none does.

    In all parts, or else in this wrong one, or else in this one where the answers are numbers at all: who forgets two things at
    once, such as a and the care for large exponents, is told of the one first, and of the other next time.
    """
    given = [(slip.words, answers_of(slip, gap)) for slip in gap.slips]
    every = range(len(rights))
    numbers = [n for n in every if isinstance(answers[n][part], np.ndarray) and np.isfinite(answers[n][part]).all()]
    for parts, chosen in ((range(len(rights[0])), every), ([part], every), ([part], numbers)):
        for words, mistaken in given:
            one, other, right = ([group[n] for n in chosen] for group in (mistaken, answers, rights))
            if alike(one, other, parts) and not alike(one, right, [part]):
                return words
    return ""


def alike(one, other, parts, same=agree):
    """Whether two lists of answers, each a list of parts, are the same in some parts."""
    return all(same(left[part], right[part]) for left, right in zip(one, other, strict=True) for part in parts)


def answers_of(slip, gap):
    """What a slip answers to a gap's questions."""
    return [outcome_parts(call(slip.gives, question), gap.parts) for question in gap.questions]


def raises(kind):
    """A `gives` for a mistake that ends in an error of that kind."""

    def gives(*_):
        raise kind

    return gives


def with_arguments(model, **changes):
    """A `gives` for a mistake in an argument: the model, asked with some of its arguments changed, by functions of them."""

    @functools.wraps(model)
    def gives(*given):
        names = model.__code__.co_varnames[: model.__code__.co_argcount]
        return model(*(changes.get(name, _same)(value) for name, value in zip(names, given, strict=True)))

    return gives


def _same(value):
    return value


TEMPERATURES = {
    "The exponents are twice too large: -d / s^2, where -d / (2 s^2) belongs.": lambda s: s / np.sqrt(2),
    "It looks as if s were not squared: -d / (2 s), where -d / (2 s^2) belongs.": np.sqrt,
    "The exponents are half of what they should be: (2 s)^2 is 4 s^2, and 2 s^2 belongs there.": lambda s: s * np.sqrt(2),
    "The noise level does not come in: -d / 2, where -d / (2 s^2) belongs.": lambda s: 1.0,
}
FORGOT_A = "It looks as if you forgot the factor a: x is a x0 + s eps, so a candidate y is shrunk to a y before it is compared."


def temperatures(model):
    """The slips in -d / (2 s^2), for a model with an argument s."""
    return tuple(Slip(words, with_arguments(model, s=change)) for words, change in TEMPERATURES.items())


def exponents(model):
    """The slips in -|x - a y|^2 / (2 s^2), one or two at a time, for a model with arguments a and s."""
    both = (
        Slip(f"Two things. {FORGOT_A} {words}", with_arguments(model, a=_one, s=change)) for words, change in TEMPERATURES.items()
    )
    return (forgot_a(model), *temperatures(model), *both)


def forgot_a(model):
    """The slip of comparing with clean candidates, for a model with an argument a."""
    return Slip(FORGOT_A, with_arguments(model, a=_one))


def _one(_):
    return 1.0
