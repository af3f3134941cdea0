# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 6b. Training it, and when it beats a linear filter
#
# **Question.** What should a denoising network predict, and how is it trained? Is the trained network good? And what can it do
# that no linear filter can do?
#
# **Time.** About 35 minutes to read, half a minute to run.
#
# **Equations.** $x = a x_0 + s \varepsilon$; $v = a \varepsilon - s x_0$; Adam ([ADAM](reference.md#adam)); the Wiener filter
# (the best linear denoiser); $E(x_0 \mid x) = \tanh(a x / s^2)$ for a pixel that is black or white, derived below.
#
# **Prerequisites.** Tutorials [02](02_the_ideal_denoiser_recites.ipynb), [04](04_anywhere.ipynb) and
# [06](06_a_network_by_hand.ipynb). Letters and words are collected in the [reference](reference.md).
#
# **What is where.** Tutorial [06](06_a_network_by_hand.ipynb) builds the network, with its forward and its backward pass, and
# checks the gradients. This tutorial uses them: it trains the network, and compares it with denoisers that need no training.

# %%
import matplotlib.pyplot as plt
import numpy as np

import minidiff as md

schedule = md.schedules.cosine()
digits = md.datasets.digits(size=16)[0]
orange, sky, green, _, blue, red, pink = md.plots.PALETTE

# %% [markdown]
# ## What should come out: $\varepsilon$, $x_0$ or $v$?
#
# A network may predict the noise $\varepsilon$, the clean image $x_0$, or the mixture $v = a \varepsilon - s x_0$. Each of the
# three gives the other two, in exact arithmetic. But a network is never exact. Suppose that its output is wrong by 1 unit. How
# large is then the error of $\hat x_0$, and how large is that of $\hat\varepsilon$, which the sampler uses as well?
#
# - Predict $\varepsilon$, as [DDPM](reference.md#ddpm) does: $\hat x_0 = (x - s \hat\varepsilon) / a$, an error of $s / a$.
# - Predict $x_0$: $\hat\varepsilon = (x - a \hat x_0) / s$, an error of $a / s$.
# - Predict $v$. Put $x = a x_0 + s \varepsilon$ in and use $a^2 + s^2 = 1$: $a x - s v = a^2 x_0 + a s \varepsilon - a s
#   \varepsilon + s^2 x_0 = x_0$. So $\hat x_0 = a x - s \hat v$, an error of $s$. In the same way $\hat\varepsilon = s x + a
#   \hat v$, an error of $a$.
#
# > **Predict first (1).** At which times is each of the three errors large? Which prediction never has an error above 1?

# %%
# alt: Two plots against time t, with a logarithmic axis. The error of x0_hat rises steeply towards t = 1 if the network
# predicts noise, and stays at 1 or below for x0 and v. The error of eps_hat rises steeply towards t = 0 if it predicts x0, and
# stays at 1 or below for the other two. Only v is never above 1.
t = np.linspace(0.01, 1, 400)
a, s = schedule.signal(t), schedule.noise(t)
errors = {"network predicts noise": (s / a, 1 + 0 * t), "x0": (1 + 0 * t, a / s), "v": (s, a)}
fig, axes = plt.subplots(1, 2, figsize=(7.5, 2.8), layout="constrained", sharey=True)
for (name, pair), colour, dash in zip(errors.items(), (red, orange, blue), (":", "--", "-"), strict=True):
    for ax, factor in zip(axes, pair, strict=True):
        ax.semilogy(t, factor, dash, color=colour, label=name)
axes[0].set(xlabel="time t (0 is clean)", ylabel="error per unit of output error", title="error of x0_hat")
axes[1].set(xlabel="time t (0 is clean)", title="error of eps_hat")
axes[1].legend(frameon=False, fontsize=8)
plt.show()
print(f"at t = 1: a = {a[-1]:.4f}; an output error of 1 makes an error of x0_hat of")
print(f"    {(s / a)[-1]:.0f} if the network predicts noise, {s[-1]:.2f} if it predicts v")

