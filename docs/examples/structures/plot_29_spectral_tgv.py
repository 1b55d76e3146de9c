"""
Bands of a face without stairs
==============================

Total variation makes stairs of slopes, and its bands show them: a cheek becomes a set of plateaus.
Total generalised variation (TGV) is one-homogeneous, too, so it has a spectral transform of its
own. Its flow leaves slopes alone, and shading stays in the coarse bands and in the residual.
"""

import matplotlib.pyplot as plt
import numpy as np
from skimage import data

import steepest

# A photograph of NASA (public domain), grey values from 0 to 1, averaged over 2 x 2 pixels
face = data.astronaut()[0:256, 96:352] @ np.array([0.2125, 0.7154, 0.0721]) / 255
face = face.reshape(128, 2, 128, 2).mean((1, 3))

# %%
# Both energies measure times in grey value x pixel, so the same edges suit both.

edges = [0.02, 0.08, 0.25]
energies = {"TV": steepest.TotalVariation(), "TGV": steepest.TotalGeneralisedVariation()}
spectra = {
    name: steepest.spectral.decompose(face, energy=energy, bands=edges, t_max=0.8, steps=40)
    for name, energy in energies.items()
}
for name, spectrum in spectra.items():
    print(f"{name}: {spectrum}")
    total = spectrum.bands.sum(0) + spectrum.residual
    print(f"    bands and residual add up to the face within {np.abs(total - face).max():.1e}")

# %%
# Fine bands look alike: edges and texture. In the coarse ones and in the residual, TV has plateaus
# with sharp borders where the face is smooth. TGV has none, but its coarsest band has halos along
# edges: it takes longer to flatten them, and bends the slopes beside them.

figure, panels = plt.subplots(2, 5, figsize=(14, 6), layout="constrained")
names = ["0 to 0.02", "0.02 to 0.08", "0.08 to 0.25", "0.25 to 0.8", "residual"]
for row, (energy, spectrum) in zip(panels, spectra.items()):
    for axes, name, picture in zip(row, names, [*spectrum.bands, spectrum.residual]):
        middle, reach = np.median(picture), np.quantile(np.abs(picture - np.median(picture)), 0.99)
        axes.imshow(picture, cmap="gray", vmin=middle - reach, vmax=middle + reach)
        axes.set_title(f"{energy}: {name}")
        axes.axis("off")

# %%
# The low-pass filter at 0.25 keeps what lives longer: a portrait without texture. TV makes it of
# flat pieces, TGV of slopes.

figure, panels = plt.subplots(1, 3, figsize=(13, 4.5), layout="constrained")
kept = {name: steepest.spectral.low_pass(spectrum, 0.25) for name, spectrum in spectra.items()}
for axes, (name, picture) in zip(panels, kept.items()):
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1)
    axes.axhline(36, color="tab:orange", linewidth=0.8)
    axes.set_title(f"{name}: low pass")
    axes.axis("off")
panels[2].plot(face[36], color="0.7", linewidth=3, label="face")
for name, picture in kept.items():
    panels[2].plot(picture[36], linewidth=1.2, label=name)
panels[2].set(xlabel="column, in row 36", title="stairs and slopes")
panels[2].legend()
