"""Results that can be used as the image they hold."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from .namespace import detached


class ImageLike(NDArrayOperatorsMixin):
    """A result with an ``image``: NumPy functions and arithmetic take it as that image.

    ``np.asarray(result)``, ``plt.imshow(result)``, ``result - image`` do what they would do with
    ``result.image``; tensors are brought to the CPU, without their history.
    """

    image: Any

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """``image`` as a NumPy array."""
        array = detached(self.image)
        return np.array(array, dtype=dtype, copy=copy)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """The function of the arrays."""
        arrays = [np.asarray(x) if isinstance(x, ImageLike) else x for x in inputs]
        return getattr(ufunc, method)(*arrays, **options)
