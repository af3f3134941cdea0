"""The exercises: every stub is not yet done, every solution passes, and wrong answers get the hint that is about them.

The checker is judged as a marker of coursework would be: it must not call right wrong, nor wrong right, and what it says must be
about the mistake that was made.
"""

import ast
import importlib
import itertools
import random
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import mistakes
import numpy as np
import pytest
from command_line import refused, strictly
from marks import also_slow

import minidiff as md
from minidiff import coursework
from minidiff.coursework import marking, reading, slips
from minidiff.coursework.showing import agree, outcome_parts, shown
from minidiff.nets import layers
from minidiff.studies import calibration

FOLDER = Path(__file__).parent.parent / "tutorials" / "exercises"
SOLUTIONS = sorted((FOLDER / "solutions").glob("0*.py"))
NUMBERS = [path.name[:2] for path in SOLUTIONS]
every_exercise = pytest.mark.parametrize("solution", SOLUTIONS, ids=lambda path: path.stem)


def solution_of(number):
    return next(path for path in SOLUTIONS if path.name.startswith(number))


def exercise(number):
    return importlib.import_module(f"minidiff.coursework.{reading.MODULES[number]}").EXERCISE


GAPS = [(number, gap) for number in NUMBERS for gap in exercise(number).gaps]
every_gap = pytest.mark.parametrize(("number", "gap"), GAPS, ids=lambda value: getattr(value, "name", value))


def written(folder, number, *changes, name=None):
    """A copy of a solution in a folder, with some of its text replaced, each piece of it exactly once."""
    source = solution_of(number).read_text(encoding="utf-8")
    for old, new in changes:
        assert source.count(old) == 1, f"{old!r} is {source.count(old)} times in solution {number}"
        source = source.replace(old, new)
    path = folder / (name or solution_of(number).name)
    path.write_text(source, encoding="utf-8")
    return path


# --- the files --------------------------------------------------------------------------------------------------------


def test_there_is_an_exercise_for_each_of_01_to_09():
    """One exercise a tutorial, under the tutorial's name, with three to five gaps."""
    assert [*NUMBERS, "break", "refute"] == sorted(reading.MODULES)
    assert NUMBERS == ["01", "02", "03", "04", "05", "06", "07", "08", "09"]
    assert [path.name for path in sorted(FOLDER.glob("0*.py"))] == [path.name for path in SOLUTIONS]
    for path in SOLUTIONS:
        assert 3 <= path.read_text().count("    # YOUR CODE\n") <= 5
        assert 3 <= len(exercise(path.name[:2]).gaps) <= 5


@every_exercise
def test_a_stub_is_its_solution_without_the_answers(solution):
    """Stub and solution have the same functions, arguments and docstrings: the stub is made from the solution."""
    sys.path.insert(0, str(FOLDER))
    try:
        stub = importlib.import_module("make_stubs").stub(solution.read_text(encoding="utf-8"))
    finally:
        sys.path.remove(str(FOLDER))
    assert stub == (FOLDER / solution.name).read_text(encoding="utf-8"), "run tutorials/exercises/make_stubs.py"
    functions = [
        {
            node.name: (ast.unparse(node.args), ast.get_docstring(node))
            for node in ast.parse(text).body
            if isinstance(node, ast.FunctionDef)
        }
        for text in (stub, solution.read_text(encoding="utf-8"))
    ]
    assert functions[0] == functions[1]
    names = [gap.name for gap in exercise(solution.name[:2]).gaps]
    assert [name for name in functions[0] if name in names] == names
    for name in names:
        assert "Returns" in functions[0][name][1] and "Hint:" in functions[0][name][1]


@every_exercise
def test_no_docstring_is_the_answer(solution):
    """What a stub says is no line of its solution, nor a longer part of one: the student has to think of it."""
    text = solution.read_text(encoding="utf-8")
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and "# YOUR CODE" in ast.get_source_segment(text, node):
            told = as_formula(ast.get_docstring(node))
            nodes = [one for line in node.body[1:] for one in ast.walk(line) if isinstance(one, ast.expr)]
            parts = [as_formula(ast.unparse(one)) for one in nodes]
            assert [part for part in parts if len(part) > 16 and part in told] == [], node.name


def as_formula(text):
    """Code and formulas without what differs only in how they are written: 2 * s**2 and 2 s^2 are one."""
    return re.sub(r"[\s*]", "", text.replace("**", "^"))


@every_exercise
def test_every_stub_is_not_yet_done(solution):
    """A stub as it is given out: every gap is 'not yet', none is 'wrong', and it has not passed."""
    report = coursework.check(FOLDER / solution.name)
    assert [mark.state for mark in report.marks] == ["not yet"] * len(report.marks)
    assert [mark.gap for mark in report.marks] == [gap.name for gap in exercise(solution.name[:2]).gaps]
    assert not report.passed


@pytest.mark.parametrize(
    "solution",
    [also_slow(path) if path.name[:2] in ("03", "04", "05", "08") else path for path in SOLUTIONS],
    ids=lambda path: path.stem,
)
def test_every_solution_passes(solution):
    """Every gap of every solution is done, and all of it together holds."""
    report = coursework.check(solution)
    assert report.passed, str(report)
    assert [mark.state for mark in report.marks] == ["done"] * (len(exercise(solution.name[:2]).gaps) + 1)


