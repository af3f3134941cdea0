"""The pooled-evidence machine against its definition, and its limits: ELS, IS, and what attention may not break."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import attention, candidates, softmax_mean, window
from strategies import SEEDS, TIMES, float32_tolerance, noised, training_set, windowed_sets

import minidiff as md
from minidiff import engine, theory
from minidiff.engine import shards
from minidiff.machines.windows import BOUNDARIES

COSINE = md.schedules.cosine()
law = settings(deadline=None, max_examples=20)
GAINS = st.floats(0, 2)
ANYWHERE = {"anywhere": md.EquivariantLocalScore, "colocated": md.LocalScore}


def levels(t):
    return float(COSINE.signal(t)), float(COSINE.noise(t))


def random_table(seed, pixels):
    """A row-stochastic (P, P) array, with zeros in it."""
    weights = np.random.default_rng(seed).random((pixels, pixels)) ** 4
    weights[weights < 0.1] = 0
    weights[:, 0] += 1e-3
    return weights / weights.sum(axis=1, keepdims=True)


def circulant_table(seed, height, width):
    """Attention that depends on the offset q - p on the torus alone."""
    kernel = np.random.default_rng(seed).random((height, width))
    kernel /= kernel.sum()
    rows = [np.roll(kernel, (i, j), (0, 1)).ravel() for i in range(height) for j in range(width)]
    return np.array(rows)


def pooled_tolerance(images, x, t, g, k):
    """The rounding error of a softmax mean in float64 whose exponents are 1 + g sums of distances, times the values' span."""
    a, s = levels(t)
    furthest = k * k * ((np.abs(x).max(axis=(0, 1, 2)) + a * np.abs(images).max(axis=(0, 1, 2))) ** 2).sum()
    operations = x[0].size + k * k
    return operations * np.finfo(np.float64).eps * 2 * (1 + (1 + g) * furthest / (2 * s * s))


# --- the definition --------------------------------------------------------------------------------------------------


@pytest.mark.slow
@settings(deadline=None, max_examples=10)
@given(windowed_sets(channels=1), TIMES, SEEDS, GAINS, st.sampled_from(sorted(ANYWHERE)))
def test_it_is_its_definition(case, t, seed, g, candidates):
    """x0_hat is the mean under softmax over (n, u) of l[p, n, u] + g sum_q A[p, q] L[q, n], as naive loops compute it."""
    images, k, boundary = case
    x = noised(images, t, COSINE, seed, queries=1)
    table = random_table(seed, x[0, ..., 0].size)
    machine = md.AttentionScore(
        images, COSINE, window=k, attention=table, strength=g, boundary=boundary, candidates=candidates, raw=True
    )
    expected = attention(x[0], images, *levels(t), k, boundary, candidates == "anywhere", table, g)
    np.testing.assert_allclose(machine(x[0], t), expected, rtol=0, atol=pooled_tolerance(images, x, t, g, k))
    single = machine(x[0].astype(np.float32), t)
    assert single.dtype == np.float32


@pytest.mark.slow
@law
@given(windowed_sets(channels=1), TIMES, SEEDS, st.floats(0, 30), st.booleans())
def test_single_precision_is_as_near_as_its_bound(case, t, seed, g, uniform):
    """In float32 x0_hat is off by at most c eps (1 + g + E_0) of the range, E_0 the smallest pooled distance over 2 s^2."""
    images, k, boundary = case
    images, x = images.astype(np.float32), noised(images, t, COSINE, seed, queries=1).astype(np.float32)
    wide, (a, s), pixels = images.astype(np.float64), levels(t), x[0, ..., 0].size
    table = np.full((pixels, pixels), 1 / pixels) if uniform else random_table(seed, pixels)
    options = {"window": k, "attention": "uniform" if uniform else table, "strength": g, "boundary": boundary, "raw": True}
    asked = engine.TrainingSet(wide), np.array([a]), np.array([s]), theory.equivariant_local, (k, boundary)
    (evidence,) = engine.evidence(x.astype(np.float64), *asked)
    smallest = (evidence.cost + g * evidence.cost @ table.T).min(axis=0)
    found = md.AttentionScore(images, COSINE, **options)(x, t)
    expected = md.AttentionScore(wide, COSINE, **options)(x.astype(np.float64), t)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=float32_tolerance(smallest + 2 * s * s * g, s))


