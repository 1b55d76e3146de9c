"""
Digits, and what a coarse picture leaves open
=============================================

A camera saw digits of 8 x 8 pixels with a quarter of the pixels, and noise. Which digits may they
be? With some hundred sharp digits, :doc:`/posterior` answers with samples: their mean, where they
differ, and intervals whose promise is tested.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from steepest import plot, posterior

images = load_digits().images / 16
images = images[np.random.default_rng(0).permutation(len(images))]
train, known, new = images[:300], images[300:400], images[400:600]


def coarse(x):
    """Return means of 2 x 2 pixels."""
    return x.reshape(*x.shape[:-2], 4, 2, 4, 2).mean((-3, -1))


rng = np.random.default_rng(1)
y_known, y_new = (coarse(x) + 0.1 * rng.standard_normal((len(x), 4, 4)) for x in (known, new))

# %%
# The measurement is linear and its noise is Gaussian, so a mixture of Gaussians fitted to the sharp
# digits has a posterior in closed form. Pairs that were kept back say how much to trust it.

model = posterior.fit_mixture(train).given(coarse, 0.1**2)
report = posterior.check(model, known, y_known)
print(report)

# %%
# Rows: what was measured, the truth, the mean, and the standard deviation of 200 samples. It is
# large at the edges of strokes and zero where no digit has ink.

draws = model.sample(y_new, 200)
figure, axes = plt.subplots(4, 8, figsize=(10, 5.2), layout="constrained")
names = ("measured", "truth", "mean", "deviation")
for row, name, pictures in zip(axes, names, (y_new, new, draws.mean, draws.std)):
    for ax, picture in zip(row, pictures):
        ax.imshow(picture, cmap="magma" if name == "deviation" else "gray_r", vmin=0,
                  vmax=0.4 if name == "deviation" else 1)  # fmt: skip
        ax.set_xticks([])
        ax.set_yticks([])
    row[0].set_ylabel(name)

# %%
# Three samples of each of the first digits: where the strokes are open, they differ.

figure, axes = plt.subplots(3, 8, figsize=(10, 4), layout="constrained")
for k, row in enumerate(axes):
    for ax, picture in zip(row, draws.samples[:, k]):
        ax.imshow(picture, cmap="gray_r", vmin=0, vmax=1)
        ax.set_axis_off()

# %%
# The factor of the report makes intervals of 90 % hold 90 % of the true values of further digits.

low, high = draws.interval(0.9, factor=report.factor)
held = (new >= low) & (new <= high)
print(f"of {len(new)} new digits, {held.mean():.1%} of the pixels are inside")
assert 0.87 < held.mean() < 0.94

figure, ax = plt.subplots(figsize=(4.4, 3.6), layout="constrained")
plot.scalar_map(held.mean(0), title="share of digits whose pixel is inside", ax=ax)

# %%
# **Read the map:** 90 % hold on average over all pixels, not for each. Pixels of the background are
# always inside, those of strokes less often.
