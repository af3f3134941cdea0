"""Exercise 08: attention, its backward pass, and the evidence that a mosaic's places exchange.

Read tutorial 08 first. Fill the five gaps marked YOUR CODE, in any order, then ask

    minidiff check 08_attention.py

as often as you like (or run this file). Each gap is judged by itself, with right answers in place of the others. Plain NumPy is
enough, loops are fine, speed does not matter. Keep the names and the arguments.

In the first three gaps P places of one image attend to each other, through queries, keys and values of D numbers each. In the
last two a machine (ours, in no paper) does the same with evidence: which training image do my surroundings come from?
"""

import numpy as np

EXERCISE = "08"


def softmax(logits):
    """exp(logits), normalised over the last axis, safely. Nothing to do here."""
    w = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return w / w.sum(axis=-1, keepdims=True)


def attention(q, k, v):
    """Attention forward: A = softmax over j of q_p . k_j / sqrt(D), and out_p = sum_j A[p, j] v_j.

    q, k, v: (P, D). Returns a tuple (out, A), (P, D) and (P, P); each row of A sums to 1.

    Hint: q @ k.T holds all products at once, row p for query p. `softmax` works along the last axis.
    """
    raise NotImplementedError  # YOUR CODE


def softmax_backward(dw, w):
    """The slope of the loss in the logits of w = softmax(logits), row by row.

    The chain rule: dlogits_j = sum over i of dw_i (the slope of w_i in logit j). Find that slope, for i = j and for i not j, from
    w_i = exp(l_i) / sum over j of exp(l_j), and write it with w alone.

    dw: the slope in the weights; w: the weights, what the softmax gave; both (P, P). Returns (P, P).

    Hint: raising all logits of a row by the same number changes no weight, so each row of the answer sums to 0.
    """
    raise NotImplementedError  # YOUR CODE


def attention_backward(dout, q, k, v, weights):
    """Attention backward: the slopes of the loss in q, k and v.

    With S = q k^T, the products, attention is out = A v with A = softmax(S / sqrt(D)).

    dout: (P, D); q, k, v: as given to `attention`; weights: the A that it returned, (P, P). Returns a tuple (dq, dk, dv), (P, D)
    each.

    Hint: go backwards line by line through `attention`, from out to A, to S, and to q and k; `softmax_backward` is one of the
    lines. A product Y = M N has dM = dY N^T and dN = M^T dY. What does a factor do to a slope?
    """
    raise NotImplementedError  # YOUR CODE


def evidence(logs):
    """The evidence L[p, n] = logsumexp over u of l[p, n, u] (ours): how well image n explains what p sees, wherever in n.

    logs: l (P, N, U), l[p, n, u] = -|W_p(x) - a W_u(y_n)|^2 / (2 s^2), possibly in minus thousands. Returns L (P, N).

    Hint: exercise 02's log_sum_exp: take the largest l over u off first, and add it again at the end.
    """
    raise NotImplementedError  # YOUR CODE


def pooled_weights(logs, weights, g):
    """The weight of every candidate (n, u) at every place p, once p has heard the others (ours).

    softmax over all (n, u) together of l[p, n, u] + g sum_q A[p, q] L[q, n], with L = evidence(logs).

    logs: l (P, N, U); weights: A (P, P), rows with sum 1, A[p, q] is how much p listens to q; g: float >= 0, the strength.
    Returns (P, N, U); for each p the numbers sum to 1.

    Hint: what p hears is (P, N), the same for all u of an image. `softmax` runs over one axis, and here (n, u) are two.
    """
    raise NotImplementedError  # YOUR CODE


def logs_of(x, images, k, a, s):
    """l[p, n, u] for an image x (H, W, C) on the torus and training images (N, H, W, C): (H W, N, H W). Nothing to do here."""
    around = np.arange(k) - k // 2

    def windows(image):
        height, width, _ = image.shape
        places = [((i + around)[:, None] % height, (j + around) % width) for i, j in np.ndindex(height, width)]
        return np.array([image[place].ravel() for place in places])

    seen, known = windows(x), a * np.array([windows(y) for y in images])
    return -((seen[:, None, None] - known) ** 2).sum(axis=3) / (2 * s**2)


def pooled(x, images, k, a, s, weights, g):
    """The machine that your gaps make: x0_hat[p] = sum over (n, u) of w[p, n, u] y_n[u]. g = 0 is ELS. Nothing to do here."""
    w = pooled_weights(logs_of(x, images, k, a, s), weights, g)
    return (w.reshape(len(w), -1) @ images.reshape(-1, x.shape[2])).reshape(x.shape)


if __name__ == "__main__":
    from minidiff import coursework

    print(coursework.check(__file__))
