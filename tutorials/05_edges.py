# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 5. Edges: how padding tells a pixel where it is
#
# **Question.** Many networks pad their images with zeros. What does a pixel learn from that, and what becomes of the theory?
#
# **Time.** About 35 minutes to read, half a minute to run.
#
# **Equations.** The boundary-broken equivariant local score machine ([KG](reference.md#kg)), derived here.
#
# **Prerequisites.** NumPy; the ELS machine of tutorial [04](04_anywhere.ipynb). Letters and words are collected in the
# [reference](reference.md).

# %%
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch

import minidiff as md
from minidiff import theory
from minidiff.machines.windows import count_pairs
from minidiff.nets import layers

schedule = md.schedules.cosine()
images = md.datasets.glyphs(count=200)[0]
SIDE = images.shape[1]


def rolled(x):
    """Images (B, H, W, C), five pixels down and three to the left on the torus."""
    return np.roll(x, (5, -3), axis=(1, 2))


x = md.process.add_noise(images[:8], 0.5, schedule, rng=1)
for padding in ("circular", "zeros"):
    network = md.nets.load(f"glyphs-{padding}")
    gap = np.abs(network(rolled(x), 0.5) - rolled(network(x, 0.5))).max()
    print(f"trained network, padding {padding}: shift in against shift out, largest difference {gap:.1f}")

# %% [markdown]
# On a torus a convolution is equivariant to the bit. With zero padding it is not, though its weights are the same everywhere.
# Something tells the pixels where they are.
#
# ## What a zero-padded network can know
#
# Give a network an image without any content: the same value everywhere. Its weights are random, nothing is trained. If two
# output pixels differ, then only the padding can have made the difference. Sort the pixels into *kinds*: two pixels are of one
# kind if their outputs are equal. If all pixels of a kind lie in one row, then the output tells the row, and if they lie in one
# column, the column. The figure shows where the output tells both, one, or neither.
#
# **Predict first.** Which pixels will be told their place by one layer of $3 \times 3$? How many layers does it take until all
# 256 pixels of the image are told?


# %%
# alt: A frame of pixels that know their place grows inwards by one pixel with each layer; after 8 layers it fills the image.
def answers(depth, padding):
    """The last layer's output (H, W, 8) of `depth` random 3 x 3 convolutions on a constant image."""
    rng, layer = np.random.default_rng(depth), np.full((1, SIDE, SIDE, 1), 0.3)
    for _ in range(depth):
        weight = rng.standard_normal((3, 3, layer.shape[3], 8)) / np.sqrt(9 * layer.shape[3])
        layer = np.tanh(layers.conv2d(layer, weight, rng.standard_normal(8) / 10, padding=padding))
    return layer[0]


def numbered(values):
    """Number the different rows of (H, W, D), equal up to rounding, from 0: (H, W)."""
    _, number = np.unique(values.reshape(SIDE * SIDE, -1).round(9), axis=0, return_inverse=True)
    return number.reshape(SIDE, SIDE)


def told_of_place(kind):
    """How much the kind of each pixel tells of its place: 2 for row and column, 1 for one of them, 0 for neither."""
    places, told = np.indices(kind.shape), np.zeros(kind.shape, dtype=int)
    for number in np.unique(kind):
        told[kind == number] = sum(len(np.unique(axis[kind == number])) == 1 for axis in places)
    return told


depths, kinds = (1, 2, 4, 8), {}
colours = ("#f0f0f0", "#9ecae1", "#08519c")
fig, axes = plt.subplots(1, 4, figsize=(7.5, 2.6), layout="constrained")
for ax, depth in zip(axes, depths, strict=True):
    kinds[depth], torus = numbered(answers(depth, "zeros")), numbered(answers(depth, "circular"))
    told = told_of_place(kinds[depth])
    print(f"depth {depth}: {torus.max() + 1} kind of pixel on the torus, {kinds[depth].max() + 1:3} kinds with zero padding")
    ax.imshow(told, cmap=ListedColormap(colours), vmin=0, vmax=2)
    ax.set(xticks=[], yticks=[], title=f"depth {depth}")
    if (told == 0).any():
        ax.text(7.5, 7.5, f"{(told == 0).sum()} pixels\nlook alike", ha="center", va="center", fontsize=8)
