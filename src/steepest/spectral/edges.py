"""Choose band edges from a spectrum."""

from itertools import pairwise

import numpy as np

DEFAULT_NUM_BANDS = 6
_NOTHING = 1e-4  # masses below this share of the largest mass count as gaps


def automatic_edges(
    nodes: np.ndarray, masses: np.ndarray, num_bands: int | None = None
) -> np.ndarray:
    """Choose the edges of ``num_bands`` bands, or of at most 6, from 0 to infinity.

    ``nodes`` (N + 1,) are the times of the frames, ``masses`` (N - 1,) the L1 masses at the inner
    ones. Gaps in the spectrum are chosen first, the widest before. Quantiles of the square root of
    the mass follow (coarse structures hold most of the mass and would take all bands), each moved
    to the deepest valley within a third of the way to its neighbours. An edge is the geometric mean
    of two nodes, so none lies on it. With ``num_bands``, some may be almost empty; by default,
    bands with less than 1e-3 of the mass are merged into the next.
    """
    exact = num_bands is not None
    num_bands = num_bands or DEFAULT_NUM_BANDS
    inner = nodes[1:-1]
    between = np.sqrt(inner[1:] * inner[:-1])  # candidate edges
    allowed = [k for k in range(between.size) if not _splits_a_peak(masses, k)]
    if num_bands == 1 or inner.size < 2 or masses.sum() == 0:
        chosen: list[int] = []
    else:
        chosen = _gaps(masses)[: num_bands - 1]
        further = [k for k in _valleys(masses, num_bands) if k in allowed and k not in chosen]
        chosen = sorted(chosen + further[: num_bands - 1 - len(chosen)])
    if exact:
        chosen = _fill(chosen, min(num_bands - 1, len(allowed)), allowed)
    else:
        chosen = _without_empty(chosen, masses)
    return np.array([0.0, *between[chosen].tolist(), np.inf])


def _gaps(masses: np.ndarray) -> list[int]:
    """Edges in the middle of the gaps without mass between structures, the widest gap first."""
    held = np.flatnonzero(masses > _NOTHING * masses.max())
    gaps = [(low, high) for low, high in pairwise(held.tolist()) if high - low > 2]
    return [(low + high) // 2 for low, high in sorted(gaps, key=lambda g: g[0] - g[1])]


def _valleys(masses: np.ndarray, num_bands: int) -> list[int]:
    """Indices of edges at quantiles of the mass, each moved to a valley of the mass."""
    depth = np.minimum(masses[1:], masses[:-1]) + 0.5 * np.maximum(masses[1:], masses[:-1])
    cumulated = np.cumsum(np.sqrt(masses))
    wanted = np.searchsorted(cumulated[:-1] / cumulated[-1], np.arange(1, num_bands) / num_bands)
    chosen = set()
    for k, position in enumerate(wanted):
        before = wanted[k - 1] if k > 0 else -1
        after = wanted[k + 1] if k + 1 < wanted.size else depth.size
        candidates = np.arange((before + 2 * position + 2) // 3, (2 * position + after) // 3 + 1)
        candidates = candidates[(candidates >= 0) & (candidates < depth.size)]
        if candidates.size:
            chosen.add(int(candidates[np.argmin(depth[candidates])]))
    return sorted(chosen)


def _splits_a_peak(masses: np.ndarray, k: int) -> bool:
    """Whether nodes k and k + 1 share one structure that vanishes at a time between them."""
    pair = masses[k] + masses[k + 1]
    around = masses[max(k - 2, 0) : k + 4].sum()
    return bool(pair > 0.9 * around and min(masses[k], masses[k + 1]) > 1e-6 * pair)


def _without_empty(chosen: list[int], masses: np.ndarray) -> list[int]:
    """Keep only the edges that have at least 1e-3 of the mass on both sides."""
    cumulated = np.cumsum(masses) / max(masses.sum(), np.finfo(float).tiny)
    kept, previous = [], 0.0
    for index in chosen:
        if cumulated[index] - previous >= 1e-3 and 1 - cumulated[index] >= 1e-3:
            kept.append(index)
            previous = cumulated[index]
    return kept


def _fill(chosen: list[int], count: int, allowed: list[int]) -> list[int]:
    """Add allowed edges in the middle of the widest bands until there are ``count``."""
    chosen = sorted(chosen)
    while len(chosen) < count:
        ends = [-1, *chosen, max(allowed) + 1]
        free = [[k for k in allowed if low < k < high] for low, high in pairwise(ends)]
        widest = max(free, key=len)
        chosen = sorted([*chosen, widest[len(widest) // 2]])
    return chosen
