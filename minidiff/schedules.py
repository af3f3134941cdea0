"""Noise schedules: how much signal a(t) and how much noise s(t) an image holds at time t.

The forward process is x = a(t) x0 + s(t) eps with eps ~ N(0, I) and t in [0, 1]; t = 0 is clean (DDPM, where a^2 is called
alpha_bar; SDE). Most of the package needs only a and s. The samplers `ode` and `sde` also need slopes: da/dt, and d(s^2)/dt
instead of ds/dt. For two of the schedules s is close to sqrt(t) near t = 0, where ds/dt is infinite and d(s^2)/dt is not.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

import numpy as np

from . import arguments, theory
from .types import Array, Times


@dataclass(frozen=True)
class Schedule:
    """A noise schedule: signal(t) = a and noise(t) = s of x = a x0 + s eps, and their slopes.

    Two schedules are equal if they have the same name and settings. Make one with `cosine`, `linear`, `exponential`, `ve` or
    `flow`. A schedule of your own is `Schedule("mine", (), signal, noise, signal_slope, variance_slope)`: four functions of a
    float64 array t, which return a float64 array of the same shape. It can be pickled, and so sent to other processes, if the
    four are defined with def at the top of a file; TypeError names the one that is not.

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

    def __reduce__(self) -> tuple[Any, ...]:
        parts = {one.name: getattr(self, one.name) for one in fields(self)}
        for name, part in parts.items():
            arguments.can_pickle(f"schedule {self.name!r}, {name.strip('_')}", part)
        return type(self), tuple(parts.values())

    def __copy__(self) -> "Schedule":
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> "Schedule":
        # Nothing of a schedule changes, so a copy of one with lambdas, which pickle refuses, is the schedule itself.
        return self


def check(schedule: Any, *needed: str) -> Any:
    """`schedule` itself if it has the `needed` methods, else a TypeError."""
    if not all(callable(getattr(schedule, method, None)) for method in needed):
        raise TypeError(f"schedule: expected a Schedule, got {arguments.brief(schedule)}; hint: minidiff.schedules.cosine()")
    return schedule


def levels(schedule: Any, t: Times) -> tuple[Array, Array]:
    """(a, s) of a schedule at t, each float64 of t's shape.

    A schedule of one's own may return a Python float, and one number for all times. TypeError or ValueError where it returns
    anything else, NaN or inf, or a negative s.
    """
    check(schedule, "signal", "noise")
    t = arguments.times("t", t)
    signal, noise = (_level(schedule, name, t) for name in ("signal", "noise"))
    if (noise < 0).any():
        raise ValueError(f"schedule: expected noise(t) >= 0, got {arguments.exact(noise.min())}")
    return signal, noise


def _level(schedule, name, t):
    found = getattr(schedule, name)(t)
    try:
        level = np.asarray(found, np.float64)
    except (TypeError, ValueError):
        raise TypeError(_expected(name, t, found)) from None
    if level.shape not in ((), t.shape) or not np.isfinite(level).all():
        raise ValueError(_expected(name, t, found))
    return np.broadcast_to(level, t.shape)


def _expected(name, t, found):
    return f"schedule: expected {name}(t) of finite numbers in t's shape, {t.shape}, got {arguments.brief(found)}"


def _made(name, formulas, **settings):
    """The schedule of these formulas. They are methods of a named tuple, and not lambdas, so that pickle can find them."""
    levels, slopes = (formulas.signal, formulas.noise), (formulas.signal_slope, formulas.variance_slope)
    return Schedule(name, tuple(settings.items()), *levels, *slopes)


class _Cosine(NamedTuple):
    rate: float

    def signal(self, t):
        return theory.cosine(t)[0]

    def noise(self, t):
        return theory.cosine(t)[1]

    def signal_slope(self, t):
        return -self.rate * np.sin(self.rate * t)

    def variance_slope(self, t):
        return self.rate * np.sin(2 * self.rate * t)


