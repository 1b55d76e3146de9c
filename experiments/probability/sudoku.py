"""Flows on spheres and masked models on 4 x 4 Sudoku, where everything is known exactly.

Chemseddine, Kornhardt & Steidl, *Spherical flows for sampling categorical data* (2026), and
Kornhardt, Chemseddine, Wald & Steidl, *Self-aware Markov models for discrete reasoning* (2026).
There are 288 grids. A network would learn the posterior of the cells; here it is the exact sum over
all grids, so that what is left is the error of the method.

Sphere: each cell is a point of the sphere in R^4 near one of the four unit vectors. The path of von
Mises-Fisher distributions has the concentration kappa from 0 (uniform noise) upwards. By symmetry
its velocity moves only the cosine c to the cell's vector; with F the distribution function of c at
kappa, ``dc/dkappa = -(dF/dkappa) / (dF/dc)``.

Masks: several cells are drawn at once from their marginals, which need not fit together. With
remasking, cells that the other cells make impossible are masked again.
"""

from __future__ import annotations

from itertools import permutations

import numpy as np
from scipy.interpolate import RectBivariateSpline

from ..rows import Row

KAPPA = 30.0  # the last concentration: a cell is within 0.6 of its vector


def all_grids() -> np.ndarray:
    """Return the 288 grids (288, 16) with the values 0 to 3; rows are added one by one."""
    lines = np.array(list(permutations(range(4))))
    partial = [np.zeros((0, 4), int)]
    for row in range(4):
        grown = []
        for top in partial:
            for line in lines:
                if (top == line).any():
                    continue
                above = set(top[-1][:2]) if row % 2 else set()
                if above & set(line[:2]):
                    continue
                grown.append(np.vstack([top, line]))
        partial = grown
    return np.array(partial).reshape(-1, 16)


def speed_table(num_angles: int = 801, num_kappa: int = 301) -> RectBivariateSpline:
    """Return d(angle)/d(kappa) as a function of (kappa, angle), for the sphere in R^4.

    The angle has the density ``exp(kappa cos a) sin^2 a``, so the speed is
    ``-int_0^a (cos s - A) exp(kappa (cos s - cos a)) sin^2 s ds / sin^2 a`` with the mean A of cos.
    """
    angle = np.linspace(0, np.pi, num_angles)
    kappa = np.linspace(0, KAPPA, num_kappa)
    table = np.zeros((num_kappa, num_angles))
    nodes, weights = np.polynomial.legendre.leggauss(8)
    h = angle[1]
    s = (angle[:-1, None] + h * (nodes + 1) / 2).ravel()
    w = np.tile(h / 2 * weights, num_angles - 1)
    for i, k in enumerate(kappa):
        mass = np.exp(k * (np.cos(s) - 1)) * np.sin(s) ** 2 * w
        mean = (mass * np.cos(s)).sum() / mass.sum()
        part = (mass * (np.cos(s) - mean)).reshape(num_angles - 1, -1).sum(axis=1)
        # from the pole, or from the other end where that is smaller: both sums are the same
        below = np.concatenate([[0], np.cumsum(part)])
        above = np.concatenate([np.cumsum(part[::-1])[::-1], [0]])
        flux = np.where(angle < np.arccos(mean), below, -above)
        density = np.exp(k * (np.cos(angle) - 1)) * np.sin(angle) ** 2
        table[i, 1:-1] = -flux[1:-1] / density[1:-1]
    return RectBivariateSpline(kappa, angle, table)


def quantile_error(speed: RectBivariateSpline, num_steps: int = 300) -> float:
    """Return by how much quantiles of the angle change their level along the flow."""
    level = np.linspace(0.05, 0.95, 19)

    def distribution(a: np.ndarray, kappa: float) -> np.ndarray:
        s = np.linspace(0, np.pi, 200_001)
        mass = np.exp(kappa * (np.cos(s) - 1)) * np.sin(s) ** 2
        total = np.concatenate([[0], np.cumsum((mass[1:] + mass[:-1]) / 2)])
        return np.interp(a, s, total / total[-1])

    s = np.linspace(0, np.pi, 200_001)
    a = np.interp(level, (s - np.sin(s) * np.cos(s)) / np.pi, s)
    step = KAPPA / num_steps
    for i in range(num_steps):
        k = i * step
        k1 = speed.ev(k, a)
        k2 = speed.ev(k + step / 2, a + step / 2 * k1)
        k3 = speed.ev(k + step / 2, a + step / 2 * k2)
        k4 = speed.ev(k + step, a + step * k3)
        a = a + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return float(abs(distribution(a, KAPPA) - level).max())


