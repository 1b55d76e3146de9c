"""Gradients of every energy with respect to image, strength and times, by finite differences."""

from typing import Any

import numpy as np
import pytest

import steepest
from steepest import energy_named

torch = pytest.importorskip("torch")
SOLVER = steepest.Solver(tol=1e-11, max_num_iter=600)

CASES = [
    ("tv", (4, 5), {"norm": "anisotropic", "boundary": "periodic"}),
    ("tv2", (4, 5), {}),
    ("tv2", (4, 5), {"norm": "anisotropic", "huber": 0.05}),
    ("tv2", (2, 2, 3), {}),
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


def test_flows_have_gradients_in_the_map() -> None:
    image, other = pictures((4, 5))

    def loss(w: Any) -> Any:
        energy = energy_named("tv", weights=w)
        result = steepest.flow(image, [0.03, 0.1], energy, steps=3, solver=SOLVER)
        return ((result.images - other) ** 2).sum() / 2

    agree(loss, [torch.linspace(0.4, 1.5, 20).double().reshape(4, 5)], 3)


ALPHAS = [
    ((3, 4), 1.0, 0.6, {}),
    ((8,), np.linspace(0.6, 1.2, 8), 0.5, {}),
    ((2, 2, 3), np.linspace(0.5, 1, 6).reshape(2, 3), np.linspace(0.9, 0.4, 6).reshape(2, 3), {}),
    ((3, 3), 0.8, np.linspace(0.3, 0.9, 9).reshape(3, 3), {"boundary": "periodic"}),
]


@pytest.mark.parametrize(("shape", "alpha1", "alpha0", "options"), ALPHAS, ids=str)
def test_both_orders_of_generalised_variation(
    shape: tuple[int, ...], alpha1: Any, alpha0: Any, options: dict[str, Any]
) -> None:
    """Weights of both orders, as numbers and as maps."""
    image, other = pictures(shape)
    axis, solver = 0 if len(shape) == 3 else None, steepest.Solver(tol=1e-10, max_num_iter=20000)

    def loss(first: Any, second: Any) -> Any:
        energy = energy_named("tgv", alpha1=first, alpha0=second, **options)
        result = steepest.denoise(3 * image, 0.2, energy, channel_axis=axis, solver=solver)
        return (other * result.image).sum()

    agree(loss, [torch.tensor(each, dtype=torch.float64) for each in (alpha1, alpha0)], 4, 1e-3)


def test_gradcheck_in_the_orders() -> None:
    image = 3 * pictures((6,))[0]

    def denoised(first: Any, second: Any) -> Any:
        energy = energy_named("tgv", alpha1=first, alpha0=second)
        return steepest.denoise(image, 0.2, energy, solver=SOLVER).image

    inputs = [
        torch.tensor(0.8, dtype=torch.float64, requires_grad=True),
        torch.linspace(0.3, 0.6, 6, dtype=torch.float64, requires_grad=True),
    ]
    assert torch.autograd.gradcheck(denoised, inputs, eps=1e-4, atol=2e-3, rtol=2e-3)


def test_refused_weights_of_the_orders() -> None:
    image = pictures((5, 6))[0]
    follows = torch.tensor(1.0, requires_grad=True)
    for alpha, options, said in (
        (follows, {}, "alpha1 requires grad"),  # the strength is left out
        (np.ones((5, 5)), {"strength": 0.1}, "alpha1 of shape"),
        (np.zeros((5, 6)), {"strength": 0.1}, "alpha1 must be finite, at least 1e-06"),
    ):
        with pytest.raises(steepest.InputError, match=said):
            steepest.denoise(image, energy=energy_named("tgv", alpha1=alpha), **options)
    with pytest.raises(steepest.InputError, match="alpha1 requires grad, so image must be"):
        steepest.denoise(image.numpy(), 0.1, energy_named("tgv", alpha1=follows))
    with pytest.raises(steepest.InputError, match="alpha0="):
        energy_named("tgv", alpha0=[1.0, 2.0])
