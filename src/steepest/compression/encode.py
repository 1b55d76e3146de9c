"""Compression: from an image to bytes."""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, inf, log, log10, sqrt
from typing import Any

import numpy as np

from ..core.arrays import dtype_name
from ..core.errors import InputError
from ..core.namespace import detached
from ..core.numbers import check_count, check_flag, check_fraction, check_number
from ..core.progress import Callback, Reporter
from ..inpainting.masks.checks import check_mask
from ..inpainting.problem import prepare_numpy
from . import streams
from .container import Header, write
from .decode import reconstruct
from .filling import choose_levels, choose_mask, choose_values, fill, mask_chooser

_SHARE = 0.6  # mean squared error of rounding (step^2 / 12) relative to that of the inpainting
_FEWEST = 8  # levels
_START = 0.05  # first density of a search
_TRIALS = 10
_ENOUGH = 0.98  # stop at this share of the allowed size
_CLOSE = 0.05  # stop within this many dB above the requested quality


@dataclass(frozen=True, eq=False)
class Compressed:
    """A compressed image with its quality.

    Attributes
    ----------
    data : bytes
        The compressed image, ready to be written to a file.
    header : Header
        Shape, dtype, number of known pixels and levels.
    mask : Boolean array of the spatial shape
        True at the known pixels.
    image : array
        The result of `decompress` for ``data``.
    psnr : float
        PSNR of ``image`` against the original, in dB. The data range is that of the dtype for
        integers, and maximum minus minimum for floats.
    """

    data: bytes
    header: Header
    mask: np.ndarray
    image: np.ndarray
    psnr: float

    @property
    def density(self) -> float:
        """Known pixels per pixel."""
        return self.header.density

    @property
    def bits_per_pixel(self) -> float:
        """Bits per pixel of the whole file, including header and checksum."""
        return 8 * len(self.data) / self.mask.size


def compress(image: Any, density: float | None = None, **options: Any) -> bytes:
    """Compress an image to bytes: ``pack(...).data``, with the same arguments as `pack`."""
    return pack(image, density, **options).data


def pack(
    image: Any,
    density: float | None = None,
    *,
    max_bytes: int | None = None,
    psnr: float | None = None,
    mask: Any = None,
    levels: int | None = None,
    channel_axis: int | None = None,
    mask_method: str = "echo",
    tonal: bool = True,
    rng: int | np.random.Generator | None = None,
    on_step: Callback | None = None,
) -> Compressed:
    """Compress an image to a few of its pixels, from which diffusion fills in the rest.

    Give exactly one of ``density``, ``max_bytes``, ``psnr`` and ``mask`` to determine how many
    pixels are kept.

    Parameters
    ----------
    image : array
        uint8, uint16, float32 or float64 (float16 becomes float32), with 1 to 3 spatial axes and
        optionally a channel axis.
    density : float
        Share of the pixels to keep, above 0 and at most 1.
    max_bytes : int
        Largest size of the result. The largest density with this size is searched for.
    psnr : float
        Smallest PSNR in dB. The smallest density that reaches it is searched for.
    mask : Boolean array of the spatial shape
        True at the pixels to keep.
    levels : int, optional
        Number of levels to which values are rounded, 2 to 256: evenly spaced over the range of the
        dtype for integers, and from minimum to maximum for floats. By default chosen such that
        rounding adds a mean squared error (step^2 / 12) of 0.6 times that of the inpainting.
    channel_axis : int, optional
        Axis of the channels; None if there are none. Three channels are coded as red, green and
        blue.
    mask_method : str
        The method that chooses the pixels, one of `steepest.inpainting.masks.METHODS`.
    tonal : bool
        Whether to optimise the stored values for the best inpainting, including their rounding
        (`steepest.inpainting.tonal`). False: store the image's own values, rounded.
    rng : int or Generator, optional
        Random seed or generator, for mask methods that use random numbers.
    on_step : callable, optional
        Called with a `MaskStep` while pixels are chosen and with a `Progress` while their values
        are optimised. If it returns True, the rest is done as quickly as possible: the mask is the
        method's present one, values are the image's own, and a search returns its best trial.

    Returns
    -------
    Compressed

    Raises
    ------
    InputError
        If the image or an argument is not valid, the size or the quality cannot be reached, or
        ``on_step`` stopped the search before it was reached.
    """
    reporter = Reporter(on_step)
    count = levels
    if levels is not None:
        count = check_count(levels, "levels", least=2, most=streams.MOST_LEVELS)
    planes, layout = prepare_numpy(image, channel_axis, any_size=True)
    kind, space = dtype_name(layout), planes.shape[1:]
    dtype = "float32" if kind == "float16" else kind
    original = np.asarray(detached(image)).astype(np.float64)
    tonal = check_flag(tonal, "tonal")
    low, high, unit = 0.0, 1.0, planes
    if layout.integer_maximum is None:
        low, high = float(planes.min()), float(planes.max())
        half = max(high / 2 - low / 2, np.finfo(planes.dtype).tiny)
        unit = np.clip((planes / 2 - low / 2) / half, 0, 1)
    span = float(layout.integer_maximum or 0) or high - low or 1.0

    def packed(mask: np.ndarray) -> Compressed:
        values = choose_values(unit, mask, tonal, reporter)
        number = count or _enough_levels(fill(values, mask) - unit)
        known = choose_levels(unit, mask, values, number, tonal, reporter)
        header = Header(
            dtype, space, len(planes), layout.channel_axis, int(mask.sum()), number, low, high
        )
        data = write(header, streams.encode(mask.reshape(header.grid), known, number))
        result = reconstruct(header, mask, known)
        error = float(np.mean(((result.astype(np.float64) - original) / span) ** 2))
        return Compressed(data, header, mask, result, -10 * log10(error) if error else inf)

    goals = {"density": density, "max_bytes": max_bytes, "psnr": psnr, "mask": mask}
    given = [name for name, value in goals.items() if value is not None]
    if len(given) != 1:
        raise InputError(
            f"{' and '.join(given) or 'nothing'} given; "
            f"allowed is exactly one of {', '.join(goals)}"
        )
    if mask is not None:
        return packed(check_mask(mask, space))
    options = {"rng": rng, "on_step": reporter.stage}
    if density is not None:
        share = check_fraction(density, "density")
        return packed(choose_mask(unit, share, mask_method, **options))
    choose = mask_chooser(unit, mask_method, **options)
    limit = check_number(goals[given[0]], given[0], positive=True)
    return _search(
        lambda share: packed(choose(share)), given[0], limit, 1 / planes[0].size, reporter
    )


