"""Gradients through denoising and flow: gradcheck, closed forms, identities, finite differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import steepest
from cases.arguments import arguments
from steepest import TimeGrid

torch = pytest.importorskip("torch")

EXACT: dict[str, Any] = {"tol": 1e-17, "max_num_iter": 20000}  # ends where rounding does
DOUBLE = torch.float64


def leaf(*shape: int, seed: int = 0, dtype: Any = DOUBLE) -> Any:
    """A generic image that requires gradients."""
    values = np.random.default_rng(seed).random(shape)
    return torch.tensor(values, dtype=dtype, requires_grad=True)


def scalar(value: float, dtype: Any = DOUBLE) -> Any:
    return torch.tensor(value, dtype=dtype, requires_grad=True)


def denoised(image: Any, strength: Any, **options: Any) -> Any:
    return steepest.denoise(image, strength, **arguments(**{**EXACT, **options})).image


def check(function: Any, *inputs: Any) -> None:
    assert torch.autograd.gradcheck(function, inputs, eps=1e-6, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((4, 5), {}),
        ((4, 5), {"isotropic": False}),
        ((4, 5), {"huber": 0.1}),
        ((4, 5), {"spacing": (1.0, 2.0), "weights": np.linspace(0.3, 1.2, 20).reshape(4, 5)}),
        ((9,), {}),
        ((3, 2, 3), {}),
        ((4, 3, 3), {"channel_axis": -1}),
        ((4, 3, 2), {"channel_axis": -1, "coupled": False}),
        ((3, 2, 2), {"channel_axis": -1, "isotropic": False, "huber": 0.1}),
        ((2, 3, 4), {"batch_axis": 0}),
        ((3, 2, 3, 2), {"channel_axis": 1, "batch_axis": -1}),
    ],
    ids=str,
)
def test_denoising_passes_gradcheck(shape: tuple[int, ...], options: dict[str, Any]) -> None:
    check(lambda f, s: denoised(f, s, **options), leaf(*shape), scalar(0.13))


@pytest.mark.parametrize(
    "grid",
    [
        TimeGrid.graded(3),
        TimeGrid.uniform(2),
        TimeGrid.logarithmic(3),
        TimeGrid((0.02, 0.04, 0.1)),
    ],
)
def test_flow_passes_gradcheck_in_image_and_times(grid: Any) -> None:
    times = torch.tensor([0.05, 0.13], dtype=DOUBLE, requires_grad=True)

    def flow(f: Any, t: Any) -> Any:
        return steepest.flow(f, t, **arguments(**{**EXACT, "steps": grid, "batch_axis": 0})).images

    check(flow, leaf(2, 2, 3), times)


@pytest.mark.parametrize("options", [{}, {"isotropic": False}, {"huber": 0.05}])
def test_agreement_with_finite_differences_along_a_direction(options: dict[str, Any]) -> None:
    """12 x 12 pixels, central differences; generic data, so no kink is near."""
    rng = np.random.default_rng(3)
    image, direction, weights = rng.random((12, 12)), rng.standard_normal((12, 12)), rng.random(144)

    def loss(step: float) -> float:
        moved = steepest.denoise(
            image + step * direction, 0.15, **arguments(**EXACT, **options)
        ).image
        return float(weights @ np.ravel(moved))

    f = torch.tensor(image, requires_grad=True)
    (torch.from_numpy(weights) @ denoised(f, 0.15, **options).ravel()).backward()
    expected = (loss(1e-6) - loss(-1e-6)) / 2e-6
    assert float((f.grad * torch.from_numpy(direction)).sum()) == pytest.approx(expected, rel=1e-5)


def test_closed_form_of_a_step_signal() -> None:
    """Two pieces of n pixels, heights a < b: means, then +- strength / n each, until they meet."""
    n, strength = 5, scalar(0.4)
    f = torch.tensor(np.repeat([0.0, 1.0], n), requires_grad=True)
    v = denoised(f, strength)
    pieces = torch.block_diag(torch.ones(n, n), torch.ones(n, n)).double() / n
    jacobian = torch.stack([torch.autograd.grad(x, f, retain_graph=True)[0] for x in v])
    np.testing.assert_allclose(jacobian, pieces, atol=1e-9)
    rates = [float(torch.autograd.grad(x, strength, retain_graph=True)[0]) for x in v]
    np.testing.assert_allclose(rates, np.repeat([1 / n, -1 / n], n), atol=1e-9)


def test_after_extinction_the_derivative_is_the_mean() -> None:
    f, strength = leaf(4, 6), scalar(50.0)
    v = denoised(f, strength)
    by_image, by_strength = torch.autograd.grad(v[1, 2], (f, strength))
    np.testing.assert_allclose(by_image, np.full((4, 6), 1 / 24), atol=1e-9)
    assert float(by_strength) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("dtype", [DOUBLE, torch.float32], ids=str)
@pytest.mark.parametrize("options", [{}, {"isotropic": False}, {"huber": 0.1}])
def test_the_mean_is_kept_so_its_gradient_is_one(dtype: Any, options: dict[str, Any]) -> None:
    f, strength = leaf(11, 14, dtype=dtype), scalar(0.2, dtype)
    steepest.denoise(f, strength, **arguments(tol=1e-5, **options)).image.sum().backward()
    assert f.grad.dtype == dtype
    np.testing.assert_allclose(f.grad, np.ones((11, 14)), atol=1e-6)
    assert float(strength.grad) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("isotropic", [True, False])
def test_eulers_identity_of_one_homogeneity(isotropic: bool) -> None:
    """``v(c f, c s) = c v(f, s)``, hence ``<dv/df, f> + s dv/ds = v``, tested against weights."""
    f, strength = leaf(8, 9), scalar(0.15)
    v = denoised(f, strength, isotropic=isotropic)
    weights = torch.from_numpy(np.random.default_rng(5).standard_normal((8, 9)))
    value = (weights * v).sum()
    by_image, by_strength = torch.autograd.grad(value, (f, strength), retain_graph=True)
    euler = (by_image * f).sum() + strength * by_strength
    assert float(euler.detach()) == pytest.approx(float(value.detach()), abs=1e-8)


def test_values_far_from_one_have_the_same_gradient() -> None:
    """Times scale with the image, so the derivative in the image does not change."""
    gradients = []
    for factor in (1.0, 2.0**40, 2.0**-40):
        f = (leaf(5, 6).detach() * factor).requires_grad_()
        denoised(f, 0.1 * factor)[2, 3].backward()
        gradients.append(f.grad)
    np.testing.assert_allclose(gradients[1], gradients[0], atol=1e-9)
    np.testing.assert_allclose(gradients[2], gradients[0], atol=1e-9)


def test_one_step_of_the_flow_is_denoising() -> None:
    f, t, strength = leaf(6, 7), scalar(0.1), scalar(0.1)
    weights = torch.from_numpy(np.random.default_rng(6).standard_normal((6, 7)))
    flowed = (weights * steepest.flow(f, t, **arguments(steps=1, **EXACT)).images[0]).sum()
    plain = (weights * denoised(f, strength)).sum()
    for one, two in zip(
        torch.autograd.grad(flowed, (f, t)), torch.autograd.grad(plain, (f, strength)), strict=True
    ):
        np.testing.assert_allclose(one, two, atol=1e-7)


def test_a_flow_is_the_chain_of_its_steps() -> None:
    """Three steps by hand through `denoise_tv`, autograd doing the chain rule."""
    f, lengths = leaf(5, 6), torch.tensor([0.03, 0.05, 0.06], dtype=DOUBLE, requires_grad=True)
    u, frames = f, [f]
    for length in lengths:
        u = denoised(u, length)
        frames.append(u)
    weights = torch.from_numpy(np.random.default_rng(7).standard_normal((4, 5, 6)))
    expected = torch.autograd.grad((weights * torch.stack(frames)).sum(), (f, lengths))
    times = torch.cat([torch.zeros(1, dtype=DOUBLE), lengths.cumsum(0)])
    result = steepest.flow(f, times, **arguments(steps=1, **EXACT))
    found = torch.autograd.grad((weights * result.images).sum(), (f, lengths))
    for one, two in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-6)


def test_batches_have_the_gradients_of_their_items() -> None:
    batch, strength = leaf(3, 6, 5), scalar(0.12)
    weights = torch.from_numpy(np.random.default_rng(8).standard_normal((3, 6, 5)))
    options = {
        "steps": steepest.Accuracy(db=30.0, data_range=1.0)
    }  # the items choose different steps
    total = (weights * denoised(batch, strength, batch_axis=0)).sum()
    flow = (
        weights * steepest.flow(batch, 0.2, **arguments(batch_axis=0, **options)).images[0]
    ).sum()
    found, along = torch.autograd.grad(total, (batch, strength))
    flowed = torch.autograd.grad(flow, batch)[0]
    sum_along = 0.0
    for k in range(3):
        f, s = batch[k].detach().requires_grad_(), scalar(0.12)
        one = torch.autograd.grad((weights[k] * denoised(f, s)).sum(), (f, s))
        np.testing.assert_allclose(found[k], one[0], atol=1e-8)
        sum_along += float(one[1])
        alone = (weights[k] * steepest.flow(f, 0.2, **arguments(**options)).images[0]).sum()
        np.testing.assert_allclose(flowed[k], torch.autograd.grad(alone, f)[0], atol=0.02)
    assert float(along) == pytest.approx(sum_along, abs=1e-7)


def test_float32_and_loose_tolerances_come_near() -> None:
    exact, rough = leaf(24, 24), leaf(24, 24, dtype=torch.float32)
    target = leaf(24, 24, seed=1).detach()
    ((denoised(exact, 0.2) - target) ** 2).sum().backward()
    found = steepest.denoise_tv(rough, 0.2, solver=steepest.Solver(tol=1e-6)).image
    assert found.dtype == torch.float32
    ((found - target.float()) ** 2).sum().backward()
    error = torch.linalg.norm(rough.grad.double() - exact.grad) / torch.linalg.norm(exact.grad)
    assert float(error) < 0.03


def test_the_derivative_is_symmetric_and_not_expanding() -> None:
    """The prox of a convex function is the gradient of a convex, 1-smooth one."""
    f = leaf(7, 7)
    v = denoised(f, 0.2)
    jacobian = torch.stack(
        [torch.autograd.grad(x, f, retain_graph=True)[0].ravel() for x in v.ravel()]
    )
    np.testing.assert_allclose(jacobian, jacobian.T, atol=1e-8)
    values = np.linalg.eigvalsh(jacobian.numpy())
    assert values.min() > -1e-8
    assert values.max() < 1 + 1e-8


def test_numpy_and_torch_linearize_alike() -> None:
    """The same array code for NumPy and torch, against a dense solution of the dual system."""
    from steepest.convex.linearized import differentiate, linearize
    from steepest.convex.total_variation import TotalVariation

    rng = np.random.default_rng(9)
    image = rng.random((1, 1, 5, 4))
    result = steepest.denoise(image[0, 0], 0.1, **arguments(**EXACT))
    v, p = result.image[None, None], result.flux[:, None, None]
    functional = TotalVariation(spacing=(1.0, 1.0))
    data = rng.standard_normal(v.shape)
    step = linearize(functional, v, p, 0.1)
    found = differentiate(step, data, 1e-11, 500)
    assert found.converged
    basis = np.eye(p.size).reshape(p.size, *p.shape)
    matrix = np.stack([step.operator(step.tangential(e)).ravel() for e in basis])
    right = step.tangential(steepest.gradient(data, (1.0, 1.0))).ravel()
    flux = np.linalg.lstsq(matrix.T, right, rcond=1e-12)[0].reshape(p.shape)
    dense = data + 0.1 * steepest.divergence(step.tangential(flux), (1.0, 1.0))
    np.testing.assert_allclose(found.image, dense, atol=1e-8)
    tensors = [torch.from_numpy(a) for a in (v, p, data)]
    other = differentiate(linearize(functional, *tensors[:2], 0.1), tensors[2], 1e-11, 500)
    np.testing.assert_allclose(other.image, found.image, atol=1e-9)


@pytest.mark.parametrize(
    "grid",
    [
        TimeGrid.graded(7),
        TimeGrid.uniform(7),
        TimeGrid.logarithmic(7),
        TimeGrid((0.02, 0.7, 0.9)),
    ],
)
def test_rates_of_the_nodes_are_their_derivatives(grid: Any) -> None:
    times = np.array([0.3, 0.8, 1.1])
    rates = grid.rates(grid.through(times), times)
    for j, unit in enumerate(np.eye(3)):
        ahead, behind = (grid.through(times + h * unit) for h in (1e-7, -1e-7))
        np.testing.assert_allclose(rates[:, j], (ahead - behind) / 2e-7, atol=1e-6)


def test_results_are_those_without_gradients() -> None:
    f = leaf(9, 8)
    plain = steepest.tv_flow(f.detach().numpy(), [0, 0.1, 0.2], steps=4)
    tracked = steepest.tv_flow(f, [0, 0.1, 0.2], steps=4)
    np.testing.assert_array_equal(tracked.images.detach(), plain.images)
    np.testing.assert_array_equal(tracked.error_bound, plain.error_bound)
    assert not tracked.flux.requires_grad
    assert isinstance(tracked.error_bound, np.ndarray)
    seen: list[Any] = []
    steepest.tv_flow(f, 0.1, steps=2, on_step=lambda step: seen.append(step.image))
    assert all(torch.is_tensor(image) for image in seen)
    with torch.no_grad():
        assert not steepest.denoise_tv(f, scalar(0.1)).image.requires_grad
    continued = steepest.tv_flow(f.detach(), 0.3, start=tracked.state)
    assert torch.is_tensor(continued.images)


def test_a_stopped_flow_has_gradients_up_to_there() -> None:
    f = leaf(2, 6, 5)
    t = torch.tensor([0.1, 0.2], dtype=DOUBLE, requires_grad=True)
    cut = arguments(steps=TimeGrid.uniform(4), batch_axis=0, **EXACT)
    result = steepest.flow(f, t, **cut, on_step=lambda step: step.time >= 0.15)
    np.testing.assert_allclose(result.times, [0.1, 0.15])
    again = leaf(2, 6, 5)
    to = torch.tensor([0.1, 0.15], dtype=DOUBLE, requires_grad=True)
    whole = steepest.flow(
        again, to, **arguments(steps=steepest.TimeGrid.uniform(3), batch_axis=0, **EXACT)
    )
    weights = torch.from_numpy(np.random.default_rng(2).standard_normal((2, 2, 6, 5)))
    (weights * result.images).sum().backward()
    (weights * whole.images).sum().backward()
    np.testing.assert_allclose(f.grad, again.grad, atol=1e-7)
    chain = [to.grad[0] + to.grad[1] / 2, to.grad[1] / 2]  # where it stopped: half-way between
    np.testing.assert_allclose(t.grad, chain, atol=1e-7)


def test_zero_strength_is_the_identity() -> None:
    f = leaf(4, 4)
    (2 * denoised(f, 0.0)).sum().backward()
    np.testing.assert_array_equal(f.grad, np.full((4, 4), 2.0))
    with pytest.raises(steepest.InputError, match="strength=0"):
        denoised(f, scalar(0.0))


def test_what_cannot_be_differentiated_is_refused() -> None:
    f = leaf(4, 4)
    with pytest.raises(steepest.InputError, match="image must be a torch tensor"):
        steepest.denoise_tv(np.ones((3, 3)), scalar(0.1))
    with pytest.raises(steepest.InputError, match="stack"):
        steepest.tv_flow(f, [scalar(0.1), scalar(0.2)])
    with pytest.raises(steepest.InputError, match="weights requires grad"):
        steepest.denoise(f.detach(), None, steepest.TotalVariation(weights=leaf(4, 4)))
    state = steepest.tv_flow(f.detach(), 0.1).state
    with pytest.raises(steepest.InputError, match="state"):
        steepest.tv_flow(f, 0.2, start=state)
    loss = denoised(f, 0.1).square().sum()
    (gradient,) = torch.autograd.grad(loss, f, create_graph=True)
    with pytest.raises(RuntimeError, match="differentiate twice"):
        gradient.sum().backward()


def test_a_gradient_is_not_lost_where_the_strength_is_found() -> None:
    image = torch.rand(8, 8, dtype=torch.float64, requires_grad=True)
    for denoise in (steepest.denoise, steepest.denoise_tv):
        with pytest.raises(steepest.InputError, match="strength must be given"):
            denoise(image)
    with torch.no_grad():
        assert torch.equal(
            steepest.denoise_tv(image).image, steepest.denoise_tv(image.detach()).image
        )


def test_solving_on_tensors_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """The code path of other devices, run on the CPU."""
    from steepest.flows import problem

    weights = torch.from_numpy(np.linspace(0.5, 1.0, 30).reshape(6, 5))
    gradients = []
    for in_main_memory in (problem.in_main_memory, lambda array: False):
        monkeypatch.setattr(problem, "in_main_memory", in_main_memory)
        f, t = leaf(2, 6, 5), scalar(0.1)
        flow = steepest.flow(
            f,
            t,
            steps=2,
            batch_axis=0,
            energy=steepest.TotalVariation(weights=weights),
            solver=steepest.Solver(tol=1e-14),
        )
        strong = steepest.denoise(
            f,
            t,
            batch_axis=0,
            energy=steepest.TotalVariation(weights=weights),
            solver=steepest.Solver(tol=1e-14),
        )
        assert torch.is_tensor(flow.images)
        assert torch.is_tensor(strong.flux)
        loss = flow.images.square().sum() + strong.image.square().sum()
        gradients.append(torch.autograd.grad(loss, (f, t)))
    for one, two in zip(*gradients, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-4)


@pytest.mark.cuda
def test_cuda_agrees_with_the_cpu() -> None:
    gradients = []
    for device in ("cpu", "cuda"):
        f = leaf(2, 9, 8).detach().to(device).requires_grad_()
        t = torch.tensor([0.05, 0.1], dtype=DOUBLE, device=device, requires_grad=True)
        images = steepest.flow(f, t, **arguments(steps=3, batch_axis=0, **EXACT)).images
        assert images.device.type == device
        images.square().sum().backward()
        gradients.append((f.grad.cpu(), t.grad.cpu()))
    np.testing.assert_allclose(gradients[1][0], gradients[0][0], atol=1e-6)
    np.testing.assert_allclose(gradients[1][1], gradients[0][1], atol=1e-6)
