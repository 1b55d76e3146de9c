"""Edge-enhancing anisotropic diffusion (EED) inpainting: along edges, hardly across them."""

from dataclasses import dataclass

import numpy as np

from ...core.numbers import check_number
from ...elliptic.nine_point import system
from ...elliptic.preconditioned import solve_all
from ..holes import HoleGroup, group_holes
from ..method import check_scale
from ..smoothing import WIDEST, gaussian, kernel_radius
from .lagged import LaggedMethod, Linear, Linearisation


@dataclass(frozen=True)
class EdgeEnhancing(LaggedMethod):
    """Edge-enhancing diffusion in the plane, as ``method=`` of `inpaint`.

    Solves ``div(D grad u) = 0`` at unknown pixels with ``u = image`` at known pixels. The diffusion
    tensor is ``D = g(J)``, the function ``g(m) = 1 / sqrt(1 + m / contrast^2)`` (Charbonnier) of
    the matrix ``J = sum over channels of grad u_s grad u_s^T``, where u_s is u convolved with a
    Gaussian. In a grey image, D has the eigenvalue ``g(|grad u_s|^2)`` across edges and 1 along
    them. All channels share D. The discretisation has no maximum principle, so values may
    overshoot.

    Parameters
    ----------
    contrast : float
        Gradient magnitude above which a gradient counts as an edge, as a fraction of the range of
        the known values per pixel (docs/inpainting_methods: good values).
    sigma : float
        Standard deviation of the Gaussian in pixels, from 0 (no smoothing) to 1000.

    Notes
    -----
    The residual is ``|div(D(u) grad u)| / |b|`` over the unknown pixels, with the tensor computed
    from the result itself, where b is ``div(D grad)`` of the known values alone. ``tol`` is 1e-3 by
    default, at which the PSNR is final to 0.02 dB. Iterations are linear problems, at most 100 by
    default; 5 to 30 are usual, and a smaller contrast needs more.

    The method is lagged diffusivity: it alternates between computing the tensor from the latest
    image and solving the linear problem with that tensor, a 3x3 stencil, at O(pixels) per
    iteration. The starting point is homogeneous diffusion. There is no convergence proof for the
    outer iteration; check the residual.

    References
    ----------
    Weickert, *Anisotropic Diffusion in Image Processing*, 1998; Weickert & Welk, 2006; Schmaltz et
    al., Int. J. Computer Vision 108 (2014).
    """

    contrast: float = 0.01
    sigma: float = 1.0

    tol, max_num_iter = 1e-3, 100
    dimensions = (2,)

    def __post_init__(self) -> None:
        self._set(
            contrast=check_scale(self.contrast, "contrast"),
            sigma=check_number(self.sigma, "sigma", most=WIDEST),
        )

    def groups(self, unknown: np.ndarray) -> list[HoleGroup]:
        """Return the holes that no equation of another one reads."""
        return group_holes(unknown, 2 + kernel_radius(self.sigma))  # that of a pixel's tensors

    def linearisation(self, known: np.ndarray, num_threads: int) -> Linearisation:
        """Return the function that computes the diffusion tensor of an image."""

        def linearise(u: np.ndarray) -> Linear:
            linear = system(*diffusion_tensor(u, self.contrast, self.sigma), known)
            return lambda tol, most: solve_all([linear], [u], tol, most, num_threads)[0]

        return linearise


def diffusion_tensor(
    u: np.ndarray, contrast: float, sigma: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute xx, xy, yy of D for (C, H, W) on the cells between pixels, (H + 1, W + 1) each."""
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
    """Compute mean differences along x (last axis) and y in each cell, mirrored at the border."""
    padded = np.pad(u, 1, mode="edge")
    dx, dy = np.diff(padded, axis=1), np.diff(padded, axis=0)
    return (dx[:-1] + dx[1:]) / 2, (dy[:, :-1] + dy[:, 1:]) / 2
