"""The conversions, samplers, training steps and measures in plain NumPy, with bugs planted in them; and their laws.

As in `planted_machines.py`, a function takes the name of a bug and does the wrong thing where the bug is its own.
"""

from itertools import pairwise

import numpy as np

from minidiff import schedules

COSINE, FLOW, VE = schedules.cosine(), schedules.flow(), schedules.ve()
SEED = 2**40  # of the samplers' own noise, apart from that of the laws


def levels(schedule, t):
    return float(schedule.signal(t)), float(schedule.noise(t))


# --- conversions -----------------------------------------------------------------------------------------------------


def eps_from_x0(x, x0, a, s, bug=None):
    """eps = (x - a x0) / s."""
    if bug == "eps_hat without the factor a":
        return (x - x0) / s
    return (x - a * x0) / s


def x0_from_eps(x, eps, a, s, bug=None):
    """x0 = (x - s eps) / a."""
    if bug == "x0_hat from eps_hat is not divided by a":
        return x - s * eps
    return (x - s * eps) / a


def score_from_x0(x, x0, a, s, bug=None):
    """score = (a x0 - x) / s^2 (Tweedie)."""
    if bug == "the score points away from the data":
        return (x - a * x0) / s**2
    if bug == "the score is divided by s, not by s^2":
        return (a * x0 - x) / s
    return (a * x0 - x) / s**2


def x0_from_score(x, score, a, s, bug=None):
    """x0 = (x + s^2 score) / a (Tweedie)."""
    if bug in ("the score points away from the data", "the score is divided by s, not by s^2"):
        # Both ways wrong alike: going there and back shows nothing.
        score = -score if bug == "the score points away from the data" else score / s
    return (x + s**2 * score) / a


def v_from_x0(x0, eps, a, s, bug=None):
    """v = a eps - s x0."""
    if bug == "a and s are swapped in v":
        return s * eps - a * x0
    return a * eps - s * x0


def x0_from_v(x, v, a, s, bug=None):
    """x0 = (a x - s v) / (a^2 + s^2)."""
    if bug == "a^2 + s^2 is taken to be 1 for every schedule":
        return a * x - s * v
    return (a * x - s * v) / (a**2 + s**2)


# --- samplers --------------------------------------------------------------------------------------------------------


def ddim(denoiser, schedule, noise, times, eta=0.0, bug=None):
    """Yield (t', x, x0_hat): x' = a' x0_hat + sqrt(s'^2 - sigma^2) eps_hat + sigma z, sigma = eta s' sqrt(1 - (a s'/a' s)^2)."""
    rng = np.random.default_rng(SEED)
    x = noise if bug == "the start is not scaled by s(1)" else float(schedule.noise(times[0])) * noise
    if bug == "the walk starts one step late":
        times = times[1:]
    if bug == "the walk stops one step early":
        times = times[:-1]
    for t, t_next in pairwise(times):
        (a, s), (a_next, s_next) = levels(schedule, t), levels(schedule, t_next)
        x0_hat = denoiser(x, t_next if bug == "the denoiser is asked at the time of landing" else t)
        if bug == "eps_hat is taken with the levels of landing" and s_next > 0:
            eps_hat = eps_from_x0(x, x0_hat, a_next, s_next)
        else:
            eps_hat = eps_from_x0(x, x0_hat, a, s)
        sigma = eta * s_next * np.sqrt(1 - (a * s_next / (a_next * s)) ** 2)
        if bug == "the fresh noise is that of a step of 1/1000":
            a_near, s_near = levels(schedule, t - 0.001)
            sigma = eta * s_next * np.sqrt(1 - (a * s_near / (a_near * s)) ** 2)
        old = s_next if bug == "fresh noise is added, the old is all kept" else np.sqrt(s_next**2 - sigma**2)
        if bug == "the generator is seeded anew in each step":
            rng = np.random.default_rng(SEED)
        z = rng.standard_normal(x.shape)
        if bug == "one draw of noise serves the whole batch":
            z = np.broadcast_to(z[:1], x.shape)
        x = a_next * x0_hat + old * eps_hat + sigma * z
        yield t_next, x, x0_hat


def velocity(denoiser, schedule, x, t, bug):
    """dx/dt = a'(t) x0_hat + s'(t) eps_hat."""
    a, s = levels(schedule, t)
    x0_hat, slope = denoiser(x, t), float(schedule.variance_slope(t))
    if bug != "the slope of s^2 stands for that of s":
        slope = slope / (2 * s)
    return float(schedule.signal_slope(t)) * x0_hat + slope * eps_from_x0(x, x0_hat, a, s)


