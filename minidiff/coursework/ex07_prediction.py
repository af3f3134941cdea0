"""Exercise 07: calibrating the window, and measuring the agreement. Its gaps, their questions and the common mistakes."""

from collections.abc import Sequence

import numpy as np

from ..measures.metrics import agreement as measured
from ..types import Array
from .denoisers import draw
from .marking import Exercise, Gap, Slip, with_arguments


def _cosine(p, q):
    p, q = (one.reshape(len(one), -1) for one in (p, q))
    return (p * q).sum(axis=1) / np.sqrt((p * p).sum(axis=1) * (q * q).sum(axis=1))


def similarity(x: Array, ours: Array, theirs: Array, a: float, s: float) -> Array:
    """The cosine (B,) between the noise directions of two denoisers, for each image."""
    return _cosine((x - a * ours) / s, (x - a * theirs) / s)


def _all_images_at_once(x, ours, theirs, a, s):
    p, q = (((x - a * one) / s).ravel() for one in (ours, theirs))
    return np.full(len(x), p @ q / np.sqrt(p @ p * (q @ q)))


def _centred(x, ours, theirs, a, s):
    return _cosine(*(((x - a * y) - (x - a * y).mean(axis=(1, 2, 3), keepdims=True)) for y in (ours, theirs)))


def _product(x, ours, theirs, a, s):
    return ((x - a * ours) / s * (x - a * theirs) / s).sum(axis=(1, 2, 3))


def _squares(x, ours, theirs, a, s):
    p, q = (((x - a * y) / s).reshape(len(x), -1) for y in (ours, theirs))
    return (p * q).sum(axis=1) / ((p * p).sum(axis=1) * (q * q).sum(axis=1))


SIMILARITY = Gap(
    "similarity",
    similarity,
    questions=(
        {
            "x": np.array([1.0, 0.0]).reshape(1, 1, 2, 1),
            "ours": np.array([0.0, 0.5]).reshape(1, 1, 2, 1),
            "theirs": np.array([0.5, 0.5]).reshape(1, 1, 2, 1),
            "a": 0.8,
            "s": 0.6,
        },
        {"x": draw(0, 3, 2, 3, 1), "ours": draw(1, 3, 2, 3, 1), "theirs": draw(2, 3, 2, 3, 1), "a": 0.7, "s": 0.4},
        {"x": draw(3, 2, 2, 2, 2), "ours": draw(4, 2, 2, 2, 2), "theirs": draw(5, 2, 2, 2, 2), "a": 0.5, "s": 0.9},
    ),
    slips=(
        Slip(
            "You compare the estimates x0_hat. Compare the noise directions, (x - a x0_hat) / s: near the end of a walk, all "
            "estimates are alike.",
            lambda x, ours, theirs, a, s: _cosine(ours, theirs),
        ),
        Slip(
            "It looks as if you forgot the factor a: eps_hat = (x - a x0_hat) / s.", with_arguments(similarity, a=lambda a: 1.0)
        ),
        Slip(
            "It is one number for all images, but each image has a cosine of its own. Keep the axis B, as `flat` does.",
            _all_images_at_once,
        ),
        Slip("You subtracted the mean first: that gives Pearson's r. For a cosine, do not subtract the mean.", _centred),
        Slip("The inner product is not divided by the two lengths.", _product),
        Slip("You divide by the squares of the lengths. The roots are missing.", _squares),
        Slip("This is the angle. Return its cosine.", lambda *given: np.arccos(similarity(*given))),
    ),
)


def best_windows(similarities: Array, windows: Sequence[int]) -> Array:
    """The window (B,) of the highest similarity, for each image."""
    return np.array(windows)[similarities.argmax(axis=0)]


