"""The best values for a mask: those whose inpainting is nearest to the image."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.progress import Callback, Reporter
from ..core.threads import share_out
from ..elliptic.watching import Iteration, iterate_all
from .checks import check_iteration
from .echo_matrix import EchoMatrix, echo_matrix
from .masks.checks import check_mask
from .problem import prepare_numpy, unit_of
from .tonal_levels import Levels, check_levels, round_values

_ROUGH = 1e-2  # tolerance of the preconditioner's solve
_INNER = 0.05  # tolerance of the solves, in units of that of the iteration
_FIRST = 0.001  # of the first, to which the others only add
_LAST = 1e-6  # of the inpainting from values on levels
_ROUNDING = 1e-15  # relative residual below which there is nothing to gain
_MOST_LEVELS = 65536


def tonal(
    image: Any,
    mask: Any,
    *,
    channel_axis: int | None = None,
    tol: float = 0.02,
    max_num_iter: int = 100,
    levels: int | None = None,
    on_step: Callback | None = None,
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
    levels : int, optional
        2 to 65536: g takes only this many values, equally spaced from 0 to 1 for integer images,
        from the least to the greatest value of the image (of all channels) for floats.
    on_step : callable, optional
        Called with a `Progress` after each iteration, all channels taken together (the residual is
        what ``tol`` is compared with), and with ``levels`` after the blocks are set up and after
        each of the eight steps. Where it returns True, the best values so far are used.
    num_threads : int, optional
        Threads that share the channels, and with ``levels`` the blocks.

    Returns
    -------
    array of the shape of ``image``, float32 (float64 for float64)
        The inpainting from the best values: at the mask it holds them. Without ``levels`` it may
        leave the range of the image. Integer images are on the [0, 1] scale.

    Raises
    ------
    InputError
        Bad image, mask or options.

    Notes
    -----
    O(pixels) for each solve: two per iteration, of which 5 are usual.

    With ``levels`` the best values are rounded, and the error is then lowered further by eight
    steps that change an eighth of the values each, to the levels where a bound of the error is
    least (`tonal_levels.round_values`): another 16 solves, and 18 per channel. The result is near
    that of coordinate descent, not the best of all: better than rounding by 0.02 dB with 256
    levels, 0.07 dB with 16, 0.2 dB with 8 (docs/inpainting).

    References
    ----------
    Mainberger et al., SSVM 2011, Section 4 (there: Gauss-Seidel on all echoes).
    """
    tol, max_num_iter, threads = check_iteration(tol, max_num_iter, num_threads)
    count = None if levels is None else check_levels(levels, _MOST_LEVELS)
    tell = Reporter(on_step)
    array, layout = prepare_numpy(image, channel_axis, any_size=True)
    known = check_mask(mask, array.shape[1:])
    unit = unit_of(array)
    matrix = echo_matrix(known)
    f = array.astype(np.float64).reshape(-1, *matrix.held.shape) / unit

    def optimised(channel: np.ndarray) -> Iteration:
        return _optimise(matrix, channel, tol, max_num_iter)

    best = np.stack(iterate_all(lambda: optimised, f, threads, tell.watch))
    if count is not None:
        floating = layout.integer_maximum is None
        low, high = (float(f.min()), float(f.max())) if floating else (0.0, 1.0)
        kept = round_values(matrix, f, best, Levels(low, high, count), threads, tell)
        best = np.stack(share_out(lambda: lambda g: matrix.apply(g, _LAST), kept, threads))
    return layout.restore_axes((unit * best).reshape(array.shape).astype(array.dtype))


def _optimise(matrix: EchoMatrix, f: np.ndarray, tol: float, max_num_iter: int) -> Iteration:
    """Conjugate gradients for least squares; the inpainting is kept up to date as ``u``."""
    inner = max(_INNER * tol, 1e-12)
    u = matrix.apply(f, max(_FIRST * tol, 1e-12))
    r = f - u
    mass = np.where(matrix.held, matrix.adjoint(np.ones_like(f), _ROUGH), 1)
    residual = matrix.adjoint(r, inner)
    direction = residual / mass
    before = first = float(np.vdot(residual, direction))
    for _ in range(max_num_iter):
        if before <= max(tol, _ROUNDING) ** 2 * first:
            break
        step = matrix.apply(direction, inner)
        length = before / float(np.vdot(step, step))
        u, r = u + length * step, r - length * step
        residual = matrix.adjoint(r, inner)
        z = residual / mass
        now = float(np.vdot(residual, z))
        direction, before = z + now / before * direction, now
        if (yield math.sqrt(now / first)):
            break
    return u
