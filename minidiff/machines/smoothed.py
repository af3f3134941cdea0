"""A machine smoothed over x: its answers to x and some noise, averaged."""

from typing import Any

import numpy as np

from .. import arguments
from ..types import Array, Rng, Schedule
from .combined import Combined
from .objects import own
from .registry import register


@register("smoothed")
class SmoothedScore(Combined):
    """The smoothed closed form (CFDM: Scarvelis, Borde and Solomon 2025): x0_hat averaged over x + sigma z.

    x0_hat(x, t) is the mean of f(x + sigma z, t) over draws of z, f being a machine, IS in the paper (CFDM, arXiv 2310.12395). It
    is the rival explanation of creativity: a smooth score cannot tell near training images apart, and answers with means of them.
    A combinator of machines, no softmax: its weights are means of softmaxes. The draws of z are made once, from `rng`, and serve
    every x and t. So it is a function of x, exact given its draws. Claims: "posterior mean", and "local" where f has it.

    Parameters
    ----------
    images, schedule, labels
        As for `IdealScore`.
    machine : class of machines
        f; further keywords are its own, such as window=5.
    sigma : float >= 0
        In pixel values, of x as it is: on top of its noise s(t).
    draws : int >= 1
        How many z. The standard error is that of so many answers; with one draw and sigma = 0 it is f.
    rng : None, int or numpy Generator

    Raises ValueError or TypeError on bad arguments. A call costs `draws` calls of f.

    Examples
    --------
    >>> from minidiff import schedules
    >>> images = np.array([-1.0, 1.0]).reshape(2, 1, 1, 1)
    >>> x, flow = np.full((1, 1, 1), 0.1), schedules.flow()
    >>> for sigma in (0.0, 1.0):                                # no noise is left: IS knows, the smoothed one is not so sure
    ...     print(SmoothedScore(images, flow, sigma=sigma, draws=64, rng=0)(x, 0.0)[0, 0, 0])
    1.0
    0.0625
    """

    def __init__(
        self, images: Array, schedule: Schedule, *, sigma: float = 0.2, draws: int = 16, rng: Rng = 0, **options: Any
    ) -> None:
        super().__init__(images, schedule, **options)
        self.sigma = arguments.number("sigma", sigma, 0)
        shape = (arguments.whole_number("draws", draws, 1), *self.images.shape[1:])
        self.draws = own(arguments.generator(rng).standard_normal(shape))

    def _estimate(self, x, t, label, settings):
        answers = (self.of(x + (self.sigma * z).astype(x.dtype), t, label) for z in self.draws)
        return ((sum(answer.astype(np.float64) for answer in answers) / len(self.draws)).astype(x.dtype),)
