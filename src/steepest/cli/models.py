"""Patch models on the command line: their files, and the images that they restore."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from cyclopts import Parameter

import steepest
from steepest.core.errors import InputError
from steepest.io import Image

from . import choices
from .certificates import Accuracy
from .grey import RangeChoice, Values, values_of
from .runner import Batch, Item
from .types import FileName, Positive

if TYPE_CHECKING:
    from steepest.patches import PatchModel


SAMPLES = 16  # of the posterior
_LEAST = 2e-3  # noise of images in which less is found, relative to their range

MODEL = Parameter(group=choices.group("Patch model", ""))
ModelFile = Annotated[
    FileName, Parameter(help="patch model, written by 'steepest patches fit'"), MODEL
]


@choices.options("Patch model")
class Prior:
    """How strongly a model acts."""

    sigma: Positive | None = None
    """standard deviation of the noise (default: estimated)"""
    weight: Positive | None = None
    """weight of the model: lower it if the result is too smooth, raise it if noise is left (the
    default suits most images)"""


@dataclass(frozen=True)
class Model:
    """A patch model and the name of its file."""

    name: str
    model: PatchModel

    @staticmethod
    def load(name: str) -> Model:
        from steepest import patches

        return Model(name, patches.load(name))

    def suited(self, image: Image) -> Image:
        """The image as the model takes it, in grey if saved as colour; `InputError` for volumes."""
        axes = len(self.model.patch_shape)
        if len(image.space) != axes:
            hint = " (try --pages)" if "Z" in image.axes and axes == 2 else ""
            raise InputError(
                f"{image.name}: has the axes {image.space}; {self.name} is a model of {axes}-D "
                f"images{hint}"
            )
        return image.without_copies() if self.model.channels == 1 else image

    def report(self, item: Item) -> None:
        """Say what the model is like."""
        own = self.model
        size = " x ".join(map(str, own.patch_shape))
        text = f"{own.num_components} components of rank {own.rank}, patches of {size}"
        item.report("model", f"{self.name}: {text}", model=self.name)


def report_noise(item: Item, sigmas: Sequence[float], how: str, values: Values, dtype: Any) -> None:
    """Report the noise of all pages, and how it is known."""
    text = ", ".join(f"{each:.3g}" for each in dict.fromkeys(sigmas))
    in_file = values.in_file(np.array(sigmas[:1]), dtype)
    text = f"standard deviation {text}, {how}"
    text += "" if in_file is None else f"; {in_file[0]:.3g} in the file"
    nothing = "; nothing was removed" if not max(sigmas) else ""
    item.report("noise", text + nothing, sigma=[*sigmas] if len(sigmas) > 1 else sigmas[0])


def stationary(results: Sequence[Any]) -> Accuracy:
    """How well the energies of restored images are minimised."""
    worst = max(float(result.gradient) for result in results)
    energies = [result.energies[-1] for result in results]
    return f"{worst:.1e}, relative, of the energy", {"gradient": worst, "energy": energies}


def denoising_by(
    model: Model, sigma: float | None, values: Values, threads: choices.Threads,
    tiles: choices.TilesChoice, reading: choices.Reading,
) -> Callable[[Item], None]:  # fmt: skip
    """The work of denoising by a model, and of the file "std" if it is wanted."""

    def like(image: Image) -> dict[str, Image]:
        return {"image": image, "std": _floats(image, image.parts)}

    def work(item: Item) -> None:
        from steepest import patches

        sigmas: list[float] = []
        spread: list[np.ndarray] = []

        def compute(page: Any, keywords: dict[str, Any]) -> None:
            if item.source.large:
                patches.denoise(page, model.model, sigma, **keywords)
                return
            part, axis = item.grey.compute(page), keywords.get("channel_axis")
            sigmas.append(own := sigma or steepest.estimate_noise(part, channel_axis=axis))
            item.keep(["image"], [patches.denoise(part, model.model, own, **keywords)])
            if "std" in item.files:
                keywords = {**keywords, "num_samples": SAMPLES}
                found = patches.posterior(part, model.model, own, **keywords).std
                in_file = item.grey.in_file(found, image.array.dtype)
                spread.append(found if in_file is None else in_file)

        image = item.read(reading, values, prepare=model.suited, like=like)
        model.report(item)
        item.solve(image, compute, threads, tiles=tiles, names=["denoised"])
        if sigmas:
            how = "estimated" if sigma is None else "given"
            report_noise(item, sigmas, how, item.grey, image.array.dtype)
        if spread:
            item.write("std", _floats(image, spread))
            middle = float(np.median(spread))
            item.report("std", f"{middle:.3g} at the median pixel", std=middle)

    return work


def _floats(image: Image, parts: Sequence[np.ndarray]) -> Image:
    """An image of 32-bit floats with the pixel size and the channels of another."""
    kept = image.metadata.without_display()
    arrays = [np.asarray(part, np.float32) for part in parts]
    return replace(image, metadata=kept, alpha=None).with_parts(arrays)


Change = Callable[[Image, Sequence[np.ndarray]], Image]


@Parameter(name="*")
@dataclass(frozen=True)
class ModelRestoration:
    """The options that all restorations by a model share, and how they compute."""

    prior: Prior = field(default_factory=Prior)
    grey: RangeChoice = field(default_factory=RangeChoice)
    threads: choices.Threads = field(default_factory=choices.Threads)
    reading: choices.Reading = field(default_factory=choices.Reading)
    writing: choices.ImageWriting = field(default_factory=choices.ImageWriting)

    def batch(
        self, images: tuple[str, ...], model: Model, kind: str,
        restore: Callable[[np.ndarray, float, dict[str, Any]], Any],
        change: Change = Image.with_parts,
    ) -> Batch:  # fmt: skip
        """A batch that writes NAME_kind, ``change(image, pages)`` of what ``restore`` returns."""
        values = values_of(self.grey, floats=self.writing.float)

        def work(item: Item) -> None:
            pages: list[np.ndarray] = []
            sigmas: list[float] = []
            how = "given" if self.prior.sigma else "estimated"

            def compute(page: Any, keywords: dict[str, Any]) -> Any:
                nonlocal how
                part, axis = item.grey.compute(page), keywords.get("channel_axis")
                sigma = self.prior.sigma
                if sigma is None:
                    span = 1.0 if part.dtype.kind == "u" else float(np.ptp(part)) or 1.0
                    sigma, least = steepest.estimate_noise(part, channel_axis=axis), _LEAST * span
                    if sigma < least:
                        sigma, how = least, "assumed, because less was found"
                sigmas.append(sigma)
                if self.prior.weight is not None:
                    keywords = {**keywords, "weight": self.prior.weight}
                result = restore(part, sigmas[-1], keywords)
                pages.append(item.grey.back(result.image, image.array.dtype))
                return result

            image = item.read(self.reading, values, prepare=model.suited)
            model.report(item)
            results = item.solve(image, compute, self.threads)
            report_noise(item, sigmas, how, item.grey, image.array.dtype)
            item.write(item.files["image"], change(image, pages))
            item.certify(results, stationary, "gradient", "step")

        sources = self.reading.sources(images, self.writing.output)
        return Batch(sources, work, self.writing.one_image(kind), self.writing.overwrite)
