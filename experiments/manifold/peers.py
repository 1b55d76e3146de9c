"""Simple methods beside the variational ones: local means, Goldstein's filter, unwrapping."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse import csgraph
from skimage.restoration import denoise_tv_chambolle, unwrap_phase

from steepest import CombinedTotalVariation, Solver
from steepest.manifold import Rotations, denoise
from steepest.manifold.symmetry import multiply

from .cases import Case
from .model import groups
from .phantoms import wrap

Method = Callable[[], np.ndarray]


def peers(case: Case) -> Iterator[tuple[str, list[Method]]]:
    """Names, and the method with each of the settings to choose from."""
    f, name = case.noisy, type(case.manifold).__name__
    if name == "Circle":
        yield "boxcar of the complex image", [partial(boxcar, f, k) for k in (3, 5, 7)]
        yield "Gaussian of the complex image", [partial(gaussian, f, s) for s in (0.7, 1, 1.5, 2)]
        yield "Goldstein", [partial(goldstein, f, a) for a in (0.4, 0.6, 0.8, 1.0)]
        yield (
            "scikit-image `unwrap_phase`, `denoise_tv_chambolle`",
            [partial(unwrapped, f, w) for w in (0.2, 0.3, 0.4, 0.6)],
        )
    else:
        radii = (0.05, 0.1) if name == "Rotations" else (0.5, 1.0, 2.0, 9.0)
        yield (
            "means of 3 and 5 pixels per axis, within a distance",
            [partial(local_mean, case, k, r) for k in (3, 5) for r in radii],
        )


def boxcar(f: np.ndarray, size: int) -> np.ndarray:
    """The phase of the mean of exp(i f) over squares."""
    z = np.exp(1j * f)
    return np.angle(
        ndimage.uniform_filter(z.real, size) + 1j * ndimage.uniform_filter(z.imag, size)
    )


def gaussian(f: np.ndarray, sigma: float) -> np.ndarray:
    """The same with Gaussian weights."""
    z = np.exp(1j * f)
    return np.angle(
        ndimage.gaussian_filter(z.real, sigma) + 1j * ndimage.gaussian_filter(z.imag, sigma)
    )


def goldstein(f: np.ndarray, power: float, size: int = 32, step: int = 8) -> np.ndarray:
    """Spectra of overlapping blocks times the power of their smoothed magnitude.

    Goldstein & Werner, Geophys. Res. Lett. 25 (1998) 4035-4038.
    """
    z = np.exp(1j * np.pad(f, size, mode="reflect"))
    total = np.zeros_like(z)
    hat = 1 - np.abs(np.arange(size) - (size - 1) / 2) / (size / 2)
    window = np.outer(hat, hat)
    for i in range(0, z.shape[0] - size + 1, step):
        for j in range(0, z.shape[1] - size + 1, step):
            block = np.fft.fft2(z[i : i + size, j : j + size])
            weight = ndimage.uniform_filter(np.abs(block), 3, mode="wrap") ** power
            total[i : i + size, j : j + size] += window * np.fft.ifft2(block * weight)
    return np.angle(total[size:-size, size:-size])


def unwrapped(f: np.ndarray, weight: float) -> np.ndarray:
    """Unwrap, denoise as numbers, wrap."""
    return wrap(denoise_tv_chambolle(unwrap_phase(f), weight, eps=1e-5, max_num_iter=500))


def local_mean(case: Case, size: int, radius: float) -> np.ndarray:
    """``exp_x`` of the mean of the logarithms of all neighbours within a distance."""
    manifold, space = case.manifold, case.space
    x, index = case.flat(case.noisy), np.arange(np.prod(space)).reshape(space)
    padded = np.pad(index, size // 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size,) * len(space))
    total, count = 0.0, 0.0
    for column in windows.reshape(len(x), -1).T:
        logs = manifold.log(x, x[column])
        near = np.linalg.norm(logs, axis=1, keepdims=True) <= radius
        total, count = total + near * logs, count + near
    return np.asarray(manifold.exp(x, total / count))


def embedded(case: Case, first: float, second: float, norm: str, solver: Solver) -> np.ndarray:
    """`denoise` of `chosen` in the embedding."""
    image, manifold = chosen(case)
    energy = CombinedTotalVariation(alpha=first, beta=second, norm=norm)
    return denoise(image, 1.0, manifold, energy, embedded=True, solver=solver).image


def chosen(case: Case) -> tuple[np.ndarray, Any]:
    """The image and a manifold with an embedding: orientations get `aligned` representatives."""
    if isinstance(case.manifold, Rotations):
        return aligned(case), Rotations()
    return case.noisy, case.manifold


def aligned(case: Case) -> np.ndarray:
    """Representatives that agree along a tree of smallest misorientations."""
    manifold, q = case.manifold, case.flat(case.noisy).copy()
    i, j = np.concatenate([g.pixels for g in groups(case.space, 1.0)]).T
    apart = manifold.distance(q[i], q[j]) + 1e-9
    tree = csgraph.minimum_spanning_tree(sparse.coo_array((apart, (i, j)), (len(q), len(q))))
    order, before = csgraph.breadth_first_order(tree, 0, directed=False)
    depth = np.zeros(len(q), int)
    for k in order[1:]:
        depth[k] = depth[before[k]] + 1
    for level in range(1, depth.max() + 1):
        here = np.flatnonzero(depth == level)
        every = multiply(q[here, None], manifold.operators)
        cosine = np.einsum("nk,nmk->nm", q[before[here]], every)
        rows, best = np.arange(len(here)), np.abs(cosine).argmax(1)
        q[here] = np.copysign(1.0, cosine[rows, best])[:, None] * every[rows, best]
    return q.reshape(case.noisy.shape)