def heun(denoiser, schedule, noise, steps, bug=None):
    """The end of the ODE by Heun's steps; the last is one of Euler's."""
    times = np.linspace(1, 0, steps + 1)
    x = float(schedule.noise(1.0)) * noise
    for t, t_next in pairwise(times):
        slope = velocity(denoiser, schedule, x, t, bug)
        ahead = x + (t_next - t) * slope
        if t_next > 0:
            place = x if bug == "Heun's second slope is taken at the old x" else ahead
            time = t if bug == "Heun's second slope is taken at the old time" else t_next
            ahead = x + (t_next - t) / 2 * (slope + velocity(denoiser, schedule, place, time, bug))
        x = ahead
    return x


def sde(denoiser, schedule, noise, steps, bug=None):
    """The end of dx = (velocity - g^2/2 score) dt + g dw, g^2 = d(s^2)/dt."""
    rng, x = np.random.default_rng(SEED), float(schedule.noise(1.0)) * noise
    for t, t_next in pairwise(np.linspace(1, 0, steps + 1)):
        a, s = levels(schedule, t)
        g2, dt = float(schedule.variance_slope(t)), t - t_next
        pull = g2 if bug == "g^2 stands for g^2 / 2 beside the velocity" else g2 / 2
        score = score_from_x0(x, denoiser(x, t), a, s)
        width = dt if bug == "the noise grows with dt, not with its root" else np.sqrt(dt)
        x = x - dt * (velocity(denoiser, schedule, x, t, bug) - pull * score)
        x = x + np.sqrt(g2) * width * rng.standard_normal(x.shape)
    return x


# --- training steps ---------------------------------------------------------------------------------------------------


def adam(gradients, rate, bug=None):
    """Where Adam's steps along gradients (steps, D) lead from 0: -= rate m_hat / (sqrt(v_hat) + tiny)."""
    theta, m, v = np.zeros((3, gradients.shape[1]))
    for step, gradient in enumerate(gradients, 1):
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        m_hat, v_hat = m / (1 - 0.9**step), v / (1 - 0.999**step)
        if bug == "Adam's means are not corrected for their start at zero":
            m_hat, v_hat = m, v
        if bug == "Adam divides by the mean square, not by its root":
            v_hat = v_hat**2
        theta = theta - rate * m_hat / (np.sqrt(v_hat) + 1e-12)
    return theta


def moving_average(weights, d, bug=None):
    """The average of weights (steps, D): it starts at the first, then += (1 - d) (w - average)."""
    average = 0 * weights[0] if bug == "the moving average starts at zero" else weights[0]
    for w in weights[1:]:
        share = d if bug == "d and 1 - d are swapped in the moving average" else 1 - d
        average = average + share * (w - average)
    return average


# --- measures --------------------------------------------------------------------------------------------------------


def novelty(sample, images, bug=None):
    """The smallest distance of sample (H, W, C) to any translation of any image (N, H, W, C)."""
    height, width = sample.shape[:2]
    shifts = [(down, across) for down in range(height) for across in range(width)]
    if bug == "novelty is the distance to images in place":
        shifts = [(0, 0)]
    return min(np.linalg.norm(np.roll(image, shift, (0, 1)) - sample) for image in images for shift in shifts)


def r_squared(predicted, reference, bug=None):
    """R^2 = 1 - SS_res / SS_tot."""
    if bug == "Pearson's r is called R^2":
        return np.corrcoef(predicted.ravel(), reference.ravel())[0, 1]
    return 1 - ((predicted - reference) ** 2).sum() / ((reference - reference.mean()) ** 2).sum()


# --- laws ------------------------------------------------------------------------------------------------------------

MEAN, VARIANCE = 0.3, 0.25
SIGMAS = 6
GRID = np.linspace(1, 0, 6)


def gaussian(schedule):
    """The exact denoiser of N(m, v I): E[x0 | x] = m + a v (x - a m) / (a^2 v + s^2)."""

    def denoiser(x, t):
        a, s = levels(schedule, t)
        return MEAN + a * VARIANCE / (a * a * VARIANCE + s * s) * (x - a * MEAN)

    return denoiser