def test_which_place_is_decisive_is_asked_in_double_precision():
    """ "top1" in float32 is the answer of float64, rounded: a place that is chosen by rounding would change it at once."""
    images = training_set(0, (6, 5, 6, 1)).astype(np.float32)
    x = noised(images, 0.4, COSINE, 1, queries=3).astype(np.float32)
    single, double = (md.AttentionScore(one, COSINE, window=3, attention="top1") for one in (images, images.astype(np.float64)))
    np.testing.assert_array_equal(single(x, 0.4), double(x.astype(np.float64), 0.4).astype(np.float32))


@law
@given(windowed_sets(channels=1), SEEDS, st.integers(0, 3))
def test_named_attentions_are_arrays(case, seed, reach):
    """ "uniform" is 1 / (H W) everywhere, a band its equal parts, a callable what it returns, in units of H W / k^2."""
    images, k, boundary = case
    x = noised(images, 0.5, COSINE, seed)
    height, width = x.shape[1:3]
    pixels = height * width
    rows, columns = np.divmod(np.arange(pixels), width)
    apart = [np.abs(axis - axis[:, None]) for axis in (rows, columns)]
    if boundary == "circular":
        apart = [np.minimum(gap, side - gap) for gap, side in zip(apart, (height, width), strict=True)]
    near = (np.maximum(*apart) <= reach).astype(float)
    table = near / near.sum(axis=1, keepdims=True)
    uniform = np.full((pixels, pixels), 1 / pixels)
    tables = np.stack([random_table(seed + n, pixels) for n in range(2)])

    def machine(attention, **options):
        return md.AttentionScore(images, COSINE, window=k, attention=attention, boundary=boundary, **options)

    tolerance = pooled_tolerance(images, x, 0.5, pixels / k**2, k)
    pairs = [("uniform", uniform), (("band", reach), table), (lambda x, t: uniform, uniform)]
    for named, array in pairs:
        scaled, raw = machine(named), machine(array, raw=True, strength=pixels / k**2)
        np.testing.assert_allclose(scaled(x, 0.5), raw(x, 0.5), rtol=0, atol=tolerance)
    both = machine(lambda x, t: tables)(x, 0.5)
    for b in range(2):
        np.testing.assert_array_equal(both[b], machine(tables[b])(x[b], 0.5))


@pytest.mark.slow
def test_a_networks_attention_map_is_an_attention():
    """A trained network's attention_map(x, t) can be passed as it is: its float32 rows sum to 1 closely enough."""
    images = training_set(0, (3, 4, 4, 1), np.float32)
    network = md.nets.Network(channels=1, width=4, depth=1, attention="softmax")
    x = noised(images, 0.5, COSINE, 1)
    machine = md.AttentionScore(images, COSINE, window=3, attention=network.attention_map)
    by_hand = md.AttentionScore(images, COSINE, window=3, attention=network.attention_map(x, 0.5)[1])
    np.testing.assert_array_equal(machine(x, 0.5)[1], by_hand(x[1], 0.5))


# --- the theorem -----------------------------------------------------------------------------------------------------


def one_hot(places):
    """The map in which pixel p hears places[p]."""
    return np.eye(len(places))[places]


