"""The equaliser without any user interface: one image, its flow, and the answers to questions.

`Session.handle` answers the same requests whether they come from a browser or from a notebook.
"""

import itertools
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..core.arrays import prepare_image
from ..core.errors import InputError
from ..core.limits import MAX_PIXELS
from ..core.numbers import check_choice, check_count, check_number
from ..io import Image, read_image
from ..spectral import Decomposition, decompose
from . import denoising, few_pixels, fusion, labels
from .frames import measure
from .job import Answer, Jobs
from .recipe import MOST_BANDS, Recipe
from .repair import EDGES, Box, Repair, bounding_box
from .source import SAMPLES, Source, read_upload, result_file, thumbnail
from .tools import Args, Made, Progress, Task, Tool
from .wire import to_float16
from .work import (
    MOST_WORKED,
    Work,
    best_low_pass,
    check_memory,
    compute,
    default_options,
    edited_part,
    open_work,
)

Buffers = Sequence[bytes]
_ALL_STEPS = 60  # up to the extinction time
_OPERATIONS = (
    *("open", "state", "layers", "cancel", "compute", "export", "code", "ruler", "keep"),
    *("samples", "sample", "repair", "settle", "covered", "mask", "rank"),
    *("job", "stop", "made"),
)
_TOOLS = {
    "objects": Tool(labels.objects, partial=False), "segment": Tool(labels.regions),
    "denoise": Tool(denoising.by_energy, partial=False),
    "learn": Tool(denoising.by_model, partial=False),
    "fuse": Tool(fusion.fuse, partial=False), "thin": Tool(few_pixels.thin),
}  # fmt: skip
_numbers = itertools.count(1)


