"""Schedules, machines, networks and answers are Python objects: they print, compare, and can be copied and pickled."""

import concurrent.futures
import copy
import multiprocessing
import pickle

import numpy as np
import pytest

import minidiff as md
from minidiff import machines, process, schedules

SCHEDULES = [schedules.cosine(), schedules.linear(), schedules.exponential(3), schedules.ve(0.02, 30), schedules.flow()]
IMAGES = np.random.default_rng(5).uniform(-1, 1, (80, 6, 6, 1)).astype(np.float32)
LABELS = np.arange(80) % 2
X = np.random.default_rng(6).normal(size=(3, 6, 6, 1)).astype(np.float32)
BAND = machines.attention.band(6, 6, 1, "circular")


def widening(t):
    """A window of the top of a file, which pickle finds by its name."""
    return 3 if t < 0.5 else 5


def half(t):
    return 0.5 * t


MINE = schedules.Schedule("mine", (), half, np.ones_like, np.ones_like, np.zeros_like)
MACHINES = {
    "is": lambda images: md.IdealScore(images, schedules.cosine(), labels=LABELS),
    "es": lambda images: md.EquivariantScore(images, schedules.linear(), reflections="horizontal"),
    "ls": lambda images: md.LocalScore(images, schedules.flow(), window=[3, 5], boundary="zeros"),
    "els": lambda images: md.EquivariantLocalScore(images, MINE, window=widening),
    "attention": lambda images: md.AttentionScore(images, schedules.cosine(), window=3, attention=BAND, strength=half),
    "wiener": lambda images: md.Wiener(images, schedules.ve(), labels=LABELS),
    "stationary": lambda images: md.StationaryWiener(images, schedules.flow()),
    "local_wiener": lambda images: md.LocalWiener(images, schedules.flow(), window=3, anywhere=True),
}
each_machine = pytest.mark.parametrize("make", MACHINES.values(), ids=MACHINES)


def one_line_with(text, *words):
    assert "\n" not in text and all(word in text for word in words), text


# --- schedules -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", [*SCHEDULES, MINE], ids=lambda schedule: schedule.name)
def test_a_schedule_comes_back_from_pickle_and_copy(schedule):
    """It is equal to the first one, has the same hash and print, and the same levels and slopes, bit for bit."""
    t = np.linspace(0, 1, 101)
    for other in (pickle.loads(pickle.dumps(schedule)), copy.deepcopy(schedule), copy.copy(schedule)):
        assert other == schedule and hash(other) == hash(schedule) and repr(other) == repr(schedule)
        for what in ("signal", "noise", "signal_slope", "variance_slope"):
            np.testing.assert_array_equal(getattr(other, what)(t), getattr(schedule, what)(t))


def test_schedules_differ_by_name_and_settings():
    """No two of the package's are equal, nor two of one name with other settings."""
    every = [*SCHEDULES, schedules.ve(0.02, 31), schedules.exponential()]
    assert len(set(every)) == len(every)


def test_a_schedule_of_lambdas_is_refused_by_pickle_by_name_and_can_be_copied():
    """One line names the schedule and the function."""
    mine = schedules.Schedule("my own", (), half, lambda t: t, half, half)
    with pytest.raises(TypeError) as error:
        pickle.dumps(mine)
    one_line_with(str(error.value), "'my own'", "noise", "lambda", "def")
    assert copy.deepcopy(mine) == copy.copy(mine) == mine


# --- machines --------------------------------------------------------------------------------------------------------


@each_machine
@pytest.mark.parametrize("used", [False, True])
def test_a_machine_comes_back_from_pickle_and_copy(make, used):
    """Before use and after it, a copy gives the same bits, prints the same, and is about as large as its images."""
    machine, expected = make(IMAGES), [make(IMAGES)(X, t) for t in (0.2, 0.9)]
    if used:
        machine(X, 0.2)
    packed = pickle.dumps(machine)
    assert len(packed) < IMAGES.nbytes + 2000 + (BAND.nbytes if make is MACHINES["attention"] else 0)
    for other in (pickle.loads(packed), copy.deepcopy(machine), copy.copy(machine)):
        assert type(other) is type(machine) and repr(other) == repr(machine)
        assert not other.images.flags.writeable
        for t, answer in zip((0.2, 0.9), expected, strict=True):
            np.testing.assert_array_equal(other(X, t), answer)


def test_a_copied_machine_keeps_its_labels_and_its_sources():
    """A class, a name and provenance survive; the copy's labels cannot be written into either."""
    machine = md.IdealScore(IMAGES, schedules.cosine(), labels=["ant", "bee"] * 40)
    for other in (pickle.loads(pickle.dumps(machine)), copy.deepcopy(machine)):
        np.testing.assert_array_equal(other(X, 0.4, label="bee"), machine(X, 0.4, label="bee"))
        assert other.provenance(X, 0.4, "bee") == machine.provenance(X, 0.4, "bee")
        assert not other.labels.flags.writeable


