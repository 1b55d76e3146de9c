"""DeepLabV3+ and HRNetV2 in the library's training.

What needs a library that is not installed, or does not fit the installed torch, is skipped.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from torch.nn.functional import cross_entropy  # noqa: E402

from cases.libraries import real  # noqa: E402
from experiments.inverse_layers import (  # noqa: E402
    IGNORE,
    SegmentationConfig,
    external,
    load,
    predict,
    save,
    train,
)
from experiments.inverse_layers.batches import draw  # noqa: E402
from experiments.inverse_layers.streets import STREET_CLASSES, write_streets  # noqa: E402
from experiments.inverse_layers.task import make_task, open_split  # noqa: E402
from experiments.inverse_layers.weights import REGISTRY  # noqa: E402
from steepest.core.errors import InputError  # noqa: E402
from steepest.layers import InverseHeat  # noqa: E402
from steepest.learning.training.learner import Learner  # noqa: E402

CPU = torch.device("cpu")
DEEPLAB = ("deeplabv3+", {"encoder": "mobilenet_v2", "decoder_channels": 8})
HRNET = ("hrnet", {"encoder": "hrnet_w18_small"})
BOTH = pytest.mark.parametrize(("name", "options"), [DEEPLAB, HRNET])
LAYER = {"evolution": "heat", "steps": 5, "dt": 0.025}
LIBRARIES = {"deeplabv3+": "segmentation_models_pytorch", "hrnet": "timm"}


def network_of(name: str, options: dict[str, Any], channels: int = 3, classes: int = 3) -> Any:
    real(LIBRARIES[name])
    torch.manual_seed(0)
    return REGISTRY.build(name, {"in_channels": channels, "num_classes": classes, **options})


@pytest.fixture(scope="module")
def streets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    images, masks = write_streets(tmp_path_factory.mktemp("streets"), 6, (32, 64))
    return {"data": str(images), "masks": str(masks), "ignore": IGNORE}


def configuration(streets: dict[str, Any], name: str, options: dict[str, Any]) -> Any:
    real(LIBRARIES[name])
    return SegmentationConfig(
        **streets,
        network=name,
        network_config=options,
        num_validation=2,
        size=(32, 64),
        layer=LAYER,
        noise={"kind": "independent", "area": 0.1, "window": 5},
    ).replace(images=4, batch=4, epochs=1)


# ------------------------------------------------------------------------- training


@pytest.mark.libraries
@BOTH
def test_one_training_step(
    streets: dict[str, Any], tmp_path: Path, name: str, options: dict[str, Any]
) -> None:
    """The logged loss is that of the heat-sharpened logits against the noisy labels."""
    options = {**options, "dropout": 0.0} if name == "deeplabv3+" else options
    config = configuration(streets, name, options)
    task = make_task(config, CPU, open_split(config))
    network = Learner(config, task, CPU, begin=True).network.train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    images, labels = draw(task.training, config, task.noise, 0, range(config.recipe.batch))
    assert bool((labels == IGNORE).any())
    sharpened = InverseHeat(5, 0.025)(network.forward(images)).detach()
    expected = float(cross_entropy(sharpened, labels, ignore_index=IGNORE))

    result = train(config, tmp_path / "run")
    assert result.history[0]["total"] == pytest.approx(expected, rel=1e-5)
    after = result.network.state_dict()
    assert after.keys() == before.keys()
    assert all(
        int(value) == 1 for key, value in after.items() if key.endswith("num_batches_tracked")
    )
    moved = [key for key, value in after.items() if not torch.equal(value, before[key])]
    for part in ("weight", "running_mean", "running_var"):
        assert any(key.endswith(part) for key in moved)

    again = load(result.path)
    assert REGISTRY.read_description(result.path)["network"] == name
    picture = np.random.default_rng(0).random((45, 50, 3)).astype(np.float32)
    assert np.array_equal(predict(again, picture), predict(result.network, picture))
    assert predict(again, picture).max() < len(STREET_CLASSES)


@pytest.mark.libraries
@BOTH
def test_resumed_bit_for_bit(
    streets: dict[str, Any], tmp_path: Path, name: str, options: dict[str, Any]
) -> None:
    """With running means of batch normalisation and, in DeepLabV3+, dropout."""
    config = configuration(streets, name, options).replace(epochs=2)
    whole = train(config, tmp_path / "whole").history
    first = train(config, tmp_path / "parts", max_minutes=1e-9)
    assert first.stopped == "time"
    parts = train(config, tmp_path / "parts").history
    one, other = (tmp_path / run / "weights.safetensors" for run in ("whole", "parts"))
    assert one.read_bytes() == other.read_bytes()
    timeless = [{k: v for k, v in row.items() if "seconds" not in k} for row in whole]
    assert timeless == [{k: v for k, v in row.items() if "seconds" not in k} for row in parts]


# ------------------------------------------------------------------------- networks


@pytest.mark.libraries
@BOTH
@pytest.mark.parametrize("channels", [1, 3])
def test_weights_come_back(
    tmp_path: Path, name: str, options: dict[str, Any], channels: int
) -> None:
    network = network_of(name, options, channels).train()
    network(torch.rand(2, channels, 40, 33))  # moves the running means
    network.eval()
    save(network, tmp_path / "a")
    again = load(tmp_path / "a")
    assert again.config() == network.config() == json.loads(json.dumps(network.config()))
    assert {**network.config(), **options} == network.config()
    for key, tensor in network.state_dict().items():
        assert torch.equal(again.state_dict()[key], tensor)
    image = torch.rand(1, channels, 40, 33)
    assert torch.equal(again(image), network(image))


@pytest.mark.libraries
def test_sizes_of_the_papers_networks() -> None:
    """HRNetV2-W48 has 65.86 million parameters with the 19 classes of Cityscapes (its authors)."""
    real("timm")
    with torch.device("meta"):
        assert sum(p.numel() for p in external.HRNet(3, 19).parameters()) == 65_859_379
        real("segmentation_models_pytorch")
        deeplab = external.DeepLabV3Plus(3, 19)
    assert sum(isinstance(m, torch.nn.Conv2d) for m in deeplab.network.encoder.modules()) == 104
    dilations = {m.dilation for m in deeplab.network.modules() if isinstance(m, torch.nn.Conv2d)}
    assert dilations == {(1, 1), (2, 2), (12, 12), (24, 24), (36, 36)}


@pytest.mark.libraries
@BOTH
def test_files_start_no_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, options: dict[str, Any]
) -> None:
    """A description that asks for pretrained weights gets those of its file."""
    network = network_of(name, options)
    save(network, tmp_path / "a")
    text = json.loads((tmp_path / "a.json").read_text())
    text["config"]["encoder_weights"] = "imagenet"
    (tmp_path / "a.json").write_text(json.dumps(text))

    def refuse(*arguments: Any, **options: Any) -> Any:
        raise OSError("no network")

    monkeypatch.setattr("socket.getaddrinfo", refuse)
    monkeypatch.setattr("socket.socket.connect", refuse)
    again = load(tmp_path / "a")
    image = torch.rand(1, 3, 32, 32)
    assert torch.equal(again(image), network.eval()(image))


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, library in LIBRARIES.items():
        monkeypatch.setitem(sys.modules, library, None)
        with pytest.raises(
            InputError, match=rf"needs {library}: pip install 'steepest\[experiments\]"
        ):
            REGISTRY.build(name, {"in_channels": 3, "num_classes": 2})

    def broken(module: str) -> Any:
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr(external, "import_module", broken)
    with pytest.raises(InputError, match=r"nms does not exist\); it needs a torchvision whose"):
        external.HRNet(3, 2)


def test_standardised_and_enlarged() -> None:
    colour = torch.tensor([0.485, 0.456, 0.406]).reshape(1, 3, 1, 1)
    assert bool((external.standardised(colour.expand(2, 3, 4, 5)) == 0).all())
    assert float(external.standardised(torch.full((1, 1, 1, 1), 0.449 + 0.226))) == pytest.approx(1)
    x = torch.arange(6.0).reshape(1, 1, 2, 3)
    large = external.enlarged(x, 4)
    assert large.shape == (1, 1, 8, 8)
    rows, columns = torch.arange(8).clamp(max=1), torch.arange(8).clamp(max=2)
    assert torch.equal(large, x[..., rows, :][..., columns])
    assert external.enlarged(torch.rand(1, 1, 8, 9), 4).shape == (1, 1, 8, 12)