def there_and_back(bug, rng):
    """x0 to eps, score or v and back is x0, for any schedule; and eps of (x, x0) is the eps that made x."""
    close = []
    for schedule in (COSINE, FLOW, VE):
        (x0, eps), (a, s) = rng.standard_normal((2, 3, 4)), levels(schedule, 0.6)
        x = a * x0 + s * eps
        ways = (
            (x0_from_eps(x, eps_from_x0(x, x0, a, s, bug), a, s, bug), x0),
            (x0_from_score(x, score_from_x0(x, x0, a, s, bug), a, s, bug), x0),
            (x0_from_v(x, v_from_x0(x0, eps, a, s, bug), a, s, bug), x0),
            (eps_from_x0(x, x0, a, s, bug), eps),
        )
        close += [np.allclose(*pair, rtol=0, atol=1e-12 / a * (1 + s)) for pair in ways]
    return all(close)


def slope_of_the_log_density(bug, rng):
    """The score of Gaussian data is the slope of log N(x; a m, a^2 v + s^2): -(x - a m) / (a^2 v + s^2)."""
    x, (a, s) = rng.standard_normal((3, 4)), levels(COSINE, 0.4)
    expected = -(x - a * MEAN) / (a * a * VARIANCE + s * s)
    return np.allclose(score_from_x0(x, gaussian(COSINE)(x, 0.4), a, s, bug), expected, rtol=1e-12, atol=1e-12)


def straight_walk(bug, rng):
    """To one training image y, DDIM (eta = 0) walks with the same noise all the way: x_t = a y + s e, in any number of steps."""
    for schedule in (COSINE, VE):
        y, noise = rng.standard_normal((2, 3, 4))
        a, s = levels(schedule, 1.0)
        e = noise - a / s * y
        for t, x, _ in ddim(lambda x, t, y=y: y, schedule, noise, GRID, bug=bug):
            a, s = levels(schedule, t)
            if not np.allclose(x, a * y + s * e, rtol=0, atol=1e-12 * (a + s)):
                return False
    return True


def each_time_once(bug, rng):
    """The denoiser is asked at each time of the grid but the last, and the walk lands on that one."""
    asked = []
    landed = [t for t, *_ in ddim(lambda x, t: asked.append(t) or x * 0, COSINE, rng.standard_normal(3), GRID, bug=bug)]
    return asked == GRID[:-1].tolist() and landed[-1] == 0.0


def ends_with_its_answer(bug, rng):
    """Where no noise is left x is the last x0_hat."""
    *_, (_, x, x0_hat) = ddim(gaussian(COSINE), COSINE, rng.standard_normal((3, 4)), GRID, eta=1.0, bug=bug)
    return np.allclose(x, x0_hat, rtol=0, atol=1e-14)


def marginals(bug, rng, count=20000):
    """To one image y every step of every eta has mean a y and variance s^2, to 6 standard errors."""
    noise, y, (a, s) = rng.standard_normal((count, 1)), 0.4, levels(COSINE, 1.0)
    for t, x, _ in ddim(lambda x, t: np.full_like(x, y), COSINE, noise + a / s * y, GRID, eta=1.0, bug=bug):
        a_t, s_t = levels(COSINE, t)
        off = abs(x.mean() - a_t * y), abs(x.var() - s_t**2)
        if off[0] > SIGMAS * s_t / count**0.5 + 1e-12 or off[1] > SIGMAS * s_t**2 * (2 / count) ** 0.5 + 1e-12:
            return False
    return True


def ancestral_variance(bug, rng, count=20000):
    """With eta = 1 a step from one x has the variance of q(x' | x, x0): s'^2 (s^2 - (a/a')^2 s'^2) / s^2 (DDPM)."""
    for t, t_next in ((1.0, 0.5), (0.5, 0.2)):
        (a, s), (a_next, s_next) = levels(COSINE, t), levels(COSINE, t_next)
        landed = list(ddim(lambda x, t: 0 * x, COSINE, np.ones((count, 1)), [t, t_next], eta=1.0, bug=bug))
        expected = s_next**2 * (s**2 - (a / a_next) ** 2 * s_next**2) / s**2
        if not landed or abs(landed[-1][1].var() - expected) > SIGMAS * expected * (2 / count) ** 0.5:
            return False
    return True


def second_order(bug, rng):
    """Heun's error on Gaussian data, whose walk is known, falls as 1 / T^2."""
    noise, (a, s) = rng.standard_normal((3, 3)), levels(COSINE, 1.0)
    exact = MEAN + (s * noise - a * MEAN) * np.sqrt(VARIANCE / (a * a * VARIANCE + s * s))
    errors = [np.abs(heun(gaussian(COSINE), COSINE, noise, steps, bug) - exact).max() for steps in (80, 160)]
    return abs(np.log2(errors[0] / errors[1]) - 2) < 0.1


