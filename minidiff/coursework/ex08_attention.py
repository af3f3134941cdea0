"""Exercise 08: attention, its gradients, and pooled evidence. Its gaps, their questions and the common mistakes."""

import numpy as np

from ..types import Array
from .denoisers import draw, laws, slope_agrees, softmax
from .marking import Exercise, gap
from .slips import slips

# --- attention --------------------------------------------------------------------------------------------------------


def attention(q: Array, k: Array, v: Array) -> tuple[Array, Array]:
    """(out, A): the output of attention, and its weights."""
    weights = softmax(q @ k.T / np.sqrt(q.shape[1]))
    return weights @ v, weights


FORWARD = gap(
    attention,
    (np.array([[1.0], [-1.0]]), np.array([[0.5], [2.0]]), np.array([[1.0], [3.0]])),
    (np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([[1.0, 2.0], [0.0, 1.0]]), np.array([[1.0, 3.0], [0.0, 1.0]])),
    (draw(0, 4, 3), draw(1, 4, 3), draw(2, 4, 3)),
    (40 * draw(3, 3, 2), 40 * draw(4, 3, 2), draw(5, 3, 2)),
    parts=("out", "A"),
    order=(1, 0),
    slips=slips("""
        q @ k.T / np.sqrt(q.shape[1]) -> q @ k.T  # The products are not divided by sqrt(D).
        np.sqrt(q.shape[1]) -> q.shape[1]  # The products are divided by D. Divide by sqrt(D).
        softmax(q @ k.T / np.sqrt(q.shape[1])) -> softmax(k @ q.T / np.sqrt(q.shape[1])).T
            # The softmax is over the queries. It must be over the keys, the last axis: the weights of a query sum to 1.
        q.shape[1] -> q.shape[0]  # You divide by the root of the number of places, P. Divide by sqrt(D), D = q.shape[1].
        softmax(q @ k.T / np.sqrt(q.shape[1])) -> softmax(q @ k.T) / np.sqrt(q.shape[1])
            # You divide by sqrt(D) after the softmax. Divide the products before the softmax, so that the weights sum to 1.
        / np.sqrt(q.shape[1]) -> * np.sqrt(q.shape[1])  # You multiply by sqrt(D). Divide by it.
        q @ k.T -> k @ q.T  # Queries and keys are swapped: row p belongs to query p, so use q @ k.T.
        softmax = lambda logits: logits  # There is no softmax: your weights are the products themselves.
        softmax = lambda logits: np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
            # Your exponents can be too large: exp(1000) is inf, and inf / inf is NaN. Use `softmax`.
        softmax = lambda logits: np.eye(len(logits))[logits.argmax(axis=1)]  # Only the largest product has weight. Use `softmax`.
        weights @ v, -> weights.T @ v,  # The weights are right, but out is A^T v. Row p of out is the mean for query p: A @ v.
        weights @ v, -> weights @ k,  # The weights are right, but you average the keys. Average the values: out = A @ v.
        weights @ v, weights -> weights @ v, q @ k.T / np.sqrt(q.shape[1])  # out is right, but A is returned without the softmax.
    """),
)


def softmax_backward(dw: Array, w: Array) -> Array:
    """The gradient with respect to the logits of a softmax, row by row."""
    return w * (dw - (w * dw).sum(axis=-1, keepdims=True))


def _rows_not_zero(function, brief):
    sums = np.asarray(function(draw(11, 3, 4), softmax(draw(10, 3, 4)))).sum(axis=-1)
    if np.shape(sums) != (3,) or np.abs(sums).max() < 1e-9:
        return ""
    return f"the law 'rows sum to 0' is broken: an equal change of all logits changes no weight, but a row sums to {sums[0]:.3f}"


SOFTMAX = gap(
    softmax_backward,
    (np.array([[1.0, 0.0]]), np.array([[0.25, 0.75]])),
    (draw(12, 3, 3), softmax(draw(13, 3, 3))),
    slips=slips("""
        return w * dw
            # The weights' sum is kept at 1, so a larger logit makes all other weights smaller. This is missing: subtract the sum
            # over i of w_i dw_i from dw first, for each row.
        return w * (1 - w) * dw  # This is a sigmoid's slope, w (1 - w). In a softmax, a weight depends on all logits of its row.
        (w * dw).sum -> dw.mean
            # You subtract the mean of dw. Subtract the mean with the weights w, which is the sum over i of w_i dw_i.
        (w * dw).sum -> dw.sum  # You subtract the sum of dw without the weights w_i.
        axis=-1, keepdims=True -> axis=0  # You sum over the rows. Each row is a softmax of its own, so sum along it: axis=-1.
        axis=-1, keepdims=True -> axis=-1
            # The sums of the rows are subtracted along the wrong axis. Keep the last axis: .sum(axis=-1, keepdims=True).
        axis=-1, keepdims=True -> keepdims=True  # You sum over everything. Each row is a softmax of its own: axis=-1.
        return w * (dw -> return (dw  # The factor w_j in front is missing.
        dw - (w -> dw + (w  # You add the sum. Subtract it.
        return w * dw - (w * dw).sum(axis=-1, keepdims=True)
            # The factor w_j must multiply both terms: w_j (dw_j - sum), not w_j dw_j - sum.
    """),
    law=_rows_not_zero,
)


