"""Patch models on images larger than memory.

A pass of `denoise` reaches one pixel less than a patch. Each tile is read once, with a halo for all
passes, so that nothing is stored between them.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ..convex.total_variation import TotalVariation
from ..core.numbers import check_number
from ..core.progress import Reporter
from ..flows.noise import estimate_noise
from ..tiled.image import ShapeAndDtype, TiledImage
from ..tiled.jobs import TileJob
from ..tiled.picture import (
    Picture,
    check_array,
    check_out,
    check_picture,
    frame_reader,
    write_result,
)
from ..tiled.request import TileRequest
from ..tiled.sample import sample
from ..tiled.workspace import WRITING, digest
from .grid import check_fits, check_model
from .model import PatchModel
from .passes import SCHEDULE, all_passes
from .tables import likelihoods

_LEAST = 8  # pixels of a halo
_NOISE_PATCHES = 3  # of the sample in which the noise is estimated, along each axis


@dataclass(frozen=True)
class PatchJob(TileJob):
    """Compute a tile by ``task``, from (\\*window, channels); one channel need not have an axis."""

    picture: Picture
    like: Picture
    task: Callable[..., np.ndarray]

    def run(self) -> np.ndarray:
        """Keep the core of what is computed."""
        window = np.ascontiguousarray(np.moveaxis(self.picture.read(self.tile.window), 0, -1))
        found = self.task(window, num_threads=self.num_threads).reshape(*window.shape[:-1], -1)
        found = np.moveaxis(found, -1, 0)
        core: Any = (slice(None), *self.tile.inner)
        self.put("result", self.like.restored(np.ascontiguousarray(found[core])))
        return np.zeros(1)


def denoise_by_tiles(request: TileRequest, model: PatchModel, sigma: float | None) -> Any:
    """`patches.denoise` tile by tile; the noise is by default that of a sample."""
    picture = _checked(request, model, "noisy")
    if sigma is not None:
        sigma = check_number(sigma, "sigma")
    out = check_out(request.out, picture, ())
    tiled = _tiled(request, model, f"patches.denoise {sigma}", len(SCHEDULE))
    with tiled:
        tiled.survey(tiled.coarse_levels())
        level = tiled.workspace.decided("sigma", lambda: _noise(picture, sigma))
        task = partial(all_passes, model=model, sigma=level, reporter=Reporter(None))
        _run(tiled, task, tiled.picture, out)
    return out


def likelihood_by_tiles(request: TileRequest, model: PatchModel, variance: float) -> Any:
    """`patches.log_likelihood` tile by tile."""
    picture = _checked(request, model, "image")
    kind = np.dtype(np.float64)
    out = check_array(request.out, picture.space, kind, "out")
    tiled = _tiled(request, model, f"patches.log_likelihood {variance}", 1, double=True)
    with tiled:
        tiled.survey(tiled.coarse_levels())
        like = Picture(ShapeAndDtype(picture.space, kind), None)
        _run(tiled, partial(likelihoods, model=model, variance=variance), like, out)
    return out


def _checked(request: TileRequest, model: Any, name: str) -> Picture:
    check_model(model)
    picture = check_picture(request.image, request.channel_axis, name)
    check_fits((*picture.space, picture.channels), model, name)
    return picture


def _tiled(
    request: TileRequest, model: PatchModel, name: str, passes: int, **options: Any
) -> TiledImage:
    """The image with tiles whose halo is as wide as the passes reach."""
    halo = max(passes * (max(model.patch_shape) - 1), _LEAST)
    request = replace(request, tiles=replace(request.tiles, halo=halo))
    arrays = (model.weights, model.means, model.bases, model.variances, model.residuals)
    name = f"{name} {model} {digest(*arrays)}"
    return TiledImage(request, TotalVariation(), name, iterations=1, fields=1, **options)


def _noise(picture: Picture, sigma: float | None) -> float:
    if sigma is not None:
        return sigma
    mosaic = sample(picture.space, picture.read, patches=_NOISE_PATCHES)
    grey = picture.axis is None
    return estimate_noise(mosaic[0] if grey else mosaic, channel_axis=None if grey else 0)


def _run(tiled: TiledImage, task: Any, like: Picture, out: Any) -> None:
    tiled.run(
        PatchJob, tiled.halo, "denoised", "patches", ["result"], picture=tiled.picture, like=like,
        task=task,
    )  # fmt: skip
    tiled.workspace.once(WRITING, True)
    values = frame_reader(tiled.workspace, "result", tiled.tiling, like)
    write_result(out, (), like, values)
