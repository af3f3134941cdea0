"""The tutorials: each notebook is its script, run; and running it again prints the same.

What is everyday reads files only, and needs neither jupytext nor a kernel: the percent format is split here, by a second and
smaller reader than the one that rendered. Marked slow: each script runs from its first line to its last, and what it prints is
held against the notebook.
"""

import ast
import base64
import importlib.util
import io
import json
import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

FOLDER = Path(__file__).parent.parent / "tutorials"
SCRIPTS = sorted(path for path in FOLDER.glob("*.py") if re.match(r"\d\d[b-z]?_", path.name))
every_tutorial = pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
LARGEST = 500_000
PARTS = ("Question.", "Time.", "Equations.", "Prerequisites.")
THEORY = FOLDER.parent / "minidiff" / "theory.py"
_found = importlib.util.spec_from_file_location("render", FOLDER / "render.py")
render = importlib.util.module_from_spec(_found)
_found.loader.exec_module(render)
# Their machines are derived in their own cells, so they say where theory.py has the same.
DERIVED = ("02", "03", "04", "05", "08")


def cells_of_script(text):
    """[(kind, source)] of a percent script: what stands between its `# %%` lines, markdown without its `# `."""
    text = re.sub(r"\A# ---\n(# .*\n)*?# ---\n", "", text)
    before, *pieces = re.split(r"^# %%(.*)\n", text, flags=re.MULTILINE)
    assert not before.strip()
    cells = []
    for kind, source in zip(pieces[::2], pieces[1::2], strict=True):
        assert kind in ("", " [markdown]"), kind
        source = source.strip("\n")
        if kind:
            lines = source.split("\n")
            assert all(line == "#" or line.startswith("# ") for line in lines), lines
            source = "\n".join(line[2:] for line in lines)
        cells.append(("markdown" if kind else "code", source))
    return cells


def number_of(script):
    """A tutorial's number, such as "04" or "04b"."""
    return script.name.split("_")[0]


def markdown_of(script):
    """The text of a tutorial: its markdown cells, joined."""
    return "\n\n".join(source for kind, source in cells_of_script(script.read_text(encoding="utf-8")) if kind == "markdown")


def notebook_of(script):
    return json.loads(script.with_suffix(".ipynb").read_text(encoding="utf-8"))


def outputs_of(script):
    return [output for cell in notebook_of(script)["cells"] for output in cell.get("outputs", [])]


def joined(text):
    """Text of a notebook, which may be a list of lines."""
    return "".join(text)


# --- comparing what was printed --------------------------------------------------------------------------------------

NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
# Below this a number is taken for the rounding of nothing, which differs between processors by far more than one per cent.
DUST = 3e-5


def _value_and_unit(number):
    """A printed number, and one unit in its last digit."""
    mantissa, _, power = number.replace(",", "").partition("e")
    decimals = len(mantissa.partition(".")[2])
    return float(mantissa) * 10.0 ** int(power or 0), 10.0 ** (int(power or 0) - decimals)


def differences(printed, expected, strays=0.0):
    """Where two texts differ: in words, or in a number by more than 1 % and 2 units of its last digit. An empty list if nowhere.

    Other processors and versions add in another order and resample images a little differently, so the last digits move; and a
    walk that passes near a fork may take the other way, so that share `strays` of the numbers may be off by more. Spaces do not
    count: a column of numbers is as wide as its widest.
    """
    words = [" ".join(NUMBER.sub("#", text).split()) for text in (printed, expected)]
    if words[0] != words[1]:
        return words
    found = []
    for one, other in zip(NUMBER.findall(printed), NUMBER.findall(expected), strict=True):
        (a, unit), (b, other_unit) = _value_and_unit(one), _value_and_unit(other)
        close = abs(a - b) <= max(0.01 * abs(b), 2.001 * max(unit, other_unit))
        if not close and max(abs(a), abs(b)) > DUST:
            found.append(f"{one} instead of {other}")
    return found if len(found) > strays * len(NUMBER.findall(expected)) else []


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("r = 0.95", "r = 0.94"),
        ("1,000 of 1,797", "1,001 of 1,797"),
        ("error 3e-08", "error 9e-17"),
        ("k  3 |  12", "k 3 | 12"),
        ("x 1.00 -0.0", "x 1.01 0.0"),
        ("2e-02", "4e-02"),
    ],
)
def test_last_digits_may_differ(printed, expected):
    """Two units of the last printed digit, 1 %, spaces and the rounding of zero are no difference."""
    assert not differences(printed, expected)


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("r = 0.95", "r = 0.90"),
        ("mean 0.95", "r = 0.95"),
        ("recites: True", "recites: False"),
        ("188 images", "184 images"),
        ("error 3e-03", "error 9e-08"),
        ("0.50", "-0.50"),
        ("1 2", "1"),
        ("digit2 1", "digit3 1"),
    ],
)
def test_what_a_reader_would_see_is_a_difference(printed, expected):
    """Another word, another sign, a missing number, or a number that is off by more than its last digit."""
    assert differences(printed, expected)


