# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 6. A network by hand, with its backward pass
#
# **Question.** What does a convolutional denoiser compute, what can each of its pixels see, and how are its gradients computed
# when no tool differentiates for us?
#
# **Time.** About 50 minutes to read, half a minute to run.
#
# **Equations.** $\text{out}_p = \sum_{ij} \text{in}_{p + (i, j)} W_{ij}$;
# $\langle \bar y, A x \rangle = \langle A^\top \bar y, x \rangle$; $v = a \varepsilon - s x_0$. The kind of network is KG's:
# $3 \times 3$ convolutions, residual, without normalisation layers.
#
# **Prerequisites.** NumPy, the chain rule; tutorials [01](01_noise_and_the_way_back.ipynb) and [05](05_edges.ipynb).

# %%
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np

import minidiff as md
from minidiff.nets import layers

schedule = md.schedules.cosine()
digits = md.datasets.digits(size=16)[0]
orange, sky, green, _, blue, red, pink = md.plots.PALETTE

# %% [markdown]
# ## A convolution is nine shifted sums
#
# Take an image with $C$ channels. Shift it by one of nine steps, multiply every pixel's $C$ numbers by a $C \times O$ matrix,
# and do so for all nine shifts, each with a matrix of its own. The sum is a $3 \times 3$ convolution:
#
# $$
# \text{out}[y, x] = \sum_{i, j} \text{in}[y + i - 1,\; x + j - 1] \; W[i, j]
# $$
#
# What lies beyond the border is zero, or, on a torus, the other side of the image. The package does the same in compiled loops
# (`minidiff/nets/convolution_kernels.py`), and both must give the same numbers.


# %%
def views(x, k, mode):
    d, (height, width) = k // 2, x.shape[1:3]
    padded = np.pad(x, ((0, 0), (d, d), (d, d), (0, 0)), mode=mode)
    return {(i, j): padded[:, i : i + height, j : j + width] for i, j in np.ndindex(k, k)}


def conv(x, w, mode="constant"):
    return sum(shifted @ w[ij] for ij, shifted in views(x, len(w), mode).items())


rng = np.random.default_rng(0)
x, w = rng.standard_normal((2, 16, 16, 3)), rng.standard_normal((3, 3, 3, 4))
for padding, mode in (("zeros", "constant"), ("circular", "wrap")):
    gap = np.abs(conv(x, w, mode) - layers.conv2d(x, w, np.zeros(4), padding)).max()
    print(f"{padding}: largest difference to the package {gap:.0e}")

# %% [markdown]
# Here are the nine shifted copies of a digit, each with its weight, and their sum. These weights are positive on the left and
# negative on the right, so the sum is bright where a stroke ends, read from left to right, and dark where one begins. A network
# learns its weights, and it learns thousands of them; the arithmetic is the same.

# %%
edge = np.array([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]])
digit = digits[5:6].astype(float)
response = conv(digit, edge[:, :, None, None])
fig, axes = plt.subplots(1, 11, figsize=(9, 1.3), layout="constrained")
md.plots.show(digit[0], ax=axes[0], title="in")
for ax, (ij, shifted) in zip(axes[1:10], views(digit, 3, "constant").items(), strict=True):
    md.plots.show(shifted[0], ax=ax, title=f"{edge[ij]:+.0f} x" if edge[ij] else "0 x")
md.plots.show(response[0] / np.abs(response).max(), ax=axes[10], title="sum")
plt.show()

# %% [markdown]
# Every pixel is treated alike, so a convolution should commute with a shift of the image. On a torus it does. With zeros around
# the image it does not. The columns that differ are those at the border, before and after the shift: that is how padding tells
# a pixel where it is (tutorial [05](05_edges.ipynb)).

# %%
for name, mode in (("torus", "wrap"), ("zeros", "constant")):
    difference = np.abs(conv(np.roll(x, 3, axis=2), w, mode) - np.roll(conv(x, w, mode), 3, axis=2)).max(axis=(0, 1, 3))
    columns = np.flatnonzero(difference > 1e-9).tolist()
    print(f"{name}: shift then convolve, or convolve then shift: columns that differ: {columns or 'none'}")

# %% [markdown]
# ## The way back is the adjoint
#
# Training needs the slope of one number, the loss, in every direction. Write $\bar y$ for the gradient of the loss to the
# convolution's output $y = A x$. A small change $\delta x$ changes the loss by $\langle \bar y, A\, \delta x \rangle$. We want
# the $\bar x$ with $\langle \bar x, \delta x \rangle$ equal to that for *every* $\delta x$. That is the definition of the
# adjoint: $\bar x = A^\top \bar y$.
#
# No matrix need be written down. Output $p$ reads input $p + (i, j)$ by $W_{ij}$. Hence input $q$ is read by output
# $q - (i, j)$, and $\bar x$ is nine shifted sums again: shifts reversed, matrices transposed. For the weights, collect what
# each one multiplied:
#
# $$
# \bar x_q = \sum_{ij} \bar y_{q - (i, j)} W_{ij}^\top, \qquad \bar W_{ij} = \sum_p x_{p + (i, j)}^\top \, \bar y_p
# $$


