"""Homogeneous diffusion inpainting: the steady state of diffusion from the known pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.arrays import as_array, batch_items, own_channel_axis
from ..core.errors import InputError
from ..core.namespace import cast, follows, is_torch
from ..core.progress import Callback, Reporter
from .checks import check_iteration
from .problem import Problem, prepare
from .result import InpaintResult, finished, stacked
from .steady_state import fill, outcome


def inpaint(
    image: Any,
    known: Any = None,
    *,
    unknown: Any = None,
    channel_axis: int | None = None,
    batch_axis: int | None = None,
    spacing: float | Sequence[float] | None = None,
    tol: float = 1e-6,
    max_num_iter: int = 200,
    on_step: Callback | None = None,
    num_threads: int | None = None,
    raise_on_failure: bool = False,
) -> InpaintResult:
    """Fill in the unknown pixels by homogeneous diffusion.

    Solves ``-Laplacian u = 0`` at unknown pixels with ``u = image`` at known ones; with
    confidences c in [0, 1], ``c (u - image) - (1 - c) Laplacian u = 0`` everywhere. The Laplacian
    has 5 points (7 in a volume) and reflecting boundaries. Channels are filled one by one from the
    same mask.

    Parameters
    ----------
    image : array
        One to three spatial axes, and maybe a channel axis; float32, float64, uint8 or uint16
        (also as a masked array), or a torch tensor (float32, float64). Unknown pixels may hold
        anything.
    known : array of the spatial shape, optional
        Boolean (True: known), or confidences in [0, 1] as floats. Default: the pixels that are
        neither NaN nor masked (in any channel).
    unknown : array of the spatial shape, optional
        The opposite, instead of ``known``: True (or, of two values, the one that is not 0) where
        pixels are to be filled, as in scikit-image and OpenCV.
    channel_axis : int, optional
        Which axis holds channels.
    batch_axis : int, optional
        Which axis holds independent images: each is filled as if alone. The mask is one for all
        images, of the spatial shape, or one per image, of the shape ``(images, *space)``.
    spacing : float or sequence, optional
        Pixel spacing, one number or one per spatial axis (default 1).
    tol : float
        Relative residual of the linear system at which the iteration stops.
    max_num_iter : int
        Most iterations; about 7 reach 1e-6 whatever the mask and the size of the image.
    on_step : callable, optional
        Called with a `Progress` after each iteration, all channels and holes taken together: their
        largest residual. Where it returns True, the iteration stops.
    num_threads : int, optional
        Threads that share channels and holes (default: all processors, or STEEPEST_NUM_THREADS).
    raise_on_failure : bool
        Raise `NotConverged` where the tolerance was not met.

    Returns
    -------
    InpaintResult
        ``residual`` is ``|b - A u| / |b|``, the largest of all channels, computed in float64 from
        the solution; b holds what known pixels, less their mean, contribute. The dtype of
        ``image`` is the input's; computations are in float64 (preconditioner: float32). With
        ``batch_axis`` there is one ``residual``, number of ``iterations`` and status per image.

    Raises
    ------
    InputError
        Bad image; a mask of the wrong shape or type, or with no known pixel; both ``known`` and
        ``unknown``.
    NotConverged
        Only with ``raise_on_failure=True``.

    Notes
    -----
    Conjugate gradients, preconditioned by a multigrid cycle (docs/inpainting): a fixed number of
    operations per pixel. Small holes are solved in the boxes around them. The result obeys the
    maximum principle up to the tolerance. On torch tensors it is differentiable in ``image`` and
    in confidences; a gradient whose own equation is not solved to ``tol`` within ``max_num_iter``
    gives a RuntimeWarning.

    References
    ----------
    Mainberger et al., SSVM 2011; Peter, arXiv:2210.10013, Section 3.
    """
    tol, max_num_iter, threads = check_iteration(tol, max_num_iter, num_threads, raise_on_failure)
    tell = Reporter(on_step)
    channel_axis = own_channel_axis(image, channel_axis)
    items, axis, channel_axis = batch_items(image, batch_axis, channel_axis)
    all_known, all_unknown = [known], [unknown]
    if axis is not None:
        shape = (len(items), items[0].ndim - (channel_axis is not None))
        all_known, all_unknown = _masks(known, "known", *shape), _masks(unknown, "unknown", *shape)
    results = []
    for item, own_known, own_unknown in zip(items, all_known, all_unknown, strict=True):
        # Once stopped, the images that are left take one step.
        watch = (lambda _: True) if tell.stopped else tell.watch
        options = {"tol": tol, "max_num_iter": max_num_iter, "num_threads": threads, "watch": watch}
        problem = prepare(item, own_known, own_unknown, channel_axis, spacing)
        results.append(_solve(problem, own_known, tell, options))
    return finished(results[0] if axis is None else stacked(results, axis), raise_on_failure)


def _masks(mask: Any, name: str, count: int, num_space: int) -> list[Any]:
    """The mask of each of ``count`` images: one for all, or (images, \\*space)."""
    if mask is None:
        return [None] * count
    array = as_array(mask, name)
    return list(array) if array.ndim == num_space + 1 and len(array) == count else [array] * count


def _solve(problem: Problem, known: Any, tell: Reporter, options: dict[str, Any]) -> InpaintResult:
    """One image."""
    if follows(known) and not is_torch(problem.values):
        raise InputError("known requires grad, so image must be a torch tensor, too")
    if is_torch(problem.values):
        from .implicit import diffuse

        filled, solution = diffuse(problem, known if follows(known) else None, **options)
    else:
        solution = fill(problem.values, problem.confidence, problem.spacing, **options)
        filled = cast(solution.image, problem.values.dtype)
    return InpaintResult(
        image=problem.layout.restore(filled),
        residual=float(solution.residual.max()),
        iterations=int(solution.iterations.max()),
        status=outcome(solution, options["tol"], options["max_num_iter"], tell.stopped),
    )
