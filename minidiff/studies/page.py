"""One HTML page from chapters of text, figures and numbers; the page needs no other file. Its words are in tour.md."""

import base64
import html
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass
class Chapter:
    """A chapter: paragraphs (HTML is allowed), figures [(file name, Figure, caption)] and numbers for numbers.json."""

    title: str
    paragraphs: list[str] = field(default_factory=list)
    figures: "list[tuple[str, Figure, str]]" = field(default_factory=list)
    numbers: dict[str, Any] = field(default_factory=dict)


def words(name: str, **values: Any) -> tuple[str, list[str], dict[str, str]]:
    """(title, paragraphs, captions of figures by their file names) of a section of tour.md, with these values in their places."""
    sections = Path(__file__).with_name("tour.md").read_text(encoding="utf-8").removeprefix("# ").split("\n# ")
    title, *blocks = next(text for text in sections if text.startswith(f"{name}: ")).split("\n\n")
    blocks = [" ".join(block.split()).format(**values) for block in blocks]
    captions = dict(block.removeprefix("figure ").split(": ", 1) for block in blocks if block.startswith("figure "))
    return title.removeprefix(f"{name}: "), [block for block in blocks if not block.startswith("figure ")], captions


def chapter(name: str, figures: "Sequence[Figure]", numbers: dict[str, Any], **values: Any) -> Chapter:
    """The chapter of that name: figures in the order of tour.md, and what its words say with these values."""
    title, paragraphs, captions = words(name, **values)
    shown = [(file, figure, caption) for figure, (file, caption) in zip(figures, captions.items(), strict=True)]
    return Chapter(title, paragraphs, shown, numbers)


# A figure is as wide as the page, but on a narrow screen not smaller than can be read: it then scrolls by itself, not the page.
STYLE = """
body { max-width: 52rem; margin: 2rem auto; padding: 0 1rem; font: 17px/1.55 Georgia, serif; overflow-wrap: break-word; }
body { color: #222; background: #fff; } a { color: #0b57a4; } figcaption, small { color: #555; } code { background: #f4f4f4; }
h1, h2 { font-family: Helvetica, Arial, sans-serif; line-height: 1.2; } h2 { margin-top: 3rem; }
figure { margin: 1.5rem 0; } figure div { overflow-x: auto; } img { max-width: 100%; height: auto; background: #fff; }
figcaption { font: 14px/1.45 Helvetica, Arial, sans-serif; } code { padding: 0 .2em; }
@media (max-width: 40rem) { img { max-width: none; width: 38rem; } }
@media (prefers-color-scheme: dark) {
body { color: #ddd; background: #16181c; } a { color: #8ab8f0; } figcaption, small { color: #aaa; } code { background: #2a2d33; }
}
"""


def png(figure: "Figure") -> bytes:
    """A Figure as the bytes of a .png."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return buffer.getvalue()


def render(title: str, lead: str, chapters: Sequence[Chapter], pictures: Mapping[str, bytes], foot: str) -> str:
    """The page as text. `pictures` maps the file names of figures to the bytes of their .png, which are put into the page."""
    body = [f"<h1>{html.escape(title)}</h1>", f"<p>{lead}</p>"]
    for number, chapter in enumerate(chapters, start=1):
        body.append(f"<h2>{number}. {html.escape(chapter.title)}</h2>")
        body += [f"<p>{paragraph}</p>" for paragraph in chapter.paragraphs]
        for name, _, caption in chapter.figures:
            data = base64.b64encode(pictures[name]).decode("ascii")
            image = f'<img alt="{html.escape(caption, quote=True)}" src="data:image/png;base64,{data}">'
            image = f'<div tabindex="0">{image}</div>'  # the keyboard scrolls what it can reach
            body.append(f"<figure>{image}<figcaption>{html.escape(caption)}</figcaption></figure>")
    body.append(f"<hr><p><small>{foot}</small></p>")
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">'
    )
    head += f"<title>{html.escape(title)}</title>"
    lines = "\n".join(body)
    return f'<!doctype html>\n<html lang="en"><head>{head}<style>{STYLE}</style></head>\n<body>\n{lines}\n</body></html>\n'
