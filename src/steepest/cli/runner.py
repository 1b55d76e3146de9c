"""Process the images of a command in turn, and report on them in words or as JSON."""

import csv
import gc
import io
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import steepest
from steepest.core.errors import InputError
from steepest.core.numbers import counted
from steepest.core.status import Status
from steepest.io import Image, OutputSet, check_target, not_kept, write_image
from steepest.io.stores import open_windows

from .certificates import Accuracy, duration, finite
from .choices import FileReading, Reporting, keywords_of
from .extras import draw_figure
from .grey import Values
from .outcome import FAILED, OK, USAGE, one_line
from .report import Files, Report
from .sources import Source, check_targets
from .tiles import describe_store, note, solve_large


@dataclass
class Item(Report):
    """A report that the image is read, computed, drawn and written for."""

    status: Status | None = None
    grey: Values = field(default_factory=Values)
    _image: Image | None = None
    _pages: dict[str, list[np.ndarray]] = field(default_factory=dict)
    _dtype: Any = None

    def read(
        self,
        reading: FileReading,
        values: Any = None,
        *,
        prepare: Callable[[Image], Image] = lambda image: image,
        like: Callable[[Image], Mapping[str, Image]] = lambda image: {"image": image},
        kept: bool = True,
    ) -> Any:
        """Read the image, or open it if it is large, and report what it is.

        ``values`` is the meaning of its grey values, and ``prepare`` changes it. ``like`` returns
        what results will be like, by name, so that files that cannot hold them are refused now. If
        ``kept``, metadata that the first file cannot hold will be reported.
        """
        if self.source.large:
            store = self.resources.enter_context(open_windows(self.source.name))
            describe_store(self, store)
            return store
        image = prepare(reading.read(self.source.name))
        values = None if values is None else values.of_image(image)
        image = image if values is None else values.prepare(image)
        self.grey, self._dtype = values or Values(), image.array.dtype
        for name, content in like(image).items():
            if name in self.files:
                check_target(self.files[name], content)
        self.describe(image, kept=kept)
        if values is not None:
            values.report(self)
        return image

    def describe(self, image: Image, *, kept: bool = True) -> None:
        """Add the shape and dtype of an image, and if ``kept``, what the first file cannot hold."""
        self._image = image if kept else None
        shape, dtype = image.array.shape, image.array.dtype.name
        self.report("image", describe(image), shape=shape, dtype=dtype, axes=image.axes)

    def solve(
        self, image: Any, compute: Callable[[Any, dict[str, Any]], Any], *choices: Any, **tiled: Any
    ) -> list[Any]:
        """Return ``compute(page, keywords)`` of all pages, and write the images that it keeps.

        ``keywords`` are those for the options in ``choices``; ``tiled`` those of `solve_large`.
        """
        if self.source.large:
            return solve_large(self, image, compute, choices, **tiled)
        keywords, results = keywords_of(image, *choices), []
        if any(getattr(each, "spacing", "") is None for each in choices):
            self._report_unequal_sizes(image)
        if image.channel_axis is not None:
            keywords["channel_axis"] = image.channel_axis
        for number, page in enumerate(image.parts, 1):
            try:
                with self.progress() as keywords["on_step"]:
                    results.append(compute(page, keywords))
            except InputError as error:
                which = f"page {number} of {len(image.parts)}: " if len(image.parts) > 1 else ""
                raise InputError(f"{which}{error}") from None
        for name, pages in self._pages.items():
            self.write(name, image.with_parts(pages))
        return results

    def _report_unequal_sizes(self, image: Image) -> None:
        """Say that pixels are taken for squares or cubes, if those of the file are not."""
        sizes, unit = image.metadata.lengths(image.space)
        known = [size for size in sizes or () if size]
        if len(known) == len(image.space) > 0 and max(known) > 1.01 * min(known):
            words = " x ".join(f"{size:.4g}" for size in known)
            self.report("spacing", f"1 along all axes; pixels are {words} {unit} (--spacing file)")

    def keep(self, names: Sequence[str], arrays: Sequence[np.ndarray]) -> None:
        """Keep a page of each of these images, as in the file; tiles are written already."""
        for name, array in zip(names, () if self.source.large else arrays, strict=False):
            self._pages.setdefault(name, []).append(self.grey.back(array, self._dtype))

    def certify(
        self,
        results: Sequence[Any],
        accuracy: Callable[[Sequence[Any]], Accuracy],
        name: str = "certificate",
        step: str = "iteration",
    ) -> None:
        """Add the accuracy of results under a name, their effort in steps, and the worst status."""
        words, numbers = accuracy(results)
        self.status = Status.worst([result.status for result in results])
        iterations = sum(int(result.iterations) for result in results)
        effort = {
            "iterations": iterations, "converged": self.status.converged,
            "status": str(self.status), "seconds": self.seconds,
        }  # fmt: skip
        self.report(name, words, **{name: {**numbers, **effort}})
        self.report("effort", f"{counted(iterations, step)}, {duration(self.seconds)}")
        self.report("status", str(self.status))
        if self.stores is not None:
            note(self, self.stores, results, name)

    def write(self, place: str | Path, content: Any) -> None:
        """Write an image, rows, bytes or a figure to a path, or to the file of a name if wanted."""
        path = self.files.get(place) if isinstance(place, str) else place
        if path is None:
            return
        if isinstance(content, Image):
            write_image(path, content, outputs=self.outputs)
            return
        if isinstance(content, list):
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerows(content)
            content = text.getvalue().encode()
        elif not isinstance(content, bytes):
            content = steepest.plot.figure_png(content)
        with self.outputs.open(path) as file:
            file.write(content)

    def draw(self, place: str | Path, plot: Any, *arguments: Any, **options: Any) -> None:
        """Write a figure that is drawn by a function, if it is wanted."""
        if isinstance(place, Path) or place in self.files:
            self.write(place, draw_figure(plot, *arguments, **options))

    def finish(self) -> None:
        """Report the time, unless the effort is, and metadata that the first file cannot hold."""
        if self.seconds and "effort" not in dict(self.lines):
            self.report("time", duration(self.seconds), seconds=self.seconds)
        if self._image is None or not self.written:
            return
        self.values["not_kept"] = names = not_kept(self._image, self.written[0])
        if names:
            self.report("not kept", ", ".join(names))


