"""How a law is tried: on questions from small to large. If one breaks it, a smaller question that breaks it too is looked for."""

import functools
import inspect
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple, Protocol, cast

import numpy as np
from tqdm import tqdm

from ..machines.windows import WindowLike
from ..types import Array, Denoiser, Rng, Schedule
from .case import Case, Claims, Drawn, Make, Malformed, NotApplicable, RuleOf, make_case

# To make a counter-example smaller at most this many questions are asked, and at most about this many seconds are spent; but ten
# questions are always asked.
MOST_SHRINKS, SHRINK_SECONDS = 150, 1.5
# A counter-example with at most this many numbers that are not zero is small enough.
SMALL = 3
# Progress is shown after so many seconds.
PATIENCE = 2.0
STATES = {True: "held", False: "BROKEN", None: "-"}


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


def compared(
    gap: Array, allowed: float, after: str = "", x: Array | None = None, t: float | None = None, before: str = ""
) -> Finding:
    """The Finding of a gap (..., H, W, C) between two answers; `where` says at which pixel it is largest, between two texts."""
    gap = np.abs(gap)
    place = np.unravel_index(int(gap.argmax()), gap.shape)
    where = pixel_words(*map(int, place[-3:]))
    return Finding(float(gap[place]), allowed, f"{before}{where}{after}", x, t)


def pixel_words(row: int, column: int, channel: int) -> str:
    """A pixel and a channel in words."""
    return f"pixel (row {row}, column {column}), channel {channel}"


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
        head = f"{STATES[self.held]:<7} {self.law:<22} "
        if self.held is None:
            return f"{head}not applicable: {self.where}"
        if self.held:
            found = f"off by {self.off:.1e} at most, {self.allowed:.1e} allowed" if self.allowed else "exactly"
            return f"{head}{found}; {self.tries} {'tries' if self.tries > 1 else 'try'}"
        finite = np.isfinite(self.off)
        told = {
            "where": self.where if finite else "",
            "the law": self.says,
            "here": self.hint,
            "usually": self.usually,
            "smallest counter-example": "" if self.x is None else f"{_shown(self.x)} at t = {self.t:.4g} (seed {self.seed})",
        }
        lines = [head + (f"off by {self.off:.3g}, {self.allowed:.1e} allowed" if finite else self.where)]
        lines += [f"{' ' * 8}{label}: {words}" for label, words in told.items() if words]
        return "\n".join(textwrap.fill(line, 120, subsequent_indent=" " * 10) for line in lines)


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
    also: tuple[str, ...]
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
        rule: RuleOf | None = None,
        attention: Array | None = None,
        rng: Rng = 0,
        samples: int = 1000,
    ) -> Result: ...


# Every law by its name, in the order in which a report gives them.
LAWS: dict[str, Law] = {}


def law(
    name: str,
    needs: tuple[str, ...] = (),
    tries: int = 16,
    draws: bool = True,
    explain: Callable[[Case], str] | None = None,
    also: tuple[str, ...] = (),
) -> Callable[[Trial], Law]:
    """A decorator that makes a law of a function trial(case, drawn, rng) -> Finding.

    The law is a function for people: it takes the arguments of `check_denoiser` except `laws`, and returns a Result. The first
    line of the trial's docstring is the theorem, and its paragraph "Usually: ..." is what it usually means if the law is broken.
    If it has a paragraph "Far away: ...", the last question is one of `Case.draw_far`, and these words are told if the law breaks
    there only. `needs` are the claims that the law follows from, and its own claims by default; it follows from any one of `also`
    too. `draws` says whether the trial
    asks the question that was drawn; that question can then be made smaller. explain(case) gives a hint after the law was broken.
    """

    def build(trial):
        # Not the annotations, nor __wrapped__: help() is to show the arguments of the law, not those of the trial.
        @functools.wraps(trial, assigned=("__module__", "__name__", "__qualname__", "__doc__"))
        def call(
            denoiser,
            images,
            schedule,
            *,
            claims=None,
            window=None,
            boundary="circular",
            make=None,
            rule=None,
            attention=None,
            rng=0,
            samples=1000,
        ):
            if claims is None:
                given = {"rule": rule, "hears": attention, "local": window if attention is None else None}
                claims = {*needs, *(name for name, one in given.items() if one is not None)}
            case = make_case(denoiser, images, schedule, claims, window, boundary, make, rule, attention, rng, samples)
            return run_law(found, case)

        del call.__wrapped__
        found = cast(Law, call)
        told = inspect.cleandoc(trial.__doc__).split("\n\n")
        found.usually, found.far = (_paragraph(told, label) for label in ("Usually: ", "Far away: "))
        found.law, found.needs, found.says = name, needs, told[0].split("\n")[0]
        found.also, found.tries, found.draws, found.explain, found.trial = also, tries, draws, explain, trial
        LAWS[name] = found
        return found

    return build


