"""Compressed images: the decoded image, the size, and damaged files."""

import subprocess
import sys
import tracemalloc
import zlib
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("constriction")

from steepest.compression import (
    compress,
    container,
    decompress,
    known_pixels,
    pack,
    read_header,
    streams,
)
from steepest.compression.filling import mask_chooser
from steepest.core.errors import InputError
from steepest.core.solver import Solver
from steepest.inpainting import inpaint, masks, reconstruct, tonal
from steepest.io import sample

LIMIT = 1 << 14
FAST: dict[str, Any] = {"mask_method": "laplacian_dither", "rng": 0, "tonal": False}
COLOUR = np.ascontiguousarray(sample("coffee")[100:140, 200:248])
GREY = np.ascontiguousarray(sample()[100:164, 200:264])
FILE = compress(GREY[:24, :30], 0.1, **FAST)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("axis", [None, -1, 0, 1])
def test_the_image_is_the_inpainting_of_its_rounded_pixels(dtype: str, axis: int | None) -> None:
    grey = np.asarray(COLOUR, float) / 255
    image = grey[..., 0] if axis is None else np.moveaxis(grey, -1, axis)
    top = {"uint8": 255, "uint16": 65535}.get(dtype, 3.0)
    image = (image * top).astype(dtype)
    packed = pack(image, 0.1, channel_axis=axis, levels=20, **FAST)
    back = decompress(packed.data)
    assert back.dtype == image.dtype
    assert back.shape == image.shape
    assert np.array_equal(back, packed.image)
    low, high = (0, top) if dtype[0] == "u" else (image.min(), image.max())
    unit = (image.astype(float) - low) / (high - low)
    rounded = low + (high - low) * np.rint(unit * 19) / 19
    expected = inpaint(rounded, packed.mask, channel_axis=axis).image
    assert np.abs(back - expected).max() <= (0.51 if dtype[0] == "u" else 1e-4 * top)


@pytest.mark.parametrize("shape", [(40,), (1, 1), (1, 30), (30, 1), (6, 9, 10), (6, 9, 10, 2)])
def test_other_shapes(shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).random(shape).astype(np.float32)
    axis = 3 if len(shape) == 4 else None
    space = shape[:3]
    mask = np.random.default_rng(1).random(space) < 0.3
    mask.flat[0] = True
    packed = pack(image, mask=mask, channel_axis=axis, levels=256, tonal=False)
    header, again, levels = known_pixels(packed.data)
    assert np.array_equal(again, mask)
    assert header.shape == image.shape
    kept = decompress(packed.data)[mask]
    assert np.abs(kept - image[mask]).max() <= 0.5 / 255 + 1e-6
    assert levels.shape == (1 if axis is None else 2, mask.sum())


def test_all_pixels_and_all_levels_are_lossless() -> None:
    packed = pack(COLOUR, 1.0, channel_axis=-1, levels=256, **FAST)
    assert np.array_equal(decompress(packed.data), COLOUR)
    assert packed.psnr == np.inf


def test_rounded_values_make_up_for_each_other() -> None:
    """With few levels, the stored values are better than rounded optimal values."""
    packed = pack(GREY, 0.1, levels=8, mask_method="laplacian_dither", rng=0)
    best = tonal(GREY, packed.mask, solver=Solver(tol=1e-4))
    rounded = np.clip(np.rint(best * 7), 0, 7) / 7
    plain = reconstruct(GREY, packed.mask, values=rounded.astype(np.float32))
    _, _, kept = known_pixels(packed.data)
    values = np.zeros(GREY.shape, np.float32)
    values[packed.mask] = kept[0] / 7
    own = reconstruct(GREY, packed.mask, values=values)
    assert own.psnr == pytest.approx(packed.psnr, abs=0.03)  # of 8 bits
    assert own.psnr > plain.psnr + 0.03


