"""`minidiff train`: the weights are the library's, a broken-off run goes on to the same ones, and nothing is spoiled."""

import itertools
import os

import numpy as np
import pytest
from command_line import arrays, refused, same, strictly
from PIL import Image

import minidiff as md
from minidiff import nets
from minidiff.command import commands

TINY = ("--data", "digits", "--size", 6, "--count", 12, "--width", 4, "--depth", 1, "--steps", 9, "--batch", 4)
WRITTEN = ["checkpoint.npz", "numbers.json", "samples.png", "weights.npz"]


@pytest.fixture
def broken_off(monkeypatch):
    """Checkpoints every second step; a function that has Ctrl-C come after so many steps, or never for None."""
    plain = nets.train

    def after(steps):
        def train(*arguments, **options):
            run = plain(*arguments, every=2, **options)  # the arguments are checked at the call

            def stopped():
                yield from itertools.islice(run, steps)
                if steps is not None:
                    run.throw(KeyboardInterrupt)

            return stopped()

        monkeypatch.setattr(nets, "train", train)

    after(None)
    return after


def trained(path):
    """The parameters in a weights file."""
    return nets.load(path / "weights.npz").params


def contents(folder):
    return {name: (folder / name).read_bytes() for name in os.listdir(folder)}


def test_train_is_the_library(tmp_path, run):
    """The weights are those of the same call in Python, bit for bit, and their notes say on which data and from which seed."""
    options = ("--padding", "circular", "--prediction", "x0", "--attention", "softmax", "--labelled", "--schedule", "linear")
    code, printed, said = run("train", *TINY, *options, "--data-seed", 3, "--seed", 5, "--rate", 0.01, "--out", tmp_path)
    assert (code, said) == (0, [])
    assert str(tmp_path / "weights.npz") in printed[-1]
    assert sorted(os.listdir(tmp_path)) == WRITTEN
    images, labels = md.datasets.load("digits", size=6, count=12, rng=3)
    network = nets.Network(
        width=4,
        depth=1,
        padding="circular",
        prediction="x0",
        attention="softmax",
        labels=labels,
        schedule=md.schedules.linear(),
        rng=5,
    )
    losses = [done.loss for done in nets.train(network, images, steps=9, batch=4, rate=0.01, rng=5, labels=labels)]
    written = nets.load(tmp_path / "weights.npz")
    assert written.settings == network.settings
    assert same(written.params, network.params)
    data = {"data": "digits", "size": 6, "count": 12, "colour": False, "data_seed": 3, "quick": False}
    assert data.items() <= written.notes["data"].items()
    assert (written.notes["seed"], written.notes["steps"]) == (5, 9)
    assert written.notes["loss"] == pytest.approx(np.mean(losses), rel=1e-12)
    numbers = strictly(tmp_path / "numbers.json")
    assert {"data": "digits", "attention": "softmax", "steps": 9, "seed": 5}.items() <= numbers["options"].items()
    np.testing.assert_allclose(numbers["loss every 50 steps"], [np.mean(losses)], rtol=1e-5)
    with Image.open(tmp_path / "samples.png") as picture:
        picture.load()


def test_the_same_seed_trains_the_same_weights(tmp_path, run):
    """Twice the same weights, on one thread or two; another seed, others."""
    for name, seed, threads in (("a", 1, 1), ("b", 1, 2), ("c", 2, 1)):
        assert run("train", *TINY, "--seed", seed, "--threads", threads, "--out", tmp_path / name)[0] == 0
    assert same(trained(tmp_path / "a"), trained(tmp_path / "b"))
    assert not same(trained(tmp_path / "a"), trained(tmp_path / "c"))


def test_quick_is_small(tmp_path, run):
    """--quick takes 200 images and a network no wider than 16, no deeper than 3, and trains no longer than asked."""
    assert run("train", "--quick", "--size", 4, "--steps", 2, "--batch", 2, "--out", tmp_path)[0] == 0
    network = nets.load(tmp_path / "weights.npz")
    assert (network.width, network.depth, network.notes["steps"]) == (16, 3, 2)
    assert network.notes["data"]["quick"] is True


