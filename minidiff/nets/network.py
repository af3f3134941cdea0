"""The residual CNN, its attention layer, and its parameters as a flat dict of named arrays.

    h = conv3x3(x) + b_0(t)                        an input convolution
    h = h + conv3x3(act(h)) + b_l(t), l = 1..depth residual convolutions
    h = h + W_o attention(W_q h, W_k h, W_v h)     only with attention
    out = conv1x1(act(h)) + b

No normalisation: it would tell every pixel something of the whole image, and the point is that a pixel sees its window and
nothing else. The time enters every layer as an offset b_l(t), one number per channel.
"""

import numpy as np

from .. import arguments, conversions, schedules
from . import archive, layers

FEATURES = HIDDEN = 64  # sizes of the time embedding and of its one hidden layer
PREDICTIONS = ("v", "noise", "x0")


class Network:
    """A convolutional denoiser, hand-coded: `network(x, t) -> x0_hat`, like any machine.

    Parameters
    ----------
    channels : int
        C of the images: 1 grey, 3 colour.
    width : int
        Channels inside.
    depth : int >= 0
        Residual 3 x 3 convolutions, after the input convolution.
    padding : "zeros" or "circular"
        Zeros tell a pixel how far it is from the border; on a torus no pixel knows where it is.
    prediction : "v", "noise" or "x0"
        What comes out of the last layer: v = a eps - s x_0, or eps, or x_0. eps says nothing about x_0 where a = 0, so a
        network that predicts noise is refused there; and where a is small its errors are divided by a.
    activation : "relu", "silu" or "none" (a linear network)
    attention : None, "softmax", "identity" or "top1"
        One attention layer at the end; see `layers.attention`.
    labels : int
        Number of classes; 0 for none. One more is learned, for label=None.
    schedule : Schedule, optional
        Of the noise; the cosine schedule by default.
    rng : None, int or numpy Generator
        Of the first parameters.
    dtype : float32 or float64
        Of the parameters and of all that is computed with them.

    Attributes
    ----------
    params : dict of arrays
    schedule : Schedule
    notes : dict
        What `save` was told of how the network was made.

    Raises ValueError or TypeError on bad arguments. A call costs 9 width^2 (depth + 1) multiplications a pixel (about 0.2 us
    for each 3 x 3 layer of width 32, on one core), and its memory is two arrays (B, H, W, width).

    Examples
    --------
    >>> network = Network(width=8, depth=2, rng=0)
    >>> network(np.zeros((16, 16, 1), np.float32), 0.5).shape, network.receptive_field
    ((16, 16, 1), 7)
    """

    def __init__(
        self,
        channels=1,
        width=32,
        depth=5,
        padding="zeros",
        prediction="v",
        activation="relu",
        attention=None,
        labels=0,
        schedule=None,
        rng=0,
        dtype=np.float32,
    ):
        self.channels = arguments.whole_number("channels", channels, 1)
        self.width = arguments.whole_number("width", width, 1)
        self.depth = arguments.whole_number("depth", depth, 0)
        self.padding = arguments.choice("padding", padding, layers.PADDINGS)
        self.prediction = arguments.choice("prediction", prediction, PREDICTIONS)
        self.activation = arguments.choice("activation", activation, tuple(layers.ACTIVATIONS))
        self.attention = arguments.choice("attention", attention, (None, *layers.ATTENTIONS))
        self.labels = arguments.whole_number("labels", labels, 0)
        self.schedule = schedules.cosine() if schedule is None else schedule
        if not isinstance(self.schedule, schedules.Schedule):
            raise TypeError(f"schedule: expected a Schedule, got {schedule!r}; hint: minidiff.schedules.cosine()")
        self.dtype = np.dtype(dtype)
        if self.dtype not in arguments.FLOATS:
            raise TypeError(f"dtype: expected float32 or float64, got {dtype!r}")
        self.params = self._first_params(arguments.generator(rng))
        self.notes = {}

    # --- parameters --------------------------------------------------------------------------------------------------

    def shapes(self):
        """The shape of each parameter, by name."""
        wide = self.width
        shapes = {
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

    def _first_params(self, rng):
        """Weights with variance 2 / (numbers summed), which keeps a ReLU network's scale; a last layer of zero.

        Each residual layer adds to the sum of those before it, so its share is scaled down by the depth: five blocks of full
        variance would make h 2^5 times as large in variance.
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
    def receptive_field(self):
        """The odd side of the square of pixels that one output pixel's convolutions see; attention sees every pixel."""
        return 2 * (self.depth + 1) + 1

    @property
    def settings(self):
        """All that a network of the same shape needs, as a dict that JSON can hold."""
        names = ("channels", "width", "depth", "padding", "prediction", "activation", "attention", "labels")
        schedule = {"name": self.schedule.name, "settings": dict(self.schedule.settings)}
        return {name: getattr(self, name) for name in names} | {"schedule": schedule, "dtype": self.dtype.name}

    # --- the denoiser ------------------------------------------------------------------------------------------------

    def __call__(self, x, t, label=None):
        """The estimate x0_hat of the clean image.

        Parameters
        ----------
        x : (H, W, C) or (B, H, W, C) float32 or float64
        t : float or (B,) floats in [0, 1]
        label : None, int or (B,) ints in [0, labels)

        Returns
        -------
        x0_hat : array of x's shape and dtype; computed in the parameters' dtype.

        Raises ValueError or TypeError on bad arguments; ValueError where a(t) = 0 if the network predicts noise.
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

    def eps(self, x, t, label=None):
        """The noise estimate eps_hat = (x - a x0_hat) / s, of x's shape; ValueError where s(t) = 0."""
        return conversions.eps_from_x0(x, self(x, t, label), t, self.schedule)

    def score(self, x, t, label=None):
        """The score (a x0_hat - x) / s^2, of x's shape; ValueError where s(t) = 0."""
        return conversions.score_from_x0(x, self(x, t, label), t, self.schedule)

    def attention_map(self, x, t, label=None):
        """What each pixel attends to: (B, H W, H W) of rows of sum 1, row p for pixel p in reading order.

        x, t and label as in a call; (H, W, C) counts as B = 1. ValueError if the network has no attention. Memory B (H W)^2.
        """
        if self.attention is None:
            raise ValueError("attention_map: expected a network with attention, got attention=None")
        images, times, classes = self._check(x, t, label)
        saved = self.forward(images, times, classes)[1]
        return layers.attention_map(saved["query"], saved["key"], self.attention)

    def _check(self, x, t, label):
        """The arguments of a call as (B, H, W, C) images in the parameters' dtype, (B,) times and (B,) classes."""
        images = arguments.float_array("x", x, "(H, W, C) or (B, H, W, C)", (3, 4))
        images = images.reshape((-1, *images.shape[-3:])).astype(self.dtype, copy=False)
        if images.shape[3] != self.channels:
            raise ValueError(f"x: expected {self.channels} channels, as the network, got shape {np.shape(x)}")
        times = arguments.times("t", t)
        if times.ndim > 1 or (times.ndim == 1 and len(times) not in (1, len(images))):
            raise ValueError(f"t: expected a number, or one per query of x with shape {np.shape(x)}, got shape {times.shape}")
        return images, np.broadcast_to(times, len(images)), self._classes(label, len(images))

    def _classes(self, label, batch):
        """One row of the label table per image; the last row is for label=None."""
        if label is None:
            return np.full(batch, self.labels)
        if not self.labels:
            raise ValueError(f"label: expected None, as the network was made with labels=0, got {label!r}")
        classes = np.asarray(label)
        if classes.dtype.kind not in "iu" or classes.shape not in ((), (1,), (batch,)):
            raise TypeError(f"label: expected a whole number, or one per query, got {label!r}")
        if classes.min() < 0 or classes.max() >= self.labels:
            raise ValueError(f"label: expected classes from 0 to {self.labels - 1}, got {label!r}")
        return np.broadcast_to(classes, batch)

    # --- forward and backward ----------------------------------------------------------------------------------------

    def forward(self, x, t, classes=None):
        """The last layer's output (B, H, W, C), and all that `backward` needs to know of the way there.

        x (B, H, W, C) of the parameters' dtype; t (B,); classes (B,) ints, `labels` standing for none.
        """
        p, act = self.params, self.activation
        classes = np.full(len(x), self.labels) if classes is None else classes
        saved = {"x": x, "classes": classes, "features": layers.time_features(t, FEATURES, self.dtype)}
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

    def backward(self, dout, saved, need_dx=False):
        """The gradients of all parameters, a dict like `params`, from the gradient to the output (B, H, W, C).

        With need_dx, (gradients, dx), the second to the input x. `saved` is not changed: calling twice gives the same arrays.
        """
        p, act, hs, grads = self.params, self.activation, saved["h"], {}
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

    def copy(self):
        """A network of its own with the same settings and parameters."""
        twin = from_settings(self.settings, self.schedule)
        twin.params = {name: value.copy() for name, value in self.params.items()}
        return twin

    def save(self, path, notes=None):
        """Write the settings, the parameters and `notes` (a dict that JSON can hold) to an .npz file, whole or not at all.

        Raises ValueError for a schedule of your own, which has no name to be found by again.
        """
        _known_schedule(self.settings["schedule"], self.schedule)
        archive.write(path, "network", {"network": self.settings, "notes": notes or {}}, self.params)

    @staticmethod
    def load(path):
        """The network that `save` wrote; its notes are the attribute `notes`.

        Raises FileNotFoundError, or a ValueError of one line for a truncated or foreign file, or arrays of another shape.
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


def from_settings(settings, schedule=None):
    """A network with these `Network.settings`; the schedule by its name, unless it is given."""
    given = dict(settings)
    named = given.pop("schedule")
    schedule = _known_schedule(named, schedule) if schedule is None else schedule
    return Network(**given, schedule=schedule)


def _known_schedule(named, schedule=None):
    """The package's schedule of that name and settings; ValueError if there is none, or if it is not the given one."""
    name = arguments.choice("schedule", named["name"], tuple(schedules.NAMES))
    found = schedules.NAMES[name](**named["settings"])
    if schedule is not None and found != schedule:
        raise ValueError(f"schedule: expected one of the package's, got {schedule}")
    return found
