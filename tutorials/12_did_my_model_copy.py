# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 12. Did my model copy?
#
# **Question.** You have pictures that a model made, and the pictures that it learnt from. Did it copy? What can a distance
# between pictures say about that, and what can it not say?
#
# **Time.** About 30 minutes to read, half a minute to run.
#
# **Equations.** The distance over shifts, mirror images and greys; its bound by Fourier magnitudes (triangle inequality); a rank
# test and a permutation test.
#
# **Prerequisites.** Tutorials [02](02_the_ideal_denoiser_recites.ipynb) and [04](04_anywhere.ipynb).

# %%
import matplotlib.pyplot as plt
import numpy as np

import minidiff as md
from minidiff.measures import copies

orange, sky, green, yellow, blue, red, pink = md.plots.PALETTE
SCHEDULE = md.schedules.cosine()

# %% [markdown]
# ## Three models whose habits we know
#
# We need models of which we know whether they copy. We have them. The ideal score (IS, tutorial 02) returns training images. The
# equivariant local score (ELS, tutorial 04) makes mosaics of patches. And a fresh digit, which nobody learnt from, is what a
# perfect model would make. So we cut the digits into three parts at random: 300 to train on, 600 that are **held out**, and 40
# fresh ones that play the perfect model.

# %%
# alt: Three rows of twelve pictures: IS shows clean digits, ELS shows strokes of which some look like a digit and some do not,
# and the third row is digits.
digits, _ = md.datasets.digits(size=16)
digits = digits[np.random.default_rng(0).permutation(len(digits))]
images, held_out, fresh = digits[:300], digits[300:900], digits[900:940]
noise = md.process.unit_noise((40, *images.shape[1:]), 0)


def sampled(machine):
    """The samples of a machine from these noises, in ten steps of DDIM."""
    return list(md.process.ddim(machine, SCHEDULE, noise=noise, steps=10))[-1].x


table = [3, 3, 5, 5, 7, 7, 9, 9]
models = {
    "IS": sampled(md.IdealScore(images, SCHEDULE)),
    "ELS": sampled(md.EquivariantLocalScore(images, SCHEDULE, window=table, boundary="zeros")),
    "fresh digits": fresh,
}
fig, ax = plt.subplots(figsize=(8, 2.6), layout="constrained")
md.plots.rows([samples[:12] for samples in models.values()], list(models), ax=ax)
plt.show()
print(f"{len(images)} training images, {len(held_out)} held out, {len(noise)} samples of each model")

# %% [markdown]
# *The figure: twelve pictures of each. IS makes clean digits, ELS makes strokes that are sometimes a digit and often none, and
# the third row is digits.*
#
# **Predict first.** The distance $d$ of a picture to the training set is the root mean square difference to the nearest
# training image. Pixels go from -1 to 1. Which of the three has the smallest $d$, and which the largest?
#
# <details><summary>Answer</summary>
#
# IS has 0: its samples are training images. The largest is that of ELS, and not that of the fresh digits: a digit of another
# hand is nearer to a training image than a mosaic is. See the next cell.
#
# </details>

# %%
for name, samples in models.items():
    found = copies.nearest(samples, images)
    print(
        f"{name:13} distance to the nearest training image: {np.median(found.distance):.3f} (median), "
        f"at least {found.distance.min():.3f}"
    )

# %% [markdown]
# ## A copy that is not in place
#
# A copy may be moved by two pixels, mirrored, or a little brighter. Then it is far from its original, pixel by pixel. So we
# minimise over what we do not want to count as new:
#
# $$d(x, n)^2 = \min_{g, c} \frac{1}{P} \sum_p (x_p - (g y_n)_p - c)^2,$$
#
# where $g$ rolls the training image $y_n$ on the torus by at most some pixels, after mirroring it or not, and $c$ is one number
# for all pixels. The best $c$ is the mean of the difference. (We do not fit the contrast. With a free factor, a picture without
# contrast would match every image, with factor 0.)
#
# **Predict first.** Below, training image 7 is moved by (2, -1), mirrored, and made brighter by 1/4. How far is it from the
# training set in place, and how far after each further freedom?
#
# <details><summary>Answer</summary>
#
# Without mirror images the search names other training images. Without the grey it names the right one, at distance 0.25, but a
# fresh digit is as near as that to some training image. Only with all three the distance is 0, up to the rounding of float32.
#
# </details>

