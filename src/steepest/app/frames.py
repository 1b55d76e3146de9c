"""What frames of a flow tell before it has ended: low-pass images, and the ruler under the cursor.

With frames ``u_0 .. u_N`` at nodes ``0 = t_0 < .. < t_N``, all that vanishes from node n on, plus
the residual, is the line through two frames continued to time 0:

    L_n = u_n - t_n (u_n - u_{n-1}) / (t_n - t_{n-1}).

L_1 is the image and L_N the residual. Bands with gains g_0 .. g_{B-1} and a residual with gain g_B
add up to ``g_0 L_0 + sum_k (g_k - g_{k-1}) L_k``, where L_k belongs to the k-th edge.

The flow separates contrast and size. A disc of contrast c and radius r vanishes at time
``t = r |c| / 2`` and appears in the transform as a mass of height c at that time. Where the mass at
a pixel peaks at time t with height c, the radius is therefore about ``2 t / |c|``.
"""

from collections.abc import Sequence

import numpy as np

from ..flows.noise import estimate_noise

_NEIGHBOURS = 4  # nodes on either side over which a peak is summed
_FAINTEST = 0.02  # smallest contrast shown, as a share of the range
_ABOVE_NOISE = 1.25  # and as a multiple of the noise, which gives up to 1.15 in each channel


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


def measure(
    nodes: Sequence[float], frames: Sequence[np.ndarray], x: int, y: int, least: float
) -> tuple[float, float, float] | None:
    """Return time, contrast and radius (in pixels) of the strongest structure at a pixel.

    Masses are averaged over 3 x 3 pixels; contrasts below ``least`` are None.
    """
    if len(nodes) < 3:
        return None
    area = (slice(max(y - 1, 0), y + 2), slice(max(x - 1, 0), x + 2))
    values = np.array([frame[area].mean(axis=(0, 1), dtype=np.float64) for frame in frames])
    times = np.asarray(nodes)
    velocity = np.diff(values, axis=0) / np.diff(times)[:, None]
    masses = times[1:-1, None] * np.diff(velocity, axis=0)
    sums = np.cumsum(np.pad(masses, ((_NEIGHBOURS + 1, _NEIGHBOURS), (0, 0))), axis=0)
    width = 2 * _NEIGHBOURS + 1
    heights = np.linalg.norm(sums[width:] - sums[:-width], axis=1)
    peak = int(np.argmax(heights))
    contrast = float(heights[peak])
    if contrast < least:
        return None
    near = slice(max(peak - _NEIGHBOURS, 0), peak + _NEIGHBOURS + 1)
    weights = np.linalg.norm(masses[near], axis=1)
    time = float(np.average(times[1:-1][near], weights=weights))
    return time, contrast, 2 * time / contrast


def least_contrast(values: np.ndarray, limits: tuple[float, float]) -> float:
    """Return the contrast below which a structure of an image (H, W, C) may be noise."""
    noise = estimate_noise(values, channel_axis=-1) * float(np.sqrt(values.shape[2]))
    return max(_FAINTEST * (limits[1] - limits[0]), _ABOVE_NOISE * noise)
