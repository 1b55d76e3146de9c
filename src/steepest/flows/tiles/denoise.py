"""Denoising of images larger than memory."""

from __future__ import annotations

import math
from typing import Any

from ...convex.solve import Goal, Momentum, needs_double, rounding_floor, solve
from ...core.errors import InputError
from ...core.numbers import check_number
from ...core.status import Status, finished
from ...tiled.dual import TiledDual
from ...tiled.image import USUAL, TiledImage
from ...tiled.items import one_by_one
from ...tiled.picture import check_out
from ...tiled.request import Request
from ..result import DenoiseResult


def denoise_by_tiles(
    request: Request, strength: Any, energy: Any, batch_axis: int | None
) -> DenoiseResult:
    """Compute `steepest.denoise` tile by tile.

    The iteration is that of the solver in memory: step size, restarts, momentum and corrections are
    decided for the whole image.
    """
    if strength is None:
        raise InputError("strength=None: by tiles, it must be given (find one on a crop)")
    strength = check_number(strength, "strength", positive=True)
    own = request.own
    name = f"denoise {strength} {own.tol} {energy} {own.max_num_iter}"

    def one(request: Request) -> DenoiseResult:
        tiled = TiledImage(request, energy, name)
        out = check_out(request.out, tiled.picture, ())
        outcome, rounding = None, 0.0
        with tiled:
            levels = tiled.coarse_levels()
            facts, means, scale = tiled.scaled(*tiled.survey(levels))
            tau = strength * scale
            if needs_double(tiled.like, tiled.energy, tau, facts.largest):
                tiled.use_double()
            passes = tiled.passes(tiled.coarse_start(means, tau, own.tol / 3, levels))
            dual = TiledDual(passes, tiled.depth, keep=0)
            floor = rounding_floor(tiled.like, tiled.energy, tau, facts.largest)
            goal = Goal(own.tol, own.max_num_iter, floor=floor)
            solved = solve(dual, tau, goal, Momentum(expected=USUAL))
            tiled.write(out, passes)
            outcome, rounding = solved, tiled.rounding
        result = DenoiseResult(
            image=out,
            flux=None,
            gap=math.inf if outcome is None else outcome.relative_gap,
            error_bound=(
                math.inf if outcome is None else outcome.terms.distance / scale + rounding
            ),
            iterations=0 if outcome is None else outcome.iterations,
            status=Status.STOPPED if outcome is None else outcome.status,
            strength=strength,
            data_range=tiled.data_range,
        )
        return finished(result, own.raise_on_failure)

    return one_by_one(one, request, (), coupled=energy.coupled, batch_axis=batch_axis)
