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
# **Question.** What does a convolutional denoiser compute? What can each of its pixels see? And how do we compute its gradients
# by hand, without a tool that differentiates?
#
# **Time.** About 40 minutes to read, a quarter of a minute to run.
#
# **Equations.** $\text{out}_p = \sum_{ij} \text{in}_{p + (i, j)}\, \theta_{ij}$; $\langle \overline{\text{out}},
# \text{conv}(\text{in}) \rangle = \langle \text{conv}^\top(\overline{\text{out}}), \text{in} \rangle$. The network is of the
# convolutional, residual kind that [KG](reference.md#kg) study. It has $3 \times 3$ convolutions and no normalisation layers.
#
# **Prerequisites.** NumPy, the chain rule; tutorials [01](01_noise_and_the_way_back.ipynb) and [05](05_edges.ipynb). Letters and
# words are collected in the [reference](reference.md).
#
# **What is where.** This tutorial builds the network and its gradients, and does not train it. Tutorial
# [06b](06b_training.ipynb) trains it, and compares it with a linear filter.

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
# Take an image with $C$ channels. Shift it by one of nine steps $(i, j)$, from $(-1, -1)$ to $(1, 1)$. Multiply every pixel's $C$
# numbers by a $C \times O$ matrix $\theta_{ij}$. Do so for all nine shifts, each with a matrix of its own. The sum is a
# $3 \times 3$ convolution. At the pixel $p$ it is
#
# $$
# \text{out}_p = \sum_{i, j} \text{in}_{p + (i, j)} \; \theta_{ij} .
# $$
#
# In code the steps are numbered from 0 to 2. What lies beyond the border is zero, or, on a torus, the other side of the image.
# The package does the same in compiled loops (`minidiff/nets/convolution_kernels.py`). The two must give the same numbers.


# %%
def views(x, k, mode):
    h, (height, width) = k // 2, x.shape[1:3]
    padded = np.pad(x, ((0, 0), (h, h), (h, h), (0, 0)), mode=mode)
    return {(i, j): padded[:, i : i + height, j : j + width] for i, j in np.ndindex(k, k)}


def conv(x, theta, mode="constant"):
    return sum(shifted @ theta[ij] for ij, shifted in views(x, len(theta), mode).items())


rng = np.random.default_rng(0)
x, theta = rng.standard_normal((2, 16, 16, 3)), rng.standard_normal((3, 3, 3, 4))
for padding, mode in (("zeros", "constant"), ("circular", "wrap")):
    gap = np.abs(conv(x, theta, mode) - layers.conv2d(x, theta, np.zeros(4), padding)).max()
    print(f"{padding}: largest difference to the package {gap:.0e}")

# %% [markdown]
# The figure shows the nine shifted copies of a digit, each with its weight, and their sum.
#
# > **Predict first (1).** The weights are positive on the left (+1, +2, +1), zero in the middle column and negative on the right.
# > The digit is white on black. Where will the sum be bright, where dark, and where grey?

# %%
# alt: A row of eleven small pictures. The first is the digit 5, the next nine are the same digit moved by a pixel, each with a
# weight from -2 to 2 above it. The last is grey, with a bright line along the right side of each stroke and a dark line along
# its left side.
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
# <details><summary>Answer (1)</summary>
#
# The weight on the left multiplies the pixel to the left. The sum is therefore "left minus right": bright where white is on the
# left and black on the right, that is at the right side of each stroke. It is dark at the left side of each stroke. Where left
# and right are equal, inside a stroke and in the background, it is grey. Horizontal strokes show only at their ends.
#
# </details>
#
# A network learns its weights, and it learns thousands of them; the arithmetic is the same.
#
# Every pixel is treated alike. So one would expect that a convolution commutes with a shift of the image: to shift and then
# convolve is the same as to convolve and then shift.
#
# > **Predict first (2).** The image has 16 columns, from 0 to 15, and is shifted by 3 columns to the right. What leaves it on the
# > right comes in again on the left. In which columns do the two results differ, on a torus, and with zeros around the image?

# %%
for name, mode in (("torus", "wrap"), ("zeros", "constant")):
    difference = np.abs(conv(np.roll(x, 3, axis=2), theta, mode) - np.roll(conv(x, theta, mode), 3, axis=2)).max(axis=(0, 1, 3))
    columns = np.flatnonzero(difference > 1e-9).tolist()
    print(f"{name}: shift then convolve, or convolve then shift: columns that differ: {columns or 'none'}")

