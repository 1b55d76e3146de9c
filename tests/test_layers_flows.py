"""Nonlinear inverse layers, compared with the solver, minimisers and closed forms."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

import steepest  # noqa: E402
from cases.arguments import arguments  # noqa: E402
from cases.layer_flows import NEW, new_layers  # noqa: E402
from experiments.inverse_layers.evolutions import (  # noqa: E402
    AdvectionDiffusionReactionFlow,
    AllenCahnFlow,
    CurvatureFlow,
    PorousMediumFlow,
)
from steepest.core.errors import InputError  # noqa: E402
from steepest.layers import (  # noqa: E402
    InverseEvolution,
    InverseHeat,
    TotalVariationFlow,
)

LAYERS: dict[str, Callable[..., InverseEvolution]] = {
    "total variation": lambda **k: InverseEvolution(TotalVariationFlow(eps=0.7), 2, 0.1, **k),
    "curvature": lambda **k: InverseEvolution(CurvatureFlow(eps=0.7), 2, 0.05, **k),
    "allen-cahn": lambda **k: InverseEvolution(AllenCahnFlow(eps=0.8, diffusion=0.3), 2, 0.1, **k),
    "porous medium": lambda **k: InverseEvolution(PorousMediumFlow(exponent=2.5), 2, 0.05, **k),
    "advection": lambda **k: InverseEvolution(
        AdvectionDiffusionReactionFlow((1.5, -0.7), 0.4, torch.sin), 2, 0.05, **k
    ),
    **{name: lambda name=name, **k: new_layers(**k)[name] for name in NEW},
}

ALONG = AdvectionDiffusionReactionFlow((1,))


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def grid(*shape: int) -> list[torch.Tensor]:
    """Coordinates around the centre, each (1, 1, *shape)."""
    axes = [torch.arange(n, dtype=torch.float64) - n // 2 for n in shape]
    return [x[None, None] for x in torch.meshgrid(*axes, indexing="ij")]


@pytest.mark.parametrize("space", [(12, 11), (5, 6, 4)])
@pytest.mark.parametrize(("dt", "eps"), [(0.3, 0.5), (0.05, 0.02), (2.0, 5.0)])
def test_total_variation_inverts_the_engine_s_step(
    space: tuple[int, ...], dt: float, eps: float
) -> None:
    """In both orders: the layer after the step, and the step after the layer."""
    v = noise(2, 1, *space)
    layer = InverseEvolution(TotalVariationFlow(eps=eps), 1, dt)

    def step(u: torch.Tensor) -> steepest.DenoiseResult:
        options: dict[str, Any] = {"huber": eps, "batch_axis": 0, "max_num_iter": 100_000}
        return steepest.denoise(u[:, 0].numpy(), dt, **arguments(tol=1e-14, **options))

    back = step(layer(v))
    assert float(np.abs(back.image - v[:, 0].numpy()).max()) <= float(back.error_bound.max())
    assert float(back.error_bound.max()) < 1e-5
    amplified = layer(torch.from_numpy(step(v).image)[:, None])
    rate = 1 + 4 * len(space) * dt / eps  # Lipschitz constant of the layer
    assert float((amplified - v).abs().max()) < 1e-6 * rate


def test_allen_cahn_inverts_the_proximal_step() -> None:
    """The energy in NumPy, and its proximal point by a quasi-Newton method."""
    eps, diffusion, dt, shape = 0.8, 0.3, 0.5, (6, 5)
    u = noise(1, 1, *shape).numpy()

    def energy(flat: np.ndarray) -> float:
        v = flat.reshape(shape)
        slopes = sum((np.diff(v, axis=a) ** 2).sum() for a in (0, 1))
        wells = ((v**2 - 1) ** 2).sum() / (4 * eps**2)
        return float(0.5 * ((v - u) ** 2).sum() + dt * (0.5 * diffusion * slopes + wells))

    found = minimize(energy, u.ravel(), method="BFGS", options={"gtol": 1e-7})
    layer = InverseEvolution(AllenCahnFlow(eps, diffusion), 1, dt)
    v = torch.from_numpy(found.x.reshape(1, 1, *shape))
    torch.testing.assert_close(layer(v), torch.from_numpy(u), rtol=0, atol=1e-5)


def test_allen_cahn_threshold_is_sharp() -> None:
    eps, dt = 0.5, 0.4
    with pytest.raises(InputError, match=r"0\.25"):
        InverseEvolution(AllenCahnFlow(eps), 1, dt)
    operator = AllenCahnFlow(eps)
    layer = InverseEvolution(lambda u: operator(u), 1, dt, max_gain=None)
    other = torch.full((1, 1, 4, 4), np.sqrt(1 - eps**2 / dt), dtype=torch.float64)
    torch.testing.assert_close(layer(other), torch.zeros_like(other), rtol=0, atol=1e-14)


@pytest.mark.parametrize("shape", [(9, 11), (7, 8, 9)])
def test_curvature_of_a_paraboloid(shape: tuple[int, ...]) -> None:
    """u = |x|^2/2: g = x, H = 1, so F = d - |x|^2 / (|x|^2 + eps^2), exactly on the grid."""
    squares = sum(x * x for x in grid(*shape))
    layer = InverseEvolution(CurvatureFlow(eps=0.6), 1, 1.0, max_gain=None)
    change = squares / 2 - layer(squares / 2)
    inside = (slice(None), slice(None), *(slice(2, -2),) * len(shape))
    expected = len(shape) - squares / (squares + 0.36)
    torch.testing.assert_close(change[inside], expected[inside])


def test_porous_medium_closed_forms() -> None:
    """m = 1 is heat; Laplacian(u|u|) of u = x in 1-D is 2 for x > 0, and of x^2 12 x^2 + 2."""
    u = noise(2, 2, 5, 6)
    same = InverseHeat(3, 0.1, max_gain=None)(u)
    torch.testing.assert_close(InverseEvolution(PorousMediumFlow(exponent=1.0), 3, 0.1)(u), same)
    (x,) = grid(15)
    layer = InverseEvolution(PorousMediumFlow(), 1, 1.0, max_gain=None, spatial_ndim=1)
    change = x - layer(x)
    torch.testing.assert_close(change[..., 1:-1], 2 * x.sign()[..., 1:-1])
    squares = x * x
    change = squares - layer(squares)
    torch.testing.assert_close(change[..., 1:-1], (12 * squares + 2)[..., 1:-1])


@pytest.mark.parametrize("exponent", [1.0, 1.5, 2.0])
def test_porous_medium_is_differentiated_at_zero(exponent: float) -> None:
    """d(|u|^(m-1) u)/du at 0 is 1 for m = 1, as for heat, and 0 for m > 1."""
    zeros = torch.zeros(1, 1, 3, 4, dtype=torch.float64)
    layer = InverseEvolution(PorousMediumFlow(exponent), 2, 0.1, max_gain=None)
    heat = InverseHeat(2, 0.1, max_gain=None) if exponent == 1 else nn.Identity()
    expected = torch.autograd.functional.jacobian(heat, zeros)
    torch.testing.assert_close(torch.autograd.functional.jacobian(layer, zeros), expected)


@pytest.mark.parametrize("scheme", ["upwind", "central"])
def test_advection_of_a_plane(scheme: str) -> None:
    """F(a . x) = -velocity . a + r for both schemes."""
    x, y = grid(8, 9)
    u = 3 * x - 2 * y
    layer = InverseEvolution(
        AdvectionDiffusionReactionFlow((1.5, -0.7), 0.4, lambda u: -0.1 * u, scheme),
        1,
        1.0,
        max_gain=None,
    )
    change = (u - layer(u))[..., 1:-1, 1:-1]
    expected = torch.full_like(change, -(1.5 * 3 + 0.7 * 2)) - 0.1 * u[..., 1:-1, 1:-1]
    torch.testing.assert_close(change, expected)


@pytest.mark.parametrize("boundary", ["neumann", "zero", "periodic"])
def test_upwind_implicit_step_is_monotone(boundary: str) -> None:
    """The inverse of the layer's matrix has no negative entry and rows that sum to at most 1."""
    layer = InverseEvolution(
        AdvectionDiffusionReactionFlow((2.0, -3.0), 0.1, boundary=boundary), 1, 0.8, max_gain=None
    )
    shape = (1, 1, 4, 5)
    matrix = torch.autograd.functional.jacobian(layer, noise(*shape)).reshape(20, 20)
    inverse = torch.linalg.inv(matrix)
    assert float(inverse.min()) > -1e-12
    assert float(inverse.sum(1).max()) <= 1 + 1e-12


