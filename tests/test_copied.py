"""minidiff copied: what it writes is what the library finds, and bad input is one line, exit code 2, and no file."""

import json
import os

import matplotlib
import numpy as np
import pytest
from command_line import arrays, interrupt, refused, strictly
from PIL import Image

import minidiff as md
from minidiff.command import copying
from minidiff.measures import copies, search
from minidiff.studies import copied as study

matplotlib.use("Agg")


@pytest.fixture
def folder(tmp_path):
    """A folder with 12 training images of 6 x 6, 8 held-out ones, and 4 samples, of which the first is a mirrored copy."""
    every = np.random.default_rng(0).integers(-16, 17, (24, 6, 6, 1)).astype(np.float32) / 16
    np.save(tmp_path / "data.npy", every[:12])
    np.save(tmp_path / "held.npy", every[12:20])
    samples = every[20:]
    samples[0] = np.roll(every[5, :, ::-1], 2, 1)
    np.save(tmp_path / "samples.npy", samples)
    return tmp_path


def asked(folder, *more):
    return ("copied", "--samples", folder / "samples.npy", "--data", folder / "data.npy", "--out", folder / "out", *more)


@pytest.mark.compiled
def test_copied_is_the_library(folder, run):
    """Numbers, arrays and lines are those of copies.nearest and the two tests; a copy is no error: 0."""
    code, out, said = run(*asked(folder, "--held-out", folder / "held.npy", "--level", "0.2", "--mosaic", "1", "--window", "3"))
    assert (code, said) == (0, [])
    assert sorted(os.listdir(folder / "out")) == [
        "distances.png",
        "index.html",
        "mosaics.png",
        "nearest.npz",
        "numbers.json",
        "pairs.png",
    ]
    samples, images, held = (np.load(folder / f"{name}.npy") for name in ("samples", "data", "held"))
    search = {"shifts": 4, "mirror": True, "grey": True}
    found, fresh = copies.nearest(samples, images, **search), copies.nearest(held, images, **search)
    test = copies.beside_fresh(found.distance, fresh.distance, 0.2)
    sides = copies.nearer_to_which(copies.nearest(samples, np.concatenate([images, held]), **search), (12, 8))
    written, numbers = arrays(folder / "out" / "nearest.npz"), strictly(folder / "out" / "numbers.json")
    for name in ("distance", "nearest", "shift", "mirrored", "grey", "ratio", "relative", "certain"):
        np.testing.assert_array_equal(written[name], getattr(found, name))
    np.testing.assert_array_equal(written["p"], test.p)
    first = numbers["most suspicious"][0]
    assert (first["sample"], first["training image"], first["distance"], first["mirrored"]) == (0, 5, 0, True)
    assert (first["shift"], first["proved"], numbers["exact copies"]) == ([0, 2], True, 1)
    told = numbers["held out"]
    assert told["nearer than fresh images"]["p of so many"] == pytest.approx(test.tail, rel=1e-5)
    assert told["nearer to the training set"]["p"] == pytest.approx(sides.p, rel=1e-5)
    page = (folder / "out" / "index.html").read_text(encoding="utf-8")
    assert page.count("<img alt=") == 3 and 'src="data:image/png' in page
    assert "1 samples are exact copies" in page and out[-1].endswith("index.html")


def test_without_held_out_images_it_says_what_is_not_known(folder, run, monkeypatch):
    """With --json one record and nothing else; no p, and the words say why."""
    monkeypatch.setattr(study, "png", lambda figure: b"")
    code, out, _ = run(*asked(folder, "--json", "--mosaic", "0", "--shifts", "all", "--no-grey"))
    numbers = json.loads(out[0])
    assert (code, len(out), numbers["held out"]) == (0, 1, None)
    assert "p" not in numbers["most suspicious"][0]
    assert any("Not known without --held-out" in line for line in study.told(numbers))


