"""The best denoiser of each class, as a rule of theory.py: what the laws hold others against."""

import numpy as np

from .. import theory


def classes_of(height, width, k, boundary, shared):
    """The class of each pixel, (H W,) ints from 0: pixels of one class may explain each other.

    Every pixel its own where nothing is `shared`; else those that padding does not tell apart; and all of them alike, as no
    machine should have it with zeros, if it is "anywhere".
    """
    if not shared:
        return np.arange(height * width)
    if shared == "anywhere":
        return np.zeros(height * width, int)
    return np.unique(theory.places(height, width, k, boundary), return_inverse=True)[1].ravel()


def rule_of(images, k=None, boundary="circular", shared=False):
    """The rule of all denoisers that see as much, and share as much, as is said: the best of them is its posterior mean.

    k=None sees the whole image; `shared` lets every translation, or every pixel of its class, explain a view.
    """
    images = np.asarray(images, np.float64)
    if k is None:
        return theory.equivariant(images) if shared else theory.ideal(images)
    return theory.through_windows(images, k, boundary, classes_of(*images.shape[1:3], k, boundary, shared))


def views(rule):
    """How many posteriors an image has: one a pixel with a window, else one."""
    return len(rule.view_place)


def values_of(rule, view):
    """The values (M', D) of all that may explain a view."""
    return rule.values[rule.place == rule.view_place[view]]


def explained(rule, seen, view, a):
    """The squared distances (M',) of what a view sees (P,) to a times its candidates, and their values (M', D)."""
    who, distances = theory.explain(rule, seen, view, a)
    return distances, rule.values[who]


def posterior(rule, x, a, s, view):
    """One view's (weights (M',), values (M', D), smallest distance) for x (H, W, C)."""
    distances, values = explained(rule, rule.see(x)[view], view, a)
    weights = theory.weigh(distances, s)
    return weights / weights.sum(), values, distances.min()


def estimate(rule, x, a, s, chosen=None):
    """x0_hat of x (H, W, C) for some views (all of them by default): ((G, D), their smallest distances (G,))."""
    parts = [posterior(rule, x, a, s, view) for view in (range(views(rule)) if chosen is None else chosen)]
    return np.stack([w @ values for w, values, _ in parts]), np.array([nearest for *_, nearest in parts])
