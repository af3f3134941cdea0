"""Every machine beside a trained network: what is measured where the answer is known, the command, and its tables."""

import os

import pytest
from command_line import interrupt, refused, strictly
from strategies import training_set

import minidiff as md
from minidiff import nets, process
from minidiff.measures import metrics
from minidiff.studies import field

COSINE = md.schedules.cosine()
IMAGES = training_set(0, (6, 5, 5, 1))
NOISE = process.unit_noise((6, 5, 5, 1), 3, IMAGES.dtype)
QUICK = ("IS", "ES", "Wiener", "LS", "covariance", "ELS", "soft windows")


def test_a_machine_in_the_network_s_place_is_found_out():
    """A soft window taken for the network: its sigma is found at each step, R^2 is 1 for its row, and less for all others."""
    teacher = md.SoftWindowScore(IMAGES, COSINE, window=[3, 5], sigma=[0.75, 1.0])
    told = field.compare(teacher, IMAGES, NOISE, "circular", steps=4, asked=QUICK)["rows"]
    assert tuple(told) == QUICK
    assert told["soft windows"]["settings"] == ["sigma = 0.75", "sigma = 1.0"]
    assert {told["soft windows"][key]["low"] for key in ("R^2", *(f"x0_hat, t = {level}" for level in field.LEVELS))} == {1.0}
    assert all(row["R^2"]["median"] < 1 for name, row in told.items() if name != "soft windows")
    found = metrics.agreement(*(sampled(one) for one in (md.IdealScore(IMAGES, COSINE), teacher)))
    assert told["IS"]["each r"] == found.r.tolist() and told["IS"]["R^2"] == metrics.median(found.determination)
    # What recites is not new; nearness is counted after translations, as for the network on a torus.
    assert told["IS"]["novelty"]["high"] < 0.2 and told["ES"]["novelty"]["high"] < 0.2


def sampled(denoiser):
    *_, step = process.ddim(denoiser, COSINE, noise=NOISE, steps=4)
    return step.x


def test_every_machine_of_the_package_has_a_row():
    """No machine of the registry is missing, but for guidance, which needs a class."""
    made = field.rows(IMAGES, COSINE, "zeros")
    kinds = {type(make()) for settings in made.values() for make in settings.values()}
    named = {kind for kind in md.machines.NAMES.values() if kind.__module__.startswith("minidiff.machines")}
    assert kinds == named - {md.GuidedScore}


@pytest.fixture
def weights(tmp_path):
    """A network that was hardly trained, with notes of its data."""
    network = nets.Network(width=4, depth=1, padding="zeros", rng=0)
    data = {"data": "digits", "size": 6, "count": 12, "colour": False, "data_seed": 3, "quick": False}
    (tmp_path / "mine").mkdir()
    network.save(tmp_path / "mine" / "weights.npz", notes={"data": data, "seed": 5})
    return tmp_path / "mine" / "weights.npz"


def test_the_field_from_the_command_line(tmp_path, run, weights, monkeypatch):
    """Some rows, then others in the same folder: what was made is not made again; --collect joins folders of one network."""
    command = ("compare", "--experiment", "field", "--network", weights, "-n", 6, "--steps", 2)
    code, printed, said = run(*command, "--rows", "IS; LS", "--out", tmp_path / "runs" / "one")
    assert (code, said) == (0, [])
    told = strictly(tmp_path / "runs" / "one" / "numbers.json")
    assert list(told["rows"]) == ["IS", "LS"] and told["trained"]["seed"] == 5
    assert [line.split(" | ")[0] for line in printed[2:]] == ["| IS", "| LS", "| the network"]
    assert run(*command, "--rows", "Wiener; ELS", "--out", tmp_path / "runs" / "two")[0] == 0
    monkeypatch.setattr(field, "calibrated", interrupt)
    assert run(*command, "--rows", "LS", "--out", tmp_path / "runs" / "one")[0] == 0
    assert strictly(tmp_path / "runs" / "one" / "numbers.json")["rows"]["LS"] == told["rows"]["LS"]
    assert run(*command, "--rows", "ELS", "--out", tmp_path / "runs" / "one")[0] == 130
    collect = ("compare", "--experiment", "field", "--collect", tmp_path / "runs", "--out", tmp_path / "all")
    code, printed, _ = run(*collect)
    assert code == 0 and printed[0] == "| r | mine |" and os.listdir(tmp_path / "all") == ["field.md"]
    rows = [line.split(" | ") for line in printed[printed.index("| r less that of ELS | mine |") :]]
    gains = {row[0]: row[1] for row in rows[2:5]}
    assert gains["| ELS"] == "0.000 [0.000, 0.000] |" and set(gains) == {"| LS", "| Wiener", "| ELS"}


@pytest.mark.parametrize(
    ("options", "words"),
    [(("--rows", "LS; XS"), ["--rows", "XS"]), (("--steps", 3), ["--steps", "even"]), (("--collect", "nowhere"), ["--collect"])],
)
def test_bad_questions_about_the_field_are_one_line(tmp_path, run, weights, options, words):
    """A row that there is not, an odd number of steps, nothing to collect: named before any work."""
    refused(
        run,
        ("compare", "--experiment", "field", "--network", weights, *options, "--out", tmp_path / "out"),
        words,
        tmp_path / "out",
    )
