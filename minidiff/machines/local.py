"""The machines that see a window: the local score and the equivariant local score, whose answers are patch mosaics."""

import numpy as np

from . import tasks
from .kernels import local_shard
from .machine import PosteriorMachine, Shard
from .posterior import Posterior
from .windows import Window, check_window, count_pairs, shift_table


def local_states(x, shard, signal, rate, cutoff, winners, windows, boundary, anywhere):
    """The Posterior (B, K H W) of every pixel of x (B, H, W, C) over a shard, seen through each of K windows."""
    height, width, channels = x.shape[1:]
    pixels, circular, vectors = height * width, boundary == "circular", isinstance(shard, Shard)
    state = Posterior.empty(len(x), len(windows) * pixels, channels, winners or not vectors)
    for b, i in np.ndindex(len(x), len(windows)):
        k, a, here = windows[i], x.dtype.type(signal[b]), slice(i * pixels, (i + 1) * pixels)
        fields = (state.cost, state.mass, state.total, state.winner)
        fields = [None if field is None else field[b, here] for field in fields]
        if vectors:
            tasks.local_task(x[b], shard.groups, 0, shard.count, a, rate[b], k, circular, not anywhere, cutoff, *fields)
        else:
            rows, columns = (shift_table(side, k, boundary, anywhere) for side in (height, width))
            local_shard(x[b], shard, a, rate[b], k, circular, rows, columns, cutoff, *fields)
    return state


class _WindowMachine(PosteriorMachine):
    """A machine whose pixels see a window; its subclasses differ in which pixels of a training image may explain them."""

    _states = staticmethod(local_states)
    _anywhere = True

    def __init__(self, images, schedule, *, window, boundary="circular", labels=None, executor=None, progress=False):
        super().__init__(images, schedule, labels=labels, executor=executor, progress=progress)
        self.window = Window(window, *self.images.shape[1:3], boundary)
        self.boundary = boundary

    def estimates(self, x, t, windows, label=None):
        """x0_hat through each of several windows.

        Each window takes its own pass: sharing the plane of squared differences among eight of them was tried, and was slower
        from t = 0.3 on, since the weighing cannot be shared. The machine's own `window` is not used.

        Parameters
        ----------
        x, t, label
            As for a call.
        windows : K odd ints

        Returns
        -------
        estimates : (K, H, W, C) or (K, B, H, W, C), of x's dtype.
        """
        windows = tuple(check_window(k, *self.images.shape[1:3], self.boundary, name="windows") for k in windows)
        if not windows:
            raise ValueError("windows: expected at least one, got none")

        def evaluate(queries, times, one_label):
            settings = (windows, self.boundary, self._anywhere)
            state, _, _ = self._posterior(queries, times, one_label, winners=False, settings=settings)
            return (state.mean().reshape(len(queries), len(windows), *queries.shape[1:]).astype(queries.dtype),)

        return np.moveaxis(self._evaluate(x, t, label, evaluate), -4, 0)

    def distance(self, x, t=0.0, label=None):
        """How far each pixel's window is from the nearest window that may explain it, per pixel of the window.

        d[p] = sqrt(min over (n, u) of |window of x at p - a window of y_n at u|^2 / (k^2 C)).

        Parameters
        ----------
        x, t, label
            As for a call; without noise, at t = 0, a(t) = 1.

        Returns
        -------
        distance : (H, W) or (B, H, W) float64, root mean square in pixel values, whose range is 2.

        Costs as much as a call.

        Examples
        --------
        >>> import numpy as np
        >>> from minidiff import schedules
        >>> images = np.array([-1.0, -1.0, 1.0, 1.0]).reshape(1, 1, 4, 1)
        >>> machine = EquivariantLocalScore(images, schedules.cosine(), window=1)
        >>> machine.distance(np.array([-1.0, 0.5, 1.0, 1.0]).reshape(1, 4, 1))
        array([[0. , 0.5, 0. , 0. ]])
        """

        def evaluate(queries, times, one_label):
            state, _, _ = self._posterior(queries, times, one_label, winners=False)
            k, channels = self.window(float(times[0])), queries.shape[3]
            return (np.sqrt(state.cost / (k * k * channels)).reshape(queries.shape[:3]),)

        return self._evaluate(x, t, label, evaluate)

    def _setting(self, t):
        return self.window(t)

    def _settings(self, t):
        return ((self.window(t),), self.boundary, self._anywhere)

    def _image_cost(self, settings):
        windows, boundary, anywhere = settings
        height, width, channels = self.images.shape[1:]
        return sum(count_pairs(height, width, k, boundary, anywhere) for k in windows) * (0.4 + 0.2 * channels)

    def _place(self, winner):
        height, width = self.images.shape[1:3]
        return winner // (height * width), winner // width % height, winner % width


class LocalScore(_WindowMachine):
    """The local score (LS): every pixel by itself, seen through its window, explained by its own place in each image (KG).

    x0_hat[p] = sum_n w_n y_n[p] with w = softmax over n of -|window of x at p - a window of y_n at p|^2 / (2 s^2).

    Parameters
    ----------
    images : (N, H, W, C) float32 or float64
    schedule : Schedule
    window : odd int, list of odd ints from least to most noise, or a callable of t
        The side k; at most min(H, W) on a torus and 2 max(H, W) - 1 with zeros.
    boundary : "circular" or "zeros"
        What a window that leaves the image sees.
    labels, executor, progress
        As for `IdealScore`.

    Raises ValueError or TypeError on bad arguments. A call costs O(B N H W (C + k)) time.

    Examples
    --------
    >>> import numpy as np
    >>> from minidiff import schedules
    >>> images = np.array([[-1.0, -1.0], [1.0, 1.0]]).reshape(2, 1, 2, 1)
    >>> machine = LocalScore(images, schedules.flow(), window=1)
    >>> machine(np.array([0.2, -0.3]).reshape(1, 2, 1), 0.0)[0, :, 0]      # each pixel alone: a mosaic of two images
    array([ 1., -1.])
    """

    _anywhere = False


class EquivariantLocalScore(_WindowMachine):
    """The equivariant local score (ELS): every pixel may be explained by any pixel of any image with a like window (KG).

    x0_hat[p] = sum over (n, u) of w y_n[u] with w = softmax of -|window of x at p - a window of y_n at u|^2 / (2 s^2). With
    boundary "zeros" (boundary-broken ELS) only candidates with the same padding pattern as p count; see windows.py.

    Parameters
    ----------
    images, schedule, window, boundary, labels, executor, progress
        As for `LocalScore`.

    Raises ValueError or TypeError on bad arguments. A call costs O(B N (H W)^2 (C + k)) time, k being cheap, and
    O(B H W C) memory beyond the training set.

    Examples
    --------
    >>> import numpy as np
    >>> from minidiff import schedules
    >>> images = np.array([-1.0, -1.0, 1.0, 1.0]).reshape(1, 1, 4, 1)
    >>> machine = EquivariantLocalScore(images, schedules.flow(), window=1)
    >>> machine(np.array([0.2, -0.3, 0.9, -0.1]).reshape(1, 4, 1), 0.0)[0, :, 0]
    array([ 1., -1.,  1., -1.])
    """
