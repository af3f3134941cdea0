"""A trained network beside the machines: whose noises, whose numbers, which files; and weights by name."""

import functools
import itertools
import os
import shutil

import matplotlib
import numpy as np
import pytest
from command_line import interrupt, refused, same, strictly
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from strategies import training_set

import minidiff as md
from minidiff import nets, plots, process
from minidiff.measures import metrics
from minidiff.nets import shipped
from minidiff.studies import agreement, calibration

matplotlib.use("Agg")
COSINE = md.schedules.cosine()
IMAGES = training_set(0, (8, 7, 7, 1))
NOISE = process.unit_noise((5, 7, 7, 1), 3, IMAGES.dtype)
TABLES = {"ELS": [3, 5, 5], "LS": [3, 3, 7]}
MACHINES = {
    "ELS": md.EquivariantLocalScore(IMAGES, COSINE, window=TABLES["ELS"], boundary="zeros"),
    "LS": md.LocalScore(IMAGES, COSINE, window=TABLES["LS"], boundary="zeros"),
    "IS": md.IdealScore(IMAGES, COSINE),
    "Wiener": md.Wiener(IMAGES, COSINE),
    "LocalWiener": md.LocalWiener(IMAGES, COSINE, window=TABLES["ELS"], boundary="zeros", anywhere=True),
}


class Between:
    """A denoiser that is no machine: the mean of ELS and IS."""

    schedule = COSINE

    def __call__(self, x, t):
        return (MACHINES["ELS"](x, t) + MACHINES["IS"](x, t)) / 2


def sampled(denoiser, noise=NOISE, steps=3):
    *_, last = process.ddim(denoiser, COSINE, noise=noise, steps=steps)
    return last.x


@pytest.fixture(scope="module")
def found():
    return agreement.compare(Between(), IMAGES, NOISE, TABLES, "zeros", steps=3)


# --- compare ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MACHINES)
def test_a_machine_in_the_network_s_place_agrees_with_itself(name):
    """Taken for the network, a machine is predicted by its like to the bit: R^2 = 1; by the others it is not."""
    found = agreement.compare(MACHINES[name], IMAGES, NOISE, TABLES, "zeros", steps=3)
    np.testing.assert_array_equal(found.samples[name], found.samples["network"])
    assert found.agreement[name].determination.tolist() == [1.0] * 5
    np.testing.assert_allclose(found.agreement[name].r, 1, rtol=0, atol=1e-14)
    assert all(agreement.determination.max() < 1 for other, agreement in found.agreement.items() if other != name)


def test_all_start_from_the_same_noises(found):
    """Each one's samples are its own DDIM samples from the noises given, and agreement is with the network as reference."""
    np.testing.assert_array_equal(found.samples["network"], sampled(Between()))
    assert list(found.samples) == ["network", *MACHINES] and list(found.agreement) == list(MACHINES)
    for name, machine in MACHINES.items():
        np.testing.assert_array_equal(found.samples[name], sampled(machine))
        expected = metrics.agreement(sampled(machine), sampled(Between()))
        for one, other in zip(found.agreement[name], expected, strict=True):
            np.testing.assert_array_equal(one, other)
    assert found.tables == TABLES


def test_the_boundary_is_the_network_s():
    """On the torus ELS and LS wrap, and the rivals that do not know where a pixel is are there: ES and the stationary Wiener."""
    table = {"ELS": 3, "LS": 3}
    found = agreement.compare(Between(), IMAGES, NOISE, table, "circular", steps=3)
    for name, kind in (("ELS", md.EquivariantLocalScore), ("LS", md.LocalScore)):
        np.testing.assert_array_equal(found.samples[name], sampled(kind(IMAGES, COSINE, window=3, boundary="circular")))
    for name, kind in (("IS", md.IdealScore), ("ES", md.EquivariantScore), ("StationaryWiener", md.StationaryWiener)):
        np.testing.assert_array_equal(found.samples[name], sampled(kind(IMAGES, COSINE)))
    assert list(found.agreement) == ["ELS", "LS", "IS", "ES", "StationaryWiener", "LocalWiener"]


