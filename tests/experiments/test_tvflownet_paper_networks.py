"""The paper's networks: sizes, symmetries, derivatives."""

from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from experiments.tvflownet.networks import REGISTRY  # noqa: E402
from experiments.tvflownet.units import CONTRAST  # noqa: E402
from steepest.core.errors import InputError  # noqa: E402
from steepest.learning.flows.fields import divergence, drop_unused, project  # noqa: E402

COUNTS = {"semi-resnet": 14_947, "unet": 272_972, "lgd": 33_415}
RADIUS = {"semi-resnet": 8 + 1, "unet": 51, "lgd": 5 * 6 + 1}  # the gradient of u0 reaches 1 more
SMALL: dict[str, dict[str, Any]] = {
    "semi-resnet": {"channels": 3, "depth": 3},
    "unet": {"channels": [3, 4], "skip_channels": 2},
    "lgd": {"blocks": 2, "state": 3, "kernel": 3},
}
NAMES = sorted(COUNTS)
SMOOTH = {"semi-resnet": {"activations": "softplus"}}  # no kinks for finite differences to meet


def make(name: str, dtype: torch.dtype = torch.float64, **config: Any) -> torch.nn.Module:
    torch.manual_seed(0)
    return REGISTRY.build(name, config).to(dtype)


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def images(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(shape, generator=generator, dtype=torch.float64).to(dtype)


TIMES = torch.tensor([0.0, 0.13], dtype=torch.float64)


def test_parameters(name: str) -> None:
    network = make(name)
    assert sum(p.numel() for p in network.parameters()) == COUNTS[name]


@pytest.mark.parametrize("size", [(8, 8), (9, 16), (31, 33), (13, 40)])
def test_any_size(name: str, size: tuple[int, int]) -> None:
    u0 = images(2, 1, *size)
    u, flux = make(name)(u0, TIMES)
    assert u.shape == u0.shape
    assert flux.shape == (2, 2, *size)
    assert float((flux**2).sum(1).max().detach()) <= 1 + 1e-12
    assert torch.equal(flux, drop_unused(flux))


def test_forward_projects_what_is_proposed(name: str) -> None:
    network, u0 = make(name), images(2, 1, 16, 16)
    with torch.no_grad():  # so large that most of the flux is outside the ball
        list(network.parameters())[-1].mul_(0).add_(7.0)
    u, phi = network.propose(u0, TIMES)
    assert float((phi**2).sum(1).max().detach()) > 2
    assert torch.equal(network(u0, TIMES)[1], project(phi))
    assert torch.equal(network.solve(u0, TIMES), u)


def silence(network: torch.nn.Module, name: str) -> None:
    """Zero the output layers."""
    last = {
        "semi-resnet": lambda: [network.layers[-1]],
        "unet": lambda: [network.last],
        "lgd": lambda: [block.leave for block in network.blocks],
    }
    with torch.no_grad():
        for layer in last[name]():
            layer.weight.zero_()
            layer.bias.zero_()


def test_residual_connections(name: str) -> None:
    """With zero output layers, u = u0 in all networks; phi = phi_ini in LGD, else 0."""
    network, u0 = make(name), images(2, 1, 16, 16)
    silence(network, name)
    u, phi = network.propose(u0, TIMES)
    g = torch.zeros(2, 2, 16, 16, dtype=torch.float64)
    g[:, 0, :-1], g[:, 1, :, :-1] = u0[:, 0].diff(dim=1), u0[:, 0].diff(dim=2)
    g = CONTRAST * g
    expected = g / ((g**2).sum(1, keepdim=True) + 1e-8).sqrt()
    assert torch.equal(u, u0)
    torch.testing.assert_close(phi, expected if name == "lgd" else torch.zeros_like(g))


def test_image_and_time_are_seen_in_the_paper_s_scale(name: str) -> None:
    network, u0 = make(name), images(1, 1, 16, 16)
    seen = {}
    first = next(m for m in network.modules() if isinstance(m, torch.nn.Conv2d))
    first.register_forward_hook(lambda module, inputs, output: seen.update(x=inputs[0]))
    network(u0, torch.tensor([0.2], dtype=torch.float64))
    torch.testing.assert_close(seen["x"][:, :1], 5 * u0)
    torch.testing.assert_close(seen["x"][:, 1], torch.ones(1, 16, 16, dtype=torch.float64))


def test_receptive_field(name: str) -> None:
    """Pixels farther away than the radius have no influence, near ones have some."""
    network, u0 = make(name), images(1, 1, 144, 144).requires_grad_()
    (influence,) = torch.autograd.grad(network(u0, TIMES[1:])[0][0, 0, 72, 72], u0)
    rows, columns = torch.nonzero(influence[0, 0], as_tuple=True)
    assert int((rows - 72).abs().max()) <= RADIUS[name]
    assert int((columns - 72).abs().max()) <= RADIUS[name]
    assert len(rows) > 100


def test_derivative_in_time(name: str) -> None:
    network, u0 = make(name, **SMOOTH.get(name, {})), images(2, 1, 12, 12)
    t, step = TIMES + 0.05, 1e-5
    _, forward_mode = torch.func.jvp(lambda s: network.propose(u0, s), (t,), (torch.ones_like(t),))
    later, before = network.propose(u0, t + step), network.propose(u0, t - step)
    for tangent, a, b in zip(forward_mode, later, before, strict=True):
        torch.testing.assert_close(tangent, (a - b) / (2 * step), rtol=1e-6, atol=1e-7)


def test_gradient_of_the_velocity_in_the_parameters(name: str) -> None:
    """Reverse over forward mode, compared with central differences in a random direction."""
    torch.manual_seed(0)
    network = REGISTRY.networks[name](**SMALL[name]).double()
    u0, t = images(2, 1, 9, 9), TIMES + 0.05

    def value() -> torch.Tensor:
        (u, phi), (u_t, _) = torch.func.jvp(
            lambda s: network.propose(u0, s), (t,), (torch.ones_like(t),)
        )
        return ((u_t - divergence(phi)) ** 2).sum() + (u**2).sum()

    parameters = list(network.parameters())
    directions = [torch.randn_like(p) for p in parameters]
    gradients = torch.autograd.grad(value(), parameters)
    slope = sum((g * d).sum() for g, d in zip(gradients, directions, strict=True))
    values = []
    with torch.no_grad():
        for step in (1e-6, -2e-6):
            for p, d in zip(parameters, directions, strict=True):
                p.add_(step * d)
            values.append(value())
    torch.testing.assert_close(slope, (values[0] - values[1]) / 2e-6, rtol=1e-5, atol=1e-6)


def test_compiled(name: str) -> None:
    network, u0 = make(name, **SMALL[name]), images(2, 1, 16, 16)
    compiled = torch.compile(network, backend="aot_eager", fullgraph=True)
    for a, b in zip(network(u0, TIMES), compiled(u0, TIMES), strict=True):
        torch.testing.assert_close(a, b)


def test_autocast_keeps_the_dtype_and_the_residual_connection(name: str) -> None:
    network, u0 = make(name, torch.float32), images(2, 1, 16, 16, dtype=torch.float32)
    t = TIMES.float()
    with torch.autocast("cpu", torch.bfloat16):
        u, flux = network(u0, t)
        _, (u_t, _) = torch.func.jvp(lambda s: network.propose(u0, s), (t,), (torch.ones(2),))
    assert u.dtype == flux.dtype == u_t.dtype == torch.float32
    torch.testing.assert_close(u, network(u0, t)[0], rtol=0, atol=0.02)
    silence(network, name)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(network.solve(u0, t), u0)


@pytest.mark.parametrize(
    ("name", "config", "word"),
    [
        ("semi-resnet", {"activations": "tanh"}, "relu-softplus"),
        ("semi-resnet", {"depth": 1}, "at least 2"),
        ("semi-resnet", {"channels": 0}, "positive"),
        ("unet", {"channels": [32]}, "two scales"),
        ("unet", {"channels": "3264"}, "sequence"),
        ("unet", {"channels": [32, 1.5]}, "positive integer"),
        ("lgd", {"kernel": 6}, "odd"),
        ("lgd", {"state": -1}, "positive"),
        ("lgd", {"steps": 3}, "blocks"),
        ("lgd", [3], "dictionary"),
        ("vgg", {}, "semi-resnet"),
    ],
)
def test_bad_configurations(name: str, config: Any, word: str) -> None:
    with pytest.raises(InputError, match=word):
        REGISTRY.build(name, config)


def test_building_leaves_the_random_state_alone(name: str) -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    REGISTRY.build(name, {})
    assert torch.equal(torch.rand(4), expected)


def test_bad_inputs(name: str) -> None:
    network = make(name)
    smallest = network.MIN_SIZE
    network(images(1, 1, smallest, smallest), TIMES[1:])
    bad = images(1, 1, 16, 16)
    bad[0, 0, 3, 3] = torch.nan
    cases = [
        (images(1, 1, smallest - 1, 32), TIMES[1:], "too small"),
        (images(1, 3, 16, 16), TIMES[1:], "N, 1, H, W"),
        (images(1, 1, 16, 16), TIMES, "one time per image"),
        (images(1, 1, 16, 16), -TIMES[1:], "negative"),
        (bad, TIMES[1:], "NaN"),
    ]
    for u0, t, word in cases:
        with pytest.raises(InputError, match=word):
            network(u0, t)
        with pytest.raises(InputError, match=word):
            network.solve(u0, t)
