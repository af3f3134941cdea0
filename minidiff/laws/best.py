"""The laws of the best denoiser of a class: what it answers, why no other is better, and where its walks end."""

from itertools import pairwise

import numpy as np

from ..theory import translations, windows
from .case import NotApplicable
from .hints import looks_like
from .law import Finding, law
from .rules import classes_of, estimate, explained, posterior, views
from .structure import furthest

BEST = ("ideal",)
# Numbers compared by loops for one query, at most: beyond them only some pixels are looked at.
WORK = 2e7


@law(
    "formula",
    "see which other laws are broken; if none is, another set of candidates, or the wrong pixel of a candidate answers",
    BEST,
    explain=looks_like,
)
def formula(case, drawn, rng):
    """The best denoiser of its class is a softmax over candidates: x0_hat[p] = sum_m w_m v_m (KG; AMB).

    w = softmax over m of -|what p sees of x - a (what m shows)|^2 / (2 s^2). Who may explain p, and what is compared: IS every
    training image, whole; ES every translation of one, whole; LS every image, the window at p; ELS every pixel of every image,
    the window there; boundary-broken ELS those of p's padding pattern. Computed by loops and differences, in float64.
    """
    rule = case.rule(drawn.t)
    a, s = case.signal(drawn.t), case.noise(drawn.t)
    most, found, findings = max(1, int(WORK / rule.keys.size)), case.ask(drawn.x, drawn.t), []
    for x, answer in zip(drawn.x, found, strict=True):
        chosen = rng.permutation(views(rule))[:most]
        expected, nearest = estimate(rule, x, a, s, chosen)
        gap = np.abs(answer.reshape(views(rule), -1)[chosen] - expected)
        allowed = np.array([case.rounding(x, drawn.t, one) for one in nearest])
        worst = int((gap.max(axis=1) / allowed).argmax())
        place = _place(case, rule, int(chosen[worst]), int(gap[worst].argmax()))
        findings.append(Finding(float(gap[worst].max()), float(allowed[worst]), place))
    return max(findings, key=lambda one: one.off / one.allowed)


def _place(case, rule, view, entry):
    """The pixel and channel of an entry of a view's answer, in words."""
    channels = case.shape[2]
    pixel = view if rule.values.shape[1] == channels else entry // channels
    return f"pixel (row {pixel // case.shape[1]}, column {pixel % case.shape[1]}), channel {entry % channels}"


# --- where walks end ---------------------------------------------------------------------------------------------------


@law(
    "recitation",
    "late answers blur several training images: 2 s^2 is too large, or a is missing",
    BEST,
    tries=2,
    draws=False,
)
def recitation(case, drawn, rng):
    """A walk back with the ideal denoiser ends in a training image: it can only recite (KG; AMB). ES: in a translation of one.

    Without noise the softmax keeps only the nearest candidate. How far off the end may be is said at `local_consistency`: this is
    its case of a window that sees everything.
    """
    if case.claimed("local"):
        raise NotApplicable("a local machine makes mosaics; see 'local consistency'")
    return _walk(case, rng)


@law(
    "local consistency",
    "late answers blur several patches: 2 s^2 is too large, or a is missing; or the wrong pixel of a patch answers",
    ("ideal", "local"),
    tries=2,
    draws=False,
)
def local_consistency(case, drawn, rng):
    """A local machine's walk ends where every pixel equals the centre of the patch closest to its own window (KG theorem 4.1).

    Held against it is the last answer x0_hat(x, t) of a DDIM walk down to s/a = 1e-3 of the pixels' standard deviation. With
    e = |what p sees of x - a x0_hat|, a candidate can weigh exp(-T) there only if its distance to what p sees of x0_hat, both
    times a, is at most sqrt((the smallest + e)^2 + 2 s^2 T) + e; and the answer lies within the values of those.
    """
    return _walk(case, rng)


def _walk(case, rng):
    """Walk back by DDIM (eta = 0) from pure noise, evenly in log(s/a), and see how far the end is from what it may be."""
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
    """How far the walk's end (H, W, C), the answer to x at t, leaves the values of its closest candidates; allowed; where."""
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


