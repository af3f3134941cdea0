"""The machines that see the whole image: the ideal score, which recites, and the equivariant score."""

import numpy as np

from .. import checks
from . import tasks
from .kernels import equivariant_shard, ideal_shard
from .machine import PosteriorMachine, Shard
from .posterior import Posterior


def ideal_states(x, shard, signal, rate, cutoff, winners):
    """The Posterior (B, 1) of whole images x (B, H, W, C) over a shard of training images."""
    queries, vectors = x.reshape(len(x), -1), isinstance(shard, Shard)
    state = Posterior.empty(len(x), 1, queries.shape[1], winners or not vectors)
    for b in range(len(x)):
        a = x.dtype.type(signal[b])
        fields = (state.cost[b], state.mass[b], state.total[b], None if state.winner is None else state.winner[b])
        if vectors:
            tasks.ideal_task(queries[b], shard.groups, 0, shard.count, a, rate[b], cutoff, *fields)
        else:
            ideal_shard(queries[b], shard.reshape(len(shard), -1), a, rate[b], cutoff, *fields)
    return state


def equivariant_states(x, images, signal, rate, cutoff, winners, mirrors):
    """The Posterior (B, 1) over every translation of a shard, and of its reflections along each of `mirrors`' axes."""
    orbit = np.stack([np.flip(images, axes) for axes in mirrors], axis=1).reshape(-1, *images.shape[1:])
    spectra = np.fft.rfft2(orbit.astype(np.float64), axes=(1, 2))
    power = (orbit.astype(np.float64) ** 2).sum(axis=(1, 2, 3))
    state = Posterior.empty(len(x), 1, x[0].size)
    for b in range(len(x)):
        a = x.dtype.type(signal[b])
        screen = screened_distances(x[b], spectra, power, float(a), cutoff / rate[b])
        fields = (state.cost[b], state.mass[b], state.total[b], state.winner[b])
        equivariant_shard(x[b], orbit, *screen, a, rate[b], cutoff, *fields)
    return state


def screened_distances(x, spectra, power, signal, reach):
    """All distances |x - a y_n[. + shift]|^2 at once by FFT, (N, H, W) float64, and up to where they may matter.

    |x|^2 - 2 a x.y + a^2 |y|^2 loses digits, in float64 about 1e-15 of |x|^2 + a^2 |y|^2 for each doubling of the number of
    pixels. So it only screens: what lies within `reach` of the smallest, and a margin of 1e-11 of that sum, is to be computed
    anew by differences.
    """
    height, width, _ = x.shape
    products = spectra * np.conj(np.fft.rfft2(x.astype(np.float64), axes=(0, 1)))
    correlation = np.fft.irfft2(products, s=(height, width), axes=(1, 2)).sum(axis=3)
    norm = float((x.astype(np.float64) ** 2).sum())
    distances = norm - 2 * signal * correlation + (signal * signal * power)[:, None, None]
    margin = 1e-11 * (norm + signal * signal * float(power.max()))
    return distances, float(distances.min()) + reach + 2 * margin


