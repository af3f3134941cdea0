"""What the commands do: tour, explore, train, compare, check, course, bench, info; sampling.py has sample."""

import json
import platform
import sys
import time
from argparse import Namespace
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from .. import arguments, cache, datasets, files, jit, nets, parallel, process, schedules
from ..studies import experiments
from . import data

EXPLORED = 300  # training images in the page of `explore`, unless --count says more


def tour(options: Namespace) -> None:
    """minidiff tour; it also writes the page that `minidiff explore` writes, and links to it."""
    from ..studies.tour import tour

    page = tour(files.folder(options.out), seed=options.seed, quick=options.quick, train=options.train)
    asked = {"data": "digits", "size": 16, "count": EXPLORED, "colour": False, "data_seed": 0, "seed": options.seed % 2**32}
    _explored(Namespace(**{**vars(options), **asked}))
    print(f"Read {page}")


def explore(options: Namespace) -> None:
    """minidiff explore."""
    print(f"Open {_explored(options)}")


def _explored(options):
    """Write the page of `explore`; its path."""
    from .. import explore

    out = files.folder(options.out)
    arguments.whole_number("--seed", options.seed, 0, explore.MOST_SEED)
    options.size = arguments.whole_number("--size", 16 if options.size is None else options.size, 1, explore.MOST_SIDE)
    images, _ = data.read(options)
    if options.count is None and len(images) > EXPLORED:
        options.count = EXPLORED
        images, _ = data.read(options)
    given = {"size": options.size, "count": options.count, "colour": options.colour or None, "rng": options.data_seed}
    call = ", ".join(f"{name}={value!r}" for name, value in given.items() if value is not None)
    steps = 8 if options.quick else 20
    return explore.write(out, images, f"md.datasets.load({str(options.data)!r}, {call})", options.seed, steps=steps)


def bench(options: Namespace) -> None:
    """minidiff bench; after an interrupt the same command goes on with what is left."""
    from ..studies import bench, first, kept, peers

    if options.peers and options.machine is not None:
        raise ValueError(f"--machine: expected none with --peers, which has its own rows, got {options.machine}")
    out = files.folder(options.out)
    settings = {**experiments.asked(options), "processor": _processor(), "using": parallel.threads()}
    parts = kept.Kept(out / "parts.npz", settings)
    measure: dict[str, Any] = {} if options.machine else {"kept": parts}  # one machine takes seconds, and its file may change
    if options.peers:
        result = peers.compare(quick=options.quick, **measure)
    elif options.first:
        result = first.first_calls(options.machine, **measure)
    else:
        result = bench.bench(quick=options.quick, machine=options.machine, **measure)
    result |= {"processor": _processor()}
    print(bench.table(result))
    files.write_numbers(out / "numbers.json", result)
    if measure:
        parts.forget()


def info(options: Namespace) -> None:
    """minidiff info."""
    if options.clear_cache:
        print(f"{cache.clear()} files of compiled kernels deleted")
        return
    out = files.folder(options.out) if options.out is not None else None
    names = ("numpy", "numba", "llvmlite", "matplotlib", "pillow", "tqdm")
    # A copy on PYTHONPATH is not installed, and has no metadata.
    facts: dict[str, object] = {"python": platform.python_version(), "minidiff": cache.version()}
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


def course(options: Namespace) -> None:
    """minidiff course."""
    from ..coursework.course import students

    out = files.folder(options.out) if options.out is not None else None
    written = students(options.students, options.answers)
    if out:
        files.write_numbers(out / "numbers.json", {"files": [path.as_posix() for path in written]})
    print(f"{len(written)} files in {options.students}")


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


# --- train -----------------------------------------------------------------------------------------------------------


