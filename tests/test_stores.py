"""Images in Zarr stores: OME-Zarr in and out, by windows, from the command line and with Dask."""

import json
import os
import shutil
import signal
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest
import tifffile

import steepest
from cases import tiled
from cases.tiled_work import Killed, killed
from steepest import InputError
from steepest.cli.main import main
from steepest.core.views import Part
from steepest.io import read_image, write_image
from steepest.tiled.pass_job import PassJob

zarr = pytest.importorskip("zarr", reason="zarr is not installed (pip install 'steepest[zarr]')")

from steepest.io import StoredImage, create_store, open_store  # noqa: E402
from steepest.io.store_writing import check_new_store  # noqa: E402
from steepest.io.stores import is_store, open_windows  # noqa: E402

UM = "micrometer"


def picture(shape, dtype=np.uint8, seed=0):
    """A bright block in noise."""
    rng = np.random.default_rng(seed)
    u = rng.normal(0.3, 0.08, shape)
    u[..., shape[-2] // 4 : shape[-2] // 2, shape[-1] // 4 : shape[-1] // 2] += 0.4
    return (255 * np.clip(u, 0, 1)).astype(dtype) if dtype == np.uint8 else u.astype(dtype)


def stored(path, pixels, axes, version="0.5", **more):
    """Write an image with `create_store` and return it, opened."""
    ndim = len(axes)
    like = StoredImage(
        np.broadcast_to(pixels.dtype.type(0), pixels.shape), axes,
        **{"scale": (0.5,) * ndim, "translation": (3.0,) * ndim,
           "units": tuple(UM if a in "zyx" else None for a in axes), "version": version, **more},
    )  # fmt: skip
    with create_store(path, like) as image:
        image.array[...] = pixels
    return open_store(path)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_what_is_written_is_read_again(tmp_path, version):
    pixels = picture((2, 1100, 1301))
    kept = {"omero": {"channels": [{"color": "FF0000"}, {"color": "00FF00"}]}}
    image = stored(tmp_path / "a.zarr", pixels, "cyx", version, extra=kept)
    assert (image.axes, image.version, image.units) == ("cyx", version, (None, UM, UM))
    assert image.scale == (0.5,) * 3
    assert image.translation == (3.0,) * 3
    assert image.extra == kept
    assert np.array_equal(image.array[:], pixels)
    assert zarr.open(tmp_path / "a.zarr").metadata.zarr_format == (2 if version == "0.4" else 3)


def test_pyramid_holds_means_at_their_places(tmp_path):
    pixels = picture((1025, 1300), np.float32)
    stored(tmp_path / "a.zarr", pixels, "yx")
    group = zarr.open_group(tmp_path / "a.zarr", mode="r")
    scales = group.attrs["ome"]["multiscales"][0]
    assert [each["path"] for each in scales["datasets"]] == ["0", "1", "2"]
    half = group["1"][:]
    assert half.shape == (513, 650)
    expected = pixels[:1024].reshape(512, 2, 650, 2).mean((1, 3))
    np.testing.assert_allclose(half[:512], expected, rtol=1e-6)
    np.testing.assert_allclose(half[512], pixels[1024].reshape(650, 2).mean(1), rtol=1e-6)
    # a pixel of level k covers 2**k pixels: its centre is the mean of their centres
    for level, dataset in enumerate(scales["datasets"]):
        scale, shift = (each[each["type"]][-1] for each in dataset["coordinateTransformations"])
        assert scale == 0.5 * 2**level
        assert shift == pytest.approx(3 + 0.5 * np.arange(2**level).mean())


def test_failures_leave_nothing_and_keep_what_was_there(tmp_path):
    image = stored(tmp_path / "a.zarr", picture((80, 90)), "yx")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(RuntimeError), create_store(tmp_path / "b.zarr", image):
        raise RuntimeError
    with (
        pytest.raises(RuntimeError),
        create_store(tmp_path / "a.zarr", image, overwrite=True),
    ):
        raise RuntimeError
    assert sorted(tmp_path.rglob("*")) == before
    with (
        pytest.raises(InputError, match="exists already"),
        create_store(tmp_path / "a.zarr", image),
    ):
        pass  # pragma: no cover
    (tmp_path / "c.zarr").mkdir()
    (tmp_path / "c.zarr" / "thesis.txt").write_text("years")
    with (
        pytest.raises(InputError, match="not a Zarr store"),
        create_store(tmp_path / "c.zarr", image, overwrite=True),
    ):
        pass  # pragma: no cover


def test_a_store_that_is_being_replaced_is_never_lost(tmp_path):
    """Killed at any operation of the disk, the old or the new store is there, and is complete."""
    old, new = picture((80, 90)), picture((80, 90), seed=1)

    def replaced(folder, moment=np.inf):
        image = stored(folder / "a.zarr", old, "yx")
        target = folder / "a.zarr"
        with killed(moment) as done, create_store(target, image, overwrite=True) as store:
            store.array[...] = new
        return len(done)

    for moment in range(replaced(tmp_path / "whole")):
        folder = tmp_path / str(moment)
        with pytest.raises(Killed):
            replaced(folder, moment)
        target = check_new_store(folder / "a.zarr", overwrite=True)  # as every command does
        image = open_store(target)
        assert any(np.array_equal(image.array[:], pixels) for pixels in (old, new))
        with create_store(target, image, overwrite=True) as store:
            store.array[...] = new
        assert np.array_equal(open_store(target).array[:], new)
        assert list(folder.iterdir()) == [target]


def test_a_store_gets_its_name_back_if_another_one_cannot_have_it(tmp_path, monkeypatch):
    old, target = picture((80, 90)), tmp_path / "a.zarr"
    image, replace = stored(target, old, "yx"), os.replace

    def fails(source, to):
        if str(source).endswith(".part") and Path(to) == target:
            raise OSError(28, "No space left on device")
        replace(source, to)

    monkeypatch.setattr(os, "replace", fails)
    with (
        pytest.raises(OSError, match=r"No space left on device: .*a\.zarr"),
        create_store(target, image, overwrite=True),
    ):
        pass
    assert np.array_equal(open_store(target).array[:], old)
    assert list(tmp_path.iterdir()) == [target]


def test_a_link_to_a_store_stays_a_link(tmp_path):
    image = stored(tmp_path / "a.zarr", picture((80, 90)), "yx")
    (tmp_path / "b.zarr").symlink_to(tmp_path / "a.zarr")
    with create_store(tmp_path / "b.zarr", image, overwrite=True) as store:
        store.array[...] = 7
    assert (tmp_path / "b.zarr").is_symlink()
    assert np.all(open_store(tmp_path / "a.zarr").array[:] == 7)
    assert len(list(tmp_path.iterdir())) == 2


def test_codecs_that_could_execute_code_are_refused(tmp_path):
    array = zarr.create_array(
        tmp_path / "a.zarr", shape=(64, 64), chunks=(64, 64), dtype="u1", zarr_format=2
    )
    array[:] = 1
    path = tmp_path / "a.zarr" / ".zarray"
    metadata = json.loads(path.read_text())
    path.write_text(json.dumps({**metadata, "filters": [{"id": "pickle"}]}))
    with pytest.raises(InputError, match="pickle"):
        open_store(tmp_path / "a.zarr")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda ome: ome["multiscales"][0]["datasets"][0].update(path="../b"), "out of the store"),
        (lambda ome: ome["multiscales"][0].update(axes=[{"name": "y"}]), "axes 'y'"),
        (lambda ome: ome["multiscales"][0]["axes"].reverse(), "order 'xy'"),
        (lambda ome: ome.pop("multiscales"), "holds no OME-Zarr image"),
        (lambda ome: ome["multiscales"][0].pop("datasets"), "damaged"),
        (
            lambda ome: ome["multiscales"][0]["datasets"][0]["coordinateTransformations"][0].update(
                scale=[0, 1]
            ),
            "scale",
        ),
    ],
)
def test_damaged_metadata(tmp_path, change, message):
    stored(tmp_path / "a.zarr", picture((64, 64)), "yx")
    path = tmp_path / "a.zarr" / "zarr.json"
    metadata = json.loads(path.read_text())
    change(metadata["attributes"]["ome"])
    path.write_text(json.dumps(metadata))
    with pytest.raises(InputError, match=message):
        open_store(tmp_path / "a.zarr")


