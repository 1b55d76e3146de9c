"""Choosing band edges from a spectrum."""

from __future__ import annotations

import numpy as np


def automatic_edges(nodes: np.ndarray, masses: np.ndarray, num_bands: int) -> np.ndarray:
    """Edges (at most ``num_bands + 1``, the first 0, the last infinite) between inner nodes.

    Quantiles of the L1 mass on the time axis, each moved to the deepest valley of the mass
    between its neighbours' midpoints; an edge lies at the geometric mean of two nodes, so no node
    is on it. Bands that would hold less than 1e-3 of the mass are merged into the next.

    Parameters
    ----------
    nodes : array (N + 1,)
        Times of the frames, 0 first.
    masses : array (N - 1,)
        L1 mass of the transform at the inner nodes.
    """
    inner = nodes[1:-1]
    total = masses.sum()
    if num_bands == 1 or total == 0 or inner.size < 2:
        return np.array([0.0, np.inf])
    between = np.sqrt(inner[1:] * inner[:-1])  # candidate edges
    depth = np.minimum(masses[1:], masses[:-1]) + 0.5 * np.maximum(masses[1:], masses[:-1])
    cumulated = np.cumsum(masses)[:-1] / total
    targets = np.arange(1, num_bands) / num_bands
    wanted = np.searchsorted(cumulated, targets)
    chosen: list[int] = []
    for k, position in enumerate(wanted):
        before = wanted[k - 1] if k > 0 else -1
        after = wanted[k + 1] if k + 1 < wanted.size else between.size
        low = max((before + position + 1) // 2, 0)
        high = min((position + after) // 2 + 1, between.size)
        if low < high:
            candidates = np.arange(low, high)
            chosen.append(int(candidates[np.argmin(depth[candidates])]))
    edges, previous = [0.0], 0.0
    for index in sorted(set(chosen)):
        if cumulated[index] - previous >= 1e-3 and 1 - cumulated[index] >= 1e-3:
            edges.append(float(between[index]))
            previous = cumulated[index]
    return np.array([*edges, np.inf])
