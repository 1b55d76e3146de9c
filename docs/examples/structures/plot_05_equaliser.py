"""
An equaliser for structures
===========================

Drop or amplify structures by their contrast and size. Unlike filters of the Fourier transform,
these leave edges alone: there are no halos and no ringing.
"""

import matplotlib.pyplot as plt
import numpy as np

import steepest
from steepest import io
from steepest.spectral import band_stop, low_pass

image = io.sample("coffee")[60:316, 180:436]  # colours: all channels in one decomposition
dec = steepest.spectral.decompose(image, channel_axis=-1, t_max=2.0)

# %%
# A gain is a number for each band, or a function of time.


def boost(t):
    """Twice as much of what vanishes around t = 0.1."""
    return 1 + np.exp(-(np.log(t / 0.1) ** 2))


results = {
    "image": dec.image,
    "low pass: t > 0.1": low_pass(dec, 0.1),
    "band stop: 0.02 to 0.4": band_stop(dec, 0.02, 0.4),
    "boosted around t = 0.1": dec.recompose(boost),
}
figure, panels = plt.subplots(2, 2, figsize=(8, 8.4))
for axes, (title, picture) in zip(panels.flat, results.items()):
    axes.imshow(np.clip(picture, 0, 1))
    axes.set_title(title)
    axes.axis("off")
figure.tight_layout()
