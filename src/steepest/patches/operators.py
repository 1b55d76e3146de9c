"""Restoration with common measurements: coarse, blurred and incomplete images."""

import math
from typing import Any

import numpy as np

from ..core.arrays import Layout, as_array
from ..core.errors import InputError
from ..core.numbers import check_count, check_number, check_numbers
from ..core.progress import Callback
from ..core.solver import Solver
from .grid import channels_last, check_fits, check_model, check_patch_shape, prepare, restored
from .model import PatchModel
from .restoration import PatchResult, solve

_WIDTH = 4.0  # of a Gaussian, in standard deviations, as in SciPy
_MOST_FACTOR = 64


def coarsen(
    image: Any,
    factor: int,
    blur: float = 0.0,
    *,
    phase: float = 0.0,
    channel_axis: int | None = None,
) -> np.ndarray:
    r"""Blur an image by a Gaussian and keep every ``factor``-th pixel: what `superresolve` inverts.

    Coarse pixel i lies at the fine pixel ``factor * i + phase`` along each axis. The image is
    reflected at its border (the last pixel is repeated), as by default in SciPy.

    Parameters
    ----------
    image : array (\*space), plus optional channel axis
        Every length must be a multiple of ``factor``.
    factor : int
        From 1 to 64.
    blur : float
        Standard deviation of the Gaussian, in fine pixels.
    phase : float
        From 0 to ``factor - 1``; ``(factor - 1) / 2`` is the middle of the pixels that a coarse
        pixel covers. A whole number if ``blur`` is 0.
    channel_axis : int, optional
        Axis of the channels.

    Returns
    -------
    array of the dtype of the image
    """
    array, layout = channels_last(image, channel_axis, "image")
    count = check_count(factor, "factor", most=_MOST_FACTOR)
    space = array.shape[:-1]
    if any(n % count for n in space):
        raise InputError(f"image has {space} pixels; allowed are multiples of factor={count}")
    matrices = _coarsening(tuple(n // count for n in space), count, blur, phase)
    values = _along_axes(matrices, array.astype(np.float64)).astype(array.dtype)
    return restored(values, layout)


def superresolve(
    coarse: Any,
    model: PatchModel,
    factor: int,
    blur: float,
    noise: float,
    *,
    phase: float = 0.0,
    weight: float | None = None,
    channel_axis: int | None = None,
    solver: Solver | None = None,
    on_step: Callback | None = None,
) -> PatchResult:
    r"""Restore an image from a coarse one, by a model of fine patches.

    The coarse image is `coarsen` of the fine one (Gaussian blur, then every factor-th pixel), plus
    white noise.

    Parameters
    ----------
    coarse : array (\*space), plus optional channel axis
        The result is ``factor`` times as long along each axis of space.
    model : PatchModel
        Of fine images.
    factor, blur, phase
        As in `coarsen`.
    noise : float
        Standard deviation of the noise in ``coarse``.
    weight, channel_axis, solver, on_step
        As in `restore`.

    Returns
    -------
    PatchResult
        With an image of the dtype of ``coarse``.
    """
    array, layout = _data(coarse, model, channel_axis, "coarse")
    count = check_count(factor, "factor", most=_MOST_FACTOR)
    scale = check_number(noise, "noise", positive=True)
    space = array.shape[:-1]
    matrices = _coarsening(space, count, blur, phase)
    shape = (*(n * count for n in space), array.shape[-1])
    check_fits(shape, model, "the fine image")

    def forward(flat: np.ndarray) -> np.ndarray:
        return _along_axes(matrices, flat.reshape(shape)) / scale

    turned = [matrix.T.tocsr() for matrix in matrices]

    def adjoint(data: np.ndarray) -> np.ndarray:
        return _along_axes(turned, data).ravel() / scale

    return solve(
        array / scale, model, shape, forward, adjoint, weight, None, solver, on_step,
        lambda image: restored(image, layout),
    )  # fmt: skip


def deblur(
    image: Any,
    model: PatchModel,
    kernel: Any,
    noise: float,
    *,
    weight: float | None = None,
    channel_axis: int | None = None,
    solver: Solver | None = None,
    on_step: Callback | None = None,
) -> PatchResult:
    r"""Remove a known blur, by a model of sharp patches.

    The image is the convolution of the sharp one with ``kernel``, plus white noise. Nothing is
    assumed about what lies beyond the border: the sharp image is restored with a frame of half a
    kernel, which is then cut off.

    Parameters
    ----------
    image : array (\*space), plus optional channel axis
    model : PatchModel
    kernel : array with as many axes as space
        Point spread function of odd lengths, usually with sum 1; the same for all channels.
    noise : float
        Standard deviation of the noise in the image.
    weight, channel_axis, solver, on_step
        As in `restore`. The energies are those of the image with its frame.

    Returns
    -------
    PatchResult
        With an image of the shape and dtype of ``image``.
    """
    from scipy.fft import irfftn, next_fast_len, rfftn

    array, layout = _data(image, model, channel_axis, "image")
    scale = check_number(noise, "noise", positive=True)
    point = check_numbers(as_array(kernel, "kernel"), "kernel")
    space = array.shape[:-1]
    if point.ndim != len(space) or not all(n % 2 for n in point.shape):
        raise InputError(
            f"kernel has the shape {point.shape}; allowed are odd lengths along {len(space)} axes"
        )
    if not point.any():
        raise InputError("kernel is zero everywhere")
    shape = (*(n + k - 1 for n, k in zip(space, point.shape, strict=True)), array.shape[-1])
    check_fits(shape, model, "image")
    axes = tuple(range(len(space)))
    sizes = [next_fast_len(n, real=True) for n in shape[:-1]]
    spectrum = rfftn(point / scale, sizes)[..., None]
    inner = tuple(slice(k - 1, k - 1 + n) for k, n in zip(point.shape, space, strict=True))
    whole = tuple(slice(0, n) for n in shape[:-1])

    def forward(flat: np.ndarray) -> np.ndarray:
        product = rfftn(flat.reshape(shape), sizes, axes=axes) * spectrum
        return irfftn(product, sizes, axes=axes)[inner]

    def adjoint(data: np.ndarray) -> np.ndarray:
        padded = np.zeros((*sizes, shape[-1]))
        padded[inner] = data
        product = rfftn(padded, sizes, axes=axes) * spectrum.conj()
        return irfftn(product, sizes, axes=axes)[whole].ravel()

    middle = tuple(slice(k // 2, k // 2 + n) for k, n in zip(point.shape, space, strict=True))
    return solve(
        array / scale, model, shape, forward, adjoint, weight, None, solver, on_step,
        lambda image: restored(image[middle], layout),
    )  # fmt: skip


def inpaint(
    image: Any,
    model: PatchModel,
    known: Any = None,
    *,
    noise: float = 0.0,
    weight: float | None = None,
    channel_axis: int | None = None,
    solver: Solver | None = None,
    on_step: Callback | None = None,
) -> PatchResult:
    r"""Fill in unknown pixels, by a model of good patches.

    Parameters
    ----------
    image : array (\*space), plus optional channel axis
        Unknown pixels may have any value, or NaN.
    model : PatchModel
    known : Boolean array (\*space), or of the shape of the image, optional
        False at the pixels to fill. By default, these are the NaN pixels.
    noise : float
        Standard deviation of white noise in the known pixels, which is then removed, too. With 0,
        they are kept.
    weight, channel_axis, solver, on_step
        As in `restore`. Without noise, ``weight`` does not matter.

    Returns
    -------
    PatchResult
        With an image of the shape and dtype of ``image``.

    Raises
    ------
    InputError, NotConverged
        As in `restore`; also if no pixel of a channel is known.
    """
    given = as_array(image, "image")
    if known is None:
        mask = np.isfinite(given) if given.dtype.kind == "f" else np.ones(given.shape, bool)
    else:
        mask = np.asarray(known)
        if mask.dtype != bool:
            raise InputError(f"known has dtype {mask.dtype}; allowed are Boolean arrays")
        if channel_axis is not None and mask.ndim == given.ndim - 1:
            mask = np.expand_dims(mask, channel_axis)
        try:
            mask = np.broadcast_to(mask, given.shape if mask.ndim == given.ndim else (-1,))
        except ValueError:
            raise InputError(
                f"known has the shape {np.shape(known)}, the image {given.shape}; allowed are its "
                "shape and that of its space"
            ) from None
    scale = check_number(noise, "noise")
    array, layout = prepare(
        np.where(mask, given, np.zeros((), given.dtype)), model, channel_axis, double=True
    )
    own = mask[..., None] if channel_axis is None else np.moveaxis(mask, channel_axis, -1)
    counts = own.sum(tuple(range(own.ndim - 1)))
    if not counts.all():
        raise InputError("known: no pixel of a channel is known; at least one must be")
    means = (array * own).sum(tuple(range(own.ndim - 1))) / counts
    begin = np.where(own, array, means).ravel()
    flags = np.ascontiguousarray(own).ravel()

    def forward(flat: np.ndarray) -> np.ndarray:
        return flat[flags] / scale if scale else flat[:0]

    def adjoint(data: np.ndarray) -> np.ndarray:
        flat = np.zeros(len(flags))
        if scale:
            flat[flags] = data / scale
        return flat

    def finished(filled: np.ndarray) -> np.ndarray:
        result = restored(filled, layout)
        return result if scale else np.where(mask, given, result)

    return solve(
        forward(begin), model, array.shape, forward, adjoint, weight, begin, solver, on_step,
        finished, None if scale else ~flags,
    )  # fmt: skip


def _data(image: Any, model: Any, channel_axis: int | None, name: str) -> tuple[np.ndarray, Layout]:
    """Check measured pixels, which may be fewer than a patch; in float64, channels last."""
    check_model(model)
    array, layout = channels_last(image, channel_axis, name, double=True)
    check_patch_shape((10**9,) * (array.ndim - 1), model.patch_shape, name)
    return array, layout


def _coarsening(space: tuple[int, ...], factor: int, blur: Any, phase: Any) -> list[Any]:
    """For each axis the sparse matrix from fine to coarse pixels."""
    width = check_number(blur, "blur", most=1000.0)
    offset = check_number(phase, "phase", most=float(factor - 1)) if phase else 0.0
    if width == 0 and offset != round(offset):
        raise InputError(f"phase={phase!r} must be a whole number if blur is 0")
    return [_coarsening_matrix(n, factor, width, offset) for n in space]


def _coarsening_matrix(count: int, factor: int, width: float, phase: float) -> Any:
    from scipy.sparse import csr_array

    fine = count * factor
    reach = int(_WIDTH * width + 0.5)
    moves = np.arange(math.floor(phase) - reach, math.ceil(phase) + reach + 1)
    far = (moves - phase) / width if width else np.zeros(1)
    weights = np.exp(-far * far / 2)
    weights /= weights.sum()
    if width == 0:
        moves = np.array([round(phase)])
    places = factor * np.arange(count)[:, None] + moves
    places %= 2 * fine  # reflected: a b c | c b a
    places = np.where(places < fine, places, 2 * fine - 1 - places)
    rows = np.repeat(np.arange(count), len(moves))
    values = np.tile(weights, count)
    return csr_array((values, (rows, places.ravel())), shape=(count, fine))


def _along_axes(matrices: list[Any], values: np.ndarray) -> np.ndarray:
    for axis, matrix in enumerate(matrices):
        moved = np.moveaxis(values, axis, 0)
        product = matrix @ moved.reshape(len(moved), -1)
        values = np.moveaxis(product.reshape(-1, *moved.shape[1:]), 0, axis)
    return np.ascontiguousarray(values)