def test_a_linear_network_is_predicted_by_the_best_linear_denoiser_alone():
    """Wiener in the network's place has r = 1 with Wiener, and the others have less: the baseline is the one it says it is."""
    for boundary, kind, name in (("zeros", md.Wiener, "Wiener"), ("circular", md.StationaryWiener, "StationaryWiener")):
        found = agreement.compare(kind(IMAGES, COSINE), IMAGES, NOISE, {"ELS": 3, "LS": 3}, boundary, steps=3)
        assert found.agreement[name].determination.tolist() == [1.0] * 5
        assert all(one.r.max() < 1 - 1e-3 for other, one in found.agreement.items() if other != name)


def test_another_network_is_the_ceiling():
    """It walks from the same noises, and the network itself as another has r = 1: nothing can be above."""
    others = {"twin": Between(), "far": md.Wiener(IMAGES, COSINE)}
    found = agreement.compare(Between(), IMAGES, NOISE, TABLES, "zeros", steps=3, others=others)
    assert list(found.samples)[-2:] == ["twin", "far"]
    assert found.agreement["twin"].determination.tolist() == [1.0] * 5
    np.testing.assert_array_equal(found.samples["far"], found.samples["Wiener"])
    assert agreement.numbers(found)["ELS above in r"]["twin"] == 0


@pytest.mark.compiled
@pytest.mark.parametrize("boundary", ["circular", "zeros"])
def test_each_machine_has_a_table_of_its_own(boundary):
    """ELS and LS are calibrated apart, each with the windows that fit the images: up to 7 on a torus of 7 x 7, 13 with zeros."""
    tables = agreement.calibrated_tables(Between(), IMAGES, boundary, steps=4, samples=3, rng=6)
    fitting = (3, 5, 7) if boundary == "circular" else (3, 5, 7, 9, 11, 13)
    for name, kind in (("ELS", md.EquivariantLocalScore), ("LS", md.LocalScore)):
        alone = calibration.against(Between(), IMAGES, COSINE, fitting, boundary, samples=3, steps=4, rng=6, machine=kind)
        assert tables[name] == alone.table
    assert set(tables) == {"ELS", "LS"}
    noises = [agreement.calibrated_tables(Between(), IMAGES, boundary, steps=4, samples=3, rng=rng) for rng in range(6)]
    assert any(other != tables for other in noises)


def test_windows_fit_wide_images():
    """4 x 8 images with zeros have windows up to 15."""
    images = training_set(0, (6, 4, 8, 1)) / 4
    teacher = md.LocalScore(images, COSINE, window=15, boundary="zeros")
    assert agreement.calibrated_tables(teacher, images, "zeros", steps=2, samples=2)["LS"] == [15, 15]


def test_windows_fit_tiny_images():
    """On a torus of 2 x 2 there is one window, the pixel itself."""
    images = training_set(0, (4, 2, 2, 1))
    tables = agreement.calibrated_tables(md.Wiener(images, COSINE), images, "circular", steps=2, samples=2)
    assert tables == {"ELS": [1, 1], "LS": [1, 1]}


# --- numbers, table, figures -----------------------------------------------------------------------------------------


def comparison(r, determination):
    """A Comparison made by hand: r and R^2 of each machine, one row each."""
    rows = (metrics.Agreement(np.array(one), np.square(one), np.array(two)) for one, two in zip(r, determination, strict=True))
    return agreement.Comparison({}, dict(zip(MACHINES, rows, strict=True)), TABLES)


VALUES = st.lists(st.one_of(st.floats(-1, 1), st.just(np.nan)), min_size=8, max_size=8)


