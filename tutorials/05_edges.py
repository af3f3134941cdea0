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
# **Question.** Most networks pad their images with zeros. What does a pixel learn from that, and what becomes of the theory?
#
# **Time.** About 25 minutes to read, half a minute to run.
#
# **Equations.** The boundary-broken equivariant local score machine (KG); the softmax over candidates (KG).
#
# **Prerequisites.** NumPy; the ELS machine of tutorial [04](04_anywhere.ipynb).

# %%
import matplotlib.pyplot as plt
import numpy as np

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
# output pixels differ, then the padding told them apart. Each colour below is a set of pixels with the same output; grey is the
# middle, which cannot be told apart.


# %%
def answers(depth, padding):
    """The last layer's output (H, W, 8) of `depth` random 3 x 3 convolutions on a constant image."""
    rng, h = np.random.default_rng(depth), np.full((1, SIDE, SIDE, 1), 0.3)
    for _ in range(depth):
        weight = rng.standard_normal((3, 3, h.shape[3], 8)) / np.sqrt(9 * h.shape[3])
        h = np.tanh(layers.conv2d(h, weight, rng.standard_normal(8) / 10, padding=padding))
    return h[0]


def numbered(values):
    """Number the different rows of (H, W, D), equal up to rounding, from 0: (H, W)."""
    _, number = np.unique(values.reshape(SIDE * SIDE, -1).round(9), axis=0, return_inverse=True)
    return number.reshape(SIDE, SIDE)


depths, told = (1, 2, 4, 8), {}
for depth in depths:
    told[depth] = numbered(answers(depth, "zeros"))
    torus = numbered(answers(depth, "circular"))
    print(f"depth {depth}: {torus.max() + 1} kind of pixel on the torus, {told[depth].max() + 1:3} kinds with zero padding")
fig, axes = plt.subplots(1, 4, figsize=(7.5, 2.2), layout="constrained")
shuffled = np.random.default_rng(1).permutation(SIDE * SIDE).astype(float)
for ax, depth in zip(axes, depths, strict=True):
    lost = (told[depth] == told[depth][8, 8]) & (depth < 8)
    ax.imshow(np.where(lost, np.nan, shuffled[told[depth]]), cmap="viridis", vmin=0, vmax=SIDE * SIDE)
    ax.set(xticks=[], yticks=[], facecolor="lightgrey", title=f"depth {depth}")
plt.show()

# %% [markdown]
# After one layer a pixel at the border is told apart from the rest, and from those at the other borders. Each further layer
# carries this knowledge one pixel inwards: after $L$ layers a pixel nearer than $L$ to a border knows its distance to it. In
# the middle is a block of pixels that know nothing yet, and with eight layers it is gone: all 256 pixels of a 16 x 16 image are
# told apart.
#
# ## The boundary rule
#
# So the best denoiser with zero padding has more to use than the window's content: it sees *how much of the window is padding*.
# And it can be sure of it. A noisy pixel is never exactly zero, so exact zeros can only be padding. Two pixels are in the same
# **padding class** if the same part of their window is padding. KG's boundary-broken ELS is the best denoiser that knows its
# class: a pixel is explained by patches of its own class only.
#
# In each axis separately, with $d = (k - 1) / 2$: a pixel nearer than $d$ to a border may only be explained by candidates with
# the same index on that axis; any other pixel by every candidate that is at least $d$ from both borders.


# %%
def may_explain(k):
    """Whether a candidate with index u on an axis may explain a pixel with index p: (p, u) booleans."""
    index = np.arange(SIDE)
    near = np.minimum(index, SIDE - 1 - index) < k // 2
    return (index[:, None] == index) | (~near[:, None] & ~near)


noisy = md.process.add_noise(images, 0.5, schedule, rng=0)
print(f"exact zeros among {noisy.size:,} noisy pixel values: {np.count_nonzero(noisy == 0)}\n")
for depth in depths:
    axis = may_explain(2 * depth + 1)
    kind = numbered(np.stack(np.broadcast_arrays(axis.argmax(axis=1)[:, None], axis.argmax(axis=1)), axis=2))
    pairs = len(np.unique(np.stack([kind.ravel(), told[depth].ravel()]), axis=1).T)
    same = pairs == kind.max() + 1 == told[depth].max() + 1
    print(f"k = {2 * depth + 1:2}: {kind.max() + 1:3} padding classes; the same sets that depth {depth} tells apart: {same}")

# %% [markdown]
# The rule and the random networks agree pixel by pixel: $L$ layers of $3 \times 3$ have a receptive field $k = 2 L + 1$.
#
# ## How many candidates are left?
#
# A corner pixel can be explained by one place in each training image, an edge pixel by a row of them, an inner pixel by the
# whole interior. In the figure brighter means more, on a logarithmic scale. The count is the product of two axes' counts, since
# the rule holds for each axis by itself.

