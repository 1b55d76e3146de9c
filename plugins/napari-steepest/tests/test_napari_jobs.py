"""The jobs of the napari plugin, without Qt and napari."""

import subprocess
import sys
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from napari_steepest import _jobs, _motion, _samples, _spectral
from napari_steepest._source import Source
from napari_steepest._watch import Cancelled, Watch
from scipy.ndimage import affine_transform, gaussian_filter

import steepest
from steepest import InputError
from steepest.core.progress import Progress

RNG = np.random.default_rng(3)


def layer(data, rgb=False, scale=None, units=None, multiscale=False):
    """What the jobs read from a layer of napari: `translate` is 10 along every axis."""
    ndim = np.ndim(data[0] if multiscale else data) - rgb
    scale = np.ones(ndim) if scale is None else np.asarray(scale, float)
    return SimpleNamespace(
        name="cells", data=data, rgb=rgb, multiscale=multiscale, scale=scale,
        translate=np.full(ndim, 10.0), affine=np.eye(ndim + 1), units=units or ("pixel",) * ndim,
        colormap="gray", contrast_limits=(0, 1),
        world_to_data=lambda point: (np.asarray(point) - 10) / scale,
        data_to_world=lambda index: np.asarray(index) * scale + 10,
    )  # fmt: skip


def image(*shape):
    """A bright box on a dark ground, with noise; float32."""
    out = RNG.normal(0.2, 0.05, shape)
    out[..., 4:9, 5:12] += 0.5
    return out.astype(np.float32)


def test_needs_neither_qt_nor_napari():
    code = (
        "import sys, napari_steepest._spectral, napari_steepest._watch, napari_steepest._samples;"
        "sys.exit(bool({'napari', 'qtpy', 'magicgui', 'vispy'} & set(sys.modules)))"
    )
    code = f"import sys; sys.path = {sys.path}; {code}"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((14, 16), {}),
        ((14, 16, 3), {"rgb": True}),
        ((4, 14, 16), {"num_space": 3}),
        ((3, 14, 16), {}),
        ((2, 3, 14, 16), {"num_space": 3}),
    ],
)
def test_bands_and_residual_add_up(shape, options):
    rgb = options.pop("rgb", False)
    data = np.moveaxis(image(3, 14, 16), 0, -1) if rgb else image(*shape)
    source = Source.of(layer(data, rgb), **options)
    layers, words = _spectral.decompose(source, num_bands=3, num_steps=10, on_step=Watch())
    kept = layers[0][1]["metadata"]["steepest"]
    whole = _spectral.equalise(kept, np.ones(4)).reshape(data.shape)
    np.testing.assert_allclose(whole, data, atol=1e-5)
    flat = _spectral.equalise(kept, [0, 0, 0, 1]).reshape(layers[0][0].shape)
    np.testing.assert_allclose(flat, layers[0][0], atol=1e-6)
    assert len(layers) == 4
    assert words.startswith("Done: 3 bands")
    if not rgb:  # colours are shown as luminance
        np.testing.assert_allclose(sum(each[0] for each in layers), data, atol=1e-5)
    for _, look, _ in layers[1:]:
        assert look["contrast_limits"][0] == -look["contrast_limits"][1] < 0
    assert [look["visible"] for _, look, _ in layers] == [False, False, False, True]


def test_bands_of_all_frames_have_the_same_edges():
    source = Source.of(layer(np.stack([image(14, 16), 3 * image(14, 16)])))
    layers, _ = _spectral.decompose(source, num_bands=3, num_steps=10, on_step=Watch())
    assert all(data.shape == (2, 14, 16) for data, _, _ in layers)


def test_denoise_carries_place_and_certificate():
    data = image(5, 14, 16)
    source = Source.of(layer(data, scale=(3, 1, 1), units=("um",) * 3), num_space=3, use_scale=True)
    [(out, look, kind)], words = _jobs.denoise(source, on_step=Watch())
    assert source.spacing == (3, 1, 1)
    assert kind == "image"
    assert out.shape == data.shape
    assert out.dtype == data.dtype
    assert tuple(look["scale"]) == (3, 1, 1)
    assert look["units"] == ("um",) * 3
    assert look["metadata"]["steepest"]["psnr_bound"] > 40
    assert "certified PSNR" in words
    assert out[:, :3].std() < 0.7 * data[:, :3].std()


