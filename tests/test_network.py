"""The network as a denoiser, its gradients as a whole, what it can see, and its files."""

import json

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidiff import files, process, schedules
from minidiff.nets import Network, layers

law = settings(deadline=None, max_examples=10)
SEEDS = st.integers(0, 2**32 - 1)
TIMES = np.array([0.2, 0.9])
ATTENTION = st.sampled_from((None, "softmax", "identity"))


@pytest.fixture(autouse=True)
def one_thread():
    """Networks this small are done before a second thread has woken up."""
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(before)


def stirred(seed=0, **options):
    """A small float64 network in which every parameter has a random value: a fresh one's last layer is zero."""
    network = Network(**{"width": 4, "depth": 2, "dtype": np.float64, "rng": seed} | options)
    rng = np.random.default_rng(seed)
    network.params = {
        name: value + 0.3 * rng.standard_normal(value.shape).astype(value.dtype) for name, value in network.params.items()
    }
    return network


def images(seed, shape=(2, 5, 6, 1), dtype=np.float64):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


# --- gradients -------------------------------------------------------------------------------------------------------


def unit(rng, shape):
    direction = rng.standard_normal(shape)
    return direction / np.linalg.norm(direction)


def assert_network_gradients(network, seed, names=None, classes=None):
    """For each parameter and for x: the directional difference of <out, y> against the backward, relative error 1e-6.

    Directions have length 1, and an error is measured against the length of the gradient, since along a random direction an
    inner product may be near zero by chance. With h = 1e-6 a central difference is off by h^2 times a third derivative, and by
    the rounding of the two values over 2 h. A value is a sum, off by a few eps of the sum of its terms' sizes: the sum itself may
    cancel, and says nothing of its rounding.
    """
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((2, 4, 5, network.channels))
    y, h = rng.standard_normal(x.shape), 1e-6
    out, saved = network.forward(x, TIMES, classes)
    rounding = 8 * np.finfo(np.float64).eps * np.abs(out * y).sum() / h
    grads, dx = network.backward(y, saved, need_dx=True)
    again, _ = network.backward(y, saved, need_dx=True)
    assert list(grads) == list(network.params)

    def value(x=x):
        return float((network.forward(x, TIMES, classes)[0] * y).sum())

    for name in grads if names is None else names:
        np.testing.assert_array_equal(grads[name], again[name])
        parameter = network.params[name]
        direction = unit(rng, parameter.shape)
        values = []
        for sign in (1, -1):
            network.params[name] = parameter + sign * h * direction
            values.append(value())
        network.params[name] = parameter
        difference, found = (values[0] - values[1]) / (2 * h), float((grads[name] * direction).sum())
        assert grads[name].shape == parameter.shape
        assert abs(difference - found) <= 1e-6 * np.linalg.norm(grads[name]) + rounding, name
    if names is None:
        direction = unit(rng, x.shape)
        difference = (value(x + h * direction) - value(x - h * direction)) / (2 * h)
        assert abs(difference - (dx * direction).sum()) <= 1e-6 * np.linalg.norm(dx) + rounding


@law
@given(SEEDS, ATTENTION, st.sampled_from(layers.PADDINGS), st.sampled_from((0, 3)), st.integers(0, 2))
def test_network_gradients(seed, attention, padding, labels, depth):
    """Every parameter and the input, for each attention, padding, depth, with and without labels."""
    network = stirred(seed, attention=attention, padding=padding, labels=labels, depth=depth, activation="silu", channels=2)
    assert_network_gradients(network, seed, classes=np.array([0, labels]) if labels else None)


@law
@given(SEEDS, ATTENTION, st.sampled_from(("relu", "none")))
def test_network_gradients_with_other_activations(seed, attention, activation):
    """ReLU has a corner at 0, but a step of 1e-6 seldom takes one of the few hundred units across; if so, try the next."""
    for attempt in range(3):
        network = stirred(seed, attention=attention, activation=activation)
        try:
            assert_network_gradients(network, seed)
            return
        except AssertionError:
            if activation != "relu" or attempt == 2:
                raise
        seed += 1


@pytest.mark.parametrize("seed", range(3))
def test_top1_network_gradients(seed, monkeypatch):
    """After the hard choice, the plain gradient; before it, that of soft attention plus the constant that makes it hard."""
    network = stirred(seed, attention="top1", activation="silu")
    after = ("attention.value.weight", "attention.out.weight", "output.weight", "output.bias")
    assert_network_gradients(network, seed, names=after)

    constants = []

    def surrogate(q, k, v, kind):
        soft = layers.attention_map(q, k, "softmax")
        if not constants:
            constants.append(layers.attention_map(q, k, kind) - soft)
        out = np.einsum("bpj,bjd->bpd", soft + constants[0], v.reshape(len(v), -1, v.shape[3]))
        return out.reshape(v.shape)

    monkeypatch.setattr(layers, "attention", surrogate)
    assert_network_gradients(network, seed)


