"""Noise schedules: how much signal a(t) and how much noise s(t) an image holds at time t.

The forward process is x = a(t) x0 + s(t) eps with eps ~ N(0, I) and t in [0, 1]; t = 0 is clean (DDPM, where a^2 is called
alpha_bar; SDE). Most of the package needs only a and s. The samplers `ode` and `sde` also need slopes: da/dt, and d(s^2)/dt
instead of ds/dt. For two of the schedules s is close to sqrt(t) near t = 0, where ds/dt is infinite and d(s^2)/dt is not.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from . import arguments, theory
from .types import Array, Times


@dataclass(frozen=True)
class Schedule:
    """A noise schedule: signal(t) = a and noise(t) = s of x = a x0 + s eps, and their slopes.

    Two schedules are equal if they have the same name and settings. Make one with `cosine`, `linear`, `exponential`, `ve` or
    `flow`. A schedule of your own is `Schedule("mine", (), signal, noise, signal_slope, variance_slope)`: four functions of a
    float64 array t, which return a float64 array of the same shape.

    Attributes
    ----------
    name : str
    settings : tuple of (str, float)
        The arguments that it was made with.

    Examples
    --------
    >>> schedule = cosine()
    >>> float(schedule.signal(0.0)), float(schedule.noise(0.0))
    (1.0, 0.0)
    """

    name: str
    settings: tuple[tuple[str, float], ...]
    _signal: Callable[[Array], Array] = field(compare=False, repr=False)
    _noise: Callable[[Array], Array] = field(compare=False, repr=False)
    _signal_slope: Callable[[Array], Array] = field(compare=False, repr=False)
    _variance_slope: Callable[[Array], Array] = field(compare=False, repr=False)

    def signal(self, t: Times) -> Array:
        """The signal level a(t), float64 of t's shape; ValueError if t is not in [0, 1]."""
        return self._signal(arguments.times("t", t))

    def noise(self, t: Times) -> Array:
        """The noise level s(t), float64 of t's shape; ValueError if t is not in [0, 1]."""
        return self._noise(arguments.times("t", t))

    def signal_slope(self, t: Times) -> Array:
        """The slope da/dt, float64 of t's shape; ValueError if t is not in [0, 1]."""
        return self._signal_slope(arguments.times("t", t))

    def variance_slope(self, t: Times) -> Array:
        """The slope d(s^2)/dt, float64 of t's shape; finite at every t in [0, 1], ValueError at any other."""
        return self._variance_slope(arguments.times("t", t))


def cosine() -> Schedule:
    """The cosine schedule of KG's experiments: a(t)^2 = cos^2((t / 1.008) pi / 2) and a^2 + s^2 = 1.

    The signal at t = 1 is small but not zero: a(1)^2 = 1.55e-4.

    Examples
    --------
    >>> print(f"{float(cosine().signal(1.0)) ** 2:.3g}")
    0.000155
    """
    rate = np.pi / 2 / 1.008
    return Schedule(
        "cosine",
        (),
        lambda t: theory.cosine(t)[0],
        lambda t: theory.cosine(t)[1],
        lambda t: -rate * np.sin(rate * t),
        lambda t: rate * np.sin(2 * rate * t),
    )


def _from_exponent(name, settings, exponent, slope):
    """The schedule with a^2 = exp(-exponent(t)) and a^2 + s^2 = 1, from the exponent and its slope."""
    return Schedule(
        name,
        settings,
        lambda t: np.exp(-exponent(t) / 2),
        # Not 1 - exp(-b), which has no correct digit for small b: at b = 1e-17 it is 0, although s is 3e-9.
        lambda t: np.sqrt(-np.expm1(-exponent(t))),
        lambda t: -slope(t) / 2 * np.exp(-exponent(t) / 2),
        lambda t: slope(t) * np.exp(-exponent(t)),
    )


def linear() -> Schedule:
    """The linear schedule (SDE, VP): beta(t) = 0.1 + 19.9 t, so a(t)^2 = exp(-(0.1 t + 9.95 t^2)), and a^2 + s^2 = 1.

    Examples
    --------
    >>> print(f"{float(linear().signal(1.0)):.4f}")
    0.0066
    """
    return _from_exponent("linear", (), lambda t: 0.1 * t + 9.95 * t * t, lambda t: 0.1 + 19.9 * t)


def exponential(strength: float = 5.0) -> Schedule:
    """Constant beta (SDE, VP): a(t)^2 = exp(-2 S t) with S = `strength`, and a^2 + s^2 = 1; the Ornstein-Uhlenbeck process.

    `strength` is from 1e-6 to 300; ValueError or TypeError on any other.

    Examples
    --------
    >>> print(f"{float(exponential().signal(1.0)):.4f}")
    0.0067
    """
    rate = 2 * arguments.number("strength", strength, 1e-6, 300)
    return _from_exponent("exponential", (("strength", rate / 2),), lambda t: rate * t, lambda t: rate * np.ones_like(t))


def ve(sigma_min: float = 0.01, sigma_max: float = 50.0) -> Schedule:
    """Variance exploding (SDE, VE): a = 1 and s(t) = sigma_min (sigma_max / sigma_min)^t, so s(0) is sigma_min and not 0.

    1e-12 <= sigma_min <= sigma_max; ValueError or TypeError otherwise.

    Examples
    --------
    >>> float(ve().noise(1.0)), float(ve().noise(0.0))
    (50.0, 0.01)
    """
    low = arguments.number("sigma_min", sigma_min, 1e-12)
    high = arguments.number("sigma_max", sigma_max, low)
    growth = np.log(high / low)
    return Schedule(
        "ve",
        (("sigma_min", low), ("sigma_max", high)),
        lambda t: np.ones_like(t),
        # With both powers both ends are exact; low * (high / low) ** 1 would be 50.00000000000001.
        lambda t: low ** (1 - t) * high**t,
        lambda t: np.zeros_like(t),
        lambda t: 2 * growth * (low ** (1 - t) * high**t) ** 2,
    )


def flow() -> Schedule:
    """The straight path of flow matching: a = 1 - t and s = t; at t = 1 there is no signal.

    Examples
    --------
    >>> float(flow().signal(1.0)), float(flow().noise(0.25))
    (0.0, 0.25)
    """
    return Schedule("flow", (), lambda t: 1 - t, lambda t: 1.0 * t, lambda t: -np.ones_like(t), lambda t: 2 * t)


NAMES = {"cosine": cosine, "linear": linear, "exponential": exponential, "ve": ve, "flow": flow}


def by_name(name: str) -> Schedule:
    """The schedule of that name with its default settings; for an unknown name a ValueError that lists the names."""
    return NAMES[arguments.choice("schedule", name, tuple(NAMES))]()
