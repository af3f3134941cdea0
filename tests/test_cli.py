"""The command line: what it writes is what the library gives, and bad input is one line, exit code 2, and no file."""

import gzip
import os
import re
import signal
import struct
import subprocess
import sys
import threading
import time
import warnings
from importlib import metadata

import matplotlib
import numpy as np
import pytest
from command_line import arrays, interrupt, refused, same, strictly
from marks import INTERRUPTS, also_slow
from numba.core import event
from PIL import Image

import minidiff as md
from minidiff import nets
from minidiff.command import compiling, sampling
from minidiff.measures.metrics import memorisation

matplotlib.use("Agg")
COSINE = md.schedules.cosine()
TINY = ("--data", "two_tone", "--size", "4", "--window", "3", "-n", "2", "--steps", "3")


def write_images(folder, sizes, seed=0):
    """Grey PNGs of the given (width, height); the folder."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for number, (width, height) in enumerate(sizes):
        Image.fromarray(rng.integers(0, 256, (height, width), dtype=np.uint8)).save(folder / f"{number}.png")
    return folder


def raising(error):
    """A function that raises it."""

    def fail(*_, **__):
        raise error

    return fail


# --- sample ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "make", "walk"),
    [
        (("--machine", "els"), lambda y: md.EquivariantLocalScore(y, COSINE, window=3, boundary="zeros"), md.process.ddim),
        (
            ("--machine", "els", "--boundary", "circular", "--window", "1,3", "--eta", "0.5"),
            lambda y: md.EquivariantLocalScore(y, COSINE, window=[1, 3]),
            lambda *args, **rest: md.process.ddim(*args, eta=0.5, **rest),
        ),
        (
            ("--machine", "ls", "--sampler", "euler"),
            lambda y: md.LocalScore(y, COSINE, window=3, boundary="zeros"),
            lambda *args, **rest: md.process.ode(*args, method="euler", **rest),
        ),
        (("--machine", "is", "--sampler", "heun"), lambda y: md.IdealScore(y, COSINE), md.process.ode),
        (("--machine", "es", "--sampler", "sde"), lambda y: md.EquivariantScore(y, COSINE), md.process.sde),
        (
            ("--machine", "attention", "--strength", "0.3"),
            lambda y: md.AttentionScore(y, COSINE, window=3, boundary="zeros", strength=0.3),
            md.process.ddim,
        ),
        (
            ("--machine", "wiener", "--schedule", "linear"),
            lambda y: md.Wiener(y, md.schedules.linear()),
            md.process.ddim,
        ),
    ],
    ids=lambda value: "-".join(value).replace("--", "") if isinstance(value, tuple) else "",
)
def test_sample_is_the_library(tmp_path, run, options, make, walk):
    """Every machine, sampler, schedule and boundary: the arrays written are those of the same call in Python, bit for bit."""
    code, out, said = run("sample", *TINY, *options, "--seed", 5, "--out", tmp_path / "out")
    assert (code, said) == (0, [])
    assert str(tmp_path / "out" / "samples.png") in out[-1]
    images, _ = md.datasets.two_tone(size=4)
    machine = make(images)
    steps = list(walk(machine, machine.schedule, shape=(2, 4, 4, 1), steps=3, rng=5))
    written = arrays(tmp_path / "out" / "samples.npz")
    np.testing.assert_array_equal(written["x"], steps[-1].x)
    np.testing.assert_array_equal(written["walk"], [step.x for step in steps])
    assert written["t"].tolist() == [step.t for step in steps]
    found = memorisation(steps[-1].x, images)
    np.testing.assert_array_equal(written["nearest"], found.nearest)
    np.testing.assert_array_equal(written["distance"], found.distance)


def test_sample_writes_pictures_and_numbers_of_its_samples(tmp_path, run):
    """The sheet shows the samples, the .gif the walk, numbers.json what was asked and found; nothing else is in the folder."""
    options = ("--gif", "--window", "1,3", "--seed", 1, "--threads", 1)
    assert run("sample", *TINY, *options, "--out", tmp_path)[0] == 0
    assert sorted(os.listdir(tmp_path)) == ["numbers.json", "samples.npz", "samples.png", "walk.gif"]
    written = arrays(tmp_path / "samples.npz")
    with Image.open(tmp_path / "samples.png") as picture:
        sheet = np.asarray(picture.convert("RGB"))
    # Two 4 x 4 images with a gap of 1 are 4 x 9; each pixel is a square.
    scale = sheet.shape[0] // 4
    assert sheet.shape == (4 * scale, 9 * scale, 3)
    expected = (np.clip((written["x"][1, ..., 0] + 1) / 2, 0, 1) * 255).round()
    np.testing.assert_array_equal(sheet[scale // 2 :: scale, scale // 2 :: scale, 0][:, 5:], expected)
    with Image.open(tmp_path / "walk.gif") as gif:
        assert gif.n_frames == 3
    numbers = strictly(tmp_path / "numbers.json")
    asked = {"data": "two_tone", "size": 4, "window": [1, 3], "n": 2, "steps": 3, "seed": 1, "machine": "els", "threads": 1}
    assert asked.items() <= numbers["options"].items()
    assert (numbers["training images"], numbers["shape"]) == (2, [4, 4, 1])
    np.testing.assert_allclose(numbers["distance to the nearest training image"], written["distance"], rtol=1e-5)


def test_the_same_seed_gives_the_same_samples(tmp_path, run):
    """Twice the same arrays, on one thread or two, also where noise is drawn along the way; another seed gives others."""
    written = []
    for name, seed, threads in (("a", 3, 1), ("b", 3, 2), ("c", 4, 2)):
        options = ("--sampler", "sde", "--seed", seed, "--threads", threads)
        assert run("sample", *TINY, *options, "--out", tmp_path / name)[0] == 0
        written.append(arrays(tmp_path / name / "samples.npz"))
    for name in written[0]:
        np.testing.assert_array_equal(written[0][name], written[1][name])
    assert np.abs(written[0]["x"] - written[2]["x"]).max() > 0.1


def test_a_second_run_replaces_the_first(tmp_path, run):
    """The default seed is 0, and a folder can be used again."""
    written = []
    for seed in ((), ("--seed", 7), ("--seed", 0)):
        assert run("sample", *TINY, *seed, "--out", tmp_path)[0] == 0
        written.append(arrays(tmp_path / "samples.npz")["x"])
    np.testing.assert_array_equal(written[0], written[2])
    assert (written[0] != written[1]).any()
    assert sorted(os.listdir(tmp_path)) == ["numbers.json", "samples.npz", "samples.png"]


def test_sample_from_a_folder_of_images(tmp_path, run):
    """A folder of PNGs at its own size, not square; IS gives them back."""
    data = write_images(tmp_path / "mine", [(5, 4)] * 3)
    options = ("--machine", "is", "-n", 3, "--steps", 10, "--out", tmp_path / "out")
    assert run("sample", "--data", data, *options)[0] == 0
    images, _ = md.datasets.folder(data)
    written = arrays(tmp_path / "out" / "samples.npz")
    assert written["x"].shape == (3, 4, 5, 1)
    np.testing.assert_allclose(written["x"], images[written["nearest"]], rtol=0, atol=1e-5)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_sample_from_a_folder_of_idx_files(tmp_path, run, suffix):
    """A folder as MNIST's: the training images, with their labels, and not those for testing."""
    for name, seed in (("t10k", 1), ("train", 2)):
        pixels = np.random.default_rng(seed).integers(0, 256, (4, 5, 5), dtype=np.uint8)
        idx(tmp_path / f"{name}-images-idx3-ubyte", shape=(4, 5, 5), pixels=pixels.tobytes())
        idx(tmp_path / f"{name}-labels-idx1-ubyte", magic=0x801, shape=(4,), pixels=bytes([7, 8, 8, 7]))
    for file in tmp_path.iterdir() if suffix else ():
        file.with_name(file.name + suffix).write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    options = ("--data", tmp_path, "--machine", "is", "--label", 8, "-n", 3, "--steps", 8)
    assert run("sample", *options, "--out", tmp_path / "out")[0] == 0
    written = arrays(tmp_path / "out" / "samples.npz")
    assert set(written["nearest"]) <= {1, 2}
    np.testing.assert_allclose(written["x"][..., 0], pixels[written["nearest"]] / 127.5 - 1, rtol=0, atol=1e-5)