def _enough_levels(error: np.ndarray) -> int:
    step = sqrt(12 * _SHARE * float(np.mean(error**2)))
    return max(_FEWEST, min(streams.MOST_LEVELS, round(1 + 1 / max(step, 1e-3))))


def _search(
    attempt: Callable[[float], Compressed],
    goal: str,
    value: float,
    fewest: float,
    reporter: Reporter,
) -> Compressed:
    """Return the densest trial of at most ``value`` bytes, or the sparsest with at least this PSNR.

    PSNR and the logarithm of the size are about linear in the logarithm of the density: a bracket,
    from ``fewest`` to 1, is narrowed by interpolation in its inner four fifths.
    """
    by_size = goal == "max_bytes"

    def excess(trial: Compressed) -> float:
        return log(len(trial.data) / value) if by_size else trial.psnr - value

    sign, close = (-1, -log(_ENOUGH)) if by_size else (1, _CLOSE)  # of the excess that is allowed
    low, high = log(fewest), 0.0
    below: tuple[float, float] | None = None  # (log density, excess) of the nearest trials
    above: tuple[float, float] | None = None
    best: Compressed | None = None
    at, smallest = min(max(log(_START), low), high), inf
    for _ in range(_TRIALS):
        trial = attempt(min(1.0, exp(at)))
        found = excess(trial)
        if found * sign >= 0 and abs(found) <= smallest:
            best, smallest = trial, abs(found)
        if smallest <= close or reporter.stopped:
            break
        if found > 0:
            above = at, found
        else:
            below = at, found
        if below and above:
            width = above[0] - below[0]
            if width < 1e-3:
                break
            share = below[1] / (below[1] - above[1]) if above[1] < inf else 0.5
            at = below[0] + width * min(max(share, 0.1), 0.9)
        elif above:  # no bracket yet: go farther out
            if at <= low + 1e-9:
                break
            at = max(low, at - max(1.0, 1.5 * (high - at) / 2))
        else:
            if at >= high - 1e-9:
                break
            at = min(high, at + 1.0)
    if best is not None:
        return best
    if reporter.stopped:
        raise InputError(f"on_step stopped the search before any density met {goal}={value:g}")
    limit = attempt(fewest if by_size else 1.0)
    allowed = f"at least {len(limit.data)}" if by_size else f"at most {limit.psnr:.2f}"
    raise InputError(f"{goal}={value:g}; allowed is {allowed} for this image")
