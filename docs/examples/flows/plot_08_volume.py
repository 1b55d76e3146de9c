"""
A volume with thick slices
==========================

In three dimensions, pixels are often not cubes. Tell ``spacing``, and a step across thick slices
counts as a longer distance.
"""

import matplotlib.pyplot as plt
import numpy as np

import steepest

spacing = (2.0, 1.0, 1.0)  # slices twice as far apart as pixels
index = np.indices((24, 48, 48))
z, y, x = (i * h - 24 for i, h in zip(index, spacing))
ball = x**2 + y**2 + z**2 < 15**2
volume = ball + 0.3 * np.random.default_rng(0).standard_normal(ball.shape)

result = steepest.denoise_tv(volume, 0.5, spacing=spacing)
print(result)

# %%
# Here are one slice, and a cut across all slices.

figure, panels = plt.subplots(2, 2, figsize=(8, 6.4))
both = {"noisy": volume, "denoised": result.image}
for row, (name, array) in zip(panels, both.items()):
    views = {"a slice": array[12], "across the slices": array[:, 24]}
    for axes, (view, plane) in zip(row, views.items()):
        aspect = spacing[0] if plane.shape[0] == 24 else 1.0
        axes.imshow(plane, cmap="gray", vmin=-0.3, vmax=1.3, aspect=aspect)
        axes.set_title(f"{name}, {view}")
        axes.axis("off")
figure.tight_layout()