# %% [markdown]
# <details><summary>Answer (2)</summary>
#
# On a torus they differ nowhere. With zeros they differ in columns 0, 2, 3 and 15. Columns 0 and 15 lie at the border of the
# result: there one of the two reads a zero and the other a pixel. Columns 2 and 3 are where the border columns 15 and 0 of the
# first result come to lie after the shift. So padding tells a pixel where it is (tutorial [05](05_edges.ipynb)).
#
# </details>
#
# ## The way back is the adjoint
#
# Training needs the slope of one number, the loss $\ell$, in every weight. It is found layer by layer, from the last layer to the
# first. A bar over a letter means the slope of the loss: $\bar\theta = \partial \ell / \partial \theta$. So we need one thing
# only. A layer computes "out" from "in". The slope $\overline{\text{out}}$ is known, and we look for the slope
# $\overline{\text{in}}$.
#
# **What we look for.** A convolution is linear in its input. A small change $\delta\text{in}$ of the input changes the output by
# $\text{conv}(\delta\text{in})$, and the loss by $\langle \overline{\text{out}}, \text{conv}(\delta\text{in}) \rangle$, where
# $\langle \cdot, \cdot \rangle$ multiplies entry by entry and adds up. By the definition of a slope it also changes the loss by
# $\langle \overline{\text{in}}, \delta\text{in} \rangle$. The two must agree for *every* $\delta\text{in}$:
#
# $$
# \langle \overline{\text{in}}, \delta\text{in} \rangle = \langle \overline{\text{out}}, \text{conv}(\delta\text{in}) \rangle
# \quad \text{for every } \delta\text{in} .
# $$
#
# This is the definition of the adjoint, $\text{conv}^\top$. So $\overline{\text{in}} = \text{conv}^\top(\overline{\text{out}})$.
#
# **The input.** We need not write a convolution as one large matrix. Put its formula in. Here $p$ is a pixel of the output,
# $(i, j)$ is a step, and each $\delta\text{in}_q$ is a row of $C$ numbers:
#
# $$
# \langle \overline{\text{out}}, \text{conv}(\delta\text{in}) \rangle
# = \sum_p \sum_{ij} \overline{\text{out}}_p \cdot \big( \delta\text{in}_{p + (i, j)}\, \theta_{ij} \big)
# = \sum_p \sum_{ij} \big( \overline{\text{out}}_p\, \theta_{ij}^\top \big) \cdot \delta\text{in}_{p + (i, j)} .
# $$
#
# Now sort the terms by the input pixel $q = p + (i, j)$ that they contain, which means $p = q - (i, j)$:
#
# $$
# = \sum_q \Big( \sum_{ij} \overline{\text{out}}_{q - (i, j)}\, \theta_{ij}^\top \Big) \cdot \delta\text{in}_q .
# $$
#
# The bracket is $\overline{\text{in}}_q$. It is nine shifted sums again: the shifts are reversed and the matrices transposed.
# Where $q - (i, j)$ lies outside the image there is no output pixel, so nothing is added. This is the same as zeros around
# $\overline{\text{out}}$, as there are zeros around "in".
#
# **The weights.** The output is linear in the weights, too. A change $\delta\theta$ changes the loss by $\sum_p \sum_{ij}
# \overline{\text{out}}_p \cdot (\text{in}_{p + (i, j)}\,
# \delta\theta_{ij})$. In this sum each entry of $\delta\theta_{ij}$ is multiplied by one channel of $\text{in}_{p + (i,
# j)}$ and one of $\overline{\text{out}}_p$. The sum over $p$ of these products is therefore the slope of the entry. Together:
#
# $$
# \overline{\text{in}}_q = \sum_{ij} \overline{\text{out}}_{q - (i, j)}\, \theta_{ij}^\top, \qquad
# \bar\theta_{ij} = \sum_p \text{in}_{p + (i, j)}^\top \, \overline{\text{out}}_p .
# $$
#
# Two inner products check both: $\langle \overline{\text{out}}, \text{conv}(\text{in}) \rangle$ must be
# $\langle \overline{\text{in}}, \text{in} \rangle$, and also $\langle \bar\theta, \theta \rangle$. (In code the input is `x`, and
# `dout`, `dx` and `dtheta` are the three slopes.)


