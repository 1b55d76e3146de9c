"""
Learning a map of strengths from ten pairs
==========================================

A lens with vignetting is corrected by amplifying the corners, and their noise with them. One
strength for the whole image is then too small in the corners or too large in the middle. Here a
map of strengths is learned from ten pairs of a noisy and a clean image: `steepest.denoise` is
differentiable in the weights of its energy, so this is bilevel optimisation by gradient descent
(De los Reyes & Schönlieb, *Image denoising: learning the noise model via nonsmooth PDE-constrained
optimization*, Inverse Problems and Imaging 7, 2013).
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from skimage import data

import steepest

SIZE = 48
random = np.random.default_rng(0)
rows, columns = np.mgrid[:SIZE, :SIZE] / (SIZE - 1) - 0.5
sigma = 0.02 + 0.3 * (rows**2 + columns**2)  # 0.02 in the middle, 0.17 in the corners


def pieces(photograph, places):
    """Pieces of a photograph, averaged over 2 x 2 pixels."""
    grey = photograph @ np.array([0.2125, 0.7154, 0.0721]) if photograph.ndim == 3 else photograph
    for top, left in places:
        piece = grey[top : top + 2 * SIZE, left : left + 2 * SIZE] / 255
        yield piece.reshape(SIZE, 2, SIZE, 2).mean((1, 3))


clean = np.stack(
    [
        *pieces(data.coffee(), [(20, 20), (200, 60), (120, 250), (230, 400)]),
        *pieces(data.astronaut(), [(40, 150), (0, 380), (330, 60)]),
        *pieces(data.chelsea(), [(40, 60), (120, 230), (20, 300)]),
    ]
)
noisy = clean + sigma * random.standard_normal(clean.shape)
test = np.stack(list(pieces(data.camera(), [(100, 180), (20, 200), (330, 250), (250, 60)])))
noisy_test = test + sigma * random.standard_normal(test.shape)

# %%
# The map has 7 x 7 numbers, the logarithms of strengths, and is linear between them. All ten images
# share it.

logarithms = torch.full((1, 1, 7, 7), np.log(0.05), dtype=torch.float64, requires_grad=True)
targets, inputs = torch.from_numpy(clean), torch.from_numpy(noisy)


def strengths():
    """The map on the grid of the image."""
    options = {"size": (SIZE, SIZE), "mode": "bilinear", "align_corners": True}
    return torch.nn.functional.interpolate(logarithms, **options)[0, 0].exp()


def denoised(images, weights):
    """The images denoised by total variation with these weights."""
    energy, solver = steepest.TotalVariation(weights=weights), steepest.Solver(tol=1e-3)
    return steepest.denoise(images, 1.0, energy, batch_axis=0, solver=solver).image


optimiser = torch.optim.Adam([logarithms], lr=0.25)
losses = []
for _ in range(20):
    optimiser.zero_grad()
    loss = (denoised(inputs, strengths()) - targets).square().mean()
    loss.backward()
    optimiser.step()
    losses.append(loss.item())
learned = strengths().detach().numpy()

# %%
# On four images of another photograph, the map is compared with the best constant for the ten.


def psnr(images, references):
    """Mean PSNR in dB."""
    return float(-10 * np.log10(((images - references) ** 2).mean((1, 2))).mean())


constants = np.geomspace(0.02, 0.2, 12)
flat = np.ones((SIZE, SIZE))
scores = [psnr(denoised(noisy, constant * flat), clean) for constant in constants]
constant = constants[int(np.argmax(scores))]
one = denoised(noisy_test, constant * flat)
mapped = denoised(noisy_test, learned)
print(f"noisy {psnr(noisy_test, test):.2f} dB")
print(f"one strength, {constant:.3f}: {psnr(one, test):.2f} dB")
print(f"learned map: {psnr(mapped, test):.2f} dB")
assert psnr(mapped, test) > psnr(one, test)

figure, panels = plt.subplots(2, 3, figsize=(12, 8), layout="constrained")
shown = {"noisy": noisy_test[0], f"one strength, {constant:.3f}": one[0], "learned map": mapped[0]}
for axes, (name, picture) in zip(panels[0], shown.items()):
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1)
    axes.set_title(name)
    axes.axis("off")
panels[1, 0].plot(losses)
panels[1, 0].set(xlabel="step", title="mean squared error of the ten")
maps = {"noise added": sigma, "learned strengths": learned}
for axes, (name, picture) in zip(panels[1, 1:], maps.items()):
    figure.colorbar(axes.imshow(picture, cmap="viridis", vmin=0), ax=axes)
    axes.set_title(name)
    axes.axis("off")
