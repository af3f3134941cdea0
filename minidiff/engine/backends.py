"""How each rule of theory.py is answered: what the training images are turned into, and the state of queries over a part of them.

A backend is made with a rule's settings, and holds nothing else, so that its methods can be sent to other processes:

    layout      a function: images (N, H, W, C) -> what `states` takes, with .shard(start, stop)
    states      (x (B, H, W, C), shard, signal (B,), noise (B,), winners) -> Posterior (B, G) over the shard
    evidence    the same over each of the shard's images by itself, (B, N G)
    lanes       how many images a kernel takes at a time
    candidates  (shape (H, W, C)) -> how many candidates a training image has
    cost        (shape, dtype) -> nanoseconds that a query spends on a training image, about
"""

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numba
import numpy as np

from .. import theory
from .boxsum import Plan, evidence_kernel, local_kernel
from .packing import Packed, Plain, lanes_of
from .posterior import Posterior, join, rate_of
from .shifts import count_pairs, shift_table
from .translations import Spectra, translation_states
from .whole import ideal_kernel

# A term below exp(-CUTOFF) of its own pixel's largest may be left out. M candidates then make an error of at most
# M exp(-CUTOFF) of the range: for M = 5e5 (512 images of 32 x 32) 5e-8 in float32 and 1e-17 in float64, its rounding unit.
CUTOFF = {np.dtype(np.float32): 30.0, np.dtype(np.float64): 52.0}


class Windows(NamedTuple):
    """LS and ELS by box sums."""

    anywhere: bool
    k: int
    boundary: str

    layout = staticmethod(Packed.of)
    lanes = staticmethod(lanes_of)

    def candidates(self, shape):
        return shape[0] * shape[1]

    def cost(self, shape):
        return count_pairs(*shape[:2], self.k, self.boundary, self.anywhere) * (0.4 + 0.2 * shape[2])

    def states(self, x, shard, signal, noise, winners):
        state = Posterior.empty(len(x), x[0, ..., 0].size, x.shape[3], winners)
        for b, query in enumerate(x):
            given = self._given(query, shard, signal[b], noise[b], int(winners))
            nearest, *rest = _room_for_state(state, b, x.dtype)
            local_kernel(*given, nearest, *rest)
            state.cost[b] = nearest
        return state

    def evidence(self, x, shard, signal, noise, winners):
        count, pixels, channels, size = shard.count, x[0, ..., 0].size, x.shape[3], lanes_of(x.dtype)
        state = Posterior.empty(len(x), count * pixels, channels, winners)
        for b, query in enumerate(x):
            given = self._given(query, shard, signal[b], noise[b], size if winners else 0)
            winner = state.winner[b] if winners else np.empty(0, np.int64)
            fields = [field.reshape(count, -1) for field in (state.cost[b], state.mass[b])]
            fields += [state.total[b].reshape(count, pixels, channels), winner.reshape(count, -1)]
            rooms = [_room(x.dtype, vectors) for vectors in (pixels, pixels, pixels * channels)]
            evidence_kernel(*given, *fields, *rooms, np.empty(pixels * size if winners else 0, np.int64))
        return state

    def _given(self, query, shard, signal, noise, track):
        """What both kernels are handed first: query and images, the rule, and room for rows: (2 k + 4) W vectors of 64 bytes."""
        tables = [shift_table(side, self.k, self.boundary, self.anywhere) for side in query.shape[:2]]
        plan = _plan(query.dtype, query.shape, self.k, self.boundary == "circular", signal, noise, track)
        rooms = [_room(query.dtype, vectors) for vectors in (plan.width + self.k, self.k * plan.width, 3 * plan.width)]
        return query.reshape(-1), shard.groups.reshape(-1), 0, shard.count, *tables, plan, *rooms


