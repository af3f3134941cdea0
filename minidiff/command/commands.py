"""What the commands do: tour, sample, train, compare, check, bench, info."""

import platform
import time
from argparse import Namespace
from importlib import metadata
from pathlib import Path

import numpy as np
from tqdm import tqdm

from .. import arguments, datasets, files, jit, machines, nets, parallel, process, schedules
from ..machines.windows import default_table
from ..measures import metrics
from ..studies import experiments


def tour(options: Namespace) -> None:
    """minidiff tour."""
    from ..studies.tour import tour

    page = tour(files.folder(options.out), seed=options.seed, quick=options.quick, train=options.train)
    print(f"Read {page}")


def bench(options: Namespace) -> None:
    """minidiff bench."""
    from ..studies.bench import bench, table

    out = files.folder(options.out)
    result = bench(quick=options.quick, machine=options.machine) | {"processor": _processor()}
    print(table(result))
    files.write_numbers(out / "numbers.json", result)


def info(options: Namespace) -> None:
    """minidiff info."""
    out = files.folder(options.out) if options.out is not None else None
    names = ("minidiff", "numpy", "numba", "llvmlite", "matplotlib", "pillow", "tqdm")
    facts: dict[str, object] = {"python": platform.python_version()}
    facts |= {name: metadata.version(name) for name in names}
    facts |= {"platform": platform.machine(), "processor": _processor()}
    facts |= {"threads": parallel.threads(), "cache folder": jit.cache_folder()}
    for name, value in facts.items():
        print(f"{name:14}{value}")
    if out:
        files.write_numbers(out / "numbers.json", facts)


def check(options: Namespace) -> int:
    """minidiff check; 1 where the exercise is not passed."""
    from .. import coursework

    out = files.folder(options.out) if options.out is not None else None
    report = coursework.check(options.file)
    print(report)
    if out:
        files.write_numbers(out / "numbers.json", report.numbers())
    return 0 if report.passed else 1


def _processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown"


# --- sample ----------------------------------------------------------------------------------------------------------


def sample(options: Namespace) -> None:
    """minidiff sample."""
    out = files.folder(options.out)
    if options.quick:
        options.n, options.steps = min(options.n, 4), min(options.steps, 8)
    arguments.whole_number("-n", options.n, 1)
    images, labels = _data(options)
    machine = _machine(options, images, labels, schedules.by_name(options.schedule))
    walk = _walk(options, machine, images.shape[1:])
    started = time.perf_counter()
    steps = list(tqdm(walk, total=options.steps, unit="step"))
    _write_samples(out, options, images, steps, time.perf_counter() - started)


def _data(options):
    """The training images and labels that the options name."""
    named = options.data in datasets.NAMES
    size = options.size if options.size is not None or not named else 16
    images, labels = datasets.load(
        options.data,
        size=size,
        count=options.count,
        colour=options.colour,
        rng=arguments.whole_number("--data-seed", options.data_seed, 0),
    )
    if options.quick:
        images, labels = images[:200], None if labels is None else labels[:200]
    if images.shape[3] not in (1, 3):
        raise ValueError(f"--data: expected images of 1 or 3 channels to draw, got {images.shape[3]} in {options.data}")
    return images, labels


def _machine(options, images, labels, schedule):
    """The machine that the options name, with those of its arguments that the options have too."""
    kind = machines.named(options.machine)
    table = default_table(options.data, *images.shape[1:3], options.boundary)
    known = {
        "window": table if options.window is None else options.window,
        "boundary": options.boundary,
        "strength": options.strength,
    }
    if options.label is not None:
        known["labels"] = labels
    return kind(images, schedule, **{name: known[name] for name in machines.options_of(kind) & set(known)})


def _walk(options, machine, shape):
    common = {"shape": (options.n, *shape), "steps": options.steps, "rng": options.seed, "label": options.label}
    if options.sampler == "ddim":
        return process.ddim(machine, machine.schedule, eta=options.eta, **common)
    if options.sampler == "sde":
        return process.sde(machine, machine.schedule, **common)
    return process.ode(machine, machine.schedule, method=options.sampler, **common)


def _write_samples(out, options, images, steps, seconds):
    from .. import plots

    x = steps[-1].x
    found = metrics.memorisation(x, images)
    plots.save_sheet(out / "samples.png", x)
    with files.whole(out / "samples.npz") as temporary:
        arrays = {"x": x, "t": [step.t for step in steps], "walk": np.stack([step.x for step in steps])}
        np.savez_compressed(temporary, nearest=found.nearest, distance=found.distance, **arrays)
    if options.gif:
        plots.save_gif(out / "walk.gif", [step.x for step in steps])
    numbers = {
        "options": experiments.asked(options),
        "training images": len(images),
        "shape": images.shape[1:],
        "seconds": seconds,
    }
    numbers["distance to the nearest training image"] = found.distance
    numbers["distance over that to the second nearest"] = found.ratio
    files.write_numbers(out / "numbers.json", numbers)
    print(f"{len(x)} samples in {seconds:.1f} s: {out / 'samples.png'}")


# --- train -----------------------------------------------------------------------------------------------------------


