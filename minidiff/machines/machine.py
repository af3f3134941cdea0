"""What all machines share: checking, the training set by class, the batch, and the merging of shards."""

from itertools import pairwise
from typing import NamedTuple

import numba
import numpy as np

from .. import checks, process
from . import shards, simd, tasks
from .posterior import Posterior

# A term below exp(-CUTOFF) of its own pixel's largest may be left out. M candidates then make an error of at most
# M exp(-CUTOFF) of the range: for M = 5e5 (512 images of 32 x 32) 5e-8 in float32 and 1e-17 in float64, its rounding unit.
CUTOFF = {np.dtype(np.float32): 30.0, np.dtype(np.float64): 52.0}


class Provenance(NamedTuple):
    """Where each pixel comes from: the winning candidate (image, row, column) and its posterior weight, (B,) H, W each."""

    image: np.ndarray
    row: np.ndarray
    column: np.ndarray
    weight: np.ndarray


class Machine:
    """An analytic denoiser over a training set; the base of all of them.

    A machine is called as machine(x, t, label=None) -> x0_hat.
    """

    def __init__(self, images, schedule, *, labels=None, executor=None, progress=False):
        self.images = checks.image_set(images)
        for method in ("signal", "noise"):
            if not callable(getattr(schedule, method, None)):
                raise TypeError(f"schedule: expected a Schedule, got {schedule!r}; hint: minidiff.schedules.cosine()")
        self.schedule = schedule
        self.labels = None
        if labels is not None:
            self.labels = np.asarray(labels)
            if self.labels.shape != (len(self.images),) or not np.issubdtype(self.labels.dtype, np.integer):
                raise ValueError(
                    f"labels: expected {len(self.images)} whole numbers, one per image, "
                    f"got shape {self.labels.shape} of {self.labels.dtype}"
                )
        self.executor = executor
        self.progress = progress
        self._selected = {}

    def __call__(self, x, t, label=None):
        """The estimate x0_hat of the clean image, of x's shape and dtype.

        Parameters
        ----------
        x : (H, W, C) or (B, H, W, C) float32 or float64
        t : float or (B,) floats in [0, 1]
        label : int or (B,) ints, optional
            Only training images of this class count; needs `labels`.
        """
        return self._evaluate(x, t, label, self._estimate)

    def eps(self, x, t, label=None):
        """The noise estimate eps_hat = (x - a x0_hat) / s; ValueError where s(t) = 0."""
        return process.eps_from_x0(np.asarray(x), self(x, t, label), t, self.schedule)

    def score(self, x, t, label=None):
        """The score (a x0_hat - x) / s^2; ValueError where s(t) = 0."""
        return process.score_from_x0(np.asarray(x), self(x, t, label), t, self.schedule)

    def _estimate(self, x, t, label):
        raise NotImplementedError

    def _setting(self, t):
        """What queries must share to be evaluated together, beside their label; a window, for the local machines."""
        return None

    def _evaluate(self, x, t, label, evaluate):
        """evaluate(x, t, label) on each group of queries that share setting and label; a single image as a batch of one."""
        x = checks.float_array("x", x, "(H, W, C) or (B, H, W, C)", (3, 4))
        if x.shape[-3:] != self.images.shape[1:]:
            raise ValueError(f"x: expected images of shape {self.images.shape[1:]}, the training set's, got {x.shape}")
        queries = x if x.ndim == 4 else x[None]
        t = self._one_per_query("t", checks.times("t", t), len(queries))
        labels = [None] * len(queries)
        if label is not None:
            labels = [self._known_label(one) for one in self._one_per_query("label", np.asarray(label), len(queries))]
        keys = [(self._setting(float(time)), one) for time, one in zip(t, labels, strict=True)]
        result = None
        for key in dict.fromkeys(keys):
            group = np.array([other == key for other in keys])
            part = evaluate(queries[group], t[group], key[1])
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

    def _known_label(self, label):
        if self.labels is None:
            raise ValueError(f"label: expected a machine made with labels=, got label {label} for one made without")
        if label not in self.labels:
            known = ", ".join(map(str, np.unique(self.labels)[:20]))
            raise ValueError(f"label: expected one of {known}, got {label}")
        return int(label)

    def _training_set(self, label, dtype):
        """The images of that class in that dtype, and their indices in the whole set (None: all); kept for the next call."""
        key = (label, np.dtype(dtype))
        if key not in self._selected:
            index = None if label is None else np.flatnonzero(self.labels == label)
            chosen = self.images if index is None else self.images[index]
            self._selected[key] = (np.ascontiguousarray(chosen, dtype=dtype), index)
        return self._selected[key]


class Shard(NamedTuple):
    """A part of a training set laid out for the vector kernels: tasks.pack's groups, and how many images they hold."""

    groups: np.ndarray
    count: int


