"""Decompositions and filters of images larger than memory.

Bands, residual and all filters are linear combinations of the frames of the flow. A filter applied
to a decomposition whose "frames" are the unit vectors therefore returns its coefficients, and shows
which frames are needed at all: a band needs the two frames around each of its ends.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import numpy as np

from ..core.errors import InputError
from ..core.numbers import check_number
from ..core.solver import Solver, limits
from ..core.status import finished
from ..flows.extinction import check_homogeneous, details_time, pace
from ..flows.problem import make_problem
from ..flows.result import FlowResult
from ..flows.run import DEFAULT_MAX_ITER
from ..flows.tiles.flow import TiledMarch
from ..flows.time_grid import TimeGrid, grid_of
from ..tiled.image import PER_STEP, Statistics, TiledImage
from ..tiled.items import one_by_one
from ..tiled.jobs import Stopped
from ..tiled.pass_job import read_weights
from ..tiled.picture import check_out, frame_reader, write_result
from ..tiled.request import TileRequest, energy_by_tiles
from ..tiled.sample import sample
from ..tiled.windows import Window
from ..tiled.workspace import digest
from .decomposition import Decomposition, FilteredImage, StoredDecomposition, check_bands
from .edges import DEFAULT_NUM_BANDS
from .in_memory import DEFAULT_NUM_STEPS, DEFAULT_TOL, decompose_in_memory, nodes_of

WHOLE = np.array([0.0, np.inf])
_PATCHES = 4  # of the sample, along each axis


@dataclass(frozen=True)
class Combination:
    """Linear combinations of the frames, as ``parts`` finds them of unit vectors.

    ``lead`` is their shape, ``count`` the number of bands, whose edges are ``given`` or chosen.
    """

    parts: Callable[[Decomposition], np.ndarray]
    lead: tuple[int, ...]
    name: str
    count: int
    given: np.ndarray | None


def decompose_by_tiles(
    request: TileRequest, energy: Any, bands: Any, t_max: Any, steps: Any
) -> StoredDecomposition:
    """`steepest.spectral.decompose` tile by tile."""
    given, count = check_bands(bands), bands if isinstance(bands, int) else DEFAULT_NUM_BANDS
    lead = (1 + (count if given is None else given.size - 1),)

    def parts(unit: Decomposition) -> np.ndarray:
        return np.array([*unit.bands, unit.residual])

    return write_combinations(
        request, energy, Combination(parts, lead, "decompose", count, given), t_max, steps
    )


def filter_by_tiles(
    request: TileRequest, linear: Callable[[Decomposition], np.ndarray], energy: Any, bands: Any,
    t_max: Any, steps: Any,
) -> FilteredImage:  # fmt: skip
    """`steepest.spectral.apply_filter` tile by tile."""
    given, count = check_bands(bands), bands if isinstance(bands, int) else 1
    if given is None and count == 1:
        given = WHOLE

    def parts(unit: Decomposition) -> np.ndarray:
        return np.asarray(linear(unit))[None]

    what = Combination(parts, (), "filter", count, given)
    found = write_combinations(request, energy, what, t_max, steps)
    return FilteredImage(found.parts, found.nodes, found.edges, found.flow)


def write_combinations(
    request: TileRequest, energy: Any, what: Combination, t_max: Any, steps: Any
) -> StoredDecomposition:
    """Write linear combinations of the frames of the flow."""
    energy = energy_by_tiles(check_homogeneous(energy))
    axis = request.channel_axis
    found: list[StoredDecomposition] = []
    if not energy.coupled and axis is not None and (t_max is None or what.given is None):
        raise InputError(
            "t_max and the times of bands: needed with coupled=False, so that the bands mean the "
            "same in all channels"
        )

    def one(request: TileRequest) -> FlowResult:
        found.append(_write_combinations(request, energy, what, t_max, steps))
        return found[-1].flow

    flow = one_by_one(one, request, what.lead, coupled=energy.coupled, batch_axis=None, floats=True)
    if len(found) == 1:
        return found[0]
    size = math.prod(request.image.shape)
    return replace(found[0], parts=flow.images, flow=replace(flow, images=None, num_values=size))


def _write_combinations(
    request: TileRequest, energy: Any, what: Combination, t_max: Any, steps: Any
) -> StoredDecomposition:
    """The linear combinations of one flow."""
    own, lead, given = request.own, what.lead, what.given
    end = None if t_max is None else check_number(t_max, "t_max", positive=True)
    chosen = None if given is None else given.tolist()
    described = f"{what.name} {chosen} {what.count} {end} {steps} {own.tol} {energy}"
    grid = grid_of(steps, TimeGrid.logarithmic, DEFAULT_NUM_STEPS)
    tiled = TiledImage(
        request, energy, f"{described} {own.max_num_iter}", floats=True,
        iterations=PER_STEP * grid.num_steps,
    )  # fmt: skip
    out = check_out(request.out, tiled.picture, lead)
    march, nodes, edges = TiledMarch(), np.zeros(2), WHOLE
    with tiled:
        store, levels = tiled.workspace, tiled.coarse_levels()
        facts, means = tiled.survey(levels)
        times = partial(_nodes, tiled, facts, means, levels, end, grid)
        nodes = np.array(store.decided("nodes", lambda: times().tolist()))
        if given is None:
            choose = partial(_edges, tiled, nodes, what.count, own.tol)
            edges = np.array(store.decided("edges", lambda: choose().tolist()))
        else:
            edges = given
        size, no_flow = nodes.size, cast(FlowResult, None)
        unit = Decomposition(np.zeros(size), nodes, np.eye(size), edges, no_flow, None, (1.0,))
        rows = what.parts(unit)
        if rows.shape != (math.prod(lead), size):
            raise InputError(f"linear: returned shape {rows.shape[1:]}, not that of the image")
        store.check_same("linear", [digest(rows.astype(float))])
        used = np.any(rows[:, 1:] != 0, axis=0)
        keep = [n if needed else None for n, needed in enumerate(used, 1)]
        tiled.check_space(int(used.sum()))
        passes = march.run(tiled, facts, means, nodes[1:], keep, own.tol, own.max_num_iter)
        del means
        frames = {
            n: frame_reader(store, name, tiled.tiling, tiled.picture)
            for n, name in passes.frames.items()
        }
        frames[0] = lambda window: tiled.picture.restored(tiled.picture.read(window))
        for k, row in enumerate(rows):
            write_result(out, (k,) if lead else (), tiled.picture, _sum_of(row, frames))
        passes.release()
        march.finished = True
    flow = march.result(tiled, nodes[1:], range(nodes.size - 1), None)
    return StoredDecomposition(out, nodes, edges, finished(flow, own.raise_on_failure))


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
    tiled: TiledImage,
    facts: Statistics,
    means: np.ndarray,
    levels: int,
    end: float | None,
    grid: TimeGrid,
) -> np.ndarray:
    """The times of the frames, as `steepest.spectral.decompose` chooses them."""
    energy = tiled.coarse_energy(levels)
    solver = limits(Solver(num_threads=tiled.num_workers), tol=DEFAULT_TOL, max_num_iter=1)
    if end is None and not grid.nodes:
        coarse = make_problem(means, energy, channel_axis=0, spacing=energy.spacing)
        report = tiled.report
        last = nodes_of([coarse], None, TimeGrid.uniform(2), solver, report.stage)[-1]
        if report.stopped:
            raise Stopped
        # at least the sum over blocks of 2, 4, .. pixels, whose times double or more
        end = float(last) + 2 * details_time(energy, facts.deviation)
    # two pixels with total variation, of which nothing vanishes sooner than of the image
    pair = np.array([-facts.deviation, facts.deviation])
    like = make_problem(pair, None, spacing=1 / (pace(tiled.energy) or 1.0))
    return nodes_of([like], end, grid, solver)


def _edges(tiled: TiledImage, nodes: np.ndarray, count: int, tol: float) -> np.ndarray:
    """The edges of ``count`` bands, chosen from the spectrum of a sample of the image."""
    picture, weights = tiled.picture, tiled.weights
    held = 8 * picture.channels * (nodes.size + 4)  # bytes per pixel
    side = int((tiled.budget / 4 / held) ** (1 / len(picture.space)) / _PATCHES)
    shares = None
    if weights is not None:
        shares = sample(picture.space, lambda window: read_weights(weights, window), side, _PATCHES)
    page = decompose_in_memory(
        sample(picture.space, picture.read, side, _PATCHES),
        replace(tiled.energy, spacing=None, weights=shares), count, None,
        TimeGrid(tuple(nodes[1:])), 0, tiled.steps,
        limits(Solver(tol, num_threads=tiled.num_workers), tol=tol, max_num_iter=DEFAULT_MAX_ITER),
    )  # fmt: skip
    missing = count + 1 - page.edges.size
    return np.concatenate([page.edges, np.full(missing, np.inf)])
