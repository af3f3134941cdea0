"""Exercise 07: calibrating the window, and measuring the agreement. Its gaps, their questions and the common mistakes."""

from collections.abc import Sequence

import numpy as np

from ..types import Array
from .denoisers import draw
from .marking import Exercise, gap
from .slips import slips


def flat(images: Array) -> Array:
    """Images (B, H, W, C) as vectors (B, H W C)."""
    return images.reshape(len(images), -1)


def cosine(p: Array, q: Array) -> Array:
    """The cosines (B,) between vectors (B, P)."""
    return (p * q).sum(axis=1) / np.sqrt((p * p).sum(axis=1) * (q * q).sum(axis=1))


def centred(p: Array) -> Array:
    """Vectors (B, P), each without its mean."""
    return p - p.mean(axis=1, keepdims=True)


def similarity(x: Array, ours: Array, theirs: Array, a: float, s: float) -> Array:
    """The cosine (B,) between the noise directions of two denoisers, for each image."""
    p, q = (flat(x - a * x0_hat) / s for x0_hat in (ours, theirs))
    return cosine(p, q)


SIMILARITY = gap(
    similarity,
    (*(np.array(pair).reshape(1, 1, 2, 1) for pair in ([1.0, 0.0], [0.0, 0.5], [0.5, 0.5])), 0.8, 0.6),
    (*draw(0, 3, 3, 2, 3, 1), 0.7, 0.4),
    (*draw(1, 3, 2, 2, 2, 2), 0.5, 0.9),
    slips=slips("""
        return cosine(flat(ours), flat(theirs))
            # You compare the estimates x0_hat, which are all alike near the end. Compare the noise, (x - a x0_hat) / s.
        a = 1.0  # It looks as if you forgot the factor a: eps_hat = (x - a x0_hat) / s.
        flat(x - a * x0_hat) -> (x - a * x0_hat).reshape(1, -1).repeat(len(x), axis=0)
        return np.array(cosine(*(flat(x - a * x0_hat) / s for x0_hat in (ours, theirs))).mean())
            # It is one number for all images, but each image has a cosine of its own. Keep the axis B, as `flat` does.
        cosine(p, q) -> cosine(centred(p), centred(q))
            # You subtracted the mean first: that gives Pearson's r. For a cosine, do not subtract the mean.
        cosine(p, q) -> (p * q).sum(axis=1) / (np.linalg.norm(p) * np.linalg.norm(q))
            # The lengths are those of all images together. Each image has lengths of its own: sum along axis=1.
        cosine(p, q) -> (p * q).sum(axis=1)  # The inner product is not divided by the two lengths.
        cosine(p, q) -> (p * q).sum(axis=1) / ((p * p).sum(axis=1) * (q * q).sum(axis=1))
            # You divide by the squares of the lengths. The roots are missing.
        cosine(p, q) -> np.arccos(cosine(p, q))  # This is the angle. Return its cosine.
    """),
)


def best_windows(similarities: Array, windows: Sequence[int]) -> Array:
    """The window (B,) of the highest similarity, for each image."""
    return np.array(windows)[similarities.argmax(axis=0)]


BEST = gap(
    best_windows,
    (np.array([[0.9], [0.2]]), [3, 5]),
    (np.array([[0.9, 0.2, 0.5, 0.1], [0.3, 0.8, 0.6, 0.2], [0.1, 0.4, 0.7, 0.3]]), [3, 5, 7]),
    (draw(6, 5, 4), [3, 5, 7, 9, 13]),
    slips=slips("""
        return similarities.argmax(axis=0)  # These are positions in `windows`, not windows. Look them up: np.array(windows)[...].
        argmax -> argmin  # This is the least similar window. A larger cosine means a smaller angle, so use argmax.
        argmax(axis=0) -> argmax()  # The maximum is over the whole table. Each image, a column, has its own: axis=0.
        axis=0 -> axis=1  # The maximum is taken over the images. There are K rows, one for each window, so use axis=0.
        return similarities.max(axis=0)  # These are the highest similarities. Return the windows that have them.
        return np.full(similarities.shape[1], np.array(windows)[similarities.mean(axis=1).argmax()])
            # This is one window for all images, the best on average. Each image has its own best window; the median comes later.
    """),
)


