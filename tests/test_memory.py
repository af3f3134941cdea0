"""Where memory ends: entropies and collapse times against closed forms, theory.py and each other; what the command keeps."""

import numpy as np
import pytest
from command_line import interrupt, refused, strictly
from strategies import training_set

import minidiff as md
from minidiff import process, theory
from minidiff.studies import memory, memory_networks

IMAGES = training_set(0, (8, 7, 7, 1))
EPS = process.unit_noise((2, 7, 7, 1), 3)
MACHINES = {
    "IS": (md.IdealScore(IMAGES, memory.SCHEDULE), theory.ideal(IMAGES)),
    "LS": (md.LocalScore(IMAGES, memory.SCHEDULE, window=3), theory.local(IMAGES, 3, "circular")),
    "ELS": (
        md.EquivariantLocalScore(IMAGES, memory.SCHEDULE, window=3, boundary="zeros"),
        theory.equivariant_local(IMAGES, 3, "zeros"),
    ),
}
every_machine = pytest.mark.parametrize(("machine", "rule"), MACHINES.values(), ids=MACHINES)


def naive(rule, x, t):
    """[(candidates, their weights)] of each view of one image, by theory.py."""
    a, s = memory.SCHEDULE.signal(t), memory.SCHEDULE.noise(t)
    found = [theory.explain(rule, seen, view, float(a)) for view, seen in enumerate(rule.see(x.astype(np.float64)))]
    weights = [theory.weigh(distance, float(s)) for _, distance in found]
    return [(who, w / w.sum()) for (who, _), w in zip(found, weights, strict=True)]


@pytest.mark.parametrize("x", [0.0, 0.01, -0.3, 2.0])
def test_the_entropy_of_two_candidates_is_that_of_a_coin(x):
    """Of images -1 and 1 the second has weight p = 1 / (1 + exp(-2 a x / s^2)), and H = -p log p - (1 - p) log(1 - p)."""
    machine = md.IdealScore(np.array([-1.0, 1.0]).reshape(2, 1, 1, 1), memory.SCHEDULE)
    a, s = memory.SCHEDULE.signal(0.5), memory.SCHEDULE.noise(0.5)
    p = 1 / (1 + np.exp(-2 * a * x / s**2))
    # The variance and the third cumulant of two exponents that differ by g are below g^2 / 4 and g^3 / 8: see entropy's error.
    gap = 2 * a * abs(x) / s**2
    found = memory.entropy(machine, np.full((1, 1, 1, 1), x), 0.5)
    assert found == pytest.approx(-p * np.log(p) - (1 - p) * np.log(1 - p), abs=1e-8 * (gap**2 + gap**3) + 1e-11)


@every_machine
def test_the_entropy_is_that_of_the_weights(machine, rule):
    """H = -sum w log w with the weights that theory.py gives, view by view."""
    for t in (0.05, 0.5, 0.95):
        x = process.add_noise(IMAGES[:2], t, memory.SCHEDULE, eps=EPS)
        expected = [[-(w * np.log(w, where=w > 0, out=np.zeros_like(w))).sum() for _, w in naive(rule, one, t)] for one in x]
        np.testing.assert_allclose(memory.entropy(machine, x, t), expected, rtol=0, atol=1e-5)


@every_machine
@pytest.mark.parametrize("t", [0.0, 0.4])
def test_copies_of_the_training_set_add_the_log_of_their_number(machine, rule, t):
    """If every image is there three times, three times as many candidates count, without noise too."""
    x = process.add_noise(IMAGES[:2], t, memory.SCHEDULE, eps=EPS)
    options = {} if isinstance(machine, md.IdealScore) else {"window": 3, "boundary": machine.boundary}
    thrice = type(machine)(np.repeat(IMAGES, 3, axis=0), memory.SCHEDULE, **options)
    expected = memory.entropy(machine, x, t) + np.log(3)
    np.testing.assert_allclose(memory.entropy(thrice, x, t), expected, rtol=0, atol=1e-9)


@every_machine
def test_a_training_image_s_own_term_is_its_weight(machine, rule):
    """exp(log_own) is the weight of candidate (n, p) at pixel p of noised training image n, as theory.py has it."""
    expected = []
    for n in range(2):
        views = naive(rule, process.add_noise(IMAGES[n], 0.5, memory.SCHEDULE, eps=EPS[n]), 0.5)
        expected.append([w[who == n * len(views) + view].sum() for view, (who, w) in enumerate(views)])
    np.testing.assert_allclose(np.exp(memory.log_own(machine, IMAGES[:2], EPS, 0.5)), expected, rtol=1e-5, atol=1e-9)


