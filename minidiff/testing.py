"""The theory's laws, to hold a denoiser of your own against: `check_denoiser(denoiser, images, schedule, claims=...)`.

A denoiser is anything called as `denoiser(x, t) -> x0_hat`, with x (B, H, W, C) and t a number: a machine, a network, or a
function written this morning. Say what it is claimed to be, and each law that follows from the claims is tried on questions
from small to large; a law that breaks comes with the smallest counter-example found, and with what that usually means.

Each law is a function too, with the theorem as its docstring: `testing.shifts(denoiser, images, schedule)` gives its Result, and
`testing.formula(denoiser, images, schedule, claims="ELS", window=3)` where claims matter.
The papers' short names (KG, AMB, DDIM) are those of the README. `laws/structure.py` has the laws of what a denoiser is and sees,
`laws/averages.py` those of posterior means, `laws/best.py` those of the best of a class, which are held against
`laws/definition.py`, a few loops that share nothing with the machines.
"""

from dataclasses import dataclass, field

import numpy as np

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
from .laws.best import formula, gradient, local_consistency, orthogonality, recitation, second_order_tweedie
from .laws.case import CLAIMS, MACHINES, make_case
from .laws.structure import (
    answer,
    one_time_per_query,
    padding_pattern,
    query_by_query,
    repeatable,
    shifts,
    single_precision,
    window,
)

__all__ = [
    "CLAIMS",
    "LAWS",
    "MACHINES",
    "Report",
    "Result",
    "answer",
    "check_denoiser",
    "data_symmetry",
    "formula",
    "gradient",
    "local_consistency",
    "near_copies",
    "no_signal",
    "one_time_per_query",
    "one_training_image",
    "order_and_repetition",
    "orthogonality",
    "padding_pattern",
    "practice_images",
    "query_by_query",
    "recitation",
    "repeatable",
    "second_order_tweedie",
    "shifts",
    "single_precision",
    "training_images_stay",
    "value_range",
    "weights_sum_to_one",
    "window",
]


@dataclass(frozen=True, eq=False)
class Report:
    """What became of each law; `print(report)` says it in words.

    Attributes
    ----------
    results : tuple of Result
        One a law, in a fixed order.
    about : str
        What was claimed, in a line.
    """

    results: tuple
    about: str = field(default="")

    @property
    def held(self):
        """Whether no law that applies is broken."""
        return not self.broken

    @property
    def broken(self):
        """The results of the broken laws."""
        return tuple(one for one in self.results if one.held is False)

    def __getitem__(self, law):
        """The Result of a law by its name; KeyError lists the names."""
        found = {one.law: one for one in self.results}
        if law not in found:
            raise KeyError(f"law: expected one of {', '.join(found)}, got {law!r}")
        return found[law]

    def require(self):
        """This report if all laws held; else AssertionError with the broken ones, for pytest."""
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
    denoiser,
    images,
    schedule,
    claims=("posterior mean",),
    *,
    window=None,
    boundary="circular",
    make=None,
    rng=0,
    samples=1000,
    laws=None,
):
    """Hold a denoiser against every law that follows from what is claimed of it.

    Claims are what a denoiser is, and add up:

    - "local": a pixel sees its k x k window (`window`, `boundary`) and nothing else;
    - "equivariant": it commutes with every shift on the torus;
    - "boundary": the same as far as zero padding allows: pixels of one padding pattern are treated alike (KG, boundary-broken);
    - "posterior mean": it answers with means of training pixels;
    - "ideal": it is the best denoiser of this training set among all for which the other claims hold, and so a posterior mean.

    So ("ideal",) is IS, ("ideal", "equivariant") ES, ("ideal", "local") LS, ("ideal", "local", "equivariant") circular ELS, and
    ("ideal", "local", "boundary") boundary-broken ELS; "IS", "ES", "LS" and "ELS" may be written for them. A network is at most
    ("local", "equivariant") or ("local", "boundary"), and a posterior mean that pools evidence ("posterior mean", "equivariant").

    Parameters
    ----------
    denoiser : callable
        denoiser(x, t) -> x0_hat, x and x0_hat (B, H, W, C), t a float; a law more is tried if it takes t (B,). It is asked in
        float64, and once in float32; tolerances are those of the dtype that it computes in.
    images : (N, H, W, C) float32 or float64
        Its training set. Small ones show as much and take less time: `practice_images()`.
    schedule : Schedule
        Or anything with signal(t) and noise(t).
    claims : tuple of names, a name, or a machine's short name
    window : odd int, list of odd ints from least to most noise, or callable of t, for "local"
    boundary : "circular" or "zeros"
    make : callable, optional
        make(images) -> denoiser, for the laws that compare training sets. Without it expanded squares in float32, or an s kept
        above a floor, go unnoticed: only near copies show them.
    rng : None, int or numpy Generator
        An int is the seed of the first question; seeds count up from there.
    samples : int >= 100
        Noised images for `orthogonality`.
    laws : names, optional
        Only these of LAWS.

    Returns
    -------
    Report
        `print` it; `.held`, `.broken`, `["shifts"]` and `.require()`. What goes wrong in the denoiser (an error, a wrong shape,
        nan) is a broken law, never an error of this function.

    Raises ValueError or TypeError on bad arguments. Asks about samples + 650 queries in 400 calls, at most 25 at a time: under a
    second for a machine and `practice_images()`. A broken law asks up to 150 times more, or 1.5 s, to make its counter-example
    smaller, by emptying pixels and then by hypothesis where it is installed (which keeps a cache of its own in .hypothesis).
    Bounds on rounding are derived; orthogonality is a test of means at 7 standard errors.

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
    case = make_case(denoiser, images, schedule, claims, window, boundary, make, rng, samples)
    chosen = tuple(LAWS)
    if laws is not None:
        chosen = [arguments.choice("laws", name, tuple(LAWS)) for name in ([laws] if isinstance(laws, str) else laws)]
    results = []
    for name in chosen:
        mute = any(one.law == "answer" and one.held is False for one in results)
        results.append(LAWS[name].refused("'answer' is broken") if mute else run_law(LAWS[name], case))
    return Report(tuple(results), _about(case, window))


def _about(case, window):
    words = ", ".join(f"'{claim}'" for claim in CLAIMS if claim in case.claims) or "nothing claimed"
    if window is not None:
        words += f"; window {getattr(window, '__name__', window)}, boundary '{case.boundary}'"
    return words


def practice_images(count=8, height=7, width=6, channels=1, rng=0):
    """A small training set to check denoisers on: smooth patterns of random contrast, no two alike, sides that differ."""
    rng = arguments.generator(rng)
    shape = (count, height, width, channels)
    return np.tanh(rng.standard_normal(shape) + rng.standard_normal((count, 1, 1, 1)))
