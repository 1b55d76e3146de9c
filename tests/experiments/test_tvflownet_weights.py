"""The evaluation: names, sizes and files of networks; batches; keys of stored scores."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")
pytest.importorskip("skimage")

import steepest  # noqa: E402
from cases.tvflownet import crops_of_camera, folder  # noqa: E402, F401
from experiments.tvflownet import paper, protocol, store  # noqa: E402
from experiments.tvflownet.flux import flux_table  # noqa: E402
from experiments.tvflownet.methods import Learned, Still  # noqa: E402
from experiments.tvflownet.networks import SemiResNet  # noqa: E402
from experiments.tvflownet.paper import Figure  # noqa: E402
from experiments.tvflownet.runner import Evaluation  # noqa: E402
from experiments.tvflownet.table import Scores  # noqa: E402
from experiments.tvflownet.truth import TIMES  # noqa: E402
from experiments.tvflownet.weights import (  # noqa: E402
    SHIPPED,
    _registry_of,
    load_method,
    split_spec,
    training_size,
)

# ---------------------------------------------------------------- names and sizes


def small() -> Any:
    return SemiResNet(channels=2, depth=2)


@pytest.mark.parametrize(
    ("crop", "size"),
    [
        (32, "32"),
        (64, "64"),
        (128, "128"),
        ([96, 96], "96"),
        ([32, 256], "mixed"),
        ([48, 96], "48-96"),
    ],
)
def test_sizes_are_shown_as_they_are(crop: Any, size: str) -> None:
    assert training_size({"training": {"crop": crop}}, "unet-256") == size
    method = Learned(small(), "unet", size, "net")
    results = {("solution", "32"): {"net": {"u": Scores((40.0,), (0.9,))}}}
    cell = protocol.table_2([method], results).cell("unet", size, "32")
    assert cell.ours == Figure(40.0, ssim=0.9)
    assert (cell.paper is not None) == (size in ("32", "96", "mixed"))


@pytest.mark.parametrize(
    ("spec", "parts"),
    [
        ("unet", ("unet", "")),
        ("unet@96", ("unet", "96")),
        ("a@b/net@mixed", ("a@b/net", "mixed")),
        ("a@96/net", ("a@96/net", "")),
        ("net@host.safetensors", ("net@host.safetensors", "")),
        ("net@64", ("net", "64")),
        ("@96", ("@96", "")),
    ],
)
def test_signs_in_paths(spec: str, parts: tuple[str, str]) -> None:
    assert split_spec(spec) == parts


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_networks(name: str) -> None:
    """A name is enough; at time 0 nothing has moved much, and later the variation is smaller."""
    path = _registry_of(name).shipped / f"{name}.json"
    if not path.with_suffix(".safetensors").is_file():
        pytest.skip(f"{name} is not in this checkout")
    method = load_method(name)
    assert method.network == json.loads(path.read_text())["network"] == name
    assert method.label.startswith(name)
    image = crops_of_camera(32)
    frames = method.frames(image, TIMES[[0, 25]])
    assert float(np.sqrt(np.mean((frames[0] - image) ** 2))) < 0.04
    assert steepest.total_variation(frames[1]) < 0.8 * steepest.total_variation(image)


# ---------------------------------------------------------------- batches and stored scores


@pytest.mark.parametrize("name", ["VERSION", "__version__"])
def test_scores_of_other_code_are_not_used(
    name: str,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = []

    class Counting(Still):
        def frames(self, image: np.ndarray, times: np.ndarray) -> np.ndarray:
            calls.append(image.shape)
            return super().frames(image, times)

    def run() -> None:
        Evaluation([Counting()], folder, count=1, store=tmp_path).results("solution", "32")

    run()
    run()
    assert len(calls) == 1
    monkeypatch.setattr(store, name, "another")
    run()
    assert len(calls) == 2


# ---------------------------------------------------------------- the flux


class Smoothed(torch.nn.Module):
    """Its flux is the smoothed gradient of the image times a factor."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, u0: Any, t: Any) -> tuple[Any, Any]:
        rows = torch.diff(u0, dim=2, append=u0[:, :, -1:])
        columns = torch.diff(u0, dim=3, append=u0[..., -1:])
        g = 5 * torch.cat([rows, columns], 1)
        return u0, self.factor * g / torch.sqrt((g * g).sum(1, keepdim=True) + 1e-4)


def test_the_flux_has_a_table_with_the_papers_figure(folder: Path, tmp_path: Path) -> None:
    """Half and a tenth less: 20 log10(0.5 / 0.1) dB between them; the mean is of the paper's."""
    methods = [
        Still(),
        Learned(Smoothed(0.5), "unet", "32", "half"),
        Learned(Smoothed(0.9), "lgd", "32", "less"),
        Learned(Smoothed(1.0), "mean-flux", "64", "ours"),
    ]
    evaluation = Evaluation(methods, folder, count=2, store=tmp_path)
    table = evaluation.flux_table()
    assert [row.network for row in table.rows[:-1]] == ["unet", "lgd", "mean-flux"]
    half, less, ours, mean = (row.cells[0] for row in table.rows)
    assert less.ours.value - half.ours.value == pytest.approx(20 * math.log10(5), abs=1e-3)
    assert ours.ours.value > 100
    assert half.paper is None
    assert mean.paper == paper.FLUX_AGAINST_GRADIENT == Figure(10.98, ssim=0.107)
    assert mean.ours.value == pytest.approx((half.ours.value + less.ours.value) / 2)
    again = Evaluation(methods, folder, count=2, store=tmp_path)
    assert again.flux_table() == table
    assert flux_table([Still()], {}).rows[0].cells[0].ours is None
