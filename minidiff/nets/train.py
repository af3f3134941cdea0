"""Training: the denoising loss, Adam, a moving average of the weights, and checkpoints from which a run can continue.

The method is denoising score matching. A clean image is noised, the network predicts v (or eps, or x0) from it, and the loss is
the mean squared error. Over all functions, the minimum of this loss is the posterior mean: the ideal denoiser of the training
set, which only recites training images. A convolutional network cannot reach it, because each of its pixels sees only a window.
"""

import time
from collections.abc import Generator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import arguments, conversions
from ..types import Array, PathLike, Rng
from . import archive
from .network import Network

KEEP_EVERY = 60.0  # seconds of work that a run can lose when its process is killed
UNLABELLED = 0.1  # the share of the labels that the training hides, so that the network learns label=None too


class Progress(NamedTuple):
    """One step of training: its number (from 1), the loss of its batch, the learning rate, and the network that is trained."""

    step: int
    loss: float
    rate: float
    network: Network


# --- loss ------------------------------------------------------------------------------------------------------------


def denoising_loss(
    network: Network, x0: Array, t: Array, eps: Array, classes: Array | None = None
) -> tuple[float, dict[str, Array]]:
    """The mean squared error of the network's prediction, and its gradients.

    loss = mean (out(a x0 + s eps, t) - target)^2, where the target is a eps - s x0 ("v"), eps ("noise") or x0 ("x0").

    Parameters
    ----------
    network : Network
    x0, eps : (B, H, W, C) of the network's dtype
    t : (B,) floats in [0, 1]
    classes : (B,) ints, optional
        As in `Network.forward`.

    Returns
    -------
    loss : float
    gradients : dict of arrays, as network.params
    """
    x = conversions.add_noise(x0, t, network.schedule, eps=eps)
    target = {"noise": eps, "x0": x0}.get(network.prediction)
    if target is None:
        target = conversions.v_from_x0(x0, eps, t, network.schedule)
    out, saved = network.forward(x, t, classes)
    error = out - target
    loss = float(np.mean(np.square(error), dtype=np.float64))
    return loss, network.backward(error * out.dtype.type(2 / error.size), saved)


def stratified_times(batch: int, rng: np.random.Generator) -> Array:
    """Random times (batch,): one in each of `batch` equal parts of [0, 1].

    The expected loss is the same as for independent times, and its variance is smaller.
    """
    return (np.arange(batch) + rng.random(batch)) / batch


# --- optimiser -------------------------------------------------------------------------------------------------------


def learning_rate(step: int, steps: int, rate: float, warmup: int) -> float:
    """The learning rate at a step, counted from 1: it rises linearly for `warmup` steps, and then falls as a half cosine to 0.

    Examples
    --------
    >>> [round(learning_rate(step, 10, 1.0, 2), 2) for step in (1, 2, 6, 10)]
    [0.5, 1.0, 0.5, 0.0]
    """
    if step <= warmup:
        return rate * step / warmup
    return rate * 0.5 * (1 + float(np.cos(np.pi * (step - warmup) / (steps - warmup))))


class Adam:
    """The optimiser Adam (Kingma and Ba 2015), for one vector theta.

    m = .9 m + .1 g, v = .999 v + .001 g^2, theta -= rate (m / (1 - .9^n)) / (sqrt(v / (1 - .999^n)) + 1e-8). So theta moves along
    a running mean of the gradients, divided by the root of a running mean of their squares. Both means start at 0, and the
    factors with n, the step, correct this.
    """

    def __init__(self, theta: Array) -> None:
        self.theta, self.m, self.v = theta, np.zeros_like(theta), np.zeros_like(theta)

    def update(self, gradient: Array, rate: float, step: int) -> None:
        """Change theta in place, by one step; `step` counts from 1."""
        self.m += 0.1 * (gradient - self.m)
        self.v += 0.001 * (gradient * gradient - self.v)
        size = np.sqrt(self.v / (1 - 0.999**step)) + 1e-8
        self.theta -= (rate / (1 - 0.9**step)) * self.m / size


