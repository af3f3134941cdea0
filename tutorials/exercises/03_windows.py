"""Exercise 03: a machine that sees a window (the local score machine, LS).

Read tutorial 03 first. Fill the four gaps marked YOUR CODE, in any order, then ask

    minidiff check 03_windows.py

as often as you like (or run this file). Each gap is judged by itself, with right answers in place of the others. Plain NumPy is
enough, loops are fine, speed does not matter. Keep the names and the arguments.

Images lie on a torus here: beyond the last row comes the first one again, and so for columns. x = a x0 + s eps as ever; KG is the
paper of the local score machine, see the README.
"""

import numpy as np

EXERCISE = "03"


def window_at(image, row, column, k):
    """The k x k window of an image on the torus, with pixel (row, column) in its middle.

    image: (H, W, C); row, column: ints, a pixel of the image; k: odd int, at most H and W. Returns (k, k, C).

    window[i, j] = image[row + i - k // 2, column + j - k // 2], indices taken around the torus.

    Hint: an index modulo H is a row of the torus: -1 % 5 is 4, and 5 % 5 is 0.
    """
    raise NotImplementedError  # YOUR CODE


def distances(x, images, row, column, k, a):
    """How far what pixel (row, column) sees of x is from what it would see of each training image, shrunk by a.

    d_n = |W_p(x) - a W_p(y_n)|^2, the sum of squares over the whole window W_p at p = (row, column).

    x: (H, W, C); images: (N, H, W, C), y_n = images[n]; row, column: ints; k: odd int; a: float. Returns (N,).

    Hint: use `window_at`, once for x and once for each training image. Differences first, then squares, then the sum: the
    expanded square |x|^2 - 2 a x y + a^2 |y|^2 passes the small questions here, but its digits cancel in float32, and the last
    check fails.
    """
    raise NotImplementedError  # YOUR CODE


def weights(distances, s):
    """The posterior probability of each training image, given its distance: softmax over n of -d_n / (2 s^2) (KG).

    distances: (N,), may be in the thousands; s: float > 0. Returns (N,), numbers from 0 to 1 with sum 1.

    Hint: exp(-1000) is 0 in floating point, and 0 / 0 is no number. A softmax stays the same when the smallest distance is
    taken off all of them.
    """
    raise NotImplementedError  # YOUR CODE


def local(x, images, k, a, s):
    """The local score machine (KG): each pixel p answers with the mean of the training images' own pixel p.

    x0_hat[p] = sum_n w_n[p] y_n[p], with the weights of the distances of p's window.

    x: (H, W, C); images: (N, H, W, C); k: odd int; a, s: floats. Returns x0_hat (H, W, C).

    Hint: a loop over the pixels, with `distances` and `weights` inside. Only the pixel in the window's middle is averaged.
    """
    raise NotImplementedError  # YOUR CODE


def denoiser(images, schedule, k):
    """Your machine as the package calls a denoiser. Try it when all gaps are done: what it makes is in no training set.

    >>> import minidiff as md
    >>> images, schedule = md.datasets.digits(size=8)[0][:50], md.schedules.cosine()
    >>> for step in md.process.ddim(denoiser(images, schedule, k=3), schedule, shape=(2, 8, 8, 1), rng=0):
    ...     pass
    >>> bool(md.metrics.memorisation(step.x, images).distance.min() > 0.1)
    True
    """

    def denoise(x, t):
        a, s = float(schedule.signal(t)), float(schedule.noise(t))
        return np.stack([local(one, images, k, a, s) for one in x]).astype(x.dtype)

    return denoise


if __name__ == "__main__":
    from minidiff import coursework

    print(coursework.check(__file__))
