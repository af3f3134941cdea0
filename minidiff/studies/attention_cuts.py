"""What a network's attention map is for: parts of it are cut off during the walk, and the colours are counted again (ours)."""

from typing import Any

import numpy as np

from .. import nets
from ..datasets.ruled import fixed_corners
from ..nets import layers
from ..types import Array

ATTEND_TO = (
    "everything",
    "its own quarter",
    "the other quarters",
    "the black pixels",
    "the places of the shapes",
    "a random half",
    "nothing",
)


class Cut:
    """A network with softmax attention of which a part is cut: pixel p attends only to the pixels q with allowed[p, q].

    The softmax is over these only; nothing else in the network is changed.

    Parameters
    ----------
    network : Network with attention="softmax", prediction="x0" and without labels
    allowed : (H W, H W) bool
        Pixels are in reading order. A row without any pixel cuts all: the attention layer then adds nothing.
    """

    def __init__(self, network: nets.Network, allowed: Array) -> None:
        if network.attention != "softmax" or network.prediction != "x0":
            raise ValueError(f"network: expected softmax attention that predicts x0, got {network}")
        self.network, self.allowed, self.schedule = network, allowed, network.schedule

    def __call__(self, x: Array, t: Any) -> Array:
        """x0_hat for x (B, H, W, C) and t, a float or (B,)."""
        network, params = self.network, self.network.params
        _, saved = network.forward(x.astype(network.dtype), np.broadcast_to(np.asarray(t, float), len(x)))
        query, key, value = (saved[name].reshape(len(x), -1, network.width) for name in ("query", "key", "value"))
        scores = np.where(self.allowed, query @ key.swapaxes(1, 2) * network.width**-0.5, -np.inf)
        highest = scores.max(axis=2, keepdims=True, initial=-1e30)
        weights = np.exp(scores - highest)
        seen = (weights / np.maximum(weights.sum(axis=2, keepdims=True), 1e-30)) @ value
        none = np.zeros(network.width, network.dtype)
        last = saved["h"][-1]
        h = last + layers.conv2d(seen.reshape(last.shape), params["attention.out.weight"], none)
        out = layers.conv2d(h, params["output.weight"], params["output.bias"], network.padding, network.activation)
        return out.astype(x.dtype, copy=False)


def allowed(seen: str, size: int, rng: int = 0) -> Array:
    """Who may attend to whom if a pixel may attend to `seen`, one of `ATTEND_TO`: (size^2, size^2) bool.

    The black pixels are those that are black in each image that the rule allows. "a random half" is the same half for all pixels.

    Examples
    --------
    >>> [int(allowed(seen, 12)[0].sum()) for seen in ATTEND_TO]
    [144, 36, 108, 80, 64, 72, 0]
    """
    rows, columns = np.indices((size, size)).reshape(2, -1)
    quarter = 2 * (rows >= size / 2) + (columns >= size / 2)
    own = quarter == quarter[:, None]
    shape = max(1, size // 3)
    black = np.ones((size, size), bool)
    for top, left in fixed_corners(size, 4, shape):
        black[top : top + shape, left : left + shape] = False
    half = np.random.default_rng(rng).permutation(size * size) < size * size // 2
    everything = np.ones((size * size, size * size), bool)
    choices = (everything, own, ~own, everything & black.ravel(), everything & ~black.ravel(), everything & half, ~everything)
    return dict(zip(ATTEND_TO, choices, strict=True))[seen]