# %%
def conv_back(dout, x, w, mode="constant"):
    dx = conv(dout, w[::-1, ::-1].transpose(0, 1, 3, 2), mode)
    flat = dout.reshape(-1, dout.shape[-1])
    dw = np.empty_like(w)
    for ij, shifted in views(x, len(w), mode).items():
        dw[ij] = shifted.reshape(-1, x.shape[-1]).T @ flat
    return dx, dw


dout = rng.standard_normal((2, 16, 16, 4))
dx, dw = conv_back(dout, x, w)
print(f"<dout, conv x> = {np.vdot(dout, conv(x, w)):.6f}")
print(f"<dx, x>        = {np.vdot(dx, x):.6f}")
print(f"<dw, w>        = {np.vdot(dw, w):.6f}   (a convolution is linear in its weights too)")
theirs = layers.conv2d_backward(dout, x, w)
print(f"largest difference to the package: dx {np.abs(dx - theirs[0]).max():.0e}, dw {np.abs(dw - theirs[1]).max():.0e}")

# %% [markdown]
# ## Why not simply convolve backwards with the same kernel?
#
# It is a common mistake: the shapes fit, there is no error message, and for a symmetric kernel it is even right. So test with
# random weights.


# %%
def conv_back_unturned(dout, x, w, mode="constant"):
    return conv(dout, w.transpose(0, 1, 3, 2), mode), conv_back(dout, x, w, mode)[1]


for name, kernel in (("random weights", w), ("a symmetric kernel", w + w[::-1, ::-1])):
    (right, _), (wrong, _) = conv_back(dout, x, kernel), conv_back_unturned(dout, x, kernel)
    print(f"{name}: <dout, conv x> = {np.vdot(dout, conv(x, kernel)):.1f}")
    for turned, answer in (("turned", right), ("not turned", wrong)):
        off = np.linalg.norm(answer - right) / np.linalg.norm(right)
        print(f"    {turned:10}: <dx, x> = {np.vdot(answer, x):.1f}, dx is off by {100 * off:.0f} % of its length")

# %% [markdown]
# ## One directional derivative checks everything at once
#
# For a whole chain of layers, pick a random direction $d$ and compare two numbers: the gradient's claim $\langle g, d \rangle$,
# and the slope that the loss itself shows,
#
# $$
# \frac{f(w + h d) - f(w - h d)}{2 h} = \langle g, d \rangle + O(h^2) + O(\epsilon / h) .
# $$
#
# The second error is rounding: $f$ is known to $\epsilon \approx 10^{-16}$ of its size only, and we divide by $h$. A random
# direction has a part along every entry of $g$, so a wrong entry anywhere shows. The one-sided difference
# $(f(w + h d) - f(w)) / h$ costs less and is off by $O(h)$.


# %%
def silu(x):
    return x / (1 + np.exp(-x))


def silu_slope(x):
    s = 1 / (1 + np.exp(-x))
    return s * (1 + x * (1 - s))


target, w_next = rng.standard_normal((2, 16, 16, 2)), rng.standard_normal((3, 3, 4, 2)) / 6


def loss(w):
    inputs, weights, wanted = (array.astype(w.dtype) for array in (x, w_next, target))
    return 0.5 * np.sum((conv(silu(conv(inputs, w)), weights) - wanted) ** 2)


def gradient(w, back):
    y = conv(x, w)
    error = conv(silu(y), w_next) - target
    dz, _ = back(error, silu(y), w_next)
    return back(dz * silu_slope(y), x, w)[1]


direction = np.random.default_rng(1).standard_normal(w.shape)
direction /= np.linalg.norm(direction)
claim = np.vdot(gradient(w, conv_back), direction)
central = (loss(w + 1e-5 * direction) - loss(w - 1e-5 * direction)) / 2e-5
print(f"the gradient says {claim:.6f}, the loss itself {central:.6f}")

# %% [markdown]
# The figure shows the relative error against the step $h$. On the right it grows with $h^2$ (central) or with $h$ (one-sided):
# a step is not a slope yet. On the left, rounding takes over and grows as $1/h$. A correct gradient makes a deep V. A wrong
# one, here the kernel not turned round, makes a floor: no step size helps. In float32 the V is shallow, and a wrong gradient is
# harder to tell from a right one. Check gradients in float64.

