"""The pictures of ``docs/particles.md`` (error diffusion, Lloyd's method, flow) and README.md."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from benchmarks.particles import diffused, flow, lloyd
from steepest.io import read_image, sample, write_dots
from steepest.particles import stipple

SCALE, DETAIL = 4, (slice(40, 240), slice(120, 290))  # of the camera man


def dots_picture(count: int = 10_000) -> bytes:
    """Return a PNG file with the three patterns side by side."""
    ink = 1 - sample("camera") / 255
    radius = np.sqrt(ink.sum() / (np.pi * count))
    crop = tuple(slice(SCALE * side.start, SCALE * side.stop) for side in DETAIL)
    panels = []
    for method in (diffused, lloyd, flow):
        picture = drawn(method(ink, count), radius, SCALE)
        panels += [picture[crop], np.full((SCALE * 200, 24), 255, np.uint8)]
    return as_png(np.hstack(panels[:-1]), 8)


def readme_picture() -> bytes:
    """Return a PNG file with the upper part of the photograph in dots."""
    result = stipple(sample("camera"), 10_000)
    return as_png(drawn(result.points, result.radius, 2.4)[72:600], 4)


def drawn(points: np.ndarray, radius: float, scale: float) -> np.ndarray:
    """Return a grey image of the dots."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "dots.png"
        write_dots(path, points, (512, 512), radius, scale=scale)
        return read_image(path).array


def as_png(image: np.ndarray, greys: int) -> bytes:
    """Return a PNG file of few greys."""
    buffer = BytesIO()
    Image.fromarray(image).quantize(greys).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


if __name__ == "__main__":
    images = Path(__file__).parent / "images"
    (images / "dots.png").write_bytes(dots_picture())
    (images / "dots_readme.png").write_bytes(readme_picture())