def test_sample_of_one_class_in_colour(tmp_path, run):
    """--label restricts the training set to a class subfolder, --colour makes three channels, --size resizes."""
    for name in ("3", "8"):
        write_images(tmp_path / "mine" / name, [(8, 8)] * 2, seed=int(name))
    options = ("--machine", "is", "--label", 8, "--colour", "--size", 4, "-n", 4, "--steps", 5)
    assert run("sample", "--data", tmp_path / "mine", *options, "--out", tmp_path / "out")[0] == 0
    written = arrays(tmp_path / "out" / "samples.npz")
    assert written["x"].shape == (4, 4, 4, 3)
    assert set(written["nearest"]) <= {2, 3}
    assert written["distance"].max() < 1e-5


def test_sample_from_arrays_with_the_default_window(tmp_path, run):
    """.npy and .npz; without --window the default table is cut to what small images allow; --count and --quick take fewer."""
    values = np.random.default_rng(0).uniform(-1, 1, (30, 5, 5, 2)).astype(np.float32)
    np.save(tmp_path / "a.npy", values)
    np.savez(tmp_path / "a.npz", images=values[..., :1])
    for name, boundary in (("a.npy", "circular"), ("a.npz", "zeros")):
        options = ("--boundary", boundary, "--count", 6, "--quick", "-n", 9, "--steps", 30)
        code, _, said = run("sample", "--data", tmp_path / name, *options, "--out", tmp_path / name[2:])
        if name == "a.npy":
            # Two channels can be sampled but not drawn.
            assert code == 2 and "channels" in said[0]
            assert os.listdir(tmp_path / "npy") == []
            continue
        assert code == 0
        assert arrays(tmp_path / "npz" / "samples.npz")["walk"].shape == (8, 4, 5, 5, 1)
        assert strictly(tmp_path / "npz" / "numbers.json")["training images"] == 6


# --- bad input -------------------------------------------------------------------------------------------------------


def idx(path, magic=0x803, shape=(2, 4, 4), pixels=32):
    """An IDX file of pixels, as bytes, or of so many zeros."""
    path.write_bytes(struct.pack(f">I{len(shape)}I", magic, *shape) + bytes(pixels))
    return path


