"""The mask GAN paper: its trainings by name, its command, networks among the compared methods."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("safetensors")
pytest.importorskip("skimage")

from experiments.mask_gan import MaskGAN, operators, save
from experiments.mask_gan.__main__ import main
from experiments.mask_gan.learned_masks import choosers
from experiments.mask_gan.presets import PRESETS
from steepest.io import sample, write_image


def test_the_presets_are_the_papers() -> None:
    large, small = PRESETS["paper-128"], PRESETS["paper-64"]
    recipe = large.recipe
    assert (recipe.batch, small.recipe.batch, small.crop) == (32, 128, 64)
    assert (recipe.learning_rate, recipe.clip) == (5e-5, 0)
    assert (large.alpha, large.beta, large.base_channels) == (0.005, 1, 128)
    assert PRESETS["inpainting"].mode == "inpainting"


# ---------------------------------------------------------------- the command


@pytest.fixture
def weights(here: None) -> Path:
    """A small network with random weights, "joint.safetensors", and a photograph in photos/."""
    photo = np.ascontiguousarray(sample("coffee")[100:170, 100:172])
    write_image("photos/a.png", photo)
    config = {"mode": "joint", "density": 0.1, "binarisation": "hard"}
    save(MaskGAN(base_channels=4), "joint", {"training": config})
    return Path("joint.safetensors")


def test_networks_are_compared_with_their_own_inpainting(weights: Path) -> None:
    rows = choosers([weights])
    image = sample("coffee")[100:164, 100:164]
    for name, (method, fill) in rows.items():
        mask = method(image, 0.1)
        assert mask.sum() == round(0.1 * 64 * 64)
        assert (fill is None) == name.endswith("diffusion")
    filled = rows["mask GAN, small"][1](image, mask, 0.1)
    assert np.array_equal(filled[mask], image[mask].astype(np.float32) / 255)


def test_operators_on_networks_of_their_own(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operators, "RESULTS", Path("tables"))
    name = "homogeneous diffusion"
    monkeypatch.setattr(operators, "OPERATORS", {name: operators.OPERATORS[name]})
    assert main(["operators", "photos", "--networks", str(weights)]) == 0
    table = Path("tables/operators.md").read_text()
    for name in ("homogeneous diffusion", "mask GAN, small; diffusion", "paper: mask GAN"):
        assert f"| {name} |" in table