def test_types_and_chunks_that_are_refused(tmp_path):
    zarr.create_array(tmp_path / "a.zarr", shape=(9, 9), chunks=(9, 9), dtype="i4")
    with pytest.raises(InputError, match="int32"):
        open_store(tmp_path / "a.zarr")
    zarr.create_array(tmp_path / "b.zarr", shape=(1 << 20,) * 2, chunks=(1 << 20,) * 2, dtype="u1")
    with pytest.raises(InputError, match="chunks of"):
        open_store(tmp_path / "b.zarr")
    assert not is_store(tmp_path)
    with pytest.raises(InputError, match="not a Zarr store"):
        open_store(tmp_path)


def test_only_tiff_files_are_read_by_windows(tmp_path):
    np.save(tmp_path / "a.npy", picture((20, 20)))
    with pytest.raises(InputError, match="only Zarr stores and TIFF files"):
        open_windows(tmp_path / "a.npy").__enter__()


@pytest.mark.parametrize("options", [{}, {"compression": "zlib", "tile": (64, 64)}])
def test_tiff_files_that_were_cut_short_are_refused_when_opened(tmp_path, options):
    """And not by an error in the middle of a computation."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, picture((6, 300, 300)), photometric="minisblack", **options)
    data = path.read_bytes()
    for part in range(5, 100, 5):
        path.write_bytes(data[: len(data) * part // 100])
        with pytest.raises(InputError, match=r"holds .* pages?\b.*cut short"):
            open_windows(path).__enter__()


@pytest.mark.parametrize("options", [{}, {"compression": "zlib", "tile": (64, 64)}])
def test_tiff_files_are_read_by_windows(tmp_path, options):
    pixels = picture((3, 150, 170)).transpose(1, 2, 0)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", **options)
    with open_windows(tmp_path / "a.tif") as image:
        assert image.axes == "cyx"
        window = (slice(0, 3), slice(20, 90), slice(100, 170))
        assert np.array_equal(image.array[window], pixels.transpose(2, 0, 1)[window])
        assert np.array_equal(
            Part(image.array, (1, None, None))[window[1:]], pixels[20:90, 100:, 1]
        )


def test_parts_of_arrays_are_those_of_numpy():
    array = np.arange(120).reshape(2, 3, 4, 5)
    for order in permutations(range(3)):
        part, expected = Part(array, (None, 1, None, None), order), array[:, 1].transpose(order)
        assert part.shape == expected.shape
        for index in product((slice(0, 2), 1), repeat=3):
            assert np.array_equal(part[index], expected[index])


@pytest.mark.parametrize(
    ("options", "size", "unit"),
    [
        (dict(imagej=True, resolution=(4, 2), metadata={"unit": "um", "axes": "YX"}), 0.25, UM),
        (dict(resolution=(40, 20), resolutionunit="CENTIMETER"), 0.025, "centimeter"),
        (dict(metadata={"axes": "YX", "PhysicalSizeX": 0.25, "PhysicalSizeXUnit": "nm",
                        "PhysicalSizeY": 0.5, "PhysicalSizeYUnit": "nm"}), 0.25, "nanometer"),
        ({}, 1.0, None),
    ],
)  # fmt: skip
def test_pixel_sizes_of_tiff_files_are_kept(tmp_path, options, size, unit):
    name = "a.ome.tif" if "PhysicalSizeX" in options.get("metadata", {}) else "a.tif"
    tifffile.imwrite(tmp_path / name, picture((70, 80)), **options)
    assert run("denoise", tmp_path / name, "--strength", 0.1, "--memory", "100MB",
               "-o", tmp_path / "o.zarr") == 0  # fmt: skip
    image = open_store(tmp_path / "o.zarr")
    assert image.scale == pytest.approx((2 * size if unit else 1, size))
    assert image.units == (unit, unit)


def run(*arguments):
    return main([*map(str, arguments), "-q"])


def test_commands_write_certified_stores(tmp_path, capsys):
    pixels = picture((2, 2, 1, 300, 310))
    stored(tmp_path / "a.zarr", pixels, "tczyx")
    common = ["--memory", "60MB", "--threads", "2"]
    assert (
        run("denoise", tmp_path / "a.zarr", "--strength", 0.1, "-o", tmp_path / "o.zarr", *common)
        == 0
    )
    out = open_store(tmp_path / "o.zarr")
    assert (out.axes, out.units[-1], out.scale[-1]) == ("tczyx", UM, 0.5)
    certificate = dict(zarr.open_group(tmp_path / "o.zarr", mode="r").attrs)["steepest"]
    assert certificate["converged"] == [True, True]
    for t in range(2):
        exact = steepest.denoise_tv(
            pixels[t, :, 0] / 255, 0.1, channel_axis=0, solver=steepest.Solver(tol=1e-6)
        )
        distance = np.linalg.norm(out.array[t, :, 0] / 255 - exact.image)
        rounding = np.sqrt(pixels[t].size) / 255 / 2
        assert distance <= certificate["error_bound"][t] + exact.error_bound + rounding
    target = tmp_path / "flows"
    assert run("flow", tmp_path / "a.zarr", "--times", "0.02,0.05", "--steps", 6, "-o", target,
               "--separate-channels", *common) == 0  # fmt: skip
    names = sorted(path.name for path in target.iterdir())
    assert names == ["a_t0.02.zarr", "a_t0.05.zarr"]
    late = zarr.open_group(target / "a_t0.05.zarr", mode="r").attrs["steepest"]
    assert len(late["psnr_bound"]) == 4
    assert not list(tmp_path.glob("steepest-work*"))


def attributes(path):
    return dict(zarr.open_group(path, mode="r").attrs)


@pytest.mark.parametrize("axes", ["yx", "tcyx"])
def test_bands_in_one_store_or_in_several(tmp_path, axes):
    pixels = picture((150, 160) if axes == "yx" else (2, 1, 150, 160))
    stored(tmp_path / "a.zarr", pixels, axes)
    command = ["decompose", tmp_path / "a.zarr", "--edges", "0.01,0.1", "--t-max", 0.3,
               "--steps", 8, "--memory", "60MB"]  # fmt: skip
    assert run(*command, "-o", tmp_path / "b.zarr") == 0
    out = open_store(tmp_path / "b.zarr")
    assert out.axes == ("cyx" if axes == "yx" else "tcyx")
    assert out.units[-1] == UM
    labels = [each["label"] for each in out.extra["omero"]["channels"]]
    assert labels == ["band_01", "band_02", "band_03", "residual"]
    total = out.array[:].sum(axes.count("t"))
    np.testing.assert_allclose(total, np.squeeze(pixels) / 255, atol=1e-6)
    assert attributes(tmp_path / "b.zarr")["steepest"]["edges"] == [0, 0.01, 0.1]
    assert run(*command, "-o", tmp_path / "folder") == 0
    names = sorted(path.name for path in (tmp_path / "folder").iterdir())
    assert names == [f"{label}.zarr" for label in labels]
    band = open_store(tmp_path / "folder" / "band_02.zarr").array[:]
    assert np.array_equal(np.squeeze(band), out.array[:].take(1, axes.count("t")))


def test_filters_write_the_type_of_the_file(tmp_path):
    pixels = picture((150, 160))
    stored(tmp_path / "a.zarr", pixels, "yx")
    for kind in ("--low-pass", "--high-pass"):
        assert run("filter", tmp_path / "a.zarr", kind, 0.05, "--steps", 8,
                   "-o", tmp_path / f"{kind[2:]}.zarr") == 0  # fmt: skip
    low, high = (open_store(tmp_path / f"{kind}-pass.zarr").array[:] for kind in ("low", "high"))
    assert low.dtype == np.uint8
    assert low.std() < pixels.std()
    fits = (high > 0) & (high < 255) & (low > 0) & (low < 255)
    np.testing.assert_allclose((low + (high - 127.5))[fits], pixels[fits], atol=1.01)
    assert run("filter", tmp_path / "a.zarr", "--gains", "1,2,1", "--edges", "0.01,0.1",
               "--t-max", 0.2, "--steps", 8, "-o", tmp_path / "g.zarr") == 0  # fmt: skip
    assert "separated at t = 0.01, 0.1" in attributes(tmp_path / "g.zarr")["steepest"]["filter"]


@pytest.mark.parametrize("command", [["decompose"], ["filter", "--gains", "1,1,1,0"]])
def test_images_do_not_depend_on_those_before(tmp_path, monkeypatch, capsys, command):
    """Bands of several time points need edges, which is said before anything is computed."""
    monkeypatch.chdir(tmp_path)
    stored("film.zarr", picture((2, 1, 150, 160)), "tcyx")
    stored("a.zarr", picture((150, 160)), "yx")
    options = ["--t-max", "0.3", "--steps", "8"]
    names = [*command[:1], "film.zarr", "a.zarr", *command[1:]]
    assert main([*names, *options, "-o", "out", "--json"]) == 1
    out, err = capsys.readouterr()
    assert "film.zarr: --edges: needed for several time points" in err
    (record,) = json.loads(out)["results"]
    assert record["input"] == "a.zarr"
    assert [path.name for path in Path("out").iterdir() if "film" in path.name] == []
    alone = [*command[:1], "a.zarr", *command[1:], *options, "-o", "alone", "--json"]
    assert main(alone) == 0
    (other,) = json.loads(capsys.readouterr().out)["results"]
    for key in ("clipped_share", "edges", "filter"):
        assert record.get(key) == other.get(key)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["denoise", "a.zarr", "--strength", "0"], "--strength 0: by tiles"),
        (
            ["denoise", "a.zarr", "--strength", "0.1", "--sigma", "0.1"],
            "--sigma: not with --strength",
        ),
        (["flow", "a.zarr", "--times", "0.1", "--accuracy", "50"], "--accuracy: not available"),
        (["flow", "a.zarr", "--times", "0.1", "-o", "b.jpg"], "are Zarr stores or TIFF"),
        (["flow", "a.zarr", "--times", "0.1", "--memory", "lots"], "memory='lots'"),
        (["flow", "sample:camera", "--times", "0.1", "--work", "w"], "--work: only for"),
        (["scale-map", "a.zarr"], "is a Zarr store"),
        (["denoise", "a.zarr", "--strength", "0.1", "-o", "a.zarr"], "exists already"),
        (["decompose", "a.zarr", "--range", "0", "9"], "--range: not available"),
        (["filter", "a.zarr", "--low-pass", "0.1", "-o", "b.png"], "are Zarr stores"),
        (["flow", "a.zarr", "--times", "0.1", "--channel-axis", "0"], "--channel-axis: not"),
        (["flow", "a.zarr", "--times", "0.1", "--channel-axis", "none"], "--channel-axis: not"),
        (["segment", "a.zarr", "--strength", "1", "--background", "1"], "--background: not"),
        (["denoise", "a.zarr", "--strength", "0.1", "--spacing", "1,2,3"], "2 positive numbers"),
    ],
)
def test_errors_are_said_in_one_line(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    stored("a.zarr", picture((70, 80)), "yx")
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]


@pytest.mark.parametrize("shape", [(300, 270), (3, 90, 280), (4, 200, 210)])
def test_tiles_become_a_tiled_tiff(tmp_path, shape):
    """The same pixels as in a store, in grey, in colour and in volumes; nothing else remains."""
    image, axes = picture(shape), "yx" if len(shape) == 2 else "cyx" if shape[0] == 3 else "zyx"
    rgb = np.moveaxis(image, 0, -1) if axes == "cyx" else image
    size = {"resolution": (20_000, 20_000), "resolutionunit": "CENTIMETER"}
    kind = {"photometric": "rgb" if axes == "cyx" else "minisblack"}
    tifffile.imwrite(tmp_path / "a.tif", rgb, **size, **kind)
    for name in ("o.zarr", "new/o.tif"):
        assert run("denoise", tmp_path / "a.tif", "--strength", 0.1, "--memory", "100MB",
                   "-o", tmp_path / name) == 0  # fmt: skip
    out, stored_result = read_image(tmp_path / "new" / "o.tif"), open_store(tmp_path / "o.zarr")
    expected = stored_result.array[:]
    if "c" in stored_result.axes:
        expected = np.moveaxis(expected, stored_result.axes.index("c"), -1)
    np.testing.assert_array_equal(out.array, expected)
    assert out.pixel_size[-2:] == pytest.approx((0.5, 0.5))
    with tifffile.TiffFile(tmp_path / "new" / "o.tif") as tif:
        assert tif.is_bigtiff
        assert tif.pages[0].is_tiled
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tif", "new", "o.zarr"]
    assert len(list((tmp_path / "new").iterdir())) == 1


def test_info_lists_stores_and_compressed_images_of_a_folder(tmp_path, capsys):
    pytest.importorskip("constriction")
    stored(tmp_path / "a.zarr", picture((70, 80)), "yx")
    write_image(tmp_path / "b.png", picture((48, 64)).astype(np.uint8))
    assert (
        run("compress", tmp_path / "b.png", tmp_path / "c.stp", "--mask", "laplacian-dither") == 0
    )
    assert main(["info", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "3 of 3 images done" in out
    assert f"compressed by steepest, {(tmp_path / 'c.stp').stat().st_size} bytes" in out
    tifffile.imwrite(tmp_path / "t.tif", np.ones((8, 8), np.uint8), resolution=(4e4, 4e4),
                     resolutionunit="CENTIMETER")  # fmt: skip
    assert main(["info", str(tmp_path / "t.tif"), "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["results"]
    assert (found["pixel_unit"], found["pixel_size"]) == ("µm", pytest.approx([0.25, 0.25]))


def test_large_tiff_becomes_a_store(tmp_path):
    resolution = {"resolution": (20_000, 20_000), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(tmp_path / "a.tif", picture((200, 210)), **resolution)
    assert run("denoise", tmp_path / "a.tif", "--strength", 0.1, "--memory", "100MB",
               "-o", tmp_path / "o.zarr") == 0  # fmt: skip
    one = steepest.denoise_tv(picture((200, 210)), 0.1, solver=steepest.Solver(tol=1e-3))
    out = open_store(tmp_path / "o.zarr")
    assert np.abs(out.array[:].astype(int) - one.image).max() <= 4
    assert out.units == (UM, UM)
    assert out.pixel_size == pytest.approx((0.5, 0.5))


def test_info_says_what_a_store_holds(tmp_path, capsys):
    stored(tmp_path / "a.zarr", picture((2, 600, 700)), "cyx", "0.4")
    assert run("denoise", tmp_path / "a.zarr", "--strength", 0.1, "-o", tmp_path / "b.zarr") == 0
    assert main(["info", str(tmp_path / "b.zarr")]) == 0
    told = capsys.readouterr().out
    for words in ("600 x 700, uint8, 2 channels, OME-Zarr 0.4", "0.5 x 0.5 micrometer",
                  "2 x 600 x 700, 2 x 300 x 350", "1 x 512 x 512",
                  "steepest denoise (denoised)", "psnr bound"):  # fmt: skip
        assert words in told
    assert main(["info", str(tmp_path / "b.zarr"), "--json"]) == 0
    (record,) = json.loads(capsys.readouterr().out)["results"]
    assert record["steepest"] == attributes(tmp_path / "b.zarr")["steepest"]
    assert record["levels"] == [[2, 600, 700], [2, 300, 350]]


def test_other_readers_agree(tmp_path):
    """Scale and unit, as ngff-zarr and ome-zarr-py read them."""
    ngff = pytest.importorskip("ngff_zarr", reason="ngff-zarr is not installed")
    reader = pytest.importorskip("ome_zarr.reader", reason="ome-zarr is not installed")
    from ome_zarr.io import parse_url

    pixels = picture((2, 600, 700))
    for version in ("0.4", "0.5"):
        path = tmp_path / f"{version}.zarr"
        stored(path, pixels, "cyx", version)
        image = ngff.from_ngff_zarr(str(path)).images[0]
        assert image.scale["x"] == 0.5
        assert image.translation["y"] == 3.0
        assert image.axes_units["y"] == UM
        node = next(iter(reader.Reader(parse_url(str(path)))()))
        assert np.array_equal(np.asarray(node.data[0]), pixels)
        assert [axis["name"] for axis in node.metadata["axes"]] == ["c", "y", "x"]


def test_bioio_reads_the_size(tmp_path):
    plugin = pytest.importorskip("bioio_ome_zarr", reason="bioio-ome-zarr is not installed")
    pixels = picture((600, 700))
    stored(tmp_path / "a.zarr", pixels, "yx")
    image = plugin.Reader(str(tmp_path / "a.zarr"))
    assert np.array_equal(np.squeeze(image.data), pixels)
    assert image.physical_pixel_sizes.X == 0.5


class Lethal:
    """An image whose first reader's process is killed."""

    def __init__(self, array, mark):
        self.array, self.mark = array, str(mark)
        self.shape, self.dtype = array.shape, array.dtype

    def __getitem__(self, index):
        try:
            os.rename(self.mark, f"{self.mark}.used")
        except FileNotFoundError:
            return self.array[index]
        os.kill(os.getpid(), signal.SIGKILL)


