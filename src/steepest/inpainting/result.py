"""What every inpainting returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..core.errors import NotConverged
from ..core.image_like import ImageLike
from ..core.namespace import Array, namespace
from ..core.status import Status


@dataclass(frozen=True, eq=False)
class InpaintResult(ImageLike):
    """A filled image and how well its equation is solved.

    Attributes
    ----------
    image : array
        Shape and dtype of the input; known pixels are the input's.
    residual : float, or array (N,) of a batch
        Of the equation, relative, recomputed from ``image`` before it is rounded to its dtype;
        what it is relative to is said by the function. The largest of all channels.
    iterations : int, or array (N,) of a batch
        The most that any channel took.
    status : Status
        Of a batch the worst one.
    statuses : tuple of Status
        Of a batch one per image; else empty.
    """

    image: Array
    residual: float | np.ndarray
    iterations: int | np.ndarray
    status: Status
    statuses: tuple[Status, ...] = ()

    @property
    def converged(self) -> bool:
        """Whether the tolerance was met."""
        return self.status.ok


def stacked(results: Sequence[InpaintResult], axis: int) -> InpaintResult:
    """The results of the images of a batch as one."""
    images = [result.image for result in results]
    statuses = tuple(result.status for result in results)
    return InpaintResult(
        image=namespace(images[0]).stack(images, axis),
        residual=np.array([result.residual for result in results]),
        iterations=np.array([result.iterations for result in results]),
        status=Status.worst(list(statuses)),
        statuses=statuses,
    )


def finished(result: InpaintResult, raise_on_failure: bool) -> InpaintResult:
    """The result, or `NotConverged` where that was asked for."""
    if raise_on_failure and not (result.converged or result.status is Status.STOPPED):
        raise NotConverged(str(result.status), result)
    return result
