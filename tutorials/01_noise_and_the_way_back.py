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
# **Time.** About 45 minutes to read, with the derivations; fifteen seconds to run.
#
# **Equations.** $x_t = a x_0 + s \varepsilon$ ([DDPM](reference.md#ddpm)); the mean is the best guess; Tweedie's formula
# ([TWE](reference.md#twe)); the step of [DDIM](reference.md#ddim); the probability-flow ODE and the reverse SDE
# ([SDE](reference.md#sde)), and Heun's method ([EDM](reference.md#edm)). All but the last are derived here.
#
# **Prerequisites.** NumPy, the normal distribution, a mean and a variance. Nothing about neural networks: none is used here.
# Letters and words are collected in the [reference](reference.md).

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
# x_t = a(t)\, x_0 + s(t)\, \varepsilon, \qquad \varepsilon \sim \mathcal N(0, I).
# $$
#
# Time $t$ runs from 0, the clean image, to 1, noise with almost nothing of the image left. The two functions $a$ (signal) and
# $s$ (noise) are the *schedule*. Nothing else about the process matters to anything below.

# %%
# alt: A photo crop and a 5, from clean to noise: at t = 0.5 both can still be recognised, at t = 0.75 hardly, at t = 1 not.
times = np.array([0.0, 0.1, 0.25, 0.5, 0.75, 1.0])
fig, axes = plt.subplots(2, 1, figsize=(7.5, 2.9), layout="constrained")
for ax, image, name in zip(axes, (crops[5], digits[5]), ("photo", "digit"), strict=True):
    noisy = md.process.add_noise(np.repeat(image[None], len(times), axis=0), times, schedule, rng=0)
    heads = [f"t = {t:.2f}" for t in times] if name == "photo" else None
    md.plots.rows([noisy], [name], ax=ax, heads=heads)
plt.show()

# %% [markdown]
# There are many schedules. These five come with the package:
#
# | name | $a(t)$ | $s(t)$ | |
# |---|---|---|---|
# | cosine | $\cos \omega t$ | $\sin \omega t$ | $\omega = \pi / 2.016$; used in these tutorials |
# | linear | $e^{-b(t)/2}$ | $\sqrt{1 - e^{-b(t)}}$ | $b(t) = 0.1\, t + 9.95\, t^2$ |
# | exponential | $e^{-5t}$ | $\sqrt{1 - e^{-10t}}$ | |
# | ve | $1$ | $0.01 \cdot 5000^t$ | the noise "explodes"; $s(0)$ is 0.01 and not 0 |
# | flow | $1 - t$ | $t$ | a straight line from image to noise |
#
# The first three keep $a^2 + s^2 = 1$ and are called *variance preserving*. The curves of $a$ and $s$ look different (left). But
# divide $x_t$ by $a$: it is $x_0 + (s/a)\, \varepsilon$. So only the ratio $s/a$ says how much can still be seen. On the right it
# rises in all of them: they all pass through the same images, at different speeds.

# %%
# alt: Two schedules cross at different heights on the left; on the right the ratio s/a of all five rises from left to right.
t = np.linspace(0.001, 0.999, 400)
looks = (("#0072B2", "-"), ("#E69F00", "--"), ("#000000", ":"), ("#CC79A7", "-."), ("#56B4E9", (0, (6, 1, 1, 1, 1, 1))))
fig, (left, right) = plt.subplots(1, 2, figsize=(7.5, 2.8), layout="constrained")
for (name, make), (colour, dashes) in zip(md.schedules.NAMES.items(), looks, strict=True):
    one = make()
    right.semilogy(t, one.noise(t) / one.signal(t), color=colour, linestyle=dashes, label=name)
    if name in ("cosine", "flow"):
        mark = "o" if name == "cosine" else "s"
        left.plot(t, one.signal(t), "-", marker=mark, markevery=50, color=colour, label=f"a, {name}")
        left.plot(t, one.noise(t), "--", marker=mark, markevery=50, color=colour, label=f"s, {name}")
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
# - **Wiener**: the best *linear* denoiser, from the mean and covariance of the training set ([LUK](reference.md#luk));
# - **ideal**: the best denoiser of all for this training set. Tutorial [02](02_the_ideal_denoiser_recites.ipynb) opens it up;
#   here it is a black box.