def test_dask_gives_the_same_result_though_a_worker_is_killed(tmp_path):
    distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed")
    image = stored(tmp_path / "a.zarr", picture((400, 420)), "yx")
    here = tiled.denoise_tv(image.array, 0.1, memory="24MB", halo=24, num_workers=2)
    out = zarr.create_array(tmp_path / "o.zarr", shape=(400, 420), chunks=(100, 100), dtype="u1")
    lethal, calls = Lethal(image.array, tmp_path / "mark"), []

    def kill_later(step):
        calls.append(step.stage)
        if step.stage == "pass 1" and calls.count("pass 1") == 1:
            (tmp_path / "mark").touch()

    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        there = tiled.denoise_tv(
            lethal, 0.1, out, memory="24MB", halo=24, num_workers=2, num_threads=1,
            executor=client.get_executor(), on_step=kill_later,
        )  # fmt: skip
    assert (tmp_path / "mark.used").exists()
    assert np.array_equal(out[:], here.image)
    assert there.gap == here.gap
    assert not list(tmp_path.glob("steepest-work*"))


def test_command_continues_interrupted_work(tmp_path, monkeypatch):
    stored(tmp_path / "a.zarr", picture((300, 310)), "yx")
    real, jobs = PassJob.run, []

    def fails(job):
        jobs.append(job)
        if len(jobs) == 3:
            raise OSError("the power is gone")
        return real(job)

    command = ["denoise", tmp_path / "a.zarr", "--strength", 0.1, "--memory", "5MB",
               "--work", tmp_path / "w", "-o", tmp_path / "o.zarr", "--workers", 1]  # fmt: skip
    monkeypatch.setattr(PassJob, "run", fails)
    assert run(*command) == 1
    assert not (tmp_path / "o.zarr").exists()
    monkeypatch.setattr(PassJob, "run", lambda job: jobs.append(job) or real(job))
    before = len(jobs)
    assert run(*command) == 0
    shutil.rmtree(tmp_path / "o.zarr")
    again = len(jobs) - before
    before = len(jobs)
    assert run(*command) == 0
    assert again < len(jobs) - before


