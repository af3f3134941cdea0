"""Extra fingers: with which windows do models draw a wrong number of limbs? A network and ELS on `creatures` (KG section 5.3)."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import datasets, nets, plots
from ..machines import EquivariantLocalScore, Machine
from ..measures import judges, metrics
from ..types import Array
from . import calibration
from .agreement import last
from .drawing import blank, over_sides
from .kept import at_once

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DEPTHS = (1, 3, 5)
LIMBS = 4
LENGTH, BATCH = 3000, 32
DATA: dict[str, Any] = {"data": "creatures", "size": 16, "count": 300, "colour": False, "data_seed": 0, "quick": False}
WINDOWS = (3, 5, 7, 9, 11, 13, 15)


def creatures() -> Array:
    """The training set of the experiment, (300, 16, 16, 1): figures with exactly four limbs."""
    return datasets.load(DATA["data"], DATA["size"], DATA["count"], rng=DATA["data_seed"])[0]


def trained(images: Array, depth: int, folder: Path, seed: int = 0, length: int = LENGTH, bar: Any = None) -> nets.Network:
    """The CNN of that depth; see `nets.trained`."""
    settings = {"channels": 1, "depth": depth, "padding": "zeros"}
    name, notes, shipped = f"creatures-depth{depth}" + (f"-seed{seed}" if seed else ""), {"data": DATA}, length == LENGTH
    return nets.trained(name, settings, images, folder, seed, length, BATCH, notes=notes, shipped=shipped, bar=bar)


class Count(NamedTuple):
    """The samples of one network and of ELS, which predicts it, from the same noises, and their limbs.

    Attributes
    ----------
    side : int
        The receptive field of the network, in pixels.
    table : list
        The windows of ELS, calibrated against the network; none is larger than `side`.
    samples : dict of (B, H, W, 1)
        The samples of "network" and "ELS".
    verdicts : dict of judges.Limbs
        The limbs of both.
    agreement : metrics.Agreement
        The agreement of ELS with the network.
    """

    side: int
    table: list[int]
    samples: dict[str, Array]
    verdicts: dict[str, judges.Limbs]
    agreement: metrics.Agreement


def count(
    network: nets.Network,
    images: Array,
    noise: Array,
    calibrating: int = 10,
    steps: int = 20,
    rng: int = 1,
    kept: Callable = at_once,
) -> Count:
    """Sample from a network and from ELS, from the same noises, and count the limbs.

    Parameters
    ----------
    network : Network trained on `images`
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
    side, schedule, padding = network.receptive_field, network.schedule, network.padding
    fitting = [k for k in WINDOWS if k <= side]
    calibrated = partial(calibration.against, network, images, schedule, fitting, padding, calibrating, steps, rng)
    table = kept(f"{side} pixels: windows", lambda: calibrated().table)
    machine = EquivariantLocalScore(images, schedule, window=table, boundary=padding)
    models: dict[str, nets.Network | Machine] = {"network": network, "ELS": machine}
    samples = {name: kept(f"{side} pixels: {name}", partial(last, denoiser, noise, steps)) for name, denoiser in models.items()}
    verdicts = {name: judges.limb_count(x, LIMBS) for name, x in samples.items()}
    return Count(side, table, samples, verdicts, metrics.agreement(samples["ELS"], samples["network"]))


def numbers(found: Count) -> dict[str, Any]:
    """A Count in numbers: how often each model is right, and how often both are right or both wrong from the same noise.

    "by chance" is how often two independent models with these shares would agree, p q + (1 - p)(1 - q).
    """
    network, els = found.verdicts["network"], found.verdicts["ELS"]
    p, q = network.consistent.mean(), els.consistent.mean()

    def share(right):
        return judges.wilson(int(right.sum()), len(right))._asdict()

    return {
        "receptive field": found.side,
        "windows": found.table,
        **{name: share(verdict.consistent) for name, verdict in found.verdicts.items()},
        "limbs": {name: np.bincount(verdict.limbs).tolist() for name, verdict in found.verdicts.items()},
        "bodies": {name: np.bincount(verdict.bodies).tolist() for name, verdict in found.verdicts.items()},
        "both right or both wrong": share(network.consistent == els.consistent),
        "by chance": float(p * q + (1 - p) * (1 - q)),
        "same limbs and bodies": share((network.limbs == els.limbs) & (network.bodies == els.bodies)),
        "r": metrics.quartiles(found.agreement.r),
    }


def figure(counts: Sequence[Count], shown: int = 10) -> "Figure":
    """One block for each receptive field: samples of the network above those of ELS, with both numbers of limbs.

    A star means that one of the two samples has no body, or several.
    """
    shown = min(shown, len(counts[0].samples["ELS"]))
    drawn = blank(0.66 * shown + 2.2, 1.75 * len(counts))
    for ax, found in zip(np.atleast_1d(drawn.subplots(len(counts), 1)), counts, strict=True):
        verdicts = found.verdicts.values()
        limbs = ["/".join(str(one.limbs[i]) for one in verdicts) for i in range(shown)]
        heads = [text + ("" if all(one.bodies[i] == 1 for one in verdicts) else "*") for i, text in enumerate(limbs)]
        names = [f"{name}: {1 - one.consistent.mean():.0%} wrong" for name, one in found.verdicts.items()]
        stacks = [x[:shown] for x in found.samples.values()]
        plots.rows(stacks, names, ax=ax, heads=heads, title=f"receptive field {found.side}")
    return drawn


def rates(counts: Sequence[Count]) -> "Figure":
    """The share of samples with a wrong number of limbs against the receptive field, for the network and ELS, with intervals."""

    def wrong(found, name):
        consistent = found.verdicts[name].consistent
        return judges.wilson(int((~consistent).sum()), len(consistent))._asdict()

    shares = {name: {found.side: wrong(found, name) for found in counts} for name in ("network", "ELS")}
    return over_sides(shares, "receptive field, pixels", f"share without exactly {LIMBS} limbs")


def table(counts: Sequence[Count]) -> str:
    """The counts as text."""
    heads = ("receptive field", "network wrong", "ELS wrong", "both alike", "by chance", "same count", "r")
    lines = ["".join(f"{head:>16}" for head in heads)]
    for found in counts:
        told = numbers(found)
        alike, same = told["both right or both wrong"]["share"], told["same limbs and bodies"]["share"]
        shares = (1 - told["network"]["share"], 1 - told["ELS"]["share"], alike, told["by chance"], same)
        cells = [f"{found.side}", *(f"{share:.0%}" for share in shares), f"{told['r']['median']:.2f}"]
        lines.append("".join(f"{cell:>16}" for cell in cells))
    return "\n".join(lines)
