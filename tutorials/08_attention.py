# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 8. Attention makes the mosaic agree
#
# **Question.** A mosaic's pieces do not know of each other. What happens when distant places may exchange what they have seen?
#
# **Time.** About an hour to read, one minute to run.
#
# **Equations.** $x_t = a x_0 + s \varepsilon$; the ELS machine (KG; tutorials 04 and 05); softmax attention; the machine that
# hears the mean, pooled evidence, and when it is exact (ours, derived below).
#
# **Prerequisites.** Tutorials [04](04_anywhere.ipynb) and [07](07_the_theory_predicts.ipynb); what a softmax is.

# %%
import matplotlib.pyplot as plt
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

import minidiff as md
from minidiff import theory

orange, sky, green, yellow, blue, red, pink = md.plots.PALETTE
images, colours = md.datasets.colour_patterns(count=300, size=16)
SIDE = images.shape[1]

# %% [markdown]
# ## What is published, and what is ours
#
# FKTB study a score network that is a CNN with one self-attention layer at the end. Their theory suggests, and their
# experiments on crafted pictures of coloured patterns show, that attention makes local features consistent over the whole
# image, beyond the patch mosaics of a CNN alone. That claim is theirs. The data below, the networks, the analytic machine and
# every number here are ours.
#
# ## A rule that no small window can see
#
# Each training image has four small shapes, each chosen by itself among eight motifs. **All four have one colour**, one of
# three. The shapes are 5 pixels wide with 3 pixels between them. A pixel of a shape that sees 7 x 7 pixels, as our networks do,
# sees no other shape. A network that cannot look further has to guess: four shapes agree by chance in one picture of 27.

# %%
# alt: A row of twelve small pictures. Each has four small shapes on black, such as squares, crosses and triangles, and all four
# have one colour: red, green or blue.
on = (images.max(axis=3) > -1).any(axis=0)
places = np.zeros((SIDE, SIDE), int)
for number, (row, column) in enumerate([(1, 1), (1, 9), (9, 1), (9, 9)], 1):
    places[row : row + 5, column : column + 5] = number
print(f"pixels ever coloured lie in the four places: {bool((on <= (places > 0)).all())}")
in_sight = [sliding_window_view(np.pad(places == number, 3), (7, 7)).any(axis=(2, 3)) for number in (1, 2, 3, 4)]
counted = np.sum(in_sight, axis=0)
print(f"places in sight of a shape's pixel, at most: {counted[places > 0].max()}; of any pixel: {counted.max()}")
fig, ax = plt.subplots(figsize=(7.5, 0.75), layout="constrained")
md.plots.grid(images[:12], columns=12, ax=ax)
plt.show()

# %% [markdown]
# (A pixel in the gap does see a corner of more than one shape. So colours could creep from shape to shape over many steps. We
# take chance from experiment, too, not only from counting.)
#
# ## A judge
#
# `md.judges.one_colour` takes the pixels that are at least a third as bright as the palette, gives each the nearest of the
# three hues, and calls a picture consistent if 95 % of them agree. A blank picture has no colour and obeys nothing; its share
# is reported by itself.

# %%
other = md.datasets.colour_patterns(count=300, rng=9)[0]
half = np.where((places % 2 == 0)[..., None], images, np.roll(images, 1, axis=0))
differs = colours != np.roll(colours, 1)
cases = {"training images": images, "new ones, by the rule": other, "two and two of different colours": half[differs]}
cases |= {"a quarter as bright": (images + 1) / 4 - 1, "blank": -np.ones((5, SIDE, SIDE, 3))}
cases["with noise of 0.2"] = images + 0.2 * md.process.unit_noise(images.shape, rng=1)
for name, x in cases.items():
    verdict = md.judges.one_colour(x)
    print(f"{name:33} one colour: {verdict.consistent.sum():3} of {len(x)}, blank: {verdict.blank.sum():3}")

# %% [markdown]
# ## Four networks
#
# Four networks come with the package, with the same convolutions (receptive field 7), the same training set, the same 3,000
# steps.
#
# - *CNN*: convolutions only.
# - *identity*: one attention layer at the end, in which every pixel attends to itself only. This is the control: it has the
#   same parameters, but its pixels tell each other nothing.
# - *top-1*: every pixel attends to a single place, the one with the largest score.
# - *softmax*: the usual attention, over all pixels.
#
# All start from the same 30 noises; twelve of the samples are drawn.

# %%
# alt: Four rows of twelve samples from the same noises. In the rows of the CNN and the control, red, green and blue are mixed
# within most pictures. In the rows of top-1 and softmax nearly every picture has one colour, and a few are nearly black.
KINDS = {"CNN": "none", "identity": "identity", "top-1": "top1", "softmax": "softmax"}
networks = {kind: md.nets.load(f"colour_patterns-{name}") for kind, name in KINDS.items()}
schedule = networks["CNN"].schedule
noise = md.process.unit_noise((30, SIDE, SIDE, 3), rng=0)
shades = {"CNN": blue, "identity": red, "top-1": pink, "softmax": orange}