def test_a_full_disk_while_the_pyramid_is_written_loses_no_computation(tmp_path, monkeypatch):
    stored(tmp_path / "a.zarr", picture((600, 610)), "yx")
    real, jobs = PassJob.run, []

    def full(*levels):
        raise OSError(28, "No space left on device")

    command = ["denoise", tmp_path / "a.zarr", "--strength", 0.1, "--memory", "30MB",
               "--work", tmp_path / "w", "-o", tmp_path / "o.zarr", "--workers", 1]  # fmt: skip
    with monkeypatch.context() as patch:
        patch.setattr("steepest.io.store_writing._halve", full)
        assert run(*command) == 1
    assert not (tmp_path / "o.zarr").exists()
    assert list((tmp_path / "w").iterdir())
    monkeypatch.setattr(PassJob, "run", lambda job: jobs.append(job) or real(job))
    assert run(*command) == 0
    assert jobs == []
    assert not list((tmp_path / "w").iterdir())


@pytest.mark.skipif(os.name == "nt", reason="signals as on Unix")
def test_leftovers_of_killed_processes_are_removed(tmp_path):
    dead, alive, other = (
        tmp_path / name
        for name in (f".o.zarr.{2**22 + 7}.part", f".o.zarr.{os.getppid()}.part", ".o.zarr.x.part")
    )
    for path in (dead, alive, other):
        path.mkdir()
    like = stored(tmp_path / "a.zarr", picture((60, 61)), "yx")
    with create_store(tmp_path / "o.zarr", like) as store:
        store.array[:] = 0
    assert [path.exists() for path in (dead, alive, other)] == [False, True, True]