@settings(deadline=None, max_examples=10)
@given(SEEDS, st.floats(0.2, 0.95), st.sampled_from(BOUNDARIES))
def test_the_place_that_is_heard_is_a_second_view_of_the_same_image(seed, t, boundary):
    """With a one-hot map and raw g = 1, x0_hat[p] is the mean of y_n[u] over (n, u, u'): p shows n at u, and q(p) shows n at u'.

    The loops know no evidence: each (n, u, u') has the likelihood of both windows, exp(-(|W_p - a W(n, u)|^2 +
    |W_q - a W(n, u')|^2) / (2 s^2)), u and u' run over all places of p's and q's padding patterns, and q(p) is 3 columns away, so
    that windows of 3 share no pixel.
    """
    images = training_set(seed, (3, 3, 7, 1))
    x, (a, s) = noised(images, t, COSINE, seed, queries=1)[0], levels(t)
    heard = [row * 7 + (column + 3 if column < 4 else column - 3) for row, column in np.ndindex(3, 7)]
    machine = md.AttentionScore(images, COSINE, window=3, attention=one_hot(heard), strength=1, raw=True, boundary=boundary)

    def views(pixel):
        """[(n, squared distance, value)] of all that may explain a pixel."""
        i, j = divmod(pixel, 7)
        seen = window(x, i, j, 3, boundary)
        return [
            (place[0], ((seen - a * window(images[place[0]], *place[1:], 3, boundary)) ** 2).sum(), images[place])
            for place in candidates(i, j, images, 3, boundary, True)
        ]

    every, expected = [views(pixel) for pixel in range(21)], np.empty((21, 1))
    for p, q in enumerate(heard):
        pairs = [(here + there, value) for n, here, value in every[p] for m, there, _ in every[q] if m == n]
        expected[p] = softmax_mean(*zip(*pairs, strict=True), s)
    tolerance = pooled_tolerance(images, x[None], t, 1, 3)
    np.testing.assert_allclose(machine(x, t).reshape(21, 1), expected, rtol=0, atol=tolerance)


def union_of_windows(images, k, across):
    """The rule of ELS on the torus, for pixels that see their own window and the one `across` columns to the right, as one."""
    d = k // 2
    offsets = sorted({(i, j + step) for step in (0, across) for i in range(-d, d + 1) for j in range(-d, d + 1)})

    def see(x):
        return np.stack([np.roll(x, (-i, -j), (0, 1)) for i, j in offsets], axis=2).reshape(x[..., 0].size, -1)

    return theory.equivariant_local(images, k, "circular")._replace(see=see, keys=np.concatenate([see(y) for y in images]))


@pytest.mark.slow
@pytest.mark.compiled
def test_where_windows_overlap_shared_noise_counts_twice():
    """How far off the theorem is in pictures, where u' = u + (q - p) is known, and windows may overlap: a measurement.

    The best denoiser of both windows there is ELS that sees their union. Of what it gains over ELS in mean squared error, the
    machine makes .98 where the windows of 3 are apart, .73 with one shared column, and .38 with two. A pixel that hears itself is
    worse off than one that hears nobody: its error is 3 % larger.
    """
    images, (a, s) = md.testing.practice_images(count=8, height=8, width=8), levels(0.7)
    rng = np.random.default_rng(0)
    clean = images[rng.integers(8, size=1200)]
    x = a * clean + s * rng.standard_normal(clean.shape)
    local, kept = md.EquivariantLocalScore(images, COSINE, window=3)(x, 0.7), {}
    for across in range(5):
        table = one_hot([row * 8 + (column + across) % 8 for row, column in np.ndindex(8, 8)])
        machine = md.AttentionScore(images, COSINE, window=3, attention=table, strength=1, raw=True)(x, 0.7)
        rule = union_of_windows(images, 3, across)
        best = np.stack([theory.denoise(rule, one, a, s) for one in x]) if across else local
        gains = [((local - clean) ** 2).mean() - ((one - clean) ** 2).mean() for one in (machine, best)]
        kept[across] = float(gains[0] / (gains[1] if across else ((local - clean) ** 2).mean()))
    print({across: round(share, 3) for across, share in kept.items()})
    np.testing.assert_allclose([kept[across] for across in range(5)], [-0.03, 0.38, 0.73, 0.98, 0.98], atol=0.03)


# --- the three identities --------------------------------------------------------------------------------------------