SIMILAR = np.array([[0.9, 0.2, 0.5, 0.1], [0.3, 0.8, 0.6, 0.2], [0.1, 0.4, 0.7, 0.3]])
BEST = Gap(
    "best_windows",
    best_windows,
    questions=(
        {"similarities": np.array([[0.9], [0.2]]), "windows": [3, 5]},
        {"similarities": SIMILAR, "windows": [3, 5, 7]},
        {"similarities": draw(6, 5, 4), "windows": [3, 5, 7, 9, 13]},
    ),
    slips=(
        Slip(
            "These are positions in `windows`, not windows. Use np.array(windows)[...] to look them up.",
            lambda similarities, windows: similarities.argmax(axis=0),
        ),
        Slip(
            "This is the least similar window. A larger cosine means a smaller angle, so use argmax.",
            lambda similarities, windows: np.array(windows)[similarities.argmin(axis=0)],
        ),
        Slip(
            "The maximum is taken over the images. There are K rows, one for each window, so use axis=0.",
            lambda similarities, windows: np.array(windows)[similarities.argmax(axis=1)],
        ),
        Slip(
            "These are the highest similarities. Return the windows that have them.",
            lambda found, windows: found.max(axis=0),
        ),
        Slip(
            "This is one window for all images, the best on average. Each image has its own best window; the median comes later.",
            lambda found, windows: np.full(found.shape[1], np.array(windows)[found.mean(axis=1).argmax()]),
        ),
    ),
)


