# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 10. Mosaics in nature: what a local rule can make
#
# **Question.** A zebra has stripes, and none of its cells has seen a zebra. A patch mosaic has strokes, and none of its pixels
# has seen a digit. Are these two the same thing? What can a rule make that is local and the same everywhere, and what can it not
# make?
#
# **Time.** About 40 minutes to read, three quarters of a minute to run.
#
# **Equations.** The reaction and diffusion of Gray and Scott ([PEA](reference.md#pea)), below; the ELS machine
# ([KG](reference.md#kg); tutorial 04); the reach of a walk, $\sum_i (k_i - 1) / 2$, and what symmetry forbids (both derived
# below). The comparison is ours.
#
# **Prerequisites.** The ELS machine of tutorial [04](04_anywhere.ipynb); tutorial [09](09_extra_fingers.ipynb), for a question
# that is answered here; what a Fourier transform is. Letters and words are collected in the [reference](reference.md).

# %%
import matplotlib.pyplot as plt
import numba
import numpy as np
from matplotlib.colors import to_rgb

import minidiff as md

schedule = md.schedules.cosine()

# %% [markdown]
# ## A pattern from a local rule
#
# Two chemicals with concentrations $\rho$ and $\zeta$ are in a flat dish, which is a torus here. Both diffuse, with speeds
# $\mathcal D_\rho$ and $\mathcal D_\zeta$. The second chemical makes more of itself, and uses the first for it. The first is
# added at a rate $F$, and the second is removed at a rate $F + \kappa$. This is the model of Gray and Scott, as Pearson studied
# it ([PEA](reference.md#pea)):
#
# $$
# \partial_t \rho = \mathcal D_\rho \Delta \rho - \rho\, \zeta^2 + F (1 - \rho), \qquad
# \partial_t \zeta = \mathcal D_\zeta \Delta \zeta + \rho\, \zeta^2 - (F + \kappa)\, \zeta .
# $$
#
# Diffusion alone makes all concentrations equal. Turing's idea ([TUR](reference.md#tur)) was that it can make patterns if two
# substances react and diffuse at different speeds. Each step below looks at a cell and its four neighbours, and the rule is the
# same everywhere. It starts from a few drops of the second chemical.


# %%
@numba.njit
def react(rho, zeta, steps, feed=0.037, kill=0.06, spread_rho=0.08, spread_zeta=0.04):
    """`steps` Euler steps of size 1 of the Gray-Scott model on a torus of one unit a cell."""
    height, width = rho.shape
    for _ in range(steps):
        new_rho, new_zeta = np.empty_like(rho), np.empty_like(zeta)
        for i in range(height):
            up, down = (i - 1) % height, (i + 1) % height
            for j in range(width):
                left, right = (j - 1) % width, (j + 1) % width
                around_rho = rho[up, j] + rho[down, j] + rho[i, left] + rho[i, right] - 4 * rho[i, j]
                around_zeta = zeta[up, j] + zeta[down, j] + zeta[i, left] + zeta[i, right] - 4 * zeta[i, j]
                reaction = rho[i, j] * zeta[i, j] ** 2
                new_rho[i, j] = rho[i, j] + spread_rho * around_rho - reaction + feed * (1 - rho[i, j])
                new_zeta[i, j] = zeta[i, j] + spread_zeta * around_zeta + reaction - (feed + kill) * zeta[i, j]
        rho, zeta = new_rho, new_zeta
    return rho, zeta


