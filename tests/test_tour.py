"""The tour: a page that carries its pictures, chapters that run, and numbers that show what they must."""

import base64
import os
from html.parser import HTMLParser
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from browser import browser, needed
from command_line import interrupt, strictly
from matplotlib.figure import Figure
from PIL import Image

from minidiff import explore
from minidiff.studies import page, tour

matplotlib.use("Agg")


class _Links(HTMLParser):
    """Everything that a page would load, and its headings."""

    def __init__(self):
        super().__init__()
        self.sources, self.open, self.headings, self.tags = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.open.append(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href", "srcset", "data")]

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)


def pictures_inside(html):
    """The bytes of each image in a page, after checking that the page loads nothing from elsewhere."""
    links = _Links()
    links.feed(html)
    assert not {"script", "link", "iframe", "object"} & set(links.tags)
    assert "url(" not in html and "@import" not in html
    start = "data:image/png;base64,"
    sources = [source for source in links.sources if source != "explore.html"]
    assert all(source.startswith(start) for source in sources), [source[:40] for source in sources]
    return [base64.b64decode(source.removeprefix(start), validate=True) for source in sources], links.headings


def test_a_page_carries_its_pictures_and_escapes_its_words():
    """Titles and captions may hold < and quotes; paragraphs are HTML; every figure is inside, in the order of the chapters."""
    figures = [Figure(figsize=(1, 1)), Figure(figsize=(2, 1))]
    chapters = [
        page.Chapter("a < b", ["see <i>this</i>"], [("one.png", figures[0], 'a "caption" & more')], {"x": 1}),
        page.Chapter("second", [], [("two.png", figures[1], "<script>alert(1)</script>")]),
    ]
    pictures = {"one.png": page.png(figures[0]), "two.png": page.png(figures[1])}
    html = page.render("T & T", "lead", chapters, pictures, "foot")
    inside, headings = pictures_inside(html)
    assert inside == [pictures["one.png"], pictures["two.png"]]
    assert "".join(headings) == "1. a < b2. second"
    assert "<i>this</i>" in html and "<title>T &amp; T</title>" in html
    assert 'alt="a &quot;caption&quot; &amp; more"' in html