@settings(deadline=None, max_examples=40)
@given(*[st.lists(VALUES, min_size=len(MACHINES), max_size=len(MACHINES))] * 2)
def test_numbers_are_medians_under_their_own_names(r, determination):
    """r, r^2 and R^2 are three things; medians are NumPy's over what is defined, with intervals; what is not is counted."""
    told = agreement.numbers(comparison(r, determination))
    for name, one, two in zip(MACHINES, r, determination, strict=True):
        for key, values in (("r", np.array(one)), ("r^2", np.square(one)), ("R^2", np.array(two))):
            defined = values[~np.isnan(values)]
            np.testing.assert_array_equal(told[name][key]["median"], np.median(defined) if defined.size else np.nan)
            np.testing.assert_equal(told[name][key], metrics.median(values))
            assert told[name][key]["undefined"] == 8 - defined.size
        assert list(told[name]) == ["r", "r^2", "R^2"]
    # A sample where one of the two is undefined is no evidence.
    for name, other in zip(MACHINES, r, strict=True):
        if name != "ELS":
            assert told["ELS above in r"][name] == sum(one > two for one, two in zip(r[0], other, strict=True))
    assert (told["samples"], told["windows"], "ELS" in told["ELS above in r"]) == (8, TABLES, False)


def test_the_table_says_the_same_as_the_numbers():
    """A row for each machine, a column for each of r, r^2 and R^2: median [95 % interval] to three digits; the kind is named."""
    values = np.random.default_rng(0).uniform(0.1, 0.9, (2, len(MACHINES), 8))
    found = comparison(*values)
    head, *rows, foot = agreement.table(found).splitlines()
    assert head.split() == ["r", "r^2", "R^2", "ELS", "above", "in", "r"] and "95 % intervals" in foot
    assert [row.split()[0] for row in rows] == list(MACHINES)
    told = agreement.numbers(found)
    for row, name in zip(rows, MACHINES, strict=True):
        cells = [f"{q['median']:.3f} [{q['low']:.3f}, {q['high']:.3f}]" for q in told[name].values()]
        cells += [] if name == "ELS" else [f"{told['ELS above in r'][name]} of 8"]
        assert row.split()[1:] == " ".join(cells).split()


def test_the_table_s_columns_do_not_touch():
    """Also where R^2 is below -1, as it is for an untrained network."""
    _, *rows = agreement.table(comparison([[-0.5] * 8] * len(MACHINES), [[-12.5] * 8] * len(MACHINES))).splitlines()
    assert all("][" not in row and "]-" not in row for row in rows)


def test_the_figures_show_the_samples_and_their_agreement(found):
    """Side by side: one row of samples each, with ELS's r above. Agreement: every sample's r, sorted, and ELS against IS."""
    (side_name, side, said), (spread_name, spread, _) = agreement.figures(found, shown=3)
    assert (side_name, spread_name) == ("side-by-side.png", "agreement.png")
    assert "r is that of ELS" in said
    (ax,) = side.axes
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "network",
        "ELS, the theory",
        "own place only",
        "ideal denoiser",
        "best linear",
        "best linear,\nin ELS's window",
    ]
    assert [label.get_text() for label in ax.get_xticklabels()] == [f"r = {r:.2f}" for r in found.agreement["ELS"].r[:3]]
    shown = np.concatenate([found.samples[name][:3] for name in ("network", *MACHINES)])
    np.testing.assert_array_equal(ax.images[0].get_array(), plots.sheet(shown, columns=3))
    left, right = spread.axes
    assert [line.get_label() for line in left.lines] == list(MACHINES)
    for line, one in zip(left.lines, found.agreement.values(), strict=True):
        np.testing.assert_array_equal(line.get_xdata(), np.sort(one.r))
        np.testing.assert_allclose(line.get_ydata(), np.arange(1, 6) / 5)
    points = right.collections[0].get_offsets()
    np.testing.assert_array_equal(points, np.stack([found.agreement["IS"].r, found.agreement["ELS"].r], axis=1))


