"""Exercise 08: attention, its gradients, and pooled evidence. Its gaps, their questions and the common mistakes."""

import numpy as np

from ..types import Array
from .denoisers import SIDE, draw, laws
from .ex02_ideal import log_sum_exp
from .marking import Exercise, Gap, Slip


def softmax(logits: Array) -> Array:
    """The softmax over the last axis."""
    return np.exp(logits - log_sum_exp(logits)[..., None])


# --- attention --------------------------------------------------------------------------------------------------------


def attention(q: Array, k: Array, v: Array) -> tuple[Array, Array]:
    """(out, A): the output of attention, and its weights."""
    return _attend(q @ k.T / np.sqrt(q.shape[1]), v)


def _attend(scores, v, how=softmax):
    weights = how(scores)
    return weights @ v, weights


def _unsafe(scores):
    w = np.exp(scores)
    return w / w.sum(axis=-1, keepdims=True)


def _one_hot(scores):
    return np.eye(len(scores))[scores.argmax(axis=1)]


ONE, TWO = np.array([[1.0], [-1.0]]), np.array([[0.5], [2.0]])
FORWARD = Gap(
    "attention",
    attention,
    questions=(
        {"q": ONE, "k": TWO, "v": np.array([[1.0], [3.0]])},
        {
            "q": np.array([[1.0, 0.0], [0.0, 2.0]]),
            "k": np.array([[1.0, 2.0], [0.0, 1.0]]),
            "v": np.array([[1.0, 3.0], [0.0, 1.0]]),
        },
        {"q": draw(0, 4, 3), "k": draw(1, 4, 3), "v": draw(2, 4, 3)},
        {"q": 40 * draw(3, 3, 2), "k": 40 * draw(4, 3, 2), "v": draw(5, 3, 2)},
    ),
    parts=("out", "A"),
    slips=(
        Slip("The products are not divided by sqrt(D).", lambda q, k, v: _attend(q @ k.T, v)),
        Slip("The products are divided by D. Divide by sqrt(D).", lambda q, k, v: _attend(q @ k.T / q.shape[1], v)),
        Slip(
            "The softmax is over the queries. It must be over the keys, the last axis of q @ k.T: the weights of a query sum to "
            "1.",
            lambda q, k, v: _attend(q @ k.T / np.sqrt(q.shape[1]), v, lambda scores: softmax(scores.T).T),
        ),
        Slip("Queries and keys are swapped: row p belongs to query p, so use q @ k.T.", lambda q, k, v: attention(k, q, v)),
        Slip(
            "There is no softmax: your weights are the products themselves.",
            lambda q, k, v: _attend(q @ k.T / np.sqrt(q.shape[1]), v, lambda scores: scores),
        ),
        Slip(
            "Your exponents can be too large: exp(1000) is inf, and inf / inf is NaN. Use `softmax`.",
            lambda q, k, v: _attend(q @ k.T / np.sqrt(q.shape[1]), v, _unsafe),
        ),
        Slip("Only the largest product gets a weight. Use `softmax`.", lambda q, k, v: _attend(q @ k.T, v, _one_hot)),
        Slip(
            "The weights are right, but out is A^T v. Row p of out is the mean for query p: use A @ v.",
            lambda q, k, v: (attention(q, k, v)[1].T @ v, attention(q, k, v)[1]),
        ),
        Slip(
            "The weights are right, but you average the keys. Average the values: out = A @ v.",
            lambda q, k, v: (attention(q, k, v)[1] @ k, attention(q, k, v)[1]),
        ),
        Slip(
            "out is right, but A is returned without the softmax.",
            lambda q, k, v: (attention(q, k, v)[0], q @ k.T / np.sqrt(q.shape[1])),
        ),
    ),
)


def softmax_backward(dw: Array, w: Array) -> Array:
    """The gradient with respect to the logits of a softmax, row by row."""
    return w * (dw - (w * dw).sum(axis=-1, keepdims=True))