def _views(vector, shapes):
    """A dict of arrays that share the vector's memory: a change of the vector changes them all."""
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])
    parts = np.split(vector, ends[:-1])
    return {name: part.reshape(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}


def _flat(arrays):
    return np.concatenate([array.ravel() for array in arrays.values()])


# --- the run ---------------------------------------------------------------------------------------------------------


def train(
    network: Network,
    images: Array,
    steps: int = 3000,
    batch: int = 64,
    rate: float = 2e-3,
    rng: Rng = 0,
    labels: Array | None = None,
    warmup: int | None = None,
    average: float = 0.999,
    checkpoint: PathLike | None = None,
    every: int | None = None,
    resume: PathLike | None = None,
    notes: dict[str, Any] | None = None,
) -> Generator[Progress, None, None]:
    """Train a network on a set of images; this is an iterator over the steps, and `network` can be used after each of them.

    The network always holds a moving average of the weights, w_avg += (1 - d) (w - w_avg) with d = min(average, (1 + step) /
    (10 + step)). d is small in the first steps, so that the average soon forgets the initial weights.

    Parameters
    ----------
    network : Network
        The training starts at its parameters, and replaces them.
    images : (N, H, W, C) float32 or float64
    steps, batch : int >= 1
        The number of steps, and of images in each step. Images are drawn with replacement, and their times are stratified over
        [0, 1].
    rate, warmup : float, int
        Adam's greatest learning rate, and the number of steps until it is reached, by default a tenth of the steps, at most 100.
        Then the rate falls as a half cosine to 0.
    rng : None, int or numpy Generator
    labels : (N,) ints or strings, optional
        The class of each image, one of the network's `label_names`: 0 to K - 1 for Network(labels=K), and any for
        Network(labels=labels). A tenth of them is hidden in each batch, so that label=None is learned.
    average : float in [0, 1)
    checkpoint : path, optional
        A file for everything that is needed to continue the run. It is written once a minute and at the end, whole or not at
        all: a process that is killed loses a minute of work at most. After Ctrl-C during a step, it is written once more, with
        the last whole step. To stop between two steps and have it written, a caller can call `throw(KeyboardInterrupt)` on the
        iterator.
    every : int >= 1, optional
        Write the checkpoint every so many steps, instead of once a minute.
    resume : path, optional
        A checkpoint from which the run continues. The numbers are the same, bit for bit, as without the interruption. `steps`
        may be more than before: from here on, the learning rate is that of a run of so many steps.
    notes : dict that JSON can hold, optional
        It is kept in the checkpoints. A run can be resumed only with equal notes.

    Yields
    ------
    progress : Progress
        (step, loss, rate, network)

    Raises ValueError or TypeError, before any work, on bad arguments, and on a checkpoint with other settings or images. Raises
    FloatingPointError if the run diverges; the network then is as it was after the step before, and no file was changed. A step
    of the default network on 64 images of 16 x 16 takes 31 to 33 ms on 2 cores, and 57 to 61 ms with attention.

    Examples
    --------
    >>> images = np.ones((4, 4, 4, 1), np.float32)
    >>> network = Network(width=4, depth=1)
    >>> *_, last = train(network, images, steps=3, batch=4)
    >>> last.step, last.network is network
    (3, True)
    """
    images = arguments.image_set(images).astype(_expect_network(network).dtype, copy=False)
    if images.shape[3] != network.channels:
        raise ValueError(f"images: expected {network.channels} channels, as the network, got shape {images.shape}")
    steps = arguments.whole_number("steps", steps, 1)
    plan = {
        "steps": steps,
        "batch": arguments.whole_number("batch", batch, 1, 2**31),
        "rate": arguments.number("rate", rate, 0),
        "warmup": arguments.whole_number("warmup", min(100, steps // 10) if warmup is None else warmup, 0, steps - 1),
        "average": arguments.number("average", average, 0, np.nextafter(1, 0)),
    }
    if every is not None:
        arguments.whole_number("every", every, 1)
    if checkpoint is not None and not Path(checkpoint).parent.is_dir():
        raise ValueError(f"checkpoint: expected a path in a folder that exists, got {checkpoint}")
    classes = _training_classes(network, labels, len(images))
    settings = {
        "network": network.settings,
        "plan": plan,
        "images": archive.fingerprint(images),
        "labels": None if classes is None else archive.fingerprint(classes),
        "notes": notes,
    }
    rng = arguments.generator(rng)
    state = _State(network, rng) if resume is None else _State.read(resume, network, settings)
    run = _run(state, network, images, classes, plan, settings, checkpoint, every)
    return run if checkpoint is None else _kept(run, state, checkpoint, settings)


def _keep_freed_memory():
    """Let the memory of freed arrays stay in this process, so that the arrays of the next step can use it.

    The C library of Linux returns a freed block of 2 MB to the system, and each page of a new block then causes a page fault when
    it is first used. That makes 4,300 page faults per step, and costs a tenth of its time. The library keeps blocks that are
    smaller than the largest block that was ever freed, so a large array is made and freed here, once.
    """
    np.empty(31 << 20, np.uint8)


def _run(state, network, images, classes, plan, settings, checkpoint, every):
    _keep_freed_memory()
    network.params = _views(state.average, network.shapes())
    learner = network.copy()
    learner.params = _views(state.adam.theta, network.shapes())
    written = time.monotonic()
    while state.step < plan["steps"]:
        step = state.step + 1
        rate = learning_rate(step, plan["steps"], plan["rate"], plan["warmup"])
        with np.errstate(over="ignore", invalid="ignore"):
            loss, gradient = _batch_gradient(learner, images, classes, plan["batch"], state.rng)
            fine = np.isfinite(loss) and np.isfinite(np.square(gradient).sum())
            if fine:
                state.adam.update(gradient, rate, step)
        if not (fine and np.isfinite(state.adam.theta).all()):
            raise FloatingPointError(
                f"train: expected a finite loss, gradient and weights, got a loss of {loss:g} at step {step} of {plan['steps']}, "
                f"rate {rate:.3g}; hint: a smaller rate= or a longer warmup="
            )
        decay = min(plan["average"], (1 + step) / (10 + step))
        state.average += (1 - decay) * (state.adam.theta - state.average)
        state.step = step
        due = time.monotonic() - written > KEEP_EVERY if every is None else step % every == 0
        if checkpoint is not None and (due or step == plan["steps"]):
            state.write(checkpoint, settings)
            written = time.monotonic()
        yield Progress(step, loss, rate, network)


def _kept(run, state, checkpoint, settings):
    """The steps of a run. An interrupt writes the last whole step: in the middle of one, the state is of neither."""
    whole = None
    try:
        for progress in run:
            whole = state.frozen()
            yield progress
    except KeyboardInterrupt:
        if whole is not None:
            archive.write(checkpoint, "checkpoint", settings | whole[0], whole[1])
        raise


def _batch_gradient(learner, images, classes, batch, rng):
    """(loss, gradient as one vector) of a new random batch."""
    index = rng.integers(len(images), size=batch)
    t = stratified_times(batch, rng)
    eps = conversions.unit_noise((batch, *images.shape[1:]), rng, images.dtype)
    if classes is not None:
        classes = np.where(rng.random(batch) < UNLABELLED, learner.labels, classes[index])
    loss, grads = denoising_loss(learner, images[index], t, eps, classes)
    return loss, _flat(grads)


# --- checks and checkpoints ------------------------------------------------------------------------------------------


def _expect_network(network):
    if not isinstance(network, Network):
        raise TypeError(f"network: expected a Network, got {type(network).__name__}")
    return network


def _training_classes(network, labels, count):
    if labels is None:
        return None
    if not network.labels:
        raise ValueError("labels: expected None, as the network was made with labels=0; hint: Network(labels=labels)")
    found = arguments.labels("labels", labels)
    if found.shape != (count,):
        raise ValueError(f"labels: expected ({count},) whole numbers, one per image, got {found.dtype} {found.shape}")
    return network.class_numbers(found).astype(np.int64)


class _State:
    """Everything that changes during a run: the step, the weights, Adam's two means, the average, the random generator."""

    def __init__(self, network, rng):
        self.step, self.rng = 0, rng
        self.average = _flat(network.params)
        self.adam = Adam(self.average.copy())

    def arrays(self):
        return {"theta": self.adam.theta, "m": self.adam.m, "v": self.adam.v, "average": self.average}

    def frozen(self):
        """The numbers and the arrays of a checkpoint, which later steps do not change."""
        numbers = {"step": self.step, "rng": _rng_state(self.rng)}
        return numbers, {name: array.copy() for name, array in self.arrays().items()}

    def write(self, path, settings):
        numbers, arrays = self.frozen()
        archive.write(path, "checkpoint", settings | numbers, arrays)

    @classmethod
    def read(cls, path, network, settings):
        found, arrays = archive.read(path, "checkpoint")
        found["plan"] = _lengthened(found.get("plan"), settings["plan"])
        for name, value in settings.items():
            if found.get(name) != value:
                raise ValueError(
                    f"resume: expected a checkpoint of the same {name}, {_difference(found.get(name), value)}; hint: {path} "
                    "goes on only with the settings it was made with"
                )
        state = cls(network, np.random.default_rng(0))
        shapes = {name: array.shape for name, array in state.arrays().items()}
        archive.check_arrays(path, arrays, shapes, network.dtype)
        state.adam.theta, state.adam.m, state.adam.v, state.average = (arrays[name] for name in shapes)
        state.step, state.rng = arguments.whole_number("step", found.get("step"), 1), _rng_from(path, found.get("rng"))
        return state


def _lengthened(found, plan):
    """The plan of a checkpoint; where more steps are asked for, their number and their warm-up take the place of its own."""
    if isinstance(found, dict) and isinstance(found.get("steps"), int) and found["steps"] < plan["steps"]:
        return found | {name: plan[name] for name in ("steps", "warmup")}
    return found


def _difference(found, wanted):
    """A text that names the first setting that differs."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key, value in wanted.items():
            if found.get(key) != value:
                return f"got {key} = {found.get(key)!r} there and {value!r} here"
    return f"got {found!r} there and {wanted!r} here"


def _rng_state(rng):
    """The generator's state as a dict that JSON can hold; some generators have arrays in it."""

    def without_arrays(value):
        if isinstance(value, dict):
            return {key: without_arrays(entry) for key, entry in value.items()}
        return value.tolist() if isinstance(value, np.ndarray | np.generic) else value

    return without_arrays(rng.bit_generator.state)


def _rng_from(path, state):
    try:
        generator = np.random.Generator(getattr(np.random, state["bit_generator"])())
        generator.bit_generator.state = state
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ValueError(f"{path}: expected the state of a numpy Generator, got {str(state)[:60]}") from None
    return generator
