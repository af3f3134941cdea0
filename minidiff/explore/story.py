"""The page's pictures for readers who only scroll or have no scripts: what the machines of this package answer, as HTML."""

import base64
import html
import io
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import nets, process, schedules
from ..machines import EquivariantLocalScore, IdealScore, LocalScore, Machine
from ..machines.windows import check_window
from ..measures import metrics
from ..plots import PALETTE
from ..types import Array, Denoiser

SCHEDULE, BOUNDARY = schedules.cosine(), "zeros"
SIDES = (1, 3, 5, 9, 15, 31)


class Told(NamedTuple):
    """The default walk with its provenance, the same noise through windows of several sides, and a pixel to point at first."""

    walk: str
    sizes: str
    pixel: int


def largest(k: int, height: int, width: int) -> int:
    """The largest window of at most side k that the images allow, with zeros past their border.

    Examples
    --------
    >>> largest(9, 3, 3)
    5
    """
    return min(k, 2 * max(height, width) - 1)


def told(images: Array, noise: Array, k: int, steps: int = 20) -> Told:
    """The walks of IS and ELS, window k, from one noise (H, W, C) over a training set."""
    images = images.astype(np.float64)
    whole = walked(IdealScore(images, SCHEDULE), noise, steps)
    machine = EquivariantLocalScore(images, SCHEDULE, window=k, boundary=BOUNDARY)
    window = walked(machine, noise, steps)
    sample = window[-1]
    source, pieces = machine.provenance(sample, 0.0), metrics.mosaic(machine, sample[None])
    shown = [round(i * steps / 4) for i in range(5)]
    heads = [f"t = {1 - i / steps:.2f}" for i in shown]
    rows = [
        ("Each step sees the whole picture", [figure(whole[i], head) for i, head in zip(shown, heads, strict=True)]),
        (f"Each pixel sees {k} × {k} pixels", [figure(window[i], head) for i, head in zip(shown, heads, strict=True)]),
    ]
    nearest = int(metrics.memorisation(whole[-1][None], images).nearest[0])
    rows[0][1].append(figure(images[nearest], f"training picture {nearest}"))
    origin = np.where(pieces.unique[0], source.image, -1)
    used, counts = np.unique(origin[origin >= 0], return_counts=True)
    order = used[np.argsort(-counts, kind="stable")]
    colours = {int(n): PALETTE[place % len(PALETTE)] for place, n in enumerate(order)}
    words = f"{pieces.region.max() + 1} pieces of {len(order)} training pictures"
    rows[1][1].append(
        f"<figure>{drawn(sample, origin, pieces.region[0], colours, words)}<figcaption>{words}</figcaption></figure>"
    )
    strips = "".join(f'<div><h3>{head}</h3><div class="strip">{_all(row)}</div></div>' for head, row in rows)
    gave = [_giver(n, images[n], source, origin, colours[int(n)]) for n in order[:6]]
    walk = (
        f'<div class="strips">{strips}</div><p class="note">Both walks start from the same noise. White lines part the pieces; '
        "equal colours are equal training pictures. These gave the most pixels, in outline:</p>"
        f'<div class="givers">{_all(gave)}</div>'
    )
    return Told(walk, _sizes(images, noise, steps), _in_the_middle(origin >= 0))


def _in_the_middle(where):
    """The pixel of `where` (H, W) that is nearest to the middle."""
    rows, columns = np.indices(where.shape)
    far = np.hypot(rows - where.shape[0] / 2, columns - where.shape[1] / 2)
    return int(np.where(where, far, far + far.max()).argmin())


def _giver(n, image, source, origin, colour):
    """A training image, with the pixels that it gave in outline."""
    mine = origin == n
    taken = np.full(mine.shape, -1)
    taken[source.row[mine], source.column[mine]] = n
    count = int(mine.sum())
    words = f"no. {n} gave {count} {'pixel' if count == 1 else 'pixels'}"
    return f"<figure>{drawn(image, taken, taken, {int(n): colour}, words)}<figcaption>{words}</figcaption></figure>"


