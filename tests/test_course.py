"""What a teacher gets: a copy of the course for students, slides, and a guide to every unit."""

import html
import importlib
import json
import re
import sys
from pathlib import Path

import pytest

from minidiff import coursework
from minidiff.coursework import course

FOLDER = Path(__file__).parent.parent / "tutorials"
ANSWER = "<details><summary>Answer: what you have seen</summary>\n\nIt is 42.\n\n</details>"
OTHER = "<details><summary>A longer derivation</summary>\n\nBy induction.\n\n</details>"


def made(folder):
    """A small folder of tutorials with folded answers, solutions and parts for teachers."""
    for path in ("exercises/solutions", "figures", "exercises/__pycache__"):
        (folder / path).mkdir(parents=True)
    first = "# 1. A title\n\nOne. Two? Three.\n\n$$a = \\hat x_0 + \\sum_n w_n .$$\n"
    texts = [first, f"{ANSWER}\n\n{OTHER}", ANSWER, "## Next\n\n- *a*\n- b"]
    cells = [{"cell_type": "markdown", "source": text.splitlines(keepends=True)} for text in texts]
    described = {"image/png": {"alt": 'A "cat" <here>.'}}
    figure = {"output_type": "display_data", "data": {"image/png": "iVBORw0KGgo=\n"}, "metadata": described}
    cells.append({"cell_type": "code", "source": ["1 + 1"], "outputs": [figure]})
    commented = "".join(f"# {line}".rstrip() + "\n" for line in f"{ANSWER}\n\n{OTHER}".split("\n"))
    script = f"# %% [markdown]\n{commented}\n# %% [markdown]\n# {ANSWER.replace(chr(10), chr(10) + '# ')}\n\n# %%\nx = 1\n"
    files = {
        "01_a.ipynb": json.dumps({"cells": cells, "nbformat": 4, "nbformat_minor": 5, "metadata": {}}),
        "01_a.py": script.replace("# \n", "#\n"),
        "README.md": f"Read.\n\n{ANSWER}\n\n<!-- for teachers -->\nGrade.\n<!-- end of for teachers -->\nDo.\n",
        "teaching.md": "secret",
        "exercises/01_a.py": "raise NotImplementedError\n",
        "exercises/solutions/01_a.py": "secret",
        "exercises/__pycache__/01_a.py": "secret",
        "figures/a.svg": "<svg/>",
        "notes.txt": "secret",
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


# --- a student's copy -------------------------------------------------------------------------------------------------


def test_a_copy_for_students_has_no_answers(tmp_path):
    """Tutorials, exercises and figures are there; solutions, folded answers and what is for teachers are not."""
    out = tmp_path / "new" / "out"
    written = course.students(out, tutorials=made(tmp_path / "tutorials"))
    assert sorted(map(str, written)) == ["01_a.ipynb", "01_a.py", "README.md", "exercises/01_a.py", "figures/a.svg"]
    assert sorted(path.relative_to(out) for path in out.rglob("*") if path.is_file()) == sorted(written)
    everything = "\n".join((out / path).read_text(encoding="utf-8") for path in written)
    assert not [word for word in ("secret", "42", "Answer", "Grade") if word in everything]
    assert everything.count("By induction") == 2, "what is folded and no answer stays, in the notebook and in the script"
    cells = json.loads((out / "01_a.ipynb").read_text())["cells"]
    assert len(cells) == 4 and all(cell["source"] for cell in cells)
    assert (out / "01_a.py").read_text().count("# %%") == 2 and (out / "README.md").read_text() == "Read.\n\nDo.\n"


def test_a_copy_may_keep_the_folded_answers(tmp_path):
    """With answers=True the tutorials stay as they are, and the solutions are left out all the same."""
    source = made(tmp_path / "tutorials")
    course.students(tmp_path / "out", answers=True, tutorials=source)
    for name in ("01_a.ipynb", "01_a.py"):
        assert (tmp_path / "out" / name).read_text() == (source / name).read_text()
    assert not list((tmp_path / "out").rglob("solutions"))


def test_a_copy_is_whole_or_not_at_all(tmp_path):
    """A folder that holds something is refused; where a file cannot be read, nothing is left; an empty folder will do."""
    source, out = made(tmp_path / "tutorials"), tmp_path / "out"
    out.mkdir()
    (source / "02_b.ipynb").write_text("no notebook")
    with pytest.raises(ValueError):
        course.students(out, tutorials=source)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "tutorials"] and not list(out.iterdir())
    (source / "02_b.ipynb").unlink()
    course.students(out, tutorials=source)
    with pytest.raises(ValueError, match="new or empty folder"):
        course.students(out, tutorials=source)


