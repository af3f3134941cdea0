"""Figures: what is drawn is what was given, pixel for pixel; and importing the package draws and compiles nothing."""

import os
import re
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from PIL import Image

import minidiff as md
from minidiff import plots
from minidiff.machines import Provenance
from minidiff.measures.metrics import Mosaic

matplotlib.use("Agg")
COSINE = md.schedules.cosine()


@pytest.fixture
def ax():
    return Figure().subplots()


def some_images(count, height=3, width=4, channels=1, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (count, height, width, channels))


def pixels_of(image):
    """What an image must look like: [-1, 1] as [0, 1], grey as three equal channels."""
    return np.broadcast_to((np.asarray(image) + 1) / 2, (*image.shape[:2], 3))


def texts(labels):
    return [label.get_text() for label in labels]


# --- sheets ----------------------------------------------------------------------------------------------------------


def test_sheet_is_laid_out_row_by_row():
    """Three 1 x 2 images in two columns: written out by hand; white between them and where there is none."""
    images = np.array([[-1.0, 1.0], [0.0, -0.5], [0.5, -1.0]]).reshape(3, 1, 2, 1)
    expected = [[0, 1, 1, 0.5, 0.25], [1, 1, 1, 1, 1], [0.75, 0, 1, 1, 1]]
    np.testing.assert_array_equal(plots.sheet(images, columns=2), np.repeat(np.array(expected)[..., None], 3, axis=2))


