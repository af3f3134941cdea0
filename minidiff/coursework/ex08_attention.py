"""Exercise 08: attention forward and backward, and pooled evidence."""

import numpy as np

from .denoisers import SIDE, draw, laws
from .ex02_ideal import log_sum_exp
from .marking import Exercise, Gap, Slip


def softmax(logits):
    """The softmax over the last axis."""
    return np.exp(logits - log_sum_exp(logits)[..., None])


# --- attention --------------------------------------------------------------------------------------------------------


def attention(q, k, v):
    """(out, A)."""
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
        Slip("The products are divided by D, and sqrt(D) belongs there.", lambda q, k, v: _attend(q @ k.T / q.shape[1], v)),
        Slip(
            "The softmax runs over the queries: each query's weights over the keys sum to 1, the last axis of q @ k.T.",
            lambda q, k, v: _attend(q @ k.T / np.sqrt(q.shape[1]), v, lambda scores: softmax(scores.T).T),
        ),
        Slip("Queries and keys have changed places: row p is for query p, q @ k.T.", lambda q, k, v: attention(k, q, v)),
        Slip(
            "There is no softmax: the products themselves are the weights.",
            lambda q, k, v: _attend(q @ k.T / np.sqrt(q.shape[1]), v, lambda scores: scores),
        ),
        Slip(
            "The exponents are not made safe: exp(1000) is inf, and inf / inf is NaN. Use `softmax`.",
            lambda q, k, v: _attend(q @ k.T / np.sqrt(q.shape[1]), v, _unsafe),
        ),
        Slip("The softmax is hard: the largest product takes all.", lambda q, k, v: _attend(q @ k.T, v, _one_hot)),
        Slip(
            "The weights are right, but out is A^T v: row p of out is the mean for query p, A @ v.",
            lambda q, k, v: (attention(q, k, v)[1].T @ v, attention(q, k, v)[1]),
        ),
        Slip(
            "The weights are right, but it is the keys that are averaged: out = A @ v.",
            lambda q, k, v: (attention(q, k, v)[1] @ k, attention(q, k, v)[1]),
        ),
        Slip(
            "out is right, but A is given before the softmax.",
            lambda q, k, v: (attention(q, k, v)[0], q @ k.T / np.sqrt(q.shape[1])),
        ),
    ),
)


def softmax_backward(dw, w):
    """The gradient through a softmax, row by row."""
    return w * (dw - (w * dw).sum(axis=-1, keepdims=True))


def _rows_not_zero(function, brief):
    w = softmax(draw(10, 3, 4))
    try:
        sums = np.asarray(function(draw(11, 3, 4), w)).sum(axis=-1)
    except Exception:
        return ""
    if np.shape(sums) != (3,) or np.abs(sums).max() < 1e-9:
        return ""
    return f"the law 'rows sum to 0' is broken: raising all logits alike changes no weight, and yours sum to {sums[0]:.3f}"


SOFTMAX = Gap(
    "softmax_backward",
    softmax_backward,
    questions=(
        {"dw": np.array([[1.0, 0.0]]), "w": np.array([[0.25, 0.75]])},
        {"dw": draw(12, 3, 3), "w": softmax(draw(13, 3, 3))},
    ),
    slips=(
        Slip(
            "The weights' sum is kept at 1, and yours forgets that: raising one logit lowers all other weights. Take each row's "
            "sum_i w_i dw_i off dw first.",
            lambda dw, w: w * dw,
        ),
        Slip(
            "This is the slope of a sigmoid, w (1 - w): in a softmax the logits of a row hang together.",
            lambda dw, w: w * (1 - w) * dw,
        ),
        Slip(
            "The mean of dw is taken off, and it has to be the mean weighted by w: sum_i w_i dw_i.",
            lambda dw, w: w * (dw - dw.mean(axis=-1, keepdims=True)),
        ),
        Slip("The sum of dw is taken off without the weights w_i.", lambda dw, w: w * (dw - dw.sum(axis=-1, keepdims=True))),
        Slip(
            "The sum runs over the columns: each row is a softmax of its own, axis=-1.",
            lambda dw, w: w * (dw - (w * dw).sum(axis=0)),
        ),
        Slip("The sum runs over everything: each row is a softmax of its own, axis=-1.", lambda dw, w: w * (dw - (w * dw).sum())),
        Slip("The factor w_j in front is missing.", lambda dw, w: dw - (w * dw).sum(axis=-1, keepdims=True)),
        Slip("The sum is added, and it has to be taken off.", lambda dw, w: w * (dw + (w * dw).sum(axis=-1, keepdims=True))),
        Slip(
            "The factor w_j multiplies dw only: w_j (dw_j - sum), not w_j dw_j - sum.",
            lambda dw, w: w * dw - (w * dw).sum(axis=-1, keepdims=True),
        ),
    ),
    law=_rows_not_zero,
)


def attention_backward(dout, q, k, v, weights):
    """(dq, dk, dv)."""
    return _backward(dout, q, k, v, weights)


def _backward(dout, q, k, v, weights, scale=1.0, through=softmax_backward):
    ds = scale * through(dout @ v.T, weights) / np.sqrt(q.shape[1])
    return ds @ k, ds.T @ q, weights.T @ dout


