"""Render tutorials: run each script NN_name.py as a notebook and write NN_name.ipynb beside it, with its outputs.

    python tutorials/render.py             # all of them
    python tutorials/render.py 02 03       # some
    python tutorials/render.py --figures FOLDER 02      # take the pictures out of a rendered notebook, to look at them
    python tutorials/render.py --svg FOLDER 02          # run the script, and write its figures as NN-1.svg, NN-2.svg, ...
    python tutorials/render.py --hosted 02              # run a notebook as a hosted service does, in a new environment

Needs `pip install -e ".[tutorials]"` (jupytext, nbconvert, ipykernel). A notebook is written whole or not at all, and rendering
twice on one computer gives the same bytes: cells are numbered instead of given random names, and nothing is kept that tells when
or by what they were run.

Every figure is described for readers who do not see it. A cell that shows one begins with a comment,

    # alt: One or two sentences that say what is to be seen.

which may go on over more comment lines, and which becomes the picture's alt text.
"""

import argparse
import base64
import contextlib
import io
import itertools
import json
import os
import re
import runpy
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from minidiff.files import folder, write_text

HERE = Path(__file__).parent
LARGEST = 500_000
# From where a notebook on a computer without minidiff installs it; whoever publishes the notebooks puts an address of their own.
ADDRESS = "git+https://github.com/OWNER/minidiff"
INSTALL = """\
# For a hosted notebook: where there is no minidiff, this cell installs it from ADDRESS (a repository, a wheel or a folder).
import importlib.util

ADDRESS = "{address}"
if importlib.util.find_spec("minidiff") is None:
    %pip install --quiet {{ADDRESS}}"""
# Without versions: a notebook need not change because Python did.
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "name": "python", "pygments_lexer": "ipython3"},
}


def descriptions(source, where):
    """The alt texts of the figures that a cell shows, in order; ValueError if a figure has none."""
    lines = itertools.takewhile(lambda line: line.startswith("#"), source.split("\n"))
    _, *found = re.split(r"^# alt:", "\n".join(lines), flags=re.MULTILINE)
    found = [text for text in (" ".join(re.sub(r"^#", "", text, flags=re.MULTILINE).split()) for text in found) if text]
    if len(found) != source.count("plt.show()"):
        raise ValueError(
            f"{where}: expected a description of each of {source.count('plt.show()')} figures, got {len(found)}; "
            "hint: begin the cell with '# alt: what is to be seen'"
        )
    return found


def describe(cell, where):
    """Give each picture in a cell's outputs its description, in both ways that readers look for.

    nbconvert's classic template takes the alt text from the metadata. VS Code takes it from the plain text, which a terminal
    shows in place of the picture. JupyterLab and nbconvert's lab template look for neither; there the comment above the
    picture says it.
    """
    pictures = [output for output in cell["outputs"] if "image/png" in output.get("data", {})]
    texts = descriptions(cell["source"], where)
    if len(pictures) != len(texts):
        raise ValueError(f"{where}: expected one picture for each plt.show(), {len(texts)}, got {len(pictures)}")
    for output, text in zip(pictures, texts, strict=True):
        output["metadata"]["image/png"] = {"alt": text}
        output["data"]["text/plain"] = text


def rendered(script):
    """The text of the notebook that a script makes; ValueError where a cell leaves what a notebook should not hold."""
    import jupytext
    import nbformat
    from nbclient import NotebookClient, exceptions

    notebook = jupytext.read(script, fmt="py:percent")
    notebook.cells.insert(1, nbformat.v4.new_code_cell(INSTALL.format(address=ADDRESS)))
    code = [(cell, f"{script.name}, cell {number}") for number, cell in enumerate(notebook.cells, 1) if cell.cell_type == "code"]
    for cell, where in code:  # before anything is run, which takes long
        descriptions(cell.source, where)
    # Text arrives in as many pieces as the kernel happened to flush, so pieces are joined: the same run, the same bytes.
    client = NotebookClient(notebook, timeout=600, kernel_name="python3", coalesce_streams=True, record_timing=False)
    client.extra_arguments = ["--log-level=ERROR"]
    try:
        client.execute(cwd=str(HERE))
    except exceptions.CellExecutionError as error:
        raise ValueError(f"{script.name}: {error}") from None
    notebook.metadata = nbformat.from_dict(METADATA)
    for number, cell in enumerate(notebook.cells, 1):
        cell.id, cell.metadata = f"cell-{number:02d}", nbformat.NotebookNode()
    for cell, where in code:
        for output in cell.outputs:
            _check(output, where)
        describe(cell, where)
    text = nbformat.writes(notebook, version=nbformat.NO_CONVERT) + "\n"
    if len(text) > LARGEST:
        raise ValueError(
            f"{script.name}: expected a notebook of at most {LARGEST:,} bytes, got {len(text):,}; hint: smaller figures"
        )
    return text


def _check(output, where):
    if output.output_type == "stream" and output.name == "stderr":
        raise ValueError(f"{where}: expected nothing on stderr, got {output.text.strip()!r}")
    if output.output_type == "execute_result":
        raise ValueError(f"{where}: expected results to be printed, got a bare last expression: {output.data['text/plain']}")


