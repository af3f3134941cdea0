# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 2. The ideal denoiser recites
#
# **Question.** What is the best denoiser that a training set allows, and what comes out when we walk back with it?
#
# **Time.** About 40 minutes to read, fifteen seconds to run.
#
# **Equations.** $\hat x_0 = \sum_n w_n y_n$ with $w = \mathrm{softmax}_n\left(-|x - a y_n|^2 / 2s^2\right)$
# ([KG](reference.md#kg); [AMB](reference.md#amb)), derived here; attention; the modern Hopfield update ([RAM](reference.md#ram);
# [AMB](reference.md#amb)); non-local means ([NLM](reference.md#nlm)).
#
# **Prerequisites.** NumPy, Bayes' rule; tutorial [01](01_noise_and_the_way_back.ipynb). Letters and words are collected in the
# [reference](reference.md).

# %% [markdown]
# ## Derive it: a posterior mean
#
# Let the training set be $y_1, \dots, y_N$. An image is drawn from it, each with probability $1/N$, and noised:
# $x = a y_n + s \varepsilon$. We see $x$ and do not know $n$. What is the best guess of the image?
#
# **Step 1: the mean.** The guess with the smallest mean squared error is the mean of what it could be
# ([tutorial 01](01_noise_and_the_way_back.ipynb) derives this): $\hat x_0 = E[x_0 \mid x] = \sum_n \Pr(n \mid x)\, y_n$.
#
# **Step 2: the probabilities.** If it was image $n$, then the noise was $\varepsilon = (x - a y_n)/s$. Each of its $D$ numbers is
# normal, so the density of seeing this $x$ is $(2 \pi s^2)^{-D/2}\, e^{-|x - a y_n|^2 / 2 s^2}$. By Bayes' rule
#
# $$
# w_n = \Pr(n \mid x) = \frac{\frac1N\, (2 \pi s^2)^{-D/2}\, e^{-|x - a y_n|^2 / 2 s^2}}
# {\sum_m \frac1N\, (2 \pi s^2)^{-D/2}\, e^{-|x - a y_m|^2 / 2 s^2}}
# = \frac{e^{-|x - a y_n|^2 / 2 s^2}}{\sum_m e^{-|x - a y_m|^2 / 2 s^2}} ,
# $$
#
# since the factors that all images share cancel. Together:
#
# $$
# \hat x_0 = \sum_n w_n\, y_n, \qquad w = \mathrm{softmax}_n\left(-\frac{|x - a y_n|^2}{2 s^2}\right) .
# $$
#
# There is no training, no network and no free parameter. A weighted average of the training set, with a softmax for weights:
# that is the whole machine, and it fits in four lines. (Here $n$ and $m$ number the training images.)

# %%
import matplotlib.pyplot as plt
import numpy as np

import minidiff as md
from minidiff import theory

every_digit = md.datasets.digits(size=16)[0]
digits, others = every_digit[:300], every_digit[300:600]
schedule = md.schedules.cosine()


def weights(x, t, images=digits):
    a, s = float(schedule.signal(t)), float(schedule.noise(t))
    distance = ((x - a * images) ** 2).sum(axis=(1, 2, 3))
    w = np.exp(-(distance - distance.min()) / (2 * s**2))
    return w / w.sum()


def ideal(x, t, images=digits):
    return np.tensordot(weights(x, t, images), images, axes=1)


# %%
# alt: The noisy image shows nothing to the eye; the guess is a blend of five similar digits, and the first has weight 0.41.
x = md.process.add_noise(digits[7], 0.75, schedule, rng=0)
top = np.argsort(-weights(x, 0.75))[:5]
fig, axes = plt.subplots(1, 7, figsize=(7.5, 1.6), layout="constrained")
md.plots.show(x, ax=axes[0], title="x, t = 0.75")
md.plots.show(ideal(x, 0.75), ax=axes[1], title="x0_hat")
for ax, n in zip(axes[2:], top, strict=True):
    md.plots.show(digits[n], ax=ax, title=f"w = {weights(x, 0.75)[n]:.2f}")