@every_exercise
def test_one_gap_done_is_one_gap_done(solution, tmp_path):
    """A gap is judged by itself: with the others still empty, the one that is done is called done."""
    number, stub = solution.name[:2], (FOLDER / solution.name).read_text(encoding="utf-8")
    answers = {
        node.name: ast.get_source_segment(solution.read_text(encoding="utf-8"), node)
        for node in ast.parse(solution.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }
    for gap in exercise(number).gaps:
        path = tmp_path / "mine.py"
        path.write_text(f"{stub.split('if __name__')[0]}\n\n{answers[gap.name]}\n", encoding="utf-8")
        states = {mark.gap: mark.state for mark in coursework.check(path).marks}
        assert states == {other.name: "done" if other is gap else "not yet" for other in exercise(number).gaps}


# --- hints ------------------------------------------------------------------------------------------------------------


@every_gap
def test_no_two_slips_answer_alike(number, gap):
    """A hint is given where the answers are a slip's. So no slip answers rightly, and slips of different words differ.

    Both up to 100 times the tolerance, and on the gap's own questions.
    """
    right = [outcome_parts(reading.call(gap.model, question), gap.parts) for question in gap.questions]
    assert all(isinstance(part, np.ndarray) and np.isfinite(part).all() for parts in right for part in parts)
    answers = [("what is right", right), *((slip.words, marking.answers_of(slip.made_in(gap.model), gap)) for slip in gap.slips)]
    for index, (words, given) in enumerate(answers):
        for other, others in answers[:index]:
            assert words == other or not marking.alike(given, others, range(len(right[0])), near), f"{words}\n{other}"


def near(one, two):
    """Whether two answers are the same up to 100 times the tolerance."""
    both = isinstance(one, np.ndarray) and isinstance(two, np.ndarray) and one.shape == two.shape
    return agree(np.asarray(one / 100), np.asarray(two / 100)) if both else agree(one, two)


def no_law(function, brief):
    return ""


@every_gap
def test_every_slip_gets_its_own_hint(number, gap):
    """A function that makes a slip is told the slip's words, and shown what it answered beside what is right."""
    quiet = replace(gap, law=no_law)
    for slip in gap.slips:
        mark = marking.judged(quiet, slip.made_in(gap.model), lambda error: type(error).__name__)
        assert mark.state == "wrong"
        assert slip.words in mark.hint, f"{slip.words}\n{mark}"
        assert mark.question is not None and "expected" in str(mark)


# Typical wrong answers: (exercise, gap, replacements in the solution, words of the hint).
WRONG = [
    # 01
    ("01", "levels", [("np.hypot(1.0, ratio)", "np.sqrt(1 + ratio**2)")], ["1e200", "np.hypot"]),
    ("01", "walk", [("denoiser(x, now[0], now[1])", "denoiser(x, then[0], then[1])")], ["where the step ends"]),
    ("01", "order", [("return -slope", "return slope")], ["sign"]),
    # 02
    ("02", "ideal", [("((x - a * images) ** 2)", "((x - images) ** 2)")], ["forgot the factor a"]),
    ("02", "ideal", [("-distances / (2 * s**2)", "-distances / s**2")], ["twice too large"]),
    ("02", "ideal", [("-distances / (2 * s**2)", "-distances / (2 * s)")], ["s were not squared"]),
    ("02", "ideal", [(".sum(axis=(1, 2, 3))", ".mean(axis=(1, 2, 3))")], ["averaged", "sum"]),
    ("02", "ideal", [("-distances / (2 * s**2)", "-distances / 2 * s**2")], ["multiply by s^2", "brackets"]),
    ("02", "x0_from_score", [("(x + s**2 * score) / a", "x / a + s**2 * score")], ["Only x is divided by a"]),
    ("02", "x0_from_v", [("(a * x - s * v) / (a**2 + s**2)", "a * x - s * v")], ["a^2 + s^2", "flow"]),
    (
        "02",
        "views",
        [("eps_hat = (x - a * x0_hat) / s", "eps_hat = (x - a * x0_hat) / np.sqrt(1 - a**2)")],
        ["assume a^2 + s^2 = 1"],
    ),
    ("02", "views", [("-eps_hat / s, a", "-eps_hat / s**2, a")], ["`score`", "three times"]),
    (
        "02",
        "views",
        [("return eps_hat, -eps_hat / s,", "return -eps_hat / s, eps_hat,")],
        ["another order", "(eps_hat, score, v)"],
    ),
    ("02", "views", [("-eps_hat / s, a", "-eps_hat, a")], ["`score`", "needs s^2"]),
    ("02", "views", [("a * eps_hat - s * x0_hat", "a * eps_hat + s * x0_hat")], ["`v`", "sign between"]),
    (
        "02",
        "views",
        [("-eps_hat / s, a * eps_hat - s", "eps_hat / s, a * eps_hat + s")],
        ["`score`", "points to the clean image"],
    ),
    (
        "02",
        "log_sum_exp",
        [("largest[..., 0] + np.log(np.exp(logits - largest).sum(axis=-1))", "np.log(np.exp(logits).sum(axis=-1))")],
        ["exp(-1000) is 0"],
    ),
    ("02", "log_sum_exp", [("logits.max(axis=-1, keepdims=True)", "logits.max(keepdims=True)")], ["share one maximum"]),
    (
        "02",
        "log_sum_exp",
        [("axis=-1, keepdims=True)\n", "axis=-1)\n"), ("return largest[..., 0] +", "return largest +")],
        ["wrong axis", "keepdims"],
    ),
    # 03
    ("03", "window_at", [("np.arange(k) - k // 2", "np.arange(3) - 1")], ["always 3 x 3"]),
    ("03", "weights", [("/ (2 * s**2)", "/ 2 * s**2")], ["multiply by s^2"]),
    (
        "03",
        "window_at",
        [
            (
                "image[(row + around)[:, None] % height, (column + around) % width]",
                "image[(row + around)[:, None], column + around]",
            )
        ],
        ["modulo"],
    ),
    ("03", "window_at", [("np.arange(k) - k // 2", "np.arange(k)")], ["begins at the pixel"]),
    ("03", "window_at", [("np.arange(k) - k // 2", "np.arange(-(k // 2), k // 2)")], ["one row and one column short"]),
    ("03", "distances", [("seen - a * window_at", "seen - window_at")], ["forgot the factor a"]),
    ("03", "distances", [("** 2).sum() for", "** 2).mean() for")], ["mean of the squares"]),
    ("03", "weights", [("(2 * s**2)", "(2 * s) ** 2")], ["(2 s)^2 is 4 s^2"]),
    ("03", "weights", [("-(distances - distances.min()) /", "-distances /")], ["exp(-3000) is 0"]),
    ("03", "local", [("w @ images[:, row, column]", "w @ (a * images[:, row, column])")], ["The answer is a x0_hat"]),
    ("03", "local", [("distances(x, images, row, column, k, a), s)", "distances(x, images, 0, 0, k, a), s)")], ["(0, 0)"]),
    # 04
    ("04", "posterior", [("window - a * patches", "window - patches")], ["forgot the factor a"]),
    ("04", "posterior", [("** 2).sum(axis=1)", "** 2).mean(axis=1)")], ["mean of the squared"]),
    ("04", "dictionary", [("images.reshape(-1, channels)", "np.array(patches)[:, :channels]")], ["`centres`", "corners"]),
    (
        "04",
        "dictionary",
        [("for row in range(height) for column in range(width)]", "for column in range(width) for row in range(height)]")],
        ["`patches`", "n, column, row"],
    ),
    (
        "04",
        "els",
        [
            ("patches, centres = dictionary(images, k)", "patches = centres = None"),
            (
                "posterior(window_at(x, row, column, k).ravel(), patches, a, s) @ centres",
                "posterior(window_at(x, row, column, k).ravel(), "
                "np.array([window_at(y, row, column, k).ravel() for y in images]), a, s) @ images[:, row, column]",
            ),
        ],
        ["that is LS", "share one dictionary"],
    ),
    ("04", "equivariance_gap", [("np.roll(f(x), (down, right), axis=(0, 1))", "f(x)")], ["Only what goes in is shifted"]),
    (
        "04",
        "posterior",
        [("window - a * patches", "window - patches"), ("-(distances - distances.min())", "-distances")],
        ["factor a"],
    ),
    (
        "04",
        "posterior",
        [("window - a * patches", "window - patches"), ("(2 * s**2)", "s**2")],
        ["Two things", "factor a", "twice"],
    ),
    (
        "04",
        "posterior",
        [("np.exp(-(distances - distances.min()) / (2 * s**2))", "np.exp(-distances / (2 * s**2)) + 1e-300")],
        ["tiny number", "equal"],
    ),
    (
        "04",
        "dictionary",
        [("window_at(y, row, column, k)", "window_at(y, column, row, k)")],
        ["`patches`", "Row and column are swapped"],
    ),
    ("04", "dictionary", [("window_at(y, row, column, k)", "window_at(y, row, column, 3)")], ["`patches`", "always 3 x 3"]),
    (
        "04",
        "dictionary",
        [("return np.array(patches), images.reshape(-1, channels)", "return images.reshape(-1, channels), np.array(patches)")],
        ["another order", "(patches, centres)"],
    ),
    # 05
    ("05", "known_index", [("d = k // 2\n    return index", "d = 1\n    return index")], ["always 1"]),
    (
        "05",
        "els_zeros",
        [("x0_hat, places = np.empty(x.shape), list", "k = 3\n    x0_hat, places = np.empty(x.shape), list")],
        ["always 3"],
    ),
    (
        "05",
        "known_index",
        [("return index if index", "return min(index, side - 1 - index) if index")],
        ["distance to the border"],
    ),
    ("05", "known_index", [("index - d < 0 or", "index - d <= 0 or")], ["One pixel too many", "At index d"]),
    ("05", "known_index", [("d = k // 2\n    return index", "d = k\n    return index")], ["k // 2"]),
    ("05", "may_explain", [("return all(known", "return any(known")], ["One axis is enough"]),
    (
        "05",
        "window_at",
        [("padded = np.pad(image, ((d, d), (d, d), (0, 0)))", 'padded = np.pad(image, ((d, d), (d, d), (0, 0)), mode="wrap")')],
        ["no torus"],
    ),
    (
        "05",
        "window_at",
        [
            ("padded = np.pad(image, ((d, d), (d, d), (0, 0)))", "padded = image"),
            ("padded[row : row + k, column : column + k]", "padded[row - d : row + d + 1, column - d : column + d + 1]"),
        ],
        ["too small or empty"],
    ),
    ("05", "els_zeros", [("for u in places if may_explain(p, u, x.shape[:2], k)]", "for u in places]")], ["Every place"]),
    (
        "05",
        "els_zeros",
        [("for u in places if may_explain(p, u, x.shape[:2], k)]", "for u in places if u == p]")],
        ["that is LS"],
    ),
    # 06
    (
        "06",
        "conv",
        [("return sum(shifted(x, i, j, k) @ weight[i, j]", "return sum(shifted(x, i, j, k) @ weight[-1 - i, -1 - j]")],
        ["turned by 180 degrees"],
    ),
    ("06", "conv_backward_input", [("weight[::-1, ::-1].transpose", "weight.transpose")], ["not turned by 180"]),
    ("06", "conv_backward_input", [(".transpose(0, 1, 3, 2)", "")], ["not transposed"]),
    (
        "06",
        "conv_backward_weight",
        [("shifted(x, i, j, k), dout)\n", "shifted(x, i, j, k), dout) / len(x)\n")],
        ["averaged", "batch"],
    ),
    ("06", "relu_backward", [("dout * (x > 0)", "dout * np.maximum(x, 0)")], ["ReLU's value", "slope"]),
    ("06", "directional_derivative", [("/ (2 * h)", "/ 2 * h")], ["brackets"]),
    (
        "06",
        "directional_derivative",
        [("(f(x + h * direction) - f(x - h * direction)) / (2 * h)", "(f(x + h * direction) - f(x)) / h")],
        ["one-sided"],
    ),
    (
        "06",
        "conv",
        [
            (
                "return sum(shifted(x, i, j, k) @ weight[i, j] for i in range(k) for j in range(k))",
                "for i, j in np.ndindex(k, k):\n        out = shifted(x, i, j, k) @ weight[i, j]\n    return out",
            )
        ],
        ["+="],
    ),
    (
        "06",
        "conv_backward_weight",
        [
            (
                'np.einsum("bhwc,bhwo->co", shifted(x, i, j, k), dout)\n    return',
                'np.einsum("hwc,hwo->co", shifted(x, i, j, k)[-1], dout[-1])\n    return',
            )
        ],
        ["last image", "+="],
    ),
    # 07
    ("07", "agreement", [("p.mean(axis=1, keepdims=True)", "p.mean(axis=1)")], ["`r`", "keepdims"]),
    ("07", "similarity", [("flat(x - a * x0_hat) / s", "flat(x0_hat)")], ["compare the estimates"]),
    ("07", "similarity", [("flat(x - a * x0_hat) / s", "flat(x - x0_hat) / s")], ["forgot the factor a"]),
    (
        "07",
        "best_windows",
        [("np.array(windows)[np.argmax(similarities, axis=0)]", "np.argmax(similarities, axis=0)")],
        ["positions"],
    ),
    ("07", "best_windows", [("np.argmax(similarities, axis=0)]", "np.argmin(similarities, axis=0)]")], ["least similar"]),
    ("07", "window_of_step", [("int(np.sort(chosen)[(len(chosen) - 1) // 2])", "np.median(chosen)")], ["no window of 4"]),
    ("07", "agreement", [("1 - residual / (q**2).sum(axis=1)", "r**2")], ["`determination`", "another number"]),
    ("07", "agreement", [("return r, r**2,", "return r, r,")], ["`r_squared`", "labelled"]),
    ("07", "agreement", [("residual / (q**2)", "residual / (p**2)")], ["reference's spread"]),
    # 08
    ("08", "softmax_backward", [("w * (dw - (w * dw).sum(axis=-1, keepdims=True))", "w * dw")], ["sum is kept at 1"]),
    ("08", "attention", [("q @ k.T / np.sqrt(q.shape[1]))", "q @ k.T)")], ["not divided by sqrt(D)"]),
    (
        "08",
        "attention_backward",
        [("weights) / np.sqrt(q.shape[1])", "weights)")],
        ["1 / sqrt(D) is missing in the backward pass"],
    ),
    ("08", "softmax_backward", [("(w * dw).sum(axis=-1, keepdims=True)", "(w * dw).sum(axis=-1)")], ["wrong axis", "keepdims"]),
    ("08", "attention_backward", [("ds.T @ q", "ds @ q")], ["`dk`", "transposed"]),
    ("08", "attention_backward", [("dout @ v.T", "v @ dout.T")], ["dA is transposed"]),
    ("08", "attention_backward", [("return ds @ k, ds.T @ q,", "return ds.T @ q, ds @ k,")], ["another order", "(dq, dk, dv)"]),
    ("08", "attention", [("return weights @ v, weights", "return weights, weights @ v")], ["another order", "(out, A)"]),
    ("08", "attention_backward", [("softmax_backward(dout @ v.T, weights)", "(dout @ v.T)")], ["not go through the softmax"]),
    ("08", "evidence", [("largest[..., 0] + np.log(np.exp(logs - largest)", "np.log(np.exp(logs)")], ["log(0)"]),
    (
        "08",
        "evidence",
        [("return largest[..., 0] + np.log(np.exp(logs - largest).sum(axis=2))", "return largest[..., 0]")],
        ["only the best place"],
    ),
    ("08", "pooled_weights", [("weights @ evidence(logs)", "weights.T @ evidence(logs)")], ["listens"]),
    (
        "08",
        "pooled_weights",
        [("softmax(total.reshape(len(logs), -1)).reshape(logs.shape)", "softmax(total)")],
        ["softmax of its own"],
    ),
    # 09
    ("09", "opened", [("column : column + k].all()", "column : column + k].any()")], ["a dilation"]),
    ("09", "limbs", [("size > 1", "size > 0")], ["crumbs"]),
    ("09", "true_share", [("(1 - alarm - miss)", "(1 - miss)")], ["only from the wrong images"]),
]


@pytest.mark.parametrize(
    ("number", "gap", "changes", "words"),
    [also_slow(*wrong) if wrong[0] == "05" else wrong for wrong in WRONG],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_typical_wrong_answers_get_the_right_hint(number, gap, changes, words, tmp_path):
    """A typical wrong answer: its gap is wrong, with a hint about that mistake; all other gaps are done."""
    report = coursework.check(written(tmp_path, number, *changes))
    assert {mark.gap: mark.state for mark in report.marks} == {
        one.name: "wrong" if one.name == gap else "done" for one in exercise(number).gaps
    }, str(report)
    assert not report.passed
    for word in words:
        assert word in report[gap].hint, str(report)
    assert "expected" in report[gap].where


# Wrong answers that look like another mistake: (exercise, gap, replacements in the solution, words that must not be said).
MISLEADING = [
    # With images y and -y, of which the first question has two, any wrong weights give a multiple of the right answer.
    ("02", "ideal", [("softmax(-distances / (2 * s**2))", "softmax(-distances / (3 * s**2))")], ["factor", "sign"]),
    ("02", "ideal", [("softmax(-distances / (2 * s**2))", "softmax(-distances**2)")], ["factor", "sign", "nearest"]),
    # Only the first question has finite answers, and there it is the nearest image that answers.
    ("02", "ideal", [("(x - a * images) ** 2", "(x ** (a * images)) ** 2")], ["nearest"]),
    # All numbers are 0: that is no factor.
    ("04", "posterior", [("return w / w.sum()", "return 0 * w")], ["factor", "sum to 1"]),
    # Two weights in the wrong order are no proof.
    ("03", "weights", [("return w / w.sum()", "return (1 - w / w.sum()) / (len(w) - 1)")], ["order", "farthest", "swapped"]),
    # The sums of the first question have one size, so a power of them is a multiple of them.
    ("08", "softmax_backward", [("w * (dw - (w * dw)", "w**2 * (dw - (w * dw)")], ["factor"]),
    ("07", "window_of_step", [("(len(chosen) - 1) // 2", "(len(chosen) - 1) // 3")], ["Sort the entries"]),
    (
        "07",
        "window_of_step",
        [("int(np.sort(chosen)[(len(chosen) - 1) // 2])", "2 * np.sort(chosen)[(len(chosen) - 1) // 2]")],
        ["factor"],
    ),
    ("08", "attention", [("return weights @ v, weights", "return weights, weights")], ["order", "swapped"]),
    # With one channel it is right, and with two it is half of what is right: that is not one factor.
    ("06", "conv", [("k = len(weight)\n    return sum(", "k = len(weight)\n    return 1 / x.shape[3] * sum(")], ["factor"]),
    # Two mistakes. As to A alone, there may be no softmax at all, or only in what is returned.
    (
        "08",
        "attention",
        [("return weights @ v, weights", "return weights.T @ v, q @ k.T / np.sqrt(q.shape[1])")],
        ["There is no softmax", "out is right"],
    ),
    # An error that only the laws meet has its own words, and nothing is usual about it.
    ("04", None, [("    w = np.exp(-(distances", "    assert s > 0.1, 'small'\n    w = np.exp(-(distances")], ["Usually: ."]),
    # A is wrong, so out is: it is made of the transposed A, and happens to be that of swapped queries and keys.
    (
        "08",
        "attention",
        [
            ("softmax(q @ k.T / np.sqrt(q.shape[1]))", "softmax(k @ q.T / np.sqrt(q.shape[1])).T"),
            ("weights @ v", "weights.T @ v"),
        ],
        ["are swapped"],
    ),
    # s has a floor: no question is about so small an s, and the laws that break must not speak of something else.
    (
        "04",
        None,
        [("    w = np.exp(-(distances", "    s = max(s, 0.01)\n    w = np.exp(-(distances")],
        ["expanded", "whole batch"],
    ),
    # The largest exponent is not subtracted in `els` itself.
    (
        "04",
        None,
        [
            (
                "        x0_hat[row, column] = posterior(window_at(x, row, column, k).ravel(), patches, a, s) @ centres",
                "        w = np.exp(-((window_at(x, row, column, k).ravel() - a * patches) ** 2).sum(1) / (2 * s**2))\n"
                "        x0_hat[row, column] = w @ centres / w.sum()",
            )
        ],
        ["whole batch", "expanded", "a missing"],
    ),
]


@pytest.mark.parametrize(
    ("number", "gap", "changes", "words"), MISLEADING, ids=lambda value: value if isinstance(value, str) else ""
)
def test_wrong_answers_get_no_false_hint(number, gap, changes, words, tmp_path):
    """A wrong answer that equals another mistake's in a simple question, or in one of two parts: that mistake is not named."""
    report = coursework.check(written(tmp_path, number, *changes))
    wrong = [mark for mark in report.marks if mark.state == "wrong"]
    assert [mark.gap for mark in wrong] == [gap or "all together"]
    for word in words:
        assert word not in wrong[0].hint, str(report)


@pytest.mark.slow
@every_gap
def test_of_two_mistakes_no_third_is_named(number, gap):
    """Two slips at once: the hint names one of them, or both, or another one that gives the same answers."""
    quiet = replace(gap, law=no_law)
    for one, other in itertools.combinations(gap.slips, 2):
        try:
            function = slips.both(one, other).made_in(gap.model)
        except (ValueError, SyntaxError):
            continue  # both change the same place
        answers = marking.answers_of(function, gap)
        mark = marking.judged(quiet, function, str)
        for named in gap.slips:
            if mark.state == "wrong" and mark.hint.endswith(named.words) and named.words not in slips.both(one, other).words:
                made = marking.answers_of(named.made_in(gap.model), gap)
                assert marking.alike(answers, made, range(len(made[0]))), f"{one.changes} and {other.changes}: {mark.hint}"


def unnamed(some):
    """The mistakes whose hint has not the words that it must have, each with the hint."""
    return [(mistake, hint) for mistake in some if mistake.words not in (hint := mistakes.hint(mistake))]


def words_of_slips(mistake):
    """The words of all slips of a mistake's gap."""
    return [slip.words for gap in exercise(mistake.number).gaps if gap.name == mistake.gap for slip in gap.slips]


def test_a_few_natural_mistakes_are_named():
    """Ten of the table of natural mistakes, and five of those that no slip gives; the slow tests try all."""
    assert unnamed(random.Random(0).sample(mistakes.NATURAL, 10)) == []
    assert unnamed(random.Random(0).sample(mistakes.OTHER, 5)) == []


@pytest.mark.slow
def test_natural_mistakes_are_named():
    """Of all natural mistakes, more than 95 and some for each gap, every one gets a hint that names it."""
    assert len(mistakes.NATURAL) >= 95
    assert {(one.number, one.gap) for one in mistakes.NATURAL} == {(number, gap.name) for number, gap in GAPS}
    assert unnamed(mistakes.NATURAL) == []


@pytest.mark.slow
def test_what_is_no_slip_is_not_called_one():
    """A wrong answer that no slip gives gets no slip's hint, but general words that are true of it."""
    assert len(mistakes.OTHER) >= 40 and unnamed(mistakes.OTHER) == []
    for mistake in mistakes.OTHER:
        hint = mistakes.hint(mistake)
        assert not [words for words in words_of_slips(mistake) if words in hint], mistake


def test_a_slip_must_be_in_the_text():
    """A change of what is not in the right function, or is there twice, is an error: it would change nothing, or too much."""
    for change in ("nothing -> x", "x -> y"):
        with pytest.raises(ValueError, match="once in its text"):
            slips.slips(f"{change}  # words")[0].made_in(the("06", "relu_backward"))


# Right answers, written otherwise: (exercise, gap, replacements in the solution).
RIGHT = [
    ("02", "views", [("-eps_hat / s, a", "(a * x0_hat - x) / s**2, a")]),
    ("02", "log_sum_exp", [("largest = logits", "return np.logaddexp.reduce(logits, axis=-1)\n    largest = logits")]),
    ("02", "ideal", [("softmax(-distances / (2 * s**2))", "softmax((-0.5 * distances / s) / s)")]),
    (
        "03",
        "window_at",
        [("return image[(row", "return np.roll(image, (k // 2 - row, k // 2 - column), (0, 1))[:k, :k]\n    return image[(row")],
    ),
    ("03", "weights", [("np.exp(-(distances - distances.min())", "np.exp((distances.min() - distances)")]),
    (
        "04",
        "dictionary",
        [("return np.array(patches), images", "return [np.array(patches), images"), ("channels)\n", "channels)]\n")],
    ),
    (
        "04",
        "equivariance_gap",
        [("np.abs(shifted_first - shifted_last).max()", "float(abs(shifted_last - shifted_first).max())")],
    ),
    ("05", "known_index", [("if index - d < 0 or index + d > side - 1", "if min(index, side - 1 - index) < d")]),
    ("05", "may_explain", [("return all(known", "return np.all([known"), ("for axis in (0, 1))", "for axis in (0, 1)])")]),
    ("06", "relu_backward", [("dout * (x > 0)", "np.where(x > 0, dout, 0)")]),
    ("06", "conv_backward_weight", [("dweight = np.empty(", "dweight = np.zeros(")]),
    ("07", "window_of_step", [("int(np.sort(chosen)[(len(chosen) - 1) // 2])", "sorted(chosen)[(len(chosen) - 1) // 2]")]),
    (
        "08",
        "evidence",
        [("    largest = logs.max(axis=2", "    return np.logaddexp.reduce(logs, axis=2)\n    largest = logs.max(axis=2")],
    ),
    (
        "08",
        "softmax_backward",
        [("w * (dw - (w * dw).sum(axis=-1, keepdims=True))", "w * dw - w * np.einsum('ij,ij->i', w, dw)[:, None]")],
    ),
    ("08", "attention", [("return weights @ v, weights", "return [weights @ v, weights]")]),
]


@pytest.mark.parametrize(("number", "gap", "changes"), RIGHT, ids=lambda value: value if isinstance(value, str) else "")
def test_other_right_answers_are_right(number, gap, changes, tmp_path, monkeypatch):
    """A right answer that is written otherwise, or comes as another kind of number, is done all the same."""
    module = importlib.import_module(f"minidiff.coursework.{reading.MODULES[number]}")
    monkeypatch.setattr(module, "EXERCISE", replace(module.EXERCISE, together=lambda names: (True, "")))  # saves a second
    report = coursework.check(written(tmp_path, number, *changes))
    assert report[gap].state == "done" and report.passed, str(report)


def test_there_are_three_wrong_answers_for_every_exercise():
    """At least three typical wrong answers an exercise, about at least two of its gaps."""
    for number in NUMBERS:
        gaps = [gap for other, gap, _, words in WRONG if other == number and words]
        assert len(gaps) >= 3 and len(set(gaps)) >= 2


# --- what a file may do to the checker --------------------------------------------------------------------------------

BODY = {  # what a student may have written into exercise 06's relu_backward, and what the mark has to say
    "return None": (["returns None", "return"], ""),
    "y = dout": (["returns None", "return"], ""),
    "return 'dout'": (["numbers"], ""),
    "return [[1.0], [1.0, 2.0]]": (["a list", "np.array"], ""),
    "return dout[:1]": (["shape"], "yours"),
    "return -dout * (x > 0)": (["sign"], "yours"),
    "return 3 * dout * (x > 0)": (["factor", "3"], "yours"),
    "return (dout * (x > 0))[::-1]": (["order"], "yours"),
    "return dout * (x > 0) / 0": (["NaN"], "yours"),
    "return undefined": (["error"], "NameError: name 'undefined' is not defined in `return undefined`"),
    "import sys; sys.exit(0)": (["error"], "exit"),
    "return relu_backward(dout, x)": (["error"], "RecursionError"),
    "dout *= x > 0; return dout": (["`dout`", "in place"], ""),
}


def with_relu(folder, body):
    return written(folder, "06", ("return dout * (x > 0)", body))


@pytest.mark.parametrize("body", BODY)
def test_whatever_a_function_does_is_a_mark(tmp_path, body):
    """No answer, a wrong kind, an error or sys.exit in a function: that gap is wrong, in words, and the others are judged."""
    report = coursework.check(with_relu(tmp_path, body))
    hints, where = BODY[body]
    mark = report["relu_backward"]
    assert mark.state == "wrong" and sum(one.state == "done" for one in report.marks) == 4
    for word in hints:
        assert word in mark.hint, str(report)
    assert where in mark.where
    assert "Traceback" not in str(report)


def test_an_error_is_told_with_its_line(tmp_path):
    """The line is the last one of the student's own, not one of NumPy's."""
    path = with_relu(tmp_path, "return np.linalg.inv(dout)")
    line = path.read_text().split("\n").index("    return np.linalg.inv(dout)") + 1
    assert f"line {line}: LinAlgError" in coursework.check(path)["relu_backward"].where


def test_not_yet_is_no_mistake(tmp_path):
    """A body that is empty in any way, or still ends in NotImplementedError, is 'not yet'."""
    for body in ("...", "pass", "raise NotImplementedError", "raise NotImplementedError('later')"):
        assert coursework.check(with_relu(tmp_path, body))["relu_backward"].state == "not yet"
    mark = coursework.check(with_relu(tmp_path, "slope = x > 0\n    raise NotImplementedError"))["relu_backward"]
    assert mark.state == "not yet" and "line" in mark.hint


def test_a_function_that_is_gone_is_missed(tmp_path):
    """A renamed function is told by the name that is looked for."""
    path = tmp_path / "mine.py"
    path.write_text(solution_of("06").read_text().replace("def relu_backward", "def relu_back"), encoding="utf-8")
    mark = coursework.check(path)["relu_backward"]
    assert mark.state == "wrong" and "`relu_backward`" in mark.hint


def test_other_arguments_are_told(tmp_path):
    """A function with another number of arguments: Python's own words."""
    mark = coursework.check(written(tmp_path, "06", ("def relu_backward(dout, x)", "def relu_backward(dout)")))["relu_backward"]
    assert mark.state == "wrong" and "takes 1 positional argument but 2 were given" in mark.where


def test_what_is_right_for_each_gap_may_be_wrong_together(tmp_path):
    """A trick that the gaps' questions do not meet: at hardly any noise x itself is given back. The laws find it."""
    trick = (
        "    patches, centres = dictionary(images, k)\n",
        "    if s < 0.3:\n        return x / a\n    patches, centres = dictionary(images, k)\n",
    )
    report = coursework.check(written(tmp_path, "04", trick))
    assert [mark.state for mark in report.marks] == ["done"] * 4 + ["wrong"]
    assert not report.passed and "law" in report["all together"].hint


def test_expanded_squares_are_found_together(tmp_path):
    """|x|^2 - 2 x y + |y|^2 answers every gap's question rightly, and loses near copies in float32: the law says so."""
    old, new = "((window - a * patches) ** 2)", "(window**2 - 2 * a * window * patches + (a * patches) ** 2)"
    report = coursework.check(written(tmp_path, "04", (old, new)))
    assert [mark.state for mark in report.marks] == ["done"] * 4 + ["wrong"]
    assert "near copies" in report["all together"].hint and "take differences first" in report["all together"].hint


def test_others_mistakes_do_not_count_twice(tmp_path):
    """With the dictionary wrong, the machine that is built on it is still called done: it is right as far as it goes."""
    report = coursework.check(written(tmp_path, "04", ("window_at(y, row, column, k)", "window_at(y, 0, 0, k)")))
    assert {mark.gap: mark.state for mark in report.marks} == {
        "dictionary": "wrong",
        "posterior": "done",
        "els": "done",
        "equivariance_gap": "done",
    }


def test_the_counter_example_can_be_asked_again(tmp_path):
    """report[gap].question holds the arguments: called with them, the student's function gives what the report says."""
    path = written(tmp_path, "03", ("seen - a * window_at", "seen - window_at"))
    mark = coursework.check(path)["distances"]
    names = reading.read(path).names
    np.testing.assert_array_equal(names["distances"](*mark.question.values()), mark.yours)
    names = reading.read(solution_of("03")).names
    np.testing.assert_allclose(names["distances"](*mark.question.values()), mark.expected)


def test_a_law_is_named_where_one_is_broken(tmp_path):
    """A wrong machine is held against the laws, a wrong backward against the adjoint's; at length where no mistake is known."""
    old = "posterior(window_at(x, row, column, k).ravel(), patches, a, s) @ centres"
    known = coursework.check(written(tmp_path, "04", (old, old.replace("row, column", "0, 0"))))["els"]
    assert "(0, 0)" in known.hint and known.law.startswith("The law 'window' is broken") and "Usually" not in known.law
    unknown = coursework.check(written(tmp_path, "04", (old, f"{old} + 0.01")))["els"]
    assert "no common mistake" in unknown.hint and "Usually: " in unknown.law
    backward = coursework.check(written(tmp_path, "06", ("weight[::-1, ::-1].transpose", "weight.transpose")))
    assert "adjoint" in backward["conv_backward_input"].law and "<dx, x>" in backward["conv_backward_input"].law


def test_a_file_is_run_as_a_module_not_as_a_program(tmp_path):
    """`if __name__ == "__main__"` does not run; what lies beside the file can be imported; nothing is left behind."""
    (tmp_path / "mine_beside.py").write_text("def mask(x):\n    return x > 0\n")
    path = written(
        tmp_path,
        "06",
        ("return dout * (x > 0)", "return dout * mask(x)"),
        ("import numpy as np\n", "import numpy as np\nfrom mine_beside import mask\n"),
        ("    from minidiff import coursework\n", "    raise SystemExit(3)\n"),
    )
    before = (list(sys.path), {name for name in sys.modules if name.startswith("exercise_")})
    assert coursework.check(path).passed
    assert before == (list(sys.path), {name for name in sys.modules if name.startswith("exercise_")})
    sys.modules.pop("mine_beside")


def test_ctrl_c_is_the_students(tmp_path):
    """KeyboardInterrupt is not taken for a wrong answer: it ends the check."""
    with pytest.raises(KeyboardInterrupt):
        coursework.check(with_relu(tmp_path, "raise KeyboardInterrupt"))


def damaged(folder, text, name="mine.py"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


BAD = {
    "missing": (lambda at: at / "nowhere.py", ["file", "nowhere.py", "no file"]),
    "folder": (lambda at: at, ["file", "no file"]),
    "notebook": (lambda at: damaged(at, "{}", "a.ipynb"), ["notebook", "cells"]),
    "no exercise": (lambda at: damaged(at, "x = 1\n"), ["EXERCISE", "mine.py"]),
    "other number": (lambda at: damaged(at, 'EXERCISE = "11"\n'), ["EXERCISE", "11", "09"]),
    "no text": (lambda at: damaged(at, b"\xff\xfe\x00"), ["mine.py", "text"]),
    "syntax": (lambda at: damaged(at, 'EXERCISE = "04"\n\ndef f(:\n'), ["line 3", "SyntaxError", "def f(:"]),
    "indentation": (lambda at: damaged(at, 'EXERCISE = "04"\ndef f():\nreturn 1\n'), ["line 3", "IndentationError", "return 1"]),
    "import": (lambda at: damaged(at, 'EXERCISE = "04"\nimport no_such_thing\n'), ["line 2", "no_such_thing"]),
    "name": (lambda at: damaged(at, 'EXERCISE = "04"\n\n\nx = y\n'), ["line 4", "NameError", "`x = y`"]),
    "exit": (lambda at: damaged(at, 'EXERCISE = "04"\nimport sys\nsys.exit(0)\n'), ["line 3", "exit"]),
    "called too early": (lambda at: damaged(at, 'EXERCISE = "04"\ndef f():\n    raise NotImplementedError\nf()\n'), ["line 3"]),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_files_are_one_line(tmp_path, kind):
    """No exercise, or one that Python cannot run: a ValueError of one line with the file and the number of the line."""
    make, words = BAD[kind]
    with pytest.raises(ValueError) as caught:
        coursework.check(make(tmp_path))
    said = str(caught.value)
    assert "\n" not in said and "Traceback" not in said
    for word in words:
        assert word in said, said


def test_values_are_shown_in_few_words():
    """Small arrays are shown whole, with their shape where it is not plain; large ones by their shape."""
    told = {0.8: "0.8", 3: "3", True: "True", -0.0: "0", np.nan: "nan", (3, 5): "(3, 5)", (): "()"}
    assert [shown(value) for value in told] == list(told.values())
    assert shown([3, 5]) == "[3, 5]"
    assert shown(np.array([1.0, -2.5])) == "[1, -2.5]"
    assert shown(np.array([[1.0 / 3]])) == "[0.3333] of shape (1, 1)"
    assert shown(np.ones((1, 2, 2, 1))) == "[[1, 1], [1, 1]] of shape (1, 2, 2, 1)"
    assert [shown(np.ones(shape)) for shape in ((2, 5), (0, 3))] == ["array of shape (2, 5)", "array of shape (0, 3)"]


def test_the_report_says_it_all():
    """print(report), report[gap], numbers()."""
    report = coursework.check(FOLDER / "04_anywhere.py")
    assert str(report).startswith("exercise 04, anywhere: 0 of 4 gaps done")
    assert [line.split() for line in str(report).splitlines()[1:]] == [["not", "yet", mark.gap] for mark in report.marks]
    assert report.numbers() == {"exercise": "04", "passed": False, "gaps": {mark.gap: "not yet" for mark in report.marks}}
    with pytest.raises(KeyError, match="dictionary, posterior"):
        report["relu"]


# --- what is right -----------------------------------------------------------------------------------------------------


def the(number, name):
    return next(gap for gap in exercise(number).gaps if gap.name == name).model


def test_the_models_are_the_package():
    """What exercises take for right is what the package computes: machines, conversions, layers, calibration, agreement."""
    rng = np.random.default_rng(0)
    schedule, t = md.schedules.cosine(), 0.6
    a, s = float(schedule.signal(t)), float(schedule.noise(t))
    images, x = rng.standard_normal((3, 5, 4, 3)), rng.standard_normal((5, 4, 3))
    window = {"schedule": schedule, "window": 3}
    machines = {
        ("02", "ideal"): (md.IdealScore(images, schedule), (images,)),
        ("03", "local"): (md.LocalScore(images, **window), (images, 3)),
        ("04", "els"): (md.EquivariantLocalScore(images, **window), (images, 3)),
        ("05", "els_zeros"): (md.EquivariantLocalScore(images, **window, boundary="zeros"), (images, 3)),
    }
    for gap, (machine, given) in machines.items():
        np.testing.assert_allclose(the(*gap)(x, *given, a, s), machine(x, t), atol=1e-12)
    x0_hat = rng.standard_normal(x.shape)
    for found, view in zip(the("02", "views")(x, x0_hat, a, s), ("eps_from_x0", "score_from_x0"), strict=False):
        np.testing.assert_allclose(found, getattr(md.process, view)(x, x0_hat, t, schedule), atol=1e-12)
    eps_hat, score, v = the("02", "views")(x, x0_hat, a, s)
    np.testing.assert_allclose(v, md.process.v_from_x0(x0_hat, eps_hat, t, schedule), atol=1e-12)
    np.testing.assert_allclose(the("02", "x0_from_score")(x, score, a, s), x0_hat, atol=1e-12)
    np.testing.assert_allclose(the("02", "x0_from_v")(x, v, 0.3, 0.7), (0.3 * x - 0.7 * v) / 0.58, atol=1e-12)


@pytest.mark.slow
def test_the_models_are_the_packages_layers():
    """Convolution, ReLU and attention, forward and backward; the cosine of a calibration; the pooled-evidence machine."""
    rng = np.random.default_rng(1)
    x, weight, dout = (rng.standard_normal(shape) for shape in ((2, 4, 5, 2), (3, 3, 2, 3), (2, 4, 5, 3)))
    np.testing.assert_allclose(the("06", "conv")(x, weight), layers.conv2d(x, weight, np.zeros(3)), atol=1e-12)
    dx, dweight, _ = layers.conv2d_backward(dout, x, weight)
    np.testing.assert_allclose(the("06", "conv_backward_input")(dout, weight), dx, atol=1e-12)
    np.testing.assert_allclose(the("06", "conv_backward_weight")(dout, x, 3), dweight, atol=1e-12)
    q, k, v, dout = rng.standard_normal((4, 6, 3))
    image = [array.reshape(1, 2, 3, 3) for array in (q, k, v, dout)]
    out, table = the("08", "attention")(q, k, v)
    np.testing.assert_allclose(out, layers.attention(*image[:3]).reshape(6, 3), atol=1e-12)
    np.testing.assert_allclose(table, layers.attention_map(*image[:2])[0], atol=1e-12)
    for found, right in zip(
        the("08", "attention_backward")(dout, q, k, v, table), layers.attention_backward(image[3], *image[:3]), strict=True
    ):
        np.testing.assert_allclose(found, right.reshape(6, 3), atol=1e-12)
    p, q = rng.standard_normal((2, 3, 2, 2, 1))
    np.testing.assert_allclose(the("07", "similarity")(0 * p, p, q, 0.6, 0.8), calibration.cosine_similarity(p, q), atol=1e-12)


def test_the_pooled_machine_is_the_packages():
    """Exercise 08's `pooled`, with the solution's gaps, is AttentionScore with raw strength."""
    rng = np.random.default_rng(2)
    names = reading.read(solution_of("08")).names
    images, x, t, schedule = rng.standard_normal((3, 4, 3, 1)), rng.standard_normal((4, 3, 1)), 0.6, md.schedules.cosine()
    table = rng.random((12, 12))
    table /= table.sum(axis=1, keepdims=True)
    for g in (0.0, 0.7):
        machine = md.AttentionScore(images, schedule, window=3, attention=table, strength=g, raw=True)
        found = names["pooled"](x, images, 3, float(schedule.signal(t)), float(schedule.noise(t)), table, g)
        np.testing.assert_allclose(found, machine(x, t), atol=1e-10)


def test_the_readme_shows_a_true_report(tmp_path):
    """The report in the exercises' README is what comes out: the factor a forgotten in one gap, another one still empty."""
    posterior, els = ("window - a * patches", "window - patches"), "    patches, centres = dictionary(images, k)\n"
    report = coursework.check(written(tmp_path, "04", posterior, (els, f"    raise NotImplementedError\n{els}")))
    shown = str(report).split("\n")
    del shown[shown.index("not yet   els") + 1]
    assert "\n".join(["```", *shown, "```"]) in (FOLDER / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
@every_exercise
def test_what_solutions_promise_holds(solution):
    """The examples in the solutions' docstrings run: a machine of one's own recites, or makes what is in no training set."""
    done = subprocess.run([sys.executable, "-m", "doctest", str(solution)], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.slow
def test_an_exercise_checks_itself_when_run():
    """`python 06_a_network_by_hand.py` prints its report."""
    done = subprocess.run([sys.executable, str(solution_of("06"))], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("exercise 06, a network by hand: 5 of 5 gaps done, passed")


# --- the command -------------------------------------------------------------------------------------------------------


def test_the_command_prints_the_report(run, tmp_path):
    """`minidiff check FILE`: the report on stdout, exit code 0 if it passed and 1 if not, and --out writes it as numbers."""
    code, printed, said = run("check", solution_of("06"), "--out", tmp_path)
    assert (code, said) == (0, []) and printed == str(coursework.check(solution_of("06"))).splitlines()
    assert strictly(tmp_path / "numbers.json")["passed"] is True
    code, printed, said = run("check", FOLDER / solution_of("06").name)
    assert (code, said) == (1, []) and printed[1].startswith("not yet")
    code, printed, said = run("check", with_relu(tmp_path, "return dout"))
    assert (code, said) == (1, []) and any(line.startswith("wrong     relu_backward") for line in printed)


@pytest.mark.parametrize("kind", BAD)
def test_bad_files_are_refused(run, tmp_path, kind):
    """A file that is no exercise, or that Python cannot run: exit code 2 and one line on stderr."""
    make, words = BAD[kind]
    refused(run, ("check", make(tmp_path), "--out", tmp_path / "out"), words, tmp_path / "out")
