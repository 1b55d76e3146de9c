"""
What an inverse evolution layer does
====================================

Behind a network, such a layer amplifies what the network should avoid, for example roughness. The
loss then sees the roughness enlarged, and training removes it. This example needs PyTorch.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy.ndimage import gaussian_filter

import steepest
from steepest.layers import InverseEvolution, InverseHeat, TotalVariationFlow, attach

rows, columns = np.indices((64, 64)) - 32.0
disc = (np.hypot(rows, columns) < 18).astype(float)
rough = disc + 0.05 * np.random.default_rng(0).standard_normal(disc.shape)

# %%
# Heat run backwards hardly changes a smooth output, and blows up a rough one.

layer = InverseHeat(steps=20, dt=0.025)
smooth = gaussian_filter(disc, 3)


def through(layer, image):
    """The layer applied to an image as a batch of one with one channel."""
    return layer(torch.tensor(image)[None, None]).detach().numpy()[0, 0]


shown = {
    "smooth": smooth,
    "after the layer": through(layer, smooth),
    "rough": rough,
    "after the layer ": through(layer, rough),
}
figure, panels = plt.subplots(1, 4, figsize=(11, 3.2))
for axes, (name, picture) in zip(panels, shown.items()):
    axes.imshow(picture, cmap="gray", vmin=-0.5, vmax=1.5)
    axes.set_title(name.strip())
    axes.axis("off")
figure.tight_layout()

# %%
# A layer is the exact inverse of a step of its flow. That of total variation undoes a denoising.

denoised = steepest.denoise(
    rough, 0.1, energy=steepest.TotalVariation(huber=0.05), solver=steepest.Solver(tol=1e-10)
).image
undone = through(InverseEvolution(TotalVariationFlow(0.05), 1, 0.1), denoised)
print(f"largest difference to the rough image: {np.abs(undone - rough).max():.1e}")

# %%
# One line puts a layer behind a network. It acts while the network is trained and is gone in
# evaluation mode.

network = torch.nn.Conv2d(1, 3, 3, padding=1)
images = torch.rand(2, 1, 64, 64)
plain = network(images)
attach(network, layer)
print("unchanged in training:", torch.allclose(network.train()(images), plain))
print("unchanged in evaluation:", torch.allclose(network.eval()(images), plain))