# %%
moved = np.roll(images[7, :, ::-1], (2, -1), (0, 1)) + np.float32(0.25)
freedoms = [{}, {"shifts": 2}, {"shifts": 2, "mirror": True}, {"shifts": 2, "mirror": True, "grey": True}]
for freedom in freedoms:
    found = copies.nearest(moved[None], images, **freedom)
    words = ", ".join(freedom) or "in place"
    print(
        f"{words:21} distance {found.distance[0]:.3f} to image {found.nearest[0]:3d}, {found.ratio[0]:.2f} of that to the second"
    )
print(f"shift {found.shift[0].tolist()}, mirrored {bool(found.mirrored[0])}, grey {found.grey[0]:+.2f}")

# %% [markdown]
# ## No moved copy is missed
#
# To try every shift of every training image is slow. There is a bound that needs none. Rolling an image changes the phases of
# its Fourier transform $Y$, and not its magnitudes. For complex numbers $|X - Y| \ge \big| |X| - |Y| \big|$, and by Parseval
#
# $$\min_{\text{shifts}} |x - y|^2 \;\ge\; \frac{1}{HW} \sum_k \big( |X_k| - |Y_k| \big)^2 .$$
#
# (Without shifts it holds too, as "in place" is one of them.) So the images with the smallest right side are looked at closely.
# A copy has right side 0. So it is among them, however far it was moved, unless 50 other images have its magnitudes exactly: that
# is a theorem. For other pictures the bound is weak.
# Then `copies.nearest` says `certain = False`: a nearer image may exist among those it did not look at closely.


# %%
def magnitudes(image):
    """|Y_k| of an image (H, W, 1), divided by the root of H W."""
    return np.abs(np.fft.fft2(image[..., 0])) / np.sqrt(image[..., 0].size)


original, other = images[7].astype(float), images[8].astype(float)
anywhere = np.roll(original, (5, -6), (0, 1))
for name, y in (("its own copy, moved by (5, -6)", anywhere), ("another digit", other)):
    bound = np.sqrt(((magnitudes(original) - magnitudes(y)) ** 2).mean())
    true = copies.nearest(original[None], y[None], shifts="all").distance[0]
    print(f"{name:31} bound {bound:.3f}, least distance over all shifts {true:.3f}")
for name, samples in models.items():
    found = copies.nearest(samples, images, shifts=4, mirror=True, grey=True)
    print(f"{name:13} proved to be the nearest: {found.certain.sum():2d} of {len(samples)}")

# %% [markdown]
# ## Why not simply a threshold?
#
# Why not simply say that a picture is a copy if its distance is small? Small beside what? A common answer is: beside the
# distances to other training images. Two ratios are in use: the distance over that to the *second* nearest, and the distance
# over the mean distance to the 50 nearest. Carlini et al. ([CAR](reference.md#car)) divide by half of that mean, so that their
# score is below 1 where this ratio is below one half.
#
# **Predict first.** Of our 40 fresh digits, which are no copies of anything, how many are below one half?
#
# <details><summary>Answer</summary>
#
# About a third of them. Digits come in families: a 1 of one hand is near to the 1 of another, and far from most digits.
# The ratio measures how the *set* is clustered, too. A threshold that fits photographs need not fit yours.
#
# </details>

# %%
search = {"shifts": 2}
print("model          distance  ratio to 2nd  relative to 50  below one half")
for name, samples in models.items():
    found = copies.nearest(samples, images, **search)
    middle = [np.median(column) for column in (found.distance, found.ratio, found.relative)]
    print(
        f"{name:13}  {middle[0]:8.3f}  {middle[1]:12.2f}  {middle[2]:14.2f}  {(found.relative < 0.5).sum():8d} of {len(samples)}"
    )
twice = np.concatenate([images, images[:1]])
found = copies.nearest(images[:1], twice)
print(f"a copy of an image that is there twice: distance {found.distance[0]:.0f}, ratio {found.ratio[0]:.0f},", end=" ")
print(f"relative {found.relative[0]:.0f}")

# %% [markdown]
# The last line is the other trap. If a training image is there twice, its copy is at distance 0 from two images. The ratio to the
# second nearest is then 1, as for a picture that is far from all. (Beside the mean of 50 neighbours the copy shows.) Duplicates
# are widely held to be what models copy most, so the ratio may hide what matters.
#
# ## What chance allows
#
# What is missing is a standard: how near would a new picture of the same kind be? Only pictures that the model has *not* seen
# can tell. Let $D_1, \ldots, D_M$ be the distances of $M$ held-out images to the training set, and $D$ that of a sample.
#
# **Theorem (ranks).** If the sample is one more fresh image of the same law, then
# $p = \frac{1 + \#\{j : D_j \le D\}}{M + 1}$ is at most $\alpha$ with probability at most $\alpha$.
#
# *Proof.* Given the training set, $D, D_1, \ldots, D_M$ are independent and of one law, so every order of them is equally likely,
# and the rank of $D$ is at most $r$ with probability $r / (M + 1)$; ties only make $p$ larger. $\square$
#
# The number of flagged samples is *not* binomial, because all samples are compared with the same held-out images. But the orders
# can be counted: `beside_fresh` gives the exact probability that fresh images would be flagged so often.

