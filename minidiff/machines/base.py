"""What all machines share: a name, the checks, the training set by class, and the batch."""

import inspect
from typing import NamedTuple

import numpy as np

from .. import arguments, conversions, engine
from .windows import Window, check_window

# Every machine by its name, as `minidiff sample --machine` takes it.
NAMES = {}


def register(name):
    """A class decorator that gives a machine its name on the command line, in the bench, and for `NAMES`."""

    def enter(kind):
        NAMES[name] = kind
        return kind

    return enter


def options_of(kind):
    """The names of what a machine's constructor takes beside images and schedule."""
    return set(inspect.signature(kind).parameters) - {"images", "schedule"}


class Provenance(NamedTuple):
    """Where each pixel comes from: the winning candidate (image, row, column) and its posterior weight, (B,) H, W each."""

    image: np.ndarray
    row: np.ndarray
    column: np.ndarray
    weight: np.ndarray


class Machine:
    """An analytic denoiser over a training set, called as machine(x, t, label=None) -> x0_hat; the base of all of them.

    A subclass gives `_estimate`, or is a `PosteriorMachine`.
    """

    def __init__(self, images, schedule, *, labels=None, executor=None, progress=False):
        self.images = arguments.image_set(images)
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
        return conversions.eps_from_x0(np.asarray(x), self(x, t, label), t, self.schedule)

    def score(self, x, t, label=None):
        """The score (a x0_hat - x) / s^2; ValueError where s(t) = 0."""
        return conversions.score_from_x0(np.asarray(x), self(x, t, label), t, self.schedule)

    def settings(self, t):
        """What queries must share to be answered together, beside their label: a tuple, such as the window's side at t."""
        return ()

    def _estimate(self, x, t, label, settings):
        """(x0_hat,) for queries x (B, H, W, C) at times t (B,) that share label and settings."""
        raise NotImplementedError

    def _evaluate(self, x, t, label, evaluate):
        """evaluate(x, t, label, settings) on each group of queries that share them; a single image as a batch of one."""
        x = arguments.float_array("x", x, "(H, W, C) or (B, H, W, C)", (3, 4))
        if x.shape[-3:] != self.images.shape[1:]:
            raise ValueError(f"x: expected images of shape {self.images.shape[1:]}, the training set's, got {x.shape}")
        queries = x if x.ndim == 4 else x[None]
        t = self._one_per_query("t", arguments.times("t", t), len(queries))
        labels = [None] * len(queries)
        if label is not None:
            labels = [self._known_label(one) for one in self._one_per_query("label", np.asarray(label), len(queries))]
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
            self._selected[key] = (engine.TrainingSet(np.ascontiguousarray(self._source(chosen), dtype=dtype)), index)
        return self._selected[key]

    def _source(self, images):
        """The images that candidates are taken from; all of these, or more made of them."""
        return images


