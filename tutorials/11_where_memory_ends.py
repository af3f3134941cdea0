# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 11. Where memory ends
#
# **Question.** When does a model stop remembering? How many images must a training set have, and how much noise must an image
# hold, so that the best denoiser no longer knows which one it was?
#
# **Time.** About 30 minutes to read, less than a minute to run.
#
# **Equations.** The ideal score (tutorial 02); the entropy of its weights; the collapse of Biroli, Bonnaire, de Bortoli and
# Mezard ([BBDM](reference.md#bbdm)), which we derive; copies in training (Bonnaire et al., [BON](reference.md#bon)); two
# networks from two halves of a set (Kadkhodaie et al., [KGSM](reference.md#kgsm)). The step to windows is ours.
#
# **Prerequisites.** Tutorials [02](02_the_ideal_denoiser_recites.ipynb) and [04](04_anywhere.ipynb); what an entropy is.
# Letters and words are collected in the [reference](reference.md).

# %%
import matplotlib.pyplot as plt
import numpy as np

import minidiff as md
from minidiff.studies import memory, memory_figures, memory_networks

schedule = md.schedules.cosine()
images = memory.glyphs(0, 300)
told = memory.shipped()
exact = told["exact"]
counts, times = exact["IS"]["counts"], exact["IS"]["times"]


def put(figure):
    """Give a figure of the study to pyplot, to be shown here."""
    canvas = plt.figure().canvas
    canvas.figure = figure
    figure.set_canvas(canvas)


# %% [markdown]
# ## How many images count?
#
# The ideal denoiser answers with a weighted mean of training images. If ten of them have the weight $1/10$ each and all others
# have the weight 0, then ten images count. For any other weights we take the exponential of their entropy, as in tutorial
# [02](02_the_ideal_denoiser_recites.ipynb):
#
# $$ \mathcal H = - \sum_n w_n \log w_n , \qquad e^{\mathcal H} = \text{how many images count} . $$
#
# It is 10 in the case above, 1 if one image has all the weight, and $N$ if all $N$ weigh the same.
#
# > **Predict first.** One of 300 glyphs of 8 x 8 pixels is noised. At $t = 0.9$ it is nearly all noise, at $t = 0.3$ you
# > recognise it. How many of the 300 images count at $t = 0.9$, at $0.6$ and at $0.3$?

# %%
# alt: At t = 0.9 no training image has more weight than 0.02; at t = 0.5 the letter A leads with 0.37; at t = 0.3 it has 1.00,
# and all others have 0.00.
eps = md.process.unit_noise(images[:1].shape, 2)
machine = md.IdealScore(images, schedule)
fig, axes = plt.subplots(4, 7, figsize=(7.5, 4.4), layout="constrained")
for row, t in zip(axes, (0.9, 0.6, 0.5, 0.3), strict=True):
    x = md.process.add_noise(images[:1], t, schedule, eps=eps)
    a, s = float(schedule.signal(t)), float(schedule.noise(t))
    w = md.theory.weigh(((x - a * images) ** 2).sum(axis=(1, 2, 3)).astype(np.float64), s)
    w /= w.sum()
    counting = np.exp(-(w[w > 0] * np.log(w[w > 0])).sum())
    package = np.exp(memory.entropy(machine, x, t)).item()
    print(f"t = {t}: {counting:6.2f} of {len(images)} images count; by the package {package:6.2f}")
    md.plots.show(x[0], ax=row[0], title=f"x at t = {t}")
    for ax, n in zip(row[1:], np.argsort(w)[::-1], strict=False):
        md.plots.show(images[n], ax=ax, title=f"{w[n]:.2f}")
plt.show()

