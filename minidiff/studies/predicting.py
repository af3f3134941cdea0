"""The locality scale k(t) without a network: predictions from the data alone, each scored by what it costs in r.

The first three rules were written down before anything was scored:
    Wiener    the smallest window that holds 9 tenths of the energy of the Wiener filter's rows, sum of squares, over all pixels
    entropy   the largest window whose posterior still has two candidates or more on noised training images: mean H >= log 2
    held-out  the window with the smallest error on images that the machine was not given (`calibration.held_out`)

The fourth was written after these were scored with zero padding, and before anything was scored on a torus:
    stationary    as Wiener, with the filter of `StationaryWiener`. The first rule fails where an image has more numbers than
                  there are images, as in `photo`: even without noise that filter is a projection, whose rows are long.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import datasets, nets, process
from ..machines import EquivariantLocalScore, StationaryWiener
from ..machines.wiener import row_energies, spectrum
from ..measures import metrics
from ..types import Array, Schedule
from . import calibration
from .agreement import WINDOWS, last
from .memory import entropy

# The networks, by what the parts are called; on a torus only the last rule is to be confirmed.
SETS = {name: f"{name}-zeros" for name in ("digits", "glyphs", "photo")}
TORI = {f"{name}-torus": f"{name}-circular" for name in SETS}
FIXED = (3, 5, 7, 9, 11)
CHOICES = ("calibrated", "wiener", "stationary", "entropy", "held-out", *(f"fixed{k}" for k in FIXED))
PAIRS = [(name, choice) for name in SETS for choice in CHOICES] + [(name, choice) for name in TORI for choice in CHOICES[:3]]
ENERGY, LEFT = 0.9, np.log(2)


def row_energy(images: Array, schedule: Schedule, t: float, windows: Sequence[int]) -> list[float]:
    """The share of the energy of the Wiener filter's rows that each window holds, over all pixels, (K,).

    A row is how much an answer's pixel and channel hears from each number of x.

    Examples
    --------
    >>> from minidiff import schedules
    >>> images = np.array([[-1.0, -1.0], [1.0, 1.0]]).reshape(2, 1, 2, 1)      # the two pixels say the same
    >>> [round(share, 3) for share in row_energy(images, schedules.cosine(), 0.5, [1, 3])]
    [0.5, 1.0]
    """
    shape, a, s = images.shape[1:], float(schedule.signal(t)), float(schedule.noise(t))
    energy = row_energies(shape, spectrum(images), a, s)
    rows, columns = np.indices(shape[:2]).reshape(2, -1)
    far = np.maximum(abs(np.subtract.outer(rows, rows)), abs(np.subtract.outer(columns, columns)))
    return [float(energy[far <= k // 2].sum() / energy.sum()) for k in windows]


def stationary_energy(images: Array, schedule: Schedule, t: float, windows: Sequence[int]) -> list[float]:
    """The same for the filter of `StationaryWiener`, whose answer to a single 1 is its row, turned round.

    Examples
    --------
    >>> from minidiff import schedules
    >>> noise = np.random.default_rng(0).standard_normal((4000, 5, 5, 1))      # no pixel tells of another
    >>> stationary_energy(noise, schedules.cosine(), 0.5, [1])[0] > 0.99
    True
    """
    _, height, width, channels = images.shape
    machine = StationaryWiener(images, schedule)
    ones = np.zeros((channels, height, width, channels))
    ones[range(channels), 0, 0, range(channels)] = 1
    energy = ((machine(ones, t) - machine(np.zeros((1, height, width, channels)), t)) ** 2).sum(axis=(0, 3))
    rows, columns = np.indices((height, width))
    far = np.maximum(np.minimum(rows, height - rows), np.minimum(columns, width - columns))
    return [float(energy[far <= k // 2].sum() / energy.sum()) for k in windows]


def from_rows(
    images: Array, schedule: Schedule, times: Sequence[float], windows: Sequence[int], energy: Callable = row_energy
) -> list[int]:
    """The table of a linear filter's rows, least noise first; the largest window where none holds the share `ENERGY`."""
    shares = [energy(images, schedule, t, windows) for t in times]
    return [next((k for k, share in zip(windows, one, strict=True) if share >= ENERGY), windows[-1]) for one in shares]


