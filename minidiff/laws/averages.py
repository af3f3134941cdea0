"""The laws of every posterior mean: it is a mean of training pixels, its weights sum to one, and its ends are known.

The ends are s/a -> 0, where it answers with the training image, and a = 0, where it answers with the mean of all candidates.
"""

from contextlib import suppress
from dataclasses import replace

import numpy as np

from ..types import Array
from .case import Case, Drawn, NotApplicable
from .law import LAWS, Finding, compared, law
from .rules import estimate, explained, values_of, views
from .structure import in_single

MEAN = ("posterior mean",)
# The s/a that counts as almost no noise, in standard deviations of the training pixels.
HARDLY = 1e-4
# The distance of two images that are almost the same, in the same unit.
NEARLY = 1e-3


@law("value range", MEAN)
def value_range(case: Case, drawn: Drawn, rng: np.random.Generator) -> Finding:
    """A mean lies between the smallest and the largest of what is averaged: min_m v_m <= x0_hat[p] <= max_m v_m.

    Weights are positive and sum to one. IS and LS average pixel p of the training images, ES and ELS all their pixels,
    boundary-broken ELS the pixels with p's padding pattern; a rule says whom. If only "posterior mean" is claimed, the range is
    that of the whole training set.

    Usually: weights that do not sum to one, or a division by a or s^2 that belongs to the score, not to x0_hat
    """
    low, high = case.images.min(axis=(0, 1, 2)), case.images.max(axis=(0, 1, 2))
    if case.known:
        rule = case.rule(drawn.t)
        values = [values_of(rule, view) for view in range(views(rule))]
        low, high = (np.reshape([end(one, axis=0) for one in values], case.shape) for end in (np.min, np.max))
    found = case.ask(drawn.x, drawn.t)
    return compared(np.maximum(low - found, found - high).clip(0), _sum_rounding(case, drawn), " leaves the range")


def _sum_rounding(case, drawn):
    """How far rounding may move a mean of all training pixels: M terms are rounded, and so are their weights.

    Weights may be computed as exp(l - logsumexp(l)), without dividing by their sum again. Then their sum is 1 up to the rounding
    of the exponents l.
    """
    terms = 4 * case.images[..., 0].size * case.eps * max(1.0, float(np.abs(case.images).max()))
    return terms + case.rounding(drawn.x, drawn.t)


@law("training images stay", MEAN, tries=4, draws=False)
def training_images_stay(case: Case, drawn: Drawn, rng: np.random.Generator) -> Finding:
    """With almost no noise left a training image is its own best estimate: x0_hat(a y_n, t) -> y_n as s/a -> 0 (KG; AMB).

    What is compared includes the pixel itself, so a candidate whose value differs by delta has a distance of at least a delta. It
    adds at most delta exp(-a^2 delta^2 / (2 s^2)) <= (s/a) exp(-1/2) to the error, and all M candidates add at most M times this.

    Usually: x is not compared with a times the candidate (a missing, or used twice), s is kept above a floor, or the wrong pixel
    of a candidate answers
    """
    t = case.time_at(HARDLY)
    a, s = case.signal(t), case.noise(t)
    clean = case.images[rng.integers(len(case.images), size=1)]
    if case.own_rule and not _tells_values_apart(case.rule(t), clean[0]):
        raise NotApplicable("candidates whose answers differ look more alike: the pixel itself is not seen, or counts little")
    gap = case.ask(a * clean, t) - clean
    most = case.images[..., 0].size * s / a * np.exp(-0.5)
    if most > case.span / 4:
        raise NotApplicable(f"at the schedule's least noise, s/a = {s / a:.2g}, other candidates may still count")
    return compared(gap, most + case.rounding(clean, t, nearest=0.0), " of a training image", a * clean, t)


def _tells_values_apart(rule, clean):
    """Whether each candidate is as far from what is seen of a training image (H, W, C) as its values are from the image's."""
    answers = clean.reshape(views(rule), -1)
    parts = [explained(rule, seen, view, 1.0) for view, seen in enumerate(rule.see(clean))]
    return all(
        (((values - own) ** 2).max(axis=1) <= distances * (1 + 1e-9) + 1e-18).all()
        for (distances, values), own in zip(parts, answers, strict=True)
    )