def _rows_not_zero(function, brief):
    w = softmax(draw(10, 3, 4))
    try:
        sums = np.asarray(function(draw(11, 3, 4), w)).sum(axis=-1)
    except Exception:
        return ""
    if np.shape(sums) != (3,) or np.abs(sums).max() < 1e-9:
        return ""
    return (
        f"the law 'rows sum to 0' is broken: an equal change of all logits changes no weight, but your row sums to {sums[0]:.3f}"
    )


SOFTMAX = Gap(
    "softmax_backward",
    softmax_backward,
    questions=(
        {"dw": np.array([[1.0, 0.0]]), "w": np.array([[0.25, 0.75]])},
        {"dw": draw(12, 3, 3), "w": softmax(draw(13, 3, 3))},
    ),
    slips=(
        Slip(
            "The weights' sum is kept at 1, so a larger logit makes all other weights smaller. This is missing: subtract the sum "
            "over i of w_i dw_i from dw first, for each row.",
            lambda dw, w: w * dw,
        ),
        Slip(
            "This is the slope of a sigmoid, w (1 - w). In a softmax, each weight depends on all logits of its row.",
            lambda dw, w: w * (1 - w) * dw,
        ),
        Slip(
            "You subtract the mean of dw. Subtract the mean with the weights w, which is the sum over i of w_i dw_i.",
            lambda dw, w: w * (dw - dw.mean(axis=-1, keepdims=True)),
        ),
        Slip("You subtract the sum of dw without the weights w_i.", lambda dw, w: w * (dw - dw.sum(axis=-1, keepdims=True))),
        Slip(
            "You sum over the rows. Each row is a softmax of its own, so sum along it: axis=-1.",
            lambda dw, w: w * (dw - (w * dw).sum(axis=0)),
        ),
        Slip("You sum over everything. Each row is a softmax of its own: axis=-1.", lambda dw, w: w * (dw - (w * dw).sum())),
        Slip("The factor w_j in front is missing.", lambda dw, w: dw - (w * dw).sum(axis=-1, keepdims=True)),
        Slip("You add the sum. Subtract it.", lambda dw, w: w * (dw + (w * dw).sum(axis=-1, keepdims=True))),
        Slip(
            "The factor w_j must multiply both terms: w_j (dw_j - sum), not w_j dw_j - sum.",
            lambda dw, w: w * dw - (w * dw).sum(axis=-1, keepdims=True),
        ),
    ),
    law=_rows_not_zero,
)


def attention_backward(dout: Array, q: Array, k: Array, v: Array, weights: Array) -> tuple[Array, Array, Array]:
    """The gradients (dq, dk, dv)."""
    return _backward(dout, q, k, v, weights)


def _backward(dout, q, k, v, weights, *, scale=1.0, through=softmax_backward):
    ds = scale * through(dout @ v.T, weights) / np.sqrt(q.shape[1])
    return ds @ k, ds.T @ q, weights.T @ dout


def _in(part, gives):
    """`attention_backward` with a mistake: gives(...) replaces one part of the answer."""

    def mistaken(*given):
        found = list(attention_backward(*given))
        found[part] = gives(*given)
        return tuple(found)

    return mistaken


def _slope(dout, q, k, v, weights):
    return softmax_backward(dout @ v.T, weights) / np.sqrt(q.shape[1])


def _case(seed, places, size):
    q, k, v = (draw(seed + n, places, size) for n in range(3))
    return {"dout": draw(seed + 3, places, size), "q": q, "k": k, "v": v, "weights": attention(q, k, v)[1]}


