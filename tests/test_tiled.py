"""Tiles: the same numbers as in one piece, certified, resumable, with any executor."""

import io
import math
import os
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import steepest
from cases import tiled
from cases.arguments import arguments
from steepest import InputError, Status, TotalVariation
from steepest.convex.compiled.dual import CompiledDual
from steepest.convex.solve import Momentum
from steepest.core.progress import Reporter
from steepest.core.tiles import bytes_in
from steepest.tiled.dual import TiledDual
from steepest.tiled.jobs import run_on_tiles, start_workers
from steepest.tiled.pass_job import Iterations
from steepest.tiled.passes import CorrectionGrid, Passes
from steepest.tiled.picture import check_picture
from steepest.tiled.windows import Tiling, make_tiling, slabs
from steepest.tiled.workspace import Workspace, read, remove_work

FEASIBLE = {np.float32: None, np.float64: 1 - 1e-15}


def noisy(shape, dtype=np.float64, seed=0):
    """Two plateaus and noise."""
    rng = np.random.default_rng(seed)
    u = rng.normal(0.3, 0.1, shape)
    u[tuple(slice(n // 4, n // 2) for n in shape)] += 0.5
    return u.astype(dtype)


def engine(picture, energy, tiling, store, team):
    """What passes need of a `TiledImage`."""
    return SimpleNamespace(
        picture=picture, energy=energy, tiling=tiling, workspace=store, weights=None, reach=1,
        run=partial(run_on_tiles, team, store, tiling),
    )  # fmt: skip


def run_tiled(image, energy, size, pieces, channel_axis=None, workers=2):
    """Sums, flux and image after some pieces on tiles of this size."""
    picture = check_picture(image, channel_axis)
    tiling = Tiling(picture.space, (size,) * len(picture.space))
    with TemporaryDirectory() as folder, start_workers(None, workers, 1, Reporter(None)) as team:
        store = Workspace(Path(folder))
        passes = Passes(engine(picture, energy, tiling, store, team))
        total = passes.run(pieces, FEASIBLE[picture.dtype.type])
        passes.commit()
        whole = tuple(slice(0, n) for n in picture.space)
        lead = (2, len(whole), picture.channels)
        flux = read(store, passes._fields.flux, tiling, whole, lead, picture.dtype)[0]
        data = read(store, passes._fields.data, tiling, whole, (picture.channels,), picture.dtype)
    return total, flux, data, tiling


@settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(
    shape=st.sampled_from([(150, 201), (65, 300), (70, 80, 90), (700,)]),
    dtype=st.sampled_from([np.float32, np.float64]),
    norm=st.sampled_from(["isotropic", "anisotropic"]),
    channels=st.integers(1, 2),
    count=st.integers(1, 9),
)
def test_tiles_equal_one_piece_to_the_last_bit(shape, dtype, norm, channels, count):
    image = np.stack([noisy(shape, dtype, c) for c in range(channels)])
    energy = TotalVariation(norm=norm).on(image, (1.0,) * len(shape))
    betas, t = Momentum().factors(count)
    more, _ = Momentum(t).factors(count)
    pieces = (
        Iterations(0.1, 4 / 3, tuple(betas), measure=True, advance=True),
        Iterations(0.2, 1.0, tuple(more), measure=True, advance=True),
    )
    dual = CompiledDual(image.copy(), energy, 1)
    for piece in pieces:
        dual.set_step(piece.tau, piece.relaxation)
        dual.iterate(piece.betas)
        whole = dual.sums_within([(0, n) for n in shape], FEASIBLE[dtype])
        dual.advance()
    totals = []
    for size in (64, 128, 1024):
        total, flux, data, tiling = run_tiled(image, energy, size, pieces, 0)
        assert np.array_equal(flux, dual.flux)
        assert np.array_equal(data, dual.image)
        totals.append(total)
    assert len(tiling) == 1
    for total in totals:
        np.testing.assert_allclose(total, totals[-1], rtol=3e-6 if dtype == np.float32 else 1e-11)
    np.testing.assert_allclose(totals[-1][1], whole, rtol=1e-6)


def corrected(folder, image, energy, size, levels, halo=100):
    """Dual energies before and after a correction on tiles of this size, and the flux."""
    tiling, whole = (
        Tiling(image.shape, (size,) * image.ndim),
        tuple(slice(0, n) for n in image.shape),
    )
    coarser = replace(energy, spacing=tuple(h * 2**levels for h in energy.steps))
    folder.mkdir()
    with start_workers(None, 2, 1, Reporter(None)) as team:
        store, picture = Workspace(folder), check_picture(image, None)
        tiled = engine(picture, energy, tiling, store, team)
        passes = Passes(tiled, grid=CorrectionGrid(levels, coarser, 1))
        dual = TiledDual(passes, halo)
        dual.set_step(2.0, 4 / 3)
        dual.iterate(Momentum().factors(20)[0])
        before = dual.measure().dual_energy
        assert dual.correct(before)
        after = dual.measure().dual_energy
        lead = (2, image.ndim, 1)
        flux = read(store, passes.flux, tiling, whole, lead, image.dtype)[0]
    return before, after, flux


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("shape", "norm", "levels"),
    [
        ((150, 201), "isotropic", 1),
        ((150, 201), "isotropic", 2),
        ((201, 330), "anisotropic", 3),
        ((70, 80, 90), "isotropic", 2),
        ((700,), "isotropic", 3),
    ],
)
def test_corrections_on_tiles_equal_those_in_one_piece(tmp_path, shape, norm, levels, dtype):
    image = noisy(shape, dtype)
    energy = TotalVariation(norm=norm).on(image[None], (1.0,) * len(shape))
    one = CompiledDual(image[None].copy(), energy, 1)
    one.set_step(2.0, 4 / 3)
    one.iterate(Momentum().factors(20)[0])
    start = one.measure().dual_energy
    one.iterate(Momentum().factors(8)[0])
    plain = one.measure().dual_energy
    whole = corrected(tmp_path / "whole", image, energy, 1024, levels)
    many = corrected(tmp_path / "many", image, energy, 64, levels)
    assert np.array_equal(many[2], whole[2])
    assert whole[0] == pytest.approx(start)
    assert whole[1] < plain  # that of the iterations without a correction
    if levels == 1:  # then all grids are those of the solver in memory
        one = CompiledDual(image[None].copy(), energy, 1)
        one.set_step(2.0, 4 / 3)
        one.iterate(Momentum().factors(20)[0])
        assert one.correct(one.measure().dual_energy)
        assert np.array_equal(one.flux, whole[2])


def test_correction_that_does_not_help_is_left_out(tmp_path, monkeypatch):
    image = noisy((130, 140))
    energy = TotalVariation().on(image[None], (1.0, 1.0))
    one = CompiledDual(image[None].copy(), energy, 1)
    one.set_step(2.0, 4 / 3)
    one.iterate(Momentum().factors(20)[0])
    one.restart()
    one.iterate(Momentum().factors(8)[0])
    rng = np.random.default_rng(0)

    def nonsense(parts, *more):
        return rng.normal(size=parts[1].shape).astype(np.float32)

    monkeypatch.setattr("steepest.tiled.passes.coarse_change", nonsense)
    _, _, flux = corrected(tmp_path / "many", image, energy, 64, 1)
    assert np.array_equal(flux, one.flux)


def test_late_times_are_certified_and_take_few_iterations(tmp_path):
    image = noisy((300, 310), np.float32)
    one = steepest.tv_flow(image, [0.5, 3.0])
    options = dict(memory="30MB", halo=64, num_workers=1)
    many = tiled.tv_flow(image, [0.5, 3.0], **options)
    assert many.converged
    assert many.iterations < 1.5 * one.iterations
    distance = np.linalg.norm((many.images - one.images).reshape(2, -1), axis=1)
    assert np.all(distance <= many.error_bound + one.error_bound)
    late = []

    def stop(step):  # amid looks, corrections and the passes that apply them
        late.append(step.stage)
        return len(set(late)) > 8 and len(late) % 7 == 0

    for _ in range(2):
        late.clear()
        stopped = tiled.tv_flow(image, [0.5, 3.0], work=tmp_path / "w", on_step=stop, **options)
        assert stopped.status is Status.STOPPED
    rest = tiled.tv_flow(image, [0.5, 3.0], work=tmp_path / "w", **options)
    assert np.array_equal(rest.images, many.images)
    assert rest.gap.tolist() == many.gap.tolist()


def test_certificate_on_tiles_equals_that_in_one_piece(tmp_path):
    image = noisy((200, 260))
    energy = TotalVariation().on(image[None], (1.0, 1.0))
    betas = Momentum().factors(30)[0]
    dual = CompiledDual(image[None], energy, 1)
    dual.set_step(0.1, 4 / 3)
    dual.iterate(betas)
    one = dual.measure()
    for size in (64, 128):
        tiling = Tiling(image.shape, (size, size))
        with start_workers(None, 3, 1, Reporter(None)) as team:
            store = Workspace(tmp_path / str(size))
            store.folder.mkdir()
            passes = Passes(engine(check_picture(image, None), energy, tiling, store, team))
            many = TiledDual(passes, 20)
            many.set_step(0.1, 4 / 3)
            many.iterate(betas)
            terms = many.measure()
        assert passes.num_passes == 2  # 30 iterations with a halo of 20
        assert terms.gap == pytest.approx(one.gap, rel=1e-10)
        assert terms.integral == pytest.approx(one.integral, rel=1e-12)


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((300, 333), np.uint8),
        ((300, 333), np.float32),
        ((100, 40, 50), np.float64),
        ((200, 150, 3), np.float32),
    ],
)
def test_denoising_is_certified(shape, dtype):
    axis = -1 if shape[-1] == 3 else None
    image = noisy(shape)
    image = (np.clip(image, 0, 1) * 255).astype(dtype) if dtype == np.uint8 else image.astype(dtype)
    memory = "20MB" if shape != (100, 40, 50) else "120MB"
    result = tiled.denoise_tv(image, 0.1, memory=memory, halo=24, channel_axis=axis)
    exact = steepest.denoise_tv(image, 0.1, solver=steepest.Solver(tol=1e-5), channel_axis=axis)
    assert result.converged
    assert result.gap <= 1e-3
    scale = 255 if dtype == np.uint8 else 1
    rounding = math.sqrt(image.size) / 255 if dtype == np.uint8 else 0.0  # of both images
    difference = np.linalg.norm((result.image.astype(float) - exact.image) / scale)
    assert difference <= result.error_bound + exact.error_bound + rounding
    assert result.image.dtype == image.dtype
    assert result.psnr_bound() > 40


