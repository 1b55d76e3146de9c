"""Diffusion of features on manifolds, as a layer."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from steepest import InputError  # noqa: E402
from steepest.grid.differences import laplacian  # noqa: E402
from steepest.layers import ManifoldDiffusion, pixel_edges  # noqa: E402
from steepest.layers.manifold_geometry import geometry_of  # noqa: E402
from steepest.manifold import SPD, Circle, Euclidean, Product, Rotations, Sphere  # noqa: E402
from tests.manifold_points import MANIFOLDS, random_points  # noqa: E402

SUPPORTED = [manifold for manifold in MANIFOLDS if not isinstance(manifold, Product)]
every_manifold = pytest.mark.parametrize("manifold", SUPPORTED, ids=repr)
EDGES = torch.tensor([[0, 1, 2, 3, 4, 1, 2, 3], [1, 2, 3, 4, 0, 0, 0, 1]])


def features(manifold, vertices=5, channels=2, seed=0):
    points = random_points(manifold, vertices * channels, np.random.default_rng(seed))
    return torch.tensor(points).reshape(vertices, channels, *manifold.point_shape)


def layer(manifold, **options):
    return ManifoldDiffusion(manifold, 2, **options).double()


def points(tensor, manifold):
    return np.ascontiguousarray(tensor.detach().numpy()).reshape(-1, *manifold.point_shape)


@every_manifold
def test_geodesics_are_those_of_numpy(manifold):
    x, y = features(manifold, seed=1), features(manifold, seed=2)
    geometry = geometry_of(manifold)
    third = geometry.exp(x, geometry.log(x, y) / 3)
    a, b = points(x, manifold), points(y, manifold)
    expected = manifold.exp(a, manifold.log(a, b) / 3)
    assert manifold.distance(points(third, manifold), expected).max() < 1e-10


def test_real_features_take_explicit_steps_of_the_heat_equation():
    image = torch.rand(6, 7, 1, 1, dtype=torch.float64)
    module = ManifoldDiffusion(Euclidean(1), 1, steps=3, time=0.2).double()
    edges = pixel_edges((6, 7))
    result = module(image.reshape(42, 1, 1), edges, torch.ones(edges.shape[1]))
    expected = image.reshape(1, 1, 6, 7)
    for _ in range(3):
        expected = expected + module.time.item() * laplacian(expected, (2, 3), "neumann")
    torch.testing.assert_close(result.reshape(6, 7), expected[0, 0])


@every_manifold
def test_layer_commutes_with_permutations(manifold):
    x, order = features(manifold), torch.tensor([3, 1, 4, 0, 2])
    expected = layer(manifold, steps=2)(x, EDGES)[order]
    renumbered = order.argsort()[EDGES]
    result = layer(manifold, steps=2)(x[order], renumbered)
    assert manifold.distance(points(result, manifold), points(expected, manifold)).max() < 1e-10


def test_layer_commutes_with_isometries():
    rng = np.random.default_rng(3)
    turn = torch.tensor(np.linalg.qr(rng.normal(size=(3, 3)))[0])
    x = features(Sphere(2))
    module = layer("sphere", steps=3)
    torch.testing.assert_close(module(x @ turn, EDGES), module(x, EDGES) @ turn)
    a = torch.tensor(rng.normal(size=(3, 3)))
    x = features(SPD(3))
    module = layer("spd", steps=3)
    torch.testing.assert_close(
        module(a @ x @ a.T, EDGES), a @ module(x, EDGES) @ a.T, rtol=1e-9, atol=1e-9
    )
    module = layer(Circle(), steps=3)
    x = features(Circle())
    moved, still = module(x + 2, EDGES), module(x, EDGES) + 2
    torch.testing.assert_close(torch.exp(1j * moved), torch.exp(1j * still))


def test_crystal_orientations_do_not_depend_on_representatives():
    from steepest.manifold.symmetry import multiplied

    manifold = Rotations("m-3m")
    x = features(manifold)
    other = torch.tensor(multiplied(x.numpy(), manifold.operators[7]))
    module = layer(manifold, steps=2)
    one, two = module(x, EDGES), module(other, EDGES)
    assert manifold.distance(points(one, manifold), points(two, manifold)).max() < 1e-10


@every_manifold
def test_equal_features_stay(manifold):
    x = features(manifold, 1).expand(5, *features(manifold).shape[1:])
    result = layer(manifold)(x, EDGES)
    assert manifold.distance(points(result, manifold), points(x, manifold)).max() < 1e-7


@every_manifold
@pytest.mark.parametrize("coincident", [False, True])
def test_gradients(manifold, coincident):
    """Also where features, and eigenvalues of tensors, coincide: there quotients are 0 / 0."""
    x = features(manifold)
    if coincident:
        x = x[:1].expand_as(x).clone()
        if isinstance(manifold, SPD):
            x = torch.eye(manifold.size, dtype=torch.float64).expand_as(x).clone()
    module = layer(manifold)
    if isinstance(manifold, SPD):
        half = x / 2  # so that numerical derivatives stay on symmetric matrices

        def run(half):
            return module(half + half.mT, EDGES)

        assert torch.autograd.gradcheck(run, half.requires_grad_())
    else:
        assert torch.autograd.gradcheck(lambda x: module(x, EDGES), x.requires_grad_())
    if not coincident:
        gradient = torch.autograd.grad(module(x, EDGES).square().sum(), module.raw_time)[0]
        assert torch.isfinite(gradient).all()


@every_manifold
def test_single_precision_and_finite_gradients_of_opposite_points(manifold):
    x = features(manifold).float()
    if isinstance(manifold, Sphere):
        x[1] = -x[0]
    x.requires_grad_()
    result = ManifoldDiffusion(manifold, 2)(x, EDGES)
    assert result.dtype == torch.float32
    result.square().sum().backward()
    assert torch.isfinite(x.grad).all()


def test_time_is_positive_and_can_be_learned():
    module = ManifoldDiffusion("sphere", 3, time=0.7)
    torch.testing.assert_close(module.time, torch.full((3,), 0.7))
    start = features(Sphere(2), channels=1)
    target = ManifoldDiffusion("sphere", 1, time=0.3).double()(start, EDGES).detach()
    module = ManifoldDiffusion("sphere", 1, time=1.0).double()
    optimiser = torch.optim.Adam(module.parameters(), 0.1)
    for _ in range(200):
        optimiser.zero_grad()
        (module(start, EDGES) - target).square().sum().backward()
        optimiser.step()
    assert module.time.item() == pytest.approx(0.3, abs=1e-3)


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda: ManifoldDiffusion("sphere", 0), "channels"),
        (lambda: ManifoldDiffusion("sphere", 1, steps=0), "steps"),
        (lambda: ManifoldDiffusion("sphere", 1, time=0), "time"),
        (lambda: ManifoldDiffusion(Product((Circle(),)), 1), "allowed in layers"),
        (lambda: layer("sphere")(torch.ones(4, 1, 3), EDGES), "features of shape"),
        (lambda: layer("sphere")(torch.ones(4, 2, 3).int(), EDGES), "float32 and float64"),
        (lambda: layer("sphere")(torch.ones(5, 2, 3), EDGES.T), "edges"),
        (lambda: layer("sphere")(torch.ones(5, 2, 3), EDGES, torch.ones(2)), "weights"),
    ],
)
def test_bad_input(run, message):
    with pytest.raises(InputError, match=message):
        run()
