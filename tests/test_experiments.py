"""The experiments with attention and with limbs: what they measure of models whose answer is known, and what commands write."""

import numpy as np
import pytest
from command_line import interrupt, strictly

import minidiff as md
from minidiff import nets, process
from minidiff.command.parser import main
from minidiff.measures import judges
from minidiff.studies import attention, calibration, limbs

COSINE = md.schedules.cosine()
FIGURES = (
    "models",
    "strengths-anywhere",
    "strengths-colocated",
    "over-strength",
    "over-reach",
    "told-apart",
    "attention-maps",
)


@pytest.fixture(scope="module")
def patterns():
    """Few images with their rule, and noises."""
    images = md.datasets.colour_patterns(12)[0]
    return images, process.unit_noise((4, *images.shape[1:]), 0)


class Posing:
    """A machine in the place of a network."""

    padding, receptive_field, attention = "zeros", 7, None

    def __init__(self, machine):
        self.machine, self.schedule = machine, machine.schedule

    def __call__(self, x, t):
        return self.machine(x, t)


# --- attention -------------------------------------------------------------------------------------------------------


@pytest.mark.compiled
def test_a_machine_in_the_network_s_place_is_found_out(patterns):
    """AttentionScore as the network: its tables are found, and it agrees with itself, where g > 0 better than ELS does."""
    images, noise = patterns
    teacher = md.AttentionScore(images, COSINE, window=[3, 5], strength=[0.0, 1.0], boundary="zeros")
    tables = attention.calibrated(Posing(teacher), images, samples=3, steps=4, rng=1, windows=(3, 5), strengths=(0.0, 0.1, 1.0))
    assert tables["AttentionScore"] == [[3, 3, 5, 5], [0.0, 0.0, 1.0, 1.0]]
    machines = attention.rivals(Posing(teacher), images, tables)
    told = attention.agreements(Posing(teacher), machines, noise, steps=4, levels=(0.25, 0.75))
    assert set(told) == {"AttentionScore", "ELS", "IS"}
    for name in ("whole", "t = 0.25", "t = 0.75"):
        mine, alone = (told[machine][name] for machine in ("AttentionScore", "ELS"))
        if name == "whole":
            mine, alone = mine["R^2"], alone["R^2"]
        # A table of the same windows and strengths is the same machine: equal but for nothing.
        assert mine["median"] == 1.0 >= alone["median"]
    assert told["ELS"]["t = 0.25"]["median"] > 1 - 1e-9 > told["ELS"]["t = 0.75"]["median"]
    # It explains all, so what it explains beyond ELS is all that ELS leaves.
    for level in ("t = 0.25", "t = 0.75"):
        over, alone = told["AttentionScore"][f"over ELS, {level}"], told["ELS"][level]
        np.testing.assert_allclose([over["median"], over["upper"]], [1 - alone["median"], 1 - alone["lower"]], atol=1e-12)


@pytest.mark.compiled
def test_without_strength_the_samples_are_those_of_els(patterns):
    """At g = 0 the machine by itself makes ELS's samples (g = 0 is exactly ELS); at large g each sample is made of one image.

    That image's pieces may be moved, so that the sample is new; with co-located candidates it is the image itself.
    """
    images, noise = patterns
    found = attention.over_strength(images, noise, (0.0, 1e4), steps=4, window=(3, 5))
    assert found[1e4][1]["images used"]["median"] == 1
    els = md.EquivariantLocalScore(images, attention.SCHEDULE, window=[3, 5], boundary="zeros")
    # float32 against float64 along four steps: the tolerance of one answer, four times.
    np.testing.assert_allclose(found[0.0][0], attention.last(els, noise, 4), atol=4e-4)
    assert found[1e4][1]["consistent"]["count"] == 4
    told = attention.over_strength(images, noise, (1e4,), "colocated", steps=8, window=(3, 5))[1e4][1]
    assert (told["consistent"]["count"], told["new"]["count"]) == (4, 0)


@pytest.mark.compiled
def test_training_images_are_judged_consistent_and_not_new(patterns):
    """Training images obey the rule, none is new, each patch is a training patch; against half of them, half are new."""
    images, _ = patterns
    told = attention.judged(images, images)
    assert (told["consistent"]["count"], told["new"]["count"], told["patch distance"]["median"]) == (12, 0, 0.0)
    assert attention.judged(images, images[:6])["new"]["count"] == 6


