"""theory.py, the definition that everything else is tested against, against the naive loops of oracles.py."""

import ast
from pathlib import Path

import numpy as np
import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import SEEDS, small_shapes, training_set, windowed_sets

import minidiff as md
from minidiff import theory

law = settings(deadline=None, max_examples=40)
NOISE = st.sampled_from([0.0, 1e-3, 0.1, 0.6, 0.999])
EXACT = 1e-12


def seen_at(images, s, seed):
    """A noised image, and its signal level."""
    a = np.sqrt(1 - s * s)
    return theory.add_noise(images[0], np.random.default_rng(seed).standard_normal(images[0].shape), a, s), a


@law
@given(windowed_sets(), NOISE, SEEDS, st.booleans())
def test_local_rules_are_their_loops(case, s, seed, anywhere):
    """LS and ELS, both boundaries, at any noise: what windows, places and the softmax are, loops over pixels say too (KG)."""
    images, k, boundary = case
    x, a = seen_at(images, s, seed)
    rule = (theory.equivariant_local if anywhere else theory.local)(images, k, boundary)
    expected = oracles.local(x, images, a, s, k, boundary, anywhere)[0]
    np.testing.assert_allclose(theory.denoise(rule, x, a, s), expected, rtol=0, atol=EXACT)


@law
@given(small_shapes(), NOISE, SEEDS)
def test_whole_image_rules_are_their_loops(shape, s, seed):
    """IS over the training set, ES over its translations (KG)."""
    images = training_set(seed, shape)
    x, a = seen_at(images, s, seed)
    for rule, dictionary in ((theory.ideal(images), images), (theory.equivariant(images), oracles.orbit(images))):
        np.testing.assert_allclose(theory.denoise(rule, x, a, s), oracles.ideal(x, dictionary, a, s)[0], rtol=0, atol=EXACT)


@settings(deadline=None, max_examples=15)
@given(windowed_sets(), st.sampled_from([0.2, 0.6, 0.999]), SEEDS, st.floats(0, 2), st.booleans())
def test_attention_is_its_loops(case, s, seed, g, anywhere):
    """Evidence for each image, pooled by attention, moves every pixel's softmax: l[p, n, u] + g sum_q A[p, q] L[q, n]."""
    images, k, boundary = case
    x, a = seen_at(images, s, seed)
    table = np.random.default_rng(seed).random((x[..., 0].size,) * 2)
    table /= table.sum(axis=1, keepdims=True)
    rule = (theory.equivariant_local if anywhere else theory.local)(images, k, boundary)
    expected = oracles.attention(x, images, a, s, k, boundary, anywhere, table, g)
    # An exponent is a sum of (1 + g) distances of k^2 C numbers; each is rounded once.
    tolerance = EXACT * (1 + g) * k * k * x.shape[2] / (s * s)
    np.testing.assert_allclose(theory.denoise(rule, x, a, s, table, g), expected, rtol=0, atol=tolerance)


def test_the_walk_back_is_ddim():
    """theory.walk_back is the sampler with eta = 0 and the cosine schedule."""
    images = training_set(0, (3, 4, 5, 1))
    rule, noise = theory.ideal(images), np.random.default_rng(0).standard_normal((4, 5, 1))
    ended = theory.walk_back(lambda x, a, s: theory.denoise(rule, x, a, s), noise, steps=7)
    machine = md.IdealScore(images, md.schedules.cosine())
    *_, last = md.process.ddim(machine, machine.schedule, noise=noise, steps=7)
    np.testing.assert_allclose(ended, last.x, rtol=0, atol=1e-12)


@pytest.mark.parametrize("t", [0.0, 0.3, 1.0])
def test_its_schedule_is_the_cosine_schedule(t):
    """a^2 + s^2 = 1 and alpha_bar = cos^2((t / 1.008) pi / 2)."""
    a, s = theory.cosine(t)
    np.testing.assert_allclose([a * a, a * a + s * s], [np.cos(t / 1.008 * np.pi / 2) ** 2, 1], rtol=1e-14)


def test_it_is_read_in_one_sitting():
    """theory.py has at most 200 lines, and asks for NumPy and the standard library only: nothing of minidiff."""
    text = Path(theory.__file__).read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 200
    imports = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert {ast.unparse(node).split()[1].split(".")[0] for node in imports} == {"collections", "itertools", "numpy", "typing"}
