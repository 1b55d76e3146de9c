"""Gradients of denoising and flows for torch tensors, by implicit differentiation of every step.

A solution ``v`` of ``min 1/2||v - f||^2 + tau J(v)`` with flux ``p`` has the derivative
``dv = S (df - dtau A* p)`` with a symmetric S (`convex.linearized`). If a loss has the gradient
``r`` with respect to ``v``, its gradient with respect to ``f`` is ``S r``, and its derivative with
respect to ``tau`` is ``-<S r, A* p>``. With respect to the weight of a pixel it is
``-tau <n, A S r>`` there, with ``n = p / |p|`` where the flux is on the boundary of its ball, and 0
elsewhere. The weight of an order of total generalised variation has the sum of these.

A flow is a chain of such steps. The backward pass walks through it in reverse order, using the
image and the flux stored for every step.

The solver itself runs outside autograd.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..convex.dual import Warm
from ..convex.energy import maps_of
from ..convex.linearized import Derivative, differentiate, linearize
from ..convex.linearized_saddle import differentiate_saddle
from ..convex.pointwise import PointwiseEnergy
from ..convex.total_generalised_variation import TotalGeneralisedVariation
from ..core.errors import InputError
from ..core.namespace import Array, detached, is_torch
from .problem import Problem
from .result import FlowResult, FlowState
from .time_grid import TimeGrid

_LOOSEST, _TIGHTEST = 1e-2, 1e-11  # relative accuracy of the linear systems
# Tolerance of the linear systems, relative to sqrt(tol). The error that an inexact solution causes
# in the derivative is larger than this (measured).
_SHARE = 0.5
_MOST_SADDLE = 20000  # limit for the differentiated iteration
_MOST_ITERATIONS = 5000  # limit for the linear systems, the same as the default for a step


@dataclass(frozen=True, eq=False)
class _Solved:
    """One step of one part: its end time and length (both scaled), and its solution."""

    time: float
    tau: float
    image: Array
    flux: Array
    warm: Warm | None


class Tape:
    """Record of every step of a computation on a detached image, for its backward pass.

    ``parameter`` is the strength or the times, as ``name`` says; ``weights`` are those of the
    energy that require grad. `denoised` and `flowed` return results with a gradient history.
    """

    def __init__(self, image: Any, parameter: Any, name: str, weights: Mapping[str, Any]) -> None:
        if not is_torch(image):
            own = next(iter(weights), name)
            raise InputError(
                f"{own} requires grad, so image must be a torch tensor, not {type(image).__name__}"
            )
        self._source: Tensor = image
        self._parameter = parameter if is_torch(parameter) else None
        self._name, self._weights = name, weights
        self._steps: dict[int, list[_Solved]] = {}

    def check(self, problem: Problem, state: FlowState | None = None) -> None:
        """Refuse an energy that has no derivatives here, and a ``state`` to continue from."""
        if not isinstance(problem.energy, (PointwiseEnergy, TotalGeneralisedVariation)):
            raise InputError(
                f"energy={type(problem.energy).__name__}() has no derivatives here, so image and "
                f"{self._name} must not require grad"
            )
        if state is not None:
            raise InputError(
                "state: the steps before it are not known, so nothing may require grad"
            )

    def trace(self, part: int) -> Callable[[int, float, float, Any], None]:
        """Return what `march` calls after each step of a part; step 0 clears its record."""

        def remember(index: int, time: float, tau: float, dual: Any) -> None:
            if index == 0:
                self._steps[part] = []
            warm = getattr(dual, "warm", None)  # not there where several images march together
            self._steps[part].append(_Solved(time, tau, dual.image, dual.flux, warm))

        return remember

    def denoised(self, problem: Problem, result: Any, solved: Sequence[Any], tol: float) -> Any:
        """Return a `DenoiseResult` whose image is differentiable."""
        if result.strength == 0 and self._parameter is not None and self._parameter.requires_grad:
            raise InputError("strength=0 requires grad; allowed are positive strengths")
        tau = result.strength * problem.scale
        steps = [[_Solved(tau, tau, part.image, part.flux, part.warm)] for part in solved]
        wanted = np.array([result.strength])
        chain = _Chain(problem, steps, wanted, wanted, None, tol, tuple(self._weights))
        return replace(result, image=self._attach(result.image[None], chain)[0])

    def flowed(
        self,
        problem: Problem,
        result: FlowResult,
        wanted: np.ndarray,
        grid: TimeGrid | None,
        tol: float | None,
    ) -> FlowResult:
        """Return a `FlowResult` whose images are differentiable.

        ``wanted`` holds the requested positive times. ``grid`` and ``tol`` are None if the steps
        and gaps were chosen adaptively.
        """
        steps = [self._steps.get(part, []) for part in range(len(problem.parts))]
        names = tuple(self._weights)
        chain = _Chain(problem, steps, result.times, wanted, grid, tol, names)
        return replace(result, images=self._attach(result.images, chain))

    def _attach(self, images: Tensor, chain: _Chain) -> Tensor:
        parameter = torch.zeros(0) if self._parameter is None else self._parameter
        out: Tensor = _Solution.apply(
            self._source, parameter, images, chain, *self._weights.values()
        )
        return out


class _Solution(torch.autograd.Function):
    """Autograd function from source, strength or times, and weights to images already computed."""

    @staticmethod
    def forward(
        ctx: Any, source: Tensor, parameter: Tensor, images: Tensor, chain: _Chain, *weights: Tensor
    ) -> Any:
        ctx.chain, ctx.parameter_like = chain, (parameter.shape, parameter.dtype, parameter.device)
        ctx.weights_like = [(each.shape, each.dtype, each.device) for each in weights]
        return images.view_as(images)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (gradient,) = gradients
        with_image, with_parameter = ctx.needs_input_grad[:2]
        image, rates, of_weights = ctx.chain.pull_back(gradient)
        shape, dtype, device = ctx.parameter_like
        parameter = None
        if with_parameter:
            # A leading time 0 has the derivative 0.
            rates = np.pad(rates, (math.prod(shape) - len(rates), 0))
            parameter = torch.from_numpy(rates).reshape(shape).to(device, dtype)
        weights = [
            (of_weights[name] if shape else of_weights[name].sum()).to(device, dtype)
            for name, (shape, dtype, device) in zip(ctx.chain.names, ctx.weights_like, strict=True)
        ]
        own = image.to(gradient.dtype) if with_image else None
        return own, parameter, None, None, *weights


class _Chain:
    """The steps of all parts, and their backward pass."""

    def __init__(
        self,
        problem: Problem,
        steps: list[list[_Solved]],
        times: np.ndarray,
        wanted: np.ndarray,
        grid: TimeGrid | None,
        tol: float | None,
        names: tuple[str, ...],
    ) -> None:
        self.names = names
        self._energy = _on_tensors(problem.energy)
        self._problem = replace(problem, parts=[part[:0] for part in problem.parts])
        self._steps, self._times, self._wanted, self._grid = steps, times, wanted, grid
        linear = _LOOSEST if tol is None else _SHARE * math.sqrt(tol)
        self._tol = min(max(linear, _TIGHTEST), _LOOSEST)

    def pull_back(self, gradient: Tensor) -> tuple[Tensor, np.ndarray, dict[str, Tensor]]:
        """Gradients in image, wanted times and weights (always maps), from those of the frames."""
        parts = self._problem.split(gradient, leading=1)
        none = torch.zeros_like(parts[0][0, 0], dtype=torch.float64)
        self._of_weights = dict.fromkeys(self.names, none)
        own: list[Any] = [None] * len(parts)
        rates = np.zeros(len(self._wanted))
        for group in self._groups():
            stacked = torch.stack([parts[i] for i in group], 1).double()
            images, along = self._walk([self._steps[i] for i in group], stacked)
            rates += along
            for i, image in zip(group, images, strict=True):
                own[i] = image
        return self._problem.assemble(own, integers=False), rates, self._of_weights

    def _groups(self) -> list[list[int]]:
        """Group the parts that have the same steps, which are processed together."""
        groups: dict[tuple[float, ...], list[int]] = {}
        for index, steps in enumerate(self._steps):
            groups.setdefault(tuple(step.time for step in steps), []).append(index)
        return list(groups.values())

    def _walk(self, steps: list[list[_Solved]], frames: Tensor) -> tuple[Tensor, np.ndarray]:
        """Go back through shared steps, from gradients of frames (T, parts, channels, \\*space)."""
        nodes = np.array([step.time for step in steps[0]]) / self._problem.scale
        kept = {int(np.searchsorted(nodes, t)): j for j, t in enumerate(self._times) if t > 0}
        lengths = np.zeros(len(nodes) + 1)
        gradient = torch.zeros_like(frames[0])
        for k in reversed(range(len(nodes))):
            if k in kept:
                gradient = gradient + frames[kept[k]]
            gradient, lengths[k] = self._step([part[k] for part in steps], gradient)
        if len(self._times) and self._times[0] == 0:
            gradient = gradient + frames[0]
        grid = self._grid or TimeGrid((1.0,))  # given nodes do not move
        return gradient, (lengths[:-1] - lengths[1:]) @ grid.rates(nodes, self._wanted)

    def _step(self, parts: list[_Solved], gradient: Tensor) -> tuple[Tensor, float]:
        """Go backwards through one step: return ``S r`` and ``-<S r, A* p>``."""
        tau = parts[0].tau
        if tau == 0:
            return gradient, 0.0
        image = _stack([part.image for part in parts], 0, gradient)
        flux = _stack([part.flux for part in parts], 1, gradient)
        if isinstance(self._energy, TotalGeneralisedVariation):
            found, along = self._saddle(parts, gradient)
        else:
            step = linearize(self._energy, image, flux, tau)
            found = differentiate(step, gradient, self._tol, _MOST_ITERATIONS)
            bent = step.normal * self._energy.operator(found.image)
            along = {"weights": bent.sum((0, 1, 2))}
        for name in self.names:
            change = tau / self._problem.scale * along[name]
            self._of_weights[name] = self._of_weights[name] - change
        if not found.converged:
            warnings.warn(
                f"steepest: a gradient was not converged after {found.iterations} iterations",
                RuntimeWarning,
                stacklevel=2,
            )
        rate = (found.image * self._energy.adjoint(flux)).sum()
        return found.image, -float(rate)

    def _saddle(
        self, parts: list[_Solved], gradient: Tensor
    ) -> tuple[Derivative, dict[str, Tensor]]:
        """Differentiate the iteration of total generalised variation, part by part.

        In main memory with NumPy, which is four times as fast for small images.
        """
        plain = detached if gradient.device.type == "cpu" else lambda array: array
        maps = {name: plain(each) for name, each in maps_of(self._energy).items()}
        energy = replace(self._energy, **maps)
        solved = []
        for part, r in zip(parts, gradient, strict=True):
            assert part.warm is not None
            state = tuple(plain(torch.as_tensor(array).to(r)) for array in part.warm)
            solved.append(
                differentiate_saddle(energy, part.tau, state, plain(r), self._tol, _MOST_SADDLE)
            )
        found, alpha1, alpha0 = zip(*solved, strict=True)
        derivative = Derivative(
            torch.stack([torch.as_tensor(each.image) for each in found]),
            torch.stack([torch.as_tensor(each.flux) for each in found], 1),
            max(each.iterations for each in found),
            all(each.converged for each in found),
        )
        named = {"alpha1": sum(alpha1), "alpha0": sum(alpha0)}
        return derivative, {name: torch.as_tensor(each) for name, each in named.items()}


def _on_tensors(energy: Any) -> Any:
    """Return the energy with its weights, if any, converted to tensors."""
    maps = {name: torch.as_tensor(each) for name, each in maps_of(energy).items()}
    return replace(energy, **maps) if maps else energy


def _stack(arrays: list[Array], axis: int, like: Tensor) -> Tensor:
    """Stack the arrays of all parts to one tensor with the dtype and the device of ``like``."""
    return torch.stack([torch.as_tensor(array) for array in arrays], axis).to(like)
