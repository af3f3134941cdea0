"""What studies ask of a machine that sees windows: its answers through other windows, and how far the nearest patch is."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import arguments
from ..types import Array, Label, Times
from .windows import check_window


class Probes:
    """Questions about windows; a part of `WindowMachine`."""

    images: Array
    boundary: str
    _estimate: Any
    _evaluate: Any
    _posterior: Any

    def estimates(self, x: Array, t: Times, windows: Sequence[int], label: Label = None) -> Array:
        """x0_hat through each of several windows; the machine's own `window` is not used.

        Each window takes its own pass: sharing the plane of squared differences among eight of them was tried, and was slower
        from t = 0.3 on, since the weighing cannot be shared.

        Parameters
        ----------
        x, t, label
            As for a call.
        windows : K odd ints

        Returns
        -------
        estimates : (K, H, W, C) or (K, B, H, W, C), of x's dtype.

        Raises as a call does, and ValueError or TypeError on a bad window, or none. Costs as much as K calls.
        """
        height, width = self.images.shape[1:3]
        windows = [check_window(k, height, width, self.boundary, "windows") for k in arguments.listed("windows", windows)]
        if not windows:
            raise ValueError("windows: expected at least one, got none")

        def evaluate(queries, times, one_label, settings):
            found = [self._estimate(queries, times, one_label, (k, *settings[1:]))[0] for k in windows]
            return (np.stack(found, axis=1),)

        return np.moveaxis(self._evaluate(x, t, label, evaluate), -4, 0)

    def distance(self, x: Array, t: Times = 0.0, label: Label = None) -> Array:
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
        >>> import minidiff as md
        >>> images = np.array([-1.0, -1.0, 1.0, 1.0]).reshape(1, 1, 4, 1)
        >>> machine = md.EquivariantLocalScore(images, md.schedules.cosine(), window=1)
        >>> machine.distance(np.array([-1.0, 0.5, 1.0, 1.0]).reshape(1, 4, 1))
        array([[0. , 0.5, 0. , 0. ]])
        """

        def evaluate(queries, times, one_label, settings):
            cost = self._posterior(queries, times, one_label, settings).cost
            return (np.sqrt(cost / (settings[0] ** 2 * queries.shape[3])).reshape(queries.shape[:3]),)

        return self._evaluate(x, t, label, evaluate)
