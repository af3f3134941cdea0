"""What the commands do: tour, sample, train, compare, check, bench, info."""

import json
import platform
import sys
import time
from argparse import Namespace
from contextlib import suppress
from importlib import metadata
from pathlib import Path

import numpy as np
from tqdm import tqdm

from .. import arguments, cache, datasets, files, jit, machines, nets, parallel, process, schedules
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
    if options.clear_cache:
        print(f"{cache.clear()} files of compiled kernels deleted")
        return
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
    """minidiff check; 1 where an exercise is not passed, or where one in a folder cannot be run."""
    from ..coursework import grading, marking

    out = files.folder(options.out) if options.out is not None else None
    settings = {"timeout": options.timeout, "hidden": options.hidden, "draw": options.draw}
    grading.valid(**settings)  # a teacher's mistake is told once, before the first student
    if Path(options.file).is_dir():
        return _check_folder(options, out, settings)
    found = grading.graded(options.file, **settings)
    if options.json:
        print(json.dumps(found), flush=True)
    if found["error"] is not None:
        raise ValueError(found["error"])
    if not options.json:
        print(_printable(marking.told(found)))
    if out:
        files.write_numbers(out / "numbers.json", found)
    return 0 if found["passed"] else 1


def _check_folder(options, out, settings):
    """Each exercise in a folder: one line and one record of each, as soon as it is there."""
    from ..coursework import grading

    paths, records = grading.submissions(options.file), []
    try:
        for path in paths:
            records.append(found := grading.graded(path, prints=False, **settings))
            name = path.relative_to(options.file).as_posix().replace("\n", " ")
            print(json.dumps(found) if options.json else _printable(f"{name}: {grading.in_a_line(found)}"), flush=True)
    finally:
        if out and records:
            files.write_numbers(out / "numbers.json", {"files": records})
    return 0 if all(found["passed"] for found in records) else 1


