"""The door of the engine: queries, a training set and a rule go in, the posterior state comes out."""

from collections.abc import Callable
from concurrent.futures import Executor
from itertools import pairwise
from typing import Any

from .. import parallel
from ..theory import Rule
from ..types import Array
from . import shards
from .backends import backend
from .posterior import Posterior, join, rate_of


class TrainingSet:
    """Training images (N, H, W, C) of one dtype, and each layout of them that a backend has asked for, kept for the next call."""

    def __init__(self, images: Array) -> None:
        self.images = images
        self._layouts: dict[Callable, Any] = {}

    def layout(self, make: Callable) -> Any:
        """What `make` makes of the images, made once."""
        if make not in self._layouts:
            self._layouts[make] = make(self.images)
        return self._layouts[make]


class Cut:
    """A training set cut into shards for one rule."""

    def __init__(self, training: TrainingSet, rule: Callable[..., Rule], settings: tuple, by_image: bool = False) -> None:
        shape, dtype = training.images.shape[1:], training.images.dtype
        self.backend = backend(rule, settings, None if by_image else training)
        self.cost, self.candidates = self.backend.cost(shape), self.backend.candidates(shape)
        self.cuts = shards.bounds(len(training.images), self.cost, self.backend.lanes(dtype))
        whole = training.layout(self.backend.layout)
        self.parts = [whole.shard(start, stop) for start, stop in pairwise(self.cuts)]


def posterior(
    x: Array,
    training: TrainingSet,
    signal: Array,
    noise: Array,
    rule: Callable[..., Rule],
    settings: tuple = (),
    *,
    winners: bool = False,
    executor: Executor | None = None,
    progress: bool = False,
) -> Posterior:
    """The posterior of every view of each query over the whole training set.

    Parameters
    ----------
    x : (B, H, W, C) float32 or float64
    training : TrainingSet
        Of x's dtype.
    signal, noise : (B,) float64
        a and s of each query.
    rule : function (images, *settings) -> theory.Rule
        Those of theory.py are answered by kernels, any other by theory.py's own lines. A function of a module, if it is to be
        sent to other processes.
    settings : tuple
    winners : bool
        Whether the nearest candidates are named.
    executor : concurrent.futures.Executor, optional
        Where tasks go, instead of this process's threads.
    progress : bool

    Returns
    -------
    Posterior
        (B, G); a winner's index is that of its candidate in theory.Rule.
    """
    cut = Cut(training, rule, settings)
    blocks = shards.blocks(len(x), len(cut.parts), cut.cost * (cut.cuts[1] - cut.cuts[0]), parallel.threads())
    work = [(x[block], part, signal[block], noise[block], winners) for block in blocks for part in cut.parts]
    states = parallel.run(cut.backend.states, work, executor, progress)
    return join([_merged(states, cut, rate_of(noise[block])) for block in blocks])


def _merged(states, cut, rate):
    """One block's state from those of its shards, in order."""
    whole = None
    for start in cut.cuts[:-1]:
        state = next(states)
        if state.winner is not None:
            state.winner += start * cut.candidates
        whole = state if whole is None else whole.merge(state, rate)
    return whole