def window_of_step(chosen: Array) -> int:
    """The lower median of the windows that the images chose."""
    return int(np.sort(chosen)[(len(chosen) - 1) // 2])


STEP = gap(
    window_of_step,
    (np.array([3, 3, 5]),),
    (np.array([3, 5]),),
    (np.array([13, 3, 7]),),
    (np.array([9, 13, 5, 13, 3, 7]),),
    (np.array([5, 3, 13, 9, 7]),),
    (np.array([3, 3, 13, 3, 9]),),
    slips=slips("""
        return np.median(chosen)
        return int(np.median(chosen))
            # If B is even, np.median gives the mean of the two middle numbers. But there is no window of 4: take the lower one.
        (len(chosen) - 1) // 2 -> len(chosen) // 2  # Take the lower of the two middle numbers, of index (B - 1) // 2, not B // 2.
        (len(chosen) - 1) // 2 -> (len(chosen) + 1) // 2
            # Your entry is one or two too far. Python counts from 0, so the lower middle one of B entries is not (B + 1) // 2.
        chosen = np.unique(chosen)  # A window that several images chose counts once. It must count as often as it was chosen.
        np.sort(chosen) -> chosen  # Sort the entries first.
        return chosen.mean()  # This is the mean. A single image that chose 13 would change it: take the median.
        return np.bincount(chosen).argmax()  # This is the most frequent window. Take the median.
        return chosen.min()  # This is the smallest window. Take the median.
        return chosen.max()  # This is the largest window. Take the median.
    """),
)


# --- agreement --------------------------------------------------------------------------------------------------------


def agreement(predicted: Array, reference: Array) -> tuple[Array, Array, Array]:
    """(r, r^2, R^2) of each sample, each (B,)."""
    p, q = flat(predicted), flat(reference)
    r = cosine(centred(p), centred(q))
    return r, r**2, 1 - ((p - q) ** 2).sum(axis=1) / (centred(q) ** 2).sum(axis=1)


RAMP = np.array([-1.0, 0.0, 1.0]).reshape(1, 1, 3, 1)
AGREEMENT = gap(
    agreement,
    (2 * RAMP, RAMP),
    (RAMP + 1, RAMP),
    (0.3 + draw(7, 3, 2, 3, 1), draw(8, 3, 2, 3, 1) - 0.2),
    parts=("r", "r_squared", "determination"),
    slips=slips("""
        cosine(centred(p), centred(q)) -> cosine(p, q)
            # The means are not subtracted, so this is a cosine. For r, subtract from each sample its mean first.
        cosine(centred(p), centred(q)) -> cosine(p - p.mean(), q - q.mean())
            # You subtract one mean from all samples. Each sample has its own mean, mean(axis=1, keepdims=True).
        cosine(centred(p), centred(q)) -> cosine(p - p.mean(axis=1), q - q.mean(axis=1))
            # The means of B samples have the shape (B,), which does not fit (B, P). Keep the axis: mean(axis=1, keepdims=True).
        cosine(centred(p), centred(q)) -> np.full(len(p), np.corrcoef(p.ravel(), q.ravel())[0, 1])
            # It is one number for all samples, but each sample has its own r. Keep the axis B, as `flat` does.
        return r, -> return r**2,  # This is r^2. The first entry is r.
        r**2, -> r,  # This is r itself, not its square. (A published script printed r and labelled it r^2.)
        r**2, -> 1 - ((p - q) ** 2).sum(axis=1) / (centred(q) ** 2).sum(axis=1),  # This is R^2. r_squared is the square of r.
        1 - ((p - q) ** 2).sum(axis=1) / (centred(q) ** 2).sum(axis=1) -> r**2
            # This is r^2. R^2 is another number, 1 - SS_res / SS_tot: a wrong contrast makes R^2 smaller, but not r^2.
        (centred(q) ** 2) -> (centred(p) ** 2)
            # SS_tot is the reference's spread, not the prediction's. R^2 changes if the two are swapped.
        (centred(q) ** 2) -> (q**2)  # The reference's mean is not subtracted in SS_tot, the sum of (reference - its mean)^2.
        return r, r**2, 1 - -> return r, r**2, 1 - (; (centred(q) ** 2).sum(axis=1) -> (centred(q) ** 2).sum(axis=1)) ** 0.5
            # You took a root. R^2 is made of sums of squares as they are.
        1 - ((p - q) -> ((p - q)  # This is SS_res / SS_tot. R^2 is 1 - SS_res / SS_tot.
        (p - q) ** 2 -> (centred(p) - centred(q)) ** 2
            # You subtracted the means in SS_res. It is the sum of (predicted - reference)^2, without any means.
        (centred(q) ** 2).sum(axis=1) -> (centred(q) ** 2).mean(axis=1)
            # One of SS_res and SS_tot is a sum, and the other is a mean. Use sums for both, or means for both.
    """),
)

# --- all of it ---------------------------------------------------------------------------------------------------------

ROTATED = (1, 3, 5, 7)


def _together(names):
    """Check a step of a calibration, which must find the nearest of made-up denoisers; the angles of their noise are known."""
    x, theirs, a, s = draw(20, 5, 3, 3, 1), draw(21, 5, 3, 3, 1), 0.6, 0.8
    direction, other = (x - a * theirs) / s, draw(22, 5, 3, 3, 1)
    # The angle grows with the distance of k from 5. The lengths grow with k, which must not matter.
    eps = [3.0**k * (direction + 0.3 * abs(k - 5) * other) for k in ROTATED]
    found = np.array([names["similarity"](x, (x - s * one) / a, theirs, a, s) for one in eps])
    window = names["window_of_step"](names["best_windows"](found, list(ROTATED)))
    r, squared, determination = names["agreement"](2 * theirs, theirs)
    words = f"a step of a calibration finds window {window}, and 5 is right; with twice the contrast, r = {np.median(r):.2f}"
    return bool(window == 5 and np.allclose(squared, 1) and (determination < 1).all()), words


EXERCISE = Exercise("07", "the theory predicts the network", (SIMILARITY, BEST, STEP, AGREEMENT), _together)