def walk(denoiser, noise=noise):
    return list(md.process.ddim(denoiser, schedule, noise=noise, steps=20))


walks = {kind: walk(network) for kind, network in networks.items()}
samples = {kind: steps[-1].x for kind, steps in walks.items()}
fig, ax = plt.subplots(figsize=(7.5, 2.5), layout="constrained")
md.plots.rows([x[:12] for x in samples.values()], list(samples), ax=ax)
plt.show()

# %% [markdown]
# The CNN and the control make mosaics of colour. With attention, whole pictures are red, green or blue. The table has the
# numbers, with Wilson's 95 % intervals. "New" means: at least 0.1 (root mean square) from every training image at every
# translation; one other motif makes 0.12 or more. The last column says how shape-like a picture is: the distance of its 5 x 5
# patches to the nearest training patch, 0 for a training image.


# %%
def told(share):
    return f"{share.count:2} of {share.of:2} [{100 * share.low:2.0f} to {100 * share.high:3.0f} %]"


def report(name, x, images=images, patches=None):
    found = md.judges.report(md.judges.one_colour(x), x, images)
    end = "" if patches is None else f"   patches {np.median(md.metrics.patch_distance(patches, x)):.2f}"
    print(f"{name:24} one colour {told(found.consistent)}, of these new {found.new.count:2}, blank {found.blank.count}{end}")
    return found


patches = md.EquivariantLocalScore(images, schedule, window=5, boundary="zeros")
for kind, x in samples.items():
    report(kind, x, patches=patches)
print(f"by chance: {100 / 27:.1f} %")

# %% [markdown]
# One attention layer is enough, and its parameters alone do nothing: the control has them too. A single place to look at
# (top-1) is enough. The networks do not recite; their consistent pictures are new. And attention corrects the colour only. None
# of these networks draws shapes as clean as the data's; shapes wander from their four places, for a pixel far from the border
# does not know where it is (tutorial [05](05_edges.ipynb)), and some are missing. (A picture of two shapes has one colour by
# chance in one of three cases. That is far from enough: [results.md](results.md) counts it, and repeats all this with three
# trainings of each network.) Attention has a cost, too: a few pictures come out blank.
#
# ## What does a pixel attend to?
#
# Row $p$ of the attention matrix says where pixel $p$ looks. We follow one sample of the softmax network, and two of its
# pixels: one that is blue on the way and ends green, one that stays black (white squares). The first row is the guess
# $\hat x_0$. The next two show where the two pixels look: the brighter, the more. The last row shows where all pixels of all 30
# samples look, on average.

# %%
# alt: Four rows of six maps from t = 1.00 to 0.05. Above, a guess whose blue pieces turn green. Below, the attention of a pixel
# that turns green moves to a green shape far away; that of a black pixel, and the mean of all, move to a column at the right
# rim.
network, shown = networks["softmax"], 1
starts = [float(schedule.noise(1.0)) * noise] + [step.x for step in walks["softmax"][:-1]]
times = [1.0] + [step.t for step in walks["softmax"][:-1]]
chosen = (0, 4, 8, 12, 16, 19)
maps = {i: network.attention_map(starts[i], times[i]) for i in chosen}
fig, axes = plt.subplots(4, len(chosen), figsize=(7.5, 5.1), layout="constrained")
for i, column in zip(chosen, axes.T, strict=True):
    md.plots.show(walks["softmax"][i].x0_hat[shown], ax=column[0], title=f"t = {times[i]:.2f}")
    looks = [maps[i][shown, 6 * SIDE + 11], maps[i][shown, 8 * SIDE + 3], maps[i].mean(axis=(0, 1))]
    for ax, look in zip(column[1:], looks, strict=True):
        ax.imshow(look.reshape(SIDE, SIDE), cmap="magma", vmin=0)
        ax.set(xticks=[], yticks=[])
    for ax, (row, across) in zip(column[1:3], ((6, 11), (8, 3)), strict=True):
        ax.plot(across, row, "s", markersize=6, markerfacecolor="none", color="white")
for ax, name in zip(axes[:, 0], ("x0_hat", "turns green", "black", "all"), strict=True):
    ax.set_ylabel(name, fontsize=9)
plt.show()

# %% [markdown]
# The blue pixel looks at the large green shape below, and turns green.
#
# Now in numbers, over all samples that are not blank: how much of its attention does a pixel that will be coloured pay to
# *other* coloured pixels *out of sight* of its convolutions, more than 3 pixels away? By chance it would be their share of the
# image. How much do all pixels together pay to the 16 most popular places of 256? And over how many pixels does one spread its
# attention (the exponential of the median entropy)?