# --- a denoiser ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_is_called_like_a_machine(dtype):
    """One image or many, one time or one each: the same numbers, of x's shape and dtype."""
    network, x = stirred(dtype=dtype), images(0, dtype=dtype)
    together = network(x, TIMES)
    assert together.shape == x.shape and together.dtype == dtype
    for n in range(2):
        np.testing.assert_array_equal(network(x[n], TIMES[n]), together[n])
    np.testing.assert_array_equal(network(x, 0.2)[0], together[0])
    other = np.float64 if dtype == np.float32 else np.float32
    assert network(x.astype(other), TIMES).dtype == other


def test_eps_and_score_are_conversions_of_x0_hat():
    """x = a x0_hat + s eps_hat and score = -eps_hat / s; both refused where s = 0."""
    network, x = stirred(), images(1)
    a, s = (np.reshape(level(TIMES), (2, 1, 1, 1)) for level in (network.schedule.signal, network.schedule.noise))
    np.testing.assert_allclose(a * network(x, TIMES) + s * network.eps(x, TIMES), x, rtol=1e-12)
    np.testing.assert_allclose(network.score(x, TIMES), -network.eps(x, TIMES) / s, rtol=1e-12)
    for view in (network.eps, network.score):
        with pytest.raises(ValueError, match="no noise"):
            view(x, 0.0)


def test_what_each_prediction_means():
    """A fresh network's last layer is zero, so v = 0, eps = 0 or x_0 = 0: x0_hat is a x (for a^2 + s^2 = 1), x / a or 0."""
    x, a = images(2), float(schedules.cosine().signal(0.3))
    for prediction, expected in (("v", a * x), ("noise", x / a), ("x0", 0 * x)):
        network = Network(width=4, depth=1, prediction=prediction, dtype=np.float64)
        np.testing.assert_allclose(network(x, 0.3), expected, rtol=1e-12)


def test_a_noise_prediction_is_refused_without_signal():
    """Flow's a(1) = 0: x - s eps says nothing of x_0 there; v and x0 do."""
    x = images(3)
    for prediction in ("v", "x0"):
        assert np.isfinite(stirred(prediction=prediction, schedule=schedules.flow())(x, 1.0)).all()
    network = stirred(prediction="noise", schedule=schedules.flow())
    assert np.isfinite(network(x, 0.99)).all()
    with pytest.raises(ValueError, match="no signal"):
        network(x, 1.0)


def test_it_samples():
    """The samplers take it, with its own schedule and a label."""
    network = stirred(labels=2, dtype=np.float32)
    *_, last = process.ddim(network, network.schedule, shape=(2, 6, 6, 1), steps=3, rng=0, label=1)
    assert last.x.shape == (2, 6, 6, 1) and np.isfinite(last.x).all()


def test_labels():
    """Classes and no class give different images; one class for all is the same as one each."""
    network, x = stirred(labels=2), images(4)
    np.testing.assert_array_equal(network(x, 0.5, 1), network(x, 0.5, np.array([1, 1])))
    outs = [network(x, 0.5, label) for label in (None, 0, 1)]
    assert all(abs(one - other).max() > 1e-3 for n, one in enumerate(outs) for other in outs[:n])


ANY_LABELS = {
    "large and sparse": [100000, 100001, 20240131],
    "negative": [-7, -1],
    "negative and positive": [-1, 0, 300],
    "the ends of int64": [-(2**63), 2**63 - 1],
    "beyond int64": [-1, 2**63, 2**70],
    "names": ["ant", "bee", "cat"],
}


@pytest.mark.parametrize("names", ANY_LABELS.values(), ids=ANY_LABELS)
def test_any_whole_numbers_or_names_are_classes(names, tmp_path):
    """Classes are numbered in the order of their names, which a file of weights keeps; memory grows with their number."""
    network, plain = stirred(labels=names[::-1] + names[:1]), stirred(labels=len(names))
    assert network.label_names == tuple(names) and network.labels == len(names)
    assert network.params["label.table"].shape == (len(names) + 1, 64)
    x = images(4, (len(names), 5, 6, 1))
    network.save(tmp_path / "net.npz")
    for other in (network, Network.load(tmp_path / "net.npz"), network.copy()):
        assert other.label_names == tuple(names) and other.settings == network.settings
        np.testing.assert_array_equal(other(x, 0.5, names), plain(x, 0.5, np.arange(len(names))))
        for number, name in enumerate(names):
            np.testing.assert_array_equal(other(x, 0.5, name), plain(x, 0.5, number))


