"""Denoising by groups of similar patches and the covariance within each group."""

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from ..core.errors import InputError
from ..core.numbers import check_count, check_number
from ..core.progress import Callback, Progress, Reporter
from ..core.symmetric import eigenvectors
from ..core.threads import resolve_num_threads, run_all
from .arguments import prepare
from .problem import Problem

_AT_ONCE = 200_000  # points of all patches of the groups that are computed together
_MEAN_ITERATIONS = 10
_SIMILAR = 40  # patches in each group


def denoise_nl_bayes(
    image: Any,
    sigma: float,
    manifold: Any,
    *,
    patch_size: int = 4,
    patch_distance: int = 9,
    num_threads: int | None = None,
    on_step: Callback | None = None,
) -> Any:
    """Denoise an image of phases, directions, rotations or tensors by groups of similar patches.

    For each patch, the 40 patches nearest to it in its surroundings form a group. In
    the tangent space at the mean patch m of the group, with the logarithms y of the patches and
    their covariance S, each patch becomes

        exp_m((S - sigma^2) S^-1 y),

    where eigenvalues of S that noise alone explains are set to zero. A second pass finds the
    groups and S in the result of the first and applies S (S + sigma^2)^-1 to the noisy image. All
    estimates of a pixel are averaged on the manifold.

    It keeps slopes and repeated structure better than total variation, which flattens them;
    nothing is certified about the result.

    Parameters
    ----------
    image, manifold
        As for `denoise`. Each axis of space must be at least as long as a patch.
    sigma : float
        Standard deviation of the noise in each direction of the tangent space, from 1e-12 to 1e12:
        if the noise moves points by the distance r on average, r / sqrt(dimension) is close to it.
    patch_size : int
        Pixels along each axis of a patch.
    patch_distance : int
        Largest distance in pixels, along each axis, at which similar patches are looked for.
    num_threads : int, optional
        As in `steepest.Solver`.
    on_step : callable, optional
        Called with a `Progress` after each of several parts of a pass. If it returns True, the
        result is that of the last complete pass, or ``image`` during the first.

    Returns
    -------
    array or tensor of the shape and dtype of ``image``

    Raises
    ------
    InputError
        Bad image or options, or an image with fewer than two patches.

    Notes
    -----
    Laus, Nikolova, Persch & Steidl, SIAM J. Imaging Sci. 10 (2017) 416-448 (arXiv:1607.08481); for
    real numbers, Lebrun, Buades & Morel, SIAM J. Imaging Sci. 6 (2013) 1665-1688.
    """
    reporter = Reporter(on_step)
    problem, to_image = prepare(image, 0.0, manifold, num_threads=resolve_num_threads(num_threads))
    noisy = problem.data
    sigma = check_number(sigma, "sigma", least=1e-12, most=1e12)
    patch_size = check_count(patch_size, "patch_size")
    patch_distance = check_count(patch_distance, "patch_distance")
    if min(problem.space) < patch_size or max(problem.space) == patch_size:
        raise InputError(
            f"image of shape {np.shape(image)} must hold at least two patches "
            f"(patch_size={patch_size})"
        )
    patches = _Patches(problem.space, patch_size, patch_distance)
    first = _filter(problem, patches, noisy, None, sigma, reporter)
    result = None if first is None else _filter(problem, patches, noisy, first, sigma, reporter)
    return to_image(next(x for x in (result, first, noisy) if x is not None))


@dataclass(frozen=True)
class _Patches:
    """The patches of an image, each named by its first pixel."""

    space: tuple[int, ...]
    size: int
    reach: int

    @property
    def offsets(self) -> np.ndarray:
        """Pixels of a patch relative to the first (P,)."""
        index = np.arange(np.prod(self.space)).reshape(self.space)
        return index[(slice(0, self.size),) * index.ndim].ravel()

    @property
    def references(self) -> np.ndarray:
        """Places (G, axes) of overlapping patches that cover the image."""
        step = max(self.size // 2, 1)
        axes = [np.unique([*range(0, n - self.size, step), n - self.size]) for n in self.space]
        return np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(axes))

    def groups(self, problem: Problem, points: np.ndarray) -> np.ndarray:
        """Return the patches most similar to each reference (G, K), itself first."""
        places, shape = self.references, np.array(self.space) - self.size + 1
        points = points.reshape(*self.space, *problem.manifold.point_shape)
        halves = [range(-min(self.reach, n - 1), min(self.reach, n - 1) + 1) for n in shape]
        moves = [move for move in product(*halves) if move > (0,) * len(move)]
        moves = [(0,) * len(shape), *moves]
        table = np.full((2 * len(moves) - 1, len(places)), np.inf)
        table[0] = -1.0

        def compare(first: int) -> None:
            for k in range(first, len(moves), problem.num_threads):
                here, there = _overlap(moves[k]), _overlap(tuple(-m for m in moves[k]))
                x, y = (
                    np.ascontiguousarray(points[part]).reshape(-1, *problem.manifold.point_shape)
                    for part in (here, there)
                )
                inside = points[here].shape[: len(shape)]
                squares = problem.manifold.distance(x, y).reshape(inside) ** 2
                if min(inside) < self.size:
                    continue
                for row, part in ((2 * k - 1, here), (2 * k, there)):
                    every = np.full(shape, np.inf)
                    every[part] = _box_sums(squares, self.size)
                    table[row] = every[tuple(places.T)]

        if len(moves) > 1:
            run_all(lambda k: compare(k + 1), range(problem.num_threads))
        signed = np.array([moves[0], *(s for m in moves[1:] for s in (m, tuple(-i for i in m)))])
        least = int(np.isfinite(table).sum(0).min())
        nearest = np.argsort(table, axis=0, kind="stable")[: min(_SIMILAR, least)]
        found = places[:, None] + signed[nearest.T]
        return np.ravel_multi_index(tuple(np.moveaxis(found, -1, 0)), self.space)


