"""The machine that pools evidence: a patch mosaic whose places tell each other which training image they come from (ours)."""

import copy
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any

import numpy as np

from .. import arguments, engine, schedules, theory
from ..types import Array, Label, Labels, Schedule, Times
from .registry import register
from .window_machine import WindowMachine
from .windows import WindowLike, check_window, table_index

# Who hears whom, and how much; see `AttentionScore`.
AttentionLike = str | tuple[str, int] | Array | Callable[[Array, Array], Array]
StrengthLike = float | Sequence[float] | Array | Callable[[float], float]
CANDIDATES = {"anywhere": theory.equivariant_local, "colocated": theory.local}


def band(height: int, width: int, reach: int, boundary: str) -> Array:
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


@register("attention")
class AttentionScore(WindowMachine):
    """The pooled-evidence machine: equivariant local score whose places exchange evidence through attention (ours).

    With l[p, n, u] = -|window of x at p - a window of y_n at u|^2 / (2 s^2) and L[p, n] = logsumexp over u of l[p, n, u], the
    evidence that pixel p's surroundings come from image n::

        x0_hat[p] = sum over (n, u) of w y_n[u],    w = softmax over (n, u) of l[p, n, u] + g sum_q A[p, q] L[q, n]

    g = 0 is the equivariant local score: each pixel explains itself. As g grows all pixels agree on which image they come from:
    first in what is common to many images, such as a colour, at last in the image. Its pieces may still be moved; with co-located
    candidates that is recitation, and on a torus that windows tile, with A over the other tiles, the ideal score. (FKTB claim
    that attention makes a network's mosaics consistent; this machine and its claims are not theirs.)

    **Theorem.** Let each pixel p hear one other, q(p), fixed before x is seen, with raw g = 1. If the windows at p and q share no
    pixel, and show one training image n at places u and v, all drawn uniformly and by themselves, then x0_hat[p] is exactly the
    posterior mean of y_n[u]. For P(W_p, W_q | n) = mean over u of e^l[p, n, u] times mean over v of e^l[q, n, v], where the means
    run over the places of p's and of q's padding pattern, as many for each n. (`testing.orthogonality`, claim "hears".)
    A network's map depends on x, and its choice tells something too: there this is a model. In pictures v - u is known, and
    windows may share noise, which then counts twice. Of what the best denoiser of both windows gains over ELS, g = 1 makes .98
    where windows of 3 are apart, .73 with one shared column, .38 with two; a pixel that hears itself does worse than ELS (8
    practice images, t = .7; pytest -s -m slow tests/test_attention.py -k overlap). Uniform A at g = 1 adds what all windows say,
    as if they were drawn from n by themselves, divided by k^2 for their overlap; p's own evidence then counts 1 + 1 / k^2 times.

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

    Raises ValueError or TypeError on bad arguments. A call costs O(B N (H W)^2 (C + log k)) time, for an array B N (H W)^2 more,
    and N H W (2 + C) numbers of memory a query. For float32 the evidence is gathered in float32 and pooled in float64. An image n
    then has the exponent -E_n, E_n = d[p, n] + g sum_q A[p, q] d[q, n] with d its smallest distance over 2 s^2, rounded by
    c eps (1 + g + E_n), and it weighs at most exp(E_0 - E_n), E_0 the smallest. So x0_hat is off by at most c eps (1 + g + E_0)
    of the range, g as under `raw` and c about 10: as for the ideal score, whose exponents are as large. "top1" has no such
    bound, since which place is chosen changes at once; it is computed in float64.

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
        images: Array,
        schedule: Schedule,
        *,
        window: WindowLike,
        attention: AttentionLike = "uniform",
        strength: StrengthLike = 1.0,
        boundary: str = "circular",
        candidates: str = "anywhere",
        raw: bool = False,
        labels: Labels = None,
        executor: Executor | None = None,
        progress: bool = False,
    ) -> None:
        super().__init__(images, schedule, window=window, boundary=boundary, labels=labels, executor=executor, progress=progress)
        self.strength = Strength(strength)
        self._attention = self._prepared(attention)
        self.attention = self._attention if isinstance(attention, list | np.ndarray) else attention
        self.candidates = arguments.choice("candidates", candidates, tuple(CANDIDATES))
        self.raw = bool(raw)

    def estimates(  # type: ignore[override]  # strengths come with windows here
        self, x: Array, t: Times, windows: Sequence[int], strengths: Sequence[float], label: Label = None
    ) -> Array:
        """x0_hat for several windows and strengths; the evidence, which is the costly part, is gathered once for each window.

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
        height, width = self.images.shape[1:3]
        windows = [check_window(k, height, width, self.boundary, "windows") for k in arguments.listed("windows", windows)]
        strengths = [arguments.number("strengths", g, 0) for g in arguments.listed("strengths", strengths)]
        if not windows or not strengths:
            raise ValueError(f"windows, strengths: expected at least one of each, got {len(windows)} and {len(strengths)}")

        def evaluate(queries, times, one_label, _):
            found = [self._posteriors(queries, times, one_label, (k, self.boundary), strengths) for k in windows]
            means = [[[one.mean() for one in query] for query in by_window] for by_window in found]
            return (np.array(means).reshape(len(windows), len(queries), len(strengths), *queries.shape[1:]).swapaxes(0, 1),)

        estimates = self._evaluate(x, t, label, evaluate).astype(np.asarray(x).dtype)
        return np.moveaxis(estimates, (-5, -4), (0, 1))

    def distance(self, x: Array, t: Times = 0.0, label: Label = None) -> Array:
        """As for `EquivariantLocalScore`: each pixel by itself, whatever it hears from others."""
        alone = copy.copy(self)  # with the layouts that were made for this one
        alone.strength = Strength(0)
        return super(AttentionScore, alone).distance(x, t, label)

    def settings(self, t: float) -> tuple:
        """(k, boundary, strength) at time t."""
        return (*super().settings(t), self.strength(t))

    def _posterior(self, x, t, label, settings, winners=False):
        *seen, strength = settings
        return engine.join([one for (one,) in self._posteriors(x, t, label, seen, [strength], winners)])

    def _posteriors(self, x, t, label, seen, strengths, winners=False):
        """Yield, for each query, its Posterior at each of several strengths."""
        # The class says why.
        dtype = np.dtype(np.float64) if isinstance(self._attention, str) and self._attention == "top1" else x.dtype
        training, _ = self._training_set(label, dtype)
        unit = 1.0 if self.raw else x[0, ..., 0].size / seen[0] ** 2
        levels = schedules.levels(self.schedule, t)
        options = {"winners": winners, "executor": self.executor, "progress": self.progress}
        rule, heard = CANDIDATES[self.candidates], self._heard(x, t, strengths)
        found = engine.evidence(x.astype(dtype), training, *levels, rule, tuple(seen), **options)
        for evidence, attention in zip(found, heard, strict=True):
            yield [evidence.posterior(attention, strength * unit) for strength in strengths]

    def _heard(self, x, t, strengths):
        """The attention of each query of a batch, as `Evidence.posterior` takes it."""
        if not callable(self.attention) or not any(strengths):
            return [self._attention] * len(x)
        found = np.asarray(self.attention(x, t))
        pixels = x.shape[1] * x.shape[2]
        return _checked(found, pixels, (len(x), pixels, pixels)) if found.ndim == 3 else [_checked(found, pixels)] * len(x)

    def _prepared(self, attention):
        """The attention as `Evidence.posterior` takes it: a name, or an array; None for a callable."""
        height, width = self.images.shape[1:3]
        if callable(attention):
            return None
        if isinstance(attention, str):
            return arguments.choice("attention", attention, ("uniform", "top1"))
        if isinstance(attention, tuple) and len(attention) == 2 and attention[0] == "band":
            reach = arguments.whole_number("attention", attention[1], 0)
            return _checked(band(height, width, reach, self.boundary), height * width)
        return _checked(attention, height * width)


