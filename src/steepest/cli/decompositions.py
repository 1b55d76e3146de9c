"""Decompose images page by page; shared by the spectral commands."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import steepest
from steepest.core.errors import InputError
from steepest.io import Image

from .certificates import bounds, without_pixels
from .choices import FlowTimes, MethodChoice, keywords_of
from .grey import ComputedPages
from .runner import Item


class Decompositions:
    """The decompositions of the pages of an image, one at a time; iterate over it only once."""

    def __init__(
        self,
        item: Item,
        image: Image,
        bands: FlowTimes,
        *choices: Any,
        method: MethodChoice = MethodChoice(),
    ) -> None:
        self.item, self.image, self.bands, self.method = item, image, bands, method
        self.grey, *self.choices = choices
        self.series = image.axes.startswith("T")
        self.edges: list[float] = []  # known after the first page
        self.edge_pages: list[int] = []  # counted from 1, as in image viewers
        self._flows: list[Any] = []

    def __iter__(self) -> Iterator[Any]:
        hint = "taking long? --t-max T ends the flow at T, and is faster"
        with self.item.progress(then="bands", hint="" if self.bands.t_max else hint) as on_step:
            for decomposition in self._decompositions(on_step):
                self._flows.append(without_pixels(self.grey.with_range(decomposition.flow)))
                self.edges = [float(edge) for edge in decomposition.edges]
                yield decomposition

    def _decompositions(self, on_step: Any) -> Iterator[Any]:
        image, pages = self.image, ComputedPages(self.image, self.item.grey)
        if self.method.learned:
            given = getattr(self.bands, "edges", None) is not None and self.bands.t_max is not None
            if self.series and not given:
                raise InputError(
                    f"{image.name}: is a series; with --method learned also give --edges and "
                    "--t-max, so that the bands mean the same on every page"
                )
            keywords = keywords_of(image, self.bands, self.method)
            for page in pages:
                yield steepest.learning.learned_decomposition(page, on_step=on_step, **keywords)
            return
        keywords = keywords_of(image, *self.choices, self.bands)
        keywords.update(channel_axis=image.channel_axis, on_step=on_step)
        if not self.series:
            yield steepest.spectral.decompose(pages[0], **keywords)
            return
        series = steepest.spectral.decompose_series(pages, **keywords)
        self.edge_pages = [page + 1 for page in series.edge_pages]
        yield from series

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
        self.item.certify(self._flows, bounds)

    def draw_spectra(self, place: str | Path, spectra: Sequence[tuple[Any, Any]]) -> None:
        """Write a figure of the spectra (times, S) of all pages, if it is wanted."""
        (times, values), name = spectra[0], self.item.source.stem
        options: dict[str, Any] = {"edges": self.edges, "size": (9.0, 4.4)}
        if not self.series:
            title, draw = f"{name}: spectrum of the total variation flow", "spectrum_curve"
        else:  # networks use other times on each page
            title, draw = f"{name}: spectra of the total variation flow", "spectrum_map"
            values = [np.interp(times, own, values) for own, values in spectra]
        self.item.draw(place, draw, times, values, title=title, **options)


def bands_in_words(edges: Sequence[float]) -> str:
    """Describe the number of bands and the times that separate them."""
    inner = ", ".join(f"{edge:.3g}" for edge in edges[1:-1])
    return f"{len(edges) - 1}, separated at t = {inner}" if inner else "1"


class Stack:
    """The pages of one result, added one by one; those of a series are in a temporary file."""

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
