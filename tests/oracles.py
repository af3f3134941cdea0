"""Slow, obvious definitions: loops over every pixel, candidate and window offset, in float64. Nothing of minidiff is used."""

import numpy as np


def softmax_mean(distances, values, s):
    """The mean of values (M, D), weighted by softmax(-distances / (2 s^2)); at s = 0 of the nearest, ties shared."""
    distances, values = np.asarray(distances, np.float64), np.asarray(values, np.float64)
    gaps = distances - distances.min()
    weights = (gaps == 0).astype(float) if s == 0 else np.exp(-gaps / (2 * s * s))
    return weights @ values / weights.sum()


def padding_pattern(index, side, k):
    """What zero padding tells a pixel of its place on one axis: its index where the padding is in sight, else None."""
    sees_padding = index - k // 2 < 0 or index + k // 2 > side - 1
    return index if sees_padding else None


def read(image, i, j, boundary):
    """The pixel (i, j), beyond the border too: zeros there, or the torus."""
    height, width = image.shape[:2]
    if boundary == "circular":
        return image[i % height, j % width]
    return image[i, j] if 0 <= i < height and 0 <= j < width else np.zeros(image.shape[2])


def window(image, i, j, k, boundary):
    """The k x k window of image at (i, j), as a flat vector."""
    offsets = range(-(k // 2), k // 2 + 1)
    return np.concatenate([read(image, i + y, j + x, boundary) for y in offsets for x in offsets])


def candidates(i, j, images, k, boundary, anywhere):
    """Every (n, u) that may explain pixel (i, j), lowest first."""
    count, height, width = images.shape[:3]
    for n in range(count):
        for row in range(height):
            for column in range(width):
                if not anywhere:
                    allowed = (row, column) == (i, j)
                elif boundary == "circular":
                    allowed = True
                else:
                    allowed = padding_pattern(i, height, k) == padding_pattern(row, height, k) and padding_pattern(
                        j, width, k
                    ) == padding_pattern(column, width, k)
                if allowed:
                    yield n, row, column


def local(x, images, a, s, k, boundary, anywhere):
    """LS (anywhere=False) or ELS of one image x (H, W, C): (x0_hat, smallest distance of each pixel, its winner)."""
    x, images = x.astype(np.float64), images.astype(np.float64)
    height, width = x.shape[:2]
    estimate, nearest = np.empty(x.shape), np.empty((height, width))
    winner = np.empty((height, width, 3), int)
    for i in range(height):
        for j in range(width):
            seen = window(x, i, j, k, boundary)
            places = list(candidates(i, j, images, k, boundary, anywhere))
            distances = [((seen - a * window(images[n], u, v, k, boundary)) ** 2).sum() for n, u, v in places]
            estimate[i, j] = softmax_mean(distances, [images[place] for place in places], s)
            nearest[i, j] = min(distances)
            winner[i, j] = places[int(np.argmin(distances))]
    return estimate, nearest, winner


def ideal(x, images, a, s):
    """IS of one image x, over any list of images: (x0_hat, smallest distance)."""
    x, images = x.astype(np.float64), images.astype(np.float64)
    distances = [((x - a * image) ** 2).sum() for image in images]
    values = images.reshape(len(images), -1)
    return softmax_mean(distances, values, s).reshape(x.shape), min(distances)


def orbit(images, mirrors=((),)):
    """Every translation on the torus, and every given reflection, of every image."""
    height, width = images.shape[1:3]
    return np.array(
        [
            np.roll(np.flip(image, axes), (down, across), (0, 1))
            for image in images
            for axes in mirrors
            for down in range(height)
            for across in range(width)
        ]
    )


def majority_images(side):
    """Every +-1 image on a torus whose pixels each equal the majority of their 3 x 3 window, as a set of byte strings."""
    found = set()
    for number in range(2 ** (side * side)):
        bits = np.array([number >> place & 1 for place in range(side * side)]).reshape(side, side) * 2 - 1
        total = sum(np.roll(bits, (y, x), (0, 1)) for y in (-1, 0, 1) for x in (-1, 0, 1))
        if (np.sign(total) == bits).all():
            found.add(bits.astype(np.int8).tobytes())
    return found


def nearest_copies(sample, images, translations=True):
    """The mean squared difference of a sample to each image at its best translation on the torus (or in place), (N,)."""
    height, width = sample.shape[:2]
    shifts = [(down, across) for down in range(height) for across in range(width)] if translations else [(0, 0)]
    return np.array([min(((sample - np.roll(image, shift, (0, 1))) ** 2).mean() for shift in shifts) for image in images])


def nearest_matches(sample, images, shifts, mirror, grey):
    """Root mean square differences of a sample to each image, (N,): rolled by up to `shifts`, mirrored or not, plus one grey."""
    moves = range(-shifts, shifts + 1)
    best = []
    for image in images:
        found = []
        for turned in [image, image[:, ::-1]][: 1 + mirror]:
            for down in moves:
                for across in moves:
                    difference = sample - np.roll(turned, (down, across), (0, 1))
                    added = difference.mean() if grey else 0.0
                    found.append(np.sqrt(((difference - added) ** 2).mean()))
        best.append(min(found))
    return np.array(best)


def mosaic(x, images, k, boundary, anywhere):
    """The pieces of one image x as seen without noise: (region (H, W), training image (H, W)), -1 at exact ties.

    A flood fill from each pixel in reading order, over pixels of one training image at one shift.
    """
    height, width = x.shape[:2]
    source = {}
    for i in range(height):
        for j in range(width):
            seen = window(x, i, j, k, boundary)
            places = list(candidates(i, j, images, k, boundary, anywhere))
            distances = [((seen - window(images[n], u, v, k, boundary)) ** 2).sum() for n, u, v in places]
            first = int(np.argmin(distances))
            if distances.count(distances[first]) == 1:
                n, u, v = places[first]
                wraps = boundary == "circular"
                source[i, j] = (n, (u - i) % height, (v - j) % width) if wraps else (n, u - i, v - j)
    region, image = np.full((height, width), -1), np.full((height, width), -1)
    for pixel in source:
        if region[pixel] < 0:
            reached, number = [pixel], region.max() + 1
            while reached:
                i, j = reached.pop()
                region[i, j], image[i, j] = number, source[i, j][0]
                for beside in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)):
                    if boundary == "circular":
                        beside = (beside[0] % height, beside[1] % width)
                    if source.get(beside) == source[pixel] and region[beside] < 0:
                        reached.append(beside)
    return region, image