def small(monkeypatch, batch=4, **network):
    """Training in small: images, noises and the arguments of `over_training`."""
    monkeypatch.setattr(nets, "train", functools.partial(nets.train, batch=batch))
    monkeypatch.setattr(nets, "Network", functools.partial(nets.Network, **network))
    return IMAGES[:, :4, :4].astype(np.float32), process.unit_noise((6, 4, 4, 1), 1)


@pytest.mark.slow
def test_agreement_over_training_is_measured_on_the_average(monkeypatch, tmp_path):
    """Seven lengths that double; agreement is that of the network handed in, at that step, with zero-boundary ELS.

    ELS has three kinds of windows. The loss is that of the same noised images at each step.
    """
    images, noise = small(monkeypatch)
    so_far, asked = [], []

    def calibrated(network, images, boundary, steps, samples, rng, kinds):
        asked.append((network(noise[0], 0.5), boundary, steps, samples, rng))
        return {"ELS": [1, 5]}

    monkeypatch.setattr(agreement, "calibrated_tables", calibrated)
    settings = {"length": 64, "rng": 2, "steps": 2, "samples": 3, "finished": lambda rows: so_far.append([*rows])}
    rows = agreement.over_training(images, noise, 3, tmp_path, **settings)
    assert so_far == [rows[: i + 1] for i in range(7)]
    assert [row["step"] for row in rows] == [1, 2, 4, 8, 16, 32, 64]
    network = nets.Network(rng=2)
    for _ in itertools.islice(nets.train(network, images, steps=64, rng=2), 8):
        pass
    # The windows are asked for that network, from other noises, those of seed 2 + 1; the machine has what was found.
    np.testing.assert_array_equal(asked[3][0], network(noise[0], 0.5))
    assert asked[3][1:] == ("zeros", 2, 3, 3)
    windows = [1, 5]
    assert rows[3]["windows"] == windows
    for name, window in (("r", 3), ("r, calibrated", windows), ("r, whole field", 7)):
        theory = sampled(md.EquivariantLocalScore(images, COSINE, window=window, boundary="zeros"), noise, 2)
        expected = metrics.agreement(theory, sampled(network, noise, 2))
        assert rows[3][name] == metrics.median(expected.r)
        assert name != "r" or rows[3]["R^2"] == metrics.median(expected.determination)
    assert rows[3]["loss"] == agreement.training_loss(network, images)
    left, right = agreement.training_figure(rows).axes
    for line, name in zip(left.lines, ("r", "r, calibrated", "r, whole field"), strict=True):
        np.testing.assert_array_equal(line.get_xydata(), [(row["step"], row[name]["median"]) for row in rows])
    np.testing.assert_array_equal(right.lines[0].get_xydata(), [(row["step"], row["loss"]) for row in rows])
    line = agreement.training_table(rows).splitlines()[4].split()
    assert line[:2] == ["8", f"{rows[3]['loss']:.4f}"] and line[4] == f"{np.mean(windows):.1f}"


def test_the_loss_is_the_mean_square_of_what_v_misses():
    """v_hat - v = (x0 - x0_hat) / s: the loss of the package's network, from its x0_hat, in batches of any size."""
    images, network = IMAGES.astype(np.float32), nets.Network(width=3, depth=1)
    generator, squares = np.random.default_rng(5), []
    for low in (0, 5):
        x0 = images[low : low + 5]
        t = (np.arange(len(x0)) + generator.random(len(x0))) / len(x0)
        x = process.add_noise(x0, t, COSINE, eps=process.unit_noise(x0.shape, generator, x0.dtype))
        squares.append(((network(x, t) - x0) / COSINE.noise(t)[:, None, None, None]) ** 2)
    expected = np.concatenate(squares).mean()
    assert agreement.training_loss(network, images, rng=5, batch=5) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("step", [1, 3, 4, 16])
