"""``steepest flow``: compute the total variation flow at given times."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from steepest.core.errors import InputError
from steepest.io import Image, OutputSet, write_image

from .batch import Record, run_batch
from .certificates import certificate, promise, together
from .figures import need_figures, write_figure
from .inputs import check_targets, given_images, one_target, opened, own_folder, stem, suffix
from .options import (
    add_inputs,
    add_method,
    add_model,
    add_outputs,
    check_method,
    count,
    in_range,
    increasing,
    learned_keywords,
    model_keywords,
    positive,
)
from .pages import page_named
from .progress import progress
from .tiles import EPILOG as LARGE
from .tiles import add_tiles, is_tiled, run_tiled
from .values import Computed, add_range, values_of

HELP = "compute the total variation flow of an image at given times"
USAGE = "IMAGE [IMAGE ...] --times T1,T2,.. [options]"
DESCRIPTION = """\
Total variation flow du/dt in -dTV(u), u(0) = image: structures vanish in the order of contrast
times size, and edges stay sharp. The image is written at every requested time, with a guaranteed
bound on its distance to the exact flow.
"""
EPILOG = (
    """\
examples:
  steepest flow photo.png --times 0.1               writes photo_t0.1.png
  steepest flow photo.png --times 0.02,0.1,0.5      writes a folder, photo_flow
  steepest flow photo.png --times 0.02,0.1 --strip  also a figure of all times
  steepest flow photo.png --times 0.2 --accuracy 60  at least 60 dB, with as few steps as possible
  steepest flow scan.tif --times 0.2 --steps 200    a fixed number of time steps
  steepest flow cells.tif --times 0.2 --range 0 4095        12-bit data in a 16-bit file
  steepest flow photo.png --times 0.1 --method learned      by a network, with a guaranteed error
  steepest flow scans/ --times 0.1 -o flowed        every image of a folder
  steepest flow big.zarr --times 0.1 -o out.zarr    larger than memory, tile by tile

Times refer to values in [0, 1] for 8- and 16-bit images; with --range, 0 and 1 are the grey values
LOW and HIGH, and --strip shows them as black and white. A disc of radius r pixels and contrast c
vanishes at about t = c * r / 2.
"""
    + LARGE
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``steepest flow``."""
    add_inputs(parser)
    parser.add_argument(
        "--times",
        "--time",
        type=increasing,
        required=True,
        metavar="T1,T2,..",
        help="times at which the image is written",
    )
    parser.add_argument(
        "--accuracy", type=positive, metavar="DB", help="PSNR to guarantee at every time"
    )
    parser.add_argument(
        "--max-steps",
        type=count,
        metavar="N",
        help="maximum number of time steps for --accuracy (default 20000)",
    )
    parser.add_argument("--steps", type=count, metavar="N", help="time steps (default 50)")
    parser.add_argument(
        "--grid",
        choices=("graded", "uniform", "log"),
        help="spacing of the time steps (default graded: short steps first)",
    )
    parser.add_argument(
        "--strip", action="store_true", help="also write a figure of all times (PNG)"
    )
    add_range(parser)
    add_method(parser)
    add_model(parser)
    add_tiles(parser)
    add_outputs(parser, "folder (or file for one image at one time; default: NAME_flow here)")


def run(arguments: argparse.Namespace) -> int:
    """Compute the flow of every image."""
    if arguments.accuracy and (arguments.steps or arguments.grid or arguments.tol is not None):
        raise InputError("--accuracy chooses steps and gaps: leave --steps, --grid and --tol out")
    if arguments.max_steps and not arguments.accuracy:
        raise InputError("--max-steps: also give --accuracy")
    check_method(arguments)
    values_of(arguments)
    if is_tiled(arguments):
        return _run_tiled(arguments)
    if arguments.strip:
        need_figures()
    sources = given_images(arguments)
    targets = {name: _targets(name, arguments, len(sources) > 1) for name in sources}
    strips = {
        name: files[0].with_name(f"{stem(name)}_flow.png")
        for name, files in targets.items()
        if arguments.strip
    }
    every = [path for files in targets.values() for path in files]
    check_targets([*every, *strips.values()], arguments.overwrite)

    def work(source: str, label: str) -> Record:
        image, record = opened(source, arguments, *targets[source])
        values, dtype = values_of(arguments), image.array.dtype
        parts, results, certificates = Computed(image, values), [], []
        for index, part in enumerate(parts):
            start = perf_counter()
            with page_named(image, index):
                result = _flow(part, image, label, arguments)
            certificates.append(certificate(result, perf_counter() - start))
            results.append(result)
        with OutputSet(overwrite=arguments.overwrite) as outputs:
            for i, target in enumerate(targets[source]):
                pages = [values.back(result.images[i], dtype) for result in results]
                write_image(target, image.with_parts(pages), outputs=outputs)
            if source in strips:
                strip = _strip(parts[0], image, results[0], arguments)
                write_figure(strips[source], strip, outputs)
            record.outputs = list(outputs.paths)
        _report_times(record, arguments.times, results)
        record.certify(together(certificates))
        return record

    return run_batch(arguments, sources, work)


