"""Weight files: saved weights are loaded bit for bit, and damaged files are refused."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from safetensors.torch import load_file, save_file  # noqa: E402

from steepest import learning  # noqa: E402
from steepest.core.errors import InputError  # noqa: E402
from steepest.learning.flows import weights  # noqa: E402

NAME = "mean-flux"


def make(dtype: torch.dtype = torch.float64) -> torch.nn.Module:
    """A small network."""
    config = {"channels": [4, 5, 6], "stages": 2}
    return weights.REGISTRY.build(NAME, config).to(dtype)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """Saved weights of a small network."""
    learning.save(make(torch.float32), tmp_path / "run.v1", {"seed": 7})
    return tmp_path / "run.v1"


def part(path: Path, ending: str) -> Path:
    return Path(f"{path}.{ending}")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_round_trip(tmp_path: Path, dtype: torch.dtype) -> None:
    network = make(dtype)
    learning.save(network, tmp_path / "a.b.safetensors", {"note": "ä", "steps": 3})
    assert {p.name for p in tmp_path.iterdir()} == {"a.b.safetensors", "a.b.json"}
    for ending in ("", ".safetensors", ".json"):
        again = learning.load(f"{tmp_path / 'a.b'}{ending}")
        assert type(again) is type(network)
        assert again.config() == network.config()
        assert not again.training
        for key, tensor in network.state_dict().items():
            other = again.state_dict()[key]
            assert other.dtype == dtype
            assert torch.equal(other, tensor)
    document = weights.REGISTRY.read_description(tmp_path / "a.b")
    assert document["metadata"] == {"note": "ä", "steps": 3}


def test_loading_draws_no_random_numbers(saved: Path) -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    learning.load(saved)
    assert torch.equal(torch.rand(4), expected)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"network": "vgg"}, "vgg.*mean-flux"),
        ({"network": ["mean-flux"]}, "allowed is one of"),
        ({"config": {"depths": 3}}, "depths.*allowed are"),
        ({"config": 3}, "dictionary"),
        ({"config": {"channels": 10**9}}, "at most 4096"),
        ({"config": {"stages": 10**9}}, "at most 4096"),
        ({"config": {"channels": [10**9] * 4}}, "at most 4096"),
        ({"config": {"channels": [8] * 5000}}, "at most 4096"),
        ({"extra": 1}, "unknown entries extra"),
    ],
)
def test_bad_descriptions(saved: Path, change: dict[str, Any], word: str) -> None:
    path = part(saved, "json")
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(InputError, match=word):
        learning.load(saved)


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 10**5, '{"network": "x"}', "\xff\xfe"])
def test_files_that_are_no_description(saved: Path, text: str) -> None:
    part(saved, "json").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=r"run\.v1\.json"):
        learning.load(saved)


@pytest.mark.parametrize("ending", ["json", "safetensors"])
def test_missing_files(saved: Path, ending: str) -> None:
    part(saved, ending).unlink()
    with pytest.raises(InputError, match=rf"run\.v1\.{ending}: cannot be read") as error:
        learning.load(saved)
    assert str(error.value).count("run.v1") == 1
    assert "not a" not in str(error.value)


@pytest.mark.parametrize("keep", [0, 5, 40, -1])
def test_truncated_tensors(saved: Path, keep: int) -> None:
    path = part(saved, "safetensors")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match="not a complete safetensors file"):
        learning.load(saved)


def test_a_pickle_is_refused(saved: Path) -> None:
    torch.save({"a": torch.ones(2)}, part(saved, "safetensors"))
    with pytest.raises(InputError, match="not a complete safetensors file"):
        learning.load(saved)


def change_tensors(saved: Path, change: Any) -> str:
    """The error message when loading changed tensors."""
    path = part(saved, "safetensors")
    tensors = load_file(path)
    change(tensors, min(tensors))
    save_file(tensors, path)
    with pytest.raises(InputError) as error:
        learning.load(saved)
    return str(error.value)


def test_bad_tensors(saved: Path) -> None:
    original = part(saved, "safetensors").read_bytes()
    cases = [
        (lambda tensors, key: tensors.pop(key), "Missing key"),
        (
            lambda tensors, key: tensors.update(more=torch.ones(1)),
            'Unexpected key(s) in state_dict: "more"',
        ),
        (lambda tensors, key: tensors.update({key: torch.ones(9, 7)}), "shape torch.Size([9, 7])"),
        (lambda tensors, key: tensors[key].view(-1)[0].fill_(torch.nan), "NaN"),
        (lambda tensors, key: tensors.update({key: tensors[key].half()}), "float16"),
        (lambda tensors, key: tensors.update({k: v.int() for k, v in tensors.items()}), "int32"),
    ]
    for change, word in cases:
        part(saved, "safetensors").write_bytes(original)
        assert word in change_tensors(saved, change)


def test_what_is_not_saved(tmp_path: Path) -> None:
    network = make()
    with pytest.raises(InputError, match="metadata"):
        learning.save(network, tmp_path / "a", {"t": torch.ones(1)})
    with pytest.raises(InputError, match="Linear"):
        learning.save(torch.nn.Linear(1, 1), tmp_path / "a")
    with torch.no_grad():
        next(network.parameters()).fill_(torch.inf)
    with pytest.raises(InputError, match="infinity"):
        learning.save(network, tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_names_win_over_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file with the name of a shipped network is only read if it is given as a path."""
    (tmp_path / "shipped").mkdir()
    registry = replace(weights.REGISTRY, shipped=tmp_path / "shipped")
    monkeypatch.chdir(tmp_path)
    shipped, own = make(), make()
    with torch.no_grad():
        next(shipped.parameters()).fill_(1)
        next(own.parameters()).fill_(2)
    learning.save(shipped, tmp_path / "shipped" / NAME, {"whose": "shipped"})
    learning.save(own, NAME, {"whose": "own"})
    assert (tmp_path / f"{NAME}.json").is_file()
    given: list[tuple[Any, str]] = [(NAME, "shipped"), (f"./{NAME}", "own"), (Path(NAME), "own")]
    given.append((f"{NAME}.safetensors", "own"))
    for spec, whose in given:
        assert registry.read_description(spec)["metadata"]["whose"] == whose
        value = next(registry.load(spec).parameters())
        assert bool((value == (1 if whose == "shipped" else 2)).all())


def test_nothing_is_allocated_for_a_description_that_does_not_fit(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The widest network allowed in a description, with the tensors of a small one."""
    wide = {"channels": [4096, 4096, 4096]}
    path = part(saved, "json")
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "config": {**document["config"], **wide}}))
    made: list[int] = []
    register = torch.nn.Module.register_parameter

    def watch(module: torch.nn.Module, key: str, parameter: Any) -> None:
        large = parameter is not None and parameter.numel() > 10_000  # than all in the file
        if large and parameter.device.type != "meta":
            made.append(parameter.numel())
            raise MemoryError
        register(module, key, parameter)

    monkeypatch.setattr(torch.nn.Module, "register_parameter", watch)
    with pytest.raises(InputError, match=r"as configured: (size|Missing|Unexpected)"):
        learning.load(saved)
    assert made == []
