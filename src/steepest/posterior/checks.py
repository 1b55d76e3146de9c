"""Measure on held-out pairs what a sampler promises, and repair its intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..core.conformal import fewest, smallest_factor
from ..core.errors import InputError
from ..core.namespace import detached
from ..core.numbers import check_count, check_number
from ..core.rng import Rng, generator
from ..core.status import Status
from .draws import Draws, as_given, as_pairs, check_methods


class Posterior(Protocol):
    """Anything that samples x given y: `Flow`, `MixturePosterior`, `Chain`, or your own."""

    def sample(self, y: Any, count: int = 100, *, rng: Rng = 0) -> Draws:
        """Return ``count`` samples for each measurement."""
        ...


@dataclass(frozen=True, eq=False)
class Report:
    """How good samples are on held-out pairs.

    Attributes
    ----------
    level : float
        What the intervals promise.
    coverage, coverage_error : float
        Share of true values inside the intervals, and its standard error over the pairs.
    factor : float
        Widens the intervals about the mean so that those of further measurements hold at least
        ``level`` of the true values, on average over measurements and values, not for each.
        Infinite if there are too few pairs.
    crps : float
        Continuous ranked probability score, the mean of ``E|X - x| - E|X - X'| / 2`` for
        samples X, X' and the true value x, on the scale of the data (Gneiting & Raftery, J.
        American Statistical Association 102, 2007). Smaller is better.
    rmse : float
        Root mean square error of the mean of the samples.
    ranks : array (11,)
        Shares of true values in eleven classes of their rank among the samples; all 1/11 if the
        samples are right. High ends mean intervals that are too narrow, a high middle means
        too wide.
    status : Status
        UNCALIBRATED if there are too few pairs for a factor.
    """

    level: float
    coverage: float
    coverage_error: float
    factor: float
    crps: float
    rmse: float
    ranks: np.ndarray
    status: Status

    def __str__(self) -> str:
        error = "" if np.isnan(self.coverage_error) else f" +- {self.coverage_error:.1%}"
        return (
            f"intervals of {self.level:.0%} hold {self.coverage:.1%}{error}; "
            f"factor {self.factor:.3f}; CRPS {self.crps:.4g}"
        )


def check(
    model: Posterior, x_new: Any, y_new: Any, *, level: float = 0.9, count: int = 100, rng: Rng = 0
) -> Report:
    """Compare samples with the truth on pairs that the model has not seen.

    Parameters
    ----------
    model : Posterior
    x_new, y_new : arrays or tensors (n, \\*shape), (n, \\*shape_y)
        Held-out pairs, exchangeable with the measurements to come. For the factor of a level of
        90 %, at least 9.
    level : float
        Of the intervals, between 0 and 1.
    count : int
        Samples of each measurement, at least 10.
    rng : int or numpy.random.Generator
        For the samples.

    Raises
    ------
    InputError
        If x and y are not pairs, the samples have another shape than x, or values are not finite.

    Notes
    -----
    The factor is the smallest f with ``n / (n + 1) R(f) + 1 / (n + 1) <= 1 - level``, where R(f) is
    the mean share of values outside (Angelopoulos, Bates, Fisch, Lei & Schuster, *Conformal risk
    control*, ICLR 2024). Nothing is assumed of the sampler.
    """
    truth, _ = as_pairs(x_new, y_new, "x_new", "y_new")
    level = check_number(level, "level", positive=True, most=1 - 1e-9)
    count = check_count(count, "count", least=10)
    samples = _drawn(model, y_new, count, rng)
    draws = Draws(samples)
    if samples.shape != (len(truth), count, *truth.shape[1:]):
        raise InputError(
            f"x_new must have the shape {(len(truth), *samples.shape[2:])} of the samples, "
            f"not {truth.shape} (model draws the shape {samples.shape})"
        )
    if not np.isfinite(samples).all():
        raise InputError("model draws samples that are not finite")
    n = len(truth)
    half = draws.half_width(level).reshape(n, -1)
    truth, samples = truth.reshape(n, -1), samples.reshape(n, count, -1)
    off = np.abs(truth - samples.mean(1))
    # values known exactly (constant, sampled without error) are inside
    exact = off <= 1e-6 * max(float(np.abs(truth).max()), 1e-30)
    ratios = np.where(exact, 0.0, off / np.maximum(half, 1e-300))
    inside = (ratios <= 1).mean(1)
    enough = n >= fewest(level)
    below = (samples < truth[:, None]).sum(1) + (samples == truth[:, None]).sum(1) / 2
    classes = np.minimum((below / (count + 1) * 11).astype(int), 10)
    return Report(
        level, float(inside.mean()), float(inside.std(ddof=1) / np.sqrt(n)) if n > 1 else np.nan,
        smallest_factor(list(ratios), level) if enough else np.inf, crps(samples, truth),
        float(np.sqrt((off**2).mean())),
        np.bincount(classes.ravel(), minlength=11) / classes.size,
        Status.CONVERGED if enough else Status.UNCALIBRATED,
    )  # fmt: skip


def _drawn(model: Any, y: Any, count: int, rng: Rng) -> np.ndarray:
    check_methods(model, "model", "sample")
    found = model.sample(y, count, rng=rng)
    return np.asarray(detached(getattr(found, "samples", found)), float)


def crps(samples: np.ndarray, truth: np.ndarray) -> float:
    """Return the mean continuous ranked probability score of samples (n, count, d)."""
    count = samples.shape[1]
    ordered = np.sort(samples, axis=1)
    # E|X - X'| over different samples, from their order
    weight = (2 * np.arange(1, count + 1) - count - 1) / (count * (count - 1) / 2)
    spread = np.tensordot(weight, ordered, axes=([0], [1]))
    return float((np.abs(samples - truth[:, None]).mean(1) - spread / 2).mean())


def sensitivity(
    model: Posterior, y: Any, *, count: int = 200, size: float = 0.01, rng: Rng = 0
) -> np.ndarray:
    """Return how much posteriors move when the measurements change.

    The mean distance of samples with the same noise, ``E |T(z, y) - T(z, y')|``, bounds the
    Wasserstein distance of the posteriors of y and y'. Returned for each y (n,) is this for a
    random direction, divided by ``|y - y'|``: an estimate of the local Lipschitz constant.

    Parameters
    ----------
    model : Posterior
        Whose samples are the same for the same ``rng``.
    y : array or tensor (n, \\*shape_y)
        Measurements.
    count : int
        Samples of each.
    size : float
        Size of the change of y, relative to the standard deviation of all values of y (their
        size, if there is only one).
    rng : int or numpy.random.Generator
    """
    values, random = as_given(y, "y")[0], generator(rng)
    seed, n = int(random.integers(2**31)), len(values)
    unit = float(values.std()) or float(np.abs(values).max()) or 1.0
    step = check_number(size, "size", positive=True) * unit
    flat = random.standard_normal((n, values[0].size))
    flat *= step / 2 / np.linalg.norm(flat, axis=1, keepdims=True)
    move = flat.reshape(values.shape).astype(values.dtype)
    ends = [_drawn(model, each, count, seed) for each in (values - move, values + move)]
    one, other = (each.reshape(n, count, -1) for each in ends)
    return np.linalg.norm(other - one, axis=2).mean(1) / step
