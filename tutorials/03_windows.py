# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 3. Windows: creativity from not seeing
#
# **Question.** The best denoiser only recites. What is the least that we must take away from it before it makes something new?
#
# **Time.** About 30 minutes to read, fifteen seconds to run.
#
# **Equations.** The local score machine, $\hat x_0[p] = \sum_n w_n[p]\, y_n[p]$ (KG); locally consistent points (KG, theorem
# 4.1).
#
# **Prerequisites.** Tutorials [01](01_noise_and_the_way_back.ipynb) and [02](02_the_ideal_denoiser_recites.ipynb).

# %% [markdown]
# ## Two pixels
#
# This is the smallest case. Images have two pixels; the training set is (black, black) and (white, white). Walk back from 1,000
# noises with the ideal denoiser, and then with one that guesses each pixel from that pixel alone.

# %%
import matplotlib.pyplot as plt
import numpy as np

import minidiff as md
from minidiff import theory

schedule = md.schedules.cosine()
pair = np.array([[-1.0, -1.0], [1.0, 1.0]], dtype=np.float32).reshape(2, 1, 2, 1)
noise = md.process.unit_noise((1000, 1, 2, 1), rng=0)
for name, machine in (
    ("whole image", md.IdealScore(pair, schedule)),
    ("each pixel alone", md.LocalScore(pair, schedule, window=1)),
):
    *_, last = md.process.ddim(machine, schedule, noise=noise, steps=20)
    ends, counts = np.unique(last.x.reshape(-1, 2).round().astype(int), axis=0, return_counts=True)
    print(
        f"{name:16s}:",
        ", ".join(f"{tuple(end.tolist())} {count / len(noise):.0%}" for end, count in zip(ends, counts, strict=True)),
    )

# %% [markdown]
# The second machine makes two images that nobody showed it, (black, white) and (white, black), each a quarter of the time. It
# was not told how to create. It was only kept from seeing that its two pixels disagree.
#
# ## A window
#
# Between the whole image and one pixel there are windows. The *local score machine* (LS, KG) gives every pixel $p$ a softmax of
# its own, in which only the $k \times k$ window around $p$ is compared:
#
# $$
# \hat x_0[p] = \sum_n w_n[p]\, y_n[p], \qquad
# w_n[p] = \mathrm{softmax}_n\left( -\frac{|x_{\text{window at } p} - a\, y_{n,\, \text{window at } p}|^2}{2 s^2} \right) .
# $$
#
# It is the best denoiser among all those that see no more than this window. Beyond the border a window sees zeros. In NumPy:

# %%
digits = md.datasets.digits(size=16)[0][:300]


def windows(images, k, beyond="constant"):
    d = k // 2
    padded = np.pad(images, ((0, 0), (d, d), (d, d), (0, 0)), mode=beyond)
    return np.lib.stride_tricks.sliding_window_view(padded, (k, k), axis=(1, 2))


def weights(x, t, k, images=digits, beyond="constant"):
    """The weight of each training image at each pixel, (N, H, W)."""
    a, s = float(schedule.signal(t)), float(schedule.noise(t))
    distance = ((windows(x[None], k, beyond) - a * windows(images, k, beyond)) ** 2).sum(axis=(3, 4, 5))
    w = np.exp(-(distance - distance.min(axis=0)) / (2 * s**2))
    return w / w.sum(axis=0)


def local(x, t, k, images=digits):
    return (weights(x, t, k, images)[..., None] * images).sum(axis=0)


for k in (1, 5, 11):
    machine = md.LocalScore(digits, schedule, window=k, boundary="zeros")
    x = md.process.add_noise(digits[3], 0.5, schedule, rng=1)
    print(f"k = {k:2d}: largest difference from md.LocalScore {np.abs(local(x, 0.5, k) - machine(x, 0.5)).max():.0e}")

# %% [markdown]
# The figure shows what one pixel sees. The frame in the noisy image on the left is its window of 7 x 7. Beside it are the
# training images whose windows at the same place weigh most; together they make the guess for this one pixel. They are alike
# inside the frame. Outside it they may be anything.

# %%
k, row, column, t = 7, 5, 8, 0.55
x = md.process.add_noise(digits[3], t, schedule, rng=1)
w = weights(x, t, k)[:, row, column]
top = np.argsort(-w)[:6]
fig, axes = plt.subplots(1, 7, figsize=(7.5, 1.7), layout="constrained")
md.plots.show(x, ax=axes[0], title=f"x, t = {t}")
for ax, n in zip(axes[1:], top, strict=True):
    md.plots.show(digits[n], ax=ax, title=f"w = {w[n]:.2f}")
