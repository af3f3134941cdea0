"""IS: the backend of the rule that sees the whole image."""

import math

import numpy as np

from ..types import Array
from .handing import plan_of, room, room_for_state
from .packing import Packed, lanes_of
from .posterior import Posterior
from .whole_kernel import ideal_kernel


class Whole:
    """IS: whole images, distances kept beyond one float's digits."""

    layout = staticmethod(Packed.whole)
    lanes = staticmethod(lanes_of)

    def candidates(self, shape: tuple[int, ...]) -> int:
        return 1

    def cost(self, shape: tuple[int, ...]) -> float:
        return math.prod(shape) * 0.2

    def states(self, x: Array, shard: Packed, signal: Array, noise: Array, winners: bool) -> Posterior:
        queries = x.reshape(len(x), -1)
        state = Posterior.empty(len(x), 1, queries.shape[1], winners)
        for b, query in enumerate(queries):
            plan = plan_of(x.dtype, (1, 1, query.size), 1, True, signal[b], noise[b], int(winners))
            _, *rest = room_for_state(state, b, x.dtype)
            # The smallest distance as a sum of two numbers, and a 0 that gaps are counted from.
            nearest = np.array([np.inf, 0, 0], x.dtype)
            ideal_kernel(query, shard.groups.reshape(-1), 0, shard.count, plan, room(x.dtype, 3), nearest, *rest)
            state.cost[b] = float(nearest[0]) + float(nearest[1])
        return state
