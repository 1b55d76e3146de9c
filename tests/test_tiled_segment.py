"""Labels by tiles: those of one piece, with the same proof."""

import numpy as np
import pytest
import zarr

from cases import tiled
from steepest import InputError, NotConverged, Status, Tiles
from steepest.cli.main import main
from steepest.core.solver import limits
from steepest.io.stores import open_store
from steepest.segmentation import chan_vese, threshold_rof
from steepest.segmentation.inputs import check_inputs
from steepest.segmentation.proof import Faces, State, volume
from steepest.segmentation.result import Found
from steepest.segmentation.tiles.segment import TiledSegmentation
from steepest.tiled.request import TileRequest
from steepest.tiled.workspace import read

SMALL = dict(memory="12MB", halo=24, num_workers=2)  # many tiles


def blobs(shape, dtype=np.float64, seed=0, noise=0.15):
    """Bright and very bright boxes in noise."""
    rng = np.random.default_rng(seed)
    u = rng.normal(0.2, noise, shape)
    for contrast in (0.3, 0.6, 0.4, 0.6):
        corner = [int(rng.integers(0, n // 2)) for n in shape]
        u[tuple(slice(a, a + n // 3) for a, n in zip(corner, shape, strict=True))] += contrast
    if np.dtype(dtype).kind == "u":
        return np.rint(np.iinfo(dtype).max * u.clip(0, 1)).astype(dtype)
    return u.astype(dtype)


def doubt_of(shape):
    return np.full(shape, 7, np.uint8)


@pytest.mark.parametrize(
    ("dtype", "options"),
    [
        (np.float64, {}),
        (np.uint8, {"num_classes": 3}),
        (np.float32, {"thresholds": [0.411, 0.553]}),
    ],
    ids=str,
)
def test_labels_and_proofs_are_those_of_one_piece(dtype, options):
    image = blobs((200, 230), dtype)
    one = threshold_rof(image, 0.2, **options)
    doubt = doubt_of(image.shape)
    many = tiled.threshold_rof(image, 0.2, doubt=doubt, **options, **SMALL)
    assert one.converged
    assert many.converged
    assert np.array_equal(many.labels, one.labels)
    assert np.array_equal(doubt, np.where(one.certain, 0, 255))
    np.testing.assert_allclose(many.thresholds, one.thresholds, rtol=1e-13)
    np.testing.assert_allclose(many.values, one.values, rtol=1e-6)
    assert many.energy == pytest.approx(one.energy, rel=1e-12)
    for k, (own, least, most) in enumerate(many.areas):
        assert own == np.count_nonzero(one.labels == k)
        assert least == np.count_nonzero((one.labels == k) & one.certain)
        assert most == np.count_nonzero((one.lowest <= k) & (k <= one.highest))


@pytest.mark.parametrize("shape", [(200, 1, 230), (20_000, 1)])
def test_axes_may_have_one_pixel(shape):
    image = blobs(tuple(n for n in shape if n > 1)).reshape(shape)
    many = tiled.threshold_rof(image, 0.2, doubt=doubt_of(shape), **SMALL)
    assert many.num_doubtful == 0
    assert np.array_equal(many.labels, threshold_rof(image, 0.2).labels)


def test_two_means_are_those_of_one_piece():
    image = blobs((200, 230), np.uint8)
    one = chan_vese(image, 0.25)
    many = tiled.chan_vese(image, 0.25, **SMALL)
    assert many.converged
    assert np.array_equal(many.labels, one.labels)
    np.testing.assert_allclose(many.values, one.values, rtol=1e-12)
    assert many.energy == pytest.approx(one.energy, rel=1e-11)


@pytest.mark.parametrize(
    ("shape", "spacing", "complete"),
    [
        ((230, 250), (1.0, 2.0), False),
        ((230, 250), (1.0, 2.0), True),
        ((40, 50, 200), None, True),
        ((200_000,), None, False),
    ],
)
def test_proof_of_a_flux_is_that_of_one_piece(shape, spacing, complete):
    """Every number of the proof, from the same flux, long before its contours are saturated."""
    image, level, strength = blobs(shape), 0.45, 0.5
    doubt = doubt_of(shape)
    memory, workers = {1: ("200MB", 12), 2: ("200MB", 30), 3: ("1GB", 14)}[len(shape)]
    tiles = Tiles(memory=memory, halo=16, num_workers=workers)  # small tiles
    own = limits(None, tol=1e-9, max_num_iter=14)
    request = TileRequest(image, (None, doubt), own, tiles, None, spacing)
    work = TiledSegmentation(request, None, "test")
    proven = []

    def run(rof):
        states = []

        def look(state, gap):
            states[:] = [state]
            return False

        status = rof.solve(strength, look)
        (state,) = states
        whole = tuple(slice(0, n) for n in shape)
        tiling, store = work.tiled.tiling, work.tiled.workspace
        assert len(tiling) > 1
        p = read(store, state._flux, tiling, whole, (2, len(shape), 1), np.float32)[0]
        energy = check_inputs(image, spacing=spacing).energy
        faces = Faces.of(energy, shape, strength)
        one = State.of(volume(image), faces, faces.flow(p)).prove(level, complete)
        found = state.prove(level, complete)
        assert found.length == pytest.approx(one.length, rel=1e-12)
        assert found.gap == pytest.approx(one.gap, rel=1e-12)
        assert found.energy == pytest.approx(one.energy, rel=1e-9)
        assert found.gap == 0 or not complete
        proven.append((one, State.of(volume(image), faces, faces.flow(p)).prove(level)))
        return Found(state, [found], status, rof.iterations, np.zeros(2), 0.0, found.gap, False)

    result = work.run(run)
    ((one, exact),) = proven
    assert np.array_equal(result.labels, one.inside.reshape(shape))
    wrong = result.labels != exact.inside.reshape(shape)
    assert exact.gap == 0
    assert not wrong[doubt == 0].any()
    assert wrong.sum() <= result.doubtful_bound
    # paths that link pixels do not leave the surroundings of a tile
    assert not np.any(one.doubtful.reshape(shape) & (doubt == 0))
    assert result.num_doubtful == np.count_nonzero(doubt)
    assert one.doubt[2] <= result.doubtful_bound <= result.num_doubtful
    assert result.status is Status.MAX_ITERATIONS


def test_labels_are_exact_however_few_iterations():
    image = blobs((200, 210), noise=0.3)
    exact = threshold_rof(image, 0.4, thresholds=[0.5])
    assert exact.certain.all()
    doubt = doubt_of(image.shape)
    options = dict(halo=24, num_workers=1, max_num_iter=5, thresholds=[0.5])
    early = tiled.threshold_rof(image, 0.4, doubt=doubt, memory="9MB", **options)
    assert early.iterations <= 22
    assert early.converged
    assert not doubt.any()
    assert np.array_equal(early.labels, exact.labels)
    options.pop("thresholds")
    with pytest.raises(NotConverged):  # the image is too rough for classes
        tiled.threshold_rof(image, 0.4, memory="9MB", raise_on_failure=True, **options)


def test_tiles_complete_a_flow_that_crosses_several_of_them(monkeypatch):
    image = blobs((200, 210))
    options = dict(thresholds=[0.5], max_num_iter=5, memory="9MB", halo=24, num_workers=1)
    exact = threshold_rof(image, 4.0, thresholds=[0.5])
    many = tiled.threshold_rof(image, 4.0, **options)
    assert many.gap == 0
    assert many.num_doubtful == 0
    assert np.array_equal(many.labels, exact.labels)
    monkeypatch.setattr("steepest.segmentation.tiles.rof._ROUNDS", 1)
    once = tiled.threshold_rof(image, 4.0, **options)
    assert once.gap > 0  # what has to go further than one tile is left
    assert exact.energy == pytest.approx(once.energy, abs=once.gap)


def test_bad_input():
    image = blobs((70, 80))
    with pytest.raises(InputError, match="out of type"):
        tiled.threshold_rof(image, 0.1, doubt=np.zeros((70, 80)))
    with pytest.raises(InputError, match="out of type"):
        tiled.chan_vese(image, 0.1, np.zeros((7, 8), np.uint8))
    with pytest.raises(InputError, match="thresholds"):
        tiled.threshold_rof(image, 0.1, thresholds=[0.5, 0.4])
    image[3, 4] = np.nan
    with pytest.raises(InputError, match="NaN"):
        tiled.threshold_rof(image, 0.1)


def test_command_writes_labels_of_each_channel(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    pixels = np.stack([blobs((600, 640), np.uint8, seed) for seed in (1, 2)])
    group = zarr.open_group("a.zarr", mode="w")
    group.create_array("0", shape=pixels.shape, chunks=(1, 256, 256), dtype="u1")[:] = pixels
    axes = [dict(name=a, type="channel" if a == "c" else "space") for a in "cyx"]
    scale = [dict(type="scale", scale=[1, 0.5, 0.5])]
    datasets = [dict(path="0", coordinateTransformations=scale)]
    group.attrs["ome"] = dict(version="0.5", multiscales=[dict(axes=axes, datasets=datasets)])
    command = ["segment", "a.zarr", "--classes", "3", "--strength", "0.2", "-o", "l.zarr"]
    assert main([*command, "--doubt", "d.zarr", "--memory", "60MB", "-q"]) == 0
    labels = open_store("l.zarr")
    assert labels.scale == (1, 0.5, 0.5)
    for c in range(2):
        one = threshold_rof(pixels[c] / 255, 0.2, 3)
        assert np.array_equal(labels.array[c], one.labels)
    assert not open_store("d.zarr").array[:].any()
    half = zarr.open_group("l.zarr", mode="r")["1"][:]
    assert np.array_equal(half, labels.array[:][:, ::2, ::2])
    attribute = zarr.open_group("l.zarr", mode="r").attrs["steepest"]
    assert (attribute["doubtful"], attribute["converged"]) == (0, True)
    for options, words in [
        (["--objects"], "--objects: not available"),
        (["--thresholds", "100"], "between 0 and 1"),
    ]:
        assert main(["segment", "a.zarr", "--strength", "0.2", *options]) == 2
        assert words in capsys.readouterr().err
    assert main(["segment", "a.zarr"]) == 2
    assert "--strength: a positive number" in capsys.readouterr().err
