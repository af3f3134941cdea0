"""LS and ELS by box sums: the backend of the rules of windows."""

from dataclasses import dataclass

import numpy as np

from ..types import Array
from .boxsum import local_kernel
from .evidence_kernel import evidence_kernel
from .handing import NONE, plan_of, room, room_for_state
from .packing import Packed, lanes_of
from .posterior import Posterior
from .shards import images_at_a_time
from .shifts import shift_table


@dataclass(frozen=True)
class Windows:
    """LS and ELS by box sums."""

    anywhere: bool
    k: int
    boundary: str

    layout = staticmethod(Packed.of)
    lanes = staticmethod(lanes_of)

    def candidates(self, shape: tuple[int, ...]) -> int:
        return shape[0] * shape[1]

    def cost(self, shape: tuple[int, ...]) -> float:
        rows, columns = ((table[:, 2] - table[:, 1]).sum() for table in self._tables(shape))
        return float(rows * columns) * (0.4 + 0.2 * shape[2])

    def _tables(self, shape):
        return [shift_table(side, self.k, self.boundary, self.anywhere) for side in shape[:2]]

    def states(self, x: Array, shard: Packed, signal: Array, noise: Array, winners: bool) -> Posterior:
        state = Posterior.empty(len(x), x[0, ..., 0].size, x.shape[3], winners)
        nearest, *by_lane = room_for_state(state, x.dtype)
        given = [self._given(query, shard, signal[b], noise[b], int(winners)) for b, query in enumerate(x)]
        step = images_at_a_time(x[0], lanes_of(x.dtype))
        for first in range(0, shard.count, step):
            for b, (images, rule) in enumerate(given):
                fields = nearest[b], state.mass[b], state.total[b].reshape(-1), state.winner[b] if winners else NONE
                local_kernel(*images, first, min(first + step, shard.count), *rule, *fields, *by_lane)
        state.cost[:] = nearest
        return state

    def evidence(self, x: Array, shard: Packed, signal: Array, noise: Array, winners: bool) -> Posterior:
        count, pixels, channels, size = shard.count, x[0, ..., 0].size, x.shape[3], lanes_of(x.dtype)
        state = Posterior.empty(len(x), count * pixels, channels, winners)
        for b, query in enumerate(x):
            images, rule = self._given(query, shard, signal[b], noise[b], size if winners else 0)
            winner = state.winner[b] if winners else NONE
            fields = [field.reshape(count, -1) for field in (state.cost[b], state.mass[b])]
            fields += [state.total[b].reshape(count, pixels, channels), winner.reshape(count, -1)]
            rooms = [room(x.dtype, vectors) for vectors in (pixels, pixels, pixels * channels)]
            evidence_kernel(*images, 0, count, *rule, *fields, *rooms, np.empty(pixels * size if winners else 0, np.int64))
        return state

    def _given(self, query, shard, signal, noise, track):
        """What both kernels are handed: query and images, then the rule and room for rows: (2 k + 4) W vectors of 64 bytes."""
        plan = plan_of(query.dtype, query.shape, self.k, self.boundary == "circular", signal, noise, track)
        rooms = [room(query.dtype, vectors) for vectors in (plan.width + self.k, self.k * plan.width, 3 * plan.width)]
        return (query.reshape(-1), shard.groups.reshape(-1)), (*self._tables(query.shape), plan, *rooms)