names = ("neither row nor column", "row or column", "row and column")
patches = [Patch(facecolor=colour, edgecolor="black", label=name) for colour, name in zip(colours, names, strict=True)]
fig.legend(handles=patches, title="the output tells", loc="outside lower center", ncols=3, fontsize=8, title_fontsize=8)
plt.show()

# %% [markdown]
# <details><summary>Answer: what you have seen, and why</summary>
#
# One layer tells the outermost pixels: a window of $3 \times 3$ sticks out of the image only there, and the zeros in it make the
# output different. In a corner the output tells the row and the column, on an edge only one of them. Each further layer carries
# this one pixel inwards. With eight layers all pixels of a $16 \times 16$ image are told.
#
# </details>
#
# After $L$ layers a pixel nearer than $L$ to a border is told its distance to it. In the middle is a block of pixels that are
# told nothing. On a torus all pixels are of one kind, at every depth.
#
# ## The boundary rule
#
# What is the *best* denoiser with zero padding, then? Take a network of $L$ layers, which sees windows of side $k = 2 L + 1$, and
# let $h = (k - 1) / 2$ be the reach of a window to each side.
#
# **Step 1: what is seen.** A pixel sees its window, and where the window sticks out of the image it sees zeros. Under noise an
# exact zero inside the image has probability 0. So, with probability 1, exact zeros are padding, and the window shows which part
# of it is padding. Two pixels are of the same **padding class** if the same part of their windows is padding.
#
# **Step 2: the best guess.** The network has one function $\phi$ for all pixels (tutorial 04), but $\phi$ can first read the
# class off, and then use another function $\phi_c$ for each class $c$. So the error is a sum over classes, and in each term all
# pairs $(n, u)$ of an image and a place $u$ *of this class* have the same weight. Each $\phi_c$ may be chosen by itself, and the
# best one is the mean of tutorial 04 over the places of this class:
#
# $$
# \hat x_0[p] = \sum_{n}\; \sum_{u \text{ of } p\text{'s class}} w_{n,u}\, y_n[u], \qquad
# w = \operatorname{softmax}_{(n, u)} \left( - \frac{|x[\Omega_p] - a\, y_n[\Omega_u]|^2}{2 s^2} \right).
# $$
#
# This is **boundary-broken ELS** ([KG](reference.md#kg)). (The zeros of both windows are at the same places, so they add nothing
# to the distance.)
#
# **Step 3: the classes.** Rows and columns are padded independently, so look at one axis of $H$ pixels. The window of the pixel
# with index $i$ sticks out by $\max(0, h - i)$ at one end and by $\max(0, h - (H - 1 - i))$ at the other. If the first is not
# zero, it tells $i$; if the second is not zero, it tells $i$, too. If both are zero, the pixel is at least $h$ from both borders,
# and all such pixels look alike. So on each axis: **a pixel nearer than $h$ to a border may only be explained by candidates with
# the same index; any other pixel by every candidate that is at least $h$ from both borders.**
#
# Check step 1 by counting zeros, step 3 by padding an image of ones and comparing its windows, and the whole with the random
# networks above.


# %%
def may_explain(k):
    """Whether a candidate with index u on an axis may explain a pixel with index p: (p, u) booleans."""
    index = np.arange(SIDE)
    near = np.minimum(index, SIDE - 1 - index) < k // 2
    return (index[:, None] == index) | (~near[:, None] & ~near)


noisy = md.process.add_noise(images, 0.5, schedule, rng=0)
print(f"exact zeros among {noisy.size:,} noisy pixel values: {np.count_nonzero(noisy == 0)}\n")
for depth in depths:
    k = 2 * depth + 1
    axis = may_explain(k)
    classes = numbered(np.stack(np.broadcast_arrays(axis.argmax(axis=1)[:, None], axis.argmax(axis=1)), axis=2))
    seen = numbered(theory.windows(np.ones((SIDE, SIDE, 1)), k, "zeros"))
    same = [len(np.unique(np.stack([classes.ravel(), other.ravel()]), axis=1).T) for other in (seen, kinds[depth])]
    agree = same == [classes.max() + 1] * 2 == [seen.max() + 1, kinds[depth].max() + 1]
    print(f"k = {k:2}: {classes.max() + 1:3} padding classes; the same by the windows of ones and by depth {depth}: {agree}")