def test_denoise_says_that_it_found_no_noise():
    blank = np.zeros((14, 16), np.float32)
    [(out, look, _)], words = _jobs.denoise(Source.of(layer(blank)), on_step=Watch())
    np.testing.assert_array_equal(out, blank)
    assert words == "Done: no noise was found, so nothing was removed."
    assert "nothing was removed" in look["metadata"]["steepest"]["status"]
    _, words = _jobs.denoise(Source.of(layer(np.stack([blank, image(14, 16)]))), on_step=Watch())
    assert "nothing removed from 1 of 2 images" in words


def test_flow_has_its_times_as_the_first_axis():
    data = image(3, 14, 16)
    place = {"scale": (2, 0.5, 0.5), "units": ("second", "um", "um")}
    source = Source.of(layer(data, **place))
    [(out, look, _)], words = _spectral.flow(source, times="0.02, 0.1", on_step=Watch())
    assert out.shape == (2, 3, 14, 16)
    for frame, whole in zip(np.moveaxis(out, 1, 0), data, strict=True):
        np.testing.assert_array_equal(frame, steepest.tv_flow(whole, [0.02, 0.1]).images)
    assert look["scale"] == (1, 2, 0.5, 0.5)
    assert look["translate"] == (0, 10, 10, 10)
    assert look["units"] == ("pixel", *place["units"])
    notes = look["metadata"]["steepest"]
    assert notes["times"] == [0.02, 0.1]
    assert min(notes["psnr_bound"]) > 30
    assert "times 0.02, 0.1" in words
    for wrong in ("soon", "", "0.1, 0.05", "-1"):
        with pytest.raises(InputError, match=r"[Tt]imes"):
            _spectral.flow(source, times=wrong, on_step=Watch())


def test_one_slice_stays_in_its_place():
    data = image(5, 14, 16)
    one = Source.of(layer(data, scale=(3, 1, 1)), every=False, point=(10 + 3 * 2, 0, 0))
    [(out, look, _)], _ = _jobs.denoise(one, strength=0.1, on_step=Watch())
    every, _ = _jobs.denoise(Source.of(layer(data)), strength=0.1, on_step=Watch())
    assert out.shape == (1, 14, 16)
    np.testing.assert_array_equal(out[0], every[0][0][2])
    np.testing.assert_array_equal(look["translate"], [16, 10, 10])


def test_multiscale_takes_the_full_resolution():
    data = image(14, 16)
    source = Source.of(layer([data, data[::2, ::2]], multiscale=True))
    assert next(source.frames()).shape == (14, 16)


@pytest.mark.parametrize("use_scale", [False, True])
def test_objects_are_measured_in_the_units_of_the_layer(use_scale):
    grid = np.indices((64, 80))
    discs = [((20, 20), 10, 0.5), ((40, 60), 6, -0.4)]  # centre, radius, contrast
    data = np.full((2, 64, 80), 0.5)
    for k, (centre, radius, contrast) in enumerate(discs):
        inside = np.hypot(grid[0] - centre[0], grid[1] - centre[1]) <= radius
        data[k][inside] += contrast
    pixels = layer(data, scale=(1, 0.5, 0.5), units=("second", "um", "um"))
    source = Source.of(pixels, use_scale=use_scale)
    [(labels, look, kind)], words = _jobs.objects(source, on_step=Watch())
    assert kind == "labels"
    assert "2 objects" in words
    features = look["features"]
    assert list(features["index"]) == [1, 2]
    for k, (centre, radius, contrast) in enumerate(discs):
        assert labels[(k, *centre)] == k + 1
        assert np.count_nonzero(labels == k + 1) == np.count_nonzero(labels[k])
        assert features["area"][k] == pytest.approx(np.pi * (radius / 2) ** 2, rel=0.1)
        assert features["diameter"][k] == pytest.approx(radius, rel=0.05)
        assert features["contrast"][k] == pytest.approx(contrast, rel=0.05)
        assert features["unit"][k] == "um"
        colour = np.array(look["colormap"].get(k + 1, look["colormap"][None]))
        light = colour[:3] ** 2.2 @ (0.2126, 0.7152, 0.0722)  # relative luminance, as of WCAG
        assert min((light + 0.05) / 0.05, 1.05 / (light + 0.05)) > 2.3  # seen on black and white
        assert colour[0] > colour[2] if contrast > 0 else colour[0] < colour[2]


