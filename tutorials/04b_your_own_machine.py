# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 4b. Write your own machine
#
# **Question.** A window has a hard edge: a pixel counts fully, and its neighbour one step further counts nothing. What changes if
# the window fades out instead?
#
# **Time.** About 20 minutes to read, 20 seconds to run.
#
# **Equations.** The softmax over the training set ([KG](reference.md#kg); [AMB](reference.md#amb)), with a weight for each place
# in the window (ours here).
#
# **Prerequisites.** Tutorial [04](04_anywhere.ipynb), and the 200 lines of [theory.py](../minidiff/theory.py), from `Rule` on.
# Letters and words are collected in the [reference](reference.md).

# %%
import matplotlib.pyplot as plt
import numpy as np

import minidiff as md

schedule = md.schedules.cosine()
images = md.datasets.digits(size=12)[0][:60]
print(f"{len(images)} training images of shape {images.shape[1:]}")

# %% [markdown]
# ## The rule
#
# A machine is a *rule*: what a pixel sees, what the candidates show and answer, and which of them may explain a pixel. The rule
# of ELS compares two windows by the sum of their squared differences. Ours multiplies each square by a factor that says how much
# a place counts. For the pixel $q$ in the window around $p$ it is $\chi_q = e^{-|q - p|^2 / 2 \sigma^2}$: 1 in the centre, less
# outside. A factor on a square is its root on what is squared:
#
# $$\sum_q \chi_q\,(x_q - a\,y_q)^2 = \sum_q (\sqrt{\chi_q}\,x_q - a\,\sqrt{\chi_q}\,y_q)^2 .$$
#
# So it is enough to multiply by $\sqrt{\chi_q}$ what is seen and what the candidates show. The answers and the places stay those
# of ELS. The next cell is the whole file, `soft.py`; the class gives the rule a name and says what it needs to know at time $t$.

# %%
import numpy as np

from minidiff import theory
from minidiff.machines import WindowMachine, register


def soft_windows(images, k, boundary, sigma):
    """The rule of ELS, with windows that fade out: squared differences at q weigh exp(-|q - p|^2 / (2 sigma^2))."""
    hard = theory.equivariant_local(images, k, boundary)
    rows, columns = np.indices((k, k)) - k // 2
    weight = np.exp(-(rows**2 + columns**2) / (2 * sigma**2))
    root = np.repeat(np.sqrt(weight).ravel(), images.shape[3])
    return hard._replace(see=lambda x: root * hard.see(x), keys=root * hard.keys)


@register("soft")
class SoftWindowScore(WindowMachine):
    """The equivariant local score with a Gaussian window of standard deviation sigma, in pixels, cut off at k x k."""

    rule = staticmethod(soft_windows)

    def __init__(self, images, schedule, *, window, sigma=1.5, **options):
        super().__init__(images, schedule, window=window, **options)
        self.sigma = sigma

    def settings(self, t):
        """What the rule is given at time t, beside the images."""
        return (*super().settings(t), self.sigma)


# %% [markdown]
# ## It is a machine
#
# With these lines it can be used as all machines of the package: with batches, labels, provenance, samplers and calibration, and
# on the command line as `minidiff sample --machine soft.py --window 7`. The fast kernels are made for other rules, so here
# `theory.py` itself does the work, at the speed of NumPy. Take three windows and the same noises.
#
# **Predict first.** Will the samples of the soft window have about as many pieces as those of the hard 3 x 3, or as those of the
# hard 7 x 7?

# %%
# alt: Hard 3 x 3 gives scattered fragments; soft and hard 7 x 7 give longer strokes, often the same ones at the same places.
wide, narrow = 7, 3
machines = {
    f"hard, {narrow} x {narrow}": md.EquivariantLocalScore(images, schedule, window=narrow),
    "soft,\nsigma = 1.5": SoftWindowScore(images, schedule, window=wide),
    f"hard, {wide} x {wide}": md.EquivariantLocalScore(images, schedule, window=wide),
}
noise = md.process.unit_noise((6, 12, 12, 1), 0)
samples = {}
for name, machine in machines.items():
    *_, last = md.process.ddim(machine, schedule, noise=noise, steps=12)
    samples[name] = last.x
    pieces = md.metrics.mosaic(machine, last.x)
    regions, used = np.median(pieces.regions), np.median(pieces.images_used)
    print(f"{' '.join(name.split()):20} {regions:3.0f} pieces from {used:2.0f} images (median of 6 samples)")
fig, ax = plt.subplots(figsize=(6.5, 3.2), layout="constrained")
md.plots.rows(list(samples.values()), list(samples), ax=ax)
plt.show()