def test_an_interrupted_training_goes_on(monkeypatch, tmp_path, step):
    """Broken off when that step is done and not yet kept: the same networks, bit for bit."""
    images, _ = small(monkeypatch, width=3, depth=1)
    monkeypatch.setattr(nets, "train", functools.partial(nets.train, every=1))
    whole = agreement.snapshots(images, tmp_path, length=16)
    part = tmp_path / "part"
    part.mkdir()
    plain = nets.train

    def broken(*given, **settings):
        for done in plain(*given, **settings):
            if done.step == step:
                interrupt()
            yield done

    with monkeypatch.context() as patch:
        patch.setattr(nets, "train", broken)
        with pytest.raises(KeyboardInterrupt):
            agreement.snapshots(images, part, length=16)
    assert any("checkpoint" in path.name for path in part.iterdir())
    steps = []
    monkeypatch.setattr(nets, "train", lambda *given, **settings: (steps.append(d.step) or d for d in plain(*given, **settings)))
    again = agreement.snapshots(images, part, length=16)
    assert list(again) == list(whole) == [1, 2, 4, 8, 16]
    assert all(same(again[one].params, whole[one].params) for one in whole)
    # Only the rest is done, but where the checkpoint is of a step whose network is missing: then all is done once more.
    assert steps == [*range(step + 1, 17), *(range(1, 17) if step in whole else ())]
    assert not [path for path in part.iterdir() if "checkpoint" in path.name]


# --- weights by name -------------------------------------------------------------------------------------------------


def test_weights_are_loaded_by_name_or_path(tmp_path, monkeypatch):
    """A name is a file among the shipped ones; anything else is a path; what is saved is what is loaded."""
    network = nets.Network(width=3, depth=1, rng=4)
    network.save(tmp_path / "mine-zeros.npz", notes={"data": {"data": "digits"}})
    (tmp_path / "README.md").write_text("no weights")
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    assert nets.names() == ["mine-zeros"]
    for name in ("mine-zeros", tmp_path / "mine-zeros.npz", str(tmp_path / "mine-zeros.npz")):
        again = nets.load(name)
        assert again.settings == network.settings and again.notes == {"data": {"data": "digits"}}
        assert all((again.params[key] == value).all() for key, value in network.params.items())
    with pytest.raises(ValueError, match=r"network: expected one of mine-zeros, or a path to weights, got 'mine'"):
        nets.load("mine")


def test_what_ships_is_small_and_says_how_it_was_made():
    """Every shipped file is under 400 KB, named after its data and what sets it apart, and tells its data, seed and steps."""
    for name in nets.names():
        assert (shipped.FOLDER / f"{name}.npz").stat().st_size < 400_000
        network = nets.load(name)
        data, kind = name.split("-", 1)
        assert data == network.notes["data"]["data"]
        told = {network.padding, f"depth{network.depth}", str(network.attention or "none").lower()}
        assert set(kind.split("-")) <= told
        assert {"seed", "steps"} <= set(network.notes)


def test_what_ships_says_the_size_that_it_was_trained_on():
    """The notes of shipped weights give the images that they were trained on, whatever a set's own default is: 16 x 16, or 12."""
    for name in nets.names():
        data = nets.load(name).notes["data"]
        assert data["size"] == (12 if data["data"] == "colour_patterns" else 16), name
        images, _ = md.datasets.load(data["data"], size=data["size"], count=4, colour=data["colour"], rng=data["data_seed"])
        assert images.shape[1:3] == (data["size"],) * 2


def spoiled(at, kind):
    """A file that is no network, or no file; the path."""
    network, path = nets.Network(width=3, depth=1), at / "w.npz"
    network.save(path)
    if kind == "truncated":
        path.write_bytes(path.read_bytes()[:-50])
    elif kind == "foreign":
        np.savez(path, x=np.zeros(3))
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "another shape":
        network.params["input.weight"] = network.params["input.weight"][..., :2]
        network.save(path)
    elif kind == "checkpoint":
        list(nets.train(network, IMAGES.astype(np.float32), steps=1, batch=2, checkpoint=path))
    return {"folder": at, "missing": at / "none.npz"}.get(kind, path)


