"""
Total variation flow of a photograph
====================================

The flow removes structures in the order of contrast times size and keeps edges. Every result says
how far it can be from the exact flow, at most.
"""

from skimage import data

import steepest
from steepest import plot

image = data.chelsea()  # uint8 in colour: times refer to values in [0, 1]
result = steepest.tv_flow(image, times=[0.02, 0.1, 0.5], channel_axis=-1)
print(result)

# %%
# ``images`` has one image for each time, with the type of the input.

axes = plot.flow_strip([image, *result.images], [0, *result.times], channel_axis=-1)

# %%
# The certificate of each image is a distance (the root of the sum of squares over all pixels), and
# the PSNR that follows from it. The exact flow is never farther away than this.

for time, error, psnr in zip(result.times, result.error_bound, result.psnr_bound()):
    print(f"t = {time:4}:  L2 error <= {error:.2f}   PSNR >= {psnr:.1f} dB")

# %%
# Its square has two parts: one from the length of the time steps, and one from how exactly each of
# them was solved. Here two thirds come from the solver, so a smaller ``tol`` would help more than
# more steps.

print(f"time steps: {result.time_error[-1]:.2f}, solver: {result.solver_error[-1]:.2f}")

# %%
# If you ask for an accuracy instead, steps and tolerances are chosen for you.

accuracy = steepest.Accuracy(db=45)
result = steepest.tv_flow(image, [0.02, 0.1, 0.5], steps=accuracy, channel_axis=-1)
print(result)
