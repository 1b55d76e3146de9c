"""``steepest flow``: compute the total variation flow at given times."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

import steepest
from steepest.core.errors import InputError, TooManySteps
from steepest.flows.time_grid import DEFAULT_MAX_STEPS, MOST_STEPS

from .. import choices
from ..certificates import bounds, without_pixels
from ..extras import need_figures
from ..grey import RangeChoice, values_of
from ..runner import Batch, Item
from ..sources import Source
from ..types import Count, Images, Positive, Times


def flow(
    *images: Images,
    times: Annotated[Times, Parameter(alias="--time")],
    accuracy: Annotated[Positive | None, Parameter(metavar="DB")] = None,
    max_steps: Count | None = None,
    steps: Count | None = None,
    strip: bool = False,
    grey: RangeChoice = RangeChoice(),
    method: choices.MethodChoice = choices.MethodChoice(),
    energy: choices.HuberChoice = choices.HuberChoice(),
    solver: choices.SolverChoice = choices.SolverChoice(),
    tiles: choices.TilesChoice = choices.TilesChoice(),
    reading: choices.Reading = choices.Reading(),
    writing: choices.ImageWriting = choices.ImageWriting(),
) -> Batch:
    """Compute the total variation flow of an image at given times.

    Total variation flow du/dt in -dTV(u), u(0) = image: structures vanish in the order of contrast
    times size, and edges stay sharp. The image is written at every requested time, with a
    guaranteed bound on its distance to the exact flow.

    Parameters
    ----------
    times
        times at which the image is written
    accuracy
        PSNR to guarantee at every time
    max_steps
        maximum number of time steps for --accuracy (default 20000)
    steps
        time steps (default 50)
    strip
        also write a figure of all times (PNG)
    writing.output
        folder (or file for one image at one time; default: NAME_flow here)

    Examples
    --------
    steepest flow photo.png --times 0.1                 writes photo_t0.1.png
    steepest flow photo.png --times 0.02,0.1 --strip    also a figure
    steepest flow photo.png --times 0.2 --accuracy 60   at least 60 dB
    steepest flow photo.png --times 0.1 --energy tgv    the flow of another energy
    steepest flow photo.png --times 0.1 --method learned  by a network, certified
    steepest flow scans/ --times 0.1 -o flowed          every image of a folder
    steepest flow big.zarr --times 0.1 -o out.zarr      larger than memory

    Notes
    -----
    Times refer to values in [0, 1] for 8- and 16-bit images; with --range, 0 and 1 are the grey
    values LOW and HIGH, and --strip shows them as black and white. A disc of radius r pixels and
    contrast c vanishes at about t = c * r / 2.
    """
    if accuracy:
        why = "leave it out, because --accuracy chooses the time steps and gaps"
        choices.refuse(why, steps=steps, tol=solver.tol)
    elif max_steps:
        raise InputError("--max-steps: also give --accuracy")
    method.check(solver.threads, energy, solver, steps=steps, max_steps=max_steps)
    cut: dict[str, Any] = {} if steps is None else {"steps": steps}
    if accuracy:
        span, most = 1.0 if grey.range else None, max_steps or DEFAULT_MAX_STEPS
        goal = steepest.Accuracy(db=accuracy, data_range=span, max_num_steps=most)
        cut = {"steps": goal}
    names = [f"t{time:g}" for time in times]
    large = tiles.wanted(
        images, reading, grey, method, accuracy=accuracy, max_steps=max_steps, strip=strip,
        **writing.of_pixels,
    )  # fmt: skip
    if strip:
        need_figures()
    values = values_of(grey, floats=writing.float)

    def files(source: Source) -> dict[str, Path]:
        if len(set(names)) < len(names):
            raise InputError("--times: two times are too close to be told apart in file names")
        if len(names) == 1:
            found = {names[0]: writing.file(source, names[0])}
        else:
            ending = ".zarr" if source.large else writing.suffix(source.name)
            folder = source.folder(writing.output, "flow", own=False)
            found = {name: folder / f"{source.stem}_{name}{ending}" for name in names}
        if strip:
            found["strip"] = found[names[0]].with_name(f"{source.stem}_flow.png")
        return found

    def work(item: Item) -> None:
        def compute(page: Any, keywords: dict[str, Any]) -> Any:
            solve = steepest.learning.learned_flow if method.learned else steepest.flow
            with _advice(accuracy):
                result = solve(values.compute(page), times, **cut, **keywords)
            item.keep(names, result.images)
            return grey.with_range(result)

        image = item.read(reading, values, like=lambda image: dict.fromkeys(names, image))
        energy.report(item)
        solved_by = [method] if method.learned else [energy, solver]
        results = item.solve(image, compute, *solved_by, tiles=tiles, stacked=True)
        if strip:
            notes = [f"PSNR \u2265 {psnr:.1f} dB" for psnr in results[0].psnr_bound()]
            item.draw(
                "strip", "flow_strip", [values.compute(image.parts[0]), *results[0].images],
                [0.0, *times], channel_axis=image.channel_axis, notes=["", *notes],
                limits=(0, 1) if grey.range else None,
                title=f"{item.source.stem}: total variation flow",
            )  # fmt: skip
        rows = item.values["times"] = []
        for i, time in enumerate(times):
            words, numbers = bounds([without_pixels(result, i) for result in results])
            rows.append({"time": time, **numbers})
            if len(times) > 1:
                item.report(f"t = {time:g}", words)
        item.certify(results, bounds)

    sources = reading.sources(images, writing.output, large=large)
    return Batch(sources, work, files, writing.overwrite)


@contextmanager
def _advice(accuracy: float | None) -> Iterator[None]:
    """Say what to do if the accuracy needs too many steps."""
    try:
        yield
    except TooManySteps as error:
        lower = (accuracy or 0.0) - error.loss
        ways = [f"try --accuracy {lower:.0f}"] if lower >= 1 else []
        ways += ["allow more with --max-steps"] if error.num_steps <= MOST_STEPS else []
        raise InputError(
            f"--accuracy {accuracy:g} {error.effort}, more than --max-steps {error.limit}; "
            f"{', or '.join(ways)}"
        ) from None
