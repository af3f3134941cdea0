"""What `minidiff bench` compares: peers that answer the same question, modules that may be missing, first calls."""

import sys
import types

import numpy as np
import pytest
from command_line import interrupt, refused, strictly

from minidiff.studies import bench, first, peers

MISSING = "not installed, so not compared"


def modules(monkeypatch, **given):
    """Only these of the modules that minidiff does not need can be imported."""
    for name in ("torch", "sklearn", "sklearn.metrics.pairwise"):
        monkeypatch.setitem(sys.modules, name, given.get(name))


@pytest.mark.slow
def test_the_peers_in_numpy_answer_what_minidiff_answers():
    """Both are the same posterior mean, or the same linear filter, so their answers differ by rounding alone."""
    compared = 0
    for make in peers.tasks(True, {}):
        task = make()
        task.turn()
        for row in task.rows(1.0, 1.0):
            compared += row["largest difference"] is not None
            assert row["largest difference"] is None or row["largest difference"] < 1e-4
    assert compared == 6


@pytest.mark.compiled
def test_the_peers_that_are_installed_are_asked_the_same(monkeypatch):
    """Stand-ins for PyTorch and scikit-learn get rows of their own; a training step has rows only beside PyTorch."""
    torch = types.SimpleNamespace(from_numpy=_Tensor, softmax=lambda x, axis: _Tensor(peers.softmax(x)))
    pairwise = types.SimpleNamespace(euclidean_distances=lambda x, y, squared: ((x[:, None] - y) ** 2).sum(axis=2))
    modules(monkeypatch, **{"sklearn.metrics.pairwise": pairwise})
    task = peers._ideal_task(torch, pairwise, 80, 6, 2)
    task.turn()
    rows = list(task.rows(1.0, 1.0))
    assert [row["peer"] for row in rows] == ["NumPy, matrix product", "PyTorch", "scikit-learn"]
    assert all(row["largest difference"] < 1e-5 for row in rows)
    trained = [make for make in peers.tasks(True, {"torch": torch}) if make.func is peers._training_task]
    assert len(trained) == 2 and not [make for make in peers.tasks(True, {}) if make.func is peers._training_task]


class _Tensor(np.ndarray):
    """An array with the one method of a tensor that is asked for."""

    def __new__(cls, array):
        return np.asarray(array).view(cls)

    def numpy(self):
        return np.asarray(self)


def test_a_row_says_who_is_faster_and_what_is_possible():
    """The ratio is the peer's median over ours: above 1 minidiff is faster. The limit is the longer of computing and reading."""
    task = peers.Task("a task", {"minidiff": int, "peer": int}, multiply_adds=32e9, numbers=1e9)
    task.seconds = {"minidiff": [1.0, 2.0, 9.0], "peer": [5.0, 6.0, 4.0]}
    task.answers = {"minidiff": np.zeros(2), "peer": np.array([0.0, 0.25])}
    (row,) = task.rows(1.0, 0.5)
    assert row["ratio"] == 2.5 and row["from, to"] == "1e+03 to 9e+03" and row["largest difference"] == 0.25
    assert row["limit, ms"] == 8000.0  # 4e9 bytes at 0.5 GB a second
    (row,) = task.rows(1e-2, 1e9)
    assert row["limit, ms"] == pytest.approx(32e9 / 16 / 1e-2 / 1e9 / peers.parallel.threads() * 1e3)


@pytest.mark.parametrize(("busy", "naps"), [(0, 1), (3, 4), (10**6, 50)])
def test_nobody_begins_while_threads_of_another_spin(monkeypatch, busy, naps):
    """A turn waits through as many naps as there is work in, and one more; where a thread spins for ever, for a second."""
    slept = []

    def spent():
        return 2 * peers.LULL * min(len(slept), busy)

    clocks = types.SimpleNamespace(perf_counter=lambda: sum(slept), process_time=spent, sleep=slept.append)
    monkeypatch.setattr(peers, "time", clocks)
    peers._rest()
    assert len(slept) == pytest.approx(naps, abs=1 if naps == 50 else 0)  # the naps' sum is rounded


