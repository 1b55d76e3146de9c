"""Tonal optimisation: values for a mask whose inpainting is closest to the image."""

import math
from typing import Any

import numpy as np

from ..core.errors import NotConverged
from ..core.numbers import check_count
from ..core.progress import Callback, Reporter
from ..core.solver import Solver, limits
from ..core.status import Status
from ..core.threads import share_out
from ..elliptic.iteration import inner
from ..elliptic.watching import Iteration, iterate_all
from .echo_matrix import EchoMatrix, echo_matrix
from .masks.checks import check_mask
from .problem import prepare_numpy, unit_of
from .tonal_levels import Levels, round_values

_TOLERANCE = 0.02
_ROUGH = 1e-2  # tolerance of the preconditioner's solve
_INNER = 0.05  # tolerance of the solves, relative to that of the iteration
_FIRST = 0.001  # relative tolerance of the first solve, to which the others only add
_LAST = 1e-6  # tolerance of the inpainting from values on levels
_ROUNDING = 1e-15  # relative residual below which nothing can be gained
_MOST_LEVELS = 65536


def tonal(
    image: Any,
    mask: Any,
    *,
    channel_axis: int | None = None,
    levels: int | None = None,
    solver: Solver | None = None,
    on_step: Callback | None = None,
) -> np.ndarray:
    """Optimise the values at the pixels of a mask for homogeneous diffusion inpainting.

    Finds the values g on the mask that minimise ``|B g - image|^2``, where ``B g`` is the
    inpainting from g, by conjugate gradients preconditioned by ``B^T 1``. Each application of B or
    its adjoint is one multigrid solve.

    Parameters
    ----------
    image, channel_axis
        As in `inpaint`, but computations are in NumPy.
    mask : Boolean array of the spatial shape
        True at the pixels whose values are optimised.
    levels : int, optional
        Number of values that g may take, from 2 to 65536. They are equally spaced, from 0 to 1 for
        integer images and from the minimum to the maximum of the image over all channels for
        floating-point images.
    solver : Solver, optional
        ``tol`` (default 0.02) is for ``|B^T (B g - image)|``, in the norm of the preconditioner and
        relative to its initial value. At the default, the PSNR is within 0.02 dB of the optimum
        (docs/inpainting). ``max_num_iter`` is 100 by default. Threads share the channels and, with
        ``levels``, the blocks.
    on_step : callable, optional
        As in `inpaint`; the residual is compared with ``tol``. With ``levels``, it is also called
        after the blocks are set up and after each of the eight steps.

    Returns
    -------
    array of the shape of ``image``, float32 (float64 for float64)
        Inpainting from the optimised values; at the mask it equals these values. Without
        ``levels``, it may leave the range of the image. Integer images are on the [0, 1] scale.

    Raises
    ------
    InputError
        If the image, the mask or an option is invalid.
    NotConverged
        As in `inpaint`; its ``result`` is the array.

    Notes
    -----
    About 5 iterations of two solves are usual. With ``levels``, the optimised values are rounded
    first, and then improved: another 16 solves, plus 18 per channel (docs/inpainting_methods).

    References
    ----------
    Mainberger et al., SSVM 2011, Section 4 (with Gauss-Seidel on all echoes).
    """
    given, reporter = limits(solver, _TOLERANCE, 100, positive=True), Reporter(on_step)
    count = None if levels is None else check_count(levels, "levels", least=2, most=_MOST_LEVELS)
    array, layout = prepare_numpy(image, channel_axis, any_size=True)
    known = check_mask(mask, array.shape[1:])
    unit = unit_of(array)
    matrix = echo_matrix(known)
    f = array.astype(np.float64).reshape(-1, *matrix.held.shape) / unit

    def iteration(channel: np.ndarray) -> Iteration:
        return _optimise(matrix, channel, given.tol, given.max_num_iter)

    found = iterate_all(lambda: iteration, f, given.threads, reporter.watch)
    best = np.stack([u for u, _ in found])
    if count is not None:
        floating = layout.integer_maximum is None
        low, high = (float(f.min()), float(f.max())) if floating else (0.0, 1.0)
        kept = round_values(matrix, f, best, Levels(low, high, count), given.threads, reporter)
        best = np.stack(share_out(lambda: lambda g: matrix.apply(g, _LAST), kept, given.threads))
    result = layout.restore_axes((unit * best).reshape(array.shape).astype(array.dtype))
    if given.raise_on_failure and not reporter.stopped and not all(met for _, met in found):
        raise NotConverged(str(Status.MAX_ITERATIONS), result)
    return result


def _optimise(matrix: EchoMatrix, f: np.ndarray, tol: float, max_num_iter: int) -> Iteration:
    """Solve the least-squares problem by conjugate gradients; the inpainting, and if it is done."""
    accuracy = max(_INNER * tol, 1e-12)
    u = matrix.apply(f, max(_FIRST * tol, 1e-12))
    r = f - u
    mass = np.where(matrix.held, matrix.adjoint(np.ones_like(f), _ROUGH), 1)
    residual = matrix.adjoint(r, accuracy)
    direction = residual / mass
    before = first = inner(residual, direction)
    least = max(tol, _ROUNDING) ** 2 * first
    for _ in range(max_num_iter):
        if before <= least:
            break
        step = matrix.apply(direction, accuracy)
        length = before / inner(step, step)
        u, r = u + length * step, r - length * step
        residual = matrix.adjoint(r, accuracy)
        z = residual / mass
        now = inner(residual, z)
        direction, before = z + now / before * direction, now
        if (yield math.sqrt(now / first)):
            break
    return u, before <= least