plt.show()

# %% [markdown]
# The package's `md.IdealScore` is the same formula. It reads the training set in pieces, so that it is fast, and it takes care of
# low noise. Compare ours with it.

# %%
machine = md.IdealScore(digits, schedule)
for t in (0.1, 0.5, 0.9):
    x = md.process.add_noise(digits[7], t, schedule, rng=0)
    print(f"t = {t}: largest difference from md.IdealScore {np.abs(ideal(x, t) - machine(x, t)).max():.0e}")

# %% [markdown]
# And compare the formula with the world that it describes. Take images of one pixel and a training set of three: $-1$, $0.2$ and
# $1$. Noise them three million times. Keep the cases in which $x$ came out near a chosen value, and look which image it was.

# %%
one_pixel = np.array([-1.0, 0.2, 1.0])
a, s = float(schedule.signal(0.6)), float(schedule.noise(0.6))
rng = np.random.default_rng(8)
n = rng.integers(3, size=3_000_000)
x = a * one_pixel[n] + s * rng.standard_normal(len(n))
print("  x     share of each image, counted     weights, by the formula       mean, counted and by the formula")
for seen in (-0.5, 0.1, 0.6):
    kept = n[np.abs(x - seen) < 0.02]
    counted = np.bincount(kept) / len(kept)
    w = np.exp(-((seen - a * one_pixel) ** 2) / (2 * s**2))
    w /= w.sum()
    shares = "   ".join(" ".join(f"{value:6.3f}" for value in pair) for pair in (counted, w))
    print(f"{seen:4.1f}       {shares}            {counted @ one_pixel:6.3f} {w @ one_pixel:6.3f}")

# %% [markdown]
# ## Is it really the best?
#
# Change it and see. Make the softmax sharper or flatter by a temperature $\tau$, so that its weights are a softmax of
# $-|x - a y_n|^2 / 2 s^2 \tau$. A small $\tau$ is more certain than the formula, a large one less.
#
# **Predict first.** For which $\tau$ will the mean squared error be smallest? Is a more certain guess better?

# %%
t, repeats = 0.75, 10
clean = np.tile(digits, (repeats, 1, 1, 1)).reshape(-1, 256)
a, s = float(schedule.signal(t)), float(schedule.noise(t))
x = a * clean + s * md.process.unit_noise(clean.shape, rng=1)
y = digits.reshape(-1, 256)
distance = np.stack([((x - a * image) ** 2).sum(axis=1) for image in y], axis=1)
distance -= distance.min(axis=1, keepdims=True)
for tau in (0.25, 0.5, 1.0, 2.0, 4.0):
    w = np.exp(-distance / (2 * s**2 * tau))
    guess = w / w.sum(axis=1, keepdims=True) @ y
    print(f"tau = {tau:4.2f}: mean squared error {((guess - clean) ** 2).mean():.4f}")

# %% [markdown]
# <details><summary>Answer: what you have seen, and why</summary>
#
# The error is smallest at $\tau = 1$, the formula itself, and it grows on both sides. Being more certain than the evidence allows
# costs as being less certain does: if the weights are .6 and .4, then the second image is the right one in four of ten cases.
#
# </details>
#
# ## And it recites
#
# Now walk back with it, from 100 noises. For each sample, find the nearest training image. The number above each column is the
# root-mean-square distance between the two.
#
# **Predict first.** How many of the 100 samples will be a training image, to 1 % of the range? Will there be 100 different ones?

# %%
# alt: Each sample and the training image below it are the same picture; the distance above every column is 0.00.
noise = md.process.unit_noise((100, 16, 16, 1), rng=2)
*_, last = md.process.ddim(machine, schedule, noise=noise, steps=20)
found = md.metrics.memorisation(last.x, digits, translations=False)
print(f"samples that are a training image, to 1 % of the range: {(found.distance < 0.02).sum()} of {len(noise)}")
print(f"different training images among them: {len(np.unique(found.nearest))} of {len(digits)}")
fig, ax = plt.subplots(figsize=(7.5, 2.2), layout="constrained")
md.plots.nearest(last.x[:8], digits, md.metrics.Memorisation(*(field[:8] for field in found)), ax=ax)
plt.show()