def test_a_few_strays_are_allowed_and_no_more():
    """With a twentieth of strays one number in twenty may be far off, not two, and no word."""
    expected = "1 " * 20
    assert not differences("9 " + "1 " * 19, expected, strays=0.05)
    assert differences("9 9 " + "1 " * 18, expected, strays=0.05)
    assert differences("one " + "1 " * 19, expected, strays=0.05)


# --- everyday --------------------------------------------------------------------------------------------------------


def test_there_are_tutorials():
    """They are numbered from 01 on, without a gap; an aside to tutorial 04 is 04b, the next one 04c."""
    numbers = [number_of(script) for script in SCRIPTS]
    whole = [int(number) for number in numbers if number.isdecimal()]
    assert whole == list(range(1, len(whole) + 1))
    for before, number in pairwise(numbers):
        assert number.isdecimal() or number == before[:2] + chr(ord(before[2:] or "a") + 1)


def test_a_percent_script_is_split_into_its_cells():
    """The header is no cell, empty lines around a cell are not its own, and a markdown cell loses its comment signs."""
    text = "# ---\n# a: b\n# ---\n\n# %% [markdown]\n# # Title\n#\n# Words.\n\n# %%\nx = 1\n\n\n# %%\n# why\ny = 2\n"
    assert cells_of_script(text) == [("markdown", "# Title\n\nWords."), ("code", "x = 1"), ("code", "# why\ny = 2")]


@every_tutorial
def test_a_notebook_is_in_step_with_its_script(script):
    """Cell by cell the same kind and the same text, but for the cell that installs; if not: `python tutorials/render.py NN`."""
    cells = [(cell["cell_type"], joined(cell["source"])) for cell in notebook_of(script)["cells"]]
    assert cells.pop(1) == ("code", render.INSTALL.format(address=render.ADDRESS))
    assert cells == cells_of_script(script.read_text(encoding="utf-8"))


@every_tutorial
def test_a_tutorial_begins_by_saying_what_it_asks_and_needs(script):
    """The first cell: its number and title, then question, time, equations, prerequisites, in this order."""
    kind, first = cells_of_script(script.read_text(encoding="utf-8"))[0]
    title, *paragraphs = first.split("\n\n")
    assert kind == "markdown"
    assert re.fullmatch(rf"# {number_of(script).lstrip('0')}\. .+", title)
    assert [re.match(r"\*\*(.+?)\*\* \S", paragraph)[1] for paragraph in paragraphs[: len(PARTS)]] == list(PARTS)
    assert "?" in paragraphs[0]


@every_tutorial
def test_a_tutorial_asks_why_not_simply_and_says_what_to_take_along(script):
    """It answers the obvious alternative by a computed counter-example, and closes in three parts."""
    cells = cells_of_script(script.read_text(encoding="utf-8"))
    asked = [i for i, (kind, source) in enumerate(cells) if kind == "markdown" and re.search("why not simply", source, re.I)]
    assert any("code" == kind for i in asked for kind, _ in cells[i + 1 : i + 2])
    kind, last = cells[-1]
    assert kind == "markdown"
    assert re.search(r"^## What to take along\n", last, re.M) and "**Try it.**" in last
    assert "**Next:**" in last or script == SCRIPTS[-1]


@every_tutorial
def test_links_lead_somewhere(script):
    """Every relative link of a tutorial leads to a file of this repository."""
    for target in re.findall(r"\]\(([^)#\s]+)", markdown_of(script)):
        assert target.startswith("https://") or (FOLDER / target).exists(), target


@every_tutorial
def test_references_to_lines_of_theory_are_right(script):
    """After a name, "(lines A to B)" or "(line A)" says from which line of theory.py to which it is defined."""
    tree = ast.parse(THEORY.read_text(encoding="utf-8"))
    lines = {node.name: (node.lineno, node.end_lineno) for node in tree.body if hasattr(node, "name")}
    text = markdown_of(script)
    found = re.findall(r"`(\w+)`\s+\(lines?\s+(\d+)(?:\s+to\s+(\d+))?\)", text)
    assert len(found) == len(re.findall(r"\(lines?\s+\d", text))
    for name, first, last in found:
        assert (int(first), int(last or first)) == lines.get(name), name
    assert found or number_of(script) not in DERIVED
    assert not found or "](../minidiff/theory.py)" in text