def majority_numbers(side):
    """`majority_images` for all 2^(side^2) images at once: those, as numbers whose bit 0 is the first pixel, 1 being white.

    Images are machine words, a shift of the torus is a rotation of their bits, and the nine neighbours are counted by full
    adders of one bit.
    """
    pixels = side * side
    every = (1 << pixels) - 1
    first_column = sum(1 << row * side for row in range(side))
    found = []
    for start in range(0, every + 1, 1 << 20):
        image = np.arange(start, min(start + (1 << 20), every + 1))
        right = (image & ~(first_column << side - 1)) << 1 | image >> side - 1 & first_column
        left = (image & ~first_column) >> 1 | (image & first_column) << side - 1
        ones, twos = _full_adder(left, image, right)
        above, below = (
            [(row << side | row >> pixels - side) & every, row >> side | row << pixels - side & every] for row in (ones, twos)
        )
        ones, carry = _full_adder(ones, *above)
        twos, fours = _full_adder(twos, *below)
        # ones + 2 (twos + carry) + 4 fours > 4
        majority = fours & (ones | twos | carry) | twos & carry & ones
        found.append(image[majority == image])
    return np.concatenate(found)


def _full_adder(a, b, c):
    """(ones, twos) of a + b + c, bit by bit."""
    return a ^ b ^ c, a & b | c & (a ^ b)