@law("no signal", MEAN, tries=1, draws=False)
def no_signal(case: Case, drawn: Drawn, rng: np.random.Generator) -> Finding:
    """Without signal, at a = 0, all weights are equal, so x0_hat is the mean of the candidates.

    If the schedule keeps some signal at t = 1, the question is x = 0: then the exponents differ by at most
    Delta = a^2 / (2 s^2) (max |key|^2 - min |key|^2), and x0_hat from the mean by at most (exp(Delta) - 1) / 2 of the range. If
    "ideal" or "rule" is not claimed, only the mean over all pixels is compared with that of the training set.

    Usually: the distances are divided by something other than 2 s^2, other candidates are averaged, or a mean of means is taken
    """
    a, s = case.signal(1.0), case.noise(1.0)
    x = np.zeros((1, *case.shape)) if a else case.draw(drawn.seed, 2).x[:1]
    allowed = case.rounding(x, 1.0)
    if not case.known or case.claimed("hears"):
        if a:
            raise NotApplicable(f"the schedule keeps some signal at t = 1, a = {a:.2g}")
        gap = case.ask(x, 1.0).mean(axis=(0, 1, 2)) - case.images.mean(axis=(0, 1, 2))
        return Finding(float(np.abs(gap).max()), allowed, "the mean over all pixels", x, 1.0)
    rule = case.rule(1.0)
    apart = max(np.ptp(explained(rule, seen, view, a)[0]) for view, seen in enumerate(rule.see(x[0]))) if a else 0.0
    allowed += np.expm1(min(apart / (2 * s * s), 700)) / 2 * case.span
    if allowed > case.span / 4:
        raise NotApplicable(f"the schedule keeps too much signal at t = 1, s/a = {s / a:.2g}")
    means = [values_of(rule, view).mean(axis=0) for view in range(views(rule))]
    return compared(case.ask(x, 1.0) - np.reshape(means, case.shape), allowed, "", x, 1.0)


@law("order and repetition", MEAN, tries=6)
def order_and_repetition(case: Case, drawn: Drawn, rng: np.random.Generator) -> Finding:
    """Permuting the training set, or repeating every image, changes nothing: weights are relative. Needs make=.

    A posterior mean that is computed in batches must add the weighted sums of all batches, add their sums of weights, and divide
    once at the end. But if one image alone is there twice it weighs twice as much: the best denoiser is then that of 'formula'
    for the longer training set. (A denoiser that leaves copies out does not notice if all images are repeated.)

    Usually: means of mini-batches are averaged, so that a smaller last batch weighs too much
    """
    first, allowed = case.remade(case.images).ask(drawn.x, drawn.t), case.rounding(drawn.x, drawn.t)
    shuffled, twice = case.images[rng.permutation(len(case.images))], np.concatenate([case.images, case.images])
    found = max(
        compared(case.remade(images).ask(drawn.x, drawn.t) - first, allowed, f", with the training set {words}")
        for images, words in ((shuffled, "in another order"), (twice, "repeated"))
    )
    return found if found.broken or not case.known else _one_image_twice(case, drawn) or found


def _one_image_twice(case, drawn):
    """The Finding of a training set with one image twice, if 'formula' breaks for it, and not for the set as it is; else None."""
    formula, extra = LAWS["formula"].trial, drawn.seed % len(case.images)
    twice = np.concatenate([case.images, case.images[extra : extra + 1]])
    with suppress(NotApplicable):
        once, found = (formula(case.remade(images), drawn, np.random.default_rng(drawn.seed)) for images in (case.images, twice))
        if found.broken and not once.broken:
            where = f"{found.where}, with training image {extra} given twice"
            return found._replace(where=where, usually="an image that is there twice counts once: copies are candidates too")
    return None


@law("weights sum to one", MEAN, tries=6)
def weights_sum_to_one(case: Case, drawn: Drawn, rng: np.random.Generator) -> Finding:
    """A channel that is 1 in every training image is 1 in every estimate, whatever the weights. Needs make=.

    Usually: the sum is divided by the number of candidates, or by the weights of another query or pixel
    """
    images = case.images.copy()
    images[..., -1] = 1.0
    gap = case.remade(images).ask(drawn.x, drawn.t)[..., -1:] - 1.0
    return compared(gap, _sum_rounding(case, drawn), ", which is 1 in all training images")


@law("one training image", ("ideal",), tries=3)
def one_training_image(case: Case, drawn: Drawn, rng: np.random.Generator) -> Finding:
    """With one training image there is nothing to choose: IS and LS answer with it, whatever x is. Needs make=.

    Usually: an axis of length 1 is squeezed when N = 1, or a fixed number is written in place of N
    """
    only = case.images[:1]
    rule = replace(case, images=only).rule(drawn.t)
    if any(len(values_of(rule, view)) > 1 for view in range(views(rule))):
        raise NotApplicable("one image still has many places that may explain a pixel")
    return compared(case.remade(only).ask(drawn.x, drawn.t) - only, 4 * case.eps * max(1.0, float(np.abs(only).max())))


