# A model solution: one of many ways.
"""Exercise 07: calibrate the window, and measure the agreement.

Read tutorial 07 first. Fill the four gaps marked YOUR CODE, in any order, then ask

    minidiff check 07_the_theory_predicts.py

as often as you like (or run this file). Each gap is judged by itself, with right answers in place of the others. Plain NumPy is
enough, loops are fine, speed does not matter. Keep the names and the arguments.

A network and machines of K windows are asked about the same B noisy images x = a x0 + s eps of one time. Which window answers
most like the network? The procedure is KG's, see the README.
"""

import numpy as np

EXERCISE = "07"


def flat(images):
    """Images (B, H, W, C) as vectors (B, H W C). Nothing to do here."""
    return np.reshape(images, (len(images), -1))


def similarity(x, ours, theirs, a, s):
    """How alike two denoisers are: the cosine of the angle between their noise directions, for each image by itself (KG).

    eps_hat = (x - a x0_hat) / s, and cos = <eps, eps'> / (|eps| |eps'|), lengths and product over all pixels and channels.

    x: noisy images (B, H, W, C); ours, theirs: two estimates x0_hat of each, (B, H, W, C); a, s: floats. Returns (B,), numbers
    from -1 to 1.

    Hint: the noise directions, not the estimates: near the end of a walk all estimates are alike, and their errors are not.
    `flat` makes vectors of images.
    """
    # YOUR CODE
    p, q = (flat(x - a * x0_hat) / s for x0_hat in (ours, theirs))
    return (p * q).sum(axis=1) / np.sqrt((p**2).sum(axis=1) * (q**2).sum(axis=1))


def best_windows(similarities, windows):
    """For each image, the window whose machine is most like the network (KG).

    similarities: (K, B), one row for each window; windows: K odd ints, ascending. Returns (B,) ints out of `windows`.

    Hint: np.argmax over the right axis gives positions in `windows`, not windows. A larger cosine is a smaller angle.
    """
    # YOUR CODE
    return np.array(windows)[np.argmax(similarities, axis=0)]


def window_of_step(chosen):
    """The one window k(t) for this step: the median over the images, and the lower of the two middle ones if B is even.

    chosen: (B,) odd ints. Returns an int that is one of them.

    Hint: np.median([3, 5]) is 4, and there is no window of 4. Sort; which index is in the middle if B is 3, and if B is 2?
    """
    # YOUR CODE
    return int(np.sort(chosen)[(len(chosen) - 1) // 2])


def agreement(predicted, reference):
    """Three numbers for each sample, each under its own name: r, r^2 and R^2.

    r is Pearson's correlation over all pixels and channels of one sample: the cosine of the angle between predicted and
    reference, once each has lost its own mean. R^2 = 1 - SS_res / SS_tot: SS_res is the sum of (predicted - reference)^2, and
    SS_tot the sum of (reference - its mean)^2.

    predicted, reference: (B, H, W, C). Returns a tuple (r, r_squared, determination), (B,) each.

    Hint: a prediction with twice the contrast has r = r^2 = 1, but R^2 = 0. Means are each sample's own: keepdims=True.
    """
    # YOUR CODE
    p, q = flat(predicted), flat(reference)
    residual = ((p - q) ** 2).sum(axis=1)
    p, q = p - p.mean(axis=1, keepdims=True), q - q.mean(axis=1, keepdims=True)
    r = (p * q).sum(axis=1) / np.sqrt((p**2).sum(axis=1) * (q**2).sum(axis=1))
    return r, r**2, 1 - residual / (q**2).sum(axis=1)


if __name__ == "__main__":
    from minidiff import coursework

    print(coursework.check(__file__))
