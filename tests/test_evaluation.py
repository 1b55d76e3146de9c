"""The evaluation: images, measures, protocols against methods whose scores are known."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import label

import steepest
from steepest.cli.main import main
from steepest.evaluation import measures, paper, protocol, report, shapes
from steepest.evaluation.images import crops, folder_images, mixed_crops, to_grey
from steepest.evaluation.methods import BASELINE, Still
from steepest.evaluation.paper import Figure
from steepest.evaluation.reconstruction import by_bands, by_differences, by_quadrature
from steepest.evaluation.runner import Evaluation
from steepest.evaluation.speed import Runner, speed_images, table_9, time_all
from steepest.evaluation.table import Cell, Row, Scores, Table, make_rows, over_repeats
from steepest.evaluation.truth import STEP, TIMES, TruthSource, time_derivative
from steepest.io import write_image

METRICS = pytest.importorskip("skimage.metrics")


class Solver:
    """The certified solver as a method: it must win every table."""

    network, training, label, digest = "solver", "32", "solver", ""

    def frames(self, image: np.ndarray, times: np.ndarray) -> np.ndarray:
        scale = float(image.max()) or 1.0
        options = {"accuracy": 66.0, "data_range": scale}
        return np.asarray(steepest.tv_flow(image, times, **options).images)

    def divergences(self, image: np.ndarray, times: np.ndarray) -> np.ndarray:
        wanted = np.append(times, times[-1] + STEP)
        return time_derivative(self.frames(image, wanted), STEP)

    def derivatives(self, image: np.ndarray, times: np.ndarray) -> None:
        return None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three small photographs, one of them in colour, one too small for most crops."""
    place = tmp_path_factory.mktemp("photographs")
    camera = steepest.io.read_image("sample:camera").array
    write_image(place / "a.png", np.ascontiguousarray(camera[:120, 100:230]))
    coffee = steepest.io.read_image("sample:coffee").array
    write_image(place / "b.png", np.ascontiguousarray(coffee[50:180, 60:200]))
    write_image(place / "c.png", np.ascontiguousarray(camera[200:240, 200:240]))
    return place


@pytest.fixture(scope="module")
def evaluation(folder: Path) -> Evaluation:
    return Evaluation([Still(), Solver()], folder, count=2)


# ---------------------------------------------------------------- the paper's figures


def test_every_table_of_the_paper_is_complete() -> None:
    for number in (2, 3, 4, 5, 6, 7, 8):
        cells = paper.table(number)
        assert len(cells) == 12 * len(paper.COLUMNS[number])
        assert {key[2] for key in cells} == set(paper.COLUMNS[number])
    assert len(paper.table(1)) == 12
    assert len(paper.table(9)) == 24


@pytest.mark.parametrize(
    ("number", "column", "value"),
    # the cells that the paper prints in bold
    [
        (2, "32", 42.2),
        (2, "96", 43.95),
        (2, "256", 45.14),
        (3, "32", 0.991),
        (3, "96", 0.992),
        (3, "256", 0.993),
        (4, "32", 32.62),
        (4, "96", 34.89),
        (4, "256", 35.62),
        (5, "disks", 52.12),
        (5, "ellipses", 44.62),
        (5, "medical", 46.36),
        (6, "c = 3", 52.0),
        (6, "c = 0.3", 35.78),
        (7, "autodiff", 50.32),
    ],
)
def test_best_of_the_paper(number: int, column: str, value: float) -> None:
    assert paper.best(number, column) == value


def test_figures_have_deviations_or_similarities() -> None:
    assert paper.table(2)["lgd", "256", "96"] == Figure(38.27, spread=0.19)
    assert paper.table(5)["lgd", "mixed", "disks"] == Figure(43.52, ssim=0.867)
    assert paper.table(9)["joint", "", "512"] == Figure(3217.93)


# ---------------------------------------------------------------- images


