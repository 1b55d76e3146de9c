"""The joint distribution of two variables from blocks whose pairs are lost.

Beier, Bi, Sarrazin, Schmitzer & Steidl, *Transfer operators from batches of unpaired points via
entropic transport kernels* (2024): N blocks of M pairs (x, y) are given, but within each block the
order of the y is unknown. The likelihood of a block is the permanent of the M x M matrix of joint
probabilities, over M!. Here both variables have finitely many states, so nothing but the order is
lost, and the expectation step of EM is exact for small blocks. For larger blocks it is replaced by
a doubly stochastic scaling (Sinkhorn), which is the entropic approximation.
"""

from __future__ import annotations

from itertools import permutations

import numpy as np

from ..rows import Row


def draw(joint: np.ndarray, num_blocks: int, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return states x and y (num_blocks, size); pairs are lost by sorting y in each block."""
    rng = np.random.default_rng(seed)
    pairs = rng.choice(joint.size, (num_blocks, size), p=joint.ravel())
    x, y = np.divmod(pairs, joint.shape[1])
    return x, np.sort(y, axis=1)


def pairing(matrices: np.ndarray) -> np.ndarray:
    """Return the probability that i belongs to j, (N, M, M), for each block, exactly."""
    size = matrices.shape[-1]
    orders = np.array(list(permutations(range(size))))
    products = np.prod(matrices[:, np.arange(size), orders], axis=2)  # (N, M!)
    products /= products.sum(axis=1, keepdims=True)
    hits = orders[:, :, None] == np.arange(size)  # (M!, M, M)
    return np.tensordot(products, hits, axes=1)


def scaling(matrices: np.ndarray, num_iter: int = 50) -> np.ndarray:
    """Return the doubly stochastic scaling of each matrix."""
    plan = matrices.copy()
    for _ in range(num_iter):
        plan /= plan.sum(axis=2, keepdims=True)
        plan /= plan.sum(axis=1, keepdims=True)
    return plan


def estimate(
    x: np.ndarray, y: np.ndarray, shape: tuple[int, int], exact: bool, num_iter: int = 300
) -> np.ndarray:
    """Return the joint probabilities of greatest likelihood by EM."""
    rng = np.random.default_rng(0)
    joint: np.ndarray = rng.uniform(0.9, 1.1, shape)
    joint /= joint.sum()
    index = x[:, :, None] * shape[1] + y[:, None, :]
    for _ in range(num_iter):
        share = (pairing if exact else scaling)(joint.ravel()[index])
        joint = np.bincount(index.ravel(), share.ravel(), joint.size).reshape(shape)
        joint = np.maximum(joint / joint.sum(), 1e-12)
    return joint


def truth(states: int = 5) -> np.ndarray:
    """Return a joint distribution: y is near a nonlinear function of x."""
    x, y = np.mgrid[:states, :states] / (states - 1)
    joint = np.exp(-((y - 4 * x * (1 - x)) ** 2) / 0.08) + 0.02
    return joint / joint.sum()


def rows(quick: bool = False) -> list[Row]:
    """Total variation distance to the truth, beside paired and independent estimates."""
    joint = truth()
    pairs = 8000
    variation = {}
    for size, exact in ((4, True), (8, False)):
        x, y = draw(joint, pairs // size, size, seed=0)
        found = estimate(x, y, joint.shape, exact, 100 if quick else 300)
        variation[size] = abs(found - joint).sum() / 2
    rng = np.random.default_rng(0)
    paired = np.bincount(rng.choice(joint.size, pairs, p=joint.ravel()), minlength=joint.size)
    best = abs(paired.reshape(joint.shape) / pairs - joint).sum() / 2
    alone = abs(np.outer(joint.sum(1), joint.sum(0)) - joint).sum() / 2
    return [
        Row("transfer operator from unpaired batches",
            "Beier, Bi, Sarrazin, Schmitzer & Steidl 2024",
            f"paired: {best:.3f}, independent: {alone:.2f} (total variation)",
            "blocks of 4: .025; of 8, Sinkhorn: .14",
            f"blocks of 4: {variation[4]:.3f}; of 8, Sinkhorn: {variation[8]:.3f}",
            variation[4] <= 0.025 and variation[8] <= 0.14),
    ]  # fmt: skip
