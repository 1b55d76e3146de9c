"""
Slopes and edges: three energies on one photograph
==================================================

Total variation makes stairs of a slope. Second-order total variation keeps slopes and softens
edges. Total generalised variation keeps both.
"""

import matplotlib.pyplot as plt
import numpy as np

import steepest

rows, columns = np.mgrid[:96, :96] / 96.0
ball = np.hypot(rows - 0.5, columns - 0.5) < 0.35
clean = np.where(ball, 0.9 - 0.9 * (rows - 0.2), 0.15 + 0.35 * columns)
noisy = clean + 0.08 * np.random.default_rng(0).standard_normal(clean.shape)

energies = {
    "total variation": steepest.TotalVariation(),
    "second order": steepest.SecondOrderTotalVariation(),
    "generalised": steepest.TotalGeneralisedVariation(),
}

# %%
# Each gets its own strength of the least estimated error, for the noise that is known here.

results = {
    name: steepest.denoise_least_risk(noisy, 0.08, energy, solver=steepest.Solver(tol=1e-3))
    for name, energy in energies.items()
}


def psnr(image):
    """Against the picture without noise."""
    return -10 * np.log10(np.mean((image - clean) ** 2))


figure, panels = plt.subplots(2, 4, figsize=(12, 6.4), height_ratios=(2, 1))
shown = {"noisy": noisy} | {name: result.image for name, result in results.items()}
for (name, picture), (top, bottom) in zip(shown.items(), panels.T):
    top.imshow(picture, cmap="gray", vmin=0, vmax=1)
    top.set_title(f"{name}: {psnr(picture):.1f} dB")
    top.axis("off")
    bottom.plot(clean[:, 48], color="0.7", linewidth=3)
    bottom.plot(picture[:, 48], linewidth=1)
    bottom.set_ylim(0, 1.1)
    bottom.set_xlabel("row, in the middle column")
figure.tight_layout()
