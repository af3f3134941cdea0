"""The laws of what a denoiser is and what it sees: they hold for machines and for networks."""

from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from ..theory import places, windows
from ..types import Array
from .case import Case, Drawn, Malformed, NotApplicable, Raised, read_answer
from .law import Finding, compared, law

# The errors with which a denoiser refuses a dtype; any other error in float32 is a mistake. RuntimeError is PyTorch's.
REFUSALS = (TypeError, ValueError, AssertionError, RuntimeError)
TWO_ANSWERS = "two answers to one question"


def another_shape(case: Case) -> str:
    """Whether a denoiser that cannot be asked with x (B, H, W, C) can be asked with another shape, in words; "" if not."""
    x, t, _ = case.draw(case.seed, 2)
    with suppress(Malformed):
        case.ask(x, t)
        return ""
    first = "channels first, (B, C, H, W): move the axis with np.moveaxis(x, 3, 1), and move it back in the answer"
    for words, other in ((first, np.moveaxis(x, 3, 1)), ("one image, (H, W, C), not a batch of them", x[0])):
        for dtype in (np.float64, np.float32):
            with suppress(Malformed):
                read_answer(case.call(np.ascontiguousarray(other, dtype), t), other, t)
                return f"it fails with x of shape (B, H, W, C), but it answers {words}"
    return ""


@law("answer", explain=another_shape)
def answer(case: Case, drawn: Drawn, rng: np.random.Generator) -> Finding:
    """A denoiser answers a batch x (B, H, W, C) with one finite estimate of each clean image: x0_hat (B, H, W, C), floats.

    Far from all training images every exponent -d / (2 s^2) is below -1000. Then exp of each is 0 and the
    weights are 0 / 0, nan. If the largest exponent is subtracted from all of them first, the softmax is the same and finite.

    Usually: shapes mixed up, a missing return, or exp(-large) / exp(-large) = 0 / 0: subtract the largest exponent first

    Far away: exp(-large) / exp(-large) = 0 / 0: subtract the largest exponent first
    """
    case.ask(drawn.x, drawn.t)
    return Finding(0.0, 0.0)


@law("repeatable")
def repeatable(case: Case, drawn: Drawn, rng: np.random.Generator) -> Finding:
    """The same question gets the same answer, and x stays unchanged: x0_hat is a function of (x, t).

    A step back uses x again after the denoiser was called (x' = a' x0_hat + s' (x - a x0_hat) / s, DDIM), so a denoiser that
    writes into x spoils the step.

    Usually: x is changed in place (x -= ...), or something is kept or drawn at random between calls
    """
    x = drawn.x.astype(case.dtype)
    first = case.ask(drawn.x, drawn.t)
    try:
        case.call(x, drawn.t)
    except Raised as why:
        raise Malformed(f"the second time, {why}", drawn.x, drawn.t) from why
    written = compared(x - drawn.x.astype(case.dtype), 0.0, before="it writes into x, at ")
    if written.broken:
        return written
    return compared(case.ask(drawn.x, drawn.t) - first, 0.0, before=f"{TWO_ANSWERS}, at ")


@law("query by query", tries=8)
def query_by_query(case: Case, drawn: Drawn, rng: np.random.Generator) -> Finding:
    """Each query is answered by itself: denoiser(x)[b] = denoiser(x[b:b+1])[0], whatever the other queries are.

    If a batch shares one maximum, the weights of other queries may underflow to 0 / 0. A sum over the wrong axis mixes queries.
    Rounding is allowed, since libraries add in another order when matrices have another size.

    Usually: a maximum, mean or sum over the whole batch, not over each query's own axis (a forgotten axis=)
    """
    # With a query far from everything, a maximum of the whole batch is badly wrong for some query.
    far = 8 * rng.standard_normal((1, *case.shape)) * case.spread
    x = np.concatenate([drawn.x, far])
    gap = case.ask(x, drawn.t) - one_by_one(case, x, [drawn.t] * len(x))
    return compared(gap, case.rounding(x, drawn.t), ": alone the query has another answer", x, drawn.t)


def one_by_one(case: Case, x: Array, t: Sequence[float] | Array) -> Array:
    """The answers to the queries of x (B, H, W, C), each asked alone at its own time of t (B,)."""
    return np.concatenate([case.ask(x[b : b + 1], t[b]) for b in range(len(x))])


@law("one time per query", tries=4, draws=False)
def one_time_per_query(case: Case, drawn: Drawn, rng: np.random.Generator) -> Finding:
    """With t (B,) each query has its own time: denoiser(x, t)[b] = denoiser(x[b:b+1], t[b])[0].

    A denoiser may also take only one time for all queries; then it must raise an error if there are several.

    Usually: t of shape (B,) broadcasts along the wrong axis: reshape it to (B, 1, 1, 1)
    """
    x = case.draw(drawn.seed, 3).x
    t = np.array(case.times[: len(x)])
    try:
        case.call(x.astype(case.dtype), t)
    except Raised as why:
        name = type(why.error).__name__
        raise NotApplicable(f"it takes one time for all queries: t of shape (B,) raises {name}") from why
    allowed = max(case.rounding(x, float(one)) for one in t)
    return compared(case.ask(x, t) - one_by_one(case, x, t), allowed, f", with t = {t.round(3).tolist()}", x, float(t[0]))