@pytest.mark.slow
@law
@given(windowed_sets(channels=1), TIMES, SEEDS, st.sampled_from(sorted(ANYWHERE)))
def test_without_strength_it_is_the_local_score(case, t, seed, candidates):
    """g = 0 is ELS (or LS, with co-located candidates) to rounding, in float64 and float32, provenance included."""
    images, k, boundary = case
    x = noised(images, t, COSINE, seed)
    machine = md.AttentionScore(images, COSINE, window=k, strength=0, boundary=boundary, candidates=candidates)
    local = ANYWHERE[candidates](images, COSINE, window=k, boundary=boundary)
    np.testing.assert_allclose(machine(x, t), local(x, t), rtol=0, atol=pooled_tolerance(images, x, t, 0, k))
    ours, theirs = machine.provenance(x, t), local.provenance(x, t)
    np.testing.assert_array_equal(np.stack(ours[:3]), np.stack(theirs[:3]))
    np.testing.assert_allclose(ours.weight, theirs.weight, rtol=0, atol=pooled_tolerance(images, x, t, 0, k))
    a, s = levels(t)
    nearest = k * k * ((x - a * images[0]) ** 2).sum()
    single = x.astype(np.float32)
    np.testing.assert_allclose(machine(single, t), local(single, t), rtol=0, atol=float32_tolerance(nearest, s))


@pytest.mark.slow
@law
@given(SEEDS, TIMES, st.sampled_from([(3, 6, 3), (3, 3, 9), (1, 3, 2), (3, 3, 3), (5, 5, 10)]))
def test_tiles_of_the_torus_give_the_ideal_score(seed, t, case):
    """Each pixel hears the other windows that tile the torus with its own, as often as there are: every pixel counts once: IS.

    Co-located candidates, sides that are multiples of k, g = their number, unscaled.
    """
    k, height, width = case
    images = training_set(seed, (4, height, width, 1))
    x = noised(images, t, COSINE, seed)
    row, column = np.divmod(np.arange(height * width), width)
    tiles = ((row - row[:, None]) % k == 0) & ((column - column[:, None]) % k == 0)
    others = tiles & ~np.eye(len(tiles), dtype=bool)
    number = height * width // k**2 - 1
    table = others / number if number else np.eye(len(tiles))
    machine = md.AttentionScore(images, COSINE, window=k, attention=table, strength=number, candidates="colocated", raw=True)
    ideal = md.IdealScore(images, COSINE)(x, t)
    np.testing.assert_allclose(machine(x, t), ideal, rtol=0, atol=pooled_tolerance(images, x, t, number, k))


@law
@given(SEEDS, st.floats(0.3, 0.95), GAINS)
def test_top1_is_the_array_with_one_place_a_row(seed, t, g):
    """ "top1" hears the one other place of smallest posterior entropy over n, which is a one-hot array."""
    images = training_set(seed, (4, 4, 5, 1))
    x = noised(images, t, COSINE, seed, queries=1)[0]
    a, s = levels(t)
    entropy, keys = np.empty(20), np.stack([theory.windows(y, 3, "circular") for y in images])
    for p in range(20):
        distance = ((theory.windows(x, 3, "circular")[p] - a * keys) ** 2).sum(axis=2)
        logs = np.logaddexp.reduce(-distance / (2 * s * s), axis=1)
        weight = np.exp(logs - np.logaddexp.reduce(logs))
        entropy[p] = -(weight * np.log(weight)).sum()
    first, second = np.argsort(entropy)[:2]
    table = np.zeros((20, 20))
    table[:, first] = 1
    table[first] = np.eye(20)[second]
    machines = [md.AttentionScore(images, COSINE, window=3, attention=one, strength=g) for one in ("top1", table)]
    np.testing.assert_allclose(machines[0](x, t), machines[1](x, t), rtol=0, atol=pooled_tolerance(images, x[None], t, 2 * g, 3))


