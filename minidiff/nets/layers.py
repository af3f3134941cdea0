"""The layers of the network, by hand: each a forward and its backward side by side.

A backward takes `dout`, the gradient of some number (the loss) to the layer's output, and gives back the gradients to its
inputs: the chain rule, one layer at a time, and nothing is recorded behind the reader's back. What a backward needs of the
forward, it is given again as an argument.

Images are (B, H, W, C), float32 or float64, and every array of a call has the same dtype. B images, H, W, C channels in, O
channels out, k window, D attention width.
"""

import numpy as np

from .. import arguments
from . import attention_kernels, convolution_kernels

PADDINGS = ("circular", "zeros")
ACTIVATIONS = {"none": convolution_kernels.NONE, "relu": convolution_kernels.RELU, "silu": convolution_kernels.SILU}
ATTENTIONS = ("softmax", "identity", "top1")

SHARDS = 16  # parts of a batch with sums of their own: fixed, since a number that followed the cores would change the bits


# --- convolution -----------------------------------------------------------------------------------------------------


def conv2d(x, weight, bias, padding="zeros", activation="none", residual=False):
    """Convolve an image, after a pointwise function and with the image itself added, if wanted.

    out[y, x] = bias + sum_ij act(in[y + i - k//2, x + j - k//2]) weight[i, j] (+ in[y, x] if residual)

    Parameters
    ----------
    x : (B, H, W, C) float32 or float64
    weight : (k, k, C, O) of x's dtype, k odd
    bias : (O,), or (B, O) for one per image, of x's dtype
    padding : "circular" (the image is a torus) or "zeros" (zeros all around)
    activation : "none", "relu" or "silu"
    residual : bool
        Add x; needs O = C.

    Returns
    -------
    out : (B, H, W, O) of x's dtype. The same bits for any number of threads, and for any split of the batch.

    Raises ValueError or TypeError on shapes and dtypes that do not fit. Costs B H W k^2 C O multiplications (0.2 us a pixel on
    one core for 3 x 3 and 32 channels in and out) and the memory of one image's pixels per thread.

    Examples
    --------
    >>> x = np.ones((1, 4, 4, 1))
    >>> conv2d(x, np.ones((3, 3, 1, 1)), np.zeros(1), padding="zeros")[0, :, :, 0]
    array([[4., 6., 6., 4.],
           [6., 9., 9., 6.],
           [6., 9., 9., 6.],
           [4., 6., 6., 4.]])
    """
    batch, height, width, _, k, outputs = _conv_shapes(x, weight, padding, activation, residual)
    bias = np.broadcast_to(_fits("bias", bias, x, ((outputs,), (batch, outputs))), (batch, outputs))
    out = np.empty((batch, height, width, outputs), x.dtype)
    convolution_kernels.conv_forward(
        _plain(x),
        _as_rows(weight),
        _plain(bias),
        k,
        padding == "circular",
        ACTIVATIONS[activation],
        residual,
        _tile(height, width),
        min(SHARDS, batch),
        out,
    )
    return out


def conv2d_backward(dout, x, weight, padding="zeros", activation="none", residual=False, need_dx=True):
    """The gradients of `conv2d`; a convolution of dout with the kernel turned round, and a correlation of dout with x.

    dx[y, x] = act'(x) sum_ij dout[y - i + k//2, x - j + k//2] weight[i, j]^T (+ dout if residual), dweight[i, j] =
    sum_(b, y, x) act(x)[y + i - k//2, x + j - k//2]^T dout[y, x], dbias = sum_(y, x) dout[y, x].

    Parameters
    ----------
    dout : (B, H, W, O) of x's dtype
    x, weight, padding, activation, residual
        As given to `conv2d`.
    need_dx : bool
        False for a first layer, where nobody asks: saves a third of the time.

    Returns
    -------
    dx : (B, H, W, C), or None
    dweight : (k, k, C, O)
    dbias : (B, O)
        One per image; its sum over B is the gradient to a bias that all images share.

    Examples
    --------
    >>> x = np.ones((1, 4, 4, 1))
    >>> dx, dweight, dbias = conv2d_backward(x, x, np.ones((3, 3, 1, 1)))
    >>> float(dx[0, 0, 0, 0]), float(dweight[1, 1, 0, 0]), float(dbias[0, 0])
    (4.0, 16.0, 16.0)
    """
    batch, height, width, channels, k, outputs = _conv_shapes(x, weight, padding, activation, residual)
    dout = _plain(_fits("dout", dout, x, ((batch, height, width, outputs),)))
    shards = min(SHARDS, batch)
    dx = np.empty(x.shape if need_dx else (0, height, width, channels), x.dtype)
    dmatrix = np.zeros((shards, channels * k * k, outputs), x.dtype)
    dbias = np.zeros((batch, outputs), x.dtype)
    convolution_kernels.conv_backward(
        dout,
        _plain(x),
        _as_rows(weight[::-1, ::-1].transpose(0, 1, 3, 2)),
        k,
        padding == "circular",
        ACTIVATIONS[activation],
        residual,
        _tile(height, width),
        dx,
        dmatrix,
        dbias,
    )
    dweight = dmatrix.sum(axis=0).reshape(channels, k, k, outputs).transpose(2, 1, 0, 3)
    return dx if need_dx else None, np.ascontiguousarray(dweight), dbias


