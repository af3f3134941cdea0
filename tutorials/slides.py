"""Slides of the tutorials: one HTML page a tutorial, with its headings, questions, formulas and figures, and nothing to load.

    python tutorials/slides.py FOLDER              # all of them
    python tutorials/slides.py FOLDER 02 03        # some

The slides are made from the rendered notebooks. A new heading begins a slide: it shows the first sentences below it, and its
formulas. Each figure is a slide too, with the description that its cell gives (`# alt:`, see render.py) for those who do not see
it. Folded answers are left out: they are for the talk. Space and Page Down go on, and the page can be printed, a slide on each
sheet. A page is written whole or not at all. Needs what the package needs, and nothing else.
"""

import argparse
import base64
import html
import io
import json
import re
import sys
from pathlib import Path

from matplotlib import mathtext

from minidiff.files import folder, write_text

HERE = Path(__file__).parent
# So many sentences of a section are shown, and so many entries of a list.
SENTENCES, ITEMS = 2, 5
FOLDED = re.compile(r"<details>.*?</details>", re.DOTALL)
FORMULA = re.compile(r"\$\$(.+?)\$\$", re.DOTALL)
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
html {{ scroll-snap-type: y mandatory; }}
body {{ margin: 0; font: clamp(16px, 2.4vw, 30px)/1.4 system-ui, sans-serif; }}
section {{ min-height: 100vh; box-sizing: border-box; padding: 5vh 7vw; scroll-snap-align: start; break-after: page;
  display: flex; flex-direction: column; justify-content: center; }}
h1, h2 {{ line-height: 1.15; margin: 0 0 .6em; }}
img {{ display: block; max-width: 86vw; max-height: 74vh; margin: auto; object-fit: contain; }}
img.figure {{ width: 86vw; background: white; padding: .5em; box-sizing: border-box; }}
img.in-line {{ display: inline; margin: 0; max-height: none; }}
img.displayed {{ font-size: 1.3em; max-width: 86vw; }}
@media (prefers-color-scheme: dark) {{ img.in-line, img.displayed {{ filter: invert(1); }} }}
footer {{ font-size: .6em; opacity: .7; }}
</style></head><body>
{slides}
</body></html>
"""


def slides(notebook):
    """The slides of a notebook, given as a dict: a list of HTML texts, each the inside of a slide."""
    found, heading = [], ""
    for cell in notebook["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            for head, body in sections(FOLDED.sub("", text)):
                heading = head or heading
                if head:
                    found.append(f"<{level(head)}>{inline(title(head))}</{level(head)}>{''.join(points(body))}")
        for output in cell.get("outputs", []):
            if "image/png" in (data := output.get("data", {})):
                png = "".join(data["image/png"]).replace("\n", "")
                described = output["metadata"].get("image/png", {}).get("alt")
                if not described:
                    raise ValueError(
                        f"figure of {title(heading)!r}: expected a description, got none; hint: render.py gives it one"
                    )
                alt = html.escape(described, quote=True)
                found.append(f'<img class="figure" alt="{alt}" src="data:image/png;base64,{png}">')
                found[-1] += f"<footer>{inline(title(heading))}</footer>"
    return found


def sections(text):
    """The parts of a text as (heading with its #s, text below it); the part before the first heading has the heading ""."""
    parts = re.split(r"^(#{1,3} .*)$", text, flags=re.MULTILINE)
    return [("", parts[0]), *zip(parts[1::2], parts[2::2], strict=True)]


def level(heading):
    """The HTML element of a heading."""
    return "h1" if heading.startswith("# ") else "h2"


def title(heading):
    """The words of a heading."""
    return heading.lstrip("# ")


def points(body):
    """What a slide shows of a section, as pieces of HTML: its first sentences or what is in bold, its list, and its formulas."""
    plain = FORMULA.sub(" ", body)
    items = [" ".join(one.split()) for one in re.findall(r"^- (.+(?:\n  .+)*)", plain, flags=re.MULTILINE)]
    paragraphs = [" ".join(one.split()) for one in plain.split("\n\n")]
    paragraphs = [one for one in paragraphs if one and not one.startswith(("|", "```", "<", "-", "!"))]
    named = [one for one in paragraphs if one.startswith("**")]
    shown = (
        []
        if named and items
        else named or [" ".join(re.split(r"(?<=[.?!:]) (?=[A-Z*])", one)[:SENTENCES]) for one in paragraphs[:1]]
    )
    yield from (f"<p>{inline(one)}</p>" for one in shown)
    if items:
        yield f"<ul>{''.join(f'<li>{inline(one)}</li>' for one in items[:ITEMS])}</ul>"
    yield from (formula(" ".join(one.split())) for one in FORMULA.findall(body)[:2])


def inline(text):
    """A line of Markdown as HTML: links become their words, and formulas and code are set apart."""
    text = html.escape(re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", text), quote=False)
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    text = re.sub(r"\$([^$]+)\$", lambda match: formula(html.unescape(match[1]), "in-line"), text)
    text = re.sub(r"\*\*([^*]+)\*\*", r"<b>\1</b>", text)
    return re.sub(r"(?<![\w*])\*([^*\s][^*]*)\*(?![\w*])", r"<i>\1</i>", text)


def formula(tex, kind="displayed"):
    """A formula as an image in the size of the text, drawn by matplotlib; the formula's text where matplotlib cannot draw it."""
    buffer = io.BytesIO()
    drawable = re.sub(r"\\[,;!]|\\q?quad", r"\\ ", tex).rstrip(" .,")
    try:
        depth = mathtext.math_to_image(f"${drawable}$", buffer, format="svg")
    except (ValueError, RuntimeError):
        return f"<code>{html.escape(tex)}</code>"
    # Matplotlib's letters have 10 points, so a tenth of the height in points is the height in em.
    height = float(re.search(rb'height="([\d.]+)pt"', buffer.getvalue())[1]) / 10
    size = f"height: {height:.2f}em; vertical-align: {-depth / 10:.2f}em"
    code = base64.b64encode(buffer.getvalue()).decode()
    return f'<img class="{kind}" style="{size}" alt="{html.escape(tex, quote=True)}" src="data:image/svg+xml;base64,{code}">'


def page(path):
    """The page of slides of a notebook's file."""
    made = slides(json.loads(path.read_text(encoding="utf-8")))
    name = path.stem.replace("_", " ")
    return PAGE.format(title=html.escape(name), slides="\n".join(f"<section>{one}</section>" for one in made))


def main(argv=None):
    parser = argparse.ArgumentParser(description="Slides of the tutorials: NN_name.html, one page each.")
    parser.add_argument("out", help="the folder for the pages")
    parser.add_argument("numbers", nargs="*", metavar="NN", help="which tutorials; all of them if none is given")
    options = parser.parse_args(argv)
    found = {path.name.split("_")[0]: path for path in sorted(HERE.glob("[0-9][0-9]*_*.ipynb"))}
    try:
        unknown = set(options.numbers) - set(found)
        if unknown:
            raise ValueError(f"expected numbers among {', '.join(found)}, got {', '.join(sorted(unknown))}")
        out = folder(options.out)
        for number in options.numbers or found:
            path = out / f"{found[number].stem}.html"
            write_text(path, page(found[number]))
            print(f"{path} ({path.stat().st_size // 1000} kB)")
    except (ValueError, OSError) as error:
        print(f"slides: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
