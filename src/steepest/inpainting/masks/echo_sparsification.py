"""Echo sparsification: every removal's effect on the whole image is known without a solve."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.errors import InputError
from ...core.numbers import check_count
from ...core.progress import Callback, Reporter
from ...core.threads import resolve_num_threads
from ..echoes.state import Echoes
from ..echoes.thinning import begin, begin_from, drop_to, exchange_groups, refresh, thin_to
from ..problem import prepare_numpy
from .checks import MaskStep, Rng, check_mask, count_of, exponent, generator

_CANDIDATES = 10  # of which the one with the largest error is inserted
_PARTS = 20  # in which a cycle of exchanges is done, for its progress
_LEAST = 64  # exchanges of a part


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
        the echoes. Where it returns True, the pixels that are too many go at once, those whose
        loss seems to harm least, and no exchanges follow.
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
    About 10 microseconds per pixel of a colour image on one core, at 5 %. Memory: about 200 bytes
    per pixel. Computed in float32.
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
    """Masks of `echo` for all densities from one run: ``ranking < k`` is that of k pixels.

    Parameters
    ----------
    image, channel_axis, rng, on_step, norm
        As in `echo`; a ranking that was stopped is complete, too.
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
        Called with a `MaskStep` twenty times a cycle; where it returns True, the mask so far comes
        back.
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
    tell = Reporter(on_step)
    absolute, random, cycles = _options(norm, rng, cycles)
    values, scale = _planar(image, channel_axis)
    known = check_mask(mask, values.shape[1:])
    threads = resolve_num_threads(num_threads)
    echoes = begin_from(values, known, absolute, random, threads)
    size = int(known.sum())
    num_steps = cycles * -(-size // _part(size)) if size < known.size else 0
    after = _teller(tell, size, scale, num_steps)
    return _exchanged(echoes, cycles, absolute, random, after, threads)


def _options(norm: str, rng: Rng, cycles: Any) -> tuple[bool, np.random.Generator, int]:
    return exponent(norm) == 1, generator(rng), check_count(cycles, "cycles", least=0)


def _planar(image: Any, channel_axis: int | None) -> tuple[np.ndarray, float]:
    """(C, H, W) in float32 with values from -1 to 1, in units of the second result.

    A constant is taken from each channel, which no mask depends on: float32 keeps the rest better.
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
    """From all pixels to ``target``; where ``after`` stops it, what is too much goes at once."""
    echoes = begin(values, absolute, random, num_threads)
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
    """Exchanges between two reports."""
    return max(-(-size // _PARTS), _LEAST)
