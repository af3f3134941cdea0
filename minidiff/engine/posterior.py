"""The streaming softmax posterior: the one idea behind every machine, once.

For a fixed training set the best estimate of the clean image is a posterior mean: a softmax over candidates of
-d / (2 s^2), d being the squared distance between what is seen and a times the candidate (theory.py: KG; AMB). Four numbers
keep such a mean while candidates stream by, and two states over disjoint candidates merge into one:

    cost    the smallest distance so far, d*
    mass    the sum of exp(-(d - d*) r) over candidates, r = 1 / (2 s^2)
    total   the same sum, each term times its candidate's value
    winner  the index of the candidate at d*, the lowest where several are equally near

Keeping the smallest *distance*, not the largest log-weight -d r, leaves the differences d - d* exact however large r is; at
r = inf (no noise) log-weights would all be -inf, while d - d* = 0 still tells the nearest candidates from the rest.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..types import Array


@dataclass
class Posterior:
    """The state of B x G softmax posteriors, each averaging values of D numbers.

    Local machines have one posterior a pixel (G = H W, D = C); whole-image machines one an image (G = 1, D = H W C).

    Attributes
    ----------
    cost : (B, G) float64
    mass : (B, G) float64
    total : (B, G, D) float64
    winner : (B, G) int64, or None where it was not asked for
    """

    cost: Array
    mass: Array
    total: Array
    winner: Any

    @classmethod
    def empty(cls, queries: int, groups: int, depth: int, winners: bool = True) -> "Posterior":
        """A state that has seen no candidate."""
        return cls(
            np.full((queries, groups), np.inf),
            np.zeros((queries, groups)),
            np.zeros((queries, groups, depth)),
            np.full((queries, groups), np.iinfo(np.int64).max) if winners else None,
        )

    def merge(self, other: "Posterior", rate: Array) -> "Posterior":
        """The state over the candidates of both, for rate (B,) = 1 / (2 s^2); neither is changed.

        Order matters only to rounding, and never to the winner.
        """
        cost = np.minimum(self.cost, other.cost)
        ours, theirs = (decay(state.cost, cost, rate[:, None]) for state in (self, other))
        winner = None
        if self.winner is not None:
            lowest = np.minimum(self.winner, other.winner)
            nearer = np.where(self.cost < other.cost, self.winner, other.winner)
            winner = np.where(self.cost == other.cost, lowest, nearer)
        return Posterior(
            cost,
            ours * self.mass + theirs * other.mass,
            ours[..., None] * self.total + theirs[..., None] * other.total,
            winner,
        )

    def mean(self) -> Array:
        """The posterior mean (B, G, D)."""
        return self.total / self.mass[..., None]


def decay(cost: Array, lowest: Array, rate: Array) -> Array:
    """exp(-(cost - lowest) rate), which is 1 where cost == lowest even for rate = inf, where 0 * inf would be nan."""
    tied = cost == lowest
    gap = np.where(tied, 0.0, np.where(tied, 0.0, cost) - np.where(tied, 0.0, lowest))
    with np.errstate(over="ignore"):
        return np.where(tied, 1.0, np.exp(-gap * np.where(tied, 0.0, rate)))


def rate_of(noise: Array) -> Array:
    """1 / (2 s^2) of noise levels s, inf where s = 0."""
    with np.errstate(divide="ignore", over="ignore"):
        return 0.5 / noise / noise


def join(states: list[Posterior], axis: int = 0) -> Posterior:
    """Several states side by side: those of other queries (axis 0), or of other groups (axis 1)."""
    if len(states) == 1:
        return states[0]
    cost, mass, total = (np.concatenate([getattr(one, field) for one in states], axis) for field in ("cost", "mass", "total"))
    named = states[0].winner is not None
    return Posterior(cost, mass, total, np.concatenate([one.winner for one in states], axis) if named else None)