SPOILED = {
    "truncated": "w.npz: expected a minidiff network file, got one that cannot be read",
    "foreign": "w.npz: expected a minidiff network file, got one that cannot be read",
    "empty": "w.npz: expected a minidiff network file, got one that cannot be read",
    "another shape": "w.npz: input.weight: expected (3, 3, 1, 3) float32, got (3, 3, 1, 2)",
    "checkpoint": "w.npz: expected a minidiff network file, got a checkpoint file",
    "folder": "expected a minidiff network file, got one that cannot be read",
    "missing": "network: expected one of",
}


@pytest.mark.parametrize("kind", SPOILED)
def test_a_file_that_is_no_network_is_refused(tmp_path, run, kind):
    """Truncated, foreign, empty, of another shape, a checkpoint, a folder, nothing: one line that names it; exit code 2."""
    (tmp_path / "in").mkdir()
    path = spoiled(tmp_path / "in", kind)
    with pytest.raises(ValueError) as caught:
        nets.load(path)
    assert SPOILED[kind] in str(caught.value) and "\n" not in str(caught.value)
    refused(run, ("compare", "--network", path, "--out", tmp_path / "out"), [SPOILED[kind]], tmp_path / "out")


# --- minidiff compare ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A network after 30 steps on 12 chosen digits, as `train` leaves it: with notes of its data."""
    path = tmp_path_factory.mktemp("weights") / "weights.npz"
    network = nets.Network(width=4, depth=1, padding="circular", rng=0)
    images, _ = md.datasets.load("digits", size=6, count=12, rng=3)
    *_, _ = nets.train(network, images, steps=30, batch=8, rate=0.01)
    data = {"data": "digits", "size": 6, "count": 12, "colour": False, "data_seed": 3, "quick": False}
    network.save(path, notes={"data": data, "seed": 0, "steps": 30})
    return path


@pytest.mark.compiled
def test_compare_is_the_library(tmp_path, run, weights):
    """On the data that the weights' notes name; the noises are the seed's, those of the calibration the next seed's."""
    out = tmp_path / "out"
    options = ("--network", weights, "-n", 6, "--steps", 4, "--seed", 2, "--annotate", tmp_path / "noted.npz", "--out", out)
    code, printed, said = run("compare", *options)
    assert (code, said) == (0, [])
    assert sorted(os.listdir(out)) == ["agreement.png", "numbers.json", "side-by-side.png"]
    network, (images, _) = nets.load(weights), md.datasets.load("digits", size=6, count=12, rng=3)
    tables = agreement.calibrated_tables(network, images, "circular", steps=4, rng=3)
    found = agreement.compare(network, images, process.unit_noise((6, 6, 6, 1), 2), tables, "circular", steps=4)
    written, told = strictly(out / "numbers.json"), agreement.numbers(found)
    assert written["training images"] == 12 and written["windows"] == tables
    for name in found.agreement:
        assert list(written[name]) == ["r", "r^2", "R^2"]
        for key, medians in told[name].items():
            assert written[name][key] == pytest.approx(medians, rel=1e-5)
    assert (written["samples"], written["ELS above in r"]) == (6, told["ELS above in r"])
    assert printed[:-1] == agreement.table(found).splitlines()
    assert str(out / "side-by-side.png") in printed[-1]
    for name in ("agreement.png", "side-by-side.png"):
        with Image.open(out / name) as picture:
            picture.load()
    noted = nets.load(tmp_path / "noted.npz")
    assert same(noted.params, network.params)
    assert network.notes.items() <= noted.notes.items()
    assert (noted.notes["windows"], noted.notes["noises"]) == (tables, 6)
    medians = {name: {key: one["median"] for key, one in told[name].items()} for name in found.agreement}
    assert noted.notes["agreement"] == medians