def test_an_image_without_objects_gives_no_layer():
    layers, words = _jobs.objects(Source.of(layer(RNG.normal(0, 1, (40, 40)))), on_step=Watch())
    assert not layers
    assert "no objects" in words


@pytest.mark.parametrize("method", _jobs.FILLS)
def test_inpaint_changes_labelled_and_missing_pixels_only(method):
    data = image(2, 14, 16)
    data[0, 0, 0] = np.nan
    labels = np.zeros((14, 16), int)
    labels[5:8, 6:9] = 2
    source = Source.of(layer(data))
    [(out, look, _)], _ = _jobs.inpaint(source, labels, method=method, on_step=Watch())
    same = np.broadcast_to(labels == 0, data.shape) & ~np.isnan(data)
    np.testing.assert_array_equal(out[same], data[same])
    assert np.isfinite(out).all()
    assert look["metadata"]["steepest"]["pixels"] == 2 * 9 + 1


def test_segment_marks_what_is_not_proven():
    source = Source.of(layer(image(2, 14, 16)))
    layers, words = _jobs.segment(source, on_step=Watch())
    data, look, kind = layers[0]
    assert kind == "labels"
    assert (data[:, 4:9, 5:12] == 1).all()
    assert data.sum() == 2 * 5 * 7
    assert look["metadata"]["steepest"]["certain_percent"] == 100
    assert len(layers) == 1
    assert "100 %" in words


def test_segment_shows_labels_that_are_not_proven(monkeypatch):
    fixed = partial(steepest.segmentation.threshold_rof, thresholds=[0.5])
    monkeypatch.setattr(steepest.segmentation, "threshold_rof", fixed)
    square = np.zeros((32, 32))
    square[8:24, 8:24] = 1  # of no class costs as much as of its own, for this smoothness
    layers, words = _jobs.segment(Source.of(layer(square)), smoothness=2.0, on_step=Watch())
    (_, look, _), (doubtful, _, kind) = layers
    assert kind == "labels"
    np.testing.assert_array_equal(doubtful, square)
    assert look["metadata"]["steepest"]["certain_percent"] == 75
    assert "75 % of the labels are proven" in words


def test_segment_takes_the_luminance_of_colours():
    data = np.stack([image(14, 16)] * 3, -1)
    byte = np.clip(255 * data, 0, 255).astype(np.uint8)
    [(labels, look, _)], _ = _jobs.segment(Source.of(layer(byte, rgb=True)), on_step=Watch())
    assert (labels[4:9, 5:12] == 1).all()
    assert "rgb" not in look


@pytest.mark.parametrize("period", [2 * np.pi, 100.0])
def test_phases_keep_their_period_and_missing_pixels(period):
    ramp = np.linspace(0, 3 * period, 60, endpoint=False) + RNG.normal(0, 0.03 * period, (20, 60))
    data = np.mod(ramp, period)
    data[3, 4] = np.nan
    [(out, look, _)], _ = _jobs.phases(
        Source.of(layer(data)), strength=0.1, period=period, on_step=Watch()
    )
    assert np.array_equal(np.isnan(out), np.isnan(data))
    assert np.nanmin(out) >= 0
    assert np.nanmax(out) < period
    assert look["contrast_limits"] == (0, period)
    clean = np.linspace(0, 3 * period, 60, endpoint=False)

    def noise(phase):
        turns = (phase - clean) / period
        return np.nanmean(np.abs(turns - np.round(turns)))

    assert noise(out) < 0.8 * noise(data)


