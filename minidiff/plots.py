"""Every figure. Functions draw on `ax=` (or `axes=`) and return what they drew; without it they open a figure with pyplot.

Images are (H, W, C) in [-1, 1]. One channel is drawn in grey, three in colour; for any other C choose one with `channel=`. Values
outside [-1, 1] are drawn as -1 or 1.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from . import arguments
from .files import as_path, whole
from .types import Array, PathLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage
    from matplotlib.lines import Line2D

    from .machines import Provenance
    from .measures.metrics import Memorisation, Mosaic
    from .process import Step

Ax: TypeAlias = "Axes | None"
Title: TypeAlias = str | None
# The colours of Okabe and Ito, which colour-blind readers can tell apart, without black, the background of most images.
PALETTE = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7")


def _axes(ax):
    if ax is not None:
        return ax
    from matplotlib import pyplot

    return pyplot.subplots()[1]


def _drawable(images, channel=None):
    """Images (..., H, W, C) as numbers in [0, 1] with C = 1 or 3."""
    images = np.asarray(images, dtype=np.float64)
    if channel is not None:
        channel = arguments.whole_number("channel", channel, 0, images.shape[-1] - 1)
        images = images[..., channel : channel + 1]
    if images.shape[-1] not in (1, 3):
        raise ValueError(f"images: expected 1 or 3 channels to draw, got {images.shape[-1]}; hint: choose one, channel=0")
    if not np.isfinite(images).all():
        raise ValueError("images: expected finite numbers, got NaN or inf")
    return np.clip((images + 1) / 2, 0, 1)


def _picture(pixels, ax, title=None, fontsize=10):
    """Draw pixels (H, W, 3) in [0, 1] on bare axes; the AxesImage."""
    drawn = ax.imshow(pixels, interpolation="nearest")
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)
    if title:
        ax.set_title(title, fontsize=fontsize)
    return drawn


def _in_colour(image, channel=None):
    return np.broadcast_to(_drawable(image, channel), (*np.shape(image)[:2], 3))


def show(image: Array, ax: Ax = None, title: Title = None, channel: int | None = None) -> "AxesImage":
    """Draw one image (H, W, C); returns the AxesImage.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> show(np.zeros((4, 4, 1)), ax=Figure().subplots()).get_array().shape
    (4, 4, 3)
    """
    ax = _axes(ax)
    if np.ndim(image) != 3:
        raise ValueError(f"image: expected shape (H, W, C), got {np.shape(image)}; hint: draw a batch by plots.grid")
    return _picture(_in_colour(image, channel), ax, title)


def sheet(images: Array, columns: int | None = None, gap: int = 1, channel: int | None = None) -> Array:
    """One picture (H', W', 3) in [0, 1] of images (B, H, W, C), row by row, with white gaps of `gap` pixels between them.

    A row has `columns` images, by default 8.

    Examples
    --------
    >>> sheet(np.zeros((6, 4, 4, 1)), columns=3).shape
    (9, 14, 3)
    """
    if np.ndim(images) != 4 or np.size(images) == 0:
        raise ValueError(f"images: expected a non-empty array of shape (B, H, W, C), got {np.shape(images)}")
    pixels, gap = _drawable(images, channel), arguments.whole_number("gap", gap, 0)
    count, height, width, _ = pixels.shape
    columns = min(count, 8) if columns is None else arguments.whole_number("columns", columns, 1)
    rows = -(-count // columns)
    out = np.ones((rows * (height + gap) - gap, columns * (width + gap) - gap, 3))
    for b in range(count):
        i, j = (b // columns) * (height + gap), (b % columns) * (width + gap)
        out[i : i + height, j : j + width] = pixels[b]
    return out


def grid(
    images: Array, columns: int | None = None, ax: Ax = None, title: Title = None, channel: int | None = None
) -> "AxesImage":
    """Draw images (B, H, W, C) as a `sheet` with `columns` images in a row, by default 8; returns the AxesImage.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> _ = grid(np.zeros((6, 4, 4, 1)), ax=Figure().subplots())
    """
    return _picture(sheet(images, columns, channel=channel), _axes(ax), title)


def rows(
    stacks: Sequence[Array], names: Sequence[str], ax: Ax = None, title: Title = None, heads: Sequence[str] | None = None
) -> "AxesImage":
    """Draw several stacks of images (B, H, W, C): each stack is a row with its name on the left, each sample is a column.

    `heads` are B texts above the columns. Returns the AxesImage.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> _ = rows([np.zeros((3, 4, 4, 1))] * 2, ["sample", "nearest"], ax=Figure().subplots())
    """
    ax = _axes(ax)
    stacks = [np.asarray(stack) for stack in stacks]
    if not stacks or any(stack.shape != stacks[0].shape or stack.ndim != 4 for stack in stacks):
        raise ValueError(f"stacks: expected arrays of one shape (B, H, W, C), got {[stack.shape for stack in stacks]}")
    height, width = stacks[0].shape[1:3]
    drawn = grid(np.concatenate(stacks), columns=len(stacks[0]), ax=ax, title=title)
    ax.set_yticks([i * (height + 1) + height / 2 - 0.5 for i in range(len(stacks))], names, fontsize=9)
    ax.tick_params(length=0)
    if heads is not None:
        ax.set_xticks([j * (width + 1) + width / 2 - 0.5 for j in range(len(heads))], heads, fontsize=8)
        ax.xaxis.tick_top()
    return drawn


def trajectory(steps: "Sequence[Step]", ax: Ax = None, title: Title = None, most: int = 8, sample: int = 0) -> "AxesImage":
    """Draw the way back of one sample from a list of process.Step: x above, the estimate x0_hat below, one column for each step.

    At most `most` steps are drawn. They are evenly spaced, and the last step is always among them. Returns the AxesImage.

    Examples
    --------
    >>> import minidiff as md
    >>> from matplotlib.figure import Figure
    >>> steps = list(md.process.ddim(lambda x, t: 0 * x, md.schedules.cosine(), shape=(1, 4, 4, 1), rng=0))
    >>> _ = trajectory(steps, ax=Figure().subplots())
    """
    if not steps:
        raise ValueError("steps: expected at least one process.Step, got none")
    chosen = [steps[i] for i in np.unique(np.linspace(len(steps) - 1, 0, most).round().astype(int))]
    stacks = [np.stack([getattr(step, name)[sample] for step in chosen]) for name in ("x", "x0_hat")]
    return rows(stacks, ["x", "x0_hat"], ax=ax, title=title, heads=[f"t = {step.t:.2f}" for step in chosen])


def nearest(samples: Array, images: Array, found: "Memorisation", ax: Ax = None, title: Title = None) -> "AxesImage":
    """Draw samples (B, H, W, C) above their nearest training images, which are shifted to match the samples.

    `found` is what `metrics.memorisation(samples, images)` returned. The number above each column is the root-mean-square
    distance. Returns the AxesImage.
    """
    from .measures.metrics import rolled

    moved = rolled(np.asarray(images)[found.nearest], found.shift)
    heads = [f"{distance:.2f}" for distance in found.distance]
    return rows([samples, moved], ["sample", "nearest\ntraining image"], ax=ax, title=title, heads=heads)


def scale_table(
    windows: Sequence[int] | Array | Callable[[float], int], ax: Ax = None, title: Title = None, label: str | None = None
) -> "Line2D":
    """Draw the side k of a window against the time t, from a list (least noise first) or a callable of t; returns the line.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> scale_table([3, 3, 5, 9], ax=Figure().subplots()).get_ydata().tolist()
    [3, 3, 3, 5, 9]
    """
    ax = _axes(ax)
    count = 20 if callable(windows) else len(windows)
    times = (np.arange(count) + 1) / count
    sides = [windows(t) for t in times] if callable(windows) else list(windows)
    # The line begins at t = 0, where the first window is used too: without this point the first window would not be drawn.
    (line,) = ax.step(np.r_[0, times], [sides[0], *sides], where="pre", label=label)
    ax.set_xlabel("time t (0 is clean)")
    ax.set_ylabel("window side k (pixels)")
    if title:
        ax.set_title(title, fontsize=10)
    return line


def provenance(
    sample: Array,
    source: "Provenance",
    pieces: "Mosaic",
    images: Array,
    axes: "Sequence[Axes] | None" = None,
    most: int = 6,
    index: int = 0,
) -> "Sequence[Axes]":
    """Draw where the pixels of one sample come from: the sample, its regions in colour, and the training images that gave them.

    Parameters
    ----------
    sample : (H, W, C)
    source : Provenance of the batch that the sample belongs to
    pieces : Mosaic of the same batch
    images : (N, H, W, C), the training set
    axes : sequence of axes, optional
        The first shows the sample and the second its regions. Each of the others shows a training image; the one that gives
        the most pixels comes first. Without `axes` a figure is opened, with axes for `most` training images.
    most : int
    index : int
        Which sample of the batch.

    Returns the axes. Grey regions are exact ties: several patches are equally close. In each training image the pixels that the
    sample takes from it have a frame and a tint of the image's colour.
    """
    from matplotlib.colors import to_rgb

    if axes is None:
        from matplotlib import pyplot

        axes = pyplot.subplots(1, 2 + most, figsize=(1.4 * (2 + most), 1.7))[1]
    image, unique, region = source.image[index], pieces.unique[index], pieces.region[index]
    givers, counts = np.unique(image[unique], return_counts=True)
    givers = givers[np.argsort(-counts, kind="stable")]
    colours = {n: np.array(to_rgb(PALETTE[place % len(PALETTE)])) for place, n in enumerate(givers)}
    _picture(_in_colour(sample), axes[0], "sample", 8)
    tint = np.full((*image.shape, 3), 0.5)
    for n in givers:
        tint[unique & (image == n)] = colours[n]
    _picture(_tinted(sample, tint, True), axes[1], f"{region.max() + 1} pieces of\n{len(givers)} images", 8)
    _outline(axes[1], region, -2, "black")
    for ax, n in zip(axes[2:], givers, strict=False):
        taken = np.zeros(image.shape, bool)
        mine = unique & (image == n)
        taken[source.row[index][mine], source.column[index][mine]] = True
        _picture(_tinted(images[n], colours[n], taken), ax, f"{mine.sum()} pixels\nof no. {n}", 8)
        _outline(ax, taken.astype(int), 0, colours[n])
    for ax in axes[2 + len(givers) :]:
        ax.set_axis_off()
    return axes


def _tinted(image, colour, where):
    """The image, tinted where `where` is True: its brightness in shades of a colour, or of one colour for each pixel."""
    pixels = _in_colour(image)
    shaded = colour * (0.45 + 0.55 * pixels.mean(axis=2, keepdims=True))
    return np.where(np.broadcast_to(where, pixels.shape[:2])[..., None], shaded, pixels)


def save_sheet(path: PathLike, images: Array, columns: int | None = None, scale: int | None = None) -> None:
    """Write a `sheet` of images (B, H, W, C) as a .png in which each pixel is a square of side `scale`.

    By default the longer side of the picture is about 800, and `scale` is at least 4.
    """
    _check_suffix(path, ".png")
    with whole(path) as temporary:
        _enlarged(sheet(images, columns), scale).save(temporary)


def save_gif(
    path: PathLike, frames: Sequence[Array], columns: int | None = None, scale: int | None = None, milliseconds: int = 120
) -> None:
    """Write sheets of images (B, H, W, C), one for each frame, as a .gif that plays once and stops at the last frame.

    Each frame is shown for `milliseconds`; `columns` and `scale` are as for `save_sheet`.
    """
    if not (frames := arguments.listed("frames", frames)):
        raise ValueError("frames: expected at least one, got none")
    _check_suffix(path, ".gif")
    pictures = [_enlarged(sheet(frame, columns), scale) for frame in frames]
    durations = [milliseconds] * (len(pictures) - 1) + [3000]
    with whole(path) as temporary:
        pictures[0].save(temporary, save_all=True, append_images=pictures[1:], duration=durations)


def _check_suffix(path, usual):
    """ValueError where Pillow cannot tell from a file's name how to write it."""
    from PIL import Image

    if as_path(path).suffix.lower() not in Image.registered_extensions():
        raise ValueError(f"path: expected a name that ends in {usual}, got {arguments.brief(path)}")


def _enlarged(pixels, scale):
    from PIL import Image

    scale = max(4, 800 // max(pixels.shape[:2])) if scale is None else arguments.whole_number("scale", scale, 1)
    bytes_ = (pixels * 255).round().astype(np.uint8)
    return Image.fromarray(bytes_.repeat(scale, axis=0).repeat(scale, axis=1))


def _outline(ax, region, outside, colour):
    """Draw lines between pixels of different regions (H, W); around the image is the region `outside`."""
    padded = np.pad(region, 1, constant_values=outside)
    across, down = padded[1:-1, 1:] != padded[1:-1, :-1], padded[1:, 1:-1] != padded[:-1, 1:-1]
    for changes, (height, width) in ((across, (1, 0)), (down, (0, 1))):
        for i, j in np.argwhere(changes) - 0.5:
            ax.plot([j, j + width], [i, i + height], color=colour, linewidth=1.2)
