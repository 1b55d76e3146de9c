"""Small files that claim to be large are refused by their headers, at no cost in memory."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from cases import bombs
from steepest.core.errors import InputError
from steepest.core.limits import MAX_PIXELS
from steepest.io import read_image, read_labels, write_image

pytest.importorskip("resource")  # not on Windows

TOO_LARGE, MISLEADING = bombs.too_large(), bombs.misleading()
IGNORED = {"planes.ome.tif", "modulo.ome.tif"}
"""What these say of themselves is not believed; their 4 x 4 pixels are there."""
MEGABYTES = 60  # that reading any of these files may take

READ_ALL = """
import json, resource, sys
from pathlib import Path
from steepest.io import read_image, read_labels

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
report, start = {}, peak()
for path in sorted(Path(sys.argv[1]).iterdir()):
    for read in (read_labels, read_image):
        try:
            said = str(getattr(read(path), "shape", "read"))
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
    report[path.name] = said, peak() - start
print(json.dumps(report))
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What every reader says to every bomb, in one process; how much memory it has taken so far."""
    folder = tmp_path_factory.mktemp("bombs")
    for name, data in {**TOO_LARGE, **MISLEADING}.items():
        (folder / name).write_bytes(data)
    run = subprocess.run(
        [sys.executable, "-c", READ_ALL, str(folder)], capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(run.stdout)
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss has another unit elsewhere")
def test_reading_bombs_takes_no_memory(report: dict[str, Any]) -> None:
    assert set(report) == {*TOO_LARGE, *MISLEADING}
    assert max(megabytes for _, megabytes in report.values()) < MEGABYTES


@pytest.mark.parametrize("name", TOO_LARGE)
def test_files_with_too_many_pixels_are_refused(report: dict[str, Any], name: str) -> None:
    said, _ = report[name]
    assert said.startswith("InputError: ")
    assert f"{name}: holds " in said
    assert f"pixels (times channels); allowed are max_pixels={MAX_PIXELS}" in said


@pytest.mark.parametrize("name", MISLEADING)
def test_misleading_files_are_refused_or_not_believed(report: dict[str, Any], name: str) -> None:
    said, _ = report[name]
    assert said == "read" if name in IGNORED else f"{name}: " in said
    assert said == "read" or said.startswith("InputError: ")


@pytest.mark.parametrize("kind", [8, 34925, 32773, 34933, 34712, 50002])
def test_strips_are_refused_before_they_are_decoded(report: dict[str, Any], kind: int) -> None:
    """Also where imagecodecs is installed, whose decoders believe the headers of pictures."""
    said, _ = report[f"strip{kind}.tif"]
    assert ("compressed by JPEGXL" if kind == 50002 else "decompresses to more than") in said


def write_palette(path: Path, array: np.ndarray) -> None:
    picture = Pillow.fromarray(array, "P")
    picture.putpalette(list(range(256)) * 3)
    picture.save(path)


def write_tiles(path: Path, array: np.ndarray) -> None:
    tifffile.imwrite(path, array, tile=(16, 16), compression="zlib")


WRITERS: dict[str, tuple[Any, tuple[int, ...], str, int]] = {
    "grey.png": (write_image, (30, 40), "uint8", 1),
    "colour.png": (write_image, (30, 40, 3), "uint8", 1),
    "grey16.png": (write_image, (30, 40), "uint16", 1),
    "colour16.png": (write_image, (30, 40, 3), "uint16", 1),
    "palette.png": (write_palette, (30, 40), "uint8", 3),
    "a.jpg": (write_image, (30, 40, 3), "uint8", 1),
    "a.bmp": (lambda path, array: Pillow.fromarray(array).save(path), (30, 40), "uint8", 1),
    "plain.tif": (write_image, (30, 40), "float32", 1),
    "pages.tif": (write_image, (5, 30, 40), "uint16", 1),
    "tiles.tif": (write_tiles, (32, 48, 3), "uint8", 1),
    "palette.tif": (write_palette, (30, 40), "uint8", 3),
    "a.npy": (write_image, (5, 30, 40), "float64", 1),
}


@pytest.mark.parametrize("name", WRITERS)
def test_the_limit_is_that_of_pixels_times_channels(tmp_path: Path, name: str) -> None:
    write, shape, dtype, channels = WRITERS[name]
    size = int(np.prod(shape)) * channels
    write(tmp_path / name, np.zeros(shape, dtype))
    assert read_image(tmp_path / name, max_pixels=size).array.size == size
    allowed = f"allowed are max_pixels={size - 1}"
    with pytest.raises(InputError, match=rf"{name}: holds {size} pixels .*{allowed}"):
        read_image(tmp_path / name, max_pixels=size - 1)


@pytest.mark.parametrize("name", ["a.png", "palette.png", "a.tif", "palette.tif", "a.npy"])
def test_labels_have_the_limit_too(tmp_path: Path, name: str) -> None:
    write = write_palette if name.startswith("palette") else write_image
    write(tmp_path / name, np.zeros((30, 40), np.uint8))
    assert read_labels(tmp_path / name, max_pixels=3600).shape == (30, 40)
    with pytest.raises(InputError, match=rf"{name}: holds 1200 .* max_pixels=1100|holds 3600"):
        read_labels(tmp_path / name, max_pixels=1100)


@pytest.mark.parametrize("value", [0, -1, 1.5, "many", None, True, 10**30])
def test_the_limit_is_a_count(tmp_path: Path, value: Any) -> None:
    write_image(tmp_path / "a.png", np.zeros((3, 4), np.uint8))
    for read in (read_image, read_labels):
        with pytest.raises(InputError, match="max_pixels="):
            read(tmp_path / "a.png", max_pixels=value)


def test_ome_files_that_name_others_are_read_alone(tmp_path: Path) -> None:
    """Planes in other files, by names that a stranger chose, are not looked for."""
    write_image(tmp_path / "other.tif", np.full((4, 4), 9, np.uint8))
    data = '<TiffData FirstT="{}"><UUID FileName="{}">urn:uuid:{}</UUID></TiffData>'
    planes = data.format(0, "a.ome.tif", 1) + data.format(1, "other.tif", 2)
    xml = bombs.ome('SizeZ="1" SizeC="1" SizeT="2"', planes)
    (tmp_path / "a.ome.tif").write_bytes(bombs.described(xml))
    assert read_image(tmp_path / "a.ome.tif").array.tolist() == [[0] * 4] * 4
