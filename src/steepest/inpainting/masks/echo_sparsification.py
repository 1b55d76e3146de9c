"""Echo sparsification: score the effect of every removal on the whole image without a solve."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.errors import InputError
from ...core.numbers import check_count
from ...core.progress import Callback, Reporter
from ...core.rng import Rng, generator
from ...core.threads import resolve_num_threads
from ..echoes.state import Echoes
from ..echoes.thinning import begin, begin_from, drop_to, exchange_groups, jitter, refresh, thin_to
from ..problem import prepare_numpy
from .checks import MaskStep, check_mask, count_of, exponent

_CANDIDATES = 10  # pixels per exchange; the one with the largest error is inserted
_PARTS = 20  # parts of a cycle of exchanges, each followed by a progress report
_LEAST = 64  # minimum number of exchanges in a part


def echo(
    image: Any,
    density: float,
    *,
    channel_axis: int | None = None,
    rng: Rng = None,
    on_step: Callback | None = None,
    norm: str = "l1",
    cycles: int = 0,
    num_threads: int | None = None,
) -> np.ndarray:
    """Choose a mask by removing pixels one by one, always the one that does the least harm.

    The echo b_i of a mask pixel i is the response of the inpainting to a unit change at i. Without
    i, diffusion gives ``u + t b_i`` with ``t = -(L u)_i / (L b_i)_i``, where L is the Laplacian.
    The change of the error over the whole image is thus a sum over the echo, without solving an
    equation. The other echoes become ``b_j + s_j b_i``, where ``s_j`` is the share of j in the flow
    out of i (a star-mesh step). The method starts from the full mask.

    Echoes are truncated where they are below 0.005 and where they are more than 24 pixels away.
    Pixels whose echo has changed are scored again at once, all others when their turn comes. Images
    larger than 64 x 64 are thinned in rounds, tile by tile. Before the last removals, their echoes
    are relaxed, which corrects what truncation has added up to. docs/inpainting_results gives the
    cost of each of these approximations.

    Parameters
    ----------
    image : array
        Image with two spatial axes and an optional channel axis.
    density, channel_axis, rng
        As in `random`; ``rng`` breaks ties and draws the candidates of exchanges.
    on_step : callable, optional
        Called with a `MaskStep` before the first round and after each round; its error is estimated
        from the echoes. If it returns True, the excess pixels that seem to harm least are removed
        at once, and no exchanges follow.
    norm : {"l1", "l2"}
        Error to minimise: the sum of its magnitudes or squares over pixels and channels.
    cycles : int
        Number of cycles of `echo_exchange` to run afterwards.
    num_threads : int, optional
        Number of threads that share the tiles of an image (default: all processors). Up to
        256 x 256 pixels, one thread does all removals. The mask does not depend on the number of
        threads.

    Returns
    -------
    Boolean array of the spatial shape
        True at the pixels to keep.

    Raises
    ------
    InputError
        If the image, the density or an option is invalid.

    Notes
    -----
    At 5 %, the run time is about 10 microseconds per pixel of a colour image on one core. The
    method takes about 200 bytes of memory per pixel. Computations are in float32.
    """
    tell = Reporter(on_step)
    absolute, random, cycles = _options(norm, rng, cycles)
    values, scale = _planar(image, channel_axis)
    target = count_of(density, values[0].size)
    threads = resolve_num_threads(num_threads)
    after = _teller(tell, target, scale)
    echoes = _thinned(values, target, absolute, random, threads, after)
    cycles = 0 if tell.stopped else cycles
    if cycles:
        refresh(echoes, absolute, threads)
    return _exchanged(echoes, cycles, absolute, random, after, threads)


def echo_ranking(
    image: Any,
    *,
    channel_axis: int | None = None,
    rng: Rng = None,
    on_step: Callback | None = None,
    norm: str = "l1",
    density: float = 0.01,
    num_threads: int | None = None,
) -> np.ndarray:
    """Compute the masks of `echo` for all densities in one run.

    The mask of k pixels is ``ranking < k``.

    Parameters
    ----------
    image, channel_axis, rng, on_step, norm
        As in `echo`. The ranking is complete even if ``on_step`` stops the method.
    density : float
        Smallest density of interest. All pixels that remain at this density have rank 0.
    num_threads : int, optional
        As in `echo`.

    Returns
    -------
    int32 array of the spatial shape
        Number of pixels left when this pixel was removed. The masks are nested, and ``ranking < k``
        has k pixels for every k from ``max(1, round(density * N))``. Above 64 x 64 pixels, 5 to
        30 % of the pixels differ from those of `echo`, whose echoes are relaxed at other sizes;
        both masks are about as good.

    Raises
    ------
    InputError
        As in `echo`.
    """
    tell = Reporter(on_step)
    absolute, random, _ = _options(norm, rng, 0)
    values, scale = _planar(image, channel_axis)
    target = count_of(density, values[0].size)
    rank = np.zeros(values[0].size, np.int32)
    threads = resolve_num_threads(num_threads)
    _thinned(values, target, absolute, random, threads, _teller(tell, target, scale), rank)
    return rank.reshape(values.shape[1:])


def echo_exchange(
    image: Any,
    mask: Any,
    *,
    channel_axis: int | None = None,
    rng: Rng = None,
    on_step: Callback | None = None,
    norm: str = "l1",
    cycles: int = 5,
    num_threads: int | None = None,
) -> np.ndarray:
    """Improve a mask by nonlocal pixel exchange with echoes.

    Each of ``cycles * |mask|`` exchanges draws ten pixels and inserts the one with the largest
    error. It computes the echo of this pixel in a window, and then removes the mask pixel that
    harms the inpainting least, possibly the same one. As far as the echoes are exact, the error
    never increases. After each cycle, a solve computes the error again.

    Parameters
    ----------
    image, channel_axis, rng, norm
        As in `echo`.
    mask : Boolean array of the spatial shape
        Mask to improve; it is not modified.
    on_step : callable, optional
        Called with a `MaskStep` twenty times per cycle. If it returns True, the current mask is
        returned.
    cycles : int
        Number of exchanges, as a multiple of the number of pixels in the mask.
    num_threads : int, optional
        Number of threads that share the initial echoes of the mask and the channels of a solve
        (default: all processors). The exchanges themselves run one after another. The mask does not
        depend on the number of threads.

    Returns
    -------
    Boolean array of the spatial shape
        The improved mask, with as many pixels as ``mask``.

    Raises
    ------
    InputError
        If the image, the mask or an option is invalid.

    Notes
    -----
    The run time is about 0.1 ms per exchange on one core for colour images at 5 %.
    """
    tell = Reporter(on_step)
    absolute, random, cycles = _options(norm, rng, cycles)
    values, scale = _planar(image, channel_axis)
    known = check_mask(mask, values.shape[1:])
    threads = resolve_num_threads(num_threads)
    echoes = begin_from(values, known, jitter(values, random), absolute, threads)
    size = int(known.sum())
    num_steps = cycles * -(-size // _part(size)) if size < known.size else 0
    after = _teller(tell, size, scale, num_steps)
    return _exchanged(echoes, cycles, absolute, random, after, threads)


def _options(norm: str, rng: Rng, cycles: Any) -> tuple[bool, np.random.Generator, int]:
    return exponent(norm) == 1, generator(rng), check_count(cycles, "cycles", least=0)


def _planar(image: Any, channel_axis: int | None) -> tuple[np.ndarray, float]:
    """Return the image as (C, H, W) float32 with values from -1 to 1, and the unit of these values.

    A constant, on which no mask depends, is subtracted from each channel so that float32 represents
    the rest more accurately.
    """
    values, layout = prepare_numpy(image, channel_axis, any_size=True)
    if values.ndim != 3:
        raise InputError(
            f"image of shape {layout.shape} has {values.ndim - 1} spatial axes; echoes need 2 "
            "(for a colour image give channel_axis=-1; volumes: laplacian_dither, densify)"
        )
    ends = [(float(channel.min()), float(channel.max())) for channel in values]
    scale = max(high / 2 - low / 2 for low, high in ends) or 1.0
    out = np.empty(values.shape, np.float32)
    for channel, (low, high), to in zip(values, ends, out, strict=True):
        to[:] = (channel.astype(np.float64) - (low / 2 + high / 2)) / scale
    return out, scale


def _teller(
    tell: Reporter, target: int, scale: float, num_steps: int = 0
) -> Callable[[Echoes], bool]:
    def after(echoes: Echoes) -> bool:
        if not tell.listens:
            return tell.stopped
        error = scale * float(np.abs(echoes.error).mean(dtype=np.float64))
        return tell(MaskStep(0, num_steps, int(echoes.tile_size.sum()), target, error))

    return after


def _thinned(
    values: np.ndarray,
    target: int,
    absolute: bool,
    random: np.random.Generator,
    num_threads: int,
    after: Callable[[Echoes], bool],
    rank: np.ndarray | None = None,
) -> Echoes:
    """Thin from all pixels to ``target``; if ``after`` stops it, drop the excess pixels at once."""
    echoes = begin(values, jitter(values, random), absolute, num_threads)
    if after(echoes) or thin_to(echoes, target, absolute, num_threads, rank=rank, after=after):
        drop_to(echoes, target, rank)
    return echoes


def _exchanged(
    echoes: Echoes,
    cycles: int,
    absolute: bool,
    random: np.random.Generator,
    after: Callable[[Echoes], bool],
    num_threads: int,
) -> np.ndarray:
    size, number = int(echoes.tile_size.sum()), echoes.known.size
    for _ in range(cycles if size < number else 0):
        candidates = random.integers(0, number, (size, min(_CANDIDATES, number)), np.int64)
        step = _part(size)
        for first in range(0, size, step):
            part = candidates[first : first + step]
            exchange_groups(echoes, part, size, absolute)
            if after(echoes):
                return echoes.known > 0
        refresh(echoes, absolute, num_threads)
    return echoes.known > 0


def _part(size: int) -> int:
    """Return the number of exchanges between two reports."""
    return max(-(-size // _PARTS), _LEAST)
