"""tutorials/render.py: figures are described, drawn as .svg files, and notebooks install what they need where it is missing."""

import importlib.util
import re

import matplotlib
import pytest
from test_tutorials import render

matplotlib.use("Agg")


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        ("x = 1", []),
        ("# alt: A cat.\nplt.show()", ["A cat."]),
        ("# alt: A cat\n#   on a mat: # 3.\n\n# why\nplt.show()", ["A cat on a mat: # 3."]),
        ("# why\n# alt: A cat.\n# alt: A dog.\nplt.show()\nplt.show()", ["A cat.", "A dog."]),
    ],
)
def test_a_description_stands_at_the_top_of_its_cell(source, texts):
    """It goes on to the end of the comment, or to the next description."""
    assert render.descriptions(source, "cell 1") == texts


@pytest.mark.parametrize(
    "source",
    [
        "plt.show()",
        "# alt:\nplt.show()",
        "# A cat.\nplt.show()",
        "x = 1\n# alt: A cat.\nplt.show()",
        "# alt: A cat.\nplt.show()\nplt.show()",
        "# alt: A cat.\nx = 1",
    ],
)
def test_a_figure_without_a_description_is_an_error_that_names_the_cell(source):
    """None, an empty one, another comment, one that comes too late, one for two figures, and one for none."""
    with pytest.raises(ValueError, match=r"^09_x.py, cell 7: expected a description of each of \d figures, got \d; hint"):
        render.descriptions(source, "09_x.py, cell 7")


def test_a_picture_carries_its_description():
    """As nbconvert and as VS Code look for it; printed text is left alone; a figure shown twice by one call is an error."""
    picture = {"output_type": "display_data", "metadata": {}, "data": {"image/png": "AAAA", "text/plain": "<Figure>"}}
    printed = {"output_type": "stream", "name": "stdout", "text": "1"}
    cell = {"source": "# alt: A cat.\nplt.show()", "outputs": [printed, picture]}
    render.describe(cell, "cell 1")
    assert picture["metadata"] == {"image/png": {"alt": "A cat."}}
    assert picture["data"] == {"image/png": "AAAA", "text/plain": "A cat."}
    assert printed == {"output_type": "stream", "name": "stdout", "text": "1"}
    with pytest.raises(ValueError, match="cell 1: expected one picture for each"):
        render.describe({**cell, "outputs": [picture, picture]}, "cell 1")


def test_figures_become_svg_files(tmp_path, capsys):
    """One file for each figure, with its description; what the script prints is not shown; the same bytes when drawn again."""
    script = tmp_path / "03_x.py"
    drawing = "# %%\n# alt: Line {0}.\nplt.plot([0, {0}])\nprint({0})\nplt.show()\n"
    script.write_text("# %%\nimport matplotlib.pyplot as plt\n" + drawing.format(1) + drawing.format(2))
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        assert render.drawings(script, tmp_path / name) == [tmp_path / name / f"03-{number}.svg" for number in (1, 2)]
    assert capsys.readouterr().out == ""
    for number in (1, 2):
        text = (tmp_path / "a" / f"03-{number}.svg").read_text()
        assert text == (tmp_path / "b" / f"03-{number}.svg").read_text()
        assert f">Line {number}.<" in text and text.rstrip().endswith("</svg>")


@pytest.mark.parametrize("missing", [False, True])
def test_a_notebook_installs_only_what_is_missing(missing, monkeypatch):
    """The first cell leaves an installed minidiff alone, and else hands ADDRESS to pip."""
    asked = []
    source = re.sub(r"%pip install --quiet \{ADDRESS\}", "pip(ADDRESS)", render.INSTALL.format(address="a.whl"))
    if missing:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    exec(source, {"pip": asked.append})
    assert asked == ["a.whl"] * missing
