"""Training: the loss and its minimum, Adam, the average, and runs that are broken off, resumed or spoiled."""

import importlib
import itertools
import os

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidiff import process, schedules
from minidiff.nets import Network, train
from minidiff.nets.train import Adam, denoising_loss, learning_rate, stratified_times

SEEDS = st.integers(0, 2**32 - 1)


@pytest.fixture(autouse=True)
def one_thread():
    """Networks this small are done before a second thread has woken up."""
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(before)


def small(**options):
    return Network(**{"width": 4, "depth": 1} | options)


def stripes(count=12, side=6):
    """(count, side, side, 1) float32 images of +-1 stripes, upright or lying."""
    row = np.where(np.arange(side) // 2 % 2, 1.0, -1.0)
    one = np.stack([np.broadcast_to(row, (side, side)), np.broadcast_to(row[:, None], (side, side))])
    return np.tile(one, (count // 2, 1, 1))[..., None].astype(np.float32)


def run(network, *args, until=None, **options):
    """[(step, loss, rate)] of a run, stopped after `until` steps."""
    steps = train(network, *args, **options)
    return [progress[:3] for progress in itertools.islice(steps, until)]


def same(one, other):
    return all(np.array_equal(one.params[name], other.params[name]) for name in one.params)


# --- loss, times, rate, Adam -----------------------------------------------------------------------------------------


def test_loss_is_the_mean_squared_error_of_what_is_predicted():
    """A fresh network predicts 0: the loss is the mean square of a eps - s x_0, of eps, or of x_0."""
    rng, t = np.random.default_rng(0), np.array([0.1, 0.5, 0.9])
    x0, eps = rng.standard_normal((2, 3, 4, 4, 1))
    v = process.v_from_x0(x0, eps, t, schedules.cosine())
    for prediction, target in (("v", v), ("noise", eps), ("x0", x0)):
        loss, _ = denoising_loss(small(prediction=prediction, dtype=np.float64), x0, t, eps)
        assert loss == pytest.approx(np.mean(target**2), rel=1e-12)


def test_loss_gradient():
    """Along a random direction of all parameters together, by a central difference; error h^2 = 1e-10."""
    rng, t = np.random.default_rng(1), np.array([0.1, 0.5, 0.9])
    x0, eps = rng.standard_normal((2, 3, 4, 4, 1))
    network = small(dtype=np.float64, activation="silu", labels=2)
    params = {name: value + 0.3 * rng.standard_normal(value.shape) for name, value in network.params.items()}
    directions = {name: rng.standard_normal(value.shape) for name, value in params.items()}

    def loss(h):
        network.params = {name: value + h * directions[name] for name, value in params.items()}
        return denoising_loss(network, x0, t, eps, np.array([0, 1, 2]))

    found = sum((gradient * directions[name]).sum() for name, gradient in loss(0.0)[1].items())
    assert (loss(1e-5)[0] - loss(-1e-5)[0]) / 2e-5 == pytest.approx(found, rel=1e-6)


@settings(deadline=None)
@given(st.integers(1, 70), SEEDS)
def test_times_are_stratified(batch, seed):
    """One time in each of `batch` equal parts of [0, 1]."""
    times = stratified_times(batch, np.random.default_rng(seed))
    np.testing.assert_array_equal(np.floor(times * batch), np.arange(batch))


@settings(deadline=None)
@given(st.integers(2, 500), st.data())
def test_rate_rises_and_falls(steps, data):
    """Up in a straight line to the greatest rate at the end of the warm-up, then down to 0, never negative."""
    warmup = data.draw(st.integers(0, steps - 1))
    rates = np.array([learning_rate(step, steps, 2.0, warmup) for step in range(1, steps + 1)])
    if warmup:
        np.testing.assert_allclose(rates[:warmup], 2.0 * np.arange(1, warmup + 1) / warmup)
    assert (np.diff(rates[max(warmup - 1, 0) :]) <= 0).all() and rates.min() >= 0
    assert rates[-1] <= 1e-12


def test_adam_is_the_published_recursion():
    """Moments with bias correction, written out: m_hat / (sqrt(v_hat) + 1e-8), each step along it."""
    rng = np.random.default_rng(2)
    theta, gradients = rng.standard_normal(5), rng.standard_normal((4, 5))
    expected, adam = theta.copy(), Adam(theta.copy())
    for step in range(1, 5):
        adam.update(gradients[step - 1], 0.01, step)
        weights = 0.9 ** np.arange(step - 1, -1, -1), 0.999 ** np.arange(step - 1, -1, -1)
        mean = (weights[0] @ gradients[:step]) / weights[0].sum()
        square = (weights[1] @ gradients[:step] ** 2) / weights[1].sum()
        expected = expected - 0.01 * mean / (np.sqrt(square) + 1e-8)
    np.testing.assert_allclose(adam.theta, expected, rtol=1e-10)


@pytest.mark.slow
@pytest.mark.compiled
def test_a_linear_network_reaches_the_wiener_filter():
    """At one t, on stationary Gaussian data, the best linear denoiser is a filter, and training finds it.

    The data's spectrum S is chosen so that the Wiener filter w = a S / (a^2 S + s^2) is a cross of 3 x 3. A batch of the columns
    of roots of the two covariances, x_0's and eps's, each with both signs, has the second moments of the data exactly: nothing is
    sampled, and the minimum is the filter itself.
    """
    side, t, schedule = 6, 0.4, schedules.cosine()
    a, s = float(schedule.signal(t)), float(schedule.noise(t))
    cross = np.zeros((side, side))
    cross[0, 0], cross[0, [1, -1]], cross[[1, -1], 0] = 0.5 / a, 0.1 / a, 0.1 / a
    gain = np.fft.fft2(cross).real
    spectrum = s * s * gain / (a * (1 - a * gain))
    assert spectrum.min() > 0

    modes = np.eye(side * side).reshape(-1, side, side)
    root = np.fft.ifft2(np.fft.fft2(modes) * np.sqrt(spectrum)).real  # rows of a square root of the covariance
    x0 = np.concatenate([root, -root, 0 * modes, 0 * modes])[..., None]
    eps = np.concatenate([0 * modes, 0 * modes, modes, -modes])[..., None]
    network = small(width=8, padding="circular", prediction="x0", activation="none", dtype=np.float64)
    adam = Adam(np.concatenate([value.ravel() for value in network.params.values()]))
    ends = np.cumsum([value.size for value in network.params.values()])[:-1]
    shapes = {name: value.shape for name, value in network.params.items()}
    steps = 800
    for step in range(1, steps + 1):
        parts = np.split(adam.theta, ends)
        network.params = {name: part.reshape(shapes[name]) for name, part in zip(shapes, parts, strict=True)}
        _, grads = denoising_loss(network, x0, np.full(len(x0), t), eps)
        adam.update(np.concatenate([g.ravel() for g in grads.values()]), learning_rate(step, steps, 0.01, 20), step)
    impulse = np.zeros((side, side, 1))
    impulse[0, 0] = 1
    response = network(impulse, t) - network(0 * impulse, t)
    # Adam moves each weight by up to its rate, whatever the gradient: over the last tenth of the run that is 2e-4 at most.
    np.testing.assert_allclose(response[..., 0], cross, atol=2e-4)


# --- runs ------------------------------------------------------------------------------------------------------------


@pytest.mark.compiled
def test_training_lowers_the_loss():
    """Stripes are easy: the mean loss of the last tenth of 150 steps is under 0.7 of the first steps'."""
    network = small(width=8, depth=2, padding="circular")
    losses = [loss for _, loss, _ in run(network, stripes(), steps=150, batch=16, rate=1e-2)]
    assert np.mean(losses[-15:]) < 0.7 * np.mean(losses[:5])


def test_the_network_handed_in_holds_the_average():
    """After one step the average has moved by (1 - 2/11) of Adam's first step, whose size is the rate in each weight moved."""
    network, before = small(dtype=np.float64), small(dtype=np.float64)
    (_,) = run(network, stripes(), steps=10, batch=8, rate=1e-3, warmup=0, until=1)
    moved = abs(network.params["output.weight"] - before.params["output.weight"])
    np.testing.assert_allclose(moved, (1 - 2 / 11) * learning_rate(1, 10, 1e-3, 0), rtol=1e-3)


def test_a_seed_gives_a_run():
    """The same seed, the same numbers; another, others; a Generator is taken as it is."""
    networks = [small() for _ in range(4)]
    losses = [
        run(network, stripes(), steps=3, batch=8, rng=rng)
        for network, rng in zip(networks, (0, 0, 1, np.random.default_rng(0)), strict=True)
    ]
    assert losses[0] == losses[1] == losses[3] != losses[2]
    assert same(networks[0], networks[1]) and not same(networks[0], networks[2])


@pytest.mark.compiled
@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="needs two threads")
def test_threads_do_not_change_a_bit():
    """A run with attention on one thread and on two."""
    networks, losses = [], []
    for threads in (1, 2):
        numba.set_num_threads(threads)
        networks.append(small(attention="softmax"))
        losses.append(run(networks[-1], stripes(), steps=4, batch=18))
    assert losses[0] == losses[1] and same(*networks)


@pytest.mark.parametrize("bits", [np.random.PCG64, np.random.MT19937])
def test_a_resumed_run_is_the_unbroken_one(tmp_path, bits):
    """Broken off after 5 of 9 steps with a checkpoint at 4: resumed in a fresh network, it makes steps 5 to 9 bit for bit."""
    images, labels, path = stripes(), np.arange(12) % 2, tmp_path / "run.npz"
    options = {"labels": labels, "steps": 9, "batch": 8}

    def fresh(seed=0):
        return small(labels=2, attention="top1", rng=seed)

    unbroken, broken, resumed = fresh(), fresh(), fresh(seed=5)
    whole = run(unbroken, images, rng=np.random.Generator(bits(3)), **options)
    run(broken, images, rng=np.random.Generator(bits(3)), checkpoint=path, every=4, until=5, **options)
    rest = run(resumed, images, checkpoint=path, every=4, resume=path, **options)
    assert rest == whole[4:]
    assert same(resumed, unbroken)
    assert os.listdir(tmp_path) == ["run.npz"]
    # The run wrote its end, and from there nothing is left to do.
    done = fresh()
    assert run(done, images, resume=path, **options) == [] and same(done, unbroken)


@pytest.mark.parametrize("where", ["gradient", "update", "average"])
def test_an_interrupt_in_a_step_writes_the_step_before(tmp_path, monkeypatch, where):
    """Ctrl-C at any place of step 6, with half of it done: the checkpoint is of step 5, and the rest comes out bit for bit."""
    path, options = tmp_path / "run.npz", {"steps": 9, "batch": 4, "checkpoint": tmp_path / "run.npz"}
    whole = small()
    run(whole, stripes(), steps=9, batch=4)
    steps = train(small(), stripes(), **options)
    list(itertools.islice(steps, 5))
    module = importlib.import_module("minidiff.nets.train")

    def broken(adam, gradient, rate, step):
        adam.m += 1
        raise KeyboardInterrupt

    def stop(*_):
        raise KeyboardInterrupt

    place = {"gradient": (module, "_flat", stop), "update": (Adam, "update", broken), "average": (module, "min", stop)}[where]
    monkeypatch.setattr(*place, raising=False)
    with pytest.raises(KeyboardInterrupt):
        next(steps)
    monkeypatch.undo()
    resumed = small(rng=5)
    assert [step for step, _, _ in run(resumed, stripes(), resume=path, **options)] == [6, 7, 8, 9]
    assert same(resumed, whole)


def test_an_interrupted_run_keeps_its_checkpoint(tmp_path, monkeypatch):
    """Ctrl-C in the middle of writing the next one leaves the last one as it was, and no half file beside it."""
    path = tmp_path / "run.npz"
    steps = train(small(), stripes(), steps=9, batch=4, checkpoint=path, every=2)
    next(steps), next(steps)
    kept = path.read_bytes()

    def interrupt(file, **arrays):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez_compressed", interrupt)
    next(steps)
    with pytest.raises(KeyboardInterrupt):
        next(steps)
    assert path.read_bytes() == kept and os.listdir(tmp_path) == ["run.npz"]


@pytest.mark.parametrize("rate", [1e12, 1e30, 1e300])
def test_a_diverging_run_is_stopped(tmp_path, rate):
    """A huge rate ends in an error that names the step; the network and the checkpoint are as they were before."""
    path, network = tmp_path / "run.npz", small(depth=3)
    steps = train(network, stripes(), steps=40, batch=4, rate=rate, warmup=0, checkpoint=path, every=1)
    with pytest.raises(FloatingPointError, match=r"expected a finite loss.* at step \d+ of 40, .*hint: a smaller rate"):
        kept = None
        for _ in steps:
            kept = path.read_bytes()
    assert (path.read_bytes() if path.exists() else None) == kept
    assert all(np.isfinite(value).all() for value in network.params.values())


BASE = {"steps": 6, "batch": 4, "rate": 1e-3, "warmup": 2, "average": 0.9}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"steps": 5}, "same plan, got steps = 6 there and 5 here"),
        ({"rate": 2e-3}, "same plan, got rate = 0.001 there and 0.002 here"),
        ({"batch": 5}, "batch = 4"),
        ({"images": -stripes()}, "same images"),
        ({"network": {"width": 5}}, "same network, got width = 4 there and 5 here"),
        ({"network": {"labels": 2}, "labels": np.zeros(12, int)}, "same network"),
        ({"network": {"schedule": schedules.flow()}}, "same network, got schedule"),
    ],
)
def test_a_resume_with_other_settings_is_refused(tmp_path, changes, words):
    """One line that names what differs; the checkpoint and the network stay as they are."""
    path = tmp_path / "run.npz"
    run(small(), stripes(), checkpoint=path, every=2, until=2, **BASE)
    kept, changes = path.read_bytes(), dict(changes)
    network = small(**changes.pop("network", {}))
    before = network.copy()
    with pytest.raises(ValueError, match=words) as caught:
        train(network, changes.pop("images", stripes()), resume=path, checkpoint=path, **(BASE | changes))
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == kept and same(network, before)


