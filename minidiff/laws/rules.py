"""The best denoiser of each class as a rule of theory.py. The laws compare denoisers with it."""

from collections.abc import Iterable

import numpy as np

from .. import theory
from ..theory import Rule
from ..types import Array


def classes_of(height: int, width: int, k: int, boundary: str, shared: bool | str) -> Array:
    """The class of each pixel, (H W,) ints from 0: pixels of one class may explain each other.

    If `shared` is False each pixel is a class of its own. If it is True, pixels that padding does not distinguish are one class.
    If it is "anywhere" all pixels are one class; with zero padding no machine has this rule, but it is a common slip.
    """
    if not shared:
        return np.arange(height * width)
    if shared == "anywhere":
        return np.zeros(height * width, int)
    return np.unique(theory.places(height, width, k, boundary), return_inverse=True)[1].ravel()


def rule_of(images: Array, k: int | None = None, boundary: str = "circular", shared: bool | str = False) -> Rule:
    """The rule whose posterior mean is the best denoiser of a class, for training images (N, H, W, C).

    With k=None the class sees the whole image, else each pixel sees its k x k window. With `shared` every translation of an
    image, or every pixel of a class of `classes_of`, may explain a view; without it only the same place may.
    """
    images = np.asarray(images, np.float64)
    if k is None:
        return theory.equivariant(images) if shared else theory.ideal(images)
    height, width = images.shape[1:3]
    return theory.through_windows(images, k, boundary, classes_of(height, width, k, boundary, shared))


def views(rule: Rule) -> int:
    """How many posteriors an image has: one for each pixel with a window, else one."""
    return len(rule.view_place)


def values_of(rule: Rule, view: int) -> Array:
    """The values (M', D) of the candidates that may explain a view."""
    return rule.values[rule.place == rule.view_place[view]]


def explained(rule: Rule, seen: Array, view: int, a: float) -> tuple[Array, Array]:
    """Squared distances (M',) of what a view sees (P,) to a times the keys of its candidates, and their values (M', D)."""
    who, distances = theory.explain(rule, seen, view, a)
    return distances, rule.values[who]


def posterior(rule: Rule, x: Array, a: float, s: float, view: int) -> tuple[Array, Array, float]:
    """The posterior of one view of x (H, W, C): (weights (M',), values (M', D), smallest squared distance)."""
    distances, values = explained(rule, rule.see(x)[view], view, a)
    weights = theory.weigh(distances, s)
    return weights / weights.sum(), values, distances.min()


def estimate(
    rule: Rule, x: Array, a: float, s: float, chosen: Iterable[int] | None = None, attention: Array | None = None
) -> tuple[Array, Array]:
    """x0_hat of x (H, W, C) for some views, by default all: ((G, D), their smallest squared distances (G,)).

    With attention (G, G) views pool their evidence, with g = 1; the distance is then the smallest sum, over the training images,
    of the view's own distance and those that it hears.
    """
    chosen = list(range(views(rule)) if chosen is None else chosen)
    if attention is None:
        parts = [posterior(rule, x, a, s, view) for view in chosen]
        return np.stack([w @ values for w, values, _ in parts]), np.array([nearest for *_, nearest in parts])
    found = theory.denoise(rule, x, a, s, attention, 1.0).reshape(views(rule), -1)
    by_image = rule.image[-1] + 1, -1
    own = [explained(rule, seen, view, a)[0].reshape(by_image).min(axis=1) for view, seen in enumerate(rule.see(x))]
    return found[chosen], (own + attention @ own).min(axis=1)[chosen]


def is_of_its_images(rule: Rule, images: Array) -> bool:
    """Whether each candidate is a pixel of a training image, or a whole one: it shows what is seen there, and answers with it."""
    shown = np.concatenate([rule.see(y) for y in images])
    return (
        shown.shape == rule.keys.shape
        and np.allclose(shown, rule.keys, rtol=1e-9, atol=1e-12)
        and np.array_equal(rule.values.ravel(), images.ravel())
        and np.array_equal(rule.place, np.tile(rule.view_place, len(images)))
    )


def clear_of(height: int, width: int, k: int, boundary: str) -> Array:
    """(H W, H W): whether the windows at two pixels share no pixel."""
    numbered = np.arange(1.0, height * width + 1).reshape(height, width, 1)
    sees = np.stack([(theory.windows(numbered, k, boundary) == pixel).any(axis=1) for pixel in numbered.ravel()], axis=1)
    return sees.astype(int) @ sees.T == 0