def _printable(text):
    """A text that any terminal shows: a student's words may hold letters that it lacks, or codes that move its cursor."""
    text = "".join(c if c == "\n" or c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown"


# --- sample ----------------------------------------------------------------------------------------------------------

GROUP = 16  # samples that walk together
KEEP_EVERY = 60.0  # seconds until the finished ones are written, though others still walk


def sample(options: Namespace) -> None:
    """minidiff sample."""
    out = files.folder(options.out)
    if options.quick:
        options.n, options.steps = min(options.n, 4), min(options.steps, 8)
    arguments.whole_number("-n", options.n, 1)
    images, labels = _data(options)
    machine = _machine(options, images, labels, schedules.by_name(options.schedule))
    walks = _walks(options, machine, images.shape[1:])
    started = written = time.perf_counter()
    done: list[list[process.Step]] = []
    with tqdm(total=options.steps * len(walks), unit="step") as bar:
        try:
            for walk in walks:
                if done and time.perf_counter() - written > KEEP_EVERY:
                    _write_samples(out, options, images, done, time.perf_counter() - started)
                    written = time.perf_counter()
                steps = []
                for step in walk:
                    steps.append(step)
                    bar.update()
                done.append(steps)
        except KeyboardInterrupt:
            if not done:
                raise
            count = _write_samples(out, options, images, done, time.perf_counter() - started)
            raise KeyboardInterrupt(f"{count} of {options.n} samples were finished: {out / 'samples.png'}") from None
    seconds = time.perf_counter() - started
    print(f"{_write_samples(out, options, images, done, seconds)} samples in {seconds:.1f} s: {out / 'samples.png'}")


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


def _named(options, labels):
    """The labels by the names of their classes, where these are words: "cat" and not 0."""
    names = _names(options)
    return labels if names is None else np.array(names)[labels]


def _names(options):
    return None if options.data in datasets.NAMES else datasets.class_names(options.data)


def _class(options, labels):
    """(what --label means, the labels of that kind): a folder's name, or else a number."""
    if options.label not in (_names(options) or ()):
        try:
            return int(options.label), labels
        except ValueError:
            pass
    return options.label, None if labels is None else _named(options, labels)


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
        options.label, known["labels"] = _class(options, labels)
    return kind(images, schedule, **{name: known[name] for name in machines.options_of(kind) & set(known)})


def _walks(options, machine, shape):
    """The walks of all samples, GROUP at a time, so that an interrupt loses one group only; the samples are those of one walk.

    Where noise is drawn on the way too, all samples walk together: each step's noise is drawn for all of them at once.
    """
    if options.sampler == "sde" or (options.sampler == "ddim" and options.eta != 0):
        return [_walk(options, machine, shape=(options.n, *shape))]
    noise = process.unit_noise((options.n, *shape), options.seed)
    return [_walk(options, machine, noise=noise[i : i + GROUP]) for i in range(0, options.n, GROUP)]


def _walk(options, machine, **start):
    common = {"steps": options.steps, "rng": options.seed, "label": options.label, **start}
    if options.sampler == "ddim":
        return process.ddim(machine, machine.schedule, eta=options.eta, **common)
    if options.sampler == "sde":
        return process.sde(machine, machine.schedule, **common)
    return process.ode(machine, machine.schedule, method=options.sampler, **common)


def _write_samples(out, options, images, walks, seconds):
    """Write what the finished walks, each a list of steps, have led to; returns the number of samples."""
    from .. import plots

    walk = np.concatenate([[step.x for step in steps] for steps in walks], axis=1)
    x = walk[-1]
    found = metrics.memorisation(x, images)
    plots.save_sheet(out / "samples.png", x)
    with files.whole(out / "samples.npz") as temporary:
        arrays = {"x": x, "t": [step.t for step in walks[0]], "walk": walk}
        np.savez_compressed(temporary, nearest=found.nearest, distance=found.distance, **arrays)
    if options.gif:
        plots.save_gif(out / "walk.gif", list(walk))
    numbers = {
        "options": experiments.asked(options),
        "training images": len(images),
        "shape": images.shape[1:],
        "samples": len(x),
        "seconds": seconds,
    }
    numbers["distance to the nearest training image"] = found.distance
    numbers["distance over that to the second nearest"] = found.ratio
    files.write_numbers(out / "numbers.json", numbers)
    return len(x)


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
    labels = _named(options, labels) if options.labelled else None
    attention = None if options.attention == "none" else options.attention
    network = nets.Network(
        channels=images.shape[3],
        width=options.width,
        depth=options.depth,
        padding=options.padding,
        prediction=options.prediction,
        attention=attention,
        labels=0 if labels is None else labels,
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
        labels=labels,
        checkpoint=checkpoint,
        resume=checkpoint if options.resume else None,
        notes={"seed": options.seed},
    )
    losses = []
    started = time.perf_counter()
    with tqdm(total=options.steps, unit="step", desc="train") as bar:
        try:
            for progress in run:
                losses.append(progress.loss)
                bar.update(progress.step - bar.n)
                if progress.step % 50 == 0:
                    bar.set_postfix(loss=f"{np.mean(losses[-50:]):.4f}")
        except KeyboardInterrupt:
            with suppress(KeyboardInterrupt):
                run.throw(KeyboardInterrupt)  # where it came in this loop, the run has not heard of it yet
            if not (losses or options.resume):
                raise
            raise KeyboardInterrupt(f"{checkpoint} is kept, and --resume goes on from it") from None
    seconds = time.perf_counter() - started
    loss = float(np.mean(losses[-200:])) if losses else None  # none where only the writing was left to do
    data = {name: getattr(options, name) for name in ("data", "size", "count", "colour", "data_seed", "quick")}
    if options.data in datasets.NAMES:
        data["size"] = images.shape[1]  # a named set has no size of its own that a later call would come to
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
