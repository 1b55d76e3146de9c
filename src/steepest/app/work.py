"""The flow of the image that is open: first a preview, then the bands as frames arrive."""

import logging
import os
import threading
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..core.arrays import prepare_image
from ..core.errors import InputError
from ..io import Image
from ..spectral import Decomposition, decompose
from .frames import least_contrast, low_pass, shrink
from .job import describe_error
from .recipe import Recipe
from .source import Source, result_name

_log = logging.getLogger(__name__)
_BYTES, _OTHERS = 4, 20  # of a number of a frame; arrays beside the frames
_SHARE = 0.8  # of the memory that a flow may use
_NUM_BANDS = 6
_T_MAX, _NUM_STEPS = 0.5, 36
_PREVIEW = 1 << 16  # pixels of the preview
MOST_WORKED = 1 << 24  # pixels times channels whose frames are kept, up to 300 bytes for each


@dataclass(eq=False)
class _Frames:
    """The frames (H, W, C) of a flow, as they arrive. ``factor``: pixels per frame pixel."""

    nodes: list[float]
    frames: Any  # list or array
    factor: int = 1
    complete: bool = False

    def reaches(self, time: float) -> bool:
        """Whether the low-pass image of this time is known."""
        return self.complete or (len(self.nodes) > 1 and self.nodes[-1] >= time)


@dataclass(eq=False)
class Work:
    """The image that is open and the state of its flow; replaced as a whole by the next image."""

    source: Source
    values: np.ndarray  # (H, W, C), the image in floating point, reduced by ``factor``
    limits: tuple[float, float]
    options: dict[str, Any]
    faintest: float  # contrast that the ruler shows
    factor: int = 1
    stop: threading.Event = field(default_factory=threading.Event)
    status: str = "busy"  # then "done", "cancelled" or "failed"
    stage: str = "preview"
    fraction: float = 0.0
    error: str = ""
    preview: _Frames | None = None
    stale: bool = False  # whether the preview is of the image before a repair
    full: _Frames | None = None
    decomposition: Decomposition | None = None
    edges: tuple[float, ...] = ()
    spectrum: tuple[list[float], list[float]] = ((), ())  # type: ignore[assignment]

    def as_json(self) -> dict[str, Any]:
        """Return what the page shows about the image and its flow."""
        full, image = self.full, self.source.image
        height, width, channels = self.values.shape
        return {
            "image": {
                "name": image.name, "width": width, "height": height, "channels": channels,
                "dtype": image.array.dtype.name, "alpha": image.alpha is not None,
                "limits": list(self.limits), "result": result_name(image),
                "factor": self.factor, "size": [image.array.shape[1], image.array.shape[0]],
            },
            "status": self.status, "stage": self.stage, "fraction": self.fraction,
            "error": self.error, "all": "t_max" not in self.options,
            "preview": self.preview is not None and not self.stale,
            "reached": full.nodes[-1] if full is not None else 0.0,
            "t_max": self.options.get("t_max") or (full.nodes[-1] if full else 0.0),
            "edges": list(self.edges),
            "spectrum": {"times": self.spectrum[0], "values": self.spectrum[1]},
        }  # fmt: skip


def open_work(source: Source) -> Work:
    """Return the work on an image, before anything is computed."""
    image = source.image
    planes, _ = prepare_image(image.array, image.channel_axis)
    values = np.moveaxis(planes, 0, -1)
    limits = _limits(values, image.array.dtype)
    factor = int(np.ceil(np.sqrt(values.size / MOST_WORKED)))
    if factor > 1:
        values = shrink(values, factor)
    return Work(
        source, values, limits, default_options(limits), least_contrast(values, limits), factor
    )


def compute(work: Work, before: threading.Thread | None) -> None:
    """Compute the preview and the flow of one image, after the thread before has ended."""
    if before is not None:
        before.join()
    try:
        if work.preview is None or work.stale:
            _compute_preview(work)
        if not work.stop.is_set():
            _compute_flow(work)
        if work.stop.is_set() and work.status == "busy":
            work.status = "cancelled"
    except Exception as error:
        if not isinstance(error, (InputError, MemoryError)):
            _log.exception("the flow failed")
        work.error, work.status = describe_error(error), "failed"


