# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 1. Noise and the way back
#
# **Question.** How can an image come out of pure noise, and what does it take to walk there?
#
# **Time.** About 25 minutes to read, ten seconds to run.
#
# **Equations.** $x_t = a x_0 + s \varepsilon$ (DDPM); Tweedie's formula; the DDIM step (DDIM, eq. 12 and 16); the
# probability-flow ODE (SDE, eq. 13) and Heun's method for it (EDM, algorithm 1).
#
# **Prerequisites.** NumPy, the normal distribution, a mean and a variance. Nothing about neural networks: none is used here.

# %% [markdown]
# ## Noise an image
#
# Here are two small training sets: 200 handwritten digits in grey, and 200 colour crops of one photograph. An image is an array
# (height, width, channels) with numbers from $-1$ (black) to $1$ (white); a set of them has one axis more.

# %%
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np

import minidiff as md

digits = md.datasets.digits(size=16)[0][:200]
crops = md.datasets.photo(count=200)[0]
schedule = md.schedules.cosine()
print("digits:", digits.shape, digits.dtype, "from", digits.min(), "to", digits.max())
print("crops: ", crops.shape)

# %% [markdown]
# The forward process mixes an image $x_0$ with fresh normal noise $\varepsilon$:
#
# $$
# x_t = a(t)\, x_0 + s(t)\, \varepsilon, \qquad \varepsilon \sim N(0, I).
# $$
#
# Time $t$ runs from 0, the clean image, to 1, noise with almost nothing of the image left. The two functions $a$ (signal) and
# $s$ (noise) are the *schedule*. Nothing else about the process matters to anything below.

# %%
times = np.array([0.0, 0.1, 0.25, 0.5, 0.75, 1.0])
fig, axes = plt.subplots(2, 1, figsize=(7.5, 2.9), layout="constrained")
for ax, image, name in zip(axes, (crops[5], digits[5]), ("photo", "digit"), strict=True):
    noisy = md.process.add_noise(np.repeat(image[None], len(times), axis=0), times, schedule, rng=0)
    heads = [f"t = {t:.2f}" for t in times] if name == "photo" else None
    md.plots.rows([noisy], [name], ax=ax, heads=heads)
plt.show()

# %% [markdown]
# There are many schedules. Some keep $a^2 + s^2 = 1$ ("variance preserving": cosine, linear, exponential), one keeps $a = 1$
# and lets the noise explode (VE), one is a straight line (flow). They look different on the left. But divide $x_t$ by $a$: it
# is $x_0 + (s/a)\, \varepsilon$. So only the ratio $s/a$ says how much can still be seen. On the right it rises in all of them:
# they all pass through the same images, at different speeds.