def test_without_entropy_the_widest_gap_is_most_decisive():
    """Without noise no place has any entropy left: the one whose best image leads by most is heard, and hears the next."""
    images = training_set(0, (4, 4, 5, 1))
    x = training_set(1, (1, 4, 5, 1))[0]
    levels = np.ones(1), np.zeros(1)
    (found,) = engine.evidence(x[None], engine.TrainingSet(images), *levels, theory.equivariant_local, (3, "circular"))
    best = np.sort(found.cost, axis=0)
    second, first = np.argsort(best[1] - best[0])[-2:]
    expected = np.full(20, first)
    expected[first] = second
    np.testing.assert_array_equal(found.most_decisive(), expected)


# --- limits ----------------------------------------------------------------------------------------------------------


def test_a_little_strength_changes_little():
    """g -> 0 tends to ELS: the difference falls as g does."""
    images = training_set(0, (5, 6, 6, 1))
    x = noised(images, 0.7, COSINE, 1)
    local = md.EquivariantLocalScore(images, COSINE, window=3)(x, 0.7)
    apart = [np.abs(md.AttentionScore(images, COSINE, window=3, strength=g)(x, 0.7) - local).max() for g in (1e-2, 1e-4, 1e-6)]
    assert apart[0] > 1e-4
    np.testing.assert_allclose(apart[1] / apart[2], 100, rtol=0.01)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("chosen", ["uniform", "top1", ("band", 1)])
def test_without_noise_a_training_image_is_its_own_answer(boundary, chosen):
    """At s = 0 only the smallest pooled distance counts: a training image comes back bit for bit, named with weight 1."""
    images = training_set(0, (4, 5, 6, 1))
    machine = md.AttentionScore(images, COSINE, window=3, attention=chosen, boundary=boundary)
    np.testing.assert_array_equal(machine(images, 0.0), images)
    source = machine.provenance(images, 0.0)
    np.testing.assert_array_equal(images[source.image, source.row, source.column], images)
    assert (source.image == np.arange(4)[:, None, None]).all() and (source.weight == 1).all()


def test_ties_without_noise_are_shared_as_they_are_by_the_local_score():
    """At s = 0 and g = 0 exact ties are averaged over all (n, u): of 3 equal candidates in two images each counts 1/3."""
    images = np.array([[1.0, 1.0, 4.0], [-1.0, 4.0, 4.0]]).reshape(2, 1, 3, 1)
    machine = md.AttentionScore(images, COSINE, window=1, strength=0)
    np.testing.assert_allclose(machine(np.zeros((1, 3, 1)), 0.0), 1 / 3, rtol=1e-15)


@pytest.mark.parametrize("chosen", ["uniform", "top1", ("band", 1)])
def test_without_signal_the_mean_answers(chosen):
    """Flow at t = 1 has a = 0: all candidates are alike, whatever the strength, and no nan comes of it."""
    images = training_set(0, (4, 5, 5, 1))
    machine = md.AttentionScore(images, md.schedules.flow(), window=3, attention=chosen)
    mean = np.broadcast_to(images.mean(axis=(0, 1, 2)), (2, 5, 5, 1))
    np.testing.assert_allclose(machine(training_set(1, (2, 5, 5, 1)), 1.0), mean, rtol=0, atol=1e-12)


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_among_equal_patches_the_lowest_wins(boundary):
    """Two-tone images have each patch many times: provenance names the lowest (n, row, column), as ELS does."""
    images = np.sign(training_set(3, (3, 5, 4, 1)))
    machine = md.AttentionScore(images, COSINE, window=3, strength=0, boundary=boundary)
    local = md.EquivariantLocalScore(images, COSINE, window=3, boundary=boundary)
    np.testing.assert_array_equal(np.stack(machine.provenance(images, 0.0)), np.stack(local.provenance(images, 0.0)))


