"""Inverse heat diffusion: one spectral multiplier for all steps."""

import math

from torch import Tensor

from ..core.numbers import check_count
from ..grid.differences import check_boundary
from .base import InverseLayer, space_axes
from .basis import change_basis, laplace_basis
from .stability import DEFAULT_LIMIT


class InverseHeat(InverseLayer):
    """``steps`` times ``L(u) = u - dt Laplacian(u)``: heat diffusion run backwards, gain capped.

    All steps together are one multiplier in the eigenbasis of ``-Laplacian``::

        m(lambda) = min((1 + dt lambda)^steps, max_gain).

    The Laplacian is the 5-point stencil in 2-D and the 7-point stencil in 3-D, at spacing 1. Its
    eigenvalues satisfy ``0 <= lambda <= 4 d`` in ``d`` dimensions; ``4 d``, the checkerboard, is
    reached only by "periodic" with even sizes.

    Where the cap does not act, the layer is exactly the inverse of ``steps`` implicit Euler steps
    of ``u_t = Laplacian(u)``, each of which is the proximal step of ``J(u) = 1/2 |grad u|^2``. The
    layer is linear, self-adjoint and positive definite (its smallest multiplier is 1 for "neumann"
    and "periodic"), so gradients grow by no more than values do.

    Parameters
    ----------
    steps, dt, spatial_ndim
        See `InverseLayer`; ``dt`` is in squared pixels. The cost does not depend on the number of
        steps.
    boundary : str
        "neumann" (replicated border, keeps the mean), "zero" (zero padding, as in a convolution;
        it amplifies even constants at the border of the image) or "periodic".
    max_gain : float or None
        Cap on the total gain of all steps, between 1 and 1e30. None: no cap. The first call in
        training mode then issues a `StabilityWarning` if `gain` is above 1e4.

    Notes
    -----
    The layer computes ``u + B^T (m - 1) B u`` with orthonormal real matrices ``B``
    (`laplace_basis`). Constants with "neumann" or "periodic" are therefore unchanged up to
    rounding, and scale 0 is the identity. TensorFloat-32 matrix products, if enabled, reduce the
    accuracy.

    References
    ----------
    Liu, Qiao, Li & Schoenlieb, Inverse Evolution Layers: Physics-informed Regularizers for Deep
    Neural Networks, Eqs. (6) and (7).
    """

    def __init__(
        self,
        steps: int,
        dt: float,
        boundary: str = "neumann",
        max_gain: float | None = 100.0,
        *,
        spatial_ndim: int | None = None,
    ) -> None:
        super().__init__(steps, dt, max_gain, spatial_ndim)
        self.boundary = check_boundary(boundary)

    def gain(self, spatial_ndim: int = 2) -> float:
        """The largest gain at full strength: ``min((1 + 4 d dt)^steps, max_gain)``.

        This is the gain of a checkerboard, which "periodic" with even sizes attains. Otherwise it
        is the limit for large images; small images have less. Infinite beyond the range of floats.
        """
        highest = 4 * check_count(spatial_ndim, "spatial_ndim")
        try:
            uncapped = float((1 + highest * self.dt) ** self.steps)
        except OverflowError:
            uncapped = math.inf
        return uncapped if self.max_gain is None else min(uncapped, self.max_gain)

    def gain_at(self, u: Tensor) -> float:
        """`gain` in the dimension of ``u``; its values do not matter, as the layer is linear."""
        return self.gain(u.ndim - 2)

    @property
    def warn_above(self) -> float | None:
        """The gain above which the layer warns: 1e4 without a cap, None with one."""
        return DEFAULT_LIMIT if self.max_gain is None else None

    @property
    def cap(self) -> str:
        """The argument to set to cap the gain, for messages."""
        return "max_gain=100"

    def advance(self, u: Tensor, length: Tensor) -> Tensor:
        """Take all steps by one multiplier: ``u + B^T (m - 1) B u``."""
        bases, total = [], u.new_zeros(())
        for axis in space_axes(u):
            basis, eigenvalues = laplace_basis(u.shape[axis], self.boundary, u.dtype, u.device)
            bases.append(basis)
            total = total[..., None] + eigenvalues
        excess = (self.steps * (length * total).log1p()).expm1()  # (1 + dt lambda)^steps - 1
        if self.max_gain is not None:
            excess = excess.clamp(max=self.max_gain - 1)
        coefficients = u
        for axis, basis in zip(space_axes(u), bases, strict=True):
            coefficients = change_basis(coefficients, basis, axis)
        coefficients = excess * coefficients
        for axis, basis in zip(space_axes(u), bases, strict=True):
            coefficients = change_basis(coefficients, basis.T, axis)
        return u + coefficients

    def extra_repr(self) -> str:
        """The arguments."""
        return f"{super().extra_repr()}, boundary={self.boundary!r}"
