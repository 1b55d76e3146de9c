"""The U-Net, its weights on disk, and predictions by any network."""

import json
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from experiments.inverse_layers import (  # noqa: E402
    SegmentationUNet,
    load,
    predict,
    probabilities,
    save,
)
from experiments.inverse_layers.weights import REGISTRY  # noqa: E402
from steepest.core.errors import InputError  # noqa: E402
from steepest.learning import weight_files  # noqa: E402


def small(in_channels: int = 1, num_classes: int = 3, **options: Any) -> SegmentationUNet:
    torch.manual_seed(0)
    return SegmentationUNet(in_channels, num_classes, **{"base": 4, "depth": 3, **options})


def expected_parameters(channels: int, classes: int, base: int, depth: int) -> int:
    widths = [base * 2**level for level in range(depth)]

    def block(before: int, after: int) -> int:
        return 9 * before * after + 9 * after * after + 4 * after

    total = block(channels, widths[0]) + (widths[0] + 1) * classes
    for fine, coarse in zip(widths[:-1], widths[1:], strict=True):
        total += block(fine, coarse) + 4 * coarse * fine + fine + block(2 * fine, fine)
    return total


@pytest.mark.parametrize(
    ("channels", "classes", "base", "depth"), [(1, 2, 4, 1), (3, 3, 8, 5), (3, 2, 3, 4)]
)
def test_number_of_parameters(channels: int, classes: int, base: int, depth: int) -> None:
    network = SegmentationUNet(channels, classes, base, depth)
    count = sum(p.numel() for p in network.parameters())
    assert count == expected_parameters(channels, classes, base, depth)
    assert SegmentationUNet(**json.loads(json.dumps(network.config()))).config() == network.config()


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (16, 16), (17, 40), (31, 1)])
@pytest.mark.parametrize("depth", [1, 3, 5])
def test_images_of_any_size(size: tuple[int, int], depth: int) -> None:
    network = small(depth=depth).train()
    logits = network(torch.rand(2, 1, *size))
    assert logits.shape == (2, 3, *size)
    assert bool(torch.isfinite(logits).all())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((0, 2), "in_channels=0"),
        ((1, 1), "num_classes=1; at least 2"),
        ((1, 2, 2.5), "base=2.5"),
        ((1, 2, 4, 9), "depth=9; allowed are 1 to 8"),
    ],
)
def test_bad_architectures(arguments: tuple[Any, ...], words: str) -> None:
    with pytest.raises(InputError, match=words):
        SegmentationUNet(*arguments)


# ------------------------------------------------------------------------- weights


def test_weights_come_back(tmp_path: Path) -> None:
    network = small()
    save(network, tmp_path / "cells", {"classes": ["background", "cell"]})
    again = load(tmp_path / "cells.safetensors")
    assert again.config() == network.config()
    assert not again.training
    for key, tensor in network.state_dict().items():
        assert torch.equal(again.state_dict()[key], tensor)
    assert REGISTRY.read_description(tmp_path / "cells")["metadata"]["classes"] == [
        "background",
        "cell",
    ]


def test_files_that_are_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No name is shipped; other networks, pickles and wrong shapes are refused."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"cannot be read .*give the path of saved weights$"):
        load("segmentation-unet")
    with pytest.raises(InputError, match="allowed are the networks segmentation-unet"):
        save(torch.nn.Linear(1, 1), "a")
    with pytest.raises(InputError, match="depth=99"):
        REGISTRY.build("segmentation-unet", {"in_channels": 1, "num_classes": 2, "depth": 99})
    save(small(), "a")
    description = json.loads(Path("a.json").read_text())
    for change, words in (
        ({"network": "os:system"}, "allowed is one of segmentation-unet"),
        ({"config": {**description["config"], "base": 8}}, "size mismatch"),
        ({"config": {**description["config"], "base": 10**6}}, "at most 4096"),
    ):
        Path("a.json").write_text(json.dumps({**description, **change}))
        with pytest.raises(InputError, match=words):
            load("a")
    Path("a.json").write_text(json.dumps(description))
    torch.save(small().state_dict(), "a.safetensors")
    with pytest.raises(InputError, match="not a complete safetensors file"):
        load("a")