# %%
# alt: The mean never changes; the other two show a clear 5 up to t = 0.6, a blurred digit at 0.8, a blur at 0.95.
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
# How good is a guess? Noise all 200 digits, guess, and take the mean squared error per pixel. (The ideal denoiser is tested here
# on the images that it is made of. What it does with others is a question for tutorial 02.)
#
# **Predict first.** At which times is the ideal denoiser much better than the mean, and at which is it not? What error will all
# three have at $t = 1$, and why?

# %%
print("   t     mean   Wiener    ideal      (mean squared error per pixel)")
for t in (0.1, 0.3, 0.5, 0.7, 0.9, 1.0):
    x = md.process.add_noise(digits, t, schedule, rng=2)
    errors = [((denoiser(x, t) - digits) ** 2).mean() for denoiser in (mean, wiener, ideal)]
    print(f"{t:4.1f} " + " ".join(f"{error:8.4f}" for error in errors))

# %% [markdown]
# <details><summary>Answer: what you have seen, and why</summary>
#
# Before $t = 1$ the ideal denoiser has the smallest error and the mean the largest. Up to $t = 0.5$ the ideal denoiser makes
# almost no error: enough can be seen to find the right digit among 200. At $t = 1$ nothing can be seen, so nobody can do better
# than the mean. All three have 0.233 there, the variance of the training set: the mean squared distance of a digit to the mean.
#
# </details>
#
# ## Why the mean is the best guess
#
# *Best* means here: the smallest mean squared error. A noisy image $x$ could have come from several clean images, each with some
# probability. Let $m(x) = E[x_0 \mid x]$ be the mean of $x_0$ over these possibilities, and let $f$ be any denoiser. For one $x$,
#
# $$
# |f - x_0|^2 = |f - m|^2 + 2\, (f - m) \cdot (m - x_0) + |m - x_0|^2 .
# $$
#
# Take the mean over all $x_0$ that $x$ could have come from. Since $x$ is given, $f - m$ is one fixed number for each pixel. And
# $m - x_0$ has mean zero, because $m$ is the mean of $x_0$. So the middle term is zero, and what is left is
#
# $$
# \underbrace{E\,|f - x_0|^2}_{\text{error of } f} = E\,|f - m|^2 + \underbrace{E\,|m - x_0|^2}_{\text{error of } m} .
# $$
#
# The last term does not depend on $f$. The first is zero only if $f = m$. So **the best denoiser is the mean of what the image
# could be**, and any other denoiser has its distance to $m$ as extra error. Nothing was assumed about images or noise. The same
# lines hold if a denoiser may see only a part of $x$: then $m$ is the mean of $x_0$ given that part. Tutorials
# [03](03_windows.ipynb) and [04](04_anywhere.ipynb) use this.
#
# Check it with the three denoisers, and a fourth that is half Wiener and half ideal. The two columns are the extra error and the
# distance to the ideal denoiser, which is this mean (tutorial 02). They agree up to chance: 4,000 noises were drawn.

# %%
t, x0 = 0.7, np.tile(digits, (20, 1, 1, 1))
x = md.process.add_noise(x0, t, schedule, rng=11)
best = ideal(x, t)
print("          error - error of ideal   distance to ideal      (means of squares per pixel)")
for name, guess in {"mean": mean(x, t), "Wiener": wiener(x, t), "half/half": (wiener(x, t) + best) / 2}.items():
    extra = ((guess - x0) ** 2).mean() - ((best - x0) ** 2).mean()
    print(f"{name:9s} {extra:22.4f} {((guess - best) ** 2).mean():19.4f}")

