"""Expectation-maximisation for mixtures of Gaussians of low rank, with an M-step in closed form."""

from dataclasses import replace

import numpy as np

from ..core.progress import Reporter
from ..core.solver import Limits
from ..core.symmetric import eigenvectors
from ..core.threads import share_out
from .grid import Patches
from .kernels import moments
from .model import PatchModel, log_sum
from .tables import make_tables, scores_of

_LLOYD = 8  # steps of the k-means start
_LLOYD_PATCHES = 20_000
_NEGLIGIBLE = 1e-9  # responsibilities below this do not count
_PIECE = 4096  # patches of a piece of the E-step
_FEWEST = 2.0  # patches with which a component is not empty


def fit_mixture(
    x: np.ndarray, num_components: int, rank: int, noise: float | None, own: Limits,
    rng: np.random.Generator, reporter: Reporter,
) -> PatchModel:  # fmt: skip
    """Fit a mixture to vectors (n, d), a model of patches of d pixels that keeps their means.

    ``noise`` is the standard deviation outside of the principal directions; None: that of each
    component is fitted.
    """
    share = _nearest_centres(x, num_components, rng)
    floor = 1e-6 * max(float(x.var()), 1e-30) if noise is None else noise**2
    model = maximise(x, share, rank, floor, noise is None, own.threads)
    history: list[float] = []
    for _ in range(own.max_num_iter):
        share, values = _expect(x, model, own.threads)
        history.append(float(values.mean()))
        if reporter.residual(-history[-1], own.max_num_iter):
            break
        if len(history) > 1 and history[-1] - history[-2] <= own.tol:
            break
        share = _refill(share, values)
        model = maximise(x, share, rank, floor, noise is None, own.threads)
    return replace(model, history=tuple(history))


def _nearest_centres(x: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """k-means++: return a one in the column of the nearest centre, (n, K)."""
    some = x if len(x) <= _LLOYD_PATCHES else x[rng.permutation(len(x))[:_LLOYD_PATCHES]]
    centres = _spread_centres(some, count, rng)
    for _ in range(_LLOYD):
        own, distance = _nearest(some, centres)
        counts = np.bincount(own, minlength=count)
        order = np.argsort(own, kind="stable")
        ends = np.cumsum(counts)
        worst = iter(np.argsort(-distance, kind="stable"))
        for k in range(count):
            part = order[ends[k] - counts[k] : ends[k]]
            centres[k] = some[part].mean(0) if len(part) else some[next(worst)]
    own, _ = _nearest(x, centres)
    return _members(own, count)


def _spread_centres(x: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw patches with a probability that grows with the squared distance to those drawn."""
    chosen = [int(rng.integers(len(x)))]
    least = np.full(len(x), np.inf)
    for _ in range(count - 1):
        off = x - x[chosen[-1]]
        least = np.minimum(least, np.einsum("ij,ij->i", off, off))
        sums = np.cumsum(least)
        drawn = int(np.searchsorted(sums, rng.random() * sums[-1], side="right"))
        chosen.append(min(drawn, len(x) - 1))
    return x[chosen]


def _members(own: np.ndarray, count: int) -> np.ndarray:
    share = np.zeros((len(own), count), order="F")
    share[np.arange(len(own)), own] = 1
    return share


def _nearest(x: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    own, least = np.empty(len(x), np.int64), np.empty(len(x))
    half = (centres * centres).sum(1) / 2
    for a in range(0, len(x), _PIECE):
        part = x[a : a + _PIECE]
        table = half - np.einsum("ij,kj->ik", part, centres)
        own[a : a + _PIECE] = table.argmin(1)
        least[a : a + _PIECE] = 2 * table.min(1) + (part * part).sum(1)
    return own, least


def _expect(x: np.ndarray, model: PatchModel, num_threads: int) -> tuple[np.ndarray, np.ndarray]:
    """The responsibilities (n, K) and the log-likelihood of each patch."""
    pieces = [slice(a, a + _PIECE) for a in range(0, len(x), _PIECE)]
    share, values = np.empty((len(x), model.num_components), order="F"), np.empty(len(x))

    tables = make_tables(model, np.float64)
    grid = Patches((len(x),), x.shape[1], np.arange(len(x)) * x.shape[1], np.arange(x.shape[1]))

    def work(piece: slice) -> None:
        scores = scores_of(x.ravel(), grid, piece, tables)
        values[piece] = log_sum(scores)
        share[piece] = np.exp(scores - values[piece, None])

    share_out(lambda: work, pieces, num_threads)
    return share, values


def _refill(share: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Give each empty component the patches that are explained worst."""
    missing = np.flatnonzero(share.sum(0) < _FEWEST)
    if len(missing) == 0:
        return share
    size = max(len(share) // (2 * share.shape[1]), 2)
    worst = np.argsort(values, kind="stable")
    for turn, k in enumerate(missing):
        part = worst[turn * size : (turn + 1) * size]
        share[:, k] = 0
        share[part] = 0
        share[part, k] = 1
    return share


def maximise(
    x: np.ndarray, share: np.ndarray, rank: int, floor: float, own: bool, num_threads: int
) -> PatchModel:  # fmt: skip
    """The M-step: for each component the eigenvectors of the largest eigenvalues.

    They minimise ``log det(U^T S U) - tr(U^T S U) / residual`` (docs/patches_methods). If ``own``,
    the residual of each component is the mean of its other eigenvalues, at least ``floor``.
    """
    d, count = x.shape[1], share.shape[1]
    totals = share.sum(0)
    means, bases = np.zeros((count, d)), np.zeros((count, rank, d))
    variances, residuals = np.empty((count, rank)), np.empty(count)

    def work(k: int) -> None:
        part = np.flatnonzero(share[:, k] > _NEGLIGIBLE)
        weight = share[part, k]
        if len(part) == 0:  # the start found fewer clusters than asked for
            part, weight = np.arange(len(x)), np.ones(len(x))
        weight = weight / weight.sum()
        matrix = np.zeros((d, d))
        moments(x, part, weight, means[k], matrix)
        values, vectors = sorted_eigenvectors(matrix)
        rest = values[rank:].mean() if rank < d else 0.0
        residuals[k] = max(float(rest), floor) if own else floor
        variances[k] = np.maximum(values[:rank], residuals[k])
        bases[k] = vectors[:rank]

    share_out(lambda: work, range(count), num_threads)
    weights = np.maximum(totals, 1e-8 * len(x))
    return PatchModel(
        weights / weights.sum(), means, bases, variances, residuals, (d,), remove_mean=False
    )


def sorted_eigenvectors(upper: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues in decreasing order, and eigenvectors as rows; of the upper triangle."""
    matrix = np.triu(upper) + np.triu(upper, 1).T
    values, vectors = np.empty((1, len(matrix))), np.empty((1, *matrix.shape))
    eigenvectors(matrix[None], values, vectors)
    order = np.argsort(-values[0], kind="stable")
    return values[0, order], vectors[0].T[order]
