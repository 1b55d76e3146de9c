"""
A learned flow, and how far to trust it
=======================================

A network predicts the flow at a time directly. The certificate then says how far the prediction
can be from the exact flow, at most. This example needs PyTorch.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from skimage import data

import steepest
from steepest import learning

image = data.cell()[200:328, 200:328] / 255.0
times = [0.02, 0.1, 0.2]

learned = learning.learned_flow(image, times)
print(learned)

# %%
# The solver is the referee: it computes the same flow to a certified 60 dB.

solved = steepest.tv_flow(image, times, steps=steepest.Accuracy(db=60))

figure, panels = plt.subplots(2, 3, figsize=(9, 6.6))
for k, (top, bottom) in enumerate(panels.T):
    error = learned.images[k] - solved.images[k]
    psnr = 20 * np.log10(np.ptp(image)) - 10 * np.log10(np.mean(error**2))
    top.imshow(learned.images[k], cmap="gray", vmin=0, vmax=1)
    top.set_title(f"t = {times[k]}, certified {learned.psnr_bound()[k]:.1f} dB")
    bottom.imshow(error, cmap="gray", vmin=-0.05, vmax=0.05)
    bottom.set_title(f"error: {psnr:.1f} dB")
for axes in panels.flat:
    axes.axis("off")
figure.tight_layout()

# %%
# In a network of your own it is a module like any other. Gradients pass through it, to the image
# and to its own weights.

network = learning.load("mean-flux")
batch = torch.rand(4, 1, 64, 64, requires_grad=True)
u = network.solve(batch, torch.tensor([0.02, 0.05, 0.1, 0.2]))
u.square().mean().backward()
print(u.shape, batch.grad.shape)
