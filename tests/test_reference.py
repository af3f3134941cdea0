"""The reference page of the tutorials, and what the tutorials promise: linked papers, and questions first."""

import re

import pytest
from test_tutorials import FOLDER, SCRIPTS, cells_of_script, markdown_of, number_of

# The tutorials that ask before they show.
ASKING = [script for script in SCRIPTS if number_of(script) in ("01", "02", "02b", "03", "04", "04b", "05")]
every_asking_tutorial = pytest.mark.parametrize("script", ASKING, ids=lambda path: path.stem)
REFERENCE = (FOLDER / "reference.md").read_text(encoding="utf-8")
PAPERS = re.findall(r'^- <a id="(\w+)"></a>\*\*(\w+)\*\*: ', REFERENCE, re.MULTILINE)


def test_each_paper_has_one_entry_under_its_short_name():
    """An entry's anchor is its short name in lower case, no name occurs twice, and they are in order."""
    names = [name for _, name in PAPERS]
    assert [anchor for anchor, _ in PAPERS] == [name.lower() for name in names]
    assert names == sorted(set(names))


@pytest.mark.parametrize("page", [*SCRIPTS, FOLDER / "README.md"], ids=lambda path: path.stem)
def test_links_into_the_reference_lead_to_an_anchor(page):
    """Every link reference.md#name is to an entry of the bibliography or to a heading."""
    text = markdown_of(page) if page.suffix == ".py" else page.read_text(encoding="utf-8")
    headings = {line.lower().replace(" ", "-") for line in re.findall(r"^#+ (.+)$", REFERENCE, re.MULTILINE)}
    assert set(re.findall(r"\(reference\.md#([\w-]+)\)", text)) <= headings | {anchor for anchor, _ in PAPERS}


@every_asking_tutorial
def test_every_paper_that_a_tutorial_cites_is_linked(script):
    """The short name of a paper in a tutorial is a link to its entry, once in the tutorial or more often."""
    text = markdown_of(script)
    cited = {name for _, name in PAPERS if re.search(rf"\b{name}\b", text)}
    assert cited and all(f"[{name}](reference.md#{name.lower()})" in text for name in cited)


@every_asking_tutorial
def test_a_tutorial_asks_first_and_answers_below(script):
    """At least three predictions; each is made before a code cell, and the cell after it begins with its folded answer."""
    cells = cells_of_script(script.read_text(encoding="utf-8"))
    asked = [i for i, (kind, source) in enumerate(cells) if kind == "markdown" and "**Predict first.**" in source]
    assert len(asked) >= 3
    for i in asked:
        code = [kind for kind, _ in cells[i + 1 :]].index("markdown")
        assert code >= 1
        assert cells[i + 1 + code][1].startswith("<details><summary>Answer")
    text = markdown_of(script)
    # Without an empty line after a summary, what follows is not read as Markdown.
    assert text.count("<details>") == text.count("</summary>\n\n") == text.count("\n\n</details>") == len(asked) + 1
