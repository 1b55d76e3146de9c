"""Diffusion of features on manifolds, as a layer."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from experiments.manifold_gcn import ManifoldDiffusion, TangentMLP, pixel_edges  # noqa: E402
from experiments.manifold_gcn.geometry import _KINDS, geometry_of  # noqa: E402
from steepest import InputError  # noqa: E402
from steepest.grid.differences import laplacian  # noqa: E402
from steepest.manifold import SPD, Circle, Euclidean, Product, Rotations, Sphere  # noqa: E402
from tests.manifold_points import MANIFOLDS, random_points  # noqa: E402

SUPPORTED = [manifold for manifold in MANIFOLDS if type(manifold) in _KINDS]
every_manifold = pytest.mark.parametrize("manifold", SUPPORTED, ids=repr)
EDGES = torch.tensor([[0, 1, 2, 3, 4, 1, 2, 3], [1, 2, 3, 4, 0, 0, 0, 1]])


def features(manifold, vertices=5, channels=2, seed=0):
    points = random_points(manifold, vertices * channels, np.random.default_rng(seed))
    return torch.tensor(points).reshape(vertices, channels, *manifold.point_shape)


def layer(manifold, **options):
    return ManifoldDiffusion(manifold, 2, **options).double()


def both(manifold):
    """Diffusion, and a perceptron with a hidden layer."""
    torch.manual_seed(0)
    return layer(manifold, steps=2), TangentMLP(manifold, (2, 4, 3)).double()


def run(module, x, edges=EDGES):
    return module(x, edges) if isinstance(module, ManifoldDiffusion) else module(x)


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
def test_layers_commute_with_permutations(manifold):
    x, order = features(manifold), torch.tensor([3, 1, 4, 0, 2])
    for module in both(manifold):
        expected = run(module, x)[order]
        result = run(module, x[order], order.argsort()[EDGES])
        assert manifold.distance(points(result, manifold), points(expected, manifold)).max() < 1e-10


def test_layers_commute_with_isometries():
    from steepest.manifold.symmetry import multiply

    rng = np.random.default_rng(3)
    turn = torch.tensor(np.linalg.qr(rng.normal(size=(3, 3)))[0])
    a = torch.tensor(rng.normal(size=(3, 3)))
    q = rng.normal(size=4)
    isometries = {
        Sphere(2): lambda x: x @ turn,
        SPD(3): lambda x: a @ x @ a.T,
        Circle(): lambda x: x + 2,
        Rotations("m-3m"): lambda x: torch.tensor(multiply(q / np.linalg.norm(q), x.numpy())),
    }
    for manifold, move in isometries.items():
        x = features(manifold)
        for module in both(manifold):
            with torch.no_grad():
                one, other = run(module, move(x)), move(run(module, x))
            assert manifold.distance(points(one, manifold), points(other, manifold)).max() < 1e-8


def test_crystal_orientations_do_not_depend_on_representatives():
    from steepest.manifold.symmetry import multiply

    manifold = Rotations("m-3m")
    x = features(manifold)
    other = torch.tensor(multiply(x.numpy(), manifold.operators[7]))
    for module in both(manifold):
        one, two = run(module, x), run(module, other)
        assert manifold.distance(points(one, manifold), points(two, manifold)).max() < 1e-10


def test_a_perceptron_of_numbers_is_one_of_differences_to_the_first_channel():
    x = torch.randn(6, 3, 1, dtype=torch.float64)
    module = TangentMLP(Euclidean(1), (3, 2)).double()
    q, k = ((x[:, 1:, 0] - x[:, :1, 0]) @ w[0].T for w in (module.values, module.directions))
    expected = torch.where(q * k < 0, 0.2 * q, q) + x[:, :1, 0]
    torch.testing.assert_close(module(x)[..., 0], expected, atol=1e-2, rtol=1e-2)


@every_manifold
def test_equal_features_stay(manifold):
    x = features(manifold)
    x = x[:1, :1].expand_as(x)
    for module in both(manifold):
        result = run(module, x)
        expected = x[:, :1].expand_as(result)
        apart = manifold.distance(points(result, manifold), points(expected, manifold))
        assert apart.max() < 1e-7


@pytest.mark.parametrize(
    ("manifold", "coincident"),
    [
        *((manifold, False) for manifold in SUPPORTED if manifold.dimension < 4),
        *((manifold, True) for manifold in SUPPORTED if manifold.dimension == 3),
    ],
    ids=repr,
)
def test_gradients(manifold, coincident):
    """Also where features, and eigenvalues of tensors, coincide: there quotients are 0 / 0."""
    x = features(manifold)
    if coincident:
        x = x[:1, :1].expand_as(x).clone()
        if isinstance(manifold, SPD):
            x = torch.eye(manifold.size, dtype=torch.float64).expand_as(x).clone()
    x.requires_grad_()
    for module in both(manifold):
        if isinstance(manifold, SPD):  # numerical derivatives stay on symmetric matrices
            assert torch.autograd.gradcheck(lambda x, m=module: run(m, (x + x.mT) / 2), x)
        else:
            assert torch.autograd.gradcheck(lambda x, m=module: run(m, x), x)
    if not coincident:
        module = layer(manifold)
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
        (lambda: TangentMLP("sphere", (1, 4)), "channels"),
        (lambda: TangentMLP("sphere", (3,)), "channels"),
        (lambda: TangentMLP("sphere", 3), "channels=3"),
        (lambda: TangentMLP("sphere", (3, 4))(torch.ones(4, 2, 3)), "features of shape"),
        (lambda: layer("sphere")(torch.ones(4, 1, 3), EDGES), "features of shape"),
        (lambda: layer("sphere")(torch.ones(4, 2, 3).int(), EDGES), "float32 and float64"),
        (lambda: layer("sphere")(torch.ones(5, 2, 3), EDGES.T), "edges"),
        (lambda: layer("sphere")(torch.ones(5, 2, 3), EDGES, torch.ones(2)), "weights"),
    ],
)
def test_bad_input(run, message):
    with pytest.raises(InputError, match=message):
        run()
