# A model solution: one of many ways.
"""Exercise 05: the boundary rule (boundary-broken ELS).

Read tutorial 05 first. Fill the four gaps marked YOUR CODE, in any order, then ask

    minidiff check 05_edges.py

as often as you like (or run this file). Each gap is judged by itself, with right answers in place of the others. Plain NumPy is
enough, loops are fine, speed does not matter. Keep the names and the arguments.

No torus here: beyond the border there are zeros, and a window that holds zeros tells its pixel where it is. d = k // 2 is how far
a window reaches. KG is the paper of the rule, see the README.
"""

import numpy as np

EXERCISE = "05"


def known_index(index, side, k):
    """What the padding tells a pixel about its place on one axis: its index if padding is in sight, else -1.

    index: int from 0 to side - 1; side: int; k: odd int. Returns an int.

    A pixel sees indices index - d to index + d of its axis. Padding is in sight if one of them is below 0 or above side - 1, in
    other words if the pixel is nearer than d to a border (KG, boundary-broken).

    Hint: known_index(1, 6, 3) is -1 and known_index(1, 6, 5) is 1. The first and the last index are different places.
    """
    # YOUR CODE
    d = k // 2
    return index if index - d < 0 or index + d > side - 1 else -1


def may_explain(p, u, shape, k):
    """Whether a candidate at u may explain a pixel at p: only if the padding tells both the same (KG, boundary-broken).

    p, u: tuples (row, column); shape: the image's (H, W); k: odd int. Returns True or False.

    Hint: `known_index` of the rows has to agree, and that of the columns too. So an inner pixel is explained by all inner ones, a
    pixel on an edge by those along the same edge at the same distance, and a corner only by itself.
    """
    # YOUR CODE
    return all(known_index(p[axis], shape[axis], k) == known_index(u[axis], shape[axis], k) for axis in (0, 1))


def window_at(image, row, column, k):
    """The k x k window of an image with zeros around it, with pixel (row, column) in its middle.

    image: (H, W, C); row, column: ints, a pixel of the image; k: odd int. Returns (k, k, C).

    window[i, j] = image[row + i - d, column + j - d] where that is inside the image, else 0.

    Hint: np.pad puts zeros around an image; none are wanted on the axis of the channels. Where does pixel (row, column) lie then?
    Beware of image[-1]: Python reads it as the last row.
    """
    # YOUR CODE
    d = k // 2
    padded = np.pad(image, ((d, d), (d, d), (0, 0)))
    return padded[row : row + k, column : column + k]


def els_zeros(x, images, k, a, s):
    """The boundary-broken equivariant local score machine (KG): ELS, with candidates of the pixel's own padding pattern only.

    x0_hat[p] = sum over (n, u) of w_(n, u) y_n[u], over all n and the u that may explain p, with
    w = softmax over those (n, u) of -|W_p(x) - a W_u(y_n)|^2 / (2 s^2).

    x: (H, W, C); images: (N, H, W, C); k: odd int; a, s: floats, s > 0. Returns x0_hat (H, W, C).

    Hint: for each pixel p, list the places u that may explain it, before the softmax. As in exercise 04, square differences, and
    do not expand the square.
    """
    # YOUR CODE
    x0_hat, places = np.empty(x.shape), list(np.ndindex(x.shape[:2]))
    patches = {u: np.array([window_at(y, *u, k) for y in images]) for u in places}
    for p in places:
        allowed = [u for u in places if may_explain(p, u, x.shape[:2], k)]
        candidates = np.concatenate([patches[u] for u in allowed])
        values = np.concatenate([images[:, *u] for u in allowed])
        distances = ((window_at(x, *p, k) - a * candidates) ** 2).sum(axis=(1, 2, 3))
        x0_hat[p] = softmax(-distances / (2 * s**2)) @ values
    return x0_hat


def softmax(logits):
    """exp(logits) / sum(exp(logits)) of logits (M,), safely. Nothing to do here."""
    w = np.exp(logits - logits.max())
    return w / w.sum()


def denoiser(images, schedule, k):
    """Your machine as the package calls a denoiser. Try it when all gaps are done: the outer columns
    of digits are black, and those of its samples too.

    >>> import minidiff as md
    >>> images, schedule = md.datasets.digits(size=8)[0][:20], md.schedules.cosine()
    >>> for step in md.process.ddim(denoiser(images, schedule, k=3), schedule, shape=(2, 8, 8, 1), rng=0):
    ...     pass
    >>> float(images[:, :, [0, -1]].mean().round(1)), float(step.x[:, :, [0, -1]].mean().round(1))
    (-1.0, -1.0)
    """

    def denoise(x, t):
        a, s = float(schedule.signal(t)), float(schedule.noise(t))
        return np.stack([els_zeros(one, images, k, a, s) for one in x]).astype(x.dtype)

    return denoise


if __name__ == "__main__":
    from minidiff import coursework

    print(coursework.check(__file__))
