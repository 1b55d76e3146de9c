"""``steepest denoise``: remove noise by total variation denoising."""

from typing import Annotated, Any, Literal

import numpy as np

import steepest
from steepest.core.errors import InputError

from .. import choices
from ..certificates import bounds, without_pixels
from ..grey import NoiseChoice, RangeChoice, values_of
from ..runner import Batch, Item
from ..types import Images, Positive, number, word

_FEW_VALUES = 32  # rounding to so few is told


def _strength(text: str) -> float | str:
    value = text if text == "auto" else number(text)
    if isinstance(value, float) and value < 0:
        raise ValueError(f"{text} is negative; allowed are auto and numbers from 0")
    return value


def denoise(
    *images: Images,
    strength: Annotated[float | Literal["auto"], word(_strength, "S")] = "auto",
    sigma: Positive | None = None,
    grey: RangeChoice = RangeChoice(),
    noise: NoiseChoice = NoiseChoice(),
    energy: choices.HuberChoice = choices.HuberChoice(),
    solver: choices.SolverChoice = choices.SolverChoice(),
    tiles: choices.TilesChoice = choices.TilesChoice(),
    reading: choices.Reading = choices.Reading(),
    writing: choices.ImageWriting = choices.ImageWriting(),
) -> Batch:
    """Remove noise, by total variation or another energy.

    Denoise images: the minimiser v of 1/2 ||v - image||^2 + strength * J(v), certified. J is
    the total variation, or another --energy.

    By default the noise is estimated from the flattest parts of the image, and the strength is
    the one of the least estimated error (Stein's unbiased risk estimate). Each page of a time
    series has its own strength, and with --separate-channels so has each channel. Results have the
    format and the type of the image: 16-bit stays 16-bit, and metadata is kept.

    Parameters
    ----------
    strength
        weight of the energy, or auto: that of the least estimated error
    sigma
        standard deviation of the noise (default: estimated)
    writing.output
        file, or folder for several images (default: NAME_denoised here)

    Examples
    --------
    steepest denoise photo.jpg                     writes photo_denoised.jpg
    steepest denoise photo.jpg --strength 0.05     for values in [0, 1]
    steepest denoise photo.jpg --energy tgv        keeps slopes as well as edges
    steepest denoise 'scans/*.tif' -o clean        every image of a folder or glob
    steepest denoise stack.tif --spacing file      spacing of slices in the file
    steepest denoise cells.tif --range 0 4095      12-bit data in a 16-bit file
    steepest denoise counts.tif --noise poisson    photon counts; also see --gain
    steepest denoise dim.tif --noise auto          gain and read noise estimated
    steepest denoise big.zarr -o out.zarr          larger than memory

    Notes
    -----
    The strength and sigma refer to values in [0, 1] for 8- and 16-bit images, and to the values in
    the file for floats. With --range, 0 and 1 are the grey values LOW and HIGH. The larger a
    structure is, the larger the strength that it survives.

    With --noise poisson or auto, the strength and the certificate refer to the transformed image,
    whose noise has a standard deviation of 1 (less where there are few photons). Results are grey
    values as in the file, also with --float.
    """
    values = values_of(grey, noise, floats=writing.float)
    if noise.noise != "gaussian":
        why = f"cannot be combined with --noise {noise.noise}, whose noise follows from the image; "
        choices.refuse(f"{why}see --gain and --read-noise", sigma=sigma)
    weight: Any = None if strength == "auto" else strength
    if weight is not None:
        choices.refuse("not with --strength, which needs no noise", sigma=sigma)
    large = tiles.wanted(images, reading, grey, noise, sigma=sigma, **writing.of_pixels)
    if large and weight == 0:
        raise InputError("--strength 0: by tiles, allowed are auto and positive numbers")

    def work(item: Item) -> None:
        def compute(page: Any, keywords: dict[str, Any]) -> Any:
            part = item.grey.compute(page)
            if weight is None and not large:
                axis = keywords.get("channel_axis")
                own = sigma or item.grey.noise(page, axis, separate=energy.separate_channels)
                result = steepest.denoise_least_risk(part, own, **keywords)
            else:
                result = steepest.denoise(part, weight, **keywords)
            item.keep(["image"], [result.image])
            return without_pixels(grey.with_range(result))

        image = item.read(reading, values)
        energy.report(item)
        results = item.solve(image, compute, energy, solver, tiles=tiles, names=["denoised"])
        _report(item, results, image.array.dtype)
        item.grey.report_clipping(item, image)
        rounded = not large and not writing.float and image.array.dtype.kind == "u"
        if 0 < (largest := int(image.array.max()) if rounded else 0) < _FEW_VALUES:
            words = f"whole grey values, up to {largest}; --float also keeps fractions"
            item.report("rounded to", words)
        item.certify(results, bounds)

    sources = reading.sources(images, writing.output, large=large)
    return Batch(sources, work, writing.one_image("denoised"), writing.overwrite)


def _report(item: Item, results: list[Any], dtype: np.dtype) -> None:
    """Report the strengths, for which noise they were chosen, and where that was estimated.

    There is one result per page, with numbers or with one number per channel.
    """
    strengths, sigmas = (
        np.atleast_2d(np.array([getattr(result, name) for result in results], float).T)
        for name in ("strength", "sigma")
    )
    for channel, (own, sigma) in enumerate(zip(strengths, sigmas, strict=True), 1):
        text = _few(own, 4)
        if results[0].sigma is not None:
            text += f" ({_chosen_for(own, sigma, item.grey.in_file(sigma, dtype))})"
        elif own.min() >= 1 and (levels := item.grey.in_file(1, dtype)) is not None:
            text += (
                f" (for values in [0, 1]: {own.min():g} of {levels:g} is {own.min() / levels:.3g})"
            )
        item.report(f"strength {channel}" if np.ndim(results[0].strength) else "strength", text)
    names = ["strength", "sigma"]
    if results[0].noise_share is not None:
        names.append("noise_share")
        if models := [m for result in results for m in result.noise if m.share > 0]:
            text = (
                f"measured in the flattest {_few(np.array([100 * m.share for m in models]), 3)} %"
            )
            if (blurs := np.array([m.blur for m in models if m.blur])).size:
                text += f"; correlated, like white noise blurred by {_few(blurs, 2)} pixels"
            text += "; stronger where the image is bright" if any(m.gain for m in models) else ""
            if any(m.textured for m in models):
                text += "; fine texture all over may have been taken for noise, see --sigma"
            item.report("noise", text)
    for name in names:
        found = [getattr(result, name) for result in results]
        item.values[name] = found if len(found) > 1 else found[0]


def _chosen_for(strengths: np.ndarray, sigmas: np.ndarray, in_file: Any) -> str:
    """Say for which noise the strengths of all pages were chosen, and where nothing was removed."""
    nothing, pages = np.count_nonzero(strengths == 0), strengths.size
    if nothing == pages:
        return "automatic: no noise was found, so nothing was removed"
    text = f"automatic, for noise of standard deviation {_few(sigmas, 3)}"
    text += "" if in_file is None else f"; {_few(in_file, 3)} in the file"
    return text + (f"; nothing was removed from {nothing} of {pages} pages" if nothing else "")


def _few(values: np.ndarray, digits: int) -> str:
    """Format the numbers of all pages; for more than six pages, the smallest and the largest."""
    words = [f"{value:.{digits}g}" for value in values]
    if len(set(words)) == 1:
        return words[0]
    if len(words) <= 6:
        return ", ".join(words)
    return f"{values.min():.{digits}g} to {values.max():.{digits}g}"