# %%
t = np.linspace(0.001, 0.999, 400)
fig, (left, right) = plt.subplots(1, 2, figsize=(7.5, 2.8), layout="constrained")
for (name, make), colour in zip(md.schedules.NAMES.items(), ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7"), strict=True):
    one = make()
    right.semilogy(t, one.noise(t) / one.signal(t), color=colour, label=name)
    if name in ("cosine", "flow"):
        left.plot(t, one.signal(t), color=colour, label=f"a, {name}")
        left.plot(t, one.noise(t), "--", color=colour, label=f"s, {name}")
left.set_ylabel("a and s")
right.set_ylabel("s / a")
for ax in (left, right):
    ax.set_xlabel("time t (0 is clean)")
    ax.legend(fontsize=8)
plt.show()

# %% [markdown]
# This can be checked. Take the time at which the straight schedule has the same ratio $s/a$ as the cosine schedule at
# $t = 0.4$, noise one digit by both with the same $\varepsilon$, and divide by $a$.

# %%
flow = md.schedules.flow()
ratio = float(schedule.noise(0.4) / schedule.signal(0.4))
t_flow = ratio / (1 + ratio)
eps = md.process.unit_noise(digits[5].shape, rng=0)
seen = [
    md.process.add_noise(digits[5], time, kind, eps=eps) / float(kind.signal(time))
    for kind, time in ((schedule, 0.4), (flow, t_flow))
]
print(f"s/a = {ratio:.3f} at t = 0.400 (cosine) and at t = {t_flow:.3f} (flow)")
print(f"largest difference between the two noisy digits: {np.abs(seen[0] - seen[1]).max():.0e}")

# %% [markdown]
# ## A denoiser is a guess
#
# A *denoiser* is any function `denoiser(x, t)` that looks at a noisy image and guesses the clean one. The guess is written
# $\hat x_0$. Here are three, from poor to perfect.
#
# - **mean**: it does not look at all, and answers with the mean of the training set;
# - **Wiener**: the best *linear* denoiser, from the mean and covariance of the training set (LUK);
# - **ideal**: the best denoiser of all for this training set. Tutorial [02](02_the_ideal_denoiser_recites.ipynb) opens it up;
#   here it is a black box.

# %%
mean_image = digits.mean(axis=0)


def mean(x, t):
    return np.broadcast_to(mean_image, x.shape).copy()


wiener = md.Wiener(digits, schedule)
ideal = md.IdealScore(digits, schedule)
times = [0.2, 0.4, 0.6, 0.8, 0.95]
noisy = md.process.add_noise(np.repeat(digits[5:6], len(times), axis=0), np.array(times), schedule, rng=1)
guesses = [np.stack([denoiser(x, t) for x, t in zip(noisy, times, strict=True)]) for denoiser in (mean, wiener, ideal)]
fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
md.plots.rows([noisy, *guesses], ["x", "mean", "Wiener", "ideal"], ax=ax, heads=[f"t = {t:.2f}" for t in times])
plt.show()

# %% [markdown]
# How good is a guess? Noise all 200 digits, guess, and take the mean squared error per pixel. Look at two things: the order of
# the columns, and what all three agree on at the end, where nothing is left to be seen and the mean is the best answer. (The
# ideal denoiser is tested here on the images that it is made of. What it does with others is a question for tutorial 02.)

# %%
print("   t     mean   Wiener    ideal      (mean squared error per pixel)")
for t in (0.1, 0.3, 0.5, 0.7, 0.9, 1.0):
    x = md.process.add_noise(digits, t, schedule, rng=2)
    errors = [((denoiser(x, t) - digits) ** 2).mean() for denoiser in (mean, wiener, ideal)]
    print(f"{t:4.1f} " + " ".join(f"{error:8.4f}" for error in errors))

# %% [markdown]
# ## One guess, four views
#
# Papers write a denoiser in four ways. A guess of the image is also a guess of the noise, and of the direction in which images
# lie:
#
# $$
# \hat\varepsilon = \frac{x - a \hat x_0}{s}, \qquad
# \mathrm{score} = \frac{a \hat x_0 - x}{s^2} = -\frac{\hat\varepsilon}{s}, \qquad
# \hat v = a \hat\varepsilon - s \hat x_0 .
# $$
#
# The score is the gradient of the log-density of noisy images, $\nabla_x \log p_t(x)$, when $\hat x_0$ is the mean of $x_0$
# given $x$: that is Tweedie's formula, $E[x_0 \mid x_t] = (x_t + s^2\, \mathrm{score}) / a$. Each view can be turned back into
# the guess:

# %%
t = 0.5
x = md.process.add_noise(digits[5], t, schedule, rng=3)
x0_hat = ideal(x, t)
eps_hat = md.process.eps_from_x0(x, x0_hat, t, schedule)
score = md.process.score_from_x0(x, x0_hat, t, schedule)
v_hat = md.process.v_from_x0(x0_hat, eps_hat, t, schedule)
back = {
    "eps": md.process.x0_from_eps(x, eps_hat, t, schedule),
    "score": md.process.x0_from_score(x, score, t, schedule),
    "v": md.process.x0_from_v(x, v_hat, t, schedule),
}
for name, image in back.items():
    print(f"x0_hat from {name:5s}: off by {np.abs(image - x0_hat).max():.0e}")

# %%
fig, axes = plt.subplots(1, 5, figsize=(7.5, 1.8), layout="constrained")
views = {"x": x, "x0_hat": x0_hat, "eps_hat": eps_hat, "score": score, "v_hat": v_hat}
for ax, (name, view) in zip(axes, views.items(), strict=True):
    largest = np.abs(view).max()
    md.plots.show(view / largest, ax=ax, title=f"{name}\n(white is {largest:.1f})")
plt.show()

# %% [markdown]
# The noise and the score are one picture, up to sign and scale. Which view is the best one to *train* a network on is another
# question (tutorial [06](06_a_network_by_hand.ipynb)); for walking back it makes no difference.
#
# ## The way back, one step
#
# At time $t$ the denoiser splits $x$ into an image and a noise, $x = a \hat x_0 + s \hat\varepsilon$. To go to an earlier time
# $t'$, mix the same two again in the proportions of $t'$. That is DDIM's deterministic step:
#
# $$
# x' = a' \hat x_0 + s' \hat\varepsilon .
# $$
#
# Start from noise at $t = 1$ and repeat. The whole sampler is five lines.


# %%
def walk(denoiser, noise, steps=20):
    times = np.linspace(1, 0, steps + 1)
    x = float(schedule.noise(1.0)) * noise
    for t, t_next in pairwise(times):
        x0_hat = denoiser(x, t)
        eps_hat = md.process.eps_from_x0(x, x0_hat, t, schedule)
        x = float(schedule.signal(t_next)) * x0_hat + float(schedule.noise(t_next)) * eps_hat
    return x


noise = md.process.unit_noise((8, 16, 16, 1), rng=10)
ours = walk(ideal, noise)
steps = list(md.process.ddim(ideal, schedule, noise=noise, steps=20))
print(f"steps: {len(steps)}, the last at t = {steps[-1].t:.0f}")
print(f"largest difference from md.process.ddim: {np.abs(ours - steps[-1].x).max():.0e}")

# %% [markdown]
# The figure shows one walk: in the upper row the image $x$, in the lower row the guess $\hat x_0$ that moved it. The first
# guess is the mean of all digits. Then the guess settles on one digit, long before the image shows much.

# %%
fig, ax = plt.subplots(figsize=(7.5, 2.2), layout="constrained")
md.plots.trajectory(steps, ax=ax)
plt.show()

# %% [markdown]
# ## In continuous time
#
# Make the steps small and the walk becomes a differential equation, the probability-flow ODE (SDE, eq. 13),
# $\dot x = \dot a\, \hat x_0 + \dot s\, \hat\varepsilon$. `md.process.ode` solves it by Euler's or by Heun's method. One may
# also put in fresh noise at every step, and take out more of the old noise to make room for it: that is the reverse SDE, and
# DDPM's own step (`ddim` with eta = 1). All of them pass through the same distribution at every time. But only the first two
# are the same *path*: with fresh noise, one start has many ends. How many walks end where DDIM ends says how much of its start
# a walk remembers.

# %%
walks = {
    "DDIM": md.process.ddim(ideal, schedule, noise=noise, steps=100),
    "ODE": md.process.ode(ideal, schedule, noise=noise, steps=100),
    "SDE": md.process.sde(ideal, schedule, noise=noise, steps=200, rng=5),
    "DDPM": md.process.ddim(ideal, schedule, noise=noise, steps=100, eta=1, rng=5),
}
ends = {name: [*steps][-1].x for name, steps in walks.items()}
nearest = {name: md.metrics.memorisation(x, digits, translations=False).nearest for name, x in ends.items()}
for name in ("ODE", "SDE", "DDPM"):
    print(f"{name:4s} ends in DDIM's image for {(nearest[name] == nearest['DDIM']).sum()} of {len(noise)} noises")
fig, ax = plt.subplots(figsize=(7.5, 4.2), layout="constrained")
md.plots.rows([noise, *ends.values()], ["noise", *ends], ax=ax)
plt.show()

# %% [markdown]
# How small must a step be? Measure it where everything is smooth: the Wiener denoiser of digits that were blurred by a little
# noise. Errors are measured against a very fine walk. Twice the steps halve the error of DDIM and of Euler, and quarter that of
# Heun, which calls the denoiser twice in each step.

# %%
blurred = md.datasets.digits(size=16)[0]
blurred = blurred + 0.3 * md.process.unit_noise(blurred.shape, rng=6)
smooth = md.Wiener(blurred, schedule)
start = md.process.unit_noise((4, 16, 16, 1), rng=6, dtype=np.float64)
fine = [*md.process.ode(smooth, schedule, noise=start, steps=1000)][-1].x
samplers = {
    "DDIM": lambda steps: md.process.ddim(smooth, schedule, noise=start, steps=steps),
    "Euler": lambda steps: md.process.ode(smooth, schedule, noise=start, steps=steps, method="euler"),
    "Heun": lambda steps: md.process.ode(smooth, schedule, noise=start, steps=steps),
}
counts = (10, 20, 40, 80, 160)
fig, ax = plt.subplots(figsize=(5, 3), layout="constrained")
for (name, sampler), colour in zip(samplers.items(), ("#0072B2", "#E69F00", "#D55E00"), strict=True):
    errors = [np.sqrt((([*sampler(count)][-1].x - fine) ** 2).mean()) for count in counts]
    print(f"{name:5s} error falls by {errors[-2] / errors[-1]:.1f} from {counts[-2]} to {counts[-1]} steps")
    ax.loglog(counts, errors, "o-", color=colour, label=name)
ax.set_xlabel("steps")
ax.set_ylabel("rms error of the end")
ax.set_xticks(counts, counts)
ax.minorticks_off()
ax.legend()
plt.show()

# %% [markdown]
# ## A walk is as good as its denoiser
#
# We take the same noises, the same sampler and three denoisers. The mean leads every noise to one image. All that a linear
# denoiser knows of digits is their mean and their covariance, and that is what the Wiener filter's samples have: strokes, at
# about the right places, and seldom a digit. The ideal denoiser leads to digits.

# %%
ends = {"mean": walk(mean, noise), "Wiener": walk(wiener, noise), "ideal": walk(ideal, noise)}
many = walk(wiener, md.process.unit_noise((400, 16, 16, 1), rng=7))
print(f"spread of a pixel, averaged over pixels: digits {digits.std(axis=0).mean():.2f}, Wiener's {many.std(axis=0).mean():.2f}")
for name, x in ends.items():
    far = np.median(md.metrics.memorisation(x, digits, translations=False).distance)
    apart = np.sqrt(((x[:-1] - x[1:]) ** 2).mean())
    print(f"{name:6s}: rms distance to the nearest training image {far:.2f}, between two samples {apart:.2f}")
fig, ax = plt.subplots(figsize=(7.5, 2.9), layout="constrained")
md.plots.rows(list(ends.values()), list(ends), ax=ax)
plt.show()

# %% [markdown]
# ## Why not simply jump to the guess?
#
# The denoiser guesses the clean image at $t = 1$ already. Why do we walk, instead of taking $\hat x_0$ as the answer? Try it,
# with 1, 2, 3 and 20 steps. One step is the jump.

# %%
counts = (1, 2, 3, 20)
ends = [walk(ideal, noise, steps=count) for count in counts]
for count, x in zip(counts, ends, strict=True):
    far = np.median(md.metrics.memorisation(x, digits, translations=False).distance)
    off = np.sqrt(((x - mean_image) ** 2).mean())
    print(f"{count:2d} steps: rms distance to the nearest training image {far:.2f}, to their mean {off:.2f}")
fig, ax = plt.subplots(figsize=(7.5, 3.8), layout="constrained")
md.plots.rows(ends, ["the jump", *[f"{count} steps" for count in counts[1:]]], ax=ax)
plt.show()

# %% [markdown]
# The jump lands on the mean of everything that could have been. And yet it is the *best* guess: no other has a smaller squared
# error. Both are true, since the average of many digits is near all of them and is not one of them.
#
# Now compare the errors. Noise 200 digits, three times each, to $t = 0.8$. Jump from there, or walk from there to the end with
# fresh noise at every step (eta = 1). The walk ends in a digit that the noisy image could have been: a draw from the posterior,
# independent of the true digit. So its squared error is that of the true digit around the mean *plus* its own: twice the
# jump's.

# %%
t, times = 0.8, np.append(np.geomspace(0.8, 0.005, 150), 0)
x0 = np.tile(digits, (3, 1, 1, 1))
x = md.process.add_noise(x0, t, schedule, rng=8)
jumped = ideal(x, t)
unit = x / float(schedule.noise(t))
walked = [*md.process.ddim(ideal, schedule, noise=unit, times=times, eta=1, rng=9)][-1].x
errors = [((end - x0) ** 2).mean() for end in (jumped, walked)]
nearest = [np.median(md.metrics.memorisation(end[:60], digits, translations=False).distance) for end in (jumped, walked)]
print(f"mean squared error: jump {errors[0]:.2f}, walk {errors[1]:.2f}, ratio {errors[1] / errors[0]:.1f}")
print(f"median distance to the nearest training image: jump {nearest[0]:.2f}, walk {nearest[1]:.2f}")
fig, ax = plt.subplots(figsize=(7.5, 3.8), layout="constrained")
md.plots.rows([x0[:8], x[:8], jumped[:8], walked[:8]], ["digit", "noisy", "the jump", "the walk"], ax=ax)
plt.show()

# %% [markdown]
# A denoiser answers "what is it, on average?". A walk asks that question many times and each time moves only a little, and so
# it ends in one definite image. The walk adds nothing that the denoiser does not know: what comes out is decided by the
# denoiser.

# %% [markdown]
# ## What to take along
#
# - A schedule is two functions, $a$ and $s$; only $s/a$ says what can be seen.
# - $\hat x_0$, $\hat\varepsilon$, score and $v$ are four views of one guess.
# - DDIM, the ODE and the SDE are ways to walk; a bad denoiser makes a bad walk, and a jump makes an average.
# - The last row above shows digits of the training set, and nothing else. Is that because of the sampler, or because of the
#   denoiser?
#
# **Try it.** Replace `digits` by `crops` in the walks. Walk with
# `denoiser = lambda x, t: 0.5 * ideal(x, t) + 0.5 * wiener(x, t)`: does it end in digits? Give DDIM in the last cell `eta=0`:
# two equal noisy images now end in the same digit, and the ratio moves.
#
# **Next:** [02 The ideal denoiser recites](02_the_ideal_denoiser_recites.ipynb)
