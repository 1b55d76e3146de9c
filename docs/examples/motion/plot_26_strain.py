"""
Strain of a specimen that cracks
================================

A tensile test: the specimen is pulled along x by 0.3 %, and a crack opens by half a pixel from the
upper edge to the middle. The pattern is generated, so the truth is known.
"""

import matplotlib.pyplot as plt
import numpy as np

from steepest import motion, plot

SHAPE = height, width = 160, 256


def pull(x):
    """Displacement at positions (N, 2): uniform strain, and a crack that closes at row 80."""
    opening = 0.5 * np.sqrt(np.clip(1 - x[:, 0] / 80, 0, 1))
    along = 0.003 * (x[:, 1] - width / 2) + opening * (x[:, 1] > width / 2)
    return np.stack([0 * along, along], 1)


def draw(centres):
    """The sum of Gaussian dots."""
    y, x = (np.exp(-((centres[:, k, None] - np.arange(n)) ** 2) / 5) for k, n in enumerate(SHAPE))
    return (heights * y.T) @ x / 2 + 0.01 * rng.standard_normal(SHAPE)


rng = np.random.default_rng(0)
dots = rng.uniform(-40, [height + 40, width + 40], (7000, 2))
heights = rng.uniform(0.3, 1, len(dots))
before, after = draw(dots), draw(dots + pull(dots))
result = motion.displacement(before, after, load_axis=1)
print(result.status)

# %%
# The photographs look the same. The strain along x shows the crack, and where it ends. Its standard
# deviation is largest around the crack, where the model has to smooth most.

figure, axes = plt.subplots(3, 1, figsize=(7, 11))
axes[0].imshow(after, cmap="gray")
axes[0].set_axis_off()
axes[0].set_title("after loading", loc="left", fontsize=8.6)
plot.scalar_map(result.strain[1, 1], limits=(-0.03, 0.03), title="strain along x", ax=axes[1])
plot.scalar_map(result.strain_std[1, 1], title="standard deviation", ax=axes[2])

# %%
# Away from the crack, the strain is that of the machine.

beside = np.abs(np.arange(width) - width / 2) > 12
strain = result.strain[1, 1][12:-12, beside][:, 12:-12]
print(f"{strain.mean():.5f}, root mean square error {np.sqrt(((strain - 0.003) ** 2).mean()):.5f}")

# %%
# The difference of the displacements on both sides is the opening of the crack.

u = result.displacement[1]
opening = u[:, width // 2 + 12] - u[:, width // 2 - 12] - 24 * 0.003
rows = np.arange(height)
figure, ax = plt.subplots(figsize=(6, 3))
ax.plot(rows, opening, label="measured")
ax.plot(rows, 0.5 * np.sqrt(np.clip(1 - rows / 80, 0, 1)), "--", label="true")
ax.set(xlabel="row", ylabel="opening (pixels)")
ax.legend()