# %% [markdown]
# The rule, the windows and the random networks agree pixel by pixel.
#
# ## How many candidates are left?
#
# In the figure the numbers say how many places of each training image may explain a pixel there; brighter means more. The count
# is the product of the counts of the two axes, since the rule holds for each axis by itself.
#
# **Predict first.** How many candidates has a corner pixel, one in the middle of an edge, and one in the middle of the image, for
# $k = 5$? And for $k = 17$?

# %%
# alt: Corners have 1 candidate; edges and the middle have fewer the larger the window is; with k = 17 every pixel has 1.
fig, axes = plt.subplots(1, 4, figsize=(7.5, 2.3), layout="constrained")
for ax, k in zip(axes, (3, 5, 9, 17), strict=True):
    one_axis = may_explain(k).sum(axis=1)
    count = one_axis[:, None] * one_axis
    drawn = ax.imshow(count, cmap="viridis", norm="log", vmin=1, vmax=SIDE * SIDE)
    ax.set(xticks=[], yticks=[], title=f"k = {k}")
    edge = (k // 2 - 1) / 2 if k < 17 else 7.5
    for row, column, colour in ((edge, edge, "white"), (edge, 7.5, "white"), (7.5, 7.5, "black"))[: 3 if k < 17 else 1]:
        number = count[int(row), int(column)]
        ax.text(column, row, number, ha="center", va="center", color=colour, fontsize=8)
    print(f"k = {k:2}: candidates per image: corner {count[0, 0]}, middle of an edge {count[0, 8]:2}, middle {count[8, 8]:3}")
    print(f"        sum over pixels {count.sum():,}; the package counts {count_pairs(SIDE, SIDE, k, 'zeros'):,}")
fig.colorbar(drawn, ax=axes, label="candidates per image", shrink=0.75)
plt.show()

# %% [markdown]
# <details><summary>Answer: what you have seen, and why</summary>
#
# With $k = 5$, $h = 2$: a corner has 1 candidate, the middle of an edge 12 ($16 - 2h$ places of its row), the middle
# $12^2 = 144$. With $k = 17$, $h = 8$, every window of a $16 \times 16$ image sticks out at some end of each axis, and every
# pixel has 1.
#
# </details>
#
# With one candidate in each training image, its own place, ELS is the local score machine LS. So zero padding lies between ELS on
# a torus and LS, and a large window is nearer to LS.

# %%
local = md.LocalScore(images, schedule, window=17, boundary="zeros")
broken = md.EquivariantLocalScore(images, schedule, window=17, boundary="zeros")
gap = np.abs(local(noisy[:4], 0.5) - broken(noisy[:4], 0.5)).max()
print(f"k = 17: largest difference between LS and boundary-broken ELS: {gap}")

# %% [markdown]
# ## What the rule does to samples
#
# We compare three machines and two networks, on a data set with a clear edge: few glyphs touch the border. All start from the
# same noises: ELS on a torus, ELS with zeros, LS, and the trained networks that ship with the package (they saw 1,000 glyphs,
# the machines 200). Below the samples is the mean brightness as a function of the distance to the border, compared with the
# training set.
#
# **Predict first.** Which of the five will have black outermost pixels, as nearly all glyphs have? (Nobody told them to.)

# %%
# alt: On the torus strokes are cut by the edge of the picture, in machine and network; with zeros and in LS glyphs end inside it.
TABLE = (3, 3, 3, 5, 5, 7, 7, 9)
noise = md.process.unit_noise((16, SIDE, SIDE, 1), 3)
machines = {
    "ELS, torus": md.EquivariantLocalScore(images, schedule, window=TABLE),
    "ELS, zeros": md.EquivariantLocalScore(images, schedule, window=TABLE, boundary="zeros"),
    "LS": md.LocalScore(images, schedule, window=TABLE, boundary="zeros"),
    "network, torus": md.nets.load("glyphs-circular"),
    "network, zeros": md.nets.load("glyphs-zeros"),
}
samples = {}
for name, machine in machines.items():
    *_, last = md.process.ddim(machine, schedule, noise=noise, steps=20)
    samples[name] = last.x
fig, ax = plt.subplots(figsize=(7.5, 4), layout="constrained")
md.plots.rows([x[:10] for x in samples.values()], list(samples), ax=ax)
plt.show()

# %%
# alt: The two torus curves are nearly flat at -0.5; all others start at -0.95, as the training set, and rise together to -0.4.
index = np.arange(SIDE)
to_border = np.minimum(index, SIDE - 1 - index)
to_border = np.minimum(to_border[:, None], to_border)
fig, ax = plt.subplots(figsize=(7.5, 3), layout="constrained")
print("mean brightness at distance   0      1      2      3    from the border (-1 is black)")
styles = ("k-", "o-", "s-", "^-", "o:", "s:")
for style, colour, (name, x) in zip(styles, (None, 0, 4, 6, 0, 4), {"training set": images, **samples}.items(), strict=True):
    profile = [x[:, to_border == distance].mean() for distance in range(8)]
    colours = {} if colour is None else {"color": md.plots.PALETTE[colour]}
    ax.plot(profile, style, label=name, **colours)
    print(f"{name:25}", *(f"{value:6.2f}" for value in profile[:4]))
ax.set(xlabel="distance to the border (pixels)", ylabel="mean brightness")
ax.legend(fontsize=8, ncols=2)
plt.show()

# %% [markdown]
# <details><summary>Answer: what you have seen, and why</summary>
#
# ELS with zeros, LS, and the network with zeros. Their outermost pixels have candidates from the outermost row or column only,
# and these are black in nearly all glyphs. On a torus the border is like any other place: both lines with circles are nearly
# flat.
#
# </details>
#
# Further in, a pixel of boundary-broken ELS is told less of its place. LS is told it everywhere, but it need not be nearer to the
# data: it has only few patches for each pixel.
#
# ## Why not simply let the distance decide?
#
# Zero-padded windows could be compared without any rule: a window that is half padding is far from most windows that are not. Let
# us run both, and also the machine without the rule on windows that are padded by reflection or wrapped. We denoise *training*
# images, where the best denoiser of a class must have the least error, and look at the two outermost rows and columns.


# %%
def windows(images, k, mode):
    """The k x k window around each pixel, padded as np.pad's mode says: (N, H, W, k * k) for one channel."""
    d = k // 2
    padded = np.pad(images[..., 0], ((0, 0), (d, d), (d, d)), mode=mode)
    return np.lib.stride_tricks.sliding_window_view(padded, (k, k), axis=(1, 2)).reshape(*images.shape[:3], k * k)


def els(x, images, a, s, k, mode, rule):
    """The ELS estimate for one image (H, W, 1): candidates of p's own padding class if `rule`, else all."""
    seen, patches = windows(x[None], k, mode)[0], windows(images, k, mode)
    allowed, out = may_explain(k) | (not rule), np.empty_like(x)
    for i, j in np.ndindex(SIDE, SIDE):
        candidates, values = (stack[:, allowed[i]][:, :, allowed[j]] for stack in (patches, images))
        distance = ((seen[i, j] - a * candidates) ** 2).sum(axis=3)
        weight = np.exp(-(distance - distance.min()) / (2 * s * s))
        out[i, j] = (weight[..., None] * values).sum(axis=(0, 1, 2)) / weight.sum()
    return out


t, few = 0.7, images[:30]
a, s = np.float32(schedule.signal(t)), np.float32(schedule.noise(t))
noisy = md.process.add_noise(few[:6], t, schedule, rng=4)
package = md.EquivariantLocalScore(few, schedule, window=5, boundary="zeros")(noisy, t)
border = to_border < 2
print(f"mean squared error at t = {t}, k = 5              border   inside")
for mode, rule in (("constant", True), ("constant", False), ("reflect", False), ("wrap", False)):
    guess = np.stack([els(x, few, a, s, 5, mode, rule) for x in noisy])
    error = (guess - few[: len(guess)])[..., 0] ** 2
    who = "own class only" if rule else "all candidates"
    print(f"{mode:8} padding, {who:14}               {error[:, border].mean():9.2f} {error[:, ~border].mean():8.2f}")
    if rule:
        print(f"   (against the package: largest difference {np.abs(guess - package).max():.0e})")

# %% [markdown]
# Without the rule the error at the border is twice as large. Under noise the distance alone cannot tell padding from content: at
# this $t$ a value *near* zero is likely for any pixel. An *exact* zero is not, and a network can react to it.
#
# ## Why not simply reflect, or crop?
#
# *Reflect.* Reflection seems to hide the border, since no zeros appear. But a reflected window holds the same number twice, and
# two noisy pixels are equal with probability 0. So count the pixels in whose window a number appears twice. (And if a network
# ignores that, it makes the error of the third line of the table above.)
#
# **Predict first.** Which of these paddings tell a pixel that it is near the border: zeros ("constant"), reflection, repeating
# the edge, wrapping around?

# %%
for mode in ("constant", "reflect", "edge", "wrap"):
    ordered = np.sort(windows(noisy, 5, mode), axis=3)
    given_away = (np.diff(ordered, axis=3) == 0).any(axis=3)
    where = "all of them near the border" if given_away[:, border].all() and not given_away[:, ~border].any() else "nowhere"
    print(f"padding by {mode:8}: a number appears twice in the windows of {given_away[0].sum():3} of {SIDE**2} pixels, {where}")

# %% [markdown]
# <details><summary>Answer: what you have seen, and why</summary>
#
# All but wrapping: the 112 pixels of the two outermost rows and columns have a number twice. (With reflection this is due to the
# noise. In a constant image all numbers are equal anyway, and reflection tells nothing.) Only the torus tells nothing, and there
# the border is lost.
#
# </details>
#
# *Crop.* Sample on a torus and keep the middle, so that no seam is in the picture. Then a glyph ends where the picture ends only
# by chance, and strokes are cut.

# %%
for side in (16, 14, 12, 10):
    cut = (SIDE - side) // 2
    crop = samples["ELS, torus"][:, cut : SIDE - cut, cut : SIDE - cut]
    rim = np.concatenate([crop[:, 0], crop[:, -1], crop[:, 1:-1, 0], crop[:, 1:-1, -1]], axis=1)
    print(f"torus samples cropped to {side} x {side}: {(rim > 0).mean():4.0%} of the rim is bright, mean {rim.mean():.2f}")
rim = images[:, to_border == 0]
zeros_rim = samples["ELS, zeros"][:, to_border == 0]
print(f"training set:                      {(rim > 0).mean():4.0%} of the rim is bright, mean {rim.mean():.2f}")
print(f"ELS with zero padding:             {(zeros_rim > 0).mean():4.0%} of the rim is bright, mean {zeros_rim.mean():.2f}")

# %% [markdown]
# ## The same in theory.py
#
# In [theory.py](../minidiff/theory.py) the boundary rule is `padding_pattern` (lines 102 to 109), for one axis, and `places`
# (lines 112 to 115) puts the two axes together: one number for each padding class. `explain` (lines 160 to 163) then picks the
# candidates whose number is that of the pixel.

# %%
same = theory.denoise(theory.equivariant_local(few, 5, "zeros"), noisy[0], a, s)
print(f"largest difference from theory.denoise: {np.abs(els(noisy[0], few, a, s, 5, 'constant', True) - same).max():.0e}")

# %% [markdown]
# ## What to take along
#
# - Zero padding breaks equivariance: after $L$ layers a pixel nearer than $L$ to a border knows where it is.
# - The best denoiser of this kind explains a pixel by candidates of its own padding class (boundary-broken ELS). With a large
#   window that is LS.
# - It leaves fewer candidates at the border, and it gives samples a border like the data's. The torus cannot have one, and
#   neither can a crop of it.
# - Any padding that repeats or invents exact numbers tells the pixel its place, for exact coincidences have probability zero
#   under noise.
#
# **Try it.**
#
# 1. Use `md.datasets.digits(size=16)[0][:200]` and the networks `digits-zeros` and `digits-circular`. Digits touch the upper and
#    lower border. What do the profiles do now?
# 2. Replace `TABLE` by 3, then by 15. How does the profile of "ELS, zeros" move between torus and LS?
# 3. In `answers`, make the kernels 5 x 5 instead of 3 x 3. How many pixels further does each layer carry the knowledge of the
#    border now?
#
# <details><summary>Answers</summary>
#
# 1. The outermost pixels of the digits have the mean $-0.70$, since some are bright. ELS with zeros has $-0.71$, LS $-0.70$, the
#    network with zeros $-0.68$; on the torus the machine has $-0.33$ and the network $-0.29$. Zeros do not make a border black:
#    they tell where it is, and the training set says what is there.
# 2. With 3 it is right in the outermost row ($-0.94$) and flat from the third pixel on ($-0.38$ to $-0.47$). With 15 it is within
#    0.03 of LS in the first five pixels: nearly every pixel is told its place.
# 3. Two: there are 25, 81, 169 and 256 kinds after 1, 2, 3 and 4 layers, as after 2, 4, 6 and 8 layers of 3 x 3.
#
# </details>
#
# **Next:** [06 A network by hand](06_a_network_by_hand.ipynb)
