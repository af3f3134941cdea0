"""How each rule of theory.py is answered: what the training images are turned into, and the state of queries over a part of them.

A backend is made with a rule's settings, and holds nothing else, so that its methods can be sent to other processes:

    layout      a function: images (N, H, W, C) -> what `states` takes, with .shard(start, stop)
    states      (x (B, H, W, C), shard, signal (B,), noise (B,), winners) -> Posterior (B, G) over the shard
    evidence    the same over each of the shard's images by itself, (B, N G); theory.py's where a backend has none
    lanes       how many images a kernel takes at a time
    candidates  (shape (H, W, C)) -> how many candidates a training image has
    cost        (shape, dtype) -> nanoseconds that a query spends on a training image, about
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from .. import theory
from ..types import Array
from .beside import Beside, WindowsBeside
from .distinct import cheaper
from .posterior import Posterior, join
from .shards import Plain
from .soft import SoftWindows, soft_windows
from .translations import Translations
from .whole import Whole
from .windows import Windows


@dataclass(frozen=True)
class Theory:
    """Any rule by theory.py itself, in float64; every rule without JIT."""

    rule: Callable
    settings: tuple

    layout = staticmethod(Plain)

    def lanes(self, dtype: npt.DTypeLike) -> int:
        return 1

    def candidates(self, shape: tuple[int, ...]) -> int:
        return len(self._made(np.zeros((1, *shape))).keys)

    def cost(self, shape: tuple[int, ...]) -> float:
        rule = self._made(np.zeros((1, *shape)))
        return 2.0 * rule.keys.shape[1] * sum(int((rule.place == place).sum()) for place in rule.view_place)

    def states(self, x: Array, shard: Plain, signal: Array, noise: Array, winners: bool) -> Posterior:
        rule = self._made(shard.images)
        state = Posterior.empty(len(x), len(rule.view_place), rule.values.shape[1])
        for b, query in enumerate(x.astype(np.float64)):
            for view, seen in enumerate(rule.see(query)):
                who, distance = theory.explain(rule, seen, view, signal[b])
                weight = theory.weigh(distance, noise[b])
                state.cost[b, view], state.mass[b, view] = distance.min(), weight.sum()
                state.total[b, view], state.winner[b, view] = weight @ rule.values[who], who[distance.argmin()]
        return state

    def evidence(self, x: Array, shard: Plain, signal: Array, noise: Array, winners: bool) -> Posterior:
        images = range(len(shard.images))
        return join([self.states(x, shard.shard(n, n + 1), signal, noise, winners) for n in images], axis=1)

    def _made(self, images):
        return self.rule(images.astype(np.float64), *self.settings)


FAST: dict[Callable, Callable] = {
    theory.ideal: Whole,
    theory.equivariant: Translations,
    theory.local: partial(Windows, False),
    theory.equivariant_local: partial(Windows, True),
    Beside: partial(WindowsBeside, True),
    soft_windows: partial(SoftWindows, True),
}


def backend(rule: Callable[..., theory.Rule], settings: tuple, training: Any = None) -> Any:
    """The backend of a rule with its settings: kernels where FAST knows the rule, theory.py for any other, and without JIT.

    For a large TrainingSet ELS has two ways, of which the cheaper is taken. Without one, as for the evidence of each image by
    itself, equal windows of different images are not one.
    """
    if numba.config.DISABLE_JIT:
        return Theory(rule, settings)
    if isinstance(rule, Beside) and Beside in FAST:
        return FAST[Beside](*settings, rule.statistic)
    known: Any = FAST[rule](*settings) if rule in FAST else Theory(rule, settings)
    if training is None and getattr(known, "evidence", None) is None:
        return Theory(rule, settings)
    two_ways = training is not None and rule is theory.equivariant_local and rule in FAST
    return cheaper(known, training) if two_ways else known
