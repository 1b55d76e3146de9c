"""Draw the pictures that README.md and the documentation show: ``python docs/make_images.py``.

They are what ``steepest decompose sample:camera`` writes, from the same calls.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from PIL import Image as PillowImage

import steepest
from steepest import plot
from steepest.io import sample

FOLDER = Path(__file__).parent / "images"


def save(figure: object, name: str) -> None:
    """Write a figure as a PNG of 256 colours, which is enough for it and a third of the size."""
    picture = PillowImage.open(BytesIO(plot.figure_png(figure)))  # type: ignore[arg-type]
    picture.convert("RGB").quantize(256).save(FOLDER / name, optimize=True)


def main() -> None:
    """Decompose the bundled photograph and draw bands and spectrum."""
    FOLDER.mkdir(exist_ok=True)
    dec = steepest.spectral.decompose(sample("camera"))
    montage = plot.band_montage(
        dec.bands,
        dec.residual,
        dec.edges,
        image=dec.image,
        title="camera: structures by contrast \u00d7 size",
    )
    save(montage, "decomposition.png")
    title = "camera: spectrum of the total variation flow"
    save(plot.spectrum_figure(dec.times, dec.spectrum, dec.edges, title=title), "spectrum.png")


if __name__ == "__main__":
    main()
