"""`inpaint`: fill in the unknown pixels of images by any method."""

from collections.abc import Sequence
from typing import Any

from ..core.arrays import as_array, batch_items, own_channel_axis
from ..core.errors import InputError
from ..core.namespace import is_torch
from ..core.progress import Callback, Reporter
from ..core.solver import Solver, limits
from ..core.status import finished
from ..core.tiles import Tiles, refuse_by_tiles, works_by_tiles
from ..tiled.request import TileRequest
from . import METHODS
from .method import Method
from .methods.diffusion import Diffusion
from .problem import Problem, prepare
from .result import InpaintResult, stack, status_of

TOL_BY_TILES, PASSES_BY_TILES = 1e-6, 50


def inpaint(
    image: Any,
    known: Any = None,
    method: Method | None = None,
    *,
    unknown: Any = None,
    channel_axis: int | None = None,
    batch_axis: int | None = None,
    spacing: float | Sequence[float] | None = None,
    solver: Solver | None = None,
    on_step: Callback | None = None,
    out: Any = None,
    tiles: Tiles | None = None,
) -> InpaintResult:
    """Fill in the unknown pixels of an image.

    Parameters
    ----------
    image : array
        Image with one to three spatial axes and an optional channel axis: a NumPy array (plain or
        masked) of dtype float32, float64, uint8 or uint16, or a torch tensor of dtype float32 or
        float64. Unknown pixels may hold any value.
    known : array of the spatial shape, optional
        Boolean array that is True at known pixels, which keep their values exactly. By default, the
        pixels that are neither NaN nor masked in any channel are known. ``Diffusion`` also takes
        floating-point confidences in [0, 1].
    method : object such as ``Diffusion()``, optional
        The equation that unknown pixels satisfy: one of the classes of `steepest.inpainting` named
        in its ``METHODS``. The default is ``Diffusion()``.
    unknown : array of the spatial shape, optional
        The inverse of ``known``, given in its place: True at the pixels to fill, as in scikit-image
        and OpenCV. A non-Boolean array may hold 0 and one other number, which marks the pixels to
        fill.
    channel_axis : int, optional
        Axis that holds the channels, which share one mask.
    batch_axis : int, optional
        Axis that holds independent images. Each image is filled separately. Pass one mask of the
        spatial shape for all images, or one mask per image in an array of shape
        ``(images, *space)``.
    spacing : float or sequence, optional
        Pixel spacing (default 1), for ``Diffusion``; the other methods have none.
    solver : Solver, optional
        ``tol`` is for the residual. What that measures, and the defaults, depend on the method.
    on_step : callable, optional
        Called with a `Progress` after each iteration; its residual is the largest over all channels
        and holes. If it returns True, the best image so far is returned.
    out : array-like of the shape of ``image``, optional
        Where the result is written tile by tile; see `Tiles`.
    tiles : Tiles, optional
        How to work on an image that does not fit in memory, with ``Diffusion`` only and without
        ``batch_axis``. Masks are read by windows like the image; they hold 0 and one other number.
        ``max_num_iter`` is then the number of passes over the image (default 50): one or two are
        enough for small holes. The result depends on the tiles within the tolerance.

    Returns
    -------
    InpaintResult
        ``image`` has the shape and dtype of the input. With ``batch_axis``, there is one
        ``residual``, one number of ``iterations`` and one status per image.

    Raises
    ------
    InputError
        If the image or a mask is invalid or leaves no known pixel, if both ``known`` and
        ``unknown`` are given, or if the method does not take spacing, confidences, tensors, or this
        number of spatial axes.
    NotConverged
        If the tolerance is not met and the solver has ``raise_on_failure=True``.

    Examples
    --------
    >>> import numpy as np, steepest
    >>> steepest.inpaint(np.array([1.0, np.nan, np.nan, 4.0])).image.round(6)
    array([1., 2., 3., 4.])
    """
    method = Diffusion() if method is None else method
    if not isinstance(method, Method):
        kinds = ", ".join(f"{kind}()" for kind in METHODS.values())
        raise InputError(f"method={method!r}; allowed are objects of steepest.inpainting: {kinds}")
    if works_by_tiles(image, out, tiles):
        from .tiles.diffusion import inpaint_by_tiles

        refuse_by_tiles(method=None if type(method) is Diffusion else method, batch_axis=batch_axis)
        passes = limits(solver, TOL_BY_TILES, PASSES_BY_TILES, positive=True)
        request = TileRequest(image, out, passes, tiles or Tiles(), channel_axis, spacing, on_step)
        return inpaint_by_tiles(request, known, unknown)
    own = limits(solver, method.tol, method.max_num_iter, positive=True)
    reporter = Reporter(on_step)
    _check_takes(method, "spacing", None if spacing is None else f"spacing={spacing!r}")
    items, axis, channel_axis = batch_items(
        image, batch_axis, own_channel_axis(image, channel_axis)
    )

    def fill_one(item: Any, known: Any, unknown: Any) -> InpaintResult:
        tensor = any(map(is_torch, (item, known, unknown)))
        _check_takes(method, "tensors", "a tensor as image or mask" if tensor else None)
        problem = prepare(item, known, unknown, channel_axis, spacing)
        _check_problem(method, problem)
        values, residual, iterations = method.fill(problem, own, reporter)
        status = status_of(residual, iterations, own, reporter.stopped)
        return InpaintResult(problem.layout.restore(values), residual, iterations, status)

    if axis is None:
        return finished(fill_one(image, known, unknown), own.raise_on_failure)
    shape = len(items), items[0].ndim - (channel_axis is not None)
    masks = _masks(known, "known", *shape), _masks(unknown, "unknown", *shape)
    results = [fill_one(*each) for each in zip(items, *masks, strict=True)]
    return finished(stack(results, axis), own.raise_on_failure)


def _masks(mask: Any, name: str, count: int, num_space: int) -> list[Any]:
    """Return one mask for each of ``count`` images, from a shared mask or (images, \\*space)."""
    if mask is None:
        return [None] * count
    array = as_array(mask, name)
    return list(array) if array.ndim == num_space + 1 and len(array) == count else [array] * count


def _check_problem(method: Method, problem: Problem) -> None:
    """Raise `InputError` if the method cannot solve such a problem."""
    _check_takes(method, "confidences", None if problem.is_mask else "known with confidences")
    ndim = problem.confidence.ndim
    if ndim not in method.dimensions:
        allowed = " or ".join(map(str, method.dimensions))
        raise InputError(f"image has {ndim} spatial axes; {method} allows {allowed}")


def _check_takes(method: Method, what: str, given: str | None) -> None:
    """Raise `InputError` if something is ``given`` that the method does not take."""
    if given is not None and what not in method.takes:
        raise InputError(f"{given} is not available with method={method}; allowed with Diffusion()")