def closed_axes(images: Array) -> list[int]:
    """The axes, of 1 (rows) and 2 (columns), for which the set holds the mirror image of each image as often as the image."""
    closed = []
    for axis in (1, 2):
        flat, mirrored = (one.reshape(len(images), -1) for one in (images, np.flip(images, axis)))
        ordered, other = flat[np.lexsort(flat.T)], mirrored[np.lexsort(mirrored.T)]
        if (ordered == other).all():
            closed.append(axis)
    return closed


@law("data symmetry", ("ideal",), tries=8)
def data_symmetry(case: Case, drawn: Drawn, rng: np.random.Generator) -> Finding:
    """If the training set holds the mirror image of each image, the machine commutes with the reflection: f(flip x) = flip f(x).

    The reflection changes neither the training set nor the class of denoisers, so it does not change the best denoiser of the
    class, of which there is only one (KG treat any group that acts on the data). Needs make=, or such a training set.

    Usually: the window is not centred (k even, or off by one), or the two sides of an image are padded differently
    """
    if not case.claims.isdisjoint(("rule", "hears")):
        raise NotApplicable("that a rule, or who hears whom, is the same in a mirror is not claimed")
    axes = closed_axes(case.images)
    if not axes:
        if case.make is None:
            raise NotApplicable("needs make=, or a training set that holds the mirror image of each image")
        axes = [1 + int(rng.integers(2))]
        case = case.remade(np.concatenate([case.images, np.flip(case.images, axes[0])]))
    axis = axes[int(rng.integers(len(axes)))]
    gap = case.ask(np.flip(drawn.x, axis), drawn.t) - np.flip(case.ask(drawn.x, drawn.t), axis)
    return compared(gap, case.rounding(drawn.x, drawn.t), f", mirrored {'top to bottom' if axis == 1 else 'left to right'}")


@law("near copies", ("ideal",), tries=3, draws=False)
def near_copies(case: Case, drawn: Drawn, rng: np.random.Generator) -> Finding:
    """Images that hardly differ are told apart in float32 too: two at distance s weigh 1 : exp(-a^2 / 2). Needs make=.

    From differences each of the P gaps, gap / sqrt(P), is known up to the rounding of the values, so the exponent is known to
    about sqrt(P) eps32 / gap. From |x|^2 - 2 x y + |y|^2 the exponent has the rounding of numbers of order P, over 2 gap^2.

    Usually: squared distances are expanded as |x|^2 - 2 x y + |y|^2: take differences first, then square them
    """
    if not case.claims.isdisjoint(("rule", "hears")):
        raise NotApplicable("how a rule rounds what it sees in float32 is not known, and what is heard counts too")
    t = case.time_at(NEARLY)
    a, s, gap = float(np.float32(case.signal(t))), case.noise(t), NEARLY * case.spread
    if s > 2 * gap * a:
        raise NotApplicable("the schedule's least noise is more than the gap between such images")
    one, size = case.images[:1], case.images[0].size
    pair = np.concatenate([one, one + gap / np.sqrt(size) * rng.choice([-1.0, 1.0], one.shape)]).astype(np.float32)
    copies = replace(case.remade(pair), eps=float(np.finfo(np.float32).eps))
    x = np.float32(a) * pair[:1]
    expected = estimate(copies.rule(t), x[0].astype(np.float64), a, s)[0].reshape(case.shape)
    gaps = in_single(copies, x, t) - expected
    each, largest = gap / np.sqrt(size), float(np.abs(pair).max())
    allowed = 10 * each * np.sqrt(size) * copies.eps * largest / gap + 4 * copies.eps * largest
    found = compared(gaps, allowed, f" of one of two images {gap:.1g} apart", x, t)
    if not found.broken:
        return found
    doubles = case.remade(pair.astype(np.float64)).ask(x.astype(np.float64), t)
    return found._replace(usually=_why_copies_mix(case, compared(doubles - expected, allowed).broken))


def _why_copies_mix(case, also_in_float64):
    """What it usually means that near copies are mixed wrongly: rounding only if they are mixed rightly in float64."""
    floor = "s is kept above a floor, or the exponents are not those of this s: see which other laws are broken"
    if not also_in_float64:
        return None
    if case.eps == np.finfo(np.float64).eps:
        return f"this is no rounding, it is so in float64 too: {floor}"
    return f"it computes in float32, so it may be one of two: squared distances are expanded as |x|^2 - 2 x y + |y|^2, or {floor}"