def _run_tiled(arguments: argparse.Namespace) -> int:
    """Compute the flow of images that do not fit in memory."""
    from steepest import tiled

    times, keywords = arguments.times, _flow_keywords(arguments)

    def solve(part: Any, out: Any, options: dict[str, Any]) -> Any:
        return tiled.tv_flow(part, times, out, **keywords, **options)

    def report(record: Record, results: list[Any]) -> None:
        _report_times(record, times, results)

    return run_tiled(arguments, [f"t{time:g}" for time in times], solve, report)


def _targets(name: str, arguments: argparse.Namespace, several: bool) -> list[Path]:
    """Return one file per time."""
    times = [f"{time:g}" for time in arguments.times]
    if len(times) == 1:
        return [one_target(name, arguments, f"t{times[0]}", several)]
    folder = own_folder(name, arguments, "flow", False if arguments.output else several)
    if len(set(times)) < len(times):
        raise InputError("--times: two times are too close to be told apart in file names")
    return [folder / f"{stem(name)}_t{time}{suffix(name, arguments)}" for time in times]


def _flow(part: Any, image: Image, label: str, arguments: argparse.Namespace) -> Any:
    """Compute the flow of one page with the solver or a network."""
    import steepest

    learned = arguments.method == "learned"
    if learned:
        keywords = learned_keywords(arguments, image, "steps", "grid", "max_steps")
    else:
        keywords = model_keywords(arguments, image)
    keywords.update(_flow_keywords(arguments))
    flow = steepest.learning.learned_flow if learned else steepest.flow
    try:
        with progress(label, enabled=not arguments.quiet) as on_step:
            return in_range(arguments, flow(part, arguments.times, on_step=on_step, **keywords))
    except steepest.TooManySteps as error:
        raise InputError(_too_many(arguments.accuracy, error)) from None


def _too_many(accuracy: float, error: Any) -> str:
    """Describe the steps that the accuracy would need, and suggest alternatives."""
    from steepest.flows.time_grid import MOST_STEPS

    lower = accuracy - error.loss
    ways = [f"try --accuracy {lower:.0f}"] if lower >= 1 else []
    ways += ["allow more with --max-steps"] if error.num_steps <= MOST_STEPS else []
    return (
        f"--accuracy {accuracy:g} {error.effort}, more than --max-steps {error.limit}; "
        f"{', or '.join(ways)}"
    )


def _flow_keywords(arguments: argparse.Namespace) -> dict[str, Any]:
    from steepest.flows.time_grid import DEFAULT_MAX_STEPS, DEFAULT_NUM_STEPS, Accuracy, TimeGrid

    if arguments.accuracy:
        span, most = 1.0 if arguments.range else None, arguments.max_steps or DEFAULT_MAX_STEPS
        return {"steps": Accuracy(db=arguments.accuracy, data_range=span, max_num_steps=most)}
    count = arguments.steps or DEFAULT_NUM_STEPS
    rules = {"uniform": TimeGrid.uniform, "log": TimeGrid.logarithmic}
    if arguments.grid in rules:
        return {"steps": rules[arguments.grid](count)}
    return {} if arguments.steps is None else {"steps": count}


def _strip(part: Any, image: Image, result: Any, arguments: argparse.Namespace) -> Any:
    from steepest import plot

    notes = [""] + [f"PSNR \u2265 {psnr:.1f} dB" for psnr in result.psnr_bound()]
    return plot.flow_strip(
        [part, *result.images],
        [0.0, *result.times],
        channel_axis=image.channel_axis,
        limits=(0, 1) if arguments.range else None,
        title=f"{stem(image.name)}: total variation flow",
        notes=notes,
    )


def _report_times(record: Record, times: Sequence[float], results: Sequence[Any]) -> None:
    """Report the certificate at each time, as the worst over all pages."""
    rows = []
    for i, time in enumerate(times):
        psnr = min(float(result.psnr_bound()[i]) for result in results)
        error = max(float(result.error_bound[i]) for result in results)
        gap = max(float(result.gap[i]) for result in results)
        rows.append({"time": time, "psnr_bound": psnr, "error_bound": error, "gap": gap})
        if len(times) > 1:
            record.tell(f"t = {time:g}", f"{promise(psnr, error)}, relative gap {gap:.1e}")
    record.values["times"] = rows
