"""What every inpainting returns."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.errors import NotConverged
from ..core.image_like import ImageLike
from ..core.namespace import Array
from ..core.status import Status


@dataclass(frozen=True, eq=False)
class InpaintResult(ImageLike):
    """A filled image and how well its equation is solved.

    Attributes
    ----------
    image : array
        Shape and dtype of the input; known pixels are the input's.
    residual : float
        Of the equation, relative, recomputed from ``image`` before it is rounded to its dtype;
        what it is relative to is said by the function. The largest of all channels.
    iterations : int
        The most any channel took.
    status : Status
    """

    image: Array
    residual: float
    iterations: int
    status: Status

    @property
    def converged(self) -> bool:
        """Whether the tolerance was met."""
        return self.status.ok


def finished(result: InpaintResult, raise_on_failure: bool) -> InpaintResult:
    """The result, or `NotConverged` where that was asked for."""
    if raise_on_failure and not (result.converged or result.status is Status.STOPPED):
        raise NotConverged(str(result.status), result)
    return result