# %% [markdown]
# <details><summary>Answer: what you have seen, and why</summary>
#
# About as many as the hard 7 x 7 (70 and 72; 3 x 3 has 120), but from more images (35 and 30). It sees as far, so its pieces are
# as large. But a candidate may differ from the window in places that are far from the centre, so more candidates come near.
#
# </details>
#
# ## Why not simply call it the best denoiser of what it sees?
#
# It sees the same pixels as ELS through 7 x 7. ELS answers with the exact mean of the pixel, given those pixels. What does ours
# answer? Its exponent is $-\sum_q (x_q - a y_q)^2 / (2 s^2 / \chi_q)$. That would be the right one if the noise at the place $q$
# had the variance $s^2 / \chi_q$, which is more than $s^2$. So ours treats a far pixel as if it held more noise than it does, and
# uses less of what it says than it could. Hold it against all laws that follow from being ELS.
#
# **Predict first.** Which laws will be broken: that a pixel depends on its window only, that shifted questions get shifted
# answers, that answers are means of training pixels, or that no other function of the window is better?

# %%
few = md.testing.practice_images(count=4, height=6, width=5)


def make(images):
    return SoftWindowScore(images, schedule, window=5)


report = md.testing.check_denoiser(make(few), few, schedule, "ELS", window=5, make=make)
for result in report.broken:
    print(f"broken: {result.law:20} {result.says}")

# %% [markdown]
# <details><summary>Answer: what you have seen, and why</summary>
#
# Only the laws about being the best are broken. If a denoiser is the best one that sees a window, then its error has no
# correlation with any function of this window, for otherwise one could subtract a part of that function and be better
# (*orthogonality*). Ours has such a correlation. And with other weights its answers are not those of the *formula*, also between
# *near copies*, and its walks end where the nearest patch by *its* distance is, not by the plain one (*local consistency*).
#
# </details>
#
# So it may claim less: its answers are means of training pixels, a pixel depends on its window only, and shifted questions get
# shifted answers. Claim that, and hold your machine against it before you trust a picture.
#
# **Predict first.** Will any of these laws be broken? And if $\sigma$ is very large, or very small: which machines are these?

# %%
claims = ("posterior mean", "local", "equivariant")
print(md.testing.check_denoiser(make(few), few, schedule, claims, window=5, make=make).require())

# %% [markdown]
# <details><summary>Answer: what you have seen, and why</summary>
#
# None is broken. With a very large $\sigma$ every $\chi_q$ is 1, and the machine is ELS with the hard window. With a very small
# one only the centre counts, and it is ELS with a window of 1.
#
# </details>
#
# ## What to take along
#
# - A machine is a rule: what a pixel sees, what candidates show and answer, and which of them may explain it. `theory.py` does
#   the rest.
# - To give squared differences a factor, multiply what is seen and what is shown by its root.
# - Two machines can see the same pixels, and one can still be better. The laws say which claims a machine may make.
# - In a trained network the pixels do count less with the distance: see the [picture](results.md#one-rule-the-whole-field). On
#   photographs a soft window predicts a network's samples better than a hard one does.
#
# **Try it.**
#
# 1. Set `sigma=100`. Which machine is it now? (Measure the difference.)
# 2. Let `sigma` grow with $t$, in `settings`, for example as `0.5 + 3 * t`. What do samples look like?
# 3. Write the machine whose pixels see their row and their column only.
#
# <details><summary>Answers</summary>
#
# 1. ELS with the hard window of 7: a guess differs by at most 0.0004 at $t = 0.2$, $0.5$ and $0.8$. (A walk may differ more at
#    its end, 0.03 here, where two candidates are nearly equally near.)
# 2. About the same strokes as with $\sigma = 1.5$, in smaller pieces: about 120 pieces from 49 images, as with the hard 3 x 3.
#    The wide window at high noise decides where strokes go, and the narrow one at low noise decides how many pieces there are.
# 3. Keep only these places of what is seen and shown, in a rule `cross` instead of `soft_windows`:
#
#    ```python
#    def cross(images, k, boundary):
#        hard = theory.equivariant_local(images, k, boundary)
#        rows, columns = np.indices((k, k)) - k // 2
#        keep = np.repeat(((rows == 0) | (columns == 0)).ravel(), images.shape[3])
#        return hard._replace(see=lambda x: hard.see(x)[:, keep], keys=hard.keys[:, keep])
#    ```
#
#    With $k = 11$ on these images it makes about 115 pieces from 38 images, and it breaks none of the laws of the last cell.
#
# </details>
#
# **Next:** [05 Edges: how padding tells a pixel where it is](05_edges.ipynb)
