"""Every layer against its definition, and every backward against directional differences, in float64."""

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidiff.nets import convolution_kernels, layers, product_kernels

law = settings(deadline=None, max_examples=15)
SEEDS = st.integers(0, 2**32 - 1)
PADDING, ACTIVATION = st.sampled_from(layers.PADDINGS), st.sampled_from(tuple(layers.ACTIVATIONS))
SIDES, COUNTS = st.integers(1, 6), st.integers(1, 5)
STEP = 1e-6


# --- oracles ---------------------------------------------------------------------------------------------------------


def slow_conv(x, weight, bias, padding, activation, residual):
    """The formula of the docstring, one tap at a time."""
    k = weight.shape[0]
    margin = [(0, 0), (k // 2, k // 2), (k // 2, k // 2), (0, 0)]
    padded = np.pad(layers.activate(x, activation), margin, mode="wrap" if padding == "circular" else "constant")
    out = np.broadcast_to(bias.reshape(-1, 1, 1, bias.shape[-1]), (*x.shape[:3], weight.shape[3])).copy()
    for i in range(k):
        for j in range(k):
            out += np.einsum("byxc,co->byxo", padded[:, i : i + x.shape[1], j : j + x.shape[2]], weight[i, j])
    return out + x if residual else out


def slow_attention(q, k, v, weights=None):
    """Softmax attention over flattened pixels: (out, weights); weights given are used as they are."""
    shape, q, k, v = q.shape, *(array.reshape(len(q), -1, array.shape[3]) for array in (q, k, v))
    if weights is None:
        scores = np.einsum("bpd,bjd->bpj", q, k) / np.sqrt(q.shape[2])
        weights = np.exp(scores - scores.max(axis=2, keepdims=True))
        weights /= weights.sum(axis=2, keepdims=True)
    return np.einsum("bpj,bjd->bpd", weights, v).reshape(shape), weights


def assert_gradients(function, inputs, gradients, rng, rtol=1e-6):
    """<gradient, direction> is the central difference of the scalar `function` along it, for each input by itself.

    The difference is off by h^2 / 6 times a third derivative, and by rounding, eps |f| / h: with h = 1e-6 about 1e-10 of the
    scale of f. Terms much smaller than f are therefore compared with the size of f.
    """
    scale = abs(function(*inputs))
    for number, (value, gradient) in enumerate(zip(inputs, gradients, strict=True)):
        direction = rng.standard_normal(value.shape)

        def along(h, number=number, value=value, direction=direction):
            moved = [value + h * direction if n == number else other for n, other in enumerate(inputs)]
            return function(*moved)

        difference = (along(STEP) - along(-STEP)) / (2 * STEP)
        found = float((gradient * direction).sum())
        assert gradient.shape == value.shape
        assert abs(difference - found) <= rtol * max(abs(difference), 1e-2 * scale), f"input {number}"


@st.composite
def convolutions(draw, dtype=np.float64):
    """(x, weight, bias, padding, activation, residual) with sides from 1, odd k and any number of channels."""
    rng = np.random.default_rng(draw(SEEDS))
    batch, height, width, channels, k = draw(COUNTS), draw(SIDES), draw(SIDES), draw(COUNTS), draw(st.sampled_from((1, 3, 5)))
    residual = draw(st.booleans())
    outputs = channels if residual else draw(COUNTS)
    shapes = (batch, height, width, channels), (k, k, channels, outputs), (batch, outputs) if draw(st.booleans()) else (outputs,)
    return *(rng.standard_normal(shape).astype(dtype) for shape in shapes), draw(PADDING), draw(ACTIVATION), residual


# --- convolution -----------------------------------------------------------------------------------------------------


@law
@given(convolutions())
def test_conv2d_is_its_formula(case):
    """out = bias + sum of shifted act(x) times weight (+ x), for both paddings, on sides smaller than the window too."""
    np.testing.assert_allclose(layers.conv2d(*case), slow_conv(*case), rtol=1e-12, atol=1e-12)


@law
@given(convolutions(), SEEDS)
def test_conv2d_gradients(case, seed):
    """<dconv, y> along any direction of x, weight or bias is the backward's inner product with that direction."""
    x, weight, bias, *options = case
    rng = np.random.default_rng(seed)
    y = rng.standard_normal(layers.conv2d(*case).shape)
    dx, dweight, dbias = layers.conv2d_backward(y, x, weight, *options)
    dbias = dbias if bias.ndim == 2 else dbias.sum(axis=0)

    def function(x, weight, bias):
        return float((layers.conv2d(x, weight, bias, *options) * y).sum())

    assert_gradients(function, (x, weight, bias), (dx, dweight, dbias), rng)


@law
@given(convolutions(), SEEDS)
def test_conv2d_backward_is_its_adjoint(case, seed):
    """<conv x, y> = <x, conv^T y> without bias, activation and residual: to 1e-12 of the product of the lengths."""
    x, weight, _, padding, *_ = case
    zero = np.zeros(weight.shape[3])
    y = np.random.default_rng(seed).standard_normal((*x.shape[:3], weight.shape[3]))
    forward = layers.conv2d(x, weight, zero, padding)
    back, _, _ = layers.conv2d_backward(y, x, weight, padding)
    size = np.linalg.norm(forward) * np.linalg.norm(y) + np.linalg.norm(x) * np.linalg.norm(back)
    assert abs((forward * y).sum() - (x * back).sum()) <= 1e-12 * size


@law
@given(st.integers(1, 15), st.integers(1, 5), st.integers(1, 7), st.booleans(), st.sampled_from((np.float32, np.float64)), SEEDS)
def test_add_product_is_a_matrix_product(rows, vectors, count, transposed, dtype, seed):
    """out + a b, for tiles of every kind, for a and its transpose; nothing else is written; a row alone has the same bits."""
    rng = np.random.default_rng(seed)
    wide = product_kernels.whole_vectors(vectors * 64 // np.dtype(dtype).itemsize, dtype)
    a, b, before = (rng.standard_normal(shape).astype(dtype) for shape in ((rows, count), (count, wide), (rows + 2, wide)))
    runs, across, along = (a.T.ravel(), 1, rows) if transposed else (a.ravel(), count, 1)
    out = before.copy()
    product_kernels.add_product(out[1:-1], rows, runs, 1, across, along, b, count)
    terms = abs(before[1:-1]) + abs(a) @ abs(b)
    exact = before[1:-1].astype(np.float64) + a.astype(np.float64) @ b
    assert (abs(out[1:-1] - exact) <= (count + 1) * np.finfo(dtype).eps * terms).all()
    np.testing.assert_array_equal(out[[0, -1]], before[[0, -1]])
    for row in range(rows):
        alone = before[row + 1 : row + 2].copy()
        product_kernels.add_product(alone, 1, runs[row * across :], 1, across, along, b, count)
        np.testing.assert_array_equal(alone[0], out[row + 1])


@law
@given(st.integers(1, 5), st.integers(1, 9), st.integers(1, 4), st.sampled_from((8, 120, 700)), SEEDS)
def test_add_product_sums_over_rows_of_windows(groups, rows, count, terms, seed):
    """Groups g, and the sums over i, start further down in a: as the formula says, also where b does not fit into a cache."""
    rng = np.random.default_rng(seed)
    down, across, along = 3, 2, 1
    a = rng.standard_normal((groups + count) * down + rows * across + terms * along)
    b, out = rng.standard_normal((count * terms, 16)), rng.standard_normal((groups * rows, 16))
    g, r, i, j = np.ix_(*map(np.arange, (groups, rows, count, terms)))
    factors = a[(g + i) * down + r * across + j * along]
    expected = out + np.einsum("grij,ijv->grv", factors, b.reshape(count, terms, 16)).reshape(out.shape)
    product_kernels.add_product(out, rows, a, down, across, along, b, terms)
    np.testing.assert_allclose(out, expected, rtol=0, atol=1e-11)


def test_conv2d_in_float32_follows_float64():
    """float32 in, float32 out, off by no more than the rounding of a sum of 9 C products."""
    rng = np.random.default_rng(0)
    x, weight, bias = (rng.standard_normal(shape) for shape in ((3, 16, 16, 32), (3, 3, 32, 32), (3, 32)))
    for activation in layers.ACTIVATIONS:
        single = layers.conv2d(*(array.astype(np.float32) for array in (x, weight, bias)), "zeros", activation)
        assert single.dtype == np.float32
        # Rounding of 288 products of size |x| |w|: 288 eps in the worst case, sqrt(288) = 17 times that of one typically.
        bound = np.finfo(np.float32).eps * slow_conv(abs(x), abs(weight), abs(bias), "zeros", "none", False).max()
        assert abs(single - layers.conv2d(x, weight, bias, "zeros", activation)).max() <= 4 * bound


def test_a_batch_is_its_images():
    """The same bits alone, in a batch, and in a batch of another size."""
    rng = np.random.default_rng(1)
    x, weight = rng.standard_normal((21, 5, 7, 3)), rng.standard_normal((3, 3, 3, 6))
    bias = rng.standard_normal((21, 6))
    together = layers.conv2d(x, weight, bias, "circular", "silu")
    for part in (slice(0, 1), slice(3, 9), slice(20, 21)):
        np.testing.assert_array_equal(layers.conv2d(x[part], weight, bias[part], "circular", "silu"), together[part])


@pytest.mark.compiled
@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="needs two threads")
def test_threads_do_not_change_a_bit():
    """Forward and backward of convolution and attention, float32, on one thread and on two."""
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((2, 20, 8, 8, 8)).astype(np.float32)
    weight = rng.standard_normal((3, 3, 8, 8)).astype(np.float32)

    def everything():
        return (
            layers.conv2d(x, weight, y[:, 0, 0], "zeros", "relu", True),
            *layers.conv2d_backward(y, x, weight, "zeros", "relu", True),
            layers.attention(x, y, x),
            *layers.attention_backward(y, x, y, x),
        )

    before = numba.get_num_threads()
    try:
        results = []
        for threads in (1, 2):
            numba.set_num_threads(threads)
            results.append(everything())
    finally:
        numba.set_num_threads(before)
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


# --- linear, activations, time ---------------------------------------------------------------------------------------


@law
@given(COUNTS, COUNTS, COUNTS, SEEDS)
def test_linear_and_its_gradients(batch, channels, outputs, seed):
    """x weight + bias by definition; its backward by differences."""
    rng = np.random.default_rng(seed)
    x, weight, bias = (rng.standard_normal(shape) for shape in ((batch, channels), (channels, outputs), (outputs,)))
    y = rng.standard_normal((batch, outputs))
    np.testing.assert_allclose(layers.linear(x, weight, bias), x @ weight + bias, rtol=1e-12, atol=1e-12)
    gradients = layers.linear_backward(y, x, weight)
    assert_gradients(lambda *inputs: float((layers.linear(*inputs) * y).sum()), (x, weight, bias), gradients, rng)


@pytest.mark.parametrize("kind", layers.ACTIVATIONS)
def test_activations_and_their_gradients(kind):
    """By differences; SiLU has no overflow at +-1000, and both activations agree with the ones inside the convolution."""
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((2, 40, 5))
    gradient = layers.activate_backward(y, x, kind)
    assert_gradients(lambda x: float((layers.activate(x, kind) * y).sum()), (x,), (gradient,), rng)
    far = np.array([[-1000.0, 1000.0]], np.float32)
    np.testing.assert_array_equal(layers.activate(far, kind), [[-1000.0 if kind == "none" else 0, 1000.0]])
    one = np.ones((1, 1, 1, 1), np.float32)
    inside = layers.conv2d(far.reshape(1, 1, 2, 1), one, np.zeros(1, np.float32), activation=kind).reshape(1, 2)
    np.testing.assert_allclose(inside, layers.activate(far, kind), atol=1e-30)


def test_fast_exp_in_float32():
    """Relative error within 2.5 roundings (2^-24) on [-87, 0], with fused multiply-add or without: its docstring says why."""
    x = np.linspace(-87, 0, 20_001).astype(np.float32)
    found = x.copy()
    convolution_kernels._exp(found, np.empty(len(x), np.int32))
    assert abs(found / np.exp(x.astype(np.float64)) - 1).max() <= 2.5 * 2.0**-24


def test_time_features_tell_times_apart():
    """At t = 0 all cosines are 1 and all sines 0; two times differ; one time is the same in every batch."""
    features = layers.time_features(np.linspace(0, 1, 50), 64, np.float64)
    np.testing.assert_array_equal(features[0], np.repeat([1.0, 0.0], 32))
    distance = np.linalg.norm(features[:, None] - features[None], axis=2) + 10 * np.eye(50)
    assert distance.min() > 0.1
    np.testing.assert_array_equal(layers.time_features(np.linspace(0, 1, 50)[7:8], 64, np.float64)[0], features[7])


# --- attention -------------------------------------------------------------------------------------------------------


@st.composite
def attentions(draw):
    """q, k, v and a direction y, (B, H, W, D) each."""
    rng = np.random.default_rng(draw(SEEDS))
    shape = draw(COUNTS), draw(SIDES), draw(SIDES), draw(COUNTS)
    return tuple(rng.standard_normal((4, *shape)))


@law
@given(attentions())
def test_softmax_attention_is_its_formula(case):
    """out = A v with A = softmax(q k^T / sqrt(D)); the map is A, its rows sum to 1."""
    q, k, v, _ = case
    out, weights = slow_attention(q, k, v)
    np.testing.assert_allclose(layers.attention(q, k, v), out, rtol=1e-12, atol=1e-12)
    found = layers.attention_map(q, k)
    np.testing.assert_allclose(found, weights, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(found.sum(axis=2), 1, rtol=1e-12)


@law
@given(attentions())
def test_identity_and_top1_attention(case):
    """Identity gives v back; top-1 gives, at each pixel, the v of the greatest score; their maps are one-hot."""
    q, k, v, _ = case
    np.testing.assert_array_equal(layers.attention(q, k, v, "identity"), v)
    np.testing.assert_array_equal(layers.attention_map(q, k, "identity")[0], np.eye(v[0].size // v.shape[3]))
    _, weights = slow_attention(q, k, v)
    hard = np.eye(weights.shape[2])[weights.argmax(axis=2)]
    np.testing.assert_array_equal(layers.attention_map(q, k, "top1"), hard)
    np.testing.assert_array_equal(layers.attention(q, k, v, "top1"), slow_attention(q, k, v, hard)[0])


@law
@given(attentions())
def test_softmax_and_identity_attention_gradients(case):
    """By differences along q, k and v."""
    *qkv, y = case
    for kind in ("softmax", "identity"):
        gradients = layers.attention_backward(y, *qkv, kind)
        assert_gradients(
            lambda *inputs, kind=kind: float((layers.attention(*inputs, kind) * y).sum()),
            qkv,
            gradients,
            np.random.default_rng(4),
        )


@law
@given(attentions())
def test_top1_gradient_is_straight_through(case):
    """It is the gradient of soft attention plus the constant that makes it hard: A = softmax(q, k) + (hard - soft)."""
    *qkv, y = case
    _, soft = slow_attention(*qkv)
    constant = layers.attention_map(*qkv[:2], "top1") - soft

    def function(q, k, v):
        weights = slow_attention(q, k, v)[1] + constant
        return float((slow_attention(q, k, v, weights)[0] * y).sum())

    assert_gradients(function, qkv, layers.attention_backward(y, *qkv, "top1"), np.random.default_rng(5))


@pytest.mark.parametrize("kind", layers.ATTENTIONS)
def test_permuting_pixels_permutes_attention(kind):
    """Attention knows no places: the pixels shuffled, the output is the same one shuffled."""
    rng = np.random.default_rng(6)
    q, k, v = rng.standard_normal((3, 2, 4, 6, 3))
    order = rng.permutation(24)

    def shuffle(x):
        return x.reshape(2, 24, 3)[:, order].reshape(x.shape)

    shuffled = layers.attention(shuffle(q), shuffle(k), shuffle(v), kind)
    np.testing.assert_allclose(shuffled, shuffle(layers.attention(q, k, v, kind)), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("kind", layers.ATTENTIONS)
def test_attention_in_float32_follows_float64(kind):
    """With scores up to 100: no overflow, and weights off by the rounding of the scores, eps 100."""
    rng = np.random.default_rng(7)
    q, k, v = rng.standard_normal((3, 2, 9, 5, 6))
    q *= 20
    single = layers.attention(*(array.astype(np.float32) for array in (q, k, v)), kind)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, layers.attention(q, k, v, kind), atol=100 * np.finfo(np.float32).eps * abs(v).max())


@pytest.mark.parametrize("kind", layers.ATTENTIONS)
def test_backward_twice_gives_the_same_arrays(kind):
    """Nothing is accumulated behind the scenes, and no input is written to."""
    rng = np.random.default_rng(8)
    q, k, v, y = rng.standard_normal((4, 3, 4, 4, 5))
    kept = [array.copy() for array in (q, k, v, y)]
    first, second = (layers.attention_backward(y, q, k, v, kind) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    weight = rng.standard_normal((3, 3, 5, 5))
    for one, two in zip(*(layers.conv2d_backward(y, q, weight, residual=True) for _ in range(2)), strict=True):
        np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(kept, [q, k, v, y])


# --- bad input -------------------------------------------------------------------------------------------------------

X, W3, ZERO = np.zeros((2, 4, 4, 3)), np.zeros((3, 3, 3, 5)), np.zeros(5)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: layers.conv2d(X[0], W3, ZERO), ValueError, "x: expected"),
        (lambda: layers.conv2d(X.astype(int), W3, ZERO), TypeError, "x: expected"),
        (lambda: layers.conv2d(X, W3[:2], ZERO), ValueError, "weight: expected"),
        (lambda: layers.conv2d(X, W3[:2, :2], ZERO), ValueError, "odd k"),
        (lambda: layers.conv2d(X, W3[:, :, :2], ZERO), ValueError, "weight: expected"),
        (lambda: layers.conv2d(X, W3.astype(np.float32), ZERO), TypeError, "weight: expected"),
        (lambda: layers.conv2d(X, W3, ZERO[:4]), ValueError, "bias: expected"),
        (lambda: layers.conv2d(X, W3, ZERO, padding="reflect"), ValueError, "padding: expected one of circular, zeros"),
        (lambda: layers.conv2d(X, W3, ZERO, activation="tanh"), ValueError, "activation: expected one of none"),
        (lambda: layers.conv2d(X, W3, ZERO, residual=True), ValueError, "residual: expected"),
        (lambda: layers.conv2d_backward(X, X, W3), ValueError, "dout: expected"),
        (lambda: layers.linear(X, W3, ZERO), ValueError, "x: expected"),
        (lambda: layers.linear(X[0, 0], W3, ZERO), ValueError, "weight: expected"),
        (lambda: layers.attention(X, X[:1], X), ValueError, "k: expected"),
        (lambda: layers.attention(X, X, X, "hard"), ValueError, "kind: expected one of softmax"),
        (lambda: layers.attention_backward(X[:1], X, X, X), ValueError, "dout: expected"),
        (lambda: layers.activate(X, "tanh"), ValueError, "kind: expected"),
    ],
)
def test_bad_input_is_named(call, error, words):
    """One line, with the argument's name, before any work."""
    with pytest.raises(error, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
