"""The residual CNN, its attention layer, and its parameters as a flat dict of named arrays.

    h = conv3x3(x) + b_0(t)                        an input convolution
    h = h + conv3x3(act(h)) + b_l(t), l = 1..depth residual convolutions
    h = h + W_o attention(W_q h, W_k h, W_v h)     only with attention
    out = conv1x1(act(h)) + b

The network has no normalisation layer. Such a layer would tell every pixel something about the whole image, but a pixel of this
network must see its window and nothing else, unless it has attention. The time enters every layer as an offset b_l(t), one number
per channel.
"""

import json
from collections.abc import Sequence
from typing import Any, Literal, overload

import numpy as np
import numpy.typing as npt

from .. import arguments, conversions, files, schedules
from ..types import Array, Label, PathLike, Rng, Times
from . import archive, layers

FEATURES = HIDDEN = 64  # the size of the time embedding, and of the hidden layer after it
PREDICTIONS = ("v", "noise", "x0")


class Network:
    """A hand-coded convolutional denoiser, `network(x, t) -> x0_hat`. It is called in the same way as a machine.

    Parameters
    ----------
    channels : int >= 1
        C, the channels of the images: 1 for grey, 3 for colour.
    width : int >= 1
        The number of channels between the layers.
    depth : int >= 0
        The number of residual 3 x 3 convolutions, which follow the input convolution.
    padding : "zeros" or "circular"
        Zeros tell a pixel how far it is from the border. With circular padding, no pixel can tell where it is.
    prediction : "v", "noise" or "x0"
        What the last layer predicts: v = a eps - s x0, or eps, or x0. Where a = 0, eps says nothing about x0, so a call of a
        network that predicts noise raises ValueError there. Where a is small, its errors are divided by a.
    activation : "relu", "silu" or "none" (a linear network)
    attention : None, "softmax", "identity" or "top1"
        The kind of the attention layer before the output, or None for no such layer; see `layers.attention`.
    labels : int >= 0, or a sequence of ints or of strings
        The number of classes, or 0, or labels, such as those of the training set: each that occurs is a class, be it 100000 or
        "cat". The network learns one class more, which stands for label=None.
    schedule : schedules.Schedule, optional
        The noise schedule; `schedules.cosine()` by default.
    rng : None, int or numpy Generator
        The source of the first parameters.
    dtype : float32 or float64
        The dtype of the parameters, and of all computations with them.

    Attributes
    ----------
    params : dict of arrays
    schedule : schedules.Schedule
    labels : int
        The number of classes K.
    label_names : tuple
        Their K names, in order: what `label=` and `train(labels=)` take. They are 0, ..., K - 1 for a number of classes.
    notes : dict
        The notes that were given to `save`; they say how the network was made.

    Raises ValueError or TypeError on bad arguments. A call costs 9 width^2 (depth + 1) multiplications per pixel (about 0.2 us
    for each 3 x 3 layer of width 32, on one core). Its memory is depth + 1 arrays (B, H, W, width).

    Examples
    --------
    >>> network = Network(width=8, depth=2, rng=0)
    >>> network(np.zeros((16, 16, 1), np.float32), 0.5).shape, network.receptive_field
    ((16, 16, 1), 7)
    """

    def __init__(
        self,
        channels: int = 1,
        width: int = 32,
        depth: int = 5,
        padding: str = "zeros",
        prediction: str = "v",
        activation: str = "relu",
        attention: str | None = None,
        labels: int | Sequence[int] | Sequence[str] | Array = 0,
        schedule: schedules.Schedule | None = None,
        rng: Rng = 0,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        self.channels = arguments.whole_number("channels", channels, 1)
        self.width = arguments.whole_number("width", width, 1)
        self.depth = arguments.whole_number("depth", depth, 0, 1000)
        # Without it the system would end the process, when the memory is full, and say nothing.
        needed = 36 * self.width * (self.width * self.depth + self.channels)
        if needed > files.memory() / 2:
            raise ValueError(
                f"width, depth: expected convolutions that fit into half of this computer's {files.memory() / 2**30:.3g} GiB, "
                f"got {needed / 2**30:.3g} GiB of {self.channels} channels, width {self.width} and depth {self.depth}"
            )
        self.padding = arguments.choice("padding", padding, layers.PADDINGS)
        self.prediction = arguments.choice("prediction", prediction, PREDICTIONS)
        self.activation = arguments.choice("activation", activation, tuple(layers.ACTIVATIONS))
        self.attention = arguments.choice("attention", attention, (None, *layers.ATTENTIONS))
        self.label_names = _names(labels)
        self.labels = len(self.label_names)
        self.schedule = schedules.cosine() if schedule is None else schedule
        if not isinstance(self.schedule, schedules.Schedule):
            raise TypeError(f"schedule: expected a Schedule, got {arguments.brief(schedule)}; hint: minidiff.schedules.cosine()")
        self.dtype = arguments.float_dtype("dtype", dtype)
        self.params = self._first_params(arguments.generator(rng))
        self.notes: dict[str, Any] = {}

    # --- parameters --------------------------------------------------------------------------------------------------

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each parameter, by its name."""
        wide = self.width
        shapes: dict[str, tuple[int, ...]] = {
            "time.hidden.weight": (FEATURES, HIDDEN),
            "time.hidden.bias": (HIDDEN,),
            "time.layers.weight": (HIDDEN, (self.depth + 1) * wide),
            "time.layers.bias": ((self.depth + 1) * wide,),
            "input.weight": (3, 3, self.channels, wide),
        }
        shapes |= {f"block{number}.weight": (3, 3, wide, wide) for number in range(1, self.depth + 1)}
        if self.attention is not None:
            shapes |= {f"attention.{name}.weight": (1, 1, wide, wide) for name in ("query", "key", "value", "out")}
        if self.labels:
            shapes["label.table"] = (self.labels + 1, HIDDEN)
        return shapes | {"output.weight": (1, 1, wide, self.channels), "output.bias": (self.channels,)}

    def _first_params(self, rng: np.random.Generator) -> dict[str, Array]:
        """Random weights of variance 1 / (the number of terms of their sum), and 0.01 in the label table; the last layer and all
        biases are zero.

        A residual block has the variance 2 / (terms) / depth. The 2 balances the ReLU, which sets half of its input to 0. The
        depth is needed because each block adds to the sum of those before it: the variance of h would be doubled by each block,
        and would be 2^5 times as large after five.
        """
        params = {}
        for name, shape in self.shapes().items():
            if len(shape) == 1 or name.startswith("output"):
                params[name] = np.zeros(shape, self.dtype)
                continue
            gain = 2 / max(self.depth, 1) if name.startswith("block") else 1.0
            scale = np.sqrt(gain / np.prod(shape[:-1])) if name != "label.table" else 0.1
            params[name] = (scale * rng.standard_normal(shape)).astype(self.dtype)
        return params

    @property
    def receptive_field(self) -> int:
        """The side, an odd number, of the square of pixels that the convolutions of one output pixel see.

        With attention, an output pixel sees every pixel.
        """
        return 2 * (self.depth + 1) + 1

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that `from_settings` needs for a network of the same shape, as a dict that JSON can hold."""
        names = ("channels", "width", "depth", "padding", "prediction", "activation", "attention")
        labels = self.labels if self.label_names == tuple(range(self.labels)) else list(self.label_names)
        schedule = {"name": self.schedule.name, "settings": dict(self.schedule.settings)}
        return {name: getattr(self, name) for name in names} | {"labels": labels, "schedule": schedule, "dtype": self.dtype.name}

    def __repr__(self) -> str:
        given = {**self.settings, "schedule": self.schedule}
        numbers = sum(array.size for array in self.params.values())
        return f"Network({', '.join(f'{name}={value!r}' for name, value in given.items())}: {numbers} numbers)"

    # --- the denoiser ------------------------------------------------------------------------------------------------

    def __call__(self, x: Array, t: Times, label: Label = None) -> Array:
        """The estimate x0_hat of the clean image.

        Parameters
        ----------
        x : (H, W, C) or (B, H, W, C) float32 or float64
        t : float or (B,) floats in [0, 1]
        label : None, one of `label_names`, or (B,) of them

        Returns
        -------
        x0_hat : array of x's shape and dtype
            It is computed in the parameters' dtype.

        Raises ValueError or TypeError on bad arguments, and ValueError where a(t) = 0 if the network predicts noise.
        """
        images, times, classes = self._check(x, t, label)
        if self.prediction == "noise" and (self.schedule.signal(times) == 0).any():
            raise ValueError("t: a noise estimate gives no x0_hat where there is no signal (a(t) = 0); hint: prediction='v'")
        out, _ = self.forward(images, times, classes)
        if self.prediction == "v":
            out = conversions.x0_from_v(images, out, times, self.schedule)
        elif self.prediction == "noise":
            out = conversions.x0_from_eps(images, out, times, self.schedule)
        return out.reshape(np.shape(x)).astype(np.asarray(x).dtype, copy=False)

    def eps(self, x: Array, t: Times, label: Label = None) -> Array:
        """The noise estimate eps_hat = (x - a x0_hat) / s, of x's shape; ValueError where s(t) = 0."""
        return conversions.eps_from_x0(x, self(x, t, label), t, self.schedule)

    def score(self, x: Array, t: Times, label: Label = None) -> Array:
        """The score (a x0_hat - x) / s^2, of x's shape; ValueError where s(t) = 0."""
        return conversions.score_from_x0(x, self(x, t, label), t, self.schedule)

    def attention_map(self, x: Array, t: Times, label: Label = None) -> Array:
        """The attention weights, (B, H W, H W): row p says how much pixel p attends to each pixel, and has the sum 1.

        Pixels are in reading order. x, t and label are as in a call; x of shape (H, W, C) has B = 1. Raises ValueError if the
        network has no attention. The memory is B (H W)^2 numbers.
        """
        if self.attention is None:
            raise ValueError("attention_map: expected a network with attention, got attention=None")
        images, times, classes = self._check(x, t, label)
        saved = self.forward(images, times, classes)[1]
        return layers.attention_map(saved["query"], saved["key"], self.attention)

    def _check(self, x, t, label):
        """The arguments of a call as (B, H, W, C) images in the parameters' dtype, (B,) times and (B,) classes."""
        images = arguments.queries("x", x)
        images = images.reshape((-1, *images.shape[-3:])).astype(self.dtype, copy=False)
        if images.shape[3] != self.channels:
            raise ValueError(f"x: expected {self.channels} channels, as the network, got shape {np.shape(x)}")
        times = arguments.times("t", t)
        if times.ndim > 1 or (times.ndim == 1 and len(times) not in (1, len(images))):
            raise ValueError(f"t: expected a number, or one per query of x with shape {np.shape(x)}, got shape {times.shape}")
        return images, np.broadcast_to(times, len(images)), self._classes(label, len(images))

    def _classes(self, label, batch):
        """The row of the label table for each image, (B,) ints; the last row is for label=None."""
        if label is None:
            return np.full(batch, self.labels)
        if not self.labels:
            raise ValueError(f"label: expected None, as the network was made with labels=0, got {arguments.brief(label)}")
        asked = arguments.labels("label", label)
        if asked.shape not in ((), (1,), (batch,)):
            raise TypeError(f"label: expected a whole number, or one per query, got {arguments.brief(label)}")
        return np.broadcast_to(self.class_numbers(asked, "label"), batch)

    def class_numbers(self, labels: Array, name: str = "labels") -> Array:
        """The positions in `label_names` of labels, ints of their shape; ValueError where one is no class of this network."""
        names = arguments.labels("label_names", self.label_names)
        known = (labels.dtype.kind == "U") == (names.dtype.kind == "U")
        found = np.searchsorted(names, labels).clip(max=len(names) - 1) if known else np.zeros(labels.shape, int)
        wrong = labels[names[found] != labels] if known else labels.ravel()
        if wrong.size:
            some = f"classes from 0 to {self.labels - 1}" if self.settings["labels"] == self.labels else f"one of {_few(names)}"
            raise ValueError(f"{name}: expected {some}, got {_few(wrong)}")
        return found

    # --- forward and backward ----------------------------------------------------------------------------------------

    def forward(self, x: Array, t: Array, classes: Array | None = None) -> tuple[Array, dict[str, Any]]:
        """The output of the last layer (B, H, W, C), and a dict of the arrays that `backward` needs.

        x is (B, H, W, C) of the parameters' dtype, t is (B,) floats in [0, 1]. classes is (B,) ints; the number `labels` means
        no class, and None means no class for all images. The arguments are not checked.
        """
        p, act = self.params, self.activation
        classes = np.full(len(x), self.labels) if classes is None else classes
        saved: dict[str, Any] = {"x": x, "classes": classes, "features": layers.time_features(t, FEATURES, self.dtype)}
        hidden = layers.linear(saved["features"], p["time.hidden.weight"], p["time.hidden.bias"])
        if self.labels:
            hidden = hidden + p["label.table"][classes]
        saved["hidden"], saved["active"] = hidden, layers.activate(hidden, act)
        offsets = layers.linear(saved["active"], p["time.layers.weight"], p["time.layers.bias"])
        offsets = offsets.reshape(len(x), self.depth + 1, self.width)

        h = layers.conv2d(x, p["input.weight"], offsets[:, 0], self.padding)
        saved["h"] = [h]
        for number in range(1, self.depth + 1):
            h = layers.conv2d(h, p[f"block{number}.weight"], offsets[:, number], self.padding, act, residual=True)
            saved["h"].append(h)
        if self.attention is not None:
            h = h + self._attend(h, saved)
        saved["last"] = h
        return layers.conv2d(h, p["output.weight"], p["output.bias"], self.padding, act), saved

    def _attend(self, h, saved):
        none = np.zeros(self.width, self.dtype)
        for name in ("query", "key", "value"):
            saved[name] = layers.conv2d(h, self.params[f"attention.{name}.weight"], none)
        saved["seen"] = layers.attention(saved["query"], saved["key"], saved["value"], self.attention)
        return layers.conv2d(saved["seen"], self.params["attention.out.weight"], none)

    @overload
    def backward(self, dout: Array, saved: dict[str, Any], need_dx: Literal[False] = False) -> dict[str, Array]: ...

    @overload
    def backward(self, dout: Array, saved: dict[str, Any], need_dx: Literal[True]) -> tuple[dict[str, Array], Array]: ...

    def backward(
        self, dout: Array, saved: dict[str, Any], need_dx: bool = False
    ) -> dict[str, Array] | tuple[dict[str, Array], Array]:
        """The gradients of all parameters, a dict like `params`, for dout (B, H, W, C), the gradient of the output.

        `saved` is what `forward` returned. With need_dx=True the result is (gradients, dx), and dx (B, H, W, C) is the gradient
        of the input x. `saved` is not changed, so a second call gives the same arrays.
        """
        p, act, hs = self.params, self.activation, saved["h"]
        grads: dict[str, Array] = {}
        dh, grads["output.weight"], dbias = layers.conv2d_backward(dout, saved["last"], p["output.weight"], self.padding, act)
        grads["output.bias"] = dbias.sum(axis=0)
        if self.attention is not None:
            dh = dh + self._attend_backward(dh, hs[-1], saved, grads)
        offsets = np.empty((len(dout), self.depth + 1, self.width), self.dtype)
        for number in range(self.depth, 0, -1):
            name = f"block{number}.weight"
            dh, grads[name], offsets[:, number] = layers.conv2d_backward(
                dh, hs[number - 1], p[name], self.padding, act, residual=True
            )
        dx, grads["input.weight"], offsets[:, 0] = layers.conv2d_backward(
            dh, saved["x"], p["input.weight"], self.padding, need_dx=need_dx
        )
        self._time_backward(offsets.reshape(len(dout), -1), saved, grads)
        grads = {name: grads[name] for name in p}
        return (grads, dx) if need_dx else grads

    def _attend_backward(self, dh, h, saved, grads):
        def back(dout, x, name):
            dx, grads[f"attention.{name}.weight"], _ = layers.conv2d_backward(dout, x, self.params[f"attention.{name}.weight"])
            return dx

        dseen = back(dh, saved["seen"], "out")
        douts = layers.attention_backward(dseen, saved["query"], saved["key"], saved["value"], self.attention)
        dquery, dkey, dvalue = (back(dout, h, name) for name, dout in zip(("query", "key", "value"), douts, strict=True))
        return dquery + dkey + dvalue

    def _time_backward(self, doffsets, saved, grads):
        p = self.params
        dactive, grads["time.layers.weight"], grads["time.layers.bias"] = layers.linear_backward(
            doffsets, saved["active"], p["time.layers.weight"]
        )
        dhidden = layers.activate_backward(dactive, saved["hidden"], self.activation)
        _, grads["time.hidden.weight"], grads["time.hidden.bias"] = layers.linear_backward(
            dhidden, saved["features"], p["time.hidden.weight"]
        )
        if self.labels:
            grads["label.table"] = np.zeros_like(p["label.table"])
            np.add.at(grads["label.table"], saved["classes"], dhidden)

    # --- files -------------------------------------------------------------------------------------------------------

    def copy(self) -> "Network":
        """Another network with the same settings and with copies of the parameters; its notes are empty."""
        twin = from_settings(self.settings, self.schedule)
        twin.params = {name: value.copy() for name, value in self.params.items()}
        return twin

    def save(self, path: PathLike, notes: dict[str, Any] | None = None) -> None:
        """Write the settings, the parameters and `notes` (a dict that JSON can hold) to an .npz file, whole or not at all.

        Raises ValueError if the schedule is not one of the package's: `load` could not find it by its name; TypeError on notes
        that are no such dict, and OSError where the file cannot be written.
        """
        _known_schedule(self.settings["schedule"], self.schedule)
        notes = {} if notes is None else notes
        try:
            json.dumps(notes)
        except (TypeError, ValueError) as error:
            hint = "hint: float(value) and array.tolist() for NumPy's"
            raise TypeError(f"notes: expected a dict that JSON can hold, got one with other values ({error}); {hint}") from None
        if not isinstance(notes, dict):  # `load` could not read it
            raise TypeError(f"notes: expected a dict, got {arguments.brief(notes)}")
        archive.write(path, "network", {"network": self.settings, "notes": notes}, self.params)

    @staticmethod
    def load(path: PathLike) -> "Network":
        """The network that `save` wrote; its attribute `notes` holds the notes.

        Raises FileNotFoundError, or ValueError (in one line) if the file is truncated, is not a network, or holds arrays of other
        shapes.
        """
        settings, arrays = archive.read(path, "network")
        try:
            network = from_settings(settings["network"])
            network.notes = dict(settings["notes"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path}: expected the settings of a network, got {type(error).__name__}: {error}") from None
        archive.check_arrays(path, arrays, network.shapes(), network.dtype)
        network.params = {name: arrays[name] for name in network.shapes()}
        return network


def _names(labels):
    """The names of the classes, in order, from their number or from labels."""
    if np.ndim(labels) == 0:
        return tuple(range(arguments.whole_number("labels", labels, 0, 10**6)))
    found = arguments.labels("labels", labels)
    if found.ndim != 1:
        raise TypeError(f"labels: expected a number of classes or a list of labels, got {arguments.brief(labels)}")
    return tuple(np.unique(found).tolist())


def _few(labels):
    """The first of some labels, as words."""
    known = list(dict.fromkeys(np.ravel(labels).tolist()))
    return ", ".join(map(repr, known[:10])) + (", ..." if len(known) > 10 else "")


def from_settings(settings: dict[str, Any], schedule: schedules.Schedule | None = None) -> Network:
    """A network with these `Network.settings`; its schedule is `schedule`, or else the one that the settings name."""
    given = dict(settings)
    named = given.pop("schedule")
    schedule = _known_schedule(named, schedule) if schedule is None else schedule
    return Network(**given, schedule=schedule)


def _known_schedule(named: dict[str, Any], schedule: schedules.Schedule | None = None) -> schedules.Schedule:
    """The package's schedule of that name and settings; ValueError if there is none, or if it differs from `schedule`."""
    name = arguments.choice("schedule", named["name"], tuple(schedules.NAMES))
    found = schedules.NAMES[name](**named["settings"])
    if schedule is not None and found != schedule:
        raise ValueError(f"schedule: expected one of the package's, got {schedule}")
    return found
