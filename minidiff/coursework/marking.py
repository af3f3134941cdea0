"""How a gap is judged: its answers to small questions are compared with the right answers, and then with common mistakes.

A common mistake (`slips.Slip`) is the right function with one part replaced. A student gets the hint about a mistake only if the
student's answers equal the answers of that function, so a hint is rarely wrong. A test checks that two mistakes of a gap never
give equal answers.
"""

import inspect
import itertools
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from .reading import Work, call, quiet
from .showing import agree, difference, likeness, outcome_parts, shown
from .slips import Slip

Law = Callable[[Callable[..., Any], bool], str]
# To each question an answer, which is a list of parts.
Answers = Sequence[Sequence[Any]]
DONE, NOT_YET, WRONG = "done", "not yet", "wrong"
WIDTH, INDENT = 112, 10
UNKNOWN = "This is not what the docstring asks for, and no common mistake by itself gives these numbers."


@dataclass(frozen=True, eq=False)
class Gap:
    """A function that a student has to fill in.

    Attributes
    ----------
    model : function
        The right function, under the name that the student's has.
    questions : tuple of dict
        The arguments of calls by name, in order. The simplest question is the first.
    slips : tuple of Slip
        Common mistakes.
    parts : tuple of str
        If the function returns a tuple, the names of its entries.
    order : tuple of int
        The order in which the entries are judged, where an entry is made of a later one; by default, that of `parts`.
    law : Law
        law(function, brief) returns a text about a law that the wrong function breaks, or "". With `brief`, which is True if the
        mistake is known already, the text is short.
    judge : function, or None
        judge(function) returns the Mark, for a function that is not asked questions.
    fitted : function
        fitted(question) returns a question of random arguments with those set right that follow from the others.
    """

    model: Callable[..., Any]
    questions: tuple[dict[str, Any], ...]
    slips: tuple[Slip, ...]
    parts: tuple[str, ...] = ()
    order: tuple[int, ...] = ()
    law: Law = lambda function, brief: ""
    fitted: Callable[[dict[str, Any]], dict[str, Any]] = dict
    judge: "Callable[[Callable[..., Any]], Mark] | None" = None

    @property
    def name(self) -> str:
        """The function's name."""
        return self.model.__name__

    @cached_property
    def mistaken(self) -> list[tuple[str, Answers]]:
        """For each slip its words, and the answers to all questions of a function that makes it."""
        return [(slip.words, answers_of(slip.made_in(self.model), self)) for slip in self.slips]


def gap(model: Callable[..., Any], *asked: tuple, **more: Any) -> Gap:
    """The Gap of a function that is asked these questions, each a tuple of the function's arguments; `more` are Gap's."""
    names = inspect.signature(model).parameters
    return Gap(model, tuple(dict(zip(names, given, strict=True)) for given in asked), **more)


@dataclass(frozen=True, eq=False)
class Mark:
    """The result of one gap.

    Attributes
    ----------
    gap : str
        Its name.
    state : "done", "not yet" or "wrong"
    hint : str
        What seems to be wrong.
    question : dict or None
        The simplest question with a wrong answer: the arguments by name.
    yours, expected : array, error or None
        The student's answer to it, and the right one. If the answer is a tuple, they are the entry that is wrong.
    where : str
        A text that says how the two differ.
    law : str
        A text about a law that is broken, or "".
    """

    gap: str
    state: str
    hint: str = ""
    question: dict | None = None
    yours: Any = None
    expected: Any = None
    where: str = ""
    law: str = ""

    def record(self) -> dict[str, str]:
        """The mark as a dict of texts, for a .json file."""
        asked = "" if self.question is None else ", ".join(f"{n} = {shown(v)}" for n, v in self.question.items())
        return {"gap": self.gap, "state": self.state, "hint": self.hint, "asked": asked, "where": self.where, "law": self.law}

    def __str__(self):
        return _mark_told(self.record())

    __repr__ = __str__


