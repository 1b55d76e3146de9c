"""``steepest stipple``: turn photographs into dots."""

from typing import Annotated, Literal

import numpy as np
from cyclopts import Parameter

import steepest
from steepest.core.errors import InputError
from steepest.io import write_dots

from .. import choices
from ..extras import need_figures
from ..runner import Batch, Item
from ..sources import check_format
from ..types import Count, Images, Number, Positive, Seed

_DRAWING = Parameter(group="Drawing")


def stipple(
    *images: Images,
    points: Count = 10_000,
    invert: bool = False,
    gamma: Positive = 1.0,
    size_by_tone: Number = 0.0,
    seed: Seed = 0,
    threads: choices.Threads = choices.Threads(),
    radius: Annotated[Positive | None, _DRAWING] = None,
    width: Annotated[Positive | None, _DRAWING, Parameter(metavar="MM")] = None,
    format: Annotated[Literal["svg", "pdf", "png", "csv", "npy"] | None, _DRAWING] = None,
    reading: choices.Reading = choices.Reading(),
    writing: choices.Writing = choices.Writing(),
) -> Batch:
    """Turn a photograph into dots, for print, plotters and engravers.

    Black dots are dense where the photograph is dark. The number of dots on any area with several
    dots is right, so the grey tones are, too, from any distance. All dots have one size, unless
    --size-by-tone makes them larger where the photograph is darker.

    Parameters
    ----------
    points
        number of dots
    invert
        white dots on black, dense where the image is light
    gamma
        darkness is 1 - grey^G: 1 counts grey values, 2.2 the light of a screen
    size_by_tone
        how much of the tone is in the sizes of the dots: 0 gives one size, 1 evenly spaced dots as
        in a halftone screen
    radius
        radius of the dots, in pixels of the image
    width
        width of SVG and PDF pages, in millimetres
    format
        format of the files (default: by the name of the file, svg in a folder)
    writing.output
        file (.svg, .pdf, .png, .csv, .npy), or folder (default: NAME_dots.svg in this folder)

    Examples
    --------
    steepest stipple photo.jpg                       10,000 dots -> photo_dots.svg
    steepest stipple photo.jpg --points 50000 -o dots.pdf
    steepest stipple photo.jpg -o dots.svg --width 200  for a plotter, 200 mm wide
    steepest stipple photo.jpg -o dots.csv           positions x,y in pixels
    steepest stipple photo.jpg --size-by-tone 0.5    larger dots where it is dark
    steepest stipple photos/ -o dots --format pdf --invert  white on black

    Notes
    -----
    The dots are in an order in which a plotter has short ways. Their areas sum to the darkness of
    the photograph; --radius sets another size (with --size-by-tone, that of the mean area). Dots
    that overlap print too light: use more, smaller dots.

    The report compares the discrepancy of dots and photograph with that of a perfect pattern.
    """
    sources = reading.sources(images, writing.output)
    check_format(writing.output, format)
    files = {s: s.file(writing.output, "dots", f".{format or 'svg'}", "dots") for s in sources}
    if any(path.suffix in (".pdf", ".png") for path in files.values()):
        need_figures()
    if width and not {path.suffix for path in files.values()} & {".svg", ".pdf"}:
        raise InputError("--width: only for SVG and PDF files")

    def work(item: Item) -> None:
        image = item.read(reading, kept=False)
        if image.space != "YX" or image.axes.startswith("T"):
            name = item.source.name
            raise InputError(f"{name}: has axes {image.axes}; a single 2-D image is needed")
        with item.progress() as on_step:
            dots = steepest.particles.stipple(
                _on_paper(image.array, image.alpha, invert), points, invert=invert, gamma=gamma,
                size_by_tone=size_by_tone, rng=seed, on_step=on_step,
                solver=steepest.Solver(num_threads=threads.threads),
            )  # fmt: skip
        mean = radius or dots.radius
        radii = dots.radii * (mean / dots.radius)
        write_dots(
            item.files["dots"], dots.points, dots.shape, radii if size_by_tone else mean,
            light=invert, width=width, outputs=item.outputs,
        )  # fmt: skip
        count, sizes = len(dots.points), f"radius {mean:.3g}"
        if size_by_tone:
            sizes = f"radii {radii.min():.3g} to {radii.max():.3g}"
        item.report("dots", f"{count}, {sizes} pixels", points=count, radius=mean)
        words = f"{dots.discrepancy:.3g} pixels, {dots.quality:.3f} times that of a perfect pattern"
        numbers = {"discrepancy": dots.discrepancy, "quality": dots.quality}
        item.certify([dots], lambda _: (words, numbers), "discrepancy", step="step")

    return Batch(sources, work, lambda source: {"dots": files[source]}, writing.overwrite)


def _on_paper(array: np.ndarray, alpha: np.ndarray | None, invert: bool) -> np.ndarray:
    """Return the image on paper: where it is transparent there are no dots."""
    if alpha is None:
        return array
    top = float(np.iinfo(array.dtype).max) if array.dtype.kind == "u" else 1.0
    share = alpha[..., :1].astype(np.float64) / top
    share = share if array.ndim == 3 else share[..., 0]
    return np.asarray(share * (array / top) + (1 - share) * (0.0 if invert else 1.0))
