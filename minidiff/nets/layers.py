"""The layers of the network, written by hand. Each forward function has its backward function beside it.

A backward function takes `dout`, the gradient of the loss with respect to the layer's output, and returns the gradients with
respect to the layer's inputs. This is the chain rule, one layer at a time. Nothing is recorded during the forward pass: what the
backward function needs from it is passed as an argument again.

Images are (B, H, W, C), float32 or float64, and all arrays of a call have the same dtype. Shapes: B images, H rows, W columns,
C channels in, O channels out, k the side of a window, D the attention width.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import arguments, parallel
from ..types import Array
from . import attention_kernels, convolution_kernels
from .product_kernels import whole_vectors

PADDINGS = ("circular", "zeros")
ACTIVATIONS = {"none": convolution_kernels.NONE, "relu": convolution_kernels.RELU, "silu": convolution_kernels.SILU}
ATTENTIONS = ("softmax", "identity", "top1")

# For the gradient of a kernel, a batch is split into this many parts, and each part has its own sums. The number is fixed,
# because the rounding depends on it: results must not change with the number of cores.
SHARDS = 16


# --- convolution -----------------------------------------------------------------------------------------------------


def conv2d(
    x: Array, weight: Array, bias: Array, padding: str = "zeros", activation: str = "none", residual: bool = False
) -> Array:
    """Convolve images; a pointwise function may be applied before, and the images themselves may be added after.

    out[y, x] = bias + sum_ij act(in[y + i - k//2, x + j - k//2]) weight[i, j] (+ in[y, x] if residual)

    Parameters
    ----------
    x : (B, H, W, C) float32 or float64
    weight : (k, k, C, O) of x's dtype, k odd
    bias : (O,), or (B, O) for a bias per image, of x's dtype
    padding : "circular" (the image is a torus) or "zeros" (the image is surrounded by zeros)
    activation : "none", "relu" or "silu"
        The function `act`.
    residual : bool
        Whether x is added; this needs O = C.

    Returns
    -------
    out : (B, H, W, O) of x's dtype
        It has the same bits for any number of threads and for any split of the batch.

    Raises ValueError or TypeError if shapes or dtypes do not fit. It costs B H W k^2 C O multiplications (0.2 us per pixel on one
    core for 3 x 3 and 32 channels in and out); its memory is a few copies of one image per thread.

    Examples
    --------
    >>> x = np.ones((1, 4, 4, 1))
    >>> conv2d(x, np.ones((3, 3, 1, 1)), np.zeros(1), padding="zeros")[0, :, :, 0]
    array([[4., 6., 6., 4.],
           [6., 9., 9., 6.],
           [6., 9., 9., 6.],
           [4., 6., 6., 4.]])
    """
    batch, height, width, _, _, outputs = _conv_shapes(x, weight, padding, activation, residual)
    bias = np.broadcast_to(_fits("bias", bias, x, ((outputs,), (batch, outputs))), (batch, outputs))
    out = np.empty((batch, height * width, outputs), x.dtype)
    parallel.share(
        convolution_kernels.conv_forward,
        batch,
        _pixels(x),
        width,
        _as_matrix(weight, x.shape[3]),
        len(weight),
        _contiguous(bias),
        padding == "circular",
        ACTIVATIONS[activation],
        residual,
        out,
    )
    return out.reshape(batch, height, width, outputs)


def conv2d_backward(
    dout: Array,
    x: Array,
    weight: Array,
    padding: str = "zeros",
    activation: str = "none",
    residual: bool = False,
    need_dx: bool = True,
) -> tuple[Any, Array, Array]:
    """The gradients of `conv2d`: a convolution of dout with the flipped kernel, and a correlation of dout with x.

    dx[y, x] = act'(x) sum_ij dout[y - i + k//2, x - j + k//2] weight[i, j]^T (+ dout if residual), dweight[i, j] =
    sum_(b, y, x) act(x)[y + i - k//2, x + j - k//2]^T dout[y, x], dbias = sum_(y, x) dout[y, x].

    Parameters
    ----------
    dout : (B, H, W, O) of x's dtype
    x, weight, padding, activation, residual
        As they were given to `conv2d`.
    need_dx : bool
        Whether dx is computed. The first layer of a network does not need it, and saves a third of the time.

    Returns
    -------
    dx : (B, H, W, C), or None if need_dx is False
    dweight : (k, k, C, O)
    dbias : (B, O)
        A gradient per image; the sum over B is the gradient of a bias that all images share.

    Raises as `conv2d` does. It costs twice as many multiplications as `conv2d`. Its memory is a few copies of one image per
    thread, and at most 16 arrays of dweight's size.

    Examples
    --------
    >>> x = np.ones((1, 4, 4, 1))
    >>> dx, dweight, dbias = conv2d_backward(x, x, np.ones((3, 3, 1, 1)))
    >>> float(dx[0, 0, 0, 0]), float(dweight[1, 1, 0, 0]), float(dbias[0, 0])
    (4.0, 16.0, 16.0)
    """
    batch, height, width, channels, k, outputs = _conv_shapes(x, weight, padding, activation, residual)
    dout = _fits("dout", dout, x, ((batch, height, width, outputs),))
    shards = min(SHARDS, batch)
    dx = np.empty((batch if need_dx else 0, height * width, channels), x.dtype)
    wide = whole_vectors(outputs, x.dtype)
    dmatrix = np.zeros((shards, k * k * channels, wide), x.dtype)
    dbias = np.zeros((batch, outputs), x.dtype)
    parallel.share(
        convolution_kernels.conv_backward,
        shards + len(dx),
        _pixels(dout),
        _pixels(x),
        width,
        _as_matrix(weight[::-1, ::-1].transpose(0, 1, 3, 2), wide),
        k,
        padding == "circular",
        ACTIVATIONS[activation],
        residual,
        dx,
        dmatrix,
        dbias,
    )
    dweight = dmatrix.sum(axis=0).reshape(k, k, channels, wide)[..., :outputs]
    return dx.reshape(x.shape) if need_dx else None, np.ascontiguousarray(dweight), dbias


def _conv_shapes(x: Array, weight: Array, padding: str, activation: str, residual: bool) -> tuple[int, ...]:
    """(B, H, W, C, k, O) of a convolution, whose arguments are checked."""
    _expect_array("x", x, 4, "(B, H, W, C)")
    if np.ndim(weight) != 4 or weight.shape[0] != weight.shape[1] or weight.shape[0] % 2 == 0:
        raise ValueError(f"weight: expected shape (k, k, C, O) with an odd k, got {np.shape(weight)}")
    k, _, _, outputs = weight.shape
    _fits("weight", weight, x, ((k, k, x.shape[3], outputs),))
    arguments.choice("padding", padding, PADDINGS)
    arguments.choice("activation", activation, tuple(ACTIVATIONS))
    if residual and outputs != x.shape[3]:
        raise ValueError(f"residual: expected as many channels out as in ({x.shape[3]}), got {outputs}")
    return *x.shape, k, outputs


def _pixels(images: Array) -> Array:
    """Images (B, H, W, C) as rows of pixels (B, H W, C), copied if they are not contiguous."""
    return _contiguous(images).reshape(len(images), -1, images.shape[3])


def _as_matrix(weight: Array, inputs: int) -> Array:
    """weight (k, k, C, O) as a matrix (k k inputs, O'), filled up with zeros; O' is O, rounded up to whole vectors."""
    k, _, channels, outputs = weight.shape
    wide = np.zeros((k, k, inputs, whole_vectors(outputs, weight.dtype)), weight.dtype)
    wide[:, :, :channels, :outputs] = weight
    return wide.reshape(k * k * inputs, -1)


# --- linear, activations and time ------------------------------------------------------------------------------------


def linear(x: Array, weight: Array, bias: Array) -> Array:
    """A matrix product: out = x weight + bias.

    It is computed as a 1 x 1 convolution of an image whose pixels are the B rows. BLAS could compute it too, but after such a
    small product its threads stay busy for a while, on the cores that the next convolution needs.

    Parameters
    ----------
    x : (B, C) float32 or float64
    weight : (C, O) of x's dtype
    bias : (O,) of x's dtype

    Returns
    -------
    out : (B, O) of x's dtype

    Raises ValueError or TypeError if shapes or dtypes do not fit. It costs B C O multiplications.

    Examples
    --------
    >>> linear(np.ones((1, 2)), np.array([[1.0], [2.0]]), np.array([0.5]))
    array([[3.5]])
    """
    _expect_array("x", x, 2, "(B, C)")
    if np.ndim(weight) != 2:
        raise ValueError(f"weight: expected shape ({x.shape[1]}, O), got {np.shape(weight)}")
    return conv2d(x[None, None], weight[None, None], bias)[0, 0]


def linear_backward(dout: Array, x: Array, weight: Array) -> tuple[Array, Array, Array]:
    """The gradients of `linear` for dout (B, O).

    They are dx = dout weight^T (B, C), dweight = x^T dout (C, O) and dbias = sum_b dout[b] (O,).
    """
    dx, dweight, dbias = conv2d_backward(dout[None, None], x[None, None], weight[None, None])
    return dx[0, 0], dweight[0, 0], dbias[0]


def activate(x: Array, kind: str) -> Array:
    """The pointwise function of that name, for x of any shape: "relu" max(x, 0), "silu" x / (1 + exp(-x)), "none" x.

    Examples
    --------
    >>> activate(np.array([-2.0, 3.0]), "relu")
    array([0., 3.])
    """
    if arguments.choice("kind", kind, tuple(ACTIVATIONS)) == "relu":
        return np.maximum(x, 0)
    return x * _sigmoid(x) if kind == "silu" else x


def activate_backward(dout: Array, x: Array, kind: str) -> Array:
    """The gradient of `activate`, dout act'(x), for dout and x of one shape; the slope of ReLU at 0 is taken as 0."""
    if arguments.choice("kind", kind, tuple(ACTIVATIONS)) == "relu":
        return dout * (x > 0)
    s = _sigmoid(x)
    return dout * s * (1 + x * (1 - s)) if kind == "silu" else dout


def _sigmoid(x: Array) -> Array:
    small = np.exp(-np.abs(x))  # exp(-x) itself would overflow: at x = -100 it is inf in float32
    return np.where(x >= 0, 1, small) / (1 + small)


def time_features(t: Array, size: int, dtype: npt.DTypeLike = np.float32) -> Array:
    """A sinusoidal embedding of the time: cos(f t) and sin(f t), for frequencies f from 1 to 100 radians in equal ratios.

    Parameters
    ----------
    t : (B,) floats in [0, 1]
    size : even int
    dtype : float32 or float64

    Returns
    -------
    features : (B, size) in [-1, 1]
        First the cosines, then the sines. There is no backward function, since the time is not learned.

    Examples
    --------
    >>> time_features(np.array([0.0]), 4)
    array([[1., 1., 0., 0.]], dtype=float32)
    """
    angles = np.asarray(t, np.float64)[:, None] * np.geomspace(1, 100, size // 2)
    return np.concatenate([np.cos(angles), np.sin(angles)], axis=1).astype(dtype)


# --- attention -------------------------------------------------------------------------------------------------------


def attention(q: Array, k: Array, v: Array, kind: str = "softmax") -> Array:
    """Attention with one head, of every pixel to every pixel: out[p] = sum_j A[p, j] v[j].

    With "softmax", A[p] = softmax_j(q[p] . k[j] / sqrt(D)). With "top1", A[p, j] is 1 for the j of the greatest score (the first
    one, if several are equal) and 0 elsewhere. With "identity", A = I: every pixel attends to itself only. This is the control of
    an experiment: a network with the same parameters, in which pixels exchange nothing.

    Parameters
    ----------
    q, k, v : (B, H, W, D) float32 or float64
    kind : "softmax", "identity" or "top1"

    Returns
    -------
    out : (B, H, W, D)

    Raises ValueError or TypeError if the arrays do not fit. It costs 2 B (H W)^2 D multiplications. Only 16 rows of A per thread
    are in memory at a time.

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


def attention_map(q: Array, k: Array, kind: str = "softmax") -> Array:
    """The weights A of `attention`, (B, H W, H W): row p says how much pixel p attends to each pixel, and has the sum 1.

    Pixels are in reading order. q, k and kind are as in `attention`; the memory is B (H W)^2 numbers.

    Examples
    --------
    >>> q = np.zeros((1, 2, 1, 1))
    >>> attention_map(q, q)
    array([[[0.5, 0.5],
            [0.5, 0.5]]])
    """
    q, k, _ = _attention_arrays(q, k, k, kind)
    batch, height, width, _ = q.shape
    pixels = height * width
    if kind == "identity":
        return np.broadcast_to(np.eye(pixels, dtype=q.dtype), (batch, pixels, pixels)).copy()
    return _attend(q, k, k, kind, np.empty_like(k), pairs=batch)


def _attend(q: Array, k: Array, v: Array, kind: str, out: Array, pairs: int) -> Array:
    """Fill out with `attention`; return the weights (pairs, H W, H W), for pairs = B, or nothing, for pairs = 0."""
    batch, height, width, size = q.shape
    pixels = height * width
    table = np.empty((pairs, pixels, pixels), q.dtype)
    flat = [array.reshape(batch, pixels, size) for array in (q, k, v)]
    parallel.share(
        attention_kernels.attention_forward,
        batch,
        *flat,
        *_rounded(q),
        q.dtype.type(size**-0.5),
        kind == "top1",
        out.reshape(batch, pixels, size),
        table,
    )
    return table


def attention_backward(dout: Array, q: Array, k: Array, v: Array, kind: str = "softmax") -> tuple[Array, Array, Array]:
    """The gradients of `attention`: dq, dk and dv, each (B, H, W, D), for dout (B, H, W, D).

    With dA = dout v^T and dS = A (dA - sum_j A dA) / sqrt(D): dq = dS k, dk = dS^T q, dv = A^T dout.

    The choice of "top1" has no slope, so its gradient is a "straight-through" one: dv uses the choice that was made, and dS uses
    the softmax of the same scores. It is the exact gradient if A is written as softmax + (top1 - softmax) and the bracket is
    taken as a constant.

    Raises as `attention` does. The weights A are computed again, 16 rows per thread at a time.
    """
    q, k, v = _attention_arrays(q, k, v, kind)
    dout = _contiguous(_fits("dout", dout, q, (q.shape,)))
    if kind == "identity":
        return np.zeros_like(q), np.zeros_like(k), dout.copy()
    batch, height, width, size = q.shape
    dq, dk, dv = (np.empty_like(q) for _ in range(3))
    given, gradients = (
        [array.reshape(batch, height * width, size) for array in group] for group in ((dout, q, k, v), (dq, dk, dv))
    )
    parallel.share(
        attention_kernels.attention_backward,
        batch,
        *given,
        *_rounded(q),
        q.dtype.type(size**-0.5),
        kind == "top1",
        *gradients,
    )
    return dq, dk, dv


def _rounded(q: Array) -> tuple[int, int]:
    """D and H W, rounded up to whole vectors."""
    return whole_vectors(q.shape[3], q.dtype), whole_vectors(q.shape[1] * q.shape[2], q.dtype)


def _attention_arrays(q: Array, k: Array, v: Array, kind: str) -> tuple[Array, ...]:
    arguments.choice("kind", kind, ATTENTIONS)
    _expect_array("q", q, 4, "(B, H, W, D)")
    return tuple(_contiguous(_fits(name, array, q, (q.shape,))) for name, array in zip("qkv", (q, k, v), strict=True))


# --- checks ----------------------------------------------------------------------------------------------------------
# These check shapes and dtypes only. A search for NaN costs as much as a layer; the network and the training loop do it once.


def _contiguous(array: Array) -> Array:
    """The array as a C-contiguous, writable one, copied if necessary: Numba compiles a kernel again for each other layout."""
    return np.require(array, requirements=("C", "W"))


def _expect_array(name: str, value: Any, ndim: int, shape_hint: str) -> None:
    """TypeError or ValueError unless `value` is a non-empty float array with so many axes."""
    if not isinstance(value, np.ndarray) or value.dtype not in arguments.FLOATS:
        got = getattr(value, "dtype", type(value).__name__)
        raise TypeError(f"{name}: expected a float32 or float64 array, got {got}")
    if value.ndim != ndim or value.size == 0:
        raise ValueError(f"{name}: expected a non-empty array of shape {shape_hint}, got {value.shape}")


def _fits(name: str, value: Any, like: Array, shapes: Sequence[tuple[int, ...]]) -> Array:
    """`value`, if it has `like`'s dtype and one of the shapes; else TypeError or ValueError."""
    if not isinstance(value, np.ndarray) or value.dtype != like.dtype:
        got = getattr(value, "dtype", type(value).__name__)
        raise TypeError(f"{name}: expected an array of {like.dtype}, as the input, got {got}")
    if value.shape not in shapes:
        raise ValueError(f"{name}: expected shape {' or '.join(map(str, shapes))}, got {value.shape}")
    return value