def attention_backward(dout: Array, q: Array, k: Array, v: Array, weights: Array) -> tuple[Array, Array, Array]:
    """The gradients (dq, dk, dv)."""
    ds = softmax_backward(dout @ v.T, weights) / np.sqrt(q.shape[1])
    return ds @ k, ds.T @ q, weights.T @ dout


def _case(seed, places, size):
    q, k, v, dout = (draw(seed + n, places, size) for n in range(4))
    return dout, q, k, v, attention(q, k, v)[1]


BACKWARD = gap(
    attention_backward,
    _case(20, 2, 1),
    _case(30, 3, 3),
    _case(40, 4, 2),
    fitted=lambda given: {**given, "weights": attention(given["q"], given["k"], given["v"])[1]},
    parts=("dq", "dk", "dv"),
    slips=slips("""
        / np.sqrt(q.shape[1]) -> / 1
            # The factor 1 / sqrt(D) is missing in the backward pass: the products have this factor, so their slopes have it too.
        softmax_backward = lambda dw, w: dw  # The slope does not go through the softmax: dS = softmax_backward(dA, A) / sqrt(D).
        softmax_backward = lambda dw, w: w * dw
            # Your slope of the softmax is w dw, without the sum of the row. Use softmax_backward(dA, A).
        np.sqrt(q.shape[1]) -> q.shape[1]  # You divide by D. Divide by sqrt(D).
        dout @ v.T -> dout @ k.T  # You used k, not v, for dA: it is dA = dout v^T, and dS = softmax_backward(dA, A) / sqrt(D).
        dout @ v.T -> v @ dout.T  # dA is transposed. Row p of A belongs to query p, as row p of dout does: dA = dout v^T.
        softmax_backward(dout @ v.T, weights) -> softmax_backward(weights, dout @ v.T)
            # The two arguments of softmax_backward are swapped: the slope comes first, and then the weights.
        softmax_backward(dout @ v.T, weights) -> softmax_backward(dout @ v.T, q @ k.T)
            # softmax_backward takes the weights, and not the products: give it A.
        ds @ k, -> ds.T @ k,  # dS must not be transposed here: S = q k^T gives dq = dS k.
        ds @ k, -> ds @ q,  # Multiply by the keys here: S = q k^T gives dq = dS k.
        ds.T @ q -> ds @ q  # dS must be transposed here: S = q k^T gives dk = dS^T q.
        ds.T @ q -> ds.T @ k  # Multiply by the queries here: S = q k^T gives dk = dS^T q.
        weights.T @ dout -> weights @ dout  # A must be transposed: out = A v gives dv = A^T dout.
    """),
)


# --- evidence ----------------------------------------------------------------------------------------------------------


def evidence(logs: Array) -> Array:
    """The evidence L (P, N): log of the sum over u of exp(logs), for logs (P, N, U)."""
    largest = logs.max(axis=2, keepdims=True)
    return largest[..., 0] + np.log(np.exp(logs - largest).sum(axis=2))