def train(options: Namespace) -> None:
    """minidiff train."""
    from .. import plots

    out = files.folder(options.out)
    if options.quick:
        options.steps, options.width, options.depth = min(options.steps, 100), min(options.width, 16), min(options.depth, 3)
    images, labels = data.read(options)
    network, labels = _network(options, images, labels)
    checkpoint = out / "checkpoint.npz"
    if options.resume and not checkpoint.exists():
        raise ValueError(f"--resume: expected a checkpoint of an earlier run at {checkpoint}, got none")
    run = nets.train(
        network,
        images,
        **data.picked(options, "steps", "batch", "rate"),
        rng=options.seed,
        labels=labels,
        checkpoint=checkpoint,
        resume=checkpoint if options.resume else None,
        notes={"seed": options.seed},
    )
    started = time.perf_counter()
    losses = _losses(run, options, checkpoint)
    seconds = time.perf_counter() - started
    loss = float(np.mean(losses[-200:])) if losses else None  # none where only the writing was left to do
    trained_on = data.picked(options, *data.OPTIONS, "quick")
    if options.half is not None:
        trained_on["half"] = options.half
    if options.data in datasets.NAMES:
        trained_on["size"] = images.shape[1]  # a named set has no size of its own that a later call would come to
    notes = {"data": trained_on, "seed": options.seed, "steps": options.steps, "loss": loss}
    network.save(out / "weights.npz", notes=notes)
    *_, last = process.ddim(network, network.schedule, shape=(16, *images.shape[1:]), rng=options.seed)
    plots.save_sheet(out / "samples.png", last.x)
    numbers = {"options": experiments.asked(options), "seconds": seconds, "seconds per step": seconds / max(len(losses), 1)}
    numbers |= {"loss every 50 steps": [np.mean(losses[i : i + 50]) for i in range(0, len(losses), 50)]}
    files.write_numbers(out / "numbers.json", numbers)
    told = "" if loss is None else f", loss {loss:.4f}"
    print(f"{len(losses)} steps in {seconds:.0f} s{told}: {out / 'weights.npz'}")


def _network(options, images, labels):
    """(the network that the options name, the labels that it learns or None)."""
    if options.labelled and labels is None:
        raise ValueError(f"--labelled: expected images with classes, got none in {options.data}")
    labels = data.by_name(options, labels) if options.labelled else None
    network = nets.Network(
        channels=images.shape[3],
        **data.picked(options, "width", "depth", "padding", "prediction"),
        attention=None if options.attention == "none" else options.attention,
        labels=0 if labels is None else labels,
        schedule=schedules.by_name(options.schedule),
        rng=options.seed,
    )
    if options.prediction == "noise" and network.schedule.signal(1.0) == 0:
        raise ValueError(f"--prediction: expected v or x0 with --schedule {options.schedule}, where no signal is left, got noise")
    return network, labels


def _losses(run, options, checkpoint):
    """The losses of a training, to its end."""
    losses = []
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
    return losses


# --- compare ---------------------------------------------------------------------------------------------------------


def compare(options: Namespace) -> None:
    """minidiff compare."""
    out = files.folder(options.out)
    arguments.whole_number("-n", options.n, 1)
    if options.annotate is not None and not Path(options.annotate).parent.is_dir():
        raise ValueError(f"--annotate: expected a path in a folder that exists, got {options.annotate}")
    if options.experiment == "training":
        options.data = options.data or "glyphs"
        experiments.training(out, options, data.read(options)[0])
    elif options.collect is not None:
        experiments.collect(out, Path(options.collect))
    elif options.experiment in ("agreement", "ceiling", "field", "sensitivity"):
        network = nets.load(options.network)
        getattr(experiments, options.experiment)(out, options, network, _trained_on(network, options))
    else:
        getattr(experiments, options.experiment)(out, options)


def _trained_on(network, options):
    """The images that the network was trained on: as its notes tell, or as --data says."""
    told = network.notes.get("data")
    if options.data is not None:
        told = data.picked(options, *data.OPTIONS)
    elif data.picked(options, *data.OPTIONS[1:]) != {"size": None, "count": None, "colour": False, "data_seed": 0}:
        raise ValueError("--data: expected with --size, --count, --colour and --data-seed, got none")
    if told is None:
        raise ValueError("--data: expected the data that the network was trained on, which its file does not tell")
    quick = options.quick or told.get("quick", False)
    return data.read(Namespace(**{**vars(options), **told, "quick": quick}))[0]
