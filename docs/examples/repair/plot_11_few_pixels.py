"""
A photograph from a few of its pixels
=====================================

Keep 5 % of the pixels and let diffusion fill in the rest. How good that looks depends on *which*
pixels are kept, and on the values that are stored there.
"""

import matplotlib.pyplot as plt
import numpy as np

from steepest import io
from steepest.inpainting import masks, reconstruct, tonal

image = io.sample("coffee")[100:300, 180:380]

# %%
# Pixels at random, and pixels chosen by their *echoes*: how much each of them is worth to the whole
# image.

found = {
    "random": masks.random(image, 0.05, channel_axis=-1, rng=0),
    "echoes": masks.echo(image, 0.05, channel_axis=-1, rng=0),
}
results = {name: reconstruct(image, mask, channel_axis=-1) for name, mask in found.items()}

# %%
# The values may change, too: `tonal` finds those whose inpainting is closest to the image.

best = tonal(image, found["echoes"], channel_axis=-1)
found["echoes, best values"] = found["echoes"]
results["echoes, best values"] = reconstruct(image, found["echoes"], channel_axis=-1, values=best)

figure, panels = plt.subplots(2, 3, figsize=(9, 6.6))
for (name, result), (top, bottom) in zip(results.items(), panels.T):
    top.imshow(np.where(found[name][..., None], image, 255))
    top.set_title(name)
    bottom.imshow(np.clip(result.image, 0, 1))
    bottom.set_title(f"{result.psnr:.1f} dB")
for axes in panels.flat:
    axes.axis("off")
figure.tight_layout()