def drops(side, seed):
    """A blank dish (rho = 1, zeta = 0) with some square drops of zeta in it."""
    rho, zeta = np.ones((side, side)), np.zeros((side, side))
    for i, j in np.random.default_rng(seed).integers(0, side, (max(side * side // 800, 3), 2)):
        drop = np.ix_(np.arange(i, i + 6) % side, np.arange(j, j + 6) % side)
        rho[drop], zeta[drop] = 0.25, 0.5
    return rho, zeta


# %%
# alt: Five pictures of a dish. At step 0 there are white squares on black. They grow to rings and crosses, meet, and at step 6000
# fill the dish with a maze of white stripes of equal width.
fig, axes = plt.subplots(1, 5, figsize=(7, 1.75), layout="constrained")
dish, step = drops(128, 10), 0
for ax, until in zip(axes, (0, 200, 600, 2000, 6000), strict=True):
    dish, step = react(*dish, until - step), until
    ax.imshow(dish[1], cmap="gray")
    ax.set(xticks=[], yticks=[], title=f"step {step}")
plt.show()
pattern = dish[1]
print(f"zeta after 6000 steps: from {pattern.min():.2f} to {pattern.max():.2f}, standard deviation {pattern.std():.2f}")

# %% [markdown]
# The rule says nothing of stripes, and yet there are stripes, all of about the same width. Is this what is called a "Turing
# pattern"? By that name one usually means a uniform state that is unstable, so that any noise grows into a pattern. Here the
# blank dish is *stable*, and a pattern needs a drop to start from. (Pearson's abstract says the same of his patterns: they arise
# from perturbations of finite size.) The cell checks this with small noise:

# %%
rng = np.random.default_rng(0)
_, noisy_zeta = react(1 + 0.01 * rng.standard_normal((64, 64)), 0.01 * np.abs(rng.standard_normal((64, 64))), 2000)
print(f"largest zeta after 2000 steps from 1 % noise: {noisy_zeta.max():.0e}")

# %% [markdown]
# ## Learn it with ELS
#
# Now we use only the pictures, and not the chemistry. Take sixteen small dishes of 40 x 40 cells, let them grow, and use $\zeta$
# as a training set of sixteen images, scaled to $[-1, 1]$. They are on a torus, and so is the circular ELS machine. Walk back
# from noise with the ideal score (IS), the equivariant score (ES) and ELS.
#
# > **Predict first (1).** The sixteen images are all that the machines know. Which of them draws stripes that are in none of the
# > sixteen?

# %%
# alt: Four pictures of grey stripes: a training dish, and the samples of IS, ES and ELS. All look alike; that of ELS has a few
# knots where stripes join.
SIDE, WINDOWS = 40, [5, 7, 9, 11, 13, 15, 17, 19, 21, 21]
grown = [react(*drops(SIDE, seed), 6000)[1] for seed in range(20)]
low, high = min(zeta.min() for zeta in grown[:16]), max(zeta.max() for zeta in grown[:16])


def as_images(fields):
    """Fields zeta as images (N, H, W, 1), with the training set's range as [-1, 1]."""
    return (2 * (np.stack(fields)[..., None] - low) / (high - low) - 1).astype(np.float32)


images, fresh = as_images(grown[:16]), as_images(grown[16:])
noise = md.process.unit_noise((2, SIDE, SIDE, 1), 0)
machines = {
    "IS": md.IdealScore(images, schedule),
    "ES": md.EquivariantScore(images, schedule),
    "ELS": md.EquivariantLocalScore(images, schedule, window=WINDOWS),
}
samples = {}
for name, machine in machines.items():
    *_, last = md.process.ddim(machine, schedule, noise=noise, steps=20)
    samples[name] = last.x
    near = md.metrics.memorisation(last.x, images)
    print(f"{name:3}: distance to the nearest training image, over all shifts: {near.distance.min():.2f}")
print(f"two training images: {md.metrics.typical_distance(images):.2f}; new Gray-Scott dishes to the training set: ", end="")
print(f"{md.metrics.memorisation(fresh, images).distance.min():.2f}")
fig, axes = plt.subplots(1, 4, figsize=(6.4, 1.85), layout="constrained")
pictures = {
    "training (Gray-Scott)": images,
    "IS recites": samples["IS"],
    "ES recites, shifted": samples["ES"],
    "ELS": samples["ELS"],
}
for ax, (name, x) in zip(axes, pictures.items(), strict=True):
    md.plots.show(x[0], ax=ax, title=name)
plt.show()

# %% [markdown]
# <details><summary>Answer (1)</summary>
#
# Only ELS. IS repeats a training image, and ES repeats one that is shifted: their distance is 0. The sample of ELS has the
# distance 0.54 from the nearest training image at any shift. A new dish of Gray and Scott has 0.38.
#
# </details>
#
# ELS has no equations of chemistry. It has sixteen pictures of dishes.
#
# ## A length scale
#
# Are these the same stripes? They look the same, but we should measure it. The power spectrum says how much of the variance is at
# each spatial frequency, averaged over directions. Stripes of one width make a peak, and 1 / its frequency is the wavelength in
# pixels. We compare with Gray-Scott dishes that ELS has *not* seen, and with an ELS whose window has only 5 pixels at all times.
#
# > **Predict first (2).** The stripes are 8 pixels apart. The rule of the dish makes them, although it sees only a cell and its
# > four neighbours. What will the ELS machine with windows of 5 x 5 make: the same stripes, finer ones, or something else?

# %%
# alt: Four curves of power against spatial frequency. Those of the training dishes, of new dishes and of ELS have a peak at the
# same place, near 0.13 cycles per pixel. The curve of ELS with k = 5 has its peak at about half of that frequency.
EDGES = np.arange(0, 0.3, 1 / SIDE)
FREQUENCIES = (EDGES[1:] + EDGES[:-1]) / 2


def spectrum(x):
    """The share of power density in each ring of frequencies, averaged over images (B, H, W, 1)."""
    height, width = x.shape[1:3]
    power = (np.abs(np.fft.fft2((x - x.mean(axis=(1, 2), keepdims=True))[..., 0], axes=(1, 2))) ** 2).mean(axis=0)
    ring = np.digitize(np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)), EDGES)
    density = np.array([power[ring == number].mean() for number in range(1, len(EDGES))])
    return density / density.sum()


def wavelength(x):
    """1 / the mean frequency of the spectrum's peak and two rings on each side, in pixels."""
    share = spectrum(x)
    peak = slice(max(share.argmax() - 2, 0), share.argmax() + 3)
    return share[peak].sum() / (share * FREQUENCIES)[peak].sum()


blind = md.EquivariantLocalScore(images, schedule, window=5)
*_, last = md.process.ddim(blind, schedule, noise=noise, steps=20)
samples["k = 5"] = last.x
fig, ax = plt.subplots(figsize=(7.5, 2.8), layout="constrained")
shown = {"Gray-Scott, training": images, "Gray-Scott, new": fresh, "ELS": samples["ELS"], "ELS, k = 5": samples["k = 5"]}
for (name, x), style, colour in zip(shown.items(), ("-", ":", "o-", "s-"), ("k", "k", *md.plots.PALETTE[4:6]), strict=True):
    ax.plot(FREQUENCIES, spectrum(x), style, color=colour, label=name)
    print(f"{name:21}: wavelength {wavelength(x):4.1f} pixels, mean {x.mean():5.2f}, standard deviation {x.std():.2f}")
ax.set(xlabel="spatial frequency (cycles per pixel)", ylabel="share of power")
ax.legend(fontsize=8)
plt.show()

# %% [markdown]
# <details><summary>Answer (2)</summary>
#
# Something else: large irregular spots, at about twice the distance. ELS with the larger windows has the length scale of its
# training set, or a little more. Its peak is a little broader than that of Gray-Scott: the picture above has knots, where stripes
# join.
#
# </details>
#
# ## Why not simply a smaller window?
#
# The rule of the reaction sees five cells and makes stripes that are eight cells apart. Why does an ELS machine with windows of
# $5 \times 5$ pixels not make them? Are 20 steps too few? Here are 20 and 60 steps from the same noise, and for comparison
# windows of $9 \times 9$, which see one whole wavelength.

# %%
# alt: Four pictures. With k = 5 there are large, irregular white spots, the same after 20 and after 60 steps. With k = 9 there
# are stripes, again nearly the same after 20 and after 60 steps.
walks = {}
for k, steps in ((5, 20), (5, 60), (9, 20), (9, 60)):
    machine = md.EquivariantLocalScore(images, schedule, window=k)
    *_, last = md.process.ddim(machine, schedule, noise=noise[:1], steps=steps)
    walks[f"k = {k}, {steps} steps"] = last.x
fig, axes = plt.subplots(1, 4, figsize=(6.4, 1.85), layout="constrained")
for ax, (name, x) in zip(axes, walks.items(), strict=True):
    md.plots.show(x[0], ax=ax, title=name)
    print(f"{name:16}: wavelength {wavelength(x):4.1f} pixels (one sample)")
plt.show()

# %% [markdown]
# The number of steps is not the reason. Stripes are 8 pixels apart, so a patch of 5 pixels shows a stripe or its edge, but not
# two stripes side by side. So it cannot say how far apart they are. ELS can keep only those lengths that one window shows. The
# reaction does not need to see a length. Diffusion makes it, over thousands of steps. If both speeds are doubled, lengths should
# grow by $\sqrt 2$, since $\mathcal D$ is a length squared per time. If the two speeds are equal, Turing's idea does not apply,
# and there should be no stripes. The cell tries both:

# %%
for spread_rho, spread_zeta in ((0.08, 0.04), (0.16, 0.08), (0.04, 0.04)):
    _, field = react(*drops(128, 10), 6000, 0.037, 0.06, spread_rho, spread_zeta)
    text = "no pattern" if field.std() < 1e-3 else f"wavelength {wavelength(field[None, ..., None]):.1f}"
    print(f"speeds {spread_rho:.2f} and {spread_zeta:.2f}: standard deviation of zeta {field.std():.2f}, {text}")

# %% [markdown]
# ## Why not simply match the spectrum?
#
# Take a training image, keep the size of every Fourier coefficient, and draw its phase at random. The spectrum is the same up to
# rounding, but the picture is another one. So a test of the spectrum alone is not enough. We test patches, too: the share of
# pixels within 0.1 of the centre of the nearest $7 \times 7$ training patch (local consistency, tutorial [03](03_windows.ipynb);
# the tolerance is ours).

# %%
# alt: Four pictures. Random phases give grey clouds without stripes. ELS with k = 5 has large spots. ELS and the new Gray-Scott
# dish have stripes that look alike.
judge = md.EquivariantLocalScore(images, schedule, window=7)
phases = np.fft.rfft2(np.random.default_rng(0).standard_normal((SIDE, SIDE)))
sizes = np.abs(np.fft.rfft2(images[0, ..., 0]))
scrambled = np.fft.irfft2(sizes * phases / np.abs(phases), s=(SIDE, SIDE)).astype(np.float32)[None, ..., None]
print(
    f"random phases: spectrum differs from the training image's by {np.abs(spectrum(scrambled) - spectrum(images[:1])).max():.0e}"
)
compared = {"random phases": scrambled, "ELS, k = 5": samples["k = 5"], "ELS": samples["ELS"], "Gray-Scott, new": fresh}
fig, axes = plt.subplots(1, 4, figsize=(6.4, 1.85), layout="constrained")
for ax, (name, x) in zip(axes, compared.items(), strict=True):
    md.plots.show(x[0], ax=ax, title=name)
    print(
        f"{name:16}: {md.metrics.local_consistency(judge, x, tolerance=0.1).mean():.2f} of the pixels look like training patches"
    )
plt.show()

# %% [markdown]
# Neither test is enough by itself. In both tests the ELS mosaic is almost as good as a dish that was really grown. Its spectrum
# is still a little different.
#
# ## A larger torus
#
# A local rule can be used on a picture of any size, and so can a dictionary of patches. Put four copies of each training dish
# side by side. Such a torus of 80 x 80 has exactly the same patches as the dish, each four times. All weights of the softmax are
# divided by four, and there are four times as many, so the answers are as before. So ELS with this training set is the machine of
# the small dishes on a larger picture.

# %%
# alt: Three large pictures: four copies of one dish, which repeat; an ELS sample with stripes all over, which do not repeat and
# have some knots; and a Gray-Scott dish with smooth stripes.
tiled = np.tile(images, (1, 2, 2, 1))
large = md.EquivariantLocalScore(tiled, schedule, window=WINDOWS)
*_, last = md.process.ddim(large, schedule, noise=md.process.unit_noise((1, 2 * SIDE, 2 * SIDE, 1), 5), steps=20)
one = np.corrcoef(last.x.ravel(), np.roll(last.x, SIDE, axis=1).ravel())[0, 1]
print(f"wavelength: training images {wavelength(images):.1f}, large ELS mosaic {wavelength(last.x):.1f} pixels")
print(f"does it repeat? correlation with itself, {SIDE} pixels down: {abs(one):.1f} (1 for four copies of a dish)")
print(f"distance to the nearest shift of any four copies: {md.metrics.memorisation(last.x, tiled).distance[0]:.2f}")
fig, axes = plt.subplots(1, 3, figsize=(6.6, 2.5), layout="constrained")
for ax, (name, x) in zip(
    axes, {"four copies": tiled, "ELS": last.x, "Gray-Scott": as_images([pattern[:80, :80]])}.items(), strict=True
):
    md.plots.show(x[0], ax=ax, title=f"{name}, 80 x 80")
plt.show()

# %% [markdown]
# There are new stripes on four times the area, and they are not four copies of one dish. The wavelength is a little too long, and
# there are knots, where stripes join.
#
# ## What is alike: local, and the same everywhere
#
# *Local.* Change one cell a little, and see how far the change reaches. After 10 reaction steps no cell that is more than 10
# cells away can have changed. In one ELS answer with a window of 21 no pixel that is more than 10 pixels away can change.
#
# *The same everywhere.* If the start is shifted, then the end is shifted, too. This holds for the dish and for ELS.


# %%
def reach(before, after):
    """How far (rows or columns, on the torus) the farthest cell lies that is not the same as before, from the middle."""
    rows, columns = np.nonzero(before != after)
    return max(np.abs(rows - SIDE // 2).max(), np.abs(columns - SIDE // 2).max())


def rolled(z):
    """A field, or an image without its batch axis, seven down and eleven to the left on the torus."""
    return np.roll(z, (7, -11), axis=(0, 1))


rho, zeta = react(*drops(SIDE, 0), 300)
poked_zeta = zeta.copy()
poked_zeta[SIDE // 2, SIDE // 2] += 0.1
print(f"Gray-Scott, 10 steps: the change reaches {reach(react(rho, zeta, 10)[1], react(rho, poked_zeta, 10)[1])} cells")
x = md.process.add_noise(images[0], 1.0, schedule, rng=0)
poked = x.copy()
poked[SIDE // 2, SIDE // 2] += 1
machine = machines["ELS"]
print(f"ELS, one answer:      the change reaches {reach(machine(x, 1.0)[..., 0], machine(poked, 1.0)[..., 0])} pixels")

shifted, straight = react(rolled(rho), rolled(zeta), 3000)[1], react(rho, zeta, 3000)[1]
print(f"Gray-Scott, 3000 steps: shifted start, shifted end, largest difference {np.abs(shifted - rolled(straight)).max()}")
start = noise[0].astype(np.float64)
ends = [list(md.process.ddim(machine, schedule, noise=z, steps=20))[-1].x for z in (start, rolled(start))]
print(f"ELS, the whole walk:    shifted start, shifted end, largest difference {np.abs(ends[1] - rolled(ends[0])).max():.0e}")

# %% [markdown]
# (For ELS the difference is rounding: the package adds up candidates in an order that depends on the place.)
#
# ## No seed, no pattern
#
# **A theorem.** If the start is the same at every place, then the end is the same at every place. *Proof.* Let every pixel of $x$
# have the same value. On a torus all windows of $x$ are then equal. ELS compares each with the same candidates, so that every
# pixel has the same answer: $\hat x_0$ is constant. A step of [DDIM](reference.md#ddim) adds multiples of $x$ and $\hat x_0$, so
# the next $x$ is constant, and so on to the end. The same holds for one step of the reaction. $\square$ (With zeros around the
# picture it does not hold: pixels near the border see other windows. See tutorial [05](05_edges.ipynb).)
#
# Neither the dish nor the machine has a plan of the whole picture. The rule says *which* things may be side by side. The start
# decides *where* they are: in the dish this is done by the drops, in ELS by the noise. So we now start ELS as we start a dish,
# not from noise but from an empty picture ($x = 0$) with one *seed*: one pixel of another value.
#
# > **Predict first (3).** What is the result without a seed, with a weak seed (0.01) and with a strong seed (1)? If there is a
# > pattern, how does it begin?

# %%
# alt: Two rows. Without a seed, and with a weak one, dish and ELS are empty. From a strong seed the dish grows a ring, a cross
# of four leaves and at last a symmetric ornament. ELS grows rings around its seed, which break into pieces further out.
empty = np.zeros((1, SIDE, SIDE, 1))
middle = SIDE // 2


def planted(height, width):
    """A blank dish with a square of zeta = `height` and this width in the middle."""
    rho, zeta = np.ones((SIDE, SIDE)), np.zeros((SIDE, SIDE))
    square = slice(middle - width // 2, middle - width // 2 + width)
    rho[square, square], zeta[square, square] = 1 - 1.5 * height, height
    return rho, zeta


def from_seed(value):
    """The way back of ELS from an empty picture with one pixel of this value."""
    x = empty.copy()
    x[0, middle, middle] = value
    return list(md.process.ddim(machines["ELS"], schedule, noise=x, steps=20))


dishes = {"no seed": react(*planted(0.0, 6), 3000), "weak seed": react(*planted(0.05, 6), 3000)}
dishes |= {f"step {until}": react(*planted(0.5, 6), until) for until in (300, 800, 1500, 3000)}
ways = {value: from_seed(value) for value in (0.0, 0.01, 1.0)}
grown_from_one = {"no seed": ways[0.0][-1].x, "weak seed": ways[0.01][-1].x}
grown_from_one |= {f"t = {step.t:.1f}": step.x0_hat for step in ways[1.0] if round(20 * step.t) in (12, 10, 6, 0)}
fig, axes = plt.subplots(2, 6, figsize=(8, 3), layout="constrained")
for ax, (name, (_, zeta)) in zip(axes[0], dishes.items(), strict=True):
    ax.imshow(zeta, cmap="gray", vmin=0, vmax=0.35)
    ax.set(xticks=[], yticks=[])
    ax.set_title(name, fontsize=9)
for ax, (name, x) in zip(axes[1], grown_from_one.items(), strict=True):
    ax.imshow(x[0, ..., 0], cmap="gray", vmin=-1, vmax=1)
    ax.set(xticks=[], yticks=[])
    ax.set_title(name, fontsize=9)
for ax, name in zip(axes[:, 0], ("Gray-Scott", "ELS"), strict=True):
    ax.set_ylabel(name, fontsize=9)
plt.show()
for name in ("no seed", "weak seed"):
    print(f"{name:9}: standard deviation: dish {dishes[name][1].std():.0e}, ELS {grown_from_one[name].std():.0e}")
ends = {"Gray-Scott": dishes["step 3000"][1], "ELS": ways[1.0][-1].x[0, ..., 0]}
for name, end in ends.items():
    change = np.abs(end - end.T).mean() / end.std()
    print(f"{name:10}: rows and columns exchanged: mean change {change:.1g} of the standard deviation")

# %% [markdown]
# <details><summary>Answer (3)</summary>
#
# Without a seed there is no pattern, as the theorem says. With a weak seed there is nothing to be seen, in the dish and in ELS.
# With a strong seed both have a pattern that begins at the seed and spreads outwards.
#
# </details>
#
# So far the two are alike: both need a seed that is strong enough, and both patterns grow outwards from it. In an ordinary walk
# *every* pixel is a seed, since the noise is different at each pixel.
#
# **Here the likeness ends.** The pattern of the dish is symmetric up to rounding, since the seed is symmetric, and the reaction
# treats rows and columns alike. The rings of the machine are not symmetric. Its rule is made of sixteen dishes, and each stripe
# in them has a direction.
#
# ## How far does a local rule reach?
#
# Tutorial [09](09_extra_fingers.ipynb) showed that what a pixel does not see cannot change its answer. But a walk has many
# answers. After each step a pixel of $x$ depends on what its window shows. So information can move from window to window. How
# far?
#
# **The reach of a walk.** Let the steps have the windows $k_1, \dots, k_T$, with the reaches $h_i = (k_i - 1) / 2$. After the
# first step a pixel depends on the noise up to $h_1$ pixels away. Step $i$ makes a pixel depend on pixels up to $h_i$ away, and
# each of these depends on the noise up to $h_1 + \dots + h_{i - 1}$ pixels further. So the reach of the whole walk is at most
#
# $$
# h_\text{walk} = \sum_{i=1}^{T} h_i = \sum_{i=1}^{T} \frac{k_i - 1}{2} . \qquad \square
# $$
#
# ## Prove or refute
#
# Here are three claims. Decide for each claim whether it is true. If it is true, give a proof. If it is false, give a
# counter-example that runs. Do so before you read on.
#
# > **Claim A.** A pixel of the noise cannot influence a pixel of the sample that is more than half a window away.
#
# > **Claim B.** Two pixels of a sample that are more than $2\, h_\text{walk}$ apart, in row or column, are independent of each
# > other. (The noise is independent from pixel to pixel.)
#
# > **Claim C.** If every $5 \times 5$ patch of a picture is (nearly) a patch of the training set, then the picture has the
# > training set's wavelength.
#
# The cell looks for counter-examples. For claim A it changes one pixel of the noise, and measures how far the sample changes. For
# claim C it takes the sample of $k = 5$ and makes it locally consistent: each pixel is replaced by the centre of the nearest
# training patch, again and again.

# %%
poked = noise[:1].copy()
poked[0, middle, middle] += 1
for k, steps in ((5, 1), (5, 2), (5, 4), (3, 10)):
    machine = md.EquivariantLocalScore(images, schedule, window=k)
    pair = [list(md.process.ddim(machine, schedule, noise=z, steps=steps))[-1].x[0, ..., 0] for z in (noise[:1], poked)]
    bounds = f"half a window {k // 2}, sum over the steps {steps * (k // 2):2}"
    print(f"A: k = {k}, {steps:2} steps: {bounds}, the change reaches {reach(*pair)}")
finest, x = md.EquivariantLocalScore(images, schedule, window=5), samples["k = 5"]
for _ in range(40):
    x = finest(x, 0.0)
share = md.metrics.local_consistency(finest, x, tolerance=0.05).mean()
print(
    f"C: {share:.2f} of the pixels are within 0.05 of the nearest 5 x 5 training patch's centre; wavelength {wavelength(x):.1f}"
)

# %% [markdown]
# <details><summary>Answers: A, B, C</summary>
#
# **A is false.** It holds for one answer, not for a walk: with windows of 5 and four steps the change reaches 8 pixels. (In the
# line with ten steps the change stays one pixel below the bound. A bound says only what is not exceeded.)
#
# **B is true.** *Proof.* By the reach of the walk each of the two pixels is a function of the noise in a square of side
# $2\, h_\text{walk} + 1$ around it. The squares share no pixel if the pixels are more than $2\, h_\text{walk}$ apart. The noise
# in one square is independent of the noise in the other. Functions of independent numbers are independent. $\square$ (On a torus
# the distance is the shorter of the two ways around.)
#
# **C is false.** The sample of $k = 5$ is a counter-example: nearly all of its pixels agree with their nearest training
# patches, but its wavelength is about twice that of the training set. A picture can be right in every small window and still be
# wrong as a whole.
#
# </details>
#
# Together the answers say what a local rule can make, and what it cannot make:
#
# - *Beyond its reach* it makes no order (B). In a walk of one step with windows of 5, pixels that are more than 4 apart are
#   independent.
# - *Within its reach* information can move from window to window (A). So order over long distances is possible, in the dish and
#   on the large torus.
# - *But the rule does not make sure of it* (C). Each step compares windows with patches, one by one. The walks of tutorial 09
#   reach across the whole picture, and still the number of limbs is wrong: a window with a right limb looks right, whatever the
#   number is. With attention pixels can hear of places that their windows do not see (tutorial [08](08_attention.ipynb)).
#
# ## What is not alike: where the pieces come from, and the end
#
# *Provenance.* A pixel of an ELS sample comes from a training image and a place in it. In the figure the four training images
# that give most pixels have a colour each, and the pixels that the sample takes from them are shaded in this colour. Grey pieces
# come from the other images. (The pieces are found with windows of $11 \times 11$, so that they are larger.) For a Gray-Scott
# dish there is no such picture, since there is no training set.

# %%
# alt: Six pictures: a sample with stripes; the same with its pieces in four colours and grey, small and mixed; and four training
# images, in each of which some small areas have that image's colour.
reader = md.EquivariantLocalScore(images, schedule, window=11)
source, pieces = reader.provenance(samples["ELS"][:1], 0.0), md.metrics.mosaic(reader, samples["ELS"][:1])
givers = np.argsort(-np.bincount(source.image[0].ravel(), minlength=len(images)), kind="stable")[:4]
colours = np.full((len(images), 3), 0.8)
colours[givers] = [to_rgb(md.plots.PALETTE[number]) for number in (0, 1, 2, 6)]


def tinted(image, colour):
    """An image (H, W, 1) in shades of a colour: one, or one for each pixel."""
    return colour * (0.3 + 0.35 * (image + 1))


fig, axes = plt.subplots(1, 6, figsize=(8, 1.65), layout="constrained")
md.plots.show(samples["ELS"][0], ax=axes[0], title="sample")
axes[1].imshow(tinted(samples["ELS"][0], colours[source.image[0]]))
axes[1].set_title("its pieces", fontsize=10)
for n, ax in zip(givers, axes[2:], strict=True):
    mine, taken = source.image[0] == n, np.zeros((SIDE, SIDE, 1), bool)
    taken[source.row[0][mine], source.column[0][mine]] = True
    ax.imshow(np.where(taken, tinted(images[n], colours[n]), (np.repeat(images[n], 3, axis=2) + 1) / 2))
    ax.set_title(f"{mine.mean():.0%} of no. {n}", fontsize=10)
for ax in axes[1:]:
    ax.set(xticks=[], yticks=[])
plt.show()
print(
    f"{pieces.regions[0]} pieces of {pieces.images_used[0]} training images, the largest {pieces.largest[0]:.0%} of the picture"
)

# %% [markdown]
# *The end.* ELS comes to rest. If each pixel is replaced by the centre of the nearest patch, again and again, the changes become
# smaller and smaller. The picture comes near a locally consistent one (tutorial [03](03_windows.ipynb)). The dish changes more
# slowly with time, too, but in the time that we compute it does not stop.

# %%
x, finest = samples["ELS"], md.EquivariantLocalScore(images, schedule, window=5)
for sweep in range(1, 81):
    previous, x = x, finest(x, 0.0)
    if sweep in (1, 10, 80):
        print(f"ELS, sweep {sweep:2d}: mean change {np.abs(x - previous).mean() / x.std():.0e} of the standard deviation")
for until in (7000, 9000, 11000):
    before, dish = dish[1], react(*dish, 1000)
    change = np.abs(dish[1] - before).mean() / dish[1].std()
    print(f"Gray-Scott, steps {until - 1000} to {until}: mean change {change:.0e} of the standard deviation")
    dish = react(*dish, 1000)

# %% [markdown]
# ## What to take along
#
# | | Gray-Scott | ELS |
# |---|---|---|
# | a rule that is local and the same everywhere | yes | yes |
# | a plan of the whole picture | no | no |
# | what decides *where* the stripes are | the seeds | the noise: every pixel is a seed |
# | a length scale | made by diffusion and reaction | that of the training set, if the window is large enough to show it |
# | where the rule comes from | two equations | the training set |
# | directions | rows and columns are alike | those of the training set |
# | where the pieces come from | it has no pieces | a training image and a place in it |
# | what is kept from step to step | two concentrations | the picture |
# | at the end | still changes, after 11,000 steps | comes to rest near a locally consistent picture |
#
# - A rule that is local and the same everywhere makes no pattern without a seed. In a walk it reaches $\sum (k_i - 1) / 2$
#   pixels, and pixels that are more than twice as far apart are independent.
# - Order over long distances needs no plan. Local rules that overlap can make it, in a dish and in a denoiser. But they do not
#   make every order: windows that are right one by one may be wrong together.
# - It does not follow that a zebra is a diffusion model. The dish makes its stripes. ELS copies pieces and makes them fit.
#
# **Try it.** (1) Take other rates: `feed=0.022, kill=0.051` makes a dish that does not come to rest. Give ELS snapshots of it as
# a training set. What does ELS keep of the dish, and what is lost? (2) Make `WINDOWS` smaller: take `[5, 7, 7, 9, 9]`, and then
# smaller ones. At which largest window is the wavelength no longer right? (3) Mix two textures in the training set: eight of
# these dishes, and eight with `feed=0.03, kill=0.062`, which have spots. Do the samples mix them, or separate them?
#
# <details><summary>Answers</summary>
#
# (1) ELS keeps what one moment shows: the wavelength is 9.9 pixels (8.8 in the training set), and 83 % of the pixels look like
# training patches. The movement is lost, since a snapshot does not show it. (2) With a largest window of 9 the wavelength is 8.2,
# as with 21 (8.1). With 7 it is 14.5. The stripes are 7.8 apart, so the largest window must hold one wavelength. (3) They
# separate: of four samples one is spots only, and three have regions of stripes and regions of spots. If the pieces are found
# with windows of 11, only 3 to 5 % of neighbouring pixels come from different textures. If they were mixed at random it would be
# 17 to 49 %. No training image shows stripes and spots in one window. So such a window has no near candidate.
#
# </details>
#
# **Next:** [11 Where memory ends](11_where_memory_ends.ipynb); or the [exercises](exercises/README.md).
