"""Time grids: the end points of the implicit Euler steps of a flow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import heapreplace
from typing import Any

import numpy as np

from ..core.errors import InputError
from ..core.numbers import check_count, check_number, check_numbers
from .options import refuse

DEFAULT_NUM_STEPS = 50
DEFAULT_GRID = "graded"
GRADING = 1.5  # exponent of a graded grid; chosen by measurement (docs/solver)
MOST_STEPS = 1_000_000
_SHORTEST = 1e-120  # smallest end of a grid, so that its first steps do not underflow
_STEEPEST = 10.0  # largest exponent of a graded grid
_DECADES = 3.0  # a logarithmic grid starts at 10**-3 of its end


@dataclass(frozen=True)
class TimeGrid:
    """Increasing positive times at which implicit Euler steps end. The start time 0 is implied.

    Create a grid by `TimeGrid.graded`, `TimeGrid.uniform`, `TimeGrid.logarithmic` or
    ``TimeGrid(nodes)``. A flow adds its requested times to the grid, so that it reaches each of
    them exactly.
    """

    nodes: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "nodes", tuple(check_times(self.nodes, "nodes").tolist()))

    @classmethod
    def uniform(cls, stop: float, num_steps: int = DEFAULT_NUM_STEPS) -> TimeGrid:
        """Create a grid of ``num_steps`` equal steps from 0 to ``stop``."""
        count = check_count(num_steps, "num_steps", most=MOST_STEPS)
        stop = check_number(stop, "stop", positive=True, least=_SHORTEST)
        return cls(tuple(stop * k / count for k in range(1, count + 1)))

    @classmethod
    def graded(
        cls, stop: float, num_steps: int = DEFAULT_NUM_STEPS, exponent: float = GRADING
    ) -> TimeGrid:
        """Create a grid of ``num_steps`` nodes ``stop * (k / num_steps)**exponent``.

        The steps grow from the first to the last if ``exponent`` is greater than 1, and are equal
        if it is 1.
        """
        count = check_count(num_steps, "num_steps", most=MOST_STEPS)
        stop = check_number(stop, "stop", positive=True, least=_SHORTEST)
        exponent = check_number(exponent, "exponent", least=1.0, most=_STEEPEST)
        return cls(tuple(stop * (k / count) ** exponent for k in range(1, count + 1)))

    @classmethod
    def logarithmic(
        cls, stop: float, num_steps: int = DEFAULT_NUM_STEPS, start: float | None = None
    ) -> TimeGrid:
        """Create a grid of ``num_steps`` nodes in geometric progression.

        The nodes range from ``start`` (default ``stop / 1000``) to ``stop``.
        """
        count = check_count(num_steps, "num_steps", most=MOST_STEPS)
        stop = check_number(stop, "stop", positive=True, least=_SHORTEST)
        first = (
            stop * 10**-_DECADES if start is None else check_number(start, "start", positive=True)
        )
        if first >= stop and count > 1:
            raise InputError(f"start={start!r} must be smaller than stop={stop!r}")
        nodes = np.geomspace(first, stop, count) if count > 1 else np.array([stop])
        return cls(tuple(nodes.tolist()))

    def through(self, times: Sequence[float] | np.ndarray, begin: float = 0.0) -> np.ndarray:
        """Return the nodes between ``begin`` and the last of ``times``, with all ``times`` added.

        A node closer to a requested time than a hundredth of the local step is dropped.
        """
        begin = check_number(begin, "begin")
        last = check_times(times, "times", begin)
        nodes = np.asarray(self.nodes)
        nodes = nodes[(nodes > begin) & (nodes < last[-1])]
        steps = np.diff(np.concatenate([[begin], nodes]))
        fixed = np.concatenate([[begin], last])
        distance = np.abs(nodes[:, None] - fixed[None]).min(1) if nodes.size else nodes
        return np.union1d(nodes[distance > 0.01 * steps], last)


def check_times(times: Any, name: str = "times", begin: float = 0.0) -> np.ndarray:
    """Check that times are finite, increasing and later than ``begin``; return them as float64."""
    array = np.atleast_1d(check_numbers(times, name))
    if array.ndim != 1 or array.size == 0:
        raise InputError(
            f"{name} must be one number or a non-empty list, not of shape {array.shape}"
        )
    if array[0] <= begin:
        raise InputError(f"{name} must begin after {begin:g}; the first given is {array[0]:g}")
    if np.any(np.diff(array) <= 0):
        raise InputError(f"{name} must increase strictly; given: {array.tolist()}")
    return array


def make_nodes(
    grid: str | TimeGrid, times: np.ndarray, num_steps: int | None, begin: float = 0.0
) -> np.ndarray:
    """Return the nodes for a ``grid`` argument: a `TimeGrid`, "graded", "uniform" or "log".

    A graded grid has ``num_steps`` steps, or one for each requested time if that is more. They are
    equal in ``t**(1 / GRADING)`` between requested times, and shared out so that the longest step
    is as short as possible in this variable.

    A uniform grid divides every interval between requested times into the fewest equal steps that
    are no longer than ``(times[-1] - begin) / num_steps``. It has exactly ``num_steps`` steps if
    the requested times lie on the uniform grid.
    """
    if isinstance(grid, TimeGrid):
        refuse("with grid=TimeGrid(...), which gives the steps", num_steps=num_steps)
        return grid.through(times, begin)
    count = DEFAULT_NUM_STEPS if num_steps is None else num_steps
    count = check_count(count, "num_steps", most=MOST_STEPS)
    if not isinstance(grid, str) or grid not in ("graded", "uniform", "log"):
        raise InputError(f"grid={grid!r} must be 'graded', 'uniform', 'log' or a TimeGrid")
    if grid == "graded":
        return _graded(begin, times, count)
    if grid == "uniform":
        longest = (times[-1] - begin) / count
        return np.array(list(_divide([begin, *times], longest)))
    return TimeGrid.logarithmic(times[-1], count).through(times, begin)


def node_rates(
    nodes: np.ndarray, times: np.ndarray, grid: str | TimeGrid | None, begin: float = 0.0
) -> np.ndarray:
    """Derivatives (nodes, times) of the nodes of `make_nodes` with respect to the times.

    A node at a requested time moves with that time. Between requested times, uniform steps keep
    their proportions, graded steps keep theirs in ``t**(1 / GRADING)``, and the nodes of a
    logarithmic grid scale with the last time. The nodes of a `TimeGrid` and adaptively chosen nodes
    (``grid=None``) are fixed. ``nodes`` may end before the last time.
    """
    rates = np.zeros((len(nodes), len(times)))
    if isinstance(grid, str) and grid in ("graded", "uniform"):
        power = 1 / GRADING if grid == "graded" else 1.0
        edges = np.concatenate([[begin], times]) ** power
        for j, unit in enumerate(np.eye(len(edges))[1:]):
            share = np.interp(nodes**power, edges, unit)
            rates[:, j] = share * (nodes / times[j]) ** (1 - power)
    elif isinstance(grid, str):
        rates[:, -1] = nodes / times[-1]
    node, time = np.nonzero(nodes[:, None] == times[None])
    rates[node] = np.eye(len(times))[time]
    return rates


def _graded(begin: float, times: np.ndarray, count: int) -> np.ndarray:
    edges = (np.array([begin, *times]) / times[-1]) ** (1 / GRADING)
    counts = _share_out(np.diff(edges), count)
    inner = [
        np.clip(np.linspace(low, high, n + 1)[1:-1] ** GRADING * times[-1], start, stop)
        for low, high, n, start, stop in zip(
            edges[:-1], edges[1:], counts, [begin, *times[:-1]], times, strict=True
        )
        if n > 1
    ]
    nodes = np.union1d(np.concatenate([*inner, times]), times)
    return nodes[nodes > begin]


def _share_out(lengths: np.ndarray, total: int) -> list[int]:
    """Number of equal parts of every interval, at least one, that make the longest part shortest.

    The sum is ``total``, or the number of intervals if that is larger.
    """
    counts = [1] * len(lengths)
    longest = sorted((-float(length), i) for i, length in enumerate(lengths))
    for _ in range(total - len(counts)):
        i = longest[0][1]
        counts[i] += 1
        heapreplace(longest, (-float(lengths[i]) / counts[i], i))
    return counts


def _divide(edges: Sequence[float], longest: float) -> Iterable[float]:
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        count = max(1, int(np.ceil((high - low) / longest - 1e-6)))
        for k in range(1, count):
            yield low + (high - low) * k / count
        yield high
