"""The jobs: plain functions from layers to layers. Neither Qt nor napari is imported here.

Each takes a `Source` and a callback ``on_step``, as the functions of steepest do, and returns
layer data and a sentence on the result.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import steepest
from steepest import InputError
from steepest.convex.capabilities import energies
from steepest.core.progress import Progress
from steepest.core.views import Part

from ._large import by_tiles
from ._source import LayerData, Source

Outcome = tuple[list[LayerData], str]
_LARGE = "{} is so large that it is processed tile by tile."
_BRIGHT, _DARK = (1.0, 0.36, 0.29, 1.0), (0.31, 0.67, 1.0, 1.0)  # seen on black and on white
OnStep = Callable[[Any], object]
ENERGIES = {row.title: row for row in energies().values()}
LEARNED = ("denoise", "denoise, and how sure each pixel is", "what is unlike the good image")
FILLS = {
    "diffusion (smooth)": steepest.inpainting.Diffusion,
    "edge-enhancing diffusion": steepest.inpainting.EdgeEnhancing,
}


def denoise(
    source: Source, *, strength: float = 0.0, energy: str = "total variation",
    target: Path | None = None, on_step: OnStep,
) -> Outcome:  # fmt: skip
    """Remove noise. ``strength`` 0 finds the strength from the noise.

    With ``target``, the image is processed tile by tile, and the layer is read from this new
    OME-Zarr store, here and in other jobs.
    """
    if target is not None:
        check_tiles(source, strength=strength, energy=energy)

    def solve(frame: Any, _: Any, **options: Any) -> Any:
        return steepest.denoise(frame, strength or None, ENERGIES[energy].kind(), **options)

    results, data = solve_frames(source, target, solve, on_step, "image")
    strengths = [float(result.strength) for result in results]
    bound = min(float(result.psnr_bound()) for result in results)
    notes = notes_of(results, energy=energy, strength=strengths, psnr_bound=bound)
    layer = source.layer(data, "denoised", **source.look, metadata=notes)
    words = f"strength {in_words(strengths)}, certified PSNR ≥ {bound:.1f} dB"
    if not any(strengths):
        words = "no noise was found, so nothing was removed"
    elif nothing := strengths.count(0.0):
        words += f", nothing removed from {nothing} of {len(strengths)} images"
    return [layer], sentence(words, results, target)


def solve_frames(
    source: Source, target: Path | None, solve: Callable[..., Any], on_step: OnStep, name: str, *,
    grey: bool = False, first: bool = False, **tiled: Any,
) -> tuple[list[Any], Any]:  # fmt: skip
    """``solve(frame, index, ...)`` of all frames, or of ``grey`` ones, and the data of a layer.

    These are the attributes ``name`` of the results, whose ``first`` axis comes first, or by tiles
    those of `by_tiles`, whose options are ``tiled``.
    """
    if target is not None:
        return by_tiles(source, target, solve, on_step, **tiled)
    indices = np.ndindex(source.lead) if source.index is None else iter((source.index,))
    more = {} if grey else {"channel_axis": source.channel_axis}
    results = [
        solve(frame, index, spacing=source.spacing, on_step=on_step, **more)
        for frame, index in zip(
            source.grey_frames() if grey else source.frames(), indices, strict=True
        )
    ]
    return results, source.stack([getattr(each, name) for each in results], first=first)


def check_tiles(source: Source, *, strength: float, energy: str) -> None:
    """Check the parameters for `denoise` tile by tile."""
    size = _LARGE.format(source.name)
    if not strength:
        raise InputError(f"{size} Give a strength; a small crop can show which one is good.")
    if energy != "total variation":
        raise InputError(f"{size} Choose the energy total variation.")


def objects(
    source: Source, *, min_score: float = 5.0, polarity: str = "both", on_step: OnStep
) -> Outcome:
    """Find and measure compact objects: numbered labels with a table of features.

    Sizes are in the units of the layer's scale. Colours are averaged. Bright objects are red, dark
    ones blue, as in the app; in slices they are outlines.
    """
    length, unit = source.pixel_size
    steps = source.spacing or (length,) * source.num_space
    labels, tables, number = [], [], 0
    for frame in source.frames():
        found = steepest.segmentation.find_objects(
            frame, min_score, polarity, channel_axis=source.channel_axis, spacing=steps
        )
        found.table["label"] += number
        labels.append(np.where(found.labels > 0, found.labels + number, 0))
        tables.append(found.table)
        number += len(found)
        on_step(Progress(1, 1))
    table = np.concatenate(tables)
    if not number:
        return [], "Done: no objects found."
    size = "area" if source.num_space == 2 else "volume"
    features = {"index": table["label"], size: table["area"]}
    features |= {name: table[name] for name in ("diameter", "contrast", "score", "snr", "border")}
    features["unit"] = np.full(number, unit)
    notes = {"steepest": {"unit": unit, "min_score": min_score, "version": steepest.__version__}}
    words = f"Done: {number:,} objects, diameters {in_words(table['diameter'])} {unit}s."
    dark = table["label"][table["contrast"] < 0].tolist()
    colours = {None: _BRIGHT, 0: (0, 0, 0, 0), **dict.fromkeys(dark, _DARK)}
    more: dict[str, Any] = {"features": features, "metadata": notes, "colormap": colours}
    more |= {"contour": 2 * (source.num_space == 2), "opacity": 1.0}
    return [source.layer(source.stack(labels), "objects", "labels", **more)], words


def inpaint(
    source: Source, labels: Any, *, method: str = "diffusion (smooth)",
    target: Path | None = None, on_step: OnStep,
) -> Outcome:  # fmt: skip
    """Fill in the pixels that have a label, or are NaN.

    The labels have the axes of a frame or those of the layer; None marks no pixel.
    """
    whole = source.array.shape[: source.array.ndim - source.rgb]
    if labels is None and source.array.dtype.kind != "f":
        raise InputError("There is no Labels layer. Add one and paint over the pixels to fill in.")
    if labels is not None and labels.shape not in (source.space, whole):
        raise InputError(
            f"The Labels layer has shape {labels.shape}; allowed are {source.space} and {whole}."
        )
    if target is not None:
        check_inpaint(source, labels=labels, method=method)
    equation = FILLS[method]()
    if source.spacing and "spacing" not in equation.takes:
        raise InputError("The units of the layer can be used with the method diffusion only.")
    count, last = 0, source.index or tuple(n - 1 for n in source.lead)

    def solve(frame: Any, index: tuple[int, ...], **options: Any) -> Any:
        nonlocal count
        unknown: Any = False
        if labels is not None:
            marks = labels[index] if labels.shape == whole else labels
            unknown = (np.asarray(marks) if target is None else marks) != 0
        if frame.dtype.kind == "f":
            channels, missing = options.get("channel_axis"), np.isnan(frame)
            unknown = unknown | (missing if channels is None else missing.any(channels))
        count += int(unknown.sum())
        if not count and index == last:
            raise InputError("No pixel has a label or is NaN. Paint over the pixels to fill in.")
        return steepest.inpaint(frame, unknown=unknown, method=equation, **options)

    results, data = solve_frames(source, target, solve, on_step, "image")
    worst = max(float(result.residual) for result in results)
    notes = notes_of(results, method=method, pixels=count, residual=worst)
    layer = source.layer(data, "inpainted", **source.look, metadata=notes)
    return [layer], sentence(f"{count:,} pixels filled in, residual {worst:.1e}", results, target)


def check_inpaint(source: Source, *, labels: Any, method: str) -> None:
    """Check the parameters for `inpaint` tile by tile."""
    if not method.startswith("diff"):
        raise InputError(f"{_LARGE.format(source.name)} Choose the method diffusion.")


def segment(
    source: Source, *, num_classes: int = 2, smoothness: float = 0.1,
    target: Path | None = None, on_step: OnStep,
) -> Outcome:  # fmt: skip
    """Divide into classes by brightness, and mark the labels that are not proven.

    ``smoothness`` is the weight of the contours relative to the range of the image. Class 0, the
    darkest, is the background and transparent. Colours are segmented by their luminance.
    """

    def solve(frame: Any, _: Any, **options: Any) -> Any:
        span = float(frame.max() - frame.min()) if frame.size else 0.0
        if frame.dtype.kind == "u":
            span /= np.iinfo(frame.dtype).max
        strength = smoothness * span if np.isfinite(span) else 1.0  # NaN is refused below
        if target is not None:
            free = (None,) * source.num_space
            options["out"] = tuple(Part(options["out"], (k, *free)) for k in range(2))
        return steepest.segmentation.threshold_rof(frame, strength, num_classes, **options)

    results, data = solve_frames(
        source, target, solve, on_step, "labels", grey=True, parts=2, labels=True
    )
    doubtful = [result.num_doubtful / np.prod(source.space) for result in results]
    if target is None:
        doubt: Any = source.stack([(~each.certain).astype(np.uint8) for each in results])
    else:
        data, doubt = [level[0] for level in data], [level[1] // 255 for level in data]
    certain = 100 * (1 - float(np.mean(doubtful)))
    notes = notes_of(
        results, certain_percent=certain, doubtful_bound=[r.doubtful_bound for r in results],
        thresholds=[result.thresholds.tolist() for result in results],
    )  # fmt: skip
    layers = [source.layer(data, "classes", "labels", metadata=notes)]
    if certain < 100:
        layers.append(source.layer(doubt, "doubtful", "labels", metadata=notes))
    return layers, sentence(f"{certain:.4g} % of the labels are proven", results, target)


def phases(
    source: Source, *, strength: float = 0.35, second_order: float = 0.0,
    period: float = 2 * math.pi, on_step: OnStep,
) -> Outcome:  # fmt: skip
    """Denoise phases, which start again after ``period``. Pixels that are NaN stay NaN."""
    if source.rgb:
        raise InputError("Phases have one number per pixel, but this is a colour image.")
    weight, energy = strength, None
    if second_order:
        weight, energy = 1.0, steepest.CombinedTotalVariation(alpha=strength, beta=second_order)
    results: list[Any] = []
    start: float | None = None
    for frame in source.frames():
        start = (-period / 2 if (frame < 0).any() else 0.0) if start is None else start
        try:
            result = steepest.manifold.denoise_phases(
                frame, weight, energy, period=period, start=start, spacing=source.spacing,
                on_step=on_step,
            )  # fmt: skip
        except InputError as error:
            raise InputError(f"{source.name}: {error}") from None
        results.append(result)
    assert start is not None  # a layer has a frame
    kind = source.array.dtype if source.array.dtype.kind == "f" else np.float32
    images = [result.image.astype(kind, copy=False) for result in results]
    gaps = [result.gap for result in results if result.gap is not None]
    notes = notes_of(results, strength=strength, second_order=second_order, gap=gaps)
    layer = source.layer(
        source.stack(images),
        "denoised",
        colormap="hsv",
        contrast_limits=(start, start + period),
        metadata=notes,
    )
    words = f"relative gap {max(gaps):.1e} for these wraps" if gaps else "nothing certified"
    return [layer], sentence(words, results)


def learned(
    source: Source, *, reference: Source | None = None, model: Path | None = None,
    show: str = LEARNED[0], noise: float = 0.0, on_step: OnStep,
) -> Outcome:  # fmt: skip
    """Restore by a patch model, of a file or learned from ``reference``, or find what is unlike it.

    ``noise`` 0 is estimated, and for what is unlike it, it is none.
    """
    from steepest import patches

    if source.spacing:
        raise InputError("Patches are squares of pixels. Choose lengths in pixels.")
    steps = _Steps(on_step)
    if model is not None:
        own = patches.load(model)
    elif reference is not None:
        own = patches.fit(
            list(reference.frames()), 6 if reference.num_space == 2 else 4,
            channel_axis=reference.channel_axis, on_step=steps.of("learning"),
        )  # fmt: skip
    else:
        raise InputError("Choose a good image, or the file of a model.")
    axis, sigmas, images, maps = source.channel_axis, [], [], []
    for frame in source.frames():
        if show == LEARNED[2]:
            maps.append(patches.log_likelihood(frame, own, noise=noise, channel_axis=axis))
            continue
        sigmas.append(noise or steepest.estimate_noise(frame, channel_axis=axis))
        now = steps.of("denoising")
        images.append(patches.denoise(frame, own, sigmas[-1], channel_axis=axis, on_step=now))
        if show == LEARNED[1]:
            found = patches.posterior(
                frame, own, sigmas[-1], num_samples=16, channel_axis=axis,
                on_step=steps.of("drawing samples"),
            )  # fmt: skip
            maps.append(found.std if axis is None else found.std.mean(axis))
        steps.count = 0
    notes = {"steepest": {"model": repr(own), "noise": sigmas, "version": steepest.__version__}}
    layers = []
    if maps:
        name = "log-likelihood" if show == LEARNED[2] else "standard deviation"
        look: dict[str, Any] = {"rgb": False, "colormap": "viridis", "metadata": notes}
        layers.append(source.layer(source.stack(maps), name, **look))
    if images:
        layers.append(source.layer(source.stack(images), "denoised", **source.look, metadata=notes))
    words = f"{own}, noise {in_words(sigmas)}" if sigmas else f"{own}; low is unlike"
    return layers, f"Done: {words}."


class _Steps:
    """Several calls of the library for one frame, reported as stages of one."""

    def __init__(self, on_step: OnStep) -> None:
        self._on_step, self.count = on_step, 0

    def of(self, stage: str) -> OnStep:
        """The ``on_step`` of the next call."""
        before = self.count

        def on_step(report: Any) -> object:
            self.count = before + report.step
            total = before + report.num_steps
            return self._on_step(replace(report, step=self.count, num_steps=total, stage=stage))

        return on_step


def notes_of(results: Sequence[Any], **values: Any) -> dict[str, Any]:
    """The metadata of a layer."""
    status = steepest.Status.worst([result.status for result in results])
    return {"steepest": {**values, "status": str(status), "version": steepest.__version__}}


def sentence(words: str, results: Sequence[Any], target: Path | None = None) -> str:
    """What the panel says: the words, and the status if it is not good."""
    status = steepest.Status.worst([result.status for result in results])
    words += "" if target is None else f", saved in {target}"
    words = f"Done: {words}." if status.ok else f"{status}; {words}."
    return words[0].upper() + words[1:]


def in_words(values: Sequence[float] | np.ndarray) -> str:
    """One number, or the smallest and the largest one."""
    low, high = min(values), max(values)
    return f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
