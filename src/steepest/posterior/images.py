"""Samples of whole images from linear measurements, with a mixture of patches as prior."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.errors import InputError, NotConverged
from ..core.numbers import check_count, check_number
from ..core.rng import Rng, generator
from ..patches.grid import check_fits
from ..patches.model import PatchModel
from ..patches.restoration import spread
from ..patches.sampling import Law
from .draws import Draws
from .given import as_given

_LAST, _RATIO, _LEAST = 0.25, 0.9, 6  # the last deviation, each over the one before, and rounds
_TOLERANCE, _MOST = 1e-3, 500  # of conjugate gradients


@dataclass(frozen=True, eq=False)
class PatchPosterior:
    """A sampler of grey images u given ``y = A u + noise xi`` with independent normal xi.

    Two images are drawn in turn: u given y and v, which is Gaussian, and v given u, from the exact
    posterior of the patches of a grid shifted at random. ``u - v`` is white; its deviation falls
    from that of the model's patches by a tenth in each round, to a quarter of ``noise`` over the
    root mean square norm of the columns of A. The samples are those of v. They approximate a
    posterior: widen their intervals by the factor of `check`.

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

    References
    ----------
    Vono, Dobigeon & Chainais, *Split-and-augmented Gibbs sampler*, IEEE Trans. Signal Processing 67
    (2019). Zoran & Weiss, *From learning models of natural image patches to whole image
    restoration*, ICCV 2011, for the falling deviation.
    """

    model: PatchModel
    forward: Any
    noise: float
    shape: Sequence[int]

    def __post_init__(self) -> None:
        check_number(self.noise, "noise", positive=True)
        shape = tuple(check_count(n, "shape") for n in self.shape)
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
        if not len(values) or values[0].size != a.shape[0]:
            raise InputError(f"y must hold measurements of {a.shape[0]} values, not {values.shape}")
        count, random = check_count(count, "count"), generator(rng)
        first = math.sqrt(spread(self.model))
        probe = a @ random.standard_normal(a.shape[1])
        last = min(first, _LAST * self.noise * math.sqrt(a.shape[1] / max(probe @ probe, 1e-300)))
        rounds = max(_LEAST, math.ceil(math.log(first / last) / -math.log(_RATIO)))
        laws = [Law.of(self.model, d**2) for d in np.geomspace(first, last, rounds)]
        values = values.reshape(len(values), -1).astype(float)
        out = np.stack([self._draw(a, own[:, None], count, laws, random) for own in values])
        return Draws(back(out.reshape(len(values), count, *self.shape)))

    def _draw(
        self, a: Any, y: np.ndarray, count: int, laws: Sequence[Law], random: np.random.Generator
    ) -> np.ndarray:
        """Return samples (count, d) for one measurement (m, 1)."""
        v = np.full((math.prod(self.shape), count), self.model.weights @ self.model.means.mean(1))
        for law in laws:

            def covariance(w: np.ndarray, s2: float = law.variance) -> np.ndarray:
                return s2 * (a @ (a.T @ w)) + self.noise**2 * w

            # u and y are drawn together given v, then u is moved to the measurement that was made
            u = v + math.sqrt(law.variance) * random.standard_normal(v.shape)
            off = y - a @ u - self.noise * random.standard_normal((len(y), count))
            u = u + law.variance * (a.T @ _solve(covariance, off))
            v = self._patches(law, u, random)
        return v.T

    def _patches(self, law: Law, u: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Draw all patches; each image (d, count) is reflected to fill a shifted grid of its own.

        With one grid for all, the seams of its patches would stay in their mean.
        """
        images, size = u.T.reshape(-1, *self.shape), self.model.patch_shape
        most = [p if n > p else 1 for n, p in zip(self.shape, size, strict=True)]
        full = [-(-(n + m - 1) // p) * p for n, m, p in zip(self.shape, most, size, strict=True)]
        joined = np.empty((len(images), *full))
        inner = []
        for image, out in zip(images, joined, strict=True):
            before = [int(random.integers(m)) for m in most]
            sides = zip(before, full, self.shape, strict=True)
            out[:] = np.pad(image, [(b, m - b - n) for b, m, n in sides], mode="symmetric")
            inner.append(tuple(slice(b, b + n) for b, n in zip(before, self.shape, strict=True)))
        drawn = law.sample(joined.reshape(-1, *full[1:], 1), random).reshape(joined.shape)
        parts = zip(drawn, inner, strict=True)
        return np.stack([image[part].ravel() for image, part in parts], axis=1)


def _solve(matrix: Callable[[np.ndarray], np.ndarray], right: np.ndarray) -> np.ndarray:
    """Solve for many right sides (m, count) at once by conjugate gradients."""
    x, rest, direction = np.zeros_like(right), right, right
    size = (rest**2).sum(0)
    goal = _TOLERANCE**2 * size
    for _ in range(_MOST):
        if (size <= goal).all():
            return x
        image = matrix(direction)
        length = size / np.maximum((direction * image).sum(0), 1e-300)
        x = x + length * direction
        rest = rest - length * image
        before, size = size, (rest**2).sum(0)
        direction = rest + size / np.maximum(before, 1e-300) * direction
    raise NotConverged(f"{_MOST} conjugate gradients do not solve for u: is noise too small?", None)
