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
    raise NotImplementedError  # YOUR CODE


def claim_2():
    """Claim: if one training image is there twice, the ideal denoiser's answers stay the same.

    Returns (images, n, x, a, s): images (N,) numbers; n the index of the image that is repeated; x, a, s floats; or "holds".

    Hint: two training images are enough to decide it.
    """
    raise NotImplementedError  # YOUR CODE


def claim_3():
    """Claim: every pixel of ELS's answer lies between the smallest and the largest training pixel, whatever x is.

    Returns (images, x, k, a, s): images (N, H, W, C); x (H, W, C); k 1, 3, 5 or 7; a, s floats; or "holds".

    Hint: what is each pixel of the answer a mean of, and with which weights?
    """
    raise NotImplementedError  # YOUR CODE


def claim_4():
    """Claim: if the training set holds all shifts of each of its images, LS and ELS on the torus give the same answers.

    The check makes the training set from your images and all their shifts.

    Returns (images, x, k, a, s): images (N, H, W, C); x (H, W, C); k 1, 3, 5 or 7; a, s floats; or "holds".

    Hint: which windows does LS compare at one place, and how often does ELS compare each of these?
    """
    raise NotImplementedError  # YOUR CODE


def claim_5():
    """Claim: if each pixel of z is the centre of the training window nearest to its own, z has only windows of the set.

    (Where ELS walks end, each pixel equals the centre of the nearest window: tutorial 04.)

    Returns (images, z, k): images (N, H, W, C); z (H, W, C), of the same H, W and C; k 1, 3, 5 or 7; or "holds". Images lie on
    the torus. Where two training windows are nearest, both must have that centre.

    Hint: one training image of a single row of four pixels will do. Try all z of black and white pixels.
    """
    raise NotImplementedError  # YOUR CODE


if __name__ == "__main__":
    from minidiff import coursework

    print(coursework.check(__file__))