def test_chance_is_what_shapes_of_independent_colours_reach():
    """by_chance sums K^-(m - 1) over samples of m shapes, and is the mean of one_colour when each shape draws its own colour."""
    images = attention.datasets.colour_patterns(900)[0]
    images[300:600, :8], images[600:700, 8:], images[700:800, :, 8:], images[800:] = -1, -1, -1, -1
    np.testing.assert_allclose(attention.by_chance(images), 300 / 27 + 500 / 3)
    rng = np.random.default_rng(0)
    for rows in (slice(0, 8), slice(8, 16)):
        for columns in (slice(0, 8), slice(8, 16)):
            for image in images:
                image[rows, columns] = image[rows, columns][..., rng.permutation(3)]
    # The count is a sum of independent ones: its variance is below its mean.
    count, chance = judges.one_colour(images).consistent.sum(), attention.by_chance(images)
    assert abs(count - chance) < 5 * np.sqrt(chance)


def test_a_trained_network_is_kept_and_taken_up_again(patterns, tmp_path):
    """A second call loads what the first trained; a broken-off run goes on from its checkpoint, and ends in the same weights."""
    images, _ = patterns
    settings = {"channels": 3, "width": 4, "depth": 1}
    first = nets.trained("small", settings, images, tmp_path, steps=6, batch=4, notes={"why": "test"})
    assert first.notes == {} and nets.load(tmp_path / "small.npz").notes["why"] == "test"
    before = (tmp_path / "small.npz").stat().st_mtime_ns
    again = nets.trained("small", settings, images, tmp_path, steps=6, batch=4)
    assert (tmp_path / "small.npz").stat().st_mtime_ns == before and [p.name for p in tmp_path.iterdir()] == ["small.npz"]
    assert all(np.array_equal(again.params[name], first.params[name]) for name in first.params)
    broken = nets.Network(**settings, rng=0)
    for done in nets.train(broken, images, 6, 4, rng=0, checkpoint=tmp_path / "other-checkpoint.npz", every=2):
        if done.step == 4:
            break
    resumed = nets.trained("other", settings, images, tmp_path, steps=6, batch=4)
    assert all(np.array_equal(resumed.params[name], first.params[name]) for name in first.params)


@pytest.mark.slow
@pytest.mark.compiled
def test_the_attention_experiment_from_the_command_line(tmp_path, capsys, monkeypatch):
    """--quick trains small networks, writes every figure and numbers.json, and the table says what the numbers say.

    Again in the same folder, what was finished is taken up: no network is calibrated a second time.
    """
    arguments = ["compare", "--experiment", "attention", "--quick", "--steps", "4", "--out", str(tmp_path / "out")]
    assert main(arguments) == 0
    told = strictly(tmp_path / "out" / "numbers.json")
    assert [row["kind"] for row in told["networks"]] == list(attention.KINDS)
    assert ["its own map" in row["agreement"] for row in told["networks"]] == [False, False, True, True]
    assert all(set(told["g"][candidates]) == {"0", "0.1", "10"} for candidates in ("anywhere", "colocated"))
    assert set(told["receptive field"]["ELS"]) == {"3", "5", "7", "13"}
    figures = {path.name for path in (tmp_path / "out").glob("*.png")}
    assert figures == {f"{n}.png" for n in FIGURES}
    text = capsys.readouterr().out
    share = told["networks"][3]["consistent"]
    assert f"{share['count']} / {share['of']} [{share['low']:.2f}, {share['high']:.2f}]" in text
    line = next(line for line in text.splitlines() if line.startswith("softmax, its own map"))
    assert line.split()[-1] == f"{told['networks'][3]['agreement']['its own map']['whole']['r']['median']:.2f}"
    monkeypatch.setattr(attention, "calibrated", None)
    monkeypatch.setattr(attention, "over_strength", interrupt)
    assert main(arguments) == 130
    assert strictly(tmp_path / "out" / "numbers.json")["networks"] == told["networks"]


# --- limbs -----------------------------------------------------------------------------------------------------------