def _overlap(move: tuple[int, ...]) -> tuple[slice, ...]:
    """Return the pixels that stay inside the image if moved."""
    return tuple(slice(max(-m, 0), -m if m > 0 else None) for m in move)


def _box_sums(values: np.ndarray, size: int) -> np.ndarray:
    for axis in range(values.ndim):
        windows = np.lib.stride_tricks.sliding_window_view(values, size, axis)
        values = windows.sum(-1)
    return values


def _filter(
    problem: Problem, patches: _Patches, noisy: np.ndarray, guide: np.ndarray | None, sigma: float,
    reporter: Reporter,
) -> np.ndarray | None:  # fmt: skip
    """One pass, None if it was stopped. Groups and covariances are those of ``guide``, if any."""
    manifold, source = problem.manifold, noisy if guide is None else guide
    groups = patches.groups(problem, source)
    pixels = (groups[:, None, :] + patches.offsets[:, None]).astype(np.intp)  # (G, P, K)
    size = max(_AT_ONCE // pixels[0].size, 1)
    blocks = [pixels[k : k + size] for k in range(0, len(pixels), size)]
    means = [_means(problem, source, block, sigma) for block in blocks]
    base = source.copy()
    for block, mean in zip(blocks, means, strict=True):
        base[block[:, :, 0].ravel()] = mean
    total = np.zeros((manifold.dimension + 1, len(base)))
    for block, mean in zip(blocks, means, strict=True):
        centre, members = np.repeat(mean, block.shape[2], axis=0), block.ravel()
        y = problem.pointwise(manifold.log, centre, noisy[members])
        clean = y if guide is None else problem.pointwise(manifold.log, centre, guide[members])
        y, clean = _rows(y / sigma, block.shape), _rows(clean / sigma, block.shape)
        cuts = [len(y) * k // problem.num_threads for k in range(problem.num_threads + 1)]

        def shrunk(k: int, y: np.ndarray = y, clean: np.ndarray = clean, at: Any = cuts) -> Any:
            part = slice(at[k], at[k + 1])
            return _shrink(y[part], clean[part], guide is None)

        y = sigma * np.concatenate(run_all(shrunk, range(problem.num_threads)))
        y = y.reshape(len(y), block.shape[2], block.shape[1], -1).transpose(0, 2, 1, 3)
        y = np.ascontiguousarray(y).reshape(-1, manifold.dimension)
        moves = problem.pointwise(
            manifold.log, base[members], problem.pointwise(manifold.exp, centre, y)
        )
        columns = [np.bincount(members, move, len(base)) for move in moves.T]
        total += [*columns, np.bincount(members, minlength=len(base))]
        if reporter(Progress(0, 2 * len(blocks))):
            return None
    return manifold.exp(base, np.ascontiguousarray((total[:-1] / total[-1]).T))


def _rows(y: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Bring tangents of (G, P, K) pixels to the form (G, K, P d)."""
    groups, size, count = shape
    return y.reshape(groups, size, count, -1).transpose(0, 2, 1, 3).reshape(groups, count, -1)


def _means(problem: Problem, points: np.ndarray, pixels: np.ndarray, sigma: float) -> np.ndarray:
    """Return the mean patches of groups of pixels (G, P, K), as (G P) points."""
    count = pixels.shape[2]
    members, mean = points[pixels.ravel()], points[pixels[:, :, 0].ravel()]
    for _ in range(_MEAN_ITERATIONS):
        y = problem.pointwise(problem.manifold.log, np.repeat(mean, count, axis=0), members)
        move = y.reshape(len(mean), count, -1).mean(1)
        mean = problem.manifold.exp(mean, move)
        if np.abs(move).max() < 1e-3 * sigma:
            break
    return mean


def _shrink(y: np.ndarray, clean: np.ndarray, first: bool) -> np.ndarray:
    """Filter groups (G, K, D), with noise of deviation 1, by the covariance of ``clean`` (first
    pass: y).
    """
    count, length = y.shape[1:]
    turned = clean.transpose(0, 2, 1)
    covariance = (clean @ turned if count < length else turned @ clean) / (count - 1)
    values, vectors = np.empty(covariance.shape[:2]), np.empty_like(covariance)
    eigenvectors(covariance, values, vectors)
    if count < length:
        scale = np.sqrt((count - 1) * np.maximum(values, 1e-12))
        vectors = turned @ vectors / scale[:, None]
    if first:  # pure noise has sample eigenvalues up to this edge (Marchenko and Pastur)
        edge = (1 + np.sqrt(length / count)) ** 2
        kept = np.where(values > edge, 1 - 1 / np.maximum(values, 1), 0)
    else:
        values = np.maximum(values, 0)
        kept = values / (values + 1)
    return (y @ vectors * kept[:, None]) @ vectors.transpose(0, 2, 1)
