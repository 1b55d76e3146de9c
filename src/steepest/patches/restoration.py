"""Restoration of any linear measurement by a patch model: majorise-minimise."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from scipy.fft import irfftn, next_fast_len, rfftn
from scipy.ndimage import uniform_filter

from ..core.arrays import as_array, prepare_image
from ..core.errors import InputError
from ..core.numbers import check_number
from ..core.progress import Callback, Reporter
from ..core.result import ImageResult
from ..core.solver import Limits, Solver, limits
from ..core.status import Status, finished
from .grid import Patches, check_fits, patches_of, prepare, restored
from .model import PatchModel
from .prior import Members, Prior, gaussian

TOLERANCE, STEPS = 1e-2, 30
_INNER = 150  # most iterations of conjugate gradients in a step
_REDUCTION = 0.1  # of the residual, which ends them earlier
_START = 30  # iterations for the first image
_ADDED = (1.0, 1 / 4, 1 / 16)  # noise of the stages before, over the variance of the model
_STAGE = 3  # steps in each
_LEAST = 1 / 16  # variance of the model in any direction, over its mean
_ADJOINT = 1e-5  # relative error of the adjoint that is allowed
_NEAR = 9  # neighbouring frequencies along an axis
_FLOOR = 0.3  # of the spectrum of the prior in the preconditioner, over its largest value

Map = Callable[[np.ndarray], Any]


@dataclass(frozen=True, eq=False)
class PatchResult(ImageResult):
    """A restored image, and how well it minimises its energy.

    Attributes
    ----------
    image : array
    energies : tuple of float
        The energy E of the first image and after each step, in nats. It never grows.
    gradient : float
        Norm of the gradient of E, over the sum of the norms of its two parts (that of the data and
        that of the patches), which cancel at a stationary point.
    iterations : int
        Number of steps.
    status : Status
    """

    image: np.ndarray
    energies: tuple[float, ...]
    gradient: float
    iterations: int
    status: Status


@dataclass(frozen=True, eq=False)
class Problem:
    """``E(u) = |A u - f|^2 / (2 noise^2) + weight * prior(u)`` for flat images u.

    ``forward`` and ``adjoint`` take and return flat arrays and include 1 / noise; ``data`` is
    f / noise. Pixels where ``free`` is False keep their values. ``spectrum`` is that of A^T A, as
    if it were a convolution, on the grid of `fourier_grid`.
    """

    prior: Prior
    weight: float
    forward: Map
    adjoint: Map
    data: np.ndarray
    spectrum: np.ndarray
    free: np.ndarray | None = None

    def value(self, flat: np.ndarray, prior: float) -> float:
        misfit = self.forward(flat) - self.data
        return 0.5 * dot(misfit, misfit) + self.weight * prior

    def gradient(self, flat: np.ndarray, members: list[Members]) -> tuple[np.ndarray, float]:
        """The gradient, and the sum of the norms of its parts."""
        data = self.adjoint(self.forward(flat) - self.data)
        prior = self.weight * self.prior.apply(members, flat, True)
        return self._kept(data + prior), norm(data) + norm(prior)

    def hessian(self, flat: np.ndarray, members: list[Members]) -> np.ndarray:
        own = self.weight * self.prior.apply(members, flat, False)
        return self._kept(own + self.adjoint(self.forward(flat)))

    def _kept(self, flat: np.ndarray) -> np.ndarray:
        return flat if self.free is None else np.where(self.free, flat, 0.0)

    def step(
        self, gradient: np.ndarray, members: list[Members], most: int, reduction: float
    ) -> np.ndarray:
        """Conjugate gradients for ``hessian(x) = -gradient``; any number lowers the majorant."""
        grid, sizes = self.prior.grid, fourier_grid(self.prior.grid)
        axes, inner = tuple(range(len(sizes))), tuple(slice(0, n) for n in self.prior.grid.space)
        own = self.prior.spectrum(members, sizes)
        spectrum = self.spectrum + self.weight * np.maximum(own, _FLOOR * own.max())

        def precondition(flat: np.ndarray) -> np.ndarray:
            image = flat.reshape(*grid.space, grid.channels)
            product = rfftn(image, sizes, axes=axes) / spectrum
            return self._kept(irfftn(product, sizes, axes=axes)[inner].ravel())

        x, rest = np.zeros_like(gradient), -gradient
        z = precondition(rest)
        direction, product = z, dot(rest, z)
        first = product
        for _ in range(most):
            if product <= reduction**2 * first or product == 0:
                break
            image = self.hessian(direction, members)
            length = product / dot(direction, image)
            x += length * direction
            rest = rest - length * image
            z = precondition(rest)
            before, product = product, dot(rest, z)
            direction = z + product / before * direction
        return x


def dot(a: np.ndarray, b: np.ndarray) -> float:
    """The inner product, without the threads of BLAS."""
    return float((a * b).sum())


def norm(flat: np.ndarray) -> float:
    return math.sqrt(dot(flat, flat))


def minimise(
    problem: Problem, flat: np.ndarray, own: Limits, reporter: Reporter
) -> tuple[np.ndarray, tuple[float, ...], float, Status]:
    """Majorise and minimise from a first image."""
    prior, members = problem.prior.expect(flat)
    energies = [problem.value(flat, prior)]
    if not math.isfinite(energies[0]):
        raise FloatingPointError("the energy of the first image is not finite")
    quick = True
    while True:
        gradient, size = problem.gradient(flat, members)
        relative = norm(gradient) / size if size else 0.0
        steps = len(energies) - 1
        stopped = steps > 0 and reporter.residual(relative, own.max_num_iter)
        if relative <= own.tol:
            return flat, tuple(energies), relative, Status.STATIONARY
        if steps >= own.max_num_iter:
            return flat, tuple(energies), relative, Status.MAX_ITERATIONS
        if stopped:
            return flat, tuple(energies), relative, Status.STOPPED
        while True:
            some = [each.major() for each in members] if quick else members
            new = flat + problem.step(gradient, some, _INNER, _REDUCTION)
            prior, new_members = problem.prior.expect(new)
            energy = problem.value(new, prior)
            if energy < energies[-1] or not quick:
                break
            quick = False  # from now on with the majorant itself
        if not energy < energies[-1]:
            return flat, tuple(energies), relative, Status.ROUNDING
        flat, members = new, new_members
        energies.append(energy)


def first_image(problem: Problem, model: PatchModel, flat: np.ndarray, own: Limits) -> np.ndarray:
    """Restore by one Gaussian, then by the model with less and less noise added to its patches.

    Noise makes the energy closer to convex, so that its minimum is a better start than any image.
    """
    old = problem.prior
    prior = Prior.of(gaussian(model), old.grid, old.threads)
    weight = max(problem.weight, 1 / model.num_values)
    simple = replace(problem, prior=prior, weight=weight)
    _, members = prior.expect(flat)
    gradient, _ = simple.gradient(flat, members)
    flat = flat + simple.step(gradient, members, _START, 1e-3)
    for part in _ADDED if model.num_components > 1 else ():
        prior = Prior.of(model.with_noise(part * spread(model)), old.grid, old.threads)
        few = replace(own, max_num_iter=_STAGE)
        flat, *_ = minimise(replace(problem, prior=prior), flat, few, Reporter(None))
    return flat


def spread(model: PatchModel) -> float:
    """Trace of the covariance of a mixture, over the dimension."""
    inside = model.variances.sum(1) + (model.dimension - model.rank) * model.residuals
    off = model.means - model.weights @ model.means
    return float(model.weights @ (inside + (off * off).sum(1))) / model.dimension


def cautious(model: PatchModel) -> PatchModel:
    """The model with no variance below 1/16 of the mean; a single Gaussian stays as it is."""
    if model.num_components == 1:
        return model
    least = _LEAST * spread(model)
    return replace(
        model, variances=np.maximum(model.variances, least),
        residuals=np.maximum(model.residuals, least),
    )  # fmt: skip


def default_weight(model: PatchModel) -> float:
    """The weight of the prior, found on images that are in no table."""
    return 0.3 / math.prod(model.patch_shape)


def restore(
    data: Any,
    model: PatchModel,
    forward: Map,
    adjoint: Map,
    noise: float,
    *,
    weight: float | None = None,
    start: Any = None,
    channel_axis: int | None = None,
    solver: Solver | None = None,
    on_step: Callback | None = None,
) -> PatchResult:
    r"""Restore an image from linear measurements, by a model of good patches.

    Minimises, over images u with patches P_i u::

        E(u) = |A u - data|^2 / (2 noise^2) - weight * sum_i log p(P_i u).

    Parameters
    ----------
    data : array of any shape
        float16, float32, float64, uint8 or uint16 (on the scale [0, 1]).
    model : PatchModel
    forward, adjoint : callable
        The linear map A, from images (float64, with ``channel_axis``) to data, and its transpose.
        They are tested against each other.
    noise : float
        Standard deviation of the white noise in the data.
    weight : float, optional
        Weight of the prior; the default is 0.3 over the number of pixels of a patch.
    start : array, optional
        First image. By default, noise is first added to the model, and taken away in three stages.
    channel_axis : int, optional
        Axis of the channels of the image.
    solver : Solver, optional
        ``tol`` bounds the norm of the gradient, over the norms of its two parts (default 1e-2).
        The default of ``max_num_iter`` is 30.
    on_step : callable, optional
        Called with a `Progress` after each step, whose residual is this ratio. If it returns True,
        the latest image is returned.

    Returns
    -------
    PatchResult
        With an image of the dtype of the data if that is float32, otherwise float64.

    Raises
    ------
    InputError
        If an argument is invalid, the image does not fit the model, or ``adjoint`` is not the
        transpose of ``forward``.
    NotConverged
        If ``tol`` is not met and the solver has ``raise_on_failure``.

    Notes
    -----
    Here p is the mixture with no variance below 1/16 of the mean one: directions of which a model
    is too sure would take noise and ringing for texture. (A single Gaussian stays as it is.)

    Each step computes the responsibilities of the components for all patches, which gives a
    quadratic majorant of E, and lowers it by conjugate gradients. E never grows and its gradient
    tends to zero, but E is not convex: a lower minimum is not excluded.
    """
    values = measured(data, "data")
    scale = check_number(noise, "noise", positive=True)
    first = image_of(adjoint, values, "adjoint")
    array, layout = prepare_image(first, channel_axis, "the image of adjoint", any_size=True)
    shape = np.moveaxis(array, 0, -1).shape
    check_fits(shape, model, "the image of adjoint")

    def unflat(flat: np.ndarray) -> np.ndarray:
        return restored(flat.reshape(shape), layout)

    def to_flat(image: np.ndarray) -> np.ndarray:
        own = image if channel_axis is None else np.moveaxis(image, channel_axis, -1)
        return np.ascontiguousarray(own).ravel()

    def ahead(flat: np.ndarray) -> np.ndarray:
        return image_of(forward, unflat(flat), "forward", values.shape) / scale

    def back(given: np.ndarray) -> np.ndarray:
        return to_flat(image_of(adjoint, given, "adjoint", first.shape)) / scale

    begin = None
    if start is not None:
        begin = prepare(start, model, channel_axis, "start", double=True)[0]
        if begin.shape != shape:
            raise InputError(f"start has the shape {np.shape(start)}; adjoint gives {first.shape}")
        begin = begin.ravel()
    dtype = np.float32 if np.asarray(data).dtype == np.float32 else np.float64
    return solve(
        values / scale, model, shape, ahead, back, weight, begin, solver, on_step,
        lambda image: restored(image, layout).astype(dtype, copy=False),
    )  # fmt: skip


def solve(
    data: np.ndarray, model: PatchModel, shape: tuple[int, ...], forward: Map, adjoint: Map,
    weight: float | None, start: np.ndarray | None, solver: Solver | None,
    on_step: Callback | None, finish: Map, free: np.ndarray | None = None,
) -> PatchResult:  # fmt: skip
    """Restore an image of this shape, (\\*space, channels).

    ``forward`` and ``adjoint`` take and return flat images and include 1 / noise. ``finish``
    brings the image into the form of the user.
    """
    own = limits(solver, TOLERANCE, STEPS)
    reporter = Reporter(on_step)
    if weight is None:
        weight = default_weight(model)
    weight = check_number(weight, "weight", positive=True)
    model = cautious(model)
    grid = patches_of(shape[:-1], model.channels, model.patch_shape)
    grid = grid if free is None else grid.touching(free)
    spectrum = check_adjoint(forward, adjoint, data, grid)
    problem = Problem(
        Prior.of(model, grid, own.threads), weight, forward, adjoint, data, spectrum, free
    )
    if start is None or free is not None:
        flat = np.zeros(math.prod(shape)) if start is None else start
        start = first_image(problem, model, flat, own)
    flat, energies, relative, status = minimise(problem, start, own, reporter)
    image = finish(flat.reshape(shape))
    result = PatchResult(image, energies, relative, len(energies) - 1, status)
    return finished(result, own.raise_on_failure)


def check_adjoint(forward: Map, adjoint: Map, data: np.ndarray, grid: Patches) -> np.ndarray:
    """Test that the maps are transposes; estimate the spectrum of A^T A, as of a convolution.

    For random x, it is conj(X) Y over ``|X|^2``, averaged over neighbouring frequencies.
    """
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal(grid.size), rng.standard_normal(data.shape)
    ahead, back = forward(x), adjoint(y)
    there, here = dot(ahead, y), dot(x, back)
    scale = max(norm(ahead) * norm(y), norm(x) * norm(back))
    if not abs(there - here) <= _ADJOINT * scale:
        raise InputError(
            f"adjoint is not the transpose of forward: <A x, y> = {there:g} and <x, A^T y> = "
            f"{here:g} for random x and y"
        )
    sizes, axes = fourier_grid(grid), tuple(range(len(grid.space)))
    shape = *grid.space, grid.channels
    one, other = (rfftn(flat.reshape(shape), sizes, axes=axes) for flat in (x, adjoint(ahead)))
    modes = ["wrap"] * len(sizes) + ["nearest"]
    modes[-2] = "mirror"  # only half of the frequencies of this axis are there
    smooth = partial(uniform_filter, size=(*[_NEAR] * len(sizes), 1), mode=modes)
    return np.maximum(smooth((one.conj() * other).real), 0) / smooth(np.abs(one) ** 2)


def fourier_grid(grid: Patches) -> list[int]:
    """Lengths, quick to transform, of an image that is filled up with zeros by a patch."""
    last = np.unravel_index(grid.offsets[-1], (*grid.space, grid.channels))
    return [next_fast_len(n + int(p), real=True) for n, p in zip(grid.space, last, strict=False)]


def measured(data: Any, name: str) -> np.ndarray:
    """Check data of any shape and convert them to float64."""
    array = as_array(data, name)
    if not isinstance(array, np.ndarray):
        raise InputError(f"{name} is a tensor; allowed are NumPy arrays (convert with .numpy())")
    if array.size == 0:
        raise InputError(f"{name} of shape {array.shape} is empty")
    values, _ = prepare_image(array.reshape(-1), None, name, double=True)
    return values[0].reshape(array.shape)


def image_of(
    function: Any, values: np.ndarray, name: str, shape: tuple[int, ...] | None = None
) -> np.ndarray:
    """Call a map of the user and check what it returns."""
    if not callable(function):
        raise InputError(f"{name}={function!r}; allowed is a function of an array")
    image = np.asarray(function(values))
    if image.dtype.kind not in "iuf":
        raise InputError(f"{name} returned {image.dtype} values; allowed are real numbers")
    image = image.astype(np.float64, copy=False)
    if shape is not None and image.shape != shape:
        raise InputError(f"{name} returned the shape {image.shape}; expected {shape}")
    if not np.isfinite(image).all():
        raise InputError(f"{name} returned NaN or infinite values")
    return image
