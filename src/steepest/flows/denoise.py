"""Certified denoising: ``argmin_v 1/2||v - f||^2 + strength J(v)``, one step of the flow of J."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..convex.energy import Energy
from ..core.arrays import warn
from ..core.errors import InputError
from ..core.namespace import detached, follows
from ..core.progress import Callback
from ..core.solver import Solver, limits
from ..core.status import finished
from ..core.tiles import Tiles, refuse_by_tiles, works_by_tiles
from ..tiled.request import TileRequest, energy_by_tiles
from .discrepancy import DEFAULT_MAX_ITER, DEFAULT_TOL
from .flux_guess import feasible_part
from .options import takes_options_of
from .parts import collect, make_plan, solve_part
from .problem import Problem, each_channel, make_problem, of_parts
from .result import DenoiseResult
from .strength import denoise_least_risk
from .tape import gradient_tape

_TOL_BY_TILES, _MAX_ITER_BY_TILES = 1e-3, 2000  # each pass reads and writes the whole image


@takes_options_of()
def denoise(
    image: Any,
    strength: Any = None,
    energy: Energy | None = None,
    *,
    channel_axis: int | None = None,
    batch_axis: int | None = None,
    spacing: float | Sequence[float] | None = None,
    solver: Solver | None = None,
    on_step: Callback | None = None,
    start: Any = None,
    out: Any = None,
    tiles: Tiles | None = None,
) -> DenoiseResult:
    r"""Denoise an image with a convex energy: ``argmin_v 1/2||v - image||^2 + strength * J(v)``.

    This is one implicit Euler step of `flow` of length ``strength``. With total variation, the
    solver starts from the solution on coarser grids.

    Parameters
    ----------
    image : array, 1-D to 3-D, plus optional channel and batch axes
        The image to denoise. As in `flow`, floating-point images are used without scaling;
        uint8 and uint16 images are scaled to [0, 1] and back. If a torch tensor requires grad,
        ``image`` of the result is differentiable (see Notes).
    strength : float, or array (channels,), optional
        Non-negative weight of the energy. The unit for total variation is grey value x pixel. A
        torch scalar may require grad; it must then be positive. If the energy treats channels
        separately (``coupled=False``), one number per channel is allowed. The default is the
        strength of the least estimated error, for each image of a batch its own; see
        `denoise_least_risk`.
    energy : Energy, optional
        As in `flow`. The default is `TotalVariation`.
    channel_axis, batch_axis, spacing
        As in `flow`.
    solver : Solver, optional
        ``tol`` is the relative duality gap at which the solver stops (default 1e-4). It bounds the
        relative suboptimality of the energy. The default of ``max_num_iter`` is 20000.
    on_step : callable, optional
        Called with a `Step` whenever the gap is measured and, for energies without compiled code,
        in between with the last gap (infinity if there is none). ``step`` is the number of calls so
        far, ``iterations`` is the number of iterations, and ``image`` is None. Return True to stop
        the solver.
    start : DenoiseResult or array (components, \*image.shape), optional
        An earlier result for similar data, or its ``flux``, as the initial dual field. It is made
        feasible, and it is used only if its dual energy is smaller than that of the default start.
    out : array-like of the shape of ``image``, optional
        Where the result is written tile by tile; see `Tiles`.
    tiles : Tiles, optional
        How to work on an image that does not fit in memory. ``strength`` is then one positive
        number, or by default the strength for a sample of the image: patches of 213 x 213 pixels
        (42 x 42 x 42 voxels), three along each axis. ``start`` is not available; the defaults of
        the solver are ``tol=1e-3`` and ``max_num_iter=2000``, the result has no ``flux``, and
        weights, for which the strength must be given, are read by windows like the image.

    Returns
    -------
    DenoiseResult

    Raises
    ------
    InputError
        Bad image, strength, energy or options.
    NotConverged
        If the tolerance is not met and the solver has ``raise_on_failure=True``.

    Notes
    -----
    Gradients with respect to ``image``, ``strength`` and the weights of the energy (docs/gradients)
    are computed by implicit differentiation of the solution. They are exact if the solution is
    exact and differentiable there, which it is almost everywhere. With ``tol=1e-4``, they are
    accurate to a few per cent on a photograph. The flux and the certificate are treated as
    constants.
    """
    if works_by_tiles(image, out, tiles):
        from .tiles.denoise import denoise_by_tiles

        refuse_by_tiles(start=start)
        own = limits(solver, tol=_TOL_BY_TILES, max_num_iter=_MAX_ITER_BY_TILES)
        request = TileRequest(image, out, own, tiles or Tiles(), channel_axis, spacing, on_step)
        return denoise_by_tiles(request, strength, energy_by_tiles(energy), batch_axis)
    if strength is None:
        if start is not None:
            raise InputError("strength=None: with start it must be given")
        if follows(image):
            raise InputError("image requires grad, so strength must be given (or image.detach())")
        return denoise_least_risk(
            image, None, energy, channel_axis=channel_axis, batch_axis=batch_axis,
            spacing=spacing, solver=solver, on_step=on_step,
        )  # fmt: skip
    own = limits(solver, tol=DEFAULT_TOL, max_num_iter=DEFAULT_MAX_ITER)
    tape, energy = gradient_tape(image, strength, "strength", energy)
    problem = make_problem(
        image, energy, channel_axis=channel_axis, batch_axis=batch_axis, spacing=spacing
    )
    if tape is not None:
        tape.check(problem)
    weight = each_channel(detached(strength), "strength", problem)
    if tape is not None and np.ndim(weight):
        raise InputError("strength: where a gradient is asked for, one number is allowed")
    problem.check_times(np.atleast_1d(weight), "strength")
    plan = make_plan(own, on_step)
    flux = start.flux if isinstance(start, DenoiseResult) else start
    starts = [
        None if flux is None else feasible_part(flux, problem, i, "start")
        for i in range(len(problem.parts))
    ]
    pairs = zip(of_parts(weight, problem), starts, strict=True)
    solved = [
        solve_part(problem, i, own, plan, start, warm=tape is not None)
        for i, (own, start) in enumerate(pairs)
    ]
    result = collect(problem, solved, weight)
    if problem.layout.integer_maximum:
        _tell_of_scale(problem, result, float(np.max(weight)))
    if tape is not None:
        result = tape.denoised(problem, result, solved, own.tol)
    return finished(result, own.raise_on_failure)


def _tell_of_scale(problem: Problem, result: DenoiseResult, strength: float) -> None:
    """Warn if a strength in grey values has left nothing of an image of whole numbers."""
    contrast = max(np.ptp(part) for part in problem.parts) / problem.scale
    hint = problem.layout.scale_hint(strength)
    if hint and np.ptp(result.image) <= 1 and contrast > 0.01:
        warn(f"strength={strength:g} leaves nothing but the mean{hint}")


@takes_options_of(denoise)
def denoise_tv(image: Any, strength: Any = None, **options: Any) -> DenoiseResult:
    """Denoise an image by total variation: ``argmin_v 1/2||v - image||^2 + strength * TV(v)``.

    This is `denoise` with its default energy, isotropic total variation. See there for the options,
    the result and the exceptions. The function ``denoise_tv_chambolle`` of scikit-image solves the
    same problem, with ``weight`` as the strength.

    References
    ----------
    Rudin, Osher & Fatemi, Physica D 60 (1992) 259-268.
    """
    return denoise(image, strength, **options)