# %%
row, across = np.divmod(np.arange(SIDE * SIDE), SIDE)
unseen = np.maximum(np.abs(row[:, None] - row), np.abs(across[:, None] - across)) > 3
coloured = samples["softmax"].max(axis=3).reshape(len(noise), -1) > 0
coloured = np.where(md.judges.one_colour(samples["softmax"]).blank[:, None], False, coloured)
print("   t    to coloured pixels out of sight   by chance   to the 16 most popular places   spread over")
for i, attention in maps.items():
    heard = unseen & coloured[:, None]
    paid = (attention * heard).sum(axis=2)[coloured].mean()
    popular = np.sort(attention.mean(axis=(0, 1)))[-16:].sum()
    entropy = -(attention * np.log(np.where(attention > 0, attention, 1))).sum(axis=2)
    cells = f"{100 * paid:20.0f} %{100 * heard.mean(axis=2)[coloured].mean():20.0f} %{100 * popular:24.0f} %"
    print(f"{times[i]:4.2f}{cells}{np.exp(np.median(entropy)):20.0f} pixels")

# %% [markdown]
# Two things happen. Coloured pixels look for each other, twice as much as chance would have it and more, far beyond what their
# convolutions see. And a column near the right rim is heard by all pixels, most of all when nothing is left to decide (16 of
# 256 places would get 6 % by chance). Perhaps it works like a notice board: near the rim the padding tells pixels where they
# are, so that the network can find them again. (Both are what we see in this one network. Another training may use another
# place.)
#
# ## When is it needed?
#
# A map shows where a network looks, but not what it needs this for. So intervene: let two networks share one walk. In the first
# half of the table the softmax network walks down to $t^*$ and the CNN takes over; in the second, the other way round. There
# are twenty noises.


# %%
class Relay:
    """A denoiser that is `first` above t = `switch` and `then` below."""

    def __init__(self, first, then, switch):
        self.first, self.then, self.switch = first, then, switch

    def __call__(self, x, t):
        return (self.first if np.min(t) > self.switch + 1e-9 else self.then)(x, t)


for first, then in (("softmax", "CNN"), ("CNN", "softmax")):
    for switch in (0.7, 0.3):
        x = walk(Relay(networks[first], networks[then], switch), noise[:20])[-1].x
        report(f"{first} to {switch}, then {then}", x)

# %% [markdown]
# Attention at high noise alone is soon forgotten: the CNN, which knows nothing of it, changes the colours again. At low noise
# alone it mostly comes too late: what is painted stays. The middle decides, from 0.7 to 0.3, while shapes are forming: a walk
# that has attention there makes pictures of one colour, with or without it before and after. (Each network follows the other's
# $x$ here, which it was not trained to expect; take the counts as a hint.)
#
# ## A machine that hears the mean
#
# Can a softmax over the training set do this, without training? ELS explains pixel $p$ by candidates $(n, u)$, image and place,
# with the exponents
#
# $$
# l[p, n, u] = - |\text{window of } x \text{ at } p - a \text{ (window of } y_n \text{ at } u)|^2 / (2 s^2) .
# $$
#
# What is the least that a pixel needs to be told, to know the colour of the others? Perhaps their mean. So let $p$ see its
# window and one thing more: $m(x, p)$, the mean colour of the $M$ pixels *outside* the window.
#
# Which denoiser is the best of all that see these two? Put $x = a\, y + s\, \varepsilon$ in:
# $m(x, p) = a\, m(y, p) + s\, m(\varepsilon, p)$. Two facts about $m(\varepsilon, p)$ are enough.
#
# 1. It is the mean of $M$ independent noises of variance 1, so it is Gaussian with variance $1 / M$.
# 2. It is independent of the noise in the window, for it is made of other pixels.
#
# So the likelihood of candidate $(n, u)$ is a product of two Gaussians. All candidates are equally likely at first, and Bayes'
# rule gives the weights:
#
# $$
# w = \text{softmax}_{n, u} \Big( l[p, n, u] - \frac{M}{2 s^2} |m(x, p) - a\, m(y_n, u)|^2 \Big), \qquad
# \hat x_0[p] = \sum_{n, u} w\, y_n[u] .
# $$
#
# It is the one softmax again, as in tutorials [02](02_the_ideal_denoiser_recites.ipynb) to [04](04_anywhere.ipynb), and the same
# argument says that no denoiser of this class is better. **Nothing is fitted**: there is no strength, and $M$ is a number of
# pixels. The package calls it `md.SummaryScore` (ours). In code the mean is one more pixel of the window: $\sqrt{M}\, m$ has
# noise of variance $s^2$, as a pixel has.


