"""``steepest patches``, and the commands that restore images by the models that it writes."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter

import steepest
from steepest import patches
from steepest.cli.main import main
from steepest.io import read_image, sample

PHOTO = sample("coffee")[..., 1] / 255
FIT = ["--components", "6", "--rank", "6", "--patch-size", "4", "--num-patches", "4000"]


def in_16_bits(values: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(values, 0, 1) * 65535).astype(np.uint16)


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    tifffile.imwrite(folder / "sharp.tif", in_16_bits(PHOTO[:, 300:]))
    assert (
        main(["patches", "fit", str(folder / "sharp.tif"), "-o", str(folder / "m.stpm"), *FIT]) == 0
    )
    return folder / "m.stpm"


@pytest.fixture
def files(here: None, model_file: Path) -> np.ndarray:
    """A sharp image, and files of two noisy, a coarse and a blurred one, and of the model."""
    clean, rng = PHOTO[100:140, 100:148], np.random.default_rng(0)
    Path("noisy").mkdir()
    options = {"imagej": True, "resolution": (4.0, 4.0), "metadata": {"unit": "um"}}
    for name in ("noisy/a.tif", "noisy/b.tif"):
        noisy = in_16_bits(clean + 0.08 * rng.standard_normal(clean.shape))
        tifffile.imwrite(name, noisy, **options)
    coarse = patches.coarsen(clean, 2, 1.0, phase=0.5) + 0.01 * rng.standard_normal((20, 24))
    tifffile.imwrite("coarse.tif", in_16_bits(coarse), **options)
    blurred = gaussian_filter(clean, 1.0) + 0.01 * rng.standard_normal(clean.shape)
    tifffile.imwrite("blurred.tif", in_16_bits(blurred), **options)
    Path("m.stpm").write_bytes(model_file.read_bytes())
    return clean


def of_file(name: str) -> np.ndarray:
    return tifffile.imread(name) / 65535


def error(name: str, clean: np.ndarray) -> float:
    return float(np.mean((of_file(name) - clean) ** 2))


def test_fit_writes_the_model_of_the_library(model_file: Path) -> None:
    found = patches.load(model_file)
    expected = patches.fit(in_16_bits(PHOTO[:, 300:]), 4, 6, 6, num_patches=4000)
    np.testing.assert_array_equal(found.bases, expected.bases)
    assert found.history == expected.history


def test_noise_is_removed_by_a_model(files: np.ndarray, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["restore", "noisy", "--model", "m.stpm", "-o", "clean", "--std", "clean", "--json"]
    assert main(words) == 0
    results = json.loads(capsys.readouterr().out)["results"]
    noisy, model = tifffile.imread("noisy/a.tif"), patches.load("m.stpm")
    sigma = steepest.estimate_noise(noisy)
    assert results[0]["sigma"] == sigma
    np.testing.assert_array_equal(
        tifffile.imread("clean/a.tif"), patches.denoise(noisy, model, sigma)
    )
    std = patches.posterior(noisy, model, sigma, num_samples=16).std * 65535
    np.testing.assert_allclose(tifffile.imread("clean/a_std.tif"), std, rtol=1e-6)
    assert read_image("clean/a.tif").pixel_size == read_image("clean/a_std.tif").pixel_size
    assert read_image("clean/b.tif").pixel_size == (0.25, 0.25)
    assert error("clean/b.tif", files) < 0.5 * error("noisy/b.tif", files)
    assert main(words) == 2  # nothing is overwritten


def test_all_pages_have_deviations(files: np.ndarray) -> None:
    noisy, model = tifffile.imread("noisy/a.tif"), patches.load("m.stpm")
    tifffile.imwrite("pages.tif", np.stack([noisy, noisy[::-1]]))
    words = ["restore", "pages.tif", "--model", "m.stpm", "--sigma", "0.1", "--pages", "-q"]
    assert main([*words, "--std", "std.tif"]) == 0
    for page, found in zip(tifffile.imread("pages.tif"), tifffile.imread("std.tif"), strict=True):
        std = patches.posterior(page, model, 0.1, num_samples=16).std * 65535
        np.testing.assert_allclose(found, std, rtol=1e-6)


def test_a_range_means_the_same_for_model_and_image(here: None) -> None:
    counts = np.rint(PHOTO * 1000).astype(np.uint16)
    tifffile.imwrite("sharp.tif", counts[:100, 300:])
    tifffile.imwrite("noisy.tif", counts[100:130, 100:130])
    span = ["--range", "0", "1000"]
    assert main(["patches", "fit", "sharp.tif", "-q", *FIT, *span]) == 0
    words = ["restore", "noisy.tif", "--model", "sharp.stpm", "--sigma", "0.05", "-q", *span]
    assert main(words) == 0
    part = (counts[100:130, 100:130] / 1000).astype(np.float32)
    expected = patches.denoise(part, patches.load("sharp.stpm"), 0.05)
    np.testing.assert_allclose(tifffile.imread("noisy_restored.tif"), 1000 * expected, atol=0.51)


def test_a_factor_divides_the_pixel_size(files: np.ndarray) -> None:
    assert main(["restore", "coarse.tif", "--model", "m.stpm", "--factor", "2", "--blur", "1"]) == 0
    fine = read_image("coarse_restored.tif")
    assert (fine.array.shape, fine.array.dtype) == (files.shape, np.dtype(np.uint16))
    assert fine.pixel_size == (0.125, 0.125)
    coarse = tifffile.imread("coarse.tif")
    sigma = steepest.estimate_noise(coarse)
    expected = patches.superresolve(coarse, patches.load("m.stpm"), 2, 1.0, sigma, phase=0.5)
    np.testing.assert_array_equal(fine.array, expected.image)
    repeated = of_file("coarse.tif").repeat(2, 0).repeat(2, 1)
    assert error("coarse_restored.tif", files) < 0.9 * np.mean((repeated - files) ** 2)


def test_a_blur_by_its_width_and_by_its_kernel(files: np.ndarray) -> None:
    words = ["restore", "blurred.tif", "--model", "m.stpm", "--sigma", "0.01"]
    assert main([*words, "--blur", "1"]) == 0
    assert error("blurred_restored.tif", files) < 0.7 * error("blurred.tif", files)
    point = np.zeros((9, 9))
    point[4, 4] = 1
    np.save("bead.npy", 7 * gaussian_filter(point, 1.0))
    assert main([*words, "--kernel", "bead.npy", "-o", "other.tif"]) == 0
    np.testing.assert_allclose(of_file("other.tif"), of_file("blurred_restored.tif"), atol=1e-4)


def test_the_map_is_low_at_a_defect(files: np.ndarray) -> None:
    image = files.copy()
    image[20:23, 20:23] = 1.0
    tifffile.imwrite("part.tif", in_16_bits(image))
    assert main(["patches", "map", "part.tif", "--model", "m.stpm", "-q"]) == 0
    found = tifffile.imread("part_map.tif")
    expected = patches.log_likelihood(in_16_bits(image), patches.load("m.stpm"))
    np.testing.assert_array_equal(found, expected.astype(np.float32))
    place = np.unravel_index(found.argmin(), found.shape)
    assert np.abs(np.array(place) - 21).max() <= 4


def test_calibrate_is_that_of_the_library(
    files: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    crops = in_16_bits(np.stack([PHOTO[y : y + 20, 50:70] for y in range(0, 250, 50)]))
    tifffile.imwrite("other.tif", crops)
    words = ["patches", "calibrate", "other.tif", "--model", "m.stpm", "--sigma", "0.08", "--pages"]
    assert main([*words, "--level", "0.5", "--seed", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["results"][0]
    expected = patches.calibrate(list(crops), patches.load("m.stpm"), 0.08, 0.5, rng=3)
    assert (found["parts"], found["images"]) == (expected.num_parts, 5)
    assert found["factor"] == expected.factor
    assert main([*words, "--level", "1"]) == 2
    assert "--level 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["noisy/a.tif", "-o", "m.stpm"], "m.stpm"),
        (["sample:coffee"], "sample:coffee: noisy has 3 channels"),
        (["blurred.tif", "--blur", "1", "--kernel", "a.npy"], "--blur: cannot be"),
        (["blurred.tif", "--kernel", "blurred.tif"], "odd lengths"),
        (["blurred.tif", "--blur", "-1"], "--blur -1: must be zero or positive"),
        (["blurred.tif", "--blur", "1", "--std", "b.tif"], "--std: only of noisy"),
        (["blurred.tif", "--weight", "1"], "--weight: also give --blur"),
        (["coarse.tif", "--factor", "99"], "factor=99"),
        (["coarse.tif", "--factor", "2", "--kernel", "a.npy"], "--kernel: cannot be"),
        (["coarse.tif", "--phase", "1"], "--phase: also give --factor"),
        (["coarse.tif", "--factor", "60", "--max-pixels", "9999"], "--factor 60"),
    ],
)
def test_bad_options_are_named_and_nothing_is_written(
    files: np.ndarray, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(Path().rglob("*"))
    assert main(["restore", *words, "--model", "m.stpm"]) == 2
    assert message in capsys.readouterr().err
    assert sorted(Path().rglob("*")) == before


def test_bad_models_are_refused(files: np.ndarray, capsys: pytest.CaptureFixture[str]) -> None:
    content = Path("m.stpm").read_bytes()
    cases = {
        "cut.stpm": content[: len(content) // 2],
        "empty.stpm": b"",
        "other.stpm": b"\x89PNG" * 100,
        "huge.stpm": (1 << 62).to_bytes(8, "little") + content[8:],
        "nan.stpm": content[:-64] + b"\xff" * 64,
    }
    for name, data in cases.items():
        Path(name).write_bytes(data)
    for name in (*cases, "missing.stpm", "noisy/a.tif"):
        assert main(["restore", "noisy/a.tif", "--model", name]) == 2
        assert f"steepest: error: {name}" in capsys.readouterr().err.replace("'", "")
    assert main(["patches", "fit", "noisy", "-o", "m.tif"]) == 2
    assert "m.tif" in capsys.readouterr().err
    assert main(["patches", "fit", "noisy", "-o", "m.stpm"]) == 2
    assert "exists already" in capsys.readouterr().err
    tifffile.imwrite("volume.tif", np.zeros((5, 20, 20), np.uint16))
    assert main(["restore", "volume.tif", "--model", "m.stpm"]) == 2
    assert "--pages" in capsys.readouterr().err


def test_restore_a_store(files: np.ndarray) -> None:
    zarr = pytest.importorskip("zarr")
    noisy = np.tile(tifffile.imread("noisy/a.tif"), (5, 4))
    store = zarr.create_array("big.zarr", shape=noisy.shape, chunks=(64, 64), dtype="uint16")
    store[:] = noisy
    words = ["restore", "big.zarr", "-o", "out.zarr", "--model", "m.stpm", "-q"]
    assert main([*words, "--sigma", "0.08", "--memory", "12MB"]) == 0
    expected = patches.denoise(noisy, patches.load("m.stpm"), 0.08).astype(int)
    found = steepest.io.open_store("out.zarr").array[...].astype(int)
    assert np.abs(found - expected).max() <= 1
    assert main(["restore", "big.zarr", "-o", "x.zarr", "--model", "m.stpm", "--std", "y.tif"]) == 2