def test_a_spoiled_checkpoint_is_refused(tmp_path):
    """Truncated, or a saved network: a line that names the file. A file that is not there is a FileNotFoundError."""
    path = tmp_path / "run.npz"
    run(small(), stripes(), checkpoint=path, until=6, **BASE)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"run\.npz: expected a minidiff checkpoint file"):
        train(small(), stripes(), resume=path, **BASE)
    small().save(path)
    with pytest.raises(ValueError, match="checkpoint file, got a network file"):
        train(small(), stripes(), resume=path, **BASE)
    with pytest.raises(FileNotFoundError):
        train(small(), stripes(), resume=tmp_path / "none.npz", **BASE)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"network": lambda x, t: x}, TypeError, "network: expected a Network"),
        ({"images": stripes()[0]}, ValueError, "images: expected shape"),
        ({"images": stripes() * np.nan}, ValueError, "images: expected finite"),
        ({"images": np.zeros((2, 6, 6, 3))}, ValueError, "images: expected 1 channels"),
        ({"steps": 0}, ValueError, "steps: expected at least 1"),
        ({"batch": 2.0}, TypeError, "batch: expected"),
        ({"rate": -1}, ValueError, "rate: expected"),
        ({"warmup": 6}, ValueError, "warmup: expected from 0 to 5"),
        ({"average": 1.0}, ValueError, "average: expected"),
        ({"every": 0}, ValueError, "every: expected"),
        ({"checkpoint": "/no/such/folder/run.npz"}, ValueError, "checkpoint: expected a path in a folder"),
        ({"rng": "seed"}, TypeError, "rng: expected"),
        ({"labels": np.zeros(12, int)}, ValueError, "made with labels=0"),
        ({"network": small(labels=2), "labels": np.zeros(5, int)}, ValueError, "labels: expected"),
        ({"network": small(labels=2), "labels": np.full(12, 2)}, ValueError, "labels: expected classes from 0 to 1"),
    ],
)
def test_bad_input_is_named(changes, error, words):
    """At the call, not at the first step."""
    options = {"network": small(), "images": stripes(), **BASE} | changes
    with pytest.raises(error, match=words):
        train(**options)


