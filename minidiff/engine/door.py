"""The door of the engine: queries, a training set and a rule go in, the posterior state comes out."""

from itertools import pairwise

from . import shards
from .backends import backend
from .evidence import Evidence
from .posterior import join, rate_of

# Bytes of evidence held at a time; the queries of a large batch take turns.
MOST_EVIDENCE = 2**28


class TrainingSet:
    """Training images (N, H, W, C) of one dtype, and each layout of them that a backend has asked for, kept for the next call."""

    def __init__(self, images):
        self.images = images
        self._layouts = {}

    def layout(self, make):
        """What `make` makes of the images, made once."""
        if make not in self._layouts:
            self._layouts[make] = make(self.images)
        return self._layouts[make]


class _Cut:
    """A training set cut into shards for one rule."""

    def __init__(self, training, rule, settings):
        shape, dtype = training.images.shape[1:], training.images.dtype
        self.backend = backend(rule, settings)
        self.cost, self.candidates = self.backend.cost(shape), self.backend.candidates(shape)
        self.cuts = shards.bounds(len(training.images), self.cost, self.backend.lanes(dtype))
        whole = training.layout(self.backend.layout)
        self.parts = [whole.shard(start, stop) for start, stop in pairwise(self.cuts)]


def posterior(x, training, signal, noise, rule, settings=(), *, winners=False, executor=None, progress=False):
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
    cut = _Cut(training, rule, settings)
    size = max(1, int(shards.TASK_COST / cut.cost / (cut.cuts[1] - cut.cuts[0])))
    blocks = [slice(low, low + size) for low in range(0, len(x), size)]
    work = [(x[block], part, signal[block], noise[block], winners) for block in blocks for part in cut.parts]
    states = shards.run(cut.backend.states, work, executor, progress)
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


def evidence(x, training, signal, noise, rule, settings=(), *, winners=False, executor=None, progress=False):
    """Yield each query's Evidence: its posteriors over every training image by itself. Arguments as for `posterior`."""
    cut, count = _Cut(training, rule, settings), len(training.images)
    channels, pixels = x.shape[3], x[0, ..., 0].size
    ahead = max(1, int(MOST_EVIDENCE / (count * pixels * (3 + channels) * 8)))
    for low in range(0, len(x), ahead):
        queries = [slice(b, b + 1) for b in range(low, min(low + ahead, len(x)))]
        work = [(x[one], part, signal[one], noise[one], winners) for one in queries for part in cut.parts]
        states = shards.run(cut.backend.evidence, work, executor, progress)
        for one in queries:
            yield Evidence(join([next(states) for _ in cut.parts], axis=1), count, float(rate_of(noise[one])[0]))
