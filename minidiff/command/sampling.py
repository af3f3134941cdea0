"""minidiff sample: walks in groups, so that an interrupt keeps what was finished, and --resume goes on with the rest.

What takes time is the denoiser, so its answers are kept, in a file beside the samples. A walk that was broken off begins again
with the answers that are kept, and so goes on with the same bits, whichever sampler it is.
"""

import copy
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from .. import arguments, cache, files, machines, process, schedules
from ..machines.windows import default_table
from ..measures import metrics
from ..nets import archive
from ..studies import experiments
from ..types import Array, Label, Times
from . import data

GROUP = 16  # samples that walk together
KEEP_EVERY = 60.0  # seconds between two writings of the answers: what a process that is killed can lose
PATIENCE = 10.0  # seconds that one answer of the machine may take: an interrupt loses it
REST = 20  # times as long as one writing took: many samples are written more rarely
UNBOUND = ("resume", "gif", "threads")  # options that may differ when a run goes on


def sample(options: Namespace) -> None:
    """minidiff sample."""
    out = files.folder(options.out)
    if options.quick:
        options.n, options.steps = min(options.n, 4), min(options.steps, 8)
    arguments.whole_number("-n", options.n, 1)
    asked = experiments.asked(options)
    images, labels = data.read(options)
    machine, label = _machine(options, images, labels)
    answers = Answers(machine, out / "unfinished.npz", _settings(asked, images), options.resume)
    groups = _groups(options, answers, label)
    finished: list[list[tuple[float, Array]]] = []
    sheet = out / "samples.png"
    try:
        with answers.counted(_calls(options, machine.schedule) * options.n):
            for walk in groups:
                finished.append([(step.t, step.x) for step in walk])
    except KeyboardInterrupt:
        if not answers.kept:
            raise
        answers.write()
        count = _write(out, options, asked, images, finished, answers.seconds()) if finished else 0
        where = f": {sheet}" if finished else ""
        raise KeyboardInterrupt(f"{count} of {options.n} samples were finished{where}; --resume goes on with the rest") from None
    seconds = answers.seconds()
    print(f"{_write(out, options, asked, images, finished, seconds)} samples in {seconds:.1f} s: {sheet}")
    answers.path.unlink(missing_ok=True)


def _machine(options, images, labels):
    """(the machine that the options name, with those of its arguments that the options have too, what its --label means)."""
    kind = machines.named(options.machine)
    table = default_table(options.data, *images.shape[1:3], options.boundary)
    known = {
        "window": table if options.window is None else options.window,
        "boundary": options.boundary,
        "strength": options.strength,
        **({} if options.label is None else data.of_class(options, labels)),
    }
    label = known.pop("label", None)
    fitting = {name: known[name] for name in machines.options_of(kind) & set(known)}
    return kind(images, schedules.by_name(options.schedule), **fitting), label


def _settings(asked, images):
    """What must be the same for a run to go on with the same bits."""
    own = asked["machine"].endswith(".py")
    return {
        **{name: value for name, value in asked.items() if name not in UNBOUND},
        "training images": archive.fingerprint(images),
        "code of the kernels": cache.fingerprint()[:16],
        "code of the machine": archive.fingerprint(np.fromfile(asked["machine"], np.uint8)) if own else None,
    }


# --- the walks -------------------------------------------------------------------------------------------------------


def _groups(options, denoiser, label):
    """The walks of all samples, GROUP at a time; the samples are those of one walk of them all."""
    rng, steps = arguments.generator(options.seed), []
    noise = process.unit_noise((options.n, *denoiser.machine.images.shape[1:]), rng)
    rows = [noise[start : start + GROUP] for start in range(0, options.n, GROUP)]
    return [_walk(options, denoiser, label, some, _Rows(rng, steps, options.n)) for some in rows]


def _walk(options, denoiser, label, noise, rng):
    common = {"steps": options.steps, "rng": rng, "label": label, "noise": noise}
    if options.sampler == "ddim":
        return process.ddim(denoiser, denoiser.schedule, eta=options.eta, **common)
    if options.sampler == "sde":
        return process.sde(denoiser, denoiser.schedule, **common)
    return process.ode(denoiser, denoiser.schedule, method=options.sampler, **common)


def _calls(options, schedule):
    """How often a walk calls its denoiser: Heun's method twice in a step, but not at a time without noise."""
    return options.steps if options.sampler != "heun" else 2 * options.steps - int(schedule.noise(0.0) == 0)


