"""Threads: kernels that threads share, in processes that were forked, spawned or served, and in several threads at once."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from marks import also_slow

import minidiff as md
from minidiff import parallel
from minidiff.nets import layers

BEGIN = """
import concurrent.futures, multiprocessing, sys, threading
import numpy as np
import minidiff as md

md.set_threads(3)
network = md.nets.Network(width=8, depth=1, attention="softmax")
machine = md.EquivariantLocalScore(np.random.default_rng(0).random((20, 6, 6, 1), np.float32), network.schedule, window=3)
x = np.random.default_rng(1).random((5, 6, 6, 1), dtype=np.float32)


def both(seed):
    images = x if seed == 0 else x[:2]
    steps = [step.loss for step in md.nets.train(network.copy(), x, steps=2, batch=4)]
    return [*network(images, 0.5).ravel()[:9], *machine(images, 0.5).ravel()[:9], *steps]

"""


def answers(code, **environment):
    """What a script prints at its end, run in a process of its own with a limit of time: a hang is a failure."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", BEGIN + code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.compiled
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("layer", ["default", also_slow("omp"), also_slow("workqueue")])
def test_forked_workers_answer_before_and_after_networks_were_used(layer):
    """Pools and executors by fork, before and after this process used networks: no hang, and the same bits."""
    code = """
context = multiprocessing.get_context("fork")
with context.Pool(2) as pool:
    before = pool.map(both, [0, 0, 0])
here = both(0)
with context.Pool(2) as pool:
    after = pool.map(both, [0, 0, 0])
with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
    after += list(pool.map(both, [0, 0]))
print(all(one == here for one in before + after))
"""
    assert answers(code, NUMBA_THREADING_LAYER=layer) == ["True"]


@pytest.mark.compiled
@pytest.mark.parametrize("layer", ["omp", also_slow("workqueue")])
def test_threads_may_share_a_network(layer):
    """Six threads call and train with one network at once: each gets what one thread gets, under every layer of Numba's."""
    code = """
here = both(0)
with concurrent.futures.ThreadPoolExecutor(6) as pool:
    found = list(pool.map(both, [0] * 12))
print(all(one == here for one in found))
"""
    assert answers(code, NUMBA_THREADING_LAYER=layer) == ["True"]


@pytest.mark.compiled
@pytest.mark.parametrize("method", ["spawn", also_slow("forkserver")])
def test_other_workers_answer_too(method, tmp_path):
    """Pools that are started by spawn or by forkserver, from a script: the same bits."""
    if method not in __import__("multiprocessing").get_all_start_methods():
        pytest.skip(f"this system has no {method}")
    script = tmp_path / "script.py"
    script.write_text(
        BEGIN
        + f"""
if __name__ == "__main__":
    here = both(0)
    with multiprocessing.get_context({method!r}).Pool(2) as pool:
        print(all(one == here for one in pool.map(both, [0, 0])))
"""
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout.split()) == (0, ["True"]), done.stderr


@pytest.mark.compiled
def test_importing_the_package_anew_changes_nothing():
    """The modules thrown away and imported again, three times in one process, as when a notebook is run again: the same bits."""
    code = """
here = both(0)
for _ in range(3):
    for name in [name for name in sys.modules if name.split(".")[0] == "minidiff"]:
        del sys.modules[name]
    import minidiff as md
    again = md.nets.Network(width=8, depth=1, attention="softmax")
    assert [*again(x, 0.5).ravel()[:9]] == here[:9]
print("done")
"""
    assert answers(code) == ["done"]


def test_the_number_of_threads_changes_no_bit():
    """A convolution, forward and backward, on 1, 2, 3 and 7 threads."""
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((21, 5, 6, 3)), rng.standard_normal((3, 3, 3, 3))
    found = []
    try:
        for count in (1, 2, 3, 7):
            md.set_threads(count)
            dx, dweight, _ = layers.conv2d_backward(x, x, weight, residual=True)
            found.append(np.concatenate([layers.conv2d(x, weight, np.zeros(3)).ravel(), dx.ravel(), dweight.ravel()]))
    finally:
        md.set_threads(None)
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


@pytest.mark.compiled
def test_no_part_is_taken_twice_or_left():
    """Many threads take parts from one counter: each number once, in no thread's way."""
    counters, taken = np.zeros(3, np.int64), []

    def work():
        while (number := parallel.take(counters)) < 2000:
            taken.append(number)

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(taken) == list(range(2000))