def saved(path, array):
    np.save(path, array)
    return path


def text(path):
    path.parent.mkdir(exist_ok=True)
    path.write_text("hello")
    return path


def nan_images():
    images = np.zeros((2, 4, 4))
    images[1, 2, 3] = np.nan
    return images


BAD_OPTIONS = [
    (("--machine", "unet"), ["--machine", "unet", "els"]),
    (("--data", "digitz"), ["data", "digitz", "two_tone"]),
    (("--schedule", "sine"), ["--schedule", "sine", "cosine"]),
    (("--sampler", "rk4"), ["--sampler", "rk4", "heun"]),
    (("--boundary", "mirror"), ["--boundary", "mirror", "zeros"]),
    (("--window", "4"), ["window", "odd", "got 4"]),
    (("--window", "3,2"), ["window", "odd", "got 2"]),
    (("--window", "0"), ["window", "got 0"]),
    (("--window", "-3"), ["window"]),
    (("--window", "3;5"), ["--window", "3;5"]),
    (("--window", ""), ["--window"]),
    (("--window", "5", "--boundary", "circular"), ["window", "for 4 x 4", "circular", "got 5"]),
    (("--window", "9"), ["window", "from 1 to 7 for 4 x 4", "got 9"]),
    (("--size", "0"), ["size", "got 0"]),
    (("--size", "big"), ["--size", "big"]),
    (("--count", "3"), ["count", "at most 2", "got 3"]),
    (("--count", "0"), ["count", "got 0"]),
    (("--label", "5"), ["label", "one of 0, 1", "got 5"]),
    (("--eta", "2"), ["eta", "[0, 1]", "2"]),
    (("--eta", "nan"), ["eta", "nan"]),
    (("-n", "0"), ["got 0"]),
    (("--steps", "0"), ["steps", "got 0"]),
    (("--seed", "-1"), ["-1"]),
    (("--threads", "0"), ["threads", "got 0"]),
    (("--no-such-option",), ["--no-such-option"]),
]
BAD_DATA = {
    "nan": (lambda at: saved(at / "a.npy", nan_images()), ["finite", "1 NaN"]),
    "range": (lambda at: saved(at / "a.npy", np.full((2, 4, 4), 255.0)), ["[-1, 1]", "255"]),
    "shape": (lambda at: saved(at / "a.npy", np.zeros((4, 4))), ["(N, H, W)", "(4, 4)"]),
    "pickle": (lambda at: saved(at / "a.npy", np.array([[{}]], dtype=object)), ["pickled"]),
    "empty folder": (lambda at: at, ["expected a folder of images", "none"]),
    "missing": (lambda at: at / "nowhere", ["data", "nowhere"]),
    "mixed sizes": (lambda at: write_images(at / "d", [(4, 4), (4, 5)]), ["4 x 4", "4 x 5", "--size"]),
    "not an image": (lambda at: text(at / "d" / "a.png").parent, ["a.png", "an image"]),
    "other file": (lambda at: text(at / "a.txt"), ["a.txt", "expected"]),
    "truncated IDX": (lambda at: idx(at / "a-ubyte", pixels=31), ["a-ubyte", "32", "31"]),
    "cut IDX header": (lambda at: idx(at / "a-ubyte", shape=(2, 4), pixels=0), ["a-ubyte", "header", "12"]),
    "oversized IDX header": (lambda at: idx(at / "a-ubyte", shape=(2**31, 2**31, 4)), ["a-ubyte", "expected"]),
    "wrong magic": (lambda at: idx(at / "a-ubyte", magic=0x801), ["a-ubyte", "0x00000803", "0x00000801"]),
}


@pytest.mark.parametrize(("options", "words"), BAD_OPTIONS, ids=lambda value: "=".join(value) if isinstance(value, tuple) else "")
def test_bad_options_are_one_line_and_no_file(tmp_path, run, options, words):
    """Unknown names, even windows, windows larger than the image, and numbers out of range: named, exit code 2."""
    refused(run, ("sample", *TINY, *options, "--out", tmp_path / "out"), words, tmp_path / "out")


@pytest.mark.parametrize("kind", BAD_DATA)
@pytest.mark.filterwarnings("ignore")
def test_bad_data_is_one_line_and_no_file(tmp_path, run, kind):
    """NaN, empty folders, mixed sizes, damaged IDX files, files that are no images: the file is named, exit code 2."""
    make, words = BAD_DATA[kind]
    (tmp_path / "in").mkdir()
    refused(run, ("sample", "--data", make(tmp_path / "in"), "--out", tmp_path / "out"), words, tmp_path / "out")


def test_labels_need_classes(tmp_path, run):
    """--label on a folder without class subfolders says what is missing."""
    data = write_images(tmp_path / "mine", [(4, 4)] * 2)
    options = ("--data", data, "--label", 0, "-n", 1, "--steps", 1)
    refused(run, ("sample", *options, "--out", tmp_path / "out"), ["label"], tmp_path / "out")