def _conv_shapes(x, weight, padding, activation, residual):
    _is_array("x", x, 4, "(B, H, W, C)")
    if np.ndim(weight) != 4 or weight.shape[0] != weight.shape[1] or weight.shape[0] % 2 == 0:
        raise ValueError(f"weight: expected shape (k, k, C, O) with an odd k, got {np.shape(weight)}")
    k, _, _, outputs = weight.shape
    _fits("weight", weight, x, ((k, k, x.shape[3], outputs),))
    arguments.choice("padding", padding, PADDINGS)
    arguments.choice("activation", activation, tuple(ACTIVATIONS))
    if residual and outputs != x.shape[3]:
        raise ValueError(f"residual: expected as many channels out as in ({x.shape[3]}), got {outputs}")
    return *x.shape, k, outputs


def _as_rows(weight):
    """(k, k, C, O) as one row per output in the kernels' order, (O up to a multiple of 4, k k C); the rest is zeros."""
    k, _, channels, outputs = weight.shape
    rows = np.zeros((-(-outputs // 4) * 4, k * k * channels), weight.dtype)
    rows[:outputs] = weight.transpose(3, 1, 0, 2).reshape(outputs, -1)
    return rows


def _tile(height, width):
    """How many rows of pixels at a time: the greatest divisor of the height that makes no more than 64 pixels."""
    return max(rows for rows in range(1, height + 1) if height % rows == 0 and (rows == 1 or rows * width <= 64))


# --- linear, activations and time ------------------------------------------------------------------------------------


def linear(x, weight, bias):
    """out = x weight + bias; x (B, C), weight (C, O), bias (O,); out (B, O).

    This is a 1 x 1 convolution of an image whose pixels are the B rows, and is done so: a matrix product this small, given
    to BLAS, leaves its threads spinning for a while, on the very cores that the next convolution needs.

    Examples
    --------
    >>> linear(np.ones((1, 2)), np.array([[1.0], [2.0]]), np.array([0.5]))
    array([[3.5]])
    """
    _is_array("x", x, 2, "(B, C)")
    if np.ndim(weight) != 2:
        raise ValueError(f"weight: expected shape ({x.shape[1]}, O), got {np.shape(weight)}")
    return conv2d(x[None, None], weight[None, None], bias)[0, 0]


def linear_backward(dout, x, weight):
    """The gradients of `linear`: dx = dout weight^T (B, C), dweight = x^T dout (C, O), dbias = sum_b dout (O,)."""
    dx, dweight, dbias = conv2d_backward(dout[None, None], x[None, None], weight[None, None])
    return dx[0, 0], dweight[0, 0], dbias[0]


def activate(x, kind):
    """Pointwise "relu": max(x, 0); "silu": x / (1 + exp(-x)); "none": x. Any shape."""
    if arguments.choice("kind", kind, tuple(ACTIVATIONS)) == "relu":
        return np.maximum(x, 0)
    return x * _sigmoid(x) if kind == "silu" else x


def activate_backward(dout, x, kind):
    """The gradient of `activate`: dout act'(x); the slope of ReLU at 0 is 0."""
    if arguments.choice("kind", kind, tuple(ACTIVATIONS)) == "relu":
        return dout * (x > 0)
    s = _sigmoid(x)
    return dout * s * (1 + x * (1 - s)) if kind == "silu" else dout


def _sigmoid(x):
    small = np.exp(-np.abs(x))  # exp(-x) itself overflows at x = -100 in float32
    return np.where(x >= 0, 1, small) / (1 + small)


def time_features(t, size, dtype=np.float32):
    """Cosines and sines of t at frequencies from 1 to 100 radians, in equal ratios: a sinusoidal embedding of the time.

    Parameters
    ----------
    t : (B,) floats in [0, 1]
    size : even int
    dtype : float32 or float64

    Returns
    -------
    (B, size) in [-1, 1]. There is no gradient: nothing before it is learned.

    Examples
    --------
    >>> time_features(np.array([0.0]), 4)
    array([[1., 1., 0., 0.]], dtype=float32)
    """
    angles = np.asarray(t, np.float64)[:, None] * np.geomspace(1, 100, size // 2)
    return np.concatenate([np.cos(angles), np.sin(angles)], axis=1).astype(dtype)


# --- attention -------------------------------------------------------------------------------------------------------


def attention(q, k, v, kind="softmax"):
    """Single-head attention of every pixel to every pixel: out[p] = sum_j A[p, j] v[j].

    "softmax": A[p] = softmax_j(q[p] . k[j] / sqrt(D)). "top1": the one j with the greatest score (the first among equals).
    "identity": every pixel attends to itself, A = I: the control, with the same parameters and no exchange at all.

    Parameters
    ----------
    q, k, v : (B, H, W, D) float32 or float64
    kind : "softmax", "identity" or "top1"

    Returns
    -------
    out : (B, H, W, D)

    Raises ValueError or TypeError on arrays that do not fit. Costs 2 B (H W)^2 D multiplications; 16 rows of A per thread
    are all of it that is ever held.

    Examples
    --------
    >>> q = np.zeros((1, 2, 1, 1))
    >>> attention(q, q, np.array([1.0, 3.0]).reshape(1, 2, 1, 1))[0, :, 0, 0]
    array([2., 2.])
    """
    q, k, v = _attention_arrays(q, k, v, kind)
    if kind == "identity":
        return v.copy()
    out = np.empty_like(v)
    _attend(q, k, v, kind, out, pairs=0)
    return out


def attention_map(q, k, kind="softmax"):
    """The weights A of `attention`: (B, H W, H W), rows of sum 1; row p is what pixel p attends to, in reading order."""
    q, k, _ = _attention_arrays(q, k, k, kind)
    batch, height, width, _ = q.shape
    pixels = height * width
    if kind == "identity":
        return np.broadcast_to(np.eye(pixels, dtype=q.dtype), (batch, pixels, pixels)).copy()
    return _attend(q, k, k, kind, np.empty_like(k), pairs=batch)


def _attend(q, k, v, kind, out, pairs):
    batch, height, width, size = q.shape
    pixels = height * width
    table = np.empty((pairs, pixels, pixels), q.dtype)
    flat = [array.reshape(batch, pixels, size) for array in (q, k, v)]
    shards = min(SHARDS, batch)
    attention_kernels.attention_forward(
        *flat, q.dtype.type(size**-0.5), kind == "top1", shards, out.reshape(batch, pixels, size), table
    )
    return table


def attention_backward(dout, q, k, v, kind="softmax"):
    """The gradients of `attention`: dq, dk, dv, each (B, H, W, D).

    With dA = dout v^T and dS = A (dA - sum_j A dA) / sqrt(D): dq = dS k, dk = dS^T q, dv = A^T dout.

    A hard choice has no slope, so "top1" is given a straight-through gradient: dv by the choice that was made, dS by the softmax
    it was made from. It is the gradient of softmax attention plus a constant, the constant being what rounds it to top-1.
    """
    q, k, v = _attention_arrays(q, k, v, kind)
    dout = _plain(_fits("dout", dout, q, (q.shape,)))
    if kind == "identity":
        return np.zeros_like(q), np.zeros_like(k), dout.copy()
    batch, height, width, size = q.shape
    dq, dk, dv = (np.empty_like(q) for _ in range(3))
    given, gradients = (
        [array.reshape(batch, height * width, size) for array in group] for group in ((dout, q, k, v), (dq, dk, dv))
    )
    shards = min(SHARDS, batch)
    attention_kernels.attention_backward(*given, q.dtype.type(size**-0.5), kind == "top1", shards, *gradients)
    return dq, dk, dv


def _attention_arrays(q, k, v, kind):
    arguments.choice("kind", kind, ATTENTIONS)
    _is_array("q", q, 4, "(B, H, W, D)")
    return tuple(_plain(_fits(name, array, q, (q.shape,))) for name, array in zip("qkv", (q, k, v), strict=True))


# --- checks ----------------------------------------------------------------------------------------------------------
# Of shapes and dtypes only: looking for NaN costs as much as a layer, and the network and the training loop look once.


def _plain(array):
    """A C-contiguous, writable array, copied if need be: Numba compiles a kernel anew for every other kind."""
    return np.require(array, requirements="CW")


def _is_array(name, value, ndim, shape_hint):
    if not isinstance(value, np.ndarray) or value.dtype not in arguments.FLOATS:
        got = getattr(value, "dtype", type(value).__name__)
        raise TypeError(f"{name}: expected a float32 or float64 array, got {got}")
    if value.ndim != ndim or value.size == 0:
        raise ValueError(f"{name}: expected a non-empty array of shape {shape_hint}, got {value.shape}")


def _fits(name, value, like, shapes):
    """`value` where it has `like`'s dtype and one of the shapes."""
    if not isinstance(value, np.ndarray) or value.dtype != like.dtype:
        got = getattr(value, "dtype", type(value).__name__)
        raise TypeError(f"{name}: expected an array of {like.dtype}, as the input, got {got}")
    if value.shape not in shapes:
        raise ValueError(f"{name}: expected shape {' or '.join(map(str, shapes))}, got {value.shape}")
    return value