def test_unsigned_labels_do_not_wrap():
    """255 of uint8 and 2^64 - 1 of uint64 are themselves, as classes and in a call."""
    x = images(4)
    for dtype in (np.uint8, np.uint16, np.uint64):
        most = int(np.iinfo(dtype).max)
        labels = np.array([most, 2], dtype)
        network = stirred(labels=labels)
        assert network.label_names == (2, most)
        np.testing.assert_array_equal(network(x, 0.5, labels), network(x, 0.5, [most, 2]))
        np.testing.assert_array_equal(network(x, 0.5, dtype(most)), network(x, 0.5, most))
        with pytest.raises(ValueError, match="label: expected one of 2,"):
            network(x, 0.5, -1)


def test_a_number_of_classes_is_as_before(tmp_path):
    """labels=3 has the classes 0, 1 and 2, and is written as the number, so that files of before and of now are alike."""
    network = stirred(labels=3)
    assert network.label_names == (0, 1, 2) and network.settings["labels"] == 3 == stirred(labels=[2, 1, 0]).settings["labels"]
    assert stirred().label_names == () and stirred(labels=[]).labels == 0


@pytest.mark.parametrize("names", [[3, 100000], ["ant", "bee"]])
@pytest.mark.parametrize(
    "label", [True, np.True_, 0.5, 3.0, [True, False], [0.5, 0.5], [3, None], [3, "ant"], {"ant": 1}, 4, "dog", 2**80]
)
def test_what_is_no_label_is_named(names, label):
    """A bool, a float, None, both kinds at once, and a label that is no class: one line."""
    network = stirred(labels=names)
    with pytest.raises((TypeError, ValueError), match=r"^label: expected") as caught:
        network(images(4), 0.5, label)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "labels", [True, 2.5, "ant", [1, 2.5], [True, False], [None], [1, "ant"], [[1, 2]], {"ant": 1}, np.ones(3)]
)
def test_what_names_no_classes_is_refused(labels):
    """Neither a number of classes nor a list of whole numbers or of names: one line."""
    with pytest.raises(TypeError, match=r"^labels: expected") as caught:
        Network(labels=labels)
    assert "\n" not in str(caught.value)


def test_a_linear_network_is_linear():
    """activation="none": f(x + y) + f(0) = f(x) + f(y) at one time."""
    network, x, y = stirred(activation="none", prediction="x0"), images(5), images(6)
    left = network(x + y, 0.4) + network(0 * x, 0.4)
    np.testing.assert_allclose(left, network(x, 0.4) + network(y, 0.4), rtol=1e-10, atol=1e-10)


# --- what it can see -------------------------------------------------------------------------------------------------


@law
@given(SEEDS, ATTENTION, st.integers(0, 6), st.integers(0, 5))
def test_a_circular_network_commutes_with_shifts(seed, attention, down, right):
    """Shift the noisy image around the torus and the estimate shifts with it, to rounding."""
    network, x = stirred(seed, attention=attention, padding="circular"), images(seed)

    def shift(image):
        return np.roll(image, (down, right), (1, 2))

    np.testing.assert_allclose(network(shift(x), 0.5), shift(network(x, 0.5)), rtol=1e-10, atol=1e-10)


def test_zero_padding_tells_where_the_border_is():
    """The same network with zeros around does not commute."""
    network, x = stirred(), images(7)
    assert abs(network(np.roll(x, 2, 1), 0.5) - np.roll(network(x, 0.5), 2, 1)).max() > 1e-3


@pytest.mark.parametrize("attention", [None, "identity", "softmax", "top1"])
@pytest.mark.parametrize("padding", layers.PADDINGS)
def test_receptive_field(padding, attention):
    """One noisy pixel moved by 30: nothing changes outside the receptive field, bit for bit; within, its corners do.

    With attention between pixels something changes outside too.
    """
    network, x = stirred(padding=padding, attention=attention), images(8, (1, 15, 15, 1))
    assert network.receptive_field == 7
    moved = x.copy()
    moved[0, 7, 7] += 30
    changed = (network(moved, 0.5) != network(x, 0.5))[0, :, :, 0]
    inside = np.zeros_like(changed)
    inside[4:11, 4:11] = True
    assert changed[inside].all() and changed[4, 4]
    assert changed[~inside].any() == (attention in ("softmax", "top1"))


