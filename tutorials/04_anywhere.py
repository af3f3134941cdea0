# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 4. Anywhere: equivariance and the ELS machine
#
# **Question.** A convolutional network does the same thing at every pixel. What is the best denoiser that must do so too, and
# what does it make?
#
# **Time.** About 45 minutes to read, half a minute to run.
#
# **Equations.** The equivariant score (ES), the equivariant local score (ELS) and locally consistent points
# ([KG](reference.md#kg)). ELS is derived here.
#
# **Prerequisites.** NumPy; the posterior mean of tutorial [02](02_the_ideal_denoiser_recites.ipynb) and the window of
# [03](03_windows.ipynb). Letters and words are collected in the [reference](reference.md).

# %%
import matplotlib.pyplot as plt
import numpy as np

import minidiff as md
from minidiff import theory
from minidiff.nets import layers
from minidiff.studies import calibration

schedule = md.schedules.cosine()
digits = md.datasets.digits(size=16)[0]
images, others = digits[:120], digits[1000:1006]
SHIFT = (5, -3)


def rolled(x):
    """Images (B, H, W, C), five pixels down and three to the left on the torus."""
    return np.roll(x, SHIFT, axis=(1, 2))


print(f"{len(images)} training images of shape {images.shape[1:]}, pixel values from {images.min():.0f} to {images.max():.0f}")

# %% [markdown]
# ## What a convolution can know
#
# A convolution computes each output pixel from a window, and it uses the same weights in every window. We let the image wrap
# around: it is a *torus*, with no border. (Borders are tutorial [05](05_edges.ipynb).) A function $f$ of this kind has two
# properties. Write $\Omega_p$ for the pixels of the window around $p$, and $x[\Omega_p]$ for what is seen there.
#
# - **Locality.** $f(x)[p]$ depends on $x[\Omega_p]$ only. Change a pixel outside, and the output at $p$ does not move.
# - **Equivariance.** Shift the input and the output shifts along: $f(\text{shift}\, x) = \text{shift}\, f(x)$, for every shift.
#
# **A stack of such layers has them too.** Let $f$ look $h$ pixels to each side, and $f'$ look $h'$ pixels.
#
# - *Local:* the output of $f'(f(x))$ at $p$ depends on $f(x)$ at most $h'$ pixels away, and each of these on $x$ at most $h$
#   pixels farther. So it depends on $x$ at most $h + h'$ pixels away. Windows grow by addition: $L$ layers of $3 \times 3$, with
#   $h = 1$ each, see a window of side $k = 2 L + 1$, the *receptive field*.
# - *Equivariant:* $f'(f(\text{shift}\, x)) = f'(\text{shift}\, f(x)) = \text{shift}\, f'(f(x))$.
#
# A function of each pixel alone, such as $\tanh$, has both properties with $h = 0$, and so has a sum of two such functions. So a
# whole convolutional network on a torus is local and equivariant. Count, for random weights, how many outputs move when one
# pixel is changed:

# %%
rng, stack = np.random.default_rng(2), images[:1].astype(np.float64)
poked = stack.copy()
poked[0, 8, 8] += 1
for depth in (1, 2, 3):
    weight = rng.standard_normal((3, 3, stack.shape[3], 4)) / 3
    stack, poked = (np.tanh(layers.conv2d(h, weight, np.zeros(4), padding="circular")) for h in (stack, poked))
    moved = (stack != poked).any(axis=3).sum()
    print(
        f"{depth} layers of 3 x 3: {moved} outputs move; a window of {2 * depth + 1} x {2 * depth + 1} has {(2 * depth + 1) ** 2}"
    )

# %% [markdown]
# Now a trained network with circular padding. It has six layers of $3 \times 3$. Change one pixel of its input, the one with the
# cross. Outputs that do not move, not even in the last bit, are white.
#
# **Predict first.** How many of the 256 outputs will move, and where do they lie if the changed pixel is near a corner?