# %% [markdown]
# ## One guess, four views
#
# Papers write a denoiser in four ways. The numbers $a$, $s$ and the image $x$ are known. So whoever has a guess $\hat x_0$ of the
# image can compute a guess of the noise from $x = a \hat x_0 + s \hat\varepsilon$, and from the two also $\hat v$ and the score:
#
# $$
# \hat\varepsilon = \frac{x - a \hat x_0}{s}, \qquad
# \mathrm{score} = \frac{a \hat x_0 - x}{s^2} = -\frac{\hat\varepsilon}{s}, \qquad
# \hat v = a \hat\varepsilon - s \hat x_0 .
# $$
#
# Each view can be turned back into the guess:

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
# alt: x0_hat is a clean 5, x and v_hat show it under noise, eps_hat and score are pure noise, with black and white exchanged.
fig, axes = plt.subplots(1, 5, figsize=(7.5, 1.8), layout="constrained")
views = {"x": x, "x0_hat": x0_hat, "eps_hat": eps_hat, "score": score, "v_hat": v_hat}
for ax, (name, view) in zip(axes, views.items(), strict=True):
    largest = np.abs(view).max()
    md.plots.show(view / largest, ax=ax, title=f"{name}\n(white is {largest:.1f})")
plt.show()

# %% [markdown]
# The noise and the score are one picture, up to sign and scale. Which view is the best one to *train* a network on is another
# question (tutorial [06b](06b_training.ipynb)). For walking back it makes no difference.
#
# ## Tweedie's formula: where the score points
#
# Why is the fourth view called the *score*? The score of a density is the gradient of its logarithm. Let $p_t$ be the density of
# noisy images at time $t$. Given $x_0$, a noisy image has the normal density $\mathcal N(x; a x_0, s^2 I)$, proportional to
# $e^{-|x - a x_0|^2 / 2 s^2}$. So $p_t$ is a mean of normal densities over the clean images, and its gradient is
#
# $$
# p_t(x) = E_{x_0}\big[ \mathcal N(x; a x_0, s^2 I) \big], \qquad
# \nabla p_t(x) = E_{x_0}\!\left[ \frac{a x_0 - x}{s^2}\; \mathcal N(x; a x_0, s^2 I) \right] .
# $$
#
# Divide the second by the first. By Bayes' rule, $\mathcal N(x; a x_0, s^2 I) / p_t(x)$ is the weight that turns a mean over all
# $x_0$ into a mean over the $x_0$ that $x$ could have come from. So
#
# $$
# \nabla \log p_t(x) = \frac{\nabla p_t(x)}{p_t(x)} = \frac{a\, E[x_0 \mid x] - x}{s^2}, \qquad\text{or}\qquad
# E[x_0 \mid x] = \frac{x + s^2\, \nabla \log p_t(x)}{a} .
# $$
#
# The second form is **Tweedie's formula**. If $\hat x_0$ is the mean, the fourth view is this gradient: it points to where noisy
# images are denser. Check it: write down $\log p_t$ for 200 digits, change one pixel a little, and compare the slope with the
# score.

# %%
t = 0.7
a, s = float(schedule.signal(t)), float(schedule.noise(t))
x = md.process.add_noise(digits[5].astype(np.float64), t, schedule, rng=3)


def log_density(x):
    exponent = -((x - a * digits) ** 2).sum(axis=(1, 2, 3)) / (2 * s**2)
    return exponent.max() + np.log(np.exp(exponent - exponent.max()).mean())


score = md.process.score_from_x0(x, ideal(x, t), t, schedule)
for row, column in ((4, 6), (8, 8), (12, 9)):
    nudge = np.zeros_like(x)
    nudge[row, column] = 1e-4
    slope = (log_density(x + nudge) - log_density(x - nudge)) / 2e-4
    print(f"pixel ({row:2}, {column}): slope of log p_t {slope:7.4f}, score {score[row, column, 0]:7.4f}")

# %% [markdown]
# ## The way back, one step
#
# At time $t$ the denoiser splits $x$ into an image and a noise, $x = a \hat x_0 + s \hat\varepsilon$. To go to an earlier time
# $t'$ with levels $a'$ and $s'$, mix the same two again in the proportions of $t'$. That is the deterministic step of DDIM:
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
# The next figure shows one walk: in the upper row the image $x$, in the lower row the guess $\hat x_0$ that moved it.
#
# **Predict first.** What does the first guess show? When can you read the digit in the lower row, and when in the upper row?

