"""How long a first call takes, with kernels to compile and with kernels from the cache: `minidiff bench --first`."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from .. import nets, schedules
from ..machines import NAMES, named, options_of
from .kept import at_once

HERE = Path(__file__).resolve().parents[2]
TRAINING = {"training": None, "training, softmax attention": "softmax"}


def first_call(kind: str) -> dict:
    """What the first call of a machine, or the first training step, takes here: seconds by the clock, and of the processor."""
    images = np.random.default_rng(0).uniform(-1, 1, (64, 16, 16, 1)).astype(np.float32)
    if kind in TRAINING:
        call = nets.train(nets.Network(attention=TRAINING[kind]), images, steps=1).__next__
    else:
        machine = named(kind)
        machine = machine(images, schedules.cosine(), **({"window": 5} if "window" in options_of(machine) else {}))

        def call():
            machine(images[:1], 0.5)

    wall, processor = time.perf_counter(), time.process_time()
    call()
    return {"s": time.perf_counter() - wall, "processor s": time.process_time() - processor}


def first_calls(machine: str | None = None, kept: Callable = at_once) -> dict:
    """Each kind in two fresh processes, the first of which finds no compiled kernels; one machine only if it is named.

    Returns {"rows": [...]}, as `minidiff bench --first` prints it. Importing is not counted. `kept` may be a `Kept`.
    """
    kinds = tqdm([machine] if machine else [*NAMES, *TRAINING], desc="first calls", unit="kind", leave=False)
    return {"rows": [kept(kind, partial(_cold_and_cached, kind)) for kind in kinds]}


def _cold_and_cached(kind):
    with tempfile.TemporaryDirectory() as folder:
        both = {when: _in_fresh_process(kind, folder) for when in ("cold", "cached")}
    return {"first call": kind} | {f"{when}, {what}": took[what] for when, took in both.items() for what in took}


def _in_fresh_process(kind, cache):
    code = f"import json; from minidiff.studies.first import first_call; print(json.dumps(first_call({kind!r})))"
    path = os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"NUMBA_CACHE_DIR": cache, "MINIDIFF_CACHE": "1", "PYTHONPATH": path}
    told = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    if told.returncode:
        raise RuntimeError(f"first call of {kind}: {told.stderr.strip().splitlines()[-1]}")
    return json.loads(told.stdout.splitlines()[-1])