def describe(image: Image) -> str:
    """Describe shape, dtype and axes in words, for example "512 x 512, uint8"."""
    shape = image.array.shape
    space = [str(n) for n, letter in zip(shape, image.axes, strict=True) if letter not in "TC"]
    words = [" x ".join(space), image.array.dtype.name]
    if image.channel_axis is not None:
        words.append(f"{shape[-1]} channels")
    if image.metadata.orientation > 1:
        words.append("turned upright")
    words += image.metadata.changed
    if image.alpha is not None:
        words.append("transparency kept")
    if image.axes.startswith("T"):
        words.append(f"{shape[0]} pages")
    return ", ".join(words)


@dataclass(frozen=True)
class Batch:
    """What a command does: ``work(item)`` for each source, and ``after(item)`` with its ``files``.

    ``extra`` is added to the JSON document, and ``footer`` printed at the end.
    """

    sources: Sequence[Source]
    work: Callable[[Item], None]
    files: Callable[[Source], Files] = lambda source: {}
    overwrite: bool = False
    after: Callable[[Item], None] = lambda item: None
    extra: dict[str, Any] = field(default_factory=dict)
    footer: Sequence[str] = ()


def run_batch(batch: Batch, reporting: Reporting, command: str) -> int:
    """Process all images, print the reports and return the exit code.

    An error in one image does not stop the others: 1 if one failed or, with --strict, did not
    converge, 2 if none could be used.
    """
    files = {source: batch.files(source) for source in batch.sources}
    check_targets([path for each in files.values() for path in each.values()], batch.overwrite)
    done: list[Item] = []
    failures: list[tuple[str, BaseException]] = []
    strict_failure = False
    for index, (source, own) in enumerate(files.items()):
        label = f"[{index + 1}/{len(files)}] {source.name}" if len(files) > 1 else source.name
        try:
            with ExitStack() as resources, OutputSet(overwrite=batch.overwrite) as outputs:
                if index == 0 and not source.large:
                    resources.enter_context(_no_collection())
                item = Item(source, label, own, outputs, resources, command, reporting.quiet)
                batch.work(item)
            batch.after(item)
        except Exception as error:
            if reporting.traceback:
                raise
            failures.append((source.name, error))
            text = one_line(error)
            _say("error", text if source.name in text else f"{source.name}: {text}")
            continue
        item.finish()
        done.append(item)
        if item.status is not None and not item.status.ok:
            strict_failure |= reporting.strict
            _say("error" if reporting.strict else "warning", f"{source.name}: {item.status}")
        if not reporting.json and not reporting.quiet:
            _print(item)
    if reporting.json:
        _print_json({"command": command, **batch.extra}, done, failures)
    elif not reporting.quiet:
        counts = [f"{len(done)} of {len(files)} images done"] if len(files) > 1 else []
        for line in [*counts, *batch.footer]:
            print(line)
    if not failures:
        return FAILED if strict_failure else OK
    nothing = not done and all(isinstance(error, InputError) for _, error in failures)
    return USAGE if nothing else FAILED


@contextmanager
def _no_collection() -> Iterator[None]:
    """No search for garbage: a tenth of the time of a short command, which leaves little."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def _say(kind: str, text: str) -> None:
    print(f"steepest: {kind}: {text}", file=sys.stderr)


def _print(item: Item) -> None:
    print(item.source.name)
    width = max(12, *(len(key) for key, _ in item.lines), 0)
    for key, text in item.lines:
        print(f"  {key:<{width}} {text}")
    for i, path in enumerate(item.written):
        print(f"  {'written' if i == 0 else '':<{width}} {path}")
    sys.stdout.flush()


def _print_json(
    head: dict[str, Any], done: Sequence[Item], failures: Sequence[tuple[str, BaseException]]
) -> None:
    results = [
        {"input": item.source.name, "outputs": list(map(str, item.written)), **finite(item.values)}
        for item in done
    ]
    errors = [{"input": name, "message": one_line(error)} for name, error in failures]
    document = {**head, "results": results, "errors": errors}
    print(json.dumps(document, indent=2, allow_nan=False))
