"""Echo sparsification: score the effect of every removal on the whole image without a solve."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ...core.errors import InputError
from ...core.progress import Callback, Reporter
from ...core.rng import Rng, generator
from ...core.solver import Solver, limits
from ...core.threads import resolve_num_threads
from ...core.tiles import Tiles, works_by_tiles
from ...flows.options import takes_options_of
from ...tiled.request import TileRequest
from ..echoes.state import Echoes
from ..echoes.thinning import drop_to, echoes_of_all, jitter, thin_to
from ..problem import prepare_numpy
from .checks import MaskStep, count_of, exponent


@dataclass(frozen=True, eq=False)
class _Setup:
    """The checked arguments of methods with echoes: ``values`` (C, H, W) in units of ``scale``."""

    values: np.ndarray
    scale: float
    jitter: np.ndarray
    random: np.random.Generator
    absolute: bool
    num_threads: int
    reporter: Reporter

    def report(self, echoes: Echoes, target: int) -> bool:
        """Report the present mask; return True if the method must stop."""
        if not self.reporter.listens:
            return self.reporter.stopped
        error = self.scale * float(np.abs(echoes.error).mean(dtype=np.float64))
        known = int(echoes.tile_size.sum())
        return self.reporter(MaskStep(0, 0, known, target, error))

    def thin(self, target: int, rank: np.ndarray | None = None) -> Echoes:
        """Thin from all pixels to ``target``; if stopped, drop the excess pixels at once."""
        options = self.absolute, self.num_threads
        echoes = echoes_of_all(self.values, self.jitter, *options)
        stop = partial(self.report, target=target)
        if stop(echoes) or thin_to(echoes, target, *options, rank=rank, after=stop):
            drop_to(echoes, target, rank)
        return echoes


def check_setup(
    image: Any,
    *,
    channel_axis: int | None = None,
    rng: Rng = None,
    on_step: Callback | None = None,
    norm: str = "l1",
    num_threads: int | None = None,
) -> _Setup:
    """Check the arguments that methods with echoes share, and centre each channel for float32."""
    reporter, absolute, random = Reporter(on_step), exponent(norm) == 1, generator(rng)
    image, layout = prepare_numpy(image, channel_axis, any_size=True)
    if image.ndim != 3:
        raise InputError(
            f"image of shape {layout.shape} has {image.ndim - 1} spatial axes; echoes need 2 "
            "(for a colour image give channel_axis=-1; volumes: laplacian_dither, densify)"
        )
    ends = [(float(channel.min()), float(channel.max())) for channel in image]
    scale = max(high / 2 - low / 2 for low, high in ends) or 1.0
    values = np.empty(image.shape, np.float32)
    for channel, (low, high), to in zip(image, ends, values, strict=True):
        to[:] = (channel.astype(np.float64) - (low / 2 + high / 2)) / scale
    threads = resolve_num_threads(num_threads)
    return _Setup(values, scale, jitter(values, random), random, absolute, threads, reporter)


def echo(
    image: Any,
    density: float,
    *,
    channel_axis: int | None = None,
    rng: Rng = None,
    on_step: Callback | None = None,
    norm: str = "l1",
    num_threads: int | None = None,
    out: Any = None,
    tiles: Tiles | None = None,
) -> Any:
    """Choose a mask by removing pixels one by one, always the one that does the least harm.

    The echo b_i of a mask pixel i is the response of the inpainting to a unit change at i. Without
    i, diffusion gives ``u + t b_i`` with ``t = -(L u)_i / (L b_i)_i``, where L is the Laplacian.
    The change of the error over the whole image is thus a sum over the echo, without solving an
    equation. The method starts from the full mask (docs/inpainting_methods). Echoes are truncated
    where they are below 0.005 and where they are more than 24 pixels away, and images larger than
    64 x 64 are thinned in rounds; docs/inpainting_results says what that costs.

    Parameters
    ----------
    image : array
        Image with two spatial axes and an optional channel axis.
    density, channel_axis, rng
        As in `random`, as are the result and the errors; ``rng`` breaks ties.
    on_step : callable, optional
        Called with a `MaskStep` before the first round and after each round; its error is estimated
        from the echoes. If it returns True, the excess pixels that seem to harm least are removed
        at once.
    norm : {"l1", "l2"}
        Error to minimise: the sum of its magnitudes or squares over pixels and channels.
    num_threads : int, optional
        As in `steepest.Solver`; the mask does not depend on it.
    out : array-like of the spatial shape, bool or uint8, optional
        Where the mask is written tile by tile: True, or 255, at the pixels to keep; see
        `steepest.Tiles`.
    tiles : Tiles, optional
        How to work on an image that does not fit in memory, with a default ``halo`` of 32. The mask
        depends on the tiles, and therefore on ``memory`` and, with an ``executor``, on
        ``num_workers``. If ``on_step`` stops the work, the mask is not written.

    Returns
    -------
    Boolean array of the spatial shape
        True at the pixels to keep; by tiles, ``out``.

    Notes
    -----
    At 5 %, the run time is about 8 microseconds per pixel of a colour image on one core. The
    method takes about 200 bytes of memory per pixel. Computations are in float32.
    """
    if works_by_tiles(image, out, tiles):
        from ..tiles.echo import echo_by_tiles

        own = limits(Solver(num_threads=num_threads), tol=0.0, max_num_iter=1)
        request = TileRequest(image, out, own, tiles or Tiles(), channel_axis, None, on_step)
        return echo_by_tiles(request, density, rng, norm)
    setup = check_setup(
        image, channel_axis=channel_axis, rng=rng, on_step=on_step, norm=norm,
        num_threads=num_threads,
    )  # fmt: skip
    return setup.thin(count_of(density, setup.jitter.size)).known > 0


@takes_options_of(check_setup)
def echo_ranking(image: Any, *, density: float = 0.01, **options: Any) -> np.ndarray:
    """Compute the masks of `echo` for all densities in one run.

    The mask of k pixels is ``ranking < k``.

    Parameters
    ----------
    image, channel_axis, rng, on_step, norm, num_threads
        As in `echo`, as are the errors. The ranking is complete even if ``on_step`` stops it.
    density : float
        Smallest density of interest. All pixels that remain at this density have rank 0.

    Returns
    -------
    int32 array of the spatial shape
        Number of pixels left when this pixel was removed. The masks are nested, and ``ranking < k``
        has k pixels for every k from ``max(1, round(density * N))``. Above 64 x 64 pixels, 5 to
        30 % of the pixels differ from those of `echo`, whose echoes are relaxed at other sizes;
        both masks are about as good.
    """
    setup = check_setup(image, **options)
    rank = np.zeros(setup.jitter.size, np.int32)
    setup.thin(count_of(density, rank.size), rank)
    return rank.reshape(setup.values.shape[1:])
