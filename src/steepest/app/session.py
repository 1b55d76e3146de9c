"""The equaliser without any user interface: one image, its flow, and the answers to questions.

`Session.handle` answers the same requests whether they come from a browser or from a notebook.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from ..core.arrays import prepare_image
from ..core.errors import InputError
from ..core.numbers import check_count, check_number
from ..io import Image, decode_image, encode_image
from ..spectral import Decomposition, decompose
from .lowpass import enlarge, low_pass, shrink
from .recipe import MOST_BANDS, Recipe, target
from .ruler import measure

MAX_PIXELS = 1 << 24  # pixels times channels: the frames of the flow take 150 bytes for each
NUM_BANDS = 6
_T_MAX, _NUM_STEPS = 0.5, 36
_ALL_STEPS = 60  # up to the extinction time
_PREVIEW = 1 << 16  # pixels of the preview
_FAINTEST = 0.02  # contrast below which the ruler shows nothing, as a share of the range

Answer = tuple[dict[str, Any], list[bytes]]


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
class _Work:
    """One image and the state of its computation; replaced as a whole by the next image."""

    image: Image
    values: np.ndarray  # (H, W, C), the image in floating point
    limits: tuple[float, float]
    options: dict[str, Any]
    stop: threading.Event = field(default_factory=threading.Event)
    status: str = "busy"  # then "done", "cancelled" or "failed"
    stage: str = "preview"
    fraction: float = 0.0
    error: str = ""
    preview: _Frames | None = None
    full: _Frames | None = None
    decomposition: Decomposition | None = None
    edges: tuple[float, ...] = ()
    spectrum: tuple[list[float], list[float]] = ((), ())  # type: ignore[assignment]


class Session:
    """An image being equalised.

    Parameters
    ----------
    image : steepest.io.Image, optional
        The first image. Others are opened by the request ``open``.
    max_pixels : int
        The largest number of pixels times channels of an image.

    Notes
    -----
    The flow runs in a thread. A second image cancels the flow of the first. Nothing is written to
    disk.
    """

    def __init__(self, image: Image | None = None, *, max_pixels: int = MAX_PIXELS) -> None:
        self._max_pixels = check_count(max_pixels, "max_pixels")
        self._lock = threading.Lock()
        self._work: _Work | None = None
        self._thread: threading.Thread | None = None
        self._kept: Recipe | None = None  # the sliders of the page
        self._number = 0  # of the image, so that a page can tell that it has changed
        self._operations: dict[str, Callable[[Mapping[str, Any], Sequence[bytes]], Answer]] = {
            "open": self._open, "state": self._state, "layers": self._layers,
            "cancel": self._cancel, "compute": self._compute, "export": self._export,
            "code": self._code, "ruler": self._ruler, "keep": self._keep,
        }  # fmt: skip
        if image is not None:
            self.open(image)

    def handle(
        self, op: str, args: Mapping[str, Any] | None = None, buffers: Sequence[bytes] = ()
    ) -> Answer:
        """Answer one request: ``(dict, buffers)`` to ``(op, args, buffers)``.

        Raises
        ------
        InputError
            If the request is not one of the session, or its arguments are not allowed.
        """
        operation = self._operations.get(op) if isinstance(op, str) else None
        if operation is None:
            raise InputError(f"op={op!r:.40}; allowed are {', '.join(self._operations)}")
        return operation(args or {}, buffers)

    def open(self, image: Image) -> None:
        """Take another image and start its flow."""
        if image.axes not in ("YX", "YXC") or image.array.shape[2:] not in ((), (1,), (3,)):
            raise InputError(
                f"{image.name}: has axes {image.axes} and shape {image.array.shape}; "
                "the equaliser takes one grey or RGB image"
            )
        if image.array.size > self._max_pixels:
            raise InputError(
                f"{image.name}: has {image.array.size:,} pixels (times channels); "
                f"allowed are {self._max_pixels:,} (max_pixels)"
            )
        planes, _ = prepare_image(image.array, image.channel_axis)
        values = np.moveaxis(planes, 0, -1)
        limits = _limits(values, image.array.dtype)
        t_max = float(f"{_T_MAX * (limits[1] - limits[0]):.3g}")
        self._start(_Work(image, values, limits, {"t_max": t_max, "num_steps": _NUM_STEPS}))

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the flow has ended; return False after ``timeout`` seconds."""
        if self._thread is not None:
            self._thread.join(timeout)
        return self._thread is None or not self._thread.is_alive()

    def close(self) -> None:
        """Stop the flow and forget the image."""
        with self._lock:
            if self._work is not None:
                self._work.stop.set()
            self._work = None

    @property
    def settings(self) -> dict[str, Any]:
        """The edges, gains and residual gain that the page has told last."""
        kept = self._kept or Recipe(self._busy().edges, (1.0,) * (len(self._busy().edges) + 1))
        return asdict(kept)

    def result(self) -> Image:
        """Wait for the flow and return the image for the `settings`.

        Raises
        ------
        InputError
            If no image is open, or the flow was cancelled or failed.
        """
        self.wait()
        return _recipe(self.settings).apply(_finished(self._busy()), self._busy().image)

    # requests

    def _open(self, args: Mapping[str, Any], buffers: Sequence[bytes]) -> Answer:
        if len(buffers) != 1:
            raise InputError(f"open takes the contents of one file; given: {len(buffers)}")
        name = args.get("name", "image")
        if not isinstance(name, str) or not 0 < len(name) <= 255 or not name.isprintable():
            raise InputError(f"name={name!r:.40}; allowed are printable file names")
        self.open(decode_image(bytes(buffers[0]), name, max_pixels=self._max_pixels))
        return self._state({}, ())

    def _state(self, args: Mapping[str, Any], buffers: Sequence[bytes]) -> Answer:
        work = self._work
        if work is None:
            return {"image": None, "number": self._number, "max_pixels": self._max_pixels}, []
        full = work.full
        height, width, channels = work.values.shape
        return {
            "number": self._number,
            "image": {
                "name": work.image.name, "width": width, "height": height, "channels": channels,
                "dtype": work.image.array.dtype.name, "alpha": work.image.alpha is not None,
                "limits": list(work.limits), "result": target(work.image.name),
            },
            "status": work.status, "stage": work.stage, "fraction": work.fraction,
            "error": work.error, "all": "t_max" not in work.options,
            "preview": work.preview is not None,
            "reached": full.nodes[-1] if full is not None else 0.0,
            "t_max": work.options.get("t_max") or (full.nodes[-1] if full else 0.0),
            "edges": list(work.edges),
            "spectrum": {"times": work.spectrum[0], "values": work.spectrum[1]},
        }, []  # fmt: skip

    def _layers(self, args: Mapping[str, Any], buffers: Sequence[bytes]) -> Answer:
        """Low-pass images at some times as float16 (H, W, C); the last time null: the residual.

        ``quality`` of each: "final", or "preview" if it was computed at a lower resolution.
        """
        work = self._busy()
        times = args.get("times")
        if not isinstance(times, list) or not 0 < len(times) <= MOST_BANDS + 1:
            raise InputError(f"times={times!r:.40}; allowed are 1 to {MOST_BANDS + 1} times")
        low, high = work.limits
        quality, images = [], []
        for each in times:
            time = np.inf if each is None else check_number(each, "times")
            found, what = _best(work, time)
            quality.append(what)
            images.append(((found - low) / (high - low)).astype(np.float16).tobytes())
        return {"quality": quality, "number": self._number}, images

    def _cancel(self, args: Mapping[str, Any], buffers: Sequence[bytes]) -> Answer:
        if self._work is not None:
            self._work.stop.set()
        return self._state({}, ())

    def _compute(self, args: Mapping[str, Any], buffers: Sequence[bytes]) -> Answer:
        """Start again after a cancellation, or ("all": true) up to the extinction time."""
        work = self._busy()
        everything = args.get("all", "t_max" not in work.options)
        if not isinstance(everything, bool):
            raise InputError(f"all={everything!r:.40}; allowed are true and false")
        if everything:
            options: dict[str, Any] = {"num_steps": _ALL_STEPS}
        else:
            t_max = float(f"{_T_MAX * (work.limits[1] - work.limits[0]):.3g}")
            options = {"t_max": t_max, "num_steps": _NUM_STEPS}
        self._start(_Work(work.image, work.values, work.limits, options), same=True)
        return self._state({}, ())

    def _export(self, args: Mapping[str, Any], buffers: Sequence[bytes]) -> Answer:
        """The result as a file at full depth, with alpha and metadata."""
        work, recipe = self._busy(), _recipe(args)
        name = target(work.image.name)
        result = recipe.apply(_finished(work), work.image)
        return {"name": name}, [encode_image(result, name)]

    def _code(self, args: Mapping[str, Any], buffers: Sequence[bytes]) -> Answer:
        work, recipe = self._busy(), _recipe(args)
        name, flow = work.image.name, work.options
        if not work.image.format:  # an array of a notebook
            return {"python": recipe.python_of_array(work.image.channel_axis, flow)}, []
        return {"python": recipe.python(name, flow), "command": recipe.command(name, flow)}, []

    def _keep(self, args: Mapping[str, Any], buffers: Sequence[bytes]) -> Answer:
        """Remember the sliders for `result`."""
        self._kept = _recipe(args)
        return {}, []

    def _ruler(self, args: Mapping[str, Any], buffers: Sequence[bytes]) -> Answer:
        """Time, contrast and radius of the structure at pixel ``x``, ``y``; null if too faint."""
        work = self._busy()
        height, width, _ = work.values.shape
        x = check_number(args.get("x"), "x", most=width - 1)
        y = check_number(args.get("y"), "y", most=height - 1)
        if x < 0 or y < 0:
            raise InputError(f"x={x:g}, y={y:g} is outside the image")
        flow = work.full if work.full is not None and work.full.complete else work.preview
        if flow is None:
            return {"found": None}, []
        least = _FAINTEST * (work.limits[1] - work.limits[0])
        count = len(flow.nodes)
        at = (int(x) // flow.factor, int(y) // flow.factor)
        found = measure(flow.nodes[:count], flow.frames[:count], *at, least)
        if found is None:
            return {"found": None}, []
        time, contrast, radius = found
        return {"found": {"time": time, "contrast": contrast, "radius": radius}}, []

    # the flow

    def _busy(self) -> _Work:
        if self._work is None:
            raise InputError("no image is open")
        return self._work

    def _start(self, work: _Work, *, same: bool = False) -> None:
        with self._lock:
            if self._work is not None:
                self._work.stop.set()
                if same:
                    work.preview, work.edges = self._work.preview, self._work.edges
                    work.spectrum = self._work.spectrum
            self._work = work
            if not same:
                self._number, self._kept = self._number + 1, None
            before = self._thread
            self._thread = threading.Thread(target=_run, args=(work, before), daemon=True)
            self._thread.start()


def _run(work: _Work, before: threading.Thread | None) -> None:
    """Compute the preview and the flow of one image, after the thread before has ended."""
    if before is not None:
        before.join()
    try:
        if work.preview is None:
            _compute_preview(work)
        if not work.stop.is_set():
            _compute_flow(work)
        if work.stop.is_set() and work.status == "busy":
            work.status = "cancelled"
    except Exception as error:
        work.error = str(error) if isinstance(error, InputError) else f"{type(error).__name__}"
        if isinstance(error, MemoryError):
            work.error = "not enough memory for the flow of this image"
        work.status = "failed"


def _compute_preview(work: _Work) -> None:
    height, width, _ = work.values.shape
    factor = max(1, int(np.ceil(np.sqrt(height * width / _PREVIEW))))
    if factor == 1:
        return  # the flow itself is as fast
    small = decompose(
        shrink(work.values, factor), channel_axis=-1, spacing=factor, num_bands=NUM_BANDS,
        t_max=work.options.get("t_max", _T_MAX), num_steps=_NUM_STEPS // 2,
        on_step=lambda step: work.stop.is_set(),
    )  # fmt: skip
    if not work.stop.is_set():
        _describe(work, small, factor**2)
        frames = list(small.frames)
        work.preview = _Frames(small.nodes.tolist(), frames, factor, complete=True)


def _compute_flow(work: _Work) -> None:
    work.stage = "flow"
    frames: list[np.ndarray] = [work.values]
    work.full = full = _Frames([0.0], frames)

    def on_step(step: Any) -> bool:
        if step.stage == "flow":
            if step.time <= full.nodes[-1]:  # the flow starts again with a later last time
                del full.nodes[1:], frames[1:]
            frames.append(np.asarray(step.image, dtype=work.values.dtype))
            full.nodes.append(float(step.time))
            work.fraction = min((len(frames) - 1) / work.options["num_steps"], 1.0)
        return work.stop.is_set()

    # with an axis for the single channel of grey images, the flow is the same
    found = decompose(
        work.values, channel_axis=-1, num_bands=NUM_BANDS, on_step=on_step, **work.options
    )
    if work.stop.is_set():
        return
    _describe(work, found, 1)
    work.full = _Frames(found.nodes.tolist(), found.frames, complete=True)
    own = None if work.image.channel_axis is None else -1
    if own is None:
        found = replace(found, image=found.image[..., 0], frames=found.frames[..., 0],
                        channel_axis=None)  # fmt: skip
    work.decomposition = found
    work.fraction, work.status = 1.0, "done"


def _describe(work: _Work, found: Decomposition, area: int) -> None:
    """Note edges (rounded, so that they can be printed) and spectrum."""
    edges = [float(f"{edge:.3g}") for edge in found.edges[1:-1]]
    work.edges = tuple(dict.fromkeys(edges))
    masses = found.spectrum * found.durations * area
    share = masses / (masses.sum() or 1.0)
    work.spectrum = (found.times.tolist(), share.tolist())


def _best(work: _Work, time: float) -> tuple[np.ndarray, str]:
    """Return the best low-pass image (H, W, C) known so far."""
    if time <= 0:
        return work.values, "final"
    full = work.full
    if full is not None and full.reaches(time):
        count = len(full.nodes)  # frames arrive before their nodes
        return low_pass(full.nodes[:count], full.frames[:count], time), "final"
    small = work.preview
    if small is None:
        return work.values, "missing"
    rough = low_pass(small.nodes, small.frames, time)
    return enlarge(rough, small.factor, work.values.shape), "preview"


def _finished(work: _Work) -> Decomposition:
    if work.decomposition is None:
        raise InputError("the flow has not finished; wait for it, or continue it")
    return work.decomposition


def _recipe(args: Mapping[str, Any]) -> Recipe:
    return Recipe(args.get("edges", ()), args.get("gains", ()), args.get("residual_gain", 1.0))


def _limits(values: np.ndarray, dtype: np.dtype) -> tuple[float, float]:
    """Return the values shown as black and white.

    They are 0 and 1, unless the image uses little of this range, or more than it.
    """
    low, high = float(values.min()), float(values.max())
    if dtype == np.uint8 or (low >= 0 and 0.25 < high <= 1):
        return 0.0, 1.0
    if dtype.kind == "u" and low >= 0:
        low = 0.0
    return (low, high) if high > low else (low, low + 1.0)