@pytest.mark.parametrize("command", ["sample", "train", "compare", "tour", "bench", "info"])
def test_an_unwritable_folder_is_refused_before_any_work(tmp_path, run, command, monkeypatch):
    """A file where --out should be: exit code 2 at once, for every command; the file stays."""
    for module, work in ((md.process, "ddim"), (nets, "train"), (nets, "load")):
        monkeypatch.setattr(module, work, lambda *_, **__: pytest.fail("work was begun"))
    text(tmp_path / "file")
    code, printed, said = run(command, "--out", tmp_path / "file" / "sub")
    assert (code, printed, len(said)) == (2, [], 1)
    assert said[0].startswith(f"minidiff {command}: --out: expected a folder that can be written")
    assert (tmp_path / "file").read_text() == "hello"


@pytest.mark.parametrize("arguments", [(), ("paint",), ("tour", "--window", "3"), ("sample", "extra")])
def test_unknown_commands_are_one_line(run, arguments):
    """No command, an unknown one, or another command's option: one line that points to --help, exit code 2."""
    code, printed, said = run(*arguments)
    assert (code, printed, len(said)) == (2, [], 1)
    assert said[0].startswith("minidiff") and "--help" in said[0]


def test_help_names_every_command_and_option(run):
    """--help is on stdout, exit code 0."""
    code, printed, said = run("--help")
    assert (code, said) == (0, [])
    for command in ("tour", "sample", "train", "compare", "course", "bench", "info"):
        assert any(command in line for line in printed)
        code, lines, _ = run(command, "--help")
        assert code == 0 and any("--out" in line for line in lines) and any("--seed" in line for line in lines)


# --- interrupts ------------------------------------------------------------------------------------------------------


def test_an_interrupt_on_the_way_writes_nothing(tmp_path, run, monkeypatch):
    """Ctrl-C in the middle of the walk: exit code 130, one line, no file."""

    def walk(*_, **__):
        yield md.process.Step(0.5, np.zeros((2, 4, 4, 1)), np.zeros((2, 4, 4, 1)))
        interrupt()

    monkeypatch.setattr(md.process, "ddim", walk)
    code, printed, said = run("sample", *TINY, "--out", tmp_path)
    assert (code, printed) == (130, [])
    assert len(said) == 1 and said[0].startswith("minidiff: interrupted")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("options", [(), ("--sampler", "heun"), ("--machine", "is"), ("--eta", "0.5"), ("--sampler", "sde")])
def test_samples_that_walk_in_groups_are_those_of_one_walk(tmp_path, run, monkeypatch, options):
    """In groups of 2, 2 and 1, or all 5 at once: the same arrays, bit for bit, also where noise is drawn on the way."""
    written = []
    for group in (2, 5):
        monkeypatch.setattr(sampling, "GROUP", group)
        assert run("sample", *TINY, *options, "-n", 5, "--out", tmp_path)[0] == 0
        written.append(arrays(tmp_path / "samples.npz"))
    assert same(*written) and written[0]["walk"].shape == (3, 5, 4, 4, 1)


@pytest.fixture
def broken_off(monkeypatch):
    """A function that has Ctrl-C, or any error, come in the denoiser's call number so and so, or never for None.

    It returns a list of how many images each call answered since then: one at first, and then all that are asked for.
    """
    plain, calls, plan = md.machines.Machine.__call__, [], {}
    monkeypatch.setattr(sampling, "PATIENCE", 1e9)

    def call(machine, x, *given):
        if len(calls) + 1 == plan["at"]:
            raise plan["error"]
        answer = plain(machine, x, *given)
        calls.append(len(x))
        return answer

    def at(number, error=KeyboardInterrupt):
        plan.update(at=number, error=error)
        calls.clear()
        return calls

    monkeypatch.setattr(md.machines.Machine, "__call__", call)
    return at


def test_finished_samples_are_kept(tmp_path, run, monkeypatch, broken_off):
    """Ctrl-C in the third group of 2: 130, the first 4 of 6 samples are written as ever, and the line says so."""
    monkeypatch.setattr(sampling, "GROUP", 2)
    broken_off(None)
    assert run("sample", *TINY, "-n", 6, "--out", tmp_path / "whole")[0] == 0
    broken_off(8)
    code, printed, said = run("sample", *TINY, "-n", 6, "--out", tmp_path / "part")
    assert (code, printed, len(said)) == (130, [], 1)
    assert said[0].startswith("minidiff: interrupted; 4 of 6 samples were finished: ") and "samples.png" in said[0]
    assert said[0].endswith("; --resume goes on with the rest")
    whole, part = (arrays(tmp_path / name / "samples.npz") for name in ("whole", "part"))
    np.testing.assert_array_equal(part["x"], whole["x"][:4])
    assert sorted(os.listdir(tmp_path / "part")) == ["numbers.json", "samples.npz", "samples.png", "unfinished.npz"]
    assert strictly(tmp_path / "part" / "numbers.json")["samples"] == 4


WALKS = {
    "ddim": (),
    "ddpm": ("--eta", "0.5"),
    "euler": ("--sampler", "euler", "--machine", "is"),
    "heun": ("--sampler", "heun"),
    "heun of ve": ("--sampler", "heun", "--schedule", "ve"),
    "sde": ("--sampler", "sde", "--machine", "attention"),
    "a class": ("--label", "1"),
}