# %%
def windows(batch, k):
    """The k x k windows of images (B, H, W, C) on the torus, (B, H W, C k k)."""
    wrapped = np.pad(batch, ((0, 0), (k // 2, k // 2), (k // 2, k // 2), (0, 0)), mode="wrap")
    return sliding_window_view(wrapped, (k, k), axis=(1, 2)).reshape(len(batch), -1, batch.shape[3] * k * k)


def windows_and_means(batch, k):
    """Beside each window sqrt(M) times the mean outside it: (B, H W, C k k + C)."""
    seen, (count, height, width, channels) = windows(batch, k), batch.shape
    inside = seen.reshape(count, height * width, channels, k * k).sum(axis=3)
    outside = batch.sum(axis=(1, 2))[:, None] - inside
    return np.concatenate([seen, outside / np.sqrt(height * width - k * k)], axis=2)


def hears_the_mean(x, images, a, s, k):
    """x0_hat of one x (H, W, C): the softmax of ELS, over windows and means."""
    seen, known = windows_and_means(x[None], k)[0], windows_and_means(images, k)
    exponent = -((seen[:, None, None] - a * known) ** 2).sum(axis=3).reshape(len(seen), -1) / (2 * s * s)
    w = np.exp(exponent - exponent.max(axis=1, keepdims=True))
    return (w @ images.reshape(-1, images.shape[3]) / w.sum(axis=1, keepdims=True)).reshape(x.shape)


small = md.datasets.colour_patterns(count=6, size=8)[0].astype(float)
x, t = md.process.add_noise(small[0], 0.6, schedule, rng=0), 0.6
a, s = float(schedule.signal(t)), float(schedule.noise(t))
machine = md.SummaryScore(small, schedule, window=3)
print(f"largest difference to md.SummaryScore: {np.abs(hears_the_mean(x, small, a, s, 3) - machine(x, t)).max():.0e}")

# %% [markdown]
# Is it what the networks do? Each network walks back from ten noises that were not used so far. At four times we ask the network,
# ELS and the new machine for $\hat x_0$ of the network's own $x$. The machines have windows of 5, and know all 300 training
# images. The table has the median $R^2$, with the network as reference.

# %%
fresh = md.process.unit_noise((10, SIDE, SIDE, 3), rng=78)
options = {"window": 5, "boundary": "zeros"}
rivals = {"ELS": md.EquivariantLocalScore(images, schedule, **options), "mean": md.SummaryScore(images, schedule, **options)}
asked = (0.5, 0.8, 0.85, 0.9)
print("R^2 with the network, t =" + "".join(f"{t:20g}" for t in asked))
print(" " * 25 + "       ELS      mean" * len(asked))
for kind in ("CNN", "top-1", "softmax"):
    steps, cells = walk(networks[kind], fresh), ""
    for t in asked:
        before = next(step.x for step in steps if abs(step.t - t) < 1e-9)
        theirs = networks[kind](before, t)
        found = [md.metrics.agreement(machine(before, t), theirs).determination for machine in rivals.values()]
        cells += "".join(f"{np.median(one):10.2f}" for one in found)
    print(f"{kind:25}{cells}")

# %% [markdown]
# From $t = 0.8$ on the new machine is much nearer than ELS to the two networks with attention (softmax, $t = 0.8$: 0.91 against
# 0.64), and much further from the CNN (0.57 against 0.87). A CNN cannot know the mean, so a machine that uses it must be wrong
# about the CNN. Nobody told the machine which network is which. (Ten noises are few: look at the large differences only. And this
# does not say that the networks compute a mean. They may tell each other more than that, or other things.)
#
# One warning. It may seem that where all training images have the *same* mean there is nothing to hear, so that this machine is
# ELS. That is false: if the mean of the whole image is known, the mean outside tells the sum inside. In the smallest case windows
# have one pixel, and the images are permutations of each other.

# %%
shuffled = np.stack([np.roll([-1.0, -1.0, 1.0, 1.0], shift).reshape(2, 2, 1) for shift in range(3)])
x = md.process.add_noise(shuffled[0], 0.6, schedule, rng=1)
answers = [kind(shuffled, schedule, window=1)(x, 0.6) for kind in (md.EquivariantLocalScore, md.SummaryScore)]
print(f"means of the images: {shuffled.mean(axis=(1, 2, 3))}")
print(f"largest difference of the two machines: {np.abs(answers[0] - answers[1]).max():.2f}")

# %% [markdown]
# ## Another machine: pool the evidence
#
# The mean is one thing to say. What if pixels tell each other *all* that they know about the image?
#
# Sum over the places: $L[p, n] = \log \sum_u \exp l[p, n, u]$ is the evidence, in $p$'s surroundings, that *image $n$* is
# behind all this. In ELS each pixel uses its own evidence only. Now let the pixels tell each other, through an attention matrix
# $A$ and with strength $g$:
#
# $$
# \hat x_0[p] = \sum_{n, u} w\, y_n[u], \qquad
# w = \text{softmax}_{n, u} \Big( l[p, n, u] + g \sum_q A[p, q]\, L[q, n] \Big) .
# $$
#
# That is `md.AttentionScore` (ours). Here $A$ is uniform: every pixel hears every pixel. $g$ is counted in units of $HW / k^2$,
# since a pixel is seen by $k^2$ windows: at $g = 1$ every pixel's evidence counts about once.


# %%
def pooled(x, images, a, s, k, g):
    """x0_hat of one x (H, W, C): each pixel's own evidence l, and what all of them say of each image."""
    count, height, width, channels = images.shape
    seen, known = windows(x[None], k)[0], windows(images, k)
    own = -((seen[:, None, None] - a * known) ** 2).sum(axis=3) / (2 * s * s)  # l: (p, n, u)
    top = own.max(axis=2, keepdims=True)
    evidence = top[..., 0] + np.log(np.exp(own - top).sum(axis=2))  # L: (p, n)
    both = own + g * height * width / k**2 * evidence.mean(axis=0)[:, None]
    w = np.exp(both - both.max(axis=(1, 2), keepdims=True))
    w /= w.sum(axis=(1, 2), keepdims=True)
    return np.einsum("pnu,nuc->pc", w, images.reshape(count, -1, channels)).reshape(x.shape)


x, t = md.process.add_noise(small[0], 0.6, schedule, rng=0), 0.6
for g in (0.0, 0.1, 1.0):
    machine = md.AttentionScore(small, schedule, window=3, strength=g)
    print(f"g = {g}: largest difference to md.AttentionScore {np.abs(pooled(x, small, a, s, 3, g) - machine(x, t)).max():.0e}")
els = md.EquivariantLocalScore(small, schedule, window=3)
print(f"g = 0 and ELS: {np.abs(pooled(x, small, a, s, 3, 0.0) - els(x, t)).max():.0e}")

# %% [markdown]
# ## When is pooling exact?
#
# Adding evidence looks like a recipe. In one case it is a theorem. Let pixel $p$ hear one other pixel only, $q$, which was chosen
# before $x$ is seen, and let their windows share no pixel. Let both windows show the same training image $n$, the one at a place
# $u$, the other at a place $v$, and let all $(n, u, v)$ be equally likely. The noise of the two windows is independent, so that
#
# $$
# P(n, u, v \mid \text{both windows}) \propto e^{l[p, n, u]}\, e^{l[q, n, v]} .
# $$
#
# We do not need $v$. Sum over it: $\sum_v e^{l[q, n, v]} = e^{L[q, n]}$, and
#
# $$
# P(n, u \mid \text{both windows}) \propto e^{l[p, n, u] + L[q, n]} .
# $$
#
# That is the machine with $A[p, q] = 1$ and $g = 1$, counted as it is (`raw=True`), not in units of $HW / k^2$. So it is the best
# denoiser of two windows at unknown places of one image, and $g$ is no longer free. With zero padding $u$ and $v$ run over the
# places that see the same padding as $p$ and $q$. A check by brute force, over all $(n, u, v)$:

# %%
p, q = 2 * 8 + 1, 5 * 8 + 6  # row 2, column 1 hears row 5, column 6
own = -((windows(x[None], 3)[0][[p, q], None, None] - a * windows(small, 3)) ** 2).sum(axis=3) / (2 * s * s)  # (2, n, u)
joint = np.exp(own[0][:, :, None] + own[1][:, None, :] - own.max(axis=(1, 2)).sum())  # (n, u, v)
by_hand = np.einsum("nuv,nuc->c", joint, small.reshape(len(small), -1, 3)) / joint.sum()
hears = np.eye(64)
hears[p] = np.eye(64)[q]
machine = md.AttentionScore(small, schedule, window=3, attention=hears, strength=1, raw=True)
print(f"largest difference to md.AttentionScore: {np.abs(by_hand - machine(x, t).reshape(-1, 3)[p]).max():.0e}")

# %% [markdown]
# Three things may go wrong in practice. A network's map depends on $x$, so which place it chose tells something, too. In a
# picture $v$ is not independent of $u$: both places move together. And windows may overlap; then the noise that they share is
# counted twice. The worst case is a pixel that hears itself: it counts its own evidence twice, and does worse than ELS (the
# docstring of `md.AttentionScore` has numbers).
#
# **Uniform pooling** needs one more assumption, which is false:
#
# 1. Take the windows of *all* pixels as independent draws from the bag of windows of image $n$.
# 2. Then $\log P(x \mid n) = \sum_q L[q, n]$, up to a constant.
# 3. The windows overlap: each pixel of $x$ lies in $k^2$ of them. So all of it is counted about $k^2$ times; divide by $k^2$.
# 4. What is left is $\frac{1}{k^2} \sum_q L[q, n] = \frac{HW}{k^2} \sum_q \frac{1}{HW} L[q, n]$: uniform $A$, and $g = 1$ in
#    units of $HW / k^2$.
# 5. $p$ is one of the $q$, so its own evidence counts $1 + 1 / k^2$ times.
#
# Step 1 is the false one. Neighbouring windows share pixels and their noise, and where one of them lies tells where the next one
# lies. Step 3 mends the count on average only. So here $g$ may be fitted, and below it will be.
#
# The figure shows the machine's answer to one image as $g$ grows: a green training image with much noise, seen through windows
# of 5. Each pixel for itself has little to go on ($g = 0$). With a little of the others' evidence, the picture has one colour.
# With much, it has the shapes of few training images, blurred. The last picture is the answer of the ideal denoiser.

# %%
# alt: A row of ten pictures: a clean one with four green shapes, the same with noise, six answers and the ideal one. At g = 0
# the answer is a blurred mixture of colours. As g grows it becomes green, and stays blurred.
seen, t = np.flatnonzero(colours == 1)[2], 0.8
x = md.process.add_noise(images[seen], t, schedule, rng=2)
strengths = (0, 0.03, 0.1, 0.3, 1, 10)
machine = md.AttentionScore(images, schedule, window=5, boundary="zeros")
answers = list(machine.estimates(x, t, [5], strengths)[0])
shown = [images[seen], x, *answers, md.IdealScore(images, schedule)(x, t)]
heads = ["clean", "noisy"] + [f"g = {g:g}" for g in strengths] + ["ideal"]
fig, ax = plt.subplots(figsize=(7.5, 1.1), layout="constrained")
md.plots.rows([np.stack(shown)], ["t = 0.8"], ax=ax, heads=heads)
plt.show()

# %% [markdown]
# ## The same noises, more and more agreement
#
# Now let the machine sample by itself, without any training: eight noises, one row for each $g$. To save time, it knows 30
# training images only. The windows grow with the noise from 3 to 7 pixels; none sees two shapes.

# %%
# alt: Four rows of eight samples from the same noises. At g = 0 and 0.1 most pictures have two or three colours. At g = 1 and
# 10 each picture has one colour, with irregular shapes.
few, table = images[:30], [*[3] * 8, *[5] * 7, *[7] * 5]
by_strength = {0: walk(md.EquivariantLocalScore(few, schedule, window=table, boundary="zeros"), noise[:8])[-1].x}
for g in (0.1, 1, 10):
    machine = md.AttentionScore(few, schedule, window=table, strength=g, boundary="zeros")
    by_strength[g] = walk(machine, noise[:8])[-1].x
fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
md.plots.rows(list(by_strength.values()), [f"g = {g:g}" for g in by_strength], ax=ax)
plt.show()
patches = md.EquivariantLocalScore(few, schedule, window=5, boundary="zeros")
for g, x in by_strength.items():
    report(f"g = {g:g}", x, few, patches)

# %% [markdown]
# A mosaic of colours becomes one colour in each picture, with nothing trained. (Compare a column from top to bottom.) The
# shapes stay odd: pooling says *which image*, so it corrects the colour. It corrects patches only where colours were mixed in
# them.
#
# ## Why not simply more attention?
#
# If some pooling makes colours agree, does much of it make a copy? First see where the pixels come from: how many training
# images do a sample's coloured pixels use, and how far is the whole sample from the nearest training image?

# %%
print(f"two training images are {md.metrics.typical_distance(few):.2f} apart")
for g, x in by_strength.items():
    machine = md.AttentionScore(few, schedule, window=table, strength=float(g), boundary="zeros")
    source = machine.provenance(x, 0.05).image
    used = [len(np.unique(image[one.max(axis=2) > 0])) for image, one in zip(source, x, strict=True)]
    distance = np.median(md.metrics.memorisation(x, few).distance)
    print(f"g = {g:<4} training images in a sample: {np.median(used):2.0f}; distance to the nearest: {distance:.2f}")

# %% [markdown]
# At $g = 10$ every pixel of a sample comes from one and the same training image, and yet the sample is far from it, not much
# nearer than training images are to each other! All pixels agree on the image, but each takes its patch from *anywhere* in it: a
# mosaic cut from one sheet of paper. So with free places attention alone does not recite.
#
# Now fix the places: candidates $u = p$ only, as in LS (`candidates="colocated"`; 60 training images, 24 noises).

# %%
# alt: Two curves against the strength g. The share of pictures with one colour rises from 0 to 1. The share that is also new
# rises to about 0.4 at g = 0.1 and then falls to 0.
more, strengths, consistent, new = images[:60], (0, 0.1, 0.3, 1, 10), [], []
for g in strengths:
    machine = md.AttentionScore(more, schedule, window=table, strength=g, boundary="zeros", candidates="colocated")
    found = report(f"co-located, g = {g:g}", walk(machine, noise[:24])[-1].x, more)
    consistent.append(found.consistent)
    new.append(md.judges.wilson(found.new.count, 24))
fig, ax = plt.subplots(figsize=(5, 2.7), layout="constrained")
for shares, label, colour, marker in ((consistent, "one colour", blue, "o"), (new, "one colour, and new", orange, "s")):
    middle = np.array([share.share for share in shares])
    ends = np.abs([middle - [share.low for share in shares], [share.high for share in shares] - middle])
    ax.errorbar(np.arange(len(strengths)), middle, ends, color=colour, label=label, marker=marker, capsize=2)
ax.set_xticks(range(len(strengths)), [f"{g:g}" for g in strengths])
ax.set(xlabel="strength g", ylabel="share of samples", ylim=(-0.02, 1.02))
ax.legend(frameon=False, fontsize=8, loc="center right")
plt.show()

# %% [markdown]
# With its places kept, the machine goes from mosaic to recitation as $g$ grows, and only in between it is consistent *and* new.
# A larger strength is not always better.
#
# ## Why not simply a larger window?
#
# A window that sees two shapes can make their colours agree without any attention. Try ELS with the whole training set and one
# window for the whole walk, from 20 noises:

# %%
for k in (7, 9, 11, 13, 15, 17, 31):
    machine = md.EquivariantLocalScore(images, schedule, window=k, boundary="zeros")
    report(f"ELS, k = {k}", walk(machine, noise[:20])[-1].x)

# %% [markdown]
# The window that is large enough for the colour is soon large enough for the rest of the image, too: shapes that were drawn
# independently are copied together. At 15 pixels most pictures of one colour are still new, at 17 half of them, in the end none.
# Pooling tells *which image* with one number per pixel and leaves the shapes free; a window cannot separate the two.
#
# ## Does the theory tell the networks apart?
#
# Ask all four networks, and the machine at several $g$, for $\hat x_0$ of the same noisy pictures: five new ones that obey the
# rule. The table has medians of $R^2$ of the machine's answer, with the network as reference. Windows have 5 pixels, and the
# machine knows all 300 training images. $g = 0$ is ELS.

# %%
held = md.datasets.colour_patterns(count=5, rng=7)[0]
machine = md.AttentionScore(images, schedule, window=5, boundary="zeros")
strengths, levels = (0, 0.03, 0.1, 0.3, 1, 3), (0.95, 0.9, 0.8, 0.7, 0.5, 0.3)
fit = {kind: [] for kind in networks}
for t in levels:
    x = md.process.add_noise(held, t, schedule, rng=1)
    answers = machine.estimates(x, t, [5], strengths)[0]
    for kind, network in networks.items():
        theirs = network(x, t)
        fit[kind].append([np.median(md.metrics.agreement(one, theirs).determination) for one in answers])
fit = {kind: np.array(rows) for kind, rows in fit.items()}
print("R^2 at t = 0.8:  g = " + "".join(f"{g:8g}" for g in strengths))
for kind, rows in fit.items():
    print(f"{kind:19}" + "".join(f"{value:8.2f}" for value in rows[levels.index(0.8)]))

# %%
# alt: Two plots of the gain in R^2. Left, at t = 0.8, the gain of the softmax and top-1 networks rises above zero with g, that
# of the CNN and the control falls below zero. Right, the gain of the softmax network is largest at t from 0.8 to 0.9; that of
# the CNN is negative.
fig, (left, right) = plt.subplots(1, 2, figsize=(8, 2.9), layout="constrained")
for kind, rows in fit.items():
    left.plot(rows[levels.index(0.8)] - rows[levels.index(0.8), 0], "o-", color=shades[kind], label=kind)
left.set_xticks(range(len(strengths)), [f"{g:g}" for g in strengths])
left.set(xlabel="strength g", ylabel="R^2 above that of ELS", title="t = 0.8", ylim=(-0.5, 0.2))
for kind, dash, g in (("softmax", ":", 0.1), ("softmax", "-", 0.3), ("softmax", "--", 3), ("CNN", "-", 0.3)):
    gain = fit[kind][:, strengths.index(g)] - fit[kind][:, 0]
    right.plot(levels, gain, dash, marker="o", color=shades[kind], label=f"{kind}, g = {g:g}")
right.set(xlabel="time t (0 is clean)", ylim=(-0.5, 0.2), title="at all times")
for ax in (left, right):
    ax.axhline(0, color="0.7", linewidth=1)
    ax.legend(frameon=False, fontsize=8, loc="lower left")
plt.show()
print("R^2 of g = 0.3 above that of ELS, at t = " + "".join(f"{t:7g}" for t in levels))
for kind, rows in fit.items():
    gain = rows[:, strengths.index(0.3)] - rows[:, 0]
    print(f"{kind:40}" + "".join(f"{value:7.2f}" for value in gain))

# %% [markdown]
# Yes. At $t = 0.8$ pooling brings the machine nearer to the two networks whose pixels tell each other something, by 0.17 and
# 0.13 in $R^2$, and takes it away from the other two. Nobody told the theory which is which.
#
# And **$g$ must depend on $t$**, as $k$ does. Where colours are decided, at $t$ about 0.9, listening helps most; too large a
# $g$ outweighs what a pixel sees itself. At low noise each pixel sees enough. The package calibrates both tables together,
# along a network's own way back (`minidiff.studies.calibration.with_attention`), and `minidiff compare --experiment attention`
# does so for all four networks (this takes long).
#
# The machine's uniform $A$ is not what the networks do: we saw the softmax network's notice board, and top-1 looks at one place
# only. So give the machine each network's own attention map. Best $R^2$ over the same $g$, at $t = 0.8$; behind it, in brackets,
# what the theorem says without any fit, the raw $g = 1$:

# %%
x = md.process.add_noise(held, 0.8, schedule, rng=1)
print(f"{'the machine pools by':24}{'softmax network':>18}{'top-1 network':>18}")
for name in ("uniform", "softmax", "top-1"):
    attention = "uniform" if name == "uniform" else networks[name].attention_map
    machine = md.AttentionScore(images, schedule, window=5, boundary="zeros", attention=attention)
    *answers, exact = machine.estimates(x, 0.8, [5], (*strengths, 5**2 / SIDE**2))[0]
    cells = ""
    for kind in ("softmax", "top-1"):
        *tried, unfitted = (
            np.median(md.metrics.agreement(one, networks[kind](x, 0.8)).determination) for one in (*answers, exact)
        )
        cells += f"{max(tried):11.2f} ({unfitted:.2f})"
    print(f"{name + (' map' if name != 'uniform' else ''):24}{cells}")

# %% [markdown]
# The top-1 network is predicted best with its own map; for the softmax network uniform pooling does as well. And where the
# networks' own maps are used, $g = 1$ as it is, with nothing fitted, does about as well as the best $g$, although the theorem's
# assumptions hold only roughly. Five pictures are few. `minidiff compare --experiment attention` asks along each network's own
# way back, from 30 noises, with $k$ and $g$ calibrated. At $t = 0.9$ the $R^2$ with the softmax network is 0.71 for ELS, 0.85
# for uniform pooling and 0.88 for pooling by the network's own map; with the top-1 network it is 0.74, 0.65 and 0.86. Whose
# evidence is heard matters, and the network's map says whose.
#
# What does all this not show? From the same noise whole samples agree less well than single answers (Pearson's $r$ 0.67, ELS
# 0.49): a small difference at high noise, and the picture settles on another colour. The machine explains *that* pooled evidence
# makes mosaics agree, at which noise, and most of what the network answers there. It is not yet an exact theory of the attention
# network.

# %% [markdown]
# ## The same in theory.py
#
# In [theory.py](../minidiff/theory.py) the evidence $L$ is `evidence` (lines 177 to 182), and `denoise` (lines 185 to 200) adds
# what a pixel hears to the exponents, from which `weigh` (lines 166 to 174) makes the weights. There the strength is counted as
# it is, not in units of $HW / k^2$.

# %%
x, uniform = md.process.add_noise(small[0], 0.6, schedule, rng=0), np.full((64, 64), 1 / 64)
same = theory.denoise(theory.equivariant_local(small, 3, "circular"), x, a, s, uniform, 0.1 * 64 / 3**2)
print(f"largest difference from theory.denoise: {np.abs(pooled(x, small, a, s, 3, 0.1) - same).max():.0e}")

# %% [markdown]
# ## What to take along
#
# - A CNN's mosaic has the colours of chance. One attention layer makes them agree; the same parameters without exchange do not
#   (FKTB's claim, seen here on data of our own).
# - The best denoiser that sees a window and the mean outside it is the one softmax again, with nothing fitted. It is near the
#   networks with attention, and far from the CNN.
# - An ELS machine whose pixels pool their evidence makes colours agree with no training: $l[p, n, u] + g \sum_q A[p, q] L[q, n]$.
#   If each pixel hears one other window apart, $g = 1$ is exact: a second view of the same image.
# - Agreement is not recitation: pixels can agree on an image and still be free in what they take from it. With places kept,
#   large $g$ recites.
# - $g$ depends on $t$: at high noise a pixel should listen to the others, at low noise it should use what it sees itself.
#
# **Try it.** (1) Give the machine `attention="top1"` or `attention=("band", 8)` in the row of pictures: who needs to hear whom?
# (2) Take five colours: `colour_patterns(colours=5)`. Does the machine need more $g$? (3) Make $g$ a function of $t$ in the
# co-located machine, `strength=lambda t: 1.0 if t > 0.6 else 0.0`. Are its samples still of one colour, and are more of them
# new?
#
# **Play.** `minidiff explore` writes a page for your browser. In its part f you turn up g, and the colours come to agree.
#
# **Next:** [09 Extra fingers](09_extra_fingers.ipynb)
