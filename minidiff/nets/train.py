"""Training: the denoising loss, Adam, a moving average of the weights, and checkpoints that a run can go on from.

Denoising score matching: noise a clean image, ask the network for v (or eps, or x_0), and take the mean squared error. Its
minimum over all functions is the posterior mean, the ideal denoiser of the training set, which can only recite. What keeps the
network from it is what the network cannot see.
"""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .. import arguments, conversions
from . import archive
from .network import Network

UNLABELLED = 0.1  # share of a labelled batch whose labels are hidden, so that label=None is learned too


class Progress(NamedTuple):
    """One step of training: its number from 1, the batch's loss, the learning rate, and the network being trained."""

    step: int
    loss: float
    rate: float
    network: Network


# --- loss ------------------------------------------------------------------------------------------------------------


def denoising_loss(network, x0, t, eps, classes=None):
    """The mean squared error of what the network predicts, and its gradients.

    loss = mean (out(a x_0 + s eps, t) - target)^2, target = a eps - s x_0 ("v"), eps ("noise") or x_0 ("x0").

    Parameters
    ----------
    network : Network
    x0, eps : (B, H, W, C) of the network's dtype
    t : (B,) floats in [0, 1]
    classes : (B,) ints, optional

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


def stratified_times(batch, rng):
    """(batch,) times, one in each of `batch` equal parts of [0, 1]: the same mean loss as independent ones, less noise."""
    return (np.arange(batch) + rng.random(batch)) / batch


# --- optimiser -------------------------------------------------------------------------------------------------------


def learning_rate(step, steps, rate, warmup):
    """The rate at a step from 1: up in a straight line over `warmup` steps, then down a half cosine to 0 at the end.

    Examples
    --------
    >>> [round(learning_rate(step, 10, 1.0, 2), 2) for step in (1, 2, 6, 10)]
    [0.5, 1.0, 0.5, 0.0]
    """
    if step <= warmup:
        return rate * step / warmup
    return rate * 0.5 * (1 + float(np.cos(np.pi * (step - warmup) / (steps - warmup))))


class Adam:
    """Adam: steps along the mean gradient over the root of the mean squared one, both running and freed of their start at 0.

    m = .9 m + .1 g, v = .999 v + .001 g^2, theta -= rate (m / (1 - .9^n)) / (sqrt(v / (1 - .999^n)) + 1e-8), on one vector.
    """

    def __init__(self, theta):
        self.theta, self.m, self.v = theta, np.zeros_like(theta), np.zeros_like(theta)

    def update(self, gradient, rate, step):
        """Move theta, in place; `step` counts from 1."""
        self.m += 0.1 * (gradient - self.m)
        self.v += 0.001 * (gradient * gradient - self.v)
        size = np.sqrt(self.v / (1 - 0.999**step)) + 1e-8
        self.theta -= (rate / (1 - 0.9**step)) * self.m / size


def _views(vector, shapes):
    """A dict of arrays that share the vector's memory, so that moving the vector moves them all."""
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])
    parts = np.split(vector, ends[:-1])
    return {name: part.reshape(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}


def _flat(arrays):
    return np.concatenate([array.ravel() for array in arrays.values()])


# --- the run ---------------------------------------------------------------------------------------------------------


def train(
    network,
    images,
    steps=3000,
    batch=64,
    rate=2e-3,
    rng=0,
    labels=None,
    warmup=None,
    average=0.999,
    checkpoint=None,
    every=500,
    resume=None,
    notes=None,
):
    """Train a network on a set of images; yields after every step, and `network` is usable at each of them.

    The network handed in always holds the moving average of the weights, w_avg += (1 - d) (w - w_avg) with
    d = min(average, (1 + step) / (10 + step)), so that its first values are soon forgotten.

    Parameters
    ----------
    network : Network
        Its parameters are where the training starts, and are replaced as it goes.
    images : (N, H, W, C) float32 or float64
    steps, batch : int
        Batches are drawn with replacement, their times stratified over [0, 1].
    rate, warmup : float, int
        Adam's greatest rate, and the steps until it is reached (a tenth of them, at most 100, if not given); then a cosine to 0.
    rng : None, int or numpy Generator
    labels : (N,) ints, optional
        For a network made with labels=K; a tenth of them is hidden, for label=None.
    average : float in [0, 1)
    checkpoint : path, optional
        Where to write everything that a resumed run needs, each `every` steps and at the end, whole or not at all. Ctrl-C
        leaves the last one.
    resume : path, optional
        A checkpoint to go on from: the same numbers, bit for bit, as if the run had not been broken off.
    notes : dict that JSON can hold, optional
        Kept in checkpoints; a run is resumed only with the same.

    Yields
    ------
    Progress
        (step, loss, rate, network).

    Raises ValueError or TypeError on bad arguments, or where the checkpoint's settings or images are others, before any work;
    FloatingPointError if the run diverges, with the network as it was the step before and no file touched. A step of the
    default network on 64 images of 16 x 16 takes 31 to 33 ms on 2 cores, with attention 57 to 61 ms.

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
        "batch": arguments.whole_number("batch", batch, 1),
        "rate": arguments.number("rate", rate, 0),
        "warmup": arguments.whole_number("warmup", min(100, steps // 10) if warmup is None else warmup, 0, steps - 1),
        "average": arguments.number("average", average, 0, np.nextafter(1, 0)),
    }
    arguments.whole_number("every", every, 1)
    if checkpoint is not None and not Path(checkpoint).parent.is_dir():
        raise ValueError(f"checkpoint: expected a path in a folder that exists, got {checkpoint}")
    classes = _training_classes(network, labels, len(images))
    settings = {
        "network": network.settings,
        "plan": plan,
        "images": _fingerprint(images),
        "labels": None if classes is None else _fingerprint(classes),
        "notes": notes,
    }
    rng = arguments.generator(rng)
    state = _State(network, rng) if resume is None else _State.read(resume, network, settings)
    return _run(state, network, images, classes, plan, settings, checkpoint, every)


def _keep_freed_memory():
    """Have freed arrays stay in this process, for the next step's arrays of the same size.

    The C library of Linux gives a freed block of 2 MB back to the system, and a new one is mapped page by page as it is touched:
    4,300 page faults a step, a tenth of its time. It stops doing so for blocks smaller than the largest it has seen freed.
    """
    np.empty(31 << 20, np.uint8)


def _run(state, network, images, classes, plan, settings, checkpoint, every):
    _keep_freed_memory()
    network.params = _views(state.average, network.shapes())
    learner = network.copy()
    learner.params = _views(state.adam.theta, network.shapes())
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
        if checkpoint is not None and (step % every == 0 or step == plan["steps"]):
            state.write(checkpoint, settings)
        yield Progress(step, loss, rate, network)


def _batch_gradient(learner, images, classes, batch, rng):
    """(loss, gradient as one vector) of a fresh batch."""
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
    classes = np.asarray(labels)
    if not network.labels:
        raise ValueError("labels: expected None, as the network was made with labels=0; hint: Network(labels=10)")
    if classes.dtype.kind not in "iu" or classes.shape != (count,):
        raise ValueError(f"labels: expected ({count},) whole numbers, one per image, got {classes.dtype} {classes.shape}")
    if classes.min() < 0 or classes.max() >= network.labels:
        raise ValueError(f"labels: expected classes from 0 to {network.labels - 1}, got {classes.min()} to {classes.max()}")
    return classes.astype(np.int64)


def _fingerprint(array):
    """Text that differs for different arrays: a run must not go on with other images."""
    return f"{array.dtype} {array.shape} {hashlib.sha256(np.ascontiguousarray(array)).hexdigest()[:16]}"


class _State:
    """Everything that changes during a run: the step, the weights, Adam's two means, the average, the random numbers."""

    def __init__(self, network, rng):
        self.step, self.rng = 0, rng
        self.average = _flat(network.params)
        self.adam = Adam(self.average.copy())

    def arrays(self):
        return {"theta": self.adam.theta, "m": self.adam.m, "v": self.adam.v, "average": self.average}

    def write(self, path, settings):
        archive.write(path, "checkpoint", settings | {"step": self.step, "rng": _rng_state(self.rng)}, self.arrays())

    @classmethod
    def read(cls, path, network, settings):
        found, arrays = archive.read(path, "checkpoint")
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


def _difference(found, wanted):
    """The first setting that differs, in words."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key, value in wanted.items():
            if found.get(key) != value:
                return f"got {key} = {found.get(key)!r} there and {value!r} here"
    return f"got {found!r} there and {wanted!r} here"


def _rng_state(rng):
    """The generator's state as JSON can hold it; some generators keep an array of words."""

    def plain(value):
        if isinstance(value, dict):
            return {key: plain(entry) for key, entry in value.items()}
        return value.tolist() if isinstance(value, np.ndarray | np.generic) else value

    return plain(rng.bit_generator.state)


def _rng_from(path, state):
    try:
        generator = np.random.Generator(getattr(np.random, state["bit_generator"])())
        generator.bit_generator.state = state
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ValueError(f"{path}: expected the state of a numpy Generator, got {str(state)[:60]}") from None
    return generator
