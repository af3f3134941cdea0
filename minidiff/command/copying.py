"""minidiff copied: samples, a training set and perhaps held-out images in, numbers and a page of suspicious pairs out."""

from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from .. import arguments, files
from ..measures import copies
from ..studies import copied as study
from ..studies import experiments
from ..types import Array
from . import data


def copied(options: Namespace) -> None:
    """minidiff copied. It ends with 0 whether or not there are copies: that is a finding, and not an error."""
    search = {**data.picked(options, "mirror", "grey", "candidates"), "shifts": options.shifts}
    out = files.folder(options.out)
    sets = _read(options)
    _check(options, sets)
    unseen, parts = None, []
    total = len(sets.samples) + (0 if sets.held_out is None else len(sets.held_out))
    with tqdm(total=total, unit="image", desc="copied", disable=None) as bar:
        if sets.held_out is not None:
            fresh = []
            for found in copies.groups(sets.held_out, sets.images, **search):
                fresh.append(found.distance)
                bar.update(len(found.distance))
            unseen = np.concatenate(fresh)
        try:
            for part in study.compare(sets, search):
                parts.append(part)
                bar.update(len(part.trained.distance))
        except KeyboardInterrupt:
            if not parts:
                raise
            done = _written(options, out, sets, parts, unseen, search)["samples"]
            stopped = f"{done} of {len(sets.samples)} samples were compared: {out / 'index.html'}"
            raise KeyboardInterrupt(stopped) from None
    numbers = _written(options, out, sets, parts, unseen, search)
    if options.json:
        print(files.as_json(numbers))
        return
    for line in study.told(numbers):
        print(line)
    print(f"Read {out / 'index.html'}")


def _written(options, out, sets, parts, unseen, search):
    found = study.Compared.joined(parts)
    sets = sets._replace(samples=sets.samples[: len(found.trained.distance)])
    explained = min(options.mosaic, len(sets.samples))
    side = min(sets.images.shape[1:3])
    window = max(1, side // 4 + (side // 4 + 1) % 2) if options.window is None else options.window
    return study.report(out, sets, found, unseen, search, experiments.asked(options), explained, window)


def _check(options, sets):
    """All that can be wrong, before anything takes long."""
    arguments.whole_number("--mosaic", options.mosaic, 0)
    arguments.number("--level", options.level, 0, 1)
    arguments.whole_number("--candidates", options.candidates, 2)
    if options.window is not None and (options.window < 1 or options.window % 2 == 0):
        raise ValueError(f"--window: expected an odd number of pixels, got {options.window}")
    if sets.held_out is not None and options.level * ((held := len(sets.held_out)) + 1) < 1:
        raise ValueError(f"--level: expected at least 1 / {held + 1} with {held} held-out images, got {options.level:g}")


# --- reading ---------------------------------------------------------------------------------------------------------


def _read(options: Namespace) -> study.Sets:
    """The three sets. A made set is drawn with the data seed, and for samples and held-out images with the next ones."""
    images = _one(options, "--data", options.data, options.count, 0)
    own = _samples_of_ours(options.samples)
    samples = _one(options, "--samples", options.samples, None, 1) if own is None else own
    held_out = None if options.held_out is None else _one(options, "--held-out", options.held_out, None, 2)
    for name, found in (("--samples", samples), ("--held-out", held_out)):
        if found is not None and found.shape[1:] != images.shape[1:]:
            hint = "--size makes all of one side, and --colour of three channels"
            raise ValueError(
                f"{name}: expected images of shape {images.shape[1:]} as in --data, got {found.shape[1:]}; hint: {hint}"
            )
    if options.n is not None:
        samples = samples[: arguments.whole_number("-n", options.n, 1, len(samples))]
    return study.Sets(samples, images if held_out is None else np.concatenate([images, held_out]), len(images))


def _one(options: Namespace, name: str, where: str, count: int | None, draw: int) -> Array:
    """The images that an option names."""
    asked: dict[str, Any] = {**vars(options), "data": where, "count": count, "data_seed": options.data_seed + draw}
    try:
        return data.read(Namespace(**asked))[0]
    except (ValueError, OSError) as error:
        if str(error).startswith(("--", "count:", "size:")):
            raise
        raise ValueError(f"{name}: {str(error).removeprefix('data: ')}") from None


def _samples_of_ours(where: str) -> Array | None:
    """The last images of `minidiff sample`, from its folder or its samples.npz; None for anything else."""
    path = Path(where) / "samples.npz" if Path(where).is_dir() else Path(where)
    if path.name != "samples.npz" or not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as arrays:
        return arguments.image_set(arrays["x"], "--samples") if {"x", "walk"} <= set(arrays.files) else None
