"""What solvers return: one base for all results, and results that stand for their image."""

from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from .namespace import detached
from .status import Status


class Result:
    """What a solver returns: ``status`` says in a sentence how it ended and what is certain."""

    status: Status

    @property
    def converged(self) -> bool:
        """Whether every requested tolerance was met."""
        return self.status.converged


class ImageResult(NDArrayOperatorsMixin, Result):
    """A result with an ``image`` that NumPy functions and arithmetic use in its place.

    ``np.asarray(result)``, ``plt.imshow(result)`` and ``result - image`` work as with
    ``result.image``. Tensors are moved to the CPU and detached from their history.
    """

    image: Any

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Return ``image`` as a NumPy array."""
        return np.array(detached(self.image), dtype=dtype, copy=copy)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """Apply the function to the arrays."""
        arrays = [np.asarray(x) if isinstance(x, ImageResult) else x for x in inputs]
        return getattr(ufunc, method)(*arrays, **options)
