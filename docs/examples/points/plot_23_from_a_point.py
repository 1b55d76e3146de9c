"""
From a point to a photograph
============================

The gradient flow of the energy distance moves any points towards any density. Here all of them
start in one place.

On a line, the flow is computed exactly. Points at -1 flow to the point 0: they spread evenly at
once, and the first one arrives at time 1/2.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.animation import FuncAnimation
from skimage import color, data

from steepest import particles
from steepest.particles.attraction import attract
from steepest.particles.descent import Functional

times = np.linspace(0, 3, 121)
result = particles.flow(np.full(41, -1.0), [0.0], times)
ranks = (np.arange(41) + 0.5) / 41
error = np.abs(result.points - np.minimum(0, -1 + 2 * ranks * times[:, None])).max()
print(f"largest difference to the formula min(0, -1 + 2 s t): {error:.0e}")

figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
for path, rank in zip(result.points.T, ranks):
    axes.plot(times, path, color=plt.cm.viridis(1 - rank), linewidth=1)
axes.set(xlabel="time", ylabel="position", xlim=(0, 3))

# %%
# In the plane, 3,000 points start in a tiny disc in the middle of a photograph. The steps are those
# of `stipple`, without its momentum and shorter at first, so no step increases the energy.

grey = color.rgb2gray(data.astronaut())[0:256, 96:352].reshape(128, 2, 128, 2).mean((1, 3))
ink = 1 - grey
energy = Functional(attract(ink / ink.sum()), 3000, num_threads=2)
points = 63.5 + np.random.default_rng(0).normal(scale=0.1, size=(3000, 2))
states, energies = [], []
for k in range(110):
    value, gradient = energy(points)
    states.append(points)
    energies.append(value)
    points = points + min(1, 0.1 * 1.1**k) * (energy.step(points, gradient) - points)
assert (np.diff(energies) < 0).all()

figure, axes = plt.subplots(figsize=(3.5, 3.5))
figure.subplots_adjust(0, 0, 1, 1)
radius = np.sqrt(ink.sum() / (3000 * np.pi))
dots = axes.scatter(*states[0].T[::-1], s=(2 * radius * 3.5 * 72 / 128) ** 2, c="k", linewidths=0)
axes.set(xlim=(-0.5, 127.5), ylim=(127.5, -0.5))
axes.axis("off")
frames = [0, 0, 0, *range(1, 40, 2), *range(40, 110, 5), *[109] * 10]
film = FuncAnimation(
    figure, lambda k: dots.set_offsets(states[k][:, ::-1]), frames=frames, interval=90
)