# %% [markdown]
# <details><summary>Answer: what you have seen, and why</summary>
#
# All 100 are training images. They are 82 different ones: each noise chooses an image, and some are chosen twice, as when 100
# times one of 300 is drawn by lot (then about 85 different ones are expected).
#
# </details>
#
# Every sample is a copy. It must be so. Let image 1 be the nearest to $x$, in the sense of $|x - a y_n|^2$, and image 2 the
# second. The ratio of their weights is $w_2 / w_1 = e^{-(|x - a y_2|^2 - |x - a y_1|^2) / 2 s^2}$. As $s$ goes to 0, this goes to
# 0: image 1 gets all the weight, and the guess is that one image. The best possible denoiser creates nothing.
#
# ## When does it decide?
#
# Watch the weights along the walk. How many candidates are left? If $N$ candidates have the weight $1/N$ each, the answer should
# be $N$, and if one has all the weight, it should be 1. Such a number is $\exp(-\sum_n w_n \log w_n)$, the exponential of the
# entropy. In the figure thin lines are walks, and the thick line is their median.
#
# **Predict first.** At which time, between 1 (noise) and 0 (clean), will fewer than two candidates be left?


# %%
# alt: From 300 at t = 1 all curves fall to a single candidate by about t = 0.4, when x is still mostly noise to the eye.
def candidates_left(w):
    return np.exp(-(w * np.log(np.maximum(w, 1e-30))).sum())


def race(images, noise, steps=80):
    """Times (steps,), and the number of candidates left along each walk, (steps, B)."""
    times, x, left = np.linspace(1, 0, steps + 1), float(schedule.noise(1.0)) * noise, []
    walk = md.process.ddim(md.IdealScore(images, schedule), schedule, noise=noise, times=times)
    for t, step in zip(times, walk, strict=False):
        left.append([candidates_left(weights(one, t, images)) for one in x])
        x = step.x
    return times[:-1], np.array(left)


times, left = race(digits, noise[:40])
middle = np.median(left, axis=1)
print(f"candidates left: {middle[0]:.0f} at t = 1, fewer than 2 from t = {times[middle < 2].max():.2f} on")
fig, ax = plt.subplots(figsize=(6, 2.8), layout="constrained")
ax.semilogy(times, left, color=md.plots.PALETTE[1], linewidth=0.5)
ax.semilogy(times, middle, color="black", linewidth=2)
ax.invert_xaxis()
ax.set_xlabel("time t (0 is clean), walking to the right")
ax.set_ylabel("candidates left")
plt.show()

# %% [markdown]
# <details><summary>Answer: what you have seen, and why</summary>
#
# At about $t = 0.6$ (median). There, $s/a$ is 1.4: the noise is stronger than the signal, and the eye sees little. But 256 pixels
# together say much: what counts is the *sum* of the squared differences over all pixels, and at this $t$ two digits differ by
# many times $2 s^2$.
#
# </details>
#
# The choice is made early, while the image is still mostly noise. After that the walk only removes the noise from a picture that
# is already chosen.
#
# ## The landscape
#
# The density of noisy images is a mean of $N$ normal densities, one around each $a y_n$:
#
# $$
# p_t(x) = \frac 1N \sum_n \mathcal N(x;\, a y_n,\, s^2 I) .
# $$
#
# Walk in a straight line from one training image to another and plot $\log p_t$.
#
# **Predict first.** Draw the curve for much noise and for little noise. How many hills has each?

