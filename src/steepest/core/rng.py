"""The argument ``rng`` of everything that draws random numbers."""

import numpy as np

from .errors import InputError

Rng = int | np.random.Generator | None


def generator(rng: Rng) -> np.random.Generator:
    """Return ``rng`` itself, or a new generator seeded with it (None: by the operating system)."""
    seed = isinstance(rng, (int, np.integer)) and not isinstance(rng, bool) and rng >= 0
    if rng is None or seed or isinstance(rng, np.random.Generator):
        return np.random.default_rng(rng)
    raise InputError(f"rng={rng!r}; allowed are None, an integer >= 0 or numpy.random.Generator")
