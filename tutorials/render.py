"""Render tutorials: run each script NN_name.py as a notebook and write NN_name.ipynb beside it, with its outputs.

    python tutorials/render.py             # all of them
    python tutorials/render.py 02 03       # some
    python tutorials/render.py --figures FOLDER 02      # take the pictures out of a rendered notebook, to look at them

Needs `pip install -e ".[tutorials]"` (jupytext, nbconvert, ipykernel). A notebook is written whole or not at all, and rendering
twice on one computer gives the same bytes: cells are numbered instead of given random names, and nothing is kept that tells when
or by what they were run.
"""

import argparse
import base64
import os
import sys
from pathlib import Path

from minidiff.files import folder, write_text

HERE = Path(__file__).parent
LARGEST = 500_000
# Without versions: a notebook need not change because Python did.
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "name": "python", "pygments_lexer": "ipython3"},
}


def rendered(script):
    """The text of the notebook that a script makes; ValueError where a cell leaves what a notebook should not hold."""
    import jupytext
    import nbformat
    from nbclient import NotebookClient, exceptions

    notebook = jupytext.read(script, fmt="py:percent")
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
        for output in cell.get("outputs", []):
            _check(output, f"{script.name}, cell {number}")
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
    parser.add_argument("--figures", metavar="FOLDER", help="do not render; write the pictures of rendered notebooks there")
    options = parser.parse_args(argv)
    # Figures must land in the notebook, whatever backend this shell is set to.
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    # A progress bar shows after two seconds, and so on a slow computer only.
    os.environ["TQDM_DISABLE"] = "1"
    try:
        for script in scripts(options.numbers):
            notebook = script.with_suffix(".ipynb")
            if options.figures is None:
                write_text(notebook, rendered(script))
                print(f"{notebook} ({notebook.stat().st_size // 1000} kB)")
            else:
                for number, picture in enumerate(pictures(notebook), 1):
                    path = folder(options.figures) / f"{script.name.split('_')[0]}-{number}.png"
                    path.write_bytes(picture)
                    print(path)
    except (ValueError, OSError) as error:
        print(f"render: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
