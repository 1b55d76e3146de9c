"""Decompose images page by page; shared by the spectral commands."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from steepest.core.errors import InputError
from steepest.io import Image

from .batch import Record
from .certificates import Certificate, certificate, together
from .options import band_keywords, learned_keywords, model_keywords
from .progress import progress
from .values import Computed, values_of


class Pages:
    """An iterable over the decompositions of the pages of an image; iterate over it only once.

    Only the decomposition of one page is in memory at a time. An image that is not a series has one
    page. ``spacing``, if given, replaces the spacing of the options.
    """

    def __init__(
        self,
        image: Image,
        arguments: argparse.Namespace,
        label: str,
        spacing: tuple[float, ...] | None = None,
    ) -> None:
        self.image, self.arguments, self.label, self.spacing = image, arguments, label, spacing
        self.parts = Computed(image, values_of(arguments))
        self.series = image.axes.startswith("T")
        self.edges: list[float] = []  # known after the first page
        self.edge_pages: list[int] = []  # counted from 1, as in image viewers
        self.certificates: list[Certificate] = []

    def __iter__(self) -> Iterator[Any]:
        slow = (
            ""
            if self.arguments.t_max
            else "taking long? --t-max T ends the flow at T, and is faster"
        )
        quiet = self.arguments.quiet
        with progress(self.label, enabled=not quiet, then="bands", hint=slow) as on_step:
            start = perf_counter()
            for decomposition in self._decompositions(on_step):
                seconds = perf_counter() - start
                self.certificates.append(certificate(decomposition.flow, seconds))
                self.edges = [float(edge) for edge in decomposition.edges]
                yield decomposition
                start = perf_counter()

    def _decompositions(self, on_step: Any) -> Iterator[Any]:
        from steepest import spectral

        arguments, image = self.arguments, self.image
        if getattr(arguments, "method", "solve") == "learned":
            yield from self._learned(on_step)
            return
        keywords = {**model_keywords(arguments, image), **band_keywords(arguments)}
        keywords["spacing"] = self.spacing or keywords["spacing"]
        if not self.series:
            yield spectral.decompose(self.parts[0], on_step=on_step, **keywords)
            return
        series = spectral.decompose_series(self.parts, on_step=on_step, **keywords)
        self.edge_pages = [page + 1 for page in series.edge_pages]
        yield from series

    def _learned(self, on_step: Any) -> Iterator[Any]:
        """Decompose the pages with a network."""
        from steepest import learning

        arguments, image = self.arguments, self.image
        if self.series and (arguments.edges is None or arguments.t_max is None):
            raise InputError(
                f"{image.name}: is a series; with --method learned also give --edges and --t-max, "
                "so that the bands mean the same on every page"
            )
        keywords = {**learned_keywords(arguments, image), **band_keywords(arguments)}
        for part in self.parts:
            yield learning.learned_decomposition(part, on_step=on_step, **keywords)

    def report(self, record: Record) -> None:
        """Report the bands of all pages."""
        record.tell("bands", bands_in_words(self.edges), edges=self.edges)
        self.report_edges(record)

    def report_edges(self, record: Record) -> None:
        """Report which pages of a series determined the edges of the bands."""
        if self.edge_pages:
            pages = ", ".join(map(str, self.edge_pages))
            words = f"chosen from the spectra of pages {pages}, the same on all pages"
            record.tell("edges", words, edge_pages=self.edge_pages)

    def certify(self, record: Record) -> None:
        """Report the combined certificate of all pages."""
        record.certify(together(self.certificates))


def bands_in_words(edges: Sequence[float]) -> str:
    """Describe the number of bands and the times that separate them."""
    inner = ", ".join(f"{edge:.3g}" for edge in edges[1:-1])
    return f"{len(edges) - 1}, separated at t = {inner}" if inner else "1"


@contextmanager
def page_named(image: Image, index: int) -> Iterator[None]:
    """Add the page number, counted from 1, to errors about one page of a series."""
    try:
        yield
    except InputError as error:
        if len(image.parts) == 1:
            raise
        raise InputError(f"page {index + 1} of {len(image.parts)}: {error}") from None


class Stack:
    """The pages of one result, added one by one.

    The pages of a series are stored in a temporary file next to the result, so that they do not all
    have to fit into memory.
    """

    def __init__(self, image: Image, dtype: Any, folder: Path) -> None:
        self._series, self._filled = image.axes.startswith("T"), 0
        if not self._series:
            self.array = np.empty(image.array.shape, dtype)
            return
        while not folder.is_dir():
            folder = folder.parent
        with tempfile.TemporaryFile(dir=folder) as scratch:
            self.array = np.memmap(scratch, dtype, "w+", shape=image.array.shape)

    def add(self, page: np.ndarray) -> None:
        """Add the next page."""
        self.array[self._filled if self._series else ...] = page
        self._filled += 1
