"""Echo masks of arrays that do not fit in memory."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..convex.total_variation import TotalVariation
from ..core.errors import InputError
from ..core.result import Result
from ..core.rng import Rng, generator
from ..core.status import Status
from ..flows.options import takes_options_of
from ..inpainting import masks
from ..inpainting.masks.checks import count_of, exponent
from ..inpainting.problem import check_largest
from .diffusion import inpaint
from .passes import Stopped
from .picture import Floats, Picture, check_array, check_out, check_picture, deliver
from .setup import Setup
from .thinning import Scaled, put_mask, thinned
from .windows import Window
from .workspace import read

_HALO = 32
_BYTES = 330, 120  # memory per pixel, and more per value (measured)
_SHARED = ("memory", "executor", "num_workers", "num_threads")


@dataclass(frozen=True, eq=False)
class TiledMask(Result):
    """A mask of an image on disk, and the errors of the image inpainted from it.

    Attributes
    ----------
    mask : array-like
        The pixels to keep: ``out``.
    known : int
        The number of these pixels.
    density : float
        This number divided by that of all pixels.
    mae, mse, psnr : float
        As for `steepest.inpainting.Reconstruction`: sums over the whole image.
    iterations : int
        The number of passes over the image that chose the mask.
    status : Status
        How the inpainting ended. If it was stopped, the errors are infinite, and the mask may be
        unfinished.
    """

    mask: Any
    known: int
    density: float
    mae: float
    mse: float
    psnr: float
    iterations: int
    status: Status


@takes_options_of(Setup, without=("weights", "spacing"))
def echo(
    image: Any,
    density: float,
    out: Any = None,
    *,
    reconstruction: Any = None,
    rng: Rng = None,
    norm: str = "l1",
    **options: Any,
) -> TiledMask:
    """Choose the pixels to keep of an array that does not fit in memory, by echo sparsification.

    Each tile is thinned as by `steepest.inpainting.masks.echo`, together with a halo, until every
    removal that is left would do more harm than a limit, the same for all tiles. So no tile is
    given a number of pixels: textured regions keep many, flat ones few. In the next pass, each tile
    begins with the pixels that all tiles have left, with the exact inpainting of its window. In
    the end, the pixels of all tiles are ordered by the harm of their removal. The image is then
    inpainted from the mask and compared with the original.

    Parameters
    ----------
    image : array-like, 2-D, plus an optional channel axis
        Anything with ``shape``, ``dtype`` and slicing that returns arrays. The dtypes are those of
        `denoise_tv` of this module.
    density, rng, norm
        As in `steepest.inpainting.masks.echo`.
    out : array-like of the spatial shape, bool or uint8, optional
        Where the mask is written by slices: True, or 255, at the pixels to keep. The default is a
        new NumPy array of Booleans.
    reconstruction : array-like, optional
        Where the inpainted image is written, with shape and dtype of ``image``.
    **options
        As in `denoise_tv` of this module, without ``weights`` and ``spacing``. ``halo`` is 32 by
        default. ``data_range`` is the range that the PSNR refers to.

    Returns
    -------
    TiledMask
        The mask has exactly ``max(1, round(density * N))`` of the N pixels.

    Raises
    ------
    InputError
        Bad image, density or options, or a folder that belongs to other work.

    Notes
    -----
    The mask depends on the tiles, and therefore on ``memory`` and, with an ``executor``, on
    ``num_workers``; otherwise not on the number of workers or threads. An image of one tile gets
    the mask of `steepest.inpainting.masks.echo`. Tiles take about 400 bytes per pixel, one at a
    time, which all threads share.
    """
    exponent(norm)
    random, channels = generator(rng), check_picture(image, options.get("channel_axis")).channels
    if options.get("halo") is None:
        options["halo"] = _HALO
    name = f"echo {density} {norm} {rng if isinstance(rng, int) else ''}"
    setup = Setup(
        image,
        out if out is not None else reconstruction,
        TotalVariation(),
        name,
        iterations=1,
        fields=1,
        itemsize=(_BYTES[0] / channels + _BYTES[1]) / 18,
        alone=True,
        **options,
    )
    picture = setup.picture
    if len(picture.space) != 2:
        raise InputError(
            f"image of shape {picture.shape} has {len(picture.space)} spatial axes; echoes need 2 "
            "(for a colour image give channel_axis=-1)"
        )
    count = count_of(density, math.prod(picture.space))
    kind = np.dtype(np.uint8 if getattr(out, "dtype", None) == np.uint8 else bool)
    out = check_array(out, picture.space, kind, "out")
    if reconstruction is not None:
        check_out(reconstruction, picture, ())
    passes, found, status = 0, _Comparison(picture, reconstruction), Status.STOPPED
    with setup:
        passes = _choose(setup, density, count, norm, rng, random)

        def values(window: Window) -> np.ndarray:
            mask = read(setup.workspace, "mask", setup.tiling, window, (), bool)[None]
            return mask * np.uint8(255) if kind == "uint8" else mask

        deliver(out, (), Picture(out, None), values)
        shared = {k: options[k] for k in _SHARED if k in options}
        filled = inpaint(
            Floats(setup.picture), out, found, channel_axis=0, on_step=setup.report.stage,
            work=setup.workspace.folder / "inpainting", **shared,
        )  # fmt: skip
        if filled.status is Status.STOPPED:
            raise Stopped
        status = filled.status
    return found.result(out, count, setup.data_range, passes, status)


def _choose(
    setup: Setup, density: float, count: int, norm: str, rng: Rng, random: np.random.Generator
) -> int:
    """Put the mask into the workspace; return the number of passes."""
    picture, report = setup.picture, setup.report
    facts, _ = setup.survey(6)
    check_largest(facts.largest)
    if len(setup.tiling) == 1:

        def in_memory() -> np.ndarray:
            whole = np.asarray(picture.array[(slice(None),) * len(picture.shape)])
            mask = masks.echo(
                whole, density, channel_axis=picture.channel_axis, rng=rng, norm=norm,
                num_threads=setup.crew.num_threads, on_step=report.stage,
            )  # fmt: skip
            if report.stopped:
                raise Stopped
            return mask

        setup.workspace.made_once("mask", in_memory)
        return 1
    seed = setup.workspace.once("seed", int(random.integers(1 << 62)))
    scaled = Scaled(picture, facts.low / 2 + facts.high / 2, facts.high / 2 - facts.low / 2 or 1.0)
    name, passes = thinned(setup, scaled, count, seed, exponent(norm) == 1)
    put_mask(setup, name, count)
    return passes


class _Comparison:
    """Compares what is written into it, (C, \\*space), with an image, and passes it on."""

    def __init__(self, picture: Picture, to: Any) -> None:
        floats = Floats(picture)
        self.shape, self.dtype = floats.shape, floats.dtype
        self._picture, self._to = picture, to
        self._absolute = self._square = 0.0

    def __setitem__(self, index: tuple[slice, ...], values: np.ndarray) -> None:
        window, axis = index[1:], self._picture.axis
        error = np.abs(values.astype(np.float64) - self._picture.read(window))
        self._absolute += float(error.sum())
        self._square += float((error * error).sum())
        if self._to is not None:
            part = self._picture.restored(values)
            self._to[self._picture.index(window)] = (
                part[0] if axis is None else np.moveaxis(part, 0, axis)
            )

    def result(self, mask: Any, known: int, span: float, passes: int, status: Status) -> TiledMask:
        size = self._picture.size
        mae, mse = self._absolute / size, self._square / size
        psnr = 20 * math.log10(span) - 10 * math.log10(mse) if mse > 0 else math.inf
        if status is Status.STOPPED:
            mae, mse, psnr = math.inf, math.inf, -math.inf
        density = known * self._picture.channels / size
        return TiledMask(mask, known, density, mae, mse, psnr, passes, status)
