"""Echo sparsification: every removal's effect on the whole image is known without a solve."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.arrays import prepare_image
from ...core.errors import InputError
from ...core.threads import resolve_num_threads
from ..echoes.state import Echoes
from ..echoes.thinning import begin, begin_from, exchange_groups, refresh, thin_to
from .checks import (
    Callback,
    Generator,
    check_callback,
    check_mask,
    count_of,
    exponent,
    generator,
    report,
)

_CANDIDATES = 10  # of which the one with the largest error is inserted
_PARTS = 20  # in which a cycle of exchanges is done, for its progress
_LEAST = 64  # exchanges of a part


def echo(
    image: Any,
    density: float,
    *,
    channel_axis: int | None = None,
    rng: Generator = None,
    on_step: Callback | None = None,
    norm: str = "l1",
    cycles: int = 0,
    num_threads: int | None = None,
) -> np.ndarray:
    """Remove pixels one by one, always the one that harms the whole inpainting least.

    The echo b_i of a mask pixel i is the inpainting's answer to a unit change there. Without i,
    diffusion gives ``u + t b_i`` with ``t = -(L u)_i / (L b_i)_i``, L the Laplacian: the change of
    the error of the whole image is a sum over the echo, and no equation is solved. The other
    echoes become ``b_j + s_j b_i`` with ``s_j`` the share of j in the flow out of i (a star-mesh
    step). Starts from the full mask.

    Echoes are cut off where they are below 0.005 and more than 24 pixels away; pixels whose echo
    changed are scored anew, others when their turn comes. Images above 64 x 64 are thinned in
    rounds, tile by tile (docs/inpainting has what each of these costs).

    Parameters
    ----------
    image : array
        Two spatial axes and maybe a channel axis.
    density, channel_axis, rng
        As in `random`; ``rng`` breaks ties and draws candidates of exchanges.
    on_step : callable, optional
        Called with a `MaskStep` before the first round and after each; its error is estimated from
        the echoes.
    norm : {"l1", "l2"}
        Sum over pixels and channels of the error's magnitudes, or of its squares.
    cycles : int
        Cycles of `echo_exchange` afterwards.
    num_threads : int, optional
        Threads that share the tiles of an image (up to 256 x 256 all removals are one thread's);
        all processors unless given. The mask is the same for any number.

    Returns
    -------
    Boolean array of the spatial shape.

    Raises
    ------
    InputError
        Bad image, density or options.

    Notes
    -----
    About 10 microseconds a pixel of a colour image on one core, at 5 %. Memory: about 200 bytes a
    pixel. Computed in float32.
    """
    absolute, random, cycles = _options(on_step, norm, rng, cycles)
    values, scale = _planar(image, channel_axis)
    target = count_of(density, values[0].size)
    threads = resolve_num_threads(num_threads)
    tell = _teller(on_step, target, scale)
    echoes = _thinned(values, target, absolute, random, threads, tell)
    if cycles:
        refresh(echoes, absolute, threads)
    return _exchanged(echoes, cycles, absolute, random, tell, threads)


def echo_ranking(
    image: Any,
    *,
    channel_axis: int | None = None,
    rng: Generator = None,
    on_step: Callback | None = None,
    norm: str = "l1",
    density: float = 0.01,
    num_threads: int | None = None,
) -> np.ndarray:
    """Masks of `echo` for all densities from one run: ``ranking < k`` is that of k pixels.

    Parameters
    ----------
    image, channel_axis, rng, on_step, norm
        As in `echo`.
    density : float
        The smallest density of interest; the pixels left then all have rank 0.
    num_threads : int, optional
        As in `echo`.

    Returns
    -------
    int32 array of the spatial shape
        How many pixels were left when this one was removed. The masks are nested, and
        ``ranking < k`` has k pixels for every k from ``max(1, round(density * N))`` on. Above
        64 x 64 pixels one or two in a hundred of them are others than in `echo`, whose last rounds
        end elsewhere.

    Raises
    ------
    InputError
        As in `echo`.
    """
    absolute, random, _ = _options(on_step, norm, rng, 0)
    values, scale = _planar(image, channel_axis)
    target = count_of(density, values[0].size)
    rank = np.zeros(values[0].size, np.int32)
    threads = resolve_num_threads(num_threads)
    _thinned(values, target, absolute, random, threads, _teller(on_step, target, scale), rank)
    return rank.reshape(values.shape[1:])


def echo_exchange(
    image: Any,
    mask: Any,
    *,
    channel_axis: int | None = None,
    rng: Generator = None,
    on_step: Callback | None = None,
    norm: str = "l1",
    cycles: int = 5,
    num_threads: int | None = None,
) -> np.ndarray:
    """Nonlocal pixel exchange with echoes: insert a pixel, remove the least harmful one.

    Each of ``cycles * |mask|`` exchanges draws ten pixels, inserts the one with the largest error,
    whose echo is computed in a window, and removes the mask pixel that harms least, which may be
    the same: as far as the echoes are exact, the error never grows. After each cycle the error is
    computed anew by a solve.

    Parameters
    ----------
    image, channel_axis, rng, norm
        As in `echo`.
    mask : Boolean array of the spatial shape
        Not changed.
    on_step : callable, optional
        As in `echo`, twenty times a cycle.
    cycles : int
        Exchanges, as a multiple of the pixels in the mask.
    num_threads : int, optional
        Threads that share the echoes of the mask at the beginning and the channels of a solve; all
        processors unless given. Exchanges follow one another. The mask is the same for any number.

    Returns
    -------
    Boolean array of the spatial shape with as many pixels as ``mask``.

    Raises
    ------
    InputError
        Bad image, mask or options.

    Notes
    -----
    About 0.1 ms an exchange on one core in colour at 5 %.
    """
    absolute, random, cycles = _options(on_step, norm, rng, cycles)
    values, scale = _planar(image, channel_axis)
    known = check_mask(mask, values.shape[1:])
    threads = resolve_num_threads(num_threads)
    echoes = begin_from(values, known, absolute, random, threads)
    tell = _teller(on_step, int(known.sum()), scale)
    return _exchanged(echoes, cycles, absolute, random, tell, threads)


def _options(
    on_step: Callback | None, norm: str, rng: Generator, cycles: Any
) -> tuple[bool, np.random.Generator, int]:
    check_callback(on_step)
    if isinstance(cycles, bool) or not isinstance(cycles, (int, np.integer)) or cycles < 0:
        raise InputError(f"cycles={cycles!r}; allowed are integers from 0")
    return exponent(norm) == 1, generator(rng), int(cycles)


def _planar(image: Any, channel_axis: int | None) -> tuple[np.ndarray, float]:
    """(C, H, W) in float32 with values from -1 to 1, in units of the second result.

    A constant is taken from each channel, which no mask depends on: float32 keeps the rest better.
    """
    values = prepare_image(np.asarray(image), channel_axis)[0]
    if values.ndim != 3:
        raise InputError(
            f"image of shape {np.shape(image)} has {values.ndim - 1} spatial axes; echoes need 2 "
            "(for a colour image give channel_axis=-1; volumes: laplacian_dither, densify)"
        )
    ends = [(float(channel.min()), float(channel.max())) for channel in values]
    scale = max(high / 2 - low / 2 for low, high in ends) or 1.0
    out = np.empty(values.shape, np.float32)
    for channel, (low, high), to in zip(values, ends, out, strict=True):
        to[:] = (channel.astype(np.float64) - (low / 2 + high / 2)) / scale
    return out, scale


def _teller(on_step: Callback | None, target: int, scale: float) -> Callable[[Echoes], None]:
    def tell(echoes: Echoes) -> None:
        if on_step is not None:
            error = scale * float(np.abs(echoes.error).mean(dtype=np.float64))
            report(on_step, int(echoes.tile_size.sum()), target, error)

    return tell


def _thinned(
    values: np.ndarray,
    target: int,
    absolute: bool,
    random: np.random.Generator,
    num_threads: int,
    tell: Callable[[Echoes], None],
    rank: np.ndarray | None = None,
) -> Echoes:
    """From all pixels to ``target`` of them."""
    echoes = begin(values, absolute, random, num_threads)
    tell(echoes)
    thin_to(echoes, target, absolute, num_threads, rank=rank, after=tell)
    return echoes


def _exchanged(
    echoes: Echoes,
    cycles: int,
    absolute: bool,
    random: np.random.Generator,
    after: Callable[[Echoes], None],
    num_threads: int,
) -> np.ndarray:
    size, number = int(echoes.tile_size.sum()), echoes.known.size
    for _ in range(cycles if size < number else 0):
        candidates = random.integers(0, number, (size, min(_CANDIDATES, number)), np.int64)
        step = max(-(-size // _PARTS), _LEAST)
        for first in range(0, size, step):
            part = candidates[first : first + step]
            exchange_groups(echoes, part, size, absolute)
            after(echoes)
        refresh(echoes, absolute, num_threads)
    return echoes.known > 0
