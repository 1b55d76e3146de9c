"""The panels in napari: ``xvfb-run python -m pytest -m napari plugins``."""

from functools import partial

import numpy as np
import pytest

from steepest import Solver

pytest.importorskip("napari", reason="napari is not installed")
pytest.importorskip("pytestqt", reason="pytest-qt is not installed")

import dask.array as da
from qtpy.QtWidgets import QFileDialog

from steepest import denoise_tv, inpaint, patches, segmentation
from steepest.io.stores import open_store

pytestmark = [
    pytest.mark.napari,
    pytest.mark.filterwarnings("ignore"),  # npe2 and pydantic print many
]
PLUGIN = "napari-steepest"
LONG = 180_000  # milliseconds: the first run compiles


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """napari writes its settings below HOME."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NAPARI_CONFIG", str(tmp_path / "settings.yaml"))


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


def panel(viewer, name, **parameters):
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, name)
    for key, value in parameters.items():
        widget._parameters[key].value = value
    return widget


def finish(widget, qtbot):
    qtbot.waitUntil(lambda: widget._worker is None, timeout=LONG)


def image(*shape):
    return np.random.default_rng(0).normal(0.5, 0.1, shape).astype(np.float32)


def test_manifest():
    from npe2 import PluginManifest

    manifest = PluginManifest.from_distribution(PLUGIN)
    manifest.validate_imports()
    assert len(manifest.contributions.widgets) == 10


def test_menus_and_samples(viewer):
    for key in ("camera", "coffee", "spheres", "interferogram"):
        viewer.open_sample(PLUGIN, key)
    assert viewer.layers["balls"].units[0] == "micrometer"
    from napari._app_model import get_app_model

    items = get_app_model().menus.get_menu("napari/layers/filter")
    titles = [str(item.command.title) for item in items if hasattr(item, "command")]
    assert "Denoise (steepest)" in titles


def test_denoise_adds_a_layer_in_the_same_place(viewer, qtbot):
    source = viewer.add_image(
        image(3, 32, 40), name="cells", scale=(5, 2, 2), translate=(1, 2, 3), units=("um",) * 3
    )
    viewer.dims.set_current_step(0, 2)
    widget = panel(viewer, "Denoise", strength=0.05)
    widget.run.native.click()
    widget.run.native.click()  # one job
    assert not widget.run.enabled
    assert widget.bar.native.isVisibleTo(widget.native)
    finish(widget, qtbot)
    assert [layer.name for layer in viewer.layers] == ["cells", "cells denoised"]
    result = viewer.layers[1]
    assert result.data.shape == (1, 32, 40)
    np.testing.assert_array_equal(result.scale, source.scale)
    np.testing.assert_array_equal(result.translate, (11, 2, 3))
    assert result.units == source.units
    assert result.metadata["steepest"]["psnr_bound"] > 40
    assert "certified PSNR" in widget.status.value
    assert widget.run.enabled
    assert not widget.cancel.enabled


def test_slice_of_a_rotated_layer_stays_in_place(viewer, qtbot):
    viewer.add_image(image(3, 16, 16), rotate=(20, 30, 10), affine=np.diag([2, 1, 3, 1]))
    widget = panel(viewer, "Denoise", strength=0.1)
    viewer.dims.set_current_step(0, 1)
    widget.run.native.click()
    finish(widget, qtbot)
    source, result = viewer.layers
    index = np.clip(round(source.world_to_data(viewer.dims.point)[0]), 0, 2)
    place = result.data_to_world((0, 4, 5))
    np.testing.assert_allclose(place, source.data_to_world((index, 4, 5)))


@pytest.mark.parametrize("rgb", [False, True])
def test_a_large_image_is_saved_and_shown_from_disk(viewer, qtbot, tmp_path, monkeypatch, rgb):
    data = da.from_array(image(2, 520, 600, *[4] * rgb).clip(0, 1), chunks=300)
    viewer.add_image([data, data[:, ::2, ::2]], name="scan", scale=(1, 0.5, 0.5), rgb=rgb,
                     units=("second", "um", "um"))  # fmt: skip
    monkeypatch.setattr("napari_steepest._source._LARGE", 1000)
    answers = iter(["", *[str(tmp_path / "clean")] * 2])
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (next(answers), ""))
    widget = panel(viewer, "Denoise")
    widget.extent.value = "Every slice (2-D)"
    for words in ("Give a strength", "no file was chosen"):
        widget.run.native.click()
        assert words in widget.status.value
        widget._parameters["strength"].value = 0.1
    widget.run.native.click()
    finish(widget, qtbot)
    source, result = viewer.layers
    assert str(tmp_path / "clean.zarr") in widget.status.value
    assert result.multiscale
    assert result.rgb == rgb
    assert [type(level) for level in result.data] == [da.Array] * 2
    np.testing.assert_array_equal(result.scale, source.scale)
    for frame, whole in zip(np.asarray(result.data[0]), np.asarray(data), strict=True):
        pixels, axis = (whole[..., :3], -1) if rgb else (whole, None)
        exact = denoise_tv(pixels, 0.1, channel_axis=axis, solver=Solver(tol=1e-6))
        error = np.linalg.norm(frame - exact.image) / np.sqrt(frame.size)
        bound = result.metadata["steepest"]["psnr_bound"]
        assert error <= 1.1 * np.ptp(whole) * 10 ** (-bound / 20)
    stored = open_store(tmp_path / "clean.zarr")
    assert stored.axes == ("tcyx" if rgb else "tyx")
    assert stored.pixel_size == (0.5, 0.5)
    assert stored.units[-1] == "micrometer"
    assert [each.name for each in tmp_path.glob("*clean*")] == ["clean.zarr"]
    widget.source.value = source
    widget.run.native.click()
    assert "exists already" in widget.status.value


@pytest.mark.parametrize("rgb", [False, True])
@pytest.mark.parametrize("name", ["Flow", "Decompose", "Inpaint", "Segment"])
def test_other_large_images_equal_those_in_memory(viewer, qtbot, tmp_path, monkeypatch, name, rgb):
    pixels = np.rint(255 * image(2, 96, 104, *[3] * rgb).clip(0, 1)).astype(np.uint8)
    pixels[:, 20:50, 30:60] //= 4
    place = {"scale": (1, 0.5, 0.5), "units": ("second", "um", "um"), "rgb": rgb}
    viewer.add_image([da.from_array(pixels, chunks=64)] * 2, name="lazy", **place, multiscale=True)
    viewer.add_image(pixels, name="array", **place)
    viewer.add_labels((np.random.default_rng(1).random((96, 104)) < 0.1).astype(np.uint8))
    monkeypatch.setattr("napari_steepest._source._LARGE", 1000)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "o.zarr"), ""))
    widget = panel(viewer, name, **{"t_max": 0.2} if name == "Decompose" else {})
    widget.extent.value = "Every slice (2-D)"
    found = []
    for source in ("array", "lazy"):
        widget.source.value, before = viewer.layers[source], list(viewer.layers)
        widget.run.native.click()
        finish(widget, qtbot)
        found.append([layer for layer in viewer.layers if layer not in before])
    assert str(tmp_path / "o.zarr") in widget.status.value
    for one, lazy in zip(*found, strict=True):
        one_name, lazy_name = (each.name.split(", t")[0] for each in (one, lazy))
        assert lazy_name == one_name.replace("array", "lazy")
        np.testing.assert_array_equal(one.scale, lazy.scale)
        assert one.units == lazy.units
        assert isinstance(lazy.data, da.Array)
        whole = np.asarray(lazy.data)
        assert whole.shape == one.data.shape
        assert whole.dtype == one.data.dtype
        wrong = np.abs(whole.astype(float) - one.data)
        if name == "Segment":
            assert wrong.mean() < 1e-3
        elif name == "Decompose":  # both within the tolerance of the flow
            assert wrong.mean() < 0.005
        else:
            assert wrong.max() <= 2
    if name == "Decompose":
        assert all("to 0.2" in layers[1].name for layers in found)  # the last band ends there
    if name == "Decompose" and not rgb:
        total = sum(np.asarray(lazy.data) for lazy in found[1])
        np.testing.assert_allclose(255 * total, pixels, atol=1e-3)


def test_a_large_image_is_filled_in_where_it_is_nan(viewer, qtbot, tmp_path, monkeypatch):
    pixels = image(96, 104)
    pixels[20:30, 40:50] = np.nan
    viewer.add_image(da.from_array(pixels, chunks=64), name="lazy")
    monkeypatch.setattr("napari_steepest._source._LARGE", 1000)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "o.zarr"), ""))
    widget = panel(viewer, "Inpaint")
    widget.run.native.click()
    finish(widget, qtbot)
    filled = np.asarray(viewer.layers["lazy inpainted"].data)
    np.testing.assert_allclose(filled, inpaint(pixels).image, atol=1e-4)
    assert "100 pixels" in widget.status.value


def test_doubtful_labels_of_a_large_image(viewer, qtbot, tmp_path, monkeypatch):
    fixed = partial(segmentation.threshold_rof, thresholds=[0.5])
    monkeypatch.setattr(segmentation, "threshold_rof", fixed)
    square = np.zeros((32, 32))
    square[8:24, 8:24] = 1  # a tie, as in test_napari_jobs.py
    viewer.add_image(da.from_array(square, chunks=16), name="lazy")
    monkeypatch.setattr("napari_steepest._source._LARGE", 1000)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "o.zarr"), ""))
    widget = panel(viewer, "Segment", smoothness=2.0)
    widget.run.native.click()
    finish(widget, qtbot)
    np.testing.assert_array_equal(np.asarray(viewer.layers["lazy doubtful"].data), square)
    assert np.asarray(open_store(tmp_path / "o.zarr").array[1]).max() == 255
    assert open_store(tmp_path / "o.zarr").axes == "cyx"


def test_flow_adds_a_slider_over_time(viewer, qtbot):
    source = viewer.add_image(
        image(3, 16, 18), rotate=(20, 30, 10), shear=(0.1, 0.2, 0.3), affine=np.diag([2, 1, 3, 1])
    )
    widget = panel(viewer, "Flow", times="0.01, 0.1")
    widget.extent.value = "Every slice (2-D)"
    widget.run.native.click()
    finish(widget, qtbot)
    result = viewer.layers[1]
    assert result.data.shape == (2, 3, 16, 18)
    assert viewer.dims.ndim == 4
    place = result.data_to_world((1, 2, 4, 5))
    np.testing.assert_allclose(place, (1, *source.data_to_world((2, 4, 5))))


def test_cancelling_a_large_image_leaves_no_file(viewer, qtbot, tmp_path, monkeypatch):
    viewer.add_image(da.from_array(image(3000, 3000), chunks=500), name="scan")
    monkeypatch.setattr("napari_steepest._source._LARGE", 1000)
    target = tmp_path / "new" / "clean.zarr"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    widget = panel(viewer, "Denoise", strength=0.1)
    widget.run.native.click()
    qtbot.waitUntil(lambda: widget.bar.value > 0, timeout=LONG)
    widget.cancel.native.click()
    finish(widget, qtbot)
    assert widget.status.value == "Cancelled."
    assert len(viewer.layers) == 1
    assert not list(target.parent.iterdir())


@pytest.mark.parametrize("rgb", [False, True])
def test_decompose_and_equalise(viewer, qtbot, rgb):
    source = viewer.add_image(image(32, 40, *[3] * rgb), name="cells", rgb=rgb)
    widget = panel(viewer, "Decompose", num_bands=3, num_steps=10)
    equaliser = panel(viewer, "Equaliser")
    assert equaliser.status.value == "Run Decompose first."
    widget.source.value = source
    widget.run.native.click()
    finish(widget, qtbot)
    assert len(viewer.layers) == 5
    if not rgb:
        np.testing.assert_allclose(sum(x.data for x in viewer.layers[1:]), source.data, atol=1e-5)
    assert len(equaliser.gains) == 4
    equaliser.gains[0].value = 0.5
    qtbot.waitUntil(lambda: "cells equalised" in viewer.layers, timeout=5000)
    equaliser.gains[0].value = 0
    mixed, kept = viewer.layers["cells equalised"], viewer.layers["cells residual"].metadata
    without = source.data - kept["steepest"]["bands"][0].reshape(source.data.shape)
    qtbot.waitUntil(lambda: np.allclose(mixed.data, without, atol=1e-5), timeout=5000)
    equaliser.reset.native.click()
    qtbot.waitUntil(lambda: np.allclose(mixed.data, source.data, atol=1e-5), timeout=5000)


def test_objects_are_labels_with_features(viewer, qtbot):
    viewer.open_sample(PLUGIN, "spheres")
    widget = panel(viewer, "Objects")
    widget.extent.value, widget.use_scale.value = "This volume (3-D)", True
    widget.run.native.click()
    finish(widget, qtbot)
    result = viewer.layers["balls objects"]
    assert result.data.max() > 3
    np.testing.assert_array_equal(result.scale, (3, 1, 1))
    counts = np.bincount(result.data.ravel())[result.features["index"]]
    np.testing.assert_allclose(result.features["volume"], 3 * counts)
    assert (result.features["unit"] == "micrometer").all()


def test_inpaint_what_is_painted(viewer, qtbot):
    source = viewer.add_image(image(32, 40), name="cells")
    labels = viewer.add_labels(np.zeros((32, 40), int))
    labels.paint((10, 10), 1)
    widget = panel(viewer, "Inpaint")
    widget.run.native.click()
    finish(widget, qtbot)
    changed = viewer.layers["cells inpainted"].data != source.data
    assert changed.any()
    assert (labels.data[changed] == 1).all()


def test_segment_a_volume(viewer, qtbot):
    viewer.open_sample(PLUGIN, "spheres")
    widget = panel(viewer, "Segment")
    widget.extent.value, widget.use_scale.value = "This volume (3-D)", True
    widget.run.native.click()
    finish(widget, qtbot)
    classes = viewer.layers["balls classes"]
    assert set(np.unique(classes.data)) == {0, 1}
    np.testing.assert_array_equal(classes.scale, (3, 1, 1))


def test_phases(viewer, qtbot):
    viewer.open_sample(PLUGIN, "interferogram")
    widget = panel(viewer, "Phases")
    widget.run.native.click()
    finish(widget, qtbot)
    result = viewer.layers["interferogram denoised"]
    assert result.colormap.name == "hsv"
    assert "these wraps" in widget.status.value


def test_a_good_image_teaches_others(viewer, qtbot, tmp_path):
    viewer.add_image(image(2, 24, 28), name="bad", scale=(1, 2, 2))
    widget = panel(viewer, "Learned", show="denoise, and how sure each pixel is", noise=0.1)
    widget.extent.value = "Every slice (2-D)"
    widget.run.native.click()
    assert "other than the image" in widget.status.value
    viewer.add_image(np.tile(np.linspace(0, 1, 48, dtype=np.float32), (40, 1)) ** 2, name="good")
    widget._parameters["reference"].value = viewer.layers["good"]
    widget.run.native.click()
    finish(widget, qtbot)
    names = [layer.name for layer in viewer.layers]
    assert names == ["bad", "good", "bad standard deviation", "bad denoised"]
    found = viewer.layers["bad denoised"]
    good = patches.fit(viewer.layers["good"].data)
    for frame, result in zip(viewer.layers["bad"].data, found.data, strict=True):
        np.testing.assert_array_equal(result, patches.denoise(frame, good, 0.1))
    np.testing.assert_array_equal(found.scale, (1, 2, 2))
    patches.save(good, tmp_path / "good.stpm")
    widget._parameters["model"].value = tmp_path / "good.stpm"
    widget._parameters["show"].value = "what is unlike the good image"
    widget.run.native.click()
    finish(widget, qtbot)
    assert viewer.layers["bad log-likelihood"].data.shape == (2, 24, 28)


def test_cancel_leaves_no_layer(viewer, qtbot):
    viewer.add_image(image(300, 300), name="cells")
    widget = panel(viewer, "Decompose", num_steps=1000)
    widget.run.native.click()
    qtbot.waitUntil(lambda: widget.bar.value > 0, timeout=LONG)
    widget.cancel.native.click()
    finish(widget, qtbot)
    assert len(viewer.layers) == 1
    assert widget.status.value == "Cancelled."
    assert widget.run.enabled


def test_errors_are_one_line(viewer, qtbot):
    widget = panel(viewer, "Denoise")
    widget.run.native.click()
    assert widget.status.value == "There is no image layer. Open an image first."
    data = image(32, 40)
    data[3, 3] = np.nan
    viewer.add_image(data)
    widget.run.native.click()
    finish(widget, qtbot)
    assert "NaN" in widget.status.value
    assert "\n" not in widget.status.value
    assert len(viewer.layers) == 1
    assert widget.run.enabled


def test_closing_the_window_stops_the_job(make_napari_viewer, qtbot):
    from napari.qt.threading import WorkerBase

    viewer = make_napari_viewer()
    viewer.add_image(image(300, 300))
    widget = panel(viewer, "Decompose", num_steps=1000)
    widget.run.native.click()
    qtbot.waitUntil(lambda: widget.bar.value > 0, timeout=LONG)
    worker = widget._worker
    assert worker in WorkerBase._worker_set
    viewer.close()
    qtbot.waitUntil(lambda: not WorkerBase._worker_set, timeout=10_000)  # not after 1000 steps
    assert worker.abort_requested
    assert widget._watch.report.step < 1000


def test_motion_adds_vectors_and_strain(viewer, qtbot):
    frames = image(2, 32, 40)
    frames[1] = np.roll(frames[0], 1, 1)
    viewer.add_image(frames, name="test")
    widget = panel(viewer, "Motion")
    assert widget._parameters["reference"].value is None
    widget.extent.value = "Every slice (2-D)"
    widget.run.native.click()
    finish(widget, qtbot)
    names = [layer.name for layer in viewer.layers]
    assert names[1:] == ["test strain yy", "test strain xx", "test strain xy", "test displacement"]
    arrows = viewer.layers["test displacement"].data
    assert np.median(arrows[arrows[:, 0, 0] == 1][:, 1, 2]) == pytest.approx(1, abs=0.1)
