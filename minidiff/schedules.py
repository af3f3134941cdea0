"""Noise schedules: how much signal a(t) and how much noise s(t) an image holds at time t.

The forward process is x_t = a(t) x_0 + s(t) eps with eps ~ N(0, I) and t in [0, 1]; t = 0 is clean (DDPM; SDE). All the
rest of the package needs only (a, s), and for the continuous samplers their slopes: a'(t), and the slope of the *variance*
s(t)^2 rather than of s, because s ~ sqrt(t) near t = 0 for two of the schedules: d(s^2)/dt stays finite where ds/dt does not.
"""

from dataclasses import dataclass, field

import numpy as np

from . import arguments, theory


@dataclass(frozen=True)
class Schedule:
    """A noise schedule, given by signal(t) = a and noise(t) = s of x_t = a x_0 + s eps.

    Two schedules are equal when they have the same name and settings. Make one with `cosine`, `linear`, `exponential`,
    `ve` or `flow`; a schedule of your own is `Schedule("mine", (), signal, noise, signal_slope, variance_slope)` from four
    functions of a float64 array t.

    Attributes
    ----------
    name : str
    settings : tuple of (str, float)
        The arguments it was made with.

    Examples
    --------
    >>> schedule = cosine()
    >>> float(schedule.signal(0.0)), float(schedule.noise(0.0))
    (1.0, 0.0)
    """

    name: str
    settings: tuple
    _signal: callable = field(compare=False, repr=False)
    _noise: callable = field(compare=False, repr=False)
    _signal_slope: callable = field(compare=False, repr=False)
    _variance_slope: callable = field(compare=False, repr=False)

    def signal(self, t):
        """The signal level a(t), float64 of t's shape; ValueError if t leaves [0, 1]."""
        return self._signal(arguments.times("t", t))

    def noise(self, t):
        """The noise level s(t), float64 of t's shape; ValueError if t leaves [0, 1]."""
        return self._noise(arguments.times("t", t))

    def signal_slope(self, t):
        """The slope da/dt, float64 of t's shape."""
        return self._signal_slope(arguments.times("t", t))

    def variance_slope(self, t):
        """The slope d(s^2)/dt, float64 of t's shape; finite at every t."""
        return self._variance_slope(arguments.times("t", t))


def cosine():
    """The cosine schedule as KG's experiments use it: alpha_bar(t) = a^2 = cos^2((t / 1.008) pi / 2), a^2 + s^2 = 1.

    The signal at t = 1 is small but not zero: alpha_bar(1) = 1.55e-4.

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
    """Variance preserving from alpha_bar = exp(-exponent(t)), with the slope of the exponent."""
    return Schedule(
        name,
        settings,
        lambda t: np.exp(-exponent(t) / 2),
        # 1 - exp(-b) loses every digit for small b: at b = 1e-17 it is 0, where s is 3e-9.
        lambda t: np.sqrt(-np.expm1(-exponent(t))),
        lambda t: -slope(t) / 2 * np.exp(-exponent(t) / 2),
        lambda t: slope(t) * np.exp(-exponent(t)),
    )


def linear():
    """The linear schedule (SDE, VP): beta(t) from 0.1 to 20, so alpha_bar(t) = exp(-(0.1 t + 9.95 t^2)), a^2 + s^2 = 1.

    Examples
    --------
    >>> print(f"{float(linear().signal(1.0)):.4f}")
    0.0066
    """
    return _from_exponent("linear", (), lambda t: 0.1 * t + 9.95 * t * t, lambda t: 0.1 + 19.9 * t)


def exponential(strength=5.0):
    """Constant beta (VP): alpha_bar(t) = exp(-2 S t) with S = `strength`, a^2 + s^2 = 1; the Ornstein-Uhlenbeck process.

    Examples
    --------
    >>> print(f"{float(exponential().signal(1.0)):.4f}")
    0.0067
    """
    rate = 2 * arguments.number("strength", strength, 1e-6, 300)
    return _from_exponent("exponential", (("strength", rate / 2),), lambda t: rate * t, lambda t: rate * np.ones_like(t))


def ve(sigma_min=0.01, sigma_max=50.0):
    """Variance exploding (SDE, VE): a = 1 and s(t) = sigma_min (sigma_max / sigma_min)^t, so that s(0) = sigma_min, not 0.

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
        # Two-sided, so that both ends are exact: low * (high / low) ** 1 rounds to 50.00000000000001.
        lambda t: low ** (1 - t) * high**t,
        lambda t: np.zeros_like(t),
        lambda t: 2 * growth * (low ** (1 - t) * high**t) ** 2,
    )


def flow():
    """The straight path of flow matching: a = 1 - t, s = t; no signal at all at t = 1.

    Examples
    --------
    >>> float(flow().signal(1.0)), float(flow().noise(0.25))
    (0.0, 0.25)
    """
    return Schedule("flow", (), lambda t: 1 - t, lambda t: 1.0 * t, lambda t: -np.ones_like(t), lambda t: 2 * t)


NAMES = {"cosine": cosine, "linear": linear, "exponential": exponential, "ve": ve, "flow": flow}


def by_name(name):
    """The schedule of that name with its default settings; ValueError lists the names."""
    return NAMES[arguments.choice("schedule", name, tuple(NAMES))]()
