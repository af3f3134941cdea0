# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 10. Mosaics in nature: a Turing pattern beside an ELS mosaic
#
# **Question.** A zebra has stripes, and no cell of it has seen a zebra. A patch mosaic has strokes, and no pixel has seen a
# digit. Is that the same thing?
#
# **Time.** About 20 minutes to read, half a minute to run.
#
# **Equations.** The Gray-Scott reaction and diffusion, below; the equivariant local score machine and locally consistent points
# (KG, theorem 4.1). The comparison is ours.
#
# **Prerequisites.** The ELS machine of tutorial [04](04_anywhere.ipynb); what a Fourier transform is.

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
# Turing's idea was that diffusion, which evens everything out, can make patterns when two substances spread at different speeds.
# Each step below looks at a cell and its four neighbours. It is the same rule everywhere. It starts from a few drops of $v$.


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


fig, axes = plt.subplots(1, 5, figsize=(8, 2), layout="constrained")
dish, step = drops(128, 10), 0
for ax, until in zip(axes, (0, 200, 600, 2000, 6000), strict=True):
    dish, step = react(*dish, until - step), until
    ax.imshow(dish[1], cmap="gray")
    ax.set(xticks=[], yticks=[], title=f"step {step}")
plt.show()
pattern = dish[1]
print(f"v after 6000 steps: from {pattern.min():.2f} to {pattern.max():.2f}, standard deviation {pattern.std():.2f}")

# %% [markdown]
# No step knows of stripes, and yet there are stripes, all of about the same width. The name needs a remark: in Turing's own
# mechanism the even state is unstable and any noise grows. Here the blank dish is *stable*, and a pattern needs a drop to start
# from. Check it with small noise:

# %%
rng = np.random.default_rng(0)
_, noisy_v = react(1 + 0.01 * rng.standard_normal((64, 64)), 0.01 * np.abs(rng.standard_normal((64, 64))), 2000)
print(f"largest v after 2000 steps from 1 % noise: {noisy_v.max():.0e}")

# %% [markdown]
# ## Learn it with ELS
#
# Now forget the chemistry. Take sixteen small dishes of 40 x 40 cells, let them grow, and use $v$ as a training set of sixteen
# images, scaled to $[-1, 1]$. They live on a torus, and so does the circular ELS machine. Walk back from noise with the ideal
# score (IS), the equivariant score (ES) and ELS.

# %%
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
fig, axes = plt.subplots(1, 4, figsize=(7.5, 2.1), layout="constrained")
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
# IS and ES recite. ELS makes a new dish of stripes, no nearer to the training images than a dish that is grown anew. It knows no
# chemistry. It has seen sixteen dishes.
#
# ## A length scale
#
# Are they the same stripes? They look the same; let us measure. The power spectrum says how much of the variance lies at each
# spatial frequency, averaged over directions. Stripes of one width make a peak, and 1 / its frequency is the wavelength in
# pixels. We compare with Gray-Scott dishes that ELS has *not* seen, and with an ELS whose window is only 5 pixels all the way.

# %%
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
# ELS has the length scale of its training set, or a little more. Its peak is a little broader than Gray-Scott's: a mosaic has
# kinks and knots.
#
# ## Why not simply a smaller window?
#
# The reaction's rule sees five cells and makes stripes eight cells apart. So why does an ELS of $5 \times 5$ pixels fail, with
# blotches of about twice the size? The number of steps is not the reason. Here are 20, and then 60, from the same noise, and
# for comparison $9 \times 9$, which sees one whole wavelength.

# %%
walks = {}
for k, steps in ((5, 20), (5, 60), (9, 20), (9, 60)):
    machine = md.EquivariantLocalScore(images, schedule, window=k)
    *_, last = md.process.ddim(machine, schedule, noise=noise[:1], steps=steps)
    walks[f"k = {k}, {steps} steps"] = last.x
fig, axes = plt.subplots(1, 4, figsize=(7.5, 2.1), layout="constrained")
for ax, (name, x) in zip(axes, walks.items(), strict=True):
    md.plots.show(x[0], ax=ax, title=name)
    print(f"{name:16}: wavelength {wavelength(x):4.1f} pixels (one sample)")
plt.show()

# %% [markdown]
# A patch of 5 pixels fits inside a stripe or on its edge. It never shows two stripes, so it cannot say how far apart they are.
# What ELS knows of length it must see in one window. The reaction needs no such view: its length is made by diffusion, over
# thousands of steps. Double both speeds, and lengths should grow by $\sqrt 2$, since $D$ is a length squared per time. Make the
# two speeds equal, and there should be no stripes at all: that was Turing's point.

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
judge = md.EquivariantLocalScore(images, schedule, window=7)
phases = np.fft.rfft2(np.random.default_rng(0).standard_normal((SIDE, SIDE)))
sizes = np.abs(np.fft.rfft2(images[0, ..., 0]))
scrambled = np.fft.irfft2(sizes * phases / np.abs(phases), s=(SIDE, SIDE)).astype(np.float32)[None, ..., None]
print(
    f"random phases: spectrum differs from the training image's by {np.abs(spectrum(scrambled) - spectrum(images[:1])).max():.0e}"
)
compared = {"random phases": scrambled, "ELS, k = 5": samples["k = 5"], "ELS": samples["ELS"], "Gray-Scott, new": fresh}
fig, axes = plt.subplots(1, 4, figsize=(7.5, 2.1), layout="constrained")
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
# A rule has no size, and a dictionary of patches has none either. Lay four copies of each training dish side by side. Such a
# torus of 80 x 80 has exactly the same patches as the dish, each four times, which changes no posterior. So ELS with this
# training set is the machine of the small dishes on a larger canvas.

