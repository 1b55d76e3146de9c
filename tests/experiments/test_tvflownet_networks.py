"""The evaluation: networks, certificates, the command, pictures."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steepest
from cases.tvflownet import Solver, crops_of_camera, evaluation, folder  # noqa: F401
from experiments.tvflownet import paper, protocol, report
from experiments.tvflownet.__main__ import main
from experiments.tvflownet.methods import BASELINE, Still
from experiments.tvflownet.paper import Figure
from experiments.tvflownet.reconstruction import by_bands, by_quadrature
from experiments.tvflownet.truth import TIMES, TruthSource

METRICS = pytest.importorskip("skimage.metrics")


# ---------------------------------------------------------------- networks


def exact_network() -> Any:
    torch = pytest.importorskip("torch")

    class Exact(torch.nn.Module):  # type: ignore[name-defined, misc]
        """The solver behind the interface of a network, for batches of one image."""

        def solve(self, u0: Any, t: Any) -> Any:
            flow = steepest.tv_flow(
                u0[0, 0].numpy(), t.numpy(), steps=steepest.Accuracy(db=66, data_range=1.0)
            )
            return torch.tensor(flow.images)[:, None]

    return Exact()


def smooth_network() -> Any:
    """``u = u0 exp(-t) + t^2``: derivatives in time that are known."""
    torch = pytest.importorskip("torch")

    class Smooth(torch.nn.Module):  # type: ignore[name-defined, misc]
        def solve(self, u0: Any, t: Any) -> Any:
            t = t.view(-1, 1, 1, 1)
            return u0 * torch.exp(-t) + t**2

        def forward(self, u0: Any, t: Any) -> tuple[Any, Any]:
            return self.solve(u0, t), torch.cat([u0, 0 * u0], 1)

    return Smooth()


def test_network_of_the_solver() -> None:
    from experiments.tvflownet.measurements import measure, solution
    from experiments.tvflownet.methods import Learned

    method = Learned(exact_network(), "exact")
    image = crops_of_camera(32)
    scores = measure(solution(TruthSource()), [method], [image])
    assert scores["exact"]["u"].psnr[0] > 60


def test_network_in_batches_with_derivatives() -> None:
    from experiments.tvflownet.methods import Learned
    from steepest.grid.differences import divergence

    method = Learned(smooth_network(), "smooth", "96")
    assert method.label == "smooth-96"
    image = crops_of_camera(200)  # 40,000 pixels: two batches
    decay = np.exp(-TIMES)[:, None, None]
    squares = (TIMES**2)[:, None, None]
    assert np.allclose(method.frames(image, TIMES), image * decay + squares, atol=1e-6)
    u, u_t, u_tt = method.derivatives(image, TIMES[1:])
    assert np.allclose(u, (image * decay + squares)[1:], atol=1e-6)
    assert np.allclose(u_t, (-image * decay)[1:] + 2 * TIMES[1:, None, None], atol=1e-5)
    assert np.allclose(u_tt, (image * decay)[1:] + 2, atol=1e-5)
    flux = np.stack([image, 0 * image])
    assert np.allclose(method.divergences(image, TIMES[:2])[1], divergence(flux), atol=1e-6)
    start = method.frames(image, TIMES[:1])[0]
    assert np.allclose(by_bands(start, u, u_t, TIMES[1:]), image, atol=1e-5)
    assert np.allclose(by_quadrature(u, u_t, u_tt, TIMES[1:]), image, atol=1e-4)


def test_certificates_are_counted() -> None:
    from experiments.tvflownet.certificates import certificate_table, check_certificates
    from experiments.tvflownet.methods import Learned

    method = Learned(smooth_network(), "smooth", "32")
    images = [crops_of_camera(16), crops_of_camera(24)]
    true = [
        np.linalg.norm(method.frames(image, TIMES[-1:]) - TruthSource()(image, TIMES[-1:]).frames)
        for image in images
    ]

    def claim(factor: float) -> Any:
        def certify(module: Any, u0: Any, t: Any) -> Any:
            return [factor * true[0 if u0.shape[-1] == 16 else 1]] * len(t)

        return check_certificates(method, images, TruthSource(), TIMES[-1:], certify)

    good, bad = claim(1.5), claim(0.5)
    assert (good.held, good.refuted) == (2, 0)
    assert (bad.held, bad.refuted) == (0, 2)
    assert good.tightness() == pytest.approx(1.5, rel=1e-4)
    guaranteed, reached = good.decibels()
    assert reached - guaranteed == pytest.approx(20 * math.log10(1.5), abs=1e-3)
    table = certificate_table({("smooth", "32", "16"): good})
    assert [cell.ours.value for cell in table.rows[0].cells[:3]] == [2, 0, 2]
    assert report.from_json(report.to_json([table])) == [table]


def test_networks_are_loaded_into_their_rows(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("safetensors")
    from experiments.tvflownet.networks import SemiResNet, save
    from experiments.tvflownet.weights import load_method, training_size, training_times

    training = {"crop": [32, 256], "images": 60, "batch": 2}
    save(SemiResNet(), tmp_path / "mine", {"training": training, "steps": 90, "seconds": 120.0})
    method = load_method(str(tmp_path / "mine.safetensors"))
    assert (method.network, method.training, method.label) == ("semi-resnet", "mixed", "mine-mixed")
    given = load_method(f"{tmp_path / 'mine'}@96")
    assert (given.training, given.digest) == ("96", method.digest)
    table = protocol.table_8([Still(), method])
    assert [cell.ours for cell in table.rows[0].cells] == [Figure(2.0), Figure(40.0)]
    assert table.rows[0].cells[0].paper == Figure(806.5)
    assert training_size({"training": {"crop": 96}}, "x-32") == "96"
    assert training_size({}, "unet-256") == "256"
    assert training_size({}, "unet") == "32"
    assert training_times({}) == {}
    continued = {"seconds": 60, "begun_from": {"seconds": 120, "begun_from": {"seconds": 30}}}
    assert training_times(continued) == {"training (min)": 3.5}
    with pytest.raises(steepest.InputError, match=r"mine@small\.json: cannot be read"):
        load_method(f"{tmp_path / 'mine'}@small")


def test_joint_optimisation_beside_the_paper() -> None:
    from experiments.tvflownet.joint import joint, table_1
    from experiments.tvflownet.measurements import measure

    images = [crops_of_camera(16), crops_of_camera(20)]
    method = Still()
    known = measure(
        joint(TruthSource(), lambda image: (Solver().frames(image, TIMES), 0 * _frames(image))),
        [method],
        images,
    )[method.label]
    assert min(known["u"].psnr) > 60
    table = table_1({"32": known})
    cell = table.cell("joint", "u, PSNR", "32")
    assert cell.paper == Figure(42.05, spread=3.03)
    assert cell.ours == Figure(np.mean(known["u"].psnr), np.std(known["u"].psnr, ddof=1))
    assert table.cell("joint", "div phi, SSIM", "256").ours is None


def test_joint_optimisation_as_the_table_runs_it() -> None:
    from experiments.tvflownet.joint import run_joint

    image = crops_of_camera(12)
    images, divergences = run_joint(image, num_iter=2)
    assert images.shape == divergences.shape == (len(TIMES), 12, 12)
    np.testing.assert_allclose(divergences.sum((1, 2)), 0, atol=1e-3)


def _frames(image: np.ndarray) -> np.ndarray:
    return Still().frames(image, TIMES)


# ---------------------------------------------------------------- the command and pictures


def test_command_writes_and_goes_on(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("safetensors")
    monkeypatch.setattr("experiments.tvflownet.load_method", lambda name, device: Solver())
    monkeypatch.setattr("experiments.tvflownet.protocol.SIZES", ("32",))
    monkeypatch.setitem(protocol.NEEDS, 2, (("solution", "32"),))
    command = ["tables", "--images", str(folder), "--networks", "any", "--tables", "2"]
    command += ["--count", "1", "--no-certificates", "-o", str(tmp_path / "out")]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert "Table 2" in printed
    assert BASELINE in printed
    stored = sorted((tmp_path / "out" / "scores").iterdir())
    before = [file.stat().st_mtime_ns for file in stored]
    assert main([*command, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["tables"][0]["columns"] == list(paper.COLUMNS[2])
    assert [file.stat().st_mtime_ns for file in stored] == before
    assert (tmp_path / "out" / "tables.md").read_text("utf-8") in printed + "\n"
