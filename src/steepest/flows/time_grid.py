"""How time is cut: a number of implicit Euler steps, their end points, or an accuracy to reach."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from heapq import heapreplace
from typing import Any

import numpy as np

from ..core.errors import InputError
from ..core.numbers import check_count, check_number, check_numbers

DEFAULT_NUM_STEPS = 50
GRADING = 1.5  # exponent of a graded grid; chosen by measurement (docs/solver_methods)
MOST_STEPS = 1_000_000
DEFAULT_MAX_STEPS = 20000  # of a flow that is certified to an accuracy
_BEST = 300.0  # largest accuracy in dB, about the precision of float64
_DECADES = 3.0  # a logarithmic grid starts at 10**-3 of its end


@dataclass(frozen=True)
class TimeGrid:
    """The end points of the implicit Euler steps of a flow. The start time 0 is implied.

    ``TimeGrid(nodes)`` has these times. `graded`, `uniform` and `logarithmic` are rules that make
    a grid of a number of steps for the times a flow is asked for. A flow adds its requested times
    to any grid, so that it reaches each of them exactly.

    Parameters
    ----------
    nodes : increasing sequence of positive floats
    """

    nodes: tuple[float, ...]
    num_steps: int = field(default=0, init=False)
    rule: str = field(default="nodes", init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "nodes", tuple(check_times(self.nodes, "nodes").tolist()))
        object.__setattr__(self, "num_steps", len(self.nodes))

    @classmethod
    def graded(cls, num_steps: int = DEFAULT_NUM_STEPS) -> TimeGrid:
        """Short steps first: ``t_k = T (k / num_steps)**1.5`` up to a single time T.

        With several times, the same number of steps is shared out between them, or one step for
        each time if that is more. The steps are equal in ``t**(1 / 1.5)`` between these times, and
        shared out so that the longest step is as short as possible in this variable.
        """
        return cls._of("graded", num_steps)

    @classmethod
    def uniform(cls, num_steps: int = DEFAULT_NUM_STEPS) -> TimeGrid:
        """Equal steps.

        Each interval between requested times is divided into the fewest equal steps that are no
        longer than ``T / num_steps``, T the last time.
        """
        return cls._of("uniform", num_steps)

    @classmethod
    def logarithmic(cls, num_steps: int = DEFAULT_NUM_STEPS) -> TimeGrid:
        """``num_steps`` nodes in geometric progression, from ``T / 1000`` to the last time T."""
        return cls._of("logarithmic", num_steps)

    @classmethod
    def _of(cls, rule: str, num_steps: int) -> TimeGrid:
        grid = object.__new__(cls)
        count = check_count(num_steps, "num_steps", most=MOST_STEPS)
        for name, value in (("nodes", ()), ("num_steps", count), ("rule", rule)):
            object.__setattr__(grid, name, value)
        return grid

    def through(self, times: Sequence[float] | np.ndarray, begin: float = 0.0) -> np.ndarray:
        """The nodes after ``begin`` up to the last of ``times``, with all ``times`` among them.

        Of given and of logarithmic nodes, one that is closer to a requested time than a hundredth
        of the local step is dropped.
        """
        begin = check_number(begin, "begin")
        wanted = check_times(times, "times", begin)
        if self.rule == "graded":
            return _graded(begin, wanted, self.num_steps)
        if self.rule == "uniform":
            longest = (wanted[-1] - begin) / self.num_steps
            return np.array(list(_divide([begin, *wanted], longest)))
        if self.rule == "logarithmic":
            return _joined(geometric(wanted[-1], self.num_steps), wanted, begin)
        return _joined(np.asarray(self.nodes), wanted, begin)

    def rates(self, nodes: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Derivatives (nodes, times) of the ``nodes`` of `through` with respect to the times.

        A node at a requested time moves with that time. Between requested times, uniform steps keep
        their proportions, graded steps keep theirs in ``t**(1 / 1.5)``, and the nodes of a
        logarithmic grid scale with the last time. Given nodes are fixed. ``nodes`` may end before
        the last time.
        """
        rates = np.zeros((len(nodes), len(times)))
        if self.rule in ("graded", "uniform"):
            power = 1 / GRADING if self.rule == "graded" else 1.0
            edges = np.concatenate([[0.0], times]) ** power
            for j, unit in enumerate(np.eye(len(edges))[1:]):
                share = np.interp(nodes**power, edges, unit)
                rates[:, j] = share * (nodes / times[j]) ** (1 - power)
        elif self.rule == "logarithmic":
            rates[:, -1] = nodes / times[-1]
        node, time = np.nonzero(nodes[:, None] == times[None])
        rates[node] = np.eye(len(times))[time]
        return rates


