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
# **Question.** A zebra has stripes, and no cell of it has seen a zebra. A patch mosaic has strokes, and no pixel has seen a
# digit. Is this the same? What can a rule make that is local and the same everywhere, and what can it not make?
#
# **Time.** About 40 minutes to read, three quarters of a minute to run.
#
# **Equations.** The Gray-Scott reaction and diffusion, below; the ELS machine and locally consistent points (KG, theorem 4.1);
# the reach of a walk, $\sum_i (k_i - 1) / 2$, and what symmetry forbids (both derived below). The comparison is ours.
#
# **Prerequisites.** The ELS machine of tutorial [04](04_anywhere.ipynb); [09](09_extra_fingers.ipynb) for the question that is
# answered here; what a Fourier transform is.

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
# Two chemicals with concentrations $u$ and $v$ live on a torus. Both diffuse; $v$ needs $u$ to make more of itself; $u$ is fed at
# a rate $F$, and $v$ is removed at a rate $F + \kappa$. This is the model of Gray and Scott:
#
# $$
# \partial_t u = D_u \Delta u - u v^2 + F (1 - u), \qquad \partial_t v = D_v \Delta v + u v^2 - (F + \kappa) v .
# $$
#
# Diffusion by itself makes everything even. Turing's idea was that it can make patterns when two substances spread at different
# speeds. Each step below looks at a cell and its four neighbours. The rule is the same everywhere. It starts from a few drops of
# $v$.


# %%
@numba.njit
def react(u, v, steps, feed=0.037, kill=0.06, spread_u=0.08, spread_v=0.04):
    """`steps` Euler steps of size 1 of the Gray-Scott model on a torus of one unit a cell."""
    height, width = u.shape
    for _ in range(steps):
        new_u, new_v = np.empty_like(u), np.empty_like(v)
        for i in range(height):
            up, down = (i - 1) % height, (i + 1) % height
            for j in range(width):
                left, right = (j - 1) % width, (j + 1) % width
                around_u = u[up, j] + u[down, j] + u[i, left] + u[i, right] - 4 * u[i, j]
                around_v = v[up, j] + v[down, j] + v[i, left] + v[i, right] - 4 * v[i, j]
                reaction = u[i, j] * v[i, j] ** 2
                new_u[i, j] = u[i, j] + spread_u * around_u - reaction + feed * (1 - u[i, j])
                new_v[i, j] = v[i, j] + spread_v * around_v + reaction - (feed + kill) * v[i, j]
        u, v = new_u, new_v
    return u, v