for ax in axes:
    ax.add_patch(plt.Rectangle((column - k / 2, row - k / 2), k, k, fill=False, color=md.plots.PALETTE[5], linewidth=2))
plt.show()

# %% [markdown]
# ## From the same noise
#
# Start both machines from the same 64 noises and look at the first eight. In the middle is the training image nearest to the
# local machine's sample; the numbers above are the root-mean-square distances between the two.

# %%
noise = md.process.unit_noise((64, 16, 16, 1), rng=2)


def walk(denoiser, noise=noise, **options):
    return [*md.process.ddim(denoiser, schedule, noise=noise, **options)][-1].x


ideal = md.IdealScore(digits, schedule)
nine = md.LocalScore(digits, schedule, window=9, boundary="zeros")
recited, made = walk(ideal), walk(nine)
found = md.metrics.memorisation(made, digits, translations=False)
recital = md.metrics.memorisation(recited, digits, translations=False)
print(f"median distance to the nearest training image, ideal denoiser: {np.median(recital.distance):.2f}")
print(f"                                               window of 9:    {np.median(found.distance):.2f}")
print(f"median distance between two training images:                   {md.metrics.typical_distance(digits, False):.2f}")
fig, ax = plt.subplots(figsize=(7.5, 3), layout="constrained")
stacks = [made[:8], digits[found.nearest[:8]], recited[:8]]
heads = [f"{d:.2f}" for d in found.distance[:8]]
md.plots.rows(stacks, ["window of 9", "nearest to it", "whole image"], ax=ax, heads=heads)
plt.show()

# %% [markdown]
# ## Where does each pixel come from?
#
# At the end of the walk, without noise, each pixel is the pixel of *one* training image, the one with the nearest window: its
# provenance. Colour every pixel by its image. Neighbours whose windows overlap mostly agree on an image, and so the sample
# falls into pieces: a patch mosaic. To the right are the training images that gave most, with what was cut out of them.

# %%
index = 0
pieces, source = md.metrics.mosaic(nine, made), nine.provenance(made, 0.0)
control = md.metrics.mosaic(nine, recited)
print(f"training images in a sample through the window, median: {np.median(pieces.images_used):.0f}")
print(f"in a sample of the ideal denoiser, at most:             {control.images_used.max()}")
fig, axes = plt.subplots(1, 7, figsize=(9, 1.7), layout="constrained")
md.plots.provenance(made[index], source, pieces, digits, axes=axes, index=index)
plt.show()

# %% [markdown]
# ## What the window's size does
#
# Each column is one noise and each row is one window, from a single pixel to the whole image (a window of 31 covers 16 x 16
# from every pixel). On the right are medians over the 64 samples.

# %%
sides = (1, 3, 5, 7, 9, 11, 13, 31)
stacks, distance, used = [], [], []
for k in sides:
    machine = md.LocalScore(digits, schedule, window=k, boundary="zeros")
    x = walk(machine)
    stacks.append(x)
    distance.append(np.median(md.metrics.memorisation(x, digits, translations=False).distance))
    used.append(np.median(md.metrics.mosaic(machine, x).images_used))
    print(f"k = {k:2d}: distance to the nearest training image {distance[-1]:.2f}, training images used {used[-1]:.0f}")
print(f"window of 31 against the ideal denoiser: largest difference {np.abs(stacks[-1] - recited).max():.0e}")

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 4.6), width_ratios=(1.3, 1), layout="constrained")
md.plots.rows([x[:8] for x in stacks], [f"k = {k}" for k in sides[:-1]] + ["whole\nimage"], ax=left)
right.plot(sides, distance, "o-", color="#0072B2")
right.set_xlabel("window side k (pixels)")
right.set_ylabel("distance to the nearest training image", color="#0072B2")
twin = right.twinx()
twin.semilogy(sides, used, "s--", color="#D55E00")
twin.set_ylabel("training images used by a sample", color="#D55E00")
plt.show()

# %% [markdown]
# At one end there is noise, at the other end recitation. In between are pictures made of true parts in a new arrangement.
# Nothing was added to the ideal denoiser to get them; something was hidden from it.
#
# ## How much is possible?
#
# For the smallest training set, one black image and one white one, everything can be counted (KG's toy check; the counts are
# ours). Take a torus, so that there is no border, and $k = 3$. KG's theorem 4.1: where the walk settles, every pixel equals the
# centre of the nearest patch. Here there are two patches, all black and all white, so *every pixel equals the majority of its
# window*. Try all $2^{16}$ images of 4 x 4:

