"""The machines by their formula, in plain NumPy, with the ways in which such lines go wrong planted in them.

Every function takes the name of a bug. Where the bug is its own, the wrong line runs instead of the right one below it; any other
name, None too, changes nothing. A name is what went wrong in plain words, and is the row of the table in `planted.py`.
"""

import numpy as np

import minidiff as md
from minidiff.engine import soft_windows
from minidiff.machines import enlarged
from minidiff.machines.covariance import masked
from minidiff.machines.summary import windows_and_means
from minidiff.machines.wiener import masks, spectrum
from minidiff.testing import check_denoiser, practice_images
from minidiff.theory import equivariant_local

COSINE = md.schedules.cosine()
SPACING = 100  # seeds of a report's questions count up from the one given

# --- what is seen, and who may explain it ----------------------------------------------------------------------------


def side_of(window, t, bug):
    """The window's side at t, from a number or from a list from least to most noise."""
    if np.ndim(window) == 0:
        k = window
    elif bug == "the list of windows is read at floor(t L)":
        k = window[min(int(t * len(window)), len(window) - 1)]
    else:
        k = window[max(int(np.ceil(t * len(window) - 1e-9)) - 1, 0)]
    if bug == "windows wider than 3 are cut to 3, to save time":
        return min(k, 3)
    if bug == "the window is two pixels too small":
        return k - 2
    if bug == "the window is two pixels too large":
        return k + 2
    return k


def windows_of(images, k, boundary, bug, of):
    """The k x k window at every pixel, in reading order: images (B, H, W, C) as (B, H W, k k C)."""
    height, width = images.shape[1:3]
    before, after, modes = k // 2, k // 2, {"circular": "wrap", "zeros": "constant"}
    if bug == "the window is one pixel off its centre":
        before, after = before + 1, after - 1
    if bug == "training windows are not wrapped, the query's are" and of == "training":
        modes["circular"] = "constant"
    if bug == "windows wrap around where zeros are claimed":
        modes["zeros"] = "wrap"
    if bug == "the border is mirrored where zeros are claimed":
        modes["zeros"] = "reflect"
    across = modes[boundary]
    if bug == "windows wrap top to bottom only":
        across = "constant"
    padded = np.pad(images, ((0, 0), (before, after), (0, 0), (0, 0)), mode=modes[boundary])
    padded = np.pad(padded, ((0, 0), (0, 0), (before, after), (0, 0)), mode=across)
    offsets = [(i, j) for i in range(k) for j in range(k)]
    if bug == "rows and columns of the query's window are swapped" and of == "query":
        offsets = [(j, i) for i, j in offsets]
    planes = [padded[:, i : i + height, j : j + width] for i, j in offsets]
    return np.stack(planes, axis=3).reshape(len(images), height * width, -1)


def translated(image, down, across, bug, of):
    """One translation of image (H, W, C) on the torus."""
    if bug == "translations run off the edge, and zeros come in":
        moved = np.zeros_like(image)
        moved[: image.shape[0] - down, : image.shape[1] - across] = image[down:, across:]
        return moved
    if bug == "the answer is translated back, not along" and of == "value":
        return np.roll(image, (down, across), (0, 1))
    if bug == "dx and dy are swapped in the answer" and of == "value":
        return np.roll(image, (-across, -down), (0, 1))
    return np.roll(image, (-down, -across), (0, 1))


def orbit(images, bug, of):
    """Every translation of every image, flattened: (N H W, H W C)."""
    height, width = images.shape[1:3]
    if bug == "the last row of translations is left out":
        height -= 1
    shifts = [(down, across) for down in range(height) for across in range(width)]
    return np.stack([translated(image, *shift, bug, of).ravel() for image in images for shift in shifts])


def padding_index(size, k, bug):
    """What padding tells of the place on an axis: the index where padding is in sight, else -1."""
    index, d = np.arange(size), k // 2
    if bug == "the border is one pixel too wide":
        d += 1
    if bug == "the border is one pixel too narrow":
        d -= 1
    border = (index < d) | (index >= size - d)
    if bug == "the left border is taken for the right one":
        index = np.minimum(index, size - 1 - index)
    return np.where(border, index, -1)


def may_explain(height, width, k, shared, boundary, bug):
    """(H W, H W): whether pixel u of a training image may explain pixel p."""
    if not shared or bug == "only its own place may explain a pixel":
        return np.eye(height * width, dtype=bool)
    if boundary == "circular" or bug == "zero-padded windows are compared with all others":
        return np.ones((height * width, height * width), bool)
    rows, columns = (padding_index(size, k, bug) for size in (height, width))
    if bug == "a pixel near any border is tied to its place":
        inner = ((rows[:, None] < 0) & (columns < 0)).ravel()
        return np.outer(inner, inner) | np.eye(height * width, dtype=bool)
    same_row, same_column = (index[:, None] == index for index in (rows, columns))
    if bug == "the row's padding pattern is used for the column":
        return np.kron(same_column, same_row)
    return np.kron(same_row, same_column)


