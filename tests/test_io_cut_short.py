"""A file that was cut short is refused, never read as fewer pages or with a grey end."""

import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow
from PIL import ImageFile

from cases import bombs
from cases.pixels import random_array
from steepest.cli.main import main
from steepest.core.errors import InputError
from steepest.io import read_image, read_labels, sample, write_image

PAGES = random_array((12, 20, 30), "uint8")
COLOUR, GREY = sample("coffee")[:64, :96], sample("camera")[:64, :96]


def pillow(array: np.ndarray, **options: Any) -> Callable[[Path], None]:
    return lambda path: Pillow.fromarray(array).save(path, **options)


def tiff(**options: Any) -> Callable[[Path], None]:
    return lambda path: tifffile.imwrite(path, PAGES, **options)


def page_by_page(path: Path) -> None:
    with tifffile.TiffWriter(path) as file:
        for page in PAGES:
            file.write(page, contiguous=False, metadata=None)


def tables_first(path: Path) -> None:
    """All tables, then the pixels of all pages."""
    at = 8 + sum(6 + 12 * len(bombs.sizes(30, 20, (0, 0))) for _ in PAGES)
    tags = [bombs.sizes(30, 20, (at + 600 * index, 600)) for index in range(len(PAGES))]
    path.write_bytes(bombs.chain(tags) + PAGES.tobytes())


def pages_by_pillow(path: Path) -> None:
    first, *others = [Pillow.fromarray(page) for page in PAGES]
    first.save(path, save_all=True, append_images=others, compression="tiff_lzw")


def runs(path: Path) -> None:
    """A BMP file with run lengths, one for every pixel."""
    rows = b"".join(bytes([1, value]) for value in GREY[0]) + b"\0\0"
    head = struct.pack("<IiiHHIIiiII", 40, 96, 64, 1, 8, 1, 64 * len(rows) + 2, 0, 0, 256, 0)
    palette = b"".join(bytes([grey, grey, grey, 0]) for grey in range(256))
    data = head + palette + 64 * rows + b"\0\1"
    path.write_bytes(b"BM" + struct.pack("<IHHI", 14 + len(data), 0, 0, 14 + 40 + 1024) + data)