# %% [markdown]
# <details><summary>Answer (1)</summary>
#
# To predict noise is bad at $t = 1$: almost no signal is left, and the division by $a$ makes the error very large. To predict
# $x_0$ is bad at $t = 0$, where $s$ is small. To predict $v$ is never worse than 1, since $s \le 1$ and $a \le 1$.
#
# </details>
#
# ## Adam in three lines
#
# [ADAM](reference.md#adam) keeps two running means for every weight: one of its gradient and one of the square of its gradient. A
# step is the first mean, divided by the root of the second. (Both means start at 0, and are therefore too small at first. A mean
# with the factor 0.9 has collected only the share $1 - 0.9^{\text{step}}$ of its weights, so the code divides by this share; in
# the same way for 0.999.) The size of a gradient cancels in this quotient. So every weight moves by about the rate, whether its
# gradients are large or small.


# %%
def adam(theta, slope, mean, square, step, rate):
    mean += 0.1 * (slope - mean)
    square += 0.001 * (slope * slope - square)
    theta -= rate * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)


# %% [markdown]
# ## Why not simply follow the gradient downhill?
#
# Take a loss with two weights, $\ell = (1000\, \theta_0^2 + \theta_1^2) / 2$. It is a valley, 1,000 times as steep in the first
# direction as in the second. One step of plain descent multiplies $\theta_0$ by $1 - 1000 \cdot \text{rate}$. So the rate must be
# below $2 / 1000$, or $\theta_0$ grows without end. With such a rate $\theta_1$ moves very slowly. The cell shows a rate just
# below this limit, one just above it, and Adam.
#
# > **Predict first (2).** The rate is 0.0019, and both weights start at 1. About how large is $\theta_1$ after 200 steps?

# %%
curvature = np.array([1000.0, 1.0])
for name, rate in (("descent, rate 0.0019", 0.0019), ("descent, rate 0.0021", 0.0021)):
    theta = np.ones(2)
    for _ in range(200):
        theta -= rate * curvature * theta
    print(f"{name}: after 200 steps theta = ({theta[0]:.1e}, {theta[1]:.2f})")
theta, mean, square = np.ones(2), np.zeros(2), np.zeros(2)
for step in range(1, 201):
    adam(theta, curvature * theta, mean, square, step, rate=0.05 * (1 - step / 201))
largest = 10 ** np.ceil(np.log10(np.abs(theta).max()))
print(f"Adam, rate from 0.05 to 0: both within {largest:.0e} of the minimum after 200 steps")

# %% [markdown]
# <details><summary>Answer (2)</summary>
#
# $(1 - 0.0019)^{200} = 0.68$: two thirds of the distance are still left. For Adam the two weights are alike, because it divides
# each gradient by its own size.
#
# </details>
#
# ## Training
#
# Noise a few digits, ask for $v$, and follow the gradient of the squared error downhill. Nothing more is needed. The network is
# the one of tutorial [06](06_a_network_by_hand.ipynb), now in the package's compiled loops, with the same `forward` and
# `backward`: 16 channels, four residual blocks, a receptive field of 11 pixels. (Its time features go through one more small
# layer.) We take 600 steps of 16 digits each. The times are spread evenly over $[0, 1]$, and the rate falls to 0.


# %%
def train(network, images, steps=600, batch=16):
    """Train a network; the loss of each step."""
    rng, losses = np.random.default_rng(0), []
    moments = {name: (np.zeros_like(theta), np.zeros_like(theta)) for name, theta in network.params.items()}
    for step in range(1, steps + 1):
        x0 = images[rng.integers(len(images), size=batch)]
        t, eps = (np.arange(batch) + rng.random(batch)) / batch, rng.standard_normal(x0.shape).astype(np.float32)
        out, saved = network.forward(md.process.add_noise(x0, t, schedule, eps=eps), t)
        error = out - md.process.v_from_x0(x0, eps, t, schedule)
        losses.append(np.mean(error**2))
        rate = 0.01 * min(1, step / 20) * 0.5 * (1 + np.cos(np.pi * step / steps))
        for name, gradient in network.backward(2 * error / error.size, saved).items():
            adam(network.params[name], gradient, *moments[name], step, rate)
    return losses


