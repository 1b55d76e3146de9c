"""
Denoising with a known or an unknown strength
=============================================

`steepest.denoise_tv` solves the denoising problem of Rudin, Osher and Fatemi, and certifies the
solution. If you do not know the strength, it is found from the noise.
"""

import matplotlib.pyplot as plt
import numpy as np
from skimage import color, data

import steepest

clean = color.rgb2gray(data.immunohistochemistry())[128:384, 128:384]
noisy = clean + 0.08 * np.random.default_rng(0).standard_normal(clean.shape)

result = steepest.denoise_tv(noisy)
print(f"estimated sigma {result.sigma:.4f}, strength {result.strength:.4f}")
print(result)

# %%
# The strength is the one whose estimated error is least (Stein's estimate). It needs the noise, but
# not the clean image. Here that is known, so the true error can be compared.


def psnr(image):
    """Against the micrograph without noise."""
    return -10 * np.log10(np.mean((image - clean) ** 2))


strengths = np.geomspace(0.25, 3, 13) * result.strength
quality = [psnr(steepest.denoise_tv(noisy, strength).image) for strength in strengths]

figure, panels = plt.subplots(1, 3, figsize=(13, 4.9))
both = {"noisy": noisy, "denoised": result.image}
for axes, (name, picture) in zip(panels, both.items()):
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1)
    axes.set_title(f"{name}: {psnr(picture):.1f} dB")
    axes.axis("off")
panels[2].plot(strengths, quality)
panels[2].plot(result.strength, psnr(result.image), "o", label="chosen")
panels[2].set_xlabel("strength")
panels[2].set_ylabel("PSNR (dB)")
panels[2].legend()
figure.tight_layout()
