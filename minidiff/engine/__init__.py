"""What makes the machines fast.

One door leads in, `posterior` (door.py): queries, a training set and a rule of theory.py go in, and the posterior state
of every view comes out. `evidence` is the same over every training image by itself, and `distances` are those of whole
images. Nobody outside imports what stands behind them.

**Where to read.** From a call of the equivariant local score to the loops that run, in this order, 900 lines:
machines/equivariant_local.py, machines/window_machine.py and machines/base.py (what is asked) - engine/door.py (shards,
and how their states are merged) - engine/windows.py and engine/handing.py (one task) - engine/shifts.py (the padding
rule, by shift) - engine/packing.py (16 images side by side) - engine/boxsum.py (the loops) - engine/posterior.py (the
four numbers that they leave). The vectors of simd.py and the options of jit.py lie on the ground, and the networks use
them too. Beside that path: nearest.py (what the loops do with a new nearest candidate), whole.py and whole_kernel.py
(IS), translations.py and translations_kernel.py (ES, by FFT), distinct.py and distinct_kernel.py (ELS where many windows
are equal), beside.py (ELS with a statistic of the image), soft.py and soft_kernel.py (windows that fade out),
evidence_kernel.py and pooling.py (attention), backends.py (which rule goes where; any that the kernels do not know goes
to theory.py).

**Threads.** All cores, or `minidiff.set_threads(N)`, `--threads N`, NUMBA_NUM_THREADS. A task is a block of queries and
a shard of the training set: a serial function without the GIL, on a plain thread. Shards depend on the training set and
the rule alone, and are merged in their order. So the number of threads changes no bit of a result, nor does asking
queries one by one or together. `executor=` sends the tasks to any concurrent.futures.Executor instead: a
ProcessPoolExecutor started by "spawn", or Dask's `client.get_executor()`.

**Numbers.** Distances are sums of squared differences, not expanded squares; ES expands them in float64, and IS at high
noise, where that is provably as good. A candidate is left out only below exp(-35) of its own pixel's best in float32,
exp(-55) in float64; IS leaves out what together weighs half a rounding error.
float32 in, float32 out; the rules that theory.py answers, and attention's "top1", compute in float64 inside.

**First call.** Kernels compile when they are first used. Later processes load them from the cache: `__pycache__` beside
the package, or the user's cache folder. NUMBA_CACHE_DIR moves it and MINIDIFF_CACHE=0 turns it off.
`minidiff info` names the folders, and `minidiff info --clear-cache` empties them.
"""

from .beside import Beside
from .door import TrainingSet, posterior
from .pooling import evidence, in_place
from .posterior import Posterior, join, rate_of
from .soft import soft_windows
from .whole import distances

__all__ = [
    "Beside",
    "Posterior",
    "TrainingSet",
    "distances",
    "evidence",
    "in_place",
    "join",
    "posterior",
    "rate_of",
    "soft_windows",
]
