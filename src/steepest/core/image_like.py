"""Results that can be used as the image they hold."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from .namespace import detached


class ImageLike(NDArrayOperatorsMixin):
    """A result with an ``image`` that NumPy functions and arithmetic use in its place.

    ``np.asarray(result)``, ``plt.imshow(result)`` and ``result - image`` work as with
    ``result.image``. Tensors are moved to the CPU and detached from their history.
    """

    image: Any

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Return ``image`` as a NumPy array."""
        array = detached(self.image)
        return np.array(array, dtype=dtype, copy=copy)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """Apply the function to the arrays."""
        arrays = [np.asarray(x) if isinstance(x, ImageLike) else x for x in inputs]
        return getattr(ufunc, method)(*arrays, **options)
