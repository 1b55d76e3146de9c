"""Flows with a closed form on the pixel grid: boxes, impulses, steps, sums, stripes, waves.

An indicator that is an eigenfunction loses height at (perimeter / number of its pixels), the rest
of the image takes that up evenly, and the two meet at the extinction time: the image is its mean.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from .case import Array, Case
from .one_dimensional import extinction_by_merging, flow_by_merging


def _two_levels(
    name: str, inside: Array, perimeter: float, contrast: float, level: float, **options: object
) -> Case:
    """An indicator that is an eigenfunction: it loses height at perimeter/area, the rest gains."""
    area, total = int(inside.sum()), inside.size
    extinction = abs(contrast) / (perimeter / area + perimeter / (total - area))
    times = extinction * np.array([0.1, 0.5, 0.9, 1.3])
    shrunk = np.clip(1.0 - times / extinction, 0.0, 1.0)
    mean = level + contrast * area / total
    profile = contrast * (inside - area / total)
    exact = mean + np.multiply.outer(shrunk, profile)
    image = level + contrast * inside.astype(float)
    return Case(name, image, times, exact, options, extinction, eigenfunction=True)


def box(
    shape: Sequence[int],
    start: Sequence[int],
    size: Sequence[int],
    *,
    contrast: float = 1.0,
    level: float = 0.0,
    spacing: Sequence[float] | None = None,
) -> Case:
    """A box for anisotropic TV: every axis takes 2 / (side * spacing) per unit time from inside.

    In two dimensions with a square of side s: -4/s inside, +4s/(|Omega| - s^2) outside.
    """
    inside = np.zeros(tuple(shape))
    inside[tuple(slice(a, a + s) for a, s in zip(start, size, strict=True))] = 1.0
    steps = np.ones(len(shape)) if spacing is None else np.asarray(spacing, dtype=float)
    perimeter = float(inside.sum() * np.sum(2.0 / (np.asarray(size) * steps)))
    options: dict[str, object] = {"isotropic": False}
    if spacing is not None:
        options["spacing"] = tuple(spacing)
    name = f"box {tuple(size)} in {tuple(shape)}" + (f" spacing {spacing}" if spacing else "")
    return _two_levels(name, inside, perimeter, contrast, level, **options)


def impulse(
    shape: Sequence[int],
    index: Sequence[int],
    *,
    contrast: float = 1.0,
    spacing: Sequence[float] | None = None,
) -> Case:
    """One bright pixel, isotropic TV: forward differences see its far edges together.

    The pixel's own gradient has one entry -1/h per axis along which it has a next pixel, and
    each pixel before it along an axis has one entry +1/h: the perimeter is the norm of the former
    plus the sum of the latter. On a corner it depends on which corner: flips are no symmetry.
    """
    steps = np.ones(len(shape)) if spacing is None else np.asarray(spacing, dtype=float)
    inside = np.zeros(tuple(shape))
    inside[tuple(index)] = 1.0
    has_next = np.array([i + 1 < n for i, n in zip(index, shape, strict=True)])
    has_previous = np.array([i > 0 for i in index])
    perimeter = float(np.sqrt(np.sum(has_next / steps**2)) + np.sum(has_previous / steps))
    options = {} if spacing is None else {"spacing": tuple(spacing)}
    name = f"impulse at {tuple(index)} of {tuple(shape)}" + (
        f" spacing {spacing}" if spacing else ""
    )
    return _two_levels(name, inside, perimeter, contrast, 0.25, **options)


def step(shape: Sequence[int], width: int, *, weight: float = 1.0, isotropic: bool = True) -> Case:
    """Two flat parts along the last axis: 1/width leaves the bright one, the dark one gains.

    With ``weight`` <= 1, the weights are ``weight`` on the jump and one elsewhere, and all rates
    are multiplied by ``weight``: inside the parts the flux only rises up to that.
    """
    inside = np.zeros(tuple(shape))
    inside[..., :width] = 1.0
    edge = float(np.prod(shape[:-1])) * weight
    options: dict[str, object] = {"isotropic": isotropic}
    if weight != 1.0:
        weights = np.ones(tuple(shape))
        weights[..., width - 1] = weight
        options["weights"] = weights
    kind = "isotropic" if isotropic else "anisotropic"
    name = f"step at {width} of {tuple(shape)}, {kind}, weight {weight}"
    return _two_levels(name, inside, edge, 0.7, 0.1, **options)


def signal_case(name: str, signal: Array, times: Sequence[float] | None = None) -> Case:
    """A 1-D signal and its flow, computed by merging plateaus."""
    end = extinction_by_merging(signal)
    nodes = np.asarray(times if times is not None else np.array([0.05, 0.3, 0.8, 1.2]) * end)
    values = np.asarray(signal, dtype=np.float64)
    return Case(name, values, nodes, flow_by_merging(values, nodes), {}, end)


def stripes(
    signal: Array,
    shape: Sequence[int],
    axis: int,
    *,
    isotropic: bool = True,
    spacing: Sequence[float] | None = None,
) -> Case:
    """An image that varies along one axis only: each line flows as in 1-D, isotropic TV or not.

    With a spacing h along that axis, time runs at 1/h.
    """
    pitch = 1.0 if spacing is None else float(spacing[axis])
    end = extinction_by_merging(signal) * pitch
    times = np.array([0.1, 0.4, 1.1]) * end
    line_shape = [1] * len(shape)
    line_shape[axis] = len(signal)
    flow = flow_by_merging(signal, times / pitch)
    exact = np.array([np.broadcast_to(line.reshape(line_shape), shape) for line in flow])
    image = np.broadcast_to(np.reshape(signal, line_shape), shape).astype(float)
    options: dict[str, object] = {"isotropic": isotropic}
    if spacing is not None:
        options["spacing"] = tuple(spacing)
    kind = "isotropic" if isotropic else "anisotropic"
    name = f"stripes along axis {axis} of {tuple(shape)}, {kind}"
    return Case(name, image, times, exact, options, end)


def sum_of_signals(signals: Sequence[Array]) -> Case:
    """u(x, y, ...) = a(x) + b(y) + ...: under anisotropic TV every term flows on its own."""
    dims = len(signals)
    ends = [extinction_by_merging(s) for s in signals]
    times = np.array([0.05, 0.3, 0.8, 1.2]) * max(ends)

    def total(terms: Sequence[Array]) -> Array:
        parts = [
            np.reshape(t, [-1 if d == k else 1 for d in range(dims)]) for k, t in enumerate(terms)
        ]
        return np.asarray(sum(parts[1:], parts[0]), dtype=np.float64)

    flows = [flow_by_merging(s, times) for s in signals]
    exact = np.array([total([flow[k] for flow in flows]) for k in range(len(times))])
    image = total([np.asarray(s, dtype=np.float64) for s in signals])
    name = f"sum of {dims} signals, {image.shape}"
    return Case(name, image, times, exact, {"isotropic": False}, max(ends))


def scaled_channels(base: Case, factors: Sequence[float], *, coupled: bool) -> Case:
    """Channels that are multiples c_k of one image whose flow is known at all times asked for.

    Coupled (vectorial TV): every channel is c_k times the flow of the image at time t / |c|.
    Separate: channel k is the flow of c_k times the image. ``base`` has to be an eigenfunction,
    whose flow is linear in time down to its mean.
    """
    if not base.eigenfunction or base.extinction is None:
        raise ValueError("scaled_channels needs an eigenfunction")
    scale = np.asarray(factors, dtype=np.float64)
    mean = base.image.mean()
    clocks = np.full(scale.shape, np.linalg.norm(scale)) if coupled else np.abs(scale)
    end = float(base.extinction * clocks.max())
    times = np.array([0.1, 0.5, 0.9, 1.2]) * end
    left = np.clip(1 - np.divide.outer(times, base.extinction * clocks), 0, 1)
    channels = mean + left[:, :, *([None] * base.image.ndim)] * (base.image - mean)
    exact = np.moveaxis(channels * scale.reshape(-1, *([1] * base.image.ndim)), 1, -1)
    image = np.stack([c * base.image for c in scale], axis=-1)
    options = {**base.options, "channel_axis": -1, "coupled": coupled}
    name = f"channels {tuple(factors)} of {base.name}, {'coupled' if coupled else 'separate'}"
    return Case(name, image, times, exact, options, end, eigenfunction=coupled)


def heat_wave(shape: Sequence[int], modes: Sequence[int], huber: float) -> Case:
    """A cosine for Huber-TV whose gradient stays below ``huber``: it obeys the heat equation.

    u(t) = exp(-(sum of 2 - 2 cos(pi k / n)) t / huber) u(0), never extinct.
    """
    waves = [
        np.cos(np.pi * k * (np.arange(n) + 0.5) / n) for k, n in zip(modes, shape, strict=True)
    ]
    wave = waves[0]
    for other in waves[1:]:
        wave = np.multiply.outer(wave, other)
    steepest_slope = np.sqrt(
        sum(np.max(np.abs(np.diff(wave, axis=a)), initial=0.0) ** 2 for a in range(len(shape)))
    )
    image = 0.9 * huber / steepest_slope * wave
    rate = sum(2 - 2 * np.cos(np.pi * k / n) for k, n in zip(modes, shape, strict=True)) / huber
    times = np.array([0.2, 1.0, 3.0]) / rate
    exact = np.multiply.outer(np.exp(-rate * times), image)
    name = f"heat wave {tuple(modes)} on {tuple(shape)}, huber {huber}"
    return Case(name, image, times, exact, {"huber": huber})


def uniform_weights(base: Case, weight: float) -> Case:
    """A constant weight: time runs ``weight`` times as fast."""
    space = base.image.shape
    end = None if base.extinction is None else base.extinction / weight
    options = {**base.options, "weights": np.full(space, weight)}
    return Case(
        f"{base.name}, weight {weight} everywhere",
        base.image,
        base.times / weight,
        base.exact,
        options,
        end,
        base.uncertainty,
        base.eigenfunction,
    )


def disc(size: int, radius: float = 0.25, contrast: float = 1.0) -> Case:
    """A disc in the unit square, isotropic TV, pixels of side 1/size: exact as size grows.

    Rate 2/r inside; outside the same mass over the rest of the square (Neumann boundary). Pixels
    on the rim hold the part of them that is covered (8 x 8 samples). Not exact on the grid.
    """
    fine = 8 * size
    centre = (np.arange(fine) + 0.5) / fine - 0.5
    covered = np.hypot(centre[:, None], centre[None, :]) < radius
    inside = covered.reshape(size, 8, size, 8).mean(axis=(1, 3))
    area = np.pi * radius**2
    down, up = 2 / radius, 2 * np.pi * radius / (1 - area)
    end = contrast / (down + up)
    times = np.array([0.25, 0.5]) * end
    exact = np.array([contrast * inside + t * (up * (1 - inside) - down * inside) for t in times])
    options = {"spacing": (1 / size, 1 / size)}
    return Case(f"disc on {size}x{size}", contrast * inside, times, exact, options, end)


def signals() -> Iterator[tuple[str, Array]]:
    """Short 1-D signals with and without plateaus, ties and noise."""
    rng = np.random.default_rng(20240917)
    yield "two samples", np.array([0.0, 1.0])
    yield "impulse", np.eye(1, 9, 4)[0]
    yield "impulse on the border", np.eye(1, 9, 0)[0]
    yield "staircase", np.array([0.0, 0.0, 0.25, 0.25, 0.25, 1.0, 1.0, 0.5])
    yield "alternating", np.tile([0.0, 1.0], 6)
    yield "ramp", np.linspace(-1.0, 2.0, 16)
    yield "two plateaus of unequal length", np.repeat([0.3, -0.2, 0.5], [3, 7, 2])
    yield "noise", rng.standard_normal(24)
    yield "noisy step with ties", np.round(4 * (rng.random(30) + (np.arange(30) > 13))) / 8


def one_dimensional_cases() -> Iterator[Case]:
    for name, signal in signals():
        yield signal_case(name, signal)


def eigen_cases() -> Iterator[Case]:
    """Cases in which one time step of any size is exact, so that only the solver can err."""
    yield box((16, 16), (6, 6), (4, 4))
    yield box((14, 17), (4, 5), (5, 6), contrast=-2.0, level=3.0)
    yield box((7, 6, 7), (2, 2, 2), (3, 2, 3))
    yield box((12, 12), (4, 4), (4, 4), spacing=(0.8, 1.25))
    yield impulse((11, 11), (5, 5))
    yield impulse((6, 6), (0, 0))
    yield impulse((6, 6), (5, 5), contrast=-3.0)
    yield impulse((6, 6), (0, 5))
    yield impulse((9, 8), (4, 4), spacing=(1.0, 2.0))
    yield impulse((5, 5, 5), (2, 2, 2))
    yield step((10,), 5)
    yield step((10, 12), 6)
    yield step((10, 12), 3, isotropic=False)
    yield step((8, 10), 4, weight=0.4)
    yield uniform_weights(box((10, 10), (4, 4), (3, 3)), 1.7)
    yield scaled_channels(impulse((7, 7), (3, 3)), (0.6, -0.8, 1.2), coupled=True)


def moving_cases() -> Iterator[Case]:
    """Two- and three-dimensional cases whose structures merge one after the other."""
    rng = np.random.default_rng(7)
    noisy = rng.random(15) + (np.arange(15) > 6)
    yield stripes(noisy, (15, 6), 0)
    yield stripes(noisy, (6, 15), 1)
    yield stripes(noisy, (4, 15, 3), 1, spacing=(1.0, 0.5, 3.0))
    yield stripes(noisy, (6, 15), 1, isotropic=False)
    yield sum_of_signals([rng.random(9), rng.random(12)])
    yield sum_of_signals([rng.random(5), np.repeat([0.0, 1.0], 3), rng.random(4)])
    yield scaled_channels(impulse((7, 7), (3, 3)), (0.6, -0.8), coupled=False)


def huber_cases() -> Iterator[Case]:
    yield heat_wave((16,), (1,), 0.3)
    yield heat_wave((10, 12), (1, 2), 0.1)
    yield heat_wave((5, 6, 7), (1, 1, 1), 1.0)


def all_cases() -> list[Case]:
    """Every case that is exact on the grid (the disc is not)."""
    return [*one_dimensional_cases(), *eigen_cases(), *moving_cases(), *huber_cases()]
