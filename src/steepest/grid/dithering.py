"""Error diffusion: turn a density map into a mask with exactly the requested number of pixels."""

import numpy as np

from ..core.compiled import exact_kernel

# Floyd and Steinberg: the next pixel, then behind, below and ahead in the next row. Our addition is
# the last weight, for the same pixel in the next plane of a volume.
_WEIGHTS = np.array([7.0, 3.0, 5.0, 1.0, 8.0])


def dither(importance: np.ndarray, count: int) -> np.ndarray:
    """Return a mask of exactly ``count`` pixels with local density proportional to ``importance``.

    The densities ``min(1, s * importance)`` with the sum ``count`` are rounded to 0 or 1 in turn,
    row by row in alternating directions. The error of each is passed on with the weights of Floyd &
    Steinberg (Proc. SID 17 (1976) 75-77); in a volume, a third of it goes to the next plane. At the
    border, weights are scaled to sum to 1. Rare roundings at the end are corrected where the
    decision was closest. If fewer than ``count`` pixels are positive, the others share the rest.
    """
    density = scale_to(importance.reshape(-1).astype(np.float64), count)
    mask, margin = _diffuse(density.reshape((1, 1, *importance.shape)[-3:]), _WEIGHTS)
    return _exactly(mask.reshape(importance.shape), margin.reshape(-1), count)


def scale_to(importance: np.ndarray, count: int) -> np.ndarray:
    """Return ``min(1, s * importance)`` with sum ``count``, the basis of `dither`."""
    peak = float(importance.max(initial=0.0))
    # The floor gives pixels of importance 0 a density if the others do not suffice.
    raised = importance / peak + 1e-9 if peak > 0 else np.ones(importance.shape)
    ordered = np.sort(raised)[::-1]
    rest = np.cumsum(ordered[::-1])[::-1]  # sum of all from k on
    full = np.arange(len(ordered))
    # With the k largest densities at 1, the scale is (count - k) / rest[k]. The right k is the
    # first one for which the largest of the other densities does not exceed 1.
    fits = (count - full) * ordered <= rest
    k = int(np.argmax(fits)) if fits.any() else len(ordered)
    scale = (count - k) / rest[k] if k < len(ordered) else 1 / ordered[-1]
    return np.minimum(scale * raised, 1.0)


def _exactly(mask: np.ndarray, margin: np.ndarray, count: int) -> np.ndarray:
    """Add the pixels closest to being chosen, or drop those closest to not being chosen."""
    missing = count - int(mask.sum())
    if missing == 0:
        return mask
    flat = mask.reshape(-1)
    places = np.flatnonzero(flat != (missing > 0))
    order = np.argsort(-margin[places] if missing > 0 else margin[places], kind="stable")
    flat[places[order[: abs(missing)]]] = missing > 0
    return mask


@exact_kernel
def _diffuse(density, weights):  # type: ignore[no-untyped-def]
    """Return the mask and the values that were rounded."""
    depth, height, width = density.shape
    value = density.copy()
    mask = np.zeros(density.shape, dtype=np.bool_)
    for z in range(depth):
        for y in range(height):
            forward = (z * height + y) % 2 == 0
            step = 1 if forward else -1
            for i in range(width):
                x = i if forward else width - 1 - i
                chosen = value[z, y, x] >= 0.5
                mask[z, y, x] = chosen
                error = value[z, y, x] - (1.0 if chosen else 0.0)
                behind, ahead, below = i > 0, i < width - 1, y < height - 1
                total = 0.0
                total += weights[0] if ahead else 0.0
                total += weights[1] if below and behind else 0.0
                total += weights[2] if below else 0.0
                total += weights[3] if below and ahead else 0.0
                total += weights[4] if z < depth - 1 else 0.0
                if total == 0.0:
                    continue
                error /= total
                if ahead:
                    value[z, y, x + step] += weights[0] * error
                if below:
                    value[z, y + 1, x] += weights[2] * error
                    if behind:
                        value[z, y + 1, x - step] += weights[1] * error
                    if ahead:
                        value[z, y + 1, x + step] += weights[3] * error
                if z < depth - 1:
                    value[z + 1, y, x] += weights[4] * error
    return mask, value
