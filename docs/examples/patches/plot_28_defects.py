"""
Defects, and how sure each pixel is
===================================

A model of the patches of one good image (:doc:`/patches`) says how likely any other patch is. So it
finds what is unlike the good image, and it says what a noisy image leaves open.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import gaussian_filter

from steepest import io, patches, plot

# %%
# Defects
# -------
# The good image is a woven cloth, generated here: threads cross over and under, each a little
# different in brightness and place. Into another cloth we plant a broken thread, a foreign fibre
# and a smudge. None is darker or brighter than the cloth, so that no threshold finds them.


def cloth(shape, rng):
    """A plain weave with threads of 6 pixels."""
    y, x = np.indices(shape) + gaussian_filter(rng.standard_normal((2, *shape)), (0, 9, 9)) * 6
    over = np.cos(np.pi * y / 6) * np.cos(np.pi * x / 6) > 0
    round_y, round_x = np.abs(np.sin(np.pi * y / 6)), np.abs(np.sin(np.pi * x / 6))
    image = 0.25 + 0.5 * np.where(over, round_y, round_x)
    return image + 0.02 * rng.standard_normal(shape)


rng = np.random.default_rng(0)
model = patches.fit(cloth((192, 192), rng), patch_size=8, num_components=30, num_patches=12_000)
part = cloth((160, 200), rng)
rows, columns = np.indices(part.shape)
defects = {
    "broken thread": (abs(rows - 40) < 3) & (abs(columns - 60) < 8),
    "fibre": (abs(rows - 0.4 * columns - 70) < 1) & (columns > 70) & (columns < 150),
    "smudge": (rows - 45) ** 2 + (columns - 150) ** 2 < 12**2,
}
part[defects["broken thread"]] = 0.3 + 0.02 * rng.standard_normal(defects["broken thread"].sum())
part[defects["fibre"]] = 0.6
part[defects["smudge"]] = gaussian_filter(part, 1.5)[defects["smudge"]]

# %%
# What is less likely than all but a thousandth of another good cloth is marked.

likely = patches.log_likelihood(part, model)
level = np.quantile(patches.log_likelihood(cloth((192, 192), rng), model), 0.001)
near = gaussian_filter(np.any([*defects.values()], 0).astype(float), 4) > 0.01
for name, where in defects.items():
    print(f"{name:14} {100 * (likely[where] < level).mean():.0f} % marked")
print(f"{'elsewhere':14} {100 * (likely[~near] < level).mean():.2f} % marked")

figure, axes = plt.subplots(1, 2, figsize=(10, 4.4))
axes[0].imshow(part, cmap="gray")
axes[0].set_axis_off()
plot.scalar_map(likely, title="log-likelihood (nats)", ax=axes[1])

# %%
# How sure is each pixel?
# -----------------------
# A photograph with noise; the model is learned from its right half. Images that the noisy one may
# come from are drawn. Their mean is an estimate, and where they differ, it is not to be trusted.

photo = io.sample("coffee")[..., 1] / 255
model = patches.fit(photo[:, 320:], num_components=30, num_patches=12_000)


def case(y, x, size=32):
    """A part that the model has not seen, the same with noise, and samples of what it may be."""
    truth = photo[y : y + size, x : x + size]
    noisy = truth + 0.1 * rng.standard_normal(truth.shape)
    return truth, noisy, patches.posterior(noisy, model, 0.1, num_samples=16, rng=0)


truth, noisy, samples = case(100, 100, 128)
figure, axes = plt.subplots(1, 3, figsize=(13, 4.2))
for ax, image, title in zip(axes, (noisy, samples.mean), ("noisy", "mean"), strict=False):
    ax.imshow(image, cmap="gray", vmin=0, vmax=1)
    ax.set_axis_off()
    ax.set_title(title, loc="left", fontsize=8.6)
plot.scalar_map(samples.std, title="standard deviation", ax=axes[2])

# %%
# Pixels are sorted by this standard deviation into ten groups: the error grows with it.

groups = np.array_split(np.argsort(samples.std, axis=None), 10)
error = (samples.mean - truth).ravel()
expected = [samples.std.ravel()[group].mean() for group in groups]
found = [np.sqrt(np.mean(error[group] ** 2)) for group in groups]
figure, ax = plt.subplots(figsize=(4.5, 4))
ax.plot(expected, found, "o-")
ax.plot([0, max(found)], [0, max(found)], "k:", lw=1)
ax.set(xlabel="standard deviation", ylabel="root mean square error")

# %%
# Do intervals of 90 % hold the truth at 90 % of the pixels? On half of 48 small images with known
# truth we find out by which factor they must be widened (or may be narrowed), and on the other half
# whether that was right. The promise is one on average over images, as their range shows.

places = [(y, x) for y in range(0, 384, 48) for x in range(0, 288, 48)]
cases = [case(*place) for place in places]
known, test = cases[::2], cases[1::2]
factor = patches.interval_factor([each[2] for each in known], [each[0] for each in known], 0.9)
for name, f in (("as they are", 1.0), (f"with the factor {factor:.2f}", factor)):
    ends = [(truth, *samples.interval(0.9, f)) for truth, _, samples in test]
    held = [100 * np.mean((low <= truth) & (truth <= high)) for truth, low, high in ends]
    print(f"{name}: {np.mean(held):.1f} %, from {min(held):.1f} to {max(held):.1f}")
