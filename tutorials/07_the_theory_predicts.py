# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 7. The theory predicts the network
#
# **Question.** A network was trained without any use of the theory. Can the theory say, pixel by pixel, what the network will
# draw from a given noise, before we ask the network? And would any other denoiser predict it as well?
#
# **Time.** About 45 minutes to read, half a minute to run.
#
# **Equations.** The machines IS, LS and ELS ([KG](reference.md#kg); tutorials 02 to 05); a window $k(t)$ for each noise level,
# measured on the network (after KG); $r$, $r^2$ and $R^2 = 1 - SS_\text{res} / SS_\text{tot}$.
#
# **Prerequisites.** Tutorials [04](04_anywhere.ipynb), [05](05_edges.ipynb) and [06](06_a_network_by_hand.ipynb); correlation,
# quartiles; conditional means, for the theorem at the end. Letters and words are collected in the [reference](reference.md).

# %%
import matplotlib.pyplot as plt
import numpy as np

import minidiff as md
from minidiff.studies import calibration

orange, sky, green, _, blue, red, pink = md.plots.PALETTE

# %% [markdown]
# ## The network, and what the machines know of it
#
# The network comes with the package. It is a residual network as in tutorial [06](06_a_network_by_hand.ipynb), with six
# $3 \times 3$ layers, 32 channels and zero padding. It was trained on 1,000 pictures of printed characters ("glyphs"). The
# machines use three things only: this training set, the fact that the padding is zeros, and the windows $k(t)$, which say how far
# the network looks at each noise level. The machines do not use the network's weights or its layers, and they do not use how it
# was trained. The windows were measured on other noises than those below. The section "Where $k(t)$ comes from" says how.


# %%
def trained(name):
    """A shipped network, its training set, and the windows that were calibrated on it."""
    network = md.nets.load(name)
    data = network.notes["data"]
    images, _ = md.datasets.load(data["data"], size=16, count=data["count"], rng=data["data_seed"])
    return network, images, network.notes["windows"]


network, images, windows = trained("glyphs-zeros")
schedule = network.schedule
print(f"{len(images):,} images of {images.shape[1]} x {images.shape[2]}; receptive field {network.receptive_field} pixels")
print("k(t) of ELS, least noise first:", *windows["ELS"])

# %% [markdown]
# ## The prediction
#
# We take eight noises. From each noise the network walks back by [DDIM](reference.md#ddim) in 20 steps. The ELS machine does the
# same from the same noise, and so do two other machines: LS, which sees the same kind of window but may only copy from its own
# place, and the ideal denoiser, which sees everything.
#
# In the figure each column is one noise. The number above it is the correlation of ELS with the network.
#
# > **Predict first (1).** Three machines: ELS (a window, candidates from anywhere), LS (a window, its own place only), and the
# > ideal denoiser. Which of them draws what the network draws? Will the ideal denoiser at least draw the same *character*?

# %%
# alt: Four rows of eight pictures from the same noises, white strokes on black. The row of ELS repeats the network's made-up
# characters almost stroke by stroke. The row of LS resembles them less. The last row shows clean, different letters and digits.
noise = md.process.unit_noise((8, 16, 16, 1), rng=0)


def walk(denoiser, noise=noise):
    return list(md.process.ddim(denoiser, denoiser.schedule, noise=noise, steps=20))


machines = {
    "ELS": md.EquivariantLocalScore(images, schedule, window=windows["ELS"], boundary="zeros"),
    "LS": md.LocalScore(images, schedule, window=windows["LS"], boundary="zeros"),
    "ideal": md.IdealScore(images, schedule),
    "Wiener": md.Wiener(images, schedule),
}
walks = {"network": walk(network)} | {name: walk(machine) for name, machine in machines.items()}
drawn = {name: steps[-1].x for name, steps in walks.items()}
agreement = {name: md.metrics.agreement(x, drawn["network"]) for name, x in drawn.items() if name != "network"}
names = {"network": "network", "ELS": "ELS, the theory", "LS": "LS, own place", "ideal": "ideal denoiser"}
fig, ax = plt.subplots(figsize=(7.5, 3.9), layout="constrained")
heads = [f"r = {r:.2f}" for r in agreement["ELS"].r]
md.plots.rows([drawn[name] for name in names], list(names.values()), ax=ax, heads=heads)
plt.show()