# %%
def conv_back(dout, x, theta, mode="constant"):
    dx = conv(dout, theta[::-1, ::-1].transpose(0, 1, 3, 2), mode)
    flat = dout.reshape(-1, dout.shape[-1])
    dtheta = np.empty_like(theta)
    for ij, shifted in views(x, len(theta), mode).items():
        dtheta[ij] = shifted.reshape(-1, x.shape[-1]).T @ flat
    return dx, dtheta


dout = rng.standard_normal((2, 16, 16, 4))
dx, dtheta = conv_back(dout, x, theta)
print(f"<dout, conv x>  = {np.vdot(dout, conv(x, theta)):.6f}")
print(f"<dx, x>         = {np.vdot(dx, x):.6f}")
print(f"<dtheta, theta> = {np.vdot(dtheta, theta):.6f}   (a convolution is linear in its weights too)")
theirs = layers.conv2d_backward(dout, x, theta)
print(f"largest difference to the package: dx {np.abs(dx - theirs[0]).max():.0e}, dtheta {np.abs(dtheta - theirs[1]).max():.0e}")

# %% [markdown]
# ## Why not simply convolve backwards with the same kernel?
#
# This is a common mistake. The shapes fit, there is no error message, and for a symmetric kernel the answer is even right. So
# test with random weights.


# %%
def conv_back_unturned(dout, x, theta, mode="constant"):
    return conv(dout, theta.transpose(0, 1, 3, 2), mode), conv_back(dout, x, theta, mode)[1]


for name, kernel in (("random weights", theta), ("a symmetric kernel", theta + theta[::-1, ::-1])):
    (right, _), (wrong, _) = conv_back(dout, x, kernel), conv_back_unturned(dout, x, kernel)
    print(f"{name}: <dout, conv x> = {np.vdot(dout, conv(x, kernel)):.1f}")
    for turned, answer in (("turned", right), ("not turned", wrong)):
        off = np.linalg.norm(answer - right) / np.linalg.norm(right)
        print(f"    {turned:10}: <dx, x> = {np.vdot(answer, x):.1f}, dx is off by {100 * off:.0f} % of its length")

# %% [markdown]
# ## One directional derivative checks everything at once
#
# For a whole chain of layers, take a random direction $z$ and compare two numbers: the gradient's claim
# $\langle \bar\theta, z \rangle$, and the slope that the loss itself shows for a small step $\delta$,
#
# $$
# \frac{\ell(\theta + \delta z) - \ell(\theta - \delta z)}{2 \delta} \approx \langle \bar\theta, z \rangle .
# $$
#
# This has two errors. The first comes from Taylor's series: $\ell(\theta \pm \delta z)$ is
# $\ell(\theta) \pm \delta \langle \bar\theta, z \rangle$, a term with $\delta^2$ that cancels in the difference, and a term with
# $\delta^3$. After the division the error is in proportion to $\delta^2$. The second error is rounding: $\ell$ is known to about
# $10^{-16}$ of its size only, and we divide by $\delta$. So this error is in proportion to $1 / \delta$. A random direction has a
# part along every entry of $\bar\theta$, so a wrong entry anywhere changes the claim. The one-sided difference
# $(\ell(\theta + \delta z) - \ell(\theta)) / \delta$ costs less. There the term with $\delta^2$ stays, and the error is in
# proportion to $\delta$.


# %%
def silu(x):
    return x / (1 + np.exp(-x))


def silu_slope(x):
    gate = 1 / (1 + np.exp(-x))
    return gate * (1 + x * (1 - gate))


target, theta_next = rng.standard_normal((2, 16, 16, 2)), rng.standard_normal((3, 3, 4, 2)) / 6


def loss(theta):
    inputs, weights, wanted = (array.astype(theta.dtype) for array in (x, theta_next, target))
    return 0.5 * np.sum((conv(silu(conv(inputs, theta)), weights) - wanted) ** 2)


def gradient(theta, back):
    hidden = conv(x, theta)
    error = conv(silu(hidden), theta_next) - target
    dhidden, _ = back(error, silu(hidden), theta_next)
    return back(dhidden * silu_slope(hidden), x, theta)[1]