class _Rows(np.random.Generator):
    """What one group of samples draws on its way: its rows of the noises that one walk of all samples would draw.

    `steps` has a generator for each step, which the groups share; each goes on where the last group left it.
    """

    def __init__(self, rng: np.random.Generator, steps: list[np.random.Generator], samples: int) -> None:
        super().__init__(rng.bit_generator)
        self.rng, self.steps, self.samples, self.drawn = rng, steps, samples, 0

    def standard_normal(self, size: Any = None, *given: Any, **options: Any) -> Any:
        """The group's rows of the noise of its next step."""
        if self.drawn == len(self.steps):
            self.steps.append(copy.deepcopy(self.rng))
            for _ in range(self.samples):
                self.rng.standard_normal(size[1:])
        self.drawn += 1
        return self.steps[self.drawn - 1].standard_normal(size, *given, **options)


# --- what is kept ----------------------------------------------------------------------------------------------------


class Answers:
    """A denoiser whose answers are kept, from one run to the next: asked again in the same order, it has them ready.

    It asks the machine for some images at a time, so that not much is lost where the machine is slow. A machine's answer for an
    image does not depend on which others are asked for with it.

    Parameters
    ----------
    machine : Machine
    path : Path
        The file of the answers.
    settings : dict that JSON can hold
    resume : bool
        Whether to begin with the answers in the file. ValueError unless it is there, and was written with these settings.
    """

    def __init__(self, machine: machines.Machine, path: Path, settings: dict[str, Any], resume: bool) -> None:
        self.machine, self.schedule, self.path, self.settings = machine, machine.schedule, path, settings
        self.kept: list[Array] = []
        self.given, self.before, self.together, self.pause = 0, 0.0, 1, KEEP_EVERY
        if resume:
            self._read()
        self.started = self.written = time.perf_counter()

    def __call__(self, x: Array, t: Times, label: Label = None) -> Array:
        """The machine's answer for images x (B, H, W, C)."""
        end = self.given + len(x)
        while (rest := end - len(self.kept)) > 0:
            begun = time.perf_counter()
            asked = x[len(x) - rest :][: self.together]
            answer = self.machine(asked, t, label)
            if np.shape(answer)[:1] != asked.shape[:1]:
                return answer  # the sampler says what is wrong with it
            self.kept.extend(answer)
            self.bar.update(len(asked))
            spent = (time.perf_counter() - begun) / len(asked)
            self.together = min(GROUP, max(1, int(PATIENCE / spent)))
            if time.perf_counter() - self.written > self.pause:
                self.write()
        self.given, start = end, self.given
        return np.stack(self.kept[start:end])

    def counted(self, calls: int) -> Any:
        """A progress bar of so many answers, to be used in `with`; it is shown on a terminal only."""
        self.bar = tqdm(total=calls, initial=len(self.kept), unit="call", disable=None)
        return self.bar

    def seconds(self) -> float:
        """How long the machine has worked, in earlier runs too."""
        return self.before + time.perf_counter() - self.started

    def write(self) -> None:
        """Write the answers, whole or not at all."""
        begun = time.perf_counter()
        told = {"settings": self.settings, "seconds": self.seconds()}
        archive.write(self.path, "sampling", told, {"answers": np.stack(self.kept)})
        self.written = time.perf_counter()
        self.pause = max(KEEP_EVERY, REST * (self.written - begun))

    def _read(self):
        if not self.path.exists():
            raise ValueError(f"--resume: expected answers of an interrupted run at {self.path}, got none")
        told, arrays = archive.read(self.path, "sampling")
        for name, value in self.settings.items():
            if (found := told["settings"].get(name)) != value:
                option = name if " " in name else "-n" if name == "n" else f"--{name.replace('_', '-')}"
                raise ValueError(
                    f"--resume: expected the settings of the interrupted run, got {option} {found} there and {value} here; "
                    f"hint: {self.path} goes on only with the settings it was made with"
                )
        answers = arrays["answers"]
        shape = (len(answers), *self.machine.images.shape[1:])
        archive.check_arrays(self.path, arrays, {"answers": shape}, answers.dtype)
        self.kept, self.before = list(answers), told["seconds"]


# --- what is written -------------------------------------------------------------------------------------------------


def _write(out, options, asked, images, walks, seconds):
    """Write what the finished walks, each a list of (t, x), have led to; returns the number of samples."""
    from .. import plots

    walk = np.concatenate([[x for _, x in steps] for steps in walks], axis=1)
    x = walk[-1]
    found = metrics.memorisation(x, images)
    plots.save_sheet(out / "samples.png", x)
    with files.whole(out / "samples.npz") as temporary:
        arrays = {"x": x, "t": [t for t, _ in walks[0]], "walk": walk}
        np.savez_compressed(temporary, nearest=found.nearest, distance=found.distance, **arrays)
    if options.gif:
        plots.save_gif(out / "walk.gif", list(walk))
    numbers = {
        "options": asked,
        "training images": len(images),
        "shape": images.shape[1:],
        "samples": len(x),
        "seconds": seconds,
        "distance to the nearest training image": found.distance,
        "distance over that to the second nearest": found.ratio,
    }
    files.write_numbers(out / "numbers.json", numbers)
    return len(x)