class Counting(torch.nn.Module):
    """A network with integers in its state, as batch normalisation has."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = torch.nn.BatchNorm2d(2)

    def config(self) -> dict[str, Any]:
        return {}


def test_integers_in_the_state_come_back(tmp_path: Path) -> None:
    registry = weight_files.Registry({"counting": Counting})
    network = Counting()
    network.norm(torch.rand(3, 2, 4, 4))
    registry.save(network.bfloat16(), tmp_path / "a")
    again = registry.load(tmp_path / "a")
    assert again.norm.running_mean.dtype == torch.float32
    assert again.norm.num_batches_tracked.dtype == torch.int64
    assert int(again.norm.num_batches_tracked) == 1
    assert torch.equal(again.norm.running_mean, network.norm.running_mean.float())


# ------------------------------------------------------------------------- predictions


class Threshold(torch.nn.Module):
    """Class 1 where the mean of the channels is above one half."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        assert not self.training
        z = 10 * (images.mean(1) - 0.5)
        return torch.stack([-z, z], 1)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64", "bool"])
@pytest.mark.parametrize("colour", [False, True])
def test_predictions_are_labels(dtype: str, colour: bool) -> None:
    values = np.random.default_rng(0).random((9, 11)) > 0.4
    top = {"uint8": 255, "uint16": 65535}.get(dtype, 1)
    image = (top * values).astype(dtype)
    image = np.stack([image] * 3, -1) if colour else image
    labels = predict(Threshold(), image)
    assert labels.dtype == np.uint8
    assert np.array_equal(labels, values)


@pytest.mark.parametrize("training", [True, False])
def test_modes_are_put_back_and_probabilities_add_up(training: bool) -> None:
    network = small(3).train(training)
    image = np.random.default_rng(0).random((10, 12, 3))
    p = probabilities(network, image)
    assert network.training is training
    assert p.shape == (3, 10, 12)
    assert p.dtype == np.float32
    assert np.allclose(p.sum(0), 1, atol=1e-6)
    logits = network.eval()(torch.from_numpy(image).float().permute(2, 0, 1)[None])
    assert np.allclose(p, logits.softmax(1)[0].detach().numpy(), atol=1e-6)
    assert np.array_equal(predict(network, image), p.argmax(0))


def test_images_are_converted_to_what_the_network_takes() -> None:
    grey = np.random.default_rng(0).random((8, 8)).astype(np.float32)
    colour = np.stack([grey] * 3, -1)
    assert np.array_equal(predict(small(3), grey), predict(small(3), colour))
    assert np.array_equal(predict(small(1), grey), predict(small(1), colour))
    assert np.array_equal(predict(Threshold(), grey, 3), predict(Threshold(), grey))
    assert predict(small(1).double(), grey).shape == (8, 8)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda z: {"out": z, "aux": -z},
        lambda z: OrderedDict(loss=None, logits=z),
        lambda z: (z, None),
        lambda z: [z, -z],
        lambda z: z.half(),
    ],
)
def test_outputs_of_other_libraries(wrap: Any) -> None:
    class Wrapped(Threshold):
        def forward(self, images: torch.Tensor) -> Any:
            return wrap(super().forward(images))

    image = np.random.default_rng(1).random((5, 6))
    assert np.array_equal(predict(Wrapped(), image), image > 0.5)


def test_small_logits_are_enlarged() -> None:
    class Quarter(Threshold):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return super().forward(torch.nn.functional.avg_pool2d(images, 4))

    image = np.kron(np.array([[1.0, 0.0], [0.0, 1.0]]), np.ones((8, 8)))
    labels = predict(Quarter(), image)
    assert labels.shape == (16, 16)
    assert np.array_equal(labels[::15, ::15], [[1, 0], [0, 1]])