# %% [markdown]
# <details><summary>Answer: what happened</summary>
#
# At high noise a large part of the set counts: 230 of 300 at $t = 0.9$, 35 at $0.6$, and one at $0.3$. Somewhere on the way one
# image takes all the weight. It is the one that was noised (it is the first). From there on the denoiser answers with this one
# image.
#
# </details>
#
# In the figure each row is one time: the noisy image, and the six training images with the largest weights. The weights are
# written above them. The package does not keep the weights of a large set. It finds $\mathcal H$ as a slope. Let
# $Z(\tau) = \sum_n \exp(-|x - a y_n|^2 / 2 s^2 \tau)$ be the sum of the softmax at the temperature $\tau$. Put
# $\log w_n = -|x - a y_n|^2 / 2 s^2 - \log Z(1)$ into $\mathcal H$: it is $\log Z$ plus the mean of $|x - a y_n|^2 / 2 s^2$, and
# this mean is the slope of $\log Z(\tau)$ at $\tau = 1$. So the package computes $Z$ a little above and a little below
# $\tau = 1$, and takes the difference.
#
# ## When does it collapse? Half a page
#
# Noise training image $y_1$: $x = a y_1 + s \varepsilon$. In the softmax its own term is
# $\exp(-|x - a y_1|^2 / 2 s^2) = \exp(-|\varepsilon|^2 / 2)$. The other $N - 1$ images add up to
#
# $$ \sum_{n \ne 1} e^{-|x - a y_n|^2 / 2 s^2} \approx N \, E_y \, e^{-|x - a y|^2 / 2 s^2} , $$
#
# as long as so many of them count that the sum is near its mean. Own term and others are equal where
#
# $$ \log N = - \tfrac12 |\varepsilon|^2 - \log E_y \, e^{-|x - a y|^2 / 2 s^2} = \log \frac{p(x \mid y_1)}{p(x)} . $$
#
# The right side is, in the mean over $x$, the **information** $I(t)$ that the noisy image holds about the clean one, in nats.
# So the collapse time $t_\text{collapse}$ is where
#
# $$ \boxed{ \; I(t_\text{collapse}) = \log N \; } $$
#
# In words: to name one of $N$ images takes $\log N$ nats. While $x$ holds more, it says which image it was, and the best
# denoiser recites. [BBDM](reference.md#bbdm) compare this collapse onto one term with the condensation of a glass in physics.
#
# $I(t)$ belongs to the images, not to the training set. We measure it with fresh images that are in no training set here. For
# Gaussian data it is known: $I = \frac12 \sum_i \log(1 + a^2 \lambda_i / s^2)$ with the eigenvalues $\lambda_i$ of the
# covariance.
#
# > **Predict first.** Ten times as many training images: does $t_\text{collapse}$ go up or down? By a factor, or by a step?

# %%
# alt: Every curve rises with the time, from 1 to nearly N. More images move it to the left: N = 10 passes the grey line of two
# images at t = 0.67, and N = 10,000 at t = 0.29.
print(f"computed with {told['plan']['population']} fresh images, {told['plan']['queries'][0]} noised images a point")
print("time t:             ", *(f"{t:5.2f}" for t in times[::2]))
print("I(t), nats:         ", *(f"{one:5.1f}" for one in exact["IS"]["information"][::2]))
print("Gaussian, same cov.:", *(f"{one:5.1f}" for one in exact["IS"]["Gaussian information"][::2]))
put(memory_figures.counting(exact["IS"]))
plt.show()

# %% [markdown]
# <details><summary>Answer: what happened</summary>
#
# Every curve starts at 1 and ends at $N$. More images move the collapse to less noise, and it takes ten times as many for
# each step: $\log N$ is what counts. (At little noise the population of fresh images is too small to say what $I$ is: its
# nearest image is far. Only the part of $I$ below the log of its size can be trusted, and only that part is used.)
#
# </details>
#
# In the figure each line is a training set of $N$ images; the grey line is at two images. The next figure shows predicted
# against measured times. Nothing is fitted. Points: half of the noised training images have more than half the weight on
# themselves, which is what the derivation asks. Crosses: on average two images count, which comes a little later on the way
# back. On the right are windows (next section), with a shape of point for each $k$; a tick is a prediction. With few images,
# and for small windows, the points lie above the line: a sum of few terms is mostly below its mean, and so the own term is
# larger than the sum a little earlier.

