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
# **Time.** About 40 minutes to read, twenty seconds to run.
#
# **Equations.** The local score machine, $\hat x_0[p] = \sum_n w_n[p]\, y_n[p]$, and locally consistent points
# ([KG](reference.md#kg)). Both are derived here.
#
# **Prerequisites.** Tutorials [01](01_noise_and_the_way_back.ipynb) and [02](02_the_ideal_denoiser_recites.ipynb). Letters and
# words are collected in the [reference](reference.md).

# %% [markdown]
# ## Two pixels
#
# This is the smallest case. Images have two pixels; the training set is (black, black) and (white, white), written as $(-1, -1)$
# and $(1, 1)$. Walk back from 1,000 noises with the ideal denoiser, and then with one that guesses each pixel from that pixel
# alone.
#
# **Predict first.** Which images will each of the two make, and how often?

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
# <details><summary>Answer: what you have seen, and why</summary>
#
# The ideal denoiser makes the two training images, each about half of the time. The second machine makes all four images, each
# about a quarter of the time: each pixel chooses black or white by itself, and nothing links the two choices.
#
# </details>
#
# The second machine makes two images that nobody showed it, (black, white) and (white, black). It was not told how to create. It
# was only kept from seeing that its two pixels disagree.
#
# ## A window
#
# Between the whole image and one pixel there are windows. The *local score machine* (LS, [KG](reference.md#kg)) gives every pixel
# $p$ a softmax of its own, in which only the $k \times k$ window around $p$ is compared. Write $\Omega_p$ for the pixels of this
# window, and $x[\Omega_p]$ for what $p$ sees of $x$. Then
#
# $$
# \hat x_0[p] = \sum_n w_n[p]\, y_n[p], \qquad
# w_n[p] = \mathrm{softmax}_n\left( -\frac{|x[\Omega_p] - a\, y_n[\Omega_p]|^2}{2 s^2} \right) .
# $$
#
# ## Why this is the best denoiser that sees a window
#
# Let each pixel $p$ have a function $f_p$ of its window, $\hat x_0[p] = f_p(x[\Omega_p])$, and let us choose these functions so
# that the mean squared error is smallest. The error is a sum over pixels, and each $f_p$ occurs in one term only. So each may be
# chosen by itself. By [tutorial 01](01_noise_and_the_way_back.ipynb), the best guess of a number from what is seen is its mean
# given what is seen:
#
# $$
# f_p(x[\Omega_p]) = E\big[\, x_0[p] \,\big|\, x[\Omega_p] \,\big] = \sum_n \Pr(n \mid x[\Omega_p])\; y_n[p] .
# $$
#
# It remains to find the probabilities, as in [tutorial 02](02_the_ideal_denoiser_recites.ipynb). The noise of each pixel is
# independent of all others. So the noise *inside* the window is a normal variable by itself, and what is outside does not enter:
# seeing $x[\Omega_p]$, if the image is $n$, has a density proportional to $e^{-|x[\Omega_p] - a\, y_n[\Omega_p]|^2 / 2 s^2}$.
# Every image has the prior $1/N$. Bayes' rule gives the softmax above. Nothing was assumed about the images.
#
# Beyond the border a window sees zeros. In NumPy:

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
# Is it the best? [Tutorial 01](01_noise_and_the_way_back.ipynb) says more: any other function of the window has its distance to
# LS as extra error. Hold two other guesses against it at one pixel. Both see the same $3 \times 3$ window: the pixel of the
# training image whose window is *nearest*, and the best *linear* function of these nine numbers, fitted to these very samples.
# The kit of laws has this law too, for any function of the window (*orthogonality*). Hold against it LS, and then ELS, the
# machine of tutorial [04](04_anywhere.ipynb), which sees the same windows but does not know their places.

# %%
clean, t, row, column = np.tile(digits, (40, 1, 1, 1)), 0.5, 5, 8
a, s = float(schedule.signal(t)), float(schedule.noise(t))
cut = np.s_[:, row - 1 : row + 2, column - 1 : column + 2, 0]
seen = md.process.add_noise(clean, t, schedule, rng=4)[cut].reshape(-1, 9)
keys, values, truth = digits[cut].reshape(-1, 9), digits[:, row, column, 0], clean[:, row, column, 0]
squares = np.stack([((seen - a * key) ** 2).sum(axis=1) for key in keys], axis=1)
w = np.exp(-(squares - squares.min(axis=1, keepdims=True)) / (2 * s**2))
guesses = {"LS": w @ values / w.sum(axis=1), "nearest": values[squares.argmin(axis=1)]}
nine = np.column_stack([seen, np.ones(len(seen))])
guesses["linear"] = nine @ np.linalg.lstsq(nine, truth, rcond=None)[0]
smallest = ((guesses["LS"] - truth) ** 2).mean()
for name, guess in guesses.items():
    error, apart = ((guess - truth) ** 2).mean(), ((guess - guesses["LS"]) ** 2).mean()
    print(f"{name:7s}: error {error:.4f}, above LS {error - smallest:.4f}, distance to LS {apart:.4f}")
