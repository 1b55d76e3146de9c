"""
Spectral decomposition
======================

An image is the sum of a residual and bands. Each band holds the structures that vanish in one
interval of time.
"""

import numpy as np
from skimage import data

import steepest
from steepest import plot

image = data.moon()[100:356, 100:356]
dec = steepest.spectral.decompose(image)
print(dec)

# %%
# No last time was given, so the flow ran until only the mean of the image was left. It is the
# residual. The edges of the bands were found in the spectrum.

axes = plot.spectrum_curve(dec.times, dec.spectrum, dec.edges)

# %%
montage = plot.band_montage(dec.bands, dec.residual, dec.edges, image=dec.image)

# %%
# Bands and residual add up to the image, to rounding. This follows from their definition, and does
# not depend on the accuracy of the flow.

total = dec.bands.sum(axis=0, dtype=np.float64) + dec.residual
print(f"reconstruction: {-10 * np.log10(np.mean((total - dec.image) ** 2)):.0f} dB")

# %%
# You can also choose the edges yourself.

dec = steepest.spectral.decompose(image, bands=[0, 0.02, 0.2, 2], t_max=2.0)
chosen = plot.band_montage(dec.bands, dec.residual, dec.edges, image=dec.image)
