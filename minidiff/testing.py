"""The theory's laws, for a denoiser of your own: `check_denoiser(denoiser, images, schedule, claims=...)` tries them on it.

A denoiser is anything called as `denoiser(x, t) -> x0_hat`, with x (B, H, W, C) and t a number: a machine, a network, or a
function of your own. You say what is claimed of it. Each law that follows from the claims is tried on questions from small to
large. For a broken law the report gives the smallest counter-example that was found, and what a broken law of this kind usually
means.

Each law is also a function, with the theorem as its docstring. `testing.shifts(denoiser, images, schedule)` gives its Result; if
claims matter, give them: `testing.formula(denoiser, images, schedule, claims="ELS", window=3)`.

The papers' short names (KG, AMB, DDIM) are explained in README.md and tutorials/README.md. `laws/structure.py` has the laws of
what a denoiser is and what it sees, `laws/averages.py` those of posterior means, and `laws/best.py` those of the best denoiser of
a class. The laws of best.py hold a denoiser against minidiff/theory.py, through laws/rules.py.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from . import arguments
from .laws import LAWS, Result, run_law
from .laws.averages import (
    data_symmetry,
    near_copies,
    no_signal,
    one_training_image,
    order_and_repetition,
    training_images_stay,
    value_range,
    weights_sum_to_one,
)
from .laws.best import every_time, formula, gradient, local_consistency, orthogonality, recitation, second_order_tweedie
from .laws.case import CLAIMS, MACHINES, Claims, RuleOf, make_case
from .laws.law import PATIENCE, refused
from .laws.structure import (
    TWO_ANSWERS,
    answer,
    one_time_per_query,
    padding_pattern,
    query_by_query,
    repeatable,
    shifts,
    single_precision,
    who_is_heard,
    window,
)
from .machines.windows import WindowLike
from .types import Array, Denoiser, Rng, Schedule

__all__ = ["CLAIMS", "LAWS", "MACHINES", "Report", "Result", "check_denoiser", "practice_images"]
__all__ += ["answer", "one_time_per_query", "padding_pattern", "query_by_query", "repeatable", "shifts", "single_precision"]
__all__ += ["data_symmetry", "near_copies", "no_signal", "one_training_image", "order_and_repetition", "training_images_stay"]
__all__ += ["every_time", "formula", "gradient", "local_consistency", "orthogonality", "recitation", "second_order_tweedie"]
__all__ += ["value_range", "weights_sum_to_one", "who_is_heard", "window"]


@dataclass(frozen=True, eq=False)
class Report:
    """What became of each law; `print(report)` shows it in words.

    Attributes
    ----------
    results : tuple of Result
        One for each law, in a fixed order.
    about : str
        What was claimed, in one line.
    """

    results: tuple[Result, ...]
    about: str = ""

    @property
    def held(self) -> bool:
        """Whether no law is broken."""
        return not self.broken

    @property
    def broken(self) -> tuple[Result, ...]:
        """The results of the broken laws."""
        return tuple(one for one in self.results if one.held is False)

    def __getitem__(self, law: str) -> Result:
        """The Result of a law by its name; for an unknown name a KeyError that lists the names."""
        found = {one.law: one for one in self.results}
        if law not in found:
            raise KeyError(f"law: expected one of {', '.join(found)}, got {law!r}")
        return found[law]

    def require(self) -> "Report":
        """This report if no law is broken, else an AssertionError with the broken laws; for tests."""
        if not self.held:
            raise AssertionError("\n".join(["the denoiser breaks a law", self.about, *map(str, self.broken)]))
        return self

    def __str__(self):
        counts = [sum(one.held is state for one in self.results) for state in (True, False, None)]
        head = f"{counts[0]} laws held, {counts[1]} broken, {counts[2]} not applicable: {self.about}"
        order = sorted(self.results, key=lambda one: {False: 0, True: 1, None: 2}[one.held])
        return "\n".join([head, *map(str, order)])

    __repr__ = __str__


def check_denoiser(
    denoiser: Denoiser,
    images: Array,
    schedule: Schedule,
    claims: Claims = ("posterior mean",),
    *,
    window: WindowLike | None = None,
    boundary: str = "circular",
    make: Callable[[Array], Denoiser] | None = None,
    rule: RuleOf | None = None,
    attention: Array | None = None,
    rng: Rng = 0,
    samples: int = 1000,
    laws: str | Iterable[str] | None = None,
) -> Report:
    """Try every law on a denoiser that follows from what is claimed of it.

    A denoiser may have several of these claims:

    - "local": a pixel sees its k x k window (`window`, `boundary`) and nothing else;
    - "equivariant": it commutes with every shift on the torus;
    - "boundary": the same as far as zero padding allows: pixels with the same padding pattern are treated alike (KG,
      boundary-broken);
    - "posterior mean": it answers with means of training pixels;
    - "rule": it answers with the softmax over the candidates of a rule of your own (`rule`), as theory.py defines it;
    - "hears": with the softmax of `AttentionScore`, raw g = 1, for a `window` and a map (`attention`) that says who hears whom;
    - "ideal": of all denoisers with the other claims it is the best one for this training set, and so a posterior mean.

    So ("ideal",) is IS, ("ideal", "equivariant") is ES, ("ideal", "local") is LS, ("ideal", "local", "equivariant") is circular
    ELS, and ("ideal", "local", "boundary") is boundary-broken ELS; you may also write "IS", "ES", "LS" or "ELS". A network is at
    most ("local", "equivariant") or ("local", "boundary"). `AttentionScore` is ("posterior mean", "equivariant") on a torus.
    ("ideal", "rule") is `SummaryScore`: its formula is also the best denoiser of what it sees. Soft windows (tutorial 04b) are
    only "rule". `AttentionScore` with a map that sends each pixel to one other whose window shares no pixel with its own is
    ("ideal", "hears"): the best denoiser of two windows at unknown places of one training image, see `orthogonality`. With any
    other map it is only "hears". "rule" and "hears" are also "posterior mean"; add "equivariant" where it holds.

    Parameters
    ----------
    denoiser : callable
        denoiser(x, t) -> x0_hat, with x and x0_hat (B, H, W, C) and t a float; if it also takes t (B,), one more law applies. It
        is asked in float64, and for some laws in float32; if it raises an error for float64, it is asked in float32 throughout,
        and `make` is given float32 images. The tolerances are those of the dtype that it computes in.
    images : (N, H, W, C) float32 or float64
        Its training set. Small images show as much and take less time, for example `practice_images()`.
    schedule : Schedule
        Anything with signal(t) and noise(t).
    claims : tuple of names, a name, or a machine's short name
    window : odd int, list of odd ints from least to most noise, or callable of t
        The side k, for "local" and "hears".
    boundary : "circular" or "zeros"
    make : callable, optional
        make(images) -> denoiser, for the laws that compare training sets. Only the law of near copies, which needs it, finds
        expanded squares in float32, and an s that cannot fall below some floor.
    rule : callable, for "rule"
        rule(images, t) -> theory.Rule with images (N, H, W, C) float64, such as
        `lambda images, t: windows_and_means(images, 3, "circular")`; of a machine, `machine.rule(images, *machine.settings(t))`.
    attention : (H W, H W) array, for "hears"
        Row p: the weights of the pixels, in reading order, that p hears, with sum 1.
    rng : None, int or numpy Generator
        An int is the seed of the first question; the others have the seeds that follow.
    samples : int >= 100
        How many noised images `orthogonality` uses.
    laws : names, optional
        Only these of LAWS are tried.

    Returns
    -------
    Report
        `print` it, or use `.held`, `.broken`, `["shifts"]` and `.require()`. If the denoiser fails (with an error, SystemExit
        too, a wrong shape or nan) a law is broken; this function raises no error then. A denoiser that does not answer, or that
        gives two answers to one question, breaks that law, and the others do not apply.

    Raises ValueError or TypeError on bad arguments. Asks about samples + 650 queries in 400 calls, at most 25 at a time: under a
    second for a machine and `practice_images()`. For a broken law up to 150 more questions are asked, for at most about 1.5 s, to
    find a smaller counter-example: pixels are set to zero, and then images with one to three numbers are tried. If all this takes
    more than 2 s, stderr shows how many laws are done; a terminal also shows how many questions a law has asked, if the law
    itself takes more than 2 s. Bounds on rounding are derived; orthogonality is a test of means at 7 standard errors.

    Examples
    --------
    >>> import numpy as np
    >>> from minidiff import LocalScore, schedules
    >>> images, schedule = practice_images(count=4, height=4, width=3), schedules.cosine()
    >>> machine = LocalScore(images, schedule, window=3)
    >>> check_denoiser(machine, images, schedule, "LS", window=3).held
    True
    >>> report = check_denoiser(machine, images, schedule, ("local", "equivariant"), window=3)
    >>> [result.law for result in report.broken]
    ['shifts']
    >>> report["shifts"].x.shape
    (1, 4, 3, 1)
    """
    chosen = _chosen(laws)
    case = make_case(denoiser, images, schedule, claims, window, boundary, make, rule, attention, rng, samples)
    results: list[Result] = []
    why = ""
    for name in tqdm(chosen, unit="law", delay=PATIENCE, leave=False):
        result = refused(LAWS[name], why) if why else run_law(LAWS[name], case)
        results.append(result)
        why = why or _mute(case, result)
    return Report(tuple(results), _about(case, window))


def _chosen(laws):
    """The names of the laws to be tried."""
    if laws is None:
        return list(LAWS)
    named = [laws] if isinstance(laws, str) else laws
    if not isinstance(named, Iterable) or not (named := list(named)):
        raise TypeError(
            f"laws: expected names such as ('formula', 'window'), got {arguments.brief(laws)}; hint: None tries all of them"
        )
    return [arguments.choice("laws", name, tuple(LAWS)) for name in named]


def _mute(case, result):
    """Why no other law is tried after this one: the denoiser does not answer, or draws its answers at random; else ""."""
    if result.held is False and result.law == "answer":
        return "'answer' is broken"
    # A difference in the last digits, as of sums in changing order, hides no other law.
    if result.held is False and result.law == "repeatable" and result.where.startswith(TWO_ANSWERS):
        if result.off > case.rounding(result.x, result.t):
            return f"'repeatable' is broken: {TWO_ANSWERS}"
    return ""


def _about(case, window):
    words = ", ".join(f"'{claim}'" for claim in CLAIMS if claim in case.claims) or "nothing claimed"
    if window is not None:
        words += f"; window {getattr(window, '__name__', window)}, boundary '{case.boundary}'"
    return words


def practice_images(count: int = 8, height: int = 7, width: int = 6, channels: int = 1, rng: Rng = 0) -> Array:
    """A small training set to check denoisers with, (N, H, W, C) float64: random pixels around a random brightness."""
    rng = arguments.generator(rng)
    shape = arguments.shape("count, height, width, channels", (count, height, width, channels), "four whole numbers")
    return np.tanh(rng.standard_normal(shape) + rng.standard_normal((count, 1, 1, 1)))
