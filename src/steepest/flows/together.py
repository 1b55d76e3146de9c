"""March a batch of images on an accelerator together, which it works on at the same time.

They share steps, iterations and momentum: a step is solved when every image meets the tolerance.
Every image has its own certificate.
"""

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..convex.certificate import Bound, StepTerms
from ..convex.dual import Dual
from ..convex.registry import on_accelerator
from ..convex.solve import Goal, Outcome
from ..core.namespace import Array, cast, namespace
from ..core.status import Status
from .march import Hooks, Record, distance, in_double, march
from .problem import Problem
from .result import PartState


def can_march_together(problem: Problem, hooks: Sequence[Hooks]) -> bool:
    """Whether the parts are several, on an accelerator, and without guesses of their own."""
    guessed = any(hook.guess is not None for hook in hooks)
    return (
        len(problem.parts) > 1 and not guessed and on_accelerator(problem.parts[0], problem.energy)
    )


def march_together(
    problem: Problem,
    starts: Sequence[PartState],
    begin: float,
    nodes: np.ndarray,
    keep: np.ndarray,
    goals: Sequence[Goal],
    hooks: Sequence[Hooks],
) -> list[Record]:
    """`march` all parts through the same nodes. A callback that stops one of them stops all."""
    from ..convex.tensors.dual import Together

    energy: Any = Together(problem.energy, tuple(goal.reference for goal in goals))
    ledger = _Ledger(starts, goals, hooks, keep, problem.parts[0].dtype)
    joint = march(
        energy, _stacked(starts), begin, nodes, keep, replace(goals[0], reference=0.0),
        dtype=ledger.dtype, hooks=Hooks(trace=ledger.trace, after_step=ledger.after_step),
    )  # fmt: skip
    count = len(starts)
    for b, record in enumerate(ledger.records):
        record.times = list(joint.times)
        record.frames = _item(joint.frames, b, count, 1)
        record.iterations, record.num_steps = joint.iterations, joint.num_steps
        if joint.statuses[-1:] == [Status.STOPPED]:
            record.statuses.append(Status.STOPPED)
        assert joint.state is not None
        record.state = _part(joint.state, ledger.bounds[b], b, count)
    return ledger.records


class _Ledger:
    """The bounds and gaps of every image, from one step to the next."""

    def __init__(
        self,
        starts: Sequence[PartState],
        goals: Sequence[Goal],
        hooks: Sequence[Hooks],
        keep: np.ndarray,
        dtype: Any,
    ) -> None:
        self.bounds = [start.bound for start in starts]
        self.records = [Record(starts[0].image) for _ in starts]  # the frames follow at the end
        self.dtype = dtype
        self._worst = [0.0] * len(starts)
        self._goals, self._hooks, self._keep = goals, hooks, keep
        self._terms: list[StepTerms] = []

    def trace(self, index: int, time: float, tau: float, dual: Dual) -> None:
        """Remember the terms of the images, and pass each image on to its own hook."""
        self._terms = dual.items  # type: ignore[attr-defined]
        if self._hooks[0].trace is None:
            return
        image, flux, count = dual.image, dual.flux, len(self.records)
        for b, hook in enumerate(self._hooks):
            own = SimpleNamespace(image=_item(image, b, count), flux=_item(flux, b, count, 1))
            if hook.trace is not None:
                hook.trace(index, time, tau, own)  # type: ignore[arg-type]

    def after_step(
        self, index: int, time: float, outcome: Outcome, bound: Bound, image: Any
    ) -> bool:
        """Update all bounds, and report every image. Returns True if one of the callbacks does."""
        stop = [self._report(b, index, time, outcome, image) for b in range(len(self.records))]
        if self._keep[index] or any(stop):
            solved = image()
            rounded = cast(solved, self.dtype)
            for b, record in enumerate(self.records):
                pair = (_item(array, b, len(stop)) for array in (solved, rounded))
                moved = 0.0 if solved.dtype == self.dtype else distance(*pair)
                record.bounds.append(self.bounds[b].moved(moved))
                record.gaps.append(self._worst[b])
            self._worst = [0.0] * len(stop)
        return any(stop)

    def _report(self, b: int, index: int, time: float, outcome: Outcome, image: Any) -> bool:
        terms, goal, after = self._terms[b], self._goals[b], self._hooks[b].after_step
        gap = goal.relative_gap(terms)
        self.bounds[b] = self.bounds[b].after(terms)
        self._worst[b] = max(self._worst[b], gap)
        status = outcome.status
        if goal.excess(terms) <= 1:
            status = Status.CONVERGED
        elif status is Status.CONVERGED:  # at the floor of rounding, so that nobody waited for it
            status = Status.ROUNDING
        self.records[b].statuses.append(status)
        self.records[b].last = terms
        if after is None:
            return False
        own = replace(outcome, terms=terms, relative_gap=gap, status=status)
        count = len(self.records)
        return after(index, time, own, self.bounds[b], lambda: _item(image(), b, count)) is True


def _item(array: Array, b: int, count: int, leading: int = 0) -> Array:
    """Image b of an array (\\*leading, channels * images, \\*space)."""
    return array.unflatten(leading, (-1, count)).select(leading + 1, b)


def _joined(arrays: Sequence[Array], leading: int = 0) -> Array:
    return namespace(arrays[0]).stack(list(arrays), leading + 1).flatten(leading, leading + 1)


def _stacked(starts: Sequence[PartState]) -> PartState:
    """The state of all images as one."""
    if len({start.image.dtype for start in starts}) > 1:
        starts = [in_double(start) for start in starts]
    warm = None
    if all(start.warm is not None for start in starts):
        pairs = zip(*(start.warm for start in starts), strict=True)  # type: ignore[misc]
        warm = tuple(_joined(arrays, 1) for arrays in pairs)
    momentum = min((start.momentum for start in starts), key=lambda momentum: momentum.t)
    return PartState(_joined([start.image for start in starts]), None, warm, Bound(), momentum)


def _part(state: PartState, bound: Bound, b: int, count: int) -> PartState:
    """The state of image b."""
    flux = None if state.flux is None else _item(state.flux, b, count, 1)
    warm = None if state.warm is None else tuple(_item(w, b, count, 1) for w in state.warm)
    return PartState(_item(state.image, b, count), flux, warm, bound, state.momentum)
