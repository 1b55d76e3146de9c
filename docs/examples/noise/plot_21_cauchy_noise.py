"""
Noise with heavy tails
======================

Radar, sonar, low-frequency atmospheric noise and hot pixels produce values that are far off.
Cauchy noise is the standard model: it has no variance, so neither averages nor total variation with
squared differences can cope with it. `steepest.robust.denoise_cauchy` fits the distribution itself.
"""

import matplotlib.pyplot as plt
import numpy as np
from skimage import data

from steepest import denoise_tv, robust

clean = data.coins()[20:276, 60:316] / 255
noisy = clean + 10 / 255 * np.random.default_rng(0).standard_cauchy(clean.shape)
print(f"values from {noisy.min():.0f} to {noisy.max():.0f}")

# %%
# The scale of the noise is estimated from differences of neighbours, and then each pixel from
# similar patches.

scale = robust.estimate_cauchy_noise(noisy)
print(f"scale {255 * scale:.1f} of 255 (10 is true)")
patches = robust.denoise_cauchy(noisy, scale)

# %%
# The generalised myriad filter is the fit to the window around each pixel. Total variation works
# once outliers are clipped, but not well.

window = robust.myriad_filter(noisy)
flat = denoise_tv(noisy.clip(0, 1), 0.2).image


def psnr(image):
    return -10 * np.log10(((image.clip(0, 1) - clean) ** 2).mean())


shown = {"noisy": noisy, "TV, clipped before": flat, "myriad_filter": window,
         "denoise_cauchy": patches}  # fmt: skip
figure, panels = plt.subplots(2, 2, figsize=(8, 8.4))
for axes, (name, image) in zip(panels.flat, shown.items()):
    axes.imshow(image[20:180, 60:220], cmap="gray", vmin=0, vmax=1)
    axes.set_title(f"{name}: {psnr(image):.1f} dB")
    axes.axis("off")
figure.tight_layout()

# %%
# A fit is also a robust way to average repeated measurements: location and scale of each pixel of
# a stack, not moved by outliers.

stack = clean[:40, :40] + 0.05 * np.random.default_rng(1).standard_cauchy((9, 40, 40))
fit = robust.cauchy_fit(stack, axis=0)
averages = {"mean": stack.mean(0), "median": np.median(stack, 0), "fit": fit.location}
for name, image in averages.items():
    print(f"{name}: mean error {np.abs(image - clean[:40, :40]).mean():.4f}")
