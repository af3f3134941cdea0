# A model solution: one of many ways.
"""Exercise 04: any window may explain any pixel (the equivariant local score machine, ELS).

Read tutorial 04 first. Fill the four gaps marked YOUR CODE, in any order, then ask

    minidiff check 04_anywhere.py

as often as you like (or run this file). Each gap is judged by itself, with right answers in place of the others. Plain NumPy is
enough, loops are fine, speed does not matter. Keep the names and the arguments.

Images lie on a torus: beyond the last row comes the first one again, and so for columns. x = a x0 + s eps as ever; KG is the
paper of the machine, see the README. M = N H W counts the candidates, P = k k C the numbers in a window.
"""

import numpy as np

EXERCISE = "04"


def window_at(image, row, column, k):
    """The k x k window of image (H, W, C) at (row, column) on the torus, (k, k, C). From exercise 03; nothing to do here."""
    around = np.arange(k) - k // 2
    return image[(row + around)[:, None] % image.shape[0], (column + around) % image.shape[1]]


def dictionary(images, k):
    """All that the machine knows: every window of every training image, and the pixel in its middle.

    images: (N, H, W, C); k: odd int. Returns a tuple (patches, centres), (M, P) and (M, C): row m is the candidate (n, u), the
    window W_u(y_n) flattened and the pixel y_n[u], in the order n, row of u, column of u.

    Hint: three loops, over n, row and column, in that order, with `window_at(...).ravel()` inside. For the centres a reshape of
    images will do.
    """
    # YOUR CODE
    height, width, channels = images.shape[1:]
    patches = [window_at(y, row, column, k).ravel() for y in images for row in range(height) for column in range(width)]
    return np.array(patches), images.reshape(-1, channels)


def posterior(window, patches, a, s):
    """The probability of each candidate, given one noisy window: softmax over m of -|window - a patch_m|^2 / (2 s^2) (KG).

    window: (P,); patches: (M, P); a, s: floats, s > 0. Returns (M,), numbers from 0 to 1 with sum 1.

    Hint: a clean patch looks like a patch_m under the noise, so shrink it by a before you compare. exp(-1000) is 0 in floating
    point: take the smallest distance off all of them first. Take differences, and then square them: the expanded square
    |x|^2 - 2 a x y + a^2 |y|^2 passes the small questions here, but its digits cancel in float32, and the last check fails.
    """
    # YOUR CODE
    distances = ((window - a * patches) ** 2).sum(axis=1)
    w = np.exp(-(distances - distances.min()) / (2 * s**2))
    return w / w.sum()


def els(x, images, k, a, s):
    """The equivariant local score machine (KG): x0_hat[p] = sum over (n, u) of w_(n, u) y_n[u].

    The weights are the posterior over all candidates, given the window of x at p.

    x: (H, W, C); images: (N, H, W, C); k: odd int; a, s: floats. Returns x0_hat (H, W, C).

    Hint: make the `dictionary` once. Then a loop over the pixels of x, with `window_at(x, ...)` and `posterior` inside. All
    pixels share the dictionary: that is the whole difference to LS.
    """
    # YOUR CODE
    patches, centres = dictionary(images, k)
    x0_hat = np.empty(x.shape)
    for row, column in np.ndindex(x.shape[:2]):
        x0_hat[row, column] = posterior(window_at(x, row, column, k).ravel(), patches, a, s) @ centres
    return x0_hat


def equivariance_gap(f, x, down, right):
    """A law, as a number: the largest difference between f(shifted x) and shifted f(x); 0 if f commutes with this shift (KG).

    f: a function of an image (H, W, C) that returns one; x: (H, W, C); down, right: ints, how many rows and columns to shift by,
    around the torus. Returns a float >= 0.

    Hint: np.roll shifts an array around; say along which axes. Shift what goes in for one term, and what comes out for the other.
    """
    # YOUR CODE
    shifted_first = f(np.roll(x, (down, right), axis=(0, 1)))
    shifted_last = np.roll(f(x), (down, right), axis=(0, 1))
    return np.abs(shifted_first - shifted_last).max()


def denoiser(images, schedule, k):
    """Your machine as the package calls a denoiser. Try it when all gaps are done: a shift of the noise shifts the sample.

    >>> import minidiff as md
    >>> images, schedule = md.datasets.digits(size=8)[0][:20], md.schedules.cosine()
    >>> for step in md.process.ddim(denoiser(images, schedule, k=3), schedule, shape=(2, 8, 8, 1), rng=0):
    ...     pass
    >>> bool(md.metrics.memorisation(step.x, images).distance.min() > 0.1)
    True
    """

    def denoise(x, t):
        a, s = float(schedule.signal(t)), float(schedule.noise(t))
        return np.stack([els(one, images, k, a, s) for one in x]).astype(x.dtype)

    return denoise


if __name__ == "__main__":
    from minidiff import coursework

    print(coursework.check(__file__))