@pytest.mark.parametrize("make", [shapes.disks, shapes.ellipses, shapes.phantoms])
def test_generated_images_are_fixed_and_in_range(make: Any) -> None:
    images = make(3, seed=5, size=64)
    again = make(2, seed=5, size=64)
    assert all(np.array_equal(a, b) for a, b in zip(images, again, strict=False))
    assert not np.array_equal(images[0], make(1, seed=6, size=64)[0])
    assert len({image.tobytes() for image in images}) == 3
    for image in images:
        assert image.dtype == np.float32
        assert image.shape == (64, 64)
        assert 0 <= image.min() < image.max() <= 1


@given(st.integers(0, 10_000))
def test_disks_are_isolated(seed: int) -> None:
    image = shapes.disks(1, seed, size=128)[0]
    layout = shapes.disk_layout(seed, 128)
    background = image[0, 0]
    parts, number = label(np.abs(image - background) > 1e-6, structure=np.ones((3, 3)))
    assert number == len(layout) >= 1
    for (r1, c1, a, _), (r2, c2, b, _) in itertools.combinations(layout, 2):
        assert math.hypot(r1 - r2, c1 - c2) > a + b + 5
    for row, column, radius, contrast in layout:
        inside = parts == parts[round(row), round(column)]
        weight = np.abs(image - background)[inside].sum() / abs(contrast)
        assert weight == pytest.approx(math.pi * radius**2, rel=0.05)
        assert image[round(row), round(column)] == pytest.approx(background + contrast, abs=1e-5)


def test_grey_weights_and_ranges() -> None:
    pixel = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], np.uint8)
    assert np.allclose(to_grey(pixel), [[0.299, 0.587, 0.114, 1.0]], atol=1e-6)
    assert to_grey(np.full((2, 2), 65535, np.uint16)).max() == 1
    with pytest.raises(steepest.InputError, match=r"\[0, 1\]"):
        to_grey(np.full((2, 2), 2.0))
    with pytest.raises(steepest.InputError, match="must be"):
        to_grey(np.zeros((2, 2, 2)))


def test_crops_are_parts_of_the_photographs(folder: Path) -> None:
    chosen = crops(folder, 48, count=7, seed=3)
    assert chosen.digest() == crops(folder, 48, count=7, seed=3).digest()
    assert chosen.digest() != crops(folder, 48, count=7, seed=4).digest()
    whole = dict(zip(*(folder_images(folder).sources, folder_images(folder).images), strict=True))
    for image, source in zip(chosen.images, chosen.sources, strict=True):
        name, _, place = source.partition("[")
        (top, bottom), (left, right) = (map(int, p.split(":")) for p in place[:-1].split(", "))
        assert np.array_equal(image, whole[name][top:bottom, left:right])
        assert image.shape == (48, 48)
        assert name != "c.png"  # too small


def test_every_photograph_is_used_before_any_again(folder: Path) -> None:
    names = [source.partition("[")[0] for source in crops(folder, 32, count=6).sources]
    assert sorted(names[:3]) == sorted(names[3:]) == ["a.png", "b.png", "c.png"]


def test_mixed_crops_and_what_is_refused(folder: Path, tmp_path: Path) -> None:
    sizes = [image.shape[0] for image in mixed_crops(folder, 20, sizes=(32, 64))]
    assert len(set(sizes)) > 5
    assert 32 <= min(sizes) <= max(sizes) <= 64
    with pytest.raises(steepest.InputError, match="no image of 256x256"):
        crops(folder, 256, count=1)
    with pytest.raises(steepest.InputError, match="no such folder"):
        crops(folder / "none", 32)
    with pytest.raises(steepest.InputError, match="no PNG"):
        crops(tmp_path, 32)


# ---------------------------------------------------------------- measures and truth


@given(st.integers(0, 2**32 - 1), st.sampled_from([1.0, 0.5, 3.0]))
def test_measures_are_those_of_scikit_image(seed: int, data_range: float) -> None:
    rng = np.random.default_rng(seed)
    a = rng.random((3, 16, 11)).astype(np.float32)
    b = np.clip(a + 0.1 * rng.standard_normal(a.shape), 0, 1)
    wanted = METRICS.peak_signal_noise_ratio(a.astype(float), b, data_range=data_range)
    assert measures.psnr(a, b, data_range) == pytest.approx(wanted, abs=1e-9)
    frames = [
        METRICS.structural_similarity(x.astype(float), y, data_range=data_range)
        for x, y in zip(a, b, strict=True)
    ]
    assert measures.ssim(a, b, data_range) == pytest.approx(np.mean(frames), abs=1e-12)


