"""Choose clients so that the labels of a round are balanced.

Lutz, Steidl, Mueller & Samek, *Optimizing federated learning by entropy-based client selection*
(2024): clients have few kinds of labels each. In each round those are chosen, one after the other,
that maximise the entropy of the joint label distribution. A client that was chosen waits until half
of all clients were chosen after it: otherwise the few with two kinds of labels are taken again and
again. Digits of scikit-learn, softmax regression, averaged after local steps (FedAvg).
"""

from __future__ import annotations

import numpy as np

from ..rows import Row

NUM_CLIENTS, NUM_ROUNDS = 100, 40


def clients() -> tuple[list[np.ndarray], np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the clients' indices (sorted by label), training and test data."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    x, y = x[order] / 16, y[order]
    train, test = slice(0, 1400), slice(1400, None)
    parts = np.array_split(np.argsort(y[train], kind="stable"), NUM_CLIENTS)
    return parts, x[train], y[train], x[test], y[test]


def select(
    counts: np.ndarray, number: int, rng: np.random.Generator, balanced: bool, waiting: list[int]
) -> np.ndarray:
    """Return the chosen clients: at random, or greedily by the entropy of all labels."""
    if not balanced:
        return rng.choice(len(counts), number, replace=False)
    order = rng.permutation(np.setdiff1d(np.arange(len(counts)), waiting))  # ties: at random
    chosen = [int(order[0])]
    while len(chosen) < number:
        total = counts[chosen].sum(axis=0) + counts[order]
        share = total / total.sum(axis=1, keepdims=True)
        entropy = -(share * np.log(np.where(share > 0, share, 1))).sum(axis=1)
        entropy[np.isin(order, chosen)] = -1
        chosen.append(int(order[entropy.argmax()]))
    return np.array(chosen)


def train(number: int, balanced: bool, seed: int, steps: int = 20, rate: float = 0.5) -> float:
    """Return the accuracy on the test data after all rounds."""
    parts, x, y, test_x, test_y = clients()
    rng = np.random.default_rng(seed)
    counts = np.array([np.bincount(y[part], minlength=10) for part in parts])
    weights, waiting = np.zeros((65, 10)), list[int]()
    x, test_x = (np.hstack([a, np.ones((len(a), 1))]) for a in (x, test_x))
    for _ in range(NUM_ROUNDS):
        results = []
        chosen = select(counts, number, rng, balanced, waiting[-NUM_CLIENTS // 2 :])
        waiting += [int(client) for client in chosen]
        for client in chosen:
            local, part = weights.copy(), parts[client]
            for _ in range(steps):
                scores = x[part] @ local
                scores = np.exp(scores - scores.max(axis=1, keepdims=True))
                scores /= scores.sum(axis=1, keepdims=True)
                scores[np.arange(len(part)), y[part]] -= 1
                local -= rate * x[part].T @ scores / len(part)
            results.append(local)
        weights = np.mean(results, axis=0)
    return float((np.argmax(test_x @ weights, axis=1) == test_y).mean())


def rows(quick: bool = False) -> list[Row]:
    """Accuracy for 3, 5 and 10 clients a round."""
    cells, met = [], True
    for number, aim in ((3, 0.77), (5, 0.84), (10, 0.91)):
        random, balanced = (
            np.mean([train(number, kind, seed) for seed in range(3 if quick else 10)])
            for kind in (False, True)
        )
        cells.append(f"{random:.2f}/{balanced:.2f}")
        met &= bool(balanced >= aim)
    return [
        Row("federated client selection", "Lutz, Steidl, Müller & Samek 2024",
            "random selection", "3, 5, 10 a round, random/entropy: .67/.77, .78/.84, .86/.91",
            ", ".join(cells), met),
    ]  # fmt: skip
