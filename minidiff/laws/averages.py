"""The laws of every posterior mean: a mean of training pixels, with weights that sum to one and forget nothing at the ends."""

from dataclasses import replace

import numpy as np

from .case import Malformed, NotApplicable, read_answer, said
from .law import Finding, law
from .rules import estimate, values_of, views
from .structure import furthest

MEAN = ("posterior mean",)
# s/a, in standard deviations of the training pixels, that counts as hardly any noise.
HARDLY = 1e-4
# The distance of two images that hardly differ, in the same unit.
NEARLY = 1e-3


@law("value range", "weights that do not sum to one, or a division by a or s^2 that belongs to the score, not to x0_hat", MEAN)
def value_range(case, drawn, rng):
    """A mean lies between the smallest and the largest of what is averaged: min_m v_m <= x0_hat[p] <= max_m v_m.

    Weights are positive and sum to one. IS and LS average the training images' own pixel p, ES and ELS every pixel,
    boundary-broken ELS those of p's padding pattern; who only claims to be a posterior mean is held against the range of the
    whole set.
    """
    low, high = case.images.min(axis=(0, 1, 2)), case.images.max(axis=(0, 1, 2))
    if case.claimed("ideal"):
        rule = case.rule(drawn.t)
        values = [values_of(rule, view) for view in range(views(rule))]
        low, high = (np.reshape([end(one, axis=0) for one in values], case.shape) for end in (np.min, np.max))
    found = case.ask(drawn.x, drawn.t)
    off, place = furthest(np.maximum(low - found, found - high).clip(0))
    return Finding(off, _sum_rounding(case, drawn), f"{place} leaves the range")


def _sum_rounding(case, drawn):
    """How far rounding may move a mean of all training pixels: M terms, each rounded once, and their weights.

    Weights exp(l - logsumexp(l)), not divided by their sum again, are right too, and sum to 1 as nearly as l itself is known.
    """
    terms = 4 * case.images[..., 0].size * case.eps * max(1.0, float(np.abs(case.images).max()))
    return terms + case.rounding(drawn.x, drawn.t)


@law(
    "training images stay",
    "x is not compared with a times the candidate (a missing, or used twice), or the wrong pixel of a candidate answers",
    MEAN,
    tries=4,
    draws=False,
)
def training_images_stay(case, drawn, rng):
    """With hardly any noise left a training image is its own best estimate: x0_hat(a y_n, t) -> y_n as s/a -> 0 (KG; AMB).

    Whatever is averaged, a candidate whose value differs by delta is at least a delta away, since a window holds its own centre.
    So its share in the error is at most delta exp(-a^2 delta^2 / (2 s^2)) <= (s/a) exp(-1/2), and that of all M is M times this.
    """
    t = case.time_at(HARDLY)
    a, s = case.signal(t), case.noise(t)
    clean = case.images[rng.integers(len(case.images), size=1)]
    off, place = furthest(case.ask(a * clean, t) - clean)
    most = case.images[..., 0].size * s / a * np.exp(-0.5)
    if most > case.span / 4:
        raise NotApplicable(f"at the schedule's least noise, s/a = {s / a:.2g}, other candidates may still count")
    return Finding(off, most + case.rounding(clean, t, nearest=0.0), f"{place} of a training image", a * clean, t)


@law(
    "no signal",
    "something else than 2 s^2 divides the distances, other candidates are averaged, or a mean of means is taken",
    MEAN,
    tries=1,
    draws=False,
)
def no_signal(case, drawn, rng):
    """Where nothing can be seen the mean answers: with a = 0 all weights are equal, so x0_hat is the mean of the candidates.

    A schedule that keeps some signal at t = 1 is asked with x = 0: exponents then differ by at most
    Delta = a^2 / (2 s^2) (max |key|^2 - min |key|^2), and answers by at most (exp(Delta) - 1) / 2 of the range. A posterior mean
    that does not claim to be its class's best has, over all pixels, the training set's mean.
    """
    a, s = case.signal(1.0), case.noise(1.0)
    x = np.zeros((1, *case.shape)) if a else case.draw(drawn.seed, 2).x[:1]
    allowed = case.rounding(x, 1.0)
    if not case.claimed("ideal"):
        if a:
            raise NotApplicable(f"the schedule keeps some signal at t = 1, a = {a:.2g}")
        gap = case.ask(x, 1.0).mean(axis=(0, 1, 2)) - case.images.mean(axis=(0, 1, 2))
        return Finding(float(np.abs(gap).max()), allowed, "the mean over all pixels", x, 1.0)
    rule = case.rule(1.0)
    allowed += np.expm1(min(a * a / (2 * s * s) * np.ptp((rule.keys**2).sum(axis=1)), 700)) / 2 * case.span
    if allowed > case.span / 4:
        raise NotApplicable(f"the schedule keeps too much signal at t = 1, s/a = {s / a:.2g}")
    means = [values_of(rule, view).mean(axis=0) for view in range(views(rule))]
    off, place = furthest(case.ask(x, 1.0) - np.reshape(means, case.shape))
    return Finding(off, allowed, place, x, 1.0)


