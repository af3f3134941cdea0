"""How a law is run: tried on questions from small to large, and where it breaks, on the smallest that still break it."""

import functools
import textwrap
import time
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

import numpy as np

from .case import Drawn, Malformed, NotApplicable, make_case

# Every law by its name, in the order in which a report gives them.
LAWS = {}
# Questions asked to find a smaller counter-example, and the seconds of the processor that they may take, if more than ten.
MOST_SHRINKS, SHRINK_SECONDS = 150, 1.5
# A counter-example of this many numbers that are not zero is small enough.
SMALL = 3


class Finding(NamedTuple):
    """What one try of a law found: how far off the answers are, how far they may be, and where or why.

    x and t are what was asked, where that is not the question drawn.
    """

    off: float
    allowed: float
    where: str = ""
    x: np.ndarray | None = None
    t: float | None = None

    @property
    def broken(self):
        """Whether they are further off than allowed; nan counts as broken."""
        return not self.off <= self.allowed


class Enough(BaseException):
    """Stop looking for smaller counter-examples. A BaseException, since hypothesis takes others for counter-examples."""


@dataclass(frozen=True, eq=False)
class Result:
    """What became of one law.

    Attributes
    ----------
    law : str
    held : True, False, or None where the law does not apply
    says : str
        The theorem, in a line.
    off, allowed : float
        The largest distance from it that was found, beside the bound it is held against; the pair of the worst try.
    where : str
        Which pixel, or what was answered; or why the law does not apply.
    usually : str
        What a broken law usually means.
    hint : str
        What it means here, where that is known: `formula` says which common slip gives the same answers.
    x : (B, H, W, C) float64 or None
        The smallest counter-example found; None for a statistical law.
    t : float or None
        Its time.
    seed : int or None
        The seed of the try that broke, from which its other choices follow (which shift, which pixel).
    tries : int
    """

    law: str
    held: bool | None
    says: str
    off: float = 0.0
    allowed: float = 0.0
    where: str = ""
    usually: str = ""
    hint: str = ""
    x: np.ndarray | None = None
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
            f"usually: {self.usually}",
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
        return f"x of shape {x.shape}, zero but for {parts},"
    return f"x of shape {x.shape}, {len(live)} numbers not zero,"


def law(name, usually, needs=(), tries=16, draws=True, explain=None):
    """Make a law of a function (case, drawn, rng) -> Finding, whose docstring is the theorem.

    `needs` are the claims that it is about; `draws` says whether it is about the question drawn, which can then be made smaller;
    explain(case) gives a hint where the law is broken. What comes back is the function that people call: every law takes the
    arguments of `check_denoiser` but `laws`, claims being by default what the law needs, and returns a Result.
    """

    def build(trial):
        @functools.wraps(trial)
        def call(denoiser, images, schedule, *, claims=None, window=None, boundary="circular", make=None, rng=0, samples=1000):
            if claims is None:
                claims = {*needs, "local"} if window is not None else needs
            return run_law(call, make_case(denoiser, images, schedule, claims, window, boundary, make, rng, samples))

        # help() is to show what people call, not the trial inside.
        del call.__wrapped__
        call.law, call.usually, call.needs, call.says = name, usually, needs, trial.__doc__.split("\n")[0]
        call.tries, call.draws, call.explain, call.trial = tries, draws, explain, trial
        call.refused = lambda why: Result(name, None, call.says, where=why)
        LAWS[name] = call
        return call

    return build


def run_law(which, case):
    """The Result of one law on a Case."""
    missing = [claim for claim in which.needs if claim not in case.claims]
    if missing:
        return which.refused(f"'{missing[0]}' is not claimed")
    worst, done, why = Finding(0.0, np.inf), 0, "rounding, or too little contrast, would hide any mistake"
    for number in range(which.tries):
        drawn = case.draw(case.seed + number, 3 * number // max(which.tries - 1, 1))
        started = time.process_time()
        try:
            finding = attempt(which, case, drawn)
        except NotApplicable as reason:
            why = str(reason)
            continue
        if finding.broken:
            return _broken(which, case, drawn, finding, number + 1, time.process_time() - started)
        # A bound as wide as the range shows nothing; laws that ask their own questions see to that themselves.
        if not which.draws or finding.allowed <= case.span / 4:
            done += 1
            if finding.off * worst.allowed >= worst.off * finding.allowed or done == 1:
                worst = finding
    if not done:
        return which.refused(why)
    return Result(which.law, True, which.says, worst.off, worst.allowed, tries=done)


def _broken(which, case, drawn, finding, tries, seconds):
    """The Result of a law that a try broke."""
    if which.draws:
        drawn, finding = smaller(which, case, drawn, finding, seconds)
    x, t = (drawn.x, drawn.t) if which.draws and finding.x is None else (finding.x, finding.t)
    hint = ""
    with suppress(Malformed, NotApplicable):
        hint = which.explain(case) if which.explain is not None else ""
    off, allowed, where = finding[:3]
    return Result(which.law, False, which.says, off, allowed, where, which.usually, hint, x, t, drawn.seed, tries)


def attempt(which, case, drawn):
    """One try; an answer that is none breaks any law."""
    try:
        return which.trial(case, drawn, np.random.default_rng(drawn.seed))
    except Malformed as why:
        return Finding(np.inf, 0.0, str(why), *why.asked)


def smaller(which, case, drawn, finding, seconds):
    """The smallest question found that still breaks the law: by emptying pixels, then by hypothesis where it is installed."""
    best = [drawn, finding]
    left = int(min(MOST_SHRINKS, max(SHRINK_SECONDS / max(seconds, 1e-6), 10)))

    def breaks(x, t):
        nonlocal left
        if left <= 0 or not np.any(best[0].x):
            raise Enough
        left -= 1
        candidate = Drawn(x, t, drawn.seed)
        try:
            found = attempt(which, case, candidate)
        except NotApplicable:
            return False
        if found.broken and np.count_nonzero(x) < np.count_nonzero(best[0].x):
            best[:] = candidate, found
        return found.broken

    with suppress(Enough, ImportError):
        _by_emptying(breaks, best)
        if np.count_nonzero(best[0].x) > SMALL:
            _by_hypothesis(breaks, case)
    return best


def _by_emptying(breaks, best):
    """Keep one query, then set all numbers to zero, then half of them, then a quarter, ..., as long as the law stays broken."""
    for query in range(len(best[0].x)):
        if len(best[0].x) > 1:
            breaks(best[0].x[query : query + 1], best[0].t)
    size = 2 * best[0].x.size
    while size > 1:
        size = -(-size // 2)
        live = np.flatnonzero(best[0].x)
        for start in range(0, len(live), size):
            x = best[0].x.copy()
            x.flat[live[start : start + size]] = 0
            breaks(x, best[0].t)


def _by_hypothesis(breaks, case):
    """Let hypothesis look for a single query of multiples of 1/4 that breaks the law, and shrink it."""
    import hypothesis
    from hypothesis import strategies as st

    entries = int(np.prod(case.shape))
    numbers = st.lists(st.integers(-8, 8), min_size=entries, max_size=entries)
    settings = hypothesis.settings(
        max_examples=25, database=None, deadline=None, suppress_health_check=list(hypothesis.HealthCheck)
    )
    # NoSuchExample: what was found without it stands. Flaky: a denoiser that answers otherwise each time.
    with suppress(hypothesis.errors.HypothesisException):
        hypothesis.find(
            st.tuples(numbers, st.sampled_from(case.times)),
            lambda pair: breaks(np.reshape(pair[0], (1, *case.shape)) / 4, pair[1]),
            settings=settings,
            random=Random(0),
        )
