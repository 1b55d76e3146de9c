"""Low-pass images: everything that has not vanished before some time, from two frames of a flow.

With frames ``u_0 .. u_N`` at nodes ``0 = t_0 < .. < t_N``, all that vanishes from node n on, plus
the residual, is the line through two frames continued to time 0:

    L_n = u_n - t_n (u_n - u_{n-1}) / (t_n - t_{n-1}).

L_1 is the image and L_N the residual. Bands with gains g_0 .. g_{B-1} and a residual with gain g_B
add up to ``g_0 L_0 + sum_k (g_k - g_{k-1}) L_k``, where L_k belongs to the k-th edge.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def low_pass(nodes: Sequence[float], frames: Sequence[np.ndarray], time: float) -> np.ndarray:
    """Return what vanishes at or after ``time``, with the residual; frames of shape (H, W, C)."""
    last = len(nodes) - 1
    n = min(max(int(np.searchsorted(nodes, time)), 1), last)
    if n == 1:
        return frames[0]
    share = float(nodes[n] / (nodes[n] - nodes[n - 1]))
    return frames[n] - share * (frames[n] - frames[n - 1])


def shrink(image: np.ndarray, factor: int) -> np.ndarray:
    """Return the means (h, w, C) of blocks of pixels; those at the far ends are completed."""
    height, width, channels = image.shape
    rest = ((0, -height % factor), (0, -width % factor), (0, 0))
    padded = np.pad(image, rest, mode="edge")
    h, w = padded.shape[0] // factor, padded.shape[1] // factor
    return padded.reshape(h, factor, w, factor, channels).mean(axis=(1, 3), dtype=np.float32)