network = md.nets.Network(width=16, depth=4, rng=0)
losses = train(network, digits)
print(f"{sum(theta.size for theta in network.params.values()):,} parameters, receptive field {network.receptive_field} pixels")
print(f"mean loss of the first 20 steps {np.mean(losses[:20]):.1f}, of the last 100 {np.mean(losses[-100:]):.2f}")

# %% [markdown]
# ## Is that loss good?
#
# A loss means little without something to compare it with. Denoisers that need no training give us a scale. We ask them on 256
# noisy digits:
#
# - *say nothing*: $\hat v = 0$;
# - *stationary linear*: the best linear denoiser that does the same at every pixel (`md.StationaryWiener`, on a torus);
# - *Wiener*: the best of all linear denoisers; it sees the whole image, and each pixel has weights of its own, $256 \times 256$
#   of them at each noise level;
# - *ELS*, through our receptive field of 11 pixels and zero padding: on average over the training set no network with that
#   receptive field does better (tutorial [04](04_anywhere.ipynb));
# - *ideal*: it sees everything, and it is the best of all denoisers of this training set (tutorial
#   [02](02_the_ideal_denoiser_recites.ipynb)).
#
# > **Predict first (3).** Sort the six: say nothing, stationary linear, Wiener, our network, ELS, ideal. Which is worst, and
# > which is best? Is our network above or below the Wiener filter? (The table has two more rows. "3,000 steps" is the network
# > that comes with the package: twice as wide, one block deeper, more steps of larger batches. "3,000, torus" is the same with
# > circular padding.)


# %%
def compare(images, answers, count=256):
    """{name: the squared error of v of each of `count` noisy images}, and their times."""
    draw = np.random.default_rng(6)
    x0, t = images[draw.integers(len(images), size=count)], (np.arange(count) + draw.random(count)) / count
    eps = draw.standard_normal(x0.shape).astype(np.float32)
    x, s = md.process.add_noise(x0, t, schedule, eps=eps), schedule.noise(t)
    # v - v_hat = (x0_hat - x0) / s, wherever both belong to the same x.
    errors = {name: ((answer(x, t) - x0) ** 2).mean(axis=(1, 2, 3)) / s**2 for name, answer in answers.items()}
    return {"say nothing": (md.process.v_from_x0(x0, eps, t, schedule) ** 2).mean(axis=(1, 2, 3))} | errors, t


def table(errors, t):
    """Print the mean of each, over all times and in five parts of [0, 1]."""
    print(f"{'':20}   all   t: 0 to .2  .2 to .4  .4 to .6  .6 to .8  .8 to 1")
    for name, error in errors.items():
        parts = "".join(f"{error[(low <= t) & (t < low + 0.2)].mean():10.2f}" for low in (0, 0.2, 0.4, 0.6, 0.8))
        print(f"{name:20}{error.mean():6.2f}   {parts}")


def rivals(images, side):
    machines = {"stationary linear": md.StationaryWiener(images, schedule), "Wiener": md.Wiener(images, schedule)}
    machines["ELS"] = md.EquivariantLocalScore(images, schedule, window=side, boundary="zeros")
    return machines | {"ideal": md.IdealScore(images, schedule)}


shipped = md.nets.load("digits-zeros")
networks = {"our network": network, "3,000 steps": shipped, "3,000, torus": md.nets.load("digits-circular")}
errors, t = compare(digits, networks | rivals(digits, 11))
for name, error in sorted(errors.items(), key=lambda pair: -pair[1].mean()):
    print(f"{name:20}{error.mean():.2f}")