practice = md.testing.practice_images()
for machine in (md.LocalScore, md.EquivariantLocalScore):
    one = machine(practice, schedule, window=3, boundary="zeros")
    law = md.testing.orthogonality(one, practice, schedule, claims="LS", window=3, boundary="zeros")
    print(f"{machine.__name__} as the best function of 3 x 3 at each place: the law {'holds' if law.held else 'is broken'}")

# %% [markdown]
# The next figure shows what one pixel sees. The frame in the noisy image on the left is its window of 7 x 7. Beside it are the
# training images whose windows at the same place weigh most; together they make the guess for this one pixel.
#
# **Predict first.** In which part will these training images be alike, and in which not?

# %%
# alt: Inside the frame all six training digits look alike, bright with a dark side; outside it they are different digits.
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
# <details><summary>Answer: what you have seen, and why</summary>
#
# They are alike inside the frame, since only what is inside is compared. Outside it they may be anything: different digits share
# the guess for this pixel.
#
# </details>
#
# ## From the same noise
#
# Start both machines from the same 64 noises and look at the first eight. In the middle is the training image nearest to the
# local machine's sample; the numbers above are the root-mean-square distances between the two.

# %%
# alt: Samples of the window look like digits, but differ visibly from the nearest training image; below, the whole image recites.
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
# alt: The sample falls into 14 coloured pieces; each is cut out of another training digit, at the same place in the image.
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
#
# **Predict first.** From which window on will you read digits? At which end is a sample farther from every training image?

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
# alt: k = 1 gives noise, k = 3 and 5 give bent strokes, 13 nearly the training digits; distance and images used fall with k.
names = [str(k) for k in sides[:-1]] + ["all"]
panels = [["samples", "distance"], ["samples", "used"]]
fig, axes = plt.subplot_mosaic(panels, figsize=(9, 4.6), width_ratios=(1.3, 1), layout="constrained")
left, top, bottom = axes["samples"], axes["distance"], axes["used"]
md.plots.rows([x[:8] for x in stacks], [f"k = {k}" for k in sides[:-1]] + ["whole\nimage"], ax=left)
for ax, values, what in (
    (top, distance, "distance to the nearest\ntraining image"),
    (bottom, used, "training images\nin a sample"),
):
    ax.plot(names[:-1], values[:-1], "o-", color="black")
    ax.plot(names[-1:], values[-1:], "s", color="black")
    ax.set_ylabel(what)
top.set_ylim(bottom=-0.03)
bottom.set_yscale("log")
bottom.set_xlabel("window side k (pixels); all: the whole image")
plt.show()

# %% [markdown]
# <details><summary>Answer: what you have seen, and why</summary>
#
# With one pixel nothing fits together. With $k = 3$ there are already strokes, with $k = 9$ most samples can be read. A sample of
# a small window is far from every training image, since its pixels come from many (97 images with $k = 3$). A sample of the whole
# image is a training image. Far from all training images means "new", and not "good": the noise of $k = 1$ is the newest of all.
#
# </details>
#
# At one end there is noise, at the other end recitation. In between are pictures made of true parts in a new arrangement.
# Nothing was added to the ideal denoiser to get them; something was hidden from it.
#
# ## Where a walk can end
#
# Suppose the walk settles: as $t$ goes to 0, $x$ comes to rest at an image $x^*$. At the end $a = 1$, and the last step replaces
# $x$ by the guess, so $x^*[p]$ is the limit of the guess at $p$. There $s$ goes to 0, and the softmax of each pixel gives all
# weight to the training image whose window is nearest (as in tutorial 02, but for each pixel by itself). So
#
# $$
# x^*[p] = y_n[p] \quad\text{for the } n \text{ with the smallest } |x^*[\Omega_p] - y_n[\Omega_p]| .
# $$
#
# **Every pixel equals the centre of the patch nearest to its own window.** KG call such an image *locally consistent*. (If two
# patches are equally near, it may also be a mean of their centres.)
#
# ## How much is possible?
#
# For the smallest training set, one black image and one white one, everything can be counted. Take a torus, so that there is no
# border, and $k = 3$. There are two patches, all black and all white. The nearest one has the colour of most of the nine pixels.
# So an image is locally consistent if *every pixel equals the majority of its window*. Try all $2^{16}$ images of 4 x 4.
#
# **Predict first.** How many images obey this rule? Two, a handful, or hundreds? Can you draw one that is not of one colour?

