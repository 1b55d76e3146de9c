"""Training mask networks with the shared loop, and using the result."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")


from cases.trainings import timeless  # noqa: E402
from experiments.mask_gan import (  # noqa: E402
    MaskGAN,
    MaskTrainingConfig,
    fill,
    load,
    propose_mask,
    train,
)
from experiments.mask_gan.sampling import TRAINING, draw_crops  # noqa: E402
from experiments.mask_gan.validation import reconstruct  # noqa: E402
from steepest.core.errors import InputError  # noqa: E402
from steepest.io import write_image  # noqa: E402
from steepest.learning.images import open_photographs  # noqa: E402
from steepest.learning.training.streams import torch_stream  # noqa: E402

TINY = MaskTrainingConfig(
    data="photos", base_channels=4, crop=16, density=0.2, validation_batches=2
).replace(images=4, batch=2, epochs=2, learning_rate=1e-3)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve smooth colour images."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:40, :36] / 40
    for index in range(12):
        a, b, c = rng.uniform(0, 9, (3, 3, 1, 1))
        planes = 0.5 + 0.3 * np.sin(a * x + b * y + c)
        write_image(f"photos/{index:02}.png", np.moveaxis(np.uint8(255 * planes), 0, -1))


# ------------------------------------------------------------------------------------- training


RICH = {"ema": 0.5, "binarisation": "stochastic", "clip": 1.0}
GREY = {"mode": "inpainting", "channels": 1, "precision": "bfloat16"}


@pytest.mark.parametrize(
    "settings", [{}, RICH, GREY, {"mode": "diffusion"}], ids=["joint", "rich", "grey", "diffusion"]
)
def test_resumed_after_every_step_is_the_same_bit_for_bit(settings: dict[str, Any]) -> None:
    config = TINY.replace(**settings)
    whole = train(config, "whole")
    stops = 0
    while train(config, "parts", max_minutes=1e-9).stopped == "time":
        stops += 1
    assert stops == whole.step - 1 == 3
    assert timeless("parts") == timeless("whole")
    assert Path("whole/weights.safetensors").read_bytes() == (
        Path("parts/weights.safetensors").read_bytes()
    )


def test_the_weights_kept_are_those_of_the_smallest_eq_4() -> None:
    result = train(TINY.replace(epochs=4, learning_rate=0.01), "run")
    rows = result.history
    assert result.best_score == min(row["validation_score"] for row in rows)
    names = {"total", "critic", "generator", "mask", "error", "density", "gradient"}
    assert names <= set(rows[0])
    network = load("run/weights")
    assert isinstance(network, MaskGAN)
    source = open_photographs("photos", held_out=True, channels=3)
    found = []
    for index in range(2):
        images = draw_crops(source, 16, 0, 1, index, range(2))
        random = torch_stream(torch.device("cpu"), 0, 2, 1, index)
        with torch.no_grad():
            mask, u = reconstruct(network, images, TINY, random)
        distance = (mask.mean((1, 2, 3)) - 0.2).abs() + (u - images).abs().mean((1, 2, 3))
        found.append(float(distance.mean()))
    assert result.best_score == pytest.approx(np.mean(found), rel=1e-6)
    metadata = json.loads(Path("run/weights.json").read_text())["metadata"]
    assert MaskTrainingConfig.from_json(metadata["training"]).density == 0.2


def test_an_inpainting_network_learns() -> None:
    recipe = {"epochs": 25, "images": 16, "batch": 4, "learning_rate": 0.01, "validate_every": 25}
    result = train(TINY.replace(mode="inpainting", channels=1, alpha=0.0, **recipe), "run")
    assert result.history[-1]["error"] < 0.8 * result.history[0]["error"]


def test_masks_for_diffusion_learn_their_density() -> None:
    recipe = {"epochs": 8, "images": 16, "batch": 4, "learning_rate": 3e-3, "validate_every": 8}
    result = train(TINY.replace(mode="diffusion", channels=1, **recipe), "run")
    first, last = result.history[0], result.history[-1]
    assert abs(last["density"] - 0.2) < 0.5 * abs(first["density"] - 0.2)
    assert last["total"] < first["total"]


def test_crops_depend_on_their_counters_alone_and_are_not_inverted() -> None:
    source = open_photographs("photos", held_out=False, channels=3)
    batch = draw_crops(source, 16, 0, TRAINING, 3, range(3))
    assert batch.shape == (3, 3, 16, 16)
    assert torch.equal(draw_crops(source, 16, 0, TRAINING, 3, [2])[0], batch[2])
    assert not torch.equal(draw_crops(source, 16, 0, TRAINING, 4, [2])[0], batch[2])
    write_image("dark/a.png", np.full((20, 20, 3), (10, 20, 30), np.uint8))
    dark = open_photographs("dark", held_out=False, channels=3)
    for step in range(20):
        found = draw_crops(dark, 8, 0, TRAINING, step, [0])[0].mean((1, 2)) * 255
        assert found.tolist() == pytest.approx([10, 20, 30], abs=1e-3)


def test_colour_and_grey_come_from_the_same_images() -> None:
    sources = [open_photographs("photos", held_out=True, channels=n) for n in (1, 3)]
    grey, colour = (source.pick(np.random.default_rng(0), 16) for source in sources)
    assert colour.shape == (*grey.shape, 3)
    assert colour @ [0.299, 0.587, 0.114] == pytest.approx(grey, abs=1e-5)


# ------------------------------------------------------------------------------------- prediction


@pytest.fixture
def network() -> MaskGAN:
    torch.manual_seed(0)
    return MaskGAN("joint", 3, 4).eval()


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("shape", [(16, 16), (37, 21), (5, 3), (1, 1)])
@pytest.mark.parametrize("density", [0.001, 0.05, 1.0])
def test_masks_of_an_exact_density(
    network: MaskGAN, shape: tuple[int, int], density: float
) -> None:
    mask = propose_mask(network, picture(*shape), density, channel_axis=-1)
    assert mask.shape == shape
    assert mask.dtype == np.bool_
    assert mask.sum() == max(1, round(density * shape[0] * shape[1]))


def test_masks_are_nested_and_reproducible(network: MaskGAN) -> None:
    image = picture(24, 24)
    few, many = (propose_mask(network, image, d, channel_axis=-1) for d in (0.1, 0.3))
    assert np.all(many[few])
    assert np.array_equal(few, propose_mask(network, image, 0.1, channel_axis=-1))


def test_without_a_density_the_confidence_is_rounded(network: MaskGAN) -> None:
    image = picture(16, 24)
    mask = propose_mask(network, image, channel_axis=-1)
    same = propose_mask(network, image, mask.mean(), channel_axis=-1)
    assert np.array_equal(mask, same)
    with torch.no_grad():
        network.mask.trunk.last.bias -= 100
    assert propose_mask(network, image, channel_axis=-1).sum() == 1


def test_stochastic_rounding_draws_the_mask_with_the_confidence() -> None:
    network = MaskGAN("diffusion", 1, 4, binarisation="stochastic").eval()
    with torch.no_grad():
        for parameter in network.mask.trunk.last.parameters():
            parameter.zero_()
        network.mask.trunk.last.bias += 6 * (0.2 - 0.5)  # a confidence of 0.2 everywhere
    image = picture(128, 128)[..., 0]
    deviation = (0.2 * 0.8 / image.size) ** 0.5
    assert propose_mask(network, image).mean() == pytest.approx(0.2, abs=5 * deviation)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_filled_images_keep_what_is_known(network: MaskGAN, dtype: Any) -> None:
    image = picture(21, 18)
    image = (image / 255).astype(dtype) if np.dtype(dtype).kind == "f" else image.astype(dtype)
    mask = np.random.default_rng(1).random((21, 18)) < 0.2
    found = fill(network, image, mask, channel_axis=-1)
    assert found.dtype == dtype
    assert np.array_equal(found[mask], image[mask])
    other = np.where(mask[..., None], image, np.zeros_like(image))
    assert np.array_equal(found, fill(network, other, mask, channel_axis=-1))
    assert not np.array_equal(found[~mask], image[~mask])


def test_what_prediction_refuses(network: MaskGAN) -> None:
    image, mask = picture(8, 8), np.ones((8, 8), bool)
    for call, message in (
        (lambda: propose_mask(MaskGAN("inpainting", 3, 4), image, channel_axis=-1), "no mask gen"),
        (lambda: fill(MaskGAN("diffusion", 3, 4), image, mask, channel_axis=-1), "no inpainting"),
        (lambda: propose_mask(network, image, 0.0, channel_axis=-1), "density=0.0; allowed are"),
        (lambda: propose_mask(network, image), "allowed are two spatial axes"),
        (lambda: propose_mask(network, image * 1.0, channel_axis=-1), r"allowed is \[0, 1\]"),
        (lambda: fill(network, image[..., 0], mask), "allowed are two spatial axes and 3 channels"),
    ):
        with pytest.raises(InputError, match=message):
            call()
