"""``steepest denoise``: remove noise by total variation denoising."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from cyclopts import Parameter

from steepest.core.errors import InputError

from ..certificates import Certificate, without_pixels
from ..choices import (
    HuberChoice,
    NoiseChoice,
    PixelChoice,
    RangeChoice,
    Reading,
    SolverChoice,
    StrictReporting,
    TilesChoice,
    Writing,
    keywords_of,
    refuse,
)
from ..grey import Values, values_of
from ..runner import Batch, Item
from ..tiles import Tiling
from ..types import Images, Positive, number, word


def _strength(text: str) -> float | str:
    if text == "auto":
        return text
    value = number(text)
    if value < 0:
        raise ValueError(f"{text} is negative; allowed are auto and numbers from 0")
    return value


def denoise(
    *images: Images,
    strength: Annotated[float | Literal["auto"], word(_strength, "S")] = "auto",
    sigma: Annotated[Positive | None, Parameter(metavar="S")] = None,
    grey: RangeChoice = RangeChoice(),
    noise: NoiseChoice = NoiseChoice(),
    energy: HuberChoice = HuberChoice(),
    solver: SolverChoice = SolverChoice(),
    tiles: TilesChoice = TilesChoice(),
    reading: Reading = Reading(),
    writing: Writing = Writing(),
    pixels: PixelChoice = PixelChoice(),
    reporting: StrictReporting = StrictReporting(),
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
        refuse(f"{why}--gain and --read-noise", sigma=sigma)
    if tiles.wanted(images, reading, grey, noise, pixels, sigma=sigma):
        return _tiled(strength, energy, solver).batch(images, tiles, writing, "denoise")

    def work(item: Item) -> None:
        import steepest

        image = item.read(reading, values)
        options = keywords_of(image, grey, energy, solver) | {"channel_axis": image.channel_axis}
        parts, results, sigmas = [], [], []
        for index, page in enumerate(image.parts):
            with item.page(image, index) as on_step:
                keywords = {**options, "on_step": on_step}
                if strength == "auto":
                    result, own = _automatic(page, values, sigma, keywords)
                else:
                    part = values.compute(page)
                    result, own = steepest.denoise_tv(part, float(strength), **keywords), None
            parts.append(values.back(result.image, image.array.dtype))
            results.append(without_pixels(result))
            sigmas.append(own)
        item.write(item.files["image"], image.with_parts(parts))
        strengths = [result.strength for result in results]
        _report(item, strengths, sigmas, values, image.array.dtype)
        item.certify(Certificate(results, item.seconds))

    return Batch(
        reading.sources(images, writing.output), work,
        lambda s: {"image": s.file(writing.output, "denoised", pixels.suffix(s.name))},
        writing.overwrite,
    )  # fmt: skip


def _tiled(strength: float | str, energy: HuberChoice, solver: SolverChoice) -> Tiling:
    from steepest import tiled

    if strength == "auto" or not strength:
        raise InputError("--strength: a positive number is needed for images computed by tiles")
    weight = float(strength)

    def solve(part: Any, out: Any, keywords: dict[str, Any]) -> Any:
        return tiled.denoise_tv(part, weight, out[0], **keywords)

    def report(item: Item, results: list[Any]) -> None:
        item.tell("strength", f"{weight:g}", strength=weight)

    return Tiling(["denoised"], solve, report, [energy, solver], energy.separate_channels)


def _automatic(
    page: np.ndarray, values: Values, sigma: float | None, keywords: dict[str, Any]
) -> tuple[Any, Any]:
    """Denoise a page by a strength that is found.

    Return the result and the standard deviation of the noise that was used, which is one number for
    each channel if these are separate.
    """
    import steepest

    isotropic, coupled = keywords.pop("isotropic"), keywords.pop("coupled")
    axis, deviation = keywords["channel_axis"], sigma  # type: Any, Any
    if sigma is None and (coupled or axis is None):
        deviation = values.noise(page, axis)
    elif sigma is None:
        deviation = [values.noise(channel, None) for channel in np.moveaxis(page, axis, 0)]
    energy = steepest.TotalVariation(
        norm="isotropic" if isotropic else "anisotropic",
        coupled=coupled,
        huber=keywords.pop("huber", 0.0),
    )
    part = values.compute(page)
    return steepest.denoise_discrepancy(part, deviation, energy, **keywords), deviation


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