z = np.random.default_rng(1).standard_normal(theta.shape)
z /= np.linalg.norm(z)
claim = np.vdot(gradient(theta, conv_back), z)
central = (loss(theta + 1e-5 * z) - loss(theta - 1e-5 * z)) / 2e-5
print(f"the gradient says {claim:.6f}, the loss itself {central:.6f}")

# %% [markdown]
# The next figure shows the relative error against the step $\delta$, from 1 down to $10^{-12}$.
#
# > **Predict first (3).** (a) Is the smallest step the best? (b) What does the curve of a *wrong* gradient look like, here that
# > of the kernel that was not turned by 180 degrees? (c) What changes in single precision (float32)?

# %%
# alt: Four curves of the error against the step size, both on logarithmic axes. Two of them form a V, deep for the central and
# less deep for the one-sided difference. In float32 the V is shallow, and at small steps the error rises to 1. The curve of the
# kernel that was not turned stays flat at about 2.
steps = np.logspace(0, -12, 49)
up, down = (np.array([loss(theta + sign * step * z) for step in steps]) for sign in (1, -1))
up32, down32 = ([float(loss((theta + sign * step * z).astype(np.float32))) for step in steps] for sign in (1, -1))
wrong = np.vdot(gradient(theta, conv_back_unturned), z)
errors = {
    "one-sided": (up - loss(theta)) / steps / claim - 1,
    "central": (up - down) / (2 * steps) / claim - 1,
    "central, kernel not turned": (up - down) / (2 * steps) / wrong - 1,
    "central, float32": np.subtract(up32, down32) / (2 * steps) / claim - 1,
}
fig, ax = plt.subplots(figsize=(7.5, 3.4), layout="constrained")
for (name, error), colour, dash in zip(errors.items(), (sky, blue, red, orange), ("--", "-", "s-", ":"), strict=True):
    ax.loglog(steps, np.abs(error) + 1e-17, dash, color=colour, label=name, markersize=3)
ax.set(xlabel="step size", ylabel="relative error of the derivative", ylim=(1e-13, 1e4))
ax.legend(frameon=False, ncols=2)
plt.show()

# %%
coarse, fine = (int(np.argmin(np.abs(steps - step))) for step in (1e-2, 1e-3))
for name in ("one-sided", "central"):
    order = np.log10(np.abs(errors[name][coarse] / errors[name][fine]))
    print(f"{name}: the error falls as the step to the power {order:.1f}")
print(f"kernel not turned: relative error {abs(errors['central, kernel not turned'][fine]):.2f}, whatever the step")

# %% [markdown]
# <details><summary>Answer (3)</summary>
#
# (a) No. At large steps the error grows as $\delta^2$ (central) or as $\delta$ (one-sided), because the loss is not a straight
# line. At small steps rounding is the larger error, and it grows as $1 / \delta$. So the curve of a right gradient has the shape
# of a V, and the best step lies between. (b) It stays high: no step makes its error small. (c) The V is less deep, since rounding
# begins at larger steps. So a wrong gradient is harder to tell from a right one. Check gradients in float64.
#
# </details>
#
# ## What can a pixel see?
#
# The gradient of one output pixel to all input pixels is a picture of what that pixel sees. Now we can compute it: put a 1 at one
# output pixel, and go back through the layers. Each $3 \times 3$ layer adds one pixel to the view on every side, so $L$ layers
# see a square of side $2 L + 1$ (tutorial [04](04_anywhere.ipynb) has the proof). Outside of this square the gradient is exactly
# zero.


# %%
def seen(depth, channels=8):
    """The gradient of the middle pixel through a stack of random convolutions, (16, 16)."""
    draw = np.random.default_rng(1)
    sizes = [1] + [channels] * (depth - 1) + [1]
    stack = [draw.standard_normal((3, 3, *pair)) / np.sqrt(9 * pair[0]) for pair in pairwise(sizes)]
    before = [digit]
    for theta in stack:
        before.append(conv(silu(before[-1]), theta))
    back = np.zeros((1, 16, 16, 1))
    back[0, 8, 8] = 1
    for theta, hidden in zip(stack[::-1], before[-2::-1], strict=True):
        back = conv_back(back, silu(hidden), theta)[0] * silu_slope(hidden)
    return np.abs(back[0, :, :, 0])


