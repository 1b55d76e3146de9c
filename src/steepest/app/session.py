"""The equaliser without any user interface: one image, its flow, and the answers to questions.

`Session.handle` answers the same requests whether they come from a browser or from a notebook.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from ..core.errors import InputError
from ..core.numbers import check_count, check_number
from ..io import Image, decode_image, encode_image
from ..spectral import Decomposition
from .fusion import Fusion, fusing
from .job import Answer, Job
from .recipe import MOST_BANDS, Recipe, target
from .ruler import measure
from .tools import segmenting, thinning
from .work import Work, begun, best_low_pass, compute, default_options

MAX_PIXELS = 1 << 24  # pixels times channels: the frames of the flow take up to 300 bytes for each
_ALL_STEPS = 60  # up to the extinction time
_FAINTEST = 0.02  # contrast below which the ruler shows nothing, as a share of the range


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
        self._work: Work | None = None
        self._thread: threading.Thread | None = None
        self._job: Job | None = None
        self._fusion: Fusion | None = None
        self._kept: Recipe | None = None  # the sliders of the page
        self._number = 0  # of the image, so that a page can tell that it has changed
        self._operations: dict[str, Callable[[Mapping[str, Any], Sequence[bytes]], Answer]] = {
            "open": self._open, "state": self._state, "layers": self._layers,
            "cancel": self._cancel, "compute": self._compute, "export": self._export,
            "code": self._code, "ruler": self._ruler, "keep": self._keep,
            "segment": self._segment, "thin": self._thin, "job": self._poll_job,
            "stop": self._stop_job, "fuse": self._fuse, "fused": self._fused,
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
        self._start(begun(image))

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
            if self._job is not None:
                self._job.stop()
            self._work = self._job = None

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
                "limits": list(work.limits), "result": target(work.image),
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
            found, what = best_low_pass(work, time)
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
        options = {"num_steps": _ALL_STEPS} if everything else default_options(work.limits)
        self._start(Work(work.image, work.values, work.limits, options), same=True)
        return self._state({}, ())

    def _export(self, args: Mapping[str, Any], buffers: Sequence[bytes]) -> Answer:
        """The result as a file at full depth, with alpha and metadata."""
        work, recipe = self._busy(), _recipe(args)
        name = target(work.image)
        result = recipe.apply(_finished(work), work.image)
        return {"name": name}, [encode_image(result, name)]

    def _code(self, args: Mapping[str, Any], buffers: Sequence[bytes]) -> Answer:
        work, recipe = self._busy(), _recipe(args)
        image, flow = work.image, work.options
        if not image.format:  # an array of a notebook
            return {"python": recipe.python_of_array(image.channel_axis, flow)}, []
        return {"python": recipe.python(image, flow), "command": recipe.command(image, flow)}, []

    def _keep(self, args: Mapping[str, Any], buffers: Sequence[bytes]) -> Answer:
        """Remember the sliders for `result`."""
        self._kept = _recipe(args)
        return {}, []

    def _segment(self, args: Mapping[str, Any], buffers: Sequence[bytes]) -> Answer:
        work = self._busy()
        return self._begin(segmenting(work.image, work.limits, args))

    def _thin(self, args: Mapping[str, Any], buffers: Sequence[bytes]) -> Answer:
        work = self._busy()
        return self._begin(thinning(work.image, work.values, work.limits, args))

    def _fuse(self, args: Mapping[str, Any], buffers: Sequence[bytes]) -> Answer:
        """Separate the textures of this and a second image, for `_fused`."""
        work = self._busy()
        separate = fusing(work.image, args, buffers, self._max_pixels)

        def keep(on_step: Callable[[Any], bool]) -> Answer:
            fusion = separate(on_step)
            if work is self._work:
                self._fusion = fusion
            return fusion.answer(work.limits)

        return self._begin(keep)

    def _fused(self, args: Mapping[str, Any], buffers: Sequence[bytes]) -> Answer:
        """The fused image as a file, and the code that computes it."""
        if self._fusion is None:
            raise InputError("no second image is open")
        name = target(self._fusion.image)
        file = encode_image(self._fusion.result(args), name)
        return {"name": name, "python": self._fusion.python(args)}, [file]

    def _begin(self, work: Callable[[Callable[[Any], bool]], Answer]) -> Answer:
        """Start a computation besides the flow; the one before is stopped."""
        with self._lock:
            if self._job is not None:
                self._job.stop()
            self._job = Job(work)
        return {"status": "busy"}, []

    def _poll_job(self, args: Mapping[str, Any], buffers: Sequence[bytes]) -> Answer:
        job = self._job
        return job.poll() if job is not None else ({"status": "none"}, [])

    def _stop_job(self, args: Mapping[str, Any], buffers: Sequence[bytes]) -> Answer:
        job = self._job
        if job is not None:
            job.stop()
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

    def _busy(self) -> Work:
        if self._work is None:
            raise InputError("no image is open")
        return self._work

    def _start(self, work: Work, *, same: bool = False) -> None:
        with self._lock:
            if self._work is not None:
                self._work.stop.set()
                if same:
                    work.preview, work.edges = self._work.preview, self._work.edges
                    work.spectrum = self._work.spectrum
            self._work = work
            if self._job is not None and not same:
                self._job.stop()
                self._job = None
            if not same:
                self._number, self._kept, self._fusion = self._number + 1, None, None
            before = self._thread
            self._thread = threading.Thread(target=compute, args=(work, before), daemon=True)
            self._thread.start()


def _finished(work: Work) -> Decomposition:
    if work.decomposition is None:
        raise InputError("the flow has not finished; wait for it, or continue it")
    return work.decomposition


def _recipe(args: Mapping[str, Any]) -> Recipe:
    return Recipe(args.get("edges", ()), args.get("gains", ()), args.get("residual_gain", 1.0))
