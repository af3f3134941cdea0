"""The laws of what a denoiser is and of what it sees: they hold for machines and networks alike, whatever the answers mean."""

import numpy as np

from ..theory import places, windows
from .case import Malformed, NotApplicable, read_answer, said
from .law import Finding, law


def furthest(gap):
    """(the largest of |gap| (..., H, W, C), where that is in words)."""
    gap = np.abs(gap)
    place = np.unravel_index(int(gap.argmax()), gap.shape)
    row, column, channel = place[-3:]
    return float(gap[place]), f"pixel (row {row}, column {column}), channel {channel}"


@law("answer", "shapes mixed up, a missing return, or exp(-large) / exp(-large) = 0 / 0: take the largest exponent off first")
def answer(case, drawn, rng):
    """A denoiser answers a batch x (B, H, W, C) with one finite estimate of each clean image: x0_hat (B, H, W, C), floats.

    At low noise, far from all training images, exponents -d / (2 s^2) are in the thousands: exp of each alone is 0, and 0 / 0 is
    nan. With the largest exponent taken off all of them the softmax is the same, and never that.
    """
    case.ask(drawn.x, drawn.t)
    return Finding(0.0, 0.0)


@law("repeatable", "x is changed in place (x -= ...), or something is kept or drawn at random between calls")
def repeatable(case, drawn, rng):
    """The same question gets the same answer, and is left as it was: x0_hat is a function of (x, t).

    A step back uses x again after asking (x' = a' x0_hat + s' (x - a x0_hat) / s, DDIM), so a denoiser that writes into x ruins
    the step that asked it.
    """
    x = drawn.x.copy()
    first = case.ask(drawn.x, drawn.t)
    try:
        case.denoiser(x, float(drawn.t))
    except Exception as error:
        raise Malformed(f"the second time {said(error, 'it')}", drawn.x, drawn.t) from error
    changed, place = furthest(x - drawn.x)
    if changed:
        return Finding(changed, 0.0, f"it writes into x, at {place}")
    again, place = furthest(case.ask(drawn.x, drawn.t) - first)
    return Finding(again, 0.0, f"two answers to one question, at {place}")


@law("query by query", "a maximum, mean or sum over the whole batch, not over each query's own axis (a forgotten axis=)", tries=8)
def query_by_query(case, drawn, rng):
    """Each query is answered by itself: denoiser(x)[b] = denoiser(x[b:b+1])[0], whichever others came along.

    One maximum shared by a batch lets the other queries' weights underflow, to 0 / 0; a sum over the wrong axis mixes them.
    Rounding is allowed, since libraries multiply matrices of other sizes in another order.
    """
    # A query far from everything, so that what the batch shares is badly wrong for someone.
    far = 8 * rng.standard_normal((1, *case.shape)) * case.spread
    x = np.concatenate([drawn.x, far])
    together = case.ask(x, drawn.t)
    alone = np.concatenate([case.ask(x[b : b + 1], drawn.t) for b in range(len(x))])
    off, place = furthest(together - alone)
    return Finding(off, case.rounding(x, drawn.t), f"{place}: alone it is answered otherwise", x, drawn.t)


@law("one time per query", "t of shape (B,) broadcasts along the wrong axis: reshape it to (B, 1, 1, 1)", tries=4, draws=False)
def one_time_per_query(case, drawn, rng):
    """With t (B,) each query has its own time: denoiser(x, t)[b] = denoiser(x[b:b+1], t[b])[0].

    A denoiser may well take one time for all; but then it refuses several, and does not mix them up.
    """
    x = case.draw(drawn.seed, 3).x
    t = np.array(case.times[: len(x)])
    try:
        case.denoiser(x.copy(), t.copy())
    except Exception as error:
        raise NotApplicable(f"it takes one time for all queries: t of shape (B,) raises {type(error).__name__}") from error
    together = case.ask(x, t)
    alone = np.concatenate([case.ask(x[b : b + 1], t[b]) for b in range(len(x))])
    off, place = furthest(together - alone)
    return Finding(off, max(case.rounding(x, float(one)) for one in t), f"{place}, t being {t.round(3).tolist()}", x, float(t[0]))