@pytest.mark.compiled
def test_models_that_are_one_always_agree():
    """ELS in the network's place: the same window table comes out, and every count is the same; its twin is the ceiling.

    ELS with k = R is ELS of the whole field: the one that the table of a network of window R alone would name.
    """
    images, noise = md.datasets.creatures(20)[0] / 4, process.unit_noise((4, 16, 16, 1), 0)
    teacher = md.EquivariantLocalScore(images, COSINE, window=[3, 7], boundary="zeros")
    named = {"CNN, seed 0": Posing(teacher), "CNN, seed 1": Posing(teacher)}
    found = limbs.count(named, images, noise, calibrating=3, steps=4)
    assert found.tables == {name: [3, 3, 7, 7] for name in named}
    told = limbs.numbers(found)
    rows = told["predicted"]["CNN, seed 0"]
    assert list(rows) == ["ELS, k = R", "SummaryScore, k = R", "ELS of CNN, seed 0", "CNN, seed 1"]
    for twin in ("ELS of CNN, seed 0", "CNN, seed 1"):
        assert rows[twin]["same limbs and bodies"]["count"] == 4 == rows[twin]["both right or both wrong"]["count"]
        share = told["wrong"][twin]["share"]
        assert rows[twin]["by chance"] == share**2 + (1 - share) ** 2 and rows[twin]["r"]["median"] == 1
        assert told["limbs"][twin] == told["limbs"]["CNN, seed 0"]
    for name, kind in (("ELS, k = R", md.EquivariantLocalScore), ("SummaryScore, k = R", md.SummaryScore)):
        machine = kind(images, COSINE, window=Posing.receptive_field, boundary="zeros")
        np.testing.assert_array_equal(found.samples[name], attention.last(machine, noise, 4))
        assert rows[name]["r"]["median"] < 1


@pytest.mark.compiled
def test_a_model_of_the_whole_image_never_miscounts():
    """The control: IS in the network's place recites, so that each of its samples has four limbs, and the machine may not."""
    images = md.datasets.creatures(20)[0]
    named = {"CNN, seed 0": Posing(md.IdealScore(images, COSINE))}
    found = limbs.count(named, images, process.unit_noise((4, 16, 16, 1), 0), 1, steps=8)
    assert limbs.numbers(found)["wrong"]["CNN, seed 0"]["count"] == 0
    assert (judges.limb_count(found.samples["CNN, seed 0"], 4).limbs == 4).all()


def test_wrong_samples_are_counted_and_chance_is_independence():
    """Made by hand: 1 of 4 and 2 of 4 wrong, alike in 3, by chance 3/4 * 1/2 + 1/4 * 1/2; another kind is no ceiling."""

    def verdict(four):
        counts = np.where(four, 4, 5)
        return judges.Limbs(four, np.zeros(4, bool), counts, np.ones(4, int))

    right = {"CNN, seed 0": [1, 1, 1, 0], "ELS, k = R": [1, 1, 0, 0], "softmax, seed 0": [1] * 4, "SummaryScore, k = R": [0] * 4}
    samples = {name: np.random.default_rng(0).normal(size=(4, 3, 3, 1)) for name in right}
    found = limbs.Count(5, {}, samples, {name: verdict(np.array(four, bool)) for name, four in right.items()})
    told = limbs.numbers(found)
    assert {name: share["count"] for name, share in told["wrong"].items()} == dict(zip(right, (1, 2, 0, 4), strict=True))
    row = told["predicted"]["CNN, seed 0"]["ELS, k = R"]
    assert (row["both right or both wrong"]["count"], row["by chance"]) == (3, 0.5)
    assert {name: list(rows) for name, rows in told["predicted"].items()} == {
        name: ["ELS, k = R", "SummaryScore, k = R"] for name in ("CNN, seed 0", "softmax, seed 0")
    }


@pytest.mark.compiled
def test_the_limbs_experiment_from_the_command_line(tmp_path, capsys, monkeypatch):
    """--quick trains small networks, with attention and without, and writes numbers and both figures; it goes on after Ctrl-C."""
    out, plain, calibrated = tmp_path / "out", calibration.against, []
    command = ["compare", "--experiment", "limbs", "--quick", "--steps", "4", "--out", str(out)]
    monkeypatch.setattr(calibration, "against", lambda *given: calibrated.append(given) or plain(*given))
    monkeypatch.setattr(limbs, "BATCH", 2)
    with monkeypatch.context() as patch:
        patch.setattr(judges, "limb_count", interrupt)
        assert main(command) == 130
    assert len(calibrated) == 1 and {path.name for path in out.iterdir()} == {"networks", "parts.npz"}
    assert main(command) == 0
    assert len(calibrated) == len(limbs.DEPTHS)
    told = strictly(out / "numbers.json")["fields"]
    assert [row["receptive field"] for row in told] == [2 * depth + 3 for depth in limbs.DEPTHS]
    assert {path.name for path in out.glob("*.png")} == {"limbs.png", "wrong-counts.png"}
    assert {nets.load(path).attention for path in out.glob("networks/*-softmax.npz")} == {"softmax"}
    text = capsys.readouterr().out
    for row in told:
        for name in ("CNN, seed 0", "softmax, seed 0", "ELS, k = R", "SummaryScore, k = R", "ELS of CNN, seed 0"):
            assert f"{name:32}{row['wrong'][name]['count']:>5} of 4" in text
