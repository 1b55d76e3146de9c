"""
Phases and crystal orientations
===============================

`steepest.manifold` denoises images whose values are not grey values: phases that start again after
a turn, or crystal orientations, which look the same from 24 sides.
"""

import numpy as np

from steepest import CombinedTotalVariation, io, manifold, plot

# A part of a Sentinel-1 interferogram. Jumps from pi to -pi are no edges.
phase = io.sample("interferogram")
flat = manifold.denoise(phase, 0.8, "circle")
both_orders = CombinedTotalVariation(alpha=0.3, beta=1.0)
smooth = manifold.denoise(phase, 1.0, "circle", both_orders)
print(flat)
print(smooth)

images = {"measured": phase, "first order": flat.image, "second order": smooth.image}
interferogram = plot.side_by_side(plot.phase_map, images)

# %%
# An MRI phase image. A little second order removes the noise and keeps the slope.

head = io.sample("head")
both_orders = CombinedTotalVariation(alpha=0.02, beta=0.05)
clean = manifold.denoise(head, 1.0, "circle", both_orders)
mri = plot.side_by_side(plot.phase_map, {"measured": head, "denoised": clean.image})

# %%
# An EBSD map of a nickel superalloy. The distance of two orientations is their misorientation. The
# command ``steepest orientations`` does all of this with a file.

ebsd = io.read_orientations("sample:nickel")
clean, results = manifold.denoise_grains(ebsd, np.radians(0.5))
print(results[0])

images = {"measured": ebsd.quaternions, "denoised": clean.quaternions}
orientations = plot.side_by_side(plot.orientation_map, images, symmetry=ebsd.phases[0].symmetry)

# %%
# The noise is seen better in the misorientation of each point to the next: half a degree. Grain
# boundaries stay where they are.

before, after = (manifold.misorientations(each)[1] for each in (ebsd, clean))
inside = before < 5
print(f"{np.median(before[inside]):.2f} degrees before, {np.median(after[inside]):.2f} after")
print(f"{np.sum(~inside)} faces of boundaries before, {np.sum(after >= 5)} after")
images = {"measured": np.where(inside, before, np.nan), "denoised": np.where(inside, after, np.nan)}
misorientations = plot.side_by_side(plot.misorientation_map, images, most=1.0)
