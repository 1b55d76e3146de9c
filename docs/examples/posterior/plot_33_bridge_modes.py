"""
Bridging modes
==============

Six narrow modes on a circle, of which only the noisy first coordinate is measured. A chain of
invertible maps sends noise to the modes, but leaves threads between them: a continuous map cannot
tear. Metropolis steps that lead from the density of the maps to the posterior remove the threads,
without training, and the gap says how far the samples are from the posterior at most.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
import zuko

from steepest import posterior

angles = 2 * np.pi * np.arange(6) / 6 + 0.3
centers = np.stack([np.cos(angles), np.sin(angles)], 1)
rng = np.random.default_rng(0)
x = centers[rng.integers(6, size=4000)] + 0.05 * rng.standard_normal((4000, 2))
y = x[:, :1] + 0.1 * rng.standard_normal((4000, 1))

# %%
# Six affine couplings, trained on pairs by their likelihood: `fit_chain`. Prior and noise are
# known here, so the joint density is a formula, up to a constant.


class Inverse(torch.nn.Module):
    """The map from noise to data of a conditional flow of zuko."""

    def __init__(self, flow):
        super().__init__()
        self.flow = flow

    def forward(self, y):
        """Return the transform for measurements y."""
        return self.flow(y).transform.inv


def log_joint(x, y):
    """Return log p(x, y)."""
    off = ((x[:, None] - torch.tensor(centers).float()) ** 2).sum(2)
    return torch.logsumexp(-off / (2 * 0.05**2), 1) - ((y - x[:, :1]) ** 2).sum(1) / (2 * 0.1**2)


torch.manual_seed(0)
flow = zuko.flows.RealNVP(2, 1, transforms=6, hidden_features=(32, 32))
maps = posterior.Chain([posterior.Map(Inverse(flow))], (2,))
maps = posterior.fit_chain(maps, None, x, y, steps=700, learning_rate=3e-3)

# %%
# Bridges of 5 and of 20 levels, three Metropolis steps each.

measured = np.array([[0.49]])
figure, axes = plt.subplots(1, 4, figsize=(12, 3.4), layout="constrained")
near = np.abs(y[:, 0] - measured[0, 0]) < 0.05
panels, gaps = [("simulated pairs near y", x[near])], []
for levels in (0, 5, 20):
    chain = posterior.bridge(maps, log_joint, levels=levels) if levels else maps
    gap = posterior.gap(chain, log_joint, x[:500], y[:500])
    gaps.append(gap.value)
    print(f"{levels:2} levels: gap {gap.value:.2f} +- {gap.error:.2f} nats")
    title = f"{levels} levels, gap {gap.value:.2f}" if levels else f"maps, gap {gap.value:.2f}"
    panels.append((title, chain.sample(measured, 500).samples[0]))
for ax, (title, points) in zip(axes, panels):
    ax.scatter(*points.T, s=4)
    ax.set(title=title, xlim=(-1.5, 1.5), ylim=(-1.5, 1.5), aspect="equal")

# %%
# More levels, a smaller gap. It bounds the sum of both Kullback-Leibler divergences to the
# posterior, in the mean over y (proof: :doc:`/posterior_methods`). What is left is not in the
# threads, which are gone: steps of this size hardly move points from one mode to another, so each
# mode keeps about the share that the maps gave it.

assert gaps[2] < gaps[1] < gaps[0]