def test_attention_map():
    """(B, H W, H W), rows of sum 1; the identity for the control, one-hot for top-1; refused without attention."""
    x = images(9)
    maps = {kind: stirred(attention=kind).attention_map(x, TIMES) for kind in layers.ATTENTIONS}
    for kind, found in maps.items():
        assert found.shape == (2, 30, 30), kind
        np.testing.assert_allclose(found.sum(axis=2), 1, rtol=1e-12)
    np.testing.assert_array_equal(maps["identity"][1], np.eye(30))
    np.testing.assert_array_equal(maps["top1"].argmax(axis=2), maps["softmax"].argmax(axis=2))
    assert stirred(attention="top1").attention_map(x[0], 0.2).shape == (1, 30, 30)
    with pytest.raises(ValueError, match="attention=None"):
        stirred().attention_map(x, 0.5)


# --- files -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path):
    """(path, network): a saved network with every option away from its default."""
    network = stirred(
        channels=3,
        padding="circular",
        prediction="noise",
        activation="silu",
        attention="top1",
        labels=2,
        schedule=schedules.exponential(3.0),
        dtype=np.float32,
    )
    network.save(tmp_path / "net.npz", notes={"command": "minidiff train", "r": 0.98})
    return tmp_path / "net.npz", network


def test_a_saved_network_comes_back_bit_for_bit(saved):
    """Settings, schedule, parameters and notes; a copy is as good, and shares nothing."""
    path, network = saved
    loaded, twin, x = Network.load(path), network.copy(), images(10, (2, 5, 6, 3), np.float32)
    assert loaded.settings == network.settings == twin.settings and loaded.schedule == network.schedule
    assert loaded.notes == {"command": "minidiff train", "r": 0.98}
    for other in (loaded, twin):
        np.testing.assert_array_equal(other(x, TIMES, 1), network(x, TIMES, 1))
    twin.params["output.bias"] += 1
    assert not np.array_equal(twin(x, TIMES), network(x, TIMES))


def rewrite(path, change):
    """The file again, after change(settings, arrays)."""
    with np.load(path) as file:
        arrays = dict(file)
    settings = json.loads(str(arrays.pop("settings")))
    change(settings, arrays)
    np.savez(path, settings=np.array(json.dumps(settings)), **arrays)


def one_array(path):
    with open(path, "wb") as file:
        np.save(file, np.zeros(3))


SPOILERS = {
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-400]),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("hello"),
    "flipped": lambda path: path.write_bytes(path.read_bytes()[:3000] + b"\0" * 200 + path.read_bytes()[3200:]),
    "foreign npz": lambda path: np.savez(path, weights=np.zeros(3)),
    "one array": one_array,
    "pickle": lambda path: np.savez(path, settings=np.array([{"kind": "network"}], object)),
    "not a dict": lambda path: np.savez(path, settings=np.array("[1]")),
    "other kind": lambda path: rewrite(path, lambda settings, arrays: settings.update(kind="checkpoint")),
    "no settings": lambda path: rewrite(path, lambda settings, arrays: settings.pop("network")),
    "other settings": lambda path: rewrite(path, lambda settings, arrays: settings["network"].update(colour=1)),
    "other width": lambda path: rewrite(path, lambda settings, arrays: settings["network"].update(width=5)),
    "schedule": lambda path: rewrite(path, lambda settings, arrays: settings["network"]["schedule"].update(name="mine")),
    "missing": lambda path: rewrite(path, lambda settings, arrays: arrays.pop("output.bias")),
    "extra": lambda path: rewrite(path, lambda settings, arrays: arrays.update(more=np.zeros(1))),
    "mis-shaped": lambda path: rewrite(path, lambda settings, arrays: arrays.update({"output.bias": np.zeros(2, "f4")})),
    "dtype": lambda path: rewrite(path, lambda settings, arrays: arrays.update({"output.bias": np.zeros(3)})),
    "nan": lambda path: rewrite(path, lambda settings, arrays: arrays["output.bias"].fill(np.nan)),
}


@pytest.mark.parametrize("spoil", SPOILERS.values(), ids=SPOILERS)
def test_spoiled_files_are_refused(saved, spoil):
    """One line that names the file, whatever is wrong with it."""
    path, _ = saved
    spoil(path)
    with pytest.raises(ValueError, match=r"net\.npz: ") as caught:
        Network.load(path)
    assert "\n" not in str(caught.value)


