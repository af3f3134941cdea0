"""The figures of `minidiff compare --experiment attention`, from what attention.py computed."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .. import nets, plots
from ..plots import PALETTE
from ..types import Array
from .drawing import blank, over_sides, shares, stacked

COLOURS = {"CNN": PALETTE[4], "identity": PALETTE[5], "top-1": PALETTE[6], "softmax": PALETTE[0]}


def models(samples: Mapping[str, Array], told: Mapping[str, dict], shown: int = 10) -> Figure:
    """One row of samples for each model, all from the same noises, and the share of all samples of the model with one colour."""
    shown = min(shown, *map(len, samples.values()))
    stacks = {f"{name}: {told[name]['consistent']['share']:.0%}": x[:shown] for name, x in samples.items()}
    return stacked(stacks, 0.62 * shown + 2.6, 0.68 * len(samples))


def strengths(found: Mapping[float, tuple[Array, dict]], shown: int = 12) -> Figure:
    """One row of samples for each strength g, all from the same noises."""
    return stacked({f"g = {g:g}": x[:shown] for g, (x, _) in found.items()}, 0.62 * shown + 1.9, 0.68 * len(found))


def over_strength(alone: Mapping[str, Mapping[float, tuple[Array, dict]]], networks: Mapping[str, dict]) -> Figure:
    """The share of consistent samples, and the share of new ones among these, against g; one panel for each kind of candidates.

    alone: {candidates: what `attention.over_strength` returned}; networks: {name: share}, drawn as bands across the first panel.
    """
    figure = blank(9, 3.6)
    titles = {"anywhere": "candidates anywhere", "colocated": "candidates at their own place"}
    for ax, (candidates, found) in zip(figure.subplots(1, len(alone), sharey=True, squeeze=False)[0], alone.items(), strict=True):
        told = [one for _, one in found.values()]
        at = np.arange(len(found))
        shares(ax, at, [one["consistent"] for one in told], color=PALETTE[0], marker="o", label="one colour")
        some = [i for i, one in enumerate(told) if one["consistent"]["count"]]
        new = [told[i]["new"] for i in some]
        shares(ax, at[some] + 0.08, new, color=PALETTE[4], marker="s", label="of those, new", linestyle="--")
        ax.set_xticks(at, [f"{g:g}" for g in found])
        ax.set_title(titles[candidates], fontsize=10)
        ax.set(xlabel="strength g of the pooled evidence", ylim=(-0.03, 1.05), xlim=(-0.4, len(found) - 0.6))
        if candidates == "anywhere":
            for name, share in networks.items():
                ax.axhspan(share["low"], share["high"], color=COLOURS[name], alpha=0.15, linewidth=0)
                ax.text(len(found) - 0.7, share["share"], f"{name} network", fontsize=8, va="center", ha="right")
        ax.legend(frameon=False, loc="center right", fontsize=9)
    figure.axes[0].set_ylabel("share of samples")
    return figure


def over_reach(networks: Mapping[int, dict], machines: Mapping[int, dict]) -> Figure:
    """The share of consistent samples against the side of what a model sees; both are {side in pixels: share}."""
    seen = "side of the receptive field, or window, in pixels"
    return over_sides({"CNN": networks, "ELS": machines}, seen, "share with one colour")


def maps(
    network: nets.Network, steps: Sequence[tuple[float, Array, Array]], places: Sequence[tuple[int, int]], sample: int = 0
) -> Figure:
    """What some pixels of one sample attend to on its way back: a row with x0_hat, and below it a row of maps for each pixel.

    steps: (t, x, x0_hat) with x (B, H, W, C); places: the pixels, as (row, column).
    """
    height, width = steps[0][1].shape[1:3]
    figure = blank(1.05 * len(steps) + 0.6, 1.12 * (len(places) + 1))
    axes = figure.subplots(len(places) + 1, len(steps), squeeze=False)
    for (t, x, x0_hat), column in zip(steps, axes.T, strict=True):
        plots.show(x0_hat[sample], ax=column[0], title=f"t = {t:.2f}")
        attention = network.attention_map(x[sample], t)[0]
        for (i, j), ax in zip(places, column[1:], strict=True):
            column[0].plot(j, i, "s", markersize=5, markerfacecolor="none", color="white")
            ax.imshow(attention[i * width + j].reshape(height, width), cmap="magma", vmin=0)
            ax.plot(j, i, "s", markersize=5, markerfacecolor="none", color="white")
            ax.set(xticks=[], yticks=[])
    axes[0, 0].set_ylabel("x0_hat", fontsize=9)
    for (i, j), ax in zip(places, axes[1:, 0], strict=True):
        ax.set_ylabel(f"row {i}, col. {j}", fontsize=9)
    return figure


def told_apart(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Left: the strength that fits best at each t, the median over networks of a kind. Right: how much attention adds to R^2.

    rows: one {"kind", "tables", "agreement"} for each network, as `experiments.attention` makes them.
    """
    figure = blank(8.4, 3.4)
    left, right = figure.subplots(1, 2)
    for kind, colour in COLOURS.items():
        found = [row["tables"]["AttentionScore"][1] for row in rows if row["kind"] == kind]
        t = np.arange(len(found[0]) + 1) / len(found[0])
        strength = np.median(found, axis=0)
        left.plot(t, [strength[0], *strength], color=colour, label=kind, drawstyle="steps-pre", alpha=0.8)
    left.set(xlabel="t (1 is pure noise)", ylabel="calibrated strength g")
    left.set_yscale("symlog", linthresh=0.03)
    above = partial(Axes.legend, frameon=False, fontsize=9, loc="lower center", bbox_to_anchor=(0.5, 1), columnspacing=1)
    above(left, ncols=len(COLOURS))
    levels = [name for name in rows[0]["agreement"]["ELS"] if name != "whole"]
    right.axhline(0, color="0.6", linewidth=0.8)
    for number, kind in enumerate(COLOURS):
        for row in (row for row in rows if row["kind"] == kind):
            for machine, marker, aside in (("AttentionScore", "o", -0.03), ("its own map", "D", 0.03)):
                if machine in row["agreement"]:
                    added = [row["agreement"][machine][f"over ELS, {level}"]["median"] for level in levels]
                    at = np.arange(len(levels)) + 0.16 * (number - 1.5) + aside
                    face = "none" if machine == "AttentionScore" else COLOURS[kind]
                    right.plot(at, added, marker, color=COLOURS[kind], markerfacecolor=face, markersize=5)
    right.plot([], [], "o", color="0.3", markerfacecolor="none", label="uniform pooling")
    right.plot([], [], "D", color="0.3", label="by the network's own map")
    right.set_xticks(range(len(levels)), levels)
    right.set(ylabel="R^2 of the network's x0_hat, over ELS")
    above(right, ncols=2)
    return figure