def test_an_interrupt_keeps_the_finished_samples(folder, run, monkeypatch):
    """Ctrl-C after the first group of two: the page of these two, one line that says so, and 130; before it, nothing."""
    monkeypatch.setattr(study, "png", lambda figure: b"")
    monkeypatch.setattr(search, "GROUP", 2)
    compare = study.compare

    def broken_off(sets, search):
        yield next(compare(sets, search))
        interrupt()

    monkeypatch.setattr(study, "compare", broken_off)
    code, out, said = run(*asked(folder, "--mosaic", "0"))
    assert (code, out) == (130, []) and "2 of 4 samples were compared" in said[-1]
    assert strictly(folder / "out" / "numbers.json")["samples"] == 2
    monkeypatch.setattr(study, "compare", interrupt)
    code, _, said = run(*asked(folder)[:-1], folder / "other")
    assert code == 130 and os.listdir(folder / "other") == []


def test_sets_are_read_as_everywhere(folder, run, monkeypatch):
    """A folder of pictures, a named set, and what `minidiff sample` wrote, which is its last images and not its sheet."""
    read = []
    monkeypatch.setattr(copying, "_written", lambda options, out, sets, *rest: read.append(sets) or {"samples": 0})
    monkeypatch.setattr(study, "told", lambda numbers: [])
    pictures = folder / "pictures"
    pictures.mkdir()
    for n in range(3):
        Image.fromarray(np.full((6, 6), 50 * n, np.uint8)).save(pictures / f"{n}.png")
    assert run(*asked(folder, "--held-out", pictures, "--level", "0.5", "-n", "2"))[0] == 0
    assert (len(read[0].samples), len(read[0].held_out)) == (2, 3)
    made = [word for name in ("--samples", "--data", "--held-out") for word in (name, "colour_patterns")]
    assert run("copied", *made, "--quick", "--shifts", "0", "--out", folder / "out")[0] == 0
    first, second, third = read[1].samples, read[1].images, read[1].held_out
    assert first.shape == second.shape == third.shape == md.datasets.colour_patterns()[0][:200].shape
    np.testing.assert_array_equal(second, md.datasets.colour_patterns()[0][:200])
    assert not (first == second).all() and not (third == second).all() and not (first == third).all()
    x = np.load(folder / "samples.npy")
    sampled = folder / "sampled"
    sampled.mkdir()
    np.savez(sampled / "samples.npz", x=x, walk=x[None], t=[0.0])
    assert run("copied", "--samples", sampled, "--data", folder / "data.npy", "--out", folder / "out")[0] == 0
    np.testing.assert_array_equal(read[2].samples, x)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--samples", "no such"), ["--samples: expected one of", "'no such'"]),
        (("--data", "no such"), ["--data: expected one of", "'no such'"]),
        (("--held-out", "no such"), ["--held-out: expected one of", "'no such'"]),
        (("--held-out", "two_tone"), ["--held-out: expected images of shape (6, 6, 1)", "(16, 16, 1)", "--size"]),
        (("--shifts", "-1"), ["shifts: expected at least 0, got -1"]),
        (("--shifts", "far"), ["--shifts: expected a whole number of pixels or all, got 'far'"]),
        (("--candidates", "1"), ["--candidates: expected at least 2"]),
        (("--mosaic", "-1"), ["--mosaic: expected at least 0"]),
        (("--window", "4"), ["--window: expected an odd number"]),
        (("-n", "5"), ["-n: expected from 1 to 4, got 5"]),
        (("--count", "13"), ["count: expected at most 12"]),
        (("--level", "2"), ["--level: expected a finite number in [0, 1]"]),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_bad_input_is_one_line(folder, run, more, words):
    """What is wrong is told with the option's name, before anything takes long, and nothing is written."""
    refused(run, asked(folder, *more), words, folder / "out")


def test_too_few_held_out_images_for_the_level(folder, run):
    """With 8 held-out images no p is below 1 / 9."""
    refused(run, asked(folder, "--held-out", folder / "held.npy"), ["--level: expected at least 1 / 9"], folder / "out")
