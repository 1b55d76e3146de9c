"""
Denoising with a known or an unknown strength
=============================================

`steepest.denoise_tv` solves the denoising problem of Rudin, Osher and Fatemi, and certifies the
solution. If you do not know the strength, it is found from the noise.
"""

import matplotlib.pyplot as plt
import numpy as np

import steepest
from steepest import io

clean = io.sample("camera")[80:336, 120:376] / 255.0
noisy = clean + 0.08 * np.random.default_rng(0).standard_normal(clean.shape)

sigma = steepest.estimate_noise(noisy)
strength = steepest.denoise_discrepancy(noisy, sigma).strength
result = steepest.denoise_tv(noisy, strength)
print(f"estimated sigma {sigma:.4f}, strength {strength:.4f}")
print(result)

# %%
# The strength is chosen so that what is removed is as large as the noise (Morozov's principle).
# ``denoise_tv(noisy)`` does both steps at once.

print(f"removed: {np.sqrt(np.mean((result.image - noisy) ** 2)):.4f}")


def psnr(image):
    """Against the photograph without noise."""
    return -10 * np.log10(np.mean((image - clean) ** 2))


figure, panels = plt.subplots(1, 2, figsize=(9, 4.9))
both = {"noisy": noisy, "denoised": result.image}
for axes, (name, picture) in zip(panels, both.items()):
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1)
    axes.set_title(f"{name}: {psnr(picture):.1f} dB")
    axes.axis("off")
figure.tight_layout()
