"""Gradients of every energy with respect to image, strength and times, by finite differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import steepest
from steepest import energy_named

torch = pytest.importorskip("torch")
SOLVER = steepest.Solver(tol=1e-11, max_num_iter=2500)

CASES = [
    ("tv", (4, 5), {"norm": "anisotropic", "boundary": "periodic"}),
    ("tv2", (4, 5), {}),
    ("tv2", (4, 5), {"norm": "anisotropic", "huber": 0.05}),
    ("tv2", (3, 3, 2), {"coupled": False}),
    ("combined", (4, 5), {"alpha": 0.5, "beta": 0.3}),
    ("combined", (4, 5), {"norm": "anisotropic", "weights": np.linspace(0.3, 1, 20).reshape(4, 5)}),
    ("crofton", (4, 5), {}),
    ("tgv", (4, 5), {}),
    ("tgv", (9,), {"alpha0": 0.5}),
    ("tgv", (4, 5), {"boundary": "periodic", "alpha1": 0.7}),
]


def agree(function: Any, inputs: list[Any], seed: int, step: float = 1e-4) -> None:
    """The derivative along a random direction is the central difference, for each input."""
    rng = np.random.default_rng(seed)
    leaves = [value.clone().requires_grad_() for value in inputs]
    function(*leaves).backward()
    for k, leaf in enumerate(leaves):
        direction = torch.from_numpy(np.asarray(rng.standard_normal(leaf.shape)))
        ends = [
            function(*(v + s * direction if i == k else v for i, v in enumerate(inputs)))
            for s in (-step, step)
        ]
        numeric = float(ends[1] - ends[0]) / (2 * step)
        assert float((leaf.grad * direction).sum()) == pytest.approx(numeric, rel=1e-3, abs=1e-4)


def pictures(shape: tuple[int, ...]) -> tuple[Any, Any]:
    """An image and another that a loss compares with."""
    first, second = np.random.default_rng(11).random((2, *shape))
    return torch.from_numpy(first), torch.from_numpy(second)


@pytest.mark.parametrize(("name", "shape", "options"), CASES, ids=str)
def test_denoising(name: str, shape: tuple[int, ...], options: dict[str, Any]) -> None:
    energy = energy_named(name, **options)
    image, other = pictures(shape)

    def loss(f: Any, s: Any) -> Any:
        return ((steepest.denoise(f, s, energy, solver=SOLVER).image - other) ** 2).sum() / 2

    agree(loss, [image, torch.tensor(0.13, dtype=torch.float64)], 1)


@pytest.mark.parametrize("name", ["tv2", "combined", "crofton", "tgv"])
def test_flows(name: str) -> None:
    image, other = pictures((2, 4, 5))
    energy = energy_named(name)

    def loss(f: Any, t: Any) -> Any:
        result = steepest.flow(f, t, energy, steps=3, solver=SOLVER, channel_axis=0)
        return ((result.images - other) ** 2).sum() / 2

    agree(loss, [image, torch.tensor([0.03, 0.1], dtype=torch.float64)], 2)


@pytest.mark.parametrize("name", ["tv2", "combined", "crofton", "tgv"])
def test_batches_have_the_gradients_of_their_items(name: str) -> None:
    energy = energy_named(name)
    images = torch.from_numpy(np.random.default_rng(5).random((2, 4, 5)))
    together = images.clone().requires_grad_()
    solver = steepest.Solver(tol=1e-9)
    (
        steepest.denoise(together, 0.1, energy, batch_axis=0, solver=solver).image ** 3
    ).sum().backward()
    for k in range(2):
        one = images[k].clone().requires_grad_()
        (steepest.denoise(one, 0.1, energy, solver=solver).image ** 3).sum().backward()
        np.testing.assert_allclose(one.grad, together.grad[k], atol=1e-4)


WEIGHTED = [
    ("tv", (3, 4), {}),
    ("tv", (2, 3, 3), {"norm": "anisotropic", "coupled": False}),
    ("tv", (3, 4), {"huber": 0.05, "boundary": "periodic"}),
    ("tv2", (8,), {}),
    ("combined", (7,), {"alpha": 0.5, "beta": 0.3}),
    ("crofton", (3, 4), {}),
]


@pytest.mark.parametrize(("name", "shape", "options"), WEIGHTED, ids=str)
def test_gradcheck_in_image_strength_and_map(
    name: str, shape: tuple[int, ...], options: dict[str, Any]
) -> None:
    axis = 0 if len(shape) == 3 else None
    image = 3 * pictures(shape)[0]  # away from the scale 1
    weights = torch.linspace(0.4, 1.5, image[0].numel() if axis == 0 else image.numel()).double()
    weights = weights.reshape(shape[1:] if axis == 0 else shape)

    def denoised(f: Any, s: Any, w: Any) -> Any:
        energy = energy_named(name, weights=w, **options)
        return steepest.denoise(f, s, energy, channel_axis=axis, solver=SOLVER).image

    strength = torch.tensor(0.2, dtype=torch.float64)
    inputs = [leaf.requires_grad_() for leaf in (image, strength, weights)]
    assert torch.autograd.gradcheck(denoised, inputs, eps=1e-4, atol=2e-3, rtol=2e-3)


def test_gradcheck_of_generalised_variation_in_the_strength() -> None:
    image, other = pictures((3, 4))

    def loss(s: Any) -> Any:
        result = steepest.denoise(image, s, energy_named("tgv"), solver=SOLVER)
        return ((result.image - other) ** 2).sum()

    strength = torch.tensor(0.13, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(loss, strength, eps=1e-4, atol=2e-3, rtol=2e-3)


def test_flows_have_gradients_in_the_map() -> None:
    image, other = pictures((4, 5))

    def loss(w: Any) -> Any:
        energy = energy_named("tv", weights=w)
        result = steepest.flow(image, [0.03, 0.1], energy, steps=3, solver=SOLVER)
        return ((result.images - other) ** 2).sum() / 2

    agree(loss, [torch.linspace(0.4, 1.5, 20).double().reshape(4, 5)], 3)
