"""The experiments of `minidiff compare` that train networks of their own: attention, training and limbs.

The functions here are the commands: they run the parts in order, write figures and numbers.json, and print a table. The parts
themselves are in attention.py (imported as attention_study), attention_figures.py, agreement.py and limbs.py (limb_counts).
"""

import json
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from .. import arguments, files, process
from ..machines.attention import CANDIDATES
from ..machines.windows import default_table
from ..measures import judges
from ..types import Array
from . import attention as attention_study
from . import limbs as limb_counts
from .page import png

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def asked(options: Namespace) -> dict[str, Any]:
    """The options of a command as numbers.json keeps them."""
    return {name: value for name, value in vars(options).items() if name not in ("run", "command", "out")}


def save(out: Path, name: str, figure: "Figure") -> None:
    """Write a Figure to folder `out` as a .png, whole or not at all."""
    with files.whole(out / name) as temporary:
        temporary.write_bytes(png(figure))


def attention(out: Path, options: Namespace) -> None:
    """minidiff compare --experiment attention: does attention make the pieces of a mosaic agree?"""
    from . import attention_figures as figures

    seeds = 1 if options.quick else arguments.whole_number("--seeds", options.seeds, 1)
    count, length, samples = (min(options.n, 4), 20, 1) if options.quick else (options.n, attention_study.LENGTH, 4)
    strengths = attention_study.STRENGTHS[::3] if options.quick else attention_study.STRENGTHS
    images, networks = attention_study.patterns()[: 20 if options.quick else None], files.folder(out / "networks")
    noise = process.unit_noise((count, *images.shape[1:]), options.seed)
    some = noise[: max(2, 3 * count // 10)]
    numbers: dict[str, Any] = {"options": asked(options), "training images": len(images), "networks": [], "g": {}}
    earlier = {(row["kind"], row["seed"]): row for row in _finished(out, numbers["options"])}
    kinds = [(kind, seed) for seed in range(seeds) for kind in attention_study.KINDS]
    models, first, told = {}, {}, {}
    with tqdm(total=len(kinds) + len(CANDIDATES) * len(strengths) + 1, unit="part") as bar:

        def done(part):
            files.write_numbers(out / "numbers.json", numbers)
            bar.set_description(part)
            bar.update()

        for kind, seed in kinds:
            network = attention_study.trained(images, kind, seed, networks, length=length, bar=bar)
            made = attention_study.last(network, noise, options.steps)
            row = earlier.get((kind, seed))
            if row is None:
                tables = attention_study.calibrated(network, images, samples, options.steps, rng=options.seed + 1)
                row = {"kind": kind, "seed": seed, **attention_study.judged(made, images), "tables": tables}
                machines = attention_study.rivals(network, images, tables)
                row["agreement"] = attention_study.agreements(network, machines, some, options.steps)
            numbers["networks"].append(row)
            if seed == 0:
                models[kind], first[kind], told[kind] = made, network, row
            done(f"{kind}, seed {seed}")
        save(out, "told-apart.png", figures.told_apart(numbers["networks"]))
        network = first["softmax"]
        for name, machine in attention_study.rivals(network, images, told["softmax"]["tables"]).items():
            models[name] = attention_study.last(machine, some, options.steps)
            told[name] = numbers[name] = attention_study.judged(models[name], images)
        save(out, "models.png", figures.models(models, told))
        shown = int(judges.one_colour(models["softmax"]).consistent.argmax())
        save(out, "attention-maps.png", figures.maps(network, *_way_back(network, noise[shown : shown + 1], options.steps)))

        shares = {kind: told[kind]["consistent"] for kind in ("CNN", "softmax")}
        alone = {}
        for candidates in CANDIDATES:

            def kept(g, found, candidates=candidates):
                numbers["g"].setdefault(candidates, {})[f"{g:g}"] = found[g][1]
                done(f"{candidates}, g = {g:g}")

            few = images[: attention_study.FEW]
            alone[candidates] = attention_study.over_strength(few, noise, strengths, candidates, options.steps, done=kept)
            save(out, f"strengths-{candidates}.png", figures.strengths(alone[candidates]))
        save(out, "over-strength.png", figures.over_strength(alone, shares))
        reach = attention_study.over_reach(images, noise, networks, steps=options.steps, length=length, bar=bar)
        numbers["receptive field"] = {"CNN": reach[0], "ELS": reach[1]}
        save(out, "over-reach.png", figures.over_reach(*reach))
        done("receptive field")
    print(attention_study.table(numbers))


def _finished(out, options):
    """The networks of an earlier run in this folder, if its options were the same; seeds and threads may differ."""
    path = out / "numbers.json"
    told = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    before, now = ({**one, "seeds": None, "threads": None} for one in (told.get("options", {}), options))
    return told["networks"] if before == now else []


def _way_back(network, noise, steps, shown=6):
    """Some steps (t, x, x0_hat) of a walk, and two pixels of its sample: the brightest, and the brightest that is far from it."""
    t, x, walked = 1.0, float(network.schedule.noise(1.0)) * noise, []
    for step in process.ddim(network, network.schedule, noise=noise, steps=steps):
        walked.append((t, x, step.x0_hat))
        t, x = step.t, step.x
    brightness = x[0].max(axis=2)
    first = np.unravel_index(brightness.argmax(), brightness.shape)
    rows, columns = np.indices(brightness.shape)
    far = np.maximum(abs(rows - first[0]), abs(columns - first[1])) >= max(brightness.shape) // 2
    second = np.unravel_index(np.where(far, brightness, -np.inf).argmax(), brightness.shape)
    return [walked[i] for i in np.linspace(0, len(walked) - 1, shown).round().astype(int)], [first, second]


def training(out: Path, options: Namespace, images: Array) -> None:
    """minidiff compare --experiment training: how the agreement with ELS changes during the training."""
    from .agreement import over_training, training_figure

    length = 200 if options.quick else 12000
    table = options.window or default_table(options.data, images.shape[1], images.shape[2], "zeros")
    noise = process.unit_noise((min(options.n, 5) if options.quick else options.n, *images.shape[1:]), options.seed)
    rows = over_training(images, noise, table, length, rng=options.seed, steps=options.steps, progress=True)
    save(out, "over-training.png", training_figure(rows))
    files.write_numbers(out / "numbers.json", {"options": asked(options), "training images": len(images), "rows": rows})
    for row in rows:
        print(
            f"{row['step']:6d} steps: loss {row['loss']:.4f}, r with ELS {row['r']['median']:.3f}, R^2 {row['R^2']['median']:.3f}"
        )


def limbs(out: Path, options: Namespace) -> None:
    """minidiff compare --experiment limbs: how often a network and ELS draw a wrong number of limbs, by the receptive field."""
    images, networks = limb_counts.creatures()[: 20 if options.quick else None], files.folder(out / "networks")
    noise = process.unit_noise((min(options.n, 4) if options.quick else options.n, *images.shape[1:]), options.seed)
    length = 20 if options.quick else limb_counts.LENGTH
    found = []
    with tqdm(total=len(limb_counts.DEPTHS), unit="network") as bar:
        for depth in limb_counts.DEPTHS:
            network = limb_counts.trained(images, depth, networks, length=length, bar=bar)
            found.append(limb_counts.count(network, images, noise, 2 if options.quick else 10, options.steps, options.seed + 1))
            numbers = {"training images": len(images), "networks": [limb_counts.numbers(one) for one in found]}
            files.write_numbers(out / "numbers.json", {"options": asked(options), **numbers})
            bar.update()
    save(out, "limbs.png", limb_counts.figure(found))
    save(out, "wrong-counts.png", limb_counts.rates(found))
    print(limb_counts.table(found))