def drops(side, seed):
    """A blank dish (u = 1, v = 0) with some square drops of v in it."""
    u, v = np.ones((side, side)), np.zeros((side, side))
    for i, j in np.random.default_rng(seed).integers(0, side, (max(side * side // 800, 3), 2)):
        drop = np.ix_(np.arange(i, i + 6) % side, np.arange(j, j + 6) % side)
        u[drop], v[drop] = 0.25, 0.5
    return u, v


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
print(f"v after 6000 steps: from {pattern.min():.2f} to {pattern.max():.2f}, standard deviation {pattern.std():.2f}")

# %% [markdown]
# No step knows of stripes, and yet there are stripes, all of about the same width. One remark on the name "Turing pattern". In
# Turing's own mechanism the even state is unstable, and any noise grows. Here the blank dish is *stable*, and a pattern needs a
# drop to start from. Check it with small noise:

# %%
rng = np.random.default_rng(0)
_, noisy_v = react(1 + 0.01 * rng.standard_normal((64, 64)), 0.01 * np.abs(rng.standard_normal((64, 64))), 2000)
print(f"largest v after 2000 steps from 1 % noise: {noisy_v.max():.0e}")

# %% [markdown]
# ## Learn it with ELS
#
# Now forget the chemistry. Take sixteen small dishes of 40 x 40 cells, let them grow, and use $v$ as a training set of sixteen
# images, scaled to $[-1, 1]$. They are on a torus, and so is the circular ELS machine. Walk back from noise with the ideal score
# (IS), the equivariant score (ES) and ELS.
#
# > **Predict first (1).** The sixteen images are all that the machines know. Which of them draws stripes that are in none of the
# > sixteen?

# %%
# alt: Four pictures of grey stripes: a training dish, and the samples of IS, ES and ELS. All look alike; that of ELS has a few
# knots where stripes join.
SIDE, WINDOWS = 40, [5, 7, 9, 11, 13, 15, 17, 19, 21, 21]
grown = [react(*drops(SIDE, seed), 6000)[1] for seed in range(20)]
low, high = min(v.min() for v in grown[:16]), max(v.max() for v in grown[:16])


def as_images(fields):
    """Fields v as images (N, H, W, 1), with the training set's range as [-1, 1]."""
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
# ELS only. IS repeats a training image, and ES repeats one that is shifted: their distance is 0. The sample of ELS is 0.54 from
# the nearest training image at any shift; a dish that is grown anew is 0.38 from it.
#
# </details>
#
# ELS knows no chemistry. It has seen sixteen dishes.
#
# ## A length scale
#
# Are they the same stripes? They look the same. Let us measure. The power spectrum says how much of the variance lies at each
# spatial frequency, averaged over directions. Stripes of one width make a peak, and 1 / its frequency is the wavelength in
# pixels. We compare with Gray-Scott dishes that ELS has *not* seen, and with an ELS whose window has only 5 pixels at all times.
#
# > **Predict first (2).** The stripes are 8 pixels apart. The rule of the dish sees five cells and makes them. What will the ELS
# > machine with windows of 5 x 5 make: the same stripes, finer ones, or something else?

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
# training set, or a little more. Its peak is a little broader than Gray-Scott's, because a mosaic has knots.
#
# </details>
#
# ## Why not simply a smaller window?
#
# The reaction's rule sees five cells and makes stripes that are eight cells apart. Why does an ELS of $5 \times 5$ pixels fail?
# Are 20 steps too few? Here are 20 and 60 steps from the same noise, and for comparison windows of $9 \times 9$, which see one
# whole wavelength.

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
# The number of steps is not the reason. A patch of 5 pixels fits inside a stripe or on its edge. It never shows two stripes, so
# it cannot say how far apart they are. What ELS knows of lengths it must see in one window. The reaction needs no such view.
# Its length is made by diffusion, over thousands of steps. If both speeds are doubled, lengths should grow by $\sqrt 2$, since
# $D$ is a length squared per time. If the two speeds are equal, there should be no stripes at all: that was Turing's point.

# %%
for spread_u, spread_v in ((0.08, 0.04), (0.16, 0.08), (0.04, 0.04)):
    _, field = react(*drops(128, 10), 6000, 0.037, 0.06, spread_u, spread_v)
    text = "no pattern" if field.std() < 1e-3 else f"wavelength {wavelength(field[None, ..., None]):.1f}"
    print(f"D_u = {spread_u:.2f}, D_v = {spread_v:.2f}: standard deviation of v {field.std():.2f}, {text}")

# %% [markdown]
# ## Why not simply match the spectrum?
#
# If a spectrum is all we test, this is enough: take a training image, keep the size of every Fourier coefficient and draw its
# phase at random. The spectrum is the same to rounding. The picture is not. So test patches too: the share of pixels within 0.1
# of the centre of the nearest $7 \times 7$ training patch (local consistency; the tolerance is ours).

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
# Neither test is enough by itself. By both tests the ELS mosaic is almost as good as a dish that really grew; by the spectrum
# it can still be told apart.
#
# ## A larger torus
#
# A rule has no size, and a dictionary of patches has no size either. Put four copies of each training dish side by side. Such a
# torus of 80 x 80 has exactly the same patches as the dish, each four times. All weights of the softmax are divided by four, and
# their sums are as before. So ELS with this training set is the machine of the small dishes on a larger picture.

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
# There are new stripes on four times the area, and they are not four copies of one dish. The wavelength is a little long, and
# there are knots, which a dish would straighten in time.
#
# ## What is alike: local, and the same everywhere
#
# *Local.* Change one cell a little, a "poke". After 10 reaction steps no cell more than 10 away can have changed. One ELS answer
# with a window of 21 reaches 10 pixels.
#
# *The same everywhere.* Shift the start, and the end is shifted, too, in both.


# %%
def reach(before, after):
    """How far (rows or columns, on the torus) the farthest cell lies that is not the same as before, from the middle."""
    rows, columns = np.nonzero(before != after)
    return max(np.abs(rows - SIDE // 2).max(), np.abs(columns - SIDE // 2).max())


def rolled(z):
    """A field, or an image without its batch axis, seven down and eleven to the left on the torus."""
    return np.roll(z, (7, -11), axis=(0, 1))


u, v = react(*drops(SIDE, 0), 300)
poked_v = v.copy()
poked_v[SIDE // 2, SIDE // 2] += 0.1
print(f"Gray-Scott, 10 steps: a poke reaches {reach(react(u, v, 10)[1], react(u, poked_v, 10)[1])} cells")
x = md.process.add_noise(images[0], 1.0, schedule, rng=0)
poked = x.copy()
poked[SIDE // 2, SIDE // 2] += 1
machine = machines["ELS"]
print(f"ELS, one answer:      a poke reaches {reach(machine(x, 1.0)[..., 0], machine(poked, 1.0)[..., 0])} pixels")

shifted, straight = react(rolled(u), rolled(v), 3000)[1], react(u, v, 3000)[1]
print(f"Gray-Scott, 3000 steps: shift in against shift out, largest difference {np.abs(shifted - rolled(straight)).max()}")
start = noise[0].astype(np.float64)
ends = [list(md.process.ddim(machine, schedule, noise=z, steps=20))[-1].x for z in (start, rolled(start))]
print(f"ELS, the whole walk:    shift in against shift out, largest difference {np.abs(ends[1] - rolled(ends[0])).max():.0e}")

# %% [markdown]
# (For ELS the difference is rounding: the package adds up candidates in an order that depends on the place. See tutorial 04.)
#
# ## No seed, no pattern
#
# **A theorem.** If the start is the same at every place, so is the end. *Proof.* Let every pixel of $x$ have the same value. On
# a torus all windows of $x$ are then equal. ELS compares each with the same candidates, so that every pixel has the same
# answer: $\hat x_0$ is constant. A step of DDIM adds multiples of $x$ and $\hat x_0$, so the next $x$ is constant, and so on to
# the end. The same holds for one step of the reaction. $\square$ (With zeros around the picture it does not hold: there the
# border is a seed. See tutorial [05](05_edges.ipynb).)
#
# Neither the dish nor the machine has a plan of the whole. The rule says *what* may stand side by side. *Where* it stands is
# decided by the start: by the drops there, by the noise here. So let us start ELS as we start a dish, not from noise but from
# an empty picture ($x = 0$) with one *seed*: one pixel of another value.
#
# > **Predict first (3).** What comes out of no seed, of a weak one (0.01) and of a strong one (1)? If there is a pattern, how
# > does it begin?

# %%
# alt: Two rows. Without a seed, and with a weak one, dish and ELS are empty. From a strong seed the dish grows a ring, a cross
# of four leaves and at last a symmetric ornament. ELS grows rings around its seed, which break into pieces further out.
empty = np.zeros((1, SIDE, SIDE, 1))
middle = SIDE // 2


def planted(height, width):
    """A blank dish with a square of v = `height` and this width in the middle."""
    u, v = np.ones((SIDE, SIDE)), np.zeros((SIDE, SIDE))
    square = slice(middle - width // 2, middle - width // 2 + width)
    u[square, square], v[square, square] = 1 - 1.5 * height, height
    return u, v


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
for ax, (name, (_, v)) in zip(axes[0], dishes.items(), strict=True):
    ax.imshow(v, cmap="gray", vmin=0, vmax=0.35)
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
# No seed: nothing, as the theorem says. A weak seed: nothing that could be seen, in both. A strong seed: in both a pattern that
# begins at the seed and spreads outwards, with the stripes' own width.
#
# </details>
#
# So far the two are alike: both need a seed, both have a threshold, and both grow outwards from it. In an ordinary walk *every*
# pixel is a seed, for the noise is different at each.
#
# **Here the likeness ends.** The dish's ornament is exactly symmetric, since the seed is, and the reaction treats rows and
# columns alike. The machine's rings are not. Its rule is sixteen dishes, and each stripe in them has a direction.
#
# ## How far does a local rule reach?
#
# Tutorial [09](09_extra_fingers.ipynb) showed that what a pixel does not see cannot change its answer. But a walk has many
# answers. In each step $x$ at a pixel takes in what its window shows, so news can travel from window to window. How far?
#
# **The reach of a walk.** Let the steps have the windows $k_1, \dots, k_T$. After the first step a pixel depends on the noise
# up to $(k_1 - 1) / 2$ pixels away. If after $i - 1$ steps it depends on the noise up to $r$ away, then step $i$ makes it
# depend on pixels up to $(k_i - 1) / 2$ away, which depend on noise up to $r$ further. So after all steps the reach is
#
# $$
# r = \sum_{i=1}^{T} \frac{k_i - 1}{2} ,
# $$
#
# and not one pixel more. $\square$
#
# ## Prove or refute
#
# Three claims. Decide for each: if it is true, give a proof; if it is false, give a counter-example that runs. Do so before you
# read on.
#
# > **Claim A.** A pixel of the noise cannot influence a pixel of the sample that is more than half a window away.
#
# > **Claim B.** Let $r$ be the reach of the walk. Two pixels of a sample that are more than $2 r$ apart, in row or column, are
# > independent of each other. (The noise is independent from pixel to pixel.)
#
# > **Claim C.** If every $5 \times 5$ patch of a picture is (nearly) a patch of the training set, then the picture has the
# > training set's wavelength.
#
# The cell looks for counter-examples: it pokes one pixel of the noise and asks how far the sample changes, and it measures the
# sample of $k = 5$ once it has become locally consistent (KG): each pixel is put to the centre of the nearest training patch,
# again and again.

# %%
poked = noise[:1].copy()
poked[0, middle, middle] += 1
for k, steps in ((5, 1), (5, 2), (5, 4), (3, 10)):
    machine = md.EquivariantLocalScore(images, schedule, window=k)
    pair = [list(md.process.ddim(machine, schedule, noise=z, steps=steps))[-1].x[0, ..., 0] for z in (noise[:1], poked)]
    bounds = f"half a window {k // 2}, sum over the steps {steps * (k // 2):2}"
    print(f"A: k = {k}, {steps:2} steps: {bounds}, a poke reaches {reach(*pair)}")
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
# **A is false.** It holds for one answer, not for a walk: with windows of 5 and four steps a poke reaches 8 pixels. (In the
# last line it stays one pixel below the bound. A bound need not be reached: a change may be too small to change a single
# digit.)
#
# **B is true.** *Proof.* By the reach of the walk each of the two pixels is a function of the noise in a square of side $2 r +
# 1$ around it. The squares share no pixel if the pixels are more than $2 r$ apart. The noise in one square is independent of
# the noise in the other. Functions of independent numbers are independent. $\square$ (On a torus the distance counts around
# both ways.)
#
# **C is false.** The sample of $k = 5$ is a counter-example: nearly all of its pixels agree with their nearest training
# patches, but its wavelength is about twice that of the training set. What is right in every small window may be wrong as a
# whole.
#
# </details>
#
# Together they say what a local rule can make, and what not:
#
# - *Beyond its reach* it makes nothing (B). In a walk of one step with windows of 5, pixels more than 4 apart know nothing of
#   each other.
# - *Within its reach* news can travel (A), and this is how order over long distances comes about in the dish and on the large
#   torus.
# - *But nothing makes it travel* (C). Each step asks only whether the window looks right. The walks of tutorial 09 reach across
#   the whole picture, and still the number of limbs is wrong, for a window with a right limb looks right, whatever the number.
#   In the dish diffusion carries news all the time. In a network attention does (tutorial [08](08_attention.ipynb)).
#
# ## What is not alike: where the pieces come from, and the end
#
# *Provenance.* An ELS pixel comes from somewhere. The four training images that give most have a colour each; shaded in it are
# the pixels that the sample takes from there. Grey pieces come from the other images. (Read through windows of $11 \times 11$, so
# that the pieces are larger.) A Gray-Scott dish has no such picture. There is no training set from which it could be cut.

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
# *The end.* ELS comes to rest: put each pixel to the centre of the nearest patch, again and again, and the changes become
# smaller and smaller. What is left is KG's locally consistent point. The dish goes on reacting. It slows down, but in the time
# we watch it does not stop.

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
# | a plan of the whole | none | none |
# | what decides *where* the stripes are | the seeds | the seeds: noise at every pixel |
# | a length scale | made by diffusion and reaction | seen in the training set, through a window that must hold it |
# | where the rule comes from | physics, two equations | learnt: it *is* the training set |
# | directions | rows and columns are alike | those of the training set |
# | where the pieces come from | nowhere | provenance: a training image and a place |
# | memory | a second chemical, thousands of steps | none but the picture, 20 steps |
# | at the end | keeps moving | comes to rest at a locally consistent point |
#
# - A rule that is local and the same everywhere makes no pattern without a seed, reaches $\sum (k_i - 1) / 2$ in a walk, and
#   leaves what is further apart independent.
# - Order over long distances needs no plan. Local rules that overlap are enough, in a dish as in a denoiser. But they do not make
#   every order: windows that are right one by one may be wrong together.
# - It does not follow that a zebra is a diffusion model. One rule makes its stripes. The other copies pieces and makes them fit.
#
# **Try it.** (1) Other rates: `feed=0.022, kill=0.051` makes a restless dish. Train ELS on snapshots of it. What does ELS keep
# of it, and what is lost? (2) `WINDOWS` down to `[5, 7, 7, 9, 9]`, and further: at which largest window does the wavelength go
# wrong? (3) Mix two textures in the training set: eight of these dishes, and eight with `feed=0.03, kill=0.062`, which have
# spots. Do the samples mix them, or separate them?
#
# <details><summary>Answers</summary>
#
# (1) ELS keeps the look of a moment: the wavelength is 9.9 pixels (8.8 in the training set), and 83 % of the pixels look like
# training patches. The movement is lost, since a snapshot does not show it. (2) With a largest window of 9 the wavelength is
# 8.2, as with 21 (8.1). With 7 it is 14.5. The stripes are 7.8 apart, so the largest window must hold one wavelength. (3) They
# separate: of four samples one is spots only and three have regions of stripes and regions of spots. Read through windows of
# 11, only 3 to 5 % of neighbouring pixels come from different textures; mixed at random it would be 17 to 49 %. A window that
# holds both shows no training patch, except where a stripe's end looks like a spot.
#
# </details>
#
# **Next:** [11](11_where_memory_ends.ipynb), where memory ends; the [exercises](exercises/README.md); or
# [01](01_noise_and_the_way_back.ipynb) again, now with [the
# code](../minidiff/theory.py) beside it.
