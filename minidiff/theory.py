"""The whole theory in plain NumPy, to be read from top to bottom. The rest of minidiff makes it fast, and is tested against it.

Noise an image, x = a x0 + s eps, and walk back. The walk asks one thing again and again: given x, what was the clean image? For a
training set y_1, ..., y_N the best answer is known. It is a mean of candidates, and their weights are a softmax (KG; AMB):
    x0_hat[p] = sum over m of w[m] value[m],    w = softmax over m of -|what p sees of x - a key[m]|^2 / (2 s^2)

Machines differ only in their rule: what a pixel p sees, what candidates show (key) and answer (value), and which may explain p:
    machine                        p sees         who may explain p                 key          value    its samples are
    IS   ideal score               the whole x    every training image n            y_n          y_n      training images
    ES   equivariant score         the whole x    every translation of each         that         that     the same, moved
    LS   local score               its window     its own place in every image      the window   y_n[p]   mosaics in place
    ELS  equivariant local score   its window     every place u alike to padding    the window   y_n[u]   patch mosaics
Shapes: N training images of H rows, W columns, C channels; k the side of a window; G views of an image, M candidates, P numbers
in a view, D in an answer. KG: Kamb and Ganguli 2025, arXiv 2412.20292. AMB: Ambrogioni 2024, Entropy 26:381.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np

Array = np.ndarray
Level = float | Array  # of signal or noise, one for all images or one for each

# --- noise, and the way back -----------------------------------------------------------------------------------------


def cosine(t: Level) -> tuple:
    """How much signal a and noise s an image holds at time t, 0 being clean: KG's cosine schedule, a^2 + s^2 = 1."""
    angle = np.pi / 2 / 1.008 * t
    return np.cos(angle), np.sin(angle)


def add_noise(x0: Array, eps: Array, a: Level, s: Level) -> Array:
    """x = a x0 + s eps, with eps ~ N(0, I) (DDPM eq. 4)."""
    return a * x0 + s * eps


def eps_from_x0(x: Array, x0_hat: Array, a: Level, s: Level) -> Array:
    """The noise that x holds if x0_hat is its clean image."""
    return (x - a * x0_hat) / s


def x0_from_eps(x: Array, eps_hat: Array, a: Level, s: Level) -> Array:
    """The clean image if eps_hat is the noise."""
    return (x - s * eps_hat) / a


def score_from_x0(x: Array, x0_hat: Array, a: Level, s: Level) -> Array:
    """The score, grad_x log p(x) = (a x0_hat - x) / s^2 (Tweedie); by s twice, since in float32 the square of 1e-23 is 0."""
    return (a * x0_hat - x) / s / s


def x0_from_score(x: Array, score: Array, a: Level, s: Level) -> Array:
    """Tweedie's formula, E[x0 | x] = (x + s^2 score) / a."""
    return (x + s * (s * score)) / a


def v_from_x0(x0: Array, eps: Array, a: Level, s: Level) -> Array:
    """The velocity v = a eps - s x0."""
    return a * eps - s * x0


def x0_from_v(x: Array, v: Array, a: Level, s: Level) -> Array:
    """The x0 for which x = a x0 + s eps and v = a eps - s x0."""
    return (a * x - s * v) / (a * a + s * s)


def eps_from_v(x: Array, v: Array, a: Level, s: Level) -> Array:
    """The eps of the same two equations."""
    return (s * x + a * v) / (a * a + s * s)


def walk_back(denoiser: Callable, noise: Array, steps: int = 20, levels: Callable = cosine) -> Array:
    """DDIM (eta = 0): guess the clean image x0_hat = denoiser(x, a, s), and put back a little less of the noise that is left."""
    times = np.linspace(1, 0, steps + 1)
    x = levels(1.0)[1] * noise
    for t, t_next in pairwise(times):
        x0_hat = denoiser(x, *levels(t))
        x = add_noise(x0_hat, eps_from_x0(x, x0_hat, *levels(t)), *levels(t_next))
    return x


# --- the rules: what a pixel sees, and who may explain it -------------------------------------------------------------


def windows(image: Array, k: int, boundary: str) -> Array:
    """The k x k window around each pixel of image (H, W, C), in reading order: (H W, k k C)."""
    height, width, _ = image.shape
    h = k // 2
    padded = np.pad(image, ((h, h), (h, h), (0, 0)), mode="wrap" if boundary == "circular" else "constant")
    shifted = [padded[i : i + height, j : j + width] for i in range(k) for j in range(k)]
    return np.stack(shifted, axis=2).reshape(height * width, -1)


def translations(image: Array) -> Array:
    """Every shift of image (H, W, C) on the torus: (H W, H, W, C)."""
    return np.array([np.roll(image, (-i, -j), (0, 1)) for i, j in np.ndindex(image.shape[:2])])