@pytest.mark.parametrize("name", LAYERS)
def test_gradients(name: str) -> None:
    u = noise(1, 2, 3, 4, seed=3).requires_grad_()
    layer = LAYERS[name](max_gain=None)
    assert torch.autograd.gradcheck(layer, u, check_forward_ad=True)
    if name != "total variation":  # its second derivative jumps where the slope is eps
        assert torch.autograd.gradgradcheck(layer, u)


@pytest.mark.parametrize("name", LAYERS)
def test_flat_images_have_finite_gradients(name: str) -> None:
    u = torch.zeros(1, 2, 4, 5, requires_grad=True)
    LAYERS[name]()(u).square().sum().backward()
    assert u.grad is not None
    assert bool(torch.isfinite(u.grad).all())


@pytest.mark.parametrize("name", LAYERS)
def test_channels_and_items_do_not_mix(name: str) -> None:
    u = noise(2, 3, 6, 7)
    layer = LAYERS[name](max_gain=None)
    alone = torch.cat([torch.cat([layer(c[None, None]) for c in item], 1) for item in u])
    torch.testing.assert_close(layer(u), alone)


@pytest.mark.parametrize("name", [name for name in LAYERS if name != "advection"])
def test_volumes_agree_with_images(name: str) -> None:
    """A volume of equal slices is a stack of images."""
    u = noise(1, 2, 6, 7)
    layer = LAYERS[name](max_gain=None)
    volume = layer(u[:, :, None].expand(-1, -1, 3, -1, -1))
    for z in range(3):
        torch.testing.assert_close(volume[:, :, z], layer(u))