# %%
# alt: With much noise there is one flat hill between the two digits; the less noise, the deeper the valley between two peaks.
blend = np.linspace(-0.3, 1.3, 81)
looks = (("#CC79A7", ":"), ("#E69F00", "-."), ("#56B4E9", "--"), ("#000000", (0, (6, 1, 1, 1, 1, 1))), ("#0072B2", "-"))
fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
for t, (colour, dashes) in zip((0.95, 0.85, 0.75, 0.65, 0.55), looks, strict=True):
    line = np.stack([(1 - b) * digits[0] + b * digits[1] for b in blend]).astype(np.float64)
    height = machine.log_density(float(schedule.signal(t)) * line, t)
    ax.plot(blend, height - height.max(), color=colour, linestyle=dashes, label=f"t = {t}")
ax.set_xticks([0, 1], ["digit 0", "digit 1"])
ax.set_ylabel("log density, relative\nto the highest")
ax.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown]
# <details><summary>Answer: what you have seen, and why</summary>
#
# At much noise there is one hill: the normal densities are wider than the digits are apart, and the two images cannot be told
# apart. At little noise there are two peaks with a valley between them. A walk that comes from one hill must go to one of the
# peaks: the valley is what makes it decide.
#
# </details>
#
# The score is the slope of this landscape: $(a \hat x_0 - x)/s^2 = \nabla \log p_t(x)$, as derived in
# [tutorial 01](01_noise_and_the_way_back.ipynb). Take a step in a random direction, and compare with a numerical derivative.

# %%
rng = np.random.default_rng(3)
t = 0.75
x = md.process.add_noise(digits[7].astype(np.float64), t, schedule, rng=rng)
direction = rng.standard_normal(x.shape)
step = 1e-4 * direction
slope = (machine.log_density(x + step, t) - machine.log_density(x - step, t)) / 2e-4
print(f"slope of log p_t in this direction: {slope:.4f}; score times direction: {(machine.score(x, t) * direction).sum():.4f}")

# %% [markdown]
# ## It is an attention layer
#
# Expand the square: $|x - a y_n|^2 = |x|^2 - 2a\, x \cdot y_n + a^2 |y_n|^2$. The first term, $|x|^2$, is one number, the same
# for every image $n$. If the same number is added to all exponents of a softmax, every $e^{\dots}$ is multiplied by the same
# factor, and the factor cancels in the fraction. So the first term may be left out:
#
# $$
# \hat x_0 = \sum_n \mathrm{softmax}_n\left( Q \cdot y_n - \frac{a^2}{2 s^2} |y_n|^2 \right) y_n, \qquad Q = \frac{a}{s^2}\, x .
# $$
#
# These are a query $Q$, keys $y_n$, values $y_n$, and a bias for each key, the term with $|y_n|^2$. So it is one attention layer.
# Keys and values are the training set.


# %%
# alt: At t = 0.6 only the diagonal is bright, at 0.8 it is mixed with other bright spots, at 0.95 all weights look alike.
def softmax(logits):
    w = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return w / w.sum(axis=-1, keepdims=True)


def attention(x, t, keys, values):
    a, s = float(schedule.signal(t)), float(schedule.noise(t))
    w = softmax((a * x @ keys.T - a**2 / 2 * (keys**2).sum(axis=1)) / s**2)
    return w, w @ values


y = digits.reshape(len(digits), -1).astype(np.float64)
double = md.IdealScore(digits.astype(np.float64), schedule)
fig, axes = plt.subplots(1, 3, figsize=(7.5, 2.6), layout="constrained")
for ax, t in zip(axes, (0.6, 0.8, 0.95), strict=True):
    x = md.process.add_noise(digits[:20].astype(np.float64), t, schedule, rng=4)
    w, guess = attention(x.reshape(20, -1), t, keys=y, values=y)
    gap = np.abs(guess.reshape(x.shape) - double(x, t)).max()
    print(f"t = {t}: largest difference between attention and the ideal score {gap:.0e}")
    drawn = ax.imshow(np.maximum(w[:, :20], 1e-4), norm="log", vmin=1e-4, vmax=1, cmap="magma")
    ax.set_title(f"t = {t}", fontsize=10)
    ax.set_xlabel("training image (key)")
