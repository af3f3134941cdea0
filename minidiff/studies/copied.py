"""Did my model copy? Samples beside a training set, and beside held-out images: numbers, figures and a page of pairs."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import files, plots, schedules
from ..machines import EquivariantLocalScore
from ..measures import copies, metrics
from ..types import Array
from .drawing import blank
from .page import Chapter, png, render

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HALF = 0.5  # the relative distance of Carlini et al. 2023, arXiv 2301.13188: they divide by half of the mean of the 50 nearest
SHOWN, IN_A_ROW, LISTED = 20, 10, 100
MOST_EXPLAINING = 5000  # training images that a mosaic is read from
UNSEEN = (
    "A distance of pixels does not see a copy of a detail, a copy at another scale or angle, or the same thing drawn anew. "
    "A small distance is not yet a copy: a picture without contrast is near to every image. Look at the pairs."
)


class Sets(NamedTuple):
    """Samples (B, H, W, C), and N training images followed by M held-out ones or none, (N + M, H, W, C); `split` is N."""

    samples: Array
    every: Array
    split: int

    @property
    def images(self) -> Array:
        """The training images."""
        return self.every[: self.split]

    @property
    def held_out(self) -> Array | None:
        """The held-out images, or None."""
        return self.every[self.split :] if len(self.every) > self.split else None


class Compared(NamedTuple):
    """What was found of some samples: the nearest training images, and the nearest of all images or None."""

    trained: copies.Nearest
    every: copies.Nearest | None

    @classmethod
    def joined(cls, parts: "list[Compared]") -> "Compared":
        """The samples of several parts, one after the other."""
        every = [part.every for part in parts if part.every is not None]
        return cls(copies.Nearest.joined([part.trained for part in parts]), copies.Nearest.joined(every) if every else None)


def compare(sets: Sets, search: dict[str, Any]) -> Iterator[Compared]:
    """What `copies.nearest` says of the samples with these arguments, for one group of samples after the other."""
    trained = copies.groups(sets.samples, sets.images, **search)
    if sets.held_out is None:
        yield from (Compared(found, None) for found in trained)
        return
    for found, beside in zip(trained, copies.groups(sets.samples, sets.every, **search), strict=True):
        yield Compared(found, beside)


def measured(sets: Sets, found: Compared, unseen: Array | None, level: float, seed: int) -> tuple[dict[str, Any], Array | None]:
    """(the numbers of a report, p of each sample or None).

    Parameters
    ----------
    sets : Sets
        Of the samples that were compared.
    found : Compared
    unseen : (M,) float64 or None
        The distances of the held-out images to the training set.
    level : float
        Of the rank test.
    seed : int
        Of the permutation test.
    """
    near, order = found.trained, found.trained.suspicion()
    usual = float(np.median(_contrasts(sets.images)))
    contrast = _contrasts(sets.samples) / (usual or np.nan)  # nan where the training images are blank
    numbers: dict[str, Any] = {"samples": len(sets.samples), "training images": len(sets.images), "shape": sets.images.shape[1:]}
    numbers |= {
        "neighbours": near.neighbours.shape[1],
        "distance": metrics.quartiles(near.distance),
        "relative": metrics.quartiles(near.relative),
        "exact copies": int((near.distance == 0).sum()),
        "relative below a half": int((near.relative < HALF).sum()),
        "proved to be the nearest": int(near.certain.sum()),
        "low contrast (below half of the training images' median)": int((contrast < 0.5).sum()),
        "held out": None,
    }
    p = None
    if unseen is not None and found.every is not None:
        test = copies.beside_fresh(near.distance, unseen, level)
        sides = copies.nearer_to_which(found.every, (sets.split, len(unseen)), seed)
        p = test.p
        numbers["held out"] = {
            "images": len(unseen),
            "distance": metrics.quartiles(unseen),
            "are training images": int((unseen == 0).sum()),
            "nearer than fresh images": {**test.flagged._asdict(), "level": test.level, "p of so many": test.tail},
            "nearer to the training set": sides._asdict(),
        }
    rows = {
        "sample": order,
        "training image": near.nearest[order],
        "distance": near.distance[order],
        "ratio to the second": near.ratio[order],
        "relative to the neighbours": near.relative[order],
        "shift": near.shift[order],
        "mirrored": near.mirrored[order],
        "grey": near.grey[order],
        "proved": near.certain[order],
        "contrast": contrast[order],
    }
    if p is not None:
        rows["p"] = p[order]
    listed = range(min(LISTED, len(order)))
    numbers["most suspicious"] = [{name: column[i] for name, column in rows.items()} for i in listed]
    return numbers, p


def _contrasts(images):
    """The standard deviation of each image; one by one, as `images.std` would copy them all."""
    return np.array([image.std() for image in images])


def told(numbers: dict[str, Any]) -> list[str]:
    """The report in sentences."""
    count, distance, relative = numbers["samples"], numbers["distance"], numbers["relative"]
    beside = f", which is {relative['median']:.2f} of the mean distance to the nearest {numbers['neighbours']}"
    if numbers["neighbours"] == 1:
        beside = ""
    lines = [
        f"{count} samples, {numbers['training images']} training images. The nearest one is at distance {distance['median']:.3f} "
        f"(median){beside}.",
        f"{numbers['exact copies']} samples are exact copies (distance 0). {numbers['relative below a half']} are nearer than "
        "half of the mean distance to their neighbours.",
    ]
    held = numbers["held out"]
    if held is None:
        lines.append(
            "Not known without --held-out: how near a new image of the same kind would be. So no distance is called small."
        )
        return [*lines, UNSEEN]
    flagged, sides = held["nearer than fresh images"], held["nearer to the training set"]
    lines.append(
        f"{flagged['count']} samples are nearer to the training set than {1 - flagged['level']:.1%} of {held['images']} held-out "
        f"images are: {flagged['share']:.1%} ({flagged['low']:.1%} to {flagged['high']:.1%}); of new images so many or more are "
        f"with probability {flagged['p of so many']:.2g}. (The held-out images must be of the same kind as the training images. "
        "Smooth samples are flagged too.)"
    )
    lines.append(
        f"{sides['share']:.1%} of the samples are nearer to the training set than to the held-out images; by chance it would be "
        f"{sides['chance']:.1%} ({sides['low']:.1%} to {sides['high']:.1%}), p = {sides['p']:.2g}."
    )
    if held["are training images"]:
        lines.append(
            f"{held['are training images']} held-out images match a training image exactly: both tests find less than they could."
        )
    return [*lines, UNSEEN]


# --- figures ---------------------------------------------------------------------------------------------------------


def pairs(sets: Sets, found: Compared, order: Array, search: dict[str, Any]) -> "Figure":
    """Samples above their nearest training images as they match, and above their nearest held-out images."""
    rows = [order[i : i + IN_A_ROW] for i in range(0, len(order), IN_A_ROW)]
    height = 2.0 if sets.held_out is None else 2.7
    figure = blank(9, height * len(rows) + 0.2)
    for ax, index in zip(np.atleast_1d(figure.subplots(len(rows), 1)), rows, strict=True):
        near = found.trained.of(index)
        stacks, names = [sets.samples[index], copies.matched(sets.images, near)], ["sample", "nearest\ntraining image"]
        if sets.held_out is not None:
            stacks.append(copies.matched(sets.held_out, copies.nearest(sets.samples[index], sets.held_out, **search)))
            names.append("nearest\nheld-out image")
        fields = zip(index, near.nearest, near.distance, near.relative, strict=True)
        heads = [f"no. {b}\nof no. {n}\nd {d:.3f}\nrel {r:.2f}" for b, n, d, r in fields]
        plots.rows(_of_width(stacks, IN_A_ROW), names, ax=ax, heads=heads)
    return figure


def _of_width(stacks, width):
    """Stacks of images, filled up with white ones."""
    missing = width - len(stacks[0])
    return [np.concatenate([stack, np.ones((missing, *stack.shape[1:]), stack.dtype)]) for stack in stacks]


def histogram(found: Compared, unseen: Array | None, level: float | None) -> "Figure":
    """How near samples are to the training set, and how near held-out images are."""
    figure = blank(7, 2.6)
    ax = figure.subplots()
    every = found.trained.distance if unseen is None else np.r_[found.trained.distance, unseen]
    bins = np.linspace(0, max(every.max(), 1e-3) * 1.02, 50).tolist()
    for name, values, colour in (("samples", found.trained.distance, 4), ("held-out images", unseen, 0)):
        if values is not None:
            weights = np.full(len(values), 1 / len(values))
            ax.hist(values, bins, weights=weights, histtype="step", linewidth=1.8, color=plots.PALETTE[colour], label=name)
    if unseen is not None and level is not None:
        limit = np.sort(unseen)[round(level * (len(unseen) + 1)) - 1]
        ax.axvline(limit, color="black", linewidth=1, linestyle="--", label=f"nearer than all but {level:.1%}")
    ax.set(xlabel="distance to the nearest training image (root mean square; the range of pixels is 2)", ylabel="share")
    ax.legend(frameon=False)
    return figure


def mosaics(sets: Sets, found: Compared, order: Array, window: int) -> "tuple[Figure, int]":
    """(which training image explains each window of these samples, how many training images were read for it).

    The provenance of ELS without noise, with windows of that side. Where the training set is large, the neighbours of these
    samples are read, and the first others.
    """
    subset = np.arange(len(sets.images))
    if len(subset) > MOST_EXPLAINING:
        near = np.unique(found.trained.neighbours[order])
        subset = np.sort(np.r_[near, np.setdiff1d(subset, near)[: MOST_EXPLAINING - len(near)]])
    # The schedule has no noise at t = 0, so that the nearest patch answers alone.
    machine = EquivariantLocalScore(sets.images[subset], schedules.flow(), window=window, boundary="zeros")
    x = sets.samples[order].astype(machine.images.dtype)
    source, pieces = machine.provenance(x, 0.0), metrics.mosaic(machine, x)
    source = source._replace(image=subset[source.image])
    figure = blank(9, 1.6 * len(order))
    for index, axes in enumerate(np.reshape(figure.subplots(len(order), 8), (len(order), 8))):
        plots.provenance(x[index], source, pieces, sets.images, axes=axes, index=index)
        axes[0].set_title(f"sample no. {order[index]}", fontsize=8)
    return figure, len(subset)


# --- the report ------------------------------------------------------------------------------------------------------


def report(
    out: Path,
    sets: Sets,
    found: Compared,
    unseen: Array | None,
    search: dict[str, Any],
    options: dict[str, Any],
    explained: int,
    window: int,
) -> dict[str, Any]:
    """Write index.html, its figures, nearest.npz and numbers.json to the folder `out`; returns the numbers.

    `search` are the arguments of `copies.nearest`, `options` those of the command, and `explained` is the number of samples whose
    mosaic is drawn, with windows of side `window`.
    """
    numbers, p = measured(sets, found, unseen, options["level"], options["seed"])
    numbers = {"options": options, **numbers}
    order = found.trained.suspicion()
    chapters = [_suspicious(sets, found, order[:SHOWN], search), _distances(found, unseen, numbers)]
    if explained:
        chapters.append(_explained(sets, found, order[:explained], window))
    pictures = {name: png(figure) for chapter in chapters for name, figure, _ in chapter.figures}
    for name, picture in pictures.items():
        with files.whole(out / name) as temporary:
            temporary.write_bytes(picture)
    arrays = {name: field for name, field in found.trained._asdict().items() if name not in ("neighbours", "distances")}
    arrays |= {} if p is None else {"p": p}
    with files.whole(out / "nearest.npz") as temporary:
        np.savez_compressed(temporary, **arrays)
    files.write_numbers(out / "numbers.json", numbers)
    lead, *_ = told(numbers)
    foot = "Written by minidiff copied. All numbers are in numbers.json, and those of each sample in nearest.npz."
    files.write_text(out / "index.html", render("Did my model copy?", lead, chapters, pictures, foot))
    return numbers


def _suspicious(sets, found, order, search):
    caption = (
        "Samples and their nearest training images, the most suspicious first. Above each: the sample, the training image, "
        "their distance d, and d relative to the mean distance to the nearest ones (50, if not asked otherwise). The images are "
        "shown as they match: moved, mirrored and of the sample's mean grey, where that was asked for."
    )
    text = [
        "Is the second row the first one again? Then it is a copy. Is it merely similar? Then compare the numbers below.",
        UNSEEN,
    ]
    return Chapter("The most suspicious pairs", text, [("pairs.png", pairs(sets, found, order, search), caption)])


def _distances(found, unseen, numbers):
    held = numbers["held out"]
    level = held and held["nearer than fresh images"]["level"]
    beside = "" if unseen is None else ", and how near held-out images are, which the model has not seen"
    caption = f"How near the samples are to their nearest training images{beside}."
    return Chapter("Nearer than chance?", told(numbers)[1:-1], [("distances.png", histogram(found, unseen, level), caption)])


def _explained(sets, found, order, window):
    figure, read = mosaics(sets, found, order, window)
    text = [
        f"Each pixel has the colour of the training image whose {window} x {window} window is nearest to its own. A copy is one "
        "piece. A mosaic, which copies pieces and not images, has many, and no distance between whole images finds it.",
        f"{read} of {len(sets.images)} training images were read for this, neither mirrored nor of another grey.",
    ]
    caption = (
        "Each row: a sample, its pieces in the colours of their training images (grey: several windows are equally near), and "
        "the training images that give the most pixels, with those pixels tinted."
    )
    return Chapter("What each window comes from", text, [("mosaics.png", figure, caption)])