def test_errors_are_one_line():
    nan = image(14, 16)
    nan[2, 2] = np.nan
    wide = layer(image(3, 14, 16), units=("second", "um", "um"))
    no_pixels = np.zeros((14, 16), int)
    huge = np.broadcast_to(np.float32(0), (2**15, 2**15))

    def phase():
        _jobs.phases(Source.of(layer(np.arange(256.0).reshape(16, 16))), on_step=Watch())

    for wrong in (
        lambda: Source.of(None),
        lambda: Source.of(layer(image(14, 16)), num_space=3),
        lambda: Source.of(wide, num_space=3, use_scale=True),
        lambda: _jobs.segment(Source.of(layer(huge)), on_step=Watch()),
        lambda: _jobs.check_tiles(Source.of(layer(huge)), strength=0, energy="total variation"),
        lambda: _jobs.denoise(Source.of(layer(nan)), on_step=Watch()),
        lambda: _jobs.segment(Source.of(layer(nan)), on_step=Watch()),
        lambda: _jobs.denoise(Source.of(layer(nan.astype(np.complex64))), on_step=Watch()),
        lambda: _jobs.inpaint(Source.of(layer(image(14, 16))), None, on_step=Watch()),
        lambda: _jobs.inpaint(Source.of(layer(image(14, 16))), no_pixels, on_step=Watch()),
        lambda: _jobs.inpaint(Source.of(layer(image(14, 16))), no_pixels[1:], on_step=Watch()),
        phase,
    ):
        with pytest.raises(InputError) as error:
            wrong()
        assert "\n" not in str(error.value)
    assert Source.of(wide, use_scale=True).spacing == (1, 1)


JOBS = (_jobs.denoise, _spectral.flow, _spectral.decompose, _jobs.objects, _jobs.segment)


@pytest.mark.parametrize("job", [*JOBS, _jobs.phases])
def test_cancelling_stops_after_one_step(job):
    steps = []

    class Impatient(Watch):
        def __call__(self, report):
            steps.append(report)
            self.cancelled = True
            super().__call__(report)

    with pytest.raises(Cancelled):
        job(Source.of(layer(image(3, 14, 16))), on_step=Impatient(3))
    assert len(steps) == 1


def test_progress_counts_frames_and_never_falls():
    watch, seen = Watch(3), []

    def listen(report):
        watch(report)
        seen.append(watch.share)

    assert "compiles" in watch.words
    _spectral.decompose(Source.of(layer(image(3, 14, 16))), num_steps=8, on_step=listen)
    assert seen[-1] == pytest.approx(1)
    assert watch.frame == 2
    assert watch.words.startswith("3 of 3, step ")
    assert all(0 <= share <= 1 for share in seen)


def test_progress_starts_anew_in_each_stage():
    watch, seen = Watch(), []
    for step, num_steps, stage in ((1, 2, "survey"), (2, 2, "survey"), (3, 6, "pass 1")):
        watch(Progress(step, num_steps, stage=stage))
        seen.append(watch.share)
    assert seen == [0.5, 1, 0.25]
    assert watch.words == "Pass 1, step 1 of 4"


def test_samples():
    for make in (_samples.camera, _samples.coffee, _samples.spheres, _samples.interferogram):
        for data, options, kind in make():
            assert kind in ("image", "labels")
            assert np.isfinite(data).all()
            assert options["name"]