def _in(part, gives):
    """`attention_backward` with a mistake in one part."""

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
    parts=("dq", "dk", "dv"),
    slips=(
        Slip(
            "The factor 1 / sqrt(D) is missing on the way back: the products were divided by it, so their slopes are too.",
            lambda dout, q, k, v, w: _backward(dout, q, k, v, w, np.sqrt(q.shape[1])),
        ),
        Slip(
            "The slope does not go through the softmax: dS = softmax_backward(dA, A) / sqrt(D).",
            lambda *given: _backward(*given, through=lambda dw, w: dw),
        ),
        Slip(
            "The softmax's slope lacks the row's sum (it is w dw in yours): use softmax_backward(dA, A).",
            lambda *given: _backward(*given, through=lambda dw, w: w * dw),
        ),
        Slip("It is divided by D, and sqrt(D) belongs there.", lambda *g: _backward(*g, g[1].shape[1] ** -0.5)),
        Slip(
            "dA is missing: dv and dA = dout v^T come first, and dS goes through the softmax from dA.",
            lambda *given: _backward(given[0], given[1], given[2], given[2], given[4]),
        ),
        Slip("dS is transposed here: out of S = q k^T follows dq = dS k.", _in(0, lambda *g: _slope(*g).T @ g[2])),
        Slip("Multiply by the keys here: out of S = q k^T follows dq = dS k.", _in(0, lambda *g: _slope(*g) @ g[1])),
        Slip("dS has to be transposed here: out of S = q k^T follows dk = dS^T q.", _in(1, lambda *g: _slope(*g) @ g[1])),
        Slip("Multiply by the queries here: out of S = q k^T follows dk = dS^T q.", _in(1, lambda *g: _slope(*g).T @ g[2])),
        Slip("A has to be transposed: out of out = A v follows dv = A^T dout.", _in(2, lambda *g: g[4] @ g[0])),
    ),
)


# --- evidence ----------------------------------------------------------------------------------------------------------


def evidence(logs):
    """logsumexp over u."""
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
            "It is right for small numbers, but exp(-3000) is 0 in floating point, and log(0) is -inf: take the largest l over "
            "u off first, and add it again at the end.",
            lambda logs: np.log(np.exp(logs).sum(axis=2)),
        ),
        Slip(
            "One largest l is shared by all, so images far below it underflow, to log(0): each (p, n) needs its own, "
            "logs.max(axis=2, keepdims=True).",
            lambda logs: logs.max() + np.log(np.exp(logs - logs.max()).sum(axis=2)),
        ),
        Slip(
            "One largest l is shared by all, so images far below it underflow, to log(0): each (p, n) needs its own, "
            "logs.max(axis=2, keepdims=True).",
            lambda logs: _largest(logs) + np.log(np.exp(logs - _largest(logs)[..., None]).sum(axis=2)),
        ),
        Slip(
            "This is only the best place's l, not the sum over all places u: logsumexp is a little more.",
            lambda logs: logs.max(axis=2),
        ),
        Slip(
            "The largest l that you took off has to be added again, after the log.",
            lambda logs: evidence(logs) - logs.max(axis=2),
        ),
        Slip("The log of the mean is taken, not of the sum.", lambda logs: evidence(logs) - np.log(logs.shape[2])),
        Slip(
            "It is summed over the images n: the sum runs over the places u, axis 2.",
            lambda logs: log_sum_exp(logs.swapaxes(1, 2)),
        ),
        Slip("The l's are summed: it is log of the sum of exp(l).", lambda logs: logs.sum(axis=2)),
    ),
)


def _largest(logs):
    return np.broadcast_to(logs.max(axis=(1, 2))[:, None], logs.shape[:2])


def pooled_weights(logs, weights, g):
    """softmax over (n, u) of l + g A L."""
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
            "A is transposed: A[p, q] is how much p listens to q, so what p hears is weights @ evidence(logs).",
            lambda logs, weights, g: pooled_weights(logs, weights.T, g),
        ),
        Slip(
            "Each image has a softmax of its own, in yours, and then the evidence for the image drops out: one softmax over all "
            "(n, u) together, for each p.",
            _per_image,
        ),
        Slip("Nothing is heard: g A L is to be added to l.", lambda logs, weights, g: _pooled(logs, 0 * evidence(logs))),
        Slip("The strength g is forgotten.", lambda logs, weights, g: pooled_weights(logs, weights, 1.0)),
        Slip("A is forgotten: each place hears itself only.", lambda logs, weights, g: _pooled(logs, g * evidence(logs))),
        Slip(
            "What is heard replaces l: it is to be added, l + g A L.",
            lambda logs, weights, g: _pooled(0 * logs, g * (weights @ evidence(logs))),
        ),
        Slip(
            "The l's are scaled by g too: only what is heard is.",
            lambda logs, weights, g: _pooled(g * logs, g * (weights @ evidence(logs))),
        ),
        Slip(
            "One softmax runs over all places: for each p the weights sum to 1.",
            lambda logs, weights, g: softmax((logs + g * (weights @ evidence(logs))[:, :, None]).ravel()).reshape(logs.shape),
        ),
        Slip(
            "Here p hears weights, not logarithms: L is a log of probabilities, and logs are added.",
            lambda logs, weights, g: _pooled(logs, g * (weights @ np.exp(evidence(logs)))),
        ),
    ),
)


# --- all of it ---------------------------------------------------------------------------------------------------------


def _together(names):
    """g = 0 is ELS, with all its laws; and attention's gradient along a random direction is what the loss itself shows."""
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
    words = f"attention's gradient says {claim:.5f} along a random direction, the loss itself {shown:.5f}"
    if not abs(claim / shown - 1) < 1e-6:
        return False, words
    holds, more = laws(lambda x, images, a, s: _alone(names, x, images, a, s), "ELS")
    return holds, f"{words}; the machine at g = 0 is ELS: {more}"


def _alone(names, x, images, a, s):
    pixels = x.shape[0] * x.shape[1]
    return names["pooled"](x, images, SIDE, a, s, np.full((pixels, pixels), 1 / pixels), 0.0)


EXERCISE = Exercise("08", "attention", (FORWARD, SOFTMAX, BACKWARD, EVIDENCE, POOLED), _together)
