"""The network's layers by their formula, in plain NumPy, forward and backward side by side, with bugs planted in them.

As in `planted_machines.py`, a function takes the name of a bug and does the wrong thing where the bug is its own. Below the
layers are the laws that they are held against: a backward is the forward's derivative, whatever the layer.
"""

from functools import partial

import numpy as np
from planted_machines import COSINE, IMAGES, SPACING

from minidiff.testing import check_denoiser

# --- convolution -----------------------------------------------------------------------------------------------------


def shifted(x, down, across, padding):
    """x (B, H, W, C) read further on: out[y, x] = x[y + down, x + across], with the torus or zeros beyond the border."""
    height, width = x.shape[1:3]
    far = max(abs(down), abs(across))
    margin = ((0, 0), (far, far), (far, far), (0, 0))
    padded = np.pad(x, margin, mode="wrap" if padding == "circular" else "constant")
    return padded[:, far + down :, far + across :][:, :height, :width]


def offsets(k):
    """(i, j, rows down, columns across) of each tap of a k x k kernel."""
    return [(i, j, i - k // 2, j - k // 2) for i in range(k) for j in range(k)]


def conv(x, weight, padding, bug=None):
    """out[y, x] = sum_ij in[y + i - k//2, x + j - k//2] weight[i, j]."""
    return sum(shifted(x, down, across, padding) @ weight[i, j] for i, j, down, across in offsets(len(weight)))


def conv_backward(dout, x, weight, padding, bug=None):
    """dx is a convolution of dout with the kernel turned round, dweight a correlation of dout with x."""
    back = "zeros" if bug == "the gradient of a torus is cut off at the border" else padding
    dx, dweight = np.zeros_like(x), np.zeros_like(weight)
    for i, j, down, across in offsets(len(weight)):
        turned = (down, across) if bug == "the kernel is not turned round" else (-down, -across)
        square = weight[i, j] if bug == "channels in and out are not swapped" else weight[i, j].T
        dx += shifted(dout, *turned, back) @ square
        seen = (-down, -across) if bug == "the kernel's gradient is turned round" else (down, across)
        dweight[i, j] = np.einsum("byxc,byxo->co", shifted(x, *seen, padding), dout)
    if bug == "the gradient is averaged over the batch, not summed":
        dweight /= len(x)
    return dx, dweight


# --- a residual block: out = x + bias + conv(silu(x)) ----------------------------------------------------------------


def silu(x):
    """x sigma(x)."""
    return x / (1 + np.exp(-x))


def slope_of_silu(x, bug):
    """The derivative of x sigma(x), sigma being 1 / (1 + exp(-x))."""
    if bug == "the slope of SiLU is taken behind it, not before it":
        x = silu(x)
    sigma = 1 / (1 + np.exp(-x))
    if bug == "the slope of SiLU is sigma alone":
        return sigma
    return sigma * (1 + x * (1 - sigma))


def block(x, weight, bias, bug=None):
    return x + bias + conv(silu(x), weight, "zeros")


def block_backward(dout, x, weight, bias, bug=None, kept={}):  # noqa: B006  (the bug is that it is kept)
    active = x if bug == "the kernel's gradient is taken before the activation" else silu(x)
    dactive, dweight = conv_backward(dout, active, weight, "zeros")
    dx, dbias = dactive * slope_of_silu(x, bug), dout.sum(axis=(0, 1, 2))
    if bug == "the bias gets no gradient":
        dbias = np.zeros_like(bias)
    if bug == "gradients add up from call to call":
        dbias = kept["dbias"] = kept.get("dbias", 0) + dbias
    if bug == "the residual's gradient is forgotten":
        return dx, dweight, dbias
    if bug == "the residual's gradient is added to dout itself":
        dout += dx
        return dout, dweight, dbias
    return dx + dout, dweight, dbias


def relu(x, bug=None):
    return np.maximum(x, 0)


def relu_backward(dout, x, bug=None):
    if bug == "ReLU passes the gradient where it was negative":
        return (dout * (x < 0),)
    return (dout * (x > 0),)


# --- attention -------------------------------------------------------------------------------------------------------


def softmax(scores, bug=None):
    """Over the last axis, the pixels that are attended to."""
    if bug == "no largest score is taken off":
        weights = np.exp(scores)
    else:
        weights = np.exp(scores - scores.max(axis=2, keepdims=True))
    if bug == "the softmax goes over the pixels that ask":
        return weights / weights.sum(axis=1, keepdims=True)
    return weights / weights.sum(axis=2, keepdims=True)


def attention(q, k, v, bug=None):
    """out = A v, A = softmax(q k^T / sqrt(D)); q, k, v (B, P, D)."""
    return softmax(q @ k.swapaxes(1, 2) / np.sqrt(q.shape[2]), bug) @ v


def attention_backward(dout, q, k, v, bug=None):
    """dS = A (dA - sum_j A dA) / sqrt(D) with dA = dout v^T; dq = dS k, dk = dS^T q, dv = A^T dout."""
    root = 1 if bug == "1 / sqrt(D) is missing on the way back" else np.sqrt(q.shape[2])
    weights = softmax(q @ k.swapaxes(1, 2) / np.sqrt(q.shape[2]), bug)
    dweights = dout @ v.swapaxes(1, 2)
    dscores = weights * (dweights - (weights * dweights).sum(axis=2, keepdims=True)) / root
    if bug == "the softmax is detached":
        dscores = np.zeros_like(dscores)
    if bug == "the softmax's gradient is its diagonal alone":
        dscores = weights * (1 - weights) * dweights / root
    dk = (dscores if bug == "the keys' gradient is not transposed" else dscores.swapaxes(1, 2)) @ q
    dv = (weights if bug == "the values' gradient is not transposed" else weights.swapaxes(1, 2)) @ dout
    return dscores @ k, dk, dv


# --- time, and the loss ----------------------------------------------------------------------------------------------


def add_time(x, features, weight, bug=None):
    """Each image's time, as features (B, F), is added to all of its pixels through weight (F, C)."""
    return x + (features @ weight)[:, None, None]


def add_time_backward(dout, x, features, weight, bug=None):
    summed = dout.sum(axis=(1, 2))
    if bug == "the time embedding's gradient is lost":
        summed = np.zeros_like(summed)
    if bug == "the time embedding's gradient is a mean over pixels":
        summed = dout.mean(axis=(1, 2))
    return dout, summed @ weight.T, features.T @ summed


def loss(out, target, bug=None):
    """The mean squared error."""
    return np.mean((out - target) ** 2)


def loss_backward(dout, out, target, bug=None):
    gradient = 2 * (out - target) / out.size * dout
    if bug == "the loss is a mean, its gradient that of a sum":
        gradient = gradient * out.size
    return gradient, -gradient


# --- the laws of layers ----------------------------------------------------------------------------------------------

# Where: (forward(*inputs, bug), backward(dout, *inputs, bug), the inputs' shapes).
X, KERNEL, PIXELS = (2, 4, 5, 3), (3, 3, 3, 3), (2, 6, 3)
LAYERS = {
    "convolution": (
        lambda x, weight, bug: conv(x, weight, "circular", bug),
        lambda dout, x, weight, bug: conv_backward(dout, x, weight, "circular", bug),
        (X, KERNEL),
    ),
    "residual block": (block, block_backward, (X, KERNEL, (3,))),
    "ReLU": (relu, relu_backward, (X,)),
    "attention": (attention, attention_backward, (PIXELS, PIXELS, PIXELS)),
    "time embedding": (add_time, add_time_backward, (X, (2, 4), (4, 3))),
    "loss": (loss, loss_backward, (X, X)),
}


def adjoint(where, forward, backward, inputs, rng):
    """<f x, y> = <x, f^T y>: the backward of what is linear in x is its transpose, to rounding."""
    if where != "convolution":
        return True
    out = forward(*inputs)
    y = rng.standard_normal(out.shape)
    back = backward(y, *inputs)[0]
    size = np.linalg.norm(out) * np.linalg.norm(y) + np.linalg.norm(inputs[0]) * np.linalg.norm(back)
    return abs((out * y).sum() - (inputs[0] * back).sum()) <= 1e-12 * size


def directional_derivative(where, forward, backward, inputs, rng, step=1e-5):
    """<gradient, u> is the central difference along u, for each input; y . f stands for the rest of the network.

    The difference is off by step^2 / 6 times a third derivative and by eps / step times the value: 1e-10 of the sizes met here.
    """
    y = rng.standard_normal(np.shape(forward(*inputs)))
    gradients = backward(y.copy(), *inputs)
    for number, (value, gradient) in enumerate(zip(inputs, gradients, strict=True)):
        u = rng.standard_normal(value.shape)
        ends = [(y * forward(*inputs[:number], value + h * u, *inputs[number + 1 :])).sum() for h in (step, -step)]
        size = np.linalg.norm(gradient) * np.linalg.norm(u) + np.abs(ends).max()
        if abs((ends[0] - ends[1]) / (2 * step) - (gradient * u).sum()) > 1e-7 * size:
            return False
    return True


def repeatable(where, forward, backward, inputs, rng):
    """The same backward twice gives the same gradients, and dout and the inputs are left as they were."""
    y = rng.standard_normal(np.shape(forward(*inputs)))
    given = [y, *inputs]
    kept = [array.copy() for array in given]
    first, second = ([np.copy(gradient) for gradient in backward(*given)] for _ in range(2))
    return all(np.array_equal(*pair) for pair in (*zip(first, second, strict=True), *zip(given, kept, strict=True)))


def weights_sum_to_one(where, forward, backward, inputs, rng):
    """Attention to values that are all 1 gives 1."""
    return where != "attention" or np.allclose(forward(*inputs[:2], np.ones_like(inputs[2])), 1, rtol=0, atol=1e-13)


def answer(where, forward, backward, inputs, rng):
    """Numbers a thousand times as large still give finite ones."""
    with np.errstate(over="ignore", invalid="ignore"):
        return where != "attention" or bool(np.isfinite(forward(*(1000 * value for value in inputs))).all())


LAWS = {
    "adjoint": adjoint,
    "directional derivative": directional_derivative,
    "repeatable": repeatable,
    "weights sum to one": weights_sum_to_one,
    "answer": answer,
}


# --- a whole network, held against the laws of denoisers -------------------------------------------------------------


def network(bug=None, padding="circular", seed=0):
    """Two 3 x 3 convolutions with a time embedding between them: x0_hat sees a 5 x 5 window."""
    rng = np.random.default_rng(seed)
    first, second, time = (rng.standard_normal(shape) / 3 for shape in ((3, 3, 1, 4), (3, 3, 4, 1), (2, 4)))
    place = rng.standard_normal((*IMAGES.shape[1:3], 4))

    def denoiser(x, t):
        t = np.broadcast_to(t, len(x))
        if bug == "one time embedding for the whole batch":
            t = np.broadcast_to(t[0], len(x))
        hidden = add_time(conv(x, first, padding), np.stack([np.cos(t), np.sin(t)], axis=1), time)
        if bug == "normalised over the batch":
            hidden = hidden - hidden.mean(axis=0)
        if bug == "normalised over the image":
            hidden = hidden / np.sqrt((hidden**2).mean(axis=(1, 2, 3), keepdims=True))
        if bug == "an embedding of the place is added":
            hidden = hidden + place
        if bug == "dropout is left on":
            hidden = hidden * (np.random.default_rng().random(hidden.shape) < 0.9)
        if bug == "a layer pads a torus with zeros":
            return conv(silu(hidden), second, "zeros").astype(x.dtype)
        if bug == "a layer pads on one side only":
            hidden = np.roll(hidden, (1, 1), (1, 2))
        return conv(silu(hidden), second, padding).astype(x.dtype)

    return denoiser


def broken_by_layer(where, bug, seed=0, laws=None):
    """The laws that a layer or the network breaks: a layer those of its gradients, the network those of what it sees."""
    if where == "network":
        asked = {"window": 5, "rng": SPACING * seed, "laws": laws}
        report = check_denoiser(network(bug), IMAGES, COSINE, ("local", "equivariant"), **asked)
        return [result.law for result in report.broken]
    forward, backward, shapes = LAYERS[where]
    broken = []
    for name, law in LAWS.items():
        rng = np.random.default_rng(seed)
        inputs = [rng.standard_normal(shape) for shape in shapes]
        if not law(where, partial(forward, bug=bug), partial(backward, bug=bug), inputs, rng):
            broken.append(name)
    return broken


# Where: {what is planted there: a law that catches it}.
BUGS = {
    "convolution": {
        "the kernel is not turned round": "adjoint",
        "channels in and out are not swapped": "adjoint",
        "the gradient of a torus is cut off at the border": "adjoint",
        "the kernel's gradient is turned round": "directional derivative",
        "the gradient is averaged over the batch, not summed": "directional derivative",
    },
    "residual block": {
        "the bias gets no gradient": "directional derivative",
        "the residual's gradient is forgotten": "directional derivative",
        "the kernel's gradient is taken before the activation": "directional derivative",
        "the slope of SiLU is taken behind it, not before it": "directional derivative",
        "the slope of SiLU is sigma alone": "directional derivative",
        "the residual's gradient is added to dout itself": "repeatable",
        "gradients add up from call to call": "repeatable",
    },
    "ReLU": {"ReLU passes the gradient where it was negative": "directional derivative"},
    "attention": {
        "the softmax is detached": "directional derivative",
        "the softmax's gradient is its diagonal alone": "directional derivative",
        "1 / sqrt(D) is missing on the way back": "directional derivative",
        "the keys' gradient is not transposed": "directional derivative",
        "the values' gradient is not transposed": "directional derivative",
        "the softmax goes over the pixels that ask": "weights sum to one",
        "no largest score is taken off": "answer",
    },
    "time embedding": {
        "the time embedding's gradient is lost": "directional derivative",
        "the time embedding's gradient is a mean over pixels": "directional derivative",
    },
    "loss": {"the loss is a mean, its gradient that of a sum": "directional derivative"},
    "network": {
        "dropout is left on": "repeatable",
        "normalised over the batch": "query by query",
        "one time embedding for the whole batch": "one time per query",
        "normalised over the image": "window",
        "a layer pads on one side only": "window",
        "a layer pads a torus with zeros": "shifts",
        "an embedding of the place is added": "shifts",
    },
}