def padding_pattern(side: int, k: int, boundary: str) -> Array:
    """What padding tells the pixels of one axis of their place, (side,): the index where it is in sight, elsewhere -1.

    Under noise an exact 0 has probability 0, so zeros in a window can only be padding (KG, boundary-broken). A torus has none.
    """
    index = np.arange(side)
    in_sight = (index < k // 2) | (index >= side - k // 2)
    return np.where(in_sight & (boundary == "zeros"), index, -1)


def places(height: int, width: int, k: int, boundary: str) -> Array:
    """What padding tells each pixel, on both axes, as one number (H W,): pixels of one number may explain each other."""
    rows, columns = padding_pattern(height, k, boundary), padding_pattern(width, k, boundary)
    return np.add.outer(rows * (width + 1), columns).ravel()


class Rule(NamedTuple):
    """What is seen, what candidates show and answer, and their places: a candidate may explain the views of its own place."""

    see: Callable  # an image (H, W, C) -> its views (G, P): one for each pixel, or a single one
    keys: Array  # (M, P)
    values: Array  # (M, D)
    image: Array  # (M,), each candidate's training image, in order: the places of image 0, of image 1, ...
    place: Array  # (M,)
    view_place: Array  # (G,)


def ideal(images: Array) -> Rule:
    """IS."""
    flat = images.reshape(len(images), -1)
    return Rule(lambda x: x.reshape(1, -1), flat, flat, np.arange(len(flat)), np.zeros(len(flat)), np.zeros(1))


def equivariant(images: Array) -> Rule:
    """ES: the ideal score of all translations (KG)."""
    return ideal(np.concatenate([translations(y) for y in images]))


def through_windows(images: Array, k: int, boundary: str, place: Array) -> Rule:
    """Pixels see their windows; of the training images' pixels those with the same place (H W,) may explain them."""
    keys = np.concatenate([windows(y, k, boundary) for y in images])
    image, values = np.repeat(np.arange(len(images)), len(place)), images.reshape(-1, images.shape[3])
    return Rule(lambda x: windows(x, k, boundary), keys, values, image, np.tile(place, len(images)), place)


def local(images: Array, k: int, boundary: str) -> Rule:
    """LS: each pixel has a place of its own."""
    return through_windows(images, k, boundary, np.arange(images[0, ..., 0].size))


def equivariant_local(images: Array, k: int, boundary: str) -> Rule:
    """ELS: only padding tells places apart."""
    return through_windows(images, k, boundary, places(images.shape[1], images.shape[2], k, boundary))


# --- the one formula -------------------------------------------------------------------------------------------------


def explain(rule: Rule, seen: Array, view: int, a: float) -> tuple[Array, Array]:
    """Who may explain a view, as indices (M',), and the squared distances (M',) of what it sees (P,) to a times their keys."""
    who = np.flatnonzero(rule.place == rule.view_place[view])
    return who, ((seen - a * rule.keys[who]) ** 2).sum(axis=1)


def weigh(distance: Array, s: float, log_prior: Level = 0.0) -> Array:
    """The softmax's terms exp(log_prior - distance / (2 s^2)), divided by the largest; by their sum they are the weights.

    Only differences of distances are scaled: exp(-1000) / exp(-1000) would be 0 / 0; at s = 0 the nearest candidates share.
    """
    gap = distance - distance.min()
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        exponent = log_prior - np.where(gap == 0, 0, gap / s / s / 2)
    return np.exp(exponent - exponent.max())


def evidence(distance: Array, s: float) -> tuple[Array, Array]:
    """How likely each training image makes what a view sees, L = log sum over u of exp l[n, u], for distances (N, U).

    l = -distance / (2 s^2). In two parts, (2, N), L = second - first / (2 s^2), as the first, the smallest, counts at s = 0 too.
    """
    return distance.min(axis=1), np.log([weigh(one, s).sum() for one in distance])


def denoise(rule: Rule, x: Array, a: float, s: float, attention: Array | None = None, strength: float = 0.0) -> Array:
    """x0_hat of one image x (H, W, C): for each view the mean of its candidates' values, w @ values / sum(w).

    With attention A (G, G) views hear from each other which training image is likely, and candidate (n, u) at p has the exponent
    l[p, n, u] + strength * sum over q of A[p, q] L[q, n] (ours). Pieces agree; strength 1 is exact for one q apart.
    """
    explained = [explain(rule, seen, view, a) for view, seen in enumerate(rule.see(x))]
    count, answer = rule.image[-1] + 1, []
    heard = np.zeros((len(explained), 2, count))
    if attention is not None:
        told = [evidence(distance.reshape(count, -1), s) for _, distance in explained]
        heard = strength * np.einsum("pq,qin->pin", attention, told)
    for (who, distance), (further, log_prior) in zip(explained, heard, strict=True):
        w = weigh(distance + further[rule.image[who]], s, log_prior[rule.image[who]])
        answer.append(w @ rule.values[who] / w.sum())
    return np.reshape(answer, x.shape)