# %%
fig, axes = plt.subplots(1, 4, figsize=(7.5, 2.3), layout="constrained")
for ax, k in zip(axes, (3, 5, 9, 17), strict=True):
    one_axis = may_explain(k).sum(axis=1)
    count = one_axis[:, None] * one_axis
    drawn = ax.imshow(count, cmap="viridis", norm="log", vmin=1, vmax=SIDE * SIDE)
    ax.set(xticks=[], yticks=[], title=f"k = {k}")
    print(f"k = {k:2}: candidates per image: corner {count[0, 0]}, middle of an edge {count[0, 8]:2}, middle {count[8, 8]:3}")
    print(f"        sum over pixels {count.sum():,}; the package counts {count_pairs(SIDE, SIDE, k, 'zeros'):,}")
fig.colorbar(drawn, ax=axes, label="candidates per image", shrink=0.75)
plt.show()

# %% [markdown]
# At $k = 17$ every window of a 16 x 16 image touches a border on each axis. No interior is left, and each pixel can only be
# explained by its own place. That is the local score machine, LS. So zero padding lies between ELS on a torus and LS, and a large
# window is nearer to LS.

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
# training set. Look at the outermost pixels.

# %%
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
index = np.arange(SIDE)
to_border = np.minimum(index, SIDE - 1 - index)
to_border = np.minimum(to_border[:, None], to_border)
fig, ax = plt.subplots(figsize=(7.5, 3), layout="constrained")
print("mean brightness at distance   0      1      2      3    from the border (-1 is black)")
styles = ("k-", "o-", "s-", "^-", "o:", "s:")
for style, colour, (name, x) in zip(styles, (None, 5, 4, 2, 5, 4), {"training set": images, **samples}.items(), strict=True):
    profile = [x[:, to_border == distance].mean() for distance in range(8)]
    colours = {} if colour is None else {"color": md.plots.PALETTE[colour]}
    ax.plot(profile, style, label=name, **colours)
    print(f"{name:25}", *(f"{value:6.2f}" for value in profile[:4]))
ax.set(xlabel="distance to the border (pixels)", ylabel="mean brightness")
ax.legend(fontsize=8, ncols=2)
plt.show()

# %% [markdown]
# On a torus the border is like any other place: the dotted and the full line with circles are nearly flat. With zero padding the
# outermost rows are right, in the machine as in the network, though nobody ever told it to keep the border black. Further in,
# boundary-broken ELS knows less and less of its place, and LS, which knows it everywhere, need not be nearer to the data: it has
# few patches for each pixel.
#
# ## Why not simply let the distance decide?
#
# Zero-padded windows could be compared without any rule: a window that is half padding is far from most windows that are not. Let
# us run both, and also the rule-free machine on windows that are padded by reflection or wrapped. We denoise *training* images,
# where the best denoiser of a class must have the least error, and look at the two outermost rows and columns.


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
# Under noise the distance alone cannot tell padding from content: at this $t$ a zero is a likely value of any pixel. But
# *exactly* zero is not, and a network can see that. The rule is what the best denoiser must use.
#
# ## Why not simply reflect, or crop?
#
# *Reflect.* It seems to hide the border, since no zeros appear. But a reflected window holds the same number twice, and two noisy
# pixels are never exactly equal. So count the pixels in whose window a number appears twice. (And if the network ignores that,
# the border is simply wrong: see the table above.)

# %%
for mode in ("constant", "reflect", "edge", "wrap"):
    ordered = np.sort(windows(noisy, 5, mode), axis=3)
    given_away = (np.diff(ordered, axis=3) == 0).any(axis=3)
    where = "all of them near the border" if given_away[:, border].all() and not given_away[:, ~border].any() else "nowhere"
    print(f"padding by {mode:8}: a number appears twice in the windows of {given_away[0].sum():3} of {SIDE**2} pixels, {where}")

# %% [markdown]
# Each of these paddings but the torus reveals the border (reflection only because of the noise: on a constant image it shows
# nothing). Only the torus reveals nothing, and there the border is lost.
#
# *Crop.* Sample on a torus and keep the middle, so that no seam is in the picture. Whether the picture then ends where a glyph
# ends is left to chance: strokes are cut.

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
# - In theory: a pixel is explained by candidates of its own padding class (KG's boundary-broken ELS). With a large window that is
#   LS.
# - It leaves fewer candidates at the border, and it gives samples a border like the data's. The torus cannot have one, and
#   neither can a crop of it.
# - Any padding that repeats or invents exact numbers tells the pixel its place, for exact coincidences have probability zero
#   under noise.
#
# **Try it.**
#
# - Use `md.datasets.digits(size=16)[0][:200]` and the networks `digits-zeros` and `digits-circular`. Digits touch the upper and
#   lower border. What do the profiles do now?
# - Replace `TABLE` by 3, then by 15. How does the profile of "ELS, zeros" move between torus and LS?
# - In `answers`, make the kernels 5 x 5 instead of 3 x 3. How many pixels further does each layer carry the knowledge of the
#   border now?
#
# **Next:** [06 A network by hand](06_a_network_by_hand.ipynb)