class PosteriorMachine(Machine):
    """A machine whose estimate is the mean of a softmax posterior. A subclass says which one, and `settings(t)`:

    rule : function (images, *settings) -> theory.Rule
        What is seen, and who may explain it with which values. The rules of theory.py are answered by the engine's kernels, any
        other at NumPy's speed.
    """

    rule = None

    def _estimate(self, x, t, label, settings):
        return (self._posterior(x, t, label, settings).mean().reshape(x.shape).astype(x.dtype),)

    def provenance(self, x, t, label=None):
        """The winning candidate of every pixel: which training image and which of its pixels, and with what weight.

        Ties go to the lowest (image, row, column). Returns Provenance(image, row, column, weight): int64, int64, int64 and
        float64 arrays of shape (H, W) or (B, H, W); images are counted in the whole training set, with a label too.
        """
        return Provenance(*self._evaluate(x, t, label, self._provenance))

    def _provenance(self, x, t, label, settings):
        state = self._posterior(x, t, label, settings, winners=True)
        image, row, column = self._place(state.winner)
        index = self._training_set(label, x.dtype)[1]
        if index is not None:
            image = index[image]
        weight = np.broadcast_to(state.winning_weight(), image.shape)
        return tuple(np.broadcast_to(field, image.shape).reshape(x.shape[:3]).copy() for field in (image, row, column, weight))

    def _posterior(self, x, t, label, settings, winners=False):
        """The state of queries that share label and settings."""
        training, _ = self._training_set(label, x.dtype)
        levels = self.schedule.signal(t), self.schedule.noise(t)
        options = {"winners": winners, "executor": self.executor, "progress": self.progress}
        return engine.posterior(x, training, *levels, type(self).rule, settings, **options)

    def _place(self, winner):
        """(image, row, column) of each pixel's source, (B, H W) each, from the winners' indices (B, G).

        A pixel with a posterior of its own comes from a pixel (n, u); where the whole image has one, from its own place in n.
        """
        height, width = self.images.shape[1:3]
        if winner.shape[1] == height * width:
            return winner // (height * width), winner // width % height, winner % width
        rows, columns = np.indices((height, width)).reshape(2, 1, -1)
        return np.broadcast_to(winner, (len(winner), rows.shape[1])), rows, columns


class WindowMachine(PosteriorMachine):
    """A machine whose pixels see a window, of a side k that may depend on t; its rule's settings are (k, boundary)."""

    def __init__(self, images, schedule, *, window, boundary="circular", labels=None, executor=None, progress=False):
        super().__init__(images, schedule, labels=labels, executor=executor, progress=progress)
        self.window = Window(window, *self.images.shape[1:3], boundary)
        self.boundary = boundary

    def settings(self, t):
        """(k, boundary) at time t."""
        return self.window(t), self.boundary

    def estimates(self, x, t, windows, label=None):
        """x0_hat through each of several windows; the machine's own `window` is not used.

        Each window takes its own pass: sharing the plane of squared differences among eight of them was tried, and was slower
        from t = 0.3 on, since the weighing cannot be shared.

        Parameters
        ----------
        x, t, label
            As for a call.
        windows : K odd ints

        Returns
        -------
        estimates : (K, H, W, C) or (K, B, H, W, C), of x's dtype.
        """
        windows = [check_window(k, *self.images.shape[1:3], self.boundary, name="windows") for k in windows]
        if not windows:
            raise ValueError("windows: expected at least one, got none")

        def evaluate(queries, times, one_label, settings):
            found = [self._estimate(queries, times, one_label, (k, *settings[1:]))[0] for k in windows]
            return (np.stack(found, axis=1),)

        return np.moveaxis(self._evaluate(x, t, label, evaluate), -4, 0)

    def distance(self, x, t=0.0, label=None):
        """How far each pixel's window is from the nearest window that may explain it, per pixel of the window.

        d[p] = sqrt(min over (n, u) of |window of x at p - a window of y_n at u|^2 / (k^2 C)).

        Parameters
        ----------
        x, t, label
            As for a call; without noise, at t = 0, a(t) = 1.

        Returns
        -------
        distance : (H, W) or (B, H, W) float64, root mean square in pixel values, whose range is 2.

        Costs as much as a call.

        Examples
        --------
        >>> import minidiff as md
        >>> images = np.array([-1.0, -1.0, 1.0, 1.0]).reshape(1, 1, 4, 1)
        >>> machine = md.EquivariantLocalScore(images, md.schedules.cosine(), window=1)
        >>> machine.distance(np.array([-1.0, 0.5, 1.0, 1.0]).reshape(1, 4, 1))
        array([[0. , 0.5, 0. , 0. ]])
        """

        def evaluate(queries, times, one_label, settings):
            cost = self._posterior(queries, times, one_label, settings).cost
            return (np.sqrt(cost / (settings[0] ** 2 * queries.shape[3])).reshape(queries.shape[:3]),)

        return self._evaluate(x, t, label, evaluate)
