"""The living page in a real browser: its answers are those of the machines, and what a reader does works."""

import ast
import json
import os
import re

import numpy as np
import pytest
from browser import browser, found

import minidiff as md
from minidiff import explore, theory
from minidiff.explore import story

pytestmark = pytest.mark.compiled
COSINE = md.schedules.cosine()
IDLE = "shown && !document.body.dataset.busy && shown.steps.length === 21"


def images(count, height, width, channels, seed=0):
    """A training set that the page keeps exactly."""
    return explore.as_shown(np.random.default_rng(seed).uniform(-1, 1, (count, height, width, channels)))


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    """A browser for all tests of this file; it may be missing on a developer's computer, but not in CI."""
    if found() is None:
        if os.environ.get("CI"):
            pytest.fail("no chromium on this computer; hint: apt-get install chromium")
        pytest.skip("no chromium on this computer; hint: apt-get install chromium")
    with browser(tmp_path_factory.mktemp("profile")) as one:
        yield one


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A page of twelve small digits."""
    digits = md.datasets.digits(size=8)[0][:12]
    return explore.write(tmp_path_factory.mktemp("page"), digits, "md.datasets.load('digits', size=8)[0][:12], None", steps=2)


@pytest.fixture
def page(chromium, written):
    """The page, opened anew, when its first walk has ended; at the end nothing was complained of."""
    chromium.problems.clear()
    chromium.screen(1000, 900)
    chromium.open("about:blank")
    chromium.open(written.as_uri(), IDLE)
    yield chromium
    assert chromium.problems == []


def in_javascript(training):
    """A training set as theory.js takes it."""
    count, height, width, channels = training.shape
    shape = f"count: {count}, height: {height}, width: {width}, channels: {channels}"
    return f"{{{shape}, data: Float64Array.from({json.dumps(training.ravel().tolist())})}}"


# --- the machines ----------------------------------------------------------------------------------------------------

SHAPES = [(5, 6, 5, 1), (4, 4, 7, 3), (19, 5, 5, 1)]
KINDS = [
    ("IS", 0, "circular"),
    ("ES", 0, "circular"),
    *[(name, k, boundary) for name in ("LS", "ELS") for boundary in ("circular", "zeros") for k in (1, 3, 5)],
    ("LS", 7, "zeros"),
    ("ELS", 7, "zeros"),
    ("ELS", 9, "zeros"),
]


def rule_of(name, training, k, boundary):
    """The rule of theory.py."""
    kinds = {"IS": theory.ideal, "ES": theory.equivariant}
    if name in kinds:
        return kinds[name](training)
    return {"LS": theory.local, "ELS": theory.equivariant_local}[name](training, k, boundary)


def cases():
    """Machines, boundaries, sizes, channels, times and strengths: (what is asked, the training set, x)."""
    rng = np.random.default_rng(1)
    for number, shape in enumerate(SHAPES):
        training = images(*shape, seed=number).astype(np.float64)
        training[-1] = training[0]  # a duplicate
        for name, k, boundary in KINDS:
            if boundary == "circular" and k > min(shape[1:3]):
                continue
            for t, strength in ((0.0, 0.0), (0.35, 0.0), (1.0, 0.0), (0.6, 0.7)):
                if strength and name in ("IS", "ES"):
                    continue
                x = theory.add_noise(training[1], rng.standard_normal(shape[1:]), *theory.cosine(t))
                yield {"name": name, "k": k, "boundary": boundary, "strength": strength, "t": t}, training, x


def expected(asked, training, x):
    """x0_hat by theory.py; and, without shared evidence, each view's distances to its candidates."""
    rule = rule_of(asked["name"], training, asked["k"], asked["boundary"])
    a, s = theory.cosine(asked["t"])
    views = len(rule.view_place)
    attention = np.full((views, views), 1 / views) if asked["strength"] else None
    unit = views / asked["k"] ** 2 if asked["strength"] else 0.0
    return theory.denoise(rule, x, a, s, attention, asked["strength"] * unit), rule, (a, s)


def test_the_machines_of_the_page_are_those_of_theory(page):
    """x0_hat agrees to 1e-9 with theory.py, on every machine, boundary and size, with duplicates, at t = 0 and 1, with g; winners
    and weights agree wherever the two best candidates are further apart than rounding."""
    questions = list(cases())
    assert len(questions) >= 40
    page.run("globalThis.asked = []")
    for asked, training, x in questions:
        machine = json.dumps({key: value for key, value in asked.items() if key != "t"})
        page.run(f"asked.push([{machine}, {in_javascript(training)}, Float64Array.from({json.dumps(x.ravel().tolist())}), {asked['t']}])")
    told = page.run(
        "asked.map(([machine, set, x, t]) => { const { heard, ...one } = denoise(machine, set, x, t);"
        "return Object.fromEntries(Object.entries(one).map(([name, field]) => [name, Array.from(field)])); })"
    )
    for (asked, training, x), answer in zip(questions, told, strict=True):
        wanted, rule, (a, s) = expected(asked, training, x)
        np.testing.assert_allclose(np.reshape(answer["x0Hat"], x.shape), wanted, atol=1e-9, err_msg=str(asked))
        if asked["strength"]:
            continue
        per_image = len(rule.keys) // len(training)
        for view, seen in enumerate(rule.see(x)):
            who, distance = theory.explain(rule, seen, view, a)
            order = np.argsort(distance, kind="stable")
            weights = theory.weigh(distance, s)
            alone = len(order) == 1 or distance[order[1]] - distance[order[0]] > 1e-9
            twins = len(order) > 1 and np.array_equal(rule.keys[who[order[0]]], rule.keys[who[order[1]]])
            if alone or twins:
                winner = who[order[0]]
                assert answer["image"][view] == winner // per_image, asked
                if asked["name"] in ("LS", "ELS"):
                    assert answer["place"][view] == winner % per_image, asked
            assert answer["weight"][view] == pytest.approx(1 / weights.sum(), abs=1e-6), asked
