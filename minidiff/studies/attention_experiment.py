"""The command `minidiff compare --experiment attention`: its parts in order, its figures, and its table.

attention.py and attention_cuts.py measure, and attention_figures.py draws. What is finished stays in the folder, at the end
too, so that the command goes on after an interrupt, and can be repeated with more --seeds.
"""

from argparse import Namespace
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from .. import files, nets, process
from ..machines.attention import CANDIDATES
from ..types import Array
from . import attention as study
from . import attention_cuts as cuts
from . import attention_figures as figures
from .kept import Kept

SHARES = ("one colour", "blank", "three whole", "four whole", "legal", "new")


class Experiment:
    """One run of the experiment: `networks`, `alone`, `halves`, `pooled` and `reach` fill `numbers`, one after another."""

    def __init__(self, out: Path, options: Namespace, seeds: int, kept: Kept, save: Any, write: Any) -> None:
        self.quick, self.steps, self.seeds, self.kept = options.quick, options.steps, seeds, kept
        self.length = 20 if self.quick else study.LENGTH
        self.strengths = study.STRENGTHS[::3] if self.quick else study.STRENGTHS
        self.images = study.training_set()[: 20 if self.quick else None]
        self.folder = files.folder(out / "networks")
        count = min(options.n, 4) if self.quick else options.n
        # No choice of the settings has seen these noises.
        self.noise = process.unit_noise((count, *self.images.shape[1:]), study.SEED + options.seed)
        self.some = self.noise[: max(2, 3 * count // 10)]
        self.save, self.write = partial(save, out), write
        self.numbers: dict[str, Any] = {"networks": [], "cut": {name: [] for name in cuts.ATTEND_TO}, "g": {}}
        self.samples: dict[str, list[Array]] = {kind: [] for kind in study.KINDS}
        self.heard: dict[str, list[Array]] = {kind: [] for kind in study.KINDS}
        self.predicted: dict[str, Array] = {}
        parts = seeds * (len(study.KINDS) + len(cuts.ATTEND_TO)) + len(study.ALONE) + len(CANDIDATES) * len(self.strengths) + 2
        self.bar = tqdm(total=parts, unit="part")

    def run(self) -> None:
        """All parts, and the figures of each as soon as it is done."""
        with self.bar:
            self.networks()
            self.alone()
            self.halves()
            self.pooled()
            self.reach()

    def trained(self, images: Array, kind: str, seed: int, part: str = "") -> nets.Network:
        """A network of the study, of this run's length."""
        return study.trained(images, kind, seed, self.folder, length=self.length, bar=self.bar, part=part)

    def last(self, name: str, denoiser: Any) -> Array:
        """The samples of a denoiser from all noises."""
        return self.kept(f"samples of {name}", partial(study.last, denoiser, self.noise, self.steps))

    def judged(self, name: str, samples: Array) -> dict[str, Any]:
        """What `attention.judged` says of them."""
        return self.kept(f"{name} judged", partial(study.judged, samples, self.images))

    def done(self, part: str) -> None:
        """Write the numbers, and say so."""
        self.write(self.numbers)
        self.bar.set_description(part)
        self.bar.update()

    def networks(self) -> None:
        """Each kind of network, each training seed: its samples, how machines predict it, and with cuts in its attention."""
        for seed in range(self.seeds):
            for kind in study.KINDS:
                part = f"{kind}, seed {seed}"
                network = self.trained(self.images, kind, seed)
                samples = self.last(part, network)
                self.samples[kind].append(samples)
                row = {**self.judged(part, samples), **self.kept(part, partial(self._predicted, network, samples))}
                if network.attention in study.MAPPED:
                    own = study.by_own_map(network, self.images)
                    self.heard[kind].append(self.last(f"{part} by its own map", own))
                self.numbers["networks"].append({"kind": kind, "seed": seed, **row})
                self.done(part)
                if kind == "softmax":
                    self._cut(network, part)
        self.save("cut.png", figures.cut(self.numbers["cut"]))
        first = self.trained(self.images, "softmax", 0)
        self.save("attention-maps.png", figures.maps(first, *self._way_back(first)))

    def _predicted(self, network, samples):
        """How machines predict a network: x0_hat by t, and whole samples for those machines that ask the network."""
        machines, fitted = study.hearing(network, self.images, samples=1 if self.quick else 4, steps=self.steps)
        levels = study.at_levels(network, {**machines, **study.alone(self.images)}, self.some, self.steps)
        asked = {name: one for name, one in machines.items() if name in study.FITTED}
        mine = samples[: len(self.some)]
        whole = {name: study.median_r([(mine, study.last(one, self.some, self.steps))]) for name, one in asked.items()}
        return {"fitted g": fitted, "levels": levels, "whole": whole}

    def _cut(self, network, part):
        for name in cuts.ATTEND_TO:
            cut, told = cuts.Cut(network, cuts.allowed(name, self.noise.shape[1])), f"{part}, attends to {name}"
            self.numbers["cut"][name].append(self.judged(told, self.last(told, cut)))
            self.done(told)

    def _way_back(self, network, shown=6):
        """Some steps (t, x, x0_hat) of the first noise's walk, and two pixels: one of the first shape, and one of the last."""
        t, walked = 1.0, []
        x = float(network.schedule.noise(1.0)) * self.noise[:1]
        for step in process.ddim(network, network.schedule, noise=self.noise[:1], steps=self.steps):
            walked.append((t, x, step.x0_hat))
            t, x = step.t, step.x
        size = self.noise.shape[1]
        return [walked[i] for i in np.linspace(0, len(walked) - 1, shown).round().astype(int)], [(1, 1), (size - 2, size - 2)]

    def alone(self) -> None:
        """The machines that do not ask a network."""
        for name, machine in study.alone(self.images).items():
            self.predicted[name] = self.last(name, machine)
            self.numbers[name] = self.judged(name, self.predicted[name])
            self.done(name)

    def halves(self) -> None:
        """Two networks of disjoint halves of the set, and how well whole samples are predicted, beside the ceilings."""
        half = len(self.images) // 2
        parts = {"first-half": self.images[:half], "second-half": self.images[half:]}
        samples = [self.last(name, self.trained(images, "softmax", 0, name)) for name, images in parts.items()]
        whole = self.numbers["whole samples"] = study.agreements(self.samples, self.predicted, self.heard, samples)
        models = {**{kind: made[0] for kind, made in self.samples.items()}, **self.predicted}
        told = {**{row["kind"]: row for row in reversed(self.numbers["networks"])}, **self.numbers}
        rows = {"without attention": "CNN", "with attention": "softmax", "the machine": "SummaryScore"}
        self.save("three-rows.png", figures.three_rows({words: models[name] for words, name in rows.items()}))
        self.save("models.png", figures.models(models, told))
        self.save("told-apart.png", figures.told_apart(whole, self.numbers["networks"]))
        self.done("halves of the set")

    def pooled(self) -> None:
        """AttentionScore alone, over its strength."""
        found: dict[str, dict] = {}
        for candidates in CANDIDATES:

            def strength_done(g, told, candidates=candidates):
                self.numbers["g"].setdefault(candidates, {})[f"{g:g}"] = told[g][1]
                self.done(f"{candidates}, g = {g:g}")

            few = self.images[: study.FEW]
            settings: dict[str, Any] = {"done": strength_done, "kept": self.kept}
            found[candidates] = study.over_strength(few, self.noise, self.strengths, candidates, self.steps, **settings)
            self.save(f"strengths-{candidates}.png", figures.strengths(found[candidates]))
        shares = {kind: self.numbers["networks"][list(study.KINDS).index(kind)]["one colour"] for kind in ("CNN", "softmax")}
        self.save("over-strength.png", figures.over_strength(found, shares))

    def reach(self) -> None:
        """CNNs and ELS over the side of what they see."""
        settings: dict[str, Any] = {"steps": self.steps, "length": self.length, "bar": self.bar, "kept": self.kept}
        found = study.over_reach(self.images, self.noise, self.folder, **settings)
        self.numbers["receptive field"] = dict(zip(("CNN", "ELS"), found, strict=True))
        self.save("over-reach.png", figures.over_reach(*found))
        self.done("receptive field")


# --- the table -------------------------------------------------------------------------------------------------------


def table(numbers: Mapping[str, Any]) -> str:
    """The experiment as text, in four parts, each with its kind of interval."""
    return "\n\n".join(["\n".join(part(numbers)) for part in (_samples, _whole, _levels, _pooled)])


def _samples(numbers):
    lines = ["samples, of each training seed: per cent of all; new: of the legal (Wilson's 95 % intervals are in numbers.json)"]
    lines.append(f"{'':38}" + "".join(f"{name:>21}" for name in (*SHARES, "whole shapes")))
    for kind in study.KINDS:
        lines.append(_line(kind, [row for row in numbers["networks"] if row["kind"] == kind]))
    lines += [_line(name, [numbers[name]]) for name in study.ALONE]
    return lines + [_line(f"softmax, attends to {name}", rows) for name, rows in numbers["cut"].items()]


def _line(name, rows):
    cells = ["/".join(f"{100 * row[share]['share']:.0f}" for row in rows) for share in SHARES]
    cells.append("/".join(f"{row['whole shapes']:.1f}" for row in rows))
    return f"{name:38}" + "".join(f"{cell:>21}" for cell in cells)


def _whole(numbers):
    lines = ["whole samples: median r over noises and training seeds [95 % bootstrap over noises]"]
    found_of = numbers["whole samples"]
    names = list(dict.fromkeys(name for found in found_of.values() for name in found))
    lines.append(f"{'':26}" + "".join(f"{kind:>20}" for kind in found_of))
    for name in names:
        cells = [_interval(found.get(name)) for found in found_of.values()]
        lines.append(f"{name:26}" + "".join(f"{cell:>20}" for cell in cells))
    lines.append("machines that were fitted to the network, on the first of the noises, training seeds apart")
    for name in study.FITTED:
        rows = {kind: [row["whole"].get(name) for row in numbers["networks"] if row["kind"] == kind] for kind in study.KINDS}
        cells = ["/".join(f"{one['median']:.2f}" if one else "-" for one in found) for found in rows.values()]
        lines.append(f"{name:26}" + "".join(f"{cell:>26}" for cell in cells))
    return lines


def _interval(found):
    return f"{found['median']:.2f} [{found['low']:.2f}, {found['high']:.2f}]" if found else "-"


def _levels(numbers):
    rows = numbers["networks"]
    levels = sorted(name for name in rows[0]["levels"]["ELS"] if name.startswith("t = "))
    lines = ["x0_hat at the network's own x: R^2, the median over noises, of each training seed"]
    lines.append(f"{'':44}" + "".join(f"{level:>26}" for level in levels))
    for kind in study.KINDS:
        found = [row["levels"] for row in rows if row["kind"] == kind]
        for name in found[0]:
            cells = ["/".join(f"{one[name][level]['median']:.2f}" for one in found) for level in levels]
            lines.append(f"{kind + ', ' + name:44}" + "".join(f"{cell:>26}" for cell in cells))
    return lines


def _pooled(numbers):
    lines = ["AttentionScore alone: shares of samples, and from how many training images one comes (median)"]
    lines.append(f"{'':24}" + "".join(f"{name:>13}" for name in (*SHARES, "images")))
    for candidates, found in numbers["g"].items():
        for g, row in found.items():
            cells = [*(f"{100 * row[share]['share']:.0f}" for share in SHARES), f"{row['images used']['median']:g}"]
            lines.append(f"{candidates + ', g = ' + g:24}" + "".join(f"{cell:>13}" for cell in cells))
    sides: dict[str, Mapping[int, dict]] = numbers["receptive field"]
    for name, by_side in sides.items():
        shares: Sequence[str] = [f"{side}: {100 * share['share']:.0f}" for side, share in by_side.items()]
        lines.append(f"one colour by what {name} sees, in pixels   {'   '.join(shares)}")
    return lines