class Session:
    """An image being equalised.

    Parameters
    ----------
    image : steepest.io.Image, optional
        The first image. Others are opened by the request ``open``.
    max_pixels : int
        The largest number of pixels times channels of an image. Above 16.8 million, bands are
        computed from a smaller copy, and the export at full size.

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
        self._jobs = Jobs()
        self._mending: Repair | None = None  # since the first stroke
        self._kept: Recipe | None = None  # the sliders of the page
        self._number = 0  # of the image, so that a page can tell that it has changed
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
        if isinstance(op, str) and op in _TOOLS:
            return self._start_tool(_TOOLS[op], args or {}, buffers)
        if not isinstance(op, str) or op not in _OPERATIONS:
            raise InputError(f"op={op!r:.40}; allowed are {', '.join((*_OPERATIONS, *_TOOLS))}")
        answer: Answer = getattr(self, f"_{op}")(args or {}, buffers)
        return answer

    def open(self, image: Image) -> None:
        """Take another image and start its flow."""
        if image.axes not in ("YX", "YXC") or image.array.shape[2:] not in ((), (1,), (3,)):
            raise InputError(
                f"{image.name}: is no single picture, grey or in colour, but has the axes "
                f"{image.axes} and the shape {image.array.shape}; use the command line"
            )
        if image.array.size > self._max_pixels:
            raise InputError(
                f"{image.name}: is too large, with {image.array.size:,} pixels times channels; "
                f"allowed are {self._max_pixels:,} (max_pixels)"
            )
        self._start(open_work(Source(image)), same=False)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the flow has ended; return False after ``timeout`` seconds."""
        with self._lock:  # a thread that is there has been started
            thread = self._thread
        if thread is None:
            return True
        thread.join(timeout)
        return not thread.is_alive()

    def close(self) -> None:
        """Stop the flow and forget the image."""
        with self._lock:
            if self._work is not None:
                self._work.stop.set()
            self._jobs.forget()
            self._work = self._mending = None

    @property
    def settings(self) -> dict[str, Any]:
        """The edges, gains and residual gain that the page has told last."""
        edges = self._open_work().edges
        return (self._kept or Recipe(edges, (1.0,) * (len(edges) + 1))).as_json()

    def result(self) -> Image:
        """Wait for the flow and return the image for the `settings`.

        Raises
        ------
        InputError
            If no image is open, or the flow was cancelled or failed.
        """
        self.wait()
        work = self._open_work()
        return Recipe.from_request(self.settings).apply(_decomposition_of(work), work.source.image)

    # requests

    def _open(self, args: Args, buffers: Buffers) -> Answer:
        self.open(read_upload(args, buffers, self._max_pixels))
        return self._state({}, ())

    def _samples(self, args: Args, buffers: Buffers) -> Answer:
        """The names of pictures to begin with, and small copies (PNG)."""
        return {"names": list(SAMPLES)}, [thumbnail(name) for name in SAMPLES]

    def _sample(self, args: Args, buffers: Buffers) -> Answer:
        self.open(read_image(f"sample:{check_choice(args.get('name'), 'name', SAMPLES)}"))
        return self._state({}, ())

    def _state(self, args: Args, buffers: Buffers) -> Answer:
        work = self._work
        if work is None:
            return {"image": None, "number": self._number, "max_pixels": self._max_pixels}, []
        return {"number": self._number, **self._page_state(args), **work.as_json()}, []

    def _page_state(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a page that is loaded again must know, if ``restore`` asks for it."""
        if not args.get("restore"):
            return {}
        return {
            "strokes": self._mending.strokes if self._mending is not None else [],
            "method": self._mending.wanted if self._mending is not None else EDGES,
            "settled": self._settled(self._open_work()),
            "kept": self._kept.as_json() if self._kept is not None else None,
        }

    def _layers(self, args: Args, buffers: Buffers) -> Answer:
        """Low-pass images at some times as float16, smaller by ``factor``; null: the residual."""
        work = self._open_work()
        times = args.get("times")
        if not isinstance(times, list) or not 0 < len(times) <= MOST_BANDS + 1:
            raise InputError(f"times={times!r:.40}; allowed are 1 to {MOST_BANDS + 1} times")
        quality, factors, images = [], [], []
        for each in times:
            time = np.inf if each is None else check_number(each, "times")
            found, factor, what = best_low_pass(work, time)
            quality.append(what)
            factors.append(factor)
            images.append(to_float16(found, work.limits))
        return {"quality": quality, "factors": factors, "number": self._number}, images

    def _cancel(self, args: Args, buffers: Buffers) -> Answer:
        if self._work is not None:
            self._work.stop.set()
        return self._state({}, ())

    def _compute(self, args: Args, buffers: Buffers) -> Answer:
        """Start again after a cancellation, or ("all": true) up to the extinction time."""
        work = self._open_work()
        everything = args.get("all", "t_max" not in work.options)
        if not isinstance(everything, bool):
            raise InputError(f"all={everything!r:.40}; allowed are true and false")
        options = {"steps": _ALL_STEPS} if everything else default_options(work.limits)
        self._start(
            Work(work.source, work.values, work.limits, options, work.faintest, work.factor)
        )
        return self._state({}, ())

    def _export(self, args: Args, buffers: Buffers) -> Answer:
        """The result as a file at full depth and size, with alpha and metadata."""
        work, recipe = self._open_work(), Recipe.from_request(args)
        image = work.source.image

        def file_of(decomposition: Decomposition) -> tuple[dict[str, Any], list[bytes]]:
            made = recipe.apply(decomposition, image)
            name, data = result_file(made, "equalised", args, work.limits)
            return {"name": name}, [data]

        if work.factor == 1:
            return file_of(_decomposition_of(work))
        check_memory(image, work.options["steps"])

        def at_full_size(on_step: Progress) -> Made:
            found = decompose(
                image.array, channel_axis=image.channel_axis, on_step=on_step, **work.options
            )
            return Made(*file_of(found))

        return self._jobs.start(at_full_size, partial=False)

    def _code(self, args: Args, buffers: Buffers) -> Answer:
        work, recipe = self._open_work(), Recipe.from_request(args)
        source, flow = work.source, work.options
        mask = source.mask_name if source.mask is not None else None
        code = {"python": recipe.python(source, flow), "command": recipe.command(source, flow)}
        return {**code, "mask": mask}, []

    def _mask(self, args: Args, buffers: Buffers) -> Answer:
        """The file of the mask that the code of a repaired image reads."""
        source = self._open_work().source
        return {"name": source.mask_name}, [source.mask_file()]

    def _repair(self, args: Args, buffers: Buffers) -> Answer:
        """Keep the first ``keep`` strokes, add ``strokes``, and answer with what has changed.

        ``all``: with everything that differs from the image of the flow, which goes on with the
        image before, until `_settle`.
        """
        work = self._unreduced_work()
        if self._mending is None:
            self._mending = Repair(work.source.image)
        mending = self._mending
        box = mending.change(args.get("keep"), args.get("strokes"), args.get("method", EDGES))
        if args.get("all"):
            mask = mending.mask
            box = bounding_box(mask if work.source.mask is None else mask | work.source.mask)
        recipe = Recipe.from_request(args) if "edges" in args else Recipe((), (1.0,))
        used = {"method": mending.method}
        return _part(
            box, work, lambda box: mending.edited(box, lambda box: edited_part(work, recipe, box)),
            used,
        )  # fmt: skip

    def _covered(self, args: Args, buffers: Buffers) -> Answer:
        """What the strokes have covered, as it was before: for a page that is loaded again."""
        work, mending = self._open_work(), self._mending
        if mending is None:
            return {"box": None}, []
        axis = work.source.image.channel_axis

        def before(box: Box) -> np.ndarray:
            return np.moveaxis(prepare_image(mending.part(box, filled=False), axis)[0], 0, -1)

        return _part(bounding_box(mending.mask), work, before)

    def _settle(self, args: Args, buffers: Buffers) -> Answer:
        """Start the flow of the repaired image, with the bands and sliders there are."""
        work = self._open_work()
        if self._mending is not None and not self._settled(work):
            again = open_work(self._mending.source())
            again.options, again.limits = work.options, work.limits
            again.stale = True
            self._start(again)
        return self._state({}, ())

    def _settled(self, work: Work) -> bool:
        """Whether the flow is that of the image with all strokes."""
        mending, there = self._mending, work.source.mask
        mask = mending.mask if mending is not None else None
        if mending is None or mask is None or there is None:
            return not (mask is not None and mask.any())
        return np.array_equal(mask, there) and mending.method == work.source.method

    def _keep(self, args: Args, buffers: Buffers) -> Answer:
        """Remember the sliders for `result`."""
        self._kept = Recipe.from_request(args)
        return {}, []

    def _start_tool(self, tool: Tool, args: Args, buffers: Buffers) -> Answer:
        work = self._unreduced_work()
        ranking = self._jobs.ranking(work.values.shape[:2])
        task = Task(work.source, work.limits, args, buffers, self._max_pixels, ranking)
        return self._jobs.start(tool.start(task), partial=tool.partial)

    def _made(self, args: Args, buffers: Buffers) -> Answer:
        return self._jobs.made(args, self._open_work().limits)

    def _rank(self, args: Args, buffers: Buffers) -> Answer:
        return self._jobs.rank(self._unreduced_work().source.image)

    def _job(self, args: Args, buffers: Buffers) -> Answer:
        return self._jobs.poll()

    def _stop(self, args: Args, buffers: Buffers) -> Answer:
        return self._jobs.stop()

    def _ruler(self, args: Args, buffers: Buffers) -> Answer:
        """Time, contrast and radius of the structure at pixel ``x``, ``y``; null if too faint."""
        work = self._open_work()
        height, width, _ = work.values.shape
        x = check_number(args.get("x"), "x", most=width - 1)
        y = check_number(args.get("y"), "y", most=height - 1)
        if x < 0 or y < 0:
            raise InputError(f"x={x:g}, y={y:g} is outside the image")
        flow = work.full if work.full is not None and work.full.complete else work.preview
        if flow is None:
            return {"found": None}, []
        count = len(flow.nodes)
        at = (int(x) // flow.factor, int(y) // flow.factor)
        found = measure(flow.nodes[:count], flow.frames[:count], *at, work.faintest)
        if found is None:
            return {"found": None}, []
        time, contrast, radius = found
        return {"found": {"time": time, "contrast": contrast, "radius": radius}}, []

    # the flow

    def _open_work(self) -> Work:
        if self._work is None:
            raise InputError("no image is open")
        return self._work

    def _unreduced_work(self) -> Work:
        """The work on an image whose pixels are all shown."""
        work = self._open_work()
        if work.factor > 1:
            raise InputError(
                f"{work.source.image.name}: is shown at 1/{work.factor} of its size; this tool "
                f"takes images of up to {MOST_WORKED:,} pixels (times channels)"
            )
        return work

    def _start(self, work: Work, *, same: bool = True) -> None:
        """Replace the work; ``same``: it is on the same image, perhaps repaired."""
        with self._lock:
            old = self._work
            if old is not None:
                old.stop.set()
                if same:
                    work.preview, work.edges, work.spectrum = old.preview, old.edges, old.spectrum
                    work.stale = work.stale or old.stale
            if old is None or old.source is not work.source:
                self._jobs.forget()
            if not same:
                self._number, self._kept = next(_numbers), None
                self._mending = None
            self._work = work
            before = self._thread
            self._thread = threading.Thread(target=compute, args=(work, before), daemon=True)
            self._thread.start()


def _part(
    box: Box | None, work: Work, values: Callable[[Box], np.ndarray], more: Mapping[str, Any] = {}
) -> Answer:
    """Answer with a part (h, w, C) of an image: left, top, width and height, and float16."""
    if box is None:
        return {"box": None, **more}, []
    (top, bottom), (left, right) = ((each.start, each.stop) for each in box)
    where = [left, top, right - left, bottom - top]
    return {"box": where, **more}, [to_float16(values(box), work.limits)]


def _decomposition_of(work: Work) -> Decomposition:
    if work.decomposition is None:
        raise InputError("the flow has not finished; wait for it, or continue it")
    return work.decomposition