# %%
# alt: The held-out digits are a grey hill around 0.25, and the fresh digits lie on it. IS is one bar at 0 that leaves the top.
# ELS lies to the right, from 0.3 to 0.58.
standard = copies.nearest(held_out, images, **search)
fig, ax = plt.subplots(figsize=(7, 2.6), layout="constrained")
bins = np.linspace(0, 0.7, 36)
ax.hist(standard.distance, bins, weights=np.full(600, 1 / 600), color="0.8", label="held-out digits")
looks = (("-", red), ("--", blue), ("-.", green))
for (name, samples), (line, colour) in zip(models.items(), looks, strict=True):
    distance = copies.nearest(samples, images, **search).distance
    style = {"histtype": "step", "linewidth": 1.8, "linestyle": line, "color": colour}
    ax.hist(distance, bins, weights=np.full(40, 1 / 40), label=name, **style)
    test = copies.beside_fresh(distance, standard.distance, level=0.05)
    print(f"{name:13} flagged {test.flagged.count:2d} of 40; of fresh images so many or more with probability {test.tail:.1g}")
ax.set(xlabel="distance to the nearest training image", ylabel="share", ylim=(0, 0.35))
ax.legend(frameon=False)
plt.show()

# %% [markdown]
# *The figure: the grey hill is the held-out digits, and the fresh digits lie on it. IS is one bar at 0, which leaves the
# picture at the top. ELS lies to the right of the hill: its samples are less like a training image than a new digit is.*
#
# Of 40 fresh digits 2 are flagged on average. The share is tested with its own probability, so that a few more alarm nobody.
#
# Meehan, Chaudhuri and Dasgupta ([MCD](reference.md#mcd)) call it data-copying when samples are nearer to the
# training set than held-out images are, and test it with these three samples.
#
# ## Near to everything is not a copy
#
# There is a case that this test gets wrong. Take clouds: random textures, of which no two are alike. Their mean has no contrast.
#
# **Predict first.** Which is nearer to a training set of clouds: a fresh cloud, or a picture of one grey?
#
# <details><summary>Answer</summary>
#
# The grey one. Two clouds are uncorrelated, so that their squared distance is the sum of two variances. From one grey to a cloud
# it is one variance. A blurred sample lies between. All are flagged, and none is a copy.
#
# </details>

# %%
rng = np.random.default_rng(1)
slope = 1 / (1 + np.hypot(np.fft.fftfreq(16)[:, None], np.fft.rfftfreq(16)) * 16)


def clouds(count):
    """Random textures (count, 16, 16, 1): noise whose amplitude falls as one over the frequency."""
    field = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((count, 16, 16))) * slope)
    return np.tanh(0.7 * field / field.std()).astype(np.float32)[..., None]


sky_images, sky_held = clouds(300), clouds(600)
sky_every = np.concatenate([sky_images, sky_held])
sky_standard = copies.nearest(sky_held, sky_images, **search)
sky_models = {
    "noisy copies": sky_images[:100] + 0.1 * clouds(100),
    "fresh clouds": clouds(100),
    "mean of 4": clouds(400).reshape(100, 4, 16, 16, 1).mean(axis=1),
}
print("              distance  flagged  probability | nearer to the training set  by chance      p")
for name, samples in sky_models.items():
    trained = copies.nearest(samples, sky_images, **search)
    test = copies.beside_fresh(trained.distance, sky_standard.distance)
    sides = copies.nearer_to_which(copies.nearest(samples, sky_every, **search), (300, 600))
    print(
        f"{name:13} {np.median(trained.distance):8.3f}  {test.flagged.count:7d}  {test.tail:11.1g} | {sides.share:26.0%}"
        f"  {sides.low:3.0%} to {sides.high:3.0%} {sides.p:6.4f}"
    )

# %% [markdown]
# The right half is a second test, `nearer_to_which`. It asks not *how* near, but *to which set*. Smooth pictures are near to
# both.
#
# **Theorem (splits).** Suppose that the samples do not depend on which of the $N + M$ images were trained on. Then every split of
# them into $N$ and $M$ is equally likely, and the share of samples whose nearest image is a training image is, in the mean,
# $N / (N + M)$. *Proof.* Fix the samples and all images. Each sample has a nearest image, and in a random split this
# image is on the training side with probability $N / (N + M)$. $\square$
#
# The samples are not independent of each other: if one image is the nearest of many, they share its luck. So the test shuffles
# images and not samples. And both sets must be searched as one. If each is searched by itself, the smaller set is searched
# better, because the candidates (here 20) are a larger part of it. Below, fresh clouds then seem to be copies.
#
# Together: a model that copies fails both tests. A model that blurs fails the first only. (A model that has learnt more of its
# training images than of their law, without copying any, fails the second a little.)

# %%
few, many, new = clouds(100), clouds(2000), clouds(200)
wide = {"shifts": 4, "mirror": True, "candidates": 20}
apart = [copies.nearest(new, one, **wide) for one in (few, many)]
wrong = (apart[0].distance < apart[1].distance).mean()
sides = copies.nearer_to_which(copies.nearest(new, np.concatenate([few, many]), **wide), (100, 2000))
print(
    f"fresh clouds that are nearer to 100 clouds than to 2,000 others: {wrong:.1%} if searched apart, {sides.share:.1%} as one;"
)
print(f"by chance {sides.chance:.1%} ({sides.low:.1%} to {sides.high:.1%})")

# %%
print("              nearer to the training set  by chance      p")
for name, samples in models.items():
    sides = copies.nearer_to_which(copies.nearest(samples, np.concatenate([images, held_out]), **search), (300, 600))
    print(f"{name:13} {sides.share:26.0%}  {sides.low:3.0%} to {sides.high:3.0%} {sides.p:6.4f}")

# %% [markdown]
# ## What a distance cannot see
#
# Each picture below has taken something from the training set. Which of them does the distance find?
#
# **Predict first.** (a) The left half of a training image and the right half of a fresh one; (b) a training image, enlarged by
# a half; (c) turned by 90 degrees; (d) moved down by 2, with black coming in where it is not rolled; (e) at half the contrast;
# (f) a fresh digit: the same *thing*, drawn anew.
#
# <details><summary>Answer</summary>
#
# None of them, not even (d): these digits reach the border, so that moving without rolling loses ink. (d) still points
# to its source, mostly. (f) is the hardest. To see that two pictures show the same thing, one must know what they show, and no
# distance of pixels knows.
#
# </details>

# %%
# alt: The first row shows ten training digits. Below, each is half replaced, enlarged, turned on its side, moved down, and grey
# with half the contrast. The last row shows other digits.
y = images[20:60]
enlarged = y.repeat(3, axis=1).repeat(3, axis=2)[:, 1::2, 1::2][:, 4:20, 4:20]
padded = np.full_like(y, -1)
padded[:, 2:, :] = y[:, :-2, :]
taken = {
    "(a) half of one": np.concatenate([y[:, :, :8], fresh[:, :, 8:]], axis=2),
    "(b) enlarged": enlarged,
    "(c) turned": np.ascontiguousarray(np.rot90(y, axes=(1, 2))),
    "(d) moved, not rolled": padded,
    "(e) half the contrast": 0.5 * (y + 1) - 1,
    "(f) drawn anew": fresh,
}
fig, ax = plt.subplots(figsize=(8, 4.2), layout="constrained")
md.plots.rows([y[:10], *(samples[:10] for samples in taken.values())], ["training image", *taken], ax=ax)
plt.show()
for name, samples in taken.items():
    found = copies.nearest(samples, images, **search)
    test = copies.beside_fresh(found.distance, standard.distance)
    right = (found.nearest == np.arange(20, 60)).sum()
    print(f"{name:22} distance {np.median(found.distance):.3f}, source found for {right:2d} of 40,", end=" ")
    print(f"flagged {test.flagged.count:2d} of 40")

# %% [markdown]
# *The figure: training images in the first row, and below them what was made of each.*
#
# "Source found" says how often the nearest training image is the one that was used. The search may point to the right image
# without the distance being small. That is a reason to look at the pair, and no proof. **A small distance is evidence of a
# copy. A large one is no evidence of the contrary.**
#
# ## Copies of a detail: the mosaic
#
# The half image (a) is a copy, of a piece. What finds it is a window. For each pixel, take the training image whose window is
# nearest to the pixel's own: the provenance of ELS without noise (tutorial 04). A copied piece is one large region of one colour.

# %%
# alt: IS is one piece of one colour. The half image has one large piece on its left, and small ones on its right. ELS and the
# fresh digit are small pieces of many colours all over.
reader = md.EquivariantLocalScore(images, md.schedules.flow(), window=7, boundary="zeros")
shown = np.stack([models["IS"][0], taken["(a) half of one"][1], models["ELS"][0], fresh[0]])
source, pieces = reader.provenance(shown, 0.0), md.metrics.mosaic(reader, shown)
fig, axes = plt.subplots(4, 6, figsize=(7.5, 6), layout="constrained")
for b, (name, row) in enumerate(zip(("IS", "half of one", "ELS", "fresh"), axes, strict=True)):
    md.plots.provenance(shown[b], source, pieces, images, axes=row, index=b)
    row[0].set_title(name, fontsize=8)
plt.show()
exact = reader.distance(shown)
for b, name in enumerate(("IS", "half of one", "ELS", "fresh")):
    print(
        f"{name:12} windows that are in a training image exactly: {(exact[b] == 0).mean():4.0%}; "
        f"largest piece {pieces.largest[b]:.0%} of the pixels that have one source"
    )

# %% [markdown]
# *The figure: each row is a picture, its pieces in the colours of their sources, and the four training images that give most,
# with what is taken tinted. IS is one piece. The half image is one large piece on the left and many small ones on the right.
# ELS and the fresh digit are small pieces only. There are seven colours, so that they repeat.*
#
# In the half image the windows that lie in its left half are exactly in one training image: 5 of 16 columns, as a window of 7
# loses three columns at the seam. In the fresh digit no window is. Nor in ELS: it averages a few patches that are nearly equal.
#
# ## What the field found
#
# These are the papers' statements, not ours; follow the links.
#
# - Somepalli et al., *Diffusion Art or Digital Forgery?* ([SOM22](reference.md#som22)), compare by image
#   retrieval, and not by pixels. Their abstract says that factors such as the size of the training set impact the rates of
#   replication, and that models, Stable Diffusion among them, copy from their training data.
# - Carlini et al., *Extracting Training Data from Diffusion Models* ([CAR](reference.md#car)), generate
#   and filter, and so extract over a thousand training examples. They find diffusion models much less private than earlier
#   generative models such as GANs (abstract).
# - Somepalli et al., *Understanding and Mitigating Copying in Diffusion Models* ([SOM23](reference.md#som23)):
#   duplicates are widely held responsible; conditioning on text plays a similarly important role, and replication "often does not
#   happen for unconditional models" (abstract).
#
# ## Your own model
#
# One command does all of this, for folders of pictures, `.npy`, `.npz`, IDX and CIFAR-10 files:
#
# ```
# minidiff copied --samples SAMPLES --data TRAINING --held-out HELD_OUT --out DIR
# ```
#
# It writes a page with the most suspicious pairs, the histogram and mosaics. All numbers are in `numbers.json`, and `--json`
# prints them. Without `--held-out` it says what is then not known. Its exit code is 0 whether it finds copies or not: a copy is
# a finding, and not an error.
#
# ## What to take along
#
# - A distance needs a standard. Held-out images of the same kind give one; a threshold from elsewhere does not.
# - Two tests, two questions. *How near?* is fooled by smooth pictures. *Nearer to which set?* is not.
# - A copy may be moved, mirrored, brighter, a detail, or there twice. Say which of these your search can see.
# - What was not found may still be there.
#
# **Try it.**
#
# - Train IS on 30 digits and on 1,200, and ask both tests. What changes for ELS?
# - Let the model be IS with some noise left: `md.process.ddim` with `times=` that end at t = 0.2. Up to which t is it flagged?
# - Use `shifts="all"` for the clouds. Does the standard move as much as the samples?
#
# <details><summary>Answers</summary>
#
# (1) With `digits[1200:]`, 597 digits, held out: IS is flagged in 40 of 40 cases by *How near?* and lies at 100 % on the
# training side, with 30 images and with 1,200; by chance the share is 5 % and 67 %. ELS is flagged in none. Its median distance
# falls from 0.49 to 0.42, as there is more to be near to; that of held-out digits falls too, from 0.37 to 0.21. Its share is 2
# % and 72 %: chance. (2) The noise is itself a distance. At t = 0.1 all 40 are flagged, at 0.11 nine, at 0.12 one, and at 0.13
# none. But the second test finds all 40 on the training side up to t = 0.3, and 72 % of them at 0.5, where chance allows 50 %.
# What hides a copy from *How near?* need not hide it from *Nearer to which?*. (3) Nearly. From no shift to all shifts the
# median distance of held-out clouds falls from 0.608 to 0.561, of fresh clouds from 0.606 to 0.558, and of means of 4 from
# 0.488 to 0.455; noisy copies stay at 0.05. So no test changes its answer: the freedom of the search is given to samples and
# standard alike.
#
# </details>
#
# **Next:** the [exercises](exercises/README.md), or your own pictures.