@law(
    "window",
    "the window is larger than said or off its centre, wraps where it should see zeros (or the other way), "
    "or all pixels share one maximum or normalisation",
    needs=("local",),
)
def window(case, drawn, rng):
    """What lies outside a pixel's k x k window changes nothing in its estimate, not one bit (KG: locality).

    x0_hat[p] is a function of the window of x at p alone, so x may be anything elsewhere. On a torus the window wraps around,
    with zeros it does not. To the bit, because even a rounding that leaks is information, and a walk of many steps amplifies it.
    """
    height, width, channels = case.shape
    k, x = case.k(drawn.t), drawn.x[:1]
    row, column = int(rng.integers(height)), int(rng.integers(width))
    numbered = np.arange(1.0, height * width + 1).reshape(height, width, 1)
    sees = (windows(numbered, k, case.boundary) == numbered[row, column, 0]).any(axis=1).reshape(height, width, 1)
    if sees.all():
        raise NotApplicable(f"a window of side {k} sees all of a {height} x {width} image")
    other = x.copy()
    other[0, row, column] += 3 * case.spread * (1 + rng.random(channels))
    off, place = furthest(np.where(sees, 0.0, case.ask(other, drawn.t) - case.ask(x, drawn.t)))
    return Finding(off, 0.0, f"x changed at (row {row}, column {column}) only, and so did the answer at {place}")


@law(
    "shifts",
    "windows that do not wrap around, a padding of zeros, candidates tied to their own place, or rows and columns swapped",
    needs=("equivariant",),
)
def shifts(case, drawn, rng):
    """On a torus an equivariant denoiser has no origin: it commutes with every shift, f(shift x) = shift f(x) (KG).

    ES and circular ELS do, and so does any convolutional network with circular padding.
    """
    height, width, _ = case.shape
    if height * width == 1:
        raise NotApplicable("an image of one pixel has no shifts")
    by = divmod(int(rng.integers(1, height * width)), width)
    moved = case.ask(np.roll(drawn.x, by, (1, 2)), drawn.t)
    off, place = furthest(moved - np.roll(case.ask(drawn.x, drawn.t), by, (1, 2)))
    return Finding(off, case.rounding(drawn.x, drawn.t), f"{place}, after a shift by {by[0]} down and {by[1]} across")


@law(
    "padding pattern",
    "inner pixels are not all alike: candidates tied to their place, or the row's pattern used for the column",
    needs=("boundary",),
)
def padding_pattern(case, drawn, rng):
    """With zero padding, two pixels of one padding pattern that see the same answer the same (KG, boundary-broken).

    Padding tells a pixel its index on an axis while it is nearer than k // 2 to a border, and nothing else: all inner pixels are
    alike, those along one edge at one distance are alike, and a corner is only like itself. So the window of p, copied to a u of
    the same pattern, gets there the answer that p had.
    """
    height, width, _ = case.shape
    k, x = case.k(drawn.t), drawn.x[:1]
    classes = places(height, width, k, "zeros")
    pairs = [(p, u) for p in range(len(classes)) for u in np.flatnonzero(classes == classes[p]) if u != p]
    if not pairs:
        raise NotApplicable(f"with a window of side {k} no two pixels of a {height} x {width} image have the same pattern")
    p, u = (divmod(int(pixel), width) for pixel in pairs[rng.integers(len(pairs))])
    copied = np.roll(x, (u[0] - p[0], u[1] - p[1]), (1, 2))
    gap = case.ask(copied, drawn.t)[0][u] - case.ask(x, drawn.t)[0][p]
    where = f"pixel (row {u[0]}, column {u[1]}) shown what (row {p[0]}, column {p[1]}) saw"
    return Finding(float(np.abs(gap).max()), case.rounding(x, drawn.t), where)


@law("single precision", "a sum of squares expanded as |x|^2 - 2 x y + |y|^2, whose digits cancel, or float16 somewhere", tries=8)
def single_precision(case, drawn, rng):
    """In float32 a denoiser gives what it gives in float64, but for rounding: about eps32 (1 + d / (2 s^2)) of the range.

    d is the squared distance between what is compared, bounded here by the largest that it could be.
    """
    x = drawn.x.astype(np.float32)
    try:
        found = case.denoiser(x.copy(), float(drawn.t))
    except TypeError as error:
        raise NotApplicable("it takes float64 only: float32 raises TypeError") from error
    except Exception as error:
        raise Malformed(f"in float32 {said(error, 'it')}", x, drawn.t) from error
    off, place = furthest(read_answer(found, x, drawn.t) - case.ask(x.astype(np.float64), drawn.t))
    coarser = max(float(np.finfo(np.float32).eps) / case.eps, 1.0)
    return Finding(off, case.rounding(x, drawn.t) * coarser, place)
