"""What all machines share: the checks, the training set by class, and the batch."""

from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

import numpy as np

from .. import arguments, conversions, engine, parallel, schedules
from ..theory import Rule
from ..types import Array, Label, Labels, Schedule, Times
from .classes import check_labels, known_labels
from .objects import Copied, own
from .provenance import Sources


class Machine(Copied):
    """An analytic denoiser over a training set, called as machine(x, t, label=None) -> x0_hat; the base of all of them.

    A subclass gives `_estimate`, or is a `PosteriorMachine`.
    """

    def __init__(
        self,
        images: Array,
        schedule: Schedule,
        *,
        labels: Labels = None,
        executor: Executor | None = None,
        progress: bool = False,
    ) -> None:
        self.images = own(arguments.image_set(images))
        self.schedule = schedules.check(schedule, "signal", "noise")
        self.labels = check_labels(labels, len(self.images))
        self.executor = parallel.sendable(executor)
        self.progress = progress
        self._selected: dict[tuple, tuple[engine.TrainingSet, Any]] = {}

    def __call__(self, x: Array, t: Times, label: Label = None) -> Array:
        """The estimate x0_hat of the clean image, of x's shape and dtype.

        Parameters
        ----------
        x : (H, W, C) or (B, H, W, C) float32 or float64
        t : float or (B,) floats in [0, 1]
        label : int or name, or (B,) of them, optional
            Only training images of this class count; needs `labels`.
        """
        return self._evaluate(x, t, label, self._estimate)

    def eps(self, x: Array, t: Times, label: Label = None) -> Array:
        """The noise estimate eps_hat = (x - a x0_hat) / s; ValueError where s(t) = 0."""
        return conversions.eps_from_x0(np.asarray(x), self(x, t, label), t, self.schedule)

    def score(self, x: Array, t: Times, label: Label = None) -> Array:
        """The score (a x0_hat - x) / s^2; ValueError where s(t) = 0."""
        return conversions.score_from_x0(np.asarray(x), self(x, t, label), t, self.schedule)

    def settings(self, t: float) -> tuple:
        """What queries must share to be answered together, beside their label: a tuple, such as the window's side at t."""
        return ()

    def _estimate(self, x, t, label, settings):
        """(x0_hat,) for queries x (B, H, W, C) at times t (B,) that share label and settings."""
        raise NotImplementedError

    def _evaluate(self, x, t, label, evaluate):
        """evaluate(x, t, label, settings) on each group of queries that share them; a single image as a batch of one."""
        x = arguments.queries("x", x)
        if x.shape[-3:] != self.images.shape[1:]:
            raise ValueError(f"x: expected images of shape {self.images.shape[1:]}, the training set's, got {x.shape}")
        queries = x if x.ndim == 4 else x[None]
        t = self._one_per_query("t", arguments.times("t", t), len(queries))
        labels = [None] * len(queries)
        if label is not None:
            labels = known_labels(self._one_per_query("label", arguments.labels("label", label), len(queries)), self.labels)
        keys = [(one, self.settings(float(time))) for time, one in zip(t, labels, strict=True)]
        result = None
        for key in dict.fromkeys(keys):
            group = np.array([other == key for other in keys])
            part = evaluate(queries[group], t[group], *key)
            if group.all():
                result = part
                break
            if result is None:
                result = tuple(np.empty((len(queries), *field.shape[1:]), field.dtype) for field in part)
            for whole, field in zip(result, part, strict=True):
                whole[group] = field
        if x.ndim == 3:
            result = tuple(field[0] for field in result)
        return result[0] if len(result) == 1 else result

    @staticmethod
    def _one_per_query(name, values, queries):
        if values.ndim == 0 or values.shape == (queries,):
            return np.broadcast_to(values, (queries,))
        raise ValueError(f"{name}: expected a number or one per query, {queries} here, got shape {values.shape}")

    def _training_set(self, label, dtype):
        """The images of that class in that dtype, and their indices in the whole set (None: all); kept for the next call."""
        key = (label, np.dtype(dtype))
        if key not in self._selected:
            index = None if label is None else np.flatnonzero(self.labels == label)
            chosen = self.images if index is None else self.images[index]
            self._selected[key] = (engine.TrainingSet(np.ascontiguousarray(self._source(chosen), dtype=dtype)), index)
        return self._selected[key]

    def _source(self, images):
        """The images that candidates are taken from; all of these, or more made of them."""
        return images


class PosteriorMachine(Sources, Machine):
    """A machine whose estimate is the mean of a softmax posterior. A subclass says which one, and `settings(t)`:

    rule : function (images, *settings) -> theory.Rule
        What is seen, and who may explain it with which values. The rules of theory.py are answered by the engine's kernels, any
        other at NumPy's speed.
    """

    rule: Callable[..., Rule]

    def _estimate(self, x, t, label, settings):
        return (self._posterior(x, t, label, settings).mean().reshape(x.shape).astype(x.dtype),)

    def _posterior(self, x, t, label, settings, winners=False):
        """The state of queries that share label and settings."""
        training, _ = self._training_set(label, x.dtype)
        levels = schedules.levels(self.schedule, t)
        options = {"winners": winners, "executor": self.executor, "progress": self.progress}
        return engine.posterior(x, training, *levels, type(self).rule, settings, **options)
