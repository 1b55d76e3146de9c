"""Cuts with exact costs by maximum flow in integers of any size: independent of the library.

The problem is ``min over E of (capacities of the faces between E and the rest) + sum over E of
costs``. Costs and capacities are fractions, so that ties are ties, whatever the spacing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import lcm

import numpy as np

Face = tuple[int, int, Fraction]


def pairs(shape: Sequence[int], offset: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The flat indices of all pixels that have a neighbour at the offset, and of this one."""
    index = np.arange(np.prod(shape)).reshape(shape)
    here = tuple(slice(max(-d, 0), n - max(d, 0)) for d, n in zip(offset, shape, strict=True))
    there = tuple(slice(max(d, 0), n - max(-d, 0)) for d, n in zip(offset, shape, strict=True))
    return zip(index[here].ravel().tolist(), index[there].ravel().tolist(), strict=True)


@dataclass(frozen=True)
class Cut:
    """A cut, whose least energy and extreme minimisers prove themselves."""

    costs: list[Fraction]
    faces: list[Face]

    @cached_property
    def _unit(self) -> int:
        return lcm(*(x.denominator for x in (*self.costs, *(c for _, _, c in self.faces))))

    def energy(self, inside: np.ndarray) -> Fraction:
        """The energy of a set."""
        side = np.ravel(inside).tolist()
        contour = sum(c for i, j, c in self.faces if side[i] != side[j])
        return Fraction(contour + sum(c for c, own in zip(self.costs, side, strict=True) if own))

    @cached_property
    def solution(self) -> tuple[Fraction, np.ndarray, np.ndarray]:
        """The least energy, the smallest and the largest set that have it (flat)."""
        costs = [int(c * self._unit) for c in self.costs]
        least, small, large = _solved(
            costs, [(i, j, int(c * self._unit)) for i, j, c in self.faces]
        )
        energy = Fraction(least, self._unit)
        assert self.energy(small) == self.energy(large) == energy
        return energy, small, large

    def most_different(self, inside: np.ndarray) -> int:
        """The largest number of pixels where a set of least energy differs from this one.

        Of integer energies, multiplied by more than the number of pixels, the least remain the
        least where a pixel that differs earns one.
        """
        more = self._unit * (len(self.costs) + 1)
        earned = [2 * bool(own) - 1 for own in np.ravel(inside)]
        costs = [int(c * more) + e for c, e in zip(self.costs, earned, strict=True)]
        _, found, _ = _solved(costs, [(i, j, int(c * more)) for i, j, c in self.faces])
        assert self.energy(found) == self.solution[0]
        return int(np.count_nonzero(found != np.ravel(inside)))


def _solved(
    costs: list[int], faces: list[tuple[int, int, int]]
) -> tuple[int, np.ndarray, np.ndarray]:
    """The least energy and the extreme minimisers, by the algorithm of Dinic."""
    n = len(costs)
    source, sink = n, n + 1
    arcs: list[list[int]] = [[] for _ in range(n + 2)]
    ends: list[int] = []
    left: list[int] = []  # of arc e; its reverse is e ^ 1

    def link(i: int, j: int, there: int, back: int) -> None:
        arcs[i].append(len(ends))
        arcs[j].append(len(ends) + 1)
        ends.extend((j, i))
        left.extend((there, back))

    for i, cost in enumerate(costs):
        if cost < 0:
            link(source, i, -cost, 0)
        elif cost > 0:
            link(i, sink, cost, 0)
    for i, j, capacity in faces:
        link(i, j, capacity, capacity)

    def reached(start: int, way: int) -> list[int]:
        """The distance of each node from ``start``, or to it (``way`` 1); -1 out of reach."""
        depth = [-1] * (n + 2)
        depth[start], queue = 0, [start]
        for i in queue:
            for e in arcs[i]:
                if left[e ^ way] > 0 and depth[ends[e]] < 0:
                    depth[ends[e]] = depth[i] + 1
                    queue.append(ends[e])
        return depth

    flow = 0
    while (depth := reached(source, 0))[sink] >= 0:
        tried, path, at = [0] * (n + 2), [], source
        while True:
            if at == sink:
                amount = min(left[e] for e in path)
                for e in path:
                    left[e] -= amount
                    left[e ^ 1] += amount
                flow, path, at = flow + amount, [], source
            elif tried[at] < len(arcs[at]):
                e = arcs[at][tried[at]]
                if left[e] > 0 and depth[ends[e]] == depth[at] + 1:
                    path.append(e)
                    at = ends[e]
                else:
                    tried[at] += 1
            elif at == source:
                break
            else:
                at = ends[path.pop() ^ 1]
                tried[at] += 1
    small = np.array(reached(source, 0)[:n]) >= 0
    large = np.array(reached(sink, 1)[:n]) < 0
    return flow + sum(min(c, 0) for c in costs), small, large