# %%
# alt: Left, IS: the line falls from t = 0.68 at N = 10 to 0.34 at N = 10,000, with dots on it or a little above, and crosses
# below. Right, ELS: k = 7 is like it and lower, k = 5 is lower still, and k = 3 is the lowest and ends at N = 1,000.
put(memory_figures.collapsing(exact))
plt.show()
print(f"{'machine':>8}{'k':>4}{'N':>7}{'predicted':>11}{'measured':>10}")
for name in ("IS", "ELS-5", "ELS-7"):
    for row in memory.collapse(exact[name]):
        if row["predicted"] is not None and row["half"] is not None:
            print(f"{name[:3]:>8}{exact[name]['window']:>4}{row['N']:>7}{row['predicted']:>11.2f}{row['half']:>10.2f}")

# %% [markdown]
# ## Windows
#
# A pixel that sees a window plays the same game with other numbers. What it sees are $k^2 C$ numbers, not $H W C$, so $I$ is
# smaller. Who may explain it are $M = N H W$ patches, not $N$ images, so $\log M$ is larger. Both make the collapse come later:
# the right panel of the figure. Each pixel's own information may be above or below $\log M$, so there is a prediction for the
# *share* of pixels that know their place too.
#
# > **Predict first.** Sets of 10 to 10,000 images, windows of 1 to 7 pixels on images of 8 x 8. Which samples are one
# > piece, and which are mosaics: does $N$ decide, or $k$?

# %%
# alt: Three maps. In the first two the times fall a little to the right and much downwards, and the predicted times are a little
# smaller than the measured ones. In the third the largest piece is 0.87 or more for k = 7, and 0.27 or less below it.
put(memory_figures.phases(exact, told["walks"]))
plt.show()

# %% [markdown]
# <details><summary>Answer: what happened</summary>
#
# Both do, but $k$ far more: from $k = 7$ to $5$ the time falls by as much as from $N = 10$ to $1000$. Information grows with
# the area of the window, and $\log M$ with the logarithm of the number of patches. The boundary lies where they are equal.
#
# </details>
#
# The figure has three maps, with $N$ to the right and $k$ upwards. Left and middle: the time at which half of the pixels know
# their own patch among all $N H W$, measured and predicted; 0 means never on our grid. Right: walk back from noise with this
# window all the way; the share of a sample's pixels that lie in its largest piece, that is, come from one training image at one
# shift. This is our phase diagram of remembering (near 1) and creating (near 0). Hunt, Kamb and Ganguli have one too
# ([HKG](reference.md#hkg)). We did not have their text, so nothing here is theirs.
#
# ## Why not simply take more images?
#
# Then the collapse moves to less noise. But how many are enough? For a collapse no earlier than $t$, $N = e^{I(t)}$. For small
# glyphs, and for the Gaussian of the same covariance, whose information is known at each $t$:

# %%
for t, gaussian in zip(times, exact["IS"]["Gaussian information"], strict=True):
    if 10 * t == round(10 * t) and t < 0.8:
        print(f"collapse at t = {t:.1f} takes N = 10^{gaussian / np.log(10):.1f}")

# %% [markdown]
# The number is the exponential of the information, and larger pictures hold more information. So we do not expect that a
# network makes new pictures because its training set is large: the ideal denoiser of that set would recite. It makes new
# pictures because it is not ideal: it sees windows, or it is not trained to the end.
#
# ## Trained networks
#
# Small networks whose pixels see the whole 8 x 8 image *can* copy. They were trained on $N$ glyphs, and now and then made
# samples from the same noises. A sample is a copy if its nearest training image is three times as near as the second nearest.
#
# > **Predict first.** Which networks copy: those with few images, or with many? Early in training, or late?

# %%
# alt: The share of copies rises from 0 at 300 steps to 0.84 at 9600 for N = 10, and from 0 at 1200 steps to 0.18 for N = 30. It
# stays at or near 0 for N = 100 and more. Against steps / N the rise of N = 30 lies beside that of N = 10, a little later.
steps = memory_networks.stops(told["plan"]["length"])
put(memory_figures.copying(told["networks"], steps))
plt.show()
print(memory_networks.table(told["networks"], told["machines"]))

