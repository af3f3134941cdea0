"""Splitting an evaluation into tasks: the cuts, the order, and other people's executors."""

import concurrent.futures
import multiprocessing
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import noised, training_set

import minidiff as md
from minidiff import parallel
from minidiff.engine import shards

COSINE = md.schedules.cosine()


@settings(deadline=None)
@given(st.integers(1, 10**5), st.floats(1, 1e9), st.sampled_from([1, 8, 16]))
def test_cuts_cover_the_training_set_once(images, cost, granule):
    """Cuts rise from 0 to N, inner ones are multiples of what a kernel takes at a time, and they depend on nothing else."""
    cuts = shards.bounds(images, cost, granule)
    assert cuts[0] == 0 and cuts[-1] == images and (np.diff(cuts) > 0).all()
    assert all(cut % granule == 0 for cut in cuts[:-1])
    longest = max(np.diff(cuts))
    assert longest <= max(granule, -(-images // shards.FEWEST_SHARDS) + granule, shards.SMALLEST_COST / cost + granule)


@settings(deadline=None)
@given(st.integers(1, 300), st.sampled_from([1, 7, 40]), st.sampled_from([1e2, 1e4, 1e6, 1e8]), st.integers(1, 9))
def test_blocks_of_queries_keep_the_threads_busy(queries, parts, cost, threads):
    """Every query is in one block, blocks are equal, and one shard is asked for in as many as there are threads."""
    blocks = shards.blocks(queries, parts, cost, threads)
    np.testing.assert_array_equal(np.concatenate([np.arange(queries)[block] for block in blocks]), np.arange(queries))
    sizes = [block.stop - block.start for block in blocks]
    assert min(sizes) > 0 and max(sizes) - min(sizes) <= 1
    assert max(sizes) * cost <= max(shards.TASK_COST, cost) + cost
    if parts == 1 and threads <= queries and queries * cost >= threads * shards.SMALLEST_COST:
        assert len(blocks) >= 0.9 * threads


def test_results_come_in_order_whatever_finishes_first():
    """run yields the tasks' results in their order, though later tasks finish before earlier ones."""
    gate = threading.Event()

    def work(number):
        if number == 0:
            gate.wait(10)
        if number == 1:
            gate.set()
        return number

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        assert list(parallel.run(work, [(n,) for n in range(9)], executor=pool)) == list(range(9))


def test_an_interrupt_drops_the_tasks_not_yet_begun():
    """When the caller stops asking, tasks that wait are cancelled: at most those under way still run."""
    started = []
    md.set_threads(2)
    try:
        results = parallel.run(lambda n: started.append(n), [(n,) for n in range(1000)])
        next(results)
        results.close()
    finally:
        md.set_threads(None)
    assert len(started) < 100


def test_an_error_in_a_task_reaches_the_caller():
    """A task's exception is raised by run, not swallowed."""
    with pytest.raises(ZeroDivisionError):
        list(parallel.run(lambda n: 1 / n, [(1,), (0,), (2,)]))


@pytest.mark.slow
def test_processes_give_the_same_bits(monkeypatch):
    """executor=: the shards of an evaluation in two other processes, started by spawn, merge to the same bits as here."""
    monkeypatch.setattr(shards, "SMALLEST_COST", 1e3)
    images = training_set(0, (70, 6, 5, 3), np.float32)
    x = noised(images, 0.4, COSINE, 1, queries=3)
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        for make in (
            lambda **options: md.IdealScore(images, COSINE, **options),
            lambda **options: md.EquivariantScore(images, COSINE, **options),
            lambda **options: md.EquivariantLocalScore(images, COSINE, window=3, boundary="zeros", **options),
        ):
            here, there = make(), make(executor=pool)
            np.testing.assert_array_equal(there(x, 0.4), here(x, 0.4))
            for one, other in zip(there.provenance(x, 0.4), here.provenance(x, 0.4), strict=True):
                np.testing.assert_array_equal(one, other)


def test_progress_is_shown_for_long_evaluations_only(capsys):
    """progress=True writes a bar to stderr only once an evaluation has taken a second."""
    images = training_set(0, (3, 4, 4, 1))
    md.IdealScore(images, COSINE, progress=True)(images, 0.5)
    assert capsys.readouterr().err == ""
