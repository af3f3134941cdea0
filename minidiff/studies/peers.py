"""minidiff beside what one would write or install instead, in one run: `minidiff bench --peers`.

The peers in NumPy are always there: a few lines each, as fast as a few lines can be. Those in PyTorch and scikit-learn are there
where these are installed. All take turns (A B C A B C ...), so that a slow spell of a shared computer hits all alike.
"""

import importlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from tqdm import tqdm

from .. import nets, parallel, process, schedules
from ..machines import AttentionScore, EquivariantLocalScore, EquivariantScore, IdealScore, Wiener
from ..types import Array
from . import peak
from .bench import smooth_images
from .kept import at_once

SCHEDULE = schedules.cosine()
T = 0.9
A, S = float(SCHEDULE.signal(T)), float(SCHEDULE.noise(T))
DEPTH, BATCH = 5, 64
# A task is done this often at least, and no more once it has taken so many seconds.
FEWEST, PATIENCE = 2, 20.0
# After a product, threads of NumPy's BLAS go on spinning on cores that whoever comes next would miss: of a pause of 0.2 s they
# took 0.104 s of processor time (2^28 cycles). So each turn waits until this process rests for LULL seconds, but at most LONGEST
# seconds: a library may spin for ever.
LULL, LONGEST = 0.02, 1.0
OTHERS = {"torch": "PyTorch", "sklearn": "scikit-learn"}


@dataclass
class Task:
    """One thing to do, and who does it: minidiff first, then the peers; `alike` says whether they should answer alike."""

    name: str
    doers: dict[str, Callable[[], Any]]
    multiply_adds: float = float("nan")
    numbers: float = float("nan")
    alike: bool = True
    seconds: dict[str, list[float]] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)

    def turn(self) -> None:
        """Each does it once, forwards and backwards by turns: nobody always comes after the same other one."""
        backwards = self.seconds and len(next(iter(self.seconds.values()))) % 2
        for name in list(self.doers)[:: -1 if backwards else 1]:
            _rest()
            started = time.perf_counter()
            self.answers[name] = self.doers[name]()
            self.seconds.setdefault(name, []).append(time.perf_counter() - started)

    def rows(self, peak_per_ns: float, memory: float) -> Iterator[dict]:
        """A row for each peer. The limit is what this processor needs for the multiply-adds, or for reading the numbers once."""
        (_, mine), *others = self.seconds.items()
        answer, *theirs = self.answers.values()
        limit = np.fmax(self.multiply_adds / (16 * peak_per_ns * parallel.threads() * 1e9), 4 * self.numbers / (memory * 1e9))
        for (name, spent), other in zip(others, theirs, strict=True):
            yield {
                "task": self.name,
                "rounds": len(mine),
                "minidiff, ms": 1e3 * float(np.median(mine)),
                "from, to": _spread(mine),
                "peer": name,
                "peer, ms": 1e3 * float(np.median(spent)),
                "its from, to": _spread(spent),
                "ratio": float(np.median(spent) / np.median(mine)),
                "limit, ms": 1e3 * float(limit),
                "largest difference": float(np.abs(answer - other.reshape(answer.shape)).max()) if self.alike else None,
            }


def _rest():
    """Wait until this process used its processors for at most a tenth of a short while."""
    deadline, spent = time.perf_counter() + LONGEST, np.inf
    while spent > LULL / 10 and time.perf_counter() < deadline:
        before = time.process_time()
        time.sleep(LULL)
        spent = time.process_time() - before


def _spread(seconds):
    return f"{1e3 * min(seconds):.3g} to {1e3 * max(seconds):.3g}"


# --- NumPy -----------------------------------------------------------------------------------------------------------