# %%
# alt: A square block of 13 x 13 around the cross moves; for a cross near a corner the block goes on at the opposite sides.
network = md.nets.load("digits-circular")
x = md.process.add_noise(images[:8], 0.5, schedule, rng=1)
felt = []
for place in ((8, 8), (2, 13)):
    poked = x[:1].copy()
    poked[0, place[0], place[1]] += 1
    felt.append((place, np.abs(network(poked, 0.5) - network(x[:1], 0.5))[0, :, :, 0]))
fig, axes = plt.subplots(1, 2, figsize=(7.5, 2.6), layout="constrained")
for ax, ((row, column), response) in zip(axes, felt, strict=True):
    drawn = ax.imshow(np.where(response > 0, response, np.nan), cmap="viridis", norm="log", vmin=1e-5, vmax=1)
    ax.plot(column, row, "x", color=md.plots.PALETTE[5], markersize=9, markeredgewidth=2)
    ax.set(xticks=[], yticks=[], title=f"{np.count_nonzero(response)} of {response.size} outputs move")
fig.colorbar(drawn, ax=axes, label="change of the output")
plt.show()
side, there_and_back = network.receptive_field, network(rolled(x), 0.5) - rolled(network(x, 0.5))
print(f"receptive field: {side} x {side} = {side**2} pixels")
print(f"largest difference between network(shifted x) and shifted network(x): {np.abs(there_and_back).max()}")

# %% [markdown]
# <details><summary>Answer: what you have seen, and why</summary>
#
# $13 \times 13 = 169$ outputs move in both cases, since $k = 2 \cdot 6 + 1 = 13$. Near a corner the block leaves the image on one
# side and comes in at the other: on a torus there is no border.
#
# </details>
#
# When the input is shifted, the output is shifted, to the last bit. So a convolution on a torus *cannot* know two things: where
# a pixel lies, and what is outside its window. If two places have the same window they get the same answer. Does the local
# score machine (LS) of tutorial 03 obey this? It has a dictionary for each pixel: pixel $p$ is explained by pixel $p$ of the
# training images, and by no other.

# %%
local = md.LocalScore(images, schedule, window=7)
gap = np.abs(local(rolled(x), 0.5) - rolled(local(x, 0.5))).max()
print(f"LS, largest difference between shifted-then-denoised and denoised-then-shifted: {gap:.1f} (the pixels' range is 2)")

# %% [markdown]
# LS is local, but it knows its place. A convolution does not, so LS cannot be the theory of a convolution.
#
# ## From LS to ELS: any patch may explain any pixel
#
# Ask for the best denoiser among all that are local and equivariant. First: what do such functions look like? Take a shift that
# moves $p$ to the first pixel. By equivariance $f(x)[p]$ is what $f$ answers at the first pixel for the shifted image, and by
# locality only the window counts. So $f(x)[p] = \phi(x[\Omega_p])$ with *one* function $\phi$ for all pixels $p$.
#
# Now the mean squared error of $\phi$. It is a mean over the $N$ training images, over the noise $\varepsilon$, and over the
# $H W$ pixels of an image:
#
# $$
# \text{error}(\phi) = \frac{1}{N H W} \sum_{n} \sum_{u}\;
# E_\varepsilon \big|\, \phi(a\, y_n[\Omega_u] + s\, \varepsilon) - y_n[u] \,\big|^2 .
# $$
#
# In LS each term had a function of its own. Here all terms share one $\phi$. Read the formula as a game: draw a pair $(n, u)$ of
# an image and a place, *each pair with the same probability* $1 / N H W$; show $\phi$ the noisy window; let it guess the pixel in
# the middle. The best guess is the mean given what is seen (tutorial 01), and the probabilities are those of tutorial 02, with
# the pair $(n, u)$ as the unknown thing:
#
# $$
# \hat x_0[p] = \sum_{n, u} w_{n,u}\, y_n[u], \qquad
# w = \operatorname{softmax}_{(n, u)} \left( - \frac{|x[\Omega_p] - a\, y_n[\Omega_u]|^2}{2 s^2} \right).
# $$
#
# This is the **equivariant local score machine, ELS** ([KG](reference.md#kg)). One thing changed since LS: the sum runs over
# every $u$, and not over $u = p$ only. The dictionary grew from 120 patches for each pixel to $120 \times 256$ patches for all of
# them.
#
# **Why is the prior over places uniform?** It is no assumption about images. It is there because the error counts every pixel
# once. If an error counted some pixels three times, the best $\phi$ would have their candidates three times in its softmax. Check
# this with images of two pixels and windows of one: the training set is $(-1, 0.2)$ and $(1, 1)$. Draw pairs, add noise, and keep
# the cases with $x$ near $0.1$. Then draw the left pixel three times as often.

