"""How a law is tried: on questions from small to large. If one breaks it, a smaller question that breaks it too is looked for."""

import functools
import textwrap
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import NamedTuple, Protocol, cast

import numpy as np

from ..machines.windows import WindowLike
from ..types import Array, Denoiser, Rng, Schedule
from .case import Case, Claims, Drawn, Make, Malformed, NotApplicable, make_case

# To make a counter-example smaller at most this many questions are asked, and at most about this many seconds are spent; but ten
# questions are always asked.
MOST_SHRINKS, SHRINK_SECONDS = 150, 1.5
# A counter-example with at most this many numbers that are not zero is small enough.
SMALL = 3


class Finding(NamedTuple):
    """What one try of a law found: how far off the answers are, how far they may be, and where or why.

    x and t are what was asked, if that is not the question drawn. `usually` is what it usually means; None if that is what the
    law says.
    """

    off: float
    allowed: float
    where: str = ""
    x: Array | None = None
    t: float | None = None
    usually: str | None = None

    @property
    def broken(self) -> bool:
        """Whether the answers are further off than allowed; nan counts as broken."""
        return not self.off <= self.allowed


class Enough(BaseException):
    """Stop looking for smaller counter-examples. No Exception, since hypothesis would take that for a counter-example."""


@dataclass(frozen=True, eq=False)
class Result:
    """What became of one law.

    Attributes
    ----------
    law : str
    held : True, False, or None where the law does not apply
    says : str
        The theorem, in one line.
    off, allowed : float
        How far the answers are from what the theorem says, and how far they may be, in the worst try.
    where : str
        At which pixel, or what the answer was; or why the law does not apply.
    usually : str
        What it usually means if this law is broken in this way; "" if that is not known.
    hint : str
        What it means in this case, if that is known: `formula` says which common slip gives the same answers.
    x : (B, H, W, C) float64 or None
        The smallest counter-example found; None for a statistical law.
    t : float or None
        The time of x.
    seed : int or None
        The seed of the try that broke the law; the try's other choices (which shift, which pixel) follow from it.
    tries : int
        How many tries showed something.
    """

    law: str
    held: bool | None
    says: str
    off: float = 0.0
    allowed: float = 0.0
    where: str = ""
    usually: str = ""
    hint: str = ""
    x: Array | None = None
    t: float | None = None
    seed: int | None = None
    tries: int = 0

    def __str__(self):
        head = f"{ {True: 'held', False: 'BROKEN', None: '-'}[self.held]:<7} {self.law:<22} "
        if self.held is None:
            return f"{head}not applicable: {self.where}"
        tries = f"{self.tries} tries" if self.tries > 1 else "1 try"
        if self.held and self.allowed == 0:
            return f"{head}exactly; {tries}"
        if self.held:
            return f"{head}off by {self.off:.1e} at most, {self.allowed:.1e} allowed; {tries}"
        finite = np.isfinite(self.off)
        lines = [
            head + (f"off by {self.off:.3g}, {self.allowed:.1e} allowed" if finite else self.where),
            f"where: {self.where}" if finite and self.where else "",
            f"the law: {self.says}",
            f"here: {self.hint}" if self.hint else "",
            f"usually: {self.usually}" if self.usually else "",
            f"smallest counter-example: {_shown(self.x)} at t = {self.t:.4g} (seed {self.seed})" if self.x is not None else "",
        ]
        return "\n".join(textwrap.fill(line, 120, subsequent_indent=" " * 10) for line in lines[:1]) + "".join(
            "\n" + textwrap.fill(line, 120, initial_indent=" " * 8, subsequent_indent=" " * 10) for line in lines[1:] if line
        )


def _shown(x):
    live = np.argwhere(x != 0)
    if len(live) == 0:
        return f"x all zero, shape {x.shape},"
    if len(live) <= SMALL:
        parts = ", ".join(f"x[{', '.join(map(str, place))}] = {x[tuple(place)]:.4g}" for place in live)
        return f"x of shape {x.shape}, zero except for {parts},"
    return f"x of shape {x.shape}, {len(live)} numbers not zero,"


Trial = Callable[[Case, Drawn, np.random.Generator], Finding]


