"""
Areas of cells, with a proof
============================

`steepest.segmentation.threshold_rof` divides an image into classes by brightness and proves the
labels: no other labeling has less energy. If several labelings are equally good, it says on which
labels they agree.
"""

import matplotlib.pyplot as plt
import numpy as np

from steepest import plot
from steepest.segmentation import bias_corrected, chan_vese, regions, threshold_rof

# Cells on a dark ground, with the noise of a short exposure.
random = np.random.default_rng(3)
y, x = np.mgrid[:200, :300]
cells = np.full((200, 300), 0.15)
for _ in range(24):
    cy, cx, radius = random.uniform(10, 190), random.uniform(10, 290), random.uniform(6, 15)
    stretch, turn = random.uniform(0.7, 1.3), random.uniform(0, np.pi)
    along = np.cos(turn) * (x - cx) + np.sin(turn) * (y - cy)
    across = np.cos(turn) * (y - cy) - np.sin(turn) * (x - cx)
    inside = np.hypot(along * stretch, across / stretch) < radius
    cells[inside] = random.choice([0.6, 0.85])
image = cells + 0.2 * random.standard_normal(cells.shape)

result = threshold_rof(image, 0.5)
found = regions(result)
print(result)
print(f"values {np.round(result.values, 3)}, {len(found.table)} objects")

overlay = plot.label_overlay(image, result.labels, result.certain, note="all labels are proven")

# %%
# Each label is that of the only global minimiser. With few grey levels, such as photon counts, many
# labelings can be equally good. What they do not agree on is not certain (hatched), and the area of
# every object lies between two bounds.

counts = np.round(10 * image)
ties = threshold_rof(counts, 1.0, thresholds=[5.5])
doubt = plot.label_overlay(counts, ties.labels, ties.certain, note="grey values 0, 1, 2, ...")
print(f"{np.sum(~ties.certain)} of {ties.labels.size} labels are not certain")
for row in regions(ties).table[:6]:
    bounds = f"{row['area_certain']:.0f} to {row['area_possible']:.0f}"
    print(f"object {row['label']}: area {row['area']:.0f}, in all minimisers {bounds}")

# %%
# Under uneven light, the best contour alone follows the light. ``bias_corrected`` finds both.

light = 0.6 + 0.8 * x / 300
uneven = light * np.where(cells > 0.3, 0.8, 0.4) + 0.05 * random.standard_normal(cells.shape)
plain = chan_vese(uneven)
corrected = bias_corrected(uneven, 0.05, 300.0)

figure, panels = plt.subplots(1, 3, figsize=(9.6, 2.5))
pictures = {"image": uneven, "chan_vese": plain.labels, "bias_corrected": corrected.labels}
for axes, (name, picture) in zip(panels, pictures.items()):
    axes.imshow(picture, cmap="gray")
    axes.set_title(name)
    axes.axis("off")
figure.tight_layout()