def test_flow_is_certified_and_does_not_depend_on_tiles():
    image = noisy((260, 300), np.float32)
    small = tiled.tv_flow(image, [0.02, 0.1], memory="25MB", halo=40, num_threads=1)
    large = tiled.tv_flow(image, [0.02, 0.1], memory="1GB", halo=40, num_threads=2)
    fine = steepest.tv_flow(image, [0.02, 0.1], steps=steepest.Accuracy(db=62.0))
    assert small.converged
    assert np.array_equal(small.images, large.images)
    np.testing.assert_allclose(small.error_bound, large.error_bound, rtol=1e-6)
    for k in range(2):
        distance = np.linalg.norm(small.images[k].astype(float) - fine.images[k])
        assert distance <= small.error_bound[k] + fine.error_bound[k]
    one = steepest.tv_flow(image, [0.02, 0.1])
    assert small.psnr_bound()[-1] > one.psnr_bound()[-1] - 1.5


def test_work_goes_on_with_other_memory_and_workers_but_not_with_another_image(tmp_path):
    image = noisy((256, 256), np.float32)
    whole = tiled.denoise_tv(image, 0.1, memory="14MB", halo=24, num_workers=2)
    tiled.denoise_tv(
        image, 0.1, memory="14MB", halo=24, num_workers=2, work=tmp_path / "w",
        on_step=lambda step: step.stage == "pass 2",
    )  # fmt: skip
    other = image.copy()
    other[0, 0] += 1
    with pytest.raises(InputError, match="image: other values"):
        tiled.denoise_tv(other, 0.1, memory="1GB", halo=24, work=tmp_path / "w")
    with pytest.raises(InputError, match="tiles that need"):
        tiled.denoise_tv(image, 0.1, memory="4MB", halo=24, num_workers=1, work=tmp_path / "w")
    rest = tiled.denoise_tv(image, 0.1, memory="1GB", halo=24, num_workers=1, work=tmp_path / "w")
    assert np.array_equal(rest.image, whole.image)
    assert rest.gap == whole.gap


