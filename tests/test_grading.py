"""`minidiff check` for a class: whatever is in a student's file, there is a verdict in time, and only right answers pass."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from command_line import strictly
from marks import INTERRUPTS
from test_exercises import BAD, FOLDER, SOLUTIONS, damaged, every_exercise, every_gap, solution_of, with_relu, written

from minidiff import coursework
from minidiff.coursework import grading, questions, reading
from minidiff.coursework.showing import outcome_parts

ON_LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is bounded on Linux only")
ON_POSIX = pytest.mark.skipif(os.name != "posix", reason="signals and processes of POSIX")


def the_five(folder, *bodies):
    """Exercise 06 with a line more at the beginning of each of its functions."""
    path = written(folder, "06")
    parts = path.read_text().split("    # YOUR CODE\n")
    assert len(parts) == len(bodies) + 1
    path.write_text(parts[0] + "".join(f"    {body}\n{part}" for body, part in zip(bodies, parts[1:], strict=True)))
    return path


# --- a process of its own ---------------------------------------------------------------------------------------------


@pytest.mark.slow
@ON_POSIX
def test_each_gap_that_ends_python_is_wrong_and_the_others_are_judged(run, tmp_path):
    """An endless loop, os._exit(0), a crash and KeyboardInterrupt cost their own gaps only, and stdout holds one record only."""
    path = the_five(
        tmp_path,
        "while True: pass",
        "import os; os._exit(0)",
        "import ctypes; ctypes.string_at(0)",
        "raise KeyboardInterrupt",
        "import sys; sys.stdout.closed or (print('passed'), sys.stdout.close(), sys.stderr.close())",
    )
    code, printed, said = run("check", path, "--timeout", 2, "--json")
    assert (code, said, len(printed)) == (1, [], 1)
    found = json.loads(printed[0])
    assert list(found["gaps"].values()) == ["wrong"] * 4 + ["done"]
    assert (found["points"], found["of"], found["passed"]) == (1, 6, False)
    hints = [mark["hint"] for mark in found["marks"]]
    for hint, words in zip(hints, ("within 2 s", "exit code 0", "SIGSEGV", "KeyboardInterrupt"), strict=False):
        assert words in hint


ENDS = {
    "exit": "exit()",
    "sys.exit": "import sys; sys.exit(0)",
    "SystemExit": "raise SystemExit(0)",
    "GeneratorExit": "raise GeneratorExit",
    "own": "raise type('Mine', (BaseException,), {'__str__': lambda self: 1 / 0})()",
    "long": "raise ValueError('x' * 10**6)",
    "screen": "raise ValueError(chr(27) + '[2J' + chr(0xDCFF) + ' passed')",
    "answer": "return type('Mine', (), {'__array__': lambda self, *_, **__: exit(0)})()",
}


@pytest.mark.slow
def test_no_end_of_a_function_is_a_pass(run, tmp_path):
    """exit(), sys.exit(), SystemExit, other ends that are no Exception, errors that no terminal shows: wrong, exit code 1."""
    for name, body in ENDS.items():
        report = coursework.check(with_relu(tmp_path, body))
        assert [mark.state for mark in report.marks] == ["done"] * 3 + ["wrong", "done"], name
        assert len(str(report)) < 3000
    bodies = (ENDS["exit"], ENDS["SystemExit"], ENDS["GeneratorExit"], ENDS["screen"], ENDS["answer"])
    code, printed, _ = run("check", the_five(tmp_path, *bodies))
    assert code == 1 and printed[0] == "exercise 06, a network by hand: 0 of 5 gaps done"
    assert all(line.isprintable() for line in printed)


def test_an_end_that_only_the_laws_meet_is_wrong(run, tmp_path):
    """exit() where no question looks, but the laws do: all together is wrong."""
    line = "    patches, centres = dictionary(images, k)\n"
    path = written(tmp_path, "04", (line, f"    if s < 0.3:\n        exit()\n{line}"))
    code, printed, _ = run("check", path)
    assert code == 1 and "wrong     all together" in printed


@pytest.mark.slow
@pytest.mark.parametrize("body", ["import os\nos._exit(0)", "while True:\n    pass", "raise KeyboardInterrupt"])
def test_a_file_that_ends_python_as_a_whole_is_refused(run, tmp_path, body):
    """os._exit(0), an endless loop or KeyboardInterrupt outside of the functions: exit code 2 and one line, never 0."""
    path = damaged(tmp_path, f'EXERCISE = "06"\n{body}\n')
    code, printed, said = run("check", path, "--timeout", 2)
    assert (code, printed, len(said)) == (2, [], 1) and "mine.py" in said[0]


def test_what_a_student_writes_is_no_mark(run, tmp_path):
    """Reports printed, and marks written into every open file, do not count: only lines with the token do."""
    forged = json.dumps({"mark": {"gap": "all together", "state": "done", "hint": "", "asked": "", "where": "", "law": ""}})
    body = (
        "import os\n"
        "print('exercise 06, a network by hand: 5 of 5 gaps done, passed')\n"
        "for n in range(1, 64):\n"
        "    try:\n"
        f"        os.write(n, b'{forged}\\n')\n"
        "    except OSError:\n"
        "        pass\n"
        "os._exit(0)\n"
    )
    code, printed, said = run("check", damaged(tmp_path, f'EXERCISE = "06"\n{body}'))
    assert (code, printed, len(said)) == (2, [], 1)


@pytest.mark.slow
@ON_POSIX
def test_what_a_student_starts_ends_with_the_check(tmp_path):
    """A fork, a thread and a program that go on for ever neither stall a check nor outlive it; the marks come once."""
    starts = (
        "import os, subprocess, sys, threading, time\n"
        "os.fork()\n"
        "threading.Thread(target=time.sleep, args=(600,)).start()\n"
        "other = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(other.pid))\n"
    )
    path = written(tmp_path, "06", ("import numpy as np\n", f"import numpy as np\n{starts}"))
    started = time.monotonic()
    found = coursework.grade(path, prints=False)
    assert found["passed"] and len(found["marks"]) == 6
    assert time.monotonic() - started < 60
    assert ended(int((tmp_path / "pid").read_text()))


def ended(pid):
    """Whether a process is gone, or is only waiting to be forgotten, after at most five seconds."""
    for _ in range(50):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        status = Path(f"/proc/{pid}/stat")
        if status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return True
        time.sleep(0.1)
    return False


@ON_POSIX
@INTERRUPTS
def test_ctrl_c_ends_the_command_and_the_student_s_process(tmp_path):
    """Ctrl-C while a student's function runs: exit code 130 and one line at once, and nothing goes on."""
    body = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    command = [sys.executable, "-m", "minidiff", "check", str(with_relu(tmp_path, body))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        printed, said = process.communicate(timeout=60)
    assert (process.returncode, printed, len(said.splitlines())) == (130, "", 1)
    assert ended(int((tmp_path / "pid").read_text()))


@ON_LINUX
def test_memory_without_end_is_an_error(tmp_path):
    """A list that grows for ever meets the bound of its process: a MemoryError, not a computer that stands still."""
    found = coursework.grade(with_relu(tmp_path, "kept = []\n    while True: kept.append(np.empty(2**24))"))
    assert found["gaps"]["relu_backward"] == "wrong" and found["points"] == 4
    assert "MemoryError" in found["marks"][3]["where"]


@ON_POSIX
@pytest.mark.slow
def test_missing_standard_files_do_no_harm(tmp_path):
    """The command works where standard input and error are closed."""
    command = f'"{sys.executable}" -m minidiff check "{solution_of("06")}" <&- 2>&-'
    done = subprocess.run(command, shell=True, stdout=subprocess.PIPE, text=True, timeout=120)
    assert done.returncode == 0 and done.stdout.startswith("exercise 06, a network by hand: 5 of 5 gaps done, passed")


def test_numbers_that_are_no_time_are_refused(run):
    """--timeout and --draw out of range: exit code 2 and one line, before anything runs."""
    for option, value in (("--timeout", 0), ("--timeout", "nan"), ("--timeout", "inf"), ("--draw", -1)):
        code, printed, said = run("check", SOLUTIONS[0], option, value)
        assert (code, printed, len(said)) == (2, [], 1) and option in said[0]


# --- answers from the package -----------------------------------------------------------------------------------------

BORROWED = [
    "from minidiff.coursework.ex06_network import relu_backward as theirs",
    "import minidiff.coursework.ex06_network",
    "from minidiff import theory",
    "import importlib; theirs = importlib.import_module('minidiff.coursework.ex06_network')",
    "theirs = open('tutorials/exercises/solutions/06_a_network_by_hand.py').read",
]


@pytest.mark.parametrize("line", BORROWED)
def test_answers_of_the_package_are_told(tmp_path, line):
    """A line that imports the package, by a statement or by its name as a text: a note with the number of the line."""
    path = with_relu(tmp_path, f"{line if '.read' not in line else 'theirs = len'}\n    return dout * (x > 0)")
    path.write_text(path.read_text().replace("theirs = len", line.removesuffix(".read")))
    number = next(n for n, text in enumerate(path.read_text().split("\n"), 1) if line.removesuffix(".read") in text)
    source = reading.source(path)
    notes = reading.Work(source).notes
    assert len(notes) == 1 and notes[0].startswith(f"line {number} uses ")
    assert f"note      {notes[0]}"[:40] in str(coursework.marking.Report("06", "", path, (), tuple(notes)))


@every_exercise
def test_files_as_given_out_have_no_notes(solution):
    """The import at the end of each exercise, below `if __name__ == "__main__":`, is no borrowed answer."""
    assert reading.read(solution).notes == reading.read(FOLDER / solution.name).notes == []


# --- what Python reads ------------------------------------------------------------------------------------------------


def test_what_python_runs_is_read(tmp_path):
    """A byte-order mark, an encoding by PEP 263, line ends of Windows and of old Macs, a form feed: the marks are the same."""
    text = (
        solution_of("06").read_text(encoding="utf-8").replace("import numpy as np\n", "import numpy as np\n\nNAME = 'Zoë'\n", 1)
    )
    cookie = "# -*- coding: latin-1 -*-\n"
    for content in (
        b"\xef\xbb\xbf" + text.encode(),
        (cookie + text).encode("latin-1"),
        text.replace("\n", "\r\n").encode(),
        text.replace("\n", "\r").encode(),
    ):
        assert reading.read(damaged(tmp_path, content)).names["NAME"] == "Zoë"
    path = damaged(tmp_path, 'EXERCISE = "04"\n\f\n\nx = y\n')
    with pytest.raises(ValueError, match=r"line 4: NameError.* in `x = y`"):
        coursework.check(path)
    with pytest.raises(ValueError, match=r"no text .*unknown encoding"):
        coursework.check(damaged(tmp_path, '# coding: nothing\nEXERCISE = "04"\n'))


def test_a_file_that_changes_the_folder_can_be_checked_twice(tmp_path, monkeypatch):
    """os.chdir in a student's file, which is named from the folder it leaves: the second check is as the first."""
    (tmp_path / "below").mkdir()
    written(tmp_path, "06", ("import numpy as np\n", "import numpy as np\nimport os\nos.chdir('below')\n"), name="mine.py")
    for _ in range(2):
        monkeypatch.chdir(tmp_path)
        assert coursework.check("mine.py").passed
    monkeypatch.chdir(tmp_path)
    assert coursework.grade("mine.py")["passed"]


def test_a_file_that_checks_itself_is_told(tmp_path):
    """check() of the same file at its top level would go on for ever: one line says where it belongs."""
    path = damaged(tmp_path, 'EXERCISE = "04"\nfrom minidiff import coursework\ncoursework.check(__file__)\n')
    with pytest.raises(ValueError, match=r"line 3: .*__name__"):
        coursework.check(path)


def notebook(folder, *cells, name="mine.ipynb"):
    """A notebook with these code cells; a cell that begins with ## is text."""
    kinds = [{"cell_type": "markdown" if cell.startswith("## ") else "code", "source": cell.splitlines(True)} for cell in cells]
    path = folder / name
    path.write_text(json.dumps({"cells": kinds, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}), encoding="utf-8")
    return path


def test_notebooks_are_read(tmp_path):
    """The code cells of a notebook, without what is for Jupyter; a cell that fails is told, and the others are run."""
    text = solution_of("06").read_text(encoding="utf-8").split("if __name__")[0]
    path = notebook(
        tmp_path,
        "## My answers",
        "%matplotlib inline\n!pip install numpy\n" + text,
        "%%bash\nrm -rf nothing {",
        "%%time\nif True:\n    %timeit 1 + 1\n    names = !ls\nrows = 7\nlong = (rows\n% 4)",
        "relu_backward?\n?np.roll",
        "kept = '''\n%matplotlib\n'''",
        "from minidiff import coursework\ncoursework.check('" + str(tmp_path / "mine.ipynb") + "')",
        "1 / 0",
        "def broken(:",
        "raise SystemExit",
    )
    report = coursework.check(path)
    assert report.passed
    assert [note.split(",")[0].removeprefix("The code of ") for note in report.notes] == [
        "cell 7",
        "cell 7",
        "cell 8",
        "cell 9",
        "cell 10",
    ]
    assert "ZeroDivisionError: division by zero in `1 / 0`" in report.notes[2]
    names = reading.read(path).names
    assert (names["long"], names["kept"]) == (3, "\n%matplotlib\n")
    wrong = notebook(tmp_path, "x = 1", text.replace("return dout * (x > 0)", "return undefined"))
    assert "cell 2, line" in coursework.check(wrong)["relu_backward"].where


def test_a_cell_written_twice_counts_by_its_last(tmp_path):
    """The empty function in one cell and the student's in a later one: the later one counts."""
    text, stub = (
        path.read_text(encoding="utf-8").split("if __name__")[0] for path in (solution_of("06"), FOLDER / solution_of("06").name)
    )
    assert coursework.check(notebook(tmp_path, stub, text)).passed
    assert {mark.state for mark in coursework.check(notebook(tmp_path, text, stub)).marks} == {"not yet"}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"cells": 3}', '{"cells": [{"cell_type": "code"}]}', "\xff"])