# %%
# alt: The loss of single steps falls from about 0.8 to 0.25 within 100 steps, and then slowly to 0.2. Dashed lines mark what
# needs no training: the stationary linear denoiser lies above the end of the curve, the Wiener filter a little below it, ELS
# and the ideal denoiser far below it.
steps = len(losses)
levels = {name: errors[name].mean() for name in ("say nothing", "stationary linear", "Wiener", "ELS", "ideal")}
fig, ax = plt.subplots(figsize=(7.5, 3), layout="constrained")
ax.plot(np.arange(1, steps + 1), losses, color="0.8", linewidth=0.8, label="each step")
ax.plot(
    np.arange(10, steps + 1, 20),
    np.mean(np.reshape(losses, (-1, 20)), axis=1),
    "o-",
    color=blue,
    markersize=3,
    label="mean of 20",
)
for (name, level), colour in zip(levels.items(), ("0.4", sky, orange, red, pink), strict=True):
    ax.axhline(level, color=colour, linestyle="--", linewidth=1)
    ax.text(steps * 1.01, level, name, color=colour, va="center", fontsize=9)
ax.set(xlabel="training step", ylabel="loss (mean squared error of v)", yscale="log", ylim=(0.05, 1.5), xlim=(0, steps))
ax.set_yticks([0.1, 0.2, 0.5, 1], ["0.1", "0.2", "0.5", "1"])
ax.legend(frameon=False, fontsize=8)
plt.show()

# %% [markdown]
# <details><summary>Answer (3)</summary>
#
# From the worst to the best: say nothing, stationary linear, our network, Wiener, ELS, ideal. Our network is far better than the
# stationary linear denoiser (0.20 against 0.30), but it is *above* the Wiener filter (0.17). Even the network of 3,000 steps is
# hardly below it.
#
# </details>
#
# ## Why is the linear filter so good here?
#
# Look at the noise levels one by one.

# %%
table(errors, t)

# %% [markdown]
# Three things can be read from this table.
#
# 1. **At much noise no network can be much better than the filter.** Above $t = 0.8$ the Wiener filter is nearly as good as the
#    *ideal* denoiser, which is the best of all. So the best answer is nearly linear in $x$ there. No network can gain much, and
#    ours loses a little.
# 2. **The Wiener filter knows the place of each pixel.** All digits are in the middle of their pictures, and each pixel of the
#    filter has its own 256 weights. A network does the same at every pixel, and only the zeros at the border tell a pixel its
#    place. On a torus nothing tells it, and the network of 3,000 steps has 0.21. The linear denoiser of the same kind, which must
#    also do the same at every pixel, has 0.30. So if we compare two denoisers of the same kind, the network is clearly better.
# 3. **At little noise the network is better.** Below $t = 0.2$ the network of 3,000 steps has 0.19, the Wiener filter 0.23. Much
#    more can be gained: ELS has almost no error there. The network's gain is something that no linear filter can do.
#
# ## What no linear filter can do
#
# Take the simplest picture: one pixel, which is black ($-1$) or white ($+1$) with equal probabilities. Then $x = a x_0 + s
# \varepsilon$ with $x_0 = \pm 1$. The best answer is the mean of the posterior (tutorial
# [01](01_noise_and_the_way_back.ipynb)). Bayes' rule gives the two weights. (Factors that are the same for both are left out.)
#
# $$
# \Pr(\pm 1 \mid x) \propto e^{-(x \mp a)^2 / 2 s^2} \propto e^{\pm a x / s^2}
# \quad\Longrightarrow\quad
# \hat x_0 = \frac{e^{a x / s^2} - e^{-a x / s^2}}{e^{a x / s^2} + e^{-a x / s^2}} = \tanh \frac{a x}{s^2} .
# $$
#
# This is a *curve*. At little noise it is almost a step: it decides for black or for white. The answer of a linear filter is a
# straight line in $x$. The best line is $\hat x_0 = a x / (a^2 + s^2)$ (tutorial [06](06_a_network_by_hand.ipynb), with
# $\sigma^2 = 1$). A line cannot decide. It leaves a share of the noise in every pixel.
#
# > **Predict first (4).** At which noise level is the error of the curve much smaller than that of the line: at little noise, in
# > the middle, or at much noise?

