"""Mixtures of Gaussians: a prior from examples, and its exact posterior for linear measurements."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.sparse import issparse

from ..core.errors import InputError
from ..core.numbers import check_count, check_numbers
from ..core.progress import Reporter
from ..core.rng import Rng, generator
from ..core.solver import Solver, limits
from ..patches.mixture import fit_mixture as fit_vectors
from ..patches.model import covariances, log_sum
from .draws import Back, Draws, as_given, as_pairs, as_shape, check_data, check_function

_TRIED = (1, 2, 4, 10, 20, 40)  # numbers of components
_NOISE = 0.5  # deviations, of the held-out examples that are denoised


@dataclass(frozen=True, eq=False)
class Mixture:
    """A mixture of Gaussians of arrays.

    Attributes
    ----------
    weights : array (K,)
        Positive, with sum 1.
    means : array (K, d)
    covariances : array (K, d, d)
        Positive definite.
    shape : tuple of int
        Shape of a data point, with d values.

    Raises
    ------
    InputError
        If an array has another shape, or values that are not allowed.
    """

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", as_shape(self.shape))
        n, d = len(as_given(self.weights, "weights")[0]), math.prod(self.shape)
        for name, shape in {"weights": (n, 1), "means": (n, d), "covariances": (n, d, d)}.items():
            found = as_given(getattr(self, name), name)[0].astype(float)
            if found.shape != shape:
                raise InputError(f"{name} must have the shape {shape}, not {found.shape}")
            object.__setattr__(self, name, found[:, 0] if name == "weights" else found)
        if not (self.weights > 0).all() or abs(self.weights.sum() - 1) > 1e-6:
            raise InputError("weights must be positive and have the sum 1")
        _check_positive(self.covariances, "covariances")

    def given(self, forward: Any, noise_covariance: Any) -> MixturePosterior:
        """Return the posterior for measurements ``y = A x + e`` with Gaussian noise e.

        Parameters
        ----------
        forward : array (m, d), sparse matrix, or callable
            The matrix A, or a linear function of one data point of `shape`.
        noise_covariance : float or array (m, m)
            The variance of each value of e, or its covariance; positive definite.

        Raises
        ------
        InputError
            If shapes do not fit, the function is not linear, or the covariance is not positive
            definite.
        """
        d = self.means.shape[1]
        matrix = self._matrix(forward)
        if matrix.ndim != 2 or matrix.shape[1] != d:
            raise InputError(f"forward must have {d} columns, not the shape {matrix.shape}")
        noise, m = check_numbers(noise_covariance, "noise_covariance"), len(matrix)
        noise = noise * np.eye(m) if noise.ndim == 0 else noise
        if noise.shape != (m, m):
            raise InputError(f"noise_covariance must be a number or of shape ({m}, {m})")
        _check_positive(noise, "noise_covariance")
        return MixturePosterior(self, matrix, noise)

    def _matrix(self, forward: Any) -> np.ndarray:
        if not callable(forward):
            return check_numbers(forward.toarray() if issparse(forward) else forward, "forward")
        check_function(forward, "forward", "x")

        def column(x: np.ndarray) -> np.ndarray:
            return check_numbers(forward(x.reshape(self.shape)), "values of forward").ravel()

        d = self.means.shape[1]
        matrix, x = np.stack([column(unit) for unit in np.eye(d)], axis=1), np.linspace(-1, 1, d)
        if not np.allclose(column(x), matrix @ x) or column(np.zeros(d)).any():
            raise InputError("forward is not linear; posterior.learn takes any function")
        return matrix


@dataclass(frozen=True, eq=False)
class MixturePosterior:
    """The exact posterior of a `Mixture`: again a mixture, with weights that depend on y.

    With ``S_k = A C_k A^T + R`` the component k has the mean ``m_k + C_k A^T S_k^-1 (y - A m_k)``,
    the covariance ``C_k - C_k A^T S_k^-1 A C_k``, and a weight in proportion to ``w_k N(y; A m_k,
    S_k)``. One component is the Wiener filter.
    """

    prior: Mixture
    matrix: np.ndarray
    noise: np.ndarray

    def sample(self, y: Any, count: int = 100, *, rng: Rng = 0) -> Draws:
        """Return ``count`` samples for each of the measurements y (n, \\*shape_y), in float64."""
        values, back, share, gains, _ = self._given(y)
        rng, count = generator(rng), check_count(count, "count")
        n, d = len(values), self.prior.means.shape[1]
        out = np.empty((n, count, d))
        roots = np.linalg.cholesky(self.prior.covariances)
        noise_root = np.linalg.cholesky(self.noise)
        for i in range(n):
            which = rng.choice(len(gains), count, p=share[i] / share[i].sum())
            for k in np.unique(which):
                rows = np.flatnonzero(which == k)
                # a draw of x and y together, moved to the measurement that was made
                x = self.prior.means[k] + rng.standard_normal((len(rows), d)) @ roots[k].T
                e = rng.standard_normal((len(rows), len(self.noise))) @ noise_root.T
                out[i, rows] = x + (values[i] - x @ self.matrix.T - e) @ gains[k].T
        return Draws(back(out.reshape(n, count, *self.prior.shape)))

    def mean(self, y: Any) -> Any:
        """Return the posterior means (n, \\*shape), the estimate of least mean square error."""
        values, back, share, gains, _ = self._given(y)
        parts = zip(share.T, self.prior.means, gains, strict=True)
        out = sum(w[:, None] * (m + (values - self.matrix @ m) @ gain.T) for w, m, gain in parts)
        return back(np.asarray(out).reshape(len(values), *self.prior.shape))

    def log_density(self, x: Any, y: Any) -> np.ndarray:
        """Return the logarithm of the posterior density at x (n, \\*shape) given y, (n,)."""
        points, given = as_pairs(x, y, "x", "y", shape=self.prior.shape)
        values, _, _, _, evidence = self._given(given)
        x = points.reshape(len(values), -1).astype(float)
        prior = _joint(self.prior.weights, self.prior.means, self.prior.covariances, x)
        likelihood = _log_normal(values - x @ self.matrix.T, self.noise)
        return log_sum(prior) + likelihood - evidence

    def _given(self, y: Any) -> tuple[np.ndarray, Back, np.ndarray, list[np.ndarray], np.ndarray]:
        """Return values (n, m), the way back, weights (n, K), gains (d, m), and log p(y)."""
        values, back = as_given(y, "y")
        if values[0].size != len(self.noise):
            raise InputError(
                f"y must hold measurements of {len(self.noise)} values, not {values.shape}"
            )
        values, a, prior = values.reshape(len(values), -1).astype(float), self.matrix, self.prior
        s = a @ prior.covariances @ a.T + self.noise
        joint = _joint(prior.weights, prior.means @ a.T, s, values)
        pairs = zip(s, prior.covariances, strict=True)
        gains = [cho_solve(cho_factor(own, lower=True), a @ cov).T for own, cov in pairs]
        evidence = log_sum(joint)
        return values, back, np.exp(joint - evidence[:, None]), gains, evidence


def fit_mixture(x: Any, num_components: int | None = None, *, rng: Rng = 0) -> Mixture:
    """Fit a mixture of Gaussians to examples.

    The covariances have low rank plus a multiple of the identity, which also few examples determine
    (Tipping & Bishop, *Mixtures of probabilistic principal component analysers*, Neural Computation
    11, 1999). Their rank is a quarter, a half or nearly all of the dimensions, and at most the
    number of examples for each component.

    Parameters
    ----------
    x : array or tensor (n, \\*shape)
        Examples; at least 4.
    num_components : int, optional
        By default 1, 2, 4, 10, 20 or 40, at most a tenth of the examples. This and the rank are
        those that best denoise a held-out fifth of the examples, with noise of half the deviation
        of each value.
    rng : int or numpy.random.Generator
        For the start and the held-out examples.

    Returns
    -------
    Mixture
        In float64.

    Raises
    ------
    InputError
        If x is not finite, constant, or has fewer than 4 examples.
    """
    values, _ = as_given(x, "x")
    check_data(values, "x", fewest=4)
    shape, data = values.shape[1:], values.reshape(len(values), -1).astype(float)
    rng, (n, d) = generator(rng), data.shape
    counts = [k for k in _TRIED if k == 1 or k <= n // 10]
    if num_components is not None:
        counts = [check_count(num_components, "num_components", most=n // 2)]
    ranks = (max(1, d // 4), max(1, d // 2), max(1, d - 1))
    # components have no more directions than examples
    choices = sorted({(k, min(r, max(1, n // k))) for k in counts for r in ranks})
    if len(choices) > 1:
        order = rng.permutation(n)
        held, rest = data[order[: -(-n // 5)]], data[order[-(-n // 5) :]]
        noise, deviation = rng.standard_normal(held.shape), data.std(0)
        deviation = np.maximum(deviation, 1e-6 * deviation.max())
        fitted = [_fit(rest, *choice, rng) for choice in choices]
        errors = [_denoising_error(each, held, deviation, noise) for each in fitted]
        choices = [choices[int(np.argmin(errors))]]
    return replace(_fit(data, *choices[0], rng), shape=shape)


def _fit(data: np.ndarray, count: int, rank: int, rng: np.random.Generator) -> Mixture:
    own = limits(Solver(num_threads=1), 1e-4, 100)
    model = fit_vectors(data, count, rank, None, own, rng, Reporter(None))
    return Mixture(model.weights, model.means, covariances(model), data.shape[1:])


def _denoising_error(
    prior: Mixture, held: np.ndarray, deviation: np.ndarray, noise: np.ndarray
) -> float:
    """Return the mean square error of denoised values, over their variances.

    The likelihood would choose too few components: it is ruled by values that hardly change.
    """
    size = _NOISE * deviation
    law = prior.given(np.eye(held.shape[1]), np.diag(size**2))
    return float((((law.mean(held + size * noise) - held) / deviation) ** 2).mean())


def _check_positive(values: np.ndarray, name: str) -> None:
    """Raise `InputError` if matrices (..., m, m) are not symmetric and positive definite."""
    # products of matrices in float32 are symmetric up to their rounding
    if np.abs(values - values.swapaxes(-1, -2)).max() > 1e-5 * np.abs(values).max():
        raise InputError(f"{name} must be symmetric")
    try:
        np.linalg.cholesky(values)
    except np.linalg.LinAlgError:
        raise InputError(f"{name} must be positive definite") from None


def _joint(weights: Any, means: Any, covariances: Any, x: np.ndarray) -> np.ndarray:
    """Return ``log w_k + log N(x; m_k, C_k)`` (n, K)."""
    parts = zip(weights, means, covariances, strict=True)
    return np.stack([np.log(w) + _log_normal(x - m, c) for w, m, c in parts], axis=1)


def _log_normal(off: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Return the log-density of N(0, covariance) at the rows of ``off``."""
    root = np.linalg.cholesky(covariance)
    squares = (solve_triangular(root, off.T, lower=True) ** 2).sum(0)
    return -squares / 2 - np.log(np.diag(root)).sum() - len(root) / 2 * np.log(2 * np.pi)