def train(options: Namespace) -> None:
    """minidiff train."""
    from .. import plots

    out = files.folder(options.out)
    if options.quick:
        options.steps, options.width, options.depth = min(options.steps, 100), min(options.width, 16), min(options.depth, 3)
    images, labels = _data(options)
    if options.labelled and labels is None:
        raise ValueError(f"--labelled: expected images with classes, got none in {options.data}")
    classes = int(labels.max()) + 1 if options.labelled else 0
    attention = None if options.attention == "none" else options.attention
    network = nets.Network(
        channels=images.shape[3],
        width=options.width,
        depth=options.depth,
        padding=options.padding,
        prediction=options.prediction,
        attention=attention,
        labels=classes,
        schedule=schedules.by_name(options.schedule),
        rng=options.seed,
    )
    if options.prediction == "noise" and network.schedule.signal(1.0) == 0:
        raise ValueError(f"--prediction: expected v or x0 with --schedule {options.schedule}, where no signal is left, got noise")
    checkpoint = out / "checkpoint.npz"
    if options.resume and not checkpoint.exists():
        raise ValueError(f"--resume: expected a checkpoint of an earlier run at {checkpoint}, got none")
    run = nets.train(
        network,
        images,
        steps=options.steps,
        batch=options.batch,
        rate=options.rate,
        rng=options.seed,
        labels=labels if classes else None,
        checkpoint=checkpoint,
        resume=checkpoint if options.resume else None,
        notes={"seed": options.seed},
    )
    losses = []
    started = time.perf_counter()
    with tqdm(total=options.steps, unit="step", desc="train") as bar:
        for progress in run:
            losses.append(progress.loss)
            bar.update(progress.step - bar.n)
            if progress.step % 50 == 0:
                bar.set_postfix(loss=f"{np.mean(losses[-50:]):.4f}")
    seconds = time.perf_counter() - started
    loss = float(np.mean(losses[-200:])) if losses else None  # none where only the writing was left to do
    data = {name: getattr(options, name) for name in ("data", "size", "count", "colour", "data_seed", "quick")}
    network.save(
        out / "weights.npz",
        notes={"data": data, "seed": options.seed, "steps": options.steps, "loss": loss},
    )
    *_, last = process.ddim(network, network.schedule, shape=(16, *images.shape[1:]), rng=options.seed)
    plots.save_sheet(out / "samples.png", last.x)
    numbers = {"options": experiments.asked(options), "seconds": seconds, "seconds per step": seconds / max(len(losses), 1)}
    numbers |= {"loss every 50 steps": [np.mean(losses[i : i + 50]) for i in range(0, len(losses), 50)]}
    files.write_numbers(out / "numbers.json", numbers)
    told = "" if loss is None else f", loss {loss:.4f}"
    print(f"{len(losses)} steps in {seconds:.0f} s{told}: {out / 'weights.npz'}")


# --- compare ---------------------------------------------------------------------------------------------------------


def compare(options: Namespace) -> None:
    """minidiff compare."""
    from ..studies.agreement import calibrated_tables, compare, figures, numbers, table

    out = files.folder(options.out)
    arguments.whole_number("-n", options.n, 1)
    if options.annotate is not None and not Path(options.annotate).parent.is_dir():
        raise ValueError(f"--annotate: expected a path in a folder that exists, got {options.annotate}")
    if options.experiment == "training":
        options.data = options.data or "glyphs"
        return experiments.training(out, options, _data(options)[0])
    if options.experiment != "agreement":
        return {"attention": experiments.attention, "limbs": experiments.limbs}[options.experiment](out, options)
    network = nets.load(options.network)
    images = _trained_on(network, options)
    if options.quick:
        options.n = min(options.n, 10)
    tables = {"ELS": options.window, "LS": options.window}
    if options.window is None:
        tables = calibrated_tables(network, images, network.padding, options.steps, rng=options.seed + 1)
    noise = process.unit_noise((options.n, *images.shape[1:]), options.seed)
    found = compare(network, images, noise, tables, network.padding, options.steps, progress=True)
    print(table(found))
    for name, figure, _ in figures(found):
        experiments.save(out, name, figure)
    told = numbers(found)
    files.write_numbers(out / "numbers.json", {"options": experiments.asked(options), "training images": len(images), **told})
    if options.annotate:
        agreement = {name: {key: value["median"] for key, value in told[name].items()} for name in found.agreement}
        network.save(options.annotate, notes={**network.notes, "windows": tables, "agreement": agreement, "noises": len(noise)})
    print(f"Look at {Path(out) / 'side-by-side.png'}")


def _trained_on(network, options):
    """The images that the network was trained on: as its notes tell, or as --data says."""
    data = network.notes.get("data")
    if options.data is None and (options.size, options.count, options.colour, options.data_seed) != (None, None, False, 0):
        raise ValueError("--data: expected with --size, --count, --colour and --data-seed, got none")
    if options.data is not None:
        data = {name: getattr(options, name) for name in ("data", "size", "count", "colour", "data_seed")}
    if data is None:
        raise ValueError("--data: expected the data that the network was trained on, which its file does not tell")
    quick = options.quick or data.get("quick", False)
    return _data(type(options)(**{**vars(options), **data, "quick": quick}))[0]
