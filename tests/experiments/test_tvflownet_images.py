"""The evaluation: its images, measures, truth and reconstructions."""

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import label

import steepest
from cases.tvflownet import Solver, crops_of_camera, evaluation, folder  # noqa: F401
from experiments.tvflownet import measures, paper, shapes
from experiments.tvflownet.images import crops, folder_images, mixed_crops
from experiments.tvflownet.reconstruction import by_bands, by_differences, by_quadrature
from experiments.tvflownet.truth import TIMES, TruthSource, time_derivative
from steepest.core.errors import InputError
from steepest.io import write_image

METRICS = pytest.importorskip("skimage.metrics")


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


def test_constant_crops_are_drawn_again(tmp_path: Path) -> None:
    half = np.zeros((64, 64), np.uint8)
    half[:, 40:] = np.arange(24)
    write_image(tmp_path / "half.png", half)
    assert all(np.ptp(image) > 0 for image in crops(tmp_path, 32, count=12))
    (tmp_path / "flat").mkdir()
    write_image(tmp_path / "flat" / "flat.png", np.zeros((40, 40), np.uint8))
    with pytest.raises(InputError, match="constant"):
        crops(tmp_path / "flat", 32, count=3)


def test_mixed_crops_and_what_is_refused(folder: Path, tmp_path: Path) -> None:
    sizes = [image.shape[0] for image in mixed_crops(folder, 20, sizes=(32, 64))]
    assert len(set(sizes)) > 5
    assert 32 <= min(sizes) <= max(sizes) <= 64
    with pytest.raises(steepest.InputError, match="no image of 256x256"):
        crops(folder, 256, count=1)
    with pytest.raises(steepest.InputError, match="no such folder"):
        crops(folder / "none", 32)
    with pytest.raises(steepest.InputError, match="no image file"):
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