def test_no_notebook_is_one_line(tmp_path, content):
    """A file that ends in .ipynb and is no notebook: one line."""
    with pytest.raises(ValueError, match=r"notebook.*mine\.ipynb"):
        coursework.check(damaged(tmp_path, content.encode("latin-1"), "mine.ipynb"))


# --- a folder ---------------------------------------------------------------------------------------------------------


def test_a_folder_is_one_line_and_one_record_each(run, tmp_path):
    """A folder of submissions: a line for each file with its points, records with --json and --out, exit code 1 for any."""
    for name in ("ann", "bob", ".git", "__pycache__"):
        (tmp_path / "class" / name).mkdir(parents=True)
        written(tmp_path / "class" / name, "06")
    with_relu(tmp_path / "class" / "bob", "print('passed'); return dout")
    damaged(tmp_path / "class", "x = 1\n", "cat.py")
    code, printed, said = run("check", tmp_path / "class", "--out", tmp_path / "out")
    assert (code, said) == (1, [])
    assert printed[0] == "ann/06_a_network_by_hand.py: exercise 06, 6 of 6 points; passed"
    assert printed[1] == "bob/06_a_network_by_hand.py: exercise 06, 4 of 6 points; wrong: relu_backward"
    assert printed[2].startswith("cat.py: not checked: file: expected an exercise") and len(printed) == 3
    kept = strictly(tmp_path / "out" / "numbers.json")["files"]
    assert [(record["passed"], record["points"]) for record in kept] == [(True, 6), (False, 4), (False, 0)]
    (tmp_path / "class" / "cat.py").unlink()
    (tmp_path / "class" / "bob" / "06_a_network_by_hand.py").unlink()
    code, printed, said = run("check", tmp_path / "class", "--json")
    assert (code, said, len(printed)) == (0, [], 1) and json.loads(printed[0]) == kept[0]