# Of every element with words of its own: its contrast by the rule of WCAG 2, (L1 + .05) / (L2 + .05).
CONTRASTS = """
(() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (c) => c.slice(0, 3).map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0.05);
  const paper = (e) => numbers(getComputedStyle(e).backgroundColor);
  const behind = (e) => (paper(e)[3] === 0 ? behind(e.parentElement) : paper(e));
  const spoken = (e) => [...e.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  return [...document.body.querySelectorAll("*")].filter(spoken).map((e) => {
    const pair = [light(numbers(getComputedStyle(e).color)), light(behind(e))].sort((a, b) => a - b);
    return [e.tagName, pair[1] / pair[0]];
  });
})()
"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    needed()
    with browser(tmp_path_factory.mktemp("profile")) as one:
        yield one


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A page with all words of the tour, a figure in each chapter, and the widest code of the page."""
    sections = Path(page.__file__).with_name("tour.md").read_text(encoding="utf-8").removeprefix("# ").split("\n# ")
    wide = page.png(Figure(figsize=(9.5, 3), facecolor="white"))
    chapters = []
    for section in sections:
        title, *paragraphs = section.split("\n\n")
        code = "<code>" + "minidiff_compare_" * 6 + "</code>"
        chapters.append(page.Chapter(title, [*paragraphs, code], [("wide.png", None, "A caption. " * 9)]))
    path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(page.render("Where?", "lead", chapters, {"wide.png": wide}, "foot"), encoding="utf-8")
    return path


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 1000])
def test_the_page_can_be_read_on_a_small_screen_and_in_the_dark(chromium, written, width, dark):
    """Nothing but a figure is wider than the screen, words stand out by 4.5 to 1 (7 in a paragraph), and dark is dark."""
    chromium.problems.clear()
    chromium.screen(width, 700, dark=dark)
    chromium.open(written.as_uri())
    assert chromium.run("document.documentElement.scrollWidth") <= width
    assert chromium.run("Math.max(...[...document.querySelectorAll('p, h1, h2, figcaption')].map((e) => e.scrollWidth))") <= width
    assert chromium.run("Math.min(...[...document.images].map((e) => e.clientWidth))") >= min(width, 600)
    found = chromium.run(CONTRASTS)
    assert {"P", "H1", "H2", "A", "FIGCAPTION", "CODE", "SMALL", "I"} <= {tag for tag, _ in found}
    assert all(contrast >= (7 if tag == "P" else 4.5) for tag, contrast in found), found
    paper = chromium.run("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert (max(paper) < 60) if dark else (min(paper) > 240)
    assert chromium.problems == []


def toured(folder):
    """Check a tour's folder: the page is self-contained and shows the files beside it, and the numbers are numbers."""
    html = (folder / "index.html").read_text(encoding="utf-8")
    inside, headings = pictures_inside(html)
    files = sorted(os.listdir(folder))
    drawn = [name for name in files if name.endswith(".png")]
    assert files == sorted(["index.html", "explore.html", "numbers.json", *drawn])
    assert 'href="explore.html"' in html
    assert sorted(inside) == sorted((folder / name).read_bytes() for name in drawn)
    for name in drawn:
        with Image.open(folder / name) as picture:
            picture.load()
            assert min(picture.size) > 100
            assert np.asarray(picture.convert("L")).std() > 5
    numbers = strictly(folder / "numbers.json")
    chapters = [value for value in numbers.values() if isinstance(value, dict)]
    assert len(chapters) == len([heading for heading in headings if heading.strip()]) >= 5
    assert all(chapters)
    return numbers


@pytest.fixture
def miniature(monkeypatch):
    """A tour of a few images, so that every chapter runs in a moment."""

    class Miniature(tour.Studio):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            self.steps, self.recited, self.samples, self.shown = 2, 8, 3, 3
            self.digits, self.learned, self.few, self.crops = (
                images[:9] for images in (self.digits, self.learned, self.few, self.crops)
            )

    monkeypatch.setattr(tour, "Studio", Miniature)
    monkeypatch.setattr(explore, "page", lambda *_, **__: "")  # tested by test_explore.py


@pytest.mark.slow
def test_a_miniature_tour(tmp_path, run, miniature, monkeypatch):
    """Every chapter runs; the page, its pictures and numbers.json agree; the same seed tells the same story."""
    code, printed, _ = run("tour", "--seed", 2, "--out", tmp_path / "a")
    assert code == 0
    assert str(tmp_path / "a" / "index.html") in printed[-1]
    numbers = toured(tmp_path / "a")
    assert (numbers["seed"], numbers["quick"]) == (2, False)
    # Drawing is what takes time, and is not what may differ.
    monkeypatch.setattr(tour, "png", lambda figure: b"")
    assert run("tour", "--seed", 2, "--out", tmp_path / "b")[0] == 0
    assert strictly(tmp_path / "b" / "numbers.json") == numbers


def test_an_interrupted_tour_keeps_what_was_finished(tmp_path, run, miniature, monkeypatch):
    """Ctrl-C in the third chapter: exit code 130, the figures of the first two are whole, and no page promises more."""
    monkeypatch.setattr(tour, "CHAPTERS", (*tour.CHAPTERS[:2], interrupt))
    code, _, said = run("tour", "--out", tmp_path)
    assert code == 130
    assert said[-1].startswith("minidiff: interrupted")
    names = os.listdir(tmp_path)
    assert names and all(name.endswith(".png") for name in names)
    for name in names:
        with Image.open(tmp_path / name) as picture:
            picture.load()


@pytest.mark.slow
def test_a_quick_tour(tmp_path, run):
    """`minidiff tour --quick`, as it is: what its numbers must show, they show."""
    assert run("tour", "--quick", "--out", tmp_path)[0] == 0
    numbers = toured(tmp_path)
    recitation, mosaics = numbers["recitation"], numbers["mosaics"]
    assert recitation["copies (error under 1e-2 of the range)"] == recitation["samples"] == 20
    assert min(mosaics["images used"]) > 1
    assert set(mosaics["training images as control: images used"]) == {1}
    nearest = mosaics["distance to the nearest training image"]
    assert min(nearest) > mosaics["typical distance between training images"] / 2
