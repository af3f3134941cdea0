"""Break the laws: write a machine that is wrong, and that the kit of laws takes for right.

Do exercise 04 first, and read minidiff/testing.py. Change `make` until

    minidiff check break_the_laws.py

says that your machine wins. The class is ELS on a torus, with a list of windows for the cosine schedule. Your machine

- is asked about 400 noised training images, 40 in a batch, at times from 0 to 1. At least 5 in 100 of its answers must be
  wrong by more than 1e-6, which is far more than rounding;
- is held against all laws of `minidiff.testing.check_denoiser(..., claims="ELS")`, and must keep every one of them.

A bug that looks for the checker (that counts calls, or knows its images) is no fun. Look for one that a tired colleague could
write: what do the laws never ask? When you win, write the law that finds it.

It can be done. The first bug that won was a machine that cut windows wider than 3 to 3, to save time. Each law asked at five
noise levels, and where a list of windows changes, and no law asked at a time whose windows were wider. A quarter of all answers
were wrong. Since then the law 'every time' asks within every entry of a list.
"""

import numpy as np

EXERCISE = "break"
WINDOWS = [1, 3, 1, 3, 3, 5, 5, 3, 3, 3]


def levels(t):
    """The signal a and the noise s at time t: the cosine schedule. Nothing to do here."""
    angle = np.pi / 2 / 1.008 * t
    return np.cos(angle), np.sin(angle)


def side(t):
    """The side of the windows at time t: the list is read from least to most noise. Nothing to do here."""
    return WINDOWS[max(int(np.ceil(t * len(WINDOWS) - 1e-9)) - 1, 0)]


def windows(images, k):
    """All windows on the torus, (B, H W, k k C), for images (B, H, W, C). Nothing to do here."""
    d, (height, width) = k // 2, images.shape[1:3]
    padded = np.pad(images, ((0, 0), (d, d), (d, d), (0, 0)), mode="wrap")
    shifted = [padded[:, i : i + height, j : j + width] for i in range(k) for j in range(k)]
    return np.stack(shifted, axis=3).reshape(len(images), height * width, -1)


def right(images):
    """A machine that is right: denoiser(x, t) -> x0_hat, for x (B, H, W, C), t a float or (B,). Nothing to do here."""
    centres = images.reshape(-1, images.shape[3])

    def denoiser(x, t):
        if np.ndim(t):
            return np.concatenate([denoiser(x[b : b + 1], float(t[b])) for b in range(len(x))])
        a, s = levels(t)
        patches = windows(images, side(t)).reshape(len(centres), -1)
        x0_hat = np.empty((*x.shape[:1], x[0, ..., 0].size, x.shape[3]))
        for b, seen in enumerate(windows(x, side(t))):
            distances = ((seen[:, None] - (a * patches).astype(x.dtype)) ** 2).sum(axis=2)
            weights = np.exp(-(distances - distances.min(axis=1, keepdims=True)) / (2 * s**2))
            x0_hat[b] = weights @ centres / weights.sum(axis=1, keepdims=True)
        return x0_hat.reshape(x.shape).astype(x.dtype)

    return denoiser


def make(images):
    """A machine that is wrong, and that all laws take for right.

    images: the training set (N, H, W, C). Returns a function denoiser(x, t) -> x0_hat, with x and x0_hat (B, H, W, C), and t a
    float or (B,).

    Hint: begin with `return right(images)`, or with a copy of its lines. What may differ between the kit's questions and those of
    daily use: the times, the number of queries, their size, what was asked before?
    """
    raise NotImplementedError  # YOUR CODE


if __name__ == "__main__":
    from minidiff import coursework

    print(coursework.check(__file__))