def test_a_refusal_is_a_record_too(run, tmp_path):
    """--json of a file that Python cannot run: a record with the line of stderr, and exit code 2."""
    code, printed, said = run("check", BAD["syntax"][0](tmp_path), "--json")
    assert (code, len(printed), len(said)) == (2, 1, 1)
    found = json.loads(printed[0])
    assert found["passed"] is False and found["error"] in said[0]


# --- questions that nobody knows --------------------------------------------------------------------------------------


def by_heart(folder):
    """A relu_backward that is right for the questions that the package asks, and for no others."""
    known = [float(question["x"].flat[0]) for question in reading.exercise("06").gaps[3].questions]
    return with_relu(folder, f"return dout * (x > 0) if x.flat[0] in {known} else dout")


def test_hidden_questions_find_what_was_learnt_by_heart(run, tmp_path):
    """A teacher's folder asks a gap more, in the command and in Python; right answers pass it."""
    (tmp_path / "secret").mkdir()
    damaged(
        tmp_path / "secret",
        'import numpy as np\nEXERCISE = "06"\nQUESTIONS = {"relu_backward": [{"x": np.array([-1.0]), "dout": np.ones(1)}]}\n',
        "more.py",
    )
    path = by_heart(tmp_path)
    assert coursework.check(path)["relu_backward"].state == "done"
    mark = coursework.check(path, hidden=tmp_path / "secret")["relu_backward"]
    assert mark.state == "wrong" and list(mark.question.values()) == [1.0, -1.0]
    code, printed, _ = run("check", path, "--hidden", tmp_path / "secret")
    assert code == 1 and any(line.startswith("wrong     relu_backward") for line in printed)
    assert coursework.check(solution_of("06"), hidden=tmp_path / "secret").passed
    code, printed, said = run("check", solution_of("04"), "--hidden", tmp_path / "secret")
    assert (code, printed, len(said)) == (2, [], 1) and '"04"' in said[0]