for depth in (1, 2, 6):
    print(f"L = {depth}: {np.count_nonzero(seen(depth))} pixels seen, (2 L + 1)^2 = {(2 * depth + 1) ** 2}")

# %% [markdown]
# A network *may* use its whole receptive field. Does it? The figure below shows, on the right, the same picture for the trained
# network that comes with the package (six $3 \times 3$ layers, so 13 pixels). It is an average over 64 noisy digits, at three
# noise levels. The network's output is $v$, so $\hat x_0 = a x - s v$ and the slope of $\hat x_0$ is
# $a - s\, \partial v / \partial x$ (tutorial [06b](06b_training.ipynb) says what $v$ is and why).
#
# > **Predict first (4).** At which noise level does a denoiser need to look far: when there is little noise, or much?

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
# alt: Six square maps. In the first three the coloured area is 3, 5 and 13 pixels wide and fills the red square exactly. In the
# three of the trained network the bright area is a few pixels wide at t = 0.05, and grows with the noise until at t = 0.9 it
# reaches the red square of 13 pixels.
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
# <details><summary>Answer (4)</summary>
#
# When there is much noise. The more noise, the further it looks. At little noise the pixel itself and its neighbours tell nearly
# all. At much noise a single pixel tells almost nothing, so the network averages over many. Tutorial
# [07](07_the_theory_predicts.ipynb) measures this as the window $k(t)$.
#
# </details>
#
# ## Why residual blocks?
#
# A residual block adds to its input: $\text{out} = \text{in} + \text{conv}(\text{relu}(\text{in}))$, where relu replaces negative
# numbers by 0. The gradient then goes through each block on two paths, and one of them is the identity. In the forward pass the
# image stays a part of the sum. A plain stack, $\text{out} = \text{conv}(\text{relu}(\text{in}))$, loses it. Below, two different
# noisy digits go through 24 random layers. The cosine between their features says how alike they have become. At 1 they are the
# same up to a factor.


# %%
def cosines(residual, depth=24, channels=16):
    draw = np.random.default_rng(0)
    noisy = md.process.add_noise(digits[:2].astype(float), 0.5, schedule, rng=0)
    hidden = conv(noisy, draw.standard_normal((3, 3, 1, channels)) / 3)
    found = []
    for _ in range(depth):
        theta = draw.standard_normal((3, 3, channels, channels)) * np.sqrt((2 / depth if residual else 2) / (9 * channels))
        hidden = conv(np.maximum(hidden, 0), theta) + (hidden if residual else 0)
        found.append(np.vdot(*hidden) / np.prod(np.linalg.norm(hidden.reshape(2, -1), axis=1)))
    return found


for name, residual in (("plain", False), ("residual", True)):
    found = cosines(residual)
    print(f"{name:8}: cosine after 1, 6, 12, 24 layers: " + ", ".join(f"{found[n - 1]:.2f}" for n in (1, 6, 12, 24)))

# %% [markdown]
# In the plain stack the cosine rises to about 0.9, so the two digits have become almost the same. In the residual one it stays
# lower.
#
# ## Why not simply normalise?
#
# Many networks normalise their features: they subtract the mean and divide by the standard deviation. Our network does not. The
# figure shows why this matters. One pixel of the input, marked by a cross, is changed, and the figure shows where the output of
# two layers changes. White is exactly zero. The normalisation is over the whole image, or over the channels of each pixel by
# itself.
#
# > **Predict first (5).** Two $3 \times 3$ layers reach 2 pixels in each direction. How many of the 256 pixels change in each
# > of the three cases?