# %%
# alt: The first guess is a blurred mean; the guess is a clear 2 from t = 0.55 on, while the image is still noisy until t = 0.25.
fig, ax = plt.subplots(figsize=(7.5, 2.2), layout="constrained")
md.plots.trajectory(steps, ax=ax)
plt.show()

# %% [markdown]
# <details><summary>Answer: what you have seen, and why</summary>
#
# The first guess is the mean of all digits, since nothing can be seen in pure noise. The guess is a clear 2 from about $t = 0.55$
# on. The image $x$ shows it later, since it still holds $s$ times the noise. The choice is made in the guess.
#
# </details>
#
# ## Why a step lands in the right place: DDIM's marginals
#
# A step should turn noisy images of time $t$ into noisy images of time $t'$: images with the density $p_{t'}$. Suppose for a
# moment that we know the true $x_0$ and $\varepsilon$ of an image $x = a x_0 + s \varepsilon$. Keep only a part of the old noise,
# and add fresh noise $z \sim \mathcal N(0, I)$ of standard deviation $\sigma$:
#
# $$
# x' = a' x_0 + \sqrt{s'^2 - \sigma^2}\; \varepsilon + \sigma z, \qquad 0 \le \sigma \le s' .
# $$
#
# Given $x_0$, this is a sum of two independent normal variables. Its mean is $a' x_0$, and its variance is
# $(s'^2 - \sigma^2) + \sigma^2 = s'^2$. That is exactly a noisy image of time $t'$, **for every $\sigma$**. With $\sigma = 0$ the
# step is deterministic. In truth we do not know $x_0$ and $\varepsilon$, and put in the guesses. So a step makes an error, and
# this error gets small when $t'$ is near $t$ (next section).
#
# Which $\sigma$ does DDPM use? There, noise is added in small independent portions: from $t'$ to $t$ an image becomes
# $x = (a / a')\, x' + \text{fresh noise}$, with the variance $s^2 - (a s' / a')^2$ that is missing to $s^2$. Ask Bayes' rule for
# $x'$, given $x$ and $x_0$. Both densities are normal, so the precisions (one over variance) add:
#
# $$
# \frac{1}{\sigma^2} = \frac{1}{s'^2} + \frac{(a/a')^2}{s^2 - (a s'/a')^2}, \qquad\text{that is}\qquad
# \sigma^2 = s'^2 \left( 1 - \frac{a^2 s'^2}{a'^2 s^2} \right).
# $$
#
# (The means agree too: with this $\sigma$ the old noise is multiplied by $a s'^2 / (a' s)$, and so it is by Bayes' rule.)
# `md.process.ddim` takes $\eta$ times this $\sigma$: `eta=1` is DDPM's step, `eta=0` is deterministic. Check the two variances on
# 2,000 noised digits whose $x_0$ and $\varepsilon$ are known.

# %%
t, t_next = 0.6, 0.5
a, s, a_next, s_next = (float(f(time)) for time in (t, t_next) for f in (schedule.signal, schedule.noise))
x0, rng = np.tile(digits, (10, 1, 1, 1)), np.random.default_rng(12)
eps, z = (md.process.unit_noise(x0.shape, rng=rng) for _ in range(2))
ddpm = s_next * np.sqrt(1 - (a * s_next / (a_next * s)) ** 2)
print(f"noise level wanted at t' = {t_next}: {s_next:.4f}")
for eta in (0, 0.5, 1):
    moved = a_next * x0 + np.sqrt(s_next**2 - (eta * ddpm) ** 2) * eps + eta * ddpm * z
    print(f"eta = {eta}: sigma = {eta * ddpm:.3f}, noise level of x' {np.std(moved - a_next * x0):.4f}")
portion = np.sqrt(s**2 - (a * s_next / a_next) ** 2)
x_next = a_next * x0 + s_next * eps
x = a / a_next * x_next + portion * z
known = np.stack([(x - a * x0).ravel(), (x_next - a_next * x0).ravel()])
left_over = np.sqrt(np.linalg.det(np.cov(known)) / known[0].var())
print(f"spread of x' that is left when x and x0 are known: measured {left_over:.4f}, sigma of DDPM {ddpm:.4f}")