def ends_at_the_data(bug, rng, count=20000, steps=100):
    """A walk of many random steps ends at the data: N(m, v), to 3 % of the data's standard deviation."""
    x = sde(gaussian(COSINE), COSINE, rng.standard_normal(count), steps, bug)
    return abs(x.mean() - MEAN) < 0.03 * VARIANCE**0.5 and abs(x.std() - VARIANCE**0.5) < 0.03 * VARIANCE**0.5


def first_step(bug, rng):
    """Adam's first step has the length of the rate, whatever the gradient's."""
    gradient = rng.standard_normal((1, 5))
    return np.allclose(adam(gradient, 0.1, bug), -0.1 * np.sign(gradient), rtol=1e-9)


def any_scale(bug, rng):
    """A loss a thousand times as large has the same steps."""
    gradients = rng.standard_normal((4, 5))
    return np.allclose(adam(1000 * gradients, 0.1, bug), adam(gradients, 0.1, bug), rtol=1e-8)


def mean_of_equals(bug, rng):
    """The moving average of weights that stay is those weights."""
    weights = np.tile(rng.standard_normal(3), (4, 1))
    return np.allclose(moving_average(weights, 0.9, bug), weights[0], rtol=1e-12)


def memory(bug, rng):
    """A weight that jumps from 0 to 1 has moved its average by 1 - d a step later."""
    return np.allclose(moving_average(np.array([[0.0], [1.0]]), 0.9, bug), 0.1, rtol=1e-12)


def a_moved_copy(bug, rng):
    """A translated training image is no novelty."""
    images = rng.standard_normal((2, 4, 5, 1))
    return novelty(np.roll(images[1], (1, 2), (0, 1)), images, bug) == 0


def another_scale(bug, rng):
    """R^2 of an answer that is twice too large is 1 - SS(reference) / SS_tot, not that of a right one."""
    reference = rng.standard_normal((4, 5))
    expected = 1 - (reference**2).sum() / ((reference - reference.mean()) ** 2).sum()
    return abs(r_squared(2 * reference, reference, bug) - expected) < 1e-12


LAWS = {
    "conversions": {"there and back": there_and_back, "slope of the log density": slope_of_the_log_density},
    "DDIM": {
        "straight walk": straight_walk,
        "each time once": each_time_once,
        "ends with its answer": ends_with_its_answer,
        "marginals": marginals,
        "ancestral variance": ancestral_variance,
    },
    "ODE": {"second order": second_order},
    "SDE": {"ends at the data": ends_at_the_data},
    "training": {"first step": first_step, "any scale": any_scale, "mean of equals": mean_of_equals, "memory": memory},
    "measures": {"a moved copy": a_moved_copy, "another scale": another_scale},
}


def broken_by_walk(where, bug, seed=0):
    """The laws that the conversions, samplers or measures break."""
    return [name for name, law in LAWS[where].items() if not law(bug, np.random.default_rng(seed))]


# Where: {what is planted there: a law that catches it}.
BUGS = {
    "conversions": {
        "eps_hat without the factor a": "there and back",
        "x0_hat from eps_hat is not divided by a": "there and back",
        "a and s are swapped in v": "there and back",
        "a^2 + s^2 is taken to be 1 for every schedule": "there and back",
        "the score points away from the data": "slope of the log density",
        "the score is divided by s, not by s^2": "slope of the log density",
    },
    "DDIM": {
        "eps_hat is taken with the levels of landing": "straight walk",
        "the start is not scaled by s(1)": "straight walk",
        "the denoiser is asked at the time of landing": "each time once",
        "the walk starts one step late": "each time once",
        "the walk stops one step early": "ends with its answer",
        "fresh noise is added, the old is all kept": "marginals",
        "the generator is seeded anew in each step": "marginals",
        "one draw of noise serves the whole batch": "marginals",
        "the fresh noise is that of a step of 1/1000": "ancestral variance",
    },
    "ODE": {
        "the slope of s^2 stands for that of s": "second order",
        "Heun's second slope is taken at the old x": "second order",
        "Heun's second slope is taken at the old time": "second order",
    },
    "SDE": {
        "g^2 stands for g^2 / 2 beside the velocity": "ends at the data",
        "the noise grows with dt, not with its root": "ends at the data",
    },
    "training": {
        "Adam's means are not corrected for their start at zero": "first step",
        "Adam divides by the mean square, not by its root": "any scale",
        "the moving average starts at zero": "mean of equals",
        "d and 1 - d are swapped in the moving average": "memory",
    },
    "measures": {
        "novelty is the distance to images in place": "a moved copy",
        "Pearson's r is called R^2": "another scale",
    },
}
