"""The experiments of `minidiff compare`: agreement, training, attention and limbs.

The functions here are the commands: they run the parts in order, write figures and numbers.json, and print a table. The parts
themselves are in agreement.py, attention_experiment.py and limbs.py. What was finished is in the folder after an
interrupt: as parts.npz, with which the same command goes on, and as rows of numbers.json.
"""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from .. import arguments, files, nets, process
from ..machines.windows import default_table
from ..nets import archive
from ..types import Array
from . import agreement as agreement_study
from . import limbs as limb_counts
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
    from .attention_experiment import Experiment, table

    seeds = 1 if options.quick else arguments.whole_number("--seeds", options.seeds, 1)

    def write(numbers):
        _numbers(out, options, experiment.images, **numbers)

    experiment = Experiment(out, options, seeds, _kept(out, options), save, write)
    experiment.run()
    print(table(experiment.numbers))
