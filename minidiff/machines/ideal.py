"""The ideal score: the best denoiser of a training set, which recites it."""

import numpy as np

from .. import theory
from ..engine import rate_of
from ..types import Array, Label, Times
from .base import PosteriorMachine
from .registry import register


@register("is")
class IdealScore(PosteriorMachine):
    """The ideal score (IS): the posterior mean of x_0 over the training set, which can only recite it (KG; AMB).

    x0_hat(x, t) = sum_n w_n y_n with w = softmax over n of -|x - a y_n|^2 / (2 s^2).

    Parameters
    ----------
    images : (N, H, W, C) float32 or float64
        The training set y. The machine keeps a copy of its own, which nobody can write into.
    schedule : Schedule
    labels : (N,) ints or strings, optional
        Needed for `label=` in calls.
    executor : concurrent.futures.Executor, optional
        Where the shards of an evaluation go instead of this process's threads: a ProcessPoolExecutor started by "spawn", or with
        dask.distributed `executor=client.get_executor()`. Shards travel with every call, so it pays for large training sets only.
    progress : bool
        Show a progress bar for evaluations that take longer than a second.

    Raises ValueError or TypeError on arrays of the wrong shape or dtype, or with NaN or inf. A call costs O(B N H W C)
    time and O(B H W C) memory beyond the training set. 64 queries of one time take a sixth of the time of 64 calls.

    Examples
    --------
    >>> from minidiff import schedules
    >>> images = np.array([-1.0, 1.0]).reshape(2, 1, 1, 1)        # one pixel, black or white
    >>> machine = IdealScore(images, schedules.flow())
    >>> x0_hat = machine(np.full((1, 1, 1), 0.3), 0.5)            # tanh(a x / s^2)
    >>> print(f"{float(x0_hat[0, 0, 0]):.6f}", f"{np.tanh(0.3 * 0.5 / 0.25):.6f}")
    0.537050 0.537050
    """

    rule = staticmethod(theory.ideal)

    def log_density(self, x: Array, t: Times, label: Label = None) -> Array:
        """log p_t(x) of the noised training set, log (1/N) sum_n N(x; a y_n, s^2 I): float64, () or (B,).

        Its gradient is the score. ValueError where s(t) = 0.
        """
        if (self.schedule.noise(t) == 0).any():
            raise ValueError("t: the density does not exist where there is no noise (s(t) = 0); hint: use t > 0")
        return self._evaluate(x, t, label, self._log_density)

    def _log_density(self, x, t, label, settings):
        rate, state = rate_of(self.schedule.noise(t)), self._posterior(x, t, label, settings)
        # log sum over n of exp(-d r), from the smallest distance and the mass.
        evidence = np.log(state.mass[:, 0]) - state.cost[:, 0] * rate
        count = len(self._training_set(label, x.dtype)[0].images)
        return (evidence - np.log(count) - x[0].size / 2 * np.log(np.pi / rate),)