# %%
# alt: Fourteen small tiles: one of a single colour, bands, corners, steps, and a chessboard as the last.
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
# <details><summary>Answer: what you have seen, and why</summary>
#
# 188: the two training images, and 186 others. A black band two pixels wide is one: at its edge a pixel sees six black and three
# white pixels of nine.
#
# </details>
#
# There are two training images, and 188 images in which every pixel agrees with its window. For larger tori count row by row:
# whether a row obeys depends only on the row above and the row below. Make a matrix with a 1 where three rows fit together. The
# number of images is the trace of a power of this matrix, since the last row must fit to the first.


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
# The count says where a walk may end, not how often it ends there. Walk from noise on a torus of 16 x 16 to see. There are two
# training images, and every sample is new. (The steps get finer towards the end, so that the pixels can settle.)

# %%
# alt: Sixteen images of large black and white areas with smooth borders; none is all black or all white.
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
#
# **Predict first.** What will it be for windows of 1, 3 and 9, if it is 0.79 in the training set?

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
# <details><summary>Answer: what you have seen, and why</summary>
#
# With a window of 1 it is 0: neighbours are chosen independently. With 3 it is 0.79 again, as in the training set: two neighbours
# are inside one window, and so a window of 3 already sees whether they fit together. A larger window adds nothing to *this*
# correlation. It keeps relations between pixels that are farther apart.
#
# </details>
#
# ## Why not simply average patches?
#
# The machine uses a window of $k \times k$ to guess only its centre. But the same softmax gives a guess for the whole patch.
# Guess every patch, and let each pixel be the average of the guesses of all patches that cover it ([PSPC](reference.md#pspc)
# build a denoiser from patches; `md.PatchScore` is ours after it). It is easy to write: to average over patches is to average the
# weights over a box.


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
# The fair comparison is with the last column. A pixel's average is over patches that reach two pixels to each side, so it depends
# on 5 x 5 pixels. Of all guesses that see 5 x 5 pixels, the LS machine with $k = 5$ is the best, as derived above. Averaging uses
# more pixels than a window of 3, and it uses them less well than a window of 5.
#
# It also makes greys. At a seam between two pieces the patches disagree, and their average is in neither training image. Walk
# back with it on the two tones:


# %%
# alt: LS draws areas of pure black and white with sharp borders; averaged patches draw the same areas with broad grey borders.
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
# Nothing forces $k$ to be the same at all times. Trained networks look far when the noise is high and near when it is low
# ([KG](reference.md#kg) measure it; tutorial [07](07_the_theory_predicts.ipynb) does too). A list of windows, from least to most
# noise, does this here. Compare it with its two ends, from the same noises. The large windows are used only at high noise, and
# yet they change the whole picture: the correlation with the sample of window 13 rises. (Correlations of the deviations from the
# mean image, medians.)

# %%
# alt: With the falling window strokes are about as whole as with 13 all the way; with 3 they bend and break.
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
#   mosaics. It is the best denoiser that sees no more.
# - The window's size leads from noise over new pictures to recitation. Inside a window things fit together as they do in
#   training images; beyond it nothing is promised.
# - Even two training images allow very many pictures. Which ones are possible can be counted; how often each is made does not
#   follow from that count.
# - So far a pixel can only use what training images have *at its own place*. A convolution on a torus does the same at every
#   place, so its pixels do not know where they are. That is the next tutorial.
#
# **Try it.**
#
# 1. Use 30 digits instead of 300, or `md.datasets.photo(count=200)[0]`. Which windows recite?
# 2. Count the torus of side 6. (It takes half a gigabyte and half a minute.)
# 3. Give the walk on the torus 20 even steps instead of `late`. Do more pixels stay grey?
#
# <details><summary>Answers</summary>
#
# 1. With 30 digits a window of 13 recites in 35 of 64 samples (to 1 % of the range), one of 11 in 12, one of 9 in 5, and smaller
#    ones never. With 300 digits it is 8, 1 and 0: the more images there are, the more often another one fits better in a part.
#    With 200 photo crops it is 2 with a window of 13 and 0 below.
# 2. 25,006 of $2^{36}$, about 69 thousand million. The count grows fast, and its share of all images falls fast.
# 3. Hardly: 7 of 10,000 pixels are not black or white to 0.01, against 2 of 10,000.
#
# </details>
#
# **Play.** `minidiff explore` writes a page for your browser. In its part c you drag the window from one pixel to the whole
# image, and in part e each pixel may be explained by its own place only, as here.
#
# **Next:** [04 Anywhere: equivariance and the ELS machine](04_anywhere.ipynb)