# %% [markdown]
# <details><summary>Answer (1)</summary>
#
# The network and ELS draw the same new shapes. The samples of LS are less like those of the network. The ideal denoiser draws
# clean characters of the training set, and mostly not the same strokes as the network.
#
# </details>
#
# ## Three numbers, three names
#
# - $r$, Pearson's correlation over all pixels of one sample: is it bright where the network is bright?
# - $r^2$, the share of the network's variance that the best *rescaled* prediction explains.
# - $R^2 = 1 - SS_\text{res} / SS_\text{tot}$, the share that the prediction *itself* explains. It can be negative.
#
# They are not the same. If a prediction has half the contrast, $r$ stays 1 and $R^2$ falls. The three are easily mixed up: an
# [evaluation
# script](https://github.com/henhen724/convolutional_diffusion/blob/2649aed0a4c913c9c975ded608b5702000101431/eval_script.py) in a
# public copy of KG's code computes Pearson's $r$ and writes $r^2$ on the axes of its figure. So always say which one is meant.
# Below are medians over the samples, with the quartiles.

# %%
faint = md.metrics.agreement(0.5 * drawn["network"], drawn["network"])
print(
    f"the network's own samples at half the contrast: r = {np.median(faint.r):.2f}, R^2 = {np.median(faint.determination):.2f}\n"
)
print(f"{'':8}{'r':>18}{'r^2':>19}{'R^2':>20}")
for name in ("ELS", "LS", "ideal"):
    cells = []
    for values in agreement[name]:
        q = md.metrics.quartiles(values)
        cells.append(f"{q['median']:5.2f} [{q['lower']:5.2f}, {q['upper']:5.2f}]")
    print(f"{name:8}" + " ".join(cells))

# %% [markdown]
# Eight noises are few. [results.md](results.md) has these numbers for 100 noises, three data sets, two paddings and three
# trainings each, and it has the command that makes them (`minidiff compare`).
#
# ## Why not simply look for the nearest training image?
#
# Perhaps the network only copies. Then its sample could be predicted by a training image. Take for every sample the nearest
# training image, first in place, and then over all translations, too. We choose this image *after* we have seen the sample, so it
# is not a prediction. Still it agrees far less than ELS, which does not use the sample.

# %%
typical = md.metrics.typical_distance(images)
for name, moved in (("in place", False), ("over all translations", True)):
    found = md.metrics.memorisation(drawn["network"], images, translations=moved)
    nearest = md.metrics.rolled(images[found.nearest], found.shift)
    r = np.median(md.metrics.agreement(nearest, drawn["network"]).r)
    print(f"nearest image {name}: r = {r:.2f}, distance {np.median(found.distance):.2f} (two training images: {typical:.2f})")
print(f"ELS, without having seen the sample: r = {np.median(agreement['ELS'].r):.2f}")

# %% [markdown]
# ## Is it trivial? Would any denoiser agree?
#
# All walks start from the same noise, and training images have much in common, such as black borders. So some correlation comes
# without any theory. We call such a prediction *free*. How large is its correlation? We compare nine predictions:
#
# - four free ones: the noise itself; the mean training image; the ELS sample *of another noise*; the nearest training image,
#   chosen after the sample was seen;
# - three other machines: the ideal denoiser; the Wiener filter, which is the best linear denoiser ([LUK](reference.md#luk)
#   compare networks with it); LS;
# - ELS twice: with a window that is always 13 pixels wide, the network's whole receptive field, and with $k(t)$.
#
# We do this for two networks: that of the glyphs, and one that was trained on handwritten digits. In the figure each dot is a
# sample and each bar is a median.
#
# > **Predict first (2).** On the digits, how large is $r$ of the *mean training image*, which does not look at the noise at all:
# > about 0, 0.3 or 0.7? And is ELS through the network's whole receptive field, 13 pixels, better than ELS with $k(t)$?