@dataclass(frozen=True)
class Accuracy:
    """A certified accuracy that a flow has to reach, given as ``steps=`` instead of their number.

    Steps and gaps are chosen adaptively. Their number grows about fivefold with every 10 dB. Above
    about 75 dB, the flow is computed in float64, whatever the dtype of the image.

    Parameters
    ----------
    db : float, optional
        Required certified PSNR at every time, in dB, relative to ``data_range``.
    error : float, optional
        Required certified L2 distance at every time, instead of ``db``.
    data_range : float, optional
        Range of grey values that ``db`` refers to. The default is 1 for integer images, otherwise
        the maximum minus the minimum of the image.
    max_num_steps : int
        Largest number of steps allowed. A short pilot run estimates the number required. If it is
        larger, `TooManySteps` is raised, and its message gives the number of steps and the time
        that they would take.
    """

    db: float | None = None
    error: float | None = None
    data_range: float | None = None
    max_num_steps: int = DEFAULT_MAX_STEPS

    def __post_init__(self) -> None:
        if (self.db is None) == (self.error is None):
            raise InputError(
                f"db={self.db!r}, error={self.error!r}: give one of them, decibels or L2 distance"
            )
        if self.db is not None:
            check_number(self.db, "db", positive=True, most=_BEST)
        if self.error is not None:
            check_number(self.error, "error", positive=True)
        if self.data_range is not None:
            check_number(self.data_range, "data_range", positive=True)
        check_count(self.max_num_steps, "max_num_steps", most=MOST_STEPS)

    def distance(self, num_values: int, data_range: float) -> float:
        """The L2 distance allowed for an image of so many values, whose own range is given."""
        if self.db is None:
            return float(self.error or 0.0)
        span = self.data_range or data_range
        return float(span * math.sqrt(num_values) * 10 ** (-self.db / 20))


def grid_of(steps: Any, rule: Callable[[int], TimeGrid], default: int) -> TimeGrid:
    """The grid that ``steps`` stands for: a number of steps by ``rule``, or a `TimeGrid`."""
    if isinstance(steps, TimeGrid):
        return steps
    if isinstance(steps, (str, Accuracy)):
        raise InputError(f"steps={steps!r} must be a number of steps or a TimeGrid")
    return rule(default if steps is None else check_count(steps, "steps", most=MOST_STEPS))


def geometric(stop: float, num_steps: int, start: float | None = None) -> np.ndarray:
    """``num_steps`` times in geometric progression from ``start`` (``stop / 1000``) to ``stop``."""
    first = stop * 10**-_DECADES if start is None else start
    return np.geomspace(first, stop, num_steps) if num_steps > 1 else np.array([stop])


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


def _joined(nodes: np.ndarray, wanted: np.ndarray, begin: float) -> np.ndarray:
    nodes = nodes[(nodes > begin) & (nodes < wanted[-1])]
    steps = np.diff(np.concatenate([[begin], nodes]))
    fixed = np.concatenate([[begin], wanted])
    distance = np.abs(nodes[:, None] - fixed[None]).min(1) if nodes.size else nodes
    return np.union1d(nodes[distance > 0.01 * steps], wanted)


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
    """How many of ``total`` parts each interval gets, one at least; the longest is shortest."""
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