def test_searches_rank_echoes_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Masks are nested, have the requested size, and are as good as those chosen separately."""
    ranking, lowest = masks.echo_ranking, []

    def counted(*arguments: Any, density: float, **options: Any) -> np.ndarray:
        lowest.append(density)
        return ranking(*arguments, density=density, **options)

    monkeypatch.setattr(masks, "echo_ranking", counted, raising=False)
    choose = mask_chooser(GREY[None] / np.float32(255), "echo", rng=0)
    before = np.zeros(GREY.shape, bool)
    for density in (0.02, 0.1, 0.4, 1.0):
        mask = choose(density)
        assert mask.sum() == round(density * GREY.size)
        assert not (before & ~mask).any()
        before = mask
    assert lowest == [0.01]
    error = reconstruct(GREY, choose(0.1)).mae
    assert error <= 1.1 * reconstruct(GREY, masks.echo(GREY, 0.1, rng=0)).mae
    assert choose(0.005).sum() == round(0.005 * GREY.size)
    assert choose(0.002).sum() == round(0.002 * GREY.size)
    assert len(lowest) == 2
    packed = pack(GREY, max_bytes=600, rng=0)
    assert 0.9 * 600 <= len(packed.data) <= 600
    assert len(lowest) == 3


def test_floats_of_any_scale() -> None:
    image = np.random.default_rng(3).random((64, 64))  # no value halfway between two levels
    mask = np.random.default_rng(0).random(image.shape) < 0.1
    base = decompress(compress(image, mask=mask, levels=30, tonal=False))
    for scale, shift in ((1e-3, 5), (1e150, 0), (-2, 7)):
        other = decompress(compress(scale * image + shift, mask=mask, levels=30, tonal=False))
        assert np.allclose((other - shift) / scale, base, rtol=0, atol=1e-5)


def test_the_size_asked_for_is_kept_and_used() -> None:
    for most in (300, 600, 1200):
        packed = pack(GREY, max_bytes=most, **FAST)
        assert 0.93 * most <= len(packed.data) <= most
    with pytest.raises(InputError, match="max_bytes=10; allowed is at least 18"):
        pack(GREY, max_bytes=10, **FAST)


def test_the_quality_asked_for_is_reached() -> None:
    sizes = []
    for least in (20, 23, 26):
        packed = pack(GREY, psnr=least, **FAST)
        back = decompress(packed.data).astype(float)
        psnr = 10 * np.log10(255**2 / np.mean((back - GREY) ** 2))
        assert psnr == pytest.approx(packed.psnr, abs=1e-9)
        assert least <= psnr <= least + 1
        sizes.append(len(packed.data))
    assert sizes == sorted(sizes)
    with pytest.raises(InputError, match="psnr=90; allowed is at most"):
        pack(GREY, psnr=90, levels=8, **FAST)


def test_levels_follow_the_error() -> None:
    """Rounding adds less than 0.6 of the error, because diffusion averages it."""
    chosen = pack(GREY, 0.1, **FAST)
    exact = inpaint(GREY / 255.0, chosen.mask).image
    unrounded = np.mean((exact - GREY / 255.0) ** 2)
    rounded = np.mean((chosen.image / 255.0 - GREY / 255.0) ** 2)
    assert rounded <= 1.45 * unrounded
    assert 8 <= chosen.header.levels < 64


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "nothing given"),
        ({"density": 0.1, "psnr": 30}, "density and psnr given"),
        ({"density": 0, "mask_method": "random"}, "density=0; allowed are"),
        ({"density": 0.1, "levels": 1}, "levels=1 must be an integer of at least 2"),
        ({"density": 0.1, "levels": 257}, "levels=257"),
        ({"density": 0.1, "mask_method": "nothing"}, "mask_method='nothing'; allowed is one of"),
        ({"density": 0.1, "on_step": 3}, "on_step=3; allowed are"),
        ({"max_bytes": -1}, "max_bytes=-1"),
        ({"psnr": float("nan")}, "psnr=nan"),
        ({"mask": np.ones((3, 3), bool)}, "mask=bool array of shape"),
        ({"mask": np.zeros((64, 64), bool)}, "at least one of its pixels must be True"),
    ],
)
def test_bad_arguments(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        compress(GREY, **options)
    with pytest.raises(InputError, match="NaN"):
        compress(np.full((4, 4), np.nan), 0.5)
    with pytest.raises(InputError, match="data=str; allowed is bytes"):
        decompress("text")


def sealed(data: bytes) -> bytes:
    """The data with a matching checksum, as a malicious writer would produce them."""
    return data + zlib.crc32(data).to_bytes(4, "little")


@given(st.integers(0, len(FILE) - 1))
def test_truncated_files_are_refused(length: int) -> None:
    with pytest.raises(InputError):
        decompress(FILE[:length])


@given(st.integers(0, 8 * len(FILE) - 1))
def test_every_flipped_bit_is_noticed(bit: int) -> None:
    data = bytearray(FILE)
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(InputError):
        decompress(bytes(data))


@settings(max_examples=60)
@given(st.integers(5, len(FILE) - 5), st.binary(min_size=1, max_size=6), st.booleans())
def test_hostile_files_give_an_image_or_an_error(at: int, put: bytes, cut: bool) -> None:
    """Altered data with a matching checksum give an image within the limit, or InputError."""
    body = FILE[:-4]
    data = sealed(body[:at] + put + (b"" if cut else body[at + len(put) :]))
    try:
        image = decompress(data, max_pixels=LIMIT)
    except InputError:
        return
    assert image.size <= LIMIT
    assert np.isfinite(image).all()


CODES = [b"", b"\1", b"\1" * 40, bytes(90) + b"\1", b"\xff" * 90, bytes(range(256)) * 20]
SHAPES: list[tuple[tuple[int, ...], int]] = [
    *[((4096, 8192), 1), ((1, 1 << 25), 1), ((1 << 25, 1), 1), ((1 << 25,), 1)],
    *[((256, 256, 512), 1), ((1 << 12, 1 << 11), 4), ((512,), 1 << 16)],
]
REFUSE = """
import resource, sys
from pathlib import Path
from steepest.compression import known_pixels
from steepest.core.errors import InputError

