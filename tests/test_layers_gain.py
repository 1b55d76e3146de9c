"""Gains: power iteration, warnings, refusals, schedules."""

import warnings
from typing import Any

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from experiments.inverse_layers.evolutions import AllenCahnFlow  # noqa: E402
from steepest.core.errors import InputError  # noqa: E402
from steepest.layers import (  # noqa: E402
    InverseEvolution,
    InverseHeat,
    StabilityWarning,
    TotalVariationFlow,
    attach,
    check_gain,
    estimate_gain,
    linear_ramp,
    set_scale,
)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize(
    "layer",
    [
        InverseEvolution(TotalVariationFlow(eps=0.7), 2, 0.1),
        InverseEvolution(AllenCahnFlow(), 2, 0.1),
        InverseHeat(6, 0.1, "zero", None),
        InverseEvolution(lambda u: u.roll(1, 3) * u, 2, 0.2),  # not symmetric
    ],
)
def test_estimate_is_the_largest_singular_value(layer: nn.Module) -> None:
    u = noise(1, 2, 4, 5)
    jacobian = torch.autograd.functional.jacobian(layer.eval(), u).reshape(40, 40)
    exact = float(torch.linalg.matrix_norm(jacobian, 2))
    assert estimate_gain(layer, u, 150) == pytest.approx(exact, rel=1e-3)
    assert 0.7 * exact < estimate_gain(layer, u) <= exact * (1 + 1e-9)


def test_estimate_leaves_random_state_and_layer_alone() -> None:
    layer, u = InverseEvolution(TotalVariationFlow(), 1, 0.1), noise(1, 1, 4, 4).requires_grad_()
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    first = estimate_gain(layer, u)
    assert torch.equal(torch.rand(2), expected)
    assert first == estimate_gain(layer, u)
    assert u.grad is None


def strong(**options: Any) -> InverseEvolution:
    return InverseEvolution(TotalVariationFlow(eps=0.1), 8, 0.1, **options)  # gain up to 9^8 in 2-D


@pytest.mark.parametrize("layer", [strong, lambda: InverseHeat(35, 0.1, max_gain=None)])
def test_first_training_call_warns_once(layer: Any) -> None:
    layer, u = layer(), torch.zeros(2, 1, 6, 6)  # flat: there Huber-TV amplifies most
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer.eval()(u)
        layer.train()
    with pytest.warns(StabilityWarning, match=rf"steps={layer.steps}.*dt=0\.1.*max_gain"):
        layer(u)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer(u)


@pytest.mark.parametrize(
    "layer",
    [strong(max_gain=None), InverseHeat(35, 0.1), InverseEvolution(TotalVariationFlow(), 3, 0.1)],
)
def test_no_warning_where_none_is_due(layer: nn.Module) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer(noise(2, 1, 6, 6))


def test_an_operator_without_derivative_warns_but_works() -> None:
    class Detached(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, u: torch.Tensor) -> torch.Tensor:
            return -u

        @staticmethod
        def backward(ctx: Any, g: torch.Tensor) -> torch.Tensor:
            return -g

    layer, u = InverseEvolution(Detached.apply, 1, 0.5), noise(1, 1, 3, 3)
    with pytest.warns(StabilityWarning, match="could not be estimated"):
        torch.testing.assert_close(layer(u), 1.5 * u)


def test_check_gain_finds_every_layer() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Conv2d(2, 2, 3))
    assert check_gain(network) == 1
    with attach(network[0], strong()), pytest.raises(InputError, match="TotalVariationFlow"):
        check_gain(network, torch.zeros(1, 2, 8, 8))
    nested = nn.Sequential(network, InverseHeat(35, 0.1, max_gain=None))
    with pytest.raises(InputError, match="3-D"):
        check_gain(nested, torch.zeros(1, 2, 4, 4, 4))
    assert check_gain(nested, 2, limit=None) == pytest.approx(8.6e8, rel=1e-3)


def test_diverging_layer_is_refused() -> None:
    layer = InverseEvolution(AllenCahnFlow(), 20, 0.5)
    with pytest.raises(InputError, match="smaller dt"):
        check_gain(layer, 50 * noise(1, 1, 4, 4))


@pytest.mark.parametrize(
    ("example", "limit", "word"),
    [(4, 1e4, "example=4"), (torch.ones(3, 3), 1e4, "spatial axes"), (2, 0.5, "limit=0.5")],
)
def test_bad_checks(example: Any, limit: float, word: str) -> None:
    with pytest.raises(InputError, match=word):
        check_gain(InverseHeat(2, 0.1), example, limit)


def test_linear_ramp() -> None:
    assert [linear_ramp(t, 2, 6) for t in (0, 2, 3, 5, 6, 9)] == [0, 0, 0.25, 0.75, 1, 1]
    assert [linear_ramp(t, 3, 3) for t in (2, 3)] == [0, 1]
    with pytest.raises(InputError, match="allowed is begin <= end"):
        linear_ramp(0, 3, 2)


def test_set_scale() -> None:
    """It applies to all layers, including attached ones, and equals a smaller dt."""
    u = noise(1, 2, 6, 6)
    network = nn.Sequential(nn.Identity(), InverseHeat(3, 0.2))
    attach(network[0], InverseEvolution(TotalVariationFlow(), 2, 0.1))
    assert set_scale(network, 0.5) == 2
    expected = InverseHeat(3, 0.1)(InverseEvolution(TotalVariationFlow(), 2, 0.05)(u))
    torch.testing.assert_close(network(u), expected)
    with pytest.raises(InputError, match="no inverse layer"):
        set_scale(nn.Identity(), 0.5)
    for bad, words in (
        (-0.1, "from 0 to 1"),
        (1.5, "from 0 to 1"),
        (float("nan"), "must be finite"),
        ("half", "not a number"),
    ):
        with pytest.raises(InputError, match=f"scale={bad!r}.*{words}"):
            set_scale(network, bad)


def test_scale_moves_with_the_network_in_single_precision() -> None:
    layer = InverseHeat(2, 0.1)
    set_scale(layer, 0.3)
    expected = float(layer.scale)
    for dtype in (torch.float16, torch.float64, torch.bfloat16):
        layer.to(dtype)
        assert layer.scale.dtype == torch.float32
        assert float(layer.scale) == expected
    with torch.device("meta"):
        layer = InverseHeat(2, 0.1)
    assert layer(torch.ones(1, 1, 4, 4, device="meta")).shape == (1, 1, 4, 4)
    assert float(layer.to_empty(device="cpu").scale) == 1
