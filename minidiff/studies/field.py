"""The field in one table: every machine beside a trained network, from the same noises, each calibrated by the same rule.

A row is a machine with some settings, such as windows. At every second step of the network's own way back, from noises that are
not used again, the setting is taken whose eps_hat is most like the network's: the highest median, over noises, of their cosine
similarity (KG's procedure; KG take the median of each noise's best). Each setting serves two steps. One process compares one
network, and can be asked for some rows only: `minidiff compare --experiment field --network glyphs-zeros --rows 'LS; ELS'`.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .. import machines, nets, process
from ..machines import Machine, enlarged
from ..machines.windows import table_index
from ..measures import metrics
from ..types import Array, Schedule, Times
from . import calibration
from .agreement import WINDOWS
from .kept import at_once

Settings = Mapping[str, Callable[[], Machine]]
# Between x0_hat of a machine and of the network, at these t of the network's own way back.
LEVELS = (0.2, 0.4, 0.6, 0.8, 1.0)
THRESHOLDS, SIGMAS, STRENGTHS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4), (0.05, 0.1, 0.2, 0.4, 0.8), (0.03, 0.3)
# Standard deviations of soft windows, in pixels; each window is cut off at two of them.
WIDTHS = {0.75: 3, 1.0: 5, 1.5: 7, 2.0: 9, 3.0: 13}
GREYS = (0.0, -0.2, 0.2)


def rows(images: Array, schedule: Schedule, boundary: str) -> dict[str, Settings]:
    """{row: {setting: a function that makes the machine}}, the quick ones first.

    GuidedScore is not among them: these networks learn no classes.
    """
    most = min(images.shape[1:3]) if boundary == "circular" else 2 * max(images.shape[1:3]) - 1
    windows, edge = [k for k in WINDOWS if k <= most] or [1], dict[str, Any](boundary=boundary)

    def through(kind: Any, images: Array, **options: Any) -> Settings:
        return {f"k = {k}": partial(kind, images, schedule, window=k, **edge, **options) for k in windows}

    def one(kind: Any, images: Array) -> Settings:
        return {"": partial(kind, images, schedule)}

    patches, attention = machines.PatchScore, machines.AttentionScore
    masks, smoothed, soft = machines.CovarianceScore, machines.SmoothedScore, machines.SoftWindowScore
    return {
        "IS": one(machines.IdealScore, images),
        "ES": one(machines.EquivariantScore, images),
        "Wiener": one(machines.Wiener, images),
        "stationary Wiener": one(machines.StationaryWiener, images),
        "local Wiener": through(machines.LocalWiener, images, anywhere=True),
        "LS": through(machines.LocalScore, images),
        "smoothed IS": {f"sigma = {sigma}": partial(smoothed, images, schedule, sigma=sigma) for sigma in SIGMAS},
        "covariance": {f"threshold = {one}": partial(masks, images, schedule, threshold=one) for one in THRESHOLDS},
        "patches": through(patches, images),
        "patches, two sizes": through(patches, images, sizes=2),
        "ELS": through(machines.EquivariantLocalScore, images),
        "ELS, mirror images": through(machines.EquivariantLocalScore, enlarged(images, reflections="horizontal")),
        "ELS, grey levels": through(machines.EquivariantLocalScore, enlarged(images, greys=GREYS)),
        "SummaryScore": through(machines.SummaryScore, images),
        "AttentionScore": {
            f"k = {k}, g = {g}": partial(attention, images, schedule, window=k, strength=g, **edge)
            for k in windows[:5]
            for g in STRENGTHS
        },
        "soft windows": {
            f"sigma = {sigma}": partial(soft, images, schedule, window=k, sigma=sigma, **edge)
            for sigma, k in WIDTHS.items()
            if k <= most
        },
    }


class ByTime:
    """A denoiser that asks one of several machines, as a table says: names of settings, least noise first."""

    def __init__(self, made: Settings, table: Sequence[str], schedule: Schedule) -> None:
        self.table, self.schedule = table, schedule
        self.machines = {name: made[name]() for name in dict.fromkeys(table)}

    def __call__(self, x: Array, t: Times) -> Array:
        """x0_hat of x (B, H, W, C) at one time t."""
        return self.at(float(np.ravel(t)[0]))(x, t)

    def at(self, t: float) -> Machine:
        """The machine that is asked at time t."""
        return self.machines[self.table[table_index(t, len(self.table))]]


def way_of(network: nets.Network | Machine, noise: Array, steps: int) -> list[tuple[float, Array, Array]]:
    """(t, x, x0_hat) of a denoiser's own way back by DDIM, from t = 1 down, and at last (0, sample, sample)."""
    found, t, x = [], 1.0, float(network.schedule.noise(1.0)) * noise
    for step in process.ddim(network, network.schedule, noise=noise, steps=steps):
        found.append((t, x, step.x0_hat))
        t, x = step.t, step.x
    return [*found, (t, x, x)]


