"""Decompose a series of images, such as a film, with the same bands on every page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np

from ..convex.energy import Energy
from ..core.errors import InputError
from ..core.progress import asks_to_stop, check_callback
from ..core.solver import limits
from ..core.status import Status
from ..flows.extinction import check_homogeneous
from ..flows.options import takes_options_of
from ..flows.problem import make_problem
from ..flows.result import Step
from ..flows.run import DEFAULT_MAX_ITER
from ..flows.time_grid import TimeGrid
from .decomposition import Decomposition, check_bands, check_edges
from .edges import automatic_edges
from .in_memory import DEFAULT_TOL, nodes_of
from .transform import decompose


@dataclass(frozen=True, eq=False)
class DecompositionSeries:
    """A series of decompositions. Iterate over it to compute one `Decomposition` per page.

    Only the current page is in memory. All pages share the times of the flow and the edges of the
    bands.

    Attributes
    ----------
    pages : sequence of arrays
        The images of the series.
    nodes : array (N + 1,)
        Times of the frames of every page, starting with 0.
    edges : array (B + 1,)
        Band k of every page holds the structures that vanish in ``edges[k] <= t < edges[k + 1]``.
    edge_pages : tuple of int
        Indices, counted from 0, of the pages whose spectra determined the edges. It is empty if the
        edges were given.
    """

    pages: Sequence[Any]
    nodes: np.ndarray
    edges: np.ndarray
    edge_pages: tuple[int, ...]
    options: Mapping[str, Any] = field(repr=False)

    def __len__(self) -> int:
        return len(self.pages)

    def __iter__(self) -> Iterator[Decomposition]:
        """Decompose the pages in order. If ``on_step`` stops a page, that page is the last."""
        for index in range(len(self.pages)):
            decomposition = self._page(index, self.edges, len(self.edge_pages) + index)
            yield decomposition
            if decomposition.flow.status is Status.STOPPED:
                return

    def _page(self, index: int, edges: np.ndarray, before: int) -> Decomposition:
        """Decompose one page, and report its steps as those of the page after ``before`` others."""
        options, every = dict(self.options), len(self.edge_pages) + len(self.pages)
        on_step = options.pop("on_step", None)

        def report(step: Step) -> bool:
            done, total = before * step.num_steps, every * step.num_steps
            return asks_to_stop(on_step, replace(step, step=done + step.step, num_steps=total))

        if on_step is not None:
            options["on_step"] = report
        grid = TimeGrid(tuple(self.nodes[1:]))
        with _naming_page(index, len(self.pages)):
            return decompose(self.pages[index], bands=edges.tolist(), steps=grid, **options)


@takes_options_of(decompose, without=("out", "tiles"))
def decompose_series(
    pages: Any,
    energy: Energy | None = None,
    *,
    bands: int | Sequence[float] | None = None,
    t_max: float | None = None,
    steps: int | TimeGrid | None = None,
    **options: Any,
) -> DecompositionSeries:
    """Compute the spectral TV decomposition of every page of a series, with the same bands.

    All pages are decomposed at the same times: the flow of each page runs until all pages have
    become constant. Unless ``bands`` is a list of times, the edges are chosen once, from the sum of
    the spectra of the first, the middle and the last page. These pages are therefore computed
    twice.

    Parameters
    ----------
    pages : array (T, \\*page), or sequence of arrays
        The images. Each page is like ``image`` in `decompose`.
    energy, bands, t_max, steps
        As in `decompose`.
    **options
        channel_axis and spacing (of one page), solver and on_step of `decompose`.
        ``on_step`` receives
        the steps of all pages, numbered consecutively. If it stops the flows from which the edges
        are chosen, there is a single band.

    Returns
    -------
    DecompositionSeries
        Iterate over it to get one `Decomposition` per page.

    Raises
    ------
    InputError
        If ``pages`` is empty, or for pages or options that `decompose` does not accept. The message
        gives the number of the page, counted from 1.

    Examples
    --------
    >>> series = steepest.spectral.decompose_series(film, bands=4)      # doctest: +SKIP
    >>> coarse = [decomposition.bands[-1] for decomposition in series]      # doctest: +SKIP
    """
    try:
        total = len(pages)
    except TypeError:
        raise InputError(
            f"pages of type {type(pages).__name__}; allowed are lists and arrays of images"
        ) from None
    if total == 0:
        raise InputError("pages is empty; at least one image is needed")
    chosen, own_energy = check_bands(bands), check_homogeneous(energy)
    options = {"energy": energy, **options}
    described = {name: options.get(name) for name in ("spacing", "channel_axis")}
    own = limits(options.get("solver"), tol=DEFAULT_TOL, max_num_iter=DEFAULT_MAX_ITER)

    def problems() -> Iterator[Any]:
        for index in range(total):
            with _naming_page(index, total):
                yield make_problem(pages[index], own_energy, **described)

    check_callback(options.get("on_step"))
    nodes = nodes_of(problems(), t_max, steps, own)
    if chosen is not None:
        return DecompositionSeries(pages, nodes, chosen, (), options)
    whole, sample = check_edges([]), tuple(sorted({0, total // 2, total - 1}))
    series = DecompositionSeries(pages, nodes, whole, sample, options)
    masses = np.zeros(nodes.size - 2)
    for before, index in enumerate(sample):
        page = series._page(index, whole, before)
        if page.flow.status is Status.STOPPED:
            return replace(series, options={**options, "on_step": lambda step: True})
        masses += page.spectrum * page.durations
    found = automatic_edges(nodes, masses, cast(int | None, bands))
    return replace(series, edges=found)


@contextmanager
def _naming_page(index: int, total: int) -> Iterator[None]:
    """Add the number of the page, counted from 1, to the message of an `InputError`."""
    try:
        yield
    except InputError as error:
        raise InputError(f"page {index + 1} of {total} (pages[{index}]): {error}") from None