def test_one_training_image_has_nothing_to_agree_on():
    """With N = 1 pooled evidence is the same for all candidates: any attention and strength give ELS."""
    images = training_set(0, (1, 5, 5, 1))
    x = noised(images, 0.5, COSINE, 1)
    local = md.EquivariantLocalScore(images, COSINE, window=3)(x, 0.5)
    for chosen in ("uniform", "top1"):
        machine = md.AttentionScore(images, COSINE, window=3, attention=chosen, strength=3)
        np.testing.assert_allclose(machine(x, 0.5), local, rtol=0, atol=1e-12)


def test_strength_makes_the_pixels_agree():
    """From noise, more strength lets fewer training images own the pixels: many without, one at g = 40."""
    images = training_set(0, (12, 8, 8, 1))
    x = md.process.unit_noise((4, 8, 8, 1), 0, np.float64)
    used = []
    for g in (0, 0.3, 40):
        machine = md.AttentionScore(images, COSINE, window=3, strength=g)
        used.append(np.mean([len(np.unique(one)) for one in machine.provenance(x, 0.5).image]))
    assert used[0] > used[1] > used[2] == 1


# --- laws ------------------------------------------------------------------------------------------------------------


@law
@given(windowed_sets(channels=1), TIMES, SEEDS, GAINS)
def test_the_order_of_the_training_images_does_not_matter(case, t, seed, g):
    """Permuting the training images changes the estimate by rounding only, and renames their provenance."""
    images, k, boundary = case
    x = noised(images, t, COSINE, seed)
    order = np.random.default_rng(seed).permutation(len(images))
    one, other = (
        md.AttentionScore(chosen, COSINE, window=k, strength=g, boundary=boundary) for chosen in (images, images[order])
    )
    tolerance = pooled_tolerance(images, x, t, 25 * g, k)
    np.testing.assert_allclose(one(x, t), other(x, t), rtol=0, atol=tolerance)
    np.testing.assert_array_equal(one.provenance(x, t).image, order[other.provenance(x, t).image])


@law
@given(SEEDS, TIMES, GAINS, st.integers(0, 3), st.integers(0, 4))
def test_circulant_attention_commutes_with_every_shift(seed, t, g, down, across):
    """On the torus, attention that only knows offsets, and top-1, which only knows evidence, shift with the query."""
    images = training_set(seed, (3, 4, 5, 1))
    x = noised(images, t, COSINE, seed)
    for chosen in ("uniform", ("band", 1), "top1", circulant_table(seed, 4, 5)):
        machine = md.AttentionScore(images, COSINE, window=3, attention=chosen, strength=g)
        shifted = machine(np.roll(x, (down, across), (1, 2)), t)
        expected = np.roll(machine(x, t), (down, across), (1, 2))
        np.testing.assert_allclose(shifted, expected, rtol=0, atol=pooled_tolerance(images, x, t, 3 * g, 3))


@pytest.mark.slow
def test_weights_sum_to_one():
    """A channel that is 1 in every training image is 1 in every estimate, whatever the weights."""
    images = training_set(0, (3, 5, 5, 3))
    images[..., 1] = 1
    x = noised(images, 0.4, COSINE, 1)
    for chosen in ("uniform", "top1", random_table(0, 25)):
        machine = md.AttentionScore(images, COSINE, window=3, attention=chosen)
        np.testing.assert_allclose(machine(x, 0.4)[..., 1], 1, rtol=0, atol=1e-14)


def test_bits_depend_on_no_split(monkeypatch):
    """Threads, shards, blocks of queries, and one query at a time: the same bits."""
    images = training_set(0, (9, 5, 5, 1))
    x = noised(images, 0.3, COSINE, 1, queries=3)
    machine = md.AttentionScore(images, COSINE, window=3, attention=random_table(0, 25))
    whole = machine(x, 0.3)
    monkeypatch.setattr(shards, "TASK_COST", 1e3)
    monkeypatch.setattr(shards, "SMALLEST_COST", 1e2)
    monkeypatch.setattr("minidiff.engine.pooling.MOST_EVIDENCE", 1)
    try:
        for threads in (1, 3):
            md.set_threads(threads)
            np.testing.assert_array_equal(machine(x, 0.3), whole)
    finally:
        md.set_threads(None)
    np.testing.assert_array_equal(machine(x[1], 0.3), whole[1])


