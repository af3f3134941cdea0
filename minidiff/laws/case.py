"""What a law is run on: someone's denoiser, the training set and schedule it is about, and what is claimed of it."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from .. import arguments
from ..machines.windows import BOUNDARIES, Window
from .rules import rule_of

CLAIMS = ("ideal", "posterior mean", "local", "equivariant", "boundary")
# s/a of the times that laws are tried at, in standard deviations of the training pixels, the plainest first.
LEVELS = (1.0, 0.3, 3.0, 0.1, 10.0)
# Rounding of a sum, a softmax and a mean together, in units of the last place; DESIGN's c "of order 10".
ROUNDINGS = 10
# More numbers than this in a rule's keys are too many to compare by theory.py.
MOST_NUMBERS = 5e7


class Malformed(Exception):
    """A denoiser that raised, or gave something that is no batch of finite images: said in one line, with what it was asked."""

    def __init__(self, words, x=None, t=None):
        super().__init__(words)
        self.asked = (x, t)


class NotApplicable(Exception):
    """A law that this case cannot show: why, in one line."""


class Drawn(NamedTuple):
    """A question: noisy images x (B, H, W, C) float64, the time t, and the seed that gave them."""

    x: np.ndarray
    t: float
    seed: int


@dataclass(frozen=True, eq=False)
class Case:
    """A denoiser with everything that is said of it; made by `check_denoiser` and by each law when called by itself.

    Attributes
    ----------
    denoiser : callable
    images : (N, H, W, C) float64
    schedule : Schedule
    claims : frozenset of CLAIMS
    window : Window or None
    boundary : "circular" or "zeros"
    make : callable or None
        make(images) -> denoiser.
    seed, samples : int
    eps : float
        The unit of rounding of what the denoiser computes in.
    """

    denoiser: callable
    images: np.ndarray
    schedule: object
    claims: frozenset
    window: Window | None
    boundary: str
    make: callable
    seed: int
    samples: int
    eps: float = float(np.finfo(np.float64).eps)

    # --- questions ---------------------------------------------------------------------------------------------------

    def ask(self, x, t):
        """The denoiser's answer to a copy of x (B, H, W, C) at time t, float64; Malformed if it is none."""
        try:
            answer = self.denoiser(x.copy(), t if np.ndim(t) else float(t))
        except Exception as error:
            raise Malformed(said(error, "denoiser"), x, t) from error
        return read_answer(answer, x, t)

    def remade(self, images):
        """The case of make(images): the same claims about another training set. NotApplicable without make."""
        if self.make is None:
            raise NotApplicable("needs make=, a function from training images to a denoiser")
        images = np.ascontiguousarray(images)
        try:
            denoiser = self.make(images.copy())
        except Exception as error:
            raise Malformed(said(error, "make")) from error
        if not callable(denoiser):
            raise Malformed(f"make(images) gives {type(denoiser).__name__}, which cannot be called")
        return replace(self, denoiser=denoiser, images=images.astype(np.float64))

    def draw(self, seed, size):
        """A question for a seed, the smaller the plainer: from size 0 (one query, one pixel not zero) to 3 (three queries).

        Three of four are noised training images, the others far from all of them.
        """
        rng = np.random.default_rng(seed)
        t = self.times[rng.integers(len(self.times) if size else 1)]
        queries = (1, 1, 2, 3)[size]
        shape = (queries, *self.shape)
        clean = self.images[rng.integers(len(self.images), size=queries)]
        x = self.signal(t) * clean + self.noise(t) * rng.standard_normal(shape)
        if rng.random() < 0.25:
            x = 2 * self.spread * rng.standard_normal(shape)
        pixels = shape[1] * shape[2]
        live = rng.permutation(pixels) < (1, -(-pixels // 3), pixels, pixels)[size]
        return Drawn(np.where(live.reshape(*shape[1:3], 1), x, 0.0), t, seed)

    # --- facts -------------------------------------------------------------------------------------------------------

    @property
    def shape(self):
        """(H, W, C)."""
        return self.images.shape[1:]

    @cached_property
    def spread(self):
        """The standard deviation of the training pixels, 1 where they are all the same."""
        return float(self.images.std()) or 1.0

    @cached_property
    def span(self):
        """The range of the training pixels, at least 1e-3 of the largest."""
        return max(float(np.ptp(self.images)), 1e-3 * float(np.abs(self.images).max()), 1e-12)

    @cached_property
    def times(self):
        """The times of LEVELS; and where a list of windows goes from one to the next, where slips in its index show."""
        length = len(getattr(self.window, "table", ()))
        steps = sorted({1, length // 2, length - 1}) if length > 1 else ()
        return (*(self.time_at(level) for level in LEVELS), *(step / length for step in steps if step))

    def signal(self, t):
        """a(t) as a float."""
        return float(self.schedule.signal(t))

    def noise(self, t):
        """s(t) as a float."""
        return float(self.schedule.noise(t))

    def time_at(self, level):
        """The time at which s/a is `level` standard deviations of the training pixels, by bisection; the nearest end if none."""
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = (low + high) / 2
            early = self.noise(middle) < level * self.spread * self.signal(middle)
            low, high = (middle, high) if early else (low, middle)
        return high

    def claimed(self, *names):
        """Whether all of these are claimed."""
        return self.claims.issuperset(names)

    @property
    def shared(self):
        """Whether one place may explain another: translations, or pixels of one padding class."""
        return not self.claims.isdisjoint(("equivariant", "boundary"))

    def k(self, t):
        """The window's side at time t, None where the whole image is seen. A list of L: the first i with (i + 1) / L >= t."""
        if self.window is None:
            return None
        table = getattr(self.window, "table", None)
        if table is None:
            return self.window(t)
        ends = np.arange(1, len(table) + 1) / len(table)
        return table[int(np.searchsorted(ends, t - 1e-9 / len(table)))]

    def rule(self, t):
        """The rule whose posterior mean is the best denoiser of the claimed class at time t."""
        k = self.k(t) if self.claimed("local") else None
        count, height, width, channels = self.images.shape
        whole = (height * width if self.shared else 1) * height * width * channels
        numbers = count * (whole if k is None else height * width * k * k * channels)
        if numbers > MOST_NUMBERS:
            raise NotApplicable(f"{numbers:.1e} numbers are too many to compare one by one: check with fewer or smaller images")
        return rule_of(self.images, k, self.boundary, self.shared)

    def rounding(self, x, t, nearest=None):
        """How far rounding may move an answer: c eps of the range, times the size 1 + d / (2 s^2) of the exponent rounded.

        `nearest` is the smallest squared distance d; without it the largest possible, (|x| + a |y|)^2, for x (..., H, W, C).
        """
        if nearest is None:
            lengths = [np.sqrt((one**2).sum(axis=(-3, -2, -1)).max()) for one in (x, self.images)]
            nearest = (lengths[0] + self.signal(t) * lengths[1]) ** 2
        # Candidates up to exp(-40) of the largest weight matter, and so do their exponents.
        exponent = 40 + np.max(nearest) / (2 * self.noise(t) ** 2)
        return ROUNDINGS * self.eps * max(self.span, float(np.abs(x).max())) * (1 + exponent)


def read_answer(answer, x, t):
    """An answer to x at t as a float64 array; Malformed if it is no finite floats of x's shape."""
    try:
        array = np.asarray(answer)
    except ValueError as error:
        raise Malformed(f"it answers with no array: {error}", x, t) from error
    if array.dtype.kind != "f":
        given = "None; is there a return?" if answer is None else f"{array.dtype}, not floats"
        raise Malformed(f"it answers with {given}", x, t)
    if array.shape != x.shape:
        raise Malformed(f"asked with x of shape {x.shape} it answers with shape {array.shape}", x, t)
    if not np.isfinite(array).all():
        raise Malformed(f"{np.count_nonzero(~np.isfinite(array))} of the {array.size} numbers it answers are NaN or inf", x, t)
    return array.astype(np.float64)


def said(error, whose):
    """An error in one line, with the last line of the user's own that raised it."""
    trace = error.__traceback__
    while trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}, line {trace.tb_lineno}"
    words = " ".join(str(error).split())
    return f"{whose} raised {type(error).__name__}: {words} ({place})"


def make_case(denoiser, images, schedule, claims, window, boundary, make, rng, samples):
    """A Case from a caller's arguments; ValueError or TypeError on bad ones, before the denoiser is called."""
    if not callable(denoiser):
        raise TypeError(f"denoiser: expected a callable denoiser(x, t), got {type(denoiser).__name__}")
    if make is not None and not callable(make):
        raise TypeError(f"make: expected a function from images to a denoiser, got {type(make).__name__}")
    images = arguments.image_set(images).astype(np.float64)
    for method in ("signal", "noise"):
        if not callable(getattr(schedule, method, None)):
            raise TypeError(f"schedule: expected a Schedule, got {schedule!r}; hint: minidiff.schedules.cosine()")
    arguments.choice("boundary", boundary, BOUNDARIES)
    claims = read_claims(claims, boundary)
    if "local" in claims:
        if window is None:
            raise ValueError("window: expected the side k that 'local' claims, got None; hint: window=3")
        window = Window(window, *images.shape[1:3], boundary)
    elif window is not None:
        raise ValueError(f"claims: expected 'local' among them, as window={window!r} is given, got {sorted(claims)}")
    samples = arguments.whole_number("samples", samples, 100)
    seed = rng if isinstance(rng, int) and not isinstance(rng, bool) else None
    if seed is None or seed < 0:
        seed = int(arguments.generator(rng).integers(2**31))
    case = Case(denoiser, images, schedule, claims, window, boundary, make, seed, samples)
    return replace(case, eps=_precision(case))


MACHINES = {
    "IS": ("ideal",),
    "ES": ("ideal", "equivariant"),
    "LS": ("ideal", "local"),
    "ELS": ("ideal", "local", "equivariant"),
}


def read_claims(claims, boundary):
    """The set of claims from names, one name, or a machine's short name; ValueError where they contradict each other."""
    if isinstance(claims, str):
        claims = MACHINES.get(claims, (arguments.choice("claims", claims, (*CLAIMS, *MACHINES)),))
        if "local" in claims and boundary == "zeros":
            claims = ["boundary" if name == "equivariant" else name for name in claims]
    try:
        found = {arguments.choice("claims", name, CLAIMS) for name in claims}
    except TypeError:
        raise TypeError(f"claims: expected names such as ('ideal', 'local'), got {claims!r}") from None
    if "equivariant" in found and boundary == "zeros":
        raise ValueError("claims: expected 'boundary' with boundary='zeros', got 'equivariant': padding breaks the symmetry")
    if "boundary" in found and (boundary != "zeros" or "local" not in found):
        raise ValueError("claims: expected 'boundary' together with 'local', window= and boundary='zeros'")
    return frozenset(found | ({"posterior mean"} if "ideal" in found else set()))


def _precision(case):
    """The unit of rounding that the denoiser computes in: float32's if it answers with numbers that are all float32.

    Its dtype alone does not say so: a float32 network that is asked in float64 may well answer in float64.
    """
    single, double = (float(np.finfo(dtype).eps) for dtype in (np.float32, np.float64))
    try:
        answer = case.ask(case.draw(0, 2).x, case.times[0])
    except Malformed:
        return double
    return single if (answer.astype(np.float32) == answer).all() else double