FILES: dict[str, Callable[[Path], None]] = {
    "shaped.tif": tiff(),
    "plain.tif": tiff(metadata=None),
    "big.tif": tiff(bigtiff=True, metadata=None),
    "packed.tif": tiff(compression="zlib", metadata=None),
    "described.tif": tiff(compression="zlib"),
    "strips.tif": tiff(rowsperstrip=7, metadata=None),
    "tiles.tif": tiff(tile=(16, 16), metadata=None),
    "imagej.tif": tiff(imagej=True, metadata={"axes": "TYX"}),
    "a.ome.tif": tiff(metadata={"axes": "ZYX"}),
    "one_by_one.tif": page_by_page,
    "tables_first.tif": tables_first,
    "pillow.tif": pages_by_pillow,
    "colour.png": pillow(COLOUR),
    "grey16.png": pillow(GREY.astype(np.uint16) * 257),
    "colour16.png": lambda path: write_image(path, COLOUR.astype(np.uint16) * 257),
    "palette.png": lambda path: Pillow.fromarray(COLOUR).quantize(16).save(path),
    "a.jpg": pillow(COLOUR, quality=95),
    "progressive.jpg": pillow(COLOUR, progressive=True),
    "colour.bmp": pillow(COLOUR),
    "runs.bmp": runs,
    **{f"a.{kind}": pillow(COLOUR) for kind in ("gif", "webp", "avif", "jp2", "ppm")},
    "a.npy": lambda path: np.save(path, COLOUR),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("lenient", [False, True])
def test_what_is_left_of_a_file_is_the_exact_image_or_an_error(
    tmp_path: Path, name: str, lenient: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where another package has told Pillow to read cut files (``lenient``)."""
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", lenient)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    FILES[name](tmp_path / name)
    (tmp_path / name).rename(whole)
    image, data = read_image(whole).array, whole.read_bytes()
    lengths = {len(data) * part // 100 for part in range(2, 100, 3)}
    refused = 0
    for length in sorted(lengths | set(range(len(data) - 12, len(data)))):
        cut.write_bytes(data[:length])
        try:
            assert np.array_equal(read_image(cut).array, image), f"{length} of {len(data)} bytes"
        except InputError as error:
            assert str(cut) in str(error)
            refused += 1
    assert refused >= len(lengths)


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".tif")])
def test_the_error_says_how_many_pages_there_are(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    FILES[name](path)
    data = path.read_bytes()
    said = set()
    for part in range(5, 100, 5):
        path.write_bytes(data[: len(data) * part // 100])
        with pytest.raises(InputError) as error:
            read_image(path)
        found = re.search(r"holds (no|\d+)( of 12|) (whole )?page", str(error.value))
        assert found, error.value
        assert "cut short" in str(error.value)
        said.add(0 if found[1] == "no" else int(found[1]))
    assert said <= set(range(12))
    assert len(said) > 4 or name == "a.ome.tif"  # its first table stands at its end


NOTES = {
    "imagej": "ImageJ=1.54f\nimages=12\nslices=12\n",
    "hyperstack": "ImageJ=1.54f\nimages=12\nslices=3\nframes=4\nhyperstack=true\n",
    "plain_stack": "ImageJ=1.54f\nimages=12\n",
    "tifffile": '{"shape": [12, 20, 30]}',
    "ome": bombs.ome('SizeZ="6" SizeC="1" SizeT="2"', "<TiffData/>")
    .replace('SizeX="4"', 'SizeX="30"')
    .replace('SizeY="4"', 'SizeY="20"'),
}


@pytest.mark.parametrize("kind", NOTES)
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_recording_that_stopped_early(tmp_path: Path, kind: str, compression: str | None) -> None:
    """The list of pages ends properly, and the description promises more of them."""
    path = tmp_path / "a.tif"
    for count in (1, 5, 12):
        with tifffile.TiffWriter(path) as file:
            for index in range(count):
                file.write(
                    PAGES[index],
                    contiguous=False,
                    metadata=None,
                    compression=compression,
                    description=NOTES[kind] if index == 0 else None,
                )
        if count == 12:
            assert np.array_equal(read_image(path, stack="pages").array.reshape(PAGES.shape), PAGES)
            continue
        for read in (read_image, read_labels):
            with pytest.raises(InputError, match=f"a.tif: holds {count} of 12 pages"):
                read(path)


@pytest.mark.parametrize("kind", ["imagej", "hyperstack", "ome"])
def test_more_pages_than_promised(tmp_path: Path, kind: str) -> None:
    """None is lost silently; a thumbnail besides the pages is no page."""
    thumbnail = PAGES[0, ::2, ::2].copy()
    for extra in (PAGES[0], thumbnail):
        with tifffile.TiffWriter(tmp_path / "a.tif") as file:
            for index, page in enumerate([*PAGES, extra]):
                description = NOTES[kind] if index == 0 else None
                file.write(page, contiguous=False, metadata=None, description=description)
        if extra is not thumbnail:
            with pytest.raises(InputError, match=r"holds 13 pages, .* promises 12"):
                read_image(tmp_path / "a.tif")
        elif kind == "ome":
            assert np.array_equal(read_image(tmp_path / "a.tif").array.reshape(PAGES.shape), PAGES)


def test_a_thumbnail_in_front(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(PAGES[0, ::4, ::4].copy(), metadata=None, subfiletype=1)
        file.write(PAGES[1], metadata=None)
    data = (tmp_path / "a.tif").read_bytes()
    assert np.array_equal(read_image(tmp_path / "a.tif").array, PAGES[1])
    for length in range(len(data) - 600, len(data), 60):
        (tmp_path / "a.tif").write_bytes(data[:length])
        with pytest.raises(InputError, match="cut short"):
            read_image(tmp_path / "a.tif")


def test_imagej_stacks_of_one_table(tmp_path: Path) -> None:
    """As ImageJ writes stacks of more than 4 GB: one table, then all pixels."""
    words = NOTES["imagej"].encode() + b"\0"
    tags = [*bombs.sizes(30, 20, (256, 600)), (270, 2, len(words), 200)]
    head = b"II*\0" + struct.pack("<I", 8) + bombs.page(8, tags)
    data = head.ljust(200, b"\0") + words.ljust(56, b"\0") + PAGES.tobytes()
    (tmp_path / "a.tif").write_bytes(data)
    assert np.array_equal(read_image(tmp_path / "a.tif").array, PAGES)
    for held in (0, 1, 7, 11):
        (tmp_path / "a.tif").write_bytes(data[: 256 + 600 * held + 599])
        words_of_error = f"{held} of 12 pages" if held else "no whole page"
        with pytest.raises(InputError, match=f"holds {words_of_error}"):
            read_image(tmp_path / "a.tif")


def test_samples_that_are_called_channels_are_no_pages(tmp_path: Path) -> None:
    """Red, green and blue of one page count as three channels in ImageJ's and OME's words."""
    colour = random_array((4, 20, 30, 3), "uint8")
    tifffile.imwrite(tmp_path / "a.ome.tif", colour, metadata={"axes": "ZYXS"}, photometric="rgb")
    tifffile.imwrite(tmp_path / "b.tif", colour, imagej=True, metadata={"axes": "ZYXS"})
    with tifffile.TiffWriter(tmp_path / "c.tif") as file:
        notes = "ImageJ=1.54f\nimages=12\nchannels=3\nslices=4\nhyperstack=true\n"
        for index, page in enumerate(colour):
            description = notes if index == 0 else None
            file.write(page, metadata=None, photometric="rgb", description=description)
    for name in ("a.ome.tif", "b.tif", "c.tif"):
        assert np.array_equal(read_image(tmp_path / name).array, colour), name


def test_the_command_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "recording.tif"
    tifffile.imwrite(path, PAGES, metadata=None)
    path.write_bytes(path.read_bytes()[:-600])
    assert main(["denoise", str(path), "-o", str(tmp_path / "out.tif")]) == 2
    assert re.search(r"recording.tif: holds \d+ whole pages", capsys.readouterr().err)
    assert not (tmp_path / "out.tif").exists()
