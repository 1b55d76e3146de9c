"""``steepest denoise``: remove noise by total variation denoising."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np

import steepest
from steepest.core.errors import InputError
from steepest.io import Image

from .. import choices
from ..certificates import Certificate, without_pixels
from ..grey import Values, values_of
from ..runner import Batch, Item
from ..tiles import Tiling
from ..types import Images, Positive, number, word


def _strength(text: str) -> float | str:
    value = text if text == "auto" else number(text)
    if isinstance(value, float) and value < 0:
        raise ValueError(f"{text} is negative; allowed are auto and numbers from 0")
    return value


def denoise(
    *images: Images,
    strength: Annotated[float | Literal["auto"], word(_strength, "S")] = "auto",
    sigma: Positive | None = None,
    grey: choices.RangeChoice = choices.RangeChoice(),
    noise: choices.NoiseChoice = choices.NoiseChoice(),
    energy: choices.HuberChoice = choices.HuberChoice(),
    solver: choices.SolverChoice = choices.SolverChoice(),
    tiles: choices.TilesChoice = choices.TilesChoice(),
    reading: choices.Reading = choices.Reading(),
    writing: choices.Writing = choices.Writing(),
    pixels: choices.PixelChoice = choices.PixelChoice(),
    reporting: choices.Reporting = choices.Reporting(),
) -> Batch:
    """Remove noise; the strength is found automatically.

    Denoise images: the minimiser v of 1/2 ||v - image||^2 + strength * TV(v), certified.

    By default the noise is estimated from the image, and the strength is chosen so that exactly
    this much is removed (discrepancy principle). Each page of a time series has its own strength,
    and with --separate-channels so has each channel. Results have the format and the type of the
    image: 16-bit stays 16-bit, and metadata is kept.

    Parameters
    ----------
    strength
        weight of the total variation, or auto
    sigma
        standard deviation of the noise (default: estimated)
    writing.output
        file, or folder for several images (default: NAME_denoised here)

    Examples
    --------
    steepest denoise photo.jpg                       writes photo_denoised.jpg
    steepest denoise photo.jpg --strength 0.05       this strength, for grey values in [0, 1]
    steepest denoise scan.tif --sigma 0.02           noise of this standard deviation
    steepest denoise scans/ -o clean                 every image of a folder
    steepest denoise 'scans/*.tif' -o clean --json   a glob; results as JSON
    steepest denoise stack.tif --spacing file        a volume, with the slice spacing in the file
    steepest denoise cells.tif --range 0 4095        12-bit data in a 16-bit file
    steepest denoise counts.tif --noise poisson      photon counts
    steepest denoise big.zarr --strength 0.1 -o out.zarr    larger than memory, tile by tile
    steepest denoise camera.tif --noise poisson --gain 2.2 --read-noise 3.5 --offset 100

    Notes
    -----
    The strength and sigma refer to values in [0, 1] for 8- and 16-bit images, and to the values in
    the file for floats. With --range, 0 and 1 are the grey values LOW and HIGH. The larger a
    structure is, the larger the strength that it survives.

    With --noise poisson, the strength and the certificate refer to the transformed image, whose
    noise has a standard deviation of 1 (less where there are few photons). Results are grey values
    as in the file, also with --float.
    """
    values = values_of(grey, noise, floats=pixels.float)
    if noise.noise == "poisson":
        why = "cannot be combined with --noise poisson, whose noise follows from the image; see "
        choices.refuse(f"{why}--gain and --read-noise", sigma=sigma)
    weight: Any = None if strength == "auto" else strength
    if tiles.wanted(images, reading, grey, noise, pixels, sigma=sigma):
        if not weight:
            raise InputError("--strength: a positive number is needed for images computed by tiles")
        return Tiling(
            ["denoised"],
            lambda part, out, keywords: steepest.tiled.denoise_tv(part, weight, out[0], **keywords),
            lambda item, results: item.tell("strength", f"{weight:g}", strength=weight),
            [energy, solver],
        ).batch(images, tiles, writing, "denoise")

    def compute(item: Item, image: Image) -> list[np.ndarray]:
        keywords = choices.keywords_of(image, grey, solver)
        keywords.update(channel_axis=image.channel_axis, spacing=energy.along(image))
        parts, results, sigmas = [], [], []
        for index, page in enumerate(image.parts):
            with item.page(image, index) as keywords["on_step"]:
                part, own = values.compute(page), None
                if weight is None:
                    own = sigma or _noise(page, values, image.channel_axis, energy)
                    result = steepest.denoise_discrepancy(part, own, energy.energy, **keywords)
                else:
                    result = steepest.denoise(part, weight, energy.energy, **keywords)
            parts.append(values.back(result.image, image.array.dtype))
            results.append(without_pixels(result))
            sigmas.append(own)
        _report(item, [result.strength for result in results], sigmas, values, image.array.dtype)
        item.certify(Certificate(results, item.seconds))
        return parts

    return Batch.of_images(images, compute, "denoised", values, reading, writing, pixels)


def _noise(
    page: np.ndarray, values: Values, channel_axis: int | None, energy: choices.EnergyChoice
) -> Any:
    """Estimate the standard deviation of the noise, of each channel if these are separate."""
    if channel_axis is None or not energy.separate_channels:
        return values.noise(page, channel_axis)
    return [values.noise(channel, None) for channel in np.moveaxis(page, channel_axis, 0)]


def _report(
    item: Item, strengths: list[Any], sigmas: list[Any], values: Values, dtype: np.dtype
) -> None:
    """Report the strengths and the noise levels used to choose them.

    Both have one entry per page, which is a number or one number per channel.
    """
    table = np.atleast_2d(np.array(strengths, float).T).T
    for channel in range(table.shape[1]):
        text = _few(table[:, channel], 4)
        if sigmas[0] is not None:
            noise = np.array(sigmas, float).reshape(len(sigmas), -1)
            noise = np.broadcast_to(noise, table.shape)[:, channel]
            text += f" (automatic, for noise of standard deviation {_few(noise, 3)}"
            in_file = values.in_file(noise, dtype)
            text += ")" if in_file is None else f"; {_few(in_file, 3)} in the file)"
        several = f" {channel + 1}" if table.shape[1] > 1 else ""
        item.tell(f"strength{several}", text)
    single = len(strengths) == 1
    item.values.update(
        strength=strengths[0] if single else strengths, sigma=sigmas[0] if single else sigmas
    )


def _few(values: np.ndarray, digits: int) -> str:
    """Format the numbers of all pages; for more than six pages, the smallest and the largest."""
    words = [f"{value:.{digits}g}" for value in values]
    if len(set(words)) == 1:
        return words[0]
    if len(words) <= 6:
        return ", ".join(words)
    return f"{values.min():.{digits}g} to {values.max():.{digits}g}"
