"""Layers that act only in training: outputs of all kinds, wrapped networks, hooks."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from collections import OrderedDict, defaultdict, namedtuple
from dataclasses import dataclass
from typing import Any

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from steepest import layers  # noqa: E402
from steepest.core.errors import InputError  # noqa: E402
from steepest.layers import (  # noqa: E402
    InverseEvolution,
    InverseHeat,
    TrainingOnly,
    attach,
    with_inverse_evolution,
)

LAYER = InverseHeat(5, 0.1)
Pair = namedtuple("Pair", ["mask", "label"])


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


A, B = noise(2, 3, 6, 7), noise(2, 3, 5, 4, seed=1)


@dataclass
class Output(OrderedDict):
    """Like a Hugging Face ModelOutput: a dataclass and mapping that hides its Nones."""

    loss: Any = None
    logits: Any = None
    hidden_states: Any = None

    def __post_init__(self) -> None:
        for name in ("loss", "logits", "hidden_states"):
            if getattr(self, name) is not None:
                self[name] = getattr(self, name)


@dataclass(frozen=True)
class Plain:
    """A dataclass that is not a mapping."""

    logits: Any
    name: str = "plain"


def small_network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 3, 3))


class Segmenter(nn.Module):
    """A network that returns a given output and has attributes to look up."""

    def __init__(self) -> None:
        super().__init__()
        self.body = small_network()
        self.config = {"classes": 3}

    def forward(self, x: torch.Tensor, *, as_dict: bool = False) -> Any:
        logits = self.body(x)
        return OrderedDict(out=logits, aux=logits) if as_dict else logits

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        return self.body[0](x)


OUTPUTS = [
    A,
    {"out": A, "aux": B},
    OrderedDict(logits=A),
    Output(logits=A, hidden_states=(B,)),
    Plain(A),
    (A, B),
    Pair(A, B),
    [A, B],
    "anything at all",
]


@pytest.mark.parametrize("output", OUTPUTS, ids=lambda o: type(o).__name__)
def test_evaluation_returns_the_same_object(output: Any) -> None:
    assert TrainingOnly(LAYER).eval()(output) is output


def test_tensor() -> None:
    assert torch.equal(TrainingOnly(LAYER)(A), LAYER(A))


def test_mappings_change_one_entry() -> None:
    output = OrderedDict(aux=B, out=A)
    result = TrainingOnly(LAYER)(output)
    assert type(result) is OrderedDict
    assert list(result) == ["aux", "out"]
    assert result["aux"] is B
    assert torch.equal(result["out"], LAYER(A))
    assert output["out"] is A  # nothing in place
    both = TrainingOnly(LAYER, keys=["out", "aux"])(dict(output))
    assert torch.equal(both["aux"], LAYER(B))
    assert torch.equal(both["out"], LAYER(A))
    assert torch.equal(TrainingOnly(LAYER, keys="aux")(output)["aux"], LAYER(B))


def test_defaultdict() -> None:
    output = defaultdict(list, out=A, aux=B)
    result = TrainingOnly(LAYER)(output)
    assert type(result) is defaultdict
    assert result["nothing yet"] == []
    assert torch.equal(result["out"], LAYER(A))
    assert result["aux"] is B
    assert output["out"] is A


def test_model_output() -> None:
    output = Output(logits=A, hidden_states=(B,))
    result = TrainingOnly(LAYER)(output)
    assert type(result) is Output
    assert torch.equal(result.logits, LAYER(A))
    assert torch.equal(result["logits"], LAYER(A))
    assert result.hidden_states is output.hidden_states
    assert output.logits is A
    with pytest.raises(InputError, match="compute the loss from its logits"):
        TrainingOnly(LAYER)(Output(loss=A.mean(), logits=A))


def test_dataclass() -> None:
    result = TrainingOnly(LAYER)(Plain(A, "x"))
    assert torch.equal(result.logits, LAYER(A))
    assert result.name == "x"


def test_tuples_and_lists() -> None:
    first, second = TrainingOnly(LAYER)((A, B))
    assert torch.equal(first, LAYER(A))
    assert second is B
    pair = TrainingOnly(LAYER)(Pair(A, B))
    assert type(pair) is Pair
    assert torch.equal(pair.mask, LAYER(A))
    assert torch.equal(TrainingOnly(LAYER, keys="label")(Pair(A, B)).label, LAYER(B))
    every = TrainingOnly(LAYER)([A, B])
    assert type(every) is list
    assert all(torch.equal(x, LAYER(y)) for x, y in zip(every, (A, B), strict=True))
    one = TrainingOnly(LAYER, keys=-1)([A, B])
    assert one[0] is A
    assert torch.equal(one[1], LAYER(B))


@pytest.mark.parametrize(
    ("output", "keys", "word"),
    [
        ("text", None, "returns str"),
        (None, None, "NoneType"),
        ({"masks": A}, None, "masks"),
        ({"out": A}, "logits", "'logits'"),
        ({"out": [A]}, None, "list"),
        (((A,), B), None, "entry 0"),
        ((A, B), 2, "position below 2"),
        ((A, B), "mask", "position"),
        (Pair(A, B), "logits", "mask"),
        ([], None, "empty"),
    ],
)
def test_outputs_that_cannot_be_used(output: Any, keys: Any, word: str) -> None:
    with pytest.raises(InputError, match=word):
        TrainingOnly(LAYER, keys)(output)


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: TrainingOnly(torch.relu), "nn.Module"),  # type: ignore[arg-type]
        (lambda: TrainingOnly(LAYER, keys=[]), "keys"),
        (lambda: with_inverse_evolution(torch.relu, LAYER), "network"),  # type: ignore[arg-type]
        (lambda: with_inverse_evolution(Segmenter(), torch.relu), "nn.Module"),  # type: ignore
        (lambda: with_inverse_evolution(Segmenter(), nn.Conv2d(3, 3, 1)), "weight"),
        (lambda: attach(torch.relu, LAYER), "module"),  # type: ignore[arg-type]
    ],
)
def test_bad_arguments(make: Any, word: str) -> None:
    with pytest.raises(InputError, match=word):
        make()


def test_wrapped_network() -> None:
    network, x = Segmenter().eval(), noise(2, 1, 12, 13)
    wrapped = with_inverse_evolution(network, LAYER)
    assert wrapped.training is False
    assert torch.equal(wrapped(x), network(x))
    assert torch.equal(wrapped(x, as_dict=True)["out"], network(x))
    wrapped.train()
    assert network.training
    expected = LAYER(network(x))  # batch statistics of x, in both
    assert torch.equal(wrapped(x), expected)
    assert torch.equal(wrapped(x=x, as_dict=True)["out"], expected)
    assert wrapped.config is network.config
    assert torch.equal(wrapped.encode(x), network.encode(x))
    with pytest.raises(AttributeError, match="nothing_like_it"):
        wrapped.nothing_like_it  # noqa: B018


def test_wrapping_leaves_frozen_parts_frozen() -> None:
    network = Segmenter()
    network.body[1].eval()
    assert with_inverse_evolution(network, LAYER).training
    assert not network.body[1].training


def test_no_parameters_added() -> None:
    network = Segmenter()
    wrapped = with_inverse_evolution(network, LAYER)
    mine, its = list(wrapped.parameters()), list(network.parameters())
    assert len(mine) == len(its)
    assert all(a is b for a, b in zip(mine, its, strict=True))
    assert not list(LAYER.parameters())
    assert not LAYER.state_dict()


def wrappings(network: nn.Module) -> tuple[nn.Module, nn.Module]:
    """A container with the wrapped network, and one with the plain network."""
    wrapped = with_inverse_evolution(network, LAYER)
    return nn.ModuleDict({"module": wrapped, "head": nn.Conv2d(3, 1, 1)}), nn.ModuleDict(
        {"module": copy.deepcopy(network), "head": nn.Conv2d(3, 1, 1)}
    )


def test_state_dict_is_the_network_s() -> None:
    network, other = Segmenter(), Segmenter()
    wrapped = with_inverse_evolution(network, LAYER)
    assert list(wrapped.state_dict()) == list(network.state_dict())
    for parameter in other.parameters():
        nn.init.normal_(parameter)
    wrapped.load_state_dict(other.state_dict())  # strict, from bare to wrapped
    other_way = Segmenter()
    other_way.load_state_dict(wrapped.state_dict())  # and back
    for a, b in zip(other_way.state_dict().values(), other.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_state_dict_inside_a_larger_module() -> None:
    """Like DistributedDataParallel: the network under a name, next to other parts."""
    outer, bare = wrappings(Segmenter())
    assert list(outer.state_dict()) == list(bare.state_dict())
    for parameter in bare.parameters():
        nn.init.normal_(parameter)
    outer.load_state_dict(bare.state_dict())
    for a, b in zip(outer.state_dict().values(), bare.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    bare.load_state_dict(outer.state_dict())
    before = {key: value.clone() for key, value in outer.state_dict().items()}
    state = outer.state_dict()
    outer.load_state_dict(state)
    assert list(state) == list(before)  # the user's dictionary is left alone


@pytest.mark.parametrize("nested", [False, True])
def test_wrong_keys_are_reported_by_the_network_s_names(nested: bool) -> None:
    outer, _ = wrappings(Segmenter())
    target, prefix = (outer, "module.") if nested else (outer["module"], "")
    state = target.state_dict()
    del state[prefix + "body.0.weight"]
    state[prefix + "body.9.weight"] = torch.zeros(1)
    result = target.load_state_dict(state, strict=False)
    assert result.missing_keys == [prefix + "body.0.weight"]
    assert result.unexpected_keys == [prefix + "body.9.weight"]
    with pytest.raises(RuntimeError, match=r"body\.9\.weight"):
        target.load_state_dict(state)


def test_wrapped_twice() -> None:
    network, x = small_network(), noise(2, 1, 9, 9)
    twice = with_inverse_evolution(with_inverse_evolution(network, LAYER), LAYER)
    assert torch.equal(twice(x), LAYER(LAYER(network(x))))
    assert list(twice.state_dict()) == list(network.state_dict())
    nn.Sequential(twice).load_state_dict(nn.Sequential(network).state_dict())


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda n: pickle.loads(pickle.dumps(n))])
def test_copies(copied: Any) -> None:
    wrapped, x = with_inverse_evolution(Segmenter(), LAYER), noise(2, 1, 12, 13)
    twin = copied(wrapped)
    assert torch.equal(twin(x), wrapped(x))
    nn.init.zeros_(twin.network.body[2].weight)
    assert not torch.equal(twin(x), wrapped(x))
    nn.Sequential(twin).load_state_dict(nn.Sequential(wrapped).state_dict())
    assert torch.equal(twin.eval()(x), wrapped.eval()(x))


def test_training_through_the_layer() -> None:
    """The layer is part of the graph: gradients are those of the loss of its output."""
    network, x = small_network(), noise(2, 1, 9, 10)
    wrapped = with_inverse_evolution(network, LAYER)
    wrapped(x).square().sum().backward()
    gradient = network[2].weight.grad.clone()
    network.zero_grad()
    LAYER(network(x)).square().sum().backward()
    torch.testing.assert_close(gradient, network[2].weight.grad)


def test_attached_to_a_part() -> None:
    network, x = small_network(), noise(2, 1, 9, 10)
    keys = list(network.state_dict())
    features = network[0](x)
    with attach(network[0], LAYER):
        assert torch.equal(network[0](x), LAYER(features))
        assert list(network.state_dict()) == keys
        assert len(list(network.modules())) == 4
        twin = copy.deepcopy(network)
        assert torch.equal(twin[0](x), LAYER(features))
        network.eval()
        assert torch.equal(network[0](x), features)
        network.train()
    assert torch.equal(network[0](x), features)


def test_deep_supervision_at_several_sizes() -> None:
    """Fits the sharpened logits; the Neumann layer keeps the mean of each."""
    layer = InverseEvolution(lambda u: u.mean((2, 3), keepdim=True) - u, 1, 0.5)
    for before, after in zip([A, B], TrainingOnly(layer)([A, B]), strict=True):
        mean = before.mean((2, 3), keepdim=True)
        torch.testing.assert_close(after - mean, 1.5 * (before - mean))


def test_names_are_imported_on_first_use() -> None:
    assert all(callable(getattr(layers, name)) for name in dir(layers))
    with pytest.raises(AttributeError, match="nothing_like_it"):
        layers.nothing_like_it  # noqa: B018
    program = "import sys, steepest.layers; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
