"""Learn a patch model from images."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..core.errors import InputError
from ..core.numbers import check_count, check_flag, check_number
from ..core.progress import Callback, Reporter
from ..core.rng import Rng, generator
from ..core.solver import Solver, limits
from .grid import channels_last, check_patch_shape, patches_of
from .mixture import fit_mixture
from .model import MOST_COMPONENTS, MOST_PIXELS, PatchModel


def fit(
    reference: Any,
    patch_size: int = 6,
    num_components: int = 50,
    rank: int | None = 12,
    *,
    num_patches: int = 30_000,
    noise: float | None = None,
    remove_mean: bool = True,
    channel_axis: int | None = None,
    rng: Rng = 0,
    solver: Solver | None = None,
    on_step: Callback | None = None,
) -> PatchModel:
    """Learn what the patches of good images look like.

    Fits a mixture of Gaussians of low rank (see `PatchModel`) to patches drawn at random, by
    expectation-maximisation with an M-step in closed form. 30,000 patches of 6 x 6 pixels take a
    few seconds.

    Parameters
    ----------
    reference : array, or list or tuple of arrays
        One or several good images, volumes or signals, with the grey values of the images to
        restore. float16, float32, float64, uint8 or uint16, the latter on the scale [0, 1].
    patch_size : int
        Width of the patches in pixels, at least 2, along each axis of space.
    num_components : int
        Number K of Gaussians.
    rank : int, optional
        Number s of directions in which each has a variance of its own; None or larger than there
        are: all. Few directions are faster, and safer with few patches.
    num_patches : int
        Number of patches drawn. If the images have fewer, all are used.
    noise : float, optional
        Standard deviation in all other directions, in grey values. By default, it is fitted for
        each component.
    remove_mean : bool
        True: learn patches without their mean, so that brightness does not matter. False: the
        grey values themselves count, too, such as those of the phases of a material.
    channel_axis : int, optional
        Axis of the channels, in each reference. Patches span all channels.
    rng : int or numpy.random.Generator
        Seed. Equal seeds give equal models, for any number of threads.
    solver : Solver, optional
        ``max_num_iter`` is the number of steps (default 25). The iteration stops earlier if the
        mean log-likelihood of a patch grows by at most ``tol`` (default 1e-3).
    on_step : callable, optional
        Called with a `Progress` after each step, whose residual is the negative mean
        log-likelihood. If it returns True, the model of that step is returned.

    Returns
    -------
    PatchModel

    Raises
    ------
    InputError
        If an image or option is invalid, images differ in axes or channels, are smaller than a
        patch or constant, or have fewer patches than components.

    Notes
    -----
    The log-likelihood never falls, except if an empty component is started again at the patches
    that are explained worst.

    References
    ----------
    Hertrich, Nguyen, Aujol, Bernard, Berthoumieu, Saadaldin & Steidl, *PCA reduced Gaussian
    mixture models with applications in superresolution*, Inverse Problems and Imaging 16 (2022)
    341-366. The closed form of the M-step is our own (docs/patches_methods).
    """
    size = check_count(patch_size, "patch_size", least=2, most=MOST_PIXELS)
    count = check_count(num_components, "num_components", most=MOST_COMPONENTS)
    drawn = check_count(num_patches, "num_patches", most=10_000_000)
    removing = check_flag(remove_mean, "remove_mean")
    if rank is not None:
        rank = check_count(rank, "rank", least=0, most=MOST_PIXELS)
    if noise is not None:
        noise = check_number(noise, "noise", positive=True)
    own = limits(solver, tol=1e-3, max_num_iter=25)
    reporter, random = Reporter(on_step), generator(rng)
    several = isinstance(reference, (list, tuple)) and np.ndim(reference[0] if reference else 0) > 0
    images = _check_references(reference if several else [reference], channel_axis)
    shape = (size,) * (images[0].ndim - 1)
    channels = images[0].shape[-1]
    if size ** len(shape) * channels > MOST_PIXELS:
        raise InputError(
            f"patch_size={size} gives patches of {size ** len(shape) * channels} values; allowed "
            f"are at most {MOST_PIXELS}"
        )
    x = _draw(images, shape, drawn, random)
    if len(x) < count:
        raise InputError(
            f"num_components={count} needs as many patches; the reference has {len(x)}"
        )
    if not np.ptp(x) > 0:
        raise InputError("reference is constant; nothing can be learned from it")
    back = subspace(channels, x.shape[1] // channels) if removing else None
    if back is not None:
        x = x @ back.T
    most = x.shape[1]
    rank = most if rank is None else min(rank, most)
    model = fit_mixture(x, count, rank, noise, own, random, reporter)
    if back is None:
        return replace(model, patch_shape=shape, channels=channels)
    return replace(
        model, means=model.means @ back, bases=model.bases @ back, patch_shape=shape,
        channels=channels, remove_mean=True,
    )  # fmt: skip


def subspace(channels: int, group: int) -> np.ndarray:
    """Orthonormal rows that span the patches whose channels have mean 0."""
    from scipy.fft import dct

    return np.kron(np.eye(channels), dct(np.eye(group), axis=0, norm="ortho")[1:])


def _check_references(references: Sequence[Any], channel_axis: int | None) -> list[np.ndarray]:
    if len(references) == 0:
        raise InputError("reference is empty; at least one image is needed")
    images = [channels_last(each, channel_axis, "reference", double=True)[0] for each in references]
    first = images[0]
    for image in images[1:]:
        if image.ndim != first.ndim or image.shape[-1] != first.shape[-1]:
            raise InputError(
                f"reference: images of shapes {first.shape} and {image.shape} (channels last); all "
                "must have as many axes and channels"
            )
    return images


def _draw(
    images: list[np.ndarray], shape: tuple[int, ...], count: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw patches (n, d) without repetition, from all positions of all images alike."""
    grids = []
    for image in images:
        check_patch_shape(image.shape[:-1], shape, "reference")
        grids.append(patches_of(image.shape[:-1], image.shape[-1], shape))
    ends = np.cumsum([len(grid.starts) for grid in grids])
    total = int(ends[-1])
    chosen = np.arange(total) if total <= count else rng.choice(total, count, replace=False)
    owner = np.searchsorted(ends, chosen, side="right")
    rows = []
    for k, (image, grid) in enumerate(zip(images, grids, strict=True)):
        rows.append(grid.take(image.ravel(), chosen[owner == k] - (ends[k] - len(grid.starts))))
    return np.concatenate(rows)
