"""Spectral decomposition and filters of arrays that do not fit in memory.

Bands, residual and all filters are linear combinations of the frames of the flow. A filter applied
to a decomposition whose "frames" are the unit vectors therefore returns its coefficients, and shows
which frames are needed at all: a band needs the two frames around each of its ends.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import numpy as np

from ..convex.total_variation import TotalVariation, norm_of
from ..core.errors import InputError
from ..core.numbers import check_count, check_number
from ..core.solver import Solver, limits
from ..core.status import finished
from ..flows.options import takes_options_of
from ..flows.result import FlowResult
from ..flows.time_grid import TimeGrid, grid_of
from ..spectral.decomposition import (
    DEFAULT_NUM_STEPS,
    DEFAULT_TOL,
    Decomposition,
    check_bands,
    nodes_of,
    problem_of,
)
from ..spectral.decomposition import decompose as decompose_in_memory
from ..spectral.edges import DEFAULT_NUM_BANDS
from .flow import March
from .items import one_by_one
from .passes import Stopped
from .picture import check_out, deliver, stored
from .plan import sample
from .setup import PER_STEP, Facts, Setup
from .task import read_weights
from .windows import Window
from .workspace import digest

_WHOLE = np.array([0.0, np.inf])
_PATCHES = 4  # of the sample, along each axis


@dataclass(frozen=True, eq=False)
class TiledDecomposition:
    """Bands and residual, or a filtered image, written tile by tile.

    Attributes
    ----------
    out : array-like
        What was written: the bands and the residual along the first axis, or the filtered image.
    nodes : array (N + 1,)
        Times of the frames, starting with 0.
    edges : array (B + 1,)
        Band k holds the structures that vanish in ``edges[k] <= t < edges[k + 1]``.
    flow : FlowResult
        Certificate and status of the flow at ``nodes[1:]``; its ``images`` are None.
    """

    out: Any
    nodes: np.ndarray
    edges: np.ndarray
    flow: FlowResult


def _combined(
    image: Any,
    out: Any,
    parts: Callable[[Decomposition], np.ndarray],
    lead: tuple[int, ...],
    name: str,
    count: int,
    given: np.ndarray | None,
    *,
    t_max: float | None = None,
    steps: int | TimeGrid | None = None,
    tol: float = 1e-2,
    isotropic: bool = True,
    max_num_iter: int = 5000,
    coupled: bool = True,
    batch_axis: int | None = None,
    raise_on_failure: bool = False,
    **options: Any,
) -> TiledDecomposition:
    """Write linear combinations of the frames of the flow, whose coefficients ``parts`` finds."""
    if batch_axis is not None or not coupled:
        if t_max is None or given is None:
            raise InputError(
                "t_max and the times of bands: needed with batch_axis or coupled=False, so that "
                "the bands mean the same in all images"
            )
        found: list[TiledDecomposition] = []

        def one(part: Any, own: Any, **more: Any) -> FlowResult:
            found.append(
                _combined(
                    part, own, parts, lead, name, count, given, t_max=t_max, steps=steps, tol=tol,
                    isotropic=isotropic, max_num_iter=max_num_iter,
                    raise_on_failure=raise_on_failure, **more,
                )
            )  # fmt: skip
            return found[-1].flow

        flow = one_by_one(
            one, image, out, lead, coupled=coupled, batch_axis=batch_axis, floats=True, **options
        )
        out = flow.images
        return replace(
            found[0], out=out, flow=replace(flow, images=None, num_values=math.prod(image.shape))
        )
    tol, most = check_number(tol, "tol"), check_count(max_num_iter, "max_num_iter")
    end = None if t_max is None else check_number(t_max, "t_max", positive=True)
    energy = TotalVariation(norm=norm_of(isotropic))
    chosen = None if given is None else given.tolist()
    described = f"{name} {chosen} {count} {end} {steps} {tol} {energy} {most}"
    grid = grid_of(steps, TimeGrid.logarithmic, DEFAULT_NUM_STEPS)
    setup = Setup(
        image, out, energy, described, floats=True, iterations=PER_STEP * grid.num_steps, **options
    )
    out = check_out(out, setup.picture, lead)
    march, nodes, edges = March(), np.zeros(2), _WHOLE
    with setup:
        store, levels = setup.workspace, setup.coarse_levels()
        facts, means = setup.survey(levels)
        times = partial(_nodes, setup, facts, means, levels, end, grid)
        nodes = np.array(store.decided("nodes", lambda: times().tolist()))
        if given is None:
            edges = np.array(
                store.decided("edges", lambda: _edges(setup, nodes, count, tol).tolist())
            )
        else:
            edges = given
        size, no_flow = nodes.size, cast(FlowResult, None)
        unit = Decomposition(np.zeros(size), nodes, np.eye(size), edges, no_flow, None, (1.0,))
        rows = parts(unit)
        if rows.shape != (math.prod(lead), size):
            raise InputError(f"linear: returned shape {rows.shape[1:]}, not that of the image")
        store.check_same("linear", [digest(rows.astype(float))])
        used = np.any(rows[:, 1:] != 0, axis=0)
        keep = [n if needed else None for n, needed in enumerate(used, 1)]
        setup.check_space(int(used.sum()))
        passes = march.run(setup, facts, means, nodes[1:], keep, tol, most)
        del means
        frames = {
            n: stored(store, stored_as, setup.tiling, setup.picture)
            for n, stored_as in passes.frames.items()
        }
        frames[0] = lambda window: setup.picture.restored(setup.picture.read(window))
        for k, row in enumerate(rows):
            deliver(out, (k,) if lead else (), setup.picture, _sum_of(row, frames))
        march.finished = True
    flow = march.result(setup, nodes[1:], range(nodes.size - 1), None)
    return TiledDecomposition(out, nodes, edges, finished(flow, raise_on_failure))


_with_options = takes_options_of(_combined, Setup)


@_with_options
def decompose(
    image: Any,
    out: Any = None,
    *,
    bands: int | Sequence[float] | None = None,
    **options: Any,
) -> TiledDecomposition:
    """Split an array that does not fit in memory into bands of structures and a residual.

    The bands are those of `steepest.spectral.decompose`, from the flow of `tv_flow` of this module.
    They and the residual add up to the image, up to the rounding of floats.

    Parameters
    ----------
    image, out
        As in `denoise_tv` of this module; ``out`` has the shape (B + 1, \\*image.shape) for B bands
        and the residual, and dtype float64 for float64 images and float32 for all others.
    num_bands : int, optional
        Number of bands (default 6). Their edges are chosen from the spectrum of a sample: patches
        from all over the image. If it has fewer structures, the last bands are zero.
    edges : increasing sequence of times, optional
        Times that separate the bands, instead of ``num_bands``.
    t_max : float, optional
        Last time of the flow. The default is an estimate of the extinction time, from the image
        averaged over blocks. Steps at times above three take several passes each.
    steps, isotropic
        As in `steepest.spectral.decompose`.
    tol : float
        Relative duality gap of each step (default 1e-2).
    weights, spacing, channel_axis, data_range, halo, memory, work, executor, num_workers, on_step
        As in `denoise_tv` of this module.
    coupled, batch_axis
        As in `denoise_tv` of this module; ``edges`` and ``t_max`` are then needed, so that the
        bands mean the same in all images.
    max_num_iter, num_threads, raise_on_failure
        As in `tv_flow` of this module. The folder ``work`` needs two further floats per pixel for
        each band.

    Returns
    -------
    TiledDecomposition

    Raises
    ------
    InputError
        Bad image, edges or options, or a folder that belongs to other work.
    NotConverged
        If a tolerance is not met and ``raise_on_failure=True``.
    """
    given, count = check_bands(bands), bands if isinstance(bands, int) else DEFAULT_NUM_BANDS
    parts = 1 + (count if given is None else given.size - 1)

    def all_parts(unit: Decomposition) -> np.ndarray:
        return np.array([*unit.bands, unit.residual])

    return _combined(image, out, all_parts, (parts,), "decompose", count, given, **options)


@_with_options
def apply_filter(
    image: Any,
    linear: Callable[[Decomposition], np.ndarray],
    out: Any = None,
    *,
    bands: int | Sequence[float] | None = None,
    **options: Any,
) -> TiledDecomposition:
    """Filter an array that does not fit in memory by its structures, like an equaliser.

    Parameters
    ----------
    image, out
        As in `decompose` of this module; ``out`` has the shape of ``image``.
    linear : callable
        Takes a `Decomposition` and returns the filtered image, a linear combination of its frames:
        ``lambda d: steepest.spectral.low_pass(d, 0.1)`` or ``lambda d: d.recompose([0, 1, 2])``. It
        is called once, with unit vectors in place of the frames, to find its coefficients.
    num_bands, edges : optional
        As in `decompose` of this module. The default is a single band, which is all that filters
        with a gain curve need.
    t_max, steps, tol, isotropic, weights, spacing, channel_axis, data_range, halo, memory
        As in `decompose` of this module.
    coupled, batch_axis
        As in `denoise_tv` of this module; ``t_max`` is then needed, and ``edges`` if there are
        several bands.
    work, executor, num_workers, on_step, max_num_iter, num_threads, raise_on_failure
        As in `decompose` of this module. Gain curves that are not constant over long intervals
        need all frames in the folder ``work``.

    Returns
    -------
    TiledDecomposition
        ``out`` is the filtered image in floating point.

    Raises
    ------
    InputError, NotConverged
        As `decompose` of this module.
    """
    given, count = check_bands(bands), bands if isinstance(bands, int) else 1
    if given is None and count == 1:
        given = _WHOLE

    def one(unit: Decomposition) -> np.ndarray:
        return np.asarray(linear(unit))[None]

    return _combined(image, out, one, (), "apply_filter", count, given, **options)


def _sum_of(
    row: np.ndarray, frames: dict[int, Callable[[Window], np.ndarray]]
) -> Callable[[Window], np.ndarray]:
    """The linear combination of the frames with these coefficients, by windows."""

    def values(window: Window) -> np.ndarray:
        terms = ((row[n], frames[n](window)) for n in sorted(frames) if row[n])
        first = frames[0](window)
        total = np.zeros(first.shape)
        for coefficient, frame in terms:
            total += coefficient * frame
        return total.astype(first.dtype)

    return values


def _nodes(
    setup: Setup,
    facts: Facts,
    means: np.ndarray,
    levels: int,
    end: float | None,
    grid: TimeGrid,
) -> np.ndarray:
    """The times of the frames, as `steepest.spectral.decompose` chooses them."""
    energy = setup.coarse_energy(levels)
    solver = limits(Solver(num_threads=setup.workers), tol=DEFAULT_TOL, max_num_iter=1)
    if end is None and not grid.nodes:
        coarse = problem_of(means, energy, channel_axis=0, spacing=energy.spacing)
        report = setup.report
        last = nodes_of([coarse], None, TimeGrid.uniform(2), solver, report.stage)[-1]
        if report.stopped:
            raise Stopped
        # details of blocks with sides h, 2 h, .. vanish soon (see `extinction_estimate`)
        end = float(last) + facts.deviation * math.hypot(*energy.steps)
    heaviest = 1.0 if energy.weights is None else float(energy.weights.max()) or 1.0
    # two pixels, of which nothing vanishes sooner than of the image
    pair = np.array([-facts.deviation, facts.deviation])
    like = problem_of(pair, None, spacing=min(setup.steps) / heaviest)
    return nodes_of([like], end, grid, solver)


def _edges(setup: Setup, nodes: np.ndarray, count: int, tol: float) -> np.ndarray:
    """The edges of ``count`` bands, chosen from the spectrum of a sample of the image."""
    picture, weights = setup.picture, setup.weights
    held = 8 * picture.channels * (nodes.size + 4)  # bytes per pixel
    side = int((setup.budget / 4 / held) ** (1 / len(picture.space)) / _PATCHES)
    shares = None
    if weights is not None:
        shares = sample(picture.space, lambda window: read_weights(weights, window), side, _PATCHES)
    page = decompose_in_memory(
        sample(picture.space, picture.read, side, _PATCHES),
        TotalVariation(norm=setup.energy.norm, weights=shares),
        bands=count,
        steps=TimeGrid(tuple(nodes[1:])),
        channel_axis=0,
        spacing=setup.steps,
        solver=Solver(tol=tol, num_threads=setup.workers),
    )
    missing = count + 1 - page.edges.size
    return np.concatenate([page.edges, np.full(missing, np.inf)])
