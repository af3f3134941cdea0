"""Exercise 07: the calibration of the window, and the agreement."""

import numpy as np

from ..measures.metrics import agreement as measured
from .denoisers import draw
from .marking import Exercise, Gap, Slip, with_arguments


def _cosine(p, q):
    p, q = (one.reshape(len(one), -1) for one in (p, q))
    return (p * q).sum(axis=1) / np.sqrt((p * p).sum(axis=1) * (q * q).sum(axis=1))


def similarity(x, ours, theirs, a, s):
    """The cosine of two noise directions, for each image."""
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
            "You compare the estimates x0_hat. The noise directions are asked for, (x - a x0_hat) / s: near the end of a walk "
            "all estimates are alike.",
            lambda x, ours, theirs, a, s: _cosine(ours, theirs),
        ),
        Slip(
            "It looks as if you forgot the factor a: eps_hat = (x - a x0_hat) / s.", with_arguments(similarity, a=lambda a: 1.0)
        ),
        Slip(
            "It is one number for all images: each image has a cosine of its own. Keep the axis B, as `flat` does.",
            _all_images_at_once,
        ),
        Slip("You took the mean off first: that is Pearson's r. A cosine leaves the mean where it is.", _centred),
        Slip("The product is not divided by the two lengths.", _product),
        Slip("You divide by the squares of the lengths: the roots are missing.", _squares),
        Slip("This is the angle: its cosine is asked for.", lambda *given: np.arccos(similarity(*given))),
    ),
)


def best_windows(similarities, windows):
    """The window of the highest similarity, for each image."""
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
            "These are positions in `windows`, not windows: look them up, np.array(windows)[...].",
            lambda similarities, windows: similarities.argmax(axis=0),
        ),
        Slip(
            "It is the least similar window: a larger cosine is a smaller angle, so take argmax.",
            lambda similarities, windows: np.array(windows)[similarities.argmin(axis=0)],
        ),
        Slip(
            "The maximum is taken along the images: there are K rows, one for each window, so axis=0.",
            lambda similarities, windows: np.array(windows)[similarities.argmax(axis=1)],
        ),
        Slip(
            "These are the highest similarities: the windows that reach them are asked for.",
            lambda found, windows: found.max(axis=0),
        ),
        Slip(
            "It is one window for all images, the best on average: each image chooses for itself, the median comes later.",
            lambda found, windows: np.full(found.shape[1], np.array(windows)[found.mean(axis=1).argmax()]),
        ),
    ),
)


def window_of_step(chosen):
    """The lower median."""
    return int(np.sort(chosen)[(len(chosen) - 1) // 2])


def _most_frequent(chosen):
    values, counts = np.unique(chosen, return_counts=True)
    return int(values[counts.argmax()])


MIDDLE = "takes the mean of the two middle ones when B is even, and there is no window of 4: take the lower of the two."
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
        Slip("Of the two middle ones the lower is asked for: index (B - 1) // 2, not B // 2.", lambda c: np.sort(c)[len(c) // 2]),
        Slip("The entries have to be sorted first.", lambda chosen: chosen[(len(chosen) - 1) // 2]),
        Slip("This is the mean: one image that chose 13 would move it. Take the median.", np.mean),
        Slip("This is the most frequent window: take the median.", _most_frequent),
        Slip("This is the smallest window: take the median.", np.min),
        Slip("This is the largest window: take the median.", np.max),
    ),
)


# --- agreement --------------------------------------------------------------------------------------------------------


def agreement(predicted, reference):
    """(r, r^2, R^2) of each sample."""
    found = measured(predicted, reference)
    return found.r, found.r_squared, found.determination


def _flat(*images):
    return [one.reshape(len(one), -1) for one in images]


def _with(part, gives):
    """`agreement` with a mistake in one part: gives(p, q) of the flattened samples."""

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
            "The means are not taken off: this is a cosine. r compares what is left of each sample without its mean.",
            _with(0, _cosine),
        ),
        Slip(
            "One mean is shared by all samples: each sample has its own, mean(axis=1, keepdims=True).",
            _with(0, _shared_mean),
        ),
        Slip(
            "It is one number for all samples: each sample has its own r. Keep the axis B, as `flat` does.",
            _with(0, _all_samples),
        ),
        Slip("This is r^2: r comes first.", _with(0, lambda p, q: _cosine(*_centred_both(p, q)) ** 2)),
        Slip(
            "This is r itself, not its square. (A published script printed r and labelled it r^2.)",
            _with(1, lambda p, q: _cosine(*_centred_both(p, q))),
        ),
        Slip("This is R^2: r_squared is the square of r.", _with(1, lambda p, q: 1 - _residual(p, q) / _spread(q))),
        Slip(
            "This is r^2, and R^2 is another number: 1 - SS_res / SS_tot. It charges for a wrong contrast, and r^2 does not.",
            _with(2, lambda p, q: _cosine(*_centred_both(p, q)) ** 2),
        ),
        Slip(
            "SS_tot is the reference's spread, not the prediction's: which of the two is the truth matters to R^2.",
            _with(2, lambda p, q: 1 - _residual(p, q) / _spread(p)),
        ),
        Slip(
            "SS_tot is taken without the reference's mean: sum of (reference - its mean)^2.",
            _with(2, lambda p, q: 1 - _residual(p, q) / (q**2).sum(axis=1)),
        ),
        Slip("The 1 - is missing: this is SS_res / SS_tot.", _with(2, lambda p, q: _residual(p, q) / _spread(q))),
        Slip(
            "SS_res is of the samples as they are: their means are not taken off for it.",
            _with(2, lambda p, q: 1 - _residual(*_centred_both(p, q)) / _spread(q)),
        ),
        Slip(
            "SS_res is a sum and SS_tot a mean, or the other way round: use the same for both.",
            _with(2, lambda p, q: 1 - _residual(p, q) / (_spread(q) / q.shape[1])),
        ),
    ),
)


def _centred_both(p, q):
    return [one - one.mean(axis=1, keepdims=True) for one in (p, q)]


# --- all of it ---------------------------------------------------------------------------------------------------------

ROTATED = (1, 3, 5, 7)


def _together(names):
    """One step of a calibration on made-up denoisers whose noise directions lie at known angles: the nearest is to be found."""
    x, theirs, a, s = draw(20, 5, 3, 3, 1), draw(21, 5, 3, 3, 1), 0.6, 0.8
    direction, other = (x - a * theirs) / s, draw(22, 5, 3, 3, 1)
    # The angle grows with the distance of k from 5, and a larger length must not matter.
    eps = [3.0**k * (direction + 0.3 * abs(k - 5) * other) for k in ROTATED]
    ours = [(x - s * one) / a for one in eps]
    try:
        found = np.array([names["similarity"](x, one, theirs, a, s) for one in ours])
        window = names["window_of_step"](names["best_windows"](found, list(ROTATED)))
        r, squared, determination = names["agreement"](2 * theirs, theirs)
    except Exception as error:
        return False, f"a step of a calibration raises {type(error).__name__}: {error}"
    words = f"a step of a calibration finds window {window}, and 5 was hidden; at twice the contrast r = {np.median(r):.2f}"
    return bool(window == 5 and np.allclose(squared, 1) and (determination < 1).all()), words


EXERCISE = Exercise("07", "the theory predicts the network", (SIMILARITY, BEST, STEP, AGREEMENT), _together)
