"""Derivatives of `steepest.inpaint` on torch tensors: gradcheck, and autograd of a dense solve."""

import warnings
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from cases import dense_diffusion  # noqa: E402
from steepest import Solver, inpaint  # noqa: E402
from steepest.core.errors import InputError  # noqa: E402

SPACES = [(9,), (5, 6), (1, 7), (3, 4, 2)]


def tensor(*shape: int, seed: int = 0, low: float = 0.0, high: float = 1.0) -> Any:
    """Uniform float64 numbers."""
    generator = torch.Generator().manual_seed(seed)
    return low + (high - low) * torch.rand(*shape, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize("space", SPACES)
def test_gradcheck_in_image_and_confidence(space: tuple[int, ...]) -> None:
    image = tensor(2, *space).requires_grad_()
    confidence = tensor(*space, seed=1, low=0.05, high=0.95).requires_grad_()

    def filled(f: Any, c: Any) -> Any:
        return inpaint(f, c, channel_axis=0, spacing=1.5, solver=Solver(tol=1e-13)).image

    assert torch.autograd.gradcheck(filled, (image, confidence))


@pytest.mark.parametrize("space", SPACES)
def test_gradcheck_in_the_image_for_a_mask(space: tuple[int, ...]) -> None:
    image, mask = tensor(*space, 2).requires_grad_(), tensor(*space, seed=2) < 0.3
    mask.view(-1)[0] = True

    def filled(f: Any) -> Any:
        return inpaint(f, mask, channel_axis=-1, solver=Solver(tol=1e-13)).image

    assert torch.autograd.gradcheck(filled, (image,))


ENDS = (0.0, 1.0, 0.5, 1e-9, 1 - 1e-9, 1 - 2.0**-53, 1e-30, 0.3)


@pytest.mark.parametrize("values", [ENDS, ENDS[:2], (1.0, 0.0, 0.0, 0.0), (1 - 1e-7, 1e-7)])
def test_gradient_holds_up_to_the_ends_of_the_interval(values: tuple[float, ...]) -> None:
    shape = (8, 7)
    chosen = (tensor(*shape, seed=3) * len(values)).long()
    image, upstream = tensor(2, *shape), tensor(2, *shape, seed=4, low=-1)
    gradients = []
    exact = {"solver": Solver(tol=1e-13)}
    for method, options in ((inpaint, exact), (dense_diffusion.inpaint, {})):
        f = image.clone().requires_grad_()
        c = torch.tensor(values, dtype=torch.float64)[chosen].requires_grad_()
        (method(f, c, channel_axis=0, **options).image * upstream).sum().backward()
        gradients.append((f.grad, c.grad))
    (by_image, by_confidence), (image_exact, confidence_exact) = gradients
    torch.testing.assert_close(by_image, image_exact, atol=1e-9, rtol=0)
    size = confidence_exact.abs().max()
    torch.testing.assert_close(by_confidence / size, confidence_exact / size, atol=1e-7, rtol=0)


def test_values_are_those_of_arrays() -> None:
    image, confidence = tensor(11, 12, 3), tensor(11, 12, seed=1)
    for dtype in (torch.float32, torch.float64):
        found = inpaint(image.to(dtype), confidence, channel_axis=-1)
        expected = inpaint(image.to(dtype).numpy(), confidence.numpy(), channel_axis=-1)
        assert found.image.dtype == dtype
        assert found.image.device == image.device
        assert found.image.shape == image.shape
        assert np.array_equal(found.image.numpy(), expected.image)
        assert found.residual == expected.residual


def test_gradients_have_the_types_of_their_tensors() -> None:
    gradients = {}
    for types in ((torch.float32, torch.float64), (torch.float64, torch.float64)):
        image = tensor(11, 12).to(types[0]).requires_grad_()
        confidence = tensor(11, 12, seed=1).to(types[1]).requires_grad_()
        inpaint(image, confidence, solver=Solver(tol=1e-09)).image.square().sum().backward()
        assert (image.grad.dtype, confidence.grad.dtype) == types
        gradients[types] = image.grad.double(), confidence.grad.double()
    for single, double in zip(*gradients.values(), strict=True):
        torch.testing.assert_close(single, double, atol=1e-4, rtol=1e-4)


def test_only_what_requires_grad_gets_one() -> None:
    image, confidence = tensor(6, 7), tensor(6, 7, seed=1).requires_grad_()
    filled = inpaint(image, confidence).image
    filled.sum().backward()
    assert image.grad is None
    assert confidence.grad is not None
    assert not inpaint(image, confidence.detach()).image.requires_grad
    with torch.no_grad():
        assert not inpaint(image.requires_grad_(), confidence).image.requires_grad


def test_unknown_pixels_marked_by_nan_have_no_gradient() -> None:
    image = tensor(6, 7)
    hole = tensor(6, 7, seed=5) < 0.4
    marked = torch.where(hole, torch.nan, image).requires_grad_()
    found = inpaint(marked, solver=Solver(tol=1e-12)).image
    assert bool(torch.isfinite(found).all())
    found.sum().backward()
    assert not bool(marked.grad[hole].any())
    assert float(marked.grad.sum()) == pytest.approx(42, abs=1e-8)


@pytest.mark.parametrize("dense", [False, True])
def test_a_gradient_that_misses_the_tolerance_warns(dense: bool) -> None:
    image, confidence = tensor(40, 41).requires_grad_(), tensor(40, 41, seed=1) < 0.05
    if dense:
        confidence = torch.where(confidence, 1.0, 1e-4)
    upstream = tensor(40, 41, seed=4, low=-1)
    found = inpaint(image, confidence, solver=Solver(tol=1e-09, max_num_iter=2))
    assert not found.converged
    with pytest.warns(RuntimeWarning, match="gradient was not converged after 2 iterations"):
        (found.image * upstream).sum().backward()
    image.grad = None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (inpaint(image, confidence, solver=Solver(tol=1e-09)).image * upstream).sum().backward()


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_the_gradient_is_linear_in_that_of_the_loss(scale: float) -> None:
    image, known = tensor(20, 21), tensor(20, 21, seed=1) < 0.1
    upstream = tensor(20, 21, seed=4, low=-1)
    found = []
    for factor in (1.0, scale):
        f = image.clone().requires_grad_()
        (inpaint(f, known, solver=Solver(tol=1e-10)).image * (factor * upstream)).sum().backward()
        found.append(f.grad.numpy() / factor)
    np.testing.assert_allclose(found[1], found[0], atol=1e-8)


@pytest.mark.filterwarnings("ignore:steepest. a gradient was not converged")
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_loss_without_a_gradient_gives_none(value: float) -> None:
    """NaN for all pixels that its channel depends on, and the others as ever."""
    image, known = tensor(2, 20, 21).requires_grad_(), tensor(20, 21, seed=1) < 0.1
    upstream = torch.ones(2, 20, 21, dtype=torch.float64)
    y, x = np.argwhere(~known.numpy())[0]
    upstream[0, y, x] = value
    inpaint(image, known, channel_axis=0, solver=Solver(tol=1e-10)).image.backward(upstream)
    assert torch.isnan(image.grad[0, known]).all()
    assert float(image.grad[1].sum()) == pytest.approx(420, abs=1e-6)


def test_what_cannot_be_differentiated_is_refused() -> None:
    image, confidence = tensor(6, 7), tensor(6, 7, seed=1).requires_grad_()
    marked = image.clone()
    marked[2, 3] = torch.nan
    with pytest.raises(InputError, match="finite everywhere"):
        inpaint(marked, torch.where(marked.isnan(), 0.0, confidence))
    with pytest.raises(InputError, match="torch tensor"):
        inpaint(image.numpy(), confidence)
    with pytest.raises(InputError, match="dtype"):
        inpaint(image.half(), confidence)
    with pytest.raises(InputError, match="dtype"):
        inpaint((255 * image).to(torch.uint8), confidence)
    with pytest.raises(InputError, match="spatial shape"):
        inpaint(image, confidence.T)
    (gradient,) = torch.autograd.grad(
        inpaint(image, confidence).image.sum(), confidence, create_graph=True
    )
    with pytest.raises(RuntimeError):
        gradient.sum().backward()
