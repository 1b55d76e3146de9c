"""
Samples of a posterior
======================

A measurement ``y = A x + noise`` does not determine x. Given pairs (x, y) of earlier cases, which x
are likely for some y? Take particles (x, y), hold y fixed, and let x follow the gradient flow of
the energy distance to the given pairs. In the end, the x of particles near a value of y are samples
of the posterior (Hagemann, Hertrich, Altekrüger, Beinert, Chemseddine & Steidl, *Posterior sampling
based on gradient flows of the MMD with negative distance kernel*, ICLR 2024). For images, the
authors train networks that follow this flow. In three dimensions, a page of code is enough.

Here everything is Gaussian, so the posterior is known.
"""

import matplotlib.pyplot as plt
import numpy as np

from steepest import particles

random = np.random.default_rng(0)
A, noise = np.array([[1.0, 0.5]]), 0.5


def pairs(count):
    """Draw x, two independent normal numbers, and the measured y."""
    x = random.standard_normal((count, 2))
    return x, x @ A.T + noise * random.standard_normal((count, 1))


gain = A.T @ np.linalg.inv(A @ A.T + noise**2)  # the posterior's mean is gain * y
covariance = np.eye(2) - gain @ A

# %%
# The particles start with the given y, and with random x that do not depend on it. The distance of
# two points is an average over their projections onto random lines, and `flow` computes the flow on
# each line. Each step moves x along one random line and leaves y where it is. The steps get
# shorter.

known = np.hstack(pairs(2000))
y = known[:, 2:]
x = random.standard_normal((2000, 2))
start = particles.energy_distance(np.hstack([x, y]), known)
for step in range(1500):
    direction = random.standard_normal(3)
    direction /= np.linalg.norm(direction)
    along = direction[:2]
    place = np.hstack([x, y]) @ direction
    time = 30 / (1 + step / 300) * (along @ along)
    after = particles.flow(place, known @ direction, time).points[0]
    order = np.argsort(place)
    x[order] += np.outer(after - place[order], along / (along @ along))
stop = particles.energy_distance(np.hstack([x, y]), known)
print(f"energy distance from {start:.4f} to {stop:.6f}")

# %%
# The exact mean is linear in y, so a linear fit gives the mean of the particles. What remains has
# the covariance of the posterior.

found = np.linalg.lstsq(y, x, rcond=None)[0].T
spread = np.cov((x - y @ found.T).T)
print(f"gain {found.ravel().round(3)}, exact {gain.ravel().round(3)}")
print(f"covariance\n{spread.round(3)}, exact\n{covariance.round(3)}")
assert np.abs(found - gain).max() < 0.04
assert np.abs(spread - covariance).max() < 0.04

figure, panels = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
angle = np.linspace(0, 2 * np.pi, 100)
ellipse = 2 * np.linalg.cholesky(covariance) @ [np.cos(angle), np.sin(angle)]
for axes, case in zip(panels, (-1.5, 0, 1.5)):
    near = np.abs(y[:, 0] - case) < 0.2
    axes.scatter(*x.T, s=3, color="0.85")
    axes.scatter(*x[near].T, s=14, color="tab:blue")
    axes.plot(*(gain * case + ellipse), color="tab:orange")
    axes.set(title=f"y = {case}", xlim=(-3.5, 3.5), ylim=(-3.5, 3.5), aspect="equal")