BACKWARD = Gap(
    "attention_backward",
    attention_backward,
    questions=(_case(20, 2, 1), _case(30, 3, 3), _case(40, 4, 2)),
    fitted=lambda given: {**given, "weights": attention(given["q"], given["k"], given["v"])[1]},
    parts=("dq", "dk", "dv"),
    slips=(
        Slip(
            "The factor 1 / sqrt(D) is missing in the backward pass: the products have this factor, so their slopes have it too.",
            lambda dout, q, k, v, w: _backward(dout, q, k, v, w, scale=np.sqrt(q.shape[1])),
        ),
        Slip(
            "The slope does not go through the softmax: dS = softmax_backward(dA, A) / sqrt(D).",
            lambda *given: _backward(*given, through=lambda dw, w: dw),
        ),
        Slip(
            "Your slope of the softmax is w dw, without the sum of the row. Use softmax_backward(dA, A).",
            lambda *given: _backward(*given, through=lambda dw, w: w * dw),
        ),
        Slip("You divide by D. Divide by sqrt(D).", lambda *g: _backward(*g, scale=g[1].shape[1] ** -0.5)),
        Slip(
            "You used k instead of v for dA: it is dA = dout v^T, and dS = softmax_backward(dA, A) / sqrt(D).",
            lambda *given: _backward(given[0], given[1], given[2], given[2], given[4]),
        ),
        Slip("dS must not be transposed here: S = q k^T gives dq = dS k.", _in(0, lambda *g: _slope(*g).T @ g[2])),
        Slip("Multiply by the keys here: S = q k^T gives dq = dS k.", _in(0, lambda *g: _slope(*g) @ g[1])),
        Slip("dS must be transposed here: S = q k^T gives dk = dS^T q.", _in(1, lambda *g: _slope(*g) @ g[1])),
        Slip("Multiply by the queries here: S = q k^T gives dk = dS^T q.", _in(1, lambda *g: _slope(*g).T @ g[2])),
        Slip("A must be transposed: out = A v gives dv = A^T dout.", _in(2, lambda *g: g[4] @ g[0])),
    ),
)


# --- evidence ----------------------------------------------------------------------------------------------------------


def evidence(logs: Array) -> Array:
    """The evidence L (P, N): log of the sum over u of exp(logs), for logs (P, N, U)."""
    return log_sum_exp(logs)


EVIDENCE = Gap(
    "evidence",
    evidence,
    questions=(
        {"logs": np.array([[[0.0, -1.0], [-2.0, -0.5]]])},
        {"logs": -np.abs(draw(50, 3, 2, 4))},
        {"logs": -3000 - np.abs(draw(51, 2, 2, 3))},
        {"logs": np.array([[[-1.0, -2.0], [-4000.0, -4001.0]]])},
    ),
    slips=(
        Slip(
            "It is right for small numbers, but exp(-3000) is 0 in floating point, and log(0) is -inf. Subtract the largest l "
            "over u first, and add it again at the end.",
            lambda logs: np.log(np.exp(logs).sum(axis=2)),
        ),
        Slip(
            "You subtract the same largest l for several (p, n). If all l of an image are far below it, their exp's are 0, and "
            "log(0) is -inf. Each (p, n) needs its own largest l, logs.max(axis=2, keepdims=True).",
            lambda logs: logs.max() + np.log(np.exp(logs - logs.max()).sum(axis=2)),
        ),
        Slip(
            "You subtract the same largest l for several (p, n). If all l of an image are far below it, their exp's are 0, and "
            "log(0) is -inf. Each (p, n) needs its own largest l, logs.max(axis=2, keepdims=True).",
            lambda logs: _largest(logs) + np.log(np.exp(logs - _largest(logs)[..., None]).sum(axis=2)),
        ),
        Slip(
            "This is the l of only the best place. Log-sum-exp is over all places u, and is a little larger.",
            lambda logs: logs.max(axis=2),
        ),
        Slip(
            "You subtracted the largest l. Add it again, after the log.",
            lambda logs: evidence(logs) - logs.max(axis=2),
        ),
        Slip("This is the log of the mean. Take the log of the sum.", lambda logs: evidence(logs) - np.log(logs.shape[2])),
        Slip(
            "You sum over the images n. Sum over the places u, which are axis 2.",
            lambda logs: log_sum_exp(logs.swapaxes(1, 2)),
        ),
        Slip("You sum the l's. Take the log of the sum of exp(l).", lambda logs: logs.sum(axis=2)),
    ),
)


def _largest(logs):
    return np.broadcast_to(logs.max(axis=(1, 2))[:, None], logs.shape[:2])


def pooled_weights(logs: Array, weights: Array, g: float) -> Array:
    """The softmax over (n, u) of l + g A L, for each p."""
    return _pooled(logs, g * (weights @ evidence(logs)))


def _pooled(logs, heard):
    total = logs + heard[:, :, None]
    return softmax(total.reshape(len(logs), -1)).reshape(logs.shape)


