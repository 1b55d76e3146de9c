"""When and where the gain is checked, and what the warnings say."""

import math
import re
import warnings
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.utils.checkpoint import checkpoint  # noqa: E402

from experiments.inverse_layers import evolutions  # noqa: E402
from experiments.inverse_layers.evolutions import AdvectionDiffusionReactionFlow  # noqa: E402
from steepest import layers  # noqa: E402
from steepest.core.errors import InputError  # noqa: E402
from steepest.layers import (  # noqa: E402
    InverseEvolution,
    InverseHeat,
    StabilityWarning,
    TotalVariationFlow,
    attach,
    check_gain,
    estimate_gain,
    set_scale,
)

FLAT = torch.zeros(2, 1, 6, 6)  # where Huber-TV amplifies most


def strong(**options: Any) -> InverseEvolution:
    return InverseEvolution(TotalVariationFlow(eps=0.1), 8, 0.1, **options)  # gain up to 9^8 in 2-D


def silent(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return function(*arguments, **options)


def cubic(max_gain: float = 1e4) -> InverseEvolution:
    """L(u) = u + u^3, with slope 1 + 3 u^2."""
    return InverseEvolution(lambda u: -(u**3), 1, 1.0, max_gain)


def test_a_ramp_does_not_switch_the_check_off() -> None:
    layer = strong()
    set_scale(layer, 0.0)
    with pytest.warns(StabilityWarning, match="amplifies"):
        assert torch.equal(layer(FLAT), FLAT)
    assert float(layer.scale) == 0


def test_check_gain_judges_at_full_strength() -> None:
    layer = strong()
    before = check_gain(layer, FLAT, limit=None)
    set_scale(layer, 0.0)
    assert estimate_gain(layer, FLAT) == pytest.approx(1)  # as it stands
    assert check_gain(layer, FLAT, limit=None) == before
    with pytest.raises(InputError, match="amplifies"):
        check_gain(layer, FLAT)


@pytest.mark.parametrize("nothing", [FLAT[:0], FLAT / 0, FLAT + math.inf])
def test_nothing_learnt_is_asked_again(nothing: torch.Tensor) -> None:
    layer = strong()
    silent(layer, nothing)
    with pytest.warns(StabilityWarning, match="amplifies"):
        layer(FLAT)
    silent(layer, FLAT)


def test_the_largest_image_is_looked_at() -> None:
    u = torch.zeros(3, 1, 4, 4)
    u[1] = 100.0
    with pytest.warns(StabilityWarning, match=r"up to 3e\+04 times"):
        cubic()(u)
    silent(cubic(31_000.0), u)


def test_gain_beyond_all_floats() -> None:
    layer = InverseHeat(2000, 1.0, max_gain=None)
    assert layer.gain(2) == math.inf
    with pytest.raises(InputError, match=r"without bound.*Set max_gain=100"):
        check_gain(layer)


def test_the_advice_for_heat_can_be_followed() -> None:
    with pytest.raises(InputError, match="Set max_gain=100, or dt") as error:
        check_gain(InverseHeat(35, 0.1, max_gain=None))
    dt = float(re.search(r"dt <= ([\d.e-]+)", str(error.value))[1])  # type: ignore[index]
    assert check_gain(InverseHeat(35, dt, max_gain=None)) <= 1e4
    assert check_gain(InverseHeat(35, 0.1, max_gain=100)) == 100


def test_the_advice_for_nonlinear_layers_can_be_followed() -> None:
    """The advice names the argument of the caller's own check; these layers have no cap."""
    with pytest.raises(InputError, match="limit=None") as error:
        check_gain(strong(), FLAT)
    assert "max_gain" not in str(error.value)
    assert check_gain(strong(), FLAT, limit=None) > 1e4
    with pytest.raises(InputError):
        check_gain(strong(max_gain=None), FLAT)
    with pytest.warns(StabilityWarning, match="max_gain=None") as record:
        strong()(FLAT)
    assert "limit" not in str(record[0].message)
    silent(strong(max_gain=None), FLAT)


@pytest.mark.parametrize("reentrant", [False, True])
def test_activation_checkpointing(reentrant: bool) -> None:
    """No false warning; the next plain call checks the gain."""
    layer, u = (
        InverseEvolution(TotalVariationFlow(), 2, 0.1),
        torch.rand(1, 1, 5, 5, requires_grad=True),
    )
    expected = layer.eval()(u)
    (gradient,) = torch.autograd.grad(expected.square().sum(), u)
    result = silent(checkpoint, layer.train(), u, use_reentrant=reentrant)
    assert torch.equal(result, expected)
    result.square().sum().backward()
    torch.testing.assert_close(u.grad, gradient)
    late = strong()
    if not reentrant:
        silent(checkpoint, late, FLAT.clone().requires_grad_(), use_reentrant=False)
        with pytest.warns(StabilityWarning, match="amplifies"):
            late(FLAT.detach())


def test_saved_tensor_hooks_and_vmap() -> None:
    layer = strong()
    with torch.autograd.graph.saved_tensors_hooks(lambda x: x, lambda x: x):
        silent(layer, FLAT)
    stack = torch.rand(3, 2, 1, 6, 6)
    result = silent(torch.vmap(layer), stack)
    torch.testing.assert_close(result, torch.stack([strong().eval()(u) for u in stack]))
    with pytest.warns(StabilityWarning, match="amplifies"):
        layer(FLAT)


def test_copies_of_data_parallel_share_one_check() -> None:
    layer = strong()
    with pytest.warns(StabilityWarning):
        layer._replicate_for_data_parallel()(FLAT)
    silent(layer._replicate_for_data_parallel(), FLAT)
    silent(layer, FLAT)


def test_layers_of_one_dimension_are_judged_there() -> None:
    layer = InverseHeat(10, 0.1, max_gain=None, spatial_ndim=1)
    assert check_gain(layer) == pytest.approx(1.4**10)
    assert check_gain(layer, torch.zeros(1, 1, 9)) == pytest.approx(1.4**10)
    flow = InverseEvolution(AdvectionDiffusionReactionFlow((1.0, 0.0, -1.0)), 1, 0.1)
    assert check_gain(flow) > 1


def test_scale_built_on_meta() -> None:
    """A layer built under the "meta" device and attached, which ``network.to()`` does not move."""
    network, u = nn.Identity(), torch.rand(1, 1, 5, 5)
    with torch.device("meta"):
        layer = InverseHeat(3, 0.1)
    attach(network, layer)
    torch.testing.assert_close(network(u), InverseHeat(3, 0.1)(u))
    assert layer.scale.device == u.device
    assert float(layer.scale) == 1


@pytest.mark.cuda
def test_scale_follows_the_inputs() -> None:
    network, u = nn.Identity(), torch.rand(1, 1, 5, 5, device="cuda")
    layer = InverseHeat(3, 0.1)
    attach(network, layer)
    set_scale(network, 0.5)
    with torch.inference_mode():
        network(u)
    assert layer.scale.device == u.device
    assert float(layer.scale) == 0.5
    set_scale(network, 0.25)
    torch.testing.assert_close(network(u), InverseHeat(3, 0.025).cuda()(u))


@pytest.mark.parametrize("max_gain", [None, 1e4])
@pytest.mark.parametrize(("kind", "size"), [("AllenCahnFlow", 1e15), ("PorousMediumFlow", 1e25)])
def test_what_overflows_says_so(kind: str, size: float, max_gain: float | None) -> None:
    """Even if its derivative is finite and small."""
    layer = InverseEvolution(getattr(evolutions, kind)(), 1, 1e-30, max_gain=max_gain)
    u = torch.full((1, 1, 4, 4), size)
    u[..., 0] = -size
    assert estimate_gain(layer, u) == math.inf
    with pytest.warns(StabilityWarning, match="values up to 1e.* become infinite or NaN"):
        layer(u)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer(u)  # once is enough
        half = InverseEvolution(getattr(evolutions, kind)(), 1, 1e-30, max_gain=max_gain)
        assert torch.isfinite(half(u / size)).all()


def test_half_precision_overflows_sooner() -> None:
    u = torch.full((1, 1, 4, 4), 6e4, dtype=torch.float16)
    u[..., 0] = -6e4
    with pytest.warns(StabilityWarning, match="become infinite or NaN in float16"):
        layers.InverseHeat(1, 1.0)(u)