def _checked(attention, pixels, shape=None):
    """Attention A[..., p, q] as float64, once it is known to hold rows of weights."""
    shape = (pixels, pixels) if shape is None else shape
    if np.shape(attention) != shape:
        named = '"uniform", "top1", ("band", reach), a callable or an array of shape'
        got = np.shape(attention) if np.ndim(attention) else repr(attention)
        raise ValueError(f"attention: expected {named} {shape}, got {got}")
    attention = arguments.float_array("attention", attention, str(shape), len(shape)).astype(np.float64)
    worst = float(np.abs(attention.sum(axis=-1) - 1).max())
    # A softmax in float32 is off by about 1e-6.
    if attention.min() < 0 or worst > 1e-5:
        raise ValueError(
            f"attention: expected rows of weights >= 0 with sum 1, got weights from {attention.min():g} "
            f"and sums off by up to {worst:.3g}"
        )
    return attention


class Strength:
    """A number >= `least` as a function of t: from a number, a list from least to most noise (as `Window`), or a callable."""

    def __init__(self, strength: StrengthLike, name: str = "strength", least: float = 0.0) -> None:
        self._callable = strength if callable(strength) else None
        self.name, self.least = name, least
        if self._callable is None:
            listed: Any = strength
            listed = listed if isinstance(listed, list | tuple) or np.ndim(listed) else [listed]
            if len(listed) == 0:
                raise ValueError(f"{name}: expected at least one number, got an empty list")
            self.table = tuple(arguments.number(name, g, least) for g in listed)

    def __repr__(self) -> str:
        return repr(self._callable or self.table)

    def __call__(self, t: float) -> float:
        if self._callable is not None:
            return arguments.number(f"{self.name}(t = {t:g})", self._callable(float(t)), self.least)
        return self.table[table_index(t, len(self.table))]
