"""The best denoiser of each class by its definition, in plain NumPy: slow, short, float64, and nothing shared with the machines.

A law that compared a machine with itself would hold for every mistake, so windows, padding patterns and the softmax are
written here once more, in the most obvious way.
"""

import numpy as np


def windows_of(image, k, boundary):
    """The k x k window at every pixel of image (H, W, C), in reading order: (H W, k k C)."""
    height, width, _ = image.shape
    d = k // 2
    padded = np.pad(image, ((d, d), (d, d), (0, 0)), mode="wrap" if boundary == "circular" else "constant")
    planes = [padded[i : i + height, j : j + width] for i in range(k) for j in range(k)]
    return np.stack(planes, axis=2).reshape(height * width, -1)


def padding_patterns(height, width, k):
    """What zero padding tells each pixel of where it is: (H W, 2), its index on an axis where padding is in sight, else -1."""
    axes = []
    for side in (height, width):
        index = np.arange(side)
        sees_padding = (index - k // 2 < 0) | (index + k // 2 > side - 1)
        axes.append(np.where(sees_padding, index, -1))
    return np.stack([pattern.ravel() for pattern in np.meshgrid(*axes, indexing="ij")], axis=1)


def padding_classes(height, width, k, boundary, shared):
    """The class of each pixel, (H W,) ints from 0: pixels of one class may explain each other.

    All of them on a torus, those of one padding pattern with zeros; every pixel its own where nothing is `shared`, and all of
    them alike, as no machine should have it with zeros, if it is "anywhere".
    """
    if not shared:
        return np.arange(height * width)
    if boundary == "circular" or shared == "anywhere":
        return np.zeros(height * width, int)
    return np.unique(padding_patterns(height, width, k), axis=0, return_inverse=True)[1].ravel()


def translations(image):
    """Every translation of image (H, W, C) on the torus: (H W, H, W, C)."""
    height, width, _ = image.shape
    return np.stack([np.roll(image, (-i, -j), (0, 1)) for i in range(height) for j in range(width)])


class Definition:
    """The posterior mean over a training set of all denoisers that see as much, and share as much, as is said.

    x0_hat[p] = sum_m w_m v_m with w = softmax over the candidates m of p of -|what p sees of x - a key_m|^2 / (2 s^2): THEORY's
    table of machines (KG). k=None sees the whole image; `shared` lets every translation (or pixel of p's class) explain p.

    Attributes
    ----------
    keys : (M, P) float64
        What the candidates look like.
    values : (M, D) float64
        What they say: D = C with a window, one group of answers per pixel; D = H W C without, one group per image.
    """

    def __init__(self, images, k=None, boundary="circular", shared=False):
        images = np.asarray(images, np.float64)
        count, height, width, channels = images.shape
        self.k, self.boundary, self.shape = k, boundary, (height, width, channels)
        if k is None:
            orbit = np.concatenate([translations(image) for image in images]) if shared else images
            self.keys = self.values = orbit.reshape(len(orbit), -1)
            self.classes = self._sources = None
            return
        self.keys = np.concatenate([windows_of(image, k, boundary) for image in images])
        self.values = images.reshape(-1, channels)
        self.classes = padding_classes(height, width, k, boundary, shared)
        self._sources = np.tile(self.classes, count)

    @property
    def groups(self):
        """How many posteriors an image has: one a pixel with a window, else one."""
        return 1 if self.k is None else self.shape[0] * self.shape[1]

    def see(self, x):
        """What each group sees of x (H, W, C): (G, P)."""
        return x.reshape(1, -1) if self.k is None else windows_of(x, self.k, self.boundary)

    def candidates(self, group):
        """The (keys, values) that may explain a group."""
        if self.k is None:
            return self.keys, self.values
        mine = self._sources == self.classes[group]
        return self.keys[mine], self.values[mine]

    def distances(self, seen, group, a):
        """The squared distances of what a group sees (P,) to a times each of its candidates, by differences; and their values."""
        keys, values = self.candidates(group)
        return ((seen - a * keys) ** 2).sum(axis=1), values

    def posterior(self, x, a, s, group):
        """One group's (weights (M,), values (M, D), smallest distance); s > 0."""
        distances, values = self.distances(self.see(x)[group], group, a)
        weights = np.exp((distances.min() - distances) / (2 * s * s))
        return weights / weights.sum(), values, distances.min()

    def estimate(self, x, a, s, groups=None):
        """x0_hat of x (H, W, C) for some groups (all of them by default): ((G, D), their smallest distances (G,))."""
        groups = range(self.groups) if groups is None else groups
        parts = [self.posterior(x, a, s, group) for group in groups]
        return np.stack([w @ values for w, values, _ in parts]), np.array([nearest for *_, nearest in parts])

    def answers(self, x0_hat):
        """An estimate (H, W, C) as the groups give it, (G, D)."""
        return np.asarray(x0_hat).reshape(self.groups, -1)