class Failing:
    """An image on a disk that fails after some reads."""

    def __init__(self, image, reads):
        self.image, self.shape, self.dtype, self.reads = image, image.shape, image.dtype, reads

    def __getitem__(self, index):
        self.reads -= 1
        if not self.reads:
            raise OSError("disk on fire")
        return self.image[index]


def test_failing_worker_leaves_the_result_alone_and_work_resumes(tmp_path):
    image = noisy((256, 256), np.float32)
    options = dict(memory="12MB", halo=24, num_workers=2, work=tmp_path / "w")
    out = np.full(image.shape, 7, np.float32)
    with pytest.raises(OSError, match="disk on fire"):
        tiled.denoise_tv(Failing(image, 22), 0.1, out, **options)
    assert np.all(out == 7)
    assert list((tmp_path / "w").rglob("flux-*"))
    result = tiled.denoise_tv(image, 0.1, out, **options)
    assert np.array_equal(out, tiled.denoise_tv(image, 0.1, **{**options, "work": None}).image)
    assert result.converged
    assert not (tmp_path / "w").exists()


def test_one_process_at_a_time_uses_a_folder(tmp_path):
    image = noisy((100, 100), np.float32)

    def again(step):
        tiled.denoise_tv(image, 0.1, work=tmp_path / "w")

    with pytest.raises(InputError, match="in use by another process"):
        tiled.denoise_tv(image, 0.1, work=tmp_path / "w", on_step=again)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="is not empty, and holds no earlier work"):
        tiled.denoise_tv(image, 0.1, work=tmp_path / "other")
    assert (tmp_path / "other" / "thesis.txt").exists()