def test_the_command_says_which_peers_are_missing(tmp_path, run, monkeypatch):
    """Without PyTorch and scikit-learn the command ends well, with a line for each; numbers.json holds the rows."""
    modules(monkeypatch)
    monkeypatch.setattr(peers, "tasks", lambda quick, others: [lambda: peers._linear_task(5, 4)])
    code, printed, said = run("bench", "--peers", "--quick", "--out", tmp_path / "out")
    assert (code, said) == (0, [])
    assert f"PyTorch: {MISSING}" in printed and f"scikit-learn: {MISSING}" in printed
    numbers = strictly(tmp_path / "out" / "numbers.json")
    assert numbers["rows"][0]["peer"] == "NumPy, covariance and eigh" and numbers["rows"][0]["largest difference"] < 1e-5


@pytest.mark.parametrize(("kind", "after"), [((), 2), ((), 6), (("--peers",), 2), (("--first",), 3)])
def test_an_interrupted_bench_goes_on(tmp_path, run, monkeypatch, kind, after):
    """Ctrl-C after so many measurements: 130, and only the parts; the same command measures the rest, and forgets the parts.

    Each measurement gives its own number, so that the table of both runs together shows that none was done twice.
    """
    count, broken = iter(range(100)), [True]

    def measure(*_, **__):
        number = next(count)
        if broken and number == after:
            broken.clear()
            interrupt()
        return float(number)

    class Timed:
        run = staticmethod(measure)

        def result(self, seconds):
            return {"seconds": seconds}

    task = types.SimpleNamespace(turn=lambda: None, seconds={}, rows=lambda *_: [{"row": measure()}])
    monkeypatch.setattr(bench, "cases", lambda *_: [Timed()])
    for name in ("naive_numpy", "training_step"):
        monkeypatch.setattr(bench, name, measure)
    monkeypatch.setattr(bench.peak, "multiply_adds", measure)
    monkeypatch.setattr(peers, "memory_speed", lambda *_: 1.0)
    monkeypatch.setattr(peers, "tasks", lambda *_: [lambda: task] * 3)
    monkeypatch.setattr(peers, "installed", lambda name: None)
    monkeypatch.setattr(first, "_in_fresh_process", lambda *_: {"s": measure()})
    monkeypatch.setattr(first, "NAMES", ("is",))
    command, out = ("bench", *kind, "--out", tmp_path), tmp_path / "numbers.json"
    code, printed, _ = run(*command)
    assert (code, printed) == (130, []) and [path.name for path in tmp_path.iterdir()] == ["parts.npz"]
    assert run(*command)[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["numbers.json"]
    told = strictly(out)
    if kind == ("--peers",):  # 0 is the peak; the second task was interrupted, as the number 2
        assert [row["row"] for row in told["rows"]] == [1, 3, 4]
        assert told["vector multiply-adds per ns and core (64 bytes each)"] == 0
    elif kind == ("--first",):
        assert [row["cold, s"] for row in told["rows"]] == [0, 4, 6]
    else:  # 0 is the warm-up, and so is the number after the interrupt, where a round is left
        assert told["rows"] == [{"seconds": [1, 4, 5] if after == 2 else [1, 2, 3]}]
        last = [told[name] for name in told if name not in ("rows", "processor")]
        assert last == ([6, 7, 8, 9] if after == 2 else [4, 5, 7, 8])


def test_peers_and_one_machine_are_refused_together(tmp_path, run):
    """--peers has its own rows, so --machine is refused with one line."""
    refused(run, ("bench", "--peers", "--machine", "els", "--out", tmp_path / "out"), ("--machine", "--peers"), tmp_path / "out")


@pytest.mark.slow
def test_first_calls_are_timed_in_processes_of_their_own(tmp_path, run):
    """`minidiff bench --first --machine wiener` has one row, cold and cached."""
    code, _, said = run("bench", "--first", "--machine", "wiener", "--out", tmp_path / "out")
    (row,) = strictly(tmp_path / "out" / "numbers.json")["rows"]
    assert (code, said) == (0, []) and row["first call"] == "wiener"
    assert all(0 <= row[f"{when}, {what}"] < 600 for when in ("cold", "cached") for what in ("s", "processor s"))


@pytest.mark.slow
def test_the_cached_first_call_compiles_nothing(tmp_path):
    """The first process leaves its kernels in the folder that it is given, and the second writes none."""
    first._in_fresh_process("is", str(tmp_path))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.kernel")}
    first._in_fresh_process("is", str(tmp_path))
    assert before and before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.kernel")}