@pytest.mark.parametrize(("count", "columns", "gap", "channels"), [(1, None, 1, 1), (9, None, 1, 3), (5, 3, 2, 1), (4, 6, 0, 3)])
def test_every_image_is_at_its_place_on_the_sheet(count, columns, gap, channels):
    """Image b is in row b // columns, column b % columns; all the rest is white. Eight columns unless told."""
    images = some_images(count, 3, 4, channels)
    sheet = plots.sheet(images, columns, gap).copy()
    columns = min(count, 8) if columns is None else columns
    assert sheet.shape == (-(-count // columns) * (3 + gap) - gap, columns * (4 + gap) - gap, 3)
    for b, image in enumerate(images):
        i, j = b // columns * (3 + gap), b % columns * (4 + gap)
        np.testing.assert_allclose(sheet[i : i + 3, j : j + 4], pixels_of(image), rtol=0, atol=1e-15)
        sheet[i : i + 3, j : j + 4] = 1
    assert (sheet == 1).all()


def test_values_beyond_the_range_are_drawn_as_the_nearest_end(ax):
    """-3 is black and 1.5 is white, and the image that was given is not changed."""
    image = np.array([[-3.0, 1.5, 0.0]])[..., None]
    drawn = plots.show(image, ax=ax).get_array()
    np.testing.assert_array_equal(drawn[0, :, 0], [0, 1, 0.5])
    assert image[0, 0, 0] == -3


def test_a_channel_can_be_chosen(ax):
    """Of five channels one is drawn, in grey; of three, all in colour or one in grey."""
    for channels in (3, 5):
        images = some_images(2, channels=channels)
        for channel in (0, channels - 1):
            expected = pixels_of(images[1, ..., channel : channel + 1])
            np.testing.assert_array_equal(plots.show(images[1], ax=ax, channel=channel).get_array(), expected)
            np.testing.assert_array_equal(plots.sheet(images, channel=channel)[:, 5:], expected)
            np.testing.assert_array_equal(plots.grid(images, ax=ax, channel=channel).get_array()[:, 5:], expected)


# --- figures return what they drew -----------------------------------------------------------------------------------


def test_figures_return_what_they_drew_on_the_axes_they_were_given(ax):
    """show, grid, rows and nearest return the AxesImage on ax; scale_table its line. pyplot opens no figure for it."""
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    images = some_images(3)
    found = md.metrics.memorisation(images, images)
    for drawn in (
        plots.show(images[0], ax=ax, title="one"),
        plots.grid(images, ax=ax, title="one"),
        plots.rows([images, images], ["a", "b"], ax=ax, title="one"),
        plots.nearest(images, images, found, ax=ax, title="one"),
    ):
        assert isinstance(drawn, AxesImage)
        assert drawn.axes is ax and drawn in ax.images
        assert ax.get_title() == "one"
    line = plots.scale_table([3, 5], ax=ax, title="table")
    assert line.axes is ax and line in ax.lines and ax.get_title() == "table"
    assert pyplot.get_fignums() == before


def test_without_axes_a_figure_is_opened():
    """ax=None draws into one new pyplot figure."""
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    try:
        drawn = plots.show(some_images(1)[0])
        assert pyplot.get_fignums() == [*before, drawn.figure.number]
        assert pyplot.gca() is drawn.axes
    finally:
        pyplot.close("all")


def test_rows_put_each_stack_in_its_own_row(ax):
    """Stack r is row r, named at the height of its middle; heads stand over the middle of their columns."""
    stacks = [some_images(3, seed=seed) for seed in (0, 1)]
    drawn = plots.rows(stacks, ["above", "below"], ax=ax, heads=["x", "y", "z"])
    np.testing.assert_array_equal(drawn.get_array(), plots.sheet(np.concatenate(stacks), columns=3))
    assert texts(ax.get_yticklabels()) == ["above", "below"]
    assert texts(ax.get_xticklabels()) == ["x", "y", "z"]
    # Pixel i covers [i - 1/2, i + 1/2]: images of 3 x 4 with a gap of 1 have their middles at 1, 5 and 1.5, 6.5, 11.5.
    assert ax.get_yticks().tolist() == [1, 5]
    assert ax.get_xticks().tolist() == [1.5, 6.5, 11.5]


def test_trajectory_shows_evenly_chosen_steps_up_to_the_last(ax):
    """x above, x0_hat below, time to the right; never more than `most` steps, and always the last one."""
    walk = list(md.process.ddim(lambda x, t: 0.5 * x, COSINE, shape=(2, 3, 4, 1), steps=10, rng=0))
    drawn = plots.trajectory(walk, ax=ax, most=4, sample=1)
    chosen = [walk[i] for i in (0, 3, 6, 9)]
    stacks = [np.stack([getattr(step, name)[1] for step in chosen]) for name in ("x", "x0_hat")]
    np.testing.assert_array_equal(drawn.get_array(), plots.sheet(np.concatenate(stacks), columns=4))
    assert texts(ax.get_yticklabels()) == ["x", "x0_hat"]
    assert texts(ax.get_xticklabels()) == [f"t = {step.t:.2f}" for step in chosen]
    for most in (1, 2, 3, 8, 50):
        plots.trajectory(walk, ax=ax, most=most)
        heads = texts(ax.get_xticklabels())
        assert len(heads) == min(most, 10)
        assert heads[-1] == "t = 0.00"


def test_nearest_moves_training_images_onto_the_samples(ax):
    """Samples that are shifted copies have themselves below them, and 0.00 above."""
    images = some_images(4, 4, 5)
    samples = np.stack([np.roll(images[2], (1, 3), (0, 1)), images[0]])
    drawn = plots.nearest(samples, images, md.metrics.memorisation(samples, images), ax=ax)
    np.testing.assert_array_equal(drawn.get_array(), plots.sheet(np.concatenate([samples, samples]), columns=2))
    assert texts(ax.get_xticklabels()) == ["0.00", "0.00"]


def test_scale_table_is_the_window_at_every_time(ax):
    """The line's height at time t, read as drawn, is the machine's own window at t, for a list and for a callable."""
    table = [3, 3, 5, 9]
    window = md.LocalScore(some_images(1, 9, 9), COSINE, window=table).window
    for windows in (table, np.array(table), window):
        line = plots.scale_table(windows, ax=ax, label="k")
        assert (line.get_drawstyle(), line.get_label()) == ("steps-pre", "k")
        x, y = line.get_data()
        for t in (0.01, 0.25, 0.26, 0.5, 0.6, 0.75, 0.76, 1.0):
            # "pre": the value of a point holds from the point before it up to the point itself.
            assert y[np.searchsorted(x, t - 1e-9)] == window(t)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time t (0 is clean)", "window side k (pixels)")


# --- provenance ------------------------------------------------------------------------------------------------------


def painted(ax):
    """The colours that an axes shows, (H, W, 3)."""
    (image,) = ax.images
    return image.get_array()


def two_givers():
    """A 2 x 3 sample, the second of its batch: four pixels from training image 7, one from image 2, one tie."""
    images = np.zeros((8, 2, 3, 1))
    image = np.array([[7, 7, 2], [7, 7, 0]])
    rows, columns = np.indices((2, 3))
    unique = image > 0
    region = np.array([[0, 0, 1], [0, 0, -1]])
    source = Provenance(*(np.stack([field * 0, field]) for field in (image, rows, (columns + 1) % 3, 1.0 * unique)))
    pieces = Mosaic(
        np.array([0, 2]), np.array([0, 2]), np.array([np.nan, 0.8]), np.stack([region, region]), np.stack([~unique, unique])
    )
    return np.full((2, 3, 1), 0.5), source, pieces, images


def test_provenance_gives_every_training_image_its_colour():
    """Pixels of the image that gives most are shades of the first colour, the next of the second; ties are grey."""
    sample, source, pieces, images = two_givers()
    axes = Figure().subplots(1, 5)
    assert plots.provenance(sample, source, pieces, images, axes=axes, index=1) is axes
    np.testing.assert_array_equal(painted(axes[0]), pixels_of(sample))
    first, second = (np.array(to_rgb(colour)) for colour in plots.PALETTE[:2])
    expected = np.array([[first, first, second], [first, first, np.full(3, 0.5)]])
    shown = painted(axes[1])
    # A shade: the colour itself times one number, the same for a sample of one grey.
    np.testing.assert_allclose(shown, expected * (shown[0, 0, 0] / first[0]), rtol=1e-12)
    assert (shown[0, 0] <= first).all() and shown.max() > 0.3
    # The titles tell the numbers of images and pieces, then each image's number and pixels, in whatever words.
    told = [{int(number) for number in re.findall(r"\d+", ax.get_title())} for ax in axes[1:4]]
    assert told == [{2}, {7, 4}, {2, 1}]


def test_provenance_marks_what_was_taken_in_the_training_images():
    """Each training image is tinted and framed at the pixels that the sample takes, wherever they lie there."""
    sample, source, pieces, images = two_givers()
    axes = Figure().subplots(1, 5)
    plots.provenance(sample, source, pieces, images, axes=axes, index=1)
    for ax, n, taken in ((axes[2], 7, [[0, 1, 1], [0, 1, 1]]), (axes[3], 2, [[1, 0, 0], [0, 0, 0]])):
        tinted = (painted(ax) != pixels_of(images[n])).any(axis=2)
        np.testing.assert_array_equal(tinted, np.array(taken, bool))
        colour = np.array(to_rgb(plots.PALETTE[0 if n == 7 else 1]))
        np.testing.assert_allclose(painted(ax)[tinted] / colour, painted(ax)[tinted][0, 0] / colour[0], rtol=1e-12)
        # The frame is the region's circumference: 8 edges around 2 x 2 pixels, 4 around one.
        assert len(ax.lines) == (8 if n == 7 else 4)
    assert axes[3].axison and not axes[4].axison


def test_provenance_draws_lines_between_regions_only():
    """No line runs inside a region; between two of them there is one."""
    sample, source, pieces, images = two_givers()
    axes = Figure().subplots(1, 2)
    plots.provenance(sample, source, pieces, images, axes=axes, index=1)
    edges = {tuple(zip(*line.get_data(), strict=True)) for line in axes[1].lines}
    assert ((1.5, -0.5), (1.5, 0.5)) in edges
    assert ((0.5, -0.5), (0.5, 0.5)) not in edges
    assert ((-0.5, 0.5), (0.5, 0.5)) not in edges


def test_provenance_of_a_real_mosaic():
    """With real samples, more givers than axes and colours: the first axes hold those that give most; pyplot is not needed."""
    images = md.datasets.digits()[0][:12]
    machine = md.EquivariantLocalScore(images, COSINE, window=3, boundary="zeros")
    *_, last = md.process.ddim(machine, COSINE, shape=(2, 8, 8, 1), steps=6, rng=0)
    pieces, source = md.metrics.mosaic(machine, last.x), machine.provenance(last.x, 0.0)
    assert pieces.images_used[1] > len(plots.PALETTE)
    axes = Figure().subplots(1, 5)
    plots.provenance(last.x[1], source, pieces, images, axes=axes, index=1)
    counts = np.bincount(source.image[1][pieces.unique[1]], minlength=12)
    shown = [{int(number) for number in re.findall(r"\d+", ax.get_title())} for ax in axes[2:]]
    assert shown == [{n, counts[n]} for n in np.argsort(-counts, kind="stable")[:3]]


def test_palette_is_told_apart():
    """Seven colours, none of them grey, any two well apart in RGB, and still apart where red and green are seen as one."""
    colours = np.array([to_rgb(colour) for colour in plots.PALETTE])
    assert len(colours) == 7
    assert (np.ptp(colours, axis=1) > 0.3).all()
    merged = np.stack([colours[:, :2].mean(axis=1), colours[:, 2]], axis=1)
    for view, least in ((colours, 0.25), (merged, 0.15)):
        gaps = np.linalg.norm(view[:, None] - view[None], axis=2)
        assert gaps[~np.eye(7, dtype=bool)].min() > least


# --- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3])
def test_a_saved_sheet_holds_every_pixel(tmp_path, channels):
    """The .png read back is the sheet in bytes, each pixel a square of `scale`; without one, sheets fill 800 pixels."""
    images = some_images(5, channels=channels)
    expected = (plots.sheet(images, columns=2) * 255).round()
    plots.save_sheet(tmp_path / "a.png", images, columns=2, scale=3)
    with Image.open(tmp_path / "a.png") as file:
        np.testing.assert_array_equal(np.asarray(file.convert("RGB")), expected.repeat(3, axis=0).repeat(3, axis=1))
    plots.save_sheet(tmp_path / "a.png", images, columns=2)
    with Image.open(tmp_path / "a.png") as file:
        assert file.size == (9 * (800 // 11), 11 * (800 // 11))
    assert os.listdir(tmp_path) == ["a.png"]


def test_a_saved_gif_plays_every_frame_once(tmp_path):
    """The .gif read back has the frames in their order, no loop, and a longer last frame."""
    frames = [some_images(2, seed=seed) for seed in range(4)]
    plots.save_gif(tmp_path / "a.gif", frames, scale=2, milliseconds=70)
    with Image.open(tmp_path / "a.gif") as file:
        assert file.n_frames == 4
        assert "loop" not in file.info
        durations = []
        for number, frame in enumerate(frames):
            file.seek(number)
            durations.append(file.info["duration"])
            expected = (plots.sheet(frame) * 255).round().repeat(2, axis=0).repeat(2, axis=1)
            np.testing.assert_array_equal(np.asarray(file.convert("RGB")), expected)
    assert durations == [70, 70, 70, 3000]
    assert os.listdir(tmp_path) == ["a.gif"]


def test_a_figure_that_cannot_be_drawn_writes_no_file(tmp_path):
    """A bad image among the frames leaves the folder as it was."""
    with pytest.raises(ValueError):
        plots.save_gif(tmp_path / "a.gif", [some_images(2), some_images(2) * np.nan])
    with pytest.raises(ValueError):
        plots.save_sheet(tmp_path / "a.png", some_images(2, channels=2))
    assert os.listdir(tmp_path) == []


# --- input -----------------------------------------------------------------------------------------------------------

GOOD = some_images(3)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda ax: plots.show(some_images(1, channels=2)[0], ax=ax), ValueError, "expected 1 or 3 channels"),
        (lambda ax: plots.grid(some_images(2, channels=5), ax=ax), ValueError, "hint: choose one, channel=0"),
        (lambda ax: plots.show(GOOD[0], ax=ax, channel=1), ValueError, "channel: expected from 0 to 0, got 1"),
        (lambda ax: plots.show(GOOD[0], ax=ax, channel=0.5), TypeError, "channel: expected a whole number"),
        (lambda ax: plots.show(GOOD[0] * np.nan, ax=ax), ValueError, "images: expected finite numbers"),
        (lambda ax: plots.sheet(GOOD[0]), ValueError, "images: expected a non-empty array of shape (B, H, W, C)"),
        (lambda ax: plots.sheet(GOOD, columns=0), ValueError, "columns: expected at least 1"),
        (lambda ax: plots.sheet(GOOD, columns=1.5), TypeError, "columns: expected a whole number"),
        (lambda ax: plots.save_sheet("a.png", GOOD, scale=0), ValueError, "scale: expected at least 1"),
    ],
)
def test_bad_input_is_named(ax, tmp_path, monkeypatch, call, error, words):
    """Bad input raises with the argument, what was expected and what came, in one line, and writes nothing."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error) as caught:
        call(ax)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == []


# --- importing -------------------------------------------------------------------------------------------------------

IMPORT = """
import sys
import minidiff
from numba.core.dispatcher import Dispatcher

assert len(minidiff.plots.PALETTE) == 7 and minidiff.nets.Network and minidiff.IdealScore and minidiff.metrics
modules = [module for name, module in sys.modules.items() if name.split(".")[0] == "minidiff"]
kernels = [value for module in modules for value in vars(module).values() if isinstance(value, Dispatcher)]
assert len(kernels) >= 3, kernels
compiled = [kernel.__name__ for kernel in kernels if kernel.signatures]
loaded = [name for name in ("matplotlib", "PIL", "scipy", "pandas") if name in sys.modules]
print(compiled, loaded)
"""


def test_importing_the_package_compiles_nothing_and_loads_no_matplotlib(tmp_path):
    """After `import minidiff`, and a touch of all that it offers: no kernel compiled, no cache written, no matplotlib loaded."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "NUMBA_DISABLE_JIT": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", IMPORT], env=environment, capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("[] []", "")
    assert [name for _, _, names in os.walk(tmp_path) for name in names] == []


@pytest.mark.parametrize("name", ["a", "a.", "a.txt"])
def test_a_picture_needs_an_ending_that_says_how_to_write_it(tmp_path, name):
    """Pillow's error named the temporary file's ending, and no argument."""
    images = np.zeros((2, 4, 4, 1), np.float32)
    with pytest.raises(ValueError, match=r"^path: expected a name that ends in \.png, got "):
        plots.save_sheet(tmp_path / name, images)
    with pytest.raises(ValueError, match=r"^path: expected a name that ends in \.gif, got "):
        plots.save_gif(tmp_path / name, [images])
    with pytest.raises(TypeError, match=r"^frames: expected a list, got None"):
        plots.save_gif(tmp_path / "a.gif", None)
    assert not any(tmp_path.iterdir())