class Law(Protocol):
    """A law as people call it, and what `run_law` needs to know about it; see `law`."""

    law: str
    usually: str
    needs: tuple[str, ...]
    says: str
    tries: int
    draws: bool
    far: str
    explain: Callable[[Case], str] | None
    trial: Trial

    def __call__(
        self,
        denoiser: Denoiser,
        images: Array,
        schedule: Schedule,
        *,
        claims: Claims | None = None,
        window: WindowLike | None = None,
        boundary: str = "circular",
        make: Make | None = None,
        rng: Rng = 0,
        samples: int = 1000,
    ) -> Result: ...


# Every law by its name, in the order in which a report gives them.
LAWS: dict[str, Law] = {}


def law(
    name: str,
    usually: str,
    needs: tuple[str, ...] = (),
    tries: int = 16,
    draws: bool = True,
    far: str = "",
    explain: Callable[[Case], str] | None = None,
) -> Callable[[Trial], Law]:
    """A decorator that makes a law of a function trial(case, drawn, rng) -> Finding, whose docstring is the theorem.

    The law is a function for people: it takes the arguments of `check_denoiser` except `laws`, and returns a Result. `needs` are
    the claims that the law follows from, and its own claims by default. `draws` says whether the trial asks the question that was
    drawn; that question can then be made smaller. If `far` is given, the last question is one of `Case.draw_far`, and `far` is
    what it usually means if the law breaks there only. explain(case) gives a hint after the law was broken.
    """

    def build(trial):
        # Not the annotations, nor __wrapped__: help() is to show the arguments of the law, not those of the trial.
        @functools.wraps(trial, assigned=("__module__", "__name__", "__qualname__", "__doc__"))
        def call(denoiser, images, schedule, *, claims=None, window=None, boundary="circular", make=None, rng=0, samples=1000):
            if claims is None:
                claims = {*needs, "local"} if window is not None else needs
            return run_law(found, make_case(denoiser, images, schedule, claims, window, boundary, make, rng, samples))

        del call.__wrapped__
        found = cast(Law, call)
        found.law, found.usually, found.needs, found.says = name, usually, needs, trial.__doc__.split("\n")[0]
        found.tries, found.draws, found.far, found.explain, found.trial = tries, draws, far, explain, trial
        LAWS[name] = found
        return found

    return build


def refused(which: Law, why: str) -> Result:
    """The Result of a law that does not apply."""
    return Result(which.law, None, which.says, where=why)


