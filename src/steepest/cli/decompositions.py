"""Decompose images page by page; shared by the spectral commands."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

import steepest
from steepest.core.errors import InputError
from steepest.io import Image

from .certificates import bounds, without_pixels
from .choices import FlowTimes, MethodChoice, keywords_of
from .grey import ComputedPages, Values
from .runner import Item


class Decompositions:
    """An iterable over the decompositions of the pages of an image; iterate over it only once.

    Only the decomposition of one page is in memory at a time. An image that is not a series has one
    page. ``choices`` are the options of the grey values, the energy, the solver and the spacing.
    """

    def __init__(
        self,
        item: Item,
        image: Image,
        values: Values,
        bands: FlowTimes,
        *choices: Any,
        method: MethodChoice = MethodChoice(),
    ) -> None:
        self.item, self.image, self.parts = item, image, ComputedPages(image, values)
        self._grey, *self._choices = choices
        self._bands, self._method = bands, method
        self.series = image.axes.startswith("T")
        self.edges: list[float] = []  # known after the first page
        self.edge_pages: list[int] = []  # counted from 1, as in image viewers
        self._flows: list[Any] = []
        self._seconds = 0.0

    def __iter__(self) -> Iterator[Any]:
        hint = "taking long? --t-max T ends the flow at T, and is faster"
        hint = "" if self._bands.t_max else hint
        with self.item.progress(then="bands", hint=hint) as on_step:
            start = perf_counter()
            for decomposition in self._decompositions(on_step):
                self._seconds += perf_counter() - start
                flow = self._grey.with_range(decomposition.flow)
                self._flows.append(without_pixels(flow))
                self.edges = [float(edge) for edge in decomposition.edges]
                yield decomposition
                start = perf_counter()

    def _decompositions(self, on_step: Any) -> Iterator[Any]:
        if self._method.learned:
            yield from self._learned(on_step)
            return
        image = self.image
        keywords = keywords_of(image, *self._choices, self._bands)
        keywords.update(channel_axis=image.channel_axis, on_step=on_step)
        if not self.series:
            yield steepest.spectral.decompose(self.parts[0], **keywords)
            return
        series = steepest.spectral.decompose_series(self.parts, **keywords)
        self.edge_pages = [page + 1 for page in series.edge_pages]
        yield from series

    def _learned(self, on_step: Any) -> Iterator[Any]:
        """Decompose the pages with a network."""
        bands = self._bands
        if self.series and (getattr(bands, "edges", None) is None or bands.t_max is None):
            raise InputError(
                f"{self.image.name}: is a series; with --method learned also give --edges and "
                "--t-max, so that the bands mean the same on every page"
            )
        keywords = keywords_of(self.image, bands, self._method)
        for part in self.parts:
            yield steepest.learning.learned_decomposition(part, on_step=on_step, **keywords)

    def report(self) -> None:
        """Report the bands of all pages."""
        self.item.report("bands", bands_in_words(self.edges), edges=self.edges)
        self.report_edges()

    def report_edges(self) -> None:
        """Report which pages of a series determined the edges of the bands."""
        if self.edge_pages:
            pages = ", ".join(map(str, self.edge_pages))
            words = f"chosen from the spectra of pages {pages}, the same on all pages"
            self.item.report("edges", words, edge_pages=self.edge_pages)

    def certify(self) -> None:
        """Report the combined certificate of all pages."""
        self.item.seconds = self._seconds  # without those of the command between the pages
        self.item.certify(self._flows, bounds)

    def spectrum_figure(self, spectra: Sequence[tuple[Any, Any]]) -> Any:
        """Draw the spectra (times, S) of all pages."""
        (times, values), name = spectra[0], self.item.source.stem
        if not self.series:
            title = f"{name}: spectrum of the total variation flow"
            return steepest.plot.spectrum_figure(times, values, self.edges, title=title)
        rows = [np.interp(times, own, values) for own, values in spectra]  # networks use other ones
        title = f"{name}: spectra of the total variation flow"
        return steepest.plot.spectrum_map(times, rows, self.edges, title=title)


def bands_in_words(edges: Sequence[float]) -> str:
    """Describe the number of bands and the times that separate them."""
    inner = ", ".join(f"{edge:.3g}" for edge in edges[1:-1])
    return f"{len(edges) - 1}, separated at t = {inner}" if inner else "1"


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
