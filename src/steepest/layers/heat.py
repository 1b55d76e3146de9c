"""Inverse heat diffusion, as one multiplier in an eigenbasis of the Laplacian, or step by step."""

from __future__ import annotations

from torch import Tensor

from ..core.errors import InputError
from ..core.numbers import check_count, check_flag
from ..grid.differences import check_boundary, laplacian
from .base import InverseLayer, space_axes
from .basis import change_basis, laplace_basis
from .stability import DEFAULT_LIMIT


class InverseHeat(InverseLayer):
    """``steps`` times ``L(u) = u - dt Laplacian(u)``: heat diffusion run backwards, gain capped.

    In the eigenbasis of ``-Laplacian`` (5-point stencil in 2-D, 7-point in 3-D, spacing 1), with
    eigenvalues ``0 <= lambda <= 4 d`` in ``d`` dimensions (``4 d``, the checkerboard, is reached by
    "periodic" with even sizes only), all steps together are one multiplier,

        m(lambda) = min((1 + dt lambda)^steps, max_gain).

    Where the cap does not act this is exactly the inverse of ``steps`` implicit Euler steps of
    ``u_t = Laplacian(u)``, each of which is the proximal step of ``J(u) = 1/2 |grad u|^2``. The
    layer is linear, self-adjoint and positive definite (its smallest multiplier is 1 for "neumann"
    and "periodic"), so derivatives grow no more than values do.

    Computed as ``u + B^T (m - 1) B u`` with orthonormal real matrices ``B`` (`laplace_basis`): a
    constant with "neumann" or "periodic" is unchanged to rounding, and scale 0 is the identity.
    Matrix products in TensorFloat-32, if switched on, lose accuracy.

    Parameters
    ----------
    steps : int
        Number of layers ``N``, positive; the spectral form costs the same for any.
    dt : float
        Length of a step, positive, in squared pixels.
    boundary : str
        "neumann" (replicated border, keeps the mean), "zero" (zero padding, as of a convolution: it
        amplifies at the border of the image even what is constant) or "periodic".
    max_gain : float or None
        Cap of the total gain of all steps, at least 1: here it changes the layer (in all other
        layers it is but the gain above which they warn). None: no cap; then the first call in
        training mode warns with `StabilityWarning` if `gain` is above 1e4.
    stencil : bool
        Apply the stencil ``steps`` times instead: the paper's form, slower, without a cap.
    spatial_ndim : 1, 2, 3 or None
        As in `InverseLayer`: 1 for signals ``(N, C, length)``.

    Raises
    ------
    InputError
        An argument out of range; at a call, an input that is not ``(N, C, *space)`` in floating
        point, or ``stencil=True`` where ``max_gain`` would have to act.

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
        stencil: bool = False,
        spatial_ndim: int | None = None,
    ) -> None:
        super().__init__(steps, dt, max_gain, spatial_ndim)
        self.boundary = check_boundary(boundary)
        self.stencil = check_flag(stencil, "stencil")

    def gain(self, spatial_ndim: int = 2) -> float:
        """The largest gain at full strength: ``min((1 + 4 d dt)^steps, max_gain)``.

        It is that of a checkerboard, which "periodic" with even sizes has; else the limit for large
        images, and those of few pixels have less. Infinite beyond the range of floats.
        """
        uncapped = self._uncapped(check_count(spatial_ndim, "spatial_ndim"))
        return uncapped if self.max_gain is None else min(uncapped, self.max_gain)

    def gain_at(self, u: Tensor) -> float:
        """`gain` in the dimension of ``u``, whatever its values: the layer is linear."""
        return self.gain(u.ndim - 2)

    @property
    def warn_above(self) -> float | None:
        """None with a cap, 1e4 without."""
        return DEFAULT_LIMIT if self.max_gain is None else None

    @property
    def cap(self) -> str:
        """A ``max_gain``, and the form that can have one."""
        return "max_gain=100 with stencil=False" if self.stencil else "max_gain=100"

    def advance(self, u: Tensor, length: Tensor) -> Tensor:
        """All steps at once, or with ``stencil=True`` one after the other."""
        if not self.stencil:
            return u + self._change(u, length)
        self._refuse_cap(u.ndim - 2)
        for _ in range(self.steps):
            u = u - length * laplacian(u, space_axes(u), self.boundary)
        return u

    def _change(self, u: Tensor, length: Tensor) -> Tensor:
        """``B^T (m - 1) B u``."""
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
        return coefficients

    def _uncapped(self, dimension: int) -> float:
        """``(1 + 4 d dt)^steps``."""
        try:
            return float((1 + 4 * dimension * self.dt) ** self.steps)
        except OverflowError:
            return float("inf")

    def _refuse_cap(self, dimension: int) -> None:
        uncapped = self._uncapped(dimension)
        if self.max_gain is not None and uncapped > self.max_gain:
            raise InputError(
                f"max_gain={self.max_gain:g} would act on {self.steps} steps of {self.dt:g} in "
                f"{dimension}-D (gain {uncapped:.2g}), which stencil=True cannot; allowed is "
                "max_gain=None or stencil=False"
            )

    def extra_repr(self) -> str:
        """The arguments."""
        form = ", stencil=True" if self.stencil else ""
        return f"{super().extra_repr()}, boundary={self.boundary!r}{form}"
