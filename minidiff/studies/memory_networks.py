"""Where a trained network's memory ends: small CNNs that see a whole 8 x 8 image, by the number of training images and by time.

A network trained for long enough on few images copies them, at a time that grows with their number (Bonnaire et al. 2025, arXiv
2505.17638). Two networks trained on disjoint halves of a large set make the same picture from the same noise (Kadkhodaie, Guth,
Simoncelli and Mallat 2024, arXiv 2310.02557).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import nets, process
from ..machines import EquivariantLocalScore, IdealScore
from ..machines.windows import default_table
from ..measures import judges, metrics
from ..types import Array
from .agreement import last
from .memory import HALF, SCHEDULE, SIDE, Plan, glyphs

# An input convolution and six residual ones see 15 x 15 pixels: each pixel all of an 8 x 8 image.
DEPTH, BATCH, RATE = 6, 32, 2e-3
# A sample is a copy if its nearest training image is three times as near as the second nearest, as Bonnaire et al. say.
COPY = 1 / 3


def stops(length: int) -> list[int]:
    """The training steps after which samples are taken: seven, each twice the one before.

    Examples
    --------
    >>> stops(9600)
    [150, 300, 600, 1200, 2400, 4800, 9600]
    """
    return [length >> halvings for halvings in range(6, -1, -1)]


def images_of(count: int, half: int) -> Array:
    """The first `count` images of one of two disjoint halves of the glyphs, (count, 8, 8, 1)."""
    return glyphs(HALF * half, count)


def noise_of(plan: Plan) -> Array:
    """The noises from which all networks and machines start, (B, 8, 8, 1)."""
    return process.unit_noise((plan.noises, SIDE, SIDE, 1), 0)


def trained(count: int, half: int, plan: Plan) -> Array:
    """Train a network, and take samples at its `stops`: (7, B, 8, 8, 1) float32."""
    network, images, noise, found = (
        nets.Network(width=plan.width, depth=DEPTH, rng=half),
        images_of(count, half),
        noise_of(plan),
        [],
    )
    for done in nets.train(network, images, plan.length, BATCH, RATE, rng=half):
        if done.step in stops(plan.length):
            found.append(last(network, noise))
    return np.array(found)


def machines(plan: Plan) -> dict[str, list[float]]:
    """Without training: r between the samples of two machines from disjoint halves, from the same noises, by N (medians)."""
    found: dict[str, list[float]] = {"IS": [], "ELS": []}
    window = default_table("glyphs", SIDE, SIDE, "zeros")
    for count in plan.networks:
        both = [images_of(count, half) for half in (0, 1)]
        ideal = [last(IdealScore(images, SCHEDULE), noise_of(plan)) for images in both]
        local = [
            last(EquivariantLocalScore(images, SCHEDULE, window=window, boundary="zeros"), noise_of(plan)) for images in both
        ]
        for name, (one, other) in {"IS": ideal, "ELS": local}.items():
            found[name].append(float(np.median(metrics.agreement(one, other).r)))
    return found


def told(count: int, halves: Sequence[Array]) -> dict[str, Any]:
    """What the samples of both halves' networks show, at each stop.

    "copies" is the share of samples that are copies, with its interval; "distance" the median distance to the nearest training
    image, and "control" to the nearest image of the other half; "r" the median agreement of the two networks.
    """
    images = [images_of(count, half) for half in (0, 1)]
    rows: dict[str, Any] = {"N": count, "copies": [], "distance": [], "control": []}
    for samples in zip(*halves, strict=True):
        near = [[metrics.memorisation(x, one, False) for one in images] for x in samples]
        copies = sum(int((near[half][half].ratio < COPY).sum()) for half in (0, 1))
        rows["copies"].append(judges.wilson(copies, 2 * len(samples[0]))._asdict())
        rows["distance"].append(float(np.median([near[half][half].distance for half in (0, 1)])))
        rows["control"].append(float(np.median([near[half][1 - half].distance for half in (0, 1)])))
    rows["r"] = [float(np.median(metrics.agreement(*samples).r)) for samples in zip(*halves, strict=True)]
    return rows


def table(rows: Sequence[dict[str, Any]], machines: dict[str, list[float]]) -> str:
    """What the networks show at the end of their training, as text."""
    lines = [f"{'N':>6}{'copies':>10}{'distance':>10}{'control':>10}{'r of halves':>13}{'of IS':>8}{'of ELS':>8}"]
    for row, ideal, local in zip(rows, machines["IS"], machines["ELS"], strict=True):
        ends = f"{row['copies'][-1]['share']:>10.0%}{row['distance'][-1]:>10.2f}{row['control'][-1]:>10.2f}{row['r'][-1]:>13.2f}"
        lines.append(f"{row['N']:>6}{ends}{ideal:>8.2f}{local:>8.2f}")
    return "\n".join(lines)