@pytest.mark.parametrize("options", WALKS.values(), ids=WALKS)
def test_a_resumed_sampling_is_the_unbroken_one(tmp_path, run, monkeypatch, broken_off, options):
    """Ctrl-C in call after call, and --resume: the same arrays, bit for bit, and no answer is made twice; then nothing is left.

    Every answer counts, also those in a group that was not finished, and those of a step that was not.
    """
    monkeypatch.setattr(sampling, "GROUP", 2)
    command = ("sample", *TINY, *options, "-n", 5)
    calls = broken_off(None)
    assert run(*command, "--out", tmp_path / "whole")[0] == 0
    total, made, resume = sum(calls), 0, ()
    # Heun's method asks twice in a step, but not at t = 0 where there is no noise.
    assert total == {WALKS["heun"]: 25, WALKS["heun of ve"]: 30}.get(options, 15)
    for number in (2, 3, 4, None):
        calls = broken_off(number)
        code, _, said = run(*command, *resume, "--out", tmp_path / "part")
        assert (code, len(said)) == ((0, 0) if number is None else (130, 1))
        made, resume = made + sum(calls), ("--resume",)
    assert made == total
    assert same(arrays(tmp_path / "whole" / "samples.npz"), arrays(tmp_path / "part" / "samples.npz"))
    assert sorted(os.listdir(tmp_path / "part")) == ["numbers.json", "samples.npz", "samples.png"]


def test_answers_are_written_while_others_are_made(tmp_path, run, monkeypatch, broken_off):
    """A long run writes its answers from time to time: where it ends without notice, --resume goes on from there."""
    monkeypatch.setattr(sampling, "KEEP_EVERY", 0)
    monkeypatch.setattr(sampling, "REST", 0)
    broken_off(3, ZeroDivisionError)
    assert run("sample", *TINY, "--out", tmp_path)[0] == 2
    assert os.listdir(tmp_path) == ["unfinished.npz"]
    calls = broken_off(None)
    assert run("sample", *TINY, "--resume", "--out", tmp_path)[0] == 0
    assert sum(calls) == 2 * 3 - 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--steps", 4), ["--steps 3 there and 4 here"]),
        (("-n", 3), ["-n 2 there and 3 here"]),
        (("--seed", 1), ["--seed 0 there and 1 here"]),
        (("--window", "1,3"), ["--window 3 there and [1, 3] here"]),
        (("--data-seed", 1), ["--data-seed 0 there and 1 here"]),
        (("--data", "OTHER"), ["training images"]),
        (("--machine", "OWN"), ["code of the machine"]),
    ],
)
def test_a_resume_with_other_settings_is_refused(tmp_path, run, broken_off, options, words):
    """Exit code 2, one line that names what differs, and every file as it was; --threads and --gif may differ."""
    values = np.random.default_rng(0).uniform(-1, 1, (5, 4, 4)).astype(np.float32)
    np.save(tmp_path / "a.npy", values)
    (tmp_path / "mine.py").write_text(OWN.format("return (x / 2,)"))
    own = {"OTHER": tmp_path / "a.npy", "OWN": tmp_path / "mine.py"}.get(options[1])
    command = ("sample", *TINY, *options[:1], own) if own else ("sample", *TINY)
    out = tmp_path / "out"
    try:
        broken_off(2)
        assert run(*command, "--out", out)[0] == 130
        np.save(tmp_path / "a.npy", values / 2)
        (tmp_path / "mine.py").write_text(OWN.format("return (x / 3,)"))
        before = (out / "unfinished.npz").read_bytes()
        code, printed, said = run(*command, *([] if own else options), "--resume", "--out", out)
        assert (code, printed, len(said)) == (2, [], 1)
        assert said[0].startswith("minidiff sample: --resume: expected the settings of the interrupted run, got ")
        assert all(word in said[0] for word in words)
        assert os.listdir(out) == ["unfinished.npz"] and (out / "unfinished.npz").read_bytes() == before
        if not own:
            broken_off(None)
            assert run(*command, "--gif", "--threads", 1, "--resume", "--out", out)[0] == 0
    finally:
        md.machines.NAMES.pop("mine", None)


def test_a_resume_needs_answers(tmp_path, run):
    """Without them, or where their file is damaged or another's: exit code 2, one line, and every file as it was."""
    refused(run, ("sample", *TINY, "--resume", "--out", tmp_path), ["--resume", "unfinished.npz, got none"], tmp_path)
    np.savez(tmp_path / "unfinished.npz", x=np.zeros(3))
    code, printed, said = run("sample", *TINY, "--resume", "--out", tmp_path)
    assert (code, printed, len(said)) == (2, [], 1) and "unfinished.npz: expected a minidiff sampling file" in said[0]
    assert os.listdir(tmp_path) == ["unfinished.npz"]


