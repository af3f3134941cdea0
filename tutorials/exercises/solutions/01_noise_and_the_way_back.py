# A model solution: one of many ways.
"""Exercise 01: a schedule, the walk back, and the order of a sampler.

Read tutorial 01 first. Fill the five gaps marked YOUR CODE, in any order, then ask

    minidiff check 01_noise_and_the_way_back.py

as often as you like (or run this file). Each gap is judged by itself, with right answers in place of the others. Plain NumPy is
enough, loops are fine, speed does not matter. Keep the names and the arguments.

Everywhere x = a x0 + s eps: a is the signal level and s the noise level. Only s / a says how much can still be seen.
"""

import numpy as np

EXERCISE = "01"


def levels(ratio):
    """The signal a and the noise s of a variance-preserving schedule where s / a has a given value: a^2 + s^2 = 1.

    ratio: s / a, a float from 0 to 1e200. Returns a tuple (a, s) of floats.

    Hint: two equations for two unknowns. Then try your function with 1e200: what is the square of that in floating point?
    """
    # YOUR CODE
    length = np.hypot(1.0, ratio)
    return 1 / length, ratio / length


def time_of(f, wanted):
    """The time at which a schedule's ratio s / a has a given value. So you can look at one noise level in two schedules.

    f: a function of t, a float from 0 to 1, that returns s / a; it increases. wanted: a float between f(0) and f(1). Returns t
    with f(t) = wanted, as a float that is right to 1e-9.

    Hint: keep an interval that holds the time. Where in it do you ask f, and which part of it do you keep?
    """
    # YOUR CODE
    low, high = 0.0, 1.0
    while high - low > 1e-12:
        middle = (low + high) / 2
        if f(middle) < wanted:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def step(x, x0_hat, now, then):
    """One step back, without fresh noise (DDIM with eta = 0).

    The guess x0_hat splits x into an image and a noise. The step mixes the same two again, at other levels.

    x: the noisy image, (H, W, C); x0_hat: the guess of the clean one, (H, W, C); now: the levels (a, s) of x; then: the levels
    (a, s) where the step ends. Returns (H, W, C).

    Hint: which noise does x hold, if x0_hat is its clean image? With then = now the step must return x.
    """
    # YOUR CODE
    eps_hat = (x - now[0] * x0_hat) / now[1]
    return then[0] * x0_hat + then[1] * eps_hat


def walk(denoiser, noise, levels):
    """The whole way back: from noise at the first levels, step by step, to the last levels.

    denoiser: a function (x, a, s) that returns the guess x0_hat, (H, W, C); noise: normal numbers of variance 1, (H, W, C);
    levels: a list of pairs (a, s), from the noisiest to the cleanest, with at least two pairs. Returns x at the last levels,
    (H, W, C).

    Hint: use `step`. How often is the denoiser called if there are three pairs, and with which levels?
    """
    # YOUR CODE
    x = levels[0][1] * noise
    for place in range(len(levels) - 1):
        now, then = levels[place], levels[place + 1]
        x = step(x, denoiser(x, now[0], now[1]), now, then)
    return x


def path(count):
    """The levels of a walk of `count` steps, in even steps of the angle whose cosine is a. Nothing to do here."""
    return [levels(float(np.tan(angle))) for angle in np.linspace(1.56, 0.001, count + 1)]


def order(counts, errors):
    """The order p of a sampler, whose error after a walk of n steps is about c / n^p, from measured errors.

    Fit a straight line by least squares: how does log(error) depend on log(n)?

    counts: numbers of steps n, (K,) floats; errors: the error for each, (K,) floats > 0; K >= 2. Returns p, a float.

    Hint: np.polyfit fits a line, and its answer has the highest power first. If twice the steps give half the error, p is 1.
    """
    # YOUR CODE
    slope, _ = np.polyfit(np.log(counts), np.log(errors), 1)
    return -slope


if __name__ == "__main__":
    from minidiff import coursework

    print(coursework.check(__file__))