def test_full_disk_is_noticed_before_the_work(tmp_path, monkeypatch):
    small = type(shutil.disk_usage(tmp_path))(10**9, 10**9, 9_900_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: small)
    with pytest.raises(InputError, match=r"9 MB of free space; about 10 MB are needed"):
        tiled.denoise_tv(noisy((322, 322)), 0.1, work=tmp_path / "w")


@pytest.mark.parametrize("place", ["out.zarr", "work"])
def test_disk_that_fills_up_is_named(tmp_path, monkeypatch, place):
    zarr = pytest.importorskip("zarr")
    image, part = noisy((128, 140), np.float32), tmp_path / place
    out = zarr.create_array(
        tmp_path / "out.zarr", shape=image.shape, chunks=image.shape, dtype="f4"
    )

    class Full(io.FileIO):
        def write(self, *values):
            raise OSError(28, "No space left on device")

    if place == "work":
        monkeypatch.setattr(os, "fdopen", Full)
    else:
        monkeypatch.setattr(type(out), "__setitem__", Full.write)
    with pytest.raises(OSError, match=rf"No space left on device: '{part}") as caught:
        tiled.denoise_tv(image, 0.1, out, work=tmp_path / "work")
    assert caught.value.errno == 28


def test_arrays_that_cannot_be_written_are_refused_before_the_work(tmp_path):
    zarr = pytest.importorskip("zarr")
    image, reports = noisy((60, 70), np.float32), []
    frozen = np.zeros_like(image)
    frozen.flags.writeable = False
    np.save(tmp_path / "out.npy", frozen)
    zarr.create_array(tmp_path / "out.zarr", shape=image.shape, chunks=(60, 70), dtype="f4")
    for out in (
        frozen,
        np.load(tmp_path / "out.npy", mmap_mode="r"),
        zarr.open_array(tmp_path / "out.zarr", mode="r"),
    ):
        with pytest.raises(InputError, match=r"out of type .* is read-only"):
            tiled.denoise_tv(image, 0.1, out, on_step=reports.append)
    with pytest.raises(InputError, match=r"out of type .* is read-only"):
        tiled.denoise_tv(image, 0.1, frozen, batch_axis=0, on_step=reports.append)
    assert reports == []


def test_work_is_kept_beside_the_file(tmp_path):
    np.save(tmp_path / "in.npy", noisy((100, 100), np.float32))
    seen = []
    tiled.denoise_tv(
        np.load(tmp_path / "in.npy", mmap_mode="r"), 0.1,
        on_step=lambda step: seen.extend(tmp_path.glob("steepest-work-*")),
    )  # fmt: skip
    assert seen
    assert [path.name for path in tmp_path.iterdir()] == ["in.npy"]