@law("window", needs=("local",))
def window(case: Case, drawn: Drawn, rng: np.random.Generator) -> Finding:
    """A pixel's estimate does not depend on what is outside its k x k window, not even in one bit (KG: locality).

    x0_hat[p] is a function of the window of x at p alone. On a torus the window wraps around, with zeros it does not. No rounding
    is allowed: a difference in rounding is information from outside, and a walk of many steps amplifies it.

    Usually: the window is larger than claimed or off its centre, it wraps where it should see zeros (or the other way),
    or all pixels share one maximum or normalisation
    """
    return _out_of_sight(case, drawn, rng, np.eye(case.shape[0] * case.shape[1]))


@law("who is heard", needs=("hears",))
def who_is_heard(case: Case, drawn: Drawn, rng: np.random.Generator) -> Finding:
    """A pixel's estimate depends on its own window and on those of the pixels that it hears, A[p, q] > 0, and on nothing else.

    Pixels are counted in reading order, and row p of A says whom p hears. As for 'window', no bit may differ.

    Usually: the map is used transposed, pixels are counted column by column, or all pixels share one maximum
    """
    attention = np.asarray(case.attention)
    return _out_of_sight(case, drawn, rng, np.eye(len(attention)) + attention)


def _out_of_sight(case, drawn, rng, reach):
    """The Finding where one pixel of x changes, and the answer may change only at p with reach[p, q] > 0 for a q that sees it."""
    height, width, channels = case.shape
    k, x = case.k(drawn.t), drawn.x[:1]
    row, column = int(rng.integers(height)), int(rng.integers(width))
    numbered = np.arange(1.0, height * width + 1).reshape(height, width, 1)
    sees = (windows(numbered, k, case.boundary) == numbered[row, column, 0]).any(axis=1)
    may = (reach @ sees > 0).reshape(height, width, 1)
    if may.all():
        raise NotApplicable(f"a window of side {k} sees all of a {height} x {width} image, or each pixel hears one that does")
    other = x.copy()
    other[0, row, column] += 3 * case.spread * (1 + rng.random(channels))
    gap = np.where(may, 0.0, case.ask(other, drawn.t) - case.ask(x, drawn.t))
    return compared(gap, 0.0, before=f"only (row {row}, column {column}) of x was changed, but the answer changed at ")


@law("shifts", needs=("equivariant",))
def shifts(case: Case, drawn: Drawn, rng: np.random.Generator) -> Finding:
    """On a torus an equivariant denoiser commutes with every shift: f(shift x) = shift f(x) (KG).

    ES and circular ELS do, and so does every convolutional network with circular padding.

    Usually: windows that do not wrap around, a padding of zeros, candidates tied to their own place, or rows and columns swapped
    """
    height, width, _ = case.shape
    if height * width == 1:
        raise NotApplicable("an image of one pixel has no shifts")
    by = divmod(int(rng.integers(1, height * width)), width)
    gap = case.ask(np.roll(drawn.x, by, (1, 2)), drawn.t) - np.roll(case.ask(drawn.x, drawn.t), by, (1, 2))
    return compared(gap, case.rounding(drawn.x, drawn.t), f", after a shift by {by[0]} down and {by[1]} across")


@law("padding pattern", needs=("boundary",))
def padding_pattern(case: Case, drawn: Drawn, rng: np.random.Generator) -> Finding:
    """With zero padding, pixels with the same padding pattern that see the same give the same answer (KG, boundary-broken).

    On each axis a pixel nearer than k // 2 to the border sees its index from the padding, and any other pixel sees nothing of
    it. So all inner pixels have one pattern, pixels at one distance along one edge have one, and a pixel in a corner has a
    pattern of its own. If the window of p is copied to a pixel u with the same pattern, u gets the answer that p had.

    Usually: inner pixels are not all alike: candidates tied to their place, or the row's pattern used for the column
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
    where = f"pixel (row {u[0]}, column {u[1]}), which was shown what (row {p[0]}, column {p[1]}) saw"
    return Finding(float(np.abs(gap).max()), case.rounding(x, drawn.t), where)


def in_single(case: Case, x: Array, t: float) -> Array:
    """The answer to x (B, H, W, C) float32; NotApplicable if the denoiser takes float64 only."""
    try:
        return read_answer(case.call(x.copy(), t), x, t)
    except Raised as why:
        if isinstance(why.error, REFUSALS):
            raise NotApplicable(f"it takes float64 only: float32 raises {type(why.error).__name__}") from why
        raise Malformed(f"in float32 {why}", x, t) from why


@law("single precision", tries=8)
def single_precision(case: Case, drawn: Drawn, rng: np.random.Generator) -> Finding:
    """In float32 a denoiser gives the same answer as in float64, up to about eps32 (1 + d / (2 s^2)) of the range.

    d is the squared distance of what is compared; here it is the largest that is possible.

    Usually: a sum of squares expanded as |x|^2 - 2 x y + |y|^2, whose digits cancel, or float16 somewhere
    """
    if case.dtype is np.float32:
        raise NotApplicable("it takes float32 only, and is asked in float32 by every law")
    x = drawn.x.astype(np.float32)
    coarser = max(float(np.finfo(np.float32).eps) / case.eps, 1.0)
    return compared(in_single(case, x, drawn.t) - case.ask(x.astype(np.float64), drawn.t), case.rounding(x, drawn.t) * coarser)
