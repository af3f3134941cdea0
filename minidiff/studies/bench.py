"""How fast the package is here: nanoseconds a pair of (pixel of a query, candidate) and core, and milliseconds a training step.

Every figure is the median of runs that take turns (A B C A B C ...), so that a slow spell of a shared computer hits all alike.
"""

import time
from collections.abc import Callable, Iterator
from functools import cache, partial

import numpy as np
from tqdm import tqdm

from .. import nets, parallel, process, schedules
from ..machines import named, options_of
from ..machines.windows import count_pairs
from ..types import Array
from . import peak
from .kept import at_once

SCHEDULE = schedules.cosine()
WINDOWS = (3, 5, 7, 9, 11, 17)
TIMES = (0.1, 0.3, 0.6, 0.9)


def smooth_images(count: int, side: int, channels: int, seed: int = 0) -> Array:
    """Training images for timing, (N, H, W, C) float32: blurred noise, few of whose patches match at low noise, as in photos."""
    rng = np.random.default_rng(seed)
    spectrum = 1 / (1 + np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side), indexing="ij")) * side) ** 1.5
    noise = np.fft.fft2(rng.standard_normal((count, side, side, channels)), axes=(1, 2))
    images = np.fft.ifft2(noise * spectrum[..., None], axes=(1, 2)).real
    return np.tanh(images / images.std()).astype(np.float32)


class Case:
    """One thing to time: a name, what it varies, a call, and how many pairs the call evaluates."""

    def __init__(
        self,
        machine: str,
        side: int,
        channels: int,
        count: int,
        t: float,
        k: int | None = None,
        boundary: str = "circular",
        queries: int = 1,
        threads: int | None = None,
    ) -> None:
        self.threads = threads or parallel.threads()
        self.row = {"machine": machine, "size": f"{side}x{side}x{channels}", "images": count, "k": k, "t": t}
        self.row |= {"boundary": boundary if k else "", "queries": queries, "threads": self.threads}
        images = smooth_images(count, side, channels)
        kind = named(machine)
        known = {"window": k, "boundary": boundary} if k else {}
        self.machine = kind(images, SCHEDULE, **{name: known[name] for name in options_of(kind) & set(known)})
        self.x = process.add_noise(images[:queries], t, SCHEDULE, rng=1)
        per_image = {"is": side * side, "ls": side * side, "es": side**4}
        if k and machine in ("els", "attention"):
            per_image[machine] = count_pairs(side, side, k, boundary)
        self.pairs = queries * count * per_image.get(machine, np.nan)
        self.t = t

    def run(self) -> float:
        """Seconds of one call."""
        parallel.set_threads(self.threads)
        started = time.perf_counter()
        self.machine(self.x, self.t)
        return time.perf_counter() - started

    def result(self, seconds: list[float]) -> dict:
        """The row with its median: seconds, and nanoseconds per pair and core."""
        median = float(np.median(seconds))
        return {**self.row, "seconds": median, "ns per pair per core": median * self.threads * 1e9 / self.pairs}


def cases(quick: bool = False, machine: str | None = None) -> Iterator[Case]:
    """What `minidiff bench` times; one `machine` only, by its name or file, on small images, if it is given."""
    if machine is not None:
        sides = (3, 9) if "window" in options_of(named(machine)) else (None,)
        yield from (Case(machine, 16, 1, 100, t, k) for k in sides for t in (0.1, 0.9))
        return
    windows, times = (WINDOWS[::2], (0.1, 0.9)) if quick else (WINDOWS, TIMES)
    yield from (Case("els", 32, 1, 512, t, k) for k in windows for t in times)
    yield from (Case("els", 32, 1, 512, t, k, "zeros") for k in (3, 9, 17) for t in (0.1, 0.9))
    yield from (Case("els", 16, 3, 512, t, k) for k in (3, 9) for t in (0.1, 0.9))
    yield from (Case("els", 28, 1, 512, t, k) for k in (3, 9, 17) for t in (0.1, 0.9))
    yield from (Case("els", 32, 1, 512, 0.3, 7, threads=count) for count in range(1, parallel.threads()))
    yield from (Case("els", 32, 1, count, 0.3, 7) for count in ((100,) if quick else (100, 2000)))
    yield from (Case("ls", 32, 1, 2000, t, 7) for t in (0.1, 0.9))
    yield from (Case("is", 32, 1, 2000, t) for t in (0.1, 0.9))
    yield from (Case("es", 16, 1, 256, t) for t in (0.1, 0.9))
    yield from (Case("attention", 32, 1, 512, t, 7) for t in (0.1, 0.9))


