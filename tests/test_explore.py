"""The living page in a real browser: its answers are those of the machines, and what a reader does works."""

import json
import os
import re
import time

import numpy as np
import pytest
from browser import browser, needed

import minidiff as md
from minidiff import explore, theory
from minidiff.explore import story

pytestmark = pytest.mark.compiled
COSINE = md.schedules.cosine()
# The walk has ended, and what followed from it is shown: nothing moves on the page any more.
IDLE = "!document.body.dataset.busy && shown && [walker, pointer].every((one) => one.done === one.id)"


def images(count, height, width, channels, seed=0):
    """A training set that the page keeps exactly."""
    return explore.as_shown(np.random.default_rng(seed).uniform(-1, 1, (count, height, width, channels)))


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    """A browser for all tests of this file; it may be missing on a developer's computer, but not in CI."""
    needed()
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
    chromium.screen(1000, 900, calm=True)  # so that only the end of a walk is drawn
    chromium.open("about:blank")
    chromium.open(written.as_uri(), IDLE)
    yield chromium
    assert chromium.problems == []


@pytest.fixture
def opened(chromium, written):
    """The page in whatever state it is; it is only opened if it is not there."""
    chromium.problems.clear()
    if chromium.run("location.href.split('#')[0]") != written.as_uri():
        chromium.screen(1000, 900, calm=True)
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
        training[2] = 0.5  # its windows are equal
        for name, k, boundary in KINDS:
            if boundary == "circular" and k > min(shape[1:3]):
                continue
            times = ((0.0, 0.0), (1.0, 0.0), (0.35, 0.0), (0.6, 0.7))
            for t, strength in times if k in (0, 3, 7) and name != "LS" else times[2:]:
                if strength and name in ("IS", "ES"):
                    continue
                x = theory.add_noise(training[2 if k == 3 else 1], rng.standard_normal(shape[1:]), *theory.cosine(t))
                yield {"name": name, "k": k, "boundary": boundary, "strength": strength, "t": t}, training, x


def expected(asked, training, x):
    """x0_hat by theory.py; and, without shared evidence, each view's distances to its candidates."""
    rule = rule_of(asked["name"], training, asked["k"], asked["boundary"])
    a, s = theory.cosine(asked["t"])
    views = len(rule.view_place)
    attention = np.full((views, views), 1 / views) if asked["strength"] else None
    unit = views / asked["k"] ** 2 if asked["strength"] else 0.0
    return theory.denoise(rule, x, a, s, attention, asked["strength"] * unit), rule, (a, s)


def test_the_machines_of_the_page_are_those_of_theory(opened):
    """x0_hat agrees to 1e-7 with theory.py, on every machine, boundary and size, with duplicates, at t = 0 and 1, with g; winners
    and weights agree wherever the two best candidates are further apart than rounding."""
    questions = list(cases())
    assert len(questions) >= 40
    opened.run("globalThis.asked = []")
    for asked, training, x in questions:
        numbers = f"Float64Array.from({json.dumps(x.ravel().tolist())})"
        opened.run(f"asked.push([{json.dumps(asked)}, {in_javascript(training)}, {numbers}])")
    told = opened.run(
        "asked.map(([machine, set, x]) => Object.fromEntries(Object.entries(denoise(machine, set, x, machine.t))"
        ".filter(([name]) => name !== 'heard').map(([name, field]) => [name, Array.from(field)])))"
    )
    for (asked, training, x), answer in zip(questions, told, strict=True):
        wanted, rule, (a, s) = expected(asked, training, x)
        np.testing.assert_allclose(np.reshape(answer["x0Hat"], x.shape), wanted, atol=1e-7, err_msg=str(asked))
        per_image = len(rule.keys) // len(training)
        for view, seen in enumerate(rule.see(x) if not asked["strength"] else ()):
            who, distance = theory.explain(rule, seen, view, a)
            first, *others = np.argsort(distance, kind="stable")
            # Equal candidates tie exactly, and the lowest wins; other ties hold but for rounding, and then either may win.
            keys = rule.keys[who[[first, *others[:1]]]]
            if (keys[0] == keys[-1]).all() or distance[others[0]] - distance[first] > 1e-9:
                assert answer["image"][view] == who[first] // per_image, asked
                assert answer["place"][view] == (who[first] % per_image if asked["name"] != "IS" else 0), asked
            assert answer["weight"][view] == pytest.approx(1 / theory.weigh(distance, s).sum(), abs=1e-6), asked


