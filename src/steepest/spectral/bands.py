"""Choosing band edges from a spectrum."""

from __future__ import annotations

import numpy as np


def automatic_edges(
    nodes: np.ndarray, masses: np.ndarray, num_bands: int, exact: bool = False
) -> np.ndarray:
    """Edges (at most ``num_bands + 1``, the first 0, the last infinite) between inner nodes.

    Quantiles of the square root of the L1 mass (so that coarse structures, which hold most of
    it, do not take all bands), each moved to the deepest valley between its neighbours'
    midpoints. An edge lies at the geometric mean of two nodes, so no node is on it.

    Parameters
    ----------
    nodes : array (N + 1,)
        Times of the frames, 0 first.
    masses : array (N - 1,)
        L1 mass of the transform at the inner nodes.
    exact : bool
        Give just ``num_bands`` bands where there are as many nodes, even if some hold next to
        nothing; otherwise bands of less than 1e-3 of the mass are merged into the next.
    """
    inner = nodes[1:-1]
    between = np.sqrt(inner[1:] * inner[:-1])  # candidate edges
    if num_bands == 1 or inner.size < 2 or masses.sum() == 0:
        chosen: list[int] = []
    else:
        chosen = _valleys(masses, num_bands)
    if exact:
        chosen = _fill(chosen, min(num_bands - 1, between.size), between.size)
    else:
        chosen = _without_empty(chosen, masses)
    return np.array([0.0, *between[chosen].tolist(), np.inf])


def _valleys(masses: np.ndarray, num_bands: int) -> list[int]:
    """Indices of edges: quantiles, each moved to a valley of the mass."""
    depth = np.minimum(masses[1:], masses[:-1]) + 0.5 * np.maximum(masses[1:], masses[:-1])
    cumulated = np.cumsum(np.sqrt(masses))
    wanted = np.searchsorted(cumulated[:-1] / cumulated[-1], np.arange(1, num_bands) / num_bands)
    chosen = set()
    for k, position in enumerate(wanted):
        before = wanted[k - 1] if k > 0 else -1
        after = wanted[k + 1] if k + 1 < wanted.size else depth.size
        candidates = np.arange((before + position + 1) // 2, (position + after) // 2 + 1)
        candidates = candidates[(candidates >= 0) & (candidates < depth.size)]
        if candidates.size:
            chosen.add(int(candidates[np.argmin(depth[candidates])]))
    return sorted(chosen)


def _without_empty(chosen: list[int], masses: np.ndarray) -> list[int]:
    """Only edges with at least 1e-3 of the mass on both sides of them."""
    cumulated = np.cumsum(masses) / max(masses.sum(), np.finfo(float).tiny)
    kept, previous = [], 0.0
    for index in chosen:
        if cumulated[index] - previous >= 1e-3 and 1 - cumulated[index] >= 1e-3:
            kept.append(index)
            previous = cumulated[index]
    return kept


def _fill(chosen: list[int], count: int, size: int) -> list[int]:
    """Add edges in the middle of the widest bands until there are ``count``."""
    chosen = list(chosen)
    while len(chosen) < count:
        ends = [-1, *chosen, size]
        gaps = np.diff(ends)
        widest = int(np.argmax(gaps))
        chosen.insert(widest, ends[widest] + int(gaps[widest]) // 2)
    return chosen
