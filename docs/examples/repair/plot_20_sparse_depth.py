"""
Height from scattered points
============================

A laser scanner, a survey or a stereo pair measures height at scattered points only. Which surface
goes through them? `steepest.inpaint` (homogeneous diffusion) leaves a spike at every isolated
point; `steepest.inpainting.Biharmonic` is smooth there.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from skimage.data import data_dir

import steepest
from steepest import inpainting

# %%
# Hills, measured at 60 points: half a per cent of the pixels.

y, x = np.mgrid[-1:1:110j, -1:1:110j]
hills = np.exp(-8 * ((x - 0.3) ** 2 + (y + 0.2) ** 2)) + 0.6 * np.exp(-5 * ((x + 0.5) ** 2 + y**2))
known = np.zeros(hills.shape, bool)
known.flat[np.random.default_rng(4).choice(hills.size, 60, replace=False)] = True

diffused = steepest.inpaint(hills, known)
smooth = steepest.inpaint(hills, known, inpainting.Biharmonic())
print(smooth.status, f"(residual {smooth.residual:.1e})")

# %%
# ``diffused`` lies within the range of the measured values; ``smooth`` may leave it a little, as
# the true summit does. It has about a sixth of the error.

figure, panels = plt.subplots(2, 3, figsize=(10, 6.2))
for column, (name, surface) in enumerate(
    {"true": hills, "diffusion": diffused.image, "biharmonic": smooth.image}.items()
):
    panels[0, column].imshow(surface, vmin=0, vmax=1, cmap="terrain")
    panels[0, column].contour(surface, 12, colors="k", linewidths=0.5)
    panels[0, column].scatter(*np.nonzero(known)[::-1], s=8, c="r")
    slope = np.hypot(*np.gradient(surface))
    panels[1, column].imshow(slope, vmin=0, vmax=0.06, cmap="magma")
    error = np.abs(surface - hills)
    panels[0, column].set_title(name + (f": mean error {error.mean():.3f}" if column else ""))
    panels[1, column].set_title(f"slope, at most {slope.max():.2f} per pixel")
for axes in panels.flat:
    axes.axis("off")
figure.tight_layout()

# %%
# A disparity map has jumps, at which the smooth surface overshoots. Edge-enhancing diffusion, which
# keeps jumps, is the method to use here (:doc:`/inpainting_results`).

with np.load(Path(data_dir) / "motorcycle_disp.npz") as file:
    depth = file["arr_0"][100:340, 200:440].astype(float)
there = np.isfinite(depth)
depth[~there] = np.nan
known = there & (np.random.default_rng(0).random(depth.shape) < 0.03)

figure, panels = plt.subplots(1, 4, figsize=(13, 3.6))
shown = {
    "true": depth,
    "diffusion": steepest.inpaint(depth, known).image,
    "biharmonic": steepest.inpaint(depth, known, inpainting.Biharmonic()).image,
    "edge-enhancing": steepest.inpaint(depth, known, inpainting.EdgeEnhancing()).image,
}
for axes, (name, surface) in zip(panels, shown.items()):
    axes.imshow(np.where(there, surface, np.nan), cmap="viridis", vmin=8, vmax=58)
    error = np.abs(surface - depth)[there].mean()
    axes.set_title(f"{name}: mean error {error:.1f}" if error else name)
    axes.axis("off")
figure.tight_layout()

# %%
# On the command line this is
# ``steepest inpaint heights.tif --method biharmonic``, which fills the NaN pixels.