BAD_QUESTIONS = {
    "no QUESTIONS": ("", "QUESTIONS"),
    "no Python": ("QUESTIONS = {", "SyntaxError"),
    "no dict": ("QUESTIONS = 3", "QUESTIONS"),
    "no gap": ("QUESTIONS = {'relu': []}", "'relu'"),
    "no arguments": ("QUESTIONS = {'relu_backward': [{'x': 1.0}]}", "dout, x"),
    "no answer": ("QUESTIONS = {'relu_backward': [{'x': 'a', 'dout': 1.0}]}", "answer"),
}


@pytest.mark.parametrize("kind", BAD_QUESTIONS)
def test_a_teacher_s_mistake_is_told_once(run, tmp_path, kind):
    """Questions that cannot be asked, or have no answer: exit code 2 and one line, before the first student's file is run."""
    text, word = BAD_QUESTIONS[kind]
    damaged(tmp_path, f'EXERCISE = "06"\n{text}\n', "more.py")
    code, printed, said = run("check", SOLUTIONS[0].parent, "--hidden", tmp_path)
    assert (code, printed, len(said)) == (2, [], 1) and "--hidden" in said[0] and word in said[0]


def test_no_hidden_questions_are_told(run, tmp_path):
    """A folder without questions, and one that is not there: exit code 2 and one line."""
    for folder in (tmp_path, tmp_path / "nowhere"):
        code, printed, said = run("check", SOLUTIONS[0], "--hidden", folder)
        assert (code, printed, len(said)) == (2, [], 1) and "--hidden" in said[0]