def run_law(which: Law, case: Case) -> Result:
    """The Result of one law for a Case."""
    missing = [claim for claim in which.needs if claim not in case.claims]
    if missing:
        return refused(which, f"'{missing[0]}' is not claimed")
    worst, done, why = Finding(0.0, np.inf), 0, "rounding, or too little contrast, would hide any mistake"
    for number in range(which.tries):
        far = bool(which.far) and number == which.tries - 1
        seed = case.seed + number
        drawn = case.draw_far(seed) if far else case.draw(seed, 3 * number // max(which.tries - 1, 1))
        started = time.perf_counter()
        try:
            finding = attempt(which, case, drawn)
        except NotApplicable as reason:
            why = str(reason)
            continue
        if finding.broken:
            seconds = time.perf_counter() - started
            if far and finding.usually is None:
                finding = finding._replace(usually=which.far)
            return _broken(which, case, drawn, finding, number + 1, seconds)
        # A bound as wide as the range shows nothing. Laws that ask questions of their own raise NotApplicable then.
        if not which.draws or finding.allowed <= case.span / 4:
            done += 1
            if finding.off * worst.allowed >= worst.off * finding.allowed or done == 1:
                worst = finding
    if not done:
        return refused(which, why)
    return Result(which.law, True, which.says, worst.off, worst.allowed, tries=done)


def _broken(which, case, drawn, finding, tries, seconds):
    """The Result of a law that a try broke."""
    usually = which.usually if finding.usually is None else finding.usually
    if which.draws:
        if seconds * MOST_SHRINKS > SHRINK_SECONDS:
            # A second measurement, as the first may include compilation, or a pause of the computer.
            started = time.perf_counter()
            with suppress(NotApplicable):
                attempt(which, case, drawn)
            seconds = min(seconds, time.perf_counter() - started)
        drawn, finding = smaller(which, case, drawn, finding, seconds)
    x, t = (drawn.x, drawn.t) if which.draws and finding.x is None else (finding.x, finding.t)
    hint = ""
    with suppress(Malformed, NotApplicable):
        hint = which.explain(case) if which.explain is not None else ""
    off, allowed, where = finding[:3]
    return Result(which.law, False, which.says, off, allowed, where, usually, hint, x, t, drawn.seed, tries)


def attempt(which: Law, case: Case, drawn: Drawn) -> Finding:
    """One try of a law; a malformed answer breaks every law."""
    try:
        return which.trial(case, drawn, np.random.default_rng(drawn.seed))
    except Malformed as why:
        x, t = why.asked
        # If each query has a time of its own, the first is reported, and the law says what this usually means.
        usually = None if t is not None and np.ndim(t) else why.usually
        return Finding(np.inf, 0.0, str(why), x, None if t is None else float(np.ravel(t)[0]), usually)


def smaller(which: Law, case: Case, drawn: Drawn, finding: Finding, seconds: float) -> tuple[Drawn, Finding]:
    """The smallest question found that still breaks the law, and its Finding; `seconds` is the time that one try takes.

    Pixels are set to zero; then hypothesis, if it is installed, looks for another question.
    """
    search = _Search(which, case, drawn, finding, int(min(MOST_SHRINKS, max(SHRINK_SECONDS / max(seconds, 1e-6), 10))))
    with suppress(Enough, ImportError):
        search.by_emptying()
        if np.count_nonzero(search.drawn.x) > SMALL:
            search.by_hypothesis()
    return search.drawn, search.finding


class _Search:
    """The smallest question found so far that breaks a law, its Finding, and how many questions may still be asked."""

    def __init__(self, which: Law, case: Case, drawn: Drawn, finding: Finding, left: int) -> None:
        self.which, self.case, self.drawn, self.finding, self.left = which, case, drawn, finding, left

    def breaks(self, x, t):
        """Whether the question (x, t) breaks the law; if it does and is smaller, it is kept."""
        if self.left <= 0 or not np.any(self.drawn.x):
            raise Enough
        self.left -= 1
        candidate = Drawn(x, t, self.drawn.seed)
        try:
            found = attempt(self.which, self.case, candidate)
        except NotApplicable:
            return False
        if found.broken and np.count_nonzero(x) < np.count_nonzero(self.drawn.x):
            self.drawn, self.finding = candidate, found
        return found.broken

    def by_emptying(self):
        """Keep one query, and set all its numbers to zero, or else half of them, a quarter, ..., if the law stays broken."""
        for query in range(len(self.drawn.x)):
            if len(self.drawn.x) > 1:
                self.breaks(self.drawn.x[query : query + 1], self.drawn.t)
        size = 2 * self.drawn.x.size
        while size > 1:
            size = -(-size // 2)
            live = np.flatnonzero(self.drawn.x)
            for start in range(0, len(live), size):
                x = self.drawn.x.copy()
                x.flat[live[start : start + size]] = 0
                self.breaks(x, self.drawn.t)

    def by_hypothesis(self):
        """Let hypothesis look for a single query of multiples of 1/4 that breaks the law, and make it smaller."""
        import hypothesis
        from hypothesis import strategies as st

        shape = (1, *self.case.shape)
        entries = int(np.prod(shape))
        numbers = st.lists(st.integers(-8, 8), min_size=entries, max_size=entries)
        settings = hypothesis.settings(
            max_examples=25, database=None, deadline=None, suppress_health_check=list(hypothesis.HealthCheck)
        )
        # NoSuchExample: hypothesis found nothing, and the earlier question stays. Flaky: the denoiser is not repeatable.
        with suppress(hypothesis.errors.HypothesisException):
            hypothesis.find(
                st.tuples(numbers, st.sampled_from(self.case.times)),
                lambda pair: self.breaks(np.reshape(pair[0], shape) / 4, pair[1]),
                settings=settings,
                random=Random(0),
            )
