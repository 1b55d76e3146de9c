"""Mixtures of Gaussians of low rank, over patches of images."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from ..core.errors import InputError

MOST_PIXELS = 4096
"""Largest number of values in a patch."""
MOST_COMPONENTS = 4096
_ARRAYS = ("weights", "means", "bases", "variances", "residuals")


@dataclass(frozen=True, eq=False)
class PatchModel:
    r"""A mixture of Gaussians that says what patches look like.

    A patch ``x`` of ``d`` values has the density

        p(x) = sum_k weights_k N(x; means_k, C_k),
        C_k = U_k diag(variances_k) U_k^T + residuals_k (I - U_k U_k^T),

    where the rows of ``bases_k`` are the ``s`` orthonormal columns of U_k. If ``remove_mean`` is
    True, this is the density of patches without their mean (that of each channel), on the subspace
    of such patches, and the mean may be anything. `fit` makes models and `load` reads them.

    Parameters
    ----------
    weights : float64 array (K,)
        Positive, with sum 1.
    means : float64 array (K, d)
    bases : float64 array (K, s, d)
    variances : float64 array (K, s)
        Not below the residual of the component, in decreasing order.
    residuals : float64 array (K,)
        Variance in all other directions; positive.
    patch_shape : tuple of int
        Size of a patch along each of the 1 to 3 axes of space.
    channels : int
        Number of channels. The d values of a patch are ordered channel by channel.
    remove_mean : bool
    history : tuple of float
        Mean log-likelihood of the training patches after each step of `fit`.

    Raises
    ------
    InputError
        If an array has another shape, values that are not allowed, or bases that are not
        orthonormal.
    """

    weights: np.ndarray
    means: np.ndarray
    bases: np.ndarray
    variances: np.ndarray
    residuals: np.ndarray
    patch_shape: tuple[int, ...]
    channels: int = 1
    remove_mean: bool = True
    history: tuple[float, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        for name in _ARRAYS:
            array = np.array(getattr(self, name), np.float64, order="C")
            if not np.isfinite(array).all():
                raise InputError(f"{name} of the model hold NaN or infinite values")
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        count, rank, _ = self.bases.shape if self.bases.ndim == 3 else (0, 0, 0)
        d = self.num_values
        shapes = (count,), (count, d), (count, rank, d), (count, rank), (count,)
        for name, shape in zip(_ARRAYS, shapes, strict=True):
            if getattr(self, name).shape != shape:
                given = getattr(self, name).shape
                raise InputError(f"{name} of the model have the shape {given}, not {shape}")
        if not 0 <= rank <= self.dimension:
            raise InputError(f"the rank of the model is {rank}; allowed are 0 to {self.dimension}")
        if not (self.weights > 0).all() or abs(self.weights.sum() - 1) > 1e-6:
            raise InputError("weights of the model must be positive and have the sum 1")
        if not (self.residuals > 0).all():
            raise InputError("residuals of the model must be positive")
        if not (self.variances >= self.residuals[:, None] * (1 - 1e-9)).all():
            raise InputError("variances of the model must not be below the residuals")
        products = self.bases @ self.bases.transpose(0, 2, 1)
        if rank and np.abs(products - np.eye(rank)).max() > 1e-6:
            raise InputError("bases of the model must be orthonormal")
        if self.remove_mean:
            arrays = np.concatenate([self.means, self.bases.reshape(-1, d)])
            off = np.abs(arrays.reshape(-1, self.channels, d // self.channels).sum(-1)).max()
            if off > 1e-6 * max(1.0, float(np.abs(self.means).max(initial=0))):
                raise InputError("means and bases of a model that removes means must have mean 0")

    def __repr__(self) -> str:
        size = " x ".join(map(str, self.patch_shape))
        colour = f", {self.channels} channels" if self.channels > 1 else ""
        return (
            f"PatchModel({size} pixels{colour}, {self.num_components} components of rank "
            f"{self.rank})"
        )

    @property
    def num_components(self) -> int:
        """Number K of Gaussians."""
        return len(self.weights)

    @property
    def num_values(self) -> int:
        """Number d of values of a patch, over all channels."""
        return math.prod(self.patch_shape) * self.channels

    @property
    def rank(self) -> int:
        """Number s of directions in which a component has a variance of its own."""
        return self.bases.shape[1]

    @property
    def dimension(self) -> int:
        """Dimension of the space of patches: d, less one for each channel without its mean."""
        return self.num_values - self.channels * self.remove_mean

    @property
    def group(self) -> int:
        """Number of values over which means are removed; 0 if they are kept."""
        return self.num_values // self.channels if self.remove_mean else 0

    @property
    def gain(self) -> np.ndarray:
        """By how much precisions along the directions are smaller than across them, (K, s)."""
        return 1 / self.residuals[:, None] - 1 / self.variances

    def with_noise(self, variance: float) -> PatchModel:
        """The model of patches with white noise: all variances grow by ``variance``."""
        return replace(
            self, variances=self.variances + variance, residuals=self.residuals + variance
        )


def covariances(model: PatchModel) -> np.ndarray:
    """The covariance matrices (K, d, d) of a model; on the subspace if it removes means."""
    d, own = model.num_values, model.variances - model.residuals[:, None]
    spread = np.eye(d)
    if model.remove_mean:
        spread -= np.kron(
            np.eye(model.channels), np.full((model.group, model.group), 1 / model.group)
        )
    low = np.einsum("ksd,ks,kse->kde", model.bases, own, model.bases)
    return low + model.residuals[:, None, None] * spread


def log_constants(model: PatchModel) -> np.ndarray:
    """Log of weight times the largest density of each component."""
    rest = (model.dimension - model.rank) * np.log(model.residuals)
    logs = np.log(model.variances).sum(1) + rest + model.dimension * math.log(2 * math.pi)
    return np.log(model.weights) - logs / 2


def log_sum(scores: np.ndarray) -> np.ndarray:
    """Log of the sum of exponentials along the last axis."""
    top = scores.max(-1)
    return top + np.log(np.exp(scores - top[..., None]).sum(-1))