# %%
# alt: Three square maps with a cross at the changed pixel. Without normalisation, and with normalisation over a pixel's channels,
# only a square of 5 by 5 pixels around the cross is coloured. With normalisation over the image nearly the whole map is.
def standardised(hidden, axes):
    if axes is None:
        return hidden
    return (hidden - hidden.mean(axis=axes, keepdims=True)) / (hidden.std(axis=axes, keepdims=True) + 1e-5)


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
# <details><summary>Answer (5)</summary>
#
# 25, 256 and 25. A mean over the image contains every pixel, so one change in a corner changes all outputs, however small the
# receptive field is. Then the theory's first assumption fails: a pixel no longer sees its window only. A mean over the channels
# of one pixel tells other pixels nothing.
#
# </details>
#
# ## What time is it?
#
# The same pixel value needs another answer at another noise level. Take a single pixel of mean 0 and variance $\sigma^2$. A
# linear answer multiplies the pixel by one number, the *gain*: $\hat x_0 = \text{gain} \cdot x$. With $x = a x_0 + s \varepsilon$
# its mean squared error is $E (\text{gain} \cdot x - x_0)^2 = (\text{gain} \cdot a - 1)^2 \sigma^2 + \text{gain}^2
# s^2$. The slope of this error in the gain is zero at $\text{gain} = a \sigma^2 / (a^2 \sigma^2 + s^2)$. The best gain falls from
# 1 at little noise to 0 at much noise. So the network must be told $t$. The figure takes $\sigma^2 = 0.02$, which is the variance
# of a fine detail: it must be kept at little noise, and removed when the noise grows.
#
# Why do we not give the network the number $t$ itself? A linear layer of one number is a straight line, and the other layers
# would have to bend it. So the network is given cosines and sines of $t$ at several frequencies (`layers.time_features`). The
# figure shows how well a linear layer of these fits the gain.

# %%
# alt: Left, a striped pattern of 16 rows: cosines and sines of t, from slow to fast. Right, the wanted gain falls steeply from 1
# to nearly 0 within the first third of t. A dashed straight line misses it everywhere. The fit by 16 cosines and
# sines lies on it.
t = np.linspace(0, 1, 200)
a, s = schedule.signal(t), schedule.noise(t)
wanted = a * 0.02 / (a**2 * 0.02 + s**2)
inputs = {"t itself": np.stack([np.ones_like(t), t], axis=1), "16 cosines and sines": layers.time_features(t, 16, np.float64)}
fig, (left, right) = plt.subplots(1, 2, figsize=(7.5, 2.6), layout="constrained")
left.imshow(inputs["16 cosines and sines"].T, aspect="auto", extent=(0, 1, 16, 0), cmap="gray", interpolation="nearest")
left.set(xlabel="time t (0 is clean)", ylabel="feature", title="cosines above, sines below")
right.plot(t, wanted, color="black", linewidth=3, alpha=0.3, label="wanted gain")
for (name, features), colour, dash in zip(inputs.items(), (red, blue), ("--", "-"), strict=True):
    fitted = features @ np.linalg.lstsq(features, wanted, rcond=None)[0]
    right.plot(t, fitted, dash, color=colour, label=name)
    print(f"{name}: largest error of the best fit {np.abs(fitted - wanted).max():.2g}")
right.set(xlabel="time t (0 is clean)", ylabel="gain")
right.legend(frameon=False, fontsize=8)
plt.show()

# %% [markdown]
# ## The whole network
#
# Now put the pieces together: an input convolution, four residual blocks, and a $1 \times 1$ convolution at the end. The time
# enters each layer as an offset, one number per channel. The parameters $\theta$ are a dictionary. The weights start at random,
# with a variance of about one over the number of inputs, so that the features neither grow nor shrink much from layer to layer: a
# sum of many independent numbers, each times a weight of variance one over their number, has the variance of one of them. The
# last layer starts with zeros, so that the untrained network answers 0 to everything.

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
# The forward pass keeps what the backward pass needs: the input, the features of the time, and the features (`hidden`) before
# every layer.


# %%
def forward(theta, x, t):
    features = layers.time_features(t, 16, x.dtype)
    offsets = (features @ theta["time"]).reshape(len(x), 1, 1, DEPTH + 1, CHANNELS)
    hidden = [conv(x, theta["in"]) + offsets[..., 0, :]]
    for n in range(1, DEPTH + 1):
        hidden.append(hidden[-1] + conv(np.maximum(hidden[-1], 0), theta[f"block{n}"]) + offsets[..., n, :])
    return conv(np.maximum(hidden[-1], 0), theta["out"]) + theta["out bias"], (x, features, hidden)


noisy = digits[:3].astype(float)
out, _ = forward(first_params(np.random.default_rng(0), float), noisy, np.array([0.1, 0.5, 0.9]))
print(f"images {noisy.shape} to {out.shape}; untrained, all {np.abs(out).max():.0f}")

