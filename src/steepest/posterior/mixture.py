"""Mixtures of Gaussians: a prior from examples, and its exact posterior for linear measurements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular

from ..core.errors import InputError
from ..core.numbers import check_count
from ..core.progress import Reporter
from ..core.rng import Rng, generator
from ..core.solver import Solver, limits
from ..patches.mixture import fit_mixture as fit_vectors
from ..patches.model import covariances, log_sum
from .draws import Draws
from .given import Back, as_given, check_data

_TRIED = (1, 2, 4, 10, 20, 40)  # numbers of components
_NOISE = 0.5  # deviations, of the held-out examples that are denoised


@dataclass(frozen=True, eq=False)
class Mixture:
    """A mixture of Gaussians of arrays.

    Attributes
    ----------
    weights : array (K,)
    means : array (K, d)
    covariances : array (K, d, d)
    shape : tuple of int
        Shape of a data point, with d values.
    """

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    shape: tuple[int, ...]

    def given(self, forward: Any, noise_covariance: Any) -> MixturePosterior:
        """Return the posterior for measurements ``y = A x + e`` with Gaussian noise e.

        Parameters
        ----------
        forward : array (m, d) or callable
            The matrix A, or a linear function of one data point of `shape`.
        noise_covariance : float or array (m, m)
            The variance of each value of e, or its covariance; positive definite.

        Raises
        ------
        InputError
            If shapes do not fit, the function is not linear, or the covariance is not positive
            definite.
        """
        matrix = self._matrix(forward)
        m = len(matrix)
        noise = np.asarray(noise_covariance, float)
        noise = noise * np.eye(m) if noise.ndim == 0 else noise
        if noise.shape != (m, m):
            raise InputError(f"noise_covariance must be a number or of shape ({m}, {m})")
        try:
            np.linalg.cholesky(noise)
        except np.linalg.LinAlgError:
            raise InputError("noise_covariance must be positive definite") from None
        return MixturePosterior(self, matrix, noise)

    def _matrix(self, forward: Any) -> np.ndarray:
        d = self.means.shape[1]
        if callable(forward):
            units = np.eye(d).reshape(d, *self.shape)
            zero = np.ravel(np.asarray(forward(np.zeros(self.shape)), float))
            matrix = np.stack([np.ravel(np.asarray(forward(e), float)) for e in units], axis=1)
            x = np.linspace(-1, 1, d)
            if not np.allclose(np.ravel(forward(x.reshape(self.shape))), matrix @ x) or zero.any():
                raise InputError("forward is not linear; posterior.learn takes any function")
            return matrix
        matrix = np.asarray(forward, float)
        if matrix.ndim != 2 or matrix.shape[1] != d:
            raise InputError(f"forward must have {d} columns, not the shape {matrix.shape}")
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
        """Return ``count`` samples for each of the measurements y (n, \\*shape_y)."""
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
        values, _, _, _, evidence = self._given(y)
        x = np.asarray(x, float).reshape(len(values), -1)
        prior = (self.prior.weights, self.prior.means, self.prior.covariances)
        likelihood = _log_normal(values - x @ self.matrix.T, self.noise)
        return log_sum(_joint(prior, x)) + likelihood - evidence

    def _given(self, y: Any) -> tuple[np.ndarray, Back, np.ndarray, list[np.ndarray], np.ndarray]:
        """Return values (n, m), the way back, weights (n, K), gains (d, m), and log p(y)."""
        values, back = as_given(y, "y")
        if not len(values) or values[0].size != len(self.noise):
            raise InputError(
                f"y must hold measurements of {len(self.noise)} values, not {values.shape}"
            )
        values, a = values.reshape(len(values), -1).astype(float), self.matrix
        c = self.prior.covariances
        s = a @ c @ a.T + self.noise
        joint = _joint((self.prior.weights, self.prior.means @ a.T, s), values)
        gains = [
            cho_solve(cho_factor(own, lower=True), a @ cov).T for own, cov in zip(s, c, strict=True)
        ]
        evidence = log_sum(joint)
        return values, back, np.exp(joint - evidence[:, None]), gains, evidence


def fit_mixture(
    x: Any, num_components: int | None = None, *, rank: int | None = None, rng: Rng = 0
) -> Mixture:  # fmt: skip
    """Fit a mixture of Gaussians to examples.

    The covariances have low rank plus a multiple of the identity (mixtures of probabilistic
    principal components), which also few examples determine.

    Parameters
    ----------
    x : array or tensor (n, \\*shape)
        Examples; at least 4.
    num_components : int, optional
        By default 1, 2, 4, 10, 20 or 40, at most a tenth of the examples: the number that best
        denoises a held-out fifth of them, with noise of half the deviation of each value.
    rank : int, optional
        Principal directions of each component. By default a quarter, a half or nearly all of the
        dimensions, chosen with the number of components. Never more than the number of examples
        for each component.
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

    References
    ----------
    Tipping & Bishop, *Mixtures of probabilistic principal component analysers*, Neural Computation
    11 (1999).
    """
    values, _ = as_given(x, "x")
    check_data(values, "x", fewest=4)
    shape, data = values.shape[1:], values.reshape(len(values), -1).astype(float)
    rng, d = generator(rng), data.shape[1]
    if num_components is None:
        counts = [k for k in _TRIED if k == 1 or k <= len(data) // 10]
    else:
        counts = [check_count(num_components, "num_components", most=len(data) // 2)]
    ranks = sorted({max(1, d // 4), max(1, d // 2), max(1, d - 1)})
    if rank is not None:
        ranks = [check_count(rank, "rank", most=d)]
    # components have no more directions than examples
    choices = sorted({(k, min(r, max(1, len(data) // k))) for k in counts for r in ranks})
    if len(choices) > 1:
        order = rng.permutation(len(data))
        held, rest = data[order[: len(data) // 5]], data[order[len(data) // 5 :]]
        noise = rng.standard_normal(held.shape)
        deviation = data.std(0)
        deviation = np.maximum(deviation, 1e-6 * deviation.max())
        scores = [
            _denoising_error(_fit(rest, k, r, rng), held, deviation, noise) for k, r in choices
        ]
        choices = [choices[int(np.argmin(scores))]]
    weights, means, matrices = _fit(data, *choices[0], rng)
    return Mixture(weights, means, matrices, shape)


Parts = tuple[np.ndarray, np.ndarray, np.ndarray]


def _fit(data: np.ndarray, count: int, rank: int, rng: np.random.Generator) -> Parts:
    own = limits(Solver(num_threads=1), 1e-4, 100)
    model = fit_vectors(data, count, rank, None, own, rng, Reporter(None))
    return model.weights, model.means, covariances(model)


def _denoising_error(
    parts: Parts, held: np.ndarray, deviation: np.ndarray, noise: np.ndarray
) -> float:
    """Return the mean square error of denoised values, over their variances.

    The likelihood would choose too few components: it is ruled by values that hardly change.
    """
    size = _NOISE * deviation
    law = Mixture(*parts, (held.shape[1],)).given(np.eye(held.shape[1]), np.diag(size**2))
    return float((((law.mean(held + size * noise) - held) / deviation) ** 2).mean())


def _joint(parts: Parts, x: np.ndarray) -> np.ndarray:
    """Return ``log w_k + log N(x; m_k, C_k)`` (n, K)."""
    rows = [np.log(w) + _log_normal(x - m, c) for w, m, c in zip(*parts, strict=True)]
    return np.stack(rows, axis=1)


def _log_normal(off: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Return the log-density of N(0, covariance) at the rows of ``off``."""
    root = np.linalg.cholesky(covariance)
    squares = (solve_triangular(root, off.T, lower=True) ** 2).sum(0)
    return -squares / 2 - np.log(np.diag(root)).sum() - len(root) / 2 * np.log(2 * np.pi)
