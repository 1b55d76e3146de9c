"""The spectral transform of an image in memory, and the times of its frames."""

from collections.abc import Iterable, Sequence

import numpy as np

from ..convex.energy import Energy
from ..core.arrays import check_spacing
from ..core.errors import InputError
from ..core.numbers import check_number
from ..core.progress import Callback, Reporter
from ..core.solver import Limits
from ..flows.extinction import (
    FLAT,
    becomes_constant,
    check_homogeneous,
    contrast,
    extinction_estimate,
    shortest_of,
)
from ..flows.problem import Problem, make_problem
from ..flows.run import run
from ..flows.time_grid import TimeGrid, geometric, grid_of
from .decomposition import Decomposition, check_bands, from_flow, planes_of

DEFAULT_NUM_STEPS, DEFAULT_TOL = 60, 1e-2
_BEYOND = 1.5  # factor beyond the extinction time, so that nothing moves in the last step


def decompose_in_memory(
    image: np.ndarray,
    energy: Energy | None,
    bands: int | Sequence[float] | None,
    t_max: float | None,
    steps: int | TimeGrid | None,
    channel_axis: int | None,
    spacing: float | Sequence[float] | None,
    solver: Limits,
    on_step: Callback | None = None,
) -> Decomposition:
    """`decompose` of an image in memory."""
    edges, energy = check_bands(bands), check_homogeneous(energy)
    problem = make_problem(image, energy, channel_axis=channel_axis, spacing=spacing).in_floats()
    values = problem.image()
    values = values.copy() if np.may_share_memory(values, np.asarray(image)) else values
    tell, found, last = Reporter(on_step), False, t_max
    while not found:
        nodes = nodes_of([problem], last, steps, solver, tell.stage)
        flow = run(
            problem, nodes, steps=TimeGrid(tuple(nodes[1:])), solver=solver,
            on_step=(lambda _: True) if tell.stopped else tell.stage,
        )  # fmt: skip
        given = t_max is not None or (isinstance(steps, TimeGrid) and bool(steps.nodes))
        given = given or not becomes_constant(problem.energy)
        left, start = (contrast(planes_of(u, channel_axis)) for u in (flow.images[-1], values))
        # with too few iterations a longer flow does not get flatter
        found = given or tell.stopped or left <= FLAT * start or not flow.status.ok
        last = 2 * float(nodes[-1])
    return from_flow(
        values, flow, edges=edges, num_bands=bands if edges is None else None,
        channel_axis=channel_axis, spacing=check_spacing(spacing, problem.parts[0].ndim - 1),
        coupled=problem.energy.coupled,
    )  # fmt: skip


def nodes_of(
    problems: Iterable[Problem],
    t_max: float | None,
    steps: int | TimeGrid | None,
    solver: Limits,
    on_step: Callback | None = None,
) -> np.ndarray:
    """The frame times for one or several images, starting with 0, with at least two steps.

    Without ``t_max``, the last is one at which all images have probably become constant.
    """
    grid = grid_of(steps, TimeGrid.logarithmic, DEFAULT_NUM_STEPS)
    end = check_number(t_max, "t_max", positive=True) if t_max is not None else None
    if end is None and grid.nodes:
        end = grid.nodes[-1]
    ends, starts = [], []
    for problem in problems:
        ends.append(
            _BEYOND * extinction_estimate(problem, solver.threads, on_step) if end is None else end
        )
        problem.check_times(np.array([ends[-1] or 1.0]), "t_max")
        starts.append(shortest_of(problem))
    last = max(ends) or 1.0
    if grid.rule == "logarithmic" and grid.num_steps > 1:
        start = min((start for start in starts if start), default=last / 1000)
        grid = TimeGrid(tuple(geometric(last, grid.num_steps, min(start, last / 10))))
    nodes = grid.through([last])
    if nodes.size < 2:
        raise InputError("steps gives one step; a second derivative needs at least two steps")
    return np.concatenate([[0.0], nodes])
