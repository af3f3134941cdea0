"""What the figures of the studies share."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import plots
from ..types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def blank(width: float, height: float) -> "Figure":
    """An empty figure, of so many inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def stacked(stacks: Mapping[str, Array], width: float, height: float) -> "Figure":
    """A figure with a row of images (B, H, W, C) for each name; see `plots.rows`."""
    figure = blank(width, height)
    plots.rows(list(stacks.values()), list(stacks), ax=figure.subplots())
    return figure


def shares(ax: "Axes", x: Sequence[float] | Array, found: Sequence[Mapping[str, float]], **style: Any) -> None:
    """Draw shares {"share", "low", "high"} with their intervals."""
    middle, low, high = (np.array([share[name] for share in found]) for name in ("share", "low", "high"))
    ax.errorbar(x, middle, np.abs([middle - low, high - middle]), capsize=2, **style)


def over_sides(found: Mapping[str, Mapping[int, Mapping[str, float]]], xlabel: str, ylabel: str) -> "Figure":
    """A figure of shares of networks, and of a machine, against the side in pixels of what they see: {name: {side: share}}."""
    figure = blank(5, 3.2)
    ax = figure.subplots()
    for (name, by_side), colour, marker in zip(found.items(), (plots.PALETTE[4], plots.PALETTE[0]), "os", strict=True):
        shares(ax, list(by_side), list(by_side.values()), color=colour, marker=marker, label=name)
    sides = sorted({side for by_side in found.values() for side in by_side})
    ax.set(xlabel=xlabel, ylabel=ylabel, ylim=(-0.02, 1.02), xticks=sides)
    ax.legend(frameon=False)
    return figure
