"""LS and ELS by box sums: the backend of the rules of windows."""

from dataclasses import dataclass

from ..types import Array
from .boxsum import local_kernel
from .evidence_kernel import fill
from .handing import NONE, SPARE, plan_of, room_for_state, rooms_for
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
    kernel = staticmethod(local_kernel)

    def candidates(self, shape: tuple[int, ...]) -> int:
        return shape[0] * shape[1]

    def cost(self, shape: tuple[int, ...]) -> float:
        rows, columns = ((table[:, 2] - table[:, 1]).sum() for table in self._tables(shape))
        return float(rows * columns) * (0.4 + 0.2 * shape[2])

    def _tables(self, shape):
        return [shift_table(side, self.k, self.boundary, self.anywhere) for side in shape[:2]]

    def states(self, x: Array, shard: Packed, signal: Array, noise: Array, winners: bool, beside: int = 0) -> Posterior:
        state = Posterior.empty(len(x), x[0, ..., 0].size, x.shape[3] - beside, winners)
        nearest, *by_lane = room_for_state(state, x.dtype)
        given = [self._given(query, beside, shard, signal[b], noise[b], int(winners)) for b, query in enumerate(x)]
        rooms = rooms_for(given[0][1][-1], x.dtype)
        step = images_at_a_time(x[0], lanes_of(x.dtype))
        for first in range(0, shard.count, step):
            for b, (images, rule) in enumerate(given):
                fields = nearest[b], state.mass[b], state.total[b].reshape(-1), state.winner[b] if winners else NONE
                self.kernel(*images, first, min(first + step, shard.count), *rule, *rooms, *fields, *by_lane)
        state.cost[:] = nearest[:, :-SPARE]
        return state

    def evidence(self, x: Array, shard: Packed, signal: Array, noise: Array, winners: bool, beside: int = 0) -> Posterior:
        state = Posterior.empty(len(x), shard.count * x[0, ..., 0].size, x.shape[3] - beside, winners)
        for b, query in enumerate(x):
            images, rule = self._given(query, beside, shard, signal[b], noise[b], lanes_of(x.dtype) if winners else 0)
            fill(images, shard.count, rule, state, b)
        return state

    def _given(self, query, beside, shard, signal, noise, track):
        """What both kernels are handed: query and images, then the rule; the last channels are what is seen `beside` a window."""
        (height, width, depth), circular = query.shape, self.boundary == "circular"
        across = width + self.k + 2 + (width if circular and self.anywhere else 0)
        shape = height, width, (0,) * (depth - beside), (0,) * beside
        plan = plan_of(query.dtype, shape, self.k, across, circular, signal, noise, track)
        return (query.transpose(0, 2, 1).reshape(-1), shard.groups.reshape(-1)), (*self._tables(query.shape), plan)
