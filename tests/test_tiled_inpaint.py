"""Inpainting by tiles: that of one piece, with the residual of the whole image."""

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

import steepest
from cases import tiled
from steepest import InputError, NotConverged, Solver, Status
from steepest.cli.main import main
from steepest.elliptic.operator import Operator
from steepest.inpainting.tiles.blocks import around, gathered, interpolated
from steepest.io import StoredImage, create_store, open_store

SMALL = dict(memory="16MB", halo=16, num_workers=2)  # many tiles


def smooth(shape, seed=0):
    rng = np.random.default_rng(seed)
    grid = np.meshgrid(*(np.linspace(0, 1, n) for n in shape), indexing="ij")
    return np.sin(sum((3 + 4 * a) * g for a, g in enumerate(grid))) + rng.normal(0, 0.05, shape)


def scratches(shape, seed=1):
    """Known pixels around small holes."""
    rng = np.random.default_rng(seed)
    known = np.ones(shape, bool)
    for _ in range(60):
        corner = [int(rng.integers(0, n - 5)) for n in shape]
        known[tuple(slice(a, a + int(rng.integers(1, 6))) for a in corner)] = False
    return known


def sparse(shape, share=0.05, seed=1):
    return np.random.default_rng(seed).random(shape) < share


def block(shape):
    """A hole of many tiles, without a known pixel in it."""
    known = np.ones(shape, bool)
    known[tuple(slice(n // 8, -n // 8) for n in shape)] = False
    return known


def residual_of(u, image, known, spacing):
    """|b - A u| / |b| of the whole image."""
    operator = Operator(np.where(known, np.inf, 0.0), tuple(1 / h**2 for h in spacing))
    mean = image[known].mean()
    v = u.astype(float) - mean
    r = operator.couple(v) - operator.couple(np.ones(v.shape)) * v
    b = operator.couple(np.where(known, v, 0))
    return np.linalg.norm(r[~known]) / np.linalg.norm(b[~known])


@pytest.mark.parametrize(
    ("shape", "mask", "spacing"),
    [
        ((200, 260), sparse, (1.0, 1.0)),
        ((200, 260), block, (1.0, 2.0)),
        ((9000,), sparse, (1.0,)),
        ((40, 70, 64), sparse, (2.0, 1.0, 1.0)),
    ],
    ids=["sparse", "block", "1-D", "volume"],
)
def test_solution_is_that_of_one_piece_and_the_residual_is_true(shape, mask, spacing):
    image, known = smooth(shape), mask(shape)
    exact = steepest.inpaint(image, known, spacing=spacing, solver=Solver(tol=1e-12)).image
    for tol in (1e-3, 1e-8):
        options = SMALL if len(shape) < 3 else {**SMALL, "memory": "140MB"}
        many = tiled.inpaint(image, known, spacing=spacing, tol=tol, **options)
        assert many.converged
        assert many.residual <= tol
        true = residual_of(many.image, image, known, spacing)
        assert many.residual == pytest.approx(true, rel=1e-6, abs=1e-14)
        assert np.array_equal(many.image[known], image[known])
    np.testing.assert_allclose(many.image, exact, atol=2e-6)


def test_small_holes_are_exact_after_one_pass():
    image, known = smooth((200, 260)), scratches((200, 260))
    one = steepest.inpaint(image, known, solver=Solver(tol=1e-13))
    many = tiled.inpaint(image, unknown=255 * (~known).astype(np.uint8), tol=1e-12, **SMALL)
    assert many.iterations == 1
    np.testing.assert_allclose(many.image, one.image, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_types_and_channels(dtype):
    image = np.stack([smooth((200, 260), seed) for seed in range(2)], -1) + 2
    image = (image * (60 if np.dtype(dtype).kind == "u" else 1)).astype(dtype)
    known = sparse((200, 260))
    one = steepest.inpaint(image, known, channel_axis=-1, solver=Solver(tol=1e-09))
    many = tiled.inpaint(image, known, channel_axis=-1, tol=1e-9, **SMALL)
    assert many.image.dtype == dtype
    assert np.abs(many.image.astype(float) - one.image).max() <= (
        1 if dtype != np.float32 else 1e-5
    )
    assert np.array_equal(many.image[known], image[known])


def test_unreached_tolerance_is_reported():
    image, known = smooth((300, 410)), block((300, 410))
    result = tiled.inpaint(image, known, tol=1e-9, max_num_iter=2, **SMALL)
    assert result.status is Status.MAX_ITERATIONS
    assert result.residual == pytest.approx(residual_of(result.image, image, known, (1, 1)))
    part = np.s_[:150, :205]
    impossible = tiled.inpaint(image[part], known[part], tol=1e-30, max_num_iter=50, **SMALL)
    assert impossible.status is Status.ROUNDING
    with pytest.raises(NotConverged):
        tiled.inpaint(image, known, tol=1e-9, max_num_iter=1, raise_on_failure=True, **SMALL)


@settings(max_examples=20, deadline=None)
@given(
    shape=st.sampled_from([(37, 50), (64, 65), (200,), (9, 20, 17)]),
    levels=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_restriction_is_the_transpose_of_interpolation(shape, levels, seed):
    rng = np.random.default_rng(seed)
    cells = tuple(-(-n // 2**levels) for n in shape)
    corner = [2**levels * int(rng.integers(0, k)) for k in cells]
    window = tuple(
        slice(a, int(rng.integers(a + 1, n + 1))) for a, n in zip(corner, shape, strict=True)
    )
    coarse = rng.normal(size=(2, *cells))
    fine = rng.normal(size=(2, *(w.stop - w.start for w in window)))
    sums = np.zeros((2, *(k + 1 for k in cells)))
    sums[(slice(None), *around(window, levels, cells))] = gathered(fine, window, levels, cells)
    inside = sums[(slice(None), *(slice(k) for k in cells))]
    assert np.vdot(interpolated(coarse, window, levels), fine) == pytest.approx(
        np.vdot(coarse, inside)
    )
    beyond = sums.copy()
    beyond[(slice(None), *(slice(k) for k in cells))] = 0
    assert not beyond.any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"known": np.zeros((150, 200), bool)}, "known leaves no known pixel"),
        ({"unknown": np.ones((150, 200), bool)}, "unknown leaves no known pixel"),
        ({"known": np.ones((150, 199), bool)}, "must have the spatial shape"),
        ({"known": np.arange(30000, dtype=np.uint16).reshape(150, 200)}, "more than two values"),
        ({"known": np.ones((150, 200), bool), "unknown": 0}, "both given"),
        ({"known": np.ones((150, 200), bool), "tol": 0}, "tol"),
    ],
)
def test_bad_input(options, message):
    with pytest.raises(InputError, match=message):
        tiled.inpaint(smooth((150, 200)), **options, **SMALL)


def test_integers_need_a_mask():
    with pytest.raises(InputError, match="known or unknown is needed"):
        tiled.inpaint(np.zeros((150, 200), np.uint8))


def test_command_fills_a_store(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    image = np.stack([smooth((200, 260), seed) for seed in range(2)]).astype(np.float32)
    known = sparse((200, 260))
    empty = np.broadcast_to(np.float32(0), image.shape)
    like = StoredImage(empty, "cyx", (1, 0.5, 0.5), (0,) * 3, (None, "micrometer", "micrometer"))
    with create_store("big.zarr", like) as store:
        store.array[:] = image
    zarr.save("mask.zarr", known.astype(np.uint8) * 255)
    expected = steepest.inpaint(image, known, channel_axis=0).image
    assert main(["inpaint", "big.zarr", "--known", "mask.zarr", "-o", "out.zarr"]) == 0
    printed = capsys.readouterr().out
    assert "residual" in printed
    assert "converged" in printed
    written = open_store("out.zarr")
    assert written.scale == (1, 0.5, 0.5)
    assert written.array.dtype == np.float32
    np.testing.assert_allclose(written.array[:], expected, atol=1e-4)
    attributes = dict(zarr.open_group("out.zarr", mode="r").attrs)["steepest"]
    assert attributes["residual"] <= 1e-6
    assert attributes["converged"] is True
    steepest.io.write_image("mask.png", steepest.io.Image((~known * np.uint8(255)), "YX"))
    assert main(["inpaint", "big.zarr", "--unknown", "mask.png", "-o", "same.zarr"]) == 0
    assert np.array_equal(open_store("same.zarr").array[:], written.array[:])
    for more, message in [
        (["--method", "biharmonic"], "--method"),
        (["--known", "mask.zarr", "--threshold", "3"], "--threshold"),
        (["--known", "big.zarr"], "mask"),
    ]:
        assert main(["inpaint", "big.zarr", *more, "-o", "no.zarr"]) != 0
        assert message in capsys.readouterr().err
