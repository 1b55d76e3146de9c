"""
Which time to choose
====================

A round spot vanishes from the flow at about

.. math:: t \\approx \\frac{\\text{contrast} \\times \\text{radius}}{2} .

Contrast is in grey values, with 1 for white in 8- and 16-bit images, and the radius is in pixels.
So measure the largest thing that you want to lose, and the smallest that you want to keep, and
choose a time in between.
"""

import matplotlib.pyplot as plt
from skimage import data

import steepest
from steepest import plot

cell = data.cell()[280:470, 160:510]  # 8 bit; a pixel is 0.107 micrometres wide
MICRONS, WHITE = 0.107, 255


def vanishing_time(counts, radius):
    """Of a spot with this contrast in grey levels and this radius in micrometres."""
    return counts / WHITE * (radius / MICRONS) / 2


# %%
# This phase image of a cell shows three things of different size. Their contrasts (in grey levels)
# and radii (in micrometres) are read off the picture.

things = {
    "speck of dust": (33, 0.45, (150, 33)),
    "bright granule": (60, 0.65, (120, 252)),
    "cell": (140, 6.6, (94, 268)),
}
for name, (counts, radius, _) in things.items():
    t = vanishing_time(counts, radius)
    print(f"{name:15} {counts:3} levels, {radius:4} um: gone at about t = {t:.1f}")

# %%
# At t = 1 only the cell is left. Its contrast has shrunk by 1/17 of what it was, as it will vanish
# at t = 17 or so.

result = steepest.tv_flow(cell, times=[1, 8])
strip = plot.flow_strip([cell, *result.images], [0, *result.times])

# %%
# The grey value in the middle of each shows when it reaches that of its surroundings.

times = [0.02 * 1.2**k for k in range(38)]
images = steepest.tv_flow(cell / WHITE, times).images

figure, axes = plt.subplots(figsize=(8, 4))
for name, (counts, radius, (row, column)) in things.items():
    (line,) = axes.semilogx(times, WHITE * images[:, row, column], label=name)
    axes.axvline(vanishing_time(counts, radius), color=line.get_color(), linestyle=":")
axes.set(xlabel="time (dotted: the rule)", ylabel="grey level in the middle")
axes.legend()
figure.tight_layout()

# %%
# To keep the full contrast of what stays, remove everything finer from the image instead of taking
# the flow itself.

structure, texture = steepest.spectral.separate_texture(cell, 1.0)

figure, panels = plt.subplots(1, 3, figsize=(9, 3.9))
shown = {
    "cell": cell / WHITE,
    "structure, t > 1": structure,
    "texture, t < 1": texture + 0.5,
}
for axes, (name, picture) in zip(panels, shown.items()):
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1)
    axes.set_title(name)
    axes.axis("off")
figure.tight_layout()

# %%
# Nothing needs converting if the image holds counts as floats and ``spacing`` is in micrometres:
# then a time is in counts times micrometres, and the granule vanishes at about 60 * 0.65 / 2.

print(steepest.tv_flow(cell.astype(float), 60 * 0.65 / 2, spacing=(MICRONS, MICRONS)))