def _per_image(logs, weights, g):
    return softmax(logs + g * (weights @ evidence(logs))[:, :, None])


def _rows(seed, places):
    return softmax(draw(seed, places, places))


POOLED = Gap(
    "pooled_weights",
    pooled_weights,
    questions=(
        {"logs": np.array([[[0.0], [-1.0]], [[-2.0], [-0.5]]]), "weights": np.array([[0.5, 0.5], [0.0, 1.0]]), "g": 1.0},
        {"logs": -np.abs(draw(60, 3, 2, 4)), "weights": _rows(61, 3), "g": 0.0},
        {"logs": -np.abs(draw(62, 3, 2, 4)), "weights": _rows(63, 3), "g": 2.0},
        {"logs": -2000 - np.abs(draw(64, 3, 3, 2)), "weights": _rows(65, 3), "g": 0.5},
    ),
    slips=(
        Slip(
            "A is transposed. A[p, q] says how much p listens to q, so p gets weights @ evidence(logs).",
            lambda logs, weights, g: pooled_weights(logs, weights.T, g),
        ),
        Slip(
            "Each image has a softmax of its own, so the evidence for the image cancels. Take one softmax over all (n, u) "
            "together, for each p.",
            _per_image,
        ),
        Slip("The term g A L is missing: add it to l.", lambda logs, weights, g: _pooled(logs, 0 * evidence(logs))),
        Slip("The strength g is missing.", lambda logs, weights, g: pooled_weights(logs, weights, 1.0)),
        Slip("A is missing: each place gets only its own evidence.", lambda logs, weights, g: _pooled(logs, g * evidence(logs))),
        Slip(
            "You replaced l by g A L. Add them: l + g A L.",
            lambda logs, weights, g: _pooled(0 * logs, g * (weights @ evidence(logs))),
        ),
        Slip(
            "You multiply l by g too. Multiply only A L: l + g A L.",
            lambda logs, weights, g: _pooled(g * logs, g * (weights @ evidence(logs))),
        ),
        Slip(
            "You take one softmax over all p. Take one for each p: its weights sum to 1.",
            lambda logs, weights, g: softmax((logs + g * (weights @ evidence(logs))[:, :, None]).ravel()).reshape(logs.shape),
        ),
        Slip(
            "You add probabilities to l, not logarithms. L is a log, so do not take its exp.",
            lambda logs, weights, g: _pooled(logs, g * (weights @ np.exp(evidence(logs)))),
        ),
    ),
)


# --- all of it ---------------------------------------------------------------------------------------------------------


def _together(names):
    """Check that the machine at g = 0 obeys the laws of ELS, and the gradient of attention against differences of a loss."""
    given, along = (
        {name: draw(70 + n, 4, 3) for n, name in enumerate("qkv")},
        {name: draw(80 + n, 4, 3) for n, name in enumerate("qkv")},
    )

    def loss(h):
        return float((names["attention"](*(given[name] + h * along[name] for name in "qkv"))[0] ** 2).sum() / 2)

    try:
        out, weights = names["attention"](*given.values())
        slopes = names["attention_backward"](out, *given.values(), weights)
    except Exception as error:
        return False, f"attention, forward and back, raises {type(error).__name__}: {error}"
    claim = sum(np.vdot(slope, d) for slope, d in zip(slopes, along.values(), strict=True))
    shown = (loss(1e-5) - loss(-1e-5)) / 2e-5
    words = (
        f"along a random direction, the gradient of attention gives the slope {claim:.5f}, "
        f"and differences of the loss give {shown:.5f}"
    )
    if not abs(claim / shown - 1) < 1e-6:
        return False, words
    holds, more = laws(lambda x, images, a, s: _alone(names, x, images, a, s), "ELS")
    return holds, f"{words}; the machine at g = 0 is ELS: {more}"


def _alone(names, x, images, a, s):
    pixels = x.shape[0] * x.shape[1]
    return names["pooled"](x, images, SIDE, a, s, np.full((pixels, pixels), 1 / pixels), 0.0)


EXERCISE = Exercise("08", "attention", (FORWARD, SOFTMAX, BACKWARD, EVIDENCE, POOLED), _together)
