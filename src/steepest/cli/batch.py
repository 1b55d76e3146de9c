"""Process several images in turn. An error in one image does not stop the others."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from steepest.core.errors import InputError
from steepest.io import Image, not_kept

from .certificates import finite
from .outcome import FAILED, OK, USAGE, one_line


class Outcome(Protocol):
    """The accuracy of a result (a certificate or a residual) in words and numbers."""

    @property
    def status(self) -> str: ...
    @property
    def ok(self) -> bool: ...
    @property
    def promise(self) -> str: ...
    @property
    def effort(self) -> str: ...
    def as_json(self) -> dict[str, Any]: ...


@dataclass
class Record:
    """The report on one image: lines to print and values for JSON."""

    source: str
    outputs: list[Path] = field(default_factory=list)
    lines: list[tuple[str, str]] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    outcome: Outcome | None = None
    image: Image | None = None

    def tell(self, key: str, text: str, /, **values: Any) -> None:
        """Add a line to print, and values for JSON."""
        self.lines.append((key, text))
        self.values.update(values)

    def describe(self, image: Image, *, kept: bool = True) -> None:
        """Add the shape and dtype of the image.

        If ``kept`` is True, metadata that the results cannot store will be reported as lost.
        """
        self.image = image if kept else None
        array = image.array
        self.tell(
            "image", describe(image), shape=array.shape, dtype=array.dtype.name, axes=image.axes
        )

    def report_losses(self) -> None:
        """Add the names of the metadata that the first output file cannot store."""
        if self.image is None or not self.outputs:
            return
        self.values["not_kept"] = names = not_kept(self.image, self.outputs[0])
        if names:
            self.tell("not kept", ", ".join(names))

    def certify(self, outcome: Outcome, name: str = "certificate") -> None:
        """Add the guaranteed accuracy, the effort and the status."""
        self.outcome = outcome
        self.tell(name, outcome.promise, **{name: outcome.as_json()})
        self.tell("effort", outcome.effort)
        self.tell("status", outcome.status)


def describe(image: Image) -> str:
    """Describe shape, dtype and axes in words, for example "512 x 512, uint8"."""
    shape = image.array.shape
    space = [str(n) for n, letter in zip(shape, image.axes, strict=True) if letter not in "TC"]
    words = [" x ".join(space), image.array.dtype.name]
    if image.channel_axis is not None:
        words.append(f"{shape[-1]} channels")
    if image.alpha is not None:
        words.append("transparency kept")
    if image.axes.startswith("T"):
        words.append(f"{shape[0]} pages")
    return ", ".join(words)


def run_batch(
    arguments: argparse.Namespace,
    sources: Sequence[str],
    work: Callable[[str, str], Record],
    extra: dict[str, Any] | None = None,
) -> int:
    """Run ``work(source, label)`` for each image, print the reports and return the exit code.

    ``extra`` is added to the JSON document.

    The exit code is 0 if all images were processed, 1 if an image failed or, with --strict, did not
    converge, and 2 if no image could be used.
    """
    records: list[Record] = []
    failures: list[tuple[str, BaseException]] = []
    strict_failure = False
    for index, source in enumerate(sources):
        label = f"[{index + 1}/{len(sources)}] {source}" if len(sources) > 1 else source
        try:
            record = work(source, label)
        except Exception as error:
            if arguments.traceback:
                raise
            failures.append((source, error))
            text = one_line(error)
            prefix = "" if source in text else f"{source}: "
            print(f"steepest: error: {prefix}{text}", file=sys.stderr)
            continue
        record.report_losses()
        records.append(record)
        outcome = record.outcome
        if outcome is not None and not outcome.ok:
            strict_failure |= arguments.strict
            kind = "error" if arguments.strict else "warning"
            print(f"steepest: {kind}: {source}: {outcome.status}", file=sys.stderr)
        if not arguments.json and not arguments.quiet:
            _print_record(record)
    if arguments.json:
        _print_json({"command": arguments.command, **(extra or {})}, records, failures)
    elif len(sources) > 1 and not arguments.quiet:
        print(f"{len(records)} of {len(sources)} images done")
    if not failures:
        return FAILED if strict_failure else OK
    nothing = not records and all(isinstance(error, InputError) for _, error in failures)
    return USAGE if nothing else FAILED


def _print_record(record: Record) -> None:
    print(record.source)
    width = max(12, *(len(key) for key, _ in record.lines), 0)
    for key, text in record.lines:
        print(f"  {key:<{width}} {text}")
    for i, path in enumerate(record.outputs):
        print(f"  {'written' if i == 0 else '':<{width}} {path}")
    sys.stdout.flush()


def _print_json(
    head: dict[str, Any], records: Sequence[Record], failures: Sequence[tuple[str, BaseException]]
) -> None:
    document = {
        **head,
        "results": [
            {"input": r.source, "outputs": [str(path) for path in r.outputs], **finite(r.values)}
            for r in records
        ],
        "errors": [{"input": source, "message": one_line(error)} for source, error in failures],
    }
    print(json.dumps(document, indent=2, allow_nan=False))
