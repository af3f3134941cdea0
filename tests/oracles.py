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
