"""
A photograph in ten thousand dots
=================================

For a pen plotter or an engraver, a photograph must become dots. There are three ways to place dots
of one size: error diffusion, Lloyd's method (weighted Voronoi stippling), and the gradient flow
of the energy distance, `steepest.particles.stipple`.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import EllipseCollection
from scipy.ndimage import gaussian_filter

from benchmarks.particles import diffused, grey_tones, lloyd
from steepest import io, particles

image = io.sample("camera")
ink = 1 - image / 255  # how dark each pixel is
result = particles.stipple(image, 10_000)
dots = {
    "error diffusion": diffused(ink, 10_000),
    "Lloyd's method": lloyd(ink, 10_000),
    "flow": result.points,
}


def draw(axes, points, radii=result.radii):
    """Draw round dots to scale."""
    size = 2 * radii
    place = {"offsets": points[:, ::-1], "offset_transform": axes.transData, "linewidth": 0}
    discs = EllipseCollection(size, size, 0 * size, units="xy", color="black", **place)
    axes.add_collection(discs)
    axes.set(xlim=(-0.5, 511.5), ylim=(511.5, -0.5), aspect="equal", xticks=[], yticks=[])


# %%
# At the size of a small print, all three show the photograph. Error diffusion draws lines into the
# sky that are not in the photograph.

figure, panels = plt.subplots(1, 3, figsize=(18, 6.7))
for axes, (name, points) in zip(panels, dots.items()):
    draw(axes, points)
    axes.set_title(name, fontsize=22)
figure.tight_layout()

# %%
# The head, four times as large. The dots of the flow keep their distance, as those of Lloyd's
# method do.

figure, panels = plt.subplots(1, 3, figsize=(18, 6.7))
for axes, (name, points) in zip(panels, dots.items()):
    draw(axes, points)
    axes.set(xlim=(150, 280), ylim=(180, 50))
    axes.set_title(name, fontsize=22)
figure.tight_layout()

# %%
# From afar, the eye blurs the dots, and grey tones remain. Here are their errors after a blur of
# 2, 4 and 8 pixels: brown is too dark, green too light. Error diffusion puts too few dots at the
# top and too many at the bottom. Lloyd's method starts from it and keeps these errors. The tones of
# the flow are right everywhere.

figure, panels = plt.subplots(3, 3, figsize=(9, 9.6))
for row, (name, points) in zip(panels, dots.items()):
    error = grey_tones(points, ink.sum() / len(points), ink.shape) - np.pad(ink, 1)
    for axes, blur in zip(row, (2, 4, 8)):
        seen = gaussian_filter(error, blur, mode="constant")
        axes.imshow(-seen, cmap="BrBG", vmin=-0.1, vmax=0.1)
        axes.set(xticks=[], yticks=[])
        axes.set_title(f"blur {blur}: {-10 * np.log10(np.mean(seen**2)):.1f} dB")
    row[0].set_ylabel(name, fontsize=12)
figure.tight_layout()

# %%
# Dots may also differ in size. With ``size_by_tone=0.5`` half of the tone is in the sizes of the
# dots, and half in their number. With 1 they are evenly spaced, as in a halftone screen.

figure, panels = plt.subplots(1, 3, figsize=(18, 6.7))
for axes, share in zip(panels, (0, 0.5, 1)):
    sized = particles.stipple(image, 10_000, size_by_tone=share)
    draw(axes, sized.points, sized.radii)
    axes.set(xlim=(20, 320), ylim=(340, 40))
    axes.set_title(f"size_by_tone={share}", fontsize=22)
figure.tight_layout()
