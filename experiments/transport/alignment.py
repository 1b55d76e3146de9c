"""Gromov-Wasserstein: match clouds without common coordinates, and embed them jointly.

Beier, Piening, Beinert & Steidl, *Joint metric space embedding by unbalanced OT with
Gromov-Wasserstein marginal penalization* (2025), look for a measure on pairs of points of a common
space whose marginals are close to the two data sets as metric spaces. As the penalty grows, this
becomes the embedded Wasserstein distance: the least W2 over all isometric embeddings. That limit is
computed here, in Euclidean space, where the embeddings are rigid motions.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import ot

from ..rows import Row


def distances(x: np.ndarray) -> np.ndarray:
    """Return the matrix of Euclidean distances."""
    return ot.dist(x, x, metric="euclidean")


def match(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return a Gromov-Wasserstein plan (n, n) of two clouds of equal size.

    The quadratic problem is not convex. It starts at the plan that matches points of equal rank in
    eccentricity, the mean distance to all points, which isometries keep.
    """
    n = len(x)
    cx, cy = distances(x), distances(y)
    start = np.zeros((n, n))
    start[np.argsort(cx.mean(1)), np.argsort(cy.mean(1))] = 1 / n
    uniform = np.full(n, 1 / n)
    return ot.gromov.gromov_wasserstein(cx, cy, uniform, uniform, "square_loss", G0=start)


def embed(
    x: np.ndarray, y: np.ndarray, num_iter: int = 200
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return x and y in common coordinates, and their squared Wasserstein distance there.

    Alternates the best rotation for a plan (Procrustes) and the best plan for a rotation. The
    problem is not convex: of the starts (the Gromov-Wasserstein plan, and principal axes matched
    with all signs), the best result is taken. The space has the larger one of the two dimensions.
    """
    d = max(x.shape[1], y.shape[1])
    x, y = (np.pad(a - a.mean(0), ((0, 0), (0, d - a.shape[1]))) for a in (x, y))
    of_x, of_y = (np.linalg.svd(a, full_matrices=False)[2] for a in (x, y))
    turns = [of_x.T @ np.diag(signs) @ of_y for signs in product([-1, 1], repeat=d)]
    starts = [match(x, y), *(ot.emd([], [], ot.dist(x @ turn, y)) for turn in turns)]
    best: tuple[np.ndarray, float] = x, np.inf
    for plan in starts:
        cost = np.inf
        for _ in range(num_iter):
            u, _, vt = np.linalg.svd(x.T @ plan @ y)
            moved = x @ u @ vt
            squares = ot.dist(moved, y)
            plan = ot.emd([], [], squares)
            before, cost = cost, float((plan * squares).sum())
            if cost >= before - 1e-12:
                break
        if cost < best[1]:
            best = moved, cost
    return best[0], y, best[1]


def rows(quick: bool = False) -> list[Row]:
    """Match isometric clouds exactly; compare the embedded distance with its closed form."""
    exact = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        x = rng.standard_normal((40, 3))
        order = rng.permutation(40)
        turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
        plan = match(x, x[order] @ turn + 1)
        exact += bool((order[plan.argmax(axis=1)] == np.arange(40)).all())
    worst = 0.0
    for seed in range(5 if quick else 10):
        rng = np.random.default_rng(seed)
        x = rng.standard_normal((60, 3)) * [2, 1, 0.5]
        x -= x.mean(0)
        axes = np.linalg.eigh(x.T @ x)[1]
        factors = np.array([1.3, 0.8, 1.1])  # along the principal axes
        y = x @ axes @ np.diag(factors) @ np.linalg.qr(rng.standard_normal((3, 3)))[0]
        # any plan costs at least the distance of the covariances; this linear map reaches it
        closed = ((x @ axes * (1 - factors)) ** 2).sum(axis=1).mean()
        worst = max(worst, abs(embed(x, y)[2] / closed - 1))
    return [
        Row("alignment without common coordinates", "Beier, Piening, Beinert & Steidl 2025",
            "isometric clouds: the permutation", "10 of 10 exact", f"{exact} of 10 exact",
            exact == 10),
        Row("joint embedding (embedded Wasserstein distance)",
            "Beier, Piening, Beinert & Steidl 2025",
            "distance of the covariances, closed form", "no figure",
            f"relative error {worst:.1e}", worst < 1e-6),
    ]  # fmt: skip
