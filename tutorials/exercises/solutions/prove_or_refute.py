# A model solution: one of many ways.
"""Prove or refute: five claims about denoisers.

Read tutorials 02 to 05 first. For each claim return a counter-example, if it is false, or the text "holds", if it is true. Then
ask

    minidiff check prove_or_refute.py

as often as you like (or run this file). The check tries the claim on your counter-example. It cannot read proofs: write yours
into the function, as a comment, before you return "holds". Two of the five claims are true.

x = a x0 + s eps; a is above 0 and at most 1, and s is from 0.001 to 1000. A claim must be broken by more than 0.001. In claims 1
and 2 an image is one pixel, a plain number.
"""

import numpy as np

EXERCISE = "refute"


def strip(*pixels):
    """An image (1, W, 1) of a single row of pixels. Nothing to do here."""
    return np.array(pixels, float).reshape(1, -1, 1)


def claim_1():
    """Claim: the ideal denoiser's answer is nearest to the training image that has the largest weight.

    Returns (images, x, a, s): images (N,) numbers; x, a, s floats; or "holds".

    Hint: where is the mean of many images that lie close together, and of one that lies apart?
    """
    # YOUR CODE
    return [0.0, 1.0, 1.1, 1.2, 1.3], 0.45, 1.0, 1.0


def claim_2():
    """Claim: if one training image is there twice, the ideal denoiser's answers stay the same.

    Returns (images, n, x, a, s): images (N,) numbers; n the index of the image that is repeated; x, a, s floats; or "holds".

    Hint: two training images are enough to decide it.
    """
    # YOUR CODE
    return [-1.0, 1.0], 1, 0.0, 1.0, 1.0


def claim_3():
    """Claim: every pixel of ELS's answer lies between the smallest and the largest training pixel, whatever x is.

    Returns (images, x, k, a, s): images (N, H, W, C); x (H, W, C); k 1, 3, 5 or 7; a, s floats; or "holds".

    Hint: what is each pixel of the answer a mean of, and with which weights?
    """
    # YOUR CODE
    # The answer is sum_m w_m v_m with w_m >= 0 and sum 1, so it is at least min v and at most max v, for every w.
    return "holds"


def claim_4():
    """Claim: if the training set holds all shifts of each of its images, LS and ELS on the torus give the same answers.

    The check makes the training set from your images and all their shifts.

    Returns (images, x, k, a, s): images (N, H, W, C); x (H, W, C); k 1, 3, 5 or 7; a, s floats; or "holds".

    Hint: which windows does LS compare at one place, and how often does ELS compare each of these?
    """
    # YOUR CODE
    # At p, LS compares the windows at p of all shifts of y. Shifted by g, y shows at p what y shows at p - g: over all g these
    # are the windows of y at all places. ELS compares those of all shifts at all places: the same windows, each H W times as
    # often. Weights are relative, so this changes no mean.
    return "holds"


def claim_5():
    """Claim: if each pixel of z is the centre of the training window nearest to its own, z has only windows of the set.

    (Where ELS walks end, each pixel equals the centre of the nearest window: tutorial 04.)

    Returns (images, z, k): images (N, H, W, C); z (H, W, C), of the same H, W and C; k 1, 3, 5 or 7; or "holds". Images lie on
    the torus. Where two training windows are nearest, both must have that centre.

    Hint: one training image of a single row of four pixels will do. Try all z of black and white pixels.
    """
    # YOUR CODE
    return strip(-1, -1, -1, 1)[None], strip(-1, 1, -1, 1), 3


if __name__ == "__main__":
    from minidiff import coursework

    print(coursework.check(__file__))
