"""The classes of a training set: labels, checked."""

from collections.abc import Sequence

import numpy as np

from ..types import Array


def check_labels(labels: Sequence[int] | Array | None, count: int) -> Array | None:
    """Labels as a (N,) array of whole numbers, one for each training image; None where there are none."""
    if labels is None:
        return None
    found = np.asarray(labels)
    if found.shape != (count,) or not np.issubdtype(found.dtype, np.integer):
        raise ValueError(f"labels: expected {count} whole numbers, one per image, got shape {found.shape} of {found.dtype}")
    return found


def known_label(label: int, labels: Array | None) -> int:
    """A label that is asked for, as an int; ValueError where no training image has it."""
    if labels is None:
        raise ValueError(f"label: expected a machine made with labels=, got label {label} for one made without")
    if label not in labels:
        known = ", ".join(map(str, np.unique(labels)[:20]))
        raise ValueError(f"label: expected one of {known}, got {label}")
    return int(label)
