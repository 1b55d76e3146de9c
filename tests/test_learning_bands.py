"""Spectral TV with networks, and networks on the command line."""

import json

import numpy as np
import pytest

import steepest
from steepest.core.errors import InputError

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from steepest import learning  # noqa: E402
from steepest.cli.main import main  # noqa: E402


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    made = learning.MeanFluxNet((4, 4, 4), 2)
    for stage in made.stages:
        torch.nn.init.normal_(stage.leave.weight, std=0.2)
    return made.eval()


@pytest.fixture(scope="module")
def weights(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "small"
    learning.save(network, path)
    return str(path)


def test_decomposition_adds_up_and_is_certified(network):
    rng = np.random.default_rng(0)
    image = rng.random((14, 18, 3)).astype(np.float32)
    found = learning.learned_decomposition(
        image, network=network, bands=[0.02, 0.1], steps=6, channel_axis=-1
    )
    total = found.bands.sum(0, dtype=np.float64) + found.residual
    assert np.abs(total - image).max() < 1e-6
    assert found.edges.tolist() == [0, 0.02, 0.1, np.inf]
    assert found.flow.psnr_bound().shape == found.flow.times.shape
    assert learning.learned_decomposition(image[..., 0], network=network, bands=2).num_bands == 2


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"bands": [0.1, 0.3]}, "t_max"),
        ({"t_max": 0}, "t_max"),
        ({"steps": 0}, "steps"),
    ],
)
def test_bad_options(network, options, match):
    with pytest.raises(InputError, match=match):
        learning.learned_decomposition(np.eye(9), network=network, **options)


def test_flow_on_the_command_line(weights, tmp_path, capsys):
    image = (np.random.default_rng(0).random((20, 24)) * 255).astype(np.uint8)
    steepest.io.write_image(
        tmp_path / "a.png", steepest.io.read_image(_stored(tmp_path / "b.npy", image))
    )
    code = main(
        ["flow", str(tmp_path / "a.png"), "--times", "0.05,0.1", "--method", "learned",
         "--network", weights, "-o", str(tmp_path / "out"), "--json"]
    )  # fmt: skip
    printed = json.loads(capsys.readouterr().out)
    assert code == 0
    assert "network" in json.dumps(printed)
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_decompose_on_the_command_line(weights, tmp_path, capsys):
    path = _stored(tmp_path / "b.npy", np.random.default_rng(0).random((20, 24), np.float32))
    code = main(
        ["decompose", str(path), "--method", "learned", "--network", weights, "--no-figures",
         "--edges", "0.02", "-o", str(tmp_path / "out")]
    )  # fmt: skip
    assert code == 0
    assert "reproduce the image" in capsys.readouterr().out
    names = {file.name for file in (tmp_path / "out").iterdir()}
    assert names == {"band_01.tif", "band_02.tif", "residual.tif"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--network", "mine"], "--method learned"),
        (["--method", "learned", "--steps", "5"], "--steps"),
        (["--method", "learned", "--huber", "0.1"], "--huber"),
        (["--method", "learned", "--network", "nowhere"], "nowhere"),
    ],
)
def test_one_line_errors(tmp_path, capsys, arguments, message):
    path = _stored(tmp_path / "b.npy", np.zeros((9, 9), np.float32))
    code = main(["flow", str(path), "--times", "0.1", "-o", str(tmp_path / "x.npy"), *arguments])
    error = capsys.readouterr().err
    assert code != 0
    assert message in error
    assert len(error.strip().splitlines()) == 1
    assert not (tmp_path / "x.npy").exists()


def _stored(path, array):
    np.save(path, array)
    return path
