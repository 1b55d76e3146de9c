"""Infinity-harmonic inpainting: exact cases, an independent exact solver, and convergence."""

import heapq
import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.infinity_harmonic import InfinityHarmonic
from steepest import Solver, inpaint
from steepest.core.status import Status


def framed(*shape: int, width: int = 1) -> np.ndarray:
    """Known on a frame of the given width."""
    known = np.ones(shape, bool)
    known[(slice(width, -width),) * len(shape)] = False
    return known


def aronsson(n: int) -> np.ndarray:
    x = np.linspace(-1, 1, n)
    return np.abs(x)[None, :] ** (4 / 3) - np.abs(x)[:, None] ** (4 / 3)


def neighbours(shape: tuple[int, int], radius: int) -> dict[int, dict[int, float]]:
    """The undirected graph of the pixels in all directions up to ``radius``, with its lengths."""
    graph: dict[int, dict[int, float]] = {i: {} for i in range(shape[0] * shape[1])}
    for y, x in product(*map(range, shape)):
        for dy, dx in product(range(-radius, radius + 1), repeat=2):
            if math.gcd(dy, dx) == 1 and 0 <= y + dy < shape[0] and 0 <= x + dx < shape[1]:
                graph[y * shape[1] + x][(y + dy) * shape[1] + x + dx] = math.hypot(dy, dx)
    return graph


def steepest_paths(image: np.ndarray, known: np.ndarray, radius: int) -> np.ndarray:
    """The exact minimal extension on a graph: fix the steepest path between known pixels, repeat.

    Lazarus et al., Games and Economic Behavior 27 (1999); shares no idea with the sweeps.
    """
    graph = neighbours(image.shape, radius)
    values = {int(i): float(image.flat[i]) for i in np.flatnonzero(known)}
    while len(values) < image.size:
        best, path = -1.0, []
        for start in values:
            length, before, queue = {start: 0.0}, {}, [(0.0, start)]
            while queue:
                here, i = heapq.heappop(queue)
                if here > length[i] or (i in values and i != start):
                    continue
                for j, d in graph[i].items():
                    if i == start and j in values:
                        continue  # nothing to fix between them
                    if here + d < length.get(j, math.inf):
                        length[j], before[j] = here + d, i
                        heapq.heappush(queue, (here + d, j))
            for end, far in length.items():
                if end in values and end != start and (values[start] - values[end]) / far > best:
                    best, path = (values[start] - values[end]) / far, [end]
                    while path[-1] != start:
                        path.append(before[path[-1]])
                    ends = {i: length[i] for i in path}
        if not path:  # one known pixel, or one value: constant from here
            rest = set(graph) - set(values)
            while rest:
                for i in [i for i in rest if any(j in values for j in graph[i])]:
                    values[i] = next(values[j] for j in graph[i] if j in values)
                    rest.discard(i)
            break
        top = values[path[-1]]
        for i in path[1:-1]:
            values[i] = top - best * ends[i]
    return np.array([values[i] for i in range(image.size)]).reshape(image.shape)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**6), density=st.floats(0.05, 0.4))
def test_is_the_extension_by_steepest_paths(seed: int, density: float) -> None:
    rng = np.random.default_rng(seed)
    image, known = rng.random((9, 8)), rng.random((9, 8)) < density
    known[0, 0] = known[5, 6] = True
    result = inpaint(image, known, InfinityHarmonic(radius=1), solver=Solver(tol=1e-11))
    assert result.converged
    assert np.abs(result.image - steepest_paths(image, known, 1)).max() < 1e-8


@pytest.mark.parametrize("radius", [1, 2, 3, 5])
@pytest.mark.parametrize("slope", [(1, 0), (0.3, -1), (2, 1), (-1, 1.7)])
def test_planes_are_exact(radius: int, slope: tuple[float, float]) -> None:
    y, x = np.indices((24, 19))
    plane = slope[0] * x + slope[1] * y + 0.0
    result = inpaint(
        plane, framed(24, 19), InfinityHarmonic(radius=radius), solver=Solver(tol=1e-10)
    )
    assert np.abs(result.image - plane).max() < 1e-6 * np.ptp(plane)


def test_converges_to_aronssons_function_if_the_radius_grows() -> None:
    def error(n: int, radius: int) -> float:
        exact = aronsson(n)
        result = inpaint(
            exact, framed(n, n), InfinityHarmonic(radius=radius), solver=Solver(tol=1e-07)
        )
        assert result.converged
        return float(np.abs(result.image - exact).max())

    assert error(65, 1) < 0.0245
    assert error(65, 2) < 0.0065
    errors = [error(n, radius) for n, radius in ((33, 2), (65, 3), (129, 4))]
    assert errors[0] < 0.0031
    assert errors[1] < 0.0022
    assert errors[2] < 0.0018
    assert error(129, 5) < 0.003  # fixed over-relaxation went in circles here
    assert error(129, 2) > 0.0065  # a fixed radius does not converge


def test_spacing_is_the_distance_between_pixels() -> None:
    """A cone over a grid with other pitches is nearly the cone in physical units."""
    y, x = np.indices((21, 41)) - np.array([10, 20]).reshape(2, 1, 1)
    cone = np.hypot(2.0 * y, x)
    known = (cone >= 17) | (cone == 0)
    right = inpaint(cone, known, InfinityHarmonic(radius=3), spacing=(2, 1)).image
    wrong = inpaint(cone, known, InfinityHarmonic(radius=3)).image
    assert np.abs(right - cone).max() < 0.012 * 17
    assert np.abs(wrong - cone).max() > 0.1 * 17
    scaled = inpaint(cone, known, InfinityHarmonic(radius=3), spacing=(2e-06, 1e-06)).image
    assert np.abs(scaled - right).max() < 1e-9


def test_early_images_keep_the_range_and_the_bound() -> None:
    """The bound of docs/inpainting_methods.md: residual * (range / least slope)^2 / 4."""
    y, x = np.indices((26, 26))
    ramp = x + 0.3 * np.sin(y)
    known = framed(26, 26)
    exact = inpaint(ramp, known, InfinityHarmonic(radius=1), solver=Solver(tol=1e-12)).image
    for most in (1, 3, 6):
        result = inpaint(
            ramp,
            known,
            InfinityHarmonic(radius=1),
            solver=Solver(tol=1e-12, max_num_iter=most),
        )
        assert result.status is Status.MAX_ITERATIONS
        u = result.image
        assert u.min() >= ramp[known].min()
        assert u.max() <= ramp[known].max()
        span = np.ptp(ramp[known])
        steps = np.maximum(
            np.abs(np.diff(u, axis=1))[1:-1, :-1], np.abs(np.diff(u, axis=1))[1:-1, 1:]
        )
        error = np.abs(u - exact).max()
        assert 0 < error <= result.residual * span * (span / steps.min()) ** 2 / 4


def test_channels_are_filled_separately() -> None:
    rng = np.random.default_rng(3)
    image, known = rng.random((14, 13, 3)), rng.random((14, 13)) < 0.25
    image[..., 1] = 0.3
    image[known, 2] = np.linspace(0, 1, known.sum())
    tight = Solver(tol=1e-11)
    steps: list[int] = []
    colour = inpaint(
        image, known, InfinityHarmonic(), channel_axis=-1, solver=tight,
        on_step=lambda step: steps.append(step.step),
    )  # fmt: skip
    assert colour.converged
    assert steps == list(range(1, colour.iterations + 1))
    for channel in range(3):
        alone = inpaint(image[..., channel], known, InfinityHarmonic(), solver=tight).image
        assert np.abs(colour.image[..., channel] - alone).max() < 1e-7