def calibrated(made: Settings, way: Sequence[tuple[float, Array, Array]], schedule: Schedule) -> list[str]:
    """The setting for each second step of a network's way back, least noise first; see above."""
    if len(made) == 1:
        return list(made)
    asked = {name: make() for name, make in made.items()}
    table = []
    for t, x, x0_hat in way[:-1:2]:
        theirs = process.eps_from_x0(x, x0_hat, t, schedule)
        answers = {name: process.eps_from_x0(x, one(x, t), t, schedule) for name, one in asked.items()}
        score = {name: float(np.median(calibration.cosine_similarity(one, theirs))) for name, one in answers.items()}
        table.append(max(score, key=lambda name: score[name]))
    if schedule.signal(1.0) == 0 and len(table) > 1:
        table[0] = table[1]
    return table[::-1]


def compare(
    network: nets.Network | Machine,
    images: Array,
    noise: Array,
    boundary: str,
    steps: int = 20,
    calibrating: int = 2,
    rng: int = 1,
    asked: Iterable[str] | None = None,
    kept: Callable = at_once,
    finished: Callable[[dict[str, Any]], None] = lambda found: None,
) -> dict[str, Any]:
    """Every row's agreement with a network, its novelty and its time, in numbers.

    Parameters
    ----------
    network : callable with a `schedule`
    images : (N, H, W, C)
        What it was trained on.
    noise : (B, H, W, C)
        Unit normal noise, other than that of the calibration.
    boundary : "circular" or "zeros"
    steps : int, even
        Of DDIM.
    calibrating, rng : int
        So many noises, of this seed, calibrate every row.
    asked : names of `rows`, optional
        All but these are left out.
    kept : Kept, optional
    finished : callable
        Called with the numbers so far after each row.

    Returns
    -------
    {"network": {"novelty"}, "rows": {name: {"r", "r^2", "R^2", "x0_hat, t = 0.2", ..., "novelty", "seconds a sample", "each r",
    "settings"}}}. All but the last three are as `metrics.median` gives them. x0_hat's is R^2, where both see the network's own x.
    A novelty is the distance of a sample to the nearest training image, in place or (torus) moved, over the typical distance of
    two training images. Seconds are of the processor.
    """
    schedule, made = network.schedule, rows(images, network.schedule, boundary)
    way = way_of(network, noise, steps)
    other = way_of(network, process.unit_noise((calibrating, *images.shape[1:]), rng, noise.dtype), steps)
    moved = boundary == "circular"
    typical = metrics.typical_distance(images, moved)

    def novelty(samples: Array) -> dict[str, Any]:
        return metrics.median(metrics.memorisation(samples, images, moved).distance / typical)

    told: dict[str, Any] = {"network": {"novelty": novelty(way[-1][1])}, "rows": {}}
    for name in made if asked is None else asked:
        table = kept(f"settings of {name}", partial(calibrated, made[name], other, schedule))
        machine, spent = ByTime(made[name], table, schedule), [float("nan")]

        def walked(machine=machine, spent=spent):
            begun = time.process_time()
            *_, step = process.ddim(machine, schedule, noise=noise, steps=steps)
            spent[0] = (time.process_time() - begun) / len(noise)
            return step.x

        samples = kept(f"samples of {name}", walked)
        found = metrics.agreement(samples, way[-1][1])
        row: dict[str, Any] = {key: metrics.median(value) for key, value in zip(("r", "r^2", "R^2"), found, strict=True)}
        for level in LEVELS:
            t, x, theirs = way[round((1 - level) * steps)]
            answer = kept(f"x0_hat of {name} at {level}", partial(machine, x, t))
            row[f"x0_hat, t = {level}"] = metrics.median(metrics.agreement(answer, theirs).determination)
        row["novelty"] = novelty(samples)
        row["seconds a sample"] = kept(f"seconds of {name}", partial(spent.__getitem__, 0))
        told["rows"][name] = {**row, "each r": found.r.tolist(), "settings": table}
        finished(told)
    return told