# %%
def line_up(drawn, images):
    """{name: agreement with the network}, the free predictions first."""
    nearest = md.metrics.memorisation(drawn["network"], images, translations=False).nearest
    free = {
        "the noise itself": noise,
        "mean training image": np.broadcast_to(images.mean(axis=0), noise.shape),
        "ELS, another noise": np.roll(drawn["ELS"], 1, axis=0),
        "nearest image, afterwards": images[nearest],
    }
    order = ("ideal", "Wiener", "LS", "ELS, k = 13 always", "ELS")
    found = free | {name: drawn[name] for name in order}
    return {name: md.metrics.agreement(x, drawn["network"]) for name, x in found.items()}


def machines_for(images, windows):
    return {
        "ELS": md.EquivariantLocalScore(images, schedule, window=windows["ELS"], boundary="zeros"),
        "ELS, k = 13 always": md.EquivariantLocalScore(images, schedule, window=13, boundary="zeros"),
        "LS": md.LocalScore(images, schedule, window=windows["LS"], boundary="zeros"),
        "ideal": md.IdealScore(images, schedule),
        "Wiener": md.Wiener(images, schedule),
    }


wide = "ELS, k = 13 always"
drawn[wide] = walk(machines_for(images, windows)[wide])[-1].x
digit_network, digits, digit_windows = trained("digits-zeros")
digit_machines = {"network": digit_network} | machines_for(digits, digit_windows)
digits_drawn = {name: walk(denoiser)[-1].x for name, denoiser in digit_machines.items()}

# %%
# alt: Two plots with a row of dots for each of nine predictions. For the glyphs the free ones lie between 0.2 and 0.7, the ideal
# denoiser at 0.6, the linear filter at 0.83, LS at 0.88 and ELS at 0.95. For the digits nearly all lie further to the right, and
# ELS is again the furthest.
lines = {"glyphs": line_up(drawn, images), "digits": line_up(digits_drawn, digits)}
fig, axes = plt.subplots(1, 2, figsize=(8.5, 3.4), layout="constrained", sharey=True)
for ax, (data, line) in zip(axes, lines.items(), strict=True):
    for row, one in enumerate(line.values()):
        colour, marker = ("0.5", "o") if row < 4 else (orange, "^") if row < 8 else (blue, "s")
        ax.scatter(one.r, np.full(len(one.r), row), s=14, color=colour, marker=marker, alpha=0.7)
        ax.plot([np.median(one.r)] * 2, [row - 0.35, row + 0.35], color="black")
    ax.set(xlabel="r with the network's sample", title=data, xlim=(-0.1, 1.02))
    ax.grid(axis="x", alpha=0.3)
axes[0].set_yticks(range(len(line)), list(line))
axes[0].invert_yaxis()
plt.show()

# %%
print(f"{'':26}glyphs: r    R^2      digits: r    R^2")
for name in lines["glyphs"]:
    cells = [f"{np.median(lines[data][name].r):10.2f} {np.median(lines[data][name].determination):7.2f}" for data in lines]
    print(f"{name:26}" + "    ".join(cells))

