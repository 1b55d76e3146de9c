"""
One good image teaches forty
============================

You have one sharp and noise-free image of a material, and forty bad ones. A model of small patches
is learned from the good one (:doc:`/patches`) and restores the others. Here the material is gravel,
a photograph that comes with scikit-image (CC0): the left part is the good image, and the rest is
cut into forty others.
"""

import time

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import map_coordinates
from skimage import data

import steepest
from steepest import patches

photo = data.gravel() / 255
reference = photo[:, :192]
truths = [photo[y : y + 64, x : x + 64] for y in range(0, 512, 64) for x in range(192, 512, 64)]

begin = time.perf_counter()
model = patches.fit(reference, num_components=30, num_patches=12_000)
print(model, f"{time.perf_counter() - begin:.1f} s")


def psnr(found, truth):
    """Peak signal-to-noise ratio in decibels."""
    return -10 * np.log10(np.mean((np.clip(found, 0, 1) - truth) ** 2))


# %%
# Noise
# -----
# The same model denoises all of them. Total variation is given the best of three strengths for
# each image, which only someone who knows the truth can choose; the model estimates the noise.

rng = np.random.default_rng(0)
noisy = [truth + 0.1 * rng.standard_normal(truth.shape) for truth in truths]
begin = time.perf_counter()
clean = [patches.denoise(image, model) for image in noisy]
seconds = time.perf_counter() - begin
flat = [
    max((steepest.denoise_tv(image, s).image for s in (0.04, 0.06, 0.08)), key=lambda v: psnr(v, t))
    for image, t in zip(noisy, truths, strict=True)
]
rows = {"noisy": noisy, "best total variation": flat, "learned": clean}
for name, images in rows.items():
    each = [psnr(image, truth) for image, truth in zip(images, truths, strict=True)]
    print(f"{name:20} {np.mean(each):.2f} dB, from {min(each):.2f} to {max(each):.2f}")
print(f"{len(noisy)} images in {seconds:.1f} s")


def show(rows):
    """Rows of images with their PSNR, the truth last."""
    count = len(rows[0][1])
    _, axes = plt.subplots(count, len(rows), figsize=(3 * len(rows), 3.2 * count))
    for column, (name, images) in zip(axes.T, rows, strict=True):
        for ax, image, truth in zip(column, images, rows[-1][1], strict=True):
            quality = "" if image is truth else f", {psnr(image, truth):.1f} dB"
            ax.imshow(image, cmap="gray", vmin=0.1, vmax=0.9)
            ax.set_axis_off()
            ax.set_title(name + quality, fontsize=8.6)


chosen = [3, 17, 33]
some = [(name, [images[k] for k in chosen]) for name, images in rows.items()]
show([*some, ("truth", [truths[k] for k in chosen])])

# %%
# Too few pixels
# --------------
# The same model makes coarse images finer: blurred by one pixel, every second one kept, with 1 %
# noise. It has learned what fine gravel looks like; interpolation knows neither that nor the blur.

few = [truths[k] for k in chosen]
coarse = [patches.coarsen(truth, 2, 1.0) + 0.01 * rng.standard_normal((32, 32)) for truth in few]
results = [patches.superresolve(image, model, 2, blur=1.0, noise=0.01) for image in coarse]
places = np.indices((64, 64)) / 2  # of the fine pixels, in coarse ones
cubic = [map_coordinates(image, places, order=3, mode="nearest") for image in coarse]
print(*(str(result.status) for result in results), sep="\n")
show([
    ("coarse", [image.repeat(2, 0).repeat(2, 1) for image in coarse]),
    ("cubic interpolation", cubic),
    ("learned", [result.image for result in results]),
    ("truth", few),
])  # fmt: skip

# %%
# Where it ends
# -------------
# A model of something else is worse. The photograph of grass teaches other patches:

other = patches.fit(data.grass()[:, :192] / 255, num_components=30, num_patches=12_000)
each = [psnr(patches.denoise(n, other), t) for n, t in zip(noisy, truths, strict=True)]
print(f"learned from grass: {np.mean(each):.2f} dB")
