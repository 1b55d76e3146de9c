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
        self.spectra: list[tuple[np.ndarray, np.ndarray]] = []  # times and S of the pages so far
        self._flows: list[Any] = []

    def __iter__(self) -> Iterator[Any]:
        with self.item.progress(then="bands") as on_step:
            for decomposition in self._decompositions(on_step):
                self._flows.append(without_pixels(self.grey.with_range(decomposition.flow)))
                self.edges = [float(edge) for edge in decomposition.edges]
                self.spectra.append((decomposition.times, decomposition.spectrum))
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

    def report_spectrum(self) -> None:
        """Report the spectra, and the peaks of their mean."""
        times, values = self._spectra()
        mean = values.mean(axis=0)
        high = (mean[:-2] < mean[1:-1]) & (mean[1:-1] >= mean[2:])
        peaks = times[1:-1][high & (mean[1:-1] > 0.05 * mean.max())].tolist()
        where = " (mean over the pages)" if self.series else ""
        if peaks:
            self.item.report("peaks", "t = " + ", ".join(f"{t:.3g}" for t in peaks) + where)
        spectrum = values if self.series else values[0]
        self.item.values.update(times=times, spectrum=spectrum, peaks=peaks)

    def write_spectrum(self, folder: Path, *, figure: bool, table: bool) -> None:
        """Write a figure of the spectra of all pages, and a table."""
        times, values = self._spectra()
        if figure:
            draw, what = "spectrum_curve", "spectrum"
            if self.series:
                draw, what = "spectrum_map", "spectra"
            self.item.draw(
                folder / "spectrum.png", draw, times, values if self.series else values[0],
                edges=self.edges, size=(9.0, 4.4),
                title=f"{self.item.source.stem}: {what} of the total variation flow",
            )  # fmt: skip
        if table:
            rows: list[list[Any]] = [["page", "t", "S"]]
            for page, found in enumerate(self.spectra, 1):
                rows += [[page, *map(repr, map(float, row))] for row in zip(*found, strict=True)]
            self.item.write(folder / "spectrum.csv", [row[not self.series :] for row in rows])

    def _spectra(self) -> tuple[np.ndarray, np.ndarray]:
        """The times of the first page, and the spectra there; networks use others on each page."""
        times = self.spectra[0][0]
        return times, np.array([np.interp(times, *own) for own in self.spectra], float)


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