# %% [markdown]
# ## In continuous time: the ODE and the SDE
#
# **The ODE.** Let $t'$ come near $t$ in the deterministic step, and divide by $t' - t$. The image moves with the velocity
#
# $$
# \frac{dx}{dt} = \dot a\, \hat x_0 + \dot s\, \hat\varepsilon, \qquad \dot a = \frac{da}{dt}, \quad \dot s = \frac{ds}{dt} .
# $$
#
# This is the *probability-flow ODE*. With the cosine schedule $\dot a = -\omega s$ and $\dot s = \omega a$, so the velocity is
# $\omega (a \hat\varepsilon - s \hat x_0) = \omega \hat v$: this explains the name $v$. With the flow schedule it is
# $\hat\varepsilon - \hat x_0$.
#
# Does it carry $p_t$ to $p_{t'}$, although $\hat x_0$ is only a guess? Yes, if the guess is the mean. Follow any smooth function
# $\psi$ of a noisy image while $x_0$ and $\varepsilon$ are kept and $t$ changes:
#
# $$
# \frac{d}{dt} E[\psi(x_t)] = E\big[\nabla\psi(x_t) \cdot (\dot a x_0 + \dot s \varepsilon)\big]
# = E\big[\nabla\psi(x_t) \cdot (\dot a\, E[x_0 \mid x_t] + \dot s\, E[\varepsilon \mid x_t])\big] .
# $$
#
# In the second step the mean is taken first over all pairs $(x_0, \varepsilon)$ that pass through the same $x_t$. What stands
# there now is how $E[\psi]$ changes when every image moves with the velocity of the ODE. So the crowd of noisy images that
# keep their $x_0$ and $\varepsilon$, and the crowd that follows the ODE, have the same density at every time. The single paths
# differ.
#
# **The SDE.** One may also put in fresh noise on the way, and take the same amount out again. Stand still at time $t$, and change
# $x$ into $x + \frac{\gamma^2}{2} \delta\, \nabla \log p_t + \gamma \sqrt\delta\, z$: a small step up the score, and noise. Here
# $\delta$ is the small size of the step, and $\gamma \ge 0$ says how much noise there is. To first order in $\delta$ this leaves
# $p_t$ as it is, since it changes $E[\psi]$ by
#
# $$
# \frac{\gamma^2}{2} \delta \int (\nabla\psi \cdot \nabla \log p_t + \nabla^2\psi)\, p_t
# = \frac{\gamma^2}{2} \delta \int (\nabla\psi \cdot \nabla p_t + p_t\, \nabla^2\psi)
# = \frac{\gamma^2}{2} \delta \int \nabla \cdot (p_t \nabla\psi) = 0 .
# $$
#
# The last integral is zero because $p_t$ is zero far away. So add such a step, with $\delta = |dt|$, to every step of the ODE.
# Walking back, $dt < 0$, this gives
#
# $$
# dx = \Big( \dot a \hat x_0 + \dot s \hat\varepsilon - \frac{\gamma^2}{2}\, \mathrm{score} \Big)\, dt + \gamma \sqrt{|dt|}\; z ,
# $$
#
# where $z$ is normal noise of variance 1, drawn anew at each step. Every $\gamma(t)$ gives the same density at each time. With
# $\gamma = 0$ it is the ODE. With $\gamma^2 = \frac{d(s^2)}{dt} - 2 \frac{\dot a}{a} s^2$ it is the *reverse SDE* of the paper:
# put $\hat x_0 = (x + s^2\, \mathrm{score}) / a$ and $\hat\varepsilon = -s\, \mathrm{score}$ into the bracket, and it becomes
# $\frac{\dot a}{a} x - \gamma^2\, \mathrm{score}$. That $\gamma$ is infinite where $a = 0$, so `md.process.sde` takes
# $\gamma^2 = d(s^2)/dt$ if its argument `g` is not given.
#
# Check the formulas first: the slope of a tiny DDIM step against $\omega \hat v$, and the two forms of the bracket. Then check
# the densities, by the mean of $\log p_t$ at $t = 0.5$: over freshly noised digits, and over images that walked there from pure
# noise.