class IdealScore(PosteriorMachine):
    """The ideal score (IS): the posterior mean of x_0 over the training set, which can only recite it (KG; AMB).

    x0_hat(x, t) = sum_n w_n y_n with w = softmax over n of -|x - a y_n|^2 / (2 s^2).

    Parameters
    ----------
    images : (N, H, W, C) float32 or float64
        The training set y.
    schedule : Schedule
    labels : (N,) ints, optional
        Needed for `label=` in calls.
    executor : concurrent.futures.Executor, optional
        Where the shards of an evaluation go instead of this process's threads: a ProcessPoolExecutor started by "spawn", or with
        dask.distributed `executor=client.get_executor()`. Shards travel with every call, so it pays for large training sets only.
    progress : bool
        Show a progress bar for evaluations that take longer than a second.

    Raises ValueError or TypeError on arrays of the wrong shape or dtype, or with NaN or inf. A call costs O(B N H W C)
    time and O(B H W C) memory beyond the training set.

    Examples
    --------
    >>> from minidiff import schedules
    >>> images = np.array([-1.0, 1.0]).reshape(2, 1, 1, 1)        # one pixel, black or white
    >>> machine = IdealScore(images, schedules.flow())
    >>> x0_hat = machine(np.full((1, 1, 1), 0.3), 0.5)            # tanh(a x / s^2)
    >>> print(f"{float(x0_hat[0, 0, 0]):.6f}", f"{np.tanh(0.3 * 0.5 / 0.25):.6f}")
    0.537050 0.537050
    """

    _states = staticmethod(ideal_states)

    def _pack(self, images):
        return tasks.pack(images.reshape(len(images), 1, 1, -1))

    def log_density(self, x, t, label=None):
        """log p_t(x) of the noised training set, log (1/N) sum_n N(x; a y_n, s^2 I): float64, () or (B,).

        Its gradient is the score. ValueError where s(t) = 0.
        """
        if (self.schedule.noise(t) == 0).any():
            raise ValueError("t: the density does not exist where there is no noise (s(t) = 0); hint: use t > 0")
        return self._evaluate(x, t, label, self._log_density)

    def _log_density(self, x, t, label):
        state, index, rate = self._posterior(x, t, label, winners=False)
        count = len(self.images) if index is None else len(index)
        log_volume = x[0].size / 2 * np.log(np.pi / rate)
        return (state.log_evidence(rate)[:, 0] - np.log(count) - log_volume,)

    def _image_cost(self, settings):
        return self.images[0].size * 0.2

    def _candidates_per_image(self, images):
        return 1

    def _place(self, winner):
        rows, columns = np.indices(self.images.shape[1:3]).reshape(2, 1, -1)
        image = np.broadcast_to(winner, (len(winner), rows.shape[1]))
        return image, rows, columns


MIRRORS = {None: ((),), "horizontal": ((), (2,)), "vertical": ((), (1,)), "both": ((), (2,), (1,), (1, 2))}


class EquivariantScore(PosteriorMachine):
    """The equivariant score (ES): the ideal score of the training set's orbit under translations (KG theorem B.2).

    x0_hat[p] = sum over (n, shift) of w y_n[p + shift], w = softmax of -|x - a y_n[. + shift]|^2 / (2 s^2), shifts on the torus.

    Parameters
    ----------
    images, schedule, labels, executor, progress
        As for `IdealScore`.
    reflections : None, "horizontal", "vertical" or "both"
        Reflect the training images too: left-right, up-down, or both with the rotation by 180 degrees that they make.

    Raises ValueError or TypeError on bad arguments. All translations are screened by FFT, in O(B N H W C log(H W)) time, and
    those within reach of the nearest are computed anew by differences: O(B N (H W)^2 C) at high noise, where all of them are
    (times 2 or 4 with reflections). Among equally near candidates the winner is the one of lowest (image, shift).

    Examples
    --------
    >>> from minidiff import schedules
    >>> images = np.zeros((1, 2, 2, 1))
    >>> images[0, 0, 0] = 1
    >>> machine = EquivariantScore(images, schedules.cosine())
    >>> x = np.array([[0.1, 0.0], [0.9, 0.2]])[..., None]
    >>> machine(x, 0.0)[..., 0]                                   # without noise: the nearest translation
    array([[0., 0.],
           [1., 0.]])
    """

    _states = staticmethod(equivariant_states)
    _vectorised = False
    _plain_factor = 1

    def __init__(self, images, schedule, *, reflections=None, labels=None, executor=None, progress=False):
        super().__init__(images, schedule, labels=labels, executor=executor, progress=progress)
        self.reflections = checks.choice("reflections", reflections, tuple(MIRRORS))

    def _settings(self, t):
        return (MIRRORS[self.reflections],)

    def _image_cost(self, settings):
        return len(settings[0]) * (self.images[0].size * self.images[0, ..., 0].size)

    def _candidates_per_image(self, images):
        return len(MIRRORS[self.reflections]) * images.shape[1] * images.shape[2]

    def _place(self, winner):
        height, width = self.images.shape[1:3]
        mirrors = MIRRORS[self.reflections]
        image, shift = np.divmod(winner, len(mirrors) * height * width)
        mirror, shift = np.divmod(shift, height * width)
        rows, columns = np.indices((height, width)).reshape(2, 1, -1)
        rows, columns = (rows + shift // width) % height, (columns + shift % width) % width
        for number, axes in enumerate(mirrors):
            rows = np.where((mirror == number) & (1 in axes), height - 1 - rows, rows)
            columns = np.where((mirror == number) & (2 in axes), width - 1 - columns, columns)
        return np.broadcast_to(image, rows.shape), rows, columns
