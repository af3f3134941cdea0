"""Which pixels of x count in one pixel of the answer: in a network, and in the machines that predict it.

A *row* is how x0_hat[p], the mean over its channels, changes with each number of x: a row of the Jacobian. For a network it is a
backward pass. For a machine it is (a / s^2) times the posterior covariance of what candidates answer and what they show. A
convolutional network's rows are its effective receptive field, which fades like a Gaussian (so the abstract of Luo, Li, Urtasun
and Zemel 2016, arXiv 1701.04128).

Looked at first: networks of training seed 1 with zeros, six noises. Written down before others were asked: on photographs, whose
pixels vary together over long distances, the rows of soft windows are more like a network's than those of ELS, in which the rim
of the window counts most; on glyphs they are not clearly so. The first was right and the second wrong: results.md.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import conversions, nets, plots, process, schedules, theory
from ..machines import Machine
from ..measures import metrics
from ..types import Array, Rng
from . import calibration, field
from .drawing import blank
from .kept import at_once

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MACHINES, LEVELS = ("ELS", "soft windows"), (0.2, 0.4, 0.6, 0.8)


def jacobian_rows(denoiser: nets.Network | Machine, x: Array, t: float, views: Sequence[int]) -> Array:
    """d x0_hat[p] / d x of a network, or of a machine whose pixels have views of their own; x0_hat[p] is a mean over channels.

    For a machine d x0_hat[p] / d x[q] = (a / s^2) f_q Cov(v, key[q]), the covariance over candidates m under p's softmax: of what
    they answer, v_m, with what they show at q. p sees f_q x[q]; f_q is 1 in a hard window.

    Parameters
    ----------
    denoiser : nets.Network, or a PosteriorMachine
        Of a machine, one that is the posterior mean of its rule, with a view for each pixel: LS, ELS or soft windows.
    x : (B, H, W, C)
    t : float in (0, 1], where s > 0
    views : B ints
        p for each image, in reading order.

    Returns
    -------
    rows : (B, H, W, C)

    Raises ValueError for a machine whose rule has other views, as IS has. A network costs a forward and a backward pass. A
    machine costs O(B M P) with M candidates of P numbers, in NumPy, and memory for some arrays of M x P: 2 GB for 500 colour
    images of 16 x 16 and k = 13.

    Examples
    --------
    >>> from minidiff import machines
    >>> images = np.array([[-1.0, -1.0], [1.0, 1.0]]).reshape(2, 1, 2, 1)      # the two pixels say the same
    >>> machine = machines.LocalScore(images, schedules.flow(), window=3, boundary="zeros")
    >>> jacobian_rows(machine, np.zeros((1, 1, 2, 1)), 0.5, [0]).ravel()                # and so both count
    array([2., 2.])
    """
    return _of_network(denoiser, x, t, views) if isinstance(denoiser, nets.Network) else _of_machine(denoiser, x, t, views)


def _of_network(network, x, t, views):
    asked = np.zeros_like(x, dtype=network.dtype)
    asked.reshape(len(x), -1, x.shape[3])[range(len(x)), views] = 1 / x.shape[3]
    _, saved = network.forward(x.astype(network.dtype), np.full(len(x), t))
    _, dx = network.backward(asked, saved, need_dx=True)
    # x0_hat is a sum of multiples of x and of the output; so is the row, of what is asked and of the output's row.
    linear: dict[str, Callable] = {"v": conversions.x0_from_v, "noise": conversions.x0_from_eps, "x0": lambda x, out, *_: out}
    return linear[network.prediction](asked, dx, t, network.schedule)


def _of_machine(machine, x, t, views):
    a, s = map(float, schedules.levels(machine.schedule, t))
    rule = type(machine).rule(machine.images, *machine.settings(t))
    if len(rule.view_place) != x[0, ..., 0].size:
        raise ValueError(f"denoiser: expected a machine with a view for each pixel, as ELS has, got {type(machine).__name__}")
    found, numbers = np.zeros(x.shape), np.arange(x[0].size, dtype=np.float64).reshape(x.shape[1:])
    # What is seen is linear in x: here its factors (0 for padding), and which number of x each one multiplies.
    factors, products = rule.see(np.ones(x.shape[1:])), rule.see(numbers)
    for row, query, view in zip(found.reshape(len(x), -1), x, views, strict=True):
        who, distance = theory.explain(rule, rule.see(query)[view], view, a)
        weight = theory.weigh(distance, s)
        weight, value = weight / weight.sum(), rule.values[who].mean(axis=1)
        covariance = (weight * (value - weight @ value)) @ rule.keys[who]
        inside = factors[view] > 0
        index = np.rint(products[view][inside] / factors[view][inside]).astype(int)
        row[index] = a / s**2 * (factors[view] * covariance)[inside]
    return found


def compare(
    network: nets.Network | Machine,
    images: Array,
    noise: Array,
    boundary: str,
    steps: int = 20,
    calibrating: int = 2,
    rng: int = 1,
    kept: Callable = at_once,
) -> list[dict[str, Any]]:
    """For some t of the network's own way back: its rows, those of the machines, and how much they are alike.

    Parameters
    ----------
    network, images, noise, boundary, steps, calibrating, rng, kept
        As for `field.compare`; each noise gets a pixel in the middle of the image.

    Returns
    -------
    list of {"t", "maps", "energy", "cosine", "more"}
        maps: by name, the mean square of the rows around their pixel; energy: the same by distance in pixels (the larger of the
        two offsets), as shares; cosine: of a machine's rows with the network's, as `metrics.median` gives it; more: how much the
        cosine of soft windows is above that of ELS at the same noise, likewise, and "each" by itself.
    """
    schedule, made = network.schedule, field.rows(images, network.schedule, boundary)
    way = field.way_of(network, noise, steps)
    other = field.way_of(network, process.unit_noise((calibrating, *images.shape[1:]), rng, noise.dtype), steps)
    tables = {name: kept(f"settings of {name}", partial(field.calibrated, made[name], other, schedule)) for name in MACHINES}
    places, found = _middle(noise.shape, rng), []
    views = [row * noise.shape[2] + column for row, column in places]
    for level in LEVELS:
        t, x, _ = way[round((1 - level) * steps)]
        heard = {"network": jacobian_rows(network, x, t, views)}
        for name, table in tables.items():
            machine = field.ByTime(made[name], table, schedule).at(t)
            heard[name] = kept(f"rows of {name} at {level}", partial(jacobian_rows, machine, x, t, views))
        alike = {name: calibration.cosine_similarity(heard["network"], heard[name]) for name in MACHINES}
        more = alike["soft windows"] - alike["ELS"]
        maps = {name: _map(one, places) for name, one in heard.items()}
        found.append(
            {
                "t": t,
                "maps": {name: one.tolist() for name, one in maps.items()},
                "energy": {name: _by_distance(one) for name, one in maps.items()},
                "cosine": {name: metrics.median(one) for name, one in alike.items()},
                "more": {**metrics.median(more), "each": more.tolist()},
            }
        )
    return found


def _middle(shape: tuple[int, ...], rng: Rng) -> Array:
    """A pixel in the middle of each image, (B, 2): there windows have no padding in them, or little."""
    count, *sides, _ = shape
    draw = np.random.default_rng(rng)
    return np.stack([draw.integers(side // 2 - side // 8, side // 2 + side // 8 + 1, count) for side in sides], axis=1)


def _map(rows, places):
    """The mean square of rows (B, H, W, C) around their places, as far as all images have it, (2 R + 1, 2 R + 1)."""
    reach = max(0, min(side // 2 - side // 8 - 1 for side in rows.shape[1:3]))
    around = [row[r - reach : r + reach + 1, c - reach : c + reach + 1] for row, (r, c) in zip(rows, places, strict=True)]
    return (np.array(around, dtype=np.float64) ** 2).mean(axis=0).sum(axis=2)


def _by_distance(energy):
    reach = len(energy) // 2
    rows, columns = np.abs(np.indices(energy.shape) - reach)
    rings = np.maximum(rows, columns)
    return [float(energy[rings == ring].sum() / energy.sum()) for ring in range(reach + 1)]


def figure(found: Sequence[Mapping[str, Any]]) -> "Figure":
    """How much pixels count around the one that is asked: a row of maps for the network and each machine, a column for each t."""
    drawn = blank(1.2 * len(found) + 1.6, 3.9)
    maps = {name: [np.sqrt(one["maps"][name]) for one in found] for name in found[0]["maps"]}
    stacks = [np.array([one / one.max() for one in several])[..., None] * 2 - 1 for several in maps.values()]
    plots.rows(stacks, list(maps), ax=drawn.subplots(), heads=[f"t = {one['t']:.1f}" for one in found])
    return drawn


def table(found: Sequence[Mapping[str, Any]]) -> str:
    """In Markdown: cosines with the network's rows, then where the energy of the rows is."""
    lines = [f"| t | {' | '.join(MACHINES)} | more |", "|---" * (len(MACHINES) + 2) + "|"]
    for one in found:
        cells = [field.cell(told) for told in (*one["cosine"].values(), one["more"])]
        lines.append(f"| {one['t']:.1f} | {' | '.join(cells)} |")
    mean = metrics.median(np.mean([one["more"]["each"] for one in found], axis=0))
    lines.append(f"| mean over t {'| ' * len(MACHINES)}| {field.cell(mean)} |")
    reach = len(found[0]["energy"]["network"])
    lines += ["", f"| t | row of | {' | '.join(f'{ring} away' for ring in range(reach))} |", "|---" * (reach + 2) + "|"]
    for one in found:
        for name, shares in one["energy"].items():
            lines.append(f"| {one['t']:.1f} | {name} | {' | '.join(f'{share:.2f}' for share in shares)} |")
    return "\n".join(lines)