resource.setrlimit(resource.RLIMIT_CPU, (90, 90))  # many times what it takes
for path in sorted(Path(sys.argv[1]).iterdir()):
    try:
        known_pixels(path.read_bytes())
    except InputError:
        continue
    sys.exit(f"{path.name} was decoded")
"""


def test_small_files_of_large_images_are_refused_at_once(tmp_path: Path) -> None:
    """After the end of the code there are only zeros, so decoding does not visit all pixels."""
    pytest.importorskip("resource")
    for number, ((space, channels), code, count) in enumerate(product(SHAPES, CODES, (3, 500))):
        axis = None if channels == 1 else len(space)
        header = container.Header("uint8", space, channels, axis, count, 16)
        (tmp_path / str(number)).write_bytes(container.write(header, code))
    command = [sys.executable, "-c", REFUSE, str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


@given(st.integers(1, 200), st.integers(1, 200), st.integers(1, 4), st.data())
def test_trailing_zeros_take_no_room(rows: int, columns: int, channels: int, data: Any) -> None:
    """A few pixels of a large image, all with value 0: most of the code is omitted."""
    mask = np.zeros((rows, columns), bool)
    at = data.draw(st.lists(st.integers(0, mask.size - 1), min_size=1, max_size=3))
    mask.flat[at] = True
    values = np.zeros((channels, int(mask.sum())), np.int64)
    code = streams.encode(mask, values, 16)
    again, back = streams.decode(code, mask.shape, int(mask.sum()), channels, 16)
    assert np.array_equal(again, mask)
    assert not back.any()


def test_decompressing_needs_no_other_package(tmp_path: Path) -> None:
    (tmp_path / "a.stp").write_bytes(FILE)
    code = (
        "import sys; sys.modules['constriction'] = None\n"
        "from steepest.cli.main import main\n"
        "sys.exit(main(['decompress', 'a.stp', 'a.npy', '-q']))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    assert np.array_equal(np.load(tmp_path / "a.npy"), decompress(FILE))


@settings(max_examples=60)
@given(st.binary(min_size=6, max_size=60))
def test_hostile_headers(data: bytes) -> None:
    data = sealed(container.MAGIC + b"\1" + data)
    with suppress(InputError):
        assert decompress(data, max_pixels=256).size <= 256


def test_large_claims_allocate_nothing() -> None:
    header = container.Header("uint8", (1 << 20, 1 << 20), 3, 2, 1 << 30, 16)
    data = container.write(header, b"")
    tracemalloc.start()
    with pytest.raises(InputError, match="allowed are max_pixels=33554432"):
        decompress(data)
    assert tracemalloc.get_traced_memory()[1] < 1 << 16
    tracemalloc.stop()
    assert read_header(data, max_pixels=1 << 42) == header


def test_the_limit_is_that_of_pixels_times_channels() -> None:
    data = compress(COLOUR, 0.05, channel_axis=-1, **FAST)
    assert decompress(data, max_pixels=COLOUR.size).shape == COLOUR.shape
    with pytest.raises(InputError, match=f"data holds {COLOUR.size} pixels"):
        decompress(data, max_pixels=COLOUR.size - 1)


def test_other_versions_are_named() -> None:
    data = sealed(container.MAGIC + b"\2" + FILE[5:-4])
    with pytest.raises(InputError, match="data has version 2; allowed is 1"):
        decompress(data)


@given(
    st.sampled_from(container.DTYPES),
    st.lists(st.integers(1, 300), min_size=1, max_size=3),
    st.integers(1, 200),
    st.integers(-1, 3),
    st.integers(2, 256),
    st.binary(max_size=5),
)
def test_headers_come_back(
    dtype: str, space: list[int], channels: int, axis: int, levels: int, code: bytes
) -> None:
    where = None if axis < 0 else min(axis, len(space))
    ends = (-0.5, 2.5) if dtype[0] == "f" else (0.0, 1.0)
    header = container.Header(
        dtype, tuple(space), 1 if where is None else channels, where, 1, levels, *ends
    )
    assert container.read(container.write(header, code), 1 << 40) == (header, code)