def cosine() -> Schedule:
    """The cosine schedule of KG's experiments: a(t)^2 = cos^2((t / 1.008) pi / 2) and a^2 + s^2 = 1.

    The signal at t = 1 is small but not zero: a(1)^2 = 1.55e-4.

    Examples
    --------
    >>> print(f"{float(cosine().signal(1.0)) ** 2:.3g}")
    0.000155
    """
    return _made("cosine", _Cosine(np.pi / 2 / 1.008))


class _Exponent(NamedTuple):
    """a^2 = exp(-b) and a^2 + s^2 = 1, with b(t) = first t + second t^2."""

    first: float
    second: float = 0.0

    def exponent(self, t):
        return self.first * t + self.second * t * t

    def slope(self, t):
        return self.first + 2 * self.second * t

    def signal(self, t):
        return np.exp(-self.exponent(t) / 2)

    def noise(self, t):
        # Not 1 - exp(-b), which has no correct digit for small b: at b = 1e-17 it is 0, although s is 3e-9.
        return np.sqrt(-np.expm1(-self.exponent(t)))

    def signal_slope(self, t):
        return -self.slope(t) / 2 * np.exp(-self.exponent(t) / 2)

    def variance_slope(self, t):
        return self.slope(t) * np.exp(-self.exponent(t))


def linear() -> Schedule:
    """The linear schedule (SDE, VP): beta(t) = 0.1 + 19.9 t, so a(t)^2 = exp(-(0.1 t + 9.95 t^2)), and a^2 + s^2 = 1.

    Examples
    --------
    >>> print(f"{float(linear().signal(1.0)):.4f}")
    0.0066
    """
    return _made("linear", _Exponent(0.1, 9.95))


def exponential(strength: float = 5.0) -> Schedule:
    """Constant beta (SDE, VP): a(t)^2 = exp(-2 S t) with S = `strength`, and a^2 + s^2 = 1; the Ornstein-Uhlenbeck process.

    `strength` is from 1e-6 to 300; ValueError or TypeError on any other.

    Most of its noise comes early in t. With 20 even steps a sampler asks its denoiser last at t = 0.05, where s = 0.63, and steps
    from there to the end at once. Steps that follow the noise are even in s: times at which s = i / T, which `times=` takes.

    Examples
    --------
    >>> print(f"{float(exponential().signal(1.0)):.4f}")
    0.0067
    >>> print(f"{float(exponential().noise(1 / 20)):.2f}")
    0.63
    >>> even_in_t = np.linspace(0, 1, 10_001)
    >>> s = exponential().noise(even_in_t)
    >>> times = np.interp(np.linspace(s[-1], 0, 21), s, even_in_t)   # for ddim(..., times=times)
    >>> print(f"{float(exponential().noise(times[-2])):.2f}")
    0.05
    """
    strength = arguments.number("strength", strength, 1e-6, 300)
    return _made("exponential", _Exponent(2 * strength), strength=strength)


class _Exploding(NamedTuple):
    low: float
    high: float

    def signal(self, t):
        return np.ones_like(t)

    def noise(self, t):
        # With both powers both ends are exact; low * (high / low) ** 1 would be 50.00000000000001.
        return self.low ** (1 - t) * self.high**t

    def signal_slope(self, t):
        return np.zeros_like(t)

    def variance_slope(self, t):
        return 2 * np.log(self.high / self.low) * self.noise(t) ** 2


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
    return _made("ve", _Exploding(low, high), sigma_min=low, sigma_max=high)


class _Straight(NamedTuple):
    def signal(self, t):
        return 1 - t

    def noise(self, t):
        return 1.0 * t

    def signal_slope(self, t):
        return -np.ones_like(t)

    def variance_slope(self, t):
        return 2 * t


def flow() -> Schedule:
    """The straight path of flow matching: a = 1 - t and s = t; at t = 1 there is no signal.

    Examples
    --------
    >>> float(flow().signal(1.0)), float(flow().noise(0.25))
    (0.0, 0.25)
    """
    return _made("flow", _Straight())


NAMES = {"cosine": cosine, "linear": linear, "exponential": exponential, "ve": ve, "flow": flow}


def by_name(name: str) -> Schedule:
    """The schedule of that name with its default settings; for an unknown name a ValueError that lists the names."""
    return NAMES[arguments.choice("schedule", name, tuple(NAMES))]()
