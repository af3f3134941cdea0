"""The reference page of the tutorials, and what the tutorials promise: linked papers, and questions first."""

import re

import pytest
from test_tutorials import FOLDER, SCRIPTS, cells_of_script, every_tutorial, markdown_of

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


@every_tutorial
def test_every_paper_that_a_tutorial_cites_is_linked(script):
    """The short name of a paper in a tutorial is a link to its entry, once in the tutorial or more often."""
    text = markdown_of(script)
    cited = {name for _, name in PAPERS if re.search(rf"\b{name}\b", text)}
    assert cited and not [name for name in sorted(cited) if f"[{name}](reference.md#{name.lower()})" not in text]


@every_tutorial
def test_a_tutorial_names_no_theorem_or_section_of_a_paper_that_was_not_checked(script):
    """No paper could be opened (reference.md), so a tutorial names no theorem, section or equation of one by its number."""
    names = "|".join(name for _, name in PAPERS)
    assert not re.findall(
        rf"\b(?:{names})\b[^.\n]{{0,25}}\b(?:theorem|section|eq\.|equation|algorithm) \d\S*", markdown_of(script)
    )


@every_tutorial
def test_a_tutorial_asks_first_and_answers_below(script):
    """At least three predictions; after each come code cells, and then a cell that begins with its folded answer.

    Between them there may be one heading more, where the answer takes two figures. All that is folded is an answer, by its first
    word: `minidiff course --students` takes answers out by that word.
    """
    cells = cells_of_script(script.read_text(encoding="utf-8"))
    asked = [i for i, (kind, source) in enumerate(cells) if kind == "markdown" and "**Predict first" in source]
    assert len(asked) >= 3
    for i, following in zip(asked, [*asked[1:], len(cells) - 1], strict=True):
        answered = [j for j in range(i + 1, following + 1) if cells[j][1].startswith("<details><summary>Answer")]
        assert answered and "code" in [kind for kind, _ in cells[i + 1 : answered[0]]]
    text = markdown_of(script)
    assert all(summary.startswith("Answer") for summary in re.findall(r"<summary>(.*?)</summary>", text))
    # Without an empty line after a summary, what follows is not read as Markdown.
    assert text.count("<details>") == text.count("</summary>\n\n") == text.count("\n\n</details>") >= len(asked) + 1


def test_the_derivations_are_where_the_map_says():
    """Each row of the map's table of derivations links to a notebook, and what it quotes is a heading, or bold, in its script."""
    table = re.findall(r"^\| .+ \| (\[\d.+) \|$", (FOLDER / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    rows = [row for row in table if '"' in row]
    assert len(rows) >= 20
    for row in rows:
        (name,) = re.findall(r"\]\((\w+)\.ipynb\)", row)
        text = " ".join(markdown_of(FOLDER / f"{name}.py").split())
        for quoted in re.findall(r'"(.+?)"', row):
            assert re.search(rf"(#+ |\*\*){re.escape(quoted)}", text), (name, quoted)


def test_every_paper_that_the_package_cites_is_in_the_bibliography():
    """Every arXiv number in minidiff/ and in the README is that of an entry, so that its title and authors can be looked up."""
    files = [FOLDER.parent / "README.md", *(FOLDER.parent / "minidiff").rglob("*.py")]
    numbers = {number for path in files for number in re.findall(r"\b\d{4}\.\d{5}\b", path.read_text(encoding="utf-8"))}
    assert numbers and numbers <= set(re.findall(r"arxiv\.org/abs/(\S+?)\)", REFERENCE))


def test_a_letter_of_the_notation_has_one_row():
    """No letter begins two rows of the notation's tables; with arguments, as L[q, n] or I(t), it is another letter."""
    notation = REFERENCE.partition("### Names of arguments")[0]
    rows = re.findall(r"^\| (\$.+?|score) \|", notation, re.MULTILINE)
    letters = [letter for row in rows for letter in re.findall(r"\$(.+?)\$", row)]
    assert len(letters) == len(set(letters)) > 50
