"""The figures of `minidiff compare --experiment attention`, from what attention.py computed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from .. import nets, plots
from ..plots import PALETTE
from ..types import Array
from .drawing import blank, over_sides, shares, stacked

# Without yellow, which is too light for a thin line.
SHADES = (*PALETTE[:3], *PALETTE[4:], "0.3", "0.6")
COLOURS = {"CNN": PALETTE[4], "identity": PALETTE[5], "top-1": PALETTE[6], "softmax": PALETTE[0]}


def models(samples: Mapping[str, Array], told: Mapping[str, dict], shown: int = 10) -> Figure:
    """One row of samples for each model, all from the same noises, and the share of all samples of the model with one colour."""
    shown = min(shown, *map(len, samples.values()))
    stacks = {f"{name}: {told[name]['one colour']['share']:.0%}": x[:shown] for name, x in samples.items()}
    return stacked(stacks, 0.62 * shown + 3.6, 0.68 * len(samples))


def three_rows(samples: Mapping[str, Array], shown: int = 5) -> Figure:
    """The claim at a glance: a few samples of each model, from the same noises, large enough to see each shape."""
    return stacked({name: x[:shown] for name, x in samples.items()}, 1.25 * shown + 1.8, 1.38 * len(samples))


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
        shares(ax, at, [one["one colour"] for one in told], color=PALETTE[0], marker="o", label="one colour")
        some = [i for i, one in enumerate(told) if one["one colour"]["count"]]
        new = [told[i]["new"] for i in some]
        shares(ax, at[some] + 0.08, new, color=PALETTE[4], marker="s", label="of the legal ones, new", linestyle="--")
        ax.set_xticks(at, [f"{g:g}" for g in found])
        ax.set_title(titles[candidates], fontsize=10)
        ax.set(xlabel="strength g of the pooled evidence", ylim=(-0.03, 1.05), xlim=(-0.4, len(found) - 0.6))
        if candidates == "anywhere":
            for name, share in networks.items():
                ax.axhspan(share["low"], share["high"], color=COLOURS[name], alpha=0.15, linewidth=0)
                ax.text(len(found) - 0.7, share["low"], f"{name} network", fontsize=8, va="top", ha="right")
        ax.legend(frameon=False, loc="center left", fontsize=9)
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


def told_apart(whole: Mapping[str, Mapping[str, dict]], levels: Sequence[Mapping[str, Any]]) -> Figure:
    """Left: the median r of whole samples with those of each machine, and of another network of the kind. Right: R^2 by t.

    whole: what `attention.agreements` returned. levels: one {"kind", "levels"} for each network, as `experiments.attention` makes
    them; the right panel has what each machine adds to the R^2 of ELS, the median over the networks with attention.
    """
    figure = blank(9, 3.6)
    left, right = figure.subplots(1, 2)
    names = list(dict.fromkeys(name for found in whole.values() for name in found))
    for number, (name, marker) in enumerate(zip(names, "osD^vPX*<>", strict=False)):
        kinds = [kind for kind in whole if name in whole[kind]]
        middle, low, high = (np.array([whole[kind][name][key] for kind in kinds]) for key in ("median", "low", "high"))
        at = np.array([list(whole).index(kind) for kind in kinds]) + 0.07 * (number - len(names) / 2)
        style = {"color": SHADES[number % len(SHADES)], "marker": marker, "linestyle": "none", "capsize": 2, "label": name}
        left.errorbar(at, middle, [middle - low, high - middle], **style)
    left.set_xticks(range(len(whole)), list(whole))
    left.set(ylabel="median r of whole samples", ylim=(0, 1))
    heard = [row["levels"] for row in levels if "its own map" in row["levels"]]
    shown = sorted(name for name in heard[0]["ELS"] if name.startswith("t = ")) if heard else []
    right.axhline(0, color="0.6", linewidth=0.8)
    for number, (name, line) in enumerate(zip(heard[0] if heard else (), ("-", "--", "-.", ":") * 3, strict=False)):
        if name not in ("ELS", "IS", "Wiener"):
            added = [np.median([one[name][f"over ELS, {level}"]["median"] for one in heard]) for level in shown]
            right.plot(shown, added, line, marker="osD^vPX*<>"[number % 10], color=SHADES[number % len(SHADES)], label=name)
    right.set(ylabel="R^2 of the network's x0_hat, over ELS")
    for ax in (left, right):
        ax.legend(frameon=False, fontsize=7, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, columnspacing=1)
    return figure


def cut(found: Mapping[str, Sequence[Mapping[str, dict]]]) -> Figure:
    """The share of samples with one colour, and with at least three whole shapes, by what a pixel may attend to.

    found: {what it may attend to: what `attention.judged` says of each training seed}; one point for each seed.
    """
    figure = blank(7, 0.42 * len(found) + 1)
    ax = figure.subplots()
    for place, told in enumerate(found.values()):
        for name, marker, aside in (("one colour", "o", -0.12), ("three whole", "s", 0.12)):
            share = [one[name]["share"] for one in told]
            colour = PALETTE[0] if name == "one colour" else PALETTE[4]
            ax.plot(share, [place + aside] * len(share), marker, color=colour, label=None if place else name, alpha=0.8)
    ax.set_yticks(range(len(found)), [f"attends to {name}" for name in found])
    ax.invert_yaxis()
    ax.set(xlabel="share of samples, one point for each training seed", xlim=(-0.03, 1.03))
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure
