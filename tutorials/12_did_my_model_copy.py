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
# **Question.** You have pictures that a model made, and the pictures that it was trained on. Did the model copy? What can a
# distance between pictures say about this, and what can it not say?
#
# **Time.** About 30 minutes to read, half a minute to run.
#
# **Equations.** The distance over shifts, mirror images and greys; its bound by Fourier magnitudes (triangle inequality); a rank
# test and a permutation test.
#
# **Prerequisites.** Tutorials [02](02_the_ideal_denoiser_recites.ipynb) and [04](04_anywhere.ipynb). Letters and words are
# collected in the [reference](reference.md).

# %%
import matplotlib.pyplot as plt
import numpy as np

import minidiff as md
from minidiff.measures import copies

orange, sky, green, yellow, blue, red, pink = md.plots.PALETTE
SCHEDULE = md.schedules.cosine()

# %% [markdown]
# ## Three models of which we know whether they copy
#
# To test a test for copies, we need models of which we know whether they copy. The ideal score (IS, tutorial
# [02](02_the_ideal_denoiser_recites.ipynb)) returns training images. The equivariant local score (ELS, tutorial
# [04](04_anywhere.ipynb)) makes mosaics of patches. And a perfect model would make digits like those that were not used for
# training. So we divide the digits at random into three parts: 300 to train on, 600 that are **held out**, and 40 fresh ones,
# which we use as the samples of a perfect model.

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
# *The figure: twelve pictures of each model. IS makes clean digits, ELS makes strokes of which some look like a digit and some do
# not, and the third row shows digits.*
#
# **Predict first.** The distance $d$ of a picture to the training set is the root mean square difference to the nearest
# training image. Pixels go from -1 to 1. Which of the three has the smallest $d$, and which the largest?

# %%
for name, samples in models.items():
    found = copies.nearest(samples, images)
    print(
        f"{name:13} distance to the nearest training image: {np.median(found.distance):.3f} (median), "
        f"at least {found.distance.min():.3f}"
    )

# %% [markdown]
# <details><summary>Answer</summary>
#
# IS has 0: its samples are training images. ELS has the largest distance, and not the fresh digits: a digit that somebody else
# wrote is nearer to a training image than a mosaic is.
#
# </details>
#
# ## A copy that is not in place
#
# A copy may be moved by two pixels, mirrored, or a little brighter. Then its pixels differ much from those of its original. So we
# take the smallest distance over all changes that we do not want to count as new:
#
# $$d(x, n)^2 = \min_{\text{move},\, \text{grey}} \frac{1}{D} \sum_p (x_p - \text{move}(y_n)_p - \text{grey})^2,$$
#
# where "move" mirrors the training image $y_n$ or not, and rolls it on the torus by at most some pixels, and "grey" is one number
# for all pixels. The sum is over all $D$ numbers of an image. The best grey is the mean of the difference. (We do not fit the
# contrast. With a free factor, a picture without contrast would match every image, with factor 0.)
#
# **Predict first.** Below, training image 7 is moved by (2, -1), mirrored, and made brighter by 1/4. How far is it from the
# training set if it is compared in place? And how far if the search allows shifts, then mirror images too, and then greys too?

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
# <details><summary>Answer</summary>
#
# Without mirror images the search finds other training images. With mirror images and without greys it finds the right one, at
# the distance 0.25. But this is no proof: the median distance of a fresh digit is 0.25, too. Only with all three the distance is
# 0, up to the rounding of float32.
#
# </details>
#
# ## No moved copy is missed
#
# To try every shift of every training image is slow. There is a bound that needs no shifts. If an image $y$ is rolled, the phases
# of its Fourier transform $Y$ change, and its magnitudes do not. For complex numbers $|X - Y| \ge \big| |X| - |Y| \big|$ (the
# triangle inequality), and by Parseval's formula
#
# $$\min_{\text{shifts}} |x - y|^2 \;\ge\; \frac{1}{HW} \sum_i \big( |X_i| - |Y_i| \big)^2 ,$$
#
# where $i$ numbers the frequencies. (The search without shifts has this bound too, since "no shift" is one of the shifts.) The
# package computes the right side for all training images, and tries all shifts only for the 50 images with the smallest values. A
# copy has the value 0. So it is among the 50, however far it was moved, unless 50 other images have the value 0, too. For other
# pictures the bound is weak. Then `copies.nearest` says `certain = False`: a nearer image may exist among those whose shifts were
# not tried.


# %%
def magnitudes(image):
    """|Y_i| of an image (H, W, 1), divided by the root of H W."""
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
# Why not simply say that a picture is a copy if its distance is small? The question is what to compare it with. One may compare
# it with the distances to other training images. We take two ratios: the distance divided by that to the *second* nearest, and
# the distance divided by the mean distance to the 50 nearest. Carlini et al. ([CAR](reference.md#car)) divide by half of that
# mean, so that their score is below 1 where our second ratio is below one half. (We could not check this in their text.)
#
# **Predict first.** Of our 40 fresh digits, which are no copies of anything, how many are below one half?

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
# <details><summary>Answer</summary>
#
# 12 of 40. So the ratio calls pictures copies that are none. It depends not only on the picture, but also on how the training
# images lie among each other. If some of them are much alike, as the digits 1 are, a new one is near to these and far from all
# others. So a threshold that is right for one kind of pictures can be wrong for another kind.
#
# </details>
#
# The last line shows the opposite mistake. If the training set has an image twice, a copy of it has the distance 0 to two images.
# By convention the ratio to the second nearest is then 1, as for a picture that is far from all images. (The ratio to the mean of
# 50 is 0, and shows the copy.) Duplicates are widely believed to be a main reason why models copy ([SOM23](reference.md#som23)).
# So the first ratio can miss the most important copies.
#
# ## What chance allows
#
# We need a standard: how near would a new picture of the same kind be? Pictures that the model has *not* seen tell this. Let
# $d_1, \ldots, d_{N'}$ be the distances of $N'$ held-out images to the training set, and let $d$ be that of a sample. Some of the
# held-out images are as near as the sample, or nearer. Let $j$ be their number.
#
# **Theorem (ranks).** If the sample is one more fresh image of the same law, then its p-value $\frac{1 + j}{N' + 1}$ is at most
# $\alpha$ with probability at most $\alpha$.
#
# *Proof.* Given the training set, $d, d_1, \ldots, d_{N'}$ are independent and of one law. So every order of them is equally
# likely, and the rank of $d$ is at most $i$ with probability $i / (N' + 1)$. Equal distances only make the p-value larger.
# $\square$
#
# We *flag* a sample if its p-value is at most 0.05. The number of flagged samples is *not* binomial, because all samples are
# compared with the same held-out images. But the orders can be counted: `beside_fresh` gives the exact probability that so many
# fresh images, or more, would be flagged.

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
# Of 40 fresh digits 2 are flagged on average. Here it is 5, and the exact probability of 5 or more is 0.05. So a few flagged
# samples are no proof of copies: look at this probability, too.
#
# Meehan, Chaudhuri and Dasgupta ([MCD](reference.md#mcd)) call it data-copying if a model's samples are nearer to the training
# set than held-out images are. Their test, like ours, uses three sets: training images, held-out images and samples.
#
# ## Near to everything is not a copy
#
# In one case this test is wrong. Take clouds: random textures, of which no two are alike. The mean of many clouds has no
# contrast.
#
# **Predict first.** Which is nearer to a training set of clouds: a fresh cloud, or a picture of one grey?

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
# <details><summary>Answer</summary>
#
# The grey one. Two clouds are uncorrelated, so that their squared distance is, on average, the sum of two variances. From one
# grey to a cloud it is one variance. The mean of four clouds lies between. In the table all 100 such means are flagged, and none
# is a copy.
#
# </details>
#
# The right half of the table is a second test, `nearer_to_which`. It does not ask *how near* a sample is, but *which set* it is
# nearer to. Smooth pictures are near to both sets.
#
# **Theorem (splits).** Suppose that the samples do not depend on which of the $N + N'$ images were used for training. Then every
# split of them into $N$ and $N'$ is equally likely, and the share of samples whose nearest image is a training image is, in the
# mean, $N / (N + N')$. *Proof.* Fix the samples and all images. Each sample has a nearest image, and in a random split this image
# is on the training side with probability $N / (N + N')$. $\square$
#
# The samples are not independent of each other: if one image is the nearest of many samples, these are all on its side. So the
# test shuffles images and not samples. And both sets must be searched together. If each set is searched separately, the smaller
# set is searched better, because the candidates (here 20) are a larger part of it. The next cell shows that fresh clouds then
# seem to be copies.
#
# So the two tests answer two questions. In the table the noisy copies fail both tests, and the means of four fail only the first.

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
# Each of the pictures (a) to (e) below was made from a training image, and (f) shows a thing that the training set shows, too.
#
# **Predict first.** Which of them does the distance find? (a) The left half of a training image and the right half of a fresh
# one; (b) a training image, enlarged to 1.5 times its size; (c) turned by 90 degrees; (d) moved down by 2, with two black rows at
# the top and without the two rows that leave the picture; (e) at half the contrast; (f) a fresh digit: the same *thing*, drawn
# again.

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
# <details><summary>Answer</summary>
#
# Hardly any. Of (a), (b), (c) and (e) no picture is flagged, and of (d) only one is: these digits reach the border, so that a
# part of them is lost. But for (d) the search mostly finds the source, 34 times of 40. Of the fresh digits (f) 5 are flagged, as
# before. To see that two pictures show the same thing, one must know what they show. A distance of pixels does not tell this.
#
# </details>
#
# *The figure: training images in the first row, and below them what was made of each.*
#
# "Source found" says how often the nearest training image is the one that was used. The search may find the right image although
# the distance is not small. Then one should look at the pair, but it is not a proof. **A small distance is evidence of a copy. A
# large distance is no evidence that there was no copy.**
#
# ## Copies of a detail: the mosaic
#
# The half image (a) is a copy of a piece. Windows can find it. For each pixel, take the training image that has the window
# nearest to the pixel's own window. This is the provenance of ELS without noise (tutorial [04](04_anywhere.ipynb)). In the figure
# a copied piece is one large region of one colour.

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
# *The figure: each row shows a picture, then its pieces in the colours of their sources, and then the four training images that
# give most pixels, with the pixels that were taken shown in colour. IS is one piece. The half image has one large piece on the
# left and many small ones on the right. ELS and the fresh digit have small pieces only. There are only seven colours, so that
# they repeat.*
#
# In the half image the windows that lie fully in its left half are exactly those of one training image. These are the windows of
# 5 of 16 columns, since a window of 7 reaches three columns to each side. In the fresh digit no window is exactly one of a
# training image. In ELS no window is either: the sample averages a few patches that are nearly equal.
#
# ## What papers say
#
# These are statements of the papers' abstracts, not ours. The links lead to the papers.
#
# - Somepalli et al., *Diffusion Art or Digital Forgery?* ([SOM22](reference.md#som22)), compare by image retrieval, and not by
#   pixels. Their abstract says that factors such as the size of the training set impact the rates of replication, and that
#   models, Stable Diffusion among them, copy from their training data.
# - Carlini et al., *Extracting Training Data from Diffusion Models* ([CAR](reference.md#car)), generate and filter, and so
#   extract over a thousand training examples. They find diffusion models much less private than earlier generative models such as
#   GANs (abstract).
# - Somepalli et al., *Understanding and Mitigating Copying in Diffusion Models* ([SOM23](reference.md#som23)): duplicates in the
#   training set are widely believed to be the reason; conditioning on text plays a similarly important role, and replication
#   "often does not happen for unconditional models" (abstract).
#
# ## Your own model
#
# One command does all of this, for folders of pictures, `.npy`, `.npz`, IDX and CIFAR-10 files:
#
# ```
# minidiff copied --samples SAMPLES --data TRAINING --held-out HELD_OUT --out DIR
# ```
#
# It writes a page with the pairs that are nearest, the histogram and mosaics. All numbers are in `numbers.json`, and `--json`
# prints them. Without `--held-out` it says what is then not known. Its exit code is 0 whether it finds copies or not: a copy is a
# result, and not an error of the program.
#
# ## What to take along
#
# - A distance needs a standard. Held-out images of the same kind give one. A threshold that was made for other pictures does not.
# - There are two tests for two questions. *How near is it?* gives a false alarm for smooth pictures. *Which set is it nearer to?*
#   does not.
# - A copy may be moved, mirrored, brighter, or a copy of a detail. Its original may be in the training set twice. Say which of
#   these cases your search can find.
# - A search that finds no copy does not prove that there is none.
#
# **Try it.**
#
# - Train IS on 30 digits and on 1,200, and ask both tests. What changes for ELS?
# - Let the model be IS with some noise left: `md.process.ddim` with `times=` that end at t = 0.2. Up to which t is it flagged?
# - Use `shifts="all"` for the clouds. Does the standard move as much as the samples?
#
# <details><summary>Answers</summary>
#
# (1) Here `digits[1200:]`, 597 digits, are held out. The first test flags IS in 40 of 40 cases, and the second finds 100 % of its
# samples on the training side, with 30 images and with 1,200; by chance the share is 5 % and 67 %. ELS is never flagged. Its
# median distance falls from 0.49 to 0.42, since there are more images; that of held-out digits falls too, from 0.37 to 0.21. Its
# share is 2 % and 72 %, as by chance. (2) The noise that is left adds to the distance. At t = 0.1 all 40 samples are flagged, at
# 0.11 nine, at 0.12 one, and at 0.13 none. But the second test finds all 40 on the training side up to t = 0.3, and 72 % of them
# at 0.5, where chance allows 50 %. So the second test can find copies that the first one misses. (3) Nearly. From no shift to all
# shifts the median distance of held-out clouds falls from 0.608 to 0.561, of fresh clouds from 0.606 to 0.558, and of means of 4
# from 0.488 to 0.455; noisy copies stay at 0.05. So no test changes its answer: the freedom of the search is given to samples and
# standard alike.
#
# </details>
#
# **Next:** the [exercises](exercises/README.md), or your own pictures.