axes[0].set_ylabel("noisy image (query)")
fig.colorbar(drawn, ax=axes, label="attention weight")
plt.show()

# %% [markdown]
# The pictures are attention maps, on a logarithmic scale, with the first 20 of the 300 keys. Each query is a training image with
# noise. At low noise its largest weight is on that image; at high noise all images weigh about the same.
#
# ## Why not simply expand the square, then?
#
# With the expanded square most of the work is a matrix product, for which there are fast programs. Why does the package compute
# differences? The reason is float32 at low noise. An image's distance to itself is 0 by differences. When the square is expanded,
# it is a difference of large rounded numbers. The rounding error is then divided by a tiny $2 s^2$ and put into an exponential.

# %%
flat = digits.reshape(len(digits), -1)
square = (flat * flat).sum(axis=1)
expanded = np.diag(square[:, None] - 2 * flat @ flat.T + square)
differences = ((flat - flat) ** 2).sum(axis=1)
print("distance to itself is exactly 0 by differences:", bool((differences == 0).all()))
print("distance to itself is exactly 0 when expanded: ", bool((expanded == 0).all()))
off = np.abs(expanded).max() / (2 * float(schedule.noise(0.003)) ** 2)
print("some weight would be off by a factor of more than 2 at t = 0.003:", bool(off > np.log(2)))

# %% [markdown]
# ## It is a modern Hopfield network
#
# A Hopfield network stores patterns and recalls the one that a damaged input resembles most. The modern, continuous kind does
# it by $\xi \leftarrow \sum_n \mathrm{softmax}_n(\beta\, y_n \cdot \xi)\, y_n$ ([RAM](reference.md#ram); [AMB](reference.md#amb)
# compares it with diffusion). That is the attention layer above without the bias. If all patterns have the same length, the bias
# is the same number for all and cancels. So for patterns of equal length one recall *is* one ideal guess, with $\beta = a / s^2$.

# %%
patterns = y - y.mean(axis=1, keepdims=True)
patterns /= np.linalg.norm(patterns, axis=1, keepdims=True)
stored = patterns.reshape(digits.shape)
recaller = md.IdealScore(stored, schedule)


def recall(xi, beta):
    return (softmax(beta * xi.reshape(len(xi), -1) @ patterns.T) @ patterns).reshape(xi.shape)


for t in (0.05, 0.2, 0.5):
    x = md.process.add_noise(stored[:10], t, schedule, rng=5)
    beta = float(schedule.signal(t) / schedule.noise(t) ** 2)
    print(f"t = {t:.2f}, beta = {beta:6.1f}: largest difference {np.abs(recall(x, beta) - recaller(x, t)).max():.0e}")

# %% [markdown]
# To see recall at work, we erase the lower half of each digit.
#
# **Predict first.** A small $\beta = a/s^2$ stands for much noise, a large one for little. Which brings back one digit, which an
# average of many? Will the digit be the right one?

# %%
# alt: beta = 2 gives the same blur for all, 20 gives blends, 200 sharp digits; the second and the last are not the stored ones.
halves = stored[10:18].copy()
halves[:, 8:] = 0
betas = (2, 20, 200)
recalled = [recall(halves, beta) for beta in betas]
again = recall(recalled[-1], betas[-1])
right = (np.argmax(again.reshape(8, -1) @ patterns.T, axis=1) == np.arange(10, 18)).sum()
print(f"recalled the right digit at beta = {betas[-1]}: {right} of 8")
stacks = [one / np.abs(one).max(axis=(1, 2, 3), keepdims=True) for one in (stored[10:18], halves, *recalled)]
fig, ax = plt.subplots(figsize=(7, 4.4), layout="constrained")
md.plots.rows(stacks, ["stored", "damaged", *[f"beta = {beta}" for beta in betas]], ax=ax)
plt.show()

