"""
Flows of other divergences
==========================

A maximum mean discrepancy (MMD), such as the energy distance of `steepest.particles`, compares all
points with all points. An f-divergence compares densities, and is infinite where the target has no
points. The *MMD-regularised f-divergence* is finite and has a gradient at any points:

.. math::
   D(\\mu) = \\min_{q \\ge 0} \\; \\frac1M \\sum_j f(q_j)
   + \\frac1{2\\lambda} \\mathrm{MMD}^2\\Bigl(\\mu, \\frac1M \\sum_j q_j \\delta_{y_j}\\Bigr).

It takes all pairs, so the library has no function for it. With SciPy, a page of code is enough
(Neumayer, Stein, Steidl & Rux, *Wasserstein gradient flows for Moreau envelopes of f-divergences in
reproducing kernel Hilbert spaces*, 2024). Samples of a posterior by the same flow, and their
coverage, are in ``experiments/probability/envelopes.py`` of the repository.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize
from scipy.spatial.distance import cdist

WIDTH, WEIGHT = 0.3, 0.05  # of the kernel; lambda


def kernel(a, b):
    """Inverse multiquadric."""
    return 1 / np.sqrt(1 + cdist(a, b, "sqeuclidean") / WIDTH**2)


def chi2(q):
    return (q - 1) ** 2 / 2, q - 1  # value and derivative


def closest(points, target, f=chi2, start=None, gtol=1e-9):
    """Return D and the shares q of the target points that attain it."""
    m = len(target)
    across, own = kernel(target, points).mean(axis=1), kernel(target, target)
    constant = kernel(points, points).mean()

    def objective(q):
        value, slope = f(q)
        pull = own @ q / m
        distance = constant + q @ (pull - 2 * across) / m
        return value.mean() + distance / (2 * WEIGHT), (slope + (pull - across) / WEIGHT) / m

    start = np.ones(m) if start is None else start
    found = minimize(
        objective, start, jac=True, bounds=[(0, None)] * m, options={"gtol": gtol, "ftol": 0}
    )
    return found.fun, found.x


def force(points, q, target):
    """Return N times the gradient of D; q stays as it is, since it is a minimiser."""

    def field(others, weights):
        slope = -(kernel(points, others) ** 3) / WIDTH**2 * weights  # times the difference
        return slope.sum(axis=1)[:, None] * points - slope @ others

    own = field(points, np.full(len(points), 1 / len(points)))
    return (own - field(target, q / len(target))) / WEIGHT


# %%
# One point and one target point: the best share has a formula, and the gradient is checked by
# differences.

x, y = np.array([[0.3, 0.1]]), np.array([[0.0, 0.4]])
share = closest(x, y)[1].item()
exact = (1 + kernel(x, y).item() / WEIGHT) / (1 + kernel(y, y).item() / WEIGHT)
print(f"share {share:.8f}, by formula {exact:.8f}")
assert abs(share - exact) < 1e-7

h = np.array([[1e-4, 0]])
slope = (closest(x + h, y)[0] - closest(x - h, y)[0]) / 2e-4
assert abs(slope - force(x, closest(x, y)[1], y)[0, 0]) < 1e-4 * abs(slope)

# %%
# Points from one corner flow to three rings.

angle = np.linspace(0, 2 * np.pi, 50, endpoint=False)
ring = 0.3 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
target = np.concatenate([ring + c for c in ([0, 0], [1, 0], [0.5, 0.9])])
points = np.random.default_rng(0).normal([0.0, 0.0], 0.02, (150, 2))
q, values, states = None, [], {}
for step in range(301):
    value, q = closest(points, target, start=q, gtol=1e-5)
    values.append(value)
    if step in (0, 10, 50, 300):
        states[step] = points
    points = points - 0.02 * force(points, q, target)

print(f"D from {values[0]:.3f} to {values[-1]:.6f}")
figure, panels = plt.subplots(1, 4, figsize=(12, 3.2), layout="constrained")
for axes, (step, state) in zip(panels, states.items()):
    axes.scatter(*target.T, s=4, color="0.7")
    axes.scatter(*state.T, s=6, color="tab:red")
    axes.set(title=f"step {step}", xlim=(-0.5, 1.5), ylim=(-0.5, 1.4), aspect="equal")
    axes.axis("off")