def sample_spheres(
    speed: RectBivariateSpline, known: np.ndarray, number: int, num_steps: int, seed: int
) -> np.ndarray:
    """Return grids (number, 16) from the flow with the exact posterior velocity."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((number, 16, 4))
    x /= np.linalg.norm(x, axis=2, keepdims=True)
    ones = np.eye(4)[known]  # (288, 16, 4)

    def cells(x: np.ndarray, kappa: float) -> np.ndarray:
        """Return the posterior probabilities of each cell's values, (number, 16, 4)."""
        score = kappa * np.einsum("nik,gik->ng", x, ones)
        share = np.exp(score - score.max(axis=1, keepdims=True))
        share /= share.sum(axis=1, keepdims=True)
        return np.einsum("ng,gik->nik", share, ones)

    def velocity(x: np.ndarray, kappa: float) -> np.ndarray:
        angle = np.arccos(np.clip(x, -1, 1))  # to each of the four vectors
        rate = -speed.ev(kappa, angle) / np.maximum(np.sin(angle), 1e-9)
        # sum_k p_k rate_k (e_k - c_k x)
        pull = cells(x, kappa) * rate
        return pull - (pull * x).sum(axis=2, keepdims=True) * x

    kappas = KAPPA * np.linspace(0, 1, num_steps + 1) ** 2
    for k, after in zip(kappas[:-1], kappas[1:], strict=True):
        h = after - k
        first = velocity(x, k)
        ahead = x + h * first
        ahead /= np.linalg.norm(ahead, axis=2, keepdims=True)
        x = x + h / 2 * (first + velocity(ahead, after))
        x /= np.linalg.norm(x, axis=2, keepdims=True)
    return cells(x, KAPPA).argmax(axis=2)


def sample_masked(
    known: np.ndarray, number: int, at_once: int, remask: bool, seed: int, max_rounds: int = 30
) -> np.ndarray:
    """Return grids (number, 16) drawn ``at_once`` cells a round, -1 where nothing fits."""
    rng = np.random.default_rng(seed)
    out = np.full((number, 16), -1)
    for cells in out:
        for _ in range(max_rounds if remask else 16):
            free = np.flatnonzero(cells < 0)
            if not len(free):
                break
            fits = known[(known[:, cells >= 0] == cells[cells >= 0]).all(axis=1)]
            if len(fits):
                for cell in rng.permutation(free)[:at_once]:
                    cells[cell] = rng.choice(fits[:, cell])  # from its marginal
            elif not remask:
                break
            if remask:
                cells[conflicting(known, cells)] = -1
    return out


def conflicting(known: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Return the cells that the others contradict: none if some grid has all the values.

    Otherwise those that differ from a grid with the most agreements, the smallest set to mask.
    """
    shown = cells >= 0
    differ = (known != cells) & shown
    return differ[differ.sum(axis=1).argmin()]


def valid(known: np.ndarray, found: np.ndarray) -> tuple[float, float]:
    """Return the share of valid grids, and their chi-square per degree of freedom."""
    code = 4 ** np.arange(16)
    index = {int(key): i for i, key in enumerate(known @ code)}
    hits = [index[key] for key in (found @ code).tolist() if key in index]
    counts = np.bincount(hits, minlength=len(known))
    expected = len(hits) / len(known)
    chi = ((counts - expected) ** 2 / expected).sum() / (len(known) - 1) if hits else np.nan
    return len(hits) / len(found), float(chi)


def rows(quick: bool = False) -> list[Row]:
    """The radial equation, sampling in ten steps, and masked models."""
    known = all_grids()
    speed = speed_table()
    error = quantile_error(speed)
    share, chi = valid(known, sample_spheres(speed, known, 2000 if quick else 6000, 10, 0))
    plain, again = (
        [
            valid(known, sample_masked(known, 300 if quick else 1000, m, remask, 0))[0]
            for m in (2, 4, 8)
        ]
        for remask in (False, True)
    )
    text = [", ".join(f"{100 * value:.3g}" for value in values) for values in (plain, again)]
    return [
        Row("spherical flow: radial equation", "Chemseddine, Kornhardt & Steidl 2026",
            "quantiles keep their level", "5e-7", f"{error:.0e}", error <= 5e-7),
        Row("spherical flow: 4 x 4 Sudoku in 10 steps", "Chemseddine, Kornhardt & Steidl 2026",
            "all 288 grids, uniform", "100 % valid, chi-square per degree of freedom .9",
            f"{share:.1%} valid, {chi:.2f}", share >= 0.999 and abs(chi - 1) < 0.3),
        Row("masked model on 4 x 4 Sudoku", "Kornhardt, Chemseddine, Wald & Steidl 2026",
            "all 288 grids",
            "2, 4, 8 cells at once: 61, 21, .5 % valid; with remasking 86, 100, 100 %",
            f"{text[0]} %; with remasking {text[1]} %", min(again) >= 0.86),
    ]  # fmt: skip