def test_chunks_that_do_not_match_the_tiles(tmp_path):
    zarr = pytest.importorskip("zarr")
    image = (255 * np.clip(noisy((300, 310)), 0, 1)).astype(np.uint8)
    whole = tiled.denoise_tv(image, 0.1, memory="12MB", halo=24, num_workers=3)
    for options in [dict(chunks=(100, 70)), dict(chunks=(50, 50), shards=(150, 100))]:
        out = zarr.create_array(
            tmp_path / f"{len(options)}.zarr", shape=image.shape, dtype="u1", **options
        )
        tiled.denoise_tv(image, 0.1, out, memory="12MB", halo=24, num_workers=3)
        assert np.array_equal(out[:], whole.image)


def test_weights_are_those_of_the_whole_image():
    image = noisy((150, 170), np.float32)
    weights = np.linspace(0.2, 2, 170) * np.ones((150, 1))
    weights[40:60, 30:50] = 0
    result = tiled.denoise_tv(image, 0.1, weights=weights, memory="12MB", halo=24)
    exact = steepest.denoise(
        image,
        0.1,
        energy=steepest.TotalVariation(weights=weights),
        solver=steepest.Solver(tol=1e-6),
    )
    distance = np.linalg.norm(result.image.astype(float) - exact.image)
    assert result.converged
    assert distance <= result.error_bound + exact.error_bound
    flow = tiled.tv_flow(image, 0.1, weights=weights, steps=8, memory="12MB", halo=32)
    one = steepest.flow(image, 0.1, energy=steepest.TotalVariation(weights=weights))
    assert flow.converged
    distance = np.linalg.norm(flow.images[0].astype(float) - one.images[0])
    assert distance <= flow.error_bound[0] + one.error_bound[0]
    with pytest.raises(InputError, match="spatial shape"):
        tiled.denoise_tv(image, 0.1, weights=weights[1:])
    with pytest.raises(InputError, match="not negative"):
        tiled.denoise_tv(image, 0.1, weights=-weights)


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((3, 90, 100), dict(batch_axis=0)),
        ((90, 100, 2), dict(channel_axis=-1, coupled=False)),
        ((90, 2, 100, 3), dict(batch_axis=1, channel_axis=-1)),
        ((90, 2, 100, 3), dict(batch_axis=1, channel_axis=-1, coupled=False)),
    ],
)
def test_batches_and_separate_channels_are_those_in_memory(shape, options):
    image = noisy(shape, np.float32)
    one = steepest.denoise(image.astype(float), 0.1, **arguments(tol=1e-6, **options))
    result = tiled.denoise_tv(image, 0.1, **options)
    assert np.shape(result.error_bound) == np.shape(one.error_bound)
    axis = options.get("batch_axis")
    difference = (result.image - one.image) ** 2
    others = tuple(k for k in range(len(shape)) if k != axis)
    distance = np.sqrt(difference.sum(others))
    assert np.all(distance <= result.error_bound + one.error_bound)
    assert np.all(result.error_bound < 1.5 * np.sqrt(1e-3 * (one.image**2).sum(others)))
    flow = tiled.tv_flow(image, [0.02, 0.05], steps=4, **options)
    memory = steepest.flow(image, [0.02, 0.05], **arguments(steps=4, **options))
    assert flow.images.shape == memory.images.shape
    assert flow.psnr_bound().shape == memory.psnr_bound().shape
    np.testing.assert_allclose(flow.images, memory.images, atol=0.05)
    np.testing.assert_allclose(flow.time_error, memory.time_error, rtol=0.1)


def test_dtypes_of_files(tmp_path):
    image = noisy((90, 100)) > 0.5
    result = tiled.denoise_tv(image, 0.3)
    assert result.image.dtype == np.float32
    assert 0 < result.image.mean() < 1
    swapped = noisy((90, 100)).astype(">f8")
    exact = tiled.denoise_tv(swapped.astype(float), 0.1)
    assert np.array_equal(tiled.denoise_tv(swapped, 0.1).image, exact.image)
    counts = (1000 * noisy((90, 100))).clip(0).astype(">u2")
    out = np.zeros_like(counts)
    tiled.denoise_tv(counts, 0.01, out)
    assert np.array_equal(out, tiled.denoise_tv(counts.astype(np.uint16), 0.01).image)
    with pytest.raises(InputError, match="masked"):
        tiled.denoise_tv(np.ma.masked_equal(image.astype(float), 0), 0.1)


