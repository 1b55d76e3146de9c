"""The picture of ``docs/particles.md``: error diffusion, Lloyd's method and the flow."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from benchmarks.particles import diffused, flow, lloyd
from steepest.io import read_image, sample, write_dots

SCALE, DETAIL = 4, (slice(40, 240), slice(120, 290))  # of the camera man


def dots_picture(count: int = 10_000) -> bytes:
    """Return a PNG file with the three patterns side by side."""
    ink = 1 - sample("camera") / 255
    radius = np.sqrt(ink.sum() / (np.pi * count))
    crop = tuple(slice(SCALE * side.start, SCALE * side.stop) for side in DETAIL)
    panels = []
    with TemporaryDirectory() as folder:
        for method in (diffused, lloyd, flow):
            path = Path(folder) / f"{method.__name__}.png"
            write_dots(path, method(ink, count), ink.shape, radius, scale=SCALE)
            panels += [read_image(path).array[crop], np.full((SCALE * 200, 24), 255, np.uint8)]
    buffer = BytesIO()
    Image.fromarray(np.hstack(panels[:-1])).quantize(8).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


if __name__ == "__main__":
    (Path(__file__).parent / "images" / "dots.png").write_bytes(dots_picture())