# %%
tiled = np.tile(images, (1, 2, 2, 1))
large = md.EquivariantLocalScore(tiled, schedule, window=WINDOWS)
*_, last = md.process.ddim(large, schedule, noise=md.process.unit_noise((1, 2 * SIDE, 2 * SIDE, 1), 5), steps=20)
one = np.corrcoef(last.x.ravel(), np.roll(last.x, SIDE, axis=1).ravel())[0, 1]
print(f"wavelength: training images {wavelength(images):.1f}, large ELS mosaic {wavelength(last.x):.1f} pixels")
print(f"does it repeat? correlation with itself, {SIDE} pixels down: {abs(one):.1f} (1 for four copies of a dish)")
print(f"distance to the nearest shift of any four copies: {md.metrics.memorisation(last.x, tiled).distance[0]:.2f}")
fig, axes = plt.subplots(1, 3, figsize=(7.5, 2.8), layout="constrained")
for ax, (name, x) in zip(
    axes, {"four copies": tiled, "ELS": last.x, "Gray-Scott": as_images([pattern[:80, :80]])}.items(), strict=True
):
    md.plots.show(x[0], ax=ax, title=f"{name}, 80 x 80")
plt.show()

# %% [markdown]
# There are new stripes on four times the area, and they are not four copies of one dish. The wavelength is a little long, and
# there are knots that a dish would straighten out in time.
#
# ## What is alike: local, the same everywhere, without a plan
#
# *Local.* Change one cell a little, a "poke". After 10 reaction steps no cell more than 10 away can have changed. One ELS
# answer with a window of 21 reaches 10 pixels.
#
# *The same everywhere.* Shift the start, and the end is shifted too, in both.


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
# ## What is not alike: where the pieces come from, and the end
#
# *Provenance.* An ELS pixel comes from somewhere. The four training images that give most have a colour each; shaded in it are
# the pixels that the sample takes from there. Grey pieces come from the other images. (Read through windows of $11 \times 11$, so
# that the pieces are large enough to see.) A Gray-Scott dish has no such picture. There is no training set it could be cut from.

# %%
reader = md.EquivariantLocalScore(images, schedule, window=11)
source, pieces = reader.provenance(samples["ELS"][:1], 0.0), md.metrics.mosaic(reader, samples["ELS"][:1])
givers = np.argsort(-np.bincount(source.image[0].ravel(), minlength=len(images)), kind="stable")[:4]
colours = np.full((len(images), 3), 0.8)
colours[givers] = [to_rgb(md.plots.PALETTE[number]) for number in (0, 1, 2, 6)]


def tinted(image, colour):
    """An image (H, W, 1) in shades of a colour: one, or one for each pixel."""
    return colour * (0.3 + 0.35 * (image + 1))


fig, axes = plt.subplots(1, 6, figsize=(9, 1.8), layout="constrained")
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
# *The end.* ELS settles: put each pixel to the centre of the nearest patch, again and again, and the changes die out. What is
# left is KG's locally consistent point. The dish goes on reacting. It slows down, but in the time we watch it does not stop.

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
# | a length scale | made by diffusion and reaction | seen in the training set, through a window that must hold it |
# | where the rule comes from | physics, two equations | learnt: it *is* the training set |
# | where the pieces come from | nowhere | provenance: a training image and a place |
# | memory | a second chemical, thousands of steps | none but the picture, 20 steps |
# | at the end | keeps moving | settles on a locally consistent point |
#
# - Order over long distances needs no plan. Local rules that overlap are enough, in a dish as in a denoiser.
# - It does not follow that a zebra is a diffusion model, or the other way round. One rule makes, the other copies pieces and
#   makes them fit.
#
# **Try it.**
#
# - Other rates: `feed=0.022, kill=0.051` makes a restless dish. Train ELS on snapshots of it. What does ELS keep of it, and what
#   is lost?
# - `WINDOWS` down to `[5, 7, 7, 9, 9]`: at which largest window does the wavelength go wrong?
# - Mix two textures in the training set, such as dishes with other rates. Do the samples mix them, or separate them?
#
# **Next:** [11](11_where_memory_ends.ipynb), where memory ends; the [exercises](exercises/README.md); or
# [01](01_noise_and_the_way_back.ipynb) again, now with [the
# code](../minidiff/theory.py) beside it.
