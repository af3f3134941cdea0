"""SummaryScore: the equivariant local score of pixels that also see the mean colour outside their window."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from oracles import candidates, softmax_mean, window
from strategies import SEEDS, TIMES, noised, windowed_sets

import minidiff as md

COSINE = md.schedules.cosine()


def outside(image, i, j, k, boundary):
    """The image's own pixels (M, C) that the k x k window at (i, j) does not see."""
    height, width = image.shape[:2]
    near = range(-(k // 2), k // 2 + 1)
    if boundary == "circular":
        seen = {((i + y) % height, (j + x) % width) for y in near for x in near}
    else:
        seen = {(i + y, j + x) for y in near for x in near}
    rest = [image[place] for place in np.ndindex(height, width) if place not in seen]
    return np.reshape(rest, (-1, image.shape[2]))


def by_loops(x, images, a, s, k, boundary):
    """x0_hat by the formula, candidate by candidate."""
    estimate = np.empty_like(x)
    for i, j in np.ndindex(x.shape[:2]):
        seen, rest = window(x, i, j, k, boundary), outside(x, i, j, k, boundary)
        distances, values = [], []
        for n, row, column in candidates(i, j, images, k, boundary, anywhere=True):
            far = outside(images[n], row, column, k, boundary)
            distance = ((seen - a * window(images[n], row, column, k, boundary)) ** 2).sum()
            if len(rest):
                distance += len(rest) * ((rest.mean(axis=0) - a * far.mean(axis=0)) ** 2).sum()
            distances.append(distance)
            values.append(images[n, row, column])
        estimate[i, j] = softmax_mean(distances, values, s)
    return estimate


@pytest.mark.slow
@settings(deadline=None, max_examples=15)
@given(windowed_sets(), TIMES, SEEDS)
def test_it_is_its_formula(case, t, seed):
    """Softmax over (n, u) of -|window - a window|^2 / (2 s^2) - M |mean outside - a mean outside|^2 / (2 s^2), by loops."""
    images, k, boundary = case
    x = noised(images, t, COSINE, seed, queries=1)[0]
    found = md.SummaryScore(images, COSINE, window=k, boundary=boundary)(x, t)
    expected = by_loops(x, images.astype(np.float64), float(COSINE.signal(t)), float(COSINE.noise(t)), k, boundary)
    assert np.abs(found - expected).max() < 1e-9 * max(1, np.abs(images).max())


def test_a_window_that_sees_everything_leaves_nothing_to_summarise():
    """With k the side of a torus, M = 0: the machine is ELS."""
    images = md.testing.practice_images(count=4, height=5, width=5)
    x = np.random.default_rng(0).standard_normal((2, 5, 5, images.shape[3]))
    one, other = (kind(images, COSINE, window=5)(x, 0.6) for kind in (md.SummaryScore, md.EquivariantLocalScore))
    assert np.abs(one - other).max() < 1e-12


@pytest.mark.slow
def test_its_error_lies_between_those_of_els_and_of_es():
    """More is seen than by ELS and less than by ES: E|x0_hat - x0|^2 falls from ELS to this machine to ES, on shifted images.

    All three are posterior means under the same law of x, images of the set moved by any shift, given more and more of x.
    """
    rng = np.random.default_rng(1)
    images = md.datasets.colour_patterns(count=6, size=8, shape_size=2, spacing=1)[0].astype(np.float64)
    clean = images[rng.integers(len(images), size=100)]
    clean = np.stack([np.roll(y, shift, (0, 1)) for y, shift in zip(clean, rng.integers(8, size=(100, 2)), strict=True)])
    x = COSINE.signal(0.5) * clean + COSINE.noise(0.5) * rng.standard_normal(clean.shape)
    kinds = (
        md.EquivariantLocalScore(images, COSINE, window=3),
        md.SummaryScore(images, COSINE, window=3),
        md.EquivariantScore(images, COSINE),
    )
    errors = np.array([((machine(x, 0.5) - clean) ** 2).sum(axis=(1, 2, 3)) for machine in kinds])
    for more, less in pairwise(errors):
        gain = more - less
        assert gain.mean() > 4 * gain.std() / np.sqrt(len(gain))


def test_images_of_one_mean_do_not_make_it_els():
    """If all images have one sum S, the mean outside still tells the sum inside: it is a second look at the window.

    With k = 1 the sum outside is S - y, so sqrt(M) m = a (S - y) / sqrt(M) + noise is a look at y with M times the variance. Both
    looks together are one with variance s^2 / (1 + 1 / M): the machine is ELS that sees it. Images here are permutations of each
    other.
    """
    rng = np.random.default_rng(4)
    images = np.stack([rng.permutation(np.linspace(-1, 1, 12)).reshape(3, 4, 1) for _ in range(3)])
    x, a, s = noised(images, 0.6, COSINE, 5, queries=1)[0], float(COSINE.signal(0.6)), float(COSINE.noise(0.6))
    found, alone = (kind(images, COSINE, window=1)(x, 0.6) for kind in (md.SummaryScore, md.EquivariantLocalScore))
    assert np.abs(found - alone).max() > 0.01
    other = a * images[0].sum() - (x.sum() - x)  # the second look at a y
    both = (x + other / 11) / (1 + 1 / 11)
    expected = [softmax_mean((one - a * images.ravel()) ** 2, images.ravel(), s / np.sqrt(1 + 1 / 11)) for one in both.ravel()]
    assert np.abs(found.ravel() - expected).max() < 1e-12


def test_it_commutes_with_shifts():
    """On a torus a shifted x gives the shifted answer."""
    images = md.testing.practice_images(count=4, height=4, width=5)
    x = np.random.default_rng(3).standard_normal((4, 5, images.shape[3]))
    machine = md.SummaryScore(images, COSINE, window=3)
    assert np.abs(np.roll(machine(x, 0.5), (1, 2), (0, 1)) - machine(np.roll(x, (1, 2), (0, 1)), 0.5)).max() < 1e-12