@law("order and repetition", "means of mini-batches are averaged, so that a ragged last batch weighs too much", MEAN, tries=6)
def order_and_repetition(case, drawn, rng):
    """Permuting the training set, or holding every image twice, changes nothing: weights are relative. Needs make=.

    A posterior mean that is computed batch by batch must add up the batches' sums and the batches' masses, and divide once.
    """
    first = case.remade(case.images).ask(drawn.x, drawn.t)
    others = {
        "in another order": case.images[rng.permutation(len(case.images))],
        "held twice": np.concatenate([case.images, case.images]),
    }
    gaps = [(*furthest(case.remade(images).ask(drawn.x, drawn.t) - first), words) for words, images in others.items()]
    off, place, words = max(gaps)
    return Finding(off, case.rounding(drawn.x, drawn.t), f"{place}, with the training set {words}")


@law("weights sum to one", "the sum is divided by the number of candidates, or by another query's or pixel's mass", MEAN, tries=6)
def weights_sum_to_one(case, drawn, rng):
    """A channel that is 1 in every training image is 1 in every estimate, whatever the weights. Needs make=."""
    images = case.images.copy()
    images[..., -1] = 1.0
    off, place = furthest(case.remade(images).ask(drawn.x, drawn.t)[..., -1:] - 1.0)
    return Finding(off, _sum_rounding(case, drawn), f"{place}, the last channel being 1 in all training images")


@law("one training image", "an axis is squeezed away when N = 1, or a fixed number stands in place of N", ("ideal",), tries=3)
def one_training_image(case, drawn, rng):
    """With one training image there is nothing to choose: IS and LS return it, whatever they are shown. Needs make=."""
    if case.shared:
        raise NotApplicable("one image still has many places that may explain a pixel")
    only = case.images[:1]
    off, place = furthest(case.remade(only).ask(drawn.x, drawn.t) - only)
    return Finding(off, 4 * case.eps * max(1.0, float(np.abs(only).max())), place)


def closed_axes(images):
    """The axes, of 1 (rows) and 2 (columns), along which every image's mirror image is in the set as often as itself."""
    closed = []
    for axis in (1, 2):
        flat, mirrored = (one.reshape(len(images), -1) for one in (images, np.flip(images, axis)))
        ordered, other = flat[np.lexsort(flat.T)], mirrored[np.lexsort(mirrored.T)]
        if (ordered == other).all():
            closed.append(axis)
    return closed


@law(
    "data symmetry",
    "the window is not centred (k even, or off by one), or the two sides of an image are padded differently",
    ("ideal",),
    tries=8,
)
def data_symmetry(case, drawn, rng):
    """A training set closed under a reflection gives a machine that commutes with it: f(flip x) = flip f(x).

    The best denoiser of a class that the reflection maps onto itself is unique, so it is mapped onto itself (KG theorem B.2 is
    about groups that act on the data). Needs make=, or images that hold the mirror image of each.
    """
    axes = closed_axes(case.images)
    if not axes:
        if case.make is None:
            raise NotApplicable("needs make=, or a training set that holds the mirror image of each image")
        axes = [1 + int(rng.integers(2))]
        case = case.remade(np.concatenate([case.images, np.flip(case.images, axes[0])]))
    axis = axes[int(rng.integers(len(axes)))]
    off, place = furthest(case.ask(np.flip(drawn.x, axis), drawn.t) - np.flip(case.ask(drawn.x, drawn.t), axis))
    return Finding(off, case.rounding(drawn.x, drawn.t), f"{place}, mirrored {'top to bottom' if axis == 1 else 'left to right'}")


@law(
    "near copies",
    "squared distances expanded as |x|^2 - 2 x y + |y|^2: take differences first, then square",
    ("ideal",),
    tries=3,
    draws=False,
)
def near_copies(case, drawn, rng):
    """Images that hardly differ are told apart in float32 too: two at distance s weigh 1 : exp(-a^2 / 2). Needs make=.

    By differences each of P gaps, gap / sqrt(P), is known to a rounding of the values, so the exponent to sqrt(P) eps32 / gap.
    Expanded into |x|^2 - 2 x y + |y|^2 it is the rounding of numbers of order P, divided by 2 gap^2.
    """
    t = case.time_at(NEARLY)
    a, s, gap = float(np.float32(case.signal(t))), case.noise(t), NEARLY * case.spread
    if s > 2 * gap * a:
        raise NotApplicable("the schedule's least noise is more than the gap between such images")
    one, size = case.images[:1], case.images[0].size
    pair = np.concatenate([one, one + gap / np.sqrt(size) * rng.choice([-1.0, 1.0], one.shape)]).astype(np.float32)
    copies = replace(case.remade(pair), eps=float(np.finfo(np.float32).eps))
    x = np.float32(a) * pair[:1]
    try:
        found = copies.denoiser(x.copy(), t)
    except TypeError as error:
        raise NotApplicable("it takes float64 only: float32 raises TypeError") from error
    except Exception as error:
        raise Malformed(f"in float32 {said(error, 'it')}", x, t) from error
    expected = estimate(copies.rule(t), x[0].astype(np.float64), a, s)[0].reshape(case.shape)
    off, place = furthest(read_answer(found, x, t) - expected)
    each, largest = gap / np.sqrt(size), float(np.abs(pair).max())
    allowed = 10 * each * np.sqrt(size) * copies.eps * largest / gap + 4 * copies.eps * largest
    return Finding(off, allowed, f"{place} of one of two images {gap:.1g} apart", x, t)
