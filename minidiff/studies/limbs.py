"""Extra fingers: with which receptive fields do models draw a wrong number of limbs? Networks and machines on `creatures`.

The set is ours; it is a model of the excess limbs of KG. Four limbs have to be counted, and a small field does not
see all of them. So a miscount has two possible causes: the field is too small, or the training does not make use of it. ELS whose
window is the whole field, R, tells them apart. Of all denoisers that commute with shifts and see exactly R pixels and the padding
in them, it has the smallest loss. So it is the limit of training, for any width and length. What it gets right and a network does
not is left undone by the training. ELS with calibrated windows is something else: it describes the network as it is.

Networks with one softmax attention layer at the end see the whole image. Does one layer count?

Prediction, written on 26 November 2026 before any network with attention was trained on this set:

1. One layer hardly counts. At each field the softmax networks' share of wrong samples is within 10 of 100 of that of the CNNs.
   Attention adds up what others see; limbs are many and alike, and how bright the image is does not tell that they are four.
2. If it helps, it helps most at 13 pixels, where a pixel sees whole limbs.
3. `SummaryScore` with k = R, which hears the mean brightness of the rest, has 0 to 10 of 100 fewer wrong than ELS with k = R.
4. ELS with k = R has a smaller r with the softmax networks than with the CNNs.
5. Two CNNs of different training seeds agree on which samples are wrong more often than a CNN and its calibrated ELS do.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import datasets, nets, plots
from ..machines import EquivariantLocalScore, SummaryScore
from ..measures import judges, metrics
from ..types import Array
from . import calibration
from .agreement import last
from .drawing import blank, shares
from .kept import at_once

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DEPTHS = (1, 3, 5)
KINDS = {"CNN": None, "softmax": "softmax"}
LIMBS = 4
LENGTH, BATCH = 3000, 32
DATA: dict[str, Any] = {"data": "creatures", "size": 16, "count": 300, "colour": False, "data_seed": 0, "quick": False}
WINDOWS = (3, 5, 7, 9, 11, 13, 15)


def creatures() -> Array:
    """The training set of the experiment, (300, 16, 16, 1): figures with exactly four limbs."""
    return datasets.load(DATA["data"], DATA["size"], DATA["count"], rng=DATA["data_seed"])[0]


def trained(
    images: Array, depth: int, folder: Path, seed: int = 0, length: int = LENGTH, bar: Any = None, attention: str | None = None
) -> nets.Network:
    """The network of that depth, with or without attention; see `nets.trained`."""
    settings = {"channels": 1, "depth": depth, "padding": "zeros", "attention": attention}
    name = f"creatures-depth{depth}" + (f"-{attention}" if attention else "") + (f"-seed{seed}" if seed else "")
    notes, shipped = {"data": DATA}, length == LENGTH
    return nets.trained(name, settings, images, folder, seed, length, BATCH, notes=notes, shipped=shipped, bar=bar)


class Count(NamedTuple):
    """The samples of networks of one receptive field and of machines, from the same noises, and their limbs.

    Attributes
    ----------
    side : int
        The receptive field R of the networks' convolutions, in pixels.
    tables : dict of lists
        The windows of the calibrated ELS, by the name of the network that they are calibrated against; none is larger than R.
    samples : dict of (B, H, W, 1)
        By name: the networks as they were given, "ELS, k = R", "SummaryScore, k = R", and "ELS of ..." calibrated.
    verdicts : dict of judges.Limbs
        The limbs of each.
    """

    side: int
    tables: dict[str, list[int]]
    samples: dict[str, Array]
    verdicts: dict[str, judges.Limbs]


def count(
    networks: Mapping[str, nets.Network],
    images: Array,
    noise: Array,
    calibrating: int = 10,
    steps: int = 20,
    rng: int = 1,
    kept: Callable = at_once,
) -> Count:
    """Sample from networks of one receptive field R and from machines, from the same noises, and count the limbs.

    Parameters
    ----------
    networks : dict of Network trained on `images`
        ELS is calibrated against those without attention.
    images : (N, H, W, 1)
    noise : (B, H, W, 1), unit normal
    calibrating : int
        How many other noises, from the seed `rng`, the windows of ELS are calibrated on.
    steps : int
    kept : Kept, optional
        Keeps the windows and the samples, and gives those of an earlier run.

    Returns
    -------
    Count
    """
    first = next(iter(networks.values()))
    side, schedule, padding = first.receptive_field, first.schedule, first.padding
    fitting = [k for k in WINDOWS if k <= side]

    def windows(network):
        return calibration.against(network, images, schedule, fitting, padding, calibrating, steps, rng).table

    def table(name):
        return kept(f"{side} pixels: windows of {name}", partial(windows, networks[name]))

    tables = {name: table(name) for name, network in networks.items() if network.attention is None}
    els = partial(EquivariantLocalScore, images, schedule, boundary=padding)
    models: dict[str, Any] = {**networks, "ELS, k = R": els(window=side)}
    models["SummaryScore, k = R"] = SummaryScore(images, schedule, window=side, boundary=padding)
    models |= {f"ELS of {name}": els(window=table) for name, table in tables.items()}
    samples = {name: kept(f"{side} pixels: {name}", partial(last, denoiser, noise, steps)) for name, denoiser in models.items()}
    return Count(side, tables, samples, {name: judges.limb_count(x, LIMBS) for name, x in samples.items()})


def wrong(found: Count, name: str) -> dict[str, Any]:
    """How many samples of a model are wrong, as `judges.wilson` gives it."""
    consistent = found.verdicts[name].consistent
    return judges.wilson(int((~consistent).sum()), len(consistent))._asdict()


def alike(found: Count, one: str, other: str) -> dict[str, Any]:
    """How well a model predicts a network sample by sample: r, and how often both are right or both wrong from the same noise.

    "by chance" is how often two independent models with these shares would agree, p q + (1 - p)(1 - q).
    """
    a, b = found.verdicts[one], found.verdicts[other]
    p, q = a.consistent.mean(), b.consistent.mean()

    def share(agree):
        return judges.wilson(int(agree.sum()), len(agree))._asdict()

    return {
        "r": metrics.median(metrics.agreement(found.samples[one], found.samples[other]).r),
        "both right or both wrong": share(a.consistent == b.consistent),
        "by chance": float(p * q + (1 - p) * (1 - q)),
        "same limbs and bodies": share((a.limbs == b.limbs) & (a.bodies == b.bodies)),
    }


def numbers(found: Count) -> dict[str, Any]:
    """A Count in numbers: wrong samples, limbs and bodies of each model, and how well others predict each network.

    Each network is predicted by the machines, but for ELS that is calibrated against another, and by the other networks of its
    kind: these differ only in the training seed, and are the ceiling.
    """
    networks = [name for name in found.samples if "k = R" not in name and not name.startswith("ELS of ")]
    machines = ["ELS, k = R", "SummaryScore, k = R"]
    predicted = {}
    for name in networks:
        seeds = [other for other in networks if other != name and other.split(",")[0] == name.split(",")[0]]
        rows = [*machines, *([f"ELS of {name}"] if name in found.tables else []), *seeds]
        predicted[name] = {other: alike(found, other, name) for other in rows}
    return {
        "receptive field": found.side,
        "windows": found.tables,
        "wrong": {name: wrong(found, name) for name in found.samples},
        "limbs": {name: np.bincount(verdict.limbs).tolist() for name, verdict in found.verdicts.items()},
        "bodies": {name: np.bincount(verdict.bodies).tolist() for name, verdict in found.verdicts.items()},
        "predicted": predicted,
    }


def figure(counts: Sequence[Count], shown: int = 10) -> "Figure":
    """One block for each receptive field: samples of the CNN, of ELS that is calibrated against it, and of ELS with k = R.

    Above them are the numbers of limbs; a star means that one of the samples has no body, or several.
    """
    names = {"CNN, seed 0": "CNN", "ELS of CNN, seed 0": "ELS, calibrated", "ELS, k = R": "ELS, k = R"}
    shown = min(shown, len(counts[0].samples["ELS, k = R"]))
    drawn = blank(0.66 * shown + 2.8, 2.4 * len(counts))
    for ax, found in zip(np.atleast_1d(drawn.subplots(len(counts), 1)), counts, strict=True):
        verdicts = [found.verdicts[name] for name in names]
        limbs = ["/".join(str(one.limbs[i]) for one in verdicts) for i in range(shown)]
        heads = [text + ("" if all(one.bodies[i] == 1 for one in verdicts) else "*") for i, text in enumerate(limbs)]
        labels = [f"{label}: {wrong(found, name)['share']:.0%} wrong" for name, label in names.items()]
        stacks = [found.samples[name][:shown] for name in names]
        plots.rows(stacks, labels, ax=ax, heads=heads, title=f"receptive field {found.side}")
    return drawn


def rates(counts: Sequence[Count]) -> "Figure":
    """The share of samples with a wrong number of limbs against the receptive field, for every model, with intervals."""
    drawn = blank(6, 3.6)
    ax = drawn.subplots()
    kinds = {"CNN": (4, "o"), "softmax": (2, "D"), "ELS of CNN": (0, "s"), "ELS": (5, "^"), "SummaryScore": (6, "v")}
    names = list(counts[0].samples)
    for i, name in enumerate(names):
        kind = name.split(",")[0]
        colour, marker = kinds[kind]
        first = kind not in [other.split(",")[0] for other in names[:i]]
        style = {"color": plots.PALETTE[colour], "marker": marker, "label": name.split(", seed")[0] if first else None}
        place = 0.16 * (i - len(names) / 2)  # beside each other, so that intervals can be seen
        shares(ax, [found.side + place for found in counts], [wrong(found, name) for found in counts], **style)
    ax.set(xlabel="receptive field, pixels", ylabel=f"share without exactly {LIMBS} limbs", ylim=(-0.02, 1.02))
    ax.set_xticks([found.side for found in counts])
    ax.legend(frameon=False, fontsize=8)
    return drawn


def table(counts: Sequence[Count]) -> str:
    """The counts as text: wrong samples of each model, and how well each network is predicted."""
    lines = []
    for found in counts:
        told = numbers(found)
        lines += [f"receptive field R = {found.side}", f"  {'wrong [95 % interval]':32}"]
        for name, share in told["wrong"].items():
            lines.append(f"  {name:32}{share['count']:>5} of {share['of']} [{share['low']:.2f}, {share['high']:.2f}]")
        lines.append(f"  {'network: predicted by':48}{'r':>6}{'both alike':>20}{'by chance':>11}{'same count':>12}")
        for name, rows in told["predicted"].items():
            for other, row in rows.items():
                agree, same = row["both right or both wrong"], row["same limbs and bodies"]["share"]
                cell = f"{agree['share']:.0%} [{agree['low']:.2f}, {agree['high']:.2f}]"
                head = f"{name}: {other}"
                lines.append(f"  {head:48}{row['r']['median']:>6.2f}{cell:>20}{row['by chance']:>11.0%}{same:>12.0%}")
    return "\n".join(lines)
