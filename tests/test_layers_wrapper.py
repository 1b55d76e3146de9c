"""Wrapped networks in use: new heads, nested loading, versions, distributed training."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from steepest.layers import InverseHeat, with_inverse_evolution  # noqa: E402

LAYER = InverseHeat(5, 0.1)


class Segmenter(nn.Module):
    """A body and a head, a parameter, a buffer and a plain attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Conv2d(1, 4, 3)
        self.classifier = nn.Conv2d(4, 3, 1)
        self.shift = nn.Parameter(torch.ones(()))
        self.register_buffer("mean", torch.zeros(()))
        self.config = {"classes": 3}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.body(x - self.mean)) + self.shift


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_a_new_head_reaches_the_network() -> None:
    network, x = Segmenter(), noise(2, 1, 8, 9)
    wrapped, head = with_inverse_evolution(network, LAYER), nn.Conv2d(4, 2, 1)
    wrapped.classifier = head
    assert network.classifier is head
    assert wrapped.classifier is head
    assert wrapped(x).shape[1] == 2
    assert torch.equal(wrapped(x), LAYER(network(x)))
    assert wrapped.state_dict()["classifier.weight"].shape[0] == 2
    assert list(wrapped._modules) == ["inverse_evolution", "network"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("shift", nn.Parameter(torch.zeros(()))),
        ("mean", torch.ones(())),
        ("config", {"classes": 2}),
    ],
)
def test_other_attributes_reach_the_network(name: str, value: Any) -> None:
    wrapped = with_inverse_evolution(Segmenter(), LAYER)
    setattr(wrapped, name, value)
    assert getattr(wrapped.network, name) is value
    assert list(wrapped.network.state_dict()) == list(Segmenter().state_dict())
    delattr(wrapped, name)
    assert not hasattr(wrapped.network, name)
    with pytest.raises(AttributeError):
        delattr(wrapped, name)


def test_the_wrapper_s_own_attributes_stay_with_it() -> None:
    inner = with_inverse_evolution(Segmenter(), LAYER)
    outer = with_inverse_evolution(inner, LAYER)  # both have a network and a layer
    before = inner.network, inner.inverse_evolution
    outer.inverse_evolution = nn.Identity()
    outer.network = nn.Conv2d(1, 1, 1)
    outer.forward = lambda x: x  # type: ignore[method-assign]
    outer.note = "new"
    assert (inner.network, inner.inverse_evolution) == before
    assert isinstance(outer.network, nn.Conv2d)
    assert inner(noise(1, 1, 5, 5)).shape == (1, 3, 3, 3)
    assert not hasattr(inner, "note")
    assert outer.note == "new"


class Matryoshka(nn.Module):
    """A network with a part called "network", whose keys clash with the wrapper's inner keys."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.network = nn.Module()
        self.network.weight = nn.Parameter(torch.zeros(2))
        self.network.network = nn.Linear(1, 3)


@pytest.mark.parametrize("backwards", [False, True])
def test_nested_loading_with_a_part_called_network(backwards: bool) -> None:
    outer = nn.ModuleDict({"module": with_inverse_evolution(Matryoshka(), LAYER)})
    state = {key: torch.randn_like(value) for key, value in outer.state_dict().items()}
    keys = list(state)[::-1] if backwards else list(state)
    outer.load_state_dict({key: state[key] for key in keys})
    assert all(torch.equal(value, state[key]) for key, value in outer.state_dict().items())


class Versioned(nn.Module):
    """A module that remembers the version with which it was loaded."""

    _version = 7
    loaded: Any = None

    def _load_from_state_dict(self, state: Any, prefix: Any, metadata: Any, *rest: Any) -> None:
        self.loaded = metadata.get("version")
        super()._load_from_state_dict(state, prefix, metadata, *rest)


@pytest.mark.parametrize("times", [1, 2])
def test_versions_survive_in_a_larger_module(times: int) -> None:
    network: nn.Module = nn.Sequential(nn.Sequential(Versioned()), Versioned())
    network._version = 3  # type: ignore[assignment]
    inner = network
    for _ in range(times):
        network = with_inverse_evolution(network, LAYER)
    outer = nn.ModuleDict({"module": network})
    outer.load_state_dict(outer.state_dict())
    assert [m.loaded for m in inner.modules() if isinstance(m, Versioned)] == [7, 7]
    assert network.state_dict()._metadata == inner.state_dict()._metadata


def test_distributed_data_parallel(tmp_path: Path) -> None:
    """One process over gloo: forward pass, gradients, exchange of weights."""
    distributed = torch.distributed
    if not distributed.is_available() or not distributed.is_gloo_available():
        pytest.skip("torch without gloo")
    network, x = Segmenter(), noise(2, 1, 8, 9)
    bare = copy.deepcopy(network)
    where = f"file://{tmp_path}/meeting"
    distributed.init_process_group("gloo", init_method=where, rank=0, world_size=1)
    try:
        parallel = nn.parallel.DistributedDataParallel(with_inverse_evolution(network, LAYER))
        result, expected = parallel(x), LAYER(bare(x))
        torch.testing.assert_close(result, expected)
        result.square().sum().backward()
        expected.square().sum().backward()
        for mine, its in zip(network.parameters(), bare.parameters(), strict=True):
            torch.testing.assert_close(mine.grad, its.grad)
        state = parallel.state_dict()
        assert list(state) == [f"module.{key}" for key in bare.state_dict()]
        doubled = {key: 2 * value + 1 for key, value in state.items()}
        parallel.load_state_dict(doubled)
        bare.load_state_dict({key.removeprefix("module."): v for key, v in doubled.items()})
        torch.testing.assert_close(parallel.eval()(x), bare(x))
    finally:
        distributed.destroy_process_group()
