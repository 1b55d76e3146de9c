"""Certified total-variation denoising of arrays that do not fit in memory."""

from __future__ import annotations

import math
from typing import Any

from ..convex.solve import Goal, Momentum, needs_double, rounding_floor, solve
from ..convex.total_variation import TotalVariation, norm_of
from ..core.numbers import check_count, check_number
from ..core.status import Status, finished
from ..flows.options import takes_options_of
from ..flows.result import DenoiseResult
from .dual import TiledDual
from .items import one_by_one
from .picture import check_out
from .setup import USUAL, Setup


@takes_options_of(Setup)
def denoise_tv(
    image: Any,
    strength: float,
    out: Any = None,
    *,
    tol: float = 1e-3,
    isotropic: bool = True,
    huber: float = 0.0,
    max_num_iter: int = 2000,
    coupled: bool = True,
    batch_axis: int | None = None,
    raise_on_failure: bool = False,
    **options: Any,
) -> DenoiseResult:
    """Denoise an array that does not fit in memory: ``argmin_v 1/2||v-image||^2 + strength TV(v)``.

    The result is that of `steepest.denoise_tv`, certified like it. The image is processed tile by
    tile: each tile is read with a halo, iterated as often as the halo allows, and written. This
    is exact: the iterations, and therefore the result, are the same to the last bit for any size
    of the tiles and any number of workers. (The flux to start with comes from the image averaged
    over blocks, and the size of these blocks does depend on ``memory``.)

    Parameters
    ----------
    image : array-like, 1-D to 3-D, plus an optional channel axis
        Anything with ``shape``, ``dtype`` and slicing that returns arrays: a NumPy array or memory
        map, an array of zarr or h5py. The dtypes are those of `steepest.denoise_tv`.
    strength : float
        Positive weight of the total variation, in grey value x pixel.
    out : array-like, optional
        Where the result is written by slices, of the shape of ``image``, such as an array of zarr.
        It is written at the end, whole chunks at a time, and not touched before. The default is a
        new NumPy array.
    tol : float
        Relative duality gap at which the solver stops.
    isotropic, huber, spacing, channel_axis, data_range, max_num_iter, raise_on_failure
        As in `steepest.denoise_tv`.
    coupled, batch_axis
        As in `steepest.denoise_tv`: separate channels, and the images of a time series or stack.
        They are computed one by one. The gap is then the largest, and without ``data_range``, the
        range is the largest of any of them.
    weights : array-like of the spatial shape, optional
        As in `steepest.denoise_tv`, and read by windows like ``image``.
    halo : int, optional
        Pixels around each tile, and about the number of iterations of one pass over the image. The
        default is chosen from 16 to 144 such that the least is computed twice.
    memory : int or str
        Main memory to use, in bytes or as "2GB" (2e9 bytes) or "2GiB", for all threads together.
        From 300 MB on, Python and its libraries, which need 180 MB, are included.
    work : path, optional
        An empty or new folder for arrays between two passes, on a disk that all workers share. For
        a 2-D image in float32, they take about 40 bytes for each value. If the work is interrupted,
        call the function again with the same image, options and folder: finished tiles are not
        computed again (``memory``, ``executor`` and the numbers of workers may change), and damaged
        files are noticed. The folder is deleted at the end. The default is a temporary folder
        beside the file of ``out`` or ``image``, or the system's one for arrays in memory.
    executor : concurrent.futures.Executor, optional
        Who works on the tiles, such as a process pool or
        ``dask.distributed.Client(...).get_executor()``. The workers must then be able to read the
        files of ``image`` and to write in ``work``. The default is threads.
    num_workers : int, optional
        Tiles in work at the same time. The default is ``num_threads``.
    num_threads : int, optional
        As in `steepest.denoise_tv`; with an ``executor``, the threads of each worker.
    on_step : callable, optional
        Called after each tile with a `Progress`: ``step`` of ``num_steps`` tiles of the pass that
        ``stage`` names. Return True to stop: then the status says so, ``error_bound`` is infinity,
        ``out`` is unfinished, and the folder ``work``, if given, is kept.

    Returns
    -------
    DenoiseResult
        ``image`` is ``out``, and ``flux`` is None.

    Raises
    ------
    InputError
        Bad image, strength or options, a folder that belongs to other work or to another image, or
        damaged files in it that cannot be computed again.
    NotConverged
        If the tolerance is not met and ``raise_on_failure=True``.

    Notes
    -----
    An iteration reaches one pixel further. ``halo - 2`` iterations on a tile with its halo
    therefore equal, in the tile, those on the whole image. The certificate is a sum over pixels.
    """
    if batch_axis is not None or not coupled:

        def one(part: Any, own: Any, **more: Any) -> Any:
            return denoise_tv(
                part, strength, own, tol=tol, isotropic=isotropic, huber=huber,
                max_num_iter=max_num_iter, raise_on_failure=raise_on_failure, **more,
            )  # fmt: skip

        return one_by_one(one, image, out, (), coupled=coupled, batch_axis=batch_axis, **options)
    strength = check_number(strength, "strength", positive=True)
    tol, most = check_number(tol, "tol"), check_count(max_num_iter, "max_num_iter")
    energy = TotalVariation(norm=norm_of(isotropic), huber=huber)
    name = f"denoise_tv {strength} {tol} {energy} {most}"
    setup = Setup(image, out, energy, name, **options)
    out = check_out(out, setup.picture, ())
    outcome, rounding = None, 0.0
    with setup:
        levels = setup.coarse_levels()
        facts, means, scale = setup.scaled(*setup.survey(levels))
        tau, like = strength * scale, setup.like
        if needs_double(like, setup.energy, tau, facts.largest):
            setup.use_double()
        coarse = setup.coarse_start(means, tau, tol / 3, levels)
        passes = setup.passes(coarse)
        dual = TiledDual(passes, setup.halo, keep=0)
        floor = rounding_floor(setup.like, setup.energy, tau, facts.largest)
        goal = Goal(tol, most, floor=floor)
        solved = solve(dual, tau, goal, Momentum(expected=USUAL))
        setup.deliver(out, passes)
        outcome, rounding = solved, setup.rounding
    error = gap = math.inf
    if outcome is not None:
        gap = outcome.relative_gap
        error = outcome.terms.distance / scale + rounding
    result = DenoiseResult(
        image=out,
        flux=None,
        gap=gap,
        error_bound=error,
        iterations=0 if outcome is None else outcome.iterations,
        status=Status.STOPPED if outcome is None else outcome.status,
        strength=strength,
        data_range=setup.data_range,
    )
    return finished(result, raise_on_failure)