def test_the_command_makes_a_copy_of_this_course(run, tmp_path, monkeypatch):
    """`minidiff course --students FOLDER`: every exercise of it is 'not yet'; without a checkout it is one line, exit code 2."""
    out = tmp_path / "out"
    code, printed, said = run("course", "--students", out)
    assert (code, said) == (0, []) and "files in" in printed[0]
    stubs = sorted((out / "exercises").glob("*.py"))
    assert [path.name for path in stubs] == sorted(path.name for path in (FOLDER / "exercises" / "solutions").glob("*.py"))
    for path in stubs:
        assert {mark.state for mark in coursework.check(path).marks} == {"not yet"}
    assert "solutions" not in (out / "exercises" / "README.md").read_text(encoding="utf-8")
    monkeypatch.setattr(course, "TUTORIALS", tmp_path / "nowhere")
    code, printed, said = run("course", "--students", tmp_path / "other")
    assert (code, printed, len(said)) == (2, [], 1) and "checkout" in said[0] and not (tmp_path / "other").exists()


# --- slides -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def slides(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    yield importlib.import_module("slides")
    sys.modules.pop("slides", None)


def test_slides_are_headings_formulas_and_figures(tmp_path, slides):
    """A slide for each heading and each figure, with its description, first sentences, formulas and lists; no folded answer."""
    page = slides.page(made(tmp_path / "tutorials") / "01_a.ipynb")
    assert page.count("<section>") == 3
    assert "<h1>1. A title</h1><p>One. Two?</p>" in page and "Three" not in page
    assert "<h2>Next</h2><ul><li><i>a</i></li><li>b</li></ul>" in page
    assert 'class="displayed"' in page and 'alt="a = \\hat x_0 + \\sum_n w_n ."' in page
    assert (
        '<img class="figure" alt="A &quot;cat&quot; &lt;here&gt;." src="data:image/png;base64,iVBORw0KGgo=">' in page
        and "details" not in page
        and "42" not in page
    )


def test_a_figure_without_a_description_has_no_slide(tmp_path, slides, capsys, monkeypatch):
    """It is one line and exit code 2, and no page is written."""
    path = made(tmp_path) / "01_a.ipynb"
    path.write_text(path.read_text().replace('"alt"', '"other"'))
    monkeypatch.setattr(slides, "HERE", tmp_path)
    assert slides.main([str(tmp_path / "out"), "01"]) == 2
    assert "figure of 'Next': expected a description" in capsys.readouterr().err
    assert not list((tmp_path / "out").glob("*"))


def test_a_formula_that_cannot_be_drawn_is_shown_as_text(slides):
    """Matplotlib knows a part of TeX only."""
    assert slides.formula(r"\begin{aligned} x < 1 \end{aligned}") == r"<code>\begin{aligned} x &lt; 1 \end{aligned}</code>"
    assert slides.inline("see [01](01.ipynb), `a*b` and $x$").startswith('see 01, <code>a*b</code> and <img class="in-line"')


@pytest.mark.slow
def test_every_tutorial_has_slides(tmp_path, slides, capsys):
    """All pages are made, load nothing from anywhere, and show every figure of their notebooks with its description."""
    assert slides.main([str(tmp_path)]) == 0
    for path in FOLDER.glob("*.ipynb"):
        page = (tmp_path / f"{path.stem}.html").read_text(encoding="utf-8")
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        figures = [figure for cell in cells for figure in cell.get("outputs", []) if "image/png" in figure.get("data", {})]
        shown = [html.unescape(text) for text in re.findall(r'<img class="figure" alt="([^"]*)"', page)]
        assert shown == [figure["metadata"]["image/png"]["alt"] for figure in figures]
        assert re.findall(r'(?:src|href)="(?!data:)', page) == []
    assert slides.main([str(tmp_path), "99"]) == 2 and "99" in capsys.readouterr().err


# --- the guide --------------------------------------------------------------------------------------------------------


def test_the_guide_is_about_every_unit():
    """Every tutorial has a unit in the guide, with aims, time, what goes wrong, a rubric and a quiz with answers."""
    text = (FOLDER / "teaching.md").read_text(encoding="utf-8")
    units = re.split(r"^## (?=\d\d)", text, flags=re.MULTILINE)[1:]
    assert {path.name.split("_")[0] for path in FOLDER.glob("*.ipynb")} <= {unit.split()[0] for unit in units}
    for unit in units:
        for part in ("**Aims.**", "**Time.**", "**What goes wrong.**", "**Rubric.**", "**Quiz.**"):
            assert part in unit, f"{part} in {unit[:30]}"
        questions = re.findall(r"^\d\. .*?\*Answer:\* ", unit, flags=re.MULTILINE | re.DOTALL)
        assert len(questions) >= 3
