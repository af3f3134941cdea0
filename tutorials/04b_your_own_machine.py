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
# **Time.** About 15 minutes to read, 20 seconds to run.
#
# **Equations.** The softmax over the training set (KG; AMB), with a weight for each place in the window (ours here).
#
# **Prerequisites.** Tutorial [04](04_anywhere.ipynb), and the 200 lines of [theory.py](../minidiff/theory.py), from `Rule` on.

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
# A machine is a *rule*: what a pixel sees, what the candidates show and answer, and who may explain whom. The rule of ELS
# compares two windows by the sum of their squared differences. Ours multiplies each square by a weight that falls with the
# distance $r$ from the centre, $w = \exp(-r^2 / 2 \sigma^2)$. A weight on a square is its root on what is squared:
#
# $$\sum_q w_q\,(x_q - a\,y_q)^2 = \sum_q (\sqrt{w_q}\,x_q - a\,\sqrt{w_q}\,y_q)^2 .$$
#
# So it is enough to multiply by $\sqrt{w}$ what is seen and what the candidates show. The answers and the places stay those of
# ELS. This is the whole file, `soft.py`; the class gives the rule a name and says what it needs to know at time $t$.

# %%
import numpy as np

from minidiff import theory
from minidiff.machines import WindowMachine, register


def soft_windows(images, k, boundary, sigma):
    """The rule of ELS, with windows that fade out: squared differences at distance r weigh exp(-r^2 / (2 sigma^2))."""
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
# From these lines it has batches, labels, provenance, samplers, calibration, and a name on the command line:
# `minidiff sample --machine soft.py --window 7`. The engine does not know this rule, so `theory.py` itself computes it, at the
# speed of NumPy. Three windows from the same noises:

# %%
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
# The soft window cuts about as many pieces as the hard one of the same side, but it takes them from more images. It sees as far,
# and it asks for less agreement far away.
#
# ## Why not simply call it the best denoiser of what it sees?
#
# It sees the same pixels as ELS through 7 x 7. ELS answers with the exact posterior mean given those pixels. Ours treats a
# far pixel as if it held more noise than it does, so it throws away what it saw. The laws find that out. Here it is held against
# all that follows from being ELS:

# %%
few = md.testing.practice_images(count=4, height=6, width=5)


def make(images):
    return SoftWindowScore(images, schedule, window=5)


report = md.testing.check_denoiser(make(few), few, schedule, "ELS", window=5, make=make)
for result in report.broken:
    print(f"broken: {result.law:20} {result.says}")

# %% [markdown]
# The error of the best denoiser is at right angles to all that it sees (*orthogonality*). Ours is not, and with other weights its
# answers are not those of the *formula*. All that it may claim is less: its answers are means of training pixels, a pixel
# depends on its window only, and it commutes with every shift. Claim that, and hold your machine against it before you trust a
# picture.

# %%
claims = ("posterior mean", "local", "equivariant")
print(md.testing.check_denoiser(make(few), few, schedule, claims, window=5, make=make).require())

# %% [markdown]
# ## What to take along
#
# - A machine is a rule: what is seen, what candidates show and answer, who may explain whom. `theory.py` does the rest.
# - A weight on what is compared is a factor on what is seen and on what is shown, its root.
# - A machine that sees as much as another is not as good for that. The laws say which claims it may make.
#
# **Try it.**
#
# - Set `sigma=100`. Which machine is it now? (Measure the difference.)
# - Let `sigma` grow with $t$, in `settings`. What do samples look like?
# - Write the machine whose pixels see their row and their column only.
#
# **Next:** [05 Edges: how padding tells a pixel where it is](05_edges.ipynb)