def many_against_one():
    """A case where seven images hold the right patch once, and the eighth holds a patch of nearly the same colour at all places:
    all pixels hear that its many patches count more together, although each of them is further away."""
    training = np.ones((8, 5, 5, 1))
    training[:, 0, 0], training[7] = 0, 0.2
    return {"name": "ELS", "k": 1, "boundary": "circular", "strength": 2, "t": 0.1}, training, np.zeros((5, 5, 1))


def test_the_candidates_of_a_pixel_are_those_of_theory(opened):
    """Pointing: of every pixel the best candidates, their weights and how many there are, with and without shared evidence."""
    local = [one for one in cases() if one[0]["name"] in ("LS", "ELS") and one[0]["t"] > 0]
    for asked, training, x in [*local[::5], many_against_one()]:
        machine, numbers = json.dumps(asked), f"Float64Array.from({json.dumps(x.ravel().tolist())})"
        told = opened.run(
            f"(() => {{ const [m, set, x] = [{machine}, {in_javascript(training)}, {numbers}];"
            "const answer = { ...denoise(m, set, x, m.t), x, t: m.t };"
            "return Array.from({ length: set.height * set.width }, (_, p) => candidates(m, set, p, answer)); })()"
        )
        _, rule, (a, s) = expected(asked, training, x)
        explained = [theory.explain(rule, seen, view, a) for view, seen in enumerate(rule.see(x))]
        evidence = np.mean([theory.evidence(distance.reshape(len(training), -1), s) for _, distance in explained], axis=0)
        further, log_prior = asked["strength"] * len(explained) / asked["k"] ** 2 * evidence
        for (who, distance), answer in zip(explained, told, strict=True):
            weights = theory.weigh(distance + further[rule.image[who]], s, log_prior[rule.image[who]])
            weights /= weights.sum()
            assert answer["count"] == len(who)
            best = [one["weight"] for one in answer["shown"]]
            np.testing.assert_allclose(best, np.sort(weights)[::-1][: len(best)], atol=1e-9)
            assert min((weights > 1e-9).sum(), 6) <= len(best) <= 6
            named = [one["image"] * len(explained) + one["place"] for one in answer["shown"]]
            np.testing.assert_allclose(weights[np.searchsorted(who, named)], best, atol=1e-9)


def test_a_training_image_that_is_taken_away_explains_nothing(opened):
    """What is answered without images 1 and 3, and how a pixel is explained, is what a set of the others gives: of all machines,
    with and without shared evidence, at t = 0 too."""
    asked = [
        {"name": name, "k": 3, "boundary": boundary, "strength": strength, "t": t}
        for name, strength in (("IS", 0), ("ES", 0), ("LS", 0.7), ("ELS", 0), ("ELS", 0.7))
        for boundary in ("circular", "zeros")
        for t in (0.0, 0.6)
    ]
    training = images(*SHAPES[1])
    kept = [n for n in range(len(training)) if n not in (1, 3)]
    told = opened.run(
        f"(() => {{ const [all, others, kept] = [{in_javascript(training)}, {in_javascript(training[kept])}, {kept}];"
        "const told = (machine, set, number) => { const x = unitNoise(2, 84);"
        "const [answer, local] = [machine, { ...machine, name: 'ELS' }].map((one) => denoise(one, set, x, one.t));"
        "const { count, shown } = candidates({ ...machine, name: 'ELS' }, set, 9, { ...local, x, t: machine.t });"
        "return JSON.stringify([[...answer.x0Hat], [...answer.image].map(number), [...answer.place], [...answer.weight], count,"
        "shown.map((one) => ({ ...one, image: number(one.image) }))]); };"
        f"return {json.dumps(asked)}.map((machine) => [told(machine, {{ ...all, without: [1, 3] }}, (n) => n),"
        "told(machine, others, (n) => kept[n])]); })()"
    )
    assert len(told) == len(asked)
    for machine, (without, others) in zip(asked, told, strict=True):
        assert without == others, machine