@dataclass(frozen=True, eq=False)
class Report:
    """The result of an exercise; `print(report)` shows it.

    Attributes
    ----------
    number, title : str
    path : Path
    marks : tuple of Mark
        A mark for each gap, in the order of the file. If all gaps are done, one mark more, for all of them together.
    notes : tuple of str
        What a teacher should know: which lines import this package, and which cells of a notebook ended in an error.
    """

    number: str
    title: str
    path: Path
    marks: tuple[Mark, ...]
    notes: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every gap is done, and all gaps together pass the last check."""
        return all(mark.state == DONE for mark in self.marks)

    def __getitem__(self, gap: str) -> Mark:
        """The Mark of a gap by its name; KeyError lists the names."""
        found = {mark.gap: mark for mark in self.marks}
        if gap not in found:
            raise KeyError(f"gap: expected one of {', '.join(found)}, got {gap!r}")
        return found[gap]

    def numbers(self) -> dict[str, Any]:
        """The result as a dict for a .json file: the exercise, whether it is passed, and the state of each gap."""
        return {"exercise": self.number, "passed": self.passed, "gaps": {mark.gap: mark.state for mark in self.marks}}

    def record(self) -> dict[str, Any]:
        """All of the result as a dict of texts and whole numbers: what `numbers()` gives, points, hints and notes."""
        return record(self.path, self.number, self.title, [mark.record() for mark in self.marks], self.notes)

    def __str__(self):
        return told(self.record())

    __repr__ = __str__


TOGETHER = "all together"


def record(path: Path, number: str, title: str, marks: list[dict[str, str]], notes: Sequence[str]) -> dict[str, Any]:
    """The record of a report, made of the records of its marks.

    There is a point for each gap that is done, and one if all of them together pass the last check: `points` equals `of` if and
    only if the exercise is passed.
    """
    gaps = [mark for mark in marks if mark["gap"] != TOGETHER]
    points = sum(mark["state"] == DONE for mark in marks)
    return {
        "file": str(path),
        "exercise": number,
        "title": title,
        "passed": points == len(gaps) + 1,
        "points": points,
        "of": len(gaps) + 1,
        "gaps": {mark["gap"]: mark["state"] for mark in marks},
        "marks": marks,
        "notes": list(notes),
    }


def told(record: dict[str, Any]) -> str:
    """The record of a report as the text that a student reads."""
    states = [state for gap, state in record["gaps"].items() if gap != TOGETHER]
    head = f"exercise {record['exercise']}, {record['title']}: {states.count(DONE)} of {len(states)} gaps done"
    notes = [_filled(note, "note".ljust(INDENT)) for note in record["notes"]]
    return "\n".join([head + (", passed" if record["passed"] else ""), *notes, *map(_mark_told, record["marks"])])


def _mark_told(mark):
    asked = f"asked: {mark['asked']}" if mark["asked"] else ""
    lines = [mark["hint"], asked, *mark["where"].split("\n"), mark["law"]]
    return "\n".join([f"{mark['state']:<{INDENT}}{mark['gap']}", *(_filled(line, " " * INDENT) for line in lines if line)])


def _filled(line, start):
    return textwrap.fill(line, WIDTH, initial_indent=start, subsequent_indent=" " * (INDENT + 2))


@dataclass(frozen=True, eq=False)
class Exercise:
    """An exercise: its gaps, and a last check of all of them together, for when they are done.

    `together(names)` gets everything that the student's file defines, by name. It returns whether the check is passed, and a text
    that says what was checked, or what is wrong.
    """

    number: str
    title: str
    gaps: tuple[Gap, ...]
    together: Callable[[dict[str, Any]], tuple[bool, str]]

    def report(self, work: Work) -> Report:
        """The Report of a student's file."""
        return Report(self.number, self.title, work.path, tuple(self.marks(work)), tuple(work.notes))

    def marks(self, work: Work, left_out: Sequence[str] = ()) -> Iterator[Mark]:
        """The marks of a student's file, one by one, without those of some gaps.

        If all gaps are judged, and all are done, the last mark is the one for all of them together.
        """
        done = not left_out
        for gap in self.gaps:
            if gap.name not in left_out:
                mark = self._mark(work, gap)
                done = done and mark.state == DONE
                yield mark
        if done:
            holds, words = _guarded(work, lambda: self.together(work.names), lambda words: (False, words))
            yield Mark(TOGETHER, DONE if holds else WRONG, words)

    def asking(self, questions: dict[str, list[dict[str, Any]]]) -> "Exercise":
        """This exercise with more questions, given by the names of gaps; they come after its own."""
        return replace(
            self, gaps=tuple(replace(gap, questions=(*gap.questions, *questions.get(gap.name, ()))) for gap in self.gaps)
        )

    def _mark(self, work, gap):
        if gap.name not in work.names:
            return Mark(gap.name, WRONG, f"The file has no `{gap.name}` any more: please keep the names as they were.")
        if work.is_empty(gap.name):
            return Mark(gap.name, NOT_YET)
        function = work.names[gap.name]
        with work.standing_in({other.name: other.model for other in self.gaps if other is not gap}):
            return _guarded(work, lambda: judged(gap, function, work.said), lambda words: Mark(gap.name, WRONG, words))