def pictures(notebook):
    """The PNG images of a rendered notebook, in order, as bytes."""
    import nbformat

    cells = nbformat.read(notebook, nbformat.NO_CONVERT).cells
    shown = [output.data for cell in cells for output in cell.get("outputs", []) if output.output_type == "display_data"]
    return [base64.b64decode(data["image/png"]) for data in shown if "image/png" in data]


def drawings(script, to):
    """Run a script, and write each figure that it shows to the folder `to` as an .svg with its description; the paths."""
    import matplotlib
    from matplotlib import pyplot as plt

    cells = re.split(r"^# %%.*\n", script.read_text(encoding="utf-8"), flags=re.MULTILINE)
    texts = iter([text for cell in cells for text in descriptions(cell.strip("\n"), script.name)])
    written = []

    def show():
        number = script.name.split("_")[0]
        for figure in map(plt.figure, plt.get_fignums()):
            written.append(to / f"{number}-{len(written) + 1}.svg")
            words = {"Title": f"Tutorial {number}, figure {len(written)}", "Description": next(texts), "Date": None}
            figure.savefig(written[-1], metadata=words, bbox_inches="tight")
        plt.close("all")

    shown, plt.show = plt.show, show
    try:
        # A fixed salt, so that the same figure is the same file.
        with matplotlib.rc_context({"svg.hashsalt": "minidiff"}), contextlib.redirect_stdout(io.StringIO()):
            runpy.run_path(str(script), run_name="__main__")
    finally:
        plt.show = shown
    return written


RUN = """
import sys, nbclient, nbformat
notebook = nbformat.read(sys.argv[1], nbformat.NO_CONVERT)
nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3", coalesce_streams=True).execute()
nbformat.write(notebook, sys.argv[1])
"""


def hosted(notebook):
    """Run a notebook as a hosted service does, and return it as a dict with the outputs that it made there; takes a minute.

    A new virtual environment gets a notebook kernel and what runs it, nothing else. ADDRESS becomes a wheel that is built here.
    """
    # Nothing of this process may help: neither its modules nor its way to draw.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MPL", "JUPYTER"))}
    with tempfile.TemporaryDirectory() as name:
        there = Path(name)
        pip = ["-m", "pip", "--quiet", "--disable-pip-version-check"]
        subprocess.run(
            [sys.executable, *pip, "wheel", "--no-deps", "--wheel-dir", name, HERE.parent], check=True, env=environment
        )
        (wheel,) = there.glob("*.whl")
        venv.create(there / "venv", with_pip=True)
        python = next(there.glob("venv/[bS]*/python*"))
        subprocess.run([python, *pip, "install", "ipykernel", "nbclient"], check=True, env=environment)
        if subprocess.run([python, "-c", "import minidiff"], cwd=name, env=environment, capture_output=True).returncode == 0:
            raise ValueError("expected an environment without minidiff, got one that has it")
        copy = there / notebook.name
        copy.write_text(notebook.read_text(encoding="utf-8").replace(ADDRESS, wheel.as_posix()), encoding="utf-8")
        subprocess.run([python, "-c", RUN, copy], check=True, cwd=name, env=environment)
        return json.loads(copy.read_text(encoding="utf-8"))


def scripts(numbers):
    """The tutorials of those numbers, such as "02", "2" or "4b", in order; all of them for none."""
    found = {path.name.split("_")[0].lstrip("0"): path for path in sorted(HERE.glob("[0-9][0-9]*_*.py"))}
    unknown = [number for number in numbers if number.lstrip("0") not in found]
    if unknown:
        raise ValueError(f"tutorial: expected numbers among {', '.join(found)}, got {', '.join(unknown)}")
    return [found[number.lstrip("0")] for number in numbers] or list(found.values())


def main(argv=None):
    parser = argparse.ArgumentParser(description="Render tutorials: NN_name.py to NN_name.ipynb, with outputs.")
    parser.add_argument("numbers", nargs="*", metavar="NN", help="which tutorials; all of them if none is given")
    others = parser.add_mutually_exclusive_group()
    others.add_argument("--figures", metavar="FOLDER", help="do not render; write the pictures of rendered notebooks there")
    others.add_argument("--svg", metavar="FOLDER", help="do not render; run the scripts, and write their figures there as .svg")
    others.add_argument("--hosted", action="store_true", help="do not render; run the notebooks in a new, empty environment")
    options = parser.parse_args(argv)
    # Figures must land in the notebook, whatever backend this shell is set to.
    os.environ["MPLBACKEND"] = "Agg" if options.svg else "module://matplotlib_inline.backend_inline"
    # A progress bar shows after two seconds, and so on a slow computer only.
    os.environ["TQDM_DISABLE"] = "1"
    try:
        for script in scripts(options.numbers):
            notebook = script.with_suffix(".ipynb")
            if options.svg:
                print(*drawings(script, folder(options.svg)), sep="\n")
            elif options.hosted:
                hosted(notebook)
                print(f"{notebook} ran in an environment of its own")
            elif options.figures is None:
                write_text(notebook, rendered(script))
                print(f"{notebook} ({notebook.stat().st_size // 1000} kB)")
            else:
                for number, picture in enumerate(pictures(notebook), 1):
                    path = folder(options.figures) / f"{script.name.split('_')[0]}-{number}.png"
                    path.write_bytes(picture)
                    print(path)
    except (ValueError, OSError, subprocess.CalledProcessError) as error:
        print(f"render: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
