"""The exercises that ask for thought: breaking the laws with a wrong machine, and claims to be proved or refuted."""

import ast
import sys
from pathlib import Path

import numpy as np
import pytest

from minidiff import coursework
from minidiff.coursework import exbreak_laws, exrefute_claims, reading
from minidiff.laws import LAWS

FOLDER = Path(__file__).parent.parent / "tutorials" / "exercises"
FILES = {"break": "break_the_laws.py", "refute": "prove_or_refute.py"}
every_file = pytest.mark.parametrize("number", FILES)


def changed(folder, number, *changes):
    """A copy of a solution in a folder, with some of its text replaced, each piece of it exactly once."""
    source = (FOLDER / "solutions" / FILES[number]).read_text(encoding="utf-8")
    for old, new in changes:
        assert source.count(old) == 1, old
        source = source.replace(old, new)
    path = folder / FILES[number]
    path.write_text(source, encoding="utf-8")
    return path


@pytest.fixture
def kit():
    """The laws, of which a test may take some away. They come back in their order, in which they are asked."""
    kept = dict(LAWS)
    yield LAWS
    LAWS.clear()
    LAWS.update(kept)


@pytest.fixture
def small(monkeypatch, kit):
    """Few questions, and a kit of few laws."""
    monkeypatch.setattr(exbreak_laws, "BATCHES", 2)
    monkeypatch.setattr(exbreak_laws, "SIZE", 3)
    for name in set(kit) - {"answer", "value range"}:
        del kit[name]


# --- the files --------------------------------------------------------------------------------------------------------


