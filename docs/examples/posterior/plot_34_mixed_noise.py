"""
Two kinds of noise at once
==========================

A detector adds noise in proportion to the signal (deviation ``a f``) and constant noise (``b``).
Neither is known, and neither are the signals: only measurements of unknown objects are at hand. A
flow that has learned to sample the unknowns *for every* noise level, and EM steps in closed form,
find both (Hagemann, Gruhlke, Stankewitz, Schillings & Steidl, *Provable mixed-noise learning with
flow matching*, 2025, who train a network in each step).
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

from steepest import posterior


def forward(x):
    """Return four signals of two unknowns."""
    one, two = x[:, :1], x[:, 1:]
    return torch.cat([one + 1, one * two, 1 - two, (one + two).sin() + 1], 1)


def measure(x, a, b, g):
    """Return signals with both noises."""
    f = forward(x)
    return f + a * f * torch.randn(f.shape, generator=g) + b * torch.randn(f.shape, generator=g)


# %%
# The flow is learned once, from simulated objects whose noise levels are drawn between 0.005
# and 0.2. It is given the logarithms of the levels beside the measurement.

g = torch.Generator().manual_seed(0)
x = torch.randn(8000, 2, generator=g)
logs = np.log(0.005) + np.log(40) * torch.rand(8000, 2, generator=g)
y = torch.cat([measure(x, logs[:, :1].exp(), logs[:, 1:].exp(), g), logs], 1)
model = posterior.learn(
    x, y, velocity=posterior.Dense((2,), (6,), width=96),
    steps=800, learning_rate=2e-3,
)  # fmt: skip

# %%
# Three detectors, 64 measurements of unknown objects each.


def log_prior(x):
    """Return the log-density of the objects, up to a constant."""
    return -0.5 * (x**2).sum(1)


detectors = ((0.05, 0.01), (0.10, 0.02), (0.02, 0.05))
found = []
for a, b in detectors:
    data = measure(torch.randn(64, 2, generator=g), a, b, g)
    estimate = posterior.estimate_mixed_noise(data, forward, model, log_prior, max_num_iter=20)
    found.append((estimate.relative, estimate.constant))
    print(f"true {a:.3f} {b:.3f}, found {estimate.relative:.3f} {estimate.constant:.3f}")

figure, ax = plt.subplots(figsize=(5, 4), layout="constrained")
ax.scatter(*np.array(detectors).T, marker="x", s=80, color="k", label="true")
ax.scatter(*np.array(found).T, label="found")
ax.set(xlabel="relative a", ylabel="constant b", xlim=(0, 0.12), ylim=(0, 0.07))
ax.legend()

# %%
# The larger part is found within some per cent. The smaller part hides behind the larger one, even
# for somebody who knows the signals.

assert abs(found[1][0] / 0.10 - 1) < 0.25
assert abs(found[2][1] / 0.05 - 1) < 0.25
