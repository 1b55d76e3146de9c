"""
Structure, texture, scale
=========================

What vanishes before a time that you choose is texture, and the rest is structure. The texture of
one image can be added to the structure of another.
"""

import matplotlib.pyplot as plt
import numpy as np
from skimage import color, data

import steepest
from steepest.spectral import scale_map, separate_texture

image = color.rgb2gray(data.chelsea())[20:276, 90:346]
grass = data.grass()[:256, :256] / 255.0
structure, texture = separate_texture(image, 0.1)
swapped = structure + separate_texture(grass, 0.1)[1]

figure, panels = plt.subplots(2, 2, figsize=(8, 8.4))
shown = {
    "image": (image, 0, 1),
    "structure": (structure, 0, 1),
    "texture": (texture, -0.2, 0.2),
    "structure + texture of grass": (swapped, 0, 1),
}
for axes, (title, (picture, low, high)) in zip(panels.flat, shown.items()):
    axes.imshow(picture, cmap="gray", vmin=low, vmax=high)
    axes.set_title(title)
    axes.axis("off")
figure.tight_layout()

# %%
# The scale map shows for each pixel the time of its largest response: how large and strong the
# structure is to which it belongs.

scale = scale_map(steepest.spectral.decompose(image, t_max=5.0))
figure, axes = plt.subplots(figsize=(6.2, 5))
shown = axes.imshow(np.log10(np.maximum(scale, 1e-3)), cmap="viridis")
figure.colorbar(shown, label="log10 of the time of the largest response")
axes.axis("off")
figure.tight_layout()
