"""The result of denoising a manifold-valued image."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ..core.numbers import counted
from ..core.progress import Pictured
from ..core.result import ImageResult
from ..core.status import Status


@dataclass(frozen=True, eq=False)
class ManifoldStep(Pictured):
    """The state before an outer step, as passed to ``on_step``.

    ``residual`` is the relative gap that `denoise` compares with ``tol``. ``num_steps`` is 0:
    the number of steps is not known beforehand.
    """

    step: int
    num_steps: int
    energy: float
    residual: float
    iterations: int
    gather: Callable[[], np.ndarray] = field(repr=False)


@dataclass(frozen=True, eq=False)
class ManifoldResult(ImageResult):
    """A denoised manifold-valued image, and what is certain about it.

    Attributes
    ----------
    image : array, shape and floating-point dtype of the input
    energy : float
        ``F(image)``, see `denoise`.
    gap : float or None
        On flat manifolds: a guaranteed bound of ``energy`` minus the minimum over all images with
        these wraps (divided by ``energy``). On the circle, "these wraps" means that each phase and
        each difference is a real number, the one nearest to that of ``image``; other multiples of
        2 pi may have a smaller energy. None on other manifolds, and where ``known`` leaves pixels
        without data.
    error_bound : float or None
        A guaranteed bound of the distance to the minimiser, the root of the sum of squared
        distances over all pixels. On flat manifolds, to the minimiser with these wraps. On
        manifolds of nonpositive curvature (tensors) and without second order, to the one global
        minimiser. None elsewhere.
    model_gap : float
        Relative bound by which the energy, linearised at ``image``, can still be reduced; 0 at a
        stationary point. ``tol`` refers to this number. With `Status.AROUND_JUMPS`, it bounds the
        reduction by short steps of the pixels named there and any steps of the others.
    largest_step : float
        Largest distance by which a pixel would move in the next step.
    iterations : int
        Number of dual iterations.
    status : Status
        How the computation ended, and what it proves.
    """

    image: np.ndarray
    energy: float
    gap: float | None
    error_bound: float | None
    model_gap: float
    largest_step: float
    iterations: int
    status: Status

    def __repr__(self) -> str:
        parts = [f"energy {self.energy:.6g}"]
        if self.gap is not None:
            parts.append(f"gap {self.gap:.1e}")
        if self.error_bound is not None:
            parts.append(f"error <= {self.error_bound:.2g}")
        parts += [counted(self.iterations, "iteration"), str(self.status)]
        return f"<ManifoldResult: {', '.join(parts)}>"