def _compute_preview(work: Work) -> None:
    height, width, _ = work.values.shape
    factor = max(1, int(np.ceil(np.sqrt(height * width / _PREVIEW))))
    if factor == 1:
        return  # the flow itself is as fast
    small = decompose(
        shrink(work.values, factor), channel_axis=-1, spacing=factor * work.factor,
        bands=_NUM_BANDS,
        on_step=lambda step: work.stop.is_set(),
        **{**default_options(work.limits), "steps": _NUM_STEPS // 2},
    )  # fmt: skip
    if not work.stop.is_set():
        _describe(work, small, factor**2)
        frames = list(small.frames)
        work.preview = _Frames(small.nodes.tolist(), frames, factor, complete=True)
        work.stale = False


def _compute_flow(work: Work) -> None:
    work.stage = "flow"
    frames: list[np.ndarray] = [work.values]
    work.full = full = _Frames([0.0], frames)

    def on_step(step: Any) -> bool:
        if step.stage == "flow":
            if step.time <= full.nodes[-1]:  # the flow starts again with a later last time
                del full.nodes[1:], frames[1:]
            frames.append(np.asarray(step.image, dtype=work.values.dtype))
            full.nodes.append(float(step.time))
            work.fraction = min((len(frames) - 1) / work.options["steps"], 1.0)
        return work.stop.is_set()

    # with an axis for the single channel of grey images, the flow is the same
    found = decompose(
        work.values, channel_axis=-1, spacing=work.factor, bands=_NUM_BANDS,
        on_step=on_step, **work.options,
    )  # fmt: skip
    if work.stop.is_set():
        return
    _describe(work, found, 1)
    work.full = _Frames(found.nodes.tolist(), found.frames, complete=True)
    if work.source.image.channel_axis is None:
        found = replace(found, image=found.image[..., 0], frames=found.frames[..., 0],
                        channel_axis=None)  # fmt: skip
    work.decomposition = found
    work.fraction, work.status = 1.0, "done"


def _describe(work: Work, found: Decomposition, area: int) -> None:
    """Note edges (rounded, so that they can be printed) and spectrum."""
    edges = [float(f"{edge:.3g}") for edge in found.edges[1:-1]]
    work.edges = tuple(dict.fromkeys(edges))
    masses = found.spectrum * found.durations * area
    share = masses / (masses.sum() or 1.0)
    work.spectrum = (found.times.tolist(), share.tolist())


def best_low_pass(work: Work, time: float) -> tuple[np.ndarray, int, str]:
    """Return the best low-pass image, its pixels per pixel, and "final", "preview" or "missing"."""
    if time <= 0:
        return work.values, 1, "final"
    full = work.full
    if full is not None and full.reaches(time):
        count = len(full.nodes)  # frames arrive before their nodes
        return low_pass(full.nodes[:count], full.frames[:count], time), 1, "final"
    small = work.preview
    if small is None:
        mean = work.values.mean(axis=(0, 1), keepdims=True)
        return mean, max(work.values.shape[:2]), "missing"
    found = low_pass(small.nodes, small.frames, time)
    return found, small.factor, "missing" if work.stale else "preview"


def edited_part(work: Work, recipe: Recipe, box: tuple[slice, slice]) -> np.ndarray:
    """Return a part (h, w, C) of the image with these gains; unedited until the flow is done."""
    full = work.full
    if full is None or not full.complete:
        return work.values[box]
    frames = [frame[box] for frame in full.frames]
    gains = (*recipe.gains, recipe.residual_gain)
    total = gains[0] * frames[0]
    for k, edge in enumerate((*recipe.edges, np.inf)):
        total = total + (gains[k + 1] - gains[k]) * low_pass(full.nodes, frames, edge)
    return total + recipe.grey(work.source.image)


def default_options(limits: tuple[float, float]) -> dict[str, Any]:
    """Return the options of `decompose`; the last time is proportional to the range."""
    return {"t_max": float(f"{_T_MAX * (limits[1] - limits[0]):.3g}"), "steps": _NUM_STEPS}


def _limits(values: np.ndarray, dtype: np.dtype) -> tuple[float, float]:
    """Return the values shown as black and white: 0 and 1, or the range of the image."""
    low, high = float(values.min()), float(values.max())
    if dtype == np.uint8 or (low >= 0 and 0.25 < high <= 1):
        return 0.0, 1.0
    if dtype.kind == "u" and low >= 0:
        low = 0.0
    return (low, high) if high > low else (low, low + 1.0)


def check_memory(image: Image, steps: int) -> None:
    """Refuse a flow whose frames do not fit into the memory of this machine."""
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return
    needed = image.array.size * _BYTES * (steps + _OTHERS)
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > _SHARE * there:
        raise InputError(
            f"{image.name}: the export at full size needs {needed / 1e9:.0f} GB of memory; this "
            f"machine has {there / 1e9:.0f} GB"
        )
