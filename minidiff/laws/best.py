"""The laws of the best denoiser of a class: what it answers, why no other denoiser is better, and where its walks end."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ..theory import translations, windows
from ..types import Array
from .case import Case, Drawn, NotApplicable
from .hints import looks_like, loud_views
from .law import Finding, compared, law, pixel_words
from .rules import estimate, explained, is_of_its_images, posterior, views

BEST = ("ideal",)
# Claims that say what the softmax is over, whether or not it is the best denoiser of its class.
SOFTMAX = ("rule", "hears")
# At most this many numbers are compared for one query; of larger images only some pixels are checked.
WORK = 2e7


@law("formula", BEST, explain=looks_like, also=SOFTMAX)
def formula(case: Case, drawn: Drawn, rng: np.random.Generator) -> Finding:
    """The best denoiser of its class is a softmax over candidates: x0_hat[p] = sum_m w_m value_m (KG; AMB).

    w = softmax over m of -|what p sees of x - a (what m shows)|^2 / (2 s^2). The candidates are: for IS every training image, for
    ES every translation of one, for LS the window at p of every image, for ELS the window at every pixel of every image, and for
    boundary-broken ELS the windows at pixels with p's padding pattern. With "rule" the rule says what p sees and what may explain
    it. With "hears" the candidates are those of ELS, and L[q, n] = log sum over u of exp(-distance of (n, u) at q / (2 s^2)) is
    added to the exponent of each (n, u) at p, times A[p, q], for all q. theory.py computes this in float64, from differences.

    Usually: see which other laws are broken; if none is, another set of candidates, or the wrong pixel of a candidate answers

    Far away: it is right near the training images, but not far from them, where all exponents are large: exponents or
    distances are clipped before the largest is taken off, or a small number is added to the sum of the weights
    """
    rule = case.rule(drawn.t)
    a, s = case.signal(drawn.t), case.noise(drawn.t)
    most, found, findings = max(1, int(WORK / rule.keys.size)), case.ask(drawn.x, drawn.t), []
    for x, answer in zip(drawn.x, found, strict=True):
        chosen = rng.permutation(views(rule))[:most]
        expected, nearest = estimate(rule, x, a, s, chosen, case.attention)
        gap = np.abs(answer.reshape(views(rule), -1)[chosen] - expected)
        allowed = np.array([case.rounding(x, drawn.t, one) for one in nearest])
        worst = int((gap.max(axis=1) / allowed).argmax())
        place = _place(case, rule, int(chosen[worst]), int(gap[worst].argmax()))
        findings.append(Finding(float(gap[worst].max()), float(allowed[worst]), place))
    return max(findings, key=lambda one: one.off / one.allowed)


@law("every time", BEST, tries=1, draws=False, also=SOFTMAX)
def every_time(case: Case, drawn: Drawn, rng: np.random.Generator) -> Finding:
    """The formula holds at every time: between the noise levels of the other laws, and in every entry of a list of windows.

    The other laws ask at five levels, and where a list of windows changes. (A machine that cut windows wider than 3 to 3 held all
    of them, as no law asked where its list of ten windows had wider ones.) Here s/a is drawn once in each of nine intervals from
    0.05 to 30 standard deviations of the training pixels, and one time is drawn within each entry of a list of windows.

    Usually: a list of windows is read wrongly or cut, or the machine takes another path at some noise levels
    """
    edges, length = np.geomspace(0.05, 30, 10), len(getattr(case.window, "table", ()))
    times = [case.time_at(float(np.exp(rng.uniform(*np.log(ends))))) for ends in pairwise(edges)]
    times += [float((entry + rng.uniform(0.1, 0.9)) / length) for entry in range(length)]
    found = []
    for t in times:
        clean = case.images[rng.integers(len(case.images), size=1)]
        x = case.signal(t) * clean + case.noise(t) * rng.standard_normal(clean.shape)
        one = formula.trial(case, Drawn(x, t, drawn.seed), rng)
        if one.allowed <= case.span / 4:
            found.append(one._replace(x=x, t=t))
    if not found:
        raise NotApplicable("rounding would hide any mistake")
    return max(found, key=lambda one: one.off / one.allowed)


def _place(case, rule, view, entry):
    """In words, the pixel and channel of an entry of a view's answer."""
    channels = case.shape[2]
    pixel = view if rule.values.shape[1] == channels else entry // channels
    return pixel_words(*divmod(pixel, case.shape[1]), entry % channels)


