"""Semi-implicit lagged diffusivity, the smoothed flow of the TVflowNET paper, Eq. (7).

(u' - u) / dt = div( Du' / sqrt(|Du|^2 + epsilon^2) ), forward differences, Neumann boundary,
pixel spacing one. One dense linear system per step: small images only.

For exact steps, the flow of the smoothed functional sum sqrt(|Du|^2 + epsilon^2) stays within
sqrt(2 t epsilon N) of the TV flow (N pixels), since the functionals differ by at most epsilon N.
"""

import numpy as np

from .case import Array
from .independent import functional


def lagged_diffusivity(image: Array, time: float, *, epsilon: float, num_steps: int) -> Array:
    """The smoothed isotropic flow of an image at ``time``."""
    tv = functional(image.shape)
    flat: Array = np.ravel(image).astype(np.float64)
    dt = time / num_steps
    for _ in range(num_steps):
        diffusivity = 1 / np.sqrt(tv.norms(tv.matrix @ flat) ** 2 + epsilon**2)
        weighted = tv.matrix * diffusivity[tv.group][:, None]
        system = np.eye(flat.size) + dt * (tv.matrix.T @ weighted)
        flat = np.linalg.solve(system, flat).astype(np.float64)
    return flat.reshape(image.shape)
