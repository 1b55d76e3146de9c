"""How sure each pixel is: samples of the posterior of a noisy image under a patch model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.arrays import Layout
from ..core.conformal import Samples
from ..core.numbers import check_count, check_number
from ..core.progress import Callback, Reporter
from ..core.rng import Rng, generator
from ..core.solver import Solver, limits
from ..core.threads import run_all
from ..flows.noise import estimate_noise
from .grid import patches_of, prepare
from .model import PatchModel, log_sum
from .tables import Tables, make_tables, scores_of, wiener

SCHEDULE = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)  # couplings, times 1 / sigma^2


@dataclass(frozen=True, eq=False)
class Posterior(Samples):
    """Samples of the images that a noisy image may come from.

    Attributes
    ----------
    samples : array (num_samples, \\*shape of the image)
        float32 if the image is, otherwise float64; on the scale [0, 1] for integer images.
    """


def posterior(
    noisy: Any,
    model: PatchModel,
    sigma: float | None = None,
    *,
    num_samples: int = 32,
    channel_axis: int | None = None,
    rng: Rng = 0,
    solver: Solver | None = None,
    on_step: Callback | None = None,
) -> Posterior:
    r"""Sample images that a noisy image may come from, to see where to trust a result.

    On a grid of patches that do not overlap, the posterior of each patch is a mixture of Gaussians
    in closed form, which is sampled exactly. Then the grid is shifted at random, again and again:
    an image between the last sample and the noisy image is drawn, and patches of the new grid given
    this image. The coupling ``beta`` of the two grows, as in `denoise`.

    The samples are exact for an image of one patch. For larger ones they are an approximation,
    whose intervals must be checked on images with known truth and widened by `interval_factor`;
    docs/patches shows their coverage.

    Parameters
    ----------
    noisy : array (\*space), plus optional channel axis
    model : PatchModel
    sigma : float, optional
        Standard deviation of the white noise. The default is `steepest.estimate_noise` of the
        image.
    num_samples : int
        At least 2.
    channel_axis : int, optional
        Axis of the channels.
    rng : int or numpy.random.Generator
        Seed. Equal seeds give equal samples, for any number of threads.
    solver : Solver, optional
        Only ``num_threads`` is used.
    on_step : callable, optional
        Called with a `Progress` after each sample. If it returns True, the samples so far are
        returned, at least two.

    Returns
    -------
    Posterior
    """
    array, layout = prepare(noisy, model, channel_axis, "noisy")
    if sigma is None:
        sigma = estimate_noise(noisy, channel_axis=channel_axis)
    sigma = check_number(sigma, "sigma")
    count = check_count(num_samples, "num_samples", least=2, most=100_000)
    threads = limits(solver, tol=0.0, max_num_iter=1).threads
    reporter = Reporter(on_step)
    data = array.astype(np.float64)
    streams = generator(rng).spawn(count)
    laws = [Law.of(model, sigma**2 / beta) for beta in (1.0, *SCHEDULE)] if sigma else []
    found: list[np.ndarray] = []
    for first in range(0, count, threads):  # as many together as there are threads
        some = streams[first : first + threads]
        for image in run_all(lambda own: _draw_image(data, laws, sigma, own), some):
            found.append(_axes(image, layout, array.dtype))
            reporter.residual(None, count)
        if reporter.stopped and len(found) > 1:
            break
    return Posterior(np.stack(found))


def _axes(image: np.ndarray, layout: Layout, dtype: Any) -> np.ndarray:
    return np.ascontiguousarray(layout.restore_axes(np.moveaxis(image, -1, 0)), dtype)


@dataclass(frozen=True, eq=False)
class Law:
    """The posterior of a patch with noise of one variance: its components in closed form.

    Component k has the mean ``rest x + U (shrink U^T x) + shift`` and the standard deviations
    ``inside`` along its directions and ``outside`` in all others.
    """

    model: PatchModel
    variance: float
    tables: Tables
    rest: np.ndarray
    shrink: np.ndarray
    shift: np.ndarray
    inside: np.ndarray
    outside: np.ndarray

    @staticmethod
    def of(model: PatchModel, variance: float) -> Law:
        noisy = model.with_noise(variance)
        rest, shrink, shift = wiener(model, noisy)
        return Law(
            model, variance, make_tables(noisy, np.float64), rest, shrink, shift,
            np.sqrt(model.variances * variance / noisy.variances), np.sqrt(rest * variance),
        )  # fmt: skip

    def sample(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw all patches of a grid that fills an image (\\*space, channels)."""
        model, flat = self.model, image.ravel()
        space, size = image.shape[:-1], model.patch_shape
        corners = [np.arange(0, n, p) for n, p in zip(space, size, strict=True)]
        grid = patches_of(space, model.channels, size, corners)
        output = np.empty_like(flat)
        for chunk in grid.chunks():
            starts = grid.starts[chunk]
            scores = scores_of(flat, grid, chunk, self.tables)
            shares = np.cumsum(np.exp(scores - log_sum(scores)[:, None]), axis=1)
            drawn = rng.random((len(starts), 1)) * shares[:, -1:]
            own = np.minimum((shares <= drawn).sum(1), model.num_components - 1)
            x = grid.take(flat, chunk)
            output[starts[:, None] + grid.offsets] = self._draw(x, own, rng)
        return output.reshape(image.shape)

    def _draw(self, x: np.ndarray, own: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """One sample for each of the patches (n, d) from the component ``own`` of it."""
        model = self.model
        x, means = self._split(x)
        noise, flat = self._split(rng.standard_normal(x.shape))
        means = means + math.sqrt(self.variance) * flat
        bases = model.bases[own]
        y = np.einsum("nsd,nd->ns", bases, x) * self.shrink[own]
        e = np.einsum("nsd,nd->ns", bases, noise)
        y += (self.inside[own] - self.outside[own, None]) * e
        z = self.rest[own, None] * x + self.shift[own] + self.outside[own, None] * noise
        return z + np.einsum("nsd,ns->nd", bases, y) + means

    def _split(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Patches without their means, and these means, if the model removes them."""
        if not self.model.remove_mean:
            return x, np.zeros_like(x)
        parts = x.reshape(len(x), self.model.channels, -1)
        means = np.broadcast_to(parts.mean(2, keepdims=True), parts.shape).reshape(x.shape)
        return x - means, means


def _draw_image(
    data: np.ndarray, laws: list[Law], sigma: float, rng: np.random.Generator
) -> np.ndarray:
    """One sample; ``laws`` are those of the noisy image and of the couplings."""
    if not laws:
        return data
    image = on_shifted_grid(laws[0], data, rng)
    size = laws[0].model.patch_shape
    if data.shape[:-1] == size:  # one patch: this is exact
        return image
    for law, beta in zip(laws[1:], SCHEDULE, strict=True):
        middle = (data + beta * image) / (1 + beta)
        middle += sigma / math.sqrt(1 + beta) * rng.standard_normal(data.shape)
        image = on_shifted_grid(law, middle, rng)
    return image


def on_shifted_grid(law: Law, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Sample on a grid at a random place; the image is reflected to fill its patches."""
    space, size = image.shape[:-1], law.model.patch_shape
    before = [int(rng.integers(p)) if n > p else 0 for n, p in zip(space, size, strict=True)]
    widths = [(a, -(n + a) % p) for n, a, p in zip(space, before, size, strict=True)]
    padded = np.pad(image, [*widths, (0, 0)], mode="symmetric")
    inner = tuple(slice(a, a + n) for n, a in zip(space, before, strict=True))
    return law.sample(padded, rng)[inner]