def test_equal_stacks_and_bad_ones() -> None:
    a = np.random.default_rng(0).random((2, 8, 8))
    assert measures.psnr(a, a) == math.inf
    assert measures.ssim(a, a) == pytest.approx(1.0)
    with pytest.raises(steepest.InputError, match="cannot be compared"):
        measures.psnr(a, a[:1])
    with pytest.raises(steepest.InputError, match="7x7"):
        measures.ssim(a[:, :5], a[:, :5])


def test_truth_holds_its_certificate_and_is_stored(tmp_path: Path) -> None:
    step = np.repeat([[0.0, 1.0]], 8, 1).repeat(8, 0)  # contrast 1, falls by 2 t / 8 until t = 4
    source = TruthSource(folder=tmp_path)
    truth = source(step, TIMES)
    exact = np.stack([step + (0.5 - step) * 2 * t / 8 for t in TIMES])
    distance = np.sqrt(np.square(truth.frames - exact).sum((1, 2)))
    assert np.all(distance <= truth.error_bound + 1e-5)
    (file,) = tmp_path.iterdir()
    again = source(step, TIMES)
    assert np.array_equal(again.frames, truth.frames)
    file.write_bytes(file.read_bytes()[:100])  # damaged: computed again
    assert np.array_equal(source(step, TIMES).frames, truth.frames)
    euler = TruthSource(method="euler", folder=tmp_path)(step, TIMES)
    assert np.allclose(euler.frames, exact, atol=1e-5)
    assert len(list(tmp_path.iterdir())) == 2
    with pytest.raises(steepest.InputError, match="certified"):
        TruthSource(method="exact")


def test_time_derivative_of_lines_and_parabolas() -> None:
    t = 0.5 * np.arange(6)
    frames = (2 + 3 * t - t**2)[:, None, None]
    found = time_derivative(frames, 0.5)[:, 0, 0]
    assert np.allclose(found[1:], 3 - 2 * t[1:-1])
    assert found[0] == pytest.approx(2.5)  # (u(h) - u(0)) / h


# ---------------------------------------------------------------- reconstruction


@given(st.integers(0, 2**32 - 1))
def test_second_differences_return_the_first_frame(seed: int) -> None:
    frames = np.random.default_rng(seed).random((50, 3, 4))
    assert np.allclose(by_differences(frames, TIMES), frames[0], atol=1e-9)


def test_exact_flow_is_reconstructed_as_the_image() -> None:
    image = crops_of_camera(32)
    frames = TruthSource()(image, TIMES).frames
    assert measures.psnr(by_differences(frames, TIMES), image) > 120


def test_quadrature_and_bands_of_a_known_curve() -> None:
    start, slope = np.random.default_rng(1).random((2, 4, 4))
    t = np.linspace(0, 0.2, 401)[1:, None, None]
    u, u_t, u_tt = start + slope * t**3, 3 * slope * t**2, 6 * slope * t
    times = t[:, 0, 0]
    assert np.allclose(by_bands(start, u, u_t, times), start, atol=1e-12)
    errors = []
    for every in (20, 10):
        some = slice(every - 1, None, every)
        found = by_quadrature(u[some], u_t[some], u_tt[some], times[some])
        errors.append(np.abs(found - start).max())
    assert errors[1] == pytest.approx(errors[0] / 4, rel=0.01)  # second order


def test_differences_need_equal_steps_from_zero() -> None:
    with pytest.raises(steepest.InputError, match="equal steps from 0"):
        by_differences(np.zeros((3, 2, 2)), np.array([0.1, 0.2, 0.3]))


# ---------------------------------------------------------------- protocols


def crops_of_camera(size: int) -> np.ndarray:
    camera = steepest.io.read_image("sample:camera").array
    return to_grey(camera[100 : 100 + size, 200 : 200 + size])


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
    from steepest.evaluation.measurements import homogeneity, measure

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