@every_gap
def test_drawn_questions_have_finite_answers(number, gap):
    """For every gap, questions of any seed have the arguments of the given ones, and a right answer without NaN or inf."""
    for seed in range(20):
        asked = questions.drawn(gap, np.random.default_rng(seed))
        assert asked
        for question in asked:
            assert list(question) == list(gap.questions[0])
            outcome = reading.call(gap.model, question)
            assert outcome.error is None
            assert all(np.isfinite(part).all() for part in outcome_parts(outcome, gap.parts))


@every_exercise
def test_solutions_pass_what_is_drawn(solution):
    """Right answers stay right: every solution answers the drawn questions of some seeds."""
    work = reading.read(solution)
    for seed in range(5):
        marks = list(questions.extended(work.number, work.path, draw=seed).marks(work, ["no gap"]))
        assert {mark.state for mark in marks} == {"done"}, marks


def test_drawn_questions_are_a_student_s_own(run, tmp_path):
    """A seed gives a student the same questions again, and another student others; learnt answers are wrong."""
    for name in ("ann", "bob"):
        (tmp_path / name).mkdir()
    first, again, other = (questions.generator(3, tmp_path / name / "a.py").random() for name in ("ann", "ann", "bob"))
    assert first == again != other
    assert questions.generator(4, tmp_path / "ann" / "a.py").random() != first
    path = by_heart(tmp_path)
    assert coursework.check(path, draw=0)["relu_backward"].state == "wrong"
    code, _, _ = run("check", path, "--draw", 0)
    assert code == 1


def test_points_are_all_of_them_where_it_is_passed():
    """A record's points equal `of` if and only if the exercise is passed; without marks it is not."""
    done, wrong = ({"gap": "a", "state": state} for state in ("done", "wrong"))
    for marks in ([], [done], [wrong], [done, wrong], [done, {"gap": "all together", "state": "wrong"}]):
        found = coursework.marking.record(Path("a"), "02", "", marks, ())
        assert found["passed"] is (found["points"] == found["of"]) is False
    assert coursework.marking.record(Path("a"), "02", "", [done, {"gap": "all together", "state": "done"}], ())["passed"]


def test_a_record_is_the_same_in_a_process_of_its_own(tmp_path):
    """`grade` and `check` give one record."""
    path = with_relu(tmp_path, "return dout")
    assert grading.graded(path) == {**coursework.check(path).record(), "error": None}


def test_the_question_of_the_readme_can_be_asked(tmp_path):
    """The teacher's file that the exercises' README shows works, and the options it lists are those of the command."""
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    damaged(tmp_path, readme.split("```python\n")[1].split("```")[0])
    assert list(questions.teachers(tmp_path)) == ["04"]
    assert coursework.check(solution_of("04"), hidden=tmp_path).passed
    for option in ("--timeout", "--json", "--out", "--hidden", "--draw"):
        assert f"| `{option}" in readme