# %% [markdown]
# <details><summary>Answer (2)</summary>
#
# The mean training image has 0.73, since digits are much alike. And ELS with the whole receptive field is not better: with 13
# pixels at all times it has 0.88 on the digits and 0.68 on the glyphs, with $k(t)$ it has 0.99 and 0.95.
#
# </details>
#
# So the agreement is not trivial, but a high $r$ by itself is easy to get. On the digits even the sample of another noise
# correlates with the network's, and the linear filter reaches 0.92. So 0.9 says little there. On the glyphs the free predictions
# and the other machines are clearly worse than ELS. Three rules follow. Show the free predictions, too. Report $R^2$, which
# counts every error. Use data on which other predictions fail.
#
# Note also which predictions are worse. The ideal denoiser is *the best denoiser of the training set*, and ELS through 13 pixels
# is the best one with the network's receptive field. So both denoise the training set at least as well as the network does. And
# both predict the network worse than ELS with $k(t)$. So the next question is: what decides $k(t)$?
#
# ## Where $k(t)$ comes from
#
# The windows are measured on the network, as KG do it. Follow a walk of the network. At each step ask ELS machines with several
# windows about the same $x$. Take the window whose noise direction $\hat\varepsilon = (x - a \hat x_0)/s$ makes the smallest
# angle with the network's. Then take the median over samples. Here is a small version, with two samples and five windows. (A
# [public
# copy](https://github.com/henhen724/convolutional_diffusion/blob/4aebaba8ba603fa17c2cd003b53fa3f614616296/scales_calibration.py)
# of KG's code does the same.)
#
# > **Predict first (3).** Tutorial [06](06_a_network_by_hand.ipynb) showed what a pixel of a trained network looks at. Which
# > window is nearest to the network at little noise, and which at much noise?

# %%
# alt: Left, five falling curves of the angle against time, one for each window. At the left end the curve of k = 3 is the
# lowest, then the curves cross, and at the right end those of k = 9 and 11 are lowest. Right, two stairs that rise from 3 to 9
# pixels with time and differ in two places.
sides = (3, 5, 7, 9, 11)
found = calibration.against(network, images, schedule, sides, samples=2, rng=2)
angles = np.degrees(np.arccos(found.scores))
fig, (left, right) = plt.subplots(1, 2, figsize=(8.5, 3), layout="constrained")
for side, angle, colour, mark in zip(sides, angles.T, (orange, sky, green, blue, pink), "os^Dv", strict=True):
    left.semilogy(found.times, angle, marker=mark, markersize=3.5, color=colour, label=f"k = {side}")
left.set(xlabel="time t (0 is clean)", ylabel="angle to the network (degrees)")
left.legend(frameon=False, fontsize=8)
md.plots.scale_table(found.table, ax=right, label="these 2 samples").set(color=red, linestyle="--")
md.plots.scale_table(windows["ELS"], ax=right, label="10 samples, 7 windows (shipped)").set_color(blue)
right.legend(frameon=False, fontsize=8)
plt.show()
print("k(t), 2 samples: ", *found.table)
print("k(t), 10 samples:", *windows["ELS"])

# %% [markdown]
# <details><summary>Answer (3)</summary>
#
# At little noise the smallest window is nearest, at much noise the larger ones are, as in the gradients of tutorial 06.
#
# </details>
#
# At each time $k(t)$ is the window whose curve is the lowest. Where two curves cross, the choice between them hardly matters, so
# that two samples give nearly the table of ten. The $k(t)$ is measured. No theory yet predicts it; that is an open question.
#
# ## Is it the twenty fitted numbers?
#
# Twenty windows were chosen on this network, and then used to predict this network. Is the agreement perhaps only a result of
# this fit? There are two reasons against it. The windows were chosen on other noises than those of the comparison, and LS has
# twenty windows of its own that were chosen in the same way. A third reason can be computed. Take the windows of *another*
# network, the one that was trained on digits; or a simple rule; or one window for all times. Four of the noises are enough here.

# %%
tables = {"calibrated on this network": windows["ELS"], "calibrated on the digits' network": digit_windows["ELS"]}
tables |= {"a simple rule, 3 3 5 5 7 9 9 11": [3, 3, 5, 5, 7, 9, 9, 11], "always 7": 7, "always 13": 13}
known = {"calibrated on this network": drawn["ELS"], "always 13": drawn[wide]}
for name, table in tables.items():
    machine = md.EquivariantLocalScore(images, schedule, window=table, boundary="zeros")
    x = known[name][:4] if name in known else walk(machine, noise[:4])[-1].x
    one = md.metrics.agreement(x, drawn["network"][:4])
    print(f"{name:34} r = {np.median(one.r):.2f}, R^2 = {np.median(one.determination):.2f}")