def from_entropy(
    images: Array, schedule: Schedule, times: Sequence[float], windows: Sequence[int], boundary: str, queries: int
) -> list[int]:
    """The table of the largest windows that leave two candidates, least noise first; the smallest window where none does."""
    clean, found = images[np.linspace(0, len(images) - 1, queries).astype(int)], []
    eps = process.unit_noise(clean.shape, 1)
    machines = [EquivariantLocalScore(images, schedule, window=k, boundary=boundary) for k in windows]
    for t in times:
        x = process.add_noise(clean, t, schedule, eps=eps)
        # From the largest down, so that most windows are never asked.
        found.append(next((m.window(t) for m in machines[::-1] if entropy(m, x, t).mean() >= LEFT), windows[0]))
    return found


def from_held_out(
    images: Array, schedule: Schedule, windows: Sequence[int], boundary: str, steps: int, queries: int
) -> list[int]:
    """The table of `calibration.held_out`, least noise first: some images are left out, and the machine has the others."""
    out = np.linspace(0, len(images) - 1, queries).astype(int)
    return calibration.held_out(np.delete(images, out, axis=0), images[out], schedule, windows, boundary, steps, 1).table


def scored(name: str, choice: str, noises: int, queries: int, steps: int, few: int | None = None) -> dict[str, Any]:
    """The table of one choice, and r with the shipped network of a set, noise by noise: {"table": T odd ints, "r": B floats}."""
    network = nets.load({**SETS, **TORI}[name])
    data, padding, schedule = network.notes["data"], network.padding, network.schedule
    images = datasets.load(data["data"], size=data["size"], count=data["count"], rng=data["data_seed"])[0][:few]
    times = np.linspace(0, 1, steps + 1)[1:].tolist()
    tables = {
        "calibrated": lambda: network.notes["windows"]["ELS"],
        "wiener": lambda: from_rows(images, schedule, times, WINDOWS),
        "stationary": lambda: from_rows(images, schedule, times, WINDOWS, stationary_energy),
        "entropy": lambda: from_entropy(images, schedule, times, WINDOWS, padding, queries),
        "held-out": lambda: from_held_out(images, schedule, WINDOWS, padding, steps, queries),
    }
    table = tables[choice]() if choice in tables else [int(choice.removeprefix("fixed"))]
    noise = process.unit_noise((noises, *images.shape[1:]), 0)
    machine = EquivariantLocalScore(images, schedule, window=table, boundary=padding)
    r = metrics.agreement(last(machine, noise, steps), last(network, noise, steps)).r
    return {"table": table, "r": r.tolist()}


def lost(found: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """For each set and choice: the table, the median r, and the median of what r loses against the calibrated table by noise."""
    rows = {}
    for name, choice in PAIRS:
        if (one := found.get(f"{name}-{choice}")) is not None:
            r, best = np.array(one["r"]), np.array(found[f"{name}-calibrated"]["r"])
            rows[f"{name}-{choice}"] = {"table": one["table"], "r": metrics.median(r), "lost": metrics.median(best - r)}
    return rows


def table(rows: dict[str, dict[str, Any]]) -> str:
    """The scores as text: medians over the noises, with 95 % intervals."""
    lines = [f"{'windows':>20}{'r':>24}{'r lost':>26}  table, least noise first"]
    for name, row in rows.items():
        r, loss = (f"{one['median']:.3f} [{one['low']:.3f}, {one['high']:.3f}]" for one in (row["r"], row["lost"]))
        windows = " ".join(map(str, row["table"]))
        lines.append(f"{name:>20}{r:>24}{loss:>26}  {windows}")
    return "\n".join(lines)