def test_a_window_given_is_not_calibrated(tmp_path, run, weights, monkeypatch):
    """--window serves ELS and LS alike; --data overrides what the notes say; --quick takes at most ten noises."""
    monkeypatch.setattr(calibration, "against", lambda *_, **__: pytest.fail("calibrated"))
    options = ("--window", "3,5", "--data", "two_tone", "--size", 6, "--quick", "-n", 30, "--steps", 2)
    code, _, said = run("compare", "--network", weights, *options, "--out", tmp_path)
    assert (code, said) == (0, [])
    written = strictly(tmp_path / "numbers.json")
    assert written["windows"] == {"ELS": [3, 5], "LS": [3, 5]}
    assert (written["training images"], written["samples"]) == (2, 10)
    # Images of one grey have no variance to correlate: counted, not dropped, and null in the file.
    assert written["IS"]["r"] == {"median": None, "low": None, "high": None, "undefined": 10}


def test_agreement_over_training_from_the_command_line(tmp_path, run, monkeypatch):
    """--experiment training writes its rows and its figure."""
    low, high = metrics.median(np.linspace(0.25, 0.5, 9)), metrics.median(np.linspace(0.5, 0.75, 9))
    row = {"step": 4, "loss": 0.5, "r": low, "r, calibrated": high, "r, whole field": low, "R^2": low, "windows": [3, 7]}
    asked = {}

    def over_training(images, *_, finished, **options):
        asked.update(options, n=len(images))
        finished([row])
        return [row]

    monkeypatch.setattr(agreement, "over_training", over_training)
    options = ("--experiment", "training", "--count", 5, "--size", 4, "--seed", 3, "--steps", 2, "-n", 2, "--out", tmp_path)
    code, printed, said = run("compare", *options)
    assert (code, said) == (0, [])
    assert sorted(os.listdir(tmp_path)) == ["networks", "numbers.json", "over-training.png"]
    assert strictly(tmp_path / "numbers.json")["rows"] == [row]
    assert (asked["n"], asked["rng"], asked["steps"]) == (5, 3, 2)
    assert printed[1].split() == ["4", "0.5000", "0.375", "0.625", "5.0", "0.375", "0.375"]


def test_halves_share_no_image_and_are_remembered(tmp_path, run, monkeypatch):
    """--half 1 and 2 learn every second image, `compare` reads the same ones, and the other half's network stands beside."""
    images = md.datasets.load("digits", size=6, count=9, rng=3)[0]
    command = (
        "train",
        "--data",
        "digits",
        "--size",
        6,
        "--count",
        9,
        "--data-seed",
        3,
        "--quick",
        "--batch",
        2,
        "--rate",
        0.1,
        "--steps",
        9,
    )
    seen, plain = [], nets.train

    def train(network, given, **settings):
        seen.append(given)
        return plain(network, given, **settings)

    monkeypatch.setattr(nets, "train", train)
    for half in (1, 2):
        assert run(*command, "--half", half, "--out", tmp_path / f"{half}")[0] == 0
    np.testing.assert_array_equal(np.stack([seen[0][:4], seen[1]], axis=1).reshape(8, 6, 6, 1), images[:8])
    assert len(seen[0]) == 5
    weights = [str(tmp_path / f"{half}" / "weights.npz") for half in (1, 2)]
    compare = ("compare", "--window", 3, "-n", 2, "--steps", 2)
    beside = ("--network", weights[1], "--beside", weights[0], weights[1])
    code, _, said = run(*compare, *beside, "--annotate", tmp_path / "noted.npz", "--out", tmp_path / "out")
    assert (code, said) == (0, [])
    told = strictly(tmp_path / "out" / "numbers.json")
    assert told["training images"] == 4
    assert told[weights[0]]["R^2"]["median"] < 1 - 1e-3 and told[weights[1]]["R^2"]["median"] == 1
    assert not set(weights) & set(nets.load(tmp_path / "noted.npz").notes["agreement"])
    alone = (*compare[:1], *compare[3:], "--experiment", "ceiling", *beside, "--out", tmp_path / "ceiling")
    code, printed, said = run(*alone)
    assert (code, said, len(printed)) == (0, [], 2)
    assert strictly(tmp_path / "ceiling" / "numbers.json")["r"] == {name: told[name]["r"] for name in weights}
    refused(run, (*compare, "--beside", "photo-zeros", "--out", tmp_path / "no"), ["--beside", "channels"], tmp_path / "no")


