"""Exercise 01: a schedule from its ratio, a step and a walk, and the order of a sampler. Its gaps and the common mistakes."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ..types import Array
from .denoisers import draw
from .marking import Exercise, gap
from .slips import slips

# --- the schedule ------------------------------------------------------------------------------------------------------


def levels(ratio: float) -> tuple[float, float]:
    """(a, s) with s / a = ratio and a^2 + s^2 = 1."""
    length = np.hypot(1.0, ratio)
    return 1 / length, ratio / length


LEVELS = gap(
    levels,
    (0.75,),
    (1.0,),
    (3.0,),
    (0.0,),
    (1e200,),
    parts=("a", "s"),
    slips=slips("""
        ratio / length -> 1 - 1 / length  # Your a and s sum to 1. Their squares must sum to 1.
        np.hypot(1.0, ratio) -> 1 + ratio  # Your a and s sum to 1, as in the flow schedule. Their squares must sum to 1.
        np.hypot(1.0, ratio) -> 1 + ratio**2  # The root is missing: a^2 + s^2 = 1 gives a^2 = 1 / (1 + ratio^2).
        ratio / length -> ratio  # s is not divided by the length. Both must be: a is 1 / length.
        1 / length, -> 1.0,; ratio / length -> ratio  # You keep a = 1 (variance exploding). a^2 + s^2 must be 1.
        np.hypot(1.0, ratio) -> np.sqrt(1 + ratio**2)
            # It is right for most ratios, but the square of 1e200 is inf, so s becomes 0. np.hypot finds the length without
            # squaring such numbers.
    """),
)


def time_of(f: Callable[[float], float], wanted: float) -> float:
    """The t in [0, 1] with f(t) = wanted, for an f that increases, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if f(middle) < wanted else (low, middle)
    return middle


def straight(t: float) -> float:
    """s / a of the flow schedule, a = 1 - t and s = t"""
    return t / (1 - t) if t < 1 else np.inf


def exploding(t: float) -> float:
    """s / a of a schedule with a = 1 and s from 0.01 to 80"""
    return 0.01 * 8000.0**t


TIME = gap(
    time_of,
    (straight, 1.0),
    (straight, 3.0),
    (straight, 0.05),
    (exploding, 0.5),
    slips=slips("""
        (middle, high) if f(middle) < wanted else (low, middle) -> (low, middle) if f(middle) < wanted else (middle, high)
        f(middle) < wanted -> f(middle) > wanted
            # You keep the wrong half: where f(middle) is too small, the time lies above the middle.
        range(60) -> range(8)
        range(60) -> range(9)
        range(60) -> range(10)
        range(60) -> range(11)  # You halve too seldom: after n halvings the time is known to 2^-n. It must be known to 1e-9.
        return middle -> return f(middle)  # You return the ratio at the time. Return the time itself.
        range(60) -> range(1)  # You halve once. Go on until the interval is smaller than 1e-9.
        f(middle) < wanted -> middle < wanted  # You compare the time itself with `wanted`. Compare f at this time.
    """),
)

# --- the walk ---------------------------------------------------------------------------------------------------------


def step(x: Array, x0_hat: Array, now: Sequence[float], then: Sequence[float]) -> Array:
    """One step of DDIM, from the levels (a, s) = now to those of then."""
    eps_hat = (x - now[0] * x0_hat) / now[1]
    return then[0] * x0_hat + then[1] * eps_hat


PIXEL = np.ones((1, 1, 1))
STEP = gap(
    step,
    (PIXEL, 0.5 * PIXEL, (0.6, 0.8), (0.8, 0.6)),
    (draw(0, 2, 2, 1), draw(1, 2, 2, 1), (0.3, 0.7), (0.5, 0.4)),
    (draw(2, 2, 3, 2), draw(3, 2, 3, 2), (0.2, 0.9), (0.9, 0.1)),
    slips=slips("""
        now[0] * x0_hat) / now[1] -> then[0] * x0_hat) / then[1]
            # You take the noise with the levels of then. x still has those of now: x = a x0_hat + s eps_hat.
        (x - now[0] * x0_hat) -> (x - x0_hat)  # The factor a is missing in the noise: x = a x0_hat + s eps_hat.
        then[1] * eps_hat -> then[1] * x  # You add x itself. Add what is noise in it, eps_hat.
        then[1] * eps_hat -> now[1] * eps_hat  # The noise keeps its old level. It gets the level of then.
        then[1] * eps_hat -> then[0] * eps_hat  # The noise gets the level a of then. It must get s.
        then[0] * x0_hat + -> x0_hat +  # The image has no factor. It gets the signal level of then.
        then[0] * x0_hat + -> now[0] * x0_hat +  # The image keeps its old level. It gets the level of then.
        (x - now[0] * x0_hat) / now[1] -> x - now[0] * x0_hat  # The division by s is missing: x - a x0_hat is s eps_hat.
        return x0_hat  # This is the guess itself. A step keeps some of the noise.
        then[1] * eps_hat -> then[1] / now[1] * eps_hat
            # You divide by s twice: eps_hat was divided by it already.
    """),
)


def walk(denoiser: Callable[..., Array], noise: Array, levels: Sequence[Sequence[float]]) -> Array:
    """The end of a DDIM walk that begins with noise and goes through all levels."""
    x = levels[0][1] * noise
    for now, then in pairwise(levels):
        x = step(x, denoiser(x, *now), now, then)
    return x