class Whole(NamedTuple):
    """IS: whole images, distances kept beyond one float's digits."""

    layout = staticmethod(Packed.whole)
    lanes = staticmethod(lanes_of)

    def candidates(self, shape):
        return 1

    def cost(self, shape):
        return math.prod(shape) * 0.2

    def states(self, x, shard, signal, noise, winners):
        queries = x.reshape(len(x), -1)
        state = Posterior.empty(len(x), 1, queries.shape[1], winners)
        for b, query in enumerate(queries):
            plan = _plan(x.dtype, (1, 1, query.size), 1, True, signal[b], noise[b], int(winners))
            _, *rest = _room_for_state(state, b, x.dtype)
            # The smallest distance as a sum of two numbers, and a 0 that gaps are counted from.
            nearest = np.array([np.inf, 0, 0], x.dtype)
            ideal_kernel(query, shard.groups.reshape(-1), 0, shard.count, plan, _room(x.dtype, 3), nearest, *rest)
            state.cost[b] = float(nearest[0]) + float(nearest[1])
        return state


class Translations(NamedTuple):
    """ES by FFT."""

    layout = staticmethod(Spectra.of)
    states = staticmethod(translation_states)

    def lanes(self, dtype):
        return 1

    def candidates(self, shape):
        return shape[0] * shape[1]

    def cost(self, shape):
        return math.prod(shape) * 50.0


class Theory(NamedTuple):
    """Any rule by theory.py itself, in float64; every rule without JIT."""

    rule: Callable
    settings: tuple

    layout = Plain

    def lanes(self, dtype):
        return 1

    def candidates(self, shape):
        return len(self._made(np.zeros((1, *shape))).keys)

    def cost(self, shape):
        rule = self._made(np.zeros((1, *shape)))
        return 2.0 * rule.keys.shape[1] * sum(int((rule.place == place).sum()) for place in rule.view_place)

    def states(self, x, shard, signal, noise, winners):
        rule = self._made(shard.images)
        state = Posterior.empty(len(x), len(rule.view_place), rule.values.shape[1])
        for b, query in enumerate(x.astype(np.float64)):
            for view, seen in enumerate(rule.see(query)):
                who, distance = theory.explain(rule, seen, view, signal[b])
                weight = theory.weigh(distance, noise[b])
                state.cost[b, view], state.mass[b, view] = distance.min(), weight.sum()
                state.total[b, view], state.winner[b, view] = weight @ rule.values[who], who[distance.argmin()]
        return state

    def evidence(self, x, shard, signal, noise, winners):
        images = range(len(shard.images))
        return join([self.states(x, shard.shard(n, n + 1), signal, noise, winners) for n in images], axis=1)

    def _made(self, images):
        return self.rule(images.astype(np.float64), *self.settings)


FAST = {
    theory.ideal: Whole,
    theory.equivariant: Translations,
    theory.local: partial(Windows, False),
    theory.equivariant_local: partial(Windows, True),
}


def backend(rule, settings):
    """The backend of a rule with its settings: kernels where FAST knows the rule, theory.py for any other, and without JIT."""
    if rule in FAST and not numba.config.DISABLE_JIT:
        return FAST[rule](*settings)
    return Theory(rule, settings)


# --- what kernels are handed -----------------------------------------------------------------------------------------


def _plan(dtype, shape, k, circular, signal, noise, track):
    number, rate = dtype.type, float(rate_of(noise))
    # A finite speed, because 0 * inf is nan: at s = 0 only candidates at distance 0 from the best are kept, at weight 2^0.
    speed = min(rate / math.log(2), float(np.finfo(dtype).max) / 4)
    return Plan(*shape, k, k // 2, circular, number(signal), rate, number(speed), number(CUTOFF[dtype] / rate), track)


def _room(dtype, vectors):
    """Zeros for so many vectors, and one more for alignment."""
    return np.zeros((vectors + 1) * lanes_of(dtype), dtype)


def _room_for_state(state, b, dtype):
    """A query's arrays for a kernel: the cost in the kernel's dtype, to be copied out, then the state's own."""
    mass, total = state.mass[b], state.total[b].reshape(-1)
    winner = np.empty(0, np.int64) if state.winner is None else state.winner[b]
    return np.full(mass.size, np.inf, dtype), mass, total, winner, _room(dtype, mass.size), _room(dtype, total.size)