def test_a_resumed_training_is_the_unbroken_one(tmp_path, run, broken_off):
    """Ctrl-C after 5 of 9 steps: 130, one line, the checkpoint of step 5 and no weights; --resume makes the same weights."""
    whole, part = tmp_path / "whole", tmp_path / "part"
    assert run("train", *TINY, "--out", whole)[0] == 0
    broken_off(5)
    code, printed, said = run("train", *TINY, "--out", part)
    assert (code, printed, len(said)) == (130, [], 1)
    assert said[0].startswith("minidiff: interrupted") and "checkpoint.npz is kept, and --resume goes on" in said[0]
    assert os.listdir(part) == ["checkpoint.npz"]
    broken_off(None)
    code, printed, said = run("train", *TINY, "--out", part, "--resume")
    assert (code, said) == (0, [])
    # A checkpoint is written every second step, and the last one when the run was interrupted.
    assert printed[-1].startswith("4 steps")
    assert sorted(os.listdir(part)) == WRITTEN
    assert same(trained(whole), trained(part))
    assert same(arrays(whole / "checkpoint.npz"), arrays(part / "checkpoint.npz"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--steps", 8), "steps = 9 there and 8 here"),
        (("--rate", 0.01), "rate = 0.002 there and 0.01 here"),
        (("--width", 5), "width = 4 there and 5 here"),
        (("--padding", "circular"), "padding = 'zeros' there and 'circular' here"),
        (("--data-seed", 1), "same images"),
        (("--schedule", "flow"), "schedule"),
        pytest.param(("--seed", 1), "seed"),
    ],
)
def test_a_resume_with_other_settings_is_refused(tmp_path, run, broken_off, options, words):
    """Exit code 2, one line that names what differs, and every file as it was."""
    broken_off(5)
    run("train", *TINY, "--out", tmp_path)
    broken_off(None)
    before = contents(tmp_path)
    code, printed, said = run("train", *TINY, *options, "--resume", "--out", tmp_path)
    assert (code, printed, len(said)) == (2, [], 1)
    assert said[0].startswith("minidiff train: resume: expected a checkpoint of the same") and words in said[0]
    assert contents(tmp_path) == before


def test_an_interrupt_between_two_steps_is_kept_too(tmp_path, run, monkeypatch):
    """Ctrl-C while the bar is drawn comes outside the run: the step before it is in the checkpoint all the same."""
    bar = commands.tqdm

    class Bar(bar):
        def update(self, n=1):
            super().update(n)
            if self.n == 5:
                raise KeyboardInterrupt

    monkeypatch.setattr(commands, "tqdm", Bar)
    assert run("train", *TINY, "--out", tmp_path)[0] == 130
    monkeypatch.setattr(commands, "tqdm", bar)
    assert run("train", *TINY, "--resume", "--out", tmp_path)[1][-1].startswith("4 steps")


def test_an_interrupt_before_the_first_step_promises_no_checkpoint(tmp_path, run, broken_off):
    """Ctrl-C while the first step compiles: 130, no file, and no word of a checkpoint; a resumed run keeps the one it has."""
    broken_off(0)
    code, _, said = run("train", *TINY, "--out", tmp_path)
    assert (code, len(said), os.listdir(tmp_path)) == (130, 1, []) and "checkpoint" not in said[0]
    broken_off(3)
    run("train", *TINY, "--out", tmp_path)
    before = contents(tmp_path)
    broken_off(0)
    code, _, said = run("train", *TINY, "--resume", "--out", tmp_path)
    assert code == 130 and "checkpoint.npz is kept" in said[0] and contents(tmp_path) == before


@pytest.mark.parametrize("done", [5, 9])
def test_a_resume_may_ask_for_more_steps(tmp_path, run, broken_off, done):
    """A run of 9 steps, interrupted or at its end, goes on to 12; and can then be resumed as a run of 12."""
    broken_off(done if done < 9 else None)
    run("train", *TINY, "--out", tmp_path)
    broken_off(None)
    code, printed, said = run("train", *TINY, "--steps", 12, "--resume", "--out", tmp_path)
    assert (code, said) == (0, [])
    assert printed[-1].startswith(f"{12 - done} steps")
    assert nets.load(tmp_path / "weights.npz").notes["steps"] == 12
    assert run("train", *TINY, "--steps", 12, "--resume", "--out", tmp_path)[1][-1].startswith("0 steps")


def test_a_resume_needs_a_checkpoint(tmp_path, run):
    """Without one, or with a spoiled one: exit code 2 and no file written."""
    refused(run, ("train", *TINY, "--resume", "--out", tmp_path), ["--resume", "checkpoint.npz", "got none"], tmp_path)
    (tmp_path / "checkpoint.npz").write_bytes(b"PK half")
    code, _, said = run("train", *TINY, "--resume", "--out", tmp_path)
    assert code == 2 and "checkpoint.npz: expected a minidiff checkpoint file" in said[0]
    assert contents(tmp_path) == {"checkpoint.npz": b"PK half"}


def test_a_finished_training_can_be_resumed(tmp_path, run):
    """Interrupted after its last step, a run has only its weights left to write: no warning, and no nan in the notes."""
    assert run("train", *TINY, "--out", tmp_path)[0] == 0
    before = nets.load(tmp_path / "weights.npz")
    (tmp_path / "weights.npz").unlink()
    code, _, said = run("train", *TINY, "--out", tmp_path, "--resume")
    assert (code, said) == (0, [])
    after = nets.load(tmp_path / "weights.npz")
    assert same(after.params, before.params)
    assert after.notes["loss"] in (None, before.notes["loss"])
    strictly(tmp_path / "numbers.json")