def shrinks(x: Array, a: float, s: float) -> Array:
    """the best guess if the clean pixels are normal with variance 4"""
    return 4 * a * x / (4 * a * a + s * s)


def bends(x: Array, a: float, s: float) -> Array:
    """the best guess if the clean pixels are 1 or -1"""
    return np.tanh(a * x / s**2)


WALK = gap(
    walk,
    (shrinks, PIXEL, [(0.6, 0.8), (1.0, 0.0)]),
    (shrinks, draw(4, 2, 2, 1), [(0.1, 0.9), (0.6, 0.8), (0.9, 0.2), (1.0, 0.0)]),
    (bends, draw(5, 2, 3, 1), [(0.2, 1.5), (0.5, 0.7), (0.8, 0.3), (0.9, 0.1)]),
    slips=slips("""
        levels[0][1] * noise -> noise  # The walk begins at the first noise level: x = s noise, and not noise.
        denoiser(x, *now) -> denoiser(x, *then)
            # The denoiser is asked at the levels where the step ends. It must be asked at those that x has now.
        pairwise(levels) -> pairwise(levels[:-1])  # The last step is missing. Go on to the last levels.
        pairwise(levels) -> pairwise(levels[1:])  # The first step is missing. Begin at levels[0].
        pairwise(levels) -> pairwise(levels[::-1])  # You walk from the last levels to the first. The first are the noisiest.
        x = step(x, denoiser -> x = step(levels[0][1] * noise, denoiser
            # Each step begins at the first x again. It must begin where the step before it ended.
        denoiser(x, *now) -> denoiser(levels[0][1] * noise, *now)
            # The denoiser always sees the first x. Ask it about the x of this step.
        return x -> return denoiser(x, *levels[0])  # You return a guess. Return x, where the walk has ended.
    """),
)

# --- its order --------------------------------------------------------------------------------------------------------


def order(counts: Array, errors: Array) -> float:
    """The p for which errors are about c / counts^p: minus the slope of a line through the logarithms."""
    return -np.polyfit(np.log(counts), np.log(errors), 1)[0]


ORDER = gap(
    order,
    (np.array([10.0, 20.0]), np.array([0.4, 0.2])),
    (np.array([10.0, 20.0, 40.0]), np.array([0.9, 0.21, 0.06])),
    (np.array([8.0, 12.0, 30.0, 90.0]), np.array([0.5, 0.4, 0.1, 0.02])),
    slips=slips("""
        -np.polyfit -> np.polyfit  # The sign is wrong: errors fall as counts rise, so the slope is negative, and p is minus it.
        np.polyfit(np.log(counts), np.log(errors), 1) -> np.polyfit(np.log(errors), np.log(counts), 1)
            # The two axes are swapped: you found how counts depend on errors, 1 / p.
        1)[0] -> 1)[1]  # This is the line's value at log(counts) = 0. The order is in its slope.
        np.log(counts), np.log(errors) -> counts, errors
            # A line through the numbers themselves has no order. Take the logarithms of both: log e = log c - p log n.
        np.log(counts), -> counts,  # The logarithm of the counts is missing: log e = log c - p log n.
        np.log(counts), np.log(errors) -> np.log(counts), np.log10(errors)
            # You mix logarithms of two kinds, log and log10. Take the same for both.
        return errors[0] / errors[1]
            # This is a quotient of two errors. The order is a slope: fit a line through the logarithms of all of them.
        return np.log2(errors[0] / errors[1])
            # You assume that counts double, and use only the first two. Fit a line through all of them.
        return np.log(errors[0] / errors[-1]) / np.log(counts[-1] / counts[0])
            # You use only the first and the last. Fit a line through all of them (least squares).
    """),
)

# --- all of it --------------------------------------------------------------------------------------------------------


def _together(names: dict[str, Any]) -> tuple[bool, str]:
    """Measure the order of the student's walk where its end is known, with levels that the student's schedule gives."""
    noise, last = draw(10, 3, 2, 1), 1e-3

    def error(count: int) -> float:
        # Even steps of the angle, from almost no signal down to s / a = 1e-3.
        angles = np.linspace(np.arctan(200.0), np.arctan(last), count + 1)
        path = [names["levels"](float(np.tan(angle))) for angle in angles]
        # Along the exact path x / sqrt(4 a^2 + s^2) stays the same: the variance of x is 4 a^2 + s^2 (see `shrinks`).
        (a, s), (a_end, s_end) = path[0], path[-1]
        exact = s * noise * np.sqrt((4 * a_end**2 + s_end**2) / (4 * a**2 + s**2))
        return float(np.abs(names["walk"](shrinks, noise, path) - exact).max())

    counts = np.array([40.0, 80.0, 160.0, 320.0])
    found = names["order"](counts, np.array([error(int(count)) for count in counts]))
    half = names["time_of"](straight, names["levels"](1.0)[1] / names["levels"](1.0)[0])
    words = f"your walk has the order {found:.2f}, and DDIM has order 1; both schedules have s / a = 1 at t = {half:.3f} (flow)"
    return bool(abs(found - 1) < 0.1 and abs(half - 0.5) < 1e-6), words


EXERCISE = Exercise("01", "noise and the way back", (LEVELS, TIME, STEP, WALK, ORDER), _together)