def test_repeats_become_means_and_deviations() -> None:
    class Named(Solver):
        def __init__(self, label: str) -> None:
            self.network, self.label = "unet", label

    methods = [Named("first"), Named("second"), Named("third")]
    values = dict(zip(("first", "second", "third"), (41.0, 42.0, 46.0), strict=True))
    ours = {(name, "96"): Figure(value, ssim=value / 100) for name, value in values.items()}
    (row,) = make_rows(methods, ["96"], ours, paper.table(2))
    assert row.cells[0].paper == Figure(43.95, spread=0.21)
    assert row.cells[0].ours == Figure(43.0, pytest.approx(math.sqrt(7)), pytest.approx(0.43))
    assert over_repeats([Figure(1.0)]) == Figure(1.0)
    assert over_repeats([]) is None


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
        with pytest.raises(steepest.InputError, match="no stored tables"):
            report.from_json(bad)


def test_markdown_has_ours_beside_the_papers() -> None:
    lines = report.to_markdown(SAMPLE).splitlines()
    assert lines[2] == "| network | trained on | 32 | 96 |"
    assert lines[5] == "| unet | 32 | 43.10 ± 0.10 / 42.05 (0.990) | \u2013 |"
    assert lines[6] == "| lgd | 32 | ∞ (1.000) | \u2013 / 1.00 |"
    assert len({line.count("|") for line in lines if line.startswith("|")}) == 1


def test_times_are_medians_and_projections() -> None:
    images = speed_images([np.eye(40, dtype=np.float32)], (32, 96))
    assert images[96].shape == (96, 96)
    calls: list[int] = []
    runners = {
        "unet": Runner(lambda image: calls.append(len(image))),
        "joint": Runner(lambda image: None, lambda side: 1e6),
    }
    seconds = time_all(runners, images, repeats=3)
    assert calls == [32] * 4 + [96] * 4
    assert seconds["joint", 32] > seconds["unet", 32]
    table = table_9(seconds)
    assert table.cell("unet", "", "96").paper == Figure(0.01)
    assert table.cell("unet", "", "96").ours == Figure(seconds["unet", 96])
    assert table.cell("unet", "", "512").ours is None


# ---------------------------------------------------------------- networks


def exact_network() -> Any:
    torch = pytest.importorskip("torch")

    class Exact(torch.nn.Module):  # type: ignore[name-defined, misc]
        """The solver behind the interface of a network, for batches of one image."""

        def solve(self, u0: Any, t: Any) -> Any:
            flow = steepest.tv_flow(u0[0, 0].numpy(), t.numpy(), accuracy=66, data_range=1.0)
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
    from steepest.evaluation.measurements import measure, solution
    from steepest.evaluation.methods import Learned

    method = Learned(exact_network(), "exact")
    image = crops_of_camera(32)
    scores = measure(solution(TruthSource()), [method], [image])
    assert scores["exact"]["u"].psnr[0] > 60


def test_network_in_batches_with_derivatives() -> None:
    from steepest.evaluation.methods import Learned
    from steepest.operators.differences import divergence

    method = Learned(smooth_network(), "smooth", "96")
    assert method.label == "smooth-96"
    image = crops_of_camera(200)  # 40,000 pixels: five batches
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
    from steepest.evaluation.certificates import certificate_table, check_certificates
    from steepest.evaluation.methods import Learned

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