def test_attention_has_no_such_entropy():
    """What is heated must be one softmax of distances; pooled evidence is not."""
    with pytest.raises(TypeError, match="AttentionScore"):
        memory.entropy(md.AttentionScore(IMAGES, memory.SCHEDULE, window=3), IMAGES[:1], 0.5)


def test_gaussian_data_collapse_where_the_closed_form_says():
    """For N unit normal images of D numbers, I(t) = D / 2 log(1 + a^2 / s^2), and the collapse is where this is log N.

    Both within four standard errors. The density's standard deviation is sqrt(D a^2 / (a^2 + s^2)), 3.4 nats at the collapse, so
    that the median of 200 has an error of 0.3; I falls by 38 nats in one unit of t there.
    """
    rng, depth, count, queries = np.random.default_rng(0), 36, 1000, 200
    images, fresh = (rng.standard_normal((n, 6, 6, 1)) for n in (count, queries))
    eps, machine, t = rng.standard_normal((queries, 6, 6, 1)), md.IdealScore(images, memory.SCHEDULE), 0.85
    a, s = float(memory.SCHEDULE.signal(t)), float(memory.SCHEDULE.noise(t))
    spread = np.sqrt(depth * a**2 / (a**2 + s**2))
    information = memory.log_own(machine, fresh, eps, t).mean() + np.log(count)
    assert information == pytest.approx(depth / 2 * np.log1p((a / s) ** 2), abs=4 * spread / np.sqrt(queries))
    assert memory.gaussian_information(images, t) == pytest.approx(depth / 2 * np.log1p((a / s) ** 2), rel=0.02)
    times = np.linspace(0.5, 0.8, 7)
    closed = [depth / 2 * np.log1p((memory.SCHEDULE.signal(t) / memory.SCHEDULE.noise(t)) ** 2) for t in times]
    own = [float((memory.log_own(machine, images[:queries], eps, t) > np.log(0.5)).mean()) for t in times]
    found = {"counts": [count], "candidates": [count], "times": times, "entropy": [own], "own": [own], "information": closed}
    (row,) = memory.collapse(found)
    assert row["half"] == pytest.approx(row["predicted"], abs=4 * 0.3 / 38)


def test_the_halves_are_disjoint_and_begin_with_the_same_characters():
    """The second half begins after the largest N, at a whole number of rounds through the characters."""
    assert memory.HALF % len(md.datasets.made.CHARACTERS) == 0 and memory.FULL.networks[-1] <= memory.HALF
    np.testing.assert_array_equal(memory.glyphs(5, 3), md.datasets.glyphs(8, 8)[0][5:])


def test_told_counts_copies_and_agreement(monkeypatch):
    """Samples that are training images are copies, those of the other half are none; equal samples agree."""
    monkeypatch.setattr(memory_networks, "HALF", 36)
    own, other = (memory_networks.images_of(30, half) for half in (0, 1))
    told = memory_networks.told(30, [np.array([own[:4], other[:4]]), np.array([other[:4], other[:4]])])
    assert [one["count"] for one in told["copies"]] == [8, 4] and told["r"][1] == 1.0 > told["r"][0]
    assert told["distance"][0] == 0.0 < told["control"][0]


def test_a_part_is_kept_and_not_computed_again(tmp_path, run, monkeypatch):
    """--part computes one part into a file of its own; a second call reads it; a part that is none is refused."""
    command = ["compare", "--experiment", "memory", "--quick", "--out", tmp_path / "out"]
    assert run(*command, "--part", "LS-3")[0] == 0
    assert [path.name for path in (tmp_path / "out").rglob("*.*")] == ["LS-3.npz"]
    monkeypatch.setattr(memory, "log_own", interrupt)
    assert run(*command, "--part", "LS-3")[0] == 0
    assert run(*command, "--part", "LS-1")[0] == 130
    refused(run, [*command[:-1], tmp_path / "other", "--part", "LS-2"], ["--part", "LS-3"], tmp_path / "other")


@pytest.mark.slow
@pytest.mark.compiled
def test_the_memory_experiment_from_the_command_line(tmp_path, capsys):
    """--quick writes every figure and numbers.json, and the table says what the numbers say."""
    assert md.command.parser.main(["compare", "--experiment", "memory", "--quick", "--out", str(tmp_path)]) == 0
    told = strictly(tmp_path / "numbers.json")
    assert set(told["exact"]) == {"IS", "LS-1", "LS-3", "ELS-1", "ELS-3"}
    figures = {path.name for path in tmp_path.glob("*.png")}
    assert figures == {f"{name}.png" for name in ("counting", "collapsing", "phases", "copying", "halving")}
    assert f"{told['networks'][1]['r'][-1]:.2f}" in capsys.readouterr().out.splitlines()[-1]
