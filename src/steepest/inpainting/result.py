"""The result of `inpaint`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..core.namespace import Array, namespace
from ..core.result import ImageResult
from ..core.solver import Limits
from ..core.status import Status

_ROUNDING = 1e-3  # largest relative residual that is attributed to rounding


@dataclass(frozen=True, eq=False)
class InpaintResult(ImageResult):
    """A filled image and how well its equation is solved.

    Attributes
    ----------
    image : array
        The filled image, with the shape and dtype of the input and the input's known pixels.
    residual : float, or array (N,) for a batch
        Relative residual of the equation, the largest over all channels. It is recomputed from
        ``image`` before ``image`` is rounded to its dtype. Each method documents what the
        residual is relative to.
    iterations : int, or array (N,) for a batch
        Number of iterations, the largest over all channels.
    status : Status
        Outcome of the computation; for a batch, the worst one.
    statuses : tuple of Status
        For a batch, one status per image; otherwise empty.
    """

    image: Array
    residual: float | np.ndarray
    iterations: int | np.ndarray
    status: Status
    statuses: tuple[Status, ...] = ()


@dataclass(frozen=True, eq=False)
class Reconstruction(ImageResult):
    """An image reconstructed from a few of its pixels.

    Attributes
    ----------
    image : array
        The inpainting, with the shape of the image, float32 or float64, not clipped. By tiles, what
        was given as ``out``, or None.
    mae, mse : float
        Mean absolute and mean squared error over pixels and channels, on the [0, 1] scale for
        integer images.
    psnr : float
        Peak signal-to-noise ratio in dB, ``10 log10(data_range^2 / mse)``; infinite if the error
        is zero.
    density : float
        Number of known pixels divided by the number of all pixels.
    status : Status
        Outcome of the inpainting.
    iterations : int
        Number of its iterations; by tiles, of passes over the image.
    """

    image: np.ndarray
    mae: float
    mse: float
    psnr: float
    density: float
    status: Status
    iterations: int


def stack(results: Sequence[InpaintResult], axis: int) -> InpaintResult:
    """Combine the results of the images of a batch into one."""
    images = [result.image for result in results]
    statuses = tuple(result.status for result in results)
    return InpaintResult(
        image=namespace(images[0]).stack(images, axis),
        residual=np.array([result.residual for result in results]),
        iterations=np.array([result.iterations for result in results]),
        status=Status.worst(list(statuses)),
        statuses=statuses,
    )


def status_of(residual: float, iterations: int, limits: Limits, stopped: bool = False) -> Status:
    """Return whether the tolerance was met and, if not, the reason."""
    if stopped:
        return Status.STOPPED
    if residual <= limits.tol:
        return Status.CONVERGED
    if iterations >= limits.max_num_iter:
        return Status.MAX_ITERATIONS
    return Status.ROUNDING if residual <= _ROUNDING else Status.ACCURACY_NOT_MET