@law(
    "orthogonality",
    "not the best denoiser of its class: something that it sees still tells in which direction it errs",
    BEST,
    tries=1,
    draws=False,
)
def orthogonality(case, drawn, rng):
    """The best denoiser of a class leaves an error at right angles to all that the class can see: E[(x0 - x0_hat) . g(x)] = 0.

    x0 is uniform over the training set, t fixed, and g any function of the same class: for IS and LS a function of what p sees,
    for each pixel p by itself; for circular ELS one g for all pixels, the products summed over them; with zeros one g for each
    padding pattern; for ES one equivariant g. (The best denoiser is a projection: if some g had E = c > 0, x0_hat + lambda g
    would be better for a small lambda > 0.) What sees more than the class passes too; the other laws tell whether it does.

    Three g's are tried: x itself, x0_hat itself, and a random mixture of 64 waves cos(w . seen + b) for each class of pixels,
    mixed by how much each goes along with the error on one half of the noised images, and tried on the other half, of which it
    knows nothing. A mean of n products over its standard error is about normal: beyond 7 it is with probability 3e-12.
    """
    found = []
    for t in _telling_times(case, rng):
        x0, x, x0_hat = _answers(case, t, case.samples // 2, rng)
        error, middle = x0 - x0_hat, case.images.mean()
        products = {
            "x": error * (x - case.signal(t) * middle),
            "its own answer": error * (x0_hat - middle),
            "waves": _waves(case, x, error, t, rng),
        }
        found += [(_sigmas(product), t, words) for words, product in products.items()]
    off, t, words = max(found)
    return Finding(off, SIGMAS, f"in standard errors, with g = {words} over {case.samples // 2} noised images at t = {t:.2g}")


def _answers(case, t, count, rng):
    """(x0, x, x0_hat), each (count, H, W, C); asked 25 at a time, since a student's own may need much memory for each."""
    x0 = case.images[rng.integers(len(case.images), size=count)]
    x = case.signal(t) * x0 + case.noise(t) * rng.standard_normal(x0.shape)
    return x0, x, np.concatenate([case.ask(x[start : start + 25], t) for start in range(0, count, 25)])


def _telling_times(case, rng):
    """Two times at which the answer is neither sure nor blind: error energies near a fifth and a half of the pixels' variance.

    Where the error is a rare event its mean is not normal, and its absence shows nothing.
    """
    energy = {}
    for level in np.geomspace(0.2, 10, 8):
        t = case.time_at(level)
        x0, _, x0_hat = _answers(case, t, 25, rng)
        energy[t] = float(((x0 - x0_hat) ** 2).mean()) / case.spread**2
    return [min(energy, key=lambda t: abs(energy[t] - share)) for share in (0.2, 0.5)]


def _sigmas(products):
    """The mean of products (n, ...), summed within each sample, in standard errors."""
    sums = products.reshape(len(products), -1).sum(axis=1)
    spread = sums.std() / np.sqrt(len(sums))
    return float(abs(sums.mean()) / spread) if spread > 0 else 0.0


def _waves(case, x, error, t, rng):
    """error . g over the second half of the samples, g a mixture of waves that the first half chose: (n / 2, H W, C)."""
    count, height, width, channels = error.shape
    pixels, half, k = height * width, count // 2, case.k(t) if case.claimed("local") else None
    if k is not None:
        seen = np.stack([windows(one, k, case.boundary) for one in x])
        classes = classes_of(height, width, k, case.boundary, case.shared)
    elif case.shared:
        seen = np.stack([translations(one).reshape(pixels, -1) for one in x])
        classes = np.zeros(pixels, int)
    else:
        seen, classes = x.reshape(count, 1, -1), np.arange(pixels)
    # Waves as long as what is seen is wide, and shorter: two questions of one time differ by about 1, 2 or 4 radians.
    scale = rng.choice([1.0, 2.0, 4.0], FEATURES) / (np.sqrt(2 * seen.shape[2]) * float(x.std()))
    phases = seen @ (rng.standard_normal((seen.shape[2], FEATURES)) * scale) + 2 * np.pi * rng.random(FEATURES)
    waves = np.broadcast_to(np.cos(phases), (count, pixels, FEATURES))
    error = error.reshape(count, pixels, channels)
    along = np.einsum("npc,npf->pcf", error[:half], waves[:half])
    mixed = np.stack([along[classes == one].sum(axis=0) for one in range(classes.max() + 1)])[classes]
    return error[half:] * np.einsum("npf,pcf->npc", waves[half:], mixed)


# --- second-order Tweedie ----------------------------------------------------------------------------------------------


def slopes(case, x, t, directions):
    """The denoiser's Jacobian at x (H, W, C) along unit directions (K, H, W, C), by central differences; and their error bound.

    x0_hat's third derivative along v is (a / s^2)^3 times a fourth cumulant of the training set, at most 4 R rho^3 for values of
    range R and projections on v of range rho. With h = eps^(1/3) s^2 / (a rho) both h^2 / 6 of that and rounding over h are
    small.
    """
    r = case.signal(t) / case.noise(t) ** 2
    rho = case.span * np.sqrt(np.prod(case.shape))
    h = case.eps ** (1 / 3) / max(r * rho, 1e-6)
    ahead, behind = (np.concatenate([case.ask((x + sign * h * v)[None], t) for v in directions]) for sign in (1, -1))
    return (ahead - behind) / (2 * h), 2 / 3 * h * h * r**3 * case.span * rho**3 + case.rounding(x, t) / h


def _directions(case, rng, count=3):
    v = rng.standard_normal((count, *case.shape))
    return v / np.sqrt((v**2).sum(axis=(1, 2, 3), keepdims=True))


def _not_if_local(case):
    if case.claimed("local"):
        raise NotApplicable("each pixel of a local machine has a posterior of its own, so its score need not be a gradient")


@law(
    "gradient",
    "each pixel answers from a posterior of its own, or is scaled by itself: no density has this score",
    BEST,
    tries=4,
)
def gradient(case, drawn, rng):
    """The ideal score is a gradient, so the Jacobian of x0_hat is symmetric, u . J v = v . J u; and it is positive, v . J v >= 0.

    x0_hat = (x + s^2 grad log p_t) / a (Tweedie): its Jacobian is a second derivative, and (a / s^2) times a covariance. LS and
    ELS answer each pixel from another posterior, and theirs need not be symmetric: hold one against this law, by itself, and the
    counter-example is a witness that its score is the gradient of no density.
    """
    _not_if_local(case)
    v = _directions(case, rng)
    found, error = slopes(case, drawn.x[0], drawn.t, v)
    products = found.reshape(len(v), -1) @ v.reshape(len(v), -1).T
    allowed = 2 * np.sqrt(v[0].size) * error
    skew, least = float(np.abs(products - products.T).max()), float(products.diagonal().min())
    if -least > max(allowed, skew):
        return Finding(-least, allowed, "v . J v is negative for a random direction v")
    return Finding(skew, allowed, "u . J v is not v . J u for two random directions")


@law("second-order Tweedie", "no posterior mean of this training set: another temperature, or a factor missing", BEST, tries=4)
def second_order_tweedie(case, drawn, rng):
    """The Jacobian of the ideal x0_hat is (a / s^2) times the posterior covariance, E[x0 x0^T | x] - x0_hat x0_hat^T.

    Tweedie's formula, differentiated once more: where the training images that may explain x differ, the answer follows x. ES has
    the covariance of the posterior over the data's orbit.
    """
    _not_if_local(case)
    x, t, v = drawn.x[0], drawn.t, _directions(case, rng)
    found, error = slopes(case, x, t, v)
    weights, values, _ = posterior(case.rule(t), x, case.signal(t), case.noise(t), 0)
    centred = values - weights @ values
    covariance_v = (weights[:, None] * centred).T @ (centred @ v.reshape(len(v), -1).T)
    off, place = furthest(found - case.signal(t) / case.noise(t) ** 2 * covariance_v.T.reshape(v.shape))
    return Finding(off, error, f"{place} of the Jacobian along a random direction")
