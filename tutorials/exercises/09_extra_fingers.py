"""Exercise 09: a judge that counts limbs, and how far its counts can be trusted.

Read tutorial 09 first. Fill the five gaps marked YOUR CODE, in any order, then ask

    minidiff check 09_extra_fingers.py

as often as you like (or run this file). Each gap is judged by itself, with right answers in place of the others. Plain NumPy is
enough, loops are fine, speed does not matter. Keep the names and the arguments.

A mask is an array (H, W) of True and False. Bodies hold a square of 3 x 3 pixels; limbs are at most 2 pixels wide.
"""

import numpy as np

EXERCISE = "09"


def drawn(mask):
    """A mask as a text, to be printed: # is True. Nothing to do here."""
    return "\n".join("".join(row) for row in np.where(mask, "#", "."))


def pieces(mask):
    """Which piece each pixel belongs to. Two pixels are of one piece if a path of pixels of the mask joins them, side by side.

    mask: (H, W) bool. Returns (H, W) ints: 0 where the mask is False, and 1, 2, 3, ... for the pieces, numbered in the order in
    which their first pixels are read, row by row.

    Hint: take the first pixel without a number, give it the next one, and hand the number on to its neighbours until nothing
    changes. Pixels that touch only at a corner are no neighbours, and nothing goes on beyond the border.
    """
    raise NotImplementedError  # YOUR CODE


def opened(mask, k):
    """The opening of a mask: all that k x k squares cover which lie wholly in the mask. It keeps bodies and removes thin limbs.

    mask: (H, W) bool; k: int from 1 to the smaller of H and W. Returns (H, W) bool.

    Hint: how many places has such a square? If it fits at one of them, all of its pixels are kept.
    """
    raise NotImplementedError  # YOUR CODE


def limbs(white):
    """The number of limbs in a figure: pieces that are left when the body is taken away, without crumbs of a single pixel.

    white: (H, W) bool, where the figure is. Returns an int.

    Hint: what is the body? Use `opened` and `pieces`. np.bincount counts how often each number occurs, the number 0 too.
    """
    raise NotImplementedError  # YOUR CODE


def interval(count, of, z):
    """An honest interval for a share (Wilson's), from `count` successes in `of` independent trials.

    It holds every share p that the data do not contradict: the measured share is at most z standard errors from p, and the
    standard error of n trials is sqrt(p (1 - p) / n) for this p.

    count: int from 0 to of; of: int >= 1; z: float > 0 (1.96 for 95 %). Returns a tuple (low, high) of floats.

    Hint: at the two ends the distance is exactly z standard errors. Square both sides: that is a quadratic equation for p. For 0
    of 12 the interval must not be empty.
    """
    raise NotImplementedError  # YOUR CODE


def true_share(called, alarm, miss):
    """The share of images that are right, from the share that a judge calls right, where the judge errs at known rates.

    called: the share of all images that the judge calls right; alarm: the share of wrong images that it calls right all the same;
    miss: the share of right images that it does not call right; floats, alarm + miss < 1. Returns a float.

    Hint: let p be the share that is right. How much of what the judge calls right comes from right images, and how much from
    wrong ones?
    """
    raise NotImplementedError  # YOUR CODE


if __name__ == "__main__":
    from minidiff import coursework

    print(coursework.check(__file__))