@pytest.mark.parametrize(
    ("option", "make"),
    [
        ("window", lambda: md.LocalScore(IMAGES, schedules.flow(), window=lambda t: 3)),
        ("strength", lambda: md.AttentionScore(IMAGES, schedules.flow(), window=3, strength=lambda t: 0.5)),
        ("attention", lambda: md.AttentionScore(IMAGES, schedules.flow(), window=3, attention=lambda x, t: BAND)),
    ],
)
def test_a_machine_with_a_lambda_is_refused_by_pickle_by_name_and_can_be_copied(option, make):
    """One line names the option; a deep copy gives the same bits."""
    machine = make()
    with pytest.raises(TypeError) as error:
        pickle.dumps(machine)
    one_line_with(str(error.value), f"{option}: expected", "lambda", "def")
    np.testing.assert_array_equal(copy.deepcopy(machine)(X, 0.6), machine(X, 0.6))


def test_an_executor_stays_where_it_is():
    """A machine with an executor, which belongs to one process, is pickled without it; a shallow copy shares it."""
    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        machine = md.IdealScore(IMAGES, schedules.cosine(), executor=executor)
        assert copy.copy(machine).executor is executor
        for other in (pickle.loads(pickle.dumps(machine)), copy.deepcopy(machine)):
            assert other.executor is None
            np.testing.assert_array_equal(other(X, 0.4), machine(X, 0.4))


@each_machine
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("used", [False, True])
def test_the_training_set_is_the_machine_s_own(make, dtype, used):
    """Writing into the caller's array, before the first call or after it, changes no answer; nor can the machine's be written."""
    images = IMAGES.astype(dtype)
    expected, machine = make(images.copy())(X, 0.3), make(images)
    if used:
        machine(X.astype(np.float64), 0.3)
    images[:] = 0
    np.testing.assert_array_equal(machine(X, 0.3), expected)
    with pytest.raises(ValueError, match="read-only"):
        machine.images[0] = 0


def test_the_labels_and_the_attention_are_the_machine_s_own():
    """Writing into the caller's labels or attention array changes no answer."""
    labels, band = LABELS.copy(), BAND.copy()
    machine = md.AttentionScore(IMAGES, schedules.cosine(), window=3, attention=band, labels=labels)
    expected = machine(X, 0.5, label=1)
    labels[:], band[:] = 0, 0
    assert machine.attention.sum() > 35
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(machine))(X, 0.5, label=1), expected)


def test_a_machine_goes_to_a_process_that_is_started_by_spawn():
    """What a pool, joblib or Dask does: pickle a method of the machine, call it there, and send the answer back."""
    machine = md.EquivariantLocalScore(IMAGES, schedules.cosine(), window=3)
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        found, source = pool.submit(machine, X, 0.3).result(), pool.submit(machine.provenance, X, 0.3).result()
    np.testing.assert_array_equal(found, machine(X, 0.3))
    assert source == machine.provenance(X, 0.3)


@each_machine
def test_a_machine_prints_in_one_line(make):
    """The class, the number of images, their shape, and the options."""
    machine = make(IMAGES)
    one_line_with(repr(machine), type(machine).__name__, "80 images", "6 x 6 x 1", machine.schedule.name)
    assert len(repr(machine)) < 300
    if make is MACHINES["ls"]:
        one_line_with(repr(machine), "window=(3, 5)", "boundary='zeros'")
    if make is MACHINES["is"]:
        one_line_with(repr(machine), "2 classes")


# --- networks and answers --------------------------------------------------------------------------------------------


def test_a_network_comes_back_from_pickle_and_copy():
    """It gives the same bits, has the same settings and prints the same; training the copy leaves the first as it is."""
    network = md.nets.Network(width=4, depth=1, attention="softmax", labels=["ant", "bee"], schedule=schedules.ve())
    *_, last = md.nets.train(network, IMAGES, steps=2, batch=4)
    expected = network(X, 0.3, "bee")
    for other in (pickle.loads(pickle.dumps(network)), copy.deepcopy(network)):
        assert other.settings == network.settings and repr(other) == repr(network)
        np.testing.assert_array_equal(other(X, 0.3, "bee"), expected)
        list(md.nets.train(other, IMAGES, steps=1, batch=4))
    np.testing.assert_array_equal(network(X, 0.3, "bee"), expected)
    assert pickle.loads(pickle.dumps(last)).step == 2
    one_line_with(repr(network), "Network", "width=4", "ve", "'ant', 'bee'")


def test_answers_compare_and_print():
    """Two provenances, and two steps of a walk, are equal where all their arrays are; a provenance prints in one line."""
    machine = md.LocalScore(IMAGES, schedules.cosine(), window=3)
    source = machine.provenance(X, 0.3)
    again = pickle.loads(pickle.dumps(source))
    assert (source == again) is True and (source != again) is False and copy.deepcopy(source) == source
    other = source._replace(row=source.row + 1)
    assert (source == other) is False and (source != other) is True and source != 3
    one_line_with(repr(source), "(3, 6, 6)", "weights")
    first, second = ([*process.ddim(machine, machine.schedule, noise=X, steps=2)] for _ in range(2))
    assert first == second and first[0] != first[1] and pickle.loads(pickle.dumps(first)) == second
