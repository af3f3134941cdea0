"""What each training image says of each pixel: the evidence that `AttentionScore` pools, kept per image with its own minimum."""

import numpy as np

from .attention_kernels import evidence_shard, pool
from .machine import CUTOFF
from .windows import shift_table


class Evidence:
    """The state of one query's pixels p over each training image n by itself, through one window.

    cost, mass (N, P) and total (N, C, P) as in posterior.py, float64; L[p, n] = log mass - rate cost.
    """

    def __init__(self, cost, mass, total, rate):
        self.cost, self.mass, self.total, self.rate = cost, mass, total, rate
        self.log_mass = np.log(mass)

    def pooled(self, attention, strength):
        """What others say for image n at p, strength sum_q A[p, q] L[q, n], as its costs and its logarithms: both (N, P), or 0.

        They stay apart, since at s = 0 the rate that multiplies the costs is inf.
        """
        if strength == 0:
            return 0.0, 0.0
        if isinstance(attention, str) and attention == "uniform":
            fields = [field.mean(axis=1, keepdims=True) for field in (self.cost, self.log_mass)]
        elif isinstance(attention, str):
            place = self.most_decisive()
            fields = [field[:, place] for field in (self.cost, self.log_mass)]
        else:
            fields = [np.empty_like(self.cost), np.empty_like(self.cost)]
            for field, out in zip((self.cost, self.log_mass), fields, strict=True):
                pool(field, attention, out)
        return strength * fields[0], strength * fields[1]

    def most_decisive(self):
        """For each pixel the other place whose evidence has the smallest posterior entropy over n, (P,) int64.

        One place serves all pixels but itself, which takes the second. Where several have no entropy left at all, the widest gap
        between its two best costs decides, and then the lowest place.
        """
        weight = softmax(self.cost, self.log_mass, self.rate)
        entropy = -(weight * np.log(np.where(weight > 0, weight, 1))).sum(axis=0)
        gap = np.zeros(entropy.shape)
        if len(self.cost) > 1:
            best = np.partition(self.cost, 1, axis=0)
            gap = best[1] - best[0]
        order = np.lexsort((-gap, entropy))
        place = np.full(entropy.shape, order[0])
        place[order[0]] = order[min(1, len(order) - 1)]
        return place

    def blend(self, attention, strength):
        """x0_hat (C, P), the image n of each pixel's winning candidate (P,), and that candidate's posterior weight (P,)."""
        heard, log_heard = self.pooled(attention, strength)
        weight = softmax(self.cost + heard, self.log_mass + log_heard, self.rate)
        share = weight / self.mass
        estimate = (share[:, None] * self.total).sum(axis=0)
        # An image's best candidate has that share of the whole weight. Which one wins is asked of its exponent, without the mass
        # of its fellows: exp(log mass) / mass is 1 up to rounding only, and would break exact ties at random.
        winner = exponents(self.cost + heard, log_heard + np.zeros_like(self.cost), self.rate).argmax(axis=0)
        return estimate, winner, np.take_along_axis(share, winner[None], axis=0)[0]


def exponents(cost, log_mass, rate):
    """log_mass - rate (cost - smallest cost), also at rate = inf, where it is -inf for all but the smallest cost."""
    gap = cost - cost.min(axis=0)
    with np.errstate(invalid="ignore", over="ignore"):
        return np.where(gap == 0, log_mass, log_mass - gap * rate)


def softmax(cost, log_mass, rate):
    """exp(log_mass - rate cost), normalised over the first axis; at rate = inf only the smallest cost counts."""
    exponent = exponents(cost, log_mass, rate)
    weight = np.exp(exponent - exponent.max(axis=0))
    return weight / weight.sum(axis=0)


def evidence_of(x, images, signal, rate, k, boundary, anywhere):
    """(cost, mass, total) of one query x (H, W, C) over each of images (N, H, W, C), both float64: (N, P), (N, P), (N, C, P)."""
    count, height, width, channels = images.shape
    cost, mass = np.empty((count, height * width)), np.empty((count, height * width))
    total = np.empty((count, channels, height * width))
    shifts = [
        _round(table, side) for table, side in zip(shifts_of(height, width, k, boundary, anywhere), x.shape[:2], strict=True)
    ]
    evidence_shard(x, images, signal, rate, k, boundary == "circular", *shifts[0], *shifts[1], CUTOFF[x.dtype], cost, mass, total)
    return cost, mass, total


def _round(table, side):
    """The shifts of a table taken round the torus, (S,), and 0 for the pixels that may take them and inf for others, (S, side).

    With zero padding a shift down by 3 serves pixels near the top of 16 rows and one up by 13 those near the bottom. No window
    of either crosses the border, so both are found in the plane of one shift round the torus: 16 planes for k = 3, not 27.

    Examples
    --------
    >>> shifts, bar = _round(shift_table(6, 3, "zeros"), 6)
    >>> [(int(shift), np.flatnonzero(row == 0).tolist()) for shift, row in zip(shifts, bar, strict=True)][:2]    # 3 down, 3 up
    [(3, [1, 4]), (4, [3, 4])]
    """
    shifts = list(dict.fromkeys((table[:, 0] % side).tolist()))
    bar = np.full((len(shifts), side), np.inf)
    for shift, first, last in table:
        bar[shifts.index(shift % side), first:last] = 0
    return np.array(shifts), bar


def shifts_of(height, width, k, boundary, anywhere):
    """The shift tables of both axes, shift 0 first."""
    tables = (shift_table(side, k, boundary, anywhere) for side in (height, width))
    return [table[np.argsort(table[:, 0] != 0, kind="stable")] for table in tables]


def gather(states, rate):
    """Evidence over the whole training set from that over its parts, in order."""
    return Evidence(*(np.concatenate(field) for field in zip(*states, strict=True)), rate)
