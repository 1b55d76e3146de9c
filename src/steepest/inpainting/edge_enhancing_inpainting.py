"""Edge-enhancing anisotropic diffusion (EED) inpainting: along edges, and hardly across."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.numbers import check_number
from ..core.progress import Callback, Reporter
from ..elliptic.nine_point import system
from ..elliptic.preconditioned import solve_all
from ..elliptic.solve import Solution
from .checks import check_iteration, check_scale
from .holes import cut
from .lagged import Linearised, iterate
from .masks.smoothing import WIDEST, gaussian, radius
from .normalised import masked
from .result import InpaintResult


def edge_enhancing(
    image: Any,
    known: Any = None,
    *,
    unknown: Any = None,
    channel_axis: int | None = None,
    contrast: float = 0.01,
    sigma: float = 1.0,
    tol: float = 1e-3,
    max_num_iter: int = 100,
    on_step: Callback | None = None,
    num_threads: int | None = None,
    raise_on_failure: bool = False,
) -> InpaintResult:
    """Fill in the unknown pixels by edge-enhancing diffusion.

    Solves ``div(D grad u) = 0`` at unknown pixels with ``u = image`` at known ones, where
    ``D = g(J)`` is that function of the matrix ``J = sum over channels of grad u_s grad u_s^T``,
    u_s = u convolved with a Gaussian, and ``g(m) = 1 / sqrt(1 + m / contrast^2)`` (Charbonnier).
    In a grey image, D has the eigenvalue ``g(|grad u_s|^2)`` across edges and 1 along them. All
    channels share D. Values may overshoot: the discretisation has no maximum principle.

    Parameters
    ----------
    image : array
        Two spatial axes, and maybe a channel axis; float32, float64, uint8 or uint16, NumPy
        (also masked). Unknown pixels may hold anything.
    known : Boolean array of the spatial shape, optional
        True: known, kept exactly. Default: the pixels that are neither NaN nor masked.
    unknown : Boolean array of the spatial shape, optional
        The opposite, instead of ``known``: True where pixels are to be filled, as in scikit-image.
    channel_axis : int, optional
    contrast : float
        Gradients above this are edges: a fraction of the range of the known values per pixel. On 5
        to 20 % random pixels of three photographs 0.005 to 0.01 were best, by 0.1 to 0.4 dB over
        0.02.
    sigma : float
        Standard deviation of the Gaussian in pixels, up to 1000; 0 for none. 0.8 to 1.4 were best,
        within 0.15 dB.
    tol : float
        Relative residual at which the iteration stops; the PSNR is then final to 0.02 dB.
    max_num_iter : int
        Most linear problems; 5 to 30 are usual, more for a smaller contrast.
    on_step : callable, optional
        Called with a `Progress` after each linear problem. Where it returns True, the image of the
        smallest residual so far comes back.
    num_threads : int, optional
        Threads that share the channels.
    raise_on_failure : bool
        Raise `NotConverged` where the tolerance was not met.

    Returns
    -------
    InpaintResult
        ``residual`` is ``|div(D(u) grad u)| / |b|`` over unknown pixels with the tensor of the
        result itself, the largest of all channels; b is ``div(D grad)`` of the known values alone.
        ``iterations`` counts linear problems.

    Raises
    ------
    InputError
        Bad image, mask or option, a torch tensor, not two spatial axes.
    NotConverged
        Only with ``raise_on_failure=True``.

    Notes
    -----
    Lagged diffusivity: the tensor of the last image, a linear problem, the next tensor. The
    problems are solved on 3x3 pixels (`nine_point`) by conjugate gradients, preconditioned with a
    multigrid cycle for the tensor's diagonal: O(pixels) per iteration. The starting point is
    homogeneous diffusion. Convergence of the outer iteration is not proven; the
    residual shows it.

    References
    ----------
    Weickert, *Anisotropic Diffusion in Image Processing*, 1998; Weickert & Welk, 2006; Schmaltz et
    al., Int. J. Computer Vision 108 (2014).
    """
    contrast = check_scale(contrast, "contrast")
    sigma = check_number(sigma, "sigma", most=WIDEST)
    tol, max_num_iter, threads = check_iteration(tol, max_num_iter, num_threads, raise_on_failure)
    tell = Reporter(on_step)
    problem = masked(image, known, unknown, channel_axis, (2,))

    def pose(known: np.ndarray) -> Callable[[np.ndarray], Linearised]:
        def linearise(u: np.ndarray) -> Linearised:
            equation = system(*diffusion_tensor(u, contrast, sigma), known)

            def solved(accuracy: float, most: int) -> Solution:
                return solve_all([equation], [u], accuracy, most, threads)[0]

            return solved(0.0, 0), lambda accuracy, most: solved(accuracy, most).image

        return linearise

    pieces = cut(~problem.known, 2 + radius(sigma))  # the tensor on the cells around a pixel
    return iterate(problem, pieces, pose, tol, max_num_iter, threads, tell, raise_on_failure)


def diffusion_tensor(
    u: np.ndarray, contrast: float, sigma: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Entries xx, xy, yy of D on the cells between pixels, (H + 1, W + 1) each, of (C, H, W)."""
    xx = xy = yy = np.zeros(())
    for channel in u:
        dx, dy = cell_differences(gaussian(channel, sigma))
        xx, xy, yy = xx + dx * dx, xy + dx * dy, yy + dy * dy
    middle, half = (xx + yy) / 2, (xx - yy) / 2
    radius = np.hypot(half, xy)
    across = 1 / np.sqrt(1 + (middle + radius) / contrast**2)
    along = 1 / np.sqrt(1 + np.maximum(middle - radius, 0) / contrast**2)
    mean, slope = (across + along) / 2, (across - along) / 2
    slope = slope / np.where(radius > 0, radius, 1)
    return mean + slope * half, slope * xy, mean - slope * half


def cell_differences(u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean differences along x (last axis) and y of every cell, mirrored over the border."""
    padded = np.pad(u, 1, mode="edge")
    dx, dy = np.diff(padded, axis=1), np.diff(padded, axis=0)
    return (dx[:-1] + dx[1:]) / 2, (dy[:, :-1] + dy[:, 1:]) / 2