# --- noise, walks and the network ------------------------------------------------------------------------------------


def test_both_languages_draw_the_same_noise(opened):
    """The words are equal, and the normal numbers to the last digit or two, for small and large seeds; they look normal."""
    for seed in (0, 1, 2**31, 2**32 - 1):
        drawn = explore.noise(seed, (1001,))
        np.testing.assert_allclose(opened.run(f"Array.from(unitNoise({seed}, 1001))"), drawn, rtol=1e-12, atol=1e-14)
    many = explore.noise(7, (200_000,))
    assert abs(many.mean()) < 0.01 and abs(many.std() - 1) < 0.01
    assert abs((many**4).mean() - 3) < 0.1
    assert max(abs(np.corrcoef(many[lag:], many[: len(many) - lag])[0, 1]) for lag in (1, 2, 3, 255, 256)) < 0.01
    assert abs(np.corrcoef(explore.noise(1, (20_000,)), explore.noise(2, (20_000,)))[0, 1]) < 0.03


def sample(page, index=1):
    """The last image of one of the two walks that the page shows."""
    return np.array(page.run(f"Array.from(shown.steps[20][{index}].x)"))


def same_in_python(page, link):
    """Follow a link within the page, and run what "copy as Python" gives: both samples are the same."""
    page.run(f"location.hash = {json.dumps(link)}; new Promise((done) => setTimeout(done))")
    page.until(IDLE, 300)
    told = {}
    exec(page.run("python()").replace("md.plots.grid(step.x)", ""), told)
    np.testing.assert_allclose(sample(page), told["step"].x.ravel(), atol=1e-5, err_msg=link)


def test_the_walk_of_the_page_is_that_of_the_package(opened):
    """What "copy as Python" gives is the page's sample: torus and zeros, here and anywhere, with g, and without an image."""
    for link in ("#k=7", "#k=3&boundary=circular&seed=5", "#where=here&k=5&seed=9", "#g=0.3&k=3&without=3,4"):
        same_in_python(opened, link)


@pytest.mark.slow
def test_walks_in_colour(opened):
    """The same on the colour patterns, which the package makes anew from their seed."""
    for link in ("#set=colours&k=5&g=1", "#set=colours&k=7&seed=2&boundary=circular"):
        same_in_python(opened, link)


def test_the_network_of_the_page_is_that_of_the_package(opened):
    """The shipped network's x0_hat, and r, are those of Python."""
    network = md.nets.load(explore.NETWORK)
    x, t = explore.noise(3, (16, 16, 1)), 0.4
    opened.run("globalThis.net = unpackedNetwork(given.network)")
    told = np.array(opened.run(f"Array.from(networkAnswer(net, setOf('digits'), unitNoise(3, 256), {t}).x0Hat)")).reshape(x.shape)
    np.testing.assert_allclose(told, network(x, t), atol=1e-5)
    r = opened.run("pearson(unitNoise(3, 256), networkAnswer(net, setOf('digits'), unitNoise(3, 256), 0.4).x0Hat)")
    assert r == pytest.approx(md.measures.metrics.agreement(x[None], told[None]).r[0], abs=1e-9)


# --- a reader --------------------------------------------------------------------------------------------------------


def text(page, name):
    return page.run(f"document.getElementById({json.dumps(name)}).textContent")


def value(page, expression):
    return page.run(f"JSON.parse(JSON.stringify({expression}))")