class PosteriorMachine(Machine):
    """A machine whose estimate is a softmax posterior's mean; the others only say who, what and which value.

    A subclass gives `_states`, a function of the module (so that it can be sent to another process): called as
    _states(x, shard, signal, rate, cutoff, winners, *settings) it returns the Posterior of the queries x over a shard, from
    the vector kernels for a Shard and from the plain ones for an array of images; and `_settings(t)`, `_image_cost(settings)`
    (nanoseconds per query and training image, about) and `_place(winner)` (where a candidate's pixels lie).
    """

    _states = None
    # The plain kernels alone run without JIT; they take about this many times longer.
    _vectorised = True
    _plain_factor = 20

    def _settings(self, t):
        return ()

    def _estimate(self, x, t, label):
        state, _, _ = self._posterior(x, t, label, winners=False)
        return (state.mean().reshape(x.shape).astype(x.dtype),)

    def provenance(self, x, t, label=None):
        """The winning candidate of every pixel: which training image and which of its pixels, and with what weight.

        Ties go to the lowest (image, row, column). Returns Provenance(image, row, column, weight): int64, int64, int64 and
        float64 arrays of shape (H, W) or (B, H, W); images are counted in the whole training set, with a label too.
        """
        return Provenance(*self._evaluate(x, t, label, self._provenance))

    def _provenance(self, x, t, label):
        state, index, _ = self._posterior(x, t, label, winners=True)
        image, row, column = self._place(state.winner)
        if index is not None:
            image = index[image]
        shape = x.shape[:3]
        weight = np.broadcast_to(state.winning_weight(), image.shape)
        return tuple(np.broadcast_to(field, image.shape).reshape(shape).copy() for field in (image, row, column, weight))

    def _posterior(self, x, t, label, winners, settings=None):
        """(state, indices of the training images, rate) for queries that share label and setting."""
        images, index = self._training_set(label, x.dtype)
        signal, noise = self.schedule.signal(t), self.schedule.noise(t)
        with np.errstate(divide="ignore", over="ignore"):
            rate = 0.5 / noise / noise
        settings = self._settings(float(t[0])) if settings is None else settings
        vectors = self._vectorised and not numba.config.DISABLE_JIT
        cost = self._image_cost(settings) * (1 if vectors else self._plain_factor)
        lanes = simd.BYTES // x.itemsize if vectors else 1
        cuts = shards.bounds(len(images), cost, lanes)
        parts = [images[start:stop] for start, stop in pairwise(cuts)]
        if vectors:
            parts = [self._shard(label, x.dtype, start, stop) for start, stop in pairwise(cuts)]
        size = max(1, int(shards.TASK_COST / cost / (cuts[1] - cuts[0])))
        blocks = [(low, min(low + size, len(x))) for low in range(0, len(x), size)]
        settings = (CUTOFF[x.dtype], winners, *settings)
        work = [(x[low:high], part, signal[low:high], rate[low:high], *settings) for low, high in blocks for part in parts]
        states = shards.run(type(self)._states, work, self.executor, self.progress)
        merged = [self._merge(states, cuts, rate[low:high], images) for low, high in blocks]
        return _concatenate(merged), index, rate

    def _merge(self, states, cuts, rate, images):
        """One block's state from those of its shards, in order."""
        whole = None
        for start in cuts[:-1]:
            state = next(states)
            if state.winner is not None:
                state.winner += start * self._candidates_per_image(images)
            whole = state if whole is None else whole.merge(state, rate)
        return whole

    def _shard(self, label, dtype, start, stop):
        """A part of the training set of that class for the vector kernels; the whole is packed for all calls."""
        key, lanes = (label, np.dtype(dtype)), simd.BYTES // np.dtype(dtype).itemsize
        if (*key, "packed") not in self._selected:
            self._selected[*key, "packed"] = self._pack(self._training_set(label, dtype)[0])
        groups = self._selected[*key, "packed"]
        return Shard(groups[start // lanes : -(-stop // lanes)], stop - start)

    def _pack(self, images):
        return tasks.pack(images)

    def _image_cost(self, settings):
        """About how many nanoseconds one query spends on one training image."""
        raise NotImplementedError

    def _candidates_per_image(self, images):
        return images.shape[1] * images.shape[2]

    def _place(self, winner):
        """(image, row, column) of each pixel's source from the winners' indices."""
        raise NotImplementedError


def _concatenate(states):
    if len(states) == 1:
        return states[0]
    fields = ("cost", "mass", "total", "winner")
    parts = ([getattr(state, field) for state in states] for field in fields)
    return Posterior(*(None if part[0] is None else np.concatenate(part) for part in parts))
