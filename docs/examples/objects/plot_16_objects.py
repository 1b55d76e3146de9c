"""
Count and measure objects
=========================

`steepest.segmentation.find_objects` finds compact objects by the edges around them. Nothing has to
be set, and uneven light does not matter. On the command line, this is ``steepest objects``.
"""

import matplotlib.pyplot as plt
import numpy as np
from skimage import data, filters, measure

from steepest import plot
from steepest.segmentation import find_objects

coins = data.coins()
found = find_objects(coins)
plot.object_overlay(coins, found, title="coins")

# %%
# The table lists the objects, the clearest first. A threshold for the whole image (Otsu's) finds a
# region of the background, too, because the light is uneven.

for row in found.table[:5]:
    print(f"object {row['label']}: diameter {row['diameter']:.1f}, contrast {row['contrast']:.2f}")
regions = measure.label(coins > filters.threshold_otsu(coins))
large = np.count_nonzero(np.bincount(regions.ravel())[1:] >= 20)
print(f"{len(found)} objects; above Otsu's threshold: {large} regions of 20 pixels or more")

# %%
# It works in a negative, and in noise.

noisy = 255 - coins + 20 * np.random.default_rng(0).standard_normal(coins.shape)
dark = find_objects(noisy)
plot.object_overlay(noisy, dark, title="negative, noise of 20 of 255 grey values")

# %%
# Texture has edges as well, and some of it counts as objects; a higher ``min_score`` leaves out
# what is less clear. Packed stones that touch along their sides, or cells in tissue, are not what
# this is made for: a network that was trained on such pictures is better there.

gravel = data.gravel()[:256, :256]
figure, panels = plt.subplots(1, 2, figsize=(9.6, 5.2), layout="constrained")
for axes, score in zip(panels, (5, 12)):
    stones = find_objects(gravel, min_score=score)
    plot.object_overlay(gravel, stones, title=f"min_score={score}", ax=axes)