@pytest.mark.slow
def test_a_reader_plays(page):
    """(a) Noise is dragged over a picture; (b) Play plays and pauses, and the slider goes to the end; (c) another window makes
    another picture. Each step of a walk is drawn as it comes."""
    page.screen(1000, 900)
    page.drag("#level", (0.5, 0.5), (0.99, 0.5))
    page.until(
        "document.getElementById('level-text').value >= 0.9 && !/has 100/.test(document.getElementById('guess-text').textContent)"
    )
    page.click("#another")
    page.until("example === 1")
    page.click("#play")
    page.until("state.step > 0 && state.step < 20")
    page.click("#play")
    assert text(page, "play") == "Play" and page.run("state.step") < 20
    page.drag("#step", (0.5, 0.5), (1, 0.5))
    assert page.run("state.step") == 20
    begun = (
        "(whole) => { shown = { ...whole, steps: whole.steps.slice(0, 3) }; select(1); setStep(20); shown = whole; select(-1); }"
    )
    page.run(f"({begun})(shown)")  # a walk that has just begun can be pointed at
    before = sample(page)
    page.drag("#k", (0.9, 0.5), (0.01, 0.5))
    page.until(f"shown.machine.k === 1 && {IDLE}")
    assert np.abs(sample(page) - before).max() > 0.1
    page.click("[data-k='15']")
    page.until(f"shown.machine.k === 15 && {IDLE}")
    assert "the first picture is training picture" in text(page, "status")