# --- labels ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [[100000, 100001], [-2, -1], [2**63, 2**70], ["ant", "bee"], np.array([200, 255], np.uint8)])
def test_any_labels_train_as_their_numbers_do(tmp_path, names):
    """The same weights as with classes 0 and 1, bit for bit; the checkpoint is small and keeps the names."""
    images, path, positions = stripes(), tmp_path / "run.npz", np.arange(12) % 2
    labels = [names[i] for i in positions]
    plain, named = small(labels=2), small(labels=labels)
    run(plain, images, steps=4, batch=4, labels=positions)
    run(named, images, steps=4, batch=4, labels=labels, checkpoint=path)
    assert same(plain, named) and path.stat().st_size < 100_000
    done = small(labels=labels, rng=1)
    assert run(done, images, steps=4, batch=4, labels=labels, resume=path) == [] and same(done, named)
    with pytest.raises(ValueError, match="same network, got labels"):
        train(small(labels=["ant", "cat"]), images, steps=4, batch=4, labels=["ant", "cat"] * 6, resume=path)


@pytest.mark.parametrize("labels", [[0.5] * 12, [True, False] * 6, [0, "ant"] * 6, [None] * 12, [-1, 0] * 6, ["ant", "bee"] * 6])
def test_labels_that_are_none_of_the_network_s_are_refused(labels):
    """Before any step, in one line: no label at all, and no class of this network."""
    with pytest.raises((TypeError, ValueError), match=r"^labels: expected") as caught:
        train(small(labels=2), stripes(), steps=2, labels=labels)
    assert "\n" not in str(caught.value)
