"""The experiments of `minidiff compare`: agreement, training, attention, limbs, memory and windows.

The functions here are the commands: they run the parts in order, write figures and numbers.json, and print a table. The parts
themselves are in agreement.py, attention.py, limbs.py, memory.py and those beside them. What was finished is in the folder after
an interrupt: as parts.npz, with which the same command goes on, and as rows of numbers.json.
"""

from argparse import Namespace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from .. import arguments, files, nets, process
from ..machines.attention import CANDIDATES
from ..machines.windows import default_table
from ..measures import judges
from ..nets import archive
from ..types import Array
from . import agreement as agreement_study
from . import attention as attention_study
from . import limbs as limb_counts
from . import memory as memory_study
from . import memory_networks, predicting
from .kept import Kept
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


def _kept(out, options, *arrays):
    """The finished parts of an earlier run in this folder, if it had these arrays, and the same options but for some."""
    free = ("threads", "seeds", "annotate")
    settings = {name: value for name, value in asked(options).items() if name not in free}
    return Kept(out / "parts.npz", {**settings, "arrays": [archive.fingerprint(array) for array in arrays]})


def _noise(options, images, quick):
    """The noises that all models start from: at most `quick` of them with --quick."""
    count = min(options.n, quick) if options.quick else options.n
    return process.unit_noise((count, *images.shape[1:]), options.seed)


def _numbers(out, options, images, **found):
    files.write_numbers(out / "numbers.json", {"options": asked(options), "training images": len(images), **found})


def agreement(out: Path, options: Namespace, network: nets.Network, images: Array) -> None:
    """minidiff compare: how well ELS, LS and IS predict a trained network, sample by sample."""
    noise = _noise(options, images, 10)
    options.n = len(noise)
    kept = _kept(out, options, images, *network.params.values())
    tables = {"ELS": options.window, "LS": options.window}
    if options.window is None:
        seed = options.seed + 1
        tables = agreement_study.calibrated_tables(network, images, network.padding, options.steps, rng=seed, kept=kept)
    found = agreement_study.compare(network, images, noise, tables, network.padding, options.steps, progress=True, kept=kept)
    print(agreement_study.table(found))
    for name, figure, _ in agreement_study.figures(found):
        save(out, name, figure)
    told = agreement_study.numbers(found)
    _numbers(out, options, images, **told)
    if options.annotate:
        medians = {name: {key: value["median"] for key, value in told[name].items()} for name in found.agreement}
        network.save(options.annotate, notes={**network.notes, "windows": tables, "agreement": medians, "noises": len(noise)})
    kept.forget()
    print(f"Look at {out / 'side-by-side.png'}")


def training(out: Path, options: Namespace, images: Array) -> None:
    """minidiff compare --experiment training: how the agreement with ELS changes during the training."""
    length, noise = 200 if options.quick else 12000, _noise(options, images, 5)
    table = options.window or default_table(options.data, images.shape[1], images.shape[2], "zeros")

    def finished(rows):
        _numbers(out, options, images, rows=rows)

    settings: dict[str, Any] = {"rng": options.seed, "steps": options.steps, "progress": True, "finished": finished}
    rows = agreement_study.over_training(images, noise, table, length, **settings)
    finished(rows)
    save(out, "over-training.png", agreement_study.training_figure(rows))
    for row in rows:
        r, determination = row["r"]["median"], row["R^2"]["median"]
        print(f"{row['step']:6d} steps: loss {row['loss']:.4f}, r with ELS {r:.3f}, R^2 {determination:.3f}")


def limbs(out: Path, options: Namespace) -> None:
    """minidiff compare --experiment limbs: how often a network and ELS draw a wrong number of limbs, by the receptive field."""
    images, networks = limb_counts.creatures()[: 20 if options.quick else None], files.folder(out / "networks")
    noise, kept = _noise(options, images, 4), _kept(out, options)
    length, calibrating = (20, 2) if options.quick else (limb_counts.LENGTH, 10)
    found: list[limb_counts.Count] = []
    for depth in (bar := tqdm(limb_counts.DEPTHS, unit="network")):
        network = limb_counts.trained(images, depth, networks, length=length, bar=bar)
        found.append(limb_counts.count(network, images, noise, calibrating, options.steps, options.seed + 1, kept))
        _numbers(out, options, images, networks=[limb_counts.numbers(one) for one in found])
    save(out, "limbs.png", limb_counts.figure(found))
    save(out, "wrong-counts.png", limb_counts.rates(found))
    kept.forget()
    print(limb_counts.table(found))