def test_a_reader_points(page):
    """(d) A pixel under the mouse, a finger or the arrow keys: its window, its bars, and the images that gave."""
    page.click("#window", 0.55, 0.3)
    page.until("state.pixel === 20 && /row 2, column 4/.test(document.getElementById('seen-text').textContent)")
    page.run("document.getElementById('window').focus()")
    for key in ("ArrowLeft", "ArrowDown"):
        page.key(key)
    page.until("state.pixel === 27 && /row 3, column 3/.test(document.getElementById('seen-text').textContent)")
    page.send("Emulation.setTouchEmulationEnabled", enabled=True)
    x, y = page.place("#window", 0.95, 0.95)
    page.send("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
    page.send("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
    page.send("Emulation.setTouchEmulationEnabled", enabled=False)
    page.until("state.pixel === 63")
    page.drag("#step", (0.99, 0.5), (0.01, 0.5))
    page.until(
        "/t = 1.00/.test(document.getElementById('bars-text').textContent) && document.querySelectorAll('#bars li').length === 6"
    )
    page.click("#training", 0.02, 0.5)
    assert page.run("selected") == 0
    page.key("ArrowRight")
    assert page.run("selected") == 1 and "Training picture 1 gave" in text(page, "training-text")


@pytest.mark.slow
def test_a_reader_changes_the_rules(page):
    """(e) Torus or zeros, here or anywhere; (f) g makes the colours agree; (i) an image is taken away and put back."""
    page.click("[value=circular]")
    page.until(f"shown.machine.boundary === 'circular' && {IDLE}")
    assert page.run("shown.machine.k") == 7 and "moved" in text(page, "whole-caption")
    page.click("[value=here]")
    page.until(f"shown.machine.name === 'LS' && {IDLE}")
    page.click("#take")
    page.until(f"shown.without.length === 1 && {IDLE}")
    taken = page.run("shown.without[0]")
    assert f"Without training picture {taken}," in text(page, "taken")
    assert not page.run(f"shown.steps.some(([one, other]) => one.image.includes({taken}) || other.image.includes({taken}))")
    assert not page.run("document.getElementById('before-after').hidden")
    page.run("choose({ k: 3 })")  # another walk: what differs is not the image's doing alone
    page.until(f"shown.machine.k === 3 && {IDLE}")
    assert page.run("document.getElementById('before-after').hidden")
    page.click("#give-back")
    page.until(f"shown.without.length === 0 && {IDLE}")
    page.click("#use-colours")
    page.until(f"shown.name === 'colours' && {IDLE}")
    page.drag("#g", (0.02, 0.5), (0.98, 0.5))
    page.until(f"shown.machine.strength === 10 && {IDLE}")
    assert len(set(value(page, "givers(shown.steps[20][1]).map(([n]) => n)"))) == 1


@pytest.mark.slow
def test_a_reader_brings_pictures(page, tmp_path):
    """(g) A drawing by mouse and by keys, image files chosen and dropped, and one that is none: they become a training set."""
    page.drag("#pad", (0.1, 0.1), (0.9, 0.1), 8)
    page.run("document.getElementById('pad').focus()")
    for key in ("ArrowDown", "Space"):
        page.key(key)
    assert page.run("drawing.filter((value) => value === 1).length") >= 3 * 9
    page.click("#add")
    from PIL import Image

    red, no_image = tmp_path / "red.png", tmp_path / "note.txt"
    Image.new("RGB", (40, 30), (255, 0, 0)).save(red)
    no_image.write_text("no picture")
    node = page.send("DOM.querySelector", nodeId=page.send("DOM.getDocument")["root"]["nodeId"], selector="#files")["nodeId"]
    page.send("DOM.setFileInputFiles", nodeId=node, files=[str(red), str(no_image)])
    page.until("own.length === 2 && /cannot read note.txt/.test(document.getElementById('own-text').textContent)")
    np.testing.assert_allclose(value(page, "Array.from(own[1].slice(0, 3))"), [1, -1, -1])
    x, y = page.place("#files")
    data = {"items": [], "files": [str(red)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        page.send("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)
    page.until("own.length === 3")
    page.click("#own-pictures button:last-child")
    page.until("own.length === 2")
    page.click("#use-own")
    page.until(f"shown.name === 'own' && {IDLE}")
    assert page.run("shown.set.count") == 2
    page.click("#copy-link")
    page.until("document.getElementById('copied').textContent !== ''")
    assert "own" not in text(page, "python")
    page.click("#use-main")
    page.until(f"shown.name === 'main' && {IDLE}")


def test_a_link_holds_the_state(page, written):
    """What a link says is shown; the page's link leads to the same state; nonsense in it is left out."""
    page.open("about:blank")
    wished = "seed=7&k=5&boundary=circular&where=here&g=0.3&pixel=9&without=2,5"
    page.open(f"{written.as_uri()}#{wished}&step=x&set=other&k=99999&colour=%3Cb%3E", IDLE)
    assert {
        key: str(found) for key, found in value(page, "Object.fromEntries(new URLSearchParams(location.hash.slice(1)))").items()
    } == {key: found for key, found in (pair.split("=") for pair in wished.split("&"))}
    first = sample(page)
    page.open("about:blank")
    page.open(written.as_uri(), IDLE)
    page.run("document.getElementById('seed').value = 7; document.getElementById('seed').dispatchEvent(new Event('change'))")
    page.until(f"state.seed === 7 && {IDLE}")
    page.run(f"location.hash = {json.dumps(wished)}")
    page.until(f"state.where === 'here' && shown.machine.name === 'LS' && {IDLE}")
    np.testing.assert_array_equal(sample(page), first)


@pytest.mark.slow
def test_a_reader_checks_the_network(page):
    """(h) The network runs beside ELS, LS and IS: the page's r are Python's, from the same noise."""
    told = [
        float(found) for found in re.findall(r"r = (-?[\d.]+)", page.run("document.getElementById('comparison').textContent"))
    ]
    assert len(told) == 5
    page.click("#compare")
    page.until("/Computed here/.test(document.getElementById('compare-text').textContent)", 300)
    here = [
        float(found) for found in re.findall(r"r = (-?[\d.]+)", page.run("document.getElementById('comparison').textContent"))
    ]
    network, digits = md.nets.load(explore.NETWORK), explore.as_shown(md.datasets.digits(size=16)[0])
    wanted = re.findall(
        r"r = (-?[\d.]+)", story.comparison(network, digits, [explore.noise(seed, (16, 16, 1)) for seed in (0, 1)])
    )
    np.testing.assert_allclose(here, [float(one) for one in wanted], atol=0.011)


def test_everybody_can_read_it(page, written):
    """On three widths of screen nothing sticks out, no text is below 14 pixels, every picture and control has a name, and an
    outline tells the pixels of a chosen training image. Without scripts the story is told too."""
    for width in (360, 800, 1400):
        page.screen(width, 800, dark=width == 800, calm=True)
        assert page.run("document.documentElement.scrollWidth") <= width
        sizes = page.run(
            "Array.from(document.querySelectorAll('body *')).filter((one) => one.innerText && one.offsetParent)"
            ".map((one) => parseFloat(getComputedStyle(one).fontSize))"
        )
        assert min(sizes) >= 14
    unnamed = page.run(
        "Array.from(document.querySelectorAll('canvas, img, svg, input, button')).filter((one) => !(one.closest('button') || one)"
        ".textContent.trim() && !one.closest('label') && !one.ariaLabel && !one.alt && !(one.labels && one.labels.length)"
        " && !one.closest('button[aria-label]')).map((one) => one.outerHTML)"
    )
    assert [one for one in unnamed if "data-k" not in one] == []
    page.run("choose({ k: 3 })")
    page.until(f"shown.machine.k === 3 && {IDLE}")
    chosen = "(select(n), document.getElementById('mosaic').toDataURL()))(givers(shown.steps[20][1])[0][0])"
    assert page.run(f"((n) => {chosen}") != page.run("(select(-1), document.getElementById('mosaic').toDataURL())")
    page.open("about:blank")
    page.send("Emulation.setScriptExecutionDisabled", value=True)
    page.send("Page.navigate", url=written.as_uri())
    page.send("Emulation.setScriptExecutionDisabled", value=False)
    page.until("document.querySelectorAll('header svg, header img').length >= 12")
    assert "needs JavaScript" in page.run("document.querySelector('noscript').innerText")
    page.problems.clear()  # with scripts allowed again, this page's own may be half there


def test_a_worker_answers_the_last_question(page):
    """Of 200 questions at once, as from a mouse that moves faster than a worker thinks, most are not even begun; the last one is
    answered. What goes wrong in a worker is seen on the console."""
    page.run(
        "globalThis.answered = 0; point();"
        "pointer.worker.addEventListener('message', ({ data }) => (answered += Number('count' in data)));"
        "for (let pixel = 0; pixel < 200; pixel++) { state.pixel = pixel % 64; point(); }"
    )
    page.until("pointer.done === pointer.id && /row 0, column 7/.test(document.getElementById('seen-text').textContent)")
    assert 1 <= page.run("answered") < 100
    for machines in ("[{ name: 'none' }]", "undefined"):
        page.run(f"comparer.ask({{ job: 'walk', set: setOf('main'), seed: 0, steps: 1, machines: {machines} }})")
        end = time.monotonic() + 60
        while not page.problems and time.monotonic() < end:
            page.run("new Promise((done) => setTimeout(done, 20))")
        assert page.problems, machines
        page.problems.clear()


# --- the page as a file ----------------------------------------------------------------------------------------------


def test_the_page_needs_nothing_else(written):
    """One file, without the address of any other, and of at most 2 MB with 300 images of 16 x 16; at most 900 lines of script,
    comments and empty lines too, of at most 130 letters."""
    html = written.read_text(encoding="utf-8")
    assert not re.search(r"""(?:src|href)=["'](?!data:)|url\(|@import|https?://""", html)
    assert "{{" not in html and os.listdir(written.parent) == ["explore.html"]
    assert len(html) + 300 * 256 * 4 / 3 < 2e6
    lines = [line for path in explore.HERE.glob("*.js") for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(lines) <= 900 and max(map(len, lines)) <= 130


def test_what_no_page_can_hold_is_refused(tmp_path):
    """Too large images and other channels are refused before anything is computed or written."""
    for shape in ((2, 33, 4, 1), (2, 4, 4, 2)):
        with pytest.raises(ValueError, match="at most 32 x 32 pixels of 1 or 3 channels"):
            explore.write(tmp_path, np.zeros(shape, np.float32))
    assert os.listdir(tmp_path) == []


def test_the_command_writes_the_page(tmp_path, run, monkeypatch):
    """`minidiff explore` takes 300 images of 16 x 16 and prints the path; its code in Python gives the same images."""
    monkeypatch.setattr(
        explore, "page", lambda images, call, seed, steps: f"{len(images)} {images.shape[1]} {seed} {steps} {call}"
    )
    code, out, _ = run("explore", "--out", tmp_path, "--seed", 3, "--data-seed", 2)
    assert code == 0 and str(tmp_path / "explore.html") in out[-1]
    told = (tmp_path / "explore.html").read_text(encoding="utf-8")
    assert told == "300 16 3 20 md.datasets.load('digits', size=16, count=300, rng=2)"
    assert run("explore", "--out", tmp_path, "--data", "two_tone", "--size", 4, "--quick")[0] == 0
    assert (tmp_path / "explore.html").read_text(encoding="utf-8").startswith("2 4 0 8 ")
    assert run("explore", "--out", tmp_path / "new", "--size", 33)[0] == 2
