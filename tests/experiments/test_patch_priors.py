"""Other patch priors: densities that are densities, networks that are averaged, certified ends."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from benchmarks.patch_tasks import Case, radon  # noqa: E402
from experiments.patches.flow import Coupling, PatchFlow  # noqa: E402
from experiments.patches.proximal import (  # noqa: E402
    ProximalNetwork,
    plug_and_play,
)


def shaken(module: torch.nn.Module, scale: float) -> torch.nn.Module:
    """The module in float64, its parameters moved at random."""
    torch.manual_seed(0)
    module = module.double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += scale * torch.randn_like(parameter)
    return module


def test_couplings_are_undone_and_their_determinant_is_that_of_the_jacobian() -> None:
    coupling = shaken(Coupling(7, 16), 0.3)
    x = torch.randn(5, 7, dtype=torch.float64)
    y, logs = coupling(x)
    torch.testing.assert_close(coupling.inverse(y), x)
    for row, log in zip(x, logs, strict=True):
        matrix = torch.autograd.functional.jacobian(lambda r: coupling(r[None])[0][0], row)
        assert torch.linalg.slogdet(matrix)[1].item() == pytest.approx(log.item(), abs=1e-10)


def test_the_density_of_a_flow_has_the_integral_one() -> None:
    flow = shaken(PatchFlow(2, blocks=2, width=8), 0.2)
    flow.mean, flow.scale = torch.tensor(0.3), torch.tensor(0.5)
    axis = torch.linspace(-8, 8, 801, dtype=torch.float64)
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    with torch.no_grad():
        total = flow(grid).exp().sum().item() * 0.02**2
    assert total == pytest.approx(1, abs=1e-3)


def test_layers_are_firmly_nonexpansive_and_networks_averaged() -> None:
    network = shaken(ProximalNetwork(layers=2, size=3), 0.3)
    for scale in (1e-3, 1.0):
        x = torch.randn(8, 1, 9, 10, dtype=torch.float64)
        y = x + scale * torch.randn_like(x)
        for operator, part in ((network.layers[0], 1 / 2), (network, 2 / 3)):
            with torch.no_grad():
                u, v = operator(x), operator(y)
            # (1 - part) |(I - T) x - (I - T) y|^2 <= part (|x - y|^2 - |T x - T y|^2)
            left = (1 - part) * ((x - u) - (y - v)).square().sum((1, 2, 3))
            right = part * ((x - y).square() - (u - v).square()).sum((1, 2, 3))
            assert (left <= right + 1e-12).all()


def test_plug_and_play_ends_within_its_bound_of_the_fixed_point() -> None:
    network = ProximalNetwork(layers=2, size=3, noise=0.05).double()
    rng = np.random.default_rng(0)
    kept = rng.random((10, 11)) < 0.5
    data = kept * rng.random(kept.shape)
    case = Case(data, data, 0.01, lambda u: kept * u, lambda f: kept * f)
    start = np.full(kept.shape, 0.5)
    first = plug_and_play(case, network, start, ridge=0.2, tol=1e-2)
    exact = plug_and_play(case, network, start, ridge=0.2, tol=1e-11)
    distance = np.linalg.norm(first.image - exact.image)
    assert 0 < distance <= first.bound <= 1e-2 * math.sqrt(data.size)
    assert exact.iterations > first.iterations


def test_projections_keep_mass_and_turn_with_the_image() -> None:
    matrix, image = radon(16, 4), np.zeros((16, 16))
    image[4:9, 5:12] = np.random.default_rng(0).random((5, 7))
    views = (matrix @ image.ravel()).reshape(4, 16)
    np.testing.assert_allclose(views.sum(1) * 16, image.sum())
    turned = (matrix @ np.rot90(image).ravel()).reshape(4, 16)
    np.testing.assert_allclose(turned[0], views[2], atol=1e-12)