# %%
# alt: Three plots of the answer against the noisy pixel. At t = 0.1 the best curve is a step from -1 to 1, and the best line cuts
# through it. At t = 0.5 the curve is a soft S around the line. At t = 0.9 curve and line are nearly the same.
x0 = np.repeat([-1.0, 1.0], 100_000)
noise = np.random.default_rng(0).standard_normal(len(x0))
fig, axes = plt.subplots(1, 3, figsize=(7.5, 2.4), layout="constrained", sharey=True)
for ax, t_now in zip(axes, (0.1, 0.5, 0.9), strict=True):
    a, s = float(schedule.signal(t_now)), float(schedule.noise(t_now))
    pixel = np.linspace(-2, 2, 201)
    ax.plot(pixel, np.tanh(a * pixel / s**2), "-", color=blue, label="best")
    ax.plot(pixel, a * pixel / (a**2 + s**2), "--", color=orange, label="best line")
    ax.set(xlabel="noisy pixel x", title=f"t = {t_now}", ylim=(-1.6, 1.6))
    x = a * x0 + s * noise
    curve, line = (np.mean((answer - x0) ** 2) / s**2 for answer in (np.tanh(a * x / s**2), a * x / (a**2 + s**2)))
    print(f"t = {t_now}: error of v: best {curve:.3f}, best line {line:.3f}")
axes[0].set(ylabel="answer")
axes[0].legend(frameon=False, fontsize=8)
plt.show()

# %% [markdown]
# <details><summary>Answer (4)</summary>
#
# At little noise. There the error of the curve is 0.000 in three decimals, and the error of the line is about 1, as large as that
# of $\hat v = 0$. The more noise there is, the less the curve can decide. At $t = 0.9$ both are nearly equal.
#
# </details>
#
# ## A network that is better than the filter
#
# So a network should be clearly better on pictures that are black and white, with parts that are not always at the same place.
# The "creatures" of tutorial [09](09_extra_fingers.ipynb) are such pictures: white bodies with limbs, at random places on black.
# We train the same network for the same 600 steps. To see what makes the difference, we train it once more *without its ReLUs*.
# Then every layer is linear in the image, and so is the whole network. The Wiener filter is the best of *all* linear denoisers of
# this training set. So no training can bring the network without ReLUs below the filter.
#
# > **Predict first (5).** Which of the two networks has a smaller error than the Wiener filter?

# %%
creatures = md.datasets.creatures()[0]
curved, straight = md.nets.Network(width=16, depth=4, rng=0), md.nets.Network(width=16, depth=4, rng=0, activation="none")
for one in (curved, straight):
    train(one, creatures)
both = {"our network": curved, "without ReLUs": straight, "3,000 steps": md.nets.load("creatures-depth5")}
errors, t = compare(creatures, both | rivals(creatures, 11))
table(errors, t)

# %%
# alt: Rows of four creatures, white with black background: clean, noisy, and three answers. The Wiener filter and the network
# without ReLUs leave a grey, grainy background and blurred creatures. The network with ReLUs shows clean white creatures.
x = md.process.add_noise(creatures[:4], 0.3, schedule, rng=1)
rows = {"clean": creatures[:4], "noisy": x, "Wiener": md.Wiener(creatures, schedule)(x, 0.3)}
rows |= {"no ReLUs": straight(x, 0.3), "our network": curved(x, 0.3)}
fig, ax = plt.subplots(figsize=(4, 4.6), layout="constrained")
md.plots.rows(list(rows.values()), list(rows), ax=ax)
plt.show()

