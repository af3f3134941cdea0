"""The training images that the options of a command name, and the names of their classes."""

from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np

from .. import arguments, datasets
from ..datasets.loading import training_file
from ..types import Array

NAMED_SIZE = 16  # the side of the images of a named set, unless --size says another
OPTIONS = ("data", "size", "count", "colour", "data_seed")  # what names the images of a path or a set


def picked(options: Namespace, *names: str) -> dict[str, Any]:
    """Some of the options, by name."""
    return {name: getattr(options, name) for name in names}


def read(options: Namespace) -> tuple[Array, Array | None]:
    """The training images and labels."""
    size = NAMED_SIZE if options.size is None and options.data in datasets.NAMES else options.size
    seed = arguments.whole_number("--data-seed", options.data_seed, 0)
    images, labels = datasets.load(options.data, size, options.count, options.colour, seed)
    half = getattr(options, "half", None)
    if half is not None:  # no image is in both halves
        if len(images) < 2:
            raise ValueError(f"--half: expected two images or more, got one in {options.data}")
        images, labels = images[half - 1 :: 2], None if labels is None else labels[half - 1 :: 2]
    if options.quick:
        images, labels = images[:200], None if labels is None else labels[:200]
    if images.shape[3] not in (1, 3):
        raise ValueError(f"--data: expected images of 1 or 3 channels to draw, got {images.shape[3]} in {options.data}")
    return images, labels


def by_name(options: Namespace, labels: Array) -> Array:
    """The labels by the names of their classes, where these are words: "cat" and not 0."""
    names = _names(options)
    return labels if names is None else np.array(names)[labels]


def of_class(options: Namespace, labels: Array | None) -> dict[str, Any]:
    """{"label": what --label means, "labels": the labels of that kind}: a folder's name, or else a number."""
    if options.label not in (_names(options) or ()):
        try:
            return {"label": int(options.label), "labels": labels}
        except ValueError:
            pass
    return {"label": options.label, "labels": None if labels is None else by_name(options, labels)}


def _names(options):
    return None if options.data in datasets.NAMES else datasets.class_names(training_file(Path(options.data)))
