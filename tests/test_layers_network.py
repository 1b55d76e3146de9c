"""Layers that act only in training: outputs of all kinds, wrapped networks, hooks."""

import copy
import pickle
from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from typing import Any

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from steepest.core.errors import InputError  # noqa: E402
from steepest.layers import (  # noqa: E402
    InverseEvolution,
    InverseHeat,
    attach,
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


def attached(layer: nn.Module, keys: Any = None) -> nn.Module:
    """The layer behind a module that returns its input."""
    identity = nn.Identity()
    attach(identity, layer, keys)
    return identity


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
    assert attached(LAYER).eval()(output) is output


def test_mappings_change_one_entry() -> None:
    output = OrderedDict(aux=B, out=A)
    result = attached(LAYER)(output)
    assert type(result) is OrderedDict
    assert list(result) == ["aux", "out"]
    assert result["aux"] is B
    assert torch.equal(result["out"], LAYER(A))
    assert output["out"] is A  # nothing in place
    both = attached(LAYER, keys=["out", "aux"])(dict(output))
    assert torch.equal(both["aux"], LAYER(B))
    assert torch.equal(both["out"], LAYER(A))
    assert torch.equal(attached(LAYER, keys="aux")(output)["aux"], LAYER(B))


def test_model_output() -> None:
    output = Output(logits=A, hidden_states=(B,))
    result = attached(LAYER)(output)
    assert type(result) is Output
    assert torch.equal(result.logits, LAYER(A))
    assert torch.equal(result["logits"], LAYER(A))
    assert result.hidden_states is output.hidden_states
    assert output.logits is A
    with pytest.raises(InputError, match="compute the loss from its logits"):
        attached(LAYER)(Output(loss=A.mean(), logits=A))


def test_dataclass() -> None:
    result = attached(LAYER)(Plain(A, "x"))
    assert torch.equal(result.logits, LAYER(A))
    assert result.name == "x"


def test_tuples_and_lists() -> None:
    first, second = attached(LAYER)((A, B))
    assert torch.equal(first, LAYER(A))
    assert second is B
    pair = attached(LAYER)(Pair(A, B))
    assert type(pair) is Pair
    assert torch.equal(pair.mask, LAYER(A))
    assert torch.equal(attached(LAYER, keys="label")(Pair(A, B)).label, LAYER(B))
    every = attached(LAYER)([A, B])
    assert type(every) is list
    assert all(torch.equal(x, LAYER(y)) for x, y in zip(every, (A, B), strict=True))
    one = attached(LAYER, keys=-1)([A, B])
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
        attached(LAYER, keys)(output)


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: attached(torch.relu), "nn.Module"),  # type: ignore[arg-type]
        (lambda: attached(LAYER, keys=[]), "keys"),
        (lambda: attach(Segmenter(), torch.relu), "nn.Module"),  # type: ignore[arg-type]
        (lambda: attach(torch.relu, LAYER), "module"),  # type: ignore[arg-type]
    ],
)
def test_bad_arguments(make: Any, word: str) -> None:
    with pytest.raises(InputError, match=word):
        make()


def test_attached_network() -> None:
    network, x = Segmenter().eval(), noise(2, 1, 12, 13)
    network.body[1].eval()
    plain, keys = network(x), list(network.state_dict())
    mine = list(network.parameters())
    attach(network, LAYER)
    assert torch.equal(network(x), plain)
    assert list(network.state_dict()) == keys
    assert all(a is b for a, b in zip(mine, network.parameters(), strict=True))
    other = copy.deepcopy(network).train()
    handle = attach(network.train(), nn.Identity())
    handle.remove()
    found = network(x)
    expected = LAYER(Segmenter.forward(other, x))  # batch statistics of x, in both
    assert torch.equal(found, expected)
    assert torch.equal(network(x=x, as_dict=True)["out"], found)


def test_an_unknown_entry_is_to_be_named() -> None:
    class Named(nn.Module):
        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"seg": x}

    network, image = Named(), torch.rand(1, 1, 8, 8)
    handle = attach(network, InverseHeat(2, 0.1))
    with pytest.raises(InputError, match=r"give keys= to attach; allowed are \['seg'\]"):
        network(image)
    handle.remove()
    attach(network, InverseHeat(2, 0.1), keys=["seg"])
    assert torch.equal(network(image)["seg"], InverseHeat(2, 0.1)(image))


def test_attached_twice() -> None:
    network, x = small_network(), noise(2, 1, 9, 9)
    plain = network(x)
    attach(network, LAYER)
    attach(network, LAYER)
    assert torch.equal(network(x), LAYER(LAYER(plain)))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda n: pickle.loads(pickle.dumps(n))])
def test_copies(copied: Any) -> None:
    network, x = Segmenter(), noise(2, 1, 12, 13)
    attach(network, LAYER)
    twin = copied(network)
    assert torch.equal(twin(x), network(x))
    nn.init.zeros_(twin.body[2].weight)
    assert not torch.equal(twin(x), network(x))


def test_training_through_the_layer() -> None:
    """The layer is part of the graph: gradients are those of the loss of its output."""
    network, x = small_network(), noise(2, 1, 9, 10)
    with attach(network, LAYER):
        network(x).square().sum().backward()
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
    for before, after in zip([A, B], attached(layer)([A, B]), strict=True):
        mean = before.mean((2, 3), keepdim=True)
        torch.testing.assert_close(after - mean, 1.5 * (before - mean))