@pytest.mark.parametrize("terminal", [True, False])
def test_a_bar_counts_the_calls_on_a_terminal(tmp_path, run, capsys, monkeypatch, terminal):
    """On a terminal: how many calls of how many, and the time that is left; where standard error is a file, nothing."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    said = []
    plain = capsys.readouterr
    monkeypatch.setattr(capsys, "readouterr", lambda: said.append(plain()) or said[-1])
    assert run("sample", *TINY, "--out", tmp_path)[0] == 0
    bar = said[0].err
    assert ("6/6 [" in bar and "call" in bar) if terminal else bar == ""


def press(*_):
    """Ctrl-C, as the terminal sends it."""
    signal.raise_signal(signal.SIGINT)
    time.sleep(0.001)  # Python raises it between two calls


class Closing:
    """What is deleted while Ctrl-C comes."""

    __del__ = press


@INTERRUPTS
@pytest.mark.parametrize("after", ["nothing", "an error"])
def test_an_interrupt_that_python_drops_is_heard(tmp_path, run, monkeypatch, after):
    """Ctrl-C while an object is deleted, as LLVM's are while kernels compile, cannot be raised there: it is raised soon after.

    Where LLVM fails for want of what the interrupt broke off, the interrupt is what is told.
    """

    def walk(*_, **__):
        thing = Closing()
        del thing
        if after == "an error":
            raise RuntimeError("broken off")
        for _ in range(1000):
            time.sleep(0.01)
        yield

    monkeypatch.setattr(md.process, "ddim", walk)
    code, printed, said = run("sample", *TINY, "--out", tmp_path)
    assert (code, printed, len(said)) == (130, [], 1) and said[0].startswith("minidiff: interrupted")


@INTERRUPTS
def test_an_interrupt_that_python_drops_is_not_dropped_again(tmp_path, run, monkeypatch):
    """The same where a thread takes long to start, as on a busy computer: the interrupt comes when it can be raised."""

    def started(thread, start=threading.Thread.start):
        start(thread)
        time.sleep(0.05)

    def walk(*_, **__):
        thing = Closing()
        del thing
        time.sleep(1)
        yield

    monkeypatch.setattr(md.process, "ddim", walk)
    monkeypatch.setattr(threading.Thread, "start", started)
    code, printed, said = run("sample", *TINY, "--out", tmp_path)
    assert (code, printed, len(said)) == (130, [], 1) and said[0].startswith("minidiff: interrupted")


@INTERRUPTS
def test_an_interrupt_that_a_library_takes_for_its_own_error_is_heard(tmp_path, run, monkeypatch):
    """Matplotlib, interrupted while it reads an array, raises a ValueError instead: the interrupt is what is told."""

    def draw(path, **_):
        path.write_bytes(b"PK half")
        try:
            press()
        except KeyboardInterrupt:
            raise ValueError("Invalid affine transformation matrix") from None

    monkeypatch.setattr(np, "savez_compressed", draw)
    code, printed, said = run("sample", *TINY, "--out", tmp_path)
    assert (code, printed, len(said)) == (130, [], 1) and said[0].startswith("minidiff: interrupted")
    assert os.listdir(tmp_path) == ["samples.png"]  # it was finished before
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_while_writing_leaves_whole_files_only(tmp_path, run, monkeypatch):
    """Ctrl-C with half the arrays on disk: what was there before is kept, what was finished is whole, nothing is in between."""
    assert run("sample", *TINY, "--out", tmp_path)[0] == 0
    before = arrays(tmp_path / "samples.npz")["x"]

    def half(path, **_):
        path.write_bytes(b"PK half")
        interrupt()

    monkeypatch.setattr(np, "savez_compressed", half)
    assert run("sample", *TINY, "--seed", 9, "--out", tmp_path)[0] == 130
    assert sorted(os.listdir(tmp_path)) == ["numbers.json", "samples.npz", "samples.png"]
    np.testing.assert_array_equal(arrays(tmp_path / "samples.npz")["x"], before)


# --- any other end ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError("Unable to allocate 112. GiB"), ["not enough memory", "112. GiB", "hint"]),
        (MemoryError(), ["not enough memory"]),
        (KeyError("x"), ["KeyError: 'x', at test_cli.py, line "]),
        (ZeroDivisionError("division by zero"), ["ZeroDivisionError", "line "]),
        (ValueError(), ["ValueError", "line "]),
        (SystemExit(0), ["SystemExit(0)"]),
        (SystemExit(), ["SystemExit"]),
        (OSError(28, "No space left on device"), ["No space left"]),
        (RecursionError("too\ndeep"), ["RecursionError: too deep"]),
    ],
    ids=repr,
)
def test_whatever_ends_a_command_is_one_line(tmp_path, run, monkeypatch, error, words):
    """Out of memory, a student's own code that fails or calls exit(0), a mistake of ours: 2 and one line, and never 0 or 1."""
    monkeypatch.setattr(md.process, "ddim", raising(error))
    refused(run, ("sample", *TINY, "--out", tmp_path), words, tmp_path)


def test_memory_that_cannot_be_had_is_one_line(tmp_path, run):
    """More samples than any computer holds: NumPy says how much it asked for."""
    refused(run, ("sample", *TINY, "-n", 10**13, "--out", tmp_path), ["not enough memory", "iB", "-n"], tmp_path)


OWN = """
from minidiff import machines
@machines.register("mine")
class Mine(machines.Machine):
    def _estimate(self, x, t, label, settings):
        {}
"""


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (OWN.format("raise SystemExit(0)"), ["SystemExit(0)"]),
        (OWN.format("return x / 2 + missing"), ["NameError", "mine.py, line 6"]),
        ("exit(0)", ["SystemExit(0)"]),
        ("1 +", ["SyntaxError"]),
        ("import nothing_of_this_name", ["ModuleNotFoundError", "mine.py, line 1"]),
    ],
)
def test_a_file_of_one_s_own_that_fails_is_one_line(tmp_path, run, code, words):
    """A machine of one's own that ends Python, raises, or is no Python at all: the place is named."""
    (tmp_path / "mine.py").write_text(code)
    try:
        refused(run, ("sample", *TINY, "--machine", tmp_path / "mine.py", "--out", tmp_path / "out"), words, tmp_path / "out")
    finally:
        md.machines.NAMES.pop("mine", None)


