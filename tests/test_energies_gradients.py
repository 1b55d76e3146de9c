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
    ("tv", (6, 7), {"norm": "anisotropic", "boundary": "periodic"}),
    ("tv2", (6, 7), {}),
    ("tv2", (5, 6), {"norm": "anisotropic", "huber": 0.05}),
    ("tv2", (3, 4, 3), {"coupled": False}),
    ("combined", (6, 7), {"alpha": 0.5, "beta": 0.3}),
    ("combined", (5, 6), {"norm": "anisotropic", "weights": np.linspace(0.3, 1, 30).reshape(5, 6)}),
    ("crofton", (6, 7), {}),
    ("tgv", (6, 7), {}),
    ("tgv", (11,), {"alpha0": 0.5}),
    ("tgv", (5, 6), {"boundary": "periodic", "alpha1": 0.7}),
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
    image, other = pictures((2, 5, 6))
    energy = energy_named(name)

    def loss(f: Any, t: Any) -> Any:
        result = steepest.flow(f, t, energy, steps=3, solver=SOLVER, channel_axis=0)
        return ((result.images - other) ** 2).sum() / 2

    agree(loss, [image, torch.tensor([0.03, 0.1], dtype=torch.float64)], 2)


@pytest.mark.parametrize("name", ["tv2", "combined", "crofton", "tgv"])
def test_batches_have_the_gradients_of_their_items(name: str) -> None:
    energy = energy_named(name)
    images = torch.from_numpy(np.random.default_rng(5).random((2, 5, 6)))
    together = images.clone().requires_grad_()
    solver = steepest.Solver(tol=1e-9)
    (
        steepest.denoise(together, 0.1, energy, batch_axis=0, solver=solver).image ** 3
    ).sum().backward()
    for k in range(2):
        one = images[k].clone().requires_grad_()
        (steepest.denoise(one, 0.1, energy, solver=solver).image ** 3).sum().backward()
        np.testing.assert_allclose(one.grad, together.grad[k], atol=1e-4)