def test_certificates_of_networks_are_stored(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from steepest.evaluation import runner
    from steepest.evaluation.certificates import CertificateCheck
    from steepest.evaluation.methods import Learned

    check = CertificateCheck(((2.0, math.inf),), ((1.0, 1.0),), ((0.1, 0.1),), (1024,))
    calls = []
    monkeypatch.setattr(
        runner, "check_certificates", lambda *given, **more: calls.append(1) or check
    )
    for _ in range(2):
        methods = [Still(), Learned(smooth_network(), "smooth", "32", digest="1")]
        chosen = Evaluation(methods, folder, count=1, store=tmp_path)
        table, checks = chosen.certificates(["32"])
        assert checks == [check]
        assert table.rows[0].network == "smooth-32, 32"
    assert len(calls) == 1


def test_second_derivatives_through_silu() -> None:
    torch = pytest.importorskip("torch")
    from steepest.evaluation.methods import Learned

    class Silu(torch.nn.Module):  # type: ignore[name-defined, misc]
        def solve(self, u0: Any, t: Any) -> Any:
            return torch.nn.functional.silu(u0 + t.view(-1, 1, 1, 1))

    image = crops_of_camera(8)
    u, u_t, u_tt = Learned(Silu(), "silu").derivatives(image, np.array([0.3]))
    x = image.astype(float) + 0.3
    s = 1 / (1 + np.exp(-x))
    slope = s * (1 - s)
    assert np.allclose(u[0], x * s, atol=1e-6)
    assert np.allclose(u_t[0], s + x * slope, atol=1e-6)
    assert np.allclose(u_tt[0], 2 * slope + x * slope * (1 - 2 * s), atol=1e-5)


def test_networks_are_loaded_into_their_rows(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("safetensors")
    from steepest.evaluation.weights import load_method, training_size, training_times
    from steepest.learning import SemiResNet, save

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
    with pytest.raises(steepest.InputError, match="training size '64'"):
        load_method(f"{tmp_path / 'mine'}@64")


def test_joint_optimisation_beside_the_paper() -> None:
    from steepest.evaluation.joint import joint, table_1
    from steepest.evaluation.measurements import measure

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


def _frames(image: np.ndarray) -> np.ndarray:
    return Still().frames(image, TIMES)


# ---------------------------------------------------------------- the command and pictures


def test_command_lists_bad_usage(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--images", str(folder), "--tables", "2,12"]) == 2
    assert "numbers from 1 to 9" in capsys.readouterr().err
    both = ["evaluate", "--images", str(folder), "--quick", "--count", "3"]
    assert main(both) == 2
    assert "--quick" in capsys.readouterr().err


def test_command_writes_and_goes_on(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("steepest.evaluation.load_method", lambda name, device: Solver())
    monkeypatch.setattr("steepest.evaluation.protocol.SIZES", ("32",))
    monkeypatch.setitem(protocol.NEEDS, 2, (("solution", "32"),))
    command = ["evaluate", "--images", str(folder), "--networks", "any", "--tables", "2"]
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


def test_pictures_show_every_row() -> None:
    pytest.importorskip("matplotlib")
    from steepest.evaluation import pictures
    from steepest.plot import figure_png

    image = crops_of_camera(32)
    truth, methods = TruthSource(), [Still(), Solver()]
    flow = pictures.flow_comparison(methods, image, truth)
    assert len(flow.axes) == 5 * (1 + 2 * 2)
    assert figure_png(flow).startswith(b"\x89PNG")
    fields = pictures.divergence_comparison([Solver()], image, truth)
    assert len(fields.axes) == 15
    assert len(pictures.homogeneity_comparison(Solver(), image, truth).axes) == 25
    decay = pictures.decay_figure(methods, image, [(4, 4), (9, 9)], truth)
    assert len(decay.axes[0].lines) == 6
    with pytest.raises(steepest.InputError, match="one shape"):
        pictures.comparison({"a": image[None], "b": image[None, 1:]}, [0.1])


def test_flux_of_the_smoothed_gradient_is_recognised() -> None:
    torch = pytest.importorskip("torch")
    from steepest.evaluation.methods import Learned
    from steepest.evaluation.pictures import flux_against_gradient

    class Smoothed(torch.nn.Module):  # type: ignore[name-defined, misc]
        def forward(self, u0: Any, t: Any) -> tuple[Any, Any]:
            rows = torch.diff(u0, dim=2, append=u0[:, :, -1:])
            columns = torch.diff(u0, dim=3, append=u0[..., -1:])
            g = 5 * torch.cat([rows, columns], 1)
            return u0, g / torch.sqrt((g * g).sum(1, keepdim=True) + 1e-4)

    psnr, ssim = flux_against_gradient(Learned(Smoothed(), "smoothed"), crops_of_camera(32))
    assert psnr > 100
    assert ssim > 0.9999