# --- where walks end ---------------------------------------------------------------------------------------------------


@law("recitation", BEST, tries=2, draws=False, also=("rule",))
def recitation(case: Case, drawn: Drawn, rng: np.random.Generator) -> Finding:
    """A walk back with the ideal denoiser ends in a training image: it can only recite (KG; AMB). ES: in a translation of one.

    Without noise the softmax keeps only the nearest candidate. `local_consistency` says how far off the end may be: recitation is
    local consistency with a window that sees the whole image.

    Usually: late answers mix several training images: 2 s^2 is too large, or a is missing
    """
    if case.claimed("hears"):
        raise NotApplicable("where pixels hear each other no theorem says where a walk ends")
    if views(case.rule(case.times[0])) > 1:
        raise NotApplicable("the walks of a local machine end in mosaics; see 'local consistency'")
    return _walk(case, rng)


@law("local consistency", ("ideal", "local"), tries=2, draws=False, also=("rule",))
def local_consistency(case: Case, drawn: Drawn, rng: np.random.Generator) -> Finding:
    """A local machine's walk ends where every pixel equals the centre of the patch closest to its window (KG).

    What is checked is the last answer x0_hat(x, t) of a DDIM walk, at s/a = 1e-3 standard deviations of the training pixels. Let
    d be a candidate's distance to what p sees of x0_hat, times a, and e = |what p sees of x - a x0_hat|. A candidate can have a
    weight of exp(-T) only if d <= sqrt((smallest d + e)^2 + 2 s^2 T) + e. The answer must lie between the values of these. The
    same holds for any rule by which pixels have views of their own: read "what the rule shows p" for its window.

    Usually: late answers mix several patches: 2 s^2 is too large, or a is missing; or the wrong pixel of a patch answers
    """
    if views(case.rule(case.times[0])) == 1:
        raise NotApplicable("all of x is seen at once; see 'recitation'")
    return _walk(case, rng)


def _walk(case, rng):
    """Walk back by DDIM (eta = 0) from pure noise, with steps that are even in log(s/a), and check the end."""
    times = sorted({case.time_at(level) for level in np.geomspace(100, 1e-3, 30)}, reverse=True)
    t = times[-1]
    if case.noise(t) > 0.01 * case.spread * case.signal(t):
        raise NotApplicable("the schedule keeps too much noise at its end")
    x = case.noise(times[0]) * rng.standard_normal((1, *case.shape))
    for now, then in pairwise(times):
        x0_hat = case.ask(x, now)
        x = case.signal(then) * x0_hat + case.noise(then) / case.noise(now) * (x - case.signal(now) * x0_hat)
    off, allowed, place = _end(case, x[0], case.ask(x, t)[0], t)
    return Finding(off, allowed, f"{place}, at the end of a walk", x, t)


def _end(case, x, end, t):
    """How far the end of a walk (H, W, C), the answer to x at t, is outside its closest candidates' values; allowed; where."""
    rule = case.rule(t)
    a, s = case.signal(t), case.noise(t)
    share = 1e-9
    reach = 2 * s * s * np.log(len(rule.keys) / share)
    seen, kept, answers = rule.see(x), rule.see(end), end.reshape(views(rule), -1)
    off, place = 0.0, ""
    for view in range(views(rule)):
        error = np.linalg.norm(seen[view] - a * kept[view])
        distances, values = explained(rule, a * kept[view], view, a)
        far = np.sqrt(distances)
        close = values[far <= np.sqrt((far.min() + error) ** 2 + reach) + error]
        outside = np.maximum(close.min(axis=0) - answers[view], answers[view] - close.max(axis=0)).clip(0)
        if outside.max() > off:
            off, place = float(outside.max()), _place(case, rule, view, int(outside.argmax()))
    return off, case.span * share + case.rounding(x, t, 0.0), place


