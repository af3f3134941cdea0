"""The experiments of `minidiff compare`: agreement, ceiling, training, attention, limbs, field, sensitivity, memory
and windows.

The functions here are the commands: they run the parts in order, write figures and numbers.json, and print a table. The parts
themselves are in agreement.py, attention_experiment.py, limbs.py, field.py, memory.py and those beside them. What was finished is
in the folder after an interrupt: as parts.npz, with which the same command goes on, and as rows of numbers.json.
"""

import json
from argparse import Namespace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from .. import arguments, files, nets, process
from ..machines.windows import default_table
from ..measures import metrics
from ..nets import archive
from ..types import Array
from . import agreement as agreement_study
from . import field as field_study
from . import limbs as limb_counts
from . import memory as memory_study
from . import memory_networks, predicting
from . import sensitivity as sensitivity_study
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
    free = ("threads", "seeds", "annotate", "rows")
    settings = {name: value for name, value in asked(options).items() if name not in free}
    return Kept(out / "parts.npz", {**settings, "arrays": [archive.fingerprint(array) for array in arrays]})


def _seeds(options, usual):
    """How many training seeds."""
    seeds = arguments.whole_number("--seeds", usual if options.seeds is None else options.seeds, 1)
    return 1 if options.quick else seeds


def _noise(options, images, quick):
    """The noises that all models start from: at most `quick` of them with --quick."""
    count = min(options.n, quick) if options.quick else options.n
    return process.unit_noise((count, *images.shape[1:]), options.seed)


def _numbers(out, options, images, **found):
    files.write_numbers(out / "numbers.json", {"options": asked(options), "training images": len(images), **found})


def agreement(out: Path, options: Namespace, network: nets.Network, images: Array) -> None:
    """minidiff compare: how well machines, and other networks (--beside), predict a trained network, sample by sample."""
    noise = _noise(options, images, 10)
    options.n = len(noise)
    others = {str(name): _beside(network, name) for name in options.beside}
    kept = _kept(out, options, images, *(array for one in (network, *others.values()) for array in one.params.values()))
    tables = {"ELS": options.window, "LS": options.window}
    if options.window is None:
        seed = options.seed + 1
        tables = agreement_study.calibrated_tables(network, images, network.padding, options.steps, rng=seed, kept=kept)
    settings: dict[str, Any] = {"progress": True, "kept": kept, "others": others}
    found = agreement_study.compare(network, images, noise, tables, network.padding, options.steps, **settings)
    print(agreement_study.table(found))
    for name, figure, _ in agreement_study.figures(found):
        save(out, name, figure)
    told = agreement_study.numbers(found)
    _numbers(out, options, images, **told)
    if options.annotate:
        medians = {name: {key: value["median"] for key, value in told[name].items()} for name in found.agreement}
        medians = {name: one for name, one in medians.items() if name not in others}
        network.save(options.annotate, notes={**network.notes, "windows": tables, "agreement": medians, "noises": len(noise)})
    kept.forget()
    print(f"Look at {out / 'side-by-side.png'}")


def ceiling(out: Path, options: Namespace, network: nets.Network, images: Array) -> None:
    """minidiff compare --experiment ceiling: how well other networks (--beside) predict a network; no machine, so in seconds."""
    if not options.beside:
        raise ValueError("--beside: expected other networks with --experiment ceiling, got none")
    others = {str(name): _beside(network, name) for name in options.beside}
    noise = _noise(options, images, 10)
    theirs = agreement_study.last(network, noise, options.steps)
    found = {
        name: metrics.median(metrics.agreement(agreement_study.last(other, noise, options.steps), theirs).r)
        for name, other in tqdm(others.items(), unit="network")
    }
    _numbers(out, options, images, r=found)
    for name, r in found.items():
        print(f"r {r['median']:.3f} [{r['low']:.3f}, {r['high']:.3f}]  {name}")


def _beside(network, name):
    """Another network, which can start from the same noises by the same steps."""
    other = nets.load(name)
    for what in ("channels", "schedule"):
        if getattr(other, what) != getattr(network, what):
            one, two = getattr(network, what), getattr(other, what)
            raise ValueError(f"--beside: expected a network with the {what} of --network, {one}, got {two} in {name}")
    return other


def field(out: Path, options: Namespace, network: nets.Network, images: Array) -> None:
    """minidiff compare --experiment field: every machine beside a trained network, or some --rows of them.

    Its parts stay in the folder at the end too, so that the command can be repeated with other --rows.
    """
    noise, names = _noise(options, images, 2), options.rows and [name.strip() for name in options.rows.split(";")]
    for name in names or ():
        arguments.choice("--rows", name, tuple(field_study.rows(images, network.schedule, network.padding)))
    _even(options, 2)
    kept = _kept(out, options, noise, images, *network.params.values())

    def finished(told):
        _numbers(out, options, images, trained={"padding": network.padding, **network.notes}, **told)

    settings: dict[str, Any] = {"calibrating": 1 if options.quick else 2, "rng": options.seed + 1, "asked": names}
    told = field_study.compare(network, images, noise, network.padding, options.steps, kept=kept, finished=finished, **settings)
    print(field_study.table(told))


