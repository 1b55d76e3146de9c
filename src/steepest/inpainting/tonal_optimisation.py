"""The best values for a mask: those whose inpainting is nearest to the image."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.arrays import check_count, check_number, prepare_image
from ..core.threads import resolve_num_threads, share_out
from ..elliptic.hierarchy import Hierarchy, build
from ..elliptic.operator import Operator
from ..elliptic.solve import solve
from .masks.checks import check_mask
from .problem import grid_of, unit_of

_ROUGH = 1e-2  # tolerance of the preconditioner's solve
_INNER = 0.05  # tolerance of the solves, in units of that of the iteration
_FIRST = 0.001  # of the first, to which the others only add


def tonal(
    image: Any,
    mask: Any,
    *,
    channel_axis: int | None = None,
    tol: float = 0.02,
    max_num_iter: int = 100,
    num_threads: int | None = None,
) -> np.ndarray:
    """Optimise the values at the pixels of a mask for homogeneous diffusion inpainting.

    Finds g, which lives on the mask, with the least ``|B g - image|^2``; ``B g`` is the inpainting
    from g, its columns are the echoes. Conjugate gradients on ``B^T B g = B^T image`` from the
    image's own values, preconditioned by the sums of the echoes, ``B^T 1``; B and its adjoint are
    one multigrid solve each, and no echo is formed.

    Parameters
    ----------
    image : array
        One to three spatial axes and maybe a channel axis; float32, float64, uint8 or uint16.
    mask : Boolean array of the spatial shape
    channel_axis : int, optional
    tol : float
        Of ``|B^T (B g - image)|``, in the norm of the preconditioner, relative to its first value:
        at the default the PSNR is within 0.02 dB of the best (docs/inpainting).
    max_num_iter : int
        Most iterations.
    num_threads : int, optional
        Threads that share the channels.

    Returns
    -------
    array of the shape of ``image``, float32 (float64 for float64)
        The inpainting from the best values: at the mask it holds them. It may leave the range of
        the image; integer images are on the [0, 1] scale.

    Raises
    ------
    InputError
        Bad image, mask or options.

    References
    ----------
    Mainberger et al., SSVM 2011, Section 4 (there: Gauss-Seidel on all echoes).
    """
    tol = check_number(tol, "tol", positive=True)
    max_num_iter = check_count(max_num_iter, "max_num_iter")
    threads = resolve_num_threads(num_threads)
    array, layout = prepare_image(np.asarray(image), channel_axis)
    known = check_mask(mask, array.shape[1:])
    space = known.shape
    grid = grid_of(space)
    held = known.reshape(grid)
    hierarchy = build(Operator(np.where(held, np.inf, 0.0), (1.0,) * len(grid)))
    unit = unit_of(array)

    def optimised(channel: np.ndarray) -> np.ndarray:
        f = channel.astype(np.float64).reshape(grid) / unit
        return _optimise(hierarchy, f, held, tol, max_num_iter)

    best = unit * np.stack(share_out(lambda: optimised, array, threads))
    return layout.restore_axes(best.reshape(array.shape).astype(array.dtype))


def _optimise(
    hierarchy: Hierarchy, f: np.ndarray, held: np.ndarray, tol: float, max_num_iter: int
) -> np.ndarray:
    """Conjugate gradients for least squares; the inpainting is kept up to date as ``u``."""
    laplacian = Operator(np.zeros(held.shape), hierarchy.operator.weights)

    def inpainted(g: np.ndarray, accuracy: float) -> np.ndarray:
        return solve(hierarchy, np.where(held, g, g[held].mean())[None], tol=accuracy).image[0]

    def adjoint(r: np.ndarray, accuracy: float) -> np.ndarray:
        m = solve(
            hierarchy, np.zeros_like(r)[None], np.where(held, 0, r)[None], tol=accuracy
        ).image[0]
        return np.where(held, r - laplacian.apply(m), 0)

    inner = max(_INNER * tol, 1e-12)
    u = inpainted(f, max(_FIRST * tol, 1e-12))
    r = f - u
    mass = np.where(held, adjoint(np.ones_like(f), _ROUGH), 1)
    residual = adjoint(r, inner)
    direction = residual / mass
    before = first = float(np.vdot(residual, direction))
    for _ in range(max_num_iter):
        if before <= tol * tol * first:
            break
        step = inpainted(direction, inner)
        length = before / float(np.vdot(step, step))
        u, r = u + length * step, r - length * step
        residual = adjoint(r, inner)
        z = residual / mass
        now = float(np.vdot(residual, z))
        direction, before = z + now / before * direction, now
    return u
