"""Denoising of images larger than memory."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from ...convex.solve import Goal, Momentum, needs_double, rounding_floor, solve
from ...core.errors import InputError
from ...core.numbers import check_number
from ...core.solver import Solver
from ...core.status import Status, finished
from ...tiled.dual import TiledDual
from ...tiled.image import USUAL, TiledImage
from ...tiled.items import item_counts, one_by_one
from ...tiled.picture import check_out, check_picture, write_result
from ...tiled.request import TileRequest
from ...tiled.sample import sample
from ..result import DenoiseResult
from ..strength import denoise_least_risk

_PATCHES = 3  # of the sample that the strength is found for, along each axis
_SAMPLE_TOL = 1e-3


def denoise_by_tiles(
    request: TileRequest, strength: Any, energy: Any, batch_axis: int | None
) -> DenoiseResult:
    """Compute `steepest.denoise` tile by tile, with all decisions made for the whole image."""
    if strength is not None:
        strength = check_number(strength, "strength", positive=True)
    elif getattr(energy, "weights", None) is not None:
        raise InputError("strength=None: by tiles, it must be given for energies with weights")
    chosen: list[DenoiseResult] = []

    def one(request: TileRequest) -> DenoiseResult:
        if strength is not None:
            return _denoise(request, strength, energy)
        chosen.append(_choose(request, energy))
        if chosen[-1].status in (Status.NOTHING_REMOVED, Status.STOPPED):
            return _unchanged(request, chosen[-1])
        return _denoise(request, float(chosen[-1].strength), energy)

    result = one_by_one(one, request, (), coupled=energy.coupled, batch_axis=batch_axis)
    return replace(result, **_together(chosen, request, energy, batch_axis)) if chosen else result


def _choose(request: TileRequest, energy: Any) -> DenoiseResult:
    """Denoise a sample of the image with the strength that is best for it."""
    picture = check_picture(request.image, request.channel_axis)
    mosaic = sample(picture.space, picture.read, patches=_PATCHES)
    grey = picture.axis is None
    return denoise_least_risk(
        mosaic[0] if grey else mosaic, None, energy, channel_axis=None if grey else 0,
        spacing=request.spacing, on_step=request.on_step,
        solver=Solver(_SAMPLE_TOL, num_threads=request.own.num_threads),
    )  # fmt: skip


def _unchanged(request: TileRequest, found: DenoiseResult) -> DenoiseResult:
    """The result where nothing is to be removed, which is copied, or the search was stopped."""
    picture = check_picture(request.image, request.channel_axis)
    out = check_out(request.out, picture, ())
    if found.status is Status.NOTHING_REMOVED:
        write_result(out, (), picture, lambda window: picture.restored(picture.read(window)))
        return replace(found, image=out, flux=None)
    return replace(found, image=out, flux=None, gap=math.inf, error_bound=math.inf)


def _together(
    chosen: list[DenoiseResult], request: TileRequest, energy: Any, batch_axis: int | None
) -> dict[str, Any]:
    """Strength and noise of every image and separate channel, as in memory."""
    separate = request.channel_axis is not None and not energy.coupled
    batched = batch_axis is not None
    counts = item_counts(
        request.image.shape, batch_axis, request.channel_axis, coupled=energy.coupled
    )
    every = chosen + chosen[-1:] * (math.prod(counts) - len(chosen))  # after a stop

    def table(name: str) -> Any:
        each = np.ravel([getattr(found, name) for found in every])
        if not (separate or batched):
            return float(each[0])
        return each.reshape(counts) if separate and batched else each

    names = ("strength", "sigma", "noise_share")
    models = [model for found in every for model in found.noise or ()]
    return {**{name: table(name) for name in names}, "noise": tuple(models)}


def _denoise(request: TileRequest, strength: float, energy: Any) -> DenoiseResult:
    """Denoise one image by tiles with a positive strength."""
    own = request.own
    name = f"denoise {strength} {own.tol} {energy} {own.max_num_iter}"
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
        passes.write(out)
        outcome, rounding = solved, tiled.rounding
    result = DenoiseResult(
        image=out,
        flux=None,
        gap=math.inf if outcome is None else outcome.relative_gap,
        error_bound=(math.inf if outcome is None else outcome.terms.distance / scale + rounding),
        iterations=0 if outcome is None else outcome.iterations,
        status=Status.STOPPED if outcome is None else outcome.status,
        strength=strength,
        data_range=tiled.data_range,
    )
    return finished(result, own.raise_on_failure)
