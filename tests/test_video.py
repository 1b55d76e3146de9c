"""Video files: read, written, and in the commands on motion."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from steepest import InputError
from steepest.cli.main import main
from steepest.io.image import Image
from steepest.io.metadata import Metadata
from steepest.io.video import encode_video, is_video, read_video

pytest.importorskip("imageio_ffmpeg")
HEIGHT, WIDTH = 47, 64


@pytest.fixture
def clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """A video of a smooth pattern that moves to and fro, in the current folder."""
    monkeypatch.chdir(tmp_path)
    y, x = np.indices((HEIGHT, WIDTH))
    frames = [
        0.5 + 0.2 * np.sin((x + 0.4 * np.sin(t)) / 3) + 0.2 * np.sin(y / 2.5)
        for t in np.linspace(0, 3, 4)
    ]
    grey = np.stack(frames).astype(np.float32)
    colour = np.stack([grey, grey**2, 1 - grey], -1)
    Path("clip.mp4").write_bytes(encoded(colour))
    return colour


def encoded(frames: np.ndarray, fps: float = 12.5) -> bytes:
    axes = "TYX" + "C" * (frames.ndim == 4)
    return encode_video(Image(frames, axes, metadata=Metadata(extra={"fps": fps})))


def test_frames_and_their_rate_come_back(clip: np.ndarray) -> None:
    found = read_video("clip.mp4")
    assert found.axes == "TYXC"
    assert found.array.dtype == np.uint8
    assert found.array.shape == (4, HEIGHT + 1, WIDTH, 3)  # an even number of rows
    assert np.abs(found.array[:, :HEIGHT] / 255 - clip).mean() < 0.05  # colours are subsampled
    assert found.metadata.extra["fps"] == pytest.approx(12.5)
    grey = clip[..., 0]
    Path("grey.mp4").write_bytes(encoded((65535 * grey).astype(np.uint16)))
    again = read_video("grey.mp4").without_copies()
    assert again.axes == "TYX"
    assert np.abs(again.array[:, :HEIGHT] / 255 - grey).mean() < 0.01


def test_videos_are_known_by_their_first_bytes(clip: np.ndarray) -> None:
    Path("clip.mp4").rename("clip.tif")
    assert is_video("clip.tif")
    Path("other.mp4").write_bytes(b"#EXTM3U\nhttp://localhost/x.ts\n")  # a list of addresses
    assert not is_video("other.mp4")
    assert not is_video("missing.mp4")


def test_motion_of_a_video_is_magnified_to_a_video(clip: np.ndarray) -> None:
    assert main(["magnify", "clip.mp4", "--factor", "0", "-q"]) == 0
    found, before = read_video("clip_magnified.mp4"), read_video("clip.mp4").array.astype(float)
    assert found.metadata.extra["fps"] == pytest.approx(12.5)
    assert np.abs(found.array[2] - before[0]).mean() < np.abs(before[2] - before[0]).mean() / 2
    assert main(["magnify", "clip.mp4", "-o", "still.tif", "--factor", "0", "-q"]) == 0
    with tifffile.TiffFile("still.tif") as file:
        assert file.asarray().shape == (4, HEIGHT + 1, WIDTH, 3)
        assert (file.imagej_metadata or {})["fps"] == pytest.approx(12.5)


def test_videos_are_read_by_all_commands_unless_damaged_or_large(
    clip: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("cut.mp4").write_bytes(Path("clip.mp4").read_bytes()[:900])
    with pytest.raises(InputError, match=r"cut.mp4: damaged"):
        read_video("cut.mp4")
    with pytest.raises(InputError, match="more than 10,000 pixels"):
        read_video("clip.mp4", max_pixels=10_000)
    with pytest.raises(InputError, match="videos hold series"):
        encode_video(Image(clip[0], "YXC"))
    assert main(["info", "clip.mp4"]) == 0
    assert f"{len(clip)} pages" in capsys.readouterr().out
    assert main(["magnify", "clip.mp4", "-o", "x.avi"]) == 2
    assert not Path("x.avi").exists()


def test_what_to_install_is_said(clip: np.ndarray) -> None:
    code = (
        "import sys; sys.modules['imageio_ffmpeg'] = None;"
        "from steepest.cli.main import main; sys.exit(main(['strain', 'clip.mp4', '-o', 'out']))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.returncode == 2
    assert "pip install imageio imageio-ffmpeg" in found.stderr
    assert not Path("out").exists()
