"""The chapters of the tour. Each takes the tour's Studio and computes figures and numbers; its words are in tour.md."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .. import datasets, nets, plots, process, schedules
from ..machines import EquivariantLocalScore, IdealScore, LocalScore
from ..measures import metrics
from . import agreement
from . import attention as attention_study
from .drawing import blank, stacked
from .page import Chapter, chapter

if TYPE_CHECKING:
    from .tour import Studio

SCHEDULE = schedules.cosine()
TABLE = (3, 3, 3, 5, 5, 7, 7, 9)
WIDE = 9


def _els(images, window, boundary="zeros"):
    return EquivariantLocalScore(images, SCHEDULE, window=window, boundary=boundary)


def noising(studio: "Studio") -> Chapter:
    """Chapter 1: x = a x0 + s eps, and the way back."""
    times = np.array([0.0, 0.1, 0.25, 0.5, 0.75, 1.0])
    forward, back = blank(7.5, 2.9), blank(7.5, 2.1)
    heads = [f"t = {t:.2f}" for t in times]
    pictures = (("photo", studio.crops, heads), ("digit", studio.digits, None))
    for ax, (name, images, above) in zip(forward.subplots(2, 1), pictures, strict=True):
        noisy = process.add_noise(np.repeat(images[5:6], len(times), axis=0), times, SCHEDULE, rng=studio.seed)
        plots.rows([noisy], [name], ax=ax, heads=above)
    walked = studio.walk(IdealScore(studio.crops, SCHEDULE), studio.noise(studio.crops, 1))
    plots.trajectory(walked, ax=back.subplots())
    signal, noise = float(SCHEDULE.signal(0.5)), float(SCHEDULE.noise(0.5))
    numbers = {"signal at t = 0.5": signal, "noise at t = 0.5": noise}
    return chapter("noising", [forward, back], numbers, signal=signal, noise=noise)


def _beside_nearest(*sets):
    """A figure with a row for each (samples, images): the first 8 samples above their nearest training images."""
    figure = blank(7.5, 1.95 * len(sets))
    for ax, (samples, images) in zip(figure.subplots(len(sets), 1), sets, strict=True):
        plots.nearest(samples[:8], images, metrics.memorisation(samples[:8], images), ax=ax)
    return figure


def recitation(studio: "Studio") -> Chapter:
    """Chapter 2: the ideal denoiser is a softmax over the training set, and its samples are training images."""
    x = studio.samples_of(IdealScore(studio.digits, SCHEDULE), studio.noise(studio.digits, studio.recited))
    copied = studio.digits[metrics.memorisation(x, studio.digits).nearest]
    error = np.abs(x - copied).max(axis=(1, 2, 3)) / 2
    crops = studio.samples_of(IdealScore(studio.crops, SCHEDULE), studio.noise(studio.crops, 8))
    copies, largest = int((error < 0.01).sum()), error.max()
    numbers = {"samples": len(x), "copies (error under 1e-2 of the range)": copies, "largest pixel error / range": largest}
    figure = _beside_nearest((x, studio.digits), (crops, studio.crops))
    return chapter("recitation", [figure], numbers, samples=len(x), copies=copies, error=largest)


def mosaics(studio: "Studio") -> Chapter:
    """Chapter 3: the same softmax through a window, with provenance."""
    images = studio.learned
    machine = _els(images, TABLE)
    x = studio.samples_of(machine, studio.noise(images, studio.samples))
    found, typical = metrics.memorisation(x, images), metrics.typical_distance(images)
    pieces, control = metrics.mosaic(machine, x), metrics.mosaic(machine, images[: len(x)])
    new_crops = studio.samples_of(_els(studio.crops, TABLE), studio.noise(studio.crops, 8))
    new = _beside_nearest((x, images), (new_crops, studio.crops))
    cut, wide_numbers = _pieces(studio)
    numbers = {
        "distance to the nearest training image": found.distance,
        "typical distance between training images": typical,
        **_told(pieces),
        "pixels with a unique origin, share": pieces.unique.mean(axis=(1, 2)),
        "locally consistent pixels, share": metrics.local_consistency(machine, x),
        "training images as control: images used": control.images_used,
        "training images as control: regions": control.regions,
        "window held wide": wide_numbers,
    }
    used = {"fewest": pieces.images_used.min(), "most": pieces.images_used.max(), "control": control.images_used.max()}
    windows = {"first": TABLE[-1], "last": TABLE[0], "wide": WIDE}
    return chapter("mosaics", [new, cut], numbers, distance=found.distance.min(), typical=typical, **used, **windows)


def _told(pieces):
    return {"images used": pieces.images_used, "regions": pieces.regions, "largest region, share": pieces.largest}


def _pieces(studio, shown=3, givers=4):
    """The picture of the whole story, from the same noises: samples that saw whole images, and samples that saw windows."""
    images, noise = studio.few, studio.noise(studio.few, studio.shown)
    machine = _els(images, WIDE)
    x = studio.samples_of(machine, noise)
    recited = studio.samples_of(IdealScore(images, SCHEDULE), noise)
    copied = images[metrics.memorisation(recited, images).nearest]
    pieces, source = metrics.mosaic(machine, x), machine.provenance(x, 0.0)
    figure = blank(9.5, 1.35 * shown)
    for index, axes in enumerate(figure.subplots(shown, 5 + givers)):
        whole = {"noise": noise, "seeing the\nwhole image": recited, "its nearest\ntraining image": copied}
        for ax, (name, pictures) in zip(axes, whole.items(), strict=False):
            plots.show(pictures[index], ax=ax)
            ax.set_title(name if index == 0 else "", fontsize=8)
        plots.provenance(x[index], source, pieces, images, axes=axes[3:], index=index)
        axes[3].set_title(f"seeing {WIDE} x {WIDE},\nanywhere" if index == 0 else "", fontsize=8)
    return figure, _told(pieces)


def sizes(studio: "Studio") -> Chapter:
    """Chapter 4: the same noises through windows from 3 pixels to the whole image."""
    images, noise = studio.few, studio.noise(studio.few, studio.shown)
    sides = (3, 5, 7, 9, 11, 15, 31)
    machines = [_els(images, k) for k in sides]
    stacks = [studio.samples_of(machine, noise) for machine in machines]
    distance = [metrics.memorisation(x, images).distance for x in stacks]
    used = [metrics.mosaic(machine, x).images_used for machine, x in zip(machines, stacks, strict=True)]
    figure = blank(9, 5)
    left, right = figure.subplots(1, 2, width_ratios=(1.5, 1))
    plots.rows(stacks, [f"k = {k}" for k in sides[:-1]] + ["whole\nimage"], ax=left)
    right.plot(sides, np.median(distance, axis=1), "o-", color=plots.PALETTE[4], label="distance")
    right.set_xlabel("window side k (pixels)")
    right.set_ylabel("distance to the nearest training image", color=plots.PALETTE[4])
    twin = right.twinx()
    twin.plot(sides, np.median(used, axis=1), "s--", color=plots.PALETTE[5])
    twin.set_ylabel("training images used by a sample", color=plots.PALETTE[5])
    twin.set_yscale("log")
    numbers = {"sides": sides, "distance to the nearest training image": distance, "images used": used}
    return chapter("sizes", [figure], numbers, used=int(np.median(used[3])))


def boundaries(studio: "Studio") -> Chapter:
    """Chapter 5: the same noises on a torus, with zero padding, and with each pixel tied to its place."""
    images, noise = studio.few, studio.noise(studio.few, 8)
    machines = {
        "anywhere,\ntorus": _els(images, TABLE, "circular"),
        "anywhere,\nzeros": _els(images, TABLE),
        "own place": LocalScore(images, SCHEDULE, window=TABLE, boundary="zeros"),
    }
    stacks = {name: studio.samples_of(machine, noise) for name, machine in machines.items()}
    ring = np.ones(images.shape[1:3], bool)
    ring[1:-1, 1:-1] = False
    brightness = {name: float(x[:, ring].mean()) for name, x in {**stacks, "training set": images}.items()}
    numbers = {f"mean of the border, {' '.join(name.split())}": value for name, value in brightness.items()}
    means = dict(zip(("torus", "zeros", "place", "data"), brightness.values(), strict=True))
    return chapter("boundaries", [stacked(stacks, 7.5, 2.8)], numbers, **means)


def prediction(studio: "Studio", names: Sequence[str] = ("digits-zeros", "photo-zeros")) -> Chapter:
    """Chapter 6: the samples of a trained network, and the samples that the theory predicts."""
    figure = blank(7.5, 7.6)
    medians: dict[str, dict[str, float]] = {}
    sentences = []
    for ax, name in zip(figure.subplots(2, 1), names, strict=True):
        network = nets.load(name)
        data, tables = network.notes["data"], network.notes["windows"]
        images, _ = datasets.load(data["data"], size=16, count=data["count"], rng=data["data_seed"])
        if studio.train:
            network = _trained_now(network, images, studio)
        found = agreement.compare(network, images, studio.noise(images, 8), tables, network.padding, studio.steps)
        studio.bar.update()
        r = medians[name] = {machine: float(np.median(one.r)) for machine, one in found.agreement.items()}
        agreement.side_by_side(found, ax, 8)
        rivals = f"{r['LS']:.2f} for LS, {r['Wiener']:.2f} for the best linear denoiser and {r['IS']:.2f} for the ideal denoiser"
        each = f"{r['ELS']:.2f} for ELS, {rivals}"
        sentences.append(f"on {data['data']} a median r of {each}")
    return chapter("prediction", [figure], {"median r with the network": medians}, found=" and ".join(sentences))


def _trained_now(shipped, images, studio):
    """A network with the settings of the shipped one, trained now."""
    network = nets.Network(channels=shipped.channels, padding=shipped.padding, rng=studio.seed)
    for progress in nets.train(network, images, steps=200 if studio.quick else shipped.notes["steps"], rng=studio.seed):
        studio.bar.set_postfix(training=progress.step, loss=f"{progress.loss:.3f}", refresh=progress.step % 10 == 0)
    return network


def attention(studio: "Studio", shown: int = 5) -> Chapter:
    """Chapter 7: attention makes the pieces of a mosaic agree, in a trained network and in a machine that nobody trained."""
    images = attention_study.training_set()
    noise = studio.noise(images, 8 if studio.quick else 50)
    few = noise[: shown if studio.quick else 20]
    networks = {"without attention": nets.load("colour_patterns-none"), "with attention": nets.load("colour_patterns-softmax")}
    samples = {name: agreement.last(network, noise, studio.steps) for name, network in networks.items()}
    studio.bar.update()
    samples["the machine"] = studio.samples_of(attention_study.alone(images)["SummaryScore"], few)
    told = {name: attention_study.judged(x, images) for name, x in samples.items()}
    r = attention_study.median_r([(samples["with attention"][: len(few)], samples["the machine"])])
    words = {name: told[model]["one colour"] for name, model in zip(("without", "with_it", "machine"), told, strict=True)}
    figure = stacked({name: x[:shown] for name, x in samples.items()}, 1.25 * shown + 1.9, 3.9)
    whole = told["with attention"]["three whole"]
    return chapter("attention", [figure], {"samples": told, "r of the machine": r}, **words, whole=whole, r=r["median"])


CHAPTERS = (noising, recitation, mosaics, sizes, boundaries, prediction, attention)
