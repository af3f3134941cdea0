"""Every ```python snippet of the Markdown pages runs as it stands. (The examples in docstrings run as doctests.)"""

import re
from pathlib import Path

import pytest
from marks import also_slow

import minidiff as md

FOLDER = Path(__file__).parents[1]
PAGES = ("README.md", "tests/README.md", "tutorials/README.md", "tutorials/results.md", "minidiff/nets/weights/README.md")
SNIPPETS = [
    pytest.param(snippet, id=f"{page}: {snippet.split(chr(10))[0]}")
    for page in PAGES
    for snippet in re.findall(r"^```python\n(.*?)^```", (FOLDER / page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
]


def run(snippet, folder, monkeypatch):
    """Run a snippet as a script in a folder of its own; what it defined."""
    monkeypatch.chdir(folder)
    names = {"__name__": "__main__"}
    exec(compile(snippet, "snippet", "exec"), names)
    return names


@pytest.mark.compiled
@pytest.mark.parametrize("snippet", SNIPPETS)
def test_a_snippet_runs(snippet, tmp_path, monkeypatch):
    """What a page shows can be pasted and runs to its end, on 100 of the digits where it takes all of them."""
    digits = md.datasets.digits
    monkeypatch.setattr(md.datasets, "digits", lambda size: tuple(part[:100] for part in digits(size)))
    run(snippet, tmp_path, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("snippet", SNIPPETS)
def test_a_snippet_runs_as_it_stands(snippet, tmp_path, monkeypatch):
    """The same on all digits."""
    run(snippet, tmp_path, monkeypatch)


def test_the_readme_has_its_two_snippets():
    """The search finds the snippets: ten lines that make a mosaic, and a report of laws."""
    found = [snippet.values[0] for snippet in SNIPPETS]
    assert any("provenance" in snippet for snippet in found)
    assert any("check_denoiser" in snippet and "print(" in snippet for snippet in found)


@pytest.mark.compiled
@pytest.mark.parametrize(
    "guess",
    ["x / schedule.signal(t)", "None", *map(also_slow, ["x", "x * schedule.signal(t) * 0", "x - x.mean()", "x[::-1]"])],
)
def test_the_report_of_the_readme_prints_for_any_guess(guess, tmp_path, monkeypatch, capsys):
    """The README's report can be printed whatever a reader writes in place of its poor guess, where t is an array too."""
    (snippet,) = (one.values[0] for one in SNIPPETS if "def mine" in one.values[0])
    changed, times = re.subn(r"return .*", f"return {guess}", snippet)
    assert times == 1
    run(changed, tmp_path, monkeypatch)
    assert "BROKEN" in capsys.readouterr().out