# %% [markdown]
# <details><summary>Answer (5)</summary>
#
# The one with ReLUs: 0.24 against 0.39 of the Wiener filter. Without ReLUs it has 0.63, which is even above the stationary linear
# denoiser (0.57). There are two reasons. It sees only 11 pixels in each direction. And time enters a layer as an offset: without
# ReLUs an offset cannot change what the layers do to $x$, so the weights are the same at all noise levels. (The figure shows four
# creatures with noise of $t = 0.3$, and three answers.)
#
# </details>
#
# The network with ReLUs has a far smaller error than the best linear filter, although it sees only 11 of 16 pixels in each
# direction and has only the zeros of the border to tell a pixel its place. The network of 3,000 steps, which comes with the
# package and sees 13 pixels, has less than half of the filter's error. The table shows that both are better at little and middle
# noise, as the curve is. (For one pixel by itself the curve gains little at $t = 0.5$. A network sees the neighbours too, and
# together they tell more than one pixel.) Above $t = 0.6$ the Wiener filter is still better than our network. Above 0.8 no
# network that sees 11 pixels could be better: ELS through 11 pixels has 0.47 there, and the filter, which sees the whole picture,
# has 0.44. Between 0.6 and 0.8 the receptive field is not the reason, since ELS has 0.17 there.
#
# ## What does it draw?
#
# Back to the digits. All rows of the figure start from the same noises. It shows the samples before training ($\hat v = 0$ leaves
# the noise almost as it is), after our 600 steps, and of the network that comes with the package.

# %%
# alt: Three rows of eight pictures from the same noises. The first row is noise. The second row has white strokes on black that
# resemble parts of digits. The third has almost the same strokes in each column, a little cleaner.
noise = md.process.unit_noise((8, 16, 16, 1), 3)


def sample(denoiser):
    *_, last = md.process.ddim(denoiser, schedule, noise=noise, steps=20)
    return last.x


untrained = sample(lambda x, t: md.process.x0_from_v(x, np.zeros_like(x), t, schedule))
ours, theirs = sample(network), sample(shipped)
fig, ax = plt.subplots(figsize=(7.5, 2.9), layout="constrained")
md.plots.rows([untrained, ours, theirs], ["before\ntraining", "our 600\nsteps", "3,000\nsteps"], ax=ax)
plt.show()
same = np.median(md.metrics.agreement(ours, theirs).r)
other = np.median(md.metrics.agreement(np.roll(ours, 1, axis=0), theirs).r)
print(f"median correlation of the two networks' samples: {same:.2f} from the same noise, {other:.2f} from different noises")

# %% [markdown]
# Our network draws strokes of the right thickness, but few whole digits. The larger network draws few whole digits, too. Now
# compare the pictures in each column. Two networks of different size, trained from different first weights, make nearly the same
# picture from the same noise. They have two things in common: the training set, and that each pixel sees a window only. Is that
# enough to say what they will draw? Tutorial [07](07_the_theory_predicts.ipynb) answers this question.

# %% [markdown]
# ## What to take along
#
# - Predict $v$: then $\hat x_0$ and $\hat\varepsilon$ are found without a division by the signal or by the noise.
# - A loss needs a scale. The ideal denoiser, ELS and the Wiener filter give it, without any training.
# - At much noise the best denoiser of digits is nearly linear, and no network can gain much there. At little noise the best
#   denoiser decides, which no linear filter can do.
# - Compare denoisers of the same kind: a network that does the same at every pixel with a linear filter that does so, too.
#
# **Try it.** (1) Train on the digits for 2,400 steps. Is the network below the Wiener filter now? At which noise levels? (2)
# Set `depth=1` for the creatures, a receptive field of 5 pixels. Is the network still below the Wiener filter? (3) Let the
# network predict noise: `prediction="noise"` and `eps` as the target in `train`. What becomes of the samples?
#
# <details><summary>Answers</summary>
#
# (1) Not quite: 0.18 against 0.17. It has reached the filter up to $t = 0.4$ (0.23 and 0.13, as the filter) and stays behind it
# at more noise. (2) Yes: 0.33 against 0.39. Through 5 pixels it is better up to $t = 0.6$ only, and has 0.68 against 0.44 above
# $t = 0.8$: little can be seen through a small window in much noise. (3) The loss falls to 0.11, but it is the loss of another
# target. Measured by $v$ the network has 0.47 in place of 0.20, and 1.50 above $t = 0.8$. The first steps of its walks have large
# errors, and its samples are brighter and coarser: their correlation with those of the 3,000 steps is 0.76 in place of 0.97.
#
# </details>
#
# **Next:** [07 The theory predicts the network](07_the_theory_predicts.ipynb)