# %% [markdown]
# The backward pass goes through the same layers, the last one first. `dhidden` is the slope of the loss in the features. At a
# block it has two parts: one part goes back through the convolution and the ReLU (whose slope is 0 or 1), the other part stays as
# it is. An offset is added at every pixel, so its gradient is the sum over pixels.


# %%
def backward(theta, dout, saved):
    x, features, hidden = saved
    grads, doffsets = {"out bias": dout.sum(axis=(0, 1, 2))}, np.empty((len(x), DEPTH + 1, CHANNELS), x.dtype)
    dhidden, grads["out"] = conv_back(dout, np.maximum(hidden[-1], 0), theta["out"])
    dhidden = dhidden * (hidden[-1] > 0)
    for n in range(DEPTH, 0, -1):
        doffsets[:, n] = dhidden.sum(axis=(1, 2))
        through, grads[f"block{n}"] = conv_back(dhidden, np.maximum(hidden[n - 1], 0), theta[f"block{n}"])
        dhidden = dhidden + through * (hidden[n - 1] > 0)
    doffsets[:, 0] = dhidden.sum(axis=(1, 2))
    grads["in"] = conv_back(dhidden, x, theta["in"])[1]
    grads["time"] = features.T @ doffsets.reshape(len(x), -1)
    return grads


def squared_error(theta, x, t, target):
    out, saved = forward(theta, x, t)
    return np.mean((out - target) ** 2), backward(theta, 2 * (out - target) / out.size, saved)


# %% [markdown]
# One directional derivative checks all of it, in float64, over all parameters together. The target is noise, since the check
# works with any target. (The slope of a ReLU jumps at 0. The step is so small that hardly any feature changes its sign.) The last
# layer has random weights here. With zeros there, the gradients of all earlier layers would be zero.

# %%
draw = np.random.default_rng(3)
double = first_params(draw, float)
double["out"] = draw.standard_normal(double["out"].shape)
batch = digits[:4].astype(float), np.array([0.1, 0.4, 0.6, 0.9]), draw.standard_normal((4, 16, 16, 1))
along = {name: draw.standard_normal(value.shape) for name, value in double.items()}
_, grads = squared_error(double, *batch)
claim = sum(np.vdot(grads[name], along[name]) for name in double)
moved = ({name: double[name] + sign * 1e-6 * along[name] for name in double} for sign in (1, -1))
up, down = (squared_error(one, *batch)[0] for one in moved)
shown = (up - down) / 2e-6
print(f"the gradient says {claim:.4f}, the loss itself {shown:.4f}; relative error {abs(shown / claim - 1):.0e}")

# %% [markdown]
# ## What to take along
#
# - A convolution is nine shifted sums. Its backward pass is nine shifted sums too, with the shifts reversed. An adjoint is right
#   if two inner products agree.
# - One directional derivative in float64 checks a whole network. The error of a right gradient has the shape of a V against the
#   step size. The error of a wrong gradient stays high at every step.
# - Without normalisation over the image a pixel sees its receptive field, and nothing else. What a trained network *uses* of it
#   is smaller, and grows with the noise.
#
# **Try it.** (1) Leave out `* (hidden[n - 1] > 0)` in `backward` and run the directional derivative again. (2) Set `DEPTH = 1`
# and run everything from there: what is the receptive field, and how many parameters are left? (3) Is `conv_back` right for
# `mode="wrap"`, too? Check it by the inner products.
#
# <details><summary>Answers</summary>
#
# (1) The gradient says -481.1, the loss itself -515.0, a relative error of 0.07 in place of 2e-11. Without this check the mistake
# would be hard to find: the shapes fit, and there is no error message. (2) Each pixel sees 5 x 5 pixels, and 2,977 of 10,657
# parameters are left. The gradient is still right. (3) Yes. On a torus what lies beyond the border of `dout` is the other side of
# `dout`, as for `x`. The three inner products are equal in all digits but the last.
#
# </details>
#
# **Next:** [06b Training it, and when it beats a linear filter](06b_training.ipynb) trains this network. It answers what the
# network should predict, how Adam works, and at which noise levels a network can be better than the best linear denoiser.