def test_no_tile_needs_more_than_its_share_of_the_memory():
    for space in [(5000, 7000), (400, 500, 600), (10**7,)]:
        tiling = make_tiling(space, 1, 4, 32, 4 * 10**8, 2)
        for tile in tiling.tiles(32):
            assert math.prod(w.stop - w.start for w in tile.window) * 12 * 4 <= 2e8
        cores = sum(math.prod(c.stop - c.start for c in tile.core) for tile in tiling.tiles(32))
        assert cores == math.prod(space)


@pytest.mark.parametrize(
    ("space", "size", "count"),
    [
        ((2048, 2048), (2048, 2048), 2),
        ((2000, 100), (2048, 128), 3),
        ((1000, 1000), (512, 512), 6),
        ((96, 50, 70), (96, 64, 96), 2),
    ],
)
def test_slabs_cover_the_image_and_are_enough(space, size, count):
    tiles = list(slabs(Tiling(space, size), count).tiles(0))
    covered = np.zeros(space, int)
    for tile in tiles:
        covered[tile.core] += 1
    assert len(tiles) >= count
    assert np.all(covered == 1)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2GB", 2e9),
        ("2g", 2e9),
        ("500 MB", 5e8),
        (10**7, 1e7),
        ("2e9", 2e9),
        (" 7000000 b", 7e6),
        ("2GiB", 2 * 1024**3),
        ("1.5 gib", 1.5 * 1024**3),
        ("512 Mi", 512 * 1024**2),
        ("4000KiB", 4000 * 1024),
        (".5TiB", 2**39),
    ],
)
def test_memory_in_words(text, value):
    assert bytes_in(text) == value


@pytest.mark.parametrize(
    "memory", ["lots", "-1GB", 0, "nan", 5, None, "2iB", "2GG", "1.2.3GB", "1e99GB", ""]
)
def test_bad_memory(memory):
    with pytest.raises(InputError, match="memory"):
        tiled.denoise_tv(np.zeros((8, 8)), 0.1, memory=memory)


def test_bad_input():
    image = noisy((100, 100), np.float32)
    image[50, 60] = np.nan
    with pytest.raises(InputError, match="NaN"):
        tiled.denoise_tv(image, 0.1)
    with pytest.raises(InputError, match="image of type list"):
        tiled.denoise_tv([[1.0]], 0.1)
    with pytest.raises(InputError, match="dtype int32"):
        tiled.denoise_tv(np.zeros((9, 9), np.int32), 0.1)
    with pytest.raises(InputError, match="out of type"):
        tiled.denoise_tv(np.zeros((9, 9)), 0.1, np.zeros((8, 8)))
    with pytest.raises(InputError, match=r"need .* MB for"):
        tiled.denoise_tv(np.zeros((9000, 9000)), 0.1, memory="2MB")
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        tiled.denoise_tv(np.zeros((9, 9)), 0.1, colour=1)


def test_full_disk_at_the_end_loses_no_computation(tmp_path):
    """With ``keep``, the folder stays until the caller has what it needs."""
    image, seen = noisy((200, 210), np.float32), []
    options = dict(memory="12MB", halo=24, num_workers=1, work=tmp_path / "w", keep=True)
    first = tiled.denoise_tv(image, 0.1, **options)
    held = sum(path.stat().st_size for path in (tmp_path / "w").rglob("*.npy"))
    assert held < 2.2 * image.nbytes  # the result, and hardly more
    again = tiled.denoise_tv(image, 0.1, on_step=lambda s: seen.append(s.stage), **options)
    assert np.array_equal(first.image, again.image)
    assert set(seen) == {"survey"}
    (tmp_path / "thesis.txt").write_text("years of work")
    remove_work(tmp_path)  # only what is work
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_an_image_that_was_being_overwritten_is_named(tmp_path, monkeypatch):
    image, options = noisy((100, 110), np.float32), dict(work=tmp_path / "w", halo=24)

    class Full(np.ndarray):
        def __setitem__(self, index, values):
            super().__setitem__((0, 0), 7)
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        tiled.denoise_tv(image, 0.1, image.view(Full), **options)
    with pytest.raises(InputError, match=r"image: other values.*overwritten: restore it"):
        tiled.denoise_tv(image, 0.1, image, **options)