BAD_COMPARISONS = [
    (("--network", "nobody"), ["network: expected one of", "'nobody'"]),
    (("--window", "4"), ["window", "got 4"]),
    (("--window", "9"), ["window", "from 1 to 6", "circular", "got 9"]),
    (("--steps", "0"), ["steps", "got 0"]),
    (("--data", "digitz"), ["data", "digitz"]),
    (("--data", "photo", "--size", "6", "--count", "3"), ["1 channels", "(10, 6, 6, 3)"]),
    (("--experiment", "size"), ["--experiment", "training"]),
    (("--experiment", "ceiling"), ["--beside", "got none"]),
    pytest.param(("-n", "0"), ["-n", "got 0"]),
    pytest.param(("--annotate", "no/such/folder/w.npz"), ["no/such/folder"]),
]


@pytest.mark.parametrize(("options", "words"), BAD_COMPARISONS)
def test_bad_comparisons_are_one_line_and_no_file(tmp_path, run, weights, monkeypatch, options, words):
    """An unknown network, windows that do not fit, data of another kind: named before a sample is made, exit code 2."""
    monkeypatch.setattr(calibration, "cosine_similarity", lambda *_: pytest.fail("work was begun"))
    refused(run, ("compare", "--network", weights, *options, "--out", tmp_path / "out"), words, tmp_path / "out")


def test_weights_that_do_not_tell_their_data_need_it(tmp_path, run):
    """A network saved from Python without notes: --data says what it was trained on."""
    nets.Network(width=4, depth=1).save(tmp_path / "mine.npz")
    options = ("compare", "--network", tmp_path / "mine.npz", "-n", 2, "--steps", 2, "--out", tmp_path / "out")
    refused(run, options, ["--data: expected the data that the network was trained on"], tmp_path / "out")
    assert run(*options, "--data", "digits", "--size", 6, "--count", 5)[0] == 0
    assert strictly(tmp_path / "out" / "numbers.json")["training images"] == 5


@pytest.mark.compiled
@pytest.mark.parametrize("after", [pytest.param(after, marks=() if after == 4 else pytest.mark.slow) for after in range(1, 8)])
def test_an_interrupted_comparison_goes_on(tmp_path, run, weights, monkeypatch, after):
    """Ctrl-C after so many of its parts: 130, one line, only the parts; the same command makes the rest, to the same numbers.

    Two parts are the windows of ELS and LS, seven are samples. With another seed they are all made anew.
    """
    plain, calls = process.ddim, []

    def ddim(*given, **options):
        if len(calls) == after:
            interrupt()
        calls.append(given)
        return plain(*given, **options)

    command = ("compare", "--network", weights, "-n", 2, "--steps", 2)
    assert run(*command, "--out", tmp_path / "whole")[0] == 0
    with monkeypatch.context() as patch:
        patch.setattr(process, "ddim", ddim)
        code, printed, said = run(*command, "--out", tmp_path / "part")
        assert (code, printed, len(said)) == (130, [], 1)
        assert os.listdir(tmp_path / "part") == ["parts.npz"]
        calls.clear()
        patch.setattr(process, "ddim", lambda *given, **options: calls.append(given) or plain(*given, **options))
        assert run(*command, "--seed", 1, "--out", shutil.copytree(tmp_path / "part", tmp_path / "other"))[0] == 0
        assert len(calls) == 9
        assert run(*command, "--out", tmp_path / "part")[0] == 0
        assert len(calls) == 9 + 9 - after
    assert sorted(os.listdir(tmp_path / "part")) == ["agreement.png", "numbers.json", "side-by-side.png"]
    assert strictly(tmp_path / "part" / "numbers.json") == strictly(tmp_path / "whole" / "numbers.json")
