"""The figures of the study of memory, from its numbers alone."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import plots
from .drawing import blank, shares
from .memory import collapse, half_time

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Beside the colours, for readers who see few: a marker for each line.
MARKERS = "os^Dvp"


def _colours(count):
    """As many colours, from dark to light."""
    from matplotlib import colormaps

    return colormaps["viridis"](np.linspace(0, 0.9, count))


def counting(found: Mapping[str, Any]) -> "Figure":
    """How many training images count for IS, exp(entropy), against the time, a line for each N."""
    drawn = blank(6, 3.4)
    ax = drawn.subplots()
    lines = zip(found["counts"], found["entropy"], _colours(len(found["counts"])), strict=True)
    for (count, entropies, colour), marker in zip(lines, cycle(MARKERS), strict=False):
        ax.semilogy(found["times"], np.exp(entropies), f"{marker}-", markersize=4, color=colour, label=f"N = {count}")
    ax.axhline(2, color="0.6", linewidth=1)
    ax.set(xlabel="time t", ylabel="training images that count, exp(H)")
    ax.legend(frameon=False, fontsize=8)
    return drawn


def collapsing(found: Mapping[str, Any]) -> "Figure":
    """Collapse times against N: measured as points, predicted as lines; left for IS, right for ELS by window."""
    drawn = blank(8, 3.2)
    panels = drawn.subplots(1, 2, sharey=True)
    kinds = {kind: [one for one in found.values() if one["machine"] == kind] for kind in ("IS", "ELS")}
    for ax, (kind, parts) in zip(panels, kinds.items(), strict=True):
        for one, colour, marker in zip(parts, (*plots.PALETTE[4:], *plots.PALETTE), cycle(MARKERS), strict=False):
            rows = collapse(one)
            labels = {"predicted": "I(t) = log M", "half": "own weight 1/2", "two": "exp(H) = 2"}
            if kind == "ELS":
                labels = {"half": f"k = {one['window']}"}
            # A prediction for a single N would be a line without length: the tick shows it.
            for name, style in (("predicted", "_-"), ("half", marker), ("two", "x")):
                pairs = [(row["N"], row[name]) for row in rows if row[name] is not None]
                if pairs:
                    ax.plot(*zip(*pairs, strict=True), style, color=colour, label=labels.get(name))
        ax.set(xscale="log", xlabel="training images N", title=kind)
        ax.legend(frameon=False, fontsize=8)
    panels[0].set_ylabel("collapse time t")
    return drawn


def phases(found: Mapping[str, Any], walked: Mapping[str, Any]) -> "Figure":
    """Three maps over N and the window: the time below which half the pixels know their own place, measured and predicted, and
    the share of a sample's pixels in its largest piece."""
    parts = [one for one in found.values() if one["machine"] == "ELS"]
    maps = {
        "half of the pixels know\ntheir place, measured": [[row["half"] or 0.0 for row in collapse(one)] for one in parts],
        "half of the pixels know\ntheir place, predicted": [
            [half_time(one["times"], values) or 0.0 for values in one["predicted"]] for one in parts
        ],
        "largest piece\nof a sample": walked["largest piece"],
    }
    drawn = blank(9, 2.9)
    for ax, (name, values) in zip(drawn.subplots(1, 3, sharey=True), maps.items(), strict=True):
        last = values is walked["largest piece"]
        image = ax.imshow(values, origin="lower", aspect="auto", vmin=0, vmax=1 if last else 0.6, cmap="viridis")
        ax.set(xticks=range(len(walked["counts"])), xlabel="training images N", title=name)
        ax.title.set_fontsize(9)
        ax.set_xticklabels([f"{count:g}" for count in walked["counts"]], fontsize=7, rotation=45)
        ax.set_yticks(range(len(walked["windows"])), [f"k = {k}" for k in walked["windows"]])
        for y, x in np.ndindex(np.shape(values)):
            ax.text(x, y, f"{values[y][x]:.2f}", ha="center", va="center", fontsize=7, color="w" if values[y][x] < 0.4 else "k")
        drawn.colorbar(image, ax=ax, label="share" if last else "time t")
    return drawn


def copying(rows: Sequence[Mapping[str, Any]], steps: list[int]) -> "Figure":
    """The share of copies against training steps, a line for each N; right, against steps / N."""
    drawn = blank(8, 3.2)
    for ax, by in zip(drawn.subplots(1, 2, sharey=True), (False, True), strict=True):
        for row, colour, marker in zip(rows, _colours(len(rows)), cycle(MARKERS), strict=False):
            x = np.array(steps) / (row["N"] if by else 1)
            shares(ax, x, row["copies"], color=colour, marker=marker, markersize=4, label=f"N = {row['N']}")
        ax.set(xscale="log", xlabel="training steps / N" if by else "training steps", ylim=(-0.02, 1.02))
    drawn.axes[0].set_ylabel("share of samples that are copies")
    drawn.axes[0].legend(frameon=False, fontsize=8)
    return drawn


def halving(rows: Sequence[Mapping[str, Any]], machines: Mapping[str, list[float]]) -> "Figure":
    """r between the samples of two denoisers from disjoint halves, from the same noises, against N."""
    drawn = blank(5, 3.2)
    ax = drawn.subplots()
    counts = [row["N"] for row in rows]
    lines = {"networks": [row["r"][-1] for row in rows], **machines}
    for (name, r), colour, marker in zip(lines.items(), plots.PALETTE[4:], MARKERS, strict=False):
        ax.semilogx(counts, r, f"{marker}-", color=colour, label=name)
    ax.set(xlabel="training images N in each half", ylabel="r between the halves, same noises", ylim=(-0.1, 1.02))
    ax.legend(frameon=False)
    return drawn