def test_stores_of_time_series_name_their_axes(tmp_path):
    """Time stays "t"; the times of the flow are channels after it."""
    zarr, _ = pytest.importorskip("zarr"), pytest.importorskip("dask")
    source = Source.of(layer(image(2, 40, 50), scale=(5, 2, 2)))
    here, _ = _spectral.flow(source, times="0.1, 0.2, 0.4", on_step=Watch())
    target = tmp_path / "flow.zarr"
    tiles, _ = _spectral.flow(source, times="0.1, 0.2, 0.4", on_step=Watch(), target=target)
    levels = tiles[0][0]
    shown = np.asarray(levels[0] if isinstance(levels, list) else levels)
    assert shown.shape == here[0][0].shape == (3, 2, 40, 50)
    np.testing.assert_allclose(shown, here[0][0], atol=1e-3)
    notes = zarr.open_group(target).attrs["ome"]["multiscales"][0]
    assert [axis["name"] for axis in notes["axes"]] == ["t", "c", "y", "x"]
    assert notes["datasets"][0]["coordinateTransformations"][0]["scale"] == [5, 1, 2, 2]
    assert zarr.open_array(target / "0").shape == (2, 3, 40, 50)


def test_a_good_image_teaches_others_and_progress_ends_at_all_frames():
    good = np.linspace(0, 1, 40 * 48, dtype=np.float32).reshape(40, 48)
    reference = Source.of(layer(good**2))
    source = Source.of(layer(image(2, 14, 16)))
    watch, shares = Watch(2), []
    show = _jobs.LEARNED[1]

    def on_step(report):
        watch(report)
        shares.append(watch.share)

    layers, words = _jobs.learned(
        source, reference=reference, show=show, noise=0.05, on_step=on_step
    )
    model = steepest.patches.fit(good**2)
    expected = [steepest.patches.denoise(frame, model, 0.05) for frame in source.frames()]
    np.testing.assert_array_equal(layers[1][0], expected)
    assert layers[0][0].shape == (2, 14, 16)
    assert shares[-1] == 1
    assert "noise 0.05" in words
    with pytest.raises(InputError, match="good image"):
        _jobs.learned(source, on_step=Watch())
    scaled = Source.of(layer(image(14, 16), scale=(2, 2)), use_scale=True)
    with pytest.raises(InputError, match="pixels"):
        _jobs.learned(scaled, reference=reference, on_step=Watch())


def test_motion_as_vectors_and_strain():
    before = gaussian_filter(np.random.default_rng(0).normal(size=(48, 64)), 1.6)
    after = affine_transform(before, [1, 1 / 1.01], [-0.4, 32 - 32 / 1.01], mode="reflect")
    stack = np.stack([before, after]).astype(np.float32)
    source = Source.of(layer(stack, scale=(1, 2, 2), units=("pixel", "um", "um")), use_scale=True)
    *strains, vectors = _motion.motion(source, on_step=Watch(2))[0]
    names = [each[1]["name"] for each in strains]
    assert names == [f"cells strain {k}" for k in ("yy", "xx", "xy")]
    assert strains[1][0].shape == stack.shape
    assert not strains[1][0][0].any()
    assert strains[1][0][1].mean() == pytest.approx(0.01, rel=0.2)  # the image is small
    arrows, look, kind = vectors
    assert kind == "vectors"
    assert look["scale"] is source.place["scale"]
    assert arrows.shape == (2 * 3 * 4, 2, 3)
    here = arrows[arrows[:, 0, 0] == 1]
    np.testing.assert_allclose(here[:, 1, 1], 0.4, atol=0.08)  # pixels, not micrometres
    np.testing.assert_allclose(here[:, 1, 2], 0.01 * (here[:, 0, 2] - 32), atol=0.08)

    one = Source.of(layer(stack[1]))
    pair = _motion.motion(one, reference=Source.of(layer(stack[0])), on_step=Watch())[0]
    np.testing.assert_allclose(pair[1][0], strains[1][0][1], atol=1e-6)
    with pytest.raises(InputError, match="one image"):
        _motion.motion(one, on_step=Watch())
    still, _ = _motion.motion(source, show=_motion.MAGNIFIED, factor=0, on_step=Watch(2))
    np.testing.assert_allclose(still[0][0][1], stack[0], atol=1e-6)
    with pytest.raises(InputError, match="slices"):
        _motion.motion(Source.of(layer(stack), num_space=3), on_step=Watch())