# %%
t, omega, short = 0.6, np.pi / 2.016, 1e-6
x = md.process.add_noise(digits[:4].astype(np.float64), t, schedule, rng=13)
a, s = float(schedule.signal(t)), float(schedule.noise(t))
x0_hat = ideal(x, t)
eps_hat = md.process.eps_from_x0(x, x0_hat, t, schedule)
score = md.process.score_from_x0(x, x0_hat, t, schedule)
earlier = float(schedule.signal(t - short)) * x0_hat + float(schedule.noise(t - short)) * eps_hat
velocity = omega * md.process.v_from_x0(x0_hat, eps_hat, t, schedule)
print(f"slope of a tiny DDIM step against omega v_hat: off by {np.abs((x - earlier) / short - velocity).max():.0e}")
a_slope, variance_slope = float(schedule.signal_slope(t)), float(schedule.variance_slope(t))
gamma2 = variance_slope - 2 * a_slope / a * s**2
two_forms = velocity - gamma2 / 2 * score - (a_slope / a * x - gamma2 * score)
print(f"the reverse SDE in our form and in the paper's: off by {np.abs(two_forms).max():.0e}\n")

there, pure = np.linspace(1, 0.5, 201), md.process.unit_noise((400, 16, 16, 1), rng=14)
crowds = {
    "freshly noised": md.process.add_noise(np.tile(digits, (2, 1, 1, 1)), 0.5, schedule, rng=15),
    "DDIM": [*md.process.ddim(ideal, schedule, noise=pure, times=there)][-1].x,
    "ODE": [*md.process.ode(ideal, schedule, noise=pure, times=there)][-1].x,
    "SDE": [*md.process.sde(ideal, schedule, noise=pure, times=there, rng=16)][-1].x,
    "DDPM": [*md.process.ddim(ideal, schedule, noise=pure, times=there, eta=1, rng=16)][-1].x,
}
for name, x in crowds.items():
    height = ideal.log_density(x, 0.5)
    print(f"{name:14s}: mean of log p_t {height.mean():6.1f} +- {height.std() / np.sqrt(len(x)):.1f}")

# %% [markdown]
# The densities agree; the paths need not. Let all four walk to the end from the same noises.
#
# **Predict first.** Which of ODE, SDE and DDPM will end in the same digit as DDIM, for how many of 8 noises, and why?

# %%
# alt: DDIM and ODE draw the same eight digits; SDE and DDPM, from the same noises, mostly draw others. All are clean digits.
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
# <details><summary>Answer: what you have seen, and why</summary>
#
# The ODE ends in DDIM's digit for all 8: DDIM is a way to solve the ODE. With fresh noise one start has many ends. The SDE ends
# in the same digit for 2 of 8, and DDPM, which replaces almost all of the old noise at high noise, for none.
#
# </details>
#
# How small must a step be? `ode` can use Euler's method, which takes the velocity at the start of a step, or Heun's, which takes
# the mean of the velocities at its two ends and so calls the denoiser twice. Measure it where everything is smooth: the Wiener
# denoiser of digits to which a little noise was added once. Errors are measured against a very fine walk.
#
# **Predict first.** Take twice as many steps. By which factor will the error of Euler fall, and by which that of Heun?

# %%
# alt: Straight lines on logarithmic axes: DDIM and Euler fall together, side by side; Heun lies lower and falls twice as steeply.
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
looks = (("#0072B2", "o-"), ("#E69F00", "s--"), ("#000000", "^:"))
for (name, sampler), (colour, look) in zip(samplers.items(), looks, strict=True):
    errors = [np.sqrt((([*sampler(count)][-1].x - fine) ** 2).mean()) for count in counts]
    print(f"{name:5s} error falls by {errors[-2] / errors[-1]:.1f} from {counts[-2]} to {counts[-1]} steps")
    ax.loglog(counts, errors, look, color=colour, label=name)
ax.set_xlabel("steps")
ax.set_ylabel("rms error of the end")
ax.set_xticks(counts, counts)
ax.minorticks_off()
ax.legend()
plt.show()