def attention(out: Path, options: Namespace) -> None:
    """minidiff compare --experiment attention: does attention make the pieces of a mosaic agree?

    Its parts stay in the folder at the end too, so that the command can be repeated with more --seeds.
    """
    from . import attention_figures as figures

    seeds = 1 if options.quick else arguments.whole_number("--seeds", options.seeds, 1)
    length, samples = (20, 1) if options.quick else (attention_study.LENGTH, 4)
    strengths = attention_study.STRENGTHS[::3] if options.quick else attention_study.STRENGTHS
    images, networks = attention_study.patterns()[: 20 if options.quick else None], files.folder(out / "networks")
    noise, kept, steps = _noise(options, images, 4), _kept(out, options), options.steps
    some = noise[: max(2, 3 * len(noise) // 10)]
    numbers: dict[str, Any] = {"networks": [], "g": {}}
    kinds = [(kind, seed) for seed in range(seeds) for kind in attention_study.KINDS]
    models, told = {}, {}

    def row_of(network, made):
        """What the study says of one network."""
        tables = attention_study.calibrated(network, images, samples, steps, rng=options.seed + 1)
        found = {**attention_study.judged(made, images), "tables": tables}
        machines = attention_study.rivals(network, images, tables)
        return {**found, "agreement": attention_study.agreements(network, machines, some, steps)}

    with tqdm(total=len(kinds) + len(CANDIDATES) * len(strengths) + 1, unit="part") as bar:

        def done(part):
            _numbers(out, options, images, **numbers)
            bar.set_description(part)
            bar.update()

        for kind, seed in kinds:
            part = f"{kind}, seed {seed}"
            network = attention_study.trained(images, kind, seed, networks, length=length, bar=bar)
            made = kept(f"samples of {part}", partial(attention_study.last, network, noise, steps))
            row = {"kind": kind, "seed": seed, **kept(part, partial(row_of, network, made))}
            numbers["networks"].append(row)
            if seed == 0:
                models[kind], told[kind], first = made, row, network  # in the end the one with softmax attention
            done(part)
        save(out, "told-apart.png", figures.told_apart(numbers["networks"]))
        for name, machine in attention_study.rivals(first, images, told["softmax"]["tables"]).items():
            models[name] = kept(f"samples of {name}", partial(attention_study.last, machine, some, steps))
            told[name] = numbers[name] = attention_study.judged(models[name], images)
        save(out, "models.png", figures.models(models, told))
        shown = int(judges.one_colour(models["softmax"]).consistent.argmax())
        save(out, "attention-maps.png", figures.maps(first, *_way_back(first, noise[shown : shown + 1], steps)))
        alone = {}
        for candidates in CANDIDATES:

            def strength_done(g, found, candidates=candidates):
                numbers["g"].setdefault(candidates, {})[f"{g:g}"] = found[g][1]
                done(f"{candidates}, g = {g:g}")

            few, settings = images[: attention_study.FEW], {"done": strength_done, "kept": kept}
            alone[candidates] = attention_study.over_strength(few, noise, strengths, candidates, steps, **settings)
            save(out, f"strengths-{candidates}.png", figures.strengths(alone[candidates]))
        shares = {kind: told[kind]["consistent"] for kind in ("CNN", "softmax")}
        save(out, "over-strength.png", figures.over_strength(alone, shares))
        reach = attention_study.over_reach(images, noise, networks, steps=steps, length=length, bar=bar, kept=kept)
        numbers["receptive field"] = dict(zip(("CNN", "ELS"), reach, strict=True))
        save(out, "over-reach.png", figures.over_reach(*reach))
        done("receptive field")
    print(attention_study.table(numbers))


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


def _parts(out, options, parts, settings):
    """What each part gives, or only --part; each is kept in a file of its own, so that processes can share the work."""
    names = tuple(parts) if options.part is None else [arguments.choice("--part", options.part, tuple(parts))]
    folder = files.folder(out / "parts")
    bar = tqdm(names, unit="part", disable=options.part is not None)
    return {name: Kept(folder / f"{name}.npz", settings)(name, parts[name]) for name in bar}


def memory(out: Path, options: Namespace) -> None:
    """minidiff compare --experiment memory: where machines and networks stop to recite.

    Its parts stay in the folder.
    """
    from . import memory_figures as figures

    plan = memory_study.QUICK if options.quick else memory_study.FULL
    parts: dict[str, Any] = {"IS": partial(memory_study.exact, "IS", memory_study.SIDE, plan)}
    parts |= {f"{kind}-{k}": partial(memory_study.exact, kind, k, plan) for kind in ("LS", "ELS") for k in plan.windows}
    parts |= {"walks": partial(memory_study.walks, plan), "machines": partial(memory_networks.machines, plan)}
    pairs = [(count, half) for count in plan.networks for half in (0, 1)]
    parts |= {f"network-{count}-{half}": partial(memory_networks.trained, count, half, plan) for count, half in pairs}
    found = _parts(out, options, parts, {"plan": plan._asdict()})
    if options.part is not None:
        return
    rows = [memory_networks.told(count, [found[f"network-{count}-{half}"] for half in (0, 1)]) for count in plan.networks]
    exact = {name: one for name, one in found.items() if isinstance(one, dict) and "entropy" in one}
    told = {"plan": plan._asdict(), "exact": exact, "walks": found["walks"], "machines": found["machines"], "networks": rows}
    files.write_numbers(out / "numbers.json", {"options": asked(options), **told})
    save(out, "counting.png", figures.counting(exact["IS"]))
    save(out, "collapsing.png", figures.collapsing(exact))
    save(out, "phases.png", figures.phases(exact, found["walks"]))
    save(out, "copying.png", figures.copying(rows, memory_networks.stops(plan.length)))
    save(out, "halving.png", figures.halving(rows, found["machines"]))
    print(memory_study.table(exact) + "\n" + memory_networks.table(rows, found["machines"]))


def windows(out: Path, options: Namespace) -> None:
    """minidiff compare --experiment windows: k(t) predicted from the data alone, scored against the calibrated tables."""
    size = {"noises": 2, "queries": 1, "steps": 2, "few": 20} if options.quick else {"noises": 100, "queries": 16, "steps": 20}
    pairs = [(name, choice) for name in predicting.SETS for choice in predicting.CHOICES]
    parts = {f"{name}-{choice}": partial(predicting.scored, name, choice, **size) for name, choice in pairs}
    found = _parts(out, options, parts, size)
    if options.part is None:
        rows = predicting.lost(found)
        files.write_numbers(out / "numbers.json", {"options": asked(options), "windows": rows})
        print(predicting.table(rows))