# %%
side = 4
every = (np.arange(2 ** (side * side))[:, None] >> np.arange(side * side) & 1).reshape(-1, side, side) * 2 - 1
votes = sum(np.roll(every, (i, j), axis=(1, 2)) for i in (-1, 0, 1) for j in (-1, 0, 1))
consistent = every[(np.sign(votes) == every).all(axis=(1, 2))][..., None].astype(float)
machine = md.LocalScore(md.datasets.two_tone(size=side)[0].astype(float), schedule, window=3)
print(f"{len(consistent)} of {len(every):,} images obey the majority rule")
print(f"that do not move under the machine at t = 0: {(md.metrics.local_consistency(machine, consistent, 0) == 1).sum()}")


def class_of(image):
    """The same for an image, its shifts, and the same with black and white exchanged."""
    shifts = [np.roll(sign * image, (i, j), (0, 1)).tobytes() for sign in (1, -1) for i in range(side) for j in range(side)]
    return min(shifts)


kinds = list({class_of(image): image for image in consistent}.values())
print(f"up to shifts and exchanging black and white: {len(kinds)}")
fig, ax = plt.subplots(figsize=(7.5, 1.2), layout="constrained")
md.plots.grid(np.stack(kinds) * 0.8, columns=len(kinds), ax=ax)
plt.show()

# %% [markdown]
# There are two training images, and 188 pictures in which no window shows anything wrong. For larger tori count row by row:
# whether a row obeys depends only on the row above and the row below. Put a 1 where three rows fit together, chain the rows
# around the torus, and the number of images is the trace of a matrix power.


# %%
def count_consistent(side):
    rows = (np.arange(2**side)[:, None] >> np.arange(side) & 1) * 2 - 1
    three = rows + np.roll(rows, 1, axis=1) + np.roll(rows, -1, axis=1)
    votes = three[:, None, None] + three[:, None] + three
    fits = (np.sign(votes) == rows[:, None]).all(axis=-1).astype(float)
    chain = np.einsum("abc,bd->abdc", fits, np.eye(2**side)).reshape(4**side, 4**side)
    return round(np.trace(np.linalg.matrix_power(chain, side)))


for side in (3, 4, 5):
    print(f"torus of side {side}: {count_consistent(side):5d} locally consistent images of {2 ** (side * side):,}")

# %% [markdown]
# The theorem says where a walk may end, not how often. Walk from noise on a torus of 16 x 16 to see. Two training images, and
# every sample is new. (The steps get finer towards the end, so that the pixels can settle.)

# %%
late = np.append(np.geomspace(1, 1e-2, 30), 0)
two_tone = md.datasets.two_tone(size=16)[0]
torus_noise = md.process.unit_noise((16, 16, 16, 1), rng=3)
x = walk(md.LocalScore(two_tone, schedule, window=3), torus_noise, times=late)
print(f"samples that are one of the two training images: {(np.abs(x.mean(axis=(1, 2, 3))) > 0.99).sum()} of {len(x)}")
print(f"pixels that are black or white: {(np.abs(x) > 0.99).mean():.0%}")
fig, ax = plt.subplots(figsize=(7.5, 2), layout="constrained")
md.plots.grid(0.8 * x, ax=ax)
plt.show()

# %% [markdown]
# ## Why not simply a window of 1?
#
# If hiding more creates more, hide everything but the pixel itself. Then every pixel is chosen by itself, and the picture is
# right at each place and wrong between places. Measure the correlation of a pixel with its right-hand neighbour, both taken as
# deviations from the mean image.

# %%
mean_image = digits.mean(axis=0)


def neighbours(x):
    deviation = x - mean_image
    return np.corrcoef(deviation[:, :, :-1].ravel(), deviation[:, :, 1:].ravel())[0, 1]


print(f"training set   : {neighbours(digits):.2f}")
for k in (1, 3, 9):
    x = walk(md.LocalScore(digits, schedule, window=k, boundary="zeros"))
    print(f"window of {k}    : {neighbours(x):.2f}")

# %% [markdown]
# A window of 3 is already enough to bring this correlation back. What a window keeps is exactly what fits inside it.
#
# ## Why not simply average patches?
#
# The machine uses a window of $k \times k$ to guess only its centre. That seems wasteful: the same softmax gives a guess for
# the whole patch. Guess every patch, and let each pixel be the average of the guesses of all patches that cover it. This is a
# known way to denoise photographs, and it is easy to write, because to average over patches is to average the weights over a
# box:


# %%
def patch_average(x, t, k, images=digits, beyond="constant"):
    w = weights(x, t, k, images, beyond)[..., None]
    covered = windows(np.ones_like(w[:1]), k, "constant" if beyond == "constant" else "wrap").sum(axis=(-2, -1))
    return (windows(w, k, beyond).sum(axis=(-2, -1)) / covered * images).sum(axis=0)