@every_tutorial
def test_a_notebook_was_run_from_top_to_bottom_without_error(script):
    """Every code cell has its number in order; outputs are printed text and pictures, and nothing else."""
    cells = [cell for cell in notebook_of(script)["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    kinds = {(output["output_type"], output.get("name")) for output in outputs_of(script)}
    assert kinds <= {("stream", "stdout"), ("display_data", None)}
    assert ("stream", "stdout") in kinds
    assert not re.search(r"\bnan\b|0x[0-9a-f]{6}|Traceback", printed_by(script))


@every_tutorial
def test_every_figure_is_in_the_notebook(script):
    """A cell that shows a figure has one picture, whole and not blank, and no other cell has any."""
    for cell in notebook_of(script)["cells"]:
        pictures = [output["data"]["image/png"] for output in cell.get("outputs", []) if output["output_type"] == "display_data"]
        assert len(pictures) == joined(cell["source"]).count("plt.show()") * (cell["cell_type"] == "code")
        for picture in pictures:
            data = base64.b64decode(joined(picture))
            assert data.startswith(b"\x89PNG") and data.rstrip().endswith(b"IEND\xaeB`\x82")
            low, high = zip(*Image.open(io.BytesIO(data)).convert("RGB").getextrema(), strict=True)
            assert low != high


@every_tutorial
def test_every_figure_is_described(script):
    """Its cell begins with `# alt:` and a sentence, which is the picture's alt text and stands in for it as plain text."""
    for cell in notebook_of(script)["cells"]:
        if cell["cell_type"] == "code":
            texts = render.descriptions(joined(cell["source"]), script.name)
            shown = [output for output in cell["outputs"] if output["output_type"] == "display_data"]
            assert [output["metadata"].get("image/png", {}).get("alt") for output in shown] == texts
            assert [joined(output["data"]["text/plain"]) for output in shown] == texts
            assert all(re.fullmatch(r"\S.{30,}[.?]", text) for text in texts), texts


@every_tutorial
def test_a_reader_predicts_first_and_can_check(script):
    """Three or more boxes ask what will be seen, with answers folded away, and what there is to try has answers too.

    04b is an aside about code, with little to see.
    """
    text = markdown_of(script)
    if number_of(script) == "04b":
        return
    asked = text.count("**Predict first")
    assert asked >= 3
    assert text.count("<details>") == text.count("</details>") >= asked + 1
    assert "<details>" in text[text.index("**Try it.**") :]


@every_tutorial
def test_a_notebook_is_small_and_says_nothing_of_the_computer_that_ran_it(script):
    """At most 500 KB; no times, no paths, no versions, and cells named by their number."""
    text = script.with_suffix(".ipynb").read_text(encoding="utf-8")
    assert len(text) <= LARGEST
    notebook = notebook_of(script)
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    assert "version" not in notebook["metadata"]["language_info"]
    assert all(cell["metadata"] == {} for cell in notebook["cells"])
    assert [cell["id"] for cell in notebook["cells"]] == [f"cell-{i:02d}" for i in range(1, len(notebook["cells"]) + 1)]
    assert not re.search(r"(/home/|/root/|/tmp/|/work/|[A-Z]:\\\\)", text)


def test_the_map_lists_every_tutorial():
    """tutorials/README.md links to each notebook once or more, and to no notebook that is not there."""
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\((\d\d[b-z]?_\w+\.ipynb)\)", text)) == {script.with_suffix(".ipynb").name for script in SCRIPTS}


# --- slow ------------------------------------------------------------------------------------------------------------


def printed_by(script):
    """What a rendered notebook printed, all cells together."""
    return "".join(joined(output["text"]) for output in outputs_of(script) if output["output_type"] == "stream")


@pytest.mark.slow
@every_tutorial
def test_running_a_tutorial_again_prints_the_same(script, tmp_path):
    """The script, run by itself without a display, ends well and prints what its notebook shows, but for last digits."""
    environment = {**os.environ, "MPLBACKEND": "Agg", "PYTHONPATH": str(FOLDER.parent), "PYTHONIOENCODING": "utf-8"}
    # Agg warns that it cannot show a figure; all other warnings are errors, as everywhere.
    warnings = ["-W", "error", "-W", "ignore:FigureCanvasAgg is non-interactive"]
    command = [sys.executable, *warnings, str(script)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, encoding="utf-8", timeout=600)
    assert done.returncode == 0, done.stderr
    assert not differences(done.stdout, printed_by(script), strays=0.05)
    assert not any(tmp_path.iterdir())