# %%
steps = np.logspace(0, -12, 49)
up, down = (np.array([loss(w + sign * h * direction) for h in steps]) for sign in (1, -1))
up32, down32 = ([float(loss((w + sign * h * direction).astype(np.float32))) for h in steps] for sign in (1, -1))
wrong = np.vdot(gradient(w, conv_back_unturned), direction)
errors = {
    "one-sided": (up - loss(w)) / steps / claim - 1,
    "central": (up - down) / (2 * steps) / claim - 1,
    "central, kernel not turned": (up - down) / (2 * steps) / wrong - 1,
    "central, float32": np.subtract(up32, down32) / (2 * steps) / claim - 1,
}
fig, ax = plt.subplots(figsize=(7.5, 3.4), layout="constrained")
for (name, error), colour, dash in zip(errors.items(), (sky, blue, red, orange), ("--", "-", "-", ":"), strict=True):
    ax.loglog(steps, np.abs(error) + 1e-17, dash, color=colour, label=name)
ax.set(xlabel="step size h", ylabel="relative error of the derivative", ylim=(1e-13, 1e4))
ax.legend(frameon=False, ncols=2)
plt.show()

# %%
coarse, fine = (int(np.argmin(np.abs(steps - h))) for h in (1e-2, 1e-3))
for name in ("one-sided", "central"):
    order = np.log10(np.abs(errors[name][coarse] / errors[name][fine]))
    print(f"{name}: the error falls as h to the power {order:.1f}")
print(f"kernel not turned: relative error {abs(errors['central, kernel not turned'][fine]):.2f}, whatever the step")

# %% [markdown]
# ## What can a pixel see?
#
# The gradient of one output pixel to all input pixels is a picture of what that pixel sees, and now we can compute it: put a 1
# at one output pixel, and walk back. Each $3 \times 3$ layer widens the view by one pixel on every side, so $L$ layers see a
# square of side $2 L + 1$. Outside of it the gradient is not small. It is zero.


# %%
def seen(depth, channels=8):
    """The gradient of the middle pixel through a stack of random convolutions, (16, 16)."""
    draw = np.random.default_rng(1)
    sizes = [1] + [channels] * (depth - 1) + [1]
    stack = [draw.standard_normal((3, 3, *pair)) / np.sqrt(9 * pair[0]) for pair in pairwise(sizes)]
    before = [digit]
    for w in stack:
        before.append(conv(silu(before[-1]), w))
    back = np.zeros((1, 16, 16, 1))
    back[0, 8, 8] = 1
    for w, h in zip(stack[::-1], before[-2::-1], strict=True):
        back = conv_back(back, silu(h), w)[0] * silu_slope(h)
    return np.abs(back[0, :, :, 0])


for depth in (1, 2, 6):
    print(f"L = {depth}: {np.count_nonzero(seen(depth))} pixels seen, (2 L + 1)^2 = {(2 * depth + 1) ** 2}")

# %% [markdown]
# A network *may* use its whole receptive field. Does it? Below, on the right, the same picture for the trained network that
# comes with the package (six $3 \times 3$ layers, so 13 pixels), averaged over 64 noisy digits, at three noise levels. Its
# output is $v$, so $\hat x_0 = a x - s v$ and the slope of $\hat x_0$ is $a - s\, \partial v / \partial x$. The more noise
# there is, the further it looks. At little noise it hardly looks beyond its neighbours. Tutorial
# [07](07_the_theory_predicts.ipynb) turns this into the window $k(t)$.

# %%
network = md.nets.load("digits-zeros")


def network_sees(t, count=64):
    noisy = md.process.add_noise(digits[:count], t, schedule, rng=0)
    out, saved = network.forward(noisy, np.full(count, t))
    one = np.zeros_like(out)
    one[:, 8, 8] = 1
    _, back = network.backward(one, saved, need_dx=True)
    return np.abs(float(schedule.signal(t)) * one - float(schedule.noise(t)) * back)[..., 0]


