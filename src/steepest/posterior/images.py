"""Samples of whole images from linear measurements, with a mixture of patches as prior."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.errors import InputError, NotConverged
from ..core.namespace import detached
from ..core.numbers import check_count, check_number
from ..core.rng import Rng, generator
from ..patches.grid import check_fits, check_model
from ..patches.model import PatchModel
from ..patches.restoration import spread
from ..patches.sampling import Law, on_shifted_grid
from .draws import Draws, as_given, as_shape

_LAST, _RATIO, _LEAST = 0.25, 0.9, 6  # the last deviation, each over the one before, and rounds
_TOLERANCE, _MOST = 1e-3, 500  # of conjugate gradients


@dataclass(frozen=True, eq=False)
class PatchPosterior:
    """A sampler of grey images u given ``y = A u + noise xi`` with independent normal xi.

    Two images are drawn in turn: u given y and v, which is Gaussian, and v given u, from the exact
    posterior of the patches of a grid shifted at random. ``u - v`` is white; its deviation falls
    from that of the model's patches by a tenth in each round, to a quarter of ``noise`` over the
    root mean square norm of the columns of A. The samples are those of v. They approximate a
    posterior: widen their intervals by the factor of `check`. (Vono, Dobigeon & Chainais,
    *Split-and-augmented Gibbs sampler*, IEEE Trans. Signal Processing 67, 2019; Zoran & Weiss, ICCV
    2011, for the falling deviation.)

    Parameters
    ----------
    model : PatchModel
        From `steepest.patches.fit`, of grey images.
    forward : array (m, d), sparse matrix, or scipy.sparse.linalg.LinearOperator
        The matrix A for flat images of d pixels.
    noise : float
        Standard deviation, positive.
    shape : sequence of int
        Of the images.

    Raises
    ------
    InputError
        If the model, the matrix and the shape do not fit, or a number is out of range.
    """

    model: PatchModel
    forward: Any
    noise: float
    shape: Sequence[int]

    def __post_init__(self) -> None:
        check_number(self.noise, "noise", positive=True)
        check_model(self.model)
        object.__setattr__(self, "forward", detached(self.forward))
        object.__setattr__(self, "shape", shape := as_shape(self.shape))
        check_fits((*shape, 1), self.model, "shape")
        wanted, found = math.prod(shape), tuple(getattr(self.forward, "shape", ()))
        if len(found) != 2 or found[1] != wanted:
            raise InputError(f"forward must be a matrix of {wanted} columns, not of shape {found}")

    def sample(self, y: Any, count: int = 32, *, rng: Rng = 0) -> Draws:
        """Return ``count`` samples (n, count, \\*shape) for the measurements y, m values each.

        Raises `InputError` for measurements of another size, and `NotConverged` if conjugate
        gradients do not reach 1e-3.
        """
        from scipy.sparse.linalg import aslinearoperator

        values, back = as_given(y, "y")
        a = aslinearoperator(self.forward)
        if values[0].size != a.shape[0]:
            raise InputError(f"y must hold measurements of {a.shape[0]} values, not {values.shape}")
        count, random = check_count(count, "count"), generator(rng)
        first = math.sqrt(spread(self.model))
        probe = a @ random.standard_normal(a.shape[1])
        if not np.isfinite(probe).all():
            raise InputError("forward holds NaN or infinite values")
        last = min(first, _LAST * self.noise * math.sqrt(a.shape[1] / max(probe @ probe, 1e-300)))
        rounds = max(_LEAST, math.ceil(math.log(first / last) / -math.log(_RATIO)))
        laws = [Law.of(self.model, d**2) for d in np.geomspace(first, last, rounds)]
        values = values.reshape(len(values), -1, 1).astype(float)
        out = np.stack([self._draw(a, own, count, laws, random) for own in values])
        return Draws(back(out.reshape(len(values), count, *self.shape)))

    def _draw(
        self, a: Any, y: np.ndarray, count: int, laws: Sequence[Law], random: np.random.Generator
    ) -> np.ndarray:
        """Return samples (count, d) for one measurement (m, 1)."""
        from scipy.sparse.linalg import LinearOperator, cg

        v = np.full((a.shape[1], count), self.model.weights @ self.model.means.mean(1))
        for law in laws:

            def covariance(w: np.ndarray, s2: float = law.variance) -> np.ndarray:
                own = w.reshape(-1, count)
                return (s2 * (a @ (a.T @ own)) + self.noise**2 * own).ravel()

            # u and y are drawn together given v, then u is moved to the measurement that was made
            u = v + math.sqrt(law.variance) * random.standard_normal(v.shape)
            off = y - a @ u - self.noise * random.standard_normal((len(y), count))
            system = LinearOperator((off.size, off.size), covariance, dtype=float)
            w, failed = cg(system, off.ravel(), rtol=_TOLERANCE, maxiter=_MOST)
            if failed:
                message = "conjugate gradients do not solve for u: is noise too small?"
                raise NotConverged(f"{_MOST} {message}")
            images = (u + law.variance * (a.T @ w.reshape(off.shape))).T.reshape(-1, *self.shape, 1)
            # each image has a grid of its own: seams of one grid for all would stay in their mean
            v = np.stack([on_shifted_grid(law, image, random).ravel() for image in images], axis=1)
        return v.T
