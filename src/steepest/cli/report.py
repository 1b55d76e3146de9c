"""One image of a batch: the files of its results, and what is said of it."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from steepest.io import OutputSet
from steepest.io.store_sets import Results

from .progress import progress
from .sources import Source

Files = Mapping[str, Path]


@dataclass
class Report:
    """One image of a batch, its files, and the report on it: ``lines``, and ``values`` for JSON.

    ``files`` are those to be written, by the names that the command gives them. They appear
    together when the command is done with the image; ``resources`` are open until then.
    """

    source: Source
    label: str
    files: Files
    outputs: OutputSet
    resources: ExitStack
    command: str = ""
    quiet: bool = False
    lines: list[tuple[str, str]] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    stores: Results | None = None
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.written: list[Path] = self.outputs.paths

    def report(self, key: str, text: str, /, **values: Any) -> None:
        """Add a line to print, and values for JSON."""
        self.lines.append((key, text))
        self.values.update(values)

    @contextmanager
    def progress(self, which: str = "", **options: str) -> Iterator[Any]:
        """Show progress; provide ``on_step``, which is None where nothing is shown."""
        start = perf_counter()
        with progress(self.label + which, enabled=not self.quiet, **options) as on_step:
            yield on_step
        self.seconds += perf_counter() - start
