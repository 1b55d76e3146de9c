"""The evaluation: protocols against methods whose scores are known, tables, reports."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steepest
from cases.tvflownet import Solver, crops_of_camera, evaluation, folder  # noqa: F401
from experiments.tvflownet import measures, paper, protocol, report
from experiments.tvflownet.methods import BASELINE, Still
from experiments.tvflownet.paper import Figure
from experiments.tvflownet.runner import Evaluation
from experiments.tvflownet.table import Cell, Row, Scores, Table
from experiments.tvflownet.truth import STEP, TIMES, TruthSource, time_derivative

# ---------------------------------------------------------------- protocols


def test_solver_and_baseline_in_the_tables_of_u(evaluation: Evaluation) -> None:
    for name in ("32", "disks"):
        scores = evaluation.results("solution", name)
        assert min(scores["solver"]["u"].psnr) > 60
        assert min(scores["solver"]["u"].ssim) > 0.99
        for image, found in zip(
            evaluation.image_set(name), scores[BASELINE]["u"].psnr, strict=True
        ):
            frames = evaluation.truth(image, TIMES).frames
            error = np.mean([np.mean((frame - image) ** 2) for frame in frames])
            assert found == pytest.approx(-10 * math.log10(error), abs=1e-6)


def test_baseline_of_the_divergence_is_the_energy_of_the_truth(evaluation: Evaluation) -> None:
    scores = evaluation.results("divergence", "32")
    assert min(scores["solver"]["paper"].psnr) > 45
    image = evaluation.image_set("32").images[0]
    truth = evaluation.truth(image, STEP * np.arange(51)).frames
    energy = np.mean((time_derivative(truth, STEP) / 5) ** 2)
    found = scores[BASELINE]["paper"].psnr[0]
    assert found == pytest.approx(-10 * math.log10(energy), abs=1e-4)
    wider = scores[BASELINE]["min-max"].psnr[0] - found
    spread = np.ptp(time_derivative(truth, STEP) / 5)
    assert wider == pytest.approx(20 * math.log10(spread), abs=1e-4)


@pytest.mark.parametrize("factor", [3.0, 0.3])
def test_exact_flow_is_one_homogeneous(factor: float) -> None:
    from experiments.tvflownet.measurements import homogeneity, measure

    image = crops_of_camera(32)
    scores = measure(homogeneity(TruthSource(), factor), [Still(), Solver()], [image])
    assert scores["solver"]["itself"].psnr[0] > 60
    assert scores["solver"]["solver"].psnr[0] > 60
    assert scores[BASELINE]["itself"].psnr[0] > 120  # constant in time: no matter which
    frames = TruthSource()(image, TIMES / factor).frames
    wanted = measures.psnr(np.repeat(image[None], 50, 0), frames)
    assert scores[BASELINE]["solver"].psnr[0] == pytest.approx(wanted, abs=1e-3)


def test_tables_hold_both_figures(evaluation: Evaluation) -> None:
    methods = [Still(), Solver()]
    scores = Scores((40.0, 42.0), (0.98, 1.0))
    results = {("solution", size): {"solver": {"u": scores}} for size in paper.SIZES}
    two, three = protocol.table_2(methods, results), protocol.table_3(methods, results)
    assert two.cell("solver", "32", "96").ours == Figure(41.0, ssim=0.99)
    assert three.cell("solver", "32", "96").ours == Figure(0.99)
    assert two.cell(BASELINE, "", "96").ours is None
    with pytest.raises(KeyError):
        two.cell("solver", "32", "97")
    for number, needs in protocol.NEEDS.items():
        known = {measurement: evaluation._measurements[measurement] for measurement, _ in needs}
        assert known
        assert protocol.TABLES[number](methods, {}).columns[:2] == paper.COLUMNS[number][:2]


def test_scores_are_stored_and_used_again(folder: Path, tmp_path: Path) -> None:
    calls = []

    class Counting(Still):
        def frames(self, image: np.ndarray, times: np.ndarray) -> np.ndarray:
            calls.append(image.shape)
            return super().frames(image, times)

    def run(**options: Any) -> Any:
        chosen = Evaluation([Counting()], folder, count=2, store=tmp_path, **options)
        return chosen.results("solution", "32")

    first = run()
    assert len(calls) == 2
    assert run() == first
    assert len(calls) == 2
    assert run(overwrite=True) == first
    assert len(calls) == 4
    assert run(seed=1) != first  # other images: stored scores are not theirs
    assert len(calls) == 6
    (file,) = tmp_path.iterdir()
    file.write_text("{}")
    assert run() == first
    with pytest.raises(steepest.InputError, match="same name"):
        Evaluation([Still(), Still()], folder)


# ---------------------------------------------------------------- reports


SAMPLE = Table(
    "table-2",
    "Table 2: PSNR of u",
    "dB",
    ("32", "96"),
    (
        Row(BASELINE, "", (Cell(Figure(29.5)), Cell())),
        Row("unet", "32", (Cell(Figure(43.1, 0.1), Figure(42.05, ssim=0.99)), Cell(None))),
        Row("lgd", "32", (Cell(Figure(math.inf, ssim=1.0)), Cell(None, Figure(1.0)))),
    ),
    ("A note.",),
)


def test_report_round_trip(tmp_path: Path) -> None:
    assert report.from_json(report.to_json([SAMPLE])) == [SAMPLE]
    report.write_report(tmp_path / "new", [SAMPLE])
    report.write_report(tmp_path / "new", [SAMPLE, SAMPLE])  # replaces
    names = sorted(path.name for path in (tmp_path / "new").iterdir())
    assert names == ["tables.json", "tables.md"]
    assert report.from_json((tmp_path / "new" / "tables.json").read_text()) == [SAMPLE, SAMPLE]
    for bad in ("", "[]", '{"tables": [{}]}'):
        with pytest.raises(steepest.InputError, match="not stored tables"):
            report.from_json(bad)


def test_markdown_has_ours_beside_the_papers() -> None:
    lines = report.to_markdown(SAMPLE).splitlines()
    assert lines[2] == "| network | trained on | 32 | 96 |"
    assert lines[5] == "| unet | 32 | 43.10 ± 0.10 / 42.05 (0.990) | \u2013 |"
    assert lines[6] == "| lgd | 32 | ∞ (1.000) | \u2013 / 1.00 |"
    assert len({line.count("|") for line in lines if line.startswith("|")}) == 1