def test_what_cannot_be_saved(tmp_path):
    """A schedule of one's own has no name to be found by; a file that is not there is a FileNotFoundError."""
    cosine = schedules.cosine()
    mine = schedules.Schedule("mine", (), cosine.signal, cosine.noise, cosine.signal_slope, cosine.variance_slope)
    with pytest.raises(ValueError, match="schedule"):
        stirred(schedule=mine).save(tmp_path / "net.npz")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FileNotFoundError):
        Network.load(tmp_path / "none.npz")


# --- bad input -------------------------------------------------------------------------------------------------------

X = images(11)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"channels": 0}, ValueError, "channels: expected at least 1"),
        ({"width": 2.5}, TypeError, "width: expected"),
        ({"depth": -1}, ValueError, "depth: expected"),
        ({"padding": "reflect"}, ValueError, "padding: expected one of"),
        ({"prediction": "eps"}, ValueError, "prediction: expected one of v, noise, x0"),
        ({"activation": None}, ValueError, "activation: expected"),
        ({"attention": "hard"}, ValueError, "attention: expected"),
        ({"labels": -1}, ValueError, "labels: expected"),
        ({"schedule": "cosine"}, TypeError, "schedule: expected"),
        ({"dtype": int}, TypeError, "dtype: expected"),
        ({"rng": True}, TypeError, "rng: expected"),
    ],
)
def test_bad_settings_are_named(options, error, words):
    """One line, before any work."""
    with pytest.raises(error, match=words):
        Network(**options)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((X[0, 0], 0.5), ValueError, "x: expected"),
        ((X.astype(int), 0.5), TypeError, "x: expected"),
        ((X * np.nan, 0.5), ValueError, "x: expected finite"),
        ((np.zeros((4, 4, 3)), 0.5), ValueError, "x: expected 1 channels"),
        ((X, 1.5), ValueError, "t: expected times"),
        ((X, np.array([0.1, 0.2, 0.3])), ValueError, "t: expected a number, or one per query"),
        ((X, 0.5, 3), ValueError, "label: expected classes from 0 to 2"),
        ((X, 0.5, -1), ValueError, "label: expected classes"),
        ((X, 0.5, 0.5), TypeError, "label: expected a whole number"),
        ((X, 0.5, np.array([0, 1, 2])), TypeError, "label: expected"),
    ],
)
def test_bad_calls_are_named(arguments, error, words):
    """One line, before any work; the same for a call and for the attention map."""
    network = stirred(labels=3, attention="softmax")
    for call in (network, network.attention_map):
        with pytest.raises(error, match=words) as caught:
            call(*arguments)
        assert "\n" not in str(caught.value)


def test_a_label_for_a_network_without_labels():
    """It was never told of classes."""
    with pytest.raises(ValueError, match="labels=0"):
        stirred()(X, 0.5, 1)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"depth": 10**9}, "depth: expected from 0 to 1000, got 1000000000"),
        ({"width": 10**6}, "width, depth: expected convolutions that fit into half of this computer's .* and depth 5"),
        ({"channels": 10**30}, "width, depth: expected convolutions that fit into half of this computer's"),
        ({"labels": 10**9}, "labels: expected from 0 to 1000000, got 1000000000"),
    ],
)
def test_a_network_that_no_computer_holds_is_refused(options, words):
    """Before anything is allocated: the system ended the process when the memory was full, and said nothing."""
    with pytest.raises(ValueError, match=words):
        Network(**options)


def test_a_small_file_that_unpacks_to_more_than_the_memory_is_refused(tmp_path, monkeypatch):
    """A file of weights from an unknown person can do no harm."""
    Network(width=4, depth=1).save(tmp_path / "weights.npz")
    monkeypatch.setattr(files, "memory", lambda: 2**10)
    with pytest.raises(ValueError, match=r"weights.npz: expected a file that fits into half of this computer's .* packed$"):
        Network.load(tmp_path / "weights.npz")


@pytest.mark.parametrize(
    "notes, words",
    [
        (5, "expected a dict, got 5"),
        ({"loss": np.float32(1)}, r"expected a dict that JSON can hold, .*float32.*; hint: float\(value\)"),
        ({"losses": np.ones(3)}, r"expected a dict that JSON can hold, .*ndarray.* array.tolist\(\)"),
    ],
)
def test_notes_that_no_file_holds_are_refused(tmp_path, notes, words):
    """A file with the notes 5 was written, and could not be loaded; of NumPy's numbers JSON's own error named no argument."""
    with pytest.raises(TypeError, match=f"^notes: {words}"):
        Network(width=4, depth=1).save(tmp_path / "weights.npz", notes=notes)
    assert not any(tmp_path.iterdir())