def _paragraph(paragraphs, label):
    """The paragraph that begins with `label`, without it and in one line; "" if there is none."""
    found = [" ".join(one.split()) for one in paragraphs if one.startswith(label)]
    return found[0].removeprefix(label) if found else ""


def refused(which: Law, why: str) -> Result:
    """The Result of a law that does not apply."""
    return Result(which.law, None, which.says, where=why)


def run_law(which: Law, case: Case) -> Result:
    """The Result of one law for a Case; if it takes more than 2 s, a terminal's stderr shows how many questions were asked."""
    missing = [claim for claim in which.needs if claim not in case.claims]
    if missing and case.claims.isdisjoint(which.also):
        return refused(which, f"'{missing[0]}' is not claimed")
    with tqdm(desc=which.law, unit=" questions", delay=PATIENCE, leave=False, disable=None) as bar:
        case.count = bar.update
        return _tried(which, case)


def _tried(which, case):
    """The Result of a law whose claims are made: from the try that breaks it, or from the try that is furthest off."""
    findings, why = [], "rounding, or too little contrast, would hide any mistake"
    for number in range(which.tries):
        far = bool(which.far) and number == which.tries - 1
        seed = case.seed + number
        drawn = case.draw_far(seed) if far else case.draw(seed, 3 * number // max(which.tries - 1, 1))
        try:
            finding = attempt(which, case, drawn)
        except NotApplicable as reason:
            why = str(reason)
            continue
        if finding.broken:
            if far and finding.usually is None:
                finding = finding._replace(usually=which.far)
            return _broken(which, case, drawn, finding, number + 1)
        # A bound as wide as the range shows nothing. Laws that ask questions of their own raise NotApplicable then.
        if not which.draws or finding.allowed <= case.span / 4:
            findings.append(finding)
    if not findings:
        return refused(which, why)
    worst = max(reversed(findings), key=lambda one: one.off / one.allowed if one.allowed else 0.0)
    return Result(which.law, True, which.says, worst.off, worst.allowed, tries=len(findings))


def _broken(which, case, drawn, finding, tries):
    """The Result of a law that a try broke."""
    usually = which.usually if finding.usually is None else finding.usually
    if which.draws:
        drawn, finding = smaller(which, case, drawn, finding)
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


def smaller(which: Law, case: Case, drawn: Drawn, finding: Finding) -> tuple[Drawn, Finding]:
    """The question found with the fewest numbers that are not zero which still breaks the law, and its Finding."""
    started, questions = time.perf_counter(), _simpler(case, lambda: drawn)
    for number, (x, t) in zip(range(MOST_SHRINKS), questions, strict=False):
        if number >= 10 and time.perf_counter() - started > SHRINK_SECONDS:
            break
        candidate = Drawn(x, t, drawn.seed)
        with suppress(NotApplicable):
            found = attempt(which, case, candidate)
            if found.broken and np.count_nonzero(x) < np.count_nonzero(drawn.x):
                drawn, finding = candidate, found
    return drawn, finding


def _simpler(case: Case, smallest: Callable[[], Drawn]) -> Iterator[tuple[Array, float]]:
    """Questions (x, t) that may be smaller than the smallest one so far, `smallest()`, which changes between them.

    First one query of several; then all numbers set to zero, or else half of them, a quarter, ...; and if that leaves many
    numbers, other questions with at most SMALL numbers, multiples of 1/4.
    """
    for query in range(len(smallest().x)):
        if len(smallest().x) > 1:
            yield smallest().x[query : query + 1], smallest().t
    size = 2 * smallest().x.size
    while size > 1:
        size = -(-size // 2)
        live = np.flatnonzero(smallest().x)
        for start in range(0, len(live), size):
            x = smallest().x.copy()
            x.flat[live[start : start + size]] = 0
            yield x, smallest().t
    rng = np.random.default_rng(0)
    while np.count_nonzero(smallest().x) > SMALL:
        x = np.zeros((1, *case.shape))
        live = rng.integers(x.size, size=rng.integers(SMALL + 1))
        x.flat[live] = rng.integers(-8, 9, size=len(live)) / 4
        yield x, float(rng.choice(case.times))
