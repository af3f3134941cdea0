"""What makes the machines fast.

One door leads in, `posterior` (door.py): queries, a training set and a rule of theory.py go in, and the posterior state of every
view comes out. `evidence` is the same over every training image by itself.
"""

from .door import TrainingSet, evidence, posterior
from .posterior import Posterior, join, rate_of
from .shards import set_threads, threads
from .shifts import count_pairs

__all__ = ["Posterior", "TrainingSet", "count_pairs", "evidence", "join", "posterior", "rate_of", "set_threads", "threads"]