def attention(x, images, a, s, k, boundary, anywhere, table, g):
    """The pooled-evidence machine of one image x by its definition: softmax over (n, u) of l[p, n, u] + g sum_q A[p, q] L[q, n].

    s > 0; table is A (H W, H W).
    """
    x, images = x.astype(np.float64), images.astype(np.float64)
    height, width = x.shape[:2]
    pixels = [(i, j) for i in range(height) for j in range(width)]
    logs, evidence = [], np.empty((len(pixels), len(images)))
    for p, (i, j) in enumerate(pixels):
        seen = window(x, i, j, k, boundary)
        places = list(candidates(i, j, images, k, boundary, anywhere))
        logs.append(
            [(n, u, v, -((seen - a * window(images[n], u, v, k, boundary)) ** 2).sum() / (2 * s * s)) for n, u, v in places]
        )
        for n in range(len(images)):
            evidence[p, n] = np.logaddexp.reduce([log for m, _, _, log in logs[p] if m == n])
    estimate = np.empty(x.shape)
    for p, pixel in enumerate(pixels):
        pooled = [log + g * sum(table[p][q] * evidence[q, n] for q in range(len(pixels))) for n, _, _, log in logs[p]]
        weights = np.exp(np.array(pooled) - max(pooled))
        estimate[pixel] = weights @ [images[n, u, v] for n, u, v, _ in logs[p]] / weights.sum()
    return estimate


def soft(x, images, a, s, k, boundary, sigma):
    """ELS of one image x where a squared difference at distance r from the pixel weighs exp(-r^2 / (2 sigma^2))."""
    around = range(-(k // 2), k // 2 + 1)
    weight = np.array([np.exp(-(i * i + j * j) / (2 * sigma**2)) for i in around for j in around for _ in range(x.shape[2])])
    estimate, nearest, winner = np.empty(x.shape), 0.0, np.empty((*x.shape[:2], 3), int)
    for i, j in np.ndindex(x.shape[:2]):
        places, seen = list(candidates(i, j, images, k, boundary, True)), window(x, i, j, k, boundary)
        distances = [(weight * (seen - a * window(images[n], u, v, k, boundary)) ** 2).sum() for n, u, v in places]
        estimate[i, j] = softmax_mean(distances, [images[place] for place in places], s)
        nearest, winner[i, j] = max(nearest, min(distances)), places[int(np.argmin(distances))]
    return estimate, nearest, winner


def patches(x, images, a, s, sides, boundary):
    """PSPC of one image x: each patch's posterior mean laid down where the patch is; the mean over patches, then over sides."""
    height, width = x.shape[:2]
    estimate, nearest = np.zeros(x.shape), 0.0
    for k in sides:
        laid, count = np.zeros(x.shape), np.zeros((height, width, 1))
        for i, j in np.ndindex(height, width):
            seen = window(x, i, j, k, boundary)
            shown = [window(image, i, j, k, boundary) for image in images]
            distances = [((seen - a * one) ** 2).sum() for one in shown]
            patch = softmax_mean(distances, shown, s).reshape(k, k, -1)
            nearest = max(nearest, min(distances))
            for down, across in np.ndindex(k, k):
                row, column = i + down - k // 2, j + across - k // 2
                if boundary == "circular":
                    row, column = row % height, column % width
                if 0 <= row < height and 0 <= column < width:
                    laid[row, column] += patch[down, across]
                    count[row, column] += 1
        estimate += laid / count / len(sides)
    return estimate, nearest


def covariance(x, images, a, s, threshold):
    """LS of one image x where p sees q if |F[p, q]| >= threshold |F[p, p]|, F being Wiener's filter."""
    images = images.astype(np.float64)
    height, width, channels = x.shape
    flat = images.reshape(len(images), -1)
    covariance = np.cov(flat.T, ddof=0).reshape(flat.shape[1], flat.shape[1])
    gain = covariance @ np.linalg.inv(a * a * covariance + s * s * np.eye(len(covariance)))
    gain = gain.reshape(height, width, channels, height, width, channels)
    estimate = np.empty(x.shape)
    for i, j in np.ndindex(height, width):
        sees = [
            q
            for q in np.ndindex(height, width)
            if np.linalg.norm(gain[i, j, :, q[0], q[1]]) >= threshold * np.linalg.norm(gain[i, j, :, i, j])
        ]
        distances = [sum(((x[q] - a * image[q]) ** 2).sum() for q in sees) for image in images]
        estimate[i, j] = softmax_mean(distances, images[:, i, j], s)
    return estimate