def _sizes(images, noise, steps):
    """The same noise through windows of several sides, as buttons that choose the side."""
    height, width = images.shape[1:3]
    sides = [k for k in SIDES if k <= 2 * max(height, width) - 1]
    row = []
    for k in sides:
        check_window(k, height, width, BOUNDARY)
        sample = walked(EquivariantLocalScore(images, SCHEDULE, window=k, boundary=BOUNDARY), noise, steps)[-1]
        inside = picture(sample, f"Window of {k} by {k} pixels: show it")
        row.append(f'<figure><button type="button" data-k="{k}">{inside}</button><figcaption>{k} × {k}</figcaption></figure>')
    return f'<div class="thumbs">{_all(row)}</div>'


def comparison(network: nets.Network, images: Array, noises: Sequence[Array], steps: int = 20) -> str:
    """A network's picture from the first of two noises (H, W, C), the machines' from the same, and what costs nothing."""
    tables = network.notes["windows"]
    settings: dict[str, Any] = {"boundary": network.padding, "schedule": SCHEDULE}
    start = [noise.astype(np.float32) for noise in noises]
    machines: dict[str, Denoiser] = {
        "the window predicts": EquivariantLocalScore(images, window=tables["ELS"], **settings),
        "the same, each place for itself": LocalScore(images, window=tables["LS"], **settings),
        "sees the whole picture": IdealScore(images, SCHEDULE),
    }
    samples = {name: walked(machine, start[0], steps)[-1] for name, machine in machines.items()}
    reference = walked(network, start[0], steps)[-1]
    samples["the network, from another noise"] = walked(network, start[1], steps)[-1]
    samples["mean of all digits"] = images.mean(axis=0)
    cells = [f"<figure>{picture(reference, 'The network')}<figcaption>the network</figcaption></figure>"]
    for name, sample in samples.items():
        r = float(metrics.agreement(sample[None], reference[None]).r[0])
        cells.append(f"<figure>{picture(sample, name)}<figcaption>{name}: <b>r = {r:.2f}</b></figcaption></figure>")
    return f'<div id="comparison" class="strip">{_all(cells)}</div>'


def walked(denoiser: Machine | nets.Network | Denoiser, noise: Array, steps: int) -> list[Array]:
    """The images (H, W, C) of a walk back from this noise, the first with nothing but noise."""
    start = [float(SCHEDULE.noise(1.0)) * noise]
    return start + [step.x for step in process.ddim(denoiser, SCHEDULE, noise=noise, steps=steps, dtype=noise.dtype)]


# --- HTML ------------------------------------------------------------------------------------------------------------


def png(image: Array) -> str:
    """An image (H, W, 1 or 3) as the address of a .png; values beyond [-1, 1] are shown as black or white."""
    from PIL import Image

    levels = np.rint((np.clip(image, -1, 1) + 1) * 127.5).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(levels[..., 0] if levels.shape[2] == 1 else levels).save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def picture(image: Array, words: str) -> str:
    """An image as an HTML element, with words for those who do not see it."""
    height, width = image.shape[:2]
    return f'<img class="picture" width="{width}" height="{height}" alt="{html.escape(words, quote=True)}" src="{png(image)}">'


def figure(image: Array, words: str) -> str:
    """An image with its words below it."""
    return f"<figure>{picture(image, words)}<figcaption>{html.escape(words)}</figcaption></figure>"


def drawn(image: Array, origin: Array, region: Array, colours: dict[int, str], words: str) -> str:
    """An image with a tint for each origin (H, W), -1 being none, and lines between regions (H, W), as SVG."""
    height, width = origin.shape
    tints = [f'<path fill="{colours[n]}" d="{_squares(origin == n)}"/>' for n in sorted(colours) if (origin == n).any()]
    lines = [f"M{j + 1} {i}v1" for i, j in np.argwhere(region[:, 1:] != region[:, :-1])]
    lines += [f"M{j} {i + 1}h1" for i, j in np.argwhere(region[1:] != region[:-1])]
    return (
        f'<svg class="picture" viewBox="0 0 {width} {height}" role="img" aria-label="{html.escape(words, quote=True)}">'
        f'<image width="{width}" height="{height}" href="{png(image)}"/><g fill-opacity=".45">{"".join(tints)}</g>'
        f'<path fill="none" stroke="#fff" stroke-width=".12" d="{"".join(lines)}"/></svg>'
    )


def _all(parts):
    return "".join(parts)


def _squares(where):
    return "".join(f"M{j} {i}h1v1h-1z" for i, j in np.argwhere(where))