def sensitivity(out: Path, options: Namespace, network: nets.Network, images: Array) -> None:
    """minidiff compare --experiment sensitivity: which pixels of x count in one pixel of a network's answer, and of machines'."""
    noise = _noise(options, images, 2)
    _even(options, 4)  # with 2 the lowest level would be t = 0, where a posterior has no derivative
    kept = _kept(out, options, noise, images, *network.params.values())
    settings = {"calibrating": 1 if options.quick else 2, "rng": options.seed + 1, "kept": kept}
    found = sensitivity_study.compare(network, images, noise, network.padding, options.steps, **settings)
    _numbers(out, options, images, trained={"padding": network.padding, **network.notes}, levels=found)
    save(out, "sensitivity.png", sensitivity_study.figure(found))
    kept.forget()
    print(sensitivity_study.table(found))


def _even(options, least):
    if options.steps % 2 or options.steps < least:
        wanted = f"an even number of at least {least} with --experiment {options.experiment}"
        raise ValueError(f"--steps: expected {wanted}, got {options.steps}")


def collect(out: Path, folder: Path) -> None:
    """minidiff compare --experiment field --collect: what several runs wrote into folders of `folder`, as tables."""
    told = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*/numbers.json"))]
    runs = [one for one in told if one.get("options", {}).get("experiment") == "field"]
    if not runs:
        raise ValueError(f"--collect: expected folders with a numbers.json of --experiment field, got none in {folder}")
    words = field_study.collected(runs)
    files.write_text(out / "field.md", words + "\n")
    print(words)


def training(out: Path, options: Namespace, images: Array) -> None:
    """minidiff compare --experiment training: how the agreement with ELS changes during the training."""
    length, noise = 200 if options.quick else 12000, _noise(options, images, 5)
    table = options.window or default_table(options.data, images.shape[1], images.shape[2], "zeros")
    kept, networks = _kept(out, options, images), files.folder(out / "networks")

    def finished(rows):
        _numbers(out, options, images, rows=rows)

    settings: dict[str, Any] = {"rng": options.seed, "steps": options.steps, "progress": True, "kept": kept, "finished": finished}
    rows = agreement_study.over_training(images, noise, table, networks, length, **settings)
    save(out, "over-training.png", agreement_study.training_figure(rows))
    kept.forget()
    print(agreement_study.training_table(rows))


def limbs(out: Path, options: Namespace) -> None:
    """minidiff compare --experiment limbs: how often networks and machines draw a wrong number of limbs, by the receptive field.

    Its parts stay in the folder at the end too, so that the command can be repeated with more --seeds.
    """
    seeds = _seeds(options, 3)
    images, folder = limb_counts.creatures()[: 20 if options.quick else None], files.folder(out / "networks")
    noise, kept = _noise(options, images, 4), _kept(out, options)
    length, calibrating = (20, 2) if options.quick else (limb_counts.LENGTH, 10)
    found: list[limb_counts.Count] = []
    for depth in (bar := tqdm(limb_counts.DEPTHS, unit="receptive field")):
        networks = {
            f"{kind}, seed {seed}": limb_counts.trained(images, depth, folder, seed, length, bar, attention)
            for kind, attention in limb_counts.KINDS.items()
            for seed in range(seeds)
        }
        found.append(limb_counts.count(networks, images, noise, calibrating, options.steps, options.seed + 1, kept))
        _numbers(out, options, images, fields=[limb_counts.numbers(one) for one in found])
    save(out, "limbs.png", limb_counts.figure(found))
    save(out, "wrong-counts.png", limb_counts.rates(found))
    print(limb_counts.table(found))


def attention(out: Path, options: Namespace) -> None:
    """minidiff compare --experiment attention: does attention make the pieces of a mosaic agree?

    Its parts stay in the folder at the end too, so that the command can be repeated with more --seeds.
    """
    from .attention_experiment import Experiment, table

    seeds = _seeds(options, 5)

    def write(numbers):
        _numbers(out, options, experiment.images, **numbers)

    experiment = Experiment(out, options, seeds, _kept(out, options), save, write)
    experiment.run()
    print(table(experiment.numbers))


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
    parts = {f"{name}-{choice}": partial(predicting.scored, name, choice, **size) for name, choice in predicting.PAIRS}
    found = _parts(out, options, parts, size)
    if options.part is None:
        rows = predicting.lost(found)
        files.write_numbers(out / "numbers.json", {"options": asked(options), "windows": rows})
        print(predicting.table(rows))