# %%
pair = np.array([[-1.0, 0.2], [1.0, 1.0]])
a, s, rng = float(schedule.signal(0.6)), float(schedule.noise(0.6)), np.random.default_rng(5)
for left in (1 / 2, 3 / 4):
    n, u = rng.integers(2, size=2_000_000), (rng.random(2_000_000) > left).astype(int)
    x = a * pair[n, u] + s * rng.standard_normal(len(n))
    counted = pair[n, u][np.abs(x - 0.1) < 0.02].mean()
    w = np.array([left, 1 - left]) * np.exp(-((0.1 - a * pair) ** 2) / (2 * s**2))
    formula = (w * pair).sum() / w.sum()
    print(f"left pixel drawn with probability {left:.2f}: mean counted {counted:.3f}, softmax with this prior {formula:.3f}")
practice = md.testing.practice_images()
one = md.EquivariantLocalScore(practice, schedule, window=3)
law = md.testing.orthogonality(one, practice, schedule, claims="ELS", window=3)
print("no local and equivariant function is better (law of orthogonality):", law.held)

# %% [markdown]
# ## Forty lines that are the machine
#
# Here is the whole formula in plain NumPy. For each pixel it computes the distance to every patch of every training image.


# %%
def windows(images, k):
    """The k x k window around each pixel on the torus: (N, H, W, C) to (N, H, W, k * k * C)."""
    around = range(-(k // 2), k // 2 + 1)
    seen = [np.roll(images, (-i, -j), axis=(1, 2)) for i in around for j in around]
    return np.concatenate(seen, axis=3)


def weights_of(window, patches, a, s):
    """The posterior probability of each patch (M, P), given one noisy window (P,)."""
    distance = ((window - a * patches) ** 2).sum(axis=1)
    weight = np.exp(-(distance - distance.min()) / (2 * s * s))
    return weight / weight.sum()


def els(x, images, a, s, k):
    """The ELS estimate of the clean image, for one noisy image x (H, W, C)."""
    height, width, channels = x.shape
    patches = windows(images, k).reshape(-1, k * k * channels)
    centres = images.reshape(-1, channels)
    seen, out = windows(x[None], k)[0], np.empty_like(x)
    for i in range(height):
        for j in range(width):
            weight = weights_of(seen[i, j], patches, a, s)
            out[i, j] = (weight[:, None] * centres).sum(axis=0)
    return out


few, clean = images[:40].astype(np.float64), images[5].astype(np.float64)
machine = md.EquivariantLocalScore(few, schedule, window=5)
for t in (0.8, 0.3):
    a, s = float(schedule.signal(t)), float(schedule.noise(t))
    noisy = md.process.add_noise(clean[None], t, schedule, rng=0)
    by_hand, package = els(noisy[0], few, a, s, 5)[None], machine(noisy, t)
    by_hand_after = els(rolled(noisy)[0], few, a, s, 5)[None]
    print(f"t = {t}: by hand against md.EquivariantLocalScore: {np.abs(by_hand - package).max():.0e}")
    print(f"         shift in, shift out, by hand:             {np.abs(by_hand_after - rolled(by_hand)).max()}")
    print(f"         shift in, shift out, package:             {np.abs(machine(rolled(noisy), t) - rolled(package)).max():.0e}")

# %% [markdown]
# By hand the machine is equivariant to the last bit: every pixel adds the same numbers in the same order. The package goes
# through the candidates shift by shift, because that shares work between pixels. A shifted pixel then meets them in another
# order, and sums of floating-point numbers differ in the last digit. The law is the same.
#
# ## What one pixel sees
#
# Take one pixel of a noisy digit. On the left is its window; then follow the five patches that explain it best, with their
# posterior probabilities. In the upper row there is much noise, in the lower row little. The number of candidates that are left
# is counted as in tutorial 02.

# %%
# alt: At t = 0.6 the five best patches weigh 0.4 % or less; at t = 0.15 the best one weighs 81 % and looks like the window.
patches = windows(images, 7).reshape(-1, 49)
row, column = 6, 9
fig, axes = plt.subplots(2, 7, figsize=(7.5, 2.7), layout="constrained")
for line, t in zip(axes, (0.6, 0.15), strict=True):
    noisy = md.process.add_noise(others[:1], t, schedule, rng=3)
    window = windows(noisy, 7)[0, row, column]
    weight = weights_of(
        window.astype(np.float64), patches.astype(np.float64), float(schedule.signal(t)), float(schedule.noise(t))
    )
    md.plots.show(noisy[0], ax=line[0])
    line[0].set_ylabel(f"t = {t}")
    line[0].add_patch(plt.Rectangle((column - 3.5, row - 3.5), 7, 7, fill=False, edgecolor=md.plots.PALETTE[0], linewidth=2))
    md.plots.show(window.reshape(7, 7, 1), ax=line[1], title="its window")
    for ax, best in zip(line[2:], np.argsort(-weight, kind="stable"), strict=False):
        md.plots.show(patches[best].reshape(7, 7, 1), ax=ax, title=f"{weight[best]:.1%}")
    left = np.exp(-(weight[weight > 0] * np.log(weight[weight > 0])).sum())
    givers = (np.argsort(-weight, kind="stable")[:5] // 256).tolist()
    print(f"t = {t}: about {left:.2g} of {len(patches):,} candidates left; the best five are from training images {givers}")
plt.show()

# %% [markdown]
# ## Equivariance alone is not creative
#
# Two things were taken away from the ideal denoiser: sight beyond a window, and the sense of place. Which of them creates? Take
# them away one by one.
#
# - **IS**, the ideal score: sees all, knows its place.
# - **ES**, the equivariant score: sees all, does not know its place. By the derivation above, with the whole image as window, it
#   is the ideal score of all shifted training images.
# - **LS**: sees a window, knows its place.
# - **ELS**: sees a window, does not know its place.
#
# All four walk back from the same noises. A denoiser that may do less cannot be better, so the error on noised *training* images
# can only grow along IS, ES, ELS and along IS, LS, ELS. The last column is the distance to the nearest training image *over all
# its shifts*. A zero there is a copy.
#
# **Predict first.** Which of the four machines recite? Which give a shifted answer to a shifted question?

# %%
machines = {
    "IS": md.IdealScore(images, schedule),
    "ES": md.EquivariantScore(images, schedule),
    "LS": md.LocalScore(images, schedule, window=9),
    "ELS": md.EquivariantLocalScore(images, schedule, window=9),
}
noise = md.process.unit_noise((8, 16, 16, 1), 0)
noisy, walks = md.process.add_noise(images[:12], 0.6, schedule, rng=2), {}
print("       error at t = 0.6   equivariance gap   distance in place   over all shifts")
for name, machine in machines.items():
    guess = machine(noisy, 0.6)
    gap = np.abs(machine(rolled(noisy[:2]), 0.6) - rolled(guess[:2])).max()
    *_, last = md.process.ddim(machine, schedule, noise=noise[:5], steps=20)
    walks[name] = last.x
    in_place, over_shifts = (np.median(md.metrics.memorisation(last.x, images, moved).distance) for moved in (False, True))
    error = ((guess - images[:12]) ** 2).mean()
    print(f"{name:3}    {error:16.3f}   {gap:16.0e}   {in_place:17.2f}   {over_shifts:15.2f}")

# %%
# alt: IS shows whole digits, ES whole digits that are shifted and run over the border, LS changed digits, ELS new strokes.
fig, ax = plt.subplots(figsize=(7.5, 4), layout="constrained")
names = ["IS: all,\nown place", "ES: all,\nanywhere", "LS: window,\nown place", "ELS: window,\nanywhere"]
md.plots.rows(list(walks.values()), names, ax=ax)
plt.show()
found = md.metrics.memorisation(walks["ES"], images)
print("ES, each sample is a training image rolled (down, right) by:", *map(tuple, found.shift.tolist()))

# %% [markdown]
# <details><summary>Answer: what you have seen, and why</summary>
#
# IS and ES recite, LS and ELS do not. ES and ELS are equivariant (their gap is 0, or rounding), IS and LS are not. So the window
# creates, and the missing sense of place does not.
#
# </details>
#
# The samples of ES are training images, moved. A plain nearest-neighbour distance ("in place") takes them for new. So
# equivariance by itself changes only the position. The window makes the new pictures, and equivariance makes its dictionary
# large. (The digits run over the border, since a torus has none.)
#
# ## Mosaics, and where the pieces come from
#
# Without noise each pixel has one best candidate: the patch nearest to its window. The training image and the place of this
# candidate are the pixel's **provenance**. Neighbouring pixels that come from one training image at one shift form a *piece*.
# With a window of $k = 11$ at all times some samples have few and large pieces. Here are three, of eight, with 21 to 43 pieces.
# On the left are the sample and its pieces, one colour for each training image; then follow the training images that gave most,
# with the pixels that were taken from them.

# %%
# alt: Each sample is cut into coloured pieces; the largest come from one or two digits and the small ones from many others.
wide = md.EquivariantLocalScore(images[:60], schedule, window=11)
*_, last = md.process.ddim(wide, schedule, noise=noise, steps=20)
source, pieces = wide.provenance(last.x, 0.0), md.metrics.mosaic(wide, last.x)
fig, axes = plt.subplots(3, 7, figsize=(7.5, 4), layout="constrained")
for line, index in zip(axes, (0, 4, 5), strict=True):
    md.plots.provenance(last.x[index], source, pieces, images[:60], axes=line, index=index)
plt.show()

# %% [markdown]
# How many pieces, and how far is a sample from every training image? Compare with the training images themselves, which are one
# piece each, and with the typical distance between two of them. (Distances are root mean squares over pixels, over all shifts.)
#
# **Predict first.** How many pieces will a sample have for $k = 3$, and how many for $k = 15$, nearly the whole image?

# %%
typical = md.metrics.typical_distance(images)
print(f"two training images are typically {typical:.2f} apart; medians over {len(noise)} samples:\n")
print("            distance to the   training       pieces   largest piece,")
print("            nearest image     images used             share of pixels")
samples = {"training": images[:8]}
machines = {"training": md.EquivariantLocalScore(images, schedule, window=5)}
for k in (3, 7, 11, 15):
    machines[f"k = {k}"] = md.EquivariantLocalScore(images, schedule, window=k)
    *_, last = md.process.ddim(machines[f"k = {k}"], schedule, noise=noise, steps=20)
    samples[f"k = {k}"] = last.x
for name, x in samples.items():
    cut, near = md.metrics.mosaic(machines[name], x), md.metrics.memorisation(x, images).distance
    counts = [np.nanmedian(field) for field in (near, cut.images_used, cut.regions, cut.largest)]
    print("{:9}   {:15.2f}   {:11.0f}   {:9.0f}   {:15.2f}".format(name, *counts))

# %% [markdown]
# <details><summary>Answer: what you have seen, and why</summary>
#
# With $k = 3$ there are about 220 pieces for 256 pixels: nearly every pixel has a piece of its own, since a window of 9 numbers
# has near neighbours in almost every image. With $k = 15$ there is one piece: a window that is nearly the image recites.
#
# </details>
#
# In between, with $k = 7$, the samples are about as far from the training set as its own members are from each other, and yet
# they are made of its patches.
#
# ## What the walk converges to
#
# If the walk settles as $t \to 0$, it settles on a **locally consistent** image: every pixel equals the centre of the patch
# nearest to its own window. [Tutorial 03](03_windows.ipynb) derives this for LS. For ELS it is the same, with the patches of all
# places. Twenty [DDIM](reference.md#ddim) steps come only near it: the last guess was made at $t = 1/20$, with some noise left.
# So continue at $t = 0$: put every pixel to the centre of its nearest patch, again and again.

# %%
# alt: Settled samples have the same main strokes, but faint and thin parts have turned black, and one image is all black.
machine, x = machines["k = 7"], samples["k = 7"]
for sweep in range(21):
    if sweep in (0, 1, 3, 20):
        share = md.metrics.local_consistency(machine, x)
        print(f"after {sweep:2d} sweeps: {np.median(share):.2f} of the pixels are locally consistent (median)")
    x = machine(x, 0.0)
fig, ax = plt.subplots(figsize=(7.5, 2.2), layout="constrained")
md.plots.rows([samples["k = 7"], x], ["20 DDIM\nsteps", "settled"], ax=ax)
plt.show()

# %% [markdown]
# A settled sample does not look better: some small details become black, like the pixels around them. The derivation says what a
# limit looks like. It does not say which one is reached, nor that it looks like a digit.
#
# ## Coarse to fine: the window $k(t)$
#
# Which window should a pixel look through? No theory here predicts it; [KG](reference.md#kg) calibrate it on a trained network.
# Here is a variant of ours that needs no network: noise some images from *outside* the training set and see which window
# denoises them best. The largest window here is 13, the network's receptive field.

# %%
# alt: At t = 0.1 the error rises with the window, at 0.4 it is least at 7, at 0.8 it falls; the chosen window grows with t.
found = calibration.held_out(images, others, schedule, [3, 5, 7, 9, 11, 13], boundary="circular", steps=10)
best = found.scores.min(axis=1, keepdims=True)
print("error of each window / error of the best one, at each time\n\n   t  ", *(f"k = {k:<3}" for k in found.windows), "  chosen")
for t, ratios, k in zip(found.times, found.scores / best, found.table, strict=True):
    print(f"{t:5.1f}  ", *(f"{ratio:<7.1f}" for ratio in ratios), f" {k}")
fig, (left, right) = plt.subplots(1, 2, figsize=(7.5, 2.8), layout="constrained")
for index, t, colour, look in ((0, 0.1, "#0072B2", "o-"), (3, 0.4, "#E69F00", "s--"), (7, 0.8, "#000000", "^:")):
    left.plot(found.windows, found.scores[index], look, color=colour, label=f"t = {t}")
left.set(xlabel="window side k (pixels)", ylabel="mean squared error", yscale="log")
left.legend(fontsize=8)
md.plots.scale_table(found.table, ax=right)
plt.show()

# %% [markdown]
# At little noise the nearest pixels say almost everything, and a large window finds no similar patch in so small a training
# set. At much noise a few pixels say nothing, and only many together tell a stroke from noise. So the walk settles large shapes
# first, through large windows, and fine ones last, through small ones. Watch one sample.

# %%
# alt: The guess is a grey square at first, then a broad blur, then a stroke that gets sharper; the image follows later.
shrinking = md.EquivariantLocalScore(images, schedule, window=found.table)
steps = list(md.process.ddim(shrinking, schedule, noise=noise, steps=20))
fig, ax = plt.subplots(figsize=(7.5, 2.2), layout="constrained")
md.plots.trajectory(steps, ax=ax, sample=1)
plt.show()

# %% [markdown]
# ## Why not simply one window for all times?
#
# Here are three counter-examples from the same noises: always the smallest, always the largest, and the same windows in the
# wrong order, growing as the noise falls. Two numbers tell them apart: bright blobs per sample (a training digit is one blob)
# and the distance to the nearest training image.
#
# **Predict first.** Which of the three makes broken strokes, and which make near copies?


# %%
# alt: Always 3 gives scattered fragments; always 13 and growing give whole digits, shifted; shrinking gives whole new strokes.
def blobs(x):
    """How many connected bright regions an image (H, W, 1) has on the torus: neighbours pass on the lowest number."""
    bright = x[..., 0] > 0
    number = np.where(bright, np.arange(bright.size).reshape(bright.shape), bright.size)
    for _ in range(bright.size):
        around = [np.roll(number, step, axis) for axis in (0, 1) for step in (1, -1)]
        number = np.where(bright, np.minimum.reduce([number, *around]), bright.size)
    return len(np.unique(number[bright]))


samples = {}
for name, table in {"always 3": 3, "always 13": 13, "growing": found.table[::-1]}.items():
    *_, last = md.process.ddim(md.EquivariantLocalScore(images, schedule, window=table), schedule, noise=noise, steps=20)
    samples[name] = last.x
samples["shrinking"] = steps[-1].x
print("            blobs per sample   distance to the nearest training image (median)")
for name, x in samples.items():
    print(f"{name:9}   {np.mean([blobs(one) for one in x]):16.1f}   {np.median(md.metrics.memorisation(x, images).distance):.2f}")
print(f"training    {np.mean([blobs(one) for one in images]):16.1f}   {typical:.2f} (to each other, typically)")
fig, ax = plt.subplots(figsize=(7.5, 3.4), layout="constrained")
md.plots.rows(list(samples.values()), list(samples), ax=ax)
plt.show()

# %% [markdown]
# <details><summary>Answer: what you have seen, and why</summary>
#
# With 3 always, strokes break (3.4 blobs instead of 1), because no pixel sees where a stroke leads. With 13 always, or with
# growing windows, the walk *ends* with a large window, and then the nearest large patch decides: nearly a copy.
#
# </details>
#
# The shrinking window keeps strokes whole and is still new. (An empty sample, such as one among the settled ones above, is no
# error. A black window occurs in every training image, so an all-black image is locally consistent. A pixel of a local machine
# cannot see whether there is a digit elsewhere.)
#
# ## Why not simply paste random patches?
#
# A sample is a mosaic of copied patches. So why not cut random 4 x 4 patches and lay them side by side? Each piece is as real as
# those of ELS. The jump is the mean absolute difference between horizontal neighbours.
#
# **Predict first.** Where will the quilt be worse than the samples of ELS: inside its patches, at the seams, or in both?

# %%
# alt: Random patches give a patchwork of straight-cut squares; ELS gives strokes that are continuous.
rng = np.random.default_rng(0)
quilt = np.empty_like(samples["shrinking"])
for b, i, j in np.ndindex(len(quilt), 4, 4):
    n, row, column = rng.integers((len(images), 16, 16))
    quilt[b, 4 * i : 4 * i + 4, 4 * j : 4 * j + 4] = np.roll(images[n], (-row, -column), axis=(0, 1))[:4, :4]
jumps = np.abs(np.diff(quilt[..., 0], axis=2))
seams, inside = jumps[:, :, 3::4].mean(), np.delete(jumps, np.s_[3::4], axis=2).mean()
print(f"mean jump inside the pasted patches {inside:.2f}, across their seams {seams:.2f}")
for name, x in {"training images": images, "ELS samples": samples["shrinking"]}.items():
    print(f"mean jump in the {name}: {np.abs(np.diff(x[..., 0], axis=2)).mean():.2f}")
judge = md.EquivariantLocalScore(images, schedule, window=5)
settled = samples["shrinking"]
for _ in range(20):
    settled = judge(settled, 0.0)
for name, x in {"quilt": quilt, "ELS, 20 steps": samples["shrinking"], "ELS, settled": settled}.items():
    print(f"{name:13}: locally consistent through 5 x 5: {np.median(md.metrics.local_consistency(judge, x)):.2f}")
fig, ax = plt.subplots(figsize=(7.5, 2.2), layout="constrained")
md.plots.rows([quilt, samples["shrinking"]], ["random\npatches", "ELS"], ax=ax)
plt.show()

# %% [markdown]
# <details><summary>Answer: what you have seen, and why</summary>
#
# Only at the seams: inside the patches the jump is 0.22, about as in the training images (0.27), across the seams 0.73. But with
# patches of 4 x 4 every pixel is near a seam, and through a window of 5 x 5 only a third of the pixels are consistent.
#
# </details>
#
# Pasted patches do not depend on their neighbours. In ELS every pixel has a window of its own, the windows overlap, and each step
# moves every pixel towards what its neighbours now show. So the patches are not chosen first and glued then: they are chosen
# together, a little at a time.

# %% [markdown]
# ## The same in theory.py
#
# In [theory.py](../minidiff/theory.py) ELS is the rule `equivariant_local` (lines 152 to 154). It differs from the rule of LS in
# one argument of `through_windows` (lines 140 to 144): the places, which on a torus are the same for all pixels. ES is
# `equivariant` (lines 135 to 137), the ideal score of all `translations` (lines 97 to 99).

# %%
t, noisy = 0.3, md.process.add_noise(clean, 0.3, schedule, rng=0)
a, s = float(schedule.signal(t)), float(schedule.noise(t))
same = theory.denoise(theory.equivariant_local(few, 5, "circular"), noisy, a, s)
print(f"largest difference from theory.denoise: {np.abs(els(noisy, few, a, s, 5) - same).max():.0e}")

# %% [markdown]
# ## What to take along
#
# - A convolution on a torus is local and equivariant, and so is a stack of them: it cannot know what is outside its window, nor
#   where it is.
# - The best denoiser under both limits is ELS: the same softmax, with every patch of every training image as a candidate for
#   every pixel. All places have the same prior, since the error counts every pixel once.
# - Equivariance alone (ES) recites shifted images. The window makes mosaics, and equivariance lets their pieces come from
#   anywhere.
# - The window shrinks as the noise falls: large windows first, for shapes; small ones last, for details.
#
# **Try it.**
#
# 1. Take 20 training images at the top and run all again. How many of them does a sample use, and how far is it from the nearest?
# 2. Set `digits = md.datasets.glyphs(count=1100)[0]` there. Letters have sharp corners. Which pieces travel?
# 3. Give `shrinking` the window `lambda t: 3 if t < 0.5 else 13`. Do you need the steps in between?
#
# <details><summary>Answers</summary>
#
# 1. All 20, with the shrinking window and with $k = 3$ (19 with 7, about 10 with 11). The distance to the nearest is 0.46 with
#    the shrinking window; with 120 images it is 0.43. Two of the 20 images are typically 0.56 apart. So few images suffice for
#    new ones.
# 2. Mostly single pixels: a sample has about 107 pieces from 67 letters. The few larger pieces are ends and corners of strokes,
#    such as the foot of a Z (21 pixels) and the serif of a J (10 pixels).
# 3. Hardly: samples correlate by 0.99 with those of all steps (median), with the same 1.1 blobs, and they are a little nearer to
#    the training images (0.40 instead of 0.43).
#
# </details>
#
# **Play.** `minidiff explore` writes a page for your browser. In its part d you point at any pixel of a mosaic, and see its
# window, its candidates with their weights, and the training images that they come from.
#
# **Next:** [04b Write your own machine](04b_your_own_machine.ipynb), or [05 Edges: how padding tells a pixel where it
# is](05_edges.ipynb)
