"""The machine that pools evidence: a patch mosaic whose places tell each other which training image they come from (ours)."""

from itertools import pairwise

import numpy as np

from .. import checks
from . import shards
from .attention_kernels import nearest_places
from .evidence import Evidence, evidence_of, gather, shifts_of
from .machine import Machine, Provenance
from .windows import Window, check_window, count_pairs, table_index

CANDIDATES = ("anywhere", "colocated")
# Bytes of evidence held at a time: queries beyond them wait.
MOST_EVIDENCE = 2**28


def band(height, width, reach, boundary):
    """Attention (P, P) to every pixel at most `reach` rows and columns away, itself too, in equal parts.

    On a torus distances go round, with zeros they end at the border.

    Examples
    --------
    >>> band(1, 4, 1, "circular")[0].round(2).tolist()
    [0.33, 0.33, 0.0, 0.33]
    """
    near = []
    for side in (height, width):
        apart = np.abs(np.arange(side) - np.arange(side)[:, None])
        near.append((np.minimum(apart, side - apart) if boundary == "circular" else apart) <= reach)
    both = np.kron(near[0], near[1]).astype(np.float64)
    return both / both.sum(axis=1, keepdims=True)


class AttentionScore(Machine):
    """The pooled-evidence machine: equivariant local score whose places exchange evidence through attention (ours).

    With l[p, n, u] = -|window of x at p - a window of y_n at u|^2 / (2 s^2) and L[p, n] = logsumexp over u of l[p, n, u], the
    evidence that pixel p's surroundings come from image n::

        x0_hat[p] = sum over (n, u) of w y_n[u],    w = softmax over (n, u) of l[p, n, u] + g sum_q A[p, q] L[q, n]

    g = 0 is the equivariant local score: each pixel explains itself. As g grows all pixels agree on which image they come from:
    first in what is common to many images, such as a colour, at last in the image. Its pieces may still be moved; with co-located
    candidates that is recitation, and on a torus that windows tile, with A over the other tiles, the ideal score. (FKTB claim
    that attention makes a network's mosaics consistent; this machine and its claims are not theirs.)

    Parameters
    ----------
    images : (N, H, W, C) float32 or float64
    schedule : Schedule
    window : odd int, list of odd ints from least to most noise, or a callable of t
        The side k; as for `EquivariantLocalScore`.
    attention : "uniform", "top1", ("band", reach), an (H W, H W) array, or a callable
        Who hears whom; pixels are counted in reading order. "uniform": everyone, oneself too. "top1": the one other place
        whose evidence is most decisive, of smallest posterior entropy over n. ("band", reach): all within that many rows and
        columns. An array A: rows p of weights over q with sum 1. A callable attention(x, t) of x (B, H, W, C) and t (B,)
        returns such an array, or one for each query, (B, H W, H W): a trained network's `attention_map`.
    strength : float >= 0, list of floats from least to most noise, or a callable of t
        g, in units of H W / k^2: windows overlap, so that an image's evidence is counted about k^2 times, and g = 1 under
        uniform attention counts every pixel about once.
    boundary : "circular" or "zeros"
        As for `EquivariantLocalScore`.
    candidates : "anywhere" or "colocated"
        Whether every (n, u) may explain p, or only u = p, as for `LocalScore`.
    raw : bool
        Take strength as g itself, not in units of H W / k^2.
    labels, executor, progress
        As for `IdealScore`.

    Raises ValueError or TypeError on bad arguments. Computes in float64 whatever x's dtype. A call costs
    O(B N (H W)^2 (C + log k)) time, for an array B N (H W)^2 more, and N H W (2 + C) numbers of memory a query.

    Examples
    --------
    >>> import numpy as np
    >>> from minidiff import schedules
    >>> images = np.array([[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]]).reshape(2, 1, 3, 1)
    >>> x = np.array([0.2, 0.4, -0.3]).reshape(1, 3, 1)
    >>> for g in (0.0, 2.0):                                    # each pixel by itself, and all together
    ...     print(AttentionScore(images, schedules.flow(), window=1, strength=g)(x, 0.0)[0, :, 0])
    [ 1.  1. -1.]
    [1. 1. 1.]
    """

    def __init__(
        self,
        images,
        schedule,
        *,
        window,
        attention="uniform",
        strength=1.0,
        boundary="circular",
        candidates="anywhere",
        raw=False,
        labels=None,
        executor=None,
        progress=False,
    ):
        super().__init__(images, schedule, labels=labels, executor=executor, progress=progress)
        height, width = self.images.shape[1:3]
        self.window = Window(window, height, width, boundary)
        self.boundary = boundary
        self.strength = Strength(strength)
        self.attention = attention
        self._attention = self._prepared(attention)
        self.candidates = checks.choice("candidates", candidates, CANDIDATES)
        self.raw = bool(raw)

    def estimates(self, x, t, windows, strengths, label=None):
        """x0_hat for several windows and strengths; the evidence, which is the dear part, is gathered once for each window.

        Parameters
        ----------
        x, t, label
            As for a call.
        windows : K odd ints
        strengths : S floats >= 0
            In the units that `raw` says. The machine's own `window` and `strength` are not used.

        Returns
        -------
        estimates : (K, S, H, W, C) or (K, S, B, H, W, C), of x's dtype.
        """
        windows = [check_window(k, *self.images.shape[1:3], self.boundary, name="windows") for k in windows]
        strengths = [checks.number("strengths", g, 0) for g in strengths]
        if not windows or not strengths:
            raise ValueError(f"windows, strengths: expected at least one of each, got {len(windows)} and {len(strengths)}")

        def evaluate(queries, times, one_label):
            columns = [self._blends(queries, times, one_label, k, strengths) for k in windows]
            found = [[[blend[0] for blend in row] for row in zip(*rows, strict=True)] for rows in zip(*columns, strict=True)]
            return (_as_images(np.array(found), queries).transpose(0, 2, 1, 3, 4, 5),)

        return np.moveaxis(self._evaluate(x, t, label, evaluate), (-5, -4), (0, 1))

    def provenance(self, x, t, label=None):
        """The winning candidate of every pixel: which training image and which of its pixels, and with what weight.

        Returns Provenance(image, row, column, weight), (H, W) or (B, H, W) each, as the other machines do; exact ties go to the
        lowest (image, row, column).
        """
        return Provenance(*self._evaluate(x, t, label, self._provenance))

    def _setting(self, t):
        return self.window(t), self.strength(t)

    def _estimate(self, x, t, label):
        k, strength = self._setting(float(t[0]))
        return (_as_images(np.array([row[0][0] for row in self._blends(x, t, label, k, [strength])]), x),)

    def _provenance(self, x, t, label):
        k, strength = self._setting(float(t[0]))
        images, index = self._training_set(label, np.float64)
        shifts = shifts_of(*x.shape[1:3], k, self.boundary, self.candidates == "anywhere")
        found = []
        for b, ((_, winner, weight),) in enumerate(self._blends(x, t, label, k, [strength])):
            chosen = winner.reshape(x.shape[1:3])
            place = np.full(chosen.shape, chosen.size)
            signal = float(self.schedule.signal(t[b]))
            nearest_places(x[b].astype(np.float64), images, signal, chosen, k, self.boundary == "circular", *shifts, place)
            image = chosen if index is None else index[chosen]
            found.append((image, *np.divmod(place, x.shape[2]), weight.reshape(chosen.shape)))
        return tuple(np.stack(field) for field in zip(*found, strict=True))

    def _blends(self, x, t, label, k, strengths):
        """Yield, for each query, Evidence.blend's result at each of several strengths."""
        images, _ = self._training_set(label, np.float64)
        count, height, width, channels = images.shape
        unit = 1.0 if self.raw else height * width / k**2
        signal, noise = self.schedule.signal(t), self.schedule.noise(t)
        with np.errstate(divide="ignore", over="ignore"):
            rate = 0.5 / noise / noise
        anywhere = self.candidates == "anywhere"
        cost = count_pairs(height, width, k, self.boundary, anywhere) * (1.5 + 0.5 * channels)
        parts = [images[start:stop] for start, stop in pairwise(shards.bounds(count, cost))]
        block = max(1, int(MOST_EVIDENCE / (count * height * width * (3 + channels) * 8)))
        for low in range(0, len(x), block):
            queries = x[low : low + block].astype(np.float64)
            heard = self._heard(x[low : low + block], t[low : low + block], strengths)
            levels = zip(queries, signal[low : low + block], rate[low : low + block], strict=True)
            work = [(x_b, part, float(a), float(r), k, self.boundary, anywhere) for x_b, a, r in levels for part in parts]
            states = shards.run(evidence_of, work, self.executor, self.progress)
            gathered = [gather([next(states) for _ in parts], rate[low + b]) for b in range(len(queries))]
            mixing = [(one, attention, g * unit) for one, attention in zip(gathered, heard, strict=True) for g in strengths]
            # On threads even where an executor took the shards: evidence is too large to send there and back.
            blends = shards.run(Evidence.blend, mixing)
            for _ in queries:
                yield [next(blends) for _ in strengths]

    def _heard(self, x, t, strengths):
        """The attention of each query of a batch, as `Evidence.pooled` takes it."""
        if not callable(self.attention) or not any(strengths):
            return [self._attention] * len(x)
        found = np.asarray(self.attention(x, t))
        pixels = x.shape[1] * x.shape[2]
        return _transposed(found, pixels, (len(x), pixels, pixels)) if found.ndim == 3 else [_transposed(found, pixels)] * len(x)

    def _prepared(self, attention):
        """The attention as `Evidence.pooled` takes it: a name, or an array (q, p); None for a callable."""
        height, width = self.images.shape[1:3]
        if callable(attention):
            return None
        if isinstance(attention, str):
            return checks.choice("attention", attention, ("uniform", "top1"))
        if isinstance(attention, tuple) and len(attention) == 2 and attention[0] == "band":
            reach = checks.whole_number("attention", attention[1], 0)
            return _transposed(band(height, width, reach, self.boundary), height * width)
        return _transposed(attention, height * width)


