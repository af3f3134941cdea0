"""Common slips, recognised by their answers: the formula is computed with each slip and compared with what a denoiser answers."""

import numpy as np

from ..theory import weigh
from .case import Case
from .rules import estimate, explained, rule_of


def looks_like(case: Case) -> str:
    """Which common slip gives the denoiser's answers, in words; "" if no slip does, or more than one.

    The slips are compared on four questions without empty pixels, since many slips give the same answer to a simple one such as
    x = 0. A clipped exponent may only show far from all training images, so that is asked too.
    """
    words = set.intersection(*(_alike(case, case.draw(case.seed + seed, 2)) for seed in range(4)))
    if CLIPPED in words:
        words &= _alike(case, case.draw_far(case.seed))
    return f"the formula gives the same answers {words.pop()}" if words and len(words) == 1 else ""


CLIPPED = "with exponents clipped at -700 before the largest is taken off: take it off first, then nothing overflows"


def _alike(case, drawn):
    """The words of the slips that give the denoiser's answer to the first query of a question."""
    x, found = drawn.x[0], case.ask(drawn.x[:1], drawn.t)[0]
    return {slip for slip, gap, allowed in _slips(case, x, drawn.t, found) if gap <= allowed <= case.span / 50}


def loud_views(case: Case) -> str:
    """Why a rule's softmax cannot be the best denoiser: the noise in what it sees is not that of pixels; "" if it is."""
    if case.own_rule is None:
        return ""
    rule, size = case.rule(case.times[0]), int(np.prod(case.shape))
    still = rule.see(np.zeros(case.shape))
    moved = np.stack([rule.see(one) - still for one in np.eye(size).reshape(size, *case.shape)])
    covariance = np.einsum("xgp,xgq->gpq", moved, moved)
    variance = np.diagonal(covariance, axis1=1, axis2=2)
    # Padding, and a summary of no pixels, hold no noise at all.
    expected = np.eye(covariance.shape[1]) * (variance > 0)[:, None]
    view, p, q = np.unravel_index(int(np.abs(covariance - expected).argmax()), covariance.shape)
    found = covariance[view, p, q]
    if abs(found - expected[view, p, q]) < 1e-9:
        return ""
    words = f"number {p} of view {view} has noise of variance {found:.3g} s^2"
    if p != q:
        words = f"the noises of numbers {p} and {q} of view {view} have covariance {found:.3g} s^2"
    return f"{words}, so the softmax with 2 s^2 weighs it wrongly: see independent numbers, each with noise of variance s^2"


def _clipped(rule, x, a, s):
    """x0_hat (H, W, C) of x with no exponent -d / (2 s^2) below -700."""
    parts = [explained(rule, seen, view, a) for view, seen in enumerate(rule.see(x))]
    weights = [weigh(np.minimum(distances, 1400 * s * s), s) for distances, _ in parts]
    return np.reshape([w @ values / w.sum() for w, (_, values) in zip(weights, parts, strict=True)], x.shape)


def _slips(case, x, t, found):
    """For each slip: its words, how far `found` (H, W, C) is from its answer to x (H, W, C), and how far rounding may be."""
    a, s, own = case.signal(t), case.noise(t), case.rule(t)
    for words, rule, signal, noise in (
        ("without the factor a on the candidates", own, 1.0, s),
        ("with s^2 where 2 s^2 belongs", own, a, s / np.sqrt(2)),
        ("with 4 s^2 where 2 s^2 belongs", own, a, s * np.sqrt(2)),
        ("with 2 s where 2 s^2 belongs", own, a, np.sqrt(s)),
        ("with 2 where 2 s^2 belongs", own, a, 1.0),
        ("with the mean of the squared differences where their sum belongs", own, a, s * np.sqrt(own.keys.shape[1])),
        ("when the nearest candidate answers alone, without a softmax", own, a, 1e-9),
        ("when all candidates count the same", own, a, 1e9),
        *((words, rule, a, s) for words, rule in _relatives(case, t)),
    ):
        expected, nearest = estimate(rule, x, signal, noise, attention=case.attention)
        yield words, np.abs(expected.reshape(case.shape) - found).max(), case.rounding(x, t, nearest)
    expected, nearest = estimate(own, x, a, s, attention=case.attention)
    expected, allowed = expected.reshape(case.shape), case.rounding(x, t, nearest)
    if case.attention is None:
        yield CLIPPED, np.abs(_clipped(own, x, a, s) - found).max(), allowed
    else:
        for words, other in _misheard(case, t):
            again, nearest = estimate(own, x, a, s, attention=other)
            yield words, np.abs(again.reshape(case.shape) - found).max(), case.rounding(x, t, nearest)
    yield "if they are given as eps_hat, not x0_hat", np.abs((x - a * expected) / s - found).max(), allowed / s
    yield "if they are given as the score, not x0_hat", np.abs((a * expected - x) / s**2 - found).max(), allowed / s**2
    yield "if they are given as a x0_hat, not x0_hat", np.abs(a * expected - found).max(), allowed


def _misheard(case, t):
    """For slips in who hears whom: a list of (words, the map that the slip makes of the claimed one)."""
    heard, itself, unit = case.attention, np.eye(len(case.attention)), len(case.attention) / case.k(t) ** 2
    return [
        ("with the map transposed", heard.T),
        ("when each pixel hears itself, not others", itself),
        ("when each pixel hears itself, too", heard + itself),
        ("when nobody is heard (ELS)", 0 * itself),
        ("with g in units of H W / k^2, where the map's weights count as they are", unit * heard),
    ]


def _relatives(case, t):
    """For slips in the candidates and in the window: a list of (words, the rule that the slip makes of the claimed one)."""
    if not case.claims.isdisjoint(("rule", "hears")):
        return []
    images, boundary, shared, k = case.images, case.boundary, case.shared, case.k(t) if case.claimed("local") else None
    if k is None:
        if shared:
            return [("when only images in place may explain x (IS)", rule_of(images))]
        return [("when every translation may explain x (ES)", rule_of(images, shared=True))]
    other = "zeros" if boundary == "circular" else "circular"
    found = [
        (f"with windows as for boundary={other!r}", rule_of(images, k, other, "anywhere" if shared else False)),
        ("when all of x is compared, not the window", rule_of(images)),
    ]
    if shared:
        found.append(("when only its own place may explain a pixel (LS)", rule_of(images, k, boundary)))
    if boundary == "zeros" or not shared:
        words = "when every place may explain every pixel" + (", whatever the padding shows" if boundary == "zeros" else " (ELS)")
        found.append((words, rule_of(images, k, boundary, "anywhere")))
    sizes = [size for size in (k - 2, k + 2) if 1 <= size <= min(case.shape[:2])]
    return found + [(f"with a window of {size}, not {k}", rule_of(images, size, boundary, shared)) for size in sizes]