@pytest.mark.parametrize("name", [name for name in LAYERS if name != "advection"])
def test_signals_are_asked_for(name: str) -> None:
    """(N, H, W) could be mistaken for (N, C, length)."""
    u = noise(2, 3, 8)
    with pytest.raises(InputError, match=r"shape \(2, 3, 8\).*spatial_ndim=1"):
        LAYERS[name]()(u)
    assert LAYERS[name](spatial_ndim=1)(u).shape == u.shape
    with pytest.raises(InputError, match="with 1 spatial axes"):
        LAYERS[name](spatial_ndim=1)(noise(2, 2, 4, 4))


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: InverseEvolution(3, 1, 0.1), "callable"),  # type: ignore[arg-type]
        (lambda: TotalVariationFlow(eps=0), "eps=0"),
        (lambda: CurvatureFlow(boundary="reflect"), "periodic"),
        (lambda: PorousMediumFlow(exponent=0.5), "from 1 to 100"),
        (lambda: AdvectionDiffusionReactionFlow((1, np.inf)), "must be finite"),
        (lambda: AdvectionDiffusionReactionFlow(2.0), "sequence"),  # type: ignore
        (lambda: AdvectionDiffusionReactionFlow((1,), scheme="eno"), "upwind"),
        (lambda: AdvectionDiffusionReactionFlow((1,), reaction=1), "callable"),  # type: ignore
        (lambda: InverseEvolution(lambda u: u[:1, :1], 1, 0.1)(noise(2, 2, 4, 4)), "shape"),
        (lambda: InverseEvolution(ALONG, 1, 0.1)(noise(2, 2, 4, 4)), "1 spatial"),
        (lambda: ALONG(noise(2, 2, 4, 4)), "per spatial axis"),
        (lambda: TotalVariationFlow(eps=1e-16), "from 1e-15"),
        (lambda: CurvatureFlow(eps=1e-30), "from 1e-15"),
        (lambda: InverseEvolution(AllenCahnFlow(eps=0.5), 1, 0.25), r"below 0\.25.*no Lipschitz"),
    ],
)
def test_bad_arguments(make: Callable[[], Any], word: str) -> None:
    with pytest.raises(InputError, match=word):
        make()