@every_file
def test_a_stub_is_its_solution_without_the_answers(number):
    """The stub is made from the solution, and every gap of it is 'not yet'."""
    sys.path.insert(0, str(FOLDER))
    try:
        from make_stubs import stub
    finally:
        sys.path.remove(str(FOLDER))
    text = (FOLDER / FILES[number]).read_text(encoding="utf-8")
    assert text == stub((FOLDER / "solutions" / FILES[number]).read_text(encoding="utf-8")), "run make_stubs.py"
    names = [node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    report = coursework.check(FOLDER / FILES[number])
    assert {mark.state for mark in report.marks} == {"not yet"} and not report.passed
    assert [mark.gap for mark in report.marks] == [name for name in names if name in {gap.name for gap in gaps(number)}]


def gaps(number):
    return reading.exercise(number).gaps


# --- breaking the laws ------------------------------------------------------------------------------------------------


def machine(spoil):
    """make(images) of a machine whose right answers are spoilt by spoil(answers, t)."""

    def make(images):
        right = exbreak_laws.make(images)
        return lambda x, t: spoil(right(x, t), t)

    return make


def test_a_machine_must_be_wrong_and_pass(small):
    """Right is no win, hardly ever wrong is none, what a law finds is none; wrong and unseen is one."""
    won, words = exbreak_laws.verdict(machine(lambda x0_hat, t: x0_hat))
    assert not won and "is right" in words
    won, words = exbreak_laws.verdict(machine(lambda x0_hat, t: x0_hat + 2))
    assert not won and "value range" in words
    won, words = exbreak_laws.verdict(machine(lambda x0_hat, t: 0.9 * x0_hat))
    assert won and "100 % of 6" in words  # the laws of this test only ask for the range


def test_what_hardly_anybody_meets_is_no_win(small, monkeypatch):
    """A machine that is wrong on too small a share of the questions does not win; nan is wrong, too."""
    monkeypatch.setattr(exbreak_laws, "SHARE", 0.6)

    def spoilt(x0_hat, t):
        return np.where(t > 0.5, np.nan, x0_hat)

    won, words = exbreak_laws.verdict(machine(spoilt))
    assert not won and "hardly ever" in words and "50 %" in words


def test_errors_of_a_machine_are_marks(tmp_path):
    """A machine that raises an error, or is none, is wrong, in words."""
    for body in ("    return None", "    return lambda x, t: 1 / 0"):
        mark = coursework.check(changed(tmp_path, "break", ("    machine = right(images)\n", f"{body}\n")))["make"]
        assert mark.state == "wrong" and "error" in mark.hint


@pytest.mark.slow
def test_the_solution_wins():
    """Blocks of 32 queries, whose rest is forgotten: no law asks about so many queries at a time."""
    report = coursework.check(FOLDER / "solutions" / FILES["break"])
    assert report.passed and "It wins" in report["make"].hint


@pytest.mark.slow
def test_the_bug_that_won_is_found_now(tmp_path, kit):
    """Windows cut to 3: the law 'every time' finds them; without this law all others hold, and the machine wins."""
    path = changed(
        tmp_path,
        "break",
        ("return WINDOWS[max(int(np.ceil(t * len(WINDOWS) - 1e-9)) - 1, 0)]", "return min(3, WINDOWS[int(t * 9.999)])"),
        ("    machine = right(images)\n", "    return right(images)\n"),
    )
    make = reading.read(path).names["make"]
    won, words = exbreak_laws.verdict(make)
    assert not won and "'every time' is broken" in words
    del kit["every time"]
    won, words = exbreak_laws.verdict(make)
    assert won and "It wins" in words


# --- claims -----------------------------------------------------------------------------------------------------------


def test_the_claims_are_decided():
    """The solution's three counter-examples are ones, and its two true claims are true."""
    report = coursework.check(FOLDER / "solutions" / FILES["refute"])
    assert report.passed, str(report)
    assert [mark.hint.startswith("It holds") for mark in report.marks[:-1]] == [False, False, True, True, False]


def judged(name, answer):
    return next(gap for gap in exrefute_claims.GAPS if gap.name == name).judge(lambda: answer)


@pytest.mark.parametrize("name", ["claim_1", "claim_2", "claim_5"])
def test_a_false_claim_does_not_hold(name):
    """Who says that a false claim holds is told that there is a counter-example, and not which."""
    mark = judged(name, "holds")
    assert mark.state == "wrong" and "there is a counter-example" in mark.hint


IMAGES, X = np.random.default_rng(0).standard_normal((2, 2, 3, 4, 1))
NO_EXAMPLES = {  # what is returned for a claim, and what must be said about it
    "weights and distances agree": ("claim_1", ([-1.0, 1.0], 0.2, 1.0, 0.5), "the claim holds"),
    "a copy that hardly counts": ("claim_2", ([-1.0, 1.0], 1, -9.0, 1.0, 0.1), "the claim holds"),
    "no such image": ("claim_2", ([-1.0, 1.0], 7, 0.0, 1.0, 1.0), "no example"),
    "a true claim": ("claim_3", (IMAGES, X[0], 3, 0.5, 0.8), "the claim holds"),
    "another true claim": ("claim_4", (IMAGES, X[0], 3, 0.5, 0.8), "the claim holds"),
    "a training image": ("claim_5", (IMAGES, IMAGES[0], 3), "the claim holds"),
    "no end of a walk": ("claim_5", (IMAGES, X[0], 3), "nothing is claimed"),
    "other words": ("claim_1", "true", "must return a counter-example"),
    "nothing": ("claim_1", None, "no example"),
    "too few parts": ("claim_1", ([1.0],), "no example"),
    "another shape": ("claim_3", (IMAGES[0], X[0], 3, 0.5, 0.8), "shape"),
    "no number": ("claim_1", ([np.nan, 1.0], 0.2, 1.0, 0.5), "finite"),
    "no signal": ("claim_1", ([0.0, 1.0], 0.2, 0.0, 0.5), "a must be above 0"),
    "a window of 2": ("claim_3", (IMAGES, X[0], 2, 0.5, 0.8), "k must be"),
    "images of two sizes": ("claim_5", (IMAGES, X[0][:2], 3), "must have the shape"),
}


@pytest.mark.parametrize("case", NO_EXAMPLES)
def test_what_is_no_counter_example_is_told(case):
    """An example for which the claim holds, or that is none: wrong, in words."""
    name, answer, words = NO_EXAMPLES[case]
    mark = judged(name, answer)
    assert mark.state == "wrong" and words in mark.hint, mark.hint
