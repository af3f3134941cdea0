"""The experiments with attention and with limbs: what they measure of models whose answer is known, and what commands write."""

import numpy as np
import pytest
from command_line import interrupt, strictly

import minidiff as md
from minidiff import nets, process
from minidiff.command.parser import main
from minidiff.measures import judges
from minidiff.studies import attention, attention_cuts, calibration, limbs

COSINE = md.schedules.cosine()
FIGURES = (
    "models",
    "strengths-anywhere",
    "strengths-colocated",
    "over-strength",
    "over-reach",
    "three-rows",
    "cut",
    "told-apart",
    "attention-maps",
)


@pytest.fixture(scope="module")
def patterns():
    """Few images with their rule, and noises."""
    images = md.datasets.colour_patterns(12, size=12)[0]
    return images, process.unit_noise((4, *images.shape[1:]), 0)


class Posing:
    """A machine in the place of a network."""

    padding, receptive_field, attention = "zeros", 7, None

    def __init__(self, machine):
        self.machine, self.schedule = machine, machine.schedule

    def __call__(self, x, t):
        return self.machine(x, t)


# --- attention -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_machine_in_the_network_s_place_is_found_out(patterns):
    """AttentionScore as the network: its g is found, and it agrees with itself, where g > 0 better than ELS does."""
    images, noise = patterns
    teacher = md.AttentionScore(images, COSINE, window=5, strength=[0.0, 1.0], boundary="zeros")
    machines, fitted = attention.hearing(Posing(teacher), images, side=5, samples=3, steps=4)
    assert fitted == {"uniform, g fitted": [0.0, 0.0, 1.0, 1.0]} and set(machines) == set(fitted)
    machines["ELS"] = attention.alone(images, side=5)["ELS"]
    told = attention.at_levels(Posing(teacher), machines, noise, steps=4, levels=(0.25, 0.75))
    for level in ("t = 0.25", "t = 0.75"):
        # A table of the same strengths is the same machine: equal but for nothing.
        assert told["uniform, g fitted"][level]["median"] == 1.0 >= told["ELS"][level]["median"]
    assert told["ELS"]["t = 0.25"]["median"] > 1 - 1e-9 > told["ELS"]["t = 0.75"]["median"]
    # It explains all, so what it explains beyond ELS is all that ELS leaves.
    for level in ("t = 0.25", "t = 0.75"):
        over, left = told["uniform, g fitted"][f"over ELS, {level}"], told["ELS"][level]
        np.testing.assert_allclose([over["median"], over["upper"]], [1 - left["median"], 1 - left["lower"]], atol=1e-12)


@pytest.mark.slow
def test_hearing_at_g_of_zero_is_els_and_the_controls_are_other_maps(patterns):
    """With a map by which each pixel hears itself, "its own map" and the map of another sample are one machine; the mean map is
    that of uniform attention. So the controls differ from the machine in the map, and in nothing else."""
    images, noise = patterns

    class Selfish(Posing):
        attention = "softmax"

        def attention_map(self, x, t):
            return np.broadcast_to(np.eye(144), (len(x), 144, 144))

    teacher = md.EquivariantLocalScore(images, COSINE, window=5, boundary="zeros")
    machines, fitted = attention.hearing(Selfish(teacher), images, side=5, samples=2, steps=2)
    assert fitted["its own map, g fitted"] == [0.0, 0.0]
    own, other, mean = (machines[name](noise, 0.6) for name in ("its own map", *attention.CONTROLS))
    np.testing.assert_array_equal(own, other)
    uniform = md.AttentionScore(images, COSINE, window=5, strength=1.0, raw=True, boundary="zeros")
    np.testing.assert_allclose(mean, uniform(noise, 0.6), atol=1e-5)


@pytest.mark.slow
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
    assert found[1e4][1]["one colour"]["count"] == 4
    told = attention.over_strength(images, noise, (1e4,), "colocated", steps=8, window=(3, 5))[1e4][1]
    assert (told["one colour"]["count"], told["legal"]["count"], told["new"]["count"]) == (4, 4, 0)


@pytest.mark.compiled
def test_training_images_are_judged_whole_legal_and_not_new(patterns):
    """Training images obey every rule, and none is new; against half of them, those that are not in it are new.

    A blank image, one with a pixel too many, and one of two colours, are each caught by what they break, and by nothing else.
    """
    images, _ = patterns
    told = attention.judged(images, images)
    counts = {name: told[name]["count"] for name in ("one colour", "blank", "three whole", "four whole", "legal", "new")}
    assert counts == {"one colour": 12, "blank": 0, "three whole": 12, "four whole": 12, "legal": 12, "new": 0}
    assert told["distance"]["upper"] == 0 == told["patch distance"]["upper"]
    assert attention.judged(images, images[:6])["new"]["count"] == 6
    broken = images[:3].copy()
    broken[0], broken[1, 5, 5] = -1, images[1].max(axis=(0, 1))
    broken[2, :6] = broken[2, :6, :, ::-1]
    told = attention.judged(broken, images)
    counts = {name: told[name]["count"] for name in counts}
    assert counts == {"one colour": 1, "blank": 1, "three whole": 2, "four whole": 1, "legal": 0, "new": 0}