# %% [markdown]
# <details><summary>Answer: what happened</summary>
#
# Copies come late, and first where there are few images. At $N = 10$ they set in at 600 steps, where 3 of 200 samples are
# copies, and in the end 84 % are. At $N = 30$ it is one of 200 at 2,400 steps, and 18 % in the end. At $N = 100$ one of 200 is
# a copy after 9,600 steps, and with more images none is.
#
# Bonnaire et al. find that the time at which copies set in grows in proportion to $N$. Then the first copies should come at the
# same number of steps / $N$. They come at 60, at 80 and at 96 for $N = 10$, 30 and 100. So the law holds here to a factor of
# 1.6, while $N$ grows by 10; one or three samples of 200 do not say it more exactly. After the beginning the curves do not lie
# on each other: at 160 steps / $N$ the share is .06 for $N = 30$, and at 120 it is .17 already for $N = 10$. By the law a
# network creates between the time at which samples become good and the time at which they become copies, and that gap grows
# with $N$.
#
# </details>
#
# In the figure each line is a training set of $N$ images, with 95 % intervals over both halves. In the table "distance" is the
# median distance of a sample to its nearest training image, and "control" to the nearest image of the *other* half, which the
# network has never seen. Equal numbers mean that nothing was remembered.
#
# ## Two halves, one picture
#
# Take two disjoint halves of a set, and train a network on each. Both start from the same noise. If they remember, they must
# make different pictures, as they have no image in common. If they have learnt what the images have in common, the pictures are
# the same (Kadkhodaie et al., [KGSM](reference.md#kgsm)). Two machines can do this without training.

# %%
# alt: The networks rise from r = 0.55 at N = 10 to 0.99 at N = 3000, and ELS from 0.71 to 0.98. They cross at N = 100. IS stays
# below both, and rises from 0.45 at N = 30 to 0.82.
put(memory_figures.halving(told["networks"], told["machines"]))
plt.show()

# %% [markdown]
# The figure shows $r$ between the two pictures (median over noises) against $N$. The two ideal denoisers stay apart, because
# each recites its own half. They come nearer with more images, since each half then holds a picture like that of the other. The
# two ELS machines agree, and more so with more images: the two halves have similar patches. Two networks are apart where they
# have begun to copy, at small $N$. From $N = 300$ on they make nearly the same picture, $r$ .97 to .99, though they have no
# image in common.
#
# ## What to take along
#
# - $e^{\mathcal H}$ says how many candidates count. $\mathcal H$ is found from a slope, with two calls of a machine.
# - Memory ends where $\log M$ is larger than the information in what is seen. More noise, a smaller window, or more images can
#   end it. Of the number of images only the logarithm counts.
# - Here a trained network remembers late in training, and later if there are more images. Two networks that agree, although they
#   were trained on disjoint halves, have not remembered.
#
# **Try it.**
#
# - `memory.entropy` for the digits at 16 x 16: where is their collapse, with 100 images and with all 1,797?
# - Put one image into the set ten times. What does $e^{\mathcal H}$ say at $t = 0.1$, and which of the three numbers $N$, $M$,
#   $I$ changed?
# - `minidiff compare --experiment memory` computed what is shown here, in about half an hour of one core; begin with `--quick`,
#   or with one `--part`. When should the first copies come with 300 images? What would you train to see whether they do?
#
# <details><summary>Answers</summary>
#
# (1) Noise 100 digits. On average (the exponential of the mean of $\mathcal H$) two images count at $t = 0.68$ with 100 images,
# and at $t = 0.53$ with all 1,797. For small glyphs it is $t = 0.50$ with 100 images. A digit of 16 x 16 pixels tells more
# about itself than a glyph of 8 x 8, so it collapses at more noise. (2) $e^{\mathcal H} = 10.0$ for that image, and 1.0 for the
# others. Ten entries share the weight, and all ten are one picture: $e^{\mathcal H}$ counts entries, and the denoiser recites
# as before.
# $N$ changed, from 300 to 309, and $M = N H W$ with it. $I$ is a matter of the images' law, and did not change. But the image's
# own term is ten times as large, so it is the largest already where $I(t) = \log (N / 10)$, at more noise: copies of what is
# there often come first. (3) By the law, at 60 to 100 steps / $N$: after 18,000 to 30,000 steps. The networks here stopped at
# 9,600. So train one for 40,000 steps, and make samples on the way, from the same noises. That takes about ten minutes. If none
# is a copy at 40,000, the law does not hold for these networks.
#
# </details>
#
# **Next:** [12](12_did_my_model_copy.ipynb), how to find out whether a model copied.