def window_of_step(chosen: Array) -> int:
    """The lower median of the windows that the images chose."""
    return int(np.sort(chosen)[(len(chosen) - 1) // 2])


def _most_frequent(chosen):
    values, counts = np.unique(chosen, return_counts=True)
    return int(values[counts.argmax()])


MIDDLE = "gives the mean of the two middle numbers if B is even, and there is no window of 4. Take the lower of the two."
STEP = Gap(
    "window_of_step",
    window_of_step,
    questions=(
        {"chosen": np.array([3, 3, 5])},
        {"chosen": np.array([3, 5])},
        {"chosen": np.array([13, 3, 7])},
        {"chosen": np.array([9, 13, 5, 13, 3, 7])},
    ),
    slips=(
        Slip(f"np.median {MIDDLE}", np.median),
        Slip(f"np.median {MIDDLE}", lambda chosen: int(np.median(chosen))),
        Slip(
            "Take the lower of the two middle numbers: its index is (B - 1) // 2, not B // 2.", lambda c: np.sort(c)[len(c) // 2]
        ),
        Slip("Sort the entries first.", lambda chosen: chosen[(len(chosen) - 1) // 2]),
        Slip("This is the mean. A single image that chose 13 would change it: take the median.", np.mean),
        Slip("This is the most frequent window. Take the median.", _most_frequent),
        Slip("This is the smallest window. Take the median.", np.min),
        Slip("This is the largest window. Take the median.", np.max),
    ),
)


# --- agreement --------------------------------------------------------------------------------------------------------


def agreement(predicted: Array, reference: Array) -> tuple[Array, Array, Array]:
    """(r, r^2, R^2) of each sample, each (B,)."""
    found = measured(predicted, reference)
    return found.r, found.r_squared, found.determination


def _flat(*images):
    return [one.reshape(len(one), -1) for one in images]


def _with(part, gives):
    """`agreement` with a mistake: gives(p, q), of the flattened samples, replaces one part of the answer."""

    def mistaken(predicted, reference):
        found = list(agreement(predicted, reference))
        found[part] = gives(*_flat(predicted, reference))
        return tuple(found)

    return mistaken


def _residual(p, q):
    return ((p - q) ** 2).sum(axis=1)


def _spread(p):
    return ((p - p.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)


def _shared_mean(p, q):
    return _cosine(p - p.mean(), q - q.mean())


def _all_samples(p, q):
    return np.full(len(p), np.corrcoef(p.ravel(), q.ravel())[0, 1])


RAMP = np.array([-1.0, 0.0, 1.0]).reshape(1, 1, 3, 1)
AGREEMENT = Gap(
    "agreement",
    agreement,
    questions=(
        {"predicted": 2 * RAMP, "reference": RAMP},
        {"predicted": RAMP + 1, "reference": RAMP},
        {"predicted": 0.3 + draw(7, 3, 2, 3, 1), "reference": draw(8, 3, 2, 3, 1) - 0.2},
    ),
    parts=("r", "r_squared", "determination"),
    slips=(
        Slip(
            "The means are not subtracted, so this is a cosine. For r, subtract from each sample its mean first.",
            _with(0, _cosine),
        ),
        Slip(
            "You subtract one mean from all samples. Each sample has its own mean, mean(axis=1, keepdims=True).",
            _with(0, _shared_mean),
        ),
        Slip(
            "It is one number for all samples, but each sample has its own r. Keep the axis B, as `flat` does.",
            _with(0, _all_samples),
        ),
        Slip("This is r^2. The first entry is r.", _with(0, lambda p, q: _cosine(*_centred_both(p, q)) ** 2)),
        Slip(
            "This is r itself, not its square. (A published script printed r and labelled it r^2.)",
            _with(1, lambda p, q: _cosine(*_centred_both(p, q))),
        ),
        Slip("This is R^2. r_squared is the square of r.", _with(1, lambda p, q: 1 - _residual(p, q) / _spread(q))),
        Slip(
            "This is r^2. R^2 is another number, 1 - SS_res / SS_tot: a wrong contrast makes R^2 smaller, but not r^2.",
            _with(2, lambda p, q: _cosine(*_centred_both(p, q)) ** 2),
        ),
        Slip(
            "SS_tot is the reference's spread, not the prediction's. R^2 changes if the two are swapped.",
            _with(2, lambda p, q: 1 - _residual(p, q) / _spread(p)),
        ),
        Slip(
            "The reference's mean is not subtracted in SS_tot, which is the sum of (reference - its mean)^2.",
            _with(2, lambda p, q: 1 - _residual(p, q) / (q**2).sum(axis=1)),
        ),
        Slip("This is SS_res / SS_tot. R^2 is 1 - SS_res / SS_tot.", _with(2, lambda p, q: _residual(p, q) / _spread(q))),
        Slip(
            "You subtracted the means in SS_res. It is the sum of (predicted - reference)^2, without any means.",
            _with(2, lambda p, q: 1 - _residual(*_centred_both(p, q)) / _spread(q)),
        ),
        Slip(
            "One of SS_res and SS_tot is a sum, and the other is a mean. Use sums for both, or means for both.",
            _with(2, lambda p, q: 1 - _residual(p, q) / (_spread(q) / q.shape[1])),
        ),
    ),
)


def _centred_both(p, q):
    return [one - one.mean(axis=1, keepdims=True) for one in (p, q)]


# --- all of it ---------------------------------------------------------------------------------------------------------

ROTATED = (1, 3, 5, 7)


def _together(names):
    """Check a step of a calibration, which must find the nearest of made-up denoisers; the angles of their noise are known."""
    x, theirs, a, s = draw(20, 5, 3, 3, 1), draw(21, 5, 3, 3, 1), 0.6, 0.8
    direction, other = (x - a * theirs) / s, draw(22, 5, 3, 3, 1)
    # The angle grows with the distance of k from 5. The lengths grow with k, which must not matter.
    eps = [3.0**k * (direction + 0.3 * abs(k - 5) * other) for k in ROTATED]
    ours = [(x - s * one) / a for one in eps]
    try:
        found = np.array([names["similarity"](x, one, theirs, a, s) for one in ours])
        window = names["window_of_step"](names["best_windows"](found, list(ROTATED)))
        r, squared, determination = names["agreement"](2 * theirs, theirs)
    except Exception as error:
        return False, f"a step of a calibration raises {type(error).__name__}: {error}"
    words = f"a step of a calibration finds window {window}, and 5 is right; with twice the contrast, r = {np.median(r):.2f}"
    return bool(window == 5 and np.allclose(squared, 1) and (determination < 1).all()), words


EXERCISE = Exercise("07", "the theory predicts the network", (SIMILARITY, BEST, STEP, AGREEMENT), _together)