def side_of(share, energy):
    """The side of the smallest square around the middle that holds this share."""
    return next(
        k for k in range(1, 17, 2) if energy[8 - k // 2 : 9 + k // 2, 8 - k // 2 : 9 + k // 2].sum() >= share * energy.sum()
    )


trained = {t: network_sees(t) for t in (0.05, 0.4, 0.9)}
for t, slopes in trained.items():
    print(f"t = {t}: 90 % of the squared gradient lies in a square of side {side_of(0.9, (slopes**2).mean(axis=0))}")

# %%
pictures = {f"L = {depth}": (seen(depth), 2 * depth + 1) for depth in (1, 2, 6)}
pictures |= {f"trained, t = {t}": (slopes.mean(axis=0), 13) for t, slopes in trained.items()}
fig, axes = plt.subplots(1, 6, figsize=(9, 1.9), layout="constrained")
for ax, (name, (picture, side)) in zip(axes, pictures.items(), strict=True):
    shown = np.where(picture > 0, np.log10(picture / picture.max() + 1e-30), np.nan)
    drawn = ax.imshow(shown, vmin=-4, vmax=0, cmap="viridis")
    ax.add_patch(plt.Rectangle((7.5 - side // 2, 7.5 - side // 2), side, side, fill=False, color=red))
    ax.set(xticks=[], yticks=[])
    ax.set_title(name, fontsize=9)
fig.colorbar(drawn, ax=axes, label="log10 |slope| / largest", shrink=0.8)
plt.show()

# %% [markdown]
# ## Why residual blocks?
#
# A block adds to what is there, $h \leftarrow h + \text{conv}(\text{relu}(h))$. The gradient then passes each block by two
# paths, and one of them is the identity. In the forward pass the image stays in $h$. A plain stack,
# $h \leftarrow \text{conv}(\text{relu}(h))$, forgets it: here are two different noisy digits through 24 random layers. In the
# plain stack the cosine between their features rises to about 0.9: it hardly tells them apart any more.


# %%
def cosines(residual, depth=24, channels=16):
    draw = np.random.default_rng(0)
    h = conv(md.process.add_noise(digits[:2].astype(float), 0.5, schedule, rng=0), draw.standard_normal((3, 3, 1, channels)) / 3)
    found = []
    for _ in range(depth):
        w = draw.standard_normal((3, 3, channels, channels)) * np.sqrt((2 / depth if residual else 2) / (9 * channels))
        h = conv(np.maximum(h, 0), w) + (h if residual else 0)
        found.append(np.vdot(h[0], h[1]) / np.linalg.norm(h[0]) / np.linalg.norm(h[1]))
    return found


for name, residual in (("plain", False), ("residual", True)):
    found = cosines(residual)
    print(f"{name:8}: cosine after 1, 6, 12, 24 layers: " + ", ".join(f"{found[n - 1]:.2f}" for n in (1, 6, 12, 24)))

# %% [markdown]
# ## Why not simply normalise?
#
# Many networks normalise their features. KG's and ours do not, and here is why that matters: a mean over the image is known to
# every pixel of it. Change one pixel in a corner, and all outputs change, however small the receptive field. The theory's first
# assumption, that a pixel sees only its window, is gone. A normalisation over the channels *of each pixel by itself* would leak
# nothing.
#
# The figure changes the one marked pixel and shows where two layers' output moves. White is exactly zero.


# %%
def standardised(h, axes):
    if axes is None:
        return h
    return (h - h.mean(axis=axes, keepdims=True)) / (h.std(axis=axes, keepdims=True) + 1e-5)


draw = np.random.default_rng(2)
first, second = draw.standard_normal((3, 3, 1, 8)) / 3, draw.standard_normal((3, 3, 8, 1)) / 8
poked = digit.copy()
poked[0, 3, 3] += 1
kinds = {"no normalisation": None, "over the image": (1, 2), "over a pixel's channels": (3,)}
fig, axes = plt.subplots(1, 3, figsize=(7.5, 2.4), layout="constrained")
for ax, (name, over) in zip(axes, kinds.items(), strict=True):
    before, after = (conv(np.maximum(standardised(conv(image, first), over), 0), second) for image in (digit, poked))
    moved = np.abs(after - before)[0, :, :, 0]
    drawn = ax.imshow(np.where(moved > 0, np.log10(moved + 1e-30), np.nan), vmin=-4, vmax=0, cmap="viridis")
    ax.plot(3, 3, "+", color=red, markersize=9)
    ax.set(xticks=[], yticks=[])
    ax.set_title(name, fontsize=10)
    print(f"{name}: {np.count_nonzero(moved)} of 256 pixels move; 5 x 5 = 25 are within reach")
fig.colorbar(drawn, ax=axes, label="log10 |change|", shrink=0.8)
plt.show()

# %% [markdown]
# ## What time is it?
#
# The same pixel value asks for another answer at another noise level. For a single pixel of mean 0 and variance $\sigma^2$, the
# best linear answer is $\hat x_0 = g(t)\, x$ with $g = a \sigma^2 / (a^2 \sigma^2 + s^2)$, which falls from 1 at little noise
# to 0 at much noise. So the network must be told $t$. The figure takes $\sigma^2 = 0.02$, a fine detail, which must be kept at
# little noise and dropped soon.
#
# Why not simply hand it the number $t$? One linear layer of one number is a straight line, and the layers would have to bend
# it. So the number goes in as cosines and sines of $t$ at several frequencies (`layers.time_features`); a linear layer of those
# can draw almost any smooth curve.

# %%
t = np.linspace(0, 1, 200)
a, s = schedule.signal(t), schedule.noise(t)
wanted = a * 0.02 / (a**2 * 0.02 + s**2)
inputs = {"t itself": np.stack([np.ones_like(t), t], axis=1), "16 cosines and sines": layers.time_features(t, 16, np.float64)}
fig, (left, right) = plt.subplots(1, 2, figsize=(7.5, 2.6), layout="constrained")
left.imshow(inputs["16 cosines and sines"].T, aspect="auto", extent=(0, 1, 16, 0), cmap="gray", interpolation="nearest")
left.set(xlabel="time t (0 is clean)", ylabel="feature", title="cosines above, sines below")
right.plot(t, wanted, color="black", linewidth=3, alpha=0.3, label="wanted g(t)")
for (name, features), colour in zip(inputs.items(), (red, blue), strict=True):
    fitted = features @ np.linalg.lstsq(features, wanted, rcond=None)[0]
    right.plot(t, fitted, color=colour, label=name)
    print(f"{name}: largest error of the best fit {np.abs(fitted - wanted).max():.2g}")
right.set(xlabel="time t (0 is clean)", ylabel="gain g")
right.legend(frameon=False, fontsize=8)
plt.show()

# %% [markdown]
# ## What should come out: $\varepsilon$, $x_0$ or $v$?
#
# All three say the same in exact arithmetic, but a network is never exact. Suppose that its output is off by 1 unit. How far
# off is $\hat x_0$, and how far is $\hat\varepsilon$, which the sampler uses as well?
#
# - Predict $\varepsilon$ (DDPM, KG): $\hat x_0 = (x - s \hat\varepsilon) / a$, an error of $s / a$. At $t = 1$ almost no signal
#   is left, and the division makes the error very large.
# - Predict $x_0$: $\hat\varepsilon = (x - a \hat x_0) / s$, an error of $a / s$, which is very large at the other end.
# - Predict $v = a \varepsilon - s x_0$: $\hat x_0 = a x - s \hat v$ and $\hat\varepsilon = s x + a \hat v$ (where
#   $a^2 + s^2 = 1$), errors of $s$ and $a$. Neither ever exceeds 1.

# %%
t = np.linspace(0.01, 1, 400)
a, s = schedule.signal(t), schedule.noise(t)
errors = {"network predicts noise": (s / a, 1 + 0 * t), "x0": (1 + 0 * t, a / s), "v": (s, a)}
fig, axes = plt.subplots(1, 2, figsize=(7.5, 2.8), layout="constrained", sharey=True)
for (name, pair), colour, dash in zip(errors.items(), (red, orange, blue), ("-", "--", "-"), strict=True):
    for ax, factor in zip(axes, pair, strict=True):
        ax.semilogy(t, factor, dash, color=colour, label=name)
axes[0].set(xlabel="time t (0 is clean)", ylabel="error per unit of output error", title="error of x0_hat")
axes[1].set(xlabel="time t (0 is clean)", title="error of eps_hat")
axes[1].legend(frameon=False, fontsize=8)
plt.show()
print(f"at t = 1: a = {a[-1]:.4f}; an output error of 1 makes an error of x0_hat of")
print(f"    {(s / a)[-1]:.0f} if the network predicts noise, {s[-1]:.2f} if it predicts v")

# %% [markdown]
# ## Adam in three lines
#
# Keep two running means, of the gradient and of its square. Step along the first over the root of the second. (They start at 0,
# which the divisions undo.) Every weight then moves at its own pace, however large or small its gradients are.


# %%
def adam(p, g, m, v, step, rate):
    m += 0.1 * (g - m)
    v += 0.001 * (g * g - v)
    p -= rate * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)


# %% [markdown]
# Why not simply walk down the gradient? Take a valley that is 1,000 times steeper across than along,
# $f = (1000\, p_0^2 + p_1^2) / 2$. Plain descent must keep its rate below $2 / 1000$ or it diverges, and then it moves very
# slowly along the valley. Shown are a rate just below, one just above, and Adam.

# %%
curvature = np.array([1000.0, 1.0])
for name, rate in (("descent, rate 0.0019", 0.0019), ("descent, rate 0.0021", 0.0021)):
    p = np.ones(2)
    for _ in range(200):
        p -= rate * curvature * p
    print(f"{name}: after 200 steps p = ({p[0]:.1e}, {p[1]:.2f})")
p, m, v = np.ones(2), np.zeros(2), np.zeros(2)
for step in range(1, 201):
    adam(p, curvature * p, m, v, step, rate=0.05 * (1 - step / 201))
print(f"Adam, rate from 0.05 to 0: both within {10 ** np.ceil(np.log10(np.abs(p).max())):.0e} of the minimum after 200 steps")

# %% [markdown]
# ## The whole network
#
# Now put the pieces together: an input convolution, four residual blocks, a $1 \times 1$ convolution at the end. The time
# enters each layer as an offset, one number per channel. The parameters are a dictionary. Weights start with a variance that
# keeps the features' size; a last layer of zeros makes the untrained network say $v = 0$.

# %%
CHANNELS, DEPTH = 16, 4


def first_params(rng, dtype=np.float32):
    shapes = {"in": (3, 3, 1, CHANNELS)} | {f"block{n}": (3, 3, CHANNELS, CHANNELS) for n in range(1, DEPTH + 1)}
    shapes |= {"time": (16, (DEPTH + 1) * CHANNELS)}
    params = {}
    for name, shape in shapes.items():
        gain = 2 / DEPTH if name.startswith("block") else 1
        params[name] = (rng.standard_normal(shape) * np.sqrt(gain / np.prod(shape[:-1]))).astype(dtype)
    return params | {"out": np.zeros((1, 1, CHANNELS, 1), dtype), "out bias": np.zeros(1, dtype)}


params = first_params(np.random.default_rng(0))
print(f"{sum(value.size for value in params.values())} parameters, receptive field {2 * (DEPTH + 1) + 1} pixels")

# %% [markdown]
# The forward pass keeps what the backward pass needs: the input, the time's features, and the features $h$ before every layer.


# %%
def forward(p, x, t):
    features = layers.time_features(t, 16, x.dtype)
    offsets = (features @ p["time"]).reshape(len(x), 1, 1, DEPTH + 1, CHANNELS)
    hs = [conv(x, p["in"]) + offsets[..., 0, :]]
    for n in range(1, DEPTH + 1):
        hs.append(hs[-1] + conv(np.maximum(hs[-1], 0), p[f"block{n}"]) + offsets[..., n, :])
    return conv(np.maximum(hs[-1], 0), p["out"]) + p["out bias"], (x, features, hs)


noisy = digits[:3].astype(float)
out, _ = forward(first_params(np.random.default_rng(0), float), noisy, np.array([0.1, 0.5, 0.9]))
print(f"images {noisy.shape} to {out.shape}; untrained, all {np.abs(out).max():.0f}")

# %% [markdown]
# The backward pass goes through the same layers, the last one first. `dh` is the gradient to the features. At a block it splits
# in two: one part goes through the convolution and the ReLU (its slope is 0 or 1), the other goes straight on. An offset is
# added at every pixel, so its gradient is the sum over pixels.


# %%
def backward(p, dout, saved):
    x, features, hs = saved
    grads, doffsets = {"out bias": dout.sum(axis=(0, 1, 2))}, np.empty((len(x), DEPTH + 1, CHANNELS), x.dtype)
    dh, grads["out"] = conv_back(dout, np.maximum(hs[-1], 0), p["out"])
    dh = dh * (hs[-1] > 0)
    for n in range(DEPTH, 0, -1):
        doffsets[:, n] = dh.sum(axis=(1, 2))
        through, grads[f"block{n}"] = conv_back(dh, np.maximum(hs[n - 1], 0), p[f"block{n}"])
        dh = dh + through * (hs[n - 1] > 0)
    doffsets[:, 0] = dh.sum(axis=(1, 2))
    grads["in"] = conv_back(dh, x, p["in"])[1]
    grads["time"] = features.T @ doffsets.reshape(len(x), -1)
    return grads


def denoising_loss(p, x0, eps, t):
    target = md.process.v_from_x0(x0, eps, t, schedule)
    out, saved = forward(p, md.process.add_noise(x0, t, schedule, eps=eps), t)
    return np.mean((out - target) ** 2), backward(p, 2 * (out - target) / out.size, saved)


# %% [markdown]
# One directional derivative through all of it, in float64, over all parameters together. (A ReLU has a kink at 0. The step is
# small enough that hardly any feature crosses it.) The last layer is given random weights here: with zeros there, hardly any
# gradient gets through.

# %%
draw = np.random.default_rng(3)
double = first_params(draw, float)
double["out"] = draw.standard_normal(double["out"].shape)
batch = digits[:4].astype(float), draw.standard_normal((4, 16, 16, 1)), np.array([0.1, 0.4, 0.6, 0.9])
along = {name: draw.standard_normal(value.shape) for name, value in double.items()}
value, grads = denoising_loss(double, *batch)
claim = sum(np.vdot(grads[name], along[name]) for name in double)
up, down = (denoising_loss({n: v + sign * 1e-6 * along[n] for n, v in double.items()}, *batch)[0] for sign in (1, -1))
shown = (up - down) / 2e-6
print(f"the gradient says {claim:.4f}, the loss itself {shown:.4f}; relative error {abs(shown / claim - 1):.0e}")

# %% [markdown]
# ## Training
#
# Noise a few digits, ask for $v$, walk down. That is all of denoising score matching. We take 600 steps of 16 digits each. The
# times are spread evenly over $[0, 1]$, and the rate falls to 0.

# %%
rng, moments, losses, steps = np.random.default_rng(0), {}, [], 600
for name, value in params.items():
    moments[name] = np.zeros_like(value), np.zeros_like(value)
for step in range(1, steps + 1):
    x0 = digits[rng.integers(len(digits), size=16)]
    t, eps = (np.arange(16) + rng.random(16)) / 16, rng.standard_normal(x0.shape).astype(np.float32)
    value, grads = denoising_loss(params, x0, eps, t)
    losses.append(value)
    rate = 0.01 * min(1, step / 20) * 0.5 * (1 + np.cos(np.pi * step / steps))
    for name in params:
        adam(params[name], grads[name], *moments[name], step, rate)
print(f"mean loss of the first 20 steps {np.mean(losses[:20]):.1f}, of the last 100 {np.mean(losses[-100:]):.2f}")

# %% [markdown]
# Is that loss good? A loss means little without something to compare it with, and here the theory gives us the scale. The
# dashed lines are denoisers that need no training, on 64 noisy digits: say nothing ($\hat v = 0$), the best linear denoiser
# (Wiener), the ideal denoiser, which sees everything and can only recite, and the ELS machine with our receptive field of 11
# pixels and zero padding. No network with that receptive field can do better, on average over its training set, than the ELS
# line. Ours is far above it, and above the linear one too: 600 steps are few.


# %%
def denoiser(x, t):
    images = x.reshape(-1, 16, 16, 1)
    times = np.broadcast_to(t, len(images))
    return md.process.x0_from_v(images, forward(params, images, times)[0], times, schedule).reshape(x.shape)


draw, count = np.random.default_rng(5), 64
x0, t = digits[draw.integers(len(digits), size=count)], (np.arange(count) + draw.random(count)) / count
eps = draw.standard_normal(x0.shape).astype(np.float32)
x_t, s = md.process.add_noise(x0, t, schedule, eps=eps), schedule.noise(t)[:, None, None, None]
els = md.EquivariantLocalScore(digits, schedule, window=11, boundary="zeros")
answers = {"our network": denoiser, "linear (Wiener)": md.Wiener(digits, schedule), "ELS, k = 11": els}
answers["ideal denoiser"] = md.IdealScore(digits, schedule)
# v - v_hat = (x0_hat - x0) / s, wherever both belong to the same x.
levels = {name: float(np.mean(((machine(x_t, t) - x0) / s) ** 2)) for name, machine in answers.items()}
levels["say nothing"] = float(np.mean(md.process.v_from_x0(x0, eps, t, schedule) ** 2))
for name, level in levels.items():
    print(f"{name:16}{level:.2f}")

# %%
fig, ax = plt.subplots(figsize=(7.5, 3), layout="constrained")
ax.plot(np.arange(1, steps + 1), losses, color="0.8", linewidth=0.8, label="each step")
ax.plot(np.arange(10, steps + 1, 20), np.mean(np.reshape(losses, (-1, 20)), axis=1), color=blue, label="mean of 20 steps")
for (name, level), colour in zip(list(levels.items())[1:], (orange, red, green, "0.4"), strict=True):
    ax.axhline(level, color=colour, linestyle="--", linewidth=1)
    ax.text(steps * 1.01, level, name, color=colour, va="center", fontsize=9)
ax.set(xlabel="training step", ylabel="loss (mean squared error of v)", yscale="log", ylim=(0.05, 1.5), xlim=(0, steps))
ax.set_yticks([0.1, 0.2, 0.5, 1], ["0.1", "0.2", "0.5", "1"])
ax.legend(frameon=False, fontsize=8)
plt.show()

# %% [markdown]
# And what does it draw? From the same noises we show the samples before training ($\hat v = 0$ leaves the noise almost as it
# is), after 600 steps by hand, and of the shipped network, which is wider, deeper and trained for 3,000 steps on larger
# batches. Ours has learned strokes, how thick they are and where they may be. It does not know what a digit is. The large one
# does not quite know it either: both make mosaics. And look down the columns: two networks, trained apart, from different first
# weights, make nearly the same picture from the same noise. What they share is a training set, and that each pixel sees a
# window. Is that enough to say what they will draw? Tutorial [07](07_the_theory_predicts.ipynb).

# %%
noise = md.process.unit_noise((8, 16, 16, 1), 3)


def sample(denoiser):
    *_, last = md.process.ddim(denoiser, schedule, noise=noise, steps=20)
    return last.x


untrained = sample(lambda x, t: md.process.x0_from_v(x, np.zeros_like(x), t, schedule))
by_hand, shipped = sample(denoiser), sample(network)
fig, ax = plt.subplots(figsize=(7.5, 2.9), layout="constrained")
md.plots.rows([untrained, by_hand, shipped], ["before\ntraining", "600 steps\nby hand", "shipped,\n3,000 steps"], ax=ax)
plt.show()
same = np.median(md.metrics.agreement(by_hand, shipped).r)
other = np.median(md.metrics.agreement(np.roll(by_hand, 1, axis=0), shipped).r)
print(f"median correlation of the two networks' samples: {same:.2f} from the same noise, {other:.2f} from different noises")

# %% [markdown]
# ## Self-attention, forward and backward
#
# In a convolution a pixel hears only its neighbours. Attention lets every pixel hear every other (tutorial
# [08](08_attention.ipynb)). With $Q, K, V$ of shape (pixels, $D$):
#
# $$
# S = Q K^\top / \sqrt D, \qquad A = \text{softmax}(S) \text{ along each row}, \qquad \text{out} = A V
# $$
#
# Now go back, one step at a time. $\text{out} = A V$ is linear in both: $\bar A = \overline{\text{out}}\, V^\top$ and
# $\bar V = A^\top \overline{\text{out}}$. A softmax row has $\partial A_j / \partial S_k = A_j (\delta_{jk} - A_k)$: raising
# one score raises its own weight *and lowers all others*. Hence
#
# $$
# \bar S_k = A_k \Big( \bar A_k - \sum_j A_j \bar A_j \Big), \qquad
# \bar Q = \bar S K / \sqrt D, \qquad \bar K = \bar S^\top Q / \sqrt D .
# $$


# %%
def attention(q, k, v):
    scores = q @ k.T / np.sqrt(q.shape[1])
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    return weights @ v, weights


def attention_back(dout, q, k, v):
    weights = attention(q, k, v)[1]
    dweights = dout @ v.T
    dscores = weights * (dweights - (weights * dweights).sum(axis=1, keepdims=True)) / np.sqrt(q.shape[1])
    return dscores @ k, dscores.T @ q, weights.T @ dout


draw = np.random.default_rng(4)
q, k, v, dout = draw.standard_normal((4, 36, 8))
square = [array.reshape(1, 6, 6, 8) for array in (dout, q, k, v)]
gap = np.abs(attention(q, k, v)[0] - layers.attention(*square[1:]).reshape(36, 8)).max()
print(f"largest difference to the package: forward {gap:.0e}")
for name, ours, theirs in zip("qkv", attention_back(dout, q, k, v), layers.attention_backward(*square), strict=True):
    print(f"    d{name} {np.abs(ours - theirs.reshape(36, 8)).max():.0e}")

# %% [markdown]
# ## Why not simply treat the map as a constant?
#
# It is tempting: $A$ is a table of weights, so let the gradient flow through $V$ alone (a *detached* softmax). Another mistake
# is to keep only the diagonal of the softmax's slope, $A_k (1 - A_k)$. In self-attention $Q$, $K$ and $V$ all come from the
# same features, $Q = h W_q$ and so on, so both mistakes still give a gradient of the right shape. It even points roughly the
# right way, so training can seem to work for a long time. The directional derivative shows it at once.


# %%
def detached(dout, q, k, v):
    return 0 * q, 0 * k, attention(q, k, v)[1].T @ dout


def diagonal_only(dout, q, k, v):
    weights = attention(q, k, v)[1]
    dscores = weights * (1 - weights) * (dout @ v.T) / np.sqrt(q.shape[1])
    return dscores @ k, dscores.T @ q, weights.T @ dout


features, maps = draw.standard_normal((36, 8)), draw.standard_normal((3, 8, 8)) / 2
step = 1e-5 * draw.standard_normal(features.shape)
up, down = (np.vdot(dout, attention(*(h @ maps))[0]) for h in (features + step, features - step))
found = {}
for name, back in (("full softmax", attention_back), ("detached map", detached), ("diagonal only", diagonal_only)):
    found[name] = sum(d @ m.T for d, m in zip(back(dout, *(features @ maps)), maps, strict=True))
    right = found["full softmax"]
    cosine = np.vdot(found[name], right) / np.linalg.norm(found[name]) / np.linalg.norm(right)
    error = abs(2 * np.vdot(found[name], step) / (up - down) - 1)
    print(f"{name:14} relative error {error:.1g}, cosine with the true gradient {cosine:.2f}")

# %% [markdown]
# ## What to take along
#
# - A convolution is nine shifted sums; its way back is nine shifted sums the other way round. An adjoint is right if two inner
#   products agree.
# - One directional derivative in float64 checks a whole network. A right gradient makes a V against the step size, a wrong one
#   makes a floor.
# - Without normalisation a pixel sees its receptive field and nothing else, exactly. What it *uses* is smaller, and grows with
#   the noise.
# - Predict $v$: it never divides by the signal or by the noise.
#
# **Try it.** (1) Leave out `* (hs[n - 1] > 0)` in `backward` and run the directional derivative again. (2) Set `DEPTH = 1` and
# run everything from there: which machine's line can the loss not cross now? Draw it with `window=5`. (3) Let the network
# predict noise: change `target`, and `x0_from_v` to `x0_from_eps` in `denoiser`, and look at the samples.
#
# **Next:** [07 The theory predicts the network](07_the_theory_predicts.ipynb)