@pytest.mark.parametrize("rate", ["1e12", "1e300"])
def test_a_diverging_training_writes_nothing(tmp_path, run, rate):
    """A huge rate: exit code 2, one line with the step and a hint, and no weights; those of an earlier run stay."""
    options = (*TINY, "--depth", 3, "--steps", 40)
    code, printed, said = run("train", *options, "--rate", rate, "--out", tmp_path / "new")
    assert (code, printed, len(said)) == (2, [], 1)
    assert "expected a finite loss" in said[0] and "of 40" in said[0] and "smaller rate" in said[0]
    assert os.listdir(tmp_path / "new") == []
    assert run("train", *TINY, "--out", tmp_path / "old")[0] == 0
    before = contents(tmp_path / "old")
    assert run("train", *options, "--rate", rate, "--out", tmp_path / "old")[0] == 2
    assert contents(tmp_path / "old") == before


BAD_TRAINING = [
    (("--data", "digitz"), ["data", "digitz"]),
    (("--padding", "mirror"), ["--padding", "mirror", "circular"]),
    (("--prediction", "y"), ["--prediction", "noise"]),
    (("--attention", "hard"), ["--attention", "softmax"]),
    (("--width", "0"), ["width", "got 0"]),
    (("--depth", "-1"), ["depth", "got -1"]),
    (("--steps", "0"), ["steps", "got 0"]),
    (("--batch", "0"), ["batch", "got 0"]),
    (("--rate", "-1"), ["rate", "-1"]),
    (("--rate", "nan"), ["rate", "nan"]),
    (("--seed", "-1"), ["--seed", "-1"]),
    (("--count", "2000"), ["count", "at most 1797", "got 2000"]),
    pytest.param(("--schedule", "flow", "--prediction", "noise"), ["prediction"]),
    pytest.param(("--data", "UNLABELLED", "--labelled"), ["--labelled"]),
]


@pytest.mark.parametrize(("options", "words"), BAD_TRAINING)
def test_bad_training_options_are_one_line_and_no_file(tmp_path, run, options, words):
    """Unknown names, numbers out of range, and what cannot be done together: named before any work, exit code 2."""
    np.save(tmp_path / "a.npy", np.zeros((12, 6, 6), np.float32))
    options = [tmp_path / "a.npy" if option == "UNLABELLED" else option for option in options]
    refused(run, ("train", *TINY, *options, "--out", tmp_path / "out"), words, tmp_path / "out")


# --- classes ---------------------------------------------------------------------------------------------------------

FOLDERS = {
    "numbers": (["100000", "100001"], (100000, 100001)),
    "a date": (["20240131235959", "7"], (7, 20240131235959)),
    "negative": (["-2", "-1"], (-2, -1)),
    "words": (["cat", "ant"], ("ant", "cat")),
    "numbers with zeros": (["007", "008"], (7, 8)),
    "one number twice": (["07", "7"], ("07", "7")),
}


def test_unsigned_labels_of_an_npz_do_not_wrap(tmp_path):
    """2^64 - 1 of uint64 stays what it is."""
    np.savez(tmp_path / "a.npz", images=np.zeros((2, 6, 6, 1), np.float32), labels=np.array([2**64 - 1, 3], np.uint64))
    assert md.datasets.npz(tmp_path / "a.npz")[1].tolist() == [2**64 - 1, 3]


@pytest.mark.parametrize(("folders", "names"), FOLDERS.values(), ids=FOLDERS)
def test_folder_names_are_the_classes(tmp_path, run, folders, names):
    """train --labelled keeps the names of the folders in weights and checkpoint, which are no larger than for two classes."""
    for number, name in enumerate(folders):
        (tmp_path / "mine" / name).mkdir(parents=True)
        for i in range(3):
            values = np.random.default_rng([number, i]).integers(0, 256, (6, 6), dtype=np.uint8)
            Image.fromarray(values).save(tmp_path / "mine" / name / f"{i}.png")
    options = ("--data", tmp_path / "mine", "--width", 4, "--depth", 1, "--steps", 2, "--batch", 4, "--labelled")
    assert run("train", *options, "--out", tmp_path / "out")[0] == 0
    network = nets.load(tmp_path / "out" / "weights.npz")
    assert network.label_names == names and network.params["label.table"].shape[0] == 3
    assert network(np.zeros((6, 6, 1), np.float32), 0.5, names[1]).shape == (6, 6, 1)
    assert (tmp_path / "out" / "checkpoint.npz").stat().st_size < 100_000
    words = isinstance(names[0], str)
    assert md.datasets.class_names(tmp_path / "mine") == (list(names) if words else None)
    # The same name restricts a machine's training set.
    options = ("--data", tmp_path / "mine", "--machine", "is", "--label", names[1], "-n", 2, "--steps", 3)
    assert run("sample", *options, "--out", tmp_path / "sampled")[0] == 0
    nearest = arrays(tmp_path / "sampled" / "samples.npz")["nearest"]
    assert {sorted(folders)[i // 3].lstrip("0") for i in nearest} == {str(names[1])}
    refused(run, ("sample", *options[:4], "--label", "dog", "--out", tmp_path / "no"), ["label", "dog"], tmp_path / "no")