print("mean squared error    averaged patches of 3    LS, window 3    LS, window 5")
for t in (0.2, 0.4, 0.6, 0.8):
    clean = digits[:60]
    x = md.process.add_noise(clean, t, schedule, rng=5)
    guesses = [np.stack([patch_average(one, t, 3) for one in x])]
    guesses += [md.LocalScore(digits, schedule, window=k, boundary="zeros")(x, t) for k in (3, 5)]
    errors = [((guess - clean) ** 2).mean() for guess in guesses]
    print(f"t = {t} {errors[0]:38.4f} {errors[1]:15.4f} {errors[2]:15.4f}")

# %% [markdown]
# The honest comparison is with the last column. A pixel's average is over patches that reach two pixels to each side, so it
# depends on 5 x 5 pixels; and of all guesses that see 5 x 5 pixels, the LS machine with $k = 5$ is the best. Averaging looks
# farther than a window of 3, and uses what it sees less well than a window of 5.
#
# It also makes greys. At a seam between two pieces the patches disagree, and their average is in neither training image. Walk
# back with it on the two tones:


# %%
def averaged(x, t):
    return np.stack([patch_average(one, t, 3, two_tone, "wrap") for one in x])


start = torus_noise[:8]
ends = {
    "LS": walk(md.LocalScore(two_tone, schedule, window=3), start, times=late),
    "averaged\npatches": walk(averaged, start, times=late),
}
for name, x in ends.items():
    print(f"{' '.join(name.split()):16s}: pixels that are neither black nor white {(np.abs(x) < 0.9).mean():.0%}")
fig, ax = plt.subplots(figsize=(7.5, 2.1), layout="constrained")
md.plots.rows([0.8 * x for x in ends.values()], list(ends), ax=ax)
plt.show()

# %% [markdown]
# ## The window may change on the way
#
# Nothing forces $k$ to be the same at all times. Trained networks look far when the noise is high and near when it is low (KG
# measure it; tutorial [07](07_the_theory_predicts.ipynb) does too). A list of windows, from least to most noise, does this
# here. Compare it with its two ends, from the same noises. The large windows are used only at high noise, yet they change the
# whole picture: the correlation with the sample of window 13 rises. (Correlations of the deviations from the mean image,
# medians.)

# %%
tables = {"falling": [3, 3, 5, 5, 7, 9, 11, 13], "3 all the way": [3], "13 all the way": [13]}
stacks = [walk(md.LocalScore(digits, schedule, window=table, boundary="zeros")) for table in tables.values()]
falling, small, large = (x - mean_image for x in stacks)
for name, x in (("3 all the way", small), ("falling", falling)):
    print(f"{name:13s}: correlation with 13 all the way {np.median(md.metrics.agreement(x, large).r):.2f}")
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 2.6), width_ratios=(2.6, 1), layout="constrained")
md.plots.rows([x[:8] for x in stacks], list(tables), ax=left)
md.plots.scale_table(tables["falling"], ax=right)
plt.show()

# %% [markdown]
# ## The same in theory.py
#
# In [theory.py](../minidiff/theory.py) the windows of this tutorial are `windows` (lines 88 to 94), and the machine is the rule
# `local` (lines 147 to 149): each pixel has a place of its own, and only candidates of that place may explain it. The softmax and
# the mean, `denoise` (lines 185 to 200), are those of the ideal denoiser, for each pixel by itself.

# %%
few, t, x = digits[:20], 0.5, md.process.add_noise(digits[3], 0.5, schedule, rng=1)
same = theory.denoise(theory.local(few, 5, "zeros"), x, float(schedule.signal(t)), float(schedule.noise(t)))
print(f"largest difference from theory.denoise: {np.abs(local(x, t, 5, few) - same).max():.0e}")

# %% [markdown]
# ## What to take along
#
# - Let each pixel see a window instead of the image: the same softmax then mixes training images, place by place, into patch
#   mosaics.
# - The window's size leads from noise over new pictures to recitation. Inside a window things fit together as they do in
#   training images; beyond it nothing is promised.
# - Even two training images allow very many pictures. Which ones are possible can be counted; how often each is made does not
#   follow from that count.
# - So far a pixel can only use what training images have *at its own place*. A network that slides one filter over a torus does
#   not even know its place.
#
# **Try it.** Use 30 digits instead of 300, or `md.datasets.photo(count=200)[0]`: which windows recite? Count the torus of side
# 6 (it takes half a gigabyte and some seconds). Give the walk on the torus 20 even steps instead of `late`, and look for pixels
# that did not settle.
#
# **Play.** `minidiff explore` writes a page for your browser. In its part c you drag the window from one pixel to the whole
# image, and in part e each pixel may be explained by its own place only, as here.
#
# **Next:** [04 Anywhere: equivariance and the ELS machine](04_anywhere.ipynb)
