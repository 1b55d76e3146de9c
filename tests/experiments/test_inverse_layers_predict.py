"""``python -m experiments.inverse_layers predict``: label images, overlays, errors."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from cases.cells import VALUES, write_cells  # noqa: E402
from cases.inverse_layers import PREDICT, WEIGHTS, here, refused  # noqa: E402, F401
from experiments import inverse_layers  # noqa: E402
from experiments.inverse_layers import SegmentationConfig, fit_size, predict  # noqa: E402
from experiments.inverse_layers.__main__ import main  # noqa: E402
from experiments.inverse_layers.trained import open_trained  # noqa: E402
from steepest.core.grey import to_planes  # noqa: E402
from steepest.io import read_image, read_labels, write_image  # noqa: E402


@pytest.fixture
def trained() -> Any:
    """A network with random weights in run/, photographs of two sizes in photos/."""
    torch.manual_seed(0)
    network = inverse_layers.SegmentationUNet(3, 3, base=2, depth=2)
    write_cells("more", 2, [(20, 31), (40, 26)])
    Path("more/images").rename("photos")
    with torch.no_grad():  # all classes are about equally frequent
        example = torch.from_numpy(to_planes(read_image("photos/c1.png").array))[None]
        network.last.bias.copy_(network.last.bias - network(example).mean((0, 2, 3)))
    save(network)
    return network.eval()


def save(network: Any, **changes: Any) -> None:
    config = SegmentationConfig(data="images", **changes)
    metadata = {"classes": list(VALUES), "training": config.as_json()}
    Path("run").mkdir(exist_ok=True)
    inverse_layers.save(network, "run/weights", metadata)


def test_predictions_are_those_of_the_library(
    trained: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*PREDICT, "--overlay", "--scale", "2"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "2 of 2 images done" in out
    for name in ("c0", "c1"):
        image = read_image(f"photos/{name}.png").array
        labels = predict(trained, image)
        assert len(np.unique(labels)) > 1
        with Pillow.open(f"results/{name}.png") as file:
            assert file.mode == "L"
        written = read_labels(f"results/{name}.png")
        assert np.array_equal(written, np.array(VALUES)[labels])
        picture = read_image(f"results/overlays/{name}.png").array
        assert np.array_equal(picture, inverse_layers.overlay(image, labels, 3, scale=2))
        shares = [f"{v}: {100 * np.mean(written == v):.1f} %" for v in VALUES]
        assert ", ".join(shares) in out
    pairs = inverse_layers.open_pairs("photos", "results", values=VALUES)  # labels serve as masks
    assert np.array_equal(pairs.read(1)[1], labels)


def test_class_numbers_and_json(trained: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*PREDICT, "--values", "classes", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["command"] == "predict"
    for record in document["results"]:
        labels = predict(trained, read_image(record["input"]).array)
        assert np.array_equal(read_labels(record["outputs"][0]), labels)
        assert sum(record["classes"].values()) == pytest.approx(1)
        assert list(record["classes"]) == ["0", "1", "2"]


def test_stretched_as_in_its_training(trained: Any) -> None:
    image = read_image("photos/c0.png").array
    save(trained, fit="resize", size=(16, 24))
    assert main([*PREDICT, "-q"]) == 0
    written = read_labels("results/c0.png")
    assert written.shape == image.shape[:2]
    small, _ = fit_size(to_planes(image), np.zeros(image.shape[:2], int), (16, 24), "resize")
    seen = inverse_layers.probabilities(trained, np.moveaxis(small, 0, -1))
    large = fit_size(seen, np.zeros((16, 24), int), image.shape[:2], "resize")[0]
    assert np.array_equal(written, np.array(VALUES)[large.argmax(0)])
    assert not np.array_equal(written, np.array(VALUES)[predict(trained, image)])
    save(trained, fit="resize", size=image.shape[:2])
    same = open_trained(WEIGHTS).labels(image)  # nothing to stretch
    assert np.array_equal(same, predict(trained, image))


def test_all_files_of_an_image_or_none(
    trained: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(image: np.ndarray, *_: Any, **__: Any) -> np.ndarray:
        if image.shape[0] == 40:
            raise MemoryError
        return image

    monkeypatch.setattr(inverse_layers, "overlay", failing)
    assert main([*PREDICT, "--overlay"]) == 1
    assert "photos/c1.png: not enough memory" in capsys.readouterr().err
    names = sorted(str(path) for path in Path("results").rglob("*") if path.is_file())
    assert names == ["results/c0.png", "results/overlays/c0.png"]


def test_images_that_are_none(trained: Any, capsys: pytest.CaptureFixture[str]) -> None:
    stack = np.zeros((5, 20, 20), np.uint8)
    tifffile.imwrite("photos/stack.tif", stack, photometric="minisblack")
    assert main([*PREDICT]) == 1  # the others are done
    out, err = capsys.readouterr()
    assert "photos/stack.tif: axes ZYX; allowed are greyscale or RGB images" in err
    assert "2 of 3 images done" in out


def test_grey_and_16_bit_photographs(trained: Any) -> None:
    grey = (np.arange(24 * 20, dtype=np.uint16) * 130).reshape(24, 20)
    write_image("grey.tif", grey)
    assert main(["predict", WEIGHTS, "grey.tif", "-o", "out", "-q", "--overlay"]) == 0
    assert np.array_equal(read_labels("out/grey.png"), np.array(VALUES)[predict(trained, grey)])
