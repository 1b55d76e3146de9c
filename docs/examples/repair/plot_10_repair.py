"""
Repairing a scratched photograph
================================

Mark the damaged pixels, and `steepest.inpaint` fills them in from what surrounds them. On the
command line this is ``steepest inpaint photo.png --unknown scratches.png``.
"""

import matplotlib.pyplot as plt
import numpy as np

import steepest
from steepest import inpainting, io

photo = io.sample("coffee")[90:346, 170:426]

# %%
# Here the scratches are drawn. On a photograph of your own, paint over them in any image editor,
# and read the painting as a mask.

rows, columns = np.indices(photo.shape[:2])
scratch = np.abs(columns - 60 - 0.3 * rows) < 5
scratch |= np.abs(rows - 160 + 0.25 * columns) < 5
damaged = np.where(scratch[..., None], 255, photo).astype(np.uint8)

# %%
# ``unknown`` says which pixels to fill: the scratches.

diffused = steepest.inpaint(damaged, unknown=scratch, channel_axis=-1)
print(diffused.status)

# %%
# Diffusion is fast and has no parameters, but an edge ends at the scratch. Edge-enhancing diffusion
# carries it across.

method = inpainting.EdgeEnhancing()
joined = steepest.inpaint(damaged, method=method, unknown=scratch, channel_axis=-1)


def psnr(image):
    """Against the undamaged photograph, over the scratches alone."""
    error = (np.asarray(image)[scratch] / 255 - photo[scratch] / 255) ** 2
    return -10 * np.log10(error.mean())


detail = np.s_[70:200, 10:140]
figure, panels = plt.subplots(1, 3, figsize=(10, 3.8))
shown = {
    "damaged": damaged,
    f"diffusion: {psnr(diffused):.1f} dB": diffused,
    f"edge-enhancing: {psnr(joined):.1f} dB": joined,
}
for axes, (name, picture) in zip(panels, shown.items()):
    axes.imshow(np.asarray(picture)[detail])
    axes.set_title(name)
    axes.axis("off")
figure.tight_layout()
