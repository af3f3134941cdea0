"""The machines that see a window: the local score and the equivariant local score, whose answers are patch mosaics."""


from .kernels import local_shard
from .machine import PosteriorMachine
from .posterior import Posterior
from .windows import Window, shift_table


def local_states(x, images, signal, rate, cutoff, winners, k, boundary, anywhere):
    """The Posterior (B, H W) of every pixel of x (B, H, W, C), seen through its window, over a shard of training images."""
    height, width, channels = x.shape[1:]
    rows, columns = (shift_table(side, k, boundary, anywhere) for side in (height, width))
    state = Posterior.empty(len(x), height * width, channels)
    for b in range(len(x)):
        fields = (state.cost[b], state.mass[b], state.total[b], state.winner[b])
        a = x.dtype.type(signal[b])
        local_shard(x[b], images, a, rate[b], k, boundary == "circular", rows, columns, cutoff, *fields)
    return state


class _WindowMachine(PosteriorMachine):
    """A machine whose pixels see a window; its subclasses differ in which pixels of a training image may explain them."""

    _states = staticmethod(local_states)
    _anywhere = True

    def __init__(self, images, schedule, *, window, boundary="circular", labels=None, executor=None, progress=False):
        super().__init__(images, schedule, labels=labels, executor=executor, progress=progress)
        self.window = Window(window, *self.images.shape[1:3], boundary)
        self.boundary = boundary

    def _setting(self, t):
        return self.window(t)

    def _settings(self, t):
        return (self.window(t), self.boundary, self._anywhere)

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

    def _image_cost(self, images):
        return images[0].size * 4


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