def table(told: Mapping[str, Any]) -> str:
    """One comparison in Markdown: medians over noises, those of r and R^2 with their intervals."""
    heads = ["machine", "r", "r^2", "R^2", *(f"R^2 of x0_hat, t = {level}" for level in LEVELS), "novelty", "s a sample"]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for name, row in told["rows"].items():
        short = [row["r^2"], *(row[f"x0_hat, t = {level}"] for level in LEVELS), row["novelty"]]
        square, *rest = [_digits(one["median"]) for one in short]
        cells = [name, cell(row["r"]), square, cell(row["R^2"]), *rest, _digits(row["seconds a sample"])]
        lines.append(f"| {' | '.join(cells)} |")
    novelty = [""] * (len(heads) - 3) + [_digits(told["network"]["novelty"]["median"]), ""]
    return "\n".join([*lines, f"| the network | {' | '.join(novelty)} |"])


def collected(runs: Sequence[Mapping[str, Any]]) -> str:
    """Several comparisons in Markdown: r for each machine and network, how much more it is than that of ELS, then all of each."""
    found: dict[str, dict[str, Any]] = {}
    for told in runs:
        path = Path(told["options"]["network"])
        name = path.parent.name if path.name == "weights.npz" else path.stem
        before = found.setdefault(name, {"network": told["network"], "rows": {}})
        before["rows"] |= told["rows"]

    def over_els(rows, row):
        pairs = zip(row["each r"], rows["ELS"]["each r"], strict=False)
        return metrics.median([one - other for one, other in pairs if None not in (one, other)])

    parts = [_of_networks(found, "r", lambda rows, row: row["r"])]
    parts.append(_of_networks(found, "r less that of ELS", lambda rows, row: over_els(rows, row) if "ELS" in rows else None))
    parts += [f"{name}\n\n{table(told)}" for name, told in found.items()]
    return "\n\n".join(parts)


def _of_networks(found, head, value):
    """A row for each machine, a column for each network."""
    lines = [f"| {head} | {' | '.join(found)} |", "|---" * (len(found) + 1) + "|"]
    for name in dict.fromkeys(name for told in found.values() for name in told["rows"]):
        held = [(told["rows"], told["rows"].get(name)) for told in found.values()]
        cells = [cell(value(rows, row)) if row else "" for rows, row in held]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def cell(one: Mapping[str, Any] | None) -> str:
    """A median with its interval, as a table has it; nothing for None."""
    return f"{_digits(one['median'])} [{_digits(one['low'])}, {_digits(one['high'])}]" if one else ""


def _digits(value):
    """Three digits; JSON has null for what is not defined."""
    return "-" if value is None or not np.isfinite(value) else f"{value:.3f}"