EVIDENCE = gap(
    evidence,
    (np.array([[[0.0, -1.0], [-2.0, -0.5]]]),),
    (-np.abs(draw(50, 3, 2, 4)),),
    (-3000 - np.abs(draw(51, 2, 2, 3)),),
    (np.array([[[-1.0, -2.0], [-4000.0, -4001.0]]]),),
    (np.array([[[-1.0, -3000.0, -3001.0]]]),),
    slips=slips("""
        return np.log(np.exp(logs).sum(axis=2))
            # It is right for small numbers, but exp(-3000) is 0 in floating point, and log(0) is -inf. Subtract the largest l
            # over u first, and add it again at the end.
        axis=2, keepdims=True -> keepdims=True
        axis=2, keepdims=True -> axis=(1, 2), keepdims=True
            # You subtract the same largest l for several (p, n). If all l of an image are far below it, their exp's are 0, and
            # log(0) is -inf. Each (p, n) needs its own largest l, logs.max(axis=2, keepdims=True).
        return np.log(np.exp(logs).sum(axis=2) + 1e-300)
            # A tiny number keeps log(0) away, but then L is log(1e-300) for all that is improbable. Subtract the largest l over u
            # first, and add it again at the end.
        return logs.max(axis=2)  # This is the l of only the best place. Log-sum-exp is over all places u, and is a little larger.
        logs.max -> logs.mean
            # You subtract the mean l, so exp of the largest can overflow. Subtract the largest.
        axis=2, keepdims=True -> axis=1, keepdims=True
            # You subtract the largest l over the images n. Each (p, n) needs its own, over the places u: axis=2.
        return largest[..., 0] + -> return  # You subtracted the largest l. Add it again, after the log.
        .sum(axis=2) -> .mean(axis=2)  # This is the log of the mean. Take the log of the sum.
        return evidence(logs.swapaxes(1, 2))  # You sum over the images n. Sum over the places u, which are axis 2.
        return logs.sum(axis=2)  # You sum the l's. Take the log of the sum of exp(l).
        axis=2, keepdims=True -> axis=2; largest[..., 0] -> largest
            # The largest l are subtracted along the wrong axis. Keep the last axis: logs.max(axis=2, keepdims=True).
    """),
)


def pooled_weights(logs: Array, weights: Array, g: float) -> Array:
    """The softmax over (n, u) of l + g A L, for each p."""
    total = logs + g * (weights @ evidence(logs))[:, :, None]
    return softmax(total.reshape(len(logs), -1)).reshape(logs.shape)


POOLED = gap(
    pooled_weights,
    (np.array([[[0.0], [-1.0]], [[-2.0], [-0.5]]]), np.array([[0.5, 0.5], [0.0, 1.0]]), 1.0),
    (-np.abs(draw(60, 3, 2, 4)), softmax(draw(61, 3, 3)), 0.0),
    (-np.abs(draw(62, 3, 2, 4)), softmax(draw(63, 3, 3)), 2.0),
    (-2000 - np.abs(draw(64, 3, 3, 2)), softmax(draw(65, 3, 3)), 0.5),
    slips=slips("""
        weights @ evidence -> weights.T @ evidence
            # A is transposed. A[p, q] says how much p listens to q, so p gets weights @ evidence(logs).
        softmax(total.reshape(len(logs), -1)) -> softmax(total)
            # Each image has a softmax of its own, so its evidence cancels. For each p, take one softmax over all (n, u) together.
        g = 0.0  # The term g A L is missing: add it to l.
        g = 1.0  # The strength g is missing.
        weights @ evidence -> weights * evidence  # You multiply number by number. The sum over q is a matrix product: A @ L.
        weights @ evidence -> evidence  # A is missing: each place gets only its own evidence.
        weights @ evidence(logs) -> evidence(logs) @ weights
            # A is on the other side: p sums over the q that it hears, so it is A @ L.
        (weights @ evidence(logs))[:, :, None] -> np.einsum("pq,qnu->pnu", weights, logs)
            # You add what the others see at the same u. The evidence L is that of an image: log-sum-exp over its places u first.
        logs + g -> logs * g  # You multiply l by g A L. Logarithms of probabilities are added.
        logs + g -> 0 * logs + g  # You replaced l by g A L. Add them: l + g A L.
        logs + g -> g * logs + g  # You multiply l by g too. Multiply only A L: l + g A L.
        total.reshape(len(logs), -1) -> total.ravel()  # You take one softmax over all p. Take one for each p, with sum 1.
        evidence(logs) -> np.exp(evidence(logs))  # You add probabilities to l, not logarithms. L is a log: do not take its exp.
    """),
)


# --- all of it ---------------------------------------------------------------------------------------------------------


def _together(names):
    """Check that the machine at g = 0 obeys the laws of ELS, and the gradient of attention against differences of a loss."""
    given, along = ([draw(seed + n, 4, 3) for n in range(3)] for seed in (70, 80))

    def loss(h):
        return float((names["attention"](*(x + h * d for x, d in zip(given, along, strict=True)))[0] ** 2).sum() / 2)

    def alone(x, images, k, a, s):
        pixels = x[..., 0].size
        return names["pooled"](x, images, k, a, s, np.full((pixels, pixels), 1 / pixels), 0.0)

    out, weights = names["attention"](*given)
    slopes = names["attention_backward"](out, *given, weights)
    agrees, words = slope_agrees("the gradient of attention", slopes, along, (loss(1e-5) - loss(-1e-5)) / 2e-5)
    if not agrees:
        return False, words
    holds, more = laws(alone, "ELS")
    return holds, f"{words}; the machine at g = 0 is ELS: {more}"


EXERCISE = Exercise("08", "attention", (FORWARD, SOFTMAX, BACKWARD, EVIDENCE, POOLED), _together)