def test_a_slip_in_a_file_of_one_s_own_is_placed_in_that_file(tmp_path, run):
    """The line of the file, and not the line of Python's importer that found it."""
    (tmp_path / "mine.py").write_text("\n1 +")
    code, _, said = run("sample", *TINY, "--machine", tmp_path / "mine.py", "--out", tmp_path / "out")
    assert (code, said) == (2, ["minidiff sample: SyntaxError: invalid syntax (mine.py, line 2)"])


def test_a_half_or_no_seeds_are_named(tmp_path, run):
    """Half of one image is none, and --quick takes one seed only where a number of seeds was asked for."""
    tiny = ("--data", "two_tone", "--size", 4, "--count", 1, "--quick")
    refused(run, ("train", *tiny, "--half", 2, "--out", tmp_path / "a"), ["--half: expected two images or more"], tmp_path / "a")
    limbs = ("compare", "--experiment", "limbs", "--quick", "--seeds", 0, "--out", tmp_path / "b")
    refused(run, limbs, ["--seeds: expected at least 1, got 0"], tmp_path / "b")


def shell(line, **environment):
    """`line`, with MINIDIFF for the command, in a shell: (exit code of the command, stdout, stderr)."""
    line = line.replace("MINIDIFF", f"'{sys.executable}' -m minidiff")
    environment = {**os.environ, **environment}
    done = subprocess.run(["bash", "-c", line], env=environment, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


SAMPLE = "MINIDIFF sample --data two_tone --size 4 --machine wiener -n 2 --steps 2 --out"


@pytest.mark.parametrize("name", ["numpy", also_slow("random")])
def test_a_file_that_python_takes_for_a_module_is_named(tmp_path, name):
    """`python -m minidiff` in a folder with a student's numpy.py: 2 and one line that says which file to rename."""
    (tmp_path / f"{name}.py").write_text("x = 1\n")
    code, printed, said = shell(f"cd '{tmp_path}' && MINIDIFF info")
    assert (code, printed, said.count("\n")) == (2, "", 1)
    assert f"hint: rename {name}.py here, which Python takes for the module of that name" in said


@pytest.mark.skipif(os.name == "nt", reason="needs a shell")
@pytest.mark.parametrize("closed", [also_slow(">&-"), also_slow("2>&-"), "<&- >&- 2>&-", "2>/dev/full"])
def test_streams_that_are_closed_stop_no_command(tmp_path, closed):
    """Without stdout, stderr or both, the work is done, the exit code is 0, and no file has got what was to be printed."""
    out = tmp_path / "out"
    code, _, said = shell(f"{SAMPLE} '{out}' {closed}")
    assert code == 0 and "Traceback" not in said
    assert sorted(os.listdir(out)) == ["numbers.json", "samples.npz", "samples.png"]
    strictly(out / "numbers.json"), arrays(out / "samples.npz")


@pytest.mark.skipif(os.name == "nt", reason="needs a shell")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("MINIDIFF info | true; exit ${PIPESTATUS[0]}", 0),
        also_slow("MINIDIFF --help | true; exit ${PIPESTATUS[0]}", 0),
        ("MINIDIFF paint 2>&1 | true; exit ${PIPESTATUS[0]}", 2),
        also_slow("MINIDIFF sample --window 4 >&- 2>&-", 2),
    ],
)
def test_a_reader_who_goes_changes_no_exit_code(line, expected):
    """`| head` has read enough: no traceback, no 120, and the exit code is that of the work."""
    code, _, said = shell(line)
    assert (code, said) == (expected, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("command", ["info"])
def test_a_file_that_cannot_take_what_is_printed_is_an_error(command):
    """`> file` on a full disk: 2 and one line."""
    code, _, said = shell(f"MINIDIFF {command} > /dev/full")
    assert code == 2 and said.count("\n") == 1 and "stdout" in said and "No space left" in said


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are bytes on Linux")
def test_letters_that_the_terminal_lacks_are_told_with_escapes(tmp_path):
    """A folder's name in another alphabet, or in no alphabet at all, where only ASCII can be printed: done, and 0."""
    name = "\u03b1" + os.fsdecode(b"\xff")
    code, printed, said = shell(f"{SAMPLE} '{tmp_path / name}'", PYTHONIOENCODING="ascii")
    assert code == 0 and "samples" in printed and "Traceback" not in said
    assert "samples.npz" in os.listdir(tmp_path / name)


@pytest.mark.parametrize(
    "setting",
    [
        "NUMBA_NUM_THREADS=0",
        "NUMBA_NUM_THREADS=many",
        also_slow("TQDM_MININTERVAL=often"),
        also_slow("NUMBA_NUM_THREADS=-1"),
        also_slow("NUMBA_OPT=fast"),
    ],
)
def test_what_numba_refuses_is_one_line_that_names_it(setting):
    """Numba raises or warns while it is imported, before there is a command: 2 and one line with the variable, for --help too."""
    name, value = setting.split("=")
    for command in ("info", "--help") if setting.endswith("0") else ("info",):
        code, printed, said = shell(f"MINIDIFF {command}", **{name: value})
        assert (code, printed, said.count("\n")) == (2, "", 1)
        assert said.startswith("minidiff: ") and setting in said


@pytest.mark.parametrize("setting", ["NUMBA_THREADING_LAYER=nonsense", also_slow("OMP_NUM_THREADS=0")])
def test_what_numba_would_refuse_later_is_never_asked_for(tmp_path, setting):
    """Its threads are not used, so its threading layers do not matter."""
    name, value = setting.split("=")
    code, _, said = shell(f"{SAMPLE} '{tmp_path}'", **{name: value})
    assert code == 0 and "Traceback" not in said


@pytest.mark.parametrize("module", ["numba", also_slow("minidiff.nets"), also_slow("minidiff.command.parser")])
def test_an_interrupt_while_importing_is_one_line(tmp_path, module):
    """Ctrl-C in the second that importing takes: 130 and one line, for `python -m minidiff` and for the installed command."""
    (tmp_path / "sitecustomize.py").write_text(f"""
import sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Finder())
""")
    path = os.pathsep.join([str(tmp_path), os.getcwd(), os.environ.get("PYTHONPATH", "")])
    for line in ("MINIDIFF info", f"'{sys.executable}' -c 'from minidiff.command import main; raise SystemExit(main())' info"):
        code, printed, said = shell(line, PYTHONPATH=path)
        assert (code, printed, said.count("\n")) == (130, "", 1) and said.startswith("minidiff: interrupted")


def test_long_compiling_is_told_once(capsys, monkeypatch):
    """More than a while of compiling in all, within one kernel or over many: one line, once; less of it, or none: no word."""
    monkeypatch.setattr(compiling, "PATIENCE", 0.15)
    for kernels, seconds, lines in ((3, 0.005, 0), (1, 0.3, 1), (8, 0.05, 1)):
        with compiling.announced():
            for _ in range(kernels):
                with event.trigger_event("numba:compile"), event.trigger_event("numba:compile"):
                    time.sleep(seconds)
        assert capsys.readouterr().err.count(compiling.LINE) == lines
    time.sleep(0.2)
    assert capsys.readouterr().err == ""


@pytest.mark.slow
@pytest.mark.compiled
def test_the_first_run_says_that_it_compiles(tmp_path):
    """Nothing would move for half a minute: the first training step. The second run finds the kernels, and says nothing."""
    for lines in (1, 0):
        _, _, said = shell(f"MINIDIFF train --quick --steps 2 --out '{tmp_path}'", NUMBA_CACHE_DIR=str(tmp_path / "cache"))
        assert said.count(compiling.LINE) == lines


@pytest.mark.parametrize("terminal", [True, False])
def test_a_warning_is_one_line(tmp_path, run, capsys, monkeypatch, terminal):
    """On the command line a warning has neither Python's form nor a line of source, and a bar stays below it.

    Errors that are warnings, as under python -W error, are the line that any error is.
    """
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    np.save(tmp_path / "dark.npy", np.full((3, 4, 4), -0.99, np.float32))
    command = ("sample", "--data", tmp_path / "dark.npy", "--window", 3, "-n", 1, "--steps", 2, "--out", tmp_path / "out")
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        code, _, said = run(*command)
    assert (code, len(said)) == (0, 1)
    assert said[0].startswith("minidiff: warning: ") and "dark.npy: expected images from black (-1)" in said[0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        code, _, said = run(*command)
    assert (code, len(said)) == (2, 1) and said[0].startswith("minidiff sample: ") and "dark.npy: expected images" in said[0]
    assert "UserWarning" not in said[0]


# --- info ------------------------------------------------------------------------------------------------------------


def test_a_copy_that_is_not_installed_has_a_version_too(run, monkeypatch):
    """On PYTHONPATH there is a package and no metadata: `info` says the version that the package gives itself."""
    version = metadata.version

    def installed(name):
        if name == "minidiff":
            raise metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(metadata, "version", installed)
    code, printed, _ = run("info")
    assert code == 0 and f"minidiff      {md.__version__}" in printed


def test_info_as_a_module():
    """`python -m minidiff info` prints versions, threads and the cache folder."""
    environment = {**os.environ, "NUMBA_NUM_THREADS": "2"}
    command = [sys.executable, "-m", "minidiff", "info"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    facts = dict(re.split(r"\s{1,}", line, maxsplit=1) for line in done.stdout.splitlines() if "cache folder" not in line)
    assert facts["minidiff"] == md.__version__
    assert facts["numpy"] == np.__version__
    assert facts["threads"] == "2"
    assert "cache folder" in done.stdout


def test_info_writes_what_it_prints(tmp_path, run):
    """With --out the same facts are in numbers.json."""
    code, printed, _ = run("info", "--threads", 1, "--out", tmp_path)
    facts = strictly(tmp_path / "numbers.json")
    assert code == 0
    assert (facts["python"], facts["threads"]) == (".".join(map(str, sys.version_info[:3])), 1)
    assert len(printed) == len(facts)
    for name, value in facts.items():
        assert any(line.startswith(name) and line.endswith(str(value)) for line in printed)
