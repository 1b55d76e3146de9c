"""``steepest patches``: learn patch models, and find what is unlike their images."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter

from steepest.core.errors import InputError
from steepest.io import Image, check_kind

from .. import choices
from ..grey import RangeChoice, values_of
from ..parser import Family
from ..runner import Batch, Item
from ..types import Count, FileName, Images, Positive, Seed

_TEXT = """\
Learn from one good image what others should look like.

Learn a model of small patches from good images of the kind you work with. Then "restore" restores
others by it, and "patches map" shows where an image is unlike them.

Examples
--------
steepest patches fit sharp.tif               learn: writes sharp.stpm
steepest restore noisy/ --model sharp.stpm -o clean/
steepest restore low.tif --model sharp.stpm --factor 4
steepest patches map part.tif --model sharp.stpm  where it is different
steepest patches calibrate other/ --model sharp.stpm --sigma 0.05
"""


SAMPLES = 16  # of the posterior
ModelFile = Annotated[FileName, Parameter(help="patch model, written by 'steepest patches fit'")]


@dataclass(frozen=True)
class Model:
    """A patch model and the name of its file."""

    name: str
    model: Any

    @staticmethod
    def load(name: str) -> "Model":
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


def fit(
    *images: Images,
    output: Annotated[FileName | None, Parameter(alias="-o")] = None,
    patch_size: Count = 6,
    components: Count = 50,
    rank: Count = 12,
    num_patches: Count = 30_000,
    keep_mean: bool = False,
    seed: Seed = 0,
    grey: RangeChoice = RangeChoice(),
    threads: choices.Threads = choices.Threads(),
    reading: choices.Reading = choices.Reading(),
    writing: choices.Replacing = choices.Replacing(),
) -> Batch:
    """Learn a model of patches from good images.

    The images must be sharp and free of noise, of the kind, the magnification and the grey values
    of those to restore. One is often enough. Several files, or with --pages the pages of a file,
    are learned together.

    Parameters
    ----------
    output
        file to write, ending in .stpm (default: NAME.stpm here)
    patch_size
        width of the patches in pixels; take 4 for volumes
    components
        number of Gaussians: the more, the more kinds of structures there are
    rank
        directions in which each Gaussian has a variance of its own
    num_patches
        patches drawn at random
    keep_mean
        learn grey values, too, such as those of the phases of a material; otherwise brightness
        does not matter

    Examples
    --------
    steepest patches fit sharp.tif               writes sharp.stpm
    steepest patches fit good/ -o steel.stpm     from all images of a folder
    steepest patches fit ct.tif --patch-size 4   a volume
    """
    sources = reading.sources(images)
    target = Path(output or f"{sources[0].stem}.stpm")
    check_kind(target, "patch model")
    values = values_of(grey)

    def work(item: Item) -> None:
        from steepest import patches
        from steepest.patches.files import encode

        first = item.read(reading, values, prepare=Image.without_copies, kept=False)
        every = [first, *(reading.read(each.name).without_copies() for each in sources[1:])]
        pages = [item.grey.compute(page) for image in every for page in image.parts]
        with item.progress() as on_step:
            model = patches.fit(
                pages, patch_size, components, rank, num_patches=num_patches,
                remove_mean=not keep_mean, channel_axis=first.channel_axis, rng=seed,
                on_step=on_step, **threads.keywords(first),
            )  # fmt: skip
        item.write(target, encode(model))
        if len(pages) > 1:
            item.report("images", str(len(pages)), images=len(pages))
        Model(target.name, model).report(item)
        item.values["model"] = str(target)
        likelihood = model.history[-1]
        item.report("likelihood", f"{likelihood:.4g} nats a patch", log_likelihood=likelihood)
        steps = len(model.history)
        item.report("effort", f"{steps} steps, {item.seconds:.2f} s", seconds=item.seconds)

    return Batch([sources[0]], work, lambda _: {"model": target}, writing.overwrite)


def likelihood_map(
    *images: Images,
    model: ModelFile,
    sigma: Positive | None = None,
    grey: RangeChoice = RangeChoice(),
    threads: choices.Threads = choices.Threads(),
    reading: choices.Reading = choices.Reading(),
    writing: choices.Writing = choices.Writing(),
) -> Batch:
    """Map where images are unlike those that a model has learned, such as defects.

    The map is an image of 32-bit floats: for each pixel the mean log-likelihood of the patches that
    contain it. It is low where the image is unlike the reference.

    Parameters
    ----------
    sigma
        standard deviation of noise in the images that the reference does not have (default: none)
    writing.output
        TIFF or NPY file, or folder for several images (default: NAME_map.tif here)

    Examples
    --------
    steepest patches map part.tif --model good.stpm
    steepest patches map parts/ --model good.stpm -o maps/
    steepest patches map part.tif --model good.stpm --sigma 0.02
    """
    own, values = Model.load(model), values_of(grey)

    def like(image: Image) -> dict[str, Image]:
        return {"map": image.of_numbers(dtype=np.float32)}

    def work(item: Item) -> None:
        from steepest import patches

        def compute(page: Any, keywords: dict[str, Any]) -> np.ndarray:
            keywords.pop("on_step")
            part = item.grey.compute(page)
            return patches.log_likelihood(part, own.model, noise=sigma or 0.0, **keywords)

        image = item.read(reading, values, prepare=own.suited, like=like)
        own.report(item)
        maps = item.solve(image, compute, threads)
        item.write(item.files["map"], image.of_numbers([each.astype(np.float32) for each in maps]))
        low, middle = (float(f(maps)) for f in (np.min, np.median))
        item.report("likelihood", f"median {middle:.4g}, lowest {low:.4g} nats", lowest=low)
        item.values["median"] = middle

    return Batch(
        reading.sources(images, writing.output), work,
        lambda source: {"map": source.file(writing.output, "map", ".tif")}, writing.overwrite,
    )  # fmt: skip


def calibrate(
    *images: Images,
    model: ModelFile,
    sigma: Positive,
    level: Positive = 0.9,
    seed: Seed = 0,
    grey: RangeChoice = RangeChoice(),
    threads: choices.Threads = choices.Threads(),
    reading: choices.Reading = choices.Reading(),
    reporting: choices.Reporting = choices.Reporting(),
) -> Batch:
    """Say how many standard deviations of "restore --std" hold the true values.

    Noise is added to good images that the model has not seen. They are denoised, and compared with
    what they were. The factor is the number of standard deviations about the denoised image that
    holds the share LEVEL of the true values, on average over pixels and images (conformal risk
    control). It is for one more image of this kind, with this noise and this model.

    It takes 36 images for a level of 0.9, and more for higher levels. Fewer are cut into parts. The
    factor is then for one more such part, and only as good as the parts are alike.

    Parameters
    ----------
    sigma
        standard deviation of the noise that the noisy images have
    level
        share of the true values, below 1
    seed
        random seed of the noise

    Examples
    --------
    steepest patches calibrate other/ --model sharp.stpm --sigma 0.05
    steepest patches calibrate other.tif --model sharp.stpm --sigma 0.05
    steepest patches calibrate other/ --model m.stpm --sigma 0.05 --level 0.8
    """
    if level >= 1:
        raise InputError(f"--level {level:g}: allowed are numbers between 0 and 1")
    own, values, sources = Model.load(model), values_of(grey), reading.sources(images)

    def work(item: Item) -> None:
        from steepest import patches

        first = item.read(reading, values, prepare=own.suited, kept=False)
        every = [first, *(own.suited(reading.read(each.name)) for each in sources[1:])]
        pages = [item.grey.compute(page) for image in every for page in image.parts]
        with item.progress():
            found = patches.calibrate(
                pages, own.model, sigma, level, num_samples=SAMPLES, rng=seed,
                channel_axis=first.channel_axis, **threads.keywords(first),
            )  # fmt: skip
        own.report(item)
        parts, factor = found.num_parts, found.factor
        what = "images" if parts == len(pages) else f"parts of {len(pages)} images"
        item.report("held out", f"{parts} {what}", parts=parts, images=len(pages))
        text = f"{factor:.3g} standard deviations hold {level:.0%} of the true values"
        item.report("factor", text, factor=factor, level=level, sigma=sigma)

    return Batch([sources[0]], work)


patches = Family(_TEXT, {"fit": fit, "map": likelihood_map, "calibrate": calibrate})