def softmax(exponents: Array) -> Array:
    """Weights over the last axis."""
    weights = np.exp(exponents - exponents.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def ideal(x: Array, flat: Array, squares: Array) -> Array:
    """IS of queries (B, D) over images (N, D) of squared lengths (N,): one matrix product and a softmax."""
    return softmax((A * (x @ flat.T) - A * A / 2 * squares) / S**2) @ flat


def equivariant(x: Array, spectra: Array, squares: Array) -> Array:
    """ES of one query (H, W): the distances by FFT, and the weighted sum by FFT."""
    products = np.fft.irfft2(spectra * np.conj(np.fft.rfft2(x)), s=x.shape)
    weights = softmax(((A * products - A * A / 2 * squares[:, None, None]) / S**2).ravel()).reshape(products.shape)
    return np.fft.irfft2((spectra * np.conj(np.fft.rfft2(weights))).sum(axis=0), s=x.shape)


def patches(images: Array, k: int) -> Array:
    """The windows of images (N, H, W, C) on the torus, (N H W, k k C)."""
    padded = np.pad(images, ((0, 0), (k // 2, k // 2), (k // 2, k // 2), (0, 0)), mode="wrap")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (k, k), axis=(1, 2))
    return np.ascontiguousarray(windows).reshape(-1, k * k * images.shape[3])


def equivariant_local(x: Array, keys: Array, squares: Array, values: Array, k: int) -> Array:
    """ELS of one query (H, W, C): matrix products of its windows with all others, some windows at a time."""
    windows = patches(x[None], k)
    return np.concatenate(
        [
            softmax((A * (some @ keys.T) - A * A / 2 * squares) / S**2) @ values
            for some in np.array_split(windows, len(windows) // 32 + 1)
        ]
    )


def linear(x: Array, images: Array) -> Array:
    """Wiener by the covariance and its eigenvectors, in float64."""
    flat = images.reshape(len(images), -1).astype(np.float64)
    mean = flat.mean(axis=0)
    flat -= mean
    power, directions = np.linalg.eigh(flat.T @ flat / len(flat))
    gain = A * power / (A * A * power + S * S)
    return mean + (gain * ((x.reshape(len(x), -1) - A * mean) @ directions)) @ directions.T


# --- PyTorch and scikit-learn ----------------------------------------------------------------------------------------


def installed(name: str) -> Any:
    """A module that minidiff does not need, or None where it cannot be imported."""
    try:
        return importlib.import_module(name)
    except (ImportError, OSError):  # PyTorch raises OSError for a library that its build needs
        return None


def torch_ideal(torch: Any, x: Array, flat: Array, squares: Array) -> Callable:
    """IS in PyTorch."""
    x, flat, squares = (torch.from_numpy(one) for one in (x, flat, squares))
    return lambda: (torch.softmax((A * (x @ flat.T) - A * A / 2 * squares) / S**2, -1) @ flat).numpy()


def torch_step(torch: Any, images: Array, width: int) -> Callable:
    """A training step of the same network in PyTorch: channels_last, Adam, and a running mean of the weights."""
    nn, channels = torch.nn, images.shape[3]
    ends = [(channels, width), *[(width, width)] * DEPTH]
    blocks = [nn.Conv2d(*end, 3, padding=1, bias=False) for end in ends]
    hidden, offsets, last = nn.Linear(64, 64), nn.Linear(64, len(ends) * width), nn.Conv2d(width, channels, 1)
    model = nn.ModuleList([*blocks, hidden, offsets, last]).to(memory_format=torch.channels_last)
    parameters = list(model.parameters())
    mean, adam = [one.detach().clone() for one in parameters], torch.optim.Adam(parameters, 2e-3)
    data = torch.from_numpy(images.transpose(0, 3, 1, 2).copy()).contiguous(memory_format=torch.channels_last)

    def step():
        x0, t = data[torch.randint(len(data), (BATCH,))], (torch.arange(BATCH) + torch.rand(BATCH)) / BATCH
        angle = (np.pi / 2 / 1.008 * t)[:, None]
        a, s = angle.cos()[..., None, None], angle.sin()[..., None, None]
        eps = torch.randn_like(x0)
        waves = angle * torch.arange(1, 33)
        shift = offsets(torch.relu(hidden(torch.cat([waves.sin(), waves.cos()], 1)))).view(BATCH, len(ends), width, 1, 1)
        h = blocks[0](a * x0 + s * eps) + shift[:, 0]
        for number in range(1, len(ends)):
            h = h + blocks[number](torch.relu(h)) + shift[:, number]
        loss = ((last(torch.relu(h)) - (a * eps - s * x0)) ** 2).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
        with torch.no_grad():
            for old, new in zip(mean, parameters, strict=True):
                old.lerp_(new, 0.001)
        return loss.item()

    return step


def sklearn_ideal(sklearn: Any, x: Array, flat: Array) -> Callable:
    """IS with scikit-learn's distances."""
    distances = importlib.import_module("sklearn.metrics.pairwise").euclidean_distances
    scaled = A * flat
    return lambda: softmax(distances(x, scaled, squared=True) / (-2 * S * S)) @ flat


# --- the tasks -------------------------------------------------------------------------------------------------------


def tasks(quick: bool, others: dict[str, Any]) -> list[Callable[[], Task]]:
    """What makes the tasks of `minidiff bench --peers`, one by one; `others` are the modules that are installed."""
    torch, sklearn = others.get("torch"), others.get("sklearn")
    many, few, side = (500, 32, 16) if quick else (50_000, 512, 32)
    made: list[Callable[[], Task]] = [partial(_ideal_task, torch, sklearn, many, *size) for size in ((28, 1), (32, 3))]
    made += [partial(_translations_task, few, side), *(partial(_windows_task, few, side, k) for k in (3, 7))]
    made += [partial(_attention_task, few, side), partial(_linear_task, *((200, 8) if quick else (4000, 32)))]
    if torch:
        widths = (8,) if quick else (32, 64)
        made += [partial(_training_task, torch, *size, width) for size in ((16, 1), (32, 3)) for width in widths]
    return made


def _noised(count, side, channels, queries=1):
    """Training images, and queries made of the first ones."""
    images = smooth_images(count, side, channels)
    return images, process.add_noise(images[:queries], T, SCHEDULE, rng=1)


def _asked(machine, x):
    return lambda: machine(x, T)


def _ideal_task(torch, sklearn, count, side, channels):
    images, x = _noised(count, side, channels, 64)
    flat, queries = images.reshape(count, -1), x.reshape(len(x), -1)
    squares = (flat**2).sum(axis=1)
    doers = {"minidiff": _asked(IdealScore(images, SCHEDULE), x), "NumPy, matrix product": lambda: ideal(queries, flat, squares)}
    if torch:
        doers["PyTorch"] = torch_ideal(torch, queries, flat, squares)
    if sklearn:
        doers["scikit-learn"] = sklearn_ideal(sklearn, queries, flat)
    # Two products: the distances, and the weighted sum, where at this t all images count.
    products = 2.0 * len(x) * flat.size
    return Task(f"IS, {count} of {side}x{side}x{channels}, {len(x)} queries", doers, products, flat.size)


def _translations_task(count, side):
    images, x = _noised(count, side, 1)
    spectra, squares = np.fft.rfft2(images[..., 0]), (images**2).sum(axis=(1, 2, 3))
    doers = {"minidiff": _asked(EquivariantScore(images, SCHEDULE), x)}
    doers["NumPy, FFT"] = lambda: equivariant(x[0, ..., 0], spectra, squares)
    return Task(f"ES, {count} of {side}x{side}", doers)


def _windows_task(count, side, k):
    images, x = _noised(count, side, 1)
    keys, values = patches(images, k), images.reshape(-1, 1)
    squares = (keys**2).sum(axis=1)
    doers = {"minidiff": _asked(EquivariantLocalScore(images, SCHEDULE, window=k), x)}
    doers["NumPy, matrix products of patches"] = lambda: equivariant_local(x[0], keys, squares, values, k)
    return Task(f"ELS, {count} of {side}x{side}, k = {k}", doers)


def _attention_task(count, side):
    images, x = _noised(count, side, 1)
    kinds = {"minidiff": AttentionScore, "an ELS call": EquivariantLocalScore}
    doers = {name: _asked(kind(images, SCHEDULE, window=7), x) for name, kind in kinds.items()}
    return Task(f"AttentionScore, {count} of {side}x{side}, k = 7", doers, alike=False)


def _linear_task(count, side):
    images, x = _noised(count, side, 3)
    doers = {"minidiff": lambda: Wiener(images, SCHEDULE)(x, T), "NumPy, covariance and eigh": lambda: linear(x, images)}
    return Task(f"Wiener, first call, {count} of {side}x{side}x3", doers)


def _training_task(torch, side, channels, width):
    images = smooth_images(256, side, channels)
    steps = nets.train(nets.Network(channels, width=width, depth=DEPTH), images, steps=1_000_000, batch=BATCH)
    doers = {"minidiff": lambda: next(steps).loss, "PyTorch, channels_last": torch_step(torch, images, width)}
    # Three products a layer: the output, and the gradients of the input and of the weights.
    multiply_adds = 3.0 * BATCH * side * side * 9 * width * (width * DEPTH + channels)
    return Task(f"training step, {side}x{side}x{channels}, width {width}", doers, multiply_adds, alike=False)


def compare(quick: bool = False, repeats: int = 5, kept: Callable = at_once) -> dict:
    """Time all tasks; returns {"rows": [...], ...} as `minidiff bench --peers` prints it. `kept` may be a `Kept`."""
    found = {name: installed(name) for name in OTHERS}
    if found["torch"]:
        found["torch"].set_num_threads(parallel.threads())
    limits = kept("limits", lambda: [peak.multiply_adds(), memory_speed(1 << 20 if quick else 1 << 26)])
    there = ", ".join(name for name in OTHERS if found[name])
    rows: list[dict[str, Any]] = []
    for number, make in enumerate(tqdm(tasks(quick, found), desc="timing", unit="task", leave=False)):
        rows += kept(f"task {number}; installed: {there}", partial(_timed, make, repeats, limits))
    told = {words: getattr(found[name], "__version__", "not installed, so not compared") for name, words in OTHERS.items()}
    return {
        "rows": rows,
        "vector multiply-adds per ns and core (64 bytes each)": limits[0],
        "memory read, GB a second": limits[1],
        "threads of minidiff and PyTorch (NumPy has its own number)": parallel.threads(),
        **told,
    }


def _timed(make, repeats, limits):
    """The rows of a task."""
    task = make()
    task.turn()  # compiles, and is not counted
    task.seconds.clear()
    started = time.perf_counter()
    for done in range(repeats):
        if done < FEWEST or time.perf_counter() - started < PATIENCE:
            task.turn()
    return list(task.rows(*limits))


def memory_speed(size: int, repeats: int = 5) -> float:
    """How fast a sum over `size` float32 numbers reads memory on one core: gigabytes a second, the best of some runs."""
    numbers, best = np.ones(size, np.float32), np.inf
    for _ in range(repeats):
        started = time.perf_counter()
        numbers.sum()
        best = min(best, time.perf_counter() - started)
    return numbers.nbytes / best / 1e9