def naive_numpy(side: int = 32, count: int = 64, k: int = 7, pixels: int = 64, t: float = 0.3) -> float:
    """The same sum written plainly in NumPy, one pixel at a time on one core: nanoseconds per pair."""
    images = smooth_images(count, side, 1)
    a, s = float(SCHEDULE.signal(t)), float(SCHEDULE.noise(t))
    x = process.add_noise(images[0], t, SCHEDULE, rng=1)
    padded = np.pad(images[..., 0], ((0, 0), (k // 2, k // 2), (k // 2, k // 2)), mode="wrap")
    patches = np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(padded, (k, k), axis=(1, 2))).reshape(-1, k * k)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x[..., 0], k // 2, mode="wrap"), (k, k)).reshape(-1, k * k)
    values = images.reshape(-1)
    started = time.perf_counter()
    for window in windows[:pixels]:
        cost = ((window - a * patches) ** 2).sum(axis=1)
        weight = np.exp((cost.min() - cost) / (2 * s * s))
        weight @ values / weight.sum()
    return (time.perf_counter() - started) * 1e9 / (pixels * len(patches))


def training_step(attention: str | None = None, steps: int = 15) -> float:
    """Milliseconds of one training step of the default network: batch 64 of 16 x 16 x 1, the median after three to warm up."""
    network, images = nets.Network(attention=attention), smooth_images(256, 16, 1)
    spent, started = [], time.perf_counter()
    for _ in nets.train(network, images, steps=steps + 3):
        spent.append(time.perf_counter() - started)
        started = time.perf_counter()
    return float(np.median(spent[3:])) * 1e3


def bench(quick: bool = False, repeats: int = 3, machine: str | None = None, kept: Callable = at_once) -> dict:
    """Time everything, or one machine; returns {"rows": [...], "naive NumPy": ns, "peak": ...} as `minidiff bench` prints it.

    `kept` may be a `Kept`, for rounds of an earlier run.
    """
    before = parallel.threads()
    timed = list(cases(quick, machine))

    @cache
    def warm():
        for case in tqdm(timed, desc="warm-up", unit="case", leave=False):
            case.run()

    def turn():
        warm()
        return [case.run() for case in timed]

    try:
        rounds = [kept(f"round {i}", turn) for i in tqdm(range(repeats), desc="timing", unit="round", leave=False)]
    finally:
        parallel.set_threads(before)
    rows = {"rows": [case.result(spent) for case, *spent in zip(timed, *rounds, strict=True)]}
    if machine is not None:
        return rows
    others: dict[str, Callable[[], float]] = {
        "naive NumPy, ELS 32x32x1, k = 7: ns per pair": naive_numpy,
        "training step, batch 64, 16x16x1, width 32, depth 5: ms": training_step,
        "the same with softmax attention: ms": partial(training_step, "softmax"),
        "vector multiply-adds per ns and core (64 bytes each)": peak.multiply_adds,
    }
    return {**rows, **{name: kept(name, measure) for name, measure in others.items()}}


def table(result: dict) -> str:
    """The result as text."""
    heads = list(result["rows"][0])
    cells = [[_cell(row[head]) for head in heads] for row in result["rows"]]
    widths = [max(len(line[i]) for line in [heads, *cells]) for i in range(len(heads))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in [heads, *cells]]
    return "\n".join(lines + [f"{name}: {_cell(value)}" for name, value in result.items() if name != "rows"])


def _cell(value):
    if value is None:
        return ""
    return f"{value:.3g}" if isinstance(value, float) else str(value)
