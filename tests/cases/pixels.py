"""Random pixels of any kind."""

from typing import Any

import numpy as np


def random_array(shape: Any, dtype: Any, seed: int = 0) -> Any:
    """Integers over the whole range of their dtype, or normally distributed floats."""
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return rng.standard_normal(shape).astype(dtype)
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)
