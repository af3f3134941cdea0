"""The chapters of the tour. Each takes the tour's Studio, computes figures and numbers, and explains what they show."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from .. import datasets, nets, plots, process, schedules
from ..machines import AttentionScore, EquivariantLocalScore, IdealScore, LocalScore
from ..measures import metrics
from . import attention as attention_study
from .agreement import compare
from .page import Chapter

if TYPE_CHECKING:
    from .tour import Studio

SCHEDULE = schedules.cosine()
TABLE = (3, 3, 3, 5, 5, 7, 7, 9)
WIDE = 9


def _figure(width, height):
    return Figure(figsize=(width, height), layout="constrained")


def noising(studio: "Studio") -> Chapter:
    """Chapter 1: x = a x0 + s eps, and the way back."""
    times = np.array([0.0, 0.1, 0.25, 0.5, 0.75, 1.0])
    pictures = [np.repeat(images[5:6], len(times), axis=0) for images in (studio.crops, studio.digits)]
    forward = _figure(7.5, 2.9)
    axes = forward.subplots(2, 1)
    for ax, clean, name in zip(axes, pictures, ("photo", "digit"), strict=True):
        noisy = process.add_noise(clean, times, SCHEDULE, rng=studio.seed)
        heads = [f"t = {t:.2f}" for t in times] if name == "photo" else None
        plots.rows([noisy], [name], ax=ax, heads=heads)
    walked = studio.walk(IdealScore(studio.crops, SCHEDULE), studio.noise(studio.crops, 1))
    back = _figure(7.5, 2.1)
    plots.trajectory(walked, ax=back.subplots())
    signal, noise = float(SCHEDULE.signal(0.5)), float(SCHEDULE.noise(0.5))
    return Chapter(
        "Noise, and the way back",
        [
            "The forward process mixes an image with noise, <i>x = a(t) x<sub>0</sub> + s(t) &epsilon;</i>. "
            f"Halfway, at t = 0.5, a = {signal:.2f} and s = {noise:.2f}. The way back starts at pure noise. It needs only "
            "one thing: a <i>denoiser</i>, which guesses the clean image from the noisy one. Each step moves a little towards "
            "the guess.",
        ],
        [
            ("noising.png", forward, "Two real images with more and more noise."),
            ("way-back.png", back, "The way back from pure noise: the image x, and below it the denoiser's guess x0_hat."),
        ],
        {"signal at t = 0.5": signal, "noise at t = 0.5": noise},
    )


def recitation(studio: "Studio") -> Chapter:
    """Chapter 2: the ideal denoiser is a softmax over the training set, and its samples are training images."""
    machine = IdealScore(studio.digits, SCHEDULE)
    x = studio.walk(machine, studio.noise(studio.digits, studio.recited))[-1].x
    found = metrics.memorisation(x, studio.digits)
    error = np.abs(x - studio.digits[found.nearest]).max(axis=(1, 2, 3)) / 2
    crops = studio.walk(IdealScore(studio.crops, SCHEDULE), studio.noise(studio.crops, 8))[-1].x
    figure = _figure(7.5, 3.9)
    axes = figure.subplots(2, 1)
    plots.nearest(x[:8], studio.digits, metrics.Memorisation(*(field[:8] for field in found)), ax=axes[0])
    plots.nearest(crops, studio.crops, metrics.memorisation(crops, studio.crops), ax=axes[1])
    copies = int((error < 0.01).sum())
    return Chapter(
        "The ideal denoiser recites",
        [
            "For a fixed training set the best guess is known exactly: the average of all training images, weighted by a "
            "softmax of <i>-|x - a y|&sup2; / 2s&sup2;</i>. No network can denoise this training set better. But this denoiser "
            f"creates nothing: as the noise falls, one weight goes to 1. Of {len(x)} samples {copies} are training images; the "
            f"largest error of a pixel is {error.max():.1g} of the range.",
        ],
        [
            (
                "recitation.png",
                figure,
                "Samples of the ideal denoiser above the nearest training image. The number is their root-mean-square distance.",
            )
        ],
        {"samples": len(x), "copies (error under 1e-2 of the range)": copies, "largest pixel error / range": error.max()},
    )


def mosaics(studio: "Studio") -> Chapter:
    """Chapter 3: the same softmax through a window, with provenance."""
    images, noise = studio.learned, studio.noise(studio.learned, studio.samples)
    machine = EquivariantLocalScore(images, SCHEDULE, window=TABLE, boundary="zeros")
    x = studio.walk(machine, noise)[-1].x
    found, typical = metrics.memorisation(x, images), metrics.typical_distance(images)
    pieces = metrics.mosaic(machine, x)
    control = metrics.mosaic(machine, images[: len(x)])
    crops = EquivariantLocalScore(studio.crops, SCHEDULE, window=TABLE, boundary="zeros")
    new_crops = studio.walk(crops, studio.noise(studio.crops, 8))[-1].x
    new = _figure(7.5, 3.9)
    axes = new.subplots(2, 1)
    plots.nearest(x[:8], images, metrics.Memorisation(*(field[:8] for field in found)), ax=axes[0])
    plots.nearest(new_crops, studio.crops, metrics.memorisation(new_crops, studio.crops), ax=axes[1])
    cut, wide_numbers = _pieces(studio)
    return Chapter(
        "The same softmax through a window makes mosaics",
        [
            "Now every pixel sees only a small window around it, and looks for similar windows <i>anywhere</i> in every "
            "training image. The formula is the same softmax: nothing was added, and every pixel sees less. In the end each "
            "pixel is still copied from some training image, but neighbours may be copied from different ones: the samples are "
            "new.",
            f"Here the window falls from {TABLE[-1]} pixels at high noise to {TABLE[0]} at the end. The distance to the nearest "
            f"training image, over all its translations, is {found.distance.min():.2f} or more; two training images are "
            f"typically {typical:.2f} apart. Each sample takes its pixels from {pieces.images_used.min()} to "
            f"{pieces.images_used.max()} training images. For a training image this number is {control.images_used.max()}.",
            f"If the window ends at {TABLE[0]} pixels, the pieces are very small. With a window of {WIDE} pixels at every step "
            "they can be seen: the second figure shows which training image gave each pixel, and from which place.",
        ],
        [
            ("new-samples.png", new, "Samples through a window, above the nearest training image over all translations."),
            (
                "mosaic.png",
                cut,
                "From the same noise: the ideal denoiser recites, and through a window the same formula cuts pieces out of many "
                "training images. Each piece has the colour of its training image. The four images that give most are shown.",
            ),
        ],
        {
            "distance to the nearest training image": found.distance,
            "typical distance between training images": typical,
            "images used": pieces.images_used,
            "regions": pieces.regions,
            "largest region, share": pieces.largest,
            "pixels with a unique origin, share": pieces.unique.mean(axis=(1, 2)),
            "locally consistent pixels, share": metrics.local_consistency(machine, x),
            "training images as control: images used": control.images_used,
            "training images as control: regions": control.regions,
            "window held wide": wide_numbers,
        },
    )


def _pieces(studio, shown=3, givers=4):
    """The picture of the whole story, from the same noises: samples that saw whole images, and samples that saw windows."""
    images, noise = studio.few, studio.noise(studio.few, studio.shown)
    machine = EquivariantLocalScore(images, SCHEDULE, window=WIDE, boundary="zeros")
    x = studio.walk(machine, noise)[-1].x
    recited = studio.walk(IdealScore(images, SCHEDULE), noise)[-1].x
    copied = images[metrics.memorisation(recited, images).nearest]
    pieces, source = metrics.mosaic(machine, x), machine.provenance(x, 0.0)
    figure = _figure(9.5, 1.35 * shown)
    for index, axes in enumerate(figure.subplots(shown, 5 + givers)):
        whole = {"noise": noise, "seeing the\nwhole image": recited, "its nearest\ntraining image": copied}
        for ax, (name, pictures) in zip(axes, whole.items(), strict=False):
            plots.show(pictures[index], ax=ax)
            ax.set_title(name if index == 0 else "", fontsize=8)
        plots.provenance(x[index], source, pieces, images, axes=axes[3:], index=index)
        axes[3].set_title(f"seeing {WIDE} x {WIDE},\nanywhere" if index == 0 else "", fontsize=8)
    numbers = {"images used": pieces.images_used, "regions": pieces.regions, "largest region, share": pieces.largest}
    return figure, numbers


def sizes(studio: "Studio") -> Chapter:
    """Chapter 4: the same noises through windows from 3 pixels to the whole image."""
    images, noise = studio.few, studio.noise(studio.few, studio.shown)
    sides = (3, 5, 7, 9, 11, 15, 31)
    stacks, distance, used = [], [], []
    for k in sides:
        machine = EquivariantLocalScore(images, SCHEDULE, window=k, boundary="zeros")
        x = studio.walk(machine, noise)[-1].x
        stacks.append(x)
        distance.append(metrics.memorisation(x, images).distance)
        used.append(metrics.mosaic(machine, x).images_used)
    figure = _figure(9, 5)
    left, right = figure.subplots(1, 2, width_ratios=(1.5, 1))
    plots.rows(stacks, [f"k = {k}" for k in sides[:-1]] + ["whole\nimage"], ax=left)
    line = right.plot(sides, np.median(distance, axis=1), "o-", color=plots.PALETTE[4], label="distance")[0]
    right.set_xlabel("window side k (pixels)")
    right.set_ylabel("distance to the nearest training image", color=line.get_color())
    twin = right.twinx()
    twin.plot(sides, np.median(used, axis=1), "s--", color=plots.PALETTE[5])
    twin.set_ylabel("training images used by a sample", color=plots.PALETTE[5])
    twin.set_yscale("log")
    return Chapter(
        "What the window's size does",
        [
            "Each column starts from the same noise. A window of 3 pixels makes texture. A window of 7 to 11 pixels makes "
            f"strokes, loops and new digits, from pieces of {int(np.median(used[3]))} training images (k = 9). A window about "
            "as large as the image, or larger, recites. Creativity lies between texture and recitation. The window of a real "
            "network becomes smaller as the noise falls.",
        ],
        [("sizes.png", figure, "Left: the same noises through windows of side k. Right: medians over the samples.")],
        {"sides": sides, "distance to the nearest training image": distance, "images used": used},
    )


def boundaries(studio: "Studio") -> Chapter:
    """Chapter 5: the same noises on a torus, with zero padding, and with each pixel tied to its place."""
    images, noise = studio.few, studio.noise(studio.few, 8)
    machines = {
        "anywhere,\ntorus": EquivariantLocalScore(images, SCHEDULE, window=TABLE, boundary="circular"),
        "anywhere,\nzeros": EquivariantLocalScore(images, SCHEDULE, window=TABLE, boundary="zeros"),
        "own place": LocalScore(images, SCHEDULE, window=TABLE, boundary="zeros"),
    }
    stacks = [studio.walk(machine, noise)[-1].x for machine in machines.values()]
    ring = np.ones(images.shape[1:3], bool)
    ring[1:-1, 1:-1] = False
    brightness = {name: float(x[:, ring].mean()) for name, x in zip(machines, stacks, strict=True)}
    brightness["training set"] = float(images[:, ring].mean())
    torus, zeros, place, data = brightness.values()
    figure = _figure(7.5, 2.8)
    plots.rows(stacks, list(machines), ax=figure.subplots())
    return Chapter(
        "What the boundary does",
        [
            "On a torus no pixel knows where it is, and strokes cross the border. With zero padding a window shows where the "
            "border is: noise is never exactly zero, so zeros in a window are padding. A pixel near the border can only be "
            "explained by pixels at the same distance from the same edge. The border pixels of the training digits have a mean "
            f"of {data:.2f} (-1 is black); in samples it is {torus:.2f} on the torus and {zeros:.2f} with zero padding. In the "
            "last row every pixel can only be explained by its own place: the local score machine knows each position and has "
            f"no symmetry, and the mean is {place:.2f}.",
        ],
        [("boundaries.png", figure, "The same noises, with three rules for which pixels may explain a pixel.")],
        {f"mean of the border, {' '.join(name.split())}": value for name, value in brightness.items()},
    )


def prediction(studio: "Studio", names: Sequence[str] = ("digits-zeros", "photo-zeros")) -> Chapter:
    """Chapter 6: the samples of a trained network, and the samples that the theory predicts."""
    figure = _figure(7.5, 6.2)
    medians: dict[str, dict[str, float]] = {}
    sentences = []
    for ax, name in zip(figure.subplots(2, 1), names, strict=True):
        network = nets.load(name)
        data, tables = network.notes["data"], network.notes["windows"]
        images, _ = datasets.load(data["data"], size=16, count=data["count"], rng=data["data_seed"])
        if studio.train:
            network = _trained_now(network, images, studio)
        found = compare(network, images, studio.noise(images, 8), tables, network.padding, studio.steps)
        studio.bar.update()
        r = {machine: float(np.median(one.r)) for machine, one in found.agreement.items()}
        medians[name] = r
        heads = [f"r = {value:.2f}" for value in found.agreement["ELS"].r]
        plots.rows(
            list(found.samples.values()), ["network", "ELS, the theory", "own place only", "ideal denoiser"], ax=ax, heads=heads
        )
        sentences.append(
            f"on {data['data']} a median r of {r['ELS']:.2f} for ELS, {r['LS']:.2f} for LS and {r['IS']:.2f} for the ideal "
            "denoiser"
        )
    return Chapter(
        "The theory predicts a trained network, pixel by pixel",
        [
            "So far nothing was trained. Here is a small convolutional network, written by hand (nets/) and trained in two "
            "minutes on a laptop. The theory knows only the training set of the network and how large its window is at each "
            "step; the network knows nothing of the theory. From the same noise both make almost the same new picture: "
            f"{' and '.join(sentences)}, over 8 noises each.",
        ],
        [
            (
                "prediction.png",
                figure,
                "The same noises. Above each column, r is the correlation of the picture by ELS with the network's picture.",
            )
        ],
        {"median r with the network": medians},
    )


def _trained_now(shipped, images, studio):
    """A network with the settings of the shipped one, trained now."""
    network = nets.Network(channels=shipped.channels, padding=shipped.padding, rng=studio.seed)
    for progress in nets.train(network, images, steps=200 if studio.quick else shipped.notes["steps"], rng=studio.seed):
        studio.bar.set_postfix(training=progress.step, loss=f"{progress.loss:.3f}", refresh=progress.step % 10 == 0)
    return network


def attention(studio: "Studio", strengths: Sequence[float] = (0.0, 1.0, 10.0), shown: int = 8) -> Chapter:
    """Chapter 7: attention makes the pieces of a mosaic agree, in a trained network and in a machine."""
    images = attention_study.patterns()
    noise = studio.noise(images, 8 if studio.quick else 50)
    networks = {"no attention": nets.load("colour_patterns-none"), "attention": nets.load("colour_patterns-softmax")}
    samples = {name: attention_study.last(network, noise, studio.steps) for name, network in networks.items()}
    told = {name: attention_study.judged(x, images) for name, x in samples.items()}
    studio.bar.update()
    trained = _figure(7.5, 2.9)
    stacks = [images[:shown], *(x[:shown] for x in samples.values())]
    plots.rows(stacks, ["training images", "network without\nattention", "network with\nattention"], ax=trained.subplots())
    few = images[: 20 if studio.quick else 50]
    found = {}
    for g, candidates in (*((g, "anywhere") for g in strengths), (strengths[-1], "colocated")):
        settings: dict[str, Any] = {"strength": g, "candidates": candidates, "boundary": "zeros"}
        machine = AttentionScore(few, SCHEDULE, window=attention_study.TABLE, **settings)
        name = f"g = {g:g}" if candidates == "anywhere" else f"g = {g:g},\nown place"
        found[name] = studio.walk(machine, noise[: 2 if studio.quick else 5])[-1].x
    pooled = _figure(7.5, 4.6)
    plots.rows(list(found.values()), list(found), ax=pooled.subplots())
    share = {name: one["consistent"] for name, one in told.items()}
    return Chapter(
        "Attention makes the mosaic agree with itself",
        [
            "The pieces of a mosaic can only agree if they get information about each other. Each of these training images shows "
            "four shapes of <i>one</i> colour, and around a pixel of one shape a network sees nothing of the other shapes. So "
            f"it mixes colours: {share['no attention']['count']} of {share['no attention']['of']} samples have only one colour. "
            f"With one self-attention layer, and no other change, it is {share['attention']['count']} of "
            f"{share['attention']['of']} samples. (Finn and others claim this for networks; these data and numbers are ours.)",
            "A machine without any training does the same. Each pixel's softmax also uses, with strength g, how likely each "
            "training image is for the other pixels. At g = 0 this is the mosaic machine. As g grows, the samples from one noise "
            "keep much of their shapes, and the colours of the shapes begin to agree, until all pieces are cut from one image. "
            "In the last row a pixel may be explained only by its own place. Then pieces of one image, each at its own place, "
            "are that image: the machine recites, as the ideal denoiser does.",
        ],
        [
            ("attention.png", trained, "Networks with and without one attention layer, from the same noises."),
            (
                "pooled-evidence.png",
                pooled,
                "The machine that pools evidence, from the same noises, one row for each strength g.",
            ),
        ],
        {"networks": told, "strengths": {name.replace("\n", " "): attention_study.judged(x, few) for name, x in found.items()}},
    )


CHAPTERS = (noising, recitation, mosaics, sizes, boundaries, prediction, attention)
