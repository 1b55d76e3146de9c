"""Maximum likelihood parameters of a Dirichlet distribution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import digamma, gammaln, polygamma

from steepest.core.errors import InputError
from steepest.core.numbers import check_numbers
from steepest.core.status import Status
from steepest.robust.fit import shares

_MAX_ITER = 200
_TOL = 1e-12  # of the gradient, relative to its terms


@dataclass(frozen=True, eq=False)
class DirichletFit:
    """Parameters of a Dirichlet distribution.

    Attributes
    ----------
    alpha : array (k,)
        Parameters, positive. The mean of the distribution is ``alpha / alpha.sum()``; a large sum
        means little spread.
    log_likelihood : float
        Mean logarithm of the density over the samples.
    iterations : int
    status : Status
    """

    alpha: np.ndarray
    log_likelihood: float
    iterations: int
    status: Status


def dirichlet_fit(p: Any, *, weights: Any = None) -> DirichletFit:
    """Fit a Dirichlet distribution to compositions, such as class probabilities of pixels.

    Maximises the concave function ``log G(sum a) - sum_k log G(a_k) + sum_k (a_k - 1) m_k`` of the
    parameters a, with the gamma function G and the means ``m_k = mean_i log p_ik``.

    Parameters
    ----------
    p : array (n, k)
        Compositions: positive rows, each with the sum 1 (to 1e-6; they are divided by it).
    weights : array (n,), optional
        Positive weights of the rows (default: all equal). Only their ratios matter.

    Returns
    -------
    DirichletFit
        In float64.

    Raises
    ------
    InputError
        If a value is not positive (its logarithm has no mean), a row's sum is not 1, all rows are
        equal (the likelihood then has no maximum), or the weights are not positive or of the wrong
        shape.

    Notes
    -----
    Newton's method: the Hessian is a diagonal matrix plus one of rank one, so a step costs O(k).
    Steps that leave the domain or go too far are halved. It takes about ten steps,
    where fixed-point and Bregman iterations take hundreds (`experiments/probability`).

    References
    ----------
    Minka, *Estimating a Dirichlet distribution* (2000). Martin, Pesquet, Steidl & Ben Ayed,
    *Variable Bregman majorization-minimization algorithm and its application to Dirichlet maximum
    likelihood estimation* (2025).

    Examples
    --------
    >>> fit = dirichlet_fit(probabilities)               # doctest: +SKIP
    >>> fit.alpha / fit.alpha.sum()                                      # doctest: +SKIP
    """
    p = check_numbers(p, "p")
    if p.ndim != 2 or p.shape[1] < 2 or not len(p):
        raise InputError(f"p must have the shape (n, k) with k >= 2, not {p.shape}")
    if p.min() <= 0:
        raise InputError(
            f"p has the value {p.min():g}; allowed are positive numbers. Zeros of counts can be "
            "replaced by a small positive number before the rows are divided by their sums"
        )
    total = p.sum(axis=1, keepdims=True)
    if np.abs(total - 1).max() > 1e-6:
        worst = float(total.ravel()[np.abs(total - 1).argmax()])
        raise InputError(f"p has a row with the sum {worst:g}; the sum of each row must be 1")
    p = p / total
    share = shares(weights, len(p))
    if np.ptp(p, axis=0).max() <= 1e-12:
        raise InputError("p has equal rows only: there is no likeliest Dirichlet distribution")
    mean_log = share @ np.log(p)
    alpha, iterations, status = maximize(mean_log, start(p, share))
    return DirichletFit(alpha, -loss(alpha, mean_log) - mean_log.sum(), iterations, status)


def loss(alpha: np.ndarray, mean_log: np.ndarray) -> float:
    """Return ``sum_k log G(a_k) - log G(sum a) - sum_k a_k m_k``, convex in a."""
    return float(gammaln(alpha).sum() - gammaln(alpha.sum()) - alpha @ mean_log)


def start(p: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Return the parameters of a Dirichlet distribution with the means and mean variance of p."""
    mean = share @ p
    variance = share @ (p - mean) ** 2
    concentration = (mean * (1 - mean)).sum() / variance.sum() - 1
    return mean * max(concentration, 1e-3)


def maximize(mean_log: np.ndarray, alpha: np.ndarray) -> tuple[np.ndarray, int, Status]:
    """Return the maximiser of the likelihood, the number of Newton steps and the status."""
    for iteration in range(_MAX_ITER):
        total = alpha.sum()
        slope = _slope(alpha, mean_log)
        scale = np.abs(digamma(alpha)) + abs(digamma(total)) + np.abs(mean_log)
        if np.abs(slope / scale).max() <= _TOL:
            return alpha, iteration, Status.CONVERGED
        # (diag(q) - z)^-1 slope by the formula of Sherman and Morrison
        q, z = polygamma(1, alpha), polygamma(1, total)
        b = (slope / q).sum() / (1 / z - (1 / q).sum())
        step = -(slope + b) / q
        if np.abs(step).max() <= 1e-15 * total:
            return alpha, iteration, Status.ROUNDING
        # The loss is convex: a step goes too far where the loss rises steeply at its end. Its
        # values cannot tell, since they cancel near the minimum.
        down = -slope @ step
        while (alpha + step).min() <= 0 or _slope(alpha + step, mean_log) @ step > 0.9 * down:
            step, down = step / 2, down / 2
        alpha = alpha + step
    return alpha, _MAX_ITER, Status.MAX_ITERATIONS


def _slope(alpha: np.ndarray, mean_log: np.ndarray) -> np.ndarray:
    return digamma(alpha) - digamma(alpha.sum()) - mean_log
