"""
Total variation flow of a photograph
====================================

The flow removes structures in the order of contrast times size and keeps edges. Every result says
how far it can be, at most, from the flow that is exact in time.
"""

import steepest
from steepest import io, plot

image = io.sample("camera")  # uint8: times refer to grey values in [0, 1]
result = steepest.tv_flow(image, times=[0.02, 0.1, 0.5])
print(result)

# %%
# ``images`` has one image for each time, of the type of the input.

figure = plot.flow_strip([image, *result.images], [0, *result.times])

# %%
# The certificate, for each time: a distance (root of the sum of squares over all pixels) and the
# PSNR that follows from it. The exact flow is nowhere farther away than this.

for time, error, psnr in zip(result.times, result.error_bound, result.psnr_bound):
    print(f"t = {time:4}:  L2 error <= {error:.2f}   PSNR >= {psnr:.1f} dB")

# %%
# Its square has two shares: the length of the time steps, and how exactly each was solved. Here
# most of it comes from the time steps: more of them would help, a smaller ``tol`` hardly.

print(f"time steps: {result.time_error[-1]:.2f}, solver: {result.solver_error[-1]:.2f}")

# %%
# Ask for an accuracy instead, and steps and tolerances are chosen for it.

result = steepest.tv_flow(image, times=[0.02, 0.1, 0.5], accuracy=45)
print(result)