# %% [markdown]
# <details><summary>Answer: what you have seen, and why</summary>
#
# Twice the steps halve the error of Euler (and of DDIM), and quarter that of Heun. One Euler step is wrong by
# about $1/T^2$ if there are $T$ steps, so all of them are wrong by about $1/T$. Heun's mean removes this error, and what is left
# is $1/T^3$ for one step and $1/T^2$ for all.
#
# </details>
#
# ## A walk is as good as its denoiser
#
# We take the same noises, the same sampler and three denoisers. The mean leads every noise to one image. A linear denoiser knows
# only the mean and the covariance of the digits. So do the samples of the Wiener filter: they have strokes at about the right
# places, and they are seldom digits. The ideal denoiser leads to digits.

# %%
# alt: First row eight times the same blur, second row broken strokes that are seldom a digit, third row eight clean digits.
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
#
# **Predict first.** What does the jump show? How many steps are needed until you see digits?

# %%
# alt: The jump is the same blurred mean in every column; two steps give blurred digits, three steps clear ones, like twenty.
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
# <details><summary>Answer: what you have seen, and why</summary>
#
# The jump shows the mean of all digits, since nothing can be seen at $t = 1$. After two steps there are blurred digits, after
# three clear ones (this training set is small, and one digit is soon ahead of all others).
#
# </details>
#
# The jump lands on the mean of everything that could have been. And yet it is the *best* guess: no other has a smaller squared
# error. Both are true, since the average of many digits is near all of them and is not one of them.
#
# Now compare the errors. Noise 200 digits, three times each, to $t = 0.8$. Jump from there, or walk from there to the end with
# fresh noise at every step (eta = 1). The walk ends in a digit that the noisy image could have come from. Call it $\tilde x_0$.
# It is a random draw with the same probabilities as the true $x_0$, and independent of it, once $x$ is given. Both lie around the
# mean $m$ with the same variance, so $E|\tilde x_0 - x_0|^2 = E|\tilde x_0 - m|^2 + E|m - x_0|^2$: **twice** the error of the
# jump.

# %%
# alt: The jumps are blurred mixtures of digits; the walks end in sharp digits, and some are not the digit that was noised.
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
# A denoiser answers with a mean of all images that are still possible. A walk asks many times and each time moves only a little,
# so fewer and fewer images stay possible, and it ends in one of them. The sampler knows nothing about images. All that it
# knows comes from the denoiser, so the denoiser decides what can come out.

# %% [markdown]
# ## What to take along
#
# - A schedule is two functions, $a$ and $s$; only $s/a$ says what can be seen.
# - $\hat x_0$, $\hat\varepsilon$, score and $v$ are four views of one guess.
# - DDIM, the ODE and the SDE are ways to walk; a bad denoiser makes a bad walk, and a jump makes an average.
# - The last row above shows digits of the training set, and nothing else. Is that because of the sampler, or because of the
#   denoiser?
#
# **Try it.**
#
# 1. Replace `digits` by `crops` in the walks. Does the ideal denoiser end in crops of the photo?
# 2. Walk with `denoiser = lambda x, t: 0.5 * ideal(x, t) + 0.5 * wiener(x, t)`. Does it end in digits?
# 3. Give DDIM in the last cell `eta=0`. Two equal noisy images now end in the same digit. What becomes of the ratio 1.9?
#
# <details><summary>Answers</summary>
#
# 1. Yes: the distance to the nearest crop is 0.00 for all eight. The ideal denoiser recites whatever it is made of.
# 2. Nearly. With 20 steps the ends are 0.06 from the nearest digit, with 100 steps 0.03 (the Wiener filter alone: 0.37 and 0.39).
#    At little noise both denoisers answer with almost the same image, so the ideal half decides where the walk goes.
# 3. It falls to 1.5. The end is no longer a draw, since $x$ decides it, and it is more often one of the likelier digits: 24 % of
#    the walks end in the true digit, against 14 % with `eta=1`.
#
# </details>
#
# **Next:** [02 The ideal denoiser recites](02_the_ideal_denoiser_recites.ipynb)