def test_median_r_and_its_ceilings():
    """r of a network with itself is 1, also between halves; of networks with nothing in common it is 0 within its interval."""
    rng = np.random.default_rng(0)
    same = [rng.standard_normal((30, 6, 6, 3))] * 2
    other = [rng.standard_normal((30, 6, 6, 3)) for _ in range(3)]
    told = attention.agreements({"CNN": other, "softmax": same}, {"a machine": same[0]}, {"CNN": [], "softmax": same}, same)
    assert told["softmax"]["another training seed"]["low"] == 1 == told["softmax"]["half of the set each"]["low"]
    assert told["softmax"]["a machine"]["median"] == 1 == told["softmax"]["its own map"]["low"]
    assert "its own map" not in told["CNN"]
    for name in ("a machine", "another training seed"):
        found = told["CNN"][name]
        assert found["low"] < 0 < found["high"] and found["high"] - found["low"] < 0.2


@pytest.mark.slow
@pytest.mark.compiled
def test_means_of_one_block_are_the_mean_outside_and_of_many_they_are_the_pixels(patterns):
    """One block is the whole image: then the machine is SummaryScore. With a block for each pixel, it is told every pixel."""
    images, noise = patterns
    options = {"window": 5, "boundary": "zeros"}
    one, mean = attention.told_block_means(1)(images, COSINE, **options), md.SummaryScore(images, COSINE, **options)
    np.testing.assert_array_equal(one(noise, 0.6), mean(noise, 0.6))
    told = attention.block_means(12, images[0], 1, "zeros").reshape(144, 144, 3)
    itself = np.eye(144, dtype=bool)
    others = np.broadcast_to(images[0].reshape(144, 3), (144, 144, 3))
    np.testing.assert_allclose(told[~itself], others[~itself])
    assert (told[itself] == 0).all()


@pytest.mark.compiled
def test_a_cut_of_nothing_is_the_network_and_a_cut_of_all_is_without_its_layer():
    """Cut(network) with all allowed is the network, but for rounding; with nothing allowed it is the network whose layer adds 0.

    What is cut has no influence at all: with attention to its own quarter only, a pixel's answer does not change when another
    quarter does, beyond the receptive field.
    """
    rng = np.random.default_rng(0)
    network = nets.Network(channels=3, width=8, depth=1, padding="zeros", prediction="x0", attention="softmax", rng=0)
    network.params = {name: rng.normal(0, 0.3, value.shape).astype(np.float32) for name, value in network.params.items()}
    x = rng.standard_normal((2, 12, 12, 3)).astype(np.float32)
    whole, none = (attention_cuts.Cut(network, attention_cuts.allowed(seen, 12))(x, 0.5) for seen in ("everything", "nothing"))
    np.testing.assert_allclose(whole, network(x, 0.5), rtol=1e-4, atol=1e-5)
    silent = network.copy()
    silent.params["attention.out.weight"][:] = 0
    np.testing.assert_array_equal(none, silent(x, 0.5))
    assert abs(none - whole).max() > 0.01
    moved = x.copy()
    moved[:, 8:, 8:] += 1
    alone = attention_cuts.Cut(network, attention_cuts.allowed("its own quarter", 12))
    np.testing.assert_array_equal(alone(moved, 0.5)[:, :4, :4], alone(x, 0.5)[:, :4, :4])
    assert abs(network(moved, 0.5) - network(x, 0.5))[:, :4, :4].max() > 1e-4


def test_chance_is_what_shapes_of_independent_colours_reach():
    """by_chance sums K^-(m - 1) over samples of m shapes, and is the mean of one_colour when each shape draws its own colour."""
    images = attention.datasets.colour_patterns(900, size=16)[0]
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
    assert ["its own map" in row["levels"] for row in told["networks"]] == [False, False, True, True]
    assert all(set(told["g"][candidates]) == {"0", "0.1", "10"} for candidates in ("anywhere", "colocated"))
    assert set(told["receptive field"]["ELS"]) == {"3", "5", "9", "13"}
    figures = {path.name for path in (tmp_path / "out").glob("*.png")}
    assert figures == {f"{n}.png" for n in FIGURES}
    text = capsys.readouterr().out
    line = next(line for line in text.splitlines() if line.startswith("ELS  "))
    assert line.split()[1] == f"{100 * told['ELS']['one colour']['share']:.0f}"
    line = next(line for line in text.splitlines() if line.startswith("softmax, its own map  "))
    assert line.split()[-1] == f"{told['networks'][3]['levels']['its own map']['t = 0.9']['median']:.2f}"
    # Without a cut the softmax network is itself.
    assert told["cut"]["everything"][0]["one colour"] == told["networks"][3]["one colour"]
    monkeypatch.setattr(attention, "hearing", None)
    monkeypatch.setattr(attention, "over_strength", interrupt)
    assert main(arguments) == 130
    assert strictly(tmp_path / "out" / "numbers.json")["networks"] == told["networks"]


# --- limbs -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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
