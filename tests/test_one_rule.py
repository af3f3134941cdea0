"""Further rows of the one rule, and what is combined of machines: each is its formula, and keeps the laws that it claims."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import soft
from strategies import SEEDS, TIMES, answered_by, float32_tolerance, noised, windowed_sets

import minidiff as md
from minidiff.testing import check_denoiser, practice_images

COSINE = md.schedules.cosine()
IMAGES = practice_images(count=4, height=4, width=5)
few = settings(deadline=None, max_examples=12)


def levels(t):
    return float(COSINE.signal(t)), float(COSINE.noise(t))


def is_its_rule(make, images, claims, **options):
    """check_denoiser with the rule that the machine itself names."""
    rule = {"rule": lambda some, t: make(images).rule(some, *make(images).settings(t))}
    return check_denoiser(make(images), images, COSINE, claims, make=make, samples=100, **rule, **options)


# --- soft windows ----------------------------------------------------------------------------------------------------


@few
@given(windowed_sets(), TIMES, SEEDS, st.sampled_from([0.5, 2.0]), st.booleans())
def test_a_soft_window_is_its_formula(case, t, seed, sigma, fast):
    """Softmax over (n, u) of -sum_o exp(-|o|^2 / (2 sigma^2)) (x_o - a y_o)^2 / (2 s^2), by loops; the winner is the nearest."""
    images, k, boundary = case
    x = noised(images, t, COSINE, seed, queries=1)[0]
    machine = md.SoftWindowScore(images, COSINE, window=k, boundary=boundary, sigma=sigma)
    expected, nearest, winner = soft(x, images, *levels(t), k, boundary, sigma)
    with answered_by(fast):
        np.testing.assert_allclose(machine(x, t), expected, rtol=0, atol=1e-10)
        single = machine(x.astype(np.float32), t)
        source = machine.provenance(x, t)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, expected, rtol=0, atol=float32_tolerance(nearest, levels(t)[1]))
    np.testing.assert_array_equal(np.stack(source[:3], axis=-1), winner)


def test_a_soft_window_s_sigma_follows_the_time():
    """A list of sigmas is read as a list of windows is; as sigma grows the machine becomes ELS."""
    x = noised(IMAGES, 0.4, COSINE, 1)
    both = md.SoftWindowScore(IMAGES, COSINE, window=3, sigma=[0.5, 1e6])
    np.testing.assert_array_equal(both(x, 0.4), md.SoftWindowScore(IMAGES, COSINE, window=3, sigma=0.5)(x, 0.4))
    np.testing.assert_allclose(both(x, 0.9), md.EquivariantLocalScore(IMAGES, COSINE, window=3)(x, 0.9), rtol=0, atol=1e-9)
    with pytest.raises(ValueError, match=r"sigma: .* got 0"):
        md.SoftWindowScore(IMAGES, COSINE, window=3, sigma=0)


@pytest.mark.compiled
@pytest.mark.parametrize("boundary", ["circular", "zeros"])
def test_a_soft_window_keeps_the_laws_of_its_rule(boundary):
    """It is the softmax of its rule, a pixel sees its window only, and batches, shards and copies change nothing."""
    images = practice_images(count=6, height=6, width=5)
    claims = ("rule", "local", *(("equivariant",) if boundary == "circular" else ()))
    report = is_its_rule(
        lambda some: md.SoftWindowScore(some, COSINE, window=3, boundary=boundary), images, claims, window=3, boundary=boundary
    ).require()
    assert {"formula", "window", "no signal", "local consistency"} <= {one.law for one in report.results if one.held}
