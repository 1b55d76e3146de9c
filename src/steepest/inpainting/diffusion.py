"""Homogeneous diffusion inpainting: the steady state of diffusion from the known pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.arrays import as_array, batch_items, own_channel_axis
from ..core.errors import InputError
from ..core.namespace import cast, follows, is_torch
from ..core.progress import Callback
from ..core.status import finished
from ..elliptic.watching import Watch
from .checks import Run, check_iteration
from .problem import Problem, prepare
from .result import InpaintResult, stacked
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

    Solves ``-Laplacian u = 0`` at unknown pixels with ``u = image`` at known pixels. If ``known``
    holds confidences c in [0, 1], the equation is ``c (u - image) - (1 - c) Laplacian u = 0`` at
    every pixel. The Laplacian has 5 points (7 in a volume) and reflecting boundaries. The channels
    are filled one by one and share the mask.

    Parameters
    ----------
    image : array
        Image with one to three spatial axes and an optional channel axis: a NumPy array (plain or
        masked) of dtype float32, float64, uint8 or uint16, or a torch tensor of dtype float32 or
        float64. Unknown pixels may hold any value.
    known : array of the spatial shape, optional
        Boolean array that is True at known pixels, or floating-point confidences in [0, 1]. By
        default, the pixels that are neither NaN nor masked in any channel are known.
    unknown : array of the spatial shape, optional
        The inverse of ``known``, given in its place: True at the pixels to fill, as in scikit-image
        and OpenCV. A non-Boolean array may hold 0 and one other number, which marks the pixels to
        fill.
    channel_axis : int, optional
        Axis that holds the channels.
    batch_axis : int, optional
        Axis that holds independent images. Each image is filled separately. Pass one mask of the
        spatial shape for all images, or one mask per image in an array of shape
        ``(images, *space)``.
    spacing : float or sequence, optional
        Pixel spacing, as one number or one number per spatial axis (default 1).
    tol : float
        Relative residual of the linear system at which the iteration stops.
    max_num_iter : int
        Maximum number of iterations. About 7 reach 1e-6, regardless of the mask and the image size.
    on_step : callable, optional
        Called with a `Progress` after each iteration; its residual is the largest over all channels
        and holes. If it returns True, the iteration stops.
    num_threads : int, optional
        Number of threads that share the channels and holes (default: STEEPEST_NUM_THREADS if set,
        otherwise all processors).
    raise_on_failure : bool
        Whether to raise `NotConverged` if the tolerance is not met.

    Returns
    -------
    InpaintResult
        ``image`` has the dtype of the input; computations are in float64 (preconditioner: float32).
        ``residual`` is ``|b - A u| / |b|``, the largest over all channels, computed in float64 from
        the solution, where b is the contribution of the known pixels after their mean is
        subtracted. With ``batch_axis``, there is one ``residual``, one number of ``iterations`` and
        one status per image.

    Raises
    ------
    InputError
        If the image is invalid, if a mask has the wrong shape or type or no known pixel, or if both
        ``known`` and ``unknown`` are given.
    NotConverged
        If the tolerance is not met and ``raise_on_failure`` is True.

    Notes
    -----
    The solver is the conjugate gradient method, preconditioned by a multigrid cycle
    (docs/inpainting). It takes a fixed number of operations per pixel. Small holes are solved in
    their bounding boxes. The result obeys the maximum principle up to the tolerance.

    For torch tensors, the result is differentiable with respect to ``image`` and to confidences. If
    the adjoint equation of the gradient is not solved to ``tol`` within ``max_num_iter``
    iterations, a RuntimeWarning is issued.

    References
    ----------
    Mainberger et al., SSVM 2011; Peter, arXiv:2210.10013, Section 3.
    """
    run = check_iteration(tol, max_num_iter, on_step, num_threads, raise_on_failure)
    channel_axis = own_channel_axis(image, channel_axis)
    items, axis, channel_axis = batch_items(image, batch_axis, channel_axis)
    all_known, all_unknown = [known], [unknown]
    if axis is not None:
        shape = (len(items), items[0].ndim - (channel_axis is not None))
        all_known, all_unknown = _masks(known, "known", *shape), _masks(unknown, "unknown", *shape)
    results = []
    for item, own_known, own_unknown in zip(items, all_known, all_unknown, strict=True):
        # After a stop, each remaining image takes one step.
        watch = (lambda _: True) if run.tell.stopped else run.tell.watch
        problem = prepare(item, own_known, own_unknown, channel_axis, spacing)
        results.append(_solve(problem, own_known, run, watch))
    return finished(results[0] if axis is None else stacked(results, axis), raise_on_failure)


def _masks(mask: Any, name: str, count: int, num_space: int) -> list[Any]:
    """Return one mask for each of ``count`` images, from a shared mask or (images, \\*space)."""
    if mask is None:
        return [None] * count
    array = as_array(mask, name)
    return list(array) if array.ndim == num_space + 1 and len(array) == count else [array] * count


def _solve(problem: Problem, known: Any, run: Run, watch: Watch | None) -> InpaintResult:
    """Inpaint one image."""
    if follows(known) and not is_torch(problem.values):
        raise InputError("known requires grad, so image must be a torch tensor, too")
    options: Any = {
        "tol": run.tol, "max_num_iter": run.max_num_iter, "num_threads": run.num_threads,
        "watch": watch,
    }  # fmt: skip
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
        status=outcome(solution, run.tol, run.max_num_iter, run.tell.stopped),
    )