# --- no other denoiser of the class is better --------------------------------------------------------------------------

FEATURES, SIGMAS = 64, 7.0


class Asked(NamedTuple):
    """n noised images, seen through G views: clean values, noisy ones, answers (n, G, D), and what each view sees (n, G, P)."""

    x0: Array
    x: Array
    x0_hat: Array
    seen: Array


@law("orthogonality", BEST, tries=1, draws=False, explain=loud_views)
def orthogonality(case: Case, drawn: Drawn, rng: np.random.Generator) -> Finding:
    """The error of the best denoiser of a class is orthogonal to every function of the class: E[(x0 - x0_hat) . psi(x)] = 0.

    x0 is drawn from the training set, and t is fixed. Which functions psi are of the class: for IS and LS each pixel has its own
    function of what it sees. For circular ELS one psi serves all pixels, with zeros one psi serves each padding pattern, and the
    products are summed over these pixels. For ES psi is equivariant. (The best denoiser is a projection: if E[...] > 0 for some
    psi, then x0_hat and a small part of psi would be better.) A denoiser that sees more than its class may pass this law, but not
    the laws of what it sees.

    With "rule" one psi serves the views of each place. The softmax of a rule is the best denoiser of its class where the noise in
    what is seen is that of pixels: independent, of variance s^2, as for x -> R x with orthonormal rows R in each view. Then
    exp(-|seen - a key|^2 / (2 s^2)) is the likelihood of a candidate. (Soft windows shrink the noise of far pixels too. They
    follow their formula, but they are not the best denoiser of what they see.)

    With "hears" x shows two windows of one training image n at two places of p's and q's padding patterns, each drawn by itself:
    p's at u and q's at u'. The probability of both, given n, is the mean over u of exp l[p, n, u] times the mean over u' of
    exp l[q, n, u'], up to a factor, and both means are over equally many places for each n. So the posterior of (n, u) is the
    softmax of l[p, n, u] + L[q, n]. This is the softmax of 'formula' for a map with A[p, q] = 1. The windows must share no
    pixel: shared noise would count twice.

    Three psi are tried: x (with "hears" the mean colour of what is heard), x0_hat, and a random mixture of 64 waves
    cos(w . seen + b) for each class of pixels. A wave's weight in the mixture is its product with the error on one half of the
    noised images; the mixture is tried on the other half. A mean of n products, divided by its standard error, is about normal:
    it is beyond 7 with probability 3e-12.

    Usually: not the best denoiser of its class: something that it sees still shows in which direction its error is
    """
    if case.own_rule and not is_of_its_images(case.rule(case.times[0]), case.images):
        raise NotApplicable("the rule's candidates are not the pixels of the training images, so it does not say how x0 is drawn")
    found = []
    for t in _telling_times(case, rng):
        asked = _asked(case, t, case.samples // 2, rng)
        error, middle = asked.x0 - asked.x0_hat, case.images.mean()
        products = {
            "x": error * (asked.x - case.signal(t) * middle),
            "its own answer": error * (asked.x0_hat - middle),
            "waves": _waves(error, asked.seen, _classes(case, t), rng),
        }
        found += [(_sigmas(product), t, words) for words, product in products.items()]
    off, t, words = max(found)
    return Finding(off, SIGMAS, f"in standard errors, with psi = {words} over {case.samples // 2} noised images at t = {t:.2g}")


def _asked(case, t, count, rng):
    """Asked about `count` noised images; 25 are asked at a time, since a student's denoiser may need much memory."""
    if case.claimed("hears"):
        return _asked_pairs(case, t, count, rng)
    x0 = case.images[rng.integers(len(case.images), size=count)]
    x, x0_hat = _answers(case, t, x0, rng)
    if case.shared and case.window is None and case.own_rule is None:
        seen = np.stack([translations(one).reshape(-1, one.size) for one in x])
    else:
        rule = case.rule(t)
        seen = np.stack([rule.see(one) for one in x])
    by_view = count, seen.shape[1], -1
    return Asked(x0.reshape(by_view), x.reshape(by_view), x0_hat.reshape(by_view), seen)


def _answers(case, t, clean, rng):
    """(x, x0_hat) for clean images (n, H, W, C)."""
    x = case.signal(t) * clean + case.noise(t) * rng.standard_normal(clean.shape)
    return x, np.concatenate([case.ask(x[start : start + 25], t) for start in range(0, len(x), 25)])


def _asked_pairs(case, t, count, rng):
    """Asked about one pixel p of each image, as p and the place that it hears show windows of one training image, each anywhere.

    Other pixels of x hold noise alone. The values x that stand beside x0 are the mean colour of what is heard: whoever does not
    listen errs in that direction.
    """
    height, width, channels = case.shape
    pixels, k = height * width, case.k(t)
    rule = case.rule(t)
    # What each window shows, as numbers of pixels; 0 is padding.
    index = windows(np.arange(1.0, pixels + 1).reshape(height, width, 1), k, case.boundary).astype(int)
    flat = case.images.reshape(len(case.images), pixels, channels)
    clean, asking = np.zeros((count, pixels, channels)), rng.integers(pixels, size=count)
    x0 = np.empty((count, channels))
    for one, p in enumerate(asking):
        n = rng.integers(len(flat))
        for place in (int(case.attention[p].argmax()), p):
            u = rng.choice(np.flatnonzero(rule.view_place == rule.view_place[place]))
            inside = index[place] > 0
            clean[one, index[place][inside] - 1] = flat[n, index[u][inside] - 1]
        x0[one] = flat[n, u]
    x, x0_hat = _answers(case, t, clean.reshape(count, height, width, channels), rng)
    seen, every = np.stack([windows(one, k, case.boundary) for one in x]), np.arange(count)
    own, heard = seen[every, asking], seen[every, case.attention[asking].argmax(axis=1)]
    mean, at_p = heard.reshape(count, -1, channels).mean(axis=1), x0_hat.reshape(count, pixels, channels)[every, asking]
    return Asked(*(one[:, None] for one in (x0, mean, at_p, np.hstack([own, heard]))))


def _telling_times(case, rng):
    """Two times at which the mean squared error is about a fifth, and a half, of the variance of the training pixels.

    At less noise an error is a rare event: its mean is then not normal, and to see none shows nothing.
    """
    energy = {}
    for level in np.geomspace(0.2, 10, 8):
        t = case.time_at(level)
        asked = _asked(case, t, 25, rng)
        energy[t] = float(((asked.x0 - asked.x0_hat) ** 2).mean()) / case.spread**2
    return [min(energy, key=lambda t: abs(energy[t] - share)) for share in (0.2, 0.5)]


def _sigmas(products):
    """The mean of products (n, ...), summed over each sample, divided by its standard error."""
    sums = products.reshape(len(products), -1).sum(axis=1)
    spread = sums.std() / np.sqrt(len(sums))
    return float(abs(sums.mean()) / spread) if spread > 0 else 0.0


def _classes(case, t):
    """The class of each view of `_asked`, from 0: one psi serves the views of one class."""
    if case.claimed("hears"):
        return np.zeros(1, int)
    if case.shared and case.window is None and case.own_rule is None:
        return np.zeros(int(np.prod(case.shape[:2])), int)
    return np.unique(case.rule(t).view_place, return_inverse=True)[1].ravel()


def _waves(error, seen, classes, rng):
    """error . psi on the second half of the samples, (n / 2, G, D), psi a mixture of waves, fitted to the first half."""
    half = len(error) // 2
    # The phases of one wave at two questions of the same time differ by about 1, 2 or 4 radians.
    scale = rng.choice([1.0, 2.0, 4.0], FEATURES) / (np.sqrt(2 * seen.shape[2]) * float(seen.std()))
    waves = np.cos(seen @ (rng.standard_normal((seen.shape[2], FEATURES)) * scale) + 2 * np.pi * rng.random(FEATURES))
    along = np.einsum("npc,npf->pcf", error[:half], waves[:half])
    mixed = np.stack([along[classes == one].sum(axis=0) for one in range(classes.max() + 1)])[classes]
    return error[half:] * np.einsum("npf,pcf->npc", waves[half:], mixed)


# --- second-order Tweedie ----------------------------------------------------------------------------------------------


def slopes(case: Case, x: Array, t: float, directions: Array) -> tuple[Array, float]:
    """The denoiser's Jacobian at x (H, W, C) times unit directions (K, H, W, C), by central differences, and an error bound.

    The third derivative of x0_hat along z is (a / s^2)^3 times a fourth cumulant of the posterior. That is at most 4 R rho^3,
    where R is the range of the values and rho the range of the projections on z. With h = eps^(1/3) s^2 / (a rho) both parts of
    the error are small: h^2 / 6 times this derivative, and rounding divided by h.
    """
    r = case.signal(t) / case.noise(t) ** 2
    rho = case.span * np.sqrt(np.prod(case.shape))
    h = case.eps ** (1 / 3) / max(r * rho, 1e-6)
    ahead, behind = (np.concatenate([case.ask((x + sign * h * z)[None], t) for z in directions]) for sign in (1, -1))
    return (ahead - behind) / (2 * h), 2 / 3 * h * h * r**3 * case.span * rho**3 + case.rounding(x, t) / h


def _directions(case, rng, count=3):
    z = rng.standard_normal((count, *case.shape))
    return z / np.sqrt((z**2).sum(axis=(1, 2, 3), keepdims=True))


def _not_if_local(case):
    if case.claimed("local"):
        raise NotApplicable("each pixel of a local machine has a posterior of its own, so its score may be no gradient")
    if not case.claims.isdisjoint(SOFTMAX):
        raise NotApplicable("only where all of x is seen, as it is, the score is a gradient")


@law("gradient", BEST, tries=4)
def gradient(case: Case, drawn: Drawn, rng: np.random.Generator) -> Finding:
    """The ideal score is a gradient, so the Jacobian J of x0_hat is symmetric, z . J z' = z' . J z, and positive, z . J z >= 0.

    x0_hat = (x + s^2 grad log p) / a (Tweedie), so its Jacobian holds second derivatives of log p; it is also (a / s^2) times a
    covariance. Each pixel of LS and ELS has a posterior of its own, and their Jacobians may not be symmetric. Call this law with
    one of them: the counter-example shows that its score is the gradient of no density.

    Usually: each pixel has a posterior of its own, or a scale of its own: no density has this score
    """
    _not_if_local(case)
    z = _directions(case, rng)
    found, error = slopes(case, drawn.x[0], drawn.t, z)
    products = found.reshape(len(z), -1) @ z.reshape(len(z), -1).T
    allowed = 2 * np.sqrt(z[0].size) * error
    skew, least = float(np.abs(products - products.T).max()), float(products.diagonal().min())
    if -least > max(allowed, skew):
        return Finding(-least, allowed, "z . J z is negative for a random direction z")
    return Finding(skew, allowed, "z . J z' is not z' . J z for two random directions")


@law("second-order Tweedie", BEST, tries=4)
def second_order_tweedie(case: Case, drawn: Drawn, rng: np.random.Generator) -> Finding:
    """The Jacobian of the ideal x0_hat is (a / s^2) times the posterior covariance, E[x0 x0^T | x] - x0_hat x0_hat^T.

    This is the derivative of Tweedie's formula: where the training images that may explain x differ, x0_hat changes with x. For
    ES the posterior is over all translations of the training images.

    Usually: no posterior mean of this training set: another temperature, or a missing factor
    """
    _not_if_local(case)
    x, t, z = drawn.x[0], drawn.t, _directions(case, rng)
    found, error = slopes(case, x, t, z)
    weights, values, _ = posterior(case.rule(t), x, case.signal(t), case.noise(t), 0)
    centred = values - weights @ values
    covariance_z = (weights[:, None] * centred).T @ (centred @ z.reshape(len(z), -1).T)
    expected = case.signal(t) / case.noise(t) ** 2 * covariance_z.T.reshape(z.shape)
    return compared(found - expected, error, " of the Jacobian along a random direction")