def test_tables_over_time_labels_and_many_estimates_at_once():
    """strength and window may depend on t; a label is a smaller training set; estimates() is what each machine says by itself."""
    images, labels = training_set(0, (6, 5, 5, 1)), np.array([0, 1, 0, 1, 0, 1])
    x = noised(images, 0.4, COSINE, 1)
    machine = md.AttentionScore(images, COSINE, window=[3, 5], strength=[0.0, 1.0], labels=labels)
    called = md.AttentionScore(images, COSINE, window=5, strength=lambda t: 1.0 if t > 0.5 else 0.0)
    early = md.AttentionScore(images, COSINE, window=5, strength=1)
    np.testing.assert_array_equal(machine(x, np.array([0.3, 0.8]))[1], early(x[1], 0.8))
    np.testing.assert_array_equal(called(x, 0.8), early(x, 0.8))
    odd = md.AttentionScore(images[1::2], COSINE, window=5, strength=1)
    np.testing.assert_array_equal(machine(x, 0.8, label=1), odd(x, 0.8))
    np.testing.assert_array_equal(machine.provenance(x, 0.8, label=1).image, 2 * odd.provenance(x, 0.8).image + 1)
    several = machine.estimates(x, 0.8, windows=[1, 5], strengths=[0, 1, 2])
    assert several.shape == (2, 3, *x.shape)
    np.testing.assert_array_equal(several[1, 1], early(x, 0.8))
    np.testing.assert_array_equal(machine.estimates(x[0], 0.8, [1, 5], [0, 1, 2]), several[:, :, 0])


GOOD = training_set(0, (3, 4, 4, 1))
UNEVEN = np.full((16, 16), 1 / 8)


def build(**options):
    return md.AttentionScore(GOOD, COSINE, **{"window": 3} | options)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: build(attention="softmax"), ValueError, "attention: expected one of uniform, top1"),
        (lambda: build(attention=("band", -1)), ValueError, "attention: expected at least 0"),
        (lambda: build(attention=("band",)), ValueError, "attention: expected"),
        (lambda: build(attention=3), ValueError, "attention: expected"),
        (lambda: build(attention=np.eye(4)), ValueError, "(16, 16), got (4, 4)"),
        (lambda: build(attention=UNEVEN), ValueError, "sums off by up to 1"),
        (lambda: build(attention=2 * np.eye(16) - UNEVEN / 2), ValueError, "weights from -0.0625"),
        (lambda: build(attention=np.eye(16) * np.nan), ValueError, "attention: expected finite"),
        (lambda: build(attention=lambda x, t: UNEVEN[:4])(GOOD, 0.5), ValueError, "(16, 16), got (4, 16)"),
        (lambda: build(attention=lambda x, t: UNEVEN[None])(GOOD, 0.5), ValueError, "(3, 16, 16), got (1, 16, 16)"),
        (lambda: build(strength=-1), ValueError, "strength: expected a finite number in [0, inf]"),
        (lambda: build(strength="a"), TypeError, "strength: expected a number"),
        (lambda: build(strength=[]), ValueError, "strength: expected at least one"),
        (lambda: build(strength=lambda t: -t)(GOOD, 0.5), ValueError, "strength(t = 0.5): expected"),
        (lambda: build(candidates="here"), ValueError, "candidates: expected one of anywhere, colocated"),
        (lambda: build(window=2), ValueError, "window: expected an odd number"),
        (lambda: build().estimates(GOOD, 0.5, [], [1]), ValueError, "expected at least one of each"),
        (lambda: build().estimates(GOOD, 0.5, [3], [-1]), ValueError, "strengths: expected"),
    ],
)
def test_bad_input_is_named(make, error, words):
    """Bad input raises before any work, with the argument, what was expected and what came, in one line."""
    with pytest.raises(error) as caught:
        make()
    assert words in str(caught.value) and "\n" not in str(caught.value)
