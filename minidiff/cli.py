"""The command line: minidiff tour | sample | bench | info."""

import argparse
import platform
import sys
import time
from importlib import metadata

import numpy as np
from tqdm import tqdm

from . import checks, datasets, files, jit, machines, metrics, process, schedules
from .machines import shards
from .machines.windows import BOUNDARIES, default_table

MACHINES = {
    "is": machines.IdealScore,
    "es": machines.EquivariantScore,
    "ls": machines.LocalScore,
    "els": machines.EquivariantLocalScore,
    "wiener": machines.Wiener,
}
SAMPLERS = ("ddim", "euler", "heun", "sde")


class _Parser(argparse.ArgumentParser):
    """argparse, but with one line for an error."""

    def error(self, message):
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def _window(text):
    try:
        sides = [int(side) for side in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected odd numbers such as 5 or 3,5,9, got {text!r}") from None
    return sides[0] if len(sides) == 1 else sides


def parser():
    """The argument parser of all commands."""
    top = _Parser(prog="minidiff", description="Why diffusion models create.")
    commands = top.add_subparsers(dest="command", required=True, parser_class=_Parser)

    def command(name, run, out, text):
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(run=run)
        sub.add_argument("--out", default=out, help=f"output folder ({out or 'none: only print'})")
        sub.add_argument("--seed", type=int, default=0, help="seed of all that is random (0)")
        sub.add_argument("--quick", action="store_true", help="fewer samples, images and steps, to try things out")
        sub.add_argument("--threads", type=int, help="threads to use (all cores)")
        return sub

    command("tour", _tour, "minidiff-tour", "The whole story: figures, numbers and one page to read.")
    command("bench", _bench, "minidiff-bench", "How fast the machines are here, as a table and a .json.")
    command("info", _info, None, "Versions, threads and where compiled code is kept.")
    sample = command("sample", _sample, "minidiff-sample", "Sample from any machine on any images.")
    sample.add_argument("--machine", choices=MACHINES, default="els", help="the denoiser (els)")
    sample.add_argument("--data", default="digits", help=f"{', '.join(datasets.NAMES)}, or a path (digits)")
    sample.add_argument("--size", type=int, help="side of the images (16 for a named set, a path's own for a path)")
    sample.add_argument("--count", type=int, help="use so many training images, chosen by the seed (all)")
    sample.add_argument("--colour", action="store_true", help="three channels, also for grey images")
    sample.add_argument("--label", type=int, help="only training images of this class")
    sample.add_argument("--window", type=_window, help="5, or 3,5,9 from least to most noise (the data set's own table)")
    sample.add_argument("--boundary", choices=BOUNDARIES, default="zeros", help="what windows see past the border (zeros)")
    sample.add_argument("--schedule", choices=schedules.NAMES, default="cosine", help="the noise schedule (cosine)")
    sample.add_argument("--sampler", choices=SAMPLERS, default="ddim", help="how to walk back (ddim)")
    sample.add_argument("--eta", type=float, default=0.0, help="ddim: share of fresh noise, 0 to 1 (0)")
    sample.add_argument("-n", type=int, default=16, help="number of samples (16)")
    sample.add_argument("--steps", type=int, default=20, help="denoiser calls a sample (20)")
    sample.add_argument("--gif", action="store_true", help="also write the walk back as a .gif")
    return top


def main(arguments=None):
    """Run one command; returns the exit code: 0, 2 on bad input (one line on stderr), 130 when interrupted."""
    options = parser().parse_args(arguments)
    try:
        checks.whole_number("--seed", options.seed, 0)
        shards.set_threads(options.threads)
        options.run(options)
    except KeyboardInterrupt:
        print("minidiff: interrupted; what was finished is kept", file=sys.stderr)
        return 130
    except (ValueError, TypeError, OSError) as error:
        print(f"minidiff {options.command}: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


def _tour(options):
    from .tour import tour

    page = tour(files.folder(options.out), seed=options.seed, quick=options.quick)
    print(f"Read {page}")


def _bench(options):
    from .bench import bench, table

    out = files.folder(options.out)
    result = bench(quick=options.quick) | {"processor": _processor()}
    print(table(result))
    files.write_numbers(out / "numbers.json", result)


def _info(options):
    out = files.folder(options.out) if options.out else None
    names = ("minidiff", "numpy", "numba", "llvmlite", "matplotlib", "pillow", "tqdm")
    facts = {name: metadata.version(name) for name in names}
    facts = {"python": platform.python_version(), **facts, "machine": platform.machine(), "processor": _processor()}
    facts |= {"threads": shards.threads(), "cache folder": jit.cache_folder()}
    for name, value in facts.items():
        print(f"{name:14}{value}")
    if out:
        files.write_numbers(out / "numbers.json", facts)


def _processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown"


def _sample(options):
    out = files.folder(options.out)
    if options.quick:
        options.n, options.steps = min(options.n, 4), min(options.steps, 8)
    named = options.data in datasets.NAMES
    size = options.size if options.size is not None or not named else 16
    checks.whole_number("-n", options.n, 1)
    images, labels = datasets.load(options.data, size=size, count=options.count, colour=options.colour, rng=options.seed)
    if options.quick:
        images, labels = images[:200], None if labels is None else labels[:200]
    schedule = schedules.by_name(options.schedule)
    machine = _machine(options, images, labels, schedule)
    if images.shape[3] not in (1, 3):
        raise ValueError(f"--data: expected images of 1 or 3 channels to draw, got {images.shape[3]} in {options.data}")
    walk = _walk(options, machine, images.shape[1:])
    steps = []
    started = time.perf_counter()
    for step in tqdm(walk, total=options.steps, unit="step"):
        steps.append(step)
    seconds = time.perf_counter() - started
    _write_samples(out, options, images, steps, seconds)


def _machine(options, images, labels, schedule):
    settings = {"labels": labels} if options.label is not None else {}
    if options.machine in ("ls", "els"):
        table = default_table(options.data, *images.shape[1:3], options.boundary)
        settings["window"] = table if options.window is None else options.window
        settings["boundary"] = options.boundary
    return MACHINES[options.machine](images, schedule, **settings)


def _walk(options, machine, shape):
    common = {"shape": (options.n, *shape), "steps": options.steps, "rng": options.seed, "label": options.label}
    if options.sampler == "ddim":
        return process.ddim(machine, machine.schedule, eta=options.eta, **common)
    if options.sampler == "sde":
        return process.sde(machine, machine.schedule, **common)
    return process.ode(machine, machine.schedule, method=options.sampler, **common)


def _write_samples(out, options, images, steps, seconds):
    from . import plots

    x = steps[-1].x
    found = metrics.memorisation(x, images)
    plots.save_sheet(out / "samples.png", x)
    with files.whole(out / "samples.npz") as temporary:
        arrays = {"x": x, "t": [step.t for step in steps], "walk": np.stack([step.x for step in steps])}
        np.savez_compressed(temporary, nearest=found.nearest, distance=found.distance, **arrays)
    if options.gif:
        plots.save_gif(out / "walk.gif", [step.x for step in steps])
    asked = {name: value for name, value in vars(options).items() if name not in ("run", "command", "out")}
    numbers = {"options": asked, "training images": len(images), "shape": images.shape[1:], "seconds": seconds}
    numbers["distance to the nearest training image"] = found.distance
    numbers["distance over that to the second nearest"] = found.ratio
    files.write_numbers(out / "numbers.json", numbers)
    print(f"{len(x)} samples in {seconds:.1f} s: {out / 'samples.png'}")