def _guarded(work, judge, wrong):
    """What judge() returns; if it ends in an error, wrong(words).

    Not all of a student's code runs in `reading.call`: laws call it too, and an answer may have methods of the student's own.
    """
    try:
        with quiet():
            return judge()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return wrong(f"It ends in an error: {work.said(error)}.")


def judged(gap: Gap, function: Callable[..., Any], said: Callable[[BaseException], str]) -> Mark:
    """The Mark of a student's function for a gap; `said(error)` describes an error in one line."""
    if gap.judge is not None:
        try:
            return gap.judge(function)
        except NotImplementedError as error:
            return Mark(gap.name, NOT_YET, f"It still raises NotImplementedError: {said(error)}")
    outcomes = [call(function, question) for question in gap.questions]
    for outcome in outcomes:
        if isinstance(outcome.error, NotImplementedError):
            return Mark(gap.name, NOT_YET, f"It still raises NotImplementedError: {said(outcome.error)}")
        if outcome.changed:
            name = outcome.changed[0]
            words = f"It changes its argument `{name}` in place (for example by `{name} -= ...`): make a new array instead."
            return Mark(gap.name, WRONG, words)
    answers = [outcome_parts(outcome, gap.parts) for outcome in outcomes]
    rights = answers_of(gap.model, gap)
    order = gap.order or tuple(range(len(rights[0])))
    for part in order:
        for number, question in enumerate(gap.questions):
            answer, right = answers[number][part], rights[number][part]
            if not agree(answer, right):
                general, where = difference(answer, right, said)
                known = _slip(gap, order[: order.index(part) + 1], answers, rights) or general
                known = known or likeness(*([of_one[part] for of_one in group] for group in (answers, rights)))
                named = f"`{gap.parts[part]}`: " if gap.parts else ""
                law = _broken(gap, function, bool(known))
                return Mark(gap.name, WRONG, named + (known or UNKNOWN), question, answer, right, where, law)
    return Mark(gap.name, DONE)


def _broken(gap, function, brief):
    """The text about a law that the wrong function breaks; "" if there is none, or if the function cannot be asked about it."""
    try:
        return gap.law(function, brief)
    except Exception:
        return ""


def _slip(gap, parts, answers, rights):
    """The hint of the slip that gives the student's answers, or "".

    The last of `parts` is the one that is wrong, and those before it are right. The answers may be equal in all parts; or else in
    these; or else in these for the questions with finite answers. The last case is for a student who makes two mistakes at once:
    one without the factor a, whose exponents also become too large, is told about the factor first, and about the exponents the
    next time. Where fewer answers are compared, several slips may give them; then none of them is named. And one question is too
    little: where one of two weights is 1 to rounding, many mistakes look like the nearest candidate.
    """
    for order in itertools.permutations(range(len(rights[0]))):
        if order != tuple(sorted(order)) and alike([[of_one[n] for n in order] for of_one in answers], rights, sorted(order)):
            return f"All answers are right, but in another order: return ({', '.join(gap.parts)})."
    part, every = parts[-1], range(len(rights))
    numbers = [n for n in every if isinstance(answers[n][part], np.ndarray) and np.isfinite(answers[n][part]).all()]
    enough = sum(not agree(answers[n][part], rights[n][part]) for n in numbers) >= 2
    for compared, chosen in ((range(len(rights[0])), every), (parts, every), (parts, numbers if enough else [])):
        found = []
        for words, mistaken in gap.mistaken:
            one, other, right = ([group[n] for n in chosen] for group in (mistaken, answers, rights))
            if alike(one, other, compared) and not alike(one, right, [part]):
                found.append(words)
        if len(set(found)) == 1:
            return found[0]
    return ""


def alike(one: Answers, other: Answers, parts: Sequence[int], same: Callable[[Any, Any], bool] = agree) -> bool:
    """Whether two lists of answers, each of which is a list of parts, are equal in these parts."""
    return all(same(left[part], right[part]) for left, right in zip(one, other, strict=True) for part in parts)


def answers_of(function: Callable[..., Any], gap: Gap) -> list[list[Any]]:
    """The answers of a function to the questions of a gap."""
    return [outcome_parts(call(function, question), gap.parts) for question in gap.questions]
