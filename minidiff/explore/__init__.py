"""The living page: one file on which a reader points at a pixel of a generated picture and sees where it comes from.

`write` makes it. theory.js says in JavaScript what theory.py says in Python, with the same names in the same order; network.js is
the network, worker.js runs both beside the page, and page.js is what a reader does. They are joined into one file that needs no
network and no other file. story.py computes the pictures for readers who only scroll, or have no scripts.
"""

import base64
import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from .. import arguments, datasets, files, nets
from ..datasets.images import from_bytes
from ..types import Array, PathLike
from . import story

__all__ = ["as_shown", "noise", "page", "write"]

HERE = Path(__file__).parent
# A step of ELS on a torus takes N (H W)^2 time: 300 images of 32 x 32 take a browser some five seconds.
MOST_SIDE = 32
MOST_SEED = 2**32 - 1
SCRIPTS = {"theory": "theory.js", "network": "network.js", "worker": "worker.js", "page": "page.js", "style": "style.css"}
COLOURS: dict[str, Any] = {"name_or_path": "colour_patterns", "size": 16, "count": 100, "rng": 0}
NETWORK = "digits-zeros"


def noise(seed: int, shape: tuple[int, ...]) -> Array:
    """Unit normal noise from a small generator that JavaScript has too: what the page starts from at that seed.

    Word i is MurmurHash3's finalizer, mix, of mix(seed) + (i + 1) 0x9E3779B9, modulo 2^32. Two words make two uniform numbers in
    (0, 1), u = (word + 0.5) / 2^32, and these two normal ones: sqrt(-2 log u_1) cos(2 pi u_2), and the same with the sine.

    Parameters
    ----------
    seed : int from 0 to 2^32 - 1
    shape : tuple of ints

    Returns
    -------
    noise : float64 array of that shape

    Raises ValueError or TypeError on another seed or shape.

    Examples
    --------
    >>> noise(0, (2, 2)).round(3).tolist()
    [[0.082, 1.052], [-0.617, 2.028]]
    """
    arguments.whole_number("seed", seed, 0, MOST_SEED)
    shape = arguments.shape("shape", shape, "such as (16, 16, 1)")
    count = int(np.prod(shape))
    steps = np.arange(1, 2 * -(-count // 2) + 1, dtype=np.uint32)
    words = _mix(_mix(np.array([seed], np.uint32)) + steps * np.uint32(0x9E3779B9))
    first, second = ((words + 0.5) / 2.0**32).reshape(-1, 2).T
    radius, angle = np.sqrt(-2 * np.log(first)), 2 * np.pi * second
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).ravel()[:count].reshape(shape)


def _mix(words):
    """MurmurHash3's finalizer of 32-bit words."""
    words = (words ^ (words >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    words = (words ^ (words >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return words ^ (words >> np.uint32(16))


def as_shown(images: Array) -> Array:
    """Images as the page holds them: of 256 levels from -1 to 1, as float32; what is beyond is cut off.

    Parameters
    ----------
    images : (N, H, W, C) float32 or float64

    Returns
    -------
    images : (N, H, W, C) float32

    Raises ValueError or TypeError on bad images.

    Examples
    --------
    >>> as_shown(np.array([-1.0, -0.9999, 0.5, 2.0]).reshape(1, 2, 2, 1)).ravel()
    array([-1.        , -1.        ,  0.49803925,  1.        ], dtype=float32)
    """
    return from_bytes(_levels(images))


def _levels(images):
    return np.rint((arguments.image_set(images).clip(-1, 1) + 1) * 127.5).astype(np.uint8)


def write(out: PathLike, images: Array, call: str = "...", seed: int = 0, **settings: Any) -> Path:
    """Write explore.html to the folder `out`, whole or not at all, and return its path.

    Parameters
    ----------
    out : path of an existing folder
    images, call, seed, settings
        As for `page`.

    Raises as `page` does, and OSError if the file cannot be written.
    """
    path = Path(out) / "explore.html"
    files.write_text(path, page(images, call, seed, **settings))
    return path


def page(images: Array, call: str = "...", seed: int = 0, steps: int = 20) -> str:
    """The page as text.

    Parameters
    ----------
    images : (N, H, W, C) float32 or float64, with H and W at most 32 and C 1 or 3
        The training set. The page holds it with 256 levels; see `as_shown`.
    call : str
        The Python code that gives (images, labels); the page puts it into "copy as Python".
    seed : int from 0 to 2^32 - 1
        The noise that the page starts from.
    steps : int
        Of the walks that are computed here. (The page itself takes 20.)

    Returns
    -------
    text : str
        About 1.3 MB for 300 images of 16 x 16.

    Raises ValueError or TypeError on bad arguments. It takes some seconds, for the pictures of story.py.
    """
    images = arguments.image_set(images)
    count, height, width, channels = images.shape
    if max(height, width) > MOST_SIDE or channels not in (1, 3):
        got = f"{height} x {width} pixels and {channels} channels"
        raise ValueError(
            f"images: expected at most {MOST_SIDE} x {MOST_SIDE} pixels of 1 or 3 channels, got {got}; hint: --size 16"
        )
    digits = datasets.digits(size=16)[0]
    network = nets.load(NETWORK)
    k = story.largest(9, height, width)
    told = story.told(as_shown(images), noise(seed, images.shape[1:]), k, steps)
    given = {
        "start": {"seed": seed, "k": k, "pixel": told.pixel},
        "main": packed(images, call),
        "colours": packed(datasets.load(**COLOURS)[0], _call(**COLOURS)),
        "digits": packed(digits, ""),
        "network": _network(network),
    }
    parts = {name: (HERE / file).read_text(encoding="utf-8").strip() for name, file in SCRIPTS.items()}
    parts |= {
        "data": json.dumps(given).replace("</", "<\\/"),
        "story": told.walk,
        "sizes": told.sizes,
        "foot": FOOT.format(count=count),
    }
    noises = [noise(one % 2**32, digits.shape[1:]) for one in (seed, seed + 1)]
    parts["comparison"] = story.comparison(network, as_shown(digits), noises, steps)
    template = (HERE / "page.html").read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], template)


def packed(images: Array, call: str) -> dict[str, Any]:
    """A set of images as the page's JSON holds it."""
    names = ("count", "height", "width", "channels")
    return {**dict(zip(names, images.shape, strict=True)), "call": call, "data": _text(_levels(images).tobytes())}


def _call(name_or_path: str, **options: Any) -> str:
    given = ", ".join(f"{name}={value!r}" for name, value in options.items())
    return f"md.datasets.load({name_or_path!r}, {given})"


def _network(network):
    params = {name: _text(array.astype("<f4").tobytes()) for name, array in network.params.items()}
    return {"depth": network.depth, "windows": network.notes["windows"], "params": params}


def _text(data):
    return base64.b64encode(data).decode("ascii")


FOOT = (
    "<p>Everything on this page is computed by your browser, from {count} training pictures that are in this file; nothing is "
    "sent anywhere. Pictures are kept with 256 levels. The denoisers are those of minidiff: the ideal score machine, and the "
    "(equivariant) local score machine, by Kamb and Ganguli, <i>An analytic theory of creativity in convolutional diffusion "
    "models</i>, arXiv 2412.20292; g is minidiff's own. Digits: E. Alpaydin and C. Kaynak, <i>Optical Recognition of Handwritten "
    "Digits</i>, UCI, CC BY 4.0.</p>"
)
