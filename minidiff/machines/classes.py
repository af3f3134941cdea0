"""The classes of a training set: labels, checked."""

import numpy as np

from .. import arguments
from ..types import Array, Labels
from .objects import own


def check_labels(labels: Labels, count: int) -> Array | None:
    """Labels as a (N,) array of its own, of whole numbers or names, one for each training image; None where there are none."""
    if labels is None:
        return None
    found = arguments.labels("labels", labels)
    if found.shape != (count,):
        raise ValueError(f"labels: expected {count} whole numbers, one per image, got shape {found.shape} of {found.dtype}")
    return own(found)


def known_labels(asked: Array, labels: Array | None) -> list[int | str]:
    """The labels (B,) that are asked for, as a list; ValueError where no training image has one of them."""
    for label in dict.fromkeys(asked.tolist()):
        if labels is None:
            raise ValueError(f"label: expected a machine made with labels=, got label {label!r} for one made without")
        # A name is no number, and NumPy warns where it compares the two.
        if isinstance(label, str) != (labels.dtype.kind == "U") or not (labels == label).any():
            known = ", ".join(map(repr, np.unique(labels)[:20].tolist()))
            raise ValueError(f"label: expected one of {known}, got {label!r}")
    return asked.tolist()