def _transposed(attention, pixels, shape=None):
    """Attention A[..., p, q] as C-contiguous float64 [..., q, p], once it is known to hold rows of weights."""
    shape = (pixels, pixels) if shape is None else shape
    if np.shape(attention) != shape:
        named = '"uniform", "top1", ("band", reach), a callable or an array of shape'
        got = np.shape(attention) if np.ndim(attention) else repr(attention)
        raise ValueError(f"attention: expected {named} {shape}, got {got}")
    attention = checks.float_array("attention", attention, str(shape), len(shape)).astype(np.float64)
    worst = float(np.abs(attention.sum(axis=-1) - 1).max())
    # A softmax in float32 is off by about 1e-6.
    if attention.min() < 0 or worst > 1e-5:
        raise ValueError(
            f"attention: expected rows of weights >= 0 with sum 1, got weights from {attention.min():g} "
            f"and sums off by up to {worst:.3g}"
        )
    return np.ascontiguousarray(attention.swapaxes(-1, -2))


class Strength:
    """The strength g as a function of t: from a number, a list from least to most noise (as `Window`), or a callable of t."""

    def __init__(self, strength):
        self._callable = strength if callable(strength) else None
        if self._callable is None:
            listed = strength if isinstance(strength, list | tuple | np.ndarray) else [strength]
            if len(listed) == 0:
                raise ValueError("strength: expected at least one number, got an empty list")
            self.table = tuple(checks.number("strength", g, 0) for g in listed)

    def __call__(self, t):
        if self._callable is not None:
            return checks.number(f"strength(t = {t:g})", self._callable(float(t)), 0)
        return self.table[table_index(t, len(self.table))]


def _as_images(estimates, x):
    """(..., C, P) as (..., H, W, C) of x's dtype."""
    height, width, channels = x.shape[1:]
    return np.swapaxes(estimates, -1, -2).reshape(*estimates.shape[:-2], height, width, channels).astype(x.dtype)
