"""
The certificate against the true error
======================================

The certificate says how far a result can be from the exact flow, at most. How far is that from the
true error? On a small crop the flow can be computed with so many steps that it is all but exact.
"""

import matplotlib.pyplot as plt
import numpy as np

import steepest
from steepest import io

image = io.sample("camera")[96:160, 232:296] / 255.0  # float64
times = np.geomspace(0.002, 0.2, 13)
exact = steepest.tv_flow(image, times, steps=2000, solver=steepest.Solver(tol=1e-6))
print("the stand-in for the exact flow is itself certified:", exact)


def true_psnr(images):
    """PSNR for the data range of the crop, as in ``psnr_bound``."""
    error = np.mean((images - exact.images) ** 2, axis=(1, 2))
    return 20 * np.log10(np.ptp(image)) - 10 * np.log10(error)


# %%
# Here are 50 uniform, 50 graded and 50 logarithmic steps. The first uniform step is much too long
# for a fresh image, where fine structures vanish at once. Graded steps, the default, grow like the
# square root of their number. Logarithmic steps begin very short and end long.

figure, axes = plt.subplots(figsize=(8, 4.5))
grids = {
    "uniform": (steepest.TimeGrid.uniform(50), "tab:blue"),
    "graded": (steepest.TimeGrid.graded(50), "tab:green"),
    "logarithmic": (steepest.TimeGrid.logarithmic(50), "tab:orange"),
}
for name, (grid, colour) in grids.items():
    result = steepest.tv_flow(image, times, steps=grid, solver=steepest.Solver(tol=1e-4))
    axes.plot(times, true_psnr(result.images), color=colour, label=f"{name}: true")
    axes.plot(times, result.psnr_bound(), "--", color=colour, label=f"{name}: certified")
    assert np.all(true_psnr(result.images) > result.psnr_bound())
axes.set(xscale="log", xlabel="time", ylabel="PSNR [dB]")
axes.legend()
figure.tight_layout()

# %%
# With an ``Accuracy``, steps are placed where they gain most: each adds the same amount to the
# bound.

for decibel in (40, 50, 60):
    result = steepest.tv_flow(image, times[-1], steps=steepest.Accuracy(db=decibel))
    print(
        f"asked {decibel} dB: certified {result.psnr_bound()[0]:.1f}, "
        f"true {true_psnr(result.images)[-1]:.1f}, {result.num_steps} steps, "
        f"{result.iterations} iterations"
    )
