"""Certified total-variation denoising of arrays that do not fit in memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import numpy as np

from ..convex.certificate import psnr_bound
from ..convex.solve import Goal, Momentum, rounding_floor, solve
from ..convex.total_variation import TotalVariation, norm_of
from ..core.errors import NotConverged
from ..core.numbers import check_count, check_number
from ..core.progress import Callback
from ..flows.result import DenoiseResult
from .dual import TiledDual
from .passes import Passes
from .picture import Picture
from .setup import Like, Setup

_FIRST_LOOK = 72  # iterations before the gap is first measured


def denoise_tv(
    image: Any,
    strength: float,
    out: Any = None,
    *,
    tol: float = 1e-3,
    isotropic: bool = True,
    huber: float = 0.0,
    spacing: float | Sequence[float] | None = None,
    channel_axis: int | None = None,
    data_range: float | None = None,
    max_num_iter: int = 2000,
    halo: int = 96,
    memory: int | str = "2GB",
    work: str | Path | None = None,
    executor: Executor | None = None,
    num_workers: int | None = None,
    num_threads: int | None = None,
    on_step: Callback | None = None,
    raise_on_failure: bool = False,
) -> DenoiseResult:
    """Denoise an image on disk: ``argmin_v 1/2||v - image||^2 + strength * TV(v)``."""
    strength = check_number(strength, "strength", positive=True)
    tol = check_number(tol, "tol")
    energy = TotalVariation(norm=norm_of(isotropic), huber=huber)
    out = np.empty(image.shape, image.dtype) if out is None else out
    signature = f"denoise_tv {strength} {tol} {energy.norm} {huber} {max_num_iter}"
    with Setup(
        image, energy, signature, channel_axis=channel_axis, spacing=spacing, halo=halo,
        memory=memory, work=work, executor=executor, num_workers=num_workers,
        num_threads=num_threads, on_step=on_step,
    ) as setup:  # fmt: skip
        levels = setup.coarse_levels()
        facts, means, scale = setup.scaled(*setup.survey(levels))
        tau = strength * scale
        frame = Picture(out, channel_axis, scale)
        coarse = setup.coarse_start(means, tau, tol / 3, levels)
        passes = Passes(
            setup.picture, setup.energy, setup.tiling, setup.workspace, setup.crew, (frame,), coarse
        )
        dual = TiledDual(passes, setup.halo, keep=0)
        shape = (setup.picture.channels, *setup.tiling.space)
        floor = rounding_floor(Like(shape, setup.picture.dtype), setup.energy, tau, facts.largest)
        goal = Goal(tol, check_count(max_num_iter, "max_num_iter"), floor=floor)
        outcome = solve(dual, tau, goal, Momentum(expected=_FIRST_LOOK))
        setup.finished = True
    terms = outcome.terms
    error = (math.sqrt(terms.gap + terms.allowance) + terms.residual) / scale
    span = facts.data_range if data_range is None else check_number(data_range, "data_range")
    result = DenoiseResult(
        image=out,
        flux=None,
        gap=outcome.relative_gap,
        error_bound=error,
        psnr_bound=psnr_bound(error, math.prod(shape), span),
        iterations=outcome.iterations,
        status=outcome.status,
        strength=strength,
        data_range=span,
    )
    if raise_on_failure and not result.converged:
        raise NotConverged(str(result.status), result)
    return result

