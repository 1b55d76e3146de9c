"""Echo masks by tiles: the density asked for, the errors measured, and as good as in memory."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
import zarr

from cases import tiled
from steepest import InputError, Status, Tiles, io
from steepest.cli.main import main
from steepest.inpainting import masks, reconstruct
from steepest.inpainting.tiles import thinning_jobs
from steepest.io import StoredImage, create_store, open_store

SMALL = dict(memory="50MB", halo=32, rng=0)  # tiles of 128 x 128 pixels at most


@pytest.fixture(scope="module")
def photo():
    return np.ascontiguousarray(io.read_image("sample:camera").array[60:316, 100:420])


@pytest.fixture(scope="module", autouse=True)
def two_passes():
    """The first pass leaves so many pixels that a second one is needed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(thinning_jobs, "_FIRST", 1.4)
        yield


@pytest.fixture(scope="module")
def chosen(photo):
    return tiled.echo(photo, 0.05, **SMALL)


@pytest.fixture(scope="module")
def part(photo):
    """Four tiles of it."""
    return photo[:150, :190]


@pytest.fixture(scope="module")
def chosen_of_part(part):
    return tiled.echo(part, 0.05, **SMALL)


@pytest.mark.parametrize(("density", "axis"), [(0.003, None), (0.1, -1), (1.0, None)])
def test_number_of_pixels_is_exact_and_errors_are_true(photo, density, axis):
    part = photo[:190, :230]
    image = part if axis is None else np.stack([part, part[::-1]], -1)
    mask = tiled.echo(image, density, channel_axis=axis, **SMALL)
    assert mask.sum() == round(density * part.size)
    found = reconstruct(image, mask, channel_axis=axis, tiles=Tiles(memory="50MB", halo=32))
    assert found.density == pytest.approx(density, abs=1 / part.size)
    expected = reconstruct(image, mask, channel_axis=axis)
    for name in ("mae", "mse", "psnr"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=1e-4, abs=1e-12)
    assert found.status.converged


def test_as_good_as_in_memory_also_at_the_borders_of_tiles(photo, chosen):
    whole = reconstruct(photo, masks.echo(photo, 0.05, rng=0))
    found = reconstruct(photo, chosen)
    assert found.mse <= 1.02 * whole.mse
    assert found.mae <= 1.02 * whole.mae
    error = np.abs(found.image - photo / 255)
    from_border = [np.abs((np.arange(n) + 64) % 128 - 64 + 0.5) for n in photo.shape]
    near = np.minimum.outer(*from_border) < 8
    near[:8] = near[-8:] = near[:, :8] = near[:, -8:] = False
    assert error[near].mean() <= 1.1 * np.abs(whole.image - photo / 255)[near].mean()


def test_textured_regions_get_more_pixels():
    rng = np.random.default_rng(0)
    image = np.full((130, 384), 0.5, np.float32)
    image[:, 256:] = rng.random((130, 128))  # a tile with nothing, and one with noise
    found = tiled.echo(image, 0.05, **SMALL)
    assert found.sum() == round(0.05 * image.size)
    assert found[:, 200:].sum() > 0.99 * found.sum()


def test_one_tile_is_the_mask_of_one_piece(photo):
    part = photo[:90, :100]
    assert np.array_equal(tiled.echo(part, 0.05, rng=3), masks.echo(part, 0.05, rng=3))
    assert np.array_equal(
        tiled.echo(part, 0.05, rng=3, norm="l2"), masks.echo(part, 0.05, rng=3, norm="l2")
    )


def test_mask_does_not_depend_on_who_works(part, chosen_of_part):
    options = dict(num_workers=3, num_threads=2)
    assert np.array_equal(tiled.echo(part, 0.05, **SMALL, **options), chosen_of_part)
    with ProcessPoolExecutor(1, mp_context=get_context("forkserver")) as pool:
        found = tiled.echo(part, 0.05, executor=pool, num_workers=1, **SMALL)
    assert np.array_equal(found, chosen_of_part)


def test_where_results_are_written(part, chosen_of_part, tmp_path):
    photo, chosen = part, chosen_of_part
    out = zarr.create_array(str(tmp_path / "mask.zarr"), shape=photo.shape, dtype="uint8")
    assert tiled.echo(photo, 0.05, out, **SMALL) is out
    assert np.array_equal(out[:], 255 * chosen.astype(np.uint8))
    filled = np.zeros(photo.shape, np.float32)
    found = reconstruct(photo, out, out=filled, tiles=Tiles(memory="50MB"))
    assert found.image is filled
    np.testing.assert_allclose(filled, reconstruct(photo, chosen).image, atol=1e-5)
    with pytest.raises(InputError, match="out of type"):
        reconstruct(photo, out, out=np.zeros((5, 5), np.float32))
    stopped = reconstruct(photo, out, tiles=Tiles(), on_step=lambda step: True)
    assert (stopped.mse, stopped.status) == (np.inf, Status.STOPPED)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(image=np.zeros((8, 8, 8), np.float32)), "echoes need 2"),
        (dict(image=np.full((300, 300), np.nan)), "NaN"),
        (dict(density=0), "density"),
        (dict(norm="l3"), "norm"),
        (dict(rng=-1), "rng"),
        (dict(out=np.zeros((5, 5), bool)), "out of type"),
    ],
)
def test_invalid_arguments(photo, change, message):
    with pytest.raises(InputError, match=message):
        tiled.echo(**{"image": photo, "density": 0.05, **SMALL, **change})


def store(path, array, axes):
    n = len(axes)
    like = StoredImage(array, axes, (1.0,) * n, (0.0,) * n, (None,) * n, "photo")
    with create_store(path, like) as image:
        image.array[:] = array
    return str(path)


def test_command(photo, chosen, tmp_path, capsys):
    source = store(tmp_path / "photo.zarr", np.stack([photo, photo[::-1]]), "cyx")
    target, filled = str(tmp_path / "mask.zarr"), str(tmp_path / "filled.zarr")
    assert main(["mask", source, "-o", target, "--density", "0.1"]) == 0
    assert "PSNR" in capsys.readouterr().out
    mask = open_store(target)
    assert mask.axes == "yx"
    assert set(np.unique(mask.array[:])) == {0, 255}
    assert (mask.array[:] > 0).sum() == round(0.1 * photo.size)
    assert main(["inpaint", source, "--known", target, "-o", filled, "--quiet"]) == 0
    pair = np.stack([photo, photo[::-1]]) / 255
    error = open_store(filled).array[:] / 255 - pair
    told = zarr.open_group(target).attrs["steepest"]["psnr"]
    assert -10 * np.log10((error**2).mean()) == pytest.approx(told, abs=0.05)
    assert main(["mask", source, "-o", str(tmp_path / "no.zarr"), "--method", "random"]) == 2
    assert "not available for images that are computed tile by tile" in capsys.readouterr().err
