"""How pixels tell each other which training image they come from: what `AttentionScore` does with a state for each image."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor

import numpy as np

from .. import parallel
from ..theory import Rule
from ..types import Array
from .door import Cut, TrainingSet
from .posterior import Posterior, decay, join, rate_of

# Bytes of evidence held at a time; the queries of a large batch take turns.
MOST_EVIDENCE = 2**28


class Evidence:
    """The posteriors of one query's pixels p over each training image n by itself.

    cost, mass and winner (N, P), total (N, P, C), as in posterior.py; L[p, n] = log mass - rate cost. The two parts of L stay
    apart, since at s = 0 the rate that multiplies the cost is inf.
    """

    def __init__(self, state: Posterior, count: int, rate: float) -> None:
        self.rate = rate
        self.cost, self.mass = (field.reshape(count, -1) for field in (state.cost, state.mass))
        self.total = state.total.reshape(*self.cost.shape, -1)
        self.winner = None if state.winner is None else state.winner.reshape(count, -1)
        self.log_mass = np.log(self.mass)

    def weights(self) -> Array:
        """The share of each training image in each pixel's own posterior, (N, P)."""
        found = np.exp(exponents(self.cost, self.log_mass, self.rate))
        return found / found.sum(axis=0)

    def posterior(self, attention: str | Array, strength: float) -> Posterior:
        """The Posterior (1, P) over all candidates (n, u), with the exponents l[p, n, u] + strength sum_q A[p, q] L[q, n].

        attention is "uniform", "top1" or an array A (P, P).
        """
        further, log_prior = (strength * field for field in self._heard(attention)) if strength else (0.0, 0.0)
        cost = self.cost + further
        # Which image wins is asked of the best candidate's exponent, without the mass of its fellows: an image's mass carries
        # rounding, and would break exact ties at random.
        exponent = exponents(cost, log_prior + np.zeros_like(cost), self.rate)
        best = exponent.argmax(axis=0)
        share = np.exp(exponent - exponent.max(axis=0))
        pixels = np.arange(cost.shape[1])
        winner = None if self.winner is None else (best * len(pixels) + self.winner[best, pixels])[None]
        mass = (share * self.mass).sum(axis=0)
        return Posterior(cost[best, pixels][None], mass[None], np.einsum("np,npc->pc", share, self.total)[None], winner)

    def _heard(self, attention):
        """What others say for image n at p, sum_q A[p, q] L[q, n], as its costs and its logarithms, (N, P) or (N, 1)."""
        fields = (self.cost, self.log_mass)
        if isinstance(attention, str) and attention == "uniform":
            return [field.mean(axis=1, keepdims=True) for field in fields]
        if isinstance(attention, str):
            place = self.most_decisive()
            return [field[:, place] for field in fields]
        # einsum, not @: the library behind @ may add in another order on another number of threads.
        return [np.einsum("nq,pq->np", field, attention) for field in fields]

    def most_decisive(self) -> Array:
        """For each pixel the other place whose evidence has the smallest posterior entropy over n, (P,) int64.

        One place serves all pixels but itself, which takes the second. Where several have no entropy left at all, the widest gap
        between its two best costs decides, and then the lowest place.
        """
        exponent = exponents(self.cost, self.log_mass, self.rate)
        weight = np.exp(exponent - exponent.max(axis=0))
        weight /= weight.sum(axis=0)
        entropy = -(weight * np.log(np.where(weight > 0, weight, 1))).sum(axis=0)
        gap = np.zeros(entropy.shape)
        if len(self.cost) > 1:
            best = np.partition(self.cost, 1, axis=0)
            gap = best[1] - best[0]
        order = np.lexsort((-gap, entropy))
        place = np.full(entropy.shape, order[0])
        place[order[0]] = order[min(1, len(order) - 1)]
        return place


def in_place(distance: Array, images: Array, noise: float) -> Posterior:
    """The Posterior (1, P) of pixels p that their own place in images (N, H, W, C) explains, at distances (N, P)."""
    cost, winner = distance.min(axis=0), distance.argmin(axis=0) * distance.shape[1] + np.arange(distance.shape[1])
    weight = decay(distance, cost, rate_of(np.array(noise)))
    total = np.einsum("np,npc->pc", weight, images.reshape(*distance.shape, -1))
    return Posterior(cost[None], weight.sum(axis=0)[None], total[None], winner[None])


def exponents(cost: Array, log_mass: Array, rate: float) -> Array:
    """log_mass - rate (cost - smallest cost), also at rate = inf, where it is -inf for all but the smallest cost."""
    gap = cost - cost.min(axis=0)
    with np.errstate(invalid="ignore", over="ignore"):
        return np.where(gap == 0, log_mass, log_mass - gap * rate)


def evidence(
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
) -> Iterator[Evidence]:
    """Yield each query's Evidence: its posteriors over every training image by itself. Arguments as for `posterior`."""
    cut, count = Cut(training, rule, settings, by_image=True), len(training.images)
    channels, pixels = x.shape[3], x[0, ..., 0].size
    ahead = max(1, int(MOST_EVIDENCE / (count * pixels * (3 + channels) * 8)))
    for low in range(0, len(x), ahead):
        queries = [slice(b, b + 1) for b in range(low, min(low + ahead, len(x)))]
        work = [(x[one], part, signal[one], noise[one], winners) for one in queries for part in cut.parts]
        states = parallel.run(cut.backend.evidence, work, executor, progress)
        for one in queries:
            yield Evidence(join([next(states) for _ in cut.parts], axis=1), count, float(rate_of(noise[one])[0]))