# %% [markdown]
# <details><summary>Answer: what you have seen, and why</summary>
#
# With $\beta = 200$ one digit comes back, with $\beta = 2$ the average of nearly all. Recall finds the stored digit that fits
# what is left, and half a digit can fit another one better: 6 of these 8 are right, and of all 300 digits 211.
#
# </details>
#
# ## It is non-local means
#
# Non-local means ([NLM](reference.md#nlm)) denoises one photograph with itself: replace each pixel by an average of all pixels,
# weighted by how alike the small patches around them are. For the pixel $p$ the weight of pixel $u$ is proportional to
# $e^{-|\text{patch at } p\, -\, \text{patch at } u|^2 / 2 s^2}$. It is the same softmax again. What is compared is a patch
# instead of an image, and the candidates come from the noisy image instead of a training set.
#
# So a machine that compares patches, given the noisy image as its *training set* and a schedule with $a = 1$, must be non-local
# means. Here is NLM by its definition, with patches of 3 x 3 on a torus, and the machine of tutorial [04](04_anywhere.ipynb).


# %%
# alt: The flat dark cloth is freed of coloured noise, the white collar keeps its edge; the error falls from 0.30 to 0.16.
def non_local_means(image, side, s):
    height, width, _ = image.shape
    reach = range(-(side // 2), side // 2 + 1)
    patches = np.stack([np.roll(image, (-i, -j), (0, 1)) for i in reach for j in reach], axis=2).reshape(height * width, -1)
    answer = np.empty((height * width, image.shape[2]))
    for p, patch in enumerate(patches):
        answer[p] = softmax(-((patches - patch) ** 2).sum(axis=1) / (2 * s**2)) @ image.reshape(height * width, -1)
    return answer.reshape(image.shape)


crop = md.datasets.photo(count=2, size=32, across=2)[0][1].astype(np.float64)
noisy = crop + 0.3 * md.process.unit_noise(crop.shape, rng=6)
ve = md.schedules.ve()
t = 0.53
by_definition = non_local_means(noisy, 3, float(ve.noise(t)))
by_machine = md.EquivariantLocalScore(noisy[None], ve, window=3)(noisy, t)
print(f"largest difference between the two: {np.abs(by_definition - by_machine).max():.0e}")
shown = {"photo": crop, "noisy": noisy, "non-local means": by_machine}
fig, axes = plt.subplots(1, 3, figsize=(7.5, 2.7), layout="constrained")
for ax, (name, image) in zip(axes, shown.items(), strict=True):
    md.plots.show(image, ax=ax, title=f"{name}: rms error {np.sqrt(((image - crop) ** 2).mean()):.2f}")
plt.show()

# %% [markdown]
# One formula, four names:
#
# | | what is seen | candidates | what is averaged |
# |---|---|---|---|
# | ideal denoiser | the noisy image | training images | training images |
# | attention layer | a query | keys | values |
# | modern Hopfield network | a damaged pattern | stored patterns | stored patterns |
# | non-local means | a patch of the noisy image | patches of the same image | their centre pixels |
#
# The last row leads to the next tutorial. There the patches come from the *training set*.
#
# ## Why not simply train a bigger network, and longer?
#
# A diffusion model is trained to guess $x_0$, or the noise, with the smallest mean squared error on its training set
# ([DDPM](reference.md#ddpm); tutorial [06b](06b_training.ipynb)). We have just seen the function that reaches the smallest error
# there is. By [tutorial 01](01_noise_and_the_way_back.ipynb) the extra error of a network is its squared distance to this
# function. So the nearer a network comes to the smallest error, the nearer it comes to a denoiser that recites. Compare three
# denoisers, on the images they were made from and on other digits: the ideal one; one whose pixels see a window of 5 x 5
# (tutorial [03](03_windows.ipynb)); and the best linear one.
#
# **Predict first.** Which has the smallest error on its training images, and which on digits that it has not seen?

# %%
denoisers = {
    "ideal": machine,
    "window": md.LocalScore(digits, schedule, window=5, boundary="zeros"),
    "linear": md.Wiener(digits, schedule),
}
t = 0.2
print(f"mean squared error at t = {t}    training set   other digits")
for name, denoiser in denoisers.items():
    errors = []
    for clean in (digits, others):
        x = md.process.add_noise(clean, t, schedule, rng=7)
        errors.append(((denoiser(x, t) - clean) ** 2).mean())
    print(f"{name:6s} {errors[0]:34.4f} {errors[1]:14.4f}")

# %% [markdown]
# <details><summary>Answer: what you have seen, and why</summary>
#
# The ideal denoiser is the best on its training images, and the worst on others: it answers with a training digit, even if the
# true digit is not among them. The linear one is the worst on the training images, and the best on others.
#
# </details>
#
# The better one of these is on the training set, the worse it is on images that it has not seen: the order of the first column is
# the reverse of the second. The loss that is minimised does not ask for new images. Whatever is new in a model's samples comes
# from what keeps it *away* from this minimum.
#
# ## Why not simply take more training images?
#
# Then it recites more images, and decides a little later, since there are more candidates. Nothing else changes:

# %%
for count in (30, 300, 1797):
    images = every_digit[:count]
    times, left = race(images, noise[:20])
    decided = times[np.median(left, axis=1) < 2].max()
    *_, last = md.process.ddim(md.IdealScore(images, schedule), schedule, noise=noise, steps=20)
    far = md.metrics.memorisation(last.x, images, translations=False).distance
    print(f"N = {count:4d}: fewer than 2 candidates from t = {decided:.2f} on; copies: {(far < 0.02).sum()} of {len(noise)}")

# %% [markdown]
# ## The same in theory.py
#
# [theory.py](../minidiff/theory.py) is the theory of these tutorials in plain NumPy, written once for all machines, and the
# package is tested against it. The softmax of this tutorial is `weigh` (lines 166 to 174). What an image is compared with is a
# rule, here `ideal` (lines 129 to 132), and the weighted mean is `denoise` (lines 185 to 200). All other machines only change
# the rule.

# %%
t, x = 0.75, md.process.add_noise(digits[7], 0.75, schedule, rng=0)
same = theory.denoise(theory.ideal(digits), x, float(schedule.signal(t)), float(schedule.noise(t)))
print(f"largest difference from theory.denoise: {np.abs(ideal(x, t) - same).max():.0e}")

# %% [markdown]
# ## What to take along
#
# - The best denoiser of a training set is a softmax over it; it has no parameters, and no network can have a smaller loss.
# - An attention layer, a Hopfield network and non-local means have the same formula. They differ only in what is compared and in
#   what the candidates are.
# - It decides early, and then it copies. A model that makes something new must be *unable* to be this.
#
# **Try it.**
#
# 1. Put `digits[:3]` instead of `digits` into `race`. When is it decided?
# 2. Store 300 copies of the *same* digit, each with a little noise of its own (standard deviation 0.1). Do walks end in copies?
# 3. In `halves`, erase the upper half instead of the lower one. How many of the eight come back?
#
# <details><summary>Answers</summary>
#
# 1. Earlier: fewer than two candidates are left from $t = 0.9$ on, instead of 0.6. There are only three, and they differ much.
# 2. Yes: all 100 walks end in one of the stored copies, in 83 different ones, with the noise that each copy had. But it is
#    decided later, at $t = 0.26$: the copies differ only by their small noise, and more of the added noise must go before it can
#    be seen.
# 3. Again 6 of 8. Of all 300 digits 208 come back (with the lower half erased: 211).
#
# </details>
#
# **Play.** `minidiff explore` writes a page for your browser. Its parts a and b show the idea of this tutorial: drag noise over
# an image, and walk back from noise with a denoiser that recites.
#
# **Next:** [03 Windows: creativity from not seeing](03_windows.ipynb)
