"""How far to widen intervals, from images with known truth (conformal risk control)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.conformal import fewest, smallest_factor
from ..core.errors import InputError
from ..core.numbers import check_number
from ..core.rng import Rng, generator
from ..core.solver import Solver
from .denoising import denoise
from .grid import check_patch_shape, prepare
from .model import PatchModel
from .sampling import Posterior, posterior

_PARTS = 4  # times the fewest with which a factor exists, which would have to hold every pixel


def interval_factor(
    posteriors: Sequence[Posterior], truths: Sequence[Any], level: float = 0.9
) -> float:
    """The factor by which intervals must be widened to hold what they promise.

    On n held-out images with known truth, let R(f) be the share of pixels outside of the intervals
    with factor f, averaged over the images. The result is the smallest f with
    ``n / (n + 1) R(f) + 1 / (n + 1) <= 1 - level`` (conformal risk control). For one more image
    of the same kind, noise and model, the expected share of pixels inside is then at least
    ``level``: on average over images and pixels, not for each of them.

    Parameters
    ----------
    posteriors : sequence of Posterior
        Of the held-out images, none of which was used to fit the model.
    truths : sequence of arrays
        The images without noise, on the scale of the samples.
    level : float
        Between 0 and 1. At least ``level / (1 - level)`` images are needed: 9 for 0.9.

    Returns
    -------
    float
        For ``posterior.interval(level, factor)`` with the same level.

    Raises
    ------
    InputError
        If there are too few images for the level, or shapes differ.

    References
    ----------
    Angelopoulos, Bates, Fisch, Lei & Schuster, *Conformal risk control*, ICLR 2024.
    """
    share = check_number(level, "level", positive=True, most=1 - 1e-9)
    count = len(posteriors)
    if count != len(truths):
        raise InputError(f"truths: {len(truths)} images for {count} posteriors; one for each")
    if count < fewest(share):
        raise InputError(f"level={level!r} needs at least {fewest(share)} posteriors, not {count}")
    ratios = []
    for own, truth in zip(posteriors, truths, strict=True):
        exact = np.asarray(truth, np.float64)
        if exact.shape != own.mean.shape:
            raise InputError(f"truths: shape {exact.shape} for a posterior of {own.mean.shape}")
        if not np.isfinite(exact).all():
            raise InputError("truths hold NaN or infinite pixels")
        ratios.append(_ratio(exact - own.mean, own.half_width(share)))
    return smallest_factor(ratios, share)


@dataclass(frozen=True)
class Calibration:
    """How many standard deviations hold the true values.

    Attributes
    ----------
    factor : float
        Half the width of an interval about the denoised value, over the standard deviation.
    num_parts : int
        Number of images, or of the parts into which they were cut.
    """

    factor: float
    num_parts: int


def calibrate(
    images: Sequence[Any],
    model: PatchModel,
    sigma: float,
    level: float = 0.9,
    *,
    num_samples: int = 16,
    channel_axis: int | None = None,
    rng: Rng = 0,
    solver: Solver | None = None,
) -> Calibration:
    r"""Say how many standard deviations about a denoised image hold the true values.

    Noise is added to good images that the model has not seen. They are denoised by
    `patches.denoise`, and their errors compared with the ``std`` of `posterior`. The factor is that
    of `interval_factor` for intervals of ``factor * std`` on both sides of the denoised value.

    Parameters
    ----------
    images : sequence of arrays (\*space), plus optional channel axis
        If there are fewer than ``4 level / (1 - level)`` (36 for 0.9), each is cut into parts. The
        factor is then for one more such part, and only as good as the parts are alike.
    model : PatchModel
    sigma : float
        Standard deviation of the noise; positive.
    level : float
        Share of the true values, between 0 and 1.
    num_samples : int
        Number of samples behind a standard deviation.
    channel_axis : int, optional
        Axis of the channels.
    rng : int or numpy.random.Generator
        Seed of the noise.
    solver : Solver, optional
        Only ``num_threads`` is used.

    Returns
    -------
    Calibration

    Raises
    ------
    InputError
        If there is no image, one does not fit the model or has parts smaller than a patch, or a
        number is out of range.
    """
    share = check_number(level, "level", positive=True, most=1 - 1e-9)
    deviation = check_number(sigma, "sigma", positive=True)
    pages = [prepare(each, model, channel_axis, "images", double=True)[0] for each in images]
    if not pages:
        raise InputError("images is empty; at least one is needed")
    axes = len(model.patch_shape)
    cuts = math.ceil((_PARTS * fewest(share) / len(pages)) ** (1 / axes) - 1e-9)
    for axis in range(axes):
        pages = [part for page in pages for part in np.array_split(page, cuts, axis)]
    random, ratios = generator(rng), []
    for clean in pages:
        check_patch_shape(clean.shape[:-1], model.patch_shape, "images: a part")
        noisy = clean + deviation * random.standard_normal(clean.shape)
        found = denoise(noisy, model, deviation, channel_axis=-1, solver=solver)
        samples = posterior(
            noisy, model, deviation, num_samples=num_samples, channel_axis=-1, solver=solver
        )
        ratios.append(_ratio(found - clean, samples.std))
    return Calibration(smallest_factor(ratios, share), len(pages))


def _ratio(error: np.ndarray, half: np.ndarray) -> np.ndarray:
    """Errors over half the widths of intervals; 0 where there is no error."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(error != 0, np.abs(error) / half, 0.0)