# %% [markdown]
# Each of the three tables that grow from 3 pixels to about 9 or 11 works, also the two that were not measured on this network. A
# window that stays the same works worse. So the fit decides little more than the rough shape of one curve.
#
# ## When do they agree?
#
# We follow the agreement over time, in two ways. On the left of the figure each machine walks by itself, and its guess $\hat x_0$
# is compared with the network's at the same step. Thin lines are single samples of ELS. Errors can add up along the walk. The
# ideal denoiser decides for one image at high noise (tutorial [02](02_the_ideal_denoiser_recites.ipynb)), and after that its
# agreement is low.
#
# On the right all denoisers are asked about the *same* $x$, the network's own, so that no errors add up. Why not simply use $r$
# of $\hat x_0$ there, too? Near the end of the walk $x$ itself is almost the answer. Then a denoiser that gives back nearly $x$,
# as the linear filter does, is nearly right, and its $r$ is nearly 1. The angle between the noise directions $\hat\varepsilon$
# shows the difference: compare the two numbers in the printed lines.

# %%
order, few = ("ELS", "LS", "Wiener", "ideal"), 4
times = np.array([1.0] + [step.t for step in walks["network"][:-1]])
apart = {
    name: np.array([md.metrics.agreement(a.x0_hat, b.x0_hat).r for a, b in zip(walks[name], walks["network"], strict=True)])
    for name in order
}
angle, same_x = {name: [] for name in order}, {}
starts = [float(schedule.noise(1.0)) * noise] + [step.x for step in walks["network"][:-1]]
for t, x, step in zip(times, starts, walks["network"], strict=True):
    theirs = md.process.eps_from_x0(x[:few], step.x0_hat[:few], t, schedule)
    for name in order:
        answer = machines[name](x[:few], t)
        ours = md.process.eps_from_x0(x[:few], answer, t, schedule)
        angle[name].append(np.degrees(np.arccos(np.median(calibration.cosine_similarity(ours, theirs)))))
        same_x[name] = np.median(md.metrics.agreement(answer, step.x0_hat[:few]).r)
for name in order:
    print(f"last step, same x: {name:6}  r of x0_hat {same_x[name]:.2f}, angle of eps_hat {angle[name][-1]:.0f} degrees")

# %%
# alt: Left, the correlation with the network against time, for walks that run from right to left. All begin near 0.96. ELS
# stays at 0.95, LS falls to 0.88, the linear filter to 0.83, and the ideal denoiser falls steeply to 0.6 between t = 0.9 and
# 0.7. Right, the angle at the same x; that of ELS is the smallest at all times.
fig, (left, right) = plt.subplots(1, 2, figsize=(8.5, 3), layout="constrained")
left.plot(times, apart["ELS"], color=blue, linewidth=0.5, alpha=0.5)
for name, colour, dash in zip(order, (blue, orange, pink, red), ("-", "--", "-.", ":"), strict=True):
    left.plot(times, np.median(apart[name], axis=1), dash, color=colour, label=name)
    right.semilogy(times, angle[name], dash, color=colour, label=name)
for ax in (left, right):
    ax.set_xlabel("time t (0 is clean; the walk runs leftwards)")
left.set(ylabel="r of x0_hat, each walking by itself")
right.set(ylabel="angle at the network's x (degrees)")
right.legend(frameon=False, fontsize=8)
plt.show()

# %% [markdown]
# ## Where they differ
#
# The figure shows the best sample, a middle one and the worst, by $r$. The last row is network minus ELS on a scale of its own
# (white: the network is brighter by 1 or more; black: it is darker by 1 or more). In the best sample the difference is at the
# edges of strokes. In the worst sample whole pieces of a stroke are in one picture and not in the other. Over all samples the
# network has a little less contrast. A sample is locally consistent if each of its pixels equals the centre of the nearest
# training patch (tutorial [03](03_windows.ipynb)). More pixels of ELS than of the network are.

