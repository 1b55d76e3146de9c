"""Echo masks tile by tile.

Each tile is thinned as by `steepest.inpainting.masks.echo`, together with a halo, until every
removal that is left would do more harm than a limit, the same for all tiles. So no tile is given a
number of pixels: textured regions keep many, flat ones few. In the next pass, each tile begins with
the pixels that all tiles have left, with the exact inpainting of its window. In the end, the pixels
of all tiles are ordered by the harm of their removal.
"""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from ...convex.total_variation import TotalVariation
from ...core.errors import InputError
from ...core.rng import Rng, generator
from ...tiled.image import TiledImage
from ...tiled.jobs import Stopped
from ...tiled.picture import Affine, Floats, Picture, check_array, check_picture, write_result
from ...tiled.request import TileRequest
from ...tiled.windows import Window
from ...tiled.workspace import read
from .. import masks
from ..masks.checks import count_of, exponent
from ..problem import check_largest
from .thinning_jobs import put_mask, thin_in_passes

_HALO = 32
_BYTES = 330, 120  # memory per pixel, and more per value (measured)


def echo_by_tiles(request: TileRequest, density: float, rng: Rng, norm: str) -> Any:
    """`steepest.inpainting.masks.echo` tile by tile."""
    exponent(norm)
    random, picture = generator(rng), check_picture(request.image, request.channel_axis)
    if len(picture.space) != 2:
        raise InputError(
            f"image of shape {picture.shape} has {len(picture.space)} spatial axes; echoes need 2 "
            "(for a colour image give channel_axis=-1)"
        )
    how, out = request.tiles, request.out
    request = replace(request, tiles=replace(how, halo=how.halo or _HALO))
    tiled = TiledImage(
        request, TotalVariation(), f"echo {density} {norm} {rng if isinstance(rng, int) else ''}",
        iterations=1, fields=1, itemsize=(_BYTES[0] / picture.channels + _BYTES[1]) / 18,
        alone=True,
    )  # fmt: skip
    count = count_of(density, math.prod(picture.space))
    kind = np.dtype(np.uint8 if getattr(out, "dtype", None) == np.uint8 else bool)
    out = check_array(out, picture.space, kind, "out")
    with tiled:
        _choose(tiled, density, count, norm, rng, random)

        def values(window: Window) -> np.ndarray:
            mask = read(tiled.workspace, "mask", tiled.tiling, window, (), bool)[None]
            return mask * np.uint8(255) if kind == "uint8" else mask

        write_result(out, (), Picture(out, None), values)
    return out


def _choose(
    tiled: TiledImage, density: float, count: int, norm: str, rng: Rng, random: np.random.Generator
) -> None:
    """Put the mask into the workspace."""
    picture, report = tiled.picture, tiled.report
    facts, _ = tiled.survey(6)
    check_largest(facts.largest)
    if len(tiled.tiling) == 1:

        def in_memory() -> np.ndarray:
            whole = np.asarray(picture.array[(slice(None),) * len(picture.shape)])
            mask = masks.echo(
                whole, density, channel_axis=picture.channel_axis, rng=rng, norm=norm,
                num_threads=tiled.workers.num_threads, on_step=report.stage,
            )  # fmt: skip
            if report.stopped:
                raise Stopped
            return mask

        tiled.workspace.made_once("mask", in_memory)
        return
    seed = tiled.workspace.once("seed", int(random.integers(1 << 62)))
    middle, unit = facts.low / 2 + facts.high / 2, facts.high / 2 - facts.low / 2 or 1.0
    scaled = Affine(Floats(picture), middle, unit, np.dtype(np.float32))
    name = thin_in_passes(tiled, scaled, count, seed, exponent(norm) == 1)
    put_mask(tiled, name, count)