# --- the softmax over candidates -------------------------------------------------------------------------------------


def levels(schedule, t, bug):
    """Signal a and noise s at time t."""
    a, s = float(schedule.signal(t)), float(schedule.noise(t))
    if bug == "alpha_bar stands for a":
        return a * a, s
    if bug == "s is kept above 0.05, to be safe":
        return a, max(s, 0.05)
    return a, s


def as_noisy(keys, a, bug):
    """What candidates (..., P) would look like at signal level a."""
    if bug == "candidates without the factor a":
        return keys
    if bug == "candidates with the factor a twice":
        return a * a * keys
    return a * keys


def distances_of(seen, keys, bug):
    """Squared distances of seen (B, G, P) to keys (M, P): (B, G, M)."""
    if bug == "squares are expanded: x^2 - 2 x y + y^2":
        return (seen**2).sum(axis=2)[:, :, None] - 2 * seen @ keys.T + (keys**2).sum(axis=1)
    gaps = seen[:, :, None] - keys
    if bug == "differences are kept in half the precision":
        gaps = gaps.astype({8: np.float32, 4: np.float16}[gaps.itemsize])
    if bug == "absolute differences, not squared ones":
        return np.abs(gaps).sum(axis=3)
    if bug == "only the first channel is compared":
        return (gaps[..., ::2] ** 2).sum(axis=3)
    if bug == "the mean of the squares, not their sum":
        return (gaps**2).mean(axis=3)
    if bug == "the pixel itself is left out of its window":
        gaps = np.delete(gaps, gaps.shape[3] // 2, axis=3)
    return (gaps**2).sum(axis=3)


def exponents_of(distances, s, bug):
    """The logarithms of the weights, but for a constant."""
    if bug == "exponents are clipped at -700 before the largest is taken off":
        return np.maximum(-distances / (2 * s**2), -700)
    if bug == "s^2 is forgotten":
        return -distances / 2
    if bug == "the 2 of 2 s^2 is forgotten":
        return -distances / s**2
    if bug == "s stands for s^2":
        return -distances / (2 * s)
    return -distances / (2 * s**2)


def largest_of(exponents, bug):
    """What is taken off the exponents (B, G, M), so that the largest weight is 1."""
    if bug in ("no largest exponent is taken off", "no largest exponent is taken off, and 1e-300 is added to the sum"):
        return 0.0
    if bug == "one largest exponent for all queries":
        return exponents.max(axis=(0, 2), keepdims=True)
    if bug == "one largest exponent for all pixels":
        return exponents.max(axis=(1, 2), keepdims=True)
    return exponents.max(axis=2, keepdims=True)


def weights_of(exponents, bug):
    """The softmax of exponents (B, G, M)."""
    with np.errstate(over="ignore", invalid="ignore"):
        weights = np.exp(exponents - largest_of(exponents, bug))
        if bug == "candidates too weak for every pixel are skipped for all":
            weights = np.where(weights.max(axis=1, keepdims=True) > 1e-6, weights, 0)
        if bug == "the three nearest candidates count alike":
            weights = (exponents >= np.sort(exponents, axis=2)[:, :, -3:-2]).astype(exponents.dtype)
        if bug == "the nearest candidate answers alone":
            weights = (exponents == exponents.max(axis=2, keepdims=True)).astype(exponents.dtype)
        if bug == "the nearest candidate is passed over":
            weights = np.where(exponents < exponents.max(axis=2, keepdims=True), weights, 0) + 1e-30
        if bug == "the sum is divided by the number of candidates":
            return weights / weights.shape[2]
        if bug == "no largest exponent is taken off, and 1e-300 is added to the sum":
            return weights / (weights.sum(axis=2, keepdims=True) + 1e-300)
        if bug == "the softmax goes over the queries":
            return weights / weights.sum(axis=0)
        if bug == "the mass is added up over the whole batch":
            return weights / weights.sum(axis=(0, 2), keepdims=True)
        if bug == "each weight is divided by the next pixel's mass":
            return weights / np.roll(weights.sum(axis=2, keepdims=True), 1, axis=1)
        return weights / weights.sum(axis=2, keepdims=True)


# --- the machine -----------------------------------------------------------------------------------------------------


class Machine:
    """IS, ES (shared), LS (window) or ELS (both) of images (N, H, W, C), called as denoiser(x, t) -> x0_hat."""

    def __init__(self, images, window=None, boundary="circular", shared=False, schedule=COSINE, bug=None):
        self.images, self.window, self.boundary, self.shared = images, window, boundary, shared
        self.schedule, self.bug, self.kept = schedule, bug, {}
        if bug == "the first training image is never compared":
            self.images = images[1:]
        if bug == "an image that is there twice counts once":
            self.images = np.unique(images, axis=0)

    def __call__(self, x, t):
        if np.ndim(t):
            if self.bug == "the first query's time serves the whole batch":
                return self(x, t[0])
            return np.concatenate([self(x[b : b + 1], t[b]) for b in range(len(x))])
        if self.bug == "the levels of the first call are kept":
            t = self.kept.setdefault("t", t)
        if self.bug == "distances are kept from call to call, by shape and time":
            x = self.kept.setdefault((x.shape, t), x)
        a, s = levels(self.schedule, t, self.bug)
        if self.bug == "x is rescaled in place":
            x /= a
            return self.answer(x, 1.0, s / a)
        if self.bug == "x / a is compared, but over 2 s^2":
            return self.answer(x / a, 1.0, s)
        return self.answer(x, a, s, t)

    def answer(self, x, a, s, t=None):
        """x0_hat of x (B, H, W, C) at signal a and noise s."""
        bug = self.bug
        seen, keys, values, may = self.candidates(x, t)
        exponents = exponents_of(distances_of(seen, as_noisy(keys, a, bug).astype(x.dtype), bug), s, bug)
        if bug == "a random half of the candidates is compared, drawn anew in each call":
            may = may & (np.random.default_rng().random(may.shape[1]) < 0.5)
        weights = weights_of(np.where(may, exponents, -np.inf), bug)
        if bug == "a times the candidates is averaged":
            values = a * values
        if bug == "1 % of the training set's mean is mixed in":
            weights = 0.99 * weights + 0.01 * may / may.sum(axis=1, keepdims=True)
        x0_hat = (weights @ values).reshape(x.shape).astype(x.dtype)
        if bug == "rows and columns of the answer are swapped":
            return x0_hat.reshape(len(x), x.shape[2], x.shape[1], -1).swapaxes(1, 2)
        if bug == "eps_hat is returned":
            return (x - a * x0_hat) / s
        if bug == "the answer is divided by a":
            return x0_hat / a
        return x0_hat

    def candidates(self, x, t):
        """(seen (B, G, P), keys (M, P), values (M, D), may (G, M)): G posteriors a query, M candidates."""
        images, bug = self.images, self.bug
        count, height, width, channels = images.shape
        if self.window is None:
            if bug == "the sum of squares forgets an axis: each row has its own softmax":
                keys = images.reshape(count * height, -1)
                return x.reshape(len(x), height, -1), keys, keys, np.tile(np.eye(height, dtype=bool), count)
            keys = values = images.reshape(count, -1)
            if self.shared:
                keys, values = (orbit(images, bug, of) for of in ("key", "value"))
            return x.reshape(len(x), 1, -1), keys, values, np.ones((1, len(keys)), bool)
        k = side_of(self.window, t, bug)
        seen = windows_of(x, k, self.boundary, bug, "query")
        keys = windows_of(images, k, self.boundary, bug, "training").reshape(count * height * width, -1)
        values = images.reshape(-1, channels)
        if bug == "the window's first pixel answers, not its centre":
            values = keys[:, :channels]
        if bug == "the window's mean answers, not its centre":
            values = keys.reshape(len(keys), -1, channels).mean(axis=1)
        may = np.tile(may_explain(height, width, k, self.shared, self.boundary, bug), count)
        return seen, keys, values, may


def streamed(images, bug=None, size=4):
    """IS with the training set read `size` images at a time: a largest exponent so far, a mass and a sum."""

    def denoiser(x, t):
        a, s = levels(COSINE, float(t), bug)
        flat = x.reshape(len(x), -1)
        largest, mass, total = np.full((len(x), 1), -np.inf), 0.0, 0.0
        count = len(images) // size * size if bug == "a ragged last batch is dropped" else len(images)
        for start in range(0, count, size):
            batch = images[start : start + size].reshape(-1, flat.shape[1]).astype(x.dtype)
            exponents = -((flat[:, None] - a * batch) ** 2).sum(axis=2) / (2 * s**2)
            higher = np.maximum(largest, exponents.max(axis=1, keepdims=True))
            if bug in ("the batches' means are averaged", "the batches' means are averaged by their sizes"):
                largest = higher = exponents.max(axis=1, keepdims=True)
            weights, kept = np.exp(exponents - higher), np.exp(largest - higher)
            if bug == "the batches' means are averaged":
                weights = weights / weights.sum(axis=1, keepdims=True)
            if bug == "the batches' means are averaged by their sizes":
                weights = weights / weights.mean(axis=1, keepdims=True)
            if bug == "sums are not rescaled when the maximum rises":
                kept = 1.0
            mass, total, largest = kept * mass + weights.sum(axis=1, keepdims=True), kept * total + weights @ batch, higher
        return (total / mass).reshape(x.shape)

    return denoiser


# --- pooled evidence, and the best linear denoisers ------------------------------------------------------------------


def other_tiles(height, width, k, bug):
    """Attention (H W, H W) of each pixel to the centres of the tiles that cover the torus together with its own window."""
    near = [np.subtract.outer(np.arange(size), np.arange(size)) % k == 0 for size in (height, width)]
    table = np.kron(*near).astype(float)
    if bug != "a pixel hears itself too":
        table -= np.eye(height * width)
    return table / table.sum(axis=1, keepdims=True)


def log_sum(exponents, bug=None):
    """log sum exp over the last axis."""
    largest = exponents.max(axis=-1)
    total = np.log(np.exp(exponents - largest[..., None]).sum(axis=-1))
    if bug == "the largest exponent is taken off the evidence, and not put back":
        return total
    return largest + total


def pooled(images, k, table, strength, bug=None, shared=False):
    """AttentionScore on the torus: softmax over (n, u) of l[p, n, u] + g sum_q A[p, q] L[q, n], g = strength H W / k^2."""
    height, width, channels = images.shape[1:]
    pixels = height * width
    g = strength if bug == "g is taken as it is, not in units of H W / k^2" else strength * pixels / k**2
    if bug == "g is counted in units of H W / k^2, where it is raw":
        g *= pixels / k**2
    if bug == "attention is used transposed":
        table = table.T
    if bug == "a pixel hears itself in place of the other":
        table = np.eye(pixels)
    if bug == "attention counts pixels column by column":
        order = np.arange(pixels).reshape(height, width).T.ravel()
        table = table[np.ix_(order, order)]
    keys, may = windows_of(images, k, "circular", None, "training"), may_explain(height, width, k, shared, "circular", None)

    def denoiser(x, t):
        if np.ndim(t):
            raise TypeError("one time for all queries")
        a, s = float(COSINE.signal(t)), float(COSINE.noise(t))
        seen = windows_of(x, k, "circular", None, "query")
        gaps = seen[:, :, None, None] - (a * keys).astype(x.dtype)
        own = np.where(may[:, None], -(gaps**2).sum(axis=4) / (2 * s**2), -np.inf)
        evidence = log_sum(own, bug)
        if bug == "evidence is pooled over the whole batch":
            evidence = np.broadcast_to(evidence.mean(axis=0), evidence.shape)
        heard = np.einsum("pq,bqn->bpn", table, evidence)
        logs = (own + g * heard[..., None]).reshape(len(x), pixels, -1)
        weights = np.exp(logs - logs.max(axis=2, keepdims=True))
        x0_hat = weights @ images.reshape(-1, channels) / weights.sum(axis=2, keepdims=True)
        return x0_hat.reshape(x.shape).astype(x.dtype)

    return denoiser


def outside(images, k, bug):
    """sqrt(M) times the mean of the M pixels outside each window on the torus: images (B, H, W, C) as (B, H W, C)."""
    inside = windows_of(images, k, "circular", None, "query").reshape(len(images), images[0, ..., 0].size, k * k, -1)
    total, count = images.sum(axis=(1, 2))[:, None] - inside.sum(axis=2), images[0, ..., 0].size - k * k
    if bug == "the mean is over the whole image":
        total, count = total + inside.sum(axis=2), count + k * k
    if bug == "the mean outside counts as one pixel":
        return total / count
    return total / np.sqrt(count)


def hears_the_mean(images, bug):
    """SummaryScore on the torus, k = 3."""
    machine = Machine(images, 3, shared=True)
    windows_alone = machine.candidates

    def candidates(x, t):
        seen, keys, values, may = windows_alone(x, t)
        known = outside(images, 3, bug)
        if bug == "the means of the training images are those of the next place":
            known = np.roll(known, 1, axis=1)
        return np.dstack([seen, outside(x, 3, bug)]), np.vstack([keys.T, known.reshape(-1, images.shape[3]).T]).T, values, may

    machine.candidates = candidates
    return machine


def soft_window(images, bug, sigma=0.8):
    """SoftWindowScore on the torus, k = 3."""
    machine = Machine(images, 3, shared=True)
    windows_alone = machine.candidates
    rows, columns = np.indices((3, 3)) - 1
    weight = np.exp(-(rows**2 + columns**2) / (2 * sigma**2))
    factor = weight if bug == "the weight itself, not its root, is on what is squared" else np.sqrt(weight)
    factor = np.repeat(factor.ravel(), images.shape[3])

    def candidates(x, t):
        seen, keys, values, may = windows_alone(x, t)
        return factor * seen, factor * keys, values, may

    machine.candidates = candidates
    return machine


def patches(images, bug):
    """PatchScore of side 3 with zeros: what all patches that hold a pixel say of it, averaged."""
    height, width, channels = images.shape[1:]
    keys = windows_of(images, 3, "zeros", None, "training")
    inside = windows_of(np.ones((1, height, width, 1)), 3, "zeros", None, "query")[0]

    def denoiser(x, t):
        a, s = levels(COSINE, float(t), bug)
        laid, count = np.zeros((len(x), height + 2, width + 2, channels)), np.zeros((height + 2, width + 2, 1))
        for p, (i, j) in enumerate(np.ndindex(height, width)):
            seen = windows_of(x, 3, "zeros", None, "query")[:, None, p]
            weights = weights_of(exponents_of(distances_of(seen, as_noisy(keys[:, p], a, bug), bug), s, bug), bug)[:, 0]
            patch = (weights @ keys[:, p]).reshape(len(x), 3, 3, channels)
            laid[:, i : i + 3, j : j + 3] += patch
            count[i : i + 3, j : j + 3] += inside[p].reshape(3, 3, 1)
        if bug == "every pixel's sum is divided by 9, at the border too":
            count[:] = 9
        return (laid / np.maximum(count, 1))[:, 1:-1, 1:-1].astype(x.dtype)

    return denoiser


def data_locality(images, bug, threshold=0.3, size=3):
    """CovarianceScore, with the training set read `size` images at a time."""
    flat = images.reshape(len(images), -1, images.shape[3]).astype(np.float64)
    found = spectrum(images.astype(np.float64))

    def denoiser(x, t):
        if np.ndim(t):
            raise TypeError("one time for all queries")
        a, s = levels(COSINE, t, bug)
        mask = masks(images.shape[1:], found, a, s, threshold)
        if bug == "the filter's row weighs, with its signs":
            _, scale, directions = found
            part = (directions.T * (scale**2 / (a * a * scale**2 + s * s))) @ directions
            mask = part / part.diagonal()[:, None]
        seen, mass, total = x.reshape(len(x), 1, *flat.shape[1:]).astype(np.float64), 0.0, 0.0
        exponents = -(((seen - a * flat) ** 2).sum(axis=3) @ mask.T) / (2 * s**2)
        largest = exponents.max(axis=1, keepdims=True)
        for first in range(0, len(flat), size):
            batch = exponents[:, first : first + size]
            if bug == "the softmax is normalised inside each batch of images, and the batches are averaged":
                weights = np.exp(batch - batch.max(axis=1, keepdims=True))
                weights /= weights.sum(axis=1, keepdims=True)
            else:
                weights = np.exp(batch - largest)
            mass, total = mass + weights.sum(axis=1), total + np.einsum("bnp,npc->bpc", weights, flat[first : first + size])
        return (total / mass[..., None]).reshape(x.shape).astype(x.dtype)

    return denoiser


def smoothed(images, bug, sigma=0.05, draws=4):
    """SmoothedScore of IS: its answers to x + sigma z, averaged over the draws."""
    machine, z = Machine(images), np.random.default_rng(0).standard_normal((draws, *images.shape[1:]))

    def denoiser(x, t):
        if np.ndim(t):
            return np.concatenate([denoiser(x[b : b + 1], t[b]) for b in range(len(x))])
        noises = z[:, None]
        if bug == "the draws are made anew in each call":
            noises = np.random.default_rng().standard_normal((draws, *x.shape))
        if bug == "each query has draws of its own, by its place in the batch":
            noises = np.random.default_rng(0).standard_normal((draws, *x.shape))
        answers = [machine((x + sigma * one).astype(x.dtype), t) for one in noises]
        return np.mean(answers, axis=0)

    return denoiser


def guided_to_a_class(images, bug):
    """GuidedScore of IS with w = 1, where there are images of another class too: the ideal score of the class."""
    every, of_class, w = Machine(np.concatenate([images, OTHERS.astype(images.dtype)])), Machine(images), 1.0

    def denoiser(x, t):
        all_say, class_says = every(x, t), of_class(x, t)
        if bug == "guidance starts from the class, not from all":
            return class_says + w * (class_says - all_say)
        return (1 - w) * all_say + w * class_says

    return denoiser


def from_mirror_images(images, bug):
    """ELS over the images and their mirror images, left to right, on the torus."""
    mirrored = np.flip(images, 2)
    if bug == "the mirror image is turned upside down too":
        mirrored = np.flip(images, (1, 2))
    return Machine(np.stack([images, mirrored], axis=1).reshape(-1, *images.shape[1:]), 3, shared=True)


def wiener(images, bug=None):
    """x0_hat = m + a S (a^2 S + s^2 I)^-1 (x - a m)."""
    flat = images.reshape(len(images), -1).astype(np.float64)
    mean = np.zeros(flat.shape[1]) if bug == "the mean is forgotten" else flat.mean(axis=0)
    covariance = (flat - mean).T @ (flat - mean) / len(flat)
    if bug == "the mean square stands for the covariance":
        covariance = flat.T @ flat / len(flat)
    if bug == "pixels are taken to be independent":
        covariance = np.diag(np.diag(covariance))

    def denoiser(x, t):
        a, s = float(COSINE.signal(t)), float(COSINE.noise(t))
        noise = s if bug == "s stands for s^2 in the filter" else s**2
        gain = a * covariance @ np.linalg.inv(a * a * covariance + noise * np.eye(len(covariance)))
        centre = mean if bug == "x is centred on m, not on a m" else a * mean
        return (mean + (x.reshape(len(x), -1) - centre) @ gain.T).reshape(x.shape).astype(x.dtype)

    return denoiser


def local_wiener(images, bug=None):
    """LocalWiener on the torus, k = 3, one filter for all pixels: S and m are those of all windows."""
    seen = windows_of(images, 3, "circular", None, "training").astype(np.float64)
    mean = seen.mean(axis=(0, 1))
    flat = (seen - mean).reshape(-1, seen.shape[2])
    covariance, channels = flat.T @ flat / len(flat), images.shape[3]
    centre = slice(4 * channels, 5 * channels)
    whole = wiener(orbit(images, None, "key").reshape(-1, *images.shape[1:]))

    def denoiser(x, t):
        a, s = float(COSINE.signal(t)), float(COSINE.noise(t))
        gain = a * covariance[centre] @ np.linalg.inv(a * a * covariance + s**2 * np.eye(len(covariance)))
        if bug == "the filter of the whole image is cut to the window":
            grey = whole(np.zeros((1, *images.shape[1:])), t)
            pulse = np.eye(grey.size).reshape(-1, *images.shape[1:])
            gain = windows_of(whole(pulse, t) - grey, 3, "circular", None, "query")[:channels, 0].T
            gain = gain.reshape(9, channels, channels)[::-1].transpose(1, 0, 2).reshape(channels, -1)
        centres = mean[centre]
        if bug == "the mean image's pixel is the mean of one filter for all":
            centres = images.mean(axis=0).reshape(-1, channels)
        windows = windows_of(x, 3, "circular", None, "query")
        return (centres + (windows - a * mean) @ gain.T).reshape(x.shape).astype(x.dtype)

    return denoiser


# --- the places where bugs are planted, and the laws that they are held against ---------------------------------------

IMAGES = practice_images(count=6, height=6, width=5)
COLOUR = practice_images(count=5, height=4, width=5, channels=3, rng=1)
SMALL = practice_images(count=4, height=4, width=5)
TILED = practice_images(count=4, height=3, width=6)
# Its wide windows are at times at which only the law of every time asks.
TABLE = [1, 3, 1, 3, 3, 5, 5, 3, 3, 3]
TINY = practice_images(count=4, height=3, width=4)
WIDE = practice_images(count=4, height=3, width=8)
# Images of another class, for guidance.
OTHERS = practice_images(count=2, height=3, width=4, rng=2)
# Each pixel hears one that is 3 to 5 columns away: the windows of 3 share no pixel.
HEARD = np.eye(24)[[row * 8 + (column + 3 + (row + column) % 3) % 8 for row in range(3) for column in range(8)]]


def on_tiles(images, bug):
    """AttentionScore that is the ideal score (ours): co-located candidates, attention to the other tiles, g their number."""
    height, width = images.shape[1:3]
    tiles = height * width // 9
    return pooled(images, 3, other_tiles(height, width, 3, bug), (tiles - 1) / tiles, bug)


def one_heard(images, bug):
    """AttentionScore with raw g = 1, in which each pixel hears the one of `HEARD`."""
    return pooled(images, 3, HEARD, 9 / len(HEARD), bug, shared=True)


# Where: (make(images, bug) -> denoiser, training set, claims, options of check_denoiser).
PLACES = {
    "IS": (lambda images, bug: Machine(images, bug=bug), COLOUR, "IS", {}),
    "IS, batch by batch": (streamed, IMAGES, "IS", {}),
    "ES": (lambda images, bug: Machine(images, shared=True, bug=bug), SMALL, "ES", {}),
    "LS": (lambda images, bug: Machine(images, 3, bug=bug), COLOUR, "LS", {"window": 3}),
    "ELS": (lambda images, bug: Machine(images, 3, shared=True, bug=bug), IMAGES, "ELS", {"window": 3}),
    "ELS, list of windows": (
        lambda images, bug: Machine(images, TABLE, shared=True, bug=bug),
        IMAGES,
        "ELS",
        {"window": TABLE},
    ),
    "ELS, zeros": (
        lambda images, bug: Machine(images, 3, "zeros", shared=True, bug=bug),
        IMAGES,
        "ELS",
        {"window": 3, "boundary": "zeros"},
    ),
    "AttentionScore": (on_tiles, TILED, "IS", {}),
    "AttentionScore, one other heard": (one_heard, WIDE, ("ideal", "hears"), {"attention": HEARD, "window": 3}),
    "SummaryScore": (
        hears_the_mean,
        SMALL,
        ("ideal", "rule", "equivariant"),
        {"rule": lambda images, t: windows_and_means(images, 3, "circular")},
    ),
    "SoftWindowScore": (
        soft_window,
        TINY,
        ("rule", "local", "equivariant"),
        {"rule": lambda images, t: soft_windows(images, 3, "circular", 0.8), "window": 3},
    ),
    "PatchScore": (patches, TINY, ("posterior mean", "local"), {"window": 5, "boundary": "zeros"}),
    "CovarianceScore": (
        data_locality,
        TINY,
        "rule",
        {"rule": lambda images, t: masked(images, float(COSINE.signal(t)), float(COSINE.noise(t)), 0.3)},
    ),
    "SmoothedScore": (smoothed, TINY, "posterior mean", {}),
    "GuidedScore, w = 1": (guided_to_a_class, TINY, "IS", {}),
    "ELS, mirror images too": (
        from_mirror_images,
        TINY,
        ("rule", "local", "equivariant"),
        {"rule": lambda images, t: equivariant_local(enlarged(images, reflections="horizontal"), 3, "circular"), "window": 3},
    ),
    "Wiener": (wiener, SMALL, (), {}),
    "LocalWiener": (local_wiener, SMALL, ("local", "equivariant"), {"window": 3}),
}


def broken_by_machine(where, bug, seed=0, samples=100, laws=None):
    """The laws, all or the ones asked for, that a machine with a bug breaks."""
    make, images, claims, options = PLACES[where]
    denoiser = make(images, bug)
    asked = {"rng": SPACING * seed, "samples": samples, "laws": laws}
    report = check_denoiser(denoiser, images, COSINE, claims, make=lambda some: make(some, bug), **asked, **options)
    broken = [result.law for result in report.broken]
    if where == "Wiener" and not best_linear_denoiser(denoiser, images):
        broken.append("best linear denoiser")
    if where == "LocalWiener" and not best_linear_denoiser(denoiser, images, windows=(3, "circular", True)):
        broken.append("best linear denoiser")
    return broken


def best_linear_denoiser(denoiser, images, t=0.4, windows=None):
    """f(x) = b + G x is the best of its kind: its error has mean 0 and is uncorrelated with x, E[(x0 - f(x)) x^T] = 0.

    With windows = (k, boundary, shared): each pixel's error with what its window shows of x, and where a filter is shared, summed
    over the pixels that share it. (If such a sum is not 0, a little of that product's x, added to f, makes it better.)
    """
    a, s, shape = float(COSINE.signal(t)), float(COSINE.noise(t)), images.shape[1:]
    size = int(np.prod(shape))
    offset = denoiser(np.zeros((1, *shape)), t).ravel()
    gain = denoiser(np.eye(size).reshape(size, *shape), t).reshape(size, size).T - offset[:, None]
    flat = images.reshape(len(images), -1)
    mean, square = flat.mean(axis=0), flat.T @ flat / len(flat)
    of_error = mean - offset - a * gain @ mean
    with_x = a * square - a * np.outer(offset, mean) - gain @ (a * a * square + s * s * np.eye(size))
    if windows is not None:
        k, boundary, shared = windows
        shares = may_explain(*shape[:2], k, shared, boundary, None)
        # Row (p, c) of the products as an image: what p's window shows of it, for each p.
        rows = with_x.reshape(-1, shape[2], *shape)
        shown = [[windows_of(row[None], k, boundary, None, "query")[0, p] for row in rows[p]] for p in range(len(rows))]
        with_x = np.einsum("pq,qcn->pcn", shares, np.array(shown))
        of_error = shares @ of_error.reshape(-1, shape[2])
    return max(np.abs(of_error).max(), np.abs(with_x).max()) < 1e-12


# Where: {what is planted there: a law that catches it}.
BUGS = {
    "IS": {
        "no largest exponent is taken off": "answer",
        "the softmax goes over the queries": "answer",
        "x is rescaled in place": "repeatable",
        "one largest exponent for all queries": "query by query",
        "the mass is added up over the whole batch": "query by query",
        "distances are kept from call to call, by shape and time": "query by query",
        "the first query's time serves the whole batch": "one time per query",
        "differences are kept in half the precision": "single precision",
        "eps_hat is returned": "value range",
        "the answer is divided by a": "value range",
        "the nearest candidate is passed over": "training images stay",
        "candidates without the factor a": "no signal",
        "x / a is compared, but over 2 s^2": "no signal",
        "the nearest candidate answers alone": "no signal",
        "the sum is divided by the number of candidates": "weights sum to one",
        "a times the candidates is averaged": "weights sum to one",
        "the first training image is never compared": "one training image",
        "squares are expanded: x^2 - 2 x y + y^2": "near copies",
        "s is kept above 0.05, to be safe": "near copies",
        "an image that is there twice counts once": "order and repetition",
        "candidates with the factor a twice": "formula",
        "exponents are clipped at -700 before the largest is taken off": "formula",
        "no largest exponent is taken off, and 1e-300 is added to the sum": "formula",
        "the levels of the first call are kept": "formula",
        "the sum of squares forgets an axis: each row has its own softmax": "formula",
        "s^2 is forgotten": "recitation",
        "1 % of the training set's mean is mixed in": "recitation",
        "alpha_bar stands for a": "second-order Tweedie",
        "the 2 of 2 s^2 is forgotten": "second-order Tweedie",
        "s stands for s^2": "second-order Tweedie",
    },
    "IS, batch by batch": {
        "the batches' means are averaged": "order and repetition",
        "the batches' means are averaged by their sizes": "order and repetition",
        "sums are not rescaled when the maximum rises": "order and repetition",
        "a ragged last batch is dropped": "order and repetition",
    },
    "ES": {
        "translations run off the edge, and zeros come in": "shifts",
        "the answer is translated back, not along": "shifts",
        "dx and dy are swapped in the answer": "shifts",
        "the last row of translations is left out": "no signal",
    },
    "LS": {
        "the window is two pixels too large": "window",
        "one largest exponent for all pixels": "window",
        "each weight is divided by the next pixel's mass": "window",
        "the window's mean answers, not its centre": "value range",
        "absolute differences, not squared ones": "no signal",
        "only the first channel is compared": "formula",
        "the mean of the squares, not their sum": "orthogonality",
    },
    "ELS": {
        "a random half of the candidates is compared, drawn anew in each call": "repeatable",
        "candidates too weak for every pixel are skipped for all": "window",
        "windows wrap top to bottom only": "shifts",
        "only its own place may explain a pixel": "shifts",
        "the window's first pixel answers, not its centre": "training images stay",
        "rows and columns of the query's window are swapped": "training images stay",
        "rows and columns of the answer are swapped": "training images stay",
        "the window is one pixel off its centre": "data symmetry",
        "training windows are not wrapped, the query's are": "local consistency",
        "the window is two pixels too small": "local consistency",
        "the three nearest candidates count alike": "local consistency",
        "the pixel itself is left out of its window": "orthogonality",
    },
    "ELS, list of windows": {
        "the list of windows is read at floor(t L)": "formula",
        "windows wider than 3 are cut to 3, to save time": "every time",
    },
    "ELS, zeros": {
        "windows wrap around where zeros are claimed": "window",
        "the border is one pixel too wide": "padding pattern",
        "a pixel near any border is tied to its place": "padding pattern",
        "the row's padding pattern is used for the column": "padding pattern",
        "the border is one pixel too narrow": "value range",
        "the left border is taken for the right one": "value range",
        "zero-padded windows are compared with all others": "no signal",
        "the border is mirrored where zeros are claimed": "formula",
    },
    "AttentionScore": {
        "evidence is pooled over the whole batch": "query by query",
        "g is taken as it is, not in units of H W / k^2": "formula",
        "the largest exponent is taken off the evidence, and not put back": "recitation",
        "a pixel hears itself too": "gradient",
    },
    "AttentionScore, one other heard": {
        "attention is used transposed": "who is heard",
        "attention counts pixels column by column": "who is heard",
        "a pixel hears itself in place of the other": "formula",
        "g is counted in units of H W / k^2, where it is raw": "formula",
    },
    "SummaryScore": {
        "the mean outside counts as one pixel": "formula",
        "the mean is over the whole image": "formula",
        "the means of the training images are those of the next place": "formula",
    },
    "SoftWindowScore": {
        "the weight itself, not its root, is on what is squared": "formula",
    },
    "PatchScore": {
        "every pixel's sum is divided by 9, at the border too": "weights sum to one",
    },
    "CovarianceScore": {
        "the softmax is normalised inside each batch of images, and the batches are averaged": "order and repetition",
        "the filter's row weighs, with its signs": "formula",
    },
    "SmoothedScore": {
        "the draws are made anew in each call": "repeatable",
        "each query has draws of its own, by its place in the batch": "query by query",
    },
    "GuidedScore, w = 1": {
        "guidance starts from the class, not from all": "value range",
    },
    "ELS, mirror images too": {
        "the mirror image is turned upside down too": "formula",
    },
    "Wiener": {
        "the mean is forgotten": "best linear denoiser",
        "the mean square stands for the covariance": "best linear denoiser",
        "pixels are taken to be independent": "best linear denoiser",
        "s stands for s^2 in the filter": "best linear denoiser",
        "x is centred on m, not on a m": "best linear denoiser",
    },
    "LocalWiener": {
        "the mean image's pixel is the mean of one filter for all": "shifts",
        "the filter of the whole image is cut to the window": "best linear denoiser",
    },
}