# %%
# alt: Three columns: the best, a middle and the worst sample. Network and ELS look the same in the best one. In the worst one the
# same strokes are joined differently. The differences are grey, with a few black and white spots along the strokes.
ranked = np.argsort(agreement["ELS"].r)
chosen = ranked[[-1, len(ranked) // 2, 0]]
difference = drawn["network"] - drawn["ELS"]
fig, ax = plt.subplots(figsize=(4, 4), layout="constrained")
heads = [f"{word}, r = {agreement['ELS'].r[n]:.2f}" for word, n in zip(("best", "middle", "worst"), chosen, strict=True)]
md.plots.rows(
    [drawn["network"][chosen], drawn["ELS"][chosen], difference[chosen]], ["network", "ELS", "difference"], ax=ax, heads=heads
)
plt.show()
gap = np.abs(difference)
print(
    f"pixels within a tenth of the range: {100 * (gap < 0.2).mean():.0f} %; largest difference {gap.max() / 2:.2f} of the range"
)
for name in ("network", "ELS"):
    share = md.metrics.local_consistency(machines["ELS"], drawn[name])
    print(f"{name:7}: locally consistent pixels {100 * share.mean():.0f} %, standard deviation {drawn[name].std():.2f}")

# %% [markdown]
# ## What agreement shows, and what it does not
#
# Does the network denoise nearly as well as its receptive field allows, or is it *limited*, as ELS with $k(t)$ is? Let all of
# them denoise training images, and compare their errors. A theorem, Pythagoras for means, says what to expect.
#
# **What is best.** Draw a training image, a place in it and a noise. A pixel sees its window $x[\Omega]$, 13 pixels wide, with
# the padding that is inside it. Which function $\phi(x[\Omega])$ has the least error $E |\phi - x_0|^2$, where $x_0$ is the clean
# pixel? It is the mean of all clean pixels that can have this window, $m = E(x_0 \mid x[\Omega])$ (tutorial
# [01](01_noise_and_the_way_back.ipynb)). This is ELS with $k = 13$: its candidates are all places of all training images that see
# the same padding (tutorial [05](05_edges.ipynb)).
#
# **How much worse is another function?** Let $\phi$ be any other function of the same window. Subtract $m$ and add it again:
#
# $$
# E |\phi - x_0|^2 = E |(\phi - m) + (m - x_0)|^2
# = E |\phi - m|^2 + E |m - x_0|^2 + 2\, E\, (\phi - m) \cdot (m - x_0) .
# $$
#
# The last term is zero. To see this, take first only the cases with one and the same window $x[\Omega]$. There $\phi - m$ is a
# fixed number, and the mean of $m - x_0$ is $m - E(x_0 \mid x[\Omega]) = 0$. So the product has the mean 0 for each window, and
# therefore also over all windows. What is left is
#
# $$
# E |\phi - x_0|^2 = E |m - x_0|^2 + E |\phi - m|^2 .
# $$
#
# These are the squared sides of a right triangle with the corners $\phi$, $m$ and $x_0$. The right angle is at $m$. **The excess
# error of $\phi$ is its mean squared distance from the best function.** The network is such a function $\phi$: it sees 13 pixels
# and the padding, and it does the same everywhere. ELS with any smaller window is another one.
#
# > **Predict first (4).** The theorem leaves two possibilities. Either the network is near ELS with 13 pixels, and denoises
# > nearly as well. Or it is far away from it, and its error is larger by the squared distance. Which one do you expect, at little
# > and at much noise?

# %%
print("   t   k   error of:  network   ELS k(t)   ELS 13    ELS 13 + |network - ELS 13|^2    |network - ELS k(t)|^2")
x0 = images[::50]
for t in (0.3, 0.5, 0.7, 0.9):
    k = windows["ELS"][round(t * 20) - 1]
    x = md.process.add_noise(x0, t, schedule, rng=3)
    by_network = network(x, t)
    narrow, wide_open = machines["ELS"].estimates(x, t, (k, 13))
    errors = [float(((y - x0) ** 2).mean()) for y in (by_network, narrow, wide_open)]
    to_narrow, to_wide = (float(((y - by_network) ** 2).mean()) for y in (narrow, wide_open))
    print(f"{t:4} {k:3}{errors[0]:19.3f}{errors[1]:11.3f}{errors[2]:9.3f}{errors[2] + to_wide:17.3f}{to_narrow:29.3f}")

# %% [markdown]
# <details><summary>Answer (4)</summary>
#
# At $t = 0.9$ all are nearly alike. At little and middle noise the network is far away from ELS 13, and its error is larger: at
# $t = 0.5$ it is 0.092, that of ELS 13 is 0.012. The sum in the sixth column is the network's error, as Pythagoras says, up to
# the chance in 20 images.
#
# </details>
#
# With its 13 pixels the network could denoise its training set far better at middle noise, but it does not. Its error is close to
# that of ELS with the smaller window $k(t)$. (At $t = 0.3$ it is a little smaller.) This does not follow from Pythagoras, which
# says only how far the network is from ELS 13, not in which direction. The last column shows the direction: the network is near
# ELS with $k(t)$. So its errors are those that the theory says. And a denoiser without these errors would be ELS 13, which agrees
# less with what the network draws.
#
# What agreement does *not* show:
#
# - **Why $k(t)$ is what it is.** It was measured, not derived.
# - **That a better network agrees more.** Here the contrary is true: with more training the loss falls, while the agreement first
#   grows to a peak and then falls, as the figure below shows. A part of the fall comes from the windows: those that describe the
#   network best grow all the time, so the network slowly learns to see more. Where ELS gets windows that are calibrated at each
#   step, half of the fall is gone; the other half was not explained. The figure takes about 20 minutes to make:
#   `minidiff compare --experiment training --data glyphs -n 40`.
# - **Anything about networks that see everything.** With attention distant places can agree, and a window cannot describe that:
#   see tutorial [08](08_attention.ipynb).
# - **That it is so for all data.** On colour photographs $R^2$ is lower. With circular padding the agreement of LS and of the
#   ideal denoiser is much lower ([results.md](results.md) has both).
#
# ![Agreement with ELS peaks early in training and then falls, while the loss keeps falling](figures/over-training.png)

# %% [markdown]
# ## What to take along
#
# - From the training set, the padding and a rough $k(t)$, ELS predicts what a trained network draws, pixel by pixel, for a noise
#   that was not used before.
# - A correlation means little by itself. Show the free predictions beside it: the mean image, the sample of another noise; and
#   the linear filter.
# - $r$, $r^2$ and $R^2$ are three numbers. Say which one is meant.
# - The excess error of a function of a window is its mean squared distance from the best function of that window.
# - The network is not near the best denoiser of its receptive field. It is near the best denoiser of a smaller window, and the
#   size of that window changes with the noise.
#
# **Try it.** (1) Load `"photo-zeros"` instead of the glyphs, with a noise of 3 channels: which machine is now second? (2) Give
# ELS only every second training image, or every tenth. Does the prediction fall more than with a wrong window? (3) Load
# `"glyphs-circular"` and give the machines `boundary="circular"` (this takes a minute): how well does LS agree then, and why?
#
# <details><summary>Answers</summary>
#
# The numbers are medians over the same 8 noises. (1) LS, with $r$ = 0.90 against 0.91 of ELS ($R^2$ 0.76 against 0.81). The
# Wiener filter has 0.84, the ideal denoiser 0.45. In photographs LS is nearly as good as ELS. (2) No. With a half and with a
# tenth of the images $r$ falls from 0.95 to 0.94 and 0.93. With a window of always 7 pixels it fell to 0.87. So a tenth of
# the glyphs is nearly enough. (3) ELS stays at 0.95, LS falls from 0.88 to 0.59. On a torus the network cannot know
# where a pixel is, and draws its strokes anywhere; LS may copy each pixel only from its own place.
#
# </details>
#
# **Next:** [08 Attention makes the mosaic agree](08_attention.ipynb)
