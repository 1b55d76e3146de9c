"""``steepest restore``: noisy, blurred or coarse images restored by a patch model."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import steepest
from steepest.core.errors import InputError
from steepest.io import Image, read_image

from .. import choices
from ..certificates import Accuracy
from ..grey import RangeChoice, values_of
from ..runner import Batch, Item
from ..sources import Source
from ..types import Count, FileName, Images, MoreFiles, Number, Positive
from .patches import SAMPLES, Model, ModelFile

_LEAST = 2e-3  # noise of images in which less is found, relative to their range
_WIDTH = 4.0  # of a Gaussian, in standard deviations


@choices.options("What is wrong with the images")
class Degradation:
    """How the images came from good ones; without these options, by noise only."""

    sigma: Positive | None = None
    """standard deviation of the noise (default: estimated)"""
    blur: Number | None = None
    """standard deviation of a Gaussian blur, in pixels of the result (default with --factor: half
    the factor)"""
    kernel: FileName | None = None
    """image of another point spread function, such as of a small bead, of odd width and height; its
    sum is brought to 1"""
    factor: Count = 1
    """how many times finer the result is, along each axis"""
    phase: Number | None = None
    """with --factor: place of the first coarse pixel, in fine pixels (default: the middle of those
    it covers)"""

    def __post_init__(self) -> None:
        choices.only_one(blur=self.blur, kernel=self.kernel)
        if self.blur is not None and self.blur < 0:
            raise InputError(f"--blur {self.blur:g}: must be zero or positive")
        if self.factor > 1:
            choices.refuse("cannot be combined with --factor", kernel=self.kernel)
        elif self.phase is not None:
            raise InputError("--phase: also give --factor")

    @property
    def noise_only(self) -> bool:
        return self.factor == 1 and not self.blur and self.kernel is None


def restore(
    *images: Images,
    model: ModelFile,
    wrong: Degradation = Degradation(),
    weight: Positive | None = None,
    std: MoreFiles = None,
    grey: RangeChoice = RangeChoice(),
    threads: choices.Threads = choices.Threads(),
    tiles: choices.TilesChoice = choices.TilesChoice(),
    reading: choices.Reading = choices.Reading(),
    writing: choices.ImageWriting = choices.ImageWriting(),
) -> Batch:
    """Restore noisy, blurred or coarse images by a model of good ones.

    The model knows what small patches of good images look like: "steepest patches fit" learns it
    from one of them. Noise is removed, and with --blur or --kernel a known blur, too. Nothing is
    assumed about what lies beyond the border.

    With --factor, a coarse image is taken to be a fine one that was blurred by a Gaussian, of which
    every factor-th pixel was kept. The result has as many times the pixels along each axis, and the
    pixel size is divided by the factor.

    Parameters
    ----------
    weight
        with a blur or a factor: weight of the model. Lower it if the result is too smooth, raise it
        if noise is left (the default suits most images)
    std
        of noisy images: how sure each pixel is, as the model sees it, the standard deviation as
        floats
    writing.output
        file, or folder for several images (default: NAME_restored here)

    Examples
    --------
    steepest restore noisy/ --model sharp.stpm -o clean/ --std clean/
    steepest restore blurred.tif --model sharp.stpm --blur 2
    steepest restore scans/ --model sharp.stpm --kernel bead.tif -o sharp/
    steepest restore low.tif --model sharp.stpm --factor 4
    steepest restore big.zarr --model sharp.stpm -o out.zarr  larger than memory
    """
    if wrong.noise_only:
        choices.refuse("also give --blur, --kernel or --factor", weight=weight)
    else:
        choices.refuse("only of noisy images, without a blur or a factor", std=std)
    unlike = {"blur": wrong.blur, "kernel": wrong.kernel, "factor": wrong.factor > 1}
    large = tiles.wanted(images, reading, grey, std=std, **unlike, **writing.of_pixels)
    own, values = Model.load(model), values_of(grey, floats=writing.float)
    solve = _solver(own, wrong, weight, reading)

    def files(source: Source) -> dict[str, Path]:
        more = source.more_files(std=(std, "_std.tif", "image"))
        return {"image": writing.file(source, "restored"), **more}

    def like(image: Image) -> dict[str, Image]:
        return {"image": image, "std": _floats(image, image.parts)}

    def work(item: Item) -> None:
        from steepest import patches

        pages, spread, sigmas = list[np.ndarray](), list[np.ndarray](), list[float]()
        how = "given" if wrong.sigma else "estimated"

        def compute(page: Any, keywords: dict[str, Any]) -> Any:
            nonlocal how
            if large:
                return patches.denoise(page, own.model, wrong.sigma, **keywords)
            part, axis = item.grey.compute(page), keywords.get("channel_axis")
            sigma = wrong.sigma or steepest.estimate_noise(part, channel_axis=axis)
            span = 1.0 if part.dtype.kind == "u" else float(np.ptp(part)) or 1.0
            if not wrong.noise_only and wrong.sigma is None and sigma < _LEAST * span:
                sigma, how = _LEAST * span, "assumed, because less was found"
            sigmas.append(sigma)
            result = solve(part, noise=sigma, **keywords)
            pages.append(item.grey.back(getattr(result, "image", result), image.array.dtype))
            if "std" in item.files:
                options = {**keywords, "num_samples": SAMPLES}
                found = patches.posterior(part, own.model, sigma, **options).std
                in_file = item.grey.in_file(found, image.array.dtype)
                spread.append(found if in_file is None else in_file)
            return result

        image = item.read(reading, values, prepare=own.suited, like=like)
        own.report(item)
        results = item.solve(image, compute, threads, tiles=tiles, names=["restored"])
        if large:
            return
        item.write("image", _finer(image, pages, wrong.factor))
        _report_noise(item, sigmas, how, image.array.dtype)
        if spread:
            item.write("std", _floats(image, spread))
            middle = float(np.median(spread))
            item.report("std", f"{middle:.3g} at the median pixel", std=middle)
        if not wrong.noise_only:
            item.certify(results, _stationary, "gradient", "step")

    sources = reading.sources(images, writing.output, std, large=large)
    return Batch(sources, work, files, writing.overwrite)


def _solver(
    own: Model, wrong: Degradation, weight: float | None, reading: choices.FileReading
) -> Any:
    """What restores a page, given also its noise and the keywords that all such functions take."""
    from steepest import patches

    ndim, factor, blur = len(own.model.patch_shape), wrong.factor, wrong.blur
    if wrong.noise_only:
        return lambda part, noise, **keywords: patches.denoise(part, own.model, noise, **keywords)
    if factor == 1:
        point = _gaussian(blur, ndim) if blur else _point_spread(str(wrong.kernel), ndim, reading)
        return partial(patches.deblur, model=own.model, kernel=point, weight=weight)
    width = factor / 2 if blur is None else blur
    middle = (factor - 1) / 2 if width else float(factor // 2)
    place = middle if wrong.phase is None else wrong.phase

    def superresolve(part: np.ndarray, **keywords: Any) -> Any:
        if (size := part.size * factor**ndim) > reading.max_pixels:
            raise InputError(
                f"--factor {factor}: gives {size:,} pixels times channels; allowed are "
                f"{reading.max_pixels:,} (see --max-pixels)"
            )
        return patches.superresolve(
            part, own.model, factor, width, phase=place, weight=weight, **keywords
        )

    return superresolve


def _gaussian(width: float, ndim: int) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    reach = int(_WIDTH * width + 0.5)
    if (2 * reach + 1) ** ndim > choices.MAX_PIXELS:
        raise InputError(f"--blur {width:g}: too wide")
    point = np.zeros((2 * reach + 1,) * ndim)
    point[(reach,) * ndim] = 1
    return np.asarray(gaussian_filter(point, width, truncate=_WIDTH))


def _point_spread(name: str, ndim: int, reading: choices.FileReading) -> np.ndarray:
    image = read_image(name, max_pixels=reading.max_pixels).without_copies()
    point = np.asarray(image.array, np.float64)
    if image.channel_axis is not None or point.ndim != ndim or not all(n % 2 for n in point.shape):
        raise InputError(
            f"--kernel {name}: has the shape {point.shape}; allowed are grey images of {ndim} axes "
            "and odd lengths"
        )
    if not (total := point.sum()) > 0:
        raise InputError(f"--kernel {name}: has the sum {total:g}; it must be positive")
    return point / total


def _finer(image: Image, pages: Sequence[np.ndarray], factor: int) -> Image:
    """An image of these pages, whose pixels are smaller by a factor."""
    data, alpha = image.metadata, image.alpha
    if alpha is not None:
        for axis in (k for k, letter in enumerate(image.axes) if letter in image.space):
            alpha = alpha.repeat(factor, axis)
    if data.resolution:
        data = replace(data, resolution=(data.resolution[0] * factor, data.resolution[1] * factor))
    if data.z_step and "Z" in image.axes:
        data = replace(data, z_step=data.z_step / factor)
    larger = replace(image, alpha=None, metadata=data).with_parts(pages)
    return replace(larger, alpha=alpha)


def _floats(image: Image, parts: Sequence[np.ndarray]) -> Image:
    """An image of 32-bit floats with the pixel size and the channels of another."""
    kept = image.metadata.without_display()
    arrays = [np.asarray(part, np.float32) for part in parts]
    return replace(image, metadata=kept, alpha=None).with_parts(arrays)


def _report_noise(item: Item, sigmas: Sequence[float], how: str, dtype: Any) -> None:
    """Report the noise of all pages, and how it is known."""
    text = ", ".join(f"{each:.3g}" for each in dict.fromkeys(sigmas))
    in_file = item.grey.in_file(np.array(sigmas[:1]), dtype)
    text = f"standard deviation {text}, {how}"
    text += "" if in_file is None else f"; {in_file[0]:.3g} in the file"
    nothing = "; nothing was removed" if not max(sigmas) else ""
    item.report("noise", text + nothing, sigma=[*sigmas] if len(sigmas) > 1 else sigmas[0])


def _stationary(results: Sequence[Any]) -> Accuracy:
    """How well the energies of restored images are minimised."""
    worst = max(float(result.gradient) for result in results)
    energies = [result.energies[-1] for result in results]
    return f"{worst:.1e}, relative, of the energy", {"gradient": worst, "energy": energies}
