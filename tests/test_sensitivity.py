"""Which pixels of x count in one pixel of the answer: rows of the Jacobian, and a network beside machines."""

import os

import numpy as np
import pytest
from command_line import refused, strictly
from strategies import training_set
from test_field import COSINE, IMAGES, NOISE, weights  # noqa: F401

import minidiff as md
from minidiff import nets
from minidiff.studies import sensitivity

COLOUR = training_set(1, (4, 4, 5, 3))


def central(denoiser, x, t, view, h=1e-5):
    """d x0_hat[view] / d x by central differences, whose error is h^2 / 6 times a third derivative."""
    steps = h * np.eye(x.size).reshape(-1, *x.shape)
    up, down = (denoiser(x + step, t).reshape(x.size, -1, x.shape[2])[:, view].mean(axis=1) for step in (steps, -steps))
    return ((up - down) / (2 * h)).reshape(x.shape)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (md.LocalScore, {"window": 3, "boundary": "zeros"}),
        (md.EquivariantLocalScore, {"window": 3, "boundary": "circular"}),
        (md.EquivariantLocalScore, {"window": 5, "boundary": "zeros"}),
        (md.SoftWindowScore, {"window": 3, "boundary": "circular", "sigma": 1.0}),
        (md.SoftWindowScore, {"window": 5, "boundary": "zeros", "sigma": 1.5}),
    ],
)
def test_a_row_of_a_machine_is_its_derivative(kind, options):
    """J[p, q] = (a / s^2) times a posterior covariance, and the weight of q in p's window where it fades: central differences.

    A third derivative is (a / s^2)^3 times a cumulant of numbers in [-1, 1]. The factor is 10^3 at t = 0.2, so the error is about
    2e-8 there.
    """
    machine = kind(COLOUR, COSINE, **options)
    x = np.random.default_rng(2).standard_normal((3, 4, 5, 3))
    for t in (0.2, 0.6):
        found = sensitivity.jacobian_rows(machine, x, t, [0, 7, 19])
        expected = [central(machine, one, t, view) for one, view in zip(x, [0, 7, 19], strict=True)]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-7)


@pytest.mark.compiled
@pytest.mark.parametrize("prediction", nets.PREDICTIONS)
def test_a_row_of_a_network_is_its_derivative(prediction):
    """A backward pass, put together with x as the prediction asks; ReLU has corners, which SiLU has not."""
    network = nets.Network(channels=3, width=4, depth=2, prediction=prediction, activation="silu", rng=1, dtype=np.float64)
    rng = np.random.default_rng(2)
    network.params = {name: 0.3 * rng.standard_normal(one.shape) for name, one in network.params.items()}  # some begin as zeros
    x = rng.standard_normal((2, 4, 5, 3))
    found = sensitivity.jacobian_rows(network, x, 0.4, [0, 13])
    expected = [central(network, one, 0.4, view) for one, view in zip(x, [0, 13], strict=True)]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-7)


def test_a_machine_that_sees_the_whole_image_is_refused():
    """IS has one view, which answers the whole image: no row of one pixel can be read off it."""
    with pytest.raises(ValueError, match="denoiser: expected a machine with a view for each pixel"):
        sensitivity.jacobian_rows(md.IdealScore(IMAGES, COSINE), NOISE, 0.5, [0] * len(NOISE))


def test_a_machine_in_the_network_s_place_has_its_own_rows():
    """A soft window taken for the network: cosine 1 with soft windows, less with ELS; shares of the energy sum to 1."""
    teacher = md.SoftWindowScore(IMAGES, COSINE, window=[3, 5], sigma=[0.75, 1.0])
    found = sensitivity.compare(teacher, IMAGES, NOISE, "circular", steps=4)
    assert [round(one["t"], 6) for one in found] == [0.25, 0.5, 0.5, 0.75]
    for one in found:
        assert one["cosine"]["soft windows"]["low"] == pytest.approx(1) and one["more"]["median"] > 0
        assert all(sum(shares) == pytest.approx(1) for shares in one["energy"].values())
        assert one["energy"]["soft windows"] == one["energy"]["network"]


def test_sensitivity_from_the_command_line(tmp_path, run, weights):  # noqa: F811
    """Its files and its table; an odd number of steps is refused, and 2."""
    command = ("compare", "--experiment", "sensitivity", "--network", weights, "-n", 6)
    code, printed, said = run(*command, "--steps", 4, "--out", tmp_path / "out")
    assert (code, said) == (0, []) and sorted(os.listdir(tmp_path / "out")) == ["numbers.json", "sensitivity.png"]
    told = strictly(tmp_path / "out" / "numbers.json")["levels"][-1]
    assert f"| {told['t']:.1f} | {told['cosine']['ELS']['median']:.3f} [" in printed[5]
    for steps in (3, 2):
        refused(run, (*command, "--steps", steps, "--out", tmp_path / "odd"), ["--steps", "even", "4"], tmp_path / "odd")
